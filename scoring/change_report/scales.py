"""Each scale of a change report: levels and changes of both roles, common change and gap of the pairs, items one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.anchors import AnchorComparison, compare_anchors
from scoring.change import MeanChange, mean_change
from scoring.change_report.data import ChangeData
from scoring.change_report.pairs import ResemblanceSection, compare_partners
from scoring.descriptives import MeanLevel, mean_level
from scoring.equivalence import Equivalence, FullVerdict, Margin, equivalent_change
from scoring.errors import Note
from scoring.gates import allowed, gate_for, minimum_for
from scoring.group_change import GroupChange, group_change
from scoring.missing_change import ChangeBounds, change_bounds
from scoring.multiplicity import FamilyName
from scoring.pair_change import PairChange, pair_change
from scoring.pair_scores import PairScores
from scoring.power_statements import PowerStatement, state_power
from scoring.reference import Reference, find_reference
from scoring.report.data import attempt

# With so many pairs the t test is exact to all digits shown, and flipping all their signs takes minutes.
MOST_FLIPPED: Final = 5_000

_MIRRORED = N_("The two roles answered different words on this scale, so their scores are never averaged or subtracted.")  # fmt: skip
_NO_MODEL = N_("Below %(minimum)d pairs complete at every wave no mixed model is fitted: the changes of complete pairs stand for it.")  # fmt: skip
_FEW_ITEMS = N_("Fewer than %(minimum)d answered at both waves, so no means are given for: %(items)s.")
_APART = N_("The two roles share fewer than two waves on this scale, so nothing is said about pairs.")


@dataclass(frozen=True)
class StepChange:
    """The change from one wave to the next.

    Attributes
    ----------
    first, last : str
        The two waves.
    change : MeanChange
        Exploratory: an interval and p, and no verdict word.
    """

    first: str
    last: str
    change: MeanChange


@dataclass(frozen=True)
class RoleSection:
    """One role on one scale.

    Attributes
    ----------
    role : str
    levels : mapping wave -> MeanLevel
        Of all who answered at the wave.
    first, last : str or None
        Waves of the change; None where the role has fewer than two.
    change : MeanChange or None
        Of those who answered at both.
    steps : tuple of StepChange
        From each wave to the next, where there are more than two.
    equivalence : Equivalence or None
    power : PowerStatement or None
        What so many could have shown; None below 10.
    bounds : ChangeBounds or None
        What those who are missing later could do to the mean; where there are too few to impute, from 5 to 19.
    family : "primary", "secondary", "exploratory" or None
    p_adjusted : float or None
        Among all changes of the family.
    verdict : "moved", "not shown", "equivalent", "too few" or None
        The report's word; None below 5 persons and where there is no change.
    items : AnchorComparison or None
        Item by item, from 5 persons on.
    notes : tuple of Note
    """

    role: str
    levels: Mapping[str, MeanLevel]
    first: str | None
    last: str | None
    change: MeanChange | None
    steps: tuple[StepChange, ...]
    equivalence: Equivalence | None
    power: PowerStatement | None
    bounds: ChangeBounds | None
    family: FamilyName | None
    p_adjusted: float | None
    verdict: FullVerdict | None
    items: AnchorComparison | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class PairSection:
    """What the pairs did as pairs, for those in which both partners answered at both waves.

    Attributes
    ----------
    first, last : str or None
    n_pairs : int
        Pairs with all four scores.
    change : PairChange or None
        Common change and change of the gap, from 10 pairs on; None for scales with different words. No part of the families:
        intervals and p alone count. Single pairs are listed only where persons were asked for.
    changes : DataFrame, pairs x (common, gap)
        For pictures.
    notes : tuple of Note
    """

    first: str | None
    last: str | None
    n_pairs: int
    change: PairChange | None
    changes: pd.DataFrame = field(repr=False)
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ScaleChangeSection:
    """One scale.

    Attributes
    ----------
    name : str
    minimum, maximum : float
    k_items : int
    mirrored : bool
        Whether the two roles answered different words.
    roles : mapping role -> RoleSection
    pairs : PairSection
    model : GroupChange or None
        Mixed model of role and wave with Kenward-Roger's degrees of freedom, from 20 pairs on; where it cannot be estimated, contrasts
        of complete pairs, and it says so.
    resemblance : ResemblanceSection or None
        How alike partners are, and how they influence each other; None below 5 pairs.
    notes : tuple of Note
    """

    name: str
    minimum: float
    maximum: float
    k_items: int
    mirrored: bool
    roles: Mapping[str, RoleSection]
    pairs: PairSection
    model: GroupChange | None
    resemblance: ResemblanceSection | None
    notes: tuple[Note, ...]


def analyse_scale(data: ChangeData, name: str) -> ScaleChangeSection:
    """Analyse one scale; the words of its changes wait for the other scales of the report."""
    found = data.scored[name]
    notes: list[Note] = []
    roles = {role: _analyse_role(data, name, side) for side, role in enumerate(data.roles)}
    pairs = _analyse_pairs(data, name)
    model = resemblance = None
    scores = data.pair_scores(name)
    if scores is not None and allowed(int(scores.complete().sum()), "mixed_model"):
        model = attempt(notes, "Mixed model", partial(_fit_model, data, name, scores))
    elif scores is not None:
        notes.append(Note("changes.no_model", _NO_MODEL, {"minimum": minimum_for("mixed_model")}))
    if allowed(pairs.n_pairs, "cell_mean"):
        resemblance = attempt(notes, "Resemblance of partners", partial(compare_partners, data, name))
    return ScaleChangeSection(
        name=name,
        minimum=found.scale.minimum,
        maximum=found.scale.maximum,
        k_items=len(found.scale.keys),
        mirrored=not found.scale.same_wording,
        roles=roles,
        pairs=pairs,
        model=model,
        resemblance=resemblance,
        notes=tuple(notes),
    )


def margin_of(data: ChangeData, width: float) -> Margin:
    """The smallest change of interest: what the options declare, otherwise the product's own for the width of the range."""
    return Margin.for_width(width) if data.options.margin is None else Margin(data.options.margin)


