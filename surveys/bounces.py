"""Addresses that do not work: noted from invitations only, and put right."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from surveys.addresses import kept_emails, mailable_email
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import ProgramError
from surveys.models import Contact, Invitation, Participant, Program, User, Wave
from surveys.outbox import REMINDERS
from surveys.waves import ended_at

# For so long after a wave nothing is noted: mail servers give up a mail, and say so, days after it was sent.
RETURNING = timedelta(days=14)


def note_bounce(session: Session, email: str, *, now: datetime) -> bool | None:
    """Note that mails to an address come back; None for an unknown address, False where reminders may have gone out.

    Who was sent a reminder had not answered, and a reminder that comes back would tell it. Which ones fell due is the same for everybody
    in a wave, so that it may be told that nothing was noted.
    """
    found = session.scalars(select(Contact).where(Contact.email.in_(kept_emails(email)))).all()
    if not found:
        return None
    noted = False
    for contact in found:
        asked = session.scalars(
            select(Invitation)
            .join(Wave, Wave.id == Invitation.wave_id)
            .where(Invitation.participant_id == contact.participant_id)
        )
        if not any(_may_be_reminded(one, as_utc(now)) for one in asked):
            contact.bounced = noted = True
    session.flush()
    return noted


def correct_address(
    session: Session, program: Program, old: str, new: str, *, now: datetime, actor: User | None = None
) -> None:
    """Give a person of a programme another address, in both roles; reminders that wait go to nobody. Raises ProgramError."""
    former, address = kept_emails(old), mailable_email(new)
    if address is None:
        raise ProgramError("email", email=new)
    people = select(Participant.id).where(Participant.program_id == program.id)
    if session.scalar(select(Contact).where(Contact.email == address, Contact.participant_id.in_(people))):
        raise ProgramError("person_taken", email=address)
    mine = update(Contact).where(Contact.email.in_(former), Contact.participant_id.in_(people))
    changed = session.execute(
        mine.values(email=address, bounced=False).returning(Contact.participant_id)
    ).all()
    if not changed:
        raise ProgramError("not_found", name=old[:80])
    session.expire_all()
    record_event(session, AuditAction.ADDRESS_CORRECTED, now=now, actor=actor, program=program)


def _may_be_reminded(invitation: Invitation, now: datetime) -> bool:
    """Whether a reminder may have gone out, to whomever, and may still come back."""
    wave = invitation.wave
    begin, end = max(wave.opens_at, invitation.issued_at), ended_at(wave)
    first = begin + REMINDERS[1] * (wave.closes_at - begin)
    return first <= now < end + RETURNING and first < end
