"""Score tests against what they predict: the fall of chi-square, and the value, when the parameter is really set free."""

import numpy as np
import pandas as pd
import pytest

from scoring.sem import ConfirmatoryModel, fit_confirmatory, fit_specification
from scoring.sem.blocks import Block, Layout
from scoring.sem.data import FittingData, prepare_data
from scoring.sem.model import Parameter, specify
from scoring.sem.moments import moments_from_covariance
from scoring.sem.score_tests import equality_tests, held_equal, modification_indices, release_tests

ITEMS = ("a", "b", "c", "d", "e", "h")
MODEL = ConfirmatoryModel({"f": ITEMS[:3], "g": ITEMS[3:]})
GROUPS = (Block("p", 0), Block("q", 1))


def population(*, cross=0.0, residual=0.0, correlation=0.3):
    """Two factors with three items each, a cross loading of item a on g, and a residual covariance of d and e."""
    weights = np.zeros((6, 2))
    weights[:3, 0], weights[3:, 1] = (0.8, 0.7, 0.6), (0.9, 0.7, 0.5)
    weights[0, 1] = cross
    covariance = weights @ np.array([[1.0, correlation], [correlation, 1.0]]) @ weights.T + np.diag([0.5] * 6)
    covariance[3, 4] += residual
    covariance[4, 3] += residual
    return covariance


def data_of(covariance, n=1000, means=None):
    """Moments that are exactly the population's, as data of one or more groups."""
    covariances = covariance if isinstance(covariance, list) else [covariance]
    means = means or [np.zeros(len(covariances[0]))] * len(covariances)
    labels = ("p", "q")[: len(covariances)] if len(covariances) > 1 else ("",)
    groups = tuple(moments_from_covariance(S, m, n) for S, m in zip(covariances, means, strict=True))
    return FittingData(ITEMS, labels, groups, "ML", False, n * len(groups), 0, ())


def fit(covariance, model=MODEL, n=1000):
    return fit_specification(data_of(covariance, n), specify(model))


