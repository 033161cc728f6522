import numpy as np
import pandas as pd
import pytest

from scoring.cohort_arms import compare_arms, read_cohorts
from scoring.equivalence import Margin
from scoring.errors import ScoringError


def arms(k_a, k_b, pairs=10, difference=0.0, between=0.1, spread=0.5, seed=1):
    """Cohorts a0.. of the new design and b0.. of the old one."""
    rng = np.random.default_rng(seed)
    names = [f"a{i}" for i in range(k_a)] + [f"b{i}" for i in range(k_b)]
    cohorts = pd.Series(np.repeat(names, pairs), index=[f"p{i}" for i in range(len(names) * pairs)])
    shift = dict(zip(names, between * rng.normal(size=len(names)), strict=True))
    values = (
        cohorts.map(shift) + spread * rng.normal(size=len(cohorts)) + difference * cohorts.str.startswith("a")
    )
    return values, cohorts, {name: "new" if name.startswith("a") else "old" for name in names}


def test_arms_are_compared_on_cohort_means():
    from scipy.stats import ttest_ind

    changes, cohorts, designs = arms(5, 6, difference=0.5)
    found = compare_arms(changes, cohorts, designs)
    means = changes.groupby(cohorts).mean()
    theirs = ttest_ind(means[:5], means[5:])

    assert (found.arms, found.n_cohorts, found.n_used) == (("new", "old"), (5, 6), (50, 60))
    assert (found.t, found.p, found.df) == pytest.approx((theirs.statistic, theirs.pvalue, 9))
    assert found.permutation.n_lots == 462
    assert found.low < found.difference < found.high
    assert found.g_low < found.g < found.g_high
    assert found.power.design == "cohorts"
    assert found.wording == "changed during"
    assert compare_arms(changes, cohorts, designs, randomised=True).wording == "randomised"


def test_the_order_of_arms_turns_the_sign():
    changes, cohorts, designs = arms(4, 5, difference=0.5)
    one = compare_arms(changes, cohorts, designs)
    other = compare_arms(changes, cohorts, designs, order=("old", "new"))

    assert other.difference == pytest.approx(-one.difference)
    assert (other.low, other.p) == (pytest.approx(-one.high), pytest.approx(one.p))
    assert other.permutation.p == one.permutation.p


@pytest.mark.parametrize("sizes", [(3, 9), (4, 3), (1, 1), (2, 8)])
def test_fewer_than_four_cohorts_in_an_arm_are_described_only(sizes):
    found = compare_arms(*arms(*sizes, difference=5.0, between=0.0))

    assert found.difference == pytest.approx(5.0, abs=0.5)
    assert (found.low, found.p, found.permutation, found.g, found.verdict) == (
        None,
        None,
        None,
        None,
        "too few",
    )
    assert "design.few_cohorts" in [note.code for note in found.notes]


def test_more_pairs_in_each_cohort_do_not_make_more_cohorts():
    """The negative control of the unit: pooled pairs would have 18 times the degrees of freedom."""
    assert compare_arms(*arms(5, 5, pairs=20)).df == compare_arms(*arms(5, 5, pairs=2)).df == 8


def test_what_lies_between_cohorts_is_told_from_what_lies_within():
    many = compare_arms(*arms(200, 200, pairs=10, between=0.5, spread=0.5))

    assert many.icc == pytest.approx(0.5, abs=0.05)
    assert many.sd == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert compare_arms(*arms(200, 200, pairs=10, between=0.0)).icc == pytest.approx(0.0, abs=0.02)


def test_cohorts_of_one_pair_have_means_and_no_correlation():
    found = compare_arms(*arms(5, 5, pairs=1))

    assert found.p is not None
    assert (found.icc, found.sd, found.g, found.power) == (None, None, None, None)
    assert {"design.icc", "design.small"} <= {note.code for note in found.notes}


def test_equal_changes_have_no_interval():
    changes, cohorts, designs = arms(5, 5, spread=0.0, between=0.0)
    found = compare_arms(changes, cohorts, designs)

    assert (found.difference, found.low, found.p, found.verdict) == (0.0, None, None, "too few")
    assert found.notes[-1].code == "design.spread"


def test_missing_changes_are_dropped_and_an_empty_cohort_left_out():
    changes, cohorts, designs = arms(5, 5)
    changes[cohorts == "a0"] = np.nan
    found = compare_arms(changes, cohorts, designs)

    assert (found.n_cohorts, found.n_dropped) == ((4, 5), 10)
    changes[:] = np.nan
    empty = compare_arms(changes, cohorts, designs, order=("new", "old"))
    assert (empty.n_cohorts, empty.difference, empty.verdict) == ((0, 0), None, "too few")


def test_rows_may_come_in_any_order():
    changes, cohorts, designs = arms(5, 5)
    mixed = compare_arms(changes.sample(frac=1, random_state=1), cohorts, designs)

    assert mixed.p == pytest.approx(compare_arms(changes, cohorts, designs).p)


def refused(call):
    with pytest.raises(ScoringError) as caught:
        call()
    return caught.value.code


def test_what_cannot_be_is_refused():
    changes, cohorts, designs = arms(4, 4)
    doubled = pd.concat([changes, changes.iloc[:1]])

    assert refused(lambda: compare_arms(doubled, cohorts, designs)) == "design.pairs"
    assert refused(lambda: compare_arms(changes, cohorts.iloc[1:], designs)) == "design.pairs"
    assert refused(lambda: compare_arms(changes, cohorts.where(cohorts != "a1"), designs)) == "design.cohort"
    assert refused(lambda: compare_arms(changes, cohorts, {**designs, "a0": None})) == "design.arm"
    assert refused(lambda: compare_arms(changes, cohorts, {**designs, "a0": "third"})) == "design.arm"
    assert refused(lambda: compare_arms(changes, cohorts, dict.fromkeys(designs, "new"))) == "design.arm"
    assert refused(lambda: compare_arms(changes, cohorts, designs, order=("new", "new"))) == "design.arm"
    assert refused(lambda: compare_arms(changes, cohorts, designs, confidence=1.0)) == "design.confidence"
    assert refused(lambda: compare_arms(changes.astype(str), cohorts, designs)) == "describe.number"
    assert (
        refused(lambda: compare_arms(changes, cohorts, designs, margin=Margin.in_sd())) == "equivalence.unit"
    )
    assert (
        refused(lambda: read_cohorts(changes.replace(changes.iloc[0], np.inf), cohorts)) == "describe.number"
    )
