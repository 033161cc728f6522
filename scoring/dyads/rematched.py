"""Pairs that were matched again: every analysis is made with the first pairs, as intended, and with the last ones, as treated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError

CROSS_CLASSIFIED_MINIMUM: Final = 40
_COLUMNS: Final = ("mentor", "mentee", "started", "ended")

_COUNT = N_(
    "%(n)d of %(total)d pairs are a new match for somebody whose earlier pair ended (%(mentors)d mentors, %(mentees)d mentees)."
)
_NONE = N_("None of the %(total)d pairs is a new match for somebody whose earlier pair ended.")
_BOTH = N_(
    "With fewer than %(minimum)d pairs the first pairs (as intended) and the last ones (as treated) are analysed apart."
)


@dataclass(frozen=True)
class BothWays:
    """One statistic computed twice.

    Attributes
    ----------
    intention_to_treat, as_treated : whatever the statistic returns
    n_rematched : int
        Pairs that are a new match; 0 makes the two the same.
    notes : tuple of Note
    """

    intention_to_treat: Any
    as_treated: Any
    n_rematched: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class RematchedPairs:
    """Which pairs count as intended, and which as treated.

    Attributes
    ----------
    intention_to_treat : Index
        Pairs that are nobody's second match: how it was planned.
    as_treated : Index
        Pairs that no later match has replaced: how it ended.
    n_pairs : int
    n_rematched : int
        Pairs that are a new match for at least one of the two.
    n_mentors, n_mentees : int
        People who were matched again.
    notes : tuple of Note
        Always with the number of new matches.
    """

    intention_to_treat: pd.Index
    as_treated: pd.Index
    n_pairs: int
    n_rematched: int
    n_mentors: int
    n_mentees: int
    notes: tuple[Note, ...]

    def compare(self, statistic: Callable[..., Any], *columns: pd.Series, **options: Any) -> BothWays:
        """Return a statistic of the pairs as intended and of the pairs as treated; columns carry the pairs' labels."""
        found = [
            statistic(*(column[column.index.isin(chosen)] for column in columns), **options)
            for chosen in (self.intention_to_treat, self.as_treated)
        ]
        return BothWays(found[0], found[1], self.n_rematched, self.notes)


def rematched_pairs(pairs: pd.DataFrame) -> RematchedPairs:
    """Find the pairs that are a new match for a person whose earlier pair ended.

    Parameters
    ----------
    pairs : DataFrame, one row per pair
        Index: the pairs' labels. Columns mentor, mentee (labels of people), started, ended: dates or numbers that can be compared;
        `ended` is missing for a pair that goes on.

    Returns
    -------
    RematchedPairs

    Notes
    -----
    A pair is a new match when one of its two people had an earlier pair in the same role that ended no later than this one started.
    Pairs of one mentor that run side by side are no new matches: see `one_with_many`. From 40 pairs on, both sets can be analysed
    together by `one_with_many(outcome, mentor, mentee=...)`.

    Raises
    ------
    ScoringError
        `rematched.column` for a missing column, `rematched.index` for a pair that stands twice, `rematched.people` for a pair without
        its people, `rematched.dates` for a pair without a start, or one that ended before it started.
    """
    _check(pairs)
    started, ended = pairs["started"], pairs["ended"]
    later, replaced = np.zeros(len(pairs), dtype=bool), np.zeros(len(pairs), dtype=bool)
    people = {}
    for role in ("mentor", "mentee"):
        again = 0
        for rows in pd.Series(np.arange(len(pairs))).groupby(pd.factorize(pairs[role])[0]).groups.values():
            if len(rows) < 2:
                continue
            places = np.asarray(rows)
            own_start, own_end = started.iloc[places], ended.iloc[places]
            # follows[i, j]: the pair j started when pair i had ended.
            follows = own_end.to_numpy()[:, None] <= own_start.to_numpy()[None, :]
            np.fill_diagonal(follows, False)
            later[places] |= follows.any(axis=0)
            replaced[places] |= follows.any(axis=1)
            again += int(follows.any())
        people[role] = again
    n, total = int(later.sum()), len(pairs)
    counts = {"n": n, "total": total, "mentors": people["mentor"], "mentees": people["mentee"]}
    notes = [
        Note("rematched.count", _COUNT, counts) if n else Note("rematched.none", _NONE, {"total": total})
    ]
    if n and total < CROSS_CLASSIFIED_MINIMUM:
        notes.append(Note("rematched.both", _BOTH, {"minimum": CROSS_CLASSIFIED_MINIMUM}))
    return RematchedPairs(
        pairs.index[~later],
        pairs.index[~replaced],
        total,
        n,
        people["mentor"],
        people["mentee"],
        tuple(notes),
    )


def _check(pairs: pd.DataFrame) -> None:
    """The table says who met whom, and when."""
    for column in _COLUMNS:
        if int((pairs.columns == column).sum()) != 1:
            raise ScoringError(
                "rematched.column",
                "Column %(column)s is missing or doubled.",
                "Give the columns %(wanted)s once each.",
                column=column,
                wanted=", ".join(_COLUMNS),
            )
    if pairs.index.has_duplicates:
        raise ScoringError(
            "rematched.index",
            "Pair %(pair)s stands in more than one row.",
            "Give every pair one row.",
            pair=str(pairs.index[pairs.index.duplicated()][0]),
        )
    empty = pairs[["mentor", "mentee"]].isna().any(axis=1).to_numpy()
    if empty.any():
        raise ScoringError(
            "rematched.people",
            "Pair %(pair)s lacks a mentor or a mentee.",
            "Name both people.",
            pair=str(pairs.index[empty][0]),
        )
    started, ended = pairs["started"], pairs["ended"]
    try:
        wrong = (started.isna() | (ended < started)).to_numpy()
    except TypeError as problem:
        raise ScoringError(
            "rematched.dates",
            "Starts and ends cannot be compared with one another.",
            "Pass dates, or numbers, in both columns.",
        ) from problem
    if wrong.any():
        raise ScoringError(
            "rematched.dates",
            "Pair %(pair)s has no start, or ended before it started.",
            "Give every pair the day it started; leave the end empty while it goes on.",
            pair=str(pairs.index[wrong][0]),
        )
