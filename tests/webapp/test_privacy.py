"""What participants are told is made from the configuration, in their language, and a response remembers it."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import programs
from surveys.models import ContactKind, Goal, Pair, PrivacyStatement, Response
from surveys.program_contacts import set_program_contact
from webapp import create_app
from webapp.config import ConfigError
from webapp.i18n import interface_locales

Write = Callable[[], Session]

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def text_of(page: str) -> str:
    """What a reader sees, roughly: without tags and with single blanks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


def digest_in(page: str) -> str:
    """The statement that a page was shown with."""
    found = re.search(r'name="statement" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found.group(1)


def answer(client: FlaskClient, link: str, lang: str = "en", item: str = "A1") -> None:
    """Save a page as a browser does, with the statement that it was shown with."""
    page = client.get(f"{link}/1?lang={lang}").text
    sent = client.post(f"{link}/1?lang={lang}", data={item: "c:1", "statement": digest_in(page)})
    assert sent.status_code == 303


def name_somebody(write: Write, kind: ContactKind, name: str = "Sam Safe", reach: str = "ext. 1") -> None:
    with write() as session:
        set_program_contact(
            session, programs.find_program(session, "spring"), kind, name=name, reach=reach, now=NOW
        )


def noted(write: Write) -> list[str | None]:
    with write() as session:
        return list(session.scalars(select(Response.statement_digest)))


class TestPages:
    def test_every_participant_page_leads_to_the_page_on_privacy(
        self, client: FlaskClient, mentee: str
    ) -> None:
        answer(client, mentee)
        for deep in ("", "/1", "/review", "/my-data", "/withdraw"):
            assert f'href="{mentee}/privacy"' in client.get(mentee + deep).text
        assert client.get(f"{mentee}/privacy").status_code == 200

    def test_it_says_what_is_configured(self, client: FlaskClient, mentee: str, write: Write) -> None:
        before = text_of(client.get(f"{mentee}/privacy").text)
        name_somebody(write, ContactKind.SAFEGUARDING)
        name_somebody(write, ContactKind.EXTERNAL, "Helpline <b>", "0800 1")
        page = client.get(f"{mentee}/privacy").text
        words = text_of(page)

        assert "named nobody yet" in before
        assert "Whom you can turn to" not in before
        assert "Sam Safe, never to the coordinator" in words
        assert "Outside the organisation: Helpline <b>, 0800 1." in words
        assert "Helpline <b>" not in page
        assert "at least 6 people from as many pairs; on sensitive questions at least 10" in words
        assert "until 90 days after the last questionnaire" in words
        assert "including Amina Siddiqui and the coordinator" in words

    def test_the_first_page_names_every_exception_before_the_first_question(
        self, client: FlaskClient, mentee: str
    ) -> None:
        words = text_of(client.get(mentee).text)

        assert "a court order" in words
        assert "serious harm" in words
        assert "selection, appraisal, promotion or pay" in words

    def test_a_hostile_name_of_the_partner_stays_text(self, client: FlaskClient, mentor: str) -> None:
        page = client.get(f"{mentor}/privacy?lang=en").text

        assert "<script>alert" not in page
        assert "<bdi>&lt;script&gt;alert" in page

    def test_another_language_is_whole(self, client: FlaskClient, mentee: str) -> None:
        page = client.get(f"{mentee}/privacy?lang=ur").text

        assert 'dir="rtl"' in page
        assert "ur:Nobody in your organisation" in page
        assert not re.search(r"<li>[A-Z]", page)

    @pytest.mark.parametrize(("months", "said"), [(1, "1 month after"), (7, "7 months after")])
    def test_the_times_are_those_of_the_settings(
        self, app: Flask, mentee: str, months: int, said: str
    ) -> None:
        app.config["RETENTION"] = {"comments_months": months}

        for deep in ("/my-data", "/privacy"):
            words = text_of(app.test_client().get(mentee + deep).text)
            assert f"What you wrote in your own words: {said} your meetings end" in words
            assert "12 months after your meetings end" not in words

    def test_settings_that_promise_more_than_is_allowed_do_not_start(self) -> None:
        with pytest.raises(ConfigError, match="VICEVERSA_RETENTION"):
            create_app({"SECRET_KEY": "s" * 32, "LINK_KEY": b"k" * 32, "RETENTION": {"link_days": 91}})

    def test_after_everything_was_deleted_no_link_leads_nowhere(
        self, client: FlaskClient, mentee: str
    ) -> None:
        answer(client, mentee)

        page = client.post(f"{mentee}/leave").text

        assert "Your answers are deleted" in page
        assert "/privacy" not in page


class TestWhatWasRead:
    def test_looking_keeps_nothing_and_answering_keeps_every_language(
        self, client: FlaskClient, app: Flask, mentee: str, write: Write
    ) -> None:
        client.get(f"{mentee}/privacy")
        with write() as session:
            assert session.scalars(select(PrivacyStatement)).all() == []

        answer(client, mentee, "ur")

        with app.app_context():
            toy = get_instrument("toy", "0.1.0", folders=app.config["INSTRUMENT_FOLDERS"])
            offered = set(interface_locales()) & set(toy.locales)
        with write() as session:
            rows = session.scalars(select(PrivacyStatement)).all()
        # One language alone would tell that somebody reads it.
        assert len(offered) > 1
        assert {row.locale for row in rows} == offered
        assert len({row.promise for row in rows}) == 1
        (mine,) = [row for row in rows if row.digest in noted(write)]
        assert mine.locale == "ur"
        assert "Amina" not in mine.body
        assert "<" not in mine.body
        assert "ur:your partner" in mine.body

    def test_both_partners_and_a_second_look_have_the_same_digest(
        self, client: FlaskClient, app: Flask, mentee: str, mentor: str, write: Write
    ) -> None:
        answer(client, mentee)
        answer(app.test_client(), mentor)

        assert len(noted(write)) == 2
        assert len(set(noted(write))) == 1

    def test_whoever_goes_on_under_another_promise_is_shown_it_first(
        self, client: FlaskClient, mentee: str, write: Write
    ) -> None:
        answer(client, mentee)
        (before,) = noted(write)
        assert "was changed since you began" not in client.get(f"{mentee}/2").text

        name_somebody(write, ContactKind.SAFEGUARDING)
        for deep in ("", "/2", "/review"):
            page = client.get(mentee + deep).text
            assert "was changed since you began" in page
            assert "Sam Safe" in page
        client.get(f"{mentee}/privacy")
        assert noted(write) == [before]

        page = client.get(f"{mentee}/review").text
        client.post(f"{mentee}/review", data={"statement": digest_in(page)})

        assert noted(write) == [digest_in(page)]
        assert noted(write) != [before]
        assert "was changed since you began" not in client.get(mentee).text

    def test_a_page_that_was_open_while_the_promise_changed_notes_what_was_read(
        self, client: FlaskClient, app: Flask, mentee: str, write: Write
    ) -> None:
        answer(client, mentee)
        old = digest_in(client.get(f"{mentee}/1").text)
        name_somebody(write, ContactKind.SAFEGUARDING)

        client.post(f"{mentee}/1", data={"A1": "c:2", "statement": old})

        assert noted(write) == [old]
        assert "was changed since you began" in client.get(f"{mentee}/2").text

    def test_a_forged_digest_is_not_noted(self, client: FlaskClient, mentee: str, write: Write) -> None:
        client.post(f"{mentee}/1", data={"A1": "c:1", "statement": "f" * 64})
        client.post(f"{mentee}/2", data={"B1": "c:1"})

        assert noted(write) == [None]

    def test_another_language_is_no_other_promise(
        self, client: FlaskClient, mentee: str, write: Write
    ) -> None:
        answer(client, mentee, "en")
        before = noted(write)

        assert "was changed since you began" not in client.get(f"{mentee}/1?lang=ur").text
        answer(client, mentee, "ur", "A2")
        assert noted(write) == before

    def test_a_shorter_time_stays_promised_when_the_settings_are_made_longer(
        self, app: Flask, client: FlaskClient, mentee: str
    ) -> None:
        app.config["RETENTION"] = {"link_days": 30}
        answer(client, mentee)
        app.config["RETENTION"] = {}

        page = client.get(f"{mentee}/my-data").text

        assert "until 30 days after the last questionnaire" in text_of(page)
        assert "was changed since you began" not in client.get(f"{mentee}/1").text


class TestMessagesAndGoals:
    @pytest.fixture
    def written(self, client: FlaskClient, mentee: str, write: Write) -> None:
        with write() as session:
            pair = next(one for one in session.scalars(select(Pair)) if one.cohort.name == "open")
            session.add(Goal(pair_id=pair.id, position=1, text="Learn to listen", levels=["a"], weight=1))
        client.post(f"{mentee}/write", data={"kind": "free", "text": "Please call me.", "form_key": "a" * 32})

    @pytest.mark.usefixtures("written")
    def test_they_are_in_the_files_of_the_browser_that_wrote_them_or_holds_the_key(
        self, client: FlaskClient, mentee: str
    ) -> None:
        answer(client, mentee)
        assert json.loads(client.get(f"{mentee}/my-data/json").text)["goals_shared_in_the_pair"] == []
        client.post(f"{mentee}/pair", data={"do": "open"})
        page = client.get(f"{mentee}/my-data").text
        content = json.loads(client.get(f"{mentee}/my-data/json").text)

        assert content["messages_to_the_coordinator"][0]["text"] == "Please call me."
        assert content["goals_shared_in_the_pair"][0]["goal"] == "Learn to listen"
        for kind, words in (("messages", "Please call me."), ("goals", "Learn to listen")):
            assert f'href="{mentee}/my-data/{kind}"' in page
            file = client.get(f"{mentee}/my-data/{kind}")
            assert words in file.text
            assert file.headers["Content-Disposition"] == f"attachment; filename=my-{kind}.csv"

    @pytest.mark.usefixtures("written")
    def test_the_link_alone_opens_none_of_it_and_tells_nothing(self, app: Flask, mentee: str) -> None:
        stranger = app.test_client()
        answer(stranger, mentee)

        page = stranger.get(f"{mentee}/my-data").text

        assert "my-data/messages" not in page
        assert "Learn to listen" not in page
        for kind in ("messages", "goals", "json"):
            file = stranger.get(f"{mentee}/my-data/{kind}").text
            assert "Please call me." not in file
            assert "Learn to listen" not in file


def test_a_statement_is_put_into_words_anew_when_a_catalogue_changes(
    app: Flask, client: FlaskClient, mentee: str, tmp_path: Path
) -> None:
    """Words are kept for as long as a process lives; what is noted as read must still be what the page says."""
    folder = tmp_path / "translations"
    shutil.copytree(app.config["TRANSLATIONS_FOLDER"], folder)
    app.config["TRANSLATIONS_FOLDER"] = folder
    first, again = (digest_in(client.get(f"{mentee}/1?lang=de").text) for _ in range(2))
    assert first == again

    file = folder / "de" / "LC_MESSAGES" / "messages.po"
    text, sentence = file.read_text("utf-8"), 'msgid "Your answers are confidential."\nmsgstr "'
    assert sentence in text
    file.write_text(text.replace(sentence, sentence + "Wirklich: "), "utf-8")

    assert "Wirklich: " in client.get(f"{mentee}?lang=de").text
    assert digest_in(client.get(f"{mentee}/1?lang=de").text) != first
