"""Commands for the database: bring it up to date, make its roles, and check that they hold."""

import click

from webapp.command_session import DATA_FOLDER
from webapp.config import DEFAULT_DATABASE_URL, Settings


@click.group()
def db() -> None:
    """Create the database, bring it up to date, and check what keeps its streams apart."""


@db.command("upgrade")
@click.pass_obj
def upgrade_database(settings: Settings) -> None:
    """Create the tables or bring them to the version of this software; safe to run again.

    On PostgreSQL this also puts each stream into its schema and gives the database roles their grants.

    \b
    Example:
      viceversa db upgrade
      VICEVERSA_DATABASE_URL=postgresql://viceversa@db/viceversa viceversa db upgrade
    """
    from surveys.database import make_engine, upgrade
    from surveys.errors import DatabaseRolesError
    from surveys.roles import require_roles

    if settings.database_url == DEFAULT_DATABASE_URL:
        DATA_FOLDER.mkdir(mode=0o700, exist_ok=True)
    state = upgrade(settings.database_url)
    click.echo(f"The database is at revision {state}.")
    if settings.database_roles:
        engine = make_engine(settings.database_url)
        try:
            require_roles(engine)
        except DatabaseRolesError as error:
            # The tables are fine; what is missing is for an administrator, not for another try.
            click.echo(f"Warning: {error}", err=True)
        finally:
            engine.dispose()


@db.command("roles")
@click.option("--login", metavar="NAME", help="Who connects; default: the user of VICEVERSA_DATABASE_URL.")
@click.pass_obj
def print_roles(settings: Settings, login: str | None) -> None:
    """Print the SQL with which a PostgreSQL administrator makes the roles that keep answers and names apart.

    It is needed only where the service's own login may not make roles. Run `viceversa db upgrade` afterwards, which gives them
    their grants.

    \b
    Example:
      viceversa db roles | psql -U postgres
    """
    from sqlalchemy import make_url

    from surveys.roles import role_statements

    name = login or make_url(settings.database_url).username
    if not name:
        raise click.UsageError("Say who connects to the database: viceversa db roles --login NAME")
    click.echo("".join(f"{statement};\n" for statement in role_statements(name)), nl=False)


@db.command("shuffle")
@click.pass_obj
def shuffle_rows(settings: Settings) -> None:
    """Destroy the order in which answers came in, as the files of the database and a dump would tell it.

    `viceversa retention run` and `viceversa wave close` do this too. People who save at this moment wait for it; on PostgreSQL
    the login must own the tables.

    \b
    Example:
      viceversa db shuffle
    """
    from surveys.arrival import forget_arrival
    from surveys.database import make_engine, require_current_schema

    engine = make_engine(settings.database_url)
    try:
        require_current_schema(engine)
        done = forget_arrival(engine)
    finally:
        engine.dispose()
    report_arrival(done)
    click.echo("Done." if done else "Not done.")


@db.command("check")
@click.pass_obj
def check_database(settings: Settings) -> None:
    """Say whether the database fits this software and its roles hold; exit status 1 if something is amiss.

    \b
    Example:
      viceversa db check
    """
    from surveys.database import make_engine, require_current_schema

    engine = make_engine(settings.database_url)
    try:
        require_current_schema(engine)
        click.echo("The tables are up to date.")
        click.echo(check_protection(settings))
    finally:
        engine.dispose()


def report_arrival(done: bool) -> None:
    """Say on standard error that the order of arrival is still to be told, if it is."""
    if not done:
        click.echo(
            "The order in which answers came in could not be destroyed: the tables are in use, or do not belong to this login. Run "
            "`viceversa db shuffle` at a quieter hour, as the owner of the tables.",
            err=True,
        )


def check_protection(settings: Settings) -> str:
    """One sentence on what keeps the streams apart in the database; raises DatabaseRolesError where it should and does not."""
    from surveys.database import make_engine
    from surveys.roles import require_roles

    engine = make_engine(settings.database_url)
    try:
        if engine.dialect.name != "postgresql":
            return "SQLite has no database roles: whoever can read the file reads every table."
        if not settings.database_roles:
            return "Warning: VICEVERSA_DATABASE_ROLES=off, so nothing in the database keeps answers and names apart."
        require_roles(engine)
    finally:
        engine.dispose()
    return "Every room works under a database role of its own, and none reaches more than it needs."
