import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.reliability import alpha_from_covariance, alpha_statistics
from scoring.resampling import (
    bootstrap_alpha,
    cluster_moments,
    normal_interval,
    percentile_interval,
    resample_covariances,
    summarise_draws,
    wishart_covariances,
)


def one_factor_items(n, k, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        rng.normal(size=(n, 1)) + rng.normal(size=(n, k)), columns=[f"i{i}" for i in range(k)]
    )


def naive_covariances(values, codes, n_draws, rng):
    """Bootstrap by copying rows, drawing the same clusters as the fast version does."""
    m = int(codes.max()) + 1
    picks = rng.integers(0, m, size=(n_draws, m))
    rows = [np.concatenate([np.flatnonzero(codes == cluster) for cluster in draw]) for draw in picks]
    return np.stack([np.cov(values[chosen], rowvar=False) for chosen in rows])


@pytest.mark.parametrize("clustered", [False, True])
def test_weighted_moments_are_covariances_of_copied_rows(clustered):
    values = one_factor_items(40, 4, 1).to_numpy() + 100
    codes = np.sort(np.random.default_rng(2).integers(0, 15, 40)) if clustered else np.arange(40)
    codes = np.unique(codes, return_inverse=True)[1]

    moments = cluster_moments(values, codes if clustered else None, np.random.default_rng(0))
    found = resample_covariances(moments, 25, np.random.default_rng(3))

    assert found == pytest.approx(naive_covariances(values, codes, 25, np.random.default_rng(3)), abs=1e-10)


def test_the_order_of_rows_does_not_matter_to_clusters():
    values, codes = one_factor_items(60, 3, 4).to_numpy(), np.arange(60) // 2
    order = np.random.default_rng(5).permutation(60)

    plain = cluster_moments(values, codes, np.random.default_rng(0))
    shuffled = cluster_moments(values[order], codes[order], np.random.default_rng(0))

    assert shuffled.sums == pytest.approx(plain.sums, abs=1e-12)
    assert shuffled.products == pytest.approx(plain.products, abs=1e-12)


def test_blocks_of_clusters_give_the_spread_of_clusters():
    items = one_factor_items(3_000, 4, 6).to_numpy()

    errors = []
    for largest in (3_000, 300):
        rng = np.random.default_rng(7)
        moments = cluster_moments(items, None, rng, largest=largest)
        assert moments.counts.sum() == 3_000
        errors.append(alpha_from_covariance(resample_covariances(moments, 2_000, rng)).std())

    # The variance from 300 blocks has a relative error of sqrt(2/300), the spread half of that.
    assert errors[1] == pytest.approx(errors[0], rel=0.15)


def test_the_bootstrap_error_of_normal_items_is_the_asymptotic_one():
    items = one_factor_items(500, 5, 8)

    result = bootstrap_alpha(items, seed=1, n_draws=2_000)
    expected = alpha_statistics(items)

    assert result.value == pytest.approx(expected.raw, abs=1e-12)
    assert result.standard_error == pytest.approx(expected.standard_error, rel=0.12)
    assert (result.low, result.high) == pytest.approx((expected.feldt.low, expected.feldt.high), abs=0.01)
    assert (result.n_clusters, result.n_failed, result.notes) == (500, 0, ())


def test_alike_partners_widen_the_interval_of_alpha():
    """Negative control: the same rows without their pairs give an interval that is too narrow."""
    alike = one_factor_items(80, 5, 9)
    items = pd.concat([alike, alike], ignore_index=True)
    pairs = pd.Series([f"p{pair}" for pair in range(80)] * 2)

    paired, independent = bootstrap_alpha(items, clusters=pairs, seed=1), bootstrap_alpha(items, seed=1)

    assert paired.n_clusters == 80
    assert paired.standard_error == pytest.approx(np.sqrt(2) * independent.standard_error, rel=0.12)
    # Twice the same rows know no more than the rows once.
    assert paired.standard_error == pytest.approx(bootstrap_alpha(alike, seed=1).standard_error, rel=0.1)


def test_the_seed_decides():
    items = one_factor_items(30, 3, 10)

    assert bootstrap_alpha(items, seed=1).low == bootstrap_alpha(items, seed=1).low
    assert bootstrap_alpha(items, seed=1).low != bootstrap_alpha(items, seed=2).low


