"""Many data sets fitted together: the same results as one by one, and moments drawn with the right distribution."""

import numpy as np
import pytest

from scoring.sem.blocks import Block, Layout
from scoring.sem.likelihood import NormalProblem
from scoring.sem.many import draw_moments, fit_many
from scoring.sem.matrices import compile_model
from scoring.sem.model import ConfirmatoryModel, Parameter, Specification, specify
from scoring.sem.moments import group_moments, moments_from_covariance
from scoring.sem.optimize import minimise

MODEL = ConfirmatoryModel({"f": ["a", "b", "c", "d"], "g": ["e", "h", "i"]})
LOADINGS = np.array([0.9, 0.6, 1.4, 0.5, 0.8, 0.7, 1.1])


def population(shift=0.0):
    """Two correlated factors with seven items, and their means."""
    weights = np.zeros((7, 2))
    weights[:4, 0], weights[4:, 1] = LOADINGS[:4], LOADINGS[4:]
    covariance = weights @ np.array([[1.0, 0.4], [0.4, 1.0]]) @ weights.T
    return covariance + np.diag([0.5, 1.0, 0.8, 0.6, 0.7, 0.9, 0.4]), np.arange(7.0) + shift


def one_by_one(model, covariances, means, sizes, start):
    """Chi-square over N, and estimates, of each set alone."""
    results = []
    for number in range(len(covariances[0])):
        groups = [
            moments_from_covariance(S[number], m[number], n)
            for S, m, n in zip(covariances, means, sizes, strict=True)
        ]
        problem = NormalProblem(model, groups)
        results.append(
            minimise(start, problem.objective, problem.gradient, problem.information, problem.hessian)
        )
    return results


def layouts():
    two = (Block("p", 0), Block("q", 1))
    waves = (Block("1", 0, "@1"), Block("2", 0, "@2"))
    four = ConfirmatoryModel({"f": ["a", "b", "c", "d"]})
    for step in ("configural", "scalar"):
        layout = Layout(MODEL, two)
        yield f"groups {step}", layout.specify(layout.steps[step]), (170, 90)
        layout = Layout(four, waves, scaling="marker")
        yield f"waves {step}", layout.specify(layout.steps[step]), (140,)
    yield "one group without means", specify(MODEL), (120,)


@pytest.mark.parametrize(
    ("name", "specification", "sizes"), list(layouts()), ids=lambda value: str(value)[:24]
)
def test_together_is_as_one_by_one(name, specification, sizes):
    rng = np.random.default_rng(4)
    model = compile_model(specification)
    covariance, mean = population()
    if name.startswith("waves"):
        loadings = np.concatenate([LOADINGS[:4]] * 2)
        stable = np.kron([[1.0, 0.7], [0.7, 1.0]], np.ones((4, 4))) * np.outer(loadings, loadings)
        covariance, mean = stable + np.kron([[1.0, 0.3], [0.3, 1.0]], np.eye(4)), np.tile(np.arange(4.0), 2)
    drawn = [draw_moments(rng, covariance, mean, n, 6) for n in sizes]
    covariances, means = [part[0] for part in drawn], [part[1] for part in drawn]
    start = one_by_one(
        model, [covariance[None]] * len(sizes), [mean[None]] * len(sizes), sizes, _start(model)
    )[0].x

    many = fit_many(model, covariances, means, sizes, start)

    alone = one_by_one(model, covariances, means, sizes, start)
    assert many.converged.all()
    assert many.x.shape == (6, model.n_free)
    chi_square = sum(sizes) * many.discrepancies
    assert chi_square == pytest.approx([sum(sizes) * found.value for found in alone], abs=1e-6)
    assert many.x == pytest.approx(np.array([found.x for found in alone]), abs=2e-3)
    assert chi_square.std() > 1.0


def _start(model):
    """Loadings and variances of 1, other parameters 0: far from any of the populations."""
    start = np.zeros(model.n_free)
    for group, cells in enumerate(model.cells):
        own = [p for p in model.specification.parameters if p.group == group]
        for parameter, index in zip(own, cells.index, strict=True):
            if index >= 0 and (parameter.operator == "=~" or parameter.left == parameter.right):
                start[index] = 1.0
    return start


def test_a_far_start_and_a_strange_set_do_not_spoil_the_others():
    """The first set hardly fits at all; the others arrive where they would without it."""
    rng = np.random.default_rng(5)
    model = compile_model(specify(MODEL))
    covariance, mean = population()
    drawn, means = draw_moments(rng, covariance, mean, 150, 5)
    alone = fit_many(model, [drawn[1:]], [means[1:]], [150], _start(model))
    drawn[0] = np.diag(np.geomspace(1e-3, 1e3, 7))

    many = fit_many(model, [drawn], [means], [150], _start(model))

    assert many.converged[1:].all()
    assert 150 * many.discrepancies[1:] == pytest.approx(150 * alone.discrepancies, abs=1e-6)


def test_the_order_of_sets_does_not_matter():
    rng = np.random.default_rng(6)
    model = compile_model(specify(MODEL))
    covariance, mean = population()
    drawn, means = draw_moments(rng, covariance, mean, 150, 5)
    order = np.array([3, 0, 4, 1, 2])

    first = fit_many(model, [drawn], [means], [150], _start(model))
    second = fit_many(model, [drawn[order]], [means[order]], [150], _start(model))

    assert second.discrepancies == pytest.approx(first.discrepancies[order], abs=1e-9)


