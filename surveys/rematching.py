"""Ending a pair and matching people anew in the same cohort: a new pair with a key of its own, people under the same pseudonym.

The reason for an end is nobody's business and stored nowhere. Answers about the old pair stay answers about the old pair: scores and
the rules of release go by respondent and pair together.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from instruments.model import Role
from surveys import programs
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import ProgramError, RematchError
from surveys.models import Cohort, Pair, Participant, ReportingLine, User


@dataclass(frozen=True)
class Matchable:
    """Somebody of a cohort who can be matched, and whether they have a partner at the moment."""

    participant_id: str
    name: str
    role: Role
    is_free: bool


def end_match(
    session: Session, pair: Pair, *, ended_on: date, now: datetime, actor: User | None = None
) -> Pair:
    """End a pair on a day that is not to come, without a reason; ending it on the same day again is harmless.

    Raises RematchError when it has ended on another day, ProgramError when it would end before it began.
    """
    today = as_utc(now).date()
    session.refresh(pair, with_for_update=True)
    if pair.ended_on == ended_on:
        return pair
    if pair.ended_on is not None:
        raise RematchError("ended", day=pair.ended_on.isoformat())
    if ended_on > today:
        raise RematchError("future", day=ended_on.isoformat())
    programs.end_pair(session, pair, ended_on=ended_on, now=now)
    program = pair.cohort.program
    record_event(session, AuditAction.PAIR_ENDED, now=now, actor=actor, program=program)
    return pair


def match_anew(
    session: Session,
    cohort: Cohort,
    *,
    mentor_id: str,
    mentee_id: str,
    started_on: date,
    reporting_line: ReportingLine | str,
    allow_reporting_line: bool = False,
    now: datetime,
    actor: User | None = None,
) -> Pair:
    """Match two people of a cohort; a reporting line between them is refused unless it is explicitly allowed.

    Raises ProgramError, ReportingLineError and RematchError.
    """
    known = {person.participant_id for person in list_matchable(session, cohort)}
    for person_id in (mentor_id, mentee_id):
        if person_id not in known:
            raise ProgramError("not_found", name=person_id[:32])
    same = (Pair.cohort_id == cohort.id, Pair.mentor_id == mentor_id, Pair.mentee_id == mentee_id)
    before = session.scalar(select(Pair).where(*same))
    if before is not None and before.ended_on is not None:
        raise RematchError("met_before")
    try:
        with session.begin_nested():
            pair = programs.add_pair(
                session,
                cohort,
                mentor=programs.get_participant(session, mentor_id),
                mentee=programs.get_participant(session, mentee_id),
                started_on=started_on,
                reporting_line=reporting_line,
                allow_reporting_line=allow_reporting_line,
                now=now,
                actor=actor,
            )
    except IntegrityError:
        # Somebody else matched the same two people in between.
        raise ProgramError("pair_taken") from None
    record_event(session, AuditAction.PAIR_MATCHED, now=now, actor=actor, program=cohort.program)
    return pair


def find_pair(session: Session, cohort: Cohort, pair_id: str) -> Pair:
    """The pair of this key, if it belongs to the cohort; raises ProgramError."""
    pair = session.get(Pair, pair_id)
    if pair is None or pair.cohort_id != cohort.id:
        raise ProgramError("not_found", name=pair_id[:32])
    return pair


def list_matchable(session: Session, cohort: Cohort) -> list[Matchable]:
    """Everybody who has, or had, a pair in the cohort and whose name is still known: first those without a partner, by name."""
    pairs = session.scalars(
        select(Pair)
        .where(Pair.cohort_id == cohort.id)
        .options(
            joinedload(Pair.mentor).joinedload(Participant.contact),
            joinedload(Pair.mentee).joinedload(Participant.contact),
        )
    ).all()
    busy = {person for pair in pairs if pair.ended_on is None for person in (pair.mentor_id, pair.mentee_id)}
    people = {person.id: person for pair in pairs for person in (pair.mentor, pair.mentee)}
    return sorted(_matchable(people.values(), busy), key=lambda one: (not one.is_free, one.name.casefold()))


def _matchable(people: Iterable[Participant], busy: set[str]) -> list[Matchable]:
    """The people whose name is known."""
    return [
        Matchable(person.id, person.contact.name, person.role, person.id not in busy)
        for person in people
        if person.contact is not None
    ]
