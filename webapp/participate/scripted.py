"""What the script of the answering pages asks of the server; pages work without it."""

from flask import Response, make_response, request
from flask.blueprints import Blueprint
from werkzeug.wrappers import Response as AnyResponse

from webapp.headers import CONTENT_SECURITY_POLICY

# The script asks with the first header, and is told where to go on and what the page showed, or that there is something to show.
ASKED = "Viceversa-Save"
NEXT = "Viceversa-Next"
SEEN = "Viceversa-Seen"
REFUSED = "Viceversa-Refused"
# The pages of a link may fetch from this service, and from nowhere else.
POLICY = f"{CONTENT_SECURITY_POLICY}; connect-src 'self'"


def init_blueprint(blueprint: Blueprint) -> None:
    """Let the answers of a blueprint speak to the script."""
    blueprint.after_request(answer_script)


def answer_script(response: Response) -> Response:
    """Allow the script to fetch; a save by the script is told where the button leads instead of being led there."""
    response.headers["Content-Security-Policy"] = POLICY
    if request.method != "POST" or ASKED not in request.headers:
        return response
    if response.status_code == 303 and response.location:
        response.headers[NEXT] = response.headers.pop("Location")
        response.status_code = 204
        response.set_data(b"")
    elif 400 <= response.status_code < 500:
        response.headers[REFUSED] = "1"
    return response


def note_seen(answer: AnyResponse, marks: str) -> AnyResponse:
    """Tell the script what the page shows by now."""
    if ASKED in request.headers:
        answer.headers[SEEN] = marks
    return answer


def serve_worker(source: bytes) -> AnyResponse:
    """The script that serves kept pages; its address lets it work for personal links only."""
    answer = make_response(source)
    answer.content_type = "text/javascript; charset=utf-8"
    answer.headers["Service-Worker-Allowed"] = "/s/"
    return answer
