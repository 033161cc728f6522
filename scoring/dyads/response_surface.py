"""Whether agreement of partners matters: polynomial regression with response surface, and the table of cells for few pairs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.dyads.discrepancy import refuse_difference_score
from scoring.dyads.pairs import (
    Array,
    Wording,
    few_pairs,
    find_constants,
    gate_notes,
    is_flat,
    read_pairs,
    refuse_mirrored,
    t_table,
)
from scoring.dyads.surface_fit import (
    AXES,
    COEFFICIENTS,
    CONGRUENCE,
    STRICT,
    SURFACE,
    SurfaceFit,
    check_congruence,
    fit_surface,
)
from scoring.errors import Note, ScoringError
from scoring.gates import allowed, minimum_for
from scoring.reliability import check_confidence

_WHAT: Final = "A response surface"
_SMALLEST: Final = 8
# Two scores on one scale do not differ in spread by more than this.
_SPREAD_RATIO: Final = 5.0
CELLS: Final = ("both high", "mentor lower", "mentee lower", "both low")
_PARTNERS: Final = ("mentor", "mentee")
_DIFFERENCES: Final = ("difference", "absolute difference", "squared difference", "profile similarity")

_LOCKED = N_(
    "Whether agreement matters is judged from %(minimum)d pairs on; with %(n)d the table of cells describes them instead."
)
_INVARIANCE = N_("A response surface presumes that both roles understand the scale alike (role invariance).")
_SINGULAR = N_(
    "The scores take too few different values to tell the five terms of the surface apart; there is no surface."
)
_NO_AXIS = N_("The surface is flat or bends in one direction only, so its %(what)s is not defined.")
_EXACT = N_(
    "The outcome can be computed from the two scores without error, so nothing has an error or a test."
)
_ONE = N_("The cell “%(cell)s” holds fewer than two pairs or equal outcomes, so its mean has no interval.")


@dataclass(frozen=True)
class PairCells:
    """Mean outcome of pairs by whether each of the two is high or low.

    Attributes
    ----------
    table : DataFrame
        Rows "both high", "mentor lower", "mentee lower", "both low"; columns n, mean, sd, low, high (t interval), NaN where not
        defined. For researchers: cells may hold very few pairs.
    cut_mentor, cut_mentee : float
        A score at the cut or above is high.
    n_used, n_dropped : int
    confidence : float
    converged : bool
    notes : tuple of Note
    """

    table: pd.DataFrame
    cut_mentor: float
    cut_mentee: float
    n_used: int
    n_dropped: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ResponseSurface:
    """A polynomial regression of an outcome on both partners' scores, with what it says about agreement.

    Attributes
    ----------
    coefficients : DataFrame
        Rows b0 to b5 (intercept, mentor, mentee, mentor^2, mentor x mentee, mentee^2): estimate, se, df, t, p, low, high.
    surface : DataFrame
        Rows a1 (slope along agreement), a2 (curvature along it), a3 (slope along disagreement), a4 (curvature along it), a5; the same
        columns.
    axis : DataFrame
        Rows x0, y0 (stationary point, from the midpoint), p10, p11 (intercept and slope of the first principal axis): estimate, se,
        low, high by the delta method; NaN where not defined, with a note.
    checklist : mapping condition -> bool
        Of congruence, "a4 < 0", "a3 = 0", "a5 = 0", "p10 = 0", "p11 = 1"; and, for strict congruence, "a1 = 0", "a2 = 0".
    congruence, strict_congruence : bool or None
        Whether the whole list holds; None below 150 pairs, where nothing is judged.
    r_squared, F, p_f : float or None
        Of the five terms together, on 5 and `df` degrees of freedom.
    df : int or None
        n - 6.
    cells : PairCells
        The same pairs by high and low scores, cut at the midpoint.
    midpoint, confidence : float
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    """

    coefficients: pd.DataFrame
    surface: pd.DataFrame
    axis: pd.DataFrame
    checklist: Mapping[str, bool]
    congruence: bool | None
    strict_congruence: bool | None
    r_squared: float | None
    F: float | None
    p_f: float | None
    df: int | None
    cells: PairCells
    midpoint: float
    confidence: float
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def response_surface(
    outcome: pd.Series,
    mentor: pd.Series,
    mentee: pd.Series,
    *,
    midpoint: float,
    wording: Wording,
    limits: tuple[float, float] | None = None,
    predictor: str = "polynomial",
    confidence: float = 0.95,
) -> ResponseSurface:
    """Regress an outcome on both partners' scores, their squares and their product, and check whether agreement matters.

    Parameters
    ----------
    outcome : Series of float, one value per pair
        Any unit; the index holds the pairs' labels.
    mentor, mentee : Series of float
        Scores of one scale, raw (not centred).
    midpoint : float
        Middle of the scale, on which both scores are centred.
    wording : "same" or "mirrored"
        Whether both roles answered the same words; mirrored scales are refused.
    limits : (lowest, highest), optional
        Smallest and largest possible score; scores outside, and a midpoint that is not theirs, are refused. Without them both
        roles need scores on both sides of the midpoint and similar spreads.
    predictor : str
        "polynomial". Asking for "difference", "absolute difference", "squared difference" or "profile similarity" raises an error
        that says why there is none.
    confidence : float, default .95
        Coverage of all intervals and, with them, of the checklist.

    Returns
    -------
    ResponseSurface
        Below 150 pairs estimates with a note and no judgement.

    Notes
    -----
    Missing data: pairs with one of the three values missing are dropped and counted.

    `z = b0 + b1 m + b2 j + b3 m^2 + b4 m j + b5 j^2`; `a1 = b1 + b2`, `a2 = b3 + b4 + b5`, `a3 = b1 - b2`, `a4 = b3 - b4 + b5`,
    `a5 = b3 - b5`, with t on n - 6 degrees of freedom; stationary point and principal axis with errors by the delta method and the
    same t. R: `lm(z ~ m + j + I(m^2) + I(m * j) + I(j^2))` and `car::deltaMethod`.

    References
    ----------
    Edwards, J. R., & Parry, M. E. (1993), see `principal_axis`.
    Humberg, S., Nestler, S., & Back, M. D. (2019). Response surface analysis in personality and social psychology: Checklist and
    clarifications for the case of congruence hypotheses. Social Psychological and Personality Science, 10, 409-419.
    https://doi.org/10.1177/1948550618757600

    Raises
    ------
    ScoringError
        `dyads.difference_score`, `surface.predictor`; `dyads.wording`; `surface.midpoint` and `surface.scale` for scores that are centred
        already, lie on different scales or outside the limits; `dyads.confidence`; and as `read_pairs`.
    """
    check_confidence(confidence, "dyads")
    if predictor in _DIFFERENCES:
        refuse_difference_score(predictor)
    if predictor != "polynomial":
        raise ScoringError(
            "surface.predictor",
            "There is no predictor “%(predictor)s”.",
            "Use 'polynomial'.",
            predictor=str(predictor),
        )
    refuse_mirrored(wording, "agreement of the two")
    table = read_pairs({"outcome": outcome, "mentor": mentor, "mentee": mentee})
    both = table.dropna()
    n = len(both)
    _check_scale(both, midpoint, limits)
    cells = pair_cells(outcome, mentor, mentee, cut=midpoint, confidence=confidence)
    empty = _empty_tables()
    result = ResponseSurface(
        *empty, {}, None, None, None, None, None, None, cells, midpoint, confidence, n, len(table) - n, False, ()
    )  # fmt: skip
    if n < _SMALLEST:
        return replace(result, notes=(few_pairs(_WHAT, n, _SMALLEST),))
    constant = find_constants(both, "the surface")
    if constant:
        return replace(result, notes=tuple(constant))
    x, y = (both[role].to_numpy() - midpoint for role in _PARTNERS)
    if not _full_rank(x, y):
        return replace(result, notes=(Note("surface.rank", _SINGULAR),))
    notes = [Note("surface.invariance", _INVARIANCE), *gate_notes(_WHAT, n, minimum_for("response_surface"))]
    return _judge(replace(result, notes=tuple(notes)), fit_surface(x, y, both["outcome"].to_numpy()))


def _empty_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three tables without any value."""
    columns = ["estimate", "se", "df", "t", "p", "low", "high"]
    return (
        pd.DataFrame(np.nan, index=list(COEFFICIENTS), columns=columns),
        pd.DataFrame(np.nan, index=list(SURFACE), columns=columns),
        pd.DataFrame(np.nan, index=list(AXES), columns=["estimate", "se", "low", "high"]),
    )


