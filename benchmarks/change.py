"""Times the whole change report against the same in R in one run, compares their figures, and shows what more pairs cost.

    python benchmarks/change.py [--pairs 1000] [--scales 12] [--waves 3] [--no-r] [--no-growth] [--out benchmarks/change.md] [--json FILE]

One command makes the answers, runs this project's report and R's script (peers/change_side.R), each in a fresh process, and writes the
page. See README.md of this folder.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Started as a script, the folder of the script is searched for modules instead of the one above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.psychometrics import ROOT, THREADS, align, describe_machine, show_load, show_ratio
from benchmarks.scaling import slope_between

GROWTH = ((100, 12, 3), (1_000, 12, 3), (10_000, 12, 3), (100_000, 2, 2))
WARM = (12, 2, 2)
R_LIMIT_SECONDS = 900
# R's search may stop below the largest likelihood; then its figures are not those of the model.
SHORT = 1e-3
DRAWN = ("sign-flip p", "permutation p")
OF_MODEL = ("contrasts", "standard errors of contrasts", "df of contrasts", "p of contrasts")
OF_MODEL += ("F of tests", "df of tests", "p of tests")
MODEL, KENWARD_ROGER = "mixed model", "Kenward-Roger"
OURS_ALONE = ("imputations", "Little's test")
# Parts of R's sum that can be done in another way.
WAYS = {"flips": ("sign flips",), "model": (MODEL, KENWARD_ROGER), "corrections": (KENWARD_ROGER,)}
LEFT_OUT = """R's side is what a competent user would write with lme4, pbkrtest and base R, vectorised; it leaves out, in its favour:
multiple imputation (50 completed tables a scale) and tipping points (no package for them is asked for), Little's test,
noncentral intervals of every g, power and sample sizes, the actor-partner model by maximum likelihood with its test of equal effects,
notes, gates and verdicts. Kenward and Roger's matrix is computed once a scale and not, as `KRmodcomp` would, anew for each test."""
SAME_MODEL = """Both fit one model a scale: a mean for each role and wave, all variances and covariances of a pair's scores free, restricted
maximum likelihood, Kenward and Roger's errors and degrees of freedom, eight contrasts and three F tests with three waves. lmer gets it as
`y ~ 0 + cell + (0 + cell | pair)` with its checks of identifiability off (its residual variance cannot be told from the six others, which
changes neither fit nor tests) and with bobyqa, since the default search stops short more often. "Model of intercepts" is the simpler one,
`(1 | pair) + (1 | pair:role) + (1 | pair:wave)`, which our report takes with few pairs only. Sign flips: each change has its own 9,999 random patterns on both sides;
"one matrix a scale" uses the same patterns for all changes of a scale, which is valid for each test and which ours does not do."""
Outcome = Mapping[str, Any]
Clock = tuple[float, float]


def main(arguments: Sequence[str] | None = None) -> None:
    options = read_options(arguments)
    machine = describe_machine(options.threads)
    environment = dict(os.environ)
    if options.threads:
        environment |= dict.fromkeys(THREADS, str(options.threads))
    # R's packages are compiled when they are installed; ours are on the first, uncounted run.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        run_ours(folder, WARM, environment)
        size = (options.pairs, options.scales, options.waves)
        results: dict[str, Any] = {"size": size, "ours": run_ours(folder, size, environment, "--beside")}
        rscript = None if options.no_r else shutil.which("Rscript")
        if rscript:
            script = ROOT / "benchmarks" / "peers" / "change_side.R"
            command = [rscript, str(script), str(folder / "answers.csv")]
            results["R"] = run_process(command, folder, environment, R_LIMIT_SECONDS)
        elif not options.no_r:
            print("R is left out: there is no Rscript on the PATH.", file=sys.stderr)
        sizes = () if options.no_growth else GROWTH
        results["growth"] = [run_ours(folder, each, environment) for each in sizes]
    results["machine"] = {**machine, "load at the end": show_load()}
    page = format_page(results)
    print(page)
    if options.out:
        options.out.write_text(page + "\n", encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--scales", type=int, default=12, help="of five items each")
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--no-r", action="store_true", help="leave R out even where Rscript is found")
    parser.add_argument("--no-growth", action="store_true", help="leave out what more pairs cost")
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of the matrix libraries; 0 leaves their defaults"
    )
    parser.add_argument("--out", type=Path, help="file for the page")
    parser.add_argument("--json", type=Path, help="file for all times, figures and versions")
    return parser.parse_args(arguments)


def run_ours(
    folder: Path, size: tuple[int, int, int], environment: Mapping[str, str], *flags: str
) -> dict[str, Any]:
    """Our report of answers of one size (pairs, scales, waves), in a process of its own."""
    data = folder / "answers.csv"
    numbers = zip(("--pairs", "--scales", "--waves"), map(str, size), strict=True)
    make = [sys.executable, "-m", "benchmarks.change_data", *(word for pair in numbers for word in pair)]
    subprocess.run([*make, "--out", str(data)], cwd=ROOT, env=dict(environment), check=True)
    command = [sys.executable, "-m", "benchmarks.change_ours", *flags, str(data)]
    return {"size": size} | run_process(command, folder, environment)


