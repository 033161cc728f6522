"""Messages to the coordinator with their state, trial decisions and talks, and the wish to go on together."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from surveys.database import UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.String(32)
KINDS = ("contact", "mediation", "leaving", "free", "trial_help", "trial_end", "trial_talk")
STATES = ("open", "in_progress", "closed")
RESULTS = ("resolved", "partly", "not")
CHOICES = ("continue", "help", "end", "talk")
BEFORE = ("id", "program_id", "participant_id", "kind", "body", "sent_at")
TABLES = (
    "shared_extension", "shared_wish", "addressed_talk", "addressed_draw", "addressed_decision", "addressed_outcome",
)  # fmt: skip


def upgrade() -> None:
    rows = _take_messages()
    _create_messages(
        sa.Column("kind", _checked("kind", KINDS), nullable=False),
        sa.Column("pair_id", KEY),
        sa.Column("state", _checked("state", STATES), nullable=False),
        sa.Column("form_digest", sa.String(64)),
        _key_to("pair", "addressed_message"),
        sa.UniqueConstraint("form_digest", name=op.f("uq_addressed_message_form_digest")),
    )
    for row in rows:
        row["kind"] = row["kind"] if row["kind"] in KINDS else "free"
        row["state"] = "open"
    _put_messages(rows, (*BEFORE, "state"))
    _create(
        "addressed_outcome",
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("result", _checked("result", RESULTS), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["addressed_message.id"],
            name=op.f("fk_addressed_outcome_message_id"),
            ondelete="CASCADE",
        ),
        primary=("message_id",),
        sqlite_with_rowid=False,
    )
    _create_trial()
    _create(
        "shared_wish",
        *(sa.Column(name, KEY, nullable=False) for name in ("pair_id", "participant_id")),
        _key_to("pair", "shared_wish"),
        _key_to("participant", "shared_wish"),
        primary=("pair_id", "participant_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_shared_wish_participant_id"), "shared_wish", ["participant_id"])
    _create(
        "shared_extension",
        sa.Column("pair_id", KEY, nullable=False),
        sa.Column("agreed_on", sa.Date(), nullable=False),
        _key_to("pair", "shared_extension"),
        primary=("pair_id",),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    rows = _take_messages()
    _create_messages(sa.Column("kind", sa.String(32), nullable=False))
    _put_messages(rows, BEFORE)


def _create_trial() -> None:
    """What is decided at the end of the trial period, and the talks that follow from it."""
    _create(
        "addressed_decision",
        *(sa.Column(name, KEY, nullable=False) for name in ("wave_id", "pair_id", "participant_id")),
        sa.Column("choice", _checked("choice", CHOICES), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        *(_key_to(target, "addressed_decision") for target in ("wave", "pair", "participant")),
        primary=("wave_id", "pair_id", "participant_id"),
        sqlite_with_rowid=False,
    )
    for column in ("pair_id", "participant_id"):
        op.create_index(op.f(f"ix_addressed_decision_{column}"), "addressed_decision", [column])
    _create(
        "addressed_draw",
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        _key_to("wave", "addressed_draw"),
        primary=("wave_id",),
    )
    _create(
        "addressed_talk",
        *(sa.Column(name, KEY, nullable=False) for name in ("id", "wave_id", "pair_id")),
        sa.Column("held_on", sa.Date()),
        _key_to("wave", "addressed_talk"),
        _key_to("pair", "addressed_talk"),
        sa.UniqueConstraint("wave_id", "pair_id", name=op.f("uq_addressed_talk_wave_id_pair_id")),
        primary=("id",),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_addressed_talk_pair_id"), "addressed_talk", ["pair_id"])


def _take_messages() -> list[dict[str, Any]]:
    """Read the messages and drop their table: SQLite cannot add a constraint."""
    table = sa.table("addressed_message", *(sa.column(name, _type_of(name)) for name in BEFORE))
    rows = [dict(row) for row in op.get_bind().execute(sa.select(table)).mappings()]
    op.drop_table("addressed_message")
    return rows


def _create_messages(*parts: Any) -> None:
    """Make the table of the messages anew."""
    _create(
        "addressed_message",
        *(sa.Column(name, KEY, nullable=False) for name in ("id", "program_id", "participant_id")),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", UTCDateTime(), nullable=False),
        *parts,
        _key_to("program", "addressed_message"),
        _key_to("participant", "addressed_message"),
        primary=("id",),
    )
    for column in ("program_id", "participant_id"):
        op.create_index(op.f(f"ix_addressed_message_{column}"), "addressed_message", [column])


def _put_messages(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """Write the messages back."""
    table = sa.table("addressed_message", *(sa.column(name, _type_of(name)) for name in columns))
    if rows:
        op.get_bind().execute(sa.insert(table), rows)


def _type_of(name: str) -> Any:
    """The type of a column, where it matters to the driver."""
    return UTCDateTime() if name == "sent_at" else sa.String()


def _checked(name: str, values: tuple[str, ...]) -> sa.Enum:
    """A text that is one of these values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _key_to(target: str, table: str) -> sa.ForeignKeyConstraint:
    """A foreign key to another table's id."""
    column = f"{target}_id"
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )


def _create(table: str, *parts: Any, primary: tuple[str, ...], **options: Any) -> None:
    """Create a table with its primary key."""
    op.create_table(table, *parts, sa.PrimaryKeyConstraint(*primary, name=op.f(f"pk_{table}")), **options)