def _check_scale(both: pd.DataFrame, midpoint: float, limits: tuple[float, float] | None) -> None:
    """Both scores are raw scores of one scale, and the midpoint is its middle."""
    if not math.isfinite(midpoint):
        raise ScoringError(
            "surface.midpoint", "The midpoint is not a number.", "Pass the middle of the scale, 3 for 1 to 5."
        )
    if limits is not None:
        _check_limits(both, midpoint, limits)
        return
    for role in _PARTNERS:
        values = both[role].to_numpy()
        if len(values) and not values.min() <= midpoint <= values.max():
            raise _refuse_scale(role, values, midpoint)
    spreads = both[list(_PARTNERS)].std().to_numpy()
    if spreads.min() > 0.0 and spreads.max() > _SPREAD_RATIO * spreads.min():
        raise ScoringError(
            "surface.scale",
            "The spreads of the two roles, %(mentor)s and %(mentee)s, differ as if they were on different scales.",
            "Pass scores of one scale for both roles; if they are, pass its limits.",
            mentor=float(spreads[0]),
            mentee=float(spreads[1]),
        )


def _check_limits(both: pd.DataFrame, midpoint: float, limits: tuple[float, float]) -> None:
    """The midpoint is the middle of the limits, and no score lies outside."""
    low, high = limits
    if not (low < high and abs(midpoint - (low + high) / 2.0) <= 1e-9 * (high - low)):
        raise ScoringError(
            "surface.midpoint",
            "%(midpoint)s is not the middle of a scale from %(low)s to %(high)s.",
            "Centre both scores on the middle of the scale, not on a mean.",
            midpoint=midpoint,
            low=low,
            high=high,
        )
    for role in _PARTNERS:
        values = both[role].to_numpy()
        # The mean of items may be a rounding above the largest code.
        if ((values < low - 1e-9) | (values > high + 1e-9)).any():
            raise _refuse_scale(role, values, midpoint)


