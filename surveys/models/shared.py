"""Stream C, shared: what both partners of a pair see and own together."""

from datetime import date

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from surveys.models.base import Base, Key, PrimaryKey
from surveys.models.program import Pair


class Goal(Base):
    """A goal that a pair set itself, with the levels by which both will see how far it came."""

    __tablename__ = "shared_goal"
    __table_args__ = (
        UniqueConstraint("pair_id", "position"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("weight > 0", name="weight"),
    )

    id: Mapped[PrimaryKey]
    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"))
    position: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    levels: Mapped[list[str]] = mapped_column(JSON)
    weight: Mapped[int]


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
