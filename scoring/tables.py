"""Any CSV file as a checked item table: every bad cell is named with its row, its column and the remedy, all at once."""

import csv
import difflib
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.frames import read_numbers
from scoring.scale_sets import LISTED, Problem, ProblemsError, ScaleKeys, ScaleSet

DELIMITERS: Final = (",", ";", "\t")
MISSING: Final = frozenset({"", "na", "nan"})
_NUMBER: Final = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LABEL: Final = "row"
# What a row of one answer says of that answer alone.
_LONG: Final = frozenset({"item", "code", "missing"})


@dataclass(frozen=True)
class ItemTable:
    """Raw codes as they were given, checked.

    Attributes
    ----------
    frame : DataFrame
        The items as float64 (NaN where missing) and, after them, the further columns asked for as strings (None where empty).
        Read from a file, the index holds the rows' numbers in it: the header is row 1.
    items : tuple of str
    shown : tuple of str
        The items in the order of the table's columns, which is taken as that of the questionnaire.
    columns : tuple of str
        The further columns: group, pair, wave and the like.
    source : str
        Name of the file; empty for a DataFrame.
    notes : tuple of Note
    """

    frame: pd.DataFrame
    items: tuple[str, ...]
    shown: tuple[str, ...]
    columns: tuple[str, ...]
    source: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class RawTable:
    """The cells of a CSV file as text, before anybody has said what they mean.

    Attributes
    ----------
    header : tuple of str
    columns : tuple of tuple of str
        The cells of each column, without rows that are empty altogether.
    rows : tuple of int
        Number of each row in the file; the header is row 1.
    delimiter : str
    source : str
    n_empty : int
        Rows without any content, which were left out.
    """

    header: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...]
    delimiter: str
    source: str
    n_empty: int

    @property
    def answered(self) -> tuple[str, ...]:
        """The columns in which anybody has anything."""
        return tuple(
            name
            for name, cells in zip(self.header, self.columns, strict=True)
            if any(cell.strip().lower() not in MISSING for cell in set(cells))
        )


_EMPTY_ROWS = N_("%(n)d rows of the file are empty and left out.")
_BETWEEN = N_("Item %(item)s has values between whole numbers (first in row %(row)s), so it is not ordinal.")


def read_csv(path: Path | str) -> RawTable:
    """Read the cells of a CSV file: UTF-8 with or without a byte order mark; comma, semicolon or tab between them.

    Raises
    ------
    ProblemsError
        `table.encoding`, `table.empty`, `table.quotes`, or `table.width` with the first rows whose number of cells is not
        that of the header.
    """
    path = Path(path)
    text = _decode(path.read_bytes(), path.name)
    delimiter = _find_delimiter(text)
    header, rows, numbers, n_empty = _read_rows(text, delimiter, path.name)
    columns = tuple(zip(*rows, strict=True)) if rows else tuple(() for _ in header)
    return RawTable(header, columns, tuple(numbers), delimiter, path.name, n_empty)


def spread_answers(raw: RawTable) -> RawTable:
    """Return a table with one row for each answer as one with a column for each item; any other table as it is.

    A table with the columns `item` and `code`, such as the `answers_long.csv` of a data package, has one row for each answer. Rows
    that agree in all other columns (but `missing`, the reason for an empty code) become one, numbered as the first of them.

    Raises
    ------
    ProblemsError
        `table.repeated` for two answers to one item in such rows.
    """
    if not {"item", "code"} <= set(raw.header):
        return raw
    columns = dict(zip(raw.header, raw.columns, strict=True))
    kept = [name for name in raw.header if name not in _LONG]
    answered = [item.strip() for item in columns["item"]]
    items = tuple(dict.fromkeys(answered))
    place_of = {item: place for place, item in enumerate(items)}
    spread: dict[tuple[str, ...], list[str]] = {}
    first: dict[tuple[str, ...], int] = {}
    given: dict[tuple[str, ...], int] = {}
    problems = []
    keys = zip(*(columns[name] for name in kept), strict=True) if kept else ((),) * len(raw.rows)
    for row, key, item, code in zip(raw.rows, keys, answered, columns["code"], strict=True):
        if (*key, item) in given:
            message = f"Rows {given[*key, item]} and {row} of {raw.source} are both an answer of the same person to {item}."
            problems.append(
                Problem("table.repeated", message, "Keep one of them, or add a column that tells them apart.")
            )
        given.setdefault((*key, item), row)
        first.setdefault(key, row)
        spread.setdefault(key, [""] * len(items))[place_of[item]] = code
    if problems:
        raise ProblemsError(problems[:LISTED], max(0, len(problems) - LISTED))
    lines = [(*key, *codes) for key, codes in spread.items()]
    return replace(
        raw,
        header=(*kept, *items),
        columns=tuple(zip(*lines, strict=True)),
        rows=tuple(first[key] for key in spread),
    )


