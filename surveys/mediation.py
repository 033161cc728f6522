"""How mediations ended, told by those who asked for them, and what of it may be counted.

A result is never shown by name. Results are counted when five people more have told theirs, and stand from then on: two counts
seen one after the other differ by five people or by none.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from surveys.errors import MessageError
from surveys.invitations import hold_invitation
from surveys.locks import lock_program
from surveys.models import (
    MINIMUM_FLOOR,
    Invitation,
    MediationOutcome,
    MediationResult,
    Message,
    MessageKind,
    MessageState,
    Program,
)

# Below twenty ratings a share near the ends would tell what every single one said.
FULL_SHARES = 20
NEAR_THE_END = 10


@dataclass(frozen=True)
class MediationReport:
    """How many mediations were asked for and rated, and how many of these are resolved; None where it is not shown.

    `bound` is "over" or "under" where the share is not told to the point.
    """

    n_requested: int | None
    n_rated: int | None
    percent_resolved: int | None
    bound: str = ""


def rate_mediation(session: Session, invitation: Invitation, result: str, *, now: datetime) -> None:
    """Keep how the person's newest closed mediation in this pair ended; the newest rating replaces an earlier one.

    Without such a mediation nothing is kept, and nobody is told: a link must not say what was asked through it.
    """
    if result not in set(MediationResult):
        raise MessageError("kind")
    hold_invitation(session, invitation, now=now)
    message_id = session.scalar(
        select(Message.id)
        .where(
            Message.participant_id == invitation.participant_id,
            Message.pair_id == invitation.pair_id,
            Message.kind == MessageKind.MEDIATION,
            Message.state == MessageState.CLOSED,
        )
        .order_by(Message.sent_at.desc(), Message.id)
        .limit(1)
    )
    if message_id is None:
        return
    program_id = invitation.participant.program_id
    # Ratings of a programme are kept one after the other, so that exactly five people make the next count.
    lock_program(session, program_id)
    outcome = session.get(MediationOutcome, message_id, populate_existing=True)
    if outcome is None:
        outcome = MediationOutcome(message_id=message_id, counted=False)
        session.add(outcome)
    if not outcome.counted:
        outcome.result = MediationResult(result)
    session.flush()
    _count_in(session, program_id)


def report_mediations(session: Session, program: Program) -> MediationReport:
    """What may be told about the mediations of a programme: nothing below its floor."""
    floor = max(program.floor, MINIMUM_FLOOR)
    mine = (Message.program_id == program.id, Message.kind == MessageKind.MEDIATION)
    n_people = session.scalar(select(func.count(func.distinct(Message.participant_id))).where(*mine)) or 0
    n_requested = session.scalar(select(func.count()).where(*mine)) or 0
    rated = session.execute(
        select(MediationOutcome.result, Message.participant_id)
        .join(Message, Message.id == MediationOutcome.message_id)
        .where(*mine, MediationOutcome.counted)
    ).all()
    shown = n_requested if n_people >= floor else None
    if len({person for _, person in rated}) < floor:
        return MediationReport(shown, None, None)
    percent = round(100 * sum(result is MediationResult.RESOLVED for result, _ in rated) / len(rated))
    if len(rated) < FULL_SHARES and percent >= 100 - NEAR_THE_END:
        return MediationReport(shown, len(rated), 100 - NEAR_THE_END, "over")
    if len(rated) < FULL_SHARES and percent <= NEAR_THE_END:
        return MediationReport(shown, len(rated), NEAR_THE_END, "under")
    return MediationReport(shown, len(rated), percent)


def _count_in(session: Session, program_id: str) -> None:
    """Count the waiting ratings once they come from five people."""
    waiting = session.execute(
        select(MediationOutcome, Message.participant_id)
        .join(Message, Message.id == MediationOutcome.message_id)
        .where(Message.program_id == program_id, MediationOutcome.counted.is_(False))
    ).all()
    floor = session.scalar(select(Program.floor).where(Program.id == program_id)) or MINIMUM_FLOOR
    if len({person for _, person in waiting}) >= floor:
        for outcome, _ in waiting:
            outcome.counted = True
        session.flush()
