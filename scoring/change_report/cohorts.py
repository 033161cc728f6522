"""Cohorts and arms beside each other, by the unit that was assigned: named cohorts, pairs put into arms, or designs given to cohorts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.data import ChangeData, prepare_changes
from scoring.change_report.families import choose_families
from scoring.change_report.options import Assigned, ChangeOptions, margin_of
from scoring.cohort_arms import ArmComparison, compare_arms
from scoring.cohort_designs import TwoCohorts, compare_two_cohorts
from scoring.equivalence import Equivalence, FullVerdict
from scoring.errors import Note
from scoring.gates import allowed, minimum_for
from scoring.many_cohorts import ManyCohorts, cohort_effects
from scoring.multiplicity import Claim, FamilyReport, JudgedClaim, judge_claims
from scoring.report.data import attempt
from scoring.scale_sets import Problem, ProblemsError, ScaleSet
from scoring.tables import ItemTable
from scoring.waitlist import WaitlistComparison, waitlist_comparison

COMMON: Final = "common"
_HIDDEN_TOGETHER: Final = 3

_ONE = N_("There is one cohort only, so there is nothing to compare it with.")
_ORDER = N_("Differences are %(first)s minus %(second)s.")
_HIDDEN = N_(
    "Cohorts whose means are not given, since they have fewer than %(minimum)d pairs or would tell of such a cohort: %(n)d."
)
_DURING = N_(
    "Cohorts that differ changed differently during the programme; without lots nobody knows because of what."
)


@dataclass(frozen=True)
class CohortEntry:
    """One outcome of one scale in all cohorts; whichever comparison fits the design is there.

    Attributes
    ----------
    outcome : str
        A role, or "common" for the mean of both partners.
    two : TwoCohorts or None
        Two named cohorts, or two arms of pairs.
    arms : ArmComparison or None
        Two designs that were given to whole cohorts.
    many : ManyCohorts or None
        Three cohorts or more.
    waiting : WaitlistComparison or None
        Where an arm waited.
    covariance : WaitlistComparison or None
        Two cohorts or arms of 20 pairs or more at equal baseline, beside the comparison of their changes; the first of the order stands
        for the programme. It has no part in the word.
    judged : JudgedClaim or None
        Where the comparison has a test.
    verdict : "moved", "not shown", "equivalent", "too few" or None
        "moved": they moved apart. None for both partners together and for many cohorts without arms, which are no part of a family and
        get an interval alone.
    notes : tuple of Note
    """

    outcome: str
    two: TwoCohorts | None
    arms: ArmComparison | None
    many: ManyCohorts | None
    waiting: WaitlistComparison | None
    covariance: WaitlistComparison | None
    judged: JudgedClaim | None
    verdict: FullVerdict | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class CohortComparison:
    """Cohorts beside each other.

    Attributes
    ----------
    assigned : "named", "pairs" or "cohorts"
        The unit of assignment, which is that of inference.
    sizes : mapping cohort (or arm) -> pairs
    order : tuple of str
        A difference is the first minus the second; empty for many cohorts.
    scales : mapping scale -> mapping outcome -> CohortEntry
    families : FamilyReport or None
    wording : "changed during" or "randomised"
    notes : tuple of Note
    """

    assigned: Assigned
    sizes: Mapping[str, int]
    order: tuple[str, ...]
    scales: Mapping[str, Mapping[str, CohortEntry]]
    families: FamilyReport | None
    wording: str
    notes: tuple[Note, ...]


def cohort_comparison(
    answers: ItemTable | pd.DataFrame, scales: ScaleSet, options: ChangeOptions
) -> CohortComparison:
    """Compare cohorts, or the arms that pairs or cohorts were put into, on the change of every scale.

    Parameters
    ----------
    answers, scales
        As in `change_report`.
    options : ChangeOptions
        With a column `cohort`, `arm` or both.

    Returns
    -------
    CohortComparison
        Equivalence, power and smallest detectable difference stand beside every comparison.

    Notes
    -----
    Missing data: pairs without a change are dropped and counted. A design that was given to whole cohorts is tested on cohort means.

    Raises
    ------
    ProblemsError
        Those of `prepare_changes`; `changes.option` for a design that the columns do not tell.
    """
    data = prepare_changes(answers, scales, options)
    found = compare_data(data)
    if found is None:
        message = "No column says to which cohort or arm a pair belongs."
        raise ProblemsError(
            [Problem("changes.option", message, "Name the column of the cohort or of the arm.")]
        )
    return found


def compare_data(data: ChangeData) -> CohortComparison | None:
    """Return the comparison that the columns allow; None where they name neither cohorts nor arms."""
    assigned = _find_assigned(data)
    if data.cohorts is None and data.arms is None:
        return None
    labels = data.cohorts if data.cohorts is not None and assigned != "pairs" else data.arms
    labels = data.cohorts if labels is None else labels
    if labels is None:
        return None
    sizes = {str(label): int(n) for label, n in labels.dropna().value_counts().sort_index().items()}
    notes = []
    if len(sizes) < 2:
        notes.append(Note("cohorts.one", _ONE))
        return CohortComparison(assigned, sizes, (), {}, None, "changed during", tuple(notes))
    order = _find_order(data, sizes)
    if order:
        notes.append(Note("cohorts.order", _ORDER, {"first": order[0], "second": order[1]}))
    entries = {
        name: {
            outcome: _compare(data, name, outcome, assigned, labels, order)
            for outcome in _outcomes(data, name)
        }
        for name in data.scored
    }
    judged, families = _judge(data, entries)
    randomised = data.options.randomised and assigned != "named"
    if not randomised:
        notes.append(Note("cohorts.during", _DURING))
    return CohortComparison(
        assigned=assigned,
        sizes=sizes,
        order=order,
        scales=judged,
        families=families,
        wording="randomised" if randomised else "changed during",
        notes=tuple(notes),
    )


def pair_changes(data: ChangeData, name: str, outcome: str) -> tuple[pd.Series, pd.Series]:
    """Scores of a role, or of both partners together, at the first and at the last wave, by pair."""
    found = data.scored[name]
    if outcome == COMMON:
        waves = found.waves_of_both()
        both = [found.values[:, :, wave].mean(axis=1) for wave in (waves[0], waves[-1])]
        return pd.Series(both[0], index=data.pairs), pd.Series(both[1], index=data.pairs)
    side = data.roles.index(outcome)
    waves = found.waves_of(side)
    return data.series(name, side, waves[0])[0], data.series(name, side, waves[-1])[0]


def _outcomes(data: ChangeData, name: str) -> list[str]:
    """The roles that have a change on a scale, and both together where they answered the same words."""
    found = data.scored[name]
    outcomes = [role for side, role in enumerate(data.roles) if len(found.waves_of(side)) > 1]
    if len(found.waves_of_both()) > 1 and found.scale.same_wording:
        outcomes.append(COMMON)
    return outcomes


def _find_assigned(data: ChangeData) -> Assigned:
    """What was assigned; a design that the columns do not tell is refused."""
    options, problems = data.options, []
    assigned = options.assigned
    if assigned is None:
        assigned = "named" if data.arms is None else "cohorts" if data.cohorts is not None else "pairs"
    if assigned == "cohorts" and (data.arms is None or data.cohorts is None):
        message = "Whole cohorts were put into arms, and one of the columns of cohort and arm is missing."
        problems.append(
            Problem("changes.option", message, "Name the column of the cohort and that of the arm.")
        )
    n_arms = 0 if data.arms is None else data.arms.nunique()
    if data.arms is not None and n_arms != 2 and assigned != "named":
        message = f"Column {options.arm} has {n_arms} arms."
        problems.append(Problem("changes.option", message, "Two arms are compared: keep the rows of two."))
    if options.randomised and data.arms is None:
        message = "Lots are said to have decided, and no column says what they decided."
        problems.append(Problem("changes.option", message, "Name the column of the arm."))
    if options.waiting is not None and (data.arms is None or options.waiting not in set(data.arms.dropna())):
        message = f"No pair is in the arm {options.waiting} that is said to wait."
        problems.append(
            Problem("changes.option", message, "Name the column of the arm, and one of its values.")
        )
    if problems:
        raise ProblemsError(problems)
    return assigned


def _find_order(data: ChangeData, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Which of two comes first; the arm that waits comes last."""
    if data.arms is not None and data.arms.nunique() == 2:
        arms = sorted(str(arm) for arm in data.arms.dropna().unique())
        return tuple(sorted(arms, key=lambda arm: arm == data.options.waiting))
    return tuple(sizes) if len(sizes) == 2 else ()


