"""Estimation of confirmatory models: derivatives, what must not matter, closed forms, recovery, and what must be detected."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from scoring.errors import ScoringError
from scoring.sem import (
    ConfirmatoryFit,
    ConfirmatoryModel,
    Parameter,
    Specification,
    fit_confirmatory,
    fit_specification,
    prepare_data,
    specify,
)
from scoring.sem.data import FittingData, model_without_factors, point_of
from scoring.sem.likelihood import NormalProblem, invert_information
from scoring.sem.matrices import compile_model
from scoring.sem.moments import group_moments, moments_from_covariance
from scoring.sem.score_tests import modification_indices
from tests.scoring.sem.samples import ITEMS, TWO, at_population, central_gradient, cut, draw, punch

# Every kind of parameter: cross-loading, residual covariance, labels within and across groups, means, a path between factors.
TEXT = "trust =~ x1 + x2 + a*x3 + x5\nvoice =~ x4 + a*x5 + x6\nx1 ~~ x4\nx2 ~~ v*x2\nx6 ~~ v*x6"


def everything(*, n_groups: int = 2, path: bool = True, means: bool = True) -> Specification:
    base = specify(ConfirmatoryModel.parse(TEXT), n_groups=n_groups, mean_structure=means)

    def place(p: Parameter) -> Parameter:
        """The second group's mean of a factor is free where the intercepts of its items are equal."""
        if p.operator == "~1" and p.left == "voice" and p.group == 1:
            return replace(p, free=True)
        if p.operator == "~1" and p.left in {"x4", "x6"}:
            return replace(p, label=f"intercept of {p.left}")
        return p

    parameters = [place(p) for p in base.parameters if not (path and p.name == "trust ~~ voice")]
    if path:
        parameters += [Parameter("voice", "~", "trust", group=group) for group in range(n_groups)]
    return replace(base, parameters=tuple(parameters))


def some_point(specification: Specification, seed: int = 4) -> np.ndarray:
    """A feasible point away from any optimum."""
    model = compile_model(specification)
    x = np.zeros(model.n_free)
    rng = np.random.default_rng(seed)
    for group, cells in enumerate(model.cells):
        parameters = [p for p in specification.parameters if p.group == group]
        for parameter, index in zip(parameters, cells.index, strict=True):
            if index >= 0:
                variance = parameter.operator == "~~" and parameter.left == parameter.right
                size = {"~~": 0.1, "=~": 0.7, "~": 0.4, "~1": 0.2}[parameter.operator]
                x[index] = (1.0 if variance else size) * rng.uniform(0.8, 1.2)
    return x


def rows_of(n: int, missing: float, seed: int = 0) -> np.ndarray:
    table = draw(n, seed=seed)
    return (punch(table, missing) if missing else table).dropna(how="all").to_numpy()


def problem_of(specification: Specification, estimator: Any = "ML", missing: float = 0.0) -> NormalProblem:
    groups = tuple(
        group_moments(rows_of(60 + 30 * group, missing, group)) for group in range(specification.n_groups)
    )
    return NormalProblem(compile_model(specification), groups, estimator)


@pytest.mark.parametrize("path", [False, True], ids=["plain", "path"])
@pytest.mark.parametrize("means", [False, True], ids=["covariances", "means"])
@pytest.mark.parametrize(
    ("estimator", "missing"), [("ML", 0.0), ("ML", 0.2), ("GLS", 0.0), ("ULS", 0.0)], ids=str
)
def test_gradient_is_the_central_difference(path: bool, means: bool, estimator: str, missing: float) -> None:
    specification = everything(path=path, means=means or missing > 0)
    problem = problem_of(specification, estimator, missing)
    x = some_point(specification)
    numeric = central_gradient(problem.objective, x)
    assert np.allclose(problem.gradient(x), numeric, rtol=1e-6, atol=1e-8)
    assert np.abs(numeric).max() > 0.01


