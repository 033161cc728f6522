"""Reliability of sums of ordered answers: categorical omega after Green and Yang, and ordinal alpha as a what-if."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.one_factor import fit_weighted_one_factor
from scoring.reliability import ONE_LEFT, FloatArray, alpha_from_covariance

if TYPE_CHECKING:
    from scoring.polychoric import OrdinalMoments

# Measurement plan, section 4.1.
CATEGORICAL_MINIMUM: Final = 150
CATEGORY_MINIMUM: Final = 5


@dataclass(frozen=True)
class CategoryMerge:
    """One logged step: the answers of a sparse category were given the code of its neighbour.

    Attributes
    ----------
    item : str
    category, into : float
        The code that is gone, and the code its answers have now.
    n_answers : int
        How many answers were moved.
    """

    item: str
    category: float
    into: float
    n_answers: int


def merge_sparse_categories(
    items: pd.DataFrame, minimum: int = CATEGORY_MINIMUM
) -> tuple[pd.DataFrame, tuple[CategoryMerge, ...]]:
    """Merge categories with few answers into their neighbours, and log every step.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Whole codes, NaN for missing.
    minimum : int, default 5
        Answers that a category needs; 0 merges nothing.

    Returns
    -------
    DataFrame, tuple of CategoryMerge
        A new table with the codes that are left (float64), and the steps in their order.

    Notes
    -----
    Missing answers stay missing and are not counted. While an item has a category below `minimum`, its sparsest one (the outermost,
    then the lowest, of equals) is given the code of the neighbour with fewer answers (the one nearer to the middle of equals). An
    item of which too few answers differ ends with a single category. Raises ScoringError `ordinal.items`, `ordinal.column`,
    `ordinal.number` for a table that is no set of items.
    """
    values = check_numeric_items(items, "ordinal")
    merged, log = {}, []
    for item in values.columns:
        column = values[item].to_numpy().copy()
        log += _merge_item(column, str(item), minimum)
        merged[item] = column
    return pd.DataFrame(merged, index=values.index), tuple(log)


def _merge_item(column: FloatArray, item: str, minimum: int) -> list[CategoryMerge]:
    """Merge one item's categories in place."""
    steps = []
    codes, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    while len(codes) > 1 and counts.min() < minimum:
        middle = (len(codes) - 1) / 2.0
        places = np.arange(len(codes))
        sparse = min(places, key=lambda place: (counts[place], -abs(place - middle), place))
        beside = [place for place in (sparse - 1, sparse + 1) if 0 <= place < len(codes)]
        into = min(beside, key=lambda place: (counts[place], abs(place - middle)))
        steps.append(CategoryMerge(item, float(codes[sparse]), float(codes[into]), int(counts[sparse])))
        column[column == codes[sparse]] = codes[into]
        counts[into] += counts[sparse]
        codes, counts = np.delete(codes, sparse), np.delete(counts, sparse)
    return steps


@dataclass(frozen=True)
class CategoricalOmega:
    """Reliability of the observed sum of ordered answers.

    Attributes
    ----------
    value : float or None
        Green and Yang's nonlinear coefficient for the sum of the codes; None where it is not defined, with a note.
    observed_value : float or None
        The same with the variance of the sum from the polychoric correlations instead of those that the model implies.
    latent : float or None
        Omega of the continuous answers behind the codes: hypothetical, never the reliability of the sum.
    loadings : Series by item
        Standardized, -1 to 1; empty where there is no value.
    thresholds : mapping item -> ndarray
    merges : tuple of CategoryMerge
        Categories merged beforehand.
    n_used, n_dropped, k_items : int
    converged : bool
    notes : tuple of Note
    """

    value: float | None
    observed_value: float | None
    latent: float | None
    loadings: pd.Series
    thresholds: dict[str, FloatArray]
    merges: tuple[CategoryMerge, ...]
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


_TWO_ITEMS = N_("Two items do not identify a one-factor model, so categorical omega is not defined.")
_SMALL = N_(
    "With %(n)d complete rows (below %(minimum)d) the polychoric correlations behind this value are hardly known."
)
_MERGED = N_("%(n)d sparse categories were merged with their neighbours.")
_ONE_CATEGORY = N_("%(item)s keeps a single category, so the value is not defined.")
_FEW_ROWS = N_("There are only %(n)d complete rows, so the value is not defined.")
_NO_FIT = N_("The one-factor model of the polychoric correlations did not converge.")
_HEYWOOD = N_("A standardized loading reaches 1, so the value is hardly to be trusted (Heywood case).")
_HYPOTHETICAL = N_(
    "This is the reliability of continuous answers nobody gave: a what-if, not the reliability of the score."
)
_MINIMUM_ROWS: Final = 10


