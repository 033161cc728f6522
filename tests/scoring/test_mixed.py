import json
import math

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.mixed import RandomEffect, exchange, fit_mixed, unit_effects
from scoring.mixed.likelihood import Block, Problem
from scoring.mixed.rows import lay_out, read_rows
from scoring.mixed.units import group_units
from scoring.serialize import to_plain


def pairs(n, waves=2, *, seed=1, missing=0.0):
    """Scores of n pairs with intercepts of pair and person."""
    rng = np.random.default_rng(seed)
    pair = np.repeat(np.arange(n), 2 * waves)
    role = np.tile(np.repeat([0, 1], waves), n)
    wave = np.tile(np.arange(waves), 2 * n)
    y = 3 + 0.5 * rng.normal(size=n)[pair] + 0.6 * rng.normal(size=2 * n)[2 * pair + role]
    y = pd.Series(y + 0.5 * rng.normal(size=len(pair)) + 0.1 * wave)
    y[rng.random(len(y)) < missing] = np.nan
    table = pd.DataFrame({"y": y, "pair": pair, "role": role, "wave": wave, "person": 2 * pair + role})
    cells = pd.get_dummies(table["role"].astype(str) + ":" + table["wave"].astype(str)).astype(float)
    return table, cells


def nested(table):
    return {"pair": None, "person": table["person"]}


def fit(table, cells, **options):
    return fit_mixed(table["y"], cells, table["pair"], nested(table), **options)


# Properties


def test_unstructured_covariances_of_complete_pairs_give_the_paired_t_test_and_hotelling():
    table, cells = pairs(25)
    wide = table.pivot(index="pair", columns=["role", "wave"], values="y").to_numpy()
    change = np.c_[wide[:, 1] - wide[:, 0], wide[:, 3] - wide[:, 2]]
    n, mean = len(change), change.mean(axis=0)

    model = fit_mixed(table["y"], cells, table["pair"], {"cell": RandomEffect(cells)}, residual="none")
    one = model.test({"0:1": 1.0, "0:0": -1.0})
    both = model.test([{"0:1": 1.0, "0:0": -1.0}, {"1:1": 1.0, "1:0": -1.0}])

    assert (one.estimate, one.df) == pytest.approx((mean[0], n - 1), abs=1e-9)
    assert one.se == pytest.approx(change[:, 0].std(ddof=1) / math.sqrt(n), abs=1e-9)
    hotelling = n * mean @ np.linalg.solve(np.cov(change.T), mean)
    scaled = hotelling * (n - 2) / (2 * (n - 1))
    assert (both.F, both.df) == pytest.approx((scaled, n - 2), rel=1e-8)
    assert np.allclose(model.random["cell"], np.cov(wide.T), atol=1e-8)
    assert list(model.variances)[:2] == ["cell[0:0]", "cell[0:0, 0:1]"]


def test_intercepts_of_complete_pairs_give_the_variance_components_of_analysis_of_variance():
    table, cells = pairs(40, seed=3)
    cube = table["y"].to_numpy().reshape(40, 2, 2)
    cube = cube - cube.mean(axis=0)
    error = ((cube - cube.mean(axis=2, keepdims=True)) ** 2).sum() / (2 * 39)
    of_person = cube.mean(axis=2)
    person = 2 * ((of_person - of_person.mean(axis=1, keepdims=True)) ** 2).sum() / 39
    pair = 4 * (of_person.mean(axis=1) ** 2).sum() / 39

    model = fit(table, cells)

    assert model.variances["residual"] == pytest.approx(error, rel=1e-7)
    assert model.variances["person"] == pytest.approx((person - error) / 2, rel=1e-6)
    assert model.variances["pair"] == pytest.approx((pair - person) / 4, rel=1e-6)
    # Without correlated changes both partners' changes are one sample of independent differences.
    assert model.test({"0:1": 1.0, "0:0": -1.0}).df == pytest.approx(78, rel=1e-6)


