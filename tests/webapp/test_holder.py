"""A link in other hands: it opens an empty questionnaire and never what somebody has saved."""

import re
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.participate import views
from webapp.participate.visit import Visit, open_visit


def code_on(page: str) -> str:
    """The code that the page shows to the browser that holds the answers."""
    found = re.search(r"(\d{4} \d{4})", unescape(re.sub(r"<[^>]+>|[\u2066-\u2069]", "", page)))
    assert found, page
    return found.group(1)


def saved_choice(client: FlaskClient, link: str) -> bool:
    return 'value="c:5" checked' in client.get(f"{link}/1").text


def begin(client: FlaskClient, link: str) -> None:
    assert client.post(f"{link}/1", data={"A1": "c:5", "go": "next"}).status_code == 303


def test_the_browser_that_answered_reads_its_answers_again(client: FlaskClient, mentee: str) -> None:
    begin(client, mentee)

    assert saved_choice(client, mentee)


def test_another_browser_sees_what_it_would_see_if_nothing_had_been_saved(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    """Byte for byte: a link tells its next reader neither the answers nor whether there are any."""
    addresses = (mentee, f"{mentee}/1", f"{mentee}/review", f"{mentee}/thanks", f"{mentee}/withdraw")
    before = [app.test_client().get(address).data for address in addresses]
    begin(client, mentee)
    begun = [app.test_client().get(address).data for address in addresses]
    assert client.post(f"{mentee}/review").status_code == 303
    sent = [app.test_client().get(address).data for address in addresses]
    client.post(f"{mentee}/withdraw")
    withdrawn = [app.test_client().get(address).data for address in addresses]

    assert before == begun == sent == withdrawn
    assert client.get(mentee).data != before[0]


def test_a_code_typed_where_nothing_is_saved_looks_like_a_wrong_one(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    data = {"do": "code", "code": "12345678"}
    before = app.test_client().post(f"{mentee}/elsewhere", data=data)
    begin(client, mentee)
    after = app.test_client().post(f"{mentee}/elsewhere", data=data)

    assert (before.status_code, before.data) == (after.status_code, after.data) == (400, before.data)


def test_a_wrong_code_keeps_what_was_typed_and_looks_alike_whether_or_not_anything_is_saved(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    typed = {"do": "code", "code": "12345678", "page": "1", "A1": "c:5"}
    before = app.test_client().post(f"{mentee}/elsewhere", data=typed)
    begin(client, mentee)
    after = app.test_client().post(f"{mentee}/elsewhere", data=typed)

    assert (before.status_code, before.data) == (after.status_code, after.data) == (400, before.data)
    assert '<input type="hidden" name="A1" value="c:5">' in after.text
    assert "What you chose on this page" in after.text
    assert 'value="over"' in after.text


def test_another_browser_cannot_save_send_or_leave_and_what_was_typed_is_shown(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    begin(client, mentee)
    other = app.test_client()

    page = other.post(f"{mentee}/1", data={"A1": "c:1", "go": "next"})
    sent = other.post(f"{mentee}/review")
    left = other.post(f"{mentee}/leave")
    assert "given in another browser" not in other.get(mentee).text
    assert "begun in another browser" in page.text

    assert (page.status_code, sent.status_code, left.status_code) == (409, 400, 303)
    assert "What you chose on this page" in page.text
    assert saved_choice(client, mentee)


def test_the_code_lets_a_second_device_go_on(app: Flask, client: FlaskClient, mentee: str) -> None:
    begin(client, mentee)
    code = code_on(client.get(mentee).text)
    other = app.test_client()

    answer = other.post(f"{mentee}/elsewhere", data={"do": "code", "code": code.replace(" ", "")})

    assert answer.status_code == 303
    assert saved_choice(other, mentee)
    assert saved_choice(client, mentee)


def test_codes_cannot_be_tried_without_end(app: Flask, client: FlaskClient, mentee: str) -> None:
    begin(client, mentee)
    code = code_on(client.get(mentee).text)
    other = app.test_client()

    statuses = [
        other.post(f"{mentee}/elsewhere", data={"do": "code", "code": guess}).status_code
        for guess in ("", "0000 0000", "x", "1", "9" * 40)
    ]
    right_but_late = other.post(f"{mentee}/elsewhere", data={"do": "code", "code": code})

    assert statuses == [400] * 5
    assert right_but_late.status_code == 429
    assert not saved_choice(other, mentee)


def test_starting_over_deletes_what_was_saved_and_takes_it_from_the_old_browser(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    """Whoever opens the link first, say a coordinator, holds nothing once the person starts over."""
    begin(client, mentee)
    person = app.test_client()
    assert person.post(f"{mentee}/elsewhere", data={"do": "over"}).status_code == 303
    assert person.post(f"{mentee}/1", data={"A1": "c:5", "go": "next"}).status_code == 303

    assert saved_choice(person, mentee)
    assert not saved_choice(client, mentee)
    assert client.post(f"{mentee}/1", data={"A1": "c:1"}).status_code == 409


def test_starting_over_is_not_enough_to_delete_everything(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    """A link without its cookie never ends a person's part in the programme, not even by way of a new start."""
    begin(client, mentee)
    other = app.test_client()
    other.post(f"{mentee}/elsewhere", data={"do": "over"})

    assert other.post(f"{mentee}/leave").status_code == 303
    assert other.get(mentee).status_code == 200


def test_a_forged_cookie_opens_nothing(app: Flask, client: FlaskClient, mentee: str) -> None:
    begin(client, mentee)
    other = app.test_client()
    for cookie in client._cookies.values():
        other.set_cookie(cookie.key, "0" * 64, path="/s/")

    assert not saved_choice(other, mentee)


@pytest.fixture
def overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page is shown what was there before anybody saved, as if the other browser had come in between."""

    def see(token: str) -> Visit:
        return replace(open_visit(token), response=None, elsewhere=None)

    monkeypatch.setattr(views, "open_visit", see)


@pytest.mark.usefixtures("overtaken")
def test_who_was_overtaken_writes_into_nobodys_answers_and_holds_none(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    """Two browsers that save first at the same moment: the second one finds the first one's answers when it is its turn."""
    begin(client, mentee)
    other = app.test_client()

    # An answer that cannot be kept leaves the others of the page as they are, which is how they could be read.
    saved = other.post(f"{mentee}/1", data={"A1": "c:99", "go": "next"})
    sent = other.post(f"{mentee}/review")

    assert (saved.status_code, sent.status_code) == (409, 400)
    assert "Set-Cookie" not in saved.headers
    assert not saved_choice(other, mentee)


@pytest.mark.usefixtures("overtaken")
def test_who_holds_the_answers_may_write_them_all_the_same(client: FlaskClient, mentee: str) -> None:
    """The control: it is not the late look that is refused but the other browser."""
    begin(client, mentee)

    assert client.post(f"{mentee}/1", data={"A1": "c:4", "go": "next"}).status_code == 303
    assert client.post(f"{mentee}/review").status_code == 303


def test_who_holds_what_was_begun_anew_meanwhile_takes_nothing_back(
    app: Flask, client: FlaskClient, mentee: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(client, mentee)
    with app.test_request_context(mentee):
        held = open_visit(mentee.rpartition("/")[2]).elsewhere
    person = app.test_client()
    person.post(f"{mentee}/elsewhere", data={"do": "over"})
    begin(person, mentee)
    monkeypatch.setattr(views, "open_visit", lambda token: replace(open_visit(token), response=held))

    assert client.post(f"{mentee}/withdraw").status_code == 409
    monkeypatch.undo()
    assert saved_choice(person, mentee)


def test_sending_nothing_keeps_nobody_out_and_tells_nothing(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    """Whoever has a link could otherwise leave an empty draft, or ask by pressing the button who has answered."""
    before = app.test_client().post(f"{mentee}/review")
    begin(client, mentee)
    begun = app.test_client().post(f"{mentee}/review")
    assert client.post(f"{mentee}/review").status_code == 303
    after = app.test_client().post(f"{mentee}/review")

    assert (before.status_code, begun.status_code, after.status_code) == (400, 400, 400)
    assert before.data == begun.data == after.data
