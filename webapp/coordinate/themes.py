"""Themes of the comments as a moderator published them, or one and the same sentence. No comment is read or counted here."""

from flask import render_template

from instruments.errors import InstrumentError
from instruments.model import Instrument
from surveys.models import MembershipRole, Wave
from surveys.open_questions import OpenQuestion, open_questions
from surveys.program_contacts import has_office
from surveys.published_themes import themes_of
from surveys.waves import instrument_of
from webapp.coordinate.figures import choose_locale_of
from webapp.coordinate.finding import load_wave
from webapp.coordinate.words import KINDS
from webapp.database import db, instrument_folders
from webapp.i18n import gettext as _


def show_themes(slug: str, wave_id: str) -> str:
    """Show what was published on each open question of a wave; the page does not depend on whether anybody wrote."""
    wave = load_wave(slug, wave_id)
    instrument = instrument_of(wave, folders=instrument_folders())
    asked = open_questions(instrument, wave)
    published, locale = themes_of(db(), wave), choose_locale_of(instrument)
    questions = [
        (
            write_question(question, instrument, wave, locale),
            published[question.item_id].themes if question.item_id in published else (),
        )
        for question in asked
    ]
    return render_template(
        "coordinate/themes.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        words=KINDS[wave.kind],
        questions=questions,
        question_locale=locale,
        published_on=max((one.published_on for one in published.values()), default=None),
        is_moderated=has_office(db(), wave.cohort.program, MembershipRole.MODERATOR),
    )


def write_question(question: OpenQuestion, instrument: Instrument, wave: Wave, locale: str) -> str:
    """Return a question as it is asked, in all its wordings and without a name."""
    return " / ".join(question.wordings(instrument, wave, locale)).replace("{P}", _("your partner"))


def asks_for_words(wave: Wave) -> bool:
    """Whether a wave has a question that is answered in words."""
    try:
        return bool(open_questions(instrument_of(wave, folders=instrument_folders()), wave))
    except InstrumentError:
        # A wave can still be looked after where its questionnaire is not at hand.
        return False