def test_the_order_of_rows_and_labels_changes_nothing():
    table, cells = pairs(30, 3, missing=0.2)
    right = fit(table, cells)
    order = np.random.default_rng(2).permutation(len(table))
    mixed = table.iloc[order].assign(pair=lambda t: "p" + t["pair"].astype(str))

    again = fit(mixed, cells.iloc[order])

    assert np.allclose(again.coefficients, right.coefficients, rtol=1e-7)
    assert again.log_likelihood == pytest.approx(right.log_likelihood, abs=1e-8)
    assert (again.n_used, again.n_dropped) == (right.n_used, right.n_dropped)
    assert right.n_dropped == int(table["y"].isna().sum()) > 0


def test_units_of_measurement_change_nothing_but_units():
    table, cells = pairs(30, missing=0.1)
    right = fit(table, cells)

    other = fit_mixed(1e6 + 1e3 * table["y"], 1e-4 * cells, table["pair"], nested(table))

    assert np.allclose(
        other.coefficients[["se", "df"]] / [1e7, 1.0], right.coefficients[["se", "df"]], rtol=1e-5
    )
    assert other.variances["person"] == pytest.approx(1e6 * right.variances["person"], rel=1e-5)


def test_weeks_and_years_give_the_same_slopes():
    rng = np.random.default_rng(5)
    person = pd.Series(np.repeat(np.arange(40), 3))
    time = pd.Series(np.tile([0.0, 12.0, 24.0], 40))
    y = (
        rng.normal(size=40)[person]
        + (0.02 + 0.03 * rng.normal(size=40))[person] * time
        + 0.3 * rng.normal(size=120)
    )
    fits = []
    for scale in (1.0, 1.0 / 52.0):
        lines = pd.DataFrame({"start": 1.0, "slope": time * scale})
        fits.append(fit_mixed(y, lines, person, {"person": RandomEffect(lines)}))

    weeks, years = fits

    assert years.variances["person[slope]"] == pytest.approx(
        52**2 * weeks.variances["person[slope]"], rel=1e-5
    )
    assert years.coefficients.at["slope", "df"] == pytest.approx(
        weeks.coefficients.at["slope", "df"], rel=1e-5
    )
    # Units of one unit in the log-likelihood: the design's column is 52 times smaller.
    assert weeks.log_likelihood - years.log_likelihood == pytest.approx(-math.log(52.0), abs=1e-6)


def problem(table, cells, effects, restricted):
    rows = read_rows(table["y"], cells, table["pair"], effects, "one")
    blocks, given = lay_out(rows, {})
    batches = group_units(rows.values, rows.units, [part.effects for part in rows.parts])
    return Problem(batches, blocks, len(given), cells.shape[1], len(rows.values), restricted)


@pytest.mark.parametrize("restricted", [True, False])
def test_score_and_information_are_the_derivatives_of_the_likelihood(restricted):
    table, cells = pairs(20, 3, missing=0.2)
    lines = pd.DataFrame({"one": 1.0, "time": table["wave"].astype(float)})
    sought = problem(table, cells, {"pair": None, "person": RandomEffect(lines, table["person"])}, restricted)
    theta = np.array([0.3, 0.4, -0.05, 0.2, 0.5])
    state, h = sought.at(theta), 1e-5
    steps = np.eye(5) * h

    slope = [
        (sought.at(theta + s).log_likelihood - sought.at(theta - s).log_likelihood) / (2 * h) for s in steps
    ]
    bend = [-(sought.at(theta + s).score - sought.at(theta - s).score) / (2 * h) for s in steps]

    assert state.score == pytest.approx(np.array(slope), rel=1e-6, abs=1e-6)
    assert np.allclose(state.observed, bend, rtol=1e-5, atol=1e-5)


