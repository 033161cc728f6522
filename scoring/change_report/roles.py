"""One role on one scale of a change report: levels, the change and its word, steps between waves, items one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from instruments.errors import N_
from scoring.anchors import AnchorComparison, compare_anchors
from scoring.change import MeanChange, mean_change
from scoring.change_report.data import ChangeData
from scoring.change_report.options import margin_of
from scoring.descriptives import MeanLevel, mean_level
from scoring.equivalence import Equivalence, FullVerdict, equivalent_change, equivalent_estimate
from scoring.errors import Note
from scoring.gates import allowed, minimum_for
from scoring.group_change import GroupChange
from scoring.latent_change import ENOUGH, LatentChange, latent_change
from scoring.likelihood_change import LikelihoodChange, read_likelihood, role_change
from scoring.missing_change import ChangeBounds, change_bounds
from scoring.multiplicity import FamilyName
from scoring.power_statements import PowerStatement, state_power
from scoring.reference import find_reference
from scoring.report.data import attempt

# Two items that covary with themselves over time do not tell a factor from what they keep to themselves.
_ITEMS_OF_A_FACTOR: Final = 3

_COMPLETERS = N_(
    "No model of all scores could be estimated, so the word rests on the change of those who answered both times."
)
_FEW_ITEMS = N_("Fewer than %(minimum)d answered at both waves, so no means are given for: %(items)s.")


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
    likelihood : LikelihoodChange or None
        The same change from every score there is, from 20 people with both scores on; the word then rests on it, and is "moved" only
        where the change of those who answered at both bears it out.
    latent : LatentChange or None
        The change free of measurement error, for researchers; from 20 people on.
    steps : tuple of StepChange
        From each wave to the next, where there are more than two.
    equivalence : Equivalence or None
        From 20 people on.
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
    likelihood: LikelihoodChange | None
    latent: LatentChange | None
    steps: tuple[StepChange, ...]
    equivalence: Equivalence | None
    power: PowerStatement | None
    bounds: ChangeBounds | None
    family: FamilyName | None
    p_adjusted: float | None
    verdict: FullVerdict | None
    items: AnchorComparison | None
    notes: tuple[Note, ...]

    @property
    def mean(self) -> float | None:
        """The change that the word speaks of, in points."""
        if self.likelihood is not None:
            return self.likelihood.estimate
        return None if self.change is None else self.change.mean

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """Its interval."""
        if self.likelihood is not None:
            return self.likelihood.low, self.likelihood.high
        return (None, None) if self.change is None else (self.change.low, self.change.high)

    @property
    def tested(self) -> bool:
        """Whether its interval rests on the answers, and not on reference values."""
        return self.likelihood is not None or (self.change is not None and self.change.interval_kind == "t")

    @property
    def direction(self) -> str | None:
        """Whether it is higher or lower, where that may be said."""
        if self.likelihood is not None:
            estimate = self.likelihood.estimate
            return None if estimate == 0 else "higher" if estimate > 0 else "lower"
        return None if self.change is None else self.change.direction


def analyse_role(data: ChangeData, name: str, side: int) -> RoleSection:
    """One role: levels, the change from its first wave to its last, steps, items."""
    role, found, confidence = data.roles[side], data.scored[name], data.options.confidence
    reference = find_reference(name, role)
    waves = found.waves_of(side)
    levels = {
        data.waves[wave]: mean_level(
            data.series(name, side, wave)[0], reference=reference, width=found.width, confidence=confidence
        )
        for wave in waves
    }
    empty = RoleSection(
        role, levels, None, None, None, None, None, (), None, None, None, None, None, None, None, ()
    )
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
    margin = margin_of(data.options, found.width)
    equivalence = power = bounds = items = None
    # Among 10 to 19 a change that is not shown may still have happened, so none is called too small to matter.
    if allowed(change.n_used, "equivalence"):
        equivalence = attempt(
            notes, "Equivalence", lambda: equivalent_change((after - before).dropna(), margin=margin)
        )
    if allowed(change.n_used, "mean_change"):
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


def weigh_role(
    data: ChangeData, name: str, side: int, section: RoleSection, model: GroupChange | None
) -> RoleSection:
    """Return the role with what all its scores say, and with its latent change, where there are people enough for either."""
    change = section.change
    if change is None or section.last is None or not allowed(change.n_used, "mixed_model"):
        return section
    notes = list(section.notes)
    found, waves = data.scored[name], data.scored[name].waves_of(side)
    values = found.values[:, side, waves]
    labels = tuple(data.waves[wave] for wave in waves)
    likelihood = None
    shared = found.waves_of_both()
    if model is not None and len(shared) > 1 and (shared[0], shared[-1]) == (waves[0], waves[-1]):
        likelihood = read_likelihood(model, section.role, section.last, values)
    if likelihood is None:
        likelihood = role_change(values, labels, confidence=data.options.confidence)
    latent = attempt(notes, "Latent change", partial(_fit_latent, data, name, side, waves[0], waves[-1]))
    if likelihood is None:
        notes.append(Note("changes.completers", _COMPLETERS))
    section = replace(section, latent=latent, notes=tuple(notes))
    if likelihood is None:
        return section
    margin = margin_of(data.options, found.width)
    tested = equivalent_estimate(
        likelihood.estimate, likelihood.se, likelihood.df, margin=margin, n_used=likelihood.n_used
    )
    if section.equivalence is not None:
        # What so many people could have shown does not depend on the way of estimating.
        tested = replace(
            tested,
            power=section.equivalence.power,
            n_needed=section.equivalence.n_needed,
            notes=section.equivalence.notes,
        )
    return replace(section, likelihood=likelihood, equivalence=tested)


def _fit_latent(data: ChangeData, name: str, side: int, first: int, last: int) -> LatentChange:
    """Latent change of the items where there are enough of both, otherwise of the scores with their known error."""
    found = data.scored[name]
    before, after = (data.series(name, side, wave)[0] for wave in (first, last))
    n = int((before.notna() & after.notna()).sum())
    if n >= ENOUGH and len(found.scale.keys) >= _ITEMS_OF_A_FACTOR:
        return latent_change(data.keyed(name, side, first), data.keyed(name, side, last), missing="fiml")
    return latent_change(before, after, reliability=find_reference(name, data.roles[side]), width=found.width)


def change_between(data: ChangeData, name: str, side: int, first: int, last: int) -> MeanChange:
    """The mean change of one role between two waves."""
    (before, before_exact), (after, after_exact) = (data.series(name, side, wave) for wave in (first, last))
    return mean_change(
        before,
        after,
        before_exact=before_exact,
        after_exact=after_exact,
        confidence=data.options.confidence,
        reference=find_reference(name, data.roles[side]),
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
