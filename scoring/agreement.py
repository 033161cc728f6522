"""Whether people of one group see the same: r_wg and AD within groups, and the verdict on speaking of one climate."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.effects import FloatArray
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, read_numbers
from scoring.group_variance import (
    GroupComponents,
    GroupVariance,
    group_variance,
    group_variance_reml,
    read_group_codes,
)
from scoring.intraclass import IntraclassResult, PairedAgreement, intraclass_correlation, paired_agreement

__all__ = [
    "AggregationVerdict",
    "GroupComponents",
    "GroupVariance",
    "IntraclassResult",
    "PairedAgreement",
    "WithinGroupAgreement",
    "aggregation_verdict",
    "group_variance",
    "group_variance_reml",
    "intraclass_correlation",
    "paired_agreement",
    "within_group_agreement",
]

# Variance of answers under a slight skew by number of options: LeBreton and Senter (2008), table 2.
SLIGHT_SKEW: Final = {5: 1.34, 6: 1.85, 7: 2.90, 8: 3.47, 9: 5.66, 10: 6.30, 11: 7.31}
# A variance of two raters has one degree of freedom and is not interpreted.
MINIMUM_RATERS: Final = 3
# Measurement plan, section 4.9.
MINIMUM_RESPONDENTS: Final = 10
MINIMUM_GROUPS: Final = 10
AGREEMENT_FLOOR: Final = 0.70
ICC1_FLOOR: Final = 0.05
ICC2_FLOOR: Final = 0.70

_SINGLE = N_("Groups with fewer than two complete respondents have no agreement: %(n)d.")
_SMALL = N_("Groups below %(minimum)d raters are left out of means and medians, and not interpreted: %(n)d.")
_CAPPED = N_(
    "Some groups answered more differently than chance (%(null)s null); their r_wg(j) was set to 0: %(n)d."
)
_NO_SKEW = N_(
    "No published variance of a slight skew exists for %(options)d options; only the uniform one was used."
)
_NO_GROUP = N_("No group has %(minimum)d complete respondents, so nothing is interpreted.")

IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class WithinGroupAgreement:
    """Agreement within each group on the items of one scale.

    Attributes
    ----------
    groups : DataFrame, one row per group in the order of its label
        n (complete respondents), rwg_uniform and rwg_slight_skew (r_wg(j), 0 to 1), ad (mean over items of the mean absolute
        deviation from the item's mean, in points), interpreted (whether the group counts in the summaries below). NaN for a
        group of one, and in rwg_slight_skew where no null variance is published.
    item_rwg_uniform, item_rwg_slight_skew, item_ad : DataFrame, groups x items
        r_wg(1) and AD of single items.
    median_uniform, mean_uniform, median_slight_skew, mean_slight_skew, median_ad, mean_ad : float or None
        Over the interpreted groups; None when there is none.
    ad_limit : float
        Options / 6: the largest AD that is called agreement.
    n_within_ad_limit : int
        Interpreted groups whose AD is at most that.
    variance_uniform, variance_slight_skew : float, float or None
        Variances of chance answers, in squared points.
    variance : GroupVariance
        One-way analysis of the means over items: ICC(1), ICC(2), F.
    k_options, k_items, n_used, n_dropped, n_groups : int
        Options, items, complete respondents, rows dropped for a missing answer or group, groups.
    minimum_raters : int
        Smallest group that is interpreted.
    converged : bool
        False when no group is interpreted.
    notes : tuple of Note
    """

    groups: pd.DataFrame
    item_rwg_uniform: pd.DataFrame
    item_rwg_slight_skew: pd.DataFrame
    item_ad: pd.DataFrame
    median_uniform: float | None
    mean_uniform: float | None
    median_slight_skew: float | None
    mean_slight_skew: float | None
    median_ad: float | None
    mean_ad: float | None
    ad_limit: float
    n_within_ad_limit: int
    variance_uniform: float
    variance_slight_skew: float | None
    variance: GroupVariance
    k_options: int
    k_items: int
    n_used: int
    n_dropped: int
    n_groups: int
    minimum_raters: int
    converged: bool
    notes: tuple[Note, ...]


def within_group_agreement(
    items: pd.DataFrame,
    groups: pd.Series,
    *,
    minimum: float,
    maximum: float,
    minimum_raters: int = MINIMUM_RATERS,
    confidence: float = 0.95,
) -> WithinGroupAgreement:
    """Compute r_wg(1), r_wg(j) and AD within groups against a uniform and a slightly skewed null, and ICC(1) and ICC(2).

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values of one scale; one column is allowed.
    groups : Series with the same index
        Group (cohort) of each respondent; any labels.
    minimum, maximum : float
        Ends of the answer scale; options are `A = maximum - minimum + 1`, 2 or more.
    minimum_raters : int, default 3
        Smallest group that counts in means and medians. With 2 the summaries are those of multilevel.
    confidence : float, default .95
        Coverage of the intervals of ICC(1) and ICC(2).

    Returns
    -------
    WithinGroupAgreement

    Notes
    -----
    Missing data: rows with a missing answer or group are dropped (listwise).

    `r_wg(1) = 1 - s^2/s_EU^2`; `r_wg(j) = j(1 - q)/(j(1 - q) + q)` with q the mean item variance (n - 1) over s_EU^2, which is
    `(A^2 - 1)/12` for uniform chance answers; under a slight skew (people lean to the good end: 1.34 for A = 5) chance agrees more,
    so that agreement counts for less. Variances above the null's are cut to it, which makes r_wg 0 rather than negative (or, for
    r_wg(j), above 1), after James, Demaree and Wolf and as `multilevel::rwg` and `rwg.j` do; how many groups that concerned is
    noted. `AD = mean |x - mean|` with cut A/6 (Burke & Dunlap, 2002).

    r_wg of two raters rests on one degree of freedom and is computed but not interpreted; pairs are compared by their difference
    in points. A value of .70 can arise from random answers in small groups, so it is a convention and no test.

    The same as R's `multilevel::rwg(x, g, ranvar)`, `rwg.j(x, g, ranvar)`, `ad.m(x, g)`, and `ICC1`, `ICC2` of an `aov` of the row
    means.

    References
    ----------
    James, L. R., Demaree, R. G., & Wolf, G. (1984). Estimating within-group interrater reliability with and without response bias.
    Journal of Applied Psychology, 69, 85-98. https://doi.org/10.1037/0021-9010.69.1.85
    LeBreton, J. M., & Senter, J. L. (2008). Answers to 20 questions about interrater reliability and interrater agreement.
    Organizational Research Methods, 11, 815-852. https://doi.org/10.1177/1094428106296642
    Burke, M. J., & Dunlap, W. P. (2002). Estimating interrater agreement with the average deviation index. Organizational Research
    Methods, 5, 159-172. https://doi.org/10.1177/1094428102005002002

    Raises
    ------
    ScoringError
        `agreement.items` for no column, `agreement.column` for doubled ones, `agreement.number` for text or infinite values,
        `agreement.groups` for groups on another index, `agreement.options` for ends that are no answer scale, `agreement.range`
        for a value outside them, `agreement.raters` for `minimum_raters` below 2.
    """
    options = _count_options(minimum, maximum)
    if minimum_raters < 2:
        raise ScoringError(
            "agreement.raters",
            "One rater cannot agree: minimum_raters is %(n)d.",
            "Pass 2 or more.",
            n=minimum_raters,
        )
    values = _check_items(items, minimum, maximum)
    codes, labels = read_group_codes(groups, items.index, "agreement")
    kept = (codes >= 0) & values.notna().all(axis=1).to_numpy()
    complete, members = values.to_numpy()[kept], codes[kept]
    sizes, variances, deviations = _group_moments(complete, members, len(labels))
    present = sizes > 0
    labels, sizes, variances, deviations = (
        labels[present],
        sizes[present],
        variances[present],
        deviations[present],
    )

    nulls = {"uniform": (options**2 - 1) / 12.0, "slight_skew": SLIGHT_SKEW.get(options)}
    table = pd.DataFrame({"n": sizes}, index=labels)
    by_item = {}
    for name, null in nulls.items():
        single, scale = _rwg(variances, np.nan if null is None else null)
        by_item[name] = pd.DataFrame(single, index=labels, columns=values.columns)
        table[f"rwg_{name}"] = scale
    table["ad"] = deviations.mean(axis=1)
    table["interpreted"] = sizes >= minimum_raters
    chosen = table[table["interpreted"]]
    limit = options / 6.0
    return WithinGroupAgreement(
        groups=table,
        item_rwg_uniform=by_item["uniform"],
        item_rwg_slight_skew=by_item["slight_skew"],
        item_ad=pd.DataFrame(deviations, index=labels, columns=values.columns),
        median_uniform=_summary(chosen["rwg_uniform"], "median"),
        mean_uniform=_summary(chosen["rwg_uniform"], "mean"),
        median_slight_skew=_summary(chosen["rwg_slight_skew"], "median"),
        mean_slight_skew=_summary(chosen["rwg_slight_skew"], "mean"),
        median_ad=_summary(chosen["ad"], "median"),
        mean_ad=_summary(chosen["ad"], "mean"),
        ad_limit=limit,
        n_within_ad_limit=int((chosen["ad"] <= limit).sum()),
        variance_uniform=(options**2 - 1) / 12.0,
        variance_slight_skew=SLIGHT_SKEW.get(options),
        variance=group_variance(values.mean(axis=1, skipna=False), groups, confidence=confidence),
        k_options=options,
        k_items=values.shape[1],
        n_used=int(kept.sum()),
        n_dropped=int((~kept).sum()),
        n_groups=len(labels),
        minimum_raters=minimum_raters,
        converged=len(chosen) > 0,
        notes=_remarks(sizes, variances.mean(axis=1), options, minimum_raters),
    )


def _count_options(minimum: float, maximum: float) -> int:
    """Options of an answer scale from its ends."""
    options = maximum - minimum + 1
    if not (np.isfinite(options) and options >= 2 and float(options).is_integer()):
        raise ScoringError(
            "agreement.options",
            "%(minimum)s to %(maximum)s is no scale of two or more options.",
            "Pass the lowest and the highest code of the items.",
            minimum=minimum,
            maximum=maximum,
        )
    return int(options)


def _check_items(items: pd.DataFrame, minimum: float, maximum: float) -> pd.DataFrame:
    """Items as float64 inside the scale; one is enough."""
    if items.shape[1] == 0:
        raise ScoringError("agreement.items", "There is no item.", "Pass one item or more.")
    if items.shape[1] == 1:
        read, wrong = read_numbers(items.iloc[:, 0])
        if (wrong | np.isinf(read)).any():
            raise ScoringError(
                "agreement.number",
                "Item %(item)s holds something that is not a finite number.",
                "Pass keyed values as numbers; leave missing answers empty (NaN).",
                item=str(items.columns[0]),
            )
        values = pd.DataFrame(read[:, None], index=items.index, columns=items.columns)
    else:
        values = check_numeric_items(items, "agreement")
    outside = ((values < minimum) | (values > maximum)).any()
    if outside.any():
        raise ScoringError(
            "agreement.range",
            "Item %(item)s holds a value outside %(minimum)s to %(maximum)s.",
            "Pass the lowest and the highest code of the items, or correct the values.",
            item=str(values.columns[outside.to_numpy()][0]),
            minimum=minimum,
            maximum=maximum,
        )
    return values


def _group_moments(
    complete: FloatArray, members: IntArray, n_groups: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Sizes, item variances (n - 1) and mean absolute deviations of the groups; NaN for groups of one and of none."""
    sizes = np.bincount(members, minlength=n_groups).astype(np.int64)
    shape = (n_groups, complete.shape[1])
    sums, squares, absolutes = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    np.add.at(sums, members, complete)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviations = complete - (sums / sizes[:, None])[members]
        np.add.at(squares, members, deviations**2)
        np.add.at(absolutes, members, np.abs(deviations))
        variances, mean_deviations = squares / (sizes[:, None] - 1), absolutes / sizes[:, None]
    alone = sizes < 2
    variances[alone], mean_deviations[alone] = np.nan, np.nan
    return sizes, variances, mean_deviations


