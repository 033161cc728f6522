"""Targets T8, T9 and T11 of the measurement plan with their negative controls: R = 200 with wide bands, R = 2,000 when asked for."""

import pytest

from tests.scoring.simulations.dyads import (
    CONGRUENT,
    CURVED,
    DIFFERENCE_ONLY,
    PairWorld,
    SurfaceWorld,
    simulate_correlation,
    simulate_effects,
    simulate_surface,
)

FEW, MANY = 200, 2_000
POWER = {20: 0.27, 40: 0.49, 80: 0.80}
EQUAL_MAIN_EFFECTS = SurfaceWorld({"b0": 3.0, "b1": 0.35, "b2": 0.35})


def check_effects(samples, n, seed, slack, bias):
    """T8 at one size. Both roles count, so a share rests on 2 R values; slack is three of its standard errors and more."""
    figures = simulate_effects(samples, n, seed)
    null = simulate_effects(samples, n, seed + 1, PairWorld(partner=0.0))
    print(figures, null, sep="\n")
    assert abs(figures.actor_bias) <= bias * 0.3
    assert abs(figures.partner_bias) <= bias * 0.3
    for coverage in (figures.actor_coverage, figures.partner_coverage, null.partner_coverage):
        assert 0.94 - slack <= coverage <= 0.96 + slack
    assert 0.04 - slack <= null.partner_found <= 0.06 + slack
    if n in POWER:
        assert abs(figures.partner_found - POWER[n]) <= 0.03 + 2 * slack
    # Negative control: without the partner in the model the actor effect takes over a share of the partner's.
    assert figures.actor_without_partner - 0.3 > 0.05


@pytest.mark.parametrize("n", [20, 80])
def test_t8_actor_and_partner_effects(n):
    check_effects(FEW, n, n, 0.035, 0.15)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 40, 80, 150])
def test_t8_at_every_size(n):
    check_effects(MANY, n, n, 0.011, 0.05)


def check_correlation(samples, n, r, slack):
    """T9 at one size."""
    figures = simulate_correlation(samples, n, n, r)
    print(figures)
    assert 0.93 - slack <= figures.coverage <= 0.97 + slack
    # Negative control: the interval of 2 n people is too narrow.
    assert figures.coverage_of_people < 0.90


@pytest.mark.parametrize("n", [10, 40])
def test_t9_interval_of_the_correlation(n):
    check_correlation(FEW, n, 0.3, 0.04)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 40, 80])
@pytest.mark.parametrize("r", [0.0, 0.3, 0.6])
def test_t9_at_every_size(n, r):
    check_correlation(MANY, n, r, 0.005)


def check_recovery(samples, seed, world, share, least):
    """T11: every surface parameter within a share of the truth, or near 0 where it is 0."""
    figures = simulate_surface(samples, 200, seed, world)
    print(figures)
    for name, truth in figures.truth.items():
        assert figures.mean[name] == pytest.approx(truth, rel=share, abs=least)
    assert abs(figures.discrepancy_bias) <= least
    return figures


def check_false_claims(samples, seed, allowed):
    """T11: where two levels are all that matters, agreement is not claimed, and difference scores would claim it."""
    for world in (SurfaceWorld(), EQUAL_MAIN_EFFECTS, DIFFERENCE_ONLY):
        figures = check_recovery(samples, seed, world, 0.10, 0.03)
        assert figures.congruence <= allowed
    # Negative control: D "works" although nothing depends on agreement.
    assert simulate_surface(samples, 200, seed).by_difference >= 0.5
    difference = simulate_surface(samples, 200, seed, DIFFERENCE_ONLY)
    assert difference.by_absolute_difference >= 0.5


def test_t11_surface_and_discrepancy():
    check_recovery(FEW, 7, CURVED, 0.10, 0.03)
    # The true thing is found: the checklist is strict but not blind.
    assert check_recovery(FEW, 7, CONGRUENT, 0.10, 0.03).congruence >= 0.70


def test_t11_no_false_agreement():
    # The target is .05; two standard errors of a share of 200 samples come on top.
    check_false_claims(FEW, 7, 0.08)


@pytest.mark.slow
def test_t11_with_many_samples():
    check_recovery(MANY, 8, CURVED, 0.05, 0.01)
    assert check_recovery(MANY, 8, CONGRUENT, 0.05, 0.01).congruence >= 0.80
    check_false_claims(MANY, 8, 0.05)
