"""Samejima's graded response model by marginal maximum likelihood, for trait estimates that items are matched on."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scoring.effects import FloatArray
from scoring.proportional_odds import IntArray, fit_proportional_odds

# Points of the standard normal trait at which the likelihood is summed.
_NODES: Final = 49
_REACH: Final = 6.0
_MAX_CYCLES: Final = 1_000
_PRECISION: Final = 1e-5
# Thresholds given the trait lie further apart than those of the answers alone.
_START: Final = 1.2


@dataclass(frozen=True)
class GradedFit:
    """A graded response model and the traits it gives.

    Attributes
    ----------
    slopes : array (k,)
        Discriminations, in log-odds per standard deviation of the trait.
    thresholds : tuple of k arrays
        `logit P(y <= j) = threshold_j - slope * trait`.
    traits : array (n,)
        Expected trait of each row given its answers (EAP under a standard normal prior).
    log_likelihood : float
    n_cycles : int
    converged : bool
    """

    slopes: FloatArray
    thresholds: tuple[FloatArray, ...]
    traits: FloatArray
    log_likelihood: float
    n_cycles: int
    converged: bool


def fit_graded_response(codes: IntArray, weights: FloatArray) -> GradedFit:
    """Fit a graded response model of one trait and estimate the trait of each row.

    Parameters
    ----------
    codes : array (n, k)
        Categories 0, 1, ... of each item, every one of them used; -1 where an item was not answered or not asked.
    weights : array (n,)
        How many respondents gave each row of answers.

    Returns
    -------
    GradedFit

    Notes
    -----
    EM after Bock and Aitkin (1981) with a standard normal trait on 49 points from -6 to 6: given the points, each item is an
    ordinal logistic regression on expected counts. The slopes' signs follow the items: their sum is positive. The same model as
    rpf's `rpf.grm` in OpenMx and mirt's "graded".

    References
    ----------
    Samejima, F. (1969). Estimation of latent ability using a response pattern of graded scores. Psychometrika, 34 (Suppl. 1).
    https://doi.org/10.1007/BF03372160
    Bock, R. D., & Aitkin, M. (1981). Marginal maximum likelihood estimation of item parameters: Application of an EM algorithm.
    Psychometrika, 46, 443-459. https://doi.org/10.1007/BF02293801
    """
    widths = codes.max(axis=0) + 1
    offsets = np.concatenate([[0], np.cumsum(widths)])
    chosen = _choices(codes, offsets)
    weighted = chosen.multiply(weights[:, None]).T.tocsr()
    nodes = np.linspace(-_REACH, _REACH, _NODES)
    prior = -0.5 * nodes**2
    prior -= np.log(np.exp(prior).sum())
    counted = np.split(np.asarray(weighted.sum(axis=1)).ravel(), offsets[1:-1])
    points = [np.append(_START * np.log(c.cumsum()[:-1] / c[::-1].cumsum()[:-1][::-1]), 1.0) for c in counted]
    converged, n_cycles = False, 0
    while n_cycles < _MAX_CYCLES and not converged:
        posterior, _ = _weigh_nodes(chosen, points, nodes, prior)
        moved = _maximize(weighted @ posterior, points, nodes, offsets)
        change = max(float(np.abs(new - old).max()) for new, old in zip(moved, points, strict=True))
        points, converged, n_cycles = moved, change < _PRECISION, n_cycles + 1
    posterior, likelihood = _weigh_nodes(chosen, points, nodes, prior)
    sign = 1.0 if sum(point[-1] for point in points) >= 0 else -1.0
    return GradedFit(
        slopes=sign * np.array([point[-1] for point in points]),
        thresholds=tuple(point[:-1] for point in points),
        traits=sign * (posterior @ nodes),
        log_likelihood=float((weights * likelihood).sum()),
        n_cycles=n_cycles,
        converged=converged,
    )


def _choices(codes: IntArray, offsets: IntArray) -> Any:
    """A sparse table of rows by categories of all items, 1 where a category was chosen."""
    from scipy.sparse import csr_array

    rows, items = np.nonzero(codes >= 0)
    columns = offsets[items] + codes[rows, items]
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(codes), int(offsets[-1])))


def _weigh_nodes(
    chosen: Any, points: list[FloatArray], nodes: FloatArray, prior: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How likely each point of the trait is for each row, and each row's log-likelihood."""
    joint = chosen @ np.concatenate([_log_probabilities(point, nodes) for point in points])
    joint += prior
    top = joint.max(axis=1, keepdims=True)
    np.exp(joint - top, out=joint)
    total = joint.sum(axis=1, keepdims=True)
    joint /= total
    return joint, (np.log(total) + top)[:, 0]


def _log_probabilities(point: FloatArray, nodes: FloatArray) -> FloatArray:
    """Log-probability of each category at each point of the trait, categories x points."""
    from scipy.special import log_expit

    thresholds, slope = point[:-1], point[-1]
    u = thresholds[:, None] - slope * nodes
    result = np.zeros((len(thresholds) + 1, len(nodes)))
    result[:-1] += log_expit(u)
    result[1:] += log_expit(-u)
    result[1:-1] += np.log(-np.expm1(-np.diff(thresholds)))[:, None]
    return result


def _maximize(
    expected: FloatArray, points: list[FloatArray], nodes: FloatArray, offsets: IntArray
) -> list[FloatArray]:
    """New thresholds and slope of each item from expected counts, items of the same number of categories in one go."""
    moved = list(points)
    widths = np.diff(offsets)
    for width in np.unique(widths):
        items = np.flatnonzero(widths == width)
        counts = np.array([expected[offsets[i] : offsets[i + 1]].T for i in items])
        design = np.broadcast_to(nodes[:, None], (len(items), len(nodes), 1))
        start = (np.array([points[i][:-1] for i in items]), np.array([points[i][-1:] for i in items]))
        fits = fit_proportional_odds(counts, design, start)
        for place, item in enumerate(items):
            moved[item] = np.append(fits.thresholds[place], fits.slopes[place])
    return moved
