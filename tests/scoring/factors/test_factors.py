import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.factors import (
    align_factors,
    fit_factors,
    loading_intervals,
    sampling_adequacy,
    sampling_adequacy_of,
    schmid_leiman,
)
from scoring.factors.correlations import read_correlations
from scoring.factors.extraction import extract_factors
from scoring.factors.rotation import match_columns

FULL = Path(__file__).resolve().parents[1] / "reference" / "r"
KEYS = ["A1", "C4", "C5", "E1", "E2", "O2", "O5"]


def reference(r_data, r_values, name):
    expected = r_values(name)["factor"]
    data = r_data(name)
    if name == "sim_dyads_a":
        data = data[(data["role"] == "mentee") & (data["wave"] == 0)]
    return data[list(expected["kmo_item"])], expected


def full_values(name):
    return json.loads((FULL / f"{name}.json").read_text(encoding="utf-8"))


def frame(matrix):
    return pd.DataFrame(matrix["values"], index=matrix["rows"], columns=matrix["cols"])


def codes(result):
    return {note.code for note in result.notes}


def simulated(n=400, k_factors=3, per_factor=5, r=0.3, loading=0.7, seed=5):
    """Answers 1 to 5 with a known simple structure."""
    rng = np.random.default_rng(seed)
    phi = np.full((k_factors, k_factors), r) + (1 - r) * np.eye(k_factors)
    scores = rng.normal(size=(n, k_factors)) @ np.linalg.cholesky(phi).T
    L = np.kron(np.eye(k_factors), np.full((per_factor, 1), loading))
    latent = scores @ L.T + rng.normal(size=(n, len(L))) * np.sqrt(1 - loading**2)
    names = [f"q{place:02d}" for place in range(len(L))]
    return pd.DataFrame(np.digitize(latent, [-1.4, -0.6, 0.2, 1.1]) + 1.0, columns=names)


def population(L, phi):
    matrix = L @ phi @ L.T
    np.fill_diagonal(matrix, 1.0)
    names = [f"v{place}" for place in range(len(L))]
    return pd.DataFrame(matrix, index=names, columns=names)


SIMPLE = np.kron(np.eye(3), np.array([[0.8], [0.7], [0.6], [0.5]]))
PHI = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.2], [0.3, 0.2, 1.0]])


# Adequacy


@pytest.mark.parametrize("name", ["bfi", "holzinger", "lq2002", "sim_dyads_a"])
def test_kmo_and_bartlett_are_those_of_r(r_data, r_values, name):
    items, expected = reference(r_data, r_values, name)

    result = sampling_adequacy(items)

    assert result.n_used == expected["n"]
    assert result.overall == pytest.approx(expected["kmo_overall"], abs=1e-8)
    assert result.items == pytest.approx(expected["kmo_item"], abs=1e-8)
    assert result.chi_square == pytest.approx(expected["bartlett"]["chisq"], rel=1e-6)
    assert result.df == expected["bartlett"]["df"]
    assert result.p == pytest.approx(expected["bartlett"]["p"], abs=1e-9)
    assert (result.converged, result.notes) == (True, ())


def test_the_matrix_alone_gives_the_same_adequacy(r_data, r_values):
    items, expected = reference(r_data, r_values, "holzinger")

    result = sampling_adequacy_of(items.corr(), len(items))

    assert result.overall == pytest.approx(expected["kmo_overall"], abs=1e-8)
    assert result.items == pytest.approx(expected["kmo_item"], abs=1e-8)
    assert result.chi_square == pytest.approx(expected["bartlett"]["chisq"], rel=1e-6)


def test_the_unit_of_the_items_does_not_matter(r_data, r_values):
    """In small units factor_analyzer would take a pseudo-inverse and warn."""
    items, expected = reference(r_data, r_values, "holzinger")

    result = sampling_adequacy(items * 1e-4)

    assert result.overall == pytest.approx(expected["kmo_overall"], abs=1e-8)


