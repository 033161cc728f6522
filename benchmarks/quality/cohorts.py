"""T12, T13, T16, T17 and T19: cohorts, equivalence, then-tests, dropout, goals."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.quality.findings import (
    Finding,
    at_most,
    bias_with_error,
    control,
    mean_equals,
    mean_within,
    with_error,
    within,
)
from scoring.goals import goal_attainment
from scoring.power import n_for_equivalence
from tests.scoring.simulations.cohorts import (
    simulate_cohorts,
    simulate_equivalence,
    simulate_goals,
    simulate_missing,
    simulate_skills,
    tipping_curve,
)


def cohorts(samples: int) -> Iterator[Finding]:
    """T12: tests of cohort-assigned designs; T12-: pairs pooled as if they had been assigned one by one."""
    for pairs in (8, 20, 40):
        for icc in (0.0, 0.02, 0.05, 0.10):
            found = simulate_cohorts(samples, seed=12, icc=icc, pairs=pairs)
            place = f"5 cohorts of {pairs} pairs an arm, ICC {icc:.2f}"
            for name, share in (
                ("t on cohort means", found.by_cohorts),
                ("permutation of labels", found.by_labels),
            ):
                yield Finding(
                    "T12",
                    "type I .04-.06 for cohort-level tests",
                    f"{place}, {name}",
                    f"{share:.4f}",
                    within(share, 0.04, 0.06, samples),
                    12,
                    samples,
                )
            yield Finding(
                "T12",
                "the same p from the product's own function",
                f"{place}, the first samples",
                "the same" if found.agrees else "different",
                found.agrees,
                12,
                samples,
            )
            # The plan's figure is for ICC .05 in cohorts of 20; with fewer pairs, or less alike ones, pooling does less harm.
            if icc * pairs >= 1.0:
                yield control(
                    "T12-",
                    "control: naive pooling has type I >= .10",
                    place,
                    f"{found.naive:.4f}",
                    found.naive < 0.10,
                    12,
                    samples,
                )


def equivalence(samples: int) -> Iterator[Finding]:
    """T13: both one-sided tests at the bound, and sizes; T13-: "not significant" taken for "equivalent"."""
    cells = ((12, 0.5), (20, 0.5), (36, 0.5), (60, 0.5), (97, 0.5), (97, 0.3))
    for n, bound in cells:
        for true in (bound, -bound):
            found = simulate_equivalence(samples, seed=n, n=n, bound=bound, true=true)
            yield Finding(
                "T13",
                "type I <= .05 at the bound",
                f"n = {n}, bounds +/- {bound}, true change {true:+}",
                f"{found.shown:.4f}",
                at_most(found.shown, 0.05, samples),
                n,
                samples,
            )
    for n, bound in ((36, 0.5), (97, 0.3)):
        size = n_for_equivalence(bound)
        at_zero = simulate_equivalence(samples, seed=n, n=n, bound=bound, true=0.0)
        yield Finding(
            "T13",
            "n = 36 / 97 for 80 % power reproduced within +/- 2",
            f"bounds +/- {bound}, true change 0",
            f"n = {size}; equivalence shown at n = {n} in {at_zero.shown:.4f}",
            abs(size - n) <= 2,
            n,
            samples,
        )
        at_bound = simulate_equivalence(samples, seed=n, n=n, bound=bound, true=bound)
        yield control(
            "T13-",
            'control: "not significant" taken for "equivalent" errs more often than .05',
            f"n = {n}, bounds +/- {bound}, true change {bound:+}",
            f"{at_bound.not_significant:.4f}",
            at_most(at_bound.not_significant, 0.05, samples),
            n,
            samples,
        )


def then_test(samples: int) -> Iterator[Finding]:
    """T16: recalibration recovered, verdicts under flattery; T16-: the then-test believed."""
    for gamma in (-1.0, -0.5, 0.0):
        plain = simulate_skills(samples, seed=16, gamma=gamma)
        flattered = simulate_skills(samples, seed=17, gamma=gamma, recall=0.3, desirability=0.6)
        yield Finding(
            "T16",
            "recovers gamma +/- .1 when recall noise is 0",
            f"n = 30, gamma {gamma}",
            bias_with_error(plain.recovered, plain.recovered_error),
            mean_within(plain.recovered, gamma - 0.1, gamma + 0.1, plain.recovered_error),
            16,
            samples,
        )
        yield control(
            "T16-",
            "control: with desirability .6 gamma is not recovered +/- .1",
            f"n = 30, gamma {gamma}",
            bias_with_error(flattered.recovered, flattered.recovered_error),
            mean_within(flattered.recovered, gamma - 0.1, gamma + 0.1, flattered.recovered_error),
            17,
            samples,
        )
    for n in (10, 20, 40, 80):
        for desirability in (0.3, 0.8):
            for gamma in (-0.5, 0.0):
                found = simulate_skills(
                    samples, seed=n, n=n, gamma=gamma, recall=0.3, desirability=desirability
                )
                place = f"n = {n}, gamma {gamma}, desirability {desirability}, true gain 0"
                yield Finding(
                    "T16",
                    'verdict rule: false "improved" <= .05 with desirability on',
                    place,
                    f"{found.improved:.4f}",
                    at_most(found.improved, 0.05, samples),
                    n,
                    samples,
                )
                yield control(
                    "T16-",
                    'control: the then-test alone says "improved" more often than .05',
                    place,
                    f"{found.by_then_test:.4f}",
                    at_most(found.by_then_test, 0.05, samples),
                    n,
                    samples,
                )


def missing(samples: int) -> Iterator[Finding]:
    """T17: bias under dropout of those who scored low, tipping points; T17-: completers only."""
    for n in (20, 40, 80):
        found = simulate_missing(samples, seed=n, n=n)
        place = f"n = {n} pairs, {found.share:.3f} missing at random given the first score"
        refused = f"; refused in {found.refused} samples, where the roles were hardly ever observed together"
        for name, bias, error, remark in (
            ("REML", found.direct_likelihood, found.direct_likelihood_error, ""),
            ("multiple imputation", found.imputed, found.imputed_error, refused if found.refused else ""),
        ):
            yield Finding(
                "T17",
                f"{name} bias <= .05 SD under MAR 30 %",
                place,
                bias_with_error(bias, error) + remark,
                mean_within(bias, -0.05, 0.05, error),
                n,
                samples,
            )
        yield control(
            "T17-",
            "control: completers only biased by more than .10 SD",
            place,
            bias_with_error(found.completers, found.completers_error),
            mean_within(found.completers, -0.10, 0.10, found.completers_error),
            n,
            samples,
        )
    drawn = max(20, samples // 10)
    curves = [tipping_curve(seed) for seed in range(drawn)]
    rising = sum(curve == sorted(curve) for curve in curves)
    yield Finding(
        "T17",
        "tipping point monotone in what was found",
        "n = 60 pairs, later scores raised by 0, .1, .2, .4",
        f"never falls in {rising} of {drawn} samples; mean {np.mean(curves, axis=0).round(2).tolist()} points",
        rising == drawn,
        0,
        drawn,
    )


def goals(samples: int) -> Iterator[Finding]:
    """T19: T under its own model, hand-computed cases; T19-: goals taken for independent."""
    people = 10 * samples
    for k in (1, 2, 3):
        found = simulate_goals(people, seed=k, k=k)
        place = f"{k} goals a person, {people} people" if k > 1 else f"1 goal a person, {people} people"
        yield Finding(
            "T19",
            "mean 50, SD 10 under the model",
            place,
            f"mean {with_error(found.mean, found.mean_error)}, SD {with_error(found.sd, found.sd_error)}",
            mean_equals(found.mean, 50.0, found.mean_error) and mean_equals(found.sd, 10.0, found.sd_error),
            k,
            people,
        )
        if k > 1:
            yield control(
                "T19-",
                "control: with goals taken for independent the SD is not 10",
                place,
                with_error(found.sd_independent, found.sd_independent_error),
                mean_equals(found.sd_independent, 10.0, found.sd_independent_error),
                k,
                people,
            )
    yield from hand_computed_goals()


def hand_computed_goals() -> Iterator[Finding]:
    """T19: `50 + 10 sum(x) / sqrt((1 - .3) k + .3 k^2)` for four people with three goals or fewer."""
    ratings = pd.DataFrame([[1, 1, 1], [0, 0, 0], [2, np.nan, np.nan], [1, 0, np.nan]])
    cases = {
        "three goals at +1": 50.0 + 30.0 / np.sqrt(0.7 * 3 + 0.3 * 9),
        "three at 0": 50.0,
        "one at +2": 70.0,
        "two at +1 and 0": 50.0 + 10.0 / np.sqrt(0.7 * 2 + 0.3 * 4),
    }
    given, independent = (goal_attainment(ratings, rho=rho).scores["t"] for rho in (0.3, 0.0))
    for (name, expected), found, other in zip(cases.items(), given, independent, strict=True):
        yield Finding(
            "T19",
            "hand-computed cases exact",
            name,
            f"{found:.6f}, by hand {expected:.6f}",
            abs(found - expected) <= 1e-9,
            0,
            0,
        )
        if name.startswith("three goals"):
            yield control(
                "T19-",
                "control: with goals taken for independent the case is not met",
                name,
                f"{other:.6f}, by hand {expected:.6f}",
                abs(other - expected) <= 1e-9,
                0,
                0,
            )
