"""Rotating factors to simple structure: direct oblimin, promax and varimax, and matching the factors of two solutions.

All rotations work on stacks, so that many starts, or many bootstrap draws, take their steps together.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

RotationMethod = Literal["oblimin", "promax", "varimax", "none"]

PROMAX_POWER: Final = 4
# R's varimax stops when its criterion grows by less than this share.
VARIMAX_GROWTH: Final = 1e-5
_ITERATIONS: Final = 2_000
_HALVINGS: Final = 12
# Criterion values nearer to each other than this belong to one minimum.
_SAME_MINIMUM: Final = 1e-6
# Gradient at which a start counts as arrived, and at which the best of them is polished to.
_ARRIVED: Final = 1e-5
_POLISHED: Final = 1e-10
_GRADIENT_STEPS: Final = 500
_NEWTON_STEPS: Final = 60
# Differences of criteria that are rounding.
_ROUNDING: Final = 1e-13
_DIFFERENCE: Final = 1e-5
# Change of an orthogonal transformation that is rounding.
_STILL: Final = 1e-12


@dataclass(frozen=True)
class Rotation:
    """A rotated pattern `loadings = unrotated @ inv(transformation).T`.

    Attributes
    ----------
    loadings : ndarray (k, m)
    factor_correlations : ndarray (m, m)
        `transformation.T @ transformation`; the identity for an orthogonal rotation.
    transformation : ndarray (m, m)
        Columns of length one.
    criterion : float or None
        What was minimized: oblimin's criterion, or minus the varimax criterion (for promax that of its varimax step); None
        where nothing was rotated.
    n_minima : int
        Different minima that the starts ended in; the lowest is the result. 1 where nothing was rotated.
    converged : bool
    """

    loadings: FloatArray
    factor_correlations: FloatArray
    transformation: FloatArray
    criterion: float | None
    n_minima: int
    converged: bool


def rotate_loadings(
    loadings: FloatArray,
    method: RotationMethod,
    *,
    n_starts: int = 30,
    seed: int = 0,
    varimax_growth: float = VARIMAX_GROWTH,
) -> Rotation:
    """Rotate unrotated loadings; where there are several starts, the lowest criterion is taken.

    Parameters
    ----------
    loadings : ndarray (k, m)
        Unrotated loadings.
    method : "oblimin", "promax", "varimax" or "none"
        See Notes.
    n_starts : int
        Random orthogonal starts besides the unrotated position; not for varimax and promax that stop as R does.
    seed : int
        Of the random starts.
    varimax_growth : float
        Relative growth of the criterion at which varimax stops. R's 1e-5 gives R's loadings, which are up to .006 away from the
        maximum on ordinary data; 0 goes on to the maximum, from all starts.

    Notes
    -----
    oblimin: direct oblimin with gamma 0 (quartimin) without Kaiser's normalization, by gradient projection (Jennrich 2002);
    the best start is polished by Newton's steps on unit columns. `GPArotation::oblimin`, which `psych::fa` calls, starts once
    and stops at a gradient of 1e-5. varimax: `stats::varimax`, with Kaiser's normalization. promax: as
    `psych::fa(rotate = "promax")`, that is varimax and the power 4 inside Kaiser's normalization.

    References
    ----------
    Jennrich, R. I. (2002). A simple general method for oblique rotation. Psychometrika, 67, 7-19.
    https://doi.org/10.1007/BF02294706
    Jennrich, R. I., & Sampson, P. F. (1966). Rotation for simple loadings. Psychometrika, 31, 313-323.
    https://doi.org/10.1007/BF02289465
    Kaiser, H. F. (1958). The varimax criterion for analytic rotation in factor analysis. Psychometrika, 23, 187-200.
    https://doi.org/10.1007/BF02289233
    Hendrickson, A. E., & White, P. O. (1964). Promax: a quick method for rotation to oblique simple structure. British Journal
    of Statistical Psychology, 17, 65-70. https://doi.org/10.1111/j.2044-8317.1964.tb00244.x
    """
    m = loadings.shape[1]
    if method == "none" or m == 1:
        return Rotation(loadings, np.eye(m), np.eye(m), None, 1, True)
    if method == "oblimin":
        return _rotate_oblimin(loadings, _make_starts(m, n_starts, seed))
    starts = _make_starts(m, n_starts if varimax_growth <= 0.0 else 0, seed)
    normalized = loadings / kaiser_weights(loadings)
    found = rotate_varimax(
        np.broadcast_to(normalized, (len(starts), *loadings.shape)), starts, varimax_growth
    )
    best, n_minima = _choose(found.criterion, found.converged)
    transformation = found.transformations[best]
    if method == "promax":
        transformation = promax_transformations(loadings[None], transformation[None])[0]
    return Rotation(
        loadings @ np.linalg.inv(transformation).T,
        transformation.T @ transformation,
        transformation,
        float(found.criterion[best]),
        n_minima,
        bool(found.converged[best]),
    )


def _make_starts(m: int, n_starts: int, seed: int) -> FloatArray:
    """The identity and random orthogonal matrices, (1 + n_starts, m, m)."""
    random = np.random.default_rng(seed).normal(size=(n_starts, m, m))
    return np.concatenate([np.eye(m)[None], np.linalg.qr(random)[0]])


def _choose(criterion: FloatArray, converged: BoolArray) -> tuple[int, int]:
    """The start with the lowest criterion (the first of equals), and how many minima the starts ended in."""
    usable = np.where(converged, criterion, np.inf) if converged.any() else criterion
    ordered = np.sort(usable[np.isfinite(usable)])
    n_minima = 1 + int((np.diff(ordered) > _SAME_MINIMUM).sum())
    return int(np.flatnonzero(usable <= ordered[0] + 1e-9)[0]), n_minima


@dataclass(frozen=True)
class Rotations:
    """Transformations of a stack with their criteria and whether each arrived at a minimum."""

    transformations: FloatArray
    criterion: FloatArray
    converged: BoolArray


def oblimin_criterion(loadings: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Direct oblimin's criterion with gamma 0, and its derivative by the loadings, for a stack (..., k, m).

    `f = 1/4 sum over pairs of factors of sum_i l_ij^2 l_ik^2`, both orders of a pair counted.
    """
    squares = loadings**2
    gradient = loadings * (squares.sum(axis=-1, keepdims=True) - squares)
    return 0.25 * (loadings * gradient).sum(axis=(-2, -1)), gradient