def test_items_that_share_nothing_are_said_to():
    rng = np.random.default_rng(2)

    result = sampling_adequacy(pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd")))

    assert result.overall < 0.6
    assert [note.code for note in result.notes] == ["kmo.low"]


def singular():
    values = np.random.default_rng(1).normal(size=(50, 3))
    return pd.DataFrame({"a": values[:, 0], "b": values[:, 1], "c": values[:, 2], "sum": values.sum(axis=1)})


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (pd.DataFrame(np.random.default_rng(1).normal(size=(3, 3)), columns=list("abc")), "adequacy.rows"),
        (pd.DataFrame({"a": [1.0, 1, 1, 1], "b": [1.0, 2, 3, 5]}), "adequacy.constant"),
        (singular(), "adequacy.singular"),
    ],
)
def test_an_undefined_measure_is_none_with_a_named_note(items, code):
    result = sampling_adequacy(items)

    assert (result.overall, result.items, result.chi_square, result.p) == (None, {}, None, None)
    assert not result.converged
    assert [note.code for note in result.notes] == [code]


@pytest.mark.parametrize(("n", "code"), [(3, "adequacy.rows"), (50, "adequacy.singular")])
def test_a_matrix_without_adequacy_says_why(n, code):
    result = sampling_adequacy_of(singular().corr(), n)

    assert (result.overall, result.chi_square, result.converged) == (None, None, False)
    assert codes(result) == {code}


def test_one_item_is_refused():
    with pytest.raises(ScoringError) as caught:
        sampling_adequacy(pd.DataFrame({"a": [1.0, 2.0]}))

    assert caught.value.code == "adequacy.items"


# The solution: recovery of a known structure


@pytest.mark.parametrize("method", ["minres", "ml"])
def test_an_exact_factor_structure_is_recovered(method):
    result = fit_factors(population(SIMPLE, PHI), 3, method=method, n=500)

    order, signs = match_columns(SIMPLE, result.loadings.to_numpy()[None])
    found = result.loadings.to_numpy()[:, order[0]] * signs[0]
    phi = result.factor_correlations.to_numpy()[np.ix_(order[0], order[0])]
    assert found == pytest.approx(SIMPLE, abs=1e-6)
    assert phi == pytest.approx(PHI, abs=1e-6)
    assert result.uniquenesses.to_numpy() == pytest.approx(1 - (SIMPLE**2).sum(axis=1), abs=1e-6)
    assert result.objective == pytest.approx(0, abs=1e-12)
    assert result.chi_square == pytest.approx(0, abs=1e-8)
    assert (result.rmsea, result.rmsea_low, result.converged) == (0.0, 0.0, True)


def test_the_parts_of_a_solution_fit_together(r_data, r_values):
    items, _ = reference(r_data, r_values, "bfi")

    result = fit_factors(items, 5)

    L, phi = result.loadings.to_numpy(), result.factor_correlations.to_numpy()
    A = result.unrotated.to_numpy()
    assert L @ phi @ L.T == pytest.approx(A @ A.T, abs=1e-10)
    rotated = A @ np.linalg.inv(result.transformation).T
    assert rotated == pytest.approx(L, abs=1e-10)
    assert result.transformation.T @ result.transformation == pytest.approx(phi, abs=1e-10)
    assert result.structure.to_numpy() == pytest.approx(L @ phi, abs=1e-12)
    assert result.communalities.to_numpy() == pytest.approx(np.diag(L @ phi @ L.T), abs=1e-10)
    assert result.variance["ss_loadings"].sum() == pytest.approx(result.communalities.sum(), abs=1e-10)
    assert result.variance["cumulative"].iloc[-1] == pytest.approx(result.communalities.mean(), abs=1e-10)
    assert result.variance["ss_loadings"].is_monotonic_decreasing
    assert (result.loadings.sum() > 0).all()
    assert np.diag(phi) == pytest.approx(1.0, abs=0)


