"""Pages of a pair: goals, meetings and notes, and the pulse beside them; what belongs to one stream never shows in another."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from instruments.model import Role
from surveys import invitations, waves
from surveys.models import Cohort, Contact, Goal, Invitation, Meeting, MeetingNote, Release, Response, Wave
from webapp.database import EXTENSION

GOAL = {"text": "Speak first", "level0": "Every second time", "baseline": "-2", "form_key": "a" * 32}
MEETING = {
    "held_on": "2026-03-01", "took_place": "yes", "format": "in_person", "minutes": "45", "form_key": "b" * 32,
}  # fmt: skip
HOSTILE = "<b>x</b> \u202e{{ 7*7 }} %(x)s 👩\u200d🔧"
Write = Callable[[], Session]


def text_of(page: str) -> str:
    """What a reader sees, roughly."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def links(seeded: Any, write: Write, clock: Any) -> dict[str, str]:
    """The addresses of the open cohort's pair in the last wave and in that of pulses, both of the core battery, in English."""
    battery = get_instrument("core-battery", "0.1.0")
    found = {}
    with write() as session:
        cohort = session.scalars(select(Cohort).where(Cohort.name == "open")).one()
        for kind in ("T3b", "PL"):
            opened = {"opens_at": clock() - timedelta(hours=1), "closes_at": clock() + timedelta(days=90)}
            wave = waves.schedule_wave(session, cohort, kind, battery, now=clock(), **opened)
            for one in invitations.issue_invitations(session, wave, now=clock()):
                role = session.get_one(Invitation, one.invitation.id).participant.role
                found[f"{role.value} {kind}"] = f"/s/{one.token}"
        for contact in session.scalars(select(Contact)):
            contact.locale = "en"
    return found


@pytest.fixture
def mine(links: dict[str, str]) -> str:
    """The mentor's link, whose partner has a hostile name."""
    return links["mentor T3b"]


@pytest.fixture
def theirs(links: dict[str, str]) -> str:
    """The mentee's link."""
    return links["mentee T3b"]


def code_in(page: str) -> str:
    found = re.search(r'another browser: <bdi dir="ltr" class="code">(\d{4} \d{4})</bdi>', page)
    assert found, text_of(page)
    return found.group(1)


def open_pair(client: FlaskClient, link: str) -> str:
    """Open what the pair shares, and read its code."""
    assert client.post(f"{link}/pair", data={"do": "open"}).status_code == 303
    return code_in(client.get(f"{link}/goals").text)


def log(client: FlaskClient, link: str, **given: str) -> str:
    """Enter a meeting; the address of its page."""
    answer = client.post(f"{link}/meetings", data=MEETING | given)
    assert answer.status_code == 303, text_of(answer.text)
    return str(answer.location).partition("?")[0]


