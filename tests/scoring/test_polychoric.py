import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

import scoring.ordinal
from scoring.errors import ScoringError
from scoring.polychoric import (
    bivariate_normal_cdf,
    ordinal_moments,
    polychoric_correlations,
    polyserial_correlations,
)
from tests.scoring.comparisons.compare_polychoric import compare, extra_values, moment_items, threshold_names
from tests.scoring.comparisons.rows import r_data, r_values

CUTS = np.array([-1.2, -0.3, 0.5, 1.3])


def correlated(rng, n, rho, k=2):
    """Normal variables that all correlate rho >= 0."""
    common = rng.normal(size=(n, 1))
    return math.sqrt(rho) * common + math.sqrt(1.0 - rho) * rng.normal(size=(n, k))


def cut(latent, cuts=CUTS):
    return pd.DataFrame(
        np.searchsorted(cuts, latent) + 1.0, columns=[f"i{j}" for j in range(latent.shape[1])]
    )


def codes_of(result):
    return [note.code for note in result.notes]


# Agreement with R


@pytest.fixture(scope="module")
def rows():
    return list(compare())


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("polychoric", 509),
        ("threshold", 287),
        ("polychoric eigenvalue", 3),
        ("gamma size", 5),
        ("gamma diagonal", 789),
        ("gamma", 3000),
        ("polychoric, pairwise", 45),
        ("polychoric SE, pairwise", 45),
        ("polychoric SE", 1),
        ("bivariate normal", 378),
        ("polyserial", 77),
        ("polyserial SE", 77),
        ("polychoric n", 80),
    ],
)
def test_every_value_is_that_of_r(rows, kind, least):
    of_kind = [row for row in rows if row.kind == kind]

    assert len(of_kind) >= least
    assert [row for row in of_kind if not row.holds] == []


def test_every_kind_of_comparison_is_listed_above(rows):
    assert len({row.kind for row in rows}) == 13


def test_a_shifted_threshold_is_noticed():
    """Negative control: a few respondents moved over one threshold leave the tolerance of thresholds and correlations."""
    expected = r_values("bfi")["factor"]["polychoric"]
    items = moment_items("bfi").dropna()
    moved = items.index[items["A3"] == 4][:12]
    items.loc[moved, "A3"] = 5

    ours = polychoric_correlations(items)
    thresholds = threshold_names(dict(ours.thresholds))
    wrong = [
        name for name, value in expected["lavaan_thresholds"].items() if abs(thresholds[name] - value) > 1e-6
    ]
    gaps = np.abs(ours.correlations.to_numpy() - np.array(expected["lavaan_two_step"]["values"])).max(axis=0)

    assert wrong == ["A3|t4"]
    assert gaps[list(ours.correlations.columns).index("A3")] > 1e-4


def test_pearson_on_the_codes_is_attenuated_and_outside_the_tolerance():
    """Negative control: treating codes as measured values is not the same statistic."""
    expected = np.array(r_values("lq2002")["factor"]["polychoric"]["lavaan_two_step"]["values"])
    pearson = np.corrcoef(moment_items("lq2002").dropna().to_numpy(), rowvar=False)
    upper = np.triu_indices(len(expected), 1)

    assert (np.abs(pearson[upper]) < np.abs(expected[upper])).mean() > 0.95
    assert (np.abs(pearson[upper] - expected[upper]) > 1e-3).mean() > 0.95


def test_polyserial_counts_the_outliers_that_lavaan_skips_in_some_units():
    """Where we differ on purpose: lavaan's value depends on the unit of the measured variable, ours does not."""
    expected = extra_values("polyserial")["bfi"]["listwise"]
    data = r_data("bfi")
    items = data[expected["correlations"]["cols"]]

    years = polyserial_correlations(data[["age"]], items).correlations.to_numpy()
    days = polyserial_correlations(data[["age"]] * 365.0, items).correlations.to_numpy()

    assert days == pytest.approx(years, abs=1e-9)
    assert np.abs(np.array(expected["r_as_measured"]["values"]) - years).max() > 1e-3


# The bivariate normal distribution


def test_bivariate_normal_at_the_origin_is_the_arcsine_law():
    rho = np.array([-1.0, -0.999999, -0.7, -1e-9, 0.0, 0.3, 0.95, 0.999999, 1.0])

    assert bivariate_normal_cdf(0, 0, rho) == pytest.approx(
        0.25 + np.arcsin(rho) / (2 * np.pi), rel=0, abs=1e-15
    )


