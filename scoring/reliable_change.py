"""Whether one person changed beyond what fluctuates anyway: retest reliability only, labels with their error counted.

An index fed with internal consistency calls two to four times as many people changed as it says; it is refused here.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_scores import read_waves
from scoring.errors import Note, ScoringError
from scoring.multiplicity import adjust_p
from scoring.reference import Reference
from scoring.reliability import check_confidence, normal_quantile
from scoring.retest import UNEQUAL, Reliability, read_reliability

Array = np.ndarray[Any, np.dtype[np.float64]]
Wording = Literal["reliable change", "beyond short-term fluctuation"]

# A retest interval within this share of the interval between the waves matches it.
MATCHING: Final = 0.25
FEWEST_COMPARED: Final = 50
LABEL_Q: Final = 0.10
_EXTREME_SD: Final = 1.0

_PROVISIONAL = N_(
    "The reference values are provisional (%(provenance)s, %(n)d people, version %(version)s): nobody is labelled; the numbers are for "
    "researchers."
)
_SHORT = N_(
    "The reliability is that of a retest after %(weeks)d weeks, not over the %(interval)d weeks between these waves: a change can be "
    "called beyond short-term fluctuation, not reliable."
)
_LONG = N_(
    "The reliability is that of %(weeks)d weeks, longer than the %(interval)d between these waves, so the index is careful."
)
_UNEQUAL = N_(
    "The reference spreads of the two waves differ by more than %(percent).0f %% in variance, so the error of a change rests on both "
    "(Maassen)."
)
_UNDECIDED = N_(
    "Only changes beyond %(mdc).2f points can be told from fluctuation; most smaller ones cannot be decided."
)
_MEAN = N_("The regressed baseline uses the mean of these %(n)d people, since no reference mean was given.")
_FEW_COMPARED = N_(
    "Changes are compared with those of people without the programme from %(minimum)d of them on; there are %(n)d."
)
_FLAT_COMPARED = N_(
    "The comparison group's baselines or residuals do not vary, so nothing can be predicted from them."
)
_FALSE = N_(
    "Among %(m)d comparisons without any change, %(expected).1f would be labelled by chance at .05 without adjustment."
)
_OFF = N_("Labels are off while the reference values are provisional.")


@dataclass(frozen=True)
class ReliableChange:
    """Changes of single people on one scale, each beside its error; for the person and for researchers only.

    Attributes
    ----------
    people : DataFrame, one row per person with both scores
        before, after, change (points); rc, the change over its error; p, two-sided; low, high (interval of the change); regressed,
        regressed_low, regressed_high: the later score expected of an unchanged person with this baseline and its interval
        (Edwards-Nunnally), `outside` whether the later score lies out of it, `extreme` whether the baseline is more than 1 SD from the
        mean, where this differs most from rc; regression_t, regression_p: beside people without the
        programme, NaN without enough of them.
    reliability : Reliability
        What the error rests on.
    sem : float
        Standard error of measurement, in points.
    sd_difference : float
        Standard deviation of a difference without change, in points.
    method : "Jacobson-Truax" or "Maassen"
    mdc95, mdc90 : float
        Smallest change beyond fluctuation, two-sided at .05 and .10, in points.
    wording : "reliable change" or "beyond short-term fluctuation"
        What a label may be called: the first where the reliability holds for the interval between the waves.
    labels_on : bool
        False while the reference values are provisional.
    n_higher, n_lower : int
        People beyond 1.96 errors, before any adjustment.
    expected_false : float
        How many of them there would be if nobody had changed, `.05 * n`.
    n_used, n_dropped : int
        People with both scores, and with one only.
    n_compared : int
        People without the programme.
    confidence : float
    converged : bool
    notes : tuple of Note
    """

    people: pd.DataFrame
    reliability: Reliability
    sem: float
    sd_difference: float
    method: Literal["Jacobson-Truax", "Maassen"]
    mdc95: float
    mdc90: float
    wording: Wording
    labels_on: bool
    n_higher: int
    n_lower: int
    expected_false: float
    n_used: int
    n_dropped: int
    n_compared: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ChangeLabels:
    """Labels over all people and scales of a report.

    Attributes
    ----------
    table : DataFrame
        One row per person and scale (two-level index: scale, person): change, rc, p, p_adjusted, label ("higher", "lower" or
        "undecided"; missing while labels are off), wording.
    q : float
        False discovery rate of the labels.
    n_tests : int
        Comparisons that were adjusted for one another.
    expected_false : float
        How many labels chance alone would give at .05 without adjustment, `.05 * m`.
    n_labelled : int
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    """

    table: pd.DataFrame
    q: float
    n_tests: int
    expected_false: float
    n_labelled: int
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def crossover_score(mean_low: float, sd_low: float, mean_high: float, sd_high: float) -> float:
    """Return the score that is equally likely in a low and a high norm group: criterion c of Jacobson and Truax (1991).

    `(sd_high mean_low + sd_low mean_high) / (sd_high + sd_low)`, https://doi.org/10.1037/0022-006X.59.1.12. Raises ScoringError
    `change.norms` for spreads that are not positive or numbers that are not finite.
    """
    if not (
        all(math.isfinite(x) for x in (mean_low, mean_high, sd_low, sd_high)) and min(sd_low, sd_high) > 0
    ):
        raise ScoringError(
            "change.norms",
            "The norms of the two groups are not usable numbers.",
            "Pass finite means and positive standard deviations.",
        )
    return (sd_high * mean_low + sd_low * mean_high) / (sd_high + sd_low)


def reliable_change(
    before: pd.Series,
    after: pd.Series,
    reliability: Reference | Reliability,
    *,
    interval_weeks: int,
    after_reference: Reference | None = None,
    mean: float | None = None,
    compared: tuple[pd.Series, pd.Series] | None = None,
    width: float = 4.0,
    confidence: float = 0.95,
) -> ReliableChange:
    """Compute for each person how far the change goes beyond what fluctuates without change.

    Parameters
    ----------
    before, after : Series of float
        Scores of one scale and role at two waves, in points; paired by index, one label per person.
    reliability : Reference or Reliability
        Retest correlation and spread for the same role, language and interval. Internal consistency is refused.
    interval_weeks : int
        Weeks between the two waves, above 0.
    after_reference : Reference, optional
        The entry for the second wave where its spread is known to differ.
    mean : float, optional
        Reference mean that baselines regress to; by default that of these people, with a note.
    compared : (Series, Series), optional
        Scores before and after of people without the programme; used from 50 of them on.
    width : float, default 4
        Width of the score's range in points.
    confidence : float, default .95
        Coverage of the intervals of single people.

    Returns
    -------
    ReliableChange

    Notes
    -----
    Missing data: people with one score are dropped and counted; nothing is imputed.

    `rc = (after - before) / S_D`, `S_D = sqrt(2) sd sqrt(1 - r)`; p from the normal distribution; `MDC95 = 1.96 S_D`. Where the
    reference variances differ by more than 20 % `S_D = sqrt((sd1^2 + sd2^2)(1 - r))`. Edwards-Nunnally, beside extreme baselines:
    `r (before - M) + M +- 1.96 sd sqrt(1 - r)`. Regression-based: `t = (y - yhat) / (s sqrt(1 + 1/n + (x - xbar)^2 / SS_x))` on
    n - 2 degrees of freedom. The standardised individual difference (over the spread of this cohort's changes) is not offered: it
    hides change where everybody changes. R: the formulas; `predict(lm(after ~ before), se.fit = TRUE)`.

    References
    ----------
    Jacobson, N. S., & Truax, P. (1991). Clinical significance. Journal of Consulting and Clinical Psychology, 59, 12-19.
    https://doi.org/10.1037/0022-006X.59.1.12
    Maassen, G. H. (2004). The standard error in the Jacobson and Truax reliable change index. Journal of the International
    Neuropsychological Society, 10, 888-893. https://doi.org/10.1017/S1355617704106097
    Speer, D. C. (1992). Clinically significant change: Jacobson and Truax (1991) revisited. Journal of Consulting and Clinical
    Psychology, 60, 402-408. https://doi.org/10.1037/0022-006X.60.3.402
    Crawford, J. R., & Howell, D. C. (1998). Regression equations in clinical neuropsychology. Journal of Clinical and Experimental
    Neuropsychology, 20, 755-762. https://doi.org/10.1076/jcen.20.5.755.1132

    Raises
    ------
    ScoringError
        `change.alpha`, `change.reliability`, `change.interval`, `change.confidence`, `change.index` for a person who stands twice,
        `change.number` for scores that are no finite numbers.
    """
    check_confidence(confidence, "change")
    source = read_reliability(reliability, width=width, after=after_reference)
    wording, notes = _wording(source, interval_weeks)
    either = read_waves(before, after)
    people = either.dropna()
    n_dropped = len(either) - len(people)
    S_D, z = source.sd_difference, normal_quantile(confidence)
    mdc95 = normal_quantile(0.95) * S_D
    if source.unequal:
        notes.append(Note("change.unequal", _UNEQUAL, {"percent": 100.0 * UNEQUAL}))
    if source.provisional:
        params = {"provenance": source.provenance, "n": source.n, "version": source.version}
        notes.append(Note("change.provisional", _PROVISIONAL, params))
    notes.append(Note("change.undecided", _UNDECIDED, {"mdc": mdc95}))
    people = _index(people, S_D, z)
    people, found = _regress_baseline(people, source, mean, z)
    notes += found
    people, n_compared, found = _compare_people(people, compared)
    return ReliableChange(
        people=people,
        reliability=source,
        sem=source.sem,
        sd_difference=S_D,
        method="Maassen" if source.unequal else "Jacobson-Truax",
        mdc95=mdc95,
        mdc90=normal_quantile(0.90) * S_D,
        wording=wording,
        labels_on=not source.provisional,
        n_higher=int((people["change"] > mdc95).sum()),
        n_lower=int((people["change"] < -mdc95).sum()),
        expected_false=0.05 * len(people),
        n_used=len(people),
        n_dropped=n_dropped,
        n_compared=n_compared,
        confidence=confidence,
        converged=True,
        notes=(*notes, *found),
    )


def label_changes(
    changes: Mapping[str, ReliableChange], *, primary: Collection[str] = (), q: float = LABEL_Q
) -> ChangeLabels:
    """Label the changes of all people and scales of one report, adjusted for their number.

    Parameters
    ----------
    changes : mapping name -> ReliableChange
        One for each scale (and role) of the report.
    primary : collection of str, optional
        Names of the one scale that was declared beforehand (one for each role); labelled at .05 without adjustment, and not counted
        among the others.
    q : float, default .10
        Rate of false labels among the labels of the other scales (Benjamini & Hochberg).

    Returns
    -------
    ChangeLabels

    Notes
    -----
    p is the regression-based one where a comparison group allows it, otherwise that of the index. People without a p are not labelled.

    Raises
    ------
    ScoringError
        `labels.primary` for a scale that is not there, `labels.q` outside 0 to 1.
    """
    unknown = [name for name in primary if name not in changes]
    if unknown:
        raise ScoringError(
            "labels.primary",
            "The primary scale %(scale)s is not among the changes.",
            "Use one of: %(known)s.",
            scale=unknown[0],
            known=", ".join(changes),
        )
    if not 0.0 < q < 1.0:
        raise ScoringError(
            "labels.q", "A false discovery rate lies between 0 and 1.", "Pass for example 0.10."
        )
    columns = ["change", "rc", "p", "p_adjusted", "label", "wording"]
    tables = [_label_table(change) for change in changes.values()]
    if not tables:
        empty = pd.DataFrame(columns=columns)
        return ChangeLabels(empty, q, 0, 0.0, 0, 0, 0, True, ())
    table = pd.concat(tables, keys=list(changes), names=["scale", "person"])
    adjusted = ~table.index.get_level_values("scale").isin(list(primary))
    table["p_adjusted"] = table["p"]
    table.loc[adjusted, "p_adjusted"] = adjust_p(
        table.loc[adjusted, "p"].reset_index(drop=True), "bh"
    ).to_numpy()
    limit = np.where(adjusted, q, 0.05)
    beyond = (table["p_adjusted"].to_numpy() <= limit) & table["labels_on"].to_numpy(dtype=bool)
    direction = np.where(table["change"].to_numpy() > 0, "higher", "lower")
    label = pd.Series(np.where(beyond, direction, "undecided"), index=table.index, dtype=object)
    table["label"] = label.where(table["labels_on"], None)
    n_tests = int(table.loc[adjusted, "p"].notna().sum())
    m = int(table["p"].notna().sum())
    notes = [Note("labels.false", _FALSE, {"m": m, "expected": 0.05 * m})]
    if not table["labels_on"].all():
        notes.append(Note("labels.off", _OFF))
    n_dropped = sum(change.n_dropped for change in changes.values())
    return ChangeLabels(
        table[columns], q, n_tests, 0.05 * m, int(beyond.sum()), len(table), n_dropped, True, tuple(notes)
    )


def _label_table(change: ReliableChange) -> pd.DataFrame:
    """What labels need of one scale."""
    table = change.people[["change", "rc", "p"]].copy()
    table["p"] = change.people["regression_p"].fillna(change.people["p"])
    return table.assign(labels_on=change.labels_on, wording=change.wording)


def _wording(source: Reliability, interval_weeks: int) -> tuple[Wording, list[Note]]:
    """What a change beyond the error may be called."""
    if not interval_weeks > 0:
        raise ScoringError(
            "change.interval",
            "%(weeks)s weeks is no time between two waves.",
            "Pass the weeks between the waves, above 0.",
            weeks=interval_weeks,
        )
    params = {"weeks": source.interval_weeks, "interval": interval_weeks}
    if source.interval_weeks < (1.0 - MATCHING) * interval_weeks:
        return "beyond short-term fluctuation", [Note("change.short", _SHORT, params)]
    if source.interval_weeks > (1.0 + MATCHING) * interval_weeks:
        return "reliable change", [Note("change.long", _LONG, params)]
    return "reliable change", []


def _index(people: pd.DataFrame, S_D: float, z: float) -> pd.DataFrame:
    """The change, its index, p and interval."""
    change = (people["after"] - people["before"]).to_numpy()
    rc = change / S_D
    return people.assign(change=change, rc=rc, p=two_sided_p(rc), low=change - z * S_D, high=change + z * S_D)


def two_sided_p(z: Array) -> Array:
    """Return the two-sided p of standard normal values."""
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(z) / math.sqrt(2.0)), dtype=np.float64)


def _regress_baseline(
    people: pd.DataFrame, source: Reliability, mean: float | None, z: float
) -> tuple[pd.DataFrame, list[Note]]:
    """The later score expected of unchanged people, by Edwards and Nunnally."""
    x, notes = people["before"].to_numpy(), []
    if mean is None:
        mean = float(x.mean()) if len(x) else math.nan
        notes.append(Note("change.mean", _MEAN, {"n": len(x)}))
    centre = mean + source.value * (x - mean)
    half = z * source.sem
    later = people["after"].to_numpy()
    table = people.assign(
        regressed=centre,
        regressed_low=centre - half,
        regressed_high=centre + half,
        outside=np.abs(later - centre) > half,
        extreme=np.abs(x - mean) > _EXTREME_SD * source.sd,
    )
    return table, notes


def _compare_people(
    people: pd.DataFrame, compared: tuple[pd.Series, pd.Series] | None
) -> tuple[pd.DataFrame, int, list[Note]]:
    """Each later score beside the prediction from people without the programme."""
    empty = people.assign(regression_t=math.nan, regression_p=math.nan)
    if compared is None:
        return empty, 0, []
    from scipy.stats import t as student

    others = read_waves(*compared).dropna()
    n = len(others)
    if n < FEWEST_COMPARED:
        return empty, n, [Note("change.few_compared", _FEW_COMPARED, {"minimum": FEWEST_COMPARED, "n": n})]
    x, y = others["before"].to_numpy(), others["after"].to_numpy()
    centred = x - x.mean()
    spread = float(centred @ centred)
    tiny = 1e-24 * max(1.0, float(np.abs(others.to_numpy()).max())) ** 2 * n
    slope = float(centred @ y) / spread if spread > tiny else math.nan
    rest = y - y.mean() - slope * centred
    variance = float(rest @ rest) / (n - 2)
    if not variance > tiny:
        return empty, n, [Note("change.flat_compared", _FLAT_COMPARED)]
    away = people["before"].to_numpy() - x.mean()
    error = np.sqrt(variance * (1.0 + 1.0 / n + away**2 / spread))
    t = (people["after"].to_numpy() - y.mean() - slope * away) / error
    return people.assign(regression_t=t, regression_p=2.0 * student.sf(np.abs(t), n - 2)), n, []
