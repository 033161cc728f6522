"""Import a roster of pairs into a cohort: a dry run that reports everything, then one step that writes all or nothing."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.errors import N_
from instruments.model import Role
from surveys.audit import AuditAction, record_event
from surveys.errors import CodedError
from surveys.locks import lock_program
from surveys.models.access import User
from surveys.models.program import Cohort, Contact, Pair, Participant, Program, ReportingLine
from surveys.roster_files import RosterNote, RosterProblem
from surveys.roster_rows import Roster, RosterPerson, RosterRow, read_roster

__all__ = [
    "ImportPlan",
    "ImportResult",
    "PlannedPair",
    "PlannedPerson",
    "Roster",
    "RosterError",
    "RosterNote",
    "RosterProblem",
    "RosterRow",
    "apply_import",
    "plan_import",
    "read_roster",
]


class RosterError(CodedError):
    """A roster that cannot be imported: code is `problems`, `stale` or `no_cohort`; nothing was written."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "problems": (
            N_("The list was not imported: it has problems (%(number)s)."),
            N_("Repair the rows that are named and choose the file again. Nothing was written."),
        ),
        "stale": (
            N_("The list was not imported: the programme has changed since the list was checked."),
            N_("Check the list once more and look at what would be added now. Nothing was written."),
        ),
        "no_cohort": (
            N_("The list was not imported: the cohort is no longer there."),
            N_("Choose the cohort again. Nothing was written."),
        ),
    }

    def __init__(self, code: str, problems: Sequence[RosterProblem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(code, number=len(self.problems))


@dataclass(frozen=True)
class PlannedPerson:
    """A person the import needs; `participant_id` is set when they are in the programme already."""

    role: Role
    name: str
    email: str
    locale: str | None
    participant_id: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class PlannedPair:
    """A pair of the file, by the addresses of its two people."""

    line: int
    mentor_email: str
    mentee_email: str
    started_on: dt.date | None


@dataclass(frozen=True)
class ImportPlan:
    """What importing a roster into a cohort would do; it can be applied when it has no problems.

    `people_known` are reused as they are, `pairs_known` are in the cohort already and left alone.
    """

    cohort_id: str
    roster: Roster
    people_new: tuple[PlannedPerson, ...]
    people_known: tuple[PlannedPerson, ...]
    pairs_new: tuple[PlannedPair, ...]
    pairs_known: tuple[PlannedPair, ...]
    problems: tuple[RosterProblem, ...]
    notes: tuple[RosterNote, ...]

    def would_do_the_same(self, other: "ImportPlan") -> bool:
        """Whether the other plan adds and reuses the same people and pairs."""
        return all(
            getattr(self, part) == getattr(other, part)
            for part in ("cohort_id", "people_new", "people_known", "pairs_new", "pairs_known")
        )


@dataclass(frozen=True)
class ImportResult:
    """How many people and pairs an import added, reused or left alone."""

    n_people_added: int
    n_people_reused: int
    n_pairs_added: int
    n_pairs_skipped: int


@dataclass(frozen=True)
class _Known:
    """A person of the programme whose address is known."""

    participant_id: str
    name: str


def plan_import(session: Session, cohort: Cohort, roster: Roster) -> ImportPlan:
    """Compare a roster with the programme and say what an import would add, reuse, skip and refuse; writes nothing."""
    known = _known_people(session, cohort.program_id)
    pairs_there = {
        (mentor_id, mentee_id)
        for mentor_id, mentee_id in session.execute(
            select(Pair.mentor_id, Pair.mentee_id).where(Pair.cohort_id == cohort.id)
        )
    }
    people: dict[str, PlannedPerson] = {}
    pairs: dict[bool, list[PlannedPair]] = {True: [], False: []}
    problems: list[RosterProblem] = list(roster.problems)
    notes: list[RosterNote] = list(roster.notes)
    for row in roster.rows:
        for role, person in ((Role.MENTOR, row.mentor), (Role.MENTEE, row.mentee)):
            if person.email in people:
                continue
            by_role = known.get(person.email, {})
            here = by_role.get(role)
            people[person.email] = PlannedPerson(
                role,
                person.name,
                person.email,
                person.locale,
                here.participant_id if here else None,
                person.time_zone,
            )
            problems += _check_role(row, roster, role, person.email, by_role)
            notes += _note_name(row, roster, role, person, here)
        ids = (people[row.mentor.email].participant_id, people[row.mentee.email].participant_id)
        pair = PlannedPair(row.line, row.mentor.email, row.mentee.email, row.started_on)
        pairs[ids in pairs_there].append(pair)
        if ids in pairs_there:
            notes.append(_pair_is_there(row))
    return ImportPlan(
        cohort_id=cohort.id,
        roster=roster,
        people_new=tuple(person for person in people.values() if person.participant_id is None),
        people_known=tuple(person for person in people.values() if person.participant_id is not None),
        pairs_new=tuple(pairs[False]),
        pairs_known=tuple(pairs[True]),
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
        notes=tuple(sorted(notes, key=lambda note: note.line)),
    )


def apply_import(
    session: Session, plan: ImportPlan, *, now: dt.datetime, actor: User | None = None
) -> ImportResult:
    """Write a plan without problems, all of it or nothing; RosterError when it has problems or the programme has changed."""
    if plan.problems:
        raise RosterError("problems", plan.problems)
    cohort = session.get(Cohort, plan.cohort_id)
    if cohort is None:
        raise RosterError("no_cohort")
    # Two imports into one programme queue here, so that neither can add a person whom the other is just adding.
    program = lock_program(session, cohort.program_id)
    fresh = plan_import(session, cohort, plan.roster)
    if fresh.problems or not fresh.would_do_the_same(plan):
        raise RosterError("stale", fresh.problems)
    with session.begin_nested():
        _write(session, program, cohort, plan)
        if plan.people_new or plan.pairs_new:
            record_event(session, AuditAction.ROSTER_IMPORTED, now=now, actor=actor, program=program)
    return ImportResult(
        n_people_added=len(plan.people_new),
        n_people_reused=len(plan.people_known),
        n_pairs_added=len(plan.pairs_new),
        n_pairs_skipped=len(plan.pairs_known),
    )


def _write(session: Session, program: Program, cohort: Cohort, plan: ImportPlan) -> None:
    """Add the people and pairs that are new, in one flush.

    `add_participant` and `add_pair` ask the database about each person and pair; the plan has asked about all of them at
    once. On 5,000 rows that is the difference between seconds and more than a minute, during which nobody else could save.
    """
    ids = {person.participant_id: person.email for person in plan.people_known}
    there = session.scalars(select(Participant).where(Participant.program_id == program.id)) if ids else ()
    participants = {ids[person.id]: person for person in there if person.id in ids}
    for person in plan.people_new:
        contact = Contact(
            name=person.name,
            email=person.email,
            locale=person.locale or program.default_locale,
            time_zone=person.time_zone,
        )
        participants[person.email] = Participant(program=program, role=person.role, contact=contact)
    session.add_all(participants.values())
    session.add_all(
        Pair(
            cohort_id=cohort.id,
            mentor=participants[pair.mentor_email],
            mentee=participants[pair.mentee_email],
            started_on=pair.started_on,
            reporting_line=ReportingLine.NONE,
        )
        for pair in plan.pairs_new
    )
    session.flush()


def _known_people(session: Session, program_id: str) -> dict[str, dict[Role, _Known]]:
    """The people of a programme by address and role; whoever had their contact erased cannot be matched any more."""
    known: dict[str, dict[Role, _Known]] = {}
    statement = (
        select(Participant.id, Participant.role, Contact.name, Contact.email)
        .join(Contact, Contact.participant_id == Participant.id)
        .where(Participant.program_id == program_id)
    )
    for participant_id, role, name, email in session.execute(statement):
        known.setdefault(email, {})[Role(role)] = _Known(participant_id, name)
    return known


def _check_role(
    row: RosterRow, roster: Roster, role: Role, email: str, by_role: Mapping[Role, _Known]
) -> list[RosterProblem]:
    """Report a person who is in the programme in the other role only."""
    if not by_role or role in by_role:
        return []
    problem = RosterProblem(
        row.line,
        roster.columns[f"{role.value}_email"],
        "known_in_other_role",
        N_("%(email)s already takes part in this programme as a mentee, not as a mentor.")
        if role is Role.MENTOR
        else N_("%(email)s already takes part in this programme as a mentor, not as a mentee."),
        {"email": email},
        row=row.row,
        remedy=N_("A person has one role in a programme: correct the row, or use another programme."),
    )
    return [problem]


def _note_name(
    row: RosterRow, roster: Roster, role: Role, person: RosterPerson, here: _Known | None
) -> list[RosterNote]:
    """That a person is known by another name than the file's, which is left as it is."""
    if here is None or here.name.casefold() == person.name.casefold():
        return []
    note = RosterNote(
        row.line,
        roster.columns[f"{role.value}_name"],
        "known_by_other_name",
        N_("%(email)s is already known as %(known)s, and that name stays."),
        {"email": person.email, "known": here.name},
        row=row.row,
    )
    return [note]


def _pair_is_there(row: RosterRow) -> RosterNote:
    """That a pair was imported before."""
    return RosterNote(
        row.line,
        "",
        "pair_known",
        N_("%(mentor)s and %(mentee)s are already a pair in this cohort; the row is skipped."),
        {"mentor": row.mentor.name, "mentee": row.mentee.name},
        row=row.row,
    )
