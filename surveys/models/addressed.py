"""Stream B, addressed: what a participant writes to the coordinator with their name."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Key, PrimaryKey


class Message(Base):
    """A message from a participant to the coordinator, written on purpose and never derived from answers."""

    __tablename__ = "addressed_message"

    id: Mapped[PrimaryKey]
    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"), index=True)
    participant_id: Mapped[Key] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime]
