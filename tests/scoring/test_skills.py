import dataclasses

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.goals import goal_attainment
from scoring.serialize import to_json
from scoring.skills import skill_gain, skill_verdict


def ratings(n=20, mean=3.0, shift=0.0, seed=1):
    rng = np.random.default_rng(seed)
    return pd.Series(mean + shift + 0.4 * rng.normal(size=n), index=[f"p{i}" for i in range(n)])


def goals(n=20, level=1):
    return goal_attainment(
        pd.DataFrame(np.full((n, 2), level), index=[f"p{i}" for i in range(n)]),
        baseline=pd.DataFrame(-1, index=[f"p{i}" for i in range(n)], columns=[0, 1]),
    )


def gain(*, n=20, direct=0.0, then=0.0, behaviour=None, level=None):
    """A cell whose ratings changed by `direct`, and by `then` in the eyes of today."""
    before, after = ratings(n), ratings(n, shift=direct, seed=2)
    more = {}
    if behaviour is not None:
        more = {"behaviour_before": ratings(n, 2.0, seed=4), "behaviour_after": ratings(n, 2.0, behaviour, 5)}
    if level is not None:
        more["goals"] = goals(n, level)
    return skill_gain(before, after, then=ratings(n, shift=direct - then, seed=3), **more)


def test_windows_stand_in_the_order_in_which_they_are_shown():
    names = [field.name for field in dataclasses.fields(gain(behaviour=1.0, level=0))]

    assert names[:5] == ["behaviour", "direct", "then_change", "recalibration", "goals"]


def test_each_window_is_its_own_change():
    found = gain(direct=0.2, then=1.0, behaviour=0.5, level=1)

    assert found.direct.mean == pytest.approx(0.2, abs=0.3)
    assert found.then_change.mean == pytest.approx(1.0, abs=0.3)
    assert found.recalibration.mean == pytest.approx(found.direct.mean - found.then_change.mean)
    assert found.behaviour.mean == pytest.approx(0.5, abs=0.3)
    assert (found.goals.t.mean, found.goals.share_reached) == (
        pytest.approx(50 + 20 / np.sqrt(0.7 * 2 + 0.3 * 4)),
        1.0,
    )
    assert found.goals.t_baseline == pytest.approx(100 - found.goals.t.mean)


def test_asking_for_one_number_is_refused():
    with pytest.raises(ScoringError) as caught:
        _ = gain(direct=1.0, then=1.0).merged
    assert caught.value.code == "skills.merged"
    assert "merged" not in to_json(gain())


def test_a_then_test_is_never_shown_alone():
    with pytest.raises(ScoringError) as caught:
        skill_gain(ratings() * np.nan, ratings(), then=ratings())
    assert caught.value.code == "skills.then_alone"


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ({"direct": 1.0, "then": 1.0}, "improved"),
        ({"direct": 0.0, "then": 0.5, "behaviour": 1.0}, "improved"),
        ({"direct": 1.0, "then": -0.6}, "not shown"),
        ({"direct": -0.8, "then": 1.0, "level": 0}, "recalibrated"),
        ({"direct": -0.8, "then": 1.0, "level": -1}, "not shown"),
        ({"direct": -0.8, "then": 1.0}, "not shown"),
        ({"direct": -1.0, "then": -1.0, "behaviour": -1.0, "level": 1}, "not shown"),
        ({"direct": 0.0, "then": 0.0, "level": 2}, "not shown"),
        ({"direct": 2.0, "then": 2.0, "n": 9}, "too few"),
        ({"direct": 2.0, "then": 2.0, "n": 4}, None),
    ],
)
def test_the_verdict_follows_the_rule(case, verdict):
    assert gain(**case).verdict == verdict


def test_recalibrated_says_that_it_is_no_gain():
    codes = [note.code for note in gain(direct=-0.8, then=1.0, level=0).notes]

    assert codes == ["skills.both", "skills.overrated", "skills.recalibrated"]


def test_without_a_then_test_nothing_is_called_improved():
    found = skill_gain(ratings(), ratings(shift=2.0, seed=2))

    assert found.direct.verdict == "moved"
    assert (found.then_change, found.recalibration, found.verdict) == (None, None, "not shown")
    assert found.notes[0].code == "skills.no_then"


def test_the_rule_in_its_plain_form():
    base = {
        "behaviour": None,
        "direct": (0.1, 0.9),
        "direct_mean": 0.5,
        "then_change": (0.2, 0.8),
        "goals": 60.0,
    }

    assert skill_verdict(**base, then_mean=0.5) == "improved"
    assert skill_verdict(**base, then_mean=-0.1) == "not shown"
    assert skill_verdict(**base, then_mean=None) == "not shown"
    lower = {**base, "direct": (-0.4, 0.3), "direct_mean": -0.05}
    assert skill_verdict(**lower, then_mean=0.5) == "recalibrated"
    assert skill_verdict(**{**lower, "goals": 49.9}, then_mean=0.5) == "not shown"
    assert skill_verdict(**{**lower, "behaviour": (0.01, 1.0)}, then_mean=0.5) == "improved"


def test_people_who_missed_a_window_count_in_the_others():
    before, after, then = ratings(), ratings(shift=1.0, seed=2), ratings(seed=3)
    then.iloc[:3] = np.nan
    found = skill_gain(before, after, then=then)

    assert (found.direct.n_used, found.then_change.n_used, found.then_change.n_dropped) == (20, 17, 3)


def test_a_then_test_of_too_few_counts_for_nothing():
    then = ratings(shift=-2.0, seed=3)
    then.iloc[:12] = np.nan

    assert skill_gain(ratings(), ratings(shift=2.0, seed=2), then=then).verdict == "not shown"


def test_equal_changes_and_missing_waves_survive():
    same = skill_gain(ratings(), ratings() + 1.0, then=ratings())
    one_wave = skill_gain(ratings(), ratings() * np.nan)

    assert same.direct.mean == pytest.approx(1.0)
    assert same.verdict == "not shown"
    assert (one_wave.direct.n_used, one_wave.verdict) == (0, None)


def test_behaviour_at_one_wave_only_is_refused():
    with pytest.raises(ScoringError) as caught:
        skill_gain(ratings(), ratings(), behaviour_before=ratings())
    assert caught.value.code == "skills.behaviour"
