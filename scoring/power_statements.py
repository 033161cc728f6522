"""What a comparison could have shown, as it is printed beside every one: detectable effect, power, and the size needed."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.power import (
    ALPHA,
    LARGEST_SIZE,
    POWER,
    SMALLEST_POINTS,
    detectable_cohorts,
    n_for_change,
    n_for_cohorts,
    n_for_difference,
    power_cohorts,
    power_t,
    refuse_effect,
    root_and_df,
    solve_detectable,
)

PowerDesign = Literal["change", "difference", "cohorts"]

_SPREAD = N_("The spread is not known, so the power cannot be said in points.")
_LOW = N_(
    "A comparison of this size would miss a true difference of %(smallest).2f points in %(percent).0f %% of cases."
)
_UNREACHED = N_("More than %(largest)d would be needed to show so small a difference.")


@dataclass(frozen=True)
class PowerStatement:
    """What a comparison could have shown, printed beside it.

    Attributes
    ----------
    design : "change", "difference" or "cohorts"
        The unit that was tested: changes of pairs, two groups of pairs, two arms of cohorts.
    n_a, n_b : int, int or None
        Pairs (for "cohorts": cohorts) in each group; `n_b` is None for a change.
    df : float
        Degrees of freedom of the t test.
    alpha, power : float
        Two-sided error and the power that `detectable` refers to.
    detectable_sd, detectable : float, float or None
        Smallest effect found with this power, in standard deviations and in points.
    smallest : float
        The difference in points that is worth finding.
    power_at_smallest : float or None
        Probability of finding it.
    n_needed : int or None
        Pairs (for "cohorts": cohorts) in each group that would find it with this power.
    notes : tuple of Note
    """

    design: PowerDesign
    n_a: int
    n_b: int | None
    df: float
    alpha: float
    power: float
    detectable_sd: float
    detectable: float | None
    smallest: float
    power_at_smallest: float | None
    n_needed: int | None
    notes: tuple[Note, ...]


def state_power(
    n_a: int,
    n_b: int | None = None,
    *,
    sd: float | None,
    smallest: float = SMALLEST_POINTS,
    alpha: float = ALPHA,
    power: float = POWER,
) -> PowerStatement:
    """Say what a change of one group of pairs, or a difference of two, could have shown.

    Parameters
    ----------
    n_a, n_b : int
        Pairs in each group, at least two; without `n_b` a change within one group.
    sd : float or None
        Standard deviation of the changes (pooled over groups) in points; None or 0 leaves the values in points out, with a note.
    smallest : float, default .3
        Difference in points that would be worth finding.
    alpha : float, default .05
        Two-sided error.
    power : float, default .80
        The probability that "detectable" and "needed" refer to.

    Returns
    -------
    PowerStatement

    Notes
    -----
    The spread is the one observed, the effect is the one asked for: this is no "observed power", which only restates p. R:
    `power.t.test`.

    Raises
    ------
    ScoringError
        `power.size`, `power.effect`.
    """
    root, df = root_and_df(n_a, n_b)
    sizes = PowerStatement(
        design="change" if n_b is None else "difference",
        n_a=n_a,
        n_b=n_b,
        df=df,
        alpha=alpha,
        power=power,
        detectable_sd=solve_detectable(root, df, power, alpha),
        detectable=None,
        smallest=smallest,
        power_at_smallest=None,
        n_needed=None,
        notes=(),
    )
    size = n_for_change if n_b is None else n_for_difference
    return _state(
        sizes,
        sd,
        lambda effect: float(power_t(effect * root, df, alpha=alpha)),
        lambda effect: size(effect, power=power, alpha=alpha),
    )


def state_cohort_power(
    k_a: int,
    k_b: int,
    *,
    pairs: float,
    icc: float,
    sd: float | None,
    smallest: float = SMALLEST_POINTS,
    alpha: float = ALPHA,
    power: float = POWER,
) -> PowerStatement:
    """Say what a difference between two arms of whole cohorts could have shown.

    Arguments as in `power_cohorts` and `state_power`; `sd` is the standard deviation of pairs' changes within an arm, within and
    between cohorts together. Raises ScoringError `power.size`, `power.icc`, `power.effect`.
    """
    sizes = PowerStatement(
        design="cohorts",
        n_a=k_a,
        n_b=k_b,
        df=k_a + k_b - 2,
        alpha=alpha,
        power=power,
        detectable_sd=detectable_cohorts(k_a, k_b, pairs, icc, power=power, alpha=alpha),
        detectable=None,
        smallest=smallest,
        power_at_smallest=None,
        n_needed=None,
        notes=(),
    )
    return _state(
        sizes,
        sd,
        lambda effect: float(power_cohorts(k_a, k_b, pairs, icc, effect, alpha=alpha)),
        lambda effect: n_for_cohorts(effect, pairs, icc, power=power, alpha=alpha),
    )


def _state(
    sizes: PowerStatement,
    sd: float | None,
    power_of: Callable[[float], float],
    size_for: Callable[[float], int],
) -> PowerStatement:
    """Complete a statement with what depends on the spread."""
    if not (sizes.smallest > 0 and math.isfinite(sizes.smallest)):
        raise refuse_effect(sizes.smallest)
    if sd is None or not (sd > 0 and math.isfinite(sd)):
        return replace(sizes, notes=(Note("power.spread", _SPREAD),))
    effect = sizes.smallest / sd
    found = power_of(effect)
    notes = []
    if found < sizes.power:
        missed = {"smallest": sizes.smallest, "percent": 100.0 * (1.0 - found)}
        notes.append(Note("power.low", _LOW, missed))
    try:
        needed = size_for(effect)
    except ScoringError:
        needed = None
        notes.append(Note("power.needed", _UNREACHED, {"largest": LARGEST_SIZE}))
    return replace(
        sizes,
        detectable=sizes.detectable_sd * sd,
        power_at_smallest=found,
        n_needed=needed,
        notes=tuple(notes),
    )
