"""The interface's catalogues: extract the template, merge it into each locale, check that nothing is missing.

    python -m webapp.catalogues extract     write translations/messages.pot from the sources
    python -m webapp.catalogues update      extract, then bring every locale's messages.po in line with it
    python -m webapp.catalogues check       say what is missing or out of date; exit status 1 if anything is

A message is found again by its exact text and context only, never by similarity: a sentence whose English changed is
translated anew. Answers of the instruments are not here; they have PO files of their own beside each definition.
"""

import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from instruments.names import name_faults
from webapp.config import LOCALES, PACKAGE_FOLDER, SOURCE_LOCALE, TRANSLATIONS_FOLDER
from webapp.i18n import read_header

ROOT = PACKAGE_FOLDER.parent
ROOMS = ("instruments", "scoring", "surveys", "webapp")
METHODS = [("**.py", "python")] + [
    (f"{folder}templates/**.{kind}", "jinja2") for folder in ("**/", "") for kind in ("html", "txt")
]
OPTIONS: dict[str, dict[str, Any]] = {
    pattern: {"trimmed": "true", "silent": "false"} for pattern, method in METHODS if method == "jinja2"
}
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "lazy": None,
    "N_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
HEADER_COMMENT = "# Interface sentences of Viceversa. Made by: python -m webapp.catalogues update"
IDLE_HEADERS = (
    "Project-Id-Version",
    "Report-Msgid-Bugs-To",
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Last-Translator",
    "Language-Team",
    "Generated-By",
)
COMMENT_TAGS = ("Translators:",)
ORIGIN, REVIEW = "X-Translation-Origin", "X-Review-Status"
DEFAULT_HEADERS = {ORIGIN: "machine", REVIEW: "not reviewed", "X-Reviewer": ""}
REVIEW_STATES = ("not reviewed", "reviewed", "approved")
# Values that are names of people; they change no grammar, whatever they are.
PERSON = re.compile(r"%\((?:partner|mentor|mentee|person|moderator|safeguarding)\)s")
PLACEHOLDER = re.compile(r"%\((\w+)\)(?:[sd]|\.\d+[fg])|%%")


@dataclass(frozen=True)
class CatalogueProblem:
    """One thing wrong with a catalogue, and the remedy."""

    file: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.message} {self.remedy}"


def extract_template(root: Path = ROOT) -> Catalog:
    """Return the template made from the Python sources and page templates of every room."""
    catalog = Catalog(charset="utf-8", header_comment=HEADER_COMMENT, fuzzy=False)
    found: list[tuple[Any, ...]] = []
    for room in ROOMS:
        rows = extract_from_dir(
            root / room,
            method_map=METHODS,
            options_map=OPTIONS,
            keywords=KEYWORDS,
            comment_tags=COMMENT_TAGS,
            strip_comment_tags=True,
        )
        found.extend((f"{room}/{file}", *rest) for file, *rest in rows)
    for file, line, message, comments, context in sorted(
        found, key=lambda row: (row[0], row[1], str(row[2]))
    ):
        del line  # A line number would change the template with every edit of the file.
        catalog.add(message, None, [(file, 0)], auto_comments=comments, context=context)
    return catalog


def merge_catalogue(template: Catalog, locale: str, old: Catalog | None) -> Catalog:
    """Return the locale's catalogue with exactly the template's messages, translated where the old one has the same key."""
    new = Catalog(locale=locale, charset="utf-8", header_comment=HEADER_COMMENT, fuzzy=False)
    for message in template:
        if not message.id:
            continue
        known = _find_message(old, message)
        new.add(
            message.id,
            known.string if known is not None else _empty_string(message, new),
            message.locations,
            auto_comments=message.auto_comments,
            user_comments=known.user_comments if known is not None else (),
            context=message.context,
        )
    if old is not None:
        for message in (*old, *old.obsolete.values()):
            if message.id and message.string and new.get(_key(message), message.context) is None:
                new.obsolete[(_key(message), message.context)] = message
    return new


def render_template(catalog: Catalog) -> str:
    """Return the template's text without dates, so that it changes only when a message does."""
    return _drop_idle_headers(_write(catalog))


def render_catalogue(catalog: Catalog, headers: dict[str, str]) -> str:
    """Return a locale's text with its review headers, which Babel's writer does not know."""
    extra = "".join(f'"{name}: {value}\\n"\n' for name, value in headers.items())
    return _drop_idle_headers(_write(catalog)).replace('"MIME-Version', extra + '"MIME-Version', 1)


def check_catalogues(root: Path = ROOT, folder: Path = TRANSLATIONS_FOLDER) -> list[CatalogueProblem]:
    """Return every gap between the sources, the template and the locales."""
    template = extract_template(root)
    pot = folder / "messages.pot"
    problems = []
    if not pot.is_file() or pot.read_text(encoding="utf-8") != render_template(template):
        problems.append(
            CatalogueProblem(
                "messages.pot",
                "The template is behind the sources.",
                "Run: python -m webapp.catalogues update",
            )
        )
    sources = (source for message in template for source in _ids(message))
    problems.extend(_check_names("messages.pot", SOURCE_LOCALE, sources))
    for locale in LOCALES:
        if locale != SOURCE_LOCALE:
            problems.extend(_check_locale(template, locale, folder / locale / "LC_MESSAGES" / "messages.po"))
    return problems


def count_translated(folder: Path, locale: str) -> tuple[int, int]:
    """Return how many messages the template has, and how many of them the locale translates."""
    template = read_po(io.StringIO((folder / "messages.pot").read_text(encoding="utf-8")))
    path = folder / locale / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return len(template), 0
    catalog = read_po(io.StringIO(path.read_text(encoding="utf-8")), locale=locale)
    found = [_find_message(catalog, message) for message in template if message.id]
    return len(template), sum(one is not None and not one.fuzzy and all(_strings(one)) for one in found)


