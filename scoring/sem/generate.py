"""Data sets drawn from a fitted or a stated model: continuous or ordinal, complete or with a pattern of missing answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scoring.errors import ScoringError
from scoring.sem.data import EstimatorName, FittingData, prepare_data
from scoring.sem.many import draw_moments
from scoring.sem.matrices import Array, CompiledModel, compile_model
from scoring.sem.model import ConfirmatoryModel, Parameter, as_model, specify
from scoring.sem.moments import moments_from_covariance
from scoring.sem.result import ConfirmatoryFit


@dataclass(frozen=True)
class Population:
    """A multivariate normal population of items, cut into categories where it has thresholds.

    Attributes
    ----------
    items : tuple of str
    covariance : ndarray (k, k)
        Positive definite; of the latent responses where the items are ordinal.
    mean : ndarray (k,)
    thresholds : tuple of ndarray, one per item, or None
        Increasing, on the scale of the latent responses; one fewer than the item has categories.
    categories : tuple of ndarray, one per item, or None
        The codes of the categories, in order; 1, 2, ... where nothing is said.

    Raises
    ------
    ScoringError
        `generate.covariance` for a matrix that is no covariance matrix of these items, `generate.mean`, `generate.thresholds`,
        `generate.categories` for what does not fit them.
    """

    items: tuple[str, ...]
    covariance: Array
    mean: Array
    thresholds: tuple[Array, ...] | None = None
    categories: tuple[Array, ...] | None = None

    def __post_init__(self) -> None:
        """Check that data can be drawn."""
        k = len(self.items)
        if self.covariance.shape != (k, k) or not _is_definite(self.covariance):
            raise ScoringError(
                "generate.covariance",
                "The covariances are not a positive definite matrix of the %(k)d items.",
                "Correct the model: no data have such covariances.",
                k=k,
            )
        if self.mean.shape != (k,) or not np.isfinite(self.mean).all():
            raise ScoringError(
                "generate.mean", "The %(k)d items need one mean each.", "Pass finite numbers.", k=k
            )
        if self.thresholds is None:
            return
        for item, cuts in zip(self.items, self.thresholds, strict=True):
            if len(cuts) == 0 or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
                raise ScoringError(
                    "generate.thresholds",
                    "The thresholds of item %(item)s do not increase.",
                    "Pass at least one threshold for each item, smallest first.",
                    item=item,
                )
        if self.categories is None:
            codes = tuple(np.arange(1.0, len(cuts) + 2.0) for cuts in self.thresholds)
            object.__setattr__(self, "categories", codes)
        elif [len(c) for c in self.categories] != [len(cuts) + 1 for cuts in self.thresholds]:
            raise ScoringError(
                "generate.categories",
                "An item's codes and its thresholds do not match.",
                "Pass one code more than thresholds for each item.",
            )

    @property
    def ordinal(self) -> bool:
        """Whether the items have categories."""
        return self.thresholds is not None


def fitted_population(fit: ConfirmatoryFit, group: int = 0) -> Population:
    """Return the population that a fitted model implies for one of its groups.

    Parameters
    ----------
    fit : ConfirmatoryFit
        The fitted model.
    group : int
        Number of the group, from 0.

    Returns
    -------
    Population
        Ordinal items keep the codes of the data. Items without a mean structure have the means of the sample.
    """
    model = fit.problem.model
    covariance, mean = model.moments(fit.x, group)
    if not fit.data.ordinal:
        if not fit.specification.mean_structure:
            mean = fit.data.samples[group][1]
        return Population(fit.specification.items, covariance, mean)
    return Population(
        fit.specification.items,
        covariance,
        mean,
        split_by_item(model, model.matrices(fit.x, group).thresholds, group),
        fit.data.groups[group].categories,
    )


def split_by_item(model: CompiledModel, thresholds: Array, group: int = 0) -> tuple[Array, ...]:
    """Return a model's thresholds as one array per item."""
    which = model.threshold_item[group]
    return tuple(thresholds[which == item] for item in range(len(model.specification.items)))


def stated_population(
    model: ConfirmatoryModel | Mapping[str, Sequence[str]] | str,
    *,
    means: Mapping[str, float] | None = None,
    thresholds: Mapping[str, Sequence[float]] | None = None,
) -> Population:
    """Return the population of a model whose numbers are stated, as a paper prints them.

    Parameters
    ----------
    model : lavaan's notation or ConfirmatoryModel
        Every loading with its value: `trust =~ .8*t1 + .7*t2 + .6*t3`. Factors have variance 1 and do not covary unless the model says
        so (`trust ~~ .4*safety`); an item's residual variance is what its factors leave of 1 unless it is stated (`t1 ~~ .5*t1`).
        Residual covariances are stated as covariances (`t1 ~~ .1*t2`).
    means : mapping item -> mean, optional
        0 where nothing is said.
    thresholds : mapping item -> thresholds, optional
        Makes all items ordinal.

    Returns
    -------
    Population

    Raises
    ------
    ScoringError
        `generate.value` for a loading or residual covariance without a value, or an item whose factors explain more than all of it;
        `generate.items` for means or thresholds of other items; and as `Population`.
    """
    read = as_model(model)
    specification = specify(read, scaling="unit_variance")
    fixed = tuple(_state(parameter, specification.items) for parameter in specification.parameters)
    # Nothing is free; the one number takes the place of the parameters that are looked up and not used.
    covariance, _ = compile_model(replace(specification, parameters=fixed)).moments(np.zeros(1), 0)
    stated = {p.left for p in read.extra if p.operator == "~~" and p.left == p.right}
    for number, item in enumerate(read.items):
        if item not in stated:
            if covariance[number, number] >= 1.0:
                raise ScoringError(
                    "generate.value",
                    "The factors of item %(item)s explain more than all of its variance.",
                    "Correct its loadings, or state its residual variance.",
                    item=item,
                )
            covariance[number, number] = 1.0
    unknown = set(means or {}) - set(read.items)
    if thresholds is not None:
        unknown |= set(thresholds) ^ set(read.items)
    if unknown:
        raise ScoringError(
            "generate.items",
            "Means or thresholds do not belong to the items of the model: %(items)s.",
            "Pass thresholds for every item or for none, and means of its items only.",
            items=", ".join(sorted(unknown)),
        )
    return Population(
        read.items,
        covariance,
        np.array([float((means or {}).get(item, 0.0)) for item in read.items]),
        None if thresholds is None else tuple(np.asarray(thresholds[i], dtype=float) for i in read.items),
    )


