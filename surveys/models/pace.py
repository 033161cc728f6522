"""How long pages take: counts of durations over all programmes, with no key to anything else."""

from sqlalchemy import CheckConstraint, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from instruments.model import Role, WaveKind
from surveys.models.base import Base, PrimaryKey, enum_column


class PagePace(Base):
    """How many people needed a page for so long; it is only ever written for many of them together."""

    __tablename__ = "page_pace"
    __table_args__ = (
        UniqueConstraint("instrument_id", "version", "wave_kind", "role", "page", "seconds"),
        CheckConstraint("n > 0", name="n"),
        {"sqlite_with_rowid": False},
    )

    key: Mapped[PrimaryKey]
    instrument_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32))
    wave_kind: Mapped[WaveKind] = mapped_column(enum_column(WaveKind, "wave_kind"))
    role: Mapped[Role] = mapped_column(enum_column(Role, "role"))
    page: Mapped[int] = mapped_column(SmallInteger)
    # The end of the interval into which the duration falls.
    seconds: Mapped[int] = mapped_column(SmallInteger)
    n: Mapped[int]