def _refuse_scale(role: str, values: Array, midpoint: float) -> ScoringError:
    """The error for scores that do not lie around the midpoint."""
    return ScoringError(
        "surface.scale",
        "The scores of the %(role)s run from %(low)s to %(high)s, which is no scale with the midpoint %(midpoint)s.",
        "Pass raw scores of one scale for both roles, neither centred nor standardized, and the scale's midpoint and limits.",
        role=role,
        low=float(values.min()),
        high=float(values.max()),
        midpoint=midpoint,
    )


def _full_rank(x: Array, y: Array) -> bool:
    """Whether the six terms can be told apart."""
    x, y = x / max(float(np.abs(x).max()), 1e-300), y / max(float(np.abs(y).max()), 1e-300)
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    values = np.linalg.svd(design, compute_uv=False)
    return bool(values[-1] > 1e-7 * values[0])


def _judge(result: ResponseSurface, fit: SurfaceFit) -> ResponseSurface:
    """Tables, tests and the checklist of a fitted surface."""
    from scipy.stats import f
    from scipy.stats import t as student

    n, notes, confidence = result.n_used, list(result.notes), result.confidence
    unexplained = float(fit.residual_variance * fit.df / (fit.total_variance * (n - 1)))
    exact = unexplained < 1e-12
    ratio = None if exact else (1.0 - unexplained) / 5.0 / (unexplained / fit.df)
    errors = np.sqrt(np.diagonal(fit.covariance))
    quantile = float(student.ppf(0.5 + confidence / 2.0, fit.df))
    values, deviations = fit.axis()
    # A ridge has no stationary point, and a surface without b4 has the scores' own axes as principal ones.
    defined = np.isfinite(values) & np.isfinite(deviations) & (np.abs(values) < 1e12)
    values, deviations = np.where(defined, values, np.nan), np.where(defined, deviations, np.nan)
    for what, places in (("stationary point", (0, 1)), ("first principal axis", (2, 3))):
        if not defined[list(places)].all():
            notes.append(Note("surface.axis", _NO_AXIS, {"what": what}))
    axis = pd.DataFrame(
        {
            "estimate": values,
            "se": deviations,
            "low": values - quantile * deviations,
            "high": values + quantile * deviations,
        },
        index=list(AXES),
    )
    checklist = (
        {} if exact else {name: bool(holds) for name, holds in check_congruence(fit, quantile).items()}
    )
    if exact:
        notes.append(Note("surface.exact", _EXACT))
    judged = not exact and allowed(n, "response_surface")
    if not judged and not exact:
        notes.append(Note("surface.locked", _LOCKED, {"minimum": minimum_for("response_surface"), "n": n}))
    coefficients = t_table(fit.coefficients, errors, fit.df, confidence).set_axis(list(COEFFICIENTS))
    return replace(
        result,
        coefficients=coefficients,
        surface=t_table(*fit.surface(), fit.df, confidence).set_axis(list(SURFACE)),
        axis=axis,
        checklist=checklist,
        congruence=all(checklist[name] for name in CONGRUENCE) if judged else None,
        strict_congruence=all(checklist[name] for name in STRICT) if judged else None,
        r_squared=1.0 - unexplained,
        F=ratio,
        p_f=None if ratio is None else float(f.sf(ratio, 5, fit.df)),
        df=fit.df,
        converged=not exact,
        notes=tuple(notes),
    )


