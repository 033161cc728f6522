"""Invitations and reminders by mail, people who want none, addresses that do not work, and time zones."""

import sqlalchemy as sa
from alembic import op

from surveys.database import UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.String(32)
STATES = ("waiting", "claimed", "handed_over", "done", "given_up")


def upgrade() -> None:
    op.add_column("contact", sa.Column("time_zone", sa.String(64)))
    op.add_column("contact", sa.Column("bounced", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column(
        "wave", sa.Column("invites_by_mail", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    make_mails("outbox_invitation", ())
    make_mails(
        "outbox_reminder",
        (
            sa.Column("number", sa.SmallInteger(), nullable=False),
            sa.Column("address_digest", sa.String(64), nullable=False),
            sa.CheckConstraint("number IN (1, 2)", name=op.f("ck_outbox_reminder_number")),
        ),
    )
    op.create_table(
        "mail_stop",
        sa.Column("participant_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["contact.participant_id"],
            name=op.f("fk_mail_stop_participant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_mail_stop")),
        sqlite_with_rowid=False,
    )


def make_mails(table: str, more: tuple[sa.schema.SchemaItem, ...]) -> None:
    state = sa.Enum(*STATES, name="state", native_enum=False, create_constraint=True, length=16)
    unique = ["wave_id", "pair_id", "participant_id", *(["number"] if more else [])]
    op.create_table(
        table,
        sa.Column("id", KEY, nullable=False),
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("pair_id", KEY, nullable=False),
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("state", state, nullable=False),
        sa.Column("held_by", KEY),
        *more,
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
            for column, target in (
                ("wave_id", "wave.id"),
                ("pair_id", "pair.id"),
                ("participant_id", "contact.participant_id"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(*unique, name=op.f(f"uq_{table}_{'_'.join(unique)}")),
        sqlite_with_rowid=not more,
    )
    for column in ("participant_id", "due_at"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table in ("mail_stop", "outbox_reminder", "outbox_invitation"):
        op.drop_table(table)
    op.drop_column("wave", "invites_by_mail")
    op.drop_column("contact", "bounced")
    op.drop_column("contact", "time_zone")
