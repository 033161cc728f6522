import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.factors import number_of_factors, parallel_analysis, velicer_map
from scoring.factors.parallel import _shuffle
from scoring.factors.polychoric_stacks import solve_polychoric
from scoring.polychoric import polychoric_correlations

FULL = Path(__file__).resolve().parents[1] / "reference" / "r"


def block(name):
    values = json.loads((FULL / f"{name}.json").read_text(encoding="utf-8"))
    return values["factor_wave0_mentees" if name == "sim_dyads_a" else "factor"]


def answers(r_data, name):
    data = r_data(name)
    if name == "sim_dyads_a":
        data = data[(data["role"] == "mentee") & (data["wave"] == 0)]
    return data[block(name)["pearson"]["rows"]]


def codes(result):
    return {note.code for note in result.notes}


def simulated(n=600, k_factors=3, per_factor=4, loading=0.7, seed=3):
    rng = np.random.default_rng(seed)
    L = np.kron(np.eye(k_factors), np.full((per_factor, 1), loading))
    latent = rng.normal(size=(n, k_factors)) @ L.T + rng.normal(size=(n, len(L))) * np.sqrt(1 - loading**2)
    names = [f"q{place:02d}" for place in range(len(L))]
    return pd.DataFrame(np.digitize(latent, [-1.2, -0.3, 0.4, 1.3]) + 1.0, columns=names)


@pytest.mark.parametrize("name", ["bfi", "holzinger", "lq2002", "sim_dyads_a"])
def test_eigenvalues_and_numbers_are_those_of_r(r_data, name):
    expected = block(name)["parallel"]
    items = answers(r_data, name)

    full = parallel_analysis(items, n_sets=60)
    reduced = parallel_analysis(items, n_sets=60, reduced=True)

    assert full.observed == pytest.approx(expected["pc_eigen_observed"], abs=1e-8)
    assert reduced.observed == pytest.approx(expected["fa_eigen_observed"], abs=1e-5)
    assert full.k_suggested == pytest.approx(expected["ncomp"], abs=1)
    assert reduced.k_suggested == pytest.approx(expected["nfact"], abs=1)
    assert full.n_used == block(name)["n"]
    # psych's means are of normal samples of the same size, ours of shuffled answers: the same up to noise.
    assert full.reference_mean == pytest.approx(expected["pc_eigen_sim_mean"], abs=0.03)
    assert reduced.reference_mean[0] == pytest.approx(expected["fa_eigen_sim_mean"][0], abs=0.15)


@pytest.mark.parametrize("correlations", ["pearson", "polychoric"])
@pytest.mark.parametrize("reduced", [False, True])
def test_the_simulated_number_is_found(correlations, reduced):
    result = parallel_analysis(simulated(), n_sets=40, correlations=correlations, reduced=reduced)

    assert result.k_suggested == 3
    assert (result.converged, result.n_sets, result.k_items) == (True, 40, 12)
    assert (result.reference >= result.reference_mean).all()


def test_answers_without_any_relation_hold_no_factor():
    shuffled = simulated(k_factors=1, per_factor=8, loading=0.0)

    hits = [parallel_analysis(shuffled, n_sets=40, seed=seed).k_suggested for seed in range(5)]

    assert max(hits) <= 1
    assert velicer_map(shuffled).k_suggested == 0
    assert "map.none" in codes(velicer_map(shuffled))


def test_a_lower_quantile_lets_more_factors_through():
    items = simulated(loading=0.35)

    strict = parallel_analysis(items, n_sets=60, quantile=0.999)
    loose = parallel_analysis(items, n_sets=60, quantile=0.05)

    assert (loose.reference < strict.reference).all()
    assert loose.k_suggested >= strict.k_suggested


def test_a_shuffle_keeps_margins_and_the_pattern_of_missing_answers():
    rng = np.random.default_rng(1)
    numbers = np.where(rng.random((4, 50)) < 0.2, np.nan, rng.integers(1, 6, size=(4, 50)).astype(float))
    known = ~np.isnan(numbers)

    shuffled = _shuffle(numbers, known, None, rng)

    assert (np.isnan(shuffled) == np.isnan(numbers)).all()
    for row, before in zip(shuffled, numbers, strict=True):
        assert np.sort(row[~np.isnan(row)]).tolist() == np.sort(before[~np.isnan(before)]).tolist()
    assert not np.array_equal(shuffled, numbers, equal_nan=True)
    assert _shuffle(numbers, known, int(known.all(axis=0).sum()), rng).shape == (4, known.all(axis=0).sum())


