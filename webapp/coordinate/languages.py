"""The languages of a programme: how far each translation is, and the owner's word that a draft may be offered."""

from dataclasses import dataclass

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from instruments.errors import InstrumentError
from instruments.model import Instrument
from surveys import languages, programs, waves
from surveys.languages import Standing
from surveys.models import Program, User
from webapp.access import current_user
from webapp.coordinate.cohorts import read_done
from webapp.coordinate.figures import choose_locale_of
from webapp.coordinate.finding import load_program
from webapp.coordinate.forms import DraftForm, make_choices
from webapp.coordinate.waves import choose_instrument
from webapp.database import db, instrument_folders, now
from webapp.i18n import InterfaceCatalogue, get_catalogue, locale_name
from webapp.i18n import gettext as _
from webapp.words import ORIGINS, REVIEWS


@dataclass(frozen=True)
class LanguageLine:
    """One language of a questionnaire, with the interface around it; `by` is who acknowledged its draft."""

    standing: Standing
    interface: InterfaceCatalogue
    by: str | None

    @property
    def waits(self) -> bool:
        """Whether only the owner's word is missing."""
        return self.interface.complete and not self.standing.is_offered


@dataclass(frozen=True)
class LanguageTable:
    """The languages of one version of a questionnaire; `locale` is the one in which its title is shown."""

    instrument: Instrument
    locale: str
    lines: tuple[LanguageLine, ...]

    @property
    def title(self) -> str:
        """The questionnaire's title."""
        return self.instrument.title_in(self.locale)


def list_languages(slug: str) -> str | Response | tuple[str, int]:
    """Show the languages of the questionnaires that the programme asks with, or will, and take the owner's word for a draft."""
    program, form = load_program(slug), DraftForm()
    tables = [_line_up(program, instrument) for instrument in _instruments_of(program)]
    waiting = {
        f"{line.standing.info.locale}:{line.standing.info.digest}": (table, line.standing.info)
        for table in tables
        for line in table.lines
        if line.waits
    }
    labels = [
        (value, f"{locale_name(info.locale)} · {table.title} {table.instrument.version}")
        for value, (table, info) in waiting.items()
    ]
    form.draft.choices = make_choices([("", _("Please choose")), *labels])
    if form.validate_on_submit():
        table, info = waiting[form.draft.data]
        languages.acknowledge_draft(
            db(),
            program,
            table.instrument,
            info.locale,
            digest=info.digest,
            now=now(),
            actor=current_user(),
        )
        return redirect(url_for("coordinate.list_languages", slug=program.slug, done="acknowledged"), 303)
    page = render_template(
        "coordinate/languages.html",
        program=program,
        tables=tables,
        form=form,
        waiting=waiting,
        origins=ORIGINS,
        reviews=REVIEWS,
        done=read_done(),
    )
    return (page, 400) if form.errors else page


def _line_up(program: Program, instrument: Instrument) -> LanguageTable:
    """The languages of one questionnaire."""
    lines = []
    for standing in languages.standings(db(), program, instrument):
        person = db().get(User, standing.acknowledged_by) if standing.acknowledged_by else None
        by = None if person is None else person.name
        lines.append(LanguageLine(standing, get_catalogue(standing.info.locale), by))
    return LanguageTable(instrument, choose_locale_of(instrument), tuple(lines))


def _instruments_of(program: Program) -> list[Instrument]:
    """What the next wave asks, and what the waves that are not closed ask; a questionnaire that is not at hand is left out."""
    found: dict[str, Instrument] = {}
    planned = [
        wave
        for cohort in programs.list_cohorts(db(), program)
        for wave in waves.list_waves(db(), cohort)
        if waves.wave_state(wave, now()) is not waves.WaveState.CLOSED
    ]
    try:
        instrument = choose_instrument(program)
        found[instrument.digests.whole] = instrument
    except InstrumentError:
        # The waves that run may still have theirs.
        pass
    for wave in planned:
        try:
            instrument = waves.instrument_of(wave, folders=instrument_folders())
        except InstrumentError:
            continue
        found.setdefault(instrument.digests.whole, instrument)
    return list(found.values())
