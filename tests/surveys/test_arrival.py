"""Somebody who takes the files or a dump cannot tell in which order people answered; planted tables show what there was to see."""

import os
import random
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, select, text
from sqlalchemy.orm import Session, sessionmaker

from instruments.answers import AnswerValue
from instruments.model import WaveKind
from surveys import arrival, responses
from surveys.arrival import forget_arrival
from surveys.models import Participant, PseudonymLink, Response
from tests.surveys.results.test_erasure import find_dump_tool

pytestmark = pytest.mark.fresh_database

N_PAIRS = 15
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def same_keys_each_time(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random keys from a fixed seed, so that a test of chance says the same at every run."""
    draw = random.Random(20260302)
    monkeypatch.setattr(secrets, "token_bytes", draw.randbytes)
    monkeypatch.setattr(secrets, "token_hex", lambda n: draw.randbytes(n).hex())


def order_is_told(places: Sequence[float]) -> bool:
    """Whether places, listed in the order of arrival, follow it: Spearman's correlation against 2000 permutations, at 1 in 100."""
    n = len(places)
    ranks = {place: rank for rank, place in enumerate(sorted(places))}
    observed = [ranks[place] for place in places]

    def distance(order: Sequence[int]) -> float:
        """How far the correlation is from none: the sum of products, centred."""
        return abs(sum((i - (n - 1) / 2) * (rank - (n - 1) / 2) for i, rank in enumerate(order)))

    shuffle = random.Random(1)
    beyond = 0
    for _ in range(2000):
        drawn = list(observed)
        shuffle.shuffle(drawn)
        beyond += distance(drawn) >= distance(observed)
    return beyond <= 20


def test_the_test_itself_tells_order_from_none() -> None:
    assert order_is_told(range(30))
    assert order_is_told(range(30, 0, -1))
    mixed = list(range(30))
    random.Random(3).shuffle(mixed)
    assert not order_is_told(mixed)


@pytest.fixture
def arrived(scene: Any, same_keys_each_time: None) -> list[str]:
    """Thirty people save a page, go on, and send, each in a transaction of their own; the keys of what they sent, in that order."""
    scene.add_pairs(N_PAIRS)
    issued = scene.invite(scene.add_wave(WaveKind.T2))
    scene.session.commit()
    random.Random(7).shuffle(issued)
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}
    keys = []
    for number, link in enumerate(issued):
        first = {f"A{n}": AnswerValue(code=1 + number % 5) for n in (1, 2, 3)}
        responses.save_page(scene.session, link.invitation, "meetings", first, **how)
        scene.session.commit()
        known = set(scene.session.scalars(select(Response.key).where(Response.submitted_on.is_not(None))))
        responses.submit_response(
            scene.session, link.invitation, {"R1": AnswerValue(text=f"Remark {number:02d}.")}, **how
        )
        scene.session.commit()
        sent = set(scene.session.scalars(select(Response.key).where(Response.submitted_on.is_not(None))))
        keys.extend(sent - known)
    assert len(keys) == 2 * N_PAIRS
    scene.session.close()
    return keys


@pytest.fixture
def lookups(arrived: list[str], scene: Any, session_factory: sessionmaker[Session]) -> list[str]:
    """Where the links of people are kept, in the order of arrival."""
    with session_factory() as session:
        owner = dict(session.execute(select(Response.key, Response.respondent_key)).all())
        place = {
            scene.pseudonyms.respondent_key(session, person): scene.pseudonyms._lookup(
                f"participant:{person}"
            )
            for person in session.scalars(select(Participant.id))
        }
    return [place[owner[key]] for key in arrived]


class TestSqlite:
    @staticmethod
    def read(url: str, name: str = "*") -> bytes:
        path = Path(str(make_url(url).database))
        return b"".join(found.read_bytes() for found in sorted(path.parent.glob(f"{path.name}{name}")))

    @on_sqlite
    def test_the_bytes_of_the_files_do_not_tell_the_order(
        self, engine: Engine, database_url: str, arrived: list[str], lookups: list[str]
    ) -> None:
        # Before, the second file holds the newest pages one after the other: there is something to destroy.
        log = self.read(database_url, "-wal")
        assert order_is_told([log.find(key.encode()) for key in arrived])

        assert forget_arrival(engine)

        content = self.read(database_url)
        for name, keys in (("responses", arrived), ("links", lookups)):
            places = [content.find(key.encode()) for key in keys]
            assert min(places) >= 0
            assert not order_is_told(places), name
            # Every other place at which a key stands, in answers, comments and indexes.
            assert not order_is_told([content.rfind(key.encode()) for key in keys]), name
        assert not order_is_told([content.find(b"Remark %02d." % n) for n in range(2 * N_PAIRS)])

    @on_sqlite
    def test_a_dump_does_not_tell_the_order(
        self, engine: Engine, arrived: list[str], lookups: list[str]
    ) -> None:
        raw = engine.raw_connection()
        dumped = "\n".join(raw.driver_connection.iterdump())
        raw.close()

        assert not order_is_told([dumped.find(key) for key in arrived])
        assert not order_is_told([dumped.find(key) for key in lookups])
        assert not order_is_told([dumped.find(f"Remark {n:02d}.") for n in range(2 * N_PAIRS)])

    @on_sqlite
    def test_a_table_with_row_numbers_would_tell_it_all_the_same(
        self, engine: Engine, database_url: str, arrived: list[str]
    ) -> None:
        """The control: the same keys, written in the same order into an ordinary table."""
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE planted (mark TEXT PRIMARY KEY, note TEXT)")
            for number, key in enumerate(arrived):
                connection.exec_driver_sql(
                    "INSERT INTO planted VALUES (?, ?)", (f"x{key}", f"note {number:02d}")
                )

        assert forget_arrival(engine)

        content = self.read(database_url)
        assert order_is_told([content.rfind(b"note %02d" % n) for n in range(2 * N_PAIRS)])

    @on_sqlite
    def test_nothing_is_left_in_free_pages_or_beside_the_file(
        self, engine: Engine, database_url: str, arrived: list[str]
    ) -> None:
        forget_arrival(engine)

        assert self.read(database_url, "-wal") == b""
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