def test_missing_answers_widen_the_reference():
    """Half the answers gone leaves a quarter of the pairs, so random eigenvalues spread more."""
    items = simulated(n=800)
    holes = items.mask(np.random.default_rng(2).random(items.shape) < 0.5)

    full = parallel_analysis(items, n_sets=40)
    pairwise = parallel_analysis(holes, n_sets=40, missing="pairwise")

    assert pairwise.reference[0] > full.reference[0] + 0.1
    assert pairwise.n_used == (holes.notna().sum(axis=1) > 1).sum()
    assert "correlations.pairwise" in codes(pairwise)
    with pytest.raises(ScoringError) as caught:
        parallel_analysis(holes, n_sets=40)
    assert caught.value.code == "parallel.rows"


def test_polychoric_sets_handle_missing_answers_too():
    items = simulated(n=300).mask(np.random.default_rng(2).random((300, 12)) < 0.03)

    for missing in ("listwise", "pairwise"):
        result = parallel_analysis(items, n_sets=15, correlations="polychoric", missing=missing)
        assert result.k_suggested == 3
        assert result.converged


def test_the_seed_decides_the_sets():
    items = simulated(n=200)

    first, second, third = (parallel_analysis(items, n_sets=20, seed=seed) for seed in (1, 1, 2))

    assert first.reference.tolist() == second.reference.tolist()
    assert first.reference.tolist() != third.reference.tolist()


def test_stacked_polychoric_correlations_are_those_of_single_samples():
    items = simulated(n=250)
    ranks = (items.to_numpy().T - 1).astype(np.int8)
    expected = polychoric_correlations(items).correlations.to_numpy()
    double = polychoric_correlations(pd.concat([items, items.iloc[:50]])).correlations.to_numpy()
    weights = np.ones(250)
    weights[:50] = 2

    plain = solve_polychoric(iter([ranks, ranks]), 2, 5)
    weighted = solve_polychoric(iter([ranks]), 1, 5, iter([weights]))

    assert plain == pytest.approx(np.stack([expected, expected]), abs=1e-8)
    assert weighted[0] == pytest.approx(double, abs=1e-8)


def test_a_sample_that_misses_categories_is_still_solved():
    items = simulated(n=250)
    ranks = (items.to_numpy().T - 1).astype(np.int8)
    part = items[(items["q00"] > 1) & (items["q01"] < 5)]
    weights = ((ranks[0] > 0) & (ranks[1] < 4)).astype(float)

    result = solve_polychoric(iter([ranks]), 1, 5, iter([weights]))

    assert result[0] == pytest.approx(polychoric_correlations(part).correlations.to_numpy(), abs=1e-8)


def test_sets_that_lack_the_highest_category_are_solved_together():
    """One answer in fifteen is the highest, and few rows are complete."""
    rng = np.random.default_rng(3)
    items = pd.DataFrame(rng.integers(1, 3, size=(15, 4)).astype(float), columns=list("abcd"))
    items.loc[0, "a"] = 3.0
    items.loc[8:, "b"] = np.nan

    result = parallel_analysis(items, n_sets=20, correlations="polychoric")

    assert np.isfinite(result.reference).all()


@pytest.mark.parametrize("name", ["bfi", "holzinger", "lq2002", "sim_dyads_a"])
def test_map_is_that_of_r(r_data, name):
    expected = block(name)

    result = velicer_map(answers(r_data, name))

    series = result.average_squared_partials.loc[1 : len(expected["map_velicer"])]
    assert series.to_numpy() == pytest.approx(expected["map_velicer"], rel=1e-6)
    assert result.k_suggested == expected["map_nfactors"]


def test_map_of_no_component_is_the_mean_squared_correlation():
    matrix = pd.DataFrame(
        [[1, 0.5, 0.3], [0.5, 1, 0.1], [0.3, 0.1, 1]], index=list("abc"), columns=list("abc")
    )

    result = velicer_map(matrix, n=50)

    assert result.average_squared_partials.loc[0] == pytest.approx((0.25 + 0.09 + 0.01) / 3)
    assert "parallel.n_low" in codes(result)


