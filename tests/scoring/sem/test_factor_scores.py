"""Factor scores beside R's, in closed form for one factor, and with whatever rows hold."""

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.sem import ConfirmatoryModel, fit_confirmatory
from scoring.sem.factor_scores import factor_scores

THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"


@pytest.fixture(scope="module")
def school(r_data):
    data = r_data("holzinger")
    return data, fit_confirmatory(data, THREE)


@pytest.mark.parametrize("method", ["regression", "bartlett"])
def test_scores_are_those_of_lavaan(school, r_values, method):
    data, fit = school
    expected = r_values("factor_scores")["ml"][method]

    found = factor_scores(fit, data, method=method)

    ours = found.scores[expected["cols"]].to_numpy()
    assert ours[:20] == pytest.approx(np.array(expected["values"]), abs=1e-4)
    assert (found.n_used, found.n_dropped, found.method) == (301, 0, method)


def test_determinacy_is_that_of_the_formula_in_r(school, r_values):
    data, fit = school
    expected = r_values("factor_scores")["ml"]["determinacy"]

    assert factor_scores(fit, data).determinacy == pytest.approx(expected, abs=1e-5)


def one_factor(n=4000, seed=1, loadings=(0.9, 0.8, 0.6, 0.5)):
    rng = np.random.default_rng(seed)
    loadings = np.array(loadings)
    factor = rng.normal(size=n)
    values = factor[:, None] * loadings + np.sqrt(1 - loadings**2) * rng.normal(size=(n, len(loadings)))
    return factor, pd.DataFrame(values, columns=list("abcdehij"[: len(loadings)]))


def test_scores_of_one_factor_have_a_closed_form():
    """With w = sum l^2 / theta and psi = 1: regression scores are sum l y / theta over 1 + w, Bartlett's over w; rho^2 = w / (1 + w)."""
    _, items = one_factor()
    fit = fit_confirmatory(items, {"f": list("abcd")}, scaling="unit_variance")
    table = fit.parameters
    loadings = table.loc[table["operator"] == "=~", "estimate"].to_numpy()
    residual = (table["operator"] == "~~") & (table["left"] == table["right"]) & (table["left"] != "f")
    theta = table.loc[residual, "estimate"].to_numpy()
    weighted = (items - items.mean()).to_numpy() @ (loadings / theta)
    w = (loadings**2 / theta).sum()

    found = factor_scores(fit, items)

    assert found.scores["f"].to_numpy() == pytest.approx(weighted / (1 + w), abs=1e-9)
    bartlett = factor_scores(fit, items, method="bartlett").scores["f"].to_numpy()
    assert bartlett == pytest.approx(weighted / w, abs=1e-9)
    assert found.determinacy["f"] == pytest.approx(np.sqrt(w / (1 + w)), abs=1e-9)


def test_scores_find_the_factor_as_well_as_they_say():
    factor, items = one_factor()
    fit = fit_confirmatory(items, {"f": list("abcd")}, scaling="unit_variance")
    regression, bartlett = (
        factor_scores(fit, items, method=method).scores["f"] for method in ("regression", "bartlett")
    )

    correlation = np.corrcoef(regression, factor)[0, 1]
    assert correlation == pytest.approx(factor_scores(fit, items).determinacy["f"], abs=0.01)
    assert np.corrcoef(regression, bartlett)[0, 1] == pytest.approx(1.0, abs=1e-9)
    # Regression scores are drawn to the mean, Bartlett's are unbiased.
    assert regression.std() < 1.0 < bartlett.std()
    assert np.polyfit(factor, bartlett, 1)[0] == pytest.approx(1.0, abs=0.03)
    assert np.polyfit(factor, regression, 1)[0] == pytest.approx(correlation**2, abs=0.03)


