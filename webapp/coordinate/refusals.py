"""A release that the auditor blocked: which numbers it named, in words, and the button that publishes the rest."""

from flask import abort, make_response, render_template, request
from werkzeug.wrappers import Response

from instruments.model import Instrument, Role, WaveKind
from surveys import release_refusals
from surveys.errors import ReleaseAuditError
from surveys.models import Wave
from surveys.release_menu import CandidateName
from surveys.waves import floor_of, instrument_of
from webapp.coordinate.figures import choose_locale_of
from webapp.coordinate.words import KINDS, ROLES
from webapp.database import db, instrument_folders
from webapp.i18n import gettext as _
from webapp.i18n import keep_together

FIELD = "withhold"


def read_agreed(wave: Wave) -> frozenset[CandidateName]:
    """Return the numbers that the coordinator agreed to leave out; nobody chooses among results that were not refused."""
    names = request.form.getlist(FIELD)
    if names and not release_refusals.was_refused(db(), wave):
        abort(400)
    return frozenset(release_refusals.read_name(name) for name in names)


def show_refusal(wave: Wave, refusal: ReleaseAuditError, agreed: frozenset[CandidateName]) -> Response:
    """Return the page that says what was blocked and what would be safe; numbers are named, their values are not told."""
    instrument = instrument_of(wave, folders=instrument_folders())
    proposal: list[tuple[str, str, str]] = sorted({*refusal.withhold, *agreed})
    page = render_template(
        "coordinate/refused.html",
        program=wave.cohort.program,
        cohort=wave.cohort,
        wave=wave,
        words=KINDS[wave.kind],
        floor=floor_of(wave),
        numbers=[_describe(instrument, number) for number in refusal.betraying],
        proposal=[_describe(instrument, (*name, wave.kind.value)) for name in proposal],
        names=[release_refusals.write_name(name) for name in proposal],
        can_agree=bool(refusal.withhold),
        field=FIELD,
    )
    return make_response(page, 409)


def _describe(instrument: Instrument, number: tuple[str, ...]) -> str:
    """Return what a number is about: kind, scale, role and waves."""
    kind, role, scale, *waves = number
    known = {one.id for one in instrument.scales}
    title = instrument.scale_title(scale, choose_locale_of(instrument)) if scale in known else scale
    said = {
        "scale": keep_together(title),
        "role": _(ROLES[Role(role)]) if role else "–",
        "wave": _(KINDS[WaveKind(waves[-1])].name) if waves else "–",
    }
    if kind == "level":
        return _("The mean of “%(scale)s”, %(role)s, at “%(wave)s”", **said)
    return _("The change of “%(scale)s”, %(role)s, up to “%(wave)s”", **said)
