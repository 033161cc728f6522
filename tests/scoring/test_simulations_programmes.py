"""Targets E1 and E2 of the measurement plan (6.3), end to end on raw answers, and the generator of the programmes they are judged on.

In the default run the bands are the targets widened by three standard errors of a few dozen programmes, with the marker `slow` by those
of 2,000. Every run is seeded.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import instruments
from instruments.loader import load_instrument
from scoring.change_report import change_report
from scoring.errors import Note
from tests.scoring.simulations.programme_words import (
    find_forbidden,
    judge_programme,
    read_words,
    simulate_programmes,
    simulate_sides,
)
from tests.scoring.simulations.programmes import (
    COLUMNS,
    ITEMS,
    MIRRORED,
    PRIMARY,
    ROLES,
    SCALES,
    World,
    draw_programme,
    expected_score,
    latent_shift,
    null_world,
)

MANY = 20_000
PAIRS = (10, 15, 24, 40, 80)
LIBRARY = Path(instruments.__file__).parent / "library"
GAIN = World(gain=0.4)
LOST = {"dropout": 0.22}


def band(share, samples):
    """Three standard errors of a share."""
    return 3.0 * np.sqrt(share * (1.0 - share) / samples)


def drawn(world, seed=1):
    return draw_programme(np.random.default_rng(seed), world)


def scores_of(frame, name="PS"):
    """Scores of a scale by person and wave, whatever was left out."""
    scored = frame.assign(score=frame[list(ITEMS[name])].mean(axis=1))
    return scored.pivot(index=["pair", "role"], columns="wave", values="score")


class TestGenerator:
    @pytest.mark.parametrize(
        "folder",
        [path for path in sorted((LIBRARY / "core-battery").iterdir()) if path.is_dir()],
        ids=lambda path: path.name,
    )
    def test_the_scales_are_those_of_the_released_instrument(self, folder):
        released = {scale.id: scale for scale in load_instrument(folder).scales}

        for name, items in ITEMS.items():
            assert tuple(released[name].keys) == items
            assert set(released[name].keys.values()) == {1}
            assert (released[name].wording == "mirrored") == (name in MIRRORED)

    def test_a_programme_is_the_same_for_the_same_seed(self):
        world = null_world(12)

        pd.testing.assert_frame_equal(drawn(world), drawn(world))
        assert not drawn(world).equals(drawn(world, seed=2))

    def test_the_pilot_model_is_reproduced(self):
        """The plan (6.1) names SD .76, alpha .83 and retest .71 for five items."""
        frame = drawn(World(MANY, short_trial=False))
        five = frame[frame["wave"] == "TC"][list(ITEMS["PS"][:5])].cov().to_numpy()
        alpha = 5 / 4 * (1 - np.trace(five) / five.sum())
        wide = frame.assign(score=frame[list(ITEMS["PS"][:5])].mean(axis=1)).pivot(
            index=["pair", "role"], columns="wave", values="score"
        )

        assert alpha == pytest.approx(0.83, abs=0.01)
        assert wide["TC"].corr(wide["T3"]) == pytest.approx(0.71, abs=0.01)
        assert wide["TC"].std() == pytest.approx(0.76, abs=0.01)
        assert frame[COLUMNS].isin([1, 2, 3, 4, 5]).all(axis=None)

    def test_partners_and_scales_are_alike(self):
        frame = drawn(World(MANY))
        safety, candour = (scores_of(frame, name)["T3"] for name in PRIMARY)
        partners = safety.unstack()

        assert 0.2 < partners["mentor"].corr(partners["mentee"]) < 0.3
        assert 0.35 < safety.corr(candour) < 0.45

    @pytest.mark.parametrize("knobs", [{}, {"inflation": (0.3, 0.8), "difficulty": 0.3}])
    def test_the_gain_is_that_of_the_expected_score(self, knobs):
        world = replace(GAIN, pairs=MANY, **knobs)
        wide = scores_of(drawn(world))

        for role in ROLES:
            change = (wide["T3"] - wide["TC"]).xs(role, level="role")
            inflation = world.inflation if role == "mentor" else (0.0, 0.0)
            shift = latent_shift(0.4, inflation, world.difficulty)
            exact = expected_score(shift, inflation, world.difficulty) - expected_score(
                0.0, inflation, world.difficulty
            )
            assert exact == pytest.approx(0.4, abs=1e-9)
            assert change.mean() == pytest.approx(0.4, abs=3 * change.sem())
            halfway = (wide["T2"] - wide["TC"]).xs(role, level="role")
            assert halfway.mean() == pytest.approx(0.2, abs=3 * halfway.sem())

    @pytest.mark.parametrize("name", PRIMARY)
    def test_nobody_changes_where_nobody_is_meant_to(self, name):
        wide = scores_of(drawn(null_world(MANY, dropout=0.0, not_yet=0.0)), name)

        for role in ROLES:
            change = (wide["T3"] - wide["T2"]).xs(role, level="role")
            assert abs(change.mean()) <= 3 * change.sem()

    @pytest.mark.parametrize("reason", ["current", "trial", "chance"])
    def test_a_quarter_is_missing_and_low_ones_more_often(self, reason):
        wide = scores_of(drawn(World(MANY, dropout=0.28, reason=reason)))
        gone = wide["T3"].isna()
        apart = wide["TC"][gone].mean() - wide["TC"][~gone].mean()
        both = gone.unstack().all(axis=1).mean()

        assert 0.20 <= gone.mean() <= 0.30
        assert not wide["TC"].isna().any()
        # Pairs leave together: by chance both would be missing in a sixteenth.
        assert both > 0.12
        assert abs(apart) < 0.03 if reason == "chance" else apart < -0.5

    def test_only_leaving_by_the_current_state_cannot_be_seen_in_earlier_scores(self):
        """Among those who left by their first score, the later state is that of equals who stayed; otherwise it is lower."""
        changes = {}
        for reason in ("current", "trial"):
            world = World(MANY, waves=("TC", "T3"), dropout=0.3, reason=reason)
            full, seen = scores_of(drawn(replace(world, dropout=1e-9))), scores_of(drawn(world))
            gone = seen["T3"].isna().reindex(full.index, fill_value=True)
            slope, start = np.polyfit(full["TC"][~gone], full["T3"][~gone], 1)
            changes[reason] = (full["T3"] - start - slope * full["TC"])[gone].mean()

        assert changes["current"] < -0.1
        assert abs(changes["trial"]) < 0.05

    def test_complete_pairs_can_be_counted_instead_of_invited_ones(self):
        wide = scores_of(drawn(World(40, "complete", dropout=0.22)))
        complete = wide[["TC", "T3"]].notna().all(axis=1).unstack(fill_value=False).all(axis=1)

        assert complete.sum() == 40
        assert len(complete) > 45

    def test_the_trial_check_asks_what_the_released_one_asks(self):
        frame = drawn(World(12))
        first = frame[frame["wave"] == "TC"]

        assert set(first.columns[first.notna().all()]) >= {*ITEMS["PS"], "PWV1", "PWV2"}
        assert first[["PWV3", "PWV4", "TR2", "RQ3", *ITEMS["PSG"]]].isna().all(axis=None)
        assert frame[frame["wave"] != "TC"].notna().all(axis=None)

    def test_biases_show_in_the_answers(self):
        flattered = scores_of(drawn(World(2_000, inflation=(0.3, 0.8))))["TC"].unstack()
        holes = drawn(World(2_000, skipped=0.03, not_yet=0.08, difficulty=0.3))
        careless = drawn(World(2_000, careless=(0.1, 0.1)))
        safety = careless[list(ITEMS["PS"])]
        first = holes["wave"] == "TC"

        assert flattered["mentor"].mean() - flattered["mentee"].mean() > 0.35
        assert 0.03 < holes.loc[~first, COLUMNS].isna().to_numpy().mean() < 0.06
        assert holes.loc[first, list(ITEMS["PS"])].isna().to_numpy().mean() > 0.06
        # A third of a tenth gives one code throughout; 1 and 2 throughout are as frequent as 4.
        assert (safety == 1).all(axis=1).mean() > 0.003
        assert ((safety.nunique(axis=1) == 1) & (safety["PS1"] == 1)).mean() > 0.003

    def test_cohorts_differ_in_level_and_in_change_only_if_asked_to(self):
        def spread(world):
            frame = drawn(world)
            wide = scores_of(frame)
            cohort = frame.drop_duplicates("pair").set_index("pair")["cohort"]
            of = cohort.loc[wide.index.get_level_values("pair")].to_numpy()
            return wide["TC"].groupby(of).mean().std(), (wide["T3"] - wide["TC"]).groupby(of).mean().std()

        level, change = spread(World(MANY, cohorts=20, cohort_level=0.05))
        _, shocked = spread(World(MANY, cohorts=20, cohort_shock=0.05))

        # .05 of a standard deviation of .65 without the error of items, and the error of a cohort's mean change, .02.
        assert 0.08 < level < 0.22
        assert change < 0.04
        assert shocked > 0.06


@pytest.mark.parametrize("pairs", [8, 15, 50])
def test_the_steps_that_lead_to_the_words_say_what_the_report_says(pairs):
    for world in (null_world(pairs), replace(GAIN, pairs=pairs, **LOST)):
        frame = drawn(world, seed=pairs)

        assert judge_programme(frame, world) == read_words(change_report(frame, SCALES, world.options).scales)


def check_null(figures):
    """E1, and E1-: without the verdict rules the same programmes fail the target."""
    samples = figures.samples
    assert figures.any_moved <= 0.05 + band(0.05, samples), str(figures)
    # Below that the gates leave few programmes with any p at all.
    if figures.world.pairs >= 24:
        assert figures.any_p > 0.05 + (band(0.05, samples) if samples > 200 else 0.0), str(figures)


def check_changed(figures):
    """E1-: something does change, and the report says so."""
    assert figures.any_moved > 0.05 + band(0.05, figures.samples), str(figures)


def check_gain(figures):
    """E2 for PS of a role: shown with 40 pairs, about every other time with 15, and not taken for nothing more often than an error."""
    moved, samples = figures.words["moved"], figures.samples
    if figures.world.pairs >= 40:
        assert moved >= 0.80 - band(0.80, samples), str(figures)
    else:
        unclear = figures.words["not shown"] + figures.words["too few"]
        assert 0.35 - band(0.35, samples) <= unclear <= 0.65 + band(0.65, samples), str(figures)
    # The gain is larger than the margin of .3 points, so this word is an error of the test of equivalence and has its rate.
    assert figures.words["equivalent"] <= 0.05 + band(0.05, samples), str(figures)
    if figures.world.pairs == 15:
        assert figures.words["equivalent"] == 0.0, str(figures)


@pytest.mark.parametrize("pairs", [15, 40, 80])
def test_reports_of_null_programmes_do_not_say_that_anything_moved(pairs):
    check_null(simulate_programmes(40, pairs, null_world(pairs)))


def test_reports_of_changed_programmes_do():
    check_changed(simulate_programmes(20, 41, null_world(40, gain=0.4)))


@pytest.mark.parametrize("pairs", [15, 40])
def test_a_gain_of_two_fifths_of_a_point_is_shown(pairs):
    check_gain(simulate_programmes(40, pairs, replace(GAIN, pairs=pairs)))


@pytest.mark.parametrize("pairs", [8, 15, 40])
def test_no_report_says_that_there_was_no_effect(pairs):
    for world in (replace(GAIN, pairs=pairs, **LOST), null_world(pairs)):
        assert find_forbidden(change_report(drawn(world, pairs), SCALES, world.options)) == []


def test_a_sentence_that_there_was_no_effect_would_be_found():
    """Negative control of the search."""
    world = replace(GAIN, pairs=8)
    report = change_report(drawn(world), SCALES, world.options)
    told = replace(report, notes=(Note("test", "The programme had no effect, nothing changed."),))

    assert find_forbidden(told) == ["no effect", "nothing changed"]


def test_unadjusted_indices_label_many_in_a_null_programme_and_adjusted_ones_few():
    """T5 in D12 with field reliabilities: the target of one person holds where everything is adjusted and people are careful."""
    figures = simulate_sides(10, 24, null_world(24, careless=(0.0, 0.0)))

    assert figures.labelled <= 1.0, str(figures)
    assert figures.naive > 4.0, str(figures)


@pytest.mark.slow
@pytest.mark.parametrize("pairs", PAIRS)
def test_null_programmes_hold_at_every_size(pairs):
    check_null(simulate_programmes(2_000, pairs, null_world(pairs)))


@pytest.mark.slow
def test_a_changed_programme_is_not_taken_for_a_null_one():
    check_changed(simulate_programmes(2_000, 41, null_world(40, gain=0.4)))


MISSING = {
    "complete": {},
    "at random": {"reason": "trial", **LOST},
    "not at random": {"reason": "current", **LOST},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "missing", "counted"),
    [
        (15, "complete", "invited"),
        (15, "at random", "complete"),
        (15, "not at random", "complete"),
        (40, "complete", "invited"),
        (40, "at random", "invited"),
        (40, "at random", "complete"),
        (40, "not at random", "invited"),
        (40, "not at random", "complete"),
    ],
)
def test_the_gain_is_shown_with_every_sort_of_dropout(pairs, missing, counted):
    world = replace(GAIN, pairs=pairs, counted=counted, **MISSING[missing])
    check_gain(simulate_programmes(2_000, pairs + len(missing), world))
