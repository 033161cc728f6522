"""Pulses: several of one person, a month in place of a day, and no trace of them where a coordinator or a partner reads."""

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Role
from surveys import datasets, exports, invitations, meetings, pulses, releases, responses, rights, waves
from surveys.database import make_session_factory
from surveys.errors import AnswerError, PulseNotShownError, ResponseError, WaveNotOpenError
from surveys.models import Answer, Base, Meeting, Response
from surveys.pulses import load_pulses, send_pulse, withdraw_pulses
from surveys.roles import ROLE, DatabaseRole
from surveys.withdrawal import withdraw_from_surveys

GIVEN = {"PS2": AnswerValue(code=4), "PL5": AnswerValue(code=2)}
N_PAIRS = 6


@pytest.fixture
def asked(scene: Any) -> Any:
    """A cohort of six pairs whose wave of pulses is open for half a year, and everybody's link to it."""
    session, now = scene.session, scene.now
    scene.add_pairs(N_PAIRS)
    battery = get_instrument("core-battery", "0.1.0")
    opened = {"opens_at": now - timedelta(hours=1), "closes_at": now + timedelta(days=180)}
    wave = waves.schedule_wave(session, scene.cohort, "PL", battery, now=now, **opened)
    scene.invite(wave)
    session.commit()
    return wave


@pytest.fixture
def links(asked: Any, scene: Any) -> list[Any]:
    """Everybody's link to the pulses, mentors first."""
    found = scene.session.scalars(
        select(invitations.Invitation).where(invitations.Invitation.wave_id == asked.id)
    )
    return sorted(found, key=lambda one: (one.participant.role is Role.MENTEE, one.pair_id))


@pytest.fixture
def send(scene: Any) -> Callable[..., responses.ResponseView]:
    """Sends a pulse by a link, so many days from now."""

    def perform(
        link: Any, form_key: str = "a", *, days: int = 0, may_write: Any = None, **given: Any
    ) -> responses.ResponseView:
        moment = scene.now + timedelta(days=days)
        how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": moment, "folders": scene.folders}
        return send_pulse(scene.session, link, given or GIVEN, form_key=form_key, may_write=may_write, **how)

    return perform


def everyone(_response: object) -> bool:
    return True


def load(scene: Any, link: Any, may_read: Any = everyone) -> list[tuple[int, date | None]]:
    found = load_pulses(scene.session, link, scene.pseudonyms, may_read=may_read)
    return [(one.occasion, one.submitted_on) for one in found]


