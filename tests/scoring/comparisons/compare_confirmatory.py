"""Confirmatory models of one group against lavaan: every parameter, every measure of fit and the ten largest modification indices.

R's values that have no counterpart are left out: the scales `~*~` of ordinal items (all 1 here), indices that we do not report
(GFI, NFI and their like), and the standard errors of unweighted least squares, which we refuse on purpose. What R leaves empty
(p of unweighted least squares) is not compared. Limits and p-values of parameters follow from estimate and error; their tolerance
is that of the error. Differences of estimates are absolute, of errors, statistics and z relative to R's value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from scoring.sem import ConfirmatoryFit, ConfirmatoryModel, fit_confirmatory
from scoring.sem.score_tests import modification_indices
from tests.scoring.comparisons.rows import Row, r_data, r_values, r_values_at


@dataclass(frozen=True)
class Tolerances:
    """How near the numbers of one estimator must be."""

    name: str
    chi_square: float
    scaled: float
    estimate: float
    error: float
    index: float


ML = Tolerances("ML", 1e-5, 1e-3, 1e-4, 1e-3, 1e-5)
ROBUST = Tolerances("MLM/MLR", 1e-5, 1e-3, 1e-4, 1e-2, 1e-4)
FIML = Tolerances("FIML", 1e-4, 1e-3, 1e-3, 1e-2, 1e-4)
WLSMV = Tolerances("WLSMV", 1e-3, 5e-3, 1e-3, 1e-2, 1e-3)


@dataclass(frozen=True)
class Case:
    """One model that R fitted: where its values stand, and how we fit it."""

    data: str
    path: tuple[str, ...]
    model: Any
    tolerances: Tolerances
    options: Mapping[str, Any] = field(default_factory=dict)
    table: str = ""

    @property
    def name(self) -> str:
        """The name in the printed table."""
        return "/".join(self.path)

    @property
    def expected(self) -> Any:
        """R's values."""
        return r_values_at(self.data, self.path)


# Plain indices and whole numbers, chi-squares (relative), scaled statistics (relative) by R's name.
INDICES = {
    "cfi": "cfi",
    "tli": "tli",
    "rmsea": "rmsea",
    "rmsea.ci.lower": "rmsea_low",
    "rmsea.ci.upper": "rmsea_high",
    "rmsea.pvalue": "rmsea_close",
    "srmr": "srmr",
    "pvalue": "p",
}
SCALED_INDICES = {
    "pvalue.scaled": "p_scaled",
    "cfi.scaled": "cfi_scaled",
    "tli.scaled": "tli_scaled",
    "rmsea.scaled": "rmsea_scaled",
    "rmsea.ci.lower.scaled": "rmsea_scaled_low",
    "rmsea.ci.upper.scaled": "rmsea_scaled_high",
    "cfi.robust": "cfi_robust",
    "tli.robust": "tli_robust",
    "rmsea.robust": "rmsea_robust",
    "rmsea.ci.lower.robust": "rmsea_robust_low",
    "rmsea.ci.upper.robust": "rmsea_robust_high",
}
STATISTICS = {
    "chisq": "chi_square",
    "baseline.chisq": "baseline_chi_square",
    "logl": "log_likelihood",
    "unrestricted.logl": "saturated_log_likelihood",
    "aic": "aic",
    "bic": "bic",
}
SCALED_STATISTICS = {
    "chisq.scaled": "chi_square_scaled",
    "chisq.scaling.factor": "scaling_factor",
    "baseline.chisq.scaled": "baseline_chi_square_scaled",
    "baseline.chisq.scaling.factor": "baseline_scaling_factor",
    "scaling.factor.h1": "scaling_factor_saturated",
    "scaling.factor.h0": "scaling_factor_model",
}
COUNTS = {
    "npar": "n_parameters",
    "df": "df",
    "baseline.df": "baseline_df",
    "df.scaled": "df_scaled",
    "baseline.df.scaled": "baseline_df",
}


