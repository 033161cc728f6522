"""Differential item functioning: whether people of equal standing answer an item differently in another group or language."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.effects import FloatArray
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items
from scoring.gates import minimum_for
from scoring.group_variance import read_group_codes
from scoring.intraclass import check_confidence
from scoring.item_bias import BiasFits, ItemCodes, fit_item_bias, rest_scores, theta_scores
from scoring.proportional_odds import OrdinalRegression, check_categories, nagelkerke_r2, ordinal_logistic

__all__ = ["DifReport", "OrdinalRegression", "differential_functioning", "ordinal_logistic"]

ALPHA: Final = 0.01
MODERATE: Final = 0.035
LARGE: Final = 0.070
MINIMUM_MATCHING: Final = 2
# The delta scale of ETS: log-odds times this, so that one unit is about a quarter of an item's spread.
_ETS: Final = 2.35

Verdict = Literal["flagged", "not shown", "locked"]
Trait = Literal["rest", "theta"]

_LOCKED = N_(
    "A verdict needs %(minimum)d people in each group; the smallest has %(n)d. Log-odds with their intervals are shown "
    "instead, and nothing is said about the absence of differences."
)
_FEW_GROUPS = N_("Items are compared between groups, and fewer than two groups have complete rows.")
_FEW_ITEMS = N_("With fewer than three items nobody can say which of them works differently.")
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so it cannot be compared.")
_UNIDENTIFIED = N_("The items that %(item)s is matched on do not vary enough to compare it.")
_SEPARATED = N_(
    "%(item)s separates the groups or the trait completely, so that its log-odds have no finite value."
)
_ANCHOR = N_(
    "The anchor %(item)s works differently and was left out of the matching score. Correct its translation, or let its "
    "parameters differ between groups."
)
_NO_ANCHORS = N_("Purification left fewer than %(minimum)d items to match on, so there is no verdict.")
_UNSTABLE = N_("Purification did not settle within %(rounds)d rounds; the last round is shown.")
_SLOW = N_("The fit of %(item)s did not converge.")
_THETA = N_("The graded response model behind the trait did not converge.")


@dataclass(frozen=True)
class DifReport:
    """Item by item, how differently groups answer at the same standing on the trait.

    Attributes
    ----------
    verdict : "flagged", "not shown" or "locked"
        "flagged": at least one item; "not shown": none, which is no proof that there is none; "locked": too few people or items, the
        notes say which.
    items : DataFrame, one row per item
        verdict; kind ("uniform" or "non-uniform", flagged items only); magnitude ("large", "moderate" or "small" by dr2_total; None
        where locked); chi2, df, p and p_holm of the tests total (M1 against M3), uniform (M1 against M2) and nonuniform (M2 against
        M3), such as p_holm_total; r2_m1 to r2_m3 (Nagelkerke) and their differences dr2_total, dr2_uniform, dr2_nonuniform;
        n_categories. NaN where an item could not be compared, with a note.
    effects : DataFrame, rows (item, group) for each group but the reference
        log_odds (of a higher answer in the group beside the reference at the same trait, from M2), se, low, high, ets_delta (2.35 x
        log_odds), slope_difference (by how much the trait counts for more in the group, from M3).
    flagged : tuple of str
    matching : tuple of str
        Items that made up the trait in the last round.
    n_rounds : int
        Rounds of purification, the first included.
    stable : bool
        Whether the last round flagged just the items that were left out of its trait; True where nothing was purified.
    reference : str or None
        Label of the group that others are compared with.
    sizes : Series
        Complete rows of each group.
    trait : "rest" or "theta"
    confidence : float
    n_used, n_dropped, k_items : int
    converged : bool
        False when an item could not be compared, the trait's model did not converge or purification did not settle.
    notes : tuple of Note
    """

    verdict: Verdict
    items: pd.DataFrame
    effects: pd.DataFrame
    flagged: tuple[str, ...]
    matching: tuple[str, ...]
    n_rounds: int
    stable: bool
    reference: str | None
    sizes: "pd.Series[int]"
    trait: Trait
    confidence: float
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def differential_functioning(
    items: pd.DataFrame,
    groups: pd.Series,
    *,
    reference: str | float | None = None,
    trait: Trait = "rest",
    purify: bool = True,
    max_rounds: int = 10,
    anchors: Collection[str] = (),
    confidence: float = 0.95,
) -> DifReport:
    """Compare how groups (languages, roles) answer each item of a scale at the same standing, by ordinal logistic regression.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values of one scale; at least three items for a verdict.
    groups : Series with the same index
        Group of each respondent; two or more labels.
    reference : label, optional
        Group that others are compared with; the first label in order by default.
    trait : "rest" (default) or "theta"
        What people are matched on: the sum of the other items, or the trait of a graded response model.
    purify : bool, default True
        Whether flagged items are taken out of the trait until the flags no longer change. Not done where the verdict is locked.
    max_rounds : int, default 10
        Most rounds of purification.
    anchors : collection of item names, optional
        Items meant to link the groups; a flagged one is named in a note, never dropped in silence.
    confidence : float, default .95
        Coverage of the intervals of the log-odds, between 0 and 1.

    Returns
    -------
    DifReport

    Notes
    -----
    Missing data: rows with a missing answer or group are dropped.

    Models, each with proportional odds: M1 trait; M2 trait + group; M3 trait + group + trait x group. The likelihood-ratio test of
    M3 against M1 has two degrees of freedom for two groups; more than two are tested jointly, with 2 (G - 1), and each has its
    log-odds beside the reference. An item is flagged when its Holm-adjusted p of that test is below .01 **and** Nagelkerke's R2
    rises by .035 or more (.070: large), after Zumbo (1999) and Jodoin and Gierl (2001): with many people every trifle is
    significant. The rest score leaves out the studied item and all flagged ones; where that would leave fewer than two items,
    flagged ones are taken out one at a time, the worst first. With `trait="theta"` the trait includes the studied item, and
    flagged items stay in the model with parameters of their own in each group, as in lordif; on a scale of five items this finds
    fewer of them than the rest score does.

    The floor of R2 sets what can be found, however many people there are: with five items of loading .75 a shift of half the
    trait's standard deviation raises R2 by about .034, just too little; one of half the standard deviation of the answers
    behind the item by .06.

    A verdict needs 200 people in each group; below, tests have hardly any power, while the log-odds are still estimated well
    (Scott et al., 2009), so they are given with their intervals and no sentence says that there is no difference.

    The fits are those of R's `MASS::polr`, and of `rpf.grm` in OpenMx for theta; Holm's adjustment is pingouin's. lordif flags by
    one criterion at a time (chi-square, R2 or change of slope) and merges rare categories, which is not done here.

    References
    ----------
    Zumbo, B. D. (1999). A handbook on the theory and methods of differential item functioning. National Defense Headquarters.
    Jodoin, M. G., & Gierl, M. J. (2001). Evaluating Type I error and power rates using an effect size measure with the logistic
    regression procedure for DIF detection. Applied Measurement in Education, 14, 329-349.
    https://doi.org/10.1207/S15324818AME1404_2
    Choi, S. W., Gibbons, L. E., & Crane, P. K. (2011). lordif. Journal of Statistical Software, 39(8).
    https://doi.org/10.18637/jss.v039.i08
    Scott, N. W., et al. (2009). A simulation study provided sample size guidance for differential item functioning (DIF) studies
    using short scales. Journal of Clinical Epidemiology, 62, 288-295. https://doi.org/10.1016/j.jclinepi.2008.06.003

    Raises
    ------
    ScoringError
        `dif.items`, `dif.column`, `dif.number` for items that are too few, doubled or no finite numbers; `dif.categories` for more
        than 30 different answers to an item; `dif.groups` for groups on another index; `dif.reference` and `dif.anchor` for
        unknown names; `dif.trait`, `dif.rounds`, `dif.confidence`.
    """
    check_confidence(confidence, "dif")
    values = check_numeric_items(items, "dif")
    _check_options(values, trait, max_rounds, anchors)
    data, labels, n_dropped = _read(values, groups, reference)
    names = [str(item) for item in values.columns]
    sizes = pd.Series(np.bincount(data.groups, minlength=len(labels)), index=labels, dtype=int)
    locks = _find_locks(data, sizes)
    rounds = _purify(data, trait, max_rounds if purify and not locks else 1, locked=bool(locks))
    locks += rounds.locks
    table = _tabulate(rounds, names, data, locked=bool(locks))
    flagged = tuple(table.index[(table["verdict"] == "flagged").to_numpy(dtype=bool)])
    notes = [*locks, *rounds.notes, *_explain(rounds.fits, data, names)]
    notes += [Note("dif.anchor", _ANCHOR, {"item": item}) for item in flagged if item in set(anchors)]
    return DifReport(
        verdict="locked" if locks else "flagged" if flagged else "not shown",
        items=table,
        effects=_effects(rounds.fits, names, labels[1:], confidence),
        flagged=flagged,
        matching=tuple(names[item] for item in rounds.matching),
        n_rounds=rounds.n,
        stable=rounds.stable,
        reference=labels[0] if labels else None,
        sizes=sizes,
        trait=trait,
        confidence=confidence,
        n_used=data.n,
        n_dropped=n_dropped,
        k_items=data.k,
        converged=bool(rounds.fits.converged.all()) and rounds.stable and not rounds.notes,
        notes=tuple(notes),
    )


def _check_options(values: pd.DataFrame, trait: str, max_rounds: int, anchors: Collection[str]) -> None:
    """Refuse options that mean nothing."""
    if trait not in {"rest", "theta"}:
        raise ScoringError(
            "dif.trait", "People cannot be matched on “%(trait)s”.", "Use “rest” or “theta”.", trait=trait
        )
    if max_rounds < 1:
        raise ScoringError("dif.rounds", "%(n)d rounds are too few.", "Pass 1 or more.", n=max_rounds)
    unknown = sorted(set(anchors) - {str(item) for item in values.columns})
    if unknown:
        raise ScoringError(
            "dif.anchor", "The anchor %(item)s is no item.", "Name items of this table.", item=unknown[0]
        )


def _read(
    values: pd.DataFrame, groups: pd.Series, reference: str | float | None
) -> tuple[ItemCodes, list[str], int]:
    """Complete answers as categories, the labels of the groups with the reference first, and how many rows were dropped."""
    members, labels = read_group_codes(groups, values.index, "dif")
    kept = (members >= 0) & values.notna().all(axis=1).to_numpy()
    present = np.unique(members[kept])
    order = [int(group) for group in present]
    if reference is not None:
        first = [int(group) for group in present if str(labels[group]) == str(reference)]
        if not first:
            raise ScoringError(
                "dif.reference",
                "No complete row belongs to the group “%(group)s”.",
                "Name one of: %(known)s.",
                group=str(reference),
                known=", ".join(str(labels[group]) for group in present),
            )
        order = first + [group for group in order if group != first[0]]
    renumber = np.full(len(labels), -1, dtype=np.int64)
    renumber[order] = np.arange(len(order))
    complete = values.to_numpy()[kept]
    codes, widths = np.zeros(complete.shape, dtype=np.int64), np.zeros(complete.shape[1], dtype=np.int64)
    for item in range(complete.shape[1]):
        used, codes[:, item] = np.unique(complete[:, item], return_inverse=True)
        check_categories(len(used), str(values.columns[item]), "dif")
        widths[item] = len(used)
    data = ItemCodes(complete, codes, widths, renumber[members[kept]], len(order))
    return data, [str(labels[group]) for group in order], int((~kept).sum())


def _find_locks(data: ItemCodes, sizes: "pd.Series[int]") -> list[Note]:
    """Why there is no verdict, whatever the answers say."""
    if len(sizes) < 2:
        return [Note("dif.groups", _FEW_GROUPS)]
    locks = []
    floor = minimum_for("dif_verdict")
    if sizes.min() < floor:
        locks.append(Note("dif.locked", _LOCKED, {"minimum": floor, "n": int(sizes.min())}))
    if (data.widths >= 2).sum() <= MINIMUM_MATCHING:
        locks.append(Note("dif.few_items", _FEW_ITEMS))
    return locks


@dataclass(frozen=True)
class _Rounds:
    """The last round of purification and how it came about."""

    fits: BiasFits
    p_total: FloatArray
    flags: frozenset[int]
    matching: tuple[int, ...]
    n: int
    stable: bool
    locks: list[Note]
    notes: list[Note]


def _purify(data: ItemCodes, trait: Trait, max_rounds: int, *, locked: bool) -> _Rounds:
    """Fit all items, take flagged ones out of the trait and fit again, until the flags stay or the rounds are over."""
    testable = [item for item in range(data.k) if data.widths[item] >= 2] if data.n_groups >= 2 else []
    locks: list[Note] = []
    left_out: frozenset[int] = frozenset()
    n, singly = 0, False
    while True:
        matching = tuple(item for item in testable if item not in left_out)
        fits, notes = _fit_round(data, trait, testable, matching)
        p_total = _adjust(_likelihood_ratios(fits, data.n_groups)["total"][2])
        shares = _explained(fits, data.n)
        rise = shares[:, 2] - shares[:, 0]
        flags = frozenset(np.flatnonzero((p_total < ALPHA) & (rise >= MODERATE)).tolist())
        n += 1
        stable = flags == left_out or max_rounds == 1
        if stable or n == max_rounds:
            break
        # Strongly biased items make others look biased; when too few are left, only the worst is taken out at a time.
        singly = singly or len(testable) - len(flags) < MINIMUM_MATCHING
        left_out = _leave_out(flags, left_out, rise) if singly else flags
        if len(testable) - len(left_out) < MINIMUM_MATCHING:
            locks.append(Note("dif.purified", _NO_ANCHORS, {"minimum": MINIMUM_MATCHING}))
            break
    if not stable and not locks:
        notes.append(Note("dif.unstable", _UNSTABLE, {"rounds": max_rounds}))
    return _Rounds(fits, p_total, frozenset() if locked else flags, matching, n, stable, locks, notes)


def _leave_out(flags: frozenset[int], left_out: frozenset[int], rise: FloatArray) -> frozenset[int]:
    """Those left out who are still flagged, and the worst of the newly flagged."""
    new = sorted(flags - left_out, key=lambda item: -rise[item])
    return (left_out & flags) | frozenset(new[:1])


def _fit_round(
    data: ItemCodes, trait: Trait, testable: list[int], matching: tuple[int, ...]
) -> tuple[BiasFits, list[Note]]:
    """One round: the traits from the matching items, and the models of all items at them."""
    if trait == "rest" or not testable:
        return fit_item_bias(data, rest_scores(data, matching), testable), []
    traits, converged = theta_scores(data, matching)
    return fit_item_bias(data, traits, testable), [] if converged else [Note("dif.theta", _THETA)]


def _explained(fits: BiasFits, n: int) -> FloatArray:
    """Nagelkerke's R2 of M1, M2 and M3, items x 3."""
    return nagelkerke_r2(fits.log_likelihood[:, 1:], fits.log_likelihood[:, :1], max(n, 1))