def test_a_row_is_scored_from_the_items_it_answered():
    """As R's formula with the rows and columns of the answered items alone."""
    _, items = one_factor(200)
    fit = fit_confirmatory(items, {"f": list("abcd")}, scaling="unit_variance", mean_structure=True)
    gap = items.copy()
    gap.loc[0, ["b", "d"]] = np.nan
    covariance, mean = fit.implied()
    loadings = fit.loadings()["f"]
    kept = ["a", "c"]
    expected = loadings[kept] @ np.linalg.solve(covariance.loc[kept, kept], items.loc[0, kept] - mean[kept])

    found = factor_scores(fit, gap)

    assert found.scores.loc[0, "f"] == pytest.approx(expected, abs=1e-9)
    whole = factor_scores(fit, items)
    assert found.scores["f"].iloc[1:].tolist() == pytest.approx(
        whole.scores["f"].iloc[1:].tolist(), abs=1e-12
    )
    assert found.n_used == 200


def test_a_row_without_an_answer_has_no_score():
    _, items = one_factor(200)
    fit = fit_confirmatory(items, {"f": list("abcd")})
    items.iloc[[3, 7]] = np.nan

    found = factor_scores(fit, items)

    assert found.scores["f"].isna().to_numpy().nonzero()[0].tolist() == [3, 7]
    assert (found.n_used, found.n_dropped) == (198, 2)


def test_rows_keep_their_index_and_items_may_stand_in_any_order():
    _, items = one_factor(200)
    fit = fit_confirmatory(items, {"f": list("abcd")})
    named = items.set_axis([f"p{number % 150}" for number in range(200)])

    found = factor_scores(fit, named[["d", "b", "a", "c"]].assign(more="text"))

    assert found.scores.index.equals(named.index)
    assert found.scores.to_numpy() == pytest.approx(factor_scores(fit, items).scores.to_numpy())


def test_weak_scores_say_so():
    _, items = one_factor(loadings=(0.5, 0.4, 0.5, 0.4))
    weak = factor_scores(fit_confirmatory(items, {"f": list("abcd")}), items)
    _, items = one_factor(loadings=(0.9, 0.9, 0.9, 0.9))
    strong = factor_scores(fit_confirmatory(items, {"f": list("abcd")}), items)

    assert [note.code for note in weak.notes] == ["scores.determinacy"]
    assert weak.determinacy["f"] < 0.9 < strong.determinacy["f"]
    assert strong.notes == ()
    assert "must not be ranked" in str(weak.notes[0])


# Groups


@pytest.fixture(scope="module")
def two_groups():
    _, items = one_factor(600)
    groups = pd.Series(np.repeat(["p", "q"], 300))
    items = items + np.where(groups == "q", 1.0, 0.0)[:, None]
    return items, groups, fit_confirmatory(items, {"f": list("abcd")}, groups=groups)


def test_each_group_is_scored_by_its_own_part_of_the_model(two_groups):
    items, groups, fit = two_groups

    found = factor_scores(fit, items, groups=groups)

    # Intercepts are free in both groups and the factor's mean 0, so that scores average 0 in each.
    assert found.scores.groupby(groups)["f"].mean().to_numpy() == pytest.approx([0.0, 0.0], abs=1e-6)
    alone = fit_confirmatory(items[groups == "q"], {"f": list("abcd")}, mean_structure=True)
    expected = factor_scores(alone, items[groups == "q"]).scores["f"]
    assert found.scores.loc[groups == "q", "f"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-4)


def test_rows_without_a_known_group_have_no_score(two_groups):
    items, groups, fit = two_groups
    other = groups.copy()
    other.iloc[0], other.iloc[1] = np.nan, "r"

    found = factor_scores(fit, items, groups=other)

    assert found.scores["f"].isna().to_numpy().nonzero()[0].tolist() == [0, 1]
    assert found.n_dropped == 2


def test_groups_are_asked_for(two_groups):
    items, _, fit = two_groups
    with pytest.raises(ScoringError, match="every row needs its group") as error:
        factor_scores(fit, items)

    assert error.value.code == "sem.groups"