def _rwg(variances: FloatArray, null: float) -> tuple[FloatArray, FloatArray]:
    """r_wg(1) of each group and item, and r_wg(j) of each group."""
    k = variances.shape[1]
    single = 1.0 - np.minimum(variances / null, 1.0)
    share = np.minimum(variances.mean(axis=1) / null, 1.0)
    return single, k * (1.0 - share) / (k * (1.0 - share) + share)


def _summary(values: "pd.Series[float]", how: Literal["mean", "median"]) -> float | None:
    """Mean or median of the values there are, or None."""
    known = values.dropna()
    return float(known.agg(how)) if len(known) else None


def _remarks(sizes: IntArray, variances: FloatArray, options: int, minimum_raters: int) -> tuple[Note, ...]:
    """What is left out, cut or not published."""
    notes = []
    chosen = sizes >= minimum_raters
    if not chosen.any():
        notes.append(Note("agreement.groups", _NO_GROUP, {"minimum": minimum_raters}))
    if (sizes < 2).any():
        notes.append(Note("agreement.single", _SINGLE, {"n": int((sizes < 2).sum())}))
    if (~chosen).any():
        params = {"minimum": minimum_raters, "n": int((~chosen).sum())}
        notes.append(Note("agreement.small", _SMALL, params))
    nulls = {"uniform": (options**2 - 1) / 12.0, "slight-skew": SLIGHT_SKEW.get(options)}
    for name, null in nulls.items():
        capped = 0 if null is None else int((variances > null).sum())
        if capped:
            notes.append(Note("agreement.capped", _CAPPED, {"null": name, "n": capped}))
    if nulls["slight-skew"] is None:
        notes.append(Note("agreement.skew", _NO_SKEW, {"options": options}))
    return tuple(notes)


