"""Polyserial correlations: a measured variable with an ordered item, as if the item were cut from a normal variable."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.ordinal import BOUND, check_options, fisher_interval, read_codes, threshold_influences

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

# Stands for an infinite limit where it is multiplied; the density is exactly zero there.
_FAR: Final = 1e9
# A probability below this has no logarithm.
_TINY: Final = 1e-300
_GRADIENT_TOLERANCE: Final = 1e-10
_STEP_TOLERANCE: Final = 1e-11
_ITERATIONS: Final = 100
_NO_INFORMATION: Final = 1e-10


@dataclass(frozen=True)
class PolyserialResult:
    """Polyserial correlations of measured variables (rows) with ordered items (columns).

    Attributes
    ----------
    correlations : DataFrame (continuous x ordinal)
        -1 to 1; NaN where a variable does not vary, with a note.
    standard_errors : DataFrame (continuous x ordinal)
        Two-step standard errors; NaN where the correlation is NaN or stopped at its bound.
    low, high : DataFrame (continuous x ordinal)
        Interval on Fisher's z scale.
    confidence : float
        Confidence of the interval.
    thresholds : mapping item -> tuple of float
        Normal quantiles between the ordered item's categories; empty for an item with fewer than two.
    n_pairs : DataFrame (continuous x ordinal)
        Respondents behind each correlation.
    n_used, n_dropped : int
        Rows that took part (complete ones, or with an answer of both kinds when pairwise), and other rows.
    converged : bool
        False when a correlation does not exist, stopped at its bound or was not found exactly.
    notes : tuple of Note
    """

    correlations: pd.DataFrame
    standard_errors: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    confidence: float
    thresholds: Mapping[str, tuple[float, ...]]
    n_pairs: pd.DataFrame
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def polyserial_correlations(
    continuous: pd.DataFrame,
    ordinal: pd.DataFrame,
    *,
    missing: Literal["listwise", "pairwise"] = "listwise",
    confidence: float = 0.95,
) -> PolyserialResult:
    """Estimate the correlation of each measured variable with the normal variable behind each ordered item.

    Parameters
    ----------
    continuous : DataFrame, respondents x variables
        Measured values, any unit.
    ordinal : DataFrame, respondents x items
        Whole option codes in the order of the categories, at most 12 different ones an item; the index of `continuous`.
    missing : "listwise" or "pairwise"
        Whether only rows complete in both tables count, or means, variances and thresholds take all who have the variable and
        each correlation all who have both.
    confidence : float
        Of the intervals, between 0 and 1.

    Returns
    -------
    PolyserialResult
        With NaN and a note where a variable or an item does not vary.

    Notes
    -----
    Two-step maximum likelihood: mean and variance (divided by n) of the measured variable and thresholds of the item first, then
    the correlation that maximizes the likelihood of the item's categories given the measured values,
    `P(y = c | z) = Phi((t_c - r z)/s) - Phi((t_(c-1) - r z)/s)`, `s = sqrt(1 - r^2)`. The standard errors count the sampling error
    of the first step (Muthen 1984) and presume that the measured variable is normal. The interval is
    `tanh(atanh(r) +- z se/(1 - r^2))`. Correlations stop at -.999 and .999.

    The same as lavaan's `lavCor(d, ordered = names)` and the standard errors behind its WLSMV, as long as lavaan leaves out
    nobody: it skips respondents whose density is below 1.5e-8, and a density depends on the unit of the measured variable. Here
    everybody counts. `polycor::polyserial` without `ML = TRUE` is no maximum of the likelihood given the thresholds, but a
    correction of Pearson's correlation.

    References
    ----------
    Olsson, U., Drasgow, F., & Dorans, N. J. (1982). The polyserial correlation coefficient. Psychometrika, 47, 337-347.
    https://doi.org/10.1007/BF02294164

    Raises
    ------
    ScoringError
        `polyserial.items` without a variable of each kind, `polyserial.index` for tables with different rows,
        `polyserial.column`, `polyserial.number`, `polychoric.code`, `polychoric.categories` for columns that are not what they
        should be, `polyserial.missing` and `polyserial.confidence` for options that do not exist.
    """
    check_options("polyserial", missing, confidence)
    measured, codes = _check_tables(continuous, ordinal)
    has_x, has_y = measured.notna().to_numpy(), codes.notna().to_numpy()
    used = has_x.any(axis=1) & has_y.any(axis=1)
    if missing == "listwise":
        used = has_x.all(axis=1) & has_y.all(axis=1)
        measured, codes = measured[used], codes[used]
    variables = [_standardize(measured.iloc[:, i].to_numpy()) for i in range(measured.shape[1])]
    ranked = read_codes(codes)
    cut = [_cut(ranks, len(found)) for ranks, found in zip(ranked.ranks, ranked.categories, strict=True)]
    names, items = [str(name) for name in measured.columns], list(ranked.items)

    matrices, notes = _correlate_all(variables, cut, names, items)
    low, high = fisher_interval(matrices[0], matrices[1], confidence)
    counts = measured.notna().to_numpy(dtype=np.float64).T @ codes.notna().to_numpy(dtype=np.float64)
    return PolyserialResult(
        correlations=pd.DataFrame(matrices[0], index=names, columns=items),
        standard_errors=pd.DataFrame(matrices[1], index=names, columns=items),
        low=pd.DataFrame(low, index=names, columns=items),
        high=pd.DataFrame(high, index=names, columns=items),
        confidence=confidence,
        thresholds={
            item: () if part is None else tuple(float(x) for x in part.thresholds)
            for item, part in zip(items, cut, strict=True)
        },
        n_pairs=pd.DataFrame(np.rint(counts).astype(np.int64), index=names, columns=items),
        n_used=int(used.sum()),
        n_dropped=len(used) - int(used.sum()),
        converged=not notes,
        notes=tuple(notes),
    )


_CONSTANT = N_("%(item)s has fewer than two different values, so it has no correlations.")
_UNDEFINED = N_(
    "%(item)s and %(other)s have no correlation: among those who have both, one of them does not vary."
)
_BOUND_NOTE = N_(
    "The correlation of %(item)s and %(other)s stops at its bound: one follows from the other almost without exception."
)
_UNSOLVED = N_(
    "The correlation of %(item)s and %(other)s was not found exactly, so it has no standard error."
)


def _check_tables(continuous: pd.DataFrame, ordinal: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables as float64, with the same rows and at least one column each."""
    if not continuous.shape[1] or not ordinal.shape[1]:
        raise ScoringError(
            "polyserial.items",
            "A polyserial correlation needs a measured variable and an ordered item.",
            "Pass at least one column of each kind.",
        )
    if len(continuous) != len(ordinal) or not continuous.index.equals(ordinal.index):
        raise ScoringError(
            "polyserial.index",
            "The measured variables and the ordered items do not belong to the same rows.",
            "Pass two tables with the same index.",
        )
    both = pd.concat([continuous.reset_index(drop=True), ordinal.reset_index(drop=True)], axis=1)
    checked = check_numeric_items(both, "polyserial")
    return checked.iloc[:, : continuous.shape[1]], checked.iloc[:, continuous.shape[1] :]


