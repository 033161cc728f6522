"""Reliability from two halves: every split of a scale in two, and the Spearman-Brown formula for a scale of two items."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.reliability import (
    FloatArray,
    check_confidence,
    find_problem,
    normal_quantile,
    squared_multiple_correlations,
)

# From this many items on there are too many splits to look at all of them.
MAXIMUM_ITEMS: Final = 16
SPEARMAN_BROWN_MINIMUM: Final = 20
_PERFECT: Final = 1e-12


@dataclass(frozen=True)
class SplitHalves:
    """Reliability of the standardized items, over all splits into two halves.

    Attributes
    ----------
    largest, smallest, average : float or None
        Over all splits: Guttman's lambda 4, Revelle's beta, and the mean, which is near alpha. None above 16 items, with a note.
    lambda2, lambda6 : float or None
        Guttman's bounds of the standardized items.
    n_splits : int
        Splits looked at.
    n_used, n_dropped, k_items : int
    converged : bool
    notes : tuple of Note
    """

    largest: float | None
    smallest: float | None
    average: float | None
    lambda2: float | None
    lambda6: float | None
    n_splits: int
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


_MANY = N_("%(k)d items can be split in too many ways to look at all of them (up to %(maximum)d items).")


def split_half_reliability(items: pd.DataFrame) -> SplitHalves:
    """Compute the reliability of every split of the items into two halves: the best, the worst and their mean.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values, any unit; at least two columns.

    Returns
    -------
    SplitHalves

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise).

    With R the correlations and R_ab the sum between the halves: `4 R_ab / sum R`;
    `lambda2 = (sum_{i != j} r_ij + sqrt(k/(k-1) sum_{i != j} r_ij^2)) / sum R`; `lambda6 = (sum_{i != j} r_ij + sum smc) / sum R`.
    An odd number of items is split into halves of (k - 1)/2 and (k + 1)/2.

    R's `psych::splitHalf(x, check.keys = FALSE)` gives the same for an even number of items up to 16. For an odd number it stops
    after the first half of the splits, so that its largest can be too small, and divides by a number of splits that is not whole
    (an "average" above 1 is possible); all splits are taken here.

    References
    ----------
    Guttman, L. (1945). A basis for analyzing test-retest reliability. Psychometrika, 10, 255-282.
    https://doi.org/10.1007/BF02288892
    Revelle, W. (1979). Hierarchical cluster analysis and the internal structure of tests. Multivariate Behavioral Research, 14,
    57-74. https://doi.org/10.1207/s15327906mbr1401_4

    Raises
    ------
    ScoringError
        `splits.items`, `splits.column` or `splits.number` for fewer than two, doubled, or non-numeric columns.
    """
    values = check_numeric_items(items, "splits")
    complete = values.dropna()
    n, k = complete.shape
    problem = find_problem(complete)
    if problem is not None:
        return SplitHalves(None, None, None, None, None, 0, n, len(values) - n, k, False, (problem,))
    R = np.corrcoef(complete.to_numpy(), rowvar=False)
    total = float(R.sum())
    between = total - k
    square = float((R**2).sum()) - k
    shares = split_values(R) if k <= MAXIMUM_ITEMS else np.empty(0)
    return SplitHalves(
        float(shares.max()) if len(shares) else None,
        float(shares.min()) if len(shares) else None,
        float(shares.mean()) if len(shares) else None,
        (between + math.sqrt(square * k / (k - 1.0))) / total,
        (between + float(squared_multiple_correlations(R).sum())) / total,
        len(shares),
        n,
        len(values) - n,
        k,
        True,
        () if len(shares) else (Note("splits.many", _MANY, {"k": k, "maximum": MAXIMUM_ITEMS}),),
    )


def split_values(R: FloatArray) -> FloatArray:
    """Return `4 R_ab / sum R` of every split, in the lexicographic order of the smaller half's items.

    With an even number of items each split is there once, with the first item in the half that is counted.
    """
    k = len(R)
    half = k // 2
    splits = (
        combinations(range(k), half)
        if k % 2
        else ((0, *rest) for rest in combinations(range(1, k), half - 1))
    )
    count = math.comb(k, half) if k % 2 else math.comb(k - 1, half - 1)
    chosen = np.fromiter((item for split in splits for item in split), dtype=np.intp, count=count * half)
    member = np.zeros((count, k))
    member[np.repeat(np.arange(count), half), chosen] = 1.0
    between = ((member @ R) * (1.0 - member)).sum(axis=1)
    shares: FloatArray = 4.0 * between / R.sum()
    return shares


@dataclass(frozen=True)
class SpearmanBrown:
    """Reliability of the sum of two items.

    Attributes
    ----------
    value, low, high : float or None
        `2r / (1 + r)`, with Fisher's interval of r carried through; None when r is not defined, with a note.
    correlation : float or None
        r, Pearson's.
    confidence : float
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    """

    value: float | None
    low: float | None
    high: float | None
    correlation: float | None
    confidence: float
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


_SMALL = N_("%(n)d complete rows are too few for the reliability of two items (at least %(minimum)d).")
_ROWS = N_("The interval needs at least %(minimum)d complete rows; there are %(n)d.")
_AGAINST = N_("The two items go against each other. Check whether one of them is reversed.")


def spearman_brown(items: pd.DataFrame, *, confidence: float = 0.95) -> SpearmanBrown:
    """Compute the reliability of a scale of two items, `2r / (1 + r)`, with Fisher's interval.

    Parameters
    ----------
    items : DataFrame, respondents x two items
        Keyed values.
    confidence : float, default .95
        Coverage, between 0 and 1.

    Returns
    -------
    SpearmanBrown
        With a note below 20 complete rows.

    Notes
    -----
    Missing data: rows with a missing answer are dropped. The interval is `tanh(atanh r +- z / sqrt(n - 3))`, both ends put into
    the formula, which grows with r. It takes the two items as parallel; where their spreads differ, alpha is lower. The same as
    R's standardized alpha of two items, `psych::alpha(x)$total$std.alpha`, and as `psych::splitHalf`.

    References
    ----------
    Eisinga, R., te Grotenhuis, M., & Pelzer, B. (2013). The reliability of a two-item scale: Pearson, Cronbach, or
    Spearman-Brown? International Journal of Public Health, 58, 637-642. https://doi.org/10.1007/s00038-012-0416-3

    Raises
    ------
    ScoringError
        `spearman_brown.items` for another number of items than two, `spearman_brown.column`, `spearman_brown.number` for doubled
        or non-numeric columns, `spearman_brown.confidence` for a coverage outside (0, 1).
    """
    values = check_numeric_items(items, "spearman_brown")
    check_confidence(confidence, "spearman_brown")
    if values.shape[1] != 2:
        raise ScoringError(
            "spearman_brown.items",
            "The Spearman-Brown formula for two items was given %(k)d.",
            "Pass two items; for more use alpha or omega.",
            k=values.shape[1],
        )
    complete = values.dropna()
    n, dropped = len(complete), len(values) - len(complete)
    problem = find_problem(complete)
    if problem is not None:
        return SpearmanBrown(None, None, None, None, confidence, n, dropped, False, (problem,))
    r = float(np.clip(np.corrcoef(complete.to_numpy(), rowvar=False)[0, 1], -1.0, 1.0))
    notes: tuple[Note, ...] = (Note("spearman_brown.negative", _AGAINST),) if r < 0 else ()
    if r <= -1.0 + _PERFECT:
        # The formula has a pole where two items mirror each other.
        return SpearmanBrown(None, None, None, r, confidence, n, dropped, False, notes)
    if n < SPEARMAN_BROWN_MINIMUM:
        notes += (Note("spearman_brown.few", _SMALL, {"n": n, "minimum": SPEARMAN_BROWN_MINIMUM}),)
    low = high = None
    if n > 3:
        half = normal_quantile(confidence) / math.sqrt(n - 3)
        z = math.atanh(r) if abs(r) < 1.0 else math.copysign(math.inf, r)
        low, high = _lengthen(math.tanh(z - half)), _lengthen(math.tanh(z + half))
    else:
        notes += (Note("spearman_brown.rows", _ROWS, {"n": n, "minimum": 4}),)
    return SpearmanBrown(_lengthen(r), low, high, r, confidence, n, dropped, low is not None, notes)


def _lengthen(r: float) -> float:
    """The reliability of two parallel halves that correlate r."""
    return 2.0 * r / (1.0 + r)
