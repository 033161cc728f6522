"""Invariance as it is met: groups, waves and roles as tables hold them, bad input, and what a report shows."""

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.sem.invariance import group_invariance, role_invariance, wave_invariance
from tests.scoring.comparisons import compare_invariance as comparison
from tests.scoring.sem.invariance_tables import MODEL, codes, report_of, step_of, table_of, waves_of
from tests.scoring.simulations.invariance import BIASED, ITEMS, World

# Groups


def test_three_groups_are_each_held_against_the_first():
    parts = [
        World("groups", 800, shift=0.6).table(np.random.default_rng(7)),
        World("groups", 800).table(np.random.default_rng(8)).query("place == 'a'").assign(place="c"),
    ]
    table = pd.concat(parts, ignore_index=True)

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"])

    assert report.labels == ("a", "b", "c")
    assert report.verdict == "partial"
    assert set(report.latent_means) == {("f", "b"), ("f", "c")}
    points = {found.block: found.points for found in report.impacts if found.item == BIASED}
    assert points["b"] == pytest.approx(-0.6, abs=0.15)
    assert points["c"] == pytest.approx(0.0, abs=0.15)


def test_the_order_of_rows_does_not_matter():
    table = table_of(World("groups", 900, impact=0.5))
    mixed = table.sample(frac=1, random_state=1)
    # The first row is of the first group again, which sets the scale.
    mixed = pd.concat(
        [
            mixed[mixed["place"] == "a"].iloc[:1],
            mixed[mixed["place"] == "b"],
            mixed[mixed["place"] == "a"].iloc[1:],
        ]
    )

    first, second = (
        group_invariance(part[list(ITEMS)], MODEL, part["place"], judge=False) for part in (table, mixed)
    )

    for ours, theirs in zip(first.steps, second.steps, strict=True):
        assert theirs.fit.measures.chi_square == pytest.approx(ours.fit.measures.chi_square, abs=1e-6)
    assert second.latent_means["f", "b"] == pytest.approx(first.latent_means["f", "b"], abs=1e-4)


def test_either_scaling_gives_the_same_fit_and_means():
    table = table_of(World("groups", 900, impact=0.5))
    found = [
        group_invariance(table[list(ITEMS)], MODEL, table["place"], scaling=scaling)
        for scaling in ("unit_variance", "marker")
    ]

    for first, second in zip(found[0].steps, found[1].steps, strict=True):
        assert second.fit.measures.chi_square == pytest.approx(first.fit.measures.chi_square, abs=1e-5)
    assert found[0].latent_means["f", "b"] == pytest.approx(found[1].latent_means["f", "b"], abs=1e-3)


def test_rows_without_a_group_are_left_out_and_counted():
    table = table_of(World("groups", 900)).copy()
    table.loc[:99, "place"] = np.nan

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"], judge=False)

    assert (report.n_used, report.n_dropped) == (800, 100)
    assert "sem.ungrouped" in codes(report)


def test_pairs_are_allowed_for():
    table = table_of(World("groups", 900))
    pairs = pd.Series(np.tile(np.arange(450), 2))

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"], clusters=pairs, judge=False)

    assert step_of(report, "scalar").fit.estimator == "MLR"
    assert step_of(report, "scalar").difference.method == "satorra-bentler 2001"


@pytest.mark.parametrize("ordinal_items", [False, True])
def test_a_group_of_one_is_refused(ordinal_items):
    table = table_of(World("groups", 300, categories=True)).copy()
    table.loc[0, "place"] = "alone"

    with pytest.raises(ScoringError):
        group_invariance(table[list(ITEMS)], MODEL, table["place"], ordinal=ordinal_items)


@pytest.mark.parametrize("labels", ["one", "none", "empty"])
def test_fewer_than_two_groups_are_refused(labels):
    table = table_of(World("groups", 300))
    groups = pd.Series("a" if labels == "one" else np.nan, index=table.index, dtype=object)
    if labels == "empty":
        table, groups = table.iloc[:0], groups.iloc[:0]

    with pytest.raises(ScoringError, match="at least two") as error:
        group_invariance(table[list(ITEMS)], MODEL, groups)
    assert error.value.code == "sem.groups"


