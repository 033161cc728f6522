import numpy as np
import pandas as pd
import pytest

from instruments.model import Role, WaveKind
from scoring.errors import FrameError
from scoring.frames import IDENTITY, ROLES, WAVES, check_item_frame, read_numbers


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "respondent": ["r1", "r2", "r1"],
            "pair": ["p1", "p1", "p1"],
            "cohort": ["c", "c", "c"],
            "role": ["mentor", "mentee", "mentor"],
            "wave": ["TC", "TC", "T2"],
            "locale": ["en", "ur", "de"],
            "A1": [1, 5, 3],
            "A2": [2.0, np.nan, 4.0],
        },
        index=["first", "second", "third"],
    )


def test_a_good_frame_comes_back_as_a_copy_of_strings_and_floats(frame):
    frame["note"] = "left out"

    checked = check_item_frame(frame, ["A2", "A1"])

    assert list(checked.columns) == [*IDENTITY, "A2", "A1"]
    assert checked["A1"].dtype == np.float64
    assert checked["A1"].tolist() == [1.0, 5.0, 3.0]
    assert np.isnan(checked.loc["second", "A2"])
    checked.loc["first", "A1"] = 99
    assert frame.loc["first", "A1"] == 1


def test_waves_and_roles_are_those_of_the_instruments():
    assert tuple(WaveKind) == WAVES
    assert tuple(Role) == ROLES


def test_a_frame_without_rows_is_a_frame(frame):
    assert check_item_frame(frame.iloc[:0], ["A1", "A2"]).empty


def test_missing_answers_of_every_kind_become_nan(frame):
    frame["A1"] = pd.array([1, None, 3], dtype="Int64")
    frame["A2"] = pd.Series([None, pd.NA, 4], dtype=object, index=frame.index)

    checked = check_item_frame(frame, ["A1", "A2"])

    assert checked["A1"].isna().tolist() == [False, True, False]
    assert checked["A2"].isna().tolist() == [True, True, False]
    assert checked.dtypes["A2"] == np.float64


def put(frame, row, column, value):
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


BREACHES = {
    "no role column": (lambda f: f.drop(columns="role"), "frame.column", "role", None),
    "no item column": (lambda f: f.drop(columns="A2"), "frame.column", "A2", None),
    "two columns of one name": (lambda f: pd.concat([f, f[["A1"]]], axis=1), "frame.column", "A1", None),
    "doubled label": (lambda f: f.set_axis(["a", "b", "a"]), "frame.index", "respondent", "a"),
    "empty respondent": (
        lambda f: put(f, "second", "respondent", None),
        "frame.identity",
        "respondent",
        "second",
    ),
    "blank pair": (lambda f: put(f, "third", "pair", "  "), "frame.identity", "pair", "third"),
    "unknown role": (lambda f: put(f, "second", "role", "Mentee"), "frame.role", "role", "second"),
    "unknown wave": (lambda f: put(f, "third", "wave", "T9"), "frame.wave", "wave", "third"),
    "same person twice": (lambda f: put(f, "third", "wave", "TC"), "frame.duplicate", "respondent", "third"),
    "words for a code": (lambda f: put(f, "first", "A2", "often"), "frame.number", "A2", "first"),
    "digits as text": (lambda f: put(f, "first", "A1", "4"), "frame.number", "A1", "first"),
    "yes for a code": (lambda f: put(f, "first", "A1", True), "frame.number", "A1", "first"),
    "a list": (lambda f: put(f.astype({"A1": object}), "first", "A1", (1, 2)), "frame.number", "A1", "first"),
    "infinite": (lambda f: put(f, "third", "A2", np.inf), "frame.infinite", "A2", "third"),
    "above the options": (lambda f: put(f, "third", "A1", 6), "frame.code", "A1", "third"),
    "below the options": (lambda f: put(f, "second", "A1", 0), "frame.code", "A1", "second"),
    "between two options": (lambda f: put(f, "first", "A2", 2.5), "frame.code", "A2", "first"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_names_column_row_and_remedy(frame, breach):
    spoil, code, column, row = BREACHES[breach]
    if breach == "a list":
        frame["A1"] = frame["A1"].astype(object)
        frame.at["first", "A1"] = (1, 2)
        spoiled = frame
    else:
        spoiled = spoil(frame)

    with pytest.raises(FrameError) as caught:
        check_item_frame(spoiled, ["A1", "A2"], ranges={"A1": (1, 5), "A2": (1, 5)})

    assert caught.value.code == code
    assert caught.value.params["column"] == column
    assert caught.value.params.get("row") == row
    assert str(caught.value).endswith(caught.value.remedy % caught.value.params)


def test_codes_without_a_range_may_be_any_finite_number(frame):
    assert check_item_frame(put(frame, "first", "A1", -2.5), ["A1"])["A1"].iloc[0] == -2.5


def test_read_numbers_says_where_a_column_is_no_number():
    numbers, wrong = read_numbers(pd.Series([1, "2", None, 3 + 0j, pd.NaT], dtype=object))

    assert wrong.tolist() == [False, True, False, True, False]
    assert numbers[0] == 1.0
    assert np.isnan(numbers[1:]).all()
