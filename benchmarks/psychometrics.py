"""Times the full psychometric report against R and against Python's own packages, and compares what they say.

    python benchmarks/psychometrics.py [--pairs 1000] [--parts a,b] [--no-r] [--no-python] [--peer-python PATH] [--json OUT]

Every part of every tool runs in a process of its own, which times the analysis alone (see timing.py). The figures that a tool arrives
at are compared with R's, or with ours where there is no R: a fast wrong answer is named. See README.md of this folder.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    "a": "alpha with 1,000 bootstraps, six scales",
    "b": "omega total, six scales",
    "c": "polychoric matrix of 30 items, errors",
    "d": "parallel analysis, 100 sets",
    "e": "minres and oblimin, 6 factors",
    "f": "confirmatory, 6 factors, MLR",
    "g": "confirmatory, 6 factors, WLSMV",
    "h": "four-step invariance, 3 waves, six scales",
    "i": "ordinal invariance, 3 waves, one scale",
}
# How far a figure may lie from the reference, times its size where that is above 1; standard errors always times their size.
TOLERANCES = {
    "alpha": 1e-8,
    "omega": 2e-4,
    "correlations": 1e-4,
    "thresholds": 1e-6,
    "df": 0.0,
    "df of differences": 0.0,
}
TOLERANCE, TOLERANCE_OF_ERRORS, TOLERANCE_OF_CHANCE = 1e-3, 0.01, 0.25
COUNTS = ("factors", "components")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# What the two clocks are called in a process's answer.
CLOCKS = {"elapsed": "seconds", "processor": "cpu_seconds"}
Outcome = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    options = read_options(arguments)
    tools = choose_tools(options)
    if not tools:
        sys.exit("Nothing is left to be timed.")
    environment = dict(os.environ)
    if options.threads:
        environment |= dict.fromkeys(THREADS, str(options.threads))
    machine = describe_machine(options.threads)
    outcomes: dict[str, dict[str, Outcome]] = {tool: {} for tool in tools}
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "answers.csv", Path(folder) / "out.json"
        make = [
            sys.executable,
            "-m",
            "benchmarks.psychometrics_data",
            "--pairs",
            str(options.pairs),
            "--out",
            str(data),
        ]
        subprocess.run(make, cwd=ROOT, check=True)
        for round_number in range(options.rounds):
            for part in options.parts:
                for tool, command in tools.items():
                    print(f"round {round_number + 1}: {part} {tool} ...", file=sys.stderr, flush=True)
                    found = run_part([*command, str(data), part, str(out)], out, environment)
                    outcomes[tool][part] = quicker(outcomes[tool].get(part), found)
    results = {
        "pairs": options.pairs,
        "machine": {**machine, "load at the end": show_load()},
        "versions": {tool: next(iter(by_part.values()))["versions"] for tool, by_part in outcomes.items()},
        "outcomes": outcomes,
    }
    print(format_report(results, options.clock))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1000, help="pairs; two people and three waves each")
    parser.add_argument(
        "--parts",
        default=",".join(PARTS),
        help="letters of " + "; ".join(f"{p} {t}" for p, t in PARTS.items()),
    )
    parser.add_argument("--no-r", action="store_true", help="leave R out even where Rscript is found")
    parser.add_argument("--no-python", action="store_true", help="leave Python's other packages out")
    parser.add_argument("--no-ours", action="store_true", help="the peers alone")
    parser.add_argument(
        "--peer-python",
        default=sys.executable,
        help="interpreter that has pingouin, factor-analyzer and semopy",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of the matrix libraries; 0 leaves their defaults"
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="repeat everything and keep each tool's best time of each part"
    )
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="elapsed",
        help="what the table shows; processor seconds suit a busy machine",
    )
    parser.add_argument("--json", type=Path, help="file for all times, figures and versions")
    options = parser.parse_args(arguments)
    options.parts = [part.strip() for part in options.parts.split(",") if part.strip()]
    unknown = set(options.parts) - set(PARTS)
    if unknown or not options.parts:
        parser.error(
            f"--parts takes letters of {','.join(PARTS)}; not known: {','.join(sorted(unknown)) or 'none given'}"
        )
    return options


def choose_tools(options: argparse.Namespace) -> dict[str, list[str]]:
    """The command of each tool that takes part."""
    tools = {}
    if not options.no_ours:
        tools["ours"] = [sys.executable, "-m", "benchmarks.ours"]
    rscript = shutil.which("Rscript")
    if not options.no_r and rscript:
        tools["R"] = [rscript, str(ROOT / "benchmarks" / "peers" / "r_side.R")]
    elif not options.no_r:
        print("R is left out: there is no Rscript on the PATH.", file=sys.stderr)
    if not options.no_python:
        tools["Python"] = [
            shutil.which(options.peer_python) or options.peer_python,
            "-m",
            "benchmarks.peers.python_side",
        ]
    return tools


def run_part(command: Sequence[str], out: Path, environment: Mapping[str, str]) -> Outcome:
    """What the process wrote, or the last line of its complaint."""
    out.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        return {"error": str(error), "versions": {}}
    if not out.exists():
        return {"error": (done.stderr.strip().splitlines() or ["no answer"])[-1], "versions": {}}
    outcome: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    # R's writer knows vectors only.
    for name in ("seconds", "cpu_seconds", "import_seconds"):
        if isinstance(outcome.get(name), list):
            outcome[name] = outcome[name][0]
    return outcome


def describe_machine(threads: int) -> dict[str, str]:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "threads": str(threads or "default"),
        "load at the start": show_load(),
    }


def show_load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def quicker(before: Outcome | None, found: Outcome) -> Outcome:
    """The better of two rounds: whatever disturbs a machine only makes a part slower."""
    if before is None or before.get("seconds", float("inf")) > found.get("seconds", float("inf")):
        return found
    return before


def compare(figures: Outcome, reference: Outcome) -> tuple[list[str], list[str]]:
    """Names of the figures that a tool does not give, and of those that differ from the reference, with by how much."""
    lacking, differing = [], []
    for name, expected in reference.items():
        found = figures.get(name)
        if found is None or len(found) != len(expected):
            lacking.append(name)
            continue
        both = [(a, b) for a, b in zip(found, expected, strict=True) if a is not None and b is not None]
        if len(both) < sum(b is not None for b in expected):
            lacking.append(f"{name} ({len(expected) - len(both)} of {len(expected)})")
        worst = max(both, key=lambda pair: excess(name, *pair), default=None)
        if worst and excess(name, *worst) > 1.0:
            differing.append(f"{name} by up to {abs(worst[0] - worst[1]):.2g}")
    return lacking, differing


def excess(name: str, found: float, expected: float) -> float:
    """The difference in units of what is tolerated."""
    difference = abs(found - expected)
    if name in COUNTS:
        return difference / 1.5
    if name.startswith(("standard error", "about")):
        allowed = TOLERANCE_OF_CHANCE if name.startswith("about") else TOLERANCE_OF_ERRORS
        return difference / (allowed * abs(expected)) if expected else float(difference > 0) * 2
    allowed = TOLERANCES.get(name, TOLERANCE) * max(1.0, abs(expected))
    return difference / allowed if allowed else float(difference > 0) * 2


def format_report(results: Mapping[str, Any], clock: str = "elapsed") -> str:
    outcomes = results["outcomes"]
    parts = list(next(iter(outcomes.values())))
    peers = [tool for tool in ("R", "Python") if tool in outcomes]
    lines = [
        f"{results['pairs']:,} pairs x 2 roles x 3 waves x 30 items; {clock} seconds inside the process, without imports",
        "* does less, or says something else, than the others: see the remarks",
        "",
        *align(make_rows(outcomes, parts, peers, CLOCKS[clock])),
        "",
        *[
            f"Processor seconds of the parts in common: {text}"
            for text in compare_processor(outcomes, parts, peers)
        ],
    ]
    waits = "; ".join(f"{tool} {imports(by)} and {first_calls(by)}" for tool, by in outcomes.items())
    lines += [f"Imports, and first calls of all parts in fresh processes, s: {waits}"]
    lines += ["", "Remarks:", *(remarks(outcomes, parts) or ["  none: every figure of every tool agrees"])]
    lines += ["", "Machine: " + "; ".join(f"{name} {value}" for name, value in results["machine"].items())]
    for tool, versions in results["versions"].items():
        lines.append(f"{tool}: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    return "\n".join(lines)


def make_rows(
    outcomes: Mapping[str, Mapping[str, Outcome]], parts: Sequence[str], peers: Sequence[str], clock: str
) -> list[list[str]]:
    """The table: one row for each part, then the sums over what two tools both have."""
    rows = [["part", "", "ours s"] + [cell for peer in peers for cell in (f"{peer} s", f"{peer}/ours")]]
    ours = outcomes.get("ours", {})
    for part in parts:
        own = ours.get(part, {}).get(clock)
        row = [part, PARTS[part], show_seconds(own) + flag(outcomes, part, "ours")]
        for peer in peers:
            found = outcomes[peer][part].get(clock)
            row += [show_seconds(found) + flag(outcomes, part, peer), show_ratio(found, own)]
        rows.append(row)
    for peer in peers:
        shared = common_parts(outcomes, parts, peer)
        if shared:
            own, found = total(ours, shared, clock), total(outcomes[peer], shared, clock)
            row = ["sum", f"parts that ours and {peer} have ({', '.join(shared)})", show_seconds(own)]
            for other in peers:
                row += [show_seconds(found), show_ratio(found, own)] if other == peer else ["", ""]
            rows.append(row)
    return rows


def compare_processor(
    outcomes: Mapping[str, Mapping[str, Outcome]], parts: Sequence[str], peers: Sequence[str]
) -> list[str]:
    """Sums of processor time, which other work on the machine disturbs less; R's count both processes that psych starts."""
    texts = []
    for peer in peers:
        shared = common_parts(outcomes, parts, peer)
        if shared:
            own, found = (total(outcomes[tool], shared, "cpu_seconds") for tool in ("ours", peer))
            texts.append(f"ours {own:.3f}, {peer} {found:.3f}, {show_ratio(found, own)} times")
    return texts


