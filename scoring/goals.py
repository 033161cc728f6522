"""Goal attainment scaling: how far goals that a pair set for itself were reached, as T and as a plain share."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

RHO: Final = 0.30
LEVELS: Final = (-2.0, -1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class GoalAttainment:
    """The goals of each person (or pair).

    Attributes
    ----------
    scores : DataFrame
        Index of the ratings; columns `n_goals` (rated), `t` (mean 50, standard deviation 10 under the model; NaN without a rated
        goal), `share_reached` (0 to 1: goals at the expected level or above) and `t_baseline` (where the goals stood when they were
        set; NaN when that was not given). Never for ranking people or pairs: T depends on how ambitious goals are.
    rho : float
        Correlation between goals that T takes for granted.
    n_used, n_dropped : int
        Rows with and without a rated goal.
    notes : tuple of Note
    """

    scores: pd.DataFrame
    rho: float
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]


_UNRATED = N_("%(n)d rows have no rated goal and no T.")
_MEANING = N_(
    "T takes for granted that the levels of a goal have mean 0 and standard deviation 1, so it depends on how ambitious the goals are; "
    "people and pairs are never ranked by it."
)


def goal_attainment(
    ratings: pd.DataFrame,
    *,
    weights: pd.DataFrame | None = None,
    baseline: pd.DataFrame | None = None,
    rho: float = RHO,
) -> GoalAttainment:
    """Score goals that were rated on their five written levels.

    Parameters
    ----------
    ratings : DataFrame, persons (or pairs) x goals
        -2, -1, 0 (expected), 1 or 2; NaN where a person has fewer goals or did not rate one. Mentor and mentee rate independently, so
        each gets rows of their own.
    weights : DataFrame, same shape and labels, optional
        Importance of each goal, above 0; by default equal.
    baseline : DataFrame, same shape and labels, optional
        Level of each goal when it was set: -1, or -2 where no worse is possible.
    rho : float, default .30
        Correlation between goals, 0 to below 1.

    Returns
    -------
    GoalAttainment

    Notes
    -----
    Missing data: T and share rest on the goals that were rated; `t_baseline` on the same goals, where all of them have a baseline.

    `T = 50 + 10 sum(w x) / sqrt((1 - rho) sum(w^2) + rho (sum w)^2)`. Compared with the formula in R; no package is needed.

    References
    ----------
    Kiresuk, T. J., & Sherman, R. E. (1968). Goal attainment scaling: A general method for evaluating comprehensive community mental
    health programs. Community Mental Health Journal, 4, 443-453. https://doi.org/10.1007/BF01530764

    Raises
    ------
    ScoringError
        `goals.level` for a rating off the five levels, `goals.weight`, `goals.labels` for tables of different labels or doubled ones,
        `goals.rho`.
    """
    if not 0 <= rho < 1:
        raise ScoringError(
            "goals.rho",
            "%(rho)s cannot be the correlation between goals.",
            "Pass a number from 0 to below 1; 0.30 is usual.",
            rho=rho,
        )
    x = _read_levels(ratings, "ratings")
    rated = ~np.isnan(x)
    w = np.ones_like(x) if weights is None else _read_weights(_align(weights, ratings, "weights"), rated)
    w = np.where(rated, w, 0.0)
    n_goals = rated.sum(axis=1)
    t = _t_score(np.where(rated, x, 0.0), w, rho)
    start = np.full(len(x), math.nan)
    if baseline is not None:
        levels = _read_levels(_align(baseline, ratings, "baseline"), "baseline")
        # A rated goal without a baseline leaves NaN in the sum, so the whole row has none.
        start = _t_score(np.where(rated, levels, 0.0), w, rho)
    with np.errstate(invalid="ignore"):
        share = np.where(n_goals > 0, (x >= 0).sum(axis=1) / np.maximum(n_goals, 1), math.nan)
    scores = pd.DataFrame(
        {"n_goals": n_goals, "t": t, "share_reached": share, "t_baseline": start}, index=ratings.index
    )
    n_used = int((n_goals > 0).sum())
    notes = [Note("goals.meaning", _MEANING)]
    if n_used < len(x):
        notes.append(Note("goals.unrated", _UNRATED, {"n": len(x) - n_used}))
    return GoalAttainment(scores, rho, n_used, len(x) - n_used, tuple(notes))


def _t_score(x: FloatArray, w: FloatArray, rho: float) -> FloatArray:
    """T of each row; NaN without a weight."""
    total = w.sum(axis=1)
    spread = np.sqrt((1.0 - rho) * (w**2).sum(axis=1) + rho * total**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 50.0 + 10.0 * (w * x).sum(axis=1) / spread, math.nan)


def _align(table: pd.DataFrame, ratings: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table in the order of the ratings."""
    doubled = table.index.has_duplicates or table.columns.has_duplicates
    if doubled or set(table.index) != set(ratings.index) or set(table.columns) != set(ratings.columns):
        raise _refuse_labels(name)
    return table.loc[ratings.index, ratings.columns]


def _refuse_labels(name: str) -> ScoringError:
    """The error for tables that do not belong together."""
    return ScoringError(
        "goals.labels",
        "The rows or columns of “%(name)s” stand twice or are not those of the ratings.",
        "Give every row and goal one label, the same in all tables.",
        name=name,
    )


def _read_levels(table: pd.DataFrame, name: str) -> FloatArray:
    """Levels as float64, NaN where missing."""
    if table.index.has_duplicates or table.columns.has_duplicates:
        raise _refuse_labels(name)
    columns = []
    for goal in table.columns:
        values, wrong = read_numbers(table[goal])
        if wrong.any() or not np.isin(values[~np.isnan(values)], LEVELS).all():
            raise ScoringError(
                "goals.level",
                "Goal %(goal)s in “%(name)s” has a rating that is none of the five levels.",
                "Use -2, -1, 0, 1 and 2, and leave a goal without rating empty (NaN).",
                goal=str(goal),
                name=name,
            )
        columns.append(values)
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def _read_weights(table: pd.DataFrame, rated: np.ndarray[Any, np.dtype[np.bool_]]) -> FloatArray:
    """Weights as float64: above 0 for each goal that was rated."""
    columns = []
    for place, goal in enumerate(table.columns):
        values, wrong = read_numbers(table[goal])
        used = values[rated[:, place]]
        if wrong.any() or not (np.isfinite(used).all() and (used > 0).all()):
            raise ScoringError(
                "goals.weight",
                "Goal %(goal)s has a weight that is no number above 0.",
                "Weigh every rated goal, or leave weights out to weigh all alike.",
                goal=str(goal),
            )
        columns.append(values)
    return np.column_stack(columns) if columns else np.empty((len(table), 0))
