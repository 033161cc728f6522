"""Error pages: the right status, a sentence in the reader's language, a way on, and never a traceback."""

from collections.abc import Mapping

from flask import Flask, Response, current_app, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from instruments.errors import N_, InstrumentError
from surveys.errors import (
    AccessDeniedError,
    DatabaseRolesError,
    InvitationError,
    PseudonymKeyError,
    SurveyError,
    WaveNotOpenError,
)
from webapp.database import discard_changes
from webapp.i18n import gettext, isolate_values

# Status -> what happened, and what to do now.
SENTENCES: Mapping[int, tuple[str, str]] = {
    400: (
        N_("This request could not be understood."),
        N_("Please go back, load the page again and try once more."),
    ),
    403: (
        N_("You do not have access to this page."),
        N_("If you need access, ask the person who runs this service."),
    ),
    404: (
        N_("There is no such page."),
        N_("If you followed a personal link, please copy it as a whole, to its last letter."),
    ),
    405: (N_("This page cannot be used in that way."), N_("Please go back and use the buttons on the page.")),
    410: (N_("This page is no longer there."), N_("Ask the person who sent you the link for a new one.")),
    413: (
        N_("What was sent is too large, so nothing of it was kept."),
        N_("Please go back and send less than 1 megabyte. What was saved before is still there."),
    ),
    429: (N_("There were too many attempts."), N_("Please wait a quarter of an hour and try again.")),
    500: (
        N_("Something went wrong on our side."),
        N_("What was saved before is still there. Please try again in a few minutes."),
    ),
    503: (
        N_("This cannot be shown at the moment."),
        N_(
            "Nothing is lost. Please try again later; if it stays like this, tell the person who sent you the link."
        ),
    ),
}
EXPIRED_FORM = (
    N_("This form was open for too long, or your browser keeps no cookies, so nothing was changed."),
    N_("Please go back, load the page again and send it once more."),
)
STATUS_OF_INVITATION = {"unknown": 404, "revoked": 410, "expired": 410}
# Headers without which a status is incomplete.
KEPT_HEADERS = ("Allow", "Retry-After")

# A body beyond the limit is read and thrown away up to this size.
MOST_READ_IN_VAIN = 32_000_000


def init_app(app: Flask) -> None:
    """Register one handler for each family of errors."""
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(SurveyError, show_survey_error)
    app.register_error_handler(InstrumentError, show_operator_error)
    app.register_error_handler(PseudonymKeyError, show_operator_error)
    app.register_error_handler(DatabaseRolesError, show_operator_error)
    app.register_error_handler(Exception, show_crash)


def translate_error(error: SurveyError) -> tuple[str, str]:
    """Return an error's sentence and its remedy in the reader's language."""
    params = isolate_values(error.params)
    return gettext(error.message, **params), gettext(error.remedy, **params)


def status_of(error: SurveyError) -> int:
    """Return the HTTP status that fits an error of the domain."""
    if isinstance(error, InvitationError):
        return STATUS_OF_INVITATION.get(error.code, 404)
    if isinstance(error, WaveNotOpenError) or error.code == "begun_elsewhere":
        return 409
    if isinstance(error, AccessDeniedError):
        return 403
    return 404 if error.code == "not_found" else 400


def show_error(status: int, message: str, remedy: str) -> Response:
    """Return the error page, after undoing what the request wrote."""
    try:
        discard_changes()
        page = render_template("errors/error.html", status=status, message=message, remedy=remedy)
    except Exception:
        # Whatever is broken here, the reader gets the sentence and never a traceback.
        current_app.logger.exception("the error page itself failed")
        page = Markup("<!doctype html><title>{0}</title><p>{0} {1}</p>").format(message, remedy)
    return make_response(page, status)


def show_http_error(error: HTTPException) -> Response:
    """Show the page for an HTTP status."""
    status = error.code or 500
    if status == 413:
        _read_to_the_end()
    message, remedy = EXPIRED_FORM if isinstance(error, CSRFError) else _sentences(status)
    response = show_error(status, gettext(message), gettext(remedy))
    for name, value in error.get_headers():
        if name in KEPT_HEADERS:
            response.headers[name] = value
    return response


def _read_to_the_end() -> None:
    """Take in what is still being sent, within reason: a browser that cannot finish sending never reads the sentence."""
    stream = request.environ["wsgi.input"]
    remaining = min(request.content_length or 0, MOST_READ_IN_VAIN)
    while remaining > 0 and (chunk := stream.read(min(remaining, 65_536))):
        remaining -= len(chunk)


def show_survey_error(error: SurveyError) -> Response:
    """Show a refusal of the domain in its own words."""
    return show_error(status_of(error), *translate_error(error))


def show_operator_error(error: InstrumentError | PseudonymKeyError | DatabaseRolesError) -> Response:
    """A questionnaire, key or database role that cannot be used is the operator's affair: they find the reason in the log."""
    current_app.logger.error("cannot serve %s: %s", request.endpoint, error)
    return _show_status(503)


def show_crash(error: Exception) -> Response:
    """Log an unexpected error under the name of the page; its address may hold a personal link and stays out of the log."""
    current_app.logger.error("error in %s", request.endpoint, exc_info=error)
    return _show_status(500)


def _show_status(status: int) -> Response:
    """Return the page for a status in the house's general words."""
    message, remedy = _sentences(status)
    return show_error(status, gettext(message), gettext(remedy))


def _sentences(status: int) -> tuple[str, str]:
    """Return the sentences of a status, of its family where it has none of its own."""
    return SENTENCES.get(status) or SENTENCES[400 if status < 500 else 500]
