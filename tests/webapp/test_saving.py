"""Nothing typed is ever lost: two tabs, a lost cookie, a withdrawal in between, and what the script of the page is told."""

import gzip
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys.models import PagePace
from webapp.participate import pacing

SCRIPT = {"Viceversa-Save": "1"}
on_both = pytest.mark.parametrize("app_database", ["sqlite", "postgresql"], indirect=True)


def field_of(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name}"
    return unescape(found.group(1))


def chosen(page: str) -> dict[str, str]:
    boxes = re.findall(r'<input type="radio" id="[^"]+" name="([^"]+)" value="([^"]*)" checked', page)
    return dict(boxes)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>|[\u2066-\u2069]", "", page)).split())


def send_carried(client: FlaskClient, page: str, link: str, **typed: str) -> str:
    """Fill in the form for the code as it stands on a page, with everything that goes along, and follow to the end."""
    form = re.search(r'<form[^>]*action="[^"]*/elsewhere".*?</form>', page, re.DOTALL)
    assert form
    carried = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form.group())
    data = {name: unescape(value) for name, value in carried} | typed
    answer = client.post(f"{link}/elsewhere", data=data)
    if answer.status_code == 307:
        # As browsers do; the test client would send an empty body.
        answer = client.post(answer.location, data=data)
    return client.get(answer.location).text if answer.status_code == 303 else answer.text


