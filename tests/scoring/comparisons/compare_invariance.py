"""Invariance against lavaan and semTools: every step, comparison, parameter and score test in R's values.

Groups are fitted with the first loading of each factor at 1, as R was; waves with unit factor variances. Changes of CFI and RMSEA are
compared in their plain versions, which R lists; for ordinal items our reports show the change of the scaled ones, on purpose. The
chi-square difference of ordinal items is Satorra's (2000), of MLR that of Satorra and Bentler (2001).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scoring.sem import ConfirmatoryFit, ConfirmatoryModel, fit_specification, prepare_data
from scoring.sem.blocks import Block, Layout
from scoring.sem.invariance import InvarianceReport, group_invariance, wave_invariance
from scoring.sem.score_tests import equality_tests
from tests.scoring.comparisons.rows import Row, r_data, r_values, r_values_at

Table = Mapping[str, list[Any]]
COUNTS = {"df": "df", "df.scaled": "df_scaled"}
STATISTICS = {"chisq": "chi_square", "aic": "aic", "bic": "bic"}
INDICES = {"pvalue": "p", "cfi": "cfi", "tli": "tli", "rmsea": "rmsea", "srmr": "srmr"}
SCALED = {"chisq.scaled": "chi_square_scaled"}
SCALED_INDICES = {
    "cfi.scaled": "cfi_scaled",
    "rmsea.scaled": "rmsea_scaled",
    "cfi.robust": "cfi_robust",
    "rmsea.robust": "rmsea_robust",
}
SAFETY, SUPPORT = ["q01", "q02", "q03", "q04", "q05"], ["q06", "q07", "q08", "q09"]


@dataclass(frozen=True)
class Limits:
    """How near the numbers of one estimator must be (chi-squares, factors and errors relative)."""

    name: str
    chi_square: float
    scaled: float
    index: float
    estimate: float
    error: float
    change: float
    relative_change: bool
    change_index: float


ML = Limits("ML", 1e-5, 1e-3, 1e-5, 1e-4, 1e-3, 0.01, False, 1e-4)
FIML = Limits("FIML", 1e-4, 1e-3, 1e-4, 1e-3, 1e-2, 0.01, False, 1e-4)
ORDINAL = Limits("ordinal", 1e-3, 5e-3, 1e-3, 1e-3, 1e-2, 0.02, True, 1e-3)


@dataclass(frozen=True)
class Case:
    """One invariance study: where R's values stand, how we do it, and what our names are called there."""

    data: str
    path: tuple[str, ...]
    limits: Limits
    run: Callable[[], InvarianceReport]
    rename: Callable[[str], str] = lambda name: name

    @property
    def name(self) -> str:
        """The name in the printed table."""
        return "/".join(self.path)

    @property
    def expected(self) -> Any:
        """R's values."""
        return r_values_at(self.data, self.path)


def cases() -> Iterator[Case]:
    """Every study of invariance in R's values."""
    yield from _public_cases()
    yield from _dyad_cases()


def _public_cases() -> Iterator[Case]:
    """Schools, genders, and the waves of exLong."""
    three = r_values("holzinger")["model"]
    school, missing = r_data("holzinger"), r_data("holzinger_missing")
    plain: dict[str, Any] = {"scaling": "marker", "judge": False}
    robust: dict[str, Any] = {**plain, "missing": "fiml", "estimator": "MLR"}
    yield Case(
        "holzinger",
        ("invariance_school_ml",),
        ML,
        lambda: group_invariance(school, three, school["school"], **plain),
    )
    yield Case(
        "holzinger",
        ("invariance_school_mlr_missing",),
        FIML,
        lambda: group_invariance(missing, three, missing["school"], **robust),
    )
    bfi, key = r_data("bfi"), "invariance_gender_2f"
    bfi["gender"] = bfi["gender"].map({1: "male", 2: "female"})
    five, two = r_values("bfi")["cfa"]["model"], r_values("bfi")[key]["model"]
    for path, model, limits, options in (
        (("invariance_gender_5f_ml_listwise",), five, ML, plain),
        ((key, "ml_listwise"), two, ML, plain),
        ((key, "wlsmv_listwise"), two, ORDINAL, {"ordinal": True, "judge": False}),
    ):
        yield Case("bfi", path, limits, _over_groups(bfi, model, "gender", options))
    wide = r_data("exlong")
    long = _lengthen(wide)
    for path, lag in (
        ("longitudinal_invariance_ml", None),
        ("longitudinal_invariance_ml_lag1_residuals_only", 1),
    ):
        yield Case(
            "exlong",
            (path,),
            ML,
            _over_waves(long, ["y1", "y2", "y3"], "id", missing="listwise", lag=lag),
            _name_exlong,
        )
    first: dict[str, Any] = {"f": ["y1t1", "y2t1", "y3t1"]}
    yield Case("exlong", ("invariance_sex_t1_ml",), ML, _over_groups(wide, first, "sex", plain))


