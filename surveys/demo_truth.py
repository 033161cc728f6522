"""What the demo's simulation truly does to the score of a scale, in points: exact, to be laid beside what a report says.

A latent answer is normal with mean `LOADING` times the shift and variance 1, so the mean of a code follows from normal
probabilities of the thresholds. Questions are left out at random and all alike, so a score of those that remain has the same mean as
a complete one; standard deviations are those of complete scores.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from instruments.model import Instrument, Role, WaveKind
from surveys.demo import (
    LASTING_UNIQUENESS,
    LOADING,
    STABLE,
    THRESHOLDS,
    CohortPlan,
    codes_by_step,
    factor_of,
    true_shift,
)

if TYPE_CHECKING:
    import numpy as np

# Nodes of the quadrature: the functions are smooth, and more nodes change nothing before the tenth digit.
_NODES = 80


@dataclass(frozen=True)
class TrueChange:
    """The expected change of a score between two waves and the spread of single people, in points of the score.

    `sd_change` is the standard deviation of single people's changes, `sd_first` and `sd_last` those of their scores.
    """

    change: float
    sd_first: float
    sd_last: float
    sd_change: float


@dataclass(frozen=True)
class _Answer:
    """One item at one wave: keyed values by the number of thresholds passed, and the mean of the latent answer."""

    item: str
    values: tuple[float, ...]
    factor: str
    mean: float


def true_change(
    instrument: Instrument,
    plan: CohortPlan,
    scale_id: str,
    role: Role,
    first: WaveKind,
    last: WaveKind,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
) -> TrueChange | None:
    """The expected change over all people of a cohort, whether they answer or not.

    None where one of the waves does not ask the role every question of the scale. Other `thresholds` tell what a wrong model would say.
    """
    before = _answers(instrument, plan, scale_id, role, first)
    after = _answers(instrument, plan, scale_id, role, last)
    if before is None or after is None:
        return None
    means = [_mean([_expect(answer, thresholds) for answer in answers]) for answers in (before, after)]
    var_first, var_last = (_covariance(a, a, True, thresholds) for a in (before, after))
    var_change = var_first + var_last - 2 * _covariance(before, after, first == last, thresholds)
    return TrueChange(
        means[1] - means[0], *(math.sqrt(max(0.0, v)) for v in (var_first, var_last, var_change))
    )


def _answers(
    instrument: Instrument, plan: CohortPlan, scale_id: str, role: Role, wave: WaveKind
) -> list[_Answer] | None:
    """The items of a scale as a wave asks them; None where it does not, or where an item is no rating."""
    scale = instrument.scale(scale_id)
    if scale not in instrument.scales_scored(wave, role):
        return None
    answers = []
    for item_id, key in scale.keys.items():
        options = instrument.format_of(item_id).options
        if len(options) <= 2:
            return None
        codes = codes_by_step(instrument, item_id)
        low, high = min(option.code for option in options), max(option.code for option in options)
        values = tuple(float(code if key > 0 else low + high - code) for code in codes)
        factor = factor_of(instrument, item_id)
        mean = LOADING * true_shift(factor, wave, plan.effect)
        answers.append(_Answer(item_id, values, factor, mean))
    return answers


def _mean(values: Sequence[float]) -> float:
    """The mean of a few numbers."""
    return math.fsum(values) / len(values)


def _expect(answer: _Answer, thresholds: Sequence[float], power: int = 1) -> float:
    """The mean of a keyed value, or of a power of it."""
    passed = [1.0, *(1.0 - NormalDist(answer.mean).cdf(cut) for cut in thresholds), 0.0]
    shares = [passed[step] - passed[step + 1] for step in range(len(answer.values))]
    return math.fsum(share * value**power for share, value in zip(shares, answer.values, strict=True))


def _covariance(
    first: Sequence[_Answer], last: Sequence[_Answer], same_wave: bool, thresholds: Sequence[float]
) -> float:
    """The covariance of two complete scores of one person, at one wave or at two."""
    parts = []
    for a in first:
        for b in last:
            centre = _expect(a, thresholds) * _expect(b, thresholds)
            if same_wave and a.item == b.item:
                parts.append(_expect(a, thresholds, power=2) - centre)
            else:
                parts.append(_expect_product(a, b, _correlation(a, b, same_wave), thresholds) - centre)
    return math.fsum(parts) / (len(first) * len(last))


def _correlation(a: _Answer, b: _Answer, same_wave: bool) -> float:
    """How far two latent answers of one person go together."""
    # Two factors share one half of the stable part; an item of its own factor shares all of it.
    trait = STABLE * (1.0 if a.factor == b.factor else 0.5)
    state = 1 - STABLE if same_wave and a.factor == b.factor else 0.0
    lasting = LASTING_UNIQUENESS if a.item == b.item else 0.0
    return LOADING**2 * (trait + state) + (1 - LOADING**2) * lasting


def _expect_product(a: _Answer, b: _Answer, correlation: float, thresholds: Sequence[float]) -> float:
    """The mean of the product of two keyed values, by quadrature over what their latent answers share."""
    nodes, weights = _quadrature()
    product = _given(a, nodes, correlation, thresholds) * _given(b, nodes, correlation, thresholds)
    return float(product @ weights)


@cache
def _quadrature() -> "tuple[np.ndarray, np.ndarray]":
    """Nodes and weights of Gauss and Hermite for the mean of a function of a standard normal value."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return nodes, weights / weights.sum()


def _given(
    answer: _Answer, nodes: "np.ndarray", correlation: float, thresholds: Sequence[float]
) -> "np.ndarray":
    """The mean of a keyed value at each node of the shared part."""
    import numpy as np
    from scipy.special import ndtr

    own = math.sqrt(1 - correlation)
    found = np.full_like(nodes, answer.values[0])
    for step, cut in enumerate(thresholds, start=1):
        rise = answer.values[step] - answer.values[step - 1]
        found += rise * ndtr((answer.mean + math.sqrt(correlation) * nodes - cut) / own)
    return found
