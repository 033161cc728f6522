"""Mentors with several mentees: the mentor becomes the unit of inference, and pairs of one mentor are no longer independent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.dyads.pairs import Array, is_flat, read_pairs
from scoring.errors import Note, ScoringError
from scoring.gates import minimum_for
from scoring.mixed import DegreesOfFreedom, MixedModel, fit_mixed

# From this share of mentors on, mentors instead of pairs are the unit (measurement plan, 4.4).
SHARE_SEVERAL: Final = 0.20
_MENTOR: Final = "mentor"
_MENTEE: Final = "mentee"
_SMALLEST: Final = 3

_FEW = N_("Mentors with several mentees need at least %(minimum)d mentors to be compared; there are %(n)d.")
_GATE = N_("Such models are reported from %(minimum)d mentors on; with %(n)d it is for researchers only.")
_NEEDED = N_(
    "%(percent).0f %% of the mentors have more than one mentee, so the mentor is the unit: conclusions rest on %(n)d mentors, and "
    "cells are counted in mentors."
)
_NOT_NEEDED = N_(
    "%(percent).0f %% of the mentors have more than one mentee, fewer than %(minimum).0f %%, so pairs may stay the unit."
)
_NOBODY = N_(
    "No mentor has more than one mentee, so differences of mentors and of pairs cannot be told apart."
)
_FLAT = N_("The outcome does not vary, so there is nothing to divide into mentors and pairs.")
_MODEL = N_("The model could not be estimated: %(problem)s")
_NEGATIVE = N_(
    "The variance of %(component)s is estimated as negative, which means 0 or a sample that is too small; correlations with it are "
    "not defined."
)
_LINKS = N_(
    "Mentors and mentees who met in several pairs tie %(n)d pairs together in %(groups)d independent groups."
)


@dataclass(frozen=True)
class OneWithMany:
    """Outcomes of pairs in which a mentor may have several mentees.

    Attributes
    ----------
    mean, se, df, low, high : float or None
        Mean outcome with the small-sample error of the mixed model; 95 %.
    coefficients : DataFrame
        All coefficients: estimate, se, df, t, p, low, high.
    variances : mapping
        "mentor" (between mentors), with several mentors for some mentees "mentee", and "pair" (between the pairs of one mentor, error
        included).
    icc : float or None
        Share of the mentors in the variance.
    share_several : float or None
        Share of the mentors with more than one mentee; `needed` says whether it is 20 % or more.
    unit : "mentor" or "pair"
        What conclusions rest on.
    n_used, n_dropped : int
        Pairs with an outcome and a mentor, and pairs left out.
    n_mentors, n_several : int
        Mentors among the pairs used, and those of them with more than one mentee.
    log_likelihood : float or None
        Restricted.
    model : MixedModel or None
        For tests of contrasts.
    converged : bool
    notes : tuple of Note
    """

    mean: float | None
    se: float | None
    df: float | None
    low: float | None
    high: float | None
    coefficients: pd.DataFrame
    variances: Mapping[str, float]
    icc: float | None
    share_several: float | None
    needed: bool
    unit: Literal["mentor", "pair"]
    n_used: int
    n_dropped: int
    n_mentors: int
    n_several: int
    log_likelihood: float | None
    model: MixedModel | None = field(repr=False)
    converged: bool
    notes: tuple[Note, ...]


def one_with_many(
    outcome: pd.Series,
    mentor: pd.Series,
    *,
    covariates: pd.DataFrame | None = None,
    mentee: pd.Series | None = None,
    method: DegreesOfFreedom = "kenward-roger",
) -> OneWithMany:
    """Fit `y_ij = mu + mentor_i + pair_ij` by restricted maximum likelihood.

    Parameters
    ----------
    outcome : Series of float, one value per pair
        The index holds the pairs' labels.
    mentor : Series, one label per pair
        Who the mentor is; pairs without one are dropped.
    covariates : DataFrame of pairs x covariates, optional
        Fixed effects beside the intercept, numbers without gaps in the pairs that are used.
    mentee : Series, optional
        Who the mentee is, where mentees were matched again: adds a random intercept of the mentee (cross-classified).
    method : "kenward-roger" or "satterthwaite"
        Degrees of freedom; the first also corrects errors.

    Returns
    -------
    OneWithMany

    Notes
    -----
    Missing data: pairs without an outcome are dropped (direct likelihood). The intercept is the mean outcome when covariates are 0.
    With `mentee`, pairs that share anybody, directly or through others, form one independent unit.

    R: `lme4::lmer(y ~ 1 + (1 | mentor))` with `pbkrtest::vcovAdj` and `pbkrtest::KRmodcomp`; `(1 | mentor) + (1 | mentee)`.

    References
    ----------
    Marcus, D. K., Kashy, D. A., & Baldwin, S. A. (2009). Studying psychotherapy using the one-with-many design. Journal of
    Counseling Psychology, 56, 537-548. https://doi.org/10.1037/a0017291
    Kenny, D. A., Kashy, D. A., & Cook, W. L. (2006). Dyadic data analysis, chapter 10. Guilford.

    Raises
    ------
    ScoringError
        `dyads.index` for a pair that stands twice, `one_with_many.covariates` for covariates with gaps or doubled names; what `fit_mixed` says of
        covariates; and as `read_pairs`.
    """
    table, n_dropped = _read(outcome, mentor, mentee)
    sizes = table[_MENTOR].value_counts()
    n, n_mentors, n_several = len(table), len(sizes), int((sizes > 1).sum())
    share = n_several / n_mentors if n_mentors else None
    needed = share is not None and share >= SHARE_SEVERAL
    result = OneWithMany(
        *(None,) * 5,
        coefficients=pd.DataFrame(columns=["estimate", "se", "df", "t", "p", "low", "high"]),
        variances={},
        icc=None,
        share_several=share,
        needed=needed,
        unit="mentor" if needed else "pair",
        n_used=n,
        n_dropped=n_dropped,
        n_mentors=n_mentors,
        n_several=n_several,
        log_likelihood=None,
        model=None,
        converged=False,
        notes=(),
    )
    if n_mentors < _SMALLEST or share is None:
        return replace(result, notes=(_few(n_mentors),))
    percent = {"percent": 100.0 * share}
    note = (
        Note("one_with_many.needed", _NEEDED, {**percent, "n": n_mentors})
        if needed
        else Note("one_with_many.not_needed", _NOT_NEEDED, {**percent, "minimum": 100.0 * SHARE_SEVERAL})
    )
    notes = [note, *_gate_notes(n_mentors)]
    if n_several == 0:
        return replace(result, notes=(*notes, Note("one_with_many.nobody", _NOBODY)))
    if is_flat(table["outcome"].to_numpy()):
        return replace(result, notes=(*notes, Note("one_with_many.flat", _FLAT)))
    return _fit(replace(result, notes=tuple(notes)), table, _design(table, covariates), method)


def _few(n: int) -> Note:
    """Say that there are too few mentors."""
    return Note("one_with_many.few", _FEW, {"minimum": _SMALLEST, "n": n})


def _gate_notes(n: int) -> list[Note]:
    """Say that there are fewer mentors than a mixed model is reported from."""
    minimum = minimum_for("mixed_model")
    return [] if n >= minimum else [Note("one_with_many.gate", _GATE, {"minimum": minimum, "n": n})]


def _read(outcome: pd.Series, mentor: pd.Series, mentee: pd.Series | None) -> tuple[pd.DataFrame, int]:
    """Pairs with an outcome, a mentor and (where asked for) a mentee, and the number of the others."""
    table = read_pairs({"outcome": outcome}).reindex(outcome.index)
    for name, labels in ((_MENTOR, mentor), (_MENTEE, mentee)):
        if labels is None:
            continue
        table[name] = _read_labels(labels, name).reindex(table.index)
    used = table.dropna()
    return used, len(table) - len(used)


def _read_labels(labels: pd.Series, name: str) -> pd.Series:
    """Labels of people, one per pair."""
    if not isinstance(labels, pd.Series):
        raise ScoringError(
            "dyads.series",
            "%(column)s is not a column of labels.",
            "Pass a pandas Series whose index holds the pairs' labels.",
            column=name,
        )
    if labels.index.has_duplicates:
        raise ScoringError(
            "dyads.index",
            "Pair %(pair)s stands more than once in %(column)s.",
            "Pass one label per pair.",
            pair=str(labels.index[labels.index.duplicated()][0]),
            column=name,
        )
    return labels


def _design(table: pd.DataFrame, covariates: pd.DataFrame | None) -> pd.DataFrame:
    """The intercept and the covariates of the pairs used."""
    design = pd.DataFrame({"intercept": 1.0}, index=table.index)
    if covariates is None:
        return design
    columns = {str(name): covariates.iloc[:, place] for place, name in enumerate(covariates.columns)}
    if len(columns) < covariates.shape[1] or "intercept" in columns:
        raise ScoringError(
            "one_with_many.covariates",
            "A covariate's name stands twice, or is “intercept”.",
            "Give every covariate a name of its own; the intercept is added.",
        )
    read = read_pairs(columns).reindex(table.index)
    if read.isna().to_numpy().any():
        raise ScoringError(
            "one_with_many.covariates",
            "Pair %(pair)s has an outcome but a covariate is missing.",
            "Give every pair its covariates, or leave the pair's outcome empty.",
            pair=str(read.index[read.isna().any(axis=1)][0]),
        )
    return pd.concat([design, read], axis=1)


def _fit(
    result: OneWithMany, table: pd.DataFrame, design: pd.DataFrame, method: DegreesOfFreedom
) -> OneWithMany:
    """The mixed model's numbers."""
    notes, unit = list(result.notes), table[_MENTOR]
    components: dict[str, pd.Series | None] = {_MENTOR: None}
    if _MENTEE in table:
        unit = _independent_groups(table)
        components = {_MENTOR: table[_MENTOR], _MENTEE: table[_MENTEE]}
        notes.append(Note("one_with_many.links", _LINKS, {"n": len(table), "groups": int(unit.nunique())}))
    try:
        model = fit_mixed(table["outcome"], design, unit, components, method=method)
    except ScoringError as problem:
        if problem.code != "mixed.few":
            raise
        return replace(result, notes=(*notes, Note("one_with_many.model", _MODEL, {"problem": str(problem)})))
    first = model.coefficients.iloc[0]
    variances = {("pair" if name == "residual" else name): value for name, value in model.variances.items()}
    total = sum(variances.values())
    return replace(
        result,
        mean=float(first["estimate"]),
        se=float(first["se"]),
        df=float(first["df"]),
        low=float(first["low"]),
        high=float(first["high"]),
        coefficients=model.coefficients.drop(columns=["se_plain"]),
        variances=variances,
        icc=variances[_MENTOR] / total if total > 0.0 else None,
        log_likelihood=model.log_likelihood,
        model=model,
        converged=model.converged,
        notes=(*notes, *model.notes),
    )


