"""Files that a page hands out."""

from flask import Response, make_response


def send_download(content: str | bytes, content_type: str, name: str) -> Response:
    """Return content as a file of the given name; like every page it is kept in no cache (`webapp.headers`)."""
    response = make_response(content)
    response.headers["Content-Type"] = content_type
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
