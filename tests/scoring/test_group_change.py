import json
import math

import numpy as np
import pandas as pd
import pytest

from scoring import group_change as module
from scoring.errors import Note, ScoringError
from scoring.group_change import group_change, long_table
from scoring.pair_change import pair_change
from scoring.pair_scores import PairScores
from scoring.serialize import to_plain

NAN = math.nan


def lay_out(values, waves=None, roles=("mentor", "mentee")):
    values = np.asarray(values, dtype=float)
    waves = tuple(range(values.shape[2])) if waves is None else waves
    used = int((~np.isnan(values)).sum())
    return PairScores(values, None, 1, pd.RangeIndex(len(values)), roles, waves, used, values.size - used, ())


def draw(n, waves=2, *, seed=1, missing=0.0):
    rng = np.random.default_rng(seed)
    values = 3 + 0.5 * rng.normal(size=(n, 1, 1)) + 0.6 * rng.normal(size=(n, 2, 1))
    values = values + 0.3 * rng.normal(size=(n, 1, waves)) + 0.5 * rng.normal(size=(n, 2, waves))
    values = values + np.array([0.0, 0.4])[None, :, None] * np.arange(waves)
    values[rng.random(values.shape) < missing] = NAN
    return values


def codes(result):
    return [note.code for note in result.notes]


@pytest.mark.parametrize(
    ("n", "waves", "method", "structure"),
    [
        (19, 2, "pair contrasts", None),
        (20, 2, "mixed model", "unstructured"),
        (31, 3, "mixed model", "occasions"),
        (32, 3, "mixed model", "unstructured"),
        (53, 4, "mixed model", "occasions"),
        (54, 4, "mixed model", "unstructured"),
    ],
)
def test_the_number_of_pairs_decides_the_analysis(n, waves, method, structure):
    result = group_change(lay_out(draw(n, waves)))

    assert (result.method, result.structure, result.fallback, result.converged) == (
        method,
        structure,
        False,
        True,
    )
    assert list(result.contrasts.index.get_level_values("contrast").unique()) == [
        "mentor",
        "mentee",
        "common",
        "gap",
    ]
    assert len(result.contrasts) == 4 * (waves - 1)
    assert result.n_used == n
    assert json.dumps(to_plain(result))


def test_complete_pairs_give_the_same_with_all_covariances_free_as_contrasts_of_pairs():
    scores = lay_out(draw(30, seed=5))
    columns = ["estimate", "se", "df", "t", "p", "low", "high"]

    model, pairs = group_change(scores), group_change(scores, method="pair contrasts")

    assert model.method == "mixed model"
    assert np.allclose(model.contrasts[columns], pairs.contrasts[columns], rtol=1e-6)
    assert np.allclose(model.means, pairs.means, rtol=1e-8)


def test_contrasts_below_twenty_are_those_of_pairs():
    scores = lay_out(draw(12, 3, seed=2))

    result = group_change(scores)

    for wave in (1, 2):
        expected = pair_change(scores, 0, wave).contrasts
        assert np.allclose(result.contrasts.loc[wave], expected[result.contrasts.columns], equal_nan=True)
    assert result.degrees_of_freedom == "t"
    assert result.tests.empty
    assert codes(result)[0] == "change.few_pairs"
    assert "change.research" not in codes(result)


def test_incomplete_pairs_count_in_the_model():
    values = draw(60, missing=0.15, seed=3)

    result = group_change(lay_out(values))

    complete = (~np.isnan(values)).all(axis=(1, 2))
    assert result.n_used == complete.sum()
    assert result.n_used + result.n_partial + result.n_dropped == 60
    assert result.n_partial > 5
    alone = group_change(lay_out(values[complete]))
    # More scores, smaller errors.
    assert (result.contrasts["se"] < alone.contrasts["se"]).all()


def test_tests_of_role_wave_and_both_are_f_tests_of_balanced_means():
    values = draw(40, seed=7)
    change = values[:, :, 1] - values[:, :, 0]

    tests = group_change(lay_out(values)).tests

    def f(differences):
        return len(differences) * differences.mean() ** 2 / differences.var(ddof=1)

    assert tests.at["wave", "F"] == pytest.approx(f(change.mean(axis=1)))
    assert tests.at["role x wave", "F"] == pytest.approx(f(change[:, 0] - change[:, 1]))
    assert tests.at["role", "F"] == pytest.approx(f((values[:, 0] - values[:, 1]).mean(axis=1)))
    assert tests["df"].tolist() == pytest.approx([39] * 3)


def test_intercepts_alone_take_shared_change_for_certainty():
    """The reason for the richer structures: partners who change together make the common change less certain, the gap more."""
    rng = np.random.default_rng(9)
    values = draw(100, seed=8)
    values[:, :, 1] += rng.normal(size=(100, 1))
    scores = lay_out(values)

    plain, rich = (
        group_change(scores, structure=s).contrasts["se"].loc[1] for s in ("intercepts", "occasions")
    )
    paired = pair_change(scores).contrasts["se"]

    assert plain["common"] < 0.85 * paired["common"]
    assert plain["gap"] > 1.2 * paired["gap"]
    assert rich["common"] == pytest.approx(paired["common"], rel=0.02)
    assert rich["gap"] == pytest.approx(paired["gap"], rel=0.02)


