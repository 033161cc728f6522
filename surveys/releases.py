"""Freezing what a closed wave may say, once, and reading only that: no page computes anything from answers.

A release is decided by the rules of `scoring.disclosure` over everything the programme has published before; `published` rounds
what a cell of it says, and `release_audit` lets the auditor have a go at the whole before it is stored. Scales only, in this
version: single items, distributions and organisation-wide totals are not released.

The unit of a mean is one person about one pair, as in the data package. What the rules count is people: who answers for several
pairs is one person, and where somebody does, correspondingly more answers have to stand between two published numbers.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.digests import digest as digest_of
from instruments.model import Role, WaveKind
from surveys.audit import AuditAction, record_event
from surveys.datasets import WaveStillOpenError, item_frame
from surveys.errors import PulseNotShownError, ReleaseAuditError
from surveys.languages import offered_drafts
from surveys.locks import lock_program
from surveys.models import (
    Cohort,
    Program,
    PublishedGroup,
    Release,
    User,
    Wave,
    new_key,
)
from surveys.published import (
    FULL_REPORT,
    NOT_SHOWN,
    RULES_VERSION,
    SMALLEST_SPREAD,
    ChangeCell,
    Figures,
    LevelCell,
    ReleaseView,
    Verdict,
    as_text,
    find_release,
    groups_of,
    publish_change,
    publish_level,
    release_of,
    releases_of,
)
from surveys.release_audit import find_withheld
from surveys.release_menu import (
    Candidate,
    CandidateName,
    ScoredWave,
    list_candidates,
    name_by_person,
    offered_scales,
)
from surveys.reports import CohortComparison, CohortContrast, CohortRow, compare_cohorts
from surveys.waves import floor_of, instrument_of, is_released, response_rates

if TYPE_CHECKING:
    from scoring.disclosure import Cell

__all__ = [
    "ChangeCell",
    "CohortComparison",
    "CohortContrast",
    "CohortRow",
    "LevelCell",
    "ReleaseView",
    "as_text",
    "compare_cohorts",
    "freeze_release",
    "release_of",
    "releases_of",
]


def freeze_release(
    session: Session,
    wave: Wave,
    *,
    now: dt.datetime,
    folders: Sequence[Path] = (),
    actor: User | None = None,
    withhold: Collection[CandidateName] = (),
) -> Release:
    """Decide and store what a closed wave may say; a second call gives the release that is there.

    `withhold` names numbers that are left out as if a rule had stopped them: the proposal of a refusal to which somebody has
    agreed. What is left is audited like any other release.

    Raises WaveStillOpenError, PulseNotShownError for pulses, and ReleaseAuditError when the auditor refuses or a name in `withhold` is none: then nothing is
    stored. Two callers at once get the same release: they take turns on the programme, and a unique constraint stands behind
    that.
    """
    if wave.closed_at is None:
        raise WaveStillOpenError(kind=wave.kind.value)
    if not is_released(wave):
        raise PulseNotShownError
    program = _take_turn(session, wave)
    existing = find_release(session, wave.id)
    if existing is not None:
        return existing
    floor = floor_of(wave)
    scored = _score_cohort(session, wave, folders)
    candidates = list(list_candidates(scored[wave.kind], scored))
    for name in withhold:
        if name not in {candidate.name for candidate in candidates}:
            raise ReleaseAuditError("unknown", number=" ".join(name)[:80])
    released = _decide(candidates, _published_before(session, program), floor) - frozenset(withhold)
    body = _write_body(session, scored[wave.kind], candidates, released, floor)
    betraying = find_withheld(session, program, candidates, released, body, floor)
    if betraying:
        released -= betraying
        body = _write_body(session, scored[wave.kind], candidates, released, floor)
    release = Release(
        id=new_key(),
        wave_id=wave.id,
        frozen_on=now.date(),
        rules_version=RULES_VERSION,
        body=body,
        digest=digest_of(body),
    )
    try:
        with session.begin_nested():
            session.add(release)
            session.flush()
    except IntegrityError:
        # Somebody froze it in between; what they froze is what counts.
        existing = find_release(session, wave.id)
        if existing is None:
            raise
        return existing
    session.add_all(_group_of(release, candidate) for candidate in candidates if candidate.name in released)
    record_event(session, AuditAction.RELEASE_FROZEN, now=now, actor=actor, program=program, wave=wave)
    return release


def _take_turn(session: Session, wave: Wave) -> Program:
    """Lock the programme: what is published together has to be decided one after the other."""
    program_id = session.scalars(select(Cohort.program_id).where(Cohort.id == wave.cohort_id)).one()
    return lock_program(session, program_id)


def _score_cohort(session: Session, wave: Wave, folders: Sequence[Path]) -> dict[WaveKind, ScoredWave]:
    """The closed waves of the wave's cohort that used the same instrument, each scored by its own version and picks."""
    from scoring.scales import score_instrument

    closed = session.scalars(
        select(Wave).where(
            Wave.cohort_id == wave.cohort_id,
            Wave.closed_at.is_not(None),
            Wave.kind != WaveKind.PL,
            Wave.instrument_id == wave.instrument_id,
        )
    )
    scored = {}
    for one in closed:
        instrument = instrument_of(one, folders=folders)
        frame = item_frame(session, [one], folders=folders)
        scored[one.kind] = ScoredWave(
            one, instrument, score_instrument(frame, instrument, one.picks) if len(frame) else None
        )
    return scored


