"""Knowledge areas in a change report: each window from its own items and wave, words by the rule, and no few people by subtraction."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from scoring.change import MeanChange
from scoring.change_report import ChangeReport, render_text
from scoring.report.text_tables import WIDTH
from scoring.serialize import to_json
from scoring.skills import SkillGain
from tests.scoring.change_report.people import DIGITAL, pairs, report_on, without


def gain_of(frame: pd.DataFrame, role: str = "mentee", **options: object) -> SkillGain:
    report = report_on(frame, skills=(DIGITAL,), **options)
    assert report.skills is not None
    return report.skills.skills["digital"][role]


def total(change: MeanChange | None) -> float:
    assert change is not None
    assert change.mean is not None
    return change.n_used * change.mean


@pytest.fixture(scope="module")
def improved() -> ChangeReport:
    return report_on(pairs(20, waves=3, rated=0.8, then=-0.3, goal=1), skills=(DIGITAL,))


class TestWindows:
    def test_each_is_the_mean_difference_of_its_own_items(self, improved: ChangeReport) -> None:
        frame = pairs(20, waves=3, rated=0.8, then=-0.3, goal=1)
        own = frame[frame["role"] == "mentee"].set_index("pair")
        first, last = own[own["wave"] == 0], own[own["wave"] == 2]
        assert improved.skills is not None
        gain = improved.skills.skills["digital"]["mentee"]
        assert gain.behaviour is not None
        assert gain.then_change is not None
        assert gain.recalibration is not None
        assert gain.goals is not None

        assert gain.direct.mean == pytest.approx((last["k"] - first["k"]).mean(), abs=1e-9)
        assert gain.then_change.mean == pytest.approx((last["k"] - last["k_then"]).mean(), abs=1e-9)
        assert gain.recalibration.mean == pytest.approx((last["k_then"] - first["k"]).mean(), abs=1e-9)
        done = last[["b1", "b2"]].mean(axis=1) - first[["b1", "b2"]].mean(axis=1)
        assert gain.behaviour.mean == pytest.approx(done.mean(), abs=1e-9)
        # Kiresuk and Sherman: 50 + 10 (1 + 1) / sqrt(.7 * 2 + .3 * 4) = 62.4035 for two goals at +1.
        assert gain.goals.t.mean == pytest.approx(62.4035, abs=1e-4)
        assert gain.goals.share_reached == 1.0

    def test_the_waves_are_those_of_the_direct_rating(self, improved: ChangeReport) -> None:
        assert improved.skills is not None
        assert improved.skills.waves == {"digital": {"mentor": ("0", "2"), "mentee": ("0", "2")}}

    def test_a_then_test_at_an_earlier_wave_is_none(self) -> None:
        frame = pairs(12, waves=3, rated=0.8)
        frame["k_then"] = frame["k_then"].shift(-1)

        assert gain_of(frame).then_change is None

    def test_goals_are_those_of_the_last_wave_that_has_any(self) -> None:
        frame = pairs(12, waves=3)
        frame.loc[frame["wave"] == 1, ["g1", "g2"]] = -2
        late, early = gain_of(frame).goals, gain_of(frame.assign(**dict.fromkeys(["g1", "g2"], frame["g1"].where(frame["wave"] == 1)))).goals  # fmt: skip

        assert late is not None
        assert early is not None
        assert late.t.mean == pytest.approx(50)
        assert early.t.mean is not None
        assert early.t.mean < 30

    def test_nothing_is_merged(self, improved: ChangeReport) -> None:
        plain = json.loads(to_json(improved))["skills"]["skills"]["digital"]["mentee"]

        assert list(plain) == ["behaviour", "direct", "then_change", "recalibration", "goals", "verdict", "notes"]  # fmt: skip

    def test_a_role_that_rated_once_is_named(self) -> None:
        frame = pairs(12)
        frame.loc[(frame["role"] == "mentor") & (frame["wave"] == 0), "k"] = np.nan
        report = report_on(frame, skills=(DIGITAL,))

        assert report.skills is not None
        assert list(report.skills.skills["digital"]) == ["mentee"]
        assert "mentor: rated at fewer than two waves, so nothing is said of: digital." in render_text(report)

    def test_none_asked_for_none_there(self) -> None:
        assert report_on(pairs(4)).skills is None


class TestWords:
    @pytest.mark.parametrize(
        ("n", "true", "word"),
        [
            (20, {"rated": 0.8, "then": -0.3}, "improved"),
            (20, {"rated": 0.0, "then": -0.8, "goal": 1}, "recalibrated"),
            # The same without goals reached is no recalibration, and without any change nothing is claimed.
            (20, {"rated": -0.2, "then": -0.8, "goal": -2}, "not shown"),
            (20, {}, "not shown"),
            (9, {"rated": 0.8, "then": -0.3}, "too few"),
            (4, {"rated": 0.8, "then": -0.3}, None),
        ],
    )
    def test_rule(self, n: int, true: dict[str, float], word: str | None) -> None:
        frame = pairs(n, seed=5, **true)  # type: ignore[arg-type]
        if word == "recalibrated":
            # A direct change of nought or below, whatever the noise.
            frame.loc[frame["wave"] == 1, "k"] -= 0.15

        assert gain_of(frame).verdict == word

    def test_without_a_then_test_never_improved(self) -> None:
        frame = pairs(20, rated=0.8)
        report = report_on(frame, skills=(dataclasses.replace(DIGITAL, then=None),))

        assert report.skills is not None
        gain = report.skills.skills["digital"]["mentee"]
        assert gain.direct.low is not None
        assert gain.direct.low > 0
        assert gain.verdict == "not shown"

    def test_the_text_has_them(self, improved: ChangeReport) -> None:
        text = render_text(improved)

        assert "digital, mentee, 0 to 2" in text
        assert "by the ruler of today" in text
        assert "Word: improved." in text
        assert "Goals: T 62.4 (50: as expected); share reached 1.00." in text


class TestFew:
    """Then-change plus recalibration is the direct change, person by person."""

    @pytest.mark.parametrize("n_without", [1, 4])
    def test_nobody_can_be_computed_from_the_others(self, n_without: int) -> None:
        gain = gain_of(without(pairs(16, rated=0.5), "k_then", "mentee", 1, n_without))

        assert total(gain.direct) == pytest.approx(total(gain.then_change) + total(gain.recalibration))
        assert gain.direct.n_used == 16 - n_without
        assert any(note.code == "skills.parts" for note in gain.notes)

    def test_with_persons_one_could(self) -> None:
        # The negative control: what the report on all would have told of the one who lacks a then-test.
        frame = without(pairs(16, rated=0.5), "k_then", "mentee", 1, 1)
        gain = gain_of(frame, persons=True)
        own = frame[(frame["role"] == "mentee") & (frame["pair"] == "p0")]["k"].tolist()

        assert gain.direct.n_used == 16
        found = total(gain.direct) - total(gain.then_change) - total(gain.recalibration)
        assert found == pytest.approx(own[1] - own[0])

    def test_five_are_enough_to_stay(self) -> None:
        gain = gain_of(without(pairs(16, rated=0.5), "k_then", "mentee", 1, 5))

        assert gain.direct.n_used == 16
        assert gain.then_change is not None
        assert gain.then_change.n_used == 11

    def test_the_direct_change_stays_where_leaving_people_out_would_shut_its_gate(self) -> None:
        gain = gain_of(without(pairs(11, rated=0.5), "k_then", "mentee", 1, 3))

        assert gain.direct.n_used == 11
        assert gain.then_change is gain.recalibration is None
        assert any(note.code == "skills.apart" for note in gain.notes)

    def test_below_five_only_counts(self) -> None:
        gain = gain_of(pairs(4, rated=1.0, goal=1))

        assert gain.goals is not None
        values = [gain.direct.mean, gain.direct.low, gain.goals.t.mean, gain.goals.share_reached]
        assert values == [None] * 4


@pytest.mark.parametrize("name", ["100% %(n)d %s", "x" * 300, "two\nlines \u202e\"'😀"])
def test_any_name_fits_on_a_line(name: str) -> None:
    report = report_on(pairs(6), skills=(dataclasses.replace(DIGITAL, name=name),))
    text = render_text(report)

    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\u202e" not in text
    assert json.loads(to_json(report))["skills"]["skills"][name]


def test_ratings_out_of_range_are_a_note_and_no_crash() -> None:
    frame = pairs(12, goal=1)
    report = report_on(
        frame.assign(g1=frame["g1"] + 0.5),
        skills=(dataclasses.replace(DIGITAL, goals=dataclasses.replace(DIGITAL.goals, whole=False)),),  # type: ignore[type-var]
    )

    assert report.skills is not None
    assert report.skills.skills == {}
    assert "none of the five levels" in render_text(report)
