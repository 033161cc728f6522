"""From the parts of an address to what a moderator may see; everything else answers 404, and the rule comes before all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import abort, redirect, url_for
from werkzeug.wrappers import Response

from instruments.model import Instrument
from surveys import pledges
from surveys.models import MembershipRole, Program, User, Wave
from surveys.open_questions import OpenQuestion, open_questions
from surveys.waves import WaveState, instrument_of, wave_state
from webapp.access import current_user, get_program
from webapp.coordinate.figures import choose_locale_of
from webapp.coordinate.finding import find_wave
from webapp.coordinate.themes import write_question
from webapp.database import db, instrument_folders, now


@dataclass(frozen=True)
class Desk:
    """A closed wave with its open questions, as a moderator has it before them."""

    wave: Wave
    instrument: Instrument
    questions: tuple[OpenQuestion, ...]

    @property
    def locale(self) -> str:
        """The language in which the questions are shown."""
        return choose_locale_of(self.instrument)

    def question(self, item_id: str) -> OpenQuestion:
        """One of the open questions; 404 for anything else."""
        found = next((one for one in self.questions if one.item_id == item_id), None)
        if found is None:
            abort(404)
        return found

    def words(self, question: OpenQuestion) -> str:
        """A question as it is asked, in all its wordings."""
        return write_question(question, self.instrument, self.wave, self.locale)


def signed_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lead a moderator who has not signed the rule of confidentiality to it, whatever they asked for."""

    @wraps(view)
    def guarded(slug: str, **parts: str) -> Any:
        program = load_program(slug)
        if not pledges.has_signed(db(), moderator(), program):
            return to_pledge(slug)
        return view(slug, **parts)

    return guarded


def to_pledge(slug: str) -> Response:
    """Lead to the rule of confidentiality."""
    return redirect(url_for("moderate.sign_pledge", slug=slug), 303)


def moderator() -> User:
    """Return who is signed in; every address of this room asks for that first."""
    user = current_user()
    if user is None:
        abort(404)
    return user


def load_program(slug: str) -> Program:
    """Return a programme that the user moderates."""
    return get_program(slug, MembershipRole.MODERATOR)


def load_desk(slug: str, wave_id: str) -> Desk:
    """Return a wave of a programme that the user moderates, once nobody can answer it any more."""
    wave = find_wave(load_program(slug), wave_id)
    if wave_state(wave, now()) is not WaveState.CLOSED:
        abort(404)
    instrument = instrument_of(wave, folders=instrument_folders())
    return Desk(wave, instrument, open_questions(instrument, wave))


def circumstances() -> dict[str, Any]:
    """Return what every use case of this room is told: who reads, when, and where questionnaires are."""
    return {"reader": moderator(), "now": now(), "folders": instrument_folders()}
