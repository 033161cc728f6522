"""Who may sign in, for which programme, and how often they may try."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from surveys.models.base import Base, Digest, Key, LocaleCode, PrimaryKey, enum_column


class MembershipRole(StrEnum):
    """What a user may be in a programme."""

    COORDINATOR = "coordinator"
    RESEARCHER = "researcher"
    # Reads comments and writes themes, under a signed rule of confidentiality; never a coordinator of the same programme.
    MODERATOR = "moderator"
    # A works council or a data protection officer: reads the audit log and the rules, nothing else.
    OVERSEER = "overseer"
    # One of the two without whom nobody breaks the glass.
    CUSTODIAN = "custodian"


class User(Base):
    """Somebody with an office who signs in; participants have links, not accounts."""

    __tablename__ = "access_user"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    # Read only where somebody signs in: the database lets no other room see it.
    password_hash: Mapped[str] = mapped_column(String(255), deferred=True)
    locale: Mapped[LocaleCode]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    memberships: Mapped[list["Membership"]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )


class Membership(Base):
    """A user's role in a programme."""

    __tablename__ = "access_membership"

    user_id: Mapped[Key] = mapped_column(ForeignKey("access_user.id", ondelete="CASCADE"), primary_key=True)
    program_id: Mapped[Key] = mapped_column(
        ForeignKey("program.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[MembershipRole] = mapped_column(enum_column(MembershipRole, "role"), primary_key=True)

    user: Mapped[User] = relationship(back_populates="memberships")


class Pledge(Base):
    """That a moderator signed the rule of confidentiality for a programme: on which day, and which text of it."""

    __tablename__ = "access_pledge"

    user_id: Mapped[Key] = mapped_column(ForeignKey("access_user.id", ondelete="CASCADE"), primary_key=True)
    program_id: Mapped[Key] = mapped_column(
        ForeignKey("program.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    digest: Mapped[Digest] = mapped_column(primary_key=True)
    signed_on: Mapped[date]


class UserSession(Base):
    """A signed-in browser; the token itself is only in the browser's cookie."""

    __tablename__ = "access_session"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_later"),)

    token_hash: Mapped[Digest] = mapped_column(primary_key=True)
    user_id: Mapped[Key] = mapped_column(ForeignKey("access_user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]


class RateCounter(Base):
    """How often something was tried in a window of time; the key is hashed, because it may hold an address."""

    __tablename__ = "access_rate"
    __table_args__ = (CheckConstraint("count > 0", name="positive"),)

    key: Mapped[Digest] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    count: Mapped[int]
