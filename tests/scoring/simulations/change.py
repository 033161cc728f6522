"""Targets T3 to T7 and T10 of the measurement plan (6.3) with their negative controls.

The pilot model of the plan (6.1, D2): a stable trait and an occasion make an answer, five categories at skewed thresholds; alpha .83 and
a 12-week retest correlation of .71 are known. Whole arrays of samples are drawn at once and go through the product's own functions
where these take arrays of people; where they take one sample, the first samples show that array and product agree.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import t as student

from scoring.change import sign_flip_test
from scoring.errors import Note
from scoring.group_change import Structure, group_change
from scoring.multiplicity import adjust_p
from scoring.pair_change import pair_change
from scoring.pair_scores import PairScores
from scoring.reliable_change import ReliableChange, label_changes, reliable_change, two_sided_p
from scoring.retest import Reliability, false_positive_rate
from scoring.shrinkage import growth_slopes, shrink_changes
from tests.scoring.simulations.monte_carlo import standard_error
from tests.scoring.simulations.reliability import PILOT, THRESHOLDS

ITEMS = 5
ALPHA, RETEST = 0.83, 0.71
CHECKED = 3


def draw_pilot(
    rng: np.random.Generator, shape: tuple[int, ...], shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of five answers at two waves; `shift` is the true change in standard deviations of the factor."""
    trait, own = rng.normal(size=shape), rng.normal(size=(*shape, ITEMS))
    sums = []
    for change in (0.0, shift):
        factor = np.sqrt(0.8) * trait + np.sqrt(0.2) * rng.normal(size=shape) + change
        unique = np.sqrt(0.35) * own + np.sqrt(0.65) * rng.normal(size=(*shape, ITEMS))
        latent = 0.75 * factor[..., None] + np.sqrt(1.0 - 0.75**2) * unique
        sums.append(np.searchsorted(THRESHOLDS, latent).sum(axis=-1) + ITEMS)
    return sums[0], sums[1]


