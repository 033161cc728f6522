"""One comparison with R: what was computed, on which data, by us and by R, and how near it must be."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


@dataclass(frozen=True)
class Row:
    """`kind` groups rows of one sort in the table; the difference is relative to R's value where `relative` says so."""

    kind: str
    data: str
    statistic: str
    ours: float
    r: float
    tolerance: float
    relative: bool = False

    @property
    def difference(self) -> float:
        """Absolute or relative difference; infinite when one of the two is missing."""
        ours, r = _number(self.ours), _number(self.r)
        if math.isnan(ours) or math.isnan(r):
            return math.inf
        gap = abs(ours - r)
        return gap / max(abs(r), 1e-12) if self.relative else gap

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.difference <= self.tolerance


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def compare_mapping(
    kind: str,
    data: str,
    statistic: str,
    ours: Mapping[str, float],
    r: Mapping[str, float],
    tolerance: float,
    relative: bool = False,
) -> Iterator[Row]:
    """A row for each key of R's values; a key that is missing on our side is an infinite difference."""
    for key, value in r.items():
        yield Row(kind, data, f"{statistic}[{key}]", ours.get(key, math.nan), value, tolerance, relative)


@cache
def r_values(name: str) -> Any:
    """Everything R says about a data set; see reference/ORIGINS.md."""
    return json.loads((REFERENCE / "r" / f"{name}.json").read_text(encoding="utf-8"))


def r_values_at(name: str, path: Iterable[str]) -> Any:
    """What R says about a data set, from the place that the keys lead to."""
    found = r_values(name)
    for key in path:
        found = found[key]
    return found


@cache
def _read_data(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv")


def r_data(name: str) -> pd.DataFrame:
    """A data set of the reference folder."""
    return _read_data(name).copy()


def as_list(value: Any) -> list[Any]:
    """R writes a vector of length one as a bare value and an empty one as null."""
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def as_frame(matrix: Mapping[str, Any]) -> pd.DataFrame:
    """An R matrix of the JSON as a DataFrame."""
    return pd.DataFrame(matrix["values"], index=matrix["rows"], columns=matrix["cols"])
