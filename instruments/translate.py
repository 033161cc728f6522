"""Work on translations: a template for translators, a merge that trusts contexts only, and the state of each locale."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from instruments.errors import DefinitionError, DefinitionProblem
from instruments.loader import load_source
from instruments.messages import collect_texts
from instruments.model import Instrument
from instruments.po import PoEntry, PoFile, PoSyntaxError, format_po, read_po_file
from instruments.review import ReviewSummary, comments_with, other_comments, review_of, summarize

_CONTEXT = re.compile(r"(?P<subject>.+)#(?P<revision>\d+)/(?P<slot>.+)")
_FORMER = "Former translation"


@dataclass(frozen=True)
class Merge:
    """A merged file and, by context, what became of its texts."""

    po: PoFile
    kept: tuple[str, ...]
    added: tuple[str, ...]
    reworded: tuple[str, ...]
    surplus: tuple[str, ...]


@dataclass(frozen=True)
class LocaleCoverage:
    """How far a locale is: texts in all, translated from the present wording, and what stands in the way."""

    locale: str
    n_texts: int
    n_translated: int
    n_missing: int
    n_outdated: int
    n_fuzzy: int
    n_surplus: int
    origin: str
    review: ReviewSummary

    @property
    def review_status(self) -> str:
        """The lowest state of its texts, as a header names it."""
        return self.review.status

    @property
    def reviewer(self) -> str:
        """Who has looked at them."""
        return ", ".join(self.review.reviewers)

    @property
    def complete(self) -> bool:
        """Whether every text is translated and nothing is surplus."""
        return self.n_translated == self.n_texts and self.n_surplus == 0


def make_template(instrument: Instrument) -> PoFile:
    """Every text to translate, untranslated, with what a translator should know about it."""
    entries = tuple(
        PoEntry(context=text.context, msgid=text.text, msgstr="", line=0, auto_comments=text.comments)
        for text in collect_texts(instrument)
    )
    header = (
        ("Project-Id-Version", f"{instrument.id} {instrument.version}"),
        ("Language", ""),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
        ("X-Translation-Origin", "human"),
        ("X-Review-Status", "not reviewed"),
        ("X-Reviewer", ""),
    )
    return PoFile(header=header, header_comments=(), entries=entries)


def merge_translations(template: PoFile, old: PoFile, locale: str) -> Merge:
    """The old translations under the template's texts, matched by context alone.

    A translation is kept only where its source text is the same to the letter. Where it is not, the translation is
    emptied and the former one noted in a comment; what the template no longer has is retired, not deleted. A file
    that gains untranslated texts counts as not reviewed again.
    """
    # Retired entries come first, so that a living one of the same context has the last word.
    known = {entry.context: entry for entry in (*old.obsolete, *old.entries) if entry.context}
    former = _former_by_slot(old)
    entries: list[PoEntry] = []
    outcomes: dict[str, list[str]] = {"kept": [], "added": [], "reworded": []}
    for wanted in template.entries:
        outcome, entry = _merge_entry(wanted, known.get(wanted.context), former)
        outcomes[outcome].append(wanted.context)
        entries.append(entry)
    alive = {entry.context for entry in template.entries}
    surplus = [entry for entry in old.entries if entry.context not in alive]
    obsolete = [entry for entry in (*old.obsolete, *surplus) if entry.context not in alive and entry.msgstr]
    po = PoFile(
        header=_merge_header(template, old, locale, changed=bool(outcomes["added"] or outcomes["reworded"])),
        header_comments=old.header_comments,
        entries=tuple(entries),
        obsolete=tuple(replace(entry, auto_comments=(), fuzzy=False) for entry in _unique(obsolete)),
    )
    names = {name: tuple(contexts) for name, contexts in outcomes.items()}
    return Merge(po, surplus=tuple(entry.context for entry in surplus), **names)


def _merge_entry(wanted: PoEntry, old: PoEntry | None, former: Mapping[str, PoEntry]) -> tuple[str, PoEntry]:
    """What becomes of one text: kept, reworded (the old translation noted) or added."""
    comments = () if old is None else tuple(c for c in other_comments(old) if not c.startswith(_FORMER))
    if old is not None and old.msgid == wanted.msgid and old.msgstr and not old.fuzzy:
        kept = replace(wanted, msgstr=old.msgstr, user_comments=comments)
        return "kept", replace(kept, user_comments=comments_with(kept, review_of(old)))
    noted = () if old is None else tuple(c for c in old.user_comments if c.startswith(_FORMER))
    if old is not None and old.msgstr:
        noted = (_note_former(old),)
    elif old is None and (earlier := former.get(_slot_of(wanted.context))) is not None:
        noted = (_note_former(earlier),)
    outcome = "added" if old is None or old.msgid == wanted.msgid else "reworded"
    return outcome, replace(wanted, user_comments=(*comments, *noted))


def _note_former(entry: PoEntry) -> str:
    """The comment that keeps a translation which is not used any more in sight of the translator."""
    return f"{_FORMER}, of “{entry.msgid}”: {entry.msgstr}"


def _former_by_slot(old: PoFile) -> dict[str, PoEntry]:
    """The translated entry of the highest revision for each subject and slot."""
    translated = [
        entry for entry in (*old.obsolete, *old.entries) if entry.msgstr and _CONTEXT.fullmatch(entry.context)
    ]
    return {
        _slot_of(entry.context): entry
        for entry in sorted(translated, key=lambda entry: _revision_of(entry.context))
    }


def _slot_of(context: str) -> str:
    """The context without its revision."""
    match = _CONTEXT.fullmatch(context)
    return context if match is None else f"{match['subject']}/{match['slot']}"


def _revision_of(context: str) -> int:
    """The revision that a context names; 0 if it names none."""
    match = _CONTEXT.fullmatch(context)
    return 0 if match is None else int(match["revision"])


def _unique(entries: list[PoEntry]) -> list[PoEntry]:
    """The entries without repetitions of the same context and source; the later one stays."""
    return list({(entry.context, entry.msgid): entry for entry in entries}.values())


def _merge_header(
    template: PoFile, old: PoFile, locale: str, *, changed: bool
) -> tuple[tuple[str, str], ...]:
    """The old header with the template's version; new texts undo a review."""
    new = {"project-id-version": template.header_value("Project-Id-Version"), "language": locale}
    if changed:
        new |= {"x-review-status": "not reviewed", "x-reviewer": ""}
    header = [(name, new.get(name.lower(), value)) for name, value in old.header]
    present = {name.lower() for name, _ in header}
    header += [
        (name, new.get(name.lower(), value)) for name, value in template.header if name.lower() not in present
    ]
    return tuple(header)


