"""Scoring that turns into Newton's method near the minimum: the one optimiser of all estimators."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.sem.matrices import Array

_STEPS: Final = 200
# The promised fall of the discrepancy (per respondent) below which a point is taken as the minimum.
_TOLERANCE: Final = 1e-16
_NEAR: Final = 1e-3
_PATIENCE: Final = 15
_HALVINGS: Final = 25


@dataclass(frozen=True)
class Optimum:
    """Where the search ended.

    `decrement` is the fall of F that another step would promise; `converged` says whether it is negligible.
    """

    x: Array
    value: float
    converged: bool
    n_steps: int
    decrement: float


def minimise(
    x: Array,
    objective: Callable[[Array], float],
    gradient: Callable[[Array], Array],
    information: Callable[[Array], Array],
    hessian: Callable[[Array], Array] | None = None,
    *,
    effort: float = 1.0,
) -> Optimum:
    """Minimise F by scoring, `x - step * I^-1 F'/2`, with the step halved until F falls.

    `information` is half the expected second derivative and `hessian` half the observed one; the latter takes over near the
    minimum, or where scoring is slow, and wherever it is positive definite. The rule to stop is invariant to the units of the
    parameters: `F' I^-1 F' / 4`. Newton's steps either arrive soon or run away, so that they get half as many; `effort` is the
    share of the steps that a further attempt is worth.
    """
    value, decrement = objective(x), np.inf
    most = math.ceil(_STEPS * effort * (1.0 if hessian is None else 0.5))
    for step_number in range(most):
        slope = gradient(x) / 2.0
        direction = None
        if hessian is not None and (decrement < _NEAR or step_number >= _PATIENCE):
            direction = _solve(hessian(x), slope, ridge=False)
        if direction is None:
            direction = _solve(information(x), slope, ridge=True)
        if direction is None or not np.isfinite(direction).all():
            break
        decrement = float(slope @ direction)
        if decrement < _TOLERANCE:
            return Optimum(x, value, True, step_number, decrement)
        found = _search(x, value, direction, decrement, objective)
        if found is None:
            # No smaller value along the line: rounding ends the search where the promise is small already.
            return Optimum(x, value, decrement < 1e-10, step_number, decrement)
        x, value = found
    return Optimum(x, value, False, most, decrement)


def _search(
    x: Array, value: float, direction: Array, decrement: float, objective: Callable[[Array], float]
) -> tuple[Array, float] | None:
    """The first of the halved steps that lowers F enough."""
    size = 1.0
    for _ in range(_HALVINGS):
        trial = x - size * direction
        found = objective(trial)
        if found <= value - 1e-4 * size * decrement or (
            decrement < 1e-9 and found <= value + 1e-15 * abs(value)
        ):
            return trial, found
        size /= 2.0
    return None


def _solve(information: Array, slope: Array, *, ridge: bool) -> Array | None:
    """The direction for a positive definite matrix; others are ridged, or refused without `ridge`."""
    size = np.sqrt(np.clip(np.abs(np.diagonal(information)), 1e-300, None))
    scaled = information / np.outer(size, size)
    extra = 0.0
    for _ in range(12):
        try:
            chol = np.linalg.cholesky(scaled + extra * np.eye(len(scaled)))
        except np.linalg.LinAlgError:
            if not ridge:
                return None
            extra = max(10.0 * extra, 1e-8)
            continue
        half = np.linalg.solve(chol, slope / size)
        return np.linalg.solve(chol.T, half) / size
    return None
