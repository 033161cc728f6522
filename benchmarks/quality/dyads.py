"""T8, T9 and T11: actor and partner effects, partners' correlations, discrepancies and congruence."""

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
from scoring.dyads import actor_partner_model, check_no_difference_score, response_surface
from scoring.errors import ScoringError
from tests.scoring.simulations.dyads import (
    CONGRUENT,
    CURVED,
    DIFFERENCE_ONLY,
    PairWorld,
    SurfaceFigures,
    SurfaceWorld,
    simulate_correlation,
    simulate_effects,
    simulate_surface,
)

POWER = {20: 0.27, 40: 0.49, 80: 0.80}
EQUAL_MAIN_EFFECTS = SurfaceWorld({"b0": 3.0, "b1": 0.35, "b2": 0.35})


def effects(samples: int) -> Iterator[Finding]:
    """T8: bias, coverage, type I and power; T8-: actor effects without the partner in the model."""
    for n in (20, 40, 80, 150):
        found = simulate_effects(samples, n, seed=n)
        null = simulate_effects(samples, n, n + 1, PairWorld(partner=0.0))
        place = f"n = {n} pairs, actor .3, partner .3"
        for name, bias in (("actor", found.actor_bias), ("partner", found.partner_bias)):
            error = found.errors[f"{name}_bias"]
            yield Finding(
                "T8",
                "bias <= 5 %",
                f"{place}, {name} effect",
                f"{bias_with_error(bias, error)} of .3",
                mean_within(bias, -0.05 * 0.3, 0.05 * 0.3, error),
                n,
                samples,
            )
        for name, share in (("actor", found.actor_coverage), ("partner", found.partner_coverage)):
            error = found.errors[f"{name}_coverage"]
            yield Finding(
                "T8",
                "coverage .94-.96, n >= 20",
                f"{place}, {name} effect",
                with_error(share, error),
                mean_within(share, 0.94, 0.96, error),
                n,
                samples,
            )
        error = null.errors["partner_found"]
        yield Finding(
            "T8",
            "type I .04-.06, n >= 20",
            f"n = {n} pairs, actor .3, partner 0",
            with_error(null.partner_found, error),
            mean_within(null.partner_found, 0.04, 0.06, error),
            n + 1,
            samples,
        )
        if n in POWER:
            error = found.errors["partner_found"]
            yield Finding(
                "T8",
                f"power for partner .3 is {POWER[n]:.2f} within .03",
                place,
                with_error(found.partner_found, error),
                mean_within(found.partner_found, POWER[n] - 0.03, POWER[n] + 0.03, error),
                n,
                samples,
            )
        bias, error = found.actor_without_partner - 0.3, found.errors["actor_without_partner"]
        yield control(
            "T8-",
            "control: without the partner in the model the actor effect is biased by more than 5 %",
            place,
            f"{bias_with_error(bias, error)} of .3",
            mean_within(bias, -0.05 * 0.3, 0.05 * 0.3, error),
            n,
            samples,
        )


def correlation(samples: int) -> Iterator[Finding]:
    """T9: coverage of Fisher's interval; T9-: people counted as if they were pairs."""
    for n in (10, 20, 40, 80):
        for r in (0.0, 0.3, 0.6):
            found = simulate_correlation(samples, n, n, r)
            yield Finding(
                "T9",
                "coverage .93-.97, n >= 10",
                f"n = {n} pairs, r = {r}",
                f"{found.coverage:.4f}",
                within(found.coverage, 0.93, 0.97, samples),
                n,
                samples,
            )
            yield control(
                "T9-",
                "control: with people counted instead of pairs coverage is not .93-.97",
                f"n = {n} pairs, r = {r}",
                f"{found.coverage_of_people:.4f}",
                within(found.coverage_of_people, 0.93, 0.97, samples),
                n,
                samples,
            )


