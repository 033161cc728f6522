"""Breaking the glass: how one named person's answers are read in the rare case in which they must be.

It takes two custodians of the programme, each with their password typed again: one names the person, the ground and the paper file, the
other approves within three days, and the first can then open the answers once within one day. Every step stands in the log,
without the person. Whoever holds both the server and the link key can go past this; the README says what to do about it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from instruments.model import Role
from surveys import rights
from surveys.accounts import Hasher, confirm_password, require_membership, takes_part
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import AccessDeniedError, BreakGlassError
from surveys.models import (
    BreakGlassRequest,
    GlassDecision,
    GlassGround,
    MembershipRole,
    Participant,
    Program,
    User,
)
from surveys.programs import find_participant
from surveys.pseudonyms import Pseudonyms
from surveys.retention import link_destroyed_on

TIME_TO_DECIDE = timedelta(hours=72)
TIME_TO_OPEN = timedelta(hours=24)
# Room for a file's number and for no sentence, and at most five letters, so that nobody's name fits either.
REFERENCE = re.compile(r"(?=[^0-9]*[0-9])[A-Z]{0,5}[-./0-9]{1,19}")
UNNAMED_PARTNER = "a partner whose name was deleted"


class GlassState(StrEnum):
    """How far a request is; it follows from what was done and from the time."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    OPENED = "opened"
    EXPIRED = "expired"


@dataclass(frozen=True)
class OpenedAnswers:
    """What an opening gave: one person's answers as JSON, or None where nothing can be found any more."""

    content: bytes | None = field(repr=False)


def request_access(
    session: Session,
    program: Program,
    custodian: User,
    *,
    email: str,
    role: Role | str,
    ground: GlassGround | str,
    reference: str,
    password: str,
    now: datetime,
    hasher: Hasher | None = None,
) -> BreakGlassRequest:
    """Ask to read the answers of the person with this address; whether there are any is not looked up.

    Raises AccessDeniedError, SignInError, or BreakGlassError: `reference`, `person`, or `destroyed` once the retention clock has
    cut everybody of the person's cohorts off from their answers, which is no secret.
    """
    _check_custodian(session, program, custodian, password, hasher)
    if not REFERENCE.fullmatch(reference):
        raise BreakGlassError("reference", reference=reference[:40])
    person = find_participant(session, program, role, email)
    if person is None:
        raise BreakGlassError("person")
    destroyed_on = link_destroyed_on(session, person)
    if destroyed_on is not None:
        raise BreakGlassError("destroyed", day=destroyed_on.isoformat())
    request = BreakGlassRequest(
        program_id=program.id,
        participant_id=person.id,
        ground=GlassGround(ground),
        reference=reference,
        requested_by=custodian.id,
        requested_at=as_utc(now),
    )
    session.add(request)
    session.flush()
    record_event(session, AuditAction.GLASS_REQUESTED, now=now, actor=custodian, program=program)
    return request


def decide_request(
    session: Session,
    program: Program,
    request_id: str,
    custodian: User,
    decision: GlassDecision | str,
    *,
    password: str,
    now: datetime,
    hasher: Hasher | None = None,
) -> BreakGlassRequest:
    """Approve or refuse the request of another custodian, once and in time.

    Raises AccessDeniedError, SignInError, or BreakGlassError: `unknown`, `own`, `decided` or `expired`.
    """
    _check_custodian(session, program, custodian, password, hasher)
    request = _hold(session, request_id)
    if request is None or request.program_id != program.id:
        raise BreakGlassError("unknown")
    if request.requested_by == custodian.id:
        raise BreakGlassError("own")
    if request.decision is not None:
        raise BreakGlassError("decided")
    if state_of(request, now) is GlassState.EXPIRED:
        raise _expired()
    request.decision = GlassDecision(decision)
    request.decided_by, request.decided_at = custodian.id, as_utc(now)
    session.flush()
    approved = request.decision is GlassDecision.APPROVED
    action = AuditAction.GLASS_APPROVED if approved else AuditAction.GLASS_REFUSED
    record_event(session, action, now=now, actor=custodian, program=program)
    return request


