"""The auditor's turn before a release is frozen: the numbers it is to say beside all that the programme has published.

The rules have decided before, by memberships alone. What they guarantee, the auditor checks anew; should it find that sums over a few
people follow, the rules have a hole, and the release is refused. What rounding and the ends of a scale betray depends on the answers,
and no rule on memberships can prevent it: a mean of 4.4 and a rise of 0.8 may leave everybody at 5. Such numbers are withheld like any
others, without a word, since saying why would say what the answers were like. Even so, who knows all memberships might conclude it from
a gap that no rule explains (denials leak: Kenthapadi, Mishra & Nissim 2013, https://doi.org/10.1016/j.jcss.2013.06.004).

Here the rounding of `published` is read backwards. The auditor in `scoring.auditor` knows nothing of releases and pages.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Role
from surveys.errors import ReleaseAuditError
from surveys.models import Cohort, Program, PublishedGroup, Release, Response, Wave
from surveys.published import FULL_REPORT, OUTER_SHARE, SMALLEST_SPREAD, groups_of
from surveys.release_menu import Candidate, CandidateName, name_by_person

if TYPE_CHECKING:
    from scoring.auditor import Figures, PublishedNumber
    from scoring.suppression import AuditReport

# What it costs to withhold a number: one each, and a little more for what a report is read for.
PRIMARY_COST, CHANGE_COST = 0.25, 0.125


def find_withheld(
    session: Session,
    program: Program,
    candidates: Sequence[Candidate],
    released: Collection[CandidateName],
    body: Mapping[str, Any],
    floor: int,
) -> frozenset[CandidateName]:
    """Which of the numbers to be released must not be shown because of what rounding leaves; none as a rule.

    Raises ReleaseAuditError when the rules have let through what they promise to stop, or when the numbers contradict each other.
    """
    from scoring.errors import ScoringError
    from scoring.suppression import Knowledge, audit_release

    new = [candidate for candidate in candidates if candidate.name in released]
    numbers = [*_numbers_before(session, program, new), *(_new_number(one, body) for one in new)]
    first = len(numbers) - len(new)
    costs = {
        first + place: 1 + PRIMARY_COST * one.scale.primary + CHANGE_COST * (one.kind == "change")
        for place, one in enumerate(new)
    }
    owners = {member: member.partition("/")[0] for number in numbers for member in number.members}
    # Partners have different roles and so are never behind one number: a partner's own answers add nothing here.
    knowledge = Knowledge(_scores(new))
    try:
        report = audit_release(numbers, costs, floor=floor, owners=owners, knowledge=knowledge)
    except ScoringError as problem:
        raise ReleaseAuditError("figures") from problem
    _require_sound(report, numbers, costs, floor)
    if len(owners) > len(set(owners.values())):
        # Once more for who sees people and not whom they were asked about; sums alone, since the answers are different ones.
        people = [replace(one, members=name_by_person(one.members), figures=None) for one in numbers]
        owners = {member: member.partition("/")[0] for number in people for member in number.members}
        _require_sound(audit_release(people, costs, floor=floor, owners=owners), numbers, costs, floor)
    return frozenset(new[place - first].name for place in report.withhold)


def _require_sound(
    report: "AuditReport", numbers: Sequence["PublishedNumber"], costs: Mapping[int, float], floor: int
) -> None:
    """Raise ReleaseAuditError if sums over a few people follow from the numbers: then a rule has a hole."""
    from scoring.auditor import Method

    for breach in report.breaches:
        if breach.method is Method.ALGEBRA and any(place in costs for place in breach.numbers):
            withhold = [numbers[place].label for place in report.withhold]
            betraying = [numbers[place].label for place in breach.numbers]
            raise ReleaseAuditError(
                "few",
                [(kind, role, scale) for kind, role, scale, *_waves in withhold],
                betraying,
                floor=floor,
                numbers="; ".join(map(" ".join, betraying)),
                proposal="; ".join(map(" ".join, withhold)),
            )


def _new_number(candidate: Candidate, body: Mapping[str, Any]) -> "PublishedNumber":
    """A number of the release that is being made."""
    scale = body["roles"][candidate.role.value]["scales"][candidate.scale.id]
    return _number(
        candidate.quantity,
        frozenset(map("/".join, candidate.rows)),
        candidate.role.value,
        candidate.sensitive,
        scale,
        *_grid(candidate),
    )


def _numbers_before(
    session: Session, program: Program, new: Sequence[Candidate]
) -> Iterator["PublishedNumber"]:
    """Everything the programme has published about the scales of the new numbers."""
    grids = {candidate.scale.id: _grid(candidate) for candidate in new}
    groups = session.execute(
        groups_of(program.id).add_columns(Release.body).order_by(PublishedGroup.key)
    ).all()
    roles = _roles_of(session, program, [(group, body) for group, body in groups])
    for group, body in groups:
        scale_id = group.quantity.split(":")[1]
        if scale_id not in grids:
            continue
        role = roles.get(group.key, "")
        members = frozenset(map("/".join, zip(group.members, group.pairs, strict=True)))
        scale = body["roles"][role]["scales"][scale_id] if role else {}
        yield _number(group.quantity, members, role, group.sensitive, scale, *grids[scale_id])


def _roles_of(
    session: Session, program: Program, groups: Sequence[tuple[PublishedGroup, Mapping[str, Any]]]
) -> dict[str, str]:
    """The role whose number each stored group is, by the group's key.

    It stands in what its people have answered in any wave of the programme, since a person has one role. Where everybody in a group
    has had their answers erased, it stands in the release: the number has its place under one role, and where both roles have
    one, the other is that of the group beside it, or has another number of people. A group of which none of this is true
    is left out; it takes that both roles' groups were erased to the last person, and then no new number can be about them.
    """
    answered = (
        select(Response.respondent_key, Response.role)
        .join(Wave, Wave.id == Response.wave_id)
        .join(Cohort, Cohort.id == Wave.cohort_id)
        .where(Cohort.program_id == program.id)
        .distinct()
    )
    role_of = {person: Role(role).value for person, role in session.execute(answered)}
    found: dict[str, str] = {}
    taken: dict[tuple[str, str], set[str]] = {}
    for group, _body in groups:
        role = next((role_of[person] for person in group.members if person in role_of), None)
        if role is not None:
            found[group.key] = role
            taken.setdefault((group.release_id, group.quantity), set()).add(role)
    for group, body in groups:
        if group.key not in found:
            places = _places_of(group, body) - taken.get((group.release_id, group.quantity), set())
            if len(places) == 1:
                found[group.key] = places.pop()
    return found


def _places_of(group: PublishedGroup, body: Mapping[str, Any]) -> set[str]:
    """The roles under which a release shows a number of this kind and scale about as many people."""
    kind, scale_id = group.quantity.split(":")[:2]
    n_people = len(set(group.members))
    return {
        role
        for role, content in body["roles"].items()
        if (content["scales"].get(scale_id, {}).get(kind) or {}).get("n") == n_people
    }


def _number(
    quantity: str,
    members: frozenset[str],
    role: str,
    sensitive: bool,
    scale: Mapping[str, Any],
    step: float,
    grid: float,
) -> "PublishedNumber":
    """A number as the auditor takes it; without figures where it is not known which they are."""
    from scoring.auditor import PublishedNumber

    kind, scale_id, *waves = quantity.split(":")
    cell = scale.get(kind)
    figures = None
    if cell is not None and cell["shown"]:
        figures = read_figures(
            cell, len(members), minimum=scale["minimum"], maximum=scale["maximum"], step=step, grid=grid
        )
    return PublishedNumber(quantity, members, (kind, role, scale_id, *waves), sensitive, figures)


def _grid(candidate: Candidate) -> tuple[float, float]:
    """Step and grid of a scale's scores: of its means over all items, and over as many as somebody may have answered."""
    k_items = len(candidate.scale.keys)
    exact = candidate.current.select(candidate.scale.id, candidate.role)[1]
    return 1 / k_items, 0.0 if exact is None else 1 / math.lcm(*range(1, k_items + 1))


