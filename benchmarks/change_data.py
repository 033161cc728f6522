"""The answers that the change benchmark analyses: pairs of two people at several waves, some of whom leave.

    python -m benchmarks.change_data --pairs 1000 --scales 12 --waves 3 --out answers.csv

The answers are those of `psychometrics_data.draw_answers` (skewed five-point items, stable traits that partners share in part), moved
a little from wave to wave. People leave for good: of all pairs 6 % stop together before each later wave, and of the remaining people
5 % stop alone, sooner where they score low; one answer in a hundred is skipped. With three waves about a tenth of all scores is
missing. Pairs belong to four cohorts.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.psychometrics_data import ROLES, draw_answers

SEED = 20261
N_COHORTS = 4
PAIRS_LEAVE, PEOPLE_LEAVE, SKIPPED = 0.06, 0.05, 0.01
# What a factor moves by between two waves in its own spread: mentors more than mentees, later scales less, the last ones down.
LARGEST_MOVE = 0.25
LABELS = ("pair", "cohort", "role", "wave")


def make_answers(n_pairs: int, k_scales: int = 12, n_waves: int = 3, seed: int = SEED) -> pd.DataFrame:
    """Long table with `pair`, `cohort`, `role`, `wave` and five items a scale, NaN where skipped; no rows of those who left."""
    rng = np.random.default_rng(seed)
    moves = LARGEST_MOVE * np.linspace(1.0, -0.2, k_scales)
    change = np.array([1.0, 0.6])[:, None, None] * np.arange(n_waves)[None, :, None] * moves
    table = draw_answers(n_pairs, rng, k_scales, n_waves, change)
    table.insert(1, "cohort", "c" + (1 + (table["pair"] - 1) % N_COHORTS).astype(str))
    items = [column for column in table.columns if column not in LABELS]
    answers = table[items].to_numpy(dtype=np.float64, copy=True)
    level = answers.mean(axis=1).reshape(n_pairs, len(ROLES), n_waves)
    answers[rng.random(answers.shape) < SKIPPED] = np.nan
    table = pd.concat([table[list(LABELS)], pd.DataFrame(answers, columns=items)], axis=1)
    return table[stay(level, rng).reshape(-1)].reset_index(drop=True)


def stay(level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Who is still there, pairs x roles x waves: people leave for good, sooner after a low level at the wave before."""
    there = np.ones(level.shape, dtype=bool)
    for wave in range(1, level.shape[2]):
        low = np.exp(-0.8 * (level[:, :, wave - 1] - level.mean()))
        alone = rng.random(level.shape[:2]) < PEOPLE_LEAVE * low
        together = rng.random((len(level), 1)) < PAIRS_LEAVE
        there[:, :, wave] = there[:, :, wave - 1] & ~alone & ~together
    return there


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--scales", type=int, default=12)
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    answers = make_answers(options.pairs, options.scales, options.waves)
    answers.to_csv(options.out, index=False, float_format="%.0f")


if __name__ == "__main__":
    main()
