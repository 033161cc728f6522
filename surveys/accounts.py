"""People who sign in: passwords, sessions, memberships, and how often something may be tried."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload, undefer

from surveys.addresses import normalise_email
from surveys.audit import DISMISSED, NAMED, AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import AccessDeniedError, AccountError, SignInError
from surveys.models import (
    Contact,
    Membership,
    MembershipRole,
    Participant,
    Program,
    RateCounter,
    User,
    UserSession,
)
from surveys.roles import DatabaseRole, acting_as

MINIMUM_PASSWORD = 12
# A hash takes longer the longer the password is; nobody types more than this.
MAXIMUM_PASSWORD = 1024
SESSION_LIFETIME = timedelta(hours=12)
# Offices that one person may not hold in the same programme, however they came by them: nobody watches over what they
# do themselves, whoever knows one person's answers by name could find that person's pair in a data package, and who decides
# about people may not read what they write in confidence.
INCOMPATIBLE = frozenset(
    {
        frozenset({MembershipRole.MODERATOR, MembershipRole.COORDINATOR}),
        frozenset({MembershipRole.OVERSEER, MembershipRole.COORDINATOR}),
        frozenset({MembershipRole.OVERSEER, MembershipRole.RESEARCHER}),
        frozenset({MembershipRole.CUSTODIAN, MembershipRole.COORDINATOR}),
        frozenset({MembershipRole.CUSTODIAN, MembershipRole.RESEARCHER}),
    }
)
# Whoever may come to read what others wrote is no partner of any of them.
TAKE_NO_PART = frozenset({MembershipRole.MODERATOR, MembershipRole.CUSTODIAN})


class Hasher(Protocol):
    """What hashes passwords; tests pass a cheap one."""

    def hash(self, password: str) -> str:
        """A salted hash of the password."""
        ...

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether the password belongs to the hash."""
        ...

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker settings than today's."""
        ...

    def __hash__(self) -> int: ...


class Argon2Hasher:
    """Argon2id with the library's settings, which follow RFC 9106."""

    def __init__(self) -> None:
        from argon2 import PasswordHasher

        self._hasher = PasswordHasher()

    def hash(self, password: str) -> str:
        """A salted hash of the password."""
        return self._hasher.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether the password belongs to the hash."""
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker settings than today's."""
        return self._hasher.check_needs_rehash(password_hash)


@dataclass(frozen=True)
class RateState:
    """How often something was tried in the current window, and when the next window begins."""

    count: int
    limit: int
    resets_at: datetime

    @property
    def exceeded(self) -> bool:
        """Whether this try was one too many."""
        return self.count > self.limit


@lru_cache(maxsize=1)
def default_hasher() -> Hasher:
    """Argon2id, made at its first use, because the participant's path never needs it."""
    return Argon2Hasher()


@lru_cache(maxsize=8)
def _nobodys_hash(hasher: Hasher) -> str:
    """A hash that no password fits, made once for each hasher."""
    return hasher.hash(secrets.token_urlsafe(32))


def add_user(
    session: Session,
    *,
    email: str,
    name: str,
    password: str,
    locale: str = "en",
    now: datetime,
    hasher: Hasher | None = None,
    actor: User | None = None,
) -> User:
    """Add somebody who can sign in."""
    address = normalise_email(email)
    if address is None:
        raise AccountError("email", email=email)
    if session.scalar(select(User.id).where(User.email == address)) is not None:
        raise AccountError("email_taken", email=address)
    _check_password(password)
    user = User(
        email=address,
        name=name.strip() or address,
        password_hash=(hasher or default_hasher()).hash(password),
        locale=locale,
        created_at=as_utc(now),
    )
    session.add(user)
    session.flush()
    record_event(session, AuditAction.USER_ADDED, now=now, actor=actor)
    return user


