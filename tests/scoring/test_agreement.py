"""Agreement within groups, differences between groups, and agreement of ratings; R's values are in comparisons/."""

import numpy as np
import pandas as pd
import pytest

from scoring.agreement import aggregation_verdict, within_group_agreement
from scoring.errors import ScoringError
from scoring.group_variance import group_variance, group_variance_reml
from scoring.intraclass import FORMS, intraclass_correlation, paired_agreement

# Six targets and four judges: Shrout and Fleiss (1979), table 2.
SHROUT_FLEISS = pd.DataFrame(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    columns=["j1", "j2", "j3", "j4"],
)
# R 4.2.2, psych 2.2.9: ICC(x, lmer = FALSE), bounds at 95 % and at 90 %.
SHROUT_FLEISS_BOUNDS = {
    "ICC(1,1)": (-0.13293232487, 0.7225600623),
    "ICC(A,1)": (0.01878651337, 0.7610843696),
    "ICC(C,1)": (0.34246476503, 0.9458582600),
    "ICC(1,k)": (-0.88444215524, 0.9124154203),
    "ICC(A,k)": (0.07113681530, 0.9272320402),
    "ICC(C,k)": (0.67567471382, 0.9858916782),
}
SHROUT_FLEISS_BOUNDS_90 = {
    "ICC(A,1)": (0.04290119154, 0.6910706066),
    "ICC(1,k)": (-0.54504172474, 0.8783010354),
}


def codes_of(result):
    return {note.code for note in result.notes}


def frame_of(*groups):
    """Answers to items a, b, c of several groups, each a list of rows; with the group labels."""
    rows = [row for group in groups for row in group]
    labels = [chr(ord("A") + place) for place, group in enumerate(groups) for _ in group]
    return pd.DataFrame(rows, columns=list("abc")[: len(rows[0])], dtype=float), pd.Series(labels)


# --- agreement within groups ---------------------------------------------------------------------------------------------------


def test_a_textbook_group_is_exact():
    """Five raters, 3 4 4 4 5: variance .5, so r_wg is .75 and .6269; with three such items r_wg(j) is 2.25/2.5."""
    items, groups = frame_of([[answer] * 3 for answer in (3, 4, 4, 4, 5)])

    result = within_group_agreement(items, groups, minimum=1, maximum=5)

    group = result.groups.loc["A"]
    assert result.variance_uniform == 2.0
    assert result.item_rwg_uniform.loc["A"].tolist() == pytest.approx([0.75] * 3, abs=1e-14)
    assert result.item_rwg_slight_skew.loc["A"].tolist() == pytest.approx([1 - 0.5 / 1.34] * 3, abs=1e-14)
    assert group["rwg_uniform"] == pytest.approx(0.9, abs=1e-14)
    share = 0.5 / 1.34
    assert group["rwg_slight_skew"] == pytest.approx(3 * (1 - share) / (3 * (1 - share) + share), abs=1e-14)
    assert group["ad"] == pytest.approx(0.4, abs=1e-14)
    assert result.ad_limit == pytest.approx(5 / 6)
    assert (result.n_within_ad_limit, result.n_used, result.n_dropped, result.n_groups) == (1, 5, 0, 1)


def test_perfect_agreement_is_one_and_uniform_answers_are_none():
    items, groups = frame_of([[4, 4, 4]] * 4, [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4], [5, 5, 5]])

    result = within_group_agreement(items, groups, minimum=1, maximum=5)

    # The variance of 1 to 5 with n - 1 is 2.5, above the uniform 2: cut to it.
    assert result.groups["rwg_uniform"].tolist() == [1.0, 0.0]
    assert result.groups["rwg_slight_skew"].tolist() == [1.0, 0.0]
    assert result.groups["ad"].tolist() == pytest.approx([0.0, 1.2], abs=1e-15)
    assert [note.params["null"] for note in result.notes if note.code == "agreement.capped"] == [
        "uniform",
        "slight-skew",
    ]


