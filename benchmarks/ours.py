"""The benchmark's parts with this project's own functions.

python -m benchmarks.ours DATA.csv PART OUT.json
"""

import contextlib
import importlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.psychometrics_data import ITEMS, SCALES
from benchmarks.timing import Part, report

N_BOOTSTRAPS, N_SETS = 1000, 100
MODULES = (
    "scoring.factors",
    "scoring.omega",
    "scoring.factors.parallel",
    "scoring.polychoric",
    "scoring.resampling",
    "scoring.sem.invariance",
    "scipy.stats",
    "scipy.optimize",
)


def first_wave(frame: pd.DataFrame) -> pd.DataFrame:
    """Both roles at the first wave."""
    return frame[frame["wave"] == 0].reset_index(drop=True)


def part_a(frame: pd.DataFrame) -> dict[str, Any]:
    from scoring.resampling import bootstrap_alpha

    first = first_wave(frame)
    results = [
        bootstrap_alpha(first[list(items)], clusters=first["pair"], n_draws=N_BOOTSTRAPS, seed=1)
        for items in SCALES.values()
    ]
    return {"alpha": [r.value for r in results], "about standard error": [r.standard_error for r in results]}


def part_b(frame: pd.DataFrame) -> dict[str, Any]:
    from scoring.omega import omega_total

    first = first_wave(frame)
    return {"omega": [omega_total(first[list(items)], interval="delta").value for items in SCALES.values()]}


def part_c(frame: pd.DataFrame) -> dict[str, Any]:
    from scoring.polychoric import ordinal_moments

    moments = ordinal_moments(first_wave(frame)[list(ITEMS)])
    errors = np.sqrt(np.diag(moments.gamma) / moments.n_used)
    thresholds = np.concatenate(moments.thresholds)
    return {
        "correlations": moments.correlations[np.triu_indices(len(ITEMS), 1)],
        "thresholds": thresholds,
        "standard errors of correlations": errors[len(thresholds) :],
        "standard errors of thresholds": errors[: len(thresholds)],
    }


def part_d(frame: pd.DataFrame) -> dict[str, Any]:
    from scoring.factors.parallel import parallel_analysis

    answers = first_wave(frame)[list(ITEMS)]
    components, factors = (
        parallel_analysis(answers, n_sets=N_SETS, reduced=reduced, seed=1).k_suggested
        for reduced in (False, True)
    )
    return {"factors": factors, "components": components}


def part_e(frame: pd.DataFrame) -> dict[str, Any]:
    from scoring.factors import fit_factors

    solution = fit_factors(first_wave(frame)[list(ITEMS)], len(SCALES), method="minres", rotation="oblimin")
    loadings, phi = solution.loadings.to_numpy(), solution.factor_correlations.to_numpy()
    # Factors in the order of the scales and with positive loadings, so that packages can be compared.
    order = np.abs(loadings).reshape(len(SCALES), 5, -1).mean(axis=1).argmax(axis=1)
    loadings, phi = loadings[:, order], phi[np.ix_(order, order)]
    sign = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    return {
        "loadings": loadings * sign,
        "factor correlations": phi * np.outer(sign, sign),
        "communalities": solution.communalities,
    }


def part_f(frame: pd.DataFrame) -> dict[str, Any]:
    return fit_six_factors(frame, "MLR")


def part_g(frame: pd.DataFrame) -> dict[str, Any]:
    return fit_six_factors(frame, "WLSMV")


def fit_six_factors(frame: pd.DataFrame, estimator: str) -> dict[str, Any]:
    from scoring.sem import fit_confirmatory

    fit = fit_confirmatory(first_wave(frame)[list(ITEMS)], SCALES, estimator=estimator)
    m, p = fit.measures, fit.parameters
    loadings = p[p["operator"] == "=~"]
    errors = loadings["se"].to_numpy(dtype=float)
    phi = fit.factor_correlations().to_numpy()
    return {
        "chi_square": m.chi_square,
        "df": m.df,
        "chi_square_scaled": m.chi_square_scaled,
        "cfi": m.cfi,
        "rmsea": m.rmsea,
        "srmr": m.srmr,
        "cfi_scaled": m.cfi_scaled,
        "rmsea_scaled": m.rmsea_scaled,
        "standardized loadings": loadings["std_all"],
        "standard errors of loadings": errors[errors > 0],
        "factor correlations": phi[np.triu_indices(len(SCALES), 1)],
    }


def part_h(frame: pd.DataFrame) -> dict[str, Any]:
    reports = [report_invariance(frame, items, ordinal=False) for items in SCALES.values()]
    return {name: np.concatenate([report[name] for report in reports]) for name in reports[0]}


def part_i(frame: pd.DataFrame) -> dict[str, Any]:
    return report_invariance(frame, SCALES["s1"], ordinal=True)


def report_invariance(frame: pd.DataFrame, items: Sequence[str], *, ordinal: bool) -> dict[str, Any]:
    """All steps over the three waves, every person of every pair a row."""
    from scoring.sem.invariance import wave_invariance

    table = frame[["wave", *items]].assign(person=frame["pair"].astype(str) + frame["role"])
    steps = wave_invariance(table, {"f": items}, person="person", ordinal=ordinal, missing="listwise").steps
    measures = [step.fit.measures for step in steps]
    differences = [step.difference for step in steps[1:]]
    indices = {"chi_square_scaled", "cfi_scaled"} if ordinal else {"cfi", "rmsea"}
    return {
        **{name: [getattr(m, name) for m in measures] for name in ("chi_square", "df", *sorted(indices))},
        "chi-square differences": [d.chi_square for d in differences],
        "df of differences": [d.df for d in differences],
    }


PARTS = (part_a, part_b, part_c, part_d, part_e, part_f, part_g, part_h, part_i)


def load(path: Path) -> Mapping[str, Part]:
    """Import the package and return the parts."""
    # Imported here so that their time is no part's.
    for name in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    frame = pd.read_csv(path)
    return {part.__name__[-1]: partial(part, frame) for part in PARTS}


if __name__ == "__main__":
    report("ours", load, ("viceversa", "numpy", "scipy", "pandas", "pingouin", "factor-analyzer"), {})
