"""Shows what the number of respondents costs: seconds and peak memory from a thousand rows of ten items to a million.

    python benchmarks/scaling.py [--rows 1000,10000,100000,1000000] [--parts alpha,factor,polychoric] [--json OUT]

Every size of every part runs in a process of its own. Memory is the largest resident size of that process: "before" with the answers
made and everything imported (the answers alone are rows x 10 x 8 bytes), "peak" after the analysis. Time is processor time, which
other work on the machine disturbs less. The slope is that of log(seconds) on log(rows) between one size and the next: 1 is linear,
below 1 is a fixed cost that still outweighs the rows.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
K_ITEMS, LOADING, CHUNK, SEED, THRESHOLDS = 10, 0.7, 50_000, 7, (-2.0, -1.2, -0.45, 0.75)
PARTS = {
    "alpha": "alpha with 1,000 bootstraps by pair",
    "factor": "one-factor model, maximum likelihood",
    "polychoric": "polychoric correlations with their covariances",
}
SLOW_SECONDS, REPEATS = 2.0, 3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", default="1000,10000,100000,1000000")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of the matrix libraries; 0 leaves their defaults"
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(run_child(options.child[0], int(options.child[1]))))
        return
    parts, sizes = options.parts.split(","), sorted(int(n) for n in options.rows.split(","))
    if set(parts) - set(PARTS):
        parser.error(f"--parts takes {','.join(PARTS)}")
    environment = dict(os.environ)
    if options.threads:
        environment |= {"OPENBLAS_NUM_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads)}
    results = {part: [start_child(part, n, environment) for n in sizes] for part in parts}
    print(format_table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def start_child(part: str, n_rows: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Measure one part at one size in a process of its own."""
    print(f"{part} {n_rows:,} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--child", part, str(n_rows)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"rows": n_rows, "error": (done.stderr.strip().splitlines() or ["no answer"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_child(part: str, n_rows: int) -> dict[str, Any]:
    """Make the answers, analyse a few of them so that everything is imported, then measure."""
    analyse = PREPARE[part]()
    analyse(make_answers(500))
    answers = make_answers(n_rows)
    before = peak_megabytes()
    runs: list[float] = []
    elapsed: list[float] = []
    peak = before
    while not runs or (runs[0] < SLOW_SECONDS and len(runs) < REPEATS):
        started, busy = time.perf_counter(), time.process_time()
        analyse(answers)
        runs.append(time.process_time() - busy)
        elapsed.append(time.perf_counter() - started)
        peak = peak_megabytes()
    return {
        "rows": n_rows,
        "seconds": statistics.median(runs),
        "runs": runs,
        "elapsed": elapsed,
        "before_mb": before,
        "peak_mb": peak,
    }


def make_answers(n_rows: int) -> Any:
    """Five-point answers to ten items of one factor, made in chunks so that making them does not set the peak."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SEED)
    values = np.empty((n_rows, K_ITEMS))
    for first in range(0, n_rows, CHUNK):
        size = min(CHUNK, n_rows - first)
        latent = LOADING * rng.standard_normal((size, 1)) + math.sqrt(1 - LOADING**2) * rng.standard_normal(
            (size, K_ITEMS)
        )
        values[first : first + size] = 1 + np.searchsorted(np.array(THRESHOLDS), latent)
    return pd.DataFrame(values, columns=[f"q{i + 1:02d}" for i in range(K_ITEMS)], copy=False)


def prepare_alpha() -> Callable[[Any], object]:
    import numpy as np
    import pandas as pd

    from scoring.resampling import bootstrap_alpha

    def analyse(answers: Any) -> object:
        pairs = pd.Series(np.arange(len(answers)) // 2, index=answers.index)
        return bootstrap_alpha(answers, clusters=pairs, n_draws=1000, seed=1)

    return analyse


def prepare_factor() -> Callable[[Any], object]:
    from scoring.sem import fit_confirmatory

    return lambda answers: fit_confirmatory(answers, {"f": list(answers.columns)})


def prepare_polychoric() -> Callable[[Any], object]:
    from scoring.polychoric import ordinal_moments

    return ordinal_moments


PREPARE = {"alpha": prepare_alpha, "factor": prepare_factor, "polychoric": prepare_polychoric}


def peak_megabytes() -> float:
    """The largest resident size so far; the unit of ru_maxrss is kilobytes on Linux, bytes on macOS."""
    try:
        import resource
    except ImportError:  # Windows has no such module.
        return math.nan
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def format_table(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    lines = [
        f"{K_ITEMS} items; processor seconds, median of {REPEATS}, or one run from {SLOW_SECONDS:.0f} s on"
    ]
    for part, sizes in results.items():
        lines += [
            "",
            PARTS[part],
            "      rows    seconds  us per row  slope  before MB  peak MB  bytes per row above",
        ]
        previous: Mapping[str, Any] | None = None
        for found in sizes:
            if "error" in found:
                lines.append(f"{found['rows']:>10,}  {found['error']}")
                continue
            slope = "" if previous is None else f"{slope_between(previous, found):.2f}"
            above = (found["peak_mb"] - found["before_mb"]) * 2**20 / found["rows"]
            lines.append(
                f"{found['rows']:>10,} {found['seconds']:>10.4f} {found['seconds'] / found['rows'] * 1e6:>11.2f} {slope:>6}"
                f" {found['before_mb']:>10.0f} {found['peak_mb']:>8.0f} {above:>20.0f}"
            )
            previous = found
    return "\n".join(lines)


def slope_between(small: Mapping[str, Any], large: Mapping[str, Any]) -> float:
    """Growth of log(seconds) with log(rows)."""
    return math.log(large["seconds"] / small["seconds"]) / math.log(large["rows"] / small["rows"])


if __name__ == "__main__":
    main()
