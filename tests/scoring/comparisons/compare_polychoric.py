"""Polychoric and polyserial correlations, thresholds, standard errors and asymptotic covariances against R.

lavaan's two-step correlations of `r/*.json`, and what `reference/polychoric.R` and `reference/polyserial.R` ask of lavaan, mvtnorm
and psych. `psych::polychoric` is not compared: it stops at about 1e-4 and, by default, adds .5 to empty cells.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from scoring.polychoric import (
    OrdinalMoments,
    bivariate_normal_cdf,
    ordinal_moments,
    polychoric_correlations,
    polyserial_correlations,
)
from tests.scoring.comparisons.rows import REFERENCE, Row, as_frame, compare_mapping, r_data, r_values

# Where lavaan's polychoric block stands in the values of a data set.
BLOCKS = {"bfi": "factor", "lq2002": "factor", "sim_dyads_a": "factor_wave0_mentees"}


def compare() -> Iterator[Row]:
    """Every value of the family."""
    for name, block in BLOCKS.items():
        yield from _compare_block(name, r_values(name)[block]["polychoric"])
    for name, expected in extra_values("polychoric")["gamma"].items():
        yield from _compare_gamma(name, ordinal_moments(moment_items(name)), expected)
    yield from _compare_pairwise()
    yield from _compare_small()
    for name, blocks in extra_values("polyserial").items():
        if name != "meta":
            for missing, expected in blocks.items():
                yield from _compare_polyserial(name, missing, expected)


@cache
def extra_values(name: str) -> Any:
    """What this family's own R scripts wrote."""
    return json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))


def moment_items(name: str) -> pd.DataFrame:
    """The items whose moments R was asked for under a name."""
    if name in {"bfi_halved", "bfi_mixed"}:
        data = r_data("bfi")
        if name == "bfi_mixed":
            return data[["gender", "education", "A1", "A2", "N1"]]
        halves = data[["A1", "A2", "A3", "A4", "A5"]]
        return (halves > 4).astype(float).where(halves.notna())
    expected = r_values(name)[BLOCKS[name]]["polychoric"]["lavaan_two_step"]
    data = r_data(name)
    if name == "sim_dyads_a":
        data = data[(data["role"] == "mentee") & (data["wave"] == 0)]
    return data[expected["rows"]]


def threshold_names(thresholds: dict[str, tuple[float, ...]]) -> dict[str, float]:
    """Thresholds under lavaan's names."""
    return {f"{item}|t{t}": v for item, values in thresholds.items() for t, v in enumerate(values, 1)}


def _pairs(frame: pd.DataFrame) -> dict[str, float]:
    """The upper triangle of a square matrix."""
    names, values = list(frame.columns), frame.to_numpy()
    return {
        f"{names[i]}~{names[j]}": values[i, j] for i, j in zip(*np.triu_indices(len(names), 1), strict=True)
    }


def _compare_block(name: str, expected: dict[str, Any]) -> Iterator[Row]:
    ours = polychoric_correlations(moment_items(name))
    yield Row("polychoric n", name, "n", ours.n_used, expected["n"], 0.0)
    pairs, r = _pairs(ours.correlations), _pairs(as_frame(expected["lavaan_two_step"]))
    yield from compare_mapping("polychoric", name, "r", pairs, r, 1e-4)
    thresholds = threshold_names(dict(ours.thresholds))
    yield from compare_mapping("threshold", name, "tau", thresholds, expected["lavaan_thresholds"], 1e-6)
    smallest = ours.smallest_eigenvalue
    yield Row(
        "polychoric eigenvalue",
        name,
        "smallest",
        np.nan if smallest is None else smallest,
        expected["min_eigenvalue"],
        1e-4,
    )


