"""Translations of a definition: a locale is complete and up to date, or it is refused with every reason."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from instruments.errors import DefinitionProblem
from instruments.messages import SourceText, collect_texts
from instruments.parts import Origin, ReviewStatus
from instruments.po import PoEntry, PoFile, PoSyntaxError, read_po_file
from instruments.references import Finding, declared_ids, tables
from instruments.review import ReviewSummary, lower_status, summarize
from instruments.rules import is_locale
from instruments.shape import Draft
from instruments.wording import count_placeholders, text_faults

ORIGINS = ("machine", "human")
REVIEW_STATUSES = ("not reviewed", "reviewed", "approved")


@dataclass(frozen=True)
class Translation:
    """One language of a definition, text by context, where it comes from and how far its review is.

    The status is the lowest of its texts: a header that claims more than they bear is not believed.
    """

    locale: str
    origin: Origin
    review_status: ReviewStatus
    reviewer: str
    texts: Mapping[str, str]
    review: ReviewSummary


def read_translations(folder: Path, draft: Draft) -> tuple[list[Translation], list[DefinitionProblem]]:
    """Every locale of the folder, and whatever is wrong with them; contexts of broken parts are not judged."""
    texts = list(collect_texts(draft))
    translations, problems = [], []
    for path in sorted(folder.glob("*.po")):
        try:
            po = read_po_file(path)
        except PoSyntaxError as error:
            remedy = "Correct the line, or write the file again with `python -m instruments translate merge`."
            problems.append(
                DefinitionProblem("unreadable-po", str(path), f"line {error.line}", error.message, remedy)
            )
            continue
        except OSError as error:
            message = f"the file cannot be opened ({error.strerror})"
            problems.append(
                DefinitionProblem("unreadable-po", str(path), "", message, "Make it a readable file.")
            )
            continue
        findings = [*_header_faults(path.stem, draft.source_locale, po), *_entry_faults(po, texts, draft)]
        problems.extend(
            DefinitionProblem(code, str(path), where, message, remedy)
            for code, where, message, remedy in findings
        )
        review = summarize(po.entries)
        translations.append(
            Translation(
                locale=path.stem,
                origin=cast("Origin", po.header_value("X-Translation-Origin")),
                review_status=lower_status(po.header_value("X-Review-Status"), review.status),
                reviewer=", ".join(review.reviewers),
                texts={entry.context: entry.msgstr for entry in po.entries},
                review=review,
            )
        )
    return translations, problems


def _header_faults(locale: str, source_locale: str, po: PoFile) -> Iterator[Finding]:
    """The file's name is a locale, and its header says whose words these are and who has looked at them."""
    if not is_locale(locale):
        remedy = "Name the file by a language code, as in de.po or pt_BR.po."
        yield "unknown-locale", "", f"“{locale}” is not a known locale", remedy
    if locale == source_locale:
        yield "translated-source", "", "this is the language of instrument.toml itself", "Remove the file."
    language = po.header_value("Language")
    if language and language.replace("-", "_") != locale:
        message = f"the header says “{language}”, the file's name “{locale}”"
        yield "wrong-language", "header.Language", message, "Make them agree."
    origin, status = po.header_value("X-Translation-Origin"), po.header_value("X-Review-Status")
    for name, value, allowed in (
        ("X-Translation-Origin", origin, ORIGINS),
        ("X-Review-Status", status, REVIEW_STATUSES),
    ):
        if value not in allowed:
            message = f"“{value}” is not a value of {name}" if value else f"{name} is missing"
            yield "bad-header", f"header.{name}", message, f"Write one of: {', '.join(allowed)}."
    if status in ("reviewed", "approved") and not po.header_value("X-Reviewer"):
        yield (
            "bad-header",
            "header.X-Reviewer",
            f"the status is “{status}” but no reviewer is named",
            "Name the reviewer.",
        )


