"""The permutation test of two groups: how often lots drawn anew would part the groups as far as the true ones did."""

import itertools
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from instruments.errors import N_
from scoring.errors import Note, ScoringError

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

ENUMERATED: Final = 50_000
RANDOM_LOTS: Final = 9_999
# With more units than this the t test and the permutation test no longer differ in any digit that is shown.
LARGEST: Final = 5_000
# A fixed start of the random lots: the same answers give the same p whenever a report is made again.
PERMUTATION_SEED: Final = 20_260_101
# Random numbers that are held at a time, few enough to stay near the processor.
_CELLS: Final = 200_000

_FEW = N_("With groups of %(n_a)d and %(n_b)d no permutation p below %(smallest).3f is possible.")
_LARGE = N_(
    "With more than %(largest)d units the permutation test adds nothing to the t test and is left out."
)


@dataclass(frozen=True)
class PermutationTest:
    """Result of a permutation test.

    Attributes
    ----------
    p : float or None
        Two-sided; None above 5,000 units, with a note.
    n_a, n_b : int
        Units in each group.
    n_lots : int
        Ways to part the units that were looked at: all of them for the exact test, 9,999 for the random one.
    exact : bool
        Whether all ways were looked at.
    notes : tuple of Note
    """

    p: float | None
    n_a: int
    n_b: int
    n_lots: int
    exact: bool
    notes: tuple[Note, ...]


def permutation_test(
    a: FloatArray, b: FloatArray, *, rng: np.random.Generator | None = None
) -> PermutationTest:
    """Test whether two groups that were formed by lot differ in their mean.

    Parameters
    ----------
    a, b : ndarray of float
        One finite value per unit that was assigned (pair, or cohort mean); at least one in each.
    rng : Generator, optional
        For the random lots, when there are more than 50,000 ways; a fixed seed by default.

    Returns
    -------
    PermutationTest

    Notes
    -----
    `p = share of the ways to part the units with abs(mean_a - mean_b) >= the observed one`; random lots add the observed one,
    `p = (1 + hits) / (1 + 9,999)`. Differences within 1e-10 of the spread count as ties, since rounding would break them. Valid only
    when the units were assigned one by one; a design that was given to cohorts is tested on cohort means. Compared with full
    enumeration in R (`combn`).

    References
    ----------
    Fisher, R. A. (1935). The design of experiments, section 21. Oliver & Boyd.
    Phipson, B., & Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications in Genetics and
    Molecular Biology, 9, 39. https://doi.org/10.2202/1544-6115.1585

    Raises
    ------
    ScoringError
        `permutation.values` for an empty group or values that are not finite.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(a), len(b)) < 1 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ScoringError(
            "permutation.values",
            "A group is empty or holds a value that is not a finite number.",
            "Pass one finite value for each unit of both groups.",
        )
    n_a, n_b = len(a), len(b)
    if n_a + n_b > LARGEST:
        return PermutationTest(
            None, n_a, n_b, 0, False, (Note("permutation.large", _LARGE, {"largest": LARGEST}),)
        )
    if n_a > n_b:
        # The smaller group is drawn, which needs fewer numbers; both directions count alike.
        turned = permutation_test(b, a, rng=rng)
        return PermutationTest(turned.p, n_a, n_b, turned.n_lots, turned.exact, turned.notes)
    # Sorted and centred, so that p depends neither on the order of the rows nor on the level.
    values = np.sort(np.concatenate([a, b]))
    values -= values.mean()
    observed = abs(float((a.mean() - b.mean()) * n_a * n_b / (n_a + n_b)))
    limit = observed - 1e-10 * max(float(np.abs(values).max()), 1e-300) * n_a
    n_lots = math.comb(n_a + n_b, n_a)
    if n_lots <= ENUMERATED:
        sums = values[_all_lots(n_a + n_b, n_a)].sum(axis=1)
        smallest = (2 if n_a == n_b else 1) / n_lots
        notes: tuple[Note, ...] = ()
        if smallest > 0.05:
            params = {"n_a": n_a, "n_b": n_b, "smallest": smallest}
            notes = (Note("permutation.few", _FEW, params),)
        return PermutationTest(float((np.abs(sums) >= limit).mean()), n_a, n_b, n_lots, True, notes)
    generator = np.random.default_rng(PERMUTATION_SEED) if rng is None else rng
    hits = 0
    step = max(1, _CELLS // len(values))
    for start in range(0, RANDOM_LOTS, step):
        numbers = generator.random((min(step, RANDOM_LOTS - start), len(values)))
        # The smaller group are the units with the smallest numbers.
        highest = np.partition(numbers, n_a - 1, axis=1)[:, n_a - 1 : n_a]
        hits += int((np.abs((numbers <= highest) @ values) >= limit).sum())
    return PermutationTest((1 + hits) / (1 + RANDOM_LOTS), n_a, n_b, RANDOM_LOTS, False, ())


def _all_lots(n: int, k: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """All ways to choose k of n, one a row."""
    flat = itertools.chain.from_iterable(itertools.combinations(range(n), k))
    return np.fromiter(flat, dtype=np.int64, count=math.comb(n, k) * k).reshape(-1, k)