def read_item_table(
    source: Path | str | RawTable, scales: ScaleSet, columns: Sequence[str] = ()
) -> ItemTable:
    """Read the items of the scales, and further columns, from a CSV file; nothing is given back unless every cell is good.

    Parameters
    ----------
    source : Path, str or RawTable
        A file, or what `read_csv` gave.
    scales : ScaleSet
        Items are columns of this name.
    columns : sequence of str
        Further columns, kept as text.

    Returns
    -------
    ItemTable

    Notes
    -----
    An empty cell, NA and NaN are a missing answer. `3,5` is read as 3.5, unless the same file writes `3.5` too.

    Raises
    ------
    ProblemsError
        Those of `read_csv`; `table.column` for columns that are missing or doubled; `table.number`, `table.infinite`,
        `table.range` and `table.whole` for bad cells, the first twenty; `table.rows` for a table without rows.
    """
    raw = source if isinstance(source, RawTable) else read_csv(source)
    place = f" of {raw.source}"
    _check_header(raw.header, [*scales.items, *columns], place)
    at = {name: raw.columns[raw.header.index(name)] for name in [*scales.items, *columns]}
    decimal = _Decimals(any(_writes_points(at[item]) for item in scales.items))
    index = pd.Index(raw.rows, name=_LABEL)
    parsed = {item: decimal.read(at[item]) for item in scales.items}
    cells = {item: np.asarray(at[item], dtype=object) for item in scales.items}
    texts = {name: [cell.strip() or None for cell in at[name]] for name in columns}
    table = _check_cells(parsed, cells, scales, index, raw.source)
    notes = table.notes
    if raw.n_empty:
        notes = (Note("table.empty_rows", _EMPTY_ROWS, {"n": raw.n_empty}), *notes)
    frame = pd.concat([table.frame, pd.DataFrame(texts, index=index, dtype=object)], axis=1)
    shown = tuple(name for name in raw.header if name in scales.items)
    return ItemTable(frame, table.items, shown, tuple(columns), raw.source, notes)


def keep_rows(raw: RawTable, only: Sequence[tuple[str, str]]) -> RawTable:
    """Return the rows in which every column named says what it should.

    Raises
    ------
    ProblemsError
        `table.column` for a column that is missing or doubled, `table.only` when no row is left, naming the values there are.
    """
    _check_header(raw.header, [column for column, _ in only], f" of {raw.source}")
    kept = np.ones(len(raw.rows), dtype=bool)
    for column, value in only:
        cells = np.array([cell.strip() for cell in raw.columns[raw.header.index(column)]], dtype=object)
        kept &= cells == value
        if not kept.any():
            known = sorted(set(cells))
            listed = ", ".join(known[:15]) + (", …" if len(known) > 15 else "")
            both = " together with the other conditions" if len(only) > 1 and value in known else ""
            message = f"No row of {raw.source} has {column} = {value}{both}."
            raise ProblemsError([Problem("table.only", message, f"Column {column} has: {listed}.")])
    if kept.all():
        return raw
    places = np.flatnonzero(kept).tolist()
    columns = tuple(tuple(cells[place] for place in places) for cells in raw.columns)
    return replace(raw, columns=columns, rows=tuple(raw.rows[place] for place in places))