def test_labels_that_follow_another_index_are_refused():
    table = table_of(World("groups", 300))
    with pytest.raises(ScoringError):
        group_invariance(table[list(ITEMS)], MODEL, table["place"].sample(frac=1, random_state=1))


def test_a_model_that_says_more_is_not_read_as_less():
    """Factors that the model makes uncorrelated must not be fitted as correlated ones: that, or a named error."""
    table = table_of(World("groups", 900))
    text = "f =~ i0 + i1 + i2\ng =~ i3 + i4 + i2\nf ~~ 0*g"
    free = group_invariance(table[list(ITEMS)], text.replace("0*", ""), table["place"], judge=False)
    try:
        fixed = group_invariance(table[list(ITEMS)], text, table["place"], judge=False)
    except ScoringError:
        return
    assert fixed.steps[0].fit.measures.df == free.steps[0].fit.measures.df + 2


# Waves and roles


def test_waves_stand_in_the_order_of_numbers_whatever_the_rows():
    table = table_of(waves_of(320, impact=0.5)).replace({"place": {"1": "2", "2": "10"}})

    report = wave_invariance(table.iloc[::-1], MODEL, person="person", wave="place")

    assert report.labels == ("2", "10")
    assert report.latent_means["f", "10"] == pytest.approx(0.5, abs=0.2)


def test_an_order_of_words_can_be_given():
    table = table_of(waves_of(320, impact=0.5)).replace({"place": {"1": "start", "2": "end"}})
    options = {"person": "person", "wave": "place", "judge": False}

    given = wave_invariance(table, MODEL, order=["start", "end"], **options)
    sorted_words = wave_invariance(table, MODEL, **options)

    assert given.labels == ("start", "end")
    assert sorted_words.labels == ("end", "start")
    assert given.latent_means["f", "end"] > 0.3 > -0.3 > sorted_words.latent_means["f", "start"]


def test_people_who_miss_a_wave_are_used_by_full_information():
    table = table_of(waves_of(400, impact=0.5))
    kept = table.drop(table.index[table["place"].eq("2") & table["person"].lt(80)])
    options = {"person": "person", "wave": "place", "judge": False}

    full = wave_invariance(kept, MODEL, **options)
    complete = wave_invariance(kept, MODEL, missing="listwise", **options)

    assert (full.n_used, full.n_dropped) == (400, 0)
    assert (complete.n_used, complete.n_dropped) == (320, 80)
    assert full.latent_means["f", "2"] == pytest.approx(0.5, abs=0.2)


def test_dropping_the_covariances_of_an_items_residuals_is_seen():
    """Negative control: without what an item has in common with itself over waves the model misfits."""
    right, wrong = (report_of(waves_of(320), lag=lag, judge=False).steps[0].fit.measures for lag in (None, 0))

    assert wrong.df == right.df + 5
    assert right.p > 0.001
    assert wrong.p < 1e-8
    assert wrong.chi_square - right.chi_square > 50


def test_two_factors_over_three_waves():
    rng = np.random.default_rng(9)
    stable = rng.normal(size=(400, 2)) @ np.linalg.cholesky([[1, 0.5], [0.5, 1]]).T
    own = rng.normal(size=(400, 6))
    parts = []
    for wave in (0, 1, 2):
        factors = 0.9 * stable + np.sqrt(0.19) * rng.normal(size=(400, 2)) + np.array([0.2, 0.0]) * wave
        values = 0.8 * np.repeat(factors, 3, axis=1) + 0.6 * (0.5 * own + 0.87 * rng.normal(size=(400, 6)))
        parts.append(pd.DataFrame(values, columns=list("abcdeh")).assign(person=range(400), wave=wave))
    table = pd.concat(parts, ignore_index=True)

    report = wave_invariance(table, {"f": list("abc"), "g": list("deh")}, person="person")

    assert report.verdict == "holds"
    assert report.latent_means["f", "2"] == pytest.approx(0.4, abs=0.12)
    assert report.latent_means["g", "2"] == pytest.approx(0.0, abs=0.12)
    assert set(report.observed_shift) == {(factor, wave) for factor in "fg" for wave in "12"}