def verify(session: Session, email: str, password: str, *, hasher: Hasher | None = None) -> User:
    """The user to whom address and password belong; raises SignInError, which does not say what was wrong.

    An unknown address costs one hash like a known one, so that the time taken does not tell who has an account.
    """
    hasher = hasher or default_hasher()
    nobodys = _nobodys_hash(hasher)
    address = normalise_email(email)
    wanted = select(User).where(User.email == address).options(undefer(User.password_hash))
    user = session.scalar(wanted) if address is not None else None
    fits = hasher.verify(
        user.password_hash if user is not None else nobodys, password[: MAXIMUM_PASSWORD + 1]
    )
    if user is None or not fits or user.disabled_at is not None:
        raise SignInError
    if hasher.needs_rehash(user.password_hash):
        user.password_hash = hasher.hash(password)
        session.flush()
    return user


def confirm_password(session: Session, user: User, password: str, *, hasher: Hasher | None = None) -> None:
    """Make sure that it is the user who sits at their signed-in browser; raises SignInError."""
    if verify(session, user.email, password, hasher=hasher).id != user.id:
        raise SignInError


def change_password(
    session: Session,
    user: User,
    password: str,
    *,
    now: datetime,
    hasher: Hasher | None = None,
    actor: User | None = None,
) -> None:
    """Set a new password and end every session that the old one opened."""
    _check_password(password)
    user.password_hash = (hasher or default_hasher()).hash(password)
    end_all_sessions(session, user, now=now)
    record_event(session, AuditAction.PASSWORD_CHANGED, now=now, actor=actor)


def disable_user(session: Session, user: User, *, now: datetime, actor: User | None = None) -> None:
    """Lock an account and end its sessions; doing so twice is harmless."""
    if user.disabled_at is None:
        user.disabled_at = as_utc(now)
        record_event(session, AuditAction.USER_DISABLED, now=now, actor=actor)
    end_all_sessions(session, user, now=now)


def find_user(session: Session, email: str) -> User | None:
    """The user with this address, if there is one."""
    address = normalise_email(email)
    return session.scalar(select(User).where(User.email == address)) if address is not None else None


def start_session(session: Session, user: User, *, now: datetime) -> str:
    """Open a session after a sign-in and give its token, of which only a hash is kept.

    The token is new each time, so that one planted in the browser before is worth nothing.
    """
    moment = as_utc(now)
    token = secrets.token_urlsafe(32)
    opened = UserSession(
        token_hash=_hash(token), user_id=user.id, created_at=moment, expires_at=moment + SESSION_LIFETIME
    )
    session.add(opened)
    session.flush()
    record_event(session, AuditAction.SIGNED_IN, now=now, actor=user)
    return token


def find_session(session: Session, token: str, *, now: datetime) -> User | None:
    """The user who is signed in with this token, with their memberships, if the session still holds; nothing is written."""
    statement = (
        select(User)
        .options(selectinload(User.memberships))
        .join(UserSession, UserSession.user_id == User.id)
        .where(
            UserSession.token_hash == _hash(token),
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > as_utc(now),
            User.disabled_at.is_(None),
        )
    )
    return session.scalar(statement)


def end_session(session: Session, token: str, *, now: datetime) -> None:
    """Sign out; an unknown token is ignored."""
    open_one = (UserSession.token_hash == _hash(token), UserSession.revoked_at.is_(None))
    session.execute(update(UserSession).where(*open_one).values(revoked_at=as_utc(now)))


def end_all_sessions(session: Session, user: User, *, now: datetime) -> None:
    """Sign a user out everywhere."""
    open_ones = (UserSession.user_id == user.id, UserSession.revoked_at.is_(None))
    session.execute(update(UserSession).where(*open_ones).values(revoked_at=as_utc(now)))
    session.flush()


def add_membership(
    session: Session,
    user: User,
    program: Program,
    role: MembershipRole | str,
    *,
    now: datetime,
    actor: User | None = None,
) -> Membership:
    """Give a user an office in a programme; doing so twice is harmless.

    Raises AccountError if the user holds one there that does not go together with it (INCOMPATIBLE), and for somebody who takes part
    in the programme and is to moderate or guard it.
    """
    kind = MembershipRole(role)
    # Two offices given at the same moment must not miss each other.
    session.execute(select(User.id).where(User.id == user.id).with_for_update())
    known = session.get(Membership, (user.id, program.id, kind))
    if known is not None:
        return known
    _check_offices(session, user, program, kind)
    membership = Membership(user_id=user.id, program_id=program.id, role=kind)
    session.add(membership)
    session.flush()
    record_event(session, NAMED[kind], now=now, actor=actor, program=program)
    return membership