def test_bivariate_normal_without_correlation_is_a_product():
    h, k = np.meshgrid(np.linspace(-6, 6, 49), np.linspace(-6, 6, 49))

    assert bivariate_normal_cdf(h, k, 0.0) == pytest.approx(ndtr(h) * ndtr(k), rel=0, abs=1e-15)


def test_bivariate_normal_obeys_its_symmetries():
    rng = np.random.default_rng(1)
    h, k, rho = rng.normal(size=2000) * 2, rng.normal(size=2000) * 2, rng.uniform(-1, 1, 2000)

    value = bivariate_normal_cdf(h, k, rho)

    assert value == pytest.approx(bivariate_normal_cdf(k, h, rho), rel=0, abs=1e-14)
    assert value + bivariate_normal_cdf(h, -k, -rho) == pytest.approx(ndtr(h), rel=0, abs=1e-14)


def test_bivariate_normal_is_the_integral_of_its_density_over_the_correlation():
    nodes, weights = np.polynomial.legendre.leggauss(60)
    for h, k, rho in [
        (0.0, 1.2, 0.6),
        (-0.0, -1.2, 0.6),
        (1.5, -0.4, -0.8),
        (-2.0, -2.0, 0.5),
        (0.7, 0.7, 0.9),
    ]:
        r = 0.5 * rho * (nodes + 1.0)
        density = np.exp(-(h * h - 2 * r * h * k + k * k) / (2 * (1 - r * r))) / (
            2 * np.pi * np.sqrt(1 - r * r)
        )
        expected = ndtr(h) * ndtr(k) + 0.5 * rho * (weights @ density)

        assert bivariate_normal_cdf(h, k, rho) == pytest.approx(expected, rel=0, abs=1e-13)


@pytest.mark.parametrize(
    ("h", "k", "rho", "expected"),
    [
        (np.inf, 0.4, 0.3, ndtr(0.4)),
        (0.4, np.inf, -1.0, ndtr(0.4)),
        (-np.inf, 2.0, 0.9, 0.0),
        (np.inf, np.inf, 0.2, 1.0),
        (np.inf, -np.inf, 0.2, 0.0),
        (0.3, 1.1, 1.0, ndtr(0.3)),
        (0.3, 0.3, 1.0, ndtr(0.3)),
        (0.3, 1.1, -1.0, ndtr(0.3) + ndtr(1.1) - 1.0),
        (-1.0, -1.0, -1.0, 0.0),
        (0.0, -2.0, 0.0, 0.5 * ndtr(-2.0)),
        (1e300, 0.5, 0.5, ndtr(0.5)),
    ],
)
def test_bivariate_normal_at_its_edges(h, k, rho, expected):
    assert bivariate_normal_cdf(h, k, rho) == pytest.approx(expected, rel=0, abs=1e-15)


def test_bivariate_normal_broadcasts_and_passes_nan_on():
    value = bivariate_normal_cdf([[0.0], [np.nan]], [0.0, 1.0, 2.0], 0.0)

    assert value.shape == (2, 3)
    assert value[0] == pytest.approx(0.5 * ndtr([0.0, 1.0, 2.0]))
    assert np.isnan(value[1]).all()
    with pytest.raises(ScoringError) as caught:
        bivariate_normal_cdf(0.0, 0.0, [0.5, 1.5])
    assert caught.value.code == "normal.rho"


# Properties of the moments


@pytest.fixture(scope="module")
def items():
    return cut(correlated(np.random.default_rng(2), 700, 0.5, k=5))


def test_halves_of_normal_variables_have_the_closed_form():
    """With both thresholds at 0 the correlation is -cos(2 pi p) of the share p in the first cell."""
    table = pd.DataFrame(
        {"a": np.repeat([0, 0, 1, 1], [40, 10, 10, 40]), "b": np.repeat([0, 1, 0, 1], [40, 10, 10, 40])}
    )

    moments = ordinal_moments(table)

    assert moments.correlations[0, 1] == pytest.approx(-math.cos(2 * math.pi * 0.4), abs=1e-10)
    assert np.concatenate(moments.thresholds) == pytest.approx([0.0, 0.0], abs=1e-15)
    # The variance of a threshold at the median is that of a share, 1/4, over the squared density there, 1/(2 pi).
    assert np.diag(moments.gamma)[:2] == pytest.approx([math.pi / 2] * 2, abs=1e-12)


