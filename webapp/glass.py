"""The command that opens one named person's answers, after two custodians agreed to it on their page."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webapp.command_session import DATA_FOLDER, open_database, read_clock
from webapp.config import Settings
from webapp.keys import complete_settings

if TYPE_CHECKING:
    from surveys.break_glass import OpenedAnswers


@click.group("break-glass")
def break_glass() -> None:
    """Read one named person's answers in the rare case in which they must be read."""


@break_glass.command("open")
@click.argument("request")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file, for its owner only.",
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)
@click.pass_obj
def open_request(settings: Settings, request: str, out: Path, password_stdin: bool) -> None:
    """Write the answers that an approved REQUEST is about to a file, once, within a day of the approval.

    Two custodians of the programme have to agree first, on the page /custody/. The one who made the request types their password
    here. The opening is in the log before anything is written, and an overseer sees it.

    \b
    Example:
      viceversa break-glass open 0f3c2a9d8b7e6f5a4c3b2d1e0f9a8b7c --out answers.json
    """
    from surveys import break_glass as glass
    from surveys.pseudonyms import Pseudonyms

    holder = Pseudonyms(complete_settings(settings, DATA_FOLDER).link_key or b"")
    with open_database(settings) as factory:
        with factory.begin() as session:
            # Committed by itself: what follows may be refused and rolled back.
            glass.expire_requests(session, now=read_clock())
        with factory.begin() as session:
            name = glass.requester_of(session, request).name
        password = _read_password(name, password_stdin)
        descriptor = _new_file(out)
        try:
            with factory.begin() as session:
                opened = glass.open_answers(
                    session,
                    request,
                    password=password,
                    pseudonyms=holder,
                    now=read_clock(),
                    folders=settings.instrument_folders,
                )
            content = _require_content(opened)
        except BaseException:
            os.close(descriptor)
            out.unlink()
            raise
        _write(descriptor, content, out)
    click.echo(f"The answers are in {out}. {name} opened them; it cannot be done again with this request.")


def _require_content(opened: "OpenedAnswers") -> bytes:
    """What was opened; raises BreakGlassError where nothing can be found any more."""
    from surveys.errors import BreakGlassError

    if opened.content is None:
        raise BreakGlassError("gone")
    return opened.content


def _write(descriptor: int, content: bytes, target: Path) -> None:
    """Fill the new file; what was opened counts as opened, whatever becomes of the file."""
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise click.ClickException(
            f"{target} could not be written to its end ({error.strerror}). The request counts as opened: delete the file, make "
            "room, and make a new request."
        ) from error


def _read_password(name: str, from_stdin: bool) -> str:
    """The password of the custodian who made the request."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str = click.prompt(f"Password of {name}", hide_input=True)
    return password


def _new_file(target: Path) -> int:
    """A new private file, opened before anything is done, so that an opening is not wasted on a wrong path."""
    try:
        return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise click.ClickException(f"{target} exists already; name another file.") from error
    except OSError as error:
        raise click.ClickException(
            f"{target} cannot be written ({error.strerror}); nothing was opened."
        ) from error