def check_item_table(frame: pd.DataFrame, scales: ScaleSet, columns: Sequence[str] = ()) -> ItemTable:
    """Check a DataFrame of raw codes as `read_item_table` checks a file; rows are named by their index labels.

    Raises
    ------
    ProblemsError
        As in `read_item_table`; `table.index` when index labels repeat.
    """
    _check_header([str(name) for name in frame.columns], [*scales.items, *columns], "")
    if frame.index.has_duplicates:
        label = frame.index[frame.index.duplicated()][0]
        message = f"The index label {label} stands for more than one row."
        raise ProblemsError(
            [Problem("table.index", message, "Give every row its own, as reset_index() does.")]
        )
    named = frame.set_axis([str(name) for name in frame.columns], axis=1)
    parsed = {item: read_numbers(named[item]) for item in scales.items}
    cells = {item: named[item].to_numpy(dtype=object) for item in scales.items}
    table = _check_cells(parsed, cells, scales, frame.index, "")
    texts = {
        name: [None if pd.isna(value) or not str(value).strip() else _as_text(value) for value in named[name]]
        for name in columns
    }
    checked = pd.concat([table.frame, pd.DataFrame(texts, index=frame.index, dtype=object)], axis=1)
    shown = tuple(str(name) for name in named.columns if name in scales.items)
    return ItemTable(checked, table.items, shown, tuple(columns), "", table.notes)