def remove_membership(
    session: Session,
    user: User,
    program: Program,
    role: MembershipRole | str,
    *,
    now: datetime,
    actor: User | None = None,
) -> None:
    """Take an office in a programme away; harmless if the user does not hold it."""
    kind = MembershipRole(role)
    known = session.get(Membership, (user.id, program.id, kind))
    if known is not None:
        session.delete(known)
        session.flush()
        record_event(session, DISMISSED[kind], now=now, actor=actor, program=program)


def has_membership(session: Session, user: User, program: Program, role: MembershipRole | str) -> bool:
    """Whether a user has a role in a programme; one role does not include another."""
    return session.get(Membership, (user.id, program.id, MembershipRole(role))) is not None


def require_membership(
    session: Session, user: User | None, program: Program | None, role: MembershipRole | str
) -> None:
    """Raise AccessDeniedError unless the user has the role; a programme that does not exist looks the same."""
    if user is None or program is None or not has_membership(session, user, program, role):
        raise AccessDeniedError


def hit(session: Session, key: str, limit: int, window: timedelta, *, now: datetime) -> RateState:
    """Count one try under a key and say whether it was one too many; exact with any number of processes.

    The count must be committed even when the try itself fails.
    """
    length = window.total_seconds()
    start = datetime.fromtimestamp(as_utc(now).timestamp() // length * length, tz=UTC)
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    first = dialect.insert(RateCounter).values(key=_hash(key), window_start=start, count=1)
    statement = first.on_conflict_do_update(
        index_elements=[RateCounter.key, RateCounter.window_start], set_={"count": RateCounter.count + 1}
    ).returning(RateCounter.count)
    count = session.scalar(statement)
    return RateState(count or 0, limit, start + window)


def forget_expired(session: Session, *, now: datetime, keep: timedelta = timedelta(days=1)) -> None:
    """Delete sessions that are over and counters that no longer count; to be called now and then."""
    before = as_utc(now) - keep
    session.execute(delete(UserSession).where(UserSession.expires_at < before))
    session.execute(delete(RateCounter).where(RateCounter.window_start < before))


def takes_part(session: Session, user: User, program: Program) -> bool:
    """Whether somebody takes part in a programme under the address with which they sign in."""
    found = select(Contact.participant_id).join(Participant, Participant.id == Contact.participant_id)
    mine = found.where(Participant.program_id == program.id, Contact.email == user.email)
    # A moderator cannot read addresses; of theirs alone it is asked, and the answer is a yes or no.
    with acting_as(session, DatabaseRole.COORDINATOR):
        return session.scalars(mine.limit(1)).first() is not None


def _check_offices(session: Session, user: User, program: Program, kind: MembershipRole) -> None:
    """Refuse an office that does not go with another one in the same programme, or with taking part in it."""
    mine = select(Membership.role).where(Membership.user_id == user.id, Membership.program_id == program.id)
    for held in session.scalars(mine):
        if frozenset({held, kind}) in INCOMPATIBLE:
            code = f"{kind.value}_and_{held.value}"
            raise AccountError(
                code if code in AccountError.sentences else "incompatible",
                name=user.name,
                email=user.email,
                program=program.slug,
                held=held.value,
                wanted=kind.value,
            )
    if kind in TAKE_NO_PART and takes_part(session, user, program):
        raise AccountError(f"{kind.value}_takes_part", email=user.email, program=program.slug)


def _check_password(password: str) -> None:
    """Refuse a password that is guessed too easily, or so long that hashing it is an attack."""
    if len(password) < MINIMUM_PASSWORD:
        raise AccountError("password", minimum=MINIMUM_PASSWORD)
    if len(password) > MAXIMUM_PASSWORD:
        raise AccountError("password_long", maximum=MAXIMUM_PASSWORD)


def _hash(secret: str) -> str:
    """What is kept of a token or of a counter's key."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