@dataclass(frozen=True)
class _Variable:
    """Standard scores of a measured variable (NaN where missing) and its influence on its own mean and variance.

    `own` (2, n) are the scores of mean and variance, zero where missing; `inverse` the inverse of their cross products.
    """

    z: FloatArray
    own: FloatArray
    inverse: FloatArray


def _standardize(values: FloatArray) -> _Variable | None:
    """Standard scores with the variance divided by n, or None when there is no spread."""
    known = ~np.isnan(values)
    largest = float(np.abs(values[known]).max(initial=0.0))
    if largest == 0.0 or np.ptp(values[known]) <= 1e-12 * max(1.0, largest):
        return None
    # Dividing first keeps squares of huge values finite.
    scaled = values / largest
    centered = scaled - scaled[known].mean()
    z = centered / np.sqrt((centered[known] ** 2).mean())
    own = np.where(known, np.stack([z, 0.5 * (z**2 - 1.0)]), 0.0)
    return _Variable(z, own, np.linalg.pinv(own @ own.T, hermitian=True))


@dataclass(frozen=True)
class _Cut:
    """An ordered item: category numbers (-1 where missing), thresholds, and each category's influence on them (C, C - 1)."""

    ranks: IntArray
    thresholds: FloatArray
    influences: FloatArray


def _cut(ranks: Any, count: int) -> _Cut | None:
    """Thresholds of an ordered item, or None when it has fewer than two categories."""
    from scipy.special import ndtri

    if count < 2:
        return None
    places = ranks.astype(np.intp)
    margins = np.bincount(places[places >= 0], minlength=count).astype(np.float64)
    thresholds = ndtri(np.cumsum(margins)[:-1] / margins.sum())
    influences, _ = threshold_influences(margins[None], thresholds[None])
    return _Cut(places, thresholds, influences[0] / margins.sum())


@dataclass(frozen=True)
class _Fit:
    """Likelihood of an item given a measured variable at one correlation, and what respondents contribute to it.

    `score` is each respondent's derivative by the correlation, `upper` and `lower` the normal densities at the two limits of
    the answer over its probability.
    """

    rho: float
    log_likelihood: float
    score: FloatArray
    second: float
    upper: FloatArray
    lower: FloatArray


