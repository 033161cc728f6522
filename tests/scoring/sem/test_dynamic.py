import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.parallel_work import spawn_seeds
from scoring.sem import ConfirmatoryFit, fit_confirmatory, fit_specification, specify
from scoring.sem.dynamic import dynamic_cutoffs, find_cutoff
from scoring.sem.generate import draw_data, draw_rows, exact_data, stated_population
from scoring.sem.misfit import AddedPath, coefficient_h, misfit_levels, standardize_model
from scoring.sem.model import as_model
from scoring.sem.simulated_fit import INDICES, make_design, observed_indices, simulate_indices

R_VALUES = json.loads(
    (Path(__file__).parent.parent / "reference" / "dynamic.json").read_text(encoding="utf-8")
)
# The standardized solution of Holzinger and Swineford's three factors as the vignette of R's `dynamic` prints it.
HOLZINGER = """
visual =~ .772*x1 + .424*x2 + .581*x3
textual =~ .852*x4 + .855*x5 + .838*x6
speed =~ .570*x7 + .723*x8 + .665*x9
visual ~~ .459*textual
visual ~~ .471*speed
textual ~~ .283*speed
"""
# The same vignette's model of one factor.
ONE_FACTOR = "f =~ .419*x1 + .212*x2 + .203*x3 + .852*x4 + .847*x5 + .840*x6"
TWO_FACTORS = "f =~ .7*x1 + .6*x2 + .5*x3\ng =~ .8*x4 + .7*x5 + .6*x6\nf ~~ .4*g"


def factors_of(stated: str) -> dict[str, tuple[str, ...]]:
    return dict(as_model(stated).factors)


def fit_to_itself(stated: str, n: int, model: Any = None) -> ConfirmatoryFit:
    """The fit of a model to the moments that it states: what a reader of its standardized solution knows."""
    free = as_model(model or factors_of(stated))
    return fit_specification(exact_data(stated_population(stated), n), specify(free))


def levels_of(stated: str, model: Any = None) -> tuple[tuple[AddedPath, ...], ...]:
    fit = fit_to_itself(stated, 300, model)
    return misfit_levels(standardize_model(fit.problem.model, fit.x))


def shown(paths: tuple[AddedPath, ...]) -> list[tuple[str, float]]:
    return [(path.name, round(path.value, 3)) for path in paths]


# What is added


def test_cross_loadings_are_those_of_the_published_example() -> None:
    # The vignette: "two missing cross-loadings, one with a magnitude of .424 and the second with a magnitude of .570".
    levels = levels_of(HOLZINGER)

    assert [shown(level) for level in levels] == [
        [("textual =~ x2", 0.424)],
        [("textual =~ x2", 0.424), ("textual =~ x7", 0.570)],
    ]


def test_one_factor_gets_pairs_of_neighbours() -> None:
    first, second, third = (("x2 ~~ x3", 0.3), ("x6 ~~ x1", 0.3), ("x4 ~~ x5", 0.3))

    levels = levels_of(ONE_FACTOR)

    assert [shown(level) for level in levels] == [[first], [first, second], [first, second, third]]


@pytest.mark.parametrize(
    ("k_items", "pairs"),
    [(4, [1]), (5, [1, 2]), (6, [1, 2, 3]), (7, [1, 2, 3]), (9, [1, 2, 4]), (12, [2, 4, 6])],
)
def test_levels_of_one_factor_by_number_of_items(k_items: int, pairs: list[int]) -> None:
    stated = "f =~ " + " + ".join(f"{0.5 + 0.03 * item}*y{item}" for item in range(k_items))

    assert [len(level) for level in levels_of(stated)] == pairs


def test_two_factors_have_one_level_and_a_short_factor_comes_last() -> None:
    assert [shown(level) for level in levels_of(TWO_FACTORS)] == [[("g =~ x3", 0.5)]]
    # The weakest item of all belongs to a factor of two items.
    short = "f =~ .8*a + .3*b\ng =~ .7*c + .6*d + .5*e\nf ~~ .5*g"
    assert shown(levels_of(short)[0]) == [("f =~ e", 0.5)]


def test_items_with_other_ties_are_left_alone() -> None:
    model = {**factors_of(HOLZINGER)}
    text = "\n".join(f"{name} =~ {' + '.join(items)}" for name, items in model.items())
    with_ties = HOLZINGER + "x2 ~~ .2*x8\nspeed =~ .1*x1\n"

    levels = levels_of(with_ties, text + "\nx2 ~~ x8\nspeed =~ x1")

    # x3 is the last item of visual without a tie; of speed x7 and x9 are left.
    assert [path.right for path in levels[-1]] == ["x7", "x3"]