@pytest.mark.parametrize("path", [False, True], ids=["plain", "path"])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_hessian_is_the_central_difference_of_the_gradient(path: bool, missing: float) -> None:
    specification = everything(path=path)
    problem = problem_of(specification, "ML", missing)
    x = some_point(specification)
    numeric = central_gradient(problem.gradient, x) / 2.0
    assert np.allclose(problem.hessian(x), numeric, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("means", [False, True])
def test_expected_information_is_the_observed_one_where_the_model_is_true(means: bool) -> None:
    specification = everything(means=means)
    x = some_point(specification)
    _, problem = at_population(specification, x)
    assert np.allclose(problem.information(x), problem.hessian(x), atol=1e-9)
    assert np.abs(problem.gradient(x)).max() < 1e-10


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_scores_add_up_to_the_gradient(missing: float) -> None:
    specification = everything()
    problem = problem_of(specification, "ML", missing)
    x = some_point(specification)
    total = sum(problem.scores(x, group).sum(axis=0) for group in (0, 1))
    # F is -2 / N times the log-likelihood, up to a constant.
    assert np.allclose(total, -0.5 * problem.n * problem.gradient(x), atol=1e-8)


def test_score_of_a_row_is_the_derivative_of_its_log_likelihood() -> None:
    specification = everything(n_groups=1)
    problem = problem_of(specification, "ML", 0.3)
    x = some_point(specification)
    rows = problem.groups[0].rows
    assert rows is not None
    scores = problem.scores(x, 0)
    for number in (0, 7, 30):
        seen = ~np.isnan(rows[number])

        def at(y: np.ndarray, number: int = number, seen: np.ndarray = seen) -> float:
            covariance, mean = problem.model.moments(y, 0)
            return float(
                multivariate_normal.logpdf(rows[number][seen], mean[seen], covariance[np.ix_(seen, seen)])
            )

        assert np.allclose(scores[number], central_gradient(at, x), atol=1e-7)


@pytest.mark.parametrize("observed", [False, True], ids=["expected", "observed"])
@pytest.mark.parametrize("factors", [False, True], ids=["saturated", "factors"])
def test_patterns_at_once_are_patterns_one_by_one(
    observed: bool, factors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = (
        everything() if factors else model_without_factors(tuple(ITEMS), 2, means=True, covariances=True)
    )
    problem = problem_of(specification, "ML", 0.3)
    if factors:
        x = some_point(specification)
    else:
        x = point_of(problem.model, [(group.covariance, group.mean + 0.1) for group in problem.groups])
    ask = problem.hessian if observed else problem.information
    assert len(problem.groups[0].counts) > 8
    at_once = ask(x)
    monkeypatch.setattr("scoring.sem.pooling._PATTERNS", 10**6)
    assert np.allclose(ask(x), at_once, rtol=1e-12, atol=1e-13)


def test_scores_need_rows() -> None:
    specification = everything(n_groups=1)
    _, problem = at_population(specification, some_point(specification))
    with pytest.raises(ValueError, match="rows"):
        problem.scores(some_point(specification), 0)


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.ones((2, 2)), np.diag([1.0, np.nan])])
def test_a_matrix_that_is_no_information_is_not_inverted(matrix: np.ndarray) -> None:
    with pytest.raises(np.linalg.LinAlgError):
        invert_information(matrix)


def test_information_is_inverted_in_its_own_units() -> None:
    scale = np.array([1e-9, 1.0, 1e9])
    matrix = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.0]]) * np.outer(scale, scale)
    expected = np.linalg.inv(matrix / np.outer(scale, scale))
    assert np.allclose(invert_information(matrix) * np.outer(scale, scale), expected, rtol=1e-12)


# What must not matter.

VARIANTS: list[dict[str, Any]] = [
    {},
    {"estimator": "MLR"},
    {"estimator": "MLM"},
    {"estimator": "GLS"},
    {"missing": "fiml", "estimator": "MLR"},
]


def standardized(fit: ConfirmatoryFit) -> pd.Series:
    """Standardized values by parameter, whichever way round a covariance is written and whatever the order."""
    table = fit.parameters[fit.parameters["operator"] != "~1"]
    names = [
        f"{group} {' '.join(sorted((left, right))) if operator == '~~' else left + ' ' + right} {operator}"
        for group, left, operator, right in table[["group", "left", "operator", "right"]].itertuples(
            index=False
        )
    ]
    return pd.Series(table["std_all"].to_numpy(), index=names).sort_index()


MEASURES = ("chi_square", "chi_square_scaled", "cfi", "rmsea", "rmsea_high", "srmr", "cfi_robust")


