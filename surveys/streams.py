"""Which table belongs to which stream, and on PostgreSQL to which schema: a table's name says it by how it begins.

Names stay unique over all schemas and are written without them; every connection finds them by `SEARCH_PATH`. SQLite has no schemas,
so queries, foreign keys, models and migrations are the same on both databases.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, text

HOUSE = "public"
# Answers, what is written to the coordinator, what a pair shares, and the way from people to pseudonyms.
SCHEMAS: Mapping[str, str] = {
    "confidential_": "confidential",
    "addressed_": "addressed",
    "shared_": "shared",
    "pseudonym_": "pseudonyms",
}
# New tables are made in the first of these and moved afterwards.
SEARCH_PATH = (HOUSE, *SCHEMAS.values())


def schema_of(table: str) -> str:
    """The schema to which a table belongs by its name."""
    return next((schema for prefix, schema in SCHEMAS.items() if table.startswith(prefix)), HOUSE)


def find_tables(connection: Connection) -> dict[str, str]:
    """The tables of this service that a PostgreSQL database holds, with the schema of each; those of others are not touched."""
    found = connection.execute(
        text(
            "SELECT tablename, schemaname FROM pg_tables "
            "WHERE schemaname = ANY(:schemas) AND pg_has_role(tableowner, 'USAGE')"
        ),
        {"schemas": list(SEARCH_PATH)},
    )
    return {name: schema for name, schema in found.all()}  # noqa: C416 - rows are no pairs to mypy


def move_tables(connection: Connection) -> None:
    """Put every table into the schema of its stream, with its indexes and constraints; on SQLite there is nothing to do."""
    if connection.dialect.name != "postgresql":
        return
    for schema in SCHEMAS.values():
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    for table, schema in sorted(find_tables(connection).items()):
        if schema != schema_of(table):
            connection.execute(text(f"ALTER TABLE {schema}.{table} SET SCHEMA {schema_of(table)}"))


def move_tables_back(connection: Connection) -> None:
    """Put every table into one schema again, as it was before there were several."""
    if connection.dialect.name != "postgresql":
        return
    for table, schema in sorted(find_tables(connection).items()):
        if schema != HOUSE:
            connection.execute(text(f"ALTER TABLE {schema}.{table} SET SCHEMA {HOUSE}"))