class TestTwoTabs:
    def test_the_second_tab_keeps_what_the_first_saved(self, client: FlaskClient, mentee: str) -> None:
        seen = field_of(client.get(f"{mentee}/1").text, "seen")
        assert client.post(f"{mentee}/1", data={"A1": "c:5", "seen": seen}).status_code == 303

        assert client.post(f"{mentee}/1", data={"A2": "c:2", "seen": seen}).status_code == 303

        assert chosen(client.get(f"{mentee}/1").text) == {"A1": "c:5", "A2": "c:2"}

    def test_both_answers_are_shown_where_two_tabs_changed_one_question(
        self, client: FlaskClient, mentee: str
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:5", "A3": "c:1", "seen": ""})

        page = client.post(f"{mentee}/1", data={"A1": "c:1", "A2": "c:2", "seen": ""})

        assert page.status_code == 409
        assert "answered with “Strongly agree”" in words(page.text)
        # What was chosen here stays chosen, what the other tab alone changed is shown as it changed it.
        assert chosen(page.text) == {"A1": "c:1", "A2": "c:2", "A3": "c:1"}
        assert chosen(client.get(f"{mentee}/1").text) == {"A1": "c:5", "A2": "c:2", "A3": "c:1"}
        again = {**chosen(page.text), "seen": field_of(page.text, "seen")}
        assert client.post(f"{mentee}/1", data=again).status_code == 303
        assert chosen(client.get(f"{mentee}/1").text) == {"A1": "c:1", "A2": "c:2", "A3": "c:1"}

    def test_a_page_from_before_a_withdrawal_does_not_begin_anew_unasked(
        self, client: FlaskClient, mentee: str
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:5", "seen": ""})
        client.post(f"{mentee}/withdraw")

        page = client.post(f"{mentee}/2", data={"B1": "c:3", "seen": ""})

        assert page.status_code == 409
        assert "Your answers were deleted in another tab" in words(page.text)
        assert chosen(page.text) == {"B1": "c:3"}
        again = client.post(f"{mentee}/2", data={"B1": "c:3", "seen": field_of(page.text, "seen")})
        assert again.status_code == 303
        assert chosen(client.get(f"{mentee}/2").text) == {"B1": "c:3"}

    def test_a_page_of_an_earlier_version_is_saved_as_it_was_then(
        self, client: FlaskClient, mentee: str
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:5"})

        assert client.post(f"{mentee}/1", data={"A1": "c:1"}).status_code == 303
        assert chosen(client.get(f"{mentee}/1").text) == {"A1": "c:1"}


class TestLostCookie:
    def test_what_was_typed_goes_along_with_the_code(
        self, app: Flask, client: FlaskClient, mentee: str
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:5", "seen": ""})
        code = re.search(r"(\d{4} \d{4})", words(client.get(mentee).text))
        assert code
        bare = app.test_client()
        refused = bare.post(f"{mentee}/2", data={"B1": "c:4", "go": "next", "seen": ""})
        assert refused.status_code == 409

        wrong = send_carried(bare, refused.text, mentee, do="code", code="0000 0000")
        assert "This code does not fit" in wrong
        page = send_carried(bare, wrong, mentee, do="code", code=code.group(1))

        assert "Page 3 of 4" in page
        assert chosen(bare.get(f"{mentee}/1").text) == {"A1": "c:5"}
        assert chosen(bare.get(f"{mentee}/2").text) == {"B1": "c:4"}

    def test_what_was_typed_is_the_beginning_of_a_new_start(
        self, app: Flask, client: FlaskClient, mentee: str
    ) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:5", "seen": ""})
        bare = app.test_client()
        seen = field_of(client.get(f"{mentee}/1").text, "seen")
        refused = bare.post(f"{mentee}/1", data={"A1": "c:5", "A2": "c:3", "go": "stop", "seen": seen}).text
        over = re.search(r'<form[^>]*>(?:(?!</form>).)*value="over".*?</form>', refused, re.DOTALL)
        assert over

        page = send_carried(bare, over.group(), mentee, do="over")

        assert "Your answers are saved." in page
        assert chosen(bare.get(f"{mentee}/1").text) == {"A1": "c:5", "A2": "c:3"}


class TestClaim:
    """The answer to the very first save got lost, and the cookie with it."""

    def test_whoever_began_is_known_again_and_nobody_else(self, app: Flask, mentee: str) -> None:
        first = {"A1": "c:5", "seen": "", "claim": "a" * 32}
        assert app.test_client().post(f"{mentee}/1", data=first).status_code == 303

        again = app.test_client()
        assert again.post(f"{mentee}/1", data={**first, "A2": "c:2"}).status_code == 303
        assert chosen(again.get(f"{mentee}/1").text) == {"A1": "c:5", "A2": "c:2"}
        for other in ("b" * 32, "", "a" * 31, "A" * 32, "a" * 33):
            refused = app.test_client().post(f"{mentee}/1", data={**first, "claim": other})
            assert refused.status_code == 409
            assert not chosen(refused.text)

    def test_a_claim_ends_with_what_was_begun_with_it(
        self, app: Flask, client: FlaskClient, mentee: str
    ) -> None:
        claim = "a" * 32
        client.post(f"{mentee}/1", data={"A1": "c:5", "claim": claim})
        client.post(f"{mentee}/withdraw")
        assert client.post(f"{mentee}/1", data={"A1": "c:4", "claim": claim}).status_code == 303

        late = app.test_client().post(f"{mentee}/1", data={"A1": "c:1", "claim": claim})

        assert late.status_code == 409
        assert chosen(client.get(f"{mentee}/1").text) == {"A1": "c:4"}

    def test_whoever_starts_over_is_known_again_and_nobody_who_held_what_was_before(
        self, app: Flask, client: FlaskClient, mentee: str
    ) -> None:
        before, mine = (
            {"A1": "c:5", "seen": "", "claim": "a" * 32},
            {"A1": "c:4", "seen": "", "claim": "b" * 32},
        )
        client.post(f"{mentee}/1", data=before)
        code = re.search(r"(\d{4} \d{4})", words(client.get(mentee).text))
        assert code

        def may_save(browser: FlaskClient, data: dict[str, str]) -> bool:
            """Whether a browser may save, and is shown what is stored, or neither."""
            status = browser.post(f"{mentee}/1", data=data).status_code
            assert status in {303, 409}
            assert bool(chosen(browser.get(f"{mentee}/1").text)) is (status == 303)
            return status == 303

        def start_over(data: dict[str, str]) -> None:
            """Start over in a new browser, which does not come to know that its first save arrived."""
            lost = app.test_client()
            assert lost.post(f"{mentee}/elsewhere", data={"do": "over"}).status_code == 303
            assert lost.post(f"{mentee}/1", data=data).status_code == 303

        start_over(mine)
        again = app.test_client()
        assert may_save(again, {**mine, "A2": "c:2"})
        assert chosen(again.get(f"{mentee}/1").text) == {"A1": "c:4", "A2": "c:2"}
        assert not may_save(client, before)
        assert not may_save(app.test_client(), before)
        wrong = app.test_client().post(f"{mentee}/elsewhere", data={"do": "code", "code": code.group(1)})
        assert wrong.status_code == 400

        # A claim that was said before begins something else: neither the cookie nor the code of then fits.
        start_over(before)
        for held in (client, again):
            assert not may_save(held, {"A2": "c:1", "seen": ""})
        assert not may_save(app.test_client(), mine)
        wrong = app.test_client().post(f"{mentee}/elsewhere", data={"do": "code", "code": code.group(1)})
        assert wrong.status_code == 400
        assert may_save(app.test_client(), before)


class TestScript:
    def test_a_save_is_told_where_the_button_leads_and_what_the_page_shows(
        self, client: FlaskClient, mentee: str
    ) -> None:
        data = {"B1": "c:5", "B2": "m:prefer_not", "go": "back", "seen": ""}
        answer = client.post(f"{mentee}/2", data=data, headers=SCRIPT)

        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Viceversa-Next"] == f"{mentee}/1"
        assert answer.headers["Set-Cookie"].startswith("answers_")
        assert answer.headers["Viceversa-Seen"] == field_of(client.get(f"{mentee}/2").text, "seen")

    def test_a_refusal_says_so_and_everything_else_says_nothing(
        self, client: FlaskClient, mentee: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused = client.post(f"{mentee}/1", data={"A1": "c:9"}, headers=SCRIPT)
        sent = client.post(f"{mentee}/review", headers=SCRIPT)
        plain = client.post(f"{mentee}/1", data={"A1": "c:1"})

        assert (refused.status_code, refused.headers["Viceversa-Refused"]) == (400, "1")
        assert (sent.status_code, sent.headers["Viceversa-Refused"]) == (400, "1")
        assert not [name for name in plain.headers.keys() if name.startswith("Viceversa")]  # noqa: SIM118

    def test_the_worker_is_served_for_personal_links_only_and_never_from_a_cache(
        self, client: FlaskClient
    ) -> None:
        answer = client.get("/s/worker.js")

        assert answer.content_type.startswith("text/javascript")
        assert answer.headers["Service-Worker-Allowed"] == "/s/"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]

    def test_pages_are_sent_small_to_whoever_can_read_them_so(self, client: FlaskClient, mentee: str) -> None:
        plain = client.get(f"{mentee}/1")
        small = client.get(f"{mentee}/1", headers={"Accept-Encoding": "gzip, br"})

        assert (plain.headers.get("Content-Encoding"), small.headers["Content-Encoding"]) == (None, "gzip")
        assert gzip.decompress(small.data) == plain.data
        assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 3
        refused = client.get(f"{mentee}/1", headers={"Accept-Encoding": "gzip;q=0"})
        assert refused.data == plain.data

    @pytest.mark.parametrize("name", ["answering.js", "worker.js"])
    def test_no_script_asks_the_clock_of_the_device_or_anybody_else(self, app: Flask, name: str) -> None:
        source = (Path(app.static_folder or "") / name).read_text(encoding="utf-8")

        assert not re.search(r"\bDate\b|https?://|\beval\b|innerHTML|lastModified", source)
        assert len(source) < 17_000

    def test_only_pages_of_a_link_may_fetch(self, client: FlaskClient, mentee: str) -> None:
        assert "connect-src 'self'" in client.get(f"{mentee}/1").headers["Content-Security-Policy"]
        for address in ("/", "/account/sign-in", f"{mentee}/write"):
            assert "connect-src" not in client.get(address).headers["Content-Security-Policy"]


class TestMinutes:
    def test_each_page_says_how_much_is_left(self, client: FlaskClient, mentee: str) -> None:
        # Three, two and two ratings, then a rating and a written answer: 109 seconds, and 53 for the last page.
        said = [re.search(r"about \d+ minutes? left", client.get(f"{mentee}/{n}").text) for n in range(1, 5)]

        assert [one.group() for one in said if one] == [
            "about 2 minutes left",
            "about 2 minutes left",
            "about 2 minutes left",
            "about 1 minute left",
        ]

    def test_that_answers_are_saved_is_said_once_they_are(self, client: FlaskClient, mentee: str) -> None:
        assert "Your answers so far are saved." not in client.get(f"{mentee}/1").text
        client.post(f"{mentee}/1", data={"A1": "c:1"})
        assert "Your answers so far are saved." in client.get(f"{mentee}/2").text

    @on_both
    def test_durations_are_written_for_ten_together_and_used_from_fifty_on(
        self,
        app: Flask,
        client: FlaskClient,
        mentee: str,
        mentor: str,
        clock: Any,
        write: Callable[[], Session],
    ) -> None:
        def answer_page(number: int, seconds: str, *, somebody_else: bool = True) -> None:
            """Somebody opens the page for the first time: here always by the same link, which starts over each time."""
            if somebody_else and pacing.COLLECTED in app.extensions:
                app.extensions[pacing.COLLECTED]._known.clear()
            client.post(f"{mentee}/elsewhere", data={"do": "over"})
            client.post(f"{mentee}/withdraw")
            with client.post(f"{mentee}/{number}", data={"seconds": seconds, "A1": "c:1"}) as answer:
                assert answer.status_code == 303

        # Whoever answers has looked at the page before.
        client.get(f"{mentee}/1")
        for _ in range(9):
            answer_page(1, "290")
        # Whoever gives a page again does not count again.
        answer_page(1, "290", somebody_else=False)
        for odd in ("", "0", "-5", "1e9", "99999999", "x", "٣"):
            answer_page(1, odd)
        with write() as session:
            assert session.scalars(select(PagePace.n)).all() == []
        answer_page(1, "290")
        with write() as session:
            assert [(row.page, row.seconds, row.n) for row in session.scalars(select(PagePace))] == [
                (1, 300, 10)
            ]
        for _ in range(40):
            answer_page(1, "290")

        # Until midnight nothing is seen of it, or the last one to answer would be.
        assert "about 2 minutes left" in app.test_client().get(f"{mentee}/1").text
        clock.forward(days=1)
        assert "about 7 minutes left" in app.test_client().get(f"{mentee}/1").text
        assert "about 2 minutes left" in app.test_client().get(f"{mentee}/2").text
        assert "about 2 minutes left" in app.test_client().get(f"{mentor}/1").text

    def test_a_page_that_was_answered_before_is_not_measured(
        self, app: Flask, client: FlaskClient, mentee: str
    ) -> None:
        for _ in range(3):
            client.post(f"{mentee}/1", data={"A1": "c:1", "seconds": "20"})

        collected = app.extensions[pacing.COLLECTED]._counts
        assert [counts.total() for counts in collected.values()] == [1]