def main(arguments: Sequence[str]) -> int:
    """Run one of extract, update and check; return the exit status."""
    if list(arguments) not in (["extract"], ["update"], ["check"]):
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    if arguments[0] == "check":
        problems = check_catalogues()
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        sys.stdout.write(f"{len(problems)} problems in the interface catalogues\n")
        return 1 if problems else 0
    template = extract_template()
    (TRANSLATIONS_FOLDER / "messages.pot").write_text(render_template(template), encoding="utf-8")
    sys.stdout.write(f"messages.pot: {len(template)} messages\n")
    if arguments[0] == "update":
        for locale in LOCALES:
            if locale != SOURCE_LOCALE:
                sys.stdout.write(_update_locale(template, locale) + "\n")
    return 0


def _update_locale(template: Catalog, locale: str) -> str:
    """Merge the template into one locale's file; return a line that says how much is translated."""
    path = TRANSLATIONS_FOLDER / locale / "LC_MESSAGES" / "messages.po"
    old, headers = None, dict(DEFAULT_HEADERS)
    if path.is_file():
        text = path.read_text(encoding="utf-8")
        old = read_po(io.StringIO(text), locale=locale)
        headers = {name: read_header(text, name) or value for name, value in DEFAULT_HEADERS.items()}
    new = merge_catalogue(template, locale, old)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_catalogue(new, headers), encoding="utf-8")
    n_missing = sum(1 for message in new if message.id and not all(_strings(message)))
    return f"{locale}: {len(new) - n_missing} of {len(new)} messages translated"


def _check_locale(template: Catalog, locale: str, path: Path) -> Iterator[CatalogueProblem]:
    """Yield what is wrong with one locale's file."""
    file = f"{locale}/LC_MESSAGES/messages.po"
    if not path.is_file():
        yield CatalogueProblem(file, "There is no catalogue.", "Run: python -m webapp.catalogues update")
        return
    text = path.read_text(encoding="utf-8")
    catalog = read_po(io.StringIO(text), locale=locale)
    if read_header(text, REVIEW) not in REVIEW_STATES:
        yield CatalogueProblem(
            file, f"The header {REVIEW} is missing.", f"Use one of: {', '.join(REVIEW_STATES)}."
        )
    for message in template:
        if not message.id:
            continue
        found = _find_message(catalog, message)
        yield from _check_names(file, locale, () if found is None else _strings(found))
        if found is None or not all(_strings(found)):
            yield CatalogueProblem(file, f"Not translated: {_key(message)!r}.", "Translate it.")
        elif found.fuzzy:
            yield CatalogueProblem(file, f"Marked fuzzy: {_key(message)!r}.", "Check it and remove the mark.")
        else:
            yield from _check_placeholders(file, message, found)


def _check_placeholders(file: str, message: Message, found: Message) -> Iterator[CatalogueProblem]:
    """Yield translations whose named values differ; a plural form may leave its number out, and only that."""
    sources = _ids(message)
    wanted = {name for source in sources for name in PLACEHOLDER.findall(source)}
    may_lack = {"num"} if len(sources) > 1 else set()
    for string in _strings(found):
        names = set(PLACEHOLDER.findall(string))
        rest = PLACEHOLDER.sub("", string)
        if names - wanted or (wanted - names) - may_lack or "%" in rest:
            yield CatalogueProblem(
                file,
                f"The values in %(…)s differ in: {string!r}.",
                f"Use exactly: {', '.join(sorted(wanted)) or 'none'}.",
            )


def _check_names(file: str, locale: str, texts: Iterable[str]) -> Iterator[CatalogueProblem]:
    """Yield sentences in which a person's name would change the grammar around it."""
    for text in texts:
        for _code, message, remedy in name_faults(PERSON.sub("{P}", text), locale):
            yield CatalogueProblem(file, f"In {text!r} {message}.", remedy)


def _find_message(catalog: Catalog | None, message: Message) -> Message | None:
    """Return the message with exactly the same text, plural and context, also from those put aside as obsolete."""
    if catalog is None:
        return None
    found = catalog.get(_key(message), message.context)
    if found is None:
        found = next(
            (
                old
                for old in catalog.obsolete.values()
                if (_key(old), old.context) == (_key(message), message.context)
            ),
            None,
        )
    return found if found is not None and found.id == message.id else None


def _key(message: Message) -> str:
    """Return the text by which a message is found: the singular of a plural."""
    return str(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def _ids(message: Message) -> tuple[str, ...]:
    """Return a message's English: one sentence, or singular and plural."""
    return tuple(message.id) if isinstance(message.id, tuple | list) else (str(message.id),)


def _strings(message: Message) -> tuple[str, ...]:
    """Return a message's translations: one, or one for each plural form."""
    return tuple(message.string) if isinstance(message.string, tuple | list) else (str(message.string or ""),)


def _empty_string(message: Message, catalog: Catalog) -> str | tuple[str, ...]:
    """Return the untranslated value in the shape that the message needs."""
    return ("",) * catalog.num_plurals if isinstance(message.id, tuple | list) else ""


def _write(catalog: Catalog) -> str:
    """Return a catalogue's text in PO form, with file names but no line numbers, which change with every edit."""
    file = io.BytesIO()
    write_po(file, catalog, width=100, include_lineno=False)
    return file.getvalue().decode("utf-8")


def _drop_idle_headers(text: str) -> str:
    """Remove header lines that say nothing here or change without a change of content."""
    return re.sub(rf'^"({"|".join(IDLE_HEADERS)}):.*\n', "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