def categorical_omega(items: pd.DataFrame, *, minimum: int = CATEGORY_MINIMUM) -> CategoricalOmega:
    """Compute the reliability of the observed sum of ordered answers from a one-factor model of the answers behind them.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed whole codes; three items or more.
    minimum : int, default 5
        Categories with fewer answers are merged with a neighbour first, which `merges` logs; 0 merges nothing.

    Returns
    -------
    CategoricalOmega
        With a note below 150 complete rows.

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise), before categories are counted.

    Loadings l are those of diagonally weighted least squares on polychoric correlations, t the thresholds. With
    `c(r) = sum_a sum_b d_a d_b [Phi2(t_a, t_b; r) - Phi(t_a) Phi(t_b)]` over the thresholds of two items, d the step of the code at
    a threshold, the value is `sum_ij c(l_i l_j) / (sum_{i != j} c(l_i l_j) + sum_i c(1))`, the numerator with i = j. Steps are
    those of the codes used; R takes every step as 1, which is the same where no code is left out.

    The same as R's `semTools::compRelSEM(fit, ord.scale = TRUE, obs.var = FALSE)` (`observed_value`: `obs.var = TRUE`) of
    `lavaan::cfa(..., estimator = "WLSMV")`.

    References
    ----------
    Green, S. B., & Yang, Y. (2009). Reliability of summed item scores using structural equation modeling: An alternative to
    coefficient alpha. Psychometrika, 74, 155-167. https://doi.org/10.1007/s11336-008-9099-3

    Raises
    ------
    ScoringError
        `ordinal.items`, `ordinal.column`, `ordinal.number` for fewer than two, doubled, or non-numeric columns; what
        `scoring.polychoric.ordinal_moments` raises for codes that are not whole or too many.
    """
    prepared = _prepare(items, minimum)
    k = prepared.values.shape[1]
    problem = prepared.problem or (Note("ordinal.two_items", _TWO_ITEMS) if k < 3 else None)
    if problem is not None:
        return _no_omega(prepared, k, (problem,))
    from scoring.polychoric import ordinal_moments

    moments = ordinal_moments(prepared.values)
    loadings, converged = fit_weighted_one_factor(moments.correlations, _correlation_variances(moments))
    if not converged or not np.isfinite(loadings).all():
        return _no_omega(prepared, k, (Note("ordinal.converged", _NO_FIT), *moments.notes))
    notes = prepared.notes + tuple(moments.notes)
    if (np.abs(loadings) >= 1.0).any():
        notes = (Note("ordinal.heywood", _HEYWOOD), *notes)
    implied = np.clip(np.outer(loadings, loadings), -1.0, 1.0)
    steps = [np.diff(codes) for codes in moments.categories]
    value, observed = green_yang(implied, moments.correlations, list(moments.thresholds), steps)
    common = float(loadings.sum()) ** 2
    return CategoricalOmega(
        value=value,
        observed_value=observed,
        latent=common / (common + float((1.0 - loadings**2).sum())),
        loadings=pd.Series(loadings, index=list(moments.items)),
        thresholds=dict(zip(moments.items, moments.thresholds, strict=True)),
        merges=prepared.merges,
        n_used=moments.n_used,
        n_dropped=prepared.n_dropped,
        k_items=k,
        converged=True,
        notes=notes,
    )


def green_yang(
    common: FloatArray, observed: FloatArray, thresholds: list[FloatArray], steps: list[FloatArray]
) -> tuple[float, float]:
    """Return Green and Yang's reliability of a sum of codes, over its implied and its observed variance.

    Parameters
    ----------
    common : ndarray (k, k)
        `l_i l_j`, diagonal included: the correlations of two parallel sets of the same items.
    observed : ndarray (k, k)
        Polychoric correlations.
    thresholds, steps : lists of k ndarrays
        Cuts of each item, and by how much the code grows at each.
    """
    from scipy.special import ndtr

    from scoring.polychoric import bivariate_normal_cdf

    cut, step = np.concatenate(thresholds), np.concatenate(steps)
    item = np.repeat(np.arange(len(thresholds)), [len(cuts) for cuts in thresholds])
    below = ndtr(cut)
    weight = step[:, None] * step

    def covariances(correlations: FloatArray) -> FloatArray:
        joint = bivariate_normal_cdf(cut[:, None], cut[None, :], correlations[item[:, None], item[None, :]])
        found: FloatArray = weight * (joint - below[:, None] * below)
        return found

    parallel = covariances(common)
    same = item[:, None] == item
    # The covariance of a sum with itself: two thresholds of one item are crossed by one and the same answer.
    own = float((weight * (np.minimum(below[:, None], below) - below[:, None] * below))[same].sum())
    numerator = float(parallel.sum())
    return (
        numerator / (float(parallel[~same].sum()) + own),
        numerator / (float(covariances(observed)[~same].sum()) + own),
    )


def _correlation_variances(moments: "OrdinalMoments") -> FloatArray:
    """Asymptotic variances of the correlations, which stand behind those of the thresholds."""
    n_thresholds = sum(len(cuts) for cuts in moments.thresholds)
    gamma: Any = moments.gamma
    variances: FloatArray = np.diag(gamma)[n_thresholds:]
    return variances


