import math

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.imputation import impute_pairs
from scoring.missing_change import change_bounds, imputed_change, tipping_point
from scoring.pooling import pool_estimates
from scoring.reference import Reference


def waves(n=60, change=0.6, share=0.25, seed=1):
    rng = np.random.default_rng(seed)
    before = 3.4 + 0.6 * rng.normal(size=n)
    after = 3.4 + 0.6 * (before - 3.4) + change + 0.45 * rng.normal(size=n)
    table = pd.DataFrame({"mentor.TC": before, "mentor.T3a": after}, index=[f"p{i}" for i in range(n)])
    table.loc[rng.random(n) < share, "mentor.T3a"] = np.nan
    return table


COLUMNS = ("mentor.TC", "mentor.T3a")


def test_the_imputed_change_is_pooled():
    made = impute_pairs(waves())
    found = imputed_change(made, *COLUMNS)
    change = made.column("mentor.T3a") - made.column("mentor.TC")

    assert found.pooled == pool_estimates(
        change.mean(axis=1), change.var(axis=1, ddof=1) / 60, df_complete=59
    )
    assert (found.n_used, found.n_imputed) == (60, int(waves()["mentor.T3a"].isna().sum()))
    assert found.verdict == "moved"


def test_each_delta_is_what_pooling_anew_gives():
    """The curve is a polynomial; here each point of it is computed from moved imputations instead."""
    made = impute_pairs(waves())
    gone = made.imputed("mentor.T3a")
    change = made.column("mentor.T3a") - made.column("mentor.TC")
    for direction, sign in (("lower", -1.0), ("higher", 1.0)):
        table = tipping_point(made, *COLUMNS, direction=direction).table
        assert table.index.to_list() == [0.0, 0.25, 0.5, 1.0]
        for delta, row in table.iterrows():
            moved = change + sign * delta * gone
            pooled = pool_estimates(moved.mean(axis=1), moved.var(axis=1, ddof=1) / 60, df_complete=59)
            for name in ("estimate", "se", "df", "low", "high", "p"):
                assert row[name] == pytest.approx(getattr(pooled, name), rel=1e-9)


def test_the_finding_falls_at_the_tipping_point():
    made = impute_pairs(waves(change=0.45))
    found = tipping_point(made, *COLUMNS)
    just = tipping_point(made, *COLUMNS, deltas=(found.tipping - 1e-6, found.tipping + 1e-6)).table

    assert just["low"].iloc[1] > 0 > just["low"].iloc[2]
    assert found.tipping == pytest.approx(tipping_point(made, *COLUMNS, deltas=(2.0,)).tipping)


@pytest.mark.parametrize("seed", range(8))
def test_estimates_fall_with_delta(seed):
    """T17: monotone."""
    table = tipping_point(
        impute_pairs(waves(seed=seed), m=20), *COLUMNS, deltas=np.linspace(0.1, 3.0, 30)
    ).table

    assert (np.diff(table["estimate"]) < 0).all()
    assert (np.diff(table["high"] - table["low"])[5:] > 0).all()


def test_a_fall_tips_upwards():
    made = impute_pairs(waves(change=-0.5))

    assert tipping_point(made, *COLUMNS).notes[-1].code == "missing.away"
    assert tipping_point(made, *COLUMNS, direction="higher").tipping > 0


def test_no_tipping_point_is_explained():
    nothing = tipping_point(impute_pairs(waves(change=0.0)), *COLUMNS)
    firm = tipping_point(impute_pairs(waves(change=2.0, share=0.05)), *COLUMNS)

    assert (nothing.tipping, nothing.notes[-1].code) == (None, "missing.nothing")
    assert (firm.tipping, firm.notes[-1].code) == (None, "missing.firm")


def test_equal_changes_have_neither_interval_nor_tipping_point():
    table = waves(share=0.0)
    table["mentor.T3a"] = table["mentor.TC"] + 0.5
    table["other"] = np.random.default_rng(1).normal(size=60)
    made = impute_pairs(table)

    assert imputed_change(made, *COLUMNS).notes[-1].code == "missing.equal"
    assert imputed_change(made, *COLUMNS).verdict == "too few"
    assert tipping_point(made, *COLUMNS).notes[-1].code == "missing.equal"


def test_what_cannot_tip_is_refused():
    made = impute_pairs(waves(), m=5)

    def code(**options):
        with pytest.raises(ScoringError) as caught:
            tipping_point(made, *COLUMNS, **options)
        return caught.value.code

    assert code(deltas=(0.5, 0.25)) == "missing.deltas"
    assert code(deltas=(-0.5,)) == "missing.deltas"
    assert code(deltas=(math.nan,)) == "missing.deltas"
    assert code(direction="down") == "missing.direction"
    assert code(confidence=0.0) == "pool.confidence"
    with pytest.raises(ScoringError, match="mentee"):
        imputed_change(made, "mentor.TC", "mentee.T3a")


def test_few_pairs_get_bounds_instead():
    table = waves(16, share=0.0)
    table.iloc[:4, 1] = np.nan
    found = change_bounds(table["mentor.TC"], table["mentor.T3a"])
    later = table["mentor.T3a"].dropna()

    assert (found.complete.n_used, found.n_missing) == (12, 4)
    assert found.sd == pytest.approx(later.std())
    # Four of sixteen lie half a standard deviation off: an eighth of it in the mean.
    assert found.best - found.complete.mean == pytest.approx(later.std() / 8)
    assert found.complete.mean - found.worst == pytest.approx(later.std() / 8)
    assert "missing.bounds" in [note.code for note in found.notes]


def test_bounds_are_the_mean_of_filled_in_changes():
    table = waves(16)
    found = change_bounds(table["mentor.TC"], table["mentor.T3a"], sd=0.8)
    change = table["mentor.T3a"] - table["mentor.TC"]

    assert found.worst == pytest.approx(change.fillna(change.mean() - 0.4).mean())
    assert found.best == pytest.approx(change.fillna(change.mean() + 0.4).mean())


def test_five_to_nine_take_the_spread_of_the_reference():
    from datetime import date

    reference = Reference("*", "*", "*", 4.0, 0.75, 0.7, 12, "synthetic", 0, date(2025, 1, 1), "", "1")
    table = waves(8, share=0.0)
    table.iloc[0, 1] = np.nan
    found = change_bounds(table["mentor.TC"], table["mentor.T3a"], reference=reference)

    assert found.sd == 0.75
    assert found.worst < found.complete.mean < found.best
    without = change_bounds(table["mentor.TC"], table["mentor.T3a"])
    assert (without.worst, without.best, without.notes[-1].code) == (None, None, "missing.no_bound")


@pytest.mark.parametrize("n", [0, 1, 4])
def test_hardly_anybody_gets_no_bounds(n):
    table = waves(n) if n else waves(1).iloc[:0]
    found = change_bounds(table["mentor.TC"], table["mentor.T3a"] * np.nan)

    assert (found.worst, found.n_missing) == (None, n)
    assert found.notes[-1].code == "missing.no_bound"


def test_nobody_missing_is_a_note():
    table = waves(16, share=0.0)
    found = change_bounds(table["mentor.TC"], table["mentor.T3a"])

    assert found.worst == found.best == found.complete.mean
    assert "missing.none" in [note.code for note in found.notes]
    with pytest.raises(ScoringError, match="standard deviation"):
        change_bounds(table["mentor.TC"], table["mentor.T3a"], sd=0.0)