def pair_cells(
    outcome: pd.Series,
    mentor: pd.Series,
    mentee: pd.Series,
    *,
    cut: float | tuple[float, float],
    confidence: float = 0.95,
) -> PairCells:
    """Describe an outcome by whether mentor and mentee are high or low: what takes the surface's place below 150 pairs.

    Parameters
    ----------
    outcome : Series of float, one value per pair
        Any unit; the index holds the pairs' labels.
    mentor, mentee : Series of float
        The two scores.
    cut : float or (mentor's, mentee's)
        Cut points of the instrument bank (or the scale's midpoint), never of these pairs; a score at the cut is high.
    confidence : float, default .95
        Coverage of the cells' intervals.

    Returns
    -------
    PairCells

    Notes
    -----
    Missing data: pairs with one of the three values missing are dropped. No test of interaction: cells describe.

    Raises
    ------
    ScoringError
        `dyads.confidence`, `cells.cut` for a cut that is no number; and as `read_pairs`.
    """
    check_confidence(confidence, "dyads")
    cuts = tuple(cut) if isinstance(cut, tuple | list) else (cut, cut)
    if len(cuts) != 2 or not all(math.isfinite(value) for value in cuts):
        raise ScoringError(
            "cells.cut", "A cut point is not a number.", "Pass one number, or one for each role."
        )
    table = read_pairs({"outcome": outcome, "mentor": mentor, "mentee": mentee})
    both = table.dropna()
    first, second = (both["mentor"] >= cuts[0]).to_numpy(), (both["mentee"] >= cuts[1]).to_numpy()
    values = both["outcome"].to_numpy()
    rows, notes = [], []
    for name, chosen in zip(
        CELLS, (first & second, ~first & second, first & ~second, ~first & ~second), strict=True
    ):
        cell = values[chosen]
        rows.append(_describe_cell(cell, confidence))
        if len(cell) < 2 or is_flat(cell):
            notes.append(Note("cells.one", _ONE, {"cell": name}))
    return PairCells(
        pd.DataFrame(rows, index=list(CELLS)),
        float(cuts[0]),
        float(cuts[1]),
        len(both),
        len(table) - len(both),
        confidence,
        len(both) > 0,
        tuple(notes),
    )


def _describe_cell(cell: Array, confidence: float) -> dict[str, float]:
    """n, mean, sd and interval of one cell."""
    from scipy.stats import t as student

    n = len(cell)
    mean = float(cell.mean()) if n else math.nan
    sd = float(cell.std(ddof=1)) if n > 1 else math.nan
    half = math.nan
    if n > 1 and not is_flat(cell):
        half = float(student.ppf(0.5 + confidence / 2.0, n - 1)) * sd / math.sqrt(n)
    return {"n": n, "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
