"""Custodians ask and decide on their pages, each with their own sign-in and password; the answers appear on no page."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from surveys import accounts
from surveys.models import AuditEvent, BreakGlassRequest, Program
from webapp.custody.views import LIMIT

PASSWORD = "correct horse battery"
GOOD = {
    "email": "M-open@x.org",
    "role": "mentor",
    "ground": "court_order",
    "reference": "AZ-114/2027",
    "password": PASSWORD,
}


@pytest.fixture
def enter(
    app: Flask, seeded, write: Callable[[], Session], clock, sign_in: Callable
) -> Callable[[str], FlaskClient]:
    """Makes somebody custodian of the seeded programme and signs them in."""

    def enter(name: str) -> FlaskClient:
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            user = accounts.add_user(
                session,
                email=f"{name}@example.org",
                name=name.title(),
                password=PASSWORD,
                now=clock(),
                hasher=app.config["PASSWORD_HASHER"],
            )
            accounts.add_membership(session, user, program, "custodian", now=clock())
        client = app.test_client()
        assert sign_in(client, f"{name}@example.org").location == "/custody/"
        return client

    return enter


def send(client: FlaskClient, address: str = "/custody/spring/", **data: str) -> TestResponse:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)[1]
    return client.post(address, data={**data, "csrf_token": token})


def address_of(client: FlaskClient) -> str:
    """The page of the newest request."""
    return re.search(r'href="(/custody/spring/[0-9a-f]{32}/)"', client.get("/custody/spring/").text)[1]


def actions(write: Callable[[], Session]) -> list[str]:
    with write() as session:
        found = session.scalars(select(AuditEvent.action).where(AuditEvent.action.startswith("break_glass")))
        return sorted(action.removeprefix("break_glass.") for action in found)


def test_two_custodians_agree_and_the_first_is_told_how_to_open(
    app: Flask, enter: Callable, write: Callable
) -> None:
    ines, jonas = enter("ines"), enter("jonas")
    asked = send(ines, **GOOD)
    assert asked.status_code == 303
    assert "72 hours" in ines.get(asked.location).text
    page = address_of(ines)
    assert "Nobody decides on their own request." in ines.get(page).text
    assert "Amina Siddiqui" in jonas.get(page).text
    assert 'value="approved"' in jonas.get(page).text
    assert 'value="approved"' not in ines.get(page).text

    assert send(jonas, page, password=PASSWORD, decision="approved").status_code == 303

    with write() as session:
        number = session.scalars(select(BreakGlassRequest.id)).one()
    assert f"viceversa break-glass open {number}" in ines.get(page).text
    assert "break-glass open" not in jonas.get(page).text
    assert actions(write) == ["approved", "requested"]


def test_a_refusal_is_final(enter: Callable, write: Callable) -> None:
    ines, jonas = enter("ines"), enter("jonas")
    send(ines, **GOOD)
    page = address_of(jonas)
    assert send(jonas, page, password=PASSWORD, decision="refused").status_code == 303
    again = send(ines, page, password=PASSWORD, decision="approved")

    assert "Refused" in ines.get(page).text
    assert again.status_code == 400
    assert actions(write) == ["refused", "requested"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "a wrong password"}, "This is not your password."),
        ({"password": ""}, "Please enter your password."),
        ({"reference": "because she asked"}, "is no reference of a paper file"),
        ({"email": "nobody@x.org"}, "Nobody with this address takes part"),
        ({"role": "mentee"}, "Nobody with this address takes part"),
        ({"role": "boss"}, "Please choose one of the list."),
        ({"ground": ""}, "Please choose one of the list."),
        ({"ground": "curiosity"}, "Please choose one of the list."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_asked(
    enter: Callable, write: Callable, change: dict[str, str], sentence: str
) -> None:
    ines = enter("ines")
    answer = send(ines, **(GOOD | change))

    assert answer.status_code == 400
    assert sentence in answer.text
    assert PASSWORD not in answer.text
    assert actions(write) == []


def test_nobody_decides_alone_or_with_anothers_password(
    app: Flask, enter: Callable, write: Callable, sign_in: Callable
) -> None:
    ines, jonas = enter("ines"), enter("jonas")
    send(ines, **GOOD)
    page = address_of(ines)

    own = send(ines, page, password=PASSWORD, decision="approved")
    wrong = send(jonas, page, password="a wrong password", decision="approved")
    odd = send(jonas, page, password=PASSWORD, decision="maybe")

    assert (own.status_code, wrong.status_code, odd.status_code) == (400, 400, 400)
    assert "Nobody decides on their own request." in own.text
    assert "This is not your password." in wrong.text
    assert actions(write) == ["requested"]
    coordinator = app.test_client()
    sign_in(coordinator)
    assert coordinator.get("/custody/").status_code == 403
    assert coordinator.get(page).status_code == 403


def test_a_request_that_ran_out_is_said_and_logged(
    app: Flask, enter: Callable, write: Callable, clock
) -> None:
    ines, jonas = enter("ines"), enter("jonas")
    send(ines, **GOOD)
    page = address_of(jonas)
    token_page = jonas.get(page).text
    with write() as session:
        for one in session.scalars(select(BreakGlassRequest)):
            one.requested_at -= break_glass_time()
    assert "Ran out of time" in jonas.get(page).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', token_page)[1]

    late = jonas.post(page, data={"csrf_token": token, "password": PASSWORD, "decision": "approved"})

    assert late.status_code == 400
    assert "The time for this request is over" in late.text
    assert actions(write) == ["expired", "requested"]


def break_glass_time():
    from surveys.break_glass import TIME_TO_DECIDE

    return TIME_TO_DECIDE


def test_passwords_are_not_tried_without_end(enter: Callable, write: Callable) -> None:
    ines = enter("ines")
    statuses = [send(ines, **(GOOD | {"password": f"wrong guess {n}"})).status_code for n in range(LIMIT)]
    assert statuses == [400] * LIMIT

    assert send(ines, **GOOD).status_code == 429
    assert actions(write) == []


@pytest.mark.parametrize(
    "address", ["/custody/elsewhere/", "/custody/spring/nonsense/", f"/custody/spring/{'0' * 32}/"]
)
def test_what_is_not_there_is_not_found(enter: Callable, address: str) -> None:
    assert enter("ines").get(address).status_code == 404
