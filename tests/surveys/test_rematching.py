"""Pairs end without a reason, people are matched anew, and old and new pair are asked the right things."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from instruments.model import Role, WaveKind
from surveys import audit, invitations, programs, rematching
from surveys.errors import ProgramError, RematchError, ReportingLineError
from surveys.models import AuditEvent, Cohort, Invitation, Pair, ReportingLine

DAY = timedelta(days=1)


def end(scene: Any, pair: Pair, **step: float) -> Pair:
    day = (scene.now + timedelta(**step)).date()
    return rematching.end_match(scene.session, pair, ended_on=day, now=scene.now + timedelta(**step))


def match(scene: Any, mentor: Pair, mentee: Pair, **changes: Any) -> Pair:
    """Match the mentor of one pair with the mentee of another."""
    given = {
        "mentor_id": mentor.mentor_id,
        "mentee_id": mentee.mentee_id,
        "started_on": scene.now.date(),
        "reporting_line": "none",
        "now": scene.now,
    } | changes
    return rematching.match_anew(scene.session, scene.cohort, **given)


def actions(session: Session) -> list[str]:
    found = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("pair.%"))).all()
    return sorted(found)


class TestEnding:
    def test_a_pair_ends_on_a_day_and_without_a_reason(self, scene: Any) -> None:
        (pair,) = scene.add_pairs(1)

        for _ in range(2):
            end(scene, pair)

        assert pair.ended_on == scene.now.date()
        assert actions(scene.session) == ["pair.ended"]
        assert not {"reason", "note", "comment"} & set(Pair.__table__.columns.keys())

    def test_an_end_stands_and_does_not_lie_ahead_or_before_the_beginning(self, scene: Any) -> None:
        first, second = scene.add_pairs(2)
        end(scene, first)
        for pair, days, error, code in (
            (first, 1, RematchError, "ended"),
            (second, -1, ProgramError, "dates"),
        ):
            with pytest.raises(error) as caught:
                end(scene, pair, days=days)
            assert caught.value.code == code
        with pytest.raises(RematchError) as caught:
            rematching.end_match(scene.session, second, ended_on=(scene.now + DAY).date(), now=scene.now)
        assert caught.value.code == "future"
        assert second.ended_on is None


class TestMatching:
    def test_people_get_a_new_pair_and_the_log_says_no_more(self, scene: Any) -> None:
        first, second = scene.add_pairs(2)
        end(scene, first)
        end(scene, second)

        pair = match(scene, first, second)

        assert pair.id not in {first.id, second.id}
        assert (pair.mentor_id, pair.mentee_id) == (first.mentor_id, second.mentee_id)
        assert actions(scene.session) == ["pair.ended", "pair.ended", "pair.matched"]
        scene.session.commit()
        assert all(report.problem is None for report in audit.verify_log(scene.session))

    def test_the_same_two_people_are_not_matched_twice(self, scene: Any) -> None:
        first, _ = scene.add_pairs(2)
        with pytest.raises(ProgramError) as caught:
            match(scene, first, first)
        assert caught.value.code == "pair_taken"

        end(scene, first)
        with pytest.raises(RematchError) as again:
            match(scene, first, first)
        assert again.value.code == "met_before"

    @pytest.mark.parametrize("line", [ReportingLine.DIRECT, ReportingLine.INDIRECT])
    def test_a_reporting_line_is_refused_unless_it_is_allowed(self, scene: Any, line: ReportingLine) -> None:
        first, second = scene.add_pairs(2)
        with pytest.raises(ReportingLineError):
            match(scene, first, second, reporting_line=line)
        assert len(scene.session.scalars(select(Pair.id)).all()) == 2

        pair = match(scene, first, second, reporting_line=line, allow_reporting_line=True)

        assert pair.reporting_line is line
        assert actions(scene.session) == ["pair.matched", "pair.reporting_line_allowed"]

    def test_only_people_of_the_cohort_in_their_own_role_are_matched(self, scene: Any) -> None:
        first, second = scene.add_pairs(2)
        stranger = scene.add_person(Role.MENTOR, "Stranger")
        for mentor, mentee in (
            (stranger.id, first.mentee_id),
            (first.mentee_id, second.mentor_id),
            ("", first.mentee_id),
        ):
            with pytest.raises(ProgramError):
                match(scene, first, second, mentor_id=mentor, mentee_id=mentee)

    def test_the_list_names_first_who_is_free_and_leaves_out_who_has_no_name_any_more(
        self, scene: Any
    ) -> None:
        _, second, third = scene.add_pairs(3)
        end(scene, second)
        third.mentee.contact = None
        scene.session.flush()

        people = rematching.list_matchable(scene.session, scene.cohort)

        assert [(one.name, one.is_free) for one in people] == [
            ("Junior1", True), ("Senior1", True), ("Junior0", False), ("Junior2", False), ("Senior0", False),
        ]  # fmt: skip

    def test_two_coordinators_at_once_make_one_pair(
        self, scene: Any, session_factory: sessionmaker[Session]
    ) -> None:
        first, second = scene.add_pairs(2)
        ids = {"mentor_id": first.mentor_id, "mentee_id": second.mentee_id}
        cohort_id = scene.cohort.id
        scene.session.commit()
        start = threading.Barrier(2, timeout=20)

        def run(_number: int) -> str:
            start.wait()
            try:
                with session_factory.begin() as session:
                    rematching.match_anew(
                        session, session.get_one(Cohort, cohort_id), **ids, started_on=scene.now.date(),
                        reporting_line="none", now=scene.now,
                    )  # fmt: skip
            except ProgramError as error:
                return error.code
            return "made"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(run, range(2))) == ["made", "pair_taken"]


class TestInvitations:
    def invited(self, scene: Any, wave: Any, when: timedelta = timedelta()) -> set[tuple[str, str]]:
        """Who has a link to a wave, about which pair."""
        invitations.issue_invitations(scene.session, wave, now=scene.now + when, folders=scene.folders)
        found = scene.session.execute(
            select(Invitation.participant_id, Invitation.pair_id).where(Invitation.wave_id == wave.id)
        )
        return {(person, pair) for person, pair in found}

    @pytest.fixture
    def rematched(self, scene: Any) -> Any:
        """Of two pairs both ended; the mentor of the first and the mentee of the second are a pair now."""
        first, second, third = scene.add_pairs(3)
        end(scene, first)
        end(scene, second)
        return scene, first, second, third, match(scene, first, second)

    def test_while_the_programme_runs_only_pairs_that_meet_are_asked(self, rematched: Any) -> None:
        scene, _, _, third, new = rematched
        wave = scene.add_wave(WaveKind.T2, opens_in=30 * DAY)

        assert self.invited(scene, wave) == {
            (person, pair.id) for pair in (third, new) for person in (pair.mentor_id, pair.mentee_id)
        }

    def test_at_the_end_who_was_matched_anew_is_asked_about_the_new_pair_only(self, rematched: Any) -> None:
        """The others are asked about the pair that ended: were they left out, only good news would be counted."""
        scene, first, second, third, new = rematched
        wave = scene.add_wave(WaveKind.T0, opens_in=60 * DAY)
        waves_after = invitations.AFTER_THE_END
        assert WaveKind.T0 not in waves_after
        with pytest.MonkeyPatch.context() as patch:
            # The toy questionnaire has no late waves; its first one stands for one.
            patch.setattr(invitations, "AFTER_THE_END", waves_after | {WaveKind.T0})
            asked = self.invited(scene, wave)

        expected = {(person, pair.id) for pair in (third, new) for person in (pair.mentor_id, pair.mentee_id)}
        assert asked == expected | {(first.mentee_id, first.id), (second.mentor_id, second.id)}

    def test_a_second_pair_that_ran_all_along_is_no_new_match(self, scene: Any) -> None:
        first, second = scene.add_pairs(2)
        beside = programs.add_pair(
            scene.session, scene.cohort, mentor=first.mentor, mentee=second.mentee,
            started_on=first.started_on, now=scene.now,
        )  # fmt: skip
        end(scene, first, days=20)

        for person in (first.mentor, first.mentee):
            assert not invitations._is_matched_anew(person, first, [first, second, beside])