def run_process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float | None = None
) -> dict[str, Any]:
    """What the process wrote, with its whole elapsed and processor seconds; or its complaint."""
    print(" ".join(Path(word).name for word in command), "...", file=sys.stderr, flush=True)
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    started, busy = time.perf_counter(), sum(os.times()[2:4])
    try:
        done = subprocess.run(
            [*command, str(out)],
            cwd=ROOT,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {limit:.0f} s"}
    if not out.exists():
        return {"error": (done.stderr.strip().splitlines() or ["no answer"])[-1]}
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    # R's writer knows vectors only.
    for name in ("import_seconds", "read_seconds", "peak_mb"):
        found[name] = found[name][0] if isinstance(found[name], list) else found[name]
    return found | {
        "process": [time.perf_counter() - started, sum(os.times()[2:4]) - busy],
    }


def format_page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    ours, peer = results["ours"], results.get("R", {"error": "not run"})
    pairs, scales, waves = results["size"]
    day = datetime.now(tz=UTC).date().isoformat()
    lines = ["# The change report beside R", "", f"Made by `python benchmarks/change.py` on {day}."]
    if "error" in ours:
        return "\n".join([*lines, "", f"Ours: {ours['error']}"])
    missing = 1 - ours["k_scores"] / (pairs * 2 * waves * scales)
    what = f"{pairs:,} pairs x 2 roles x {waves} waves x {scales} scales of five skewed five-point items, four cohorts; "
    lines += [
        "",
        f"{what}{100 * missing:.1f} % of the scores are missing, because people leave and skip answers.",
    ]
    if "error" in peer:
        lines += ["", f"R: {peer['error']}."]
        peer = {}
    lines += ["", "## Seconds", "", "```", *time_table(ours, peer), "```"]
    if peer:
        lines += ["", "```", *sum_table(ours, peer), "```", "", SAME_MODEL, "", LEFT_OUT]
        lines += ["", "## Do they say the same?", "", *agreement(ours["figures"], peer["figures"], scales)]
    if results["growth"]:
        lines += ["", "## What more pairs cost", "", *growth_table(results["growth"])]
    machine = "; ".join(f"{name} {value}" for name, value in results["machine"].items())
    lines += ["", "## Where and with what", "", f"Machine: {machine}."]
    for tool, outcome in (("Ours", ours), ("R", peer)):
        if outcome:
            lines.append(f"{tool}: {', '.join(f'{k} {v}' for k, v in outcome['versions'].items())}.")
    return "\n".join(lines)


def time_table(ours: Outcome, peer: Outcome) -> list[str]:
    """Each part of each tool; processor seconds are disturbed less by other work on the machine."""
    rows = [["part", "", "ours s", "processor", "R s", "processor"]]
    for title, group in (("", "parts"), ("beside", "beside")):
        mine, theirs = ours.get(group, {}), peer.get(group, {})
        rows += [
            [part, title, *show(mine.get(part)), *show(theirs.get(part))]
            for part in dict.fromkeys((*mine, *theirs))
        ]
    for name, key in (("imports", "import_seconds"), ("reading the file", "read_seconds")):
        cells = [[f"{o[key]:.2f}", ""] if o else ["-", "-"] for o in (ours, peer)]
        rows.append([name, "before", *cells[0], *cells[1]])
    return [
        *align(rows),
        "",
        f"Kenward and Roger's corrections are inside our {MODEL}. Beside: not in the sums.",
        f"Peak memory, MB: ours {ours['peak_mb']:.0f}" + (f", R {peer['peak_mb']:.0f}" if peer else ""),
    ]


def sum_table(ours: Outcome, peer: Outcome) -> list[str]:
    """The sums that can be compared, and their ratios."""
    mine, beside = ours["parts"], peer["beside"]
    whole = add_up(mine.values())
    common = add_up(value for name, value in mine.items() if name not in OURS_ALONE)
    around = (ours["import_seconds"] + ours["read_seconds"],) * 2

    def in_r(**instead: Sequence[str]) -> Clock:
        """R's sum with other parts in place of some."""
        dropped = {part for key in instead for part in WAYS[key]}
        kept = [value for name, value in peer["parts"].items() if name not in dropped]
        return add_up(kept + [beside[name] for names in instead.values() for name in names])

    simple = ("model of intercepts", "Kenward-Roger of intercepts")
    fai, shared = ("model of intercepts with Satterthwaite",), ("sign flips, one matrix a scale",)
    compared = [
        ("whole report", whole, in_r()),
        (
            "with imports and reading",
            add_up([whole, around]),
            add_up([in_r(), (peer["import_seconds"] + peer["read_seconds"],) * 2]),
        ),
        (f"ours without {' and '.join(OURS_ALONE)}, which R's side lacks", common, in_r()),
        ("R with boot for the sign flips", whole, in_r(flips=("sign flips with boot",))),
        ("R with one matrix of signs a scale", whole, in_r(flips=shared)),
        ("R without Kenward-Roger, which ours keeps", whole, in_r(corrections=())),
        ("R with the model of intercepts, Kenward-Roger", whole, in_r(model=simple)),
        ("R with the model of intercepts, Satterthwaite", whole, in_r(model=fai)),
        ("R's quickest: intercepts, one matrix of signs", whole, in_r(model=simple, flips=shared)),
        ("the same, ours without what R's side lacks", common, in_r(model=simple, flips=shared)),
    ]
    rows = [["", "", "ours s", "R s", "R/ours", "ours processor", "R processor", "R/ours"]]
    for name, own, other in compared:
        cells = [(f"{own[i]:.2f}", f"{other[i]:.2f}", show_ratio(other[i], own[i])) for i in (0, 1)]
        rows.append([name, "", *cells[0], *cells[1]])
    return align(rows)


def agreement(ours: Outcome, theirs: Outcome, k_scales: int) -> list[str]:
    """The largest difference of each figure, leaving out models that R did not maximise."""
    short = find_short(ours, theirs)
    rows = [["figure", "", "values", "largest difference", "as a share"]]
    lacking = []
    for name, values in theirs.items():
        found = ours.get(name, [])
        if len(found) != len(values):
            lacking.append(name)
            continue
        size = len(values) // k_scales
        left_out = short if name in OF_MODEL else []
        both = [
            (a, b)
            for place, (a, b) in enumerate(zip(found, values, strict=True))
            if a is not None and b is not None and not (left_out and place // size in left_out)
        ]
        apart = max((abs(a - b) for a, b in both), default=math.nan)
        share = max((abs(a - b) / abs(b) for a, b in both if b), default=math.nan)
        remark = "drawn" if name in DRAWN else ""
        rows.append([name, remark, str(len(both)), f"{apart:.1e}", f"{share:.1e}"])
    lines = [
        "```",
        *align(rows),
        "```",
        "",
        "drawn: 9,999 random draws on each side, which differ by chance.",
        "p of equivalence, adjusted p of changes: ours rest on the mixed model of all scores, R's here on those who answered twice.",
    ]
    if short:
        lower = ", ".join(
            f"s{place + 1} by {ours['log-likelihoods'][place] - theirs['log-likelihoods'][place]:.2g}"
            for place in short
        )
        lines.append(
            f"Left out of the mixed model's lines: scales on which lmer stopped below the largest likelihood ({lower})."
        )
    if lacking:
        lines.append(f"Not given by both: {', '.join(lacking)}.")
    return lines


def find_short(ours: Outcome, theirs: Outcome) -> list[int]:
    """The places of the scales on which R's likelihood lies below ours."""
    both = zip(ours.get("log-likelihoods", []), theirs.get("log-likelihoods", []), strict=False)
    return [place for place, (own, other) in enumerate(both) if own - other > SHORT]


def growth_table(found: Sequence[Outcome]) -> list[str]:
    """Seconds and memory of each size."""
    rows = [["pairs", "", "scales", "waves", "rows", "s", "processor", "slope", "before MB", "peak MB"]]
    remarks: dict[str, list[str]] = {}
    previous: dict[str, float] | None = None
    for outcome in found:
        pairs, scales, waves = outcome["size"]
        if "error" in outcome:
            rows.append([f"{pairs:,}", outcome["error"], str(scales), str(waves)])
            continue
        seconds, processor = add_up(outcome["parts"].values())
        now = {"seconds": processor, "rows": float(outcome["rows"]), "shape": scales * waves}
        slope = (
            ""
            if previous is None or previous["shape"] != now["shape"]
            else f"{slope_between(previous, now):.2f}"
        )
        sizes = [str(scales), str(waves), f"{outcome['rows']:,}"]
        memory = [f"{outcome['before_mb']:.0f}", f"{outcome['peak_mb']:.0f}"]
        rows.append([f"{pairs:,}", "", *sizes, f"{seconds:.2f}", f"{processor:.2f}", slope, *memory])
        for remark in outcome["remarks"]:
            remarks.setdefault(remark, []).append(f"{pairs:,}")
        previous = now
    lines = ["```", *align(rows), "```", ""]
    lines.append(
        "Before: everything imported and the answers read. Slope: that of log(processor seconds) on log(rows) from the line above."
    )
    return lines + [f"With {' and '.join(sizes)} pairs: {remark}" for remark, sizes in remarks.items()]


def add_up(clocks: Iterable[Sequence[float]]) -> Clock:
    """Seconds and processor seconds of several parts."""
    both = list(clocks)
    return sum(clock[0] for clock in both), sum(clock[1] for clock in both)


def show(clock: Sequence[float] | None) -> list[str]:
    """Seconds and processor seconds in cells."""
    return ["-", "-"] if clock is None else [f"{value:.2f}" for value in clock]


if __name__ == "__main__":
    main()
