"""Omega and average variance extracted from a confirmatory model; R's values are in the comparisons."""

import numpy as np
import pandas as pd
import pytest

from scoring.sem import ConfirmatoryModel, fit_confirmatory
from scoring.sem.construct import construct_reliability


def draw(n: int = 5000, link: float = 0.0) -> pd.DataFrame:
    """Two uncorrelated factors of four items each, loadings .8; `link` joins the residuals of the first two items."""
    rng = np.random.default_rng(4)
    factors, shared = rng.normal(size=(n, 2)), rng.normal(size=n)
    noise = 0.6 * rng.normal(size=(n, 8))
    noise[:, 0] += link * shared
    noise[:, 1] += link * shared
    return pd.DataFrame(0.8 * factors[:, [0, 0, 0, 0, 1, 1, 1, 1]] + noise, columns=ITEMS)


ITEMS = [f"x{number}" for number in range(1, 9)]
TWO = {"f": ITEMS[:4], "g": ITEMS[4:]}


def test_the_closed_form_of_equal_items_is_found() -> None:
    items = draw()

    table = construct_reliability(fit_confirmatory(items, TWO)).table

    # Omega of four items with loading .8 and residual variance .36; AVE is the squared standardized loading.
    assert table["omega"].to_numpy() == pytest.approx(np.full(2, 10.24 / (10.24 + 4 * 0.36)), abs=0.01)
    assert table["ave"].to_numpy() == pytest.approx(np.full(2, 0.64), abs=0.01)
    assert table["omega_observed"].to_numpy() == pytest.approx(table["omega"].to_numpy(), abs=0.005)


def test_shared_residuals_count_as_error_and_leaving_them_out_is_seen() -> None:
    """Negative control: a model without the residual covariance takes it for reliability."""
    items = draw(link=0.6)
    with_link = ConfirmatoryModel(TWO, residual_covariances=(("x1", "x2"),))

    right = construct_reliability(fit_confirmatory(items, with_link)).table.loc["f", "omega"]
    wrong = construct_reliability(fit_confirmatory(items, TWO)).table.loc["f", "omega"]

    assert right == pytest.approx(10.24 / (10.24 + 4 * 0.36 + 4 * 0.36), abs=0.02)
    assert wrong > right + 0.02


def test_a_single_factor_has_no_other_to_correlate_with() -> None:
    table = construct_reliability(fit_confirmatory(draw(200), {"one": ITEMS[:3]})).table

    assert np.isnan(table.loc["one", "highest_correlation"])
