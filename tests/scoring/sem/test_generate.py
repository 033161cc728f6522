from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from scoring.errors import ScoringError
from scoring.sem import fit_confirmatory, fit_specification, specify
from scoring.sem.generate import (
    Population,
    draw_data,
    draw_rows,
    exact_data,
    fitted_population,
    stated_population,
)
from scoring.sem.model import as_model

MODEL = "f =~ .8*a + .6*b + .5*c\ng =~ .7*d + .7*e + -.4*h\nf ~~ .3*g"
FREE = {"f": ["a", "b", "c"], "g": ["d", "e", "h"]}
CUTS = dict.fromkeys("abcdeh", (-1.0, 0.2, 0.9))


def raised(code: str, call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ScoringError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code
    return str(caught.value)


def test_stated_model_gives_its_own_covariances() -> None:
    found = stated_population(MODEL + "\na ~~ .1*b\nh ~~ 2*h", means={"d": 3.0})
    loadings = np.array([[0.8, 0], [0.6, 0], [0.5, 0], [0, 0.7], [0, 0.7], [0, -0.4]])
    expected = loadings @ np.array([[1, 0.3], [0.3, 1]]) @ loadings.T
    expected[0, 1] += 0.1
    expected[1, 0] += 0.1
    np.fill_diagonal(expected, 1.0)
    expected[5, 5] = 0.16 + 2.0

    np.testing.assert_allclose(found.covariance, expected, atol=1e-14)
    assert found.mean.tolist() == [0, 0, 0, 3.0, 0, 0]
    assert not found.ordinal


@pytest.mark.parametrize(
    ("code", "model", "options"),
    [
        ("generate.value", "f =~ .8*a + b + .5*c", {}),
        ("generate.value", "f =~ .8*a + .7*b + .5*c\na ~~ b", {}),
        ("generate.value", "f =~ 1.2*a + .7*b + .5*c", {}),
        ("generate.covariance", "f =~ .8*a + .7*b + .5*c\na ~~ -.3*a", {}),
        ("generate.items", MODEL, {"means": {"z": 1.0}}),
        ("generate.items", MODEL, {"thresholds": {"a": (0.0,)}}),
        ("generate.thresholds", MODEL, {"thresholds": CUTS | {"b": (1.0, 0.0)}}),
        ("generate.thresholds", MODEL, {"thresholds": CUTS | {"b": ()}}),
        ("generate.mean", MODEL, {"means": {"a": np.inf}}),
    ],
)
def test_what_is_no_population_is_refused(code: str, model: str, options: dict[str, Any]) -> None:
    raised(code, stated_population, model, **options)


def test_codes_and_thresholds_must_match() -> None:
    cuts = (np.array([0.0]), np.array([0.0]))
    codes = (np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0]))

    raised("generate.categories", Population, ("a", "b"), np.eye(2), np.zeros(2), cuts, codes)
    raised("generate.covariance", Population, ("a", "b"), np.ones((2, 2)), np.zeros(2))
    raised("generate.covariance", Population, ("a", "b"), np.full((2, 2), np.nan), np.zeros(2))


def test_rows_have_the_moments_of_their_population() -> None:
    population = stated_population(MODEL, means={"a": 2.0})
    n = 40_000
    rows = draw_rows(population, n, np.random.default_rng(1))

    assert list(rows.columns) == list("abcdeh")
    np.testing.assert_allclose(rows.mean(), population.mean, atol=4 / np.sqrt(n))
    # The standard error of a covariance of standardized items is at most sqrt(2 / n).
    np.testing.assert_allclose(rows.cov(), population.covariance, atol=4 * np.sqrt(2 / n))


def test_ordinal_rows_have_the_shares_of_the_thresholds() -> None:
    n = 40_000
    rows = draw_rows(stated_population(MODEL, thresholds=CUTS), n, np.random.default_rng(2))
    expected = np.diff(norm.cdf([-np.inf, *CUTS["a"], np.inf]))

    for item in rows:
        shares = rows[item].value_counts(normalize=True).sort_index()
        assert shares.index.tolist() == [1.0, 2.0, 3.0, 4.0]
        np.testing.assert_allclose(shares, expected, atol=4 * 0.5 / np.sqrt(n))


def test_same_generator_same_rows() -> None:
    population = stated_population(MODEL)
    first, again, other = (draw_rows(population, 9, np.random.default_rng(seed)) for seed in (5, 5, 6))

    assert first.equals(again)
    assert not first.equals(other)