def test_the_slight_skew_variance_is_that_of_its_distribution():
    """LeBreton and Senter's five-point slight skew: shares .05 .15 .20 .35 .25."""
    shares, codes = np.array([0.05, 0.15, 0.20, 0.35, 0.25]), np.arange(1, 6)
    variance = shares @ codes**2 - (shares @ codes) ** 2
    items, groups = frame_of([[3, 3], [4, 4], [5, 5]])

    result = within_group_agreement(items, groups, minimum=1, maximum=5)

    assert result.variance_slight_skew == pytest.approx(variance, abs=1e-12)


def test_scales_without_a_published_skew_say_so():
    items, groups = frame_of([[1, 2], [2, 2], [2, 2]])

    result = within_group_agreement(items, groups, minimum=1, maximum=4)

    assert result.variance_uniform == 1.25
    assert result.variance_slight_skew is None
    assert result.median_slight_skew is None
    assert result.groups["rwg_slight_skew"].isna().all()
    assert "agreement.skew" in codes_of(result)
    assert {note.code for note in aggregation_verdict(result).reasons} >= {"climate.agreement_unknown"}


def test_groups_of_one_and_of_two_are_not_interpreted():
    items, groups = frame_of([[5, 1, 3]], [[1, 1, 1], [5, 5, 5]], [[4, 4, 4], [4, 4, 4], [4, 4, 4]])

    result = within_group_agreement(items, groups, minimum=1, maximum=5)

    assert result.groups["interpreted"].tolist() == [False, False, True]
    assert result.groups.loc["A"].isna()[["rwg_uniform", "rwg_slight_skew", "ad"]].all()
    assert result.groups.at["B", "rwg_uniform"] == 0.0
    assert result.median_uniform == result.mean_uniform == 1.0
    assert {"agreement.single", "agreement.small"} <= codes_of(result)
    # With two raters allowed, the summaries are those of multilevel, which keeps groups of two.
    assert within_group_agreement(items, groups, minimum=1, maximum=5, minimum_raters=2).mean_uniform == 0.5


def test_missing_answers_and_groups_are_dropped_and_counted():
    items, groups = frame_of([[3, 4, 4], [4, 4, 4], [4, np.nan, 5], [5, 4, 4]], [[1, 2, 2]] * 4)
    groups.iloc[5] = None

    result = within_group_agreement(items, groups, minimum=1, maximum=5)
    complete = within_group_agreement(
        items.drop(index=[2, 5]), groups.drop(index=[2, 5]), minimum=1, maximum=5
    )

    assert (result.n_used, result.n_dropped) == (6, 2)
    pd.testing.assert_frame_equal(result.groups, complete.groups)
    assert (result.variance.n_used, result.variance.n_dropped) == (6, 2)


def test_one_item_is_enough_and_gives_the_same_twice():
    items, groups = frame_of([[3], [4], [4], [5]])

    result = within_group_agreement(items, groups, minimum=1, maximum=5)

    assert result.groups["rwg_uniform"].tolist() == pytest.approx(result.item_rwg_uniform["a"].tolist())


