"""An operator whose own login may make no roles gets the SQL for the administrator, and is never left unprotected unawares."""

import secrets
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, create_engine, text

from surveys.streams import SEARCH_PATH
from tests.conftest import execute
from webapp.cli import main

KEYS = {"VICEVERSA_SECRET_KEY": "s" * 32, "VICEVERSA_LINK_KEY": (b"k" * 32).hex()}


@pytest.fixture
def owner(postgres_server: Engine) -> Iterator[tuple[str, str]]:
    """A login that owns a database and may do nothing else, and the database's address."""
    name = f"vv_{secrets.token_hex(6)}"
    execute(postgres_server, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
    execute(postgres_server, f"CREATE DATABASE {name} OWNER {name}")
    url = postgres_server.url.set(database=name, username=name, password=name)
    yield name, url.render_as_string(hide_password=False)
    execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
    execute(postgres_server, f"DROP ROLE {name}")


def run(url: str, *arguments: str, **env: str) -> Result:
    result = CliRunner().invoke(main, arguments, env={"VICEVERSA_DATABASE_URL": url, **KEYS, **env})
    assert "Traceback" not in result.output
    return result


def test_the_way_of_an_owner_who_may_make_no_roles(
    owner: tuple[str, str], postgres_server: Engine, postgres_template: str
) -> None:
    assert postgres_template  # the roles are there, made by somebody else
    name, url = owner

    upgraded = run(url, "db", "upgrade")
    assert upgraded.exit_code == 0
    assert "Warning: The database roles" in upgraded.output
    checked = run(url, "db", "check")
    assert checked.exit_code == 1
    assert "viceversa db roles" in checked.output
    served = run(url, "serve", "--port", "1")
    assert served.exit_code == 1
    assert "Serving" not in served.output
    assert "nothing in the database keeps" in run(url, "db", "check", VICEVERSA_DATABASE_ROLES="off").output

    printed = run(url, "db", "roles")
    assert printed.exit_code == 0
    # The roles that exist make the script stop at their line; psql goes on, and so does this.
    for statement in printed.output.splitlines():
        if statement.startswith("GRANT"):
            execute(postgres_server, statement.rstrip(";"))

    assert "Warning" not in run(url, "db", "upgrade").output
    assert "none reaches more than it needs" in run(url, "db", "check").output
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT DISTINCT schemaname FROM pg_tables WHERE tableowner = :name"), {"name": name}
        )
        assert set(found.scalars()) == set(SEARCH_PATH)
        connection.execute(text(f"SET search_path TO {', '.join(SEARCH_PATH)}"))
        connection.execute(text("SET LOCAL ROLE viceversa_participant"))
        connection.execute(text("SELECT * FROM confidential_answer"))
    engine.dispose()


def test_a_grant_beside_the_list_is_reported(owner: tuple[str, str], postgres_server: Engine) -> None:
    _name, url = owner
    run(url, "db", "upgrade")
    for statement in run(url, "db", "roles").output.splitlines():
        if statement.startswith("GRANT"):
            execute(postgres_server, statement.rstrip(";"))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("GRANT SELECT ON confidential.confidential_answer TO viceversa_coordinator"))
    engine.dispose()

    checked = run(url, "db", "check")

    assert checked.exit_code == 1
    assert "viceversa_coordinator: SELECT on confidential.confidential_answer" in checked.output
    assert "Warning" not in run(url, "db", "upgrade").output
    assert run(url, "db", "check").exit_code == 0


def test_on_sqlite_the_check_says_that_there_are_no_roles(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    assert run(url, "db", "upgrade").exit_code == 0

    checked = run(url, "db", "check")

    assert checked.exit_code == 0
    assert "SQLite has no database roles" in checked.output


def test_roles_without_a_login_are_asked_for_one() -> None:
    asked = run("sqlite:///x.db", "db", "roles")

    assert asked.exit_code == 2
    assert "--login" in asked.output
    assert (
        'GRANT viceversa_releases TO "ada";' in run("sqlite:///x.db", "db", "roles", "--login", "ada").output
    )
