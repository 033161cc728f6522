"""One minute after a meeting: a pulse, written and sent in one step through any of a person's links (stream A).

That nobody is asked more often than every ten days is kept by the browser alone, in a cookie that holds the day of its last pulse. On the
service's side there is no day beside which somebody could lay those of the meetings; so another browser is asked again at once.
"""

import datetime as dt
import secrets

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from surveys import pulses
from surveys.errors import AnswerError, ResponseError, WaveNotOpenError
from surveys.invitations import LINK_GRACE
from surveys.models import Invitation
from surveys.waves import WaveState, wave_state
from webapp.access import csrf
from webapp.database import db, discard_changes, instrument_folders, now, pseudonyms
from webapp.errors import status_of, translate_error
from webapp.participate import holder
from webapp.participate.forms import PageForm
from webapp.participate.saving import read_statement
from webapp.participate.views import overwrite_afterwards, refuse_foreign_forms
from webapp.participate.visit import Visit, open_pulse

blueprint = Blueprint("pulse", __name__, url_prefix="/s")
# As with other answers: the secret link is the credential, and forms of other sites are refused.
csrf.exempt(blueprint)
blueprint.before_request(refuse_foreign_forms)

REST = dt.timedelta(days=10)


@blueprint.get("/<token>/pulse")
def show_pulse(token: str) -> AnyResponse:
    """Ask how the last meeting was, or say when the next pulse is welcome."""
    visit = _open(token)
    form = visit.page_form(1)
    form.show_answers({}, frozenset())
    return _show(visit, form)


@blueprint.post("/<token>/pulse")
def send_pulse(token: str) -> AnyResponse:
    """Keep a pulse; a change of language only shows the page again, with everything that was chosen."""
    visit = _open(token)
    form = visit.page_form(1)
    answers, quotable = form.read_answers(request.form), form.read_quotable(request.form)
    if request.form.get("language") in visit.locales or next_day(visit.invitation) is not None:
        return _show(visit, form)
    try:
        sent = pulses.send_pulse(
            db(),
            visit.invitation,
            answers,
            form_key=request.form.get("form_key", ""),
            may_write=holder.is_held,
            quotable=quotable,
            statement=read_statement(visit),
            pseudonyms=pseudonyms(),
            locale=visit.locale,
            now=now(),
            folders=instrument_folders(),
        )
    except AnswerError as error:
        discard_changes()
        form.add_problems(error.problems)
        return _show(visit, form, status=400)
    except (ResponseError, WaveNotOpenError) as error:
        discard_changes()
        return _show(visit, form, problem=translate_error(error), status=status_of(error))
    answer = redirect(url_for("pulse.show_pulse", token=token), 303)
    answer.set_cookie(
        _mark(visit.invitation),
        now().date().isoformat(),
        max_age=REST,
        path="/s/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return holder.hold(answer, sent, visit.wave.closes_at - now() + LINK_GRACE)


@blueprint.post("/<token>/pulse/withdraw")
def withdraw_pulses(token: str) -> AnyResponse:
    """Delete the pulses that this browser gave; doing it twice is harmless."""
    visit = _open(token)
    try:
        pulses.withdraw_pulses(
            db(), visit.invitation, pseudonyms=pseudonyms(), now=now(), may_write=holder.is_held
        )
    except ResponseError:
        discard_changes()
    except WaveNotOpenError as error:
        discard_changes()
        return _show(visit, visit.page_form(1), problem=translate_error(error), status=status_of(error))
    return overwrite_afterwards(redirect(url_for("pulse.show_pulse", token=token), 303))


def is_offered(invitation: Invitation) -> bool:
    """Whether this browser is to be asked for a pulse: somebody asks for pulses now, and its last one is ten days ago."""
    asked = pulses.find_pulse(db(), invitation)
    return asked is not None and wave_state(asked.wave, now()) is WaveState.OPEN and next_day(asked) is None


def next_day(invitation: Invitation) -> dt.date | None:
    """From when on this browser is asked again; None where that is now."""
    try:
        last = dt.date.fromisoformat(request.cookies.get(_mark(invitation), ""))
    except ValueError:
        return None
    today = now().date()
    return last + REST if last <= today < last + REST else None


def _mark(invitation: Invitation) -> str:
    """The name of the cookie that holds the day of the last pulse about a pair."""
    return holder.mark_of(f"pulse {invitation.participant_id} {invitation.pair_id}")


def _open(token: str) -> Visit:
    """What the link opens for giving pulses; where nobody asks for any there is no such page."""
    visit = open_pulse(token)
    if visit is None:
        abort(404)
    return visit


def _show(
    visit: Visit, form: PageForm, *, problem: tuple[str, str] | None = None, status: int = 200
) -> AnyResponse:
    """The page with its questions as they were answered, or without them where none is to be answered now."""
    page = render_template(
        "participate/pulse.html",
        visit=visit,
        form=form,
        problem=problem,
        next_day=next_day(visit.invitation),
        form_key=request.form.get("form_key") or secrets.token_hex(16),
    )
    return make_response(page, status)