def test_the_order_of_rows_and_a_doubled_index_change_nothing():
    rng = np.random.default_rng(3)
    items = pd.DataFrame(rng.integers(1, 6, size=(60, 4)), columns=list("wxyz"))
    groups = pd.Series(rng.integers(0, 6, size=60))
    order = rng.permutation(60)

    straight = within_group_agreement(items, groups, minimum=1, maximum=5)
    shuffled = within_group_agreement(items.iloc[order], groups.iloc[order], minimum=1, maximum=5)
    doubled = within_group_agreement(
        items.set_axis([0] * 60), groups.set_axis([0] * 60), minimum=1, maximum=5
    )

    pd.testing.assert_frame_equal(straight.groups, shuffled.groups)
    pd.testing.assert_frame_equal(straight.groups, doubled.groups)
    assert straight.variance.icc1 == pytest.approx(shuffled.variance.icc1, abs=1e-14)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"minimum": 5, "maximum": 1}, "agreement.options"),
        ({"minimum": 1, "maximum": 1}, "agreement.options"),
        ({"minimum": 1, "maximum": np.inf}, "agreement.options"),
        ({"minimum": 1, "maximum": 3}, "agreement.range"),
        ({"minimum_raters": 1}, "agreement.raters"),
        ({"confidence": 1.0}, "variance.confidence"),
    ],
)
def test_options_that_mean_nothing_are_refused(change, code):
    items, groups = frame_of([[3, 4], [4, 4], [5, 5]])

    with pytest.raises(ScoringError) as caught:
        within_group_agreement(items, groups, **{"minimum": 1, "maximum": 5, **change})

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (pd.DataFrame(index=range(3)), "agreement.items"),
        (pd.DataFrame({"a": ["x", "y", "z"]}), "agreement.number"),
        (pd.DataFrame({"a": [1.0, np.inf, 2.0]}), "agreement.number"),
        (pd.DataFrame({"a": [1.0, 2, 3], "b": ["1", "2", "3"]}), "agreement.number"),
        (pd.DataFrame([[1.0, 2], [2, 2], [3, 3]], columns=["a", "a"]), "agreement.column"),
    ],
)
def test_items_that_cannot_be_read_are_refused(items, code):
    with pytest.raises(ScoringError) as caught:
        within_group_agreement(items, pd.Series(["A", "A", "A"]), minimum=1, maximum=5)

    assert caught.value.code == code


def test_groups_of_other_rows_are_refused():
    items, groups = frame_of([[3, 4], [4, 4], [5, 5]])

    for wrong in (groups.set_axis([7, 8, 9]), groups.iloc[:2], ["A", "A", "A"]):
        with pytest.raises(ScoringError) as caught:
            within_group_agreement(items, wrong, minimum=1, maximum=5)
        assert caught.value.code == "agreement.groups"


@pytest.mark.parametrize("kind", ["no rows", "no group", "one item unanswered"])
def test_nothing_to_interpret_is_said_in_a_note(kind):
    items, groups = frame_of([[3, 4], [4, 4], [5, 5]])
    if kind == "no rows":
        items, groups = items.iloc[:0], groups.iloc[:0]
    elif kind == "no group":
        groups = pd.Series([None] * 3, dtype=object)
    else:
        items["b"] = np.nan

    result = within_group_agreement(items, groups, minimum=1, maximum=5)

    assert (result.converged, result.n_used, result.median_uniform, result.median_ad) == (
        False,
        0,
        None,
        None,
    )
    assert "agreement.groups" in codes_of(result)
    assert aggregation_verdict(result).verdict == "locked"


def test_labels_of_several_kinds_are_groups_too():
    items, _ = frame_of([[3, 4], [4, 4], [5, 5], [3, 3]])

    result = within_group_agreement(items, pd.Series(["A", "A", 7, 7]), minimum=1, maximum=5)

    assert result.groups["n"].tolist() == [2, 2]


# --- verdict -------------------------------------------------------------------------------------------------------------------


def cohorts(rng, n_groups, n_each, *, between, within):
    """Answers of 1 to 5 to three items around each group's own level."""
    level = 3.0 + between * rng.normal(size=n_groups)
    latent = np.repeat(level, n_each)[:, None] + within * rng.normal(size=(n_groups * n_each, 3))
    items = pd.DataFrame(np.clip(np.rint(latent), 1, 5), columns=list("abc"))
    return items, pd.Series(np.repeat(np.arange(n_groups), n_each))


