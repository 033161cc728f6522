"""Ordinal items: derivatives, the two parameterizations, corrections by their definitions, and shifted thresholds detected."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.polychoric import ordinal_moments
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
from scoring.sem.data import FittingData
from scoring.sem.matrices import compile_model
from scoring.sem.ordinal import OrdinalProblem, misfit_traces, ordinal_statistics
from scoring.sem.score_tests import equality_tests
from tests.scoring.sem.samples import ITEMS, TWO, central_gradient, cut, draw

STEPS = dict.fromkeys(ITEMS, 3)
TEXT = "trust =~ x1 + x2 + a*x3 + x5\nvoice =~ x4 + a*x5 + x6\nx1 ~~ x4"


def everything(*, theta: bool, path: bool = False) -> Specification:
    """Cross-loading, residual covariance, labels, free intercepts, means and (theta) residual variances in the second group."""
    base = specify(ConfirmatoryModel.parse(TEXT), n_groups=2, thresholds=STEPS, theta=theta)

    def place(p: Parameter) -> Parameter:
        if p.operator == "|":
            return replace(p, label=f"{p.left} {p.right}")
        if p.group == 1 and (p.operator == "~1" or (theta and p.operator == "~~" and p.left == p.right)):
            return replace(p, free=True)
        return p

    parameters = [place(p) for p in base.parameters if not (path and p.name == "trust ~~ voice")]
    if path:
        parameters += [Parameter("voice", "~", "trust", group=group) for group in (0, 1)]
    return replace(base, parameters=tuple(parameters))


def some_point(specification: Specification) -> np.ndarray:
    model = compile_model(specification)
    x = np.zeros(model.n_free)
    rng = np.random.default_rng(1)
    for group, cells in enumerate(model.cells):
        parameters = [p for p in specification.parameters if p.group == group]
        for parameter, index in zip(parameters, cells.index, strict=True):
            if index < 0:
                continue
            if parameter.operator == "|":
                x[index] = int(parameter.right[1:]) - 2 + rng.uniform(-0.1, 0.1)
            else:
                variance = parameter.operator == "~~" and parameter.left == parameter.right
                size = {"~~": 0.1, "=~": 0.7, "~": 0.4, "~1": 0.2}[parameter.operator]
                x[index] = (0.8 if variance else size) * rng.uniform(0.8, 1.2)
    return x


@pytest.fixture(scope="module")
def two_groups() -> tuple[Any, ...]:
    return tuple(ordinal_moments(cut(draw(n, seed=n))) for n in (200, 260))


@pytest.mark.parametrize("theta", [False, True], ids=["delta", "theta"])
@pytest.mark.parametrize("path", [False, True], ids=["plain", "path"])
def test_derivatives_are_central_differences(two_groups: tuple[Any, ...], theta: bool, path: bool) -> None:
    specification = everything(theta=theta, path=path)
    problem = OrdinalProblem(compile_model(specification), two_groups)
    x = some_point(specification)
    for group in (0, 1):
        numeric = central_gradient(lambda y, g=group: problem.implied(y, g), x).T
        assert np.allclose(problem.jacobian(x, group), numeric, atol=1e-8)
    assert np.allclose(problem.gradient(x), central_gradient(problem.objective, x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("theta", [False, True], ids=["delta", "theta"])
def test_information_is_the_second_derivative_where_the_model_is_true(
    two_groups: tuple[Any, ...], theta: bool
) -> None:
    specification = everything(theta=theta)
    model = compile_model(specification)
    x = some_point(specification)
    fitted = OrdinalProblem(model, two_groups)
    true = OrdinalProblem(
        model,
        tuple(with_statistics(group, fitted.implied(x, number)) for number, group in enumerate(two_groups)),
    )
    assert true.objective(x) == pytest.approx(0.0, abs=1e-20)
    assert np.allclose(true.information(x), central_gradient(true.gradient, x) / 2.0, rtol=1e-5, atol=1e-5)


def with_statistics(moments: Any, statistics: np.ndarray) -> Any:
    """The same moments (and their sampling errors) with other thresholds and correlations."""
    places = np.cumsum([len(part) for part in moments.thresholds])
    correlations = np.eye(len(moments.items))
    rows, columns = np.triu_indices(len(moments.items), 1)
    correlations[rows, columns] = correlations[columns, rows] = statistics[places[-1] :]
    return replace(
        moments,
        thresholds=tuple(np.split(statistics[: places[-1]], places[:-1])),
        correlations=correlations,
    )


@pytest.mark.parametrize("theta", [False, True], ids=["delta", "theta"])
def test_statistics_that_the_model_implies_give_its_parameters_back(
    two_groups: tuple[Any, ...], theta: bool
) -> None:
    specification = specify(
        ConfirmatoryModel(TWO),
        scaling="unit_variance",
        thresholds=STEPS,
        theta=theta,  # type: ignore[arg-type]
    )
    problem = OrdinalProblem(compile_model(specification), two_groups[:1])
    x = some_point(specification)
    moments = with_statistics(two_groups[0], problem.implied(x, 0))
    assert np.allclose(ordinal_statistics(moments), problem.implied(x, 0))
    data = FittingData(tuple(ITEMS), ("",), (moments,), "WLSMV", False, 200, 0, ())
    fit = fit_specification(data, specification)
    assert fit.converged
    assert np.allclose(fit.x, x, atol=1e-6)
    assert fit.measures.chi_square == pytest.approx(0.0, abs=1e-9)


def test_the_two_parameterizations_are_one_model() -> None:
    data = prepare_data(cut(draw()), ITEMS, estimator="WLSMV")
    fits = [
        fit_specification(
            data,
            specify(ConfirmatoryModel(TWO), thresholds=STEPS, theta=theta),  # type: ignore[arg-type]
        )
        for theta in (False, True)
    ]
    delta, theta = fits
    assert delta.measures.chi_square == pytest.approx(theta.measures.chi_square, rel=1e-9)
    assert delta.measures.chi_square_scaled == pytest.approx(theta.measures.chi_square_scaled, rel=1e-7)
    assert delta.measures.cfi_robust == pytest.approx(theta.measures.cfi_robust, rel=1e-7)
    assert np.allclose(delta.loadings(standardized=True), theta.loadings(standardized=True), atol=1e-7)
    residual = delta.parameters.query("operator == '~~' and left == right and left.str.startswith('x')")
    assert np.allclose(
        residual["estimate"], 1.0 - delta.loadings(standardized=True).max(axis=1) ** 2, atol=1e-9
    )
    assert not residual["free"].any()


def dense(fit: ConfirmatoryFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W, Gamma and Delta of all groups in full."""
    problem = fit.problem
    assert isinstance(problem, OrdinalProblem)
    size = sum(len(s) for s in problem.observed)
    weight, gamma = np.zeros((size, size)), np.zeros((size, size))
    jacobian = []
    at = 0
    for number, group in enumerate(problem.groups):
        end = at + len(problem.observed[number])
        share = problem.shares[number]
        assert group.gamma is not None
        weight[at:end, at:end] = share * np.diag(1.0 / np.diag(group.gamma))
        gamma[at:end, at:end] = group.gamma / share
        jacobian.append(problem.jacobian(fit.x, number))
        at = end
    return weight, gamma, np.vstack(jacobian)


