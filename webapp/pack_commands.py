"""Commands for what has to be told before and after a programme runs: packs, statements of privacy, and names that are to go."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webapp.command_session import begin_as_operator, open_database, open_session, read_clock
from webapp.config import Settings

if TYPE_CHECKING:
    from surveys.packs.folder import PackKind


@click.group()
def pack() -> None:
    """Write drafts for a data protection officer or a works council, in English, from a programme's configuration."""


@pack.command("dpia")
@click.argument("slug")
@click.option("--out", type=click.Path(path_type=Path), help="Write the pack into this new folder (or .zip).")
@click.option(
    "--check", type=click.Path(path_type=Path), help="Say whether the pack in this folder still holds."
)
@click.pass_obj
def make_dpia(settings: Settings, slug: str, out: Path | None, check: Path | None) -> None:
    """Draft a data protection impact assessment of programme SLUG: Markdown, PDF, and what they were made from.

    It is a draft for the controller's own judgement, in English only: orientation, not legal advice. What the software cannot know is
    marked “To be filled in”. Give either --out or --check.

    \b
    Example:
      viceversa pack dpia spring --out dpia-spring
      viceversa pack dpia spring --check dpia-spring
    """
    _make_or_check(settings, "dpia", slug, out, check)


@pack.command("works-council")
@click.argument("slug")
@click.option("--out", type=click.Path(path_type=Path), help="Write the pack into this new folder (or .zip).")
@click.option(
    "--check", type=click.Path(path_type=Path), help="Say whether the pack in this folder still holds."
)
@click.pass_obj
def make_council_file(settings: Settings, slug: str, out: Path | None, check: Path | None) -> None:
    """Write the works council's file of programme SLUG: purpose, every question, rules, roles, times, access to the log.

    It is a draft in English only: orientation, not legal advice. Give either --out or --check.

    \b
    Example:
      viceversa pack works-council spring --out council-spring
      viceversa pack works-council spring --check council-spring
    """
    _make_or_check(settings, "works-council", slug, out, check)


def _make_or_check(
    settings: Settings, kind: "PackKind", slug: str, out: Path | None, check: Path | None
) -> None:
    """Write a pack, or compare one with the configuration of now."""
    from surveys import programs
    from surveys.packs.facts import pack_facts
    from surveys.packs.folder import check_pack, write_pack
    from surveys.retention import RetentionPolicy
    from webapp.documents import lay_out

    if (out is None) == (check is None):
        raise click.UsageError("Give either --out FOLDER to write a pack or --check FOLDER to compare one.")
    policy = RetentionPolicy.from_settings(settings.retention)
    with open_session(settings) as session:
        program = programs.find_program(session, slug)
        facts = pack_facts(session, program, policy, folders=settings.instrument_folders)
    if check is not None:
        differences = check_pack(check, kind, facts)
        for difference in differences:
            click.echo(difference)
        if differences:
            raise click.ClickException(
                f"The pack in {check} no longer matches the configuration. Make a new one."
            )
        click.echo(f"The pack in {check} matches the configuration {facts.digest[:16]}….")
        return
    if out is not None:
        today = read_clock().date()
        for name in write_pack(out, kind, facts, partial(lay_out, today=today), today=today):
            click.echo(f"{out / name}" if out.suffix.lower() != ".zip" else f"{out}: {name}")
        click.echo(
            f"Configuration {facts.digest}. A draft for the controller's own judgement, not legal advice."
        )


@click.group()
def privacy() -> None:
    """Read the statements of privacy that people were shown."""


@privacy.command("show")
@click.argument("digest")
@click.pass_obj
def show_statement(settings: Settings, digest: str) -> None:
    """Print the statement with this DIGEST, or with its first 8 signs or more, word for word as it was shown.

    \b
    Example:
      viceversa privacy show 5d41402abc4b2a76
    """
    from surveys.statements import find_statement

    with open_session(settings) as session:
        found = find_statement(session, digest)
        head = f"{found.digest}\nLanguage {found.locale}, first read by somebody who answered on {found.shown_first_on}\n"
        click.echo(f"{head}\n{found.body}", nl=False)


@click.command("forget")
@click.argument("slug")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget_person(settings: Settings, slug: str, email: str, yes: bool) -> None:
    """Delete name, address, messages and decisions of the person with this EMAIL from programme SLUG, at their request.

    Answers are not touched: whose they are is not known here. The person erases them with their own link, and should do so first,
    because a lost link cannot be replaced afterwards.

    \b
    Example:
      viceversa program forget spring ada@example.org
    """
    from surveys import contacts, programs
    from surveys.database import overwrite_deleted

    if not yes:
        click.confirm(
            "The name, the address and the messages cannot be brought back. Delete them?", abort=True
        )
    with open_database(settings) as factory:
        with begin_as_operator(factory) as session:
            program = programs.find_program(session, slug)
            n_messages = contacts.forget_contact(session, program, email, now=read_clock())
        overwrite_deleted(factory.kw["bind"])
    click.echo(f"The name and address are deleted, and {n_messages} messages with them.")
