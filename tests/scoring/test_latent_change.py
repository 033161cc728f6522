import json
import math

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.latent_change import latent_change
from scoring.retest import Reliability
from scoring.serialize import to_plain

NAN = math.nan


def draw(n, *, seed=1, items=3):
    """Items of one factor at two waves: mean change .5, variance of change .3, covariance with the baseline -.1."""
    rng = np.random.default_rng(seed)
    true = rng.multivariate_normal([0.0, 0.5], [[1.0, -0.1], [-0.1, 0.3]], size=n)
    own = 0.3 * rng.normal(size=(n, items))
    loadings = np.array([1.0, 0.8, 1.2, 0.9, 1.1][:items])
    waves = []
    for factor in (true[:, 0], true.sum(axis=1)):
        waves.append(pd.DataFrame(3 + np.outer(factor, loadings) + own + 0.5 * rng.normal(size=(n, items))))
    return waves


def codes(result):
    return [note.code for note in result.notes]


def test_items_tell_true_change_from_error():
    result = latent_change(*draw(4_000))

    found = result.parameters["estimate"]
    assert found["mean_change"] == pytest.approx(0.5, abs=0.05)
    assert found["variance_change"] == pytest.approx(0.3, abs=0.04)
    assert found["covariance"] == pytest.approx(-0.1, abs=0.04)
    assert result.correlation == pytest.approx(-0.1 / math.sqrt(0.3), abs=0.06)
    assert (result.kind, result.df, result.converged) == ("items", 9, True)
    assert result.chi_square < 30
    assert json.dumps(to_plain(result))


def test_single_scores_are_plain_change():
    before, after = (wave.mean(axis=1) for wave in draw(150))

    result = latent_change(before, after)

    d = after - before
    found = result.parameters
    assert found.at["mean_change", "estimate"] == pytest.approx(d.mean(), abs=1e-7)
    assert found.at["variance_change", "estimate"] == pytest.approx(d.var(ddof=0), abs=1e-6)
    assert found.at["mean_change", "se"] == pytest.approx(d.std(ddof=0) / math.sqrt(150), abs=1e-6)
    assert "latent.no_error" in codes(result)


def test_a_known_error_is_taken_out_of_the_variance_of_change():
    before, after = (wave.mean(axis=1) for wave in draw(150))
    known = Reliability(0.91, 1.0, "retest", 12, "field", 200)

    plain, corrected = latent_change(before, after), latent_change(before, after, reliability=known)

    gone = plain.parameters["estimate"] - corrected.parameters["estimate"]
    # SEM^2 = .09: once from the baseline, twice from the change, once from the covariance.
    assert gone[["variance_before", "variance_change", "covariance"]].tolist() == pytest.approx(
        [0.09, 0.18, -0.09], abs=1e-5
    )
    assert gone["mean_change"] == pytest.approx(0.0, abs=1e-6)


def test_too_much_error_leaves_no_true_change():
    before, after = (wave.mean(axis=1) for wave in draw(150))

    result = latent_change(before, after, reliability=Reliability(0.2, 1.0, "retest", 12, "field", 200))

    assert result.correlation is None
    assert "latent.negative" in codes(result)


def test_missing_answers_can_be_used():
    before, after = draw(300)
    after = after.where(np.random.default_rng(1).random(after.shape) > 0.1)

    full, listwise = latent_change(before, after, missing="fiml"), latent_change(before, after)

    assert (full.n_used, full.n_dropped) == (300, 0)
    assert listwise.n_used == 300 - listwise.n_dropped < 300
    assert full.parameters.at["mean_change", "se"] < listwise.parameters.at["mean_change", "se"]


def test_small_samples_are_remarked():
    assert "latent.few" in codes(latent_change(*draw(99)))
    assert "latent.few" not in codes(latent_change(*draw(100)))


def test_people_are_paired_by_their_labels():
    before, after = draw(150)

    assert latent_change(before, after.sample(frac=1.0, random_state=1)).chi_square == pytest.approx(
        latent_change(before, after).chi_square, abs=1e-6
    )


def test_waves_that_cannot_be_used_are_named():
    before, after = draw(150)
    for code, arguments in (
        ("latent.items", (before, after.iloc[:, :2])),
        ("latent.items", (before.iloc[:, :0], after.iloc[:, :0])),
        ("latent.index", (before.set_axis([0] * 150), after)),
    ):
        with pytest.raises(ScoringError) as caught:
            latent_change(*arguments)
        assert caught.value.code == code
    for bad in (before * NAN, before * 0 + 1, before.replace(before.iloc[0, 0], math.inf)):
        with pytest.raises(ScoringError):
            latent_change(bad, after)
    with pytest.raises(ScoringError) as caught:
        latent_change(before[0], after[0], reliability=Reliability(0.83, 1.0, "alpha"))
    assert caught.value.code == "change.alpha"
