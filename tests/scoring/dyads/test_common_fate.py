"""Facts of the pair, reported by both."""

import numpy as np
import pandas as pd
import pytest

from scoring.dyads import common_fate
from scoring.errors import ScoringError
from tests.scoring.dyads.worlds import codes, labels


def draw(n, effect=0.6, seed=1, shared=1.0):
    """Both reports of two facts; the facts themselves have the path `effect`."""
    rng = np.random.default_rng(seed)
    x = shared * rng.normal(size=n)
    y = effect * x + 0.8 * shared * rng.normal(size=n)
    own = rng.normal(size=(n, 2))
    reports = [x + 0.5 * own[:, 0], x + 0.5 * own[:, 1], y + 0.5 * own[:, 0], y + 0.5 * own[:, 1]]
    return [pd.Series(report + 0.5 * rng.normal(size=n) + 3.0, index=labels(n)) for report in reports]


def test_the_path_between_facts_is_found_where_single_reports_weaken_it():
    columns = draw(5_000)
    result = common_fate(*columns)
    single = np.cov(columns[0], columns[2])

    assert result.effect == pytest.approx(0.6, abs=0.05)
    assert result.low < 0.6 < result.high
    assert result.standardized == pytest.approx(0.6, abs=0.05)
    assert result.measures.df == 1
    assert result.proper
    # One person's reports share that person's view, so their slope is not the fact's.
    assert abs(single[0, 1] / single[0, 0] - 0.6) > 0.03


def test_full_information_without_gaps_is_plain_likelihood():
    plain, full = (common_fate(*draw(160), missing=way) for way in ("listwise", "fiml"))

    assert full.effect == pytest.approx(plain.effect, abs=1e-6)
    assert codes(plain) == []


def test_gaps_are_used_or_dropped():
    columns = draw(200)
    columns[3].iloc[:50] = np.nan

    assert common_fate(*columns).n_used == 150
    assert common_fate(*columns).n_dropped == 50
    assert common_fate(*columns, missing="fiml").n_used == 200


def test_150_pairs_are_asked_for():
    assert "dyads.gate" in codes(common_fate(*draw(149)))


def test_reports_that_do_not_go_together_are_no_common_fate():
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    columns = [x, -0.8 * x, rng.normal(size=300), rng.normal(size=300)]

    result = common_fate(*[pd.Series(c + 0.3 * rng.normal(size=300)) for c in columns])

    assert not result.proper
    assert result.standardized is None
    assert "common_fate.improper" in codes(result)


@pytest.mark.parametrize("n", [0, 3, 4])
def test_too_few_pairs(n):
    result = common_fate(*[column.iloc[:n] for column in draw(10)])

    assert (result.effect, result.converged) == (None, False)
    assert codes(result) == ["dyads.few"]


@pytest.mark.parametrize("way", ["listwise", "fiml"])
def test_reports_without_spread_or_that_repeat_one_another(way):
    columns = draw(200)
    flat = [columns[0] * 0 + 3.0, *columns[1:]]
    twice = [columns[0], columns[0], *columns[2:]]
    gone = [columns[0] * np.nan, *columns[1:]]

    for broken in (flat, twice, gone):
        result = common_fate(*broken, missing=way)
        assert result.effect is None
        assert result.notes


def test_an_unknown_treatment_of_gaps_is_refused():
    with pytest.raises(ScoringError) as caught:
        common_fate(*draw(20), missing="mean")

    assert caught.value.code == "dyads.missing"
