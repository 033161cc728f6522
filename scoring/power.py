"""What a comparison of a given size can show: power, smallest detectable effects, sizes needed, and power curves.

Every function takes the design as it was carried out: changes of pairs, two groups of pairs, or two arms of whole cohorts.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from scoring.errors import ScoringError
from scoring.noncentral import spread_nodes

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

POWER: Final = 0.80
ALPHA: Final = 0.05
# Points on a range of 1 to 5: the difference that a programme would want to see, also the default bound of equivalence.
SMALLEST_POINTS: Final = 0.3
LARGEST_SIZE: Final = 1_000_000


def power_t(noncentrality: FloatArray | float, df: float, *, alpha: float = ALPHA) -> FloatArray:
    """Return the probability that a two-sided t test rejects, for any number of noncentralities at once.

    Parameters
    ----------
    noncentrality : float or ndarray of any shape
        True effect over its standard error.
    df : float
        Degrees of freedom, above 0.
    alpha : float, default .05
        Two-sided error, between 0 and 1.

    Returns
    -------
    ndarray of the same shape
        0 to 1; alpha where the noncentrality is 0.

    Notes
    -----
    `P(T > t) + P(T < -t)` with T noncentral; both tails count. R: `power.t.test(strict = TRUE)`. The normal distribution takes
    over where scipy's noncentral t gives no number, which happens only where power is 1 to all digits.

    Raises
    ------
    ScoringError
        `power.alpha`, `power.df`.
    """
    from scipy.stats import nct, norm, t

    _check_share(alpha, "power.alpha")
    if not df > 0:
        raise _too_small("power.df")
    ncp = np.abs(np.asarray(noncentrality, dtype=np.float64))
    critical = float(t.ppf(1.0 - alpha / 2.0, df))
    upper = nct.sf(critical, df, ncp)
    lower = nct.cdf(-critical, df, ncp)
    usable = np.isfinite(upper)
    found = np.where(usable, upper, norm.sf(critical - ncp)) + np.where(np.isfinite(lower), lower, 0.0)
    return np.asarray(np.clip(np.where(np.isnan(ncp), np.nan, found), 0.0, 1.0))


def power_change(n: int, effect: FloatArray | float, *, alpha: float = ALPHA) -> FloatArray:
    """Return the power of a paired t test of n pairs for a true change of `effect` standard deviations of the changes (d_z).

    R: `power.t.test(n, delta = effect, type = "one.sample", strict = TRUE)`. Raises ScoringError `power.size` below two pairs.
    """
    if n < 2:
        raise _too_small("power.size")
    return power_t(np.asarray(effect) * math.sqrt(n), n - 1, alpha=alpha)


def power_difference(n_a: int, n_b: int, effect: FloatArray | float, *, alpha: float = ALPHA) -> FloatArray:
    """Return the power of a t test of two groups of pairs for a difference of `effect` pooled standard deviations.

    R, for equal groups: `power.t.test(n, delta = effect, strict = TRUE)`. Raises ScoringError `power.size` below two in a group.
    """
    if min(n_a, n_b) < 2:
        raise _too_small("power.size")
    return power_t(np.asarray(effect) * math.sqrt(n_a * n_b / (n_a + n_b)), n_a + n_b - 2, alpha=alpha)


def power_cohorts(
    k_a: int, k_b: int, pairs: float, icc: float, effect: FloatArray | float, *, alpha: float = ALPHA
) -> FloatArray:
    """Return the power of a t test on cohort means, when a design was given to whole cohorts.

    Parameters
    ----------
    k_a, k_b : int
        Cohorts in each arm, at least two.
    pairs : float
        Pairs in a cohort (harmonic mean when they differ), at least 1.
    icc : float
        Share of the variance of pairs' changes that lies between cohorts of one arm, 0 to below 1.
    effect : float or ndarray
        True difference in standard deviations of pairs' changes (within and between cohorts together).
    alpha : float, default .05
        Two-sided error.

    Returns
    -------
    ndarray of the same shape as `effect`

    Notes
    -----
    The variance of a cohort's mean is `icc + (1 - icc)/pairs`, so more pairs in few cohorts hardly help; df = k_a + k_b - 2.
    R: `power.t.test(n = k, delta = effect, sd = sqrt(icc + (1 - icc)/pairs), strict = TRUE)`.

    References
    ----------
    Donner, A., & Klar, N. (2000). Design and analysis of cluster randomization trials in health research. Arnold.

    Raises
    ------
    ScoringError
        `power.size`, `power.icc`.
    """
    _check_cohorts(k_a, k_b, pairs, icc)
    per_mean = math.sqrt((icc + (1.0 - icc) / pairs) * (1.0 / k_a + 1.0 / k_b))
    return power_t(np.asarray(effect) / per_mean, k_a + k_b - 2, alpha=alpha)


def detectable_cohorts(
    k_a: int, k_b: int, pairs: float, icc: float, *, power: float = POWER, alpha: float = ALPHA
) -> float:
    """Return the smallest difference, in standard deviations of pairs' changes, that so many cohorts show with this power.

    Arguments as in `power_cohorts`, whose errors it raises. R: `power.t.test(n = k, power = .8, sd = ...)$delta`.
    """
    _check_cohorts(k_a, k_b, pairs, icc)
    per_mean = math.sqrt((icc + (1.0 - icc) / pairs) * (1.0 / k_a + 1.0 / k_b))
    return solve_detectable(1.0 / per_mean, k_a + k_b - 2, power, alpha)


def detectable_by_error(error: float, df: float, *, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the smallest value of any coefficient that its t test finds with this power, in the coefficient's unit.

    `error` is the coefficient's standard error, above 0, and `df` its degrees of freedom. Raises ScoringError `power.df`,
    `power.power`.
    """
    return solve_detectable(1.0, df, power, alpha) * error