@pytest.mark.parametrize(
    ("n_groups", "n_each", "between", "within", "verdict", "reason"),
    [
        (12, 14, 0.8, 0.5, "single climate", None),
        (12, 14, 0.8, 2.5, "views differ", "climate.agreement"),
        (12, 14, 0.0, 0.6, "views differ", "climate.icc1"),
        (12, 9, 0.8, 0.5, "locked", "climate.respondents"),
        (9, 14, 0.8, 0.5, "locked", "climate.groups"),
        (9, 14, 0.8, 2.5, "views differ", "climate.agreement"),
        (1, 14, 0.8, 0.5, "locked", "climate.icc1_unknown"),
    ],
)
def test_a_climate_needs_people_agreement_and_differences(n_groups, n_each, between, within, verdict, reason):
    items, groups = cohorts(np.random.default_rng(5), n_groups, n_each, between=between, within=within)

    result = aggregation_verdict(within_group_agreement(items, groups, minimum=1, maximum=5))

    assert result.verdict == verdict
    assert reason is None or reason in {note.code for note in result.reasons}
    assert len(result.groups) == (n_groups if verdict == "single climate" else 0)
    assert all(str(note) for note in result.reasons)


def test_means_are_compared_only_when_reliable():
    rng = np.random.default_rng(11)
    close, apart = (
        cohorts(rng, 12, 11, between=0.16, within=0.5),
        cohorts(rng, 12, 11, between=0.9, within=0.5),
    )

    first, second = (
        aggregation_verdict(within_group_agreement(items, groups, minimum=1, maximum=5))
        for items, groups in (close, apart)
    )

    assert (first.verdict, first.means_comparable) == ("single climate", False)
    assert "climate.icc2" in {note.code for note in first.reasons}
    assert (second.verdict, second.means_comparable, second.reasons) == ("single climate", True, ())


def test_only_large_groups_are_drawn_together():
    items, groups = cohorts(np.random.default_rng(5), 12, 14, between=0.8, within=0.5)
    kept = ~((groups == 3) & (np.arange(len(groups)) % 14 > 3)).to_numpy()

    result = aggregation_verdict(within_group_agreement(items[kept], groups[kept], minimum=1, maximum=5))

    assert result.verdict == "single climate"
    assert "3" not in result.groups
    assert len(result.groups) == 11


# --- differences between groups ------------------------------------------------------------------------------------------------


def test_three_groups_of_three_are_exact():
    """Means 2, 3, 4 and variance 1 within: MSB 3, MSW 1, ICC(1) 2/5, ICC(2) 2/3; REML of equal groups gives (3 - 1)/3."""
    values = pd.Series([1, 2, 3, 2, 3, 4, 3, 4, 5])
    groups = pd.Series(list("aaabbbccc"))

    result, reml = group_variance(values, groups), group_variance_reml(values, groups)

    assert (result.ms_between, result.ms_within, result.F) == pytest.approx((3.0, 1.0, 3.0), abs=1e-12)
    assert (result.icc1, result.icc2) == pytest.approx((0.4, 2 / 3), abs=1e-12)
    assert (result.df_between, result.df_within, result.mean_size) == (2, 6, 3.0)
    assert result.icc1_low < 0 < result.icc1 < result.icc1_high < 1
    assert (reml.between, reml.within, reml.icc1, reml.mean) == pytest.approx((2 / 3, 1, 0.4, 3), abs=1e-6)
    assert result.notes == reml.notes == ()


def test_a_high_level_costs_no_digits():
    rng = np.random.default_rng(2)
    values, groups = pd.Series(rng.integers(1, 6, size=90).astype(float)), pd.Series(np.arange(90) % 7)

    plain, high = group_variance(values, groups), group_variance(values + 1e6, groups)

    assert high.icc1 == pytest.approx(plain.icc1, abs=1e-9)
    assert group_variance_reml(values + 1e6, groups).mean == pytest.approx(
        group_variance_reml(values, groups).mean + 1e6, abs=1e-6
    )