def common_parts(outcomes: Mapping[str, Mapping[str, Outcome]], parts: Iterable[str], peer: str) -> list[str]:
    return [
        p for p in parts if all("seconds" in outcomes.get(tool, {}).get(p, {}) for tool in ("ours", peer))
    ]


def total(by_part: Mapping[str, Outcome], parts: Iterable[str], what: str) -> float:
    return sum(by_part[part][what] for part in parts)


def flag(outcomes: Mapping[str, Mapping[str, Outcome]], part: str, tool: str) -> str:
    """A star beside the time of a tool that does less or says something else."""
    return "*" if any(judge(outcomes, part, tool)[1:]) else ""


def judge(
    outcomes: Mapping[str, Mapping[str, Outcome]], part: str, tool: str
) -> tuple[str, list[str], list[str]]:
    """What a tool's figures are compared with, which it lacks, and which differ."""
    reference = next((t for t in ("R", "ours") if outcomes.get(t, {}).get(part, {}).get("figures")), "")
    figures = outcomes.get(tool, {}).get(part, {}).get("figures")
    if not figures or reference in ("", tool):
        return reference, [], []
    return reference, *compare(figures, outcomes[reference][part]["figures"])


def remarks(outcomes: Mapping[str, Mapping[str, Outcome]], parts: Iterable[str]) -> list[str]:
    """One line for each part and tool that lacks something, fails, or differs from the reference."""
    lines = []
    for part in parts:
        for tool, by_part in outcomes.items():
            outcome = by_part[part]
            words = [f"{kind}: {outcome[kind]}" for kind in ("missing", "error") if kind in outcome]
            if outcome.get("remark") and outcome["remark"] not in outcome.get("missing", ""):
                words.append(outcome["remark"])
            reference, lacking, differing = judge(outcomes, part, tool)
            words += [f"does not give {', '.join(lacking)}"] if lacking else []
            words += [f"differs from {reference} in {', '.join(differing)}"] if differing else []
            if words:
                lines.append(f"  {part} {tool}: " + "; ".join(words))
    return lines


def imports(by_part: Mapping[str, Outcome]) -> str:
    times = sorted(o["import_seconds"] for o in by_part.values() if "import_seconds" in o)
    return f"{times[len(times) // 2]:.2f}" if times else "-"


def first_calls(by_part: Mapping[str, Outcome]) -> str:
    """Nothing warmed up: what a user waits for the first time, imports apart."""
    return f"{sum(o['runs'][0] for o in by_part.values() if o.get('runs')):.2f}"


def show_seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def show_ratio(peer: float | None, ours: float | None) -> str:
    return "-" if peer is None or not ours else f"{peer / ours:.1f}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under one another: words to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
    return [
        "  ".join(
            c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


if __name__ == "__main__":
    main()
