"""How one part is timed inside its own process, and what it reports; standard library only, so that any interpreter can run it."""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from benchmarks import STARTED

SLOW_SECONDS = 2.0
REPEATS = 3
Part = Callable[[], Mapping[str, object]]


class MissingPartError(Exception):
    """A package has nothing for this part; the message says what is missing."""


def report(
    tool: str, load: Callable[[Path], Mapping[str, Part]], packages: Iterable[str], remarks: Mapping[str, str]
) -> None:
    """Run the part named on the command line (DATA.csv PART OUT.json) and write seconds, figures and versions.

    `load` imports the packages and returns the parts for a data file. What that costs since the start of the process is reported,
    but is no part's. A part is run once to warm up and then three times, of which the median counts; one that takes two seconds or
    more is run once.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("part")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    result: dict[str, object] = {"tool": tool, "part": options.part, "remark": remarks.get(options.part, "")}
    try:
        parts = load(options.data)
        result["import_seconds"] = time.perf_counter() - STARTED
        result |= measure(parts[options.part])
    except (MissingPartError, ImportError) as error:
        result["missing"] = str(error)
    except Exception as error:  # noqa: BLE001 - a package that breaks is a result of the comparison
        result["error"] = f"{type(error).__name__}: {error}"
    result["versions"] = {"Python": sys.version.split()[0]} | {name: version_of(name) for name in packages}
    options.out.write_text(json.dumps(result), encoding="utf-8")


def measure(part: Part) -> dict[str, object]:
    """Time a part: once to warm up and the median of three when it is quick, once when it is slow."""
    runs: list[float] = []
    processor: list[float] = []
    figures: Mapping[str, object] = {}
    while len(runs) < 1 or (runs[0] < SLOW_SECONDS and len(runs) <= REPEATS):
        started, busy = time.perf_counter(), time.process_time()
        figures = part()
        runs.append(time.perf_counter() - started)
        processor.append(time.process_time() - busy)
    counted = slice(1, None) if len(runs) > 1 else slice(None)
    return {
        "seconds": statistics.median(runs[counted]),
        "cpu_seconds": statistics.median(processor[counted]),
        "runs": runs,
        "figures": {name: as_numbers(values) for name, values in figures.items()},
    }


def as_numbers(values: object) -> list[float | None]:
    """A number, sequence or array as plain numbers, row by row; None where there is no number."""
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if hasattr(values, "ravel"):
        values = values.ravel().tolist()
    if not isinstance(values, list | tuple):
        values = [values]
    return [float(v) if v is not None and math.isfinite(v) else None for v in values]


def version_of(package: str) -> str:
    """The installed version of a distribution, or "missing"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"
