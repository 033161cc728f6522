"""Chi-square differences: by hand from the two fits' own measures, and refused or explained where they mean nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from scoring.errors import ScoringError
from scoring.sem import ConfirmatoryModel, fit_specification, prepare_data
from scoring.sem.blocks import Block, Layout
from scoring.sem.difference import compare_nested

ITEMS = ("a", "b", "c", "d")
MODEL = ConfirmatoryModel({"f": ITEMS})
BLOCKS = (Block("p", 0), Block("q", 1))


def answers(n=400, *, heavy=False, intercept=0.0, seed=1):
    """Two groups of n / 2; `heavy` stretches each row by its own factor, which gives all moments heavy tails."""
    rng = np.random.default_rng(seed)
    values = 0.8 * rng.normal(size=(n, 1)) + 0.6 * rng.normal(size=(n, 4))
    if heavy:
        values *= np.sqrt(5.0 / rng.chisquare(5, size=(n, 1)))
    groups = pd.Series(np.repeat(["p", "q"], n // 2))
    values[n // 2 :, 1] += intercept
    return pd.DataFrame(values, columns=list(ITEMS)), groups


def steps(items, groups, estimator="ML", thresholds=None, **options):
    """All steps fitted to one set of prepared data."""
    data = prepare_data(items, ITEMS, estimator=estimator, groups=groups, **options)
    layout = Layout(MODEL, BLOCKS, thresholds)
    return {step: fit_specification(data, layout.specify(held)) for step, held in layout.steps.items()}


def test_maximum_likelihood_takes_the_plain_difference():
    fits = steps(*answers(intercept=0.3))

    result = compare_nested(fits["scalar"], fits["metric"])

    plain = fits["scalar"].measures.chi_square - fits["metric"].measures.chi_square
    assert (result.method, result.df) == ("plain", 3)
    assert result.chi_square == plain
    assert result.p == pytest.approx(chi2.sf(plain, 3))
    assert result.p < 0.01


def test_differences_of_neighbours_add_up():
    fits = steps(*answers())

    parts = [
        compare_nested(fits[later], fits[before])
        for later, before in (("metric", "configural"), ("scalar", "metric"), ("strict", "scalar"))
    ]
    whole = compare_nested(fits["strict"], fits["configural"])

    assert sum(part.chi_square for part in parts) == pytest.approx(whole.chi_square, abs=1e-8)
    assert sum(part.df for part in parts) == whole.df == 10


@pytest.mark.parametrize("estimator", ["MLM", "MLR"])
def test_robust_estimators_scale_the_difference(estimator):
    """Satorra and Bentler (2001) by hand: T0 - T1 over (d0 c0 - d1 c1) / (d0 - d1)."""
    fits = steps(*answers(heavy=True), estimator)
    constrained, free = fits["scalar"].measures, fits["configural"].measures

    result = compare_nested(fits["scalar"], fits["configural"])

    df = constrained.df - free.df
    factor = (constrained.df * constrained.scaling_factor - free.df * free.scaling_factor) / df
    plain = constrained.chi_square - free.chi_square
    assert result.method == "satorra-bentler 2001"
    assert result.chi_square == pytest.approx(plain / factor)
    assert factor > 1.1
    assert result.p == pytest.approx(chi2.sf(result.chi_square, df))


def test_scaling_hardly_matters_where_answers_are_normal():
    items, groups = answers(n=4000)
    plain = compare_nested(*(steps(items, groups)[s] for s in ("scalar", "configural")))
    robust = compare_nested(*(steps(items, groups, "MLM")[s] for s in ("scalar", "configural")))

    assert robust.chi_square == pytest.approx(plain.chi_square, rel=0.1)


def test_a_saturated_model_weighs_nothing():
    """Three items leave the configural model no degrees of freedom, so the difference is the constrained model's own test."""
    items, groups = answers(heavy=True)
    data = prepare_data(items, ITEMS[:3], estimator="MLM", groups=groups)
    layout = Layout(ConfirmatoryModel({"f": ITEMS[:3]}), BLOCKS)
    free, metric = (
        fit_specification(data, layout.specify(layout.steps[s])) for s in ("configural", "metric")
    )

    result = compare_nested(metric, free)

    assert free.measures.df == 0
    assert result.df == 2
    assert result.chi_square == pytest.approx(metric.measures.chi_square_scaled, rel=1e-6)