def _decide(
    candidates: Sequence[Candidate], published: Sequence["Cell"], floor: int
) -> frozenset[CandidateName]:
    """The names of the candidates that may be released beside everything published before.

    The rules are told of answers, each by respondent and pair: somebody who leaves one of two pairs leaves an answer behind,
    not a person. So that k people always stand behind what can be worked out, they ask for one answer more than the k - 1
    people with the most pairs have together; where nobody has two pairs that is k.

    What stands is told to them once more by person alone (`name_by_person`): a group of the same people less one, asked about new
    partners or in a cohort made for the purpose, differs by one person, though by all its answers.
    """
    from scoring import disclosure
    from scoring.disclosure import Cell

    released: set[CandidateName] = set()
    for role in Role:
        cells: dict[CandidateName, Cell] = {}
        for candidate in (one for one in candidates if one.role is role):
            cell = Cell(
                candidate.quantity,
                frozenset(map("/".join, candidate.rows)),
                frozenset(candidate.rows.get_level_values("pair")),
                candidate.sensitive,
            )
            if candidate.n_people >= disclosure.floor_of(cell, floor):
                cells[candidate.name] = cell
        standing = _keep_allowed(cells, published, floor)
        by_person = {name: _by_person(cells[name]) for name in cells if name in standing}
        released |= _keep_allowed(by_person, [_by_person(cell) for cell in published], floor)
    return frozenset(released)


def _keep_allowed(
    cells: Mapping[CandidateName, "Cell"], published: Sequence["Cell"], floor: int
) -> frozenset[CandidateName]:
    """The names of the cells that the rules let through."""
    from scoring import disclosure
    from scoring.disclosure import SENSITIVE_FLOOR

    pairs = _pairs_per_person(list(cells.values()), published)
    decisions = disclosure.decide_release(
        list(cells.values()),
        published,
        floor=max(floor, 1 + sum(pairs[: floor - 1])),
        sensitive_floor=1 + sum(pairs[: max(floor, SENSITIVE_FLOOR) - 1]),
    )
    return frozenset(name for name, decision in zip(cells, decisions, strict=True) if decision.released)


def _by_person(cell: "Cell") -> "Cell":
    """The cell as who knows people, and not whom each answer was about, sees it."""
    return replace(cell, members=name_by_person(cell.members))


def _pairs_per_person(cells: Sequence["Cell"], published: Sequence["Cell"]) -> list[int]:
    """In how many pairs each person answered who can play a part beside these cells, the largest number first.

    Those are the people of the cells, and of all published cells that share people with them, directly or through others.
    """
    answers = {answer for cell in cells for answer in cell.members}
    waiting = [cell.members for cell in published]
    while True:
        people = {answer.partition("/")[0] for answer in answers}
        touching = [members for members in waiting if any(one.partition("/")[0] in people for one in members)]
        if not touching:
            return sorted(Counter(answer.partition("/")[0] for answer in answers).values(), reverse=True)
        waiting = [members for members in waiting if members not in touching]
        answers.update(*touching)


def _published_before(session: Session, program: Program) -> list["Cell"]:
    """Every cell that the programme has published, its members named as `_decide` names them."""
    from scoring.disclosure import Cell

    groups = session.scalars(groups_of(program.id))
    return [
        Cell(
            group.quantity,
            frozenset(map("/".join, zip(group.members, group.pairs, strict=True))),
            frozenset(group.pairs),
            group.sensitive,
        )
        for group in groups
    ]


def _group_of(release: Release, candidate: Candidate) -> PublishedGroup:
    """The answers behind a released number; the two lists run side by side, an answer a place."""
    rows = sorted(candidate.rows)
    return PublishedGroup(
        release_id=release.id,
        quantity=candidate.quantity,
        members=[respondent for respondent, _ in rows],
        pairs=[pair for _, pair in rows],
        sensitive=candidate.sensitive,
    )


