"""Comments become themes: the author's tick, the moderator's pledge, drafts of themes, and themes as published."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.String(32)
DIGEST = sa.String(64)
ITEM = sa.String(64)


def upgrade() -> None:
    op.add_column(
        "confidential_comment",
        sa.Column("may_be_quoted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "access_pledge",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_access_pledge_program_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["access_user.id"], name=op.f("fk_access_pledge_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "program_id", "digest", name=op.f("pk_access_pledge")),
    )
    op.create_index(op.f("ix_access_pledge_program_id"), "access_pledge", ["program_id"])
    op.create_table(
        "confidential_theme",
        sa.Column("key", KEY, nullable=False),
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("item_id", ITEM, nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_confidential_theme_version")),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_confidential_theme_wave_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_confidential_theme")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_confidential_theme_wave_id"), "confidential_theme", ["wave_id"])
    op.create_table(
        "confidential_theme_support",
        sa.Column("theme_key", KEY, nullable=False),
        sa.Column("comment_key", KEY, nullable=False),
        sa.Column("quote", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["theme_key"],
            ["confidential_theme.key"],
            name=op.f("fk_confidential_theme_support_theme_key"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["comment_key"],
            ["confidential_comment.key"],
            name=op.f("fk_confidential_theme_support_comment_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("theme_key", "comment_key", name=op.f("pk_confidential_theme_support")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_confidential_theme_support_comment_key"), "confidential_theme_support", ["comment_key"]
    )
    op.create_table(
        "wave_themes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("item_id", ITEM, nullable=False),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_wave_themes_wave_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave_themes")),
        sa.UniqueConstraint("wave_id", "item_id", name=op.f("uq_wave_themes_wave_id_item_id")),
    )


def downgrade() -> None:
    for table in ("wave_themes", "confidential_theme_support", "confidential_theme", "access_pledge"):
        op.drop_table(table)
    op.drop_column("confidential_comment", "may_be_quoted")
