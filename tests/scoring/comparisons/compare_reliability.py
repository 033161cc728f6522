"""Every `reliability` value of the reference files against ours.

Different on purpose, and therefore compared otherwise or not at all:

- `psych::splitHalf` looks at the first half of the splits only where the number of items is odd, and divides their sum by a
  number that need not be whole. Compared are our values of the same splits, taken in the same way. Where psych draws splits at
  random (25 items) only lambda 2 and 6 are compared, after turning the items round that it turns round by itself.
- For two items psych fills `alpha.drop` with regression slopes and correlations; an item alone has no alpha, ours are missing.
- A one-factor model of two items is not identified; omega is refused, where lavaan returns unusable numbers.
- `ordinal.fit` is the test of a WLSMV model, which `scoring.sem` computes.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from scoring.omega import OmegaResult, omega_total
from scoring.omega_hierarchical import omega_hierarchical
from scoring.ordinal_reliability import categorical_omega, ordinal_alpha
from scoring.reliability import alpha_statistics, cronbach_alpha
from scoring.reliability_report import measurement_error, retest_reliability
from scoring.sem import fit_confirmatory
from scoring.split_halves import spearman_brown, split_half_reliability, split_values
from tests.scoring.comparisons.rows import Row, as_frame, as_list, compare_mapping, r_data, r_values

RANGES = {
    "bfi": (1, 6), "exlong": (0, 0), "holzinger": (0, 0), "lq2002": (0, 4), "sim_dyads_a": (1, 5)
}  # fmt: skip
TOTALS = {
    "raw_alpha": "raw", "std.alpha": "standardized", "G6(smc)": "g6", "average_r": "average_r", "median_r": "median_r",
    "S/N": "signal_to_noise", "ase": "standard_error", "mean": "mean", "sd": "sd",
}  # fmt: skip
DROPPED = {"raw_alpha": "raw", "std_alpha": "standardized", "average_r": "average_r"}
FIT = {
    "chisq": "chi_square", "pvalue": "p", "cfi": "cfi", "tli": "tli", "rmsea": "rmsea", "rmsea.ci.lower": "rmsea_low",
    "rmsea.ci.upper": "rmsea_high", "srmr": "srmr",
}  # fmt: skip
ORDINAL_FIT = {
    "chisq": "chi_square", "chisq.scaled": "chi_square_scaled", "df": "df", "df.scaled": "df_scaled", "cfi": "cfi",
    "cfi.scaled": "cfi_scaled", "tli.scaled": "tli_scaled", "rmsea": "rmsea", "rmsea.scaled": "rmsea_scaled", "srmr": "srmr",
}  # fmt: skip
UNIDENTIFIED = ("two_items_N1_N2",)


def keyed_items(name: str, scale: str) -> tuple[pd.DataFrame, Any]:
    """The keyed items of a reference scale with what R says about them."""
    block = r_values(name)["reliability"][scale]
    data = r_data(name)
    if name == "sim_dyads_a":
        role, _, wave = scale.split(".")
        data = data[(data["role"] == role) & (data["wave"] == int(wave.removeprefix("wave")))]
    items = data[block["items"]].astype("float64")
    low, high = RANGES[name]
    reverse = as_list(block["reverse"])
    items[reverse] = low + high - items[reverse]
    return items, block


def compare() -> Iterator[Row]:
    """A row for every value of every reliability block, and for those of retest blocks."""
    for name in RANGES:
        for scale in r_values(name)["reliability"]:
            items, block = keyed_items(name, scale)
            data = f"{name} {scale}"
            yield from _compare_alpha(data, items, block)
            yield from _compare_halves(data, items, block["splithalf_psych"])
            if scale not in UNIDENTIFIED:
                yield from _compare_omega(
                    data, omega_total(items, interval="delta"), block["omega_1factor_cfa_ml"]
                )
                yield from _compare_fiml(data, items, block)
            for key, values in block.items():
                if key.startswith(("omega_psych_schmid_leiman", "omega_psych_nf")):
                    yield from _compare_hierarchical(data, key, items, values)
            if "ordinal" in block:
                yield from _compare_ordinal(data, items, block["ordinal"])
    yield from _compare_retest()
    yield from _compare_measurement_error()


def _compare_alpha(data: str, items: pd.DataFrame, block: Any) -> Iterator[Row]:
    kind = "alpha"
    for missing in ("listwise", "pairwise"):
        r, ours = block[missing], alpha_statistics(items, missing=missing)
        yield Row(kind, data, f"{missing} n", ours.n_used, r["n"], 0)
        yield Row(kind, data, f"{missing} k", ours.k_items, r["k"], 0)
        for theirs, name in TOTALS.items():
            yield Row(kind, data, f"{missing} {theirs}", getattr(ours, name), r["total"][theirs], 1e-9)
        yield Row(kind, data, f"{missing} Feldt low", ours.feldt.low, r["feldt_ci95"]["lower"], 1e-9)
        yield Row(kind, data, f"{missing} Feldt high", ours.feldt.high, r["feldt_ci95"]["upper"], 1e-9)
        for column in ours.items:
            values = dict(zip(r["item_stats"]["item"], r["item_stats"][column], strict=True))
            yield from compare_mapping(
                kind, data, f"{missing} {column}", ours.items[column].to_dict(), values, 1e-9
            )
        if ours.k_items > 2:
            for theirs, column in DROPPED.items():
                values = dict(zip(r["alpha_drop"]["item"], r["alpha_drop"][theirs], strict=True))
                mine = ours.dropped[column].to_dict()
                yield from compare_mapping(kind, data, f"{missing} without {theirs}", mine, values, 1e-9)
    plain = cronbach_alpha(items)
    yield Row(kind, data, "rows", plain.n_used + plain.n_dropped, block["n_rows"], 0)
    yield Row(kind, data, "complete rows", plain.n_used, block["n_complete"], 0)
    yield Row(kind, data, "cronbach_alpha", plain.value, block["listwise"]["total"]["raw_alpha"], 1e-9)
    yield Row(kind, data, "cronbach_alpha low", plain.low, block["listwise"]["feldt_ci95"]["lower"], 1e-9)
    yield Row(kind, data, "cronbach_alpha high", plain.high, block["listwise"]["feldt_ci95"]["upper"], 1e-9)
    if len(block["items"]) == 2:
        r = block["listwise"]["total"]
        yield Row("Spearman-Brown", data, "value", spearman_brown(items).value, r["std.alpha"], 1e-9)
        yield Row("Spearman-Brown", data, "r", spearman_brown(items).correlation, r["average_r"], 1e-9)


def _turned(items: pd.DataFrame) -> pd.DataFrame:
    """The items with the signs that psych gives them: those of the first principal component."""
    vector = np.linalg.eigh(np.corrcoef(items.dropna().to_numpy(), rowvar=False))[1][:, -1]
    vector *= 1.0 if vector.sum() >= 0 else -1.0
    return items * np.where(vector < 0, -1.0, 1.0)


def _compare_halves(data: str, items: pd.DataFrame, r: Mapping[str, float]) -> Iterator[Row]:
    kind, turned = "split halves", _turned(items)
    ours = split_half_reliability(turned)
    yield Row(kind, data, "lambda2", ours.lambda2, r["lambda2"], 1e-9)
    yield Row(kind, data, "lambda6", ours.lambda6, r["lambda6"], 1e-9)
    if ours.largest is None:
        return
    k = ours.k_items
    counted = math.comb(k, k // 2) / 2
    if k % 2:
        splits = split_values(np.corrcoef(turned.dropna().to_numpy(), rowvar=False))[: math.ceil(counted)]
        largest, smallest, average = splits.max(), splits.min(), splits.sum() / counted
    else:
        largest, smallest, average = ours.largest, ours.smallest, ours.average
    yield Row(kind, data, "largest (lambda 4)", largest, r["max_split_lambda4"], 1e-9)
    yield Row(kind, data, "smallest (beta)", smallest, r["min_split_beta"], 1e-9)
    yield Row(kind, data, "average", average, r["average_split"], 1e-9)


def _compare_omega(data: str, ours: OmegaResult, r: Any, *, label: str = "ML") -> Iterator[Row]:
    kind, fiml = f"omega {label}", label == "FIML"
    yield Row(kind, data, "n", ours.n_used, r["n"], 0)
    yield Row(kind, data, "converged", ours.converged, r["converged"], 0)
    yield Row(kind, data, "omega", ours.value, r["omega_total"], 1e-4)
    yield Row(kind, data, "implied variance", ours.value, r["omega_total_modelvar_compRelSEM"], 1e-4)
    yield Row(kind, data, "observed variance", ours.observed_value, r["omega_total_obsvar_compRelSEM"], 1e-4)
    yield Row(kind, data, "SE", ours.standard_error, r["se_delta"], 1e-2 if fiml else 1e-3, relative=True)
    yield Row(kind, data, "low", ours.low, r["ci_lower"], 1e-4)
    yield Row(kind, data, "high", ours.high, r["ci_upper"], 1e-4)
    near = 1e-3 if fiml else 1e-4
    yield from compare_mapping(kind, data, "loading", ours.loadings.to_dict(), r["loadings_raw"], near)
    yield from compare_mapping(
        kind, data, "residual", ours.residual_variances.to_dict(), r["residual_var"], near
    )
    yield Row(kind, data, "df", ours.measures.df, r["fit"]["df"], 0)
    for theirs, name in FIT.items():
        value, saturated = r["fit"][theirs], r["fit"]["df"] == 0
        if value is None:
            yield Row(kind, data, theirs, float(getattr(ours.measures, name) is None), 1, 0)
        elif name == "chi_square" and not saturated:
            yield Row(
                kind, data, theirs, ours.measures.chi_square, value, 1e-4 if fiml else 1e-5, relative=True
            )
        else:
            yield Row(kind, data, theirs, getattr(ours.measures, name), value, 1e-5)


def _compare_fiml(data: str, items: pd.DataFrame, block: Any) -> Iterator[Row]:
    if "omega_1factor_cfa_fiml" in block:
        ours = omega_total(items, interval="delta", missing="fiml")
        yield from _compare_omega(data, ours, block["omega_1factor_cfa_fiml"], label="FIML")


def _compare_hierarchical(data: str, key: str, items: pd.DataFrame, r: Any) -> Iterator[Row]:
    kind, k_factors = "omega hierarchical", int(key.rsplit("nf", maxsplit=1)[-1])
    ours = omega_hierarchical(items, k_factors)
    yield Row(kind, data, f"{key} hierarchical", ours.hierarchical, r["omega_h"], 1e-3)
    yield Row(kind, data, f"{key} total", ours.total, r["omega_total"], 1e-3)
    if "omega_h_asymptotic" in r:
        yield Row(kind, data, f"{key} asymptotic", ours.asymptotic, r["omega_h_asymptotic"], 1e-3)
    alpha = alpha_statistics(items)
    yield Row(kind, data, f"{key} alpha", alpha.standardized, r["alpha"], 1e-9)
    yield Row(kind, data, f"{key} G6", alpha.g6, r["g6"], 1e-9)
    table = as_frame(r["schmid_leiman"])
    yield from compare_mapping(
        kind, data, f"{key} g", ours.loadings.iloc[:, 0].to_dict(), table["g"].to_dict(), 1e-3
    )
    yield from compare_mapping(
        kind, data, f"{key} u2", ours.uniquenesses.to_dict(), table["u2"].to_dict(), 1e-3
    )
    groups = ours.loadings.iloc[:, 1:].to_numpy()
    for column in [name for name in table if str(name).startswith("F")]:
        # Group factors come in another order; the one that is nearest is meant.
        theirs = table[column].to_numpy()
        gaps = np.abs(groups - theirs[:, None]).max(axis=0)
        yield Row(kind, data, f"{key} {column}, largest difference", gaps.min(), 0, 1e-3)


def _compare_ordinal(data: str, items: pd.DataFrame, r: Any) -> Iterator[Row]:
    kind = "ordinal reliability"
    alpha, omega = ordinal_alpha(items, minimum=0), categorical_omega(items, minimum=0)
    yield Row(kind, data, "ordinal alpha", alpha.value, r["alpha_ordinal_polychoric"], 1e-4)
    drop = dict(zip(r["alpha_ordinal_drop"]["item"], r["alpha_ordinal_drop"]["std_alpha"], strict=True))
    yield from compare_mapping(kind, data, "ordinal alpha without", alpha.dropped.to_dict(), drop, 1e-4)
    yield Row(kind, data, "latent omega", omega.latent, r["omega_ordinal_latent"], 1e-3)
    yield Row(kind, data, "Green-Yang", omega.value, r["omega_ordinal_green_yang_compRelSEM"], 1e-3)
    yield from compare_mapping(kind, data, "loading", omega.loadings.to_dict(), r["std_loadings_wlsmv"], 1e-3)
    names = [str(item) for item in items.columns]
    measures = fit_confirmatory(items, {"latent": names}, estimator="WLSMV").measures
    for theirs, name in ORDINAL_FIT.items():
        value = r["fit"][theirs]
        if name.startswith("df"):
            yield Row(kind, data, f"WLSMV {theirs}", getattr(measures, name), value, 0)
        elif name.startswith("chi"):
            near = 5e-3 if name.endswith("scaled") else 1e-3
            yield Row(kind, data, f"WLSMV {theirs}", getattr(measures, name), value, near, relative=True)
        else:
            yield Row(kind, data, f"WLSMV {theirs}", getattr(measures, name), value, 1e-3)


def _compare_retest() -> Iterator[Row]:
    """ICC(A,1) of two waves, psych's ICC2; three waves are compared with the agreement values."""
    data = r_data("twins_dzos")[["ht1", "ht2"]]
    r = r_values("twins_dzos")["icc_ht"]
    place = as_list(r["type"]).index("ICC2")
    ours = retest_reliability(data["ht1"], data["ht2"])
    yield Row("retest", "twins_dzos ht", "ICC(A,1)", ours.value, r["icc"][place], 1e-9)
    yield Row("retest", "twins_dzos ht", "n", ours.n_used, r["n"], 0)
    yield Row("retest", "twins_dzos ht", "low", ours.low, r["lower95"][place], 1e-9)
    yield Row("retest", "twins_dzos ht", "high", ours.high, r["upper95"][place], 1e-9)


def _compare_measurement_error() -> Iterator[Row]:
    blocks = {"exlong change_t1_t3": r_values("exlong")["change_t1_t3"]}
    for scale in ("JOBSAT", "COMMIT", "READY"):
        for waves in ("t1_t3", "t1_t2"):
            blocks[f"univbct {scale} {waves}"] = r_values("univbct")[scale][waves]
    for data, block in blocks.items():
        r = block["jacobson_truax"]
        ours = measurement_error(block["sd_pre"], r["rxx"], "retest")
        yield Row("measurement error", data, "SEM", ours.value, r["sem"], 1e-9)