def test_missing_answers_follow_the_patterns() -> None:
    population = stated_population(MODEL)
    rng = np.random.default_rng(3)
    observed = rng.random((200, 6)) < 0.8

    rows = draw_rows(population, 200, np.random.default_rng(4), observed=observed)
    assert (rows.notna().to_numpy() == observed).all()
    complete = draw_rows(population, 200, np.random.default_rng(4))
    assert (rows.to_numpy()[observed] == complete.to_numpy()[observed]).all()

    two = np.array([[True] * 6, [True, False] * 3])
    some = draw_rows(population, 1000, rng, observed=two).notna().to_numpy()
    assert {tuple(row) for row in some.tolist()} == {tuple(row) for row in two.tolist()}
    assert 400 < some.all(axis=1).sum() < 600

    for wrong in (two[:, :5], two.astype(float), two[:0], two[0]):
        raised("generate.observed", draw_rows, population, 10, rng, observed=wrong)
    raised("generate.rows", draw_rows, population, 0, rng)


def test_exact_data_give_the_model_back() -> None:
    population = stated_population(MODEL)

    fit = fit_specification(exact_data(population, 300), specify(as_model(FREE)))

    assert fit.measures.chi_square == pytest.approx(0.0, abs=1e-9)
    loadings = fit.loadings(standardized=True)
    assert loadings["f"].tolist() == pytest.approx([0.8, 0.6, 0.5, 0, 0, 0], abs=1e-6)
    assert loadings["g"].tolist() == pytest.approx([0, 0, 0, 0.7, 0.7, -0.4], abs=1e-6)
    np.testing.assert_allclose(fitted_population(fit).covariance, population.covariance, atol=1e-6)
    raised("generate.estimator", exact_data, stated_population(MODEL, thresholds=CUTS), 300)


def test_drawn_moments_spread_as_those_of_rows() -> None:
    population = stated_population(MODEL)
    rng = np.random.default_rng(8)
    n = 50
    drawn = np.array([draw_data(population, n, rng).samples[0][0] for _ in range(4000)])

    # With denominator n: E s = sigma (n - 1) / n and Var s_ij = (s_ij^2 + s_ii s_jj) (n - 1) / n^2.
    variance = (population.covariance**2 + 1.0) * (n - 1) / n**2
    error = np.sqrt(variance / len(drawn))
    assert (np.abs(drawn.mean(axis=0) - population.covariance * (n - 1) / n) < 4.5 * error).all()
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.15)


@pytest.mark.parametrize("estimator", ["ML", "MLR", "MLM", "ULS", "GLS", "WLSMV"])
def test_drawn_data_are_ready_for_every_estimator(estimator: Any) -> None:
    thresholds = CUTS if estimator == "WLSMV" else None
    population = stated_population(MODEL, thresholds=thresholds)
    rng = np.random.default_rng(11)
    rows = draw_rows(population, 800, rng)
    fit = fit_confirmatory(rows, FREE, estimator=estimator)

    again = fit_specification(
        draw_data(fitted_population(fit), 5000, rng, estimator=estimator), fit.specification
    )

    assert again.converged
    np.testing.assert_allclose(again.loadings(standardized=True), fit.loadings(standardized=True), atol=0.1)


def test_fitted_population_keeps_codes_means_and_thresholds() -> None:
    rng = np.random.default_rng(12)
    rows = draw_rows(stated_population(MODEL, thresholds=CUTS), 600, rng) * 10
    ordinal = fitted_population(fit_confirmatory(rows, FREE, estimator="WLSMV"))
    shares = rows["c"].value_counts(normalize=True).sort_index().cumsum().to_numpy()[:-1]

    assert ordinal.categories is not None
    assert ordinal.thresholds is not None
    assert ordinal.categories[2].tolist() == [10.0, 20.0, 30.0, 40.0]
    np.testing.assert_allclose(ordinal.thresholds[2], norm.ppf(shares), atol=1e-8)
    assert set(draw_rows(ordinal, 500, rng)["c"]) == {10.0, 20.0, 30.0, 40.0}
    continuous = fitted_population(fit_confirmatory(rows, FREE))
    np.testing.assert_allclose(continuous.mean, rows.mean())


def test_missing_answers_reach_full_information() -> None:
    rng = np.random.default_rng(13)
    observed = rng.random((300, 6)) < 0.85
    data = draw_data(stated_population(MODEL), 300, rng, observed=observed)

    assert data.incomplete
    assert len(data.groups[0].counts) > 1
    listwise = draw_data(
        stated_population(MODEL, thresholds=CUTS), 300, rng, estimator="WLSMV", observed=observed
    )
    assert listwise.n_used == observed.all(axis=1).sum()


def test_estimator_must_suit_the_items() -> None:
    rng = np.random.default_rng(14)

    raised("generate.estimator", draw_data, stated_population(MODEL), 100, rng, estimator="WLSMV")
    raised("generate.estimator", draw_data, stated_population(MODEL, thresholds=CUTS), 100, rng)
    # A sample too small to be fitted is refused where every sample is.
    raised("sem.rows", draw_data, stated_population(MODEL), 5, rng)
