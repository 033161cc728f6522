"""One rule for answers, whoever sends them and whatever they try."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.answers import AnswerValue, validate_answers
from instruments.model import Missing


def check(toy, **answers: Any):
    return validate_answers(toy, toy.form("T2", "mentor"), answers)


def codes(result) -> list[tuple[str, str]]:
    return [(problem.item_id, problem.code) for problem in result.problems]


def test_good_answers_of_every_kind_hold(toy):
    answers = {
        "R1": AnswerValue(text="All is well."),
        "A1": AnswerValue(code=5),
        "S1": AnswerValue(code=-1),
        "H1": AnswerValue(code=0),
        "A2": AnswerValue(missing=Missing.NOT_APPLICABLE),
        "A3": AnswerValue(missing=Missing.PREFER_NOT),
    }
    result = check(toy, **answers)
    assert result.ok
    assert dict(result.valid) == answers
    assert list(result.valid) == ["A1", "A2", "A3", "S1", "H1", "R1"]


def test_no_answer_at_all_is_no_problem(toy):
    assert check(toy).ok


def test_bad_answers_are_all_named_and_the_good_ones_kept(toy):
    result = check(
        toy, A1=AnswerValue(code=6), A2=AnswerValue(code=4), Q1=AnswerValue(code=1), R1=AnswerValue(code=1)
    )
    assert codes(result) == [("A1", "unknown-code"), ("R1", "unknown-code"), ("Q1", "unknown-item")]
    assert dict(result.valid) == {"A2": AnswerValue(code=4)}


@pytest.mark.parametrize(
    "code",
    [
        0,
        6,
        -1,
        10**400,
        -(10**400),
        True,
        False,
        1.0,
        3.5,
        float("nan"),
        float("inf"),
        "3",
        "",
        b"3",
        [3],
        {"code": 3},
        3 + 0j,
    ],
)
def test_a_code_is_one_of_the_options_and_an_int(toy, code):
    assert codes(check(toy, A1=AnswerValue(code=code))) == [("A1", "unknown-code")]


def test_a_bool_is_no_code_even_where_0_and_1_are(toy):
    assert codes(check(toy, H1=AnswerValue(code=True))) == [("H1", "unknown-code")]
    assert check(toy, H1=AnswerValue(code=1)).ok


class Other(StrEnum):
    PREFER_NOT = "prefer_not"


@pytest.mark.parametrize(
    "missing", ["prefer_not", "not_answered", "", Other.PREFER_NOT, 1, True, ["prefer_not"]]
)
def test_a_missing_answer_is_one_of_the_two(toy, missing):
    assert codes(check(toy, A1=AnswerValue(missing=missing))) == [("A1", "unknown-missing")]


@pytest.mark.parametrize(
    "answer",
    [
        AnswerValue(code=3, missing=Missing.PREFER_NOT),
        AnswerValue(code=3, text="three"),
        AnswerValue(missing=Missing.PREFER_NOT, text="no"),
        AnswerValue(code=3, missing=Missing.PREFER_NOT, text="three"),
    ],
)
def test_two_answers_to_one_question_are_refused(toy, answer):
    assert codes(check(toy, A1=answer)) == [("A1", "two-answers")]


def test_an_empty_answer_is_refused(toy):
    assert codes(check(toy, A1=AnswerValue())) == [("A1", "no-answer")]
    assert codes(check(toy, R1=AnswerValue(text=" \n\t "))) == [("R1", "no-answer")]


def test_a_text_belongs_to_a_text_question(toy):
    assert codes(check(toy, A1=AnswerValue(text="3"))) == [("A1", "unknown-code")]
    assert check(toy, R1=AnswerValue(missing=Missing.PREFER_NOT)).ok


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("x" * 300, True),
        ("x" * 301, False),
        ("🙂" * 300, True),
        ("\r\n".join("x" * 150), True),
        ("x" * 10_000_000, False),
    ],
)
def test_a_text_is_at_most_as_long_as_its_format_says(toy, text, ok):
    result = check(toy, R1=AnswerValue(text=text))
    assert result.ok is ok
    if not ok:
        (problem,) = result.problems
        assert problem.code == "text-too-long"
        assert problem.message % problem.params


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\udfff"])
def test_a_text_that_no_database_can_hold_is_refused(toy, text):
    assert codes(check(toy, R1=AnswerValue(text=text))) == [("R1", "unreadable-text")]


@pytest.mark.parametrize("text", [b"bytes", 3, ["a"]])
def test_a_text_is_a_text(toy, text):
    assert codes(check(toy, R1=AnswerValue(text=text))) == [("R1", "unknown-code")]


def test_line_ends_are_made_one_character_and_blanks_around_are_dropped(toy):
    assert check(toy, R1=AnswerValue(text="  a\r\nb\rc \n")).valid["R1"].text == "a\nb\nc"


def test_an_item_of_another_form_or_of_a_pool_not_picked_is_unknown(toy):
    assert codes(check(toy, X3=AnswerValue(code=3))) == [("X3", "unknown-item")]
    mentee = validate_answers(toy, toy.form("T2", "mentee"), {"S1": AnswerValue(code=0)})
    assert codes(mentee) == [("S1", "unknown-item")]
    picked = validate_answers(toy, toy.form("T2", "mentor", {"extras": ["X3"]}), {"X3": AnswerValue(code=3)})
    assert picked.ok


def test_a_long_unknown_name_is_cut_in_the_problem(toy):
    (problem,) = check(toy, **{"x" * 5000: AnswerValue(code=1)}).problems
    assert len(problem.item_id) == 80


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(Missing)
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["A1", "S1", "H1", "R1", "X4", "?"]),
        st.builds(AnswerValue, ANYTHING, ANYTHING, ANYTHING),
    )
)
def test_whatever_is_sent_each_item_is_either_valid_or_a_problem(toy, raw):
    result = validate_answers(toy, toy.form("T2", "mentor"), raw)
    assert sorted([*result.valid, *(problem.item_id for problem in result.problems)]) == sorted(raw)
    for item_id, answer in result.valid.items():
        given_parts = [part for part in (answer.code, answer.missing, answer.text) if part is not None]
        assert len(given_parts) == 1
        if answer.code is not None:
            assert answer.code in toy.format_of(item_id).codes
