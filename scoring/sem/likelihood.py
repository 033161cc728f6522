"""The discrepancy of normal-theory estimators with its gradient, information and scores, all analytic.

`F = sum_g (n_g / N) F_g`, so that `N F` is the chi-square. For maximum likelihood F_g is the mean over patterns of missing answers of
`ln|Sigma_k| + tr(Sigma_k^-1 T_k)`, `T_k = S_k + (m_k - mu_k)(m_k - mu_k)'`, less its value for the saturated model; complete data are
the case of one pattern. "GLS" and "ULS" take `tr((W (S - Sigma))^2) / 2` with W the inverse sample covariances or the identity.
Information is half the second derivative of F, per respondent.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from scoring.sem.matrices import ALPHA, BETA, LAMBDA, PSI, Array, CompiledModel, Factors, gather
from scoring.sem.moments import GroupMoments, pattern_inverses
from scoring.sem.pooling import is_worth_pooling, pooled_information

Estimator = Literal["ML", "GLS", "ULS"]
_DEFINITE: Final = 1e-13


@dataclass(frozen=True)
class _Point:
    """What one group needs at one point: weights by pattern, and the derivative of F by Sigma and mu."""

    inverse: Array  # patterns x items x items: W
    kernel: Array  # patterns x items x items: C = W T W
    gap: Array  # patterns x items: W (m - mu)
    by_covariance: Array  # items x items: dF/dSigma
    by_mean: Array  # items: dF/dmu
    value: float


@dataclass(frozen=True)
class NormalProblem:
    """A compiled model with the moments it is fitted to.

    Attributes
    ----------
    model : CompiledModel
    groups : sequence of GroupMoments
    estimator : "ML", "GLS" or "ULS"
    """

    model: CompiledModel
    groups: Sequence[GroupMoments]
    estimator: Estimator = "ML"
    _kept: dict[int, tuple[bytes, _Point]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def n(self) -> int:
        """Respondents in all groups."""
        return sum(group.n for group in self.groups)

    @property
    def shares(self) -> Array:
        """Share of the respondents in each group."""
        return np.array([group.n for group in self.groups]) / self.n

    def objective(self, x: Array) -> float:
        """Return F; infinite where the implied covariances are not positive definite."""
        try:
            return float(sum(share * self._point(x, group).value for group, share in enumerate(self.shares)))
        except np.linalg.LinAlgError:
            return float("inf")

    def gradient(self, x: Array) -> Array:
        """Return dF/dx."""
        total = np.zeros(self.model.n_free)
        for group, share in enumerate(self.shares):
            point, factors = self._point(x, group), self.model.derivatives(x, group)
            total += share * gather(_contract(factors, point), factors.index, self.model.n_free)
        return total

    def information(self, x: Array) -> Array:
        """Return the expected information per respondent: `tr(W dSigma W dSigma) / 2 + dmu' W dmu`."""
        total = np.zeros((self.model.n_free,) * 2)
        for group, share in enumerate(self.shares):
            factors = self.model.derivatives(x, group)
            weight = self.groups[group].counts / self.groups[group].n
            inverse = self._point(x, group).inverse
            if is_worth_pooling(factors, inverse):
                part = pooled_information(factors, weight, inverse, inverse / 2.0, None)
            else:
                part = sum(w * expected_information(factors, W) for w, W in zip(weight, inverse, strict=True))
            total += share * gather(np.asarray(part), factors.index, self.model.n_free)
        return (total + total.T) / 2.0

    def chi_square(self, x: Array) -> float:
        """Return N F."""
        return self.n * self.objective(x)

    def hessian(self, x: Array, *, curvature: bool = True) -> Array:
        """Return the observed information per respondent, half the second derivative of F.

        Without `curvature` the moments are taken as linear in the parameters.
        """
        total = np.zeros((self.model.n_free,) * 2)
        for group, share in enumerate(self.shares):
            factors, point = self.model.derivatives(x, group), self._point(x, group)
            weight = self.groups[group].counts / self.groups[group].n
            if is_worth_pooling(factors, point.inverse):
                rest = point.kernel - point.inverse / 2.0
                part = pooled_information(factors, weight, point.inverse, rest, point.gap)
            else:
                part = sum(
                    w * _observed_information(factors, W, C, z)
                    for w, W, C, z in zip(weight, point.inverse, point.kernel, point.gap, strict=True)
                )
            total += share * gather(np.asarray(part), factors.index, self.model.n_free)
            # Without factors the moments are linear in the parameters and the second part is 0.
            if curvature and self.model.specification.factors:
                total += share * self._curvature(x, group, point)
        return (total + total.T) / 2.0

    def scores(self, x: Array, group: int) -> Array:
        """Return the derivative of each row's log-likelihood of a group by the free parameters, rows x parameters.

        Raises ValueError without the group's rows.
        """
        factors, point, moments = self.model.derivatives(x, group), self._point(x, group), self.groups[group]
        if moments.rows is None:
            raise ValueError("scores need the rows")
        _, mean = self.model.moments(x, group)
        keep = np.zeros((len(factors.index), self.model.n_free))
        keep[np.arange(len(factors.index)), factors.index] = 1.0
        gap = np.where(np.isnan(moments.rows), 0.0, moments.rows - self._mean_of(group, mean))
        result = np.empty((moments.n, self.model.n_free))
        starts = np.concatenate([[0], np.cumsum(moments.counts)])
        for number, (first, last) in enumerate(itertools.pairwise(starts)):
            W = point.inverse[number]
            z = gap[first:last] @ W
            centre = np.einsum("qi,ij,qj->q", factors.U, W, factors.V)
            by_element = 2.0 * factors.c * 0.5 * ((z @ factors.U.T) * (z @ factors.V.T) * 1.0 - centre)
            # Each derivative is c (uv' + vu'), so z' dSigma z / 2 = c (z.u)(z.v), and tr(W dSigma) / 2 = c u'Wv.
            result[first:last] = (by_element + z @ factors.M.T) @ keep
        return result

    def _mean_of(self, group: int, implied: Array) -> Array:
        """The implied means, or the sample's where the model says nothing about means."""
        return implied if self.model.specification.mean_structure else self.groups[group].mean

    def _point(self, x: Array, group: int) -> _Point:
        """Everything about a group that the derivatives of its discrepancy need; the last point is kept for the next question."""
        key = x.tobytes()
        known = self._kept.get(group)
        if known is None or known[0] != key:
            known = (key, self._find_point(x, group))
            self._kept[group] = known
        return known[1]

    def _find_point(self, x: Array, group: int) -> _Point:
        """The discrepancy of a group and its derivatives by Sigma and mu."""
        covariance, mean = self.model.moments(x, group)
        moments = self.groups[group]
        weight = moments.counts / moments.n
        if self.estimator != "ML":
            return _least_squares(covariance, moments, self.estimator)
        gap = np.where(moments.observed, moments.means - self._mean_of(group, mean), 0.0)
        inverse, log_det = pattern_inverses(
            np.broadcast_to(covariance, moments.covariances.shape), moments.observed
        )
        spread = moments.covariances + gap[:, :, None] * gap[:, None, :]
        kernel = inverse @ spread @ inverse
        z = np.einsum("kij,kj->ki", inverse, gap)
        value = float(weight @ (log_det + np.einsum("kij,kji->k", inverse, spread)))
        by_covariance = np.einsum("k,kij->ij", weight, inverse - kernel)
        return _Point(
            inverse, kernel, z, by_covariance, -2.0 * weight @ z, value - saturated_discrepancy(moments)
        )

    def _curvature(self, x: Array, group: int, point: _Point) -> Array:
        """The part of the observed information that comes from second derivatives of the moments."""
        cells = self.model.cells[group]
        if len(cells.filled[BETA]):
            return self._numeric_curvature(x, group, point)
        found, free, places = self.model.matrices(x, group), cells.free, cells.places
        row, column = cells.row[free], cells.column[free]
        G, H = point.by_covariance, point.by_covariance @ found.loadings
        result = np.zeros((len(free), len(free)))
        loading, spread, mean = places[LAMBDA], places[PSI], places[ALPHA]
        i, j = row[loading], column[loading]
        # Two loadings: Sigma holds lambda_ij phi_jl lambda_kl.
        result[np.ix_(loading, loading)] = G[np.ix_(i, i)] * found.factor_covariances[np.ix_(j, j)]
        # A loading and a factor covariance: c (e_i lambda_l' + lambda_l e_i') where the factor is one of the two.
        k, m = row[spread], column[spread]
        c = np.where(k == m, 0.5, 1.0)
        cross = c * ((j[:, None] == k) * H[np.ix_(i, m)] + (j[:, None] == m) * H[np.ix_(i, k)])
        # A loading and the mean of its factor.
        shift = 0.5 * (j[:, None] == row[mean]) * point.by_mean[i][:, None]
        for other, block in ((spread, cross), (mean, shift)):
            result[np.ix_(loading, other)] = block
            result[np.ix_(other, loading)] = block.T
        return gather(result, cells.index[free], self.model.n_free)

    def _numeric_curvature(self, x: Array, group: int, point: _Point) -> Array:
        """The same for models with paths between factors, by central differences with dF/dSigma and dF/dmu held fixed."""
        n_free = self.model.n_free
        result = np.zeros((n_free, n_free))
        for column in range(n_free):
            step = 1e-4 * max(1.0, abs(x[column]))
            ends = []
            for sign in (1.0, -1.0):
                moved = x.copy()
                moved[column] += sign * step
                factors = self.model.derivatives(moved, group)
                ends.append(gather(_contract(factors, point), factors.index, n_free))
            result[:, column] = (ends[0] - ends[1]) / (4.0 * step)
        return result


