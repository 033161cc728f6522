"""What pages behind a link are sent with: little weight, leave to fetch, and what their script asks; they work without it."""

import gzip

from flask import Response, make_response, request
from flask.blueprints import Blueprint
from werkzeug.wrappers import Response as AnyResponse

from webapp.headers import CONTENT_SECURITY_POLICY

# The script asks with the first header, and is told where to go on and what the page showed, or that there is something to show.
ASKED = "Viceversa-Save"
NEXT = "Viceversa-Next"
SEEN = "Viceversa-Seen"
REFUSED = "Viceversa-Refused"
SHORTEST_COMPRESSED = 1000
# The pages of a link may fetch from this service, and from nowhere else.
POLICY = f"{CONTENT_SECURITY_POLICY}; connect-src 'self'"


def init_blueprint(blueprint: Blueprint) -> None:
    """Let the answers of a blueprint speak to the script."""
    blueprint.after_request(answer_script)


def answer_script(response: Response) -> Response:
    """Allow the script to fetch; a save by the script is told where the button leads instead of being led there."""
    response.headers["Content-Security-Policy"] = POLICY
    _compress(response)
    if request.method != "POST" or ASKED not in request.headers:
        return response
    if response.status_code == 303 and response.location:
        response.headers[NEXT] = response.headers.pop("Location")
        response.status_code = 204
        response.set_data(b"")
    elif 400 <= response.status_code < 500:
        response.headers[REFUSED] = "1"
    return response


def _compress(response: Response) -> None:
    """Send a page in a fifth of its bytes: a phone far from anywhere pays for each.

    Nothing is gained by guessing at a page's length here: whoever could make a browser ask for one has to know its secret link.
    """
    if (
        response.mimetype != "text/html"
        or response.is_streamed
        or request.accept_encodings["gzip"] <= 0
        or len(page := response.get_data()) < SHORTEST_COMPRESSED
    ):
        return
    response.set_data(gzip.compress(page, compresslevel=6, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")


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
