"""Targets T1 and T2 of the measurement plan: bias and coverage of alpha and omega under model D1, whose truth is known exactly.

D1 is the plan's pilot model (6.1) at one wave: one factor, normal answers cut into five categories at skewed thresholds. Item means
given the factor are sums of normal probabilities, so covariances, and with them alpha and omega, are integrals over one normal
variable.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from scoring.omega import omega_total
from scoring.one_factor import fit_one_factor
from scoring.reliability import alpha_statistics
from tests.scoring.simulations.monte_carlo import standard_error

THRESHOLDS = (-2.0, -1.2, -0.45, 0.75)
NAMES = tuple(f"i{number}" for number in range(1, 31))
NODES = 120
OFF = 0.15


@dataclass(frozen=True)
class OneFactorWorld:
    """Loadings of the answers behind the codes, and where these are cut; the same thresholds for every item."""

    loadings: tuple[float, ...] = (0.75,) * 5
    thresholds: tuple[float, ...] = THRESHOLDS

    def covariance(self) -> np.ndarray:
        """Covariances of the codes by Gauss-Hermite integration over the factor."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        weights = weights / weights.sum()
        loadings, cuts = np.array(self.loadings), np.array(self.thresholds)
        root = np.sqrt(1.0 - loadings**2)
        # A code is 1 plus the thresholds exceeded; given the factor the items are independent.
        above = ndtr((loadings[:, None, None] * nodes - cuts[:, None]) / root[:, None, None])
        means = above.sum(axis=1)
        overall = means @ weights
        covariance = (means * weights) @ means.T - np.outer(overall, overall)
        passed = 1.0 - ndtr(cuts)
        # E (sum of steps)^2: the step at cut c is passed together with every lower one.
        square = (passed * (2 * np.arange(len(cuts)) + 1)).sum()
        covariance[np.diag_indices(len(loadings))] = square - passed.sum() ** 2
        return covariance

    def alpha(self) -> float:
        """Cronbach's formula on the true covariances."""
        covariance, k = self.covariance(), len(self.loadings)
        return k / (k - 1) * (1 - np.trace(covariance) / covariance.sum())

    def omega(self) -> float:
        """Omega of the one-factor model of the true covariances."""
        return float(fit_one_factor(self.covariance()).omega())

    def draw(self, rng: np.random.Generator, n: int) -> pd.DataFrame:
        """Answers of n people."""
        loadings = np.array(self.loadings)
        latent = loadings * rng.normal(size=(n, 1)) + np.sqrt(1 - loadings**2) * rng.normal(
            size=(n, len(loadings))
        )
        codes = 1.0 + np.searchsorted(self.thresholds, latent)
        return pd.DataFrame(codes, columns=list(NAMES[: len(loadings)]))


PILOT = OneFactorWorld()
UNEQUAL = OneFactorWorld((0.85, 0.80, 0.70, 0.60, 0.50))


@dataclass(frozen=True)
class AlphaFigures:
    """What R samples of n people gave: mean minus truth with its standard error, and how often the two intervals held the truth.

    `off` is how often Feldt's interval held a value .15 below the truth, which it should not.
    """

    n: int
    samples: int
    undefined: int
    truth: float
    bias: float
    bias_error: float
    feldt: float
    bonett: float
    off: float

    def __str__(self) -> str:
        return (
            f"T1 n={self.n} R={self.samples}: alpha {self.truth:.4f}, bias {self.bias:+.4f}, coverage Feldt {self.feldt:.3f}, "
            f"Bonett {self.bonett:.3f}, undefined {self.undefined}"
        )


def simulate_alpha(samples: int, n: int, seed: int, world: OneFactorWorld = PILOT) -> AlphaFigures:
    """T1: bias of alpha, coverage of Feldt's and Bonett's intervals."""
    rng, truth = np.random.default_rng(seed), world.alpha()
    results = [alpha_statistics(world.draw(rng, n)) for _ in range(samples)]
    # In a small sample everybody may give the same answer to an item; alpha is not defined then.
    found = [result for result in results if result.converged]
    return AlphaFigures(
        n,
        samples,
        samples - len(found),
        truth,
        float(np.mean([result.raw for result in found])) - truth,
        standard_error([result.raw for result in found]),
        float(np.mean([result.feldt.low <= truth <= result.feldt.high for result in found])),
        float(np.mean([result.bonett.low <= truth <= result.bonett.high for result in found])),
        float(np.mean([result.feldt.low <= truth - OFF <= result.feldt.high for result in found])),
    )


@dataclass(frozen=True)
class OmegaFigures:
    """What R samples of n people gave: refusals, mean minus truth, and how often the interval held the truth.

    `off` is how often the interval held a value .15 below the truth, which it should not.
    """

    n: int
    samples: int
    refused: int
    truth: float
    bias: float
    coverage: float
    off: float

    def __str__(self) -> str:
        return (
            f"T2 n={self.n} R={self.samples}: omega {self.truth:.4f}, bias {self.bias:+.4f}, coverage {self.coverage:.3f}, "
            f"refused {self.refused}"
        )


def simulate_omega(
    samples: int,
    n: int,
    seed: int,
    world: OneFactorWorld = PILOT,
    *,
    n_draws: int = 1000,
    interval: str = "normal-bootstrap",
) -> OmegaFigures:
    """T2: refusals of omega total, its bias, and the coverage of an interval (NaN where all were refused)."""
    rng, truth = np.random.default_rng(seed), world.omega()
    results = [
        omega_total(world.draw(rng, n), interval=interval, n_draws=n_draws, seed=draw)
        for draw in range(samples)
    ]
    found = [result for result in results if result.low is not None]
    return OmegaFigures(
        n,
        samples,
        samples - len(found),
        truth,
        float(np.mean([result.value for result in found])) - truth if found else np.nan,
        float(np.mean([result.low <= truth <= result.high for result in found])) if found else np.nan,
        float(np.mean([result.low <= truth - OFF <= result.high for result in found])) if found else np.nan,
    )
