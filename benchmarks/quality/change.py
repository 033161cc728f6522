"""T3 to T7 and T10: change of one person, labels, mean change, mixed models, shrinkage."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.quality.findings import (
    Finding,
    at_least,
    at_most,
    bias_with_error,
    control,
    mean_at_least,
    mean_at_most,
    mean_within,
    with_error,
    within,
)
from scoring.dyads import actor_partner_model, partner_patterns
from scoring.errors import ScoringError
from scoring.omega import omega_total
from scoring.resampling import bootstrap_alpha, percentile_interval
from tests.scoring.simulations.change import (
    ModelFigures,
    ShrinkageFigures,
    simulate_growth,
    simulate_index,
    simulate_intervals,
    simulate_labels,
    simulate_model,
    simulate_shrinkage,
)
from tests.scoring.simulations.reliability import PILOT


def reliable_change(samples: int) -> Iterator[Finding]:
    """T3: false positives of the index fed with a retest correlation; T3-: fed with alpha."""
    for n in (10, 20, 40):
        found = simulate_index(samples, n, seed=n)
        # People are drawn independently and the reference is fixed, so every one of them counts.
        people = n * samples
        place = f"n = {n}, {people} people"
        yield Finding(
            "T3",
            "false positives .045-.055, normal items",
            place,
            f"{found.normal:.4f}",
            within(found.normal, 0.045, 0.055, people),
            n,
            samples,
        )
        yield Finding(
            "T3",
            "false positives <= .065, ordinal and skewed",
            place,
            f"{found.ordinal:.4f}",
            at_most(found.ordinal, 0.065, people),
            n,
            samples,
        )
        for name, share, closed in (
            ("normal", found.alpha_normal, found.closed_form),
            ("ordinal and skewed", found.alpha_ordinal, found.closed_form_ordinal),
        ):
            yield control(
                "T3-",
                "control: fed with alpha false positives are >= .10 (alpha .83, r .71)",
                f"{place}, {name}",
                f"{share:.4f}",
                share < 0.10,
                n,
                samples,
            )
            yield Finding(
                "T3-",
                "fed with alpha as the closed form says within .02",
                f"{place}, {name}",
                f"{share:.4f}, closed form {closed:.4f}",
                within(share, closed - 0.02, closed + 0.02, people),
                n,
                samples,
            )


def power_of_index(samples: int) -> Iterator[Finding]:
    """T4: true changes that are found; with half of that change they are not."""
    for n in (10, 20, 40):
        found = simulate_index(samples, n, seed=n)
        place = f"n = {n}, {n * samples} people"
        yield Finding(
            "T4",
            "true change of 1.5 MDC flagged >= .80",
            place,
            f"{found.power:.4f}",
            at_least(found.power, 0.80, n * samples),
            n,
            samples,
        )
        yield control(
            "T4-",
            "control: a true change of 1 MDC is flagged less often",
            place,
            f"{found.power_at_mdc:.4f}",
            at_least(found.power_at_mdc, 0.80, n * samples),
            n,
            samples,
        )


def labels(samples: int) -> Iterator[Finding]:
    """T5: labels of a whole report; T5-: labels without adjustment."""
    found, place = simulate_labels(samples, seed=5), "reports of 20 pairs on 6 scales"
    mixed, null = f"{place}, a fifth of the scores changed", f"{place}, nobody changes"
    yield Finding(
        "T5",
        "false discovery rate <= .10 in mixed truth",
        mixed,
        f"{with_error(found.rate, found.rate_error)}; true changes found {found.found:.4f}",
        mean_at_most(found.rate, 0.10, found.rate_error),
        5,
        samples,
    )
    yield control(
        "T5-",
        "control: without adjustment the false discovery rate is above .10",
        mixed,
        with_error(found.naive_rate, found.naive_rate_error),
        mean_at_most(found.naive_rate, 0.10, found.naive_rate_error),
        5,
        samples,
    )
    yield Finding(
        "T5",
        "null programme: expected labelled people <= 1 a report",
        null,
        with_error(found.null_labelled, found.null_error),
        mean_at_most(found.null_labelled, 1.0, found.null_error),
        5,
        samples,
    )
    yield control(
        "T5-",
        "control: without adjustment more than 1 person is labelled",
        null,
        with_error(found.naive_null, found.naive_null_error),
        mean_at_most(found.naive_null, 1.0, found.naive_null_error),
        5,
        samples,
    )
    yield Finding(
        "T5",
        "the same labels from the product's own function",
        f"{place}, the first samples",
        "the same" if found.agrees else "different",
        found.agrees,
        5,
        samples,
    )


def intervals(samples: int) -> Iterator[Finding]:
    """T6: t interval and sign-flip test of the mean change; T6-: percentile bootstrap."""
    for n in (6, 8, 10, 12, 15, 20, 40):
        found = simulate_intervals(samples, n, seed=n)
        yield Finding(
            "T6",
            "coverage of the t interval .94-.96, n >= 6",
            f"n = {n}",
            f"{found.coverage:.4f}",
            within(found.coverage, 0.94, 0.96, samples),
            n,
            samples,
        )
        # With six pairs the smallest p is .031 and ties make it rarer still, so only the upper limit can be asked for there.
        reachable = 2.0 / 2**n <= 0.03
        yield Finding(
            "T6",
            f"sign-flip type I {'.03' if reachable else '0'}-.055 (discrete)",
            f"n = {n}, smallest possible p {2.0 / 2**n:.5f}",
            f"{found.sign_flip:.4f}",
            within(found.sign_flip, 0.03, 0.055, samples)
            if reachable
            else at_most(found.sign_flip, 0.055, samples),
            n,
            samples,
        )
        yield Finding(
            "T6",
            "the same interval and p from the product's own function",
            f"n = {n}, the first samples",
            "the same" if found.agrees else "different",
            found.agrees,
            n,
            samples,
        )
        if n <= 15:
            # From about 20 pairs on the percentile interval falls short by little, which 2,000 samples need not show.
            yield control(
                "T6-",
                "control: a percentile bootstrap does not cover .94-.96",
                f"n = {n}",
                f"{found.percentile:.4f}",
                within(found.percentile, 0.94, 0.96, samples),
                n,
                samples,
            )
    yield refuse_percentiles()


def refuse_percentiles() -> Finding:
    """T6-: every function that can make a percentile interval refuses it below 100 and makes it at 100."""
    rng = np.random.default_rng(6)
    draws, items = rng.normal(size=1_000), PILOT.draw(rng, 100)
    scores = [pd.Series(column) for column in rng.normal(size=(4, 100))]

    def refused(work: str, n: int) -> bool:
        """Whether this kind of work gives no percentile interval at n."""
        try:
            if work == "percentile_interval":
                percentile_interval(draws, n)
            elif work == "alpha":
                bootstrap_alpha(items[:n], n_draws=20, seed=6, interval="percentile")
            elif work == "omega":
                omega_total(items[:n], n_draws=20, seed=6, interval="percentile-bootstrap")
            else:
                model = actor_partner_model(*(score[:n] for score in scores))
                return partner_patterns(model, n_draws=20)[0].bootstrap is None
        except ScoringError as problem:
            return problem.code == "bootstrap.percentile"
        return False

    sizes = range(1, 100)
    closed = sum(refused("percentile_interval", n) for n in sizes)
    kinds = ("percentile_interval", "alpha", "omega", "patterns")
    at_99, at_100 = ([refused(kind, n) for kind in kinds] for n in (99, 100))
    return Finding(
        "T6-",
        "percentile bootstrap not callable below n = 100",
        "the interval itself at n = 1 to 99; it, alpha, omega and the ratio of partner to actor effect at 99 and 100",
        f"refused at {closed} of {len(sizes)} sizes; by {sum(at_99)} of {len(kinds)} at 99, by {sum(at_100)} at 100",
        closed == len(sizes) and all(at_99) and not any(at_100),
        6,
        0,
    )


def mixed_model(samples: int) -> Iterator[Finding]:
    """T7: the mixed model of pairs with Kenward-Roger; T7-: intercepts alone where pairs change together."""
    for n in (15, 20, 32, 40, 80):
        for waves, missing in ((2, 0.0), (2, 0.15), (3, 0.0), (3, 0.15)):
            found = simulate_model(samples, n, n, waves=waves, missing=missing)
            kind = f"{missing:.0%} of the scores missing" if missing else "complete"
            yield from judge_model(found, f"n = {n} pairs, {waves} waves, {kind}", n)
    together = "n = 30 pairs, 2 waves, pairs change together (SD .8)"
    yield from judge_model(simulate_model(samples, 30, 7, shared=0.8), together, 7)
    plain = simulate_model(samples, 30, 7, shared=0.8, structure="intercepts")
    yield control(
        "T7-",
        "control: intercepts alone reject the common change more often than .06",
        together,
        f"common {plain.type_one['common']:.4f}",
        at_most(plain.type_one["common"], 0.06, samples),
        7,
        samples,
    )


def judge_model(found: ModelFigures, place: str, seed: int) -> Iterator[Finding]:
    """The three targets of T7 in one cell; the estimates are in points, of which a standard deviation is about one."""
    samples = found.samples
    yield Finding(
        "T7",
        "type I .04-.06 for n >= 15",
        place,
        ", ".join(f"{name} {share:.4f}" for name, share in found.type_one.items()),
        all(within(share, 0.04, 0.06, samples) for share in found.type_one.values()),
        seed,
        samples,
    )
    yield Finding(
        "T7",
        "fixed-effect bias <= .02 SD",
        place,
        f"largest of four {with_error(found.bias, found.bias_error)}",
        mean_at_most(found.bias, 0.02, found.bias_error),
        seed,
        samples,
    )
    yield Finding(
        "T7",
        "convergence >= 99 %, otherwise the fallback",
        place,
        f"{found.used:.4f}",
        at_least(found.used, 0.99, samples),
        seed,
        samples,
    )


def shrinkage(samples: int) -> Iterator[Finding]:
    """T10: shrunken changes and slopes; T10-: naive intervals, and everybody at the mean."""
    for n in (10, 20, 40, 80, 150):
        for spread in (0.0, 0.15, 0.3, 0.6):
            found = simulate_shrinkage(samples, n, n, spread=spread)
            yield from judge_shrinkage(found, f"n = {n}, true changes of SD {spread} points", n)
            if n <= 20 and spread <= 0.3:
                # Where true changes differ more than error, the share is known well enough for the naive interval too.
                yield control(
                    "T10-",
                    "control: the naive interval covers less than .92",
                    f"n = {n}, true changes of SD {spread} points",
                    with_error(found.naive, found.naive_error),
                    mean_at_least(found.naive, 0.92, found.naive_error),
                    n,
                    samples,
                )
    apart = simulate_shrinkage(samples, 40, 41, spread=0.9)
    place = "n = 40, true changes of SD 0.9 points"
    yield control(
        "T10-",
        "control: everybody at the mean errs more than raw",
        place,
        f"RMSE {apart.pooled_rmse:.4f}, raw {apart.raw_rmse:.4f}",
        apart.pooled_rmse <= apart.raw_rmse,
        41,
        samples,
    )
    yield control(
        "T10-",
        "control: raw changes of the most extreme tenth are biased by more than .05 SD",
        place,
        bias_with_error(apart.raw_extreme_bias, apart.raw_extreme_error),
        mean_within(apart.raw_extreme_bias, -0.05, 0.05, apart.raw_extreme_error),
        41,
        samples,
    )
    for n in (20, 40, 80):
        for spread in (0.01, 0.02, 0.04):
            slopes = simulate_growth(samples, n, n, spread=spread)
            yield from judge_shrinkage(
                slopes, f"n = {n}, true slopes of SD {spread} points a week, 3 waves", n
            )


def judge_shrinkage(found: ShrinkageFigures, place: str, seed: int) -> Iterator[Finding]:
    """The three targets of T10 in one cell, and whether the warning says enough."""
    yield Finding(
        "T10",
        "RMSE <= raw in every cell",
        place,
        f"{found.rmse:.4f}, raw {found.raw_rmse:.4f}",
        found.rmse <= found.raw_rmse,
        seed,
        found.samples,
    )
    yield Finding(
        "T10",
        "Morris coverage >= .92",
        place,
        with_error(found.morris, found.morris_error),
        mean_at_least(found.morris, 0.92, found.morris_error),
        seed,
        found.samples,
    )
    yield Finding(
        "T10",
        "bias of the most extreme tenth <= .05 SD, reported with a warning",
        place,
        (
            f"{bias_with_error(found.extreme_bias, found.extreme_error)}, raw {found.raw_extreme_bias:+.4f}; "
            f"warned in {found.warned:.4f} of the samples"
        ),
        mean_within(found.extreme_bias, -0.05, 0.05, found.extreme_error) and found.warned == 1.0,
        seed,
        found.samples,
    )
    # With few people no estimate of the share of error keeps the tenth within .05 SD in every world, so the warning says how much.
    yield Finding(
        "T10",
        "the warning names a bias that is not exceeded by more than .02 SD",
        place,
        f"{bias_with_error(found.extreme_bias, found.extreme_error)}, named {found.announced:+.4f}",
        mean_at_most(found.extreme_bias, found.announced + 0.02, found.extreme_error) and found.warned == 1.0,
        seed,
        found.samples,
    )