@pytest.mark.parametrize("method", ["minres", "ml"])
def test_the_extraction_ends_where_no_neighbour_is_better(r_data, r_values, method):
    items, _ = reference(r_data, r_values, "lq2002")
    matrix = items.dropna().corr().to_numpy()[None]
    found = extract_factors(matrix, 3, method)

    for shift in np.random.default_rng(3).normal(size=(20, 1, matrix.shape[1])) * 1e-3:
        psi = np.clip(found.uniquenesses + shift, 0.005, 1.0)
        near = _objective(matrix[0], psi[0], 3, method)
        assert near >= found.objective[0] - 1e-12


def _objective(matrix, psi, m, method):
    """The criteria as their definitions write them."""
    if method == "minres":
        return 0.5 * (np.linalg.eigvalsh(matrix - np.diag(psi))[:-m] ** 2).sum()
    scale = 1 / np.sqrt(psi)
    left = np.linalg.eigvalsh(matrix * np.outer(scale, scale))[:-m]
    return (left - np.log(left) - 1).sum()


@pytest.mark.parametrize("rotation", ["oblimin", "promax", "varimax", "none"])
def test_the_order_of_the_items_and_the_seed_change_nothing(r_data, r_values, rotation):
    items, _ = reference(r_data, r_values, "bfi")
    first = fit_factors(items, 4, rotation=rotation)

    second = fit_factors(items[items.columns[::-1]], 4, rotation=rotation, seed=9)

    assert second.loadings.loc[first.loadings.index].to_numpy() == pytest.approx(
        first.loadings.to_numpy(), abs=1e-6
    )
    assert second.factor_correlations.to_numpy() == pytest.approx(
        first.factor_correlations.to_numpy(), abs=1e-6
    )


def test_items_and_their_matrix_give_the_same_solution(r_data, r_values):
    items, expected = reference(r_data, r_values, "holzinger")
    from_items = fit_factors(items, 3)

    from_matrix = fit_factors(items.corr(), 3, n=expected["n"])

    pd.testing.assert_frame_equal(from_matrix.loadings, from_items.loadings, atol=1e-9)
    assert from_matrix.chi_square == pytest.approx(from_items.chi_square, rel=1e-9)
    assert (from_items.correlations, from_matrix.correlations) == ("pearson", "given")


def test_polychoric_loadings_are_nearer_to_the_truth_than_pearson_ones():
    items = simulated(n=3_000)

    gap = {
        kind: abs(fit_factors(items, 3, correlations=kind).loadings.max(axis=1) - 0.7).mean()
        for kind in ("pearson", "polychoric")
    }

    assert gap["polychoric"] < 0.02 < gap["pearson"]


def test_pairwise_deletion_keeps_what_listwise_drops():
    items = simulated(n=1_500)
    holes = items.mask(np.random.default_rng(1).random(items.shape) < 0.05)

    listwise = fit_factors(holes, 3)
    pairwise = fit_factors(holes, 3, missing="pairwise")

    assert (listwise.n_used, listwise.n_dropped) == (len(holes.dropna()), len(holes) - len(holes.dropna()))
    assert pairwise.n_used == len(holes)
    assert "correlations.pairwise" in codes(pairwise)
    assert pairwise.matrix.to_numpy() == pytest.approx(holes.corr().to_numpy(), abs=1e-12)
    assert (pairwise.loadings.max(axis=1) > 0.5).all()


# Negative controls


def largest_gaps(loadings, phi, expected):
    order, signs = match_columns(frame(expected["oblimin_loadings"]).to_numpy(), loadings[None])
    moved = loadings[:, order[0]] * signs[0]
    turned = phi[np.ix_(order[0], order[0])] * np.outer(signs[0], signs[0])
    return (
        abs(moved - frame(expected["oblimin_loadings"]).to_numpy()).max(),
        abs(turned - frame(expected["oblimin_phi"]).to_numpy()).max(),
    )