class TestPostgres:
    TABLES = (
        "confidential_response",
        "confidential_answer",
        "confidential_comment",
        "confidential_respondent",
    )

    @staticmethod
    def places(engine: Engine, column: str, table: str, keys: Sequence[str]) -> list[float]:
        """Where the first row of each key lies."""
        with engine.connect() as connection:
            found = connection.exec_driver_sql(f"SELECT {column}, ctid::text FROM {table}").all()
        place: dict[str, float] = {}
        for key, ctid in found:
            page, _, line = ctid.strip("()").partition(",")
            here = int(page) + int(line) / 10000
            place[key] = min(here, place.get(key, here))
        return [place[key] for key in keys]

    @staticmethod
    def dump(engine: Engine, url: str) -> str:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        done = subprocess.run(
            [find_dump_tool(engine), "--no-owner", address],
            capture_output=True,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        return done.stdout.decode()

    def writers(self, engine: Engine) -> set[str]:
        """The transactions that rows name as their writers."""
        every = " UNION ALL ".join(
            f"SELECT xmin::text FROM {table}" for table in (*self.TABLES, "pseudonym_link")
        )
        with engine.connect() as connection:
            return set(connection.exec_driver_sql(every).scalars())

    @on_postgres
    def test_neither_place_nor_writer_of_a_row_tells_the_order(
        self, engine: Engine, arrived: list[str], lookups: list[str]
    ) -> None:
        def read() -> dict[str, bool]:
            return {
                "responses": order_is_told(self.places(engine, "key", "confidential_response", arrived)),
                "answers": order_is_told(self.places(engine, "response_key", "confidential_answer", arrived)),
                "comments": order_is_told(
                    self.places(engine, "response_key", "confidential_comment", arrived)
                ),
                "links": order_is_told(self.places(engine, "lookup", "pseudonym_link", lookups)),
            }

        # Before, all of it is there for whoever reads the server's own columns.
        assert read() == dict.fromkeys(("responses", "answers", "comments", "links"), True)
        assert len(self.writers(engine)) >= 2 * N_PAIRS

        assert forget_arrival(engine)

        assert read() == dict.fromkeys(("responses", "answers", "comments", "links"), False)
        # One writer: its time of commit, where the server keeps such times, is that of this run.
        assert len(self.writers(engine)) == 1

    @on_postgres
    def test_a_dump_does_not_tell_the_order(
        self, engine: Engine, database_url: str, arrived: list[str], lookups: list[str]
    ) -> None:
        before = self.dump(engine, database_url)
        assert order_is_told([before.find(f"Remark {n:02d}.") for n in range(2 * N_PAIRS)])

        forget_arrival(engine)

        after = self.dump(engine, database_url)
        for keys in (arrived, lookups, [f"Remark {n:02d}." for n in range(2 * N_PAIRS)]):
            assert not order_is_told([after.find(key) for key in keys])

    @on_postgres
    def test_the_database_has_no_counter_that_could_be_read(self, engine: Engine) -> None:
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM pg_sequences").scalar_one() == 0

    @on_postgres
    def test_what_is_in_use_is_left_for_another_time(
        self, engine: Engine, arrived: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arrival, "TRIES", 2)
        monkeypatch.setattr(arrival, "PAUSE", 0.01)
        before = self.writers(engine)
        with engine.begin() as somebody:
            somebody.execute(text("UPDATE confidential_answer SET code = code"))

            assert not forget_arrival(engine)

            somebody.rollback()
        assert self.writers(engine) == before

    @on_postgres
    def test_everything_is_still_there_afterwards(self, engine: Engine, arrived: list[str]) -> None:
        def content() -> list[Any]:
            with engine.connect() as connection:
                return [
                    connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2").all()
                    for table in self.TABLES[:3]
                ]

        before = content()
        forget_arrival(engine)
        assert content() == before


def test_links_exist_for_those_who_sent_only(arrived: list[str], session: Session) -> None:
    """One link a person and one a pair: what was only begun has none."""
    assert len(session.scalars(select(PseudonymLink.lookup)).all()) == 2 * N_PAIRS + N_PAIRS
