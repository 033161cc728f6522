"""Invariance over groups, waves and roles: the rules of section 4.3 at their limits, partial invariance, verdicts, and ordinal items.

R's values are compared in comparisons/compare_invariance.py; how often the rules err is simulated in test_simulations_invariance.py.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.sem import fit_specification, invariance
from scoring.sem.blocks import Block, Layout
from scoring.sem.difference import Difference
from scoring.sem.invariance import (
    ANCHORS,
    InvarianceStep,
    _reached,
    _Runner,
    _verdict,
    group_invariance,
    wave_invariance,
)
from scoring.sem.model import ConfirmatoryModel
from scoring.sem.null_reference import NullReference
from tests.scoring.sem.invariance_tables import MODEL, codes, report_of, step_of, table_of, waves_of
from tests.scoring.simulations.invariance import BIASED, ITEMS, World

# The rules, exactly at their limits


def runner(n, sizes=None, thresholds=None):
    """What holds steps against each other, for n respondents in two groups."""
    layout = Layout(ConfirmatoryModel(MODEL), (Block("p", 0), Block("q", 1)), thresholds)
    return _Runner(SimpleNamespace(n_used=n, group_sizes=sizes or (n // 2, n - n // 2)), layout, 1, 1)


def rejected(n, step="metric", *, d_cfi=0.0, d_rmsea=0.0, p=0.5, d_srmr=0.0, reference=None, sizes=None):
    """Whether the rule rejects a step with these changes among n respondents."""
    difference = Difference(1.0, 4, p, "plain", ())
    return runner(n, sizes)._rejected(step, d_cfi, d_rmsea, d_srmr, difference, reference)


WORST = {"d_rmsea": 0.5, "p": 1e-9, "d_srmr": 0.5}


@pytest.mark.parametrize(("n", "limit"), [(301, -0.010), (1000, -0.010), (300, -0.005)])
def test_cfi_must_fall_by_more_than_its_limit(n, limit):
    assert not rejected(n, d_cfi=limit, **WORST)
    assert rejected(n, d_cfi=limit - 1e-6, **WORST)
    assert not rejected(n, d_cfi=0.3, **WORST)


@pytest.mark.parametrize("n", [300, 301])
def test_a_fall_of_cfi_alone_rejects_nothing(n):
    assert not rejected(n, d_cfi=-0.2)


@pytest.mark.parametrize("n", [300, 301])
def test_the_difference_must_be_significant_below_a_hundredth(n):
    assert rejected(n, d_cfi=-0.02, p=0.0099)
    assert not rejected(n, d_cfi=-0.02, p=0.01)
    assert not rejected(n, d_cfi=-0.02, p=None)


@pytest.mark.parametrize(("n", "limit"), [(301, 0.015), (300, 0.010)])
def test_rmsea_must_rise_by_more_than_its_limit(n, limit):
    assert not rejected(n, d_cfi=-0.02, d_rmsea=limit)
    assert rejected(n, d_cfi=-0.02, d_rmsea=limit + 1e-6)
    assert not rejected(n, d_cfi=-0.02, d_rmsea=None)


@pytest.mark.parametrize(("step", "limit"), [("metric", 0.030), ("scalar", 0.010)])
def test_srmr_has_a_limit_at_each_step(step, limit):
    assert not rejected(400, step, d_cfi=-0.02, d_srmr=limit)
    assert rejected(400, step, d_cfi=-0.02, d_srmr=limit + 1e-6)
    assert not rejected(400, step, d_cfi=-0.02, d_srmr=None)


def test_unequal_groups_use_the_strict_limits():
    change = {"d_cfi": -0.007, **WORST}

    assert not rejected(600, sizes=(300, 300), **change)
    assert not rejected(500, sizes=(300, 200), **change)
    assert rejected(501, sizes=(301, 200), **change)
    assert rejected(900, sizes=(600, 150, 150), **change)


def test_a_simulated_reference_takes_the_place_of_the_limits():
    strange = NullReference(0.5, -0.004, 200, 200, 1, (), 0.001)
    usual = NullReference(0.001, -0.004, 200, 200, 1, (), 0.5)
    limit = NullReference(0.001, -0.004, 200, 200, 1, (), 0.02)

    assert rejected(200, d_cfi=-0.006, p=0.001, d_rmsea=0.05, d_srmr=0.05, reference=strange)
    assert not rejected(200, d_cfi=-0.005, **WORST, reference=strange)
    assert not rejected(200, d_cfi=-0.2, **WORST, reference=usual)
    assert not rejected(200, d_cfi=-0.2, **WORST, reference=limit)


def test_a_reference_that_is_not_given_leaves_the_limits():
    missing = NullReference(None, None, 200, 3, 1)

    assert rejected(200, d_cfi=-0.006, **WORST, reference=missing)
    assert not rejected(200, d_cfi=-0.005, **WORST, reference=missing)


# Locks and references by size


@pytest.mark.parametrize(
    ("n", "locked", "simulated"),
    [(149, True, False), (150, False, True), (400, False, True), (401, False, False)],
)
def test_sizes_at_which_verdicts_and_references_begin(n, locked, simulated):
    report = report_of(waves_of(n), n_draws=20)

    assert report.n_used == n
    assert (report.verdict == "locked") is locked
    assert all((step.holds is None) is locked for step in report.steps)
    assert [step.reference is not None for step in report.steps] == [False, *[simulated] * 3]
    assert ("invariance.reference" in codes(report)) is simulated
    assert ("invariance.locked" in codes(report)) is locked


def test_a_locked_report_still_has_its_numbers_but_compares_nothing():
    report = report_of(waves_of(149, shift=0.8))

    assert [step.fit.measures.df for step in report.steps] == [29, 33, 37, 42]
    assert step_of(report, "scalar").difference.p < 0.01
    assert (report.reached, report.partial) == (None, ())
    assert (dict(report.latent_means), report.observed_means_comparable) == ({}, None)
    assert "compare the anchor items only" in str(
        next(n for n in report.notes if n.code == "invariance.locked")
    )


def test_size_counts_the_people_who_are_used():
    """Of 160 people 20 have a gap: listwise the rest is too few, full information uses all."""
    table = table_of(waves_of(160)).copy()
    table.loc[table["person"].lt(20) & table["place"].eq("2"), "i1"] = np.nan
    options = {"person": "person", "wave": "place", "judge": False}

    listwise = wave_invariance(table, MODEL, missing="listwise", **options)
    full = wave_invariance(table, MODEL, **options)

    assert (listwise.n_used, listwise.n_dropped, listwise.verdict) == (140, 20, "locked")
    assert (full.n_used, full.n_dropped, full.verdict) == (160, 0, "holds")


def test_without_judging_nothing_is_simulated_or_freed():
    report = report_of(waves_of(200, shift=0.8), judge=False)

    assert all(step.reference is None for step in report.steps)
    assert (report.partial, report.verdict) == ((), "undetermined")


def test_unequal_groups_are_said_and_need_the_reference_for_longer():
    table = table_of(World("groups", 900))
    kept = table[table["place"].eq("a") | (table.index % 2 == 0)]

    report = group_invariance(kept[list(ITEMS)], MODEL, kept["place"], n_draws=20)

    assert {"invariance.unequal", "invariance.reference"} <= set(codes(report))
    assert all(step.reference is not None for step in report.steps[1:])
    assert not {"invariance.unequal", "invariance.reference"} & set(codes(report_of(World("groups", 900))))


@pytest.mark.parametrize(
    ("n", "sizes", "simulated"),
    [
        (400, None, True),
        (401, None, False),
        (999, (700, 299), True),
        (1000, (700, 300), False),
        (149, (100, 49), False),
    ],
)
def test_how_long_the_reference_is_needed(n, sizes, simulated):
    assert runner(n, sizes).referenced is simulated


def test_false_denials_are_shared_by_the_steps_up_to_scalar():
    assert runner(200).level == pytest.approx(0.04 / 2)
    assert runner(200, thresholds=dict.fromkeys(ITEMS, 4)).level == pytest.approx(0.04 / 3)
    # So few draws could never reach the level.
    assert runner(200).n_draws >= 1 / (0.04 / 3)
    assert "invariance.unequal" not in codes(report_of(World("groups", 900)))


# Verdicts


def test_invariance_that_holds_is_said_to():
    report = report_of(World("groups", 900, impact=0.5))

    assert (report.verdict, report.reached, report.partial) == ("holds", "strict", ())
    assert report.observed_means_comparable is True
    assert report.latent_means["f", "b"] == pytest.approx(0.5, abs=3 * np.sqrt(4 / 900 * 1.25))
    assert report.anchors == {"f": ITEMS}
    assert (report.sight, report.labels, report.ordinal) == ("groups", ("a", "b"), False)


def test_a_shifted_intercept_is_detected_and_freed_first():
    report = report_of(World("groups", 2000, shift=0.5, impact=0.5))

    assert (report.verdict, report.reached) == ("partial", "metric")
    assert step_of(report, "metric").holds
    assert step_of(report, "scalar").holds is False
    assert [step.freed for step in report.partial] == [(), (BIASED,)]
    assert report.anchors["f"] == tuple(item for item in ITEMS if item != BIASED)
    note = next(n for n in report.notes if n.code == "invariance.freed")
    assert (note.params["item"], note.params["step"], note.params["df"]) == (BIASED, "scalar", 1)


def test_what_a_shift_does_to_means_is_said_with_its_sign():
    """Half a point less on one of five items is a tenth of a point less on their mean."""
    report = report_of(World("groups", 2000, shift=0.5, impact=0.5))

    assert report.observed_shift["f", "b"] == pytest.approx(-0.1, abs=0.02)
    assert report.latent_means["f", "b"] == pytest.approx(0.5, abs=0.15)
    # Held equal, the shifted item pulls the mean down; freeing it moves the mean up.
    assert report.latent_shift["f", "b"] > 0.05
    (impact,) = [found for found in report.impacts if found.item == BIASED]
    assert (impact.points, impact.dmacs) == pytest.approx((-0.5, 0.5), abs=0.1)
    # A tenth of a point is more than a tenth of the mean's standard deviation of .8.
    assert report.observed_means_comparable is False


def test_a_negligible_shift_of_means_lets_them_be_compared():
    report = report_of(World("groups", 4000, shift=0.3, impact=0.5))

    assert report.verdict == "partial"
    assert abs(report.observed_shift["f", "b"]) == pytest.approx(0.06, abs=0.02)
    assert report.observed_means_comparable is True


def test_a_weaker_loading_is_detected_at_its_own_step():
    report = report_of(waves_of(600, loading=0.35))

    assert report.reached == "configural"
    assert step_of(report, "metric").holds is False
    assert report.verdict == "partial"
    assert report.partial[0].freed == (BIASED,)


def scattered(n=1200, seed=1, shifts=(0.0, 1.8, -0.9, -1.8, 0.9)):
    """Two groups in which every item is shifted its own way."""
    table = World("groups", n).table(np.random.default_rng(seed))
    table.loc[table["place"] == "b", list(ITEMS)] += np.array(shifts)
    return table


def test_without_anchors_it_is_broken():
    table = scattered()

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"])

    assert report.verdict == "broken"
    assert len(report.anchors["f"]) == ANCHORS
    assert report.partial[-1].holds is False
    assert (dict(report.latent_means), report.observed_means_comparable) == ({}, False)
    assert "invariance.anchors" in codes(report)


def test_items_are_freed_by_the_size_of_their_shift():
    table = scattered(shifts=(0.0, 0.9, 0.0, 0.0, -0.5))

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"])

    freed = [note.params["item"] for note in report.notes if note.code == "invariance.freed"]
    assert freed == ["i1", "i4"]
    assert report.verdict == "partial"
    assert report.anchors["f"] == ("i0", "i2", "i3")


def test_a_factor_that_holds_keeps_its_items_when_the_other_is_broken():
    """All items of the second factor are shifted their own way, none of the first."""
    first, second = World("groups", 1200).table(np.random.default_rng(2)), scattered(seed=3)
    names = [f"s{number}" for number in range(5)]
    items = pd.concat([first[list(ITEMS)], second[list(ITEMS)].set_axis(names, axis=1)], axis=1)

    report = group_invariance(items, {"f": ITEMS, "g": names}, first["place"])

    assert report.verdict == "broken"
    assert len(report.anchors["g"]) == ANCHORS
    assert report.anchors["f"] == ITEMS


def test_a_step_that_does_not_converge_proves_nothing_and_is_explained(monkeypatch):
    """As with shifts of two standard deviations, where the model with equal intercepts has no good minimum."""

    def fit(data, specification, **options):
        found = fit_specification(data, specification, **options)
        equal = any(p.label == f"intercept of {BIASED}" for p in specification.parameters)
        return replace(found, converged=not equal)

    monkeypatch.setattr(invariance, "fit_specification", fit)
    table = table_of(World("groups", 900))

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"])

    assert step_of(report, "scalar").holds is None
    assert report.verdict == "undetermined"
    assert any("scalar" in str(note) for note in report.notes)


def fake(step, holds):
    return InvarianceStep(step, None, None, None, None, None, None, holds)


@pytest.mark.parametrize(
    ("holds", "reached"),
    [
        ([True, True, True, True], "strict"),
        ([True, True, True, False], "scalar"),
        ([True, True, False, True], "metric"),
        ([True, None, True, True], "configural"),
        ([None, True, True, True], None),
    ],
)
def test_a_step_is_reached_when_all_before_it_hold(holds, reached):
    names = ("configural", "metric", "scalar", "strict")
    assert _reached(tuple(map(fake, names, holds))) == reached


@pytest.mark.parametrize(
    ("locked", "reached", "partial", "verdict"),
    [
        (True, "strict", (), "locked"),
        (False, None, (), "undetermined"),
        (False, "strict", (), "holds"),
        (False, "scalar", (), "holds"),
        (False, "metric", (fake("metric", True), fake("scalar", True)), "partial"),
        (False, "metric", (fake("metric", True), fake("scalar", False)), "broken"),
        (False, "metric", (), "undetermined"),
        pytest.param(
            False,
            "metric",
            (fake("metric", True), fake("scalar", None)),
            "undetermined",
        ),
    ],
)
def test_words_of_the_verdict(locked, reached, partial, verdict):
    assert _verdict(locked, reached, partial, {"f": ITEMS}, []) == verdict


def test_a_model_that_fits_badly_says_so():
    """Two unrelated factors taken for one: the steps may hold, the model is not right."""
    parts = [World("groups", 800).table(np.random.default_rng(seed)) for seed in (4, 5)]
    items = pd.concat([parts[0][["i0", "i1", "i2"]], parts[1][["i3", "i4"]]], axis=1)

    report = group_invariance(items, MODEL, parts[0]["place"])

    assert "invariance.base" in codes(report)
    assert "invariance.base" not in codes(report_of(World("groups", 900, impact=0.5)))


# Ordinal items


def ordinal(world, seed=1, **options):
    return report_of(world, seed, ordinal=True, **options)


def test_shifted_thresholds_of_ordinal_items_are_detected():
    """A shift of all thresholds of an item is one of its intercept once thresholds are equal."""
    report = ordinal(World("groups", 1600, shift=0.5, impact=0.5, categories=True))

    assert [step.step for step in report.steps] == ["configural", "thresholds", "metric", "scalar", "strict"]
    assert report.ordinal
    assert step_of(report, "thresholds").holds
    assert step_of(report, "scalar").holds is False
    assert report.verdict == "partial"
    assert report.partial[-1].freed == (BIASED,)
    assert report.latent_means["f", "b"] == pytest.approx(0.5, abs=0.17)
    assert report.observed_shift["f", "b"] < -0.05


def test_what_a_shift_does_to_means_of_codes_is_held_against_the_spread_of_codes():
    """A shift of .12 categories of a mean whose standard deviation is .74 categories is no small one."""
    world = World("groups", 2000, shift=0.6, categories=True)
    table = table_of(world)
    report = ordinal(world)

    spread = table.loc[table["place"] == "a", list(ITEMS)].mean(axis=1).std()
    assert abs(report.observed_shift["f", "b"]) / spread > 0.13
    assert report.observed_means_comparable is False


def test_one_threshold_that_moves_is_detected_at_the_step_of_thresholds():
    world = World("groups", 1600, categories=True)
    table = table_of(world).copy()
    moved = table["place"].eq("b") & table[BIASED].eq(4) & (np.random.default_rng(6).random(len(table)) < 0.6)
    table.loc[moved, BIASED] = 3.0

    report = group_invariance(table[list(ITEMS)], MODEL, table["place"], ordinal=True)

    assert report.reached == "configural"
    assert step_of(report, "thresholds").holds is False
    assert report.partial[0].freed == (BIASED,)
    assert report.verdict == "partial"


def test_ordinal_items_that_hold_are_said_to():
    report = ordinal(World("groups", 1600, impact=0.5, categories=True))

    assert (report.verdict, report.reached) == ("holds", "strict")
    assert report.latent_means["f", "b"] == pytest.approx(0.5, abs=0.17)


def test_ordinal_waves_are_one_model_too():
    report = ordinal(waves_of(500, shift=0.5, categories=True))

    assert (report.verdict, report.partial[-1].freed) == ("partial", (BIASED,))
    assert report.labels == ("1", "2")


def test_changes_of_ordinal_items_are_those_of_the_scaled_indices():
    report = ordinal(World("groups", 1600, impact=0.5, categories=True))

    for before, later in zip(report.steps, report.steps[1:], strict=False):
        first, second = before.fit.measures, later.fit.measures
        assert later.d_cfi == pytest.approx(second.cfi_scaled - first.cfi_scaled)
        assert later.d_rmsea == pytest.approx(second.rmsea_scaled - first.rmsea_scaled)
        assert later.d_srmr == pytest.approx(second.srmr - first.srmr)


def test_binary_items_have_no_step_of_their_own_for_thresholds_and_residuals():
    table = table_of(World("groups", 1600, shift=0.6, categories=True))
    items = (table[list(ITEMS)] > 3).astype(float)

    report = group_invariance(items, MODEL, table["place"], ordinal=True)

    assert "invariance.binary" in codes(report)
    assert [step.difference is None for step in report.steps] == [True, True, False, False, True]
    assert step_of(report, "thresholds").holds
    assert step_of(report, "scalar").holds is False
    assert report.partial[-1].freed == (BIASED,)


def test_a_category_that_one_wave_does_not_use_is_merged_and_said():
    table = table_of(waves_of(400, categories=True)).copy()
    late = table["place"] == "2"
    table.loc[late & table["i0"].eq(5), "i0"] = 4.0
    table.loc[late & table["i1"].eq(3), "i1"] = 2.0

    report = wave_invariance(table, MODEL, person="person", wave="place", ordinal=True, judge=False)

    merged = {
        (n.params["item"], n.params["old"], n.params["new"]) for n in report.notes if n.code == "sem.merged"
    }
    assert {("i0", 5.0, 4.0), ("i1", 3.0, 2.0)} <= merged
    assert all(step.fit.converged for step in report.steps)


def test_an_item_without_a_common_category_is_named():
    table = table_of(waves_of(400, categories=True)).copy()
    late = table["place"] == "2"
    table["i3"] = np.where(late, 5.0, np.minimum(table["i3"], 4.0))

    with pytest.raises(ScoringError, match="i3") as error:
        wave_invariance(table, MODEL, person="person", wave="place", ordinal=True)
    assert error.value.code == "sem.categories"
