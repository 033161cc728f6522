"""The log of a pair's meetings: facts that the coordinator may read (stream B), and the pair's own notes (stream C).

Each part has its own form and its own colour. The facts are shown to whoever has the link of a partner, for they are what the coordinator
reads too; the notes need the pair's key. Nothing here reads the confidential side: whether this browser is to be asked how the
meeting went is known from a cookie alone.
"""

import secrets
from collections.abc import Callable

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from surveys import meetings
from surveys.errors import PairError
from webapp.access import csrf
from webapp.database import db, discard_changes, now
from webapp.errors import translate_error
from webapp.participate.pulse import is_offered
from webapp.participate.shared import check_key, check_tick, status_for
from webapp.participate.views import overwrite_afterwards, refuse_foreign_forms
from webapp.participate.visit import Visit, open_visit
from webapp.participate.words import FORMATS

blueprint = Blueprint("meetings", __name__, url_prefix="/s")
# As with answers: the secret link is the credential, and forms of other sites are refused.
csrf.exempt(blueprint)
blueprint.before_request(refuse_foreign_forms)

# The two parts of a meeting's page, and what can be done with the facts.
FACTS, NOTES = "facts", "notes"


@blueprint.get("/<token>/meetings")
def list_meetings(token: str) -> AnyResponse:
    """Show the meetings that the pair entered, and a form for another one."""
    return _show_list(open_visit(token, with_answers=False))


@blueprint.post("/<token>/meetings")
def log_meeting(token: str) -> AnyResponse:
    """Enter a meeting, and go on to its page."""
    visit = open_visit(token, with_answers=False)
    key = request.form.get("form_key") or secrets.token_hex(16)
    try:
        meeting = meetings.log_meeting(db(), visit.invitation, request.form, form_key=key, now=now())
    except PairError as error:
        return _show_list(visit, error)
    return _to_meeting(token, meeting.meeting_id)


@blueprint.get("/<token>/meetings/<meeting_id>")
def show_meeting(token: str, meeting_id: str) -> AnyResponse:
    """Show a meeting: its facts, and what the pair noted."""
    check_key(meeting_id)
    return _show(open_visit(token, with_answers=False), meeting_id)


@blueprint.post("/<token>/meetings/<meeting_id>")
def change_meeting(token: str, meeting_id: str) -> AnyResponse:
    """Correct the facts of a meeting, call them right, or delete the meeting once that was ticked."""
    check_key(meeting_id)
    visit = open_visit(token, with_answers=False)
    version, wish = request.form.get("version", ""), request.form.get("do")
    # Notes go with a meeting, and who entered it is for the two alone: a link, which passes through other hands, is not enough.
    if wish in {"delete", "confirm"} and not visit.holds_pair:
        return _show(visit, meeting_id)

    def perform() -> AnyResponse:
        if wish == "delete":
            check_tick()
            meetings.delete_meeting(db(), visit.invitation, meeting_id, version=version, now=now())
            return overwrite_afterwards(redirect(url_for("meetings.list_meetings", token=token), 303))
        if wish == "confirm":
            meetings.confirm_meeting(db(), visit.invitation, meeting_id, version=version, now=now())
        else:
            meetings.correct_meeting(
                db(), visit.invitation, meeting_id, request.form, version=version, now=now()
            )
        return _to_meeting(token, meeting_id)

    return _try(perform, visit, meeting_id, FACTS)


@blueprint.post("/<token>/meetings/<meeting_id>/notes")
def save_notes(token: str, meeting_id: str) -> AnyResponse:
    """Keep what the pair notes for itself."""
    check_key(meeting_id)
    visit = open_visit(token, with_answers=False)
    if not visit.holds_pair:
        return _show(visit, meeting_id)

    def perform() -> AnyResponse:
        version = request.form.get("version", "")
        meetings.save_note(db(), visit.invitation, meeting_id, request.form, version=version, now=now())
        return overwrite_afterwards(_to_meeting(token, meeting_id))

    return _try(perform, visit, meeting_id, NOTES)


def _try(perform: Callable[[], AnyResponse], visit: Visit, meeting_id: str, part: str) -> AnyResponse:
    """Do it, or show the page again with what is wrong and everything that was typed."""
    try:
        return perform()
    except PairError as error:
        return _show(visit, meeting_id, error, part)


def _to_meeting(token: str, meeting_id: str) -> AnyResponse:
    """Lead to a meeting's page, which says that it is saved."""
    return redirect(url_for("meetings.show_meeting", token=token, meeting_id=meeting_id, saved=1), 303)


def _show_list(visit: Visit, error: PairError | None = None) -> AnyResponse:
    """The list, with what is wrong with the form above it."""
    if error is not None:
        discard_changes()
    page = render_template(
        "participate/meetings.html",
        visit=visit,
        meetings=meetings.list_meetings(db(), visit.invitation),
        form_key=request.form.get("form_key") or secrets.token_hex(16),
        **_problem(error),
    )
    return make_response(page, status_for(error) if error else 200)


def _show(visit: Visit, meeting_id: str, error: PairError | None = None, part: str = "") -> AnyResponse:
    """A meeting's page; one that was deleted meanwhile becomes the list, with what was typed in its form."""
    if error is not None:
        discard_changes()
    try:
        meeting = meetings.find_meeting(db(), visit.invitation, meeting_id)
    except PairError:
        if error is None:
            raise
        return _show_list(visit, error)
    page = render_template(
        "participate/meeting.html",
        visit=visit,
        meeting=meeting,
        note=meetings.note_of(db(), meeting_id) if visit.holds_pair else None,
        offers_pulse=is_offered(visit.invitation),
        saved="saved" in request.args,
        at=part,
        longest_note=meetings.LONGEST_TEXT,
        most_follow_ups=meetings.MOST_FOLLOW_UPS,
        **_problem(error),
    )
    return make_response(page, status_for(error) if error else 200)


def _problem(error: PairError | None) -> dict[str, object]:
    """What is wrong, where, and what was typed."""
    return {
        "problem": " ".join(translate_error(error)) if error else "",
        "field": error.params.get("field", "") if error else "",
        "typed": request.form,
        "formats": FORMATS,
        "most_minutes": meetings.MOST_MINUTES,
    }
