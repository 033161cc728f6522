"""Names and addresses, which go before the rest of the programme when their owner asks for it."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from surveys.addresses import kept_emails
from surveys.audit import AuditAction, record_event
from surveys.errors import ProgramError
from surveys.models import Contact, ExtensionWish, Message, Participant, Program, TrialDecision


def forget_contact(session: Session, program: Program, email: str, *, now: datetime) -> int:
    """Delete a person's name and address, in both roles, and what they wrote to the coordinator; says how many messages went.

    What they chose for their pairs and what nobody has read yet goes too: it would reach the coordinator without a name. What is under pseudonyms is not touched and not looked at. Raises ProgramError if nobody of the programme has this address.
    """
    people = session.scalars(
        select(Contact.participant_id)
        .join(Participant, Participant.id == Contact.participant_id)
        .where(Participant.program_id == program.id, Contact.email.in_(kept_emails(email)))
    ).all()
    if not people:
        raise ProgramError("not_found", name=email[:80])
    session.execute(delete(Contact).where(Contact.participant_id.in_(people)))
    # How a mediation ended goes with its message.
    written = delete(Message).where(Message.participant_id.in_(people)).returning(Message.id)
    n_messages = len(session.execute(written).all())
    session.execute(delete(TrialDecision).where(TrialDecision.participant_id.in_(people)))
    session.execute(delete(ExtensionWish).where(ExtensionWish.participant_id.in_(people)))
    # What the database deleted must not be read from memory any more.
    session.flush()
    session.expire_all()
    record_event(session, AuditAction.CONTACT_FORGOTTEN, now=now, program=program)
    return n_messages
