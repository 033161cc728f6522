"""The factors by which estimates are standardized, in the factors alone and in the items too."""

import math
from dataclasses import dataclass

import numpy as np

from scoring.sem.matrices import Array, CompiledModel


@dataclass(frozen=True)
class Scales:
    """Standard deviations of everything in one group of a model.

    Attributes
    ----------
    factors : mapping factor -> standard deviation
    disturbances : mapping factor -> standard deviation of what no other factor explains
    items : mapping item -> implied standard deviation
    residuals : mapping item -> standard deviation of its residual
    """

    factors: dict[str, float]
    disturbances: dict[str, float]
    items: dict[str, float]
    residuals: dict[str, float]

    def latent(self, left: str, operator: str, right: str) -> float:
        """Return what an estimate is multiplied by when factors are standardized (std.lv)."""
        if operator == "=~":
            return self.factors[left]
        if operator == "~":
            return _divide(self.factors[right], self.factors[left])
        if left not in self.factors:
            return 1.0
        if operator == "~1":
            return _divide(1.0, self.factors[left])
        own = self.factors if left == right else self.disturbances
        return _divide(1.0, own[left] * own[right])

    def everything(self, left: str, operator: str, right: str) -> float:
        """Return what an estimate is multiplied by when factors and items are standardized (std.all)."""
        if operator == "=~":
            return _divide(self.factors[left], self.items[right])
        if left not in self.items:
            return self.latent(left, operator, right)
        if operator == "~~":
            own = self.items if left == right else self.residuals
            return _divide(1.0, own[left] * own[right])
        return _divide(1.0, self.items[left])


def scales_of(model: CompiledModel, x: Array, group: int) -> Scales:
    """Return the standard deviations of a group at the free parameters x."""
    found, (covariance, _) = model.matrices(x, group), model.moments(x, group)
    factors, items = model.specification.factors, model.specification.items
    common = found.loadings @ found.spread
    whole = found.spread @ found.factor_covariances @ found.spread.T
    left = np.diagonal(covariance) - np.diagonal(common @ found.factor_covariances @ common.T)
    return Scales(
        _roots(factors, np.diagonal(whole)),
        _roots(factors, np.diagonal(found.factor_covariances)),
        _roots(items, np.diagonal(covariance)),
        _roots(items, left),
    )


def _roots(names: tuple[str, ...], variances: Array) -> dict[str, float]:
    """Square roots, NaN for a negative variance."""
    return {
        name: math.sqrt(value) if value >= 0 else math.nan
        for name, value in zip(names, map(float, variances), strict=True)
    }


def _divide(value: float, by: float) -> float:
    """A quotient, NaN without a denominator."""
    return value / by if by > 0 else math.nan
