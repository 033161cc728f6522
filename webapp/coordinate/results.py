"""Results of closed waves: what their frozen releases say, and cohorts side by side. Nothing is computed from answers here."""

from dataclasses import dataclass

from flask import abort, make_response, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from instruments.catalog import get_instrument
from instruments.model import Instrument, Role, Scale
from surveys import releases
from surveys.releases import ReleaseView
from webapp.config import FONTS_FOLDER
from webapp.coordinate import comparison
from webapp.coordinate.cohorts import read_done
from webapp.coordinate.figures import (
    ShownCell,
    choose_locale_of,
    describe_rate,
    figure,
    format_signed,
    place_of,
    promised_floors,
    show_change,
    show_level,
)
from webapp.coordinate.finding import load_program, load_wave
from webapp.coordinate.forms import CompareForm, make_choices
from webapp.coordinate.themes import asks_for_words
from webapp.coordinate.words import KINDS, ROLES
from webapp.database import db, instrument_folders
from webapp.i18n import format_number
from webapp.i18n import gettext as _

# matplotlib styles its marks inside the picture; opened by itself, the picture must be allowed to.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@dataclass(frozen=True)
class ScaleLine:
    """One scale of one role."""

    scale: Scale
    title: str
    description: str
    span: tuple[Markup, Markup]
    level: ShownCell | None
    change: ShownCell | None
    since: str


@dataclass(frozen=True)
class RolePart:
    """One role of a release."""

    role: Role
    response_rate: str | Markup
    lines: tuple[ScaleLine, ...]

    @property
    def by_reference(self) -> bool:
        """Whether an interval of this part comes from reference values."""
        cells = (cell for line in self.lines for cell in (line.level, line.change) if cell is not None)
        return any(cell.by_reference for cell in cells)

    @property
    def has_change(self) -> bool:
        """Whether any scale has an earlier wave to be compared with."""
        return any(line.change is not None for line in self.lines)


def show_results(slug: str, wave_id: str) -> str:
    """Show the frozen release of a closed wave."""
    wave = load_wave(slug, wave_id)
    release = releases.release_of(db(), wave)
    if release is None:
        abort(404)
    instrument = get_instrument(
        release.instrument_id, release.instrument_version, folders=instrument_folders()
    )
    return render_template(
        "coordinate/results.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        words=KINDS[wave.kind],
        release=release,
        instrument=instrument,
        instrument_locale=choose_locale_of(instrument),
        floors=promised_floors([release], {}),
        parts=[_show_role(release, role, instrument) for role in release.roles],
        asks_for_words=asks_for_words(wave),
        done=read_done(),
        roles=ROLES,
    )


def compare_cohorts(slug: str) -> str:
    """Show all cohorts side by side on one scale and role of one wave: chart, sentences and table."""
    program = load_program(slug)
    menu = comparison.build_menu(db(), program)
    if menu is None:
        return render_template("coordinate/compare.html", program=program, comparison=None)
    choice = _read_choice(menu)
    shown, _found = comparison.compare(db(), program, menu, choice)
    drafts = sorted({locale for view in menu.views for locale in view.drafts})
    form = CompareForm(data={"scale": choice.scale.id, "role": choice.role.value, "wave": choice.wave.value})
    form.scale.choices = make_choices([(scale.id, menu.title(scale)) for scale in menu.scales])
    form.role.choices = make_choices([(role.value, _(ROLES[role])) for role in menu.roles])
    form.wave.choices = make_choices([(kind.value, _(KINDS[kind].name)) for kind in menu.waves])
    return render_template(
        "coordinate/compare.html", program=program, comparison=shown, form=form, drafts=drafts
    )


def draw_comparison(slug: str) -> Response:
    """Draw the same comparison as the page, from the same frozen figures."""
    from scoring.plots import DARK, LIGHT, add_fonts, plot_intervals, render_svg

    add_fonts(FONTS_FOLDER)
    program = load_program(slug)
    menu = comparison.build_menu(db(), program)
    if menu is None:
        abort(404)
    choice = _read_choice(menu)
    shown, found = comparison.compare(db(), program, menu, choice)
    words = comparison.chart_words(shown)
    figure = plot_intervals(
        comparison.chart_rows(shown, found),
        words,
        narrow=request.args.get("size") == "narrow",
        palette=DARK if request.args.get("theme") == "dark" else LIGHT,
        format_number=_format_tick if shown.has_change else format_number,
        span=None if shown.has_change else shown.span,
    )
    response = make_response(render_svg(figure, words))
    response.headers["Content-Type"] = "image/svg+xml"
    response.headers["Content-Security-Policy"] = PICTURE_POLICY
    response.headers["Cache-Control"] = "no-store, private"
    return response


def _read_choice(menu: comparison.Menu) -> comparison.Choice:
    """Return what the address asks for."""
    return comparison.choose(menu, *(request.args.get(name, "") for name in ("scale", "role", "wave")))


def _show_role(release: ReleaseView, role: Role, instrument: Instrument) -> RolePart:
    """Return one role of a release as lines of text."""
    locale = choose_locale_of(instrument)
    content = release.roles[role]
    lines = []
    for scale_id, cells in content.scales.items():
        scale, change = instrument.scale(scale_id), cells.change
        since = _(KINDS[change.from_wave].name) if change is not None and change.from_wave else ""
        place = place_of(release.wave_id, role.value, scale_id)
        lines.append(
            ScaleLine(
                scale,
                instrument.scale_title(scale_id, locale),
                instrument.scale_description(scale_id, locale),
                (
                    figure(format_number(cells.minimum), cells.minimum, f"{place}/minimum"),
                    figure(format_number(cells.maximum), cells.maximum, f"{place}/maximum"),
                ),
                show_level(cells.level, place),
                show_change(change, place),
                since,
            )
        )
    rate: str | Markup = describe_rate(content.response_rate, content.response_rate_bound)
    if content.response_rate is not None:
        source = f"{release.wave_id}/roles/{role.value}/response_rate/percent"
        rate = figure(rate, content.response_rate, source)
    return RolePart(role, rate, tuple(lines))


def _format_tick(value: float) -> str:
    """Return a number of the axis of changes."""
    return format_signed(value, 1)