def test_a_scaled_difference_that_is_not_positive_is_not_interpreted():
    fits = steps(*answers(), "MLM")
    free = replace(fits["metric"], measures=replace(fits["metric"].measures, scaling_factor=9.0))

    result = compare_nested(fits["scalar"], free)

    assert (result.chi_square, result.p) == (None, None)
    assert [note.code for note in result.notes] == ["difference.negative"]


def test_a_model_that_did_not_converge_is_not_compared():
    fits = steps(*answers())

    for broken in ("scalar", "metric"):
        pair = {**fits, broken: replace(fits[broken], converged=False)}
        result = compare_nested(pair["scalar"], pair["metric"])
        assert (result.chi_square, result.p, result.df) == (None, None, 3)
        assert [note.code for note in result.notes] == ["difference.converged"]


def test_the_more_constrained_model_comes_first():
    fits = steps(*answers())

    with pytest.raises(ScoringError, match="more equalities first") as error:
        compare_nested(fits["configural"], fits["scalar"])
    assert error.value.code == "sem.nested"
    with pytest.raises(ScoringError):
        compare_nested(fits["scalar"], fits["scalar"])


def ordinal_answers(*, lower=0.0, n=1000, seed=2):
    items, groups = answers(n, seed=seed)
    items.loc[groups == "q", "b"] -= lower
    codes = np.searchsorted([-1.0, 0.0, 0.8], items.to_numpy()).astype(float)
    return pd.DataFrame(codes, columns=list(ITEMS)), groups


THREE = dict.fromkeys(ITEMS, 3)


def test_ordinal_items_take_satorras_difference_and_see_a_shift():
    for lower, small in ((0.5, True), (0.0, False)):
        fits = steps(*ordinal_answers(lower=lower), "WLSMV", THREE)
        result = compare_nested(fits["scalar"], fits["metric"])
        assert (result.method, result.df) == ("satorra 2000", 3)
        assert (result.p < 1e-6) is small


def test_satorras_difference_has_its_distribution_when_equalities_hold():
    """Mean df and variance 2 df are what scaling and shifting are for; the plain difference has another variance."""
    values = []
    for seed in range(20):
        fits = steps(*ordinal_answers(n=400, seed=100 + seed), "WLSMV", THREE)
        values.append(compare_nested(fits["scalar"], fits["metric"]).chi_square)

    # Standard errors of mean and variance of 20 chi-squares with 3 degrees of freedom.
    assert np.mean(values) == pytest.approx(3.0, abs=3 * np.sqrt(6 / 20))
    assert np.var(values, ddof=1) == pytest.approx(6.0, abs=3 * 6 * np.sqrt((2 + 12 / 3) / 20))


def test_clusters_are_allowed_for():
    """Rows that stand twice, each pair a cluster: the difference is about that of half the table, not of the whole."""
    items, groups = answers(intercept=0.3)
    doubled = pd.concat([items, items], ignore_index=True)
    again = pd.concat([groups, groups], ignore_index=True)
    pairs = pd.Series(np.tile(np.arange(len(items)), 2))

    once = compare_nested(*(steps(items, groups, "MLR")[s] for s in ("scalar", "metric")))
    naive = compare_nested(*(steps(doubled, again, "MLR")[s] for s in ("scalar", "metric")))
    allowed = compare_nested(*(steps(doubled, again, "MLR", clusters=pairs)[s] for s in ("scalar", "metric")))

    assert naive.chi_square == pytest.approx(2 * once.chi_square, rel=0.02)
    assert allowed.chi_square == pytest.approx(once.chi_square, rel=0.05)
