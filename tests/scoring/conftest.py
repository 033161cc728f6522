"""R's values and the data they belong to; see reference/ORIGINS.md."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

REFERENCE = Path(__file__).with_name("reference")


@cache
def _read_data(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"{name}.csv")


@cache
def _read_values(name: str) -> Any:
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def r_data() -> Callable[[str], pd.DataFrame]:
    """A data set of the reference folder."""
    return lambda name: _read_data(name).copy()


@pytest.fixture(scope="session")
def r_values() -> Callable[[str], Any]:
    """What R says about the data set of the same name."""
    return _read_values
