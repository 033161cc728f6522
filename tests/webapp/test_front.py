"""The front page says what this is for each of the three kinds of people."""

from collections.abc import Callable

from flask.testing import FlaskClient


def test_speaks_to_participants_coordinators_and_researchers(client: FlaskClient) -> None:
    page = client.get("/")

    assert page.status_code == 200
    for heading in ("You are part of a pair", "You coordinate a programme", "You do research"):
        assert f"<h2>{heading}</h2>" in page.text
    assert 'href="/account/sign-in"' in page.text


def test_leads_somebody_who_is_signed_in_to_their_room(
    client: FlaskClient, seeded, sign_in: Callable
) -> None:
    assert 'href="/coordinate/"' not in client.get("/").text

    sign_in(client)

    page = client.get("/").text
    assert 'href="/coordinate/"' in page
    assert 'href="/research/"' not in page
