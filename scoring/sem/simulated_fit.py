"""Measures of fit that a model has on data drawn from stated populations: what simulations of cut-offs and powers are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from scoring.errors import ScoringError
from scoring.parallel_work import Seed
from scoring.sem import fit as fitting
from scoring.sem.data import EstimatorName, FittingData, Problem, discrepancy_of
from scoring.sem.estimate import fit_specification
from scoring.sem.fit import FitMeasures
from scoring.sem.generate import Population, draw_data, fitted_population
from scoring.sem.indices import correct_for_missing
from scoring.sem.likelihood import NormalProblem
from scoring.sem.many import fit_many
from scoring.sem.matrices import Array, CompiledModel, compile_model
from scoring.sem.model import Specification
from scoring.sem.ordinal import OrdinalProblem
from scoring.sem.result import ConfirmatoryFit

IndexName = Literal["cfi", "rmsea", "srmr"]
INDICES: Final[tuple[IndexName, ...]] = ("cfi", "rmsea", "srmr")
Version = Literal["plain", "scaled", "robust"]
_STEPS: Final = 80
_CHI_SQUARE_ERROR: Final = 1e-8


@dataclass(frozen=True)
class Design:
    """What a worker needs: the model, and the populations to draw from."""

    specification: Specification
    populations: tuple[Population, ...]
    starts: tuple[Array, ...]
    n: int
    df: int
    estimator: EstimatorName
    version: Version
    observed: Array | None

    @property
    def together(self) -> bool:
        """Whether all data sets of a batch are fitted at once."""
        return self.estimator == "ML" and self.observed is None


def make_design(fit: ConfirmatoryFit, covariances: Sequence[Array]) -> Design:
    """The populations, and where the search for a solution starts in each."""
    base, data, model = fitted_population(fit), fit.data, fit.problem.model
    populations = tuple(replace(base, covariance=covariance) for covariance in covariances)
    estimator: EstimatorName = "ML" if data.estimator in {"MLM", "MLR"} else data.estimator
    observed = None
    if data.incomplete and not data.groups[0].complete:
        moments = data.groups[0]
        observed = np.repeat(moments.observed, moments.counts, axis=0)
    starts = [fit.x] * len(populations)
    if not data.ordinal:
        # What the model makes of each population itself is near what it makes of data drawn from it.
        exact = [
            fit_many(model, [p.covariance[None]], [p.mean[None]], [fit.n_used], fit.x) for p in populations
        ]
        starts = [found.x[0] if found.converged[0] else fit.x for found in exact]
    return Design(
        fit.specification,
        populations,
        tuple(starts),
        fit.n_used,
        fit.measures.df,
        estimator,
        _version(data),
        observed,
    )


def _version(data: FittingData) -> Version:
    """Which version of CFI and RMSEA a data set's estimator is judged by."""
    if data.ordinal:
        return "scaled"
    return "robust" if data.estimator in {"MLM", "MLR"} else "plain"


def observed_indices(measures: FitMeasures, version: Version) -> dict[IndexName, float | None]:
    """Return CFI and RMSEA of one version, and SRMR."""
    suffix = "" if version == "plain" else f"_{version}"
    return {
        "cfi": getattr(measures, f"cfi{suffix}"),
        "rmsea": getattr(measures, f"rmsea{suffix}"),
        "srmr": measures.srmr,
    }


def simulate_indices(design: Design, seeds: Sequence[Seed]) -> list[Array]:
    """Return, for each seed, CFI, RMSEA and SRMR of a data set of every population: (levels + 1, 3), NaN without a solution."""
    model = compile_model(design.specification)
    results = np.full((len(seeds), len(design.populations), 3), np.nan)
    for level, (population, start) in enumerate(zip(design.populations, design.starts, strict=True)):
        # Levels have generators of their own; spawning would leave a mark on the seed.
        generators = [
            np.random.default_rng(Seed(seed.entropy, spawn_key=(*seed.spawn_key, level))) for seed in seeds
        ]
        if design.together:
            results[:, level] = _fit_together(design, model, population, start, generators)
            continue
        for number, rng in enumerate(generators):
            results[number, level] = _fit_alone(design, model, population, start, rng)
    return list(results)


def _fit_together(
    design: Design,
    model: CompiledModel,
    population: Population,
    start: Array,
    generators: Sequence[np.random.Generator],
) -> Array:
    """Complete data by maximum likelihood: all data sets at once, (sets, 3)."""
    drawn = [draw_data(population, design.n, rng) for rng in generators]
    covariances, means = (np.stack(part) for part in zip(*(data.samples[0] for data in drawn), strict=True))
    fits = fit_many(model, [covariances], [means], [design.n], start)
    k = covariances.shape[1]
    spread = np.log(np.diagonal(covariances, axis1=1, axis2=2)).sum(axis=1)
    null = design.n * (spread - np.linalg.slogdet(covariances)[1])
    results = np.full((len(drawn), 3), np.nan)
    for number, data in enumerate(drawn):
        if fits.converged[number]:
            chi_square = design.n * float(fits.discrepancies[number])
            results[number] = _row(
                fitting.comparative_fit(chi_square, design.df, float(null[number]), k * (k - 1) / 2),
                fitting.rmsea(chi_square, design.df, design.n),
                _srmr(data, model, fits.x[number], np.ones(1)),
            )
    return results


