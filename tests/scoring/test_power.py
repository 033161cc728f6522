import math

import numpy as np
import pytest

from scoring.effects import detectable_change, detectable_difference
from scoring.errors import ScoringError
from scoring.power import (
    detectable_by_error,
    detectable_cohorts,
    n_for_change,
    n_for_cohorts,
    n_for_equivalence,
    power_change,
    power_cohorts,
    power_curve,
    power_difference,
    power_equivalence,
    power_t,
)


def test_no_effect_is_found_as_often_as_alpha_says():
    assert power_change(10, 0.0) == pytest.approx(0.05)
    assert power_difference(10, 30, 0.0, alpha=0.01) == pytest.approx(0.01)
    assert power_cohorts(4, 5, 12, 0.1, 0.0) == pytest.approx(0.05)


def test_power_is_even_in_the_effect_and_grows_with_size_and_effect():
    effects = np.linspace(-2.0, 2.0, 41)
    power = power_change(12, effects)

    assert power == pytest.approx(power[::-1])
    assert (np.diff(power[20:]) > 0).all()
    assert (np.diff([float(power_change(n, 0.5)) for n in range(3, 60)]) > 0).all()


def test_power_stays_a_probability_far_out():
    power = power_t(np.array([0.0, 30.0, 300.0, 1e6, math.inf]), 8)

    assert ((power >= 0) & (power <= 1)).all()
    assert power[1:] == pytest.approx(1.0)
    assert np.isnan(power_t(math.nan, 8))


def test_pairs_in_few_cohorts_hardly_help():
    few, many = detectable_cohorts(4, 4, 10, 0.1), detectable_cohorts(4, 4, 1_000, 0.1)

    assert many > 0.7 * few
    assert detectable_cohorts(40, 40, 10, 0.1) < 0.35 * few
    assert detectable_cohorts(10, 10, 1, 0.0) == pytest.approx(detectable_difference(10, 10), abs=5e-6)


def test_sizes_are_the_smallest_that_suffice():
    n = n_for_change(0.4)
    assert float(power_change(n, 0.4)) >= 0.8 > float(power_change(n - 1, 0.4))
    k = n_for_cohorts(0.4, 15, 0.05)
    assert (
        float(power_cohorts(k, k, 15, 0.05, 0.4)) >= 0.8 > float(power_cohorts(k - 1, k - 1, 15, 0.05, 0.4))
    )
    assert n_for_change(50.0) == 2


def test_equivalence_needs_36_and_97_pairs():
    # Measurement plan, T13.
    assert (n_for_equivalence(0.5), n_for_equivalence(0.3)) == (36, 97)
    assert power_equivalence(36, 0.5) >= 0.8 > power_equivalence(35, 0.5)


def test_power_of_equivalence_is_that_of_drawn_samples():
    from scipy.stats import t

    rng = np.random.default_rng(5)
    n, bound, true = 20, 0.6, 0.1
    x = true + rng.normal(size=(40_000, n))
    error = x.std(axis=1, ddof=1) / math.sqrt(n)
    shown = np.abs(x.mean(axis=1)) + t.ppf(0.95, n - 1) * error < bound

    assert power_equivalence(n, bound, true=true) == pytest.approx(shown.mean(), abs=0.0075)
    assert power_equivalence(n, bound, true=bound) <= 0.05 + 1e-9
    assert power_equivalence(3, 0.1) == pytest.approx(0.0, abs=1e-3)


def test_a_curve_holds_the_power_of_each_effect():
    curve = power_curve(20, 25, sd=0.5)
    cohorts = power_curve(5, 5, pairs=20, icc=0.05, effects=[0.0, 0.5])

    assert list(curve.columns) == ["effect_sd", "effect", "power"]
    assert curve["effect"].to_numpy() == pytest.approx(curve["effect_sd"].to_numpy() / 2)
    assert curve["power"].is_monotonic_increasing
    assert cohorts["power"].to_numpy() == pytest.approx(power_cohorts(5, 5, 20, 0.05, [0.0, 0.5]))
    assert cohorts["effect"].isna().all()
    assert len(power_curve(20)) == 61


def test_a_coefficient_has_a_detectable_value():
    # A one-sample t test is the coefficient of a constant.
    assert detectable_by_error(0.5 / math.sqrt(20), 19) == pytest.approx(
        0.5 * detectable_change(20), abs=1e-6
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: power_change(1, 0.5), "power.size"),
        (lambda: power_difference(1, 9, 0.5), "power.size"),
        (lambda: power_cohorts(1, 4, 10, 0.1, 0.5), "power.size"),
        (lambda: power_cohorts(4, 4, 0, 0.1, 0.5), "power.size"),
        (lambda: power_cohorts(4, 4, 10, 1.0, 0.5), "power.icc"),
        (lambda: power_cohorts(4, 4, 10, math.nan, 0.5), "power.icc"),
        (lambda: power_t(1.0, 0.0), "power.df"),
        (lambda: power_t(1.0, 9, alpha=0.0), "power.alpha"),
        (lambda: power_equivalence(1, 0.5), "power.size"),
        (lambda: power_equivalence(9, 0.0), "power.bound"),
        (lambda: n_for_equivalence(0.3, true=0.3), "power.effect"),
        (lambda: n_for_change(0.0), "power.effect"),
        (lambda: n_for_change(1e-9), "power.effect"),
        (lambda: n_for_change(0.5, power=1.0), "power.power"),
        (lambda: power_curve(10, effects=[math.inf]), "power.effect"),
    ],
)
def test_what_cannot_be_is_refused(call, code):
    with pytest.raises(ScoringError) as caught:
        call()
    assert caught.value.code == code
    assert caught.value.remedy
