import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.factors import sampling_adequacy


def reference(r_data, r_values, name):
    expected = r_values(name)["factor"]
    data = r_data(name)
    if name == "sim_dyads_a":
        data = data[(data["role"] == "mentee") & (data["wave"] == 0)]
    return data[list(expected["kmo_item"])], expected


@pytest.mark.parametrize("name", ["bfi", "holzinger", "lq2002", "sim_dyads_a"])
def test_kmo_and_bartlett_are_those_of_r(r_data, r_values, name):
    items, expected = reference(r_data, r_values, name)

    result = sampling_adequacy(items)

    assert result.n_used == expected["n"]
    assert result.overall == pytest.approx(expected["kmo_overall"], abs=1e-8)
    assert result.items == pytest.approx(expected["kmo_item"], abs=1e-8)
    assert result.chi_square == pytest.approx(expected["bartlett"]["chisq"], rel=1e-6)
    assert result.df == expected["bartlett"]["df"]
    assert result.p == pytest.approx(expected["bartlett"]["p"], abs=1e-9)
    assert (result.converged, result.notes) == (True, ())


def test_the_unit_of_the_items_does_not_matter(r_data, r_values):
    """In small units factor_analyzer would take a pseudo-inverse and warn."""
    items, expected = reference(r_data, r_values, "holzinger")

    result = sampling_adequacy(items * 1e-4)

    assert result.overall == pytest.approx(expected["kmo_overall"], abs=1e-8)


def test_items_that_share_nothing_are_said_to():
    rng = np.random.default_rng(2)

    result = sampling_adequacy(pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd")))

    assert result.overall < 0.6
    assert [note.code for note in result.notes] == ["kmo.low"]


def singular():
    values = np.random.default_rng(1).normal(size=(50, 3))
    return pd.DataFrame({"a": values[:, 0], "b": values[:, 1], "c": values[:, 2], "sum": values.sum(axis=1)})


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (pd.DataFrame(np.random.default_rng(1).normal(size=(3, 3)), columns=list("abc")), "adequacy.rows"),
        (pd.DataFrame({"a": [1.0, 1, 1, 1], "b": [1.0, 2, 3, 5]}), "adequacy.constant"),
        (singular(), "adequacy.singular"),
    ],
)
def test_an_undefined_measure_is_none_with_a_named_note(items, code):
    result = sampling_adequacy(items)

    assert (result.overall, result.items, result.chi_square, result.p) == (None, {}, None, None)
    assert not result.converged
    assert [note.code for note in result.notes] == [code]


def test_one_item_is_refused():
    with pytest.raises(ScoringError) as caught:
        sampling_adequacy(pd.DataFrame({"a": [1.0, 2.0]}))

    assert caught.value.code == "adequacy.items"
