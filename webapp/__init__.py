"""Delivery: pages for participants, coordinators and researchers, and the command line."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

# Views are named, not imported here, so that `import webapp` alone stays cheap.
BLUEPRINTS = (
    "webapp.front",
    "webapp.account.views",
    "webapp.participate.views",
    "webapp.participate.addressed",
    "webapp.participate.pulse",
    "webapp.participate.shared",
    "webapp.participate.meetings",
    "webapp.participate.mails",
    "webapp.participate.receipts",
    "webapp.coordinate.views",
    "webapp.moderate.views",
    "webapp.research.views",
    "webapp.oversee.views",
    "webapp.custody.views",
)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the WSGI application; values in `config` stand above VICEVERSA_* variables; raises ConfigError."""
    from webapp import access, database, errors, headers, i18n
    from webapp.config import build_config

    app = Flask(__name__)
    app.config.from_mapping(build_config(config, os.environ))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for part in (database, i18n, access, headers, errors):
        part.init_app(app)
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(name).blueprint)
    if app.config["TRUST_PROXY"]:
        hops = app.config["TRUST_PROXY"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's documented way to wrap it
    return app
