"""Item bias and the regression behind it; R's values are in comparisons/compare_dif.py, written by reference/dif.R."""

import math

import numpy as np
import pandas as pd
import pytest

from scoring.dif import differential_functioning, ordinal_logistic
from scoring.errors import ScoringError
from scoring.graded_response import fit_graded_response
from tests.scoring.simulations.item_bias import BIASED, draw_groups, simulate_bias


def codes_of(result):
    return {note.code for note in result.notes}


def sample(seed, n, **options):
    return draw_groups(np.random.default_rng(seed), n, **options)


# --- ordinal regression --------------------------------------------------------------------------------------------------------


def test_a_table_of_four_has_the_log_odds_ratio():
    """Closed form: log(ad/bc) with the standard error sqrt(1/a + 1/b + 1/c + 1/d)."""
    a, b, c, d = 12, 5, 7, 20
    y = pd.Series([0] * a + [1] * b + [0] * c + [1] * d)
    X = pd.DataFrame({"group": [0] * (a + b) + [1] * (c + d)})

    fit = ordinal_logistic(y, X)

    row = fit.coefficients.loc["group"]
    error = math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    assert row["estimate"] == pytest.approx(math.log(a * d / (b * c)), abs=1e-10)
    assert row["se"] == pytest.approx(error, abs=1e-9)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.959963984540054 * error, abs=1e-8)
    assert fit.thresholds.at["0|1", "estimate"] == pytest.approx(math.log(a / b), abs=1e-10)


def test_a_predictor_without_effect_leaves_the_shares():
    """Two groups that answer alike: thresholds are the logits of the cumulated shares and nothing is explained."""
    answers = [1] * 3 + [2] * 4 + [3] * 2 + [5] * 1
    y, X = pd.Series(answers * 2), pd.DataFrame({"group": [0] * 10 + [1] * 10})

    fit = ordinal_logistic(y, X)

    assert fit.coefficients.at["group", "estimate"] == pytest.approx(0, abs=1e-10)
    shares = np.array([0.3, 0.7, 0.9])
    assert fit.thresholds["estimate"].tolist() == pytest.approx(
        np.log(shares / (1 - shares)).tolist(), abs=1e-9
    )
    assert list(fit.thresholds.index) == ["1|2", "2|3", "3|5"]
    assert fit.log_likelihood == pytest.approx(fit.log_likelihood_null, abs=1e-9)
    assert (fit.r2_nagelkerke, fit.r2_mcfadden) == pytest.approx((0, 0), abs=1e-12)


def simulated_regression(rng, n):
    X = pd.DataFrame({"x": rng.normal(size=n), "group": rng.integers(0, 2, size=n)})
    latent = 0.8 * X["x"] - 0.5 * X["group"] + rng.logistic(size=n)
    return pd.Series(1.0 + np.searchsorted([-1.5, -0.3, 0.8, 2.0], latent)), X


def test_turning_codes_round_turns_signs_and_nothing_else():
    y, X = simulated_regression(np.random.default_rng(4), 300)

    up, down = ordinal_logistic(y, X), ordinal_logistic(6 - y, X)

    assert up.log_likelihood == pytest.approx(down.log_likelihood, abs=1e-9)
    assert up.coefficients["estimate"].tolist() == pytest.approx((-down.coefficients["estimate"]).tolist())
    assert up.thresholds["estimate"].tolist() == pytest.approx((-down.thresholds["estimate"][::-1]).tolist())


def test_units_of_predictors_and_names_of_codes_change_nothing():
    y, X = simulated_regression(np.random.default_rng(4), 300)

    plain = ordinal_logistic(y, X)
    moved = ordinal_logistic(y.map({1: -7.5, 2: 0, 3: 0.5, 4: 10, 5: 11}), X.assign(x=1e5 + 0.01 * X["x"]))

    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
    assert moved.coefficients["z"].tolist() == pytest.approx(plain.coefficients["z"].tolist(), abs=1e-6)
    assert moved.categories == (-7.5, 0, 0.5, 10, 11)