def _evaluate(z: FloatArray, upper: FloatArray, lower: FloatArray, rho: float) -> _Fit:
    """Evaluate the likelihood and its first two derivatives at a correlation."""
    from scipy.special import ndtr

    root = math.sqrt(1.0 - rho * rho)
    u, v = (upper - rho * z) / root, (lower - rho * z) / root
    # A difference of two upper tails keeps its digits when it is taken in the lower one.
    turn = v > 0.0
    probability = np.maximum(ndtr(np.where(turn, -v, u)) - ndtr(np.where(turn, -u, v)), _TINY)
    parts, first, second = [], np.zeros_like(z), np.zeros_like(z)
    for at, limit, sign in ((u, upper, 1.0), (v, lower, -1.0)):
        density = np.exp(-0.5 * np.minimum(at * at, 1e4)) / math.sqrt(2.0 * math.pi) / probability
        density = np.where(np.abs(limit) < _FAR, density, 0.0)
        slope = (limit * rho - z) / root**3
        first += sign * density * slope
        second += sign * density * (limit / root**3 + 3.0 * rho * slope / root**2 - at * slope**2)
        parts.append(density)
    return _Fit(
        rho, float(np.log(probability).sum()), first, float((second - first**2).sum()), parts[0], parts[1]
    )


def _maximize(z: FloatArray, upper: FloatArray, lower: FloatArray, start: float) -> tuple[_Fit, bool]:
    """Newton steps from Pearson's correlation, halved while they lower the likelihood; whether a maximum was found."""
    fit = _evaluate(z, upper, lower, start)
    for _ in range(_ITERATIONS):
        gradient = float(fit.score.sum())
        if abs(gradient) <= _GRADIENT_TOLERANCE * len(z):
            return fit, True
        if abs(fit.rho) >= BOUND and gradient * fit.rho > 0.0:
            return fit, False
        curvature = -fit.second if fit.second < 0.0 else max(float((fit.score**2).sum()), 1e-8)
        step = gradient / curvature
        while True:
            if abs(step) < _STEP_TOLERANCE:
                return fit, True
            trial = _evaluate(z, upper, lower, min(max(fit.rho + step, -BOUND), BOUND))
            if trial.log_likelihood >= fit.log_likelihood - 1e-12 * abs(fit.log_likelihood):
                break
            step *= 0.5
        fit = trial
    return fit, False


def _correlate_all(
    variables: list[_Variable | None], cut: list[_Cut | None], names: list[str], items: list[str]
) -> tuple[FloatArray, list[Note]]:
    """Correlations and standard errors (2, continuous, ordinal) of all pairs, NaN and a note where there is none."""
    matrices = np.full((2, len(names), len(items)), np.nan)
    notes = [
        Note("polyserial.constant", _CONSTANT, {"item": name})
        for name, part in zip([*names, *items], [*variables, *cut], strict=True)
        if part is None
    ]
    for i, variable in enumerate(variables):
        for j, item in enumerate(cut):
            if variable is not None and item is not None:
                matrices[0, i, j], matrices[1, i, j], problems = _correlate(
                    variable, item, names[i], items[j]
                )
                notes += problems
    return matrices, notes


def _correlate(variable: _Variable, item: _Cut, name: str, other: str) -> tuple[float, float, list[Note]]:
    """Correlation and standard error of one pair, NaN where there is none, with the note that says why."""
    params = {"item": name, "other": other}
    both = ~np.isnan(variable.z) & (item.ranks >= 0)
    z, ranks = variable.z[both], item.ranks[both]
    if len(z) < 2 or np.ptp(z) <= 1e-12 or np.ptp(ranks) == 0:
        return math.nan, math.nan, [Note("polyserial.undefined", _UNDEFINED, params)]
    limits = np.concatenate([[-_FAR], item.thresholds, [_FAR]])
    start = min(max(float(np.corrcoef(z, ranks)[0, 1]), -0.95), 0.95)
    fit, found = _maximize(z, limits[ranks + 1], limits[ranks], start)
    if found and fit.score @ fit.score > _NO_INFORMATION:
        return fit.rho, _standard_error(variable, item, both, fit), []
    # Where the values separate the categories the likelihood is one from some correlation on, up to rounding.
    separated = abs(fit.rho) >= BOUND or fit.log_likelihood > -1e-6
    code, message = ("polyserial.bound", _BOUND_NOTE) if separated else ("polyserial.unsolved", _UNSOLVED)
    rho = math.copysign(BOUND, fit.rho) if separated else fit.rho
    return rho, math.nan, [Note(code, message, params)]


def _standard_error(variable: _Variable, item: _Cut, both: BoolArray, fit: _Fit) -> float:
    """The two-step standard error: squared influences of all who have either variable, summed."""
    z, ranks = variable.z[both], item.ranks[both]
    root = math.sqrt(1.0 - fit.rho**2)
    pull = fit.rho / root * (fit.upper - fit.lower)
    on_moments = np.array([fit.score @ (z + pull), 0.5 * fit.score @ (z**2 - 1.0 + z * pull)])
    count = len(item.thresholds) + 1
    on_thresholds = (
        np.bincount(ranks, fit.score * fit.upper, count)[:-1]
        - np.bincount(ranks, fit.score * fit.lower, count)[1:]
    ) / root
    influence = -(on_moments @ variable.inverse @ variable.own)
    # A missing answer has rank -1, which finds the zero at the end.
    influence -= np.append(item.influences @ on_thresholds, 0.0)[item.ranks]
    influence[both] += fit.score
    return float(np.sqrt(influence @ influence) / (fit.score @ fit.score))
