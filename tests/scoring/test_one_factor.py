import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.one_factor import describe_one_factor, fit_one_factor, fit_weighted_one_factor
from tests.scoring.comparisons.compare_reliability import keyed_items


def implied(loadings, residuals):
    loadings = np.asarray(loadings, dtype=float)
    return np.outer(loadings, loadings) + np.diag(residuals)


def samples(n_samples, n, loadings, seed):
    """Covariances (denominator n) of samples of a one-factor world."""
    rng = np.random.default_rng(seed)
    loadings = np.asarray(loadings)
    x = loadings * rng.normal(size=(n_samples, n, 1)) + np.sqrt(1 - loadings**2) * rng.normal(
        size=(n_samples, n, len(loadings))
    )
    x -= x.mean(axis=1, keepdims=True)
    return np.einsum("bni,bnj->bij", x, x) / n


def test_a_matrix_with_one_factor_is_reproduced():
    loadings, residuals = np.array([1.2, 0.5, 0.8, 0.3, 2.0]), np.array([0.5, 1.0, 0.2, 0.9, 3.0])

    fits = fit_one_factor(implied(loadings, residuals))

    assert fits.loadings == pytest.approx(loadings, abs=1e-7)
    assert fits.uniquenesses == pytest.approx(residuals, abs=1e-7)
    assert float(fits.discrepancy) == pytest.approx(0.0, abs=1e-12)
    assert (bool(fits.converged), bool(fits.heywood)) == (True, False)
    assert float(fits.omega()) == pytest.approx(
        loadings.sum() ** 2 / (loadings.sum() ** 2 + residuals.sum()), abs=1e-9
    )


def test_three_items_have_the_closed_form():
    # l_1^2 = r_12 r_13 / r_23 (Spearman).
    covariance = samples(1, 80, [0.7, 0.6, 0.8], 1)[0]

    fits = fit_one_factor(covariance)

    expected = np.sqrt(covariance[0, 1] * covariance[0, 2] / covariance[1, 2])
    assert fits.loadings[0] == pytest.approx(expected, abs=1e-8)


def test_the_gradient_vanishes_at_the_optimum_by_finite_differences():
    covariance = samples(1, 60, [0.7, 0.6, 0.8, 0.5], 2)[0]
    fits = fit_one_factor(covariance)
    x = np.concatenate([fits.loadings, fits.uniquenesses])

    def discrepancy(x):
        sigma = implied(x[:4], x[4:])
        return np.linalg.slogdet(sigma)[1] + np.trace(covariance @ np.linalg.inv(sigma))

    steps = 1e-5 * np.eye(8)
    slopes = [(discrepancy(x + step) - discrepancy(x - step)) / 2e-5 for step in steps]
    assert slopes == pytest.approx([0.0] * 8, abs=1e-7)


def test_a_stack_gives_what_its_matrices_give_alone():
    stack = samples(6, 60, [0.7] * 4, 3).reshape(2, 3, 4, 4)

    together = fit_one_factor(stack)

    assert together.loadings.shape == (2, 3, 4)
    assert together.converged.all()
    for place in np.ndindex(2, 3):
        alone = fit_one_factor(stack[place])
        assert together.loadings[place] == pytest.approx(alone.loadings, abs=1e-9)


def test_units_and_signs_change_nothing_but_units():
    covariance = samples(1, 100, [0.7, 0.6, 0.8, 0.5], 4)[0]
    units = np.array([1.0, 100.0, 0.01, 7.0])

    plain, other = fit_one_factor(covariance), fit_one_factor(covariance * np.outer(units, units))

    assert other.loadings == pytest.approx(plain.loadings * units, rel=1e-7)
    assert other.uniquenesses == pytest.approx(plain.uniquenesses * units**2, rel=1e-7)
    assert float(other.discrepancy) == pytest.approx(float(plain.discrepancy), abs=1e-12)
    mirrored = fit_one_factor(covariance * np.outer([-1, -1, -1, -1], [-1, -1, -1, -1]))
    assert mirrored.loadings == pytest.approx(plain.loadings, abs=1e-9)


def test_another_start_ends_at_the_same_place():
    stack = samples(200, 60, [0.7] * 5, 5)

    cold = fit_one_factor(stack)
    warm = fit_one_factor(stack, start=(np.full(5, 0.7), np.full(5, 0.51)))

    assert cold.converged.all()
    assert warm.omega() == pytest.approx(cold.omega(), abs=1e-8)


def test_a_heywood_case_is_a_result_with_a_flag():
    # r_12 r_13 / r_23 = 1.35 > 1, so the first residual variance is 1 - 1.35.
    covariance = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.6], [0.9, 0.6, 1.0]])
    covariance[1, 2] = covariance[2, 1] = 0.65
    assert np.linalg.eigvalsh(covariance)[0] > 0

    fits = fit_one_factor(covariance)

    assert bool(fits.converged)
    assert bool(fits.heywood)
    assert fits.uniquenesses[0] == pytest.approx(1.0 - 0.81 / 0.65, abs=1e-8)


