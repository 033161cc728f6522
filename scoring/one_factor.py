"""One-factor models fitted to a stack of covariance matrices at once, as omega and its resampled values need them.

`scoring.sem` fits any confirmatory model, one at a time; this file fits one model thousands of times. Both give the same values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from scoring.errors import ScoringError

if TYPE_CHECKING:
    from scoring.sem.fit import FitMeasures

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

MINIMUM_ITEMS: Final = 3
_ITERATIONS: Final = 150
_HALVINGS: Final = 30
# Predicted decrease of the discrepancy, on correlations, below which a last step ends the search.
_DECREMENT: Final = 1e-13
# Largest change of one parameter in one step, on correlations.
_LONGEST_STEP: Final = 0.6
# Keeps the equations solvable where a matrix has no common factor at all.
_RIDGE: Final = 1e-11
# Numbers held at once by the curvature of one chunk of matrices; few enough to stay near the processor.
_CHUNK: Final = 400_000


@dataclass(frozen=True)
class OneFactorFits:
    """One-factor models of a stack of covariance matrices.

    Attributes
    ----------
    loadings : ndarray (..., k)
        In the unit of the items, factor variance 1; signed so that their sum is not negative.
    uniquenesses : ndarray (..., k)
        Residual variances; negative where the optimum is a Heywood case, as in lavaan.
    residual_covariances : ndarray (..., c)
        In the order of the pairs asked for.
    discrepancy : ndarray (...)
        `ln|Sigma| + tr(S Sigma^-1) - ln|S| - k`; times n it is the chi-square of lavaan.
    converged, heywood : ndarray of bool (...)
        Whether a minimum was found, and whether it has a residual variance of zero or below.
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    residual_covariances: FloatArray
    discrepancy: FloatArray
    converged: BoolArray
    heywood: BoolArray

    def omega(self) -> FloatArray:
        """Return `(sum l)^2 / ((sum l)^2 + sum theta + 2 sum theta_ij)` of each matrix; NaN where the fit did not converge."""
        common = self.loadings.sum(axis=-1) ** 2
        noise = self.uniquenesses.sum(axis=-1) + 2.0 * self.residual_covariances.sum(axis=-1)
        usable = self.converged & (common + noise > 0)
        return np.where(usable, common / np.where(usable, common + noise, 1.0), np.nan)


@dataclass(frozen=True)
class _Layout:
    """Which cells of the residual matrix are free: `first`, `second` their rows and columns, diagonal first.

    `weight` is 1/2 on the diagonal and 1 elsewhere, so that `weight * (e_a e_b' + e_b e_a')` is the derivative of a covariance
    matrix by its cell.
    """

    k: int
    first: np.ndarray[Any, np.dtype[np.intp]]
    second: np.ndarray[Any, np.dtype[np.intp]]
    weight: FloatArray

    @property
    def diagonal(self) -> bool:
        """Whether no residual covariance is free."""
        return len(self.first) == self.k

    def covariance(self, x: FloatArray) -> FloatArray:
        """The covariances (b, k, k) that parameters (b, k + cells) imply."""
        loadings, cells = x[:, : self.k], x[:, self.k :]
        sigma = loadings[:, :, None] * loadings[:, None, :]
        sigma[:, self.first, self.second] += cells
        sigma[:, self.second[self.k :], self.first[self.k :]] += cells[:, self.k :]
        return sigma


