"""Stream A, confidential: answers under a pseudonym. No foreign key and no column leads from here to a person or a pair.

Keys are random, dates have no times, and on SQLite the tables have no row numbers, so that the order in which answers came in
cannot be laid beside the order in which links were sent out.
"""

from datetime import date
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, SmallInteger, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from instruments.model import Missing, Role
from surveys.models.base import Base, Digest, Key, LocaleCode, PrimaryKey, enum_column

WITHOUT_ROWID = {"sqlite_with_rowid": False}


class ResponseState(StrEnum):
    """How far a response is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    WITHDRAWN = "withdrawn"


class Respondent(Base):
    """The pseudonym under which one person's answers in one programme are kept."""

    __tablename__ = "confidential_respondent"
    __table_args__ = (WITHOUT_ROWID,)

    key: Mapped[PrimaryKey]


class Response(Base):
    """One respondent's answers to one wave about one pair, with the exact questionnaire they saw.

    A draft has a respondent and a pair key of its own, which lead to no pseudonym. Once it is sent `started_on` is `submitted_on`.
    A pulse can be given several times: `occasion` tells a person's pulses apart, and `month` is all that is kept of its day. Meetings
    have days and names on another side, beside which a day would tell who stands behind a pulse. Elsewhere `occasion` is 1.
    """

    __tablename__ = "confidential_response"
    __table_args__ = (
        UniqueConstraint(
            "wave_id", "pair_key", "respondent_key", "occasion", name="uq_confidential_response_occasion"
        ),
        CheckConstraint("occasion > 0", name="occasion"),
        CheckConstraint("month IS NULL OR (started_on = month AND submitted_on = month)", name="month"),
        CheckConstraint("(state = 'submitted') = (submitted_on IS NOT NULL)", name="submitted_on"),
        WITHOUT_ROWID,
    )

    key: Mapped[PrimaryKey]
    respondent_key: Mapped[Key] = mapped_column(
        ForeignKey("confidential_respondent.key", ondelete="CASCADE"), index=True
    )
    pair_key: Mapped[Key]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="RESTRICT"))
    role: Mapped[Role] = mapped_column(enum_column(Role, "role"))
    locale: Mapped[LocaleCode]
    locale_digest: Mapped[Digest]
    instrument_version: Mapped[str] = mapped_column(String(32))
    instrument_digest: Mapped[Digest]
    # Which statement of privacy was read: the same for everybody who read it, so it tells nobody apart.
    statement_digest: Mapped[Digest | None]
    state: Mapped[ResponseState] = mapped_column(enum_column(ResponseState, "state"))
    started_on: Mapped[date]
    submitted_on: Mapped[date | None]
    occasion: Mapped[int] = mapped_column(default=1, server_default="1")
    month: Mapped[date | None]


class Answer(Base):
    """A raw code or the reason why there is none; an item that was skipped has no row."""

    __tablename__ = "confidential_answer"
    __table_args__ = (
        CheckConstraint("(code IS NULL) <> (missing IS NULL)", name="code_or_missing"),
        WITHOUT_ROWID,
    )

    response_key: Mapped[Key] = mapped_column(
        ForeignKey("confidential_response.key", ondelete="CASCADE"), primary_key=True
    )
    item_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[int | None] = mapped_column(SmallInteger)
    missing: Mapped[Missing | None] = mapped_column(enum_column(Missing, "missing"))


class Comment(Base):
    """What somebody wrote in their own words, apart from the codes, because it is kept for a shorter time."""

    __tablename__ = "confidential_comment"
    __table_args__ = (UniqueConstraint("response_key", "item_id"), WITHOUT_ROWID)

    key: Mapped[PrimaryKey]
    response_key: Mapped[Key] = mapped_column(ForeignKey("confidential_response.key", ondelete="CASCADE"))
    item_id: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    # The author's own tick; without it no word of the comment is ever quoted.
    may_be_quoted: Mapped[bool] = mapped_column(default=False, server_default=false())


class Theme(Base):
    """What several comments on a question say, in a moderator's words; who wrote it down is not kept.

    `version` grows with every change, so that two moderators who edit at once notice each other.
    """

    __tablename__ = "confidential_theme"
    __table_args__ = (CheckConstraint("version > 0", name="version"), WITHOUT_ROWID)

    key: Mapped[PrimaryKey]
    wave_id: Mapped[Key] = mapped_column(ForeignKey("wave.id", ondelete="RESTRICT"), index=True)
    item_id: Mapped[str] = mapped_column(String(64))
    locale: Mapped[LocaleCode]
    title: Mapped[str] = mapped_column(String(120))
    summary: Mapped[str] = mapped_column(Text)
    version: Mapped[int]


class ThemeSupport(Base):
    """That a comment supports a theme, and what of it is quoted there, masked; gone with the comment or the theme."""

    __tablename__ = "confidential_theme_support"
    __table_args__ = (WITHOUT_ROWID,)

    theme_key: Mapped[Key] = mapped_column(
        ForeignKey("confidential_theme.key", ondelete="CASCADE"), primary_key=True
    )
    comment_key: Mapped[Key] = mapped_column(
        ForeignKey("confidential_comment.key", ondelete="CASCADE"), primary_key=True, index=True
    )
    quote: Mapped[str | None] = mapped_column(Text)


class PublishedGroup(Base):
    """Which pseudonyms stand behind a released number, so that no later release can be subtracted from it."""

    __tablename__ = "confidential_group"
    __table_args__ = (WITHOUT_ROWID,)

    key: Mapped[PrimaryKey]
    release_id: Mapped[Key] = mapped_column(ForeignKey("wave_release.id", ondelete="RESTRICT"), index=True)
    quantity: Mapped[str] = mapped_column(String(120))
    members: Mapped[list[str]] = mapped_column(JSON)
    pairs: Mapped[list[str]] = mapped_column(JSON)
    sensitive: Mapped[bool]
