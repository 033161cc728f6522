"""A link in other hands: it opens an empty questionnaire and never what somebody has saved."""

import re
from html import unescape

from flask import Flask
from flask.testing import FlaskClient


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


def test_another_browser_with_the_same_link_sees_no_answer(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    begin(client, mentee)
    other = app.test_client()

    for address in (f"{mentee}/1", f"{mentee}/review", f"{mentee}/thanks"):
        answer = other.get(address, follow_redirects=True)
        assert answer.request.path == mentee
        assert "begun in another browser" in answer.text
        assert "checked" not in answer.text
        assert "question open" not in answer.text


def test_another_browser_cannot_save_send_or_leave_and_what_was_typed_is_shown(
    app: Flask, client: FlaskClient, mentee: str
) -> None:
    begin(client, mentee)
    other = app.test_client()

    page = other.post(f"{mentee}/1", data={"A1": "c:1", "go": "next"})
    sent = other.post(f"{mentee}/review")
    left = other.post(f"{mentee}/leave")

    assert (page.status_code, sent.status_code, left.status_code) == (409, 409, 303)
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
    assert "begun in another browser" in client.get(mentee).text


def test_a_forged_cookie_opens_nothing(app: Flask, client: FlaskClient, mentee: str) -> None:
    begin(client, mentee)
    other = app.test_client()
    for cookie in client._cookies.values():
        other.set_cookie(cookie.key, "0" * 64, path="/s/")

    assert not saved_choice(other, mentee)
