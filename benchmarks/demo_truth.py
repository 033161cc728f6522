"""The demo organisation's truth beside what the change report says of it, cohort by cohort, and how often that is right over many seeds.

    python benchmarks/demo_truth.py                  writes benchmarks/demo_truth.md
    python benchmarks/demo_truth.py --seeds 20 --output -

Nothing in the tables is typed: figures, words, seeds and versions come from the run.
"""

import argparse
import math
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.quality.findings import at_least, at_most
from surveys.demo import COHORTS, SEED
from tests.surveys.simulations.demo_truth import (
    LARGE,
    MARGIN,
    Line,
    cohort_codes,
    compare,
    demo_instrument,
    report_of,
    seed_and_export,
    simulate_seed,
    summarise,
)

OUTPUT = Path(__file__).with_suffix(".md")
PACKAGES = ("viceversa", "numpy", "scipy", "pandas")
WORDS = ("moved", "not shown", "equivalent", "too few", None)
FIRST_SEED = 1


def walk_the_path() -> tuple[dict[str, list[Line]], list[str]]:
    """Seed, export and analyse as a researcher does; lines by cohort, and the cohorts whose report is not of their pairs."""
    instrument, found, wrong = demo_instrument(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        answers = seed_and_export(Path(folder))
        for code, plan in cohort_codes().items():
            report = report_of(answers, code)
            found[plan.name] = list(compare(plan, report, instrument))
            if report["meta"]["n_pairs"] != plan.n_pairs:
                wrong.append(plan.name)
    return found, wrong


def simulate(seeds: int, jobs: int) -> list[list[Line]]:
    """The same simulation for many other seeds, without a database."""
    from joblib import Parallel, delayed

    chosen = [seed for seed in range(FIRST_SEED, FIRST_SEED + seeds + 1) if seed != SEED][:seeds]
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(simulate_seed)(seed) for seed in chosen)
    reports: list[list[Line]] = []
    for lines in work:
        reports.append(lines)
        if len(reports) % 20 == 0:
            print(f"{len(reports)} of {len(chosen)} seeds", file=sys.stderr, flush=True)
    return reports


def signed(value: float | None) -> str:
    """A number of points with its sign."""
    return "-" if value is None else f"{value:+.2f}" if round(value, 2) else "0.00"


