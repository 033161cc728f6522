"""Hypothetical models that a fitted model would miss: a few paths more than it has, of a size that its own loadings suggest."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.errors import ScoringError
from scoring.sem.matrices import LAMBDA, THETA, Array, CompiledModel

RESIDUAL_CORRELATION: Final = 0.3
# A cross-loading stays below what would leave the item no residual variance.
_ROOM: Final = 0.95


@dataclass(frozen=True)
class AddedPath:
    """A path that the population has and the fitted model has not.

    Attributes
    ----------
    left, operator, right : str
        `factor =~ item` or `item ~~ item`.
    value : float
        Standardized loading, or correlation of the residuals.
    """

    left: str
    operator: str
    right: str
    value: float

    @property
    def name(self) -> str:
        """The path as a reader writes it."""
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Standardized:
    """A one-group model in standard deviations of its items and factors.

    Attributes
    ----------
    items, factors : tuple of str
    loadings : ndarray (k, m)
    shown : bool ndarray (k, m)
        Which loadings the model has.
    factor_correlations : ndarray (m, m)
    residuals : ndarray (k, k)
        Residual variances and covariances.
    tied : bool ndarray (k,)
        Items with a residual covariance.
    sd : ndarray (k,)
        Of the items, which turns correlations back into covariances.
    """

    items: tuple[str, ...]
    factors: tuple[str, ...]
    loadings: Array
    shown: Array
    factor_correlations: Array
    residuals: Array
    tied: Array
    sd: Array

    @property
    def solo(self) -> Array:
        """Items with one loading and no residual covariance: only they can be given a path more."""
        return (self.shown.sum(axis=1) == 1) & ~self.tied

    @property
    def own(self) -> Array:
        """The loading of each solo item on its factor; elsewhere the sum of its loadings, which has no meaning."""
        return np.where(self.shown, self.loadings, 0.0).sum(axis=1)

    def covariance(self, paths: tuple[AddedPath, ...] = ()) -> Array:
        """Return the items' covariances with these paths added and every variance as before."""
        loadings, residuals = self.loadings.copy(), self.residuals.copy()
        place = {name: number for number, name in enumerate(self.items)}
        for path in paths:
            if path.operator == "=~":
                loadings[place[path.right], self.factors.index(path.left)] = path.value
            else:
                i, j = place[path.left], place[path.right]
                residuals[i, j] = residuals[j, i] = path.value * np.sqrt(residuals[i, i] * residuals[j, j])
        correlations = loadings @ self.factor_correlations @ loadings.T + residuals
        np.fill_diagonal(correlations, 1.0)
        return correlations * np.outer(self.sd, self.sd)


def standardize_model(model: CompiledModel, x: Array) -> Standardized:
    """Return a model at its estimate in standard deviations.

    Raises
    ------
    ScoringError
        `dynamic.groups` for several groups, `dynamic.model` for factors without items of their own or paths between factors,
        `dynamic.improper` for a loading of 1 or more or a residual variance of 0 or less.
    """
    specification = model.specification
    if specification.n_groups != 1:
        raise ScoringError(
            "dynamic.groups",
            "The model has %(groups)d groups; dynamic cut-offs are made for one.",
            "Fit the model in each group by itself.",
            groups=specification.n_groups,
        )
    found, cells = model.matrices(x, 0), model.cells[0]
    present = (cells.index >= 0) | (cells.fixed != 0.0)
    shown = np.zeros_like(found.loadings, dtype=bool)
    at = present & (cells.kind == LAMBDA)
    shown[cells.row[at], cells.column[at]] = True
    if any(p.operator == "~" for p in specification.parameters) or not shown.any(axis=0).all():
        raise ScoringError(
            "dynamic.model",
            "The model has paths between factors, or factors without items.",
            "Dynamic cut-offs are made for models of factors that covary; leave the paths out.",
        )
    tied = np.zeros(len(specification.items), dtype=bool)
    at = present & (cells.kind == THETA) & (cells.row != cells.column)
    tied[cells.row[at]] = tied[cells.column[at]] = True
    covariance, _ = model.moments(x, 0)
    sd, spread = np.sqrt(np.diagonal(covariance)), np.diagonal(found.factor_covariances)
    if (spread <= 0).any():
        raise _refuse(specification.factors[int(np.argmin(spread))])
    factor_sd = np.sqrt(spread)
    loadings = found.loadings * factor_sd / sd[:, None]
    correlations = found.factor_covariances / np.outer(factor_sd, factor_sd)
    residuals = covariance / np.outer(sd, sd) - loadings @ correlations @ loadings.T
    wrong = (np.diagonal(residuals) <= 0) | (np.abs(loadings) >= 1).any(axis=1)
    if wrong.any():
        raise _refuse(specification.items[int(np.argmax(wrong))])
    return Standardized(
        specification.items, specification.factors, loadings, shown, correlations, residuals, tied, sd
    )


