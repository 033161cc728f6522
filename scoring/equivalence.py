"""Whether a change, or a difference between changes, is shown to be too small to matter: two one-sided t tests."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.cohorts import welch_df
from scoring.descriptives import no_spread, read_finite
from scoring.effects import GroupSummary, noncentral_interval, pooled_sd
from scoring.errors import Note, ScoringError
from scoring.gates import Verdict, allowed, gate_for, verdict_for
from scoring.noncentral import noncentral_cdf
from scoring.power import ALPHA, SMALLEST_POINTS, n_for_equivalence, power_equivalence

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Unit = Literal["points", "sd"]
FullVerdict = Literal["moved", "not shown", "equivalent", "too few"]

SMALLEST_SD: Final = 0.4


@dataclass(frozen=True)
class Margin:
    """The smallest effect of interest: what lies inside, on both sides of 0, is too small to matter.

    Attributes
    ----------
    value : float
        Above 0; by default .3 points on a range of 1 to 5, or .4 standard deviations with `Margin.in_sd()`.
    unit : "points" or "sd"
        "sd" means standard deviations of the changes: d_z of one group, the pooled ones of two.
    declared : bool
        Whether it was fixed before the last wave was seen, as the product's own defaults are. A margin that was chosen afterwards can
        always be found, so it never leads to the word "equivalent".
    """

    value: float = SMALLEST_POINTS
    unit: Unit = "points"
    declared: bool = True

    def __post_init__(self) -> None:
        """Refuse a margin that is no distance."""
        if not (isinstance(self.value, int | float) and math.isfinite(self.value) and self.value > 0):
            raise ScoringError(
                "equivalence.margin",
                "%(value)s is no smallest effect of interest.",
                "Declare a distance above 0, for example 0.3 points.",
                value=str(self.value),
            )
        if self.unit not in ("points", "sd"):
            raise ScoringError(
                "equivalence.unit",
                "A smallest effect of interest cannot be given in “%(unit)s”.",
                "Use points or sd.",
                unit=str(self.unit),
            )

    @classmethod
    def for_width(cls, width: float) -> "Margin":
        """Return the default in points for a score whose range is `width` points wide (4 for a range of 1 to 5)."""
        return cls(SMALLEST_POINTS * width / 4.0)

    @classmethod
    def in_sd(cls) -> "Margin":
        """Return the default in standard deviations, .4."""
        return cls(SMALLEST_SD, "sd")


@dataclass(frozen=True)
class Equivalence:
    """Result of two one-sided tests.

    A value that cannot be computed, or that the gate keeps shut, is None, and `notes` says so.

    Attributes
    ----------
    n_used, n_dropped : int
        Changes present and missing (both groups together).
    margin : Margin
    bound : float
        The margin's value; in the unit of `estimate`.
    estimate : float or None
        Mean change, or difference between mean changes; in points, or in standard deviations with a margin in these.
    low, high : float or None
        Interval of coverage `1 - 2 alpha`: equivalence is shown where it lies inside the bounds.
    alpha : float
        Error of each one-sided test.
    t_lower, t_upper, df : float or None
        Distance from the lower and upper bound in standard errors; of a margin in standard deviations both t are the t against 0,
        judged by a noncentral distribution.
    p_lower, p_upper, p : float or None
        One-sided p against "as low as the lower bound" and "as high as the upper bound", and the larger one.
    equivalent : bool or None
        Whether both reject and the margin had been declared.
    power : float or None
        Probability that so many pairs with this spread show equivalence if nothing at all differs.
    n_needed : int or None
        Pairs (in each group) for a power of 80 %.
    notes : tuple of Note
    """

    n_used: int
    n_dropped: int
    margin: Margin
    bound: float
    alpha: float
    notes: tuple[Note, ...]
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    t_lower: float | None = None
    t_upper: float | None = None
    df: float | None = None
    p_lower: float | None = None
    p_upper: float | None = None
    p: float | None = None
    equivalent: bool | None = None
    power: float | None = None
    n_needed: int | None = None


_UNDECLARED = N_(
    "The smallest effect of interest was not declared before the results were seen, so equivalence is not claimed."
)
_NO_SPREAD = N_("Within a group every pair changed by the same amount, so equivalence cannot be tested.")
_WEAK = N_(
    "Even if nothing differed, equivalence would be shown with a probability of %(percent).0f %% only; %(needed)d pairs would be needed."
)
_FEW = N_("Equivalence is tested from %(minimum)d pairs on; there are %(n)d.")


def two_one_sided(
    estimate: FloatArray | float, error: FloatArray | float, df: FloatArray | float, bound: float
) -> tuple[FloatArray, FloatArray]:
    """Return the p of both one-sided t tests, for one estimate or for arrays of them.

    Parameters
    ----------
    estimate, error, df : float or ndarray
        Estimates, their standard errors (above 0) and degrees of freedom.
    bound : float
        Half-width of the zone of equivalence in the unit of the estimate.

    Returns
    -------
    p_lower, p_upper : ndarray
        `P(T > (estimate + bound)/error)` and `P(T < (estimate - bound)/error)`. R: `pt`.
    """
    from scipy.stats import t

    estimates = np.asarray(estimate, dtype=np.float64)
    return (
        np.asarray(t.sf((estimates + bound) / error, df)),
        np.asarray(t.cdf((estimates - bound) / error, df)),
    )


def equivalent_change(
    changes: pd.Series, *, margin: Margin | None = None, alpha: float = ALPHA
) -> Equivalence:
    """Test whether the mean change of one group is too small to matter.

    Parameters
    ----------
    changes : Series of float
        After minus before, in points, one per pair (or person).
    margin : Margin, optional
        By default .3 points.
    alpha : float, default .05
        Error of each one-sided test, above 0 and below .5.

    Returns
    -------
    Equivalence
        From 10 changes on; below, counts with a note.

    Notes
    -----
    Missing changes are dropped and counted. In points: `t = (mean +/- bound) / (s / sqrt(n))`, df = n - 1. In standard deviations
    the bound's own spread is unknown, so t against 0 is compared with the noncentral t of noncentrality `-/+ bound sqrt(n)`, which
    keeps alpha exactly where a plain t test of `bound * s` does not. R: `t.test(x, mu = -bound, alternative = "greater")` and its
    mirror; `pt(t, df, ncp)`.

    References
    ----------
    Schuirmann, D. J. (1987). https://doi.org/10.1007/BF01068419
    Lakens, D. (2017). Equivalence tests: A practical primer for t tests, correlations, and meta-analyses. Social Psychological and
    Personality Science, 8, 355-362. https://doi.org/10.1177/1948550617697177
    Wellek, S. (2010). Testing statistical hypotheses of equivalence and noninferiority (2nd ed.). Chapman & Hall.

    Raises
    ------
    ScoringError
        `equivalence.alpha`, and `describe.number` for values that are not finite numbers.
    """
    _check_alpha(alpha)
    values, n_dropped = read_finite(changes)
    n = len(values)
    empty = _start(n, n_dropped, margin or Margin(), alpha)
    if not allowed(n, "t_interval"):
        return _keep_shut(empty, n)
    if no_spread(values):
        mean = float(values.mean())
        return replace(empty, estimate=mean, notes=(*empty.notes, Note("equivalence.spread", _NO_SPREAD)))
    return _test(empty, float(values.mean()), float(values.std(ddof=1)), math.sqrt(n), n - 1, n)


def equivalent_difference(
    a: GroupSummary, b: GroupSummary, *, margin: Margin | None = None, alpha: float = ALPHA
) -> Equivalence:
    """Test whether the mean changes of two cohorts, a minus b, differ too little to matter.

    Parameters
    ----------
    a, b : GroupSummary
        Number, mean and standard deviation of the changes of each cohort, in points.
    margin : Margin, optional
        By default .3 points.
    alpha : float, default .05
        Error of each one-sided test, above 0 and below .5.

    Returns
    -------
    Equivalence
        From 10 pairs in each cohort on; below, counts with a note.

    Notes
    -----
    In points Welch's standard error and degrees of freedom; in standard deviations the noncentral t of the pooled test. R:
    `t.test(a, b, mu = -bound, alternative = "greater")` and its mirror. References as in `equivalent_change`.

    Raises
    ------
    ScoringError
        `equivalence.alpha`, and `equivalence.summary` for numbers that are not finite or a negative spread.
    """
    _check_alpha(alpha)
    if not all(math.isfinite(x) for x in (a.mean, a.sd, b.mean, b.sd)) or min(a.sd, b.sd) < 0:
        raise ScoringError(
            "equivalence.summary",
            "A mean or a standard deviation of a cohort is not a usable number.",
            "Pass finite means and standard deviations of 0 or more.",
        )
    smaller = min(a.n, b.n)
    empty = _start(a.n + b.n, 0, margin or Margin(), alpha)
    if not allowed(smaller, "t_interval"):
        return _keep_shut(empty, smaller)
    difference = a.mean - b.mean
    if max(a.sd, b.sd) <= 1e-12 * max(1.0, abs(a.mean), abs(b.mean)):
        return replace(
            empty, estimate=difference, notes=(*empty.notes, Note("equivalence.spread", _NO_SPREAD))
        )
    pooled = pooled_sd(a, b)
    root = math.sqrt(a.n * b.n / (a.n + b.n))
    found = _test(empty, difference, pooled, root, a.n + b.n - 2, a.n, b.n)
    if empty.margin.unit == "sd":
        return found
    error = math.sqrt(a.sd**2 / a.n + b.sd**2 / b.n)
    return _in_points(found, difference, error, welch_df(a, b))


def equivalent_estimate(
    estimate: float,
    error: float,
    df: float,
    *,
    margin: Margin | None = None,
    n_used: int,
    alpha: float = ALPHA,
) -> Equivalence:
    """Test whether any estimate with a standard error and degrees of freedom, for instance of a mixed model, is too small to matter.

    Parameters
    ----------
    estimate, error, df : float
        In points; the error above 0.
    margin : Margin, optional
        In points; one in standard deviations is refused, since the estimate does not say whose.
    n_used : int
        Units behind the estimate; kept in the result.
    alpha : float, default .05
        Error of each one-sided test, above 0 and below .5.

    Returns
    -------
    Equivalence
        Without power.

    Raises
    ------
    ScoringError
        `equivalence.alpha`, `equivalence.unit`, `equivalence.estimate`.
    """
    _check_alpha(alpha)
    empty = _start(n_used, 0, margin or Margin(), alpha)
    if empty.margin.unit == "sd":
        raise ScoringError(
            "equivalence.unit",
            "A smallest effect of interest in “%(unit)s” does not suit an estimate in points.",
            "Declare it in points.",
            unit=empty.margin.unit,
        )
    if not (math.isfinite(estimate) and math.isfinite(error) and error > 0 and df > 0):
        raise ScoringError(
            "equivalence.estimate",
            "An estimate of %(estimate)s with a standard error of %(error)s cannot be tested.",
            "Pass a finite estimate, a standard error above 0 and its degrees of freedom.",
            estimate=estimate,
            error=error,
        )
    return _in_points(empty, estimate, error, df)


def full_verdict(
    low: float | None, high: float | None, equivalence: Equivalence | None = None, *, width: float = 4.0
) -> FullVerdict:
    """Put an interval, and a test of equivalence where there is one, into one of four words (measurement plan, section 4.6).

    Parameters
    ----------
    low, high : float or None
        95 % interval in points; None, as of a group without spread or behind a gate, is "too few".
    equivalence : Equivalence, optional
        The test of equivalence of the same change.
    width : float, default 4
        Width of the score's range in points.

    Returns
    -------
    "moved", "not shown", "equivalent" or "too few"
        "moved" goes before "equivalent": a change that is certainly there stays a change, even a small one.
    """
    if low is None or high is None:
        return "too few"
    word: Verdict = verdict_for(low, high, width=width)
    if word != "moved" and equivalence is not None and equivalence.equivalent:
        return "equivalent"
    return word


def _start(n: int, n_dropped: int, margin: Margin, alpha: float) -> Equivalence:
    """A result without numbers."""
    notes = () if margin.declared else (Note("equivalence.undeclared", _UNDECLARED),)
    return Equivalence(n, n_dropped, margin, margin.value, alpha, notes)


def _keep_shut(empty: Equivalence, n: int) -> Equivalence:
    """A group below the gate of a t interval."""
    gate = gate_for(n)
    few = Note("equivalence.few", _FEW, {"minimum": 10, "n": n})
    return replace(empty, notes=(*empty.notes, Note(f"gate.{gate.name}", gate.message), few))


def _test(
    empty: Equivalence, mean: float, sd: float, root: float, df: int, n_a: int, n_b: int | None = None
) -> Equivalence:
    """Both tests of a mean with its own spread, and their power."""
    in_sd = empty.margin.unit == "sd"
    bound_sd = empty.bound if in_sd else empty.bound / sd
    power = power_equivalence(n_a, bound_sd, n_b=n_b, alpha=empty.alpha)
    notes = list(empty.notes)
    try:
        needed = n_for_equivalence(bound_sd, groups=1 if n_b is None else 2, alpha=empty.alpha)
    except ScoringError:
        needed = None
    if power < 0.8 and needed is not None:
        notes.append(Note("equivalence.weak", _WEAK, {"percent": 100.0 * power, "needed": needed}))
    stated = replace(empty, power=power, n_needed=needed, notes=tuple(notes))
    if in_sd:
        return _in_sd(stated, mean / sd * root, root, df)
    return _in_points(stated, mean, sd / root, df)


def _in_points(empty: Equivalence, estimate: float, error: float, df: float) -> Equivalence:
    """Both tests against a bound that is known."""
    from scipy.stats import t

    lower, upper = (float(p) for p in two_one_sided(estimate, error, df, empty.bound))
    half = float(t.ppf(1.0 - empty.alpha, df)) * error
    return replace(
        empty,
        estimate=estimate,
        low=estimate - half,
        high=estimate + half,
        t_lower=(estimate + empty.bound) / error,
        t_upper=(estimate - empty.bound) / error,
        df=df,
        p_lower=lower,
        p_upper=upper,
        p=max(lower, upper),
        equivalent=empty.margin.declared and max(lower, upper) <= empty.alpha,
    )


def _in_sd(empty: Equivalence, t: float, root: float, df: int) -> Equivalence:
    """Both tests against a bound in standard deviations that are themselves estimated."""
    shift = empty.bound * root
    # The test against the lower bound is the one against the upper bound of the mirror image.
    upper, lower = noncentral_cdf(t, df, shift), noncentral_cdf(-t, df, shift)
    low, high = noncentral_interval(t, df, 1.0 - 2.0 * empty.alpha)
    return replace(
        empty,
        estimate=t / root,
        low=low / root,
        high=high / root,
        t_lower=t,
        t_upper=t,
        df=df,
        p_lower=lower,
        p_upper=upper,
        p=max(lower, upper),
        equivalent=empty.margin.declared and max(lower, upper) <= empty.alpha,
    )


def _check_alpha(alpha: float) -> None:
    """An error of a one-sided test lies between 0 and one half."""
    if not 0 < alpha < 0.5:
        raise ScoringError(
            "equivalence.alpha",
            "A one-sided test cannot have the error %(alpha)s.",
            "Pass a number above 0 and below 0.5, for example 0.05.",
            alpha=alpha,
        )
