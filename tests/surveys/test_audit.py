"""The log says that something was done, holds no content, and cannot be rewritten without being noticed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Text, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from surveys import audit, waves, withdrawal
from surveys.audit import AuditAction
from surveys.errors import AuditLogError
from surveys.models import AuditChain, AuditEvent, AuditHead, Participant, Program

TRIGGERS = {
    "sqlite": ("audit_event_unchanged", "audit_event_kept", "audit_event_not_replaced"),
    "postgresql": ("audit_event_unchanged", "audit_event_kept", "audit_event_not_emptied"),
}


def problems(session: Session) -> dict[str, tuple[str, str | None]]:
    """What is wrong with each chain that has a problem."""
    reports = audit.verify_log(session)
    return {one.chain.value: (one.problem.code, one.problem.entry) for one in reports if one.problem}


def chained(session: Session, chain: AuditChain = AuditChain.TIMED) -> list[AuditEvent]:
    """The entries of a chain from its first to its last."""
    fresh = {"populate_existing": True}
    by_previous = {
        entry.previous: entry
        for entry in session.scalars(
            select(AuditEvent).where(AuditEvent.chain == chain), execution_options=fresh
        )
    }
    found, head = [], audit.genesis(chain)
    while head in by_previous:
        found.append(by_previous[head])
        head = found[-1].digest
    return found


def disarm(connection: Connection) -> None:
    """What an attacker who owns the database does first."""
    for name in TRIGGERS[connection.dialect.name]:
        on = "" if connection.dialect.name == "sqlite" else " ON audit_event"
        connection.execute(text(f"DROP TRIGGER {name}{on}"))


@pytest.fixture
def log(session: Session, now: datetime) -> list[str]:
    """Five entries of the timed chain, committed one by one, and one that is told by the day; the ids of the five."""
    ids = []
    for minute in range(5):
        entry = audit.record_event(session, AuditAction.SIGNED_IN, now=now + timedelta(minutes=minute))
        session.commit()
        ids.append(entry.id)
    audit.record_event(session, AuditAction.SURVEYS_ENDED, now=now)
    session.commit()
    return ids


def test_the_log_tells_what_was_done_in_a_programme(world: Any) -> None:
    waves.close_wave(world.session, world.wave, now=world.now + timedelta(hours=1))

    events = audit.list_events(world.session, program=world.program)

    assert events[0].action == "wave.closed"
    assert {event.action for event in events} == {
        "program.created",
        "cohort.added",
        "wave.scheduled",
        "invitations.issued",
        "wave.closed",
    }
    assert {event.actor for event in events} == {"system"}
    assert len(audit.list_events(world.session, limit=2)) == 2


def test_there_is_no_column_into_which_content_would_fit() -> None:
    columns = AuditEvent.__table__.columns
    assert {column.name for column in columns} == {
        "id",
        "chain",
        "happened_at",
        "action",
        "actor",
        "program_id",
        "wave_id",
        "anchor",
        "previous",
        "digest",
    }
    assert not any(isinstance(column.type, Text) for column in columns)


class TestChain:
    def test_each_entry_holds_the_digest_of_the_one_before_it(self, session: Session, log: list[str]) -> None:
        entries = chained(session)

        assert [entry.id for entry in entries] == log
        assert entries[0].previous == audit.genesis(AuditChain.TIMED)
        assert all(entry.digest == audit.digest_event(entry, entry.previous or "") for entry in entries)
        assert problems(session) == {}

    def test_entries_of_one_transaction_are_chained_in_the_order_in_which_they_were_written(
        self, session: Session, now: datetime
    ) -> None:
        written = [audit.record_event(session, AuditAction.SIGNED_IN, now=now).id for _ in range(4)]
        session.commit()

        assert [entry.id for entry in chained(session)] == written

    def test_what_is_told_by_the_day_has_a_chain_of_its_own(self, session: Session, log: list[str]) -> None:
        """Between two entries of known minutes its place would tell the minute."""
        (entry,) = chained(session, AuditChain.BY_DAY)

        assert (entry.action, entry.actor) == ("participant.surveys_ended", "a participant")
        assert (entry.happened_at.hour, entry.happened_at.minute) == (0, 0)
        assert not {entry.digest, entry.previous} & {
            digest for one in chained(session) for digest in (one.digest, one.previous)
        }

    def test_an_entry_undone_with_a_savepoint_or_a_rollback_leaves_no_gap(
        self, session: Session, now: datetime, log: list[str]
    ) -> None:
        point = session.begin_nested()
        audit.record_event(session, AuditAction.SIGNED_IN, now=now)
        point.rollback()
        with session.begin_nested():
            audit.record_event(session, AuditAction.SIGNED_IN, now=now)
        session.rollback()
        kept = audit.record_event(session, AuditAction.SIGNED_IN, now=now)
        session.commit()

        assert [entry.id for entry in chained(session)] == [*log, kept.id]
        assert problems(session) == {}

    def test_many_workers_at_once_make_one_chain(
        self, session_factory: sessionmaker[Session], world: Any
    ) -> None:
        """Some write to one chain, some to the other, some to both; nobody waits in a circle."""
        world.session.close()
        n_workers, n_rounds = 6, 5
        start = threading.Barrier(n_workers, timeout=20)

        def work(number: int) -> None:
            start.wait()
            for _ in range(n_rounds):
                with session_factory.begin() as session:
                    program = session.get_one(Program, world.program.id)
                    actions = [AuditAction.SURVEYS_ENDED, AuditAction.SIGNED_IN]
                    for action in (actions, actions[::-1], actions[1:])[number % 3]:
                        audit.record_event(session, action, now=world.now, program=program)

        with ThreadPoolExecutor(n_workers) as pool:
            list(pool.map(work, range(n_workers)))

        with session_factory() as session:
            assert problems(session) == {}
            assert len(chained(session, AuditChain.BY_DAY)) == n_rounds * n_workers * 2 // 3
            assert len(chained(session)) == n_rounds * n_workers + 4

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_long_transaction_that_has_logged_something_keeps_nobody_waiting(
        self, world: Any, session_factory: sessionmaker[Session]
    ) -> None:
        """A wave that is being closed and frozen must not hold up a person who leaves in the meantime."""
        waves.close_wave(world.session, world.wave, now=world.now)
        other = world.pairs[0].mentor_id

        with session_factory.begin() as session:
            session.execute(text("SET LOCAL lock_timeout = '200ms'"))
            person = session.get_one(Participant, other)
            audit.record_event(session, AuditAction.SIGNED_IN, now=world.now, program=person.program)

        world.session.commit()
        assert problems(world.session) == {}


class TestGuards:
    def test_an_entry_can_neither_be_changed_nor_deleted(self, session: Session, now: datetime) -> None:
        # The trigger reads the database's own clock, which no test can set.
        audit.record_event(session, AuditAction.SIGNED_IN, now=datetime.now(now.tzinfo))
        for sealed in (False, True):
            if sealed:
                session.commit()
            for statement in (update(AuditEvent).values(action="nothing"), delete(AuditEvent)):
                with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
                    session.execute(statement)

    @pytest.mark.parametrize("columns", [{"digest": None, "previous": None}, {"digest": "0" * 64}])
    def test_an_entry_cannot_be_taken_out_of_the_chain_or_put_elsewhere(
        self, session: Session, log: list[str], columns: dict[str, Any]
    ) -> None:
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(update(AuditEvent).where(AuditEvent.id == log[2]).values(**columns))

    def test_nor_through_an_object(self, session: Session, log: list[str]) -> None:
        entry = session.get_one(AuditEvent, log[0])
        entry.actor = "somebody else"
        with pytest.raises(AuditLogError):
            session.flush()
        session.rollback()
        session.delete(session.get_one(AuditEvent, log[0]))
        with pytest.raises(AuditLogError):
            session.flush()

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    @pytest.mark.parametrize("column", ["id", "digest", "previous"])
    def test_nor_by_replacing_it_on_sqlite(self, session: Session, log: list[str], column: str) -> None:
        taken = dict(
            session.execute(select(AuditEvent.__table__).where(AuditEvent.id == log[2])).mappings().one()
        )
        row = {**taken, "id": "n" * 32, "digest": "d" * 64, "previous": "p" * 64, column: taken[column]}
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(insert(AuditEvent.__table__).prefix_with("OR REPLACE").values(row))

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_nor_by_emptying_the_table_on_postgresql(self, session: Session, log: list[str]) -> None:
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(text("TRUNCATE audit_event"))

    def test_an_entry_may_be_deleted_after_its_36_months(self, engine: Engine, now: datetime) -> None:
        row = {"chain": "timed", "action": "user.signed_in", "actor": "system"}
        with engine.begin() as connection:
            real_now = datetime.now(now.tzinfo)
            for name, days in (("old", 1200), ("new", 1000)):
                moment = real_now - timedelta(days=days)
                connection.execute(insert(AuditEvent).values(id=name, happened_at=moment, **row))

            connection.execute(delete(AuditEvent).where(AuditEvent.id == "old"))

            assert connection.execute(select(AuditEvent.id)).scalars().all() == ["new"]
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(delete(AuditEvent))

    def test_the_log_outlives_the_programme(self, session: Session, program: Program) -> None:
        session.execute(delete(Program))

        assert [event.action for event in audit.list_events(session)] == ["program.created"]


class TestForgery:
    """An attacker who owns the database drops the triggers; the chain tells what they did all the same."""

    def forge(self, session: Session, change: Callable[[Connection], object]) -> dict[str, Any]:
        with session.begin():
            disarm(session.connection())
            change(session.connection())
        session.expire_all()
        return problems(session)

    @pytest.mark.parametrize("column", ["action", "actor", "program_id", "wave_id", "anchor"])
    def test_a_changed_entry_is_named(self, session: Session, log: list[str], column: str) -> None:
        session.commit()
        table = AuditEvent.__table__
        value = "a" * (64 if column == "anchor" else 32)

        found = self.forge(
            session, lambda c: c.execute(update(table).where(table.c.id == log[2]).values({column: value}))
        )

        assert found == {"timed": ("changed", log[2])}

    def test_a_changed_entry_with_a_digest_made_to_fit_shows_in_the_next(
        self, session: Session, log: list[str]
    ) -> None:
        entry = session.get_one(AuditEvent, log[2])
        session.expunge(entry)
        entry.actor = "somebody else"
        digest = audit.digest_event(entry, entry.previous or "")
        session.commit()
        table = AuditEvent.__table__
        values = {"actor": "somebody else", "digest": digest}

        found = self.forge(
            session, lambda c: c.execute(update(table).where(table.c.id == log[2]).values(values))
        )

        assert found == {"timed": ("gap", log[3])}

    @pytest.mark.parametrize(
        ("gone", "named"), [(0, ("gap", 1)), (2, ("gap", 3)), (4, ("end_missing", None))]
    )
    def test_a_removed_entry_is_noticed_wherever_it_stood(
        self, session: Session, log: list[str], gone: int, named: tuple[str, int | None]
    ) -> None:
        session.commit()
        table = AuditEvent.__table__
        code, follower = named

        found = self.forge(session, lambda c: c.execute(delete(table).where(table.c.id == log[gone])))

        assert found == {"timed": (code, None if follower is None else log[follower])}

    def test_a_log_that_was_emptied_is_noticed(self, session: Session, log: list[str]) -> None:
        session.commit()

        found = self.forge(session, lambda c: c.execute(delete(AuditEvent.__table__)))

        assert found == {"timed": ("end_missing", None), "by_day": ("end_missing", None)}

    def test_an_entry_written_past_the_chain_is_named(
        self, session: Session, log: list[str], now: datetime
    ) -> None:
        session.commit()
        row = {"id": "f" * 32, "chain": "timed", "happened_at": now, "action": "user.signed_in", "actor": "x"}

        found = self.forge(session, lambda c: c.execute(insert(AuditEvent.__table__).values(row)))

        assert found == {"timed": ("unsealed", "f" * 32)}

    def test_without_its_head_the_log_cannot_be_continued(
        self, session: Session, log: list[str], now: datetime
    ) -> None:
        session.execute(delete(AuditHead))
        audit.record_event(session, AuditAction.SIGNED_IN, now=now)

        with pytest.raises(AuditLogError) as caught:
            session.commit()
        assert caught.value.code == "no_head"


class TestPruning:
    @pytest.fixture
    def aged(self, session: Session, now: datetime) -> datetime:
        """Entries of 40, 38 and 2 months ago in both chains, and the real time."""
        real_now = datetime.now(now.tzinfo)
        for months in (40, 38, 2):
            for action in (AuditAction.SIGNED_IN, AuditAction.SURVEYS_ENDED):
                audit.record_event(session, action, now=audit.months_before(real_now, months))
            session.commit()
        return real_now

    def test_old_entries_go_and_an_entry_vouches_for_them(self, session: Session, aged: datetime) -> None:
        last = chained(session)[1].digest

        assert audit.prune_log(session, now=aged) == 4
        session.commit()

        reports = audit.verify_log(session)
        assert problems(session) == {}
        assert [(one.n_entries, one.pruned) for one in reports] == [(2, True), (2, True)]
        anchor = session.scalars(
            select(AuditEvent).where(
                AuditEvent.action == "audit.pruned", AuditEvent.chain == AuditChain.TIMED
            )
        ).one()
        assert anchor.anchor == last

    def test_pruning_again_finds_nothing_and_the_log_goes_on(self, session: Session, aged: datetime) -> None:
        audit.prune_log(session, now=aged)
        session.commit()

        assert audit.prune_log(session, now=aged) == 0
        audit.record_event(session, AuditAction.SIGNED_IN, now=aged)
        session.commit()

        assert problems(session) == {}

    def test_a_chain_may_go_as_a_whole_and_again(self, session: Session, now: datetime) -> None:
        real_now = datetime.now(now.tzinfo)
        audit.record_event(session, AuditAction.SIGNED_IN, now=audit.months_before(real_now, 90))
        session.commit()
        assert audit.prune_log(session, now=audit.months_before(real_now, 45)) == 1
        session.commit()
        assert audit.prune_log(session, now=real_now) == 1
        session.commit()

        assert problems(session) == {}

    def test_a_dry_run_only_counts(self, session: Session, aged: datetime) -> None:
        assert audit.prune_log(session, now=aged, dry_run=True) == 4
        assert len(chained(session)) == 3

    def test_deleting_the_beginning_without_such_an_entry_is_noticed(
        self, session: Session, aged: datetime
    ) -> None:
        entries = chained(session)
        session.execute(delete(AuditEvent).where(AuditEvent.id == entries[0].id))
        session.commit()

        assert problems(session) == {"timed": ("gap", entries[1].id)}

    def test_two_that_prune_at_once_prune_once(
        self, session_factory: sessionmaker[Session], session: Session, aged: datetime
    ) -> None:
        session.close()

        def prune(_number: int) -> int:
            with session_factory.begin() as own:
                return audit.prune_log(own, now=aged)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(prune, range(2))) == [0, 4]
        assert problems(session) == {}


def test_leaving_is_chained_by_the_day(world: Any) -> None:
    withdrawal.withdraw_from_surveys(
        world.session, world.pairs[0].mentor, pseudonyms=world.pseudonyms, now=world.now
    )
    world.session.commit()

    assert len(chained(world.session, AuditChain.BY_DAY)) == 1
    assert problems(world.session) == {}


@pytest.mark.parametrize(
    ("moment", "months", "expected"),
    [
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-02-29", 36, "2021-02-28"),
        ("2026-01-15", 1, "2025-12-15"),
        ("2026-12-15", 12, "2025-12-15"),
    ],
)
def test_months_are_counted_by_the_calendar(moment: str, months: int, expected: str) -> None:
    assert audit.months_before(datetime.fromisoformat(moment), months) == datetime.fromisoformat(expected)