def invert_information(information: Array) -> Array:
    """Return the inverse of an information matrix.

    Raises LinAlgError where it is not positive definite (up to rounding, in the units of its diagonal): the point is no minimum,
    or not the only one, and variances from the inverse would be negative or without end.
    """
    if not len(information):
        return information
    size = np.sqrt(np.clip(np.diagonal(information), 1e-300, None))
    scaled = information / np.outer(size, size)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] <= _DEFINITE:
        raise np.linalg.LinAlgError
    return np.linalg.inv(scaled) / np.outer(size, size)


def saturated_discrepancy(moments: GroupMoments) -> float:
    """Return the discrepancy of the saturated model from nothing, which is subtracted so that F is 0 for a perfect fit."""
    weight = moments.counts / moments.n
    inverse, log_det = pattern_inverses(
        np.broadcast_to(moments.covariance, moments.covariances.shape), moments.observed
    )
    gap = np.where(moments.observed, moments.means - moments.mean, 0.0)
    spread = moments.covariances + gap[:, :, None] * gap[:, None, :]
    return float(weight @ (log_det + np.einsum("kij,kji->k", inverse, spread)))


def _least_squares(covariance: Array, moments: GroupMoments, estimator: Estimator) -> _Point:
    """Discrepancy and derivative of "GLS" and "ULS" for complete data; the means are saturated."""
    k = len(covariance)
    W = np.eye(k) if estimator == "ULS" else np.linalg.inv(moments.covariance)
    residual = W @ (moments.covariance - covariance)
    return _Point(
        W[None],
        np.zeros((1, k, k)),
        np.zeros((1, k)),
        -residual @ W,
        np.zeros(k),
        float(0.5 * np.einsum("ij,ji->", residual, residual)),
    )


