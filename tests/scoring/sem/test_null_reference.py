"""The simulated reference: uniform where equalities hold, small where they do not, and silent where it cannot be trusted."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from scoring.sem import ConfirmatoryModel, fit_specification, prepare_data
from scoring.sem.blocks import Block, Layout
from scoring.sem.null_reference import simulate_reference
from tests.scoring.simulations.invariance import Samples, World

ITEMS = ("a", "b", "c", "d")
BLOCKS = (Block("p", 0), Block("q", 1))


def answers(*, shift=0.0, n=200, seed=1):
    rng = np.random.default_rng(seed)
    values = 0.8 * rng.normal(size=(n, 1)) + 0.6 * rng.normal(size=(n, 4))
    groups = pd.Series(np.repeat(["p", "q"], n // 2))
    values[n // 2 :, 1] -= shift
    return pd.DataFrame(values, columns=list(ITEMS)), groups


def neighbours(items, groups, *, ordinal=0):
    """Scalar and metric fits, and their change of CFI."""
    data = prepare_data(items, ITEMS, estimator="WLSMV" if ordinal else "ML", groups=groups)
    thresholds = dict.fromkeys(ITEMS, ordinal) if ordinal else None
    layout = Layout(ConfirmatoryModel({"f": ITEMS}), BLOCKS, thresholds)
    scalar, metric = (fit_specification(data, layout.specify(layout.steps[s])) for s in ("scalar", "metric"))
    field = "cfi_scaled" if ordinal else "cfi"
    return scalar, metric, getattr(scalar.measures, field) - getattr(metric.measures, field)


@cache
def shifted():
    return neighbours(*answers(shift=0.8))


def test_a_planted_shift_lies_beyond_all_draws():
    scalar, metric, d_cfi = shifted()

    found = simulate_reference(scalar, metric, d_cfi, n_draws=99)

    assert d_cfi < -0.02
    assert found.p == pytest.approx(1 / 100)
    assert (found.n_draws, found.n_used, found.seed, found.notes) == (99, 99, 1, ())
    assert d_cfi < found.quantile_05 <= 0.0


def test_p_counts_the_draws_that_lie_as_low_and_the_observed_one():
    scalar, metric, _ = shifted()
    lowest = simulate_reference(scalar, metric, -1.0, n_draws=60)
    highest = simulate_reference(scalar, metric, 1.0, n_draws=60)
    middle = simulate_reference(scalar, metric, lowest.quantile_05, n_draws=60)

    assert lowest.p == pytest.approx(1 / 61)
    assert highest.p == 1.0
    assert middle.p == pytest.approx(0.05, abs=0.03)


def test_one_seed_gives_one_answer_and_others_nearly_the_same():
    scalar, metric, _ = shifted()
    found = [simulate_reference(scalar, metric, -0.004, n_draws=200, seed=seed) for seed in (3, 3, 4)]

    assert found[0] == found[1]
    assert found[0].quantile_05 != found[2].quantile_05
    # Two shares of 200 draws.
    assert found[0].p == pytest.approx(found[2].p, abs=4 * np.sqrt(0.5 / 200))


def test_the_reference_narrows_as_respondents_grow():
    wide, narrow = (
        simulate_reference(*neighbours(*answers(n=n, seed=2))[:2], -0.01, n_draws=200).quantile_05
        for n in (150, 1200)
    )

    assert wide < narrow / 2 < 0


def test_where_nothing_differs_p_is_uniform_below_the_draws_without_a_fall():
    """80 samples from the model: shares of p below .1 and .3 are .1 and .3 but for chance (bands of three standard errors)."""
    samples = Samples(World("groups", 200), 80, seed=11)
    p = np.array([samples.reference("scalar", number, 60).p for number in range(80)])

    for level in (0.1, 0.3):
        assert np.mean(p <= level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 80))


def test_where_an_item_is_shifted_p_is_small():
    """Negative control of the last: the same 20 samples with one of five items lower by .8 standard deviations."""
    samples = Samples(World("groups", 200, shift=0.8), 20, seed=11)
    p = np.array([samples.reference("scalar", number, 60).p for number in range(20)])

    assert np.mean(p < 0.05) > 0.9


# Ordinal items


def cut(items):
    return pd.DataFrame(
        np.searchsorted([-1.0, 0.0, 0.9], items.to_numpy()).astype(float), columns=list(ITEMS)
    )


def test_ordinal_items_are_drawn_through_their_thresholds():
    items, groups = answers(shift=0.8, n=240)
    scalar, metric, d_cfi = neighbours(cut(items), groups, ordinal=3)

    found = simulate_reference(scalar, metric, d_cfi, n_draws=20)

    assert d_cfi < -0.02
    assert found.n_used >= 16
    assert found.p == pytest.approx(1 / (1 + found.n_used))


def test_no_rows_are_drawn_where_the_scaled_cfi_did_not_fall():
    items, groups = answers(n=240)
    scalar, metric, _ = neighbours(cut(items), groups, ordinal=3)

    found = simulate_reference(scalar, metric, 0.001, n_draws=500)

    assert (found.p, found.n_draws, found.quantile_05) == (1.0, 0, None)
    assert [note.code for note in found.notes] == ["reference.needless"]


def test_a_reference_from_too_few_usable_draws_is_not_given():
    """A category that four of 300 people use is empty in many draws; each of these is thrown away."""
    items, groups = answers(n=300)
    codes = cut(items).clip(upper=2.0)
    for item in ITEMS:
        for group in ("p", "q"):
            top = codes.index[(groups == group) & (codes[item] == 2.0)][:2]
            codes.loc[top, item] = 3.0
    scalar, metric, _ = neighbours(codes, groups, ordinal=3)

    found = simulate_reference(scalar, metric, -0.01, n_draws=10)

    assert (found.p, found.quantile_05) == (None, None)
    assert found.n_used < 8
    assert [note.code for note in found.notes] == ["reference.few"]
    assert "simulated data sets could be fitted" in str(found.notes[0])
