"""Pages with a box for one's own words say who may read it, where else to turn, and quote nothing without a tick."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import accounts, invitations, programs, waves
from surveys.models import Comment, ContactKind, MembershipRole, User
from surveys.program_contacts import set_program_contact

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)
HOSTILE_NAME = "<script>alert('x')</script> & Söhne {P} %(x)s"
# The last page of the mentee's questionnaire has the box; the others have none.
BOX, PLAIN = 4, 1
NOBODY_SEES = "nobody in your organisation can see your answers"

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def text_of(page: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page)))


@pytest.fixture
def name_contact(write: Callable[[], Session]) -> Callable[..., None]:
    """Names somebody for an office."""

    def name(kind: ContactKind, who: str, reach: str = "extension 1") -> None:
        with write() as session:
            program = programs.find_program(session, "spring")
            set_program_contact(session, program, kind, name=who, reach=reach, now=NOW)

    return name


class TestPromise:
    def test_a_page_without_a_box_promises_that_nobody_sees_the_answers(
        self, client: FlaskClient, mentee: str
    ) -> None:
        words = text_of(client.get(f"{mentee}/{PLAIN}").text)

        assert NOBODY_SEES in words
        assert "moderator" not in words

    def test_a_page_with_a_box_does_not_and_says_who_reads(
        self, client: FlaskClient, mentee: str, name_contact: Any
    ) -> None:
        words = text_of(client.get(f"{mentee}/{BOX}").text)
        assert NOBODY_SEES not in words
        assert "may be read by a moderator who signed a rule of confidentiality" in words

        name_contact(ContactKind.MODERATOR, HOSTILE_NAME)
        page = client.get(f"{mentee}/{BOX}").text
        assert f"may be read by {HOSTILE_NAME}, who must first sign a rule" in text_of(page)
        assert "<script>alert" not in page

    def test_where_there_is_no_moderator_it_is_said_that_nobody_reads(
        self, client: FlaskClient, mentee: str, write: Any, name_contact: Any
    ) -> None:
        unread = "So far there is no moderator; until there is one, nobody reads it."
        assert unread in text_of(client.get(f"{mentee}/{BOX}").text)
        with write() as session:
            user = session.scalars(select(User).where(User.email == "researcher@example.org")).one()
            accounts.add_membership(
                session, user, programs.find_program(session, "spring"), MembershipRole.MODERATOR, now=NOW
            )

        assert unread not in text_of(client.get(f"{mentee}/{BOX}").text)

    def test_the_first_page_makes_the_exceptions_that_the_questionnaire_needs(
        self, client: FlaskClient, seeded: Any, write: Any, clock: Any, mentee: str, name_contact: Any
    ) -> None:
        name_contact(ContactKind.SAFEGUARDING, "Sana Safeguard")
        with write() as session:
            # T0 has no open question.
            program = programs.find_program(session, "spring")
            cohort = programs.find_cohort(session, program, "open")
            wave = waves.schedule_wave(
                session,
                cohort,
                "T0",
                get_instrument("toy", "0.1.0", folders=TOY_FOLDERS),
                opens_at=clock(),
                closes_at=clock() + timedelta(days=3),
                now=clock(),
            )
            token = invitations.issue_invitations(session, wave, now=clock(), folders=TOY_FOLDERS)[0].token
        plain, written = (
            text_of(client.get(f"{address}?lang=en").text) for address in (f"/s/{token}", mentee)
        )

        assert "the coordinator, can see your answers. Results" in plain
        assert "a court order, serious harm that has to be averted" in plain
        assert "announces serious harm" not in plain
        assert "has any consequence for you" in plain
        assert "can see your answers. Only what you write in your own words may be read" in written
        assert "passes it on to Sana Safeguard, never to the coordinator" in written
        assert "a court order, serious harm that has to be averted" in written


class TestBeforeWriting:
    def test_names_no_emergency_channel_and_the_people_to_turn_to(
        self, client: FlaskClient, mentee: str, name_contact: Any
    ) -> None:
        bare = text_of(client.get(f"{mentee}/{BOX}").text)
        assert "This is no emergency channel" in bare
        assert "call the emergency number where you are" in bare
        name_contact(ContactKind.EXTERNAL, "Helpline", "0800 555 0100")
        name_contact(ContactKind.PROTECTION, "Petra Protection")
        page = text_of(client.get(f"{mentee}/{BOX}").text)

        assert "Helpline: 0800 555 0100" in page
        assert "Petra Protection" not in page
        assert "Where you can turn to now" not in text_of(client.get(f"{mentee}/{PLAIN}").text)


class TestTick:
    NAME = "R1-may-be-quoted"

    def stored(self, write: Callable[[], Session]) -> list[tuple[str, bool]]:
        """Every comment with its tick."""
        with write() as session:
            return [tuple(row) for row in session.execute(select(Comment.text, Comment.may_be_quoted))]

    @pytest.mark.parametrize(("sent", "quoted"), [({}, False), ({NAME: "y"}, True), ({NAME: "on"}, False)])
    def test_is_off_unless_set_and_stored_with_the_comment(
        self, client: FlaskClient, mentee: str, write: Any, sent: dict[str, str], quoted: bool
    ) -> None:
        page = client.get(f"{mentee}/{BOX}").text
        assert f'name="{self.NAME}" value="y" aria-describedby' in page  # no tick is set beforehand

        client.post(f"{mentee}/{BOX}", data={"R1": "My words", **sent})
        assert self.stored(write) == [("My words", quoted)]
        assert (f'name="{self.NAME}" value="y" checked' in client.get(f"{mentee}/{BOX}").text) is quoted

    def test_can_be_taken_back_and_survives_sending(
        self, client: FlaskClient, mentee: str, write: Any
    ) -> None:
        for tick in ({self.NAME: "y"}, {}, {self.NAME: "y"}):
            client.post(f"{mentee}/{BOX}", data={"R1": "My words", **tick})
            assert self.stored(write) == [("My words", bool(tick))]
        client.post(f"{mentee}/review")

        assert self.stored(write) == [("My words", True)]

    def test_stays_on_a_page_that_is_shown_again(self, client: FlaskClient, mentee: str, write: Any) -> None:
        page = client.post(f"{mentee}/{BOX}", data={"R1": "x" * 301, self.NAME: "y"})

        assert page.status_code == 400
        assert f'name="{self.NAME}" value="y" checked' in page.text
        assert self.stored(write) == []

    def test_is_in_the_file_that_people_take_along(self, client: FlaskClient, mentee: str) -> None:
        client.post(f"{mentee}/{PLAIN}", data={"A1": "c:2"})
        client.post(f"{mentee}/{BOX}", data={"R1": "My words", self.NAME: "y"})
        (response,) = client.get(f"{mentee}/my-data/json").json["responses"]
        table = client.get(f"{mentee}/my-data/csv").text

        assert {one["item"]: one["may_be_quoted"] for one in response["answers"]} == {"A1": None, "R1": True}
        assert table.splitlines()[0].endswith(",may_be_quoted")
        assert [line.rsplit(",", 1)[1] for line in table.splitlines()[1:]] == ["", "yes"]
