"""The whole change report of this project, once, in this process: seconds of each part, peak memory, and the figures.

    python -m benchmarks.change_ours DATA.csv OUT.json [--beside]

Importing packages and reading the file are timed apart. Parts are told apart by the public functions that do them: each call's own
time, without that of other parts called inside it, is added to its part, and what no part claims is the "rest".
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import STARTED
from benchmarks.change_data import LABELS
from benchmarks.psychometrics_data import ROLES, name_items
from benchmarks.scaling import peak_megabytes
from benchmarks.timing import as_numbers, version_of

# What the report imports when it first needs it, so that imports are no part's time.
MODULES = ("pingouin", "scipy.stats", "scipy.optimize", "scoring.sem", "scoring.change_report")
PARTS = {
    "scores": ("scoring.change_report.data.prepare_changes",),
    "means and changes": (
        "scoring.descriptives.mean_level",
        "scoring.change.mean_change",
        "scoring.equivalence.equivalent_change",
        "scoring.power_statements.state_power",
    ),
    "sign flips": ("scoring.change.sign_flip_test",),
    "mixed model": ("scoring.group_change.group_change",),
    "contrasts of pairs": ("scoring.pair_change.pair_change",),
    "partners": ("scoring.change_report.pairs.compare_partners",),
    "items": ("scoring.anchors.compare_anchors",),
    "cohorts": ("scoring.change_report.cohorts.compare_data",),
    "dropout": ("scoring.dropout.dropout_differences",),
    "Little's test": ("scoring.dropout.little_test",),
    "imputations": (
        "scoring.imputation.impute_pairs",
        "scoring.missing_change.imputed_change",
        "scoring.missing_change.tipping_point",
    ),
    "single persons": ("scoring.change_report.persons.analyse_persons",),
}
REST = "rest"
HALVES = ("c1", "c2")


class Stopwatch:
    """Seconds and processor seconds of nested calls, each counted for its own part alone."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}
        self._inside: list[list[float]] = []

    def __call__(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        @wraps(function)
        def watched(*arguments: Any, **options: Any) -> Any:
            with self.watch(part):
                return function(*arguments, **options)

        return watched

    @contextmanager
    def watch(self, part: str) -> Iterator[None]:
        started, busy = time.perf_counter(), time.process_time()
        self._inside.append([0.0, 0.0])
        try:
            yield
        finally:
            whole = (time.perf_counter() - started, time.process_time() - busy)
            inner = self._inside.pop()
            total = self.spent.setdefault(part, [0.0, 0.0])
            for place in (0, 1):
                total[place] += whole[place] - inner[place]
                if self._inside:
                    self._inside[-1][place] += whole[place]


@contextmanager
def parts_watched(stopwatch: Stopwatch) -> Iterator[None]:
    """Every module of the project that holds one of the functions holds a watched one, until the end."""
    replaced = []
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "scoring"]
    for part, names in PARTS.items():
        for path in names:
            home, _, name = path.rpartition(".")
            function = getattr(importlib.import_module(home), name)
            watched = stopwatch(part, function)
            for module in modules:
                if getattr(module, name, None) is function:
                    setattr(module, name, watched)
                    replaced.append((module, name, function))
    try:
        yield
    finally:
        for module, name, function in replaced:
            setattr(module, name, function)


def analyse(answers: pd.DataFrame) -> tuple[Any, dict[str, list[float]]]:
    """The report of answers with five items a scale, and the seconds and processor seconds of each part."""
    from scoring.change_report import ChangeOptions, change_report
    from scoring.scale_sets import make_scale_set

    scales = make_scale_set(items_of(answers), minimum=1, maximum=5)
    options = ChangeOptions(pair="pair", role="role", wave="wave", cohort="cohort")
    stopwatch = Stopwatch()
    with parts_watched(stopwatch), stopwatch.watch(REST):
        report = change_report(answers, scales, options)
    return report, stopwatch.spent


def collect_figures(report: Any) -> dict[str, list[Any]]:
    """The figures that R gives as well, in R's order."""
    found: dict[str, list[Any]] = {}

    def add(name: str, *values: Any) -> None:
        found.setdefault(name, []).extend(values)

    for section in report.scales.values():
        for role in section.roles.values():
            for level in role.levels.values():
                add("mean levels", level.mean)
                add("intervals of levels", level.low, level.high)
            for change in (role.change, *(step.change for step in role.steps)):
                add("mean changes", change.mean)
                add("intervals of changes", change.low, change.high)
                add("p of changes", change.p_t)
                add("g_av of changes", change.g_av)
                add("detectable changes", change.detectable)
                add("sign-flip p", change.p_sign_flip)
            add("p of equivalence", None if role.equivalence is None else role.equivalence.p)
            add("adjusted p of changes", role.p_adjusted)
            add("changes of items", *(item.change for item in role.items.items))
        _add_model(add, section)
        _add_partners(add, section)
    _add_rest(add, report)
    return found


