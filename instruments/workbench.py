"""The translation workbench: the texts of one language handed out as PO or XLIFF, and taken back by their contexts alone.

A file that comes back is judged as a whole. Whatever is wrong with it is said at once, with its place, and then nothing is written.
A released version takes back states but no words: those are pinned, and another wording is another version.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from babel.core import get_global

from instruments.catalog import SHIPPED, find_folders
from instruments.digests import ReleasedFileError, read_released, released_file_of, version_key
from instruments.errors import N_, DefinitionError, DefinitionProblem, UnknownInstrumentError
from instruments.loader import load_source
from instruments.locales import ORIGINS
from instruments.messages import SourceText, collect_texts
from instruments.model import Instrument
from instruments.po import PoEntry, PoFile, PoSyntaxError, format_po, parse_po, read_po_file
from instruments.review import Review, comments_with, other_comments, review_of, summarize
from instruments.rules import is_locale
from instruments.translate import make_template, merge_translations, replace_file
from instruments.wording import PLACEHOLDER, count_placeholders, text_faults
from instruments.xliff import XliffError, read_xliff, write_xliff

FORMATS = ("po", "xliff")
# A questionnaire of a thousand questions has about a megabyte of texts.
LARGEST_FILE = 5_000_000
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff")
# The names of letters in Unicode begin with that of their script.
_SCRIPTS = {
    "Latn": "LATIN",
    "Arab": "ARABIC",
    "Cyrl": "CYRILLIC",
    "Grek": "GREEK",
    "Hebr": "HEBREW",
    "Deva": "DEVANAGARI",
}
# Shorter texts may well be the same in two languages, as names and “OK” are.
_WORDS_OF_A_SENTENCE = 4

Finding = tuple[str, str, str, str]


@dataclass(frozen=True)
class Incoming:
    """A file that was handed in: its translations, and what its tool calls reviewed without a proof."""

    file: str
    po: PoFile
    unproved: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakenBack:
    """What a merge did, by context."""

    file: Path
    changed: tuple[str, ...]
    reviewed: tuple[str, ...]
    dropped: tuple[str, ...]
    empty: tuple[str, ...]
    unproved: tuple[str, ...]


def find_version(identifier: str, version: str | None, folders: Sequence[Path] = ()) -> Path:
    """The folder of an instrument, the newest without a version, whether or not its translations are complete.

    Raises UnknownInstrumentError, and DefinitionError if no definition of it can be read.
    """
    found: dict[str, Path] = {}
    problems: list[DefinitionProblem] = []
    for folder in (folder for root in (SHIPPED, *folders) for folder in find_folders(Path(root))):
        try:
            source = load_source(folder)
        except DefinitionError as error:
            problems += error.problems if identifier in folder.parts else ()
            continue
        if source.id == identifier and version in {None, source.version}:
            found.setdefault(source.version, folder)
    if found:
        return found[max(found, key=version_key)]
    if problems:
        raise DefinitionError(problems)
    raise UnknownInstrumentError(
        "unknown-instrument",
        N_("There is no instrument %(id)s."),
        N_("Add its folder to the private instrument folders, or choose one that is listed."),
        id=f"{identifier} {version or ''}".strip()[:80],
    )


def export_locale(folder: Path, locale: str, form: str) -> bytes:
    """Every text of a language with its source, context, comments and state; a new language is handed out empty.

    Raises DefinitionError.
    """
    instrument = load_source(folder)
    _check_locale(instrument, locale, folder)
    po = merge_translations(make_template(instrument), _present(folder, locale), locale).po
    if form == "po":
        return format_po(po).encode()
    name = f"{instrument.id} {instrument.version}"
    return write_xliff(po, name=name, source_locale=instrument.source_locale, locale=locale)


def read_incoming(path: Path) -> Incoming:
    """A PO or XLIFF file as it was handed in, told apart by its first sign; raises DefinitionError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            message = f"the file has more than {LARGEST_FILE // 1_000_000} megabytes"
            raise DefinitionError(
                [
                    _problem(
                        path, "too-large", "", message, "Hand in the texts of one language of one version."
                    )
                ]
            )
        data = path.read_bytes()
    except OSError as error:
        message = f"the file cannot be opened ({error.strerror})"
        raise DefinitionError(
            [_problem(path, "unreadable-file", "", message, "Make it a readable file.")]
        ) from None
    try:
        if data.lstrip().startswith(_XML_STARTS):
            reading = read_xliff(data)
            return Incoming(str(path), reading.po, reading.unproved)
        return Incoming(str(path), parse_po(data.decode("utf-8-sig")))
    except XliffError as error:
        found = _problem(path, "unreadable-xliff", error.place, error.message, error.remedy)
    except PoSyntaxError as error:
        found = _problem(
            path,
            "unreadable-po",
            f"line {error.line}",
            error.message,
            "Correct the line, or export the file again.",
        )
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = _problem(
            path, "unreadable-po", f"line {line}", "the file is not in UTF-8", "Save it as UTF-8."
        )
    raise DefinitionError([found])