def test_fourfold_correlation_reproduces_its_table():
    table = pd.DataFrame(
        {"a": np.repeat([0, 0, 1, 1], [50, 9, 14, 30]), "b": np.repeat([0, 1, 0, 1], [50, 9, 14, 30])}
    )

    moments = ordinal_moments(table, gamma=False)
    (low_a,), (low_b,) = moments.thresholds

    assert bivariate_normal_cdf(low_a, low_b, moments.correlations[0, 1]) == pytest.approx(
        50 / 103, abs=1e-10
    )
    assert moments.gamma is None


def test_the_correlation_maximizes_the_likelihood_of_its_table(items):
    from scipy.optimize import minimize_scalar

    pair = items[["i0", "i1"]].replace({"i1": {5.0: 4.0}})
    moments = ordinal_moments(pair)
    counts = pd.crosstab(pair["i0"], pair["i1"]).to_numpy()
    edges = [np.concatenate([[-np.inf], limits, [np.inf]]) for limits in moments.thresholds]

    def misfit(rho):
        below = bivariate_normal_cdf(edges[0][:, None], edges[1][None, :], rho)
        return -(counts * np.log(np.diff(np.diff(below, axis=0), axis=1))).sum()

    best = minimize_scalar(misfit, bounds=(-0.99, 0.99), method="bounded", options={"xatol": 1e-9})

    assert counts.shape == (5, 4)
    assert moments.correlations[0, 1] == pytest.approx(best.x, abs=1e-6)


def test_a_doubled_frame_has_the_same_moments_and_the_same_gamma(items):
    """All is computed from tables and means, so twice the rows change nothing but n."""
    once, twice = ordinal_moments(items), ordinal_moments(pd.concat([items, items]))

    assert twice.n_used == 2 * once.n_used
    assert twice.correlations == pytest.approx(once.correlations, abs=1e-10)
    assert np.concatenate(twice.thresholds) == pytest.approx(np.concatenate(once.thresholds), abs=1e-14)
    assert twice.gamma == pytest.approx(once.gamma, abs=1e-9)


