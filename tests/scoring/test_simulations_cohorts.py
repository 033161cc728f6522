"""Error rates, power and bias of comparisons under known truth: targets T12, T13, T16, T17 and T19 of the measurement plan (6.3).

Bands are the targets widened by three standard errors of a share of that many samples; every run is seeded.
"""

import math

import pytest

from scoring.power import n_for_equivalence
from tests.scoring.simulations.cohorts import (
    simulate_cohorts,
    simulate_equivalence,
    simulate_goals,
    simulate_missing,
    simulate_skills,
    tipping_curve,
)


def band(share, samples):
    """Three standard errors."""
    return 3.0 * math.sqrt(share * (1.0 - share) / samples)


def check_cohorts(samples, icc, pairs):
    figures = simulate_cohorts(samples, seed=12, icc=icc, pairs=pairs)
    print(figures)
    assert figures.agrees
    assert 0.04 - band(0.04, samples) <= figures.by_cohorts <= 0.06 + band(0.06, samples)
    # The permutation test is discrete: 252 ways give .048 at most.
    assert 0.03 - band(0.03, samples) <= figures.by_labels <= 0.05 + band(0.05, samples)
    return figures


@pytest.mark.parametrize("icc", [0.0, 0.05, 0.10])
def test_cohort_assigned_designs_keep_their_error_and_naive_pooling_does_not(icc):
    """T12 with its negative control: pooling pairs finds differences that are not there."""
    figures = check_cohorts(1_000, icc, 20)

    if icc == 0:
        assert figures.naive <= 0.05 + band(0.05, 1_000)
    else:
        assert figures.naive >= 0.10


@pytest.mark.slow
@pytest.mark.parametrize("icc", [0.0, 0.02, 0.05, 0.10])
@pytest.mark.parametrize("pairs", [8, 20, 40])
def test_cohort_assigned_designs_keep_their_error_at_every_size(icc, pairs):
    figures = check_cohorts(5_000, icc, pairs)

    assert (figures.naive >= 0.10) or icc * pairs < 0.9


def test_an_effect_between_cohorts_is_found():
    assert simulate_cohorts(500, seed=3, icc=0.05, effect=1.0).by_cohorts > 0.9


def test_equivalence_keeps_its_error_at_the_bound_and_reaches_its_power():
    """T13 with its negative control: "not significant" is no proof of equivalence."""
    for n, bound in ((36, 0.5), (97, 0.3)):
        at_bound = simulate_equivalence(2_000, seed=n, n=n, bound=bound, true=bound)
        at_zero = simulate_equivalence(2_000, seed=n, n=n, bound=bound, true=0.0)
        print(at_bound, at_zero, sep="\n")
        assert abs(n_for_equivalence(bound) - n) <= 2
        assert at_bound.shown <= 0.05 + band(0.05, 2_000)
        assert abs(at_zero.shown - 0.80) <= 0.01 + band(0.8, 2_000)
        assert at_bound.not_significant > 0.10


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 20, 36, 60, 97])
def test_equivalence_keeps_its_error_at_every_size(n):
    figures = simulate_equivalence(20_000, seed=n, n=n, bound=0.5, true=-0.5)

    assert figures.shown <= 0.05 + band(0.05, 20_000)


@pytest.mark.parametrize("gamma", [-1.0, -0.5, 0.0])
def test_the_then_test_recovers_recalibration_and_the_verdict_resists_flattery(gamma):
    """T16 with its negative control: the then-test alone calls nearly every cell improved."""
    plain = simulate_skills(1_000, seed=16, gamma=gamma)
    flattered = simulate_skills(1_000, seed=17, gamma=gamma, recall=0.3, desirability=0.6)
    print(plain, flattered, sep="\n")

    assert abs(plain.recovered - gamma) <= 0.1
    assert flattered.improved <= 0.05 + band(0.05, 1_000)
    assert flattered.by_then_test > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 40, 80])
@pytest.mark.parametrize("desirability", [0.3, 0.8])
@pytest.mark.parametrize("gamma", [-0.5, 0.0])
def test_the_verdict_resists_flattery_at_every_size(n, desirability, gamma):
    figures = simulate_skills(5_000, seed=n, n=n, gamma=gamma, recall=0.3, desirability=desirability)

    assert figures.improved <= 0.05 + band(0.05, 5_000)


def test_true_gains_are_seen_as_improved_or_recalibrated():
    assert simulate_skills(500, seed=1, gain=0.8).improved > 0.95
    # The ruler moved further than people did, and nothing is done differently yet: the direct change is mostly below 0.
    figures = simulate_skills(500, seed=2, gain=0.8, gamma=-0.9, transfer=0.0)
    assert figures.recalibrated > 0.7
    assert figures.improved <= 0.05 + band(0.05, 500)


def test_direct_likelihood_is_unbiased_where_completers_are_not():
    """T17 with its negative control."""
    figures = simulate_missing(100, seed=17)
    print(figures)

    assert figures.share == pytest.approx(0.30, abs=0.03)
    assert abs(figures.direct_likelihood) <= 0.05
    assert abs(figures.imputed) <= 0.05
    assert abs(figures.completers) > 0.10


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 40, 80])
def test_direct_likelihood_is_unbiased_at_every_size(n):
    figures = simulate_missing(2_000 if n == 40 else 500, seed=n, n=n, imputed=n == 40)

    assert abs(figures.direct_likelihood) <= 0.05
    assert abs(figures.completers) > 0.10


def test_the_tipping_point_grows_with_the_finding():
    """T17: the more has changed, the further those who left must lie away."""
    found = tipping_curve(seed=1)

    assert found == sorted(found)
    assert len(set(found)) == 4
    assert math.isfinite(found[-1])


@pytest.mark.parametrize("k", [1, 2, 3])
def test_goal_attainment_has_mean_50_and_standard_deviation_10(k):
    """T19 with its negative control: a T that takes goals for independent spreads too widely."""
    figures = simulate_goals(20_000, seed=k, k=k)
    print(figures)

    assert figures.mean == pytest.approx(50.0, abs=0.3)
    assert figures.sd == pytest.approx(10.0, abs=0.2)
    assert (figures.sd_independent > 10.8) == (k > 1)
