"""Units of a mixed model put together by the shape of their covariance matrix, so that each shape is inverted once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Final

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
# Patterns that are worked on together: bounds the memory when every unit is a pattern of its own.
_TOGETHER: Final = 2_048


@dataclass(frozen=True)
class Effects:
    """Random effects of one level, row by row.

    Attributes
    ----------
    Z : ndarray (rows, q)
        What the q effects are multiplied with.
    labels : ndarray (rows,) of int or None
        Rows of one unit and one label share the effects; None when all rows of a unit do.
    diagonal : bool
        Whether rows share nothing (residuals): each row has its own draw.
    """

    Z: Array
    labels: IntArray | None
    diagonal: bool = False

    @property
    def whole(self) -> bool:
        """Whether all rows of a unit share the effects."""
        return self.labels is None and not self.diagonal

    def take(self, rows: np.ndarray) -> "Effects":
        """The effects of some rows, in their order."""
        return Effects(self.Z[rows], None if self.labels is None else self.labels[rows], self.diagonal)


@dataclass(frozen=True)
class Batch:
    """Patterns of one number of rows m.

    Attributes
    ----------
    G : ndarray (patterns, components, m, m)
        Covariance matrix of a pattern: the sum of its G weighted by the variances and covariances.
    Z : tuple of ndarray (patterns, m, q)
        Per random effect what it is multiplied with.
    n : ndarray (patterns,)
        Units of each pattern.
    rows : ndarray (r, m, columns) and `place` (r,)
        Columns of the design and the outcome. Units of a pattern are replaced by as few rows as give the same sums of products.
    units : ndarray (units, m, columns), `unit_place` and `codes` (units,)
        The units as they are, their pattern and their number.
    """

    G: Array
    Z: tuple[Array, ...]
    n: Array
    rows: Array
    place: IntArray
    units: Array
    unit_place: IntArray
    codes: IntArray


def group_units(
    values: Array, units: IntArray, effects: Sequence[Effects], weights: Array | None = None
) -> list[Batch]:
    """Return the units in batches.

    Parameters
    ----------
    values : ndarray (rows, columns)
        Design and outcome.
    units : ndarray (rows,) of int
        The unit of each row, numbered from 0 without gaps.
    effects : sequence of Effects
        In the order of the components: an effect of q columns has q (q + 1) / 2 of them (upper triangle, row by row).
    weights : ndarray (units,), optional
        How often each unit counts; its values are weighted already.

    Returns
    -------
    list of Batch
    """
    order = order_rows(values, units, effects)
    values, units = values[order], units[order]
    sorted_effects = [effect.take(order) for effect in effects]
    starts = np.flatnonzero(np.r_[True, units[1:] != units[:-1]])
    sizes = np.diff(np.r_[starts, len(units)])
    ranks = [
        None if e.labels is None else rank_within(e.labels, units, starts, sizes) for e in sorted_effects
    ]
    kinds = row_kinds(sorted_effects, ranks)
    batches: list[Batch] = []
    for m in np.unique(sizes):
        chosen = starts[sizes == m]
        places = chosen[:, None] + np.arange(m)
        patterns, first = number_sequences(kinds[places])
        for these in _chunks(len(first)):
            members = np.flatnonzero((patterns >= these.start) & (patterns < these.stop))
            heads = places[first[these]]
            batches.append(
                _make_batch(
                    [
                        (e.Z[heads], None if r is None else r[heads], e.diagonal)
                        for e, r in zip(sorted_effects, ranks, strict=True)
                    ],
                    values[places[members]],
                    patterns[members] - these.start,
                    units[chosen[members]],
                    np.ones(len(members)) if weights is None else weights[units[chosen[members]]],
                )
            )
    return batches


def order_rows(values: Array, units: IntArray, effects: Sequence[Effects]) -> IntArray:
    """Return the order of rows by unit, and inside a unit by their covariates: units of one shape have their rows in one order."""
    keys = [column for effect in effects for column in effect.Z.T]
    # The last column is the outcome.
    keys += list(values.T[:-1])
    varying = [key for key in keys if len(key) and (key != key[0]).any()]
    return np.lexsort((*varying[::-1], units))


def rank_within(labels: IntArray, units: IntArray, starts: IntArray, sizes: IntArray) -> IntArray:
    """Return labels numbered from 0 in each unit, by their first row there; rows are sorted by unit."""
    both = units.astype(np.int64) * (int(labels.max(initial=0)) + 1) + labels
    codes = pd.factorize(both)[0].astype(np.int64)
    return codes - np.repeat(np.minimum.reduceat(codes, starts), sizes)


def row_kinds(effects: Sequence[Effects], ranks: Sequence[IntArray | None]) -> IntArray:
    """Return a number for each row that tells its part in the covariance matrix."""
    kind = np.zeros(len(effects[0].Z), dtype=np.int64)
    for effect, rank in zip(effects, ranks, strict=True):
        for column in (*effect.Z.T, *([] if rank is None else [rank])):
            codes = pd.factorize(column)[0].astype(np.int64)
            kind = pd.factorize(kind * (int(codes.max(initial=0)) + 1) + codes)[0].astype(np.int64)
    return kind


def number_sequences(kinds: IntArray) -> tuple[IntArray, IntArray]:
    """Return the pattern of each unit (units x m kinds of rows), and a unit of each pattern."""
    key = kinds[:, 0]
    for column in kinds.T[1:]:
        codes = pd.factorize(column)[0].astype(np.int64)
        key = pd.factorize(pd.factorize(key)[0].astype(np.int64) * (int(codes.max()) + 1) + codes)[0].astype(
            np.int64
        )
    key = pd.factorize(key)[0].astype(np.int64)
    return key, np.unique(key, return_index=True)[1].astype(np.int64)


def _chunks(n: int) -> Iterator[slice]:
    """Slices of so many patterns as are worked on together."""
    return (slice(begin, min(begin + _TOGETHER, n)) for begin in range(0, n, _TOGETHER))


def _make_batch(
    parts: list[tuple[Array, IntArray | None, bool]],
    units: Array,
    place: IntArray,
    codes: IntArray,
    weights: Array,
) -> Batch:
    """A batch from the effects of its patterns and the values of its units."""
    G: list[Array] = []
    for Z, rank, diagonal in parts:
        same: Any = (
            np.eye(Z.shape[1]) if diagonal else 1.0 if rank is None else rank[:, :, None] == rank[:, None, :]
        )
        for a, b in combinations_with_replacement(range(Z.shape[2]), 2):
            outer = Z[:, :, None, a] * Z[:, None, :, b]
            G.append((outer if a == b else outer + outer.transpose(0, 2, 1)) * same)
    n_patterns = len(parts[0][0])
    rows, row_place = _condense(units, place)
    return Batch(
        np.stack(G, axis=1),
        tuple(Z for Z, _, _ in parts),
        np.asarray(np.bincount(place, weights=weights, minlength=n_patterns), dtype=np.float64),
        rows,
        row_place,
        units,
        place,
        codes,
    )


def _condense(units: Array, place: IntArray) -> tuple[Array, IntArray]:
    """Fewer rows with the same sums of products: a root of the sums where a pattern has more units than its root has rows."""
    _, m, width = units.shape
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place))
    kept: list[Array] = []
    places: list[IntArray] = []
    begin, waiting = 0, 0
    for pattern, end in enumerate(ends):
        if end - begin > m * width:
            # Small patterns before this one go over as they are.
            kept += [units[order[waiting:begin]]]
            places += [place[order[waiting:begin]]]
            stacked = units[order[begin:end]].reshape(end - begin, m * width)
            values, vectors = np.linalg.eigh(stacked.T @ stacked)
            keep = values > 1e-15 * max(values[-1], 1e-300)
            root = (vectors[:, keep] * np.sqrt(values[keep])).T
            kept.append(root.reshape(-1, m, width))
            places.append(np.full(len(root), pattern, dtype=np.int64))
            waiting = end
        begin = end
    kept.append(units[order[waiting:]])
    places.append(place[order[waiting:]])
    return np.concatenate(kept), np.concatenate(places)
