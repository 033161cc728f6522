"""How two named cohorts compare: Welch's difference of their mean changes, its interval, effect and verdict word."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.descriptives import no_spread, read_finite
from scoring.effects import GroupSummary, detectable_difference, hedges_g_independent, pooled_sd
from scoring.errors import Note, ScoringError
from scoring.gates import Verdict, allowed, gate_for, minimum_for, verdict_for

POWER: Final = 0.80


@dataclass(frozen=True)
class CohortContrast:
    """The change of cohort a minus the change of cohort b.

    A value that the smaller cohort's gate keeps shut is None, and `notes` says so.

    Attributes
    ----------
    n_a, n_b : int
        Complete pairs of each cohort.
    n_dropped : int
        Pairs without a change score in either.
    difference, low, high : float or None
        In score points, from 10 pairs in each cohort.
    confidence : float
    t, df : float or None
        Welch's t and its (fractional) degrees of freedom.
    p : float or None
        Two-sided; from 40 pairs in each cohort.
    g, g_low, g_high : float or None
        Difference in pooled standard deviations of the change.
    detectable : float or None
        Smallest difference, in points, that cohorts of these sizes and this spread show with a power of 80 %; printed beside
        every contrast.
    detectable_g : float or None
        The same in standard deviations.
    verdict : "moved", "not shown", "too few" or None
        "moved": the cohorts moved apart. Below 40 pairs in either always "too few"; None below 5.
    open_to_coordinators : bool
        Whether both cohorts have the 40 pairs from which contrasts are shown to coordinators.
    gate : str
        Row of the gate table of the smaller cohort.
    notes : tuple of Note
    """

    n_a: int
    n_b: int
    n_dropped: int
    confidence: float
    gate: str
    open_to_coordinators: bool
    notes: tuple[Note, ...]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    df: float | None = None
    p: float | None = None
    g: float | None = None
    g_low: float | None = None
    g_high: float | None = None
    detectable: float | None = None
    detectable_g: float | None = None
    verdict: Verdict | None = None


_POWER_NOTE = N_(
    "Cohorts of %(n_a)d and %(n_b)d pairs show a difference of %(detectable).2f points with a power of 80 %%."
)
_FEW = N_("Cohorts are compared in words from %(minimum)d pairs in each on; the smaller one has %(n)d.")
_NO_SPREAD = N_("Within each cohort every pair changed by the same amount, so there is no interval.")


def compare_changes(
    a: pd.Series, b: pd.Series, *, confidence: float = 0.95, width: float = 4.0
) -> CohortContrast:
    """Compare the changes of two named cohorts, pairs as units.

    Parameters
    ----------
    a, b : Series of float
        One change score (after minus before, in points) per pair, indexed by pair; for one role, or averaged over both.
    confidence : float, default .95
        Coverage of the intervals.
    width : float, default 4
        Width of the score's range in points.

    Returns
    -------
    CohortContrast
        Gated by the smaller cohort: below 10 pairs counts only; 10 to 39 the difference with its interval and the verdict "too
        few"; from 40 also p and the verdict word.

    Notes
    -----
    Missing changes are dropped and counted. `t = (m_a - m_b) / sqrt(s_a^2/n_a + s_b^2/n_b)` with Welch-Satterthwaite degrees of
    freedom; g over the pooled standard deviation with a noncentral-t interval. Cohorts are not drawn by lot: a difference says
    that they changed differently during the programme, not why. R: `t.test(a, b)`.

    References
    ----------
    Welch, B. L. (1947). The generalization of Student's problem when several different population variances are involved.
    Biometrika, 34, 28-35. https://doi.org/10.1093/biomet/34.1-2.28

    Raises
    ------
    ScoringError
        `contrast.pairs` when a pair stands twice or in both cohorts, `contrast.confidence`, and `describe.number` for values that
        are not finite numbers.
    """
    labels = a.index.append(b.index)
    if labels.has_duplicates:
        raise ScoringError(
            "contrast.pairs",
            "The pair %(pair)s stands twice, or in both cohorts.",
            "Give every pair one change score, in one cohort.",
            pair=str(labels[labels.duplicated()][0]),
        )
    (values_a, dropped_a), (values_b, dropped_b) = read_finite(a), read_finite(b)
    contrast = compare_summaries(
        summarize_changes(values_a), summarize_changes(values_b), confidence=confidence, width=width
    )
    return replace(contrast, n_dropped=dropped_a + dropped_b)


def compare_summaries(
    a: GroupSummary, b: GroupSummary, *, confidence: float = 0.95, width: float = 4.0
) -> CohortContrast:
    """Compare two cohorts from the number, mean and standard deviation of their changes, as a frozen release keeps them.

    Formulas, gates and arguments are those of `compare_changes`; `n_dropped` is 0, since dropped pairs are not in a summary.
    Raises ScoringError `contrast.confidence`, and `contrast.summary` for a number that is not finite or a negative spread.
    """
    if not 0 < confidence < 1:
        raise ScoringError(
            "contrast.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    smaller = min(a.n, b.n)
    gate = gate_for(smaller)
    opened = allowed(smaller, "cohort_contrast")
    counts = CohortContrast(a.n, b.n, 0, confidence, gate.name, opened, ())
    if not allowed(smaller, "cell_mean"):
        return replace(counts, notes=(Note(f"gate.{gate.name}", gate.message),))
    few = Note("contrast.few", _FEW, {"minimum": minimum_for("cohort_contrast"), "n": smaller})
    if not allowed(smaller, "mean_change"):
        return replace(counts, verdict="too few", notes=(few,))
    _check_summaries(a, b)
    return _contrast(replace(counts, notes=() if opened else (few,)), a, b, width)


def _contrast(counts: CohortContrast, a: GroupSummary, b: GroupSummary, width: float) -> CohortContrast:
    """The numbers of a contrast of two cohorts of ten or more."""
    from scipy.stats import t as student

    difference = a.mean - b.mean
    variance_a, variance_b = a.sd**2 / a.n, b.sd**2 / b.n
    error = math.sqrt(variance_a + variance_b)
    if error <= 1e-12 * max(1.0, abs(a.mean), abs(b.mean)):
        spread = Note("contrast.spread", _NO_SPREAD)
        return replace(counts, difference=difference, verdict="too few", notes=(*counts.notes, spread))
    df = welch_df(a, b)
    half = float(student.ppf(0.5 + counts.confidence / 2.0, df)) * error
    t = difference / error
    effect = hedges_g_independent(a, b, confidence=counts.confidence)
    detectable_g = detectable_difference(a.n, b.n, power=POWER)
    detectable = detectable_g * pooled_sd(a, b)
    power = Note("contrast.power", _POWER_NOTE, {"n_a": a.n, "n_b": b.n, "detectable": detectable})
    opened = counts.open_to_coordinators
    return replace(
        counts,
        difference=difference,
        low=difference - half,
        high=difference + half,
        t=t,
        df=df,
        p=float(2.0 * student.sf(abs(t), df)) if opened else None,
        g=effect.value,
        g_low=effect.low,
        g_high=effect.high,
        detectable=detectable,
        detectable_g=detectable_g,
        verdict=verdict_for(difference - half, difference + half, width=width) if opened else "too few",
        notes=(*counts.notes, power),
    )


def welch_df(a: GroupSummary, b: GroupSummary) -> float:
    """Return Welch and Satterthwaite's degrees of freedom of two groups of which at least one varies."""
    parts = a.sd**2 / a.n, b.sd**2 / b.n
    # Shares of the variance rather than variances, whose squares may be too large or too small for a number.
    share = parts[0] / (parts[0] + parts[1])
    return 1.0 / (share**2 / (a.n - 1) + (1.0 - share) ** 2 / (b.n - 1))


def _check_summaries(a: GroupSummary, b: GroupSummary) -> None:
    """Means and spreads are finite, and no spread is negative."""
    numbers = (a.mean, a.sd, b.mean, b.sd)
    if not all(math.isfinite(number) for number in numbers) or min(a.sd, b.sd) < 0:
        raise ScoringError(
            "contrast.summary",
            "A mean or a standard deviation of a cohort is not a usable number.",
            "Pass finite means and standard deviations of 0 or more.",
        )


def summarize_changes(values: np.ndarray) -> GroupSummary:
    """Return number, mean and spread of finite changes; a spread that is only rounding counts as 0."""
    if len(values) < 2:
        return GroupSummary(len(values), float(values.sum()), 0.0)
    sd = 0.0 if no_spread(values) else float(values.std(ddof=1))
    return GroupSummary(len(values), float(values.mean()), sd)