Climate = Literal["single climate", "views differ", "locked"]


@dataclass(frozen=True)
class AggregationVerdict:
    """Whether the answers of the groups may be drawn together to one climate per group.

    Attributes
    ----------
    verdict : "single climate", "views differ" or "locked"
        "views differ": there are enough answers and they do not agree enough, or groups do not differ; "locked": too few to judge.
        In both no single climate may be spoken of.
    means_comparable : bool
        Whether the means of the groups may be compared too, which needs ICC(2) >= .70 besides.
    groups : tuple of str
        Labels of the groups that may be drawn together: those of ten respondents or more, where the verdict is "single climate".
    reasons : tuple of Note
        Each condition that does not hold, whatever the verdict.
    """

    verdict: Climate
    means_comparable: bool
    groups: tuple[str, ...]
    reasons: tuple[Note, ...]


_FEW_RESPONDENTS = N_("No group has %(minimum)d respondents, so no climate is spoken of.")
_FEW_GROUPS = N_("Differences between groups are judged from %(minimum)d groups on; there are %(n)d.")
_UNKNOWN = N_("Agreement under a slight skew is not known, so no climate is spoken of.")
_DISAGREE = N_(
    "Views differ; there is no single climate (median agreement %(value).2f, at least %(minimum).2f is wanted)."
)
_ICC1 = N_(
    "Groups do not differ enough to have a climate each (ICC(1) %(value).3f, more than %(minimum).2f is wanted)."
)
_ICC1_UNKNOWN = N_("ICC(1) is not defined, so no climate is spoken of.")
_ICC2 = N_(
    "The means of the groups are not reliable enough to be compared (ICC(2) %(value).2f, at least %(minimum).2f is wanted)."
)
_ICC2_UNKNOWN = N_("ICC(2) is not defined, so the means of the groups are not compared.")
_LOCKS: Final = frozenset(
    {"climate.respondents", "climate.groups", "climate.agreement_unknown", "climate.icc1_unknown"}
)


