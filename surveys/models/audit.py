"""The audit log: what was done, chained by digests so that nobody can change or remove an entry without being noticed."""

from datetime import datetime
from enum import StrEnum
from typing import NoReturn

from sqlalchemy import CheckConstraint, String, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column

from surveys.errors import AuditLogError
from surveys.models.base import Base, Digest, Key, PrimaryKey, enum_column


class AuditChain(StrEnum):
    """The two chains of the log: what is known to the minute, and what is told by the day only.

    In one chain, the neighbours of an entry that is told by the day would tell the minute after all.
    """

    TIMED = "timed"
    BY_DAY = "by_day"


class AuditEvent(Base):
    """That something was done, by whom and where; never what an answer said. A trigger refuses changes.

    The programme and the wave are named without a foreign key, because the log outlives what it speaks of. `previous` and
    `digest` are empty only within the transaction that writes the entry; `anchor` names the last entry that was cut off when
    the oldest ones had been kept long enough.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("previous"),
        UniqueConstraint("digest"),
        CheckConstraint("(previous IS NULL) = (digest IS NULL)", name="sealed"),
        CheckConstraint("anchor IS NULL OR length(anchor) = 64", name="anchor_digest"),
        # Row numbers would tell at which minute an entry was written that is told by the day only.
        {"sqlite_with_rowid": False},
    )

    id: Mapped[PrimaryKey]
    chain: Mapped[AuditChain] = mapped_column(enum_column(AuditChain, "chain"))
    happened_at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))
    program_id: Mapped[Key | None] = mapped_column(index=True)
    wave_id: Mapped[Key | None]
    anchor: Mapped[Digest | None]
    previous: Mapped[Digest | None]
    digest: Mapped[Digest | None]


class AuditHead(Base):
    """The digest of a chain's newest entry; whoever writes the next one holds this row until the commit."""

    __tablename__ = "audit_head"

    chain: Mapped[AuditChain] = mapped_column(enum_column(AuditChain, "chain"), primary_key=True)
    digest: Mapped[Digest]


@event.listens_for(AuditEvent, "before_update")
@event.listens_for(AuditEvent, "before_delete")
def _refuse(_mapper: object, _connection: object, _entry: AuditEvent) -> NoReturn:
    """Refuse to change or delete an entry before the database has to."""
    raise AuditLogError("append_only")
