"""Polychoric correlations of ordered items, and the moments and asymptotic covariances that models for ordered items are fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.ordinal import (
    Codes,
    PairSolution,
    PairTables,
    bivariate_normal_cdf,
    check_options,
    count_empty_cells,
    describe_codes,
    describe_pairs,
    fill_matrix,
    fisher_interval,
    name_pairs,
    pair_influences,
    pair_variances,
    read_codes,
    row_chunks,
    solve_pairs,
    split_thresholds,
    tabulate_pairs,
)
from scoring.polyserial import PolyserialResult, polyserial_correlations

__all__ = [
    "OrdinalMoments",
    "PolychoricResult",
    "PolyserialResult",
    "bivariate_normal_cdf",
    "ordinal_moments",
    "polychoric_correlations",
    "polyserial_correlations",
]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]

# Eigenvalues below the first are lifted to the second when a matrix is smoothed, as psych::cor.smooth does.
_LIFTED_BELOW: Final = 1e-12
_LIFTED_TO: Final = 1e-10


@dataclass(frozen=True)
class OrdinalMoments:
    """The statistics that a model for ordinal items is fitted to.

    Attributes
    ----------
    items : tuple of str
        Names, in the order of the columns.
    categories : tuple of ndarray
        Codes that occur, in order, per item.
    thresholds : tuple of ndarray
        Normal quantiles of the cumulative shares, one fewer than categories, per item.
    correlations : ndarray (k, k)
        Polychoric correlations.
    gamma : ndarray (m, m) or None
        Asymptotic covariance matrix of sqrt(n) times the statistics: the thresholds item by item, then the correlations in the
        order of `np.triu_indices(k, 1)`. None when not asked for. NaN in the row of a correlation that has no information, with
        a note.
    n_used, n_dropped : int
        Complete rows, and rows left out for a missing answer.
    empty_cells : mapping (item, item) -> int
        Combinations of answers that nobody gave, for the pairs that have any.
    converged : bool
        False when a correlation stopped at a bound or before its gradient vanished, with a note.
    notes : tuple of Note
    """

    items: tuple[str, ...]
    categories: tuple[FloatArray, ...]
    thresholds: tuple[FloatArray, ...]
    correlations: FloatArray
    gamma: FloatArray | None
    n_used: int
    n_dropped: int
    empty_cells: Mapping[tuple[str, str], int]
    converged: bool
    notes: tuple[Note, ...]


def ordinal_moments(
    codes: pd.DataFrame, *, gamma: bool = True, clusters: pd.Series | None = None
) -> OrdinalMoments:
    """Estimate thresholds and polychoric correlations in two steps, with their joint asymptotic covariance matrix.

    Parameters
    ----------
    codes : DataFrame, respondents x items
        Whole option codes in the order of the categories, at most 12 different ones an item; at least two items.
    gamma : bool
        Whether to compute the asymptotic covariance matrix.
    clusters : Series, optional
        Group of each row, with the index of `codes`; influences are summed within groups before the outer product, which allows
        respondents of one group (a pair, a team) to resemble one another. No small-sample factor is applied.

    Returns
    -------
    OrdinalMoments

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise). A category that nobody chose is not there.

    First the thresholds are set to the normal quantiles of each item's cumulative shares, then each correlation maximizes the
    likelihood of its two-way table with the thresholds held. The asymptotic covariance is the sandwich `A^-1 B A^-1'` of the
    stacked scores. Empty cells are adjusted in 2 x 2 tables only, by half a respondent with the margins kept; cells less
    probable than 1.5e-8 carry no weight.

    The same as lavaan's `lavCor(x, ordered = names(x))` and `lavInspect(fit, "gamma")`. On purpose different: identical 2 x 2
    items get .999, not 1, like any other pair at its bound.

    References
    ----------
    Olsson, U. (1979). Maximum likelihood estimation of the polychoric correlation coefficient. Psychometrika, 44, 443-460.
    https://doi.org/10.1007/BF02296207
    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent variable
    indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210

    Raises
    ------
    ScoringError
        `polychoric.items`, `.column`, `.number`, `.code`, `.categories` for columns that are no ordered items,
        `polychoric.rows` without a complete row, `polychoric.constant` for an item with one category, `polychoric.clusters` for
        clusters that do not fit the rows.
    """
    values = check_numeric_items(codes, "polychoric")
    complete = values.notna().to_numpy().all(axis=1)
    groups = None if clusters is None else read_clusters(clusters, values.index)[complete]
    ranked = read_codes(values if complete.all() else values[complete])
    _check_variation(ranked)

    tables = tabulate_pairs(ranked)
    solution = solve_pairs(tables, ranked.k_categories)
    covariance = None
    if gamma:
        covariance = _sum_outer_products(ranked, tables, solution, groups)
    empty = count_empty_cells(tables, ranked.k_categories)
    n_used = ranked.ranks.shape[1]
    return OrdinalMoments(
        ranked.items,
        ranked.categories,
        split_thresholds(tables, ranked.k_categories),
        fill_matrix(solution.correlations, len(ranked.items), 1.0),
        covariance,
        n_used,
        len(values) - n_used,
        name_pairs(ranked.items, tables, empty),
        bool(solution.solved.all()),
        (*describe_codes(ranked, n_used), *describe_pairs(ranked.items, tables, solution)),
    )


def read_clusters(clusters: pd.Series, index: pd.Index) -> IntArray:
    """Number the groups of the rows; labels that are missing or belong to other rows raise ScoringError."""
    if len(clusters) != len(index) or not clusters.index.equals(index):
        raise ScoringError(
            "polychoric.clusters",
            "The clusters do not belong to the same rows as the items.",
            "Pass one label for each row, with the same index.",
        )
    numbers, _ = pd.factorize(clusters)
    if (numbers < 0).any():
        raise ScoringError(
            "polychoric.clusters",
            "Row %(row)s has no cluster.",
            "Give every row the label of its group.",
            row=str(index[numbers < 0][0]),
        )
    return np.asarray(numbers, dtype=np.intp)


def _check_variation(ranked: Codes) -> None:
    """A model of several items needs a respondent and two categories an item."""
    if not ranked.ranks.shape[1]:
        raise ScoringError(
            "polychoric.rows",
            "No respondent answered all %(k)d items.",
            "Leave out the items that few answered.",
            k=len(ranked.items),
        )
    constant = [item for item, count in zip(ranked.items, ranked.k_categories, strict=True) if count < 2]
    if constant:
        raise ScoringError(
            "polychoric.constant",
            "Everybody who answered all items gave the same answer to %(item)s.",
            "Leave this item out.",
            item=constant[0],
        )


def _sum_outer_products(
    ranked: Codes, tables: PairTables, solution: PairSolution, groups: IntArray | None
) -> FloatArray:
    """The mean outer product of the respondents' (or groups') influences on all statistics."""
    width, n_rows = tables.margins.shape[1], ranked.ranks.shape[1]
    influences = pair_influences(tables, solution)
    n_thresholds = int(ranked.k_categories.sum()) - len(ranked.items)
    m = n_thresholds + len(tables.first)
    scale = np.full(len(solution.information), np.nan)
    scale[solution.informed] = n_rows / solution.information[solution.informed]
    pulls = influences.cells - influences.rows[:, :, None] - influences.columns[:, None, :]
    pulls = (pulls * scale[:, None, None]).reshape(-1, width * width)

    ranks = ranked.ranks
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        ranks, groups = ranks[:, order], groups[order]
    total, carried = np.zeros((m, m)), np.zeros(m)
    for chunk in row_chunks(n_rows, m):
        places = ranks[:, chunk].astype(np.intp)
        block = np.empty((m, places.shape[1]))
        _fill_block(block, places, ranked.k_categories, influences.thresholds, pulls)
        if groups is not None:
            ends = chunk.stop < n_rows and groups[chunk.stop] == groups[chunk.stop - 1]
            block, carried = _sum_groups(block, groups[chunk], carried, ends)
        total += block @ block.T
    covariance: FloatArray = total / n_rows
    return covariance


def _fill_block(
    block: FloatArray, places: IntArray, k_categories: IntArray, thresholds: FloatArray, pulls: FloatArray
) -> None:
    """Look up the influences of a chunk of respondents, statistics x respondents."""
    row, width = 0, thresholds.shape[1]
    for item, count in enumerate(k_categories):
        for threshold in range(count - 1):
            np.take(thresholds[item, :, threshold].copy(), places[item], out=block[row], mode="clip")
            row += 1
    for pair, (i, j) in enumerate(zip(*np.triu_indices(len(places), 1), strict=True)):
        np.take(pulls[pair], places[i] * width + places[j], out=block[row + pair], mode="clip")


def _sum_groups(
    block: FloatArray, groups: IntArray, carried: FloatArray, continues: bool
) -> tuple[FloatArray, FloatArray]:
    """Sum the respondents of each group; a group that the chunk cuts is carried over to the next."""
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    sums = np.add.reduceat(block, starts, axis=1)
    sums[:, 0] += carried
    if continues:
        return sums[:, :-1], sums[:, -1].copy()
    return sums, np.zeros_like(carried)


@dataclass(frozen=True)
class PolychoricResult:
    """Polychoric correlations of a set of items.

    Attributes
    ----------
    correlations : DataFrame (items x items)
        -1 to 1, ones on the diagonal; NaN for an item or a pair that has none, with a note. Smoothed only when `smoothed`.
    standard_errors : DataFrame (items x items)
        Two-step standard errors, zero on the diagonal; NaN where the correlation is NaN or stopped at its bound. They and the
        interval belong to the correlations before smoothing.
    low, high : DataFrame (items x items)
        Interval on Fisher's z scale.
    confidence : float
        Confidence of the interval.
    thresholds : mapping item -> tuple of float
        Normal quantiles between the item's categories; empty for an item with fewer than two.
    n_pairs : DataFrame (items x items)
        Respondents behind each correlation; on the diagonal those behind the item's thresholds.
    empty_cells : mapping (item, item) -> int
        Combinations of answers that nobody gave, for the pairs that have any.
    smallest_eigenvalue : float or None
        Of the matrix before smoothing; None when a correlation is NaN.
    smoothed : bool
        Whether eigenvalues were lifted.
    n_used, n_dropped, k_items : int
        Rows that took part (complete ones, or with two answers or more when pairwise), other rows, items.
    converged : bool
        False when an item or a pair has no correlation, or one that stopped at its bound or was not found exactly.
    notes : tuple of Note
    """

    correlations: pd.DataFrame
    standard_errors: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    confidence: float
    thresholds: Mapping[str, tuple[float, ...]]
    n_pairs: pd.DataFrame
    empty_cells: Mapping[tuple[str, str], int]
    smallest_eigenvalue: float | None
    smoothed: bool
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def polychoric_correlations(
    items: pd.DataFrame,
    *,
    missing: Literal["listwise", "pairwise"] = "listwise",
    smooth: bool = False,
    confidence: float = 0.95,
) -> PolychoricResult:
    """Estimate the correlations of the normal variables behind ordered items, with standard errors and intervals.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Whole option codes in the order of the categories, at most 12 different ones an item; at least two items.
    missing : "listwise" or "pairwise"
        Whether only complete rows count, or each threshold takes all who answered the item and each correlation all who answered
        both.
    smooth : bool
        Whether to make a matrix positive definite that is not: eigenvalues below 1e-12 are lifted to 1e-10 and the diagonal is
        set to one again. Never done unasked.
    confidence : float
        Of the intervals, between 0 and 1.

    Returns
    -------
    PolychoricResult
        With NaN and a note for items with fewer than two categories and for pairs in which an item does not vary.

    Notes
    -----
    Two-step maximum likelihood: thresholds from the margins, then one correlation at a time from its table. Standard errors are
    Muthen's (1984), which count the sampling error of the thresholds; with pairwise deletion the scores of whoever is missing
    are zero. The interval is `tanh(atanh(r) +- z se/(1 - r^2))`. Empty cells are adjusted in 2 x 2 tables only (half a
    respondent, margins kept) and counted in `empty_cells`. Correlations stop at -.999 and .999.

    The same as lavaan's `lavCor(x, ordered = names(x))` with either rule for missing answers, and as its `WLS.V` standard
    errors. `psych::polychoric` adds .5 to every empty cell unless told `correct = 0`; then it agrees to about 1e-4. Smoothing
    is that of `psych::cor.smooth`.

    References
    ----------
    Olsson, U. (1979). Maximum likelihood estimation of the polychoric correlation coefficient. Psychometrika, 44, 443-460.
    https://doi.org/10.1007/BF02296207
    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent variable
    indicators. Psychometrika, 49, 115-132. https://doi.org/10.1007/BF02294210

    Raises
    ------
    ScoringError
        `polychoric.items`, `.column`, `.number`, `.code`, `.categories` for columns that are no ordered items;
        `polychoric.missing` and `.confidence` for options that do not exist.
    """
    check_options("polychoric", missing, confidence)
    values = check_numeric_items(items, "polychoric")
    answered = values.notna().to_numpy()
    used = answered.all(axis=1) if missing == "listwise" else answered.sum(axis=1) > 1
    n_used = int(used.sum())
    ranked = read_codes(values[used] if missing == "listwise" else values)
    kept = np.flatnonzero(ranked.k_categories > 1)
    estimates = _estimate(_select(ranked, kept), kept, len(ranked.items), confidence)

    correlations, eigenvalue, smoothed, matrix_notes = _inspect_matrix(estimates.correlations, smooth)
    names = list(ranked.items)
    lone = [names[i] for i in np.flatnonzero(ranked.k_categories < 2)]
    known = (ranked.ranks >= 0).astype(np.float64)
    return PolychoricResult(
        correlations=pd.DataFrame(correlations, index=names, columns=names),
        standard_errors=pd.DataFrame(estimates.errors, index=names, columns=names),
        low=pd.DataFrame(estimates.low, index=names, columns=names),
        high=pd.DataFrame(estimates.high, index=names, columns=names),
        confidence=confidence,
        thresholds=estimates.thresholds | dict.fromkeys(lone, ()),
        n_pairs=pd.DataFrame(np.rint(known @ known.T).astype(np.int64), index=names, columns=names),
        empty_cells=estimates.empty_cells,
        smallest_eigenvalue=eigenvalue,
        smoothed=smoothed,
        n_used=n_used,
        n_dropped=len(values) - n_used,
        k_items=len(names),
        converged=estimates.converged and not lone,
        notes=(
            *(Note("polychoric.constant", _CONSTANT, {"item": item}) for item in lone),
            *describe_codes(ranked, n_used),
            *estimates.notes,
            *matrix_notes,
        ),
    )


@dataclass(frozen=True)
class _Estimates:
    """Matrices over all items, NaN where there is nothing, and what is known of the pairs."""

    correlations: FloatArray
    errors: FloatArray
    low: FloatArray
    high: FloatArray
    thresholds: dict[str, tuple[float, ...]]
    empty_cells: dict[tuple[str, str], int]
    converged: bool
    notes: tuple[Note, ...]


def _select(ranked: Codes, kept: IntArray) -> Codes:
    """The codes of some of the items."""
    return Codes(
        tuple(ranked.items[i] for i in kept), ranked.ranks[kept], tuple(ranked.categories[i] for i in kept)
    )


def _estimate(ranked: Codes, kept: IntArray, k: int, confidence: float) -> _Estimates:
    """Correlations, standard errors and intervals of the items that vary, laid out among all k."""
    if not len(kept):
        blank = np.full((k, k), np.nan)
        return _Estimates(blank, blank, blank, blank, {}, {}, False, ())
    tables = tabulate_pairs(ranked)
    solution = solve_pairs(tables, ranked.k_categories)
    variances = pair_variances(tables, solution, pair_influences(tables, solution))
    errors = np.where(solution.solved, np.sqrt(variances), np.nan)
    low, high = fisher_interval(solution.correlations, errors, confidence)
    limits = split_thresholds(tables, ranked.k_categories)
    empty = name_pairs(ranked.items, tables, count_empty_cells(tables, ranked.k_categories))
    notes = describe_pairs(ranked.items, tables, solution)
    if empty:
        params = {"n": len(empty), "total": len(tables.first)}
        notes = (*notes, Note("polychoric.empty_cells", _EMPTY, params))
    return _Estimates(
        correlations=_spread(solution.correlations, kept, k, 1.0),
        errors=_spread(errors, kept, k, 0.0),
        low=_spread(low, kept, k, 1.0),
        high=_spread(high, kept, k, 1.0),
        thresholds={
            item: tuple(float(x) for x in row) for item, row in zip(ranked.items, limits, strict=True)
        },
        empty_cells=empty,
        converged=bool(solution.solved.all()),
        notes=notes,
    )


def _spread(pairs: FloatArray, kept: IntArray, k: int, diagonal: float) -> FloatArray:
    """A matrix over all k items from the pairs of those kept, NaN elsewhere."""
    matrix = np.full((k, k), np.nan)
    matrix[np.ix_(kept, kept)] = fill_matrix(pairs, len(kept), diagonal)
    return matrix


_CONSTANT = N_("%(item)s has fewer than two different answers, so it has no correlations.")
_EMPTY = N_(
    "In %(n)d of %(total)d pairs of items some combinations of answers do not occur; their correlations rest on the others."
)
_NOT_DEFINITE = N_(
    "The correlations contradict one another (smallest eigenvalue %(value).2g); no model can be fitted to them."
)
_SMOOTHED = N_("The correlations contradicted one another and were smoothed, by up to %(change).2g.")


def _inspect_matrix(
    correlations: FloatArray, smooth: bool
) -> tuple[FloatArray, float | None, bool, tuple[Note, ...]]:
    """Judge whether a correlation matrix is positive definite, and smooth it if it is not and that was asked for."""
    if np.isnan(correlations).any():
        return correlations, None, False, ()
    values, vectors = np.linalg.eigh(correlations)
    smallest = float(values[0])
    if smallest >= np.finfo(np.float64).eps:
        return correlations, smallest, False, ()
    if not smooth:
        return (
            correlations,
            smallest,
            False,
            (Note("polychoric.definite", _NOT_DEFINITE, {"value": smallest}),),
        )
    lifted = np.where(values < _LIFTED_BELOW, _LIFTED_TO, values)
    raised = (vectors * lifted) @ vectors.T
    scale = np.sqrt(np.diag(raised))
    result = raised / np.outer(scale, scale)
    np.fill_diagonal(result, 1.0)
    change = float(np.abs(result - correlations).max())
    return result, smallest, True, (Note("polychoric.smoothed", _SMOOTHED, {"change": change}),)