@pytest.mark.parametrize(
    ("stated", "turned"),
    [
        (HOLZINGER, ["x2"]),
        (HOLZINGER, ["x1", "x2", "x3"]),
        (HOLZINGER, ["x4", "x7"]),
        (ONE_FACTOR, ["x2"]),
        (ONE_FACTOR, ["x1", "x5"]),
    ],
)
def test_turning_items_and_factors_round_changes_nothing(stated: str, turned: list[str]) -> None:
    reversed_items = stated
    for item in turned:
        reversed_items = re.sub(rf"(\S+)\*{item}", rf"-\1*{item}", reversed_items)
    sign = np.array([-1.0 if item in turned else 1.0 for item in as_model(stated).items])
    found = []
    for text in (stated, reversed_items):
        fit = fit_to_itself(text, 301)
        model = standardize_model(fit.problem.model, fit.x)
        found.append([model.covariance(paths) for paths in misfit_levels(model)])

    for covariance, other in zip(*found, strict=True):
        np.testing.assert_allclose(other * np.outer(sign, sign), covariance, atol=1e-5)


def test_a_strong_item_keeps_some_residual_variance() -> None:
    stated = "f =~ .9*a + .92*b + .93*c\ng =~ .95*d + .96*e + .94*h\nf ~~ .6*g"
    fit = fit_to_itself(stated, 300)
    model = standardize_model(fit.problem.model, fit.x)
    (path,) = misfit_levels(model)[0]
    room = math.sqrt((0.9 * 0.6) ** 2 + 1 - 0.81) - 0.54

    assert path.value == pytest.approx(0.95 * room, abs=1e-5)
    covariance = model.covariance((path,))
    assert np.linalg.eigvalsh(covariance)[0] > 0
    assert np.diagonal(covariance) == pytest.approx(np.diagonal(fit.implied()[0]))


def test_coefficient_h_is_the_reliability_of_the_best_weights() -> None:
    fit = fit_to_itself(ONE_FACTOR, 300)
    model = standardize_model(fit.problem.model, fit.x)
    correlations = model.covariance()
    loadings = model.loadings[:, 0]

    # The squared correlation of a factor with its regression scores.
    assert coefficient_h(model)[0] == pytest.approx(loadings @ np.linalg.solve(correlations, loadings))


def test_added_paths_keep_variances_and_the_fitted_model_itself_is_level_0() -> None:
    rows = draw_rows(stated_population(TWO_FACTORS), 400, np.random.default_rng(2)) * [1, 2, 3, 4, 5, 600]
    fit = fit_confirmatory(rows, factors_of(TWO_FACTORS))
    model = standardize_model(fit.problem.model, fit.x)

    np.testing.assert_allclose(model.covariance(), fit.implied()[0], rtol=1e-9)
    added = model.covariance(misfit_levels(model)[0])
    np.testing.assert_allclose(np.diagonal(added), np.diagonal(fit.implied()[0]), rtol=1e-9)
    assert np.abs(added / fit.implied()[0].to_numpy() - 1).max() > 0.2


# What is simulated


def compare_with_r(found: np.ndarray, expected: dict[str, Any]) -> None:
    """Means, and the shares beyond R's percentiles, within four standard errors of two simulations of these sizes."""
    for place, _ in enumerate(INDICES):
        values = found[:, place]
        sizes = math.sqrt(1 / len(values) + 1 / expected["n"])
        assert values.mean() == pytest.approx(expected["mean"][place], abs=4 * expected["sd"][place] * sizes)
        error = 4 * math.sqrt(0.05 * 0.95) * sizes
        for key, share in (("q05", 0.05), ("q95", 0.95)):
            # Many values are exactly 0 (RMSEA) or 1 (CFI), so that a percentile can have a share of its own.
            assert (values < expected[key][place] - 1e-9).mean() <= share + error
            assert (values <= expected[key][place] + 1e-9).mean() >= share - error


