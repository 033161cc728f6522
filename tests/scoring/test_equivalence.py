import math

import numpy as np
import pandas as pd
import pytest

from scoring.effects import GroupSummary
from scoring.equivalence import (
    Margin,
    equivalent_change,
    equivalent_difference,
    equivalent_estimate,
    full_verdict,
    two_one_sided,
)
from scoring.errors import ScoringError


def changes(n, mean=0.0, sd=0.5):
    """Values of exactly this mean and spread."""
    z = np.random.default_rng(n).normal(size=n)
    return pd.Series(mean + sd * (z - z.mean()) / z.std(ddof=1))


def test_equivalence_is_the_interval_inside_the_bounds():
    for mean in (0.0, 0.1, 0.2, 0.29, -0.25):
        result = equivalent_change(changes(60, mean))
        inside = result.low > -0.3 and result.high < 0.3
        assert result.equivalent is inside
        assert result.p == max(result.p_lower, result.p_upper)
        assert result.estimate == pytest.approx(mean)


def test_the_default_margin_is_three_tenths_of_a_point():
    assert (Margin().value, Margin().unit, Margin().declared) == (0.3, "points", True)
    assert Margin.for_width(8.0).value == pytest.approx(0.6)
    assert (Margin.in_sd().value, Margin.in_sd().unit) == (0.4, "sd")


def test_turning_the_signs_turns_the_two_tests():
    for margin in (Margin(), Margin.in_sd()):
        up = equivalent_change(changes(40, 0.1), margin=margin)
        down = equivalent_change(-changes(40, 0.1), margin=margin)
        assert (up.p_lower, up.p_upper) == pytest.approx((down.p_upper, down.p_lower))
        assert (up.low, up.high) == pytest.approx((-down.high, -down.low))


def test_a_margin_chosen_afterwards_claims_nothing():
    result = equivalent_change(changes(200), margin=Margin(0.3, declared=False))

    assert result.p < 0.001
    assert result.equivalent is False
    assert result.notes[0].code == "equivalence.undeclared"


def test_a_margin_in_standard_deviations_keeps_its_error_where_a_plain_t_test_does_not():
    """Negative control: a plain t test against `bound * s` rejects too often at the bound of a large effect."""
    rng = np.random.default_rng(8)
    exact, plain = [], []
    for _ in range(2_000):
        x = 2.0 + rng.normal(size=12)
        exact.append(equivalent_change(pd.Series(x), margin=Margin(2.0, "sd")).p_upper <= 0.05)
        _, p = two_one_sided(x.mean(), x.std(ddof=1) / math.sqrt(12), 11, 2.0 * x.std(ddof=1))
        plain.append(p <= 0.05)

    assert np.mean(exact) == pytest.approx(0.05, abs=0.016)
    assert np.mean(plain) > 0.08


def test_a_difference_uses_both_spreads():
    a, b = GroupSummary(40, 0.3, 0.4), GroupSummary(60, 0.25, 0.7)
    result = equivalent_difference(a, b)

    assert result.estimate == pytest.approx(0.05)
    assert result.df < 98
    assert result.n_used == 100
    assert equivalent_difference(b, a).p == pytest.approx(result.p)
    assert equivalent_difference(a, b, margin=Margin.in_sd()).df == 98


def test_power_at_no_difference_stands_beside_the_result():
    result = equivalent_change(changes(15, sd=0.6))

    assert result.power < 0.3
    assert result.n_needed == 36
    assert result.notes[-1].code == "equivalence.weak"
    assert equivalent_change(changes(97, sd=0.6)).power > 0.8


def test_missing_changes_are_dropped_and_counted():
    values = changes(30)
    values.iloc[:4] = np.nan
    result = equivalent_change(values)

    assert (result.n_used, result.n_dropped) == (26, 4)


@pytest.mark.parametrize("n", [0, 1, 5, 9])
def test_few_changes_are_not_tested(n):
    result = equivalent_change(pd.Series(np.arange(n, dtype=float)))

    assert (result.estimate, result.p, result.equivalent) == (None, None, None)
    assert [note.code for note in result.notes][-1] == "equivalence.few"
    assert equivalent_difference(GroupSummary(n, 0.0, 1.0), GroupSummary(50, 0.0, 1.0)).p is None


def test_equal_changes_have_no_test():
    result = equivalent_change(pd.Series([0.2] * 20))

    assert (result.estimate, result.p, result.equivalent) == (pytest.approx(0.2), None, None)
    assert result.notes[-1].code == "equivalence.spread"
    assert equivalent_difference(GroupSummary(20, 1.0, 0.0), GroupSummary(20, 1.0, 0.0)).equivalent is None


def test_one_group_without_spread_is_still_tested():
    result = equivalent_difference(GroupSummary(20, 1.0, 0.0), GroupSummary(20, 1.0, 0.3))

    assert result.df == pytest.approx(19.0)
    assert result.equivalent


def test_any_estimate_can_be_tested():
    result = equivalent_estimate(0.05, 0.1, 20.0, n_used=8)

    assert (result.t_lower, result.t_upper) == (pytest.approx(3.5), pytest.approx(-2.5))
    assert result.equivalent
    assert result.power is None


def test_moved_goes_before_equivalent():
    result = equivalent_change(changes(400, 0.2))

    assert result.equivalent
    assert full_verdict(0.15, 0.25, result) == "moved"
    assert full_verdict(-0.1, 0.15, result) == "equivalent"
    assert full_verdict(-0.1, 0.15) == "not shown"
    assert full_verdict(-0.7, 0.8, equivalent_change(changes(12, sd=2.0))) == "too few"
    assert full_verdict(None, None) == "too few"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: Margin(0.0), "equivalence.margin"),
        (lambda: Margin(-1.0), "equivalence.margin"),
        (lambda: Margin(math.nan), "equivalence.margin"),
        (lambda: Margin("wide"), "equivalence.margin"),
        (lambda: Margin(0.3, "metres"), "equivalence.unit"),
        (lambda: equivalent_change(changes(20), alpha=0.5), "equivalence.alpha"),
        (lambda: equivalent_change(pd.Series(["a"] * 20)), "describe.number"),
        (lambda: equivalent_change(pd.Series([math.inf] * 20)), "describe.number"),
        (
            lambda: equivalent_difference(GroupSummary(20, math.nan, 1.0), GroupSummary(20, 0.0, 1.0)),
            "equivalence.summary",
        ),
        (lambda: equivalent_estimate(0.1, 0.0, 9, n_used=9), "equivalence.estimate"),
        (lambda: equivalent_estimate(0.1, 0.1, 9, n_used=9, margin=Margin.in_sd()), "equivalence.unit"),
    ],
)
def test_what_cannot_be_is_refused(call, code):
    with pytest.raises(ScoringError) as caught:
        call()
    assert caught.value.code == code