def share(count: int, n: int) -> str:
    """A share in per cent."""
    return "-" if n == 0 else f"{100 * count / n:.1f} %"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [
        "| " + " | ".join(header) + " |",
        "|" + " --- |" * len(header),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def head(seconds: float) -> list[str]:
    """Where the figures come from, and what is called right."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        "# The demo organisation: truth beside report",
        "",
        f"Made by `python benchmarks/demo_truth.py` on {datetime.now(UTC):%Y-%m-%d} in {seconds:.0f} s. Python {platform.python_version()}, {packages}; {platform.system()} {platform.machine()}.",
        "",
        (
            "The truth is the expected change of the score in points under the simulation of `surveys/demo.py`, computed exactly by "
            "`surveys/demo_truth.py`; the report is that of `viceversa analyse change` on one cohort's answers."
        ),
        "",
        (
            f'**Right.** "moved" is right only if the true change is not 0 and has the sign of the report\'s; "equivalent" only if the true change lies inside the margin of {MARGIN} points. '
            '"not shown", "too few" and no word at all (-) claim nothing, so they are right; how often they stand where the true change is '
            f'{LARGE} points or more is counted as missed. With fewer than 10 people who have both scores the word must be "too few", with fewer than 5 there must be none.'
        ),
        "",
        (
            "**Which scales.** A change needs two closed waves (of T0, TC and T2) that ask all questions of a scale in the same words. Of the primary "
            "family that is PS; PW_V as a whole is asked at T2 only and gets no change before T3a is closed, so its two anchors (PW_V_ANCHOR) "
            "stand in the secondary family. The same holds for TR and RQ and their anchors; OP and MC are asked at T0 and T3b. PW_G is expected at T0 "
            "and experienced from TC on, so its change begins at TC."
        ),
    ]


def render_path(found: dict[str, list[Line]]) -> list[str]:
    """The seeded organisation: a summary, the count of intervals, and every row."""
    lines = ["", f"## As it is seeded (seed {SEED})", ""]
    rows = []
    for plan in COHORTS:
        own = found[plan.name]
        rates = summarise(own)
        primary = [line for line in own if line.family == "primary"]
        rows.append(
            [
                plan.name, str(plan.n_pairs), f"{plan.effect:g}",
                ", ".join(f"{line.scale} {line.role}: {line.word or '-'}" for line in primary),
                f"{rates.n_lines - rates.n_wrong} of {rates.n_lines}",
                f"{sum(line.word == 'moved' for line in own)}",
                f"{rates.n_missed} of {rates.n_large}",
                f"{rates.n_covered} of {rates.n_intervals}",
            ]
        )  # fmt: skip
    lines += table(
        ["cohort", "pairs", "effect", "words of the primary family", "words right", "moved", f"missed of true changes of {LARGE} or more", "intervals that hold the truth"],
        rows,
    )  # fmt: skip
    everything = summarise([line for own in found.values() for line in own])
    expected = 0.05 * everything.n_intervals
    lines += [
        "",
        (
            f"{everything.n_intervals - everything.n_covered} of {everything.n_intervals} intervals miss the truth; {expected:.1f} are expected to, "
            f"give or take {1.96 * math.sqrt(0.95 * expected):.1f} if rows were independent, which rows of the same people are not."
        ),
    ]
    for plan in COHORTS:
        lines += ["", f"### {plan.name}: {plan.n_pairs} pairs, effect {plan.effect:g}", ""]
        lines += table(
            ["scale", "role", "family", "waves", "true change", "n", "report", "interval", "word", "right", "missed", "interval holds truth"],
            [row_of(line) for line in found[plan.name]],
        )  # fmt: skip
    return lines


def row_of(line: Line) -> list[str]:
    """One row of a cohort's table."""
    interval = "-" if line.low is None else f"{signed(line.low)} to {signed(line.high)}"
    covered = {True: "yes", False: "no", None: "-"}[line.covered]
    right = "yes" if line.right and line.gated else "**no**"
    return [
        line.scale, line.role, line.family, line.waves, signed(line.true), str(line.n), signed(line.change), interval,
        line.word or "-", right, "missed" if line.missed else "", covered,
    ]  # fmt: skip


def render_rates(reports: list[list[Line]]) -> list[str]:
    """What happens over many seeds."""
    n = len(reports)
    lines = [
        "",
        f"## Over {n} other seeds (from {FIRST_SEED} on)",
        "",
        (
            "The same simulation without a database: the demo's own functions draw the answers to the scales above, and the change report "
            "is made of them directly. A data package would leave out what fewer than its floor answered, such as the sensitive OP_T of ten pairs."
        ),
        "",
        "PS, the primary family (two roles a report):",
        "",
    ]
    rows = []
    for plan in COHORTS:
        own = [
            [line for line in report if line.cohort == plan.name and line.scale == "PS"] for report in reports
        ]
        rates = summarise([line for report in own for line in report])
        rows.append(
            [
                plan.name, signed(next(line.true for report in own for line in report)),
                f"{sum(line.n for report in own for line in report) / rates.n_lines:.1f}",
                *(share(rates.words.get(word, 0), rates.n_lines) for word in WORDS),
                share(sum(any(line.word == "moved" for line in report) for report in own), n),
                share(rates.n_covered, rates.n_intervals), f"{rates.bias:+.3f}",
            ]
        )  # fmt: skip
    header = ["cohort", "true change", "mean n", *(word or "no word" for word in WORDS)]
    lines += table(
        [*header, "moved in either role", "intervals that hold the truth", "mean of report minus truth"], rows
    )
    lines += ["", "All scales and roles:", ""]
    rows = [
        rates_row(plan.name, [line for report in reports for line in report if line.cohort == plan.name])
        for plan in COHORTS
    ]
    rows.append(rates_row("all", [line for report in reports for line in report]))
    lines += table(
        ["cohort", "rows", "words wrong", "moved with a true change of 0", "equivalent outside the margin", "wrong sign", "gate broken", f"missed of true changes of {LARGE} or more", "intervals that hold the truth", "of which t intervals (n of 10 or more)", "reference intervals (n of 5 to 9), PS", "the same, shorter scales", "mean of report minus truth"],
        rows,
    )  # fmt: skip
    return lines


def rates_row(name: str, lines: list[Line]) -> list[str]:
    """Counts of one cohort over all seeds."""
    rates = summarise(lines)
    own = [line.covered for line in lines if line.covered is not None and line.n >= 10]
    given = [line for line in lines if line.covered is not None and line.n < 10]
    long, short = (
        [line.covered for line in given if (line.scale == "PS") == whole] for whole in (True, False)
    )
    null = [line for line in lines if line.true == 0]
    moved = [line for line in lines if line.word == "moved" and line.true != 0]
    return [
        name, str(rates.n_lines), share(rates.n_wrong, rates.n_lines),
        f"{share(sum(line.word == 'moved' for line in null), len(null))} of {len(null)}",
        str(sum(line.word == "equivalent" and not line.right for line in lines)),
        str(sum(not line.right for line in moved)), str(sum(not line.gated for line in lines)),
        share(rates.n_missed, rates.n_large), share(rates.n_covered, rates.n_intervals), share(sum(own), len(own)), share(sum(long), len(long)), share(sum(short), len(short)),
        f"{rates.bias:+.3f}",
    ]  # fmt: skip


def targets(reports: list[list[Line]]) -> list[tuple[str, str, bool]]:
    """E1 and E2 of the measurement plan on these seeds."""
    n = len(reports)

    def primary(name: str) -> list[list[Line]]:
        return [
            [line for line in report if line.cohort == name and line.family == "primary"]
            for report in reports
        ]

    def rate(rows: list[Line], holds: Callable[[Line], bool]) -> float:
        return sum(map(holds, rows)) / len(rows)

    null, small, large = (primary(COHORTS[place].name) for place in (2, 1, 3))
    false = sum(any(line.word == "moved" for line in report) for report in null) / n
    flat_large = [line for report in large for line in report]
    flat_small = [line for report in small for line in report]
    found = rate(flat_large, lambda line: line.word == "moved")
    silent = rate(flat_small, lambda line: line.word in {"not shown", "too few"})
    denied = sum(line.word == "equivalent" for line in flat_small)
    return [
        ("E1: at most 5 % of null cohorts get any \"moved\" in the primary family", f"{false:.1%} of {n}", at_most(false, 0.05, n)),
        (f"E2: 40 pairs and a true change of {flat_large[0].true:.2f} get \"moved\" in at least 80 % (roles counted one by one)", f"{found:.1%} of {len(flat_large)}", at_least(found, 0.80, len(flat_large))),
        (f"E2: 15 pairs and a true change of {flat_small[0].true:.2f}: share of \"not shown\" and \"too few\" (the plan expects about half)", f"{silent:.1%} of {len(flat_small)}", silent >= 0.4),
        ("E2: no report of 15 pairs calls that change \"equivalent\"", f"{denied} of {len(flat_small)}", denied == 0),
    ]  # fmt: skip


def render_targets(found: list[tuple[str, str, bool]]) -> list[str]:
    """The targets as a table."""
    lines = ["", "Targets (a share holds when it is not shown, one-sided at 5 %, to miss its target):", ""]
    rows = [(demand, figure, "yes" if holds else "**no**") for demand, figure, holds in found]
    return lines + table(["target", "found", "holds"], rows)


def main() -> int:
    """Walk the path, simulate, and write the tables; exit status 1 if a word of the seeded organisation is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200, help="other seeds (default 200)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--output", default=str(OUTPUT), help="file, or - for standard output")
    options = parser.parse_args()
    start = time.perf_counter()
    found, strangers = walk_the_path()
    reports = simulate(options.seeds, options.jobs)
    lines = [*head(0.0), *render_path(found), *render_rates(reports), *render_targets(targets(reports))]
    lines[: len(head(0.0))] = head(time.perf_counter() - start)
    text = "\n".join(lines) + "\n"
    if options.output == "-":
        print(text, end="")
    else:
        Path(options.output).write_text(text, encoding="utf-8")
        print(f"{options.output} written", file=sys.stderr)
    wrong = [line for own in found.values() for line in own if not (line.right and line.gated)]
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong or strangers else 0


if __name__ == "__main__":
    sys.exit(main())
