"""How long pages take, as counts over all programmes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WAVE_KINDS = ("T0", "TC", "T2", "T3a", "T3b", "T4", "PL")
PLACE = ("instrument_id", "version", "wave_kind", "role", "page", "seconds")
ROLES = ("mentor", "mentee")


def upgrade() -> None:
    wave_kind = sa.Enum(*WAVE_KINDS, name="wave_kind", native_enum=False, create_constraint=True, length=16)
    role = sa.Enum(*ROLES, name="role", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "page_pace",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("wave_kind", wave_kind, nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("page", sa.SmallInteger(), nullable=False),
        sa.Column("seconds", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("n > 0", name=op.f("ck_page_pace_n")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_page_pace")),
        sa.UniqueConstraint(*PLACE, name=op.f("uq_page_pace_" + "_".join(PLACE))),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("page_pace")
