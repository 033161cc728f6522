import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.omega import omega_total
from scoring.reliability import alpha_statistics
from tests.scoring.comparisons.compare_reliability import keyed_items


def one_factor_items(n, loadings, seed):
    rng = np.random.default_rng(seed)
    loadings = np.asarray(loadings)
    x = loadings * rng.normal(size=(n, 1)) + np.sqrt(1 - loadings**2) * rng.normal(size=(n, len(loadings)))
    return pd.DataFrame(x, columns=[f"i{item}" for item in range(len(loadings))])


@pytest.fixture
def agree():
    return keyed_items("bfi", "agree")


def test_a_forgotten_reversal_is_far_from_r(agree):
    """Negative control: A1 as it was answered gives an omega that is nowhere near R's, whose tolerance is .0001."""
    items, block = agree
    wrong = items.assign(A1=7 - items["A1"])

    right = omega_total(items, interval="delta").value
    mistaken = omega_total(wrong, interval="delta")

    r = block["omega_1factor_cfa_ml"]["omega_total"]
    assert right == pytest.approx(r, abs=1e-4)
    assert mistaken.value < r - 0.1
    assert mistaken.loadings["A1"] < 0


def test_a_dropped_residual_covariance_is_detected(agree):
    """Negative control: A1 and A2 share more than the factor; leaving that out changes omega and worsens the fit."""
    items, _ = agree

    # R: lavaan::cfa("F =~ A1 + A2 + A3 + A4 + A5 \\n A1 ~~ A2") with omega as a defined parameter.
    modelled = omega_total(items, interval="delta", residual_covariances=[("A1", "A2")])
    dropped = omega_total(items, interval="delta")

    assert modelled.value == pytest.approx(0.6864627911788, abs=1e-4)
    assert modelled.standard_error == pytest.approx(0.0099130207299, rel=1e-3)
    assert dropped.value - modelled.value > 0.02
    assert dropped.measures.chi_square - modelled.measures.chi_square > 50


