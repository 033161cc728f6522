"""Each scale of a change report: both roles, common change and gap of the pairs, the model of role and wave, resemblance of partners."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.data import ChangeData
from scoring.change_report.pairs import ResemblanceSection, compare_partners
from scoring.change_report.roles import RoleSection, analyse_role, weigh_role
from scoring.errors import Note
from scoring.gates import allowed, gate_for, minimum_for
from scoring.group_change import GroupChange, group_change
from scoring.pair_change import PairChange, pair_change
from scoring.pair_scores import PairScores
from scoring.reference import find_reference
from scoring.report.data import attempt

_MIRRORED = N_("The two roles answered different words on this scale, so their scores are never averaged or subtracted.")  # fmt: skip
_NO_MODEL = N_("Below %(minimum)d pairs complete at every wave there is no model of both roles together; each role stands by itself.")  # fmt: skip
_APART = N_("The two roles share fewer than two waves on this scale, so nothing is said about pairs.")


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
        For the picture of their distribution, in which single pairs can be seen: empty unless persons were asked for.
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
    roles = {role: analyse_role(data, name, side) for side, role in enumerate(data.roles)}
    pairs = _analyse_pairs(data, name)
    model = resemblance = None
    scores = data.pair_scores(name)
    if scores is not None and allowed(int(scores.complete().sum()), "mixed_model"):
        model = attempt(notes, "Mixed model", partial(_fit_model, data, name, scores))
    elif scores is not None:
        notes.append(Note("changes.no_model", _NO_MODEL, {"minimum": minimum_for("mixed_model")}))
    # Words rest on the mixed model, so it comes first; where roles are never compared it still holds what concerns each by itself.
    roles = {role: weigh_role(data, name, side, roles[role], model) for side, role in enumerate(data.roles)}
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
    if not data.options.persons:
        return replace(section, change=replace(change, pairs=change.pairs.iloc[:0]))
    return replace(section, change=change, changes=change.pairs[["common", "gap"]])


def _change_of_pairs(data: ChangeData, name: str, scores: PairScores) -> PairChange:
    """Both contrasts of the pairs with the errors of single ones."""
    return pair_change(
        scores,
        reliabilities={role: find_reference(name, role) for role in data.roles},
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
