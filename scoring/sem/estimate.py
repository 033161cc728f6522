"""Fit a confirmatory model: data -> moments -> optimum -> parameters with standard errors and measures of fit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd

from scoring.errors import ScoringError
from scoring.sem.data import (
    EstimatorName,
    FittingData,
    Problem,
    check_same_categories,
    discrepancy_of,
    prepare_data,
)
from scoring.sem.likelihood import NormalProblem, invert_information
from scoring.sem.matrices import Array, CompiledModel, compile_model
from scoring.sem.model import ConfirmatoryModel, Parameter, Scaling, Specification, as_model, specify
from scoring.sem.optimize import Optimum, minimise
from scoring.sem.ordinal import OrdinalProblem
from scoring.sem.result import ConfirmatoryFit, report_fit
from scoring.sem.start import start_values

_RESTARTS: Final = 6
_RESTART_EFFORT: Final = 0.5


def fit_confirmatory(
    items: pd.DataFrame,
    model: ConfirmatoryModel | Mapping[str, Sequence[str]] | str,
    *,
    estimator: EstimatorName = "ML",
    missing: Literal["listwise", "fiml"] = "listwise",
    groups: pd.Series | None = None,
    clusters: pd.Series | None = None,
    scaling: Scaling = "marker",
    mean_structure: bool | None = None,
) -> ConfirmatoryFit:
    """Fit a confirmatory factor model.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values; with "WLSMV" whole codes. Other columns are ignored.
    model : ConfirmatoryModel, mapping factor -> items, or lavaan's notation
        The model to be fitted.
    estimator : str
        "ML" normal theory; "MLM" with Satorra-Bentler's scaled test and robust errors (complete rows); "MLR" with sandwich errors
        and Yuan-Bentler's test as in Mplus; "WLSMV" for ordinal items: diagonally weighted least squares on thresholds and
        polychoric correlations, scaled and shifted test; "GLS" and "ULS" least squares on covariances.
    missing : "listwise" or "fiml"
        Complete rows only, or full information maximum likelihood (ML and MLR; assumes missing at random).
    groups : Series, optional
        A group label for each row; the model is fitted to all groups, nothing equal.
    clusters : Series, optional
        A cluster (pair) for each row: standard errors and scaled tests allow for it; ML becomes MLR. WLSMV too.
    scaling : "marker" or "unit_variance"
        Whether the first loading of each factor is 1, or the factor's variance.
    mean_structure : bool, optional
        Whether intercepts count as parameters; by default with several groups, full information, or ordinal items.

    Returns
    -------
    ConfirmatoryFit

    Notes
    -----
    Chi-square is N times the discrepancy (not N - 1); its denominator of the covariances is N. Standard errors come from the
    expected information (ML, complete data), the observed one (full information), or a sandwich (MLM, MLR, WLSMV). Estimation is
    by scoring with analytic gradients; negative variances are results, with a note, not bounded away.

    The same as R's `lavaan::cfa` with the same estimator (0.6-14), with these differences on purpose: RMSEA's interval is solved to
    1e-10 where R's `uniroot` stops at 1e-4 of the noncentrality; the saturated model of missing data is estimated to 1e-11 where
    R's EM stops at 1e-5; unweighted least squares shows no standard errors.

    References
    ----------
    Joreskog, K. G. (1969). A general approach to confirmatory maximum likelihood factor analysis. Psychometrika, 34, 183-202.
    https://doi.org/10.1007/BF02289343
    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent variable
    indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210
    Asparouhov, T., & Muthen, B. (2010). Simple second order chi-square correction. Mplus technical report.
    Rosseel, Y. (2012). lavaan: an R package for structural equation modeling. Journal of Statistical Software, 48(2).
    https://doi.org/10.18637/jss.v048.i02

    Raises
    ------
    ScoringError
        `sem.*`: a model that cannot be read or is not identified, a column that is missing or not numeric, a group of fewer than
        three rows, fewer rows than items, a constant item, full information with an estimator that has none.
    """
    read = as_model(model)
    data = prepare_data(
        items, read.items, estimator=estimator, missing=missing, groups=groups, clusters=clusters
    )
    means = mean_structure if mean_structure is not None else len(data.groups) > 1
    # Missing answers are predicted from means, and clusters differ in theirs.
    means = means or data.incomplete or data.clustered
    thresholds = None
    if data.ordinal:
        check_same_categories(data)
        thresholds = {item: len(data.groups[0].thresholds[i]) for i, item in enumerate(read.items)}
    specification = specify(
        read, n_groups=len(data.groups), scaling=scaling, mean_structure=means, thresholds=thresholds
    )
    return fit_specification(data, specification)


def fit_specification(
    data: FittingData, specification: Specification, *, start: Array | None = None, thorough: bool = True
) -> ConfirmatoryFit:
    """Fit a full specification to prepared data; see `fit_confirmatory` for what comes back and what is raised.

    `thorough=False` leaves out what a search through many models has no use for: standard errors and robust indices.
    """
    model = compile_model(specification)
    n_moments = _count_moments(data, specification)
    df = n_moments - model.n_free
    if df < 0:
        raise ScoringError(
            "sem.identification",
            "The model has %(free)d free parameters but the items give only %(moments)d moments; it is not identified.",
            "Use more items per factor (three at least for one factor) or fix parameters.",
            free=model.n_free,
            moments=n_moments,
        )
    problem: Problem = (
        OrdinalProblem(model, data.groups)
        if data.ordinal
        else NormalProblem(model, data.groups, discrepancy_of(data.estimator))
    )
    if start is None:
        start = start_values(
            model,
            [covariance for covariance, _ in data.samples],
            [mean for _, mean in data.samples],
            [np.concatenate(g.thresholds) if data.ordinal else np.zeros(0) for g in data.groups],
        )
    start = _feasible(problem, start)
    _check_identified(problem, start)
    optimum = _search_minimum(problem, start)
    covariance: Array | None = np.zeros((0, 0))
    if model.n_free:
        covariance = _covariance(data, problem, optimum.x) if thorough else None
    return report_fit(data, problem, optimum, covariance, df, thorough=thorough)


def _search_minimum(problem: Problem, start: Array) -> Optimum:
    """The minimum from the given start; where the search fails, the best of a few others, always the same ones."""
    hessian = problem.hessian if isinstance(problem, NormalProblem) and problem.estimator == "ML" else None
    best = minimise(start, problem.objective, problem.gradient, problem.information, hessian)
    rng = np.random.default_rng(20)
    for _ in range(_RESTARTS):
        if best.converged:
            return best
        try:
            other = _feasible(problem, start * rng.uniform(0.6, 1.4, len(start)))
        except ScoringError:
            continue
        found = minimise(
            other, problem.objective, problem.gradient, problem.information, hessian, effort=_RESTART_EFFORT
        )
        if (found.converged, -found.value) > (best.converged, -best.value):
            best = found
    return best


def _count_moments(data: FittingData, specification: Specification) -> int:
    """How many sample moments the model has to reproduce."""
    k = len(specification.items)
    if data.ordinal:
        return sum(sum(len(t) for t in group.thresholds) + k * (k - 1) // 2 for group in data.groups)
    return len(data.groups) * (k * (k + 1) // 2 + (k if specification.mean_structure else 0))


def _feasible(problem: Problem, start: Array) -> Array:
    """A start with positive definite implied covariances: loadings and covariances shrink and variances grow until it is."""
    cross, variance = _is_cross(problem.model), _is_variance(problem.model)
    for _ in range(20):
        if np.isfinite(problem.objective(start)):
            return start
        start = np.where(cross, 0.5 * start, np.where(variance, 1.5 * start, start))
    raise ScoringError(
        "sem.start",
        "The model has no place to start from: its fixed values make impossible covariances of the items.",
        "Check the fixed variances and covariances; a covariance cannot be larger than its variances allow.",
    )


def _is_cross(model: CompiledModel) -> Array:
    """Which free parameters are loadings or covariances, which may make a start infeasible."""
    return _which(model, lambda p: p.operator == "=~" or (p.operator == "~~" and p.left != p.right))


def _is_variance(model: CompiledModel) -> Array:
    """Which free parameters are variances."""
    return _which(model, lambda p: p.operator == "~~" and p.left == p.right)


def _which(model: CompiledModel, wanted: Callable[[Parameter], bool]) -> Array:
    """Which free parameters stand for an element that is wanted."""
    chosen = np.zeros(model.n_free, dtype=bool)
    for group, cells in enumerate(model.cells):
        parameters = [p for p in model.specification.parameters if p.group == group]
        for parameter, index in zip(parameters, cells.index, strict=True):
            if index >= 0 and wanted(parameter):
                chosen[index] = True
    return chosen


def _check_identified(problem: Problem, start: Array) -> None:
    """The information has full rank at a point without accidental zeros; otherwise the parameters involved are named."""
    model = problem.model
    if model.n_free == 0:
        return
    for seed in (1, 2):
        # A start may lie where a derivative is 0 by accident, for example with factors that do not covary.
        nudge = 1.0 + 0.05 * np.random.default_rng(seed).uniform(-1, 1, model.n_free)
        point = start * nudge + np.where(start == 0.0, 0.01 * (nudge - 1.0), 0.0)
        if not np.isfinite(problem.objective(point)):
            point = start
        try:
            information = problem.information(point)
        except np.linalg.LinAlgError:
            continue
        size = np.sqrt(np.clip(np.diagonal(information), 1e-300, None))
        values, vectors = np.linalg.eigh(information / np.outer(size, size))
        if values[0] > 1e-9:
            return
    involved = [model.names[i] for i in np.argsort(-np.abs(vectors[:, 0]))[:3] if abs(vectors[i, 0]) > 0.1]
    raise ScoringError(
        "sem.identification",
        "The model is not identified: the data cannot tell %(parameters)s apart.",
        "Fix one of these parameters, make some equal, or give the factor more items.",
        parameters=", ".join(involved),
    )


def _covariance(data: FittingData, problem: Problem, x: Array) -> Array | None:
    """Covariance matrix of the estimates, None where it does not exist."""
    try:
        if isinstance(problem, OrdinalProblem):
            inverse = invert_information(problem.information(x))
            return inverse @ problem.spread(x) @ inverse / problem.n
        if problem.estimator == "ULS":
            return None
        if data.estimator in {"MLM", "MLR"}:
            correction = data.correction(problem, x)
            return None if correction is None else correction.covariance / problem.n
        information = problem.hessian(x) if data.incomplete else problem.information(x)
        return invert_information(information) / problem.n
    except np.linalg.LinAlgError:
        return None
