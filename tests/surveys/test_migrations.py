"""The migrations lead to the schema that the models describe, on both databases."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Engine, column, insert, inspect, select, table, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from surveys import audit, database
from surveys.database import UTCDateTime, make_engine, schema_state, upgrade
from surveys.models import AuditChain, AuditEvent, Base, Message


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def constraints(engine: Engine) -> dict[str, set[str]]:
    """The names of all constraints by table, CHECK constraints among them."""
    found = inspect(engine)
    return {
        table: {
            str(constraint["name"])
            for constraints in (
                found.get_check_constraints(table),
                found.get_unique_constraints(table),
                found.get_foreign_keys(table),
                [found.get_pk_constraint(table)],
            )
            for constraint in constraints
        }
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def test_upgrading_an_empty_database_gives_the_schema_of_the_models(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        assert schema_state(engine).current is None
        assert differences(engine)  # the comparison does see a missing schema

        state = upgrade(engine)

        assert state.is_current
        assert schema_state(engine) == state
        assert differences(engine) == []
    finally:
        engine.dispose()


def test_the_comparison_notices_a_column_that_is_missing_or_of_another_type(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE shared_goal DROP COLUMN levels"))

    assert any("levels" in str(difference) for difference in differences(engine))


def test_constraints_have_the_same_names_by_migration_and_by_model(
    engine: Engine, empty_database_url: str
) -> None:
    other = make_engine(empty_database_url)
    try:
        Base.metadata.create_all(other)
        migrated, described = constraints(engine), constraints(other)
    finally:
        other.dispose()

    assert migrated == described
    assert "ck_program_floor_minimum" in migrated["program"]
    assert "ck_participant_role" in migrated["participant"]


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    before = schema_state(engine)

    assert upgrade(engine) == before
    assert upgrade(engine) == before


def test_two_processes_upgrading_at_once_both_succeed(empty_database_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        states = list(pool.map(upgrade, [empty_database_url] * 3))

    assert all(state.is_current for state in states)
    engine = make_engine(empty_database_url)
    try:
        assert schema_state(engine).is_current
    finally:
        engine.dispose()


def test_a_failed_upgrade_leaves_nothing_behind(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE wave (id integer)"))  # in the way of the first revision

        with pytest.raises(DatabaseError):
            upgrade(engine)

        assert inspect(engine).get_table_names() == ["wave"]
        assert schema_state(engine).current is None
    finally:
        engine.dispose()


def upgrade_to(engine: Engine, revision: str) -> None:
    """Bring a database to an older revision."""
    with engine.begin() as connection:
        configuration = database._alembic_configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)


def undo_to(engine: Engine, revision: str) -> None:
    """Take a database back to an older revision."""
    with engine.begin() as connection:
        configuration = database._alembic_configuration()
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, revision)


def test_entries_of_a_log_without_a_chain_are_chained_in_the_order_of_time(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    start = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    old = table("audit_event", *(column(name) for name in ("id", "action", "actor", "program_id")))
    old.append_column(column("happened_at", UTCDateTime()))
    entries = [("c", 2), ("a", 1), ("b", 1), ("d", 3)]
    try:
        upgrade_to(engine, "0001")
        with engine.begin() as connection:
            for name, hour in entries:
                row = {"id": name * 32, "action": "wave.opened", "actor": "system", "program_id": "p" * 32}
                connection.execute(insert(old).values(happened_at=start + timedelta(hours=hour), **row))
            left = {"id": "e" * 32, "action": "participant.surveys_ended", "actor": "a participant"}
            connection.execute(insert(old).values(happened_at=start.replace(hour=0, minute=0), **left))

        upgrade(engine)

        with Session(engine) as session:
            timed, by_day = audit.verify_log(session)
            assert (timed.problem, timed.n_entries) == (None, 4)
            assert (by_day.problem, by_day.n_entries) == (None, 1)
            follower = {entry.previous: entry for entry in session.scalars(select(AuditEvent))}
            order, head = "", audit.genesis(AuditChain.TIMED)
            while head in follower:
                order, head = order + follower[head].id[0], follower[head].digest
            assert order == "abcd"
            audit.record_event(session, audit.AuditAction.SIGNED_IN, now=start)
            session.commit()
            assert all(report.problem is None for report in audit.verify_log(session))
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text("UPDATE audit_event SET actor = 'nobody'"))
    finally:
        engine.dispose()


def test_messages_written_before_they_had_a_state_are_kept_and_open(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    sent = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    program = table(
        "program", *map(column, ("id", "slug", "name", "organisation", "floor", "default_locale"))
    )
    program.append_column(column("picks", JSON()))
    person = table("participant", *map(column, ("id", "program_id", "role")))
    old = table("addressed_message", *map(column, ("id", "program_id", "participant_id", "kind", "body")))
    old.append_column(column("sent_at", UTCDateTime()))
    row = {"program_id": "p" * 32, "participant_id": "m" * 32, "sent_at": sent}
    try:
        upgrade_to(engine, "0004")
        with engine.begin() as connection:
            about = {
                "slug": "s",
                "name": "S",
                "organisation": "O",
                "floor": 5,
                "default_locale": "en",
                "picks": {},
            }
            connection.execute(insert(program).values(id="p" * 32, **about))
            connection.execute(insert(person).values(id="m" * 32, program_id="p" * 32, role="mentor"))
            for key, kind in (("a", "contact"), ("b", "something")):
                connection.execute(insert(old).values(id=key * 32, kind=kind, body=f"words {key}", **row))

        upgrade(engine)

        with Session(engine) as session:
            kept = session.scalars(select(Message).order_by(Message.id)).all()
            assert [(one.kind.value, one.body, one.state.value, one.sent_at) for one in kept] == [
                ("contact", "words a", "open", sent),
                ("free", "words b", "open", sent),
            ]
    finally:
        engine.dispose()


def test_responses_that_were_there_before_move_along_and_forget_when_they_were_begun(
    empty_database_url: str,
) -> None:
    engine = make_engine(empty_database_url)
    digest, name = "d" * 64, "k" * 32
    before = (
        f"INSERT INTO program VALUES ('{name}', 'spring', 'Spring', 'Works', 5, '{{}}', 'en', NULL, NULL, NULL)",
        f"INSERT INTO cohort VALUES ('{name}', '{name}', 'Finance', NULL, NULL)",
        (
            "INSERT INTO wave (id, cohort_id, kind, instrument_id, instrument_version, instrument_digest, picks, opens_at, closes_at) "
            f"VALUES ('{name}', '{name}', 'T2', 'toy', '0.1.0', '{digest}', '{{}}', '2026-03-01T00:00:00.000000+00:00', "
            "'2026-03-09T00:00:00.000000+00:00')"
        ),
    )
    columns = (
        "key, respondent_key, pair_key, wave_id, role, locale, locale_digest, instrument_version, instrument_digest, "
        "state, started_on, submitted_on"
    )
    try:
        upgrade_to(engine, "0004")
        with engine.begin() as connection:
            for statement in before:
                connection.exec_driver_sql(statement)
            for key, state, sent in (("a", "submitted", "'2026-03-05'"), ("b", "draft", "NULL")):
                connection.exec_driver_sql(f"INSERT INTO confidential_respondent VALUES ('{key * 32}')")
                connection.exec_driver_sql(
                    f"INSERT INTO confidential_response ({columns}) VALUES ('{key * 32}', '{key * 32}', '{name}', '{name}', "
                    f"'mentor', 'en', '{digest}', '0.1.0', '{digest}', '{state}', '2026-03-02', {sent})"
                )

        upgrade(engine)

        dates = "SELECT state, CAST(started_on AS VARCHAR(10)) FROM confidential_response ORDER BY key"
        with engine.connect() as connection:
            assert [tuple(row) for row in connection.exec_driver_sql(dates)] == [
                ("submitted", "2026-03-05"),
                ("draft", "2026-03-02"),
            ]
    finally:
        engine.dispose()


def test_what_the_retention_clock_has_done_survives_a_new_kind_of_data(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    program = "INSERT INTO program (id, slug, name, organisation, floor, picks, default_locale) VALUES ('p', 's', 'n', 'o', 5, '{}', 'en')"
    cohort = "INSERT INTO cohort (id, program_id, name) VALUES ('c', 'p', 'n')"
    step = "INSERT INTO retention_step (cohort_id, kind, done_on) VALUES ('c', '%s', '2026-03-02')"
    try:
        upgrade_to(engine, "0004")
        with engine.begin() as connection:
            for statement in (program, cohort, step % "link"):
                connection.execute(text(statement))
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text(step % "contacts"))

        upgrade(engine)

        with engine.begin() as connection:
            connection.execute(text(step % "contacts"))
            kinds = connection.execute(text("SELECT kind FROM retention_step ORDER BY kind")).scalars().all()
        assert kinds == ["contacts", "link"]
    finally:
        engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_confidential_tables_keep_no_row_numbers_on_sqlite(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    made = dict(rows)

    confidential = [name for name in made if name.startswith("confidential_")]
    assert len(confidential) == 7
    assert all("WITHOUT ROWID" in made[name] for name in [*confidential, "pseudonym_link", "audit_event"])
    assert "WITHOUT ROWID" not in made["program"]


def test_what_hangs_on_a_response_is_kept_when_pulses_come_and_go(empty_database_url: str) -> None:
    """Comments support themes; where a person may answer once only, the first pulse stays."""
    engine = make_engine(empty_database_url)
    digest = "d" * 64
    columns = (
        "key, respondent_key, pair_key, wave_id, role, locale, locale_digest, instrument_version, instrument_digest, state, "
        "started_on, submitted_on"
    )
    row = (
        f"'r', 'y', 'w', 'mentor', 'en', '{digest}', '1', '{digest}', 'submitted', '2026-03-01', '2026-03-01'"
    )
    kept = "SELECT quote FROM confidential_theme_support JOIN confidential_comment ON comment_key = key"
    try:
        upgrade_to(engine, "0009")
        with engine.begin() as connection:
            for statement in (
                "INSERT INTO program (id, slug, name, organisation, floor, picks, default_locale) VALUES ('p', 's', 'n', 'o', 5, '{}', 'en')",
                "INSERT INTO cohort (id, program_id, name) VALUES ('c', 'p', 'n')",
                (
                    "INSERT INTO wave (id, cohort_id, kind, instrument_id, instrument_version, instrument_digest, picks, opens_at, closes_at) "
                    f"VALUES ('w', 'c', 'PL', 'toy', '1', '{digest}', '{{}}', '2026-03-01T00:00:00.000000+00:00', "
                    "'2026-03-09T00:00:00.000000+00:00')"
                ),
                "INSERT INTO confidential_respondent VALUES ('r')",
                f"INSERT INTO confidential_response ({columns}) VALUES ('a', {row})",
                "INSERT INTO confidential_comment (key, response_key, item_id, text) VALUES ('k', 'a', 'R1', 'A remark.')",
                "INSERT INTO confidential_theme (key, wave_id, item_id, locale, title, summary, version) VALUES ('t', 'w', 'R1', 'en', 'T', 'S', 1)",
                "INSERT INTO confidential_theme_support (theme_key, comment_key, quote) VALUES ('t', 'k', 'remark')",
            ):
                connection.exec_driver_sql(statement)

        upgrade(engine)
        with engine.begin() as connection:
            assert connection.exec_driver_sql(kept).scalars().all() == ["remark"]
            insert_second = f"INSERT INTO confidential_response ({columns}, occasion, month) VALUES ('%s', {row}, %s, '2026-03-01')"
            connection.exec_driver_sql(insert_second % ("b", 2))
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.exec_driver_sql(insert_second % ("e", 2))

        undo_to(engine, "0009")
        with engine.connect() as connection:
            assert connection.exec_driver_sql(kept).scalars().all() == ["remark"]
            left = connection.exec_driver_sql("SELECT key FROM confidential_response").scalars().all()
            assert left == ["a"]
            tables = inspect(connection).get_table_names()
            assert not any(name.startswith("kept_") for name in tables)
    finally:
        engine.dispose()


# What was kept at revision 0003, table by table; each later revision has to keep it, and to give it back when it is undone.
KEEP = {letter: letter * 32 for letter in "abcdehimnprsuwxy"}
AT_0003 = {
    "program": {
        "id": KEEP["p"], "slug": "spring", "name": "Spring", "organisation": "Works", "floor": 5, "picks": "{}", "default_locale": "en",
    },
    "cohort": {"id": KEEP["c"], "program_id": KEEP["p"], "name": "Finance"},
    "participant": [
        {"id": KEEP["m"], "program_id": KEEP["p"], "role": "mentor"},
        {"id": KEEP["n"], "program_id": KEEP["p"], "role": "mentee"},
    ],
    "contact": {"participant_id": KEEP["m"], "name": "Mira", "email": "mira@x.org"},
    "pair": {"id": KEEP["a"], "cohort_id": KEEP["c"], "mentor_id": KEEP["m"], "mentee_id": KEEP["n"], "reporting_line": "none"},
    "wave": {
        "id": KEEP["w"], "cohort_id": KEEP["c"], "kind": "T2", "instrument_id": "toy", "instrument_version": "0.1.0",
        "instrument_digest": "d" * 64, "picks": "{}", "floor": 5, "opens_at": "2026-03-01T00:00:00.000000+00:00",
        "closes_at": "2026-03-09T00:00:00.000000+00:00",
    },
    "invitation": {
        "id": KEEP["i"], "wave_id": KEEP["w"], "pair_id": KEEP["a"], "participant_id": KEEP["m"], "token_hash": "e" * 64,
        "issued_at": "2026-03-01T00:00:00.000000+00:00",
    },
    "confidential_respondent": [{"key": KEEP["r"]}, {"key": KEEP["x"]}],
    "confidential_response": [
        {
            "key": KEEP[key], "respondent_key": KEEP[key], "pair_key": KEEP["y"], "wave_id": KEEP["w"], "role": "mentor", "locale": "en",
            "locale_digest": "d" * 64, "instrument_version": "0.1.0", "instrument_digest": "d" * 64, "state": state,
            "started_on": "2026-03-05", "submitted_on": sent,
        }
        for key, state, sent in (("r", "submitted", "2026-03-05"), ("x", "draft", None))
    ],
    "confidential_answer": [{"response_key": KEEP[key], "item_id": "A1", "code": 4} for key in "rx"],
    "confidential_comment": {"key": KEEP["d"], "response_key": KEEP["r"], "item_id": "R1", "text": "A remark."},
    "pseudonym_link": {"lookup": "1" * 64, "sealed": "2" * 64},
    "pseudonym_key": {"name": "link", "fingerprint": "3" * 64},
    "addressed_message": {
        "id": KEEP["e"], "program_id": KEEP["p"], "participant_id": KEEP["m"], "kind": "contact", "body": "Please call.",
        "sent_at": "2026-03-02T09:30:00.000000+00:00",
    },
    "shared_goal": {
        "id": KEEP["h"], "pair_id": KEEP["a"], "position": 1, "text": "Listen.", "levels": '["a", "b", "c", "d", "e"]', "weight": 1,
    },
    "access_user": {
        "id": KEEP["u"], "email": "cora@x.org", "name": "Cora", "password_hash": "hash", "locale": "en",
        "created_at": "2026-03-01T00:00:00.000000+00:00",
    },
    "access_membership": {"user_id": KEEP["u"], "program_id": KEEP["p"], "role": "coordinator"},
    "wave_release": {
        "id": KEEP["s"], "wave_id": KEEP["w"], "frozen_on": "2026-03-09", "rules_version": "1", "body": "{}", "digest": "4" * 64,
    },
    "confidential_group": {
        "key": KEEP["b"], "release_id": KEEP["s"], "quantity": "level:mentor:AA", "members": "[]", "pairs": "[]", "sensitive": False,
    },
    "erasure_receipt": {"code_digest": "5" * 64, "erased_on": "2026-03-03", "n_responses": 1, "n_answers": 1, "n_comments": 0},
    "data_package": {
        "id": KEEP["a"], "program_id": KEEP["p"], "written_on": "2026-03-10", "purpose": "Research.", "wave_ids": "[]",
        "manifest_digest": "6" * 64,
    },
    "retention_step": {"cohort_id": KEEP["c"], "kind": "link", "done_on": "2026-03-10"},
}  # fmt: skip


def lines_of(name: str) -> list[dict[str, object]]:
    """The rows of a table at revision 0003."""
    rows = AT_0003[name]
    return [dict(rows)] if isinstance(rows, dict) else [dict(row) for row in rows]


def read_kept(engine: Engine) -> dict[str, list[dict[str, str]]]:
    """Of every row the columns that were filled at revision 0003, each as plain text and in an order of its own."""
    found = {}
    with engine.connect() as connection:
        for name in AT_0003:
            filled = list(lines_of(name)[0])
            rows = connection.exec_driver_sql(f"SELECT {', '.join(filled)} FROM {name}").mappings()
            found[name] = sorted(({key: plain(row[key]) for key in filled} for row in rows), key=str)
    return found


def plain(value: object) -> str:
    """A value as both databases write it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def without_row_numbers(engine: Engine) -> set[str]:
    """The tables of a SQLite file that have none."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    return {name for name, made in rows if "WITHOUT ROWID" in made}


def test_everything_kept_at_revision_0003_is_kept_on_the_way_up_and_back(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        upgrade_to(engine, "0003")
        with engine.begin() as connection:
            for name in AT_0003:
                for row in lines_of(name):
                    marks = ", ".join(f":{key}" for key in row)
                    connection.execute(text(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})"), row)
        before, bare = read_kept(engine), None
        expected = {
            name: sorted(
                ({key: plain(value) for key, value in row.items()} for row in lines_of(name)), key=str
            )
            for name in AT_0003
        }
        assert before == expected
        if engine.dialect.name == "sqlite":
            bare = without_row_numbers(engine)

        for _round in range(2):
            upgrade(engine)
            assert differences(engine) == []
            assert read_kept(engine) == before
            if bare is not None:
                assert bare <= without_row_numbers(engine)
                assert connection_is_whole(engine)
            undo_to(engine, "0003")
            assert read_kept(engine) == before
            if bare is not None:
                assert without_row_numbers(engine) == bare
                assert connection_is_whole(engine)
    finally:
        engine.dispose()


def connection_is_whole(engine: Engine) -> bool:
    """Whether every foreign key of a SQLite file leads somewhere."""
    with engine.connect() as connection:
        return connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
