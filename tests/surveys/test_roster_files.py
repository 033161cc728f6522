"""Files as people have them give the same table; files of another kind give one sentence on what they are."""

import codecs
import csv
import io
import zipfile
from collections.abc import Callable

import pytest

from surveys.roster_files import (
    MAX_BYTES,
    MAX_ROWS,
    RosterFileError,
    RosterNote,
    RosterProblem,
    RosterTable,
    column_names,
    read_table,
)

HEADER = ("Mentor", "Mentor E-Mail", "Mentee", "Mentee E-Mail")
PEOPLE = (
    ("Jürgen Müller", "jm@example.org", "Renée d’Été", "re@example.org"),
    ("Núñez, Iñaki", "in@example.org", 'Ann "Annie" Bö', "ab@example.org"),
)


def write(separator: str = ",", *, end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    """The example as CSV text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerows([HEADER, *PEOPLE])
    return out.getvalue()


def cells(table: RosterTable) -> list[tuple[str, ...]]:
    """The header and the rows, without their places."""
    return [table.header.cells, *(row.cells for row in table.rows)]


FILES: dict[str, tuple[bytes, str, str]] = {
    # what it is: (bytes, encoding, separator)
    "UTF-8": (write().encode(), "utf-8", ","),
    "UTF-8 with a mark": (write().encode("utf-8-sig"), "utf-8", ","),
    "two marks, of files that were joined": (codecs.BOM_UTF8 * 2 + write().encode(), "utf-8", ","),
    "Excel's CSV UTF-8, German": (write(";", end="\r\n").encode("utf-8-sig"), "utf-8", ";"),
    "Excel's plain CSV, German": (write(";", end="\r\n").encode("cp1252"), "cp1252", ";"),
    "Excel's Unicode text": (
        codecs.BOM_UTF16_LE + write("\t", end="\r\n").encode("utf-16-le"),
        "utf-16-le",
        "\t",
    ),
    "UTF-16 BE": (codecs.BOM_UTF16_BE + write().encode("utf-16-be"), "utf-16-be", ","),
    "UTF-32 LE": (codecs.BOM_UTF32_LE + write().encode("utf-32-le"), "utf-32-le", ","),
    "UTF-32 BE": (codecs.BOM_UTF32_BE + write().encode("utf-32-be"), "utf-32-be", ","),
    "tabs": (write("\t").encode(), "utf-8", "\t"),
    "vertical bars": (write("|").encode(), "utf-8", "|"),
    "old Macintosh line ends": (write(";", end="\r").encode(), "utf-8", ";"),
    "everything in quotes": (write(quoting=csv.QUOTE_ALL).encode(), "utf-8", ","),
    "no line end at the end": (write().rstrip("\n").encode(), "utf-8", ","),
    "a declared separator": (("sep=;\r\n" + write(";", end="\r\n")).encode("utf-8-sig"), "utf-8", ";"),
    "a declared tab": (("sep=\t\n" + write("\t")).encode(), "utf-8", "\t"),
    "an odd declared separator": (("SEP=^\n" + write("^")).encode(), "utf-8", "^"),
    "a declared separator, saved again": (('"sep=,",,,\n' + write()).encode(), "utf-8", ","),
}


@pytest.mark.parametrize("name", FILES)
def test_the_same_table_is_read_from_every_kind_of_file(name: str) -> None:
    data, encoding, separator = FILES[name]

    table = read_table(data)

    assert cells(table) == [HEADER, *PEOPLE]
    assert (table.encoding, table.separator) == (encoding, separator)
    assert table.problems == table.notes == ()


def test_the_example_would_be_read_wrongly_by_the_wrong_separator() -> None:
    # Without this, the cases above could pass with a separator that was never looked for.
    data, _, _ = FILES["tabs"]

    assert cells(read_table(b"sep=;\n" + data)) != [HEADER, *PEOPLE]


def test_spaces_after_the_separator_do_not_break_quotes() -> None:
    table = read_table(b'mentor, mentor_email, mentee, mentee_email\n"A, B", a@x.org, "C", c@x.org\n')

    assert table.rows[0].cells == ("A, B", "a@x.org", "C", "c@x.org")


def test_blank_rows_are_left_out_but_counted() -> None:
    table = read_table(
        "\n,,,\nmentor,mentor_email,mentee,mentee_email,,\n\n , \u00a0,\u200b,\nA,a@x.org,B,b@x.org,,\n,,,,,\n\n".encode()
    )

    assert [(row.line, row.row) for row in (table.header, *table.rows)] == [(3, 3), (6, 6)]
    assert table.header.cells == ("mentor", "mentor_email", "mentee", "mentee_email")
    assert table.notes == ()


def test_lines_count_as_in_an_editor_and_rows_as_in_a_spreadsheet() -> None:
    text = (
        'sep=;\nMentor;"Mentor\nE-Mail";Mentee;Mentee E-Mail\n"A\nB";a@x.org;C;c@x.org\nD;d@x.org;E;e@x.org\n'
    )

    table = read_table(text.replace("\n", "\r\n").encode())

    assert [(row.line, row.row) for row in (table.header, *table.rows)] == [(2, 1), (4, 2), (6, 3)]
    assert table.rows[0].cells[0] == "A\nB"
    assert column_names(table.header)[1] == "Mentor E-Mail"


def test_lines_above_the_header_are_left_out_with_a_note() -> None:
    table = read_table(
        b"Pairs of spring 2026;;;\n\nMentor;Mentor E-Mail;Mentee;Mentee E-Mail\nA;a@x.org;B;b@x.org\n"
    )

    assert table.header.line == 3
    assert [row.line for row in table.rows] == [4]
    assert [note.code for note in table.notes] == ["title_lines"]


def test_a_row_whose_quotes_do_not_match_is_named_and_the_rest_is_read() -> None:
    table = read_table(
        b'mentor,mentor_email,mentee,mentee_email\n"A"B,a@x.org,C,c@x.org\nD,d@x.org,E,e@x.org\n'
    )

    assert [(problem.line, problem.code) for problem in table.problems] == [(2, "broken_quotes")]
    assert [row.line for row in table.rows] == [3]


def test_a_quote_that_is_never_closed_is_named_where_it_opens() -> None:
    table = read_table(
        b'mentor,mentor_email,mentee,mentee_email\nA,a@x.org,B,b@x.org\n"C,c@x.org,D,d@x.org\nE,e@x.org,F,f@x.org\n'
    )

    assert [(problem.line, problem.code) for problem in table.problems] == [(3, "unclosed_quote")]
    assert [row.line for row in table.rows] == [2]


def packed(*names: str) -> bytes:
    """A ZIP archive with members of the given names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            content = "application/vnd.oasis.opendocument.spreadsheet" if name == "mimetype" else "x"
            archive.writestr(name, content)
    return out.getvalue()


WRONG_KINDS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "only a mark": (codecs.BOM_UTF16_LE, "empty"),
    "only blanks": (b" \r\n\t\r\n", "empty"),
    "only blank cells": ("\u00a0\u200b\n".encode(), "empty"),
    "only a declared separator": (b"sep=;\n", "empty"),
    "only separators": (b",,,\r\n,,,\r\n", "empty"),
    "only empty quotes": (b'"",""\n""\n', "empty"),
    "xlsx": (packed("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
    "ods": (packed("mimetype", "content.xml"), "ods"),
    "numbers": (packed("Index/Document.iwa"), "numbers"),
    "zip": (packed("pairs.csv"), "zip"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "xls"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "image"),
    "JPEG": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image"),
    "gzip": (b"\x1f\x8b\x08\x00" + b"abc" * 9, "packed"),
    "web page": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "html"),
    "web page in UTF-16": ("<html><body>x".encode("utf-16"), "html"),
    "Excel's old web page": (b"<table><tr><td>Mentor</td></tr></table>", "html"),
    "XML": (b"<?xml version='1.0'?><Workbook/>", "xml"),
    "RTF": (b"{\\rtf1\\ansi Mentor}", "rtf"),
    "JSON": (b'[{"mentor": "A"}]', "json"),
    "contacts": (b"BEGIN:VCARD\nFN:A\nEND:VCARD\n", "vcard"),
    "random bytes": (bytes(range(256)) * 4, "binary"),
    "a NUL byte in a cell": (write().encode().replace(b"jm@", b"j\0m@"), "binary"),
    "UTF-16 without a mark": (write().encode("utf-16-le"), "binary"),
    "half a character of UTF-16": (
        codecs.BOM_UTF16_LE + write().encode("utf-16-le")[:-1],
        "unknown_encoding",
    ),
    "a byte no encoding has": (b"mentor\x81\n", "unknown_encoding"),
    "too large": (b"a" * (MAX_BYTES + 1), "too_large"),
    "too many rows": (b"mentor,mentee\n" + b"a,b\n" * (MAX_ROWS + 1), "too_many_rows"),
    "too many columns": (b"mentor" + b",a" * 200, "too_many_columns"),
}


@pytest.mark.parametrize("name", WRONG_KINDS)
def test_a_file_of_the_wrong_kind_is_named_with_a_remedy(name: str) -> None:
    data, code = WRONG_KINDS[name]

    with pytest.raises(RosterFileError) as caught:
        read_table(data)

    problem = caught.value.problem
    assert (problem.code, problem.line, problem.column) == (code, 0, "")
    assert str(problem) == f"{problem.message} {problem.remedy}" % problem.params


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"a" * MAX_BYTES,
        lambda: b"mentor,mentee\n" + b"a,b\n" * MAX_ROWS,
        lambda: b"mentor" + b",a" * 199,
    ],
)
def test_a_file_at_the_limit_is_still_read(make: Callable[[], bytes]) -> None:
    assert isinstance(read_table(make()), RosterTable)


def test_the_line_of_a_foreign_character_is_told() -> None:
    with pytest.raises(RosterFileError, match="line 3"):
        read_table(b"mentor,mentee\na,b\nc,\x00d\n")


def test_a_problem_reads_as_one_english_sentence_with_its_place() -> None:
    problem = RosterProblem(
        7, "Mentor E-Mail", "x", "“%(cell)s” is wrong.", {"cell": "a%b"}, remedy="Repair it.", row=7
    )

    assert str(problem) == "line 7, column 'Mentor E-Mail': “a%b” is wrong. Repair it."
    assert str(RosterNote(0, "Team", "x", "Not used.")) == "column 'Team': Not used."
    assert str(RosterNote(9, "", "x", "Skipped.", row=7)) == "line 9 (spreadsheet row 7): Skipped."
