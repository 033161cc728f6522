"""Sample moments: patterns of missing answers with their means and covariances, and the saturated model by EM."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scoring.errors import ScoringError

Array = np.ndarray
_EM_STEPS: Final = 2000
_EM_TOLERANCE: Final = 1e-11


@dataclass(frozen=True)
class GroupMoments:
    """The answers of one group, reduced to one mean and covariance matrix for each pattern of missing answers.

    Attributes
    ----------
    observed : bool array, patterns x items
    counts : int array, patterns
    means : float array, patterns x items
        0 where an item is missing.
    covariances : float array, patterns x items x items
        Around the pattern's own mean, denominator its count; 0 where an item is missing.
    rows : float array, rows x items, or None
        The answers sorted by pattern, NaN where missing; what scores of single rows need.
    pattern : int array, rows
    clusters : int array, rows, or None
        Number of each row's cluster.
    mean, covariance : float arrays
        Of the saturated model: the sample's where nothing is missing, by maximum likelihood otherwise.
    """

    observed: Array
    counts: Array
    means: Array
    covariances: Array
    rows: Array | None
    pattern: Array
    clusters: Array | None
    mean: Array
    covariance: Array
    saturated_converged: bool = True

    @property
    def n(self) -> int:
        """Rows of the group."""
        return int(self.counts.sum())

    @property
    def complete(self) -> bool:
        """Whether no answer is missing."""
        return bool(self.observed.all())


def group_moments(values: Array, clusters: Array | None = None, *, keep_rows: bool = True) -> GroupMoments:
    """Return the moments of one group.

    Parameters
    ----------
    values : float array, rows x items
        NaN where missing; every row has at least one answer.
    clusters : int array, rows, optional
        Number of each row's cluster.
    keep_rows : bool
        Whether robust statistics will need the rows.
    """
    present = ~np.isnan(values)
    if present.all():
        observed, pattern = np.ones((1, values.shape[1]), dtype=bool), np.zeros(len(values), dtype=np.int64)
    else:
        observed, pattern = np.unique(present, axis=0, return_inverse=True)
        pattern = pattern.reshape(-1)
        # The pattern that is missing least comes first; within a pattern rows keep their order.
        ranks = np.argsort(np.lexsort((np.arange(len(observed)), -observed.sum(axis=1))))
        pattern, observed = ranks[pattern], observed[np.argsort(ranks)]
    order = np.argsort(pattern, kind="stable")
    rows, pattern = values[order], pattern[order]
    counts = np.bincount(pattern, minlength=len(observed))
    filled = np.where(np.isnan(rows), 0.0, rows)
    # Centring first keeps the digits of covariances of items that are far from zero.
    centre = np.where(present.any(axis=0), filled.sum(axis=0) / np.maximum(present.sum(axis=0), 1), 0.0)
    shifted = np.where(np.isnan(rows), 0.0, rows - centre)
    starts = np.concatenate([[0], np.cumsum(counts)])
    k = values.shape[1]
    means, covariances = np.zeros((len(counts), k)), np.zeros((len(counts), k, k))
    for number, (first, last) in enumerate(itertools.pairwise(starts)):
        part = shifted[first:last]
        mean = part.mean(axis=0)
        covariances[number] = part.T @ part / len(part) - np.outer(mean, mean)
        means[number] = np.where(observed[number], mean + centre, 0.0)
    cluster_order = (
        None if clusters is None else np.unique(clusters[order], return_inverse=True)[1].reshape(-1)
    )
    if observed.all():
        mean, covariance, converged = means[0], covariances[0], True
    else:
        mean, covariance, converged = saturate(observed, counts, means, covariances)
    return GroupMoments(
        observed,
        counts,
        means,
        covariances,
        rows if keep_rows else None,
        pattern,
        cluster_order,
        mean,
        covariance,
        converged,
    )


def moments_from_covariance(covariance: Array, mean: Array, n: int) -> GroupMoments:
    """Return moments for a covariance matrix (denominator n) and means alone, without rows."""
    k = len(covariance)
    return GroupMoments(
        np.ones((1, k), dtype=bool),
        np.array([n]),
        mean[None, :],
        covariance[None, :, :],
        None,
        np.zeros(n, dtype=np.int64),
        None,
        mean,
        covariance,
    )


def pattern_inverses(covariances: Array, observed: Array) -> tuple[Array, Array]:
    """Return, for each pattern, the inverse of the covariances of its observed items (0 elsewhere) and their log determinant.

    A missing item is given variance 1 and no covariance, so that all patterns are inverted together.
    """
    mask = observed.astype(np.float64)
    both = mask[:, :, None] * mask[:, None, :]
    k = covariances.shape[-1]
    whole = covariances * both + np.eye(k) * (1.0 - mask)[:, :, None]
    chol = np.linalg.cholesky(whole)
    log_det = 2.0 * np.log(np.diagonal(chol, axis1=1, axis2=2)).sum(axis=1)
    inverse = np.linalg.inv(whole) * both
    return (inverse + inverse.transpose(0, 2, 1)) / 2.0, log_det


def saturate(observed: Array, counts: Array, means: Array, covariances: Array) -> tuple[Array, Array, bool]:
    """Estimate mean and covariances from incomplete patterns by EM with squared extrapolation.

    Returns
    -------
    mean, covariance, converged
        Maximum-likelihood estimates under normality and missing at random.

    Notes
    -----
    Dempster, Laird & Rubin (1977), https://doi.org/10.1111/j.2517-6161.1977.tb01600.x; the acceleration is SQUAREM of
    Varadhan & Roland (2008), https://doi.org/10.1111/j.1467-9469.2007.00585.x. R: lavaan's `lavInspect(fit, "sampstat")`
    under `missing = "fiml"`, which stops at 1e-5; here the estimates move by less than 1e-11 of a standard deviation.
    """
    weight = counts / counts.sum()
    seen = observed.astype(np.float64)
    share = (weight[:, None] * seen).sum(axis=0)
    if (share == 0).any():
        raise ScoringError(
            "sem.missing",
            "An item has no answer at all, so nothing can be estimated for it.",
            "Leave the item out.",
        )
    mean = (weight[:, None] * means).sum(axis=0) / share
    spread = np.einsum("k,kii->i", weight, covariances) + (weight[:, None] * seen * (means - mean) ** 2).sum(
        axis=0
    )
    spread = spread / share
    if (spread <= 0).any():
        raise ScoringError(
            "sem.constant", "An item does not vary at all.", "Leave the item out; it carries no information."
        )
    covariance = np.diag(spread)
    scale = np.sqrt(spread)

    def step(point: tuple[Array, Array]) -> tuple[Array, Array]:
        try:
            return _em_step(point, observed, weight, means, covariances)
        except np.linalg.LinAlgError:
            raise ScoringError(
                "sem.singular",
                "Some items can be computed exactly from others in the rows where they were answered together.",
                "Leave out items that repeat one another or that hardly anybody answered.",
            ) from None

    point = (mean, covariance)
    for _ in range(_EM_STEPS):
        first = step(point)
        second = step(first)
        r = (first[0] - point[0], first[1] - point[1])
        v = (second[0] - first[0] - r[0], second[1] - first[1] - r[1])
        size_r = np.sqrt(((r[0] / scale) ** 2).sum() + ((r[1] / np.outer(scale, scale)) ** 2).sum())
        size_v = np.sqrt(((v[0] / scale) ** 2).sum() + ((v[1] / np.outer(scale, scale)) ** 2).sum())
        if size_r < _EM_TOLERANCE or size_v == 0.0:
            return second[0], second[1], True
        length = max(1.0, size_r / size_v)
        leap = tuple(p + 2 * length * a + length**2 * b for p, a, b in zip(point, r, v, strict=True))
        try:
            np.linalg.cholesky(leap[1])
            point = step((leap[0], leap[1]))
        except np.linalg.LinAlgError:
            point = second
    return point[0], point[1], False


def _em_step(
    point: tuple[Array, Array], observed: Array, weight: Array, means: Array, covariances: Array
) -> tuple[Array, Array]:
    """One step of EM: expected first and second moments of all items given the observed ones."""
    mean, covariance = point
    inverse, _ = pattern_inverses(np.broadcast_to(covariance, covariances.shape), observed)
    regress = np.matmul(
        covariance, inverse
    )  # Sigma Sigma_oo^-1 in the columns of observed items, 0 elsewhere.
    gap = np.where(observed, means - mean, 0.0)
    expected = mean + np.einsum("kij,kj->ki", regress, gap)
    rest = covariance - np.matmul(regress, covariance)
    spread = np.matmul(np.matmul(regress, covariances), regress.transpose(0, 2, 1)) + rest
    new_mean = weight @ expected
    gap = expected - new_mean
    new = np.einsum("k,kij->ij", weight, spread) + np.einsum("k,ki,kj->ij", weight, gap, gap)
    return new_mean, (new + new.T) / 2.0


def align_labels(items: pd.DataFrame, labels: pd.Series, kind: str) -> pd.Series:
    """Return the labels of the rows, `kind` being "groups" or "clusters".

    Raises
    ------
    ScoringError
        `sem.groups` or `sem.clusters`: another number of labels than rows, or labels that follow another index than the rows, so
        that it is not said which label belongs to which row.
    """
    if len(labels) != len(items):
        raise ScoringError(
            f"sem.{kind}",
            "There are %(labels)d labels of %(kind)s for %(rows)d rows.",
            "Give every row one label.",
            labels=len(labels),
            kind=kind,
            rows=len(items),
        )
    if not isinstance(labels, pd.Series):
        return pd.Series(labels, index=items.index, dtype=object)
    if not labels.index.equals(items.index):
        raise ScoringError(
            f"sem.{kind}",
            "The labels of %(kind)s follow another index than the rows.",
            "Take them from the same table, or put them in its order with reindex().",
            kind=kind,
        )
    return labels


def split_groups(items: pd.DataFrame, groups: pd.Series | None) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Return the groups' names in the order of their first rows, and the row numbers of each.

    Raises
    ------
    ScoringError
        `sem.groups`: see `align_labels`; or two labels that are written alike, such as 1 and "1".
    """
    if groups is None:
        return ("",), [np.arange(len(items))]
    numbers, known = pd.factorize(align_labels(items, groups, "groups"))
    names = tuple(str(label) for label in known)
    if len(set(names)) < len(names):
        raise ScoringError(
            "sem.groups",
            "Two groups are both written “%(label)s”.",
            "Make all labels text, or all numbers.",
            label=next(name for name in names if names.count(name) > 1),
        )
    return names, [np.flatnonzero(numbers == number) for number in range(len(names))]


def drop_rows(values: np.ndarray, *, listwise: bool) -> np.ndarray:
    """Return which rows are used: complete ones, or (for full information) those with any answer."""
    present = ~np.isnan(values)
    return present.all(axis=1) if listwise else present.any(axis=1)


def check_items(items: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the model's items as float64 in the model's order; a missing or doubled column raises."""
    from scoring.frames import check_numeric_items

    for name in names:
        count = int((items.columns == name).sum())
        if count != 1:
            raise ScoringError(
                "sem.column",
                "Item %(item)s of the model stands in %(count)d columns of the data.",
                "Give the data one column for every item of the model.",
                item=name,
                count=count,
            )
    return check_numeric_items(items[list(names)], "sem")
