"""The interface's language: catalogues straight from PO files, the reader's locale, dates and numbers.

A locale is offered only when its catalogue is complete, so that no page is ever in two languages.
"""

import datetime as dt
import io
import re
import zoneinfo
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from babel.dates import format_date as babel_format_date
from babel.dates import format_time as babel_format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations
from flask import Flask, Response, current_app, g, has_request_context, request
from markupsafe import Markup, escape

from webapp.config import LOCALES, SOURCE_LOCALE
from webapp.negotiation import best_locale, find_locale, language_tag

COOKIE = "lang"
YEAR_SECONDS = 365 * 24 * 3600

_forced_locale: ContextVar[str | None] = ContextVar("forced_locale", default=None)


@dataclass(frozen=True)
class InterfaceCatalogue:
    """One locale's sentences, whether none is missing, and how they came to be."""

    locale: str
    translations: NullTranslations
    complete: bool
    origin: str
    review_status: str


SOURCE = InterfaceCatalogue(
    SOURCE_LOCALE, NullTranslations(), complete=True, origin="source", review_status="source"
)


class LazyText:
    """A sentence that is translated when it is shown, for texts written at import time."""

    __slots__ = ("message", "params")

    def __init__(self, message: str, params: dict[str, Any]) -> None:
        """Keep the English sentence and its values."""
        self.message = message
        self.params = params

    def __str__(self) -> str:
        return gettext(self.message, **self.params)

    def __mod__(self, values: Any) -> str:
        """Fill in values as WTForms does with its own messages."""
        return str(self) % values

    def __html__(self) -> str:
        return str(escape(str(self)))


def init_app(app: Flask) -> None:
    """Give templates their translation functions and remember an explicit choice of language in a cookie."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # the i18n extension adds the method
        _translate, _translate_plural, newstyle=True, pgettext=_translate_in_context
    )
    app.jinja_env.globals.update(
        get_locale=get_locale,
        language_tag=language_tag,
        text_direction=text_direction,
        locale_name=locale_name,
        language_url=language_url,
        interface_locales=interface_locales,
        format_date=format_date,
        format_datetime=format_datetime,
        format_number=format_number,
        format_percent=format_share,
        isolate=isolate,
        isolate_values=isolate_values,
        keep_together=keep_together,
    )
    app.after_request(_remember_choice)
    app.after_request(_name_language)


def gettext(message: str, /, **params: Any) -> str:
    """Return the sentence in the reader's language with its named values filled in."""
    return _fill(_translate(message), params)


def ngettext(singular: str, plural: str, n: int, /, **params: Any) -> str:
    """Return the form of the sentence that fits the number n, which it may show as %(num)s."""
    return _fill(_translate_plural(singular, plural, n), {"num": n, **params})


def pgettext(context: str, message: str, /, **params: Any) -> str:
    """Return the sentence as it is said in the given context."""
    return _fill(_translate_in_context(context, message), params)


def lazy(message: str, /, **params: Any) -> LazyText:
    """Return a sentence that is translated only when it is shown."""
    return LazyText(message, params)


def isolate(text: str, locale: str | None = None) -> Markup:
    """Return a name or other foreign fragment, escaped and isolated so that its direction disturbs nothing around it.

    A fragment that is in a language of its own names it, so that it is read out as it should be.
    """
    if locale is None or locale == get_locale():
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup('<bdi lang="{}">{}</bdi>').format(language_tag(locale), text)