@pytest.mark.parametrize(("key", "stated"), [("three", HOLZINGER), ("one", ONE_FACTOR)])
def test_indices_are_distributed_as_in_r(key: str, stated: str) -> None:
    found = dynamic_cutoffs(fit_to_itself(stated, 301), n_replications=1000, seed=7)

    assert len(found.draws) == len(R_VALUES[key])
    for draws, expected in zip(found.draws, R_VALUES[key], strict=True):
        compare_with_r(draws, expected)
    # Negative control: neighbouring levels are told apart.
    for draws, expected in zip(found.draws[1:], R_VALUES[key], strict=False):
        with pytest.raises(AssertionError):
            compare_with_r(draws, expected)


def ordinal_fit(n: int, seed: int, cuts: tuple[float, ...] = (-1.0, 0.0, 1.0)) -> ConfirmatoryFit:
    population = stated_population(
        TWO_FACTORS, thresholds=dict.fromkeys(("x1", "x2", "x3", "x4", "x5", "x6"), cuts)
    )
    rows = draw_rows(population, n, np.random.default_rng(seed))
    return fit_confirmatory(rows, factors_of(TWO_FACTORS), estimator="WLSMV")


@pytest.mark.slow
def test_ordinal_indices_are_distributed_as_in_r() -> None:
    # A sample so large that its estimates are the population's; then data sets of 300.
    fit = ordinal_fit(200_000, 1)
    model = standardize_model(fit.problem.model, fit.x)
    design = make_design(fit, [model.covariance(paths) for paths in ((), *misfit_levels(model))])
    found = np.stack(simulate_indices(replace(design, n=300), spawn_seeds(3, 400)))

    for level, expected in enumerate(R_VALUES["ordinal"]):
        compare_with_r(found[:, level], expected)


def fitted_holzinger(r_data: Callable[[str], pd.DataFrame], **options: Any) -> ConfirmatoryFit:
    name = "holzinger_missing" if options.get("missing") == "fiml" else "holzinger"
    return fit_confirmatory(r_data(name), factors_of(HOLZINGER), **options)


@pytest.mark.parametrize(
    ("estimator", "missing"),
    [
        ("ML", "listwise"),
        ("MLR", "listwise"),
        ("ULS", "listwise"),
        ("GLS", "listwise"),
        ("ML", "fiml"),
        ("MLR", "fiml"),
    ],
)
def test_simulated_indices_are_those_of_an_ordinary_fit(
    r_data: Callable[[str], pd.DataFrame], estimator: Any, missing: Any
) -> None:
    fit = fitted_holzinger(r_data, estimator=estimator, missing=missing)
    model = standardize_model(fit.problem.model, fit.x)
    design = make_design(fit, [model.covariance()])
    (seed,) = spawn_seeds(5, 1)

    (found,) = simulate_indices(design, [seed])

    rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0, 0)))
    data = draw_data(
        design.populations[0], design.n, rng, estimator=design.estimator, observed=design.observed
    )
    measures = fit_specification(data, fit.specification).measures
    version = "robust" if missing == "fiml" and estimator == "MLR" else "plain"
    np.testing.assert_allclose(found[0], list(observed_indices(measures, version).values()), atol=1e-6)
    assert (design.observed is not None) == (missing == "fiml")


def test_simulated_ordinal_indices_are_those_of_an_ordinary_fit() -> None:
    fit = ordinal_fit(300, 3)
    design = make_design(fit, [fit.implied()[0].to_numpy()])

    found = np.stack(simulate_indices(design, spawn_seeds(5, 3)))

    for number in range(3):
        rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(number, 0)))
        data = draw_data(design.populations[0], design.n, rng, estimator="WLSMV")
        measures = fit_specification(data, fit.specification).measures
        np.testing.assert_allclose(
            found[number, 0], [measures.cfi_scaled, measures.rmsea_scaled, measures.srmr], atol=1e-6
        )


def test_a_category_that_a_data_set_misses_takes_its_threshold_along() -> None:
    fit = ordinal_fit(2000, 4, cuts=(-2.6, 0.0, 2.6))
    design = replace(make_design(fit, [fit.implied()[0].to_numpy()]), n=120)
    lost = [
        min(
            len(cuts)
            for cuts in draw_data(design.populations[0], 120, rng, estimator="WLSMV").groups[0].thresholds
        )
        for rng in (np.random.default_rng(np.random.SeedSequence(6, spawn_key=(r, 0))) for r in range(10))
    ]

    found = np.stack(simulate_indices(design, spawn_seeds(6, 10)))

    assert sum(count < 3 for count in lost) >= 5
    assert np.isfinite(found).all()
    # With a fixed threshold the smaller model would be another one, so such data sets are given up.
    parameters = tuple(
        replace(p, free=False, value=-2.6) if p.name == "x1 | t1" else p for p in fit.specification.parameters
    )
    fixed = replace(
        design, specification=replace(fit.specification, parameters=parameters), starts=(fit.x[1:],)
    )
    first_threshold = fit.problem.model.names.index("x1 | t1")
    fixed = replace(fixed, starts=(np.delete(fit.x, first_threshold),))
    given_up = np.isnan(np.stack(simulate_indices(fixed, spawn_seeds(6, 10)))).all(axis=(1, 2))
    assert given_up.tolist() == [count < 3 for count in lost]


