"""The measurement-quality table: the targets of the plan's section 6.3, by simulation against a known truth.

    python benchmarks/measurement_quality.py --jobs 2         R = 2,000, writes benchmarks/measurement_quality.md
    python benchmarks/measurement_quality.py --samples 200 --only T1,T15 --output -
    python benchmarks/measurement_quality.py --only T14 --keep    makes T14 anew and keeps the other rows of the table

Nothing in the table is typed: figures, verdicts, seeds, times and versions come from the run. A negative control passes when it fails
its target, which proves that the target can be failed. P1 to P3 are no studies of samples; the tests of the disclosure rules hold them.
"""

import argparse
import platform
import re
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.quality import agreement, careless, change, cohorts, dyads, items, programmes, reliability
from benchmarks.quality.findings import Finding, Study

OUTPUT = Path(__file__).with_suffix(".md")
PACKAGES = ("viceversa", "numpy", "scipy", "pandas")
STUDIES: dict[str, Study] = {
    "T1": reliability.alpha,
    "T2": reliability.omega,
    "T3": change.reliable_change,
    "T4": change.power_of_index,
    "T5": change.labels,
    "T6": change.intervals,
    "T7": change.mixed_model,
    "T8": dyads.effects,
    "T9": dyads.correlation,
    "T10": change.shrinkage,
    "T11": dyads.surface,
    "T12": cohorts.cohorts,
    "T13": cohorts.equivalence,
    "T14": items.invariance,
    "T15": items.item_bias,
    "T16": cohorts.then_test,
    "T17": cohorts.missing,
    "T18": careless.careless,
    "T19": cohorts.goals,
    "T20": agreement.agreement,
    "E1": programmes.null_programmes,
    "E2": programmes.gains,
    "D12": programmes.labels,
}
HEAD = (
    "| target | demand | condition | what was found | holds | seed | R |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)
RECORD_HEAD = ("| study | lines | seconds | made on |", "| --- | --- | --- | --- |")


@dataclass(frozen=True)
class Section:
    """What one study gave: its lines of the table, and the line that says when and how fast they were made."""

    name: str
    rows: tuple[str, ...]
    record: str

    @property
    def n_failed(self) -> int:
        """Number of lines that do not hold."""
        return sum("| **no**" in row for row in self.rows)


def run_study(name: str, samples: int) -> Section:
    """Run a study with one thread of linear algebra, so that neither its figures nor its time depend on what runs beside it."""
    from threadpoolctl import threadpool_limits

    start = time.perf_counter()
    with threadpool_limits(limits=1):
        rows = tuple(render_row(finding) for finding in STUDIES[name](samples))
    seconds = time.perf_counter() - start
    return Section(name, rows, f"| {name} | {len(rows)} | {seconds:.0f} | {datetime.now(UTC):%Y-%m-%d} |")


def run_studies(
    names: Sequence[str], samples: int, jobs: int
) -> tuple[list[Section], dict[str, BaseException]]:
    """Run studies in so many processes, and return what they gave and which of them broke off.

    Every study has seeds of its own, so the rows are the same however many processes there are. One that breaks off does not take the
    others with it, since together they take long.
    """
    found, broken = {}, {}
    # Fresh processes behave alike on every system; forked ones take over whatever threads and caches there are.
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(run_study, name, samples): name for name in names}
        for future in as_completed(waiting):
            name, problem = waiting[future], future.exception()
            if problem is None:
                found[name] = future.result()
            else:
                broken[name] = problem
            print(f"{name}: {problem or 'done'}", file=sys.stderr, flush=True)
    return [found[name] for name in names if name in found], broken


def render_row(finding: Finding) -> str:
    """A finding as a line of the table."""
    f, holds = finding, "yes" if finding.holds else "**no**"
    drawn = f"{f.seed} | {f.samples}" if f.samples else "- | -"
    cells = (f.target, f.demand, f.condition, f.figure, holds + (" (control)" if f.control else ""))
    # A bar would end the cell.
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} | {drawn} |"