def _independent_groups(table: pd.DataFrame) -> pd.Series:
    """A number for each pair: pairs tied together by shared people have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    mentor, mentee = (pd.factorize(table[name])[0] for name in (_MENTOR, _MENTEE))
    n_mentors = int(mentor.max()) + 1
    size = n_mentors + int(mentee.max()) + 1
    links = coo_array((np.ones(len(mentor)), (mentor, mentee + n_mentors)), shape=(size, size))
    labels = connected_components(links, directed=False)[1]
    return pd.Series(labels[mentor], index=table.index)


@dataclass(frozen=True)
class ReciprocalDesign:
    """What both sides of mentors with several mentees say, divided into mentors and single relationships.

    Attributes
    ----------
    table : DataFrame
        Rows "mentors' answers" and "mentees' answers"; columns mean, between (variance over mentors), relationship (variance over the
        pairs of one mentor, error included), share (of the mentors in both). Between the mentors' own answers: a mentor sees all
        mentees alike. Between in the mentees' answers: the mentees of one mentor agree about that mentor.
    generalized_reciprocity, dyadic_reciprocity : float or None
        Correlation of both sides over mentors, and over the pairs of one mentor.
    covariance_between, covariance_relationship : float or None
    n_used, n_dropped, n_mentors : int
    converged : bool
    notes : tuple of Note
    """

    table: pd.DataFrame
    generalized_reciprocity: float | None
    dyadic_reciprocity: float | None
    covariance_between: float | None
    covariance_relationship: float | None
    n_used: int
    n_dropped: int
    n_mentors: int
    converged: bool
    notes: tuple[Note, ...]


def reciprocal_one_with_many(
    mentor_score: pd.Series, mentee_score: pd.Series, mentor: pd.Series
) -> ReciprocalDesign:
    """Divide the answers of both sides into what belongs to the mentor and what belongs to the single relationship.

    Parameters
    ----------
    mentor_score, mentee_score : Series of float, one value per pair
        What the mentor says of this pair, and what the mentee says; the index holds the pairs' labels.
    mentor : Series, one label per pair
        Who the mentor is.

    Returns
    -------
    ReciprocalDesign

    Notes
    -----
    Missing data: pairs with one of the three missing are dropped. Mentors with one mentee count between mentors.

    With mean squares (and products) between B and within W, `relationship = W`, `between = (B - W) / n0`, `n0 = (N - sum n_i^2 / N) /
    (a - 1)` for a mentors; for equal numbers of mentees the restricted maximum likelihood estimates, unless negative. R:
    `nlme::lme` of both answers with a random intercept and a residual each, correlated.

    References
    ----------
    Kenny, D. A., Kashy, D. A., & Cook, W. L. (2006). Dyadic data analysis, chapter 10. Guilford.

    Raises
    ------
    ScoringError
        As `read_pairs`.
    """
    table = read_pairs({"mentor_score": mentor_score, "mentee_score": mentee_score})
    table[_MENTOR] = _read_labels(mentor, _MENTOR).reindex(table.index)
    used = table.dropna()
    codes, labels = pd.factorize(used[_MENTOR])
    n, a = len(used), len(labels)
    empty = pd.DataFrame(
        np.nan,
        index=["mentors' answers", "mentees' answers"],
        columns=["mean", "between", "relationship", "share"],
    )
    result = ReciprocalDesign(empty, None, None, None, None, n, len(table) - n, a, False, (_few(a),))
    if a < _SMALLEST:
        return result
    if n == a:
        return replace(result, notes=(Note("one_with_many.nobody", _NOBODY),))
    values = used[["mentor_score", "mentee_score"]].to_numpy()
    between, within = _divide(values, codes)
    total = np.diagonal(between) + np.diagonal(within)
    with np.errstate(divide="ignore", invalid="ignore"):
        filled = empty.assign(
            mean=values.mean(axis=0),
            between=np.diagonal(between),
            relationship=np.diagonal(within),
            share=np.where(total > 0.0, np.diagonal(between) / total, np.nan),
        )
    notes = _gate_notes(a)
    for row, variances in filled.iterrows():
        if not variances["between"] > 0.0:
            notes.append(Note("one_with_many.negative", _NEGATIVE, {"component": str(row)}))
    return replace(
        result,
        table=filled,
        generalized_reciprocity=_correlation(between),
        dyadic_reciprocity=_correlation(within),
        covariance_between=float(between[0, 1]),
        covariance_relationship=float(within[0, 1]),
        converged=True,
        notes=tuple(notes),
    )


def _divide(values: Array, codes: np.ndarray) -> tuple[Array, Array]:
    """Covariance matrices between mentors and within them, by mean products."""
    n, a = len(values), int(codes.max()) + 1
    sizes = np.bincount(codes, minlength=a)
    sums = np.stack([np.bincount(codes, weights=column, minlength=a) for column in values.T], axis=1)
    means = sums / sizes[:, None]
    rest = values - means[codes]
    within = rest.T @ rest / (n - a)
    apart = means - values.mean(axis=0)
    products = (apart * sizes[:, None]).T @ apart / (a - 1)
    typical = (n - float((sizes**2).sum()) / n) / (a - 1)
    return (products - within) / typical, within


def _correlation(covariance: Array) -> float | None:
    """Correlation of a 2 x 2 matrix; None where a variance is not positive."""
    product = float(covariance[0, 0]) * float(covariance[1, 1])
    if not (covariance[0, 0] > 0.0 and product > 0.0):
        return None
    return float(covariance[0, 1]) / float(np.sqrt(product))