def _compare_gamma(name: str, ours: OrdinalMoments, expected: dict[str, Any]) -> Iterator[Row]:
    """Diagonals relative to R's; other elements on the scale of correlations."""
    assert ours.gamma is not None
    statistics = expected["statistics"]
    yield Row("polychoric n", name, "n", ours.n_used, expected["n"], 0.0)
    yield Row("gamma size", name, "statistics", len(ours.gamma), len(statistics), 0.0)
    if "gamma" in expected:
        full = np.array(expected["gamma"])
        diagonal, rows, elements = np.diag(full), range(len(full)), full
    else:
        diagonal, elements = np.array(expected["gamma_diagonal"]), np.array(expected["gamma_rows"])
        rows = [row - 1 for row in expected["rows"]]
    for statistic, value, r in zip(statistics, np.diag(ours.gamma), diagonal, strict=True):
        yield Row("gamma diagonal", name, statistic, value, r, 1e-4, relative=True)
    scale = np.sqrt(diagonal)
    for row, r_row in zip(rows, elements, strict=True):
        for column, statistic in enumerate(statistics):
            unit = scale[row] * scale[column]
            label = f"{statistics[row]} x {statistic}"
            yield Row("gamma", name, label, ours.gamma[row, column] / unit, r_row[column] / unit, 1e-4)


def _compare_pairwise() -> Iterator[Row]:
    """Pairwise deletion: correlations, thresholds and standard errors of lavaan's `missing = "pairwise"`."""
    expected = extra_values("polychoric")["pairwise"]
    ours = polychoric_correlations(r_data("bfi")[expected["items"]], missing="pairwise")
    names, n_thresholds = expected["statistics"], len(expected["thresholds"])
    yield from compare_mapping(
        "polychoric, pairwise",
        "bfi",
        "r",
        _pairs(ours.correlations),
        _pairs(as_frame(expected["correlations"])),
        1e-4,
    )
    yield from compare_mapping(
        "threshold",
        "bfi pairwise",
        "tau",
        threshold_names(dict(ours.thresholds)),
        dict(zip(names[:n_thresholds], expected["thresholds"], strict=True)),
        1e-6,
    )
    yield from compare_mapping(
        "polychoric SE, pairwise",
        "bfi",
        "se",
        _pairs(ours.standard_errors),
        dict(zip(_pairs(ours.correlations), expected["se"][n_thresholds:], strict=True)),
        1e-3,
        relative=True,
    )


def _compare_small() -> Iterator[Row]:
    """The bivariate normal distribution, a 2 x 2 table with an empty cell, and smoothing."""
    values = extra_values("polychoric")
    grid = values["normal"]
    ours = bivariate_normal_cdf(grid["h"], grid["k"], grid["rho"])
    for h, k, rho, value, r in zip(grid["h"], grid["k"], grid["rho"], ours, grid["p"], strict=True):
        yield Row("bivariate normal", "grid", f"P({h}, {k}; {rho})", value, r, 1e-12)
    four = values["fourfold"]
    table = pd.DataFrame({"a": four["a"], "b": four["b"]})
    same = polychoric_correlations(table)
    turned = polychoric_correlations(table.assign(b=1 - table["b"]))
    yield Row("polychoric", "fourfold", "r", same.correlations.iloc[0, 1], four["r"], 1e-4)
    yield Row("polychoric", "fourfold turned", "r", turned.correlations.iloc[0, 1], four["r_b"], 1e-4)
    yield Row(
        "polychoric SE", "fourfold", "se", same.standard_errors.iloc[0, 1], four["se"], 1e-3, relative=True
    )


def _compare_polyserial(name: str, missing: Any, expected: dict[str, Any]) -> Iterator[Row]:
    r = as_frame(expected["correlations"])
    data = r_data(name)
    if name == "univbct":
        data = data[data["TIME"] == 0]
    ours = polyserial_correlations(data[r.index], data[r.columns], missing=missing)
    label = f"{name} {missing}"
    pieces = (
        ("polyserial", ours.correlations, expected["correlations"], 1e-4, False),
        ("polyserial SE", ours.standard_errors, expected["se"], 1e-3, True),
        ("polychoric n", ours.n_pairs, expected["n_pairs"], 0.0, False),
    )
    for kind, frame, values, tolerance, relative in pieces:
        theirs = as_frame(values)
        for row in theirs.index:
            for column in theirs.columns:
                yield Row(
                    kind,
                    label,
                    f"{row}~{column}",
                    frame.loc[row, column],
                    theirs.loc[row, column],
                    tolerance,
                    relative,
                )
