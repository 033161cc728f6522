"""How many factors: eigenvalues of the answers beside those of random sets of the same answers (parallel analysis)."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.correlations import (
    CorrelationMatrix,
    Correlations,
    Missing,
    check_seed,
    correlate_pairs,
    read_correlations,
    standardize,
)
from scoring.factors.extraction import extract_factors
from scoring.frames import check_numeric_items

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

N_FLOOR: Final = 100
# Sums of squares this small beside one per respondent are rounding, not spread.
_NO_SPREAD: Final = 1e-10


@dataclass(frozen=True)
class ParallelAnalysis:
    """Eigenvalues of the answers beside those of answers without any relation.

    Attributes
    ----------
    observed : ndarray (k,)
        Eigenvalues of the correlations, largest first.
    reference : ndarray (k,)
        Quantile of the random sets' eigenvalues at `quantile`, place by place.
    reference_mean : ndarray (k,)
    k_suggested : int or None
        Eigenvalues before the first that is not above its reference; None where nothing could be compared, with a note.
    correlations : "pearson" or "polychoric"
    reduced : bool
        False: eigenvalues of the full matrix (components). True: of the matrix with the communalities of one factor on its
        diagonal.
    missing : "listwise" or "pairwise"
    n_sets : int
        Random sets that were used.
    quantile : float
    seed : int
    n_used, n_dropped, k_items : int
    converged : bool
        False when random sets had to be left out.
    notes : tuple of Note
    """

    observed: FloatArray
    reference: FloatArray
    reference_mean: FloatArray
    k_suggested: int | None
    correlations: Correlations
    reduced: bool
    missing: Missing
    n_sets: int
    quantile: float
    seed: int
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def parallel_analysis(
    items: pd.DataFrame,
    *,
    n_sets: int = 500,
    quantile: float = 0.95,
    correlations: Correlations = "pearson",
    reduced: bool = False,
    missing: Missing = "listwise",
    seed: int = 0,
) -> ParallelAnalysis:
    """Compare eigenvalues with those of sets in which every item's answers are shuffled.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values in any unit; whole option codes for "polychoric".
    n_sets : int, default 500
        Random sets.
    quantile : float, default .95
        Of the random eigenvalues, between 0 and 1, that an eigenvalue must be above.
    correlations : "pearson" or "polychoric"
        Of the answers and of the random sets alike.
    reduced : bool, default False
        False compares the full matrix (principal components, as Horn did), True the reduced one (common factors), which
        suggests more factors, small ones among them.
    missing : "listwise" or "pairwise"
        Complete rows, or all who answered both items of a pair.
    seed : int
        Of the shuffling.

    Returns
    -------
    ParallelAnalysis

    Notes
    -----
    Missing data: a random set keeps each item's margin and its pattern of missing answers: the known answers are shuffled among
    the cells where answers are known, and the same rule, listwise or pairwise, is applied to every set as to the answers.

    The reduced matrix is that of `psych::fa.parallel(fm = "minres")`: communalities of a one-factor minres solution on the
    diagonal. Compared with R: observed eigenvalues are `fa.values` and `pc.values`; psych draws with replacement and compares
    with that (`sim` with normal sets too), so suggested numbers may differ by one.

    Cost: one shuffle and one cross-product per set, linear in respondents: 100 sets of 6000 x 30 take under a second, polychoric
    ones some seconds (all pairs of all sets share the items' thresholds). Memory does not grow with the sets.

    References
    ----------
    Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis. Psychometrika, 30, 179-185.
    https://doi.org/10.1007/BF02289447
    Buja, A., & Eyuboglu, N. (1992). Remarks on parallel analysis. Multivariate Behavioral Research, 27, 509-540.
    https://doi.org/10.1207/s15327906mbr2704_2

    Raises
    ------
    ScoringError
        `parallel.sets`, `.quantile`, `.seed`, `.correlations`, `.missing` for options that do not exist; `.items`, `.column`, `.number`,
        `.rows`, `.empty`, `.constant`, `.pair` for answers without correlations; `.matrix` for a correlation matrix, which has nothing to
        shuffle.
    """
    _check_options(n_sets, quantile)
    check_seed(seed, "parallel")
    values = _check_answers(items)
    read = read_correlations(values, "parallel", correlations=correlations, missing=missing)
    rng = np.random.default_rng(seed)
    if correlations == "polychoric":
        random = _random_polychoric(values, missing, n_sets, rng)
    else:
        random = _random_pearson(values, missing, n_sets, rng)
    usable = np.isfinite(random).all(axis=(1, 2))
    observed = _eigenvalues(read.values[None], reduced)[0]
    notes = [*read.notes, *describe_counted(read, n_sets - int(usable.sum()))]
    blank = np.full(len(observed), np.nan)
    reference, mean, suggested = blank, blank, None
    if usable.any():
        drawn = _eigenvalues(random[usable], reduced)
        reference, mean = np.quantile(drawn, quantile, axis=0), drawn.mean(axis=0)
        suggested = _count_leading(observed, reference)
    else:
        notes.append(Note("parallel.nothing", _NOTHING))
    n_used = 0 if read.n_used is None else read.n_used
    return ParallelAnalysis(
        observed,
        reference,
        mean,
        suggested,
        correlations,
        reduced,
        missing,
        int(usable.sum()),
        quantile,
        seed,
        n_used,
        read.n_dropped,
        len(read.items),
        bool(usable.all()),
        tuple(notes),
    )


_FEW = N_("%(n)d respondents are fewer than the %(minimum)d that a number of factors needs.")
_LEFT_OUT = N_("%(n)d random sets had items without correlations and were left out.")
_NOTHING = N_("No random set had correlations, so nothing can be compared.")


def _check_options(n_sets: int, quantile: float) -> None:
    if n_sets < 1:
        raise ScoringError(
            "parallel.sets", "%(n)d random sets give no reference.", "Ask for 100 or more.", n=n_sets
        )
    if not 0.0 < quantile < 1.0:
        raise ScoringError(
            "parallel.quantile",
            "%(quantile)s is no quantile.",
            "Pass a number between 0 and 1, such as .95.",
            quantile=float(quantile),
        )


def _check_answers(items: pd.DataFrame) -> pd.DataFrame:
    """Answers as numbers; a correlation matrix is refused."""
    if items.shape[0] == items.shape[1] > 0 and items.index.equals(items.columns):
        raise ScoringError(
            "parallel.matrix",
            "A correlation matrix has no answers that could be shuffled.",
            "Pass the respondents' answers.",
        )
    return check_numeric_items(items, "parallel")


def describe_counted(read: CorrelationMatrix, n_failed: int) -> tuple[Note, ...]:
    """Notes on too few respondents and on random sets that were left out."""
    notes = []
    if read.n_used is not None and read.n_used < N_FLOOR:
        notes.append(Note("parallel.n_low", _FEW, {"n": read.n_used, "minimum": N_FLOOR}))
    if n_failed:
        notes.append(Note("parallel.left_out", _LEFT_OUT, {"n": n_failed}))
    return tuple(notes)


def _count_leading(observed: FloatArray, reference: FloatArray) -> int:
    """Eigenvalues before the first that is not above its reference."""
    below = np.flatnonzero(observed <= reference)
    return int(below[0]) if below.size else len(observed)


def _eigenvalues(matrices: FloatArray, reduced: bool) -> FloatArray:
    """Eigenvalues of a stack of correlation matrices, largest first, with one factor's communalities where reduced."""
    if reduced:
        found = extract_factors(matrices, 1, "minres", tolerance=1e-7)
        matrices = matrices.copy()
        places = np.arange(matrices.shape[1])
        matrices[:, places, places] = found.loadings[:, :, 0] ** 2
    return np.asarray(np.linalg.eigvalsh(matrices)[:, ::-1], dtype=np.float64)


def _shuffle(
    numbers: np.ndarray[Any, Any], known: BoolArray, n_kept: int | None, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Items x respondents with every item's known answers in random order in the cells where answers are known.

    With `n_kept`, the number of complete rows, only these are made: each item's first so many shuffled answers.
    """
    if known.all():
        return rng.permuted(numbers, axis=1)
    if n_kept is not None:
        return np.stack(
            [rng.permutation(row[mask])[:n_kept] for row, mask in zip(numbers, known, strict=True)]
        )
    shuffled: np.ndarray[Any, Any] = numbers.copy()
    for row, mask in zip(shuffled, known, strict=True):
        row[mask] = rng.permutation(row[mask])
    return shuffled


def _random_pearson(
    values: pd.DataFrame, missing: Missing, n_sets: int, rng: np.random.Generator
) -> FloatArray:
    """Pearson correlations of shuffled answers (sets, k, k)."""
    numbers = np.ascontiguousarray(values.to_numpy().T)
    known = ~np.isnan(numbers)
    n_kept = int(known.all(axis=0).sum()) if missing == "listwise" else None
    ready = standardize(numbers)
    ones = known.astype(np.float64)
    matrices = np.empty((n_sets, len(ready), len(ready)))
    for place in range(n_sets):
        drawn = _shuffle(ready, known, n_kept, rng)
        if missing == "pairwise" and not known.all():
            matrices[place] = correlate_pairs(drawn, ones)
            continue
        centered = drawn - drawn.mean(axis=1, keepdims=True)
        products = centered @ centered.T
        spread = np.sqrt(np.diag(products))
        with np.errstate(divide="ignore", invalid="ignore"):
            matrices[place] = products / np.outer(spread, spread)
        np.fill_diagonal(matrices[place], np.where(spread > _NO_SPREAD, 1.0, np.nan))
    return matrices


def _random_polychoric(
    values: pd.DataFrame, missing: Missing, n_sets: int, rng: np.random.Generator
) -> FloatArray:
    """Polychoric correlations of shuffled answers (sets, k, k)."""
    from scoring.factors.polychoric_stacks import solve_polychoric
    from scoring.ordinal import read_codes

    ranks = read_codes(values).ranks
    known = ranks >= 0
    n_kept = int(known.all(axis=0).sum()) if missing == "listwise" else None
    drawn = (_shuffle(ranks, known, n_kept, rng) for _ in range(n_sets))
    return solve_polychoric(drawn, n_sets, int(ranks.max()) + 1)
