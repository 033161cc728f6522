"""Factor scores of three-factor models against lavaan's `lavPredict`: the first twenty rows, and how far the scores can be trusted.

R's values are in reference/factor_scores.json (script of the same name beside it). Scores of rows with missing answers come from the
answers that there are, in R too.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pandas as pd

from scoring.sem import ConfirmatoryFit, fit_confirmatory
from scoring.sem.factor_scores import factor_scores
from scoring.sem.invariance import group_invariance
from tests.scoring.comparisons.rows import REFERENCE, Row, r_data

METHODS = ("regression", "bartlett")


@cache
def r_scores() -> Any:
    """What lavaan says."""
    return json.loads((REFERENCE / "factor_scores.json").read_text(encoding="utf-8"))


def compare() -> Iterator[Row]:
    """Every value of the file."""
    values = r_scores()
    complete, missing, model = r_data("holzinger"), r_data("holzinger_missing"), values["model"]
    for name, table, tolerance, fit in (
        ("ml", complete, 1e-4, fit_confirmatory(complete, model)),
        (
            "unit_variance",
            complete,
            1e-4,
            fit_confirmatory(complete, model, scaling="unit_variance", mean_structure=True),
        ),
        ("one_factor", complete, 1e-4, fit_confirmatory(complete, {"g": ["x4", "x5", "x6"]})),
        ("fiml", missing, 1e-3, fit_confirmatory(missing, model, missing="fiml")),
    ):
        yield from _compare_scores(f"{name} scores", fit, table, values[name], tolerance)
        yield from _compare_determinacy(name, fit, table, values[name].get("determinacy", {}))
    yield from _compare_schools(complete, values["school_scalar"], model)


def _compare_scores(
    name: str, fit: ConfirmatoryFit, table: pd.DataFrame, r: Mapping[str, Any], tolerance: float
) -> Iterator[Row]:
    for method in METHODS:
        ours = factor_scores(fit, table, method=method).scores
        theirs = pd.DataFrame(r[method]["values"], columns=r[method]["cols"])
        yield from _cells(f"{name} {method}", ours, theirs, tolerance)


def _cells(name: str, ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float) -> Iterator[Row]:
    for number, row in enumerate(theirs.to_dict("records")):
        for factor, value in row.items():
            mine = ours[factor].iloc[number]
            yield Row("factor scores", "holzinger", f"{name} {factor} row {number}", mine, value, tolerance)


def _compare_determinacy(
    name: str, fit: ConfirmatoryFit, table: pd.DataFrame, r: Mapping[str, float]
) -> Iterator[Row]:
    found = factor_scores(fit, table).determinacy
    for factor, value in r.items():
        yield Row("factor scores, determinacy", "holzinger", f"{name} {factor}", found[factor], value, 1e-5)


def _compare_schools(table: pd.DataFrame, r: Mapping[str, Any], model: str) -> Iterator[Row]:
    """Two groups with equal loadings and intercepts, so that the second one has factor means of its own."""
    report = group_invariance(table, model, table["school"], scaling="marker", judge=False)
    fit = next(step.fit for step in report.steps if step.step == "scalar")
    for method in METHODS:
        ours = factor_scores(fit, table, groups=table["school"], method=method).scores
        for label in r["labels"]:
            chosen = r[method][label]
            theirs = pd.DataFrame(chosen["values"], columns=chosen["cols"])
            yield from _cells(f"{label} {method}", ours[table["school"] == label], theirs, 1e-4)
