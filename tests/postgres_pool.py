"""PostgreSQL databases that one test hands on to the next: emptied, and only if the test left the schema as it was.

To copy a database takes longer than most tests. A test that needs pages nobody has written to carries the mark `fresh_database`.
"""

import secrets
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

# Whatever a test could change besides rows: tables, columns, rights, triggers, rules, functions and settings of the database.
SHAPE = """
SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (
  SELECT concat_ws(' ', 'r', n.nspname, c.relname, c.relkind, c.relacl, c.relowner, c.relrowsecurity, c.reloptions) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT concat_ws(' ', 'c', n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull, a.attacl, a.attisdropped)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT concat_ws(' ', 't', t.tgrelid::regclass, t.tgname, t.tgenabled) FROM pg_trigger t WHERE NOT t.tgisinternal
  UNION ALL SELECT concat_ws(' ', 'k', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT concat_ws(' ', 'f', p.proname, md5(p.prosrc), p.proacl)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT concat_ws(' ', 'n', n.nspname, n.nspacl) FROM pg_namespace n WHERE n.nspname !~ '^pg_(toast|temp)'
  UNION ALL SELECT concat_ws(' ', 's', s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    WHERE d.datname = current_database()
) AS shape
"""
TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' ORDER BY 1
"""


class PostgresPool:
    """Copies of a template, and how it looked when it was new."""

    def __init__(self, server: Engine, template: str) -> None:
        self.server, self.template = server, template
        self.clean: list[str] = []
        with self._connect(template) as connection:
            self.shape = connection.scalar(text(SHAPE))
            tables = list(connection.scalars(text(TABLES)))
            self.first = {
                table: rows
                for table in tables
                if (rows := connection.scalar(text(f"SELECT json_agg(t)::text FROM {table} t"))) is not None
            }
        self.filled = text(
            " UNION ALL ".join(
                f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})"
                for table in tables
                if table not in self.first
            )
        )

    def lend(self, *, fresh: bool) -> Iterator[str]:
        """Hand out the address of a database like the template, a new copy if it has to be."""
        name = self.clean.pop() if self.clean and not fresh else copy_database(self.server, self.template)
        try:
            yield self.server.url.set(database=name).render_as_string(hide_password=False)
        finally:
            if not fresh and self._empty(name):
                self.clean.append(name)
            else:
                drop_database(self.server, name)

    def close(self) -> None:
        """Drop what is left."""
        while self.clean:
            drop_database(self.server, self.clean.pop())

    def _connect(self, name: str) -> Connection:
        """A connection of its own, which is gone once it is closed."""
        return create_engine(self.server.url.set(database=name), poolclass=NullPool).connect()

    def _empty(self, name: str) -> bool:
        """Take out what a test put in; False if that does not make it a new one."""
        with self._connect(name) as connection, connection.begin():
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            if connection.scalar(text(SHAPE)) != self.shape:
                return False
            # Neither triggers nor foreign keys have a say in this.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in [*connection.scalars(self.filled), *self.first]:
                connection.execute(text(f"DELETE FROM {table}"))
            for table, rows in self.first.items():
                connection.execute(
                    text(
                        f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, CAST(:rows AS json))"
                    ),
                    {"rows": rows},
                )
        return True


def copy_database(server: Engine, template: str) -> str:
    """The name of a new copy of a template."""
    name = f"vv_{secrets.token_hex(6)}"
    with server.connect() as connection:
        # Copied as files it takes half the time of being written through the log, which servers before 15 cannot do.
        (major, *_) = connection.dialect.server_version_info or (0,)
        how = " STRATEGY FILE_COPY" if major >= 15 else ""
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}{how}"))
    return name


def drop_database(server: Engine, name: str) -> None:
    """Drop a database, whoever is still connected to it."""
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
