"""The statements of privacy that were shown, which one somebody saw, and names that come to an end."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.String(32)
DIGEST = sa.String(64)
BEFORE = ("link", "comments", "answers", "goals", "messages")
KINDS = (*BEFORE, "contacts")


def upgrade() -> None:
    op.create_table(
        "privacy_statement",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("promise", DIGEST, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("shown_first_on", sa.Date(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_privacy_statement")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_privacy_statement_program_id"), "privacy_statement", ["program_id"])
    op.add_column("confidential_response", sa.Column("statement_digest", DIGEST, nullable=True))
    _remake_steps(KINDS)


def downgrade() -> None:
    op.execute("DELETE FROM retention_step WHERE kind = 'contacts'")
    _remake_steps(BEFORE)
    op.drop_column("confidential_response", "statement_digest")
    op.drop_table("privacy_statement")


def _remake_steps(kinds: tuple[str, ...]) -> None:
    """Make the table anew: SQLite cannot change a constraint."""
    connection = op.get_bind()
    table = sa.table(
        "retention_step", sa.column("cohort_id"), sa.column("kind"), sa.column("done_on", sa.Date())
    )
    rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    op.drop_table("retention_step")
    kind = sa.Enum(*kinds, name="kind", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "retention_step",
        sa.Column("cohort_id", KEY, nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("done_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohort.id"], name=op.f("fk_retention_step_cohort_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cohort_id", "kind", name=op.f("pk_retention_step")),
    )
    if rows:
        connection.execute(sa.insert(table), rows)
