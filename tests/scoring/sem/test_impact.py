"""Effect sizes of unequal items: closed form for continuous items, an integral done another way for ordinal ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from scoring.sem import ConfirmatoryModel, fit_specification, prepare_data
from scoring.sem.blocks import Block, Layout
from scoring.sem.impact import item_impacts, latent_means

ITEMS = ("a", "b", "c", "d")
MODEL = ConfirmatoryModel({"f": ITEMS})
BLOCKS = (Block("p", 0), Block("q", 1))


def answers(*, intercept=0.0, loading=0.8, mean=0.0, spread=1.0, n=3000, seed=1):
    """Two groups; in the second item b has another intercept and loading, and the factor another mean and spread."""
    rng = np.random.default_rng(seed)
    later = np.repeat([0.0, 1.0], n)
    factor = rng.normal(size=2 * n) * np.where(later, spread, 1.0) + mean * later
    loadings = np.full((2 * n, 4), 0.8)
    loadings[later == 1, 1] = loading
    values = loadings * factor[:, None] + 0.6 * rng.normal(size=(2 * n, 4))
    values[:, 1] += intercept * later
    return pd.DataFrame(values, columns=list(ITEMS)), pd.Series(np.where(later, "q", "p"))


def fitted(items, groups, *, step="scalar", freed=(), thresholds=None):
    data = prepare_data(items, ITEMS, estimator="WLSMV" if thresholds else "ML", groups=groups)
    layout = Layout(MODEL, BLOCKS, thresholds)
    free = dict.fromkeys(freed, frozenset({"loadings", "intercepts", "thresholds", "residuals"}))
    return fit_specification(data, layout.specify(layout.steps[step], free)), layout


def value(fit, group, left, operator, right):
    table = fit.parameters
    chosen = table[
        (table["group"] == group)
        & (table["left"] == left)
        & (table["operator"] == operator)
        & (table["right"] == right)
    ]
    return float(chosen["estimate"].iloc[0])


def test_linear_items_have_a_closed_form():
    """sqrt((dv + dl a)^2 + dl^2 psi) over the pooled SD; the mean difference is dv + dl a (Nye & Drasgow 2011, their 3)."""
    fit, layout = fitted(*answers(intercept=-0.4, loading=0.5, mean=0.5, spread=1.2), freed=["b"])
    found = {impact.item: impact for impact in item_impacts(fit, layout)}

    loading = value(fit, "q", "f", "=~", "b") - value(fit, "p", "f", "=~", "b")
    intercept = value(fit, "q", "b", "~1", "") - value(fit, "p", "b", "~1", "")
    mean, variance = value(fit, "q", "f", "~1", ""), value(fit, "q", "f", "~~", "f")
    pooled = np.mean([fit.implied(group)[0].loc["b", "b"] for group in (0, 1)])
    square = (intercept + loading * mean) ** 2 + loading**2 * variance
    assert found["b"].dmacs == pytest.approx(np.sqrt(square / pooled), rel=1e-9)
    assert found["b"].points == pytest.approx(intercept + loading * mean, rel=1e-9)
    assert found["b"].block == "q"
    assert found["b"].points == pytest.approx(-0.4 - 0.3 * 0.5, abs=0.06)
    assert [found[item].dmacs for item in "acd"] == pytest.approx([0.0] * 3, abs=1e-12)


def test_a_planted_shift_is_found_with_its_sign_and_size():
    for shift in (-0.5, 0.5):
        fit, layout = fitted(*answers(intercept=shift), freed=["b"])
        (impact,) = [found for found in item_impacts(fit, layout) if found.item == "b"]
        assert impact.points == pytest.approx(shift, abs=0.06)
        # Answers have variance .64 + .36 = 1.
        assert impact.dmacs == pytest.approx(0.5, abs=0.06)


def test_the_size_is_in_the_items_own_unit_and_dmacs_in_none():
    items, groups = answers(intercept=0.4)
    fit, layout = fitted(items, groups, freed=["b"])
    large, _ = fitted(items * 10.0, groups, freed=["b"])

    first = next(found for found in item_impacts(fit, layout) if found.item == "b")
    second = next(found for found in item_impacts(large, layout) if found.item == "b")
    assert second.dmacs == pytest.approx(first.dmacs, rel=1e-4)
    assert second.points == pytest.approx(10 * first.points, rel=1e-4)


def test_every_later_block_is_held_against_the_first():
    items, groups = answers(intercept=0.4)
    third, more = answers(intercept=-0.4, seed=2)
    items = pd.concat([items, third[more == "q"]], ignore_index=True)
    groups = pd.concat([groups, more[more == "q"].replace("q", "r")], ignore_index=True)
    data = prepare_data(items, ITEMS, groups=groups)
    layout = Layout(MODEL, (*BLOCKS, Block("r", 2)))
    free = {"b": frozenset({"loadings", "intercepts"})}
    fit = fit_specification(data, layout.specify(layout.steps["scalar"], free))

    found = {(impact.item, impact.block): impact.points for impact in item_impacts(fit, layout)}

    assert len(found) == 8
    assert found["b", "q"] == pytest.approx(0.4, abs=0.08)
    assert found["b", "r"] == pytest.approx(-0.4, abs=0.08)
    assert set(latent_means(fit, layout)) == {("f", "q"), ("f", "r")}


# Ordinal items


CUTS = (-1.2, -0.3, 0.7)


def codes(**options):
    items, groups = answers(**options)
    return pd.DataFrame(np.searchsorted(CUTS, items.to_numpy()).astype(float), columns=list(ITEMS)), groups


def curve(fit, group, factor):
    """Expected number of thresholds passed at a factor level, from the printed parameters."""
    level = value(fit, group, "b", "~1", "") + value(fit, group, "f", "=~", "b") * factor
    sd = np.sqrt(value(fit, group, "b", "~~", "b"))
    return sum(norm.cdf((level - value(fit, group, "b", "|", f"t{step}")) / sd) for step in (1, 2, 3))


def test_ordinal_items_are_integrated_over_the_later_groups_factor():
    """The same by adaptive integration of the printed parameters."""
    items, groups = codes(intercept=-0.5, loading=0.5, mean=0.4)
    fit, layout = fitted(items, groups, freed=["b"], thresholds=dict.fromkeys(ITEMS, 3))
    (impact,) = [found for found in item_impacts(fit, layout) if found.item == "b"]

    mean, sd = value(fit, "q", "f", "~1", ""), np.sqrt(value(fit, "q", "f", "~~", "f"))
    ends = (mean - 9 * sd, mean + 9 * sd)

    def over(function):
        return quad(lambda f: function(f) * norm.pdf(f, mean, sd), *ends, epsabs=1e-12, limit=200)[0]

    def gap(factor):
        return curve(fit, "q", factor) - curve(fit, "p", factor)

    variances = []
    for group, place in (("p", 0), ("q", 1)):
        total = np.sqrt(fit.implied(place)[0].loc["b", "b"])
        centre = fit.implied(place)[1]["b"]
        cuts = [value(fit, group, "b", "|", f"t{step}") for step in (1, 2, 3)]
        share = np.diff(norm.cdf([-np.inf, *((np.array(cuts) - centre) / total), np.inf]))
        variances.append(share @ np.arange(4) ** 2 - (share @ np.arange(4)) ** 2)
    assert impact.points == pytest.approx(over(gap), abs=1e-7)
    assert impact.dmacs == pytest.approx(np.sqrt(over(lambda f: gap(f) ** 2) / np.mean(variances)), abs=1e-7)
    assert impact.points < -0.3


def test_the_variance_of_an_ordinal_item_is_that_of_its_codes():
    """dMACS divides by it: with all thresholds, loadings and intercepts free in both groups it is the sample's."""
    items, groups = codes(intercept=-0.5)
    fit, layout = fitted(items, groups, freed=["b"], thresholds=dict.fromkeys(ITEMS, 3))
    (impact,) = [found for found in item_impacts(fit, layout) if found.item == "b"]

    own = items.groupby(groups)["b"]
    spread = np.sqrt(own.var(ddof=0).mean())
    # A difference that hardly depends on the factor: dMACS is near the mean difference over the SD.
    assert impact.dmacs == pytest.approx(abs(impact.points) / spread, rel=0.1)