def draw_normal(
    rng: np.random.Generator, shape: tuple[int, ...], retest: float, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of variance 1 at two waves with a retest correlation."""
    trait = np.sqrt(retest) * rng.normal(size=shape)
    noise = np.sqrt(1.0 - retest) * rng.normal(size=(2, *shape))
    return trait + noise[0], trait + noise[1] + shift


@cache
def pilot_reference() -> tuple[float, float]:
    """Spread of the score (mean of the answers) and retest correlation of the pilot model, from 400,000 people."""
    before, after = draw_pilot(np.random.default_rng(20_260_101), (400_000,))
    sd = float(np.concatenate([before, after]).std()) / ITEMS
    return sd, float(np.corrcoef(before, after)[0, 1])


def reliability(value: float, sd: float) -> Reliability:
    """A reliability that a field study of 200 people gave over 12 weeks."""
    return Reliability(value, sd, "retest", 12, "field", 200)


def judge(before: np.ndarray, after: np.ndarray, source: Reliability) -> ReliableChange:
    """The product's reliable change of many people at once."""
    waves = (pd.Series(wave.ravel().astype(float)) for wave in (before, after))
    return reliable_change(*waves, source, interval_weeks=12)


def share(result: ReliableChange) -> float:
    """Share of people beyond 1.96 errors."""
    return (result.n_higher + result.n_lower) / result.n_used


@dataclass(frozen=True)
class IndexFigures:
    """T3, T3- and T4: how often people are called changed."""

    n: int
    samples: int
    normal: float
    ordinal: float
    alpha_normal: float
    alpha_ordinal: float
    closed_form: float
    closed_form_ordinal: float
    power: float
    power_at_mdc: float

    def __str__(self) -> str:
        return (
            f"T3 n={self.n} R={self.samples}: false positives with retest {self.normal:.4f} (normal), {self.ordinal:.4f} (ordinal); "
            f"control fed with alpha {self.alpha_normal:.4f} (closed form {self.closed_form:.4f}), {self.alpha_ordinal:.4f} "
            f"({self.closed_form_ordinal:.4f}); T4 power at 1.5 MDC {self.power:.4f}"
        )


def simulate_index(samples: int, n: int, seed: int) -> IndexFigures:
    """T3, T3-, T4. The control hands alpha over as if it were a retest correlation, which only a lie can do."""
    rng = np.random.default_rng(seed)
    sd, retest = pilot_reference()
    alpha = PILOT.alpha()
    null = draw_normal(rng, (samples, n), RETEST)
    codes = tuple(wave / ITEMS for wave in draw_pilot(rng, (samples, n)))
    right = reliability(RETEST, 1.0)
    mdc = 1.96 * right.sd_difference
    moved = draw_normal(rng, (samples, n), RETEST, 1.5 * mdc)
    moved_less = draw_normal(rng, (samples, n), RETEST, mdc)
    return IndexFigures(
        n,
        samples,
        share(judge(*null, right)),
        share(judge(*codes, reliability(retest, sd))),
        share(judge(*null, reliability(ALPHA, 1.0))),
        share(judge(*codes, reliability(alpha, sd))),
        false_positive_rate(ALPHA, RETEST),
        false_positive_rate(alpha, retest),
        share(judge(*moved, right)),
        share(judge(*moved_less, right)),
    )


@dataclass(frozen=True)
class LabelFigures:
    """T5: false discovery rate of labels in a mixed truth; labelled people in a programme where nobody changes.

    The naive figures are those of labels without adjustment; errors are Monte-Carlo standard errors over reports.
    """

    samples: int
    rate: float
    rate_error: float
    naive_rate: float
    naive_rate_error: float
    found: float
    null_labelled: float
    null_error: float
    naive_null: float
    naive_null_error: float
    agrees: bool

    def __str__(self) -> str:
        return (
            f"T5 R={self.samples}: false discovery rate {self.rate:.4f}, true changes found {self.found:.4f}; null programme: "
            f"{self.null_labelled:.3f} people labelled, without adjustment {self.naive_null:.2f}"
        )


def simulate_labels(
    samples: int, seed: int, *, people: int = 40, scales: int = 6, changed: float = 0.2
) -> LabelFigures:
    """T5: reports of 20 pairs on six scales; a fifth of the scores change by 2 MDC in the mixed truth (normal), nobody in the null one
    (ordinal, skewed)."""
    rng = np.random.default_rng(seed)
    shape, source = (samples, people, scales), reliability(RETEST, 1.0)
    true = rng.random(shape) < changed
    size = 2.0 * 1.96 * source.sd_difference * np.where(rng.random(shape) < 0.5, 1.0, -1.0)
    before, after = draw_normal(rng, shape, RETEST)
    after = after + np.where(true, size, 0.0)
    index = (after - before) / source.sd_difference
    labelled = benjamini_hochberg(index, 0.10)
    wrong, naive_wrong = (
        (named & ~true).sum(axis=(1, 2)) / np.maximum(named.sum(axis=(1, 2)), 1)
        for named in (labelled, np.abs(index) > 1.96)
    )
    sd, retest = pilot_reference()
    codes = tuple(wave / ITEMS for wave in draw_pilot(rng, shape))
    ordinal = reliability(retest, sd)
    rc = (codes[1] - codes[0]) / ordinal.sd_difference
    null = benjamini_hochberg(rc, 0.10).any(axis=2).sum(axis=1)
    naive = (np.abs(rc) > 1.96).any(axis=2).sum(axis=1)
    agrees = True
    for sample in range(min(CHECKED, samples)):
        changes = {
            str(scale): judge(before[sample, :, scale], after[sample, :, scale], source)
            for scale in range(scales)
        }
        table = label_changes(changes).table["label"].to_numpy().reshape(scales, people).T
        agrees &= bool(((table != "undecided") == labelled[sample]).all())
    return LabelFigures(
        samples,
        float(wrong.mean()),
        standard_error(wrong),
        float(naive_wrong.mean()),
        standard_error(naive_wrong),
        float((labelled & true).sum() / true.sum()),
        float(null.mean()),
        standard_error(null),
        float(naive.mean()),
        standard_error(naive),
        agrees,
    )


def benjamini_hochberg(z: np.ndarray, q: float) -> np.ndarray:
    """Labels of many reports at once: people and scales of each report (first axis) adjusted together."""
    p = two_sided_p(z).reshape(len(z), -1)
    ordered = np.sort(p, axis=1)
    m = p.shape[1]
    passed = ordered <= q * np.arange(1, m + 1) / m
    last = np.where(passed.any(axis=1), m - np.argmax(passed[:, ::-1], axis=1), 0)
    limit = np.where(last > 0, ordered[np.arange(len(p)), np.maximum(last, 1) - 1], -1.0)
    labelled = p <= limit[:, None]
    first = adjust_p(list(p[0]), "bh").to_numpy() <= q
    assert (labelled[0] == first).all()
    return labelled.reshape(z.shape)


@dataclass(frozen=True)
class IntervalFigures:
    """T6: coverage of the t interval, false findings of the sign-flip test; coverage of the percentile bootstrap as control."""

    n: int
    samples: int
    coverage: float
    sign_flip: float
    percentile: float
    agrees: bool

    def __str__(self) -> str:
        return (
            f"T6 n={self.n} R={self.samples}: t interval covers {self.coverage:.4f}, sign-flip type I {self.sign_flip:.4f}; control: "
            f"percentile bootstrap covers {self.percentile:.4f}"
        )


def simulate_intervals(samples: int, n: int, seed: int, *, draws: int = 400) -> IntervalFigures:
    """T6 and T6-: mean common change of pairs, nobody changes, skewed five-point answers summed exactly."""
    rng = np.random.default_rng(seed)
    before, after = draw_pilot(rng, (samples, n, 2))
    whole = (after - before).sum(axis=2)
    d = whole / (2.0 * ITEMS)
    mean, sd = d.mean(axis=1), d.std(axis=1, ddof=1)
    half = student.ppf(0.975, n - 1) * sd / np.sqrt(n)
    p = [sign_flip_test(row, rng=np.random.default_rng(place)).p for place, row in enumerate(whole)]
    picks = rng.integers(0, n, size=(draws, n))
    means = d[:, picks].mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    agrees = True
    for sample in range(min(CHECKED, samples)):
        values = np.stack([before[sample], after[sample]], axis=2)
        scores = PairScores(
            values / ITEMS, values, ITEMS, pd.RangeIndex(n), ("mentor", "mentee"), (0, 1), values.size, 0, ()
        )
        row = pair_change(scores, rng=np.random.default_rng(sample)).contrasts.loc["common"]
        agrees &= bool(abs(row["low"] - (mean - half)[sample]) < 1e-9)
        agrees &= n >= 20 or row["p_sign_flip"] == p[sample]
    return IntervalFigures(
        n,
        samples,
        float((np.abs(mean) <= half).mean()),
        float(np.mean([value <= 0.05 for value in p])),
        float(((low <= 0.0) & (high >= 0.0)).mean()),
        agrees,
    )


@dataclass(frozen=True)
class ModelFigures:
    """T7: false findings for each contrast, the largest bias among them with its standard error, and how often the model could be used."""

    n: int
    waves: int
    structure: str
    samples: int
    type_one: dict[str, float]
    bias: float
    bias_error: float
    used: float

    def __str__(self) -> str:
        errors = ", ".join(f"{name} {value:.4f}" for name, value in self.type_one.items())
        return (
            f"T7 n={self.n}, {self.waves} waves, {self.structure} R={self.samples}: type I {errors}; bias {self.bias:+.4f} SD; model used "
            f"{self.used:.4f}"
        )


def draw_pairs(rng: np.random.Generator, n: int, waves: int, *, missing: float, shared: float) -> np.ndarray:
    """Scores of variance near 1 (model D3): pair, person, occasion, and changes that differ between persons and between pairs."""
    time = np.arange(waves) / (waves - 1)
    values = (
        0.55 * rng.normal(size=(n, 1, 1))
        + 0.6 * rng.normal(size=(n, 2, 1))
        + 0.5 * rng.normal(size=(n, 2, waves))
    )
    values = values + shared * rng.normal(size=(n, 1, 1)) * time + 0.25 * rng.normal(size=(n, 2, 1)) * time
    values[rng.random(values.shape) < missing] = np.nan
    return values


def simulate_model(
    samples: int,
    n: int,
    seed: int,
    *,
    waves: int = 2,
    missing: float = 0.0,
    shared: float = 0.25,
    structure: Structure | str = "auto",
) -> ModelFigures:
    """T7: no contrast changes on average; a sample whose model cannot be used counts with its fallback."""
    rng = np.random.default_rng(seed)
    names = ("mentor", "mentee", "common", "gap")
    rejected, estimates, used = np.zeros(4), [], 0
    for _ in range(samples):
        values = draw_pairs(rng, n, waves, missing=missing, shared=shared)
        scores = PairScores(
            values, None, 1, pd.RangeIndex(n), ("mentor", "mentee"), tuple(range(waves)), values.size, 0, ()
        )
        result = group_change(scores, structure=structure, method="mixed model")
        last = result.contrasts.loc[waves - 1].loc[list(names)]
        rejected += last["p"].to_numpy() < 0.05
        estimates.append(last["estimate"].to_numpy())
        used += not result.fallback
    found = np.array(estimates)
    means = np.abs(found.mean(axis=0))
    return ModelFigures(
        n,
        waves,
        str(structure),
        samples,
        dict(zip(names, (rejected / samples).tolist(), strict=True)),
        float(means.max()),
        standard_error(found[:, means.argmax()]),
        used / samples,
    )


@dataclass(frozen=True)
class ShrinkageFigures:
    """T10: error of shrunken and raw changes, coverage of Morris' and of the naive interval, bias in the extreme tenth.

    `pooled_rmse` is the error when everybody is given the mean; `warned` the share of samples whose extreme tenth was reported with the
    warning, `announced` the bias that it names on average. Errors are Monte-Carlo standard errors over samples, because people of one sample share its mean and its shrinkage.
    """

    n: int
    spread: float
    samples: int
    rmse: float
    raw_rmse: float
    pooled_rmse: float
    morris: float
    morris_error: float
    naive: float
    naive_error: float
    extreme_bias: float
    extreme_error: float
    raw_extreme_bias: float
    raw_extreme_error: float
    warned: float
    announced: float

    def __str__(self) -> str:
        return (
            f"T10 n={self.n}, true SD {self.spread} R={self.samples}: RMSE {self.rmse:.4f} (raw {self.raw_rmse:.4f}), Morris covers "
            f"{self.morris:.4f} (control: naive {self.naive:.4f}), bias of the extreme tenth {self.extreme_bias:+.4f} SD"
        )


class ShrinkageTally:
    """Collects one sample after another; `unit` turns the bias of the extreme tenth into standard deviations of a score."""

    def __init__(self, unit: float) -> None:
        self.unit = unit
        self.squares: list[tuple[float, float, float]] = []
        self.held: list[float] = []
        self.naive: list[float] = []
        self.extreme: list[float] = []
        self.raw_extreme: list[float] = []
        self.announced: list[float] = []

    def add(
        self,
        true: np.ndarray,
        table: pd.DataFrame,
        mean: float,
        naive_error: np.ndarray | float,
        notes: tuple[Note, ...],
    ) -> None:
        """Count a sample; the table has columns raw, shrunken, low, high and extreme, the naive error is that of one estimate."""
        estimates = (table["shrunken"], table["raw"], np.full(len(true), mean))
        self.squares.append(tuple(float(((estimate - true) ** 2).mean()) for estimate in estimates))
        self.held.append(float(((table["low"] <= true) & (true <= table["high"])).mean()))
        self.naive.append(float((np.abs(table["shrunken"] - true) <= 1.96 * naive_error).mean()))
        # Away from the mean counts as positive in both tails.
        side = np.sign(table["raw"] - mean)
        self.extreme.append(float(((table["shrunken"] - true) * side)[table["extreme"]].mean()))
        self.raw_extreme.append(float(((table["raw"] - true) * side)[table["extreme"]].mean()))
        self.announced += [float(note.params["left"]) for note in notes if note.code == "shrink.extreme"]

    def figures(self, n: int, spread: float) -> ShrinkageFigures:
        """What all samples gave."""
        samples = len(self.held)
        rmse, raw, pooled = np.sqrt(np.mean(self.squares, axis=0)).tolist()
        return ShrinkageFigures(
            n,
            spread,
            samples,
            rmse,
            raw,
            pooled,
            float(np.mean(self.held)),
            standard_error(self.held),
            float(np.mean(self.naive)),
            standard_error(self.naive),
            float(np.mean(self.extreme)) * self.unit,
            standard_error(self.extreme) * self.unit,
            float(np.mean(self.raw_extreme)) * self.unit,
            standard_error(self.raw_extreme) * self.unit,
            len(self.announced) / samples,
            float(np.mean(self.announced)) * self.unit if self.announced else 0.0,
        )


def simulate_shrinkage(samples: int, n: int, seed: int, *, spread: float) -> ShrinkageFigures:
    """T10: changes of true spread `spread` (in points, error .57 as in the pilot) of people of one role."""
    rng = np.random.default_rng(seed)
    sd, retest = pilot_reference()
    error = sd**2 * 2.0 * (1.0 - retest)
    tally = ShrinkageTally(1.0 / sd)
    for _ in range(samples):
        true = 0.2 + spread * rng.normal(size=n)
        found = shrink_changes(pd.Series(true + np.sqrt(error) * rng.normal(size=n)), error)
        assert found.B is not None
        assert found.mean is not None
        # The naive interval takes the share as known.
        tally.add(true, found.table, found.mean, float(np.sqrt(error * (1.0 - found.B))), found.notes)
    return tally.figures(n, spread)


def simulate_growth(samples: int, n: int, seed: int, *, spread: float = 0.02) -> ShrinkageFigures:
    """T10 for slopes over three waves at weeks 0, 12 and 24; bias over half a year, in standard deviations of a score."""
    rng = np.random.default_rng(seed)
    source = reliability(0.71, 0.76)
    weeks = np.tile([0.0, 12.0, 24.0], n)
    person = pd.Series(np.repeat(np.arange(n), 3))
    tally = ShrinkageTally(24.0 / source.sd)
    for _ in range(samples):
        true = 0.02 + spread * rng.normal(size=n)
        level = 3.5 + 0.6 * rng.normal(size=n)
        scores = level[person] + true[person] * weeks + source.sem * rng.normal(size=3 * n)
        found = growth_slopes(pd.Series(scores), person, pd.Series(weeks), source)
        assert found.method == "empirical Bayes"
        assert found.mean is not None
        table = found.table.loc[range(n)].rename(columns={"slope": "shrunken"})
        naive = table["raw_se"].to_numpy() * np.sqrt(1.0 - np.minimum(table["B"].to_numpy(), 1.0))
        tally.add(true, table, found.mean, naive, found.notes)
    return tally.figures(n, spread)
