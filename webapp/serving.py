"""The production server: gunicorn with threaded workers, started from Python so that there is no second configuration.

gunicorn replaces a killed worker by itself (tests/functional/test_serving.py kills one). Two workers with two threads
are the default: more threads on SQLite only lengthen the tail, since writers queue for one lock.
"""

import socket
from typing import Any

from gunicorn.app.base import BaseApplication

from webapp.config import ConfigError, Settings

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


def check_free(host: str, port: int) -> None:
    """Raise ConfigError when somebody listens there already, before gunicorn tries for seconds."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"port {port}",
                f"it cannot be used on {host} ({error.strerror}).",
                "Choose another one with --port.",
            ) from error


def run_server(settings: Settings, *, host: str, port: int, workers: int, threads: int) -> None:
    """Serve until stopped; raises ConfigError when the port is taken."""
    check_free(host, port)
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