def fit_one_factor(
    covariances: FloatArray,
    *,
    residual_pairs: Sequence[tuple[int, int]] = (),
    start: tuple[FloatArray, FloatArray] | None = None,
) -> OneFactorFits:
    """Fit the one-factor model to every covariance matrix of a stack by maximum likelihood.

    Parameters
    ----------
    covariances : ndarray (..., k, k)
        Symmetric, k >= 3; with the denominator n for lavaan's values (its likelihood "normal").
    residual_pairs : sequence of (int, int)
        Positions of items whose residuals may covary.
    start : (ndarray (k,), ndarray (k + c,)), optional
        Loadings and residual cells (variances, then covariances) in the unit of the items to start from, for example those of the
        sample that the stack was resampled from. Without it every matrix is started from its largest eigenvalue after squared
        multiple correlations were put into the diagonal of its correlations.

    Returns
    -------
    OneFactorFits
        A matrix that is not positive definite, or whose likelihood has no maximum, is there as not converged.

    Notes
    -----
    Minimises `ln|Sigma| + tr(S Sigma^-1)`, `Sigma = l l' + Theta`, over loadings and residual (co)variances without bounds, as
    lavaan does: Newton steps with analytic first and second derivatives, all matrices at once, on correlations because the
    problem does not depend on units. A step that is not downhill is replaced by one of Fisher scoring, and steps are halved until
    the discrepancy falls.

    The same as R's `lavaan::cfa(model, std.lv = TRUE)` of each matrix.

    References
    ----------
    Lawley, D. N., & Maxwell, A. E. (1971). Factor analysis as a statistical method (2nd ed.). Butterworths.

    Raises
    ------
    ScoringError
        `one_factor.items` for fewer than three items, for which the model is not identified; `one_factor.pairs` for a pair of
        residuals that does not exist, occurs twice or leaves no degree of freedom.
    """
    S = np.asarray(covariances, dtype=np.float64)
    k = S.shape[-1]
    layout = _make_layout(k, residual_pairs)
    flat = S.reshape(-1, k, k)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(np.diagonal(flat, axis1=1, axis2=2))
        R = flat / (sd[:, :, None] * sd[:, None, :])
    n_free = k + len(layout.first)
    x = np.full((len(flat), n_free), np.nan)
    log_det = np.full(len(flat), np.nan)
    discrepancy, converged = np.full(len(flat), np.nan), np.zeros(len(flat), dtype=bool)
    usable = np.flatnonzero(_positive_definite(R))
    if len(usable):
        log_det[usable] = np.linalg.slogdet(R[usable])[1]
    step = max(1, _CHUNK // (n_free * n_free))
    for begin in range(0, len(usable), step):
        chosen = usable[begin : begin + step]
        first = _start(R[chosen], layout) if start is None else _scale_start(start, sd[chosen], layout)
        x[chosen], discrepancy[chosen], converged[chosen] = _minimise(R[chosen], first, layout)
    loadings = x[:, :k] * sd * np.where(x[:, :k].sum(axis=1) < 0, -1.0, 1.0)[:, None]
    cells = x[:, k:] * sd[:, layout.first] * sd[:, layout.second]
    shape = S.shape[:-2]
    with np.errstate(invalid="ignore"):
        heywood = converged & (x[:, k : 2 * k] <= 0).any(axis=1)
    return OneFactorFits(
        loadings.reshape(*shape, k),
        cells[:, :k].reshape(*shape, k),
        cells[:, k:].reshape(*shape, len(layout.first) - k),
        np.maximum(discrepancy - log_det - k, 0.0).reshape(shape),
        converged.reshape(shape),
        heywood.reshape(shape),
    )


def _make_layout(k: int, residual_pairs: Sequence[tuple[int, int]]) -> _Layout:
    """The free cells of the residual matrix, checked."""
    if k < MINIMUM_ITEMS:
        raise ScoringError(
            "one_factor.items",
            "A one-factor model of %(k)d items is not identified.",
            "Pass three items or more; for two use the Spearman-Brown formula.",
            k=k,
        )
    pairs = [(min(pair), max(pair)) for pair in residual_pairs]
    known = {(i, j) for i in range(k) for j in range(i + 1, k)}
    if len(set(pairs)) != len(pairs) or not set(pairs) <= known or 2 * k + len(pairs) > k * (k + 1) // 2:
        raise ScoringError(
            "one_factor.pairs",
            "The residual covariances asked for cannot be estimated for %(k)d items.",
            "Name each pair of different items once, and no more pairs than the model has degrees of freedom (%(df)d).",
            k=k,
            df=k * (k + 1) // 2 - 2 * k,
        )
    first = np.array([*range(k), *(i for i, _ in pairs)], dtype=np.intp)
    second = np.array([*range(k), *(j for _, j in pairs)], dtype=np.intp)
    return _Layout(k, first, second, np.where(first == second, 0.5, 1.0))


def _start(R: FloatArray, layout: _Layout) -> FloatArray:
    """First guess from the largest eigenvalue of each reduced correlation matrix."""
    k = layout.k
    reduced = R.copy()
    smc = 1.0 - 1.0 / np.diagonal(_invert(R), axis1=1, axis2=2)
    reduced[:, range(k), range(k)] = np.clip(smc, 0.0, 1.0)
    values, vectors = np.linalg.eigh(reduced)
    loadings = np.clip(vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1:], 0.1)), -0.95, 0.95)
    guess = np.zeros((len(R), k + len(layout.first)))
    guess[:, :k] = loadings
    guess[:, k : 2 * k] = 1.0 - loadings**2
    return guess