def test_gamma_does_not_depend_on_how_the_rows_are_cut(items, monkeypatch):
    clusters = pd.Series(np.arange(len(items)) // 100, index=items.index)
    whole = ordinal_moments(items, clusters=clusters)
    one = ordinal_moments(items)
    monkeypatch.setattr(scoring.ordinal, "_CHUNK", 1)

    assert len(list(scoring.ordinal.row_chunks(len(items), 30))) > 2
    assert ordinal_moments(items).gamma == pytest.approx(one.gamma, abs=1e-10)
    assert ordinal_moments(items, clusters=clusters).gamma == pytest.approx(whole.gamma, abs=1e-10)


def test_gamma_is_ordered_thresholds_then_pairs(items):
    swapped = items[["i3", "i0", "i1", "i2", "i4"]]
    moments, other = ordinal_moments(items), ordinal_moments(swapped)
    names = [f"{i}|{t}" for i in range(5) for t in range(4)]
    names += [f"{i}~{j}" for i, j in zip(*np.triu_indices(5, 1), strict=True)]
    place = {item: number for number, item in enumerate(moments.items)}
    order = [place[item] for item in other.items]
    moved = [f"{i}|{t}" for i in order for t in range(4)]
    moved += [
        f"{min(order[i], order[j])}~{max(order[i], order[j])}"
        for i, j in zip(*np.triu_indices(5, 1), strict=True)
    ]

    assert pd.DataFrame(moments.gamma, names, names).loc[moved, moved].to_numpy() == pytest.approx(
        other.gamma, abs=1e-8
    )
    assert np.linalg.eigvalsh(moments.gamma)[0] > -1e-10


def test_codes_are_labels_in_order_and_a_reversed_item_turns_its_sign(items):
    moments = ordinal_moments(items)
    other = ordinal_moments(items.assign(i0=items["i0"] * 20 - 7, i1=6 - items["i1"]))
    sign = np.array([1, -1, 1, 1, 1])

    assert other.correlations == pytest.approx(moments.correlations * np.outer(sign, sign), abs=1e-9)
    assert other.thresholds[1] == pytest.approx(-moments.thresholds[1][::-1], abs=1e-12)
    assert other.categories[0].tolist() == [13.0, 33.0, 53.0, 73.0, 93.0]
    assert codes_of(other) == ["polychoric.hole"]


def test_clusters_of_one_equal_none_and_copies_within_a_cluster_double_gamma(items):
    alone = pd.Series(np.arange(len(items))[::-1], index=items.index)
    copies = pd.concat([items, items], keys=["first", "second"])
    pairs = pd.Series([str(number) for _, number in copies.index], index=copies.index)
    once = ordinal_moments(items)

    assert ordinal_moments(items, clusters=alone).gamma == pytest.approx(once.gamma, abs=1e-10)
    assert ordinal_moments(copies, clusters=pairs).gamma == pytest.approx(2 * once.gamma, abs=1e-8)


def test_clusters_follow_the_rows_that_are_complete(items):
    clusters = pd.Series(np.arange(len(items)) // 7, index=items.index)
    holes = items.copy()
    holes.iloc[::9, 2] = np.nan
    kept = holes.dropna()

    full = ordinal_moments(holes, clusters=clusters)

    assert (full.n_used, full.n_dropped) == (len(kept), len(items) - len(kept))
    assert full.gamma == pytest.approx(ordinal_moments(kept, clusters=clusters[kept.index]).gamma, abs=1e-12)


@pytest.mark.parametrize(
    "clusters", [pd.Series([1, 2, 3]), pd.Series(1, index=range(1, 701)), pd.Series([1.0] * 699 + [np.nan])]
)
def test_clusters_of_other_rows_are_refused(items, clusters):
    with pytest.raises(ScoringError) as caught:
        ordinal_moments(items, clusters=clusters)

    assert caught.value.code == "polychoric.clusters"


# Properties of the correlations


def test_listwise_standard_errors_are_those_of_gamma(items):
    moments, result = ordinal_moments(items), polychoric_correlations(items)
    upper = np.triu_indices(5, 1)

    assert result.standard_errors.to_numpy()[upper] == pytest.approx(
        np.sqrt(np.diag(moments.gamma)[20:] / 700), rel=1e-9
    )
    assert result.correlations.to_numpy() == pytest.approx(moments.correlations, abs=0)
    assert (np.diag(result.standard_errors) == 0).all()
    assert (result.n_used, result.n_dropped, result.k_items, result.converged) == (700, 0, 5, True)
    assert not result.smoothed
    r, se = result.correlations.loc["i0", "i1"], result.standard_errors.loc["i0", "i1"]
    assert math.atanh(result.high.loc["i0", "i1"]) - math.atanh(r) == pytest.approx(
        1.959963984540054 * se / (1 - r * r), abs=1e-12
    )


def test_pairwise_uses_the_rows_of_each_pair():
    rng = np.random.default_rng(6)
    items = cut(correlated(rng, 400, 0.5, k=4))
    assert polychoric_correlations(items, missing="pairwise").standard_errors.to_numpy() == pytest.approx(
        polychoric_correlations(items).standard_errors.to_numpy(), abs=1e-14
    )
    holes = items.mask(rng.random(items.shape) < 0.2)

    pairwise, listwise = polychoric_correlations(holes, missing="pairwise"), polychoric_correlations(holes)

    known = holes.notna().astype(int)
    assert pairwise.n_pairs.to_numpy().tolist() == (known.T @ known).to_numpy().tolist()
    assert (listwise.n_pairs == int(known.all(axis=1).sum())).all(axis=None)
    assert listwise.n_used + listwise.n_dropped == pairwise.n_used + pairwise.n_dropped == 400
    upper = np.triu_indices(4, 1)
    assert (pairwise.standard_errors.to_numpy() < listwise.standard_errors.to_numpy())[upper].all()


@pytest.mark.parametrize("rho", [0.0, 0.35, 0.7])
def test_known_correlations_are_recovered_and_covered(rho):
    """200 samples of 200: no bias beyond chance, intervals of 95 % that hold as often, standard errors as the spread."""
    rng = np.random.default_rng(int(rho * 100) + 7)
    found, errors, inside = [], [], []
    for _ in range(200):
        result = polychoric_correlations(cut(correlated(rng, 200, rho, k=3)))
        upper = np.triu_indices(3, 1)
        found.append(result.correlations.to_numpy()[upper])
        errors.append(result.standard_errors.to_numpy()[upper])
        inside.append((result.low.to_numpy()[upper] <= rho) & (rho <= result.high.to_numpy()[upper]))

    assert np.mean(found) == pytest.approx(rho, abs=0.01)
    assert 0.925 <= np.mean(inside) <= 0.975
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.1)


# What is reported rather than hidden


def test_identical_items_stop_at_the_bound_with_a_note(items):
    result = polychoric_correlations(items.assign(twin=items["i0"]))

    assert result.correlations.loc["i0", "twin"] == 0.999
    assert math.isnan(result.standard_errors.loc["i0", "twin"])
    assert math.isnan(result.low.loc["i0", "twin"])
    assert not result.converged
    assert "polychoric.bound" in codes_of(result)
    assert not np.isnan(result.standard_errors.drop(columns="twin").drop(index="twin")).any(axis=None)


@pytest.mark.parametrize(("b", "expected"), [([0, 0, 1, 1], 0.999), ([1, 1, 0, 0], -0.999)])
def test_two_empty_cells_of_four_stop_at_the_bound(b, expected):
    moments = ordinal_moments(pd.DataFrame({"a": [0, 0, 1, 1], "b": b}))

    assert moments.correlations[0, 1] == expected
    assert moments.empty_cells == {("a", "b"): 2}
    assert not moments.converged
    assert codes_of(moments) == ["polychoric.bound"]


def test_empty_cells_are_counted_and_named():
    a = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    b = [1, 1, 2, 1, 2, 2, 2, 3, 3, 3]

    result = polychoric_correlations(pd.DataFrame({"a": a, "b": b}))

    assert result.empty_cells == {("a", "b"): 3}
    assert codes_of(result) == ["polychoric.empty_cells"]


def test_a_code_that_nobody_used_is_no_category(items):
    merged = items.replace({"i2": {3.0: 4.0}})

    moments = ordinal_moments(merged)

    assert moments.categories[2].tolist() == [1.0, 2.0, 4.0, 5.0]
    assert [len(limits) for limits in moments.thresholds] == [4, 4, 3, 4, 4]
    assert moments.gamma.shape == (29, 29)
    assert moments.converged
    assert [str(note) for note in moments.notes] == [
        "Nobody used code 3 of item i2, so the categories next to it are taken as neighbours."
    ]


@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_an_item_that_does_not_vary_has_no_correlations(items, missing):
    result = polychoric_correlations(items.assign(same=3.0), missing=missing)

    assert np.isnan(result.correlations["same"]).all()
    assert np.isnan(result.standard_errors.loc["same"]).all()
    assert result.thresholds["same"] == ()
    assert result.smallest_eigenvalue is None
    assert not result.converged
    assert codes_of(result) == ["polychoric.constant", "polychoric.empty_cells"]
    assert result.correlations.drop(columns="same").drop(index="same").to_numpy() == pytest.approx(
        polychoric_correlations(items).correlations.to_numpy(), abs=1e-12
    )


def test_an_item_without_answers_leaves_nothing_listwise_and_the_rest_pairwise(items):
    empty = items.assign(none=np.nan)

    listwise, pairwise = polychoric_correlations(empty), polychoric_correlations(empty, missing="pairwise")

    assert (listwise.n_used, pairwise.n_used) == (0, 700)
    assert np.isnan(listwise.correlations).all(axis=None)
    assert codes_of(listwise) == ["polychoric.constant"] * 6 + ["polychoric.few"]
    assert not np.isnan(pairwise.correlations.iloc[:5, :5]).any(axis=None)
    assert codes_of(pairwise) == ["polychoric.constant", "polychoric.empty_cells"]
    assert pairwise.n_pairs.loc["none", "i0"] == 0


def test_items_that_nobody_answered_together_have_no_correlation():
    items = pd.DataFrame(
        {"a": [1, 2, 1, 2, np.nan, np.nan], "b": [np.nan] * 4 + [1.0, 2.0], "c": [1, 2, 2, 1, 2, 1]}
    )

    result = polychoric_correlations(items, missing="pairwise")

    assert math.isnan(result.correlations.loc["a", "b"])
    assert "polychoric.undefined" in codes_of(result)
    assert not result.converged


def test_a_table_without_information_has_no_standard_error():
    """All cells that occur are symmetric about the middle, so none of them says more for one sign than for the other."""
    result = polychoric_correlations(
        pd.DataFrame({"a": [1, 3, 2, 2, 2, 2, 2, 2], "b": [2, 2, 1, 3, 2, 2, 2, 2]})
    )

    assert result.correlations.iloc[0, 1] == pytest.approx(0.0, abs=1e-9)
    assert math.isnan(result.standard_errors.iloc[0, 1])
    assert "polychoric.uninformed" in codes_of(result)
    assert not result.converged


def test_fewer_rows_than_items_are_computed_with_a_note():
    items = cut(correlated(np.random.default_rng(12), 6, 0.3, k=8), np.array([0.0]))

    assert "polychoric.few" in codes_of(polychoric_correlations(items))


def contradictory():
    """Pairwise tables of three items that cannot be true together: a with b, b with c, but c against a."""
    blank, rng = [np.nan] * 150, np.random.default_rng(13)
    first, second, third = (cut(correlated(rng, 150, 0.85)).to_numpy() for _ in range(3))
    return pd.DataFrame(
        {
            "a": [*first[:, 0], *blank, *third[:, 0]],
            "b": [*first[:, 1], *second[:, 0], *blank],
            "c": [*blank, *second[:, 1], *(6 - third[:, 1])],
        }
    )


def test_a_matrix_that_contradicts_itself_is_reported_and_smoothed_only_when_said():
    plain = polychoric_correlations(contradictory(), missing="pairwise")
    smooth = polychoric_correlations(contradictory(), missing="pairwise", smooth=True)

    assert plain.smallest_eigenvalue < -0.5
    assert (plain.smoothed, smooth.smoothed) == (False, True)
    assert codes_of(plain)[-1] == "polychoric.definite"
    assert codes_of(smooth)[-1] == "polychoric.smoothed"
    assert np.linalg.eigvalsh(smooth.correlations)[0] > 0
    assert np.diag(smooth.correlations) == pytest.approx(np.ones(3), abs=0)
    assert smooth.standard_errors.equals(plain.standard_errors)
    assert smooth.smallest_eigenvalue == plain.smallest_eigenvalue
    # Negative control: a matrix that needs no smoothing is left alone when smoothing is allowed.
    sound = cut(correlated(np.random.default_rng(14), 100, 0.4, k=3))
    allowed = polychoric_correlations(sound, smooth=True)
    assert not allowed.smoothed
    assert allowed.correlations.equals(polychoric_correlations(sound).correlations)


def test_smoothing_is_that_of_psych():
    from scoring.polychoric import _inspect_matrix

    expected = extra_values("polychoric")["smoothing"]
    before = np.array(expected["before"]["values"])

    after, _, smoothed, _ = _inspect_matrix(before, smooth=True)

    assert smoothed
    assert after == pytest.approx(np.array(expected["after"]["values"]), abs=1e-8)


# Bad input


@pytest.mark.parametrize("compute", [ordinal_moments, polychoric_correlations])
@pytest.mark.parametrize(
    ("items", "code"),
    [
        (pd.DataFrame({"a": [1.0, 2.0]}), "polychoric.items"),
        (pd.DataFrame(), "polychoric.items"),
        (pd.DataFrame([[1.0, 2.0], [2.0, 1.0]], columns=["a", "a"]), "polychoric.column"),
        (pd.DataFrame({"a": ["1", "2"], "b": [1, 2]}), "polychoric.number"),
        (pd.DataFrame({"a": [1.0, np.inf], "b": [1, 2]}), "polychoric.number"),
        (pd.DataFrame({"a": [1.0, 2.5, 2.0], "b": [1, 2, 2]}), "polychoric.code"),
        (pd.DataFrame({"a": np.arange(13), "b": [1, 2] * 6 + [1]}), "polychoric.categories"),
    ],
)
def test_columns_that_are_no_ordered_items_are_refused(compute, items, code):
    with pytest.raises(ScoringError) as caught:
        compute(items)

    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"a": [], "b": []}, "polychoric.rows"),
        ({"a": [1.0, np.nan], "b": [np.nan, 2.0]}, "polychoric.rows"),
        ({"a": [1.0, 1.0, 1.0], "b": [1.0, 2.0, 3.0]}, "polychoric.constant"),
        ({"a": [1.0, 2.0, 2.0], "b": [np.nan, 1.0, 2.0]}, "polychoric.constant"),
    ],
)
def test_moments_that_do_not_exist_are_refused(columns, code):
    with pytest.raises(ScoringError) as caught:
        ordinal_moments(pd.DataFrame(columns, dtype="float64"))

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"missing": "fiml"}, "missing"),
        ({"confidence": 1.0}, "confidence"),
        ({"confidence": math.nan}, "confidence"),
    ],
)
def test_options_that_do_not_exist_are_refused(items, options, code):
    with pytest.raises(ScoringError) as caught:
        polychoric_correlations(items, **options)
    assert caught.value.code == f"polychoric.{code}"
    with pytest.raises(ScoringError) as caught:
        polyserial_correlations(items[["i0"]], items[["i1"]], **options)
    assert caught.value.code == f"polyserial.{code}"


