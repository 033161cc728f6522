"""The audit log: that something was done, by whom and where, never what an answer said. Rows are only ever added."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys.database import as_utc
from surveys.models import AuditEvent, Program, User, Wave

SYSTEM = "system"
A_PARTICIPANT = "a participant"


class AuditAction(StrEnum):
    """What is worth remembering. Answering is not on this list: whether somebody took part is nobody's business."""

    PROGRAM_CREATED = "program.created"
    FLOOR_RAISED = "program.floor_raised"
    ROSTER_IMPORTED = "roster.imported"
    REPORTING_LINE_ALLOWED = "pair.reporting_line_allowed"
    WAVE_SCHEDULED = "wave.scheduled"
    WAVE_OPENED = "wave.opened"
    WAVE_CLOSED = "wave.closed"
    INVITATIONS_ISSUED = "invitations.issued"
    INVITATION_REISSUED = "invitation.reissued"
    INVITATION_REVOKED = "invitation.revoked"
    RELEASE_FROZEN = "release.frozen"
    DATA_EXPORTED = "data.exported"
    SURVEYS_ENDED = "participant.surveys_ended"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_REVOKED = "membership.revoked"
    SIGNED_IN = "user.signed_in"


# What a person decides about their own answers is logged by the day and without a wave, so that nobody can lay it beside
# the minute at which somebody was seen at their desk.
PRIVATE = frozenset({AuditAction.SURVEYS_ENDED})


def record_event(
    session: Session,
    action: AuditAction,
    *,
    now: datetime,
    actor: User | None = None,
    program: Program | None = None,
    wave: Wave | None = None,
) -> AuditEvent:
    """Add an event to the log. There is no field for free text, so that no content can slip in."""
    moment = as_utc(now)
    private = action in PRIVATE
    if private:
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    who = actor.id if actor is not None else SYSTEM
    event = AuditEvent(
        happened_at=moment,
        action=action.value,
        actor=A_PARTICIPANT if private else who,
        program_id=program.id if program is not None else None,
        wave_id=wave.id if wave is not None and not private else None,
    )
    session.add(event)
    session.flush()
    return event


def list_events(session: Session, *, program: Program | None = None, limit: int = 200) -> list[AuditEvent]:
    """The newest events, of one programme or of all."""
    statement = select(AuditEvent).order_by(AuditEvent.happened_at.desc(), AuditEvent.id).limit(limit)
    if program is not None:
        statement = statement.where(AuditEvent.program_id == program.id)
    return list(session.scalars(statement))