def _compare(
    data: ChangeData,
    name: str,
    outcome: str,
    assigned: Assigned,
    labels: pd.Series,
    order: tuple[str, ...],
) -> CohortEntry:
    """One outcome in all cohorts."""
    before, after = pair_changes(data, name, outcome)
    change = (after - before)[labels.notna()]
    outside = int((after - before)[labels.isna()].notna().sum())
    own = labels[labels.notna()].astype(str)
    options, width = data.options, data.scored[name].width
    margin = margin_of(data.options, width)
    notes: list[Note] = []
    entry = CohortEntry(outcome, None, None, None, None, None, None, None, ())
    if assigned == "cohorts" and data.arms is not None:
        arms = dict(zip(own, data.arms[labels.notna()], strict=True))
        _check_arms(own, data.arms[labels.notna()])
        found = attempt(
            notes,
            "Arms",
            partial(
                compare_arms, change, own, arms, order=(order[0], order[1]), randomised=options.randomised,
                margin=margin, confidence=options.confidence, width=width, smallest=margin.value,
                rng=np.random.default_rng(options.seed),
            ),
        )  # fmt: skip
        if found is not None and not options.persons:
            found = _hide_few_of_arms(found, outside)
        entry = replace(entry, arms=found, verdict=None if found is None else found.verdict)
    elif len(order) == 2 and own.nunique() == 2:
        a, b = (change[own == label] for label in order)
        two = attempt(
            notes,
            "Two cohorts",
            partial(
                compare_two_cohorts, a, b, assigned=assigned, randomised=options.randomised, margin=margin,
                confidence=options.confidence, width=width, smallest=margin.value,
                rng=np.random.default_rng(options.seed),
            ),
        )  # fmt: skip
        entry = replace(entry, two=two, verdict=None if two is None else two.verdict)
        smaller = min(int(part.notna().sum()) for part in (a, b))
        if assigned != "cohorts" and options.waiting is None and allowed(smaller, "ancova"):
            inside = labels.notna()
            covariance = attempt(
                notes,
                "Analysis of covariance",
                partial(
                    waitlist_comparison, before[inside], after[inside], own == order[0],
                    randomised=options.randomised and assigned == "pairs", margin=margin,
                    confidence=options.confidence, width=width,
                ),
            )  # fmt: skip
            entry = replace(entry, covariance=covariance)
    if own.nunique() > 2:
        many = attempt(
            notes,
            "Many cohorts",
            partial(cohort_effects, change, own, confidence=options.confidence, width=width),
        )
        entry = replace(entry, many=many if many is None or options.persons else _hide_few(many, outside))
    if options.waiting is not None and assigned == "pairs" and data.arms is not None:
        inside = data.arms.notna()
        waiting = attempt(
            notes,
            "Waiting group",
            partial(
                waitlist_comparison, before[inside], after[inside], data.arms[inside] != options.waiting,
                randomised=options.randomised, margin=margin, confidence=options.confidence, width=width,
            ),
        )  # fmt: skip
        entry = replace(entry, waiting=waiting)
        if waiting is not None:
            entry = replace(entry, verdict=waiting.verdict)
    if outcome == COMMON:
        entry = replace(entry, verdict=None)
    return replace(entry, notes=tuple(notes))