@pytest.mark.parametrize("n_groups", [1, 2])
def test_corrections_by_their_definition(n_groups: int) -> None:
    table = cut(draw(400))
    labels = None if n_groups == 1 else pd.Series(["a"] * 150 + ["b"] * 250)
    fit = fit_confirmatory(table, TWO, estimator="WLSMV", groups=labels)
    weight, gamma, jacobian = dense(fit)
    inverse = np.linalg.inv(jacobian.T @ weight @ jacobian)
    projected = weight - weight @ jacobian @ inverse @ jacobian.T @ weight
    product = projected @ gamma
    first, second = np.trace(product), np.trace(product @ product)
    problem = fit.problem
    assert isinstance(problem, OrdinalProblem)
    found = misfit_traces(problem, fit.x, np.linalg.inv(problem.information(fit.x)))
    assert found == pytest.approx((first, second), rel=1e-8)
    df = fit.measures.df
    a = np.sqrt(df / second)
    assert fit.measures.chi_square_scaled == pytest.approx(a * fit.measures.chi_square + df - a * first)
    assert fit.measures.scaling_factor == pytest.approx(1.0 / a)
    assert fit.measures.shift == pytest.approx(df - a * first)
    sandwich = inverse @ jacobian.T @ weight @ gamma @ weight @ jacobian @ inverse / (400 - n_groups)
    assert fit.covariance is not None
    assert np.allclose(fit.covariance, sandwich, rtol=1e-6, atol=1e-12)