def take_back(
    folder: Path,
    locale: str,
    incoming: Incoming,
    *,
    review: Review | None = None,
    withdraw: bool = False,
    origin: str | None = None,
) -> TakenBack:
    """Merge a file into a language of a version and write it in one step; raises DefinitionError before that.

    `review` is what somebody says of every text of the file; `withdraw` makes them drafts again. Without both, each text brings the
    state that it has in the file, and an unchanged one keeps the state that it has.
    """
    instrument = load_source(folder)
    _check_locale(instrument, locale, folder)
    present = merge_translations(make_template(instrument), _present(folder, locale), locale).po
    # In the wrong language every single text would be a fault.
    faults = list(_language_faults(locale, incoming.po)) or [
        *_entry_faults(locale, incoming.po, {text.context: text for text in collect_texts(instrument)}),
        *_release_faults(folder, instrument, locale, present, incoming.po),
        *_origin_faults(present, incoming.po, origin, is_new=not (folder / f"{locale}.po").exists()),
    ]
    if faults:
        raise DefinitionError([DefinitionProblem(code, incoming.file, *rest) for code, *rest in faults])
    handed = {entry.context: entry for entry in incoming.po.entries if entry.msgstr}
    entries = tuple(
        _take_entry(entry, handed[entry.context], review, withdraw=withdraw)
        if entry.context in handed
        else entry
        for entry in present.entries
    )
    merged = replace(present, entries=entries)
    merged = replace(merged, header=_header(merged, incoming.po, origin))
    path = folder / f"{locale}.po"
    replace_file(path, format_po(merged))
    return _tell(path, present, merged, incoming)


def _take_entry(present: PoEntry, handed: PoEntry, review: Review | None, *, withdraw: bool) -> PoEntry:
    """One text as it was handed in, with the state that holds for these words."""
    same = present.msgstr == handed.msgstr and not handed.fuzzy
    taken = replace(
        present,
        msgstr=handed.msgstr,
        fuzzy=handed.fuzzy,
        user_comments=other_comments(handed) or other_comments(present),
    )
    if withdraw or handed.fuzzy:
        return taken
    kept = review or review_of(handed) or (review_of(present) if same else None)
    return replace(taken, user_comments=comments_with(taken, kept))


def _tell(path: Path, before: PoFile, after: PoFile, incoming: Incoming) -> TakenBack:
    """What became of the texts."""
    pairs = list(zip(before.entries, after.entries, strict=True))
    return TakenBack(
        file=path,
        changed=tuple(new.context for old, new in pairs if old.msgstr != new.msgstr),
        reviewed=tuple(
            new.context for old, new in pairs if (found := review_of(new)) and found != review_of(old)
        ),
        dropped=tuple(new.context for old, new in pairs if review_of(old) and not review_of(new)),
        empty=tuple(entry.context for entry in incoming.po.entries if not entry.msgstr),
        unproved=tuple(
            new.context for _, new in pairs if new.context in incoming.unproved and review_of(new) is None
        ),
    )


def _header(merged: PoFile, incoming: PoFile, origin: str | None) -> tuple[tuple[str, str], ...]:
    """The header, whose status is the lowest state of the texts."""
    review = summarize(merged.entries)
    present = merged.header_value("X-Translation-Origin")
    new = {
        "x-review-status": review.status,
        "x-reviewer": ", ".join(review.reviewers),
        "x-translation-origin": origin or incoming.header_value("X-Translation-Origin") or present,
    }
    return tuple((name, new.get(name.lower(), value)) for name, value in merged.header)


# --- what may be wrong -------------------------------------------------------------------------------------------------------


def _check_locale(instrument: Instrument, locale: str, folder: Path) -> None:
    """Raise DefinitionError for a language that cannot be one of this instrument."""
    if locale == instrument.source_locale:
        message, remedy = "this is the source language", "Change instrument.toml itself, in a new version."
    elif not is_locale(locale):
        message, remedy = f"“{locale[:20]}” is not a known locale", "Use a language code, as in de or pt_BR."
    else:
        return
    raise DefinitionError([_problem(folder, "unknown-locale", "", message, remedy)])


def _language_faults(locale: str, po: PoFile) -> Iterator[Finding]:
    """The file says of itself that it is of another language."""
    language = po.header_value("Language").replace("-", "_")
    if language and language != locale:
        remedy = f"Hand in the file of {locale}, or correct its language."
        yield "wrong-language", "header.Language", f"the file is in “{language[:20]}”", remedy


def _origin_faults(present: PoFile, po: PoFile, origin: str | None, *, is_new: bool) -> Iterator[Finding]:
    """A new language has to say whose words it brings."""
    named = (
        origin
        or po.header_value("X-Translation-Origin")
        or ("" if is_new else present.header_value("X-Translation-Origin"))
    )
    if named not in ORIGINS:
        remedy = "Say --origin human, or --origin machine."
        yield "bad-header", "header.X-Translation-Origin", "it is not said who has translated", remedy


