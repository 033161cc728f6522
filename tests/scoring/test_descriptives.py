import numpy as np
import pandas as pd
import pytest

from scoring.descriptives import describe_scores, mean_level
from scoring.errors import ScoringError
from scoring.reference import find_reference
from scoring.scales import score_scale


def test_a_description_is_that_of_r(r_data, r_values):
    expected = r_values("base")["safety_score"]
    scores = score_scale(
        r_data("sim_dyads_a"), {f"q0{i}": 1 for i in range(1, 6)}, minimum=1, maximum=5
    ).scores

    result = describe_scores(scores, minimum=1, maximum=5)

    assert (result.n_used, result.n_dropped) == (expected["n"], expected["missing"])
    assert result.mean == pytest.approx(expected["mean"], abs=1e-12)
    assert result.sd == pytest.approx(expected["sd"], abs=1e-12)
    assert (result.median, result.minimum, result.maximum) == (
        pytest.approx(expected["median"]),
        expected["min"],
        expected["max"],
    )


def test_more_than_half_at_an_end_is_said():
    top = describe_scores(pd.Series([5, 5, 5, 1.0, np.nan]), minimum=1, maximum=5)
    half = describe_scores(pd.Series([5, 5, 1, 1.0]), minimum=1, maximum=5)

    assert top.share_top == 0.75
    assert [note.code for note in top.notes] == ["describe.ceiling"]
    assert "75 %" in str(top.notes[0])
    assert half.notes == ()
    assert describe_scores(pd.Series([1, 1, 1, 5.0]), minimum=1, maximum=5).notes[0].code == "describe.floor"
    assert describe_scores(pd.Series([5.0, 5.0])).share_top is None


def test_what_cannot_be_described_is_none_with_a_note():
    nothing = describe_scores(pd.Series([np.nan, np.nan]))
    one = describe_scores(pd.Series([3.0]))

    assert (nothing.n_used, nothing.n_dropped, nothing.mean, nothing.sd) == (0, 2, None, None)
    assert nothing.notes[0].code == "describe.empty"
    assert (one.mean, one.sd) == (3.0, None)
    assert one.notes[0].code == "describe.one"


@pytest.mark.parametrize("values", [[1.0, np.inf], ["1", "2"], [1.0, 9.0], [0.0, 1.0]])
def test_values_that_are_no_scores_are_refused(values):
    with pytest.raises(ScoringError):
        describe_scores(pd.Series(values), minimum=1, maximum=5)


def test_the_level_of_ten_or_more_has_the_t_interval_of_r(r_values):
    expected = r_values("base")["level"]

    level = mean_level(pd.Series(expected["x"]))

    assert level.interval_kind == "t"
    assert (level.low, level.high) == pytest.approx(tuple(expected["ci"]), abs=1e-9)
    ninety = mean_level(pd.Series(expected["x"]), confidence=0.9)
    assert (ninety.low, ninety.high) == pytest.approx(tuple(expected["ci90"]), abs=1e-9)


def test_the_interval_of_a_small_group_does_not_betray_its_spread():
    reference = find_reference()
    close = mean_level(pd.Series([3.0, 3.0, 3.0, 3.0, 3.5]), reference=reference)
    apart = mean_level(pd.Series([1.0, 1.5, 3.0, 5.0, 5.0]), reference=reference)

    assert close.mean == apart.mean == pytest.approx(3.1)
    assert (close.low, close.high) == (apart.low, apart.high)
    # 1.959964 is R's qnorm(.975); .75 / sqrt(5) is the reference SD over the root of n.
    assert close.high - close.mean == pytest.approx(1.959963984540054 * 0.75 / 5**0.5, abs=1e-12)
    assert close.interval_kind == "reference"
    assert [note.code for note in close.notes] == ["gate.means", "reference.used"]
    assert "synthetic" in str(close.notes[1])


def test_the_reference_follows_the_range_of_the_score():
    points = mean_level(pd.Series([3.0] * 5), reference=find_reference())
    percent = mean_level(pd.Series([50.0] * 5), reference=find_reference(), width=100)

    assert percent.high - percent.mean == pytest.approx(25 * (points.high - points.mean))


def test_four_people_get_no_mean_and_five_without_reference_no_interval():
    four = mean_level(pd.Series([1.0, 2.0, 3.0, 4.0, np.nan]))
    five = mean_level(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0]))

    assert (four.n_used, four.n_dropped, four.mean, four.low, four.interval_kind) == (
        4,
        1,
        None,
        None,
        "none",
    )
    assert four.notes[0].code == "gate.participation"
    assert (five.mean, five.low, five.interval_kind) == (3.0, None, "none")
    assert five.notes[1].code == "reference.none"


def test_equal_values_get_no_interval():
    level = mean_level(pd.Series([4.0] * 12))

    assert (level.mean, level.low, level.interval_kind) == (4.0, None, "none")
    assert level.notes[0].code == "describe.spread"
