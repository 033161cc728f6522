"""Skill gains through four windows: behaviour, direct rating, then-test and goals; side by side, never merged."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change import MeanChange, mean_change
from scoring.descriptives import MeanLevel, mean_level
from scoring.errors import Note, ScoringError
from scoring.gates import allowed
from scoring.goals import GoalAttainment
from scoring.reference import Reference

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
SkillVerdict = Literal["improved", "recalibrated", "not shown", "too few"]

# T at which goals are reached on average at the level that was expected.
EXPECTED_T: Final = 50.0
T_WIDTH: Final = 40.0


@dataclass(frozen=True)
class GoalSummary:
    """The goals of a cell.

    Attributes
    ----------
    t : MeanLevel
        Mean T with its interval; 50 when goals are reached on average at the expected level.
    share_reached : float or None
        Mean share of goals at the expected level or above, 0 to 1; None below five persons.
    t_baseline : float or None
        Mean T when the goals were set; None when that was not stored, and below five persons.
    """

    t: MeanLevel
    share_reached: float | None
    t_baseline: float | None


@dataclass(frozen=True)
class SkillGain:
    """What is known of one knowledge area in one cell; fields in the order in which they are shown.

    Attributes
    ----------
    behaviour : MeanChange or None
        Change of how often something was done; the strongest evidence.
    direct : MeanChange
        Rating after minus rating before: by the ruler of the start.
    then_change : MeanChange or None
        Rating after minus "where I was then, as I see it now": by the ruler of today.
    recalibration : MeanChange or None
        Then minus before; below 0 where people now think that they had rated themselves too high.
    goals : GoalSummary or None
    verdict : "improved", "recalibrated", "not shown", "too few" or None
        None below five persons.
    notes : tuple of Note
    """

    behaviour: MeanChange | None
    direct: MeanChange
    then_change: MeanChange | None
    recalibration: MeanChange | None
    goals: GoalSummary | None
    verdict: SkillVerdict | None
    notes: tuple[Note, ...]

    @property
    def merged(self) -> float:
        """Refuse one number for all windows: they answer different questions.

        Raises
        ------
        ScoringError
            `skills.merged`, always.
        """
        raise ScoringError(
            "skills.merged",
            "Behaviour, direct rating, then-test and goals are never merged into one number.",
            "Show behaviour, then the direct change and the then-change side by side, then the goals.",
        )


_NO_THEN = N_(
    "Without a then-test it cannot be told whether people came to use another ruler, so no improvement is claimed."
)
_BOTH = N_(
    "Both changes are shown: by the ruler of the start, and by the ruler of today. Neither is the truer one."
)
_RECALIBRATED = N_(
    "People use another ruler now. Whether they also gained cannot be told: a then-test and self-rated goals can both flatter, and neither "
    "behaviour nor the direct change shows a gain."
)
_OVERRATED = N_(
    "People now place their start lower than they did then: either they use another ruler now, or they flatter what they gained; which of "
    "the two cannot be told."
)
_UNDERRATED = N_("People now place their start higher than they did then.")


def skill_gain(
    before: pd.Series,
    after: pd.Series,
    *,
    then: pd.Series | None = None,
    behaviour_before: pd.Series | None = None,
    behaviour_after: pd.Series | None = None,
    goals: GoalAttainment | None = None,
    confidence: float = 0.95,
    reference: Reference | None = None,
    width: float = 4.0,
    behaviour_width: float = 4.0,
) -> SkillGain:
    """Look at one knowledge area in one cell through four windows.

    Parameters
    ----------
    before, after : Series of float
        Direct ratings at baseline and at the end, in points, paired by index (person).
    then : Series of float, optional
        At the end, on a page of its own: where the person was at the start, as they see it now.
    behaviour_before, behaviour_after : Series of float, optional
        How often something was done; both or none.
    goals : GoalAttainment, optional
        The goals of the same persons.
    confidence : float, default .95
        Coverage of the intervals on which the verdict rests.
    reference : Reference, optional
        Source of the spread for cells of 5 to 9.
    width, behaviour_width : float, default 4
        Width of the ranges of ratings and of behaviour in points.

    Returns
    -------
    SkillGain

    Notes
    -----
    Missing data: each window uses the persons who have both of its values, and counts the others.

    The verdict is that of `skill_verdict`; the windows are `mean_change`, whose gates apply to each.

    References
    ----------
    Howard, G. S. (1980). Response-shift bias: A problem in evaluating interventions with pre/post self-reports. Evaluation Review, 4,
    93-106. https://doi.org/10.1177/0193841X8000400105

    Raises
    ------
    ScoringError
        `skills.then_alone` for a then-test without any rating at baseline, `skills.behaviour` for behaviour at one wave only, and those
        of `mean_change`.
    """
    if then is not None and not before.notna().any():
        raise ScoringError(
            "skills.then_alone",
            "A then-test is never shown alone, and there is no rating at baseline.",
            "Leave the then-test out, or pass the ratings that were given at the start.",
        )
    if (behaviour_before is None) != (behaviour_after is None):
        raise ScoringError(
            "skills.behaviour",
            "Behaviour was given at one wave only.",
            "Pass behaviour at both waves, or leave it out.",
        )
    options: dict[str, Any] = {"confidence": confidence, "reference": reference, "width": width}
    direct = mean_change(before, after, **options)
    then_change = recalibration = None
    if then is not None:
        then_change = mean_change(then, after, **options)
        recalibration = mean_change(before, then, **options)
    behaviour = None
    if behaviour_before is not None and behaviour_after is not None:
        # The reference spread is that of ratings, so a small cell gets no interval for its behaviour.
        behaviour = mean_change(
            behaviour_before, behaviour_after, confidence=confidence, width=behaviour_width
        )
    summary = None if goals is None else _summarize_goals(goals, confidence)
    verdict = _judge(behaviour, direct, then_change, summary)
    notes = _remarks(then_change, recalibration)
    if verdict == "recalibrated":
        notes = (*notes, Note("skills.recalibrated", _RECALIBRATED))
    return SkillGain(
        behaviour=behaviour,
        direct=direct,
        then_change=then_change,
        recalibration=recalibration,
        goals=summary,
        verdict=verdict,
        notes=notes,
    )


def skill_verdict(
    *,
    behaviour: tuple[float, float] | None,
    direct: tuple[float, float],
    direct_mean: float,
    then_change: tuple[float, float] | None,
    then_mean: float | None,
    goals: float | None,
) -> Literal["improved", "recalibrated", "not shown"]:
    """Put a knowledge area into one of three words (measurement plan, section 3.6).

    Parameters
    ----------
    behaviour, direct, then_change : (low, high) or None
        Intervals of the changes; None where a window is missing.
    direct_mean, then_mean : float or None
        Mean direct change and then-change.
    goals : float or None
        Mean T of the goals.

    Returns
    -------
    "improved", "recalibrated" or "not shown"
        "improved" when the interval of behaviour or of the direct change lies above 0 and the then-change is above 0 too; without a
        then-test never. "recalibrated" when the direct change is 0 or below, but the interval of the then-change lies above 0 and
        goals were reached on average at the expected level or better (T of 50 or more). Everything else is "not shown".
    """
    shown = direct[0] > 0 or (behaviour is not None and behaviour[0] > 0)
    if shown and then_mean is not None and then_mean > 0:
        return "improved"
    raised = then_change is not None and then_change[0] > 0
    if direct_mean <= 0 and raised and goals is not None and goals >= EXPECTED_T:
        return "recalibrated"
    return "not shown"


def _judge(
    behaviour: MeanChange | None,
    direct: MeanChange,
    then_change: MeanChange | None,
    goals: GoalSummary | None,
) -> SkillVerdict | None:
    """The word for a cell, as far as its size allows one."""
    if not allowed(direct.n_used, "cell_mean"):
        return None
    if not allowed(direct.n_used, "mean_change"):
        return "too few"
    opened = then_change is not None and allowed(then_change.n_used, "mean_change")
    return skill_verdict(
        behaviour=_interval(behaviour) if behaviour is not None else None,
        direct=_interval(direct),
        direct_mean=direct.mean or 0.0,
        then_change=_interval(then_change) if opened and then_change is not None else None,
        then_mean=then_change.mean if opened and then_change is not None else None,
        goals=None if goals is None else goals.t.mean,
    )


def _interval(change: MeanChange) -> tuple[float, float]:
    """The t interval of a change; one that holds 0 where there is none."""
    if change.interval_kind != "t" or change.low is None or change.high is None:
        return -np.inf, np.inf
    return change.low, change.high


def _summarize_goals(goals: GoalAttainment, confidence: float) -> GoalSummary:
    """Mean T, share and baseline of a cell."""
    scores = goals.scores
    level = mean_level(scores["t"], width=T_WIDTH, confidence=confidence)
    if level.mean is None:
        return GoalSummary(level, None, None)
    rated = scores.loc[scores["n_goals"] > 0]
    start = rated["t_baseline"]
    known = bool(start.notna().all())
    return GoalSummary(level, float(rated["share_reached"].mean()), float(start.mean()) if known else None)


def _remarks(then_change: MeanChange | None, recalibration: MeanChange | None) -> tuple[Note, ...]:
    """What has to be said beside the windows."""
    if then_change is None or recalibration is None:
        return (Note("skills.no_then", _NO_THEN),)
    notes = [Note("skills.both", _BOTH)]
    low, high = _interval(recalibration)
    if high < 0:
        notes.append(Note("skills.overrated", _OVERRATED))
    if low > 0:
        notes.append(Note("skills.underrated", _UNDERRATED))
    return tuple(notes)