def merge_folder(folder: Path, locales: list[str]) -> dict[str, Merge]:
    """Merge the PO files of a folder (all of them, or those of the locales named, made if need be) and write them.

    Raises DefinitionError before anything is written if the definition or a file cannot be read.
    """
    template = make_template(load_source(folder))
    empty = PoFile(header=template.header, header_comments=(), entries=())
    wanted = locales or sorted(path.stem for path in folder.glob("*.po"))
    files = {locale: folder / f"{locale}.po" for locale in wanted}
    merges = {
        locale: merge_translations(template, _read(path) if path.exists() else empty, locale)
        for locale, path in files.items()
    }
    for locale, merge in merges.items():
        replace_file(files[locale], format_po(merge.po))
    return merges


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    scratch = path.with_name(f".{path.name}.new")
    try:
        scratch.write_text(text, encoding="utf-8")
        if path.exists():
            scratch.chmod(path.stat().st_mode & 0o777)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def coverage(folder: Path) -> list[LocaleCoverage]:
    """The state of every locale of the folder; raises DefinitionError if the definition or a file cannot be read."""
    sources = {text.context: text.text for text in collect_texts(load_source(folder))}
    return [_cover(path.stem, _read(path), sources) for path in sorted(folder.glob("*.po"))]


def _cover(locale: str, po: PoFile, sources: Mapping[str, str]) -> LocaleCoverage:
    """The counts of one locale; each text counts once, by the first thing that stands in its way."""
    entries = {entry.context: entry for entry in po.entries}
    states = [_state_of(entries.get(context), text) for context, text in sources.items()]
    return LocaleCoverage(
        locale=locale,
        n_texts=len(sources),
        n_translated=states.count("translated"),
        n_missing=states.count("missing"),
        n_outdated=states.count("outdated"),
        n_fuzzy=states.count("fuzzy"),
        n_surplus=sum(entry.context not in sources for entry in po.entries),
        origin=po.header_value("X-Translation-Origin"),
        review=summarize(
            [
                entries.get(context) if state == "translated" else None
                for context, state in zip(sources, states, strict=True)
            ]
        ),
    )


def _state_of(entry: PoEntry | None, source: str) -> str:
    """Whether one text is translated, and if not, why."""
    if entry is None or not entry.msgstr:
        return "missing"
    if entry.msgid != source:
        return "outdated"
    return "fuzzy" if entry.fuzzy else "translated"


def _read(path: Path) -> PoFile:
    """The PO file; raises DefinitionError."""
    try:
        return read_po_file(path)
    except PoSyntaxError as error:
        problem = DefinitionProblem(
            "unreadable-po", str(path), f"line {error.line}", error.message, "Correct the line."
        )
        raise DefinitionError([problem]) from None