def _fit_alone(
    design: Design, model: CompiledModel, population: Population, start: Array, rng: np.random.Generator
) -> Array:
    """One data set; NaN where it cannot be fitted."""
    failed = np.full(3, np.nan)
    try:
        data = draw_data(population, design.n, rng, estimator=design.estimator, observed=design.observed)
        if data.ordinal and _lost_thresholds(population, data):
            matched = _match_categories(model, start, data)
            if matched is None:
                return failed
            model, start = matched
        problem = _make_problem(model, data)
        x = _settle(problem, start)
        if x is None:
            # The ordinary way has other starts and tries several.
            found = fit_specification(data, model.specification)
            if not found.converged:
                return failed
            x = found.x
        return _measure(data, problem, x, design)
    except (ScoringError, np.linalg.LinAlgError):
        return failed


def _settle(problem: Problem, x: Array) -> Array | None:
    """The solution near the population's; None where it is not found.

    Exact to what a chi-square shows, which a simulation cannot tell from exact. Scoring for ordinal items, whose information is
    cheap; for others BFGS that starts from the information.
    """
    value, slope = problem.objective(x), problem.gradient(x) / 2.0
    inverse = np.linalg.inv(problem.information(x))
    for _ in range(_STEPS):
        direction = inverse @ slope
        decrement = float(slope @ direction)
        if problem.n * decrement < _CHI_SQUARE_ERROR:
            return x
        size = 1.0
        while not (reached := problem.objective(x - size * direction)) <= value - 1e-4 * size * decrement:
            size /= 2.0
            if size < 1e-4:
                return None
        step = -size * direction
        x, value, before = x + step, reached, slope
        slope = problem.gradient(x) / 2.0
        if isinstance(problem, OrdinalProblem):
            inverse = np.linalg.inv(problem.information(x))
        else:
            inverse = _update(inverse, step, slope - before)
    return None


def _update(inverse: Array, step: Array, change: Array) -> Array:
    """The inverse information after a step, by what it did to the slope (BFGS)."""
    curvature = float(change @ step)
    if curvature <= 0.0:
        return inverse
    turn = np.eye(len(step)) - np.outer(step, change) / curvature
    updated: Array = turn @ inverse @ turn.T + np.outer(step, step) / curvature
    return updated


def _make_problem(model: CompiledModel, data: FittingData) -> Problem:
    """The model with drawn data."""
    if data.ordinal:
        if not all(np.isfinite(group.gamma).all() for group in data.groups):
            raise np.linalg.LinAlgError
        return OrdinalProblem(model, data.groups)
    return NormalProblem(model, data.groups, discrepancy_of(data.estimator))


def _lost_thresholds(population: Population, data: FittingData) -> bool:
    """Whether an item misses a category in a drawn data set."""
    drawn = [len(cuts) for cuts in data.groups[0].thresholds]
    return drawn != [len(cuts) for cuts in population.thresholds or ()]


def _match_categories(
    model: CompiledModel, start: Array, data: FittingData
) -> tuple[CompiledModel, Array] | None:
    """The model without the last thresholds of such items, starting at the sample's; None where thresholds are constrained."""
    cuts = dict(zip(data.items, data.groups[0].thresholds, strict=True))
    parameters = model.specification.parameters
    if any(p.operator == "|" and (p.label or not p.free) for p in parameters):
        return None
    kept = tuple(p for p in parameters if p.operator != "|" or int(p.right[1:]) <= len(cuts[p.left]))
    smaller = compile_model(replace(model.specification, parameters=kept))
    value = dict(zip(model.names, start, strict=True))
    matched = np.array([value[name] for name in smaller.names])
    for parameter, index in zip(kept, smaller.cells[0].index, strict=True):
        if parameter.operator == "|":
            matched[index] = cuts[parameter.left][int(parameter.right[1:]) - 1]
    return smaller, matched


def _measure(data: FittingData, problem: Problem, x: Array, design: Design) -> Array:
    """CFI, RMSEA and SRMR in the version of the design."""
    means = problem.model.specification.mean_structure
    test, baseline = data.test(problem, x, design.df), data.baseline(means=means)
    statistic, null, c, c_null = test.chi_square, baseline.chi_square, 1.0, 1.0
    if design.version == "scaled":
        statistic, null = test.scaled or 0.0, baseline.scaled or 0.0
    elif design.version == "robust" and isinstance(problem, NormalProblem):
        test, baseline = correct_for_missing(data, problem, x, test, baseline)
        if test.robust is not None and baseline.robust is not None:
            (statistic, c), (null, c_null) = test.robust, baseline.robust
    cfi = fitting.comparative_fit(statistic, design.df, null, baseline.df, c, c_null)
    rmsea = fitting.rmsea(statistic, design.df, problem.n, correction=c)
    return _row(cfi, rmsea, _srmr(data, problem.model, x, problem.shares))


def _row(*values: float | None) -> Array:
    """Values of one data set, NaN for one that is not defined."""
    return np.array([np.nan if value is None else value for value in values])


def _srmr(data: FittingData, model: CompiledModel, x: Array, shares: Array) -> float:
    """SRMR of a data set."""
    means = model.specification.mean_structure
    return fitting.srmr(
        shares, data.samples, [model.moments(x, 0)], means=means, correlations_only=data.ordinal
    )
