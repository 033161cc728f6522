"""Pulses can be given several times; meetings are logged, noted by the pair, and goals are written under a key of the pair."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.String(32)
DIGEST = sa.String(64)
FORMATS = ("in_person", "virtual", "hybrid")
STATES = ("draft", "submitted", "withdrawn")
ONE_EACH = ("wave_id", "pair_key", "respondent_key")
# What goes with a response when its table is made anew, and comes back afterwards: parents first.
CHILDREN = ("confidential_answer", "confidential_comment", "confidential_theme_support")
BEFORE = (
    "key, respondent_key, pair_key, wave_id, role, locale, locale_digest, instrument_version, instrument_digest, "
    "state, started_on, submitted_on, statement_digest"
)
# Both databases add a column with its rule in one statement, which Alembic cannot say to SQLite.
GOAL_COLUMNS = {
    "baseline": "INTEGER DEFAULT '-1' NOT NULL CONSTRAINT ck_shared_goal_baseline CHECK (baseline IN (-2, -1))",
    "version": "INTEGER DEFAULT '1' NOT NULL CONSTRAINT ck_shared_goal_version CHECK (version > 0)",
}


def upgrade() -> None:
    _number_responses()
    for name, rule in GOAL_COLUMNS.items():
        op.execute(f"ALTER TABLE shared_goal ADD COLUMN {name} {rule}")
    _create(
        "shared_key",
        sa.Column("pair_id", KEY, nullable=False),
        sa.Column("secret", KEY, nullable=False),
        _key_to("pair", "shared_key", "pair_id"),
        primary="pair_id",
    )
    _create_meetings()


def downgrade() -> None:
    for table in ("shared_note", "addressed_meeting", "shared_key"):
        op.drop_table(table)
    for name in GOAL_COLUMNS:
        op.execute(f"ALTER TABLE shared_goal DROP COLUMN {name}")
    # Where a person can answer once only, the first pulse stays.
    op.execute("DELETE FROM confidential_response WHERE occasion > 1")
    if op.get_bind().dialect.name == "sqlite":
        _remake_responses(sa.UniqueConstraint(*ONE_EACH, name=_unique_name()), columns=())
        return
    op.drop_constraint(op.f("uq_confidential_response_occasion"), "confidential_response", type_="unique")
    for name in ("month", "occasion"):
        op.drop_column("confidential_response", name)
    op.create_unique_constraint(_unique_name(), "confidential_response", list(ONE_EACH))


def _number_responses() -> None:
    """Let a person have several responses to one wave, told apart by a number, and give pulses a month in place of a day."""
    columns = (
        sa.Column("occasion", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("month", sa.Date()),
    )
    rules = {
        "occasion": "occasion > 0",
        "month": "month IS NULL OR (started_on = month AND submitted_on = month)",
    }
    unique = (*ONE_EACH, "occasion")
    if op.get_bind().dialect.name == "sqlite":
        _remake_responses(
            sa.UniqueConstraint(*unique, name=op.f("uq_confidential_response_occasion")),
            *(
                sa.CheckConstraint(rule, name=op.f(f"ck_confidential_response_{name}"))
                for name, rule in rules.items()
            ),
            columns=columns,
        )
        return
    op.drop_constraint(_unique_name(), "confidential_response", type_="unique")
    for column in columns:
        op.add_column("confidential_response", column)
    op.create_unique_constraint(
        op.f("uq_confidential_response_occasion"), "confidential_response", list(unique)
    )
    for name, rule in rules.items():
        op.create_check_constraint(op.f(f"ck_confidential_response_{name}"), "confidential_response", rule)


def _remake_responses(*rules: Any, columns: tuple[sa.Column[Any], ...]) -> None:
    """Make the table anew, since SQLite cannot change a constraint, and put back what is deleted along with its rows."""
    for table in ("confidential_response", *CHILDREN):
        op.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    op.drop_table("confidential_response")
    _create(
        "confidential_response",
        *(sa.Column(name, KEY, nullable=False) for name in ("key", "respondent_key", "pair_key", "wave_id")),
        sa.Column("role", _checked("role", ("mentor", "mentee")), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("locale_digest", DIGEST, nullable=False),
        sa.Column("instrument_version", sa.String(32), nullable=False),
        sa.Column("instrument_digest", DIGEST, nullable=False),
        sa.Column("state", _checked("state", STATES), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("submitted_on", sa.Date()),
        sa.Column("statement_digest", DIGEST),
        *columns,
        sa.CheckConstraint(
            "(state = 'submitted') = (submitted_on IS NOT NULL)",
            name=op.f("ck_confidential_response_submitted_on"),
        ),
        sa.ForeignKeyConstraint(
            ["respondent_key"],
            ["confidential_respondent.key"],
            name=op.f("fk_confidential_response_respondent_key"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_confidential_response_wave_id"), ondelete="RESTRICT"
        ),
        *rules,
        primary="key",
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_confidential_response_respondent_key"), "confidential_response", ["respondent_key"]
    )
    op.execute(
        f"INSERT INTO confidential_response ({BEFORE}) SELECT {BEFORE} FROM kept_confidential_response"
    )
    for table in CHILDREN:
        op.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
    for table in ("confidential_response", *CHILDREN):
        op.drop_table(f"kept_{table}")


def _create_meetings() -> None:
    """The facts of a meeting, which the coordinator may read, and beside them what the pair notes for itself."""
    _create(
        "addressed_meeting",
        *(sa.Column(name, KEY, nullable=False) for name in ("id", "pair_id")),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("took_place", sa.Boolean(), nullable=False),
        sa.Column("format", _checked("format", FORMATS)),
        sa.Column("minutes", sa.Integer()),
        sa.Column("entered_by", KEY, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *_rules(
            "addressed_meeting",
            minutes="minutes BETWEEN 1 AND 600",
            took_place="took_place = (format IS NOT NULL) AND took_place = (minutes IS NOT NULL)",
            version="version > 0",
        ),
        _key_to("pair", "addressed_meeting", "pair_id"),
        _key_to("participant", "addressed_meeting", "entered_by"),
        primary="id",
        sqlite_with_rowid=False,
    )
    for name in ("pair_id", "entered_by"):
        op.create_index(op.f(f"ix_addressed_meeting_{name}"), "addressed_meeting", [name])
    _create(
        "shared_note",
        sa.Column("meeting_id", KEY, nullable=False),
        sa.Column("had_agenda", sa.Boolean()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("topics", "notes")),
        *(sa.Column(name, sa.Integer()) for name in ("n_agreed", "n_done")),
        sa.Column("next_on", sa.Date()),
        sa.Column("version", sa.Integer(), nullable=False),
        *_rules(
            "shared_note",
            agreed="n_agreed BETWEEN 0 AND 99",
            done="n_done BETWEEN 0 AND 99",
            version="version > 0",
        ),
        _key_to("addressed_meeting", "shared_note", "meeting_id"),
        primary="meeting_id",
    )


def _rules(table: str, **rules: str) -> list[sa.CheckConstraint]:
    """The rules of a table under their names."""
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _unique_name() -> str:
    """The name of the rule that let a person answer once."""
    return op.f("uq_confidential_response_wave_id_pair_key_respondent_key")


def _checked(name: str, values: tuple[str, ...]) -> sa.Enum:
    """A text that is one of these values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _key_to(target: str, table: str, column: str) -> sa.ForeignKeyConstraint:
    """A foreign key to another table's id."""
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"
    )


def _create(table: str, *parts: Any, primary: str, **options: Any) -> None:
    """Create a table with its primary key."""
    op.create_table(table, *parts, sa.PrimaryKeyConstraint(primary, name=op.f(f"pk_{table}")), **options)
