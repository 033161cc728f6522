"""Item by item between two waves, for samples too small for invariance: do anchors and other items move alike?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers

APART: Final = 0.3
_APART: Final = N_(
    "Anchor items moved by %(anchors).2f points and the others by %(others).2f: they may not mean the same at both times."
)
_NONE: Final = N_("Nobody answered %(item)s at both times.")
_ALL: Final = N_("All items are anchors, or none is, so there is nothing to hold them against.")


@dataclass(frozen=True)
class ItemChange:
    """How one item moved.

    Attributes
    ----------
    item : str
    anchor : bool
    n_used : int
        People who answered it at both times.
    first, last, change : float or None
        Means of these people and their difference, in points; None when nobody did, with a note.
    """

    item: str
    anchor: bool
    n_used: int
    first: float | None
    last: float | None
    change: float | None


@dataclass(frozen=True)
class AnchorComparison:
    """Item-level changes printed in parallel.

    Attributes
    ----------
    items : tuple of ItemChange
    anchors_change, others_change : float or None
        Mean change of the anchors and of the other items.
    apart : bool or None
        Whether these two differ by more than .3 point.
    n_used, n_dropped : int
        People with any item at both times, and those without.
    notes : tuple of Note
    """

    items: tuple[ItemChange, ...]
    anchors_change: float | None
    others_change: float | None
    apart: bool | None
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]


def compare_anchors(
    first: pd.DataFrame, last: pd.DataFrame, anchors: Sequence[str], *, width: float = 4.0
) -> AnchorComparison:
    """Compare the changes of anchor items with those of the other items.

    Parameters
    ----------
    first, last : DataFrame, people x items
        Keyed values of the same people at two waves, with the same index labels and columns.
    anchors : sequence of str
        The items that are worded and placed alike in every wave.
    width : float, default 4
        Width of the items' range; the limit of .3 point on a range of 1 to 5 grows with it.

    Returns
    -------
    AnchorComparison

    Notes
    -----
    Missing data: each item uses the people who answered it both times. This is a description, not a test: below 150 people no
    verdict on invariance can be had (measurement plan, section 4.3).

    Raises
    ------
    ScoringError
        `anchors.column` when the two tables have other items or an anchor is none of them, `anchors.index` for a person twice.
    """
    if list(first.columns) != list(last.columns) or not set(anchors) <= set(first.columns):
        raise ScoringError(
            "anchors.column",
            "The two waves do not have the same items, or an anchor is not among them.",
            "Pass the same item columns for both waves, and name anchors that are columns.",
        )
    if first.index.has_duplicates or last.index.has_duplicates:
        raise ScoringError(
            "anchors.index", "A person stands in two rows of one wave.", "Keep one row per person and wave."
        )
    people = first.index.intersection(last.index)
    before, after = (_numbers(table.loc[people]) for table in (first, last))
    notes: list[Note] = []
    changes = []
    for position, item in enumerate(first.columns):
        both = ~np.isnan(before[:, position]) & ~np.isnan(after[:, position])
        if not both.any():
            notes.append(Note("anchors.none", _NONE, {"item": str(item)}))
            changes.append(ItemChange(str(item), item in anchors, 0, None, None, None))
            continue
        start, end = float(before[both, position].mean()), float(after[both, position].mean())
        changes.append(ItemChange(str(item), item in anchors, int(both.sum()), start, end, end - start))
    of_anchors, of_others = (
        [found.change for found in changes if found.anchor is side and found.change is not None]
        for side in (True, False)
    )
    n_used = int((~np.isnan(before) & ~np.isnan(after)).any(axis=1).sum())
    n_dropped = len(first.index.union(last.index)) - n_used
    if not of_anchors or not of_others:
        notes.append(Note("anchors.all", _ALL))
        return AnchorComparison(tuple(changes), None, None, None, n_used, n_dropped, tuple(notes))
    anchors_change, others_change = float(np.mean(of_anchors)), float(np.mean(of_others))
    apart = abs(anchors_change - others_change) > APART * width / 4.0
    if apart:
        notes.append(Note("anchors.apart", _APART, {"anchors": anchors_change, "others": others_change}))
    return AnchorComparison(
        tuple(changes), anchors_change, others_change, apart, n_used, n_dropped, tuple(notes)
    )


def _numbers(table: pd.DataFrame) -> np.ndarray:
    """The values as float64, NaN where missing or not a number."""
    return np.column_stack([read_numbers(table.iloc[:, place])[0] for place in range(table.shape[1])])
