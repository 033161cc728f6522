"""Knowledge areas of a change report, role by role: behaviour, direct rating, then-test and goals side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.data import ChangeData, lay_out
from scoring.errors import Note
from scoring.gates import gate_for, minimum_for
from scoring.goals import GoalAttainment, goal_attainment
from scoring.reference import find_reference
from scoring.report.data import attempt
from scoring.scale_sets import ScaleKeys
from scoring.skill_sets import SkillKeys
from scoring.skills import SkillGain, skill_gain

_PARTS = N_("One of the three ratings is missing for fewer than %(minimum)d people, who are left out of all three: %(n)d.")  # fmt: skip
_APART = N_("Too few have all three ratings, and %(n)d lack one of them, so the then-test is not shown.")
_UNASKED = N_("%(role)s: rated at fewer than two waves, so nothing is said of: %(skills)s.")


@dataclass(frozen=True)
class SkillSection:
    """What is known of each knowledge area.

    Attributes
    ----------
    skills : mapping skill -> mapping role -> SkillGain
        Roles that rated the area at two waves.
    waves : mapping skill -> mapping role -> (str, str)
        The first and the last wave of the direct rating.
    notes : tuple of Note
    """

    skills: Mapping[str, Mapping[str, SkillGain]]
    waves: Mapping[str, Mapping[str, tuple[str, str]]]
    notes: tuple[Note, ...]


def analyse_skills(data: ChangeData) -> SkillSection | None:
    """Return every knowledge area that the options name, None where they name none."""
    if not data.options.skills:
        return None
    notes: list[Note] = []
    skills: dict[str, dict[str, SkillGain]] = {}
    waves: dict[str, dict[str, tuple[str, str]]] = {}
    unasked: dict[str, list[str]] = {}
    for skill in data.options.skills:
        for side, role in enumerate(data.roles):
            direct = _by_wave(data, skill.direct, side)
            if len(direct) < 2:
                unasked.setdefault(role, []).append(skill.name)
                continue
            first, last = min(direct), max(direct)
            gain = attempt(
                notes, f"Skill {skill.name}, {role}", partial(_gain, data, skill, side, direct, first, last)
            )
            if gain is not None:
                skills.setdefault(skill.name, {})[role] = gain
                waves.setdefault(skill.name, {})[role] = (data.waves[first], data.waves[last])
    for role, names in unasked.items():
        notes.append(Note("skills.unasked", _UNASKED, {"role": role, "skills": ", ".join(names)}))
    return SkillSection(skills, waves, tuple(notes))


def _gain(
    data: ChangeData, skill: SkillKeys, side: int, direct: Mapping[int, pd.Series], first: int, last: int
) -> SkillGain:
    """One area in one role."""
    role = data.roles[side]
    then = {} if skill.then is None else _by_wave(data, skill.then, side)
    behaviour = {} if skill.behaviour is None else _by_wave(data, skill.behaviour, side)
    before, after, seen = direct[first], direct[last], then.get(last)
    notes: list[Note] = []
    if seen is not None and not data.options.persons:
        before, after, seen = _leave_out_few(before, after, seen, notes)
    acted = (min(behaviour), max(behaviour)) if len(behaviour) > 1 else None
    gain = skill_gain(
        before,
        after,
        then=seen,
        behaviour_before=behaviour[acted[0]] if acted else None,
        behaviour_after=behaviour[acted[1]] if acted else None,
        goals=_goals(data, skill.goals, side),
        confidence=data.options.confidence,
        reference=find_reference(skill.name, role),
        width=skill.direct.maximum - skill.direct.minimum,
        behaviour_width=4.0 if skill.behaviour is None else skill.behaviour.maximum - skill.behaviour.minimum,
    )
    return replace(gain, notes=(*gain.notes, *notes))


def _leave_out_few(
    before: pd.Series, after: pd.Series, then: pd.Series, notes: list[Note]
) -> tuple[pd.Series, pd.Series, pd.Series | None]:
    """The three ratings without the few who lack one: then-change plus recalibration is the direct change, so theirs could be computed."""
    given = before.notna().astype(int) + after.notna() + then.notna()
    whole, n = given == 3, int((given == 2).sum())
    if not 0 < n < minimum_for("cell_mean"):
        return before, after, then
    params: dict[str, str | int | float] = {"n": n, "minimum": minimum_for("cell_mean")}
    rated = int((before.notna() & after.notna()).sum())
    if gate_for(int(whole.sum())).name == gate_for(rated).name:
        notes.append(Note("skills.parts", _PARTS, params))
        return before.where(whole), after.where(whole), then.where(whole)
    # Fewer people would close a gate for the direct change, which is the older question.
    notes.append(Note("skills.apart", _APART, params))
    return before, after, None


def _by_wave(data: ChangeData, keys: ScaleKeys, side: int) -> dict[int, pd.Series]:
    """Scores of a window by pair, at each wave at which anybody of the role has one; all pairs have a row."""
    used = (data.places["wave"] >= 0).to_numpy()
    shape = (len(data.pairs), 2, len(data.waves))
    scored = lay_out(data.table.frame[used], keys, data.scales, data.places[used], shape)
    return {wave: pd.Series(scored.values[:, side, wave], index=data.pairs) for wave in scored.waves_of(side)}


def _goals(data: ChangeData, keys: ScaleKeys | None, side: int) -> GoalAttainment | None:
    """The goals as rated last."""
    if keys is None:
        return None
    frame = data.table.frame[list(keys.keys)]
    for wave in reversed(range(len(data.waves))):
        rows = _rows(data, side, wave)
        rated = frame[rows]
        if rated.notna().to_numpy().any():
            pairs = data.pairs[data.places.loc[rows, "pair"].to_numpy()]
            return goal_attainment(rated.set_axis(pairs))
    return None


def _rows(data: ChangeData, side: int, wave: int) -> np.ndarray:
    """Which rows of the table are those of a role at a wave."""
    return ((data.places["side"] == side) & (data.places["wave"] == wave)).to_numpy()