def test_a_row_with_a_gap_is_dropped_and_its_pair_stays():
    items = one_factor_items(40, 3, 11)
    items.iloc[0, 0] = np.nan
    items.iloc[[2, 3], 1] = np.nan

    result = bootstrap_alpha(items, clusters=pd.Series(np.arange(40) // 2), seed=1, n_draws=50)

    assert (result.n_used, result.n_dropped, result.n_clusters) == (37, 3, 19)


@pytest.mark.parametrize("clusters", [None, "pairs"])
def test_a_percentile_interval_below_a_hundred_is_refused(clusters):
    """Target T6-: pairs count where there are pairs, so 198 people in 99 pairs are too few."""
    items = one_factor_items(198 if clusters else 99, 4, 12)
    pairs = pd.Series(np.arange(len(items)) // 2) if clusters else None

    with pytest.raises(ScoringError) as caught:
        bootstrap_alpha(items, clusters=pairs, seed=1, interval="percentile")
    with pytest.raises(ScoringError):
        percentile_interval(np.arange(1000.0), 99)

    assert caught.value.code == "bootstrap.percentile"


def test_a_percentile_interval_from_a_hundred_on_is_the_quantiles():
    result = bootstrap_alpha(one_factor_items(100, 4, 13), seed=1, interval="percentile")

    assert (result.low, result.high) == pytest.approx(np.quantile(result.draws, [0.025, 0.975]), abs=1e-12)


def test_normal_draws_have_the_mean_and_the_spread_of_wishart():
    covariance = np.array([[2.0, 0.6, 0.3], [0.6, 1.0, 0.2], [0.3, 0.2, 0.5]])

    draws = wishart_covariances(covariance, 30, 40_000, np.random.default_rng(14))

    # Var(s_ij) = (c_ij^2 + c_ii c_jj) / (n - 1) of normal rows.
    spread = (covariance**2 + np.outer(np.diag(covariance), np.diag(covariance))) / 29
    assert draws.mean(axis=0) == pytest.approx(covariance, abs=0.02)
    assert draws.var(axis=0) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize(("covariance", "n"), [(np.ones((3, 3)), 50), (np.eye(3), 3)])
def test_normal_draws_of_nothing_are_refused(covariance, n):
    with pytest.raises(ScoringError) as caught:
        wishart_covariances(covariance, n, 10, np.random.default_rng(0))

    assert caught.value.code == "wishart.covariance"


def test_the_normal_interval_leaves_out_what_could_not_be_computed():
    draws = np.array([1.0, 2.0, 3.0, np.nan])

    error, low, high = normal_interval(5.0, draws, 0.9)

    assert error == pytest.approx(1.0)
    assert (low, high) == pytest.approx((5 - 1.6448536, 5 + 1.6448536), abs=1e-6)


@pytest.mark.parametrize(
    ("failed", "code", "has_interval"), [(5, "bootstrap.some_failed", True), (11, "bootstrap.failed", False)]
)
def test_draws_that_failed_are_told(failed, code, has_interval):
    draws = np.concatenate([np.linspace(0, 1, 100 - failed), np.full(failed, np.nan)])

    found = summarise_draws(0.5, draws, 50, "normal", 0.95)

    assert found.n_failed == failed
    assert (found.low is not None) is has_interval
    assert [note.code for note in found.notes] == [code]
    assert str(found.notes[0])


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (one_factor_items(4, 3, 15), "bootstrap.few"),
        (one_factor_items(2, 3, 15), "alpha.rows"),
        (one_factor_items(30, 3, 15).assign(i0=1.0), "alpha.constant"),
        (one_factor_items(0, 3, 15), "alpha.rows"),
    ],
)
def test_too_little_has_no_interval_and_a_reason(items, code):
    result = bootstrap_alpha(items, seed=1)

    assert (result.low, result.standard_error, result.converged) == (None, None, False)
    assert [note.code for note in result.notes] == [code]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"n_draws": 1}, "bootstrap.draws"),
        ({"confidence": 0}, "alpha.confidence"),
        ({"clusters": pd.Series(range(5))}, "bootstrap.clusters"),
        ({"clusters": pd.Series(range(30), index=range(1, 31))}, "bootstrap.clusters"),
        ({"clusters": pd.Series([None, *range(29)])}, "bootstrap.clusters"),
    ],
)
def test_impossible_wishes_are_refused(options, code):
    with pytest.raises(ScoringError) as caught:
        bootstrap_alpha(one_factor_items(30, 3, 16), seed=1, **options)

    assert caught.value.code == code
