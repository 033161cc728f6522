"""Settings of the mail server: one address such as smtp://user:password@mail.example.org:587, or its parts one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from surveys.addresses import normalise_email

PORTS = {"tls": 465, "starttls": 587, "none": 25}
NEARBY = frozenset({"localhost", "127.0.0.1", "::1"})
SCHEMES = {"smtp": "", "smtps": "tls"}


class MailSettingsError(Exception):
    """A setting of the mail server cannot be used; carries its name without the common beginning, and the remedy."""

    def __init__(self, setting: str, message: str, remedy: str) -> None:
        self.setting, self.message, self.remedy = setting, message, remedy
        super().__init__(f"{setting}: {message} {remedy}")


@dataclass(frozen=True)
class SmtpSettings:
    """How the mail server is reached; `security` is "tls", "starttls" or "none"."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


def read_smtp(read: Callable[[str], str]) -> SmtpSettings | None:
    """The mail server that the environment names, None if none; without a word on it what is not nearby is spoken to encrypted."""
    url = urlsplit(read("SMTP_URL"))
    if not url.scheme:
        host, port, user, password = (read(f"SMTP_{part}") for part in ("HOST", "PORT", "USER", "PASSWORD"))
        return _complete(host, port, user, password, read("SMTP_STARTTLS")) if host else None
    try:
        number = "" if url.port is None else str(url.port)
    except ValueError:
        number = "none"
    if url.scheme not in SCHEMES or not url.hostname:
        raise MailSettingsError(
            "SMTP_URL",
            "this is no address of a mail server.",
            "Write for example smtp://user:password@mail.example.org:587",
        )
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return _complete(url.hostname, number, user, password, read("SMTP_STARTTLS"), SCHEMES[url.scheme])


def check_senders(config: dict[str, Any]) -> None:
    """Raise MailSettingsError unless there is an address from which mails come, where there is a server to send them."""
    for setting in ("MAIL_FROM", "MAIL_REPLY_TO"):
        address = config[setting]
        if address and normalise_email(address) is None:
            raise MailSettingsError(
                setting, f"{address!r} is no address.", "Write for example surveys@example.org"
            )
    if config["SMTP"] is not None and not config["MAIL_FROM"]:
        raise MailSettingsError(
            "MAIL_FROM", "a mail server is named, but no address from which mails come.", "Set it as well."
        )


def _complete(
    host: str, port: str, user: str, password: str, starttls: str, security: str = ""
) -> SmtpSettings:
    """Fill in what was not said."""
    if not security:
        default = "off" if host in NEARBY else "on"
        wish = starttls.lower() or default
        if wish not in {"on", "off"}:
            raise MailSettingsError(
                "SMTP_STARTTLS", f"{starttls!r} is neither on nor off.", "Write on or off."
            )
        security = "starttls" if wish == "on" else "none"
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise MailSettingsError("SMTP_PORT", f"{port!r} is no port.", "Write for example 587.")
    return SmtpSettings(host, int(port or PORTS[security]), security, user, password)
