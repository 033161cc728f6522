"""The item frame: the one shape of table that scoring reads, and the check that says where a table departs from it.

One row per respondent, pair and wave. Identity columns `respondent`, `pair`, `cohort`, `role`, `wave` and `locale` hold
strings; each further column named in `items` holds raw option codes as float64, NaN where the item was skipped, marked
with one of the two missing codes, or not asked.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from scoring.errors import FrameError, ScoringError

IDENTITY: Final = ("respondent", "pair", "cohort", "role", "wave", "locale")
KEY: Final = ("respondent", "pair", "wave")
ROLES: Final = ("mentor", "mentee")
# Spreads this small beside the size of the values are rounding.
_NO_SPREAD: Final = 1e-12
WAVES: Final = ("T0", "TC", "T2", "T3a", "T3b", "T4", "PL")


def check_item_frame(
    frame: pd.DataFrame,
    items: Sequence[str],
    *,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Return a checked copy of an item frame; the first departure from the contract raises.

    Parameters
    ----------
    frame : DataFrame, one row per respondent x pair x wave
        Needs the identity columns and every column of `items`; other columns are left out of the copy. No rows is allowed.
    items : sequence of str
        Item columns, raw option codes.
    ranges : mapping item -> (smallest code, largest code), optional
        Codes outside, or between two whole numbers, are refused for the items named here.

    Returns
    -------
    DataFrame
        Identity columns as str, then the items in the order given as float64; same index as `frame`.

    Notes
    -----
    Missing answers are NaN (or None, or pandas.NA) and stay NaN.

    Raises
    ------
    FrameError
        `frame.column` missing or doubled column; `frame.index` doubled index label; `frame.identity` empty identity;
        `frame.role`, `frame.wave` unknown value; `frame.duplicate` two rows of one respondent, pair and wave;
        `frame.number` an answer that is no number; `frame.infinite`; `frame.code` a code outside its range. Each names
        the column and the index label of the row.
    """
    _check_columns(frame, items)
    checked = pd.DataFrame(index=frame.index)
    for column in IDENTITY:
        checked[column] = _read_identity(frame[column], column)
    _check_values(checked, "role", ROLES)
    _check_values(checked, "wave", WAVES)
    doubled = checked.duplicated(list(KEY)).to_numpy()
    if doubled.any():
        raise FrameError(
            "frame.duplicate",
            "Row %(row)s repeats a respondent, pair and wave that stand in an earlier row (column %(column)s).",
            "Keep one row for each respondent, pair and wave.",
            column="respondent",
            row=_label(checked, doubled),
        )
    answers = {item: _read_item(frame[item], item, (ranges or {}).get(item)) for item in items}
    return pd.concat([checked, pd.DataFrame(answers, index=frame.index, dtype="float64")], axis=1)


def _check_columns(frame: pd.DataFrame, items: Sequence[str]) -> None:
    """Every column wanted is there once, and every row has a label of its own."""
    wanted = [*IDENTITY, *items]
    for column in wanted:
        count = int((frame.columns == column).sum())
        if count != 1 or wanted.count(column) != 1:
            raise FrameError(
                "frame.column",
                "Column %(column)s is there %(count)d times." if count else "Column %(column)s is missing.",
                "Give every identity and item column once: %(wanted)s.",
                column=column,
                count=max(count, wanted.count(column)),
                wanted=", ".join(wanted),
            )
    doubled = frame.index.duplicated()
    if doubled.any():
        raise FrameError(
            "frame.index",
            "The index label %(row)s stands for more than one row (before column %(column)s).",
            "Give every row a label of its own, for example with reset_index().",
            column=IDENTITY[0],
            row=_label(frame, doubled),
        )


def _read_identity(values: pd.Series, column: str) -> pd.Series:
    """An identity column as strings, none of them empty."""
    texts = values.map(lambda value: "" if pd.isna(value) else str(value)).astype(str)
    empty = (texts.str.strip() == "").to_numpy(dtype=bool)
    if empty.any():
        raise FrameError(
            "frame.identity",
            "Column %(column)s is empty in row %(row)s.",
            "Every row says whose answer it is, in which pair, cohort, role, wave and language.",
            column=column,
            row=_label(values, empty),
        )
    return texts


