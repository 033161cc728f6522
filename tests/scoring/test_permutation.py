import itertools

import numpy as np
import pytest

from scoring.errors import ScoringError
from scoring.permutation import permutation_test


def by_hand(a, b):
    """Every way to part the values, one after the other."""
    values = np.concatenate([a, b])
    observed = abs(np.mean(a) - np.mean(b))
    hits = n = 0
    for lot in itertools.combinations(range(len(values)), len(a)):
        chosen = np.isin(np.arange(len(values)), lot)
        hits += abs(values[chosen].mean() - values[~chosen].mean()) >= observed - 1e-12
        n += 1
    return hits / n, n


def test_small_groups_are_enumerated():
    a, b = np.array([1.0, 0.5, 0.75, 0.0]), np.array([0.0, -0.25, 0.5, 0.25, -0.5])
    test = permutation_test(a, b)

    assert (test.p, test.n_lots) == by_hand(a, b)
    assert test.exact
    assert test.p == permutation_test(b, a).p == permutation_test(-a, -b).p
    assert permutation_test(a + 1e6, b + 1e6).p == test.p
    assert permutation_test(a[::-1], b[[2, 0, 1, 4, 3]]).p == test.p


def test_ties_count_although_rounding_breaks_them():
    """Thirds cannot be written exactly, so without a tolerance equal differences would be told apart."""
    a, b = np.array([1, 2, 3, 4]) / 3, np.array([0, 1, 2, 3]) / 3
    whole = permutation_test(np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 2, 3]))

    assert permutation_test(a, b).p == permutation_test(a * 0.1 + 7.7, b * 0.1 + 7.7).p == whole.p


def test_large_groups_are_drawn_and_the_same_each_time():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.4, size=30), rng.normal(size=40)
    from scipy.stats import ttest_ind

    test = permutation_test(a, b)
    assert (test.exact, test.n_lots) == (False, 9_999)
    assert test.p == permutation_test(a, b).p == permutation_test(b, a).p
    assert test.p == pytest.approx(ttest_ind(a, b).pvalue, abs=0.02)
    assert permutation_test(a + 10, b).p == pytest.approx(1 / 10_000)
    assert permutation_test(a, b, rng=np.random.default_rng(2)).p != test.p


def test_random_lots_are_those_of_the_units_with_the_smallest_numbers():
    rng = np.random.default_rng(8)
    a, b = rng.integers(0, 5, 40) / 4, rng.integers(0, 6, 60) / 4
    values = np.sort(np.concatenate([a, b]))
    numbers = np.random.default_rng(3).random((9_999, 100))
    drawn = values[np.argsort(numbers, axis=1)[:, :40]].sum(axis=1)
    hits = np.abs(drawn - 40 * values.mean()) >= abs(a.sum() - 40 * values.mean()) - 1e-9

    assert permutation_test(a, b, rng=np.random.default_rng(3)).p == (1 + hits.sum()) / 10_000


def test_random_lots_agree_with_all_lots(monkeypatch):
    import scoring.permutation as module

    rng = np.random.default_rng(7)
    a, b = rng.normal(0.7, size=8), rng.normal(size=8)
    exact = permutation_test(a, b)
    monkeypatch.setattr(module, "ENUMERATED", 10)

    assert permutation_test(a, b).p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p / 10_000))


def test_groups_too_small_for_any_finding_say_so():
    test = permutation_test(np.array([5.0, 6.0]), np.array([1.0, 2.0]))

    assert test.p == pytest.approx(2 / 6)
    assert test.notes[0].code == "permutation.few"
    assert permutation_test(np.array([1.0]), np.array([2.0])).p == 1.0


def test_equal_values_are_no_finding():
    assert permutation_test(np.full(5, 0.3), np.full(6, 0.3)).p == 1.0


def test_very_large_groups_are_left_to_the_t_test():
    test = permutation_test(np.zeros(50_000), np.ones(50_000))

    assert test.p is None
    assert test.notes[0].code == "permutation.large"


@pytest.mark.parametrize("a", [np.array([]), np.array([np.nan]), np.array([np.inf, 1.0])])
def test_values_that_cannot_be_parted_are_refused(a):
    with pytest.raises(ScoringError, match=r"permutation|group"):
        permutation_test(a, np.array([1.0, 2.0]))