def _entry_faults(po: PoFile, texts: Sequence[SourceText], draft: Draft) -> Iterator[Finding]:
    """Every text is translated once, from the present wording, and nothing else is in the file."""
    entries = {entry.context: entry for entry in po.entries}
    for context, count in Counter(entry.context for entry in po.entries).items():
        if count > 1:
            yield "duplicate-entry", context, f"{count} entries have this context", "Keep the right one."
    sources = {text.context: text for text in texts}
    may_be_broken = _broken_subjects(draft)
    for entry in po.entries:
        source = sources.get(entry.context)
        if source is None and not may_be_broken(entry.context):
            message = f"line {entry.line}: the definition has no such text"
            yield "surplus-translation", entry.context or "(no context)", message, _MERGE
        elif source is not None and source.text:
            yield from _translation_faults(entry, source)
    for text in texts:
        if text.text and text.context not in entries:
            yield "missing-translation", text.context, f"“{_clip(text.text)}” is not in the file", _MERGE
    yield from _confusions(texts, entries)


_MERGE = "Run `python -m instruments translate merge`, then translate what is new."


def _translation_faults(entry: PoEntry, source: SourceText) -> Iterator[Finding]:
    """What is wrong with one entry."""
    place = f"line {entry.line}: "
    if entry.plural:
        yield "plural-entry", entry.context, f"{place}an instrument has no plural forms", _MERGE
        return
    if entry.msgid != source.text:
        message = f"{place}it translates “{_clip(entry.msgid)}”, but the text is now “{_clip(source.text)}”"
        yield (
            "outdated-translation",
            entry.context,
            message,
            "Translate the present wording: `translate merge` lists it.",
        )
    if entry.fuzzy:
        yield (
            "fuzzy-translation",
            entry.context,
            f"{place}it is marked fuzzy",
            "Check it and remove the mark.",
        )
    if not entry.msgstr:
        yield (
            "missing-translation",
            entry.context,
            f"{place}“{_clip(source.text)}” is not translated",
            "Translate it.",
        )
        return
    for code, message, remedy in text_faults(entry.msgstr):
        yield code, entry.context, place + message, remedy
    wanted, found = count_placeholders(source.text), count_placeholders(entry.msgstr)
    if wanted != found:
        message = f"{place}it names {{P}} {found} times, the source {wanted} times"
        yield "placeholder-mismatch", entry.context, message, "Use {P} exactly as often as the source does."


def _confusions(texts: Sequence[SourceText], entries: Mapping[str, PoEntry]) -> Iterator[Finding]:
    """Different words that became the same in translation: labels of a format, and the two roles' wordings of a part."""
    groups: dict[str, dict[str, list[SourceText]]] = {}
    for text in texts:
        entry = entries.get(text.context)
        if entry is None or not entry.msgstr or text.context.startswith(("scale.", "wave.", "instrument#")):
            continue
        slot, _, key = text.context.rpartition("@")
        subject = slot.partition("/")[0]
        group = "missing" if subject.startswith("missing.") else f"{subject}:{key.partition(':')[2]}"
        groups.setdefault(group, {}).setdefault(entry.msgstr, []).append(text)
    for same in (members for group in groups.values() for members in group.values()):
        if len({text.text for text in same}) > 1:
            others = ", ".join(text.context for text in same[1:])
            message = f"the same translation stands at {others}, where the source differs"
            yield "confused-translation", same[0].context, message, "Translate the difference."


def _broken_subjects(draft: Draft) -> Callable[[str], bool]:
    """A test whether a context may belong to a part that is declared but whose shape has a fault."""
    if draft.complete:
        return lambda _context: False
    sections = {"items": "", "stems": "stem.", "formats": "format.", "scales": "scale."}
    if any("id" not in table for section in sections for _, table in tables(draft.raw, section)):
        return lambda _context: True
    broken = {"instrument"}
    for section, prefix in sections.items():
        sound = {part.id for part in getattr(draft, section)}
        broken.update(f"{prefix}{part_id}" for part_id in declared_ids(draft.raw, section) - sound)

    def may_be_broken(context: str) -> bool:
        subject = context.partition("#")[0]
        return subject in broken or subject.startswith(("missing.", "wave."))

    return may_be_broken


def _clip(text: str) -> str:
    """A text as it may stand in a message."""
    return text if len(text) <= 60 else text[:57] + "…"
