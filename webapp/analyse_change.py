"""`viceversa analyse change`: any CSV file of pairs at several waves to a report of what changed, as text, JSON and pictures."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webapp.analyse import (
    FILE,
    STANDARD_OUTPUT,
    _Bar,
    _check_folder,
    _find_instrument,
    _find_scales,
    _read_condition,
    _write_whole,
    analyse,
    output_options,
    plain_errors,
)
from webapp.config import Settings

if TYPE_CHECKING:
    from scoring.change_report import ChangeOptions, ChangeReport, PairReport
    from scoring.scale_sets import ScaleSet
    from scoring.scorecard import Objective
    from scoring.skill_sets import SkillKeys
    from scoring.tables import ItemTable, RawTable

__all__ = ["analyse", "change_command"]

HELP = """Print what changed in FILE, a CSV file with one row for each person and wave.

Rows say to which pair, which of its two roles and which wave they belong. Scales, missing answers and files with one row for
each answer are as in `viceversa analyse`.

With --instrument a scale is compared only between waves that ask all of its questions in the same words: what people expected
before they met is no starting value. FILE may be answers_long.csv of a data package.

The report is for those who may read the answers: from several of its numbers together single answers can be worked out where few
people missed a wave. What others may see is a release.

Below 5 pairs only counts are given, below 10 no direction and no test, from 20 on mixed models. Families of comparisons, the
smallest change that matters, objectives and the order of the waves are declared here, before the answers are looked at. Knowledge
areas are tables [skills.NAME] of SCALES.TOML, with direct, then, behaviour and goals.

\b
Example:
  viceversa analyse change answers.csv --scales scales.toml --pair pair --role role --wave wave
  viceversa analyse change answers.csv --scales scales.toml --pair pair --role role --wave wave \\
      --order before,middle,after --primary safety --cohort cohort --json change.json --figures pictures
  viceversa analyse change answers.csv --scales scales.toml --pair pair --role role --wave wave --only-pair 17
  viceversa analyse change package/answers_long.csv --instrument core-battery --pair pair --role role --wave wave \\
      --only cohort=C4 --json C4.json
