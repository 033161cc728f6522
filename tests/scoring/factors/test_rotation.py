import json
from pathlib import Path

import numpy as np
import pytest

from scoring.factors.rotation import (
    congruence,
    match_columns,
    oblimin_criterion,
    promax_transformations,
    rotate_loadings,
    rotate_oblimin,
)

FULL = Path(__file__).resolve().parents[1] / "reference" / "r"


def unrotated(name, k_factors, kind="efa_pearson"):
    block = json.loads((FULL / f"{name}.json").read_text(encoding="utf-8"))["factor"][kind][f"k{k_factors}"]
    return np.array(block["minres_oblimin_tight"]["unrotated"]["values"]), block


def matrix(entry):
    return np.array(entry["values"])


def random_loadings(k=12, m=3, seed=1):
    return np.random.default_rng(seed).normal(size=(k, m)) * 0.5


def test_the_criterion_is_the_sum_of_products_of_squared_loadings():
    L = random_loadings()

    value, gradient = oblimin_criterion(L)

    squares = L**2
    by_hand = 0.5 * sum((squares[:, j] * squares[:, h]).sum() for j in range(3) for h in range(j))
    assert value == pytest.approx(by_hand, abs=1e-14)
    step = 1e-6
    for place in ((0, 0), (5, 1), (11, 2)):
        shifted = [L.copy(), L.copy()]
        shifted[0][place] += step
        shifted[1][place] -= step
        slope = (oblimin_criterion(shifted[0])[0] - oblimin_criterion(shifted[1])[0]) / (2 * step)
        assert gradient[place] == pytest.approx(slope, abs=1e-8)


def test_perfect_simple_structure_is_found_and_stays():
    L = np.kron(np.eye(3), np.array([[0.8], [0.6], [0.5], [0.7]]))
    T = np.linalg.cholesky(np.array([[1.0, 0.4, 0.2], [0.4, 1.0, 0.3], [0.2, 0.3, 1.0]])).T

    result = rotate_loadings(L @ T.T, "oblimin")

    order, signs = match_columns(L, result.loadings[None])
    assert result.loadings[:, order[0]] * signs[0] == pytest.approx(L, abs=1e-8)
    assert result.criterion == pytest.approx(0, abs=1e-12)
    assert (result.converged, result.n_minima) == (True, 1)


@pytest.mark.parametrize(
    ("name", "k_factors"), [("bfi", 5), ("holzinger", 3), ("holzinger", 4), ("lq2002", 4)]
)
def test_oblimin_is_the_tight_solution_of_r(name, k_factors):
    A, block = unrotated(name, k_factors)
    expected = block["minres_oblimin_tight"]

    result = rotate_loadings(A, "oblimin")

    order, signs = match_columns(matrix(expected["oblimin_loadings"]), result.loadings[None])
    phi = result.factor_correlations[np.ix_(order[0], order[0])] * np.outer(signs[0], signs[0])
    assert result.loadings[:, order[0]] * signs[0] == pytest.approx(
        matrix(expected["oblimin_loadings"]), abs=1e-4
    )
    assert phi == pytest.approx(matrix(expected["oblimin_phi"]), abs=1e-4)
    assert result.criterion <= expected["oblimin_criterion_best_of_21"] + 1e-6
    assert result.n_minima == expected["oblimin_distinct_minima"]


@pytest.mark.parametrize("rotation", ["varimax", "promax"])
@pytest.mark.parametrize(("name", "k_factors"), [("bfi", 5), ("holzinger", 3), ("lq2002", 2)])
def test_varimax_and_promax_are_those_of_psych(name, k_factors, rotation):
    A, block = unrotated(name, k_factors)
    expected = block[f"minres_{rotation}_psych"]

    result = rotate_loadings(A, rotation)

    order, signs = match_columns(matrix(expected["loadings"]), result.loadings[None])
    assert result.loadings[:, order[0]] * signs[0] == pytest.approx(matrix(expected["loadings"]), abs=5e-4)
    phi = result.factor_correlations[np.ix_(order[0], order[0])] * np.outer(signs[0], signs[0])
    r_phi = np.eye(k_factors) if expected["phi"] is None else matrix(expected["phi"])
    assert phi == pytest.approx(r_phi, abs=5e-4)


def test_varimax_to_the_end_is_higher_than_where_r_stops():
    A, _ = unrotated("lq2002", 2)

    stopped = rotate_loadings(A, "varimax")
    converged = rotate_loadings(A, "varimax", varimax_growth=0.0)

    assert converged.criterion < stopped.criterion - 1e-6
    assert converged.converged
    # At the maximum the gradient's skew part vanishes (with Kaiser's weights).
    Z = converged.loadings / np.sqrt((A**2).sum(axis=1, keepdims=True))
    cross = Z.T @ (Z**3 - Z * (Z**2).mean(axis=0))
    assert cross == pytest.approx(cross.T, abs=1e-9)


