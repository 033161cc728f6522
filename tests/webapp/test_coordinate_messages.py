"""The coordinator reads what was addressed to them, holds talks without reasons, and ends and matches pairs."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import WaveKind
from surveys import programs
from surveys.models import (
    AuditEvent,
    Cohort,
    MediationOutcome,
    MediationResult,
    Message,
    MessageKind,
    MessageState,
    Pair,
    Program,
    Talk,
    Wave,
    new_key,
)

DESK = "/coordinate/spring/"
HOSTILE = "<img src=x onerror=alert(1)>"


def text_of(page: str) -> str:
    """What a reader sees, roughly."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def desk(client: FlaskClient, seeded, sign_in: Callable[..., object]) -> FlaskClient:
    """A browser in which the coordinator is signed in."""
    sign_in(client)
    return client


@pytest.fixture
def post(desk: FlaskClient, read_token: Callable[[str], str]) -> Callable[..., object]:
    """Sends one of the desk's forms."""

    def perform(address: str, **data: str) -> object:
        token = read_token(desk.get(DESK).text)
        return desk.post(address, data={"csrf_token": token, **data})

    return perform


@pytest.fixture
def trial_over(
    write: Callable[[], Session], seeded, clock, app, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """The open cohort's wave was a trial check in which the mentee chose to end; it is over now. Returns the mentee's browser."""
    from instruments.model import Instrument

    ask, has = Instrument.form, Instrument.has_form
    monkeypatch.setattr(
        Instrument, "form", lambda self, _wave, role, picks=None: ask(self, WaveKind.T2, role, picks)
    )
    monkeypatch.setattr(Instrument, "has_form", lambda self, _wave, role: has(self, WaveKind.T2, role))
    with write() as session:
        for wave in session.scalars(select(Wave)):
            wave.kind = WaveKind.TC
    browser = app.test_client()
    link = f"/s/{seeded.tokens['open mentee']}"
    assert (
        browser.post(f"{link}/decision", data={"choice": "end", "text": "No hard feelings."}).status_code
        == 200
    )
    clock.forward(days=10)
    return browser


class TestMessages:
    def test_shows_name_kind_words_and_day_and_nothing_else(
        self, app, desk: FlaskClient, mentor: str, clock
    ) -> None:
        browser = app.test_client()
        browser.post(f"{mentor}/1", data={"A1": "c:1"})
        browser.post(f"{mentor}/write", data={"kind": "mediation", "text": f"{HOSTILE}\nplease"})

        page = desk.get(f"{DESK}messages").text

        assert "Amina Siddiqui" in page
        assert "Please mediate between my partner and me" in page
        assert "&lt;img src=x onerror=alert(1)&gt;\nplease</p>" in page
        assert "March 2, 2026" in page
        assert not re.search(r"\b\d{1,2}:\d{2}\b", text_of(page))
        assert 'data-stream="addressed"' in page

    def test_the_programme_says_how_many_wait(self, app, desk: FlaskClient, mentor: str) -> None:
        assert "not done yet" not in desk.get(DESK).text

        app.test_client().post(f"{mentor}/write", data={"kind": "contact"})

        assert "1 not done yet" in text_of(desk.get(DESK).text)

    def test_a_message_is_moved_on_and_the_log_knows_who_did(
        self, app, desk: FlaskClient, post, mentor: str, write: Callable[[], Session]
    ) -> None:
        app.test_client().post(f"{mentor}/write", data={"kind": "mediation"})
        with write() as session:
            address = f"{DESK}messages/{session.scalars(select(Message.id)).one()}/move"

        for state, word in (("in_progress", "in progress"), ("closed", "done")):
            answer = post(address, state=state)
            assert answer.status_code == 303
            assert word in text_of(desk.get(answer.location).text)
        assert post(address, state="open").status_code == 400
        assert post(f"{DESK}messages/{new_key()}/move", state="closed").status_code == 404
        assert post(f"{DESK}messages/nonsense/move", state="closed").status_code == 404
        with write() as session:
            logged = session.scalars(select(AuditEvent).where(AuditEvent.action == "message.moved")).all()
            assert len(logged) == 2
            assert all(event.actor not in {"system", ""} for event in logged)

    def test_a_few_mediations_are_not_counted(self, app, desk: FlaskClient, mentor: str) -> None:
        app.test_client().post(f"{mentor}/write", data={"kind": "mediation"})

        words = text_of(desk.get(f"{DESK}messages").text)

        assert "Asked for not shown" in words
        assert "Resolved not shown" in words

    def test_of_as_many_people_as_the_floor_mediations_are_counted(
        self, desk: FlaskClient, write: Callable[[], Session], seeded, clock
    ) -> None:
        """The programme's floor is six; three of the six who asked say that it is resolved."""
        results = ["resolved"] * 3 + ["partly"] * 2 + ["not"]
        with write() as session:
            program = session.scalars(select(Program)).one()
            for number, result in enumerate(results):
                person = programs.add_participant(
                    session, program, role="mentor", name=f"P{number}", email=f"p{number}@x.org", now=clock()
                )
                message = Message(
                    program_id=program.id, participant_id=person.id, kind=MessageKind.MEDIATION, body="", sent_at=clock(),
                    state=MessageState.CLOSED,
                )  # fmt: skip
                session.add(message)
                session.flush()
                session.add(
                    MediationOutcome(message_id=message.id, result=MediationResult(result), counted=True)
                )

        words = text_of(desk.get(f"{DESK}messages").text)

        assert "Asked for 6" in words
        assert "Resolved 50% of 6 told" in words

    @pytest.mark.parametrize("deep", ["messages", "talks"])
    def test_nobody_else_reads_them(
        self, client: FlaskClient, seeded, sign_in: Callable[..., object], deep: str
    ) -> None:
        assert client.get(DESK + deep).status_code == 303
        sign_in(client, email="researcher@example.org")
        assert client.get(DESK + deep).status_code == 403

    def test_messages_of_other_programmes_are_not_there(
        self, app, desk: FlaskClient, post, mentor: str, write: Callable[[], Session], clock
    ) -> None:
        app.test_client().post(f"{mentor}/write", data={"kind": "contact"})
        with write() as session:
            other = programs.create_program(
                session, slug="other", name="Other", organisation="Else", now=clock()
            )
            message = session.scalars(select(Message)).one()
            message.program_id = other.id
            message_id = message.id

        assert "Amina" not in desk.get(f"{DESK}messages").text
        assert desk.get("/coordinate/other/messages").status_code == 404
        assert post(f"{DESK}messages/{message_id}/move", state="closed").status_code == 404


class TestTalks:
    def test_before_the_end_nothing_can_be_drawn_up_and_nothing_is_told(
        self, desk: FlaskClient, post, write: Callable[[], Session], clock, trial_over: FlaskClient, sign_in
    ) -> None:
        clock.forward(days=-9)
        sign_in(desk)
        with write() as session:
            wave_id = session.scalars(select(Wave.id).join(Wave.cohort).where(Cohort.name == "open")).one()

        page = desk.get(f"{DESK}talks").text
        assert "The list can be drawn up once the trial check is closed" in page
        assert "Amina" not in page
        assert "No hard feelings." not in desk.get(f"{DESK}messages").text
        assert post(f"{DESK}waves/{wave_id}/talks").status_code == 400

    def test_lists_pairs_without_a_reason_which_stands_with_the_message_only(
        self, desk: FlaskClient, post, write: Callable[[], Session], trial_over: FlaskClient, sign_in
    ) -> None:
        sign_in(desk)
        with write() as session:
            wave_id = session.scalars(select(Wave.id).join(Wave.cohort).where(Cohort.name == "open")).one()
        page = desk.get(f"{DESK}talks").text
        assert "Draw up the list" in page

        for _ in range(2):
            assert post(f"{DESK}waves/{wave_id}/talks").status_code == 303

        page = desk.get(f"{DESK}talks").text
        assert "Amina Siddiqui" in page
        for word in ("No hard feelings.", "end it kindly"):
            assert word not in page
            assert word in desk.get(f"{DESK}messages").text
        with write() as session:
            talk_id = session.scalars(select(Talk.id)).one()
        assert post(f"{DESK}talks/{talk_id}/held").status_code == 303
        assert "Mark as held" not in desk.get(f"{DESK}talks").text
        assert post(f"{DESK}talks/{new_key()}/held").status_code == 404


class TestPairs:
    @pytest.fixture
    def cohort(self, write: Callable[[], Session], seeded, clock) -> str:
        """The address of the open cohort, which has a second pair."""
        with write() as session:
            cohort = session.scalars(select(Cohort).where(Cohort.name == "open")).one()
            people = [
                programs.add_participant(
                    session,
                    cohort.program,
                    role=role,
                    name=f"Second {role}",
                    email=f"2{role}@x.org",
                    now=clock(),
                )
                for role in ("mentor", "mentee")
            ]
            programs.add_pair(
                session, cohort, mentor=people[0], mentee=people[1], started_on=clock().date(), now=clock()
            )
            return f"{DESK}cohorts/{cohort.id}/"

    def pair_of(self, write: Callable[[], Session], name: str) -> Pair:
        with write() as session:
            return next(
                pair
                for pair in session.scalars(select(Pair))
                if pair.mentor.contact.name == name and pair.cohort.name == "open"
            )

    def test_a_pair_is_ended_by_its_day_and_asked_for_no_reason(
        self, desk: FlaskClient, post, cohort: str, write: Callable[[], Session]
    ) -> None:
        pair = self.pair_of(write, "Second mentor")
        address = f"{cohort}pairs/{pair.id}/end"
        page = desk.get(address).text
        assert "No reason is asked for and none is kept." in page
        assert 'value="2026-03-02"' in page
        assert "<textarea" not in page

        for day, sentence in (
            ("2026-03-03", "still to come"),
            ("2026-02-01", "before"),
            ("soon", "no date"),
            ("", "enter the day"),
        ):
            answer = post(address, ended_on=day)
            assert answer.status_code == 400
            assert sentence in text_of(answer.text)
        answer = post(address, ended_on="2026-03-02")
        assert answer.status_code == 303
        words = text_of(desk.get(answer.location).text)
        assert "The pair has ended." in words
        assert "ended March 2, 2026" in words

    def test_two_people_are_matched_anew(
        self, desk: FlaskClient, post, cohort: str, write: Callable[[], Session]
    ) -> None:
        first, second = self.pair_of(write, "Amina Siddiqui"), self.pair_of(write, "Second mentor")
        form = {
            "mentor": first.mentor_id, "mentee": second.mentee_id, "started_on": "2026-03-02",
            "reporting_line": "none",
        }  # fmt: skip
        page = desk.get(f"{cohort}pairs/new").text
        assert "Amina Siddiqui (has a partner)" in page

        for change, sentence in (
            ({"reporting_line": ""}, "Please choose one of the list."),
            ({"mentor": second.mentee_id}, "Please choose one of the list."),
            ({"mentor": "x"}, "Please choose one of the list."),
            ({"mentor": second.mentor_id}, "This pair is already in the cohort."),
            ({"reporting_line": "direct"}, "One of the two partners reports to the other."),
            ({"reporting_line": "indirect"}, "One of the two partners reports to the other."),
        ):
            answer = post(f"{cohort}pairs/new", **{**form, **change})
            assert answer.status_code == 400, change
            assert sentence in text_of(answer.text)
        with write() as session:
            assert len(session.scalars(select(Pair.id)).all()) == 4

        answer = post(f"{cohort}pairs/new", **form)
        assert answer.status_code == 303
        assert "The pair is matched." in desk.get(answer.location).text
        with write() as session:
            logged = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("pair.%"))).all()
            assert logged == ["pair.matched"]

    def test_a_reporting_line_has_to_be_allowed_by_a_tick_and_is_logged(
        self, post, cohort: str, write: Callable[[], Session]
    ) -> None:
        first, second = self.pair_of(write, "Amina Siddiqui"), self.pair_of(write, "Second mentor")

        answer = post(
            f"{cohort}pairs/new", mentor=first.mentor_id, mentee=second.mentee_id, started_on="2026-03-02",
            reporting_line="direct", allow="y",
        )  # fmt: skip

        assert answer.status_code == 303
        with write() as session:
            logged = session.scalars(select(AuditEvent.action).where(AuditEvent.action.like("pair.%"))).all()
            assert sorted(logged) == ["pair.matched", "pair.reporting_line_allowed"]

    def test_pairs_of_other_cohorts_are_not_there(
        self, desk: FlaskClient, cohort: str, write: Callable[[], Session]
    ) -> None:
        with write() as session:
            other = next(pair.id for pair in session.scalars(select(Pair)) if pair.cohort.name == "brief")

        assert desk.get(f"{cohort}pairs/{other}/end").status_code == 404
        assert desk.get(f"{cohort}pairs/nonsense/end").status_code == 404