def test_the_score_has_mean_zero_and_the_expected_information_is_the_mean_of_the_observed_one():
    table, cells = pairs(60, seed=4)
    rng, theta = np.random.default_rng(0), np.array([0.25, 0.36, 0.25])
    rows = read_rows(table["y"], cells, table["pair"], nested(table), "one")
    blocks, _ = lay_out(rows, {})
    effects = [part.effects for part in rows.parts]
    states = []
    for _ in range(300):
        y = 0.5 * rng.normal(size=60)[table["pair"]] + 0.6 * rng.normal(size=120)[table["person"]]
        values = np.column_stack([cells, y + 0.5 * rng.normal(size=240)])
        states.append(Problem(group_units(values, rows.units, effects), blocks, 3, 4, 240, True).at(theta))

    expected = states[0].expected
    errors = np.sqrt(np.diagonal(expected) / 300)
    assert np.all(np.abs(np.mean([state.score for state in states], axis=0)) < 4 * errors)
    assert np.allclose(np.mean([state.observed for state in states], axis=0), expected, rtol=0.15)


def test_large_units_are_reduced_without_changing_the_likelihood(monkeypatch):
    table, cells = pairs(60, 3, missing=0.15)
    cohort = table["pair"] % 6
    x = pd.Series(np.random.default_rng(3).normal(size=60))[table["pair"]].to_numpy()
    lines = pd.DataFrame({"one": 1.0, "time": table["wave"].astype(float)})
    results = []
    for large in (16, 10**9):
        monkeypatch.setattr(exchange, "_LARGE", large)
        components = {"cohort": RandomEffect(lines), "pair": table["pair"], "person": table["person"]}
        results.append(fit_mixed(table["y"], cells.assign(x=x), cohort, components))
    small, whole = results

    assert small.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-8)
    assert np.allclose(small.coefficients, whole.coefficients, rtol=1e-5, atol=1e-7)
    assert list(small.variances.values()) == pytest.approx(list(whole.variances.values()), abs=1e-7)
    slopes = [unit_effects(model, "cohort", "time") for model in results]
    assert np.allclose(slopes[0], slopes[1], atol=1e-6)
    # Negative control: the reduced units are smaller.
    sizes = [max(batch.G.shape[-1] for batch in model.layout.batches) for model in results]
    assert sizes[0] < sizes[1]


def test_predicted_effects_shrink_the_means_of_units():
    rng = np.random.default_rng(8)
    unit = pd.Series(np.repeat(np.arange(30), 4))
    y = pd.Series(rng.normal(size=30)[unit] + rng.normal(size=120))
    ones = pd.DataFrame({"one": np.ones(120)})

    model = fit_mixed(y, ones, unit, {"unit": RandomEffect(ones)})

    mean, means = y.mean(), y.groupby(unit).mean()
    between, within = model.variances["unit[one]"], model.variances["residual"]
    share = between / (between + within / 4)
    found = unit_effects(model, "unit", "one")
    assert found["value"].to_numpy() == pytest.approx(mean + share * (means - mean).to_numpy(), abs=1e-7)
    expected = within / 4 * share + (1 - share) ** 2 * (between + within / 4) / 30
    assert found["variance"].to_numpy() == pytest.approx(np.full(30, expected), rel=1e-6)


def test_a_known_variance_is_kept():
    table, cells = pairs(30)

    model = fit(table, cells, known={"residual": 0.3, "person": 0.25})

    assert (model.variances["residual"], model.variances["person"]) == pytest.approx((0.3, 0.25))
    free = fit(table, cells)
    assert model.log_likelihood < free.log_likelihood
    given = fit(table, cells, known=dict(free.variances))
    assert given.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-8)
    # Nothing about the variances is uncertain then.
    assert math.isinf(given.coefficients["df"].iloc[0])


def test_a_variance_of_its_own_for_each_role():
    table, cells = pairs(200, 3, seed=11)
    noise = np.random.default_rng(1).normal(size=len(table)) * np.where(table["role"] == 0, 0.0, 1.0)

    model = fit_mixed(
        table["y"] + noise, cells, table["pair"], nested(table), residual=table["role"].map({0: "a", 1: "b"})
    )

    assert model.variances["residual[a]"] == pytest.approx(0.25, rel=0.15)
    assert model.variances["residual[b]"] == pytest.approx(1.25, rel=0.15)


