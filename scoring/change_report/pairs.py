"""How the two partners of a pair go together: correlation of levels and of changes, influence over time, agreement in points."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from scoring.change_report.data import ChangeData
from scoring.dyads.actor_partner import ActorPartner, actor_partner_model
from scoring.dyads.discrepancy import PairDiscrepancy, pair_discrepancy
from scoring.dyads.one_with_many import OneWithMany, one_with_many
from scoring.dyads.resemblance import DyadicCorrelation, dyadic_correlation
from scoring.errors import Note
from scoring.gates import allowed
from scoring.reference import find_reference
from scoring.report.data import attempt


@dataclass(frozen=True)
class ResemblanceSection:
    """Partners beside each other; where a result says mentor and mentee, the report's first and second role are meant.

    Attributes
    ----------
    levels : mapping wave -> DyadicCorrelation
        Of the two partners' scores at a wave, from 10 pairs on.
    change : DyadicCorrelation or None
        Of the two partners' changes from the first wave to the last.
    influence : ActorPartner or None
        From the first wave to the last, from 20 pairs on.
    several : mapping role -> OneWithMany
        Where a person column shows people of this role in several pairs, with 10 of them or more: the partner's change, people of this
        role (there called mentors) as units beside pairs.
    agreement : mapping wave -> PairDiscrepancy
        First role minus second with limits of agreement, from 10 pairs on, at the first and the last wave; empty for scales with
        different words.
    notes : tuple of Note
    """

    levels: Mapping[str, DyadicCorrelation]
    change: DyadicCorrelation | None
    influence: ActorPartner | None
    several: Mapping[str, OneWithMany]
    agreement: Mapping[str, PairDiscrepancy]
    notes: tuple[Note, ...]


def compare_partners(data: ChangeData, name: str) -> ResemblanceSection | None:
    """Return how alike partners are on a scale; None where the roles share fewer than two waves."""
    found = data.scored[name]
    waves = found.waves_of_both()
    if len(waves) < 2:
        return None
    notes: list[Note] = []
    first, last = waves[0], waves[-1]
    confidence = data.options.confidence
    sides = {wave: [data.series(name, side, wave)[0] for side in (0, 1)] for wave in waves}
    levels, agreement = {}, {}
    for wave in waves:
        label = data.waves[wave]
        if not allowed(_n_both(sides[wave]), "dyadic_correlation"):
            continue
        levels[label] = attempt(
            notes,
            f"Correlation at {label}",
            partial(dyadic_correlation, *sides[wave], confidence=confidence),
        )
        if wave in (first, last) and found.scale.same_wording:
            agreement[label] = attempt(
                notes,
                f"Agreement at {label}",
                partial(_agree, data, name, sides[wave]),
            )
    moved = [sides[last][side] - sides[first][side] for side in (0, 1)]
    n_complete = _n_both(moved)
    change = influence = None
    if allowed(n_complete, "dyadic_correlation"):
        change = attempt(
            notes, "Correlation of changes", partial(dyadic_correlation, *moved, confidence=confidence)
        )
    if allowed(n_complete, "apim_estimates"):
        influence = attempt(
            notes,
            "Influence of partners",
            partial(actor_partner_model, *sides[first], *sides[last], confidence=confidence),
        )
    return ResemblanceSection(
        levels={wave: part for wave, part in levels.items() if part is not None},
        change=change,
        influence=influence,
        several=_divide_several(data, moved, notes),
        agreement={wave: part for wave, part in agreement.items() if part is not None},
        notes=tuple(notes),
    )


def _divide_several(data: ChangeData, moved: list[pd.Series], notes: list[Note]) -> dict[str, OneWithMany]:
    """The changes of the partners of those who are in several pairs, divided into what is theirs and what is the pair's."""
    found: dict[str, OneWithMany] = {}
    if data.people is None:
        return found
    for side, role in enumerate(data.roles):
        people, change = data.people[role], moved[1 - side]
        own = people[change.notna().to_numpy()].dropna()
        if not own.duplicated().any() or not allowed(own.nunique(), "mean_change"):
            continue
        part = attempt(notes, f"Several pairs of one {role}", partial(one_with_many, change, people))
        if part is not None:
            found[role] = part
    return found


def _n_both(sides: list[pd.Series]) -> int:
    """Pairs in which both have a value."""
    return int((~np.isnan(sides[0].to_numpy()) & ~np.isnan(sides[1].to_numpy())).sum())


def _agree(data: ChangeData, name: str, sides: list[pd.Series]) -> PairDiscrepancy:
    """The gap of each pair at one wave, and its limits."""
    first, second = (find_reference(name, role) for role in data.roles)
    found = pair_discrepancy(
        *sides,
        wording="same",
        reference_mentor=first,
        reference_mentee=second,
        width=data.scored[name].width,
        confidence=data.options.confidence,
    )
    # From the gap of a pair either partner can work out the other's score.
    return found if data.options.persons else replace(found, pairs=found.pairs.iloc[:0])
