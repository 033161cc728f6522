"""Columns of scores put side by side by pair."""

import numpy as np
import pandas as pd
import pytest

from scoring.dyads.pairs import read_pairs, t_table
from scoring.errors import ScoringError
from tests.scoring.dyads.worlds import draw_pairs


def test_columns_are_matched_by_label_not_by_place():
    table = draw_pairs(8)
    shuffled = table["mentee"].sample(frac=1.0, random_state=3)

    pd.testing.assert_frame_equal(read_pairs({"mentor": table["mentor"], "mentee": shuffled}), table)


def test_pairs_of_one_column_only_are_kept_with_a_gap():
    a, b = pd.Series([1.0, 2.0], ["x", "y"]), pd.Series([5.0, np.nan, 7.0], ["y", "z", "w"])

    table = read_pairs({"a": a, "b": b})

    assert table.index.tolist() == ["x", "y", "w"]  # z has no score at all
    assert table["a"].tolist()[:2] == [1.0, 2.0]
    assert np.isnan(table.at["x", "b"])


def test_labels_of_different_kinds_do_not_break_the_order():
    table = read_pairs({"a": pd.Series([1.0, 2.0], [1, "one"]), "b": pd.Series([3.0], ["two"])})

    assert table.index.tolist() == [1, "one", "two"]


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (pd.Series([1.0, np.inf], ["x", "y"]), "dyads.number"),
        (pd.Series(["high", "low"], ["x", "y"]), "dyads.number"),
        (pd.Series([True, False], ["x", "y"]), "dyads.number"),
        (pd.Series([1.0, 2.0], ["x", "x"]), "dyads.index"),
        ([1.0, 2.0], "dyads.series"),
        (pd.DataFrame({"a": [1.0]}), "dyads.series"),
    ],
)
def test_bad_columns_are_named(column, code):
    with pytest.raises(ScoringError) as caught:
        read_pairs({"good": pd.Series([1.0, 2.0], ["x", "y"]), "bad": column})

    assert caught.value.code == code
    assert caught.value.params["column"] == "bad"


def test_nullable_numbers_are_read():
    table = read_pairs(
        {"a": pd.Series([1, None, 3], list("xyz"), dtype="Int64"), "b": pd.Series([1, 2, 3], list("xyz"))}
    )

    assert table["a"].isna().tolist() == [False, True, False]


def test_an_estimate_without_error_has_no_test():
    table = t_table(np.array([1.0, 2.0]), np.array([0.0, 1.0]), 10, 0.95)

    assert np.isnan(table["p"].iloc[0])
    assert table["t"].iloc[1] == 2.0