def test_rows_with_holes_are_dropped_and_a_doubled_index_is_no_matter():
    y, X = simulated_regression(np.random.default_rng(4), 100)
    holed, column = y.copy(), X.copy()
    holed.iloc[3], column.iloc[5, 0] = np.nan, np.nan

    fit = ordinal_logistic(holed.set_axis([1] * 100), column.set_axis([1] * 100))
    complete = ordinal_logistic(y.drop([3, 5]), X.drop([3, 5]))

    assert (fit.n_used, fit.n_dropped) == (98, 2)
    pd.testing.assert_frame_equal(fit.coefficients, complete.coefficients)


@pytest.mark.parametrize(
    ("y", "X", "code"),
    [
        ([1, 1, 2, 2, 3, 3], {"x": [0, 0, 1, 1, 1, 1]}, "odds.separated"),
        ([1, 2, 3, 4, 5, 6], {"x": [1, 2, 3, 4, 5, 6]}, "odds.separated"),
        ([1, 2, 1, 2, 3, 1], {"x": [1, 2, 3, 4, 5, 6], "z": [2, 4, 6, 8, 10, 12]}, "odds.collinear"),
        ([1, 2, 1, 2, 3, 1], {"x": [3, 3, 3, 3, 3, 3]}, "odds.collinear"),
        ([2, 2, 2, 2, 2, 2], {"x": [1, 2, 3, 4, 5, 6]}, "odds.constant"),
        ([np.nan] * 6, {"x": [1, 2, 3, 4, 5, 6]}, "odds.constant"),
    ],
)
def test_fits_without_estimates_say_why(y, X, code):
    fit = ordinal_logistic(pd.Series(y, dtype=float), pd.DataFrame(X, dtype=float))

    assert not fit.converged
    assert codes_of(fit) == {code}
    assert fit.coefficients.isna().all(axis=None)
    assert fit.thresholds.isna().all(axis=None)
    assert (fit.r2_nagelkerke is None) == (code != "odds.separated")


@pytest.mark.parametrize(
    ("y", "X", "code"),
    [
        (pd.Series([1.0, 2]), pd.DataFrame({"x": [1.0, 2]}, index=[5, 6]), "odds.rows"),
        (pd.Series([1.0, 2]), pd.DataFrame(index=[0, 1]), "odds.column"),
        (pd.Series([1.0, 2]), pd.DataFrame([[1, 2], [2, 3]], columns=["x", "x"]), "odds.column"),
        (pd.Series(["a", "b"]), pd.DataFrame({"x": [1.0, 2]}), "odds.number"),
        (pd.Series([1.0, 2]), pd.DataFrame({"x": [1.0, np.inf]}), "odds.number"),
        (pd.Series(np.arange(40.0)), pd.DataFrame({"x": np.arange(40) % 3}), "odds.categories"),
    ],
)
def test_regressions_that_cannot_be_read_are_refused(y, X, code):
    with pytest.raises(ScoringError) as caught:
        ordinal_logistic(y, X)

    assert caught.value.code == code


def regression_coverage(samples, n):
    rng = np.random.default_rng(n)
    held = []
    for _ in range(samples):
        row = ordinal_logistic(*simulated_regression(rng, n)).coefficients.loc["group"]
        held.append(row["low"] <= -0.5 <= row["high"])
    return np.mean(held)


def test_the_interval_of_a_log_odds_covers_it():
    assert 0.95 - 0.047 <= regression_coverage(200, 120) <= 0.95 + 0.047


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 120, 400])
def test_the_interval_of_a_log_odds_covers_it_at_every_size(n):
    assert 0.95 - 0.015 <= regression_coverage(2_000, n) <= 0.95 + 0.015


# --- graded response model -----------------------------------------------------------------------------------------------------


