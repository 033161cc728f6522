"""Whether agreement matters: surface, checklist and cells."""

import numpy as np
import pandas as pd
import pytest

from scoring.dyads import pair_cells, response_surface
from scoring.dyads.surface_fit import fit_surface, principal_axis
from scoring.errors import ScoringError
from scoring.serialize import to_json
from tests.scoring.dyads.worlds import codes, labels
from tests.scoring.simulations.dyads import CONGRUENT, DIFFERENCE_ONLY, SurfaceWorld

SAME = {"midpoint": 3.0, "wording": "same"}


def draw(world, n, seed=1):
    """Outcome, mentor's and mentee's raw scores around a midpoint of 3."""
    x, y, z = (part[0] for part in world.draw(np.random.default_rng(seed), 1, n))
    return [pd.Series(values, index=labels(n)) for values in (z, 3.0 + x, 3.0 + y)]


def test_true_agreement_is_found():
    result = response_surface(*draw(CONGRUENT, 300), **SAME)

    assert result.congruence is True
    assert result.strict_congruence is True
    assert result.surface.at["a4", "estimate"] == pytest.approx(-1.6, abs=0.3)
    assert result.axis.at["p11", "estimate"] == pytest.approx(1.0, abs=0.2)
    assert result.checklist["a4 < 0"]


def test_agreement_at_a_high_level_is_congruence_but_not_strict():
    world = SurfaceWorld({"b0": 3.0, "b1": 0.5, "b2": 0.5, "b3": -0.4, "b4": 0.8, "b5": -0.4})

    result = response_surface(*draw(world, 300), **SAME)

    assert result.congruence is True
    assert result.strict_congruence is False
    assert not result.checklist["a1 = 0"]


@pytest.mark.parametrize("world", [SurfaceWorld(), DIFFERENCE_ONLY], ids=["main effects", "difference"])
def test_levels_alone_are_no_agreement(world):
    result = response_surface(*draw(world, 300), **SAME)

    assert result.congruence is False
    assert not result.checklist["a3 = 0"]


def test_nothing_is_judged_below_150_pairs():
    below, above = (response_surface(*draw(CONGRUENT, n), **SAME) for n in (149, 150))

    assert below.congruence is None
    assert {"surface.locked", "dyads.gate"} <= set(codes(below))
    assert below.surface["estimate"].notna().all()
    assert below.cells.table["n"].sum() == 149
    assert above.congruence is not None


@pytest.mark.parametrize(
    "kind", ["difference", "absolute difference", "squared difference", "profile similarity"]
)
def test_a_difference_score_is_refused_with_the_reason(kind):
    with pytest.raises(ScoringError, match="separate effects") as caught:
        response_surface(*draw(CONGRUENT, 200), **SAME, predictor=kind)

    assert caught.value.code == "dyads.difference_score"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"midpoint": 3.0, "wording": "mirrored"}, "dyads.wording"),
        ({**SAME, "predictor": "cubic"}, "surface.predictor"),
        ({**SAME, "confidence": 0.0}, "dyads.confidence"),
        ({"midpoint": np.nan, "wording": "same"}, "surface.midpoint"),
        ({"midpoint": 3.2, "wording": "same", "limits": (1.0, 5.0)}, "surface.midpoint"),
        ({**SAME, "limits": (5.0, 1.0)}, "surface.midpoint"),
        ({**SAME, "limits": (2.5, 3.5)}, "surface.scale"),
        ({"midpoint": 50.0, "wording": "same"}, "surface.scale"),
    ],
)
def test_wrong_scales_and_options_are_refused(options, code):
    with pytest.raises(ScoringError) as caught:
        response_surface(*draw(CONGRUENT, 200), **options)

    assert caught.value.code == code


def test_scores_that_are_centred_already_are_refused():
    z, m, j = draw(CONGRUENT, 200)
    with pytest.raises(ScoringError) as caught:
        response_surface(z, m - 3.0, j - 3.0, **SAME)

    assert caught.value.code == "surface.scale"
    assert caught.value.params["role"] == "mentor"


def test_a_role_that_stays_above_the_midpoint_needs_the_limits_of_the_scale():
    z, m, j = draw(CONGRUENT, 200)
    high = np.clip(m + 2.0, 3.1, 5.0)
    with pytest.raises(ScoringError):
        response_surface(z, high, np.clip(j, 1.0, 5.0), **SAME)

    assert response_surface(z, high, np.clip(j, 1.0, 5.0), **SAME, limits=(1.0, 5.0)).converged


def test_different_scales_are_refused():
    z, m, j = draw(CONGRUENT, 200)
    with pytest.raises(ScoringError) as caught:
        response_surface(z, m, 25.0 * (j - 2.9), **SAME)

    assert caught.value.code == "surface.scale"


def test_swapping_the_roles_mirrors_the_surface():
    z, m, j = draw(SurfaceWorld({"b1": 0.3, "b2": 0.1, "b3": -0.3, "b4": 0.4, "b5": -0.1}), 200)
    one, other = response_surface(z, m, j, **SAME), response_surface(z, j, m, **SAME)

    signs = {"a1": 1, "a2": 1, "a3": -1, "a4": 1, "a5": -1}
    for name, sign in signs.items():
        assert other.surface.at[name, "estimate"] == pytest.approx(sign * one.surface.at[name, "estimate"])
        assert other.surface.at[name, "se"] == pytest.approx(one.surface.at[name, "se"])
    assert other.axis.at["x0", "estimate"] == pytest.approx(one.axis.at["y0", "estimate"])
    assert other.axis.at["p11", "estimate"] == pytest.approx(1.0 / one.axis.at["p11", "estimate"])


