"""What each database role may do with each table, and the one function that brings a PostgreSQL database to it.

A table that is not in the list is reached by no role, so whoever adds one decides here who needs it; tests keep the list complete, and
keep answers, names and the way between them in different hands. A lock needs the right to change a column: `UPDATE (id)` allows
the lock, and the foreign keys hold the key where it is. Columns are named where a table holds more than a room needs.
"""

import logging
import re
from collections.abc import Mapping

from sqlalchemy import Connection, text

from surveys.roles import DatabaseRole, create_roles, read_roles
from surveys.streams import HOUSE, SCHEMAS, find_tables, move_tables, schema_of

Grants = Mapping[DatabaseRole, str]

PARTICIPANT, COORDINATOR = DatabaseRole.PARTICIPANT, DatabaseRole.COORDINATOR
RELEASES, RESEARCHER = DatabaseRole.RELEASES, DatabaseRole.RESEARCHER
MODERATOR, OVERSEER, CUSTODIAN = DatabaseRole.MODERATOR, DatabaseRole.OVERSEER, DatabaseRole.CUSTODIAN
ACCOUNT, POSTMAN = DatabaseRole.ACCOUNT, DatabaseRole.POSTMAN

READ = "SELECT"
LOCK = "SELECT, UPDATE (id)"
ADD = "SELECT, INSERT"
KEEP = "SELECT, INSERT, UPDATE"
OWN = "SELECT, INSERT, UPDATE, DELETE"
SEAL = "SELECT, INSERT, UPDATE (previous, digest)"
# Everything of a user but the password.
KNOW = "SELECT (id, email, name, locale, created_at, disabled_at)"
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")

STAFF = (COORDINATOR, RESEARCHER, MODERATOR, OVERSEER)
WRITERS = (PARTICIPANT, COORDINATOR, RELEASES, RESEARCHER, MODERATOR, CUSTODIAN, ACCOUNT)


def _give(privileges: str, *roles: DatabaseRole) -> dict[DatabaseRole, str]:
    """The same privileges for several roles."""
    return dict.fromkeys(roles, privileges)


