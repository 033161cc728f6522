"""Target T14 of the measurement plan (6.3): false and true findings of the rules of invariance, where the truth is known.

"Non-invariant" may be said falsely in 5 % of samples, and a true model rejected in 10 %; a shift of half a standard deviation of one of
five items is to be found in 80 %, all from 150 respondents. In the default run the bands are the targets widened by three standard
errors of the samples drawn, with the marker `slow` by those of 2,000. Every run is seeded.
"""

from functools import cache

import numpy as np
import pytest

from scoring.sem import ConfirmatoryModel, fit_specification, prepare_data
from scoring.sem.blocks import Layout, widen
from scoring.sem.invariance import group_invariance, wave_invariance
from scoring.sem.moments import group_moments
from tests.scoring.simulations.invariance import (
    ITEMS,
    STEPS,
    InvarianceFigures,
    Samples,
    World,
    simulate_invariance,
)

MODEL = {"f": ITEMS}


def margin(samples, share):
    """Three standard errors of a share."""
    return 3 * np.sqrt(share * (1 - share) / samples)


@cache
def figures(world, samples=200, n_draws=60) -> InvarianceFigures:
    found = simulate_invariance(samples, world, world.n, n_draws=n_draws)
    print(found)
    return found


def check_false(found):
    assert found.converged == 1.0
    assert found.either <= 0.05 + margin(found.samples, 0.05), str(found)


def check_detected(found):
    assert found.converged == 1.0
    assert found.either >= 0.80 - margin(found.samples, 0.80), str(found)


def check_true_model(found):
    assert found.misfit <= 0.10 + margin(found.samples, 0.10), str(found)


def invariance_of(world, table, **options):
    """The engine's own report."""
    if world.sight == "groups":
        return group_invariance(table[list(ITEMS)], MODEL, table["place"], **options)
    return wave_invariance(table, MODEL, person="person", wave="place", **options)


@pytest.mark.parametrize("categories", [False, True], ids=["normal", "categories"])
@pytest.mark.parametrize(("sight", "n"), [("groups", 220), ("groups", 420), ("waves", 180), ("waves", 420)])
def test_all_samples_together_are_as_the_engine_one_by_one(sight, n, categories):
    world = World(sight, n, shift=0.3, categories=categories)
    table = world.table(np.random.default_rng(n))
    report = invariance_of(world, table, n_draws=99, seed=5)
    values = table[list(ITEMS)].to_numpy()
    rows = np.split(values, [world.sizes[0]]) if sight == "groups" else [np.hstack(np.split(values, 2))]
    moments = [group_moments(part) for part in rows]
    drawn = [(moment.covariance[None], moment.mean[None]) for moment in moments]
    samples = Samples(world, 1, 5, drawn)

    for step in report.steps[:3]:
        assert step.fit.measures.chi_square == pytest.approx(samples.steps[step.step].chi_square[0], abs=1e-5)
        assert step.fit.measures.df == samples.steps[step.step].df
    for step in report.steps[1:3]:
        changes = samples.changes(step.step, 0)
        assert (step.d_cfi, step.d_rmsea, step.d_srmr) == pytest.approx(changes[:3], abs=1e-5)
        reference = samples.reference(step.step, 0, 99)
        assert (reference is None) == (step.reference is None)
        if reference is not None and step.d_cfi < -0.005:
            assert reference.p == pytest.approx(step.reference.p, abs=1e-9)
            assert reference.p_chi_square == pytest.approx(step.reference.p_chi_square, abs=1e-9)
        assert samples.rejected(step.step, 0, 99) is not step.holds


@pytest.mark.parametrize("sight", ["groups", "waves"])
def test_a_drawn_table_has_the_moments_it_should(sight):
    world = World(sight, 100_000, shift=0.5, impact=0.3, loading=0.5)
    table = world.table(np.random.default_rng(1))
    first, later = (table.loc[table["place"] == block.label, list(ITEMS)] for block in world.blocks)

    assert first.mean().to_numpy() == pytest.approx(np.zeros(5), abs=0.03)
    expected = np.full(5, 0.3 * 0.75)
    expected[2] = 0.3 * 0.5 - 0.5
    assert later.mean().to_numpy() == pytest.approx(expected, abs=0.03)
    assert first.var().to_numpy() == pytest.approx(np.ones(5), abs=0.03)
    assert later["i0"].cov(later["i2"]) == pytest.approx(0.75 * 0.5, abs=0.03)
    if sight == "waves":
        later.index = first.index
        assert first["i0"].cov(later["i1"]) == pytest.approx(0.75**2 * 0.8, abs=0.03)
        assert first["i0"].cov(later["i0"]) == pytest.approx(0.75**2 * 0.8 + 0.35 * (1 - 0.75**2), abs=0.03)