def _likelihood_ratios(fits: BiasFits, n_groups: int) -> dict[str, tuple[FloatArray, int, FloatArray]]:
    """Chi-square, df and p of each of the three tests."""
    from scipy.special import chdtrc

    steps = {"total": (1, 3, 2), "uniform": (1, 2, 1), "nonuniform": (2, 3, 1)}
    tests = {}
    for name, (smaller, larger, factor) in steps.items():
        df = factor * max(n_groups - 1, 1)
        ratio = 2.0 * (fits.log_likelihood[:, larger] - fits.log_likelihood[:, smaller])
        # Rounding can put the larger model a hair below the smaller one.
        ratio = np.maximum(ratio, 0.0)
        tests[name] = (ratio, df, chdtrc(df, ratio))
    return tests


def _adjust(p: FloatArray) -> FloatArray:
    """Holm's adjustment over the items that were tested."""
    if np.isnan(p).all():
        return p
    with warnings.catch_warnings():
        # pingouin and the packages under it warn of their own future while they are imported.
        warnings.simplefilter("ignore")
        import pingouin

        return pingouin.multicomp(p, method="holm")[1]


def _tabulate(rounds: _Rounds, names: list[str], data: ItemCodes, *, locked: bool) -> pd.DataFrame:
    """The tests and effects of all items, with the word for each."""
    rise = _explained(rounds.fits, data.n)
    changes = {
        "total": rise[:, 2] - rise[:, 0],
        "uniform": rise[:, 1] - rise[:, 0],
        "nonuniform": rise[:, 2] - rise[:, 1],
    }
    tests = _likelihood_ratios(rounds.fits, data.n_groups)
    adjusted = {name: rounds.p_total if name == "total" else _adjust(tests[name][2]) for name in tests}
    verdicts: list[Verdict] = []
    kinds: list[str | None] = []
    magnitudes: list[str | None] = []
    for item, change in enumerate(changes["total"].tolist()):
        shut, flagged = locked or np.isnan(change), item in rounds.flags and not locked
        verdicts.append("locked" if shut else "flagged" if flagged else "not shown")
        crossing = adjusted["nonuniform"][item] < ALPHA
        kinds.append(("non-uniform" if crossing else "uniform") if flagged else None)
        size = "large" if change >= LARGE else "moderate" if change >= MODERATE else "small"
        magnitudes.append(None if shut else size)
    columns: dict[str, object] = {
        "verdict": verdicts,
        "kind": pd.Series(kinds, index=names, dtype=object),
        "magnitude": pd.Series(magnitudes, index=names, dtype=object),
    }
    for name, (ratio, df, p) in tests.items():
        columns |= {f"chi2_{name}": ratio, f"df_{name}": df, f"p_{name}": p, f"p_holm_{name}": adjusted[name]}
        columns[f"dr2_{name}"] = changes[name]
    columns |= {f"r2_m{model + 1}": rise[:, model] for model in range(3)}
    return pd.DataFrame({**columns, "n_categories": data.widths}, index=pd.Index(names))