def keep_together(name: str) -> str:
    """Return a name that keeps its own direction inside a sentence of another one; for texts that are not HTML."""
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def isolate_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a sentence, on right-to-left pages with their texts isolated."""
    if text_direction() == "ltr":
        return dict(values)
    return {name: keep_together(value) if isinstance(value, str) else value for name, value in values.items()}


def interface_locales() -> tuple[str, ...]:
    """Return the locales whose interface catalogue is complete, the source first."""
    return tuple(locale for locale in LOCALES if get_catalogue(locale).complete)


def locales_among(known: Container[str]) -> tuple[str, ...]:
    """Return those languages of the interface in which something else, such as a questionnaire, is there too."""
    return tuple(locale for locale in interface_locales() if locale in known)


def get_catalogue(locale: str) -> InterfaceCatalogue:
    """Return the catalogue of one locale, read once from its PO file."""
    folder: Path = current_app.config["TRANSLATIONS_FOLDER"]
    return read_catalogue(folder, locale)


def get_locale() -> str:
    """Return the locale of the page being made: forced, fixed by the view, or negotiated once a request."""
    forced = _forced_locale.get()
    if forced is not None:
        return forced
    if not has_request_context():
        return SOURCE_LOCALE
    if "locale" not in g:
        g.locale = choose_locale(interface_locales())
    locale: str = g.locale
    return locale


def use_locale(locale: str, zone: str | None = None) -> None:
    """Fix the locale for the rest of this request, and the time zone if the reader's is known."""
    g.locale = locale
    if zone is not None:
        g.zone = zone


@contextmanager
def force_locale(locale: str) -> Iterator[None]:
    """Speak another language inside the block, also outside a request (mail, command line)."""
    token = _forced_locale.set(locale)
    try:
        yield
    finally:
        _forced_locale.reset(token)


def choose_locale(
    offered: Sequence[str], preferences: Sequence[str | None] = (), default: str | None = None
) -> str:
    """Return the first locale offered out of: ?lang=, cookie, preferences, Accept-Language, the default, the first one."""
    for wish in (request.args.get("lang"), request.cookies.get(COOKIE), *preferences):
        if found := find_locale(wish, offered):
            return found
    if found := best_locale(request.accept_languages, offered):
        return found
    last: str = default or current_app.config["DEFAULT_LOCALE"]
    return find_locale(last, offered) or offered[0]


def text_direction(locale: str | None = None) -> str:
    """Return "rtl" or "ltr", from the locale and never guessed from the text."""
    return Locale.parse(locale or get_locale()).text_direction


def locale_name(locale: str) -> str:
    """Return the language's own name for itself."""
    known = Locale.parse(locale)
    # Unicode names Simplified Chinese by language and script; Babel's own method gives the language alone.
    name = known.languages.get(locale) or known.get_language_name(locale) or locale
    return name[:1].upper() + name[1:]


def language_url(locale: str) -> str:
    """Return the address of the same page in another language: a query alone keeps whatever path the reader is on."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return "?" + urlencode([*query, ("lang", language_tag(locale))])


def format_date(day: dt.date | dt.datetime) -> str:
    """Return a date in words, in the time zone of the deployment when it is a moment."""
    if isinstance(day, dt.datetime):
        day = day.astimezone(_timezone())
    return babel_format_date(day, format="long", locale=get_locale())


def format_datetime(moment: dt.datetime, zone: dt.tzinfo | None = None) -> str:
    """Return date, time and time zone, in the given time zone or that of the deployment."""
    local = moment.astimezone(zone or _timezone())
    return gettext(
        "%(date)s, %(time)s (%(zone)s)",
        date=babel_format_date(local, format="long", locale=get_locale()),
        time=_keep_unbroken(babel_format_time(local, format="short", locale=get_locale())),
        zone=_keep_unbroken(_name_zone(local)),
    )


def _name_zone(local: dt.datetime) -> str:
    """Return the short name of a moment's time zone; many zones have none but their distance."""
    name = local.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{name}"


