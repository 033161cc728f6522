"""What rests on all scores in a change report: words, families, slopes, latent change, covariance; objectives; and nobody shown."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.change_report import ChangeOptions, ChangeReport, change_report, render_text
from scoring.change_report.pictures import change_figures
from scoring.latent_change import latent_change
from scoring.reference import find_reference
from scoring.report.text_tables import WIDTH
from scoring.scale_sets import ProblemsError, make_scale_set
from scoring.scorecard import Objective
from scoring.serialize import to_json
from scoring.shrinkage import growth_slopes
from tests.scoring.change_report.people import SCALES, pairs, report_on
from tests.scoring.comparisons.rows import r_data

SAFETY = list(SCALES.scales[0].keys)
OBJECTIVES = (
    Objective("Speak up", ("safety", "support"), {"support": "lower"}),
    Objective("Nothing measured", ("late",)),
)


def leaving(n_pairs: int = 60) -> pd.DataFrame:
    """Three waves; of the mentees who start low most are missing at the last."""
    frame = pairs(n_pairs, waves=3, seed=4)
    start = frame[frame["wave"] == 0].set_index(["pair", "role"])[SAFETY].mean(axis=1)
    low = start.index[(start < 2.8) & (start.index.get_level_values("role") == "mentee")]
    gone = frame.set_index(["pair", "role"]).index.isin(low[: len(low) * 4 // 5]) & (frame["wave"] == 2)
    return frame[~gone]


def scores(frame: pd.DataFrame, role: str) -> pd.DataFrame:
    own = frame[frame["role"] == role].assign(score=frame[SAFETY].mean(axis=1))
    return own.pivot(index="pair", columns="wave", values="score")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return leaving()


@pytest.fixture(scope="module")
def report(frame: pd.DataFrame) -> ChangeReport:
    with_late = make_scale_set({**{s.name: list(s.keys) for s in SCALES.scales}, "late": ["x1", "x2"]}, minimum=1, maximum=5)  # fmt: skip
    late = frame.assign(
        x1=np.where(frame["wave"] == 2, 3, np.nan), x2=np.where(frame["wave"] == 2, 4, np.nan)
    )
    options = ChangeOptions(
        "pair", "role", "wave", cohort="cohort", objectives=OBJECTIVES, times=(0, 5, 12), secondary=(), primary=("safety",)
    )  # fmt: skip
    return change_report(late, with_late, options)


class TestWords:
    def test_the_word_speaks_of_all_scores(self, report: ChangeReport, frame: pd.DataFrame) -> None:
        role = report.scales["safety"].roles["mentee"]
        wide = scores(frame, "mentee")

        assert role.change is not None
        assert role.change.mean is not None
        assert role.change.mean == pytest.approx((wide[2] - wide[0]).mean())
        assert role.likelihood is not None
        assert role.mean == role.likelihood.estimate
        # Those who started low and left would have risen; completers alone say less.
        assert role.likelihood.estimate > role.change.mean + 0.01
        assert role.direction == "higher"

    def test_families_and_equivalence_use_its_p(self, report: ChangeReport) -> None:
        roles = report.scales["safety"].roles
        likelihoods = {name: role.likelihood for name, role in roles.items()}

        for name, found in likelihoods.items():
            assert found is not None
            claim = report.families.find(f"safety {name}").claim
            assert (claim.p, claim.low, claim.high) == (found.p, found.low, found.high)
            equivalence = roles[name].equivalence
            assert equivalence is not None
            # R: both one-sided pt() of (estimate -+ .3) / se with the model's degrees of freedom; 90 % interval inside the margin.
            assert equivalence.estimate == found.estimate
            assert equivalence.t_lower == pytest.approx((found.estimate + 0.3) / found.se)
            assert equivalence.df == found.df
        p = sorted(found.p for found in likelihoods.values() if found is not None)
        adjusted = sorted(role.p_adjusted for role in roles.values() if role.p_adjusted is not None)
        # Holm of two: the smaller twice, the larger once.
        assert adjusted == pytest.approx([2 * p[0], max(2 * p[0], p[1])])

    def test_an_interval_of_completers_would_be_noticed(self, report: ChangeReport) -> None:
        role = report.scales["safety"].roles["mentee"]

        assert role.change is not None
        assert role.ends != (role.change.low, role.change.high)

    def test_where_no_model_can_be_estimated_the_report_says_so(self) -> None:
        frame = pairs(25)
        frame.loc[frame["role"] == "mentor", SAFETY] = 3
        role = report_on(frame).scales["safety"].roles["mentor"]

        assert role.likelihood is None
        assert role.verdict == "not shown"
        assert role.direction is None
        assert any(note.code == "changes.completers" for note in role.notes)

    def test_text_and_json_agree(self, report: ChangeReport) -> None:
        role = json.loads(to_json(report))["scales"]["safety"]["roles"]["mentee"]
        found = role["likelihood"]
        text = " ".join(render_text(report).split())

        said = f"+{found['estimate']:.2f} points on average (95% interval +{found['low']:.2f} to +{found['high']:.2f})"
        assert f"Changed during the programme by {said}: {role['verdict']}, higher." in text


class TestSlopes:
    def test_they_are_those_of_the_same_rows(self, report: ChangeReport, frame: pd.DataFrame) -> None:
        wide = scores(frame, "mentee").set_axis([0.0, 5.0, 12.0], axis=1)
        rows = wide.stack().reset_index(name="score").dropna()
        rows.columns = pd.Index(["pair", "week", "score"])
        expected = growth_slopes(
            rows["score"], rows["pair"], rows["week"], find_reference("safety", "mentee"), role="mentee"
        )
        found = report.persons.growth["safety mentee"]

        assert [found.mean, found.mean_low, found.mean_high] == pytest.approx([expected.mean, expected.mean_low, expected.mean_high], rel=1e-5)  # fmt: skip
        assert (found.n_used, found.n_dropped) == (expected.n_used, expected.n_dropped)

    def test_they_are_for_each_week(self, report: ChangeReport, frame: pd.DataFrame) -> None:
        waves = report_on(frame).persons
        slope = waves.growth["safety mentor"].mean
        weekly = report.persons.growth["safety mentor"].mean

        assert slope is not None
        assert weekly is not None
        assert weekly == pytest.approx(slope * 2 / 12, rel=0.25)
        assert any(note.code == "persons.times" for note in waves.notes)
        assert all(note.code != "persons.times" for note in report.persons.notes)

    def test_no_person_is_listed_unless_asked_for(self, report: ChangeReport, frame: pd.DataFrame) -> None:
        opened = report_on(frame, persons=True)

        assert all(len(found.table) == 0 for found in report.persons.growth.values())
        assert len(opened.persons.growth["safety mentor"].table) == 60

    def test_text_has_them_where_too_few_have_first_and_last(self) -> None:
        frame = pairs(24, waves=3)
        few = report_on(frame[(frame["wave"] < 2) | frame["pair"].isin([f"p{n}" for n in range(6)])])

        assert few.persons.reliable == {}
        assert few.persons.growth["safety mentor"].mean is not None
        assert "Slopes over all waves" in render_text(few)

    def test_two_waves_have_none(self) -> None:
        assert report_on(pairs(12)).persons.growth == {}

    @pytest.mark.parametrize(
        "times",
        [(0, 0), (3, 1), (0, float("nan")), (0, float("inf")), (0, 1e300), (0, 1e-300), (0, 1, 2)],
    )
    def test_times_that_cannot_be(self, times: tuple[float, ...]) -> None:
        with pytest.raises(ProblemsError) as error:
            report_on(pairs(4), times=times)

        assert error.value.code == "changes.option"

    def test_weeks_before_the_beginning_can_be(self) -> None:
        assert report_on(pairs(12, waves=3), times=(-4, 0.5, 12)).persons.growth


class TestLatent:
    def test_scores_below_a_hundred_people(self, report: ChangeReport, frame: pd.DataFrame) -> None:
        wide = scores(frame, "mentee")
        expected = latent_change(wide[0], wide[2], reliability=find_reference("safety", "mentee"))
        found = report.scales["safety"].roles["mentee"].latent

        assert found is not None
        assert found.kind == "scores"
        pd.testing.assert_frame_equal(found.parameters, expected.parameters, rtol=1e-6)

    def test_items_from_a_hundred_on(self) -> None:
        frame = r_data("sim_dyads_a")
        items = [f"q0{n}" for n in range(1, 6)]
        scale = make_scale_set({"safety": items}, minimum=1, maximum=5)
        found = change_report(frame, scale, ChangeOptions("pair", "role", "wave")).scales["safety"].roles["mentee"].latent  # fmt: skip
        own = frame[frame["role"] == "mentee"].set_index("pair")
        expected = latent_change(own[own["wave"] == 0][items], own[own["wave"] == 2][items], missing="fiml")

        assert found is not None
        assert found.kind == "items"
        pd.testing.assert_frame_equal(found.parameters, expected.parameters, rtol=1e-4, atol=1e-5)

    def test_none_below_twenty(self) -> None:
        roles = report_on(pairs(19)).scales["safety"].roles

        assert all(role.latent is None and role.likelihood is None for role in roles.values())

    def test_items_that_no_model_fits_are_explained(self) -> None:
        frame = pairs(110)
        frame["s2"] = frame["s3"] = frame["s4"] = frame["s1"]
        role = report_on(frame).scales["safety"].roles["mentee"]

        assert role.latent is None or not role.latent.converged or role.latent.notes
        assert role.verdict == "moved"


class TestCovariance:
    def test_equal_baseline(self) -> None:
        frame = r_data("sim_dyads_a")
        items = [f"q0{n}" for n in range(1, 6)]
        scale = make_scale_set({"safety": items}, minimum=1, maximum=5, minimum_answered="2/3")
        frame["half"] = np.where(frame["pair"] <= 75, "first", "second")
        options = ChangeOptions("pair", "role", "wave", cohort="half")
        comparison = change_report(frame, scale, options).cohorts
        assert comparison is not None
        entry = comparison.scales["safety"]["mentee"]

        assert entry.covariance is not None
        # R 4.2.2: lm(after ~ first + before) on the 106 mentees with both scores; coef and confint of first, coef of before.
        found = entry.covariance
        assert found.difference == pytest.approx(-0.00126848126672, abs=1e-9)
        assert [found.low, found.high] == pytest.approx([-0.258455995953, 0.25591903342], rel=1e-7)
        assert found.slope == pytest.approx(0.62470273048701, rel=1e-7)
        # It stands beside the comparison of changes, whose p the family takes.
        assert entry.judged is not None
        assert entry.two is not None
        assert entry.judged.claim.p == entry.two.contrast.p

    def test_none_where_a_cohort_has_fewer_than_twenty(self) -> None:
        comparison = report_on(pairs(39), cohort="cohort").cohorts

        assert comparison is not None
        assert comparison.scales["safety"]["mentor"].covariance is None
        assert "Analysis of covariance" not in render_text(report_on(pairs(39), cohort="cohort"))


class TestObjectives:
    def test_words_are_those_of_the_summary(self, report: ChangeReport) -> None:
        card = report.scorecard
        assert card is not None
        first = card.find("Speak up")

        assert [(line.scale, line.role) for line in first.lines] == [
            ("safety", "mentor"), ("safety", "mentee"), ("support", "mentor"), ("support", "mentee"),
        ]  # fmt: skip
        for line in first.lines:
            role = report.scales[line.scale].roles[line.role]
            assert (line.verdict, line.measured.estimate) == (role.verdict, role.mean)
            assert (line.measured.low, line.measured.high) == role.ends
        assert first.lines[0].direction == "as wished"

    def test_a_scale_outside_the_families_has_no_word(self, report: ChangeReport) -> None:
        card = report.scorecard
        assert card is not None

        assert [line.verdict for line in card.find("Speak up").lines[2:]] == [None, None]
        assert report.scales["support"].roles["mentor"].family == "exploratory"

    def test_what_nobody_was_asked_twice_is_said(self, report: ChangeReport) -> None:
        card = report.scorecard
        assert card is not None
        late = card.find("Nothing measured")

        assert (late.verdict, late.lines, late.unmeasured) == (None, (), ("late",))
        assert "No change was measured for: late." in render_text(report)

    def test_a_wish_for_less_turns_the_direction(self) -> None:
        frame = pairs(30, shift=1.2)
        less, more = (
            report_on(frame, objectives=(Objective("Goal", ("safety",), wish),)).scorecard  # type: ignore[arg-type]
            for wish in ({"safety": "lower"}, {})
        )

        assert less is not None
        assert more is not None
        assert (less.find("Goal").direction, more.find("Goal").direction) == ("against", "as wished")
        assert "against" in " ".join(render_text(report_on(frame, objectives=(Objective("Goal", ("safety",), {"safety": "lower"}),))).split())  # fmt: skip

    def test_below_five_there_is_nothing_to_say(self) -> None:
        card = report_on(pairs(4), objectives=(OBJECTIVES[0],)).scorecard

        assert card is not None
        assert card.find("Speak up").verdict is None
        assert {line.measured.estimate for line in card.find("Speak up").lines} == {None}

    @pytest.mark.parametrize(
        ("objectives", "said"),
        [
            (tuple(Objective(str(n), ("safety",)) for n in range(6)), "There are 6 objectives"),
            ((Objective("a", ("safety",)), Objective("a", ("support",))), "two of the same name"),
            ((Objective("a", ("hope",)),), "names hope, which is no scale here"),
        ],
    )
    def test_what_cannot_be(self, objectives: tuple[Objective, ...], said: str) -> None:
        with pytest.raises(ProblemsError, match=said):
            report_on(pairs(4), objectives=objectives)

    @pytest.mark.parametrize("name", ["100% %(n)d %s", "x" * 300, "two\nlines \u202e\"'😀 \x1b[31m"])
    def test_any_name_fits_on_a_line(self, name: str) -> None:
        text = render_text(report_on(pairs(6), objectives=(Objective(name, ("safety",)),)))

        assert max(map(len, text.splitlines())) <= WIDTH
        assert "\x1b" not in text


class TestNobodyIsShown:
    def test_pictures_of_single_pairs_only_where_asked_for(
        self, report: ChangeReport, frame: pd.DataFrame
    ) -> None:
        opened = change_figures(report_on(frame, persons=True))

        assert not any(name.startswith("pairs") for name in change_figures(report))
        assert "pairs" in opened

    @pytest.mark.parametrize("factor", [25, 1e8])
    def test_pictures_of_wide_ranges(self, factor: float) -> None:
        frame = pairs(25)
        frame[SAFETY] = (frame[SAFETY] - 1) * factor
        scale = make_scale_set({"safety": SAFETY}, minimum=0, maximum=4 * factor)
        pictures = change_figures(change_report(frame, scale, ChangeOptions("pair", "role", "wave")))

        # The curve reaches a quarter of the range, not one point of it.
        assert pictures["power"][0].axes[0].get_xlim()[1] > 0.2 * factor

    def test_no_pair_is_named(self, report: ChangeReport, frame: pd.DataFrame) -> None:
        named = {f'"p{n}"' for n in range(4, 60)}  # The items are p1 to p3.

        shut, opened = to_json(report), to_json(report_on(frame, persons=True))
        assert not [name for name in named if name in shut]
        assert [name for name in named if name in opened]

    def test_a_small_cohort_cannot_be_computed_from_the_others(self) -> None:
        frame = cohorts_of([3, 9, 9, 9, 9])
        shut, opened = (report_on(frame, cohort="cohort", persons=persons) for persons in (False, True))

        assert unknown_of(shut) == 3
        # The negative control: all means but one, and that of everybody, are the last one.
        assert unknown_of(opened) == 0

    def test_pairs_without_a_cohort_neither(self) -> None:
        frame = cohorts_of([9, 9, 9, 9, 3])
        frame.loc[frame["cohort"] == "c4", "cohort"] = None

        assert unknown_of(report_on(frame, cohort="cohort")) == 3

    def test_cohorts_of_five_and_more_keep_their_means(self) -> None:
        assert unknown_of(report_on(cohorts_of([5, 9, 9]), cohort="cohort")) == 0


def cohorts_of(sizes: list[int]) -> pd.DataFrame:
    frame = pairs(sum(sizes))
    labels = np.repeat([f"c{n}" for n in range(len(sizes))], sizes)
    frame["cohort"] = labels[frame["pair"].str[1:].astype(int)]
    return frame


def unknown_of(report: ChangeReport) -> int:
    """Cohorts whose mean change is not given."""
    assert report.cohorts is not None
    found: Any = report.cohorts.scales["safety"]["mentor"].many
    return int(found.table["mean"].isna().sum())


class TestBothWays:
    """What all scores show is called moved only where those who answered both times bear it out."""

    @staticmethod
    def answered(*, leave: bool) -> pd.DataFrame:
        """A small true gain of mentees and mentors; with `leave` the lower half of the start is missing at the end."""
        frame = pairs(150, seed=11, shift=0.16)
        start = frame[frame["wave"] == 0].set_index(["pair", "role"])[SAFETY].mean(axis=1)
        low = start.index[start < start.median()]
        gone = frame.set_index(["pair", "role"]).index.isin(low) & (frame["wave"] == 1)
        return frame[~(gone & leave)]

    def test_completers_who_do_not_show_it_take_the_word_back(self) -> None:
        report = change_report(self.answered(leave=True), SCALES, ChangeOptions("pair", "role", "wave"))
        role = report.scales["safety"].roles["mentee"]

        assert role.likelihood is not None
        assert role.change is not None
        assert role.likelihood.low > 0.1
        assert role.change.low is not None
        assert role.change.low < 0.1
        assert role.verdict != "moved"
        assert "changes.alone_differ" in {note.code for note in role.notes}
        assert report.families.find("safety mentee").verdict == role.verdict

    def test_where_nobody_left_both_are_the_same(self) -> None:
        report = change_report(self.answered(leave=False), SCALES, ChangeOptions("pair", "role", "wave"))
        role = report.scales["safety"].roles["mentee"]

        assert role.verdict == "moved"
        assert "changes.alone_differ" not in {note.code for note in role.notes}
