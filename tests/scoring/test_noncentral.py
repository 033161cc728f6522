import itertools
import math

import numpy as np
import pytest

from scoring.noncentral import noncentral_cdf, spread_nodes


@pytest.mark.parametrize(
    ("t", "df", "ncp"), [(1.0, 8, 0.5), (-2.0, 30, 1.0), (4.0, 11, 7.0), (0.0, 3, 0.0), (60.0, 9, 50.0)]
)
def test_the_distribution_is_scipys_where_that_is_right(t, df, ncp):
    from scipy.stats import nct

    assert noncentral_cdf(t, df, ncp) == pytest.approx(float(nct.cdf(t, df, ncp)), abs=1e-11)


def test_both_ways_to_integrate_agree_where_they_meet():
    for df, shift in itertools.product((2, 9, 80, 3_000), (-2.0, 0.0, 1.5)):
        t = 10.0 * math.sqrt(2.0 * df)
        near, far = (noncentral_cdf(t * factor, df, t + shift) for factor in (1 - 1e-9, 1 + 1e-9))
        assert near == pytest.approx(far, abs=1e-6 / df + 1e-7)


def test_the_mirror_image_has_the_other_tail():
    assert noncentral_cdf(-3.0, 12, 1.0) == pytest.approx(1.0 - noncentral_cdf(3.0, 12, -1.0), abs=1e-14)


def test_without_noncentrality_it_is_students():
    from scipy.stats import t

    for value, df in itertools.product((-4.0, -1.0, 0.0, 2.5, 40.0, 400.0), (2, 7, 60)):
        assert noncentral_cdf(value, df, 0.0) == pytest.approx(float(t.cdf(value, df)), abs=1e-11)


@pytest.mark.parametrize("t", [1e2, 1e5, 1e9, 1e14])
def test_far_out_only_the_spread_counts(t):
    """P(T <= t) tends to P(s >= ncp/t) as both grow: 0.437274 for equal ones and 9 degrees of freedom."""
    from scipy.stats import chi2

    assert noncentral_cdf(t, 9, t) == pytest.approx(float(chi2.sf(9, 9)), abs=2.0 / t + 1e-9)
    assert noncentral_cdf(t, 9, -t) == pytest.approx(1.0)


def test_weights_add_up_and_stop_where_they_are_told():
    s, weights = spread_nodes(15)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert weights @ s**2 == pytest.approx(1.0, abs=1e-12)
    half, part = spread_nodes(15, 1.0)
    assert half.max() < 1.0
    assert part.sum() == pytest.approx(0.5486, abs=1e-3)
    assert np.array_equal(spread_nodes(15, 0.0)[1], [0.0])
