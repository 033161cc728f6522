"""The programme side: who takes part, with whom, and when they are asked. Names live here, answers never do."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from instruments.model import Role, WaveKind
from surveys.models.base import Base, Digest, Key, LocaleCode, Picks, PrimaryKey, enum_column

# Below five people a mean lets the others guess; the promise on the first page names this number.
MINIMUM_FLOOR = 5


class ReportingLine(StrEnum):
    """Whether one partner of a pair reports to the other."""

    NONE = "none"
    INDIRECT = "indirect"
    DIRECT = "direct"


class ContactKind(StrEnum):
    """Which office a named person or service holds in a programme."""

    NEUTRAL = "neutral"
    EXTERNAL = "external"
    SAFEGUARDING = "safeguarding"
    MODERATOR = "moderator"
    PROTECTION = "protection"


class Program(Base):
    """A reverse-mentoring programme of one organisation."""

    __tablename__ = "program"
    __table_args__ = (CheckConstraint(f"floor >= {MINIMUM_FLOOR}", name="floor_minimum"),)

    id: Mapped[PrimaryKey]
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    organisation: Mapped[str] = mapped_column(String(200))
    floor: Mapped[int]
    picks: Mapped[Picks]
    default_locale: Mapped[LocaleCode]
    instrument_id: Mapped[str | None] = mapped_column(String(64))
    instrument_version: Mapped[str | None] = mapped_column(String(32))
    retired_on: Mapped[date | None]

    cohorts: Mapped[list["Cohort"]] = relationship(
        back_populates="program", passive_deletes=True, order_by="Cohort.starts_on, Cohort.name"
    )


class ProgramContact(Base):
    """Whom a participant of a programme may turn to, and how; shown on the participant's pages as it stands here."""

    __tablename__ = "program_contact"

    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[ContactKind] = mapped_column(enum_column(ContactKind, "kind"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    reach: Mapped[str] = mapped_column(String(500))


class DraftAcknowledgement(Base):
    """That a programme offers a translation nobody has approved, although its owner was told what that means.

    The digest names the words; nobody is named where the demo or an operator did it.
    """

    __tablename__ = "draft_acknowledgement"

    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"), primary_key=True)
    instrument_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    instrument_version: Mapped[str] = mapped_column(String(32), primary_key=True)
    locale: Mapped[LocaleCode] = mapped_column(primary_key=True)
    locale_digest: Mapped[Digest] = mapped_column(primary_key=True)
    acknowledged_by: Mapped[Key | None] = mapped_column(ForeignKey("access_user.id", ondelete="RESTRICT"))
    acknowledged_at: Mapped[datetime]


class Cohort(Base):
    """Pairs of a programme that start together and are compared as a group."""

    __tablename__ = "cohort"
    __table_args__ = (
        UniqueConstraint("program_id", "name"),
        CheckConstraint("ends_on >= starts_on", name="dates"),
    )

    id: Mapped[PrimaryKey]
    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]

    program: Mapped[Program] = relationship(back_populates="cohorts")
    pairs: Mapped[list["Pair"]] = relationship(back_populates="cohort", passive_deletes=True)
    waves: Mapped[list["Wave"]] = relationship(
        back_populates="cohort", passive_deletes=True, order_by="Wave.opens_at"
    )


class Participant(Base):
    """A person in one role in a programme, without name or address."""

    __tablename__ = "participant"

    id: Mapped[PrimaryKey]
    program_id: Mapped[Key] = mapped_column(ForeignKey("program.id", ondelete="CASCADE"), index=True)
    role: Mapped[Role] = mapped_column(enum_column(Role, "role"))
    # Set when the person no longer wants to be asked. It is the person's own decision and shown to nobody.
    surveys_ended_on: Mapped[date | None]

    program: Mapped[Program] = relationship()
    contact: Mapped["Contact | None"] = relationship(
        back_populates="participant", cascade="all, delete-orphan", passive_deletes=True, single_parent=True
    )

    @property
    def name(self) -> str | None:
        """The person's name, None once it has been destroyed."""
        return self.contact.name if self.contact is not None else None


class Contact(Base):
    """Name and address of a participant, in a row of its own that can be destroyed."""

    __tablename__ = "contact"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    participant_id: Mapped[Key] = mapped_column(
        ForeignKey("participant.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254), index=True)
    locale: Mapped[LocaleCode | None]
    # Where it is night for this person; the deployment's own zone where nobody said.
    time_zone: Mapped[str | None] = mapped_column(String(64))
    # That an invitation came back from this address. Reminders never set it: it would tell who was sent one.
    bounced: Mapped[bool] = mapped_column(default=False, server_default=false())

    participant: Mapped[Participant] = relationship(back_populates="contact")


class Pair(Base):
    """A mentor (junior) and a mentee (senior) who meet; one person may be in several pairs."""

    __tablename__ = "pair"
    __table_args__ = (
        UniqueConstraint("cohort_id", "mentor_id", "mentee_id"),
        CheckConstraint("mentor_id <> mentee_id", name="two_people"),
        CheckConstraint("ended_on >= started_on", name="dates"),
    )

    id: Mapped[PrimaryKey]
    cohort_id: Mapped[Key] = mapped_column(ForeignKey("cohort.id", ondelete="CASCADE"))
    mentor_id: Mapped[Key] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"), index=True)
    mentee_id: Mapped[Key] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"), index=True)
    started_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    reporting_line: Mapped[ReportingLine] = mapped_column(enum_column(ReportingLine, "reporting_line"))

    cohort: Mapped[Cohort] = relationship(back_populates="pairs")
    mentor: Mapped[Participant] = relationship(foreign_keys=[mentor_id])
    mentee: Mapped[Participant] = relationship(foreign_keys=[mentee_id])

    def partner_of(self, participant_id: str) -> Participant:
        """The other person of the pair."""
        return self.mentee if self.mentor_id == participant_id else self.mentor


class Wave(Base):
    """A measurement occasion of a cohort: a window, and the exact questionnaire asked in it."""

    __tablename__ = "wave"
    __table_args__ = (
        UniqueConstraint("cohort_id", "kind"),
        CheckConstraint("opens_at < closes_at", name="window"),
        CheckConstraint("closed_at IS NULL OR closed_at >= opens_at", name="closed_after_opening"),
        CheckConstraint(f"floor IS NULL OR floor >= {MINIMUM_FLOOR}", name="floor_minimum"),
    )

    id: Mapped[PrimaryKey]
    cohort_id: Mapped[Key] = mapped_column(ForeignKey("cohort.id", ondelete="CASCADE"))
    kind: Mapped[WaveKind] = mapped_column(enum_column(WaveKind, "kind"))
    instrument_id: Mapped[str] = mapped_column(String(64))
    instrument_version: Mapped[str] = mapped_column(String(32))
    instrument_digest: Mapped[Digest]
    picks: Mapped[Picks]
    # The languages in which it may be answered; empty for waves that were planned before drafts had to be acknowledged.
    locales: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    # Empty until the first invitation, which freezes it: from then on it is the number that people were promised.
    floor: Mapped[int | None]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    # That the system still has to invite, which it does by mail as soon as the wave is open.
    invites_by_mail: Mapped[bool] = mapped_column(default=False, server_default=false())

    cohort: Mapped[Cohort] = relationship(back_populates="waves")


class Invitation(Base):
    """One person's link to one wave for one pair. Whether it was used is known nowhere on this side."""

    __tablename__ = "invitation"
    __table_args__ = (
        Index(
            "uq_invitation_active",
            "wave_id",
            "pair_id",
            "participant_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="CASCADE"), index=True)
    pair_id: Mapped[Key] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), index=True)
    participant_id: Mapped[Key] = mapped_column(ForeignKey("participant.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[Digest] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    wave: Mapped[Wave] = relationship()
    pair: Mapped[Pair] = relationship()
    participant: Mapped[Participant] = relationship()


class Release(Base):
    """The frozen results of a closed wave, as they were audited and will be shown at every exit."""

    __tablename__ = "wave_release"

    id: Mapped[PrimaryKey]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="RESTRICT"), unique=True)
    frozen_on: Mapped[date]
    rules_version: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[Digest]

    wave: Mapped[Wave] = relationship()


class WaveThemes(Base):
    """The themes of the comments on one question of a wave as they were published, once; no comment can be reached from here."""

    __tablename__ = "wave_themes"
    __table_args__ = (UniqueConstraint("wave_id", "item_id"),)

    id: Mapped[PrimaryKey]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="RESTRICT"))
    item_id: Mapped[str] = mapped_column(String(64))
    published_on: Mapped[date]
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[Digest]