def test_the_mentor_is_the_first_role():
    table = table_of(waves_of(320, impact=0.5)).rename(columns={"person": "pair", "place": "role"})
    table["role"] = table["role"].map({"1": "mentor", "2": "mentee"})

    report = role_invariance(table.iloc[::-1], MODEL, judge=False)

    assert (report.sight, report.labels) == ("roles", ("mentor", "mentee"))
    assert report.latent_means["f", "mentee"] == pytest.approx(0.5, abs=0.2)
    joint = report.steps[0].fit
    assert joint.group_labels == ("",)
    # Partners' factors covary, and so do the residuals of the same item.
    assert joint.factor_correlations().iloc[0, 1] == pytest.approx(0.8, abs=0.1)


def test_roles_are_one_dyadic_model_and_the_same_as_two_waves():
    table = table_of(waves_of(320, impact=0.5))
    renamed = table.rename(columns={"person": "pair", "place": "role"})
    renamed["role"] = renamed["role"].map({"1": "mentor", "2": "mentee"})

    over_roles = role_invariance(renamed, MODEL, judge=False)
    over_waves = wave_invariance(table, MODEL, person="person", wave="place", judge=False)

    for ours, theirs in zip(over_roles.steps, over_waves.steps, strict=True):
        assert ours.fit.measures.chi_square == pytest.approx(theirs.fit.measures.chi_square, abs=1e-9)


def test_pairs_over_waves_are_allowed_for():
    table = table_of(waves_of(320)).assign(pair=lambda found: found["person"] // 2)

    report = wave_invariance(table, MODEL, person="person", wave="place", pair="pair", judge=False)

    assert report.steps[0].fit.estimator == "MLR"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda table: pd.concat([table, table.iloc[[5]]]), "sem.doubled"),
        (lambda table: table[table["place"] == "1"], "sem.occasions"),
        (lambda table: table.iloc[:0], "sem.occasions"),
        (lambda table: table.drop(columns="i3"), "sem.column"),
        (lambda table: table.drop(columns="place"), "sem.column"),
        (lambda table: table.assign(i3=np.inf), "sem.number"),
        (lambda table: table.assign(i3="text"), "sem.number"),
        (lambda table: table.assign(i3=3.0), "sem.constant"),
        (lambda table: table.assign(i3=np.nan), "sem.constant"),
        (lambda table: table.assign(i3=table["i3"].where(table["place"] == "1")), "sem.constant"),
        (lambda table: table.groupby("place").head(8), "sem.rows"),
    ],
    ids=[
        "doubled row", "single wave", "no rows", "no item", "no wave column", "infinite", "text", "constant", "no answers",
        "no answers in one wave", "fewer rows than items",
    ],
)  # fmt: skip
@pytest.mark.parametrize("missing", ["listwise", "fiml"])
def test_bad_tables_are_named(change, code, missing):
    if (
        missing == "listwise"
        and code == "sem.constant"
        and change(table_of(waves_of(200)))["i3"].isna().any()
    ):
        # Nobody is left who answered everything.
        code = "sem.rows"
    with pytest.raises(ScoringError) as error:
        wave_invariance(
            change(table_of(waves_of(200))), MODEL, person="person", wave="place", missing=missing
        )

    assert error.value.code == code


@pytest.mark.parametrize("order", [["1", "9"], [1, 2], ["1", "1"]], ids=["unknown", "other type", "doubled"])
def test_an_order_that_does_not_go_with_the_waves_is_refused(order):
    with pytest.raises(ScoringError):
        wave_invariance(table_of(waves_of(200)), MODEL, person="person", wave="place", order=order)


def test_waves_written_alike_are_refused():
    table = table_of(waves_of(200)).copy()
    table["place"] = [1 if place == "1" else "1" for place in table["place"]]
    with pytest.raises(ScoringError):
        wave_invariance(table, MODEL, person="person", wave="place")


def test_a_missing_column_of_pairs_is_named():
    with pytest.raises(ScoringError):
        wave_invariance(table_of(waves_of(200)), MODEL, person="person", wave="place", pair="pair")


