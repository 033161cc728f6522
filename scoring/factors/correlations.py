"""Reading what factor methods start from: items with a rule for missing answers, or a correlation matrix."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, find_constant

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

Correlations = Literal["pearson", "polychoric"]
Missing = Literal["listwise", "pairwise"]

# Beyond this condition number the inverse of a correlation matrix is rounding noise.
SINGULAR: Final = 1e12
# R's matrices in text files carry ten digits; differences of that size are no sign of a wrong matrix.
_ROUNDED: Final = 1e-8


@dataclass(frozen=True)
class CorrelationMatrix:
    """The correlations that a factor method works on.

    Attributes
    ----------
    items : tuple of str
    values : ndarray (k, k)
        Finite, symmetric, ones on the diagonal.
    kind : "pearson", "polychoric" or "given"
    missing : "listwise" or "pairwise"
        How missing answers were treated; "listwise" for a given matrix.
    n_used : int or None
        Respondents: complete rows, or with "pairwise" rows with two answers or more; None for a matrix without a number.
    n_dropped : int
        Other rows.
    n_smallest : int or None
        Fewest respondents behind one correlation, on which tests rest; `n_used` when listwise.
    notes : tuple of Note
    """

    items: tuple[str, ...]
    values: FloatArray
    kind: Literal["pearson", "polychoric", "given"]
    missing: Missing
    n_used: int | None
    n_dropped: int
    n_smallest: int | None
    notes: tuple[Note, ...]

    @property
    def regular(self) -> bool:
        """Whether the matrix is positive definite with room for an inverse."""
        return is_regular(self.values)


def is_regular(matrix: FloatArray) -> bool:
    """Whether a symmetric matrix is positive definite with a condition number that leaves digits to its inverse."""
    eigenvalues = np.linalg.eigvalsh(matrix)
    return bool(eigenvalues[0] > eigenvalues[-1] / SINGULAR)


def check_seed(seed: int, statistic: str) -> None:
    """Raise ScoringError `<statistic>.seed` for a number that cannot start a random generator."""
    if seed < 0:
        raise ScoringError(
            f"{statistic}.seed", "%(seed)s is no seed.", "Pass 0 or a positive whole number.", seed=seed
        )


def is_matrix(frame: pd.DataFrame) -> bool:
    """Whether a table is a matrix over items (the same labels on both sides) rather than respondents x items."""
    return frame.shape[0] == frame.shape[1] > 0 and frame.index.equals(frame.columns)


def read_correlations(
    items: pd.DataFrame,
    statistic: str,
    *,
    correlations: Correlations = "pearson",
    missing: Missing = "listwise",
    n: int | None = None,
) -> CorrelationMatrix:
    """Compute the correlations of items, or check a matrix of them.

    Parameters
    ----------
    items : DataFrame
        Respondents x items, any unit; or a correlation matrix with the items' names on both sides.
    statistic : str
        First part of the errors' codes.
    correlations : "pearson" or "polychoric"
        Of items; a matrix is taken as it is.
    missing : "listwise" or "pairwise"
        Complete rows, or all who answered both items of a pair.
    n : int, optional
        Respondents behind a matrix.

    Raises
    ------
    ScoringError
        `<statistic>.correlations`, `.missing`, `.n` for options that do not exist or fit; `.items`, `.column`, `.number` for
        columns that are no items; `.rows` for too few rows; `.empty`, `.constant` for an item without answers or without spread; `.pair` for two items
        without a correlation; `.matrix` for a matrix that is none of correlations.
    """
    _check_options(statistic, correlations, missing)
    _check_names(statistic, items)
    if is_matrix(items):
        return _read_matrix(items, statistic, n)
    if n is not None:
        raise ScoringError(
            f"{statistic}.n",
            "A number of respondents (%(n)s) was given together with their answers.",
            "Pass n with a correlation matrix only, whose rows and columns carry the same names.",
            n=n,
        )
    values = check_numeric_items(items, statistic)
    if correlations == "polychoric":
        return _polychoric(values, statistic, missing)
    return _pearson(values, statistic, missing)


def _check_options(statistic: str, correlations: str, missing: str) -> None:
    if correlations not in {"pearson", "polychoric"}:
        raise ScoringError(
            f"{statistic}.correlations",
            "“%(correlations)s” is no kind of correlation known here.",
            "Use “pearson” or “polychoric”.",
            correlations=str(correlations),
        )
    if missing not in {"listwise", "pairwise"}:
        raise ScoringError(
            f"{statistic}.missing",
            "“%(missing)s” is no rule for missing answers.",
            "Use “listwise” or “pairwise”.",
            missing=str(missing),
        )


def _check_names(statistic: str, items: pd.DataFrame) -> None:
    """Results carry the items' names as text, where 1 and "1" are the same."""
    names = items.columns.map(str)
    if names.has_duplicates:
        raise ScoringError(
            f"{statistic}.column",
            "Item %(item)s stands in more than one column.",
            "Pass every item once.",
            item=str(names[names.duplicated()][0]),
        )