@pytest.mark.parametrize("method", ["oblimin", "promax", "varimax"])
def test_a_rotation_keeps_the_common_part_and_unit_variances(method):
    A = random_loadings(m=4)

    result = rotate_loadings(A, method)

    L, phi = result.loadings, result.factor_correlations
    assert L @ phi @ L.T == pytest.approx(A @ A.T, abs=1e-10)
    assert np.diag(phi) == pytest.approx(1, abs=1e-12)
    if method == "varimax":
        assert phi == pytest.approx(np.eye(4), abs=1e-12)


def test_oblimin_ends_lower_than_any_neighbour_and_any_start():
    A = random_loadings(k=20, m=4)
    result = rotate_loadings(A, "oblimin")
    rng = np.random.default_rng(7)

    for _ in range(30):
        T = result.transformation + 1e-3 * rng.normal(size=(4, 4))
        T /= np.sqrt((T**2).sum(axis=0))
        assert oblimin_criterion(A @ np.linalg.inv(T).T)[0] >= result.criterion - 1e-12
    starts = np.linalg.qr(rng.normal(size=(50, 4, 4)))[0]
    others = rotate_oblimin(np.broadcast_to(A, (50, *A.shape)), starts)
    assert (others.criterion >= result.criterion - 1e-9).all()


def test_several_minima_are_counted_and_the_lowest_is_taken():
    """These ten items load on five factors at random; from the unrotated position the descent ends in the higher minimum."""
    A = random_loadings(k=10, m=5, seed=32)

    many, one = rotate_loadings(A, "oblimin"), rotate_loadings(A, "oblimin", n_starts=0)

    assert (many.n_minima, one.n_minima) == (2, 1)
    assert many.criterion < one.criterion - 1e-3
    assert many.converged
    assert one.converged


def test_starts_in_a_flat_valley_arrive_too():
    """Six items on three factors: gradient steps alone do not arrive in thousands, and would be counted as many minima."""
    A = random_loadings(k=6, m=3, seed=29)

    result = rotate_loadings(A, "oblimin")

    assert (result.n_minima, result.converged) == (1, True)


def test_one_factor_and_no_rotation_are_left_alone():
    A = random_loadings(m=1)

    for method in ("oblimin", "none"):
        result = rotate_loadings(A, method)
        assert result.loadings is A
        assert (result.criterion, result.n_minima, result.converged) == (None, 1, True)


def test_an_item_that_shares_nothing_does_not_stop_a_rotation():
    A = random_loadings()
    A[3] = 0.0

    for method in ("oblimin", "promax", "varimax"):
        assert np.isfinite(rotate_loadings(A, method).loadings).all()


def test_promax_works_on_stacks():
    A = np.stack([random_loadings(seed=1), random_loadings(seed=2)])
    identity = np.broadcast_to(np.eye(3), (2, 3, 3))

    together = promax_transformations(A, identity)

    assert together[1] == pytest.approx(promax_transformations(A[1:], identity[1:])[0], abs=1e-12)


def test_congruence_is_a_cosine():
    a = np.array([[1.0, 0.0], [1.0, 0.0]])
    b = np.array([[1.0, -2.0], [0.0, -2.0]])

    assert congruence(a, b) == pytest.approx(np.array([[1 / np.sqrt(2), -1.0], [0.0, 0.0]]))


def test_columns_are_matched_one_to_one_even_when_two_want_the_same():
    reference = np.array([[1.0, 0.9], [0.0, 0.4], [0.0, 0.1]])
    stack = np.stack([reference[:, ::-1] * [-1, 1], np.array([[1.0, 0.1], [0.2, 0.1], [0.0, 0.9]])])

    order, signs = match_columns(reference, stack)

    assert order[0].tolist() == [1, 0]
    assert signs[0].tolist() == [1, -1]
    assert sorted(order[1].tolist()) == [0, 1]


def test_order_applied_to_the_loadings_alone_is_a_different_solution():
    """The mistake of sorting loadings and leaving the factor correlations as they were."""
    A, _ = unrotated("bfi", 5)
    result = rotate_loadings(A, "oblimin")
    order = [2, 0, 1, 4, 3]

    sorted_only = result.loadings[:, order]

    common = sorted_only @ result.factor_correlations @ sorted_only.T
    assert abs(common - A @ A.T).max() > 0.01
