"""Numbers and tables as plain text of at most one hundred columns; the only place where a report rounds."""

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from scoring.errors import Note
from scoring.report.data import NOT_COMPUTED

WIDTH: Final = 100
# Printed where there is no value; a note says why.
NOTHING: Final = "–"
_GAP: Final = 2
_NAME: Final = 36


def share(value: Any, digits: int = 2) -> str:
    """A number that usually lies between -1 and 1, such as a correlation, without its leading zero."""
    text = number(value, digits)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def number(value: Any, digits: int = 2) -> str:
    """A number with fixed decimals; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:.{digits}f}"
    # Minus nought is nought.
    return text.lstrip("-") if float(text) == 0 else text


def count(value: Any) -> str:
    """A whole number."""
    return NOTHING if value is None or not math.isfinite(value) else f"{int(value)}"


def p_value(value: Any) -> str:
    """A probability, to three decimals."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return "<.001" if value < 0.0005 else share(value, 3)


def interval(low: Any, high: Any, form: Callable[[Any], str] = share) -> str:
    """Two ends in brackets; nothing where there are none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"[{form(low)}, {form(high)}]"


def heading(text: str, level: int = 1) -> list[str]:
    """A title with a line below it and space around it."""
    # Names that others chose stand in titles, and may hold line breaks or be longer than a line.
    text = shorten(text, WIDTH)
    return ["", text, ("=" if level == 1 else "-") * len(text), ""]


def paragraph(text: str, *, indent: str = "", bullet: str = "") -> list[str]:
    """Text folded at the width; a bullet hangs before its first line."""
    hanging = indent + " " * len(bullet)
    return textwrap.wrap(
        _printable(text), WIDTH, initial_indent=indent + bullet, subsequent_indent=hanging,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def table(
    names: Sequence[str], header: Sequence[str], cells: Sequence[Sequence[str]], corner: str = ""
) -> list[str]:
    """Rows with a name each, numbers flush right; a table that is too wide goes on below with its names repeated.

    Parameters
    ----------
    names : sequence of str
        One a row.
    header : sequence of str
        One a column.
    cells : sequence of rows
        Finished text, a cell a column.
    corner : str
        What the names are.
    """
    if not names or not header:
        return []
    shown = [shorten(name, _NAME) for name in names]
    first = max(len(corner), *(len(name) for name in shown))
    widths = [max(len(title), *(len(row[place]) for row in cells)) for place, title in enumerate(header)]
    lines: list[str] = []
    for block in _split(widths, WIDTH - first):
        if lines:
            lines.append("")
        lines.append(
            _line(corner.ljust(first), [header[place] for place in block], [widths[place] for place in block])
        )
        lines += [
            _line(name.ljust(first), [row[place] for place in block], [widths[place] for place in block])
            for name, row in zip(shown, cells, strict=True)
        ]
    return lines


def _split(widths: Sequence[int], room: int) -> list[list[int]]:
    """Columns in blocks that fit beside the names; one that fits nowhere stands alone."""
    blocks: list[list[int]] = [[]]
    used = 0
    for place, width in enumerate(widths):
        if blocks[-1] and used + width + _GAP > room:
            blocks.append([])
            used = 0
        blocks[-1].append(place)
        used += width + _GAP
    return blocks


def _line(name: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row."""
    gap = " " * _GAP
    return (
        name + "".join(gap + cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    ).rstrip()


def _printable(text: str) -> str:
    """Text on one line, without letters that steer a terminal or turn the direction of reading."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shorten(text: str, width: int) -> str:
    """A name on one line of at most so many letters; its end is kept, for names often differ there alone."""
    text = _printable(text)
    tail = width // 2 - 1
    return text if len(text) <= width else f"{text[: width - tail - 1]}…{text[-tail:]}"


def note_lines(notes: Iterable[Note], *, about: str = "") -> list[str]:
    """Remarks, each once, with a bullet and what they are about; parts that fail for the same reason share one."""
    texts: dict[str, None] = {}
    failed: dict[str, list[str]] = {}
    for note in notes:
        if note.code == NOT_COMPUTED:
            failed.setdefault(str(note.params["reason"]), []).append(str(note.params["what"]))
        else:
            texts[f"{about}: {note}" if about else str(note)] = None
    for reason, parts in failed.items():
        texts[f"{'; '.join(dict.fromkeys(parts))}: not computed. {reason}"] = None
    return [line for text in texts for line in paragraph(text, bullet="* ")]


def part_notes(lines: list[str]) -> Iterator[str]:
    """Yield lines with a blank line between a table and the first note below it, and never two of them."""
    before = ""
    for line in lines:
        if line.startswith("* ") and before and not before.startswith(("* ", "  ")):
            yield ""
        if line or before:
            yield line
        before = line
