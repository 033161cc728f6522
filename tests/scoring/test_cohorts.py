import numpy as np
import pandas as pd
import pytest

from scoring.cohorts import compare_changes, compare_summaries
from scoring.effects import GroupSummary
from scoring.errors import ScoringError


def pairs(values, cohort):
    return pd.Series(values, index=[f"{cohort}{number}" for number in range(len(values))], dtype="float64")


def drawn(n_a, n_b, difference=0.0, spread=0.5, seed=1):
    rng = np.random.default_rng(seed)
    return pairs(rng.normal(difference, spread, n_a), "a"), pairs(rng.normal(0.0, spread, n_b), "b")


def test_the_contrast_is_welch_in_r(r_values):
    values = r_values("base")
    expected = values["welch"]["uneven"]

    contrast = compare_changes(pairs(values["welch_uneven_a"], "a"), pairs(values["welch_uneven_b"], "b"))

    assert (contrast.n_a, contrast.n_b) == tuple(expected["n"])
    assert (contrast.t, contrast.df) == pytest.approx((expected["t"], expected["df"]), abs=1e-9)
    assert (contrast.low, contrast.high) == pytest.approx(tuple(expected["ci"]), abs=1e-9)
    assert contrast.g == pytest.approx(expected["g"], abs=1e-9)
    assert (contrast.g_low, contrast.g_high) == pytest.approx(tuple(expected["g_ci"]), abs=1e-5)
    # R: uniroot on pt for 15 and 40; measurement plan, section 4.6: printed with every contrast.
    assert contrast.detectable_g == pytest.approx(values["detectable_difference"]["uneven_15_40"], abs=1e-8)
    assert contrast.notes[-1].code == "contrast.power"


def test_summaries_give_what_the_values_give(r_values):
    expected = r_values("base")["welch"]["roles"]
    a, b = (
        GroupSummary(*values) for values in zip(expected["n"], expected["mean"], expected["sd"], strict=True)
    )

    contrast = compare_summaries(a, b)

    assert (contrast.t, contrast.df) == pytest.approx((expected["t"], expected["df"]), abs=1e-9)
    assert contrast.p == pytest.approx(expected["p"], rel=1e-9)
    assert (contrast.low, contrast.high) == pytest.approx(tuple(expected["ci"]), abs=1e-9)
    assert contrast.verdict == "moved"


def test_scipy_agrees():
    from scipy.stats import ttest_ind

    a, b = drawn(45, 60, 0.2)
    theirs = ttest_ind(a, b, equal_var=False)

    contrast = compare_changes(a, b)

    assert (contrast.t, contrast.p, contrast.df) == pytest.approx(
        (theirs.statistic, theirs.pvalue, theirs.df), rel=1e-9
    )


def test_turning_the_cohorts_round_turns_the_sign():
    a, b = drawn(40, 50, 0.3)

    one, other = compare_changes(a, b), compare_changes(b, a)

    assert (other.difference, other.low, other.high) == pytest.approx((-one.difference, -one.high, -one.low))
    assert (other.g, other.p, other.verdict) == (pytest.approx(-one.g), pytest.approx(one.p), one.verdict)


def test_forty_pairs_in_each_open_the_words():
    assert compare_changes(*drawn(40, 40, 1.0)).verdict == "moved"
    assert compare_changes(*drawn(40, 40, 0.0)).verdict == "not shown"
    assert compare_changes(*drawn(40, 40, 0.0, spread=2.0)).verdict == "too few"
    assert compare_changes(*drawn(40, 40)).open_to_coordinators


@pytest.mark.parametrize("sizes", [(10, 40), (39, 200), (10, 10)])
def test_ten_to_thirty_nine_show_the_difference_and_conclude_nothing(sizes):
    contrast = compare_changes(*drawn(*sizes, 3.0))

    assert contrast.difference == pytest.approx(3.0, abs=0.6)
    assert contrast.low < contrast.difference < contrast.high
    assert (contrast.verdict, contrast.p, contrast.open_to_coordinators) == ("too few", None, False)
    assert [note.code for note in contrast.notes] == ["contrast.few", "contrast.power"]
    assert "80 %" in str(contrast.notes[1])


@pytest.mark.parametrize(
    ("sizes", "verdict"), [((9, 60), "too few"), ((5, 5), "too few"), ((4, 60), None), ((0, 0), None)]
)
def test_smaller_cohorts_show_no_number(sizes, verdict):
    contrast = compare_changes(*drawn(*sizes))

    numbers = (contrast.difference, contrast.low, contrast.t, contrast.p, contrast.g, contrast.detectable)
    assert numbers == (None,) * 6
    assert contrast.verdict == verdict
    assert len(contrast.notes) == 1


def test_pairs_without_a_change_are_dropped_and_counted():
    a, b = drawn(42, 41)
    a.iloc[:2] = np.nan

    contrast = compare_changes(a, b)

    assert (contrast.n_a, contrast.n_b, contrast.n_dropped) == (40, 41, 2)


def test_cohorts_without_any_spread_have_no_interval():
    contrast = compare_changes(pairs([1.0] * 40, "a"), pairs([0.5] * 40, "b"))

    assert (contrast.difference, contrast.low, contrast.p, contrast.verdict) == (0.5, None, None, "too few")
    assert contrast.notes[-1].code == "contrast.spread"


def test_a_wider_range_needs_a_larger_difference():
    a, b = drawn(60, 60, 0.4, seed=2)

    assert compare_changes(a, b).verdict == "moved"
    assert compare_changes(a, b, width=100).verdict == "not shown"
    assert compare_changes(25 * a, 25 * b, width=100).verdict == "moved"


@pytest.mark.parametrize(
    ("compare", "code"),
    [
        (lambda a, b: compare_changes(a, a), "contrast.pairs"),
        (lambda a, b: compare_changes(a.set_axis(["x"] * 40), b), "contrast.pairs"),
        (lambda a, b: compare_changes(a, b, confidence=0), "contrast.confidence"),
        (lambda a, b: compare_changes(a.replace(a.iloc[0], np.inf), b), "describe.number"),
        (
            lambda a, b: compare_summaries(GroupSummary(40, np.nan, 1), GroupSummary(40, 0, 1)),
            "contrast.summary",
        ),
        (lambda a, b: compare_summaries(GroupSummary(40, 0, -1), GroupSummary(40, 0, 1)), "contrast.summary"),
    ],
)
def test_wrong_input_is_refused(compare, code):
    with pytest.raises(ScoringError) as caught:
        compare(*drawn(40, 40))

    assert caught.value.code == code