@pytest.mark.parametrize(
    "matrix",
    [
        np.full((3, 3), 1.0),
        np.diag([1.0, 0.0, 1.0]),
        np.full((3, 3), np.nan),
        np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]),
    ],
)
def test_a_matrix_that_is_no_covariance_matrix_does_not_converge_and_harms_no_other(matrix):
    good = implied([0.7, 0.7, 0.7], [0.5, 0.5, 0.5])

    fits = fit_one_factor(np.stack([matrix, good]))

    assert fits.converged.tolist() == [False, True]
    assert np.isnan(fits.omega()[0])
    assert fits.omega()[1] == pytest.approx(2.1**2 / (2.1**2 + 1.5), abs=1e-9)


def test_correlations_without_a_real_solution_do_not_converge():
    # The product of the three correlations is negative, so no loadings give it.
    covariance = np.array([[1.0, 0.3, 0.3], [0.3, 1.0, -0.3], [0.3, -0.3, 1.0]])

    assert not bool(fit_one_factor(covariance).converged)


def test_residual_covariances_are_found_where_the_data_have_them():
    truth = implied([0.8, 0.7, 0.6, 0.7, 0.8], [0.4, 0.5, 0.6, 0.5, 0.4])
    truth[0, 3] += 0.2
    truth[3, 0] += 0.2

    with_pair = fit_one_factor(truth, residual_pairs=[(3, 0)])
    without = fit_one_factor(truth)

    assert with_pair.residual_covariances == pytest.approx([0.2], abs=1e-7)
    assert float(with_pair.discrepancy) == pytest.approx(0.0, abs=1e-12)
    assert float(with_pair.omega()) == pytest.approx(3.6**2 / (3.6**2 + 2.4 + 0.4), abs=1e-8)
    # Negative control: the pair left out is seen in the fit and in omega.
    assert float(without.discrepancy) > 0.02
    assert float(without.omega()) > float(with_pair.omega()) + 0.01


def test_a_residual_covariance_has_the_values_of_lavaan():
    # R: cfa("F =~ A1 + ... + A5 \\n A1 ~~ A2", complete rows of bfi with A1 reversed, std.lv = TRUE), omega as a parameter.
    items, _ = keyed_items("bfi", "agree")
    complete = items.dropna()

    model = describe_one_factor(complete.cov(ddof=0), len(complete), residual_pairs=[("A1", "A2")])

    assert model.residual_covariances[("A1", "A2")] == pytest.approx(0.2276222848519, abs=1e-5)
    assert model.omega == pytest.approx(0.6864627911788, abs=1e-5)
    assert model.omega_error == pytest.approx(0.0099130207299, rel=1e-4)
    measures = model.measures
    assert (measures.chi_square, measures.df) == (pytest.approx(15.2644262050, rel=1e-6), 4)
    assert (measures.cfi, measures.srmr) == pytest.approx((0.9955364307, 0.0124347782), abs=1e-6)


def test_estimates_recover_the_truth_on_average():
    loadings = np.array([0.85, 0.8, 0.7, 0.6, 0.5])

    fits = fit_one_factor(samples(1_000, 200, loadings, 6))

    assert fits.converged.all()
    # Sums of 1,000 estimates: four standard errors of a mean are about .01.
    assert fits.loadings.mean(axis=0) == pytest.approx(loadings, abs=0.01)
    assert fits.uniquenesses.mean(axis=0) == pytest.approx(1 - loadings**2, abs=0.015)


def test_the_delta_method_error_is_the_spread_of_omega():
    loadings = np.array([0.7] * 5)
    fits = fit_one_factor(samples(2_000, 300, loadings, 7))

    model = describe_one_factor(pd.DataFrame(implied(loadings, 1 - loadings**2)), 300)

    assert model.omega_error == pytest.approx(float(fits.omega().std(ddof=1)), rel=0.07)


def test_weighted_least_squares_finds_a_factor_whatever_the_weights():
    loadings = np.array([0.9, 0.7, 0.5, 0.3])
    correlations = np.outer(loadings, loadings)
    np.fill_diagonal(correlations, 1.0)

    found, converged = fit_weighted_one_factor(correlations, np.array([1.0, 5.0, 2.0, 9.0, 1.0, 3.0]))

    assert converged
    assert found == pytest.approx(loadings, abs=1e-7)


@pytest.mark.parametrize(
    ("k", "pairs", "code"),
    [
        (2, [], "one_factor.items"),
        (3, [(0, 1)], "one_factor.pairs"),
        (5, [(0, 0)], "one_factor.pairs"),
        (5, [(0, 1), (1, 0)], "one_factor.pairs"),
        (5, [(0, 7)], "one_factor.pairs"),
    ],
)
def test_models_that_are_not_identified_are_refused(k, pairs, code):
    with pytest.raises(ScoringError) as caught:
        fit_one_factor(np.eye(k), residual_pairs=pairs)

    assert caught.value.code == code


def test_unknown_items_among_the_residuals_are_refused():
    with pytest.raises(ScoringError, match="zz"):
        describe_one_factor(pd.DataFrame(np.eye(4), columns=list("abcd")), 100, residual_pairs=[("a", "zz")])


@pytest.mark.parametrize("variances", [[1.0, 0.0, 1.0], [1.0, np.nan, 1.0], [1.0, np.inf, 1.0]])
def test_weights_that_do_not_exist_are_no_solution(variances):
    loadings, converged = fit_weighted_one_factor(np.full((3, 3), 0.5), np.array(variances))

    assert not converged
    assert np.isnan(loadings).all()
