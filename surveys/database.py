"""Engines, sessions and column types for SQLite and PostgreSQL, and the one way to bring a schema up to date."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, String, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator, TypeEngine

from surveys.errors import NaiveTimeError, SchemaError
from surveys.roles import take_role
from surveys.streams import SEARCH_PATH

# Every constraint gets a name that both databases agree on, so that a migration can find it again.
NAMING: Mapping[str, str] = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

# How long a writer waits for another one before it gives up, in seconds.
LOCK_WAIT = 15

# Any constant will do, as long as every process that migrates this schema takes the same one.
MIGRATION_LOCK = 0x7669636576657273

# Where something may be erased at any time on a person's own wish.
ERASED_TABLES = (
    "confidential_answer",
    "confidential_comment",
    "confidential_response",
    "confidential_respondent",
    "confidential_group",
    "confidential_theme_support",
    "pseudonym_link",
    "addressed_decision",
    "shared_wish",
    "contact",
    "addressed_message",
    "addressed_meeting",
    "shared_goal",
    "shared_note",
    "shared_key",
    "outbox_invitation",
    "outbox_reminder",
    "mail_stop",
)

MIGRATIONS = Path(__file__).resolve().parent / "migrations"

READ_ONLY = "viceversa_read_only"
# The class of PostgreSQL's codes for values that do not fit.
DATA_EXCEPTION = "22"


def as_utc(moment: datetime) -> datetime:
    """The moment in UTC; a moment without a time zone raises NaiveTimeError, because guessing would shift windows."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise NaiveTimeError(moment=moment.isoformat())
    return moment.astimezone(UTC)


def midnight(moment: datetime) -> datetime:
    """The beginning of a moment's day, as days are counted here: in UTC."""
    return as_utc(moment).replace(hour=0, minute=0, second=0, microsecond=0)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment: `timestamptz` on PostgreSQL, ISO 8601 text of fixed width in UTC on SQLite.

    SQLite has no time zones. Text of fixed width sorts as time does, so comparisons and CHECK constraints hold there too.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column type of each database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a naive moment, and write the others in UTC."""
        if value is None:
            return None
        moment = as_utc(value)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """An aware moment in UTC, whatever the zone of the database session."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if dialect.name == "sqlite" else value
        return as_utc(moment)


