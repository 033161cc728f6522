"""Stream C, shared: what both partners of a pair see and own together."""

from datetime import date

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from surveys.models.base import Base, Key, PrimaryKey
from surveys.models.program import Pair


class PairKey(Base):
    """The secret that opens what a pair shares; a browser holds something computed from it, and a link alone opens nothing."""

    __tablename__ = "shared_key"

    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[Key]


class Goal(Base):
    """A goal that a pair set itself, with the levels by which both will see how far it came.

    `levels` are the words for -2 to +2, each of which may be empty; `baseline` is where the pair stood when it set the goal. `version`
    grows with every change, so that two who edit at once notice each other.
    """

    __tablename__ = "shared_goal"
    __table_args__ = (
        UniqueConstraint("pair_id", "position"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("weight > 0", name="weight"),
        CheckConstraint("baseline IN (-2, -1)", name="baseline"),
        CheckConstraint("version > 0", name="version"),
    )

    id: Mapped[PrimaryKey]
    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    levels: Mapped[list[str]] = mapped_column(JSON)
    weight: Mapped[int]
    baseline: Mapped[int] = mapped_column(default=-1, server_default="-1")
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class MeetingNote(Base):
    """What a pair notes of a meeting for itself; the facts of the meeting are on the coordinator's side."""

    __tablename__ = "shared_note"
    __table_args__ = (
        CheckConstraint("n_agreed BETWEEN 0 AND 99", name="agreed"),
        CheckConstraint("n_done BETWEEN 0 AND 99", name="done"),
        CheckConstraint("version > 0", name="version"),
    )

    meeting_id: Mapped[Key] = mapped_column(
        ForeignKey("addressed_meeting.id", ondelete="CASCADE"), primary_key=True
    )
    had_agenda: Mapped[bool | None]
    topics: Mapped[str] = mapped_column(Text)
    notes: Mapped[str] = mapped_column(Text)
    # How many things were agreed, and how many of those agreed before were done.
    n_agreed: Mapped[int | None]
    n_done: Mapped[int | None]
    next_on: Mapped[date | None]
    version: Mapped[int]


class ExtensionWish(Base):
    """That a participant would like to go on with a partner; only the participant's own page ever reads this table.

    A no is kept nowhere: it deletes an earlier yes, and looks like no answer at all. Once both have said yes the wishes go.
    """

    __tablename__ = "shared_wish"
    # Without row numbers nobody can read from the table who was first.
    __table_args__ = ({"sqlite_with_rowid": False},)

    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True)
    participant_id: Mapped[Key] = mapped_column(
        ForeignKey("participant.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Extension(Base):
    """That both partners want to go on; they and the coordinator see it."""

    __tablename__ = "shared_extension"

    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True)
    agreed_on: Mapped[date]

    pair: Mapped[Pair] = relationship()
