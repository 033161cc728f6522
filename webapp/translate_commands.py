"""`viceversa instrument translate`: the translation workbench, for questionnaires shipped and private, without a database."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from webapp.command_session import open_session, read_clock
from webapp.config import LOCALES, SOURCE_LOCALE, TRANSLATIONS_FOLDER, Settings

VERSION = click.option("--version", help="The version; default: the newest at hand.")
# The values of `instruments.review`, which would load the readers of PO files for every `--help`.
STATES = ("draft", "reviewed", "approved")
METHODS = ("trapd", "double-forward", "committee", "interviews", "back-translation", "reading")
ORIGINS = ("machine", "human")
HEAD = (
    "locale",
    "texts",
    "translated",
    "draft",
    "reviewed",
    "approved",
    "origin",
    "reviewers",
    "can be fielded",
)


@click.group()
def translate() -> None:
    """Hand out translations, take them back, and see how far they are."""


@translate.command("status")
@click.argument("identifier", metavar="[ID]", required=False)
@VERSION
@click.option("--locale", help="Only this language.")
@click.pass_obj
def show_status(settings: Settings, identifier: str | None, version: str | None, locale: str | None) -> None:
    """Say how far each language is, of the instrument ID or of all, and of the interface.

    \b
    Example:
      viceversa instrument translate status core-battery --locale de
    """
    from instruments.catalog import SHIPPED, find_folders
    from instruments.loader import load_source
    from instruments.workbench import find_version

    if identifier is None:
        folders = [
            folder for root in (SHIPPED, *settings.instrument_folders) for folder in find_folders(Path(root))
        ]
    else:
        folders = [find_version(identifier, version, settings.instrument_folders)]
    for folder in folders:
        source = load_source(folder)
        if version is None or source.version == version:
            _show_table(f"{source.id} {source.version}", _instrument_rows(folder, locale))
    if identifier is None:
        _show_table("Interface (a state for each file as a whole)", _interface_rows(locale))


@translate.command("export")
@click.argument("identifier", metavar="ID")
@click.argument("locale")
@VERSION
@click.option("--format", "form", type=click.Choice(["po", "xliff"]), default="po", show_default=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
)
@click.pass_obj
def export_file(
    settings: Settings, identifier: str, locale: str, version: str | None, form: str, output: Path
) -> None:
    """Write the texts of a language for a translator: sources, contexts, comments and states.

    \b
    Example:
      viceversa instrument translate export core-battery de --format xliff -o de.xlf
    """
    from instruments.workbench import export_locale, find_version

    folder = find_version(identifier, version, settings.instrument_folders)
    data = export_locale(folder, locale, form)
    try:
        output.write_bytes(data)
    except OSError as error:
        raise click.ClickException(
            f"{output} cannot be written ({error.strerror}). Name another file."
        ) from error
    click.echo(f"{output} holds {locale} of {identifier} {folder.name}.")


@translate.command("merge")
@click.argument("identifier", metavar="ID")
@click.argument("locale")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@VERSION
@click.option("--state", type=click.Choice(STATES), help="What the reviewer says of every text of the file.")
@click.option("--reviewer", help="Who has looked at the texts.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    help="How they were looked at; no text is approved by the last two alone.",
)
@click.option("--origin", type=click.Choice(ORIGINS), help="Who has translated; needed for a new language.")
@click.pass_obj
def merge_file(
    settings: Settings,
    identifier: str,
    locale: str,
    file: Path,
    version: str | None,
    state: str | None,
    reviewer: str | None,
    method: str | None,
    origin: str | None,
) -> None:
    """Take a PO or XLIFF file back by the contexts of its texts, whole or not at all.

    \b
    Example:
      viceversa instrument translate merge core-battery de de.xlf --state approved --method committee --reviewer "Ada Byron"
    """
    from instruments.review import ReviewError, make_review
    from instruments.workbench import find_version, read_incoming, take_back

    if state is None and (reviewer or method):
        raise click.ClickException("Say with --state what the reviewer found: draft, reviewed or approved.")
    try:
        review = make_review(state, method, reviewer, dt.datetime.now(dt.UTC).date()) if state else None
    except ReviewError as error:
        raise click.ClickException(str(error)) from error
    folder = find_version(identifier, version, settings.instrument_folders)
    done = take_back(
        folder, locale, read_incoming(file), review=review, withdraw=state == "draft", origin=origin
    )
    click.echo(
        f"{done.file}: {len(done.changed)} texts changed, {len(done.reviewed)} newly reviewed or approved, "
        f"{len(done.dropped)} fell back to draft, {len(done.empty)} left empty in the file and kept."
    )
    if done.unproved:
        click.echo(
            f"{len(done.unproved)} texts are called reviewed in the file, without who has looked and how; they stay drafts. "
            "Merge again with --state, --reviewer and --method."
        )
    _show_table(f"{identifier} {folder.name}", _instrument_rows(folder, locale))


@click.command("offer-draft")
@click.argument("slug")
@click.argument("locale")
@click.option("--instrument", "name", help="ID@VERSION; default: the programme's.")
@click.pass_obj
def offer_draft(settings: Settings, slug: str, locale: str, name: str | None) -> None:
    """Acknowledge for a programme that a translation is a draft, and offer it in its waves that are not closed.

    \b
    Answers in a draft may mean something else than answers in other languages; they must not be compared or pooled.

    Example:
      viceversa program offer-draft spring de
    """
    from instruments.catalog import get_instrument, latest_version
    from surveys import languages, programs
    from surveys.errors import LanguageError

    folders = settings.instrument_folders
    with open_session(settings) as session:
        program = programs.find_program(session, slug)
        identifier, _, version = (
            name or f"{program.instrument_id or 'core-battery'}@{program.instrument_version or ''}"
        ).partition("@")
        instrument = get_instrument(
            identifier, version or latest_version(identifier, folders=folders), folders=folders
        )
        info = instrument.locales.get(locale)
        if info is None:
            raise LanguageError("unknown", locale=locale[:16])
        languages.acknowledge_draft(
            session, program, instrument, locale, digest=info.digest, now=read_clock()
        )
    click.echo(
        f"{locale} of {identifier} {instrument.version} is offered in {slug}: {info.origin}, {info.review_status}."
    )


def readable_locales() -> list[str]:
    """The languages in which the pages around a questionnaire are complete."""
    from webapp.i18n import read_catalogue

    return [locale for locale in LOCALES if read_catalogue(TRANSLATIONS_FOLDER, locale).complete]


def _instrument_rows(folder: Path, locale: str | None) -> Iterator[tuple[str, ...]]:
    """The languages of a version."""
    from instruments.translate import coverage

    for found in coverage(folder):
        if locale in {None, found.locale}:
            counts = found.review.counts
            gaps = found.n_texts - found.n_translated
            yield (
                found.locale,
                str(found.n_texts),
                str(found.n_translated),
                *(str(counts[state]) for state in STATES),
                found.origin or "?",
                found.reviewer or "–",
                f"no: {gaps} texts missing, outdated or fuzzy, {found.n_surplus} surplus"
                if not found.complete
                else "yes"
                if found.review_status == "approved"
                else "as a draft, once the programme acknowledges it",
            )


def _interface_rows(locale: str | None) -> Iterator[tuple[str, ...]]:
    """The catalogues of the interface, each in the state that its header names."""
    from webapp.catalogues import count_translated
    from webapp.i18n import read_catalogue

    for name in LOCALES:
        if name == SOURCE_LOCALE or locale not in {None, name}:
            continue
        catalogue = read_catalogue(TRANSLATIONS_FOLDER, name)
        n_texts, n_translated = count_translated(TRANSLATIONS_FOLDER, name)
        state = {"reviewed": 1, "approved": 2}.get(catalogue.review_status, 0)
        counts = [str(n_translated) if at == state else "0" for at in range(len(STATES))]
        ready = "yes" if catalogue.complete else f"no: {n_texts - n_translated} texts missing or outdated"
        yield name, str(n_texts), str(n_translated), *counts, catalogue.origin or "?", "–", ready


def _show_table(title: str, rows: Iterator[tuple[str, ...]]) -> None:
    """Print rows under their head."""
    lines: Sequence[tuple[str, ...]] = [HEAD, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    click.echo(title)
    for line in lines:
        click.echo(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
