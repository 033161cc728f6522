"""Stream C, shared: what both partners of a pair see and own together."""

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Key, PrimaryKey


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