def rotate_oblimin(
    loadings: FloatArray, starts: FloatArray, tolerance: float = _ARRIVED, iterations: int = _GRADIENT_STEPS
) -> Rotations:
    """Project gradients until they vanish, for a stack of loadings (s, k, m) and starts (s, m, m)."""
    transformations = starts.copy()
    point = _ObliquePoint.at(loadings, transformations)
    criterion, slope = point.criterion.copy(), point.projected.copy()
    size = _norm(slope)
    step = np.ones(len(starts))
    active = np.flatnonzero(size > tolerance)
    for _ in range(iterations):
        if not active.size:
            break
        step[active] *= 2.0
        open_ = active
        for _ in range(_HALVINGS):
            candidate = _normalize(transformations[open_] - step[open_, None, None] * slope[open_])
            point = _ObliquePoint.at(loadings[open_], candidate)
            better = criterion[open_] - point.criterion > 0.5 * size[open_] ** 2 * step[open_]
            kept = open_[better]
            transformations[kept], criterion[kept] = candidate[better], point.criterion[better]
            slope[kept] = point.projected[better]
            open_ = open_[~better]
            if not open_.size:
                break
            step[open_] *= 0.5
        size[active] = _norm(slope[active])
        # Where no step length helps, rounding has the last word.
        active = np.setdiff1d(active[size[active] > tolerance], open_)
    unfinished = np.flatnonzero(size > tolerance)
    if unfinished.size:
        # Gradients crawl along flat valleys, which Newton's steps cross.
        rest = _polish_oblimin(loadings[unfinished], transformations[unfinished], tolerance)
        transformations[unfinished], criterion[unfinished] = rest.transformations, rest.criterion
        size[unfinished] = np.where(rest.converged, 0.0, np.inf)
    return Rotations(transformations, criterion, size <= max(tolerance, _ARRIVED))


@dataclass(frozen=True)
class _ObliquePoint:
    """The criterion at a stack of transformations, and its gradient projected on unit columns."""

    criterion: FloatArray
    projected: FloatArray

    @classmethod
    def at(cls, loadings: FloatArray, transformations: FloatArray) -> "_ObliquePoint":
        inverse = np.linalg.inv(transformations)
        rotated = loadings @ inverse.swapaxes(-1, -2)
        criterion, derivative = oblimin_criterion(rotated)
        gradient = -(rotated.swapaxes(-1, -2) @ derivative @ inverse).swapaxes(-1, -2)
        along = (transformations * gradient).sum(axis=-2, keepdims=True)
        return cls(criterion, gradient - transformations * along)