def describe_machine() -> str:
    """Where and with what the figures were made."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {packages}; {platform.system()} {platform.machine()}"


def render(sections: Sequence[Section]) -> str:
    """The table as Markdown, with a second one that says when each study was run and how long it took."""
    rows = [row for section in sections for row in section.rows]
    failed = sum(section.n_failed for section in sections)
    lines = [
        "# Measurement quality",
        "",
        f"Made by `python benchmarks/measurement_quality.py` with {describe_machine()}.",
        "",
        f"{len(rows) - failed} of {len(rows)} lines hold. What a number of samples can show is limited, so a target counts as missed only",
        "where that is shown (one-sided, 5 %):",
        "",
        "- a share of R samples, or of independent people, by its binomial error at the limit;",
        "- a mean, a bias, or a share of people who share a sample, by its Monte-Carlo standard error (SE) over the samples;",
        "- a truth without a margin (unbiased; mean 50, SD 10) by the same error, two-sided at 1 %;",
        "- two figures of the same samples that are compared with each other, and counts of refusals, as they stand;",
        "- a textbook case when it is met to the last digit printed there, an exact value or a hand-computed case to 1e-9 or nearer.",
        "",
        "A negative control (its target ends with -) does something wrong on purpose and holds when it is shown to fail its target; where",
        "the plan names a figure for it (T3-, T12-), when it reaches that figure as it stands.",
        "",
        *HEAD,
        *rows,
        "",
        "When the studies were run, one process each:",
        "",
        *RECORD_HEAD,
        *(section.record for section in sections),
    ]
    return "\n".join(lines) + "\n"


def read_table(text: str) -> dict[str, Section]:
    """The sections of a table that `render` made with the same versions.

    Raises
    ------
    ValueError
        When the versions differ or rows have no record of their study, so that they cannot stand beside new ones.
    """
    if describe_machine() not in text:
        raise ValueError("the table was made with other versions; make the whole table anew")
    kept = {}
    for record in re.findall(r"^\| \w+ \| \d+ \| \d+ \| \d{4}-\d\d-\d\d \|$", text, re.MULTILINE):
        name = record.split(" | ")[0].removeprefix("| ")
        rows = tuple(re.findall(rf"^\| {name}-? \| .*\| (?:\d+|-) \|$", text, re.MULTILINE))
        kept[name] = Section(name, rows, record)
    recorded = sum(len(section.rows) for section in kept.values())
    if recorded != len(re.findall(r"^\| [A-Z]\d+-? \| .*\| (?:\d+|-) \|$", text, re.MULTILINE)):
        raise ValueError(
            "the table has rows of studies that are not recorded below it; make the whole table anew"
        )
    return kept


def choose(only: str | None) -> list[str]:
    """Names of the studies that are asked for, in the order of the table.

    Raises
    ------
    ValueError
        For a name that no study has.
    """
    if only is None:
        return list(STUDIES)
    asked = {name.strip().removesuffix("-") for name in only.split(",")}
    if unknown := asked - set(STUDIES):
        raise ValueError(f"there is no study {', '.join(sorted(unknown))}; there are: {', '.join(STUDIES)}")
    return [name for name in STUDIES if name in asked]


def merge(kept: dict[str, Section], made: Iterable[Section]) -> list[Section]:
    """Old sections and new ones, in the order of the studies; a new one replaces the old one of its name."""
    sections = kept | {section.name: section for section in made}
    return [sections[name] for name in STUDIES if name in sections]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studies and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--samples", type=int, default=2_000, help="replications of a condition (default 2000)"
    )
    parser.add_argument("--only", help="some studies, for example T15 or T3,T12")
    parser.add_argument(
        "--keep", action="store_true", help="keep the rows of other studies in the output file"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes (default 1); the rows do not depend on it"
    )
    parser.add_argument("--output", default=str(OUTPUT), help="file, or - for standard output")
    options = parser.parse_args(arguments)
    if options.jobs < 1 or options.samples < 1:
        parser.error("--jobs and --samples begin at 1")
    try:
        names = choose(options.only)
        kept = read_table(Path(options.output).read_text(encoding="utf-8")) if options.keep else {}
    except (ValueError, OSError) as problem:
        parser.error(str(problem))
    made, broken = run_studies(names, options.samples, options.jobs)
    sections = merge(kept, made)
    text = render(sections)
    if options.output == "-":
        print(text, end="")
    else:
        Path(options.output).write_text(text, encoding="utf-8")
        print(f"{options.output} written", file=sys.stderr)
    if broken:
        print(f"broken off and not in the table anew: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken or any(section.n_failed for section in sections) else 0


if __name__ == "__main__":
    sys.exit(main())