def reference_of(name: str, role: str) -> Reference:
    """The reference values of a scale and role."""
    return find_reference(name, role)


def _analyse_role(data: ChangeData, name: str, side: int) -> RoleSection:
    """One role: levels, the change from its first wave to its last, steps, items."""
    role, found, confidence = data.roles[side], data.scored[name], data.options.confidence
    reference = reference_of(name, role)
    waves = found.waves_of(side)
    levels = {
        data.waves[wave]: mean_level(
            data.series(name, side, wave)[0], reference=reference, width=found.width, confidence=confidence
        )
        for wave in waves
    }
    empty = RoleSection(role, levels, None, None, None, (), None, None, None, None, None, None, None, ())
    if len(waves) < 2:
        return empty
    first, last = waves[0], waves[-1]
    notes: list[Note] = []
    change = change_between(data, name, side, first, last)
    steps: tuple[StepChange, ...] = ()
    if len(waves) > 2:
        steps = tuple(
            StepChange(
                data.waves[a],
                data.waves[b],
                replace(change_between(data, name, side, a, b), verdict=None),
            )
            for a, b in pairwise(waves)
        )
    before, after = (data.series(name, side, wave)[0] for wave in (first, last))
    margin = margin_of(data, found.width)
    equivalence = power = bounds = items = None
    if allowed(change.n_used, "mean_change"):
        equivalence = attempt(
            notes, "Equivalence", lambda: equivalent_change((after - before).dropna(), margin=margin)
        )
        power = attempt(
            notes,
            "Power",
            lambda: state_power(change.n_used, sd=change.sd_change, smallest=margin.value),
        )
    if allowed(change.n_used, "cell_mean") and not allowed(change.n_used, "mixed_model"):
        bounds = attempt(
            notes,
            "Bounds",
            lambda: change_bounds(
                before, after, reference=reference, width=found.width, confidence=confidence
            ),
        )
    if allowed(change.n_used, "cell_mean"):
        items = attempt(notes, "Items", partial(_compare_items, data, name, side, first, last))
    return replace(
        empty,
        first=data.waves[first],
        last=data.waves[last],
        change=change,
        steps=steps,
        equivalence=equivalence,
        power=power,
        bounds=bounds,
        verdict=change.verdict,
        items=items,
        notes=tuple(notes),
    )


