"""Cells are freed of what programs wrap around them, and refused with a remedy where they cannot be right."""

import datetime as dt

import pytest

from surveys.roster_cells import (
    CellFault,
    is_blank,
    read_date,
    read_email,
    read_language,
    read_name,
    read_reporting_line,
    shown,
)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada \u00a0 Lovelace\t", "Ada Lovelace"),
        ("\ufeffAda\u200b Love\u00adlace\u200e", "Ada Lovelace"),
        ("Ada\nLovelace", "Ada Lovelace"),
        ("'Ada Lovelace", "Ada Lovelace"),
        ('="Ada Lovelace"', "Ada Lovelace"),
        ("'t Hooft", "'t Hooft"),
        ("O'Neill", "O'Neill"),
        ("Jean-Luc d’Arc", "Jean-Luc d’Arc"),
        ("Jose\u0301", "José"),
        ("Ñandú Óðinsdóttir", "Ñandú Óðinsdóttir"),
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("عائشہ صدیقی", "عائشہ صدیقی"),
        ("علی\u200cرضا", "علی\u200cرضا"),  # The joiner is spelling here.
        ("Al\u200ci", "Ali"),  # And litter here.
        ("王小明", "王小明"),
        ("X", "X"),
        ("A" * 200, "A" * 200),
    ],
)
def test_a_name_is_freed_of_wrapping(cell: str, name: str) -> None:
    assert read_name(cell) == name


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "empty"),
        (" \u00a0\u200b", "empty"),
        ("'", "empty"),
        ('=HYPERLINK("http://evil.example","Ada")', "formula"),
        ("=cmd|' /C calc'!A0", "formula"),
        ("'=1+1", "formula"),
        ("+49 30 1234", "formula"),
        ("-Ada", "formula"),
        ("@SUM(A1)", "formula"),
        ("#N/A", "formula"),
        ("ada@example.org", "name_is_address"),
        ("Ada \u202eecalevoL", "hidden_character"),
        ("Ada \u2066Lovelace\u2069", "hidden_character"),
        ("Ada\x07", "hidden_character"),
        ("Ada\x85Lovelace", "hidden_character"),
        ("Ada\x1fLovelace", "hidden_character"),
        ("Ada\ue000", "hidden_character"),
        ("A" * 201, "name_too_long"),
        ("A" * 2000, "cell_too_long"),
        ("M?ller", "garbled"),
        ("????? ????", "garbled"),
        ("M\ufffdller", "garbled"),
        ("JÃ¼rgen MÃ¼ller", "garbled"),  # UTF-8 read as Windows-1252
        ("ãÍãÏ", "garbled"),  # Windows-1256 (Arabic) read as Windows-1252
        ("Èâàíîâ", "garbled"),  # Windows-1251 (Cyrillic) read as Windows-1252
        ("12345", "not_a_name"),
        ("—", "not_a_name"),
    ],
)
def test_a_name_that_cannot_be_right_is_refused(cell: str, code: str) -> None:
    with pytest.raises(CellFault) as caught:
        read_name(cell)

    fault = caught.value
    assert fault.code == code
    assert (f"{fault.message} {fault.remedy}" % fault.params).isprintable()


