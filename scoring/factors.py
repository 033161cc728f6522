"""Whether the items of a bank share enough for a factor analysis: KMO and Bartlett's test, through factor_analyzer."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.frames import check_numeric_items, find_constant

KMO_FLOOR: Final = 0.60
# Beyond this condition number the inverse of a correlation matrix is rounding noise.
_SINGULAR: Final = 1e12


@dataclass(frozen=True)
class SamplingAdequacy:
    """Kaiser-Meyer-Olkin measure and Bartlett's test of one set of items.

    Attributes
    ----------
    overall : float or None
        KMO of all items, 0 to 1; below .60 a factor analysis is not offered. None when not defined, with a note.
    items : mapping item -> float
        KMO of each item; empty when not defined.
    chi_square, p : float or None
        Bartlett's statistic and its p; nearly always significant, so it is shown and never used as a gate.
    df : int
        k (k - 1) / 2.
    n_used, n_dropped, k_items : int
        Complete rows, rows dropped for a missing answer, items.
    converged : bool
        False when the correlation matrix cannot be inverted or does not exist.
    notes : tuple of Note
    """

    overall: float | None
    items: Mapping[str, float]
    chi_square: float | None
    df: int
    p: float | None
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def sampling_adequacy(items: pd.DataFrame) -> SamplingAdequacy:
    """Compute KMO, overall and per item, and Bartlett's test of sphericity on Pearson correlations.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values, any unit; at least two columns.

    Returns
    -------
    SamplingAdequacy
        With `overall`, `chi_square` and `p` None and `converged` False when there are no more rows than items, when an item
        does not vary, or when items repeat one another.

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise); factor_analyzer's own KMO fails on them.

    `KMO = sum r^2 / (sum r^2 + sum q^2)` over the pairs of items, q the anti-image (partial) correlations;
    `chi^2 = -(n - 1 - (2k + 5) / 6) * ln|R|` with k(k - 1)/2 degrees of freedom. Items are standardized before they are handed
    over: factor_analyzer judges by the determinant of the covariances, which depends on the unit, whether to invert.

    The same as R's `psych::KMO(R)` and `psych::cortest.bartlett(R, n)`.

    References
    ----------
    Kaiser, H. F. (1974). An index of factorial simplicity. Psychometrika, 39, 31-36. https://doi.org/10.1007/BF02291575
    Bartlett, M. S. (1951). The effect of standardization on a chi-square approximation in factor analysis. Biometrika, 38,
    337-344. https://doi.org/10.1093/biomet/38.3-4.337

    Raises
    ------
    ScoringError
        `adequacy.items`, `adequacy.column` or `adequacy.number` for fewer than two, doubled, or non-numeric columns.
    """
    values = check_numeric_items(items, "adequacy")
    complete = values.dropna()
    n_used, k_items = complete.shape
    n_dropped, df = len(values) - n_used, k_items * (k_items - 1) // 2
    problem = _find_problem(complete)
    if problem is not None:
        return SamplingAdequacy(None, {}, None, df, None, n_used, n_dropped, k_items, False, (problem,))

    standardized = (complete - complete.mean()) / complete.std(ddof=1)
    with warnings.catch_warnings():
        # Its import warns of future changes elsewhere, and it warns when it takes a pseudo-inverse; regular matrices only
        # come this far, and for those the pseudo-inverse is the inverse.
        warnings.simplefilter("ignore")
        from factor_analyzer.factor_analyzer import calculate_bartlett_sphericity, calculate_kmo

        per_item, overall = calculate_kmo(standardized)
        chi_square, p = calculate_bartlett_sphericity(standardized)
    by_item = {str(item): float(value) for item, value in zip(complete.columns, per_item, strict=True)}
    low = (Note("kmo.low", _LOW, {"floor": KMO_FLOOR}),) if overall < KMO_FLOOR else ()
    return SamplingAdequacy(
        float(overall), by_item, float(chi_square), df, float(p), n_used, n_dropped, k_items, True, low
    )


_TOO_FEW = N_("There must be more complete rows (%(n)d) than items (%(k)d).")
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so it has no correlations.")
_SINGULAR_NOTE = N_("Some items can be computed exactly from others, so partial correlations do not exist.")
_LOW = N_("The items share too little for a factor analysis (KMO below %(floor).2f).")


def _find_problem(complete: pd.DataFrame) -> Note | None:
    """Why the correlation matrix cannot be used, or None."""
    n, k = complete.shape
    if n <= k:
        return Note("adequacy.rows", _TOO_FEW, {"n": n, "k": k})
    constant = find_constant(complete)
    if constant is not None:
        return Note("adequacy.constant", _CONSTANT, {"item": constant})
    condition = float(np.linalg.cond(np.corrcoef(complete.to_numpy(), rowvar=False)))
    if not math.isfinite(condition) or condition > _SINGULAR:
        return Note("adequacy.singular", _SINGULAR_NOTE)
    return None
