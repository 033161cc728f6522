"""Whole programmes with a known truth, as a table of raw item answers: models D7, D8, D11 and D12 of the measurement plan on top of 6.1.

Answers follow the pilot model: a stable trait and an occasion make the factor of a scale at a wave, a stable and a passing part make the
answer of an item, four skewed thresholds cut it into five categories. Partners are alike, scales are alike, and everything that can bias
a report has a knob: who leaves and why, mentors who flatter, careless people, items that were skipped or do not apply yet, cohorts.
Nobody changes unless `gain` says so; recalibration has no knob, since none of these scales is asked in a then-test.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from scoring.change_report import ChangeOptions
from scoring.scale_sets import ScaleKeys, ScaleSet
from tests.scoring.simulations.reliability import THRESHOLDS

ROLES = ("mentor", "mentee")
LOADING, TRAIT, STABLE = 0.75, 0.8, 0.35
SIZES: Mapping[str, int] = {"PS": 6, "PW_V": 4, "TR": 6, "RQ": 4, "PSG": 3}
MIRRORED = ("PW_V", "PSG")
PRIMARY = ("PS", "PW_V")
# What the released trial check asks besides PS: two items of each scale on the pair, nothing on other people.
TRIAL_ITEMS = ("PWV1", "PWV2", "TR1", "TR4", "RQ1", "RQ2")

ITEMS: Mapping[str, tuple[str, ...]] = {
    name: tuple(f"{name.replace('_', '')}{number}" for number in range(1, k + 1)) for name, k in SIZES.items()
}
COLUMNS = [item for items in ITEMS.values() for item in items]
SCALES = ScaleSet(
    tuple(
        ScaleKeys(name, dict.fromkeys(items, 1), 1.0, 5.0, whole=True, same_wording=name not in MIRRORED)
        for name, items in ITEMS.items()
    )
)
PRIMARY_SCALES = ScaleSet(tuple(scale for scale in SCALES.scales if scale.name in PRIMARY))
# Which scale each column belongs to, by place.
_SCALE_OF = np.repeat(np.arange(len(SIZES)), list(SIZES.values()))


@dataclass(frozen=True)
class World:
    """The truth of a programme.

    Attributes
    ----------
    pairs : int
    counted : "invited" or "complete"
        What `pairs` counts: those who began, or those of whom both partners answered PS at the first and at the last wave.
    waves : tuple of str
    short_trial : bool
        Whether the first wave asks, as the released trial check does, only two items of the other scales on the pair; their change
        then begins at the second wave.
    gain : float
        Change of the expected PS score of both roles from the first wave to the last, in points, in equal steps.
    partner, general : float
        Correlation of partners on a scale, and share of a factor that all scales have in common.
    dropout : float
        Share of people who are missing at the last wave: one half leave as pairs for good, the other miss waves singly. Who would do
        both counts once, so about a tenth fewer are missing.
    reason : "current", "trial" or "chance"
        Whether low PS at the wave itself (MNAR), the PS score of the first wave (MAR) or nothing (MCAR) makes people leave.
    pull : float
        Log odds of leaving per standard deviation of that PS; of the pair's mean for leaving as a pair.
    inflation : (float, float)
        Least and most that a mentor's answers are raised at every wave, in standard deviations of an answer.
    careless : (float, float)
        Least and most share of careless people in a programme; a third each answer at random, with one code, or with care at first only.
    skipped : float
        Share of items left out; twice as many where the answer would have been 1 or 2.
    not_yet : float
        Share of harder items that do not apply yet at the first wave.
    difficulty : float
        How far the easiest and the hardest item of a scale lie from the middle one.
    cohorts : int
    cohort_level : float
        Intraclass correlation of levels in cohorts.
    cohort_shock : float
        Intraclass correlation of changes in cohorts. Above 0 a cohort does change, although cohorts on average do not.
    """

    pairs: int = 40
    counted: Literal["invited", "complete"] = "invited"
    waves: tuple[str, ...] = ("TC", "T2", "T3")
    short_trial: bool = True
    gain: float = 0.0
    partner: float = 0.3
    general: float = 0.5
    dropout: float = 0.0
    reason: Literal["current", "trial", "chance"] = "current"
    pull: float = 1.5
    inflation: tuple[float, float] = (0.0, 0.0)
    careless: tuple[float, float] = (0.0, 0.0)
    skipped: float = 0.0
    not_yet: float = 0.0
    difficulty: float = 0.0
    cohorts: int = 1
    cohort_level: float = 0.0
    cohort_shock: float = 0.0

    @property
    def options(self) -> ChangeOptions:
        """What a user would ask of the report."""
        cohort = "cohort" if self.cohorts > 1 else None
        return ChangeOptions("pair", "role", "wave", cohort=cohort, order=self.waves)


# D12: nobody changes, and every bias is on.
BIASES = {
    "dropout": 0.28,
    "inflation": (0.3, 0.8),
    "careless": (0.05, 0.15),
    "skipped": 0.03,
    "not_yet": 0.08,
    "difficulty": 0.3,
    "cohorts": 2,
    "cohort_level": 0.05,
}


def null_world(pairs: int, **knobs: object) -> World:
    """D12 of so many pairs; knobs replace single biases."""
    return World(pairs, **{**BIASES, **knobs})  # type: ignore[arg-type]


def draw_programme(rng: np.random.Generator, world: World) -> pd.DataFrame:
    """The answers of one programme: a row for each person and wave at which anything was answered, a column for each item."""
    n = world.pairs
    if world.counted == "complete":
        # More than enough are invited; the list ends with the pair that completes the number.
        n = math.ceil(1.5 * world.pairs / (1.0 - world.dropout) ** 2) + 10
    cohort = np.arange(n) % world.cohorts
    factors = _draw_factors(rng, n, cohort, world)
    shape = (n, 2, len(world.waves), len(COLUMNS))
    stable, passing = rng.normal(size=(n, 2, 1, len(COLUMNS))), rng.normal(size=shape)
    unique = np.sqrt(STABLE) * stable + np.sqrt(1.0 - STABLE) * passing
    raised = np.zeros((n, 2, 1, 1))
    raised[:, 0] = rng.uniform(*world.inflation, size=(n, 1, 1))
    shifted = factors + _shifts(world)
    latent = LOADING * shifted[..., _SCALE_OF] + np.sqrt(1.0 - LOADING**2) * unique
    codes = 1.0 + np.searchsorted(THRESHOLDS, latent + raised + _easiness(world.difficulty))
    _answer_carelessly(rng, codes, world)
    # Who stays is not a matter of how much the programme gave: low is low beside the others.
    gone = _draw_missing(rng, factors[..., 0], codes[:, :, 0, : SIZES["PS"]].mean(axis=-1), world)
    _leave_out(rng, codes, world)
    kept = ~gone
    if world.counted == "complete":
        complete = kept[:, :, [0, -1]].all(axis=(1, 2))
        kept[np.cumsum(complete) - complete >= world.pairs] = False
    return _as_table(codes, kept, cohort, world)


def latent_shift(gain: float, inflation: tuple[float, float] = (0.0, 0.0), difficulty: float = 0.0) -> float:
    """How far the factor of PS has to move, in its standard deviations, for the expected score to change by `gain` points."""
    return _solve_shift(float(gain), tuple(map(float, inflation)), float(difficulty))


def expected_score(
    shift: float, inflation: tuple[float, float] = (0.0, 0.0), difficulty: float = 0.0
) -> float:
    """Mean PS score of the model: an answer is normal with variance 1, and the inflation is uniform and integrated over."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    low, high = inflation
    raised = (low + high) / 2.0 + (high - low) / 2.0 * nodes
    centre = LOADING * shift + raised[:, None] + _easiness(difficulty)[: SIZES["PS"]]
    above = ndtr(centre[..., None] - np.array(THRESHOLDS)).sum(axis=-1)
    return float(1.0 + (above.mean(axis=1) * weights).sum() / 2.0)