def test_variances_on_the_boundary_are_noted_and_are_the_best():
    table, cells = pairs(22, seed=4)
    # Labels of pairs shuffled over persons: partners have nothing in common.
    other = (table["pair"] + np.where(table["role"] == 1, 3, 0)) % 22
    y = table["y"] - table.groupby("pair")["y"].transform("mean")

    model = fit_mixed(y, cells, other, {"other": None, "someone": other * 2 + table["role"]})

    assert model.singular
    assert model.converged
    assert {note.code for note in model.notes} == {"mixed.singular"}
    zeros = [name for name, value in model.variances.items() if value == 0.0]
    for name in zeros:
        pushed = fit_mixed(
            y, cells, other, {"other": None, "someone": other * 2 + table["role"]}, known={name: 1e-3}
        )
        assert pushed.log_likelihood < model.log_likelihood
    assert zeros


def test_matrices_leave_the_boundary_where_the_likelihood_rises():
    table, cells = pairs(40, 3, seed=6)
    lines = pd.DataFrame({"one": 1.0, "time": table["wave"].astype(float)})
    components = {"pair": None, "person": RandomEffect(lines, table["person"])}
    sought = problem(table, cells, components, True)
    free = sought.maximise(np.array([0.3, 0.3, 0.0, 0.3, 0.3]))
    # From a start with a matrix of rank one the same maximum is found.
    stuck = sought.maximise(np.array([0.3, 0.3, 0.3, 0.3, 0.3]))

    assert stuck[2]
    assert stuck[1].log_likelihood == pytest.approx(free[1].log_likelihood, abs=1e-8)


def test_matrices_and_vectors_of_a_block_are_inverse():
    block = Block((2, 3, 4), 2)
    theta = np.array([9.0, 9.0, 1.0, 0.5, 2.0])

    assert block.matrix(theta).tolist() == [[1.0, 0.5], [0.5, 2.0]]
    assert block.vector(block.matrix(theta)).tolist() == [1.0, 0.5, 2.0]
    # trace(S d Sigma) is the sum of gradient times change.
    change = np.array([0.1, 0.2, 0.3])
    gradient = np.array([0.0, 0.0, 5.0, 7.0, 11.0])
    moved = block.matrix(np.r_[0, 0, change])
    assert np.trace(block.slope(gradient) @ moved) == pytest.approx(gradient[2:] @ change)


def test_full_likelihood_compares_models_with_different_coefficients():
    table, cells = pairs(40, seed=9)
    table["y"] += 2.0 * table["wave"]
    ones = pd.DataFrame({"one": np.ones(len(table))})
    large = fit(table, cells, restricted=False, method="satterthwaite")
    small = fit_mixed(
        table["y"], ones, table["pair"], nested(table), restricted=False, method="satterthwaite"
    )

    assert 2 * (large.log_likelihood - small.log_likelihood) > 50
    assert not large.restricted


# Bad input


def refused(code, **changes):
    table, cells = pairs(10)
    parts = {
        "outcome": table["y"],
        "design": cells,
        "unit": table["pair"],
        "components": nested(table),
    } | changes
    options = {k: parts.pop(k) for k in list(parts) if k not in {"outcome", "design", "unit", "components"}}
    with pytest.raises(ScoringError) as caught:
        fit_mixed(parts["outcome"], parts["design"], parts["unit"], parts["components"], **options)
    assert caught.value.code == code
    assert caught.value.remedy
    str(caught.value)


