"""Careless answering: who shows two signs of it of different kind, and whether results change without these people.

For researchers only. Nobody is ever left out here: the report flags, and analyses are shown with and without the flagged.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.careless_indices import (
    CarelessIndex,
    Kind,
    diligence_index,
    even_odd_consistency,
    long_string_index,
    number_subscales,
    page_time_index,
    robust_distances,
)
from scoring.errors import Note, ScoringError
from scoring.scales import keyed_items

__all__ = [
    "CarelessIndex",
    "CarelessReport",
    "WithAndWithout",
    "careless_report",
    "compare_with_and_without",
    "diligence_index",
    "even_odd_consistency",
    "long_string_index",
    "page_time_index",
    "robust_distances",
]

T = TypeVar("T")

# Signs of different kind that make a flag.
KINDS_NEEDED: Final = 2
_COLUMNS: Final[dict[Kind, str]] = {
    "time": "seconds_per_item",
    "string": "long_string",
    "consistency": "even_odd",
    "distance": "distance",
    "self-report": "diligence",
}

_ONE_KIND = N_(
    "Only %(n)d kind of index could be computed and a flag needs two, so nobody is flagged; that is no proof of care."
)
_EMPTY = N_("%(n)d respondents answered nothing; they are not judged.")


@dataclass(frozen=True)
class CarelessReport:
    """Signs of careless answering of each respondent; nobody is left out of anything because of it.

    Attributes
    ----------
    respondents : DataFrame, one row per respondent in the order given
        seconds_per_item, long_string, even_odd, distance, diligence (NaN where not computed), each with a column flag_time,
        flag_string, flag_consistency, flag_distance, flag_self_report; n_kinds (flags of different kind); flagged (two or more).
    counts : mapping kind -> int
        Respondents flagged by each kind of index that was computed.
    indices : mapping kind -> CarelessIndex
        All that were asked for, with their cuts and notes.
    n_flagged : int
    rate : float or None
        Flagged of all respondents who answered something, 0 to 1; None when nobody did or fewer than two kinds were computed.
    n_used, n_dropped : int
        Respondents who answered something, and nothing.
    converged : bool
        False when fewer than two kinds were computed, so that nobody could be flagged.
    notes : tuple of Note
        Those of the indices too.
    """

    respondents: pd.DataFrame
    counts: Mapping[Kind, int]
    indices: Mapping[Kind, CarelessIndex]
    n_flagged: int
    rate: float | None
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def careless_report(
    items: pd.DataFrame,
    *,
    keys: Mapping[str, int],
    subscales: Mapping[str, Sequence[str]],
    minimum: float,
    maximum: float,
    seconds: pd.DataFrame | None = None,
    items_per_page: Mapping[str, int] | None = None,
    diligence: "pd.Series[float] | None" = None,
    diligence_minimum: float | None = None,
    seed: int = 0,
) -> CarelessReport:
    """Flag respondents with two signs of careless answering of different kind (measurement plan, section 4.8).

    Parameters
    ----------
    items : DataFrame, respondents x items
        Raw codes, columns in the order in which the items were shown; at least two.
    keys : mapping item -> 1 or -1
        For every item of `items`; -1 where high codes mean a problem.
    subscales : mapping subscale -> items
        What the items measure; an item belongs to one subscale at most.
    minimum, maximum : float
        Smallest and largest code of all items.
    seconds : DataFrame, respondents x pages, optional
        Seconds spent on each page, with `items_per_page`, a mapping page -> number of items.
    items_per_page : mapping page -> int, optional
        Needed with `seconds`.
    diligence : Series, one answer per respondent, optional
        Own word on how carefully one answered, higher is more careful, with `diligence_minimum`.
    diligence_minimum : float, optional
        Lowest answer that says the data may be used; needed with `diligence`.
    seed : int, default 0
        Start of the random parts of the distances.

    Returns
    -------
    CarelessReport

    Notes
    -----
    Kinds of index: speed (median below 2 s per item on two pages or more), a string of more than 12 equal codes over contrasting
    subscales, even-odd consistency below .30 over six subscales or more, robust Mahalanobis distance with more than five persons
    per item, and the respondent's own word. One index alone is near chance or depends on the trait; two of different kind make a
    flag. A straight line is told from an honest answer by contrast only, and it is always consistent, so without times or distances
    it cannot be flagged. The standard deviation of a person's answers (IRV) is near chance and not computed. Missing
    answers: see each index; one that is not defined does not flag.

    References
    ----------
    Meade, A. W., & Craig, S. B. (2012). Identifying careless responses in survey data. Psychological Methods, 17, 437-455.
    https://doi.org/10.1037/a0028085

    Raises
    ------
    ScoringError
        `keys.*` as `keyed_items` for codes outside the range or text; `careless.*` for items, subscales, pages, times; `careless.rows`
        when times or diligence belong to other rows; `careless.options` when half of a pair of arguments is missing.
    """
    _check_pairs(items, seconds, items_per_page, diligence, diligence_minimum)
    every = {str(item): keys[str(item)] for item in items.columns if str(item) in keys}
    number_subscales(items, subscales)
    keyed = keyed_items(items, every, minimum=minimum, maximum=maximum)
    found = [
        long_string_index(items, keys, subscales),
        even_odd_consistency(keyed, subscales),
        robust_distances(keyed, seed=seed),
    ]
    if seconds is not None and items_per_page is not None:
        found.append(page_time_index(seconds, items_per_page))
    if diligence is not None and diligence_minimum is not None:
        found.append(diligence_index(diligence, diligence_minimum))
    return _combine({index.kind: index for index in found}, items)


def _check_pairs(
    items: pd.DataFrame,
    seconds: pd.DataFrame | None,
    items_per_page: Mapping[str, int] | None,
    diligence: "pd.Series[float] | None",
    diligence_minimum: float | None,
) -> None:
    """Arguments that need one another come together, and for the same rows."""
    if (seconds is None) != (items_per_page is None) or (diligence is None) != (diligence_minimum is None):
        raise ScoringError(
            "careless.options",
            "Times and items per page, and diligence and its minimum, come together.",
            "Pass both or neither.",
        )
    for name, table in (("seconds", seconds), ("diligence", diligence)):
        if table is not None and not table.index.equals(items.index):
            raise ScoringError(
                "careless.rows",
                "%(name)s does not belong to the rows of the answers.",
                "Give it the index of the answers.",
                name=name,
            )


def _combine(indices: Mapping[Kind, CarelessIndex], items: pd.DataFrame) -> CarelessReport:
    """Put the indices side by side and count kinds."""
    answered = items.notna().any(axis=1).to_numpy(dtype=bool)
    columns: dict[str, np.ndarray] = {}
    for kind, column in _COLUMNS.items():
        index = indices.get(kind)
        columns[column] = np.full(len(items), np.nan) if index is None else index.values.to_numpy()
        flags = np.zeros(len(items), dtype=bool) if index is None else index.flags.to_numpy()
        columns[f"flag_{kind.replace('-', '_')}"] = flags & answered
    n_kinds = np.sum([values for name, values in columns.items() if name.startswith("flag_")], axis=0)
    computed = [kind for kind, index in indices.items() if index.converged]
    enough = len(computed) >= KINDS_NEEDED
    n_used, n_dropped = int(answered.sum()), int((~answered).sum())
    n_flagged = int((n_kinds >= KINDS_NEEDED).sum())
    notes = [note for index in indices.values() for note in index.notes]
    if not enough:
        notes.append(Note("careless.kinds", _ONE_KIND, {"n": len(computed)}))
    if n_dropped:
        notes.append(Note("careless.empty", _EMPTY, {"n": n_dropped}))
    table = pd.DataFrame(columns, index=items.index)
    table["n_kinds"], table["flagged"] = n_kinds, n_kinds >= KINDS_NEEDED
    return CarelessReport(
        respondents=table,
        counts={kind: int(columns[f"flag_{kind.replace('-', '_')}"].sum()) for kind in computed},
        indices=indices,
        n_flagged=n_flagged,
        rate=n_flagged / n_used if n_used and enough else None,
        n_used=n_used,
        n_dropped=n_dropped,
        converged=enough,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class WithAndWithout(Generic[T]):
    """A statistic of everybody and of those who were not flagged.

    Attributes
    ----------
    everybody : T
    without_flagged : T or None
        None when the statistic cannot be computed of those who are left; a note says why. The same as `everybody` where nobody is flagged.
    changed : bool or None
        Whether the verdict differs between the two, which is then to be printed twice; None without a verdict or where one is missing.
    n_everybody, n_flagged : int
    notes : tuple of Note
    """

    everybody: T
    without_flagged: T | None
    changed: bool | None
    n_everybody: int
    n_flagged: int
    notes: tuple[Note, ...]


_REMAINDER = N_("Without the flagged it cannot be computed: %(reason)s")


def compare_with_and_without(
    statistic: Callable[[pd.DataFrame], T],
    items: pd.DataFrame,
    flagged: "pd.Series[bool]",
    *,
    verdict: Callable[[T], Hashable] | None = None,
) -> WithAndWithout[T]:
    """Compute a statistic of all rows and of the rows that are not flagged.

    Parameters
    ----------
    statistic : function of a DataFrame
        For example `cronbach_alpha`.
    items : DataFrame, respondents x columns
        What the statistic takes.
    flagged : Series of bool with the same index
        `CarelessReport.respondents["flagged"]`.
    verdict : function of the statistic's result, optional
        The word or sign that a reader would take away, for example `lambda r: r.value >= .70`.

    Returns
    -------
    WithAndWithout

    Raises
    ------
    ScoringError
        `careless.rows` for flags of other rows; whatever the statistic raises of all rows.
    """
    if not flagged.index.equals(items.index):
        raise ScoringError(
            "careless.rows",
            "%(name)s does not belong to the rows of the answers.",
            "Give it the index of the answers.",
            name="flagged",
        )
    marked = flagged.to_numpy(dtype=bool)
    everybody = statistic(items)
    rest: T | None = everybody
    notes: tuple[Note, ...] = ()
    if marked.any():
        try:
            rest = statistic(items[~marked])
        except ScoringError as error:
            rest, notes = None, (Note("careless.remainder", _REMAINDER, {"reason": str(error)}),)
    changed = None if verdict is None or rest is None else verdict(everybody) != verdict(rest)
    return WithAndWithout(everybody, rest, changed, len(items), int(marked.sum()), notes)
