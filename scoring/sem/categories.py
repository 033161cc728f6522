"""The same categories everywhere: sparse ends and gaps of ordinal items are merged, and each merge is written down."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError

MINIMUM_COUNT: Final = 4
_MERGED: Final = N_(
    "Answers %(old)s to %(item)s were counted as %(new)s, which is used often enough everywhere."
)


def share_categories(
    tables: Sequence[pd.DataFrame], *, minimum: int = MINIMUM_COUNT
) -> tuple[list[pd.DataFrame], tuple[Note, ...]]:
    """Recode ordinal items so that each takes the same codes in every table.

    Parameters
    ----------
    tables : sequence of DataFrame
        One per group, wave or role, with the same columns in the same order; whole codes, NaN where missing.
    minimum : int
        How many answers an end category (with everything beyond it) needs in each table.

    Returns
    -------
    list of DataFrame, tuple of Note
        The recoded tables, and a note for every merge.

    Notes
    -----
    Ends first: codes below the smallest that leaves `minimum` answers at or below it in every table become that code, and likewise
    at the top. Then a code that some table never uses is merged with the next lower one.

    Raises
    ------
    ScoringError
        `sem.categories` when an item is left with one category somewhere.
    """
    recoded = [table.copy() for table in tables]
    notes: list[Note] = []
    for position, item in enumerate(tables[0].columns):
        columns = [table.iloc[:, position].to_numpy(dtype=np.float64) for table in tables]
        known = np.unique(np.concatenate([column[~np.isnan(column)] for column in columns]))
        mapping = _merge(columns, known, minimum)
        if len(set(mapping.values())) < 2:
            raise ScoringError(
                "sem.categories",
                "Item %(item)s is left with a single category that all groups or waves use.",
                "Leave the item out, or treat the items as continuous.",
                item=str(item),
            )
        notes += [
            Note("sem.merged", _MERGED, {"item": str(item), "old": float(old), "new": float(new)})
            for old, new in mapping.items()
            if old != new
        ]
        for table in recoded:
            table.isetitem(position, table.iloc[:, position].map(mapping, na_action="ignore"))
    return recoded, tuple(notes)


def _merge(columns: list[np.ndarray], known: np.ndarray, minimum: int) -> dict[float, float]:
    """Old code -> new code."""
    counts = np.array([[(column == code).sum() for code in known] for column in columns])
    if len(known) == 0:
        return {}
    below, above = counts.cumsum(axis=1), counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    low = _first(below.min(axis=0) >= minimum)
    high = len(known) - 1 - _first((above.min(axis=0) >= minimum)[::-1])
    if low >= high:
        return {float(code): float(known[low]) for code in known}
    clipped = np.clip(np.arange(len(known)), low, high)
    totals = np.zeros((len(columns), len(known)), dtype=np.int64)
    for number, place in enumerate(clipped):
        totals[:, place] += counts[:, number]
    target = np.arange(len(known))
    for place in range(low + 1, high + 1):
        if totals[:, place].min() == 0:
            target[place] = target[place - 1]
    if totals[:, low].min() == 0:
        target[low] = low
    return {float(code): float(known[target[clipped[number]]]) for number, code in enumerate(known)}


def _first(chosen: np.ndarray) -> int:
    """The first place that is chosen, or the last place of all."""
    return int(np.argmax(chosen)) if chosen.any() else len(chosen) - 1