def test_a_graded_model_finds_its_parameters_and_traits_again():
    rng = np.random.default_rng(6)
    slopes = np.array([1.0, 1.5, 2.0, 2.5])
    thresholds = np.array([[-2.0, 0.0, 2.0]] * 4)
    trait = rng.normal(size=4_000)
    latent = slopes * trait[:, None] + rng.logistic(size=(4_000, 4))
    codes = np.column_stack([np.searchsorted(cuts, latent[:, i]) for i, cuts in enumerate(thresholds)])

    fit = fit_graded_response(codes, np.ones(4_000))

    assert fit.converged
    assert fit.slopes == pytest.approx(slopes, abs=0.25)
    assert np.array(fit.thresholds) == pytest.approx(thresholds, abs=0.25)
    assert np.corrcoef(fit.traits, trait)[0, 1] > 0.85
    # Expected traits vary less than true ones by just the part that the answers leave open.
    assert abs(fit.traits.mean()) < 0.02
    assert 0.70 < fit.traits.var() < 0.90


def test_weights_stand_for_rows_and_gaps_for_items_not_asked():
    rng = np.random.default_rng(7)
    codes = np.column_stack([rng.integers(0, 3, size=80) for _ in range(4)])
    codes[:, 1] = np.maximum(codes[:, 0], codes[:, 1])
    codes[::5, 3] = -1
    patterns, counts = np.unique(codes, axis=0, return_counts=True)

    rows, weighted = (
        fit_graded_response(codes, np.ones(80)),
        fit_graded_response(patterns, counts.astype(float)),
    )

    assert weighted.log_likelihood == pytest.approx(rows.log_likelihood, abs=1e-8)
    assert weighted.slopes == pytest.approx(rows.slopes, abs=1e-8)


# --- item bias -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trait", ["rest", "theta"])
def test_a_planted_item_is_found_and_no_other(trait):
    report = differential_functioning(*sample(1, 1_000, shift=0.8), trait=trait)

    assert (report.verdict, report.flagged, report.stable, report.converged) == (
        "flagged",
        (BIASED,),
        True,
        True,
    )
    assert BIASED not in report.matching
    row = report.items.loc[BIASED]
    assert (row["verdict"], row["kind"], row["magnitude"]) == ("flagged", "uniform", "large")
    assert set(report.items["verdict"].drop(BIASED)) == {"not shown"}
    effect = report.effects.loc[(BIASED, "1")]
    # The item is answered lower in the second group.
    assert effect["low"] < effect["log_odds"] < effect["high"] < -0.8
    assert effect["ets_delta"] == pytest.approx(2.35 * effect["log_odds"])


def test_nothing_planted_nothing_found_and_no_absence_claimed():
    report = differential_functioning(*sample(2, 1_000))

    assert (report.verdict, report.flagged, report.n_rounds, report.notes) == ("not shown", (), 1, ())
    assert (report.items["dr2_total"] < 0.01).all()
    assert "no DIF" not in " ".join(report.items["verdict"])


def test_a_weaker_item_is_flagged_as_non_uniform():
    report = differential_functioning(*sample(3, 2_000, loading=0.15))

    assert report.flagged == (BIASED,)
    assert report.items.at[BIASED, "kind"] == "non-uniform"
    assert report.effects.at[(BIASED, "1"), "slope_difference"] < 0


def test_a_higher_group_is_no_bias():
    report = differential_functioning(*sample(4, 1_000, impact=0.5))

    assert report.verdict == "not shown"


def test_purification_clears_the_items_that_biased_ones_accuse():
    """Two of five items are shifted; the sum of the others makes the three innocent ones look biased the other way."""
    items, groups = sample(5, 2_000, shift=0.9)
    items["i4"] = np.where(groups == 1, np.maximum(items["i4"] - 1, 1), items["i4"])

    raw = differential_functioning(items, groups, purify=False)
    pure = differential_functioning(items, groups)

    assert pure.flagged == (BIASED, "i4")
    assert pure.matching == ("i0", "i1", "i3")
    assert pure.n_rounds > 1
    innocent = ["i0", "i1", "i3"]
    assert pure.items.loc[innocent, "dr2_total"].max() < raw.items.loc[innocent, "dr2_total"].min()
    assert (raw.n_rounds, raw.matching) == (1, tuple(items.columns))


