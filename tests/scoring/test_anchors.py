import numpy as np
import pandas as pd
import pytest

from scoring.anchors import compare_anchors
from scoring.errors import ScoringError


def waves():
    first = pd.DataFrame({"a": [1.0, 2, 3], "b": [2.0, 3, np.nan], "c": [3.0, 3, 3]}, index=["p", "q", "r"])
    return first, first + pd.DataFrame(
        {"a": [0.0, 0, 0], "b": [0.2, 0.2, 0.2], "c": [1.0, 1, 1]}, index=["p", "q", "r"]
    )


def test_items_that_move_apart_are_said_to():
    first, last = waves()

    result = compare_anchors(first, last, ["a", "b"])

    assert [change.change for change in result.items] == pytest.approx([0.0, 0.2, 1.0])
    assert [change.n_used for change in result.items] == [3, 2, 3]
    assert (result.anchors_change, result.others_change) == pytest.approx((0.1, 1.0))
    assert result.apart
    assert [note.code for note in result.notes] == ["anchors.apart"]


def test_items_that_move_alike_are_not():
    first, _ = waves()

    result = compare_anchors(first, first + 0.25, ["a"])

    assert (result.apart, result.notes) == (False, ())


def test_people_of_one_wave_only_are_counted_as_dropped():
    first, last = waves()

    result = compare_anchors(first, last.drop(index="p"), ["a"])

    assert (result.n_used, result.n_dropped) == (2, 1)


def test_an_item_nobody_answered_twice_has_no_change_and_a_note():
    first, last = waves()
    last["b"] = np.nan

    result = compare_anchors(first, last, ["a"])

    assert result.items[1].change is None
    assert "anchors.none" in [note.code for note in result.notes]


@pytest.mark.parametrize("anchors", [["a", "b", "c"], []])
def test_without_both_kinds_there_is_no_comparison(anchors):
    first, last = waves()

    assert compare_anchors(first, last, anchors).apart is None


def test_unlike_tables_and_doubled_people_are_refused():
    first, last = waves()
    with pytest.raises(ScoringError, match="same item"):
        compare_anchors(first, last[["a", "c", "b"]], ["a"])
    with pytest.raises(ScoringError, match="two rows"):
        compare_anchors(pd.concat([first, first]), last, ["a"])
