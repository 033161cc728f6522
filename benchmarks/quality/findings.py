"""A line of the measurement-quality table, and how figures are judged against their targets.

Every figure comes from a limited number of samples, so it misses its target only where that is shown: one-sided, at 5 %. Shares of
independent samples (or of independent people) are judged by the binomial error at the limit; means, biases, and shares of people who
share a sample, by the Monte-Carlo standard error over samples. A truth without a margin would be missed by chance in every tenth line
if both of its sides were judged so, hence two-sided at 1 % there.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Z_ONE_SIDED, Z_EXACT = 1.645, 2.576


@dataclass(frozen=True)
class Finding:
    """One line of the table; `samples` is 0 where nothing is drawn at random."""

    target: str
    demand: str
    condition: str
    figure: str
    holds: bool
    seed: int
    samples: int
    control: bool = False


Study = Callable[[int], Iterator[Finding]]


def control(
    target: str, demand: str, condition: str, figure: str, target_holds: bool, seed: int, samples: int
) -> Finding:
    """The line of a negative control: it holds when what is done wrongly on purpose fails the target."""
    return Finding(target, demand, condition, figure, not target_holds, seed, samples, control=True)


def at_most(share: float, limit: float, samples: int) -> bool:
    """Whether a share of samples is not shown to lie above a limit."""
    return mean_at_most(share, limit, math.sqrt(limit * (1.0 - limit) / samples))


def at_least(share: float, limit: float, samples: int) -> bool:
    """Whether a share of samples is not shown to lie below a limit."""
    return at_most(1.0 - share, 1.0 - limit, samples)


def within(share: float, low: float, high: float, samples: int) -> bool:
    """Whether a share of samples is not shown to lie outside two limits."""
    return at_least(share, low, samples) and at_most(share, high, samples)


def mean_at_most(value: float, limit: float, error: float) -> bool:
    """Whether a mean with this standard error is not shown to lie above a limit; a mean that is no number is."""
    return value <= limit + Z_ONE_SIDED * error


def mean_at_least(value: float, limit: float, error: float) -> bool:
    """Whether a mean with this standard error is not shown to lie below a limit; a mean that is no number is."""
    return value >= limit - Z_ONE_SIDED * error


def mean_within(value: float, low: float, high: float, error: float) -> bool:
    """Whether a mean with this standard error is not shown to lie outside two limits."""
    return mean_at_least(value, low, error) and mean_at_most(value, high, error)


def mean_equals(value: float, truth: float, error: float) -> bool:
    """Whether a mean with this standard error is not shown to differ from a truth that has no margin."""
    return abs(value - truth) <= Z_EXACT * error


def with_error(value: float, error: float) -> str:
    """A mean with its standard error, as the table prints it."""
    return f"{value:.4f} (SE {error:.4f})"


def bias_with_error(value: float, error: float) -> str:
    """A bias with its sign and its standard error, as the table prints it."""
    return f"{value:+.4f} (SE {error:.4f})"
