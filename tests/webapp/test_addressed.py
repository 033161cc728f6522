"""What is written through a link besides answers: shown once, never again, and never mixed with answers."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from instruments.model import WaveKind
from surveys.models import (
    Contact,
    Extension,
    ExtensionWish,
    MediationOutcome,
    Message,
    Pair,
    TrialDecision,
    Wave,
)
from webapp.database import EXTENSION

SECRET = "Nobody else may read this."


def text_of(page: str) -> str:
    """What a reader sees, roughly."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


def key_of(page: str) -> str:
    match = re.search(r'name="form_key" value="([0-9a-f]{32})"', page)
    assert match
    return match.group(1)


@pytest.fixture
def become(write: Callable[[], Session]) -> Callable[[WaveKind], None]:
    """Lets the toy questionnaire's open wave, which has neither, stand for a trial check or the end."""

    def change(kind: WaveKind) -> None:
        with write() as session:
            for wave in session.scalars(select(Wave)):
                wave.kind = kind

    return change


@pytest.fixture
def toy_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks at every wave what the toy questionnaire asks at mid-programme."""
    from instruments.model import Instrument

    ask, has = Instrument.form, Instrument.has_form
    monkeypatch.setattr(
        Instrument, "form", lambda self, _wave, role, picks=None: ask(self, WaveKind.T2, role, picks)
    )
    monkeypatch.setattr(Instrument, "has_form", lambda self, _wave, role: has(self, WaveKind.T2, role))


def count(write: Callable[[], Session], table: type) -> int:
    with write() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


class TestWriting:
    def test_the_page_says_who_reads_it_and_has_the_colour_of_its_stream(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(f"{mentee}/write").text

        assert 'data-stream="addressed"' in page.split("<body>")[0]
        assert "You are writing to the coordinator, with your name." in text_of(page)
        assert "Read by: Coordinator" in text_of(page)
        assert "anonym" not in page.lower()

    def test_a_message_is_shown_once_and_never_again(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        key = key_of(client.get(f"{mentee}/write").text)
        answer = client.post(f"{mentee}/write", data={"kind": "free", "text": SECRET, "form_key": key})

        assert answer.status_code == 200
        assert SECRET in answer.text
        assert count(write, Message) == 1
        for deep in ("", "/write", "/my-data", "/review", "/1", "/withdraw"):
            assert SECRET not in client.get(mentee + deep).text

    def test_the_page_is_the_same_byte_for_byte_before_and_after_but_for_its_key(
        self, client: FlaskClient, mentee: str
    ) -> None:
        def page() -> str:
            text = client.get(f"{mentee}/write").text
            return text.replace(key_of(text), "")

        before = page()
        for kind in ("contact", "mediation", "leaving"):
            client.post(f"{mentee}/write", data={"kind": kind, "form_key": "x"})

        assert page() == before

    def test_the_same_form_in_two_tabs_makes_one_message_and_says_the_same(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        form = {"kind": "free", "text": "Hello", "form_key": key_of(client.get(f"{mentee}/write").text)}

        first, second = (client.post(f"{mentee}/write", data=form) for _ in range(2))

        assert first.text == second.text
        assert count(write, Message) == 1

    def test_it_works_when_the_questionnaire_is_closed_or_still_to_come(
        self, client: FlaskClient, seeded, clock, write: Callable[[], Session]
    ) -> None:
        clock.forward(days=2)
        for name in ("brief mentee", "scheduled mentee"):
            link = f"/s/{seeded.tokens[name]}"
            assert 'href="' + f"{link}/write" in client.get(link).text
            assert client.post(f"{link}/write", data={"kind": "contact"}).status_code == 200
        assert count(write, Message) == 2

    @pytest.mark.parametrize(
        ("form", "sentence", "target"),
        [
            ({"text": SECRET}, "It is not said what the message is about.", "kind"),
            ({"kind": "trial_end", "text": SECRET}, "It is not said what the message is about.", "kind"),
            ({"kind": "free", "text": " \x00\u202e "}, "The message has no text.", "text"),
            ({"kind": "contact", "text": "é" * 2001}, "2001 characters long; 2000 are allowed", "text"),
        ],
    )
    def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session],
        form: dict[str, str], sentence: str, target: str,
    ) -> None:  # fmt: skip
        answer = client.post(f"{mentee}/write", data={**form, "form_key": "f" * 32})

        assert answer.status_code == 400
        assert sentence in text_of(answer.text)
        assert f'href="#{target}"' in answer.text
        assert f'id="{target}-error"' in answer.text
        assert form["text"].replace("\x00", "").strip("\u202e ") in answer.text
        assert key_of(answer.text) == "f" * 32
        if form.get("kind") in {"free", "contact"}:
            assert re.search(rf'value="{form["kind"]}"[^>]* checked', answer.text)
        assert count(write, Message) == 0

    def test_hostile_words_do_nothing(self, client: FlaskClient, mentee: str) -> None:
        words = "<script>alert(1)</script>\u202eevil\x07 {{ 7*7 }} %(x)s"

        page = client.post(f"{mentee}/write", data={"kind": "free", "text": words}).text

        assert "&lt;script&gt;alert(1)&lt;/script&gt;evil {{ 7*7 }} %(x)s" in page
        assert not {"\u202e", "\x07"} & set(page)

    def test_a_flood_ends(self, client: FlaskClient, mentee: str) -> None:
        statuses = [
            client.post(f"{mentee}/write", data={"kind": "free", "text": f"{n}"}).status_code
            for n in range(22)
        ]

        assert statuses == [200] * 20 + [429] * 2

    @pytest.mark.parametrize("deep", ["/write", "/mediation", "/decision", "/extension"])
    def test_other_sites_and_unknown_links_are_refused(
        self, client: FlaskClient, mentee: str, deep: str, become: Callable[[WaveKind], None]
    ) -> None:
        form = {"kind": "contact", "result": "resolved", "choice": "end", "wish": "yes"}

        assert (
            client.post(mentee + deep, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        )
        assert client.post(f"/s/{'x' * 32}{deep}", data=form).status_code == 404

    def test_a_visit_alone_writes_nothing_and_no_page_reads_answers(
        self, app, client: FlaskClient, mentee: str, become: Callable[[WaveKind], None], toy_forms: None
    ) -> None:
        """Answers are saved in this very browser, so that there would be something to read."""
        client.post(f"{mentee}/1", data={"A1": "c:1", "go": "next"})
        statements: list[str] = []
        listener = lambda *given: statements.append(given[2])  # noqa: E731
        engine = app.extensions[EXTENSION].engine
        event.listen(engine, "before_cursor_execute", listener)
        try:
            for kind, deep in (
                (WaveKind.TC, "/decision"),
                (WaveKind.T3A, "/extension"),
                (WaveKind.T3B, "/write"),
            ):
                become(kind)
                statements.clear()
                assert client.get(mentee + deep).status_code == 200
                assert [one for one in statements if "confidential_" in one or "pseudonym" in one] == []
                assert not any(one.startswith(("INSERT", "UPDATE", "DELETE")) for one in statements)
            # The control: the page of the questionnaire does read them.
            client.get(mentee)
            assert any("confidential_" in one for one in statements)
        finally:
            event.remove(engine, "before_cursor_execute", listener)


class TestMediation:
    def test_the_answer_is_the_same_whether_there_was_one_or_not(
        self, client: FlaskClient, mentee: str, mentor: str, write: Callable[[], Session]
    ) -> None:
        client.post(f"{mentee}/write", data={"kind": "mediation"})
        with write() as session:
            session.scalars(select(Message)).one().state = "closed"
        pages = [
            client.post(f"{link}/mediation?lang=en", data={"result": "partly"}).text
            for link in (mentee, mentor)
        ]

        strip = re.compile(r"/s/[\w-]+")
        assert strip.sub("", pages[0]) == strip.sub("", pages[1])
        assert count(write, MediationOutcome) == 1
        assert client.post(f"{mentee}/mediation", data={"result": "fine"}).status_code == 400


@pytest.mark.usefixtures("toy_forms")
class TestDecision:
    @pytest.fixture(autouse=True)
    def trial_check(self, become: Callable[[WaveKind], None], seeded) -> None:
        become(WaveKind.TC)

    def test_says_beforehand_who_reads_it_and_that_a_partner_may_guess(
        self, client: FlaskClient, mentee: str
    ) -> None:
        words = text_of(client.get(f"{mentee}/decision").text)

        assert "Your pair goes on only if both of you choose to continue." in words
        assert "the coordinator reads what you chose and wrote, with your name" in words
        assert "may be able to guess" in words
        assert "a talk alone proves nothing" in words

    def test_the_newest_choice_is_kept_and_no_earlier_one_is_ever_shown(
        self, client: FlaskClient, mentee: str, write: Callable[[], Session]
    ) -> None:
        before = client.get(f"{mentee}/decision").text
        for choice, text in (("end", SECRET), ("talk", "Later.")):
            answer = client.post(f"{mentee}/decision", data={"choice": choice, "text": text})
            assert (answer.status_code, text in answer.text) == (200, True)

        assert client.get(f"{mentee}/decision").text == before
        with write() as session:
            kept = session.scalars(select(TrialDecision)).one()
            assert (kept.choice.value, kept.body) == ("talk", "Later.")

    def test_the_way_there_is_on_the_first_page_in_the_colour_of_its_stream(
        self, client: FlaskClient, mentee: str
    ) -> None:
        page = client.get(mentee).text

        assert f'<li data-stream="addressed"><a href="{mentee}/decision">' in page

    def test_after_the_end_nothing_is_saved_and_what_was_typed_is_shown(
        self, client: FlaskClient, mentee: str, clock, write: Callable[[], Session]
    ) -> None:
        clock.forward(days=20)

        page = client.get(f"{mentee}/decision")
        answer = client.post(f"{mentee}/decision", data={"choice": "help", "text": SECRET})

        assert (page.status_code, answer.status_code) == (200, 409)
        assert "<form" not in page.text
        assert "The time to decide is over, so nothing was saved." in answer.text
        assert SECRET in answer.text
        assert count(write, TrialDecision) == 0
        assert "/decision" not in client.get(mentee).text

    def test_nothing_chosen_is_no_choice(self, client: FlaskClient, mentee: str) -> None:
        answer = client.post(f"{mentee}/decision", data={"text": SECRET})

        assert answer.status_code == 400
        assert "Nothing was chosen." in answer.text
        assert SECRET in answer.text


def test_decision_and_extension_are_no_pages_of_other_waves(client: FlaskClient, mentee: str) -> None:
    for deep in ("/decision", "/extension"):
        assert client.get(mentee + deep).status_code == 404
        assert client.post(mentee + deep, data={"choice": "end", "wish": "yes"}).status_code == 404


@pytest.mark.usefixtures("toy_forms")
class TestExtension:
    @pytest.fixture(autouse=True)
    def the_end(self, become: Callable[[WaveKind], None], seeded) -> None:
        become(WaveKind.T3A)

    def test_says_beforehand_what_can_be_inferred(self, client: FlaskClient, mentee: str) -> None:
        page = client.get(f"{mentee}/extension").text

        assert 'data-stream="shared"' in page.split("<body>")[0]
        assert "Whoever says yes and hears nothing can infer" in text_of(page)

    def test_the_pages_are_the_same_whatever_was_said_until_both_have_said_yes(
        self, client: FlaskClient, mentee: str, mentor: str, write: Callable[[], Session]
    ) -> None:
        places = [f"{link}{deep}?lang=en" for link in (mentee, mentor) for deep in ("", "/extension")]
        before = [client.get(place).text for place in places]
        for wish in ("yes", "no", "yes"):
            answer = client.post(f"{mentee}/extension?lang=en", data={"wish": wish})
            assert f"You said {wish}." in answer.text
            assert [client.get(place).text for place in places] == before

        told = client.post(f"{mentor}/extension?lang=en", data={"wish": "yes"}).text

        assert "Both of you want to go on" in told
        assert count(write, ExtensionWish) == 0
        assert count(write, Extension) == 1
        for place in places:
            assert "both want to go on together: agreed on" in client.get(place).text or (
                "Both of you want to go on" in client.get(place).text
            )

    def test_nothing_chosen_and_too_late_are_said(self, client: FlaskClient, mentee: str, clock) -> None:
        assert client.post(f"{mentee}/extension").status_code == 400
        clock.forward(days=20)
        assert client.post(f"{mentee}/extension", data={"wish": "yes"}).status_code == 409
        assert "<form" not in client.get(f"{mentee}/extension").text


def test_without_a_partners_name_the_pages_still_read_well(
    client: FlaskClient, mentee: str, write: Callable[[], Session], seeded
) -> None:
    with write() as session:
        for pair in session.scalars(select(Pair)):
            session.delete(session.get_one(Contact, pair.mentor_id))

    assert client.get(f"{mentee}/write").status_code == 200
    assert client.post(f"{mentee}/write", data={"kind": "mediation"}).status_code == 200


def test_the_days_of_a_link_are_the_days_of_writing(client: FlaskClient, mentee: str, clock) -> None:
    clock.forward(days=9 + 89)
    assert client.get(f"{mentee}/write").status_code == 200
    clock.moment += timedelta(days=2)
    assert client.get(f"{mentee}/write").status_code == 410
