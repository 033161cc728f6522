import math

import numpy as np
import pytest

from scoring.effects import (
    GroupSummary,
    bias_correction,
    detectable_change,
    detectable_difference,
    hedges_g_independent,
    hedges_g_paired,
    noncentral_interval,
)
from scoring.errors import ScoringError


def test_the_correction_is_that_of_r_and_close_to_the_usual_approximation(r_values):
    expected = r_values("base")["J"]

    for df, correction in zip(expected["df"], expected["j"], strict=True):
        assert bias_correction(df) == pytest.approx(correction, abs=1e-12)
    assert all(abs(bias_correction(df) - (1 - 3 / (4 * df - 1))) < 1e-3 for df in range(6, 200))


@pytest.mark.parametrize("case", ["twelve", "large_fall"])
def test_the_paired_effect_is_that_of_r(r_values, case):
    expected = r_values("base")["paired"][case]

    effect = hedges_g_paired(np.array(expected["before"]), np.array(expected["after"]))

    assert effect.value == pytest.approx(expected["g_av"], abs=1e-9)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected["g_ci"]), abs=1e-5)
    assert effect.df == expected["df"]


@pytest.mark.parametrize("case", ["roles", "uneven"])
def test_the_effect_between_groups_is_that_of_r(r_values, case):
    expected = r_values("base")["welch"][case]
    a, b = (
        GroupSummary(*values) for values in zip(expected["n"], expected["mean"], expected["sd"], strict=True)
    )

    effect = hedges_g_independent(a, b)

    assert effect.value == pytest.approx(expected["g"], abs=1e-9)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected["g_ci"]), abs=1e-5)


def test_the_paired_effect_is_not_dz():
    """Negative control: d_z of waves that correlate highly is several times g_av."""
    rng = np.random.default_rng(1)
    before = rng.normal(size=40)
    after = before + 0.3 + rng.normal(size=40) * 0.2

    effect = hedges_g_paired(before, after)

    assert effect.value == pytest.approx(0.3, abs=0.1)
    assert (after - before).mean() / (after - before).std(ddof=1) > 1.0


def test_effects_do_not_depend_on_unit_and_turn_with_the_sign():
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=15), rng.normal(size=15) + 0.8

    plain = hedges_g_paired(before, after)
    percent = hedges_g_paired(25 * before - 25, 25 * after - 25)
    turned = hedges_g_paired(after, before)

    assert (percent.value, percent.low, percent.high) == pytest.approx(
        (plain.value, plain.low, plain.high), abs=1e-9
    )
    assert (turned.value, turned.low, turned.high) == pytest.approx(
        (-plain.value, -plain.high, -plain.low), abs=1e-9
    )
    assert plain.low < plain.value < plain.high


def test_the_noncentral_interval_at_zero_is_the_normal_one():
    # At t = 0 the noncentral t is below 0 with the probability of a normal variable, whatever the degrees of freedom.
    assert noncentral_interval(0.0, 9) == pytest.approx((-1.959963984540054, 1.959963984540054), abs=1e-9)
    low, high = noncentral_interval(-60.0, 9)
    assert (-high, -low) == noncentral_interval(60.0, 9)
    with pytest.raises(ScoringError, match="vary"):
        noncentral_interval(math.inf, 9)


def test_detectable_effects_are_those_of_r_and_of_the_plan(r_values):
    expected = r_values("base")
    change, difference = expected["detectable_change"], expected["detectable_difference"]

    # power.t.test leaves its own search at about 1e-5.
    assert [detectable_change(n) for n in change["n"]] == pytest.approx(change["d"], abs=5e-5)
    assert [detectable_difference(n, n) for n in difference["n"]] == pytest.approx(difference["d"], abs=5e-5)
    assert detectable_difference(15, 40) == pytest.approx(difference["uneven_15_40"], abs=1e-8)
    assert detectable_difference(40, 15) == detectable_difference(15, 40)
    # Measurement plan, sections 4.0 and 4.6 (simulated there, two decimals).
    assert [detectable_change(n) for n in (10, 15, 20, 40)] == pytest.approx(
        [1.00, 0.78, 0.66, 0.46], abs=0.01
    )
    assert [detectable_difference(n, n) for n in (10, 20, 30, 40)] == pytest.approx(
        [1.33, 0.91, 0.74, 0.63], abs=0.01
    )


@pytest.mark.parametrize(
    ("compute", "code"),
    [
        (lambda: hedges_g_paired(np.ones(3), np.ones(4)), "effect.pairs"),
        (lambda: hedges_g_paired(np.array([1.0, 2.0]), np.array([2.0, 4.0])), "effect.rows"),
        (lambda: hedges_g_paired(np.arange(5.0), np.arange(5.0) + 0.1), "effect.spread"),
        (lambda: hedges_g_independent(GroupSummary(1, 0, 0), GroupSummary(9, 1, 1)), "effect.rows"),
        (lambda: hedges_g_independent(GroupSummary(9, 0, 0), GroupSummary(9, 1, 0)), "effect.spread"),
        (lambda: detectable_change(2), "effect.rows"),
        (lambda: detectable_difference(1, 30), "effect.rows"),
        (lambda: bias_correction(1), "effect.rows"),
    ],
)
def test_what_has_no_effect_size_is_refused(compute, code):
    with pytest.raises(ScoringError) as caught:
        compute()

    assert caught.value.code == code