def test_errors_robust_to_pairs_are_those_of_r(r_data):
    # R: lavaan::cfa(one factor of N1..N5, cluster = rep(1:1400, each = 2), missing = "listwise" and "fiml") with omega as a
    # defined parameter; lavaan's optimizer stops at about 1e-7.
    items = r_data("bfi")[[f"N{item}" for item in range(1, 6)]]
    pairs = pd.Series(np.arange(len(items)) // 2)

    complete = omega_total(items, interval="delta", clusters=pairs)
    everything = omega_total(items, interval="delta", clusters=pairs, missing="fiml")

    assert complete.value == pytest.approx(0.8128443682, abs=1e-4)
    assert complete.standard_error == pytest.approx(0.0065295521, rel=1e-3)
    assert everything.value == pytest.approx(0.8133791693, abs=1e-4)
    assert everything.standard_error == pytest.approx(0.0064150807, rel=1e-2)
    assert (complete.n_clusters, everything.n_clusters) == (1399, 1400)


def test_equal_loadings_make_omega_and_alpha_equal_in_the_limit():
    items = one_factor_items(50_000, [0.7] * 5, 1)

    omega = omega_total(items, interval="delta").value

    assert omega == pytest.approx(alpha_statistics(items).raw, abs=1e-3)
    assert omega == pytest.approx(3.5**2 / (3.5**2 + 5 * 0.51), abs=0.005)


def test_unequal_loadings_make_omega_larger_than_alpha():
    items = one_factor_items(2_000, [0.9, 0.8, 0.5, 0.3], 2)

    assert omega_total(items, interval="delta").value > alpha_statistics(items).raw + 0.01


def test_all_intervals_of_normal_items_are_alike():
    items = one_factor_items(400, [0.7] * 5, 3)

    results = {
        interval: omega_total(items, interval=interval, n_draws=2_000, seed=1)
        for interval in ("normal-bootstrap", "percentile-bootstrap", "normal-items", "delta")
    }

    width = results["delta"].high - results["delta"].low
    for result in results.values():
        assert result.converged
        assert result.n_failed == 0
        assert (result.low, result.high) == pytest.approx(
            (results["delta"].low, results["delta"].high), abs=0.15 * width
        )


def test_the_normal_theory_bootstrap_is_symmetric_about_omega():
    result = omega_total(one_factor_items(80, [0.7] * 5, 4), n_draws=300)

    assert result.high - result.value == pytest.approx(result.value - result.low, abs=1e-12)
    assert result.high - result.value == pytest.approx(1.959964 * result.standard_error, rel=1e-5)


def test_the_seed_decides_and_units_do_not():
    items = one_factor_items(70, [0.7] * 4, 5)

    first, again = omega_total(items, seed=3, n_draws=200), omega_total(items, seed=3, n_draws=200)
    other, scaled = omega_total(items, seed=4, n_draws=200), omega_total(items * 9 + 5, seed=3, n_draws=200)

    assert (first.low, first.high) == (again.low, again.high)
    assert first.low != other.low
    assert (scaled.value, scaled.low) == pytest.approx((first.value, first.low), abs=1e-8)


def test_alike_partners_widen_the_interval():
    rng = np.random.default_rng(6)
    alike = one_factor_items(100, [0.7] * 5, 6)
    items = pd.concat([alike, alike + 0.1 * rng.normal(size=alike.shape)], ignore_index=True)
    pairs = pd.Series(np.tile(np.arange(100), 2))

    independent, paired = omega_total(items, seed=1), omega_total(items, seed=1, clusters=pairs)

    assert paired.n_clusters == 100
    assert paired.standard_error > 1.25 * independent.standard_error


@pytest.mark.parametrize(
    ("n", "k", "refused"), [(49, 8, True), (50, 5, True), (50, 6, False), (51, 5, False), (51, 3, False)]
)
def test_the_gate_counts_people_and_items(n, k, refused):
    result = omega_total(one_factor_items(n, [0.7] * k, 7), n_draws=50)

    assert (result.value is None) is refused
    assert [note.code for note in result.notes if note.code == "omega.few"] == ["omega.few"] * refused


def test_the_gate_counts_pairs_where_there_are_pairs():
    items = one_factor_items(100, [0.7] * 5, 8)

    result = omega_total(items, clusters=pd.Series(np.arange(100) // 2))

    assert (result.value, result.n_clusters, result.n_used) == (None, 50, 100)
    assert str(result.notes[0])


def test_a_percentile_interval_below_a_hundred_is_refused():
    """Target T6-: it must not be callable."""
    items = one_factor_items(99, [0.7] * 5, 9)

    with pytest.raises(ScoringError) as caught:
        omega_total(items, interval="percentile-bootstrap")

    assert caught.value.code == "bootstrap.percentile"
    assert omega_total(one_factor_items(100, [0.7] * 5, 9), interval="percentile-bootstrap", n_draws=50).low


def test_missing_answers_are_dropped_or_kept():
    items = one_factor_items(120, [0.7] * 5, 10)
    items.iloc[:30, 0] = np.nan
    items.iloc[0] = np.nan

    complete = omega_total(items, interval="delta")
    everything = omega_total(items, interval="delta", missing="fiml")

    assert (complete.n_used, complete.n_dropped) == (90, 30)
    assert (everything.n_used, everything.n_dropped) == (119, 1)
    assert everything.value == pytest.approx(complete.value, abs=0.05)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda items: items[["i0", "i1"]], "omega.two_items"),
        (lambda items: items.assign(i0=3.0), "omega.constant"),
        (lambda items: items.assign(i0=np.nan), "omega.empty"),
        (lambda items: items.assign(i4=items["i0"] + items["i1"]), "omega.singular"),
        (lambda items: items.iloc[:0], "omega.few"),
    ],
)
def test_what_has_no_omega_is_refused_with_a_reason(change, code):
    result = omega_total(change(one_factor_items(100, [0.7] * 4, 11)))

    assert (result.value, result.low, result.standard_error, result.measures) == (None, None, None, None)
    assert not result.converged
    assert [note.code for note in result.notes] == [code]
    assert str(result.notes[0])


def test_items_without_a_factor_do_not_pass_silently():
    rng = np.random.default_rng(12)
    items = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))

    result = omega_total(items, n_draws=100)

    assert result.notes
    assert result.low is None or result.notes[0].code in {
        "omega.fit",
        "omega.heywood",
        "bootstrap.some_failed",
    }


def test_a_second_factor_is_told():
    first, second = one_factor_items(200, [0.8] * 3, 13), one_factor_items(200, [0.8] * 3, 14).add_prefix("z")

    result = omega_total(pd.concat([first, second], axis=1), interval="delta")

    assert "omega.fit" in [note.code for note in result.notes]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"interval": "bca"}, "omega.interval"),
        ({"interval": "normal-bootstrap", "missing": "fiml"}, "omega.interval"),
        ({"interval": "normal-items", "clusters": pd.Series(range(60))}, "omega.interval"),
        ({"missing": "mean"}, "omega.interval"),
        ({"confidence": 2}, "omega.confidence"),
        ({"n_draws": 1}, "bootstrap.draws"),
        ({"clusters": pd.Series(range(59))}, "bootstrap.clusters"),
        ({"residual_covariances": [("i0", "zz")]}, "one_factor.residual"),
    ],
)
def test_impossible_wishes_are_refused(options, code):
    with pytest.raises(ScoringError) as caught:
        omega_total(one_factor_items(60, [0.7] * 4, 15), **options)

    assert caught.value.code == code
