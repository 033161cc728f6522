import warnings

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.reliability import (
    alpha_from_covariance,
    alpha_statistics,
    bonett_interval,
    cronbach_alpha,
    pairwise_covariance,
)
from scoring.scales import keyed_items

RANGES = {"bfi": (1, 6), "exlong": (-99, 99), "holzinger": (-99, 99), "lq2002": (0, 5), "sim_dyads_a": (1, 5)}
SCALES = [
    *(("bfi", scale) for scale in ("agree", "conscientious", "extraversion", "neuroticism", "openness")),
    ("bfi", "all25_keyed"),
    ("bfi", "two_items_N1_N2"),
    *(("exlong", wave) for wave in ("t1", "t2", "t3")),
    ("holzinger", "all9"),
    ("holzinger", "textual"),
    ("lq2002", "LEAD"),
    ("lq2002", "HOSTIL"),
    *(
        ("sim_dyads_a", f"{role}.{scale}.wave0")
        for role in ("mentor", "mentee")
        for scale in ("safety", "support")
    ),
]


def keyed(r_data, r_values, name, scale):
    """The keyed items of a reference scale, with R's values."""
    expected = r_values(name)["reliability"][scale]
    data = r_data(name)
    if name == "sim_dyads_a":
        data = data[(data["role"] == scale.split(".")[0]) & (data["wave"] == 0)]
    keys = {item: -1 if item in expected["reverse"] else 1 for item in expected["items"]}
    low, high = RANGES[name]
    return keyed_items(data, keys, minimum=low, maximum=high), expected


@pytest.mark.parametrize(("name", "scale"), SCALES)
def test_alpha_and_its_interval_are_those_of_r(r_data, r_values, name, scale):
    items, expected = keyed(r_data, r_values, name, scale)

    result = cronbach_alpha(items)

    assert result.value == pytest.approx(expected["raw_alpha"], abs=1e-9)
    assert result.low == pytest.approx(expected["feldt_ci95"]["lower"], abs=1e-9)
    assert result.high == pytest.approx(expected["feldt_ci95"]["upper"], abs=1e-9)
    assert (result.n_used, result.n_used + result.n_dropped) == (expected["n_complete"], expected["n_rows"])
    assert (result.k_items, result.converged, result.notes) == (len(expected["items"]), True, ())


def test_every_reliability_value_at_hand_is_compared(r_values):
    assert {(name, scale) for name in RANGES for scale in r_values(name)["reliability"]} == set(SCALES)


def test_another_confidence_gives_the_interval_of_r(r_data, r_values):
    items, _ = keyed(r_data, r_values, "bfi", "agree")
    expected = r_values("base")["feldt"]

    result = cronbach_alpha(items, confidence=0.9)

    assert (result.low, result.high) == pytest.approx(tuple(expected["ci90"]), abs=1e-9)


def test_a_wrong_key_lowers_alpha_below_that_of_r(r_data, r_values):
    """Negative control: without reversing A1 the agreement would be of another scale."""
    expected = r_values("bfi")["reliability"]["agree"]["raw_alpha"]

    forgotten = cronbach_alpha(r_data("bfi")[["A1", "A2", "A3", "A4", "A5"]])

    assert forgotten.value < expected - 0.2


