"""The first schema: programme, access, the three streams, and the link between names and pseudonyms."""

import sqlalchemy as sa
from alembic import op

from surveys.database import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String(32)
DIGEST = sa.String(64)
MOMENT = UTCDateTime()


def choice(name: str, *values: str) -> sa.Enum:
    """A text column that takes only these values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    op.create_table(
        "access_rate",
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("window_start", MOMENT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("count > 0", name=op.f("ck_access_rate_positive")),
        sa.PrimaryKeyConstraint("key", "window_start", name=op.f("pk_access_rate")),
    )
    op.create_index(op.f("ix_access_rate_window_start"), "access_rate", ["window_start"])
    op.create_table(
        "access_user",
        sa.Column("id", KEY, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("disabled_at", MOMENT),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_access_user_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_user")),
        sa.UniqueConstraint("email", name=op.f("uq_access_user_email")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", KEY, nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("program_id", KEY),
        sa.Column("wave_id", KEY),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_happened_at"), "audit_event", ["happened_at"])
    op.create_index(op.f("ix_audit_event_program_id"), "audit_event", ["program_id"])
    op.create_table(
        "confidential_respondent",
        sa.Column("key", KEY, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_confidential_respondent")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "program",
        sa.Column("id", KEY, nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("floor", sa.Integer(), nullable=False),
        sa.Column("picks", sa.JSON(), nullable=False),
        sa.Column("default_locale", sa.String(16), nullable=False),
        sa.Column("instrument_id", sa.String(64)),
        sa.Column("instrument_version", sa.String(32)),
        sa.Column("retired_on", sa.Date()),
        sa.CheckConstraint("floor >= 5", name=op.f("ck_program_floor_minimum")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program")),
        sa.UniqueConstraint("slug", name=op.f("uq_program_slug")),
    )
    op.create_table(
        "pseudonym_key",
        sa.Column("name", sa.String(8), nullable=False),
        sa.Column("fingerprint", DIGEST, nullable=False),
        sa.CheckConstraint("name = 'link'", name=op.f("ck_pseudonym_key_one_key")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pseudonym_key")),
    )
    op.create_table(
        "pseudonym_link",
        sa.Column("lookup", DIGEST, nullable=False),
        sa.Column("sealed", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("lookup", name=op.f("pk_pseudonym_link")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_membership",
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("role", choice("role", "coordinator", "researcher"), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_access_membership_program_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["access_user.id"], name=op.f("fk_access_membership_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "program_id", "role", name=op.f("pk_access_membership")),
    )
    op.create_index(op.f("ix_access_membership_program_id"), "access_membership", ["program_id"])
    op.create_table(
        "access_session",
        sa.Column("token_hash", DIGEST, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_access_session_expires_later")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["access_user.id"], name=op.f("fk_access_session_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_session")),
    )
    op.create_index(op.f("ix_access_session_expires_at"), "access_session", ["expires_at"])
    op.create_index(op.f("ix_access_session_user_id"), "access_session", ["user_id"])
    op.create_table(
        "cohort",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("starts_on", sa.Date()),
        sa.Column("ends_on", sa.Date()),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_cohort_dates")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_cohort_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort")),
        sa.UniqueConstraint("program_id", "name", name=op.f("uq_cohort_program_id_name")),
    )
    op.create_table(
        "participant",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("role", choice("role", "mentor", "mentee"), nullable=False),
        sa.Column("surveys_ended_on", sa.Date()),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_participant_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
    )
    op.create_index(op.f("ix_participant_program_id"), "participant", ["program_id"])
    op.create_table(
        "addressed_message",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participant.id"],
            name=op.f("fk_addressed_message_participant_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_addressed_message_program_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addressed_message")),
    )
    op.create_index(op.f("ix_addressed_message_participant_id"), "addressed_message", ["participant_id"])
    op.create_index(op.f("ix_addressed_message_program_id"), "addressed_message", ["program_id"])
    op.create_table(
        "contact",
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("locale", sa.String(16)),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_contact_email_lower")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_contact_participant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_contact")),
    )
    op.create_index(op.f("ix_contact_email"), "contact", ["email"])
    op.create_table(
        "pair",
        sa.Column("id", KEY, nullable=False),
        sa.Column("cohort_id", KEY, nullable=False),
        sa.Column("mentor_id", KEY, nullable=False),
        sa.Column("mentee_id", KEY, nullable=False),
        sa.Column("started_on", sa.Date()),
        sa.Column("ended_on", sa.Date()),
        sa.Column("reporting_line", choice("reporting_line", "none", "indirect", "direct"), nullable=False),
        sa.CheckConstraint("ended_on >= started_on", name=op.f("ck_pair_dates")),
        sa.CheckConstraint("mentor_id <> mentee_id", name=op.f("ck_pair_two_people")),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohort.id"], name=op.f("fk_pair_cohort_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mentee_id"], ["participant.id"], name=op.f("fk_pair_mentee_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["participant.id"], name=op.f("fk_pair_mentor_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pair")),
        sa.UniqueConstraint(
            "cohort_id", "mentor_id", "mentee_id", name=op.f("uq_pair_cohort_id_mentor_id_mentee_id")
        ),
    )
    op.create_index(op.f("ix_pair_mentee_id"), "pair", ["mentee_id"])
    op.create_index(op.f("ix_pair_mentor_id"), "pair", ["mentor_id"])
    op.create_table(
        "wave",
        sa.Column("id", KEY, nullable=False),
        sa.Column("cohort_id", KEY, nullable=False),
        sa.Column("kind", choice("kind", "T0", "TC", "T2", "T3a", "T3b", "T4", "PL"), nullable=False),
        sa.Column("instrument_id", sa.String(64), nullable=False),
        sa.Column("instrument_version", sa.String(32), nullable=False),
        sa.Column("instrument_digest", DIGEST, nullable=False),
        sa.Column("picks", sa.JSON(), nullable=False),
        sa.Column("floor", sa.Integer()),
        sa.Column("opens_at", MOMENT, nullable=False),
        sa.Column("closes_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.CheckConstraint(
            "closed_at IS NULL OR closed_at >= opens_at", name=op.f("ck_wave_closed_after_opening")
        ),
        sa.CheckConstraint("floor IS NULL OR floor >= 5", name=op.f("ck_wave_floor_minimum")),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_wave_window")),
        sa.ForeignKeyConstraint(
            ["cohort_id"], ["cohort.id"], name=op.f("fk_wave_cohort_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave")),
        sa.UniqueConstraint("cohort_id", "kind", name=op.f("uq_wave_cohort_id_kind")),
    )
    op.create_table(
        "confidential_response",
        sa.Column("key", KEY, nullable=False),
        sa.Column("respondent_key", KEY, nullable=False),
        sa.Column("pair_key", KEY, nullable=False),
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("role", choice("role", "mentor", "mentee"), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("locale_digest", DIGEST, nullable=False),
        sa.Column("instrument_version", sa.String(32), nullable=False),
        sa.Column("instrument_digest", DIGEST, nullable=False),
        sa.Column("state", choice("state", "draft", "submitted", "withdrawn"), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("submitted_on", sa.Date()),
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
        sa.PrimaryKeyConstraint("key", name=op.f("pk_confidential_response")),
        sa.UniqueConstraint(
            "wave_id",
            "pair_key",
            "respondent_key",
            name=op.f("uq_confidential_response_wave_id_pair_key_respondent_key"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_confidential_response_respondent_key"), "confidential_response", ["respondent_key"]
    )
    op.create_table(
        "invitation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("pair_id", KEY, nullable=False),
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("token_hash", DIGEST, nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["pair.id"], name=op.f("fk_invitation_pair_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participant.id"],
            name=op.f("fk_invitation_participant_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_invitation_wave_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index(op.f("ix_invitation_pair_id"), "invitation", ["pair_id"])
    op.create_index(op.f("ix_invitation_participant_id"), "invitation", ["participant_id"])
    op.create_index(op.f("ix_invitation_wave_id"), "invitation", ["wave_id"])
    op.create_index(
        "uq_invitation_active",
        "invitation",
        ["wave_id", "pair_id", "participant_id"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "shared_goal",
        sa.Column("id", KEY, nullable=False),
        sa.Column("pair_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_shared_goal_position")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_shared_goal_weight")),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["pair.id"], name=op.f("fk_shared_goal_pair_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_goal")),
        sa.UniqueConstraint("pair_id", "position", name=op.f("uq_shared_goal_pair_id_position")),
    )
    op.create_table(
        "wave_release",
        sa.Column("id", KEY, nullable=False),
        sa.Column("wave_id", KEY, nullable=False),
        sa.Column("frozen_on", sa.Date(), nullable=False),
        sa.Column("rules_version", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_wave_release_wave_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave_release")),
        sa.UniqueConstraint("wave_id", name=op.f("uq_wave_release_wave_id")),
    )
    op.create_table(
        "confidential_answer",
        sa.Column("response_key", KEY, nullable=False),
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("code", sa.SmallInteger()),
        sa.Column("missing", choice("missing", "not_applicable", "prefer_not")),
        sa.CheckConstraint(
            "(code IS NULL) <> (missing IS NULL)", name=op.f("ck_confidential_answer_code_or_missing")
        ),
        sa.ForeignKeyConstraint(
            ["response_key"],
            ["confidential_response.key"],
            name=op.f("fk_confidential_answer_response_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("response_key", "item_id", name=op.f("pk_confidential_answer")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "confidential_comment",
        sa.Column("key", KEY, nullable=False),
        sa.Column("response_key", KEY, nullable=False),
        sa.Column("item_id", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["response_key"],
            ["confidential_response.key"],
            name=op.f("fk_confidential_comment_response_key"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_confidential_comment")),
        sa.UniqueConstraint(
            "response_key", "item_id", name=op.f("uq_confidential_comment_response_key_item_id")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "confidential_group",
        sa.Column("key", KEY, nullable=False),
        sa.Column("release_id", KEY, nullable=False),
        sa.Column("quantity", sa.String(120), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("pairs", sa.JSON(), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["wave_release.id"],
            name=op.f("fk_confidential_group_release_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_confidential_group")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_confidential_group_release_id"), "confidential_group", ["release_id"])
    # ### end Alembic commands ###

    protect_audit_log()


def protect_audit_log() -> None:
    """The log is written once: no row changes, and none is deleted before its 36 months are over."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_event_unchanged BEFORE UPDATE ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event "
            "WHEN OLD.happened_at > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-36 months') "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_event_unchanged BEFORE UPDATE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event FOR EACH ROW "
        "WHEN (OLD.happened_at > now() - interval '36 months') EXECUTE FUNCTION audit_event_refuse()"
    )


def downgrade() -> None:
    for table in (
        "confidential_group",
        "confidential_comment",
        "confidential_answer",
        "wave_release",
        "shared_goal",
        "invitation",
        "confidential_response",
        "wave",
        "pair",
        "contact",
        "addressed_message",
        "participant",
        "cohort",
        "access_session",
        "access_membership",
        "pseudonym_link",
        "pseudonym_key",
        "program",
        "confidential_respondent",
        "audit_event",
        "access_user",
        "access_rate",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_event_refuse()")