GRANTS: Mapping[str, Grants] = {
    # The programme, names included.
    "program": _give(READ, CUSTODIAN, POSTMAN, *STAFF) | _give(LOCK, PARTICIPANT, COORDINATOR, RELEASES),
    "program_contact": _give(READ, PARTICIPANT, MODERATOR),
    "cohort": _give(READ, PARTICIPANT, RELEASES, POSTMAN, *STAFF)
    | {COORDINATOR: ADD, CUSTODIAN: "SELECT (id, program_id)"},
    "participant": {
        CUSTODIAN: READ,
        PARTICIPANT: "SELECT, UPDATE (surveys_ended_on)",
        COORDINATOR: ADD,
        # How many were asked. Without the right to the whole table nobody sees which transaction touched a row last.
        RELEASES: "SELECT (id, program_id, role)",
        # Whether many of those who were asked have left since, for the manifest of a data package.
        RESEARCHER: "SELECT (id, surveys_ended_on)",
    },
    "contact": {
        PARTICIPANT: READ,
        # An address that does not work is put right.
        COORDINATOR: "SELECT, INSERT, UPDATE (email, bounced)",
        CUSTODIAN: READ,
        POSTMAN: "SELECT, UPDATE (bounced)",
    },
    "pair": {
        PARTICIPANT: READ,
        COORDINATOR: KEEP,
        POSTMAN: READ,
        # In which cohorts somebody is: whether the way to their answers is destroyed is the same for a whole cohort.
        CUSTODIAN: "SELECT (cohort_id, mentor_id, mentee_id)",
    },
    # Whoever writes a theme holds the wave, so that nobody publishes meanwhile.
    "wave": _give(READ, RELEASES, POSTMAN, *STAFF)
    | _give(LOCK, PARTICIPANT, MODERATOR)
    | {COORDINATOR: KEEP},
    "draft_acknowledgement": {COORDINATOR: ADD},
    "invitation": {
        PARTICIPANT: "SELECT, UPDATE (revoked_at)",
        COORDINATOR: KEEP,
        POSTMAN: READ,
        # When links were issued: rates of an open wave stand as of yesterday evening.
        RELEASES: "SELECT (id, wave_id, pair_id, participant_id, issued_at)",
        RESEARCHER: "SELECT (wave_id, participant_id)",
        # How many pairs were asked: in a small cohort nothing is quoted.
        MODERATOR: "SELECT (wave_id, pair_id)",
    },
    "wave_release": _give(READ, PARTICIPANT, COORDINATOR) | {RELEASES: ADD},
    "wave_themes": {MODERATOR: ADD, COORDINATOR: READ},
    # Stream A. Whoever reads it by columns sees neither where a row lies nor which transaction wrote it, and so no order of arrival and
    # not which comments came together.
    "confidential_respondent": {PARTICIPANT: "SELECT, INSERT, DELETE"},
    "confidential_response": {
        PARTICIPANT: OWN,
        RELEASES: "SELECT (key, respondent_key, pair_key, wave_id, role, locale, state, submitted_on)",
        RESEARCHER: "SELECT (key, respondent_key, pair_key, wave_id, role, locale, state, occasion)",
        # Neither role nor pair nor day.
        MODERATOR: "SELECT (key, respondent_key, wave_id, locale, state)",
    },
    "confidential_answer": {
        PARTICIPANT: OWN,
        **_give("SELECT (response_key, item_id, code, missing)", RELEASES, RESEARCHER),
    },
    "confidential_comment": {
        PARTICIPANT: OWN,
        MODERATOR: "SELECT (key, response_key, item_id, text, may_be_quoted)",
    },
    # Whoever leaves has the pseudonym of their pair changed there too.
    "confidential_group": {RELEASES: ADD, PARTICIPANT: "SELECT, UPDATE (pairs)"},
    "confidential_theme": {MODERATOR: OWN},
    "confidential_theme_support": {MODERATOR: "SELECT, INSERT, DELETE"},
    # The way from people to pseudonyms; nobody but the person walks it.
    "pseudonym_link": {PARTICIPANT: "SELECT, INSERT, DELETE, UPDATE (sealed)"},
    "pseudonym_key": {PARTICIPANT: ADD},
    # Streams B and C.
    "addressed_message": {PARTICIPANT: ADD, COORDINATOR: "SELECT, INSERT, UPDATE (state)"},
    "addressed_decision": {PARTICIPANT: KEEP, COORDINATOR: "SELECT, DELETE"},
    "addressed_draw": {COORDINATOR: ADD},
    "addressed_talk": {COORDINATOR: "SELECT, INSERT, UPDATE (held_on)"},
    "addressed_outcome": {PARTICIPANT: KEEP, COORDINATOR: READ},
    # How often pairs met, and how; who entered it is no column of the coordinator's.
    "addressed_meeting": {
        PARTICIPANT: OWN,
        COORDINATOR: "SELECT (pair_id, held_on, took_place, format, minutes)",
    },
    **{f"shared_{name}": {PARTICIPANT: OWN} for name in ("key", "goal", "note")},
    # A wish is nobody's but the person's; only what both wish is told.
    "shared_wish": {PARTICIPANT: "SELECT, INSERT, DELETE"},
    "shared_extension": {PARTICIPANT: ADD, COORDINATOR: READ},
    # Mail. Invitations go to everybody, so the coordinator may know how far they are; whoever reads reminders knows who has not answered.
    "outbox_invitation": {POSTMAN: OWN, COORDINATOR: KEEP},
    "outbox_reminder": {POSTMAN: OWN, COORDINATOR: "INSERT"},
    "mail_stop": {PARTICIPANT: "SELECT, INSERT, DELETE", POSTMAN: READ},
    # Rights, the log, and who signs in.
    "data_package": _give(READ, PARTICIPANT, OVERSEER) | {RESEARCHER: "INSERT"},
    "erasure_receipt": {PARTICIPANT: ADD},
    # How long pages take, of nobody how long they took.
    "page_pace": {PARTICIPANT: "SELECT, INSERT, UPDATE (n)"},
    # What people were promised, for which nobody is named, binds the clock; an overseer is told the times in force.
    "privacy_statement": {PARTICIPANT: ADD, OVERSEER: READ},
    # Who asked, about whom and on what ground stands once it is written, and no page opens anything.
    "break_glass_request": {
        CUSTODIAN: "SELECT, INSERT, UPDATE (decision, decided_by, decided_at, expired_at)",
        OVERSEER: READ,
    },
    "retention_step": _give(READ, PARTICIPANT, CUSTODIAN),
    "audit_event": _give(SEAL, *WRITERS) | {OVERSEER: READ},
    "audit_head": _give("SELECT, UPDATE (digest)", *WRITERS) | {OVERSEER: READ},
    "access_user": _give(KNOW, *STAFF)
    | _give("SELECT, UPDATE (password_hash)", ACCOUNT, CUSTODIAN)
    # Who reads what is written to the coordinator is said on the page.
    | {PARTICIPANT: "SELECT (id, name, disabled_at)"},
    "access_membership": _give(READ, PARTICIPANT, ACCOUNT, CUSTODIAN, *STAFF),
    "access_pledge": {MODERATOR: ADD},
    "access_session": {ACCOUNT: KEEP},
    "access_rate": _give(KEEP, PARTICIPANT, CUSTODIAN, ACCOUNT),
}