def _normalize(matrices: FloatArray) -> FloatArray:
    """Columns of length one."""
    return matrices / np.sqrt((matrices**2).sum(axis=-2, keepdims=True))


def _norm(matrices: FloatArray) -> FloatArray:
    """Frobenius norm of every matrix of a stack."""
    return np.sqrt((matrices**2).sum(axis=(-2, -1)))


def _rotate_oblimin(loadings: FloatArray, starts: FloatArray) -> Rotation:
    """Direct oblimin from many starts, the best one polished."""
    found = rotate_oblimin(np.broadcast_to(loadings, (len(starts), *loadings.shape)), starts)
    best, n_minima = _choose(found.criterion, found.converged)
    only = slice(best, best + 1)
    polished = _polish_oblimin(loadings[None], found.transformations[only], _POLISHED)
    transformation = polished.transformations[0]
    return Rotation(
        loadings @ np.linalg.inv(transformation).T,
        transformation.T @ transformation,
        transformation,
        float(polished.criterion[0]),
        n_minima,
        bool(polished.converged[0]),
    )


def _polish_oblimin(loadings: FloatArray, starts: FloatArray, tolerance: float) -> Rotations:
    """Newton's steps for a stack, the Hessian from central differences of the analytic gradient.

    The function is taken on all matrices, through their normalized columns, so it does not change along a column; that
    direction gets a curvature of one and the step leaves it alone. Negative curvatures are turned round, and a step is halved
    until the criterion falls.
    """
    m = starts.shape[1]
    shifts = _DIFFERENCE * np.eye(m * m).reshape(m * m, m, m)
    transformations = starts.copy()
    point = _ObliquePoint.at(loadings, transformations)
    criterion, slope = point.criterion.copy(), point.projected.copy()
    active = np.flatnonzero(_norm(slope) > tolerance)
    for _ in range(_NEWTON_STEPS):
        if not active.size:
            break
        here = transformations[active]
        ahead, behind = (
            _free_gradient(loadings[active, None], here[:, None] + sign * shifts) for sign in (1.0, -1.0)
        )
        hessian = ((ahead - behind) / (2.0 * _DIFFERENCE)).reshape(-1, m * m, m * m)
        radial = np.einsum("saj,sbl,jl->sajbl", here, here, np.eye(m)).reshape(-1, m * m, m * m)
        curvatures, directions = np.linalg.eigh(0.5 * (hessian + hessian.swapaxes(1, 2)) + radial)
        floor = 1e-10 * np.abs(curvatures).max(axis=1, keepdims=True)
        flat = slope[active].reshape(-1, 1, m * m)
        along = (flat @ directions)[:, 0] / np.maximum(np.abs(curvatures), floor)
        step = (directions @ along[:, :, None])[:, :, 0].reshape(-1, m, m)

        open_, length = np.arange(len(active)), 1.0
        for _ in range(_HALVINGS):
            places = active[open_]
            candidate = _normalize(here[open_] - length * step[open_])
            point = _ObliquePoint.at(loadings[places], candidate)
            better = point.criterion < criterion[places]
            # Near the minimum the criterion no longer shows progress, but the gradient does.
            better |= (point.criterion <= criterion[places] + _ROUNDING) & (
                _norm(point.projected) < 0.5 * _norm(slope[places])
            )
            kept = places[better]
            transformations[kept], criterion[kept] = candidate[better], point.criterion[better]
            slope[kept] = point.projected[better]
            open_ = open_[~better]
            if not open_.size:
                break
            length *= 0.5
        stuck = active[open_]
        active = np.setdiff1d(active[_norm(slope[active]) > tolerance], stuck)
    return Rotations(transformations, criterion, _norm(slope) <= max(tolerance, _ARRIVED))


def _free_gradient(loadings: FloatArray, matrices: FloatArray) -> FloatArray:
    """Gradient of the criterion as a function of matrices whose columns are normalized first."""
    lengths = np.sqrt((matrices**2).sum(axis=-2, keepdims=True))
    return _ObliquePoint.at(loadings, matrices / lengths).projected / lengths


def kaiser_weights(loadings: FloatArray) -> FloatArray:
    """Root communalities (s, k, 1), one for an item that shares nothing."""
    weights = np.sqrt((loadings**2).sum(axis=-1, keepdims=True))
    return np.where(weights > 0.0, weights, 1.0)


