"""The mean change when some answers are missing: imputed, bounded where pairs are few, and put to the test of pessimistic assumptions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change import MeanChange, mean_change
from scoring.equivalence import FullVerdict, full_verdict
from scoring.errors import Note, ScoringError
from scoring.imputation import Imputations, Mask
from scoring.pooling import Pooled, pool_estimates, pool_variances
from scoring.reference import Reference

Array = np.ndarray[Any, np.dtype[np.float64]]
Direction = Literal["lower", "higher"]

DELTAS: Final = (0.25, 0.5, 1.0)
PLAUSIBLE_SD: Final = 0.5
_GRID: Final = 2_001


@dataclass(frozen=True)
class ChangeBounds:
    """The change of complete pairs, and how far the missing ones could plausibly move it.

    Attributes
    ----------
    complete : MeanChange
        Of those with both scores, gated by their number.
    n_missing : int
        Persons with a score at baseline and none later.
    sd : float or None
        Standard deviation of the later scores, in points.
    worst, best : float or None
        Mean change if everybody missing had changed half a standard deviation less, or more, than the others; None below the gate
        of the complete ones or without a spread.
    notes : tuple of Note
    """

    complete: MeanChange
    n_missing: int
    sd: float | None
    worst: float | None
    best: float | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ImputedChange:
    """Mean change over imputations.

    Attributes
    ----------
    pooled : Pooled
        In points.
    n_used, n_imputed : int
        Pairs, and pairs of which one of the two scores was imputed.
    verdict : "moved", "not shown" or "too few"
    notes : tuple of Note
    """

    pooled: Pooled
    n_used: int
    n_imputed: int
    verdict: FullVerdict
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class TippingPoint:
    """How much worse those who are missing would have to be for the finding to fall.

    Attributes
    ----------
    table : DataFrame
        Index delta (points), 0 first; columns `estimate`, `se`, `df`, `low`, `high`, `p`, `verdict`.
    tipping : float or None
        Smallest delta at which the interval no longer leaves out 0, in points; None when there is nothing to tip, or it does not tip
        within the range of the score.
    direction : "lower" or "higher"
        Which way the missing scores were moved.
    n_used, n_missing : int
        Pairs, and pairs without a later score.
    confidence : float
    notes : tuple of Note
    """

    table: pd.DataFrame
    tipping: float | None
    direction: Direction
    n_used: int
    n_missing: int
    confidence: float
    notes: tuple[Note, ...]


_BOUNDED = N_(
    "So few pairs cannot be imputed: beside the complete ones stands what half a standard deviation less or more in the missing ones "
    "would do to the mean."
)
_NOTHING_GONE = N_("Nobody who answered at first is missing later.")
_NO_BOUND = N_("There are too few complete pairs, or they do not vary, so no bounds are given.")
_NOTHING = N_("The interval holds 0 even without any adjustment, so there is nothing to tip.")
_AWAY = N_("Moving the missing scores this way only strengthens the finding.")
_FIRM = N_("The finding stands even if the missing scores lie the whole range of the scale away.")
_EQUAL = N_("All changes are equal in every imputation, so there is no interval.")


def change_bounds(
    before: pd.Series,
    after: pd.Series,
    *,
    sd: float | None = None,
    reference: Reference | None = None,
    width: float = 4.0,
    confidence: float = 0.95,
) -> ChangeBounds:
    """Bound the mean change of few pairs by what the missing could plausibly have answered.

    Parameters
    ----------
    before, after : Series of float
        Scores at the two waves in points, paired by index.
    sd : float, optional
        Standard deviation of scores in points; by default that of the later scores of those who are there (from 10), or the
        reference's.
    reference : Reference, optional
        Source of the spread for 5 to 9.
    width : float, default 4
        Width of the score's range in points.
    confidence : float, default .95
        Coverage of the interval of the complete pairs.

    Returns
    -------
    ChangeBounds

    Notes
    -----
    Persons without a score at baseline are dropped. With the share f of those missing later, the bounds are
    `mean -/+ f sd / 2`: the missing ones changed half a standard deviation less, or more, than the complete ones (measurement
    plan, section 4.7).

    Raises
    ------
    ScoringError
        Those of `mean_change`; `missing.sd` for a spread that is not above 0.
    """
    complete = mean_change(before, after, reference=reference, width=width, confidence=confidence)
    if sd is not None and not (sd > 0 and math.isfinite(sd)):
        raise ScoringError(
            "missing.sd",
            "%(sd)s is no standard deviation of scores.",
            "Pass one above 0, in points, or leave it out.",
            sd=sd,
        )
    started = before.dropna().index
    later = after.reindex(started)
    n_missing = int(later.isna().sum())
    spread = sd
    if spread is None and complete.interval_kind == "t":
        spread = float(later.dropna().std(ddof=1))
    elif spread is None and reference is not None:
        spread = reference.rescaled(width).sd
    notes = [
        *complete.notes,
        Note("missing.bounds", _BOUNDED) if n_missing else Note("missing.none", _NOTHING_GONE),
    ]
    if complete.mean is None or spread is None:
        notes.append(Note("missing.no_bound", _NO_BOUND))
        return ChangeBounds(complete, n_missing, spread, None, None, tuple(notes))
    reach = n_missing / len(started) * PLAUSIBLE_SD * spread
    return ChangeBounds(
        complete, n_missing, spread, complete.mean - reach, complete.mean + reach, tuple(notes)
    )


def imputed_change(
    imputations: Imputations, before: str, after: str, *, confidence: float = 0.95, width: float = 4.0
) -> ImputedChange:
    """Pool the mean change of one role between two waves over imputations.

    Parameters
    ----------
    imputations : Imputations
        As `impute_pairs` gives them.
    before, after : str
        Columns of the earlier and later score, for instance "mentor.TC" and "mentor.T3a".
    confidence : float, default .95
        Coverage of the interval.
    width : float, default 4
        Width of the score's range in points.

    Returns
    -------
    ImputedChange
        Of all pairs that answered anything.

    Notes
    -----
    Each imputation gives `mean` and `s^2/n` of the changes; pooled as in `pool_estimates` with n - 1 degrees of freedom of the complete
    data.

    Raises
    ------
    ScoringError
        `imputation.column`, `pool.confidence`.
    """
    changes = imputations.column(after) - imputations.column(before)
    n = changes.shape[1]
    gone = imputations.imputed(before) | imputations.imputed(after)
    pooled = pool_estimates(
        changes.mean(axis=1), changes.var(axis=1, ddof=1) / n, df_complete=n - 1, confidence=confidence
    )
    result = ImputedChange(pooled, n, int(gone.sum()), "too few", imputations.notes)
    if _equal(changes):
        return replace(result, notes=(*result.notes, Note("missing.equal", _EQUAL)))
    return replace(result, verdict=full_verdict(pooled.low, pooled.high, width=width))


def tipping_point(
    imputations: Imputations,
    before: str,
    after: str,
    *,
    deltas: Sequence[float] = DELTAS,
    direction: Direction = "lower",
    confidence: float = 0.95,
    width: float = 4.0,
) -> TippingPoint:
    """Find how much lower the later scores of those who are missing must have been for the finding to fall.

    Parameters
    ----------
    imputations : Imputations
        Made under missing at random.
    before, after : str
        Columns of the earlier and later score.
    deltas : sequence of float, default .25, .5, 1
        Points by which the imputed later scores are moved; 0 or more, growing.
    direction : "lower" or "higher"
        In this product those who leave are expected to have been worse off, so they are moved down; for a scale on which more is worse,
        or a fall as the finding, up.
    confidence : float, default .95
        Coverage of the intervals.
    width : float, default 4
        Width of the score's range in points; the search ends there.

    Returns
    -------
    TippingPoint
        The estimate falls by `delta` times the share missing: it never rises with delta.

    Notes
    -----
    A delta-adjusted pattern mixture: imputed later scores are moved by delta and everything is pooled anew. Moving them by a constant
    leaves the variance between imputations as it is and makes the one within a polynomial of delta, so the whole curve follows from one
    set of imputations and the tipping point is searched on it without new draws.

    References
    ----------
    Rubin, D. B. (1977). Formalizing subjective notions about the effect of nonrespondents in sample surveys. Journal of the American
    Statistical Association, 72, 538-543. https://doi.org/10.1080/01621459.1977.10480610
    Cro, S., Morris, T. P., Kenward, M. G., & Carpenter, J. R. (2020). Sensitivity analysis for clinical trials with missing continuous
    outcome data using controlled multiple imputation. Statistics in Medicine, 39, 2815-2842. https://doi.org/10.1002/sim.8569

    Raises
    ------
    ScoringError
        `imputation.column`; `missing.deltas`, `missing.direction`, `pool.confidence`.
    """
    asked = _read_deltas(deltas, direction)
    changes = imputations.column(after) - imputations.column(before)
    gone = imputations.imputed(after)
    curve = _Curve.of(changes, gone, -1.0 if direction == "lower" else 1.0, confidence)
    n = changes.shape[1]
    table = curve.at(np.array([0.0, *(delta for delta in asked if delta > 0)]))
    table["verdict"] = [
        full_verdict(low, high, width=width) for low, high in zip(table["low"], table["high"], strict=True)
    ]
    result = TippingPoint(table, None, direction, n, int(gone.sum()), confidence, imputations.notes)
    if _equal(changes):
        return replace(result, notes=(*result.notes, Note("missing.equal", _EQUAL)))
    tipping, note = curve.search(width)
    return replace(result, tipping=tipping, notes=(*result.notes, *note))


@dataclass(frozen=True)
class _Curve:
    """The pooled change as a function of delta."""

    mean: float
    share: float
    variance: Array  # within: constant, linear and quadratic part
    between: float
    m: int
    df: float
    sign: float
    confidence: float

    @classmethod
    def of(cls, changes: Array, gone: Mask, sign: float, confidence: float) -> "_Curve":
        """The polynomial of a set of imputations; imputations x pairs."""
        if not 0 < confidence < 1:
            raise ScoringError(
                "pool.confidence",
                "An interval cannot have the coverage %(confidence)s.",
                "Pass a number between 0 and 1, for example 0.95.",
                confidence=confidence,
            )
        m, n = changes.shape
        flag = gone.astype(np.float64) - gone.mean()
        centred = changes - changes.mean(axis=1, keepdims=True)
        covariance = (centred @ flag).mean() / (n - 1)
        parts = np.array([changes.var(axis=1, ddof=1).mean(), 2.0 * sign * covariance, flag @ flag / (n - 1)])
        between = float(changes.mean(axis=1).var(ddof=1))
        return cls(float(changes.mean()), float(gone.mean()), parts / n, between, m, n - 1, sign, confidence)

    def at(self, deltas: Array) -> pd.DataFrame:
        """Pooled values at each delta."""
        from scipy.stats import t as student

        within = np.maximum(np.polynomial.polynomial.polyval(deltas, self.variance), 0.0)
        total, df, _ = pool_variances(within, np.full_like(within, self.between), self.m, self.df)
        estimate, se = self.mean + self.sign * deltas * self.share, np.sqrt(total)
        half = student.ppf(0.5 + self.confidence / 2.0, df) * se
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2.0 * student.sf(np.abs(estimate) / se, df)
        return pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "df": df,
                "low": estimate - half,
                "high": estimate + half,
                "p": p,
            },
            index=pd.Index(deltas, name="delta"),
        )

    def nearer(self, deltas: Array) -> Array:
        """How far the nearer end of the interval is from 0 on the side of the finding; 0 or below where it holds 0."""
        table = self.at(deltas)
        return (table["low"] if self.mean > 0 else -table["high"]).to_numpy(dtype=np.float64)

    def search(self, width: float) -> tuple[float | None, tuple[Note, ...]]:
        """The smallest delta at which the interval reaches 0, and why there is none."""
        from scipy.optimize import brentq

        grid = np.linspace(0.0, width, _GRID)
        ends = self.nearer(grid)
        if ends[0] <= 0:
            return None, (Note("missing.nothing", _NOTHING),)
        if self.mean * self.sign > 0:
            return None, (Note("missing.away", _AWAY),)
        reached = np.flatnonzero(ends <= 0)
        if len(reached) == 0:
            return None, (Note("missing.firm", _FIRM),)
        first = int(reached[0])
        found = brentq(
            lambda delta: float(self.nearer(np.array([delta]))[0]), grid[first - 1], grid[first], xtol=1e-10
        )
        return float(found), ()


def _equal(changes: Array) -> bool:
    """Whether nobody differs from anybody in any imputation."""
    return bool(np.ptp(changes) <= 1e-12 * max(1.0, float(np.abs(changes).max())))


def _read_deltas(deltas: Sequence[float], direction: str) -> Array:
    """Deltas as an array."""
    if direction not in ("lower", "higher"):
        raise ScoringError(
            "missing.direction",
            "Missing scores cannot be moved “%(direction)s”.",
            "Use lower or higher.",
            direction=str(direction),
        )
    asked = np.asarray(deltas, dtype=np.float64)
    if asked.ndim != 1 or not np.isfinite(asked).all() or (asked < 0).any() or (np.diff(asked) <= 0).any():
        raise ScoringError(
            "missing.deltas",
            "The deltas are not a growing row of points of 0 or more.",
            "Pass for example 0.25, 0.5 and 1.",
        )
    return asked
