"""The order in which answers came in, which the files of a database tell by themselves, and how it is destroyed.

Keys are random and dates have no times, but a database puts rows where there is room: SQLite fills a page from its end and keeps the
newest pages in a second file; PostgreSQL appends, and marks each row with the transaction that wrote it. Laid beside the order in
which people were seen at their desks, that order would tell whose answers are whose. So confidential rows are written anew now and
then, in the order of their random keys and by one transaction. Between two such runs somebody who can read the server's own files
can still tell the order of what came in since; they could watch the network as well.
"""

import sqlite3
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from surveys.database import overwrite_deleted
from surveys.streams import find_tables

PREFIXES = ("confidential_", "pseudonym_", "erasure_receipt")
# How often the tables are asked for while others hold them, and the pause between in seconds.
TRIES = 20
PAUSE = 0.25
LOCK_NOT_AVAILABLE = "55P03"
NOT_ALLOWED = "42501"


def forget_arrival(engine: Engine) -> bool:
    """Destroy the order of arrival of everything confidential, and what deleted rows left behind; says whether it was done.

    People who save answers meanwhile wait for a moment. Where the tables are in use all the time, or belong to somebody else, the
    answer is no, and the next run does it.
    """
    if engine.dialect.name == "sqlite":
        return _rewrite_file(engine)
    with engine.connect() as connection:
        tables = [
            f"{schema}.{name}"
            for name, schema in sorted(find_tables(connection).items())
            if name.startswith(PREFIXES)
        ]
    if not _retry(partial(_rewrite_rows, engine, tables)):
        return False
    # One table at a time and without any other lock, so that nobody waits in a circle.
    done = [_retry(partial(_sort_rows, engine, table)) for table in tables]
    return all(done)


def _rewrite_file(engine: Engine) -> bool:
    """SQLite writes the whole file anew: tables without row numbers in the order of their keys, and no free page is left."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        # The copy that is made on the way must not lie in a folder for temporary files.
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA temp_store = DEFAULT")
        cursor.close()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    finally:
        raw.close()
    return overwrite_deleted(engine)


def _rewrite_rows(engine: Engine, tables: list[str]) -> None:
    """Let one transaction be the writer of all rows of all tables.

    The tables are taken all at once or not at all: whoever waits here while holding some could wait in a circle with somebody who saves.
    """
    with engine.begin() as connection:
        _run(connection, f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE NOWAIT")
        for table in tables:
            key = connection.execute(
                text(
                    "SELECT attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
                    "WHERE i.indrelid = CAST(:table AS regclass) AND i.indisprimary"
                ),
                {"table": table},
            ).scalar_one()
            _run(connection, f"UPDATE {table} SET {key} = {key}")


def _sort_rows(engine: Engine, table: str) -> None:
    """Write a table anew in the order of its keys, without the rows that are dead."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _run(connection, "SET lock_timeout = '1s'")
        try:
            name = table.partition(".")[2]
            _run(connection, f"CLUSTER {table} USING pk_{name}")
        finally:
            _run(connection, "RESET lock_timeout")


def _retry(step: Callable[[], None]) -> bool:
    """Try again while somebody else holds what is needed; says whether it was done in the end."""
    for _attempt in range(TRIES):
        try:
            step()
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state == NOT_ALLOWED:
                return False
            if state != LOCK_NOT_AVAILABLE:
                raise
            time.sleep(PAUSE)
        else:
            return True
    return False


def _run(connection: Connection, statement: str) -> None:
    """Run a statement that is made of names of tables only."""
    connection.exec_driver_sql(statement)
