"""T14 and T15: invariance of items over groups and waves, and between translations."""

from collections.abc import Iterator

import numpy as np

from benchmarks.quality.findings import Finding, at_least, at_most, control
from scoring.sem import ConfirmatoryModel
from scoring.sem.invariance import group_invariance, wave_invariance
from tests.scoring.simulations.invariance import ITEMS, World, simulate_invariance
from tests.scoring.simulations.item_bias import simulate_bias


def invariance(samples: int) -> Iterator[Finding]:
    """T14: rejection of true models, false and true findings of unequal items."""
    for sight in ("groups", "waves"):
        # Groups below 100 each are locked, so theirs begins at 200.
        for n in (200, 300, 450) if sight == "groups" else (150, 300, 450):
            # Up to 400 each sample is judged by simulated data sets of its own, which is dear.
            drawn = samples if n > 400 else max(100, samples // 5)
            found = simulate_invariance(drawn, World(sight, n), n, n_draws=150)
            yield Finding(
                "T14",
                "true model rejected <= .10",
                f"{sight}, N = {n}, normal",
                str(found),
                at_most(found.misfit, 0.10, drawn),
                n,
                drawn,
            )
            yield Finding(
                "T14",
                "falsely non-invariant <= .05",
                f"{sight}, N = {n}, normal",
                str(found),
                at_most(found.either, 0.05, drawn),
                n,
                drawn,
            )
            shifted = simulate_invariance(
                max(100, drawn // 2), World(sight, n, shift=0.5), n + 1, n_draws=150
            )
            yield Finding(
                "T14",
                ".5 SD shift of one of five items found >= .80",
                f"{sight}, N = {n}, normal",
                str(shifted),
                at_least(shifted.either, 0.80, shifted.samples),
                n + 1,
                shifted.samples,
            )
        cut = simulate_invariance(samples, World(sight, 450, categories=True), 451)
        yield control(
            "T14-",
            "control: plain ML on five skewed categories rejects true models more often than the nominal .05 (use MLR or WLSMV)",
            f"{sight}, N = 450",
            str(cut),
            at_most(cut.misfit, 0.05, samples),
            451,
            samples,
        )
        yield locked_below(sight)


def locked_below(sight: str) -> Finding:
    """T14: below 150 no step is judged, even where an item is shifted by half a standard deviation."""
    world, model, verdicts = World(sight, 149, shift=0.5), ConfirmatoryModel({"f": ITEMS}), []
    for seed in range(20):
        table = world.table(np.random.default_rng(seed))
        if sight == "groups":
            report = group_invariance(table[list(ITEMS)], model, table["place"])
        else:
            report = wave_invariance(table, model, person="person", wave="place")
        verdicts.append(report.verdict)
    return Finding(
        "T14",
        'engine returns "locked" below 150',
        f"{sight}, N = 149, one item shifted by .5 SD",
        f"locked {verdicts.count('locked')} of {len(verdicts)}",
        set(verdicts) == {"locked"},
        0,
        len(verdicts),
    )


def item_bias(samples: int) -> Iterator[Finding]:
    """T15: false flags and power between translations."""
    null = simulate_bias(samples, 200, seed=15)
    yield Finding(
        "T15",
        "false flags <= .05 a scale",
        "200 / 200",
        str(null),
        at_most(null.false_flags, 0.05, samples),
        15,
        samples,
    )
    impact = simulate_bias(samples, 200, seed=16, impact=0.5)
    yield Finding(
        "T15",
        "false flags <= .05 a scale",
        "200 / 200, groups differ on the trait",
        str(impact),
        at_most(impact.false_flags, 0.05, samples),
        16,
        samples,
    )
    yield control(
        "T15-",
        "control: item means compared without the trait give more false flags than .05 a scale",
        "200 / 200, groups differ on the trait",
        f"{impact.unmatched:.4f}",
        at_most(impact.unmatched, 0.05, samples),
        16,
        samples,
    )
    shifted = simulate_bias(samples, 200, seed=17, shift=0.5)
    yield Finding(
        "T15",
        "power >= .80",
        "200 / 200, .5 SD of the answer",
        str(shifted),
        at_least(shifted.power, 0.80, samples),
        17,
        samples,
    )
    slight = simulate_bias(samples, 200, seed=18, shift=0.15)
    yield control(
        "T15-",
        "control: a third of that shift is not found in .80",
        "200 / 200, .15 SD of the answer",
        f"{slight.power:.4f}",
        at_least(slight.power, 0.80, samples),
        18,
        samples,
    )