@dataclass(frozen=True)
class OrdinalAlpha:
    """Alpha of the continuous answers behind the codes: a what-if.

    Attributes
    ----------
    value : float or None
        Cronbach's formula on polychoric correlations; None where it is not defined, with a note.
    dropped : Series by item
        The same without each item; NaN for two items, with a note.
    merges : tuple of CategoryMerge
    n_used, n_dropped, k_items : int
    converged : bool
    notes : tuple of Note
        Always one that says that the value is hypothetical.
    """

    value: float | None
    dropped: pd.Series
    merges: tuple[CategoryMerge, ...]
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def ordinal_alpha(items: pd.DataFrame, *, minimum: int = CATEGORY_MINIMUM) -> OrdinalAlpha:
    """Compute "ordinal alpha", Cronbach's formula on polychoric correlations: what alpha might be with endless categories.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed whole codes; two items or more.
    minimum : int, default 5
        As in `categorical_omega`.

    Returns
    -------
    OrdinalAlpha
        Always with a note that the value is hypothetical (Chalmers 2018; for the other side Zumbo & Kroc 2019).

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise). `k/(k - 1) (1 - k / sum R)`.

    The same as R's `psych::alpha(lavaan::lavCor(x, ordered = names(x)))$total$std.alpha`; for two items psych fills the values
    without an item with correlations, which are NaN here.

    References
    ----------
    Chalmers, R. P. (2018). On misconceptions and the limited usefulness of ordinal alpha. Educational and Psychological
    Measurement, 78, 1056-1071. https://doi.org/10.1177/0013164417727036
    Zumbo, B. D., & Kroc, E. (2019). A measurement is a choice and Stevens' scales of measurement do not help make it.
    Educational and Psychological Measurement, 79, 1184-1197. https://doi.org/10.1177/0013164419844305

    Raises
    ------
    ScoringError
        As `categorical_omega`.
    """
    prepared = _prepare(items, minimum)
    hypothetical = Note("ordinal_alpha.hypothetical", _HYPOTHETICAL)
    n, k = prepared.values.shape
    if prepared.problem is not None:
        notes = (hypothetical, prepared.problem)
        return OrdinalAlpha(
            None, pd.Series(dtype="float64"), prepared.merges, n, prepared.n_dropped, k, False, notes
        )
    from scoring.polychoric import ordinal_moments

    moments = ordinal_moments(prepared.values, gamma=False)
    R = moments.correlations
    others = [np.delete(np.delete(R, item, 0), item, 1) for item in range(k)]
    one_left = (Note("alpha.one_left", ONE_LEFT),) if k == 2 else ()
    dropped = [float(alpha_from_covariance(rest)) if k > 2 else np.nan for rest in others]
    return OrdinalAlpha(
        value=float(alpha_from_covariance(R)),
        dropped=pd.Series(dropped, index=list(moments.items)),
        merges=prepared.merges,
        n_used=moments.n_used,
        n_dropped=prepared.n_dropped,
        k_items=k,
        converged=moments.converged,
        notes=(hypothetical, *one_left, *prepared.notes, *moments.notes),
    )


@dataclass(frozen=True)
class _Prepared:
    """Complete rows with sparse categories merged, and what is to be said about them."""

    values: pd.DataFrame
    merges: tuple[CategoryMerge, ...]
    n_dropped: int
    problem: Note | None
    notes: tuple[Note, ...]


def _prepare(items: pd.DataFrame, minimum: int) -> _Prepared:
    """Drop incomplete rows, merge sparse categories, and look whether anything is left."""
    if minimum < 0:
        raise ScoringError(
            "ordinal.minimum",
            "%(minimum)d is not a number of answers.",
            "Pass 0 to merge nothing, or 5 for the usual floor.",
            minimum=minimum,
        )
    values = check_numeric_items(items, "ordinal").rename(columns=str)
    complete = values.dropna()
    n = len(complete)
    merged, merges = merge_sparse_categories(complete, minimum)
    problem = None
    if n < _MINIMUM_ROWS:
        problem = Note("ordinal.rows", _FEW_ROWS, {"n": n})
    else:
        single = merged.nunique() < 2
        if single.any():
            problem = Note("ordinal.constant", _ONE_CATEGORY, {"item": str(single.index[single][0])})
    notes = (Note("ordinal.merged", _MERGED, {"n": len(merges)}),) if merges else ()
    if n < CATEGORICAL_MINIMUM:
        notes = (*notes, Note("ordinal.small", _SMALL, {"n": n, "minimum": CATEGORICAL_MINIMUM}))
    return _Prepared(merged, merges, len(values) - n, problem, notes)


def _no_omega(prepared: _Prepared, k: int, notes: tuple[Note, ...]) -> CategoricalOmega:
    """The result that only says why there is none."""
    empty = pd.Series(dtype="float64")
    n = len(prepared.values)
    return CategoricalOmega(
        None, None, None, empty, {}, prepared.merges, n, prepared.n_dropped, k, False, notes
    )