def outside(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that is neither confidential nor the way there."""
    return {
        name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
        for name, table in Base.metadata.tables.items()
        if not name.startswith(("confidential_", "pseudonym_"))
    }


class TestSending:
    def test_each_is_a_response_of_its_own_with_its_month_alone(
        self, scene: Any, links: list[Any], send: Any
    ) -> None:
        send(links[0])
        send(links[0])  # the same form, sent twice
        send(links[0], "b", days=11)
        send(links[0], "c", days=40, PS2=AnswerValue(code=1))

        march, april = date(2026, 3, 1), date(2026, 4, 1)
        assert load(scene, links[0]) == [(1, march), (2, march), (3, april)]
        stored = scene.session.scalars(select(Response)).all()
        assert len({one.respondent_key for one in stored}) == 1
        assert all(one.started_on == one.submitted_on == one.month for one in stored)
        assert {one.month.day for one in stored} == {1}
        assert load(scene, links[1]) == []

    def test_without_a_form_key_two_are_two(self, scene: Any, links: list[Any], send: Any) -> None:
        assert send(links[0], "").tag != send(links[0], "").tag
        assert len(load(scene, links[0])) == 2

    def test_the_fifth_of_a_month_takes_the_place_of_the_fourth(
        self, scene: Any, links: list[Any], send: Any
    ) -> None:
        """So many are stored of one browser at most, and nobody is refused, which would tell that there are some."""
        first = [send(links[0], str(number)).tag for number in range(7)]
        send(links[0], "later", days=40)

        kept = load_pulses(scene.session, links[0], scene.pseudonyms, may_read=everyone)
        assert [one.occasion for one in kept] == [1, 2, 3, 4, 5]
        assert [one.tag for one in kept][:4] == [*first[:3], first[6]]
        assert len(scene.session.scalars(select(Answer)).all()) == 5 * len(GIVEN)

    def test_another_browser_neither_pushes_them_out_nor_learns_how_many_there_are(
        self, scene: Any, links: list[Any], send: Any
    ) -> None:
        owner, person = {send(links[0], f"own {n}").tag for n in range(3)}, links[0].participant
        tags: set[str] = set()
        for n in range(5):
            tags.add(send(links[0], f"spy {n}", may_write=lambda view: view.tag in tags).tag)

        kept = {one.tag for one in load_pulses(scene.session, links[0], scene.pseudonyms, may_read=everyone)}
        read = rights.own_responses(
            scene.session,
            person,
            pseudonyms=scene.pseudonyms,
            may_read=lambda view: view.tag in tags,
            unnamed_partner="your partner",
            folders=scene.folders,
        )
        assert owner < kept
        assert [one.occasion for one in read] == [1, 2, 3, 4]

    def test_what_cannot_be_kept_stores_nothing(self, scene: Any, links: list[Any], send: Any) -> None:
        for given, error in (
            ({"PS2": AnswerValue(code=9)}, AnswerError),
            ({"TR1": AnswerValue(code=3)}, AnswerError),
            ({"PS2": AnswerValue()}, ResponseError),
        ):
            with pytest.raises(error):
                send(links[0], **given)
        with pytest.raises(WaveNotOpenError):
            send(links[0], days=181)
        assert scene.session.scalars(select(Response)).all() == []

    def test_the_pages_of_other_questionnaires_take_none(self, scene: Any, links: list[Any]) -> None:
        how = {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}
        with pytest.raises(ResponseError):
            responses.save_page(scene.session, links[0], "meeting", GIVEN, **how)
        with pytest.raises(ResponseError):
            responses.submit_response(scene.session, links[0], GIVEN, **how)


class TestOwner:
    def test_only_what_may_be_read_is_read_and_withdrawn(
        self, scene: Any, links: list[Any], send: Any
    ) -> None:
        mine, other = send(links[0], "a"), send(links[0], "b")

        def may(response: responses.ResponseView) -> bool:
            return response.tag == mine.tag

        assert load(scene, links[0], may) == [(1, date(2026, 3, 1))]
        how = {"pseudonyms": scene.pseudonyms, "now": scene.now}
        withdraw_pulses(scene.session, links[0], may_write=may, **how)
        kept = load_pulses(scene.session, links[0], scene.pseudonyms, may_read=everyone)
        assert [one.tag for one in kept] == [other.tag]
        with pytest.raises(ResponseError):
            withdraw_pulses(scene.session, links[0], may_write=may, **how)
        # The number of the next one says nothing of the one that is gone.
        assert send(links[0], "c").occasion == 3

    def test_everything_is_in_the_persons_own_file_and_goes_with_an_erasure(
        self, scene: Any, links: list[Any], send: Any
    ) -> None:
        for key in "abc":
            send(links[0], key)
        send(links[1], "d")
        person = links[0].participant
        how = {"pseudonyms": scene.pseudonyms, "unnamed_partner": "your partner", "folders": scene.folders}
        own = rights.own_responses(scene.session, person, may_read=everyone, **how)
        table = rights.answers_as_csv(own).decode("utf-8-sig")

        assert [(one.wave, one.occasion) for one in own] == [("PL", 1), ("PL", 2), ("PL", 3)]
        assert {row["occasion"] for row in csv.DictReader(io.StringIO(table, newline=""))} == {"1", "2", "3"}
        erased = withdraw_from_surveys(scene.session, person, pseudonyms=scene.pseudonyms, now=scene.now)
        assert (erased.n_responses, erased.n_answers) == (3, 6)
        assert len(scene.session.scalars(select(Response)).all()) == 1


class TestStreams:
    @pytest.fixture
    def met(self, scene: Any, links: list[Any]) -> Any:
        """A meeting that the mentor entered, with notes."""
        facts = {"held_on": "2026-03-01", "took_place": "yes", "format": "virtual", "minutes": "45"}
        met = meetings.log_meeting(scene.session, links[0], facts, form_key="m", now=scene.now)
        meetings.save_note(
            scene.session, links[0], met.meeting_id, {"notes": "n"}, version="0", now=scene.now
        )
        scene.session.commit()
        return met

    def test_a_pulse_after_a_meeting_changes_no_row_outside_and_leaves_no_day(
        self, scene: Any, links: list[Any], send: Any, met: Any
    ) -> None:
        before = outside(scene.session)
        send(links[0], "a", days=14)
        scene.session.commit()

        assert outside(scene.session) == before
        held = {
            str(value)
            for name, table in Base.metadata.tables.items()
            if name.startswith(("confidential_", "pseudonym_"))
            for row in scene.session.execute(select(table))
            for value in row
        }
        assert not any("2026-03-16" in value or met.meeting_id in value for value in held)
        assert "2026-03-01" in held

    def test_a_planted_flag_is_noticed(
        self, scene: Any, links: list[Any], send: Any, met: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = outside(scene.session)
        honest = pulses._rows_of

        def flagging(key: str, *given: Any) -> Any:
            scene.session.execute(update(Meeting).values(confirmed=True))
            return honest(key, *given)

        monkeypatch.setattr(pulses, "_rows_of", flagging)
        send(links[0])
        after = outside(scene.session)

        assert {name for name in after if after[name] != before[name]} == {"addressed_meeting"}


class TestResults:
    @pytest.fixture
    def closed(self, scene: Any, asked: Any, links: list[Any], send: Any) -> Any:
        """All mentors sent two pulses, four of them a third one, and four mentees one; then the wave was closed."""
        for number, link in enumerate(links[:N_PAIRS]):
            send(link, "a")
            send(link, "b", days=35)
            if number < 4:
                send(link, "c", days=50)
        for link in links[N_PAIRS : N_PAIRS + 4]:
            send(link)
        waves.close_wave(scene.session, asked, now=scene.now + timedelta(days=60))
        scene.session.commit()
        return asked

    def test_nothing_is_computed_or_told(self, scene: Any, closed: Any) -> None:
        rates = waves.response_rates(scene.session, closed, now=scene.now + timedelta(days=61))
        assert [rate.percent for rate in rates] == [None, None]
        with pytest.raises(PulseNotShownError):
            releases.freeze_release(scene.session, closed, now=scene.now, folders=scene.folders)
        assert datasets.closed_waves(scene.session, scene.cohort.program) == []
        assert datasets.closed_pulses(scene.session, scene.cohort.program) == [closed]

    def test_another_release_of_the_same_questionnaire_takes_no_pulse_in(
        self, scene: Any, closed: Any
    ) -> None:
        battery = get_instrument("core-battery", "0.1.0")
        opened = {"opens_at": scene.now - timedelta(hours=1), "closes_at": scene.now + timedelta(days=9)}
        other = waves.schedule_wave(scene.session, scene.cohort, "T2", battery, now=scene.now, **opened)
        waves.close_wave(scene.session, other, now=scene.now)

        assert set(releases._score_cohort(scene.session, other, scene.folders)) == {other.kind}
        release = releases.freeze_release(scene.session, other, now=scene.now, folders=scene.folders)
        scales = release.body["roles"]["mentor"]["scales"].values()
        assert {scale["change"] is None for scale in scales} == {True}

    def test_the_researchers_role_reads_pulses_and_no_day_of_any_answer(
        self, scene: Any, closed: Any, engine: Any
    ) -> None:
        factory = make_session_factory(engine)
        with factory(info={ROLE: DatabaseRole.RESEARCHER}) as session:
            assert len(datasets.pulse_rows(session, [closed])) == (2 * N_PAIRS + 4 + 4) * 5
            if engine.dialect.name == "postgresql":
                with pytest.raises(DBAPIError):
                    session.execute(select(Response.submitted_on)).all()

    def test_researchers_get_as_many_pulses_of_a_person_as_the_floor_gave(
        self, scene: Any, closed: Any, tmp_path: Path
    ) -> None:
        target = tmp_path / "package"
        moment: datetime = scene.now + timedelta(days=61)
        manifest = exports.write_data_package(
            scene.session, scene.cohort.program, target, purpose="Test", now=moment, folders=scene.folders
        )

        def read(name: str) -> list[dict[str, str]]:
            return list(csv.DictReader(io.StringIO((target / name).read_text("utf-8"), newline="")))

        lines = read("pulses_long.csv")
        # The four who sent a third one would be known by their many meetings.
        assert {(line["role"], line["occasion"]) for line in lines} == {("mentor", "1"), ("mentor", "2")}
        assert "month" not in lines[0]
        assert len({line["respondent"] for line in lines}) == N_PAIRS
        assert len(lines) == N_PAIRS * 2 * 5
        assert {line["code"] for line in lines if line["item"] == "PL5"} == {"2"}
        assert {line["missing"] for line in lines if line["item"] == "PL2"} == {"skipped"}
        assert read("answers_long.csv") == read("wide.csv") == read("scores_long.csv") == []
        assert {"cohort": "C1", "wave": "PL", "role": "mentee"} in manifest.left_out
        assert "2026-0" not in (target / "pulses_long.csv").read_text("utf-8")
