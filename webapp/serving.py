"""The production server: gunicorn with threaded workers, started from Python so that there is no second configuration.

gunicorn replaces a killed worker by itself (tests/functional/test_serving.py kills one). Two workers with two threads
are the default: more threads on SQLite only lengthen the tail, since writers queue for one lock.
"""

from typing import Any

from gunicorn.app.base import BaseApplication

from webapp.config import Settings

# One page of answers is a few kilobytes; longer request lines and headers are refused before they cost anything.
LIMITS = {"limit_request_line": 4094, "limit_request_fields": 60, "limit_request_field_size": 8190}


class Server(BaseApplication):
    """A gunicorn arbiter that makes the application inside each worker, so that no database connection is inherited."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        """Keep the settings for the workers."""
        self.settings = settings
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand our options to gunicorn."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application; gunicorn calls this in each worker."""
        from webapp import create_app

        return create_app(self.settings.app_config())


def run_server(settings: Settings, *, host: str, port: int, workers: int, threads: int) -> None:
    """Serve until stopped."""
    Server(
        settings,
        {
            "bind": f"{host}:{port}",
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            "timeout": 60,
            "graceful_timeout": 20,
            "keepalive": 5,
            "control_socket_disable": True,
            "accesslog": None,  # An access log would join a personal link to a time and an address.
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "viceversa",
            **LIMITS,
        },
    ).run()