def power_equivalence(
    n_a: int, bound: float, *, n_b: int | None = None, true: float = 0.0, alpha: float = ALPHA
) -> float:
    """Return the probability that two one-sided tests show equivalence.

    Parameters
    ----------
    n_a : int
        Pairs; at least two.
    bound : float
        Half-width of the zone of equivalence in standard deviations (of the changes; for two groups: within a group), above 0.
    n_b : int, optional
        Pairs of a second group; without it the changes of one group are tested.
    true : float, default 0
        The true effect in the same unit.
    alpha : float, default .05
        Error of each one-sided test.

    Returns
    -------
    float
        Exact for normal values: `E[max(0, Phi(r(bound - true) - t s) - Phi(t s - r(bound + true)))]` over the distribution of
        s = sqrt(chi2/df), with r the root of the effective size and t the critical value.

    References
    ----------
    Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the power approach. Journal of Pharmacokinetics
    and Biopharmaceutics, 15, 657-680. https://doi.org/10.1007/BF01068419
    Phillips, K. F. (1990). Power of the two one-sided tests procedure in bioequivalence. Journal of Pharmacokinetics and
    Biopharmaceutics, 18, 137-144. https://doi.org/10.1007/BF01063556

    Raises
    ------
    ScoringError
        `power.size`, `power.bound`, `power.alpha`.
    """
    from scipy.stats import norm, t

    _check_share(alpha, "power.alpha")
    if min(n_a, n_a if n_b is None else n_b) < 2:
        raise _too_small("power.size")
    if not (bound > 0 and math.isfinite(bound)):
        raise ScoringError(
            "power.bound",
            "%(bound)s is no bound of equivalence.",
            "Pass the smallest difference that would matter, above 0.",
            bound=bound,
        )
    root, df = root_and_df(n_a, n_b)
    critical = float(t.ppf(1.0 - alpha, df))
    # Only below this spread can both tests reject.
    s, weights = spread_nodes(df, root * bound / critical)
    inside = norm.cdf(root * (bound - true) - critical * s) - norm.cdf(critical * s - root * (bound + true))
    return float(weights @ np.maximum(inside, 0.0))


def n_for_change(effect: float, *, power: float = POWER, alpha: float = ALPHA) -> int:
    """Return the number of pairs that shows a change of `effect` (d_z) with this power; raises ScoringError `power.effect`."""
    return _smallest_size(lambda n: float(power_change(n, effect, alpha=alpha)), effect, power)


def n_for_difference(effect: float, *, power: float = POWER, alpha: float = ALPHA) -> int:
    """Return the pairs in each of two equal groups that show a difference of `effect`; raises ScoringError `power.effect`."""
    return _smallest_size(lambda n: float(power_difference(n, n, effect, alpha=alpha)), effect, power)


def n_for_cohorts(
    effect: float, pairs: float, icc: float, *, power: float = POWER, alpha: float = ALPHA
) -> int:
    """Return the cohorts in each of two equal arms that show a difference of `effect`; raises ScoringError `power.effect`."""
    return _smallest_size(
        lambda k: float(power_cohorts(k, k, pairs, icc, effect, alpha=alpha)), effect, power
    )


def n_for_equivalence(
    bound: float, *, groups: Literal[1, 2] = 1, true: float = 0.0, power: float = POWER, alpha: float = ALPHA
) -> int:
    """Return the pairs (in each group) that show equivalence within `bound` standard deviations with this power.

    Paired, at a true effect of 0: 36 for .5 and 97 for .3 (measurement plan, section 4.6). Arguments as in `power_equivalence`.
    Raises ScoringError `power.bound`, or `power.effect` for a true effect that is not inside the bounds.
    """
    if not abs(true) < bound:
        raise refuse_effect(true)
    return _smallest_size(
        lambda n: power_equivalence(n, bound, n_b=n if groups == 2 else None, true=true, alpha=alpha),
        bound - abs(true),
        power,
    )


