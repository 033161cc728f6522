"""Corrections for answers that are not normal: sandwiches, Satorra-Bentler, Yuan-Bentler as in Mplus, and their missing-data kin."""

from dataclasses import dataclass

import numpy as np

from scoring.sem.likelihood import NormalProblem, invert_information
from scoring.sem.matrices import Array, gather


@dataclass(frozen=True)
class Correction:
    """Robust covariance of the estimates (times N) and the traces that scale the test.

    `trace` is tr(U Gamma); `saturated` and `model` are the traces it is the difference of, None for Satorra-Bentler.
    """

    covariance: Array
    trace: float
    saturated: float | None = None
    model: float | None = None


def score_products(problem: NormalProblem, x: Array) -> Array:
    """Return the mean outer product of the scores of rows, or of clusters' summed scores, over all groups."""
    total = np.zeros((problem.model.n_free,) * 2)
    for group, moments in enumerate(problem.groups):
        total += _group_products(problem, x, group) * moments.n
    return total / problem.n


def huber_white(
    problem: NormalProblem, x: Array, saturated: float, *, structured: bool = False
) -> Correction:
    """Return the sandwich with the observed information and the trace of Yuan and Bentler's test in Mplus' version.

    `saturated` is tr(B1 A1^-1) of the saturated model. With `structured` the test (not the errors) takes the information of the
    saturated model at the model's moments, as R does for clusters without `estimator = "MLR"`. References: Yuan & Bentler (2000), https://doi.org/10.1111/0081-1750.00078;
    Asparouhov & Muthen (2005). R: lavaan `estimator = "MLR"`.
    """
    inverse = invert_information(problem.hessian(x))
    products = score_products(problem, x)
    weight = invert_information(problem.hessian(x, curvature=False)) if structured else inverse
    own = float(np.einsum("ij,ji->", products, weight))
    return Correction(inverse @ products @ inverse, saturated - own, saturated, own)


def satorra_bentler(problem: NormalProblem, x: Array) -> Correction:
    """Return the sandwich with the expected information and tr(U Gamma) for complete data.

    Gamma is the sample's covariance matrix of squares and products; it is never formed: `tr(A Gamma)` is a fourth moment of
    Mahalanobis distances under the implied covariances, and `Delta' A Gamma A Delta` the covariance of the rows' scores.
    Reference: Satorra & Bentler (1994), in von Eye & Clogg (eds.), Latent variables analysis. R: lavaan `estimator = "MLM"`.
    """
    inverse = invert_information(problem.information(x))
    total = np.zeros((problem.model.n_free,) * 2)
    whole = 0.0
    means = problem.model.specification.mean_structure
    for group, (share, moments) in enumerate(zip(problem.shares, problem.groups, strict=True)):
        if moments.rows is None:
            raise ValueError("robust statistics need the rows")
        covariance, _ = problem.model.moments(x, group)
        W = np.linalg.inv(covariance)
        factors = problem.model.derivatives(x, group)
        gap = moments.rows - moments.mean
        z = gap @ W
        kernel = W @ moments.covariance @ W
        centre = np.einsum("qi,ij,qj->q", factors.U, kernel, factors.V)
        by_element = factors.c * ((z @ factors.U.T) * (z @ factors.V.T) - centre) + z @ factors.M.T
        products = by_element.T @ by_element / moments.n
        total += share * gather(products, factors.index, problem.model.n_free)
        distance = np.einsum("ni,ni->n", z, gap)
        whole += 0.5 * float(
            (distance**2).mean() - np.einsum("ij,ji->", W @ moments.covariance, W @ moments.covariance)
        )
        if means:
            whole += float(np.einsum("ij,ji->", W, moments.covariance))
    return Correction(inverse @ total @ inverse, whole - float(np.einsum("ij,ji->", total, inverse)))


def saturated_trace(problem: NormalProblem) -> float:
    """Return tr(B1 A1^-1) of the saturated model for complete data without clusters.

    This is Mardia's kurtosis in other words: per row `((d' S^-1 d)^2 - 2 d' S^-1 d + p) / 2`, and p more where means are modelled.
    """
    total = 0.0
    for moments in problem.groups:
        if moments.rows is None:
            raise ValueError("robust statistics need the rows")
        gap = moments.rows - moments.mean
        distance = np.einsum("ni,ij,nj->n", gap, np.linalg.inv(moments.covariance), gap)
        k = gap.shape[1]
        total += 0.5 * float((distance**2).mean() - 2.0 * distance.mean() + k)
        if problem.model.specification.mean_structure:
            total += float(distance.mean())
    return total


def _group_products(problem: NormalProblem, x: Array, group: int) -> Array:
    """The mean outer product of scores within one group."""
    scores = problem.scores(x, group)
    clusters = problem.groups[group].clusters
    if clusters is not None:
        n_clusters = int(clusters.max()) + 1
        summed = np.zeros((n_clusters, scores.shape[1]))
        np.add.at(summed, clusters, scores)
        # The usual correction for few clusters.
        scores = summed * np.sqrt(n_clusters / (n_clusters - 1.0))
    return scores.T @ scores / problem.groups[group].n
