"""The curves of options: a model's probabilities follow their formula, counted shares follow the people."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from scoring.category_curves import model_curves, observed_curves
from scoring.errors import ScoringError

LEVELS = np.linspace(-3, 3, 61)


def test_options_share_one_hundred_per_cent_at_every_level() -> None:
    curves = model_curves("a", 0.7, [-1.0, 0.2, 1.5], [1, 2, 3, 4], LEVELS)

    assert curves.probabilities.shape == (61, 4)
    assert (curves.probabilities >= 0).all()
    np.testing.assert_allclose(curves.probabilities.sum(axis=1), 1.0, rtol=0, atol=1e-15)


def test_the_mean_over_a_normal_trait_gives_back_the_thresholds() -> None:
    # The thresholds are quantiles of the whole population, so integrating the curves over it returns the shares between them.
    cuts = [-1.0, 0.2, 1.5]
    shares = np.diff(norm.cdf([-math.inf, *cuts, math.inf]))

    for option, share in enumerate(shares):
        found, _ = quad(
            lambda t, option=option: (
                norm.pdf(t)
                * model_curves("a", 0.7, cuts, [1, 2, 3, 4], np.array([t])).probabilities[0, option]
            ),
            -9,
            9,
        )
        assert found == pytest.approx(share, abs=1e-9)


def test_a_loading_of_zero_makes_flat_curves_and_a_negative_one_turns_them() -> None:
    flat = model_curves("a", 0.0, [-1.0, 1.0], [1, 2, 3], LEVELS).probabilities
    rising = model_curves("a", 0.6, [-1.0, 1.0], [1, 2, 3], LEVELS).probabilities
    falling = model_curves("a", -0.6, [-1.0, 1.0], [1, 2, 3], LEVELS).probabilities

    assert np.ptp(flat, axis=0).max() == 0
    np.testing.assert_allclose(rising, falling[::-1], atol=1e-15)
    assert (np.diff(rising[:, 2]) > 0).all()


@pytest.mark.parametrize(
    ("loading", "cuts", "codes", "code"),
    [
        (1.0, [0.0], [1, 2], "curves.loading"),
        (math.nan, [0.0], [1, 2], "curves.loading"),
        (0.5, [0.0], [1, 2, 3], "curves.thresholds"),
        (0.5, [1.0, 0.0], [1, 2, 3], "curves.thresholds"),
        (0.5, [math.inf], [1, 2], "curves.thresholds"),
    ],
)
def test_what_makes_no_curves_is_named(
    loading: float, cuts: list[float], codes: list[float], code: str
) -> None:
    with pytest.raises(ScoringError) as caught:
        model_curves("a", loading, cuts, codes, LEVELS)

    assert caught.value.code == code


def test_shares_are_counted_among_people_of_one_rest_score() -> None:
    # Everybody with a low rest score answers 1 on `a`, everybody else 2.
    frame = pd.DataFrame({"a": [1] * 20 + [2] * 20, "b": [1] * 20 + [5] * 20, "c": [2] * 20 + [4] * 20})

    curves = observed_curves(frame, k_groups=2)["a"]

    assert curves.levels.tolist() == [1.5, 4.5]
    assert curves.probabilities.tolist() == [[1, 0], [0, 1]]
    assert curves.codes == (1.0, 2.0)
    assert (curves.modelled, curves.n_used) == (False, 40)


def test_equal_rest_scores_stay_together_and_shares_sum_to_one() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.integers(1, 4, (300, 3)).astype(float), columns=list("abc"))
    frame.iloc[:50, 0] = np.nan

    for curves in observed_curves(frame).values():
        assert len(curves.levels) <= 5  # the rest score of two items with three options has five values
        assert (np.diff(curves.levels) > 0).all()
        np.testing.assert_allclose(curves.probabilities.sum(axis=1), 1.0)
        assert curves.n_used == 250


def test_too_few_people_or_a_constant_item_have_no_curves() -> None:
    few = pd.DataFrame({"a": [1, 2] * 9, "b": [2, 1] * 9})
    constant = pd.DataFrame({"a": [1] * 40, "b": [1, 2] * 20})

    assert observed_curves(few) == {}
    assert list(observed_curves(constant)) == ["b"]
