"""One engine an app, one session a request: a page that returns commits, a page that raises rolls back."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from surveys.accounts import Hasher
from surveys.database import make_engine, make_session_factory
from surveys.pseudonyms import Pseudonyms
from surveys.retention import RetentionPolicy
from surveys.roles import ROLE, DatabaseRole

EXTENSION = "viceversa.database"
# The room in which each blueprint works; whatever belongs to none, such as an error page, may only ask who is signed in.
ROLE_OF_BLUEPRINT: Mapping[str, DatabaseRole] = {
    "front": DatabaseRole.ACCOUNT,
    "account": DatabaseRole.ACCOUNT,
    "participate": DatabaseRole.PARTICIPANT,
    "addressed": DatabaseRole.PARTICIPANT,
    "pulse": DatabaseRole.PARTICIPANT,
    "shared": DatabaseRole.PARTICIPANT,
    "meetings": DatabaseRole.PARTICIPANT,
    "mails": DatabaseRole.PARTICIPANT,
    "receipts": DatabaseRole.PARTICIPANT,
    "moderate": DatabaseRole.MODERATOR,
    "oversee": DatabaseRole.OVERSEER,
    "custody": DatabaseRole.CUSTODIAN,
    "coordinate": DatabaseRole.COORDINATOR,
    "research": DatabaseRole.RESEARCHER,
}
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Database:
    """The engine and the session factories of one app, and the key that links people to pseudonyms."""

    engine: Engine
    writers: sessionmaker[Session]
    readers: sessionmaker[Session]
    pseudonyms: Pseudonyms
    under_roles: bool


def init_app(app: Flask) -> None:
    """Give the app its engine and tie the session's end to the request's."""
    engine = make_engine(app.config["DATABASE_URL"])
    app.extensions[EXTENSION] = Database(
        engine,
        make_session_factory(engine),
        make_session_factory(engine, read_only=True),
        Pseudonyms(app.config["LINK_KEY"]),
        app.config["DATABASE_ROLES"] and engine.dialect.name == "postgresql",
    )
    app.after_request(_commit_changes)
    app.teardown_appcontext(_close_session)


def db() -> Session:
    """Return the session of this request, begun at its first use.

    A GET writes nothing: it reads in a read-only transaction, so that on SQLite no reader waits for a writer. On PostgreSQL the
    transaction runs under the database role of the blueprint.
    """
    if "session" not in g:
        database: Database = current_app.extensions[EXTENSION]
        role = ROLE_OF_BLUEPRINT.get(request.blueprint or "", DatabaseRole.ACCOUNT)
        begin = database.readers if request.method in READING_METHODS else database.writers
        g.session = begin(info={ROLE: role} if database.under_roles else {})
    session: Session = g.session
    return session


def session_afterwards() -> Callable[[], AbstractContextManager[Session]]:
    """Return what begins a transaction of its own, for what is written once the answer to this request is on its way."""
    database: Database = current_app.extensions[EXTENSION]
    role = ROLE_OF_BLUEPRINT.get(request.blueprint or "", DatabaseRole.ACCOUNT)
    return partial(_begin_apart, database, role)


@contextmanager
def _begin_apart(database: Database, role: DatabaseRole) -> Iterator[Session]:
    """Begin a transaction under a role; it commits at its end."""
    with database.writers(info={ROLE: role} if database.under_roles else {}) as session, session.begin():
        yield session


def now() -> dt.datetime:
    """Return the time of this request, read once so that every step of it sees the same."""
    if "now" not in g:
        g.now = current_app.config["CLOCK"]()
    moment: dt.datetime = g.now
    return moment


def engine() -> Engine:
    """Return the app's engine, for what no transaction can do."""
    database: Database = current_app.extensions[EXTENSION]
    return database.engine


def pseudonyms() -> Pseudonyms:
    """Return the holder of the key that links participants to pseudonyms."""
    database: Database = current_app.extensions[EXTENSION]
    return database.pseudonyms


def password_hasher() -> Hasher | None:
    """Return the hasher configured, None for the domain's own; tests configure a cheap one."""
    hasher: Hasher | None = current_app.config["PASSWORD_HASHER"]
    return hasher


def instrument_folders() -> Sequence[Path]:
    """Return the private instrument folders configured, besides the instruments shipped."""
    folders: Sequence[Path] = current_app.config["INSTRUMENT_FOLDERS"]
    return folders


def retention_policy() -> RetentionPolicy:
    """Return how long data are kept by the settings; a programme may have promised less."""
    return RetentionPolicy.from_settings(current_app.config["RETENTION"])


def discard_changes() -> None:
    """Undo what this request wrote so far; every error page calls this first."""
    if "session" in g:
        g.session.rollback()
        # What is known of the user went with it; whoever asks again looks it up again.
        g.pop("user", None)


def dispose_engine(app: Flask) -> None:
    """Close the app's connections; for tests and for the end of a command."""
    database: Database = app.extensions[EXTENSION]
    database.engine.dispose()


def _commit_changes(response: Response) -> Response:
    """Commit before the first byte is sent, so that a failed commit still becomes an error page."""
    if "session" in g:
        g.session.commit()
    return response


def _close_session(_error: BaseException | None) -> None:
    """Close the request's session; what was not committed by then is rolled back."""
    if "session" in g:
        g.pop("session").close()
