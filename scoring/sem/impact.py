"""How much a broken equality matters: item effect sizes (dMACS), and what it does to observed and latent means."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from scoring.sem.blocks import Layout
from scoring.sem.matrices import Array, CompiledModel
from scoring.sem.result import ConfirmatoryFit

_NODES: Final = 61


@dataclass(frozen=True)
class ItemImpact:
    """How differently one item works in a later block than in the first.

    Attributes
    ----------
    item, block : str
    dmacs : float
        Root mean squared difference of the expected answers at equal factor levels, in standard deviations of the item (0 = none;
        Nye & Drasgow take about .20, .40 and .70 as small, medium and large).
    points : float
        Mean difference of the expected answers at the later block's factor levels, in points of the item (of its categories).
    """

    item: str
    block: str
    dmacs: float
    points: float


def item_impacts(fit: ConfirmatoryFit, layout: Layout) -> tuple[ItemImpact, ...]:
    """Return the effect sizes of all items in all later blocks.

    Parameters
    ----------
    fit : ConfirmatoryFit
        A fit whose anchors put all blocks on one scale (equal loadings and intercepts of at least two items per factor).
    layout : Layout
        What the fit was laid out by.

    Notes
    -----
    `dMACS = sqrt(integral (E1(y | f) - E2(y | f))^2 phi(f; alpha2, psi2) df) / SD` with SD pooled from the implied standard deviations of the
    two blocks; linear items in closed form, ordinal ones by Gauss-Hermite quadrature over the expected category number.
    Reference: Nye, C. D., & Drasgow, F. (2011). Effect size indices for analyses of measurement equivalence. Journal of Applied
    Psychology, 96, 966-980. https://doi.org/10.1037/a0022955. R: `dmacs` packages; here from the formula.
    """
    found = []
    model = fit.problem.model
    for factor, items in layout.model.factors.items():
        for item in items:
            first = _Curve.of(model, fit.x, layout, 0, factor, item)
            for number in range(1, len(layout.blocks)):
                later = _Curve.of(model, fit.x, layout, number, factor, item)
                square, mean = _differ(first, later)
                spread = math.sqrt((first.variance + later.variance) / 2.0)
                found.append(
                    ItemImpact(
                        item,
                        layout.blocks[number].label,
                        math.sqrt(max(square, 0.0)) / spread if spread > 0 else math.nan,
                        mean,
                    )
                )
    return tuple(found)


def latent_means(fit: ConfirmatoryFit, layout: Layout) -> dict[tuple[str, str], float]:
    """Return the mean of each factor in each later block, in standard deviations of the first block."""
    model = fit.problem.model
    found = {}
    for factor in layout.model.factors:
        mean, variance = _factor_moments(model, fit.x, layout, 0, factor)
        for number in range(1, len(layout.blocks)):
            later, _ = _factor_moments(model, fit.x, layout, number, factor)
            found[factor, layout.blocks[number].label] = (later - mean) / math.sqrt(max(variance, 1e-300))
    return found


@dataclass(frozen=True)
class _Curve:
    """The expected answer to an item as a function of its factor in one block."""

    loading: float
    intercept: float
    residual: float
    thresholds: Array
    mean: float
    factor_variance: float
    ordinal: bool

    @classmethod
    def of(
        cls, model: CompiledModel, x: Array, layout: Layout, number: int, factor: str, item: str
    ) -> "_Curve":
        """Read the curve of a block from a fitted model."""
        block = layout.blocks[number]
        found = model.matrices(x, block.group)
        row = model.specification.items.index(block.name(item))
        column = model.specification.factors.index(block.name(factor))
        covariance, _ = model.moments(x, block.group)
        mean, variance = _factor_moments(model, x, layout, number, factor)
        return cls(
            float(found.loadings[row, column]),
            float(found.intercepts[row]),
            float(covariance[row, row] - found.loadings[row, column] ** 2 * variance),
            found.thresholds[model.threshold_item[block.group] == row],
            mean,
            variance,
            layout.thresholds is not None,
        )

    def expected(self, factor: Array) -> Array:
        """The expected answer at factor levels; for ordinal items the expected number of thresholds passed."""
        level = self.intercept + self.loading * factor
        if not self.ordinal:
            return level
        from scipy.special import ndtr

        return np.asarray(
            ndtr((level[:, None] - self.thresholds) / math.sqrt(max(self.residual, 1e-12))).sum(axis=1)
        )

    @property
    def variance(self) -> float:
        """The variance of the answer in this block."""
        if not self.ordinal:
            return self.loading**2 * self.factor_variance + self.residual
        from scipy.special import ndtr

        sd = math.sqrt(max(self.loading**2 * self.factor_variance + self.residual, 1e-12))
        level = self.intercept + self.loading * self.mean
        above = np.concatenate([[1.0], ndtr((level - self.thresholds) / sd), [0.0]])
        share = -np.diff(above)
        codes = np.arange(len(share))
        return float(share @ codes**2 - (share @ codes) ** 2)


def _factor_moments(
    model: CompiledModel, x: Array, layout: Layout, number: int, factor: str
) -> tuple[float, float]:
    """Mean and variance of a factor in a block."""
    block = layout.blocks[number]
    found = model.matrices(x, block.group)
    column = model.specification.factors.index(block.name(factor))
    return float(found.factor_means[column]), float(found.factor_covariances[column, column])


def category_covariances(cuts: list[Array], correlations: Array) -> Array:
    """Return the covariances of category numbers (thresholds passed) of standard normal responses cut at given places."""
    from scipy.special import ndtr

    from scoring.polychoric import bivariate_normal_cdf

    k = len(cuts)
    result = np.zeros((k, k))
    for i in range(k):
        for j in range(i, k):
            first, second = cuts[i][:, None], cuts[j][None, :]
            if i == j:
                both = ndtr(-np.maximum(first, second))
            else:
                both = bivariate_normal_cdf(-first, -second, correlations[i, j])
            result[i, j] = result[j, i] = float((both - ndtr(-first) * ndtr(-second)).sum())
    return result


@cache
def _quadrature() -> tuple[Array, Array]:
    """Nodes and weights that integrate over a standard normal variable."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / weights.sum()


def _differ(first: _Curve, later: _Curve) -> tuple[float, float]:
    """Mean squared and mean difference of two curves over the later block's factor (later less first)."""
    nodes, weights = _quadrature()
    levels = later.mean + math.sqrt(max(later.factor_variance, 0.0)) * nodes
    gap = later.expected(levels) - first.expected(levels)
    return float(weights @ gap**2), float(weights @ gap)
