import warnings

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.reliability import cronbach_alpha
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
