"""Simulated answers that the tests of confirmatory models share."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scoring.sem import Specification
from scoring.sem.likelihood import NormalProblem
from scoring.sem.matrices import CompiledModel, compile_model
from scoring.sem.moments import moments_from_covariance

TWO = {"trust": ["x1", "x2", "x3"], "voice": ["x4", "x5", "x6"]}
ITEMS = ["x1", "x2", "x3", "x4", "x5", "x6"]


def draw(
    n: int = 300,
    *,
    seed: int = 0,
    loadings: Sequence[float] = (0.8, 0.7, 0.6),
    correlation: float = 0.4,
    reversed_items: Sequence[str] = (),
) -> pd.DataFrame:
    """Answers x1, x2 ... of two factors with the same standardized loadings each."""
    rng = np.random.default_rng(seed)
    k = len(loadings)
    factors = rng.multivariate_normal([0.0, 0.0], [[1.0, correlation], [correlation, 1.0]], n)
    weights = np.tile(loadings, 2)
    rest = rng.normal(size=(n, 2 * k)) * np.sqrt(1.0 - weights**2)
    table = pd.DataFrame(
        np.repeat(factors, k, axis=1) * weights + rest, columns=[f"x{i + 1}" for i in range(2 * k)]
    )
    for item in reversed_items:
        table[item] = -table[item]
    return table


def cut(table: pd.DataFrame, thresholds: Sequence[float] = (-1.0, 0.0, 1.0)) -> pd.DataFrame:
    """The same answers in ordered categories 1, 2, ..."""
    codes = np.digitize(table.to_numpy(), thresholds) + 1.0
    return pd.DataFrame(codes, index=table.index, columns=table.columns)


def punch(table: pd.DataFrame, share: float, seed: int = 1) -> pd.DataFrame:
    """The same answers, a share of them missing completely at random."""
    return table.mask(np.random.default_rng(seed).uniform(size=table.shape) < share)


def central_gradient(function: Callable[[np.ndarray], Any], x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences of a function of numbers, one row for each element of x."""
    rows = []
    for number in range(len(x)):
        ends = []
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved[number] += sign * step
            ends.append(np.asarray(function(moved)))
        rows.append((ends[0] - ends[1]) / (2.0 * step))
    return np.array(rows)


def at_population(
    specification: Specification, x: np.ndarray, n: int = 500
) -> tuple[CompiledModel, NormalProblem]:
    """A model and the problem of fitting it to moments that it implies itself at x."""
    model = compile_model(specification)
    groups = tuple(
        moments_from_covariance(*model.moments(x, group), n + 100 * group)
        for group in range(specification.n_groups)
    )
    return model, NormalProblem(model, groups)