# What a cut-off is


def test_cutoff_is_a_percentile_where_the_distributions_are_apart() -> None:
    true, near, far = np.arange(100.0), np.arange(100.0) + 86, np.arange(100.0) + 200

    apart = find_cutoff(true, far, 150.0, higher=False)
    assert (apart.value, apart.rule, apart.rejects_misfit, apart.rejects_true, apart.passed) == (
        pytest.approx(204.95), "95/5", 0.95, 0.0, True,
    )  # fmt: skip
    second = find_cutoff(true, near, 96.0, higher=False)
    assert (second.value, second.rule, second.passed) == (pytest.approx(95.9), "90/10", False)
    assert find_cutoff(true, true, 5.0, higher=False).value is None
    # CFI is the same turned round.
    turned = find_cutoff(-true, -far, -150.0, higher=True)
    assert turned.value == pytest.approx(-204.95)
    assert turned.passed
    assert find_cutoff(true, far, None, higher=False).passed is None


@pytest.fixture(scope="module")
def clear() -> tuple[ConfirmatoryFit, Any]:
    """A sample in which level 1 can be told from the model itself."""
    fit = fit_to_itself(TWO_FACTORS, 600)
    return fit, dynamic_cutoffs(fit, n_replications=300)


def judge(fit: ConfirmatoryFit, level: Any, stated: str, n_sets: int) -> np.ndarray:
    """The share of fresh data sets of a population in which each cut-off of a level rejects the model."""
    design = replace(
        make_design(fit, [fit.implied()[0].to_numpy()]), populations=(stated_population(stated),)
    )
    found = np.stack(simulate_indices(design, spawn_seeds(99, n_sets)))[:, 0]
    sign = [-1.0 if name == "cfi" else 1.0 for name in INDICES]
    values = [level.cutoffs[name].value for name in INDICES]
    return (found * sign > np.array(values) * sign).mean(axis=0)


def test_cutoffs_keep_their_promise_on_fresh_data(clear: tuple[ConfirmatoryFit, Any]) -> None:
    fit, cutoffs = clear
    (level,) = cutoffs.levels
    assert {cutoff.rule for cutoff in level.cutoffs.values()} == {"95/5"}

    # Of 200 data sets a share of .05 has a standard error of .015, and a percentile of 300 one of .013.
    assert judge(fit, level, TWO_FACTORS, 200).max() <= 0.10
    # Negative control: the model misses the cross-loading that the level is about.
    np.testing.assert_allclose(judge(fit, level, TWO_FACTORS + "\ng =~ .5*x3", 200), 0.95, atol=0.06)


@pytest.mark.slow
def test_cutoffs_keep_their_promise_on_many_fresh_data_sets() -> None:
    fit = fit_to_itself(TWO_FACTORS, 600)
    (level,) = dynamic_cutoffs(fit, n_replications=2000).levels

    assert judge(fit, level, TWO_FACTORS, 2000).max() <= 0.06
    np.testing.assert_allclose(judge(fit, level, TWO_FACTORS + "\ng =~ .5*x3", 2000), 0.95, atol=0.03)


def test_a_right_model_passes_and_a_wrong_one_does_not() -> None:
    rng = np.random.default_rng(21)
    right = draw_rows(stated_population(TWO_FACTORS), 600, rng)
    wrong = draw_rows(stated_population(TWO_FACTORS + "\ng =~ .5*x2\nf =~ .4*x5"), 600, rng)

    passed, failed = (
        dynamic_cutoffs(fit_confirmatory(rows, factors_of(TWO_FACTORS)), n_replications=50)
        for rows in (right, wrong)
    )

    assert dict(passed.passed) == {"cfi": 1, "rmsea": 1, "srmr": 1}
    assert dict(failed.passed) == {"cfi": None, "rmsea": None, "srmr": None}


