"""Frozen results as plain values for JSON: complete, in full precision, and the same for the same result."""

import dataclasses
import enum
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scoring.errors import Note

Plain = dict[str, Any] | list[Any] | str | int | float | bool | None


def to_plain(value: Any) -> Plain:
    """Return a result, or any part of one, as mappings, lists, strings and numbers.

    Parameters
    ----------
    value : Any
        A dataclass becomes a mapping of its fields, without those that are kept from its repr (working data); a Note `{"code", "text"}`; a DataFrame `{"rows", "columns", "values"}`; a Series a
        mapping from its labels; an array nested lists; a number stays itself, NaN and the infinities become None.

    Raises
    ------
    TypeError
        For anything else: a result that cannot be written is a fault of the program.
    """
    if isinstance(value, enum.Enum):
        return to_plain(value.value)
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, Note):
        return {"code": value.code, "text": str(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.repr
        }
    return _table_to_plain(value) if isinstance(value, pd.DataFrame | pd.Series) else _leaf_to_plain(value)


def _table_to_plain(value: pd.DataFrame | pd.Series) -> Plain:
    """A table with the labels of its rows and columns; a Series whose labels repeat keeps them beside its values."""
    rows = [_label(label) for label in value.index]
    if isinstance(value, pd.DataFrame):
        columns = [_label(label) for label in value.columns]
        cells = [value.iloc[:, place].tolist() for place in range(value.shape[1])]
        lines: list[Plain] = [[to_plain(cell) for cell in row] for row in zip(*cells, strict=True)]
        return {"rows": [*rows], "columns": [*columns], "values": lines or [[] for _ in rows]}
    values = [to_plain(cell) for cell in value.tolist()]
    if len(set(rows)) < len(rows):
        return {"rows": [*rows], "values": values}
    return dict(zip(rows, values, strict=True))


def _leaf_to_plain(value: Any) -> Plain:
    """Numbers, arrays and containers."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_label(key): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, Set):
        return [to_plain(entry) for entry in sorted(value)]
    if isinstance(value, Sequence):
        return [to_plain(entry) for entry in value]
    return to_plain(_simplify(value))


def _simplify(value: Any) -> Any:
    """A value of numpy, pandas or the standard library as the nearest one of Python's own."""
    if isinstance(value, np.generic | np.ndarray | pd.Index):
        return value.tolist()
    # pandas' missing time counts as a date, so it is asked for first.
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, Fraction | Path | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no plain form")


def _label(label: Any) -> str:
    """A label as a string; the parts of a compound one are joined by a comma."""
    if isinstance(label, tuple):
        return ",".join(map(_label, label))
    return str(label.value) if isinstance(label, enum.Enum) else str(label)


def to_json(value: Any) -> str:
    """Return a result as JSON text: every digit of every number, keys in the order of the result's fields."""
    return _write(to_plain(value), "") + "\n"


def _write(value: Plain, indent: str) -> str:
    """One value; a list of plain numbers and words stays on its line, so that a matrix is read row by row."""
    inner = indent + " "
    if isinstance(value, dict) and value:
        entries = [
            f"{inner}{json.dumps(k, ensure_ascii=False)}: {_write(v, inner)}" for k, v in value.items()
        ]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        return "[\n" + ",\n".join(inner + _write(entry, inner) for entry in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
