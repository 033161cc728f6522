"""Whole programmes, raw answers to words: targets E1 and E2, and the people labelled in the null programme D12 (T5)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from benchmarks.quality.findings import Finding, at_least, at_most, control, mean_at_most, within
from tests.scoring.simulations.programme_words import count_forbidden, simulate_programmes, simulate_sides
from tests.scoring.simulations.programmes import World, null_world

PAIRS = (10, 15, 24, 40, 80)
GAIN = World(gain=0.4)
# Nominal; so many end in a fifth of the people missing at the last wave.
LOST = 0.22


def programmes(samples: int) -> Iterator[Finding]:
    """E1, E1- and E2, with labelled people in D12."""
    yield from null_programmes(samples)
    yield from gains(samples)
    yield from labels(samples)


def null_programmes(samples: int) -> Iterator[Finding]:
    """E1: no word "moved" in the primary family where nobody changes and every bias is on; E1-: without the rules, and with a change."""
    for n in PAIRS:
        found = simulate_programmes(samples, n, null_world(n))
        yield Finding(
            "E1",
            "any primary claim moved in <= .05 of null programmes",
            f"D12, {n} pairs invited",
            str(found),
            at_most(found.any_moved, 0.05, samples),
            n,
            samples,
        )
        # Below that the gates leave few programmes with any p at all.
        if n >= 24:
            yield control(
                "E1-",
                "control: the same programmes by any unadjusted p < .05",
                f"D12, {n} pairs invited",
                f"any p < .05 {found.any_p:.4f}",
                at_most(found.any_p, 0.05, samples),
                n,
                samples,
            )
    drawn = max(50, samples // 10)
    changed = simulate_programmes(drawn, 41, null_world(40, gain=0.4))
    yield control(
        "E1-",
        "control: a programme with a gain of .4 points",
        "D12 and a gain on PS, 40 pairs invited",
        str(changed),
        at_most(changed.any_moved, 0.05, drawn),
        41,
        drawn,
    )


def gains(samples: int) -> Iterator[Finding]:
    """E2: a gain of .4 points on PS is shown for a role of 40 pairs, about every other time for one of 15, and never called nothing."""
    worlds: dict[str, dict[str, Any]] = {
        "complete data": {},
        "a fifth missing at random": {"dropout": LOST, "reason": "trial"},
        "a fifth missing not at random": {"dropout": LOST},
    }
    for n in (40, 15):
        for place, (condition, knobs) in enumerate(worlds.items()):
            # The plan's n are complete pairs; 40 invited ones, of whom a fifth leave, are asked for as much.
            ways: tuple[Literal["invited", "complete"], ...] = ("invited",)
            if knobs:
                ways = ("complete", "invited") if n == 40 else ("complete",)
            for counted in ways:
                world = replace(GAIN, pairs=n, counted=counted, **knobs)
                seed = 1_000 * (place + 1) + 100 * (counted == "complete") + n
                found = simulate_programmes(samples, seed, world)
                unclear = found.words["not shown"] + found.words["too few"]
                if n == 40:
                    demand = "PS of a role moved >= .80"
                    holds = at_least(found.words["moved"], 0.80, samples)
                else:
                    demand = "PS of a role not shown or too few .35-.65, never equivalent"
                    holds = within(unclear, 0.35, 0.65, samples) and found.words["equivalent"] == 0.0
                yield Finding(
                    "E2", demand, f"{n} pairs {counted}, {condition}", str(found), holds, seed, samples
                )
    drawn = max(20, samples // 20)
    for name, world in (
        ("a gain of .4 points", replace(GAIN, pairs=15, dropout=LOST)),
        ("D12", null_world(15)),
    ):
        n_found = count_forbidden(drawn, 15, world)
        yield Finding(
            "E2",
            "no printed report says that there was no effect",
            f"15 pairs invited, {name}",
            f"{n_found} of {drawn} reports",
            n_found == 0,
            15,
            drawn,
        )


def labels(samples: int) -> Iterator[Finding]:
    """T5 in D12: people labelled by a report that has field reliabilities; cohorts beside each other are counted, without a target."""
    drawn = max(50, samples // 10)
    for n in (24, 40):
        for careless in ((0.0, 0.0), (0.05, 0.15)):
            found = simulate_sides(drawn, n, null_world(n, careless=careless))
            condition = f"D12, {n} pairs, careless {careless[0]:.0%} to {careless[1]:.0%}"
            yield Finding(
                "D12",
                "labelled people <= 1 a null report",
                condition,
                str(found),
                mean_at_most(found.labelled, 1.0, found.error),
                n,
                drawn,
            )
            yield control(
                "D12-",
                "control: everybody beyond 1.96 errors",
                condition,
                f"people labelled {found.naive:.2f}",
                mean_at_most(found.naive, 1.0, found.error),
                n,
                drawn,
            )
