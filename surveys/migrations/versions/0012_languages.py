"""The languages in which a wave may be answered, and who acknowledged that a translation is a draft.

Waves that were planned before keep every language that they had: nothing is withdrawn from people who answer at this moment.
"""

import sqlalchemy as sa
from alembic import op

from surveys.database import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.String(32)


def upgrade() -> None:
    op.add_column("wave", sa.Column("locales", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "draft_acknowledgement",
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("instrument_version", sa.String(32), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("locale_digest", sa.String(64), nullable=False),
        sa.Column("acknowledged_by", KEY, nullable=True),
        sa.Column("acknowledged_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["program.id"],
            name=op.f("fk_draft_acknowledgement_program_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"],
            ["access_user.id"],
            name=op.f("fk_draft_acknowledgement_acknowledged_by"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint(
            "program_id",
            "instrument_id",
            "instrument_version",
            "locale",
            "locale_digest",
            name=op.f("pk_draft_acknowledgement"),
        ),
    )


def downgrade() -> None:
    op.drop_table("draft_acknowledgement")
    op.drop_column("wave", "locales")