def power_curve(
    n_a: int,
    n_b: int | None = None,
    *,
    pairs: float | None = None,
    icc: float = 0.0,
    sd: float | None = None,
    effects: Sequence[float] | FloatArray | None = None,
    alpha: float = ALPHA,
) -> pd.DataFrame:
    """Return the power of a comparison over a range of true effects.

    Parameters
    ----------
    n_a, n_b : int
        Pairs; with `pairs` given, cohorts. Without `n_b` the curve is that of a change within one group.
    pairs, icc : float
        Pairs in a cohort and intraclass correlation, when the design was given to cohorts.
    sd : float, optional
        Standard deviation of the changes, which turns effects into points.
    effects : sequence of float, optional
        True effects in standard deviations; by default 0 to 1.5 in steps of .025.
    alpha : float, default .05
        Two-sided error.

    Returns
    -------
    DataFrame
        Columns `effect_sd`, `effect` (points; NaN when `sd` is not given) and `power` (0 to 1), one row per effect.

    Raises
    ------
    ScoringError
        `power.size`, `power.icc`, `power.effect` for effects that are not finite.
    """
    asked = np.linspace(0.0, 1.5, 61) if effects is None else np.asarray(effects, dtype=np.float64)
    if not np.isfinite(asked).all():
        raise refuse_effect(math.nan)
    if n_b is None:
        found = power_change(n_a, asked, alpha=alpha)
    elif pairs is None:
        found = power_difference(n_a, n_b, asked, alpha=alpha)
    else:
        found = power_cohorts(n_a, n_b, pairs, icc, asked, alpha=alpha)
    points = asked * (math.nan if sd is None else sd)
    return pd.DataFrame({"effect_sd": asked, "effect": points, "power": found})


def _smallest_size(power_of: Callable[[int], float], effect: float, power: float) -> int:
    """The smallest size from 2 on whose power is reached, by doubling and halving."""
    _check_share(power, "power.power")
    if not (effect != 0 and math.isfinite(effect)):
        raise refuse_effect(effect)
    high = 2
    while power_of(high) < power:
        high *= 2
        if high > LARGEST_SIZE:
            raise refuse_effect(effect)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= power else (middle, high)
    return high


@lru_cache(maxsize=512)
def solve_detectable(root: float, df: float, power: float, alpha: float) -> float:
    """Return the effect whose two-sided power is the one asked for; `root` is the inverse of its standard error."""
    from scipy.optimize import brentq

    _check_share(power, "power.power")
    if power <= alpha:
        return 0.0
    top = 1.0
    while float(power_t(top, df, alpha=alpha)) < power:
        top *= 2.0
    return (
        float(brentq(lambda ncp: float(power_t(ncp, df, alpha=alpha)) - power, 0.0, top, xtol=1e-11)) / root
    )


def root_and_df(n_a: int, n_b: int | None) -> tuple[float, int]:
    """Return the root of the effective size, and degrees of freedom, of one or two groups."""
    if min(n_a, n_a if n_b is None else n_b) < 2:
        raise _too_small("power.size")
    if n_b is None:
        return math.sqrt(n_a), n_a - 1
    return math.sqrt(n_a * n_b / (n_a + n_b)), n_a + n_b - 2


def _check_share(share: float, code: str) -> None:
    """An error or a power lies between 0 and 1."""
    if not 0 < share < 1:
        raise ScoringError(
            code,
            "%(share)s is no probability.",
            "Pass a number between 0 and 1, for example 0.05.",
            share=share,
        )


def _check_cohorts(k_a: int, k_b: int, pairs: float, icc: float) -> None:
    """Two arms of at least two cohorts, of at least one pair."""
    if min(k_a, k_b) < 2 or not (pairs >= 1 and math.isfinite(pairs)):
        raise _too_small("power.size")
    if not 0 <= icc < 1:
        raise ScoringError(
            "power.icc",
            "%(icc)s is no intraclass correlation of cohorts.",
            "Pass a number from 0 to below 1, for example 0.05.",
            icc=icc,
        )


def _too_small(code: str) -> ScoringError:
    """The error for groups without a spread of their own."""
    return ScoringError(
        code, "A t test needs two units in each group.", "Describe so few in numbers of participants only."
    )


def refuse_effect(effect: float) -> ScoringError:
    """Return the error for an effect that no size shows."""
    return ScoringError(
        "power.effect",
        "No size below a million shows an effect of %(effect)s.",
        "Pass the smallest effect that would be worth finding: finite, not 0, and inside the bounds.",
        effect=effect,
    )
