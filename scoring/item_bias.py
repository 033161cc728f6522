"""The engine behind item bias: what people are matched on, and the three nested regressions of all items at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.effects import FloatArray
from scoring.graded_response import fit_graded_response
from scoring.proportional_odds import (
    BoolArray,
    IntArray,
    OddsFits,
    count_cells,
    fit_proportional_odds,
    null_log_likelihood,
)

# Numbers of the largest table of cells that is fitted in one go; more items are fitted one after the other.
_LARGEST_TABLE = 2_000_000


@dataclass(frozen=True)
class ItemCodes:
    """Complete answers in the form that the engine counts.

    Attributes
    ----------
    values : array (n, k)
        Keyed values.
    codes : array (n, k)
        Their categories 0, 1, ... in rising order, every one of them used.
    widths : array (k,)
        Categories of each item.
    groups : array (n,)
        Group 0 (the reference), 1, ...
    n_groups : int
    """

    values: FloatArray
    codes: IntArray
    widths: IntArray
    groups: IntArray
    n_groups: int

    @property
    def n(self) -> int:
        """Respondents."""
        return len(self.values)

    @property
    def k(self) -> int:
        """Items."""
        return self.values.shape[1]


@dataclass(frozen=True)
class BiasFits:
    """Three nested models of each item: M1 trait, M2 trait and group, M3 and their product too; NaN where not defined.

    Attributes
    ----------
    log_likelihood : array (k, 4)
        Of thresholds alone, M1, M2, M3.
    log_odds, errors : arrays (k, groups - 1)
        Of each group beside the reference in M2, and their standard errors.
    slope_differences : array (k, groups - 1)
        Of the trait's slope in M3.
    identified, separated, converged : arrays of bool (k,)
        Whether all three models tell their effects apart; whether one of them has no finite slope; whether all have a maximum.
    """

    log_likelihood: FloatArray
    log_odds: FloatArray
    errors: FloatArray
    slope_differences: FloatArray
    identified: BoolArray
    separated: BoolArray
    converged: BoolArray


def rest_scores(data: ItemCodes, matching: Sequence[int]) -> FloatArray:
    """Return the sum of the matching items for each respondent and studied item, which is never part of its own sum."""
    matched = np.zeros(data.k)
    matched[list(matching)] = 1.0
    return (data.values @ matched)[:, None] - data.values * matched


def theta_scores(data: ItemCodes, matching: Sequence[int]) -> tuple[FloatArray, bool]:
    """Return graded-response traits (the same for every studied item), and whether the model converged.

    Items that are not in `matching` have parameters of their own in each group, so that they say something about the trait
    without linking the groups.
    """
    columns = [data.codes[:, item] for item in matching]
    for item in sorted(set(range(data.k)) - set(matching)):
        for group in range(data.n_groups):
            own = np.full(data.n, -1, dtype=np.int64)
            inside = data.groups == group
            used, own[inside] = np.unique(data.codes[inside, item], return_inverse=True)
            if len(used) >= 2:
                columns.append(own)
    patterns, places, counts = np.unique(
        np.column_stack(columns), axis=0, return_inverse=True, return_counts=True
    )
    fit = fit_graded_response(patterns, counts.astype(np.float64))
    return np.repeat(fit.traits[places.ravel()][:, None], data.k, axis=1), fit.converged


def fit_item_bias(data: ItemCodes, traits: FloatArray, items: Sequence[int]) -> BiasFits:
    """Fit the three models to each of `items` at the traits (n, k) that people are matched on.

    The cost in respondents is one count of each item's answers by trait and group: the regressions see the cells only.
    """
    others = max(data.n_groups - 1, 0)
    result = BiasFits(
        np.full((data.k, 4), np.nan),
        *(np.full((data.k, others), np.nan) for _ in range(3)),
        *(np.zeros(data.k, dtype=bool) for _ in range(3)),
    )
    for chosen, counts, design in _batches(data, traits, items):
        _fit_batch(result, np.array(chosen), counts, design, others)
    return result


def _fit_batch(
    result: BiasFits, chosen: IntArray, counts: FloatArray, design: FloatArray, others: int
) -> None:
    """Fit the three models to items with the same number of categories, each from where the one before ended."""
    fits: list[OddsFits] = []
    for width in (1, 1 + others, 1 + 2 * others):
        start = None
        if fits:
            added = np.zeros((len(chosen), width - fits[-1].slopes.shape[1]))
            start = (fits[-1].thresholds, np.concatenate([fits[-1].slopes, added], axis=1))
        fits.append(fit_proportional_odds(counts, design[:, :, :width], start))
    result.log_likelihood[chosen, 0] = null_log_likelihood(counts.sum(axis=1))
    for place, fit in enumerate(fits):
        result.log_likelihood[chosen, place + 1] = fit.log_likelihood
    grouped, crossed = fits[1], fits[2]
    finite, finite_crossed = grouped.converged, crossed.converged
    result.log_odds[chosen[finite]] = grouped.slopes[finite, 1:]
    variances = np.einsum("bii->bi", grouped.covariance)[:, -others:]
    result.errors[chosen[finite]] = np.sqrt(variances[finite])
    result.slope_differences[chosen[finite_crossed]] = crossed.slopes[finite_crossed, 1 + others :]
    result.identified[chosen] = np.all([fit.identified for fit in fits], axis=0)
    result.separated[chosen] = np.any([fit.separated for fit in fits], axis=0)
    result.converged[chosen] = np.all([fit.converged for fit in fits], axis=0)


def _batches(
    data: ItemCodes, traits: FloatArray, items: Sequence[int]
) -> Iterator[tuple[list[int], FloatArray, FloatArray]]:
    """Items of the same number of categories with their cells, as many at once as a table of middling size holds."""
    for width in np.unique(data.widths[list(items)]):
        batch: list[tuple[int, FloatArray, FloatArray]] = []
        for item in items:
            if data.widths[item] != width:
                continue
            batch.append((item, *_cells(data, traits[:, item], item)))
            longest = max(len(counts) for _, counts, _ in batch)
            if len(batch) * longest * int(width) > _LARGEST_TABLE:
                yield _stack(batch)
                batch = []
        if batch:
            yield _stack(batch)


def _cells(data: ItemCodes, trait: FloatArray, item: int) -> tuple[FloatArray, FloatArray]:
    """Answers to one item counted by trait and group, and the predictors of each cell."""
    levels, places = np.unique(trait, return_inverse=True)
    n_cells = len(levels) * data.n_groups
    counts = count_cells(
        places * data.n_groups + data.groups, data.codes[:, item], n_cells, int(data.widths[item])
    )
    standing = np.repeat(levels, data.n_groups)[:, None]
    dummies = np.tile(np.eye(data.n_groups)[:, 1:], (len(levels), 1))
    design = np.concatenate([standing, dummies, standing * dummies], axis=1)
    used = counts.sum(axis=1) > 0
    return counts[used], design[used]


def _stack(batch: list[tuple[int, FloatArray, FloatArray]]) -> tuple[list[int], FloatArray, FloatArray]:
    """Tables of different length in one array, filled up with cells of nobody."""
    longest = max(len(counts) for _, counts, _ in batch)
    counts = np.zeros((len(batch), longest, batch[0][1].shape[1]))
    design = np.zeros((len(batch), longest, batch[0][2].shape[1]))
    for place, (_, counted, predictors) in enumerate(batch):
        counts[place, : len(counted)], design[place, : len(counted)] = counted, predictors
    return [item for item, _, _ in batch], counts, design
