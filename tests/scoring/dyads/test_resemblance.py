"""How alike partners are, and whether roles can be told apart."""

import numpy as np
import pandas as pd
import pytest

from scoring.dyads import distinguishability, dyadic_correlation
from scoring.errors import ScoringError
from tests.scoring.dyads.worlds import codes, draw_pairs


@pytest.mark.parametrize(
    ("n", "low", "high"), [(10, -0.41, 0.78), (20, -0.16, 0.66), (40, -0.01, 0.56), (100, 0.11, 0.47)]
)
def test_the_intervals_of_the_plan(n, low, high):
    # Measurement plan, 4.4: intervals at r = .30.
    from scoring.dyads.resemblance import fisher_interval

    found = fisher_interval(0.3, n)

    assert found == pytest.approx((low, high), abs=0.006)


def test_roles_with_different_means_lower_the_pairwise_but_not_pearsons_correlation():
    table = draw_pairs(60)
    near = dyadic_correlation(table["mentor"], table["mentee"])
    far = dyadic_correlation(table["mentor"], table["mentee"] + 2.0)

    assert far.r == pytest.approx(near.r)
    assert far.icc_role_centred == pytest.approx(near.icc_role_centred)
    assert far.icc_pairwise < 0 < near.icc_pairwise
    assert far.icc_double_entry < 0


def test_units_do_not_matter_to_correlations():
    table = draw_pairs(30)
    ours = dyadic_correlation(table["mentor"], table["mentee"])
    theirs = dyadic_correlation(1e6 + 1e3 * table["mentor"], 1e6 + 1e3 * table["mentee"])

    for name in ("r", "low", "high", "p", "icc_pairwise", "icc_role_centred", "F"):
        assert getattr(theirs, name) == pytest.approx(getattr(ours, name), abs=1e-9)


def test_the_test_of_independence_is_said_to_decide_nothing():
    result = dyadic_correlation(*(draw_pairs(30)[role] for role in ("mentor", "mentee")))

    assert "dyads.no_test" in codes(result)
    assert "dyads.gate" not in codes(result)


def test_below_ten_pairs_a_note_says_so():
    table = draw_pairs(9)

    assert "dyads.gate" in codes(dyadic_correlation(table["mentor"], table["mentee"]))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_pairs_are_counted_and_explained(n):
    table = draw_pairs(4)
    table.loc[table.index[n:], "mentee"] = np.nan

    result = dyadic_correlation(table["mentor"], table["mentee"])

    assert (result.n_used, result.n_dropped, result.r, result.converged) == (n, 4 - n, None, False)
    assert codes(result) == ["dyads.few"]


def test_three_pairs_have_a_correlation_without_interval():
    table = draw_pairs(3)

    result = dyadic_correlation(table["mentor"], table["mentee"])

    assert result.r is not None
    assert result.low is None
    assert "dyads.interval" in codes(result)


def test_a_role_that_does_not_vary_has_no_correlation():
    table = draw_pairs(12)

    result = dyadic_correlation(table["mentor"], table["mentee"] * 0 + 0.1)

    assert result.r is None
    assert result.icc_pairwise is not None
    assert codes(result) == ["dyads.constant"]


def test_nobody_differs_from_anybody():
    flat = pd.Series(3.0, index=range(12))

    result = dyadic_correlation(flat, flat)

    assert result.F is None
    assert codes(result) == ["dyads.constant", "dyads.constant"]


def test_perfect_agreement_has_no_interval():
    table = draw_pairs(12)

    result = dyadic_correlation(table["mentor"], table["mentor"].rename("mentee"))

    assert result.r == pytest.approx(1.0)
    assert (result.low, result.F) == (None, None)
    assert "dyads.perfect" in codes(result)


def test_a_coverage_outside_0_and_1_is_refused():
    table = draw_pairs(12)
    with pytest.raises(ScoringError) as caught:
        dyadic_correlation(table["mentor"], table["mentee"], confidence=95)

    assert caught.value.code == "dyads.confidence"


def two_waves(n, seed=5, shift=0.0, missing=0.0):
    """Two measures of each role, exchangeable but for a shift of the mentees' second mean."""
    rng = np.random.default_rng(seed)
    pair = rng.normal(size=(n, 2))
    tables = []
    for add in (0.0, shift):
        own = 0.5 * pair + rng.normal(size=(n, 2))
        own[:, 1] += 0.5 * own[:, 0] + add
        own[rng.random((n, 2)) < missing] = np.nan
        tables.append(pd.DataFrame(own, columns=["T0", "T3"]))
    return tables


def test_full_information_on_complete_pairs_is_the_closed_form():
    closed, full = (distinguishability(*two_waves(70), missing=way) for way in ("listwise", "fiml"))

    assert full.chi_square == pytest.approx(closed.chi_square, abs=1e-9)
    assert closed.df == 6


def test_one_missing_score_changes_full_information_hardly():
    mentor, mentee = two_waves(200)
    closed = distinguishability(mentor, mentee)
    mentor.iloc[0, 1] = np.nan

    full = distinguishability(mentor, mentee, missing="fiml")

    assert (full.n_used, full.n_dropped) == (200, 0)
    assert full.chi_square == pytest.approx(closed.chi_square, abs=0.5)
    assert full.chi_square != pytest.approx(closed.chi_square, abs=1e-6)


def test_swapping_the_roles_changes_nothing():
    mentor, mentee = two_waves(70, missing=0.1)

    for way in ("listwise", "fiml"):
        one, other = (
            distinguishability(mentor, mentee, missing=way),
            distinguishability(mentee, mentor, missing=way),
        )
        assert one.chi_square == pytest.approx(other.chi_square, rel=1e-7)


def test_exchangeable_roles_are_seldom_told_apart_and_shifted_ones_are():
    p = [[distinguishability(*two_waves(60, seed, shift)).p for seed in range(150)] for shift in (0.0, 0.9)]

    assert np.mean(np.array(p[0]) < 0.05) <= 0.12
    assert np.mean(np.array(p[1]) < 0.05) >= 0.90


def test_units_do_not_make_it_singular():
    mentor, mentee = two_waves(60)
    scaled = [table * [1e-4, 1e4] for table in (mentor, mentee)]

    assert distinguishability(*scaled).chi_square == pytest.approx(
        distinguishability(mentor, mentee).chi_square
    )


def test_forty_pairs_are_asked_for():
    assert "dyads.gate" in codes(distinguishability(*two_waves(39)))
    assert "dyads.gate" not in codes(distinguishability(*two_waves(40)))
    assert "dyads.by_design" in codes(distinguishability(*two_waves(40)))


@pytest.mark.parametrize("way", ["listwise", "fiml"])
def test_data_that_cannot_be_compared_are_explained(way):
    mentor, mentee = two_waves(30, missing=0.1)
    copied = mentor.copy()
    copied["T3"] = copied["T0"]
    few = (mentor.iloc[:3], mentee.iloc[:3])

    for tables in (few, (copied, copied), (mentor * np.nan, mentee)):
        result = distinguishability(*tables, missing=way)
        assert result.chi_square is None
        assert not result.converged
        assert len(result.notes) >= 2


def test_different_measures_are_refused():
    mentor, mentee = two_waves(30)
    with pytest.raises(ScoringError) as caught:
        distinguishability(mentor, mentee.rename(columns={"T3": "T2"}))

    assert caught.value.code == "dyads.measures"


def test_an_unknown_treatment_of_gaps_is_refused():
    with pytest.raises(ScoringError) as caught:
        distinguishability(*two_waves(30), missing="mean")

    assert caught.value.code == "dyads.missing"