def _scale_start(start: tuple[FloatArray, FloatArray], sd: FloatArray, layout: _Layout) -> FloatArray:
    """The start given in the unit of the items, on the correlations of each matrix."""
    loadings, cells = start
    return np.concatenate([loadings / sd, cells / (sd[:, layout.first] * sd[:, layout.second])], axis=1)


def _invert(matrices: FloatArray) -> FloatArray:
    """The inverse of each matrix of a stack."""
    inverse: Any = np.linalg.inv(matrices)
    return np.asarray(inverse, dtype=np.float64)


def _positive_definite(matrices: FloatArray) -> BoolArray:
    """Which matrices of a stack are finite and positive definite by more than rounding."""
    finite = np.isfinite(matrices).all(axis=(1, 2))
    found = np.zeros(len(matrices), dtype=bool)
    if finite.any():
        found[finite] = np.linalg.eigvalsh(matrices[finite])[:, 0] > 1e-10
    return found


def _minimise(R: FloatArray, x: FloatArray, layout: _Layout) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Newton's method with halved steps on a stack of correlation matrices: parameters, discrepancies, convergence."""
    value = _discrepancy(R, x, layout)
    outside = ~np.isfinite(value)
    if outside.any():
        # A start carried over from another sample can lie outside what these correlations allow.
        x[outside] = _start(R[outside], layout)
        value[outside] = _discrepancy(R[outside], x[outside], layout)
    converged = np.zeros(len(R), dtype=bool)
    active = np.flatnonzero(np.isfinite(value))
    scoring_only = np.zeros(len(R), dtype=bool)
    for _ in range(_ITERATIONS):
        if not len(active):
            break
        step, slope, newton = _propose(R[active], x[active], layout, scoring_only[active])
        near = -slope < _DECREMENT
        moved, fell = _descend(R[active], x[active], value[active], step, slope, layout)
        x[active[fell]], value[active[fell]] = moved[0][fell], moved[1][fell]
        converged[active[near]] = True
        # Where Newton's step led nowhere, Fisher's is tried next; where that failed too the search is over.
        scoring_only[active] = ~fell & newton
        active = active[~near & (fell | newton)]
    return x, value, converged


def _discrepancy(R: FloatArray, x: FloatArray, layout: _Layout) -> FloatArray:
    """`ln|Sigma| + tr(R Sigma^-1)`; infinite where Sigma is not positive definite."""
    sigma = layout.covariance(x)
    sign, log_det = np.linalg.slogdet(sigma)
    if layout.diagonal:
        # A diagonal matrix plus one of rank one has at most one negative eigenvalue more than the diagonal has.
        possible = (sign > 0) & ((x[:, layout.k :] < 0).sum(axis=1) <= 1)
    else:
        possible = np.zeros(len(R), dtype=bool)
        finite = np.isfinite(sigma).all(axis=(1, 2))
        possible[finite] = np.linalg.eigvalsh(sigma[finite])[:, 0] > 0
    found = np.full(len(R), np.inf)
    if possible.any():
        inverse = _invert(sigma[possible])
        found[possible] = log_det[possible] + (R[possible] * inverse).sum(axis=(1, 2))
    return found


