"""Moments keep their zone, writers stand in line, and read-only means it."""

import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from surveys import accounts, database
from surveys.database import as_utc, make_engine, make_session_factory, require_current_schema
from surveys.errors import NaiveTimeError, SchemaError
from surveys.models import RateCounter, User

KABUL = timezone(timedelta(hours=4, minutes=30))
NAIVE = datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - the point of these tests


def a_user(created_at: datetime) -> User:
    return User(email="ada@example.org", name="Ada", password_hash="-", locale="en", created_at=created_at)


def test_a_moment_of_any_zone_comes_back_as_the_same_moment_in_utc(session: Session) -> None:
    moment = datetime(2026, 3, 2, 9, 30, 15, 123456, tzinfo=KABUL)
    session.add(a_user(moment))
    session.commit()
    session.expire_all()

    read = session.scalars(select(User.created_at)).one()

    assert read == moment
    assert read.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused_before_it_is_stored(session: Session) -> None:
    session.add(a_user(NAIVE))

    with pytest.raises(StatementError) as caught:
        session.flush()

    assert isinstance(caught.value.orig, NaiveTimeError)


def test_as_utc_refuses_a_naive_moment_and_says_how_to_write_it() -> None:
    with pytest.raises(NaiveTimeError, match="2026-03-02T09:30:00") as caught:
        as_utc(NAIVE)

    assert caught.value.code == "naive_time"
    assert "zone" in caught.value.remedy


def test_moments_are_compared_by_time_also_where_they_are_text(session: Session) -> None:
    midnight = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
    for number, moment in enumerate(
        (midnight, midnight + timedelta(microseconds=1), midnight + timedelta(days=300))
    ):
        session.add(RateCounter(key=str(number), window_start=moment, count=1))
    session.flush()

    later = (
        select(RateCounter.key).where(RateCounter.window_start > midnight.astimezone(KABUL)).order_by("key")
    )

    assert list(session.scalars(later)) == ["1", "2"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_runs_with_foreign_keys_a_write_ahead_log_and_overwrites_what_is_deleted(
    engine: Engine,
) -> None:
    with engine.connect() as connection:
        values = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("foreign_keys", "journal_mode", "secure_delete", "busy_timeout")
        }

    assert values == {"foreign_keys": 1, "journal_mode": "wal", "secure_delete": 1, "busy_timeout": 15000}


def test_writers_that_read_first_all_succeed(session_factory: sessionmaker[Session], now: datetime) -> None:
    """Each thread reads and then writes, which is how a deferred transaction on SQLite dies."""

    def try_once(_number: int) -> None:
        with session_factory.begin() as session:
            session.scalars(select(RateCounter)).all()
            accounts.hit(session, "door", 5, timedelta(hours=1), now=now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(try_once, range(12)))

    with session_factory() as session:
        assert session.scalars(select(RateCounter.count)).all() == [12]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_deferred_transaction_would_have_failed(database_url: str, engine: Engine) -> None:
    """The control of the test above: what happens without BEGIN IMMEDIATE."""
    deferred = create_engine(database_url)
    event.listen(deferred, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(deferred, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    insert = text("INSERT INTO access_rate (key, window_start, count) VALUES (:key, '2026', 1)")
    try:
        with deferred.connect() as reader:
            reader.execute(text("SELECT count(*) FROM access_rate")).scalar_one()
            with engine.begin() as writer:
                writer.execute(insert, {"key": "other"})
            with pytest.raises(OperationalError, match="locked"):
                reader.execute(insert, {"key": "own"})
    finally:
        deferred.dispose()


def test_a_read_only_session_reads_while_another_writes_and_cannot_write(
    engine: Engine, now: datetime
) -> None:
    readers, writers = make_session_factory(engine, read_only=True), make_session_factory(engine)
    with writers() as writer, readers() as reader:
        writer.add(a_user(now))
        writer.flush()

        assert reader.scalars(select(User)).all() == []

        reader.add(a_user(now))
        with pytest.raises(DBAPIError):
            reader.flush()
        reader.rollback()
        writer.commit()

    with writers() as writer:  # the connection that was read-only may write again
        writer.scalars(select(User)).one().name = "Grace"
        writer.commit()


def test_an_old_schema_is_named_with_its_remedy(engine: Engine) -> None:
    require_current_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(SchemaError, match="viceversa db upgrade"):
        require_current_schema(engine)


@pytest.mark.parametrize("url", ["postgresql://db/x", "postgres://db/x", "postgresql+psycopg://db/x"])
def test_every_spelling_of_a_postgresql_address_means_psycopg_3(url: str) -> None:
    engine = make_engine(url)

    assert engine.driver == "psycopg"


# A traceback quotes the lines of the source, so the words stand elsewhere.
ROW = {"key": "k" * 32, "words": "Words of somebody"}
# (a statement that fails, the first line of what is said of it)
FAILING = [
    (
        "INSERT INTO confidential_comment (key, response_key, item_id, text) VALUES (:key, :key, NULL, :words)",
        "null value in column",
    ),
    (
        "INSERT INTO confidential_comment (key, response_key, item_id, text) VALUES (:key, :key, 'R1', :words)",
        "violates foreign key constraint",
    ),
    ("SELECT CAST(CAST(:words AS text) AS integer), CAST(:key AS text)", "data exception"),
]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("statement", "said"), FAILING)
def test_no_error_of_the_database_tells_what_stood_in_the_row(
    engine: Engine, statement: str, said: str
) -> None:
    with pytest.raises(DBAPIError) as raised, make_session_factory(engine).begin() as session:
        session.execute(text(statement), ROW)

    told = "".join(traceback.format_exception(raised.value, chain=True))
    assert said in told
    assert "SQLSTATE" in told
    assert ROW["words"] not in told
    assert ROW["key"] not in told


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_without_the_listener_the_row_is_told(engine: Engine) -> None:
    """The control: hidden parameters alone do not keep it in."""
    event.remove(engine, "handle_error", database._hide_details)

    with pytest.raises(DBAPIError) as raised, make_session_factory(engine).begin() as session:
        session.execute(text(FAILING[0][0]), ROW)

    assert ROW["words"] in "".join(traceback.format_exception(raised.value))
