import numpy as np
import pandas as pd
import pytest

from scoring.cohort_designs import compare_two_cohorts
from scoring.cohorts import compare_changes
from scoring.equivalence import Margin
from scoring.errors import ScoringError


def two(n_a, n_b, difference=0.0, spread=0.5, seed=1):
    rng = np.random.default_rng(seed)
    a = pd.Series(rng.normal(difference, spread, n_a), index=[f"a{i}" for i in range(n_a)])
    return a, pd.Series(rng.normal(0.0, spread, n_b), index=[f"b{i}" for i in range(n_b)])


def test_named_cohorts_get_welch_and_no_permutation():
    a, b = two(45, 50, 0.4)
    found = compare_two_cohorts(a, b)

    assert found.contrast == compare_changes(a, b)
    assert (found.permutation, found.wording, found.assigned) == (None, "changed during", "named")
    assert found.verdict == found.contrast.verdict
    assert found.power.detectable_sd == pytest.approx(found.contrast.detectable_g, abs=1e-5)


def test_pairs_assigned_by_lot_get_the_permutation_test():
    found = compare_two_cohorts(*two(12, 12, 2.0), assigned="pairs", randomised=True)

    assert found.permutation.p < 0.01
    assert found.wording == "randomised"


def test_pairs_assigned_without_lots_do_not():
    found = compare_two_cohorts(*two(12, 12, 2.0), assigned="pairs")

    assert (found.permutation, found.wording) == (None, "changed during")
    assert "design.not_drawn" in [note.code for note in found.notes]


@pytest.mark.parametrize("randomised", [True, False])
def test_one_cohort_of_each_design_is_described_only(randomised):
    found = compare_two_cohorts(*two(60, 60, 2.0), assigned="cohorts", randomised=randomised)

    contrast = found.contrast
    assert contrast.difference == pytest.approx(2.0, abs=0.3)
    assert (contrast.low, contrast.p, contrast.t, found.permutation, found.power) == (None,) * 5
    assert (found.verdict, found.wording) == ("too few", "changed during")
    assert "design.one_each" in [note.code for note in found.notes]


def test_cohorts_can_be_equivalent():
    found = compare_two_cohorts(*two(300, 300, 0.0))

    assert (found.contrast.verdict, found.verdict) == ("not shown", "equivalent")
    assert compare_two_cohorts(*two(300, 300), margin=Margin(declared=False)).verdict == "not shown"


def test_small_cohorts_keep_their_gates():
    assert compare_two_cohorts(*two(3, 60)).verdict is None
    assert compare_two_cohorts(*two(9, 60)).verdict == "too few"
    assert compare_two_cohorts(*two(20, 60, 5.0)).verdict == "too few"
    assert compare_two_cohorts(*two(0, 1)).power is None


def test_cohorts_without_spread_survive():
    a = pd.Series(1.0, index=[f"a{i}" for i in range(40)])
    b = pd.Series(0.5, index=[f"b{i}" for i in range(40)])
    found = compare_two_cohorts(a, b, assigned="pairs", randomised=True)

    assert found.power.detectable is None
    assert found.equivalence.p is None
    assert found.permutation.p < 0.001


def test_what_cannot_be_is_refused():
    a, b = two(10, 10)

    for call, code in (
        (lambda: compare_two_cohorts(a, b, assigned="persons"), "design.assigned"),
        (lambda: compare_two_cohorts(a, a), "contrast.pairs"),
        (lambda: compare_two_cohorts(a, b, confidence=0.0), "contrast.confidence"),
        (lambda: compare_two_cohorts(a.replace(a.iloc[0], np.inf), b), "describe.number"),
    ):
        with pytest.raises(ScoringError) as caught:
            call()
        assert caught.value.code == code
