"""On PostgreSQL every table is in the schema of its stream, and no role but the participant's reaches both answers and people."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege, UndefinedTable
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from surveys import roles
from surveys.database import upgrade
from surveys.errors import DatabaseRolesError
from surveys.grants import GRANTS, arrange_streams, find_excessive
from surveys.models import Base, Contact, Response
from surveys.roles import ROLE, DatabaseRole, acting_as
from surveys.streams import SCHEMAS, find_tables, schema_of

pytestmark = pytest.mark.fresh_database

on_postgres = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
STREAM_A = sorted(name for name in Base.metadata.tables if name.startswith("confidential_"))
LINKS = sorted(name for name in Base.metadata.tables if name.startswith("pseudonym_"))
ADDRESSED = sorted(name for name in Base.metadata.tables if name.startswith("addressed_"))
SHARED = sorted(name for name in Base.metadata.tables if name.startswith("shared_"))

# What each role must be refused, whatever else it may do.
REFUSED = {
    # What both partners wish, they wish the coordinator to know.
    DatabaseRole.COORDINATOR: [
        *STREAM_A,
        *LINKS,
        *(table for table in SHARED if table != "shared_extension"),
        # Who is reminded has not answered, and who wants no mails decided that for themselves.
        "outbox_reminder",
        "mail_stop",
    ],
    DatabaseRole.RELEASES: ["contact", "pair", *LINKS, *ADDRESSED, *SHARED],
    DatabaseRole.RESEARCHER: ["contact", "participant", "pair", "invitation", *LINKS, *ADDRESSED, *SHARED],
    DatabaseRole.MODERATOR: ["contact", "participant", "pair", "invitation", *LINKS, *ADDRESSED, *SHARED],
    DatabaseRole.OVERSEER: ["contact", "participant", "invitation", *STREAM_A, *LINKS, *ADDRESSED, *SHARED],
    DatabaseRole.CUSTODIAN: ["pair", "invitation", *STREAM_A, *LINKS, *ADDRESSED, *SHARED],
    DatabaseRole.POSTMAN: [
        *STREAM_A,
        *LINKS,
        *ADDRESSED,
        *SHARED,
        "participant",
        "access_user",
        "audit_event",
    ],
    DatabaseRole.ACCOUNT: ["contact", "participant", "invitation", *STREAM_A, *LINKS, *ADDRESSED, *SHARED],
    DatabaseRole.PARTICIPANT: ["access_user", "access_session", "confidential_theme", "addressed_talk"],
}
# Every way in which somebody might join an answer to a name, written with schemas, so that only a right is missing.
JOINS = {
    "by the link": "SELECT c.name, r.key FROM contact c, pseudonyms.pseudonym_link l, confidential.confidential_response r",
    "by the wave": "SELECT c.name FROM confidential.confidential_response r JOIN invitation i USING (wave_id) "
    "JOIN contact c USING (participant_id)",
    "by the transaction": "SELECT i.participant_id, r.respondent_key FROM confidential.confidential_response r "
    "JOIN invitation i ON i.xmax = r.xmin JOIN contact c USING (participant_id)",
}


def place(table: str) -> str:
    """A table with its schema."""
    return f"{schema_of(table)}.{table}"


def is_refused(connection: Connection, role: DatabaseRole, statement: str) -> bool:
    """Whether the database refuses a statement to a role because it has no right to it; nothing of it stays."""
    with connection.begin_nested() as point:
        connection.exec_driver_sql(f"SET LOCAL ROLE {role.value}")
        try:
            connection.exec_driver_sql(statement)
        except ProgrammingError as error:
            if not isinstance(error.orig, InsufficientPrivilege):
                raise
            return True
        finally:
            point.rollback()
    return False


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as connection:
        yield connection


class TestSchemas:
    @on_postgres
    def test_every_table_is_in_the_schema_that_its_name_says(self, connection: Connection) -> None:
        found = find_tables(connection)

        assert {name: found[name] for name in Base.metadata.tables} == {
            name: schema_of(name) for name in Base.metadata.tables
        }
        assert set(found.values()) == {"public", "confidential", "addressed", "shared", "pseudonyms"}

    @on_postgres
    def test_a_table_added_later_is_moved_and_reached_by_no_role_until_somebody_decides(
        self, connection: Connection
    ) -> None:
        connection.exec_driver_sql("CREATE TABLE confidential_planted (key text PRIMARY KEY)")
        connection.exec_driver_sql("GRANT SELECT ON confidential_planted TO PUBLIC")
        assert find_tables(connection)["confidential_planted"] == "public"
        assert any("confidential_planted" in one for one in find_excessive(connection))

        arrange_streams(connection)

        assert find_tables(connection)["confidential_planted"] == "confidential"
        for role in DatabaseRole:
            assert is_refused(connection, role, "SELECT * FROM confidential.confidential_planted"), role

    @on_postgres
    def test_a_name_without_its_schema_is_found_by_every_connection(self, connection: Connection) -> None:
        for table in Base.metadata.tables:
            connection.exec_driver_sql(f"SELECT * FROM {table}")

    @on_postgres
    def test_arranging_twice_changes_nothing(self, database_url: str, engine: Engine) -> None:
        acl = "SELECT relname, relacl::text FROM pg_class WHERE relnamespace::regnamespace::text = ANY(%s) ORDER BY 1"

        def read() -> list[Any]:
            with engine.connect() as connection:
                return list(connection.exec_driver_sql(acl, (["public", *SCHEMAS.values()],)))

        before = read()
        upgrade(database_url)
        assert read() == before


class TestGrants:
    def test_somebody_decided_for_every_table_and_for_nothing_else(self) -> None:
        assert set(GRANTS) == set(Base.metadata.tables)

    def test_only_the_participant_s_role_holds_answers_and_names_or_answers_and_the_link(self) -> None:
        def holding(*tables: str) -> set[DatabaseRole]:
            return {role for table in tables for role in GRANTS[table]}

        answers = holding(*STREAM_A)
        assert answers & holding("contact", *LINKS) == {DatabaseRole.PARTICIPANT}
        # Whoever may write what the coordinator or the partner reads cannot read an answer, but for the person.
        assert answers & holding(*ADDRESSED, *SHARED) == {DatabaseRole.PARTICIPANT}

    @on_postgres
    def test_each_role_is_refused_what_it_has_no_business_with(self, connection: Connection) -> None:
        for role, tables in REFUSED.items():
            let_in = [
                table for table in tables if not is_refused(connection, role, f"SELECT * FROM {place(table)}")
            ]
            assert let_in == [], role
            changed = [
                table for table in tables if not is_refused(connection, role, f"DELETE FROM {place(table)}")
            ]
            assert changed == [], role

    @on_postgres
    @pytest.mark.parametrize("join", JOINS)
    def test_no_role_but_the_participant_s_joins_an_answer_to_a_name(
        self, connection: Connection, join: str
    ) -> None:
        for role in DatabaseRole:
            refused = is_refused(connection, role, JOINS[join])
            assert refused is (role is not DatabaseRole.PARTICIPANT), role

    @on_postgres
    def test_a_role_does_not_even_find_a_table_that_it_may_not_read(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL ROLE {DatabaseRole.COORDINATOR.value}")

        with pytest.raises(ProgrammingError) as caught:
            connection.execute(select(Response))
        assert isinstance(caught.value.orig, UndefinedTable)

    @on_postgres
    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT xmin FROM invitation",
            "SELECT token_hash FROM invitation",
            "SELECT surveys_ended_on FROM participant",
        ],
    )
    def test_whoever_freezes_results_counts_links_and_sees_no_more_of_them(
        self, connection: Connection, statement: str
    ) -> None:
        assert is_refused(connection, DatabaseRole.RELEASES, statement)
        counting = "SELECT count(*), count(participant_id) FROM invitation"
        assert not is_refused(connection, DatabaseRole.RELEASES, counting)

    @on_postgres
    @pytest.mark.parametrize("table", ["response", "answer", "comment"])
    @pytest.mark.parametrize("mark", ["xmin", "ctid"])
    def test_who_reads_answers_does_not_read_in_which_order_or_with_which_others_they_came(
        self, connection: Connection, table: str, mark: str
    ) -> None:
        """Two comments of one person carry the number of one transaction, and rows lie in the order in which they were written."""
        for role in (DatabaseRole.RELEASES, DatabaseRole.RESEARCHER, DatabaseRole.MODERATOR):
            assert is_refused(connection, role, f"SELECT {mark} FROM confidential.confidential_{table}"), role
        # The control: it is there to be read by whoever reads the whole table.
        participant = DatabaseRole.PARTICIPANT
        assert not is_refused(
            connection, participant, f"SELECT {mark} FROM confidential.confidential_{table}"
        )

    @on_postgres
    @pytest.mark.parametrize("column", ["pair_key", "role", "started_on", "submitted_on", "statement_digest"])
    def test_a_moderator_reads_neither_role_nor_pair_nor_day_of_a_response(
        self, connection: Connection, column: str
    ) -> None:
        reading = f"SELECT {column} FROM confidential.confidential_response"

        assert is_refused(connection, DatabaseRole.MODERATOR, reading)
        assert not is_refused(connection, DatabaseRole.PARTICIPANT, reading)

    @on_postgres
    @pytest.mark.parametrize(
        "column", ["opened_at", "participant_id", "requested_by", "requested_at", "ground"]
    )
    def test_a_custodian_changes_a_decision_and_nothing_else_of_a_request(
        self, connection: Connection, column: str
    ) -> None:
        custodian = DatabaseRole.CUSTODIAN

        assert is_refused(connection, custodian, f"UPDATE break_glass_request SET {column} = NULL")
        assert not is_refused(connection, custodian, "UPDATE break_glass_request SET expired_at = NULL")

    @on_postgres
    @pytest.mark.parametrize(
        ("statement", "refused"),
        [
            ("SELECT 1 FROM outbox_reminder", True),
            ("SELECT count(*) FROM outbox_reminder", True),
            ("INSERT INTO outbox_reminder (id) SELECT 'x' WHERE false RETURNING id", True),
            ("UPDATE outbox_reminder SET attempts = 0", True),
            ("DELETE FROM outbox_reminder", True),
            ("SELECT 1 FROM mail_stop", True),
            # The controls: reminders are written for everybody, and invitations may be followed.
            ("INSERT INTO outbox_reminder (id) SELECT 'x' WHERE false", False),
            ("SELECT state FROM outbox_invitation", False),
        ],
    )
    def test_a_coordinator_writes_reminders_and_reads_nothing_of_them(
        self, connection: Connection, statement: str, refused: bool
    ) -> None:
        assert is_refused(connection, DatabaseRole.COORDINATOR, statement) is refused

    @on_postgres
    def test_passwords_are_read_only_where_somebody_signs_in(self, connection: Connection) -> None:
        reading = "SELECT password_hash FROM access_user"

        assert {role for role in DatabaseRole if not is_refused(connection, role, reading)} == {
            DatabaseRole.ACCOUNT,
            # Custodians type their own password again with each step.
            DatabaseRole.CUSTODIAN,
        }

    @on_postgres
    def test_nobody_may_change_the_log_s_content_or_delete_from_it(self, connection: Connection) -> None:
        for role in DatabaseRole:
            assert is_refused(connection, role, "UPDATE audit_event SET actor = 'x'"), role
            assert is_refused(connection, role, "DELETE FROM audit_event"), role

    @on_postgres
    @pytest.mark.parametrize(
        ("planted", "found"),
        [
            (
                "GRANT SELECT ON confidential.confidential_answer TO viceversa_coordinator",
                "viceversa_coordinator: SELECT on confidential.confidential_answer",
            ),
            (
                "GRANT SELECT (name) ON contact TO viceversa_releases",
                "viceversa_releases: SELECT on public.contact",
            ),
            (
                "GRANT SELECT ON invitation TO viceversa_releases",
                "viceversa_releases: SELECT on public.invitation",
            ),
            (
                "GRANT SELECT (pair_key) ON confidential.confidential_response TO viceversa_moderator",
                "viceversa_moderator: SELECT on confidential.confidential_response",
            ),
            (
                "GRANT UPDATE (opened_at) ON break_glass_request TO viceversa_custodian",
                "viceversa_custodian: UPDATE on public.break_glass_request",
            ),
            (
                "GRANT SELECT ON pseudonyms.pseudonym_link TO PUBLIC",
                "viceversa_researcher: SELECT on pseudonyms.pseudonym_link",
            ),
            (
                "GRANT viceversa_participant TO viceversa_coordinator",
                "viceversa_coordinator: DELETE on confidential.confidential_answer",
            ),
        ],
    )
    def test_a_grant_too_many_is_found_and_taken_away(
        self, connection: Connection, planted: str, found: str
    ) -> None:
        assert find_excessive(connection) == ()
        connection.exec_driver_sql(planted)

        assert found in find_excessive(connection)

        arrange_streams(connection)
        # A membership belongs to the whole server, so it is reported and not touched.
        assert (find_excessive(connection) == ()) is not planted.startswith("GRANT viceversa_participant")

    @on_postgres
    def test_with_a_grant_too_many_the_join_would_succeed(self, connection: Connection) -> None:
        """The control of the refusals above: they come from the grants and from nothing else."""
        role = DatabaseRole.COORDINATOR
        assert is_refused(connection, role, JOINS["by the wave"])
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA confidential TO {role.value}")
        assert is_refused(connection, role, JOINS["by the wave"])
        connection.exec_driver_sql(f"GRANT SELECT ON confidential.confidential_response TO {role.value}")

        assert not is_refused(connection, role, JOINS["by the wave"])


def role_of(session: Session) -> str:
    return str(session.scalar(text("SELECT current_user")))


@pytest.fixture
def coordinating(session_factory: sessionmaker[Session]) -> Iterator[Session]:
    """A session of the coordinator's room."""
    with session_factory(info={ROLE: DatabaseRole.COORDINATOR}) as session:
        yield session


