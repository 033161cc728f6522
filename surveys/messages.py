"""Messages to the coordinator, written through a personal link with the writer's name (stream B).

A page behind a link never shows what was written earlier: the link passes through other hands. Nothing here reads an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from surveys.audit import AuditAction, record_event
from surveys.database import as_utc, midnight
from surveys.errors import MessageError
from surveys.invitations import hold_invitation
from surveys.models import (
    Invitation,
    Membership,
    MembershipRole,
    Message,
    MessageKind,
    MessageState,
    Pair,
    Participant,
    Program,
    User,
)
from surveys.written_text import clean_text

LONGEST_TEXT = 2000
# Enough for whoever writes, too few for a flood through a link that came into wrong hands.
MOST_A_DAY = 20
# What can be chosen on the page; the other kinds are trial decisions.
OFFERED = (MessageKind.CONTACT, MessageKind.MEDIATION, MessageKind.LEAVING, MessageKind.FREE)
# Nobody has to give a reason: only a message without any other meaning needs words.
NEEDS_TEXT = frozenset({MessageKind.FREE})
_ORDER = (MessageState.OPEN, MessageState.IN_PROGRESS, MessageState.CLOSED)


@dataclass(frozen=True)
class SentMessage:
    """What was sent, to be shown once."""

    kind: MessageKind
    text: str


@dataclass(frozen=True)
class MessageLine:
    """A message as the coordinator reads it: who, what about, the words and the day."""

    message_id: str
    name: str | None
    partner: str | None
    kind: MessageKind
    text: str
    sent_on: date
    state: MessageState


def send_message(
    session: Session, invitation: Invitation, kind: str, text: str, *, form_key: str, now: datetime
) -> SentMessage:
    """Send a message with the writer's name, whatever the state of the wave; the same form sent twice is one message.

    Raises InvitationError for a link that ended meanwhile, and MessageError.
    """
    moment = as_utc(now)
    if kind not in set(OFFERED):
        raise MessageError("kind")
    chosen, words = MessageKind(kind), check_text(text)
    if not words and chosen in NEEDS_TEXT:
        raise MessageError("empty")
    hold_invitation(session, invitation, now=now)
    sent = SentMessage(chosen, words)
    writer = invitation.participant
    # The words belong to the digest: whoever goes back, changes them and sends again has written another message.
    parts = (writer.id, invitation.pair_id, form_key[:64], chosen.value, words)
    digest = sha256("\x1f".join(parts).encode()).hexdigest()
    if session.scalar(select(Message.id).where(Message.form_digest == digest)) is not None:
        return sent
    if _count_today(session, writer, moment) >= MOST_A_DAY:
        raise MessageError("too_many")
    message = Message(
        program_id=writer.program_id,
        participant_id=writer.id,
        pair_id=invitation.pair_id if chosen is MessageKind.MEDIATION else None,
        kind=chosen,
        body=words,
        sent_at=moment,
        state=MessageState.OPEN,
        form_digest=digest,
    )
    try:
        with session.begin_nested():
            session.add(message)
    except IntegrityError:
        # The other tab was faster with the same form.
        if session.scalar(select(Message.id).where(Message.form_digest == digest)) is None:
            raise
    return sent


def written_tag(participant_id: str, kind: str, text: str, day: date) -> str:
    """What a browser that wrote something is known by, made from all that the row says.

    No answer opens what was written, and this opens no answer: whoever has a link could give answers of their own, and read on.
    """
    return "\x1f".join(("written", participant_id, kind, text, day.isoformat()))


def check_text(text: str) -> str:
    """The words as they are kept; raises MessageError when there are too many."""
    words = clean_text(text)
    if len(words) > LONGEST_TEXT:
        raise MessageError("long", length=len(words), longest=LONGEST_TEXT)
    return words


def readers_of(session: Session, program: Program) -> list[str]:
    """The names of those who read what is written to the coordinator."""
    names = (
        select(User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.program_id == program.id,
            Membership.role == MembershipRole.COORDINATOR,
            User.disabled_at.is_(None),
        )
    )
    return sorted(session.scalars(names), key=str.casefold)


def list_messages(session: Session, program: Program) -> list[MessageLine]:
    """The messages to the coordinator of a programme, the newest first."""
    found = session.scalars(
        select(Message)
        .where(Message.program_id == program.id)
        .order_by(Message.sent_at.desc(), Message.id)
        .options(
            joinedload(Message.participant).joinedload(Participant.contact),
            joinedload(Message.pair).joinedload(Pair.mentor).joinedload(Participant.contact),
            joinedload(Message.pair).joinedload(Pair.mentee).joinedload(Participant.contact),
        )
    )
    return [_line(message) for message in found]


def count_open(session: Session, program: Program) -> int:
    """How many messages the coordinator has not seen to."""
    waiting = select(func.count()).where(
        Message.program_id == program.id, Message.state != MessageState.CLOSED
    )
    return session.scalar(waiting) or 0


def move_message(
    session: Session,
    program: Program,
    message_id: str,
    state: MessageState | str,
    *,
    now: datetime,
    actor: User | None = None,
) -> None:
    """Note how far the coordinator is with a message; moving it where it is already is harmless. Raises MessageError."""
    message = session.get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.program_id != program.id:
        raise MessageError("not_found")
    if state not in set(next_states(message.kind, message.state)) | {message.state}:
        raise MessageError("state")
    if message.state != state:
        message.state = MessageState(state)
        session.flush()
        record_event(session, AuditAction.MESSAGE_MOVED, now=now, actor=actor, program=program)


def next_states(kind: MessageKind, state: MessageState) -> Sequence[MessageState]:
    """Where a message can be moved from here: always onward, and only a mediation takes its time."""
    onward = _ORDER[_ORDER.index(state) + 1 :]
    return [one for one in onward if one is not MessageState.IN_PROGRESS or kind is MessageKind.MEDIATION]


def _count_today(session: Session, writer: Participant, moment: datetime) -> int:
    """How many messages somebody has sent since the last midnight."""
    today = midnight(moment)
    sent = select(func.count()).where(
        Message.participant_id == writer.id,
        Message.sent_at >= today,
        Message.sent_at < today + timedelta(days=1),
    )
    return session.scalar(sent) or 0


def _line(message: Message) -> MessageLine:
    """A message with names; they are missing once they were destroyed."""
    partner = message.pair.partner_of(message.participant_id) if message.pair is not None else None
    return MessageLine(
        message_id=message.id,
        name=message.participant.name,
        partner=partner.name if partner is not None else None,
        kind=message.kind,
        text=message.body,
        sent_on=message.sent_at.date(),
        state=message.state,
    )
