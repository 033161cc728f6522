"""The goals of a pair, and the key that opens what it shares (stream C).

These pages read nothing of the confidential side. A link alone opens none of what is shared: the browser has to hold the pair's key.
"""

import re
import secrets
from collections.abc import Mapping

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from surveys import goals, pair_keys
from surveys.errors import PairError
from webapp.access import csrf
from webapp.database import db, discard_changes, now
from webapp.errors import status_of, translate_error
from webapp.participate import holder
from webapp.participate.views import overwrite_afterwards, refuse_foreign_forms
from webapp.participate.visit import Visit, open_visit
from webapp.participate.words import LEVELS, PLACES

blueprint = Blueprint("shared", __name__, url_prefix="/s")
# As with answers: the secret link is the credential, and forms of other sites are refused.
csrf.exempt(blueprint)
blueprint.before_request(refuse_foreign_forms)

CONFLICTS = frozenset({"changed", "gone", "opened", "full"})
TOO_MANY = "many"
KEY_SHAPE = re.compile(r"[0-9a-f]{32}")
# Which form of the page a problem belongs to, where it is that of the key or of a new goal.
KEY, NEW = "key", "new"


@blueprint.get("/<token>/goals")
def show_goals(token: str) -> AnyResponse:
    """Show the goals of the pair, or how to open them."""
    return _show(open_visit(token, with_answers=False))


@blueprint.post("/<token>/goals")
def add_goal(token: str) -> AnyResponse:
    """Add a goal."""
    visit = open_visit(token, with_answers=False)
    if not visit.holds_pair:
        return _show(visit)
    key = request.form.get("form_key") or secrets.token_hex(16)
    try:
        goals.add_goal(db(), visit.invitation, request.form, form_key=key, now=now())
    except PairError as error:
        return _show(visit, error=error, form=NEW)
    return _to_goals(token)


@blueprint.post("/<token>/goals/<goal_id>")
def change_goal(token: str, goal_id: str) -> AnyResponse:
    """Change a goal, or delete it once that was ticked."""
    visit = open_visit(token, with_answers=False)
    check_key(goal_id)
    if not visit.holds_pair:
        return _show(visit)
    version = request.form.get("version", "")
    try:
        if request.form.get("do") == "delete":
            check_tick()
            goals.delete_goal(db(), visit.invitation, goal_id, version=version, now=now())
            return overwrite_afterwards(_to_goals(token))
        goals.change_goal(db(), visit.invitation, goal_id, request.form, version=version, now=now())
    except PairError as error:
        return _show(visit, error=error, form=NEW if error.code == "gone" else goal_id)
    return _to_goals(token)


@blueprint.post("/<token>/pair")
def take_key(token: str) -> AnyResponse:
    """Let this browser hold the pair's key: a new one, or the one whose code was typed; or delete everything and start over."""
    visit = open_visit(token, with_answers=False)
    wish = request.form.get("do")
    try:
        if wish == "open":
            secret = pair_keys.open_pair(db(), visit.invitation, now=now())
        elif wish == "over":
            check_tick()
            secret = pair_keys.start_over(db(), visit.invitation, now=now())
        else:
            return _try_code(visit)
    except PairError as error:
        return _show(visit, error=error, form=KEY)
    answer = _go_on(token, secret)
    return overwrite_afterwards(answer) if wish == "over" else answer


def check_key(key: str) -> None:
    """Refuse a key in an address that can be none."""
    if not KEY_SHAPE.fullmatch(key):
        abort(404)


def check_tick() -> None:
    """Raise PairError unless the box was ticked by which somebody says that something is to be deleted."""
    if request.form.get("sure") != "y":
        raise PairError("sure", field="sure")


def status_for(error: PairError) -> int:
    """The status of the page that shows a problem."""
    return 409 if error.code in CONFLICTS else 429 if error.code == TOO_MANY else status_of(error)


def _try_code(visit: Visit) -> AnyResponse:
    """Take up the pair's key by its code; tries are counted for the pair, whichever link they come by."""
    secret = visit.pair_secret
    tag = holder.pair_tag(secret) if secret else None
    place = f"pair:{visit.invitation.pair_id}"
    fits = holder.try_code(db(), place, tag, request.form.get("code", ""), now=now())
    if fits and secret:
        return _go_on(visit.token, secret)
    page = render_template(
        "participate/goals.html", **_parts(visit), wrong_code=fits is not None, too_often=fits is None
    )
    return make_response(page, 429 if fits is None else 400)


def _go_on(token: str, secret: str) -> AnyResponse:
    """Lead on to the page from which the key was asked for, and let the browser hold it."""
    back = request.form.get("back", "")
    answer = _to_goals(token)
    if KEY_SHAPE.fullmatch(back):
        answer = redirect(url_for("meetings.show_meeting", token=token, meeting_id=back), 303)
    return holder.hold_tag(answer, holder.pair_tag(secret), holder.PAIR_LIFE)


def _to_goals(token: str) -> AnyResponse:
    """Lead to the page as it now stands."""
    return redirect(url_for("shared.show_goals", token=token), 303)


def _show(visit: Visit, *, error: PairError | None = None, form: str = "") -> AnyResponse:
    """The page with its problem, if there is one, beside the form it belongs to; everything typed is still there."""
    if error is None:
        return make_response(render_template("participate/goals.html", **_parts(visit)))
    discard_changes()
    page = render_template("participate/goals.html", **_parts(visit, error, form))
    return make_response(page, status_for(error))


def _parts(visit: Visit, error: PairError | None = None, form: str = "") -> Mapping[str, object]:
    """What the page is made of."""
    return {
        "visit": visit,
        "problem": " ".join(translate_error(error)) if error else "",
        "field": error.params.get("field", "") if error else "",
        "at": form,
        "typed": request.form,
        "most": goals.MOST_GOALS,
        "longest": goals.LONGEST_TEXT,
        "levels": LEVELS,
        "places": PLACES,
        "form_key": request.form.get("form_key") or secrets.token_hex(16),
    }
