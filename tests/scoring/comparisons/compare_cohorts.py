"""Cohorts, equivalence, power, multiplicity, goals, pooling and dropout beside R: every value of cohorts.json."""

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from scoring.cohort_arms import compare_arms
from scoring.cohort_designs import compare_two_cohorts
from scoring.cohorts import summarize_changes
from scoring.dropout import dropout_differences, little_test
from scoring.equivalence import Equivalence, Margin, equivalent_change, equivalent_difference
from scoring.goals import goal_attainment
from scoring.many_cohorts import ManyCohorts, cohort_effects
from scoring.multiplicity import adjust_p
from scoring.permutation import permutation_test
from scoring.pooling import pool_estimates
from scoring.power import (
    n_for_change,
    n_for_cohorts,
    n_for_difference,
    n_for_equivalence,
    power_change,
    power_cohorts,
    power_curve,
    power_equivalence,
)
from scoring.power_statements import state_cohort_power, state_power
from scoring.waitlist import waitlist_comparison
from tests.scoring.comparisons.rows import REFERENCE, Row, compare_mapping, r_data

CLOSED = 1e-9
NONCENTRAL = 1e-5
MIXED = 1e-4


@cache
def cohort_values() -> Any:
    """What R says; written by reference/cohorts.R."""
    return json.loads((REFERENCE / "cohorts.json").read_text(encoding="utf-8"))


def soldiers() -> pd.DataFrame:
    """One row per person of univbct, companies as cohorts."""
    data = r_data("univbct").drop_duplicates("SUBNUM").set_index("SUBNUM")
    data["cohort"] = data["BTN"].astype(str) + " " + data["COMPANY"]
    data["change"] = data["JOBSAT2"] - data["JOBSAT1"]
    return data


def compare() -> Iterator[Row]:
    """Every value of cohorts.json."""
    yield from compare_two()
    yield from compare_power()
    yield from compare_adjusted()
    yield from compare_arm_values()
    yield from compare_many()
    yield from compare_fixed()
    yield from compare_waitlist()
    yield from compare_goals()
    yield from compare_pooling()
    yield from compare_missing()


def _pick(result: object, names: Mapping[str, Any]) -> dict[str, float]:
    return {name: getattr(result, name) for name in names if hasattr(result, name)}


def compare_two() -> Iterator[Row]:
    """Welch, permutation and equivalence of two groups."""
    values = cohort_values()["two"]
    a, b = np.array(values["a"]), np.array(values["b"])
    pairs = pd.Series(a, index=[f"a{n}" for n in range(12)]), pd.Series(b, index=[f"b{n}" for n in range(10)])
    contrast = compare_two_cohorts(*pairs).contrast
    # p is behind the gate of 40 pairs, so it is left to `compare_arms` and the tests of `compare_changes`.
    wanted = {name: value for name, value in values["welch"].items() if name != "p"}
    yield from compare_mapping("Welch", "two groups", "welch", _pick(contrast, wanted), wanted, CLOSED)
    lots = {"both": (a[:7], b[:6]), "small": (a[[0, 2, 3]], b[:3]), "turned": (b[:5], a[:8])}
    for name, wanted in values["permutation"].items():
        found = permutation_test(*lots[name])
        yield from compare_mapping("permutation", "two groups", name, _pick(found, wanted), wanted, 1e-12)
    for unit, kind in (("points", "tost"), ("sd", "tost_sd")):
        for name, wanted in values[kind].items():
            bound = float(name.split("_")[1])
            found = _equivalence(name, pairs, Margin(bound, unit))
            ours = _pick(found, wanted)
            exact = {key: value for key, value in wanted.items() if key not in ("low", "high")}
            ends = {key: value for key, value in wanted.items() if key in ("low", "high")}
            yield from compare_mapping("equivalence", "two groups", f"{kind} {name}", ours, exact, CLOSED)
            tolerance = CLOSED if unit == "points" else NONCENTRAL
            yield from compare_mapping(
                "equivalence interval", "two groups", f"{kind} {name}", ours, ends, tolerance
            )


