"""What a change report can be asked to do, and the options that cannot be."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from scoring.equivalence import Margin
from scoring.scale_sets import LISTED, Problem, ProblemsError, ScaleSet
from scoring.scorecard import MOST_OBJECTIVES, Objective
from scoring.skill_sets import SkillKeys

Assigned = Literal["named", "pairs", "cohorts"]

_SHOWN: Final = 10
_MOST_WEEKS: Final = 5_200
_LEAST_WEEKS: Final = 0.01


@dataclass(frozen=True)
class ChangeOptions:
    """What a change report was asked to do.

    Attributes
    ----------
    pair, role, wave : str
        Columns that say to which pair, which of the two sides and which occasion a row belongs.
    cohort, arm, person : str or None
        Columns of the pair's cohort, of the design that pair or cohort was given, and of the person who answered.
    order : tuple of str
        The waves in their order in time; waves that are not named are left out. Empty: numbers in their order, or an instrument's waves.
    roles : tuple of str
        The two roles; a gap is the first minus the second. Empty: mentor and mentee, otherwise the order of the alphabet.
    primary, secondary : tuple of str, or None
        Scales declared beforehand: the primary family is judged after Holm, the secondary after Benjamini and Hochberg. None takes PS
        and PW_V (otherwise the first scale) as primary, and all others as secondary.
    margin : float or None
        Smallest change of interest in points, declared before the last wave; None is .3 on a range of 1 to 5.
    assigned : "named", "pairs", "cohorts" or None
        What was put into arms; None means whole cohorts where there is an arm, otherwise that cohorts are simply cohorts.
    randomised : bool
        Whether lots decided.
    waiting : str or None
        The arm that waited, where pairs were put into a programme and a waiting group.
    anchors : tuple of str
        Items worded and placed alike in every wave.
    persons : bool
        Whether single persons and pairs are listed, for a researcher's eyes only.
    weeks : int or None
        Weeks between the first and the last wave.
    times : tuple of float
        When each wave of `order` (or of the data) took place, in weeks since the programme began; growing. Empty: waves are taken to
        lie equally far apart, and slopes are given for each of them.
    chosen : str or None
        Column that says who was chosen by the baseline (yes or no), so that their change is shown with the expected regression. None
        looks at those who started in the lower half.
    objectives : tuple of Objective
        What the programme set out to do, at most five, fixed before it began.
    skills : tuple of SkillKeys
        Knowledge areas with their windows.
    seed : int
        Start of the random numbers.
    confidence : float
        Coverage of intervals.
    """

    pair: str
    role: str
    wave: str
    cohort: str | None = None
    arm: str | None = None
    person: str | None = None
    order: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    primary: tuple[str, ...] | None = None
    secondary: tuple[str, ...] | None = None
    margin: float | None = None
    assigned: Assigned | None = None
    randomised: bool = False
    waiting: str | None = None
    anchors: tuple[str, ...] = ()
    persons: bool = False
    weeks: int | None = None
    times: tuple[float, ...] = ()
    chosen: str | None = None
    objectives: tuple[Objective, ...] = ()
    skills: tuple[SkillKeys, ...] = ()
    seed: int = 1
    confidence: float = 0.95

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns named, each once."""
        named = (self.pair, self.role, self.wave, self.cohort, self.arm, self.person, self.chosen)
        return tuple(dict.fromkeys(column for column in named if column is not None))


def margin_of(options: ChangeOptions, width: float) -> Margin:
    """The smallest change of interest: what the options declare, otherwise the product's own for the width of the range."""
    return Margin.for_width(width) if options.margin is None else Margin(options.margin)


def check_options(scales: ScaleSet, options: ChangeOptions) -> None:
    """Raise ProblemsError unless every option has a value it can have."""
    refuse(
        [
            *_find_columns(scales, options),
            *_find_names(scales, options),
            *_find_numbers(options),
            *_find_objectives(scales, options),
        ]
    )


