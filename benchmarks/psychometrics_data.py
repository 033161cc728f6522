"""The answers that the benchmark analyses: 6 scales of 5 items, pairs of two people, three waves, nothing missing.

    python -m benchmarks.psychometrics_data --pairs 1000 --out answers.csv

Five-point items, skewed as in section 6.1 of the measurement plan: a factor at a wave is a stable trait and an occasion,
`f = sqrt(.8) T + sqrt(.2) S`; an answer is cut from `l f + sqrt(1 - l^2) (sqrt(.35) U + sqrt(.65) e)` at -2, -1.2, -.45 and .75,
where U is the person's own reading of that item, the same at every wave. Loadings and thresholds are equal over roles and waves, so
every kind of invariance holds. The six factors are correlated, and so are the traits of the two people of a pair.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20251
N_WAVES = 3
ROLES = ("mentor", "mentee")
LOADINGS = np.array([0.75, 0.70, 0.80, 0.65, 0.85])
THRESHOLDS = np.array([-2.0, -1.2, -0.45, 0.75])
# The correlation of two factors is this to the power of their distance: unequal, so that a mix-up of factors shows.
FACTOR_CORRELATION = 0.6
PAIR_RESEMBLANCE = 0.30


def name_items(k_scales: int) -> dict[str, tuple[str, ...]]:
    """The items of each scale, numbered through."""
    k = len(LOADINGS)
    return {f"s{s + 1}": tuple(f"q{k * s + i + 1:02d}" for i in range(k)) for s in range(k_scales)}


SCALES = name_items(6)
ITEMS = tuple(item for items in SCALES.values() for item in items)


def make_answers(n_pairs: int, seed: int = SEED) -> pd.DataFrame:
    """Long table, 2 x 3 rows a pair: `pair`, `role`, `wave` (0 to 2), then q01 to q30 with codes 1 to 5."""
    return draw_answers(n_pairs, np.random.default_rng(seed), len(SCALES), N_WAVES)


def draw_answers(
    n_pairs: int,
    rng: np.random.Generator,
    k_factors: int,
    n_waves: int,
    change: np.ndarray | float = 0.0,
) -> pd.DataFrame:
    """Answers to five items of each of so many factors, which are moved by `change` (roles x waves x factors, in their spread)."""
    k_items, n_roles = k_factors * len(LOADINGS), len(ROLES)
    scales = np.arange(k_factors)
    root = np.linalg.cholesky(FACTOR_CORRELATION ** np.abs(scales[:, None] - scales)).T
    shared = rng.standard_normal((n_pairs, 1, 1, k_factors)) @ root
    own = rng.standard_normal((n_pairs, n_roles, 1, k_factors)) @ root
    trait = np.sqrt(PAIR_RESEMBLANCE) * shared + np.sqrt(1 - PAIR_RESEMBLANCE) * own
    occasion = rng.standard_normal((n_pairs, n_roles, n_waves, k_factors)) @ root
    factors = np.sqrt(0.8) * trait + np.sqrt(0.2) * occasion + change
    reading = rng.standard_normal((n_pairs, n_roles, 1, k_items))
    error = rng.standard_normal((n_pairs, n_roles, n_waves, k_items))
    noise = np.sqrt(0.35) * reading + np.sqrt(0.65) * error
    loadings = np.tile(LOADINGS, k_factors)
    latent = loadings * np.repeat(factors, len(LOADINGS), axis=-1) + np.sqrt(1 - loadings**2) * noise
    answers = 1 + np.searchsorted(THRESHOLDS, latent)
    index = pd.MultiIndex.from_product(
        [range(1, n_pairs + 1), ROLES, range(n_waves)], names=["pair", "role", "wave"]
    )
    columns = [item for items in name_items(k_factors).values() for item in items]
    return pd.DataFrame(answers.reshape(-1, k_items), index=index, columns=columns).reset_index()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    make_answers(options.pairs).to_csv(options.out, index=False)