def test_chi_square_and_baseline_by_their_definition() -> None:
    fit = fit_confirmatory(cut(draw()), TWO, estimator="WLSMV")
    moments = fit.data.groups[0]
    weight = 1.0 / np.diag(moments.gamma)
    gap = ordinal_statistics(moments) - fit.problem.implied(fit.x, 0)  # type: ignore[union-attr]
    assert fit.measures.chi_square == pytest.approx(299 * weight @ gap**2)
    r = ordinal_statistics(moments)[-15:]
    assert fit.measures.baseline_chi_square == pytest.approx(299 * weight[-15:] @ r**2)
    assert fit.measures.df == 6 * 3 + 15 - (18 + 4 + 3)
    assert fit.measures.log_likelihood is None


# What must not matter.


def agree(first: ConfirmatoryFit, second: ConfirmatoryFit) -> None:
    assert first.measures.chi_square == pytest.approx(second.measures.chi_square, rel=1e-7)
    assert first.measures.chi_square_scaled == pytest.approx(second.measures.chi_square_scaled, rel=1e-6)
    assert first.measures.cfi == pytest.approx(second.measures.cfi)


@pytest.mark.parametrize(
    "recode",
    [lambda t: t - 7, lambda t: 10 * t, lambda t: t.replace({3.0: 5.0, 4.0: 9.0})],
    ids=["less", "times", "holes"],
)
def test_the_size_of_codes_does_not_matter(recode: Any) -> None:
    table = cut(draw())
    agree(
        fit_confirmatory(table, TWO, estimator="WLSMV"),
        fit_confirmatory(recode(table), TWO, estimator="WLSMV"),
    )


def test_order_does_not_matter() -> None:
    table = cut(draw(), (-1.0, 0.5))
    shuffled = table.sample(frac=1.0, random_state=1)[ITEMS[::-1]]
    turned = {"voice": ["x6", "x5", "x4"], "trust": ["x3", "x1", "x2"]}
    first = fit_confirmatory(table, TWO, estimator="WLSMV")
    second = fit_confirmatory(shuffled, turned, estimator="WLSMV")
    agree(first, second)
    loadings = second.loadings(standardized=True).loc[ITEMS, ["trust", "voice"]]
    assert np.allclose(first.loadings(standardized=True), loadings, atol=1e-6)


def test_a_reversed_item_changes_its_sign_and_turns_its_thresholds() -> None:
    table = cut(draw())
    plain = fit_confirmatory(table, TWO, estimator="WLSMV")
    turned = fit_confirmatory(table.assign(x2=5.0 - table["x2"]), TWO, estimator="WLSMV")
    agree(plain, turned)
    assert turned.loadings().at["x2", "trust"] == pytest.approx(-plain.loadings().at["x2", "trust"], abs=1e-7)
    before, after = (
        fit.parameters.query("operator == '|' and left == 'x2'")["estimate"].to_numpy()
        for fit in (plain, turned)
    )
    assert np.allclose(after, -before[::-1], atol=1e-9)


