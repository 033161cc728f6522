"""A comparison of cohorts as a page shows it: what can be chosen, rows of text, sentences, and the words of its chart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import abort
from markupsafe import Markup
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from instruments.model import Instrument, Role, Scale, WaveKind
from surveys import releases
from surveys.models import Program
from surveys.releases import CohortComparison, CohortContrast, CohortRow, ReleaseView
from webapp.coordinate.figures import (
    PromisedFloor,
    ShownCell,
    choose_locale_of,
    count_digits,
    figure,
    format_signed,
    place_of,
    promised_floors,
    show_change,
    show_level,
)
from webapp.coordinate.words import KINDS, NOT_SHOWN, ROLES
from webapp.database import instrument_folders
from webapp.i18n import format_number, get_locale, isolate, keep_together, text_direction
from webapp.i18n import gettext as _
from webapp.negotiation import language_tag

if TYPE_CHECKING:
    from scoring.plots import ChartWords, IntervalRow


@dataclass(frozen=True)
class Menu:
    """What can be compared: every scale, role and wave that a frozen release of the programme speaks of, and no more."""

    views: tuple[ReleaseView, ...]
    instrument: Instrument
    scales: tuple[Scale, ...]
    roles: tuple[Role, ...]
    waves: tuple[WaveKind, ...]

    def title(self, scale: Scale) -> str:
        """The name of a scale in the reader's language, with a word where lower is better."""
        locale = choose_locale_of(self.instrument)
        name = self.instrument.scale_title(scale.id, locale)
        # A questionnaire that lacks the reader's language lends a name in its own.
        name = name if locale == get_locale() else keep_together(name)
        return _("%(scale)s (lower is better)", scale=name) if scale.direction == "problem" else name

    def heading(self, scale: Scale) -> Markup:
        """The same as part of a page, which says in which language the name is."""
        locale = choose_locale_of(self.instrument)
        name = isolate(self.instrument.scale_title(scale.id, locale), locale)
        if scale.direction != "problem":
            return name
        return Markup("{}").format(_("%(scale)s (lower is better)")) % {"scale": name}


@dataclass(frozen=True)
class Choice:
    """One comparison out of the menu."""

    scale: Scale
    role: Role
    wave: WaveKind


@dataclass(frozen=True)
class ComparedRow:
    """One cohort of the table."""

    name: str
    released: bool
    level: ShownCell | None
    change: ShownCell | None
    since: str


@dataclass(frozen=True)
class ContrastRow:
    """Two cohorts of the second table; its numbers are worked out from the two changes that they name as their place."""

    first: str
    second: str
    difference: Markup
    low: Markup
    high: Markup
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """Everything that the page and its chart say."""

    choice: Choice
    title: str
    heading: Markup
    role: str
    wave: str
    span: tuple[float, float]
    has_change: bool
    has_level: bool
    rows: tuple[ComparedRow, ...]
    contrasts: tuple[ContrastRow, ...]
    sentences: tuple[Markup, ...]
    floors: list[PromisedFloor]
    by_reference: bool
    alt: str


def build_menu(session: Session, program: Program) -> Menu | None:
    """Return what can be compared, None while no release is frozen. The newest version of the questionnaire names the scales."""
    views = releases.releases_of(session, program)
    if not views:
        return None
    newest = max(views, key=lambda view: (view.frozen_on, list(WaveKind).index(view.wave)))
    instrument = get_instrument(newest.instrument_id, newest.instrument_version, folders=instrument_folders())
    spoken_of = {scale_id for view in views for role in view.roles.values() for scale_id in role.scales}
    return Menu(
        views,
        instrument,
        tuple(scale for scale in instrument.scales if scale.id in spoken_of),
        tuple(role for role in Role if any(role in view.roles for view in views)),
        tuple(kind for kind in WaveKind if any(view.wave == kind for view in views)),
    )