def test_below_the_floor_the_verdict_is_locked_and_the_effect_is_given():
    items, groups = sample(6, 199, shift=1.0)

    report = differential_functioning(items, groups)

    assert (report.verdict, report.flagged) == ("locked", ())
    assert set(report.items["verdict"]) == {"locked"}
    assert report.items["magnitude"].isna().all()
    assert report.notes[0].params == {"minimum": 200, "n": 199}
    assert "not shown" not in str(report.notes[0])
    assert report.effects.at[(BIASED, "1"), "high"] < -0.5
    assert report.effects[["log_odds", "low", "high"]].notna().all(axis=None)
    # One person more in each group and the same answers speak.
    assert differential_functioning(*sample(6, 200, shift=1.0)).flagged == (BIASED,)


def test_more_than_two_groups_are_tested_jointly():
    items, groups = sample(7, 800, shift=0.8)
    groups = groups.astype(str).where(np.arange(1600) % 2 == 0, "other")

    report = differential_functioning(items, groups)

    assert report.items[["df_total", "df_uniform", "df_nonuniform"]].iloc[0].tolist() == [4, 2, 2]
    assert report.flagged == (BIASED,)
    assert list(report.effects.loc[BIASED].index) == ["1", "other"]
    # "other" is half first and half second group, so its shift is about half as large.
    both = report.effects.loc[BIASED, "log_odds"]
    assert both["1"] < both["other"] < 0
    assert report.sizes.to_dict() == {"0": 400, "1": 400, "other": 800}


def test_another_reference_turns_signs_and_no_test():
    items, groups = sample(8, 300, shift=0.5)

    first, second = (
        differential_functioning(items, groups),
        differential_functioning(items, groups, reference=1),
    )

    assert (first.reference, second.reference) == ("0", "1")
    assert first.items["chi2_total"].tolist() == pytest.approx(second.items["chi2_total"].tolist(), abs=1e-6)
    assert first.effects["log_odds"].tolist() == pytest.approx(
        (-second.effects["log_odds"]).tolist(), abs=1e-7
    )


@pytest.mark.parametrize("trait", ["rest", "theta"])
def test_order_and_index_of_rows_and_names_of_codes_change_nothing(trait):
    items, groups = sample(9, 250, shift=0.5)
    order = np.random.default_rng(1).permutation(500)

    plain = differential_functioning(items, groups, trait=trait)
    moved = differential_functioning(
        (items.iloc[order] * 10 - 3).set_axis([0] * 500), groups.iloc[order].set_axis([0] * 500), trait=trait
    )

    assert plain.flagged == moved.flagged
    pd.testing.assert_frame_equal(
        plain.items.drop(columns=["verdict", "kind", "magnitude"]),
        moved.items.drop(columns=["verdict", "kind", "magnitude"]),
        rtol=1e-6,
        atol=1e-7,
    )


def test_an_anchor_is_never_dropped_in_silence():
    items, groups = sample(10, 600, shift=0.8)

    report = differential_functioning(items, groups, anchors=(BIASED, "i0"))

    assert [note.params["item"] for note in report.notes if note.code == "dif.anchor"] == [BIASED]