def _refuse(name: str) -> ScoringError:
    """The error for a solution that cannot be a population."""
    return ScoringError(
        "dynamic.improper",
        "The solution is improper at %(name)s (a variance of 0 or less, or a loading of 1 or more), so it is no population.",
        "Correct the model or use a larger sample before fit is judged.",
        name=name,
    )


def misfit_levels(model: Standardized) -> tuple[tuple[AddedPath, ...], ...]:
    """Return the paths that a fitted model misses at each level; every level has those of the level before and some more.

    Several factors (McNeish & Wolf 2023): level l adds l cross-loadings, up to one fewer than there are factors. The weakest solo item
    of each factor is a candidate; items of factors with three items or more come first, then weaker ones. Each is given a
    loading on the factor of the largest coefficient H among those whose pair with its own factor is not used yet. The loading is as
    large as the item's own, or 95 % of what would leave it no residual variance.

    One factor (McNeish & Wolf 2022): residuals of solo items correlate by .3 in pairs of neighbours in the order of their loadings,
    weakest first: a third, two thirds and all of the pairs that there are. Five items give one and two pairs; two to four give one.

    The sign of a path is such that turning an item or a factor round changes nothing (the authors' programs always add positive
    paths, which is the same where loadings and factor correlations are positive).
    """
    return _cross_loadings(model) if len(model.factors) > 1 else _residual_correlations(model)


def _cross_loadings(model: Standardized) -> tuple[tuple[AddedPath, ...], ...]:
    """Levels of a model with several factors."""
    own, k_items = np.abs(model.own), model.shown.sum(axis=0)
    weakest = []
    for factor in range(len(model.factors)):
        solo = np.flatnonzero(model.shown[:, factor] & model.solo)
        if len(solo):
            weakest.append((solo[np.argmin(own[solo])], factor))
    # The order in which factors to cross are given out and that of the levels differ where a factor has two items only.
    given = sorted(weakest, key=lambda pair: (k_items[pair[1]] < 3, own[pair[0]]))[: len(model.factors) - 1]
    reliability = coefficient_h(model)
    used: set[frozenset[int]] = set()
    paths: dict[int, AddedPath] = {}
    for item, factor in sorted(given, key=lambda pair: own[pair[0]]):
        open_factors = [
            other
            for other in range(len(model.factors))
            if other != factor and frozenset((factor, other)) not in used
        ]
        target = max(open_factors, key=lambda other: reliability[other])
        used.add(frozenset((factor, target)))
        size = _cross_size(model.own[item], model.factor_correlations[factor, target])
        paths[int(item)] = AddedPath(model.factors[target], "=~", model.items[item], size)
    ordered = [paths[int(item)] for item, _ in given]
    return tuple(tuple(ordered[: level + 1]) for level in range(len(ordered)))


def _cross_size(loading: float, correlation: float) -> float:
    """The loading on the other factor."""
    shared = loading * correlation
    room = _ROOM * (np.sqrt(shared**2 + 1.0 - loading**2) - abs(shared))
    sign = 1.0 if (shared if shared != 0.0 else loading) > 0 else -1.0
    return float(sign * min(abs(loading), room))


def coefficient_h(model: Standardized) -> Array:
    """Return the maximal reliability of each factor, `S / (1 + S)` with S the sum of `l^2 / (1 - l^2)` over its items.

    Hancock, G. R., & Mueller, R. O. (2001). Rethinking construct reliability within latent variable systems. In R. Cudeck,
    S. du Toit & D. Sorbom (Eds.), Structural equation modeling: present and future (pp. 195-216). Scientific Software International.
    """
    square = np.where(model.shown, model.loadings, 0.0) ** 2
    total = (square / (1.0 - square)).sum(axis=0)
    return total / (1.0 + total)


def _residual_correlations(model: Standardized) -> tuple[tuple[AddedPath, ...], ...]:
    """Levels of a model with one factor."""
    solo = np.flatnonzero(model.solo)
    order = solo[np.argsort(np.abs(model.own[solo]), kind="stable")]
    n_pairs = 1 if len(order) in {2, 3, 4} else len(order) // 2
    pairs = []
    for number in range(n_pairs):
        first, second = order[2 * number], order[2 * number + 1]
        sign = 1.0 if model.own[first] * model.own[second] >= 0 else -1.0
        pairs.append(AddedPath(model.items[second], "~~", model.items[first], sign * RESIDUAL_CORRELATION))
    counts = (n_pairs // 3, 2 * n_pairs // 3, n_pairs) if len(order) >= 6 else range(1, n_pairs + 1)
    return tuple(tuple(pairs[:count]) for count in counts)