def surface(samples: int) -> Iterator[Finding]:
    """T11: discrepancies, refusal of D as a predictor, recovery of surfaces, false claims; T11-: D and its size as predictors."""
    worlds = {
        "main effects": SurfaceWorld(),
        "equal main effects": EQUAL_MAIN_EFFECTS,
        "difference only": DIFFERENCE_ONLY,
        "curved": CURVED,
        "congruence": CONGRUENT,
    }
    found = {name: simulate_surface(samples, 200, 8, world) for name, world in worlds.items()}
    # The two scores are drawn before the outcome, so D is the same in every world of a seed.
    plain = found["main effects"]
    yield Finding(
        "T11",
        "raw D unbiased",
        "n = 200 pairs, mean D -.4",
        bias_with_error(plain.discrepancy_bias, plain.discrepancy_error),
        mean_equals(plain.discrepancy_bias, 0.0, plain.discrepancy_error),
        8,
        samples,
    )
    yield refuse_differences()
    for name, figures in found.items():
        yield recover_surface(figures, f"n = 200 pairs, truth: {name}")
    for name in ("main effects", "equal main effects", "difference only"):
        yield Finding(
            "T11",
            "false congruence claims <= .05 under main-effects truth",
            f"n = 200 pairs, truth: {name}",
            f"{found[name].congruence:.4f}",
            at_most(found[name].congruence, 0.05, samples),
            8,
            samples,
        )
    for what, name, share in (
        ("D", "main effects", plain.by_difference),
        ("the size of D", "difference only", found["difference only"].by_absolute_difference),
    ):
        yield control(
            "T11-",
            f"control: an effect of {what} is claimed more often than .05",
            f"n = 200 pairs, truth: {name}",
            f"{share:.4f}",
            at_most(share, 0.05, samples),
            8,
            samples,
        )


def recover_surface(figures: SurfaceFigures, place: str) -> Finding:
    """Whether every surface parameter is recovered within 10 %; of the largest one where a parameter is 0 in truth."""
    largest = max(abs(truth) for truth in figures.truth.values())
    reach = {name: 0.1 * (abs(truth) or largest) for name, truth in figures.truth.items()}
    return Finding(
        "T11",
        "a1-a5 recovered within 10 % at n = 200 (where the truth is 0, of the largest)",
        place,
        ", ".join(
            f"{name} {truth:+.2f} -> {figures.mean[name]:+.3f}" for name, truth in figures.truth.items()
        ),
        all(
            mean_within(
                figures.mean[name], truth - reach[name], truth + reach[name], figures.mean_errors[name]
            )
            for name, truth in figures.truth.items()
        ),
        8,
        figures.samples,
    )


def refuse_differences() -> Finding:
    """T11: D, its size and its square are refused wherever predictors go in, and the two levels are not."""
    rng = np.random.default_rng(11)
    mentor, mentee, outcome, other = (pd.Series(column) for column in rng.normal(3.0, 0.7, size=(4, 60)))
    d = mentor - mentee
    forms = (d, 3.0 - 2.0 * d, d.abs(), d**2)
    words = ("difference", "absolute difference", "squared difference", "profile similarity")
    tries = [
        *(lambda form=form: check_no_difference_score(form, mentor, mentee) for form in forms),
        *(
            lambda word=word: response_surface(
                outcome, mentor, mentee, midpoint=3.0, wording="same", predictor=word
            )
            for word in words
        ),
        lambda: actor_partner_model(d, -d, outcome, other),
    ]
    levels = [
        lambda: check_no_difference_score(mentor, mentor, mentee),
        lambda: check_no_difference_score((mentor + mentee) / 2.0, mentor, mentee),
        lambda: actor_partner_model(mentor, mentee, outcome, other),
    ]

    def refused(work: object) -> bool:
        """Whether the engine says that a difference score is no predictor."""
        try:
            work()  # type: ignore[operator]
        except ScoringError as problem:
            return problem.code == "dyads.difference_score"
        return False

    n_refused, n_levels = sum(map(refused, tries)), sum(map(refused, levels))
    return Finding(
        "T11",
        "engine refuses D as predictor",
        "D, lines of it, its size and square, by value and by name; two actor-partner columns that are D and -D",
        f"refused {n_refused} of {len(tries)}; levels and their mean refused {n_levels} of {len(levels)}",
        n_refused == len(tries) and n_levels == 0,
        11,
        0,
    )
