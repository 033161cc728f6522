"""Results become JSON: complete, exact, without NaN, and the same text for the same result."""

import dataclasses
import json
import math
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.errors import Note
from scoring.serialize import to_json, to_plain


class Kind(StrEnum):
    ONE = "one"


@dataclasses.dataclass(frozen=True)
class Inner:
    value: float
    notes: tuple[Note, ...]
    working: object = dataclasses.field(default=None, repr=False)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1, 1), (True, True), (None, None), ("x", "x"), (0.1, 0.1), (math.nan, None), (math.inf, None),
        (np.float64(0.1), 0.1), (np.float64("nan"), None), (np.int64(3), 3), (np.bool_(True), True),
        (np.array([[1.0, math.nan]]), [[1.0, None]]), (pd.NA, None), (pd.NaT, None), (Fraction(2, 3), "2/3"),
        ((1, (2, 3)), [1, [2, 3]]), ({"b", "a"}, ["a", "b"]), (Kind.ONE, "one"), (pd.Index(["a", 1]), ["a", 1]),
        ({("a", "b"): 1, 2: 3, Kind.ONE: 4}, {"a,b": 1, "2": 3, "one": 4}),
        (MappingProxyType({"a": ()}), {"a": []}),
        (Note("c", "%(n)d people", {"n": 3}), {"code": "c", "text": "3 people"}),
        (pd.Series([1.0, math.nan], index=["a", "b"]), {"a": 1.0, "b": None}),
        (pd.Series([1, 2], index=["a", "a"]), {"rows": ["a", "a"], "values": [1, 2]}),
        (pd.DataFrame({"x": [1.0, math.nan], "n": [1, 2]}, index=["a", "b"]),
         {"rows": ["a", "b"], "columns": ["x", "n"], "values": [[1.0, 1], [None, 2]]}),
        (pd.DataFrame(columns=["x"]), {"rows": [], "columns": ["x"], "values": []}),
        (pd.DataFrame(index=["a"]), {"rows": ["a"], "columns": [], "values": [[]]}),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), {"rows": ["0"], "columns": ["x", "x"], "values": [[1, 2]]}),
        (Inner(0.5, (Note("c", "text"),), object()), {"value": 0.5, "notes": [{"code": "c", "text": "text"}]}),
    ],
)  # fmt: skip
def test_everything_a_result_holds_has_a_plain_form(value: Any, plain: Any) -> None:
    found = to_plain(value)

    assert found == plain
    assert type(found) is type(plain)
    assert json.loads(to_json(value)) == json.loads(json.dumps(plain))


def test_every_digit_is_kept() -> None:
    values = np.random.default_rng(1).normal(size=200) * 10.0 ** np.arange(-100, 100)

    assert json.loads(to_json(values)) == values.tolist()


def test_the_text_is_json_with_a_row_a_line_and_keeps_the_order() -> None:
    text = to_json({"z": pd.DataFrame({"x": [1.5, 2.5]}), "a": "ü", "e": {}, "l": []})

    assert list(json.loads(text)) == ["z", "a", "e", "l"]
    assert "   [1.5],\n   [2.5]\n" in text
    assert "ü" in text


def test_what_has_no_plain_form_is_a_fault() -> None:
    with pytest.raises(TypeError, match="object has no plain form"):
        to_plain({"a": object()})