class TestKey:
    def test_the_link_alone_opens_nothing_and_the_code_opens_it_for_the_partner(
        self, client: FlaskClient, app: Flask, mine: str, theirs: str
    ) -> None:
        code = open_pair(client, mine)
        client.post(f"{mine}/goals", data=GOAL)
        partner, thief = app.test_client(), app.test_client()

        for browser, link in ((partner, theirs), (thief, mine), (thief, theirs)):
            page = browser.get(f"{link}/goals").text
            assert "Speak first" not in page
            assert code not in page
        assert thief.post(f"{theirs}/pair", data={"do": "open"}).status_code == 409
        assert partner.post(f"{theirs}/pair", data={"do": "code", "code": "1234"}).status_code == 400
        assert partner.post(f"{theirs}/pair", data={"do": "code", "code": code}).status_code == 303
        assert "Speak first" in partner.get(f"{theirs}/goals").text
        # Whoever answers in this browser has not thereby opened anything, and the other way round.
        thief.post(f"{theirs}/3", data={"BX1": "c:1"})
        assert "Speak first" not in thief.get(f"{theirs}/goals").text
        assert "Speak first" not in thief.get(f"{theirs}/my-data/json").text

    def test_guessing_ends(self, client: FlaskClient, app: Flask, mine: str, theirs: str) -> None:
        code = open_pair(client, mine)
        thief = app.test_client()
        tries = [thief.post(f"{link}/pair", data={"code": "1"}) for link in (mine, theirs) for _ in range(3)]

        assert [one.status_code for one in tries] == [400] * 5 + [429]
        assert thief.post(f"{mine}/pair", data={"code": code}).status_code == 429

    def test_starting_over_needs_a_tick_and_leaves_the_old_browser_outside(
        self, client: FlaskClient, app: Flask, mine: str, theirs: str
    ) -> None:
        open_pair(client, mine)
        client.post(f"{mine}/goals", data=GOAL)
        other = app.test_client()

        asked = other.post(f"{theirs}/pair", data={"do": "over"})
        assert (asked.status_code, "Nothing was deleted." in asked.text) == (400, True)
        assert "Speak first" in client.get(f"{mine}/goals").text
        other.post(f"{theirs}/pair", data={"do": "over", "sure": "y"})
        assert "Add a goal" in other.get(f"{theirs}/goals").text
        for browser, link in ((client, mine), (other, theirs)):
            assert "Speak first" not in browser.get(f"{link}/goals").text
        assert "Neither of us has the code" in client.get(f"{mine}/goals").text


class TestGoals:
    def test_the_page_has_the_colour_and_the_line_of_its_stream(
        self, client: FlaskClient, mine: str, theirs: str
    ) -> None:
        open_pair(client, theirs)
        page = client.get(f"{theirs}/goals").text

        assert 'data-stream="shared"' in page.split("<body>")[0]
        assert "You and Amina Siddiqui both see this." in text_of(page)
        assert f'<li data-stream="shared"><a href="{theirs}/goals">' in client.get(theirs).text
        assert f'<li data-stream="addressed"><a href="{theirs}/meetings">' in client.get(theirs).text

    def test_of_two_who_edit_at_once_the_second_sees_both_versions(
        self, client: FlaskClient, app: Flask, mine: str, theirs: str, write: Write
    ) -> None:
        code, partner = open_pair(client, mine), app.test_client()
        partner.post(f"{theirs}/pair", data={"code": code})
        client.post(f"{mine}/goals", data=GOAL)
        with write() as session:
            place = f"/goals/{session.scalars(select(Goal.id)).one()}"
        ours, hers = {**GOAL, "text": "Mine", "version": "1"}, {**GOAL, "text": "Hers", "version": "1"}
        assert client.post(mine + place, data=ours).status_code == 303
        late = partner.post(theirs + place, data=hers)

        assert late.status_code == 409
        assert "Mine</strong>" in late.text
        assert re.search(r'name="version" value="2"', late.text)
        assert re.search(r"<textarea[^>]*>\nHers</textarea>", late.text)
        assert partner.post(theirs + place, data=hers | {"version": "2"}).status_code == 303
        assert "Hers</strong>" in client.get(f"{mine}/goals").text

    def test_deleting_asks_and_what_was_deleted_meanwhile_is_not_lost(
        self, client: FlaskClient, mine: str, write: Write
    ) -> None:
        open_pair(client, mine)
        client.post(f"{mine}/goals", data=GOAL)
        with write() as session:
            place = f"{mine}/goals/{session.scalars(select(Goal.id)).one()}"
        gone = {"do": "delete", "version": "1"}

        assert client.post(place, data=gone).status_code == 400
        assert client.post(place, data=gone | {"sure": "y"}).status_code == 303
        late = client.post(place, data={**GOAL, "text": HOSTILE, "version": "1"})
        assert late.status_code == 409
        assert "&lt;b&gt;x&lt;/b&gt;" in late.text
        assert "{{ 7*7 }} %(x)s 👩\u200d🔧" in late.text
        assert "<b>x</b>" not in late.text

    def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_is_kept(
        self, client: FlaskClient, app: Flask, mine: str
    ) -> None:
        open_pair(client, mine)
        answer = client.post(f"{mine}/goals", data=GOAL | {"text": "", "level1": "Mostly"})
        assert answer.status_code == 400
        assert 'href="#new-text"' in answer.text
        assert 'id="new-text-error"' in answer.text
        assert "Mostly</textarea>" in answer.text
        # A browser that no longer holds the key loses nothing either.
        locked = app.test_client().post(f"{mine}/goals", data=GOAL | {"level1": HOSTILE})
        assert "Speak first" in locked.text
        assert "&lt;b&gt;x&lt;/b&gt;" in locked.text

    def test_the_pairs_own_levels_stand_beside_the_question_in_the_browser_that_holds_the_key(
        self, client: FlaskClient, app: Flask, mine: str
    ) -> None:
        battery = get_instrument("core-battery", "0.1.0")
        pages = battery.form("T3b", Role.MENTOR, {}).pages
        number = 1 + next(place for place, page in enumerate(pages) if "GAS1" in page.items)
        open_pair(client, mine)
        client.post(f"{mine}/goals", data=GOAL | {"text": HOSTILE})

        page = client.get(f"{mine}/{number}").text
        assert page.count('<div class="goal-card" data-stream="shared">') == 3
        assert "&lt;b&gt;x&lt;/b&gt;" in page
        assert "Every second time" in page
        assert text_of(page).count("Your pair has no such goal.") == 2
        # What is answered here is no part of what the pair shares.
        client.post(f"{mine}/{number}", data={"GAS1": "c:1", "go": "next"})
        assert client.get(f"{mine}/goals").text.count("checked") == 2 * 2

        other = app.test_client().get(f"{mine}/{number}").text
        assert "Every second time" not in other
        assert text_of(other).count("Open your goals in this browser") == 3