class TestDoors:
    @on_postgres
    def test_a_session_keeps_its_role_over_its_transactions(self, coordinating: Session) -> None:
        assert role_of(coordinating) == "viceversa_coordinator"
        coordinating.commit()
        assert role_of(coordinating) == "viceversa_coordinator"
        coordinating.rollback()
        assert role_of(coordinating) == "viceversa_coordinator"

    @on_postgres
    def test_the_next_user_of_the_connection_does_not_inherit_the_role(
        self, coordinating: Session, session_factory: sessionmaker[Session]
    ) -> None:
        assert role_of(coordinating) == "viceversa_coordinator"
        coordinating.close()

        with session_factory() as other:
            assert role_of(other) not in set(DatabaseRole)

    @on_postgres
    def test_a_door_leads_to_another_room_and_back(self, coordinating: Session) -> None:
        coordinating.scalars(select(Contact)).all()
        with acting_as(coordinating, DatabaseRole.RELEASES):
            coordinating.scalars(select(Response.key)).all()
            with acting_as(coordinating, DatabaseRole.RELEASES):
                pass
            assert role_of(coordinating) == "viceversa_releases"
            with pytest.raises(ProgrammingError), coordinating.begin_nested():
                coordinating.scalars(select(Contact)).all()
        assert role_of(coordinating) == "viceversa_coordinator"
        with pytest.raises(ProgrammingError):
            coordinating.scalars(select(Response)).all()

    @on_postgres
    def test_a_commit_behind_a_door_stays_behind_it(self, coordinating: Session) -> None:
        with acting_as(coordinating, DatabaseRole.RELEASES):
            coordinating.commit()
            assert role_of(coordinating) == "viceversa_releases"
        assert role_of(coordinating) == "viceversa_coordinator"

    @on_postgres
    def test_an_error_behind_a_door_leads_back(self, coordinating: Session) -> None:
        with pytest.raises(ZeroDivisionError), acting_as(coordinating, DatabaseRole.RELEASES):
            _ = len(role_of(coordinating)) / 0
        assert role_of(coordinating) == "viceversa_coordinator"

    @on_postgres
    def test_a_failed_statement_behind_a_door_leads_back_too(self, coordinating: Session) -> None:
        with pytest.raises(DBAPIError), acting_as(coordinating, DatabaseRole.RELEASES):
            coordinating.execute(text("SELECT 1/0"))
        coordinating.rollback()
        assert role_of(coordinating) == "viceversa_coordinator"

        with (
            pytest.raises(DBAPIError),
            coordinating.begin_nested(),
            acting_as(coordinating, DatabaseRole.RELEASES),
        ):
            coordinating.execute(text("SELECT 1/0"))
        assert role_of(coordinating) == "viceversa_coordinator"

    def test_a_session_without_a_role_goes_through_every_door_unchanged(self, session: Session) -> None:
        with acting_as(session, DatabaseRole.OVERSEER):
            session.scalars(select(Response)).all()
            session.scalars(select(Contact)).all()

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_on_sqlite_there_is_nothing_to_take(self, coordinating: Session) -> None:
        coordinating.scalars(select(Response)).all()
        with acting_as(coordinating, DatabaseRole.RELEASES):
            coordinating.scalars(select(Contact)).all()


