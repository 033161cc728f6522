"""Mails under a personal link: wanting no more of them, and the close of the questionnaire as a calendar file.

The page is the same whether somebody wants mails or not: a link passes through other hands, and who wants none is told to nobody.
"""

from http import HTTPStatus

from flask import Blueprint, abort, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from surveys import outbox
from surveys.errors import InvitationError
from surveys.invitations import find_any_invitation
from webapp.access import csrf
from webapp.calendar_file import make_calendar
from webapp.database import db
from webapp.participate.views import refuse_foreign_forms
from webapp.participate.visit import open_visit

blueprint = Blueprint("mails", __name__, url_prefix="/s")
# As with answers: the secret link is the credential. A mail program that unsubscribes with one click sends neither cookie nor token.
csrf.exempt(blueprint)
blueprint.before_request(refuse_foreign_forms)


@blueprint.get("/<token>/mails")
def show_mails(token: str) -> str:
    """Ask whether mails shall stop; opening the page changes nothing, because mail filters open every link."""
    return render_template("participate/mails.html", visit=open_visit(token, with_answers=False), done="")


@blueprint.post("/<token>/mails")
def choose_mails(token: str) -> AnyResponse | str:
    """Stop mails, or let them come again; one click in a mail program (RFC 8058) ends here too.

    The link of an old mail, replaced or run out since, opens no page any more, and still stops mails.
    """
    wish = request.form.get("do", "stop")
    try:
        visit = open_visit(token, with_answers=False)
    except InvitationError:
        if wish != "stop":
            raise
        outbox.stop_mails(db(), find_any_invitation(db(), token).participant_id)
        return make_response("", HTTPStatus.NO_CONTENT)
    if wish not in {"stop", "resume"}:
        abort(400)
    change = outbox.stop_mails if wish == "stop" else outbox.resume_mails
    change(db(), visit.invitation.participant_id)
    return render_template("participate/mails.html", visit=visit, done=wish)


@blueprint.get("/<token>/calendar.ics")
def download_calendar(token: str) -> AnyResponse:
    """Send the close of the questionnaire as a calendar file."""
    visit = open_visit(token, with_answers=False)
    answer = make_response(make_calendar(visit.invitation, visit.title))
    answer.content_type = "text/calendar; charset=utf-8"
    answer.headers["Content-Disposition"] = "attachment; filename=questionnaire.ics"
    return answer
