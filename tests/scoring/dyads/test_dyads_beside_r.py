"""Negative controls of the comparison with R: a wrong role or a wrong column is seen."""

import pytest

from tests.scoring.comparisons import compare_dyads as r


def off(rows):
    return [row.statistic for row in rows if not row.holds]


def test_swapped_roles_are_seen_in_means_and_spreads_but_not_in_r():
    pair, expected = r.twins("ht"), r.r_values("twins_dzos")["dyad_cross"]["ht"]

    assert off(r.compare_cross("twins_dzos", "ht", pair, expected)) == []
    wrong = off(r.compare_cross("twins_dzos", "ht", pair[::-1], expected))
    assert {"ht mean_mentor", "ht difference", "ht sd_mentor"} <= set(wrong)
    assert "ht pearson_r" not in wrong


@pytest.mark.parametrize("missing", ["listwise", "fiml"])
def test_swapped_predictors_are_seen(missing):
    expected = r.r_values("twins_dzos")[f"apim_height_to_weight_{missing}"]
    before, after = r.twins("ht"), r.twins("wt")

    assert off(r.compare_apim("twins_dzos", missing, before, after, missing, expected)) == []
    wrong = off(r.compare_apim("twins_dzos", missing, before[::-1], after, missing, expected))
    assert len(wrong) > 30
    assert any("A2 ~ A1 est" in statistic for statistic in wrong)


def test_rows_left_out_are_seen():
    expected = r.r_values("twins_dzos")["dyad_cross"]["wt"]
    pair = [column.iloc[:-1] for column in r.twins("wt")]

    assert len(off(r.compare_cross("twins_dzos", "wt", pair, expected))) > 10


def test_a_surface_on_another_midpoint_is_seen():
    expected = r.r_dyads()["surface"]["sim"]
    outcome, pair = r.wave("support", 2)[1], r.wave("safety", 0)
    moved = r.response_surface(outcome, *pair, midpoint=2.5, wording="same")
    wrong = off(r.compare_surface("sim", moved, expected))

    # Squares and product do not depend on the midpoint; intercept and slopes do.
    assert {"sim b0 est", "sim b1 est", "sim a3 est"} <= set(wrong)
    assert "sim a4 est" not in wrong