class TestMeetings:
    def test_two_parts_in_two_colours_each_saved_by_its_own_form(
        self, client: FlaskClient, app: Flask, mine: str, theirs: str, write: Write
    ) -> None:
        code, partner = open_pair(client, mine), app.test_client()
        place = log(client, mine)
        page = client.get(place).text
        assert list(re.findall(r'class="part" data-stream="(\w+)"', page)) == [
            "confidential", "addressed", "shared",
        ]  # fmt: skip
        assert "In person · 45 minutes" in text_of(page)
        client.post(f"{place}/notes", data={"notes": HOSTILE, "n_agreed": "2", "version": "0"})
        assert "&lt;b&gt;x&lt;/b&gt; {{ 7*7 }}" in client.get(place).text

        there = place.replace(mine, theirs)
        seen = partner.get(there).text
        # Who entered it is for the two alone, and notes go with a meeting: the link is not enough.
        assert "Entered by" not in text_of(seen) + text_of(partner.get(f"{theirs}/meetings").text)
        assert "7*7" not in seen
        for wish in ("confirm", "delete"):
            answer = partner.post(there, data={"do": wish, "sure": "y", "version": "1"})
            assert answer.status_code == 200
        assert "The other one agrees." not in text_of(client.get(place).text)
        partner.post(f"{theirs}/pair", data={"code": code, "back": there.rpartition("/")[2]})
        assert "Entered by Amina Siddiqui" in text_of(partner.get(there).text)
        assert partner.post(there, data={"do": "confirm", "version": "1"}).status_code == 303
        assert "The other one agrees." in text_of(client.get(place).text)
        assert "7*7" in partner.get(there).text
        late = partner.post(f"{there}/notes", data={"notes": "Hers", "version": "0"})
        assert late.status_code == 409
        assert "Hers</textarea>" in late.text
        assert "&lt;b&gt;x&lt;/b&gt;" in late.text
        with write() as session:
            assert session.scalars(select(MeetingNote.n_agreed)).one() == 2

    def test_problems_keep_what_was_typed_and_a_meeting_that_is_gone_loses_no_note(
        self, client: FlaskClient, mine: str
    ) -> None:
        open_pair(client, mine)
        wrong = client.post(f"{mine}/meetings", data=MEETING | {"minutes": "ten"})
        assert (wrong.status_code, 'id="new-minutes-error"' in wrong.text) == (400, True)
        assert 'value="ten"' in wrong.text
        place = log(client, mine)
        unsure = client.post(place, data={"do": "delete", "version": "1"})
        assert (unsure.status_code, "Nothing was deleted." in unsure.text) == (400, True)
        corrected = client.post(place, data=MEETING | {"minutes": "50", "version": "1"})
        assert corrected.status_code == 303
        stale = client.post(place, data=MEETING | {"minutes": "55", "version": "1"})
        assert (stale.status_code, 'value="55"' in stale.text) == (409, True)
        assert client.post(place, data={"do": "delete", "version": "2", "sure": "y"}).status_code == 303

        late = client.post(f"{place}/notes", data={"notes": "Written for long", "version": "0"})
        assert (late.status_code, "Written for long" in late.text) == (409, True)
        assert client.get(place).status_code == 404

    @pytest.mark.parametrize(
        "deep", ["/goals/x", "/meetings/%00", f"/meetings/{'a' * 32}", f"/goals/{'a' * 32}"]
    )
    def test_addresses_that_lead_nowhere(self, client: FlaskClient, mine: str, deep: str) -> None:
        assert client.post(mine + deep, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        if "goals" not in deep or deep.endswith("x"):
            assert client.open(mine + deep, method="GET" if "meet" in deep else "POST").status_code == 404
        assert client.post(f"/s/{'x' * 32}{deep}").status_code == 404

    def test_these_pages_read_nothing_confidential_and_a_visit_writes_nothing(
        self, app: Flask, client: FlaskClient, mine: str
    ) -> None:
        """Answers and a pulse are saved in this very browser, so that there would be something to read."""
        open_pair(client, mine)
        place = log(client, mine)
        client.post(f"{mine}/3", data={"BX1": "c:1", "go": "next"})
        client.post(f"{mine}/pulse", data={"PL5": "c:3"})
        statements: list[str] = []
        listener = lambda *given: statements.append(given[2])  # noqa: E731
        engine = app.extensions[EXTENSION].engine
        event.listen(engine, "before_cursor_execute", listener)
        try:
            for path in (f"{mine}/goals", f"{mine}/meetings", place):
                assert client.get(path).status_code == 200
            assert not any(one.startswith(("INSERT", "UPDATE", "DELETE")) for one in statements)
            forms: dict[str, dict[str, str]] = {
                f"{mine}/goals": GOAL, f"{mine}/meetings": MEETING | {"form_key": "c"}, place: MEETING | {"version": "1"},
                f"{place}/notes": {"notes": "n", "version": "0"}, f"{mine}/pair": {"do": "over", "sure": "y"},
            }  # fmt: skip
            assert {client.post(path, data=form).status_code for path, form in forms.items()} == {303}
            assert [one for one in statements if "confidential_" in one or "pseudonym" in one] == []
            # The control: the page of the pulse does read them.
            client.get(f"{mine}/pulse")
            assert any("confidential_" in one for one in statements)
        finally:
            event.remove(engine, "before_cursor_execute", listener)


class TestPulse:
    def send(self, client: FlaskClient, link: str, **given: str) -> Any:
        return client.post(f"{link}/pulse", data=given or {"PS2": "c:4", "form_key": "f" * 32})

    def count(self, write: Write) -> int:
        with write() as session:
            return len(session.scalars(select(Response.key)).all())

    def test_asks_again_after_ten_days_and_another_browser_at_once(
        self, client: FlaskClient, app: Flask, mine: str, write: Write, clock: Any
    ) -> None:
        place = log(client, mine)
        assert f'href="{mine}/pulse"' in client.get(place).text
        assert self.send(client, mine).status_code == 303

        after = client.get(f"{mine}/pulse").text
        assert "Thank you, your answers were received" in after
        assert "<fieldset" not in after
        assert f'href="{mine}/pulse"' not in client.get(place).text
        self.send(client, mine, PS2="c:1")
        assert self.count(write) == 1
        clock.forward(days=9)
        assert "<fieldset" not in client.get(f"{mine}/pulse").text
        assert "<fieldset" in app.test_client().get(f"{mine}/pulse").text
        clock.forward(days=1)
        assert f'href="{mine}/pulse"' in client.get(place).text
        self.send(client, mine, PS2="c:1")
        assert self.count(write) == 2

    def test_nobody_else_can_tell_whether_it_was_answered(
        self, client: FlaskClient, app: Flask, links: dict[str, str], mine: str, theirs: str
    ) -> None:
        """Pages of the partner, and of whoever holds a link, are the same byte for byte but for the keys of forms."""
        place = log(client, mine)
        there = place.replace(mine, theirs)
        addresses = [
            f"{link}{deep}"
            for link in (mine, theirs)
            for deep in ("", "/pulse", "/meetings", "/my-data", "/withdraw")
        ]
        addresses += [place, there, links["mentor PL"], links["mentor PL"] + "/pulse"]

        def pages() -> list[str]:
            other = app.test_client()
            strip = re.compile(r'name="form_key" value="\w+"')
            return [strip.sub("", other.get(address).text) for address in addresses]

        before = pages()
        self.send(client, mine)
        assert pages() == before
        # The control: this browser's own page has changed.
        assert "<fieldset" not in client.get(f"{mine}/pulse").text
        answers = [self.send(app.test_client(), link) for link in (mine, theirs)]
        assert [one.status_code for one in answers] == [303, 303]

    def test_a_pulse_opens_and_erases_nothing_else_of_the_person(
        self, client: FlaskClient, app: Flask, links: dict[str, str], mine: str, write: Write
    ) -> None:
        """Whoever has a link can always add one, also when the person has answered everything."""
        client.post(f"{mine}/3", data={"BX1": "c:1", "go": "next"})
        client.post(f"{mine}/write", data={"kind": "free", "text": "Only for her."})
        log(client, mine)
        open_pair(client, mine)
        thief = app.test_client()
        for link in (mine, links["mentor PL"]):
            self.send(thief, link)
            for kind in ("messages", "meetings", "json"):
                file = thief.get(f"{link}/my-data/{kind}").text
                assert "Only for her." not in file
                assert "2026-03-01,yes" not in file
            thief.post(f"{link}/leave")
            assert thief.get(link).status_code == 200
        # The control: the browser that answered the questionnaire, wrote the message and holds the key of the pair.
        assert "Only for her." in client.get(f"{mine}/my-data/messages").text
        assert "2026-03-01,yes" in client.get(f"{mine}/my-data/meetings").text
        client.post(f"{mine}/leave")
        assert client.get(mine).status_code == 410

    def test_a_change_of_language_keeps_what_was_chosen_and_sends_nothing(
        self, client: FlaskClient, mine: str, write: Write
    ) -> None:
        page = client.post(f"{mine}/pulse?lang=de", data={"PS2": "c:4", "language": "de"}).text

        assert '<html lang="de"' in page
        assert re.search(r'name="PS2" value="c:4"[^>]* checked', page)
        assert self.count(write) == 0

    def test_what_is_wrong_is_said_and_nothing_is_kept(
        self, client: FlaskClient, mine: str, write: Write, clock: Any
    ) -> None:
        assert self.send(client, mine, PS2="").status_code == 400
        wrong = self.send(client, mine, PS2="c:99", PL2="c:4")
        assert (wrong.status_code, 'id="PS2-error"' in wrong.text) == (400, True)
        assert re.search(r'name="PL2" value="c:4"[^>]* checked', wrong.text)
        clock.forward(days=91)
        late = self.send(client, mine)
        assert late.status_code == 409
        assert "This questionnaire is closed" in late.text
        assert self.count(write) == 0

    def test_it_can_be_taken_back_here_and_by_its_own_link(
        self, client: FlaskClient, links: dict[str, str], write: Write
    ) -> None:
        pulse = links["mentor PL"]
        for place in (f"{pulse}/pulse/withdraw", f"{pulse}/withdraw"):
            self.send(client, pulse)
            client.post(place)
            assert self.count(write) == 0
            assert client.post(place).status_code == 303
            for name in [cookie.key for cookie in client._cookies.values() if cookie.key.startswith("mark_")]:
                client.delete_cookie(name, path="/s/")

    def test_other_pages_of_its_own_link_lead_to_it_and_other_cohorts_have_none(
        self, client: FlaskClient, links: dict[str, str], seeded: Any
    ) -> None:
        pulse = links["mentor PL"]
        for method, deep in (
            ("GET", "/1"),
            ("POST", "/1"),
            ("GET", "/review"),
            ("POST", "/review"),
            ("GET", "/thanks"),
        ):
            answer = client.open(pulse + deep, method=method)
            assert (answer.status_code, answer.location) == (303, f"{pulse}/pulse")
        assert f'href="{pulse}/pulse"' in client.get(pulse).text
        assert client.get(f"/s/{seeded.tokens['scheduled mentor']}/pulse").status_code == 404


def test_a_long_name_and_a_name_that_is_gone_leave_the_pages_whole(
    client: FlaskClient, mine: str, write: Write
) -> None:
    open_pair(client, mine)
    place = log(client, mine)
    with write() as session:
        pair = session.scalars(select(Meeting)).one().pair_id
        partner = session.scalars(select(Contact).where(Contact.email == "e-open@x.org")).one()
        assert pair
        partner.name = "\u202e<i>" + "W" * 190
    for address in (f"{mine}/goals", f"{mine}/meetings", place, f"{mine}/pulse"):
        page = client.get(address)
        assert page.status_code == 200
        assert "<i>" not in page.text
    with write() as session:
        session.delete(session.merge(partner))
    assert "You and your partner both see this." in text_of(client.get(f"{mine}/goals").text)


class TestCoordinator:
    def test_reads_how_often_and_when_pairs_met_and_nothing_of_their_own(
        self, client: FlaskClient, app: Flask, mine: str, sign_in: Any, write: Write
    ) -> None:
        open_pair(client, mine)
        client.post(f"{mine}/goals", data=GOAL)
        place = log(client, mine)
        log(client, mine, form_key="2", held_on="2026-02-20", took_place="no")
        client.post(f"{place}/notes", data={"notes": "Only ours", "next_on": "2026-04-17", "version": "0"})
        with write() as session:
            cohort = session.scalars(select(Cohort.id).where(Cohort.name == "open")).one()
        desk = app.test_client()
        sign_in(desk)

        page = text_of(desk.get(f"/coordinate/spring/cohorts/{cohort}/").text)
        assert "1 of 2 March 1, 2026 In person · 45 minutes" in page
        for own in ("Only ours", "Speak first", "April 17", "Entered by"):
            assert own not in page

    def test_closes_a_wave_of_pulses_calmly_and_nothing_is_published(
        self, client: FlaskClient, app: Flask, mine: str, links: dict[str, str], sign_in: Any, write: Write
    ) -> None:
        client.post(f"{mine}/pulse", data={"PL5": "c:3"})
        desk = app.test_client()
        sign_in(desk)
        with write() as session:
            pulses = session.scalars(select(Wave).where(Wave.kind == "PL")).one()
            place, cohort = f"/coordinate/spring/waves/{pulses.id}/", pulses.cohort_id
        assert "Pulses are not shown as numbers in this version." in text_of(desk.get(place).text)
        asked = desk.get(f"{place}close").text
        assert "Pulses are not shown as numbers in this version." in text_of(asked)
        token = re.search(r'name="csrf_token" value="([^"]+)"', asked)
        assert token
        closed = desk.post(f"{place}close", data={"csrf_token": token.group(1)}, follow_redirects=True)

        assert (closed.status_code, "The wave is closed." in closed.text) == (200, True)
        assert "Freeze results" not in closed.text
        assert "not shown as numbers" in desk.get(f"/coordinate/spring/cohorts/{cohort}/").text
        with write() as session:
            assert session.scalars(select(Release)).all() == []
            assert session.get_one(Wave, pulses.id).closed_at is not None