def _equivalence(name: str, pairs: tuple[pd.Series, pd.Series], margin: Margin) -> Equivalence:
    if name.startswith("change"):
        return equivalent_change(pairs[0], margin=margin)
    return equivalent_difference(*(summarize_changes(p.to_numpy()) for p in pairs), margin=margin)


def compare_power() -> Iterator[Row]:
    """Power, detectable effects and sizes."""
    values, kind = cohort_values()["power"], "power"
    change = values["change"]
    for n, wanted in zip(change["n"], change["power"], strict=True):
        yield Row(kind, "formula", f"change n={n}", float(power_change(n, change["d"])), wanted, 1e-9)
    curve = values["curve"]
    found = power_curve(curve["n"], curve["n"], effects=curve["effects"])["power"]
    for effect, ours, wanted in zip(curve["effects"], found, curve["power"], strict=True):
        yield Row(kind, "formula", f"curve d={effect}", ours, wanted, 1e-9)
    c = values["cohorts"]
    size = (c["k"], c["k"])
    ours = float(power_cohorts(*size, c["pairs"], c["icc"], c["d"]))
    yield Row(kind, "formula", "cohorts", ours, c["power"], 1e-9)
    stated = state_cohort_power(*size, pairs=c["pairs"], icc=c["icc"], sd=1.0)
    yield Row("detectable", "formula", "cohorts", stated.detectable_sd, c["detectable"], 1e-8)
    yield Row("size", "formula", "cohorts", n_for_cohorts(c["d"], c["pairs"], c["icc"]), c["needed"], 0)
    for name, wanted in values["detectable"].items():
        what, n = name.split("_")
        stated = state_power(int(n), int(n) if what == "difference" else None, sd=1.0)
        yield Row("detectable", "formula", name, stated.detectable_sd, wanted, 1e-8)
    needed = values["needed"]
    yield Row("size", "formula", "change", n_for_change(0.5), needed["change_.5"], 0)
    yield Row("size", "formula", "difference", n_for_difference(0.5), needed["difference_.5"], 0)
    for name, wanted in values["equivalence"].items():
        what, *numbers = name.replace("_true", "").split("_")
        n_b = int(numbers.pop(1)) if what == "two" else None
        true = float(numbers[2]) if len(numbers) > 2 else 0.0
        ours = power_equivalence(int(numbers[0]), float(numbers[1]), n_b=n_b, true=true)
        yield Row(kind, "formula", f"equivalence {name}", ours, wanted, 1e-9)
    for name, wanted in values["needed_equivalence"].items():
        what, bound = name.split("_")
        ours = n_for_equivalence(float(bound), groups=2 if what == "two" else 1)
        yield Row("size", "formula", f"equivalence {name}", ours, wanted, 0)


def compare_adjusted() -> Iterator[Row]:
    """Holm, Benjamini and Hochberg."""
    values = cohort_values()["multiplicity"]
    for method in ("holm", "bh"):
        ours = adjust_p(values["p"], method)
        for place, wanted in enumerate(values[method]):
            if wanted is None:
                yield Row(
                    "adjusted p", "formula", f"{method} none {place}", float(math.isnan(ours[place])), 1, 0
                )
            else:
                yield Row("adjusted p", "formula", f"{method} {place}", ours[place], wanted, 1e-12)


def compare_arm_values() -> Iterator[Row]:
    """Designs given to companies."""
    values, data = cohort_values()["arms"], soldiers().dropna(subset=["change"])
    found = compare_arms(data["change"], data["cohort"], values["arm"])
    names = ("t", "df", "p", "low", "high", "icc", "sd", "g")
    wanted = {name: values[name] for name in names}
    yield from compare_mapping("cohort means", "univbct", "arms", _pick(found, wanted), wanted, CLOSED)
    means = found.table["mean"].to_numpy()
    lots = permutation_test(means[:4], means[4:8])
    wanted = values["permutation_8"]
    yield from compare_mapping("permutation", "univbct", "labels of 8", _pick(lots, wanted), wanted, 1e-12)