def _propose(
    R: FloatArray, x: FloatArray, layout: _Layout, scoring_only: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """The next step of every matrix, the slope of the discrepancy along it, and whether it is Newton's."""
    loadings = x[:, : layout.k]
    V = _invert(layout.covariance(x))
    W = V @ R @ V
    omega = V - W
    gradient = np.concatenate(
        [
            2.0 * (omega @ loadings[:, :, None])[:, :, 0],
            2.0 * layout.weight * omega[:, layout.first, layout.second],
        ],
        axis=1,
    )
    expected = _products(V, V, loadings, layout)
    curvature = 2.0 * _products(W, V, loadings, layout) - expected
    curvature[:, : layout.k, : layout.k] += 2.0 * omega
    step = _solve(curvature, gradient)
    slope = (gradient * step).sum(axis=1)
    newton = (slope < 0) & ~scoring_only
    if not newton.all():
        step[~newton] = _solve(expected[~newton], gradient[~newton])
        slope = (gradient * step).sum(axis=1)
    longest = np.abs(step).max(axis=1)
    shrink = np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, _RIDGE))
    return step * shrink[:, None], slope * shrink, newton


def _solve(curvature: FloatArray, gradient: FloatArray) -> FloatArray:
    """`-curvature^-1 gradient` of each matrix."""
    n_free = gradient.shape[1]
    curvature[:, range(n_free), range(n_free)] += _RIDGE
    solved: Any = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    return np.negative(np.asarray(solved, dtype=np.float64))


def _products(P: FloatArray, Q: FloatArray, loadings: FloatArray, layout: _Layout) -> FloatArray:
    """`tr(P dA Q dB)` for the derivatives dA, dB of Sigma by every two parameters: (b, free, free).

    The derivative by a loading is `e_i l' + l e_i'`, that by a residual cell `weight (e_a e_b' + e_b e_a')`.
    """
    k, a, b, weight = layout.k, layout.first, layout.second, layout.weight
    p, q = (P @ loadings[:, :, None])[:, :, 0], (Q @ loadings[:, :, None])[:, :, 0]
    p0, q0 = (p * loadings).sum(axis=1)[:, None, None], (q * loadings).sum(axis=1)[:, None, None]
    crossed = p[:, :, None] * q[:, None, :]
    table = np.empty((len(P), k + len(a), k + len(a)))
    table[:, :k, :k] = crossed + crossed.transpose(0, 2, 1) + P * q0 + Q * p0
    if layout.diagonal:
        mixed = P * q[:, None, :] + Q * p[:, None, :]
        table[:, k:, k:] = P * Q
    else:
        mixed = weight * (
            P[:, :, b] * q[:, None, a]
            + P[:, :, a] * q[:, None, b]
            + Q[:, :, a] * p[:, None, b]
            + Q[:, :, b] * p[:, None, a]
        )

        def cells(M: FloatArray, rows: Any, columns: Any) -> FloatArray:
            return M[:, rows[:, None], columns]

        table[:, k:, k:] = (
            weight[:, None]
            * weight
            * (
                cells(P, a, a) * cells(Q, b, b)
                + cells(P, a, b) * cells(Q, b, a)
                + cells(P, b, a) * cells(Q, a, b)
                + cells(P, b, b) * cells(Q, a, a)
            )
        )
    table[:, :k, k:] = mixed
    table[:, k:, :k] = mixed.transpose(0, 2, 1)
    return table