def cases() -> Iterator[Case]:
    """Every confirmatory model of one group in R's values."""
    three = r_values("holzinger")["model"]
    items = [f"x{number}" for number in range(1, 10)]
    groups = {"visual": items[:3], "textual": items[3:6], "speed": items[6:]}
    bifactor = ConfirmatoryModel({"g": items, **groups}, orthogonal=True)
    full: dict[str, Any] = {"missing": "fiml"}
    robust = {**full, "estimator": "MLR"}
    for key, model, tolerances, options, table in (
        ("ml", three, ML, {}, ""),
        ("ml_std_lv", three, ML, {"scaling": "unit_variance"}, ""),
        ("mlr", three, ROBUST, {"estimator": "MLR"}, ""),
        ("mlm", three, ROBUST, {"estimator": "MLM"}, ""),
        ("uls", three, ML, {"estimator": "ULS"}, ""),
        ("gls", three, ML, {"estimator": "GLS"}, ""),
        ("one_factor_ml", {"g": items}, ML, {}, ""),
        ("bifactor_ml", bifactor, ML, {"scaling": "unit_variance"}, ""),
        ("fiml_missing10pct", three, FIML, full, "holzinger_missing"),
        ("mlr_missing10pct", three, FIML, robust, "holzinger_missing"),
    ):
        yield Case("holzinger", ("cfa", key), model, tolerances, options, table)
    five = r_values("bfi")["cfa"]["model"]
    yield Case("bfi", ("cfa", "ml_listwise"), five, ML)
    yield Case("bfi", ("cfa", "ml_fiml"), five, FIML, full)
    yield Case("bfi", ("cfa", "mlr_fiml"), five, FIML, robust)
    yield Case("bfi", ("cfa", "wlsmv_listwise"), five, WLSMV, {"estimator": "WLSMV"})
    yield Case(
        "bfi", ("cfa", "one_factor_N_ml_listwise"), {"N": [f"N{number}" for number in range(1, 6)]}, ML
    )
    leader = r_values("lq2002")["cfa"]["model"]
    yield Case("lq2002", ("cfa", "ml"), leader, ML)
    yield Case("lq2002", ("cfa", "wlsmv"), leader, WLSMV, {"estimator": "WLSMV"})
    # R adds the means to a model with clusters.
    yield Case(
        "lq2002",
        ("cfa", "ml_cluster_robust"),
        leader,
        ROBUST,
        {"clusters": r_data("lq2002")["COMPID"], "mean_structure": True},
    )
    dyads = {"F_safety": [f"q0{n}" for n in range(1, 6)], "F_support": [f"q0{n}" for n in range(6, 10)]}
    yield Case("sim_dyads_a", ("cfa_wave0_all_ml_fiml",), dyads, FIML, full)
    yield Case("sim_dyads_a", ("cfa_wave0_all_wlsmv_listwise",), dyads, WLSMV, {"estimator": "WLSMV"})
    yield Case("sim_dyads_a", ("cfa_wave0_all_mlr_fiml_fitonly",), dyads, FIML, robust)
    yield Case("exlong", ("cfa_no_autocorrelated_residuals",), r_values("exlong")["model"], ML)


@cache
def _table(name: str) -> pd.DataFrame:
    data = r_data(name)
    return data[data["wave"] == 0] if name == "sim_dyads_a" else data


def compare() -> Iterator[Row]:
    """Every value of every case."""
    for case in cases():
        fit = fit_confirmatory(_table(case.table or case.data), case.model, **case.options)
        yield from compare_fit(case, fit)


def compare_fit(case: Case, fit: ConfirmatoryFit) -> Iterator[Row]:
    """Every value of one case; a case of which R shows measures alone has no more."""
    expected = case.expected
    measures = expected.get("fit_measures", expected)
    if "converged" in expected:
        kind = "CFA flags and counts"
        yield Row(kind, case.data, f"{case.name} converged", fit.converged, expected["converged"], 0)
        yield Row(kind, case.data, f"{case.name} proper", fit.proper, expected["post_check"], 0)
        yield Row(kind, case.data, f"{case.name} n", fit.n_used, expected["nobs"], 0)
        yield Row(kind, case.data, f"{case.name} npar", fit.measures.n_parameters, expected["npar"], 0)
    yield from compare_measures(case, fit, measures)
    if "parameters" in expected:
        yield from compare_parameters(case, fit, expected["parameters"])
    if "modindices_top10" in expected:
        yield from compare_indices(case, fit, expected["modindices_top10"])