def row(table, left, operator, right):
    chosen = table[(table["left"] == left) & (table["operator"] == operator) & (table["right"] == right)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_an_index_is_what_chi_square_falls_by_and_the_change_what_the_parameter_becomes():
    covariance = population(residual=0.04)
    before = fit(covariance, n=20_000)
    found = row(modification_indices(before), "d", "~~", "e")
    after = fit(covariance, ConfirmatoryModel(MODEL.factors, (("d", "e"),)), n=20_000)

    fall = before.measures.chi_square - after.measures.chi_square
    assert fall > 1.0
    assert found["chi_square"] == pytest.approx(fall, rel=0.1)
    assert found["change"] == pytest.approx(0.04, rel=0.15)


def test_a_left_out_cross_loading_is_first():
    found = modification_indices(fit(population(cross=0.2)))

    assert found.iloc[0][["left", "operator", "right"]].tolist() == ["g", "=~", "a"]
    assert found["change"].iloc[0] > 0
    assert found["chi_square"].is_monotonic_decreasing
    assert found["p"].iloc[0] < 0.001


def test_a_left_out_residual_covariance_is_first_and_not_there_where_nothing_is_left_out():
    """With its negative control: the true model has no index above chance, which for exact moments is 0."""
    first = modification_indices(fit(population(residual=0.15))).iloc[0]

    assert {first["left"], first["right"]} == {"d", "e"}
    assert modification_indices(fit(population()))["chi_square"].max() < 1e-6


def test_indices_grow_with_the_respondents():
    small, large = (modification_indices(fit(population(residual=0.1), n=n)) for n in (200, 1000))

    ratio = row(large, "d", "~~", "e")["chi_square"] / row(small, "d", "~~", "e")["chi_square"]
    assert ratio == pytest.approx(5.0, rel=1e-6)


def test_what_is_free_or_sets_a_scale_is_no_candidate():
    found = modification_indices(fit(population()))
    keys = set(zip(found["left"], found["operator"], found["right"], strict=True))

    assert len(found) == 6 + 15
    assert not keys & {("f", "=~", item) for item in ITEMS[:3]}
    assert ("f", "~~", "g") not in keys
    uncorrelated = ConfirmatoryModel(MODEL.factors, orthogonal=True)
    found = modification_indices(fit(population(), uncorrelated))
    assert row(found, "f", "~~", "g")["chi_square"] > 10


def test_indices_do_not_depend_on_what_sets_the_scale():
    data = data_of(population(cross=0.2, residual=0.1))
    found = [
        modification_indices(fit_specification(data, specify(MODEL, scaling=scaling)))
        for scaling in ("marker", "unit_variance")
    ]

    keys = [["left", "operator", "right"]] * 2
    merged = found[0].merge(found[1], on=keys[0])
    assert len(merged) == 21
    assert merged["chi_square_x"].to_numpy() == pytest.approx(merged["chi_square_y"].to_numpy(), abs=1e-4)


def test_a_saturated_model_has_no_indices():
    rng = np.random.default_rng(1)
    items = pd.DataFrame(rng.normal(size=(100, 1)) + rng.normal(size=(100, 3)), columns=list("abc"))

    found = modification_indices(fit_confirmatory(items, {"f": list("abc")}))

    assert len(found) == 0
    assert {"left", "operator", "right", "chi_square", "p", "change"} <= set(found.columns)


# Equalities


def two_groups(*, loading=0.0, intercept=0.0):
    """Two groups of which the second has item b load or lie higher."""
    first = population()
    weights = np.zeros((6, 2))
    weights[:3, 0], weights[3:, 1] = (0.8, 0.7 + loading, 0.6), (0.9, 0.7, 0.5)
    second = weights @ np.array([[1.0, 0.3], [0.3, 1.0]]) @ weights.T + np.diag([0.5] * 6)
    means = [np.zeros(6), np.zeros(6)]
    means[1][1] = intercept
    return data_of([first, second], means=means)


def layout_fit(data, step, freed=None):
    layout = Layout(MODEL, GROUPS)
    return fit_specification(data, layout.specify(layout.steps[step], freed))


def test_an_equality_test_is_what_chi_square_falls_by():
    data = two_groups(intercept=0.08)
    scalar = layout_fit(data, "scalar")
    found = equality_tests(scalar)
    freed = layout_fit(data, "scalar", {"b": frozenset({"intercepts"})})

    fall = scalar.measures.chi_square - freed.measures.chi_square
    assert fall > 3.0
    first = found.iloc[0]
    assert first[["group", "left", "operator", "label"]].tolist() == ["q", "b", "~1", "intercept of b"]
    assert first["chi_square"] == pytest.approx(fall, rel=0.1)
    assert first["change"] == pytest.approx(0.08, rel=0.15)
    assert found["chi_square"].is_monotonic_decreasing


def test_every_equality_is_tested_once():
    found = equality_tests(layout_fit(two_groups(), "scalar"))

    assert len(found) == 6 + 6
    assert set(found["group"]) == {"q"}
    assert found["chi_square"].max() < 1e-6


def test_a_model_without_equalities_has_none_to_test():
    assert len(equality_tests(layout_fit(two_groups(), "configural"))) == 0
    assert held_equal(specify(MODEL)) == []


def test_held_equal_names_the_later_of_two_and_leaves_out_fixed_ones():
    specification = specify(MODEL)
    parameters = (
        Parameter("x", "~~", "x", label="v"),
        Parameter("y", "~~", "y", label="v"),
        Parameter("z", "~~", "z", False, 1.0, "v"),
        Parameter("w", "~~", "w", label="own"),
    )
    found = held_equal(type(specification)(("x", "y", "z", "w"), (), parameters))

    assert [p.left for p in found] == ["y"]


# Joint tests


def test_a_joint_test_of_one_parameter_is_its_single_test():
    scalar = layout_fit(two_groups(loading=0.1, intercept=0.1), "scalar")
    singles = equality_tests(scalar)
    equal = held_equal(scalar.specification)

    results = release_tests(scalar, [[parameter] for parameter in equal])

    assert {df for _, df in results} == {1}
    assert sorted(value for value, _ in results) == pytest.approx(sorted(singles["chi_square"]), rel=1e-6)


def test_a_joint_test_predicts_the_fall_of_chi_square_when_all_are_freed():
    data = two_groups(loading=0.08, intercept=0.08)
    scalar = layout_fit(data, "scalar")
    chosen = [p for p in held_equal(scalar.specification) if "b" in (p.left, p.right)]
    freed = layout_fit(data, "scalar", {"b": frozenset({"intercepts", "loadings"})})

    (value, df), *_ = release_tests(scalar, [chosen])

    assert df == 2
    assert value == pytest.approx(scalar.measures.chi_square - freed.measures.chi_square, rel=0.15)
    singles = [result for result, _ in release_tests(scalar, [[p] for p in chosen])]
    assert value >= max(singles) - 1e-9


def test_releasing_what_cannot_be_told_apart_counts_only_what_can():
    """All loadings of f at once: its variance in the second group is free already, so one of the three tells nothing new."""
    metric = layout_fit(two_groups(loading=0.3), "metric")
    chosen = [p for p in held_equal(metric.specification) if p.left == "f"]

    (value, df), *_ = release_tests(metric, [chosen])

    assert (len(chosen), df) == (3, 2)
    configural = layout_fit(two_groups(loading=0.3), "configural")
    assert value == pytest.approx(metric.measures.chi_square - configural.measures.chi_square, rel=0.25)


def test_sets_are_tested_apart():
    scalar = layout_fit(two_groups(intercept=0.1), "scalar")
    first, second, *_ = held_equal(scalar.specification)

    assert release_tests(scalar, []) == []
    both = release_tests(scalar, [[first], [second]])
    assert both[0] == pytest.approx(release_tests(scalar, [[first]])[0])
    assert both[1] == pytest.approx(release_tests(scalar, [[second]])[0])


def test_an_empty_set_is_nothing():
    scalar = layout_fit(two_groups(intercept=0.1), "scalar")

    assert release_tests(scalar, [[held_equal(scalar.specification)[0]], []])[1] == (0.0, 0)


def test_ordinal_items_have_tests_too():
    """A threshold that is planted against the second group is the first to be released."""
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(1600, 1))
    latent = 0.8 * factor + 0.6 * rng.normal(size=(1600, 4))
    groups = pd.Series(np.repeat(["p", "q"], 800))
    codes = pd.DataFrame(np.searchsorted([-0.8, 0.0, 0.9], latent), columns=list("abcd")).astype(float)
    high = latent[:, 2] > 0.5
    codes.loc[(groups == "q") & high & (codes["c"] == 2), "c"] = 3.0
    data = prepare_data(codes, list("abcd"), estimator="WLSMV", groups=groups)
    layout = Layout(ConfirmatoryModel({"f": list("abcd")}), GROUPS, thresholds=dict.fromkeys("abcd", 3))
    fitted = fit_specification(data, layout.specify(layout.steps["thresholds"]))

    found = equality_tests(fitted)

    assert found.iloc[0]["left"] == "c"
    sets = [[p for p in held_equal(fitted.specification) if p.left == item] for item in "abcd"]
    results = release_tests(fitted, sets)
    # Intercept and residual variance of the second group are free, so of three thresholds one can differ.
    assert [df for _, df in results] == [1, 1, 1, 1]
    assert int(np.argmax([value for value, _ in results])) == 2
