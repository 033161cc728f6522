"""Measures of fit by their definitions, and what a fit reports."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, ncx2, norm

from scoring.sem import ConfirmatoryFit, ConfirmatoryModel, fit_confirmatory
from scoring.sem.fit import (
    Test as ChiSquare,
)
from scoring.sem.fit import (
    comparative_fit,
    indices,
    p_close,
    p_value,
    rmsea,
    rmsea_interval,
    srmr,
    tucker_lewis,
)
from tests.scoring.sem.samples import ITEMS, TWO, cut, draw, punch


@pytest.fixture(scope="module")
def fit() -> ConfirmatoryFit:
    return fit_confirmatory(draw(), ConfirmatoryModel(TWO, (("x1", "x4"),)))  # type: ignore[arg-type]


def codes(found: ConfirmatoryFit) -> set[str]:
    return {note.code for note in found.notes}


# Indices.


@pytest.mark.parametrize(
    ("chi_square", "df", "n", "groups"),
    [
        (40.0, 24, 300, 1),
        (85.3, 24, 301, 1),
        (900.0, 100, 5000, 3),
        (2e5, 40, 100_000, 2),
        (3e7, 8, 10**7, 1),
    ],
)
def test_interval_of_rmsea_puts_the_statistic_at_its_tails(
    chi_square: float, df: int, n: int, groups: int
) -> None:
    low, high = rmsea_interval(chi_square, df, n, groups)
    assert low is not None
    assert high is not None
    point = rmsea(chi_square, df, n, groups)
    assert point is not None
    assert low <= point <= high
    for end, tail in ((low, 0.95), (high, 0.05)):
        noncentrality = end**2 * n * df / groups
        if end > 0:
            assert ncx2.cdf(chi_square, df, noncentrality) == pytest.approx(tail, abs=1e-6)
        else:
            assert chi2.cdf(chi_square, df) <= tail


@pytest.mark.parametrize("chi_square", [-1e-12, 0.0, 1e-9, 2.0])
def test_interval_of_a_perfect_fit_starts_and_may_end_at_zero(chi_square: float) -> None:
    assert rmsea_interval(chi_square, 24, 300) == (0.0, 0.0)
    assert rmsea(chi_square, 24, 300) == 0.0


def test_interval_has_no_step_where_its_formula_changes() -> None:
    below, above = (rmsea_interval(value, 50, 10**6) for value in (0.999999e9, 1.000001e9))
    assert np.allclose(below, above, rtol=2e-6)
    low, high = rmsea_interval(1e14, 50, 10**6)
    assert low is not None
    assert high is not None
    assert 0 < low < high


def test_interval_gets_wider_with_its_level() -> None:
    narrow, wide = rmsea_interval(60.0, 24, 300, level=0.8), rmsea_interval(60.0, 24, 300, level=0.95)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]  # type: ignore[operator]


def test_rmsea_grows_with_the_root_of_the_groups() -> None:
    one, four = rmsea(100.0, 24, 300, 1), rmsea(100.0, 24, 300, 4)
    assert four == pytest.approx(2.0 * one)  # type: ignore[operator]
    assert one == pytest.approx(math.sqrt((100 - 24) / (24 * 300)))


def test_closeness_is_a_noncentral_tail() -> None:
    assert p_close(60.0, 24, 300) == pytest.approx(ncx2.sf(60.0, 24, 300 * 24 * 0.0025))
    assert p_close(60.0, 0, 300) is None
    assert p_close(24.0, 24, 300) > 0.5 > p_close(80.0, 24, 300)  # type: ignore[operator]


def test_comparative_indices_at_their_ends() -> None:
    assert comparative_fit(20.0, 24, 500.0, 36) == 1.0
    assert comparative_fit(500.0, 36, 500.0, 36) == 0.0
    assert comparative_fit(60.0, 24, 500.0, 36) == pytest.approx(1.0 - 36 / 464)
    assert comparative_fit(10.0, 24, 20.0, 36) == 1.0
    # Where the model is worse than the baseline the index stays at 0.
    assert comparative_fit(600.0, 24, 500.0, 36) == 0.0
    assert tucker_lewis(60.0, 24, 500.0, 36) == pytest.approx(1.0 - 36 / 464 * 36 / 24)
    assert tucker_lewis(20.0, 24, 500.0, 36) > 1.0  # type: ignore[operator]
    assert tucker_lewis(0.0, 0, 500.0, 36) == 1.0
    assert p_value(30.0, 24) == pytest.approx(chi2.sf(30.0, 24))
    assert p_value(30.0, 0) is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_without_a_statistic_there_is_no_index(value: float) -> None:
    assert comparative_fit(value, 24, 500.0, 36) is None
    assert tucker_lewis(60.0, 24, value, 36) is None
    assert rmsea(value, 24, 300) is None
    assert rmsea_interval(value, 24, 300) == (None, None)
    assert p_value(value, 24) is None


def test_robust_indices_by_their_definition() -> None:
    test = ChiSquare(80.0, 24, scaled=64.0, scaling_factor=1.25, trace=30.0)
    baseline = ChiSquare(500.0, 36, scaled=400.0, scaling_factor=1.25, trace=45.0)
    found = indices(test, baseline, 300, 1)
    assert found["cfi_scaled"] == pytest.approx(1.0 - 40.0 / 364.0)
    assert found["cfi_robust"] == pytest.approx(1.0 - (80.0 - 30.0) / (500.0 - 45.0))
    assert found["rmsea_robust"] == pytest.approx(math.sqrt((80.0 - 30.0) / (24 * 300)))
    assert found["rmsea_scaled"] == pytest.approx(math.sqrt((80.0 - 30.0) / (30.0 * 300)))
    low = found["rmsea_robust_low"]
    assert low is not None
    assert ncx2.cdf(64.0, 24, low**2 * 300 * 24 / 1.25) == pytest.approx(0.95, abs=1e-6)


def test_without_misfit_robust_and_plain_agree() -> None:
    test = ChiSquare(80.0, 24, scaled=80.0, scaling_factor=1.0, trace=24.0)
    baseline = ChiSquare(500.0, 36, scaled=500.0, scaling_factor=1.0, trace=36.0)
    found = indices(test, baseline, 300, 1)
    for name in ("cfi", "tli", "rmsea", "rmsea_low", "rmsea_high"):
        stem, _, end = name.partition("_")
        suffix = f"_{end}" if end else ""
        assert found[f"{stem}_robust{suffix}"] == pytest.approx(found[name])
        assert found[f"{stem}_scaled{suffix}"] == pytest.approx(found[name])


# Measures of a fit.


def test_baseline_is_the_determinant_of_the_correlations() -> None:
    table = draw()
    measures = fit_confirmatory(table, TWO).measures
    expected = -300 * np.linalg.slogdet(table.corr().to_numpy())[1]
    assert measures.baseline_chi_square == pytest.approx(expected, rel=1e-9)
    assert measures.baseline_df == 15
    groups = pd.Series(["a", "b"] * 150)
    both = fit_confirmatory(table, TWO, groups=groups).measures
    parts = [-150 * np.linalg.slogdet(part.corr().to_numpy())[1] for _, part in table.groupby(groups)]
    assert both.baseline_chi_square == pytest.approx(sum(parts), rel=1e-9)
    assert both.baseline_df == 30


def test_baseline_of_missing_answers_takes_each_item_alone() -> None:
    table = punch(draw(), 0.1)
    found = fit_confirmatory(table, TWO, missing="fiml")
    alone = 0.0
    for item in ITEMS:
        values = table[item].dropna()
        alone += norm.logpdf(values, values.mean(), values.std(ddof=0)).sum()
    largest = found.measures.saturated_log_likelihood
    assert largest is not None
    assert found.measures.baseline_chi_square == pytest.approx(2.0 * (largest - alone), rel=1e-9)


def test_srmr_by_its_definition() -> None:
    table = draw()
    found = fit_confirmatory(table, TWO, mean_structure=True)
    sample, implied = table.cov(ddof=0).to_numpy(), found.implied()[0].to_numpy()
    sd = np.sqrt(np.diag(sample))
    rows, columns = np.tril_indices(6)
    residual = ((sample - implied) / np.outer(sd, sd))[rows, columns]
    assert found.measures.srmr == pytest.approx(math.sqrt((residual**2).sum() / (21 + 6)))
    plain = fit_confirmatory(table, TWO).measures.srmr
    assert plain == pytest.approx(math.sqrt((residual**2).mean()))


def test_srmr_is_the_mean_over_groups_by_size() -> None:
    one, off = np.eye(2), np.array([[1.0, 0.3], [0.3, 1.0]])
    zero = np.zeros(2)
    shares = np.array([0.25, 0.75])
    found = srmr(shares, [(one, zero), (off, zero)], [(one, zero), (one, zero)], means=False)
    assert found == pytest.approx(0.75 * 0.3 / math.sqrt(3))
    # For ordinal items only the correlation leaves a residual; the diagonal counts all the same.
    found = srmr(shares, [(one, zero), (off, zero)], [(one, zero)] * 2, means=False, correlations_only=True)
    assert found == pytest.approx(0.75 * 0.3 / math.sqrt(3))


def test_scaling_factors_make_one_another() -> None:
    measures = fit_confirmatory(np.exp(draw()), TWO, estimator="MLR").measures
    saturated, model = measures.scaling_factor_saturated, measures.scaling_factor_model
    assert saturated is not None
    assert model is not None
    whole = (21 * saturated - measures.n_parameters * model) / measures.df
    assert measures.scaling_factor == pytest.approx(whole)
    assert measures.chi_square_scaled == pytest.approx(measures.chi_square / whole)


@pytest.mark.parametrize("estimator", ["ML", "GLS", "ULS"])
def test_plain_estimators_have_no_scaled_measures(estimator: Any) -> None:
    measures = fit_confirmatory(draw(), TWO, estimator=estimator).measures
    assert measures.chi_square_scaled is None
    assert measures.cfi_scaled is None
    assert measures.cfi_robust is None
    assert (measures.log_likelihood is None) == (estimator != "ML")


# The report.


def test_table_of_parameters(fit: ConfirmatoryFit) -> None:
    table = fit.parameters
    free = table[table["free"]]
    assert len(free) == fit.measures.n_parameters
    assert np.allclose(free["z"], free["estimate"] / free["se"])
    assert np.allclose(free["p"], 2 * norm.sf(np.abs(free["z"])))
    assert np.allclose(free["high"] - free["low"], 2 * norm.ppf(0.975) * free["se"])
    fixed = table[~table["free"]]
    assert fixed[["se", "z", "p", "low", "high"]].isna().all(axis=None)
    assert fixed["estimate"].tolist() == [1.0, 1.0]
    assert fit.covariance is not None
    assert np.allclose(np.sqrt(np.diag(fit.covariance)), free["se"])


def test_standardized_values_by_their_definition(fit: ConfirmatoryFit) -> None:
    table = fit.parameters.set_index(["left", "operator", "right"])
    covariance = fit.implied()[0]
    for factor, items in TWO.items():
        sd = math.sqrt(table.at[(factor, "~~", factor), "estimate"])
        for item in items:
            row = table.loc[(factor, "=~", item)]
            assert row["std_lv"] == pytest.approx(row["estimate"] * sd)
            assert row["std_all"] == pytest.approx(row["std_lv"] / math.sqrt(covariance.at[item, item]))
    for item in ITEMS:
        factor = "trust" if item in TWO["trust"] else "voice"
        left = 1.0 - table.at[(factor, "=~", item), "std_all"] ** 2
        assert table.at[(item, "~~", item), "std_all"] == pytest.approx(left)
    residual = table.loc[("x1", "~~", "x4")]
    size = math.sqrt(table.at[("x1", "~~", "x1"), "estimate"] * table.at[("x4", "~~", "x4"), "estimate"])
    assert residual["std_all"] == pytest.approx(residual["estimate"] / size)
    assert table.at[("trust", "~~", "voice"), "std_all"] == pytest.approx(
        fit.factor_correlations().iloc[0, 1]
    )


def test_matrices_of_a_fit(fit: ConfirmatoryFit) -> None:
    loadings = fit.loadings()
    assert loadings.index.tolist() == ITEMS
    assert loadings.columns.tolist() == ["trust", "voice"]
    assert loadings.at["x1", "trust"] == 1.0
    assert (loadings.loc[TWO["voice"], "trust"] == 0.0).all()
    assert np.allclose(np.diag(fit.factor_correlations()), 1.0)
    covariance, mean = fit.implied()
    assert np.allclose(covariance, covariance.T)
    assert mean.index.tolist() == ITEMS


def test_a_good_fit_of_many_rows_needs_no_note() -> None:
    assert fit_confirmatory(draw(), TWO).notes == ()


def test_notes_of_size_and_degrees_of_freedom() -> None:
    assert "sem.small" in codes(fit_confirmatory(draw(149), TWO))
    assert "sem.small" not in codes(fit_confirmatory(draw(150), TWO))
    one = ["x1", "x2", "x3", "x4"]
    assert "sem.few_df" in codes(fit_confirmatory(draw(), {"f": one}))
    assert "sem.saturated_model" in codes(fit_confirmatory(draw(), {"f": one[:3]}))


def test_rows_that_are_left_out_are_counted() -> None:
    table = draw(200)
    table.loc[:9, "x1"] = np.nan
    table.loc[5:7, :] = np.nan
    plain = fit_confirmatory(table, TWO)
    assert (plain.n_used, plain.n_dropped) == (190, 10)
    assert "10 rows" in " ".join(str(note) for note in plain.notes)
    full = fit_confirmatory(table, TWO, missing="fiml")
    assert (full.n_used, full.n_dropped) == (197, 3)
    assert "3 rows" in " ".join(str(note) for note in full.notes)


def test_rows_without_a_group_are_counted() -> None:
    labels = pd.Series([None] * 20 + ["a", "b"] * 140, dtype=object)
    found = fit_confirmatory(draw(300), TWO, groups=labels)
    assert (found.n_used, found.n_dropped) == (280, 20)
    assert found.group_labels == ("a", "b")
    assert found.group_sizes == (140, 140)
    assert "sem.ungrouped" in codes(found)


def test_least_squares_says_why_it_has_no_errors() -> None:
    found = fit_confirmatory(draw(), TWO, estimator="ULS")
    assert found.parameters["se"].isna().all()
    assert "sem.errors" in codes(found)


def test_robust_indices_that_are_missing_are_explained() -> None:
    rare = cut(draw(12, seed=3), (0.0,))
    found = fit_confirmatory(rare, TWO, estimator="WLSMV")
    assert (found.measures.cfi_robust is None) == ("sem.robust" in codes(found))
    assert found.measures.cfi_robust is None


def test_what_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.sem.optimize._STEPS", 1)
    found = fit_confirmatory(draw(), TWO)
    assert not found.converged
    assert "sem.converged" in codes(found)


def test_two_items_that_are_almost_one_are_a_heywood_case() -> None:
    table = draw()
    table["x2"] = table["x1"] + 1e-3 * table["x2"]
    found = fit_confirmatory(table, TWO)
    assert not found.proper
    assert "sem.heywood" in codes(found)