def _write_body(
    session: Session,
    current: ScoredWave,
    candidates: Sequence[Candidate],
    released: frozenset[CandidateName],
    floor: int,
) -> dict[str, Any]:
    """Everything the release says; its shape follows from the questionnaire and the closed waves, not from the answers."""
    from scoring.reference import find_reference

    reference = find_reference()
    by_name = {candidate.name: candidate for candidate in candidates}
    roles: dict[str, Any] = {}
    for role in Role:
        if not current.instrument.has_form(current.wave.kind, role):
            continue
        scales = {}
        for scale in offered_scales(current, role):
            change = by_name.get(("change", role, scale.id))
            low, high = current.range_of(scale)
            scales[scale.id] = {
                "minimum": low,
                "maximum": high,
                "level": _level_body(by_name["level", role, scale.id], released),
                "change": None if change is None else _change_body(change, released),
            }
        roles[role.value] = {
            "response_rate": _response_rate(session, current, role),
            "scales": scales,
        }
    instrument = current.instrument
    return {
        "wave": current.wave.kind.value,
        "floor": floor,
        "instrument": {
            "id": instrument.id,
            "version": instrument.version,
            "digest": current.wave.instrument_digest,
        },
        # Of the languages that were offered, not of those in which somebody answered: with few people these would name them.
        "drafts": [
            {"locale": info.locale, "origin": info.origin, "review_status": info.review_status}
            for info in offered_drafts(current.wave, instrument)
        ],
        "reference": {"version": reference.version, "provenance": reference.provenance},
        "roles": roles,
    }


def _level_body(candidate: Candidate, released: frozenset[CandidateName]) -> dict[str, Any]:
    """The level of a scale, or the one form of everything that is not shown."""
    from scoring.descriptives import mean_level
    from scoring.reference import find_reference

    if candidate.name not in released:
        return dict(NOT_SHOWN)
    low, high = candidate.current.range_of(candidate.scale)
    values = candidate.current.select(candidate.scale.id, candidate.role)[0].loc[candidate.rows]
    result = mean_level(
        values, reference=find_reference(candidate.scale.id, candidate.role.value), width=high - low
    )
    return publish_level(
        _figures(candidate, result.mean, result.low, result.high, result.interval_kind), low, high
    )


def _change_body(candidate: Candidate, released: frozenset[CandidateName]) -> dict[str, Any]:
    """The change of a scale with its verdict word, or the one form of everything that is not shown."""
    from scoring.change import mean_change
    from scoring.gates import verdict_for
    from scoring.reference import find_reference
    from scoring.scales import IntegerScores

    if candidate.name not in released or candidate.before is None:
        return dict(NOT_SHOWN)
    low, high = candidate.current.range_of(candidate.scale)
    before, exact_before = candidate.before.select(candidate.scale.id, candidate.role)
    after, exact_after = candidate.current.select(candidate.scale.id, candidate.role)
    exact = [
        None if one is None else IntegerScores(one.values.loc[candidate.rows], one.multiplier)
        for one in (exact_before, exact_after)
    ]
    result = mean_change(
        before.loc[candidate.rows],
        after.loc[candidate.rows],
        before_exact=exact[0] if None not in exact else None,
        after_exact=exact[1] if None not in exact else None,
        reference=find_reference(candidate.scale.id, candidate.role.value),
        width=high - low,
    )
    body = publish_change(
        _figures(candidate, result.mean, result.low, result.high, result.interval_kind),
        high - low,
        from_wave=candidate.before.wave.kind,
        p=result.p_sign_flip,
        effect=(result.g_av, result.g_low, result.g_high),
    )
    # The word follows from the figures beside it, so that a reader can check it and it tells nothing more.
    verdict: Verdict = "too few"
    if body["n"] >= FULL_REPORT and body["low"] is not None:
        verdict = verdict_for(body["low"], body["high"], width=high - low)
    elif body["n"] >= FULL_REPORT and body["bound"] is not None:
        verdict = "moved"
    return {**body, "verdict": verdict}


def _figures(
    candidate: Candidate, mean: float | None, low: float | None, high: float | None, interval_kind: str
) -> Figures:
    """Exact results with the smallest half width that may be published for so many answers."""
    from scoring.descriptives import reference_half_width

    if mean is None:
        raise ValueError("a cell was released that is too small for a mean")
    minimum, maximum = candidate.current.range_of(candidate.scale)
    floor_half = reference_half_width(SMALLEST_SPREAD * (maximum - minimum), len(candidate.rows), 0.95)
    return Figures(candidate.n_people, mean, low, high, interval_kind, floor_half)


def _response_rate(session: Session, current: ScoredWave, role: Role) -> dict[str, Any] | None:
    """How many of a role have answered, as it was shown while the wave was open; nothing below the floor."""
    ended = current.wave.closed_at or current.wave.closes_at
    rates = {rate.role: rate for rate in response_rates(session, current.wave, now=ended)}
    if role not in rates or rates[role].percent is None:
        return None
    return {"percent": rates[role].percent, "bound": rates[role].bound.replace("_", " ") or None}
