"""Alembic's entry: it works on the connection that `surveys.database.upgrade` hands over, and on nothing else."""

from alembic import context

from surveys.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError(
        "migrations run through surveys.database.upgrade, which brings the connection and the lock"
    )

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter a column in place; batch mode copies the table instead.
    render_as_batch=True,
    # Both databases roll a failed migration back as a whole, since SQLite's transactions are begun by hand here.
    transactional_ddl=True,
)

# The caller's transaction is already open and holds the lock.
context.run_migrations()