def test_published_example_fails_at_every_level(r_data: Callable[[str], pd.DataFrame]) -> None:
    # The vignette: SRMR .065, RMSEA .092 and CFI .931 are beyond the cut-offs of levels 1 and 2.
    found = dynamic_cutoffs(fitted_holzinger(r_data))

    assert {name: round(value, 3) for name, value in found.observed.items() if value is not None} == {
        "cfi": 0.931, "rmsea": 0.092, "srmr": 0.065,
    }  # fmt: skip
    assert [len(level.paths) for level in found.levels] == [1, 2]
    assert not any(cutoff.passed for level in found.levels for cutoff in level.cutoffs.values())
    assert set(found.passed.values()) == {None}


def test_cutoffs_move_with_the_sample_and_the_loadings() -> None:
    def at(stated: str, n: int) -> Any:
        return dynamic_cutoffs(fit_to_itself(stated, n), n_replications=200)

    weak = (
        TWO_FACTORS.replace(".7*", ".5*")
        .replace(".6*", ".4*")
        .replace(".5*x3", ".35*x3")
        .replace(".8*", ".6*")
    )
    few, many, weaker = at(TWO_FACTORS, 200), at(TWO_FACTORS, 2000), at(weak, 2000)
    large, faint = many.levels[0].cutoffs, weaker.levels[0].cutoffs

    # Chance misfit shrinks with N: the model itself fits better and the misfit stands out from it.
    assert many.exact["rmsea"] < few.exact["rmsea"]
    assert many.exact["srmr"] < few.exact["srmr"]
    assert many.exact["cfi"] > few.exact["cfi"]
    assert np.ptp(np.quantile(many.draws[1, :, 1], [0.05, 0.95])) < np.ptp(
        np.quantile(few.draws[1, :, 1], [0.05, 0.95])
    )
    # The reliability paradox: with weaker loadings the same kind of misfit looks smaller.
    assert faint["rmsea"].value < large["rmsea"].value
    assert faint["srmr"].value < large["srmr"].value
    assert 0 < large["cfi"].value < 1


def test_small_samples_have_no_cutoff_and_say_so() -> None:
    found = dynamic_cutoffs(fit_to_itself(HOLZINGER, 60), n_replications=50)

    assert found.levels[0].cutoffs["rmsea"].value is None
    assert found.levels[0].cutoffs["rmsea"].passed is None
    overlap = [str(note) for note in found.notes if note.code == "dynamic.overlap"]
    assert "Level 1 has no cut-off for CFI, RMSEA, SRMR: with 60 respondents" in overlap[0]
    assert "dynamic.few" in {note.code for note in found.notes}


# How it runs


def test_seed_alone_decides() -> None:
    fit = fit_to_itself(TWO_FACTORS, 200)
    told: list[tuple[int, int]] = []

    one = dynamic_cutoffs(
        fit, n_replications=60, seed=3, progress=lambda done, total: told.append((done, total))
    )
    two = dynamic_cutoffs(fit, n_replications=60, seed=3, n_jobs=2)
    other = dynamic_cutoffs(fit, n_replications=60, seed=4)

    np.testing.assert_array_equal(one.draws, two.draws)
    assert one.levels == two.levels
    assert not np.array_equal(one.draws, other.draws)
    assert told == [(0, 60), (25, 60), (50, 60), (60, 60)]
    # More replications begin with the same ones.
    np.testing.assert_array_equal(
        dynamic_cutoffs(fit, n_replications=75, seed=3).draws[:, :50], one.draws[:, :50]
    )


def test_table_says_it_all(clear: tuple[ConfirmatoryFit, Any]) -> None:
    _, cutoffs = clear

    table = cutoffs.table
    assert table["level"].tolist() == [1, 1, 1]
    assert table["index"].tolist() == ["cfi", "rmsea", "srmr"]
    assert table["paths"].unique().tolist() == ["g =~ x3"]
    assert table["cutoff"].tolist() == [cutoffs.levels[0].cutoffs[name].value for name in INDICES]
    assert (cutoffs.n_used, cutoffs.n_dropped, cutoffs.n_replications) == (600, 0, 300)
    assert cutoffs.n_converged == (300, 300)
    assert cutoffs.converged
    assert cutoffs.version == "plain"


