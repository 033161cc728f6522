"""Ordered answers as cut normal variables: frequency tables of all pairs, thresholds, correlations and their influences.

Everything is computed from the bivariate frequency tables, which one product of the indicator matrix with itself gives for all
pairs of items at once, so that the cost in respondents is one pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

MAXIMUM_CATEGORIES: Final = 12
# A correlation of 1 has no density between the categories; lavaan stops at the same place.
BOUND: Final = 0.999
# Cells less probable than this are differences of rounding size. lavaan takes the same floor, so that one contradictory
# respondent in an all but impossible cell pulls neither its estimate nor ours.
_FLOOR: Final = float(np.sqrt(np.finfo(np.float64).eps))
_GRADIENT_TOLERANCE: Final = 1e-10
_STEP_TOLERANCE: Final = 1e-11
_ITERATIONS: Final = 100
# Squared scores that sum to less than this are rounding: at a bound, or in a table that is symmetric in all its few cells.
_NO_INFORMATION: Final = 1e-10
# Working memory of one chunk of rows, in numbers.
_CHUNK: Final = 8_000_000


def bivariate_normal_cdf(h: Any, k: Any, rho: Any) -> FloatArray:
    """Compute the probability that two standard normal variables with correlation `rho` lie below `h` and `k`.

    Parameters
    ----------
    h, k : array-like
        Upper limits in standard deviations, infinities allowed; broadcast together with `rho`.
    rho : array-like
        Correlations, -1 to 1, both ends included.

    Returns
    -------
    ndarray
        Probabilities, 0 to 1, right to 1e-12 absolute; NaN where an argument is NaN.

    Notes
    -----
    Owen's decomposition into two of his T functions,
    `P = (Phi(h) + Phi(k) - d)/2 - T(h, (k/h - rho)/s) - T(k, (h/k - rho)/s)`, `s = sqrt(1 - rho^2)`, d = 1 where h and k lie
    on different sides of 0. The same as R's `mvtnorm::pmvnorm` and, to its 1e-8, `pbivnorm::pbivnorm`.

    References
    ----------
    Owen, D. B. (1956). Tables for computing bivariate normal probabilities. Annals of Mathematical Statistics, 27, 1075-1090.
    https://doi.org/10.1214/aoms/1177728074

    Raises
    ------
    ScoringError
        `normal.rho` for a correlation beyond -1 or 1.
    """
    from scipy.special import ndtr

    x, y, r = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (h, k, rho)))
    if (np.abs(r) > 1.0).any():
        raise ScoringError(
            "normal.rho",
            "%(rho)f is no correlation.",
            "Pass correlations from -1 to 1.",
            rho=float(r[np.abs(r) > 1.0].flat[0]),
        )
    below_x, below_y = ndtr(x), ndtr(y)
    # With an infinite limit, or at a correlation of 1 or -1, one variable says all about the pair.
    edge = np.where(r >= 0.0, np.minimum(below_x, below_y), np.maximum(below_x + below_y - 1.0, 0.0))
    special = np.isinf(x) | np.isinf(y) | (np.abs(r) == 1.0)
    inner = _owen_cdf(np.where(special, 1.0, x), np.where(special, 1.0, y), np.where(special, 0.0, r))
    unknown = np.isnan(x) | np.isnan(y) | np.isnan(r)
    result: FloatArray = np.where(unknown, np.nan, np.where(special, edge, inner))
    return result


def _owen_cdf(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    """The bivariate normal distribution function for finite limits and correlations inside -1 and 1."""
    from scipy.special import ndtr, owens_t

    # Adding 0 turns -0 into 0, whose side counts below.
    h, k = h + 0.0, k + 0.0
    root = np.sqrt((1.0 - rho) * (1.0 + rho))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope_h = (k - rho * h) / (h * root)
        slope_k = (h - rho * k) / (k * root)
    apart = (h * k < 0.0) | ((h * k == 0.0) & (h + k < 0.0))
    below_h, below_k = ndtr(h), ndtr(k)
    value = 0.5 * (below_h + below_k - apart) - owens_t(h, slope_h) - owens_t(k, slope_k)
    origin = (h == 0.0) & (k == 0.0)
    value = np.where(origin, 0.25 + np.arcsin(rho) / (2.0 * np.pi), value)
    clipped: FloatArray = np.clip(
        value, np.maximum(below_h + below_k - 1.0, 0.0), np.minimum(below_h, below_k)
    )
    return clipped


@dataclass(frozen=True)
class Codes:
    """Answers as the ranks of their categories, items x respondents; -1 where missing."""

    items: tuple[str, ...]
    ranks: np.ndarray[Any, np.dtype[np.int8]]
    categories: tuple[FloatArray, ...]

    @property
    def k_categories(self) -> IntArray:
        """Number of categories that occur, per item."""
        return np.array([len(codes) for codes in self.categories], dtype=np.intp)


def read_codes(values: pd.DataFrame) -> Codes:
    """Rank the codes of every item; the categories of an item are the codes that occur.

    `values` are float64 with NaN for missing, as `check_numeric_items` gives them.

    Raises
    ------
    ScoringError
        `polychoric.code` for codes between whole numbers, `polychoric.categories` for more than 12 different codes.
    """
    ranks = np.full((values.shape[1], len(values)), -1, dtype=np.int8)
    categories = []
    for number, item in enumerate(values.columns):
        answers = values[item].to_numpy()
        known = ~np.isnan(answers)
        codes = answers if known.all() else answers[known]
        if (codes != np.rint(codes)).any():
            raise ScoringError(
                "polychoric.code",
                "Item %(item)s holds %(value)s, which is no whole option code.",
                "Pass the raw option codes, not scores or means; a measured variable belongs into polyserial_correlations().",
                item=str(item),
                value=float(codes[codes != np.rint(codes)][0]),
            )
        found, places = _rank(codes)
        if len(found) > MAXIMUM_CATEGORIES:
            raise ScoringError(
                "polychoric.categories",
                "Item %(item)s has %(count)d different codes; up to %(maximum)d are taken as ordered categories.",
                "Treat the item as measured, with Pearson or polyserial correlations, or merge neighbouring categories.",
                item=str(item),
                count=len(found),
                maximum=MAXIMUM_CATEGORIES,
            )
        ranks[number, known] = places
        categories.append(found)
    return Codes(tuple(str(item) for item in values.columns), ranks, tuple(categories))


def _rank(codes: FloatArray) -> tuple[FloatArray, IntArray]:
    """The different codes in order, and the place of every answer among them."""
    if not codes.size or codes.max() - codes.min() > 1_000.0:
        found, places = np.unique(codes, return_inverse=True)
        return found, places.reshape(-1)
    # Counting is several times faster than sorting and option codes are small.
    shifted = (codes - codes.min()).astype(np.intp)
    there = np.bincount(shifted) > 0
    return np.flatnonzero(there) + codes.min(), (np.cumsum(there) - 1)[shifted]


@dataclass(frozen=True)
class PairTables:
    """Bivariate frequencies of all pairs of items, on one grid that is wide enough for the item with most categories.

    Attributes
    ----------
    first, second : ndarray (pairs,)
        The two items of each pair, in the order of `np.triu_indices(k, 1)`.
    counts : ndarray (pairs, C, C)
        Respondents in each cell.
    margins : ndarray (k, C)
        Respondents in each category of each item, whether they answered others or not.
    thresholds : ndarray (k, C - 1)
        Normal quantiles of the cumulative margins; infinite beyond the last category of an item.
    """

    first: IntArray
    second: IntArray
    counts: FloatArray
    margins: FloatArray
    thresholds: FloatArray


def tabulate_pairs(codes: Codes) -> PairTables:
    """Count all pairs of items at once; a missing answer leaves its row out of the pairs of that item only.

    Every item needs a respondent.
    """
    from scipy.special import ndtri

    k, width = len(codes.items), int(codes.k_categories.max())
    total = np.zeros((k * width, k * width))
    levels = np.arange(width, dtype=np.int8)[None, :, None]
    # float32 counts whole numbers exactly up to 16 million, far beyond a chunk.
    for chunk in row_chunks(codes.ranks.shape[1], k * width):
        indicator = (codes.ranks[:, None, chunk] == levels).reshape(k * width, -1).astype(np.float32)
        total += indicator @ indicator.T
    cells = total.reshape(k, width, k, width)
    first, second = np.triu_indices(k, 1)
    margins = np.einsum("iaia->ia", cells).copy()
    cumulative = np.cumsum(margins, axis=1)[:, :-1]
    inside = np.arange(1, width) < codes.k_categories[:, None]
    shares = np.where(inside, cumulative / margins.sum(axis=1, keepdims=True), 1.0)
    return PairTables(first, second, cells[first, :, second, :], margins, ndtri(shares))


def row_chunks(n_rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows, each small enough for working memory when it holds `width` numbers a row."""
    size = max(256, min(65_536, _CHUNK // width))
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def count_empty_cells(tables: PairTables, k_categories: IntArray) -> IntArray:
    """Combinations of the two items' categories that nobody gave, per pair."""
    filled = (tables.counts > 0).sum(axis=(1, 2))
    return np.asarray(k_categories[tables.first] * k_categories[tables.second] - filled, dtype=np.intp)


def _fill_fourfold(tables: PairTables, k_categories: IntArray) -> FloatArray:
    """Move half a respondent into the one empty cell of a 2 x 2 table, keeping its margins, as lavaan does."""
    fourfold = (k_categories[tables.first] == 2) & (k_categories[tables.second] == 2)
    empty = (tables.counts[:, :2, :2] == 0).sum(axis=(1, 2))
    chosen = np.flatnonzero(fourfold & (empty == 1))
    if not chosen.size:
        return tables.counts
    counts = tables.counts.copy()
    diagonal = (counts[chosen, 0, 0] == 0) | (counts[chosen, 1, 1] == 0)
    shift = np.where(diagonal, 0.5, -0.5)[:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    counts[chosen, :2, :2] += shift
    return counts


@dataclass(frozen=True)
class _Grid:
    """What a set of pairs needs in every iteration: counts, the two items' limits and what follows from them alone."""

    counts: FloatArray
    rows: FloatArray
    columns: FloatArray
    below_rows: FloatArray
    below_columns: FloatArray

    def take(self, chosen: IntArray) -> "_Grid":
        """The same for some of the pairs."""
        return _Grid(
            *(
                part[chosen]
                for part in (self.counts, self.rows, self.columns, self.below_rows, self.below_columns)
            )
        )


@dataclass(frozen=True)
class _Cells:
    """Log-likelihood, cell probabilities, and the first two derivatives of the probabilities by the correlation."""

    log_likelihood: FloatArray
    probabilities: FloatArray
    slopes: FloatArray
    curvatures: FloatArray

    def derivatives(self, counts: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Gradient, second derivative and expected information of each pair."""
        scores = np.where(self.probabilities > _FLOOR, self.slopes / self.probabilities, 0.0)
        bends = np.where(self.probabilities > _FLOOR, self.curvatures / self.probabilities, 0.0)
        gradient = (counts * scores).sum(axis=(1, 2))
        second = (counts * (bends - scores**2)).sum(axis=(1, 2))
        information = counts.sum(axis=(1, 2)) * (self.slopes * scores).sum(axis=(1, 2))
        return gradient, second, information


def _make_grid(tables: PairTables, counts: FloatArray) -> _Grid:
    """Lay out the limits of every pair, rows by the first item and columns by the second."""
    from scipy.special import ndtr

    rows, columns = tables.thresholds[tables.first], tables.thresholds[tables.second]
    return _Grid(counts, rows, columns, ndtr(rows), ndtr(columns))


def _evaluate(grid: _Grid, rho: FloatArray) -> _Cells:
    """Cell probabilities and their derivatives at the given correlations."""
    pairs, inner = grid.rows.shape
    finite = np.isfinite(grid.rows)[:, :, None] & np.isfinite(grid.columns)[:, None, :]
    u = np.where(finite, grid.rows[:, :, None], 0.0)
    v = np.where(finite, grid.columns[:, None, :], 0.0)
    r = rho[:, None, None]

    below = np.zeros((pairs, inner + 2, inner + 2))
    # A limit beyond the last category is infinite, where the distribution function is that of the other item alone.
    edge = np.minimum(grid.below_rows[:, :, None], grid.below_columns[:, None, :])
    below[:, 1:-1, 1:-1] = np.where(finite, _owen_cdf(u, v, np.broadcast_to(r, u.shape)), edge)
    below[:, 1:-1, -1] = grid.below_rows
    below[:, -1, 1:-1] = grid.below_columns
    below[:, -1, -1] = 1.0
    probabilities = np.maximum(_difference(below), _FLOOR)

    spread = 1.0 - r * r
    square = u * u - 2.0 * r * u * v + v * v
    density = np.where(finite, np.exp(-0.5 * square / spread) / (2.0 * np.pi * np.sqrt(spread)), 0.0)
    bend = density * (u * v * spread - r * square + r * spread) / spread**2
    slopes, curvatures = (_difference(np.pad(part, ((0, 0), (1, 1), (1, 1)))) for part in (density, bend))
    log_likelihood = (grid.counts * np.log(probabilities)).sum(axis=(1, 2))
    return _Cells(log_likelihood, probabilities, slopes, curvatures)


def _difference(below: FloatArray) -> FloatArray:
    """Rectangles from values at their corners."""
    return np.diff(np.diff(below, axis=1), axis=2)


@dataclass(frozen=True)
class PairSolution:
    """Correlations of all pairs with what their standard errors need.

    Attributes
    ----------
    correlations : ndarray (pairs,)
        NaN where a pair has no respondents or one of its items does not vary among them.
    solved, at_bound, defined, informed : ndarray of bool (pairs,)
        Whether the gradient vanished and means something, whether the correlation stopped at -.999 or .999, whether there is one
        at all, whether the table says anything about it.
    probabilities, scores : ndarray (pairs, C, C)
        Cell probabilities and the derivatives of their logarithms by the correlation.
    information : ndarray (pairs,)
        Sum of squared scores.
    """

    correlations: FloatArray
    solved: BoolArray
    at_bound: BoolArray
    defined: BoolArray
    informed: BoolArray
    probabilities: FloatArray
    scores: FloatArray
    information: FloatArray


def solve_pairs(tables: PairTables, k_categories: IntArray) -> PairSolution:
    """Maximize the likelihood of every pair's table over its correlation, thresholds held at those of the margins.

    All pairs take their Newton steps together, starting at Pearson's correlation of the ranks; a step that would lower the
    likelihood is halved, and where the likelihood bends upwards the expected information takes the place of the observed one.
    A pair is finished when its gradient per respondent is below 1e-10.
    """
    counts = _fill_fourfold(tables, k_categories)
    grid = _make_grid(tables, counts)
    respondents = counts.sum(axis=(1, 2))
    varies = [((counts.sum(axis=axis) > 0).sum(axis=1) > 1) for axis in (1, 2)]
    defined: BoolArray = varies[0] & varies[1]
    rho = np.where(defined, np.clip(_rank_correlations(counts), -0.95, 0.95), 0.0)
    cells = _evaluate(grid, rho)
    probabilities, slopes, best = cells.probabilities, cells.slopes, cells.log_likelihood.copy()
    step, finished = _propose(cells, counts, rho, respondents)
    finished |= ~defined
    for _ in range(_ITERATIONS):
        active = np.flatnonzero(~finished)
        if not active.size:
            break
        candidate = np.clip(rho[active] + step[active], -BOUND, BOUND)
        part = grid.take(active)
        cells = _evaluate(part, candidate)
        better = cells.log_likelihood >= best[active] - 1e-12 * np.abs(best[active])
        new_step, done = _propose(cells, part.counts, candidate, respondents[active])
        kept = active[better]
        rho[kept], best[kept] = candidate[better], cells.log_likelihood[better]
        probabilities[kept], slopes[kept] = cells.probabilities[better], cells.slopes[better]
        step[active] = np.where(better, new_step, 0.5 * step[active])
        finished[active] = (better & done) | (np.abs(step[active]) < _STEP_TOLERANCE)
    at_bound = defined & (np.abs(rho) >= BOUND)
    scores = np.where(probabilities > _FLOOR, slopes / probabilities, 0.0)
    information = np.where(defined, (tables.counts * scores**2).sum(axis=(1, 2)), 0.0)
    informed = information > _NO_INFORMATION
    return PairSolution(
        np.where(defined, rho, np.nan),
        finished & ~at_bound & informed,
        at_bound,
        defined,
        informed,
        probabilities,
        scores,
        information,
    )


def _rank_correlations(counts: FloatArray) -> FloatArray:
    """Pearson's correlation of the category numbers of each table; 0 where there is none."""
    place = np.arange(counts.shape[1], dtype=np.float64)
    n = np.maximum(counts.sum(axis=(1, 2)), 1.0)
    rows, columns = counts.sum(axis=2) / n[:, None], counts.sum(axis=1) / n[:, None]
    mean_r, mean_c = rows @ place, columns @ place
    product = np.einsum("pab,a,b->p", counts, place, place) / n - mean_r * mean_c
    spread = np.sqrt(np.maximum((rows @ place**2 - mean_r**2) * (columns @ place**2 - mean_c**2), 0.0))
    return np.divide(product, spread, out=np.zeros_like(product), where=spread > 1e-12)


def _propose(
    cells: _Cells, counts: FloatArray, rho: FloatArray, respondents: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """The next step of each pair, and whether it has arrived: at a maximum, or at a bound that it would cross."""
    gradient, second, information = cells.derivatives(counts)
    curvature = np.where(second < 0.0, -second, np.maximum(information, 1e-8))
    outward = (np.abs(rho) >= BOUND) & (gradient * rho > 0.0)
    done = (np.abs(gradient) <= _GRADIENT_TOLERANCE * np.maximum(respondents, 1.0)) | outward
    return gradient / curvature, done


@dataclass(frozen=True)
class PairInfluences:
    """How much one more respondent in a category or cell moves an estimate, times the number of respondents.

    Attributes
    ----------
    thresholds : ndarray (k, C, C - 1)
        `[i, a, t]`: pull of category a on threshold t of item i; divided by the respondents of item i.
    cells : ndarray (pairs, C, C)
        Pull of a cell on the correlation through the pair's own score, before division by the pair's information.
    rows, columns : ndarray (pairs, C)
        What the estimated thresholds of the first and second item take off it.
    """

    thresholds: FloatArray
    cells: FloatArray
    rows: FloatArray
    columns: FloatArray


def threshold_influences(margins: FloatArray, thresholds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Influence of each category on each threshold of its item (k, C, C - 1), and the normal density there (k, C - 1).

    The thresholds of an item are those of its margins, so their block of A is inverted in closed form:
    `(1{a <= t} - P_t) / phi(tau_t)`. Zero, and a density of one, beyond the last category.
    """
    inside = np.isfinite(thresholds)
    density = np.where(
        inside, np.exp(-0.5 * np.where(inside, thresholds, 0.0) ** 2) / np.sqrt(2.0 * np.pi), 1.0
    )
    shares = np.cumsum(margins, axis=1)[:, :-1] / margins.sum(axis=1, keepdims=True)
    inner = thresholds.shape[1]
    at_most = np.arange(inner + 1)[:, None] <= np.arange(inner)[None, :]
    pulls = np.where(inside[:, None, :], (at_most[None] - shares[:, None, :]) / density[:, None, :], 0.0)
    return pulls, density


def pair_influences(tables: PairTables, solution: PairSolution) -> PairInfluences:
    """Derive the influence of each category and cell, as in Muthen's sandwich A^-1 B A^-1'."""
    limits = tables.thresholds
    n_items = tables.margins.sum(axis=1)
    thresholds, density = threshold_influences(tables.margins, limits)
    weights = tables.counts * solution.scores / solution.probabilities
    rho = np.where(solution.defined, solution.correlations, 0.0)
    pulls = []
    for item, other, weight in (
        (tables.first, tables.second, weights),
        (tables.second, tables.first, weights.transpose(0, 2, 1)),
    ):
        strip = _strips(limits[item], limits[other], density[item], rho)
        cross = (strip * -np.diff(weight, axis=1)).sum(axis=2)
        pulls.append(np.einsum("pat,pt->pa", thresholds[item], cross / n_items[item][:, None]))
    return PairInfluences(thresholds, solution.scores, pulls[0], pulls[1])


def _strips(limits: FloatArray, others: FloatArray, density: FloatArray, rho: FloatArray) -> FloatArray:
    """Derivative of the probability below a threshold and inside each category of the other item: (pairs, C - 1, C)."""
    from scipy.special import ndtr

    inside = np.isfinite(limits)
    root = np.sqrt(1.0 - rho**2)[:, None, None]
    at = np.where(inside, limits, 0.0)
    below = ndtr((others[:, None, :] - rho[:, None, None] * at[:, :, None]) / root)
    full = np.concatenate([np.zeros((*at.shape, 1)), below, np.ones((*at.shape, 1))], axis=2)
    strips: FloatArray = np.where(inside[:, :, None], density[:, :, None] * np.diff(full, axis=2), 0.0)
    return strips


def pair_variances(tables: PairTables, solution: PairSolution, influences: PairInfluences) -> FloatArray:
    """Sampling variance of each pair's correlation, from the tables alone; NaN where there is no information.

    Respondents who answered only one item of a pair still moved that item's thresholds, which counts too.
    """
    both = influences.cells - influences.rows[:, :, None] - influences.columns[:, None, :]
    alone_first = tables.margins[tables.first] - tables.counts.sum(axis=2)
    alone_second = tables.margins[tables.second] - tables.counts.sum(axis=1)
    total = (
        (tables.counts * both**2).sum(axis=(1, 2))
        + (alone_first * influences.rows**2).sum(axis=1)
        + (alone_second * influences.columns**2).sum(axis=1)
    )
    variances = np.full(len(total), np.nan)
    known = solution.informed
    variances[known] = total[known] / solution.information[known] ** 2
    return variances


def fisher_interval(
    correlations: FloatArray, errors: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Interval of each correlation on Fisher's z scale, where its standard error is `se / (1 - r^2)`."""
    from scipy.special import ndtri

    reach = ndtri(0.5 + 0.5 * confidence) * errors / (1.0 - correlations**2)
    center = np.arctanh(correlations)
    return np.tanh(center - reach), np.tanh(center + reach)


def check_options(statistic: str, missing: str, confidence: float) -> None:
    """Refuse a missing-data rule that does not exist and a confidence that is none."""
    if missing not in {"listwise", "pairwise"}:
        raise ScoringError(
            f"{statistic}.missing",
            "“%(missing)s” is no rule for missing answers.",
            "Use “listwise” or “pairwise”.",
            missing=str(missing),
        )
    if not 0.0 < confidence < 1.0:
        raise ScoringError(
            f"{statistic}.confidence",
            "%(confidence)s is no confidence.",
            "Pass a number between 0 and 1, such as .95.",
            confidence=float(confidence),
        )


def split_thresholds(tables: PairTables, k_categories: IntArray) -> tuple[FloatArray, ...]:
    """The thresholds of each item without the padding."""
    return tuple(
        limits[: count - 1].copy() for limits, count in zip(tables.thresholds, k_categories, strict=True)
    )


def fill_matrix(values: FloatArray, k: int, diagonal: float) -> FloatArray:
    """A symmetric matrix from the values of its pairs."""
    matrix = np.full((k, k), diagonal)
    first, second = np.triu_indices(k, 1)
    matrix[first, second] = matrix[second, first] = values
    return matrix


def name_pairs(items: tuple[str, ...], tables: PairTables, counts: IntArray) -> dict[tuple[str, str], int]:
    """The pairs that count something, by their items' names."""
    return {
        (items[tables.first[pair]], items[tables.second[pair]]): int(counts[pair])
        for pair in np.flatnonzero(counts > 0)
    }


_HOLE = N_(
    "Nobody used code %(code)d of item %(item)s, so the categories next to it are taken as neighbours."
)
_FEW = N_("There are no more usable rows (%(n)d) than items (%(k)d), so the correlations are hardly known.")
_BOUND_NOTE = N_(
    "The correlation of %(item)s and %(other)s stops at its bound: the two answer alike almost without exception."
)
_UNSOLVED = N_(
    "The correlation of %(item)s and %(other)s was not found exactly, so it has no standard error."
)
_UNINFORMED = N_(
    "The answers to %(item)s and %(other)s say nothing about their correlation, so it has no standard error."
)
_UNDEFINED = N_(
    "%(item)s and %(other)s have no correlation: among those who answered both, one of them does not vary."
)


def describe_codes(ranked: Codes, n_used: int) -> tuple[Note, ...]:
    """Notes on codes that nobody used between others, and on fewer rows than items."""
    notes = []
    for item, codes in zip(ranked.items, ranked.categories, strict=True):
        gaps = np.flatnonzero(np.diff(codes) > 1.0)
        if gaps.size:
            notes.append(Note("polychoric.hole", _HOLE, {"item": item, "code": int(codes[gaps[0]]) + 1}))
    if n_used <= len(ranked.items):
        notes.append(Note("polychoric.few", _FEW, {"n": n_used, "k": len(ranked.items)}))
    return tuple(notes)


def describe_pairs(items: tuple[str, ...], tables: PairTables, solution: PairSolution) -> tuple[Note, ...]:
    """Notes on the pairs whose correlation was bounded, not found, or does not exist."""
    notes = []
    for pair in np.flatnonzero(~solution.solved):
        params = {"item": items[tables.first[pair]], "other": items[tables.second[pair]]}
        if not solution.defined[pair]:
            notes.append(Note("polychoric.undefined", _UNDEFINED, params))
        elif solution.at_bound[pair]:
            notes.append(Note("polychoric.bound", _BOUND_NOTE, params))
        elif not solution.informed[pair]:
            notes.append(Note("polychoric.uninformed", _UNINFORMED, params))
        else:
            notes.append(Note("polychoric.unsolved", _UNSOLVED, params))
    return tuple(notes)