def make_engine(url: str, *, echo: bool = False) -> Engine:
    """An engine for a SQLite file or a PostgreSQL database, with the settings that the promises lean on."""
    # Parameters stay out of every error message: an answer must not reach a log.
    target = make_url(url)
    if target.drivername in {"postgres", "postgresql"}:
        target = target.set(drivername="postgresql+psycopg")
    if target.get_backend_name() == "sqlite":
        # check_same_thread is pysqlite's own guard; the pool already hands a connection to one thread at a time.
        engine = create_engine(
            target,
            echo=echo,
            hide_parameters=True,
            connect_args={"timeout": LOCK_WAIT, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(target, echo=echo, pool_pre_ping=True, hide_parameters=True)
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "begin", _begin_postgresql)
    event.listen(engine, "handle_error", _hide_details)
    return engine


def make_session_factory(engine: Engine, *, read_only: bool = False) -> sessionmaker[Session]:
    """Sessions on the engine; read-only ones let SQLite readers pass a writer, and refuse to write on both databases."""
    bind = engine.execution_options(**{READ_ONLY: True}) if read_only else engine
    # Objects stay readable after the commit, so that a page can be rendered once the transaction is over.
    factory = sessionmaker(bind, expire_on_commit=False)
    event.listen(factory, "after_begin", take_role)
    return factory


def overwrite_deleted(engine: Engine) -> bool:
    """Let nothing of what was deleted stay in the files beside the database, as far as the database allows; says whether it did.

    SQLite keeps the pages that were written last in a second file, in which an erased answer could still be read: they are moved
    to the database and the file is emptied, unless a reader holds it open just now. PostgreSQL frees the dead rows.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM {', '.join(ERASED_TABLES)}"))
        return True
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout = 1000")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (busy, *_rest) = cursor.fetchone() or (1,)
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT * 1000}")
        cursor.close()
    finally:
        raw.close()
    return not busy


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Settings of a fresh SQLite connection."""
    # Python's driver would otherwise begin transactions by itself, late and deferred.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {LOCK_WAIT * 1000}",
        "journal_mode = WAL",
        # What was acknowledged is on the disk: a page that says "saved" is believed, also after a power cut.
        "synchronous = FULL",
        "foreign_keys = ON",
        # What is deleted is overwritten: an erased answer must not stay readable in a free page of the file.
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Let a fresh PostgreSQL connection find the tables of every stream by their names alone."""
    # Outside a transaction, or the first rollback would undo it.
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"SET search_path TO {', '.join(SEARCH_PATH)}")
    cursor.close()
    connection.autocommit = False


def _hide_details(context: ExceptionContext) -> None:
    """Keep rows out of PostgreSQL's error messages: "Failing row contains" would bring an answer to a log, parameters hidden or not."""
    error: Any = context.original_exception
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return
    # Of bad data the first line, too, may quote a value.
    said = "data exception" if state.startswith(DATA_EXCEPTION) else error.diag.message_primary
    error.args = (f"{said} (SQLSTATE {state})",)
    if context.sqlalchemy_exception is not None:
        context.sqlalchemy_exception.args = (f"{type(error).__name__}: {error}",)


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction as a writer from its first statement on, unless it is declared read-only.

    A transaction that begins deferred reads first and asks for the write lock only at its first INSERT. If another writer has
    committed in between, SQLite refuses at once with "database is locked", and no busy timeout helps, because the snapshot
    that was read is stale. BEGIN IMMEDIATE takes the write lock first: writers queue, and none of them can fail half-way.
    """
    read_only = bool(connection.get_execution_options().get(READ_ONLY))
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    """Bound the wait for locks, and hold a read-only transaction to its word."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}s'")
    if connection.get_execution_options().get(READ_ONLY):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


@dataclass(frozen=True)
class SchemaState:
    """Which revision a database has and which one the code needs."""

    current: str | None
    head: str

    @property
    def is_current(self) -> bool:
        """Whether the database fits the code."""
        return self.current == self.head

    def __str__(self) -> str:
        return self.current or "none"


def upgrade(engine: Engine | str) -> SchemaState:
    """Bring the schema to the newest revision, in one transaction and one process at a time; harmless when there is nothing to do.

    On PostgreSQL every table is then in the schema of its stream, and every database role has its grants.
    """
    from alembic import command

    from surveys.grants import arrange_streams

    own = make_engine(engine) if isinstance(engine, str) else engine
    try:
        with own.begin() as connection:
            if connection.dialect.name == "postgresql":
                # The lock ends with the transaction; a second process waits here and then finds nothing left to do.
                # On SQLite the transaction itself, begun as a writer, is the lock.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            configuration = _alembic_configuration()
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
            arrange_streams(connection)
        state = schema_state(own)
    finally:
        if isinstance(engine, str):
            own.dispose()
    logging.getLogger(__name__).info("schema at revision %s", state.current)
    return state


def schema_state(engine: Engine) -> SchemaState:
    """The revision of the database and the newest one of the code."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_alembic_configuration()).get_current_head()
    if head is None:
        raise RuntimeError("surveys/migrations holds no revision; the installation is incomplete")
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return SchemaState(current=current, head=head)


def require_current_schema(engine: Engine) -> None:
    """Raise SchemaError unless the database fits the code, before anything is read from it or written to it."""
    state = schema_state(engine)
    if not state.is_current:
        raise SchemaError(current=str(state), head=state.head)


def _alembic_configuration() -> Any:
    """Alembic, configured in code: there is no alembic.ini that could be missing or out of step."""
    from alembic.config import Config

    configuration = Config()
    # Alembic reads the option through configparser, to which a percent sign means interpolation.
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return configuration