def _hide_few(found: ManyCohorts, outside: int) -> ManyCohorts:
    """The same without means of cohorts of fewer than five pairs, which would say how these few had changed."""
    few = _find_few(found.table["n"], outside)
    if not few.any():
        return found
    table = found.table.copy()
    table.loc[few, ["mean", "low", "high", "shrunken"]] = np.nan
    note = Note("cohorts.hidden", _HIDDEN, {"n": int(few.sum()), "minimum": minimum_for("cell_mean")})
    kept = [other for other in found.notes if other.code != "cohorts.small"]
    return replace(found, table=table, notes=(*kept, note))


def _hide_few_of_arms(found: ArmComparison, outside: int) -> ArmComparison:
    """The same without means of cohorts of fewer than five pairs."""
    table = found.table.copy()
    table.loc[_find_few(found.table["n"], outside), "mean"] = np.nan
    return replace(found, table=table)


def _find_few(sizes: pd.Series, outside: int) -> np.ndarray:
    """Which cohorts stay hidden; `outside` counts pairs with a change and without a cohort.

    The change of everybody and the mean over cohorts are given too, so one cohort, or two, could be computed from the others: with a
    small one the next larger are hidden, until there are three and five pairs in them.
    """
    n, least = sizes.to_numpy(), minimum_for("cell_mean")
    few = n < least
    if not few.any() and not 0 < outside < least:
        return few
    order = np.argsort(n, kind="stable")
    for place in order:
        if few.sum() >= _HIDDEN_TOGETHER and n[few].sum() >= least:
            break
        few[place] = True
    return few