def test_the_world_in_categories_is_the_pilot_model_of_the_plan():
    # Measurement plan, section 6.1: mean about 3.8, SD .76, retest .71.
    table = World("waves", 100_000, categories=True).table(np.random.default_rng(2))
    scores = table.assign(score=table[list(ITEMS)].mean(axis=1)).pivot(
        index="person", columns="place", values="score"
    )

    assert scores["1"].mean() == pytest.approx(3.8, abs=0.1)
    assert scores["1"].std() == pytest.approx(0.76, abs=0.02)
    assert scores.corr().loc["1", "2"] == pytest.approx(0.71, abs=0.01)


@pytest.mark.parametrize("sight", ["groups", "waves"])
def test_below_150_the_engine_says_locked(sight):
    world = World(sight, 149, shift=0.5)
    report = invariance_of(world, world.table(np.random.default_rng(3)))

    assert report.verdict == "locked"
    assert all(step.holds is None and step.reference is None for step in report.steps)
    assert report.observed_means_comparable is None


# The targets in small


@pytest.mark.parametrize(("sight", "n"), [("groups", 200), ("groups", 300), ("waves", 150), ("waves", 300)])
@pytest.mark.parametrize("categories", [False, True], ids=["normal", "categories"])
def test_invariance_that_holds_is_seldom_denied(sight, categories, n):
    check_false(figures(World(sight, n, categories=categories), 80))


@pytest.mark.parametrize("sight", ["groups", "waves"])
def test_a_true_model_of_normal_answers_is_seldom_rejected(sight):
    check_true_model(figures(World(sight, 300), 100))


@pytest.mark.parametrize(
    ("sight", "unit", "n", "samples"),
    [
        ("groups", "answer", 200, 30),
        ("waves", "factor", 150, 30),
        ("groups", "answer", 401, 200),
        ("waves", "factor", 401, 200),
    ],
)
@pytest.mark.parametrize("categories", [False, True], ids=["normal", "categories"])
def test_a_shift_of_half_a_standard_deviation_is_found(sight, unit, categories, n, samples):
    check_detected(figures(World(sight, n, shift=0.5, unit=unit, categories=categories), samples))


def test_a_shift_is_found_at_the_step_of_intercepts_and_a_loading_at_the_step_of_loadings():
    """With each other as negative control."""
    shifted = figures(World("waves", 401, shift=0.5))
    weaker = figures(World("waves", 401, loading=0.35))

    assert shifted.scalar > 0.95
    assert shifted.metric < 0.2
    assert weaker.metric > 0.8


def test_fixed_limits_alone_would_not_do_below_300():
    """Why the reference is there: at 150, limits of CFI and RMSEA alone deny what holds three times as often as they may."""
    samples = Samples(World("groups", 150), 200, seed=1)
    found = [
        any(samples.runner._rejected(step, *samples.changes(step, number), None) for step in STEPS[1:])
        for number in range(200)
    ]

    assert np.mean(found) > 0.15


# The targets in full


SLOW = {"samples": 2_000, "n_draws": 500}


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 250, 300, 400, 401])
@pytest.mark.parametrize("categories", [False, True], ids=["normal", "categories"])
@pytest.mark.parametrize("sight", ["groups", "waves"])
def test_invariance_that_holds_is_seldom_denied_at_every_size(sight, categories, n):
    check_false(figures(World(sight, n, categories=categories), **SLOW))


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 300, 400])
@pytest.mark.parametrize("categories", [False, True], ids=["normal", "categories"])
@pytest.mark.parametrize(("sight", "unit"), [("groups", "answer"), ("waves", "answer"), ("waves", "factor")])
def test_a_shift_of_half_a_standard_deviation_is_found_at_every_size(sight, unit, categories, n):
    check_detected(figures(World(sight, n, shift=0.5, unit=unit, categories=categories), **SLOW))


@pytest.mark.slow
@pytest.mark.parametrize("n", [150, 200, 300])
@pytest.mark.parametrize("sight", ["groups", "waves"])
def test_a_true_model_of_normal_answers_is_seldom_rejected_at_every_size(sight, n):
    check_true_model(figures(World(sight, n), **SLOW))


@pytest.mark.slow
@pytest.mark.parametrize("n", [150, 300])
@pytest.mark.parametrize("sight", ["groups", "waves"])
def test_a_true_model_of_categories_is_seldom_rejected_by_the_scaled_test(sight, n):
    """Answers in five skewed categories are not normal: the plain chi-square rejects too often, Satorra and Bentler's does not."""
    world, rng, found = World(sight, n, categories=True), np.random.default_rng(n), []
    layout = Layout(ConfirmatoryModel(MODEL), world.blocks)
    for _ in range(500):
        table = world.table(rng)
        if sight == "groups":
            data = prepare_data(table[list(ITEMS)], ITEMS, estimator="MLM", groups=table["place"])
        else:
            wide, blocks = widen(table, ITEMS, unit="person", occasion="place")
            data = prepare_data(wide, [b.name(item) for b in blocks for item in ITEMS], estimator="MLM")
        found.append(fit_specification(data, layout.specify(frozenset())).measures)

    assert np.mean([measures.p_scaled < 0.05 for measures in found]) <= 0.10 + margin(500, 0.10)
    assert np.mean([measures.p < 0.05 for measures in found]) > 0.08