def test_tests_and_shares_belong_together():
    """M1 within M2 within M3: the total is the sum of its two parts, in chi-square and in R2."""
    items = differential_functioning(*sample(11, 250, shift=0.3)).items

    total = items["chi2_uniform"] + items["chi2_nonuniform"]
    assert items["chi2_total"].tolist() == pytest.approx(total.tolist(), abs=1e-8)
    assert items["dr2_total"].tolist() == pytest.approx((items["r2_m3"] - items["r2_m1"]).tolist(), abs=1e-12)
    assert (items[["dr2_uniform", "dr2_nonuniform"]] >= 0).all(axis=None)
    ordered = items.sort_values("p_total")
    holm = np.minimum(np.maximum.accumulate(ordered["p_total"] * np.arange(5, 0, -1)), 1)
    assert ordered["p_holm_total"].tolist() == pytest.approx(holm.tolist(), abs=1e-12)


def test_rows_with_holes_are_dropped():
    items, groups = sample(12, 250)
    items.iloc[4, 2] = np.nan
    groups = groups.astype(object)
    groups.iloc[7] = None

    report = differential_functioning(items, groups)

    assert (report.n_used, report.n_dropped) == (498, 2)


def test_a_constant_item_and_a_rare_category_are_survived():
    items, groups = sample(13, 250)
    items["i1"] = 4.0
    items["i3"] = np.where((groups == 1) & (items["i3"] == 1), 2, items["i3"])

    report = differential_functioning(items, groups)

    assert [str(note.params["item"]) for note in report.notes if note.code == "dif.constant"] == ["i1"]
    assert report.items.at["i1", "verdict"] == "locked"
    assert np.isnan(report.items.at["i1", "p_total"])
    assert "i1" not in report.matching
    assert report.items.drop("i1")["p_total"].notna().all()
    assert not report.converged


def test_an_item_that_is_the_group_is_separated_and_said_so():
    items, groups = sample(14, 250)
    items["i2"] = 1.0 + groups

    report = differential_functioning(items, groups)

    assert "i2" in report.flagged
    assert np.isnan(report.effects.at[("i2", "1"), "log_odds"])
    assert "dif.separated" in codes_of(report)


@pytest.mark.parametrize("trait", ["rest", "theta"])
def test_items_that_are_all_alike_are_survived(trait):
    items, groups = sample(15, 250)
    copies = pd.DataFrame(dict.fromkeys("abcd", items["i0"]))

    report = differential_functioning(copies, groups, trait=trait)

    assert report.flagged == ()
    assert report.items["p_total"].isna().all() or (report.items["p_total"] > 0.99).all()
    assert not report.converged


def test_few_items_groups_or_rows_are_locked_with_the_reason():
    items, groups = sample(16, 250, shift=0.9)
    cases = {
        "dif.few_items": (items[["i0", "i2"]], groups),
        "dif.groups": (items, pd.Series(["one"] * 500)),
        "dif.locked": (items, pd.Series(["one"] * 499 + ["other"])),
    }

    for code, (answers, labels) in cases.items():
        report = differential_functioning(answers, labels)
        assert (report.verdict, report.flagged) == ("locked", ())
        assert report.notes[0].code == code
    empty = differential_functioning(items.iloc[:0], groups.iloc[:0])
    assert (empty.verdict, empty.n_used, empty.reference) == ("locked", 0, None)
    unanswered = differential_functioning(items.assign(i0=np.nan), groups)
    assert (unanswered.verdict, unanswered.n_dropped) == ("locked", 500)


def test_a_group_of_one_still_gives_what_can_be_given():
    items, _ = sample(17, 40)
    groups = pd.Series(["one"] * 79 + ["other"])

    report = differential_functioning(items, groups)

    assert report.verdict == "locked"
    assert {"dif.identified", "dif.separated"} & codes_of(report)


def test_purification_that_leaves_no_anchors_is_locked():
    """Three items shifted apart by far: each accuses the two others, and nothing is left to match on."""
    items, groups = sample(18, 1_000, k=3)
    for item, shift in zip(items.columns, (-2, 0, 2), strict=True):
        items[item] = np.where(groups == 1, np.clip(items[item] + shift, 1, 5), items[item])

    report = differential_functioning(items, groups)

    assert report.verdict == "locked"
    assert "dif.purified" in codes_of(report)
    assert not report.stable


