"""Waves pin what is asked, open and close by the clock, and tell how many have answered only roughly."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.errors import PicksError, PinnedVersionError
from instruments.model import Instrument, Role, WaveKind
from surveys import invitations, programs, responses, waves, withdrawal
from surveys.errors import NaiveTimeError, WaveError
from surveys.invitations import IssuedInvitation
from surveys.models import Cohort, Wave

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_a_wave_pins_the_questionnaire_and_the_programmes_picks(
    session: Session, toy: Instrument, now: datetime
) -> None:
    program = programs.create_program(
        session,
        slug="picky",
        name="P",
        organisation="O",
        instrument=toy,
        picks={"extras": ["X4", "X2"]},
        now=now,
    )
    cohort = programs.add_cohort(session, program, name="One", now=now)
    window = {"opens_at": now, "closes_at": now + HOUR, "now": now}

    first = waves.schedule_wave(session, cohort, "T0", toy, **window)
    second = waves.schedule_wave(session, cohort, WaveKind.T2, toy, picks={"extras": ["X1"]}, **window)

    assert (first.instrument_id, first.instrument_version, first.instrument_digest) == (
        "toy",
        "0.1.0",
        toy.digests.whole,
    )
    assert first.picks == {"extras": ["X4", "X2"]}
    assert second.picks == {"extras": ["X1"]}
    assert waves.form_of(first, "mentor", toy).item_ids[-2:] == ("X4", "X2")


def test_a_wave_that_makes_no_sense_is_refused(
    session: Session, cohort: Cohort, toy: Instrument, now: datetime, add_wave: Callable[..., Wave]
) -> None:
    add_wave(WaveKind.T0)
    faults: dict[str, dict[str, Any]] = {
        "window": {"kind": "TC", "opens_at": now + HOUR, "closes_at": now + HOUR},
        "past": {"kind": "TC", "opens_at": now - 2 * HOUR, "closes_at": now},
        "no_forms": {"kind": "PL", "opens_at": now, "closes_at": now + HOUR},
        "duplicate": {"kind": "T0", "opens_at": now, "closes_at": now + HOUR},
    }
    for code, given in faults.items():
        with pytest.raises(WaveError) as caught:
            waves.schedule_wave(session, cohort, given.pop("kind"), toy, **given, now=now)
        assert caught.value.code == code
    with pytest.raises(PicksError):
        waves.schedule_wave(
            session, cohort, "T2", toy, picks={"extras": ["A1"]}, opens_at=now, closes_at=now + HOUR, now=now
        )
    with pytest.raises(NaiveTimeError):
        waves.schedule_wave(
            session, cohort, "TC", toy, opens_at=now.replace(tzinfo=None), closes_at=now + HOUR, now=now
        )
    assert [wave.kind for wave in waves.list_waves(session, cohort)] == ["T0"]


def test_the_database_keeps_windows_in_order_and_floors_up(
    session: Session, now: datetime, add_wave: Callable[..., Wave]
) -> None:
    add_wave()
    for values, name in (
        ({"closes_at": now - 2 * HOUR}, "ck_wave_window"),
        ({"closed_at": now - 2 * HOUR}, "ck_wave_closed_after_opening"),
        ({"floor": 4}, "ck_wave_floor_minimum"),
    ):
        with pytest.raises(IntegrityError, match=name), session.begin_nested():
            session.execute(update(Wave).values(**values))


def test_the_state_follows_the_clock(now: datetime, add_wave: Callable[..., Wave]) -> None:
    wave = add_wave(opens_in=HOUR, lasts=HOUR)
    states = {hours: waves.wave_state(wave, now + hours * HOUR) for hours in (0, 1, 1.5, 2, 3)}

    assert states == {0: "scheduled", 1: "open", 1.5: "open", 2: "closed", 3: "closed"}


def test_opening_brings_the_beginning_forward_and_is_harmless_when_open(
    session: Session, now: datetime, add_wave: Callable[..., Wave]
) -> None:
    wave = add_wave(opens_in=HOUR)

    assert waves.open_wave(session, wave, now=now).opens_at == now
    assert waves.open_wave(session, wave, now=now + HOUR).opens_at == now
    assert waves.wave_state(wave, now) is waves.WaveState.OPEN


def test_closing_is_final(session: Session, now: datetime, add_wave: Callable[..., Wave]) -> None:
    wave = add_wave()

    assert waves.close_wave(session, wave, now=now).closed_at == now
    assert waves.close_wave(session, wave, now=now + HOUR).closed_at == now
    assert waves.wave_state(wave, now) is waves.WaveState.CLOSED
    with pytest.raises(WaveError) as caught:
        waves.open_wave(session, wave, now=now)
    assert caught.value.code == "closed"


def test_a_wave_that_has_not_opened_cannot_be_closed(
    session: Session, now: datetime, add_wave: Callable[..., Wave]
) -> None:
    with pytest.raises(WaveError) as caught:
        waves.close_wave(session, add_wave(opens_in=HOUR), now=now)
    assert caught.value.code == "not_opened"


def test_a_changed_questionnaire_under_a_pinned_wave_is_refused(
    session: Session, now: datetime, add_wave: Callable[..., Wave], folders: tuple[Path, ...], tmp_path: Path
) -> None:
    wave = add_wave()
    changed = tmp_path / "changed"
    shutil.copytree(folders[0] / "0.1.0", changed / "0.1.0")
    assert waves.instrument_of(wave, folders=[changed]).id == "toy"  # an unchanged copy will do

    definition = changed / "0.1.0" / "instrument.toml"
    definition.write_text(
        definition.read_text(encoding="utf-8").replace("anchor = true", "anchor = false"), "utf-8"
    )

    with pytest.raises(PinnedVersionError):
        waves.instrument_of(wave, folders=[changed])


def test_the_floor_shown_is_the_programmes_until_an_invitation_freezes_it(scene: Any) -> None:
    scene.add_pairs(1)
    wave = scene.add_wave()
    program = wave.cohort.program
    programs.raise_floor(scene.session, program, 6, now=scene.now)
    assert (wave.floor, waves.floor_of(wave)) == (None, 6)

    scene.invite(wave)
    programs.raise_floor(scene.session, program, 9, now=scene.now)

    assert (wave.floor, waves.floor_of(wave)) == (6, 6)


def test_waves_are_listed_in_the_order_in_which_they_open(
    session: Session, cohort: Cohort, add_wave: Callable[..., Wave]
) -> None:
    add_wave(WaveKind.T2, opens_in=3 * HOUR)
    add_wave(WaveKind.T0, opens_in=HOUR)

    assert [wave.kind for wave in waves.list_waves(session, cohort)] == ["T0", "T2"]
    assert waves.find_wave(session, cohort, "TC") is None


@pytest.mark.parametrize(
    ("n_sent", "n_asked", "percent", "bound"),
    [
        (0, 10, 10, "at_most"),
        (1, 10, 10, "at_most"),
        (2, 10, 20, ""),
        (8, 10, 80, ""),
        (9, 10, 90, "at_least"),
        (10, 10, 90, "at_least"),
        (8, 15, 50, ""),  # 53.3 %
        (11, 24, 50, ""),  # 45.8 %
        (33, 40, 80, ""),  # 82.5 %
        (34, 40, 90, "at_least"),  # 85 %
    ],
)
def test_a_rate_is_told_in_steps_of_ten_with_open_ends(
    n_sent: int, n_asked: int, percent: int | None, bound: str
) -> None:
    assert waves._rate(Role.MENTOR, n_asked, n_sent) == waves.ResponseRate(Role.MENTOR, percent, bound)


@pytest.mark.parametrize(
    ("n_asked", "n_sent", "floor", "percent"),
    [(10, 4, 5, None), (10, 5, 5, 50), (10, 5, 6, None), (9, 5, 5, None), (9, 9, 5, None)],
)
def test_a_rate_is_told_of_ten_people_asked_once_as_many_as_the_floor_have_answered(
    scene: Any, n_asked: int, n_sent: int, floor: int, percent: int | None
) -> None:
    scene.cohort.program.floor = floor
    scene.add_pairs(n_asked)
    wave = scene.add_wave()
    mentors = [one for one in scene.invite(wave) if one.invitation.participant.role is Role.MENTOR]
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}
    for one in mentors[:n_sent]:
        responses.submit_response(scene.session, one.invitation, {"A1": AnswerValue(code=3)}, **how)

    rates = waves.response_rates(scene.session, wave, now=scene.now + DAY)
    assert rates == (waves.ResponseRate(Role.MENTOR, percent), waves.ResponseRate(Role.MENTEE, None))


def test_response_rates_count_sent_responses_by_role(scene: Any) -> None:
    session, now, later = scene.session, scene.now, scene.now + DAY
    pairs = scene.add_pairs(10)
    wave = scene.add_wave()
    assert waves.response_rates(session, wave, now=now) == ()
    by_person = {one.participant_id: one.invitation for one in scene.invite(wave)}
    how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": now, "folders": scene.folders}
    for pair in pairs[:6]:
        responses.submit_response(session, by_person[pair.mentor_id], {"A1": AnswerValue(code=3)}, **how)
    responses.save_page(
        session, by_person[pairs[0].mentee_id], "meetings", {"A1": AnswerValue(code=3)}, **how
    )

    expected = (waves.ResponseRate(Role.MENTOR, 60), waves.ResponseRate(Role.MENTEE, None))
    assert waves.response_rates(session, wave, now=later) == expected

    # A person who leaves takes the answers along, but does not make the group look smaller.
    withdrawal.withdraw_from_surveys(session, pairs[9].mentor, pseudonyms=scene.pseudonyms, now=now)
    assert waves.response_rates(session, wave, now=later) == expected
    withdrawal.withdraw_from_surveys(session, pairs[0].mentor, pseudonyms=scene.pseudonyms, now=now)
    assert waves.response_rates(session, wave, now=later)[0] == waves.ResponseRate(Role.MENTOR, 50)


class TestWithinOneDay:
    """Nothing that happens on a day moves the rate of an open wave before the next one, whichever moment somebody looks."""

    @pytest.fixture
    def mentors(self, scene: Any) -> list[IssuedInvitation]:
        """The links of ten mentors; five have answered on the day before."""
        scene.add_pairs(10)
        wave = scene.add_wave(opens_in=-DAY)
        mentors = self.invite(scene, wave, scene.now - DAY)
        for one in mentors[:5]:
            self.answer(scene, one, scene.now - DAY)
        return mentors

    def invite(self, scene: Any, wave: Wave, moment: datetime) -> list[IssuedInvitation]:
        issued = invitations.issue_invitations(scene.session, wave, now=moment, folders=scene.folders)
        return [one for one in issued if one.invitation.participant.role is Role.MENTOR]

    def answer(self, scene: Any, one: IssuedInvitation, moment: datetime) -> None:
        how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": moment, "folders": scene.folders}
        responses.submit_response(scene.session, one.invitation, {"A1": AnswerValue(code=3)}, **how)

    def rate(self, scene: Any, wave: Wave, moment: datetime) -> tuple[int | None, str]:
        (mentors, _) = waves.response_rates(scene.session, wave, now=moment)
        return mentors.percent, mentors.bound

    def test_an_answer_moves_the_rate_on_the_next_day(
        self, scene: Any, mentors: list[IssuedInvitation]
    ) -> None:
        wave, now = mentors[0].invitation.wave, scene.now
        midnight = datetime(2026, 3, 3, tzinfo=UTC)
        assert self.rate(scene, wave, now) == (50, "")

        for number, one in enumerate(mentors[5:8]):
            self.answer(scene, one, now + number * HOUR)
            assert self.rate(scene, wave, now + number * HOUR) == (50, "")
        assert self.rate(scene, wave, midnight - timedelta(microseconds=1)) == (50, "")
        assert self.rate(scene, wave, midnight) == (80, "")
        # The day is that of UTC, wherever somebody looks from: here it is still the evening of the second.
        assert self.rate(scene, wave, midnight.astimezone(timezone(-5 * HOUR))) == (80, "")

    def test_the_closed_wave_counts_everything_at_once(
        self, scene: Any, mentors: list[IssuedInvitation]
    ) -> None:
        wave, now = mentors[0].invitation.wave, scene.now
        for one in mentors[5:8]:
            self.answer(scene, one, now)
        assert self.rate(scene, wave, now) == (50, "")

        waves.close_wave(scene.session, wave, now=now)

        assert self.rate(scene, wave, now) == (80, "")

    def test_people_who_are_added_move_the_rate_on_the_next_day(
        self, scene: Any, mentors: list[IssuedInvitation]
    ) -> None:
        wave, now = mentors[0].invitation.wave, scene.now
        for number in range(10):
            people = {role.value: scene.add_person(role, f"Late{number}") for role in Role}
            programs.add_pair(scene.session, scene.cohort, **people, started_on=now.date(), now=now)
        assert len(self.invite(scene, wave, now)) == 10
        assert self.rate(scene, wave, now) == (50, "")
        # Five of twenty are 25 %.
        assert self.rate(scene, wave, now + DAY) == (30, "")

    def test_a_link_in_place_of_a_lost_one_moves_nothing(
        self, scene: Any, mentors: list[IssuedInvitation]
    ) -> None:
        wave, now = mentors[0].invitation.wave, scene.now
        for one in mentors[:3]:
            invitations.reissue_invitation(scene.session, one.invitation, now=now)
        assert self.rate(scene, wave, now) == self.rate(scene, wave, now + DAY) == (50, "")

    def test_on_the_first_day_nothing_is_told(self, scene: Any, mentors: list[IssuedInvitation]) -> None:
        wave = mentors[0].invitation.wave
        assert self.rate(scene, wave, scene.now - DAY) == (None, "")


def test_no_rate_is_told_of_a_small_role(world: Any) -> None:
    rates = waves.response_rates(world.session, world.wave, now=world.now)

    assert rates == (waves.ResponseRate(Role.MENTOR, None), waves.ResponseRate(Role.MENTEE, None))