def test_doubled_index_labels_and_huge_codes_do_no_harm(items):
    doubled = items.set_axis([0] * len(items))
    far = items.assign(i0=items["i0"].map({1.0: -1e15, 2.0: 0.0, 3.0: 1e6, 4.0: 1e12, 5.0: 1e15}))

    plain = polychoric_correlations(items)

    assert polychoric_correlations(doubled).correlations.equals(plain.correlations)
    assert polychoric_correlations(far).correlations.to_numpy() == pytest.approx(
        plain.correlations.to_numpy(), abs=1e-9
    )
    assert ordinal_moments(doubled).gamma == pytest.approx(ordinal_moments(items).gamma, abs=1e-12)


def test_small_and_odd_samples_never_fail_without_saying_so():
    """Every NaN is explained by a note, and nothing warns or raises from inside."""
    rng = np.random.default_rng(15)
    for _ in range(150):
        n, k, top = int(rng.integers(1, 25)), int(rng.integers(2, 5)), int(rng.integers(1, 6))
        latent = rng.normal(size=(n, 1)) * rng.choice([0, 1, 5]) + rng.normal(size=(n, k))
        items = pd.DataFrame(np.clip(np.round(latent * 2), -top, top))
        items = items.mask(rng.random(items.shape) < rng.choice([0, 0.3]))
        measured = pd.DataFrame({"z": latent[:, 0]})
        for missing in ("listwise", "pairwise"):
            for result in (
                polychoric_correlations(items, missing=missing, smooth=True),
                polyserial_correlations(measured, items, missing=missing),
            ):
                blank = np.isnan(result.correlations.to_numpy()) | np.isnan(result.standard_errors.to_numpy())
                assert not blank.any() or (result.notes and not result.converged)
                assert all(str(note) for note in result.notes)
                assert np.nanmax(np.abs(result.correlations.to_numpy()), initial=0.0) <= 1.0