def test_shuffled_groups_have_no_variance_between_them(r_data):
    """Negative control: R's ICC(1) of .088 is gone when people are dealt to the companies at random."""
    data = r_data("lq2002")
    scores = data[[f"LEAD{number:02d}" for number in range(1, 12)]].mean(axis=1)
    rng = np.random.default_rng(8)

    shuffled = [
        group_variance(scores, pd.Series(rng.permutation(data["COMPID"]), index=data.index)).icc1
        for _ in range(40)
    ]

    assert group_variance(scores, data["COMPID"]).icc1_low > 0.05
    assert abs(np.mean(shuffled)) < 0.004
    assert max(np.abs(shuffled)) < 0.02


def test_no_variance_between_groups_stands_on_the_boundary():
    values, groups = pd.Series([1.0, 5, 1, 5, 1, 5]), pd.Series(list("aabbcc"))

    result, reml = group_variance(values, groups), group_variance_reml(values, groups)

    assert result.icc1 == -1.0
    assert (result.icc2, result.icc2_low) == (None, None)
    assert result.p == 1.0
    assert "variance.between" in codes_of(result)
    assert (reml.icc1, reml.between, reml.within) == (0.0, 0.0, pytest.approx(4.8))
    assert codes_of(reml) == {"variance.boundary"}


def test_no_variance_within_groups_has_no_interval():
    values, groups = pd.Series([1.0, 1, 2, 2, 4, 4]), pd.Series(list("aabbcc"))

    result = group_variance(values, groups)

    assert (result.icc1, result.icc2, result.F, result.p, result.icc1_low) == (1.0, 1.0, None, None, None)
    assert codes_of(result) == {"variance.within"}
    assert group_variance_reml(values, groups).icc1 is None
    assert codes_of(group_variance_reml(values, groups)) == {"variance.within"}


@pytest.mark.parametrize(
    ("values", "groups", "code"),
    [
        ([], [], "variance.rows"),
        ([1.0, 2, 3], ["a", "a", "a"], "variance.rows"),
        ([1.0, 2, 3], ["a", "b", "c"], "variance.rows"),
        ([np.nan] * 3, ["a", "b", "b"], "variance.rows"),
        ([2.0, 2, 2, 2], ["a", "a", "b", "b"], "variance.constant"),
    ],
)
def test_undefined_variances_say_why(values, groups, code):
    values, groups = pd.Series(values, dtype=float), pd.Series(groups, dtype=object)

    for result in (group_variance(values, groups), group_variance_reml(values, groups)):
        assert (result.icc1, result.converged) == (None, False)
        assert codes_of(result) == {code}


def test_values_that_are_no_numbers_are_refused():
    for values in (pd.Series(["a", "b", "c"]), pd.Series([1.0, np.inf, 2.0])):
        with pytest.raises(ScoringError) as caught:
            group_variance(values, pd.Series([1, 1, 2]))
        assert caught.value.code == "variance.number"


def group_coverage(samples, n_groups, n_each, icc):
    """How often the interval of ICC(1) holds the truth in equal groups."""
    rng, held = np.random.default_rng(n_groups), 0
    groups = pd.Series(np.repeat(np.arange(n_groups), n_each))
    for _ in range(samples):
        level = np.sqrt(icc) * rng.normal(size=n_groups)
        values = level[groups] + np.sqrt(1 - icc) * rng.normal(size=len(groups))
        result = group_variance(pd.Series(values), groups)
        held += result.icc1_low <= icc <= result.icc1_high
    return held / samples


def test_the_interval_of_icc1_covers_it():
    assert 0.95 - 0.047 <= group_coverage(200, 12, 10, 0.10) <= 0.95 + 0.047


@pytest.mark.slow
@pytest.mark.parametrize(("n_groups", "icc"), [(10, 0.05), (12, 0.10), (30, 0.30)])
def test_the_interval_of_icc1_covers_it_at_every_size(n_groups, icc):
    assert 0.95 - 0.015 <= group_coverage(2_000, n_groups, 10, icc) <= 0.95 + 0.015


# --- ratings of the same subjects ----------------------------------------------------------------------------------------------


