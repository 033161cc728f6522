"""Participants beside people who still wait: analysis of covariance, and change scores where the groups were not formed by lot."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.cohort_designs import Wording
from scoring.cohorts import CohortContrast, compare_changes
from scoring.descriptives import no_spread
from scoring.effects import bias_correction, noncentral_interval
from scoring.equivalence import Equivalence, FullVerdict, Margin, equivalent_estimate, full_verdict
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.gates import allowed, gate_for
from scoring.power import detectable_by_error

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Estimand = Literal["covariance", "both"]

FEWEST: Final = 10


@dataclass(frozen=True)
class WaitlistComparison:
    """The programme group beside the waiting group.

    A value that cannot be computed is None, and `notes` says so.

    Attributes
    ----------
    n_program, n_waiting : int
        Pairs with both scores.
    n_dropped : int
        Pairs with one score only.
    difference, low, high : float or None
        Later score of the programme group minus that of the waiting group at equal baseline, in points.
    confidence : float
    se, t, df, p : float or None
        df = n - 3.
    slope : float or None
        Of the later score on the baseline, within groups.
    baseline_difference : float or None
        Programme minus waiting at baseline, in points: a matter of luck after lots, of selection without.
    unequal_slopes_p : float or None
        p of an interaction of group and baseline; small where the adjusted difference depends on the baseline.
    g, g_low, g_high : float or None
        The adjusted difference in standard deviations of the later score within groups.
    detectable : float or None
        Smallest adjusted difference that such a comparison shows with a power of 80 %, in points.
    change : CohortContrast
        The same groups compared by their changes.
    estimand : "covariance" or "both"
        Which answer counts: after lots the adjusted one; otherwise both, since they answer different questions.
    agree : bool or None
        Whether both give the same verdict.
    equivalence : Equivalence or None
    verdict : "moved", "not shown", "equivalent" or "too few"
        Of the adjusted difference; without lots "moved" only where both say so.
    wording : "changed during" or "randomised"
    notes : tuple of Note
    """

    n_program: int
    n_waiting: int
    n_dropped: int
    confidence: float
    change: CohortContrast
    estimand: Estimand
    wording: Wording
    notes: tuple[Note, ...]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    t: float | None = None
    df: float | None = None
    p: float | None = None
    slope: float | None = None
    baseline_difference: float | None = None
    unequal_slopes_p: float | None = None
    g: float | None = None
    g_low: float | None = None
    g_high: float | None = None
    detectable: float | None = None
    agree: bool | None = None
    equivalence: Equivalence | None = None
    verdict: FullVerdict = "too few"


_FEW = N_("Groups are compared from %(minimum)d pairs in each on; the smaller one has %(n)d.")
_NO_SPREAD = N_("Within groups the later scores do not vary at equal baseline, so there is no interval.")
_FLAT = N_("Baselines do not vary within groups, so nothing can be adjusted; the changes are compared.")
_NOT_DRAWN = N_(
    "The groups were not formed by lot: the adjusted difference and the difference in change answer different questions, and both are shown."
)
_DISAGREE = N_(
    "The adjusted difference and the difference in change lead to different verdicts; neither is preferred here."
)


def waitlist_comparison(
    before: pd.Series,
    after: pd.Series,
    program: pd.Series,
    *,
    randomised: bool,
    margin: Margin | None = None,
    confidence: float = 0.95,
    width: float = 4.0,
) -> WaitlistComparison:
    """Compare pairs in the programme with pairs on the waiting list by analysis of covariance.

    Parameters
    ----------
    before, after : Series of float
        Scores in points at baseline (before anybody knew the group) and later, paired by index: one per pair.
    program : Series of bool
        True for the programme, False for the waiting list; same labels.
    randomised : bool
        Whether lots over pairs decided. Where a whole cohort waits, use `compare_arms`.
    margin : Margin, optional
        Smallest difference of interest in points, declared beforehand.
    confidence : float, default .95
        Coverage of the intervals.
    width : float, default 4
        Width of the score's range in points.

    Returns
    -------
    WaitlistComparison
        From 10 pairs in each group on; below, the comparison of changes as far as its gate goes.

    Notes
    -----
    Missing data: pairs without one of the scores are dropped and counted.

    `after = b0 + d program + b before + e` by least squares; `d +/- t(n - 3) se`. After lots its variance is `1 - r^2` of that of a
    comparison of later scores, against `2 (1 - r)` for change scores. R: `lm(after ~ program + before)`; the interaction is
    `lm(after ~ program * before)`. g is d over the pooled standard deviation of the later scores within groups, corrected for
    df = n - 3; its interval takes the ratio of the residual spread to it as known.

    References
    ----------
    Van Breukelen, G. J. P. (2006). ANCOVA versus change from baseline had more power in randomized studies and more bias in
    nonrandomized studies. Journal of Clinical Epidemiology, 59, 920-925. https://doi.org/10.1016/j.jclinepi.2006.02.007
    Lord, F. M. (1967). A paradox in the interpretation of group comparisons. Psychological Bulletin, 68, 304-305.
    https://doi.org/10.1037/h0025105

    Raises
    ------
    ScoringError
        `waitlist.index` for a label that stands twice or has no group, `waitlist.group`, `waitlist.number`, `waitlist.confidence`;
        `equivalence.unit` for a margin in standard deviations.
    """
    if not 0 < confidence < 1:
        raise ScoringError(
            "waitlist.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    table, n_dropped = _read(before, after, program)
    inside = table["program"].to_numpy(dtype=bool)
    change = table["after"] - table["before"]
    contrast = compare_changes(change[inside], change[~inside], confidence=confidence, width=width)
    n_program, n_waiting = int(inside.sum()), int((~inside).sum())
    result = WaitlistComparison(
        n_program=n_program,
        n_waiting=n_waiting,
        n_dropped=n_dropped,
        confidence=confidence,
        change=contrast,
        estimand="covariance" if randomised else "both",
        wording="randomised" if randomised else "changed during",
        notes=() if randomised else (Note("waitlist.not_drawn", _NOT_DRAWN),),
    )
    smaller = min(n_program, n_waiting)
    if not allowed(smaller, "t_interval"):
        gate = gate_for(smaller)
        few = Note("waitlist.few", _FEW, {"minimum": FEWEST, "n": smaller})
        return _add(result, Note(f"gate.{gate.name}", gate.message), few)
    x, y = table["before"].to_numpy(), table["after"].to_numpy()
    result = replace(result, baseline_difference=float(x[inside].mean() - x[~inside].mean()))
    return _adjust(result, x, y, inside, margin or Margin.for_width(width), width)


def _adjust(
    result: WaitlistComparison, x: FloatArray, y: FloatArray, inside: np.ndarray, margin: Margin, width: float
) -> WaitlistComparison:
    """The analysis of covariance."""
    from scipy.stats import t as student

    within_x = x - np.where(inside, x[inside].mean(), x[~inside].mean())
    within_y = y - np.where(inside, y[inside].mean(), y[~inside].mean())
    if no_spread(within_x):
        return _add(result, Note("waitlist.flat", _FLAT))
    xx = float(within_x @ within_x)
    slope = float(within_x @ within_y) / xx
    residual = within_y - slope * within_x
    df = len(x) - 3
    difference = float(y[inside].mean() - y[~inside].mean()) - slope * (result.baseline_difference or 0.0)
    known = replace(result, difference=difference, slope=slope)
    if float(np.abs(residual).max()) <= 1e-12 * max(1.0, float(np.abs(y).max())):
        return _add(known, Note("waitlist.spread", _NO_SPREAD))
    variance = float(residual @ residual) / df
    sizes = 1.0 / result.n_program + 1.0 / result.n_waiting
    error = math.sqrt(variance * (sizes + (result.baseline_difference or 0.0) ** 2 / xx))
    t = difference / error
    half = float(student.ppf(0.5 + result.confidence / 2.0, df)) * error
    equivalence = equivalent_estimate(difference, error, df, margin=margin, n_used=len(x))
    sd = math.sqrt(float(within_y @ within_y) / (len(x) - 2))
    ends = noncentral_interval(t, df, result.confidence)
    adjusted = replace(
        known,
        low=difference - half,
        high=difference + half,
        se=error,
        t=t,
        df=df,
        p=float(2.0 * student.sf(abs(t), df)),
        unequal_slopes_p=_unequal_slopes(within_x, within_y, inside),
        g=bias_correction(df) * difference / sd,
        g_low=ends[0] * error / sd,
        g_high=ends[1] * error / sd,
        detectable=detectable_by_error(error, df),
        equivalence=equivalence,
    )
    return _judge(adjusted, width)


def _judge(result: WaitlistComparison, width: float) -> WaitlistComparison:
    """The verdict; without lots both ways have to agree on "moved"."""
    word = full_verdict(result.low, result.high, result.equivalence, width=width)
    by_change = full_verdict(result.change.low, result.change.high, width=width)
    same_side = (result.difference or 0.0) * (result.change.difference or 0.0) > 0
    agree = (word == "moved") == (by_change == "moved") and (word != "moved" or same_side)
    result = replace(result, verdict=word, agree=agree)
    if agree or result.estimand == "covariance":
        return result
    result = _add(result, Note("waitlist.disagree", _DISAGREE))
    return replace(result, verdict="not shown") if word == "moved" else result


def _unequal_slopes(x: FloatArray, y: FloatArray, inside: np.ndarray) -> float | None:
    """The p of different slopes in the two groups; None where a group's baselines do not vary."""
    from scipy.stats import t as student

    slopes, squares, left = [], [], 0.0
    for chosen in (inside, ~inside):
        xx = float(x[chosen] @ x[chosen])
        if xx <= 1e-24 * max(1.0, float(np.abs(x).max())) ** 2:
            return None
        slope = float(x[chosen] @ y[chosen]) / xx
        rest = y[chosen] - slope * x[chosen]
        slopes.append(slope)
        squares.append(xx)
        left += float(rest @ rest)
    df = len(x) - 4
    error = math.sqrt(left / df * sum(1.0 / xx for xx in squares))
    return None if error == 0 else float(2.0 * student.sf(abs(slopes[0] - slopes[1]) / error, df))


