"""Statistics and corrections of the robust indices for missing data and for ordinal items."""

from dataclasses import replace
from typing import Final

import numpy as np

from scoring.sem.data import FittingData, alone_moments, model_without_factors, point_of
from scoring.sem.fit import Test
from scoring.sem.likelihood import NormalProblem, expected_information, invert_information
from scoring.sem.matrices import Array, CompiledModel, compile_model
from scoring.sem.ordinal import OrdinalProblem, gamma_of

# Beyond this many items the matrices of pairs of moments outgrow what an index is worth.
LARGEST_ROBUST: Final = 60


def correct_for_missing(
    data: FittingData, problem: NormalProblem, x: Array, test: Test, baseline: Test
) -> tuple[Test, Test]:
    """Return both tests with statistic and correction of the robust indices under full information.

    The statistic is that of complete data at the moments of the saturated model, the correction its expectation over the degrees
    of freedom: Zhang & Savalei (2023), versions 3 (with robust errors) and 6 (normal theory),
    https://doi.org/10.1080/10705511.2022.2077644. R: `cfi.robust` of lavaan 0.6-14.
    """
    if len(data.items) > LARGEST_ROBUST or test.df <= 0:
        return test, baseline
    saturated, point = data.saturated_problem
    try:
        own = _missing_correction(data, problem, x, saturated, point, test.df)
        null = data.robust_baselines.get("missing")
        if null is None:
            model = compile_model(
                model_without_factors(data.items, len(data.groups), means=True, covariances=False)
            )
            start = point_of(model, [alone_moments(group) for group in data.groups])
            null = _missing_correction(
                data, NormalProblem(model, data.groups), start, saturated, point, baseline.df
            )
            data.robust_baselines["missing"] = null
    except np.linalg.LinAlgError:
        return test, baseline
    return replace(test, robust=own), replace(baseline, robust=null)


def _missing_correction(
    data: FittingData, problem: NormalProblem, x: Array, saturated: NormalProblem, point: Array, df: int
) -> tuple[float, float]:
    """Statistic of complete data and its correction for one model."""
    statistic = 0.0
    complete = np.zeros((saturated.model.n_free,) * 2)
    for group, (share, (covariance, mean)) in enumerate(zip(problem.shares, data.samples, strict=True)):
        implied, implied_mean = problem.model.moments(x, group)
        gap = mean - implied_mean
        inverse = np.linalg.inv(implied)
        discrepancy = (
            np.linalg.slogdet(implied)[1]
            - np.linalg.slogdet(covariance)[1]
            + np.einsum("ij,ji->", inverse, covariance)
            - len(mean)
            + gap @ inverse @ gap
        )
        statistic += data.group_sizes[group] * float(discrepancy)
        factors = saturated.model.derivatives(point, group)
        part = share * expected_information(factors, np.linalg.inv(covariance))
        complete[np.ix_(factors.index, factors.index)] += part
    whole, inverse, products = data.saturated_matrices
    jacobian = _moment_jacobian(problem.model, x, saturated.model)
    projector = jacobian @ np.linalg.solve(jacobian.T @ whole @ jacobian, jacobian.T)
    if data.estimator == "MLR":
        gamma = inverse @ products @ inverse
        rest = np.eye(len(whole)) - projector @ whole
        correction = float(np.einsum("ij,ji->", rest.T @ complete @ rest, gamma))
    else:
        correction = float(np.einsum("ij,ji->", complete, inverse - projector))
    return statistic, correction / df