def _descend(
    R: FloatArray, x: FloatArray, value: FloatArray, step: FloatArray, slope: FloatArray, layout: _Layout
) -> tuple[tuple[FloatArray, FloatArray], BoolArray]:
    """Halve each step until the discrepancy falls enough: the new points with their values, and where that was reached."""
    moved, reached = x.copy(), np.zeros(len(R), dtype=bool)
    new_value = value.copy()
    length, left = 1.0, np.arange(len(R))
    for _ in range(_HALVINGS):
        trial = x[left] + length * step[left]
        found = _discrepancy(R[left], trial, layout)
        # The last term lets rounding pass where nothing is left to gain.
        enough = found <= value[left] + 1e-4 * length * slope[left] + 1e-13 * np.abs(value[left])
        good = left[enough]
        moved[good], new_value[good], reached[good] = trial[enough], found[enough], True
        left = left[~enough]
        if not len(left):
            break
        length /= 2.0
    return (moved, new_value), reached


@dataclass(frozen=True)
class OneFactorModel:
    """The one-factor model of one covariance matrix, with its standard errors and fit.

    Attributes
    ----------
    loadings, residual_variances : Series by item
        In the unit of the items.
    residual_covariances : mapping (item, item) -> float
    omega, omega_observed : float
        Share of the common factor in the variance of the sum: as the model implies that variance, and as it was observed.
    omega_error : float
        Delta-method standard error of `omega` from the expected information.
    measures : FitMeasures
    converged, heywood : bool
    """

    loadings: pd.Series
    residual_variances: pd.Series
    residual_covariances: dict[tuple[str, str], float]
    omega: float
    omega_observed: float
    omega_error: float
    measures: "FitMeasures"
    converged: bool
    heywood: bool


def describe_one_factor(
    covariance: pd.DataFrame, n: int, *, residual_pairs: Sequence[tuple[str, str]] = ()
) -> OneFactorModel:
    """Fit one covariance matrix and say everything about it that lavaan says.

    Parameters
    ----------
    covariance : DataFrame, items x items
        With the denominator n, positive definite.
    n : int
        Complete rows behind it.
    residual_pairs : sequence of (item, item)
        Items whose residuals may covary.

    Returns
    -------
    OneFactorModel
        Values are NaN when the fit did not `converge`.

    Notes
    -----
    `omega_observed` divides by the sum of the covariance matrix (`semTools::compRelSEM(obs.var = TRUE)`). Standard error: the
    gradient of omega around the inverse of `n/2 tr(Sigma^-1 dA Sigma^-1 dB)`. Raises what `fit_one_factor` raises.
    """
    from scoring.sem.fit import FitMeasures, Test, indices, srmr

    names = [str(item) for item in covariance.columns]
    places = {name: place for place, name in enumerate(names)}
    unknown = [item for pair in residual_pairs for item in pair if item not in places]
    if unknown:
        raise ScoringError(
            "one_factor.residual",
            "The residual covariances name %(item)s, which is no item here.",
            "Use names of the items passed.",
            item=unknown[0],
        )
    pairs = [(places[a], places[b]) for a, b in residual_pairs]
    S = covariance.to_numpy(dtype=np.float64)
    fits = fit_one_factor(S, residual_pairs=pairs)
    layout = _make_layout(len(S), pairs)
    x = np.concatenate([fits.loadings, fits.uniquenesses, fits.residual_covariances])
    sigma = layout.covariance(x[None])[0]
    k = len(S)
    chi_square, df = n * float(fits.discrepancy), k * (k + 1) // 2 - len(x)
    null, null_df = (
        -n * float(np.linalg.slogdet(S / np.sqrt(np.outer(np.diag(S), np.diag(S))))[1]),
        k * (k - 1) // 2,
    )
    zero = np.zeros(k)
    found = indices(Test(chi_square, df), Test(null, null_df), n, 1)
    measures = FitMeasures(
        n_parameters=len(x),
        chi_square=chi_square,
        df=df,
        p=found["p"],
        baseline_chi_square=null,
        baseline_df=null_df,
        cfi=found["cfi"],
        tli=found["tli"],
        rmsea=found["rmsea"],
        rmsea_low=found["rmsea_low"],
        rmsea_high=found["rmsea_high"],
        rmsea_close=found["rmsea_close"],
        srmr=srmr(np.ones(1), [(S, zero)], [(sigma, zero)], means=False),
    )
    return OneFactorModel(
        pd.Series(fits.loadings, index=names),
        pd.Series(fits.uniquenesses, index=names),
        {pair: float(value) for pair, value in zip(residual_pairs, fits.residual_covariances, strict=True)},
        float(fits.omega()),
        float(fits.loadings.sum() ** 2 / S.sum()) if S.sum() > 0 else float("nan"),
        _omega_error(x, layout, n) if fits.converged else float("nan"),
        measures,
        bool(fits.converged),
        bool(fits.heywood),
    )