def change_between(data: ChangeData, name: str, side: int, first: int, last: int) -> MeanChange:
    """The mean change of one role between two waves."""
    (before, before_exact), (after, after_exact) = (data.series(name, side, wave) for wave in (first, last))
    if len(before) > MOST_FLIPPED:
        before_exact = after_exact = None
    return mean_change(
        before,
        after,
        before_exact=before_exact,
        after_exact=after_exact,
        confidence=data.options.confidence,
        reference=reference_of(name, data.roles[side]),
        width=data.scored[name].width,
        rng=np.random.default_rng(data.options.seed),
    )


def _compare_items(data: ChangeData, name: str, side: int, first: int, last: int) -> AnchorComparison:
    """Item by item between the first and the last wave."""
    anchors = [item for item in data.options.anchors if item in data.scored[name].scale.keys]
    found = compare_anchors(
        data.keyed(name, side, first),
        data.keyed(name, side, last),
        anchors,
        width=data.scored[name].width,
    )
    few = [item.item for item in found.items if not allowed(item.n_used, "cell_mean")]
    if not few or data.options.persons:
        return found
    # What fewer than five answered stays with them.
    shown = tuple(
        replace(item, first=None, last=None, change=None) if item.item in few else item
        for item in found.items
    )
    params: dict[str, str | int | float] = {"items": ", ".join(few), "minimum": minimum_for("cell_mean")}
    return replace(found, items=shown, notes=(*found.notes, Note("changes.few_items", _FEW_ITEMS, params)))


def _analyse_pairs(data: ChangeData, name: str) -> PairSection:
    """Common change and change of the gap between the first and the last wave that both roles have."""
    found = data.scored[name]
    scores = data.pair_scores(name)
    nothing = pd.DataFrame({"common": [], "gap": []}, dtype="float64")
    if scores is None:
        return PairSection(None, None, 0, None, nothing, (Note("changes.apart", _APART),))
    first, last = (str(wave) for wave in (scores.waves[0], scores.waves[-1]))
    n_pairs = int(scores.complete((first, last)).sum())
    section = PairSection(first, last, n_pairs, None, nothing, ())
    if not found.scale.same_wording:
        return replace(section, notes=(Note("changes.mirrored", _MIRRORED),))
    if not allowed(n_pairs, "mean_change"):
        return replace(section, notes=(gate_note(n_pairs),))
    notes: list[Note] = []
    change = attempt(notes, "Change of pairs", partial(_change_of_pairs, data, name, scores))
    if change is None:
        return replace(section, notes=tuple(notes))
    changes = change.pairs[["common", "gap"]]
    if not data.options.persons:
        change = replace(change, pairs=change.pairs.iloc[:0])
    return replace(section, change=change, changes=changes)


def _change_of_pairs(data: ChangeData, name: str, scores: PairScores) -> PairChange:
    """Both contrasts of the pairs with the errors of single ones."""
    return pair_change(
        scores,
        reliabilities={role: reference_of(name, role) for role in data.roles},
        width=data.scored[name].width,
        confidence=data.options.confidence,
        rng=np.random.default_rng(data.options.seed),
    )


def _fit_model(data: ChangeData, name: str, scores: PairScores) -> GroupChange:
    """Role and wave in one model; for scales with different words only what concerns each role by itself."""
    found = group_change(scores, confidence=data.options.confidence)
    if data.scored[name].scale.same_wording:
        return found
    own = found.contrasts.index.get_level_values("contrast").isin(data.roles)
    return replace(found, contrasts=found.contrasts[own], tests=found.tests.iloc[:0])


def gate_note(n: int) -> Note:
    """The sentence of the gate that a number of pairs falls into."""
    gate = gate_for(n)
    return Note(f"gate.{gate.name}", gate.message)