def _check_values(frame: pd.DataFrame, column: str, known: Sequence[str]) -> None:
    """A column holds known values only."""
    unknown = ~frame[column].isin(known).to_numpy(dtype=bool)
    if unknown.any():
        raise FrameError(
            f"frame.{column}",
            "“%(value)s” in column %(column)s, row %(row)s, is not known.",
            "Use one of: %(known)s.",
            column=column,
            row=_label(frame, unknown),
            value=str(frame[column].to_numpy()[unknown][0]),
            known=", ".join(known),
        )


def _read_item(values: pd.Series, item: str, limits: tuple[float, float] | None) -> np.ndarray:
    """An item column as float64: numbers or missing, finite, and whole codes inside the limits where there are any."""
    codes, wrong = read_numbers(values)
    if wrong.any():
        raise FrameError(
            "frame.number",
            "“%(value)s” in column %(column)s, row %(row)s, is not a number.",
            "Store option codes as numbers and leave a missing answer empty (NaN).",
            **_place(values, item, wrong),
        )
    if np.isinf(codes).any():
        raise FrameError(
            "frame.infinite",
            "“%(value)s” in column %(column)s, row %(row)s, is infinite.",
            "Leave a missing answer empty (NaN).",
            **_place(values, item, np.isinf(codes)),
        )
    low, high = limits if limits is not None else (-math.inf, math.inf)
    with np.errstate(invalid="ignore"):
        outside = ((codes < low) | (codes > high) | (codes != np.round(codes))) & ~np.isnan(codes)
    if limits is not None and outside.any():
        raise FrameError(
            "frame.code",
            "“%(value)s” in column %(column)s, row %(row)s, is not a code of this item.",
            "Its codes are the whole numbers from %(low)s to %(high)s; leave a missing answer empty (NaN).",
            low=low,
            high=high,
            **_place(values, item, outside),
        )
    return codes


def read_numbers(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Read a column as float64, NaN where it is missing; text and truth values are never read as numbers.

    Returns
    -------
    ndarray of float64, ndarray of bool
        The numbers, and where the column holds something that is no number (NaN there).
    """
    if values.dtype.kind in "iuf":
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), dtype=bool)
    read = [_read_number(value) for value in values]
    wrong = np.array([number is None for number in read], dtype=bool)
    return np.array([math.nan if number is None else number for number in read], dtype=np.float64), wrong


def _read_number(value: Any) -> float | None:
    """One value as a float, NaN when it is missing, None when it is no number."""
    if isinstance(value, bool | np.bool_ | str | bytes | complex):
        return None
    if value is None or value is pd.NA or value is pd.NaT:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def check_numeric_items(items: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Return items as float64 with NaN for missing; fewer than two, doubled, non-numeric or infinite columns raise.

    `statistic` is the first part of the error's code. Raises ScoringError.
    """
    if items.shape[1] < 2:
        raise ScoringError(
            f"{statistic}.items",
            "%(k)d item is too few: the items of a scale are compared with one another.",
            "Pass two items or more.",
            k=items.shape[1],
        )
    if items.columns.has_duplicates:
        raise ScoringError(
            f"{statistic}.column",
            "Item %(item)s stands in more than one column.",
            "Pass every item once.",
            item=str(items.columns[items.columns.duplicated()][0]),
        )
    numeric = {}
    for item in items.columns:
        values, wrong = read_numbers(items[item])
        if (wrong | np.isinf(values)).any():
            raise ScoringError(
                f"{statistic}.number",
                "Item %(item)s holds something that is not a finite number.",
                "Pass keyed values as numbers; leave missing answers empty (NaN).",
                item=str(item),
            )
        numeric[item] = values
    return pd.DataFrame(numeric, index=items.index)


def find_constant(items: pd.DataFrame) -> str | None:
    """Name the first item whose values are all equal (up to rounding), or None."""
    for item in items.columns:
        values = items[item].to_numpy()
        if np.ptp(values) <= _NO_SPREAD * max(1.0, float(np.abs(values).max())):
            return str(item)
    return None


def _place(values: pd.Series, item: str, wrong: np.ndarray) -> dict[str, str]:
    """The first wrong answer of an item and where it stands."""
    return {"column": item, "row": _label(values, wrong), "value": str(values.to_numpy()[wrong][0])[:40]}


def _label(labelled: pd.DataFrame | pd.Series, chosen: np.ndarray) -> str:
    """The index label of the first chosen row."""
    return str(labelled.index[chosen][0])
