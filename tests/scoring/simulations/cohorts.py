"""Targets T12, T13, T16, T17 and T19 of the measurement plan (6.3), each with the control that must fail.

Scores are normal. Everything but the mixed model of T17 runs on whole arrays of samples; the first samples are put through the product's own
functions too, so that both are the same.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from scoring.cohort_arms import compare_arms
from scoring.equivalence import two_one_sided
from scoring.errors import ScoringError
from scoring.goals import RHO, goal_attainment
from scoring.imputation import Imputations, impute_pairs
from scoring.missing_change import tipping_point
from scoring.mixed import fit_mixed
from scoring.skills import skill_verdict
from tests.scoring.simulations.monte_carlo import standard_error

CHECKED = 3


@dataclass(frozen=True)
class CohortFigures:
    """T12: shares of samples in which a design without effect was "significant"."""

    icc: float
    samples: int
    by_cohorts: float
    by_labels: float
    naive: float
    agrees: bool

    def __str__(self) -> str:
        return (
            f"T12 ICC {self.icc} R={self.samples}: t on cohort means {self.by_cohorts:.4f}, permutation of labels "
            f"{self.by_labels:.4f}, naive pooling of pairs {self.naive:.4f}"
        )


def simulate_cohorts(
    samples: int, seed: int, *, icc: float, k: int = 5, pairs: int = 20, effect: float = 0.0
) -> CohortFigures:
    """T12 (model D4): k cohorts in each arm. Naive pooling, which no function of the product does, is the negative control."""
    rng = np.random.default_rng(seed)
    arm = np.repeat([1.0, 0.0], k)
    shift = np.sqrt(icc) * rng.normal(size=(samples, 2 * k)) + effect * arm
    changes = shift[:, :, None] + np.sqrt(1.0 - icc) * rng.normal(size=(samples, 2 * k, pairs))
    means = changes.mean(axis=2)
    by_cohorts = _p_of_two(means[:, :k], means[:, k:])
    flat = changes.reshape(samples, 2, k * pairs)
    naive = _p_of_two(flat[:, 0], flat[:, 1])
    lots = np.array(
        [np.isin(np.arange(2 * k), lot) for lot in itertools.combinations(range(2 * k), k)], dtype=float
    )
    centred = means - means.mean(axis=1, keepdims=True)
    sums = np.abs(centred @ lots.T)
    by_labels = (sums >= sums[:, :1] - 1e-9).mean(axis=1)
    agrees = all(
        np.allclose(_own(changes[number], arm), (by_cohorts[number], by_labels[number]), atol=1e-9)
        for number in range(CHECKED)
    )
    return CohortFigures(
        icc, samples, *(float((p <= 0.05).mean()) for p in (by_cohorts, by_labels, naive)), agrees=agrees
    )


def _p_of_two(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """p of the pooled t test in each row."""
    n_a, n_b = a.shape[1], b.shape[1]
    df = n_a + n_b - 2
    spread = (a.var(axis=1) * n_a + b.var(axis=1) * n_b) / df
    t = (a.mean(axis=1) - b.mean(axis=1)) / np.sqrt(spread * (1 / n_a + 1 / n_b))
    return 2.0 * student.sf(np.abs(t), df)


def _own(changes: np.ndarray, arm: np.ndarray) -> tuple[float, float]:
    """What the product says of one sample."""
    cohorts = pd.Series(np.repeat([f"c{n:02d}" for n in range(len(arm))], changes.shape[1]))
    names = {f"c{n:02d}": "new" if its else "old" for n, its in enumerate(arm)}
    found = compare_arms(pd.Series(changes.ravel()), cohorts, names, randomised=True)
    return found.p, found.permutation.p


@dataclass(frozen=True)
class EquivalenceFigures:
    """T13: share of samples in which equivalence was shown."""

    n: int
    bound: float
    true: float
    samples: int
    shown: float
    not_significant: float

    def __str__(self) -> str:
        return (
            f"T13 n={self.n} bound {self.bound} true {self.true} R={self.samples}: equivalent {self.shown:.4f}, "
            f"a t test not significant {self.not_significant:.4f}"
        )


def simulate_equivalence(samples: int, seed: int, *, n: int, bound: float, true: float) -> EquivalenceFigures:
    """T13: both one-sided tests on changes of unit spread; taking "not significant" for "equivalent" is the negative control."""
    rng = np.random.default_rng(seed)
    changes = true + rng.normal(size=(samples, n))
    mean, error = changes.mean(axis=1), changes.std(axis=1, ddof=1) / np.sqrt(n)
    p = np.maximum(*two_one_sided(mean, error, n - 1, bound))
    plain = 2.0 * student.sf(np.abs(mean / error), n - 1)
    return EquivalenceFigures(
        n, bound, true, samples, float((p <= 0.05).mean()), float((plain > 0.05).mean())
    )


@dataclass(frozen=True)
class SkillFigures:
    """T16: recalibration recovered (with its standard error over samples), and verdicts."""

    n: int
    gain: float
    gamma: float
    recall: float
    desirability: float
    samples: int
    recovered: float
    recovered_error: float
    improved: float
    recalibrated: float
    by_then_test: float

    def __str__(self) -> str:
        return (
            f"T16 n={self.n} gain {self.gain} gamma {self.gamma} recall {self.recall} desirability {self.desirability} "
            f"R={self.samples}: recalibration {self.recovered:+.3f}, improved {self.improved:.4f}, recalibrated "
            f"{self.recalibrated:.4f}, then-test alone {self.by_then_test:.4f}"
        )


def simulate_skills(
    samples: int,
    seed: int,
    *,
    n: int = 30,
    gain: float = 0.0,
    gamma: float = 0.0,
    recall: float = 0.0,
    desirability: float = 0.0,
    goals: float = 55.0,
    transfer: float = 0.5,
) -> SkillFigures:
    """T16 (model D6): the ruler moves by gamma, the then-test forgets and flatters; the then-test alone is the negative control.

    Behaviour follows the share `transfer` of the true gain. `goals` is the mean T that the cell reports.
    """
    rng = np.random.default_rng(seed)

    def noise(sd: float) -> np.ndarray:
        return sd * rng.normal(size=(samples, n))

    skill = noise(0.7)
    before = skill + noise(0.4)
    after = skill + gain + gamma + noise(0.4)
    then = skill + gamma - desirability + noise(0.4) + noise(recall)
    behaviour = transfer * gain + noise(0.8)
    direct, then_change = _interval(after - before), _interval(after - then)
    moved = _interval(behaviour)
    words = [
        skill_verdict(
            behaviour=(moved[1][row], moved[2][row]),
            direct=(direct[1][row], direct[2][row]),
            direct_mean=direct[0][row],
            then_change=(then_change[1][row], then_change[2][row]),
            then_mean=then_change[0][row],
            goals=goals,
        )
        for row in range(samples)
    ]
    return SkillFigures(
        n,
        gain,
        gamma,
        recall,
        desirability,
        samples,
        float((then - before).mean()),
        standard_error((then - before).mean(axis=1)),
        words.count("improved") / samples,
        words.count("recalibrated") / samples,
        float((then_change[1] > 0).mean()),
    )


def _interval(changes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and t interval of each row."""
    n = changes.shape[1]
    mean = changes.mean(axis=1)
    half = student.ppf(0.975, n - 1) * changes.std(axis=1, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


@dataclass(frozen=True)
class MissingFigures:
    """T17: bias of the mean change in standard deviations of scores, each with its standard error over samples.

    `refused` counts samples whose roles were observed together too rarely to be imputed; imputation is judged by the others.
    """

    n: int
    samples: int
    share: float
    direct_likelihood: float
    direct_likelihood_error: float
    completers: float
    completers_error: float
    imputed: float
    imputed_error: float
    refused: int

    def __str__(self) -> str:
        return (
            f"T17 n={self.n} R={self.samples} missing {self.share:.3f}: bias of REML {self.direct_likelihood:+.4f}, completers only "
            f"{self.completers:+.4f}, multiple imputation {self.imputed:+.4f} SD"
        )


WAVES = ("TC", "T3")
ROLES = ("mentor", "mentee")


def draw_dropout(rng: np.random.Generator, n: int, change: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete and observed scores of n pairs (model D7, unit variance, waves r = .5): who scored low at first leaves, 30 % of all."""
    pair, person = np.sqrt(0.2) * rng.normal(size=(n, 1)), np.sqrt(0.3) * rng.normal(size=(n, 2))
    waves = [pair + person + np.sqrt(0.5) * rng.normal(size=(n, 2)) + shift for shift in (0.0, change)]
    names = [f"{role}.{wave}" for wave in WAVES for role in ROLES]
    complete = pd.DataFrame(np.hstack(waves), columns=names, index=[f"p{number}" for number in range(n)])
    observed = complete.copy()
    for role in ROLES:
        chance = 1.0 / (1.0 + np.exp(1.55 + 2.5 * complete[f"{role}.TC"]))
        observed.loc[rng.random(n) < chance, f"{role}.T3"] = np.nan
    return complete, observed


def reml_change(wide: pd.DataFrame) -> float:
    """Mean change over both roles from the mixed model of all available waves."""
    long = wide.reset_index(names="pair").melt("pair", value_name="score")
    role = long["variable"].str.split(".").str[0]
    later = (long["variable"].str.endswith("T3")).astype(float)
    design = pd.DataFrame({"intercept": 1.0, "later": later, "mentee": (role == "mentee").astype(float)})
    fit = fit_mixed(long["score"], design, long["pair"], {"pair": None, "person": long["pair"] + role})
    return float(fit.coefficients.at["later", "estimate"])


def imputed_mean_change(wide: pd.DataFrame, seed: int, m: int = 20) -> float:
    """Mean change over both roles from multiple imputation."""
    made = impute_pairs(wide, m=m, iterations=40, seed=seed)
    return float(np.mean([made.column(f"{role}.T3") - made.column(f"{role}.TC") for role in ROLES]))


def simulate_missing(
    samples: int, seed: int, *, n: int = 40, change: float = 0.3, imputed: bool = True
) -> MissingFigures:
    """T17: direct likelihood and multiple imputation; completers only are the negative control."""
    rng = np.random.default_rng(seed)
    shares, reml, completers, mi, refused = [], [], [], [], 0
    for sample in range(samples):
        _, wide = draw_dropout(rng, n, change)
        later = wide[[f"{role}.T3" for role in ROLES]].to_numpy()
        earlier = wide[[f"{role}.TC" for role in ROLES]].to_numpy()
        shares.append(np.isnan(later).mean())
        reml.append(reml_change(wide))
        completers.append(np.nanmean(later - earlier))
        if imputed:
            try:
                mi.append(imputed_mean_change(wide, sample))
            except ScoringError as problem:
                if problem.code != "imputation.apart":
                    raise
                refused += 1
    return MissingFigures(
        n,
        samples,
        float(np.mean(shares)),
        float(np.mean(reml)) - change,
        standard_error(reml),
        float(np.mean(completers)) - change,
        standard_error(completers),
        float(np.mean(mi)) - change if imputed else float("nan"),
        standard_error(mi) if imputed else float("nan"),
        refused,
    )


def tipping_curve(seed: int, *, n: int = 60, raises: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)) -> list[float]:
    """Tipping points of one sample as the later scores of all are raised more and more; 0 where there is nothing to tip yet."""
    _, wide = draw_dropout(np.random.default_rng(seed), n, 0.6)
    made = impute_pairs(wide, seed=seed)
    found = []
    for raised in raises:
        values = made.values.copy()
        values[:, :, [made.columns.index(f"{role}.T3") for role in ROLES]] += raised
        point = tipping_point(_with(made, values), "mentor.TC", "mentor.T3", width=40.0)
        nothing = any(note.code == "missing.nothing" for note in point.notes)
        found.append(0.0 if nothing else math.inf if point.tipping is None else point.tipping)
    return found


def _with(made: Imputations, values: np.ndarray) -> Imputations:
    from dataclasses import replace

    return replace(made, values=values)


@dataclass(frozen=True)
class GoalFigures:
    """T19: mean and standard deviation of T under its own model, and of a T that takes goals for independent, with standard errors."""

    k: int
    people: int
    mean: float
    mean_error: float
    sd: float
    sd_error: float
    sd_independent: float
    sd_independent_error: float

    def __str__(self) -> str:
        return f"T19 {self.k} goals, {self.people} people: mean {self.mean:.2f}, SD {self.sd:.2f}; with rho 0 SD {self.sd_independent:.2f}"


def simulate_goals(people: int, seed: int, *, k: int = 3) -> GoalFigures:
    """T19: levels of mean 0 and SD 1 that correlate .30; a T without this correlation is the negative control.

    A goal takes the person's common level with probability sqrt(.30), otherwise one of its own, so two goals correlate exactly .30.
    """
    rng = np.random.default_rng(seed)
    levels, chances = [-2.0, -1.0, 0.0, 1.0, 2.0], [0.07, 0.22, 0.42, 0.22, 0.07]
    common = rng.choice(levels, size=(people, 1), p=chances)
    own = rng.choice(levels, size=(people, k), p=chances)
    ratings = pd.DataFrame(np.where(rng.random((people, k)) < np.sqrt(RHO), common, own))
    t, independent = (goal_attainment(ratings, rho=rho).scores["t"] for rho in (RHO, 0.0))
    return GoalFigures(k, people, float(t.mean()), standard_error(t), *_spread(t), *_spread(independent))


def _spread(values: pd.Series) -> tuple[float, float]:
    """Standard deviation and its standard error, by the spread of the squares: ratings on five levels are not normal."""
    sd = float(values.std())
    return sd, standard_error((values - values.mean()) ** 2) / (2.0 * sd)