def test_factor_analyzers_own_factor_correlations_are_wrong_and_ours_are_not(r_data, r_values):
    items, _ = reference(r_data, r_values, "bfi")
    expected = full_values("bfi")["factor"]["efa_pearson"]["k5"]["minres_oblimin_tight"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from factor_analyzer import FactorAnalyzer

        theirs = FactorAnalyzer(5, rotation="oblimin", method="minres", is_corr_matrix=True)
        theirs.fit(items.dropna().corr().to_numpy())
    ours = fit_factors(items, 5)

    assert largest_gaps(theirs.loadings_, theirs.phi_, expected)[1] > 0.1
    loadings, phi = largest_gaps(ours.loadings.to_numpy(), ours.factor_correlations.to_numpy(), expected)
    assert max(loadings, phi) < 1e-4


def test_an_orthogonal_rotation_forced_on_related_factors_is_told_apart(r_data, r_values):
    items, _ = reference(r_data, r_values, "holzinger")
    expected = full_values("holzinger")["factor"]["efa_pearson"]["k3"]["minres_oblimin_tight"]

    forced = fit_factors(items, 3, rotation="varimax")

    loadings, phi = largest_gaps(forced.loadings.to_numpy(), forced.factor_correlations.to_numpy(), expected)
    assert loadings > 0.05
    assert phi > 0.2


def test_one_wrong_key_changes_the_loadings_and_is_named():
    items = simulated()
    wrong = items.assign(q03=6 - items["q03"])
    first = fit_factors(items, 3)

    second = fit_factors(wrong, 3)
    result = align_factors(first, second)

    assert abs(second.loadings.loc["q03"] - first.loadings.loc["q03"]).max() > 1
    assert result.items["q03"] == pytest.approx(-1, abs=1e-3)
    assert not result.converged
    assert [note.params["item"] for note in result.notes if note.code == "align.turned"] == ["q03"]


# Alignment


def test_a_permuted_and_turned_solution_is_brought_back():
    first = fit_factors(simulated(), 3)
    second = fit_factors(simulated().iloc[:, ::-1], 3)

    result = align_factors(first, second)

    assert result.converged
    assert list(result.solution.loadings.columns) == ["F1", "F2", "F3"]
    assert result.solution.loadings.loc[first.loadings.index].to_numpy() == pytest.approx(
        first.loadings.to_numpy(), abs=1e-6
    )
    assert result.congruence.to_numpy() == pytest.approx(1, abs=1e-9)
    L, phi = (part.to_numpy() for part in (result.solution.loadings, result.solution.factor_correlations))
    assert np.diag(L @ phi @ L.T) == pytest.approx(result.solution.communalities.to_numpy(), abs=1e-9)


def test_a_factor_without_counterpart_is_named():
    first = fit_factors(population(SIMPLE, PHI), 3)
    mixed = SIMPLE.copy()
    mixed[:4] = np.array([0.6, 0, 0]) * np.array([[1], [-1], [1], [-1]])
    second = fit_factors(population(mixed, np.eye(3)), 3)

    result = align_factors(first, second)

    assert not result.converged
    assert "align.different" in codes(result)


def test_different_items_or_numbers_of_factors_cannot_be_aligned():
    items = simulated()
    first = fit_factors(items, 3)

    with pytest.raises(ScoringError) as caught:
        align_factors(first, fit_factors(items, 2))
    assert caught.value.code == "align.factors"
    with pytest.raises(ScoringError) as caught:
        align_factors(first, fit_factors(items.drop(columns="q00"), 3))
    assert caught.value.code == "align.items"
    assert "q00" in str(caught.value)


# Notes


def test_a_heywood_case_is_marked_and_not_repaired():
    """Four factors of nine tests leave one without uniqueness, in R as well (`minres_oblimin_tight`, uniqueness .005)."""
    values = full_values("holzinger")["factor"]
    matrix = frame(values["pearson"])
    expected = values["efa_pearson"]["k4"]["minres_oblimin_tight"]

    result = fit_factors(matrix, 4, n=301)

    at_bound = [
        item for item, value in zip(matrix.index, expected["uniqueness"], strict=True) if value <= 0.0051
    ]
    assert list(result.heywood) == at_bound
    assert len(at_bound) == 1
    assert "factors.heywood" in codes(result)
    assert result.converged


def test_a_lower_minimum_is_noted_and_taken_only_on_demand():
    """R: psych stops at .0190, `factanal(nstart = 20)` finds .01725."""
    matrix = frame(full_values("holzinger")["factor"]["pearson"])

    usual = fit_factors(matrix, 4, method="ml", n=301)
    lowest = fit_factors(matrix, 4, method="ml", n=301, minimum="lowest")

    assert usual.objective == pytest.approx(0.01899775, abs=1e-7)
    assert lowest.objective == pytest.approx(0.01725037, abs=1e-7)
    assert "factors.lower_minimum" in codes(usual)
    assert "factors.lower_minimum" not in codes(lowest)


@pytest.mark.parametrize(
    ("n", "code"),
    [(60, "factors.n_low"), (99, "factors.n_low"), (None, "factors.n_unknown"), (7, "factors.n_tests")],
)
def test_small_and_unknown_numbers_are_said(n, code):
    result = fit_factors(population(SIMPLE, PHI), 3, n=n)

    assert code in codes(result)
    assert (result.chi_square is None) == (code != "factors.n_low")


def test_five_respondents_per_item_are_wanted_too():
    matrix = population(np.kron(np.eye(3), np.full((10, 1), 0.6)), PHI)

    assert "factors.n_low" in codes(fit_factors(matrix, 3, n=149))
    assert "factors.n_low" not in codes(fit_factors(matrix, 3, n=150))


def test_a_low_kmo_forbids_the_interpretation():
    items = pd.DataFrame(np.random.default_rng(2).normal(size=(400, 6)), columns=list("abcdef"))

    result = fit_factors(items, 1)

    assert result.kmo < 0.6
    assert "factors.kmo" in codes(result)


def test_items_that_repeat_others_have_loadings_but_no_tests():
    rng = np.random.default_rng(4)
    items = pd.DataFrame(rng.normal(size=(200, 1)) + rng.normal(size=(200, 6)), columns=list("abcdef"))
    items["copy"] = items["a"]

    result = fit_factors(items, 2)

    assert (result.chi_square, result.discrepancy, result.kmo) == (None, None, None)
    assert {"factors.singular", "factors.indefinite"} <= codes(result)
    with pytest.raises(ScoringError) as caught:
        fit_factors(items, 2, method="ml")
    assert caught.value.code == "factors.singular"


def test_a_saturated_model_has_no_fit():
    result = fit_factors(population(SIMPLE[:3, :1], np.eye(1)), 1, n=200)

    assert (result.df, result.p, result.rmsea, result.tli) == (0, None, None, None)
    assert "factors.saturated" in codes(result)
    assert result.loadings["F1"].to_numpy() == pytest.approx([0.8, 0.7, 0.6], abs=1e-7)


def test_few_polychoric_respondents_are_said():
    result = fit_factors(simulated(n=150), 3, correlations="polychoric")

    assert {"factors.polychoric_n", "factors.descriptive"} <= codes(result)


# Bad input


def answers(**columns):
    base = simulated(n=120, k_factors=1, per_factor=4)
    return base.assign(**columns)


@pytest.mark.parametrize(
    ("items", "arguments", "code"),
    [
        (pd.DataFrame(), {}, "factors.items"),
        (pd.DataFrame(columns=list("abcd"), dtype=float), {}, "factors.rows"),
        (answers().iloc[:4], {}, "factors.rows"),
        (answers(q00=3.0), {}, "factors.constant"),
        (answers(q00=np.nan), {}, "factors.rows"),
        (answers(q00=np.nan), {"missing": "pairwise"}, "factors.empty"),
        (answers(q00=np.nan), {"missing": "pairwise", "correlations": "polychoric"}, "factors.empty"),
        (answers(q00=3.0), {"correlations": "polychoric"}, "factors.constant"),
        (answers(q00=np.inf), {}, "factors.number"),
        (answers(q00="often"), {}, "factors.number"),
        (pd.concat([answers(), answers()[["q00"]]], axis=1), {}, "factors.column"),
        (answers().set_axis([1, "1", "a", "b"], axis=1), {}, "factors.column"),
        (answers(q00=np.linspace(1, 2, 120)), {"correlations": "polychoric"}, "polychoric.code"),
        (answers()[["q00", "q01"]], {}, "factors.few"),
        (answers(), {"k_factors": 2}, "factors.k_factors"),
        (answers(), {"k_factors": 0}, "factors.k_factors"),
        (answers(), {"k_factors": 1.5}, "factors.k_factors"),
        (answers(), {"method": "paf"}, "factors.method"),
        (answers(), {"rotation": "geomin"}, "factors.rotation"),
        (answers(), {"minimum": "best"}, "factors.minimum"),
        (answers(), {"correlations": "spearman"}, "factors.correlations"),
        (answers(), {"missing": "mean"}, "factors.missing"),
        (answers(), {"n": 100}, "factors.n"),
        (answers(), {"n_starts": -1}, "factors.starts"),
        (answers(), {"seed": -1}, "factors.seed"),
    ],
)
def test_input_that_gives_no_factors_is_refused_by_name(items, arguments, code):
    with pytest.raises(ScoringError) as caught:
        fit_factors(items, **{"k_factors": 1} | arguments)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "arguments", "code"),
    [
        ((0, 1, np.nan), {}, "factors.pair"),
        ((0, 1, 0.9), {}, "factors.matrix"),
        ((0, 0, 0.8), {}, "factors.matrix"),
        ((None, None, None), {"n": 0}, "factors.n"),
        ((None, None, None), {"n": 10.5}, "factors.n"),
    ],
)
def test_a_matrix_that_is_none_is_refused_by_name(change, arguments, code):
    matrix = population(SIMPLE, PHI)
    if change[0] is not None:
        matrix.iloc[change[0], change[1]] = change[2]

    with pytest.raises(ScoringError) as caught:
        fit_factors(matrix, 2, **arguments)

    assert caught.value.code == code


