"""Settings of one deployment: read from VICEVERSA_* environment variables, checked before anything starts."""

import datetime as dt
import os
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from webapp.mail_settings import MailSettingsError, SmtpSettings, check_senders, read_smtp

PACKAGE_FOLDER = Path(__file__).resolve().parent
FONTS_FOLDER = PACKAGE_FOLDER / "fonts"
TRANSLATIONS_FOLDER = PACKAGE_FOLDER.parent / "translations"
SOURCE_LOCALE = "en"
LOCALES = (SOURCE_LOCALE, "de", "fr", "es", "pt", "ar", "ur", "hi", "zh_Hans")
DEFAULT_DATABASE_URL = "sqlite:///var/viceversa.db"
DEFAULT_BASE_URL = "http://127.0.0.1:8000"
MINIMUM_SECRET_LENGTH = 16
MINIMUM_LINK_KEY_BYTES = 32
MAXIMUM_BODY_BYTES = 1_000_000


class ConfigError(Exception):
    """A setting is missing or cannot be used; carries the setting's name and the remedy."""

    def __init__(self, setting: str, message: str, remedy: str) -> None:
        """Keep the parts apart and join them into the exception's text."""
        super().__init__(f"{setting}: {message} {remedy}")
        self.code = "config"
        self.setting = setting
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Settings:
    """What the environment says; keys are None where it says nothing."""

    database_url: str = DEFAULT_DATABASE_URL
    secret_key: str | None = None
    link_key: bytes | None = None
    instrument_folders: tuple[Path, ...] = ()
    trust_proxy: int = 0
    trusted_hosts: tuple[str, ...] = ()
    https: bool = False
    # Off only by an operator's word: without roles nothing in PostgreSQL keeps answers and names apart.
    database_roles: bool = True
    default_locale: str = SOURCE_LOCALE
    timezone: str = "UTC"
    base_url: str = DEFAULT_BASE_URL
    # Names and numbers as in `surveys.retention.RetentionPolicy`, which refuses a time that is longer than promised.
    retention: Mapping[str, int] = field(default_factory=dict)
    smtp: SmtpSettings | None = None
    mail_from: str = ""
    mail_reply_to: str = ""

    def app_config(self) -> dict[str, Any]:
        """Return the mapping that `create_app` takes."""
        return {
            "DATABASE_URL": self.database_url,
            "SECRET_KEY": self.secret_key,
            "LINK_KEY": self.link_key,
            "DATABASE_ROLES": self.database_roles,
            "INSTRUMENT_FOLDERS": self.instrument_folders,
            "TRUST_PROXY": self.trust_proxy,
            "TRUSTED_HOSTS": list(self.trusted_hosts) or None,
            "HTTPS": self.https,
            "DEFAULT_LOCALE": self.default_locale,
            "TIMEZONE": self.timezone,
            "BASE_URL": self.base_url,
            "RETENTION": dict(self.retention),
            "SMTP": self.smtp,
            "MAIL_FROM": self.mail_from,
            "MAIL_REPLY_TO": self.mail_reply_to,
        }


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings in VICEVERSA_* variables, with defaults; raise ConfigError for one that cannot be read."""

    def read(name: str) -> str:
        return environ.get(f"VICEVERSA_{name}", "").strip()

    return Settings(
        database_url=_read_database_url(read("DATABASE_URL")),
        secret_key=read("SECRET_KEY") or None,
        link_key=_read_key(read("LINK_KEY")),
        instrument_folders=_read_folders(read("INSTRUMENT_FOLDERS")),
        trust_proxy=_read_number("VICEVERSA_TRUST_PROXY", read("TRUST_PROXY")),
        trusted_hosts=tuple(part.strip() for part in read("TRUSTED_HOSTS").split(",") if part.strip()),
        https=read("HTTPS").lower() in {"1", "true", "yes", "on"},
        database_roles=_read_switch("VICEVERSA_DATABASE_ROLES", read("DATABASE_ROLES"), default=True),
        default_locale=read("DEFAULT_LOCALE") or SOURCE_LOCALE,
        timezone=read("TIMEZONE") or "UTC",
        base_url=read_base_url("VICEVERSA_BASE_URL", read("BASE_URL")) or DEFAULT_BASE_URL,
        retention=_read_retention(read("RETENTION")),
        smtp=_of_mail(read_smtp, read),
        mail_from=read("MAIL_FROM"),
        mail_reply_to=read("MAIL_REPLY_TO"),
    )


def build_config(config: Mapping[str, Any] | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return Flask's complete configuration: defaults, then the environment, then the values given."""
    merged: dict[str, Any] = {
        "TRANSLATIONS_FOLDER": TRANSLATIONS_FOLDER,
        "CLOCK": _read_clock,
        "PASSWORD_HASHER": None,
        "MAX_CONTENT_LENGTH": MAXIMUM_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": MAXIMUM_BODY_BYTES,
        "MAX_FORM_PARTS": 500,
        "SEND_FILE_MAX_AGE_DEFAULT": dt.timedelta(days=365),
        "SESSION_COOKIE_NAME": "viceversa_form",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        # The pages send no Referer (Referrer-Policy: no-referrer), so Flask-WTF's Referer check on https would refuse
        # every form; the token itself and SameSite cookies carry the protection.
        "WTF_CSRF_SSL_STRICT": False,
        **load_settings(environ).app_config(),
        **(config or {}),
    }
    _check_config(merged)
    merged["SESSION_COOKIE_SECURE"] = bool(merged["HTTPS"])
    return merged