def _dyad_cases() -> Iterator[Case]:
    """Roles and waves of the simulated pairs."""
    pairs = r_data("sim_dyads_a")
    start, mentees = pairs[pairs["wave"] == 0], pairs[pairs["role"] == "mentee"]
    both = {"F_safety": SAFETY, "F_support": SUPPORT}
    options: dict[str, Any] = {"scaling": "marker", "judge": False, "missing": "fiml"}
    for path, table, column in (
        ("invariance_roles_wave0_ml_fiml", start, "role"),
        ("invariance_waves_as_groups_mentee_ml_fiml", mentees, "wave"),
    ):
        yield Case("sim_dyads_a", (path,), FIML, _over_groups(table, both, column, options))
    path = "longitudinal_invariance_mentee"
    for part, items in (("safety", SAFETY), ("support", SUPPORT)):
        yield Case("sim_dyads_a", (path, part), FIML, _over_waves(mentees, items, "pair"), _name_dyads)
    yield Case(
        "sim_dyads_a",
        (f"{path}_ordinal",),
        ORDINAL,
        _over_waves(mentees, SAFETY, "pair", ordinal=True),
        _name_dyads,
    )


def _over_groups(
    table: pd.DataFrame, model: Any, column: str, options: Mapping[str, Any]
) -> Callable[[], InvarianceReport]:
    return lambda: group_invariance(table, model, table[column], **options)


def _over_waves(
    table: pd.DataFrame, items: list[str], person: str, **options: Any
) -> Callable[[], InvarianceReport]:
    return lambda: wave_invariance(table, {"F": items}, person=person, judge=False, **options)


def _lengthen(wide: pd.DataFrame) -> pd.DataFrame:
    """exLong with one row per person and wave."""
    names = ["y1", "y2", "y3"]
    parts = [
        wide[[f"{name}t{wave}" for name in names]]
        .set_axis(names, axis=1)
        .assign(id=range(len(wide)), wave=wave)
        for wave in (1, 2, 3)
    ]
    return pd.concat(parts, ignore_index=True)


def _name_exlong(name: str) -> str:
    return name.replace("F@", "f1t").replace("@", "t")


def _name_dyads(name: str) -> str:
    return name.replace("F@", "F").replace("@", "_w")


def compare() -> Iterator[Row]:
    """Every value of every case, and the model of the schools with two intercepts free."""
    for case in cases():
        yield from compare_report(case, case.run())
    yield from _compare_partial()


def compare_report(case: Case, report: InvarianceReport) -> Iterator[Row]:
    """Every value of one case."""
    expected = case.expected
    yield Row(
        "invariance counts", case.data, f"{case.name} steps", len(report.steps), len(expected["steps"]), 0
    )
    for step in report.steps:
        place, fit = f"{case.name} {step.step}", step.fit
        if fit is None:
            yield Row("invariance counts", case.data, f"{place} fitted", 0, 1, 0)
            continue
        yield Row("invariance counts", case.data, f"{place} converged", fit.converged, True, 0)
        yield from _compare_measures(case, place, fit, expected["steps"][step.step])
        if step.step in expected.get("params", {}):
            yield from _compare_parameters(case, place, fit, expected["params"][step.step])
    yield from _compare_changes(case, report, expected["comparisons"])
    yield from _compare_sizes(case, report, expected)
    if "score_tests_scalar_top10" in expected:
        scalar = next(step.fit for step in report.steps if step.step == "scalar")
        yield from _compare_score_tests(case, scalar, expected["score_tests_scalar_top10"])


def _compare_measures(
    case: Case, place: str, fit: ConfirmatoryFit, r: Mapping[str, float | None]
) -> Iterator[Row]:
    """Chi-square and indices of a step."""
    limits = case.limits
    for kind, fields, tolerance, relative in (
        ("counts", COUNTS, 0.0, False),
        (f"{limits.name} chi-square, AIC, BIC", STATISTICS, limits.chi_square, True),
        (f"{limits.name} indices", INDICES, limits.index, False),
        (f"{limits.name} scaled chi-square", SCALED, limits.scaled, True),
        (f"{limits.name} scaled and robust indices", SCALED_INDICES, max(limits.index, 1e-4), False),
    ):
        for theirs, ours in fields.items():
            value = r.get(theirs)
            if value is None:
                continue
            # A saturated model has chi-square 0, of which no share can be taken.
            share = relative and value != 0
            mine = getattr(fit.measures, ours)
            yield Row(f"invariance {kind}", case.data, f"{place} {theirs}", mine, value, tolerance, share)