def choose(menu: Menu, scale_id: str, role: str, wave: str) -> Choice:
    """Return the comparison asked for, the most telling one where nothing is asked; anything outside the menu is 404."""
    scale = next((scale for scale in menu.scales if scale.id == scale_id), None)
    if (scale_id and scale is None) or (role and role not in menu.roles) or (wave and wave not in menu.waves):
        abort(404)
    scale = scale or next((scale for scale in menu.scales if scale.primary), menu.scales[0])
    chosen_role = Role(role) if role else menu.roles[0]
    asked = [
        view.wave
        for view in menu.views
        if (found := view.scale(chosen_role, scale.id)) is not None and found.change is not None
    ]
    latest = max(asked or menu.waves, key=list(WaveKind).index)
    return Choice(scale, chosen_role, WaveKind(wave) if wave else latest)


def compare(
    session: Session, program: Program, menu: Menu, choice: Choice
) -> tuple[Comparison, CohortComparison]:
    """Return the comparison in words, and the published figures under it for the chart."""
    found = releases.compare_cohorts(session, program, choice.scale.id, choice.role, to_wave=choice.wave)
    has_change = any(row.change is not None for row in found.rows)
    names = {row.cohort_id: row.cohort_name for row in found.rows}
    views = [view for view in menu.views if view.wave == choice.wave]
    waves = {view.cohort_id: view.wave_id for view in views}
    places = {
        row.cohort_id: place_of(waves.get(row.cohort_id, ""), choice.role.value, choice.scale.id)
        for row in found.rows
    }
    rows = tuple(_show_row(row, places[row.cohort_id]) for row in found.rows)
    title, role, wave = menu.title(choice.scale), _(ROLES[choice.role]), _(KINDS[choice.wave].name)
    if has_change:
        alt = _(
            "Chart: change of “%(scale)s”, %(role)s, at “%(wave)s”: a dot with its interval for each cohort, around a zero "
            "line. The table has the same numbers."
        )
    else:
        alt = _(
            "Chart: mean of “%(scale)s”, %(role)s, at “%(wave)s”: a dot with its interval for each cohort. The table has "
            "the same numbers."
        )
    comparison = Comparison(
        choice=choice,
        title=title,
        heading=menu.heading(choice.scale),
        role=role,
        wave=wave,
        span=_find_span(menu, choice),
        has_change=has_change,
        # Where changes are shown, means often are not; a column that withholds everything would say nothing.
        has_level=not has_change or any(row.level is not None and row.level.shown for row in rows),
        rows=rows,
        contrasts=tuple(_show_contrast(contrast, names, places) for contrast in found.contrasts),
        sentences=tuple(_say_change(row, places[row.cohort_id]) for row in found.rows) if has_change else (),
        floors=promised_floors(views, names),
        by_reference=any(cell.by_reference for row in rows for cell in (row.level, row.change) if cell),
        alt=alt % {"scale": title, "role": role, "wave": wave},
    )
    return comparison, found


def chart_rows(comparison: Comparison, found: CohortComparison) -> "list[IntervalRow]":
    """Return the rows of the chart: the published figures as they are, and beside them the texts of the table."""
    from scoring.plots import IntervalRow

    rows = []
    for shown, row in zip(comparison.rows, found.rows, strict=True):
        cell = row.change if comparison.has_change else row.level
        text = shown.change if comparison.has_change else shown.level
        if cell is None or text is None or not cell.shown:
            rows.append(IntervalRow(row.cohort_name, _(NOT_SHOWN), None))
            continue
        label = f"{text.mean} ({text.interval})" if text.interval else text.mean
        # Signed numbers begin with a left-to-right mark; the label as a whole still reads as its language does.
        label = f"\N{RIGHT-TO-LEFT MARK}{label}" if text_direction() == "rtl" else label
        filled = row.change is not None and comparison.has_change and row.change.verdict == "moved"
        rows.append(IntervalRow(row.cohort_name, label, cell.mean, cell.low, cell.high, filled=filled))
    return rows


