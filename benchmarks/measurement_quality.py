"""The measurement-quality table: every target of the plan's section 6.3 that the software reaches so far, by simulation against a known truth.

    python benchmarks/measurement_quality.py                  R = 2,000, writes benchmarks/measurement_quality.md
    python benchmarks/measurement_quality.py --samples 200 --only T1 --output -

Nothing in the table is typed: figures, verdicts, seeds and versions come from the run. A negative control passes when it fails its
target, which proves that the target can be failed.
"""

import argparse
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

OUTPUT = Path(__file__).with_suffix(".md")
PACKAGES = ("viceversa", "numpy", "scipy", "pandas")


@dataclass(frozen=True)
class Finding:
    """One line of the table."""

    target: str
    demand: str
    condition: str
    figure: str
    holds: bool
    seed: int
    samples: int
    control: bool = False


def at_most(share: float, limit: float, samples: int) -> bool:
    """Whether a share of samples is not shown to lie above a limit (one-sided, 5 %)."""
    return share <= limit + 1.645 * math.sqrt(limit * (1.0 - limit) / samples)


def at_least(share: float, limit: float, samples: int) -> bool:
    """Whether a share of samples is not shown to lie below a limit (one-sided, 5 %)."""
    return at_most(1.0 - share, 1.0 - limit, samples)


def reliability(samples: int) -> Iterator[Finding]:
    """T1 and T2: bias and coverage of alpha and omega."""
    from tests.scoring.simulations.reliability import PILOT, UNEQUAL, simulate_alpha, simulate_omega

    for n in (10, 20, 40, 80):
        found = simulate_alpha(samples, n, seed=n)
        covered = all(
            at_least(share, 0.93, samples) and at_most(share, 0.97, samples)
            for share in (found.feldt, found.bonett)
        )
        biased = abs(found.bias) <= 0.01 or n < 80
        yield Finding(
            "T1",
            "coverage .93-.97; bias <= .01 from n = 80",
            f"n = {n}",
            str(found),
            covered and biased,
            n,
            samples,
        )
    for n in (60, 100):
        for name, world in (("equal", PILOT), ("unequal", UNEQUAL)):
            found = simulate_omega(samples, n, seed=n, world=world, n_draws=400)
            yield Finding(
                "T2",
                "coverage >= .92 from n = 60",
                f"n = {n}, {name} loadings",
                str(found),
                at_least(found.coverage, 0.92, samples),
                n,
                samples,
            )
    refused = simulate_omega(20, 49, seed=49)
    yield Finding("T2", "refused below 50", "n = 49", str(refused), refused.refused == 20, 49, 20)


def item_bias(samples: int) -> Iterator[Finding]:
    """T15: false flags and power between translations."""
    from tests.scoring.simulations.item_bias import simulate_bias

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


def careless(samples: int) -> Iterator[Finding]:
    """T18: careless responding."""
    from tests.scoring.simulations.careless import simulate_careless

    drawn = max(30, samples // 10)
    for n in (100, 300):
        found = simulate_careless(drawn, n, seed=n)
        holds = found.specificity >= 0.97 and found.straight >= 0.50
        yield Finding(
            "T18", "specificity >= .97, straight line >= .50", f"n = {n}", str(found), holds, n, drawn
        )
    without = simulate_careless(drawn, 100, seed=101, times=False)
    yield Finding(
        "T18-",
        "control: without page times straight lines are missed",
        "n = 100",
        str(without),
        without.straight < 0.50,
        101,
        drawn,
        True,
    )


def invariance(samples: int) -> Iterator[Finding]:
    """T14: rejection of true models, false and true findings of unequal items."""
    from tests.scoring.simulations.invariance import World, simulate_invariance

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
        yield Finding(
            "T14-",
            "control: plain ML on five skewed categories rejects true models more often (use MLR or WLSMV)",
            f"{sight}, N = 450",
            str(cut),
            not at_most(cut.misfit, 0.05, samples),
            451,
            samples,
            control=True,
        )


STUDIES: dict[str, Callable[[int], Iterator[Finding]]] = {
    "T1, T2": reliability,
    "T14": invariance,
    "T15": item_bias,
    "T18": careless,
}


def machine() -> str:
    """Where and with what the figures were made."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {packages}; {platform.system()} {platform.machine()}"


def render(findings: list[Finding], seconds: float) -> str:
    """The table as Markdown."""
    failed = sum(not finding.holds for finding in findings)
    lines = [
        "# Measurement quality",
        "",
        f"Made by `python benchmarks/measurement_quality.py` on {datetime.now(UTC):%Y-%m-%d} in {seconds:.0f} s. {machine()}.",
        (
            f"{len(findings) - failed} of {len(findings)} lines hold. A share of samples holds its "
            "target when it is not shown (one-sided, 5 %) to miss it; a control holds when the target is failed."
        ),
        "",
        "| target | demand | condition | what was found | holds | seed | R |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {f.target} | {f.demand} | {f.condition} | {f.figure} | {'yes' if f.holds else '**no**'}"
        f"{' (control)' if f.control else ''} | {f.seed} | {f.samples} |"
        for f in findings
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the studies and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--samples", type=int, default=2_000, help="replications of a condition (default 2000)"
    )
    parser.add_argument("--only", help="one study, for example T15")
    parser.add_argument("--output", default=str(OUTPUT), help="file, or - for standard output")
    options = parser.parse_args()
    chosen = {name: study for name, study in STUDIES.items() if options.only is None or options.only in name}
    if not chosen:
        parser.error(f"there is no study {options.only}; use one of: {'; '.join(STUDIES)}")
    findings, start = [], time.perf_counter()
    for name, study in chosen.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        findings += list(study(options.samples))
    text = render(findings, time.perf_counter() - start)
    if options.output == "-":
        print(text, end="")
    else:
        Path(options.output).write_text(text, encoding="utf-8")
        print(f"{options.output} written", file=sys.stderr)
    return 0 if all(finding.holds for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