def test_the_roles_can_have_other_names():
    result = group_change(lay_out(draw(25), waves=("T0", "T3a"), roles=("junior", "senior")))

    assert result.contrasts.loc[("T3a", "senior"), "estimate"] > 0.1
    assert result.means.index.tolist() == ["junior", "senior"]


def test_satterthwaite_can_be_asked_for():
    scores = lay_out(draw(40, missing=0.1))

    result = group_change(scores, degrees_of_freedom="satterthwaite")

    assert result.degrees_of_freedom == "satterthwaite"
    assert result.contrasts["df"].tolist() == pytest.approx(
        group_change(scores).contrasts["df"].tolist(), rel=0.1
    )


# Fallbacks and bad input


def test_a_model_that_fails_gives_way_to_contrasts_of_pairs(monkeypatch):
    scores = lay_out(draw(30))
    real, tried = module.fit_mixed, []

    def fail(*arguments, **options):
        tried.append(set(arguments[3]))
        raise ScoringError("mixed.few", "There are too few.", "Wait.")

    monkeypatch.setattr(module, "fit_mixed", fail)

    result = group_change(scores)

    assert tried == [{"pair"}, {"pair", "person", "pair at wave"}]
    assert (result.method, result.fallback, result.converged) == ("pair contrasts", True, True)
    assert codes(result)[0] == "change.fallback"
    assert "There are too few." in str(result.notes[0])
    assert real is not module.fit_mixed


def test_a_model_that_does_not_converge_gives_way_to_a_simpler_one(monkeypatch):
    from dataclasses import replace

    real = module.fit_mixed

    def stop(*arguments, **options):
        model = real(*arguments, **options)
        failed = set(arguments[3]) == {"pair"}
        return (
            replace(model, converged=not failed, notes=(Note("mixed.converged", "It did not."),))
            if failed
            else model
        )

    monkeypatch.setattr(module, "fit_mixed", stop)

    result = group_change(lay_out(draw(30)))

    assert (result.structure, result.fallback) == ("occasions", False)
    assert "change.simpler" in codes(result)


def test_equal_changes_fall_back_and_say_so():
    values = draw(30)
    values[:, :, 1] = values[:, :, 0] + 0.4

    result = group_change(lay_out(values))

    assert (result.method, result.fallback, result.converged) == ("pair contrasts", True, False)
    assert {"change.fallback", "change.equal"} <= set(codes(result))
    assert result.contrasts["estimate"].tolist() == pytest.approx([0.4, 0.4, 0.4, 0.0])


def test_scores_without_any_variance_are_no_crash():
    for value in (3.0, np.arange(30.0)[:, None, None]):
        result = group_change(lay_out(np.zeros((30, 2, 2)) + value))
        assert result.fallback
        assert "change.equal" in codes(result)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_hardly_any_pairs_are_no_crash(n):
    values = draw(n) if n else np.array([[[1.0, NAN], [NAN, 1.0]]])

    result = group_change(lay_out(values))

    assert (result.method, result.n_used, result.gate) == (
        "pair contrasts",
        n,
        "means" if n == 5 else "participation",
    )
    assert result.converged == (n >= 2)


def test_pairs_with_one_member_only_count_for_what_they_say():
    values = draw(50)
    values[:15, 1, :] = NAN

    result = group_change(lay_out(values))

    assert (result.n_used, result.n_partial) == (35, 15)


def test_no_complete_pair_and_yet_many_scores():
    values = draw(40)
    values[:20, 0, 1] = NAN
    values[20:, 1, 0] = NAN

    result = group_change(lay_out(values))

    assert (result.method, result.n_used) == ("pair contrasts", 0)
    assert result.contrasts["estimate"].isna().all()
    # The model can be asked for all the same.
    forced = group_change(lay_out(values), method="mixed model")
    assert forced.n_used == 0
    assert forced.n_partial in {0, 40}


def test_options_that_cannot_be_used_are_named():
    for code, scores, options in (
        ("change.wave", lay_out(draw(30)[:, :, :1]), {}),
        ("change.confidence", lay_out(draw(30)), {"confidence": 2.0}),
        ("change.structure", lay_out(draw(30)), {"structure": "diagonal"}),
    ):
        with pytest.raises(ScoringError) as caught:
            group_change(scores, **options)
        assert caught.value.code == code


def test_the_long_table_holds_every_score_once():
    values = draw(5, 3, missing=0.3)

    table = long_table(lay_out(values))

    assert len(table) == (~np.isnan(values)).sum()
    assert table["score"].to_numpy() == pytest.approx(
        values[table["pair"], table["role"], table["wave"]].tolist()
    )


def test_ten_thousand_pairs_are_no_trouble():
    result = group_change(lay_out(draw(10_000, 3, missing=0.1)))

    assert result.structure == "unstructured"
    assert result.contrasts.loc[(2, "gap"), "estimate"] == pytest.approx(-0.8, abs=0.06)