def _scores(new: Sequence[Candidate]) -> dict[tuple[str, str], float]:
    """The scores behind the new numbers, by answer and occasion."""
    scores = {}
    for candidate in new:
        for scored in filter(None, (candidate.before, candidate.current)):
            values = scored.select(candidate.scale.id, candidate.role)[0]
            occasion = f"{candidate.scale.id}:{scored.wave.kind.value}"
            scores.update({("/".join(row), occasion): float(value) for row, value in values.items()})
    return scores


def read_figures(
    cell: Mapping[str, Any],
    n_answers: int,
    *,
    minimum: float,
    maximum: float,
    step: float,
    grid: float = 0.0,
) -> "Figures":
    """The figures of a shown level or change as the auditor takes them.

    Parameters
    ----------
    cell : mapping
        As `publish_level` or `publish_change` wrote it.
    n_answers : int
        Answers behind it, of which people who answer for several pairs have several.
    minimum, maximum : float
        Ends of the scale in points.
    step, grid : float
        As in `scoring.auditor.Figures`.
    """
    from scoring.auditor import Figures, sd_from_interval
    from scoring.descriptives import reference_half_width

    change, width = "from" in cell, maximum - minimum
    rounding = 0.01 if change and cell["n"] >= FULL_REPORT else 0.1
    if cell["bound"] is not None:
        # A border is no rounded mean: it follows from the range alone, so it is known exactly.
        outer = width * OUTER_SHARE
        highest, lowest = (
            (width - 2 * outer, 2 * outer - width) if change else (maximum - outer, minimum + outer)
        )
        border = highest if cell["bound"] == "at least" else lowest
        return Figures(border, 0.0, minimum, maximum, step, grid, cell["bound"])
    figures = Figures(cell["mean"], rounding, minimum, maximum, step, grid)
    if cell["interval_kind"] != "t":
        return figures
    sd = sd_from_interval(
        figures,
        n_answers,
        cell["low"],
        cell["high"],
        change=change,
        narrowest=reference_half_width(SMALLEST_SPREAD * width, n_answers, 0.95),
    )
    return Figures(cell["mean"], rounding, minimum, maximum, step, grid, None, sd)
