"""The participant's path: every state a link can be in, and nothing typed is ever lost."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from instruments.model import WaveKind
from surveys import invitations, waves
from surveys.models import (
    Answer,
    Comment,
    Contact,
    DataPackage,
    Invitation,
    PseudonymLink,
    Respondent,
    Response,
    Wave,
)
from surveys.pseudonyms import Pseudonyms
from surveys.retention import RetentionPolicy, apply_retention

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)

TOTAL = 4
# The items of the toy questionnaire's mid wave for a mentee, page by page.
PAGES = (("A1", "A2", "A3"), ("B1", "B2"), ("X1", "X3"), ("H1", "R1"))


def text_of(page: str) -> str:
    """What a reader sees, roughly: without tags and with single blanks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


def checked_of(page: str) -> dict[str, str]:
    """The radio buttons that are set, by name."""
    boxes = re.findall(r'<input type="radio" id="[^"]+" name="([^"]+)" value="([^"]*)"( checked)?', page)
    return {name: value for name, value, checked in boxes if checked}


def fill_all(client: FlaskClient, link: str) -> None:
    """Answer every page with the first option."""
    for number, items in enumerate(PAGES, start=1):
        codes = {item: "c:1" for item in items if item != "R1"}
        assert client.post(f"{link}/{number}", data={**codes, "go": "next"}).status_code == 303


