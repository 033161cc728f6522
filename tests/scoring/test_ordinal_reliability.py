import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.ordinal_reliability import (
    CategoryMerge,
    categorical_omega,
    green_yang,
    merge_sparse_categories,
    ordinal_alpha,
)
from scoring.reliability import alpha_statistics
from tests.scoring.comparisons.compare_reliability import keyed_items
from tests.scoring.simulations.reliability import PILOT, UNEQUAL, OneFactorWorld


def test_the_formula_gives_the_exact_reliability_of_the_pilot_model():
    """Two parallel sets of the same items correlate by numerical integration over the factor; no bivariate normal is used."""
    for world in (PILOT, UNEQUAL):
        loadings = np.array(world.loadings)
        cuts = [np.array(world.thresholds)] * len(loadings)
        covariance = world.covariance()
        parallel = OneFactorWorld(world.loadings * 2, world.thresholds).covariance()
        k = len(loadings)

        value, _ = green_yang(np.outer(loadings, loadings), np.eye(k), cuts, [np.ones(4)] * k)

        assert value == pytest.approx(parallel[:k, k:].sum() / covariance.sum(), abs=1e-9)


def test_the_observed_variance_gives_the_other_value_of_r():
    # R: semTools::compRelSEM(fit, ord.scale = TRUE, obs.var = TRUE) of bfi's agreeableness, WLSMV.
    items, _ = keyed_items("bfi", "agree")

    assert categorical_omega(items).observed_value == pytest.approx(0.72900240372, abs=1e-4)


def test_a_shifted_threshold_changes_the_value():
    """Negative control: the latent value does not see where answers are cut, the reliability of the sum does."""
    loadings = np.array(PILOT.loadings)
    common, cuts = np.outer(loadings, loadings), np.array(PILOT.thresholds)

    plain, _ = green_yang(common, np.eye(5), [cuts] * 5, [np.ones(4)] * 5)
    shifted, _ = green_yang(common, np.eye(5), [cuts + 1.0] * 5, [np.ones(4)] * 5)

    assert abs(shifted - plain) > 0.002


def test_a_large_sample_recovers_the_truth():
    result = categorical_omega(UNEQUAL.draw(np.random.default_rng(1), 20_000))

    k, parallel = 5, OneFactorWorld(UNEQUAL.loadings * 2, UNEQUAL.thresholds).covariance()
    assert result.value == pytest.approx(parallel[:k, k:].sum() / parallel[:k, :k].sum(), abs=0.01)
    assert result.loadings.to_numpy() == pytest.approx(np.array(UNEQUAL.loadings), abs=0.02)
    assert result.latent > result.value
    assert result.notes == ()


def test_names_of_codes_do_not_matter_but_their_distances_do():
    items = PILOT.draw(np.random.default_rng(2), 400)

    plain, moved = categorical_omega(items), categorical_omega(items + 7)
    stretched = categorical_omega(items.replace({5.0: 9.0}))

    assert moved.value == pytest.approx(plain.value, abs=1e-12)
    assert abs(stretched.value - plain.value) > 0.005
    assert stretched.latent == pytest.approx(plain.latent, abs=1e-12)


def test_sparse_categories_are_merged_in_logged_steps():
    answers = [1.0] * 2 + [2.0] * 3 + [3.0] * 20 + [4.0] * 4 + [5.0] * 6 + [np.nan] * 3
    items = pd.DataFrame({"a": answers, "b": [3.0, 4.0] * 19})

    merged, log = merge_sparse_categories(items)

    assert log == (CategoryMerge("a", 1.0, 2.0, 2), CategoryMerge("a", 4.0, 5.0, 4))
    assert merged["a"].value_counts().to_dict() == {3.0: 20, 5.0: 10, 2.0: 5}
    assert merged["a"].isna().sum() == 3
    assert merged["b"].equals(items["b"])
    assert items["a"].value_counts()[1.0] == 2


def test_merging_nothing_is_possible():
    items = pd.DataFrame({"a": [1.0, 2.0, 2.0], "b": [1.0, 1.0, 2.0]})

    merged, log = merge_sparse_categories(items, 0)

    assert merged.equals(items)
    assert log == ()


def test_merges_are_in_the_result():
    items = PILOT.draw(np.random.default_rng(3), 160)
    items.iloc[:3, 0] = 6.0

    result = categorical_omega(items)

    assert CategoryMerge("i1", 6.0, 5.0, 3) in result.merges
    assert "ordinal.merged" in [note.code for note in result.notes]


def test_few_rows_are_told():
    result = categorical_omega(PILOT.draw(np.random.default_rng(4), 149))

    assert result.value is not None
    assert "ordinal.small" in [note.code for note in result.notes]


def test_ordinal_alpha_is_larger_than_alpha_and_always_called_hypothetical():
    items = PILOT.draw(np.random.default_rng(5), 400)

    result = ordinal_alpha(items)

    assert result.value > alpha_statistics(items).raw + 0.01
    assert result.notes[0].code == "ordinal_alpha.hypothetical"
    assert list(result.dropped.index) == list(items.columns)


def test_two_items_have_ordinal_alpha_but_no_categorical_omega():
    items = PILOT.draw(np.random.default_rng(6), 200)[["i1", "i2"]]

    assert ordinal_alpha(items).value is not None
    assert ordinal_alpha(items).dropped.isna().all()
    refused = categorical_omega(items)
    assert (refused.value, [note.code for note in refused.notes]) == (None, ["ordinal.two_items"])


@pytest.mark.parametrize("function", [categorical_omega, ordinal_alpha])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda items: items.iloc[:9], "ordinal.rows"),
        (lambda items: items.assign(i1=3.0), "ordinal.constant"),
        (lambda items: items.assign(i1=np.where(np.arange(200) < 3, 1.0, 2.0)), "ordinal.constant"),
        (lambda items: items.assign(i1=np.nan), "ordinal.rows"),
    ],
)
def test_what_is_not_defined_is_refused_with_a_reason(function, change, code):
    result = function(change(PILOT.draw(np.random.default_rng(7), 200)))

    assert (result.value, result.converged) == (None, False)
    assert code in [note.code for note in result.notes]
    assert all(str(note) for note in result.notes)


@pytest.mark.parametrize("function", [categorical_omega, ordinal_alpha])
def test_answers_that_are_no_codes_are_refused(function):
    items = PILOT.draw(np.random.default_rng(8), 200)

    with pytest.raises(ScoringError):
        function(items + np.random.default_rng(9).normal(size=items.shape))
    with pytest.raises(ScoringError):
        function(items, minimum=-1)
    with pytest.raises(ScoringError):
        function(items[["i1"]])