def _entry_faults(locale: str, po: PoFile, sources: Mapping[str, SourceText]) -> Iterator[Finding]:
    """What is wrong with the texts of a file, whatever is in the folder."""
    for context, count in Counter(entry.context for entry in po.entries).items():
        if count > 1:
            yield "duplicate-entry", context, f"{count} entries have this context", "Keep the right one."
    if not po.entries:
        yield "no-entries", "", "there is no text in the file", "Export the language and translate that file."
    for entry in po.entries:
        place = f"line {entry.line}: "
        source = sources.get(entry.context)
        if source is None:
            message = f"{place}the version has no such text"
            yield (
                "surplus-translation",
                entry.context or "(no context)",
                message,
                "Remove the entry, or choose its version.",
            )
        elif entry.plural:
            yield (
                "plural-entry",
                entry.context,
                f"{place}an instrument has no plural forms",
                "Write one translation.",
            )
        elif entry.msgid != source.text:
            message = f"{place}it translates “{_clip(entry.msgid)}”, but the text is “{_clip(source.text)}”"
            yield (
                "outdated-translation",
                entry.context,
                message,
                "Export the language again and translate that text.",
            )
        elif entry.msgstr:
            for code, message, remedy in _text_faults(locale, entry):
                yield code, entry.context, place + message, remedy


def _text_faults(locale: str, entry: PoEntry) -> Iterator[tuple[str, str, str]]:
    """What is wrong with one translation."""
    yield from text_faults(entry.msgstr)
    wanted, found = count_placeholders(entry.msgid), count_placeholders(entry.msgstr)
    if wanted != found:
        message = f"it names {{P}} {found} times, the source {wanted} times"
        yield "placeholder-mismatch", message, "Use {P} exactly as often as the source does."
    if entry.msgstr == entry.msgid and len(entry.msgid.split()) >= _WORDS_OF_A_SENTENCE:
        yield "two-languages", "it is the source, word for word", "Translate it, or leave it empty."
    elif script := _foreign_script(locale, entry.msgstr):
        yield (
            "two-languages",
            f"most of its letters are {script}, not of this language",
            "Translate it, or leave it empty.",
        )


def _foreign_script(locale: str, text: str) -> str:
    """The script of most letters of a text if it is not that of the language; empty where nothing can be said."""
    tags = str(get_global("likely_subtags").get(locale.partition("_")[0], "")).split("_")
    expected = next((_SCRIPTS[tag] for tag in (*locale.split("_"), *tags) if tag in _SCRIPTS), None)
    letters = [sign for sign in text.replace(PLACEHOLDER, "") if sign.isalpha()]
    if expected is None or not letters:
        return ""
    script, count = Counter(unicodedata.name(sign, "?").split()[0] for sign in letters).most_common(1)[0]
    return script.capitalize() if script != expected and 2 * count > len(letters) else ""


def _release_faults(
    folder: Path, instrument: Instrument, locale: str, present: PoFile, po: PoFile
) -> Iterator[Finding]:
    """A released version takes no other words, and no language that it did not have."""
    try:
        pinned = read_released(released_file_of(folder)).get(instrument.id, {}).get(instrument.version)
    except ReleasedFileError as error:
        yield "unreadable-releases", "", str(error), "Restore the file from its history."
        return
    if pinned is None:
        return
    remedy = f"Copy the folder to a new version, change that, and leave {instrument.version} as it is."
    if locale not in pinned.locales:
        yield "released-version", "", f"{instrument.version} was released without {locale}", remedy
        return
    words = {entry.context: entry.msgstr for entry in present.entries}
    for entry in po.entries:
        if entry.msgstr and entry.context in words and (entry.fuzzy or entry.msgstr != words[entry.context]):
            message = (
                f"line {entry.line}: {instrument.version} is released with “{_clip(words[entry.context])}”"
            )
            yield "released-version", entry.context, message, remedy


def _present(folder: Path, locale: str) -> PoFile:
    """The language as it is in the folder; raises DefinitionError."""
    path = folder / f"{locale}.po"
    if not path.exists():
        return PoFile(header=(), header_comments=(), entries=())
    try:
        return read_po_file(path)
    except PoSyntaxError as error:
        found = _problem(path, "unreadable-po", f"line {error.line}", error.message, "Correct the line.")
    raise DefinitionError([found])


def _problem(path: Path, code: str, where: str, message: str, remedy: str) -> DefinitionProblem:
    """A fault of a file."""
    return DefinitionProblem(code, str(path), where, message, remedy)


def _clip(text: str) -> str:
    """A text as it may stand in a message."""
    return text if len(text) <= 60 else text[:57] + "…"