def test_items_that_repeat_one_another_are_refused():
    table = table_of(waves_of(200)).assign(i4=lambda found: found["i3"] * 2)
    with pytest.raises(ScoringError):
        wave_invariance(table, MODEL, person="person", wave="place")


def test_two_items_are_too_few_in_groups():
    table = table_of(World("groups", 300))
    with pytest.raises(ScoringError, match="not identified") as error:
        group_invariance(table[list(ITEMS)], {"f": ["i0", "i1"]}, table["place"])
    assert error.value.code == "sem.identification"


# What a report is


def test_a_report_has_one_row_a_step():
    report = report_of(waves_of(200, shift=0.5), n_draws=60)
    found = report.table()

    assert found["step"].tolist() == ["configural", "metric", "scalar", "strict"]
    assert found["df"].tolist() == [29, 33, 37, 42]
    assert found["d_df"].iloc[1:].tolist() == [4, 4, 5]
    assert found["d_chi_square"].iloc[1:].to_numpy() == pytest.approx(np.diff(found["chi_square"]))
    assert found["d_cfi"].iloc[1:].to_numpy() == pytest.approx(np.diff(found["cfi"]))
    assert found["reference_p"].iloc[1:].notna().all()
    assert found["holds"].tolist() == [step.holds for step in report.steps]


def test_one_seed_gives_one_report():
    table = table_of(waves_of(200, shift=0.5))
    found = [
        wave_invariance(table, MODEL, person="person", wave="place", n_draws=40, seed=seed)
        for seed in (1, 1, 2)
    ]

    references = [[step.reference for step in report.steps] for report in found]
    assert references[0] == references[1] != references[2]
    assert found[0].latent_means == found[1].latent_means


def test_the_table_passed_is_not_changed():
    for world, options in ((waves_of(200), {}), (World("waves", 200, categories=True), {"ordinal": True})):
        table = table_of(world).copy()
        before = table.copy()
        wave_invariance(table, MODEL, person="person", wave="place", judge=False, **options)
        pd.testing.assert_frame_equal(table, before)


def test_other_columns_and_a_doubled_index_do_not_matter():
    table = table_of(World("groups", 900))
    strange = table.assign(words="text", gaps=np.nan).set_axis([n % 7 for n in range(len(table))])

    first = group_invariance(table[list(ITEMS)], MODEL, table["place"], judge=False)
    second = group_invariance(strange, MODEL, strange["place"], judge=False)

    assert second.steps[3].fit.measures.chi_square == first.steps[3].fit.measures.chi_square
    assert second.n_used == 900


def test_lavaans_notation_is_understood():
    table = table_of(World("groups", 900))
    text = "f =~ i0 + i1 + i2 + i3 + i4\ni0 ~~ i1"

    report = group_invariance(table[list(ITEMS)], text, table["place"], judge=False)

    assert report.steps[0].fit.measures.df == 2 * 5 - 2


def test_the_comparison_with_r_sees_a_wrong_group_and_a_missing_residual_covariance():
    """Negative control of comparisons/compare_invariance.py: what is not R's model differs from R's values."""
    waves = next(case for case in comparison.cases() if case.path == ("longitudinal_invariance_ml",))
    lagged = next(case for case in comparison.cases() if case.path[0].endswith("lag1_residuals_only"))
    right = list(comparison.compare_report(waves, waves.run()))
    wrong = list(comparison.compare_report(waves, lagged.run()))

    assert right
    assert all(row.holds for row in right)
    assert sum(not row.holds for row in wrong) > 50
    sexes = next(case for case in comparison.cases() if case.path == ("invariance_sex_t1_ml",))
    data = comparison.r_data("exlong")
    data.loc[0, "sex"] = data["sex"].iloc[-1]
    moved = group_invariance(
        data, {"f": ["y1t1", "y2t1", "y3t1"]}, data["sex"], scaling="marker", judge=False
    )
    off = [row.statistic for row in comparison.compare_report(sexes, moved) if not row.holds]
    assert any("chisq" in statistic for statistic in off)
    assert any("n of" in statistic for statistic in off)