def test_the_interval_counts_complete_rows_where_that_of_pingouin_counts_all():
    """Negative control: pingouin's own listwise interval takes n before deletion, hence too narrow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin
    rng = np.random.default_rng(3)
    items = pd.DataFrame(rng.normal(size=(60, 1)) + rng.normal(size=(60, 4)), columns=list("abcd"))
    items.iloc[15:, 0] = np.nan

    result = cronbach_alpha(items)
    value, (low, high) = pingouin.cronbach_alpha(items, nan_policy="listwise")

    assert result.n_used == 15
    assert result.value == pytest.approx(value, abs=1e-12)
    assert result.high - result.low > 1.5 * (high - low)
    complete = cronbach_alpha(items.iloc[:15])
    assert (complete.low, complete.high) == (result.low, result.high)


def test_alpha_does_not_depend_on_unit_or_order():
    rng = np.random.default_rng(4)
    items = pd.DataFrame(rng.normal(size=(30, 1)) + rng.normal(size=(30, 3)), columns=list("abc"))

    plain = cronbach_alpha(items)
    other = cronbach_alpha(items.iloc[::-1, [2, 0, 1]] * 7 - 40)

    assert (other.value, other.low, other.high) == pytest.approx(
        (plain.value, plain.low, plain.high), abs=1e-12
    )


def test_a_negative_alpha_is_kept_and_explained():
    rng = np.random.default_rng(5)
    common = rng.normal(size=40)
    items = pd.DataFrame({"a": common + rng.normal(size=40) * 0.3, "b": -common + rng.normal(size=40)})

    result = cronbach_alpha(items)

    assert result.value < 0
    assert result.low < result.value < result.high
    assert [note.code for note in result.notes] == ["alpha.negative"]
    assert result.converged


def test_identical_items_have_alpha_one():
    values = np.arange(10.0)

    result = cronbach_alpha(pd.DataFrame({"a": values, "b": values}))

    assert result.value == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"a": [1.0, 2.0], "b": [2.0, 1.0]}, "alpha.rows"),
        ({"a": [1.0, np.nan, 2.0, 3.0], "b": [np.nan, 2.0, 2.0, 4.0]}, "alpha.rows"),
        ({"a": [], "b": []}, "alpha.rows"),
        ({"a": [4.0, 4.0, 4.0], "b": [1.0, 2.0, 3.0]}, "alpha.constant"),
        ({"a": [0.1 + 0.2, 0.3, 0.3], "b": [1.0, 2.0, 3.0]}, "alpha.constant"),
        ({"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]}, "alpha.sum"),
    ],
)
def test_an_undefined_alpha_is_none_with_a_named_note(columns, code):
    result = cronbach_alpha(pd.DataFrame(columns, dtype="float64"))

    assert (result.value, result.low, result.high, result.converged) == (None, None, None, False)
    assert [note.code for note in result.notes] == [code]
    assert str(result.notes[0])


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (pd.DataFrame({"a": [1.0, 2.0, 3.0]}), "alpha.items"),
        (pd.DataFrame([[1.0, 2.0], [2.0, 3.0]], columns=["a", "a"]), "alpha.column"),
        (pd.DataFrame({"a": ["1", "2", "3"], "b": [1.0, 2.0, 3.0]}), "alpha.number"),
        (pd.DataFrame({"a": [1.0, np.inf, 3.0], "b": [1.0, 2.0, 3.0]}), "alpha.number"),
        (pd.DataFrame({"a": [True, False, True], "b": [1.0, 2.0, 3.0]}), "alpha.number"),
    ],
)
def test_input_that_is_no_set_of_items_is_refused(items, code):
    with pytest.raises(ScoringError) as caught:
        cronbach_alpha(items)

    assert caught.value.code == code


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.1])
def test_a_coverage_outside_zero_and_one_is_refused(confidence):
    with pytest.raises(ScoringError, match=r"0\.95"):
        cronbach_alpha(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 3.0, 2.0]}), confidence=confidence)


def one_factor_items(n, k, seed, loading=0.7):
    """Items with one factor behind them."""
    rng = np.random.default_rng(seed)
    latent = loading * rng.normal(size=(n, 1)) + np.sqrt(1 - loading**2) * rng.normal(size=(n, k))
    return pd.DataFrame(latent, columns=[f"i{item}" for item in range(k)])


def test_statistics_of_other_data_are_not_those_of_r(r_data, r_values):
    """Negative control: without reversing A1 every total differs from R's by far more than the tolerance."""
    expected = r_values("bfi")["reliability"]["agree"]

    forgotten = alpha_statistics(r_data("bfi")[["A1", "A2", "A3", "A4", "A5"]])

    assert abs(forgotten.raw - expected["raw_alpha"]) > 0.2
    assert forgotten.items.loc["A1", "r_drop"] < 0


def test_the_point_value_is_that_of_cronbach_alpha_on_complete_rows():
    items = one_factor_items(40, 4, 1)
    items.iloc[:5, 2] = np.nan

    both = alpha_statistics(items), cronbach_alpha(items)

    assert both[0].raw == pytest.approx(both[1].value, abs=1e-12)
    assert (both[0].feldt.low, both[0].feldt.high) == pytest.approx((both[1].low, both[1].high), abs=1e-12)
    assert (both[0].n_used, both[0].n_dropped) == (both[1].n_used, both[1].n_dropped) == (35, 5)


def test_bonetts_interval_is_that_of_the_formula_in_r():
    # Bonett's formula written out in R 4.2 for the alpha and the complete rows of bfi's agreeableness.
    interval = bonett_interval(0.7037558944, 2709, 5)

    assert (interval.low, interval.high) == pytest.approx((0.68557472785, 0.72088576245), abs=1e-10)


def test_alpha_without_an_item_is_alpha_of_the_others():
    items = one_factor_items(60, 5, 2)

    statistics = alpha_statistics(items)

    for item in items:
        rest = alpha_statistics(items.drop(columns=item))
        found = statistics.dropped.loc[item]
        assert (found["raw"], found["standardized"], found["average_r"]) == pytest.approx(
            (rest.raw, rest.standardized, rest.average_r), abs=1e-12
        )


def test_the_corrected_item_total_correlation_is_with_the_sum_of_the_others():
    items = one_factor_items(60, 5, 3)

    found = alpha_statistics(items).items["r_drop"]

    for item in items:
        expected = np.corrcoef(items[item], items.drop(columns=item).sum(axis=1))[0, 1]
        assert found[item] == pytest.approx(expected, abs=1e-12)


def test_pairwise_covariances_are_those_of_pandas():
    items = one_factor_items(80, 4, 4)
    items = items.mask(np.random.default_rng(5).random(items.shape) < 0.2) + 1e6

    assert pairwise_covariance(items.to_numpy()) == pytest.approx(items.cov().to_numpy(), abs=1e-8)


