"""Whether the items of a bank share enough for a factor analysis: KMO and Bartlett's test, through factor_analyzer."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.correlations import SINGULAR, is_matrix, read_correlations
from scoring.frames import check_numeric_items, find_constant

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

KMO_FLOOR: Final = 0.60


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

    The same as R's `psych::KMO(R)` and `psych::cortest.bartlett(R, n)`. For other correlations see `sampling_adequacy_of`.

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
    return SamplingAdequacy(
        float(overall),
        by_item,
        float(chi_square),
        df,
        float(p),
        n_used,
        n_dropped,
        k_items,
        True,
        _judge(float(overall)),
    )


def sampling_adequacy_of(correlations: pd.DataFrame, n: int) -> SamplingAdequacy:
    """Compute KMO and Bartlett's test from a correlation matrix, polychoric for instance.

    Parameters
    ----------
    correlations : DataFrame (items x items)
        The items' names on both sides, ones on the diagonal, values from -1 to 1.
    n : int
        Respondents behind the matrix.

    Returns
    -------
    SamplingAdequacy
        With `overall`, `chi_square` and `p` None and `converged` False when n is not above the number of items or when the
        matrix has no inverse.

    Notes
    -----
    Missing data: whatever was done for the correlations; `n_dropped` is 0.

    The formulas of `sampling_adequacy`, on the inverse of the matrix; factor_analyzer reads answers only. Bartlett's chi-square
    holds for Pearson correlations of normal variables; of polychoric correlations it is a description, not a test.

    The same as R's `psych::KMO(R)` and `psych::cortest.bartlett(R, n)`.

    Raises
    ------
    ScoringError
        `adequacy.matrix`, `adequacy.pair`, `adequacy.number`, `adequacy.column` or `adequacy.items` for a matrix that is none of
        correlations, `adequacy.n` for a number of respondents that is none.
    """
    if not is_matrix(correlations):
        raise ScoringError(
            "adequacy.matrix",
            "A table of %(rows)d x %(columns)d cells is no correlation matrix with the same names on both sides.",
            "Pass answers to sampling_adequacy(), or a matrix with the items as rows and columns.",
            rows=correlations.shape[0],
            columns=correlations.shape[1],
        )
    read = read_correlations(correlations, "adequacy", n=n)
    k_items = len(read.items)
    df = k_items * (k_items - 1) // 2
    problem = Note("adequacy.rows", _TOO_FEW, {"n": n, "k": k_items}) if n <= k_items else None
    if problem is None and not read.regular:
        problem = Note("adequacy.singular", _SINGULAR_NOTE)
    if problem is not None:
        return SamplingAdequacy(None, {}, None, df, None, n, 0, k_items, False, (problem,))

    from scipy.stats import chi2

    per_item, overall = kaiser_meyer_olkin(read.values)
    chi_square = -(n - 1 - (2 * k_items + 5) / 6) * float(np.linalg.slogdet(read.values)[1])
    by_item = dict(zip(read.items, per_item.tolist(), strict=True))
    p = float(chi2.sf(chi_square, df))
    return SamplingAdequacy(overall, by_item, chi_square, df, p, n, 0, k_items, True, _judge(overall))


def kaiser_meyer_olkin(matrix: FloatArray) -> tuple[FloatArray, float]:
    """KMO of each item and of all, from a regular correlation matrix."""
    inverse = np.linalg.inv(matrix)
    scale = np.sqrt(np.diag(inverse))
    partial, plain = (inverse / np.outer(scale, scale)) ** 2, matrix**2
    np.fill_diagonal(partial, 0.0)
    np.fill_diagonal(plain, 0.0)
    both = plain + partial
    with np.errstate(divide="ignore", invalid="ignore"):
        # Items without any correlation share nothing.
        per_item = np.nan_to_num(plain.sum(axis=0) / both.sum(axis=0), nan=0.0)
        overall = float(np.nan_to_num(plain.sum() / both.sum(), nan=0.0))
    return per_item, overall


_TOO_FEW = N_("There must be more complete rows (%(n)d) than items (%(k)d).")
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so it has no correlations.")
_SINGULAR_NOTE = N_("Some items can be computed exactly from others, so partial correlations do not exist.")
_LOW = N_("The items share too little for a factor analysis (KMO below %(floor).2f).")


def _judge(overall: float) -> tuple[Note, ...]:
    return (Note("kmo.low", _LOW, {"floor": KMO_FLOOR}),) if overall < KMO_FLOOR else ()


def _find_problem(complete: pd.DataFrame) -> Note | None:
    """Why the correlation matrix cannot be used, or None."""
    n, k = complete.shape
    if n <= k:
        return Note("adequacy.rows", _TOO_FEW, {"n": n, "k": k})
    constant = find_constant(complete)
    if constant is not None:
        return Note("adequacy.constant", _CONSTANT, {"item": constant})
    condition = float(np.linalg.cond(np.corrcoef(complete.to_numpy(), rowvar=False)))
    if not math.isfinite(condition) or condition > SINGULAR:
        return Note("adequacy.singular", _SINGULAR_NOTE)
    return None
