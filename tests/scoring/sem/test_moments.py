"""Sample moments: patterns of missing answers, the saturated model by EM, and the labels of rows."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from scoring.errors import ScoringError
from scoring.sem import prepare_data
from scoring.sem.likelihood import saturated_discrepancy
from scoring.sem.moments import (
    GroupMoments,
    align_labels,
    drop_rows,
    group_moments,
    moments_from_covariance,
    pattern_inverses,
    split_groups,
)
from tests.scoring.sem.samples import ITEMS, central_gradient, draw, punch


def log_likelihood(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    """Row by row, of whatever each row has answered."""
    total = 0.0
    for row in rows:
        seen = ~np.isnan(row)
        total += multivariate_normal.logpdf(row[seen], mean[seen], covariance[np.ix_(seen, seen)])
    return total


def test_complete_rows_are_one_pattern() -> None:
    values = draw(80).to_numpy()
    found = group_moments(values)
    assert found.counts.tolist() == [80]
    assert found.complete
    assert np.allclose(found.mean, values.mean(axis=0))
    assert np.allclose(found.covariance, np.cov(values, rowvar=False, bias=True))
    assert found.n == 80


def test_patterns_hold_means_and_covariances_of_their_rows() -> None:
    values = punch(draw(150), 0.15).to_numpy()
    values = values[drop_rows(values, listwise=False)]
    found = group_moments(values)
    assert found.counts.sum() == len(values)
    assert not found.complete
    # The pattern that is missing least comes first.
    assert (np.diff(found.observed.sum(axis=1)) <= 0).all()
    for number, pattern in enumerate(found.observed):
        chosen = (np.isnan(values) == ~pattern).all(axis=1)
        part = values[chosen][:, pattern]
        assert found.counts[number] == chosen.sum()
        assert np.allclose(found.means[number][pattern], part.mean(axis=0))
        expected = np.cov(part, rowvar=False, bias=True) if len(part) > 1 else 0.0
        assert np.allclose(found.covariances[number][np.ix_(pattern, pattern)], expected)
        assert (found.means[number][~pattern] == 0).all()
        assert (found.covariances[number][~pattern] == 0).all()


def test_kept_rows_stand_by_pattern_with_their_cluster() -> None:
    values = punch(draw(60), 0.2).to_numpy()
    values = values[drop_rows(values, listwise=False)]
    clusters = np.arange(len(values)) // 3
    found = group_moments(values, clusters)
    assert found.rows is not None
    assert found.clusters is not None
    order = np.argsort(found.pattern, kind="stable")
    assert (order == np.arange(len(values))).all()
    known = {
        tuple(np.nan_to_num(row, nan=9e9)): cluster for row, cluster in zip(values, clusters, strict=True)
    }
    for row, cluster in zip(found.rows, found.clusters, strict=True):
        assert known[tuple(np.nan_to_num(row, nan=9e9))] == cluster
    assert group_moments(values, keep_rows=False).rows is None


@pytest.mark.parametrize(("share", "n"), [(0.05, 120), (0.3, 100), (0.5, 150)])
def test_em_solves_the_likelihood_equations(share: float, n: int) -> None:
    """At the saturated estimate the derivative of the log-likelihood of the rows is 0; a little beside it, it is not."""
    values = punch(draw(n), share).to_numpy()
    values = values[drop_rows(values, listwise=False)]
    found = group_moments(values)
    assert found.saturated_converged
    k = len(ITEMS)
    rows, columns = np.tril_indices(k)

    def at(x: np.ndarray) -> float:
        covariance = np.zeros((k, k))
        covariance[rows, columns] = covariance[columns, rows] = x[k:]
        return log_likelihood(values, x[:k], covariance)

    x = np.concatenate([found.mean, found.covariance[rows, columns]])
    slope = central_gradient(at, x)
    assert np.abs(slope).max() < 1e-4 * n
    beside = x + 0.02
    assert np.abs(central_gradient(at, beside)).max() > 100 * np.abs(slope).max()


def test_em_agrees_with_simple_em() -> None:
    """The accelerated steps end where plain EM does."""
    values = punch(draw(120), 0.15).to_numpy()
    values = values[drop_rows(values, listwise=False)]
    mean, covariance = np.nanmean(values, axis=0), np.eye(len(ITEMS))
    for _ in range(3000):
        filled = np.empty_like(values)
        rest = np.zeros_like(covariance)
        for number, row in enumerate(values):
            seen = ~np.isnan(row)
            weights = covariance[np.ix_(~seen, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
            filled[number, seen] = row[seen]
            filled[number, ~seen] = mean[~seen] + weights @ (row[seen] - mean[seen])
            rest[np.ix_(~seen, ~seen)] += (
                covariance[np.ix_(~seen, ~seen)] - weights @ covariance[np.ix_(seen, ~seen)]
            )
        new = filled.mean(axis=0)
        gap = filled - new
        before, mean, covariance = covariance, new, (gap.T @ gap + rest) / len(values)
        if np.abs(covariance - before).max() < 1e-11:
            break
    found = group_moments(values)
    assert np.allclose(found.mean, mean, atol=1e-8)
    assert np.allclose(found.covariance, covariance, atol=1e-8)


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_units_do_not_matter_to_em(factor: float) -> None:
    values = punch(draw(150), 0.1).to_numpy()
    values = values[drop_rows(values, listwise=False)]
    plain, scaled = group_moments(values), group_moments(values * factor + 3.0 * factor)
    assert np.allclose(scaled.covariance / factor**2, plain.covariance, rtol=1e-6, atol=1e-9)
    assert np.allclose(scaled.mean / factor - 3.0, plain.mean, atol=1e-7)
    assert scaled.saturated_converged


def test_far_from_zero_no_digits_of_the_covariances_are_lost() -> None:
    values = draw(200).to_numpy()
    assert np.allclose(group_moments(values + 1e8).covariance, group_moments(values).covariance, atol=1e-6)


def test_saturated_discrepancy_is_the_likelihood() -> None:
    values = punch(draw(100), 0.1).to_numpy()
    values = values[drop_rows(values, listwise=False)]
    found = group_moments(values)
    seen = (~np.isnan(values)).sum()
    own = -0.5 * (seen * np.log(2 * np.pi) + found.n * saturated_discrepancy(found))
    assert own == pytest.approx(log_likelihood(values, found.mean, found.covariance), rel=1e-10)


def test_inverses_of_patterns() -> None:
    covariance = group_moments(draw(100).to_numpy()).covariance
    observed = np.array([[True] * 6, [True, False, True, True, False, True], [False] * 5 + [True]])
    inverse, log_det = pattern_inverses(np.broadcast_to(covariance, (3, 6, 6)), observed)
    for number, seen in enumerate(observed):
        part = covariance[np.ix_(seen, seen)]
        assert np.allclose(inverse[number][np.ix_(seen, seen)], np.linalg.inv(part))
        assert log_det[number] == pytest.approx(np.linalg.slogdet(part)[1])
        assert (inverse[number][~seen] == 0).all()


def test_an_impossible_covariance_has_no_inverse() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        pattern_inverses(np.array([[[1.0, 2.0], [2.0, 1.0]]]), np.array([[True, True]]))


def test_moments_without_rows() -> None:
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    found = moments_from_covariance(covariance, np.array([1.0, 2.0]), 40)
    assert isinstance(found, GroupMoments)
    assert (found.n, found.complete, found.rows) == (40, True, None)
    assert (found.covariance == covariance).all()


def test_groups_stand_in_the_order_of_their_first_rows() -> None:
    items = draw(6)
    labels, rows = split_groups(items, pd.Series(["b", "a", None, "b", "a", "b"]))
    assert labels == ("b", "a")
    assert [part.tolist() for part in rows] == [[0, 3, 5], [1, 4]]
    assert split_groups(items, None)[0] == ("",)


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(["a", "b"] * 2),
        pd.Series(["a"] * 6, index=[5, 4, 3, 2, 1, 0]),
        pd.Series([1, "1"] * 3, dtype=object),
    ],
    ids=["number", "index", "written alike"],
)
def test_labels_that_do_not_fit_the_rows_are_refused(labels: pd.Series) -> None:
    with pytest.raises(ScoringError) as caught:
        split_groups(draw(6), labels)
    assert caught.value.code == "sem.groups"


def test_labels_without_index_are_taken_in_order() -> None:
    items = draw(4).set_axis(list("pqrs"))
    found = align_labels(items, np.array(["a", "b", "a", "b"]), "groups")  # type: ignore[arg-type]
    assert found.index.tolist() == list("pqrs")


def test_items_that_nobody_answered_together_are_named() -> None:
    table = draw(100)
    table.loc[:49, "x1"] = np.nan
    table.loc[50:, "x5"] = np.nan
    with pytest.raises(ScoringError) as caught:
        prepare_data(table, ITEMS, missing="fiml")
    assert caught.value.code == "sem.coverage"
    assert {"x1", "x5"} <= set(caught.value.params.values())


def test_items_that_follow_from_one_another_where_answered_together_are_named() -> None:
    """No row is complete, so that the collinearity shows in the saturated covariances only."""
    table = draw(300)
    table["x2"] = table["x1"]
    hole = np.random.default_rng(0).integers(0, 6, 300)
    table = table.mask(np.arange(6) == hole[:, None])
    with pytest.raises(ScoringError) as caught:
        prepare_data(table, ITEMS, missing="fiml")
    assert caught.value.code == "sem.singular"
