"""Translations as XLIFF 1.2, the form that most translation tools read, by the Translate Toolkit.

The context is the id of a unit, comments are its notes, and the state of the target says how far its review is. What a tool writes into
that state is no review: who has looked, and how, stands in a note or is said when the file is merged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from instruments.po import PoEntry, PoFile
from instruments.review import APPROVED, DRAFT, REVIEWED, review_of, state_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_NAMESPACE = "urn:oasis:names:tc:xliff:document:1.2"
_SKELETON = f"""<?xml version="1.0" encoding="utf-8"?>
<xliff version="1.2" xmlns="{_NAMESPACE}"><file original="{{name}}" datatype="plaintext"><header/><body/></file></xliff>"""
_STATES = {DRAFT: "needs-review-translation", REVIEWED: "signed-off", APPROVED: "final"}
_FUZZY = ("needs-translation", "needs-adaptation", "needs-l10n")
# Lines of a PO file's header and its comments, as notes at the head of the XLIFF file.
_FIELD, _REMARK = "po-header", "po-comment"


class XliffError(Exception):
    """An XLIFF file that cannot be read; `place` says where, `remedy` what to do."""

    def __init__(
        self, message: str, *, place: str = "", remedy: str = "Export the file again as XLIFF 1.2."
    ) -> None:
        self.message, self.place, self.remedy = message, place, remedy
        super().__init__(message)


@dataclass(frozen=True)
class XliffReading:
    """The translations of a file, and the contexts that it calls reviewed without saying by whom and how."""

    po: PoFile
    unproved: tuple[str, ...]


def write_xliff(po: PoFile, *, name: str, source_locale: str, locale: str) -> bytes:
    """The translations as XLIFF; retired ones stay behind."""
    from lxml import etree
    from translate.storage.xliff import Xliff1File, Xliff1Unit

    store: Any = Xliff1File()
    store.parse(_SKELETON.format(name=name).encode())
    store.setsourcelanguage(source_locale.replace("_", "-"))
    store.settargetlanguage(locale.replace("_", "-"))
    head = store.getheadernode(next(store.document.getroot().iterchildren()))
    _add_notes(head, _REMARK, po.header_comments)
    _add_notes(head, _FIELD, [f"{field}: {value}" for field, value in po.header])
    for entry in po.entries:
        unit: Any = Xliff1Unit(entry.msgid)
        unit.xmlelement.set("id", entry.context)
        unit.xmlelement.set("resname", entry.context)
        if entry.msgstr:
            unit.settarget(entry.msgstr)
            state = "needs-translation" if entry.fuzzy else _STATES[state_of(entry)]
            unit.get_target_dom().set("state", state)
            unit.xmlelement.set("approved", "yes" if state == _STATES[APPROVED] else "no")
        for comment in entry.auto_comments:
            unit.addnote(comment, origin="developer")
        for comment in entry.user_comments:
            unit.addnote(comment, origin="translator")
        store.addunit(unit)
    etree.cleanup_namespaces(store.document)
    data: bytes = bytes(store)
    return data


def read_xliff(data: bytes) -> XliffReading:
    """The translations of an XLIFF 1.1 or 1.2 file; raises XliffError. Nothing outside of the file is ever loaded."""
    store = _parse(data)
    root = store.document.getroot()
    fields = [line.partition(": ") for line in _read_notes(root, _FIELD)]
    header = [(field, value) for field, _, value in fields if field.lower() != "language"]
    target = next(root.iter("{*}file")).get("target-language") or ""
    entries, unproved = [], []
    for number, unit in enumerate(store.units, start=1):
        entry, claims = _read_unit(unit, number)
        entries.append(entry)
        if claims and review_of(entry) is None:
            unproved.append(entry.context)
    place = next((at for at, (field, _, _) in enumerate(fields) if field.lower() == "language"), len(header))
    header.insert(place, ("Language", target.replace("-", "_")))
    return XliffReading(
        PoFile(tuple(header), tuple(_read_notes(root, _REMARK)), tuple(entries)), tuple(unproved)
    )


def _parse(data: bytes) -> Any:
    """The parsed file, without a document type, whose entities could name other files or fill the memory."""
    from lxml import etree
    from translate.storage.xliff import Xliff1File

    store: Any = Xliff1File()
    try:
        store.parse(data)
    except etree.XMLSyntaxError as error:
        line = f"line {error.lineno}" if error.lineno else ""
        raise XliffError("this is no XML that can be read", place=line) from None
    except (ValueError, AssertionError, StopIteration, LookupError, AttributeError, TypeError):
        # The toolkit takes for granted that there is a file of version 1 with a body.
        raise XliffError("this is not XLIFF of version 1.1 or 1.2") from None
    if store.document.docinfo.doctype or store.document.docinfo.internalDTD is not None:
        raise XliffError(
            "the file declares a document type", place="line 1", remedy="Remove the DOCTYPE and its entities."
        )
    return store


def _read_unit(unit: Any, number: int) -> tuple[PoEntry, bool]:
    """One unit, and whether its tool calls it reviewed."""
    element = unit.xmlelement
    context = element.get("resname") or element.get("id") or ""
    target = unit.get_target_dom()
    if any(node is not None and len(node) for node in (unit.source_dom, target)):
        raise XliffError(
            "there is markup inside of the text",
            place=context or f"unit {number}",
            remedy="Keep texts plain: {P} is written as these three signs.",
        )
    state = "" if target is None else target.get("state", "")
    entry = PoEntry(
        context=context,
        msgid=unit.source or "",
        msgstr=unit.target or "",
        line=element.sourceline or number,
        fuzzy=state in _FUZZY,
        user_comments=_lines(unit.getnotes("translator")),
        auto_comments=_lines(unit.getnotes("developer")),
    )
    return entry, state in (_STATES[REVIEWED], _STATES[APPROVED]) or element.get("approved") == "yes"


def _lines(notes: str) -> tuple[str, ...]:
    """Notes as comment lines."""
    return tuple(line for line in notes.split("\n") if line.strip())


def _add_notes(head: "_Element", origin: str, texts: "list[str] | tuple[str, ...]") -> None:
    """Add notes to the head of the file."""
    from lxml import etree

    for text in texts:
        note = etree.SubElement(head, f"{{{_NAMESPACE}}}note")
        note.set("from", origin)
        note.text = text


def _read_notes(root: "_Element", origin: str) -> Iterator[str]:
    """The notes at the head of the file that come from one place."""
    for head in root.iter("{*}header"):
        for note in head.iter("{*}note"):
            if note.get("from") == origin:
                yield note.text or ""