def test_both_rules_for_missing_answers_agree_where_nothing_is_missing():
    items = one_factor_items(50, 4, 6)

    listwise, pairwise = alpha_statistics(items), alpha_statistics(items, missing="pairwise")

    assert listwise.raw == pytest.approx(pairwise.raw, abs=1e-13)
    assert listwise.notes == pairwise.notes == ()


def test_pairwise_uses_every_answer_and_says_that_its_interval_is_narrow():
    items = one_factor_items(50, 4, 7)
    items.iloc[:30, 0] = np.nan

    result = alpha_statistics(items, missing="pairwise")

    assert (result.n_used, result.n_dropped) == (50, 0)
    assert result.items["n"].to_list() == [20, 50, 50, 50]
    assert [note.code for note in result.notes] == ["alpha.all_rows"]


def test_alpha_of_a_stack_is_alpha_of_each_matrix():
    stack = np.stack([one_factor_items(30, 4, seed).cov().to_numpy() for seed in range(6)]).reshape(
        2, 3, 4, 4
    )

    found = alpha_from_covariance(stack)

    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(cronbach_alpha(one_factor_items(30, 4, 5)).value, abs=1e-12)


def test_parallel_items_have_the_alpha_of_the_spearman_brown_formula():
    correlation = np.full((6, 6), 0.4) + 0.6 * np.eye(6)

    assert alpha_from_covariance(correlation) == pytest.approx(6 * 0.4 / (1 + 5 * 0.4), abs=1e-14)


def test_two_items_have_no_alpha_without_one_of_them():
    result = alpha_statistics(one_factor_items(40, 2, 8))

    assert result.dropped.isna().to_numpy().all()
    assert [note.code for note in result.notes] == ["alpha.one_left"]


def test_items_that_repeat_one_another_are_told():
    items = one_factor_items(40, 3, 9)
    items["copy"] = items["i0"] + items["i1"]

    result = alpha_statistics(items)

    assert result.converged
    assert "alpha.singular" in [note.code for note in result.notes]
    assert np.isfinite([result.g6, result.standard_error]).all()


def test_identical_items_have_statistics_without_a_warning():
    values = np.arange(10.0)

    result = alpha_statistics(pd.DataFrame({"a": values, "b": values, "c": values}))

    assert result.raw == pytest.approx(1.0, abs=1e-12)
    assert result.standard_error == pytest.approx(0.0, abs=1e-6)
    assert (result.feldt.low, result.bonett.low) == pytest.approx((1.0, 1.0), abs=1e-12)


def test_items_that_cancel_leave_gaps_with_a_note():
    base = np.tile([1.0, 2.0, 4.0, 3.0], 5)
    other = np.repeat([1.0, 2.0, 3.0, 5.0, 4.0], 4)

    result = alpha_statistics(pd.DataFrame({"a": base, "b": -base, "c": other}))

    assert result.converged
    assert result.dropped["raw"].isna().to_list() == [False, False, True]
    assert "alpha.partial" in [note.code for note in result.notes]


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"a": [1.0, 2.0], "b": [2.0, 1.0]}, "alpha.rows"),
        ({"a": [], "b": []}, "alpha.rows"),
        ({"a": [np.nan] * 4, "b": [1.0, 2.0, 3.0, 4.0]}, "alpha.empty"),
        ({"a": [4.0, 4.0, 4.0, 4.0], "b": [1.0, 2.0, 3.0, 4.0]}, "alpha.constant"),
        ({"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.0]}, "alpha.sum"),
    ],
)
def test_undefined_statistics_are_none_with_a_named_note(columns, code, missing):
    result = alpha_statistics(pd.DataFrame(columns, dtype="float64"), missing=missing)

    assert (result.raw, result.feldt, result.mean, result.converged) == (None, None, None, False)
    assert result.items.empty
    assert result.dropped.empty
    assert [note.code for note in result.notes] == [code]
    assert str(result.notes[0])


def test_items_that_nobody_answered_together_have_no_covariance():
    items = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan, np.nan], "b": [np.nan, np.nan, 2.0, 1.0, 4.0]})

    result = alpha_statistics(items, missing="pairwise")

    assert [note.code for note in result.notes] == ["alpha.apart"]
    assert str(result.notes[0])


def test_a_doubled_index_is_no_problem():
    items = one_factor_items(30, 3, 10)
    doubled = items.set_axis([0] * 30, axis=0)

    assert alpha_statistics(doubled).raw == alpha_statistics(items).raw


@pytest.mark.parametrize(
    ("options", "code"), [({"missing": "mean"}, "alpha.missing"), ({"confidence": 95}, "alpha.confidence")]
)
def test_unknown_rules_are_refused(options, code):
    with pytest.raises(ScoringError) as caught:
        alpha_statistics(one_factor_items(10, 3, 11), **options)

    assert caught.value.code == code