# Polyserial correlations


def test_polyserial_correlations_are_recovered_and_covered():
    rng = np.random.default_rng(16)
    found, errors, inside = [], [], []
    for _ in range(600):
        latent = correlated(rng, 200, 0.5)
        result = polyserial_correlations(
            pd.DataFrame({"x": 40 + 9 * latent[:, 0]}), cut(latent[:, 1:], np.array([-0.8, 0.2, 1.4]))
        )
        found.append(result.correlations.iloc[0, 0])
        errors.append(result.standard_errors.iloc[0, 0])
        inside.append(result.low.iloc[0, 0] <= 0.5 <= result.high.iloc[0, 0])

    assert np.mean(found) == pytest.approx(0.5, abs=0.01)
    assert 0.92 <= np.mean(inside) <= 0.98
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.12)


def test_polyserial_keeps_what_pearson_loses():
    """Negative control: Pearson on the codes is attenuated."""
    latent = correlated(np.random.default_rng(17), 4000, 0.6)
    item = cut(latent[:, 1:], np.array([1.0]))

    result = polyserial_correlations(pd.DataFrame({"x": latent[:, 0]}), item)

    assert result.low.iloc[0, 0] <= 0.6 <= result.high.iloc[0, 0]
    assert np.corrcoef(latent[:, 0], item.iloc[:, 0])[0, 1] < 0.45