def _effects(fits: BiasFits, names: list[str], groups: list[str], confidence: float) -> pd.DataFrame:
    """Log-odds of each item and group with their intervals."""
    from scipy.stats import norm

    k, others = len(names), len(groups)
    index = pd.MultiIndex.from_product([names, groups], names=["item", "group"])
    half = float(norm.ppf((1.0 + confidence) / 2.0)) * fits.errors[:, :others]
    columns = {
        "log_odds": fits.log_odds,
        "se": fits.errors,
        "low": fits.log_odds[:, :others] - half,
        "high": fits.log_odds[:, :others] + half,
        "ets_delta": _ETS * fits.log_odds,
        "slope_difference": fits.slope_differences,
    }
    return pd.DataFrame(
        {name: values[:, :others].reshape(k * others) for name, values in columns.items()}, index=index
    )


def _explain(fits: BiasFits, data: ItemCodes, names: list[str]) -> list[Note]:
    """Why a value of an item is missing."""
    notes: list[Note] = []
    if data.n_groups < 2:
        return notes
    for item, name in enumerate(names):
        if data.widths[item] < 2:
            notes.append(Note("dif.constant", _CONSTANT, {"item": name}))
        elif not fits.identified[item]:
            notes.append(Note("dif.identified", _UNIDENTIFIED, {"item": name}))
        elif fits.separated[item]:
            notes.append(Note("dif.separated", _SEPARATED, {"item": name}))
        elif not fits.converged[item]:
            notes.append(Note("dif.converged", _SLOW, {"item": name}))
    return notes