def _read_matrix(frame: pd.DataFrame, statistic: str, n: int | None) -> CorrelationMatrix:
    """Check a matrix of correlations."""
    checked = check_numeric_items(frame, statistic)
    if n is not None and (not isinstance(n, int | np.integer) or n < 1):
        raise ScoringError(
            f"{statistic}.n", "%(n)s is no number of respondents.", "Pass a whole number, 1 or more.", n=n
        )
    values = checked.to_numpy()
    unknown = np.argwhere(np.isnan(values))
    if unknown.size:
        _refuse_pair(statistic, str(frame.index[unknown[0][0]]), str(frame.index[unknown[0][1]]))
    wrong = (
        (np.abs(values - values.T) > _ROUNDED)
        | (np.abs(values) > 1.0 + _ROUNDED)
        | (np.abs(np.diag(np.diag(values) - 1.0)) > _ROUNDED)
    )
    if wrong.any():
        place = np.argwhere(wrong)[0]
        raise ScoringError(
            f"{statistic}.matrix",
            "The value of %(item)s and %(other)s cannot stand in a correlation matrix.",
            "Pass a symmetric matrix with ones on the diagonal and values from -1 to 1.",
            item=str(frame.index[place[0]]),
            other=str(frame.index[place[1]]),
        )
    symmetric = 0.5 * (values + values.T)
    np.fill_diagonal(symmetric, 1.0)
    names = tuple(str(item) for item in frame.columns)
    return CorrelationMatrix(names, symmetric, "given", "listwise", n, 0, n, ())


def _refuse_pair(statistic: str, item: str, other: str) -> None:
    raise ScoringError(
        f"{statistic}.pair",
        "%(item)s and %(other)s have no correlation: among those who answered both, one of them does not vary.",
        "Leave out one of the two items.",
        item=item,
        other=other,
    )


def _pearson(values: pd.DataFrame, statistic: str, missing: Missing) -> CorrelationMatrix:
    """Pearson correlations of complete rows, or of all who answered both items of a pair."""
    names = tuple(str(item) for item in values.columns)
    complete = values.dropna()
    if missing == "listwise" or len(complete) == len(values):
        _check_rows(statistic, len(complete), len(names))
        _check_spread(statistic, complete)
        matrix = np.corrcoef(complete.to_numpy(), rowvar=False)
        np.fill_diagonal(matrix, 1.0)
        n_used = len(complete)
        n_dropped = len(values) - n_used
        return CorrelationMatrix(names, matrix, "pearson", missing, n_used, n_dropped, n_used, ())
    numbers = values.to_numpy().T
    known = ~np.isnan(numbers)
    n_used = int((known.sum(axis=0) > 1).sum())
    _check_rows(statistic, n_used, len(names))
    for item in values.columns:
        _check_spread(statistic, values[[item]].dropna())
    matrix = correlate_pairs(standardize(numbers), known.astype(np.float64))
    unknown = np.argwhere(np.isnan(matrix))
    if unknown.size:
        _refuse_pair(statistic, names[unknown[0][0]], names[unknown[0][1]])
    counts = known.astype(np.float64) @ known.T
    return CorrelationMatrix(
        names,
        matrix,
        "pearson",
        missing,
        n_used,
        len(values) - n_used,
        int(counts.min()),
        (Note("correlations.pairwise", _PAIRWISE, {"n": int(counts.min())}),),
    )


