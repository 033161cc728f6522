"""Scores of one scale laid out by pair, role and wave, as every analysis of change in pairs reads them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import ROLES, WAVES, read_numbers
from scoring.scales import IntegerScores

Array = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
_LARGEST: Final = 2**40

_SINGLE = N_(
    "%(n)d pairs have scores of one partner only; they count in mixed models, not in contrasts of pairs."
)
_REMATCHED = N_(
    "%(n)d pairs changed a partner between waves and are left out: their scores are not those of one pair."
)
_SHARED = N_(
    "%(n)d people belong to more than one pair, so the pairs are not independent and intervals are somewhat too narrow."
)
_LOST_WAVE = N_("Wave %(wave)s is left out: one of the roles has no scores there.")


@dataclass(frozen=True)
class PairScores:
    """Scores of one scale.

    Attributes
    ----------
    values : ndarray (pairs, 2, waves)
        In points; NaN where missing.
    exact : ndarray of int (pairs, 2, waves) or None
        The same scores times `multiplier`, 0 where missing; None when no exact scores were given.
    multiplier : int
    pairs : Index
        Labels of the pairs.
    roles : (str, str)
        The gap of a pair is the first role's score minus the second's.
    waves : tuple
        In their order in time; the first is the baseline.
    n_used, n_dropped : int
        Rows with a score that are laid out here; rows without a score, and rows that a note speaks of.
    notes : tuple of Note
    """

    values: Array = field(repr=False)
    exact: IntArray | None = field(repr=False)
    multiplier: int
    pairs: pd.Index = field(repr=False)
    roles: tuple[str, str]
    waves: tuple[Hashable, ...]
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]

    def place(self, wave: Hashable) -> int:
        """Return the place of a wave; raises ScoringError `pairs.wave` for an unknown one."""
        if wave not in self.waves:
            raise ScoringError(
                "pairs.wave",
                "There are no scores of both roles at wave “%(wave)s”.",
                "Use one of: %(known)s.",
                wave=str(wave),
                known=", ".join(str(w) for w in self.waves),
            )
        return self.waves.index(wave)

    def complete(self, waves: Sequence[Hashable] | None = None) -> np.ndarray:
        """Return which pairs have scores of both partners at the waves named, or at all."""
        places = range(len(self.waves)) if waves is None else [self.place(wave) for wave in waves]
        missing = np.isnan(self.values[:, :, list(places)])
        return np.asarray(~missing.any(axis=(1, 2)))


def read_pair_scores(
    scores: pd.Series,
    pair: pd.Series,
    role: pd.Series,
    wave: pd.Series,
    *,
    person: pd.Series | None = None,
    exact: IntegerScores | None = None,
    roles: tuple[str, str] = ROLES,
    waves: Sequence[Hashable] | None = None,
) -> PairScores:
    """Lay out scores by pair, role and wave.

    Parameters
    ----------
    scores : Series of float, rows
        One score for each person and wave, in points; NaN where missing.
    pair, role, wave : Series, rows
        Whose score it is and when; same index as the scores.
    person : Series, optional
        Whose answer it is, to find pairs that changed a partner and people in several pairs.
    exact : IntegerScores, optional
        The same scores as whole numbers, for sign-flip tests.
    roles : (str, str), default ("mentor", "mentee")
        The two roles.
    waves : sequence, optional
        The waves in their order in time, all others left out. By default numbers in their order, or the plan's waves in theirs.

    Returns
    -------
    PairScores

    Notes
    -----
    Rows without a score are dropped and counted. Pairs that changed a partner are left out with a note. A wave at which one of the
    roles has no score at all is left out with a note.

    Raises
    ------
    ScoringError
        `pairs.index` for columns of different rows, `pairs.number` for scores that are no finite numbers, `pairs.label` for a row
        without its pair, role or wave, `pairs.role`, `pairs.duplicate` for two scores of one role of a pair at one wave,
        `pairs.order` for waves whose order is not known, `pairs.exact` for exact scores that miss a score.
    """
    columns = {"pair": pair, "role": role, "wave": wave}
    if person is not None:
        columns["person"] = person
    present = _check_columns(scores, columns)
    labels = {name: column[present] for name, column in columns.items()}
    order = _order_waves(labels["wave"], waves)
    inside = labels["wave"].isin(order).to_numpy()
    labels = {name: column[inside] for name, column in labels.items()}
    rows = np.flatnonzero(present)[inside]
    moved, notes = _find_moved(labels)
    rows, labels = rows[~moved], {name: column[~moved] for name, column in labels.items()}
    role_code = pd.Index(roles).get_indexer(pd.Index(labels["role"]))
    if (role_code < 0).any():
        raise ScoringError(
            "pairs.role",
            "“%(role)s” is not one of the two roles.",
            "Name the roles, first minus second being the gap: %(known)s are known.",
            role=str(labels["role"].to_numpy()[role_code < 0][0]),
            known=", ".join(roles),
        )
    pair_code, pairs = pd.factorize(labels["pair"])
    wave_code = pd.Index(order).get_indexer(pd.Index(labels["wave"]))
    _check_single(pair_code, role_code, wave_code, labels)
    shape = (len(pairs), 2, len(order))
    values = np.full(shape, np.nan)
    values[pair_code, role_code, wave_code] = read_numbers(scores)[0][rows]
    whole = _lay_out_exact(exact, scores.index, rows, shape, (pair_code, role_code, wave_code))
    there = ~np.isnan(values).all(axis=0).any(axis=0)
    notes += [
        Note("pairs.lost_wave", _LOST_WAVE, {"wave": str(w)})
        for w, kept in zip(order, there, strict=True)
        if not kept
    ]
    values = values[:, :, there]
    alone = int(np.isnan(values).all(axis=2).any(axis=1).sum())
    if alone:
        notes.append(Note("pairs.single", _SINGLE, {"n": alone}))
    n_used = int((~np.isnan(values)).sum())
    return PairScores(
        values=values,
        exact=None if whole is None else whole[:, :, there],
        multiplier=1 if exact is None else exact.multiplier,
        pairs=pd.Index(pairs),
        roles=roles,
        waves=tuple(w for w, kept in zip(order, there, strict=True) if kept),
        n_used=n_used,
        n_dropped=len(scores) - n_used,
        notes=tuple(notes),
    )


def _check_columns(scores: pd.Series, columns: dict[str, pd.Series]) -> np.ndarray:
    """Which rows have a score; every one of them says whose and when."""
    if any(not column.index.equals(scores.index) for column in columns.values()):
        raise ScoringError(
            "pairs.index",
            "The columns do not speak of the same rows.",
            "Pass columns of one table.",
        )
    numbers, wrong = read_numbers(scores)
    if (wrong | np.isinf(numbers)).any():
        raise ScoringError(
            "pairs.number",
            "A score is not a finite number.",
            "Pass scores as numbers; leave missing ones empty (NaN).",
        )
    present: np.ndarray = ~np.isnan(numbers)
    for name, column in columns.items():
        empty = column.isna().to_numpy() & present
        if empty.any():
            raise ScoringError(
                "pairs.label",
                "Row %(row)s has a score and no %(column)s.",
                "Every score says whose it is: pair, role, wave (and person, where given).",
                row=str(scores.index[empty][0]),
                column=name,
            )
    return present


def _order_waves(wave: pd.Series, waves: Sequence[Hashable] | None) -> list[Hashable]:
    """The waves in their order in time."""
    found = list(pd.unique(wave))
    if waves is not None:
        order = list(waves)
        if len(set(order)) != len(order) or not order:
            raise _refuse_order(found)
        return order
    if all(isinstance(w, int | float | np.number) and not isinstance(w, bool) for w in found):
        return sorted(found)
    if set(found) <= set(WAVES):
        return [w for w in WAVES if w in found]
    raise _refuse_order(found)


def _refuse_order(found: Sequence[Hashable]) -> ScoringError:
    """The error for waves whose order cannot be told."""
    return ScoringError(
        "pairs.order",
        "The order of the waves is not known: %(found)s.",
        "Name every wave once, in their order in time.",
        found=", ".join(str(w) for w in found[:10]),
    )


def _find_moved(labels: dict[str, pd.Series]) -> tuple[np.ndarray, list[Note]]:
    """The rows of pairs that changed a partner, and remarks on people."""
    nobody = np.zeros(len(labels["pair"]), dtype=bool)
    if "person" not in labels:
        return nobody, []
    pair = pd.factorize(labels["pair"])[0]
    seat = pd.factorize(pair * 2 + (pd.factorize(labels["role"])[0] > 0))[0]
    person = pd.factorize(labels["person"])[0]
    seats = pd.DataFrame({"seat": seat, "person": person, "pair": pair}).drop_duplicates()
    changed = seats.loc[seats["seat"].duplicated(keep=False), "pair"].unique()
    moved: np.ndarray = np.isin(pair, changed)
    notes = [Note("pairs.rematched", _REMATCHED, {"n": len(changed)})] if len(changed) else []
    kept = seats[~seats["pair"].isin(changed)]
    shared = int((kept.groupby("person")["pair"].nunique() > 1).sum())
    if shared:
        notes.append(Note("pairs.shared", _SHARED, {"n": shared}))
    return moved, notes


def _check_single(pair: IntArray, role: IntArray, wave: IntArray, labels: dict[str, pd.Series]) -> None:
    """One score for each role of a pair at a wave."""
    cell = (pair * 2 + role) * (int(wave.max(initial=0)) + 1) + wave
    doubled = pd.Series(cell).duplicated().to_numpy()
    if doubled.any():
        first = int(np.flatnonzero(doubled)[0])
        raise ScoringError(
            "pairs.duplicate",
            "Pair %(pair)s has more than one score for the role %(role)s at wave %(wave)s.",
            "Keep one score for each role of a pair and wave; for several mentees of one mentor, give each its own pair.",
            pair=str(labels["pair"].iloc[first]),
            role=str(labels["role"].iloc[first]),
            wave=str(labels["wave"].iloc[first]),
        )


def _lay_out_exact(
    exact: IntegerScores | None,
    index: pd.Index,
    rows: np.ndarray,
    shape: tuple[int, ...],
    places: tuple[IntArray, IntArray, IntArray],
) -> IntArray | None:
    """The exact scores in the same places."""
    if exact is None:
        return None
    refusal = ScoringError(
        "pairs.exact",
        "Exact scores do not cover every score, or are too large.",
        "Pass the exact scores of the same rows, as score_scale gives them.",
    )
    if not exact.values.index.equals(index):
        raise refusal
    chosen = exact.values.iloc[rows]
    if chosen.isna().any():
        raise refusal
    whole = np.zeros(shape, dtype=np.int64)
    whole[places] = chosen.to_numpy(dtype=np.int64)
    if len(rows) and int(np.abs(whole).max()) > _LARGEST:
        raise refusal
    return whole