def test_the_principal_axis_is_an_eigenvector_and_the_stationary_point_has_no_slope():
    b = np.array([1.0, 0.3, -0.2, -0.5, 0.4, -0.3])
    x0, y0, p10, p11 = principal_axis(b)
    M = np.array([[b[3], b[4] / 2], [b[4] / 2, b[5]]])

    np.testing.assert_allclose(2 * M @ [x0, y0], -b[1:3], atol=1e-12)
    value = np.linalg.eigvalsh(M)[-1]
    np.testing.assert_allclose(M @ [1.0, p11], value * np.array([1.0, p11]), atol=1e-12)
    assert p10 == pytest.approx(y0 - p11 * x0)


def test_a_perfect_ridge_has_an_axis_and_no_stationary_point():
    x0, _, p10, p11 = principal_axis(np.array([0.0, 0.2, -0.2, -1.0, 2.0, -1.0]))

    assert not np.isfinite(x0)
    # z = -(x - y)^2 + .2 (x - y) is largest along x - y = .1.
    assert (p10, p11) == pytest.approx((-0.1, 1.0))


def test_many_samples_at_once_are_each_of_them():
    x, y, z = SurfaceWorld().draw(np.random.default_rng(3), 5, 40)
    together = fit_surface(x, y, z)

    for place in range(5):
        alone = fit_surface(x[place], y[place], z[place])
        np.testing.assert_allclose(together.coefficients[place], alone.coefficients, rtol=1e-9)
        np.testing.assert_allclose(together.surface()[1][place], alone.surface()[1], rtol=1e-9)
        np.testing.assert_allclose(together.axis()[1][place], alone.axis()[1], rtol=1e-6)


@pytest.mark.parametrize("n", [0, 2, 7])
def test_too_few_pairs(n):
    z, m, j = draw(CONGRUENT, 200)
    # Low and high scores both, so that the midpoint lies between.
    m.iloc[:2], j.iloc[:2] = (1.0, 5.0), (5.0, 1.0)

    result = response_surface(z.iloc[:n], m.iloc[:n], j.iloc[:n], **SAME)

    assert result.n_used == n
    assert codes(result) == ["dyads.few"]
    assert not result.converged
    assert result.surface["estimate"].isna().all()


def test_two_values_make_no_surface():
    rng = np.random.default_rng(1)
    m, j = (pd.Series(rng.choice([2.0, 4.0], 200)) for _ in range(2))

    result = response_surface(pd.Series(rng.normal(size=200)), m, j, **SAME)

    assert codes(result) == ["surface.rank"]
    assert result.cells.table["n"].sum() == 200


def test_an_outcome_that_does_not_vary():
    z, m, j = draw(CONGRUENT, 200)

    result = response_surface(z * 0 + 2.0, m, j, **SAME)

    assert codes(result) == ["dyads.constant"]
    assert not result.converged


def test_an_outcome_without_error():
    z, m, j = draw(SurfaceWorld(noise=0.0), 200)

    result = response_surface(z, m, j, **SAME)

    assert "surface.exact" in codes(result)
    assert result.congruence is None
    assert result.coefficients.at["b2", "estimate"] == pytest.approx(0.5)


def test_missing_values_are_dropped_and_counted():
    z, m, j = draw(CONGRUENT, 200)
    z.iloc[:10], m.iloc[5:20] = np.nan, np.nan

    result = response_surface(z, m, j, **SAME)

    assert (result.n_used, result.n_dropped) == (180, 20)


def test_a_result_can_be_written():
    assert '"a4"' in to_json(response_surface(*draw(CONGRUENT, 200), **SAME))


def test_cells_by_hand():
    frame = pd.DataFrame({"z": [1.0, 2.0, 4.0, 5.0, 9.0], "m": [3, 4, 2, 4, 1], "j": [3, 5, 4, 2, 2]})

    cells = pair_cells(frame["z"], frame["m"], frame["j"], cut=3.0)

    assert cells.table["n"].to_dict() == {"both high": 2, "mentor lower": 1, "mentee lower": 1, "both low": 1}
    assert cells.table["mean"].to_dict() == {
        "both high": 1.5,
        "mentor lower": 4.0,
        "mentee lower": 5.0,
        "both low": 9.0,
    }
    # t on one degree of freedom: 1.5 -+ 12.706 * .7071 / sqrt(2).
    assert cells.table.at["both high", "high"] == pytest.approx(1.5 + 12.7062 * 0.5, abs=1e-3)
    assert codes(cells).count("cells.one") == 3


def test_each_role_may_have_a_cut_of_its_own():
    z, m, j = draw(CONGRUENT, 100)
    cells = pair_cells(z, m, j, cut=(-9.0, 9.0))

    assert cells.table.at["mentee lower", "n"] == 100
    assert cells.table["mean"].isna().sum() == 3


@pytest.mark.parametrize("cut", [np.nan, np.inf, (3.0, np.nan), (1.0, 2.0, 3.0)])
def test_a_cut_that_is_none(cut):
    z, m, j = draw(CONGRUENT, 100)
    with pytest.raises(ScoringError) as caught:
        pair_cells(z, m, j, cut=cut)

    assert caught.value.code == "cells.cut"


def test_cells_of_nobody():
    empty = pd.Series([], dtype=float)

    cells = pair_cells(empty, empty, empty, cut=3.0)

    assert not cells.converged
    assert cells.table["n"].sum() == 0
