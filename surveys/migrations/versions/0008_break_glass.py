"""Requests to read one named person's answers, which need two people."""

import sqlalchemy as sa
from alembic import op

from surveys.database import UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.String(32)
GROUNDS = ("court_order", "data_subject", "safeguarding", "incident")
DECISIONS = ("approved", "refused")


def upgrade() -> None:
    ground = sa.Enum(*GROUNDS, name="ground", native_enum=False, create_constraint=True, length=16)
    decision = sa.Enum(*DECISIONS, name="decision", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "break_glass_request",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("ground", ground, nullable=False),
        sa.Column("reference", sa.String(24), nullable=False),
        sa.Column("requested_by", KEY, nullable=False),
        sa.Column("requested_at", UTCDateTime(), nullable=False),
        sa.Column("decision", decision),
        sa.Column("decided_by", KEY),
        sa.Column("decided_at", UTCDateTime()),
        sa.Column("opened_at", UTCDateTime()),
        sa.Column("expired_at", UTCDateTime()),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> requested_by", name=op.f("ck_break_glass_request_two_people")
        ),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL)",
            name=op.f("ck_break_glass_request_decided_whole"),
        ),
        sa.CheckConstraint(
            "opened_at IS NULL OR (decision IS NOT NULL AND decision = 'approved')",
            name=op.f("ck_break_glass_request_opened_approved"),
        ),
        sa.CheckConstraint(
            "expired_at IS NULL OR opened_at IS NULL", name=op.f("ck_break_glass_request_opened_or_expired")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"],
            ["access_user.id"],
            name=op.f("fk_break_glass_request_requested_by"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"],
            ["access_user.id"],
            name=op.f("fk_break_glass_request_decided_by"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glass_request")),
    )
    for column in ("program_id", "requested_at"):
        op.create_index(op.f(f"ix_break_glass_request_{column}"), "break_glass_request", [column])


def downgrade() -> None:
    op.drop_table("break_glass_request")