def format_number(number: float, digits: int | None = None) -> str:
    """Return a number with the reader's separators, with exactly the given digits after the point."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(number, format=pattern, locale=get_locale())


def format_share(share: float) -> str:
    """Return a share between 0 and 1 as a whole percentage."""
    return format_percent(share, locale=get_locale())


def read_catalogue(folder: Path, locale: str) -> InterfaceCatalogue:
    """Read the PO file of a locale into memory; the source locale needs none and is complete by definition."""
    if locale == SOURCE_LOCALE:
        return SOURCE
    path, template = folder / locale / "LC_MESSAGES" / "messages.po", folder / "messages.pot"
    if not path.is_file() or not template.is_file():
        return InterfaceCatalogue(locale, NullTranslations(), complete=False, origin="", review_status="")
    return _read_files(path, path.stat().st_mtime_ns, template, template.stat().st_mtime_ns, locale)


@lru_cache(maxsize=64)
def _read_files(
    path: Path, _changed: int, template: Path, _template_changed: int, locale: str
) -> InterfaceCatalogue:
    """Compile one PO file in memory and compare it with the template; cached until either file changes."""
    text = path.read_text(encoding="utf-8")
    catalog = read_po(io.StringIO(text), locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return InterfaceCatalogue(
        locale,
        Translations(compiled),
        complete=_covers(catalog, _read_template(template)),
        origin=read_header(text, "X-Translation-Origin"),
        review_status=read_header(text, "X-Review-Status"),
    )


def _read_template(path: Path) -> Catalog:
    """Read the message template."""
    with path.open("rb") as file:
        return read_po(file)


def _covers(catalog: Catalog, template: Catalog) -> bool:
    """Return whether every message of the template is translated, none of them fuzzy."""
    for message in template:
        if not message.id:
            continue
        key = message.id[0] if isinstance(message.id, tuple | list) else message.id
        found = catalog.get(key, message.context)
        if found is None or found.fuzzy:
            return False
        strings = found.string if isinstance(found.string, tuple | list) else (found.string,)
        if not all(strings):
            return False
    return True


def read_header(text: str, name: str) -> str:
    """Return one header of a PO file's text; Babel's reader drops the headers it does not know."""
    match = re.search(rf'^"{re.escape(name)}:[ ]*(.*?)(?:\\n)?"$', text, flags=re.MULTILINE)
    return match.group(1).strip() if match else ""


def _catalogue_in_use() -> NullTranslations:
    """Return the catalogue of the reader's locale, the source's where no app is running."""
    locale = get_locale()
    if locale == SOURCE_LOCALE or not current_app:
        return NullTranslations()
    return get_catalogue(locale).translations


def _translate(message: str) -> str:
    """Look a sentence up without filling in values; Jinja does that itself."""
    return _catalogue_in_use().gettext(message) if message else ""


def _translate_plural(singular: str, plural: str, n: int) -> str:
    """Look a plural form up without filling in values."""
    return _catalogue_in_use().ngettext(singular, plural, n)


def _translate_in_context(context: str, message: str) -> str:
    """Look a sentence with a context up without filling in values."""
    return _catalogue_in_use().pgettext(context, message)


def _fill(template: str, params: dict[str, Any]) -> str:
    """Put named values into a sentence; a percent sign is written twice in every sentence, as in templates."""
    return template % params if params else template.replace("%%", "%")


def _keep_unbroken(text: str) -> str:
    """Bind a piece of plain text such as "4:25 AM" together, and isolate it inside a right-to-left sentence."""
    bound = text.replace(" ", "\N{NO-BREAK SPACE}")
    return keep_together(bound) if text_direction() == "rtl" else bound


def _timezone() -> dt.tzinfo:
    """Return the time zone in which moments are shown: the reader's where it is known, else that of the deployment."""
    if not current_app:
        return dt.UTC
    return find_zone(g.get("zone"), current_app.config["TIMEZONE"])


def find_zone(name: str | None, fallback: str) -> zoneinfo.ZoneInfo:
    """The time zone of a name, or the fallback where it names none."""
    try:
        return zoneinfo.ZoneInfo(name or fallback)
    # A name that is a folder of the time zone files is an OSError.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo(fallback)


def _remember_choice(response: Response) -> Response:
    """Keep an explicit, known choice of language for a year."""
    wish = find_locale(request.args.get("lang"), LOCALES)
    if wish and wish in interface_locales():
        response.set_cookie(
            COOKIE, wish, max_age=YEAR_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure
        )
    return response


def _name_language(response: Response) -> Response:
    """Say in which language a page is, for whatever reads no HTML."""
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Language", language_tag(get_locale()))
    return response