def _read(before: pd.Series, after: pd.Series, program: pd.Series) -> tuple[pd.DataFrame, int]:
    """The pairs with both scores and their group, and the number with one score only."""
    columns = {}
    for name, series in (("before", before), ("after", after), ("program", program)):
        if series.index.has_duplicates:
            raise ScoringError(
                "waitlist.index",
                "The label %(label)s stands twice in “%(name)s”.",
                "Pass one row for each pair.",
                label=str(series.index[series.index.duplicated()][0]),
                name=name,
            )
        if name == "program":
            continue
        values, wrong = read_numbers(series)
        if (wrong | np.isinf(values)).any():
            raise ScoringError(
                "waitlist.number",
                "A score in “%(name)s” is not a finite number.",
                "Pass scores as numbers; leave missing ones empty (NaN).",
                name=name,
            )
        columns[name] = pd.Series(values, index=series.index)
    table = pd.concat(columns, axis=1).dropna(how="all")
    group = program.reindex(table.index)
    if group.isna().any():
        raise ScoringError(
            "waitlist.index",
            "The label %(label)s has no group in “%(name)s”.",
            "Say for every pair whether it is in the programme.",
            label=str(table.index[group.isna().to_numpy()][0]),
            name="program",
        )
    if not group.map(lambda value: isinstance(value, bool | np.bool_)).all():
        raise ScoringError(
            "waitlist.group",
            "A group is something other than true or false.",
            "Pass True for the programme and False for the waiting list.",
        )
    both = table.assign(program=group.astype(bool)).dropna()
    return both, len(table) - len(both)


def _add(result: WaitlistComparison, *notes: Note) -> WaitlistComparison:
    """The same result with more notes."""
    return replace(result, notes=(*result.notes, *notes))
