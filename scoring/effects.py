"""Standardized effects with noncentral-t intervals, and the smallest effect that a number of pairs can detect."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from scoring.errors import ScoringError
from scoring.noncentral import noncentral_cdf

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class GroupSummary:
    """What a comparison needs of a group: the number of values, their mean and their standard deviation (n - 1)."""

    n: int
    mean: float
    sd: float


@dataclass(frozen=True)
class EffectSize:
    """A standardized mean difference.

    Attributes
    ----------
    value : float
        Hedges' g: the difference in standard deviations, corrected for small samples.
    low, high : float
        Interval of the population value; its ends carry no correction, since the noncentral t already knows the sample size.
    df : int
        Degrees of freedom behind it.
    """

    value: float
    low: float
    high: float
    df: int


def bias_correction(df: int) -> float:
    """Return Hedges' exact correction `J = Gamma(df/2) / (sqrt(df/2) * Gamma((df - 1)/2))`.

    The usual `1 - 3/(4 df - 1)` is an approximation to it, off by less than .001 from df = 4 on. Hedges, L. V. (1981),
    Journal of Educational Statistics, 6, 107-128, https://doi.org/10.3102/10769986006002107. Raises ScoringError below df = 2.
    """
    if df < 2:
        raise _too_few()
    return math.exp(math.lgamma(df / 2.0) - 0.5 * math.log(df / 2.0) - math.lgamma((df - 1) / 2.0))


def noncentral_interval(t: float, df: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the noncentrality of an observed t: the values that put it at the two tails.

    The same as R's `uniroot(function(l) pt(t, df, l) - p, ...)` for p = 1 - g and g, g = (1 - confidence)/2. Steiger, J. H., &
    Fouladi, R. T. (1997), in Harlow et al. (Eds.), What if there were no significance tests?, 221-257.

    Raises
    ------
    ScoringError
        `effect.spread` for a t that is not finite.
    """
    from scipy.optimize import brentq

    if not math.isfinite(t):
        raise ScoringError("effect.spread", "An infinite t has no interval.", "Pass values that vary.")
    if t < 0:
        # The tail of a negative t is computed on its mirror image, where the distribution function is accurate.
        low, high = noncentral_interval(-t, df, confidence)
        return -high, -low
    tail = (1.0 - confidence) / 2.0
    reach = 8.0 + t * (1.0 + 8.0 / math.sqrt(df))

    def noncentrality(p: float) -> float:
        return float(brentq(lambda value: noncentral_cdf(t, df, value) - p, -reach, reach, xtol=1e-10))

    return noncentrality(1.0 - tail), noncentrality(tail)


def hedges_g_paired(before: FloatArray, after: FloatArray, *, confidence: float = 0.95) -> EffectSize:
    """Effect of a change within persons, g_av: the mean difference over the standard deviation averaged over both waves.

    Parameters
    ----------
    before, after : arrays of float, one value per person in the same order
        Scores without missing values, at least three persons.
    confidence : float, default .95
        Coverage of the interval.

    Returns
    -------
    EffectSize
        With df = n - 1.

    Notes
    -----
    `g_av = J(n - 1) * mean(d) / ((s_before + s_after) / 2)`, not d_z, which grows with the correlation of the waves and cannot
    be compared with a difference between groups. Interval: that of d_z from the noncentral t, `ncp / sqrt(n)`, times
    `s_d / s_av`; it takes the ratio of the two spreads as known. R: `J * mean(d) / ((sd(x) + sd(y)) / 2)`, and `pt` inverted.

    References
    ----------
    Cumming, G. (2012). Understanding the new statistics. Routledge.
    Algina, J., & Keselman, H. J. (2003). Approximate confidence intervals for effect sizes. Educational and Psychological
    Measurement, 63, 537-553. https://doi.org/10.1177/0013164403256358

    Raises
    ------
    ScoringError
        `effect.pairs` for arrays of different length, `effect.rows` for fewer than three persons, `effect.spread` when the
        differences or both waves do not vary.
    """
    if len(before) != len(after):
        raise ScoringError(
            "effect.pairs",
            "Before and after differ in length.",
            "Pass one value of each wave for every person.",
        )
    n = len(before)
    if n < 3:
        raise _too_few()
    differences = after - before
    sd_difference = float(differences.std(ddof=1))
    sd_average = (float(before.std(ddof=1)) + float(after.std(ddof=1))) / 2.0
    _check_spread(sd_difference, differences)
    _check_spread(sd_average, np.concatenate([before, after]))
    mean = float(differences.mean())
    low, high = noncentral_interval(mean / (sd_difference / math.sqrt(n)), n - 1, confidence)
    to_average = sd_difference / sd_average / math.sqrt(n)
    return EffectSize(bias_correction(n - 1) * mean / sd_average, low * to_average, high * to_average, n - 1)


