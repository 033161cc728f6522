"""PO files, read strictly and written so that the same content always gives the same bytes.

Babel parses them, but nothing that its parser forgives is forgiven here.
"""

import re
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, PoFileParser, escape

_LINE = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr|msgstr\[\d\])\s+)?"(?:[^"\\]|\\.)*"')
# Which keyword may follow which; Babel would move a translation to its neighbour after a forgotten msgid.
_FOLLOWS = {
    "": ("msgctxt", "msgid"),
    "msgctxt": ("msgid",),
    "msgid": ("msgstr", "msgid_plural"),
    "msgid_plural": ("msgstr[0]",),
    "msgstr": ("msgctxt", "msgid"),
}


class PoSyntaxError(Exception):
    """A PO file that cannot be read; `line` says where, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        self.message = message
        self.line = line
        super().__init__(f"{message} (line {line})")


@dataclass(frozen=True)
class PoEntry:
    """One message of a PO file; `line` is that of its msgid."""

    context: str
    msgid: str
    msgstr: str
    line: int
    fuzzy: bool = False
    plural: bool = False
    user_comments: tuple[str, ...] = ()
    auto_comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class PoFile:
    """A PO file in the order of its lines."""

    header: tuple[tuple[str, str], ...]
    header_comments: tuple[str, ...]
    entries: tuple[PoEntry, ...]
    obsolete: tuple[PoEntry, ...] = ()

    def header_value(self, name: str) -> str:
        """The value of a header field, however its name is capitalized; "" if it is not there."""
        return next((value for key, value in self.header if key.lower() == name.lower()), "")


class _EntryList(Catalog):
    """A catalogue that keeps every message as it comes; Babel's own merges doubles and drops unknown header lines."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Message] = []

    def __setitem__(self, id: object, message: Message) -> None:  # noqa: A002 - Babel's name
        self.kept.append(message)


def read_po_file(path: Path) -> PoFile:
    """The messages of a PO file; raises PoSyntaxError with the line, OSError if it cannot be opened."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PoSyntaxError("the file is not in UTF-8", line) from None
    return parse_po(text)


def parse_po(text: str) -> PoFile:
    """The messages of a PO text; raises PoSyntaxError with the line."""
    lines = text.split("\n")
    _check_lines(lines)
    catalog = _EntryList()
    try:
        PoFileParser(catalog, abort_invalid=True).parse(lines)
    except PoFileError as error:
        raise PoSyntaxError(str(error).rpartition(" on ")[0], error.lineno + 1) from None
    entries = [_entry(message) for message in catalog.kept]
    heads = [index for index, entry in enumerate(entries) if not entry.msgid and not entry.context]
    if heads != [0]:
        line = entries[heads[1]].line if len(heads) > 1 else 1
        message = "the header (an empty msgid with the file's properties) must come first, and once"
        raise PoSyntaxError(message, line)
    header = HeaderParser().parsestr(entries[0].msgstr)
    return PoFile(
        header=tuple((name, str(value).strip()) for name, value in header.items()),
        header_comments=entries[0].user_comments,
        entries=tuple(entries[1:]),
        obsolete=tuple(_entry(message) for message in catalog.obsolete.values()),
    )


def _check_lines(lines: list[str]) -> None:
    """Refuse the first line that is no PO, and the first keyword out of turn."""
    previous = {False: "", True: ""}
    for number, line in enumerate(lines, start=1):
        content = line.strip()
        retired = content.startswith("#~")
        if retired:
            content = content[2:].strip()
        if not content or content.startswith("#") or (retired and content.startswith("|")):
            continue
        match = _LINE.fullmatch(content)
        if match is None:
            raise PoSyntaxError(
                "this line is neither a keyword with a quoted text, a quoted text nor a comment", number
            )
        keyword = match[1]
        before = previous[retired]
        if keyword is None:
            if not before:
                raise PoSyntaxError("a quoted text stands before any keyword", number)
            continue
        plural = before.startswith("msgstr[") and keyword.startswith("msgstr[")
        if not plural and keyword not in _FOLLOWS.get(before, ("msgctxt", "msgid")):
            raise PoSyntaxError(f"“{keyword}” cannot follow “{before or 'the start'}”", number)
        previous[retired] = keyword
    if previous[False] not in ("", "msgstr") and not previous[False].startswith("msgstr["):
        raise PoSyntaxError(f"the file ends after “{previous[False]}”", len(lines))


def _entry(message: Message) -> PoEntry:
    """A message of Babel's as a frozen entry."""
    msgid, msgstr = message.id, message.string or ""
    return PoEntry(
        context=message.context or "",
        msgid=msgid if isinstance(msgid, str) else msgid[0],
        msgstr=msgstr if isinstance(msgstr, str) else "",
        line=message.lineno or 1,
        fuzzy=message.fuzzy,
        plural=not isinstance(msgid, str),
        user_comments=tuple(message.user_comments),
        auto_comments=tuple(message.auto_comments),
    )


def format_po(po: PoFile) -> str:
    """The file as text: entries in their order, one line a text, no dates but those in the header."""
    lines = [*(_comment("#", line) for line in po.header_comments), 'msgid ""', 'msgstr ""']
    lines += [escape(f"{name}: {value}\n") for name, value in po.header]
    for entry in po.entries:
        lines += ["", *(_comment("#", line) for line in entry.user_comments)]
        lines += [_comment("#.", line) for line in entry.auto_comments]
        lines += ["#, fuzzy"] if entry.fuzzy else []
        lines += _keyword_lines(entry)
    for entry in po.obsolete:
        lines += ["", *(_comment("#", line) for line in entry.user_comments)]
        lines += [f"#~ {line}" for line in _keyword_lines(entry)]
    return "\n".join(lines) + "\n"


def _comment(mark: str, line: str) -> str:
    """A comment line; an empty one has no blank at its end."""
    return f"{mark} {' '.join(line.split())}".rstrip()


def _keyword_lines(entry: PoEntry) -> list[str]:
    """Context, source and translation, each on one line."""
    context = [f"msgctxt {escape(entry.context)}"] if entry.context else []
    return [*context, f"msgid {escape(entry.msgid)}", f"msgstr {escape(entry.msgstr)}"]