def _omega_error(x: FloatArray, layout: _Layout, n: int) -> float:
    """The delta-method standard error of omega at parameters x."""
    k = layout.k
    V = _invert(layout.covariance(x[None]))
    information = n / 2.0 * _products(V, V, x[None, :k], layout)[0]
    total, noise = x[:k].sum(), (x[k:] * layout.weight * 2.0).sum()
    whole = (total**2 + noise) ** 2
    by_loading = np.full(k, 2.0 * total * noise / whole)
    by_residual = -(total**2) / whole * 2.0 * layout.weight
    slope = np.concatenate([by_loading, by_residual])
    return float(np.sqrt(max(float(slope @ np.linalg.solve(information, slope)), 0.0)))


def fit_weighted_one_factor(correlations: FloatArray, variances: FloatArray) -> tuple[FloatArray, bool]:
    """Fit one factor to a correlation matrix by diagonally weighted least squares: standardized loadings, and convergence.

    Parameters
    ----------
    correlations : ndarray (k, k)
        Polychoric correlations, k >= 3.
    variances : ndarray (k (k - 1) / 2,)
        Their asymptotic variances in the order of `np.triu_indices(k, 1)`.

    Returns
    -------
    ndarray (k,), bool
        Loadings, signed so that their sum is not negative; those of lavaan's WLSMV, whose thresholds are saturated in this model.
        NaN and False where a correlation or its variance is not finite or the variance is 0.

    Notes
    -----
    Minimises `sum_{i<j} (r_ij - l_i l_j)^2 / v_ij` by Levenberg-Marquardt steps. Raises ScoringError `one_factor.items`.
    """
    from scipy.optimize import least_squares

    layout = _make_layout(len(correlations), ())
    if not (np.isfinite(correlations).all() and np.isfinite(variances).all() and (variances > 0).all()):
        return np.full(layout.k, np.nan), False
    rows, columns = np.triu_indices(layout.k, 1)
    weight = 1.0 / np.sqrt(variances)
    observed, cells = correlations[rows, columns], np.arange(len(rows))

    def residuals(loadings: FloatArray) -> FloatArray:
        return weight * (loadings[rows] * loadings[columns] - observed)

    def slopes(loadings: FloatArray) -> FloatArray:
        table = np.zeros((len(rows), layout.k))
        table[cells, rows] = weight * loadings[columns]
        table[cells, columns] = weight * loadings[rows]
        return table

    values, vectors = np.linalg.eigh(correlations)
    start = np.clip(vectors[:, -1] * np.sqrt(max(values[-1] - 1.0, 0.1)), -0.95, 0.95)
    found = least_squares(residuals, start, slopes, method="lm", xtol=1e-12, ftol=1e-14, gtol=1e-14)
    loadings: FloatArray = found.x
    return loadings * (-1.0 if loadings.sum() < 0 else 1.0), bool(found.status > 0)
