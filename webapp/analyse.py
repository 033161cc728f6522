"""`viceversa analyse`: any CSV file to a psychometric report as text, JSON and pictures, without a database.

Nothing heavy is imported before a command runs, so that `viceversa --help` answers at once.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from webapp.config import Settings

if TYPE_CHECKING:
    from instruments.model import Instrument
    from scoring.report import PsychometricReport
    from scoring.scale_sets import ScaleSet
    from scoring.tables import RawTable

DEFAULT = "(file)"
# Parts of one step that the progress bar tells apart.
_FINENESS = 100
STANDARD_OUTPUT = Path("-")
HELP = """Print the psychometric report of FILE, a CSV file with one row for each respondent.

The scales come from --instrument or from a file that --scales names. Several scales also make one confirmatory model, a
factor each. An empty cell, NA and NaN are a missing answer; anything else that is no code is refused, all of it at once.
A file with one row for each answer, such as answers_long.csv of a data package, is read too.

\b
A file for --scales:
  minimum = 1                    # the smallest code of the items
  maximum = 5                    # the largest
  minimum_answered = "2/3"       # share of the items a score needs; may be left out
  [scales]
  trust = ["t1", "t2", "-t3"]    # a minus sign before a reversed item
  safety = ["s1", "s2", "s3"]

\b
Example:
  viceversa analyse answers.csv --scales scales.toml
  viceversa analyse answers.csv --scales scales.toml --group language --json report.json --figures pictures
  viceversa analyse answers.csv --instrument core-battery --only wave=T2 --only role=mentee
