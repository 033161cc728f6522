"""Item bias: `MASS::polr` for the three models, tests, R2 and purification written from their formulas in R, OpenMx for theta.

Standard errors are compared more loosely: polr takes its information matrix from differences of gradients.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from scoring.dif import DifReport, differential_functioning, ordinal_logistic
from scoring.graded_response import fit_graded_response
from tests.scoring.comparisons.rows import REFERENCE, Row, compare_mapping, r_data

AGREE = [f"A{number}" for number in range(1, 6)]
OPEN = [f"O{number}" for number in range(1, 6)]
HOSTIL = [f"HOSTIL0{number}" for number in range(1, 6)]
LIKELIHOOD, ESTIMATE, ERROR, TEST, SHARE = 1e-6, 1e-6, 1e-4, 1e-6, 1e-8


@cache
def dif_values() -> Any:
    """What R says; written by reference/dif.R."""
    return json.loads((REFERENCE / "dif.json").read_text(encoding="utf-8"))


def keyed_bfi() -> pd.DataFrame:
    """The bfi with the reversed items of two scales turned round."""
    data = r_data("bfi")
    for item in ("A1", "O2", "O5"):
        data[item] = 7 - data[item]
    return data


def biased(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Items and groups of one comparison of dif.R."""
    data = keyed_bfi()
    if name == "planted_A4_by_gender":
        raised = (data["gender"] == 2) & (data["A4"] >= 4)
        data.loc[raised, "A4"] -= 1
    groups = data["gender"]
    if name.endswith("education"):
        groups = pd.cut(data["education"], [0, 2, 3, 9], labels=["a", "b", "c"]).astype(object)
    return data[OPEN if name.startswith("open") else AGREE], groups


def compare() -> Iterator[Row]:
    """Every value of dif.json."""
    yield from compare_regressions()
    yield from compare_graded()
    for name, expected in dif_values()["bias"].items():
        items, groups = biased(name)
        report = differential_functioning(items, groups)
        first = differential_functioning(items, groups, purify=False)
        yield Row("DIF counts", "bfi", f"{name} n", report.n_used, expected["n"], 0)
        yield Row("DIF counts", "bfi", f"{name} rounds", report.n_rounds, expected["rounds"], 0)
        same = float(set(report.flagged) == set(expected["flagged"]))
        yield Row("DIF counts", "bfi", f"{name} same flags", same, 1, 0)
        yield from compare_round(name, first, expected["first"])
        yield from compare_round(f"{name} purified", report, expected["last"])


def compare_regressions() -> Iterator[Row]:
    """Ordinal regressions with several predictors, and a logistic one."""
    bfi, lq = keyed_bfi().dropna(subset=[*AGREE, "gender", "age"]), r_data("lq2002")
    two = (lq["LEAD02"] > 3).astype(float)
    tables = {
        "bfi_A2": (bfi["A2"], bfi[["A3", "age", "gender"]]),
        "lq2002_HOSTIL03": (lq["HOSTIL03"], lq[["HOSTIL01", "LEAD01"]]),
        "lq2002_two_categories": (two, lq[["LEAD01", "TSIG01"]]),
    }
    kind = "ordinal regression"
    for name, expected in dif_values()["regression"].items():
        y, X = tables[name]
        fit = ordinal_logistic(y, X)
        data = name.split("_", maxsplit=1)[0]
        estimates = pd.concat([fit.thresholds, fit.coefficients])
        if name.endswith("two_categories"):
            # glm's intercept is the threshold with the other sign.
            estimates = estimates.rename({"0|1": "(Intercept)"})
            estimates.loc["(Intercept)", "estimate"] *= -1
        thresholds = expected.get("thresholds", {})
        wanted = {**thresholds, **expected["coefficients"]}
        yield Row(kind, data, f"{name} n", fit.n_used, expected["n"], 0)
        yield Row(kind, data, f"{name} logLik", fit.log_likelihood, expected["logLik"], LIKELIHOOD)
        yield from compare_mapping(kind, data, name, estimates["estimate"].to_dict(), wanted, ESTIMATE)
        se = estimates["se"].to_dict()
        yield from compare_mapping(f"{kind} SE", data, name, se, expected["se"], ERROR, relative=True)
        for share in ("nagelkerke", "cox_snell", "mcfadden"):
            if share in expected:
                ours = getattr(fit, f"r2_{share}")
                yield Row(kind, data, f"{name} {share}", ours, expected[share], SHARE)


def compare_graded() -> Iterator[Row]:
    """Slopes, thresholds, deviance and the first traits of graded response models."""
    tables = {"bfi_agree": keyed_bfi()[AGREE], "lq2002_HOSTIL": r_data("lq2002")[HOSTIL]}
    for name, expected in dif_values()["graded"].items():
        items = tables[name].dropna()
        codes = np.column_stack([np.unique(items[item], return_inverse=True)[1] for item in items])
        fit = fit_graded_response(codes, np.ones(len(codes)))
        kind, data = "graded response", name.split("_", maxsplit=1)[0]
        yield Row(kind, data, f"{name} n", len(items), expected["n"], 0)
        yield Row(kind, data, f"{name} deviance", -2 * fit.log_likelihood, expected["deviance"], 1e-4)
        for place, item in enumerate(items):
            yield Row(kind, data, f"{name} {item}", fit.slopes[place], expected["slopes"][item], 1e-3)
            for step, threshold in enumerate(expected["thresholds"][item]):
                ours = fit.thresholds[place][step]
                yield Row(kind, data, f"{name} {item} {step + 1}", ours, threshold, 1e-3)
        for row, trait in enumerate(expected["first_traits"]):
            yield Row(kind, data, f"{name} trait {row + 1}", fit.traits[row], trait, 1e-3)


def compare_round(name: str, report: DifReport, expected: Any) -> Iterator[Row]:
    """Tests, R2 and log-odds of all items in one round."""
    for item, values in expected["items"].items():
        row = report.items.loc[item]
        for test, chi2 in values["chi2"].items():
            yield Row("DIF tests", "bfi", f"{name} {item} {test}", row[f"chi2_{test}"], chi2, TEST)
            yield Row(
                "DIF tests", "bfi", f"{name} {item} {test} df", row[f"df_{test}"], values["df"][test], 0
            )
        for model, share in enumerate(values["nagelkerke"], start=1):
            yield Row("DIF R2", "bfi", f"{name} {item} M{model}", row[f"r2_m{model}"], share, SHARE)
        for test, steps in {"total": (2, 0), "uniform": (1, 0), "nonuniform": (2, 1)}.items():
            change = values["nagelkerke"][steps[0]] - values["nagelkerke"][steps[1]]
            yield Row("DIF R2", "bfi", f"{name} {item} dR2 {test}", row[f"dr2_{test}"], change, SHARE)
        for group, log_odds in values["log_odds"].items():
            effect = report.effects.loc[(item, group.removeprefix("g"))]
            where = f"{name} {item} {group}"
            yield Row("DIF log-odds", "bfi", where, effect["log_odds"], log_odds, ESTIMATE)
            yield Row("DIF SE", "bfi", where, effect["se"], values["se"][group], ERROR, relative=True)
        yield Row("DIF p", "bfi", f"{name} {item}", row["p_total"], expected["p"][item], 1e-9)
        yield Row("DIF p", "bfi", f"{name} {item} Holm", row["p_holm_total"], expected["holm"][item], 1e-9)
