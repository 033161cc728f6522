"""The log says that something was done, holds no content, and cannot be rewritten."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Text, delete, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from surveys import audit, waves
from surveys.models import AuditEvent, Program


def test_the_log_tells_what_was_done_in_a_programme(world: Any) -> None:
    waves.close_wave(world.session, world.wave, now=world.now + timedelta(hours=1))

    events = audit.list_events(world.session, program=world.program)

    assert events[0].action == "wave.closed"
    assert {event.action for event in events} == {
        "program.created",
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
        "happened_at",
        "action",
        "actor",
        "program_id",
        "wave_id",
    }
    assert not any(isinstance(column.type, Text) for column in columns)


def test_an_entry_can_neither_be_changed_nor_deleted(session: Session, now: datetime) -> None:
    # The trigger reads the database's own clock, which no test can set.
    audit.record_event(session, audit.AuditAction.SIGNED_IN, now=datetime.now(now.tzinfo))

    for statement in (update(AuditEvent).values(action="nothing"), delete(AuditEvent)):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(statement)


def test_an_entry_may_be_deleted_after_its_36_months(engine: Engine, now: datetime) -> None:
    row = {"action": "user.signed_in", "actor": "system"}
    with engine.begin() as connection:
        real_now = datetime.now(now.tzinfo)
        connection.execute(
            insert(AuditEvent).values(id="old", happened_at=real_now - timedelta(days=1200), **row)
        )
        connection.execute(
            insert(AuditEvent).values(id="new", happened_at=real_now - timedelta(days=1000), **row)
        )

        connection.execute(delete(AuditEvent).where(AuditEvent.id == "old"))

        assert connection.execute(select(AuditEvent.id)).scalars().all() == ["new"]
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(delete(AuditEvent))


def test_the_log_outlives_the_programme(session: Session, program: Program) -> None:
    session.execute(delete(Program))

    assert [event.action for event in audit.list_events(session)] == ["program.created"]