def compare_many() -> Iterator[Row]:
    """Companies as random intercepts."""
    values, data = cohort_values()["many"], soldiers()
    arm = cohort_values()["arms"]["arm"]
    designs = pd.DataFrame(
        {"x": [float(a == "one") for a in arm.values()], "order": np.arange(len(arm), dtype=float)},
        index=list(arm),
    )
    kept = data.dropna(subset=["change"])
    plain = cohort_effects(data["change"], data["cohort"])
    both = cohort_effects(kept["change"], kept["cohort"], designs)
    yield Row("counts", "univbct", "n", plain.n_used, values["n"], 0)
    yield Row("counts", "univbct", "cohorts", plain.n_cohorts, values["n_cohorts"], 0)
    yield Row("counts", "univbct", "singular", float(plain.sd_between == 0), float(values["singular"]), 0)
    yield from _compare_means("plain", plain, values["plain"]["(Intercept)"])
    yield from _compare_means("designs", both, values["designs"]["(Intercept)"])
    for name in ("x", "order"):
        yield from _compare_effect(name, both, values["designs"][name])
    yield Row("cohort variance", "univbct", "between", plain.sd_between**2, values["between"], 1e-6)
    yield Row(
        "cohort variance",
        "univbct",
        "between at designs",
        both.sd_between**2,
        values["between_designs"],
        1e-6,
    )
    yield Row(
        "cohort variance", "univbct", "within", plain.sd_within**2, values["within"], 1e-3, relative=True
    )
    shrunken = plain.table["shrunken"].to_dict()
    yield from compare_mapping("shrunken mean", "univbct", "change", shrunken, values["shrunken"], MIXED)
    level = values["level"]
    found = cohort_effects(kept["JOBSAT1"], kept["cohort"])
    with_arm = cohort_effects(kept["JOBSAT1"], kept["cohort"], designs[["x"]])
    yield from _compare_means("level plain", found, level["plain"]["(Intercept)"])
    yield from _compare_means("level designs", with_arm, level["designs"]["(Intercept)"])
    yield from _compare_effect("x", with_arm, level["designs"]["x"], "level ")
    variances = {"between": found.sd_between**2, "within": found.sd_within**2}
    for name, ours in variances.items():
        yield Row("cohort variance", "univbct", f"level {name}", ours, level[name], 1e-3, relative=True)
    shrunken = found.table["shrunken"].to_dict()
    yield from compare_mapping("shrunken mean", "univbct", "level", shrunken, level["shrunken"], MIXED)


def _compare_means(label: str, result: ManyCohorts, wanted: Mapping[str, float]) -> Iterator[Row]:
    yield Row("cohort intercept", "univbct", f"{label} mean", result.mean, wanted["estimate"], MIXED)
    yield Row("cohort df", "univbct", label, result.df, wanted["df"], 1e-2, relative=True)
    yield Row("cohort SE", "univbct", label, _error(result.low, result.high, result.df), wanted["se"], MIXED)


def _compare_effect(
    name: str, result: ManyCohorts, wanted: Mapping[str, float], label: str = ""
) -> Iterator[Row]:
    yield Row(
        "design estimate",
        "univbct",
        label + name,
        result.effects.at[name, "estimate"],
        wanted["estimate"],
        MIXED,
    )
    yield Row("design SE", "univbct", label + name, result.effects.at[name, "se"], wanted["se"], MIXED)
    yield Row(
        "design df", "univbct", label + name, result.effects.at[name, "df"], wanted["df"], 1e-2, relative=True
    )


def _error(low: float, high: float, df: float) -> float:
    from scipy.stats import t

    return (high - low) / 2.0 / float(t.ppf(0.975, df))


