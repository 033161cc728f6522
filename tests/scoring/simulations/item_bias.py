"""Target T15 of the measurement plan: false flags of a scale, and power for an item whose thresholds are shifted (model D5).

One factor, normal answers of unit variance cut into five categories at the pilot model's thresholds (6.1), loading .75. In the second
group the answers behind one item lie lower by `shift` standard deviations of these answers, or of the factor where `unit` says so.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from scoring.dif import differential_functioning

THRESHOLDS = (-2.0, -1.2, -0.45, 0.75)
LOADING = 0.75
BIASED = "i2"


def draw_groups(
    rng: np.random.Generator,
    n: int,
    *,
    k: int = 5,
    shift: float = 0.0,
    impact: float = 0.0,
    loading: float = LOADING,
    unit: str = "answer",
) -> tuple[pd.DataFrame, pd.Series]:
    """Answers of n people in each of two groups; `impact` is how much higher the second stands, `loading` the item's own there."""
    group = np.repeat([0, 1], n)
    factor = rng.normal(size=2 * n) + impact * group
    loadings = np.full((2 * n, k), LOADING)
    loadings[group == 1, 2] = loading
    latent = loadings * factor[:, None] + np.sqrt(1 - loadings**2) * rng.normal(size=(2 * n, k))
    latent[:, 2] -= group * shift * (LOADING if unit == "factor" else 1.0)
    codes = 1.0 + np.searchsorted(THRESHOLDS, latent)
    return pd.DataFrame(codes, columns=[f"i{item}" for item in range(k)]), pd.Series(group)


@dataclass(frozen=True)
class BiasFigures:
    """Shares of samples in which an item without bias was flagged (a false flag of the scale), and the biased one.

    `unmatched` is the share in which a comparison of item means, which knows nothing of the trait, flags an item without bias.
    """

    n: int
    samples: int
    shift: float
    unit: str
    impact: float
    trait: str
    false_flags: float
    power: float
    log_odds: float
    unmatched: float

    def __str__(self) -> str:
        return (
            f"T15 n={self.n} per group R={self.samples} {self.trait}, shift {self.shift} SD of the {self.unit}, impact {self.impact}: "
            f"false flags {self.false_flags:.4f}, power {self.power:.3f}, mean log-odds {self.log_odds:+.3f}"
        )


def simulate_bias(
    samples: int,
    n: int,
    seed: int,
    *,
    shift: float = 0.0,
    unit: str = "answer",
    impact: float = 0.0,
    trait: str = "rest",
) -> BiasFigures:
    """T15: false flags per scale, and power where there is a shift."""
    rng = np.random.default_rng(seed)
    false, found, unmatched, effects = 0, 0, 0, []
    for _ in range(samples):
        items, groups = draw_groups(rng, n, shift=shift, unit=unit, impact=impact)
        report = differential_functioning(items, groups, trait=trait)
        false += bool(set(report.flagged) - ({BIASED} if shift else set()))
        found += BIASED in report.flagged
        fair = items.drop(columns=BIASED) if shift else items
        p = ttest_ind(fair[groups == 0], fair[groups == 1]).pvalue
        unmatched += bool(p.min() < 0.01 / items.shape[1])
        effects.append(report.effects.at[(BIASED, "1"), "log_odds"])
    return BiasFigures(
        n,
        samples,
        shift,
        unit,
        impact,
        trait,
        false / samples,
        found / samples,
        float(np.mean(effects)),
        unmatched / samples,
    )
