"""Large units made small: parts of a unit that are alike are replaced by their mean and by their deviations from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scoring.mixed.units import (
    Array,
    Effects,
    IntArray,
    number_sequences,
    order_rows,
    rank_within,
    row_kinds,
)

# Units of fewer rows gain nothing.
_LARGE: Final = 16


@dataclass(frozen=True)
class Reduced:
    """Rows of smaller units with the same likelihood.

    Attributes
    ----------
    values, units, effects
        As in `group_units`.
    weights : ndarray (units,)
        How often each unit counts: the deviations of s alike parts from their mean are s units that count (s - 1)/s each.
    n_whole : int
        The first so many units are the original ones.
    """

    values: Array
    units: IntArray
    effects: list[Effects]
    weights: Array
    n_whole: int


def reduce_units(values: Array, units: IntArray, effects: Sequence[Effects]) -> Reduced:
    """Return the same model with smaller units, where units are large and have parts that are alike.

    Parameters
    ----------
    values, units, effects
        As in `group_units`.

    Returns
    -------
    Reduced

    Notes
    -----
    Parts (pairs) of a unit (cohort) share only what the whole unit shares. An orthogonal change of the s parts of one kind leaves
    `sqrt(s)` times their mean, where the effects of the unit count `sqrt(s)` times, and s - 1 contrasts without any effect of the
    unit; the sums of products of these are those of the deviations from the mean. So a cohort of hundreds of rows becomes one of as
    many rows as its kinds of parts have.
    """
    n_units = int(units.max(initial=-1)) + 1
    parts = _find_parts(units, effects) if n_units and int(np.bincount(units).max()) > _LARGE else None
    if parts is None:
        return Reduced(values, units, list(effects), np.ones(n_units), n_units)
    order = order_rows(values, parts, effects)
    values, units, parts = values[order], units[order], parts[order]
    effects = [effect.take(order) for effect in effects]
    cell = _cells(units, parts, effects)
    first = np.unique(cell, return_index=True)[1]
    s = np.bincount(cell).astype(np.float64)
    means = np.stack([np.bincount(cell, weights=column) / s for column in values.T], axis=1)
    root = np.sqrt(s)[:, None]
    # The one part of its kind has no deviations.
    several = s[cell] > 1.0
    rest = _number(parts[several])
    heads = s[cell[several]][np.unique(rest, return_index=True)[1]]
    both = np.r_[first, np.flatnonzero(several)]
    scale = np.r_[root[:, 0], np.zeros(int(several.sum()))][:, None]
    return Reduced(
        np.concatenate([means * root, (values - means[cell])[several]]),
        np.concatenate([units[first], n_units + rest]),
        [Effects(effect.Z[both] * scale, None) if effect.whole else effect.take(both) for effect in effects],
        np.concatenate([np.ones(n_units), (heads - 1.0) / heads]),
        n_units,
    )


def _find_parts(units: IntArray, effects: Sequence[Effects]) -> IntArray | None:
    """The part of each row: rows of one unit that share an effect; None where effects cross or nothing is shared by the unit."""
    if not any(effect.whole for effect in effects):
        return None
    labels = [
        _number(units * (int(effect.labels.max(initial=0)) + 1) + effect.labels)
        for effect in effects
        if effect.labels is not None
    ]
    if not labels:
        return np.arange(len(units), dtype=np.int64)
    coarsest = min(labels, key=lambda codes: int(codes.max()))
    for codes in labels:
        owner = coarsest[np.unique(codes, return_index=True)[1]]
        if (owner[codes] != coarsest).any():
            return None
    return coarsest


def _cells(units: IntArray, parts: IntArray, effects: Sequence[Effects]) -> IntArray:
    """A number for each row; rows with the same number stand in the same place of alike parts of one unit."""
    starts = np.flatnonzero(np.r_[True, parts[1:] != parts[:-1]])
    sizes = np.diff(np.r_[starts, len(parts)])
    ranks = [None if e.labels is None else rank_within(e.labels, parts, starts, sizes) for e in effects]
    kinds = row_kinds(effects, ranks)
    of_part = np.empty(len(starts), dtype=np.int64)
    n_kinds = 0
    for m in np.unique(sizes):
        chosen = np.flatnonzero(sizes == m)
        found, heads = number_sequences(kinds[starts[chosen][:, None] + np.arange(m)])
        of_part[chosen] = found + n_kinds
        n_kinds += len(heads)
    group = _number(units[starts] * n_kinds + of_part)
    within = np.arange(len(parts)) - np.repeat(starts, sizes)
    return _number(np.repeat(group, sizes) * int(sizes.max()) + within)


def _number(codes: IntArray) -> IntArray:
    """The same codes numbered from 0 without gaps."""
    return pd.factorize(codes)[0].astype(np.int64)