@pytest.fixture
def plain_login(engine: Engine) -> Iterator[str]:
    """Somebody who can connect, and is a member of nothing."""
    name = f"plain_{secrets.token_hex(4)}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
    yield name
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {name}")


class TestLogin:
    @on_postgres
    def test_the_login_of_the_tests_may_take_every_role(self, engine: Engine) -> None:
        roles.require_roles(engine)

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_sqlite_is_not_asked(self, engine: Engine) -> None:
        roles.require_roles(engine)

    @on_postgres
    def test_a_login_that_may_not_take_the_roles_is_told_what_to_do(
        self, connection: Connection, plain_login: str
    ) -> None:
        connection.exec_driver_sql(f"SET SESSION AUTHORIZATION {plain_login}")
        state = roles.read_roles(connection)

        assert state.refused == tuple(role.value for role in DatabaseRole)
        assert not state.is_ready
        with pytest.raises(DatabaseRolesError) as caught:
            roles._set_role(connection, DatabaseRole.COORDINATOR)
        assert caught.value.code == "not_ready"
        assert "viceversa db roles" in caught.value.remedy
        assert "VICEVERSA_DATABASE_ROLES=off" in caught.value.remedy

    @on_postgres
    def test_the_printed_statements_let_a_login_take_the_roles(
        self, connection: Connection, plain_login: str
    ) -> None:
        state = roles.RoleState(plain_login, (), tuple(role.value for role in DatabaseRole))
        for statement in roles.role_statements(plain_login, state):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"SET SESSION AUTHORIZATION {plain_login}")

        assert roles.read_roles(connection).is_ready
        roles._set_role(connection, DatabaseRole.COORDINATOR)

    def test_statements_for_an_administrator_name_every_role_and_quote_the_login(self) -> None:
        statements = roles.role_statements('o"hara')

        for role in DatabaseRole:
            assert f"CREATE ROLE {role.value} NOLOGIN" in statements
            assert f'GRANT {role.value} TO "o""hara"' in statements

    @on_postgres
    def test_a_role_that_somebody_else_makes_in_the_same_moment_does_no_harm(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        everything = tuple(role.value for role in DatabaseRole)
        login = roles.read_roles(connection).login
        looked_too_early = roles.RoleState(login, everything, ())
        monkeypatch.setattr(roles, "read_roles", lambda _connection: looked_too_early)

        roles.create_roles(connection)

        monkeypatch.undo()
        assert roles.read_roles(connection).is_ready