def compare_fixed() -> Iterator[Row]:
    """Five companies as fixed effects."""
    values, data = cohort_values()["fixed"], soldiers().dropna(subset=["change"])
    chosen = sorted(data["cohort"].unique())[:5]
    few = data[data["cohort"].isin(chosen)]
    found = cohort_effects(few["change"], few["cohort"])
    for name in ("mean", "low", "high"):
        wanted = values["means" if name == "mean" else name]
        for cohort, value in zip(chosen, wanted, strict=True):
            yield Row(
                "fixed cohorts", "univbct", f"{cohort} {name}", found.table.at[cohort, name], value, CLOSED
            )
    yield Row("fixed cohorts", "univbct", "df", found.df, values["df"], 0)
    yield Row("fixed cohorts", "univbct", "mean", found.mean, values["mean"], CLOSED)
    yield Row("fixed cohorts", "univbct", "se", _error(found.low, found.high, found.df), values["se"], CLOSED)


def compare_waitlist() -> Iterator[Row]:
    """Analysis of covariance."""
    values, data = cohort_values()["waitlist"], soldiers().dropna(subset=["GENDER"])
    found = waitlist_comparison(data["JOBSAT1"], data["JOBSAT3"], data["GENDER"] == 2, randomised=True)
    yield Row("counts", "univbct", "waitlist n", found.n_program + found.n_waiting, values["n"], 0)
    ends = ("g_low", "g_high")
    wanted = {name: value for name, value in values.items() if name not in ("n", *ends)}
    yield from compare_mapping("covariance", "univbct", "waitlist", _pick(found, wanted), wanted, CLOSED)
    wanted = {name: values[name] for name in ends}
    yield from compare_mapping(
        "noncentral interval", "univbct", "waitlist", _pick(found, wanted), wanted, NONCENTRAL
    )


def compare_goals() -> Iterator[Row]:
    """Goal attainment T."""
    values = cohort_values()["goals"]
    ratings = pd.DataFrame(values["x"], dtype="float64")
    weights = ratings * 0 + np.array(values["weights"], dtype=float)
    cases = {"t": {}, "weighted": {"weights": weights}, "rho_0": {"rho": 0.0}}
    for name, options in cases.items():
        found = goal_attainment(ratings, **options).scores["t"]
        for place, wanted in enumerate(values[name]):
            yield Row("goal T", "formula", f"{name} {place}", found[place], wanted, 1e-9)


def compare_pooling() -> Iterator[Row]:
    """Rubin's rules."""
    values = cohort_values()["pooling"]
    q, u = np.array(values["estimates"]), np.array(values["variances"])
    for name, m, df in (("df_39", 50, 39), ("df_inf", 50, math.inf), ("five_df_12", 5, 12)):
        found = pool_estimates(q[:m], u[:m], df_complete=df)
        yield from compare_mapping(
            "pooling", "formula", name, _pick(found, values[name]), values[name], CLOSED
        )


def compare_missing() -> Iterator[Row]:
    """Little's test and the model of who left."""
    values, data = cohort_values()["missing"], soldiers()
    columns = [f"{scale}{wave}" for scale in ("JOBSAT", "COMMIT") for wave in (1, 2, 3)]
    found, wanted = little_test(data[columns]), values["little"]
    for name in ("n_patterns", "df"):
        yield Row("Little's test", "univbct", name, getattr(found, name), wanted[name], 0)
    yield Row("Little's test", "univbct", "n", found.n_used, wanted["n"], 0)
    for name in ("chi_square", "p"):
        yield Row("Little's test", "univbct", name, getattr(found, name), wanted[name], 1e-4, relative=True)
    known = data.dropna(subset=["JOBSAT1", "COMMIT1", "GENDER"])
    report = dropout_differences(
        known[["JOBSAT1", "COMMIT1"]],
        known["JOBSAT3"].notna(),
        role=known["GENDER"].astype(str),
        pair=pd.Series(known.index, index=known.index),
    )
    wanted = values["logistic"]
    yield Row("counts", "univbct", "logistic n", report.n_used, wanted["n"], 0)
    for name in ("estimate", "se", "p"):
        for label, ours, value in zip(report.model.index, report.model[name], wanted[name], strict=True):
            yield Row(f"logistic {name}", "univbct", label, ours, value, 1e-7)