def test_groups_that_are_numbers_are_found_again():
    _, items = one_factor(600)
    groups = pd.Series(np.repeat([1, 2], 300))
    fit = fit_confirmatory(items, {"f": list("abcd")}, groups=groups)

    assert factor_scores(fit, items, groups=groups).n_used == 600


@pytest.mark.parametrize("kind", ["short", "other order"])
def test_groups_that_do_not_go_with_the_rows_are_refused(two_groups, kind):
    items, groups, fit = two_groups
    wrong = groups.iloc[:500] if kind == "short" else groups.iloc[::-1]
    with pytest.raises(ScoringError):
        factor_scores(fit, items, groups=wrong)


# Bad input and ordinal items


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda items: items.drop(columns="b"), "sem.column"),
        (lambda items: pd.concat([items, items[["b"]]], axis=1), "sem.column"),
        (lambda items: items.assign(b="x"), "sem.number"),
        (lambda items: items.assign(b=np.inf), "sem.number"),
    ],
    ids=["missing", "doubled", "text", "infinite"],
)
def test_bad_items_are_named(change, code):
    _, items = one_factor(200)
    fit = fit_confirmatory(items, {"f": list("abcd")})
    with pytest.raises(ScoringError, match="b") as error:
        factor_scores(fit, change(items))

    assert error.value.code == code


def test_a_table_without_rows_has_no_scores():
    _, items = one_factor(200)
    fit = fit_confirmatory(items, {"f": list("abcd")})

    found = factor_scores(fit, items.iloc[:0])

    assert (len(found.scores), found.n_used, found.n_dropped) == (0, 0, 0)


@pytest.fixture(scope="module")
def ordinal():
    factor, items = one_factor(1500)
    codes = pd.DataFrame(
        np.searchsorted([-1.2, -0.3, 0.6, 1.4], items.to_numpy()) + 1.0, columns=items.columns
    )
    return factor, codes, fit_confirmatory(codes, {"f": list("abcd")}, estimator="WLSMV")


def test_scores_of_ordinal_items_follow_the_factor_and_say_what_they_are(ordinal):
    factor, codes, fit = ordinal

    found = factor_scores(fit, codes)

    assert np.corrcoef(found.scores["f"], factor)[0, 1] > 0.88
    assert "scores.ordinal" in [note.code for note in found.notes]


def test_a_higher_answer_is_a_higher_score(ordinal):
    _, _, fit = ordinal
    rows = pd.DataFrame({item: [3.0] * 5 for item in "abcd"}).assign(b=[1.0, 2, 3, 4, 5])

    assert factor_scores(fit, rows).scores["f"].is_monotonic_increasing


def test_a_code_that_the_model_never_saw_counts_as_missing(ordinal):
    _, _, fit = ordinal
    row = pd.DataFrame({"a": [2.0], "b": [9.0], "c": [2.0], "d": [3.0]})

    assert factor_scores(fit, row).scores.equals(factor_scores(fit, row.assign(b=np.nan)).scores)


def test_two_factors_predict_each_other():
    """A row with answers to one factor only has a score on the other too, by their correlation."""
    rng = np.random.default_rng(4)
    factors = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 1000)
    values = np.repeat(factors, 3, axis=1) * 0.8 + 0.6 * rng.normal(size=(1000, 6))
    items = pd.DataFrame(values, columns=list("abcdeh"))
    model = ConfirmatoryModel({"f": list("abc"), "g": list("deh")})
    fit = fit_confirmatory(items, model, mean_structure=True)
    half = items.assign(d=np.nan, e=np.nan, h=np.nan)

    found = factor_scores(fit, half)

    assert np.corrcoef(found.scores["g"], factors[:, 1])[0, 1] > 0.6
    assert found.n_used == 1000
    # Bartlett's scores use no correlation of factors: nothing can be said of g.
    alone = factor_scores(fit, half, method="bartlett").scores
    assert np.corrcoef(alone["f"], items[list("abc")].sum(axis=1))[0, 1] > 0.99
