"""What people write is kept as it reads: nothing in it acts on the page or pretends to be another text."""

import pytest

from surveys.written_text import clean_text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Please call me.\r\nToday.\r", "Please call me.\nToday."),
        ("nul\x00, bell\x07, escape\x1b[31m, delete\x7f, c1\x9b", "nul, bell, escape[31m, delete, c1"),
        ("half \ud800 a sign", "half  a sign"),
        ("see \u202egnp.exe\u202c and \u2066this\u2069", "see gnp.exe and this"),
        ("one\u2028two\u2029three", "one\ntwo\n\nthree"),
        # Marks and joiners that Arabic, Persian and Urdu are written with stay, and so do emoji.
        ("می\u200cخواهم\u200f!", "می\u200cخواهم\u200f!"),
        ("👩🏽\u200d🔧 fine", "👩🏽\u200d🔧 fine"),
        (" \u200b\u200f\n\t ", ""),
        ("", ""),
    ],
)
def test_signs_that_are_not_read_go_and_all_others_stay(typed: str, kept: str) -> None:
    assert clean_text(typed) == kept
    assert clean_text(kept) == kept