def test_robust_and_clustered_fits_say_what_is_compared() -> None:
    rows = draw_rows(stated_population(TWO_FACTORS), 300, np.random.default_rng(5))
    clusters = pd.Series(np.repeat(np.arange(150), 2))
    fit = fit_confirmatory(rows, factors_of(TWO_FACTORS), estimator="MLR", clusters=clusters)

    found = dynamic_cutoffs(fit, n_replications=25)

    assert found.version == "robust"
    assert found.observed["cfi"] == fit.measures.cfi_robust
    assert {"dynamic.normal", "dynamic.independent"} <= {note.code for note in found.notes}


def test_ordinal_cutoffs_are_of_the_scaled_indices() -> None:
    fit = ordinal_fit(300, 8)
    found = dynamic_cutoffs(fit, n_replications=20)

    assert found.version == "scaled"
    assert found.observed["rmsea"] == fit.measures.rmsea_scaled
    assert found.draws.shape == (2, 20, 3)
    assert found.draws[1, :, 1].mean() > found.draws[0, :, 1].mean() + 0.02


def test_data_sets_without_solution_are_counted_and_too_many_lock_a_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scoring.sem import dynamic

    fit = fit_to_itself(HOLZINGER, 301)

    def losing(design: Any, seeds: Any) -> list[np.ndarray]:
        found = np.stack(simulate_indices(design, seeds))
        found[:1, 1] = np.nan
        found[:5, 2] = np.nan
        return list(found)

    monkeypatch.setattr(dynamic, "simulate_indices", losing)
    found = dynamic_cutoffs(fit, n_replications=25)

    assert found.n_converged == (25, 24, 20)
    assert not found.converged
    assert all(cutoff.value is None for cutoff in found.levels[1].cutoffs.values())
    texts = [str(note) for note in found.notes if note.code == "dynamic.failed"]
    assert texts[0] == "1 of 25 data sets of level 1 gave no solution and are left out."
    assert texts[1].startswith("5 of 25 data sets of level 2 gave no solution, so it has no cut-offs")


def test_fewer_levels_than_usual_are_told() -> None:
    model = "f =~ a + b + c\ng =~ d + e + h\nk =~ l + m + o\nd ~~ l\ne ~~ m\nh ~~ o"
    stated = (
        "f =~ .7*a + .6*b + .5*c\ng =~ .7*d + .6*e + .5*h\nk =~ .7*l + .6*m + .5*o\n"
        "f ~~ .3*g\nf ~~ .3*k\ng ~~ .3*k\nd ~~ .1*l\ne ~~ .1*m\nh ~~ .1*o"
    )

    found = dynamic_cutoffs(fit_to_itself(stated, 400, model), n_replications=25)

    assert [level.number for level in found.levels] == [1]
    assert "Only 1 of 2 levels" in next(str(note) for note in found.notes if note.code == "dynamic.levels")


def test_fits_without_cutoffs_are_refused(r_data: Callable[[str], pd.DataFrame]) -> None:
    holzinger = r_data("holzinger")
    fit = fit_to_itself(TWO_FACTORS, 200)
    tied = "f =~ .5*a + .6*b + .7*c + .8*d + .5*e\na ~~ .1*b\nc ~~ .1*d"
    free = "f =~ a + b + c + d + e\na ~~ b\nc ~~ d"
    heywood = stated_population("f =~ .8*a + .6*b + .5*c + .4*d\na ~~ .3*b\nb ~~ -.2*c")
    refused = {
        "dynamic.replications": lambda: dynamic_cutoffs(fit, n_replications=19),
        "dynamic.converged": lambda: dynamic_cutoffs(replace(fit, converged=False)),
        "dynamic.saturated": lambda: dynamic_cutoffs(fit_confirmatory(holzinger, {"f": ["x1", "x2", "x3"]})),
        "dynamic.groups": lambda: dynamic_cutoffs(
            fit_confirmatory(holzinger, factors_of(HOLZINGER), groups=holzinger["school"])
        ),
        "dynamic.items": lambda: dynamic_cutoffs(fit_to_itself(tied, 200, free)),
        "dynamic.improper": lambda: dynamic_cutoffs(
            fit_specification(exact_data(heywood, 300), specify(as_model({"f": ["a", "b", "c", "d"]})))
        ),
        "parallel.seed": lambda: dynamic_cutoffs(fit, seed=-1, n_replications=20),
        "parallel.jobs": lambda: dynamic_cutoffs(fit, n_jobs=0, n_replications=20),
    }
    for code, call in refused.items():
        with pytest.raises(ScoringError) as caught:
            call()
        assert caught.value.code == code