def same(
    first: ConfirmatoryFit,
    second: ConfirmatoryFit,
    tolerance: float = 1e-6,
    measures: Sequence[str] = MEASURES,
) -> None:
    assert first.converged
    assert second.converged
    assert np.allclose(standardized(first), standardized(second), atol=tolerance)
    for name in measures:
        ours, other = getattr(first.measures, name), getattr(second.measures, name)
        assert (ours is None) == (other is None)
        if ours is not None:
            assert ours == pytest.approx(other, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("factor", [1000.0, 1e-4, 1e12, 1e-12])
def test_units_do_not_matter(options: dict[str, Any], factor: float) -> None:
    table = draw()
    table = punch(table, 0.05) if "missing" in options else table
    same(
        fit_confirmatory(table, TWO, **options),
        fit_confirmatory(factor * (table + 2.0), TWO, **options),
        1e-5,
    )


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_different_units_of_items_do_not_matter(options: dict[str, Any]) -> None:
    table = draw()
    table = punch(table, 0.05) if "missing" in options else table
    factors = np.array([1e6, 1.0, 1e-3, 1e3, 1e-6, 7.0])
    same(fit_confirmatory(table, TWO, **options), fit_confirmatory(table * factors, TWO, **options), 1e-5)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_order_of_rows_items_and_factors_does_not_matter(options: dict[str, Any]) -> None:
    table = draw()
    table = punch(table, 0.05) if "missing" in options else table
    turned = {"voice": ["x6", "x4", "x5"], "trust": ["x2", "x3", "x1"]}
    shuffled = table.sample(frac=1.0, random_state=3)[["x4", "x1", "x6", "x3", "x5", "x2"]]
    same(fit_confirmatory(table, TWO, **options), fit_confirmatory(shuffled, turned, **options))


def test_which_item_is_the_marker_does_not_matter() -> None:
    table = draw()
    marker = fit_confirmatory(table, TWO)
    same(marker, fit_confirmatory(table, TWO, scaling="unit_variance"))
    second = "trust =~ NA*x1 + 1*x2 + x3\nvoice =~ NA*x4 + x5 + -2*x6"
    other = fit_confirmatory(table, second)
    assert other.measures.chi_square == pytest.approx(marker.measures.chi_square, rel=1e-9)


@pytest.mark.parametrize("item", ["x1", "x2"])
def test_a_fixed_loading_orients_its_factor(item: str) -> None:
    """Reversed items beside a fixed one, wherever it stands: the search does not start on the wrong side."""
    table = draw(reversed_items=[item])
    plain = fit_confirmatory(draw(), TWO)
    for text in ("trust =~ NA*x1 + 1*x2 + x3", "trust =~ -1*x1 + x2 + x3", "trust =~ x1 + x2 + x3"):
        fit = fit_confirmatory(table, text + "\nvoice =~ x4 + x5 + x6")
        assert fit.converged
        assert fit.measures.chi_square == pytest.approx(plain.measures.chi_square, rel=1e-8)


def test_full_information_without_missing_answers_is_maximum_likelihood() -> None:
    table = draw()
    plain = fit_confirmatory(table, TWO, mean_structure=True)
    full = fit_confirmatory(table, TWO, missing="fiml")
    same(plain, full, measures=[name for name in MEASURES if name != "cfi_robust"])
    # Of complete answers the robust index for missing ones is the plain one.
    assert full.measures.cfi_robust == pytest.approx(plain.measures.cfi, abs=1e-9)
    assert np.allclose(plain.x, full.x, atol=1e-7)
    assert plain.measures.log_likelihood == pytest.approx(full.measures.log_likelihood, rel=1e-12)
    # The means are always part of full information, whatever is asked for.
    assert fit_confirmatory(table, TWO, missing="fiml", mean_structure=False).specification.mean_structure


def test_one_group_is_no_groups() -> None:
    table = draw()
    for options in VARIANTS:
        alone = fit_confirmatory(table, TWO, **options)
        label = fit_confirmatory(table, TWO, groups=pd.Series("only", index=table.index), **options)
        assert label.group_labels == ("only",)
        assert label.measures == alone.measures
        assert np.allclose(label.x, alone.x)


def test_groups_without_equalities_are_fitted_apart() -> None:
    first, second = draw(250, seed=1), draw(200, seed=2)
    table = pd.concat([first, second], ignore_index=True)
    labels = pd.Series(["a"] * 250 + ["b"] * 200)
    both = fit_confirmatory(table, TWO, groups=labels)
    apart = [fit_confirmatory(part, TWO, mean_structure=True) for part in (first, second)]
    assert both.measures.chi_square == pytest.approx(sum(fit.measures.chi_square for fit in apart), rel=1e-8)
    assert both.measures.df == sum(fit.measures.df for fit in apart)
    for number, (name, alone) in enumerate(zip("ab", apart, strict=True)):
        own = both.parameters[both.parameters["group"] == name]
        assert np.allclose(own["estimate"], alone.parameters["estimate"], atol=1e-6)
        assert np.allclose(own["se"], alone.parameters["se"], rtol=1e-5, equal_nan=True)
        assert np.allclose(both.loadings(number), alone.loadings(), atol=1e-6)


def test_saturated_means_change_nothing_else() -> None:
    table = draw()
    for estimator in ("ML", "MLM", "MLR", "GLS"):
        plain = fit_confirmatory(table, TWO, estimator=estimator)  # type: ignore[arg-type]
        means = fit_confirmatory(table, TWO, estimator=estimator, mean_structure=True)  # type: ignore[arg-type]
        assert plain.measures.chi_square == pytest.approx(means.measures.chi_square, rel=1e-9)
        assert plain.measures.df == means.measures.df
        if plain.measures.chi_square_scaled is not None:
            assert plain.measures.chi_square_scaled == pytest.approx(
                means.measures.chi_square_scaled, rel=1e-6
            )


def test_rows_of_a_cluster_count_as_one() -> None:
    """Every row twice, in one cluster: the errors are those of the single rows (but for the correction for few clusters)."""
    table = draw(200)
    twice = pd.concat([table, table], ignore_index=True)
    single = fit_confirmatory(table, TWO, estimator="MLR", mean_structure=True)
    paired = fit_confirmatory(twice, TWO, clusters=pd.Series(list(range(200)) * 2))
    assert paired.estimator == "MLR"
    assert paired.specification.mean_structure
    ratio = (paired.parameters["se"] / single.parameters["se"]).dropna()
    assert np.allclose(ratio, np.sqrt(200 / 199), rtol=1e-6)
    naive = fit_confirmatory(twice, TWO, estimator="MLR", mean_structure=True)
    assert np.allclose((naive.parameters["se"] / single.parameters["se"]).dropna(), np.sqrt(0.5), rtol=1e-6)
    assert paired.measures.chi_square_scaled == pytest.approx(single.measures.chi_square_scaled, rel=0.02)


# Closed forms.


def test_three_items_have_a_closed_form() -> None:
    table = draw(150)[["x1", "x2", "x3"]]
    s = np.cov(table.to_numpy(), rowvar=False, bias=True)
    loading = np.sqrt([s[0, 1] * s[0, 2] / s[1, 2], s[0, 1] * s[1, 2] / s[0, 2], s[0, 2] * s[1, 2] / s[0, 1]])
    fit = fit_confirmatory(table, {"f": ["x1", "x2", "x3"]}, scaling="unit_variance")
    assert np.allclose(fit.loadings()["f"], loading, atol=1e-7)
    residual = fit.parameters.query("operator == '~~' and left != 'f'")["estimate"]
    assert np.allclose(residual, np.diag(s) - loading**2, atol=1e-7)
    assert fit.measures.df == 0
    assert fit.measures.chi_square == pytest.approx(0.0, abs=1e-8)
    assert fit.measures.p is None
    assert "sem.saturated_model" in {note.code for note in fit.notes}


@pytest.mark.parametrize("n_groups", [1, 2])
def test_moments_that_the_model_implies_give_its_parameters_back(n_groups: int) -> None:
    specification = everything(n_groups=n_groups)
    x = some_point(specification)
    _, problem = at_population(specification, x)
    labels = ("",) if n_groups == 1 else ("a", "b")
    data = FittingData(tuple(ITEMS), labels, tuple(problem.groups), "ML", False, problem.n, 0, ())
    fit = fit_specification(data, specification)
    assert fit.converged
    assert np.allclose(fit.x, x, atol=1e-6)
    assert fit.measures.chi_square == pytest.approx(0.0, abs=1e-8)
    assert (fit.measures.cfi, fit.measures.rmsea) == (1.0, 0.0)
    assert fit.measures.srmr == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_chi_square_is_twice_the_difference_of_log_likelihoods(missing: float) -> None:
    table = punch(draw(200), missing) if missing else draw(200)
    fit = fit_confirmatory(table, TWO, missing="fiml")
    rows = table.dropna(how="all").to_numpy()

    def log_likelihood(mean: np.ndarray, covariance: np.ndarray) -> float:
        total = 0.0
        for row in rows:
            seen = ~np.isnan(row)
            total += multivariate_normal.logpdf(row[seen], mean[seen], covariance[np.ix_(seen, seen)])
        return total

    covariance, mean = fit.implied()
    own = log_likelihood(mean.to_numpy(), covariance.to_numpy())
    largest = log_likelihood(fit.data.groups[0].mean, fit.data.groups[0].covariance)
    assert fit.measures.log_likelihood == pytest.approx(own, rel=1e-9)
    assert fit.measures.saturated_log_likelihood == pytest.approx(largest, rel=1e-9)
    assert fit.measures.chi_square == pytest.approx(2.0 * (largest - own), rel=1e-6)
    k = fit.measures.n_parameters
    assert fit.measures.aic == pytest.approx(2 * k - 2 * own)
    assert fit.measures.bic == pytest.approx(np.log(200) * k - 2 * own)


def test_generalized_least_squares_by_its_definition() -> None:
    table = draw(200)
    fit = fit_confirmatory(table, TWO, estimator="GLS")
    sample = np.cov(table.to_numpy(), rowvar=False)
    residual = np.linalg.inv(sample) @ (sample - fit.implied()[0].to_numpy())
    assert fit.measures.chi_square == pytest.approx(199 * 0.5 * np.trace(residual @ residual), rel=1e-9)
    plain = fit_confirmatory(table, TWO, estimator="ULS")
    residual = sample - plain.implied()[0].to_numpy()
    assert plain.measures.chi_square == pytest.approx(199 * 0.5 * np.trace(residual @ residual), rel=1e-9)


def dense_gamma(table: pd.DataFrame) -> np.ndarray:
    """The sample covariance matrix of all squares and products, formed in full."""
    gap = (table - table.mean()).to_numpy()
    rows, columns = np.tril_indices(gap.shape[1])
    products = gap[:, rows] * gap[:, columns]
    return np.cov(products, rowvar=False, bias=True)


def dense_jacobian(fit: ConfirmatoryFit) -> np.ndarray:
    rows, columns = np.tril_indices(len(ITEMS))
    return central_gradient(lambda x: fit.problem.model.moments(x, 0)[0][rows, columns], fit.x).T


def normal_weight(covariance: np.ndarray) -> np.ndarray:
    """Half of D'(S^-1 x S^-1)D, by lower triangle."""
    rows, columns = np.tril_indices(len(covariance))
    inverse = np.linalg.inv(covariance)
    weight = (
        inverse[np.ix_(rows, rows)] * inverse[np.ix_(columns, columns)]
        + inverse[np.ix_(rows, columns)] * inverse[np.ix_(columns, rows)]
    )
    half = np.where(rows == columns, 0.5, 1.0)
    return weight * np.outer(half, half)


def test_satorra_bentler_by_its_definition() -> None:
    table = np.exp(0.7 * draw(250))
    fit = fit_confirmatory(table, TWO, estimator="MLM")
    weight, jacobian = normal_weight(fit.implied()[0].to_numpy()), dense_jacobian(fit)
    inverse = np.linalg.inv(jacobian.T @ weight @ jacobian)
    gamma = dense_gamma(table)
    projected = weight - weight @ jacobian @ inverse @ jacobian.T @ weight
    factor = np.trace(projected @ gamma) / fit.measures.df
    assert fit.measures.scaling_factor == pytest.approx(factor, rel=1e-6)
    assert factor > 1.2
    sandwich = inverse @ jacobian.T @ weight @ gamma @ weight @ jacobian @ inverse / 250
    assert fit.covariance is not None
    assert np.allclose(fit.covariance, sandwich, rtol=1e-5, atol=1e-8)


def test_huber_white_by_its_definition() -> None:
    table = np.exp(0.7 * draw(250))
    fit = fit_confirmatory(table, TWO, estimator="MLR")
    problem = fit.problem
    assert isinstance(problem, NormalProblem)
    bread = np.linalg.inv(central_gradient(problem.gradient, fit.x) / 2.0)
    scores = problem.scores(fit.x, 0)
    sandwich = bread @ (scores.T @ scores / 250) @ bread / 250
    assert fit.covariance is not None
    assert np.allclose(fit.covariance, sandwich, rtol=1e-4, atol=1e-8)


def test_normal_theory_errors_by_their_definition() -> None:
    table = draw(250)
    fit = fit_confirmatory(table, TWO)
    jacobian = dense_jacobian(fit)
    expected = np.linalg.inv(jacobian.T @ normal_weight(fit.implied()[0].to_numpy()) @ jacobian) / 250
    assert fit.covariance is not None
    assert np.allclose(fit.covariance, expected, rtol=1e-5, atol=1e-9)


# Identification.


@pytest.mark.parametrize(
    "text",
    [
        "f =~ x1 + x2",
        "f =~ x1 + x2 + x3 + x4\n" + "\n".join(f"x{i} ~~ x{j}" for i in range(1, 5) for j in range(i + 1, 5)),
        "f =~ NA*x1 + x2 + x3 + x4",
        "f =~ x1 + x2 + x3\ng =~ x4",
        "f =~ x1 + x2\ng =~ x4 + x5\nf ~~ 0*g",
        "f =~ x1 + x2 + x3 + x4 + x5 + x6\ng =~ x1 + x2 + x3 + x4 + x5 + x6",
        "f =~ x1 + x2 + x3 + x4\nx1 ~~ x2\nx3 ~~ x4",
        "f =~ 0*x1 + x2 + x3 + x4",
    ],
)
@pytest.mark.parametrize("estimator", ["ML", "GLS", "WLSMV"])
def test_a_model_that_is_not_identified_is_named(text: str, estimator: Any) -> None:
    table = cut(draw()) if estimator == "WLSMV" else draw()
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(table, text, estimator=estimator)
    assert caught.value.code == "sem.identification"


@pytest.mark.parametrize(
    ("text", "df"),
    [
        ("f =~ x1 + x2 + x3\ng =~ x4\nx4 ~~ 0*x4", 2),
        ("f =~ x1 + x2\ng =~ x4 + x5", 1),
        ("f =~ 1*x1 + 1*x2", 0),
        ("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\nf ~~ 0*g", 9),
        ("f =~ x1 + x2 + x3 + x4\ng =~ x4 + x5 + x6", 7),
        ("f =~ NA*x1 + x2 + x3\nf ~~ 1*f\ng =~ x4 + x5 + x6\nx1 ~~ x4", 7),
    ],
)
def test_models_that_are_identified_only_just(text: str, df: int) -> None:
    fit = fit_confirmatory(draw(), text)
    assert fit.converged
    assert fit.measures.df == df
    assert np.isfinite(fit.parameters.loc[fit.parameters["free"], "se"]).all()


def test_impossible_fixed_values_are_named() -> None:
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(
            draw(), "f =~ 1*x1 + 1*x2 + 1*x3\nx1 ~~ 5*x2\nx1 ~~ 1*x1\nx2 ~~ 1*x2", estimator="MLR"
        )
    assert caught.value.code == "sem.start"


@pytest.mark.parametrize("estimator", ["ML", "MLM", "MLR", "GLS", "ULS"])
def test_a_model_without_free_parameters_is_only_tested(estimator: Any) -> None:
    text = "f =~ 1*x1 + 1*x2 + 1*x3\nf ~~ 0.5*f\n" + "\n".join(f"x{i} ~~ 0.5*x{i}" for i in (1, 2, 3))
    fit = fit_confirmatory(draw(), text, estimator=estimator)
    assert fit.converged
    assert (fit.measures.n_parameters, fit.measures.df) == (0, 6)
    sample = draw()[["x1", "x2", "x3"]].cov(ddof=0).to_numpy()
    implied = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    if estimator == "ML":
        expected = (
            np.linalg.slogdet(implied)[1]
            - np.linalg.slogdet(sample)[1]
            + np.trace(np.linalg.solve(implied, sample))
            - 3
        )
        assert fit.measures.chi_square == pytest.approx(300 * expected)


def test_start_values_far_off_lead_to_the_same_minimum() -> None:
    table = draw()
    model = ConfirmatoryModel(TWO)  # type: ignore[arg-type]
    data = prepare_data(table, ITEMS)
    specification = specify(model)
    best = fit_specification(data, specification)
    rng = np.random.default_rng(2)
    for _ in range(10):
        other = fit_specification(data, specification, start=best.x * rng.uniform(0.2, 3.0, len(best.x)))
        assert other.converged
        assert np.allclose(other.x, best.x, atol=1e-6)


# Hard cases: each converges, and says what is improper.


def test_factors_that_are_almost_one() -> None:
    fit = fit_confirmatory(draw(400, seed=2, correlation=0.98), TWO)
    assert fit.converged
    assert fit.n_steps < 30
    assert abs(fit.factor_correlations().iloc[0, 1] - 0.98) < 0.06


def test_a_heywood_case_is_a_result_with_a_note() -> None:
    covariance = np.array([[1.0, 0.9, 0.6], [0.9, 1.0, 0.4], [0.6, 0.4, 1.0]])
    data = FittingData(
        ("x1", "x2", "x3"),
        ("",),
        (moments_from_covariance(covariance, np.zeros(3), 200),),
        "ML",
        False,
        200,
        0,
        (),
    )
    fit = fit_specification(
        data, specify(ConfirmatoryModel({"f": ("x1", "x2", "x3")}), scaling="unit_variance")
    )
    assert fit.converged
    assert not fit.proper
    assert fit.loadings()["f"]["x1"] ** 2 == pytest.approx(0.9 * 0.6 / 0.4, rel=1e-6)
    assert {note.params.get("item") for note in fit.notes if note.code == "sem.heywood"} == {"x1"}


def test_a_negative_factor_variance_has_no_standardized_values_and_says_so() -> None:
    covariance = np.full((3, 3), -0.2) + 1.2 * np.eye(3)
    data = FittingData(
        ("x1", "x2", "x3"),
        ("",),
        (moments_from_covariance(covariance, np.zeros(3), 200),),
        "ML",
        False,
        200,
        0,
        (),
    )
    # One value of the factor variance reproduces three equal negative covariances.
    fit = fit_specification(data, specify(ConfirmatoryModel.parse("f =~ 1*x1 + 1*x2 + 1*x3")))
    assert fit.converged
    assert fit.parameters.query("left == 'f' and operator == '~~'")["estimate"].item() == pytest.approx(-0.2)
    assert not fit.proper
    assert "sem.factor_variance" in {note.code for note in fit.notes}
    assert fit.loadings(standardized=True)["f"].isna().all()


def test_bifactor() -> None:
    rng = np.random.default_rng(8)
    general, groups = rng.normal(size=(600, 1)), rng.normal(size=(600, 3))
    values = 0.6 * general + 0.5 * np.repeat(groups, 4, axis=1) + rng.normal(size=(600, 12)) * np.sqrt(0.39)
    items = [f"x{i + 1}" for i in range(12)]
    model = ConfirmatoryModel(
        {"g": items, **{f"s{j + 1}": items[4 * j : 4 * j + 4] for j in range(3)}},  # type: ignore[arg-type]
        orthogonal=True,
    )
    fit = fit_confirmatory(pd.DataFrame(values, columns=items), model, scaling="unit_variance")
    assert fit.converged
    assert fit.measures.df == 78 - 36
    assert np.allclose(fit.loadings()["g"], 0.6, atol=0.12)
    assert np.allclose(fit.loadings()["s2"].iloc[4:8], 0.5, atol=0.15)


def test_thirty_items_of_six_factors() -> None:
    rng = np.random.default_rng(5)
    factors = rng.multivariate_normal(np.zeros(6), np.full((6, 6), 0.3) + 0.7 * np.eye(6), 400)
    values = np.repeat(factors, 5, axis=1) * 0.7 + rng.normal(size=(400, 30)) * np.sqrt(0.51)
    items = [f"x{i + 1}" for i in range(30)]
    model = {f"f{j + 1}": items[5 * j : 5 * j + 5] for j in range(6)}
    for estimator in ("ML", "MLR", "GLS"):
        fit = fit_confirmatory(pd.DataFrame(values, columns=items), model, estimator=estimator)  # type: ignore[arg-type]
        assert fit.converged
        assert fit.measures.df == 390
        assert fit.n_steps < 60


def test_many_waves_of_one_factor() -> None:
    """Ten waves of three items with the same item's residuals correlated between all waves."""
    rng = np.random.default_rng(6)
    n, waves = 500, 10
    level = rng.normal(size=n)
    table: dict[str, np.ndarray] = {}
    stable = rng.normal(size=(n, 3)) * 0.4
    for wave in range(waves):
        level = 0.8 * level + 0.6 * rng.normal(size=n)
        for item in range(3):
            table[f"y{item}w{wave}"] = 0.8 * level + stable[:, item] + rng.normal(size=n) * 0.5
    lines = [f"f{wave} =~ " + " + ".join(f"y{item}w{wave}" for item in range(3)) for wave in range(waves)]
    lines += [
        f"y{item}w{first} ~~ y{item}w{second}"
        for item in range(3)
        for first in range(waves)
        for second in range(first + 1, waves)
    ]
    fit = fit_confirmatory(pd.DataFrame(table), "\n".join(lines))
    assert fit.converged
    assert fit.n_steps < 20
    assert fit.measures.df == 465 - (20 + 30 + 55 + 135)
    assert fit.measures.cfi is not None
    assert fit.measures.cfi > 0.98


def test_a_hundred_thousand_rows() -> None:
    table = draw(100_000)
    plain = fit_confirmatory(table, TWO)
    assert plain.converged
    assert np.allclose(plain.loadings(standardized=True).max(axis=1), [0.8, 0.7, 0.6] * 2, atol=0.01)
    robust = fit_confirmatory(table, TWO, estimator="MLR")
    assert robust.measures.scaling_factor == pytest.approx(1.0, abs=0.05)


# Recovery.

LOADINGS = np.array([0.8, 0.7, 0.6, 0.8, 0.7, 0.6])


def skewed(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Standardized chi-squares of four degrees of freedom: skewness 1.41, excess kurtosis 3."""
    return (rng.chisquare(4.0, size) - 4.0) / np.sqrt(8.0)


def one_sample(rng: np.random.Generator, kind: str, n: int) -> pd.DataFrame:
    """A sample of two factors that correlate .4, normal, skewed with long tails, or cut into four categories."""
    spread = skewed if kind == "MLR" else (lambda r, size: r.normal(size=size))
    factors = spread(rng, (n, 2)) @ np.linalg.cholesky(np.array([[1.0, 0.4], [0.4, 1.0]])).T
    values = np.repeat(factors, 3, axis=1) * LOADINGS + spread(rng, (n, 6)) * np.sqrt(1.0 - LOADINGS**2)
    if kind == "MLR":
        # A person's spread stretches all answers alike, which leaves covariances as they are and makes their errors larger.
        values *= np.sqrt(rng.chisquare(6.0, (n, 1)) / 6.0)
    table = pd.DataFrame(values, columns=ITEMS)
    return cut(table, (-0.8, 0.1, 1.0)) if kind == "WLSMV" else table


def recover(estimator: Any, n_replications: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean bias and coverage of the six loadings, and the share of samples in which the true model is rejected at 5 %."""
    rng = np.random.default_rng(2024)
    estimates, covered, rejected = [], [], 0
    for _ in range(n_replications):
        fit = fit_confirmatory(
            one_sample(rng, estimator, n), TWO, estimator=estimator, scaling="unit_variance"
        )
        assert fit.converged
        table = fit.parameters[fit.parameters["operator"] == "=~"]
        estimates.append(table["estimate"].to_numpy())
        covered.append((table["low"].to_numpy() <= LOADINGS) & (table["high"].to_numpy() >= LOADINGS))
        p = fit.measures.p if fit.measures.p_scaled is None else fit.measures.p_scaled
        assert p is not None
        rejected += p < 0.05
    bias = np.mean(estimates, axis=0) - LOADINGS
    return bias, np.mean(covered, axis=0), rejected / n_replications


@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV"])
def test_loadings_are_recovered(estimator: str) -> None:
    bias, coverage, rejected = recover(estimator, 200)
    assert np.abs(bias).max() < 0.02
    assert coverage.min() >= 0.91
    assert coverage.max() <= 0.99
    assert rejected < 0.11


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["ML", "MLR", "WLSMV"])
def test_loadings_are_recovered_in_two_thousand_samples(estimator: str) -> None:
    bias, coverage, rejected = recover(estimator, 2000)
    assert np.abs(bias).max() < 0.01
    # A sandwich is a little too small in 300 rows of long-tailed answers.
    assert coverage.min() >= (0.92 if estimator == "MLR" else 0.93)
    assert coverage.max() <= 0.97
    assert 0.03 < rejected < 0.08


# Negative controls.


def test_normal_theory_errors_are_wrong_for_skewed_items() -> None:
    """The control of the recovery by MLR: without it the intervals of skewed items are too short."""
    rng = np.random.default_rng(2024)
    covered = []
    for _ in range(100):
        fit = fit_confirmatory(one_sample(rng, "MLR", 300), TWO, scaling="unit_variance")
        table = fit.parameters[fit.parameters["operator"] == "=~"]
        covered.append((table["low"].to_numpy() <= LOADINGS) & (table["high"].to_numpy() >= LOADINGS))
    assert np.mean(covered) < 0.91


def test_a_wrong_key_shows_in_the_sign_of_its_loading() -> None:
    right = fit_confirmatory(draw(), TWO).loadings(standardized=True)
    wrong = fit_confirmatory(draw(reversed_items=["x2"]), TWO).loadings(standardized=True)
    assert wrong.at["x2", "trust"] == pytest.approx(-right.at["x2", "trust"], abs=1e-7)
    assert wrong.at["x2", "trust"] < -0.4
    assert np.allclose(wrong.drop("x2"), right.drop("x2"), atol=1e-7)


def test_a_residual_covariance_that_is_left_out_is_found() -> None:
    table = draw(400)
    shared = np.random.default_rng(1).normal(size=400) * 0.6
    table["x1"] += shared
    table["x4"] += shared
    with_it = fit_confirmatory(table, ConfirmatoryModel(TWO, (("x1", "x4"),)))  # type: ignore[arg-type]
    without = fit_confirmatory(table, TWO)
    assert without.measures.df == with_it.measures.df + 1
    assert with_it.measures.p is not None
    assert with_it.measures.p > 0.01
    drop = without.measures.chi_square - with_it.measures.chi_square
    assert drop > 30
    first = modification_indices(without).iloc[0]
    assert (first["left"], first["operator"], first["right"]) == ("x1", "~~", "x4")
    assert first["chi_square"] == pytest.approx(drop, rel=0.35)
    estimate = with_it.parameters.query("left == 'x1' and operator == '~~' and right == 'x4'")["estimate"]
    assert first["change"] == pytest.approx(float(estimate.iloc[0]), rel=0.4)
    assert modification_indices(with_it)["chi_square"].max() < 12


def test_a_cross_loading_that_is_left_out_is_found() -> None:
    table = draw(400)
    table["x5"] += 0.5 * table[["x1", "x2", "x3"]].mean(axis=1)
    without = fit_confirmatory(table, TWO)
    with_it = fit_confirmatory(table, {"trust": ["x1", "x2", "x3", "x5"], "voice": ["x4", "x5", "x6"]})
    assert without.measures.chi_square - with_it.measures.chi_square > 10
    assert ("trust", "=~", "x5") in set(
        modification_indices(without)[["left", "operator", "right"]]
        .head(3)
        .itertuples(index=False, name=None)
    )


def test_one_factor_does_not_pass_for_two() -> None:
    table = draw(300)
    one = fit_confirmatory(table, {"all": ITEMS})
    two = fit_confirmatory(table, TWO)
    assert one.measures.chi_square - two.measures.chi_square > 50
    assert one.measures.cfi is not None
    assert one.measures.cfi < 0.9
