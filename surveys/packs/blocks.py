"""A document as headings, paragraphs, lists and tables, written as Markdown here and as PDF by the reader's side."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Signs that mean something to Markdown wherever they stand; names and questions may hold them.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#$])")
# At the beginning of a line these would begin a list.
LISTED = re.compile(r"^(\d+)([.)])|^([-+=])")


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a part of the document."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; every row has as many cells as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class OpenPoint:
    """What the software cannot know: a question for the organisation, with room for its answer."""

    text: str


Block = Heading | Paragraph | Bullets | Table | OpenPoint


@dataclass(frozen=True)
class Document:
    """A title, what the document is, and its blocks."""

    title: str
    subtitle: str
    notice: str
    blocks: tuple[Block, ...]

    def as_json(self) -> dict[str, Any]:
        """The document as plain values, for whoever lays it out."""
        blocks = [{"kind": type(block).__name__, **asdict(block)} for block in self.blocks]
        return {"title": self.title, "subtitle": self.subtitle, "notice": self.notice, "blocks": blocks}


def bullets(*items: str) -> Bullets:
    """A list of these items."""
    return Bullets(items)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table of these rows."""
    return Table(tuple(head), tuple(tuple(row) for row in rows))


def as_markdown(document: Document) -> str:
    """The document as Markdown; nothing in a name or a question is taken for mark-up."""
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle), f"> {_plain(document.notice)}"]
    parts += ["\n".join(_lines(block)) for block in document.blocks]
    return "\n\n".join(parts) + "\n"


def _lines(block: Block) -> Iterator[str]:
    """The lines of one block."""
    if isinstance(block, Heading):
        yield f"{'#' * (block.level + 1)} {_plain(block.text)}"
    elif isinstance(block, Bullets):
        yield from (f"- {_plain(item)}" for item in block.items)
    elif isinstance(block, Table):
        yield _row(block.head)
        yield _row("---" for _ in block.head)
        yield from (_row(_plain(cell) for cell in row) for row in block.rows)
    elif isinstance(block, OpenPoint):
        yield f"- [ ] **To be filled in.** {_plain(block.text)}"
    else:
        yield _plain(block.text)


def _row(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """A text on one line, in which Markdown finds nothing to interpret."""
    line = SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return LISTED.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[0]}", line)
