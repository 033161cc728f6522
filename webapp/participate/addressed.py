"""What is written through a personal link besides answers: to the coordinator, or about going on together.

These pages read nothing of the confidential side, and no address that leads to them carries anything about answers. What was
written is shown once, in the answer to the form that sent it: a link passes through other hands, and must not tell its next reader.
"""

import secrets

from flask import Blueprint, abort, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from instruments.model import WaveKind
from surveys import extensions, mediation, messages, trial
from surveys.errors import ExtensionError, MessageError, SurveyError, TrialError
from webapp.access import csrf
from webapp.database import db, discard_changes, now
from webapp.errors import status_of, translate_error
from webapp.participate import holder
from webapp.participate.views import overwrite_afterwards, refuse_foreign_forms
from webapp.participate.visit import Visit, open_visit
from webapp.participate.words import CHOICES, MESSAGES, RESULTS

blueprint = Blueprint("addressed", __name__, url_prefix="/s")
# As with answers: the secret link is the credential, and forms of other sites are refused.
csrf.exempt(blueprint)
blueprint.before_request(refuse_foreign_forms)

CONFLICTS = frozenset({"over"})
TOO_MANY = "too_many"


@blueprint.get("/<token>/write")
def show_writing(token: str) -> AnyResponse:
    """Offer to write to the coordinator; nothing that was written before is shown."""
    return _show_writing(_open(token))


@blueprint.post("/<token>/write")
def send_message(token: str) -> AnyResponse:
    """Send a message, and show it once."""
    visit, kind, text = _open(token), request.form.get("kind", ""), request.form.get("text", "")
    key = request.form.get("form_key", "")
    try:
        sent = messages.send_message(db(), visit.invitation, kind, text, form_key=key, now=now())
    except MessageError as error:
        return _show_writing(visit, error=error, kind=kind, text=text, form_key=key)
    page = render_template("participate/sent.html", visit=visit, words=MESSAGES[sent.kind], text=sent.text)
    writer = visit.invitation.participant_id
    return _hold(page, messages.written_tag(writer, sent.kind, sent.text, now().date()))


@blueprint.post("/<token>/mediation")
def rate_mediation(token: str) -> AnyResponse:
    """Take in how a mediation ended; the answer is the same whether there was one or not."""
    visit = _open(token)
    try:
        mediation.rate_mediation(db(), visit.invitation, request.form.get("result", ""), now=now())
    except MessageError as error:
        return _show_writing(visit, rating_error=error)
    return make_response(render_template("participate/rated.html", visit=visit))


@blueprint.get("/<token>/decision")
def show_decision(token: str) -> AnyResponse:
    """Ask whether the pair should go on after the trial period, and say who will read it."""
    return _show_decision(_open_at(token, {WaveKind.TC}))


@blueprint.post("/<token>/decision")
def decide_trial(token: str) -> AnyResponse:
    """Keep what was chosen, and show it once."""
    visit = _open_at(token, {WaveKind.TC})
    choice, text = request.form.get("choice", ""), request.form.get("text", "")
    try:
        chosen = trial.decide_trial(db(), visit.invitation, choice, text, now=now())
    except (MessageError, TrialError) as error:
        return _show_decision(visit, error=error, choice=choice, text=text)
    words = messages.check_text(text)
    page = render_template("participate/decided.html", visit=visit, words=CHOICES[chosen], text=words)
    tag = trial.chosen_tag(visit.invitation.participant_id, chosen, words, now().date())
    return overwrite_afterwards(_hold(page, tag))


@blueprint.get("/<token>/extension")
def show_extension(token: str) -> AnyResponse:
    """Ask whether to go on together after the end, and say what the other one will hear."""
    return _show_extension(_open_at(token, extensions.OFFERED))


@blueprint.post("/<token>/extension")
def wish_extension(token: str) -> AnyResponse:
    """Keep the wish, and say what happens now."""
    visit = _open_at(token, extensions.OFFERED)
    wish = request.form.get("wish", "")
    try:
        agreed = extensions.wish_extension(db(), visit.invitation, wish, now=now())
    except ExtensionError as error:
        return _show_extension(visit, error=error)
    page = render_template("participate/wished.html", visit=visit, wish=wish, agreed_on=agreed)
    invitation = visit.invitation
    return overwrite_afterwards(
        _hold(page, extensions.wish_tag(invitation.participant_id, invitation.pair_id))
    )


def _hold(page: str, tag: str) -> AnyResponse:
    """The page, after which this browser may read again what it wrote."""
    return holder.hold_tag(make_response(page), tag, holder.PAIR_LIFE)


def _open(token: str) -> Visit:
    """What the link opens, without answers."""
    return open_visit(token, with_answers=False)


def _open_at(token: str, kinds: "frozenset[WaveKind] | set[WaveKind]") -> Visit:
    """The same, where the page belongs to waves of these kinds only; elsewhere there is no such page."""
    visit = _open(token)
    if visit.wave.kind not in kinds:
        abort(404)
    return visit


def _show_writing(
    visit: Visit,
    *,
    error: MessageError | None = None,
    rating_error: MessageError | None = None,
    kind: str = "",
    text: str = "",
    form_key: str = "",
) -> AnyResponse:
    """The page on which one writes, with everything typed when something was wrong."""
    return _render(
        "participate/write.html",
        error or rating_error,
        visit=visit,
        kinds={one: MESSAGES[one] for one in messages.OFFERED},
        results=RESULTS,
        longest=messages.LONGEST_TEXT,
        kind=kind,
        text=text,
        form_key=form_key or secrets.token_hex(16),
        target="result" if rating_error else "text" if error and error.code != "kind" else "kind",
    )


def _show_decision(
    visit: Visit, *, error: SurveyError | None = None, choice: str = "", text: str = ""
) -> AnyResponse:
    """The page on which one decides; once the wave is closed it says that the time is over."""
    return _render(
        "participate/decide.html",
        error,
        visit=visit,
        choices=CHOICES,
        longest=messages.LONGEST_TEXT,
        choice=choice,
        text=text,
        target="text" if isinstance(error, MessageError) else "choice",
    )


def _show_extension(visit: Visit, *, error: ExtensionError | None = None) -> AnyResponse:
    """The page on which one says whether to go on, or reads that both want to."""
    return _render("participate/extend.html", error, visit=visit, target="wish")


def _render(template: str, error: SurveyError | None, **values: object) -> AnyResponse:
    """A page with its problem, if there is one, under the status that fits it."""
    if error is None:
        return make_response(render_template(template, problem=None, **values))
    discard_changes()
    page = render_template(template, problem=" ".join(translate_error(error)), code=error.code, **values)
    status = 409 if error.code in CONFLICTS else 429 if error.code == TOO_MANY else status_of(error)
    return make_response(page, status)