def test_items_without_any_relation_hold_no_factor():
    with pytest.raises(ScoringError) as caught:
        fit_factors(pd.DataFrame(np.eye(6), index=list("abcdef"), columns=list("abcdef")), 2)

    assert caught.value.code == "factors.absent"


def test_a_pair_that_nobody_answered_together_is_named():
    items = simulated(n=200, k_factors=1, per_factor=4)
    items.loc[:99, "q00"] = np.nan
    items.loc[100:, "q01"] = np.nan

    with pytest.raises(ScoringError) as caught:
        fit_factors(items, 1, missing="pairwise")

    assert (caught.value.code, caught.value.params["item"]) == ("factors.pair", "q00")


def test_doubled_index_labels_do_no_harm():
    items = simulated()
    doubled = items.set_axis([0] * len(items), axis=0)

    pd.testing.assert_frame_equal(fit_factors(doubled, 3).loadings, fit_factors(items, 3).loadings)


def test_a_matrix_keeps_its_names_and_number():
    read = read_correlations(population(SIMPLE, PHI), "factors", n=200)

    assert (read.kind, read.n_used, read.items[0]) == ("given", 200, "v0")


# Schmid-Leiman and omega


def test_an_exact_hierarchy_is_taken_apart():
    """phi = s s' off the diagonal, so g = L s, group = L sqrt(1 - s^2), and omega_h follows by hand."""
    second = np.array([0.8, 0.7, 0.6])
    phi = np.outer(second, second)
    np.fill_diagonal(phi, 1.0)
    matrix = population(SIMPLE, phi)

    result = schmid_leiman(fit_factors(matrix, 3, n=300))

    general = SIMPLE @ second
    total = matrix.to_numpy().sum()
    assert result.general.to_numpy() == pytest.approx(general, abs=1e-6)
    assert sorted(result.second_order) == pytest.approx(sorted(second), abs=1e-6)
    assert np.sort(result.group.max(axis=1)) == pytest.approx(
        np.sort((SIMPLE * np.sqrt(1 - second**2)).max(axis=1)), abs=1e-6
    )
    assert result.omega_h == pytest.approx(general.sum() ** 2 / total, abs=1e-6)
    assert result.omega_total == pytest.approx(1 - (1 - (SIMPLE**2).sum(axis=1)).sum() / total, abs=1e-6)
    assert result.omega_h_asymptotic == pytest.approx(result.omega_h / result.omega_total, abs=1e-9)
    assert result.converged