def test_polyserial_is_that_of_its_likelihood():
    from scipy.optimize import minimize_scalar

    latent = correlated(np.random.default_rng(18), 300, 0.4)
    item = cut(latent[:, 1:], np.array([-0.5, 0.9]))
    z = (latent[:, 0] - latent[:, 0].mean()) / latent[:, 0].std()

    result = polyserial_correlations(pd.DataFrame({"x": -5 * latent[:, 0]}), item)
    edges = np.concatenate([[-np.inf], result.thresholds["i0"], [np.inf]])
    ranks = item.iloc[:, 0].to_numpy(dtype=int)

    def misfit(rho):
        root = math.sqrt(1 - rho * rho)
        return -np.log(
            ndtr((edges[ranks] - rho * z) / root) - ndtr((edges[ranks - 1] - rho * z) / root)
        ).sum()

    best = minimize_scalar(misfit, bounds=(-0.99, 0.99), method="bounded", options={"xatol": 1e-9})
    assert result.correlations.iloc[0, 0] == pytest.approx(-best.x, abs=1e-6)


def test_polyserial_says_what_it_could_not_compute():
    x = np.linspace(-2, 2, 40)
    measured = pd.DataFrame({"x": x, "flat": 3.0, "none": np.nan})
    ordinal = pd.DataFrame({"cut": np.sign(x), "same": 1.0, "half": np.tile([1.0, 2.0], 20)})

    result = polyserial_correlations(measured, ordinal, missing="pairwise")

    assert result.correlations.loc["x", "cut"] == 0.999
    assert math.isnan(result.standard_errors.loc["x", "cut"])
    assert not math.isnan(result.standard_errors.loc["x", "half"])
    assert np.isnan(result.correlations.loc[["flat", "none"]]).all(axis=None)
    assert [note.params["item"] for note in result.notes] == ["flat", "none", "same", "x"]
    assert codes_of(result) == ["polyserial.constant"] * 3 + ["polyserial.bound"]
    assert not result.converged
    assert result.n_pairs.loc["none"].tolist() == [0, 0, 0]
    assert (result.n_used, result.n_dropped) == (40, 0)


