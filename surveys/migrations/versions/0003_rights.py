"""Receipts of erasures, data packages that were made, and what the retention clock has done."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.String(32)
DIGEST = sa.String(64)
KINDS = ("link", "comments", "answers", "goals", "messages")


def upgrade() -> None:
    op.create_table(
        "erasure_receipt",
        sa.Column("code_digest", DIGEST, nullable=False),
        sa.Column("erased_on", sa.Date(), nullable=False),
        sa.Column("n_responses", sa.Integer(), nullable=False),
        sa.Column("n_answers", sa.Integer(), nullable=False),
        sa.Column("n_comments", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "n_responses >= 0 AND n_answers >= 0 AND n_comments >= 0", name=op.f("ck_erasure_receipt_counts")
        ),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_erasure_receipt")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "data_package",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("written_on", sa.Date(), nullable=False),
        sa.Column("purpose", sa.String(1000), nullable=False),
        sa.Column("wave_ids", sa.JSON(), nullable=False),
        sa.Column("manifest_digest", DIGEST, nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_data_package_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_package")),
    )
    op.create_index(op.f("ix_data_package_program_id"), "data_package", ["program_id"])
    kind = sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=16)
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


def downgrade() -> None:
    for table in ("retention_step", "data_package", "erasure_receipt"):
        op.drop_table(table)