def test_omega_of_the_big_five_is_that_of_r(r_data):
    expected = full_values("bfi")["reliability"]["all25_keyed"]["omega_psych_nf5"]
    block = full_values("bfi")["reliability"]["all25_keyed"]
    items = r_data("bfi")[block["items"]].copy()
    items[KEYS] = 7 - items[KEYS]

    result = schmid_leiman(fit_factors(items, 5))

    assert result.omega_h == pytest.approx(expected["omega_h"], abs=1e-3)
    assert result.omega_total == pytest.approx(expected["omega_total"], abs=1e-3)
    assert result.alpha == pytest.approx(expected["alpha"], abs=1e-9)
    assert result.g6 == pytest.approx(expected["g6"], abs=1e-9)


def test_unkeyed_items_do_not_reach_rs_omega(r_data):
    block = full_values("bfi")["reliability"]["all25_keyed"]

    result = schmid_leiman(fit_factors(r_data("bfi")[block["items"]], 5))

    assert abs(result.omega_h - block["omega_psych_nf5"]["omega_h"]) > 0.05


def test_two_factors_rest_on_an_assumption():
    matrix = population(SIMPLE[:8, :2], PHI[:2, :2])

    result = schmid_leiman(fit_factors(matrix, 2, n=200))

    assert result.second_order.to_numpy() == pytest.approx([np.sqrt(0.5)] * 2, abs=1e-6)
    assert "schmid_leiman.two" in codes(result)