def test_a_model_that_is_true_of_the_moments_has_chi_square_zero():
    model = compile_model(specify(MODEL))
    covariance, mean = population()

    many = fit_many(model, [covariance[None]], [mean[None]], [100], _start(model))

    assert many.discrepancies[0] == pytest.approx(0.0, abs=1e-9)


def test_a_group_counts_by_its_size():
    """A misfit in the larger group weighs more: the discrepancy is the mean of the groups', weighted by respondents."""
    layout = Layout(ConfirmatoryModel({"f": ["a", "b", "c", "d"]}), (Block("p", 0), Block("q", 1)))
    model = compile_model(layout.specify(frozenset()))
    covariance, mean = population()
    good, wrong = covariance[:4, :4], covariance[:4, :4].copy()
    wrong[0, 1] = wrong[1, 0] = wrong[0, 1] + 0.3
    means = [mean[None, :4]] * 2

    values = [
        fit_many(model, [good[None], wrong[None]], means, sizes, _start(model)).discrepancies[0]
        for sizes in ((100, 300), (300, 100))
    ]

    assert values[0] > 0.005
    assert values[0] == pytest.approx(3 * values[1], rel=1e-6)


def test_models_with_paths_are_refused():
    parameters = [
        *(Parameter("f", "=~", item, item != "a", 1.0 if item == "a" else None) for item in "abc"),
        *(Parameter("g", "=~", item, item != "d", 1.0 if item == "d" else None) for item in "deh"),
        *(Parameter(name, "~~", name) for name in (*"abcdeh", "f", "g")),
        Parameter("g", "~", "f"),
    ]
    model = compile_model(Specification(tuple("abcdeh"), ("f", "g"), tuple(parameters)))
    with pytest.raises(ValueError, match="paths"):
        fit_many(model, [np.eye(6)[None]], [np.zeros((1, 6))], [100], np.ones(model.n_free))


# Moments drawn without rows


def test_drawn_moments_have_the_mean_and_spread_of_wisharts_distribution():
    """E S = (n - 1) / n Sigma; var S_ij = (n - 1) / n^2 (s_ii s_jj + s_ij^2); means have covariances Sigma / n."""
    n, sets = 12, 40_000
    covariance = np.array([[2.0, 0.8, -0.3], [0.8, 1.0, 0.2], [-0.3, 0.2, 0.5]])
    mean = np.array([1.0, -2.0, 30.0])

    S, centres = draw_moments(np.random.default_rng(7), covariance, mean, n, sets)

    spread = (n - 1) / n**2 * (np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2)
    error = 4.5 * np.sqrt(spread / sets)
    assert (np.abs(S.mean(axis=0) - (n - 1) / n * covariance) < error).all()
    assert S.var(axis=0) == pytest.approx(spread, rel=0.08)
    assert np.abs(S - S.transpose(0, 2, 1)).max() < 1e-12
    assert np.linalg.eigvalsh(S).min() > 0
    error = 4.5 * np.sqrt(np.diag(covariance) / n / sets)
    assert (np.abs(centres.mean(axis=0) - mean) < error).all()
    assert np.cov(centres, rowvar=False) == pytest.approx(covariance / n, abs=0.004)
    # Means and covariances of normal rows are independent.
    assert abs(np.corrcoef(centres[:, 0], S[:, 0, 0])[0, 1]) < 0.02


def test_drawn_moments_are_distributed_as_those_of_rows():
    """Determinant and largest eigenvalue, which depend on all elements together."""
    from scipy.stats import ks_2samp

    rng, n, sets = np.random.default_rng(8), 9, 3000
    covariance, mean = population()
    covariance, mean = covariance[:5, :5], mean[:5]
    drawn, _ = draw_moments(rng, covariance, mean, n, sets)
    root = np.linalg.cholesky(covariance)
    rows = mean + rng.standard_normal((sets, n, 5)) @ root.T
    centred = rows - rows.mean(axis=1, keepdims=True)
    real = np.einsum("rni,rnj->rij", centred, centred) / n

    for statistic in (np.linalg.det, lambda S: np.linalg.eigvalsh(S)[:, -1]):
        assert ks_2samp(statistic(drawn), statistic(real)).pvalue > 0.001
    wrong, _ = draw_moments(rng, covariance, mean, n + 1, sets)
    assert ks_2samp(np.linalg.det(wrong), np.linalg.det(real)).pvalue < 0.001


def test_draws_come_from_the_generator_alone():
    covariance, mean = population()
    draws = [draw_moments(np.random.default_rng(seed), covariance, mean, 30, 2) for seed in (1, 1, 2)]

    assert (draws[0][0] == draws[1][0]).all()
    assert (draws[0][0] != draws[2][0]).any()


def test_moments_without_rows_are_those_of_rows():
    rows = np.random.default_rng(9).normal(size=(20, 3))
    ours = group_moments(rows)
    made = moments_from_covariance(np.cov(rows, rowvar=False, bias=True), rows.mean(axis=0), 20)

    assert (made.n, made.complete) == (ours.n, ours.complete)
    assert made.covariances == pytest.approx(ours.covariances, abs=1e-12)
    assert made.means == pytest.approx(ours.means, abs=1e-12)
    model = compile_model(specify(ConfirmatoryModel({"f": ["a", "b", "c"]})))
    x = np.full(model.n_free, 0.5)
    assert NormalProblem(model, [made]).objective(x) == pytest.approx(
        NormalProblem(model, [ours]).objective(x)
    )
