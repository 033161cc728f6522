"""What is waiting to be mailed, and who wants no mail. Invitations and reminders lie apart, because different people may know of them.

An invitation goes to everybody, so how far it is says nothing about anybody's answers, and the coordinator may know it. A reminder is
written for everybody too, but whether it is sent depends on answers: its rows are read by the postman alone, and the row goes in
the same way whether it was sent or not.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Digest, Key, PrimaryKey, enum_column


class MailState(StrEnum):
    """How far a mail is; the last two are for invitations only, because a reminder that is dealt with has no row."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    HANDED_OVER = "handed_over"
    DONE = "done"
    GIVEN_UP = "given_up"


class OutboxMail(Base):
    """What invitations and reminders have in common: to whom, about what, when, and who is at it."""

    __abstract__ = True

    id: Mapped[PrimaryKey]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="CASCADE"))
    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"))
    # Whoever has name and address destroyed takes their mails along.
    participant_id: Mapped[Key] = mapped_column(
        ForeignKey("contact.participant_id", ondelete="CASCADE"), index=True
    )
    # While somebody has it, this is when their lease ends: nobody else touches it before.
    due_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    state: Mapped[MailState] = mapped_column(enum_column(MailState, "state"), default=MailState.WAITING)
    held_by: Mapped[Key | None]


class InvitationMail(OutboxMail):
    """The mail that brings somebody their link."""

    __tablename__ = "outbox_invitation"
    __table_args__ = (UniqueConstraint("wave_id", "pair_id", "participant_id"),)


class ReminderMail(OutboxMail):
    """A mail that goes only to somebody who has not answered by then."""

    __tablename__ = "outbox_reminder"
    __table_args__ = (
        UniqueConstraint("wave_id", "pair_id", "participant_id", "number"),
        CheckConstraint("number IN (1, 2)", name="number"),
        # Without a row number the table does not tell in which order rows were written.
        {"sqlite_with_rowid": False},
    )

    number: Mapped[int] = mapped_column(SmallInteger)
    # Only the address that was invited is reminded: whoever puts their own in its place would learn who has not answered.
    address_digest: Mapped[Digest]


class MailStop(Base):
    """That a person wants no more mails; only the postman and the person's own page look here."""

    __tablename__ = "mail_stop"
    __table_args__ = ({"sqlite_with_rowid": False},)

    participant_id: Mapped[Key] = mapped_column(
        ForeignKey("contact.participant_id", ondelete="CASCADE"), primary_key=True
    )