def rotate_varimax(
    loadings: FloatArray, starts: FloatArray, growth: float = VARIMAX_GROWTH, iterations: int = _ITERATIONS
) -> Rotations:
    """Varimax of normalized loadings (s, k, m) from orthogonal starts (s, m, m), by singular value decompositions.

    Stops when the sum of singular values grows by less than `growth` of itself, as `stats::varimax` does, or, with a growth of
    0, when the transformation stands still. The criterion is minus the sum over factors of the variance of the squared
    loadings, times k / 4.
    """
    transformations = starts.copy()
    converged = np.zeros(len(starts), dtype=bool)
    sums = np.zeros(len(starts))
    active = np.arange(len(starts))
    for _ in range(iterations):
        part = loadings[active]
        rotated = part @ transformations[active]
        cubes = rotated**3 - rotated * (rotated**2).mean(axis=1, keepdims=True)
        left, values, right = np.linalg.svd(part.swapaxes(1, 2) @ cubes)
        following, total = left @ right, values.sum(axis=1)
        still = np.abs(following - transformations[active]).max(axis=(1, 2)) <= _STILL
        done = still | (total < sums[active] * (1.0 + growth)) if growth > 0.0 else still
        transformations[active], sums[active], converged[active] = following, total, done
        active = active[~done]
        if not active.size:
            break
    squares = (loadings @ transformations) ** 2
    criterion = -0.25 * loadings.shape[1] * squares.var(axis=1).sum(axis=1)
    return Rotations(transformations, criterion, converged)


def promax_transformations(loadings: FloatArray, varimax: FloatArray) -> FloatArray:
    """From varimax transformations (s, m, m) to those of promax, whose target is the fourth power of normalized loadings."""
    normalized = (loadings / kaiser_weights(loadings)) @ varimax
    target = normalized * np.abs(normalized) ** (PROMAX_POWER - 1)
    cross = normalized.swapaxes(1, 2)
    solution = np.linalg.solve(cross @ normalized, cross @ target)
    # The factors get unit variance: rotated = loadings @ varimax @ solution @ diag(scale).
    inverse = np.linalg.inv(solution)
    lengths = np.sqrt((inverse**2).sum(axis=2))
    back = varimax @ solution * lengths[:, None, :]
    transformations: FloatArray = np.linalg.inv(back).swapaxes(1, 2)
    return transformations


def congruence(a: FloatArray, b: FloatArray) -> FloatArray:
    """Tucker's coefficient of congruence between all columns of a (..., k, m) and b (..., k, m): (..., m, m), -1 to 1.

    `sum a b / sqrt(sum a^2 sum b^2)`; 0 with a column of zeros.

    References
    ----------
    Tucker, L. R. (1951). A method for synthesis of factor analysis studies (Personnel Research Section Report No. 984).
    Department of the Army.
    Lorenzo-Seva, U., & ten Berge, J. M. F. (2006). Tucker's congruence coefficient as a meaningful index of factor similarity.
    Methodology, 2, 57-64. https://doi.org/10.1027/1614-2241.2.2.57
    """
    products = a.swapaxes(-1, -2) @ b
    lengths_a = np.sqrt((a**2).sum(axis=-2))[..., :, None]
    lengths_b = np.sqrt((b**2).sum(axis=-2))[..., None, :]
    lengths = lengths_a * lengths_b
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0.0)


def match_columns(reference: FloatArray, stack: FloatArray) -> tuple[IntArray, FloatArray]:
    """The order and signs that bring the columns of every matrix of a stack (s, k, m) nearest to those of `reference`.

    Returns
    -------
    order : ndarray of int (s, m)
        Column of the stack's matrix that stands for each column of the reference.
    signs : ndarray (s, m)
        1 or -1 for each of them.

    Notes
    -----
    The sum of absolute congruences is the largest possible: where the best partner of each column is a different one, that is
    the answer, elsewhere the assignment problem is solved.
    """
    similar = congruence(np.broadcast_to(reference, stack.shape), stack)
    order = np.abs(similar).argmax(axis=2)
    m = stack.shape[2]
    disputed = (np.sort(order, axis=1) != np.arange(m)).any(axis=1)
    if disputed.any():
        from scipy.optimize import linear_sum_assignment

        for place in np.flatnonzero(disputed):
            order[place] = linear_sum_assignment(np.abs(similar[place]), maximize=True)[1]
    chosen = np.take_along_axis(similar, order[:, :, None], axis=2)[:, :, 0]
    return order, np.where(chosen < 0.0, -1.0, 1.0)