def test_polyserial_rows_that_do_not_overlap_have_no_correlation():
    measured = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan, np.nan, np.nan]})
    ordinal = pd.DataFrame({"y": [np.nan, np.nan, np.nan, 1.0, 2.0, 1.0]})

    pairwise = polyserial_correlations(measured, ordinal, missing="pairwise")
    listwise = polyserial_correlations(measured, ordinal)

    assert codes_of(pairwise) == ["polyserial.undefined"]
    assert codes_of(listwise) == ["polyserial.constant"] * 2
    assert (listwise.n_used, listwise.n_dropped) == (0, 6)


def test_polyserial_survives_values_of_any_size():
    latent = correlated(np.random.default_rng(19), 120, 0.5)
    plain = polyserial_correlations(pd.DataFrame({"x": latent[:, 0]}), cut(latent[:, 1:]))

    for factor in (1e-200, 1e200):
        scaled = polyserial_correlations(pd.DataFrame({"x": latent[:, 0] * factor}), cut(latent[:, 1:]))
        if factor > 1:
            assert scaled.correlations.iloc[0, 0] == pytest.approx(plain.correlations.iloc[0, 0], abs=1e-9)
        else:
            assert codes_of(scaled) == ["polyserial.constant"]


@pytest.mark.parametrize(
    ("measured", "ordinal", "code"),
    [
        (pd.DataFrame(index=[0, 1]), pd.DataFrame({"y": [1, 2]}), "polyserial.items"),
        (pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame(index=[0, 1]), "polyserial.items"),
        (pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"y": [1, 2]}, index=[1, 2]), "polyserial.index"),
        (pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"y": [1, 2, 3]}), "polyserial.index"),
        (pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": [1, 2]}), "polyserial.column"),
        (pd.DataFrame({"x": [1.0, np.inf]}), pd.DataFrame({"y": [1, 2]}), "polyserial.number"),
        (pd.DataFrame({"x": ["a", "b"]}), pd.DataFrame({"y": [1, 2]}), "polyserial.number"),
        (pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"y": [1.5, 2]}), "polychoric.code"),
    ],
)
def test_tables_that_do_not_fit_polyserial_are_refused(measured, ordinal, code):
    with pytest.raises(ScoringError) as caught:
        polyserial_correlations(measured, ordinal)

    assert caught.value.code == code