def test_purification_that_runs_out_of_rounds_says_so():
    items, groups = sample(5, 2_000, shift=0.9)
    items["i4"] = np.where(groups == 1, np.maximum(items["i4"] - 1, 1), items["i4"])

    report = differential_functioning(items, groups, max_rounds=2)

    rounds = differential_functioning(items, groups).n_rounds
    assert (rounds > 2) == ("dif.unstable" in codes_of(report))
    assert report.n_rounds == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"trait": "sum"}, "dif.trait"),
        ({"max_rounds": 0}, "dif.rounds"),
        ({"anchors": ["i9"]}, "dif.anchor"),
        ({"reference": "third"}, "dif.reference"),
        ({"confidence": 0}, "dif.confidence"),
    ],
)
def test_options_that_mean_nothing_are_refused(change, code):
    with pytest.raises(ScoringError) as caught:
        differential_functioning(*sample(1, 20), **change)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (pd.DataFrame({"a": [1.0, 2, 3]}), "dif.items"),
        (pd.DataFrame([[1.0, 2]] * 3, columns=["a", "a"]), "dif.column"),
        (pd.DataFrame({"a": [1.0, 2, 3], "b": ["x", "y", "z"]}), "dif.number"),
        (pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, np.inf]}), "dif.number"),
    ],
)
def test_items_that_cannot_be_read_are_refused(items, code):
    with pytest.raises(ScoringError) as caught:
        differential_functioning(items, pd.Series([0, 1, 1]))

    assert caught.value.code == code


def test_answers_too_fine_for_categories_and_groups_of_other_rows_are_refused():
    items, groups = sample(1, 30)

    for answers, labels, code in (
        (items.assign(i0=np.arange(60.0)), groups, "dif.categories"),
        (items, groups.set_axis(range(5, 65)), "dif.groups"),
    ):
        with pytest.raises(ScoringError) as caught:
            differential_functioning(answers, labels)
        assert caught.value.code == code


def test_half_points_are_categories_too():
    items, groups = sample(19, 250)

    report = differential_functioning(items / 2 + 0.5, groups)

    assert report.items["chi2_total"].tolist() == pytest.approx(
        differential_functioning(items, groups).items["chi2_total"].tolist(), abs=1e-7
    )


# --- target T15 ----------------------------------------------------------------------------------------------------------------


def test_two_hundred_a_group_make_few_false_flags_and_find_half_a_standard_deviation():
    """T15 with bands for R = 150: false flags at most .05 per scale, power at least .80."""
    null, biased = simulate_bias(150, 200, 1), simulate_bias(150, 200, 2, shift=0.5)

    assert null.false_flags <= 0.05
    assert biased.false_flags <= 0.05
    assert biased.power >= 0.80
    assert null.power == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("impact", [0.0, 0.5])
def test_false_flags_stay_rare_in_groups_of_equal_and_of_different_standing(impact):
    figures = simulate_bias(2_000, 200, 3, impact=impact)
    print(figures)

    assert figures.false_flags <= 0.05
    assert figures.power == pytest.approx(0.0, abs=0.01)


@pytest.mark.slow
def test_power_at_two_hundred_a_group():
    figures = simulate_bias(2_000, 200, 4, shift=0.5)
    print(figures)

    assert figures.power >= 0.80
    assert figures.false_flags <= 0.05


@pytest.mark.slow
def test_the_effect_floor_and_not_the_test_limits_the_power():
    """A shift of half the *factor's* standard deviation moves R2 by about .034, just below the floor, however many people there are."""
    figures = (
        simulate_bias(500, 200, 5, shift=0.5, unit="factor"),
        simulate_bias(100, 1_000, 5, shift=0.5, unit="factor"),
    )
    print(*figures, sep="\n")

    assert 0.3 < figures[0].power < 0.65
    assert figures[1].power < 0.6
    assert figures[0].log_odds == pytest.approx(figures[1].log_odds, abs=0.05)
