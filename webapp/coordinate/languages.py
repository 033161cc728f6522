"""The languages of a programme: how far each translation is, and the owner's word that a draft may be offered."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from instruments.errors import InstrumentError
from instruments.model import Instrument
from surveys import languages, programs, waves
from surveys.errors import LanguageError
from surveys.languages import Standing
from surveys.models import Program, User
from webapp.access import current_user
from webapp.coordinate.cohorts import read_done
from webapp.coordinate.figures import choose_locale_of
from webapp.coordinate.finding import load_program
from webapp.coordinate.waves import choose_instrument
from webapp.database import db, instrument_folders, now
from webapp.i18n import InterfaceCatalogue, get_catalogue
from webapp.words import ORIGINS, REVIEWS


@dataclass(frozen=True)
class LanguageLine:
    """One language of a questionnaire, with the interface around it; `by` is who acknowledged its draft."""

    standing: Standing
    interface: InterfaceCatalogue
    by: str | None


@dataclass(frozen=True)
class LanguageTable:
    """The languages of one version of a questionnaire."""

    instrument: Instrument
    title: str
    lines: tuple[LanguageLine, ...]


def list_languages(slug: str) -> str:
    """Show the languages of the questionnaires that the programme asks with, or will."""
    program = load_program(slug)
    return render_template(
        "coordinate/languages.html",
        program=program,
        tables=[_line_up(program, instrument) for instrument in _instruments_of(program)],
        origins=ORIGINS,
        reviews=REVIEWS,
        done=read_done(),
    )


def acknowledge_draft(slug: str) -> Response:
    """Offer a draft, after the page has said what that means."""
    program = load_program(slug)
    sent: Mapping[str, str] = request.form
    asked = (sent.get("instrument", ""), sent.get("version", ""))
    instrument = next((one for one in _instruments_of(program) if (one.id, one.version) == asked), None)
    if instrument is None:
        raise LanguageError("unknown", locale=sent.get("locale", "")[:16])
    languages.acknowledge_draft(
        db(),
        program,
        instrument,
        sent.get("locale", ""),
        digest=sent.get("digest", ""),
        now=now(),
        actor=current_user(),
    )
    return redirect(url_for("coordinate.list_languages", slug=program.slug, done="acknowledged"), 303)


def _line_up(program: Program, instrument: Instrument) -> LanguageTable:
    """The languages of one questionnaire."""
    lines = []
    for standing in languages.standings(db(), program, instrument):
        person = db().get(User, standing.acknowledged_by) if standing.acknowledged_by else None
        by = None if person is None else person.name
        lines.append(LanguageLine(standing, get_catalogue(standing.info.locale), by))
    return LanguageTable(instrument, instrument.title_in(choose_locale_of(instrument)), tuple(lines))


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
