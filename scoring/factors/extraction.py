"""Extracting factors from stacks of correlation matrices: minimum residuals and maximum likelihood by Newton's method.

Both criteria depend on the uniquenesses alone, because the best loadings for given uniquenesses are known from an
eigendecomposition. Gradient and Hessian are exact, so a handful of steps gives all the digits that the numbers can hold; many
matrices (bootstrap draws, random sets) take their steps together.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

Method = Literal["minres", "ml"]

# The bounds of psych::fa and stats::factanal.
LOWER: Final = 0.005
UPPER: Final = 1.0
# The parameter scale of psych::fa and stats::factanal.
_UNIT: Final = 0.01
_ITERATIONS: Final = 200
_HALVINGS: Final = 30
# A step must bring this share of what the gradient promises.
_ARMIJO: Final = 1e-4
# Where rounding lets nothing improve any more, a gradient this small still counts as arrived.
_STALLED: Final = 1e-6


@dataclass(frozen=True)
class Extraction:
    """Unrotated factors of a stack of correlation matrices.

    Attributes
    ----------
    uniquenesses : ndarray (sets, k)
        The parameters that were estimated, inside their bounds .005 and 1.
    loadings : ndarray (sets, k, m)
        Unrotated, largest factor first.
    objective : ndarray (sets,)
        Half the sum of squared residuals, diagonal included (minres), or the maximum-likelihood discrepancy (ml).
    converged : ndarray of bool (sets,)
    """

    uniquenesses: FloatArray
    loadings: FloatArray
    objective: FloatArray
    converged: BoolArray


@dataclass(frozen=True)
class _Point:
    """The eigendecompositions at the current parameters of a stack; eigenvectors in columns, eigenvalues ascending."""

    values: FloatArray
    vectors: FloatArray
    objective: FloatArray


def start_uniquenesses(correlations: FloatArray) -> FloatArray:
    """One minus the squared multiple correlations, (sets, k); one half for matrices that cannot be inverted."""
    start = np.full(correlations.shape[:2], 0.5)
    regular = np.linalg.eigvalsh(correlations)[:, 0] > 1e-10
    if regular.any():
        inverse = np.linalg.inv(correlations[regular])
        start[regular] = 1.0 / np.diagonal(inverse, axis1=1, axis2=2)
    return np.clip(start, LOWER, UPPER)


def descend_likelihood(matrix: FloatArray, k_factors: int) -> FloatArray:
    """Uniquenesses (1, k) near the maximum of the likelihood that R's programs arrive at.

    The likelihood often has several maxima once there are too many factors. `psych::fa` and `stats::factanal` follow L-BFGS-B
    from one minus the squared multiple correlations, in units of .01; this follows the same path, which Newton's longer steps
    would leave.
    """
    from scipy.optimize import minimize

    criterion = _Criterion(k_factors, "ml")

    def evaluate(scaled: FloatArray) -> tuple[float, FloatArray]:
        uniquenesses = scaled[None] * _UNIT
        point = criterion.evaluate(matrix[None], np.log(uniquenesses))
        gradient = criterion.derivatives(point)[0] / uniquenesses
        return float(point.objective[0]), gradient[0] * _UNIT

    found = minimize(
        evaluate,
        start_uniquenesses(matrix[None])[0] / _UNIT,
        jac=True,
        method="L-BFGS-B",
        bounds=[(LOWER / _UNIT, UPPER / _UNIT)] * len(matrix),
        options={"maxcor": 5, "ftol": 1e7 * np.finfo(np.float64).eps, "gtol": 0.0, "maxiter": 100},
    )
    uniquenesses: FloatArray = np.asarray(found.x)[None] * _UNIT
    return uniquenesses


def extract_factors(
    correlations: FloatArray,
    k_factors: int,
    method: Method,
    start: FloatArray | None = None,
    tolerance: float = 1e-10,
) -> Extraction:
    """Minimize the criterion over the uniquenesses of every matrix of a stack.

    Parameters
    ----------
    correlations : ndarray (sets, k, k)
        Finite, ones on the diagonal; positive definite for "ml".
    k_factors : int
        1 to k - 1.
    method : "minres" or "ml"
        The criterion; see Notes.
    start : ndarray (sets, k), optional
        Uniquenesses to start from; one minus the squared multiple correlations when left out.
    tolerance : float
        Largest element of the projected gradient at which a matrix is done.

    Notes
    -----
    minres: `f = 1/2 sum of the squared eigenvalues of R - Psi beyond the first m` (Harman & Jones 1966, in the form of
    Joreskog 1977); ml: `f = sum(e - ln e - 1)` over the eigenvalues of `Psi^-1/2 R Psi^-1/2` beyond the first m, in the
    logarithms of the uniquenesses (Joreskog 1967). An eigenvalue among the first m that no real loading can reproduce counts as
    residual too. Newton steps with the exact Hessian, its negative curvatures turned round, on the parameters that are not held
    at a bound; a step is halved until the criterion falls as much as it should.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika, 31, 351-368.
    https://doi.org/10.1007/BF02289468
    Joreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika, 32, 443-482.
    https://doi.org/10.1007/BF02289658
    """
    criterion = _Criterion(k_factors, method)
    begin = start_uniquenesses(correlations) if start is None else np.clip(start, LOWER, UPPER)
    parameters = criterion.from_uniquenesses(begin)
    low, high = criterion.from_uniquenesses(np.array([LOWER, UPPER]))
    point = criterion.evaluate(correlations, parameters)
    values, vectors, objective = (part.copy() for part in (point.values, point.vectors, point.objective))
    converged = np.zeros(len(parameters), dtype=bool)

    active = np.arange(len(parameters))
    for _ in range(_ITERATIONS):
        here = _Point(values[active], vectors[active], objective[active])
        x = parameters[active]
        gradient, hessian = criterion.derivatives(here)
        held = ((x <= low) & (gradient > 0.0)) | ((x >= high) & (gradient < 0.0))
        free = np.where(held, 0.0, gradient)
        size = np.abs(free).max(axis=1)
        step = _newton_step(free, hessian, held)
        moved, next_x, next_point = _search_line(
            criterion, correlations[active], x, here, gradient, step, (low, high)
        )
        parameters[active], values[active] = next_x, next_point.values
        vectors[active], objective[active] = next_point.vectors, next_point.objective
        done = size <= tolerance
        converged[active] = done | (~moved & (size <= _STALLED))
        active = active[~done & moved]
        if not active.size:
            break
    loadings = criterion.loadings(values, vectors, parameters)
    return Extraction(criterion.to_uniquenesses(parameters), loadings, objective, converged)


@dataclass(frozen=True)
class _Criterion:
    """One of the two criteria with its parameters: uniquenesses (minres) or their logarithms (ml)."""

    k_factors: int
    method: Method

    def from_uniquenesses(self, uniquenesses: FloatArray) -> FloatArray:
        return np.log(uniquenesses) if self.method == "ml" else uniquenesses.copy()

    def to_uniquenesses(self, parameters: FloatArray) -> FloatArray:
        return np.exp(parameters) if self.method == "ml" else parameters

    def evaluate(self, correlations: FloatArray, parameters: FloatArray) -> _Point:
        """Decompose the reduced (minres) or rescaled (ml) matrices and sum what the factors leave."""
        if self.method == "ml":
            scale = np.exp(-0.5 * parameters)
            matrices = correlations * scale[:, :, None] * scale[:, None, :]
        else:
            matrices = correlations - parameters[:, :, None] * np.eye(parameters.shape[1])
        values, vectors = np.linalg.eigh(matrices)
        left = ~self._explained(values)
        if self.method == "ml":
            positive = np.maximum(values, np.finfo(np.float64).tiny)
            objective = np.where(left, positive - np.log(positive) - 1.0, 0.0).sum(axis=1)
        else:
            objective = 0.5 * np.where(left, values**2, 0.0).sum(axis=1)
        return _Point(values, vectors, objective)

    def _explained(self, values: FloatArray) -> BoolArray:
        """Which eigenvalues the factors account for: the m largest, unless a loading would be imaginary."""
        largest = np.arange(values.shape[1]) >= values.shape[1] - self.k_factors
        return largest & (values > (1.0 if self.method == "ml" else 0.0))

    def derivatives(self, point: _Point) -> tuple[FloatArray, FloatArray]:
        """Gradient (sets, k) and Hessian (sets, k, k).

        The gradient is minus the diagonal of a spectral function of the matrix, so the Hessian follows from its divided
        differences (Daleckii and Krein).
        """
        values, vectors = point.values, point.vectors
        explained = self._explained(values)
        left = np.where(explained[:, None, :], 0.0, vectors)
        residual = values - 1.0 if self.method == "ml" else values
        gradient = -(left**2 * residual[:, None, :]).sum(axis=2)

        outer = left @ left.transpose(0, 2, 1)
        if self.method == "ml":
            hessian = outer * ((left * values[:, None, :]) @ left.transpose(0, 2, 1))
        else:
            hessian = outer**2
        for place in range(1, self.k_factors + 1):
            top, vector = values[:, -place], vectors[:, :, -place]
            gap = np.minimum(values - top[:, None], -1e-8)
            weight = residual / gap * (values + top[:, None] if self.method == "ml" else 2.0)
            weight = np.where(explained[:, -place, None], weight, 0.0)
            mixed = (left * weight[:, None, :]) @ left.transpose(0, 2, 1)
            hessian = hessian + mixed * vector[:, :, None] * vector[:, None, :]
        return gradient, hessian

    def loadings(self, values: FloatArray, vectors: FloatArray, parameters: FloatArray) -> FloatArray:
        """The best loadings for the uniquenesses, largest factor first."""
        chosen = slice(None, -self.k_factors - 1, -1)
        shift = 1.0 if self.method == "ml" else 0.0
        loadings = vectors[:, :, chosen] * np.sqrt(np.maximum(values[:, None, chosen] - shift, 0.0))
        return loadings * np.exp(0.5 * parameters)[:, :, None] if self.method == "ml" else loadings


def _newton_step(gradient: FloatArray, hessian: FloatArray, held: BoolArray) -> FloatArray:
    """Newton's step on the free parameters; negative curvatures are turned round and none is taken as zero."""
    free = ~held
    masked = np.where(free[:, :, None] & free[:, None, :], hessian, np.eye(held.shape[1]))
    curvatures, directions = np.linalg.eigh(masked)
    floor = 1e-8 * np.abs(curvatures).max(axis=1, keepdims=True)
    along = (gradient[:, None, :] @ directions)[:, 0, :] / np.maximum(np.abs(curvatures), floor)
    return np.where(held, 0.0, -(directions @ along[:, :, None])[:, :, 0])


