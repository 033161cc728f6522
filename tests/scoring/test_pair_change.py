import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scoring.change import mean_change, sign_flip_test
from scoring.errors import ScoringError
from scoring.pair_change import CONTRASTS, pair_change
from scoring.pair_scores import read_pair_scores
from scoring.reference import find_reference
from scoring.retest import Reliability
from scoring.scales import IntegerScores
from scoring.serialize import to_plain

NAN = math.nan
FIELD = Reliability(0.75, 1.0, "retest", 12, "field", 200)


def lay_out(values, *, exact=None):
    """Scores (pairs, 2, waves) as a long table, read back."""
    values = np.asarray(values, dtype=float)
    pair, role, wave = (axis.ravel() for axis in np.indices(values.shape))
    table = pd.DataFrame({"score": values.ravel(), "pair": pair, "wave": wave})
    table["role"] = np.where(role == 0, "mentor", "mentee")
    whole = None
    if exact:
        whole = IntegerScores((table["score"] * exact).round().astype("Int64"), exact)
    return read_pair_scores(table["score"], table["pair"], table["role"], table["wave"], exact=whole)


def draw(n, waves=2, seed=1):
    rng = np.random.default_rng(seed)
    return np.round(5 * (3 + rng.normal(size=(n, 2, waves)))) / 5


def codes(result):
    return [note.code for note in result.notes]


def test_contrasts_are_t_tests_of_pairs():
    values = draw(12)
    change = values[:, :, 1] - values[:, :, 0]

    result = pair_change(lay_out(values))

    for name, differences in (
        ("mentor", change[:, 0]),
        ("mentee", change[:, 1]),
        ("common", change.mean(axis=1)),
        ("gap", change[:, 0] - change[:, 1]),
    ):
        expected = stats.ttest_1samp(differences, 0)
        row = result.contrasts.loc[name]
        assert row[["t", "p", "df", "estimate"]].tolist() == pytest.approx(
            [expected.statistic, expected.pvalue, 11, differences.mean()]
        )
        assert row[["low", "high"]].tolist() == pytest.approx(list(expected.confidence_interval()))
        assert row["sd"] == pytest.approx(differences.std(ddof=1))
    assert (result.n_used, result.n_dropped, result.converged) == (12, 0, True)
    assert (result.before, result.after) == (0, 1)


def test_a_role_changes_as_mean_change_says():
    values = draw(15, seed=3)

    row = pair_change(lay_out(values, exact=5)).contrasts.loc["mentee"]

    before, after = (pd.Series(values[:, 1, wave]) for wave in (0, 1))
    whole = [IntegerScores((wave * 5).round().astype("Int64"), 5) for wave in (before, after)]
    expected = mean_change(before, after, before_exact=whole[0], after_exact=whole[1])
    assert row[["estimate", "low", "high"]].tolist() == pytest.approx(
        [expected.mean, expected.low, expected.high]
    )
    assert row["p_sign_flip"] == expected.p_sign_flip


def test_sign_flips_are_made_on_whole_numbers():
    values = draw(10, seed=4)
    whole = np.round(5 * values).astype(np.int64)
    d = whole[:, :, 1] - whole[:, :, 0]

    result = pair_change(lay_out(values, exact=5))

    assert result.contrasts.at["common", "p_sign_flip"] == sign_flip_test(d.sum(axis=1)).p
    assert result.contrasts.at["gap", "p_sign_flip"] == sign_flip_test(d[:, 0] - d[:, 1]).p
    assert result.sign_flip_exact
    assert "flip.exact" in codes(pair_change(lay_out(values)))


@pytest.mark.parametrize(
    ("n", "made", "exact"), [(5, False, False), (6, True, True), (19, True, False), (20, False, False)]
)
def test_sign_flips_are_made_from_six_to_nineteen_pairs(n, made, exact):
    result = pair_change(lay_out(draw(n, seed=n), exact=5))

    assert result.contrasts["p_sign_flip"].notna().all() == made
    assert result.sign_flip_exact == exact
    if n == 20:
        assert "change.model" in codes(result)


def test_single_pairs_carry_the_error_of_their_retest_reliability():
    other = Reliability(0.64, 1.0, "retest", 12, "field", 200)

    result = pair_change(lay_out(draw(12)), reliabilities={"mentor": FIELD, "mentee": other})

    # SEM .5 and .6: var(dM) = (.25 + .36) / 2, var(dD) = 2 (.25 + .36).
    assert result.pairs["common_se"].iloc[0] == pytest.approx(math.sqrt(0.305))
    assert result.pairs["gap_se"].iloc[0] == pytest.approx(math.sqrt(1.22))
    assert (result.pairs["gap_high"] - result.pairs["gap"]).iloc[0] == pytest.approx(
        1.959964 * math.sqrt(1.22), abs=1e-5
    )
    assert "change.research" in codes(result)