def _contract(factors: Factors, point: _Point) -> Array:
    """The derivative of F by each free element of a group."""
    covariance = 2.0 * factors.c * np.einsum("qi,qi->q", factors.U @ point.by_covariance, factors.V)
    return covariance + factors.M @ point.by_mean


def expected_information(factors: Factors, W: Array) -> Array:
    """Return `tr(W dSigma_q W dSigma_r) / 2 + dmu_q' W dmu_r` for all pairs of elements."""
    UW, VW = factors.U @ W, factors.V @ W
    P, Q, R = UW @ factors.U.T, UW @ factors.V.T, VW @ factors.V.T
    return np.outer(factors.c, factors.c) * (P * R + Q * Q.T) + factors.M @ W @ factors.M.T


def _observed_information(factors: Factors, W: Array, C: Array, z: Array) -> Array:
    """Half the second derivative of one pattern's discrepancy with the moments taken as linear in the elements."""
    U, V, c, M = factors.U, factors.V, factors.c, factors.M
    UW, VW, UC, VC = U @ W, V @ W, U @ C, V @ C
    P, Q, R = UW @ U.T, UW @ V.T, VW @ V.T
    PC, QC, RC = UC @ U.T, UC @ V.T, VC @ V.T
    mixed = QC.T * Q + RC * P + PC * R + QC * Q.T
    total = np.outer(c, c) * (mixed - P * R - Q * Q.T) + M @ W @ M.T
    if M.any():
        cross = c * ((U @ z) * (M @ W @ V.T) + (V @ z) * (M @ W @ U.T))
        total = total + cross + cross.T
    return total
