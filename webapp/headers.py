"""Security headers on every answer, and no copy of a dynamic page in any cache."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # A personal link must not travel on in a Referer header.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Links are personal: no search engine may keep one that leaked.
    "X-Robots-Tag": "noindex, nofollow",
}
TRANSPORT_SECURITY = "max-age=31536000"


def init_app(app: Flask) -> None:
    """Add the headers to every answer and `asset` to every template."""
    app.after_request(_add_headers)
    app.jinja_env.globals["asset"] = asset


def asset(name: str) -> str:
    """Return the URL of a static file with a digest of its content, so that it may be cached for a year."""
    folder = Path(current_app.static_folder or "")
    return url_for("static", filename=name, v=_digest(folder / name, (folder / name).stat().st_mtime_ns))


@lru_cache(maxsize=64)
def _digest(path: Path, _changed: int) -> str:
    """Return a short digest of a file, computed again when it changes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _add_headers(response: Response) -> Response:
    """Set the headers; a view may have set a stricter one of its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