def _state(parameter: Parameter, items: tuple[str, ...]) -> Parameter:
    """A parameter fixed at what is stated of it; what may be left out is 0."""
    if not parameter.free:
        return parameter
    own = parameter.left == parameter.right
    residual = parameter.operator == "~~" and parameter.left in items and not own
    if parameter.operator == "=~" or residual:
        raise ScoringError(
            "generate.value",
            "%(parameter)s has no value.",
            "State a number for it, for example “trust =~ .8*t1”.",
            parameter=parameter.name,
        )
    return replace(parameter, free=False, value=0.0)


def draw_rows(
    population: Population, n: int, rng: np.random.Generator, *, observed: Array | None = None
) -> pd.DataFrame:
    """Draw respondents.

    Parameters
    ----------
    population : Population
        Where they come from.
    n : int
        Respondents.
    rng : numpy Generator
        Source of all randomness.
    observed : bool ndarray (m, k), optional
        Patterns of answers, False where one is missing. With m = n row by row, otherwise each respondent gets one of them at random;
        answers are missing completely at random either way.

    Returns
    -------
    DataFrame (n, k), float64
        Codes for ordinal items; NaN where an answer is missing.

    Raises
    ------
    ScoringError
        `generate.rows` for fewer than one respondent, `generate.observed` for patterns of other items.
    """
    k = len(population.items)
    if n < 1:
        raise ScoringError("generate.rows", "%(n)d respondents cannot be drawn.", "Ask for 1 or more.", n=n)
    root = np.linalg.cholesky(population.covariance)
    values = population.mean + rng.standard_normal((n, k)) @ root.T
    if population.thresholds is not None and population.categories is not None:
        for item, (cuts, codes) in enumerate(zip(population.thresholds, population.categories, strict=True)):
            values[:, item] = codes[np.searchsorted(cuts, values[:, item])]
    if observed is not None:
        if observed.ndim != 2 or observed.shape[1] != k or observed.dtype != np.bool_ or not len(observed):
            raise ScoringError(
                "generate.observed",
                "The patterns of answers are not rows of %(k)d truth values.",
                "Pass one row per pattern and one column per item, False where an answer is missing.",
                k=k,
            )
        rows = observed if len(observed) == n else observed[rng.integers(0, len(observed), n)]
        values[~rows] = np.nan
    return pd.DataFrame(values, columns=list(population.items))


def draw_data(
    population: Population,
    n: int,
    rng: np.random.Generator,
    *,
    estimator: EstimatorName = "ML",
    observed: Array | None = None,
) -> FittingData:
    """Draw a data set that is ready to be fitted (`fit_specification`).

    Complete continuous data for ML are drawn as moments, so that the cost does not depend on n; all else goes through rows. Other
    parameters as in `draw_rows`.

    Raises
    ------
    ScoringError
        As `draw_rows`; `generate.estimator` where categories and estimator do not belong together; `sem.*` when the rows drawn
        cannot be fitted, for example since one item came out constant.
    """
    if population.ordinal != (estimator == "WLSMV"):
        raise ScoringError(
            "generate.estimator",
            "The estimator %(estimator)s is not for items of this kind.",
            "Use WLSMV for a population with thresholds and another estimator for one without.",
            estimator=estimator,
        )
    if estimator == "ML" and observed is None and n > len(population.items):
        covariances, means = draw_moments(rng, population.covariance, population.mean, n, 1)
        return _from_moments(population, covariances[0], means[0], n)
    rows = draw_rows(population, n, rng, observed=observed)
    incomplete = observed is not None and estimator in {"ML", "MLR"}
    return prepare_data(
        rows, population.items, estimator=estimator, missing="fiml" if incomplete else "listwise"
    )


def exact_data(population: Population, n: int) -> FittingData:
    """Return the data set of n respondents whose moments are the population's own, for ML.

    What a model makes of it is what it makes of the population: parameters without error, and misfit that is no chance.

    Raises
    ------
    ScoringError
        `generate.estimator` for ordinal items, whose weights need answers.
    """
    if population.ordinal:
        raise ScoringError(
            "generate.estimator",
            "Ordinal items have no exact data.",
            "Draw many respondents instead.",
        )
    return _from_moments(population, population.covariance, population.mean, n)


def _from_moments(population: Population, covariance: Array, mean: Array, n: int) -> FittingData:
    """Prepared data made of moments."""
    moments = moments_from_covariance(covariance, mean, n)
    return FittingData(population.items, ("",), (moments,), "ML", False, n, 0, ())


def _is_definite(covariance: Array) -> bool:
    """Whether a matrix is symmetric and positive definite."""
    if not np.isfinite(covariance).all() or not np.allclose(covariance, covariance.T, rtol=1e-10, atol=1e-12):
        return False
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return False
    return True