def _compare_changes(case: Case, report: InvarianceReport, r: Mapping[str, Any]) -> Iterator[Row]:
    """Chi-square differences and changes of the plain indices."""
    limits = case.limits
    fits = {step.step: step for step in report.steps}
    for key, values in r.items():
        later, before = (fits[name] for name in key.split("_vs_"))
        place, difference = f"{case.name} {key}", later.difference
        yield Row(
            "invariance counts", case.data, f"{place} df", getattr(difference, "df", None), values["ddf"], 0
        )
        yield Row(
            f"invariance {limits.name} delta chi-square",
            case.data,
            place,
            getattr(difference, "chi_square", None),
            values["dchisq"],
            limits.change,
            limits.relative_change,
        )
        yield Row(
            f"invariance {limits.name} p of the difference",
            case.data,
            place,
            getattr(difference, "p", None),
            values["p"],
            1e-2 if limits.relative_change else 1e-3,
        )
        for name in ("cfi", "rmsea", "srmr"):
            change = getattr(later.fit.measures, name) - getattr(before.fit.measures, name)
            yield Row(
                f"invariance {limits.name} delta CFI, RMSEA, SRMR",
                case.data,
                f"{place} {name}",
                change,
                values[f"d{name}"],
                limits.change_index,
            )
            if case.limits is not ORDINAL:
                shown = getattr(later, f"d_{name}")
                yield Row("invariance changes as shown", case.data, f"{place} {name}", shown, change, 0)


def _compare_sizes(case: Case, report: InvarianceReport, expected: Mapping[str, Any]) -> Iterator[Row]:
    """Respondents by group, and which codes were merged."""
    first = report.steps[0].fit
    for label, size in zip(expected.get("group_labels", []), expected.get("group_n", []), strict=True):
        mine = first.group_sizes[report.labels.index(label)] if label in report.labels else None
        yield Row("invariance counts", case.data, f"{case.name} n of {label}", mine, size, 0)
    if "n" in expected:
        yield Row("invariance counts", case.data, f"{case.name} n", report.n_used, expected["n"], 0)
    for item, (low, high) in expected.get("recode_clip_to", {}).items():
        merged = [n.params for n in report.notes if n.code == "sem.merged" and n.params["item"] == item]
        lows = [part["new"] for part in merged if part["new"] > part["old"]]
        highs = [part["new"] for part in merged if part["new"] < part["old"]]
        place = f"{case.name} {item}"
        yield Row("invariance counts", case.data, f"{place} lowest code", max(lows, default=1.0), low, 0)
        yield Row("invariance counts", case.data, f"{place} highest code", min(highs, default=5.0), high, 0)


def _compare_parameters(case: Case, place: str, fit: ConfirmatoryFit, r: Table) -> Iterator[Row]:
    """Estimate, error, z, p, interval, both standardized values, and what is free and held equal, of every parameter."""
    limits, labels = case.limits, fit.group_labels
    name = f"invariance {limits.name}"
    ours = {
        _key(row.group, case.rename(row.left), row.operator, case.rename(row.right)): row
        for row in fit.parameters.itertuples()
    }
    shared = Counter(fit.parameters.loc[fit.parameters["free"] & (fit.parameters["label"] != ""), "label"])
    theirs = Counter(label for label, se in zip(r.get("label", []), r["se"], strict=False) if se > 0)
    columns = (
        ("estimates", "est", "estimate", limits.estimate, False),
        ("estimates", "std.lv", "std_lv", limits.estimate, False),
        ("standardized estimates", "std.all", "std_all", limits.estimate, False),
        ("standard errors", "se", "se", limits.error, True),
        ("z of parameters", "z", "z", limits.error, True),
        ("p of parameters", "pvalue", "p", limits.error, False),
        ("limits of parameters", "ci.lower", "low", limits.error, False),
        ("limits of parameters", "ci.upper", "high", limits.error, False),
    )
    matched = 0
    for number, (left, operator, right) in enumerate(zip(r["lhs"], r["op"], r["rhs"], strict=True)):
        group = labels[r["group"][number] - 1] if "group" in r else labels[0]
        words = f"{place} {left} {operator} {right} {group}".rstrip()
        if operator == "~*~":
            yield Row(
                f"{name} scales",
                case.data,
                words,
                _scale(case, fit, group, left),
                r["est"][number],
                limits.estimate,
            )
            continue
        row = ours.get(_key(group, left, operator, right))
        matched += row is not None
        free = r["se"][number] > 0
        yield Row("invariance flags", case.data, f"{words} free", getattr(row, "free", None), free, 0)
        if "label" in r:
            held = free and r["label"][number] != "" and theirs[r["label"][number]] > 1
            mine = shared[getattr(row, "label", "")] > 1
            yield Row("invariance flags", case.data, f"{words} held equal", mine, held, 0)
        for kind, column, attribute, tolerance, relative in columns:
            if free or column in {"est", "std.lv", "std.all"}:
                value = getattr(row, attribute, None)
                yield Row(
                    f"{name} {kind}",
                    case.data,
                    f"{words} {column}",
                    value,
                    r[column][number],
                    tolerance,
                    relative,
                )
    # Nothing of ours is left that R does not know.
    yield Row("invariance counts", case.data, f"{place} parameters", len(ours), matched, 0)