def standardize(numbers: FloatArray) -> FloatArray:
    """Items x respondents with mean 0 and standard deviation 1 over the known answers; 0 where missing."""
    centered = numbers - np.nanmean(numbers, axis=1, keepdims=True)
    spread = np.sqrt(np.nanmean(centered**2, axis=1, keepdims=True))
    return np.nan_to_num(centered / np.where(spread > 0.0, spread, 1.0), nan=0.0)


def correlate_pairs(numbers: FloatArray, known: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Pearson correlations over the pairwise known answers; NaN where a pair has none.

    `numbers` (k, n) hold 0 where missing, `known` (k, n) 1 where there is an answer and 0 where it is missing; with `weights`
    (n,) a respondent counts so many times.
    """
    weighted = numbers if weights is None else numbers * weights
    n = known @ (known if weights is None else known * weights).T
    sums = weighted @ known.T
    squares = (numbers * weighted) @ known.T
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = weighted @ numbers.T / n - sums / n * (sums.T / n)
        variance = squares / n - (sums / n) ** 2
        spread = np.sqrt(np.where(variance > 1e-12, variance, np.nan))
        matrix = covariance / (spread * spread.T)
    matrix = np.clip(matrix, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _polychoric(values: pd.DataFrame, statistic: str, missing: Missing) -> CorrelationMatrix:
    """Two-step polychoric correlations; the matrix is not smoothed."""
    from scoring.polychoric import polychoric_correlations

    names = tuple(str(item) for item in values.columns)
    used = values.dropna() if missing == "listwise" else values
    n_known = len(used) if missing == "listwise" else int((values.notna().sum(axis=1) > 1).sum())
    _check_rows(statistic, n_known, len(names))
    for item in used.columns:
        _check_spread(statistic, used[[item]].dropna())
    result = polychoric_correlations(values, missing=missing)
    matrix = result.correlations.to_numpy(copy=True)
    unknown = np.argwhere(np.isnan(matrix))
    if unknown.size:
        _refuse_pair(statistic, names[unknown[0][0]], names[unknown[0][1]])
    smallest = int(result.n_pairs.to_numpy().min())
    notes = result.notes
    if missing == "pairwise" and result.n_dropped + smallest < len(values):
        notes = (*notes, Note("correlations.pairwise", _PAIRWISE, {"n": smallest}))
    return CorrelationMatrix(
        names, matrix, "polychoric", missing, result.n_used, result.n_dropped, smallest, notes
    )


_PAIRWISE = N_(
    "Each correlation rests on those who answered both items, at least %(n)d; tests count that many respondents."
)


def _check_rows(statistic: str, n: int, k: int) -> None:
    if n <= k:
        raise ScoringError(
            f"{statistic}.rows",
            "There must be more usable rows (%(n)d) than items (%(k)d).",
            "Collect more answers, or leave out items that few answered.",
            n=n,
            k=k,
        )


def _check_spread(statistic: str, values: pd.DataFrame) -> None:
    if values.empty:
        raise ScoringError(
            f"{statistic}.empty",
            "Nobody answered %(item)s.",
            "Leave this item out.",
            item=str(values.columns[0]),
        )
    constant = find_constant(values)
    if constant is not None:
        raise ScoringError(
            f"{statistic}.constant",
            "Everybody gave the same answer to %(item)s, so it has no correlations.",
            "Leave this item out.",
            item=constant,
        )
