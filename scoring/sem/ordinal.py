"""Diagonally weighted least squares for ordinal items: thresholds and polychoric correlations as the moments to be fitted.

`F = sum_g (n_g / N) (s_g - sigma_g)' W_g (s_g - sigma_g)` with W the inverse of the diagonal of the moments' asymptotic covariances, so that
`sum_g (n_g - 1) F_g` is the unadjusted chi-square.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scoring.sem.matrices import Array, CompiledModel

if TYPE_CHECKING:
    from scoring.polychoric import OrdinalMoments


@dataclass(frozen=True)
class OrdinalProblem:
    """A compiled model of ordinal items with the moments it is fitted to.

    Attributes
    ----------
    model : CompiledModel
    groups : sequence of OrdinalMoments
        With their asymptotic covariances.
    """

    model: CompiledModel
    groups: Sequence["OrdinalMoments"]

    @property
    def n(self) -> int:
        """Respondents in all groups less one a group, which weighted least squares counts by, as lavaan does."""
        return sum(group.n_used - 1 for group in self.groups)

    @property
    def shares(self) -> Array:
        """Share of the respondents in each group."""
        sizes = np.array([group.n_used for group in self.groups])
        return sizes / sizes.sum()

    @cached_property
    def observed(self) -> tuple[Array, ...]:
        """The sample's thresholds and correlations, one vector a group."""
        return tuple(ordinal_statistics(group) for group in self.groups)

    @cached_property
    def weights(self) -> tuple[Array, ...]:
        """The diagonal of each group's weight matrix."""
        return tuple(1.0 / np.diagonal(gamma_of(group)) for group in self.groups)

    def implied(self, x: Array, group: int) -> Array:
        """Return the model's thresholds and correlations of the standardized latent responses."""
        covariance, mean = self.model.moments(x, group)
        spread = np.diagonal(covariance)
        if (spread <= 0).any():
            raise np.linalg.LinAlgError
        sd = np.sqrt(spread)
        which = self.model.threshold_item[group]
        tau = self.model.matrices(x, group).thresholds
        first, second = np.triu_indices(len(sd), 1)
        return np.concatenate(
            [(tau - mean[which]) / sd[which], covariance[first, second] / (sd[first] * sd[second])]
        )

    def jacobian(self, x: Array, group: int) -> Array:
        """Return the derivatives of the implied statistics by the free parameters, statistics x parameters."""
        covariance, mean = self.model.moments(x, group)
        factors = self.model.derivatives(x, group)
        which = self.model.threshold_item[group]
        first, second = np.triu_indices(len(mean), 1)
        U, V, c = factors.U, factors.V, factors.c
        by_pair = c[:, None] * (U[:, first] * V[:, second] + V[:, first] * U[:, second])
        by_threshold = factors.T - factors.M[:, which]
        if self.model.specification.theta:
            spread = np.diagonal(covariance)
            sd = np.sqrt(spread)
            relative = 2.0 * c[:, None] * U * V / spread  # dSigma_ii / Sigma_ii
            tau = self.model.matrices(x, group).thresholds
            kappa = (tau - mean[which]) / sd[which]
            by_threshold = by_threshold / sd[which] - 0.5 * kappa * relative[:, which]
            correlation = covariance[first, second] / (sd[first] * sd[second])
            by_pair = by_pair / (sd[first] * sd[second]) - 0.5 * correlation * (
                relative[:, first] + relative[:, second]
            )
        by_element = np.concatenate([by_threshold, by_pair], axis=1)
        result = np.zeros((by_element.shape[1], self.model.n_free))
        np.add.at(result.T, factors.index, by_element)
        return result

    def misfits(self, x: Array) -> Array:
        """Return F of each group."""
        return np.array(
            [
                w @ (s - self.implied(x, group)) ** 2
                for group, (s, w) in enumerate(zip(self.observed, self.weights, strict=True))
            ]
        )

    def objective(self, x: Array) -> float:
        """Return F; infinite where a variance is not positive."""
        try:
            return float(self.shares @ self.misfits(x))
        except np.linalg.LinAlgError:
            return float("inf")

    def chi_square(self, x: Array) -> float:
        """Return the unadjusted statistic, the sum of `(n_g - 1) F_g`."""
        return float(np.array([group.n_used - 1 for group in self.groups]) @ self.misfits(x))

    def gradient(self, x: Array) -> Array:
        """Return dF/dx."""
        total = np.zeros(self.model.n_free)
        for group, (share, s, w) in enumerate(zip(self.shares, self.observed, self.weights, strict=True)):
            total -= 2.0 * share * (w * (s - self.implied(x, group))) @ self.jacobian(x, group)
        return total

    def information(self, x: Array) -> Array:
        """Return `Delta' W Delta`, half the second derivative of F up to the residuals."""
        total = np.zeros((self.model.n_free,) * 2)
        for group, (share, w) in enumerate(zip(self.shares, self.weights, strict=True)):
            jacobian = self.jacobian(x, group)
            total += share * (jacobian.T * w) @ jacobian
        return (total + total.T) / 2.0

    def spread(self, x: Array) -> Array:
        """Return `Delta' W Gamma W Delta`, the covariance of the gradient's half, over all groups."""
        total = np.zeros((self.model.n_free,) * 2)
        for group, (share, w) in enumerate(zip(self.shares, self.weights, strict=True)):
            weighted = self.jacobian(x, group) * w[:, None]
            total += share * weighted.T @ gamma_of(self.groups[group]) @ weighted
        return (total + total.T) / 2.0


def ordinal_statistics(moments: "OrdinalMoments") -> Array:
    """Return thresholds item by item, then correlations in the order of the upper triangle."""
    first, second = np.triu_indices(len(moments.items), 1)
    return np.concatenate([*moments.thresholds, moments.correlations[first, second]])


def gamma_of(moments: "OrdinalMoments") -> Array:
    """Return the asymptotic covariances of the moments, which weighted least squares cannot do without."""
    if moments.gamma is None:
        raise ValueError("ordinal moments were computed without their covariances")
    return moments.gamma


def misfit_traces(problem: OrdinalProblem, x: Array, inverse: Array) -> tuple[float, float]:
    """Return `tr(U Gamma)` and `tr((U Gamma)^2)` with `U = W - W Delta (Delta' W Delta)^-1 Delta' W`.

    With `M = W^(1/2) Gamma W^(1/2)` and X an orthonormal basis of `W^(1/2) Delta`: `tr M - tr X'MX` and
    `|M|^2 - 2 |MX|^2 + |X'MX|^2`, so that no product of two matrices of moments is formed. `inverse` is the inverse information.
    """
    root = np.linalg.cholesky(inverse + 0.0)
    first = second = 0.0
    overlap = np.zeros_like(inverse)
    product = 0.0
    for group, (share, w) in enumerate(zip(problem.shares, problem.weights, strict=True)):
        basis = np.sqrt(share * w)[:, None] * problem.jacobian(x, group) @ root
        scaled = gamma_of(problem.groups[group]) * np.sqrt(np.outer(w, w))
        applied = scaled @ basis
        first += float(np.trace(scaled))
        second += float((scaled**2).sum())
        product += float((applied**2).sum())
        overlap += basis.T @ applied
    return first - float(np.trace(overlap)), second - 2.0 * product + float((overlap**2).sum())