def test_map_stops_where_nothing_is_left_of_an_item():
    items = simulated(n=200, k_factors=1)
    items["copy"] = items["q00"]

    result = velicer_map(items)

    assert np.isfinite(result.average_squared_partials).all()


def test_both_kinds_stand_side_by_side():
    result = number_of_factors(simulated(), n_sets=30)

    assert (result.verdict, result.k_suggested) == ("agreed", 3)
    assert (result.pearson.correlations, result.polychoric.correlations) == ("pearson", "polychoric")
    assert (result.map_pearson.k_suggested, result.map_polychoric.k_suggested) == (3, 3)


def test_measured_items_have_the_pearson_half_only(r_data):
    result = number_of_factors(answers(r_data, "holzinger"), n_sets=30)

    assert (result.polychoric, result.map_polychoric) == (None, None)
    assert "factors.not_ordinal" in codes(result)
    assert result.k_suggested == result.pearson.k_suggested == 3


def test_more_than_one_factor_of_difference_is_undetermined():
    """Two-way answers of very different difficulty: Pearson finds factors of difficulty, polychoric correlations do not."""
    rng = np.random.default_rng(4)
    latent = rng.normal(size=(2_000, 1)) * 0.8 + rng.normal(size=(2_000, 18)) * 0.6
    cuts = np.repeat([-1.5, 0.0, 1.5], 6)
    items = pd.DataFrame((latent > cuts).astype(float), columns=[f"d{place:02d}" for place in range(18)])

    result = number_of_factors(items, n_sets=30)

    assert result.pearson.k_suggested - result.polychoric.k_suggested > 1
    assert (result.verdict, result.k_suggested) == ("undetermined", None)
    assert "factors.undetermined" in codes(result)


def test_a_small_sample_is_said():
    assert "parallel.n_low" in codes(parallel_analysis(simulated(n=60), n_sets=10))
    assert "parallel.n_low" in codes(number_of_factors(simulated(n=60), n_sets=10))


def test_two_items_and_doubled_labels_do_no_harm():
    items = simulated(n=150)[["q00", "q01"]].set_axis([0] * 150, axis=0)

    for reduced in (False, True):
        assert parallel_analysis(items, n_sets=10, reduced=reduced).k_suggested >= 1
    assert velicer_map(items).converged


def test_sets_without_correlations_are_left_out_and_counted():
    """One answer in sixty differs, so that complete rows of a shuffled set often lack it."""
    rng = np.random.default_rng(1)
    items = pd.DataFrame(rng.integers(1, 6, size=(60, 4)).astype(float), columns=list("abcd"))
    items["a"] = 1.0
    items.loc[0, "a"] = 2.0
    items.loc[30:, "b"] = np.nan

    result = parallel_analysis(items, n_sets=40)

    assert 0 < result.n_sets < 40
    assert not result.converged
    assert "parallel.left_out" in codes(result)


@pytest.mark.parametrize(
    ("items", "arguments", "code"),
    [
        (pd.DataFrame(), {}, "parallel.items"),
        (simulated(n=5), {}, "parallel.rows"),
        (simulated(n=50).assign(q00=1.0), {}, "parallel.constant"),
        (simulated(n=50).assign(q00=np.nan), {"missing": "pairwise"}, "parallel.empty"),
        (simulated(n=50).assign(q00=np.inf), {}, "parallel.number"),
        (simulated(n=50).corr(), {}, "parallel.matrix"),
        (simulated(n=50), {"n_sets": 0}, "parallel.sets"),
        (simulated(n=50), {"quantile": 1.0}, "parallel.quantile"),
        (simulated(n=50), {"seed": -1}, "parallel.seed"),
        (simulated(n=50), {"correlations": "rank"}, "parallel.correlations"),
        (simulated(n=50), {"missing": "none"}, "parallel.missing"),
        (simulated(n=50) + 0.5, {"correlations": "polychoric"}, "polychoric.code"),
    ],
)
def test_input_that_cannot_be_shuffled_is_refused_by_name(items, arguments, code):
    with pytest.raises(ScoringError) as caught:
        parallel_analysis(items, **{"n_sets": 5} | arguments)

    assert caught.value.code == code