def aggregation_verdict(agreement: WithinGroupAgreement) -> AggregationVerdict:
    """Judge whether a scale may be drawn together to a climate of each group (measurement plan, section 4.9).

    Parameters
    ----------
    agreement : WithinGroupAgreement
        From keyed answers of at least ten groups.

    Returns
    -------
    AggregationVerdict
        "single climate" when a group has ten respondents or more, the median r_wg(j) under a slight skew is .70 or more, and ICC(1)
        is above .05 among ten groups or more; comparing means needs ICC(2) of .70 or more besides.

    References
    ----------
    LeBreton, J. M., & Senter, J. L. (2008), see `within_group_agreement`.
    """
    variance = agreement.variance
    large = agreement.groups.index[(agreement.groups["n"] >= MINIMUM_RESPONDENTS).to_numpy(dtype=bool)]
    reasons = []
    if len(large) == 0:
        reasons.append(Note("climate.respondents", _FEW_RESPONDENTS, {"minimum": MINIMUM_RESPONDENTS}))
    if variance.n_groups < MINIMUM_GROUPS:
        params = {"minimum": MINIMUM_GROUPS, "n": variance.n_groups}
        reasons.append(Note("climate.groups", _FEW_GROUPS, params))
    reasons += _weigh(
        agreement.median_slight_skew, AGREEMENT_FLOOR, Note("climate.agreement_unknown", _UNKNOWN), _DISAGREE
    )
    reasons += _weigh(
        variance.icc1, ICC1_FLOOR, Note("climate.icc1_unknown", _ICC1_UNKNOWN), _ICC1, above=True
    )
    codes = {note.code for note in reasons}
    verdict: Climate = "locked" if codes & _LOCKS else "views differ" if codes else "single climate"
    if "climate.agreement" in codes and "climate.respondents" not in codes:
        # Disagreement within groups is seen in the groups there are, however few.
        verdict = "views differ"
    comparability = _weigh(variance.icc2, ICC2_FLOOR, Note("climate.icc2_unknown", _ICC2_UNKNOWN), _ICC2)
    return AggregationVerdict(
        verdict=verdict,
        means_comparable=verdict == "single climate" and not comparability,
        groups=tuple(str(label) for label in large) if verdict == "single climate" else (),
        reasons=(*reasons, *comparability),
    )


def _weigh(
    value: float | None, floor: float, unknown: Note, message: str, *, above: bool = False
) -> list[Note]:
    """A value against its floor: nothing when it is reached (or, where `above` says so, passed), otherwise the reason."""
    if value is None:
        return [unknown]
    if value > floor or (value == floor and not above):
        return []
    return [Note(unknown.code.removesuffix("_unknown"), message, {"value": value, "minimum": floor})]
