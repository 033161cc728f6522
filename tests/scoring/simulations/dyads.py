"""Targets T8, T9 and T11 of the measurement plan: actor and partner effects, partner correlations, discrepancies and congruence.

D3 is a world of standardized normal scores of two partners; D9 a world of two scores on one scale with a surface over them. All samples of a
cell are drawn and analysed at once, by the functions that the analyses of pairs use themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t as student

from scoring.dyads.regressions import regress_pairs
from scoring.dyads.resemblance import fisher_interval
from scoring.dyads.surface_fit import CONGRUENCE, CONTRASTS, SURFACE, check_congruence, fit_surface
from tests.scoring.simulations.monte_carlo import standard_error


@dataclass(frozen=True)
class PairWorld:
    """D3: effects, and how alike partners are before and in what the model leaves over."""

    actor: float = 0.3
    partner: float = 0.3
    predictor_correlation: float = 0.3
    residual_correlation: float = 0.2

    def draw(self, rng: np.random.Generator, samples: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Predictors and outcomes (samples, n, 2), all with variance 1."""
        x = correlated(rng, samples, n, self.predictor_correlation)
        both = 2.0 * self.actor * self.partner * self.predictor_correlation
        rest = np.sqrt(1.0 - self.actor**2 - self.partner**2 - both)
        e = correlated(rng, samples, n, self.residual_correlation)
        return x, self.actor * x + self.partner * x[..., ::-1] + rest * e


def correlated(rng: np.random.Generator, samples: int, n: int, r: float) -> np.ndarray:
    """Standard normal scores of partners with a correlation (samples, n, 2)."""
    z = rng.normal(size=(samples, n, 2))
    return np.stack([z[..., 0], r * z[..., 0] + np.sqrt(1.0 - r * r) * z[..., 1]], axis=-1)


@dataclass(frozen=True)
class EffectFigures:
    """What R samples of n pairs gave for actor and partner effects (both roles together).

    The two roles of a sample are alike, so every figure has in `errors` the standard error of its mean over samples.
    """

    n: int
    samples: int
    world: PairWorld
    actor_bias: float
    partner_bias: float
    actor_coverage: float
    partner_coverage: float
    partner_found: float
    actor_without_partner: float
    errors: Mapping[str, float]

    def __str__(self) -> str:
        return (
            f"T8 n={self.n} R={self.samples}: actor {self.world.actor} bias {self.actor_bias:+.4f} coverage {self.actor_coverage:.3f}, "
            f"partner {self.world.partner} bias {self.partner_bias:+.4f} coverage {self.partner_coverage:.3f} "
            f"found {self.partner_found:.3f}; actor without partner {self.actor_without_partner:.3f}"
        )


def simulate_effects(samples: int, n: int, seed: int, world: PairWorld | None = None) -> EffectFigures:
    """T8: bias, coverage and power of the t intervals; control: the actor effect when the partner is left out of the model."""
    world = world or PairWorld()
    x, y = world.draw(np.random.default_rng(seed), samples, n)
    found = regress_pairs(x, y)
    estimates, errors = found.estimates()[..., 1:], found.errors()[..., 1:]
    truth, reach = np.array([world.actor, world.partner]), student.ppf(0.975, found.df) * errors
    # Samples x effects: both roles of a sample together.
    held, centre = (np.abs(estimates - truth) <= reach).mean(axis=1), estimates.mean(axis=1) - truth
    found_partner = (np.abs(estimates[..., 1]) > reach[..., 1]).mean(axis=1)
    centred = x - x.mean(axis=1, keepdims=True)
    alone = (centred * y).sum(axis=1) / (centred**2).sum(axis=1)
    by_sample = {
        "actor_bias": centre[:, 0],
        "partner_bias": centre[:, 1],
        "actor_coverage": held[:, 0],
        "partner_coverage": held[:, 1],
        "partner_found": found_partner,
        "actor_without_partner": alone.mean(axis=1),
    }
    means = {name: float(values.mean()) for name, values in by_sample.items()}
    errors = {name: standard_error(values) for name, values in by_sample.items()}
    return EffectFigures(n, samples, world, **means, errors=errors)


@dataclass(frozen=True)
class CorrelationFigures:
    """How often Fisher's interval of n pairs held the truth, and one that counts people instead of pairs."""

    n: int
    samples: int
    r: float
    coverage: float
    coverage_of_people: float

    def __str__(self) -> str:
        return (
            f"T9 n={self.n} R={self.samples} r={self.r}: coverage {self.coverage:.3f}, "
            f"with people counted {self.coverage_of_people:.3f}"
        )