def test_two_factors_that_exclude_each_other_have_no_general_one():
    matrix = population(SIMPLE[:8, :2], np.array([[1.0, -0.4], [-0.4, 1.0]]))

    result = schmid_leiman(fit_factors(matrix, 2, n=200))

    assert "schmid_leiman.negative" in codes(result)
    assert result.general.sum() > 0


def test_factors_that_are_the_general_one_are_named():
    phi = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.7], [0.9, 0.7, 1.0]])

    result = schmid_leiman(fit_factors(population(SIMPLE, phi), 3, n=300))

    assert "schmid_leiman.heywood" in codes(result)


@pytest.mark.parametrize(
    ("k_factors", "rotation", "code"),
    [(1, "oblimin", "schmid_leiman.factors"), (3, "varimax", "schmid_leiman.oblique")],
)
def test_a_general_factor_needs_oblique_ones(k_factors, rotation, code):
    with pytest.raises(ScoringError) as caught:
        schmid_leiman(fit_factors(population(SIMPLE, PHI), k_factors, rotation=rotation))

    assert caught.value.code == code


# Intervals of loadings


def test_intervals_hold_the_loadings_and_shrink_with_the_sample():
    small, large = simulated(n=300), simulated(n=2_700)

    widths = []
    for items in (small, large):
        solution = fit_factors(items, 3)
        result = loading_intervals(items, solution, n_draws=200)
        assert (result.low <= solution.loadings).all(axis=None)
        assert (solution.loadings <= result.high).all(axis=None)
        assert (result.n_failed, result.converged, result.notes) == (0, True, ())
        assert np.diag(result.correlations_low) == pytest.approx(1)
        widths.append((result.high - result.low).to_numpy().mean())

    assert widths[0] / widths[1] == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize("rotation", ["oblimin", "promax", "varimax", "none"])
@pytest.mark.parametrize("method", ["minres", "ml"])
def test_every_rotation_has_intervals_around_its_loadings(method, rotation):
    items = simulated(n=300)
    solution = fit_factors(items, 3, method=method, rotation=rotation)

    result = loading_intervals(items, solution, n_draws=60)

    inside = (result.low - 0.02 <= solution.loadings) & (solution.loadings <= result.high + 0.02)
    assert inside.all(axis=None)
    assert result.standard_errors.to_numpy().max() < 0.35