def _check_config(config: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first setting the service cannot run with."""
    make_key = 'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
    secret = config["SECRET_KEY"]
    if not isinstance(secret, str | bytes) or len(secret) < MINIMUM_SECRET_LENGTH:
        raise ConfigError(
            "VICEVERSA_SECRET_KEY", "a secret key of at least 16 characters is needed.", make_key
        )
    link_key = config["LINK_KEY"]
    if not isinstance(link_key, bytes) or len(link_key) < MINIMUM_LINK_KEY_BYTES:
        raise ConfigError(
            "VICEVERSA_LINK_KEY",
            "the key that links people to pseudonyms is needed, 32 bytes in hex.",
            make_key,
        )
    if config["DEFAULT_LOCALE"] not in LOCALES:
        raise ConfigError(
            "VICEVERSA_DEFAULT_LOCALE",
            f"{config['DEFAULT_LOCALE']!r} is no language of the interface.",
            f"Use one of: {', '.join(LOCALES)}.",
        )
    try:
        zoneinfo.ZoneInfo(config["TIMEZONE"])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            "VICEVERSA_TIMEZONE",
            f"{config['TIMEZONE']!r} is no time zone.",
            "Use a name such as Europe/Berlin.",
        ) from error
    _check_retention(config["RETENTION"])
    _of_mail(check_senders, config)


def _check_retention(times: Mapping[str, int]) -> None:
    """Raise ConfigError for a time that the retention clock would refuse: no page may promise it either."""
    from surveys.errors import RetentionError
    from surveys.retention import RetentionPolicy

    try:
        RetentionPolicy.from_settings(times)
    except RetentionError as error:
        message, remedy = error.message % error.params, error.remedy % error.params
        raise ConfigError("VICEVERSA_RETENTION", message, remedy) from error


def read_base_url(name: str, text: str) -> str:
    """Return the address under which people reach the service, without a slash at its end; links begin with it."""
    address = text.strip().rstrip("/")
    parts = urlsplit(address)
    if address and not (
        parts.scheme in {"http", "https"}
        and parts.hostname
        and not (parts.query or parts.fragment)
        and address.isascii()
        and address.isprintable()
        and " " not in address
    ):
        raise ConfigError(
            name,
            f"{text!r} is no address to which links can lead.",
            "Write for example https://survey.example.org",
        )
    return address


def _read_database_url(text: str) -> str:
    """Return the address of the database; another kind than these two would end in a message about a missing module."""
    if text and urlsplit(text).scheme.partition("+")[0] not in {"sqlite", "postgresql"}:
        raise ConfigError(
            "VICEVERSA_DATABASE_URL",
            f"{urlsplit(text).scheme or text!r} is no database that this software knows.",
            "Use sqlite:///FILE or postgresql://USER@HOST/NAME.",
        )
    return text or DEFAULT_DATABASE_URL


def _read_folders(text: str) -> tuple[Path, ...]:
    """Return the folders of a list; one that is not there would silently hide its questionnaires."""
    folders = tuple(Path(part) for part in text.split(os.pathsep) if part)
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                "VICEVERSA_INSTRUMENT_FOLDERS",
                f"{folder} is no folder.",
                "Make it, or take it out of the list.",
            )
    return folders


def _read_key(text: str) -> bytes | None:
    """Return the key that a hex text stands for, None for an empty one."""
    try:
        return bytes.fromhex(text) or None
    except ValueError as error:
        raise ConfigError(
            "VICEVERSA_LINK_KEY", "it is not written in hex.", "Write it as 64 digits 0-9 and a-f."
        ) from error


def _read_number(name: str, text: str) -> int:
    """Return a whole number of zero or more, 0 for an empty text."""
    if not text:
        return 0
    if not text.isdecimal():
        raise ConfigError(
            name, f"{text!r} is no whole number.", "Give the number of proxies in front, such as 1."
        )
    return int(text)


def _of_mail(step: Callable[[Any], Any], given: Any) -> Any:
    """Do something with settings of the mail server, and let a complaint about them name the variable."""
    try:
        return step(given)
    except MailSettingsError as error:
        raise ConfigError(f"VICEVERSA_{error.setting}", error.message, error.remedy) from error


def _read_switch(name: str, text: str, *, default: bool) -> bool:
    """Return whether something is switched on; what is neither on nor off is refused rather than guessed."""
    meanings = {"": default, "on": True, "1": True, "true": True, "yes": True}
    meanings |= dict.fromkeys(("off", "0", "false", "no"), False)
    if text.lower() not in meanings:
        raise ConfigError(name, f"{text!r} is neither on nor off.", "Write on or off.")
    return meanings[text.lower()]


def _read_retention(text: str) -> dict[str, int]:
    """Return the times of a list such as "link_days=60, comments_months=6"."""
    times = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (side.strip() for side in part.partition("="))
        if not value.isdecimal():
            raise ConfigError(
                "VICEVERSA_RETENTION",
                f"{part!r} is no time.",
                "Write for example: link_days=60, comments_months=6",
            )
        times[name] = int(value)
    return times


def _read_clock() -> dt.datetime:
    """Return the current time in UTC; tests put another clock in its place."""
    return dt.datetime.now(dt.UTC)


Clock = Callable[[], dt.datetime]
