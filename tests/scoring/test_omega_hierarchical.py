import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.omega_hierarchical import omega_hierarchical


def bifactor_items(n, seed, general=0.6, group=0.5):
    rng = np.random.default_rng(seed)
    unique = np.sqrt(1 - general**2 - group**2)
    groups = np.repeat(rng.normal(size=(n, 3)), 4, axis=1)
    x = general * rng.normal(size=(n, 1)) + group * groups + unique * rng.normal(size=(n, 12))
    return pd.DataFrame(x, columns=[f"i{item}" for item in range(12)])


GROUPS = {
    name: [f"i{item}" for item in range(start, start + 4)] for name, start in (("a", 0), ("b", 4), ("c", 8))
}
# Twelve items with general loading .6 and group loading .5: (sum g)^2 = 51.84, groups 3 * 4, unique 12 * .39.
VARIANCE = 7.2**2 + 3 * 2.0**2 + 12 * 0.39


def test_both_ways_recover_the_general_factor():
    items = bifactor_items(20_000, 1)

    for result in (omega_hierarchical(items, 3), omega_hierarchical(items, groups=GROUPS)):
        assert result.hierarchical == pytest.approx(7.2**2 / VARIANCE, abs=0.02)
        assert result.total == pytest.approx(1 - 12 * 0.39 / VARIANCE, abs=0.02)
        assert result.asymptotic == pytest.approx(result.hierarchical / result.total, abs=1e-12)
        assert result.loadings["general"].to_numpy() == pytest.approx(np.full(12, 0.6), abs=0.05)
        assert result.notes == ()


def test_a_confirmatory_bifactor_model_has_the_shares_of_r(r_data):
    # R: lavaan::cfa of bfi's A, C and E items (keyed, complete rows), a general factor and three groups, orthogonal; shares from
    # lavInspect(fit, "est") and fitted(fit); lavaan's optimizer stops at about 1e-6.
    items = r_data("bfi")[[f"{scale}{item}" for scale in "ACE" for item in range(1, 6)]].copy()
    for item in ("A1", "C4", "C5", "E1", "E2"):
        items[item] = 7 - items[item]

    result = omega_hierarchical(
        items, groups={scale: [f"{scale}{item}" for item in range(1, 6)] for scale in "ACE"}
    )

    assert result.hierarchical == pytest.approx(0.597240216537, abs=1e-4)
    assert result.groups.to_list() == pytest.approx(
        [0.054332010578, 0.123348334969, 0.075495298185], abs=1e-4
    )
    assert result.total == pytest.approx(0.85041586027, abs=1e-4)


def test_a_wrong_key_lowers_the_general_share():
    """Negative control: four items turned round are not turned back silently."""
    items = bifactor_items(1_000, 2)
    wrong = items.assign(**{item: -items[item] for item in ("i0", "i4", "i8", "i9")})

    assert omega_hierarchical(wrong, 3).hierarchical < omega_hierarchical(items, 3).hierarchical - 0.2


def test_a_heywood_case_is_told(r_data):
    # lavaan's own solution of this model has a residual variance of -1.14 for x1.
    items = r_data("holzinger")[[f"x{item}" for item in range(1, 10)]]

    result = omega_hierarchical(
        items, groups={"v": ["x1", "x2", "x3"], "t": ["x4", "x5", "x6"], "s": ["x7", "x8", "x9"]}
    )

    assert result.uniquenesses["x1"] < 0
    assert result.notes[0].code == "omega_h.heywood"


def test_two_groups_and_few_rows_are_told():
    result = omega_hierarchical(bifactor_items(120, 3), 2)

    codes = [note.code for note in result.notes]
    assert result.hierarchical is not None
    assert "omega_h.small" in codes
    assert "schmid_leiman.two" in codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda items: items.iloc[:10], "omega_h.rows"),
        (lambda items: items.assign(i0=1.0), "omega_h.constant"),
        (lambda items: items.assign(i0=items["i1"] - items["i2"]), "omega_h.singular"),
        (lambda items: items.assign(i0=np.nan), "omega_h.rows"),
    ],
)
def test_what_has_no_solution_is_refused_with_a_reason(change, code):
    result = omega_hierarchical(change(bifactor_items(250, 4)), 3)

    assert (result.hierarchical, result.total, result.converged) == (None, None, False)
    assert result.notes[0].code == code
    assert str(result.notes[0])


@pytest.mark.parametrize(
    ("k_factors", "groups", "code"),
    [
        (None, None, "omega_h.factors"),
        (3, GROUPS, "omega_h.factors"),
        (1, None, "omega_h.factors"),
        (None, {"a": ["i0", "i1"], "b": ["i1", "i2"]}, "omega_h.groups"),
        (None, {"a": ["i0", "i1"], "b": ["zz", "i2"]}, "omega_h.groups"),
    ],
)
def test_impossible_wishes_are_refused(k_factors, groups, code):
    with pytest.raises(ScoringError) as caught:
        omega_hierarchical(bifactor_items(250, 5), k_factors, groups=groups)

    assert caught.value.code == code
