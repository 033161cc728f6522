"""The data dictionary names every column, who was asked it when, and in which words."""

import pytest

from instruments.codebook import COLUMNS, codebook_rows
from instruments.errors import PicksError, UnknownLocaleError
from instruments.model import Role


def rows_of(rows, variable):
    return [row for row in rows if row["variable"] == variable]


def test_every_row_has_every_column_as_text(toy):
    for row in codebook_rows(toy):
        assert tuple(row) == COLUMNS
        assert all(isinstance(value, str) for value in row.values())


def test_every_item_that_any_form_asks_is_described_and_no_other(toy):
    asked = {item for form in toy.forms for item in toy.form(form.wave, form.role).item_ids}
    described = {row["variable"] for row in codebook_rows(toy) if row["kind"] != "scale"}
    assert described == asked
    assert "X4" not in asked


def test_a_wording_of_both_roles_is_one_row_and_a_mirrored_item_two(toy):
    rows = codebook_rows(toy)
    (a1,) = rows_of(rows, "A1")
    assert (a1["role"], a1["waves"], a1["scales"], a1["anchor"]) == ("both", "T0 TC T2", "AA(+1)", "yes")
    assert a1["codes"].startswith("1=Strongly disagree; 2=Disagree")
    assert a1["missing"] == "not_applicable=Does not apply (yet); prefer_not=Prefer not to answer"
    assert {(row["role"], row["label"]) for row in rows_of(rows, "B1")} == {
        ("mentor", "I correct a wrong figure."),
        ("mentee", "I thank the person who corrects me."),
    }


def test_a_wave_with_its_own_words_has_its_own_row(toy):
    assert [(row["waves"], row["label"]) for row in rows_of(codebook_rows(toy), "A2")] == [
        ("T0", "I expect that I can be wrong in front of {P}."),
        ("TC T2", "I can be wrong in front of {P}."),
    ]


def test_the_reversed_key_is_shown(toy):
    assert rows_of(codebook_rows(toy), "A3")[0]["scales"] == "AA(-1)"


def test_scales_are_described_after_the_items(toy):
    (scale,) = rows_of(codebook_rows(toy), "AA")
    assert (scale["kind"], scale["codes"], scale["scales"]) == ("scale", "1 to 5", "A1(+1) A2(+1) A3(-1)")
    assert (scale["waves"], scale["direction"]) == ("T0 TC T2", "benefit")


def test_the_codebook_speaks_each_language_and_follows_the_picks(toy):
    rows = codebook_rows(toy, "de", {"extras": ["X4"]})
    assert rows_of(rows, "X4")[0]["label"] == "Ich habe vor zu bleiben."
    assert rows_of(rows, "X1") == []
    with pytest.raises(UnknownLocaleError):
        codebook_rows(toy, "fr")
    with pytest.raises(PicksError):
        codebook_rows(toy, "de", {"extras": []})


def test_an_item_of_one_role_is_described_for_it(toy):
    (row,) = rows_of(codebook_rows(toy), "S1")
    assert (row["role"], row["waves"]) == (Role.MENTOR, "T2")
    assert row["codes"] == "-1=Went back; 0=Stood still; 1=Moved on"