"""
Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Transparent(click.Context):
    """The context of the default command: its name is never typed, so it is never shown."""

    @property
    def command_path(self) -> str:
        """The path of the group alone."""
        return self.parent.command_path if self.parent is not None else super().command_path


class FileCommand(click.Command):
    """The command that runs when the first word is a file."""

    context_class = _Transparent


class FileFirst(click.Group):
    """A group whose first word may be a file: then its default command runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before anything that is neither a command nor a wish for help."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The default command's help, then the other commands."""
        command = self.commands[DEFAULT]
        shown = click.Context(command, parent=ctx.parent, info_name=ctx.info_name)
        command.format_help(shown, formatter)
        self.format_commands(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that have a name to type."""
        return [name for name in super().list_commands(ctx) if name != DEFAULT]


@click.group(
    cls=FileFirst, short_help="Analyse any CSV file: reliability, factors, invariance.", no_args_is_help=True
)
def analyse() -> None:
    """Analyse any CSV file; no database is needed."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn input that cannot be analysed into one clear message and exit status 1; bugs keep their traceback."""
    from scoring.errors import ScoringError

    try:
        yield
    except ScoringError as error:
        raise click.ClickException(str(error)) from error


def output_options(command: Command) -> Command:
    """Add the options that every analysis ends with: where random numbers start, and where results go."""
    options = (
        click.option(
            "--seed",
            default=1,
            show_default=True,
            type=click.IntRange(0),
            help="Start of the random numbers.",
        ),
        click.option(
            "--json",
            "json_file",
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            metavar="OUT",
            help="Write everything here, in full precision; - for standard output instead of the text.",
        ),
        click.option(
            "--figures",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Write the pictures into this folder, as SVG and PNG.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@analyse.command(DEFAULT, cls=FileCommand, help=HELP)
@click.argument("file", type=FILE)
@click.option(
    "--scales",
    "scales_file",
    type=FILE,
    metavar="SCALES.TOML",
    help="Which items make which scale; see above.",
)
@click.option(
    "--instrument",
    "instrument_id",
    metavar="ID[@VERSION]",
    help="The scales of an instrument; columns are named by item id.",
)
@click.option(
    "--only", multiple=True, metavar="COLUMN=VALUE", help="Use only these rows; repeatable, all must hold."
)
@click.option(
    "--group", metavar="COLUMN", help="Compare these groups: measurement invariance, DIF, agreement."
)
@click.option(
    "--pair", metavar="COLUMN", help="Rows of one pair depend on each other; standard errors allow for it."
)
@click.option("--wave", metavar="COLUMN", help="Occasions of the same people: longitudinal invariance.")
@click.option("--role", metavar="COLUMN", help="The two sides of a pair: dyadic invariance; needs --pair.")
@click.option(
    "--person",
    metavar="COLUMN",
    help="Who answered, where there is a --wave; default: pair and role together.",
)
@click.option(
    "--missing",
    type=click.Choice(["listwise", "fiml"]),
    help="Missing answers in confirmatory models; default: fiml where there are any.",
)
@click.option(
    "--estimator",
    type=click.Choice(["ML", "MLR", "WLSMV"]),
    help="Only this estimator for confirmatory models; default: all that fit the data.",
)
@click.option(
    "--draws",
    default=1000,
    show_default=True,
    type=click.IntRange(2, 100_000),
    help="Bootstrap draws.",
)
@click.option(
    "--sets",
    default=500,
    show_default=True,
    type=click.IntRange(10, 10_000),
    help="Random sets of the parallel analysis.",
)
@click.option(
    "--cutoffs",
    default=500,
    show_default=True,
    type=click.IntRange(0, 100_000),
    help="Simulated data sets for limits of fit and invariance; 0 for none.",
)
@output_options
@click.pass_obj
def report_command(settings: Settings, /, file: Path, **options: Any) -> None:
    """Read FILE, analyse it, and write whatever was asked for."""
    json_file, figures = options["json_file"], options["figures"]
    for target in (figures, json_file.parent if json_file not in {None, STANDARD_OUTPUT} else None):
        _check_folder(target, make=target is figures)
    with plain_errors():
        report = _make_report(settings, file, options)
    from scoring.report.text import render_text
    from scoring.serialize import to_json

    # Everything is made before anything is written, so that nothing is left half-done.
    text = to_json(report) if json_file == STANDARD_OUTPUT else render_text(report)
    files = {} if figures is None else _draw_figures(report, figures)
    if json_file not in {None, STANDARD_OUTPUT}:
        files[json_file] = to_json(report).encode("utf-8")
    for path, content in files.items():
        _write_whole(path, content)
    click.echo(text, nl=False)


def _make_report(settings: Settings, file: Path, options: dict[str, Any]) -> "PsychometricReport":
    """Read, check and analyse; nothing is written."""
    from scoring.report import ReportOptions, psychometric_report
    from scoring.tables import keep_rows, read_csv, read_item_table, spread_answers

    conditions = [_read_condition(text) for text in options["only"]]
    raw = spread_answers(keep_rows(read_csv(file), conditions))
    scales = _find_scales(settings, raw, options["scales_file"], options["instrument_id"])
    named = {name: options[name] for name in ("group", "pair", "wave", "role", "person")}
    table = read_item_table(raw, scales, columns=list(dict.fromkeys(filter(None, named.values()))))
    chosen = {name: options[name] for name in ("missing", "estimator", "draws", "sets", "cutoffs", "seed")}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    bar = _Bar()
    return psychometric_report(
        table, scales, ReportOptions(**named, **chosen), digest=digest, progress=bar.steps, watch=bar.watch
    )


def _find_scales(
    settings: Settings, raw: "RawTable", scales_file: Path | None, instrument_id: str | None
) -> "ScaleSet":
    """The scales of the file or of the instrument; exactly one of the two is named."""
    from scoring.scale_sets import read_scales, scales_of_instrument

    if (scales_file is None) == (instrument_id is None):
        raise click.UsageError("Name the scales with either --scales SCALES.TOML or --instrument ID.")
    if scales_file is not None:
        return read_scales(scales_file)
    return scales_of_instrument(_find_instrument(settings, str(instrument_id)), raw.answered)


def _find_instrument(settings: Settings, named: str) -> "Instrument":
    """The instrument that ID or ID@VERSION names; the latest version where none is named."""
    from instruments.catalog import get_instrument, latest_version

    identifier, _, version = named.partition("@")
    folders = settings.instrument_folders
    version = version or latest_version(identifier, folders=folders)
    return get_instrument(identifier, version, folders=folders)


def _read_condition(text: str) -> tuple[str, str]:
    """One `--only COLUMN=VALUE` as its two parts."""
    column, equals, value = text.partition("=")
    if not (column.strip() and equals):
        raise click.UsageError(f"--only {text}: write COLUMN=VALUE, for example --only wave=T2.")
    return column.strip(), value.strip()


class _Bar:
    """A progress bar over the steps of an analysis; it stays silent where standard error is no terminal."""

    def __init__(self) -> None:
        self._move: Callable[[int, int], None] = lambda _done, _total: None

    def steps(self, labels: Sequence[str]) -> Iterator[str]:
        """Yield the steps one by one, each named while it runs."""
        shown = ""
        made: Any = click.progressbar(
            length=_FINENESS * len(labels),
            label="Analysing",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
            item_show_func=lambda _: shown,
        )
        with made as bar:
            for place, label in enumerate(labels):
                shown = label

                def move(done: int, total: int, start: int = _FINENESS * place) -> None:
                    bar.update(max(0, start + _FINENESS * done // max(1, total) - bar.pos))

                self._move = move
                move(0, 1)
                bar.render_progress()
                yield label
            bar.update(max(0, _FINENESS * len(labels) - bar.pos))

    def watch(self, done: int, total: int) -> None:
        """Move within the step that is running."""
        self._move(done, total)


def _check_folder(folder: Path | None, *, make: bool) -> None:
    """Find out before the long part whether something can be written into a folder, which may have to be made first."""
    if folder is None:
        return
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if (there != folder.absolute() and not make) or not there.is_dir() or not os.access(there, os.W_OK):
        raise click.ClickException(f"Nothing can be written into {folder}; name another place.")


def _draw_figures(report: "PsychometricReport", folder: Path) -> dict[Path, bytes]:
    """Every picture of the report as SVG and PNG."""
    from scoring.figures import figure_png, figure_svg
    from scoring.report.pictures import report_figures

    pictures = {}
    for name, (figure, words) in report_figures(report).items():
        pictures[folder / f"{name}.svg"] = figure_svg(figure, words)
        pictures[folder / f"{name}.png"] = figure_png(figure, words)
    return pictures


def _write_whole(target: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that half a file never stands under its name."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            # mkstemp keeps its files private; a report is as public as the umask says.
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}.") from error