def _find_columns(scales: ScaleSet, options: ChangeOptions) -> Iterator[Problem]:
    """Columns that are named twice, or that hold answers."""
    columns = [column for column in (options.pair, options.role, options.wave) if column]
    if len(set(columns)) < 3:
        message = "Pair, role and wave need a column each."
        yield Problem("changes.option", message, "Name three different columns.")
    answers = {*scales.items, *(item for skill in options.skills for item in skill.items)}
    clash = [column for column in options.columns if column in answers]
    if clash:
        message = f"Column {clash[0]} is an item of a scale and says who or when."
        yield Problem("changes.option", message, "Give the answers and the labels columns of their own.")


def _find_names(scales: ScaleSet, options: ChangeOptions) -> Iterator[Problem]:
    """Scales, items and designs that do not exist, and scales in two families."""
    for name, named, known in (
        ("primary", options.primary, scales.names),
        ("secondary", options.secondary, scales.names),
        ("anchors", options.anchors, tuple(scales.items)),
    ):
        unknown = [entry for entry in named or () if entry not in known]
        if unknown:
            message = f"{name} cannot be {unknown[0]}."
            yield Problem("changes.option", message, f"Use one of: {listed(known)}.")
    both = [name for name in options.primary or () if name in (options.secondary or ())]
    if both:
        message = f"Scale {both[0]} stands in the primary and in the secondary family."
        yield Problem("changes.option", message, "Put every scale into one family.")
    if options.assigned not in (None, "named", "pairs", "cohorts"):
        message = f"assigned cannot be {options.assigned}."
        yield Problem("changes.option", message, "Use pairs, cohorts or named.")
    skills = [skill.name for skill in options.skills]
    doubled = [name for name in skills if skills.count(name) > 1]
    if doubled:
        message = f"The skill {doubled[0]} stands twice."
        yield Problem("changes.option", message, "Give every skill a name of its own.")


def _find_numbers(options: ChangeOptions) -> Iterator[Problem]:
    """Numbers outside what they can be."""
    if not 0 < options.confidence < 1:
        message = f"confidence cannot be {options.confidence}."
        yield Problem("changes.option", message, "Give a number between 0 and 1, for example 0.95.")
    if options.weeks is not None and not options.weeks > 0:
        message = f"weeks cannot be {options.weeks}."
        remedy = "Give the weeks between the first and the last wave, 1 or more."
        yield Problem("changes.option", message, remedy)
    if options.margin is not None and not 0 < options.margin < math.inf:
        message = f"margin cannot be {options.margin}."
        yield Problem("changes.option", message, "Give a number of points above 0, for example 0.3.")
    if options.weeks is not None and options.times:
        message = "weeks and times are both given."
        yield Problem("changes.option", message, "Give the times alone: the weeks follow from them.")
    times = options.times
    # Weeks of another century, or seconds apart, are a slip, and slopes over them overflow.
    inside = all(abs(time) <= _MOST_WEEKS for time in times)
    if not inside or any(b - a < _LEAST_WEEKS for a, b in pairwise(times)):
        message = f"times cannot be {listed([f'{time:g}' for time in times])}."
        yield Problem(
            "changes.option", message, "Give the week of each wave, each later than the one before."
        )


def _find_objectives(scales: ScaleSet, options: ChangeOptions) -> Iterator[Problem]:
    """More objectives than a programme can have, two of one name, or scales that nobody was asked."""
    names = [objective.name for objective in options.objectives]
    if len(names) > MOST_OBJECTIVES or len(set(names)) < len(names):
        message = f"There are {len(names)} objectives, or two of the same name."
        remedy = f"Give at most {MOST_OBJECTIVES} objectives, each with a name of its own."
        yield Problem("changes.option", message, remedy)
    for objective in options.objectives:
        for scale in objective.scales:
            if scale not in scales.names:
                message = f"The objective {objective.name} names {scale}, which is no scale here."
                yield Problem("changes.option", message, f"Use one of: {listed(scales.names)}.")


def listed(labels: Sequence[Any] | pd.Series | pd.Index | np.ndarray) -> str:
    """The first labels, as they can stand in a sentence."""
    names = [str(label) for label in labels]
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def refuse(problems: Sequence[Problem]) -> None:
    """Raise every problem at once, the first twenty by name; nothing where there is none."""
    if problems:
        raise ProblemsError(problems[:LISTED], max(0, len(problems) - LISTED))
