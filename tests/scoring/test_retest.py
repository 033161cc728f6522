import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from scoring.errors import ScoringError
from scoring.omega import omega_total
from scoring.reference import find_reference
from scoring.reliability import alpha_statistics, cronbach_alpha
from scoring.retest import Reliability, difference_error, false_positive_rate, read_reliability
from scoring.split_halves import spearman_brown, split_half_reliability

FIELD = {"interval_weeks": 12, "provenance": "field", "n": 200}


def items(n=120):
    rng = np.random.default_rng(1)
    return pd.DataFrame(np.round(3 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 4))), columns=list("abcd"))


def test_the_reference_file_is_a_retest_reliability():
    entry = find_reference()

    found = read_reliability(entry, width=8.0)

    assert (found.value, found.sd, found.kind) == (entry.retest, 2 * entry.sd, "retest")
    assert found.provisional
    assert found.sem == pytest.approx(2 * entry.sd * math.sqrt(1 - entry.retest))
    assert found.sd_difference == pytest.approx(math.sqrt(2) * found.sem)


@pytest.mark.parametrize(
    ("alpha", "retest", "expected"),
    # Measurement plan, 4.5: with alpha .83 and a retest correlation of .71 the index flags 13 to 15 % who did not change.
    [(0.71, 0.71, 0.05), (0.83, 0.71, 0.1335), (0.9, 0.71, 0.2498)],
)
def test_the_rate_of_false_positives_is_the_closed_form(alpha, retest, expected):
    rate = false_positive_rate(alpha, retest)

    assert rate == pytest.approx(
        2 * norm.cdf(-norm.ppf(0.975) * math.sqrt((1 - alpha) / (1 - retest))), abs=1e-12
    )
    assert rate == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["alpha", "omega", "split-half"])
def test_internal_consistency_is_refused_with_the_rate_it_would_have(kind):
    with pytest.raises(ScoringError) as caught:
        read_reliability(Reliability(0.83, 0.75, kind, **FIELD), compared_retest=0.71)

    assert caught.value.code == "change.alpha"
    assert caught.value.params["rate"] == pytest.approx(100 * false_positive_rate(0.83, 0.71))
    assert "13 %" in str(caught.value)
    assert kind in str(caught.value)
    assert "retest" in caught.value.remedy


def test_results_of_the_reliability_functions_are_refused_too():
    table = items()
    results = [
        cronbach_alpha(table),
        alpha_statistics(table),
        omega_total(table, n_draws=100, seed=1),
        split_half_reliability(table),
        spearman_brown(table[["a", "b"]]),
    ]
    for result in results:
        with pytest.raises(ScoringError) as caught:
            read_reliability(result)
        assert caught.value.code == "change.alpha", result
        # The retest correlation of the reference file is what it is compared with.
        assert caught.value.params["retest"] == find_reference().retest


@pytest.mark.parametrize(
    "source",
    [
        0.8,
        None,
        "0.8",
        Reliability(1.0, 0.75),
        Reliability(-0.1, 0.75),
        Reliability(math.nan, 0.75),
        Reliability(0.7, 0.0),
        Reliability(0.7, math.inf),
        Reliability(0.7, 0.75, sd_after=-1.0),
        Reliability(0.7, 0.75, n=-1),
    ],
)
def test_anything_else_is_refused(source):
    with pytest.raises(ScoringError) as caught:
        read_reliability(source)
    assert caught.value.code == "change.reliability"


@pytest.mark.parametrize(
    ("after", "unequal"), [(None, False), (0.80, False), (0.75 * math.sqrt(1.21), True), (0.6, True)]
)
def test_unequal_spreads_take_both_variances(after, unequal):
    found = Reliability(0.7, 0.75, sd_after=after)

    expected = math.sqrt((0.75**2 + (after if unequal else 0.75) ** 2) * 0.3)
    assert found.unequal is unequal
    assert found.sd_difference == pytest.approx(expected)
    assert difference_error(0.7, 0.75, after) == pytest.approx(expected)


def test_the_second_wave_may_have_an_entry_of_its_own():
    entry = find_reference()

    found = read_reliability(entry, width=8.0, after=entry.rescaled(entry.width * 1.5))

    # The spread is brought to the width of the score, whatever width the entry was written for.
    assert found.sd_after == pytest.approx(found.sd)
    assert not found.unequal


@pytest.mark.parametrize(
    ("provenance", "n", "provisional"),
    [("synthetic", 0, True), ("pilot", 49, True), ("pilot", 50, False), ("field", 200, False)],
)
def test_labels_need_fifty_people(provenance, n, provisional):
    assert Reliability(0.7, 0.75, "retest", 12, provenance, n).provisional is provisional