def _moment_jacobian(model: CompiledModel, x: Array, saturated: CompiledModel) -> Array:
    """Derivatives of the saturated model's parameters (covariances and means) by a model's free parameters."""
    place = {name: number for number, name in enumerate(model.specification.items)}
    result = np.zeros((saturated.n_free, model.n_free))
    for group in range(model.specification.n_groups):
        factors = model.derivatives(x, group)
        parameters = [p for p in saturated.specification.parameters if p.group == group]
        for parameter, row in zip(parameters, saturated.cells[group].index, strict=True):
            i = place[parameter.left]
            if parameter.operator == "~1":
                by_element = factors.M[:, i]
            else:
                j = place[parameter.right]
                by_element = factors.c * (
                    factors.U[:, i] * factors.V[:, j] + factors.V[:, i] * factors.U[:, j]
                )
            result[row] = np.bincount(factors.index, weights=by_element, minlength=model.n_free)
    return result


def correct_for_ordinal(problem: OrdinalProblem, x: Array, test: Test, baseline: Test) -> tuple[Test, Test]:
    """Return both tests with statistic and correction of the robust indices for ordinal items.

    The statistic is the normal-theory discrepancy of the polychoric correlations at the estimates, the correction its expectation
    over the degrees of freedom: Savalei (2021), https://doi.org/10.1080/00273171.2020.1717922. R: `cfi.robust` of lavaan 0.6-14,
    which divides each group's part of the baseline's correction by the group's share (so do we, to
    give the same figure) and leaves the indices open too where thresholds or intercepts are constrained, or a correlation matrix is not positive definite.
    """
    specification = problem.model.specification
    k = len(specification.items)
    pairs = k * (k - 1) // 2
    structural = {
        index
        for group, cells in enumerate(problem.model.cells)
        for parameter, index in zip(
            [p for p in specification.parameters if p.group == group], cells.index, strict=True
        )
        if index >= 0 and parameter.operator not in {"|", "~1"}
    }
    n_groups = len(problem.groups)
    plain = n_groups * pairs - len(structural) == test.df
    definite = all(np.linalg.eigvalsh(group.correlations)[0] > 1.5e-8 for group in problem.groups)
    if k > LARGEST_ROBUST or test.df <= 0 or not plain or not definite:
        return test, baseline
    statistic, null, c_null = 0.0, 0.0, 0.0
    first, second = np.triu_indices(k, 1)
    try:
        information = invert_information(problem.information(x))
    except np.linalg.LinAlgError:
        return test, baseline
    whole, cross, middle, outer = 0.0, *(np.zeros((problem.model.n_free,) * 2) for _ in range(3))
    for group, moments in enumerate(problem.groups):
        share = float(problem.shares[group])
        covariance, _ = problem.model.moments(x, group)
        sd = np.sqrt(np.diagonal(covariance))
        implied = covariance / np.outer(sd, sd)
        sign, log_det = np.linalg.slogdet(implied)
        if sign <= 0:
            return test, baseline
        sample_log_det = float(np.linalg.slogdet(moments.correlations)[1])
        inverse = np.linalg.inv(implied)
        statistic += moments.n_used * float(
            log_det - sample_log_det + np.einsum("ij,ji->", moments.correlations, inverse) - k
        )
        null -= moments.n_used * sample_log_det
        gamma = gamma_of(moments)[-pairs:, -pairs:]
        c_null += float(np.trace(gamma)) / share
        V = (
            inverse[np.ix_(first, first)] * inverse[np.ix_(second, second)]
            + inverse[np.ix_(first, second)] * inverse[np.ix_(second, first)]
        )
        jacobian = problem.jacobian(x, group)[-pairs:]
        weighted = jacobian * problem.weights[group][-pairs:, None]
        applied = gamma @ weighted
        whole += float(np.einsum("ij,ij->", V, gamma))
        cross += share * jacobian.T @ V @ applied
        middle += share * jacobian.T @ V @ jacobian
        outer += share * weighted.T @ applied
    correction = (
        whole
        - 2.0 * float(np.einsum("ij,ji->", information, cross))
        + float(np.einsum("ij,ji->", information @ middle @ information, outer))
    )
    return (
        replace(test, robust=(statistic, correction / test.df)),
        replace(baseline, robust=(null, c_null / baseline.df)),
    )
