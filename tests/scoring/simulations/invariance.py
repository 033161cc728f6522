"""Target T14 of the measurement plan: false and true findings of the rules of invariance, under models D5 and 6.1.

The pilot model: one factor, loading .75, residuals of which .35 belongs to the item; over waves the factor is .8 stable. Five items,
either normal or cut into five categories at the pilot's thresholds. In the second group or wave one item may be shifted, in standard
deviations of its answers or of the factor, or load less.

All samples of a condition are fitted together, which the engine's own way of one sample at a time would take hours for; a test holds
the two ways against each other. `n` counts respondents: both groups together, or the people who answered in both waves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd

from scoring.sem.blocks import Block, Layout
from scoring.sem.difference import Difference
from scoring.sem.fit import comparative_fit, p_value, rmsea, srmr
from scoring.sem.invariance import _Runner
from scoring.sem.likelihood import NormalProblem
from scoring.sem.many import draw_moments, fit_many
from scoring.sem.matrices import CompiledModel, compile_model
from scoring.sem.model import ConfirmatoryModel
from scoring.sem.moments import moments_from_covariance
from scoring.sem.null_reference import NullReference, simulate_reference
from scoring.sem.optimize import minimise
from scoring.sem.start import start_values

THRESHOLDS = (-2.0, -1.2, -0.45, 0.75)
LOADING = 0.75
ITEMS = ("i0", "i1", "i2", "i3", "i4")
BIASED = "i2"
STEPS = ("configural", "metric", "scalar")


@dataclass(frozen=True)
class World:
    """Where the samples come from.

    Attributes
    ----------
    sight : "groups" or "waves"
    n : int
        Respondents, in both groups together.
    shift, unit : float, "answer" or "factor"
        How much lower the biased item lies in the second block, in standard deviations of its answers or of the factor.
    loading : float
        The biased item's loading there.
    impact : float
        How much higher the factor itself lies there.
    categories : bool
        Whether answers are cut into five categories.
    """

    sight: Literal["groups", "waves"]
    n: int
    shift: float = 0.0
    unit: Literal["answer", "factor"] = "answer"
    loading: float = LOADING
    impact: float = 0.0
    categories: bool = False

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The two groups or waves."""
        if self.sight == "groups":
            return Block("a", 0), Block("b", 1)
        return Block("1", 0, "@1"), Block("2", 0, "@2")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Respondents in each group of the model."""
        return (self.n // 2, self.n - self.n // 2) if self.sight == "groups" else (self.n,)

    def moments(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Covariances and means of the answers before they are cut, of each group of the model."""
        k = len(ITEMS)
        loadings = np.full((2, k), LOADING)
        loadings[1, ITEMS.index(BIASED)] = self.loading
        means = np.outer([0.0, self.impact], np.ones(k)) * loadings
        means[1, ITEMS.index(BIASED)] -= self.shift * (LOADING if self.unit == "factor" else 1.0)
        if self.sight == "groups":
            return [
                (np.outer(row, row) + np.diag(1 - row**2), mean)
                for row, mean in zip(loadings, means, strict=True)
            ]
        weights = np.zeros((2 * k, 2))
        weights[:k, 0], weights[k:, 1] = loadings
        root = np.sqrt(1 - loadings**2)
        unique = np.diag((root**2).ravel())
        unique[:k, k:] = unique[k:, :k] = np.diag(0.35 * root[0] * root[1])
        covariance = weights @ np.array([[1.0, 0.8], [0.8, 1.0]]) @ weights.T + unique
        return [(covariance, means.ravel())]

    def draw(self, rng: np.random.Generator, samples: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Sample covariances (denominator n) and means, of each group of the model."""
        found = []
        for (covariance, mean), n in zip(self.moments(), self.sizes, strict=True):
            if not self.categories:
                found.append(draw_moments(rng, covariance, mean, n, samples))
                continue
            parts = [self._cut(rng, covariance, mean, n) for _ in range(samples)]
            found.append((np.array([c for c, _ in parts]), np.array([m for _, m in parts])))
        return found

    @staticmethod
    def _cut(
        rng: np.random.Generator, covariance: np.ndarray, mean: np.ndarray, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        codes = draw_codes(rng, covariance, mean, n)
        return np.cov(codes, rowvar=False, bias=True), codes.mean(axis=0)

    def table(self, rng: np.random.Generator) -> pd.DataFrame:
        """One sample as the long table that a user has, with columns `person`, `place` and the items."""
        blocks = []
        for (covariance, mean), n in zip(self.moments(), self.sizes, strict=True):
            if self.categories:
                blocks.append(draw_codes(rng, covariance, mean, n))
            else:
                blocks.append(rng.multivariate_normal(mean, covariance, n))
        k = len(ITEMS)
        parts = blocks if self.sight == "groups" else [blocks[0][:, :k], blocks[0][:, k:]]
        first = [0, len(parts[0])] if self.sight == "groups" else [0, 0]
        return pd.concat(
            [
                pd.DataFrame(part, columns=list(ITEMS)).assign(
                    person=start + np.arange(len(part)), place=block.label
                )
                for part, start, block in zip(parts, first, self.blocks, strict=True)
            ],
            ignore_index=True,
        )


def draw_codes(rng: np.random.Generator, covariance: np.ndarray, mean: np.ndarray, n: int) -> np.ndarray:
    """Codes 1 to 5 of n people."""
    latent = mean + rng.standard_normal((n, len(mean))) @ np.linalg.cholesky(covariance).T
    return 1.0 + np.searchsorted(THRESHOLDS, latent)


@dataclass(frozen=True)
class StepFits:
    """One step fitted to all samples."""

    model: CompiledModel
    x: np.ndarray
    chi_square: np.ndarray
    converged: np.ndarray
    df: int
    cfi: np.ndarray
    rmsea: np.ndarray
    srmr: np.ndarray

    def fit(self, number: int, sizes: Sequence[int], baseline_df: int) -> Any:
        """What the simulated reference needs to know of one sample's fit."""
        return SimpleNamespace(
            specification=self.model.specification,
            problem=SimpleNamespace(model=self.model),
            x=self.x[number],
            group_sizes=tuple(sizes),
            measures=SimpleNamespace(df=self.df, baseline_df=baseline_df),
        )


class Samples:
    """All samples of a world, with their three steps."""

    def __init__(
        self,
        world: World,
        samples: int,
        seed: int,
        drawn: list[tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> None:
        self.world, self.n_samples, self.seed = world, samples, seed
        self.drawn = world.draw(np.random.default_rng(seed), samples) if drawn is None else drawn
        self.layout = Layout(ConfirmatoryModel({"f": ITEMS}), world.blocks)
        size = sum(world.sizes)
        k = len(self.drawn[0][1][0])
        self.baseline_df = len(self.drawn) * k * (k - 1) // 2
        self.null = sum(
            n * (np.log(np.diagonal(S, axis1=1, axis2=2)).sum(axis=1) - np.linalg.slogdet(S)[1])
            for n, (S, _) in zip(world.sizes, self.drawn, strict=True)
        )
        self.runner = _Runner(
            SimpleNamespace(n_used=size, group_sizes=world.sizes),  # type: ignore[arg-type]
            self.layout, 1, seed,
        )  # fmt: skip

    @cached_property
    def steps(self) -> dict[str, StepFits]:
        """Each step fitted to all samples."""
        return {step: self._fit(step) for step in STEPS}

    def _fit(self, step: str) -> StepFits:
        world, drawn = self.world, self.drawn
        model = compile_model(self.layout.specify(self.layout.steps[step]))  # type: ignore[index]
        covariances, means = [part[0] for part in drawn], [part[1] for part in drawn]
        # All samples start where a sample of infinite size would end.
        centre = [
            moments_from_covariance(S.mean(axis=0), m.mean(axis=0), n)
            for S, m, n in zip(covariances, means, world.sizes, strict=True)
        ]
        problem = NormalProblem(model, centre)
        empty = [np.zeros(0)] * len(centre)
        start = start_values(model, [g.covariance for g in centre], [g.mean for g in centre], empty)
        start = minimise(start, problem.objective, problem.gradient, problem.information, problem.hessian).x
        many = fit_many(model, covariances, means, world.sizes, start)
        k, groups, n = len(means[0][0]), len(drawn), sum(world.sizes)
        df = groups * (k * (k + 3) // 2) - model.n_free
        chi_square = n * many.discrepancies
        pairs = zip(chi_square, self.null, strict=True)
        cfi = [comparative_fit(value, df, null, self.baseline_df) for value, null in pairs]
        return StepFits(
            model, many.x, chi_square, many.converged, df, np.array(cfi),
            np.array([rmsea(value, df, n, groups) for value in chi_square]),
            np.array([self._srmr(model, many.x[number], number) for number in range(self.n_samples)]),
        )  # fmt: skip

    def _srmr(self, model: CompiledModel, x: np.ndarray, number: int) -> float:
        sizes = np.array(self.world.sizes, dtype=float)
        samples = [(S[number], m[number]) for S, m in self.drawn]
        implied = [model.moments(x, group) for group in range(len(samples))]
        return srmr(sizes / sizes.sum(), samples, implied, means=True)

    def changes(self, step: str, number: int) -> tuple[float, float, float, Difference]:
        """Changes of CFI, RMSEA and SRMR from the step before, and the chi-square difference."""
        later, before = self.steps[step], self.steps[STEPS[STEPS.index(step) - 1]]
        df = later.df - before.df
        chi_square = float(later.chi_square[number] - before.chi_square[number])
        return (
            float(later.cfi[number] - before.cfi[number]),
            float(later.rmsea[number] - before.rmsea[number]),
            float(later.srmr[number] - before.srmr[number]),
            Difference(chi_square, df, p_value(chi_square, df), "plain", ()),
        )

    def reference(self, step: str, number: int, n_draws: int) -> NullReference | None:
        """The simulated reference of one sample, where the engine would ask for one."""
        if not self.runner.referenced:
            return None
        later, before = self.steps[step], self.steps[STEPS[STEPS.index(step) - 1]]
        parts = [fits.fit(number, self.world.sizes, self.baseline_df) for fits in (later, before)]
        d_cfi = self.changes(step, number)[0]
        if d_cfi >= -0.005:
            # A CFI that did not fall further is no evidence against the step; the draws would only say so.
            return NullReference(1.0, None, 0, 0, self.seed, (), 1.0)
        chi_square = self.changes(step, number)[3].chi_square
        return simulate_reference(
            parts[0], parts[1], d_cfi, chi_square=chi_square, n_draws=n_draws, seed=self.seed + number
        )

    def rejected(self, step: str, number: int, n_draws: int) -> bool:
        """Whether the engine's rule rejects a step of one sample."""
        reference = self.reference(step, number, n_draws)
        return self.runner._rejected(step, *self.changes(step, number), reference)  # type: ignore[arg-type]


@dataclass(frozen=True)
class InvarianceFigures:
    """Shares of samples in which the true configural model was rejected (chi-square, p < .05) and in which a step was.

    Where equalities hold, `either` is how often "non-invariant" is false; where an item is shifted, how often that is detected.
    """

    world: World
    samples: int
    n_draws: int
    converged: float
    misfit: float
    metric: float
    scalar: float
    either: float

    def __str__(self) -> str:
        world = self.world
        kind = "five categories" if world.categories else "normal"
        truth = f"shift {world.shift} SD of the {world.unit}, loading {world.loading}"
        return (
            f"T14 {world.sight} n={world.n} R={self.samples} {kind}, {truth}: true model rejected {self.misfit:.4f}, metric rejected "
            f"{self.metric:.4f}, scalar {self.scalar:.4f}, either {self.either:.4f}, converged {self.converged:.4f}"
        )


def simulate_invariance(samples: int, world: World, seed: int, *, n_draws: int = 200) -> InvarianceFigures:
    """T14: how often the steps of invariance are rejected; below 300 by `n_draws` simulated data sets for each sample."""
    drawn = Samples(world, samples, seed)
    fits = drawn.steps
    configural = fits["configural"]
    p = np.array([p_value(value, configural.df) for value in configural.chi_square])
    found = {
        step: np.array([drawn.rejected(step, number, n_draws) for number in range(samples)])
        for step in STEPS[1:]
    }
    return InvarianceFigures(
        world,
        samples,
        n_draws,
        float(np.mean(np.logical_and.reduce([fits[step].converged for step in STEPS]))),
        float((p < 0.05).mean()),
        float(found["metric"].mean()),
        float(found["scalar"].mean()),
        float((found["metric"] | found["scalar"]).mean()),
    )
