"""A roster file's bytes -> header and rows with the places people see in their editor, or one sentence on why not."""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import islice

from instruments.errors import N_
from surveys.roster_cells import is_blank, shown
from surveys.roster_words import recognise_column

MAX_BYTES = 2 * 1024 * 1024
MAX_ROWS = 5_000
MAX_COLUMNS = 200
SEPARATORS = (",", ";", "\t", "|")
# People put a title above the table; further down than this nobody looks for column names.
HEADER_WITHIN = 10


@dataclass(frozen=True)
class RosterNote:
    """Something to know about a roster file: where it stands, and a sentence to translate with what fills it in.

    `line` counts as a text editor does and is 0 for the file as a whole; `row` counts as a spreadsheet does.
    """

    line: int
    column: str
    code: str
    message: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    _: KW_ONLY
    row: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else ""
        if self.row not in (0, self.line):
            place += f" (spreadsheet row {self.row})"
        if self.column:
            place += f"{', ' if place else ''}column '{self.column}'"
        return f"{place}: {self._sentences()}" if place else self._sentences()

    def _sentences(self) -> str:
        """What is said, in English."""
        return self.message % self.params


@dataclass(frozen=True)
class RosterProblem(RosterNote):
    """Something to repair before a roster file can be imported, with the remedy."""

    remedy: str = field(kw_only=True)

    def _sentences(self) -> str:
        """What is wrong and what to do about it, in English."""
        return f"{self.message} {self.remedy}" % self.params


class RosterFileError(Exception):
    """The file as a whole cannot be read; `problem` says what it seems to be and what to do."""

    def __init__(self, code: str, message: str, remedy: str, **params: str | int) -> None:
        self.problem = RosterProblem(0, "", code, message, params, remedy=remedy)
        super().__init__(str(self.problem))


@dataclass(frozen=True)
class TableRow:
    """One record of a file: the line it begins in, its row in a spreadsheet, and its cells as they were written."""

    line: int
    row: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class RosterTable:
    """A file read as a table: its header, the rows that hold something, and what was found on the way."""

    header: TableRow
    rows: tuple[TableRow, ...]
    encoding: str
    separator: str
    problems: tuple[RosterProblem, ...] = ()
    notes: tuple[RosterNote, ...] = ()


_SAVE_AS_CSV = N_(
    "In Excel: File > Save as > CSV UTF-8 (comma delimited). Then choose the file that was saved."
)