def open_answers(
    session: Session,
    request_id: str,
    *,
    password: str,
    pseudonyms: Pseudonyms,
    now: datetime,
    folders: Sequence[Path] = (),
    hasher: Hasher | None = None,
) -> OpenedAnswers:
    """Read the answers that a request is about, once; the caller commits before anybody sees them.

    That nothing can be found is an opening too: it tells something about the person. Raises AccessDeniedError, SignInError,
    PseudonymKeyError, or BreakGlassError: `unknown`, `not_decided`, `refused`, `expired` or `opened`.
    """
    request = _hold(session, request_id)
    if request is None:
        raise BreakGlassError("unknown")
    program = session.get(Program, request.program_id)
    custodian = session.get_one(User, request.requested_by)
    if program is None:
        raise BreakGlassError("unknown")
    _check_custodian(session, program, custodian, password, hasher)
    _check_open(request, now)
    # A wrong key must not look as if there were nothing.
    pseudonyms.check_key(session)
    person = session.get(Participant, request.participant_id)
    found: Sequence[rights.OwnResponse] = ()
    if person is not None:
        found = rights.own_responses(
            session,
            person,
            pseudonyms=pseudonyms,
            may_read=lambda _response: True,
            unnamed_partner=UNNAMED_PARTNER,
            folders=folders,
        )
    request.opened_at = as_utc(now)
    session.flush()
    record_event(session, AuditAction.GLASS_OPENED, now=now, actor=custodian, program=program)
    return OpenedAnswers(rights.answers_as_json(program.name, found, now=now) if found else None)


def requester_of(session: Session, request_id: str) -> User:
    """Who made a request, and therefore has to open it; raises BreakGlassError."""
    request = session.get(BreakGlassRequest, request_id)
    if request is None:
        raise BreakGlassError("unknown")
    return session.get_one(User, request.requested_by)


def expire_requests(session: Session, *, now: datetime) -> int:
    """Let the log know of every request whose time is over; says how many there were that it did not know of."""
    moment = as_utc(now)
    due = select(BreakGlassRequest).where(
        BreakGlassRequest.expired_at.is_(None),
        BreakGlassRequest.opened_at.is_(None),
        or_(BreakGlassRequest.decision.is_(None), BreakGlassRequest.decision == GlassDecision.APPROVED),
        BreakGlassRequest.requested_at <= moment - min(TIME_TO_DECIDE, TIME_TO_OPEN),
    )
    locked = due.order_by(BreakGlassRequest.id).with_for_update().execution_options(populate_existing=True)
    over = [one for one in session.scalars(locked) if state_of(one, moment) is GlassState.EXPIRED]
    for request in over:
        request.expired_at = moment
        session.flush()
        program = session.get(Program, request.program_id)
        record_event(session, AuditAction.GLASS_EXPIRED, now=now, program=program)
    return len(over)


def list_requests(session: Session, program: Program) -> list[BreakGlassRequest]:
    """The requests of a programme, the newest first."""
    mine = select(BreakGlassRequest).where(BreakGlassRequest.program_id == program.id)
    return list(session.scalars(mine.order_by(BreakGlassRequest.requested_at.desc(), BreakGlassRequest.id)))


def ends_at(request: BreakGlassRequest) -> datetime:
    """Until when the next step may be taken: to decide, or, once decided, to open."""
    if request.decided_at is None:
        return request.requested_at + TIME_TO_DECIDE
    return request.decided_at + TIME_TO_OPEN


def state_of(request: BreakGlassRequest, now: datetime) -> GlassState:
    """How far a request is at this moment."""
    if request.opened_at is not None:
        return GlassState.OPENED
    if request.decision is GlassDecision.REFUSED:
        return GlassState.REFUSED
    if request.expired_at is not None or as_utc(now) >= ends_at(request):
        return GlassState.EXPIRED
    return GlassState.REQUESTED if request.decision is None else GlassState.APPROVED


def _check_open(request: BreakGlassRequest, now: datetime) -> None:
    """Raise BreakGlassError unless a request is approved and still holds."""
    state = state_of(request, now)
    if state is GlassState.EXPIRED:
        raise _expired()
    codes = {
        GlassState.REQUESTED: "not_decided",
        GlassState.REFUSED: "refused",
        GlassState.OPENED: "opened",
    }
    if state in codes:
        raise BreakGlassError(codes[state])


def _check_custodian(
    session: Session, program: Program, custodian: User, password: str, hasher: Hasher | None
) -> None:
    """Raise AccessDeniedError or SignInError unless it is a custodian of the programme who sits there, and takes no part in it."""
    require_membership(session, custodian, program, MembershipRole.CUSTODIAN)
    # Refused when the office is granted; a roster that was imported later may still have brought a custodian in.
    if takes_part(session, custodian, program):
        raise AccessDeniedError
    confirm_password(session, custodian, password, hasher=hasher)


def _hold(session: Session, request_id: str) -> BreakGlassRequest | None:
    """The request as it is now, held until the transaction ends: of two who come at once, one waits and is refused."""
    return session.get(BreakGlassRequest, request_id, with_for_update=True, populate_existing=True)


def _expired() -> BreakGlassError:
    """That the time is over, and how long it was."""
    hours = timedelta(hours=1)
    return BreakGlassError("expired", decide=TIME_TO_DECIDE // hours, open=TIME_TO_OPEN // hours)