TABLE, CELLS = pairs(10)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("mixed.rows", {"outcome": TABLE["y"].iloc[:-1]}),
        ("mixed.rows", {"components": {"person": TABLE["person"].iloc[:-1]}}),
        ("mixed.rows", {"components": {"person": RandomEffect(CELLS.iloc[:-1])}}),
        ("mixed.number", {"outcome": TABLE["y"].replace({TABLE["y"].iloc[0]: np.inf})}),
        ("mixed.number", {"outcome": TABLE["y"].astype(object).where(TABLE.index > 0, "x")}),
        ("mixed.number", {"design": CELLS.where(TABLE["pair"] > 0)}),
        ("mixed.number", {"components": {"p": RandomEffect(CELLS.where(TABLE["pair"] > 0))}}),
        ("mixed.rank", {"design": CELLS.assign(one=1.0)}),
        ("mixed.rank", {"outcome": TABLE["y"].where(TABLE["role"] == 0)}),
        ("mixed.column", {"design": pd.concat([CELLS, CELLS.iloc[:, :1]], axis=1)}),
        ("mixed.column", {"design": CELLS.iloc[:, :0]}),
        ("mixed.few", {"outcome": TABLE["y"].where(TABLE["pair"] < 2)}),
        ("mixed.few", {"outcome": TABLE["y"] * np.nan}),
        ("mixed.spread", {"outcome": TABLE["wave"].astype(float)}),
        ("mixed.component", {"components": {"residual": TABLE["person"]}}),
        ("mixed.label", {"components": {"person": TABLE["person"].where(TABLE["pair"] > 0)}}),
        ("mixed.label", {"residual": TABLE["role"].where(TABLE["pair"] > 0)}),
        ("mixed.known", {"known": {"nobody": 1.0}}),
        ("mixed.known", {"known": {"pair": -1.0}}),
        ("mixed.known", {"known": {"c": 1.0}, "components": {"c": RandomEffect(CELLS)}}),
        ("mixed.method", {"restricted": False}),
        ("mixed.variance", {"residual": "none"}),
    ],
)
def test_input_that_cannot_be_used_is_named(code, changes):
    refused(code, **changes)


def test_no_row_at_all_is_named():
    empty = pd.Series([], dtype=float)
    with pytest.raises(ScoringError, match="too few"):
        fit_mixed(empty, pd.DataFrame({"one": empty}), empty, {"unit": None})


def test_an_answer_without_a_pair_is_dropped():
    table, cells = pairs(12)
    table["pair"] = table["pair"].where(table["pair"] > 0)

    assert (fit(table, cells).n_dropped, fit(table, cells).n_units) == (4, 11)


def test_unknown_or_dependent_contrasts_are_named():
    model = fit(*pairs(12))
    for contrast in ({"nothing": 1.0}, [{"0:0": 1.0}, {"0:0": 2.0}], [{"0:0": 0.0}]):
        with pytest.raises(ScoringError) as caught:
            model.test(contrast)
        assert caught.value.code == "mixed.contrast"


def test_unknown_effects_are_named():
    model = fit(*pairs(12))
    for name, column in (("person", "person"), ("pair", "slope"), ("x", "x")):
        with pytest.raises(ScoringError) as caught:
            unit_effects(model, name, column)
        assert caught.value.code == "mixed.effect"
    assert len(unit_effects(model, "pair", "pair")) == 12


def test_pairs_in_which_everybody_changes_alike_leave_no_residual():
    table, cells = pairs(15)
    table["y"] = table.groupby("person")["y"].transform("first") + 0.3 * table["wave"]

    model = fit(table, cells)

    assert not model.converged
    assert any(note.code == "mixed.residual" for note in model.notes)


def test_too_few_pairs_for_all_covariances_do_not_pass_as_a_fit():
    table, cells = pairs(8, 4, missing=0.25, seed=2)

    try:
        model = fit_mixed(table["y"], cells, table["pair"], {"cell": RandomEffect(cells)}, residual="none")
    except ScoringError:
        return
    assert not model.converged
    assert {note.code for note in model.notes} & {"mixed.converged", "mixed.information"}


def test_a_hundred_thousand_pairs_cost_little_more_than_a_thousand():
    table, cells = pairs(100_000, missing=0.1)

    model = fit(table, cells)

    assert model.converged
    assert model.variances["person"] == pytest.approx(0.36, rel=0.03)
    # The cost: patterns are few, however many pairs there are.
    assert sum(len(batch.rows) for batch in model.layout.batches) < 1_000


def test_a_model_can_be_written_down():
    model = fit(*pairs(12))

    assert json.dumps(to_plain(model))
    assert "uncertainty" not in to_plain(model)
