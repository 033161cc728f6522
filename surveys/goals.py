"""The goals of a pair (stream C): up to three, each with five written levels by which both see how far it came.

Both partners write and change them; whoever is overtaken by the other is told, and nothing that was typed is lost. Who wrote what is
not kept. How far a goal came each partner says in a questionnaire, and that is no part of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys.errors import PairError
from surveys.models import Goal, Invitation
from surveys.pair_rows import hold_pair, take_row
from surveys.written_text import clean_text

MOST_GOALS = 3
# What is reached by the end: from much less to much more than expected.
LEVELS = (-2, -1, 0, 1, 2)
BASELINES = (-1, -2)
WEIGHTS = (1, 2, 3)
LONGEST_TEXT = 500


@dataclass(frozen=True)
class GoalWords:
    """A goal as it is written; a level may be empty until the pair has found words for it."""

    text: str
    levels: tuple[str, ...]
    baseline: int = -1
    weight: int = 1


@dataclass(frozen=True)
class GoalView:
    """A goal as the pair sees it."""

    goal_id: str
    position: int
    version: int
    words: GoalWords


def list_goals(session: Session, pair_id: str) -> tuple[GoalView, ...]:
    """The goals of a pair in their order."""
    found = session.scalars(select(Goal).where(Goal.pair_id == pair_id).order_by(Goal.position))
    return tuple(_view(goal) for goal in found)


def read_words(given: Mapping[str, str]) -> GoalWords:
    """A goal as somebody typed it: `text`, `level-2` to `level2`, `baseline` and `weight`; raises PairError naming the field."""
    text = _read_text(given, "text")
    if not text:
        raise PairError("empty", field="text")
    return GoalWords(
        text,
        tuple(_read_text(given, f"level{level}") for level in LEVELS),
        _read_choice(given, "baseline", BASELINES),
        _read_choice(given, "weight", WEIGHTS),
    )


def add_goal(
    session: Session, invitation: Invitation, given: Mapping[str, str], *, form_key: str, now: datetime
) -> GoalView:
    """Add a goal in the first free place; the same form sent twice adds one. Raises PairError."""
    words = read_words(given)
    pair_id = hold_pair(session, invitation, now)
    goal_id = sha256(f"goal {pair_id} {form_key[:64]}".encode()).hexdigest()[:32]
    goals = list_goals(session, pair_id)
    for known in goals:
        if known.goal_id == goal_id:
            return known
    free = sorted(set(range(1, MOST_GOALS + 1)) - {known.position for known in goals})
    if not free:
        raise PairError("full", field="text")
    goal = Goal(id=goal_id, pair_id=pair_id, position=free[0], version=1)
    _put(goal, words)
    session.add(goal)
    session.flush()
    return _view(goal)


def change_goal(
    session: Session,
    invitation: Invitation,
    goal_id: str,
    given: Mapping[str, str],
    *,
    version: str,
    now: datetime,
) -> GoalView:
    """Change a goal that is still as the writer saw it; raises PairError."""
    words = read_words(given)
    goal = _take(session, invitation, goal_id, version, now)
    if words != _view(goal).words:
        _put(goal, words)
        goal.version += 1
        session.flush()
    return _view(goal)


def delete_goal(
    session: Session, invitation: Invitation, goal_id: str, *, version: str, now: datetime
) -> None:
    """Delete a goal that is still as it was seen; raises PairError. The other goals keep their places."""
    session.delete(_take(session, invitation, goal_id, version, now))
    session.flush()


def _take(session: Session, invitation: Invitation, goal_id: str, version: str, now: datetime) -> Goal:
    """A goal of the pair, if it is there and nobody has changed it since."""
    return take_row(session, Goal, invitation, goal_id, version=version, now=now, field="text")


def _put(goal: Goal, words: GoalWords) -> None:
    """Write the words into the row."""
    goal.text, goal.levels = words.text, list(words.levels)
    goal.baseline, goal.weight = words.baseline, words.weight


def _view(goal: Goal) -> GoalView:
    """A row as the pair sees it; an older one may have fewer levels."""
    levels = (*goal.levels, *[""] * len(LEVELS))[: len(LEVELS)]
    return GoalView(
        goal.id, goal.position, goal.version, GoalWords(goal.text, levels, goal.baseline, goal.weight)
    )


def _read_text(given: Mapping[str, str], field: str) -> str:
    """The words of a field as they are kept."""
    words = clean_text(given.get(field, ""))
    if len(words) > LONGEST_TEXT:
        raise PairError("long", field=field, length=len(words), longest=LONGEST_TEXT)
    return words


def _read_choice(given: Mapping[str, str], field: str, choices: tuple[int, ...]) -> int:
    """One of a few numbers; the first one where nothing was chosen."""
    typed = given.get(field, "")
    for choice in choices:
        if typed in {str(choice), ""}:
            return choice
    raise PairError("choice", field=field)
