"""Database roles: on PostgreSQL each room of the service works under a role that can reach only what the room needs.

The service connects as one login, which is a member of all roles, and takes one of them for each transaction. A query that belongs in
another room then fails in the database, whatever the code says. SQLite has no roles; there all of this does nothing. What roles
do not stop is somebody who holds the login itself: they can take any role.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction

from surveys.errors import DatabaseRolesError

ROLE = "viceversa_role"
# PostgreSQL's codes for "there is no such role" and "you may not".
REFUSALS = frozenset({"22023", "42501", "42704"})


class DatabaseRole(StrEnum):
    """Who works in the database, by the room that they work for; `surveys.grants` says what each may reach."""

    # Behind a personal link: the only room that holds both a person's answers and the way to their pseudonym.
    PARTICIPANT = "viceversa_participant"
    # Names, pairs, waves, links, frozen results and messages; no answer and no pseudonym.
    COORDINATOR = "viceversa_coordinator"
    # Freezes results and counts who has answered: answers without names and without pseudonyms' owners.
    RELEASES = "viceversa_releases"
    # Reads answers under pseudonyms.
    RESEARCHER = "viceversa_researcher"
    # Reads comments.
    MODERATOR = "viceversa_moderator"
    # Reads the log and the rules.
    OVERSEER = "viceversa_overseer"
    # Asks for, and agrees to, the opening of one person's answers; reads none of them.
    CUSTODIAN = "viceversa_custodian"
    # Signs people in: passwords and sessions are read by nobody else.
    ACCOUNT = "viceversa_account"
    # Sends invitations and reminders: names, addresses and the outbox; whether somebody has answered it asks through a door.
    POSTMAN = "viceversa_postman"


@dataclass(frozen=True)
class RoleState:
    """Which roles are missing, which ones the login may not take, and which reach tables that they have no business with."""

    login: str
    missing: tuple[str, ...]
    refused: tuple[str, ...]
    excessive: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether the service can work under its roles, and they hold."""
        return not (self.missing or self.refused or self.excessive)


@contextmanager
def acting_as(session: Session, role: DatabaseRole) -> Iterator[None]:
    """A door: what is done within the block is done under another role, and the former one is taken again afterwards.

    A session without a role, on the command line or on SQLite, goes through unchanged. Every use stands in a list that a test keeps.
    """
    before: DatabaseRole | None = session.info.get(ROLE)
    if before is None or before is role:
        yield
        return
    # What was begun in the one room is not to be written from the other.
    session.flush()
    _change(session, role)
    try:
        yield
        session.flush()
    finally:
        _change(session, before)


def take_role(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Take the session's role at the beginning of each of its transactions; it ends with the transaction."""
    role: DatabaseRole | None = session.info.get(ROLE)
    if role is not None and not transaction.nested:
        _set_role(connection, role)


def create_roles(connection: Connection) -> None:
    """Make the roles and let the login take them, as far as it may; harmless when repeated, and when others do the same."""
    if connection.dialect.name != "postgresql":
        return
    state = read_roles(connection)
    may_create = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    if not state.is_ready and connection.execute(text(may_create)).scalar_one():
        for statement in role_statements(state.login, state):
            # Roles belong to the whole server: somebody who works on another database may make the same one just now.
            block = f"BEGIN {statement}; EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL; END"
            connection.exec_driver_sql(f"DO $$ {block} $$")


def read_roles(connection: Connection) -> RoleState:
    """Which roles there are, and which ones the login may take."""
    login = connection.execute(text("SELECT session_user")).scalar_one()
    names = [role.value for role in DatabaseRole]
    found = connection.execute(
        text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"), {"names": names}
    )
    there = set(found.scalars())
    # Since version 16 a member may be denied to take the role.
    version = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
    right = "SET" if version >= 160000 else "MEMBER"
    may_take = text(f"SELECT pg_has_role(session_user, :name, '{right}')")
    refused = [
        name
        for name in names
        if name in there and not connection.execute(may_take, {"name": name}).scalar_one()
    ]
    return RoleState(login, tuple(name for name in names if name not in there), tuple(refused))


def check_roles(engine: Engine) -> RoleState:
    """The state of the roles, with every table that a role reaches although nobody decided so."""
    from surveys.grants import find_excessive

    with engine.connect() as connection:
        state = read_roles(connection)
        excessive = find_excessive(connection) if not state.missing else ()
    return RoleState(state.login, state.missing, state.refused, excessive)


def require_roles(engine: Engine) -> None:
    """Raise DatabaseRolesError unless the service can work under its roles; on SQLite there is nothing to ask."""
    if engine.dialect.name != "postgresql":
        return
    state = check_roles(engine)
    if state.missing or state.refused:
        raise DatabaseRolesError("not_ready", roles=", ".join((*state.missing, *state.refused)))
    if state.excessive:
        raise DatabaseRolesError("excessive", found="; ".join(state.excessive))


def role_statements(login: str, state: RoleState | None = None) -> list[str]:
    """The SQL with which an administrator makes the roles, or what is missing of them, and lets a login take them."""
    names = [role.value for role in DatabaseRole]
    missing = names if state is None else state.missing
    refused = names if state is None else (*state.missing, *state.refused)
    quoted = '"' + login.replace('"', '""') + '"'
    return [
        *(f"CREATE ROLE {name} NOLOGIN" for name in missing),
        *(f"GRANT {name} TO {quoted}" for name in refused),
    ]


def _change(session: Session, role: DatabaseRole) -> None:
    """Let a session go on under another role."""
    session.info[ROLE] = role
    if not session.is_active or not session.in_transaction():
        # The next transaction begins under it.
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql" and not _has_failed(connection):
        _set_role(connection, role)


def _has_failed(connection: Connection) -> bool:
    """Whether the transaction can only be rolled back, which gives the former role back as well."""
    from psycopg.pq import TransactionStatus

    driver: Any = connection.connection.driver_connection
    return bool(driver.info.transaction_status == TransactionStatus.INERROR)


def _set_role(connection: Connection, role: DatabaseRole) -> None:
    """Take a role until the end of the transaction; raises DatabaseRolesError where the login may not."""
    if connection.dialect.name != "postgresql":
        return
    try:
        connection.exec_driver_sql(f"SET LOCAL ROLE {role.value}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in REFUSALS:
            raise DatabaseRolesError("not_ready", roles=role.value) from error
        raise
