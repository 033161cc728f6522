"""Bad input to confirmatory models: a named error or a note, never another exception, never a missing value without a note."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.sem import ConfirmatoryFit, fit_confirmatory
from tests.scoring.sem.samples import ITEMS, TWO, cut, draw, punch

N = 300
HALVES = pd.Series(["a", "b"] * (N // 2))
Change = Callable[[pd.DataFrame], pd.DataFrame]

# Notes that explain why numbers are missing.
WHY = {
    "sem.errors": {"se", "z", "p", "low", "high"},
    "sem.factor_variance": {"std_lv", "std_all"},
    "sem.heywood": {"std_all"},
}


def unexplained(fit: ConfirmatoryFit) -> list[str]:
    """Everything that is missing, infinite or 0 without a note that says why."""
    codes = {note.code for note in fit.notes}
    explained = set().union(*(WHY[code] for code in codes & set(WHY)))
    free = fit.parameters[fit.parameters["free"]]
    columns = ["estimate", "se", "z", "p", "low", "high", "std_lv", "std_all"]
    found = [c for c in columns if not np.isfinite(free[c]).all() and c not in explained]
    found += ["error of 0"] if (free["se"] == 0).any() else []
    measures = fit.measures
    found += [
        name
        for name, value in vars(measures).items()
        if isinstance(value, float) and not math.isfinite(value)
    ]
    if measures.df > 0:
        found += [
            name
            for name in ("p", "cfi", "tli", "rmsea", "rmsea_low", "srmr")
            if getattr(measures, name) is None
        ]
        if fit.estimator in {"MLM", "MLR", "WLSMV"}:
            if measures.chi_square_scaled is None and "sem.scaled" not in codes:
                found.append("chi_square_scaled")
            if measures.cfi_robust is None and not codes & {"sem.scaled", "sem.robust"}:
                found.append("cfi_robust")
    elif "sem.saturated_model" not in codes:
        found.append("df of 0")
    if not fit.converged and "sem.converged" not in codes:
        found.append("convergence")
    return found


def put(**columns: Any) -> Change:
    return lambda table: table.assign(**columns)


def at(item: str, value: Any, rows: slice = slice(0, 5)) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        column = table[item].astype(object)
        column.iloc[rows] = value
        return table.assign(**{item: column})

    return change


def seen_in(item: str, n: int) -> Change:
    """An item that only the first n respondents answered."""
    return lambda table: table.assign(**{item: table[item].where(np.arange(len(table)) < n)})


REFUSED: dict[str, tuple[Change, str]] = {
    "no rows": (lambda t: t.iloc[:0], "sem.rows"),
    "one row": (lambda t: t.iloc[:1], "sem.rows"),
    "as many rows as items": (lambda t: t.iloc[:6], "sem.rows"),
    "missing column": (lambda t: t.drop(columns="x3"), "sem.column"),
    "no columns": (lambda t: t[[]], "sem.column"),
    "doubled column": (lambda t: pd.concat([t, t[["x3"]]], axis=1), "sem.column"),
    "text": (put(x3="often"), "sem.number"),
    "numbers as text": (lambda t: t.assign(x3=t["x3"].astype(str)), "sem.number"),
    "truth values": (lambda t: t.assign(x3=t["x3"] > 0), "sem.number"),
    "one word": (at("x3", "n/a", slice(4, 5)), "sem.number"),
    "infinite": (at("x3", math.inf), "sem.number"),
    "negative infinite": (at("x3", -math.inf, slice(0, 1)), "sem.number"),
    "complex": (at("x3", 1j), "sem.number"),
    "constant": (put(x3=2.0), "sem.constant"),
    "zero": (put(x3=0.0), "sem.constant"),
    "constant up to rounding": (lambda t: t.assign(x3=1e9 + 1e-7 * (t["x3"] > 0)), "sem.constant"),
    "constant where answered": (lambda t: t.assign(x3=np.where(t.index < 5, 2.0, np.nan)), None),  # type: ignore[dict-item]
    "doubled item": (lambda t: t.assign(x3=t["x2"]), "sem.singular"),
    "reversed double": (lambda t: t.assign(x3=5.0 - t["x2"]), "sem.singular"),
    "sum of others": (lambda t: t.assign(x3=t["x2"] + t["x5"]), "sem.singular"),
    "sum in other units": (lambda t: t.assign(x3=1e9 * (t["x2"] - t["x5"])), "sem.singular"),
    "nobody answered an item": (put(x3=np.nan), None),  # type: ignore[dict-item]
    "too large": (lambda t: t.assign(x3=1e200 * t["x3"]), "sem.magnitude"),
    "too small": (lambda t: t.assign(x3=1e-200 * t["x3"]), "sem.magnitude"),
}


@pytest.mark.parametrize(
    "options", [{}, {"missing": "fiml", "estimator": "MLR"}, {"estimator": "GLS"}], ids=str
)
@pytest.mark.parametrize("name", REFUSED)
def test_unusable_tables_are_refused_by_name(name: str, options: dict[str, Any]) -> None:
    change, code = REFUSED[name]
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(change(draw(N)), TWO, **options)
    assert caught.value.code in ({code} if code else {"sem.rows", "sem.constant"})
    if caught.value.code in {"sem.column", "sem.number", "sem.constant", "sem.magnitude"}:
        assert "x3" in str(caught.value) or name == "no columns"


INCOMPLETE: dict[str, tuple[Change, str]] = {
    "two items never together": (
        lambda t: t.assign(x1=t["x1"].where(t.index < 150), x2=t["x2"].where(t.index >= 150)),
        "sem.coverage",
    ),
    "answered once": (seen_in("x1", 1), "sem.constant"),
    "answered three times": (seen_in("x1", 3), "sem.singular"),
    "nine of ten missing": (lambda t: punch(t, 0.85).iloc[:80], "sem.coverage"),
}


@pytest.mark.parametrize("name", INCOMPLETE)
@pytest.mark.parametrize("estimator", ["ML", "MLR"])
def test_too_little_information_is_refused_by_name(name: str, estimator: Any) -> None:
    change, code = INCOMPLETE[name]
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(change(draw(N)), TWO, estimator=estimator, missing="fiml")
    assert caught.value.code == code


SURVIVED: dict[str, Change] = {
    "doubled index": lambda t: t.set_axis([0] * len(t)),
    "text index": lambda t: t.set_axis([f"r{i}" for i in range(len(t))]),
    "other columns": lambda t: t.assign(note="text", x7=math.inf),
    "other doubled columns": lambda t: (
        pd.concat([t, t[["x1"]].set_axis(["q"], axis=1)] * 2, axis=1).loc[:, [*ITEMS[:0], "q"]].join(t)
    ),
    "integers": lambda t: (10 * t).round().astype("int64"),
    "nullable integers": lambda t: (10 * t).round().astype("Int64"),
    "float32": lambda t: t.astype("float32"),
    "objects": lambda t: t.astype(object),
    "huge": lambda t: 1e12 * t,
    "tiny": lambda t: 1e-12 * t,
    "far from zero": lambda t: t + 1e9,
    "very different units": lambda t: t * np.array([1e9, 1.0, 1e-9, 1e6, 1e-6, 1.0]),
    "seven rows": lambda t: t.iloc[:7],
    "ten rows": lambda t: t.iloc[:10],
    "outlier": lambda t: t.assign(x1=t["x1"].where(t.index > 0, 1e4)),
    "two codes": lambda t: (t > 0).astype(float),
    "almost constant": lambda t: t.assign(x3=(t.index < 3).astype(float)),
    "almost the same item": lambda t: t.assign(x2=t["x1"] + 1e-3 * t["x2"]),
    "missing here and there": lambda t: punch(t, 0.05),
    "rows without any answer": lambda t: t.where(pd.Series(t.index >= 20), axis=0),
    "noise": lambda t: pd.DataFrame(np.random.default_rng(3).normal(size=t.shape), columns=t.columns),
    "opposite items": lambda t: t.assign(x1=-t["x1"], x5=-t["x5"]),
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"estimator": "MLM"},
        {"estimator": "MLR", "missing": "fiml"},
        {"estimator": "GLS"},
        {"estimator": "ULS"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", SURVIVED)
def test_odd_tables_are_survived_with_notes(name: str, options: dict[str, Any]) -> None:
    table = SURVIVED[name](draw(N))
    if name == "very different units" and options == {"estimator": "ULS"}:
        # It knows no units: beside an item 10^18 times as large the others do not count.
        with pytest.raises(ScoringError):
            fit_confirmatory(table, TWO, **options)
        return
    assert unexplained(fit_confirmatory(table, TWO, **options)) == []


@pytest.mark.parametrize("missing", ["listwise", "fiml"])
def test_what_only_looks_odd_changes_nothing(missing: Any) -> None:
    plain = fit_confirmatory(draw(N), TWO, missing=missing)
    for name in ("doubled index", "text index", "other columns", "other doubled columns", "objects"):
        fit = fit_confirmatory(SURVIVED[name](draw(N)), TWO, missing=missing)
        assert fit.measures == plain.measures, name


# Groups and clusters.

GROUPS: dict[str, tuple[pd.Series, str]] = {
    "a group of one": (HALVES.mask(HALVES.index == 0, "c"), "sem.rows"),
    "a group of six": (HALVES.mask(HALVES.index < 6, "c"), "sem.rows"),
    "no group at all": (pd.Series([None] * N, dtype=object), "sem.groups"),
    "too few labels": (HALVES[:100], "sem.groups"),
    "other index": (HALVES.set_axis(range(N)[::-1]), "sem.groups"),
    "1 and '1'": (pd.Series([1, "1"] * (N // 2), dtype=object), "sem.groups"),
}


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("estimator", ["ML", "WLSMV"])
def test_unusable_groups_are_refused_by_name(name: str, estimator: Any) -> None:
    labels, code = GROUPS[name]
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(cut(draw(N)), TWO, groups=labels, estimator=estimator)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "labels",
    [
        HALVES.mask(HALVES.index < 20),
        HALVES.astype("category"),
        HALVES.map({"a": 1.5, "b": 2.5}),
        HALVES.map({"a": "", "b": "%s (%d)"}),
        pd.Series(pd.array(HALVES, dtype="string")).mask(HALVES.index < 20),
        pd.Series("one", index=HALVES.index),
    ],
    ids=["missing", "categories", "numbers", "strange", "strings", "one"],
)
def test_odd_groups_are_survived(labels: pd.Series) -> None:
    fit = fit_confirmatory(draw(N), TWO, groups=labels)
    assert unexplained(fit) == []
    assert len(fit.group_labels) == labels.nunique()


def test_what_is_wrong_in_one_group_only_names_it() -> None:
    table = draw(N)
    table.loc[HALVES == "b", "x2"] = 3.0
    with pytest.raises(ScoringError, match="Group b: item x2"):
        fit_confirmatory(table, TWO, groups=HALVES)
    table = draw(N)
    table.loc[HALVES == "b", "x2"] = table["x1"]
    with pytest.raises(ScoringError, match="Group b"):
        fit_confirmatory(table, TWO, groups=HALVES)


PAIRS = pd.Series(np.arange(N) // 2)
CLUSTERS: dict[str, tuple[pd.Series, dict[str, Any]]] = {
    "a row without one": (PAIRS.where(PAIRS.index > 3), {}),
    "too few labels": (PAIRS[:50], {}),
    "other index": (PAIRS.set_axis(range(N)[::-1]), {}),
    "one only": (pd.Series([1] * N), {}),
    "one in each group": (HALVES, {"groups": HALVES}),
    "MLM": (PAIRS, {"estimator": "MLM"}),
    "GLS": (PAIRS, {"estimator": "GLS"}),
    "ULS": (PAIRS, {"estimator": "ULS"}),
    "one only, ordinal": (pd.Series([1] * N), {"estimator": "WLSMV"}),
    "a row without one, ordinal": (PAIRS.where(PAIRS.index > 3), {"estimator": "WLSMV"}),
}


@pytest.mark.parametrize("name", CLUSTERS)
def test_unusable_clusters_are_refused_by_name(name: str) -> None:
    clusters, options = CLUSTERS[name]
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(cut(draw(N)), TWO, clusters=clusters, **options)
    assert caught.value.code == "sem.clusters"


def test_clusters_of_rows_that_are_left_out_are_not_needed() -> None:
    table = draw(N)
    table.iloc[:4] = np.nan
    fit = fit_confirmatory(table, TWO, clusters=PAIRS.where(PAIRS.index > 3))
    assert unexplained(fit) == []
    assert fit.n_used == N - 4


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"estimator": "PLS"}, "sem.estimator"),
        ({"estimator": None}, "sem.estimator"),
        ({"missing": "pairwise"}, "sem.missing"),
        ({"missing": None}, "sem.missing"),
        ({"missing": "fiml", "estimator": "GLS"}, "sem.missing"),
        ({"missing": "fiml", "estimator": "WLSMV"}, "sem.missing"),
        ({"scaling": "effects"}, "sem.scaling"),
    ],
)
def test_unknown_options_are_refused_by_name(options: dict[str, Any], code: str) -> None:
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(draw(N), TWO, **options)
    assert caught.value.code == code


# Ordinal items.

ORDINAL: dict[str, tuple[Change, str]] = {
    "half codes": (lambda t: t.assign(x3=t["x3"] + 0.5), "polychoric.code"),
    "one half code": (at("x3", 2.5, slice(7, 8)), "polychoric.code"),
    "measured": (lambda t: draw(N), "polychoric.code"),
    "fourteen categories": (lambda t: cut(draw(N), np.linspace(-2, 2, 13)), "polychoric.categories"),
    "constant": (put(x3=2.0), "sem.constant"),
    "doubled": (lambda t: t.assign(x3=t["x2"]), "sem.singular"),
    "infinite": (at("x3", math.inf), "sem.number"),
    "six rows": (lambda t: t.iloc[:6], "sem.rows"),
    "seven rows": (lambda t: t.iloc[:7], "sem.weights"),
}


@pytest.mark.parametrize("name", ORDINAL)
def test_unusable_codes_are_refused_by_name(name: str) -> None:
    change, code = ORDINAL[name]
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(change(cut(draw(N))), TWO, estimator="WLSMV")
    assert caught.value.code == code


def test_a_category_that_one_group_does_not_use_is_named() -> None:
    table = cut(draw(N))
    table.loc[HALVES == "b", "x2"] = table["x2"].clip(upper=3.0)
    with pytest.raises(ScoringError) as caught:
        fit_confirmatory(table, TWO, groups=HALVES, estimator="WLSMV")
    assert caught.value.code == "sem.categories"
    assert {"x2", "b"} <= set(caught.value.params.values())


ODD_CODES: dict[str, Change] = {
    "two categories": lambda t: (t > 2).astype(float),
    "a rare category": lambda t: (t > 2).astype(float).assign(x3=(t.index < 2).astype(float)),
    "a hole in the codes": lambda t: t.replace({4.0: 9.0}),
    "negative codes": lambda t: t - 10.0,
    "huge codes": lambda t: 1e9 * t,
    "twelve categories": lambda t: cut(draw(N), np.linspace(-2, 2, 11)),
    "one item decides another": lambda t: t.assign(x2=np.minimum(t["x1"], 2.0)),
    "almost the same": lambda t: t.assign(x2=t["x1"].where(t.index > 0, 4.0)),
    "twelve rows": lambda t: t.iloc[:12],
    "thirty rows": lambda t: t.iloc[:30],
    "opposite items": lambda t: t.assign(x1=5.0 - t["x1"]),
    "missing": lambda t: punch(t, 0.05),
    "noise": lambda t: cut(SURVIVED["noise"](t)),
    "truth of one factor": lambda t: cut(draw(N, correlation=0.999)),
}


@pytest.mark.parametrize("name", ODD_CODES)
def test_odd_codes_are_survived_with_notes(name: str) -> None:
    assert unexplained(fit_confirmatory(ODD_CODES[name](cut(draw(N))), TWO, estimator="WLSMV")) == []