def _scale(case: Case, fit: ConfirmatoryFit, group: str, item: str) -> float:
    """What R calls the scale of an ordinal item: one over the standard deviation of its latent response."""
    covariance, _ = fit.implied(fit.group_labels.index(group))
    spread = pd.Series(np.diagonal(covariance), index=[case.rename(name) for name in covariance.index])
    return float(1.0 / np.sqrt(spread[item]))


def _compare_score_tests(case: Case, fit: ConfirmatoryFit, r: Table) -> Iterator[Row]:
    """The ten largest score tests of equalities: what they belong to, how large, at which rank."""
    found = equality_tests(fit)
    ours = {(row.group, f"{row.left}{row.operator}{row.right}"): row for row in found.itertuples()}
    kind = f"invariance {case.limits.name} score tests"
    for number, released in enumerate(r["rhs"]):
        name, group = released.rsplit(".g", 1)
        row = ours.get((fit.group_labels[int(group) - 1], name))
        value, place = r["x2"][number], f"{case.name} {released}"
        yield Row(kind, case.data, place, getattr(row, "chi_square", None), value, case.limits.error, True)
        rank = found["chi_square"].iloc[number]
        yield Row(kind, case.data, f"{place} rank {number + 1}", rank, value, case.limits.error, True)
        yield Row(f"{kind}, p", case.data, place, getattr(row, "p", None), r["p"][number], case.limits.error)


def _compare_partial() -> Iterator[Row]:
    """Schools at scalar with the intercepts of x3 and x7 free, as R fitted them."""
    data, expected = r_data("holzinger"), r_values("holzinger")["partial_scalar_free_x3_x7"]
    model = ConfirmatoryModel.parse(r_values("holzinger")["model"])
    prepared = prepare_data(data, model.items, groups=data["school"])
    blocks = tuple(Block(label, number) for number, label in enumerate(prepared.labels))
    layout = Layout(model, blocks, scaling="marker")
    freed = {item: frozenset({"intercepts"}) for item in ("x3", "x7")}
    fit = fit_specification(prepared, layout.specify(layout.steps["scalar"], freed))  # type: ignore[arg-type]
    case = Case("holzinger", ("partial_scalar_free_x3_x7",), ML, _no_report)
    measures = expected["fit_measures"]
    yield from _compare_measures(case, case.name, fit, measures)
    yield from _compare_parameters(case, case.name, fit, expected["parameters"])
    for number, label in enumerate(prepared.labels):
        yield Row(
            "invariance counts",
            "holzinger",
            f"{case.name} n of {label}",
            fit.group_sizes[number],
            expected["nobs"][number],
            0,
        )
    for name, mine, theirs in (
        ("npar", fit.measures.n_parameters, expected["npar"]),
        ("converged", fit.converged, expected["converged"]),
        ("proper", fit.proper, expected["post_check"]),
    ):
        yield Row("invariance counts", "holzinger", f"{case.name} {name}", mine, theirs, 0)


def _no_report() -> InvarianceReport:
    raise NotImplementedError("a single model has no report")


def _key(group: str, left: str, operator: str, right: str) -> tuple[str, str, str, str]:
    """What a parameter is known by, whichever way round a covariance is written."""
    if operator == "~~":
        left, right = sorted((left, right))
    return group, left, operator, right
