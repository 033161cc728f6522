import math

import numpy as np
import pytest

from scoring.errors import ScoringError
from scoring.pooling import pool_estimates, pool_variances


def test_barnard_and_rubins_df_never_exceed_those_of_the_data():
    """With its negative control: Rubin's own exceed them by far."""
    m, df_complete = 50, 15.0
    between = np.linspace(0.0, 3.0, 50)
    total, df, fraction = pool_variances(1.0, between, m, df_complete)
    share = (1 + 1 / m) * between[1:] / total[1:]

    assert (df <= df_complete).all()
    assert (np.diff(df) < 0).all()
    assert ((fraction >= 0) & (fraction <= 1)).all()
    assert ((m - 1) / share**2).max() > 1_000


def test_estimates_without_any_variance_are_pooled():
    pooled = pool_estimates(np.full(5, 0.3), np.zeros(5), df_complete=20)
    assert (pooled.estimate, pooled.se, pooled.low, pooled.p) == (
        pytest.approx(0.3),
        0.0,
        pytest.approx(0.3),
        0.0,
    )
    only_between = pool_estimates(np.array([0.1, 0.2, 0.3]), np.zeros(3), df_complete=20)
    assert (only_between.df, only_between.fraction_missing) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("estimates", "variances", "options", "expected"),
    [
        ([0.1], [1.0], {}, "pool.values"),
        ([0.1, 0.2], [1.0], {}, "pool.values"),
        ([0.1, math.nan], [1.0, 1.0], {}, "pool.values"),
        ([0.1, 0.2], [1.0, -1.0], {}, "pool.values"),
        ([0.1, 0.2], [1.0, 1.0], {"df_complete": 0.0}, "pool.df"),
        ([0.1, 0.2], [1.0, 1.0], {"confidence": 1.0}, "pool.confidence"),
    ],
)
def test_what_cannot_be_pooled_is_refused(estimates, variances, options, expected):
    with pytest.raises(ScoringError) as caught:
        pool_estimates(np.array(estimates), np.array(variances), **{"df_complete": 10.0, **options})
    assert caught.value.code == expected