# How files of other kinds begin: (code, first bytes, bytes found somewhere within, what it is, what to do).
_BINARY_KINDS: tuple[tuple[str, bytes, bytes, str, str], ...] = (
    ("xlsx", b"PK\x03\x04", b"xl/", N_("This is an Excel workbook, not a CSV file."), _SAVE_AS_CSV),
    (
        "ods", b"PK\x03\x04", b"vnd.oasis.opendocument.spreadsheet",
        N_("This is a LibreOffice spreadsheet, not a CSV file."),
        N_("In LibreOffice: File > Save as > Text CSV, character set UTF-8. Then choose the file that was saved."),
    ),
    (
        "numbers", b"PK\x03\x04", b"Index/", N_("This is an Apple Numbers spreadsheet, not a CSV file."),
        N_("In Numbers: File > Export to > CSV, text encoding UTF-8. Then choose the file that was saved."),
    ),
    (
        "zip", b"PK\x03\x04", b"", N_("This is a packed file (ZIP) or an office document, not a CSV file."),
        N_("Unpack it, or save the table in it as CSV UTF-8, and choose that file."),
    ),
    (
        "xls", b"\xd0\xcf\x11\xe0", b"", N_("This is an old or a password-protected Excel workbook, not a CSV file."),
        _SAVE_AS_CSV,
    ),
    (
        "pdf", b"%PDF", b"", N_("This is a PDF document, not a CSV file."),
        N_("Choose the spreadsheet the PDF was made from, saved as CSV UTF-8."),
    ),
    *(
        (
            "image", magic, b"", N_("This is a picture, not a CSV file."),
            N_("Choose the spreadsheet itself, saved as CSV UTF-8."),
        )
        for magic in (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\x00", b"MM\x00*")
    ),
    *(
        (
            "packed", magic, b"", N_("This is a packed file, not a CSV file."),
            N_("Unpack it and choose the CSV file inside."),
        )
        for magic in (b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
    ),
)  # fmt: skip
_TEXT_KINDS: tuple[tuple[str, str, str, str], ...] = (
    (
        "html", r"<(!doctype\s+html|html|head|body|table|meta)\b",
        N_("This is a web page, not a CSV file; perhaps a sign-in page was saved instead of the file."),
        N_("Open it: if it shows the table, save that as CSV UTF-8; if not, download the file again."),
    ),
    ("xml", r"<\?xml|<[a-z]+:?[a-z]*[\s>]", N_("This is an XML document, not a CSV file."), _SAVE_AS_CSV),
    (
        "rtf", r"\{\\rtf", N_("This is a word-processor document, not a CSV file."),
        N_("Choose the spreadsheet itself, saved as CSV UTF-8."),
    ),
    (
        "json", r"[\[{]\s*[\[{\"\]}]", N_("This is JSON data, not a CSV file."),
        N_("Export the list as CSV UTF-8 instead."),
    ),
    (
        "vcard", r"begin:v(card|calendar)", N_("This is a file of contacts or appointments, not a CSV file."),
        N_("Write the pairs into a spreadsheet and save it as CSV UTF-8."),
    ),
)  # fmt: skip

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # The mark of UTF-16 LE begins that of UTF-32 LE, so the longer one is tried first.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_table(data: bytes) -> RosterTable:
    """The table in a file; raises RosterFileError when there is none, and lists lines that could not be split."""
    if len(data) > MAX_BYTES:
        raise RosterFileError(
            "too_large",
            N_("The file has %(size)s MB; %(maximum)s MB are allowed."),
            N_("A list of pairs is much smaller: keep only the columns of the roster, or split the list."),
            size=f"{len(data) / 1024 / 1024:.1f}",
            maximum=MAX_BYTES // 1024 // 1024,
        )
    _refuse_other_kinds(data)
    text, encoding = _decode(data)
    # A mark in front of the first cell would hide its column name; joined files carry several.
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    _refuse_other_text(text)
    declared = re.match(r'"?sep=([^"\n\w ])"?[,;\t| ]*(\n|$)', text, re.IGNORECASE)
    body = text[declared.end() :] if declared else text
    separators = (declared[1],) if declared else SEPARATORS
    if is_blank(re.sub(f'[{re.escape("".join(separators))}"]', "", body)):
        raise _empty_file()
    separator, place = _find_header(body, separators)
    return _split(body, separator, place, encoding=encoding, lines_above=1 if declared else 0)


def _refuse_other_kinds(data: bytes) -> None:
    """Raise for an empty file and for files whose first bytes say that they are something else."""
    if not data.strip(b" \t\r\n\x00"):
        raise _empty_file()
    for code, start, within, message, remedy in _BINARY_KINDS:
        if data.startswith(start) and within in data:
            raise RosterFileError(code, message, remedy)


def _empty_file() -> RosterFileError:
    """A file in which nothing can be seen."""
    return RosterFileError(
        "empty",
        N_("The file is empty."),
        N_("Choose the file that holds the list of pairs, saved as CSV UTF-8."),
    )


def _decode(data: bytes) -> tuple[str, str]:
    """The text and its encoding, tried from the certain to the merely likely.

    1. A byte order mark says it outright: UTF-8 and UTF-16 as Excel writes them, UTF-32.
    2. UTF-8: text in any older encoding with a letter beyond ASCII is practically never valid UTF-8 by accident.
    3. Windows-1252, Excel's plain "CSV" in Western Europe. Nearly any bytes decode, so this comes last, is noted for
       the reader to look at a name, and names that look misread are refused later, cell by cell.
    """
    marked = [(data[len(mark) :], encoding) for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)]
    for body, encoding in marked[:1] or ((data, "utf-8"), (data, "cp1252")):
        try:
            return body.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    if not marked:
        _refuse_binary(data.decode("ascii", "ignore"))
    raise RosterFileError(
        "unknown_encoding",
        N_("The file is damaged, or its letters are stored in a way that cannot be recognised."),
        _SAVE_AS_CSV,
    )


def _refuse_other_text(text: str) -> None:
    """Raise for text that is blank, holds control characters as only binary data does, or is another kind of text."""
    if is_blank(text):
        raise _empty_file()
    _refuse_binary(text)
    start = text[:200].lstrip()
    for code, pattern, message, remedy in _TEXT_KINDS:
        if re.match(pattern, start, re.IGNORECASE):
            raise RosterFileError(code, message, remedy)


def _refuse_binary(text: str) -> None:
    """Raise when text holds as many control characters as only binary data does; a single one is a cell's own problem."""
    sample = text[:65_536]
    n_controls = sum(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r\v\f" for letter in sample)
    if "\x00" not in text and n_controls <= max(4, 0.02 * len(sample)):
        return
    first = re.search(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]", text)
    raise RosterFileError(
        "binary",
        N_(
            "This is not a text file: it holds characters that no list of names has, the first in line %(line)s."
        ),
        _SAVE_AS_CSV,
        line=text[: first.start() if first else 0].count("\n") + 1,
    )


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Records with the line each begins in; a record that cannot be split comes as the error, and reading goes on."""
    reader = csv.reader(
        io.StringIO(text, newline="\n"), delimiter=separator, strict=True, skipinitialspace=True
    )
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, error


def _find_header(text: str, separators: Sequence[str]) -> tuple[str, int]:
    """The separator, and the place of the header among the records, by which most column names are recognised.

    Counting separators would be fooled by commas in names; column names are what the file has to have anyway.
    """
    best = ((-1, 0, 0), separators[0], 0)
    for separator in separators:
        for place, (_line, record) in enumerate(islice(_records(text, separator), HEADER_WITHIN)):
            if isinstance(record, csv.Error) or all(is_blank(cell) for cell in record):
                continue
            known = {recognise_column(cell) for cell in record[:MAX_COLUMNS]} - {None}
            merit = (len(known), -place, len(record))
            if merit > best[0]:
                best = (merit, separator, place)
    return best[1], best[2]


def _split(text: str, separator: str, header_place: int, *, encoding: str, lines_above: int) -> RosterTable:
    """Header and rows of a text whose separator is known; blank rows are left out but counted."""
    header: TableRow | None = None
    rows: list[TableRow] = []
    problems: list[RosterProblem] = []
    n_above = 0
    for place, (line, record) in enumerate(_records(text, separator)):
        if place < header_place:
            n_above += not isinstance(record, csv.Error) and not all(is_blank(cell) for cell in record)
            continue
        # Excel hides the line "sep=;" and counts its rows from the one after it.
        at_line, at_row = line + lines_above, place + 1
        if isinstance(record, csv.Error):
            problems.append(_broken_record(record, at_line, at_row))
            if "field larger" in str(record):
                break  # The reader has lost its place within the line: whatever followed would be misread.
            continue
        if all(is_blank(cell) for cell in record):
            continue
        row = TableRow(at_line, at_row, tuple(record))
        if header is None:
            header = _check_header(row)
            continue
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise RosterFileError(
                "too_many_rows",
                N_("The file has more than %(maximum)s rows."),
                N_("Split the list into several files and import them one after the other."),
                maximum=MAX_ROWS,
            )
    above = RosterNote(0, "", "title_lines", N_("What stands above the column names is left out."))
    return RosterTable(
        header=header or TableRow(0, 0, ()),
        rows=tuple(rows),
        encoding=encoding,
        separator=separator,
        problems=tuple(problems),
        notes=(above,) if n_above else (),
    )


def _check_header(row: TableRow) -> TableRow:
    """The header without the blank cells at its end; raises when it is no header that people make."""
    last = max(place for place, cell in enumerate(row.cells) if not is_blank(cell))
    if last >= MAX_COLUMNS:
        raise RosterFileError(
            "too_many_columns",
            N_("The first row has %(columns)s columns; %(maximum)s are allowed."),
            N_("Keep only the columns of the roster."),
            columns=last + 1,
            maximum=MAX_COLUMNS,
        )
    return TableRow(row.line, row.row, row.cells[: last + 1])


def _broken_record(error: csv.Error, line: int, row: int) -> RosterProblem:
    """What is wrong with a record that cannot be split into cells."""
    if "expected after" in str(error):
        return RosterProblem(
            line,
            "",
            "broken_quotes",
            N_("The quotation marks in this row do not match up."),
            row=row,
            remedy=N_('Write a quotation mark inside a quoted cell twice (""), or take it out.'),
        )
    return RosterProblem(
        line,
        "",
        "unclosed_quote",
        N_("A quotation mark is opened in this row and not closed, so the rows after it cannot be read."),
        row=row,
        remedy=N_("Take the quotation mark out, or close it at the end of its cell."),
    )


def column_names(header: TableRow) -> tuple[str, ...]:
    """The names of the columns as they stand in the file, fit to be shown; an unnamed one is called by its number."""
    return tuple(
        shown(" ".join(cell.split())) if not is_blank(cell) else f"#{number}"
        for number, cell in enumerate(header.cells, start=1)
    )