def compare_measures(case: Case, fit: ConfirmatoryFit, r: Mapping[str, float | None]) -> Iterator[Row]:
    """Chi-square and the indices of fit."""
    limits, name = case.tolerances, case.tolerances.name
    for kind, fields, tolerance, relative in (
        ("CFA flags and counts", COUNTS, 0.0, False),
        (f"{name} indices", INDICES, limits.index, False),
        (f"{name} scaled and robust indices", SCALED_INDICES, max(limits.index, 1e-4), False),
        (f"{name} chi-square, log-likelihood", STATISTICS, limits.chi_square, True),
        (f"{name} scaled chi-square, factors", SCALED_STATISTICS, limits.scaled, True),
    ):
        for theirs, ours in fields.items():
            value = r.get(theirs)
            if value is not None:
                mine = getattr(fit.measures, ours)
                yield Row(kind, case.data, f"{case.name} {theirs}", mine, value, tolerance, relative)


def compare_parameters(case: Case, fit: ConfirmatoryFit, r: Mapping[str, list[Any]]) -> Iterator[Row]:
    """Estimate, error, z, p, interval and both standardized values of every parameter."""
    limits, name = case.tolerances, case.tolerances.name
    ours = {_key(row.left, row.operator, row.right): row for row in fit.parameters.itertuples()}
    columns = (
        ("estimates", "est", "estimate", limits.estimate, False),
        ("estimates", "std.lv", "std_lv", limits.estimate, False),
        ("standardized estimates", "std.all", "std_all", limits.estimate, False),
        ("standard errors", "se", "se", limits.error, True),
        ("z", "z", "z", limits.error, True),
        ("p of parameters", "pvalue", "p", limits.error, False),
        ("limits of parameters", "ci.lower", "low", limits.error, False),
        ("limits of parameters", "ci.upper", "high", limits.error, False),
    )
    for number, (left, operator, right) in enumerate(zip(r["lhs"], r["op"], r["rhs"], strict=True)):
        if operator == "~*~":
            continue
        row = ours.get(_key(left, operator, right))
        label = f"{case.name} {left} {operator} {right}".rstrip()
        free = r["se"][number] > 0
        yield Row("CFA flags and counts", case.data, f"{label} free", getattr(row, "free", None), free, 0)
        for kind, theirs, mine, tolerance, relative in columns:
            inferred = theirs not in {"est", "std.lv", "std.all"}
            if inferred and (not free or fit.estimator == "ULS"):
                continue
            value = getattr(row, mine, None)
            yield Row(
                f"{name} {kind}",
                case.data,
                f"{label} {theirs}",
                value,
                r[theirs][number],
                tolerance,
                relative,
            )


def compare_indices(case: Case, fit: ConfirmatoryFit, r: Mapping[str, list[Any]]) -> Iterator[Row]:
    """The ten largest modification indices: what they belong to, how large, and the change that they promise."""
    limits, name = case.tolerances, case.tolerances.name
    found = modification_indices(fit)
    ours = {_key(row.left, row.operator, row.right): row for row in found.itertuples()}
    for number, (left, operator, right) in enumerate(zip(r["lhs"], r["op"], r["rhs"], strict=True)):
        row = ours.get(_key(left, operator, right))
        label = f"{case.name} {left} {operator} {right}"
        kind = f"{name} modification indices"
        theirs = r["mi"][number]
        yield Row(
            kind, case.data, f"{label} index", getattr(row, "chi_square", None), theirs, limits.error, True
        )
        yield Row(
            kind,
            case.data,
            f"{label} rank {number + 1}",
            found["chi_square"].iloc[number],
            theirs,
            limits.error,
            True,
        )
        yield Row(
            f"{name} expected changes",
            case.data,
            f"{label} change",
            getattr(row, "change", None),
            r["epc"][number],
            limits.estimate,
        )


def _key(left: str, operator: str, right: str) -> tuple[str, str, str]:
    """What a parameter is known by, whichever way round a covariance is written."""
    return (*sorted((left, right)), operator) if operator == "~~" else (left, right, operator)  # type: ignore[return-value]
