"""What a person gets back: their own scores over the waves and what comes next; nobody else sees them, and nobody else's are in them."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys import invitations, waves
from surveys.models import Wave

FOLDERS = (Path(__file__).parents[1] / "instruments",)
CELL = re.compile(r'<th scope="row">([^<]+)</th><td class="number">([^<]+)</td>')


@pytest.fixture
def later(write: Callable[[], Session], mentee: str) -> str:
    """The mentee's link to the trial check of the open cohort, asked at the same time as the wave in the middle."""
    with write() as session:
        wave = next(one for one in session.scalars(select(Wave)) if one.cohort.name == "open")
        toy = waves.instrument_of(wave, folders=FOLDERS)
        earlier = wave.opens_at - timedelta(hours=1)
        trial = waves.schedule_wave(
            session, wave.cohort, "TC", toy, opens_at=earlier, closes_at=wave.closes_at, now=earlier
        )
        waves.schedule_wave(
            session,
            wave.cohort,
            "T0",
            toy,
            opens_at=wave.closes_at + timedelta(days=30),
            closes_at=wave.closes_at + timedelta(days=40),
            now=wave.opens_at,
        )
        issued = invitations.issue_invitations(session, trial, now=wave.opens_at, folders=FOLDERS)
        (token,) = [one.token for one in issued if one.invitation.participant.role == "mentee"]
    return f"/s/{token}"


def answer(client: FlaskClient, link: str, first: int, second: int) -> None:
    """Answer the scale AA, whose third item is reversed, and send."""
    codes = {"A1": f"c:{first}", "A2": f"c:{second}", "A3": f"c:{6 - first}"}
    assert client.post(f"{link}/1", data={**codes, "go": "next"}).status_code == 303
    assert client.post(f"{link}/review").status_code == 303


def shown(page: str) -> list[tuple[str, str]]:
    return CELL.findall(page)


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ((2, 2), (5, 4), "clearly higher"),
        ((4, 4), (2, 2), "clearly lower"),
        ((3, 3), (4, 4), "no clear change"),
    ],
)
def test_own_means_are_shown_with_a_change_only_beyond_the_band(
    client: FlaskClient, mentee: str, later: str, first: tuple[int, int], then: tuple[int, int], words: str
) -> None:
    answer(client, later, *first)
    answer(client, mentee, *then)

    page = client.get(f"{mentee}/over-time?lang=en").text

    # The keyed mean by hand: A3 was answered so that it equals A1 after reversal.
    means = [f"{(2 * a + b) / 3:.1f}" for a, b in (first, then)]
    assert shown(page)[:2] == [("Trial check", means[0]), ("Mid-programme", means[1])]
    assert words in page
    assert {"clearly higher", "clearly lower", "no clear change"} - {words} == {
        one for one in ("clearly higher", "clearly lower", "no clear change") if one not in page
    }


def test_answers_that_were_not_sent_or_are_the_partners_are_not_in_it(
    client: FlaskClient, app: Flask, mentee: str, mentor: str, later: str
) -> None:
    answer(app.test_client(), mentor, 5, 5)
    client.post(f"{mentee}/1", data={"A1": "c:2", "A2": "c:2", "A3": "c:4"})
    assert "send your answers first" in client.get(f"{mentee}/over-time?lang=en").text

    answer(client, mentee, 2, 2)

    assert shown(client.get(f"{mentee}/over-time?lang=en").text) == [("Mid-programme", "2.0")]


def test_a_link_in_strange_hands_shows_the_same_whether_or_not_there_are_answers(
    client: FlaskClient, app: Flask, mentee: str
) -> None:
    before = client.get(f"{mentee}/over-time?lang=en").text
    own = app.test_client()
    answer(own, mentee, 5, 5)

    assert client.get(f"{mentee}/over-time?lang=en").text == before
    # Control: the browser that answered does see something else.
    assert own.get(f"{mentee}/over-time?lang=en").text != before


def test_thanks_say_what_comes_next_by_the_calendar(client: FlaskClient, mentee: str, later: str) -> None:
    answer(client, mentee, 3, 3)

    page = client.get(f"{mentee}/thanks?lang=en").text

    (line,) = re.findall(r"<li>(Baseline: opens on [^<]+)</li>", page)
    assert "2026" in line
    assert f'href="{mentee}/withdraw"' in page
    assert f'href="{mentee}/my-data"' in page