class TestWelcome:
    def test_says_who_asks_what_for_how_long_and_what_is_promised(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(mentee)
        words = text_of(page.text)

        assert page.status_code == 200
        assert "Example Works asks you because you and Amina Siddiqui are a pair" in words
        assert "Tell us how it goes half-way." in words
        assert "4 pages, about 2 minutes" in words
        assert "March 11, 2026" in words
        assert (
            "Nobody in your organisation, including Amina Siddiqui and the coordinator, can see your answers. "
            "Only what you write in your own words may be read, without your name, by a moderator who signed a rule of confidentiality. "
            "Results are shown only for groups of at least 6." in words
        )
        assert "Development version 0.1.0" in words
        assert 'data-stream="confidential"' in page.text

    def test_never_calls_answers_anonymous(self, client: FlaskClient, mentee: str) -> None:
        for address in (
            mentee,
            f"{mentee}/1",
            f"{mentee}/review",
            f"{mentee}/withdraw",
            f"{mentee}/my-data",
            "/receipt/",
            "/",
        ):
            assert "anonym" not in client.get(address).text.lower()

    def test_before_the_opening_says_when_it_opens(self, client: FlaskClient, seeded) -> None:
        page = client.get(f"/s/{seeded.tokens['scheduled mentee']}")

        assert page.status_code == 200
        assert "It opens on March 5, 2026" in text_of(page.text)
        assert "Begin" not in page.text

    def test_after_the_end_says_that_it_is_closed(self, client: FlaskClient, seeded, clock) -> None:
        clock.forward(days=2)

        page = client.get(f"/s/{seeded.tokens['brief mentee']}")

        assert page.status_code == 200
        assert "This questionnaire is closed" in page.text
        assert "No more answers can be given." in page.text

    @pytest.mark.parametrize("deep", ["/1", "/review", "/thanks"])
    def test_deeper_pages_of_a_wave_that_is_not_open_lead_to_the_first_page(
        self, client: FlaskClient, seeded, deep: str
    ) -> None:
        link = f"/s/{seeded.tokens['scheduled mentee']}"

        answer = client.get(link + deep)

        assert (answer.status_code, answer.location) == (303, link)

    def test_a_visit_alone_writes_nothing(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        for deep in ("", "/1", "/4", "/review", "/withdraw", "/my-data"):
            assert client.get(mentee + deep).status_code == 200

        with write() as session:
            assert session.scalars(select(Response)).all() == []
            assert session.scalars(select(Respondent)).all() == []
            assert session.scalars(select(PseudonymLink)).all() == []


class TestPage:
    def test_offers_every_label_and_the_two_ways_not_to_answer(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(f"{mentee}/1").text

        for item in PAGES[0]:
            values = re.findall(rf'name="{item}" value="([^"]*)"', page)
            assert values == ["c:1", "c:2", "c:3", "c:4", "c:5", "m:not_applicable", "m:prefer_not", ""]
        for label in (
            "Strongly disagree",
            "Neither",
            "Does not apply (yet)",
            "Prefer not to answer",
            "Clear",
        ):
            assert page.count(f"<span>{label}</span>") == 3

    def test_shows_a_shared_opening_once_and_ties_it_to_each_question(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(f"{mentee}/1").text

        assert page.count("Thinking about my meetings with") == 1
        assert page.count('aria-describedby="stem-1"') == 3
        assert page.count("<fieldset") == page.count("<legend>") == 3

    def test_a_question_without_an_opening_has_none(self, client: FlaskClient, mentee: str) -> None:
        page = client.get(f"{mentee}/3").text

        assert 'class="stem"' not in page
        assert "aria-describedby" not in page

    def test_anchors_stay_and_the_order_is_the_same_at_every_visit(
        self, client: FlaskClient, mentee: str
    ) -> None:
        orders = [
            list(
                dict.fromkeys(
                    re.findall(r'type="radio" id="[^"]+" name="(\w+)"', client.get(f"{mentee}/1").text)
                )
            )
            for _ in range(3)
        ]

        assert orders[0][0] == "A1"
        assert orders[0] == orders[1] == orders[2]
        assert sorted(orders[0]) == ["A1", "A2", "A3"]

    def test_reveals_no_key_of_the_answers(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:4", "go": "next"})
        pages = "".join(client.get(mentee + deep).text for deep in ("", "/1", "/review", "/withdraw"))

        with write() as session:
            response = session.scalars(select(Response)).one()
            invitation = session.scalars(select(Invitation)).first()
            for key in (response.key, response.respondent_key, response.pair_key, invitation.participant_id):
                assert key not in pages

    @pytest.mark.parametrize("number", ["0", "5", "99999999999999999999"])
    def test_a_page_that_is_not_there_answers_404(
        self, client: FlaskClient, mentee: str, number: str
    ) -> None:
        assert client.get(f"{mentee}/{number}").status_code == 404
        assert client.post(f"{mentee}/{number}", data={"A1": "c:1"}).status_code == 404


class TestSaving:
    @pytest.mark.parametrize(
        ("button", "target"),
        [("next", "/3"), ("back", "/1"), ("stop", "?saved=1"), ("", "/3"), ("nonsense", "/3")],
    )
    def test_every_button_saves_and_then_goes_its_way(
        self, client: FlaskClient, mentee: str, button: str, target: str
    ) -> None:
        answer = client.post(f"{mentee}/2", data={"B1": "c:5", "B2": "m:prefer_not", "go": button})

        assert (answer.status_code, answer.location) == (303, mentee + target)
        assert checked_of(client.get(f"{mentee}/2").text) == {"B1": "c:5", "B2": "m:prefer_not"}

    def test_the_last_page_leads_to_the_review(self, client: FlaskClient, mentee: str) -> None:
        answer = client.post(
            f"{mentee}/4", data={"H1": "c:0", "R1": "All  well,\r\nthank you.", "go": "next"}
        )

        assert answer.location == f"{mentee}/review"
        page = client.get(f"{mentee}/4").text
        assert "All  well,\nthank you.</textarea>" in page
        assert checked_of(page) == {"H1": "c:0"}

    def test_an_answer_can_be_cleared_again(self, client: FlaskClient, mentee: str) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:4", "A2": "c:2", "A3": "c:1"})

        client.post(f"{mentee}/1", data={"A1": "", "A2": "c:2"})

        assert checked_of(client.get(f"{mentee}/1").text) == {"A2": "c:2"}

    def test_saving_for_later_says_so_on_the_first_page(self, client: FlaskClient, mentee: str) -> None:
        answer = client.post(f"{mentee}/1", data={"A1": "c:4", "go": "stop"})

        page = client.get(answer.location).text
        assert "Your answers are saved." in page
        assert "Continue where I stopped" in page
        assert f'href="{mentee}/2"' in page

    def test_a_code_outside_the_options_is_refused_beside_its_field_and_the_rest_is_kept(
        self, client: FlaskClient, mentee: str
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:2"})

        answer = client.post(f"{mentee}/1", data={"A1": "c:9", "A2": "c:5", "A3": "m:not_applicable"})

        page = answer.text
        assert answer.status_code == 400
        summary = re.search(r'role="alert".*?</div>', page, re.DOTALL)
        assert summary
        assert summary.group().count("<li>") == 1
        assert (
            '<a href="#A1">I can ask <bdi>Amina Siddiqui</bdi> a simple question. — Choose one'
            in summary.group()
        )
        assert 'id="A1-error">Choose one of the answers shown.</p>' in page
        assert 'aria-describedby="stem-1 A1-error"' in page
        assert checked_of(page) == {"A2": "c:5", "A3": "m:not_applicable"}
        # What the marked question had before stays, and the others are saved already.
        assert checked_of(client.get(f"{mentee}/1").text) == {
            "A1": "c:2",
            "A2": "c:5",
            "A3": "m:not_applicable",
        }

    @pytest.mark.parametrize(
        "value", ["c:", "c:٣", "x:1", "m:later", "1", "c:1 or 1=1", "\x00", "c:99999999"]
    )
    def test_a_value_that_no_button_has_is_refused(
        self, client: FlaskClient, mentee: str, value: str
    ) -> None:
        answer = client.post(f"{mentee}/1", data={"A1": value})

        assert answer.status_code == 400
        assert "Choose one of the answers shown." in answer.text

    def test_a_text_that_is_too_long_is_refused_and_shown_again(
        self, client: FlaskClient, mentee: str
    ) -> None:
        long = "é" * 301

        answer = client.post(f"{mentee}/4", data={"R1": long, "H1": "c:1"})

        assert answer.status_code == 400
        assert "301 characters long" in answer.text
        assert long in answer.text
        assert checked_of(answer.text) == {"H1": "c:1"}

    def test_fields_of_other_pages_and_strangers_are_ignored(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        answer = client.post(
            f"{mentee}/1", data={"A1": "c:1", "B1": "c:1", "state": "submitted", "role": "mentor"}
        )

        assert answer.status_code == 303
        with write() as session:
            assert [row.item_id for row in session.scalars(select(Answer))] == ["A1"]


class TestSending:
    def test_review_counts_what_was_skipped_and_links_back(self, client: FlaskClient, mentee: str) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:1", "A2": "m:prefer_not", "go": "next"})

        page = client.get(f"{mentee}/review").text
        words = text_of(page)

        assert "You left 7 questions open." in words
        assert "Page 1 1 question open" in words
        assert "Page 2 2 questions open" in words
        for number in range(1, TOTAL + 1):
            assert f'href="{mentee}/{number}"' in page

    def test_sending_twice_is_harmless(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        fill_all(client, mentee)

        first, second = client.post(f"{mentee}/review"), client.post(f"{mentee}/review")

        assert first.status_code == second.status_code == 303
        assert first.location == second.location == f"{mentee}/thanks"
        with write() as session:
            assert [response.state.value for response in session.scalars(select(Response))] == ["submitted"]
            assert len(session.scalars(select(Answer)).all()) == 8

    def test_thanks_and_lets_answers_be_changed_until_the_end(self, client: FlaskClient, mentee: str) -> None:
        fill_all(client, mentee)
        client.post(f"{mentee}/review")

        page = client.get(f"{mentee}/thanks").text
        assert "Thank you, your answers were received" in page
        assert "You can change your answers until March 11, 2026" in text_of(page)

        client.post(f"{mentee}/1", data={"A1": "c:5", "A2": "c:5", "A3": "c:5"})
        assert "Change my answers" in client.get(mentee).text
        assert client.get(f"{mentee}/thanks").status_code == 200
        assert checked_of(client.get(f"{mentee}/1").text)["A1"] == "c:5"

    def test_thanks_nobody_who_has_not_sent_anything(self, client: FlaskClient, mentee: str) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:5"})

        assert client.get(f"{mentee}/thanks").location == mentee

    def test_an_empty_response_is_not_sent(self, client: FlaskClient, mentee: str) -> None:
        answer = client.post(f"{mentee}/review")

        assert answer.status_code == 400
        assert "You have not answered any question yet." in answer.text
        assert client.get(f"{mentee}/thanks").location == mentee

    def test_everything_may_be_skipped(self, client: FlaskClient, mentee: str) -> None:
        for number in range(1, TOTAL + 1):
            assert client.post(f"{mentee}/{number}", data={"go": "next"}).status_code == 303
        client.post(f"{mentee}/1", data={"A1": "m:prefer_not"})

        assert client.post(f"{mentee}/review").location == f"{mentee}/thanks"


class TestClosedInTheMeantime:
    @pytest.mark.parametrize("name", ["brief mentee", "scheduled mentee"])
    def test_what_was_chosen_is_shown_and_not_saved(
        self, client: FlaskClient, seeded, clock, write: Callable[[], Session], name: str
    ) -> None:
        link = f"/s/{seeded.tokens[name]}"
        # By then the brief wave is over and the scheduled one has not begun.
        clock.forward(days=2)

        answer = client.post(
            f"{link}/1", data={"A1": "c:4", "A2": "m:prefer_not", "A3": "c:77", "go": "next"}
        )

        words = text_of(answer.text)
        assert answer.status_code == 409
        assert "I can ask Amina Siddiqui a simple question. Agree" in words
        assert "I can be wrong in front of Amina Siddiqui. Prefer not to answer" in words
        assert "<form" not in answer.text
        with write() as session:
            assert session.scalars(select(Answer)).all() == []

    def test_a_written_answer_is_shown_too(self, client: FlaskClient, seeded, clock) -> None:
        link = f"/s/{seeded.tokens['open mentee']}"
        clock.forward(days=10)

        answer = client.post(f"{link}/4", data={"R1": "Remember <this> & that"})

        assert "Remember &lt;this&gt; &amp; that" in answer.text

    def test_sending_too_late_says_that_only_what_was_sent_counts(
        self, client: FlaskClient, mentee: str, clock
    ) -> None:
        fill_all(client, mentee)
        clock.forward(days=10)

        answer = client.post(f"{mentee}/review")

        assert answer.status_code == 409
        assert "What you had sent before it closed still counts;" in answer.text
        assert "it does not count and nobody reads it" in client.get(mentee).text

    def test_a_wave_closed_by_hand_is_closed_at_once(
        self, client: FlaskClient, mentee: str, clock, write: Callable[[], Session]
    ) -> None:
        with write() as session:
            for wave in session.scalars(select(Wave)):
                if waves.wave_state(wave, clock()) is waves.WaveState.OPEN:
                    waves.close_wave(session, wave, now=clock())

        assert client.post(f"{mentee}/1", data={"A1": "c:4"}).status_code == 409


class TestLink:
    @pytest.mark.parametrize("token", ["forged", "x" * 32, "../../etc/passwd", "%00", "é", "a" * 3000])
    def test_a_forged_link_answers_404_with_a_sentence(self, client: FlaskClient, seeded, token: str) -> None:
        page = client.get(f"/s/{token}")

        assert page.status_code == 404
        assert "<h1>" in page.text
        assert "Traceback" not in page.text

    def test_an_unknown_link_says_what_to_do(self, client: FlaskClient, seeded) -> None:
        page = client.get("/s/forged")

        assert "We do not know this link." in page.text
        assert "copy it as a whole" in page.text

    def test_an_expired_link_answers_410(self, client: FlaskClient, mentee: str, clock) -> None:
        clock.forward(days=100)

        page = client.get(mentee)

        assert page.status_code == 410
        assert "This link has expired." in page.text

    def test_a_revoked_link_answers_410_on_every_page(
        self, client: FlaskClient, mentee: str, clock, write: Callable[[], Session]
    ) -> None:
        with write() as session:
            for invitation in session.scalars(select(Invitation)):
                invitations.revoke_invitation(session, invitation, now=clock())

        assert client.get(mentee).status_code == 410
        assert client.get(f"{mentee}/1").status_code == 410
        answer = client.post(f"{mentee}/1", data={"A1": "c:1"})
        assert answer.status_code == 410
        assert "This link has been replaced or withdrawn." in answer.text


class TestWithdrawing:
    def test_asks_first_then_deletes_and_allows_a_new_start(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        fill_all(client, mentee)
        client.post(f"{mentee}/4", data={"H1": "c:1", "R1": "a secret remark"})
        page = client.get(f"{mentee}/withdraw").text
        assert "Delete my answers to this questionnaire" in page
        with write() as session:
            assert len(session.scalars(select(Comment)).all()) == 1

        answer = client.post(f"{mentee}/withdraw")

        assert answer.status_code == 303
        assert "The answers to this questionnaire were deleted" in client.get(answer.location).text
        with write() as session:
            assert session.scalars(select(Answer)).all() == []
            assert session.scalars(select(Comment)).all() == []
        assert client.post(f"{mentee}/withdraw").status_code == 303
        assert client.post(f"{mentee}/1", data={"A1": "c:3"}).status_code == 303
        assert checked_of(client.get(f"{mentee}/1").text) == {"A1": "c:3"}

    def test_after_the_end_one_response_stays_but_everything_can_still_be_deleted(
        self, client: FlaskClient, mentee: str, clock, write: Callable[[], Session]
    ) -> None:
        fill_all(client, mentee)
        clock.forward(days=10)

        assert client.post(f"{mentee}/withdraw").status_code == 409
        assert "Only this questionnaire" not in client.get(f"{mentee}/withdraw").text
        assert "Your answers are deleted" in client.post(f"{mentee}/leave").text
        with write() as session:
            assert session.scalars(select(Answer)).all() == []

    def test_leaving_deletes_everything_and_ends_the_link(
        self, client: FlaskClient, mentee: str, mentor: str, write: Callable[[], Session]
    ) -> None:
        fill_all(client, mentee)
        client.post(f"{mentor}/1", data={"A1": "c:2"})

        answer = client.post(f"{mentee}/leave")

        assert answer.status_code == 200
        assert "Your answers are deleted" in answer.text
        assert client.get(mentee).status_code == 410
        assert checked_of(client.get(f"{mentor}/1").text) == {"A1": "c:2"}
        with write() as session:
            assert len(session.scalars(select(Answer)).all()) == 1


def receipt_in(page: str) -> str:
    """The code of the receipt that a page shows."""
    match = re.search(r'<p class="receipt"><bdi dir="ltr" lang="en">([A-Z2-7-]{29})</bdi>', page)
    assert match, page
    return match.group(1)


def test_moments_are_told_in_the_readers_time_zone(
    client: FlaskClient, mentee: str, mentor: str, write: Callable[[], Session]
) -> None:
    assert "(UTC)" in text_of(client.get(mentee).text)
    with write() as session:
        wave = next(one for one in session.scalars(select(Wave)) if one.cohort.name == "open")
        for pair in wave.cohort.pairs:
            pair.mentee.contact.time_zone = "Asia/Dubai"
            pair.mentor.contact.time_zone = "America"

    assert "(UTC+04)" in text_of(client.get(mentee).text)
    # What is no time zone is as good as none.
    assert "(UTC)" in text_of(client.get(f"{mentor}?lang=en").text)


class TestMyData:
    def test_the_own_answers_can_be_taken_along_with_their_questions(
        self, client: FlaskClient, mentee: str
    ) -> None:
        fill_all(client, mentee)
        client.post(f"{mentee}/4", data={"H1": "c:1", "R1": "my own words"})
        assert f'href="{mentee}/my-data"' in client.get(mentee).text
        page = client.get(f"{mentee}/my-data").text
        links = re.findall(r'href="([^"]+)" download', page)
        assert links == [f"{mentee}/my-data/csv", f"{mentee}/my-data/json"]

        table, text = (client.get(link) for link in links)

        assert table.headers["Content-Disposition"] == "attachment; filename=my-answers.csv"
        assert text.headers["Content-Disposition"] == "attachment; filename=my-answers.json"
        assert table.headers["Cache-Control"] == text.headers["Cache-Control"] == "no-store"
        (response,) = json.loads(text.data)["responses"]
        assert len(response["answers"]) == sum(map(len, PAGES))
        assert any("Amina Siddiqui" in answer["question"] for answer in response["answers"])
        assert "my own words" in table.data.decode("utf-8-sig")

    def test_nothing_of_the_partner_is_in_it(self, client: FlaskClient, mentee: str, mentor: str) -> None:
        client.post(f"{mentor}/1", data={"A1": "c:5"})
        client.post(f"{mentor}/4", data={"R1": "words of the partner"})
        client.post(f"{mentee}/1", data={"A1": "c:1"})

        file = client.get(f"{mentee}/my-data/json").text

        assert "words of the partner" not in file
        assert len(json.loads(file)["responses"][0]["answers"]) == 1

    def test_in_another_browser_the_link_gives_nothing_and_tells_nothing(
        self, client: FlaskClient, app, mentee: str
    ) -> None:
        """Whoever has only the link, above all the coordinator, sees the same whether or not there are answers."""
        before = client.get(f"{mentee}/my-data").text
        fill_all(app.test_client(), mentee)

        after = client.get(f"{mentee}/my-data").text

        assert after == before
        assert "download>" not in after
        for kind in ("csv", "json"):
            answer = client.get(f"{mentee}/my-data/{kind}")
            assert (answer.status_code, answer.location) == (303, f"{mentee}/my-data")

    def test_answers_of_another_wave_need_the_browser_that_gave_them(
        self, client: FlaskClient, app, mentee: str, write: Callable[[], Session]
    ) -> None:
        """A link of a new wave in strange hands must not open what was answered in an earlier one."""
        fill_all(client, mentee)
        with write() as session:
            wave = session.scalars(select(Wave).where(Wave.kind == "T2")).all()
            wave = next(one for one in wave if one.cohort.name == "open")
            later = waves.schedule_wave(
                session, wave.cohort, "TC", waves.instrument_of(wave, folders=TOY_FOLDERS),
                opens_at=wave.opens_at, closes_at=wave.closes_at, now=wave.opens_at,
            )  # fmt: skip
            issued = invitations.issue_invitations(session, later, now=wave.opens_at, folders=TOY_FOLDERS)
            tokens = [one.token for one in issued if one.invitation.participant.role == "mentee"]
        stranger, new_link = app.test_client(), f"/s/{tokens[0]}"
        stranger.post(f"{new_link}/1", data={"A1": "c:2", "B1": "c:2", "X1": "c:2"})

        seen = json.loads(stranger.get(f"{new_link}/my-data/json").text)["responses"]
        client.post(f"{new_link}/1", data={"A1": "c:2"})
        own = json.loads(client.get(f"{mentee}/my-data/json").text)["responses"]

        assert [response["wave"] for response in seen] == ["TC"]
        assert [response["wave"] for response in own] == ["T2"]
        left = text_of(stranger.post(f"{new_link}/leave").text)
        assert "Deleted: 1 questionnaire with" in left, left
        # What the owner answered by another link is still there, and is the owner's to delete.
        assert len(checked_of(client.get(f"{mentee}/1").text)) == len(PAGES[0])
        client.post(f"{mentee}/leave")
        assert client.get(mentee).status_code == client.get(new_link).status_code == 410

    def test_what_somebody_wrote_is_read_in_the_browser_that_wrote_it_and_no_answer_opens_it(
        self, client: FlaskClient, app, mentee: str
    ) -> None:
        """Whoever comes first with an unused link may give answers of their own, and reads nothing by that."""
        client.post(f"{mentee}/write", data={"kind": "free", "text": "Only for her.", "form_key": "a" * 32})
        stranger = app.test_client()
        fill_all(stranger, mentee)

        assert "Only for her." not in stranger.get(f"{mentee}/my-data/json").text
        assert stranger.get(f"{mentee}/my-data/messages").text.strip().count("\n") == 0
        assert "Only for her." in client.get(f"{mentee}/my-data/messages").text

    def test_withdrawn_answers_are_in_no_file(self, client: FlaskClient, mentee: str) -> None:
        fill_all(client, mentee)
        client.post(f"{mentee}/withdraw")

        assert client.get(f"{mentee}/my-data/json").status_code == 303

    @pytest.mark.parametrize("kind", ["xml", "", "json/x"])
    def test_there_are_two_kinds_of_files(self, client: FlaskClient, mentee: str, kind: str) -> None:
        assert client.get(f"{mentee}/my-data/{kind}").status_code == 404

    def test_copies_are_listed_with_day_and_purpose(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        assert "Nobody was given a file" in client.get(f"{mentee}/my-data").text
        with write() as session:
            wave = next(w for w in session.scalars(select(Wave)) if w.cohort.name == "open")
            session.add(
                DataPackage(
                    id="abcdef01" * 4, program_id=wave.cohort.program_id, written_on=date(2026, 3, 1),
                    purpose="<b>Report</b>", wave_ids=[wave.id], manifest_digest="d" * 64,
                )
            )  # fmt: skip
        words = text_of(client.get(f"{mentee}/my-data").text)

        assert "Mar 1, 2026" in words or "March 1, 2026" in words
        assert "&lt;b&gt;Report&lt;/b&gt;" in client.get(f"{mentee}/my-data").text
        assert "Number \u2068abcdef01\u2069" in words or "abcdef01" in words

    def test_after_the_link_was_destroyed_the_pages_say_so(
        self, client: FlaskClient, mentee: str, clock, write: Callable[[], Session]
    ) -> None:
        fill_all(client, mentee)
        clock.forward(days=10)
        with write() as session:
            wave = next(w for w in session.scalars(select(Wave)) if w.cohort.name == "open")
            wave.kind = WaveKind.T3B
            program = wave.cohort.program
            for other in session.scalars(select(Wave).where(Wave.id != wave.id)):
                other.kind = WaveKind.T3B
            policy = RetentionPolicy(link_days=0)
            holder = Pseudonyms(bytes(range(32)))
            apply_retention(
                session, program, pseudonyms=holder, now=clock() + timedelta(days=5), policy=policy
            )
            wave.kind = WaveKind.T2

        for address in (mentee, f"{mentee}/my-data"):
            page = client.get(address)
            assert page.status_code == 200
            assert "was destroyed on" in page.text
        assert client.get(f"{mentee}/my-data/json").status_code == 303
        assert client.post(f"{mentee}/leave").status_code == 303


class TestReceipt:
    def test_leaving_shows_a_receipt_once_that_can_be_checked_without_link_and_cookie(
        self, client: FlaskClient, app, mentee: str
    ) -> None:
        fill_all(client, mentee)
        client.post(f"{mentee}/4", data={"H1": "c:1", "R1": "a secret remark"})
        page = client.post(f"{mentee}/leave").text
        stranger = app.test_client()

        assert "1 questionnaire with 8 chosen answers and 1 written answer" in text_of(page)
        assert stranger.get("/receipt/").status_code == 200
        known = stranger.post("/receipt/", data={"code": receipt_in(page).lower()})

        assert known.status_code == 200
        assert "This receipt is genuine" in known.text
        assert "1 questionnaire with 8 chosen answers and 1 written answer" in text_of(known.text)
        assert "a secret remark" not in known.text
        assert "Set-Cookie" not in known.headers

    @pytest.mark.parametrize(
        ("code", "sentence"),
        [
            ("AAAA-BBBB", "No receipt has this code."),
            ("", "Please type the code."),
            ("A" * 101, "This is too long."),
            ("<script>", "No receipt has this code."),
        ],
    )
    def test_any_other_code_is_refused_and_kept_in_the_field(
        self, client: FlaskClient, code: str, sentence: str
    ) -> None:
        answer = client.post("/receipt/", data={"code": code})

        assert answer.status_code == 400
        assert sentence in answer.text
        assert "<script>" not in answer.text.partition("<main")[2]


class TestForeignForms:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "http://localhost.evil.example"},
        ],
    )
    def test_another_site_may_not_send_the_form(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session], headers: dict[str, str]
    ) -> None:
        for deep in ("/1", "/review", "/withdraw", "/leave"):
            assert client.post(mentee + deep, data={"A1": "c:1"}, headers=headers).status_code == 403
        with write() as session:
            assert session.scalars(select(Answer)).all() == []

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "null"},
            {"Origin": "http://localhost"},
        ],
    )
    def test_the_page_itself_may(self, client: FlaskClient, mentee: str, headers: dict[str, str]) -> None:
        assert client.post(f"{mentee}/1", data={"A1": "c:1"}, headers=headers).status_code == 303


class TestPartnersName:
    def test_a_hostile_name_is_escaped_and_isolated_everywhere(
        self, client: FlaskClient, mentor: str
    ) -> None:
        escaped = "<bdi>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; Söhne {P} %(x)s</bdi>"
        for deep in ("?lang=en", "/1?lang=en"):
            page = client.get(mentor + deep).text

            assert escaped in page
            assert "<script>alert" not in page

    def test_a_destroyed_name_becomes_your_partner(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        with write() as session:
            session.execute(delete(Contact))

        assert "your partner" in client.get(f"{mentee}/1").text
