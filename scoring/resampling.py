"""Bootstrap of statistics that need covariances only: people, or whole pairs, are drawn again as weights on their cross-products.

One pass over the rows makes a cluster's number of rows, sums and sums of products; every draw after that is a weighted sum of
these, and all draws together are one product of matrices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.reliability import (
    FloatArray,
    alpha_from_covariance,
    check_confidence,
    find_problem,
    negative_alpha,
    normal_quantile,
    pairwise_covariance,
)

IntArray = np.ndarray[Any, np.dtype[np.intp]]
BootstrapInterval = Literal["normal", "percentile"]

# Below this number of independent clusters a percentile interval is too narrow (measurement plan, sections 4.1 and 6.3).
PERCENTILE_MINIMUM: Final = 100
MINIMUM_CLUSTERS: Final = 5
# More clusters than this are put into so many blocks at random, which are drawn whole.
BLOCKS: Final = 20_000
# Draws that cannot be computed are told about; from this share on there is no interval.
_FAILED: Final = 0.10
# Numbers held at once by the weights of one chunk of draws.
_CHUNK: Final = 4_000_000


@dataclass(frozen=True)
class ClusterMoments:
    """What a bootstrap needs to know of complete rows: for each cluster (or block of clusters) rows, sums and products.

    Attributes
    ----------
    counts : ndarray (m,)
        Rows of each block.
    sums : ndarray (m, k)
        Of the centred items.
    products : ndarray (m, k (k + 1) / 2)
        Of the centred items, pairs in the order of `np.triu_indices(k)`.
    k_items, n_rows, n_clusters : int
        `n_clusters` independent units; `m` is smaller where they were put into blocks.
    """

    counts: FloatArray
    sums: FloatArray
    products: FloatArray
    k_items: int
    n_rows: int
    n_clusters: int

    @property
    def blocked(self) -> bool:
        """Whether clusters were put together into blocks."""
        return len(self.counts) < self.n_clusters


def cluster_moments(
    values: FloatArray, clusters: IntArray | None, rng: np.random.Generator, *, largest: int = BLOCKS
) -> ClusterMoments:
    """Sum complete rows up by cluster.

    Parameters
    ----------
    values : ndarray (n, k)
        Complete rows.
    clusters : ndarray (n,) of int or None
        Codes 0 to n_clusters - 1; None makes each row a cluster of its own.
    rng : numpy Generator
        Puts clusters into blocks where there are more than `largest`.
    largest : int, default 20000
        Blocks at most. Blocks are sums over random clusters, so drawing them whole gives resampled sums of the same expected
        variance as drawing clusters; what the cost of a draw no longer grows with is the number of respondents.

    Returns
    -------
    ClusterMoments
    """
    n, k = values.shape
    centred = values - values.mean(axis=0)
    codes = np.arange(n) if clusters is None else clusters
    n_clusters = n if clusters is None else int(codes.max(initial=-1)) + 1
    if n_clusters > largest:
        # Blocks of equal size up to one cluster, each a random set of clusters.
        codes = rng.permutation(n_clusters)[codes] % largest
    m = min(n_clusters, largest)
    first, second = np.triu_indices(k)
    if clusters is None and m == n:
        return ClusterMoments(np.ones(n), centred, centred[:, first] * centred[:, second], k, n, n)
    counts = np.bincount(codes, minlength=m)
    ends = np.cumsum(counts)
    order = np.argsort(codes, kind="stable")
    sums, products = np.empty((m, k)), np.empty((m, len(first)))
    block, per_chunk = 0, max(1, _CHUNK // len(first))
    while block < m:
        # Whole blocks, about as many rows as fit into a chunk; every block has a row, so no segment is empty.
        begin = ends[block] - counts[block]
        after = max(block + 1, int(np.searchsorted(ends, begin + per_chunk, side="right")))
        rows = centred[order[begin : ends[after - 1]]]
        starts = ends[block:after] - counts[block:after] - begin
        sums[block:after] = np.add.reduceat(rows, starts, axis=0)
        products[block:after] = np.add.reduceat(rows[:, first] * rows[:, second], starts, axis=0)
        block = after
    return ClusterMoments(counts.astype(np.float64), sums, products, k, n, n_clusters)


def resample_covariances(moments: ClusterMoments, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Return the covariance matrices (n - 1) of `n_draws` bootstrap samples of whole clusters: (n_draws, k, k).

    A sample of clusters whose rows number fewer than two has no covariance and is NaN.
    """
    m, k = len(moments.counts), moments.k_items
    table = np.concatenate([moments.counts[:, None], moments.sums, moments.products], axis=1)
    drawn = np.empty((n_draws, table.shape[1]))
    step = max(1, _CHUNK // m)
    for begin in range(0, n_draws, step):
        size = min(step, n_draws - begin)
        picks = rng.integers(0, m, size=(size, m)) + np.arange(size)[:, None] * m
        weights = np.bincount(picks.ravel(), minlength=size * m).reshape(size, m)
        drawn[begin : begin + size] = weights.astype(np.float64) @ table
    n, sums = drawn[:, 0], drawn[:, 1 : k + 1]
    first, second = np.triu_indices(k)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = drawn[:, k + 1 :] - sums[:, first] * sums[:, second] / n[:, None]
        scaled = np.where(n[:, None] >= 2, centred / (n[:, None] - 1.0), np.nan)
    covariances = np.empty((n_draws, k, k))
    covariances[:, first, second] = scaled
    covariances[:, second, first] = scaled
    return covariances


def wishart_covariances(covariance: FloatArray, n: int, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Return covariance matrices (n - 1) of `n_draws` samples of n normal rows with this covariance: (n_draws, k, k).

    By Bartlett's decomposition, so that the cost does not depend on n. Bartlett, M. S. (1933). On the theory of statistical
    regression. Proceedings of the Royal Society of Edinburgh, 53, 260-283. Raises ScoringError `wishart.covariance` for a matrix
    that is not positive definite, or no more rows than items.
    """
    k = len(covariance)
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        root = None
    if root is None or n <= k:
        raise ScoringError(
            "wishart.covariance",
            "No normal samples can be drawn from these covariances of %(k)d items and %(n)d rows.",
            "Pass a positive definite matrix of fewer items than rows.",
            k=k,
            n=n,
        )
    factor = np.zeros((n_draws, k, k))
    below = np.tril_indices(k, -1)
    factor[:, below[0], below[1]] = rng.normal(size=(n_draws, len(below[0])))
    degrees = n - 1.0 - np.arange(k)
    factor[:, range(k), range(k)] = np.sqrt(rng.chisquare(degrees, size=(n_draws, k)))
    root_draws = root @ factor
    return root_draws @ root_draws.transpose(0, 2, 1) / (n - 1.0)


def normal_interval(value: float, draws: FloatArray, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return standard error, low and high end of `value +- z sd(draws)`: the normal-theory bootstrap of Padilla & Divers.

    NaN among the draws is left out. https://doi.org/10.1177/0013164413492765
    """
    error = float(np.nanstd(draws, ddof=1))
    half = normal_quantile(confidence) * error
    return error, value - half, value + half


def percentile_interval(draws: FloatArray, n_clusters: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of resampled values, NaN among them left out.

    Raises
    ------
    ScoringError
        `bootstrap.percentile` below 100 independent clusters, where it is too narrow: no result may rest on it there.
    """
    if n_clusters < PERCENTILE_MINIMUM:
        raise ScoringError(
            "bootstrap.percentile",
            "A percentile interval needs at least %(minimum)d independent pairs or people; there are %(n)d.",
            "Use the normal interval, which rests on the standard deviation of the draws only.",
            minimum=PERCENTILE_MINIMUM,
            n=n_clusters,
        )
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(draws, [tail, 1.0 - tail]).tolist()
    return low, high


@dataclass(frozen=True)
class BootstrapResult:
    """A statistic with an interval from resampled clusters.

    Attributes
    ----------
    value : float or None
        The statistic of the data themselves; None when it is not defined, and a note says why.
    standard_error, low, high : float or None
        Standard deviation of the draws, and the interval at `confidence`.
    draws : ndarray (n_draws,)
        The resampled values, NaN where one could not be computed; empty when nothing was drawn.
    interval : "normal" or "percentile"
    confidence : float
    n_used, n_dropped : int
        Complete rows, and rows left out for a missing answer.
    n_clusters : int
        Independent pairs or people among the rows used.
    n_failed : int
        Draws that could not be computed.
    k_items : int
    converged : bool
        False when there is no value or no interval.
    notes : tuple of Note
    """

    value: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    draws: FloatArray
    interval: BootstrapInterval
    confidence: float
    n_used: int
    n_dropped: int
    n_clusters: int
    n_failed: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


_FEW = N_("Only %(n)d independent pairs or people: too few to draw from.")
_SOME_FAILED = N_("%(failed)d of %(draws)d resampled data sets gave no value and are left out.")
_MANY_FAILED = N_("%(failed)d of %(draws)d resampled data sets gave no value, so there is no interval.")
_BLOCKED = N_("The %(n)d pairs or people were drawn in %(blocks)d random blocks.")


@dataclass(frozen=True)
class DrawnInterval:
    """Standard error and ends of an interval from draws, None where there is none, and what is to be said about it."""

    standard_error: float | None
    low: float | None
    high: float | None
    n_failed: int
    notes: tuple[Note, ...]


def summarise_draws(
    value: float, draws: FloatArray, n_clusters: int, interval: BootstrapInterval, confidence: float
) -> DrawnInterval:
    """Make an interval of draws; none where more than a tenth of them failed. Raises what `percentile_interval` raises."""
    failed = int((~np.isfinite(draws)).sum())
    params = {"failed": failed, "draws": len(draws)}
    if len(draws) - failed < 2 or failed > _FAILED * len(draws):
        return DrawnInterval(None, None, None, failed, (Note("bootstrap.failed", _MANY_FAILED, params),))
    usable = draws[np.isfinite(draws)]
    error, low, high = normal_interval(value, usable, confidence)
    if interval == "percentile":
        low, high = percentile_interval(usable, n_clusters, confidence)
    notes = (Note("bootstrap.some_failed", _SOME_FAILED, params),) if failed else ()
    return DrawnInterval(error, low, high, failed, notes)


def bootstrap_alpha(
    items: pd.DataFrame,
    *,
    clusters: pd.Series | None = None,
    n_draws: int = 1000,
    seed: int,
    interval: BootstrapInterval = "normal",
    confidence: float = 0.95,
) -> BootstrapResult:
    """Compute Cronbach's alpha with an interval that knows that the two partners of a pair are alike.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values, any unit; both roles may stand below one another when `clusters` names the pairs.
    clusters : Series with the index of `items`, optional
        What is drawn whole, for example the pair; None draws rows.
    n_draws : int, default 1000
        At least 2.
    seed : int
        The same seed gives the same draws.
    interval : "normal" or "percentile", default "normal"
        `value +- z sd(draws)`, or quantiles of the draws (100 clusters or more).
    confidence : float, default .95
        Coverage, between 0 and 1.

    Returns
    -------
    BootstrapResult
        With `value` None where `cronbach_alpha` has none, and without interval below five clusters.

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise) before anything else.

    Each draw is `k/(k - 1) (1 - tr C / sum C)` of the covariances of clusters drawn with replacement, as many as there are. Above
    20,000 clusters these are put into 20,000 random blocks first, which a note tells.

    The same draws of rows as R's `boot::boot(x, function(d, i) psych::alpha(d[i, ])$total$raw_alpha, R)`, up to their randomness.

    Raises
    ------
    ScoringError
        What `cronbach_alpha` raises; `bootstrap.draws` for fewer than two draws; `bootstrap.clusters` for clusters that do not
        belong to the rows or are missing; `bootstrap.percentile` for a percentile interval below 100 clusters.
    """
    values = check_numeric_items(items, "alpha")
    check_confidence(confidence, "alpha")
    codes = prepare_draws(values, clusters, n_draws)
    complete = values.notna().all(axis=1).to_numpy()
    kept = values.to_numpy()[complete]
    codes = renumber(codes, complete)
    n_clusters = len(kept) if codes is None else int(codes.max(initial=-1)) + 1
    if interval == "percentile":
        percentile_interval(np.zeros(2), n_clusters, confidence)
    problem = find_problem(values.iloc[complete])
    value = None if problem else float(alpha_from_covariance(pairwise_covariance(kept)))
    drawn, draws = DrawnInterval(None, None, None, 0, ()), np.empty(0)
    notes = negative_alpha(value) if problem is None else (problem,)
    if value is not None and n_clusters >= MINIMUM_CLUSTERS:
        rng = np.random.default_rng(seed)
        draws, more = draw_statistic(kept, codes, n_draws, rng, alpha_from_covariance)
        drawn = summarise_draws(value, draws, n_clusters, interval, confidence)
        notes += drawn.notes + more
    elif value is not None:
        notes += (Note("bootstrap.few", _FEW, {"n": n_clusters}),)
    return BootstrapResult(
        value=value,
        standard_error=drawn.standard_error,
        low=drawn.low,
        high=drawn.high,
        draws=draws,
        interval=interval,
        confidence=confidence,
        n_used=len(kept),
        n_dropped=len(values) - len(kept),
        n_clusters=n_clusters,
        n_failed=drawn.n_failed,
        k_items=values.shape[1],
        converged=drawn.low is not None,
        notes=notes,
    )


def draw_statistic(
    rows: FloatArray,
    codes: IntArray | None,
    n_draws: int,
    rng: np.random.Generator,
    statistic: Callable[[FloatArray], FloatArray],
) -> tuple[FloatArray, tuple[Note, ...]]:
    """Resample complete rows by cluster and compute a statistic of each stack of covariances; with a note on blocks."""
    moments = cluster_moments(rows, codes, rng)
    draws = statistic(resample_covariances(moments, n_draws, rng))
    if not moments.blocked:
        return draws, ()
    params = {"n": moments.n_clusters, "blocks": len(moments.counts)}
    return draws, (Note("bootstrap.blocks", _BLOCKED, params),)


def prepare_draws(values: pd.DataFrame, clusters: pd.Series | None, n_draws: int) -> IntArray | None:
    """Check the number of draws and the clusters of a table; return the clusters' codes, one per row.

    Raises ScoringError `bootstrap.draws` below two draws, `bootstrap.clusters` where clusters do not belong to the rows.
    """
    if n_draws < 2:
        raise ScoringError(
            "bootstrap.draws",
            "%(n)d resampled data sets give no interval.",
            "Ask for 1000 or more.",
            n=n_draws,
        )
    if clusters is None:
        return None
    if len(clusters) != len(values) or not clusters.index.equals(values.index) or clusters.isna().any():
        raise ScoringError(
            "bootstrap.clusters",
            "The clusters do not name one pair for every row of the items.",
            "Pass a Series with the index of the items and no missing value.",
        )
    codes, _ = pd.factorize(clusters)
    return codes.astype(np.intp)


def renumber(codes: IntArray | None, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> IntArray | None:
    """Codes of the rows kept, numbered from 0 without gaps; None stays None."""
    if codes is None:
        return None
    return np.unique(codes[kept], return_inverse=True)[1].astype(np.intp)