def hedges_g_independent(a: GroupSummary, b: GroupSummary, *, confidence: float = 0.95) -> EffectSize:
    """Effect of a difference between two groups, a minus b, over their pooled standard deviation.

    Parameters
    ----------
    a, b : GroupSummary
        Number, mean and standard deviation of each group; at least two values in each.
    confidence : float, default .95
        Coverage of the interval.

    Returns
    -------
    EffectSize
        With df = n_a + n_b - 2.

    Notes
    -----
    `g = J(df) * (mean_a - mean_b) / s_p`; interval `ncp * sqrt(1/n_a + 1/n_b)` from the noncentral t of the pooled t test.
    R: the same by inverting `pt`, as MBESS::ci.smd does.

    References
    ----------
    Hedges, L. V. (1981). Distribution theory for Glass's estimator of effect size and related estimators. Journal of
    Educational Statistics, 6, 107-128. https://doi.org/10.3102/10769986006002107

    Raises
    ------
    ScoringError
        `effect.rows` for fewer than two in a group, `effect.spread` when neither group varies.
    """
    if min(a.n, b.n) < 2:
        raise _too_few()
    pooled = pooled_sd(a, b)
    _check_spread(pooled, np.array([a.mean, b.mean]))
    per_root = math.sqrt(1.0 / a.n + 1.0 / b.n)
    d, df = (a.mean - b.mean) / pooled, a.n + b.n - 2
    low, high = noncentral_interval(d / per_root, df, confidence)
    return EffectSize(bias_correction(df) * d, low * per_root, high * per_root, df)


def pooled_sd(a: GroupSummary, b: GroupSummary) -> float:
    """Return the standard deviation of two groups around their own means, weighted by degrees of freedom."""
    return math.sqrt(((a.n - 1) * a.sd**2 + (b.n - 1) * b.sd**2) / (a.n + b.n - 2))


@lru_cache(maxsize=512)
def detectable_change(n: int, *, power: float = 0.80, alpha: float = 0.05) -> float:
    """Return the smallest d_z that a two-sided one-sample t test of n differences finds with the given power.

    n is at least 3; d_z is the mean difference over the standard deviation of the differences. R:
    `power.t.test(n = n, power = .8, type = "one.sample")$delta`. Raises ScoringError `effect.rows` below 3.
    """
    if n < 3:
        raise _too_few()
    return _detectable(n - 1, math.sqrt(n), power, alpha)


@lru_cache(maxsize=512)
def detectable_difference(n_a: int, n_b: int, *, power: float = 0.80, alpha: float = 0.05) -> float:
    """Return the smallest standardized difference that a two-sided t test of two groups finds with the given power.

    At least two in each group. R, for equal groups: `power.t.test(n = n, power = .8)$delta`. Raises ScoringError
    `effect.rows` below that.
    """
    if min(n_a, n_b) < 2:
        raise _too_few()
    return _detectable(n_a + n_b - 2, math.sqrt(n_a * n_b / (n_a + n_b)), power, alpha)


def _detectable(df: int, root_n: float, power: float, alpha: float) -> float:
    """The effect whose noncentral t exceeds the critical value with the given power; the far tail counts for nothing."""
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    critical = float(t.ppf(1.0 - alpha / 2.0, df))
    top = 4.0 * critical + 8.0
    return float(brentq(lambda ncp: float(nct.sf(critical, df, ncp)) - power, 0.0, top, xtol=1e-10)) / root_n


def _check_spread(sd: float, values: FloatArray) -> None:
    """A spread that is more than rounding."""
    if not sd > 1e-12 * max(1.0, float(np.abs(values).max())):
        raise ScoringError(
            "effect.spread",
            "The values do not vary, so an effect has no unit.",
            "Report the difference in points only.",
        )


def _too_few() -> ScoringError:
    """The error for too few values."""
    return ScoringError(
        "effect.rows", "Too few values for a standardized effect.", "Report the difference in points only."
    )
