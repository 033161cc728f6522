"""Who else has a part in a programme: moderators, overseers and custodians sign in; people to turn to are named."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String(32)
BEFORE = ("coordinator", "researcher")
OFFICES = (*BEFORE, "moderator", "overseer", "custodian")
KINDS = ("neutral", "external", "safeguarding", "moderator", "protection")


def upgrade() -> None:
    _remake_memberships(OFFICES)
    kind = sa.Enum(*KINDS, name="kind", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "program_contact",
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("reach", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_program_contact_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("program_id", "kind", name=op.f("pk_program_contact")),
    )


def downgrade() -> None:
    op.drop_table("program_contact")
    op.execute("DELETE FROM access_membership WHERE role NOT IN ('coordinator', 'researcher')")
    _remake_memberships(BEFORE)


def _remake_memberships(roles: tuple[str, ...]) -> None:
    """Make the table anew: SQLite cannot change a constraint."""
    connection = op.get_bind()
    columns = ("user_id", "program_id", "role")
    table = sa.table("access_membership", *(sa.column(name) for name in columns))
    rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    op.drop_table("access_membership")
    role = sa.Enum(*roles, name="role", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "access_membership",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("role", role, nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_access_membership_program_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["access_user.id"], name=op.f("fk_access_membership_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "program_id", "role", name=op.f("pk_access_membership")),
    )
    op.create_index(op.f("ix_access_membership_program_id"), "access_membership", ["program_id"])
    if rows:
        connection.execute(sa.insert(table), rows)