def test_the_six_forms_of_shrout_and_fleiss():
    """Their table 4: .17, .29, .71, .44, .62, .91; mean squares of table 3: 11.24, 6.26, 32.49, 1.02."""
    result = intraclass_correlation(SHROUT_FLEISS)

    assert result.table["value"].round(2).tolist() == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    squares = {name: round(value, 2) for name, value in result.mean_squares.items()}
    assert squares == {"subjects": 11.24, "raters": 32.49, "residual": 1.02, "within": 6.26}
    assert result.table["df1"].tolist() == [5] * 6
    assert result.table["df2"].tolist() == [18, 15, 15, 18, 15, 15]
    for form, (low, high) in SHROUT_FLEISS_BOUNDS.items():
        assert result.table.loc[form, ["low", "high"]].tolist() == pytest.approx([low, high], abs=1e-9)
    assert result.absolute_single["value"] == result.table.at["ICC(A,1)", "value"]
    assert (result.n_used, result.k_raters, result.converged, result.notes) == (6, 4, True, ())


def test_intervals_of_another_coverage_are_narrower():
    wide, narrow = (intraclass_correlation(SHROUT_FLEISS, confidence=c).table for c in (0.95, 0.90))

    assert (narrow["low"] > wide["low"]).all()
    assert (narrow["high"] < wide["high"]).all()
    for form, bounds in SHROUT_FLEISS_BOUNDS_90.items():
        assert narrow.loc[form, ["low", "high"]].tolist() == pytest.approx(bounds, abs=1e-9)
    pd.testing.assert_series_equal(narrow["value"], wide["value"])


def test_level_and_unit_of_ratings_change_nothing():
    moved = intraclass_correlation(SHROUT_FLEISS * 0.01 + 1e4)

    pd.testing.assert_frame_equal(
        moved.table, intraclass_correlation(SHROUT_FLEISS).table, atol=1e-8, rtol=1e-7
    )


def test_consistency_does_not_see_a_shift_and_agreement_does():
    shifted = SHROUT_FLEISS[["j1", "j3"]].assign(j3=SHROUT_FLEISS["j3"] - 3)

    plain, moved = intraclass_correlation(SHROUT_FLEISS[["j1", "j3"]]), intraclass_correlation(shifted)

    assert moved.table.at["ICC(C,1)", "value"] == pytest.approx(
        plain.table.at["ICC(C,1)", "value"], abs=1e-12
    )
    assert moved.table.at["ICC(A,1)", "value"] < plain.table.at["ICC(A,1)", "value"] / 1.5


def test_incomplete_rows_are_dropped():
    holes = SHROUT_FLEISS.astype(float).copy()
    holes.loc[6] = [3.0, np.nan, 4.0, 1.0]

    result = intraclass_correlation(holes)

    assert (result.n_used, result.n_dropped) == (6, 1)
    pd.testing.assert_frame_equal(result.table, intraclass_correlation(SHROUT_FLEISS).table)


def test_ratings_that_differ_by_a_constant_have_values_and_no_interval():
    """Consistency is perfect; agreement is MSB/(MSB + k MSJ/n) = (10/3)/(10/3 + 2 * 2/4)."""
    ratings = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, 3, 4, 5]})

    result = intraclass_correlation(ratings)

    assert result.table.at["ICC(C,1)", "value"] == pytest.approx(1.0)
    assert result.table.at["ICC(A,1)", "value"] == pytest.approx((10 / 3) / (10 / 3 + 1), abs=1e-12)
    assert result.table.loc["ICC(A,1)", ["F", "p", "low", "high"]].isna().all()
    assert result.table.loc["ICC(1,1)"].notna().all()
    assert codes_of(result) == {"icc.perfect"}


def test_equal_ratings_agree_perfectly():
    result = intraclass_correlation(pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3]}))

    assert result.table["value"].tolist() == pytest.approx([1.0] * 6)
    assert result.table[["F", "low", "high"]].isna().all(axis=None)
    assert codes_of(result) == {"icc.perfect"}