def _add_model(add: Callable[..., None], section: Any) -> None:
    """The mixed model, and the contrasts of complete pairs."""
    if section.model is not None:
        contrasts, tests = section.model.contrasts, section.model.tests
        if section.model.model is not None:
            add("log-likelihoods", section.model.model.log_likelihood)
        add("contrasts", *contrasts["estimate"])
        add("standard errors of contrasts", *contrasts["se"])
        add("df of contrasts", *contrasts["df"])
        add("p of contrasts", *contrasts["p"])
        add("F of tests", *tests["F"])
        add("df of tests", *tests["df"])
        add("p of tests", *tests["p"])
    if section.pairs.change is not None:
        rows = section.pairs.change.contrasts
        add("changes of pairs", *rows[["estimate", "low", "high"]].to_numpy().ravel())
        add("p of pairs", *rows["p"])


def _add_partners(add: Callable[..., None], section: Any) -> None:
    """Partners beside each other."""
    partners = section.resemblance
    for correlation in (*partners.levels.values(), partners.change):
        if correlation is not None:
            add("correlations of partners", correlation.r, correlation.low, correlation.high)
            add("p of correlations", correlation.p)
    if partners.influence is not None:
        effects = partners.influence.effects
        add("actor and partner effects", *effects["estimate"])
        add("standard errors of these", *effects["se"])
        add("p of these", *effects["p"])
    for gap in partners.agreement.values():
        limits = (*gap.limits, *gap.lower_limit, *gap.upper_limit)
        add("gaps and limits of agreement", gap.mean, gap.low, gap.high, *limits)


def _add_rest(add: Callable[..., None], report: Any) -> None:
    """Cohorts, dropout and single persons."""
    for outcomes in report.cohorts.scales.values():
        for entry in outcomes.values():
            many = entry.many
            add("means of cohorts", *many.table["mean"])
            add("intervals of cohorts", *many.table[["low", "high"]].to_numpy().ravel())
            add("mean of cohorts", many.mean, many.low, many.high)
    dropout = report.missing.dropout
    if dropout is not None:
        add("g of those who left", *dropout.differences["g"])
        add("g by pair", *dropout.pair_differences["g"])
        if dropout.model is not None:
            add("model of leaving", *dropout.model["estimate"])
            add("standard errors of the model of leaving", *dropout.model["se"])
    for change in report.persons.reliable.values():
        add("changed beyond chance", change.n_higher, change.n_lower)
    add("shrinkage", *(change.B for change in report.persons.shrunken.values()))


def permute_halves(answers: pd.DataFrame) -> list[float | None]:
    """Permutation p of two halves of the cohorts on the change of each scale: of each role and of both together."""
    from scoring.permutation import permutation_test

    waves = sorted(answers["wave"].unique())
    labels = answers.drop_duplicates("pair").set_index("pair")["cohort"]
    first = labels.isin(HALVES).to_numpy()
    found = []
    for items in items_of(answers).values():
        score = answers[list(items)].mean(axis=1).where(answers[list(items)].notna().sum(axis=1) >= 4)
        wide = answers[["pair", "role", "wave"]].assign(score=score).pivot(
            index="pair", columns=["role", "wave"], values="score"
        )  # fmt: skip
        changes = [wide[role, waves[-1]] - wide[role, waves[0]] for role in ROLES]
        for change in (*changes, (changes[0] + changes[1]) / 2):
            values = change.reindex(labels.index).to_numpy()
            there = ~np.isnan(values)
            found.append(permutation_test(values[there & first], values[there & ~first]).p)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--beside", action="store_true", help="permutations and figures as well")
    options = parser.parse_args()
    for name in MODULES:
        importlib.import_module(name)
    imported = time.perf_counter()
    answers = pd.read_csv(options.data)
    read = time.perf_counter()
    result: dict[str, Any] = {
        "tool": "ours",
        "import_seconds": imported - STARTED,
        "read_seconds": read - imported,
        "rows": len(answers),
        "k_scores": count_scores(answers),
        "before_mb": peak_megabytes(),
    }
    report, result["parts"] = analyse(answers)
    result["peak_mb"] = peak_megabytes()
    result["remarks"] = tell_limits(report)
    if options.beside:
        stopwatch = Stopwatch()
        with stopwatch.watch("permutations of two halves"):
            p = permute_halves(answers)
        result["beside"] = stopwatch.spent
        figures = collect_figures(report) | {"permutation p": p}
        result["figures"] = {name: as_numbers(values) for name, values in figures.items()}
    packages = ("viceversa", "numpy", "scipy", "pandas", "pingouin")
    result["versions"] = {"Python": sys.version.split()[0]} | {name: version_of(name) for name in packages}
    options.out.write_text(json.dumps(result), encoding="utf-8")


def count_scores(answers: pd.DataFrame) -> int:
    """Scores there are, of all scales."""
    counts = [answers[list(items)].notna().sum(axis=1) >= 4 for items in items_of(answers).values()]
    return sum(int(there.sum()) for there in counts)


def items_of(answers: pd.DataFrame) -> Mapping[str, tuple[str, ...]]:
    """The items of each scale of a table."""
    return name_items((answers.shape[1] - len(LABELS)) // 5)


def tell_limits(report: Any) -> list[str]:
    """What the report leaves out because of the number of pairs, in its own words."""
    codes = {"missing.many", "flip.exact", "permutation.large"}
    notes = [
        note
        for section in report.scales.values()
        for role in section.roles.values()
        for note in role.change.notes
    ]
    notes += report.missing.notes
    return sorted({str(note) for note in notes if note.code in codes})


if __name__ == "__main__":
    main()