"""


@analyse.command("change", help=HELP, short_help="What changed in pairs between waves.")
@click.argument("file", type=FILE)
@click.option(
    "--scales", "scales_file", type=FILE, metavar="SCALES.TOML", help="Which items make which scale."
)
@click.option("--instrument", "instrument_id", metavar="ID[@VERSION]", help="The scales of an instrument.")
@click.option(
    "--only", multiple=True, metavar="COLUMN=VALUE", help="Use only these rows; repeatable, all must hold."
)
@click.option("--pair", required=True, metavar="COLUMN", help="The pair of a row.")
@click.option("--role", required=True, metavar="COLUMN", help="Its side of the pair: two different values.")
@click.option("--wave", required=True, metavar="COLUMN", help="Its wave: two different values or more.")
@click.option("--cohort", metavar="COLUMN", help="The cohort of the pair; cohorts are compared.")
@click.option("--arm", metavar="COLUMN", help="The design that the cohort, or the pair, was given.")
@click.option(
    "--assigned",
    type=click.Choice(["pairs", "cohorts", "named"]),
    help="What was put into arms; default: cohorts where there are --cohort and --arm.",
)
@click.option("--randomised", is_flag=True, help="Lots decided who was put into which arm.")
@click.option("--waiting", metavar="ARM", help="The arm that waited; needs --arm and pairs as units.")
@click.option("--person", metavar="COLUMN", help="Who answered: finds people in several pairs.")
@click.option("--order", metavar="WAVE,WAVE,…", help="The waves in their order in time; others are left out.")
@click.option("--roles", metavar="ROLE,ROLE", help="A gap is the first role minus the second.")
@click.option(
    "--primary", multiple=True, metavar="SCALE", help="Declared first (Holm); default: PS, PW_V or the first."
)
@click.option(
    "--secondary",
    multiple=True,
    metavar="SCALE",
    help="Declared beside it (Benjamini-Hochberg); default: all others.",
)
@click.option(
    "--margin", type=float, metavar="POINTS", help="Smallest change that matters; default: .3 on 1 to 5."
)
@click.option(
    "--times", metavar="WEEK,WEEK,…", help="When each wave took place, in weeks; for slopes over all waves."
)
@click.option(
    "--chosen",
    metavar="COLUMN",
    help="Who was chosen by a low or high start (yes, no); default: who started low.",
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME=SCALE,-SCALE",
    help="What the programme set out to do, and the scales that show it; -SCALE where lower is wished.",
)
@click.option("--weeks", type=click.IntRange(1), help="Weeks between the first and the last wave.")
@click.option(
    "--anchor", "anchors", multiple=True, metavar="ITEM", help="An item worded and placed alike in all waves."
)
@click.option(
    "--persons",
    is_flag=True,
    help="List single persons and pairs in the JSON and draw how pairs are spread, for researchers only.",
)
@click.option(
    "--only-pair", "one_pair", metavar="PAIR", help="Report on this one pair instead, for researchers only."
)
@output_options
@click.pass_obj
def change_command(settings: Settings, /, file: Path, **options: Any) -> None:
    """Read FILE, find out what changed, and write whatever was asked for."""
    json_file, figures = options["json_file"], options["figures"]
    if figures is not None and options["one_pair"] is not None:
        raise click.UsageError("There are no pictures of one pair: leave out --figures or --only-pair.")
    for target in (figures, json_file.parent if json_file not in {None, STANDARD_OUTPUT} else None):
        _check_folder(target, make=target is figures)
    with plain_errors():
        report = _make_report(settings, file, options)
    from scoring.serialize import to_json

    # Everything is made before anything is written, so that nothing is left half-done.
    text = to_json(report) if json_file == STANDARD_OUTPUT else _render(report)
    files = {} if figures is None else _draw_pictures(report, figures)
    if figures is not None and not files:
        click.echo("No pictures: too few people for any of them.", err=True)
    if json_file not in {None, STANDARD_OUTPUT}:
        files[json_file] = to_json(report).encode("utf-8")
    for path, content in files.items():
        _write_whole(path, content)
    click.echo(text, nl=False)


def _make_report(settings: Settings, file: Path, options: dict[str, Any]) -> "ChangeReport | PairReport":
    """Read, check and analyse; nothing is written."""
    from scoring.change_report import change_report, pair_report

    table, scales, chosen = _read_table(settings, file, options)
    if options["one_pair"] is not None:
        return pair_report(table, scales, chosen, options["one_pair"])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return change_report(table, scales, chosen, digest=digest, progress=_Bar().steps)


def _read_table(
    settings: Settings, file: Path, options: dict[str, Any]
) -> "tuple[ItemTable, ScaleSet, ChangeOptions]":
    """The rows asked for, with the items of scales and skills and the columns that say whose they are, and all that was asked for."""
    from scoring.skill_sets import with_windows
    from scoring.tables import keep_rows, read_csv, read_item_table, spread_answers

    conditions = [_read_condition(text) for text in options["only"]]
    raw = spread_answers(keep_rows(read_csv(file), conditions))
    scales = _find_scales(settings, raw, options["scales_file"], options["instrument_id"])
    skills = _find_skills(settings, raw, options["scales_file"], options["instrument_id"])
    chosen = _read_options(options, skills)
    return read_item_table(raw, with_windows(scales, skills), columns=chosen.columns), scales, chosen


def _find_skills(
    settings: Settings, raw: "RawTable", scales_file: Path | None, instrument_id: str | None
) -> "tuple[SkillKeys, ...]":
    """The knowledge areas of the file or of the instrument, if there are any."""
    from scoring.skill_sets import read_skills, skills_of_instrument

    if scales_file is not None:
        return read_skills(scales_file)
    return skills_of_instrument(_find_instrument(settings, str(instrument_id)), raw.answered)


def _read_options(options: dict[str, Any], skills: "tuple[SkillKeys, ...]") -> "ChangeOptions":
    """What the command line says, as the report understands it."""
    from scoring.change_report import ChangeOptions

    same: tuple[str, ...] = ("pair", "role", "wave", "cohort", "arm", "assigned", "randomised", "waiting")
    same += ("person", "margin", "weeks", "chosen", "anchors", "persons", "seed")
    return ChangeOptions(
        **{name: options[name] for name in same},
        order=_split(options["order"]),
        roles=_split(options["roles"]),
        times=tuple(_read_week(text) for text in _split(options["times"])),
        primary=tuple(options["primary"]) or None,
        secondary=tuple(options["secondary"]) or None,
        objectives=tuple(_read_objective(text) for text in options["objectives"]),
        skills=skills,
    )


def _read_week(text: str) -> float:
    """One of the `--times`."""
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(
            f"--times {text}: write the week of each wave as a number, for example 0,5,12."
        ) from None


def _read_objective(text: str) -> "Objective":
    """One `--objective NAME=SCALE,-SCALE`."""
    from scoring.scorecard import Objective, Wish

    name, equals, rest = text.rpartition("=")
    entries = _split(rest)
    if not (name.strip() and equals and entries):
        raise click.UsageError(
            f"--objective {text}: write NAME=SCALE,SCALE, for example --objective 'Speak up=PS,PW_V'."
        )
    scales = tuple(entry.removeprefix("-").strip() for entry in entries)
    wishes: dict[str, Wish] = {
        scale: "lower" for scale, entry in zip(scales, entries, strict=True) if entry.startswith("-")
    }
    return Objective(name.strip(), scales, wishes)


def _split(text: str | None) -> tuple[str, ...]:
    """The parts between commas."""
    return () if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _render(report: "ChangeReport | PairReport") -> str:
    """The report as text."""
    from scoring.change_report import PairReport, render_pair, render_text

    return render_pair(report) if isinstance(report, PairReport) else render_text(report)


def _draw_pictures(report: "ChangeReport | PairReport", folder: Path) -> dict[Path, bytes]:
    """Every picture of the report as SVG and PNG."""
    from scoring.change_report import PairReport
    from scoring.change_report.pictures import change_figures
    from scoring.figures import figure_png, figure_svg

    pictures: dict[Path, bytes] = {}
    if isinstance(report, PairReport):
        return pictures
    for name, (figure, words) in change_figures(report).items():
        pictures[folder / f"{name}.svg"] = figure_svg(figure, words)
        pictures[folder / f"{name}.png"] = figure_png(figure, words)
    return pictures