def test_ordinal_loadings_are_larger_than_those_of_the_codes() -> None:
    """Three categories weaken correlations; the latent responses do not."""
    table = cut(draw(2000), (-0.5, 1.2))
    ordinal = fit_confirmatory(table, TWO, estimator="WLSMV").loadings(standardized=True).max(axis=1)
    codes = fit_confirmatory(table, TWO).loadings(standardized=True).max(axis=1)
    assert (ordinal > codes).all()
    assert np.allclose(ordinal, [0.8, 0.7, 0.6] * 2, atol=0.06)


def test_two_categories_and_unequal_numbers_of_them() -> None:
    latent = draw(800)
    table = cut(latent, (0.2,))
    mixed = table.assign(x2=cut(latent, (-1.5, -0.5, 0.0, 0.5, 1.5))["x2"], x5=cut(latent, (-0.3, 0.9))["x5"])
    for codes, n_thresholds in ((table, 6), (mixed, 4 + 5 + 2)):
        fit = fit_confirmatory(codes, TWO, estimator="WLSMV", scaling="unit_variance")
        assert fit.converged
        assert (fit.parameters["operator"] == "|").sum() == n_thresholds
        assert np.allclose(fit.loadings().max(axis=1), [0.8, 0.7, 0.6] * 2, atol=0.15)


def test_rows_of_a_cluster_count_as_one() -> None:
    table = cut(draw(200))
    twice = pd.concat([table, table], ignore_index=True)
    single = fit_confirmatory(table, TWO, estimator="WLSMV")
    paired = fit_confirmatory(twice, TWO, estimator="WLSMV", clusters=pd.Series(list(range(200)) * 2))
    naive = fit_confirmatory(twice, TWO, estimator="WLSMV")
    free = single.parameters["free"]
    ratio = paired.parameters["se"][free] / single.parameters["se"][free]
    assert np.allclose(ratio, 1.0, atol=0.02)
    assert np.allclose(naive.parameters["se"][free] / single.parameters["se"][free], np.sqrt(0.5), atol=0.01)


# A shifted threshold between groups.


def equal_groups(n_groups: int = 2, freed: str | None = None) -> Specification:
    """Equal thresholds and loadings; the later group's factor means and variances are free. `freed` lets an item's thresholds go."""
    base = specify(
        ConfirmatoryModel(TWO),
        n_groups=n_groups,
        scaling="unit_variance",
        thresholds=STEPS,  # type: ignore[arg-type]
    )

    def place(p: Parameter) -> Parameter:
        if p.operator == "=~" or (p.operator == "|" and p.left != freed):
            return replace(p, label=f"{p.left} {p.right}")
        if p.group and p.left in TWO and (p.operator == "~1" or p.left == p.right):
            return replace(p, free=True)
        return p

    return replace(base, parameters=tuple(map(place, base.parameters)))


def grouped(shift: float) -> FittingData:
    """Two groups of one population, x2's thresholds shifted in the second."""
    latent = draw(1000, seed=3)
    labels = pd.Series(["a", "b"] * 500)
    latent.loc[labels == "b", "x2"] += shift
    return prepare_data(cut(latent), ITEMS, estimator="WLSMV", groups=labels)


def test_a_shifted_threshold_is_detected() -> None:
    data = grouped(0.5)
    equal = fit_specification(data, equal_groups())
    freed = fit_specification(data, equal_groups(freed="x2"))
    assert equal.converged
    assert freed.converged
    assert equal.measures.p_scaled is not None
    assert freed.measures.p_scaled is not None
    assert equal.measures.p_scaled < 1e-4
    assert freed.measures.p_scaled > 0.05
    tests = equality_tests(equal)
    assert set(tests["left"].head(2)) == {"x2"}
    assert tests["chi_square"].iloc[0] > 12


def test_without_a_shift_nothing_is_detected() -> None:
    equal = fit_specification(grouped(0.0), equal_groups())
    assert equal.measures.p_scaled is not None
    assert equal.measures.p_scaled > 0.05
    assert equality_tests(equal)["chi_square"].max() < 8
