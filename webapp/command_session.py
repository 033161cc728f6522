"""What every command of the command line needs: the clock, and one transaction on the database of the settings."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from webapp.config import Settings

# Where a deployment without settings keeps its database and its keys.
DATA_FOLDER = Path("var")


def read_clock() -> dt.datetime:
    """The clock; the only place where the command line reads it."""
    return dt.datetime.now(dt.UTC)


@contextmanager
def open_session(settings: Settings) -> Iterator[Session]:
    """One transaction: committed when the command succeeds, rolled back when it raises."""
    with open_database(settings) as factory, begin_as_operator(factory) as session:
        yield session


@contextmanager
def begin_as_operator(factory: sessionmaker[Session]) -> Iterator[Session]:
    """One transaction of whoever sits at the command line, as the log will say."""
    from surveys.audit import OPERATOR, act_as

    with factory.begin() as session:
        act_as(session, OPERATOR)
        yield session


@contextmanager
def open_database(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Sessions for a command that commits more than once."""
    from surveys.database import make_engine, make_session_factory, require_current_schema

    engine = make_engine(settings.database_url)
    try:
        require_current_schema(engine)
        yield make_session_factory(engine)
    finally:
        engine.dispose()
