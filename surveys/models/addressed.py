"""Stream B, addressed: what a participant writes to the coordinator with their name, and what the coordinator does about it."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from surveys.models.base import Base, Digest, Key, PrimaryKey, enum_column
from surveys.models.program import Pair, Participant

# Without a row number SQLite keeps rows in the order of their keys, so the order in which they were written is lost.
WITHOUT_ROWID = {"sqlite_with_rowid": False}


class MessageKind(StrEnum):
    """What a message is about; the last three are trial decisions, handed over when the time to decide is over."""

    CONTACT = "contact"
    MEDIATION = "mediation"
    LEAVING = "leaving"
    FREE = "free"
    TRIAL_HELP = "trial_help"
    TRIAL_END = "trial_end"
    TRIAL_TALK = "trial_talk"


class MessageState(StrEnum):
    """How far the coordinator is with a message; only a mediation is ever in progress."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"


class MediationResult(StrEnum):
    """How a mediation ended, as the person who asked for it sees it."""

    RESOLVED = "resolved"
    PARTLY = "partly"
    NOT = "not"


class TrialChoice(StrEnum):
    """What a participant may choose at the end of the trial period."""

    CONTINUE = "continue"
    HELP = "help"
    END = "end"
    TALK = "talk"


class MeetingFormat(StrEnum):
    """How a pair met."""

    IN_PERSON = "in_person"
    VIRTUAL = "virtual"
    HYBRID = "hybrid"


class Message(Base):
    """A message from a participant to the coordinator, written on purpose and never derived from answers.

    `pair_id` is set where the message is about one pair; `form_digest` makes the same form, sent twice, one message.
    """

    __tablename__ = "addressed_message"
    __table_args__ = (UniqueConstraint("form_digest"),)

    id: Mapped[PrimaryKey]
    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"), index=True)
    participant_id: Mapped[Key] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"), index=True)
    pair_id: Mapped[Key | None] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"))
    kind: Mapped[MessageKind] = mapped_column(enum_column(MessageKind, "kind"))
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime]
    state: Mapped[MessageState] = mapped_column(enum_column(MessageState, "state"), default=MessageState.OPEN)
    form_digest: Mapped[Digest | None]

    participant: Mapped[Participant] = relationship()
    pair: Mapped[Pair | None] = relationship()


class MediationOutcome(Base):
    """How a mediation ended; counted together with others, never listed by name.

    Once `counted` it stands, so that no published count differs from an earlier one by fewer than five people.
    """

    __tablename__ = "addressed_outcome"
    __table_args__ = (WITHOUT_ROWID,)

    message_id: Mapped[Key] = mapped_column(
        ForeignKey("addressed_message.id", ondelete="CASCADE"), primary_key=True
    )
    result: Mapped[MediationResult] = mapped_column(enum_column(MediationResult, "result"))
    counted: Mapped[bool]


class TrialDecision(Base):
    """What a participant chose for a pair, while it may still be changed; no page of the coordinator reads this table.

    When the talks are drawn up, a choice other than to continue becomes a message and every row of the wave is deleted.
    """

    __tablename__ = "addressed_decision"
    __table_args__ = (WITHOUT_ROWID,)

    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="CASCADE"), primary_key=True)
    pair_id: Mapped[Key] = mapped_column(
        ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    participant_id: Mapped[Key] = mapped_column(
        ForeignKey("participant.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    choice: Mapped[TrialChoice] = mapped_column(enum_column(TrialChoice, "choice"))
    body: Mapped[str] = mapped_column(Text)
    decided_on: Mapped[date]


class TalkDraw(Base):
    """That the talks after a trial were drawn up: it happens once, also where nobody is to be talked to."""

    __tablename__ = "addressed_draw"

    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="CASCADE"), primary_key=True)
    drawn_on: Mapped[date]


class Talk(Base):
    """That the coordinator is to talk to a pair. Why is not stored: somebody asked for it, or the pair was drawn by lot."""

    __tablename__ = "addressed_talk"
    __table_args__ = (UniqueConstraint("wave_id", "pair_id"), WITHOUT_ROWID)

    id: Mapped[PrimaryKey]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="CASCADE"))
    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), index=True)
    held_on: Mapped[date | None]

    pair: Mapped[Pair] = relationship()


class Meeting(Base):
    """That a pair met, or had planned to and did not: what both partners and the coordinator may know of it.

    `entered_by` is who gave these facts last; `confirmed` says that the other one has called them right.
    """

    __tablename__ = "addressed_meeting"
    __table_args__ = (
        CheckConstraint("minutes BETWEEN 1 AND 600", name="minutes"),
        CheckConstraint(
            "took_place = (format IS NOT NULL) AND took_place = (minutes IS NOT NULL)", name="took_place"
        ),
        CheckConstraint("version > 0", name="version"),
        WITHOUT_ROWID,
    )

    id: Mapped[PrimaryKey]
    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), index=True)
    held_on: Mapped[date]
    took_place: Mapped[bool]
    format: Mapped[MeetingFormat | None] = mapped_column(enum_column(MeetingFormat, "format"))
    minutes: Mapped[int | None]
    entered_by: Mapped[Key] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"), index=True)
    confirmed: Mapped[bool]
    version: Mapped[int]