def simulate_correlation(samples: int, n: int, seed: int, r: float = 0.3) -> CorrelationFigures:
    """T9: coverage of the interval of the partners' correlation; control: 2 n people taken as so many pairs."""
    scores = correlated(np.random.default_rng(seed), samples, n, r)
    scores = scores - scores.mean(axis=1, keepdims=True)
    products = np.einsum("rni,rnj->rij", scores, scores)
    found = products[:, 0, 1] / np.sqrt(products[:, 0, 0] * products[:, 1, 1])
    held = []
    for count in (n, 2 * n):
        low, high = fisher_interval(found, count)
        held.append(float(((low <= r) & (r <= high)).mean()))
    return CorrelationFigures(n, samples, r, *held)


def main_effects() -> dict[str, float]:
    """A truth in which only the two levels matter."""
    return {"b0": 3.0, "b1": 0.2, "b2": 0.5}


@dataclass(frozen=True)
class SurfaceWorld:
    """D9: two scores around a scale's midpoint, and the true surface over them."""

    coefficients: Mapping[str, float] = field(default_factory=main_effects)
    means: tuple[float, float] = (0.2, 0.6)
    sd: float = 0.75
    correlation: float = 0.3
    noise: float = 0.6

    def vector(self) -> np.ndarray:
        """b0 to b5."""
        return np.array([self.coefficients.get(f"b{place}", 0.0) for place in range(6)])

    def draw(
        self, rng: np.random.Generator, samples: int, n: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mentor's and mentee's centred scores and the outcome (samples, n)."""
        scores = np.array(self.means) + self.sd * correlated(rng, samples, n, self.correlation)
        x, y = scores[..., 0], scores[..., 1]
        b = self.vector()
        z = b[0] + b[1] * x + b[2] * y + b[3] * x * x + b[4] * x * y + b[5] * y * y
        return x, y, z + rng.normal(0.0, self.noise, size=z.shape)


CONGRUENT = SurfaceWorld({"b0": 3.0, "b3": -0.4, "b4": 0.8, "b5": -0.4})
CURVED = SurfaceWorld({"b0": 3.0, "b1": 0.4, "b2": 0.1, "b3": -0.3, "b4": 0.3, "b5": -0.15})
# The partners differ by the scores, not by their agreement: the larger score of either makes the outcome better.
DIFFERENCE_ONLY = SurfaceWorld({"b0": 3.0, "b1": 0.4, "b2": -0.4})


@dataclass(frozen=True)
class SurfaceFigures:
    """What R samples of n pairs gave: surface parameters, claims of congruence, and what difference scores would have claimed.

    `mean_errors` and `discrepancy_error` are standard errors over samples.
    """

    n: int
    samples: int
    truth: Mapping[str, float]
    mean: Mapping[str, float]
    mean_errors: Mapping[str, float]
    congruence: float
    by_difference: float
    by_absolute_difference: float
    discrepancy_bias: float
    discrepancy_error: float

    def __str__(self) -> str:
        values = ", ".join(f"{name} {self.truth[name]:+.2f} -> {self.mean[name]:+.3f}" for name in SURFACE)
        return (
            f"T11 n={self.n} R={self.samples}: {values}; congruence claimed {self.congruence:.3f}, an effect of D {self.by_difference:.3f}, "
            f"of |D| {self.by_absolute_difference:.3f}; bias of mean D {self.discrepancy_bias:+.4f}"
        )


def simulate_surface(samples: int, n: int, seed: int, world: SurfaceWorld | None = None) -> SurfaceFigures:
    """T11: recovery of a1 to a5 and claims of congruence; control: the outcome regressed on D or on its size."""
    world = world or SurfaceWorld()
    x, y, z = world.draw(np.random.default_rng(seed), samples, n)
    fit = fit_surface(x, y, z)
    conditions = check_congruence(fit, float(student.ppf(0.975, fit.df)))
    claimed = np.logical_and.reduce([conditions[name] for name in CONGRUENCE])
    found, gap = fit.surface()[0], (x - y).mean(axis=1)
    return SurfaceFigures(
        n,
        samples,
        dict(zip(SURFACE, (CONTRASTS @ world.vector()).tolist(), strict=True)),
        dict(zip(SURFACE, found.mean(axis=0).tolist(), strict=True)),
        {name: standard_error(found[:, place]) for place, name in enumerate(SURFACE)},
        float(claimed.mean()),
        _found(x - y, z),
        _found(np.abs(x - y), z),
        float(gap.mean() - (world.means[0] - world.means[1])),
        standard_error(gap),
    )


def _found(predictor: np.ndarray, z: np.ndarray) -> float:
    """Share of the samples in which a single predictor is significant at .05."""
    n = predictor.shape[-1]
    p, q = predictor - predictor.mean(axis=-1, keepdims=True), z - z.mean(axis=-1, keepdims=True)
    r = (p * q).sum(axis=-1) / np.sqrt((p * p).sum(axis=-1) * (q * q).sum(axis=-1))
    return float((np.abs(r) * np.sqrt((n - 2) / (1.0 - r * r)) > student.ppf(0.975, n - 2)).mean())
