import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.many_cohorts import cohort_effects


def drawn(k, pairs=12, *, mean=0.3, between=0.2, spread=0.5, seed=1, slope=0.0):
    rng = np.random.default_rng(seed)
    names = [f"c{i:02d}" for i in range(k)]
    cohorts = pd.Series(np.repeat(names, pairs), index=[f"p{i}" for i in range(k * pairs)], dtype=object)
    x = np.arange(k) % 2
    shift = mean + between * rng.normal(size=k) + slope * x
    changes = pd.Series(np.repeat(shift, pairs) + spread * rng.normal(size=k * pairs), index=cohorts.index)
    return changes, cohorts, pd.DataFrame({"x": x}, index=names)


def codes(result):
    return {note.code for note in result.notes}


def test_balanced_cohorts_are_a_t_test_of_their_means():
    """Closed form: with equal sizes restricted likelihood gives the t interval of the cohort means."""
    changes, cohorts, _ = drawn(12, between=0.5)
    found = cohort_effects(changes, cohorts)
    means = changes.groupby(cohorts).mean()
    from scipy.stats import t

    half = t.ppf(0.975, 11) * means.std(ddof=1) / np.sqrt(12)
    assert found.method == "random"
    assert (found.mean, found.df) == (pytest.approx(means.mean()), pytest.approx(11.0, abs=1e-4))
    assert (found.low, found.high) == pytest.approx((means.mean() - half, means.mean() + half), abs=1e-6)
    assert found.predicted_low < found.low
    assert found.predicted_high > found.high
    assert found.wording == "changed during"


def test_shrunken_means_lie_between_the_mean_and_their_own():
    changes, cohorts, _ = drawn(10, between=0.3)
    table = cohort_effects(changes, cohorts).table
    mean = cohort_effects(changes, cohorts).mean

    assert ((table["shrunken"] - mean).abs() <= (table["mean"] - mean).abs() + 1e-12).all()
    assert table["shrunken"].between(table["mean"].min(), table["mean"].max()).all()


def test_a_design_is_tested_on_cohorts():
    changes, cohorts, designs = drawn(12, slope=1.0)
    found = cohort_effects(changes, cohorts, designs)
    row = found.effects.loc["x"]

    assert row["low"] < 1.0 < row["high"]
    assert row["verdict"] == "moved"
    assert row["df"] <= 10
    assert row["detectable"] > 0
    assert found.table.loc["c00", "n"] == 12


def test_degrees_of_freedom_stay_those_of_cohorts_where_cohorts_do_not_differ():
    for seed in range(6):
        changes, cohorts, designs = drawn(8, between=0.0, seed=seed)
        found = cohort_effects(changes, cohorts, designs)
        assert found.effects.at["x", "df"] <= 6.0 + 1e-6
        assert found.df <= 6.0 + 1e-6


@pytest.mark.parametrize("k", [2, 3, 5])
def test_fewer_than_six_cohorts_say_nothing_about_designs(k):
    changes, cohorts, designs = drawn(k)
    found = cohort_effects(changes, cohorts, designs)

    assert (found.method, found.effects, found.predicted_low) == ("fixed", None, None)
    assert found.df == k * 11
    assert "cohorts.fixed" in codes(found)
    assert found.table["shrunken"].isna().all()
    assert found.low < found.mean < found.high


def test_six_to_nine_cohorts_are_called_barely_enough():
    assert "cohorts.barely" in codes(cohort_effects(*drawn(7)[:2]))
    assert "cohorts.barely" not in codes(cohort_effects(*drawn(10)[:2]))


def test_a_hundred_thousand_pairs_are_no_trouble():
    found = cohort_effects(*drawn(10, pairs=10_000))

    assert (found.method, found.n_used, found.converged) == ("random", 100_000, True)
    assert found.df == pytest.approx(8.0, abs=1e-3)


def test_cohorts_of_one_pair_have_no_spread_within():
    found = cohort_effects(*drawn(8, pairs=1))
    few = cohort_effects(*drawn(3, pairs=1))

    assert (found.method, found.sd_between, found.predicted_low) == ("means", None, None)
    assert {"cohorts.single", "cohorts.small"} <= codes(found)
    assert found.low < found.mean < found.high
    assert (few.method, few.low) == ("none", None)
    assert "cohorts.single" in codes(few)


def test_a_cohort_of_one_pair_among_others_is_used():
    changes, cohorts, _ = drawn(8)
    keep = ~((cohorts == "c00") & (np.arange(len(cohorts)) > 0))
    found = cohort_effects(changes[keep], cohorts[keep])

    assert found.method == "random"
    assert found.table.loc["c00", ["n", "gate"]].to_list() == [1, "participation"]


def test_equal_changes_have_no_interval():
    changes, cohorts, _ = drawn(8, between=0.0, spread=0.0)
    found = cohort_effects(changes, cohorts)

    assert (found.mean, found.low, found.verdict) == (pytest.approx(0.3), None, "too few")
    assert "cohorts.equal" in codes(found)


@pytest.mark.parametrize("k", [4, 8])
def test_cohorts_whose_pairs_all_changed_alike_have_no_spread_within(k):
    found = cohort_effects(*drawn(k, spread=0.0))

    assert found.sd_within == 0.0
    assert "cohorts.no_within" in codes(found)
    assert (found.low is None) == (k == 4)


def test_nothing_at_all_is_a_note():
    changes, cohorts, _ = drawn(8)
    found = cohort_effects(changes * np.nan, cohorts)

    assert (found.method, found.n_used, found.n_dropped, found.mean) == ("none", 0, 96, None)
    assert "cohorts.empty" in codes(found)


def test_what_cannot_be_is_refused():
    changes, cohorts, designs = drawn(8)

    def code(*arguments, **options):
        with pytest.raises(ScoringError) as caught:
            cohort_effects(*arguments, **options)
        return caught.value.code

    assert code(changes, cohorts, designs.iloc[1:]) == "cohorts.designs"
    assert code(changes, cohorts, designs.assign(y=designs["x"])) == "cohorts.designs"
    assert code(changes, cohorts, designs.assign(y=1.0)) == "cohorts.designs"
    assert code(changes, cohorts, designs.assign(y="a")) == "cohorts.designs"
    assert code(changes, cohorts, designs.assign(y=np.inf)) == "cohorts.designs"
    assert code(changes, cohorts, designs.rename(columns={"x": "mean"})) == "cohorts.designs"
    assert code(changes, cohorts, pd.concat([designs, designs])) == "cohorts.designs"
    many = pd.DataFrame(np.random.default_rng(1).normal(size=(8, 6)), index=designs.index)
    assert code(changes, cohorts, many) == "cohorts.designs"
    assert code(changes, cohorts, confidence=0.0) == "cohorts.confidence"
    assert code(pd.concat([changes, changes]), cohorts) == "design.pairs"