def _as_text(value: Any) -> str:
    """A group's label as text; a whole number that pandas made a float because of gaps loses its point."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()


def _decode(content: bytes, name: str) -> str:
    """The file's text, or where it stops being UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = f"{name} is UTF-16, as some spreadsheets save it."
        raise ProblemsError([Problem("table.encoding", message, "Save it as CSV in UTF-8.")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        message = f"{name} is not UTF-8: the first foreign byte is in line {row}."
        raise ProblemsError([Problem("table.encoding", message, "Save it as CSV in UTF-8.")]) from error


def _find_delimiter(text: str) -> str:
    """The character that cuts the header into most names; a comma where none does."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter), [])))


def _read_rows(
    text: str, delimiter: str, name: str
) -> tuple[tuple[str, ...], list[list[str]], list[int], int]:
    """The header, the rows that hold anything with their numbers, and how many hold nothing."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: tuple[str, ...] | None = None
    rows: list[list[str]] = []
    numbers: list[int] = []
    n_empty = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if header is None:
                header = tuple(cell.strip() for cell in cells) if any(map(str.strip, cells)) else None
            elif any(cells) and any(map(str.strip, cells)):
                rows.append(cells)
                numbers.append(number)
            else:
                n_empty += bool(cells)
    except csv.Error as error:
        message = f"{name}: a quotation mark is wrong near line {reader.line_num} ({error})."
        remedy = "Put text that holds a quotation mark between quotation marks and double the mark inside."
        raise ProblemsError([Problem("table.quotes", message, remedy)]) from error
    if header is None:
        message = f"{name} is empty."
        raise ProblemsError([Problem("table.empty", message, "Give a header and a row for each respondent.")])
    wrong = [
        (number, len(cells)) for number, cells in zip(numbers, rows, strict=True) if len(cells) != len(header)
    ]
    if wrong:
        problems = [
            Problem(
                "table.width",
                f"Row {number} of {name} has {k} cells, its header {len(header)}.",
                "Give every row a cell for each column, and quote text that holds the delimiter.",
            )
            for number, k in wrong[:LISTED]
        ]
        raise ProblemsError(problems, max(0, len(wrong) - LISTED))
    return header, rows, numbers, n_empty


def _check_header(header: Sequence[str], wanted: Sequence[str], place: str) -> None:
    """Each column wanted is there once."""
    problems = []
    for name in dict.fromkeys(wanted):
        count = list(header).count(name)
        if count > 1:
            message = f"Column {name}{place} is there {count} times."
            problems.append(Problem("table.column", message, "Keep one of them, or rename the others."))
        elif count == 0:
            near = difflib.get_close_matches(name, header, n=3, cutoff=0.7)
            hint = f"Did you mean {' or '.join(near)}?" if near else _list_header(header)
            problems.append(Problem("table.column", f"Column {name}{place} is missing.", hint))
    if problems:
        raise ProblemsError(problems[:LISTED], max(0, len(problems) - LISTED))


def _list_header(header: Sequence[str]) -> str:
    """The names there are, the first of them at least."""
    names = ", ".join(header[:15]) + (", …" if len(header) > 15 else "")
    return f"The file has: {names}." if names else "The file has no named columns."


def _writes_points(cells: Sequence[str]) -> bool:
    """Whether a column writes decimals with a point."""
    return any("." in cell for cell in set(cells) if _NUMBER.fullmatch(cell.strip()))


@dataclass(frozen=True)
class _Decimals:
    """How a file writes numbers: where points are decimals, a comma is none."""

    points: bool

    def read(self, cells: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of a column, NaN where missing, and where there is something else; each different text is read once."""
        known = {cell: self._read_cell(cell) for cell in set(cells)}
        read = [known[cell] for cell in cells]
        wrong = np.array([number is None for number in read], dtype=bool)
        return np.array([math.nan if number is None else number for number in read], dtype=np.float64), wrong

    def _read_cell(self, cell: str) -> float | None:
        """One cell as a number, NaN when missing, None when it is no number."""
        cell = cell.strip()
        if cell.lower() in MISSING:
            return math.nan
        if cell.lower().lstrip("+-") in {"inf", "infinity"}:
            return math.inf
        if not _NUMBER.fullmatch(cell) or ("," in cell and self.points):
            return None
        return float(cell.replace(",", "."))


def _check_cells(
    parsed: dict[str, tuple[np.ndarray, np.ndarray]],
    cells: dict[str, np.ndarray],
    scales: ScaleSet,
    index: pd.Index,
    source: str,
) -> ItemTable:
    """The items as one table, or every bad cell in the order of the rows."""
    if not len(index):
        message = f"{source or 'The table'} has no rows."
        raise ProblemsError([Problem("table.rows", message, "Give a row for each respondent.")])
    bad = sorted(
        (int(row), place, problem, remedy, code)
        for place, item in enumerate(parsed)
        for row, code, problem, remedy in _find_bad(*parsed[item], scales.items[item])
    )
    if bad:
        items = list(parsed)
        problems = [
            Problem(code, f"Row {index[row]}, column {items[place]}: {_quote(cells[items[place]][row])} {problem}.", remedy)
            for row, place, problem, remedy, code in bad[:LISTED]
        ]  # fmt: skip
        raise ProblemsError(problems, max(0, len(bad) - LISTED))
    frame = pd.DataFrame({item: values for item, (values, _) in parsed.items()}, index=index, dtype="float64")
    names = tuple(parsed)
    return ItemTable(frame, names, names, (), source, tuple(_find_between(frame)))


def _find_bad(values: np.ndarray, wrong: np.ndarray, scale: ScaleKeys) -> Iterator[tuple[int, str, str, str]]:
    """Row, code, fault and remedy of each bad cell of an item."""
    low, high = f"{scale.minimum:g}", f"{scale.maximum:g}"
    remedy = f"Give a {'whole ' if scale.whole else ''}number from {low} to {high}, or leave the cell empty."
    for row in np.flatnonzero(wrong).tolist():
        yield row, "table.number", "is not a number", remedy
    infinite = np.isinf(values)
    for row in np.flatnonzero(infinite).tolist():
        yield row, "table.infinite", "is infinite", remedy
    with np.errstate(invalid="ignore"):
        outside = ((values < scale.minimum) | (values > scale.maximum)) & ~infinite
        between = (values != np.round(values)) & ~np.isnan(values) & ~outside & ~infinite & scale.whole
    for row in np.flatnonzero(outside).tolist():
        yield row, "table.range", f"is outside {low} to {high}", remedy
    for row in np.flatnonzero(between).tolist():
        yield row, "table.whole", "is not a whole number", remedy


def _find_between(frame: pd.DataFrame) -> Iterator[Note]:
    """A remark on an item that would be ordinal but for a few values between whole numbers."""
    for item in frame.columns:
        values = frame[item].to_numpy()
        broken = (values != np.round(values)) & ~np.isnan(values)
        # An item most of whose values are broken is a measurement, and nobody needs to be told.
        if broken.any() and broken.sum() * 2 < (~np.isnan(values)).sum():
            yield Note("table.between", _BETWEEN, {"item": str(item), "row": str(frame.index[broken][0])})


def _quote(cell: Any) -> str:
    """A cell's content as it can stand in a sentence: short, on one line."""
    text = " ".join(str(cell).split())
    return f"“{text[:40]}{'…' if len(text) > 40 else ''}”"
