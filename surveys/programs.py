"""Programmes, cohorts, people and pairs: the side of the house that knows names and never answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from instruments.model import Instrument, Role, picks_problems
from surveys.addresses import kept_emails, mailable_email
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import ProgramError, ReportingLineError
from surveys.models import (
    MINIMUM_FLOOR,
    Cohort,
    Contact,
    Membership,
    MembershipRole,
    Pair,
    Participant,
    Program,
    ReportingLine,
    User,
)

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,63}")


@dataclass(frozen=True)
class PairListing:
    """A pair as a coordinator may see it: names and dates, nothing about answers or about who has answered."""

    pair_id: str
    mentor_name: str | None
    mentee_name: str | None
    started_on: date | None
    ended_on: date | None
    reporting_line: ReportingLine
    # The keys of partners from whose address an invitation came back; reminders tell nothing here.
    unreachable_mentor: str | None = None
    unreachable_mentee: str | None = None


def create_program(
    session: Session,
    *,
    slug: str,
    name: str,
    organisation: str,
    floor: int = MINIMUM_FLOOR,
    instrument: Instrument | None = None,
    picks: Mapping[str, Sequence[str]] | None = None,
    default_locale: str = "en",
    now: datetime,
    actor: User | None = None,
) -> Program:
    """Set up a programme; its floor is the smallest group ever shown and can only be raised later."""
    if not _SLUG.fullmatch(slug):
        raise ProgramError("slug", slug=slug)
    if floor < MINIMUM_FLOOR:
        raise ProgramError("floor", floor=floor, minimum=MINIMUM_FLOOR)
    if session.scalar(select(Program.id).where(Program.slug == slug)) is not None:
        raise ProgramError("slug_taken", slug=slug)
    if instrument is not None:
        for problem in picks_problems(instrument, picks or {}):
            raise problem
    program = Program(
        slug=slug,
        name=_named(name),
        organisation=_named(organisation),
        floor=floor,
        picks={pool: list(items) for pool, items in (picks or {}).items()},
        default_locale=default_locale,
        instrument_id=instrument.id if instrument is not None else None,
        instrument_version=instrument.version if instrument is not None else None,
    )
    session.add(program)
    session.flush()
    record_event(session, AuditAction.PROGRAM_CREATED, now=now, actor=actor, program=program)
    return program


def raise_floor(
    session: Session, program: Program, floor: int, *, now: datetime, actor: User | None = None
) -> Program:
    """Raise the smallest group that is shown; waves whose invitations are out keep the number they promised."""
    session.refresh(program, ["floor"], with_for_update={"key_share": True})
    if floor < program.floor:
        raise ProgramError("floor_lowered", floor=floor, current=program.floor)
    if floor > program.floor:
        program.floor = floor
        session.flush()
        record_event(session, AuditAction.FLOOR_RAISED, now=now, actor=actor, program=program)
    return program


def add_cohort(
    session: Session,
    program: Program,
    *,
    name: str,
    starts_on: date | None = None,
    ends_on: date | None = None,
    now: datetime,
    actor: User | None = None,
) -> Cohort:
    """Add a cohort to a programme."""
    as_utc(now)
    _check_dates(starts_on, ends_on)
    name = _named(name)
    taken = select(Cohort.id).where(Cohort.program_id == program.id, Cohort.name == name)
    if session.scalar(taken) is not None:
        raise ProgramError("cohort_taken", name=name)
    cohort = Cohort(program=program, name=name, starts_on=starts_on, ends_on=ends_on)
    session.add(cohort)
    session.flush()
    record_event(session, AuditAction.COHORT_ADDED, now=now, actor=actor, program=program)
    return cohort


def add_participant(
    session: Session,
    program: Program,
    *,
    role: Role | str,
    name: str,
    email: str,
    locale: str | None = None,
    now: datetime,
) -> Participant:
    """Add a person in one role; name and address go into a row of their own."""
    as_utc(now)
    address = mailable_email(email)
    if address is None:
        raise ProgramError("email", email=email)
    if find_participant(session, program, role, address) is not None:
        raise ProgramError("person_taken", email=address)
    contact = Contact(name=_named(name), email=address, locale=locale)
    participant = Participant(program=program, role=Role(role), contact=contact)
    session.add(participant)
    session.flush()
    return participant


def add_pair(
    session: Session,
    cohort: Cohort,
    *,
    mentor: Participant,
    mentee: Participant,
    started_on: date | None = None,
    reporting_line: ReportingLine | str = ReportingLine.NONE,
    allow_reporting_line: bool = False,
    now: datetime,
    actor: User | None = None,
) -> Pair:
    """Match a mentor and a mentee; a reporting line between them, direct or dotted, is refused unless explicitly allowed."""
    as_utc(now)
    for person, role in ((mentor, Role.MENTOR), (mentee, Role.MENTEE)):
        if person.role is not role or person.program_id != cohort.program_id:
            raise ProgramError("role", name=person.name or person.id, role=role.value)
    line = ReportingLine(reporting_line)
    if line is not ReportingLine.NONE and not allow_reporting_line:
        raise ReportingLineError
    same = (Pair.cohort_id == cohort.id, Pair.mentor_id == mentor.id, Pair.mentee_id == mentee.id)
    if session.scalar(select(Pair.id).where(*same)) is not None:
        raise ProgramError("pair_taken")
    pair = Pair(cohort=cohort, mentor=mentor, mentee=mentee, started_on=started_on, reporting_line=line)
    session.add(pair)
    session.flush()
    if line is not ReportingLine.NONE:
        action = AuditAction.REPORTING_LINE_ALLOWED
        record_event(session, action, now=now, actor=actor, program=cohort.program)
    return pair


def end_pair(session: Session, pair: Pair, *, ended_on: date, now: datetime) -> Pair:
    """Note the day on which a pair stopped meeting; it is then asked only what is asked after the end."""
    as_utc(now)
    _check_dates(pair.started_on, ended_on)
    pair.ended_on = ended_on
    session.flush()
    return pair


def find_program(session: Session, slug: str) -> Program:
    """The programme of this short name; raises ProgramError."""
    program = session.scalar(select(Program).where(Program.slug == slug))
    if program is None:
        raise ProgramError("not_found", name=slug)
    return program


def find_cohort(session: Session, program: Program, name: str) -> Cohort:
    """The cohort of this name; raises ProgramError."""
    cohort = session.scalar(select(Cohort).where(Cohort.program_id == program.id, Cohort.name == name))
    if cohort is None:
        raise ProgramError("not_found", name=name)
    return cohort


def get_cohort(session: Session, program: Program, cohort_id: str) -> Cohort:
    """The cohort of this key, if it belongs to the programme; raises ProgramError."""
    cohort = session.get(Cohort, cohort_id)
    if cohort is None or cohort.program_id != program.id:
        raise ProgramError("not_found", name=cohort_id[:32])
    return cohort


def get_participant(session: Session, participant_id: str) -> Participant:
    """The participant of this key; raises ProgramError."""
    participant = session.get(Participant, participant_id)
    if participant is None:
        raise ProgramError("not_found", name=participant_id[:32])
    return participant


def find_participant(session: Session, program: Program, role: Role | str, email: str) -> Participant | None:
    """The participant with this address in this role, if there is one; capitals in the address do not matter."""
    statement = (
        select(Participant)
        .join(Contact)
        .where(
            Participant.program_id == program.id,
            Participant.role == Role(role),
            Contact.email.in_(kept_emails(email)),
        )
    )
    return session.scalar(statement)


def list_programs(
    session: Session, *, user: User | None = None, role: MembershipRole | str | None = None
) -> list[Program]:
    """All programmes, or those in which a user is a member (in the given role), by name."""
    statement = select(Program).order_by(Program.name, Program.slug)
    if user is not None:
        own = select(Membership.program_id).where(Membership.user_id == user.id)
        if role is not None:
            own = own.where(Membership.role == MembershipRole(role))
        statement = statement.where(Program.id.in_(own))
    return list(session.scalars(statement))


def list_cohorts(session: Session, program: Program) -> list[Cohort]:
    """The cohorts of a programme, the earliest first."""
    statement = select(Cohort).where(Cohort.program_id == program.id)
    return list(session.scalars(statement.order_by(Cohort.starts_on, Cohort.name)))


def count_pairs(session: Session, cohort: Cohort) -> int:
    """How many pairs a cohort has."""
    return session.scalar(select(func.count()).select_from(Pair).where(Pair.cohort_id == cohort.id)) or 0


def list_pairs(session: Session, cohort: Cohort) -> list[PairListing]:
    """The pairs of a cohort with their partners' names, by the mentor's name."""
    people = (
        joinedload(Pair.mentor).joinedload(Participant.contact),
        joinedload(Pair.mentee).joinedload(Participant.contact),
    )
    pairs = session.scalars(select(Pair).where(Pair.cohort_id == cohort.id).options(*people))
    listings = [
        PairListing(
            pair.id,
            pair.mentor.name,
            pair.mentee.name,
            pair.started_on,
            pair.ended_on,
            pair.reporting_line,
            *(
                person.id if person.contact is not None and person.contact.bounced else None
                for person in (pair.mentor, pair.mentee)
            ),
        )
        for pair in pairs
    ]
    return sorted(listings, key=lambda pair: (pair.mentor_name or "", pair.mentee_name or "", pair.pair_id))


def _named(name: str) -> str:
    """The name without surrounding blanks; an empty one and one with control characters is refused."""
    trimmed = name.strip()
    if not trimmed or any(sign < " " or sign == "\x7f" for sign in trimmed):
        raise ProgramError("name")
    return trimmed


def _check_dates(starts_on: date | None, ends_on: date | None) -> None:
    """Refuse an end before the beginning."""
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise ProgramError("dates", starts_on=starts_on.isoformat(), ends_on=ends_on.isoformat())