def chart_words(comparison: Comparison) -> "ChartWords":
    """Return the words around the chart."""
    from scoring.plots import ChartWords

    axes = {
        (True, True): _("Change in points, on a scale from %(minimum)s to %(maximum)s; lower is better"),
        (True, False): _("Change in points, on a scale from %(minimum)s to %(maximum)s"),
        (False, True): _("Mean, on a scale from %(minimum)s to %(maximum)s; lower is better"),
        (False, False): _("Mean, on a scale from %(minimum)s to %(maximum)s"),
    }
    axis = axes[comparison.has_change, comparison.choice.scale.direction == "problem"]
    minimum, maximum = (format_number(end) for end in comparison.span)
    return ChartWords(
        title=f"{comparison.title}, {comparison.role}, {comparison.wave}",
        description=comparison.alt,
        axis=axis % {"minimum": minimum, "maximum": maximum},
        language=language_tag(get_locale()),
        right_to_left=text_direction() == "rtl",
    )


def _find_span(menu: Menu, choice: Choice) -> tuple[float, float]:
    """Return the ends of the scale's range, as the releases were made with them."""
    found = (view.scale(choice.role, choice.scale.id) for view in menu.views if view.wave == choice.wave)
    cells = next((cells for cells in found if cells is not None), None)
    if cells is not None:
        return cells.minimum, cells.maximum
    answer_format = menu.instrument.format_of(next(iter(choice.scale.keys)))
    return answer_format.minimum, answer_format.maximum


def _show_row(row: CohortRow, place: str) -> ComparedRow:
    """Return one cohort's row; a cohort whose wave is not closed has no numbers yet, which is no secret."""
    since = _(KINDS[row.change.from_wave].name) if row.change is not None and row.change.from_wave else ""
    level, change = show_level(row.level, place), show_change(row.change, place)
    return ComparedRow(row.cohort_name, row.released, level, change, since)


def _show_contrast(contrast: CohortContrast, names: dict[str, str], places: dict[str, str]) -> ContrastRow:
    """Return two cohorts' difference, in the order in which it was taken."""
    verdicts = {
        "moved": _("they changed differently"),
        "not shown": _("no difference can be shown"),
        "too few": _("too few people to conclude"),
    }
    ends = (contrast.first_cohort_id, contrast.second_cohort_id)
    source = " ".join(f"{places[cohort_id]}/change" for cohort_id in ends)
    difference, low, high = (
        figure(format_signed(value, 2), value, f"{source} {name}")
        for name, value in (
            ("difference", contrast.difference),
            ("low", contrast.low),
            ("high", contrast.high),
        )
    )
    return ContrastRow(names[ends[0]], names[ends[1]], difference, low, high, verdicts[contrast.verdict])


def _say_change(row: CohortRow, place: str) -> Markup:
    """Return what can be said of one cohort, in a sentence of its own."""
    return Markup(" ").join(_say_parts(row, place))


def _say_parts(row: CohortRow, place: str) -> Iterator[str]:
    """Return the sentence of one cohort: during, never because of."""
    cell, name = row.change, keep_together(row.cohort_name)
    if not row.released:
        yield _("%(cohort)s: this wave is not closed yet.", cohort=name)
    elif cell is None:
        yield _("%(cohort)s: there is no earlier wave to compare with.", cohort=name)
    elif not cell.shown or cell.mean is None or cell.from_wave is None:
        yield _("%(cohort)s: not shown.", cohort=name)
    elif cell.verdict == "moved":
        points = figure(format_number(abs(cell.mean), count_digits(cell)), cell.mean, f"{place}/change/mean")
        since = _(KINDS[cell.from_wave].name)
        message = (
            _("%(cohort)s: the mean rose by %(points)s points during the time since “%(wave)s”.")
            if cell.mean > 0
            else _("%(cohort)s: the mean fell by %(points)s points during the time since “%(wave)s”.")
        )
        yield Markup("{}").format(message) % {"cohort": name, "points": points, "wave": since}
    elif cell.verdict == "not shown":
        yield _("%(cohort)s: no change can be shown. This is no proof that nothing changed.", cohort=name)
    else:
        yield _("%(cohort)s: too few people to conclude.", cohort=name)
