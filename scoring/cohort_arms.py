"""Two designs that were given to whole cohorts, compared on cohorts: more pairs in each do not make more cohorts.

Pooling their pairs would find differences that are not there in 13 % of comparisons at an intraclass correlation of .05.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.cohort_designs import NOT_DRAWN, Wording
from scoring.descriptives import no_spread, read_finite
from scoring.effects import bias_correction, noncentral_interval
from scoring.equivalence import Equivalence, FullVerdict, Margin, equivalent_estimate, full_verdict
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.gates import allowed
from scoring.permutation import PermutationTest, permutation_test
from scoring.power import SMALLEST_POINTS
from scoring.power_statements import PowerStatement, state_cohort_power

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

FEWEST_PER_ARM: Final = 4


@dataclass(frozen=True)
class ArmComparison:
    """Two designs that were given to whole cohorts, compared on cohort means.

    Attributes
    ----------
    arms : tuple of two str
        The difference is the first minus the second.
    n_cohorts, n_used : tuple of two int
        Cohorts and pairs of each arm.
    n_dropped : int
        Pairs without a change.
    means : tuple of two float or None
        Mean of the cohort means of each arm, in points.
    table : DataFrame
        Index cohort; columns `arm`, `n`, `mean`.
    difference, low, high : float or None
        In points; the interval from four cohorts in each arm on.
    confidence : float
    t, df, p : float or None
        t test on cohort means, df = cohorts - 2.
    permutation : PermutationTest or None
        Of the labels of cohorts.
    g, g_low, g_high : float or None
        The difference in standard deviations of pairs' changes within an arm.
    icc : float or None
        Share of this variance between cohorts of an arm; 0 where the estimate is negative.
    sd : float or None
        The standard deviation itself.
    equivalence : Equivalence or None
    power : PowerStatement or None
    verdict : "moved", "not shown", "equivalent" or "too few"
    wording : "changed during" or "randomised"
    notes : tuple of Note
    """

    arms: tuple[str, str]
    n_cohorts: tuple[int, int]
    n_used: tuple[int, int]
    n_dropped: int
    table: pd.DataFrame
    confidence: float
    wording: Wording
    notes: tuple[Note, ...]
    means: tuple[float | None, float | None] = (None, None)
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    df: float | None = None
    p: float | None = None
    permutation: PermutationTest | None = None
    g: float | None = None
    g_low: float | None = None
    g_high: float | None = None
    icc: float | None = None
    sd: float | None = None
    equivalence: Equivalence | None = None
    power: PowerStatement | None = None
    verdict: FullVerdict = "too few"


_FEW_COHORTS = N_(
    "With fewer than %(minimum)d cohorts in each arm (here %(n_a)d and %(n_b)d) a design is described, not tested."
)
_NO_SPREAD = N_("All cohorts of an arm changed by the same amount, so there is no interval.")
_NO_ICC = N_(
    "No cohort has two pairs, so what lies between cohorts cannot be told from what lies within them."
)
_SMALL = N_("The smallest cohort has %(n)d pairs; its row is for researchers only.")


def compare_arms(
    changes: pd.Series,
    cohorts: pd.Series,
    arms: Mapping[str, str] | pd.Series,
    *,
    order: tuple[str, str] | None = None,
    randomised: bool = False,
    margin: Margin | None = None,
    confidence: float = 0.95,
    width: float = 4.0,
    smallest: float = SMALLEST_POINTS,
    rng: np.random.Generator | None = None,
) -> ArmComparison:
    """Compare two designs that were given to whole cohorts.

    Parameters
    ----------
    changes : Series of float
        One change per pair in points, indexed by pair.
    cohorts : Series
        The cohort of each pair; same index.
    arms : mapping or Series
        The arm of each cohort; two different arms.
    order : tuple of two arms, optional
        The difference is the first minus the second; by default in the order of their names.
    randomised : bool, default False
        Whether lots decided which cohort got which design.
    margin : Margin, optional
        Smallest difference of interest in points, declared beforehand.
    confidence : float, default .95
        Coverage of the intervals.
    width : float, default 4
        Width of the score's range in points.
    smallest : float, default .3
        Difference in points for which the power is said.
    rng : Generator, optional
        For random lots over very many cohorts; a fixed seed by default.

    Returns
    -------
    ArmComparison
        Below four cohorts in an arm means and their difference only.

    Notes
    -----
    Missing changes are dropped and counted; a cohort without any change is left out.

    `t = (mean_a - mean_b) / (s sqrt(1/k_a + 1/k_b))` on the unweighted cohort means with their pooled spread s, df = k_a + k_b - 2:
    exact for cohorts of equal size, and robust for unequal ones. R: `t.test(m ~ arm, var.equal = TRUE)` on `tapply` means. The
    intraclass correlation is the moment estimate within arms. g is the difference over the standard deviation of pairs' changes
    within an arm, `sqrt(within + between)`, with Hedges' correction for df = k - 2; its interval takes the ratio of the two spreads as
    known.

    References
    ----------
    Donner, A., & Klar, N. (2000). Design and analysis of cluster randomization trials in health research. Arnold.
    Hedges, L. V. (2007). Effect sizes in cluster-randomized designs. Journal of Educational and Behavioral Statistics, 32, 341-370.
    https://doi.org/10.3102/1076998606298043

    Raises
    ------
    ScoringError
        `design.pairs`, `design.cohort`, `design.arm`, `design.confidence`, `describe.number`; `equivalence.unit` for a margin in
        standard deviations.
    """
    _check_confidence(confidence)
    read, n_dropped = read_cohorts(changes, cohorts)
    table = _arm_table(read, arms)
    names = _arm_names(table, order)
    means = [table.loc[table["arm"] == name, "mean"].to_numpy(dtype=np.float64) for name in names]
    n_used = [int(table.loc[table["arm"] == name, "n"].sum()) for name in names]
    k_a, k_b = len(means[0]), len(means[1])
    notes = []
    if len(table) and not allowed(int(table["n"].min()), "cell_mean"):
        notes.append(Note("design.small", _SMALL, {"n": int(table["n"].min())}))
    if not randomised:
        notes.append(Note("design.not_drawn", NOT_DRAWN))
    result = ArmComparison(
        arms=names,
        n_cohorts=(k_a, k_b),
        n_used=(n_used[0], n_used[1]),
        n_dropped=n_dropped,
        table=table,
        confidence=confidence,
        wording="randomised" if randomised else "changed during",
        notes=tuple(notes),
    )
    if min(k_a, k_b) < 1:
        return _add(result, _few_cohorts(k_a, k_b))
    result = replace(
        result,
        means=(float(means[0].mean()), float(means[1].mean())),
        difference=float(means[0].mean() - means[1].mean()),
    )
    result = _add_spread(result, read, smallest)
    if min(k_a, k_b) < FEWEST_PER_ARM:
        return _add(result, _few_cohorts(k_a, k_b))
    return _test_arms(result, means[0], means[1], margin or Margin.for_width(width), width, rng)


def read_cohorts(changes: pd.Series, cohorts: pd.Series) -> tuple[pd.DataFrame, int]:
    """Return the pairs with a change as a table of `change` and `cohort` without labels, and the number of pairs without one.

    Raises ScoringError `design.pairs` for a pair that stands twice or has no cohort of its own in `cohorts`, `design.cohort` for an
    empty cohort, `describe.number` for a change that is no finite number.
    """
    for values in (changes, cohorts):
        if values.index.has_duplicates:
            raise ScoringError(
                "design.pairs",
                "The pair %(pair)s stands twice.",
                "Give every pair one change and one cohort.",
                pair=str(values.index[values.index.duplicated()][0]),
            )
    missing = changes.index.difference(cohorts.index)
    if len(missing):
        raise ScoringError(
            "design.pairs",
            "The pair %(pair)s has a change and no cohort.",
            "Give both tables the same pairs.",
            pair=str(missing[0]),
        )
    read_finite(changes)
    values = read_numbers(changes)[0]
    own = cohorts.reindex(changes.index)
    present = ~np.isnan(values)
    empty = own.isna().to_numpy() & present
    if empty.any():
        raise ScoringError(
            "design.cohort",
            "The pair %(pair)s has no cohort.",
            "Say for every pair in which cohort it is.",
            pair=str(changes.index[empty][0]),
        )
    table = pd.DataFrame({"change": values[present], "cohort": own.to_numpy()[present].astype(str)})
    return table, int((~present).sum())


def _arm_table(read: pd.DataFrame, arms: Mapping[str, str] | pd.Series) -> pd.DataFrame:
    """Each cohort with its arm, pairs and mean, in the order of their names."""
    wanted = {str(cohort): str(arm) for cohort, arm in arms.items() if not pd.isna(arm)}
    grouped = read.groupby("cohort")["change"]
    table = pd.DataFrame({"n": grouped.size(), "mean": grouped.mean()})
    unknown = [cohort for cohort in table.index if cohort not in wanted]
    if unknown:
        raise ScoringError(
            "design.arm",
            "The cohort %(cohort)s has no arm.",
            "Say for every cohort which design it was given.",
            cohort=str(unknown[0]),
        )
    table.insert(0, "arm", [wanted[str(cohort)] for cohort in table.index])
    return table


def _arm_names(table: pd.DataFrame, order: tuple[str, str] | None) -> tuple[str, str]:
    """The two arms in the order of the difference."""
    found = sorted(set(table["arm"]))
    if order is not None:
        if len(set(order)) != 2 or not set(found) <= set(order):
            raise _refuse_arms(found)
        return order
    if len(found) != 2:
        raise _refuse_arms(found)
    return found[0], found[1]


def _refuse_arms(found: list[str]) -> ScoringError:
    """The error for anything but two arms."""
    return ScoringError(
        "design.arm",
        "Two arms are compared; the cohorts have: %(found)s.",
        "Name the two arms, and leave out the cohorts of others; for many designs use cohort_effects.",
        found=", ".join(found) or "-",
    )


def _add(result: ArmComparison, *notes: Note) -> ArmComparison:
    """The same result with more notes."""
    return replace(result, notes=(*result.notes, *notes))


def _few_cohorts(k_a: int, k_b: int) -> Note:
    """Too few cohorts for a test."""
    return Note("design.few_cohorts", _FEW_COHORTS, {"minimum": FEWEST_PER_ARM, "n_a": k_a, "n_b": k_b})


def _add_spread(result: ArmComparison, read: pd.DataFrame, smallest: float) -> ArmComparison:
    """Spread within and between the cohorts of an arm, and the power that follows from it."""
    table, (k_a, k_b) = result.table, result.n_cohorts
    n = table["n"].to_numpy(dtype=np.float64)
    means = table["mean"].to_numpy(dtype=np.float64)
    df_within, df_between = float(n.sum()) - len(table), len(table) - 2
    if df_within < 1 or df_between < 1:
        notes = () if df_within >= 1 else (Note("design.icc", _NO_ICC),)
        return _add(result, *notes)
    residual = read["change"].to_numpy() - table["mean"].reindex(read["cohort"]).to_numpy()
    within = float(residual @ residual) / df_within
    square, size = 0.0, float(n.sum())
    for arm in result.arms:
        chosen = (table["arm"] == arm).to_numpy()
        n_arm, m_arm = n[chosen], means[chosen]
        square += float(n_arm @ (m_arm - n_arm @ m_arm / n_arm.sum()) ** 2)
        size -= float(n_arm @ n_arm) / float(n_arm.sum())
    between = max(0.0, (square / df_between - within) / (size / df_between))
    total = within + between
    if total <= 1e-24 * max(1.0, float(np.abs(means).max())) ** 2:
        return result
    icc, sd = between / total, math.sqrt(total)
    pairs = len(n) / float((1.0 / n).sum())
    power = None
    if min(k_a, k_b) >= 2:
        power = state_cohort_power(k_a, k_b, pairs=pairs, icc=min(icc, 1.0 - 1e-9), sd=sd, smallest=smallest)
    return replace(result, icc=icc, sd=sd, power=power)


def _test_arms(
    result: ArmComparison,
    a: FloatArray,
    b: FloatArray,
    margin: Margin,
    width: float,
    rng: np.random.Generator | None,
) -> ArmComparison:
    """The t test and the permutation test on cohort means."""
    from scipy.stats import t as student

    if no_spread(a) and no_spread(b):
        return _add(result, Note("design.spread", _NO_SPREAD))
    k_a, k_b, df = len(a), len(b), len(a) + len(b) - 2
    spread = math.sqrt(float(((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / df)
    per_root = math.sqrt(1.0 / k_a + 1.0 / k_b)
    difference = float(a.mean() - b.mean())
    t = difference / (spread * per_root)
    half = float(student.ppf(0.5 + result.confidence / 2.0, df)) * spread * per_root
    low, high = difference - half, difference + half
    equivalence = equivalent_estimate(difference, spread * per_root, df, margin=margin, n_used=k_a + k_b)
    tested = replace(
        result,
        low=low,
        high=high,
        t=t,
        df=df,
        p=float(2.0 * student.sf(abs(t), df)),
        permutation=permutation_test(a, b, rng=rng),
        equivalence=equivalence,
        verdict=full_verdict(low, high, equivalence, width=width),
    )
    if tested.sd is None:
        return tested
    ends = noncentral_interval(t, df, result.confidence)
    to_pairs = per_root * spread / tested.sd
    return replace(
        tested,
        g=bias_correction(df) * difference / tested.sd,
        g_low=ends[0] * to_pairs,
        g_high=ends[1] * to_pairs,
    )


def _check_confidence(confidence: float) -> None:
    """A coverage lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ScoringError(
            "design.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