def _search_line(
    criterion: _Criterion,
    correlations: FloatArray,
    x: FloatArray,
    here: _Point,
    gradient: FloatArray,
    step: FloatArray,
    bounds: tuple[float, float],
) -> tuple[BoolArray, FloatArray, _Point]:
    """Halve the steps until each criterion falls as it should; where it does not, the parameters stay.

    Returns which matrices moved, the new parameters and the decompositions there.
    """
    moved = np.zeros(len(x), dtype=bool)
    new_x, values, vectors, best = x.copy(), here.values, here.vectors, here.objective.copy()
    open_ = np.arange(len(x))
    length = 1.0
    for _ in range(_HALVINGS):
        candidate = np.clip(x[open_] + length * step[open_], *bounds)
        point = criterion.evaluate(correlations[open_], candidate)
        promise = (gradient[open_] * (candidate - x[open_])).sum(axis=1)
        better = point.objective <= here.objective[open_] + _ARMIJO * promise
        better &= (candidate != x[open_]).any(axis=1) & (promise < 0.0)
        kept = open_[better]
        new_x[kept], best[kept], moved[kept] = candidate[better], point.objective[better], True
        values[kept], vectors[kept] = point.values[better], point.vectors[better]
        open_ = open_[~better]
        if not open_.size:
            break
        length *= 0.5
    return moved, new_x, _Point(values, vectors, best)
