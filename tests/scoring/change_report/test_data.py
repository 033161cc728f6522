"""Tables that no change can be read from are refused with place and remedy; what can be read with care is said in a note."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.change_report import ChangeOptions, change_report, pair_report, render_text
from scoring.change_report.data import ChangeData, prepare_changes
from scoring.scale_sets import ProblemsError, make_scale_set
from scoring.serialize import to_json

SCALES = make_scale_set({"trust": ["a", "b", "-c"], "care": ["d", "e"]}, minimum=1, maximum=5)
OPTIONS = ChangeOptions("pair", "role", "wave")


def table(n_pairs: int = 6, waves: tuple[object, ...] = (0, 1)) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        [f"p{pair}", role, wave, f"{role}{pair}", f"c{pair % 2}", *rng.integers(1, 6, 5)]
        for pair in range(n_pairs)
        for role in ("mentor", "mentee")
        for wave in waves
    ]
    return pd.DataFrame(rows, columns=["pair", "role", "wave", "who", "cohort", "a", "b", "c", "d", "e"])


def prepare(frame: pd.DataFrame, **options: Any) -> ChangeData:
    return prepare_changes(frame, SCALES, dataclasses.replace(OPTIONS, **options))


def refuse(frame: pd.DataFrame, **options: Any) -> ProblemsError:
    with pytest.raises(ProblemsError) as caught:
        prepare(frame, **options)
    assert all(problem.remedy for problem in caught.value.problems)
    return caught.value


def codes(data: ChangeData) -> set[str]:
    return {note.code for note in data.notes}


class TestLayout:
    def test_scores_stand_in_their_places(self) -> None:
        frame = table(3)
        data = prepare(frame.sample(frac=1, random_state=2))
        row = frame[(frame["pair"] == "p1") & (frame["role"] == "mentee") & (frame["wave"] == 1)].iloc[0]
        place = data.pairs.get_loc("p1")

        assert data.roles == ("mentor", "mentee")
        assert data.scored["trust"].values[place, 1, 1] == pytest.approx(
            (row["a"] + row["b"] + 6 - row["c"]) / 3
        )
        found = data.scored["trust"]
        assert found.exact is not None
        np.testing.assert_allclose(found.exact / found.multiplier, found.values)

    def test_a_missing_row_is_a_missing_score(self) -> None:
        data = prepare(table(3).iloc[1:])

        assert np.isnan(data.scored["trust"].values).sum() == 1

    def test_items_keep_their_keys(self) -> None:
        frame = table(3)
        keyed = prepare(frame).keyed("trust", 0, 0)
        row = frame[(frame["pair"] == "p2") & (frame["role"] == "mentor") & (frame["wave"] == 0)].iloc[0]

        assert keyed.loc["p2"].tolist() == [row["a"], row["b"], 6 - row["c"]]

    def test_waves_that_may_not_be_compared_make_no_change(self) -> None:
        frame = table(12, waves=("T0", "TC", "T2"))
        allowed = {"mentor": ("TC", "T2"), "mentee": ("T2",)}
        trust, care = SCALES.scales
        scales = dataclasses.replace(SCALES, scales=(dataclasses.replace(trust, comparable=allowed), care))
        report = change_report(frame, scales, OPTIONS)
        mentor, mentee = (report.scales["trust"].roles[role] for role in ("mentor", "mentee"))

        assert (mentor.first, mentor.last) == ("TC", "T2")
        assert mentee.change is None
        assert report.scales["trust"].pairs.n_pairs == 0
        assert report.scales["care"].roles["mentee"].first == "T0"
        (note,) = [note for note in report.notes if note.code == "changes.not_compared"]
        assert str(note).endswith("trust (T0, TC).")

    def test_waves_with_names_of_their_own_are_all_compared(self) -> None:
        trust, care = SCALES.scales
        allowed = {"mentor": ("TC", "T2"), "mentee": ("TC", "T2")}
        scales = dataclasses.replace(SCALES, scales=(dataclasses.replace(trust, comparable=allowed), care))
        data = prepare_changes(table(), scales, OPTIONS)

        assert data.scored["trust"].waves_of(0) == [0, 1]
        assert "changes.not_compared" not in codes(data)

    def test_a_scale_of_one_role_alone(self) -> None:
        frame = table(8)
        frame[["d", "e"]] = frame[["d", "e"]].where(frame["role"] == "mentor")
        report = change_report(frame, SCALES, OPTIONS)

        assert report.scales["care"].roles["mentor"].change is not None
        assert report.scales["care"].roles["mentee"].change is None
        assert report.scales["care"].pairs.n_pairs == 0
        assert any(note.code == "changes.not_asked" and "care" in str(note) for note in report.notes)


class TestWaves:
    @pytest.mark.parametrize(
        ("labels", "order"),
        [
            ((10, 9), ("9", "10")),
            (("T3a", "TC", "T0"), ("T0", "TC", "T3a")),
            (("wave 10", "wave 9"), ("wave 9", "wave 10")),
            (("1,5", "1"), ("1", "1,5")),
        ],
    )
    def test_their_order_is_found(self, labels: tuple[object, ...], order: tuple[str, ...]) -> None:
        assert prepare(table(2, labels)).waves == order

    def test_their_order_is_taken_as_told_and_others_left_out(self) -> None:
        data = prepare(table(2, ("before", "after", "later")), order=("before", "after"))

        assert data.waves == ("before", "after")
        assert data.scored["trust"].values.shape == (2, 2, 2)
        assert "changes.other_waves" in codes(data)

    @pytest.mark.parametrize(
        ("labels", "order", "said"),
        [
            (("before", "after"), (), "The order of the waves in column wave is not known: after, before."),
            (("x1", "y2"), (), "is not known"),
            (("1", "1.0"), (), "Two waves in column wave have the same number: 1, 1.0."),
            ((0, 1), ("0", "2"), "The order of the waves names 2, which column wave does not have."),
            ((0, 1), ("0", "0", "1"), "The order of the waves names 0 2 times."),
            ((0, 1), ("1",), "Column wave has one wave only (1)."),
            ((0,), (), "Column wave has one wave only (0)."),
        ],
    )
    def test_an_order_that_cannot_be(
        self, labels: tuple[object, ...], order: tuple[str, ...], said: str
    ) -> None:
        assert said in str(refuse(table(2, labels), order=order))


class TestRoles:
    def test_more_or_less_than_two(self) -> None:
        three = table(2).replace({"role": {"mentee": "boss"}})
        three.loc[0, "role"] = "mentee"

        assert "3 different roles (boss, mentee, mentor)" in str(refuse(three))
        assert "1 different roles" in str(refuse(table(2).assign(role="x")))

    def test_other_names_go_by_the_alphabet_or_as_told(self) -> None:
        frame = table(2).replace({"role": {"mentee": "boss", "mentor": "young"}})

        assert prepare(frame).roles == ("boss", "young")
        assert prepare(frame, roles=("young", "boss")).roles == ("young", "boss")
        assert "It has: boss, young." in str(refuse(frame, roles=("young", "old")))


class TestPairs:
    def test_doubled_rows_are_all_named(self) -> None:
        frame = pd.concat([table(3), table(3).iloc[[0, 5]]], ignore_index=True)
        error = refuse(frame)

        assert [problem.code for problem in error.problems] == ["changes.repeated"] * 2
        assert "Rows 0 and 12 are both of pair p0, role mentor, wave 0." in str(error)

    def test_a_pair_with_one_member_is_named_and_counts_for_its_role(self) -> None:
        frame = table(6)
        data = prepare(frame[~((frame["pair"] == "p4") & (frame["role"] == "mentee"))])
        note = next(note for note in data.notes if note.code == "changes.alone")

        assert "one partner only: 1 (p4)" in str(note)
        assert data.scored["trust"].values.shape[0] == 6

    def test_people_in_several_pairs_are_named(self) -> None:
        frame = table(4).replace({"who": {"mentor1": "mentor0"}})
        note = next(note for note in prepare(frame, person="who").notes if note.code == "changes.several")

        assert "mentor0" in str(note)
        assert "changes.several" not in codes(prepare(table(4), person="who"))

    def test_people_in_one_pair_after_the_other(self) -> None:
        frame = table(4).replace({"who": {"mentor1": "mentor0"}})
        later = (frame["pair"] == "p1") & (frame["wave"] == 0)
        earlier = (frame["pair"] == "p0") & (frame["wave"] == 1)

        assert "changes.again" in codes(prepare(frame[~later & ~earlier], person="who"))

    def test_people_in_both_roles(self) -> None:
        frame = table(4).replace({"who": {"mentor1": "mentee0"}})

        assert "changes.both_roles" in codes(prepare(frame, person="who"))

    def test_a_side_that_changed_hands_is_refused(self) -> None:
        frame = table(3)
        frame.loc[(frame["pair"] == "p1") & (frame["role"] == "mentor") & (frame["wave"] == 1), "who"] = "new"

        assert "The mentor of pair p1 is not one person: mentor1, new." in str(refuse(frame, person="who"))

    def test_a_pair_in_two_cohorts_is_refused(self) -> None:
        frame = table(3)
        frame.loc[0, "cohort"] = "c9"

        assert "Pair p0 has several values in column cohort" in str(refuse(frame, cohort="cohort"))

    def test_rows_without_a_label(self) -> None:
        frame = table(2).astype({"wave": object})
        frame.loc[3, "wave"] = None

        assert "Row 3, column wave is empty." in str(refuse(frame))

    def test_partners_of_people_in_several_pairs_are_divided_by_person(self) -> None:
        frame = table(40)
        half = frame["pair"].str[1:].astype(int) // 2
        frame["who"] = np.where(frame["role"] == "mentor", "m" + half.astype(str), frame["who"])
        found = change_report(frame, SCALES, dataclasses.replace(OPTIONS, person="who"))
        section = found.scales["trust"].resemblance

        assert section is not None
        assert set(section.several) == {"mentor"}
        assert section.several["mentor"].unit == "mentor"
        assert (section.several["mentor"].n_mentors, section.several["mentor"].n_used) == (20, 40)
        assert "mentors are in several pairs: 20 of 20." in " ".join(render_text(found).split())


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"pair": "role"}, "Pair, role and wave need a column each."),
            ({"pair": "a"}, "Column a is an item of a scale"),
            ({"pair": "couple"}, "Column couple is missing."),
            ({"primary": ("hope",)}, "primary cannot be hope."),
            ({"primary": ("care",), "secondary": ("care",)}, "in the primary and in the secondary family"),
            ({"anchors": ("z",)}, "anchors cannot be z."),
            ({"assigned": "people"}, "assigned cannot be people."),
            ({"margin": -0.1}, "margin cannot be -0.1."),
            ({"margin": float("nan")}, "margin cannot be nan."),
            ({"weeks": 0}, "weeks cannot be 0."),
            ({"confidence": 1.0}, "confidence cannot be 1.0."),
        ],
    )
    def test_values_that_an_option_cannot_have(self, options: dict[str, Any], said: str) -> None:
        assert said in str(refuse(table(2), **options))

    def test_a_pair_that_is_not_there(self) -> None:
        with pytest.raises(ProblemsError, match="There is no pair p99"):
            pair_report(table(3), SCALES, OPTIONS, "p99")


class TestHardAnswers:
    """No answers, however odd, end in anything but a report or a named refusal."""

    def check(self, frame: pd.DataFrame) -> str:
        report = change_report(frame, SCALES, OPTIONS)
        text = render_text(report)
        assert "NaN" not in to_json(report)
        assert "nan" not in text.lower()
        return text

    def test_all_changes_equal(self) -> None:
        frame = table(24)
        first = frame[frame["wave"] == 0].copy()
        first[list(SCALES.items)] = first[list(SCALES.items)].clip(2, 4)
        later = first.assign(wave=1, a=first["a"] + 1, b=first["b"] + 1, c=first["c"] - 1)
        text = self.check(pd.concat([first, later], ignore_index=True))

        assert "by +1.00 points on average" in text
        assert "Everybody changed by the same amount" in text

    def test_no_variance_at_all(self) -> None:
        frame = table(24)
        frame[list(SCALES.items)] = 3

        assert "Everybody changed by the same amount" in self.check(frame)

    def test_no_answers_at_all(self) -> None:
        frame = table(24)
        frame[list(SCALES.items)] = np.nan

        assert "No mentor has scores at two waves" in self.check(frame)

    def test_codes_between_whole_numbers(self) -> None:
        frame = table(24)
        frame["a"] = frame["a"].clip(1, 4) + 0.5

        assert "sign-flip test needs exact whole-number scores" in " ".join(self.check(frame).split())

    def test_nobody_answered_twice(self) -> None:
        frame = table(24)
        odd = frame["pair"].str[1:].astype(int) % 2
        self.check(frame[frame["wave"] == odd])

    @pytest.mark.slow
    def test_a_hundred_thousand_pairs(self) -> None:
        rng = np.random.default_rng(2)
        n = 100_000
        frame = pd.DataFrame(
            {
                "pair": np.repeat(np.arange(n), 4),
                "role": np.tile(["mentor", "mentor", "mentee", "mentee"], n),
                "wave": np.tile([0, 1], 2 * n),
                **{item: rng.integers(1, 6, 4 * n) for item in SCALES.items},
            }
        )
        report = change_report(frame[rng.random(len(frame)) < 0.9].reset_index(drop=True), SCALES, OPTIONS)

        assert report.meta.n_pairs > 99_000
        assert len(to_json(report)) < 1_000_000
        assert {role.verdict for role in report.scales["trust"].roles.values()} == {"equivalent"}
