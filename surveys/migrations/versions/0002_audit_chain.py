"""The audit log becomes a chain of digests: entries that are there already are chained in the order of time."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from surveys.database import UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String(32)
DIGEST = sa.String(64)
CHAINS = ("timed", "by_day")
# What is told by the day only; it had no chain of its own before.
BY_DAY = frozenset({"participant.surveys_ended"})
KEPT = ("id", "happened_at", "action", "actor", "program_id", "wave_id")
UNCHANGED = ("id", "chain", "happened_at", "action", "actor", "program_id", "wave_id", "anchor")


def chain_column() -> sa.Column[str]:
    """Which of the two chains a row belongs to."""
    kind = sa.Enum(*CHAINS, name="chain", native_enum=False, create_constraint=True, length=16)
    return sa.Column("chain", kind, nullable=False)


def upgrade() -> None:
    connection = op.get_bind()
    old = sa.table("audit_event", *(sa.column(name, _type_of(name)) for name in KEPT))
    rows = [dict(row) for row in connection.execute(sa.select(old)).mappings()]
    # The table is made anew: on SQLite it loses its row numbers, and its triggers would refuse to have the rows chained.
    op.drop_table("audit_event")
    op.create_table(
        "audit_event",
        sa.Column("id", KEY, nullable=False),
        chain_column(),
        sa.Column("happened_at", UTCDateTime(), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("program_id", KEY),
        sa.Column("wave_id", KEY),
        sa.Column("anchor", DIGEST),
        sa.Column("previous", DIGEST),
        sa.Column("digest", DIGEST),
        sa.CheckConstraint("(previous IS NULL) = (digest IS NULL)", name=op.f("ck_audit_event_sealed")),
        sa.CheckConstraint(
            "anchor IS NULL OR length(anchor) = 64", name=op.f("ck_audit_event_anchor_digest")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("previous", name=op.f("uq_audit_event_previous")),
        sa.UniqueConstraint("digest", name=op.f("uq_audit_event_digest")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_audit_event_happened_at"), "audit_event", ["happened_at"])
    op.create_index(op.f("ix_audit_event_program_id"), "audit_event", ["program_id"])
    op.create_table(
        "audit_head",
        chain_column(),
        sa.Column("digest", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_head")),
    )
    new = sa.table(
        "audit_event", *(sa.column(name, _type_of(name)) for name in (*UNCHANGED, "previous", "digest"))
    )
    heads = sa.table("audit_head", sa.column("chain"), sa.column("digest"))
    for chain in CHAINS:
        chained = list(
            _chain(chain, [row for row in rows if (row["action"] in BY_DAY) == (chain == "by_day")])
        )
        if chained:
            connection.execute(sa.insert(new), chained)
        head = chained[-1]["digest"] if chained else _genesis(chain)
        connection.execute(sa.insert(heads).values(chain=chain, digest=head))
    _protect(connection.dialect.name)


def _type_of(name: str) -> Any:
    """The type of a column, where it matters to the driver."""
    return UTCDateTime() if name == "happened_at" else sa.String()


def _genesis(chain: str) -> str:
    """What stands in place of a predecessor before the first entry, as in `surveys.audit` at this revision."""
    return hashlib.sha256(f"viceversa audit log: {chain}".encode()).hexdigest()


def _chain(chain: str, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Entries with their digests, in the canonical form of `surveys.audit` at this revision."""
    head = _genesis(chain)
    for row in sorted(rows, key=lambda row: (row["happened_at"], row["id"])):
        entry = {**row, "chain": chain, "anchor": None, "previous": head}
        moment = row["happened_at"].isoformat(timespec="microseconds")
        canonical = json.dumps(
            {**entry, "happened_at": moment}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        head = hashlib.sha256(canonical.encode()).hexdigest()
        yield {**entry, "digest": head}


def _protect(dialect: str) -> None:
    """No entry changes once it is chained, and none is deleted before its 36 months are over."""
    same = "IS" if dialect == "sqlite" else "IS NOT DISTINCT FROM"
    sealing = " AND ".join(
        [
            "OLD.digest IS NULL",
            "NEW.digest IS NOT NULL",
            *(f"NEW.{name} {same} OLD.{name}" for name in UNCHANGED),
        ]
    )
    if dialect == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        op.execute(
            f"CREATE TRIGGER audit_event_unchanged BEFORE UPDATE ON audit_event WHEN NOT ({sealing}) {refuse}"
        )
        op.execute(
            "CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event "
            f"WHEN OLD.happened_at > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-36 months') {refuse}"
        )
        # INSERT OR REPLACE deletes the row in its way without asking the trigger above.
        op.execute(
            "CREATE TRIGGER audit_event_not_replaced BEFORE INSERT ON audit_event WHEN EXISTS (SELECT 1 FROM "
            "audit_event WHERE id = NEW.id OR digest = NEW.digest OR previous = NEW.previous) " + refuse
        )
        return
    # The function that refuses has been there since the first revision.
    op.execute(
        f"CREATE TRIGGER audit_event_unchanged BEFORE UPDATE ON audit_event FOR EACH ROW WHEN (NOT ({sealing})) "
        "EXECUTE FUNCTION audit_event_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event FOR EACH ROW "
        "WHEN (OLD.happened_at > now() - interval '36 months') EXECUTE FUNCTION audit_event_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_event_not_emptied BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT "
        "EXECUTE FUNCTION audit_event_refuse()"
    )


def downgrade() -> None:
    raise NotImplementedError("the chain of the audit log is not taken apart again; restore a backup instead")
