"""How far partners are apart, and why that is no predictor."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scoring.dyads import check_no_difference_score, pair_discrepancy, refuse_difference_score
from scoring.errors import ScoringError
from scoring.reference import find_reference
from tests.scoring.dyads.worlds import codes, draw_pairs

REFERENCE = replace(find_reference(), sd=0.8, retest=0.75, width=4.0)


def test_the_error_of_one_pair_comes_from_the_reference_of_both_roles():
    table = draw_pairs(20)
    other = replace(REFERENCE, sd=0.6, retest=0.5)

    result = pair_discrepancy(
        table["mentor"], table["mentee"], wording="same", reference_mentor=REFERENCE, reference_mentee=other
    )

    # SEM .8 sqrt(.25) = .4 and .6 sqrt(.5) = .424: sqrt(.16 + .18).
    assert result.pairs["se"].unique() == pytest.approx([np.sqrt(0.16 + 0.18)])
    assert "reference.used" in codes(result)


def test_the_error_grows_with_the_width_of_the_scale():
    table = draw_pairs(20)
    narrow, wide = (
        pair_discrepancy(
            table["mentor"],
            table["mentee"],
            wording="same",
            reference_mentor=REFERENCE,
            reference_mentee=REFERENCE,
            width=width,
        )
        .pairs["se"]
        .iloc[0]
        for width in (4.0, 100.0)
    )

    assert wide == pytest.approx(25.0 * narrow)


def test_discrepancies_are_raw_and_not_shrunken():
    table = draw_pairs(20)

    result = pair_discrepancy(
        table["mentor"],
        table["mentee"],
        wording="same",
        reference_mentor=REFERENCE,
        reference_mentee=REFERENCE,
    )

    np.testing.assert_array_equal(result.pairs["difference"], table["mentor"] - table["mentee"])
    assert result.sd == pytest.approx((table["mentor"] - table["mentee"]).std())


def test_roles_are_averaged_only_when_asked():
    table = draw_pairs(20)

    assert "mean" not in pair_discrepancy(table["mentor"], table["mentee"], wording="same").pairs
    averaged = pair_discrepancy(table["mentor"], table["mentee"], wording="same", average=True)
    np.testing.assert_allclose(averaged.pairs["mean"], table.mean(axis=1))


def test_without_reference_values_no_single_pair_has_an_error():
    table = draw_pairs(20)

    result = pair_discrepancy(table["mentor"], table["mentee"], wording="same", reference_mentor=REFERENCE)

    assert result.pairs["se"].isna().all()
    assert "dyads.no_sem" in codes(result)
    assert result.mean is not None


def test_ninety_five_percent_of_normal_pairs_lie_between_the_limits():
    table = draw_pairs(40_000)

    result = pair_discrepancy(table["mentor"], table["mentee"], wording="same")

    low, high = result.limits
    inside = result.pairs["difference"].between(low, high).mean()
    assert inside == pytest.approx(0.95, abs=0.005)


def test_intervals_of_the_limits_cover_the_true_ones():
    rng, held = np.random.default_rng(3), []
    for _ in range(300):
        a, b = (pd.Series(rng.normal(0, 1, 25)) for _ in range(2))
        low, high = pair_discrepancy(a, b, wording="same").upper_limit
        held.append(low <= 1.96 * np.sqrt(2) <= high)

    assert 0.91 <= np.mean(held) <= 0.985


def test_mirrored_scales_are_refused():
    table = draw_pairs(20)
    for wording in ("mirrored", "similar"):
        with pytest.raises(ScoringError) as caught:
            pair_discrepancy(table["mentor"], table["mentee"], wording=wording)
        assert caught.value.code == "dyads.wording"


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_pair(n):
    table = draw_pairs(5).iloc[:n]

    result = pair_discrepancy(table["mentor"], table["mentee"], wording="same")

    assert (result.mean, result.n_used, result.converged) == (None, n, False)
    assert codes(result)[0] == "dyads.few"
    assert list(result.pairs.columns) == ["difference", "se", "low", "high"]


def test_all_pairs_equally_far_apart():
    table = draw_pairs(12)

    result = pair_discrepancy(table["mentor"], table["mentor"] + 0.5, wording="same")

    assert result.mean == pytest.approx(-0.5)
    assert result.limits is None
    assert "dyads.spread" in codes(result)


def test_a_note_below_ten_pairs():
    table = draw_pairs(9)

    assert "dyads.gate" in codes(pair_discrepancy(table["mentor"], table["mentee"], wording="same"))


@pytest.mark.parametrize(
    "form",
    [lambda d: d, lambda d: 3 - 2 * d, np.abs, lambda d: d**2],
    ids=["D", "line of D", "|D|", "D squared"],
)
def test_difference_scores_are_recognised(form):
    table = draw_pairs(30)
    with pytest.raises(ScoringError) as caught:
        check_no_difference_score(form(table["mentor"] - table["mentee"]), table["mentor"], table["mentee"])

    assert caught.value.code == "dyads.difference_score"
    assert "response_surface" in str(caught.value)


def test_other_predictors_pass():
    table = draw_pairs(30)
    for predictor in (table["mentor"], table["mentee"], table.mean(axis=1), table["mentor"] * 0 + 1):
        check_no_difference_score(predictor, table["mentor"], table["mentee"])


def test_the_refusal_gives_its_reason():
    with pytest.raises(ScoringError, match="two people's separate effects"):
        refuse_difference_score("profile similarity")