def arrange_streams(connection: Connection) -> None:
    """Put every table into the schema of its stream and give each role its grants and no others; harmless when repeated.

    Every `viceversa db upgrade` ends with this. Where the login may not make roles, the tables are moved all the same, and the grants
    follow with the next upgrade after an administrator has made the roles.
    """
    if connection.dialect.name != "postgresql":
        return
    move_tables(connection)
    create_roles(connection)
    missing = read_roles(connection).missing
    if missing:
        logging.getLogger(__name__).warning("no grants without the database roles %s", ", ".join(missing))
        return
    everybody = ", ".join(role.value for role in DatabaseRole)
    usage: dict[str, set[str]] = {schema: set() for schema in SCHEMAS.values()}
    for table, schema in sorted(find_tables(connection).items()):
        _run(connection, f"REVOKE ALL ON {schema}.{table} FROM PUBLIC, {everybody}")
        for role, privileges in GRANTS.get(table, {}).items():
            _run(connection, f"GRANT {privileges} ON {schema}.{table} TO {role.value}")
            usage.setdefault(schema, set()).add(role.value)
    for schema, roles in usage.items():
        # Everybody may use the schema of the house unless an administrator has changed that.
        if schema != HOUSE:
            _run(connection, f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC, {everybody}")
        if roles:
            _run(connection, f"GRANT USAGE ON SCHEMA {schema} TO {', '.join(sorted(roles))}")


def find_excessive(connection: Connection, grants: Mapping[str, Grants] = GRANTS) -> tuple[str, ...]:
    """Everything that a role may do although the list does not say so: by a grant, by a membership, or as anybody."""
    names = [role.value for role in DatabaseRole]
    held = connection.execute(
        text(
            "SELECT role, verb, t.tablename, has_table_privilege(role, c.oid, verb) AS whole, ARRAY("
            "SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "AND verb NOT IN ('DELETE', 'TRUNCATE') AND has_column_privilege(role, c.oid, a.attnum, verb)) AS columns "
            "FROM pg_tables t "
            "JOIN pg_class c ON c.relname = t.tablename AND c.relnamespace = t.schemaname::regnamespace "
            "CROSS JOIN unnest(CAST(:roles AS text[])) role CROSS JOIN unnest(CAST(:verbs AS text[])) verb "
            "WHERE t.schemaname = ANY(:schemas) AND CASE WHEN verb IN ('DELETE', 'TRUNCATE') "
            "THEN has_table_privilege(role, c.oid, verb) ELSE has_any_column_privilege(role, c.oid, verb) END"
        ),
        {"roles": names, "verbs": list(VERBS), "schemas": [HOUSE, *SCHEMAS.values()]},
    )
    found = []
    for role, verb, table, whole, columns in held:
        decided = re.search(
            rf"\b{verb}\b(?: \(([^)]*)\))?", grants.get(table, {}).get(DatabaseRole(role), "")
        )
        allowed = set() if decided is None or decided.group(1) is None else set(decided.group(1).split(", "))
        if decided is None or (allowed and (whole or not set(columns) <= allowed)):
            found.append(f"{role}: {verb} on {schema_of(table)}.{table}")
    return tuple(sorted(found))


def _run(connection: Connection, statement: str) -> None:
    """Run a statement that is made of the names in this file only."""
    connection.exec_driver_sql(statement)