@cache
def _solve_shift(gain: float, inflation: tuple[float, float], difficulty: float) -> float:
    """The root of the expected change."""
    start = expected_score(0.0, inflation, difficulty)
    return float(brentq(lambda shift: expected_score(shift, inflation, difficulty) - start - gain, -6.0, 6.0))


def _shifts(world: World) -> np.ndarray:
    """What is added to the factors: roles, waves, scales. Each wave has its share of the expected gain."""
    found = np.zeros((2, len(world.waves), len(SIZES)))
    for side, inflation in enumerate((world.inflation, (0.0, 0.0))):
        for wave in range(1, len(world.waves)):
            gain = world.gain * wave / (len(world.waves) - 1)
            found[side, wave, 0] = latent_shift(gain, inflation, world.difficulty) if gain else 0.0
    return found


def _easiness(difficulty: float) -> np.ndarray:
    """How much easier than the middle one each item is; easy and hard ones take turns within a scale."""
    return np.concatenate([difficulty * np.linspace(1.0, -1.0, k)[_alternate(k)] for k in SIZES.values()])


def _alternate(k: int) -> list[int]:
    """Places from both ends in turn, so that the trial check asks easy and hard items."""
    return [place // 2 if place % 2 == 0 else k - 1 - place // 2 for place in range(k)]


def _draw_factors(rng: np.random.Generator, n: int, cohort: np.ndarray, world: World) -> np.ndarray:
    """Factors of variance 1: pairs, roles, waves, scales."""

    def alike(*waves: int) -> np.ndarray:
        """Normal values, correlated between partners and between scales."""
        parts = []
        for people in (1, 2):
            common = rng.normal(size=(n, people, *waves, 1))
            own = rng.normal(size=(n, people, *waves, len(SIZES)))
            parts.append(np.sqrt(world.general) * common + np.sqrt(1.0 - world.general) * own)
        return np.asarray(np.sqrt(world.partner) * parts[0] + np.sqrt(1.0 - world.partner) * parts[1])

    k = len(world.waves)
    factors = np.sqrt(TRAIT) * alike(1) + np.sqrt(1.0 - TRAIT) * alike(k)
    level = rng.normal(size=world.cohorts)[cohort][:, None, None, None]
    factors = np.sqrt(1.0 - world.cohort_level) * factors + np.sqrt(world.cohort_level) * level
    # The occasion's share is what differs between two waves, so the shock is measured against it.
    odds = world.cohort_shock / (1.0 - world.cohort_shock)
    shock = rng.normal(size=(world.cohorts, k))[cohort][:, None, :, None]
    return np.asarray(factors + np.sqrt(odds * (1.0 - TRAIT)) * shock)


def _answer_carelessly(rng: np.random.Generator, codes: np.ndarray, world: World) -> None:
    """Replace what careless people answered, at every wave anew (model D8)."""
    n, _, k, items = codes.shape
    people = 2 * n
    sort = np.zeros(people, dtype=int)
    chosen = rng.permutation(people)[: round(rng.uniform(*world.careless) * people)]
    sort[chosen] = 1 + np.arange(len(chosen)) % 3
    sort = sort.reshape(n, 2, 1, 1)
    noise = rng.integers(1, 6, size=codes.shape)
    line = rng.integers(1, 6, size=(n, 2, k, 1))
    late = np.arange(items) >= items // 2
    codes[:] = np.where((sort == 1) | ((sort == 3) & late), noise, codes)
    codes[:] = np.where(sort == 2, line, codes)


def _draw_missing(
    rng: np.random.Generator, current: np.ndarray, trial: np.ndarray, world: World
) -> np.ndarray:
    """Whether each person is missing at each wave; nobody is at the first."""
    n, _, k = current.shape
    gone = np.zeros((n, 2, k), dtype=bool)
    if not world.dropout:
        return gone
    half = world.dropout / 2.0
    as_pair = 1.0 - (1.0 - half) ** (1.0 / (k - 1))
    alone = half / (1.0 - half)
    left = np.zeros(n, dtype=bool)
    for wave in range(1, k):
        state = current[:, :, wave] if world.reason == "current" else trial
        state = (state - state.mean()) / state.std()
        pull = 0.0 if world.reason == "chance" else world.pull
        together = state.mean(axis=1)
        together = together / np.sqrt((1.0 + world.partner) / 2.0)
        left |= rng.random(n) < expit(_intercept(as_pair, pull) - pull * together)
        missed = rng.random((n, 2)) < expit(_intercept(alone, pull) - pull * state)
        gone[:, :, wave] = left[:, None] | missed
    return gone


@cache
def _intercept(share: float, pull: float) -> float:
    """The intercept at which a standard normal state leaves with a probability of `share` on average."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    return float(brentq(lambda a: float(expit(a - pull * nodes) @ weights) - share, -30.0, 30.0))


def _leave_out(rng: np.random.Generator, codes: np.ndarray, world: World) -> None:
    """Set single answers to missing: not asked, skipped, or not applicable yet."""
    low = codes <= 2
    codes[rng.random(codes.shape) < world.skipped * np.where(low, 2.0, 1.0)] = np.nan
    hard = _easiness(world.difficulty) < 0
    first = codes[:, :, 0]
    first[(rng.random(first.shape) < world.not_yet) & hard] = np.nan
    if world.short_trial:
        asked = [column in ITEMS["PS"] or column in TRIAL_ITEMS for column in COLUMNS]
        first[..., ~np.array(asked)] = np.nan


def _as_table(codes: np.ndarray, kept: np.ndarray, cohort: np.ndarray, world: World) -> pd.DataFrame:
    """A row for each person and wave that is there."""
    pair, side, wave = np.nonzero(kept)
    table = pd.DataFrame(codes[kept], columns=COLUMNS)
    labels = pd.DataFrame(
        {
            "pair": [f"p{number:03d}" for number in pair],
            "role": np.array(ROLES, dtype=object)[side],
            "wave": np.array(world.waves, dtype=object)[wave],
            "cohort": [f"c{number}" for number in cohort[pair]],
        }
    )
    return pd.concat([labels, table], axis=1)
