"""Omega and average variance extracted from a confirmatory model; R's values are in the comparisons."""

import numpy as np
import pandas as pd
import pytest

from scoring.sem import ConfirmatoryModel, fit_confirmatory
from scoring.sem.construct import construct_reliability


def draw(n: int = 5000, link: float = 0.0) -> pd.DataFrame:
    """Two uncorrelated factors of three items each, loadings .8; `link` joins the residuals of the first two items."""
    rng = np.random.default_rng(4)
    factors, shared = rng.normal(size=(n, 2)), rng.normal(size=n)
    noise = 0.6 * rng.normal(size=(n, 6))
    noise[:, 0] += link * shared
    noise[:, 1] += link * shared
    return pd.DataFrame(0.8 * factors[:, [0, 0, 0, 1, 1, 1]] + noise, columns=list("abcdef"))


TWO = {"f": ["a", "b", "c"], "g": ["d", "e", "f2"]}


def test_the_closed_form_of_equal_items_is_found() -> None:
    items = draw().rename(columns={"f": "f2"})

    table = construct_reliability(fit_confirmatory(items, TWO)).table

    # Omega of three items with loading .8 and residual variance .36; AVE is the squared standardized loading.
    assert table["omega"].to_numpy() == pytest.approx(np.full(2, 5.76 / (5.76 + 3 * 0.36)), abs=0.01)
    assert table["ave"].to_numpy() == pytest.approx(np.full(2, 0.64), abs=0.01)
    assert table["omega_observed"].to_numpy() == pytest.approx(table["omega"].to_numpy(), abs=0.005)


def test_shared_residuals_count_as_error_and_leaving_them_out_is_seen() -> None:
    """Negative control: a model without the residual covariance takes it for reliability."""
    items = draw(link=0.6).rename(columns={"f": "f2"})
    with_link = ConfirmatoryModel(TWO, residual_covariances=(("a", "b"),))

    right = construct_reliability(fit_confirmatory(items, with_link)).table.loc["f", "omega"]
    wrong = construct_reliability(fit_confirmatory(items, TWO)).table.loc["f", "omega"]

    assert right == pytest.approx(5.76 / (5.76 + 3 * 0.36 + 4 * 0.36), abs=0.02)
    assert wrong > right + 0.03


def test_a_single_factor_has_no_other_to_correlate_with() -> None:
    table = construct_reliability(fit_confirmatory(draw(200), {"one": ["a", "b", "c"]})).table

    assert np.isnan(table.loc["one", "highest_correlation"])