@pytest.mark.parametrize(
    ("cell", "email"),
    [
        ("ada@example.org", "ada@example.org"),
        ("ADA@Example.ORG", "ada@example.org"),
        (" ada@example.org\u00a0", "ada@example.org"),
        ("\u200bada@\u200bexample.org\u200d", "ada@example.org"),
        ("'ada@example.org", "ada@example.org"),
        ('="ada@example.org"', "ada@example.org"),
        ('=HYPERLINK("mailto:ada@example.org","ada@example.org")', "ada@example.org"),
        ('=HYPERLINK("mailto:Ada@example.org","Write to Ada")', "ada@example.org"),
        ("mailto:ada@example.org", "ada@example.org"),
        ("MailTo:ada@example.org?subject=Hello", "ada@example.org"),
        ("Ada Lovelace <ada@example.org>", "ada@example.org"),
        ('"Lovelace, Ada" <mailto:ada@example.org>;', "ada@example.org"),
        ("<ada@example.org>", "ada@example.org"),
        ("ada@example.org;", "ada@example.org"),
        ("ada+mentoring@example.org", "ada+mentoring@example.org"),
        ("a.d_a-1@mail.example.org", "a.d_a-1@mail.example.org"),
        ("o'neill@example.org", "o'neill@example.org"),
        ("ada＠example.org", "ada@example.org"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
    ],
)
def test_an_address_is_freed_of_wrapping(cell: str, email: str) -> None:
    assert read_email(cell) == email


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "empty"),
        ("\u200d\u00a0", "empty"),
        ("ada", "malformed_email"),
        ("ada@", "malformed_email"),
        ("@example.org", "malformed_email"),
        ("ada@example", "malformed_email"),
        ("ada@example..org", "malformed_email"),
        (".ada@example.org", "malformed_email"),
        ("ada@-example.org", "malformed_email"),
        ("ada lovelace@example.org", "malformed_email"),
        ("ädä@example.org", "malformed_email"),
        ("=ada@example.org", "malformed_email"),
        ("+49@example.org", "malformed_email"),
        ("-ada@example.org", "malformed_email"),
        ("a" * 65 + "@example.org", "malformed_email"),
        ("a@" + "b" * 64 + ".org", "malformed_email"),
        ("a@" + "b." * 130 + "org", "malformed_email"),
        ("a@\u00ff" + "ü" * 400, "malformed_email"),
        ("a@ü..org", "malformed_email"),
        ("ada@192.168.0.1", "malformed_email"),
        ("#REF!", "malformed_email"),
        ("n/a", "malformed_email"),
        ('=HYPERLINK("mailto:eve@example.org","ada@example.org")', "several_addresses"),
        ("ada@example.org, bo@example.org", "several_addresses"),
        ("ada@example.org\nbo@example.org", "several_addresses"),
        ("ada@\u202eexample.org", "hidden_character"),
        ("ada@example.org\x00", "hidden_character"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(cell: str, code: str) -> None:
    with pytest.raises(CellFault) as caught:
        read_email(cell)

    fault = caught.value
    assert fault.code == code
    assert (f"{fault.message} {fault.remedy}" % fault.params).isprintable()


def test_the_cell_is_shown_as_it_is_but_safe_to_show() -> None:
    with pytest.raises(CellFault) as caught:
        read_email(" Ada at Example ")

    assert caught.value.params["cell"] == "Ada at Example"
    assert shown("a\u202eb\nc\u00a0d\x00") == "a\\u202eb\\u000ac\\u00a0d\\u0000"
    assert shown("x" * 500) == "x" * 80 + "…"


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("", None),
        ("2026-03-31", dt.date(2026, 3, 31)),
        ("2026-03-31 00:00:00", dt.date(2026, 3, 31)),
        ("2026-03-31T00:00", dt.date(2026, 3, 31)),
        ("31.03.2026", dt.date(2026, 3, 31)),
        ("1.3.2026", dt.date(2026, 3, 1)),
        ("31/03/2026", dt.date(2026, 3, 31)),
        ("3/31/2026", dt.date(2026, 3, 31)),
        ("3/3/2026", dt.date(2026, 3, 3)),
        ("٢٠٢٦-٠٣-٣١", dt.date(2026, 3, 31)),
    ],
)
def test_a_date_is_read(cell: str, day: dt.date | None) -> None:
    assert read_date(cell) == day


@pytest.mark.parametrize(
    "cell",
    ["03/04/2026", "31.02.2026", "2026-13-01", "46112", "March", "1.3.26", "1026-03-01", "2026-03-31 09:30"],
)
def test_a_date_that_could_be_another_day_is_refused(cell: str) -> None:
    with pytest.raises(CellFault) as caught:
        read_date(cell)

    assert caught.value.code == "malformed_date"


def test_an_empty_language_leaves_the_choice_to_the_programme() -> None:
    assert read_language(" \u00a0") is None


def test_a_language_that_is_not_offered_is_refused_with_those_that_are() -> None:
    with pytest.raises(CellFault) as caught:
        read_language("Klingon")

    assert caught.value.code == "unknown_language"
    assert caught.value.params == {"cell": "Klingon", "languages": "en, de, fr, es, pt, ar, ur, hi, zh_Hans"}


@pytest.mark.parametrize(("cell", "line"), [("", "none"), ("keine", "none"), ("No", "none")])
def test_a_reporting_line_that_is_allowed_is_read(cell: str, line: str) -> None:
    assert read_reporting_line(cell) == line


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("direct", "reporting_line"),
        ("dotted line", "reporting_line"),
        ("?", "unknown_reporting_line"),
    ],
)
def test_a_direct_or_dotted_reporting_line_is_refused(cell: str, code: str) -> None:
    with pytest.raises(CellFault) as caught:
        read_reporting_line(cell)

    fault = caught.value
    assert fault.code == code
    assert (f"{fault.message} {fault.remedy}" % fault.params).isprintable()


@pytest.mark.parametrize(
    ("cell", "blank"), [("", True), ("\u00a0\u200b\ufeff\r\n\t", True), (".", False), ("\x00", False)]
)
def test_a_cell_is_blank_when_nothing_can_be_seen_in_it(cell: str, blank: bool) -> None:
    assert is_blank(cell) is blank