def test_points_of_ordinal_items_are_categories():
    """What freeing one item adds to its expected code is what the code's mean loses against an unshifted group."""
    shifted, groups = codes(intercept=-0.5, n=6000)
    fit, layout = fitted(shifted, groups, freed=["b"], thresholds=dict.fromkeys(ITEMS, 3))
    (impact,) = [found for found in item_impacts(fit, layout) if found.item == "b"]
    means = shifted.groupby(groups)["b"].mean()

    assert impact.points == pytest.approx(means["q"] - means["p"], abs=0.05)


# Latent means


@pytest.mark.parametrize("scale", ["continuous", "ordinal"])
def test_latent_means_are_those_that_were_planted(scale):
    make, thresholds = (answers, None) if scale == "continuous" else (codes, dict.fromkeys(ITEMS, 3))
    fit, layout = fitted(*make(mean=0.5), thresholds=thresholds)

    assert latent_means(fit, layout) == {("f", "q"): pytest.approx(0.5, abs=0.08)}


def test_latent_means_are_in_standard_deviations_of_the_first_block():
    """The same fit whether the factor's scale is that of its first item or its own."""
    items, groups = answers(mean=0.5)
    items = items * 3.0
    data = prepare_data(items, ITEMS, groups=groups)
    found = []
    for scaling in ("marker", "unit_variance"):
        layout = Layout(MODEL, BLOCKS, scaling=scaling)
        fit = fit_specification(data, layout.specify(layout.steps["scalar"]))
        found.append(latent_means(fit, layout)["f", "q"])

    assert found[0] == pytest.approx(found[1], abs=1e-4)
    assert found[0] == pytest.approx(0.5, abs=0.08)


def test_a_shifted_item_that_is_not_freed_pulls_the_latent_mean():
    """Negative control: with the shift held equal the mean is off, with the item freed it is not."""
    items, groups = answers(intercept=-0.8, mean=0.5)
    held, layout = fitted(items, groups)
    freed, _ = fitted(items, groups, freed=["b"])

    assert latent_means(freed, layout)["f", "q"] == pytest.approx(0.5, abs=0.08)
    assert latent_means(held, layout)["f", "q"] < 0.40