def test_subjects_that_do_not_differ_have_no_reliable_mean():
    result = intraclass_correlation(pd.DataFrame({"a": [1.0, 2, 3], "b": [3.0, 2, 1]}))

    assert result.table.at["ICC(1,1)", "value"] == pytest.approx(-1.0)
    assert result.table.loc[["ICC(1,k)", "ICC(A,k)", "ICC(C,k)"], "value"].isna().all()
    assert "icc.subjects" in codes_of(result)


@pytest.mark.parametrize(
    ("ratings", "code"),
    [
        (pd.DataFrame({"a": [], "b": []}, dtype=float), "icc.rows"),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), "icc.rows"),
        (pd.DataFrame({"a": [np.nan] * 4, "b": [1.0, 2, 3, 4]}), "icc.rows"),
        (pd.DataFrame({"a": [3.0] * 4, "b": [3.0] * 4}), "icc.subjects"),
        (pd.DataFrame({"a": [3.0] * 4, "b": [4.0] * 4}), "icc.subjects"),
    ],
)
def test_undefined_correlations_say_why(ratings, code):
    result = intraclass_correlation(ratings)

    assert list(result.table.index) == list(FORMS)
    assert result.table.isna().all(axis=None)
    assert (result.converged, codes_of(result)) == (False, {code})


@pytest.mark.parametrize(
    ("ratings", "code"),
    [
        (pd.DataFrame({"a": [1.0, 2]}), "icc.items"),
        (pd.DataFrame([[1.0, 2], [2, 3]], columns=["a", "a"]), "icc.column"),
        (pd.DataFrame({"a": ["1", "2"], "b": [1.0, 2]}), "icc.number"),
        (pd.DataFrame({"a": [1.0, np.inf], "b": [1.0, 2]}), "icc.number"),
    ],
)
def test_ratings_that_cannot_be_read_are_refused(ratings, code):
    with pytest.raises(ScoringError) as caught:
        intraclass_correlation(ratings)

    assert caught.value.code == code


def test_a_coverage_of_one_is_refused():
    with pytest.raises(ScoringError) as caught:
        intraclass_correlation(SHROUT_FLEISS, confidence=1)

    assert caught.value.code == "icc.confidence"


def test_a_pair_of_ratings_shows_level_and_order():
    """Differences 1, 0, 2, 1: mean 1, sd .8165, t(3) at .975 is 3.182446."""
    ratings = pd.DataFrame({"self": [1.0, 3, 2, 4, np.nan], "observer": [2.0, 3, 4, 5, 1]})

    result = paired_agreement(ratings)

    half = 3.182446305284263 * np.sqrt(2 / 3) / 2
    assert (result.mean_difference, result.sd_difference) == pytest.approx((1.0, np.sqrt(2 / 3)))
    assert (result.low, result.high) == pytest.approx((1 - half, 1 + half), abs=1e-9)
    assert result.limits == pytest.approx((1 - 1.96 * np.sqrt(2 / 3), 1 + 1.96 * np.sqrt(2 / 3)))
    assert result.icc == intraclass_correlation(ratings).table.at["ICC(A,1)", "value"]
    assert (result.n_used, result.n_dropped, result.notes) == (4, 1, ())


def test_a_pair_without_differences_or_rows_says_so():
    equal = paired_agreement(pd.DataFrame({"a": [1.0, 2, 3], "b": [2.0, 3, 4]}))
    empty = paired_agreement(pd.DataFrame({"a": [], "b": []}, dtype=float))

    assert (equal.mean_difference, equal.low, equal.limits) == (1.0, None, None)
    assert codes_of(equal) == {"icc.perfect", "icc.difference"}
    assert (empty.icc, empty.mean_difference, empty.converged) == (None, None, False)
    with pytest.raises(ScoringError) as caught:
        paired_agreement(SHROUT_FLEISS)
    assert caught.value.code == "icc.pair"