def test_errors_of_pairs_are_those_of_unchanging_people():
    """By simulation: nobody changes, so the spread of the pairs' changes is their error."""
    rng = np.random.default_rng(2)
    true = rng.normal(size=(20_000, 2, 1))
    noise = rng.normal(size=(20_000, 2, 2)) * np.array([0.5, 0.6])[None, :, None]
    other = Reliability(0.64, 1.0, "retest", 12, "field", 200)

    result = pair_change(lay_out(true + noise), reliabilities={"mentor": FIELD, "mentee": other})

    for name in ("common", "gap"):
        assert result.pairs[name].std() == pytest.approx(result.pairs[f"{name}_se"].iloc[0], rel=0.03)


def test_without_reliabilities_single_pairs_have_no_error():
    for reliabilities in (None, {"mentor": FIELD}):
        result = pair_change(lay_out(draw(12)), reliabilities=reliabilities)
        assert result.pairs["gap_se"].isna().all()
        assert "change.no_sem" in codes(result)


def test_a_reference_is_brought_to_the_width_of_the_score():
    entry = find_reference()

    result = pair_change(
        lay_out(draw(12)), reliabilities=dict.fromkeys(("mentor", "mentee"), entry), width=8.0
    )

    assert result.pairs["common_se"].iloc[0] == pytest.approx(2 * entry.sd * math.sqrt(1 - entry.retest))


def test_alpha_is_refused():
    with pytest.raises(ScoringError) as caught:
        pair_change(
            lay_out(draw(12)),
            reliabilities=dict.fromkeys(("mentor", "mentee"), Reliability(0.83, 1.0, "alpha")),
        )
    assert caught.value.code == "change.alpha"


def test_pairs_without_all_four_scores_are_dropped_and_counted():
    values = draw(14)
    values[0, 0, 1] = NAN
    values[1, 1, :] = NAN

    result = pair_change(lay_out(values))

    assert (result.n_used, result.n_dropped) == (12, 2)
    assert list(result.pairs.index) == list(range(2, 14))
    assert "pairs.single" in codes(result)


def test_waves_can_be_named():
    values = draw(12, 3)

    result = pair_change(lay_out(values), 1, 2)

    assert result.contrasts.at["mentor", "estimate"] == pytest.approx(
        (values[:, 0, 2] - values[:, 0, 1]).mean()
    )
    assert (pair_change(lay_out(values)).before, pair_change(lay_out(values)).after) == (0, 2)


def test_equal_changes_have_no_interval():
    values = draw(12)
    values[:, :, 1] = values[:, :, 0] + 0.4

    result = pair_change(lay_out(values, exact=5))

    assert result.contrasts["estimate"].tolist() == pytest.approx([0.4, 0.4, 0.4, 0.0])
    assert result.contrasts["se"].isna().all()
    assert (codes(result).count("change.equal"), result.converged) == (len(CONTRASTS), False)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_pairs_are_no_crash(n):
    values = draw(max(n, 2))[: max(n, 1)]
    if n == 0:
        # Each pair has scores of one partner only.
        values = np.array([[[3.0, 4.0], [NAN, NAN]], [[NAN, NAN], [3.0, 4.0]]])

    result = pair_change(lay_out(values))

    assert (result.n_used, result.converged) == (n, n == 2)
    assert ("change.few" in codes(result)) == (n < 2)
    assert result.gate == "participation"
    assert json.dumps(to_plain(result))


def test_one_wave_is_named():
    for scores in (lay_out(draw(12)[:, :, :1]), lay_out(np.zeros((0, 2, 2)))):
        with pytest.raises(ScoringError) as caught:
            pair_change(scores)
        assert caught.value.code == "change.wave"


def test_options_that_cannot_be_used_are_named():
    scores = lay_out(draw(12))
    for code, arguments, options in (
        ("change.wave", (1, 1), {}),
        ("pairs.wave", (0, 9), {}),
        ("change.confidence", (), {"confidence": 0.0}),
    ):
        with pytest.raises(ScoringError) as caught:
            pair_change(scores, *arguments, **options)
        assert caught.value.code == code


def test_a_hundred_thousand_pairs_are_no_trouble():
    result = pair_change(lay_out(draw(100_000), exact=5))

    assert result.n_used == 100_000
    assert result.contrasts["p_sign_flip"].isna().all()