def _check_arms(cohorts: pd.Series, arms: pd.Series) -> None:
    """A design that was given to whole cohorts is the same for all pairs of a cohort."""
    both = pd.DataFrame({"cohort": cohorts.to_numpy(), "arm": arms.to_numpy()}).drop_duplicates()
    mixed = both.loc[both["cohort"].duplicated(), "cohort"]
    if len(mixed):
        message = f"Cohort {mixed.iloc[0]} has pairs of several arms or without one, so arms were not given to whole cohorts."
        remedy = "Say that pairs were assigned (assigned: pairs), or correct the column of the arm."
        raise ProblemsError([Problem("changes.option", message, remedy)])


def _judge(
    data: ChangeData, entries: Mapping[str, Mapping[str, CohortEntry]]
) -> tuple[Mapping[str, Mapping[str, CohortEntry]], FamilyReport | None]:
    """Every comparison with a test among all of them; the others keep their own word."""
    claims: dict[tuple[str, str], Claim] = {}
    for name, outcomes in entries.items():
        for outcome, entry in outcomes.items():
            tested = _tested(entry)
            if outcome != COMMON and tested is not None:
                low, high, p = tested
                claims[name, outcome] = Claim(
                    f"{name} {outcome}", name, low, high, p, _equivalence(entry), data.scored[name].width
                )
    if not claims:
        return entries, None
    chosen = choose_families(data)
    families = judge_claims(list(claims.values()), primary=chosen.primary, secondary=chosen.secondary)
    judged = {
        name: {
            outcome: _with_word(entry, families, claims.get((name, outcome)))
            for outcome, entry in outcomes.items()
        }
        for name, outcomes in entries.items()
    }
    return judged, families


def _with_word(entry: CohortEntry, families: FamilyReport, claim: Claim | None) -> CohortEntry:
    """One comparison with its word among all; one without a test keeps its own."""
    if claim is None:
        return entry
    judged = families.find(claim.name)
    return replace(entry, judged=judged, verdict=judged.verdict)


def _tested(entry: CohortEntry) -> tuple[float | None, float | None, float] | None:
    """Interval and p of the comparison that counts, None where it has no test."""
    if entry.waiting is not None:
        found = entry.waiting
        return None if found.p is None else (found.low, found.high, found.p)
    if entry.arms is not None:
        return None if entry.arms.p is None else (entry.arms.low, entry.arms.high, entry.arms.p)
    if entry.two is not None:
        contrast = entry.two.contrast
        return None if contrast.p is None else (contrast.low, contrast.high, contrast.p)
    return None


def _equivalence(entry: CohortEntry) -> Equivalence | None:
    """The test of equivalence of the comparison that counts."""
    for found in (entry.waiting, entry.arms, entry.two):
        if found is not None:
            return found.equivalence
    return None
