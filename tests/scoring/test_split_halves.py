from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.reliability import alpha_statistics
from scoring.split_halves import MAXIMUM_ITEMS, spearman_brown, split_half_reliability, split_values
from tests.scoring.comparisons.compare_reliability import keyed_items


def items_of(n, k, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        rng.normal(size=(n, 1)) + rng.normal(size=(n, k)), columns=[f"i{i}" for i in range(k)]
    )


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6])
def test_every_split_is_there_once(k):
    R = np.corrcoef(items_of(40, k, k).to_numpy(), rowvar=False)
    seen = {}
    for half in combinations(range(k), k // 2):
        rest = [item for item in range(k) if item not in half]
        seen[frozenset([half, tuple(rest)])] = 4 * R[np.ix_(half, rest)].sum() / R.sum()

    assert sorted(split_values(R)) == pytest.approx(sorted(seen.values()), abs=1e-13)


def test_the_mean_split_of_an_even_scale_is_standardized_alpha():
    # Cronbach (1951): alpha is the mean of all splits into equal halves.
    items = items_of(60, 6, 1)

    result = split_half_reliability(items)

    assert result.average == pytest.approx(alpha_statistics(items).standardized, abs=1e-12)
    assert result.smallest <= result.average <= result.largest
    assert result.lambda2 >= alpha_statistics(items).standardized
    assert result.lambda6 == pytest.approx(alpha_statistics(items).g6, abs=1e-12)


def test_a_long_scale_has_bounds_but_no_splits():
    result = split_half_reliability(items_of(60, MAXIMUM_ITEMS + 1, 2))

    assert (result.largest, result.n_splits) == (None, 0)
    assert result.lambda2 is not None
    assert [note.code for note in result.notes] == ["splits.many"]


def test_undefined_splits_are_none_with_a_note():
    result = split_half_reliability(pd.DataFrame({"a": [1.0, 1.0, 1.0], "b": [1.0, 2.0, 3.0]}))

    assert (result.largest, result.lambda6, result.converged) == (None, None, False)
    assert [note.code for note in result.notes] == ["alpha.constant"]


def test_two_items_have_the_value_and_the_interval_of_r():
    items, _ = keyed_items("bfi", "two_items_N1_N2")
    # R: r <- cor(N1, N2, use = "complete"); z <- psych::r.con(r, 2757); 2 * r / (1 + r); 2 * z / (1 + z)
    result = spearman_brown(items)

    assert (result.value, result.low, result.high) == pytest.approx(
        (0.82834076504, 0.81502751052, 0.84069580817), abs=1e-10
    )
    assert (result.n_used, result.n_dropped, result.notes) == (2757, 43, ())


def test_few_rows_are_told_and_none_breaks():
    items = items_of(12, 2, 3)

    assert [note.code for note in spearman_brown(items).notes] == ["spearman_brown.few"]
    three = spearman_brown(items.iloc[:3])
    assert (three.low, three.converged) == (None, False)
    assert "spearman_brown.rows" in [note.code for note in three.notes]
    assert [note.code for note in spearman_brown(items.iloc[:0]).notes] == ["alpha.rows"]


def test_items_against_each_other_are_told():
    items = items_of(40, 2, 4)
    items["i1"] *= -1

    result = spearman_brown(items)

    assert result.value < 0
    assert [note.code for note in result.notes] == ["spearman_brown.negative"]
    mirrored = spearman_brown(pd.DataFrame({"a": np.arange(30.0), "b": -2 * np.arange(30.0)}))
    assert (mirrored.value, mirrored.converged) == (None, False)
    assert mirrored.notes


def test_perfect_agreement_has_reliability_one():
    values = np.arange(30.0)

    result = spearman_brown(pd.DataFrame({"a": values, "b": 2 * values}))

    assert (result.value, result.low, result.high) == pytest.approx((1.0, 1.0, 1.0), abs=1e-12)


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (items_of(10, 3, 5), "spearman_brown.items"),
        (items_of(10, 1, 5), "spearman_brown.items"),
        (pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]}), "spearman_brown.number"),
    ],
)
def test_other_tables_are_refused(items, code):
    with pytest.raises(ScoringError) as caught:
        spearman_brown(items)

    assert caught.value.code == code
