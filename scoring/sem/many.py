"""One model fitted to many sets of moments at once, for simulations: every step is taken by all sets together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.sem.likelihood import NormalProblem
from scoring.sem.matrices import ALPHA, BETA, LAMBDA, NU, PSI, THETA, Array, Cells, CompiledModel
from scoring.sem.moments import moments_from_covariance
from scoring.sem.optimize import minimise

_STEPS: Final = 80
# Times the respondents, the error of a chi-square; far below what a simulation can see.
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class ManyFits:
    """Results of one model for many data sets.

    Attributes
    ----------
    x : float array, sets x free parameters
    discrepancies : float array, sets
        F at the estimate; the chi-square is N F.
    converged : bool array, sets
    """

    x: Array
    discrepancies: Array
    converged: Array


def fit_many(
    model: CompiledModel,
    covariances: Sequence[Array],
    means: Sequence[Array],
    sizes: Sequence[int],
    start: Array,
) -> ManyFits:
    """Fit a model without paths between factors to many sets of complete-data moments by maximum likelihood.

    Parameters
    ----------
    model : CompiledModel
        The model, of continuous items.
    covariances : sequence (one per group) of float arrays, sets x items x items
        Denominator n.
    means : sequence (one per group) of float arrays, sets x items
        Ignored where the model has no mean structure.
    sizes : sequence of int
        Respondents in each group, the same for all sets.
    start : float array, free parameters
        Where all sets start: the population's parameters, or an estimate.

    Returns
    -------
    ManyFits

    Notes
    -----
    Scoring with the information at the start, updated for each set as it goes (BFGS) and halved where a set gets worse; sets that do
    not arrive are fitted one by one. Reference for the discrepancy: `scoring.sem.likelihood`.

    Raises
    ------
    ValueError
        For a model with paths between factors.
    """
    if any((cells.kind == BETA).any() for cells in model.cells):
        raise ValueError("models with paths are fitted one by one")
    work = _Work(model, covariances, means, np.asarray(sizes, dtype=np.float64))
    n_sets = len(covariances[0])
    x = np.repeat(start[None, :], n_sets, axis=0)
    inverse = np.repeat(np.linalg.inv(work.information(start))[None], n_sets, axis=0)
    value, slope = work.evaluate(x, np.arange(n_sets))
    size = np.ones(n_sets)
    arrived = np.zeros(n_sets, dtype=bool)
    for _ in range(_STEPS):
        direction = np.einsum("rqs,rs->rq", inverse, slope)
        arrived |= np.einsum("rq,rq->r", direction, slope) < _TOLERANCE
        left = np.flatnonzero(~arrived)
        if len(left) == 0:
            break
        moved = x[left] - size[left, None] * direction[left]
        found, found_slope = work.evaluate(moved, left)
        better = found <= value[left] + 1e-12
        size[left] = np.where(better, 1.0, size[left] / 2.0)
        kept = left[better]
        inverse[kept] = _update(inverse[kept], moved[better] - x[kept], found_slope[better] - slope[kept])
        x[kept], value[kept], slope[kept] = moved[better], found[better], found_slope[better]
    for number in np.flatnonzero(~arrived | ~np.isfinite(value)):
        x[number], value[number], arrived[number] = work.alone(int(number), start)
    return ManyFits(x, value, arrived)


def _update(inverse: Array, step: Array, turn: Array) -> Array:
    """The inverse second derivatives of each set after a step (Broyden, Fletcher, Goldfarb, Shanno)."""
    along = np.einsum("rq,rq->r", step, turn)
    safe = along > 1e-14
    rho = np.where(safe, 1.0 / np.where(safe, along, 1.0), 0.0)
    applied = np.einsum("rqs,rs->rq", inverse, turn)
    weight = rho * (1.0 + rho * np.einsum("rq,rq->r", turn, applied))
    cross = applied[:, :, None] * step[:, None, :]
    change = weight[:, None, None] * step[:, :, None] * step[:, None, :]
    return np.asarray(inverse + change - rho[:, None, None] * (cross + cross.transpose(0, 2, 1)))


@dataclass(frozen=True)
class _Work:
    """The model and the moments, and what one evaluation of all sets needs."""

    model: CompiledModel
    covariances: Sequence[Array]
    means: Sequence[Array]
    sizes: Array

    def information(self, start: Array) -> Array:
        """Expected information at the start."""
        groups = [
            moments_from_covariance(covariance[0], mean[0], int(n))
            for covariance, mean, n in zip(self.covariances, self.means, self.sizes, strict=True)
        ]
        return NormalProblem(self.model, groups).information(start)

    def alone(self, number: int, start: Array) -> tuple[Array, float, bool]:
        """One set by the ordinary way."""
        groups = [
            moments_from_covariance(covariance[number], mean[number], int(n))
            for covariance, mean, n in zip(self.covariances, self.means, self.sizes, strict=True)
        ]
        problem = NormalProblem(self.model, groups)
        found = minimise(start, problem.objective, problem.gradient, problem.information, problem.hessian)
        return found.x, found.value, found.converged

    def evaluate(self, x: Array, sets: Array) -> tuple[Array, Array]:
        """F and half its derivative for some sets; infinite where the implied covariances are not positive definite."""
        total, slope = np.zeros(len(x)), np.zeros_like(x)
        shares = self.sizes / self.sizes.sum()
        for group, share in enumerate(shares):
            value, part = self._group(x, group, sets)
            total += share * value
            slope += share * part
        return total, np.where(np.isfinite(total)[:, None], slope, 0.0)

    def _group(self, x: Array, group: int, sets: Array) -> tuple[Array, Array]:
        """F and half its derivative in one group."""
        cells, specification = self.model.cells[group], self.model.specification
        values = np.where(cells.index >= 0, x[:, cells.index], cells.fixed)
        p, m, n_sets = len(specification.items), len(specification.factors), len(x)
        shapes = {LAMBDA: (p, m), PSI: (m, m), THETA: (p, p), NU: (p, 1), ALPHA: (m, 1)}
        built = {kind: np.zeros((n_sets, *shape)) for kind, shape in shapes.items()}
        for kind, matrix in built.items():
            chosen = cells.kind == kind
            matrix[:, cells.row[chosen], cells.column[chosen]] = values[:, chosen]
            if kind in {PSI, THETA}:
                matrix[:, cells.column[chosen], cells.row[chosen]] = values[:, chosen]
        loadings, spread, means = built[LAMBDA], built[PSI], built[ALPHA][:, :, 0]
        common = loadings @ spread
        implied = common @ loadings.transpose(0, 2, 1) + built[THETA]
        good = np.linalg.eigvalsh(implied)[:, 0] > 0
        implied = np.where(good[:, None, None], implied, np.eye(p))
        inverse = np.linalg.inv(implied)
        S = self.covariances[group][sets]
        gap = np.zeros((n_sets, p))
        if specification.mean_structure:
            gap = self.means[group][sets] - built[NU][:, :, 0] - np.einsum("rij,rj->ri", loadings, means)
        spread_sum = S + gap[:, :, None] * gap[:, None, :]
        value = (
            np.linalg.slogdet(implied)[1]
            - np.linalg.slogdet(S)[1]
            + np.einsum("rij,rji->r", inverse, spread_sum)
            - p
        )
        by_covariance = inverse - inverse @ spread_sum @ inverse
        by_mean = -2.0 * np.einsum("rij,rj->ri", inverse, gap)
        slope = self._slope(cells, (loadings, common, means), by_covariance, by_mean)
        result = np.zeros_like(x)
        free = cells.index >= 0
        np.add.at(result.T, cells.index[free], slope.T)
        return np.where(good, value, np.inf), result / 2.0

    @staticmethod
    def _slope(cells: Cells, parts: tuple[Array, Array, Array], G: Array, g: Array) -> Array:
        """Derivative by each free element: `2 c u' G v + g' dmu`, read off whole matrices of derivatives."""
        loadings, common, means = parts
        by_loading = 2.0 * G @ common + g[:, :, None] * means[:, None, :]
        by_spread = loadings.transpose(0, 2, 1) @ G @ loadings
        by_factor_mean = np.einsum("rij,ri->rj", loadings, g)
        free = cells.index >= 0
        kind, row, column = cells.kind[free], cells.row[free], cells.column[free]
        result = np.zeros((len(G), len(kind)))
        twice = np.where(row == column, 1.0, 2.0)
        for code, matrix in ((LAMBDA, by_loading), (PSI, by_spread), (THETA, G)):
            at = kind == code
            factor = 1.0 if code == LAMBDA else twice[at]
            result[:, at] = factor * matrix[:, row[at], column[at]]
        at = kind == NU
        result[:, at] = g[:, row[at]]
        at = kind == ALPHA
        result[:, at] = by_factor_mean[:, row[at]]
        return result


def draw_moments(
    rng: np.random.Generator, covariance: Array, mean: Array, n: int, n_sets: int
) -> tuple[Array, Array]:
    """Draw covariances (denominator n) and means of n normal rows, many times, without drawing the rows.

    Bartlett's decomposition of the Wishart distribution: `L A A' L' / n` with L the Cholesky factor of the covariances and A lower
    triangular with chi-distributed diagonal. n must exceed the number of items.
    """
    k = len(mean)
    root = np.linalg.cholesky(covariance)
    lower = np.tril(rng.standard_normal((n_sets, k, k)), -1)
    lower[:, np.arange(k), np.arange(k)] = np.sqrt(rng.chisquare(n - 1 - np.arange(k), size=(n_sets, k)))
    factor = root @ lower
    centres = mean + rng.standard_normal((n_sets, k)) @ root.T / np.sqrt(n)
    return factor @ factor.transpose(0, 2, 1) / n, centres
