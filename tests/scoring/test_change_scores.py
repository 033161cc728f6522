import math

import numpy as np
import pandas as pd
import pytest

from scoring.change_scores import change_reliability, expected_regression, paired_effects
from scoring.errors import ScoringError
from scoring.retest import Reliability

NAN = math.nan
FIELD = Reliability(0.7, 1.0, "retest", 12, "field", 200)


def codes(result):
    return [note.code for note in result.notes]


def refused(code, function, *arguments, **options):
    with pytest.raises(ScoringError) as caught:
        function(*arguments, **options)
    assert caught.value.code == code


# Reliability of change


@pytest.mark.parametrize(
    ("alpha", "r", "expected", "code"),
    # Measurement plan, 4.5: .41 at alpha .83 and r .71.
    [
        (0.83, 0.71, 0.4138, ["change.unreliable"]),
        (0.9, 0.5, 0.8, []),
        (0.8, 0.0, 0.8, []),
        (0.7, 0.8, -0.5, ["change.impossible"]),
        (1.0, 0.9, 1.0, []),
    ],
)
def test_the_reliability_of_change(alpha, r, expected, code):
    result = change_reliability(alpha, r)

    assert result.value == pytest.approx(expected, abs=1e-4)
    assert codes(result) == code


def test_the_reliability_of_change_is_the_share_of_true_change():
    rng = np.random.default_rng(1)
    true = rng.multivariate_normal([0, 0], [[0.83, 0.71], [0.71, 0.83]], size=200_000)
    seen = true + np.sqrt(0.17) * rng.normal(size=true.shape)

    share = np.var(true[:, 1] - true[:, 0]) / np.var(seen[:, 1] - seen[:, 0])

    assert change_reliability(0.83, 0.71).value == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(("alpha", "r"), [(1.1, 0.5), (-0.1, 0.5), (0.8, 1.0), (0.8, -1.1), (NAN, 0.5)])
def test_coefficients_that_cannot_be_used_are_named(alpha, r):
    refused("change.coefficient", change_reliability, alpha, r)


# Regression to the mean


def test_a_group_that_started_low_is_expected_to_rise():
    before = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0])
    after = pd.Series([2.6, 2.4, 3.0, 4.0, 5.0])

    result = expected_regression(before, after, before < 2.5, FIELD)

    # Baseline 1.5 against 3: expected -(1 - .7) * (1.5 - 3) = .45, observed 1.0.
    assert (result.mean_all, result.mean_chosen) == (3.0, 1.5)
    assert result.expected == pytest.approx(0.45)
    assert result.observed == pytest.approx(1.0)
    assert result.beyond == pytest.approx(0.55)
    assert result.low < result.beyond < result.high
    assert "0.45" in str(result.notes[0])


def test_without_true_change_nothing_is_beyond():
    rng = np.random.default_rng(2)
    trait = math.sqrt(0.7) * rng.normal(size=100_000)
    before, after = (pd.Series(trait + math.sqrt(0.3) * rng.normal(size=100_000)) for _ in range(2))

    result = expected_regression(before, after, before < -1, FIELD)

    assert result.observed == pytest.approx(result.expected, abs=0.03)
    assert result.low < 0 < result.high
    # Negative control: with a reliability that is too high the same data look like change.
    wrong = expected_regression(before, after, before < -1, Reliability(0.9, 1.0, "retest", 12, "field", 200))
    assert wrong.low > 0.1


def test_choices_and_missing_scores():
    before, after = pd.Series([1.0, 2.0, 3.0, NAN]), pd.Series([1.0, NAN, 3.0, 4.0])

    result = expected_regression(before, after, pd.Series([True, True, False, False]), FIELD)
    assert (result.n_used, result.n_dropped, result.mean_all) == (1, 1, 2.0)
    assert result.low is None
    assert "change.few_chosen" in codes(result)
    nobody = expected_regression(before, after, pd.Series([False] * 4), FIELD)
    assert (nobody.expected, nobody.converged) == (None, False)


def test_equal_movement_has_no_interval():
    before = pd.Series([1.0, 1.0, 5.0])

    result = expected_regression(before, before, before < 2, FIELD)

    assert (result.low, result.converged) == (None, False)
    assert "change.flat" in codes(result)


def test_choices_that_cannot_be_used_are_named():
    before = pd.Series([1.0, 2.0, 3.0])
    for chosen in (pd.Series([True, False]), pd.Series([1, 0, 1]), pd.Series([True] * 3, index=[0, 0, 1])):
        refused("change.chosen", expected_regression, before, before, chosen, FIELD)
    chosen = pd.Series([True, True, False])
    refused("change.alpha", expected_regression, before, before, chosen, Reliability(0.83, 1.0, "alpha"))
    refused("change.confidence", expected_regression, before, before, chosen, FIELD, confidence=0.0)
    refused("change.index", expected_regression, before.set_axis([0, 0, 1]), before, chosen, FIELD)


# Effects


def test_effects_agree_with_one_another():
    rng = np.random.default_rng(3)
    before = pd.Series(rng.normal(size=30))
    after = 0.4 + 0.6 * before + pd.Series(rng.normal(size=30))

    result = paired_effects(before, after)

    assert result.dz_low < result.dz < result.dz_high
    assert result.d_rms_low < result.d_rms < result.d_rms_high
    assert result.gav == pytest.approx(result.correction * result.dav)
    assert result.glass * before.std() == pytest.approx(result.mean)
    mirrored = paired_effects(after, before)
    assert mirrored.dz == pytest.approx(-result.dz)
    assert (mirrored.dz_low, mirrored.dz_high) == pytest.approx((-result.dz_high, -result.dz_low))


def test_effects_that_have_no_unit_are_named():
    x = pd.Series([1.0, 2.0, 3.0, 4.0])
    refused("effect.rows", paired_effects, x[:2], x[:2])
    refused("effect.spread", paired_effects, x, x + 1)
    refused("effect.spread", paired_effects, x * 0, x)
    refused("change.number", paired_effects, x, x.replace(1.0, math.inf))
    assert paired_effects(x, pd.Series([2.0, 2.0, 5.0, NAN])).n_dropped == 1