def test_standard_errors_agree_with_fresh_samples():
    """The spread of loadings over samples of the population is what the bootstrap estimates from one of them."""
    truth = fit_factors(simulated(n=20_000), 3)
    fresh = []
    for seed in range(40):
        solution = fit_factors(simulated(n=400, seed=100 + seed), 3, n_starts=2)
        fresh.append(align_factors(truth, solution).solution.loadings.to_numpy())
    items = simulated(n=400)

    result = loading_intervals(items, fit_factors(items, 3), n_draws=300)

    ratio = result.standard_errors.to_numpy().mean() / np.std(fresh, axis=0, ddof=1).mean()
    assert ratio == pytest.approx(1, abs=0.12)


def test_whole_pairs_are_drawn():
    """With every answer given twice by a pair, drawing persons pretends twice the sample."""
    once = simulated(n=200)
    twice = pd.concat([once, once], ignore_index=True)
    pairs = pd.Series(np.tile(np.arange(200), 2))
    solution = fit_factors(twice, 3)

    persons = loading_intervals(twice, solution, n_draws=300).standard_errors.to_numpy().mean()
    clustered = loading_intervals(twice, solution, n_draws=300, clusters=pairs)

    assert clustered.standard_errors.to_numpy().mean() / persons == pytest.approx(np.sqrt(2), rel=0.1)
    assert clustered.n_clusters == 200


@pytest.mark.parametrize(
    ("correlations", "missing"),
    [("polychoric", "listwise"), ("polychoric", "pairwise"), ("pearson", "pairwise")],
)
def test_other_correlations_are_drawn_as_they_were_made(correlations, missing):
    items = simulated(n=300).mask(np.random.default_rng(1).random((300, 15)) < 0.01)
    solution = fit_factors(items, 3, correlations=correlations, missing=missing)

    result = loading_intervals(items, solution, n_draws=40)

    inside = (result.low - 0.03 <= solution.loadings) & (solution.loadings <= result.high + 0.03)
    assert inside.all(axis=None)
    assert result.n_used == solution.n_used


def test_the_same_seed_draws_the_same():
    items = simulated(n=200)
    solution = fit_factors(items, 3)

    first, second, third = (loading_intervals(items, solution, n_draws=30, seed=seed) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(first.low, second.low)
    assert not first.low.equals(third.low)


def test_unstable_draws_are_counted():
    items = simulated(n=120, loading=0.5)

    result = loading_intervals(items, fit_factors(items, 6), n_draws=60)

    assert result.n_heywood > 6
    assert "loadings.heywood" in codes(result)


@pytest.mark.parametrize(
    ("change", "arguments", "code"),
    [
        (lambda x: x.iloc[:90], {}, "bootstrap.percentile"),
        (lambda x: x.iloc[:-1], {}, "loadings.solution"),
        (lambda x: x.iloc[:, ::-1], {}, "loadings.items"),
        (lambda x: x, {"n_draws": 1}, "bootstrap.draws"),
        (lambda x: x, {"confidence": 1.0}, "bootstrap.confidence"),
        (lambda x: x, {"clusters": pd.Series([1, 2])}, "bootstrap.clusters"),
        (lambda x: x, {"seed": -1}, "bootstrap.seed"),
    ],
)
def test_intervals_refuse_what_they_cannot_use(change, arguments, code):
    items = simulated(n=200)
    solution = fit_factors(items, 3)

    with pytest.raises(ScoringError) as caught:
        loading_intervals(change(items), solution, **arguments)

    assert caught.value.code == code


def test_factor_analyzers_unrotated_minres_loadings_are_ours(r_data, r_values):
    """A second engine for the extraction: only its rotation is not to be trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from factor_analyzer import FactorAnalyzer
    items, _ = reference(r_data, r_values, "bfi")

    ours = fit_factors(items, 5, rotation="none").loadings.to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analyzer = FactorAnalyzer(5, rotation=None, method="minres", is_corr_matrix=True)
        analyzer.fit(items.dropna().corr().to_numpy())

    assert np.abs(ours @ ours.T - analyzer.loadings_ @ analyzer.loadings_.T).max() < 1e-4
