"""Polychoric correlations of many samples of the same items at once, for random sets and bootstrap draws."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

# Cells of the two-way tables that are solved at once; bounds the working memory.
_CHUNK_CELLS: Final = 500_000


def solve_polychoric(
    samples: Iterator[np.ndarray[Any, Any]],
    n_sets: int,
    width: int,
    weights: Iterator[FloatArray] | None = None,
) -> FloatArray:
    """Polychoric correlations of many sets of ranks (k, n), -1 where missing: (sets, k, k), NaN where there is none.

    `width` is the largest number of categories of any item; a sample may lack some of them.
    With `weights`, one array (n,) per set, a respondent counts so many times. All pairs of a chunk of sets are solved together.
    """
    matrices: list[FloatArray] = []
    chunk: list[FloatArray] = []
    for sample in samples:
        chunk.append(_count_cells(sample, width, None if weights is None else next(weights)))
        k = len(sample)
        if len(chunk) * (k * width) ** 2 / 2 > _CHUNK_CELLS or len(matrices) + len(chunk) == n_sets:
            matrices.extend(_solve_chunk(np.stack(chunk)))
            chunk = []
    return np.stack(matrices)


def _count_cells(ranks: np.ndarray[Any, Any], width: int, weights: FloatArray | None) -> FloatArray:
    """Frequencies of all pairs of categories of all pairs of items, (k, C, k, C)."""
    k = len(ranks)
    total = np.zeros((k * width, k * width))
    levels = np.arange(width, dtype=ranks.dtype)[None, :, None]
    # float32 counts whole numbers exactly up to 16 million, far beyond a chunk.
    for start in range(0, ranks.shape[1], 65_536):
        part = slice(start, start + 65_536)
        indicator = (ranks[:, None, part] == levels).reshape(k * width, -1).astype(np.float32)
        counted = indicator if weights is None else indicator * weights[part].astype(np.float32)
        total += counted @ indicator.T
    return total.reshape(k, width, k, width)


def _solve_chunk(cells: FloatArray) -> list[FloatArray]:
    """Correlations of a stack of frequency tables (sets, k, C, k, C)."""
    from scipy.special import ndtri

    from scoring.ordinal import PairTables, solve_pairs

    sets, k, width = cells.shape[:3]
    first, second = np.triu_indices(k, 1)
    margins = np.einsum("siaia->sia", cells).reshape(sets * k, width)
    shares = np.cumsum(margins, axis=1)[:, :-1] / margins.sum(axis=1, keepdims=True)
    # Infinite before the first and beyond the last category that occurs.
    thresholds = ndtri(shares)
    counts = cells[:, first, :, second, :].transpose(1, 0, 2, 3).reshape(-1, width, width)
    offset = np.arange(sets)[:, None] * k
    tables = PairTables(
        (first + offset).reshape(-1), (second + offset).reshape(-1), counts, margins, thresholds
    )
    occurring = np.asarray((margins > 0).sum(axis=1), dtype=np.intp)
    found = solve_pairs(tables, occurring).correlations.reshape(sets, -1)
    matrices = np.broadcast_to(np.eye(k), (sets, k, k)).copy()
    matrices[:, first, second] = matrices[:, second, first] = found
    return list(matrices)
