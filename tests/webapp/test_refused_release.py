"""A release that the auditor blocks: the page and the command say which numbers, remember it, and publish the rest when told to.

The hole is made by switching the rule on dropout off: of twelve mentors eleven have answered the second wave.
"""

import functools
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from scoring import disclosure
from scoring.disclosure import ALL_RULES, Rule, decide_release
from surveys import releases
from surveys.audit import list_events
from surveys.models import Wave
from surveys.releases import ReleaseView
from tests.webapp.worlds import (
    COOKIE,
    LINK_KEY,
    TOP,
    TOY_FOLDERS,
    Seeds,
    make_world,
    put_in_place,
)
from webapp.cli import main
from webapp.errors import SENTENCES

LEVEL = "The mean of “Ease with the partner”, Mentors (junior), at “Mid-programme”"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, seeded_desk: tuple[Path, Seeds]) -> tuple[Path, Seeds]:
    """Eleven of twelve mentors of Wide have answered the open wave."""
    base, seeds = seeded_desk
    path = tmp_path_factory.mktemp("refused") / "world.db"
    return make_world(base, seeds, path, 11, TOP, cohorts=("Wide",)), seeds


@pytest.fixture
def hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches the rule on dropout off."""
    kept = functools.partial(decide_release, rules=ALL_RULES - {Rule.DROPOUT})
    monkeypatch.setattr(disclosure, "decide_release", kept)


@pytest.fixture
def desk(app: Flask, world: tuple[Path, Seeds]) -> FlaskClient:
    """The coordinator's browser."""
    put_in_place(app, world[0])
    client = app.test_client()
    client.set_cookie(COOKIE, world[1].users["coordinator"])
    return client


def fields_of(page: str) -> dict[str, list[str]]:
    """The hidden fields of a page's form."""
    form = re.search(r'<form method="post" action="[^"]+/close">(.*?)</form>', page, flags=re.DOTALL)
    assert form
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)">', form.group(1)):
        found.setdefault(name, []).append(unescape(value))
    return found


def shown(page: str) -> str:
    """The text of a page."""
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return text.replace("\N{FIRST STRONG ISOLATE}", "").replace("\N{POP DIRECTIONAL ISOLATE}", "")


def read(app: Flask, seeds: Seeds) -> tuple[ReleaseView | None, list[str], Wave]:
    """The release of Wide's second wave, what the log says of that wave, newest first, and the wave."""
    with app.extensions["viceversa.database"].readers() as session:
        wave = session.scalars(select(Wave).where(Wave.id == seeds.waves["Wide T2"])).one()
        events = [event.action for event in list_events(session) if event.wave_id == wave.id]
        return releases.release_of(session, wave), events, wave


def close(desk: FlaskClient, address: str, read_token: Callable[[str], str], **fields: object) -> object:
    """Press the button that closes."""
    return desk.post(address, data={"csrf_token": read_token(desk.get(address).text), **fields})


@pytest.mark.usefixtures("hole")
def test_the_page_names_the_numbers_and_publishes_the_rest_on_a_press(
    app: Flask, desk: FlaskClient, world: tuple[Path, Seeds], read_token: Callable[[str], str]
) -> None:
    seeds = world[1]
    address = seeds.wave_page("Wide T2", "close")
    refused = close(desk, address, read_token)
    page = shown(refused.text)
    release, events, wave = read(app, seeds)

    assert refused.status_code == 409
    assert "would tell what fewer than 5 people answered" in page
    assert page.count(LEVEL) == 2
    assert "The mean of “Ease with the partner”, Mentors (junior), at “Trial check”" in page
    assert "The change of “Ease with the partner”, Mentors (junior), up to “Mid-programme”" in page
    # No value stands on it, and nothing was published; the wave is closed, and the log remembers why there are no results.
    assert re.findall(r"\d+[.,]\d+", page.replace("0.1.0", "")) == []
    assert release is None
    assert wave.closed_at is not None
    assert "release.refused" in events
    assert desk.get(seeds.wave_page("Wide T2", "results")).status_code == 404
    assert "Freeze results …" in desk.get(seeds.wave_page("Wide T2")).text

    fields = fields_of(refused.text)
    assert fields["withhold"] == ["level:mentor:AA"]
    done = desk.post(address, data=fields)
    release, events, _wave = read(app, seeds)
    assert done.status_code == 303
    assert release is not None
    scale = release.scale("mentor", "AA")
    assert scale is not None
    assert (scale.level.shown, scale.change is not None and scale.change.n) == (False, 11)
    assert "release.frozen" in events
    assert "not shown" in desk.get(done.headers["Location"]).text


@pytest.mark.usefixtures("hole")
def test_what_is_left_is_audited_again_and_other_choices_do_not_pass(
    app: Flask, desk: FlaskClient, world: tuple[Path, Seeds], read_token: Callable[[str], str]
) -> None:
    address = world[1].wave_page("Wide T2", "close")
    close(desk, address, read_token)
    again = close(desk, address, read_token, withhold="level:mentee:AA")

    assert again.status_code == 409
    assert sorted(fields_of(again.text)["withhold"]) == ["level:mentee:AA", "level:mentor:AA"]
    for bad in ("level:mentor:ZZ", "nonsense", "level:boss:AA"):
        answer = close(desk, address, read_token, withhold=bad)
        assert answer.status_code == 400
        assert "no such number to leave out" in shown(answer.text)
    assert read(app, world[1])[0] is None


def test_nobody_chooses_among_results_that_were_not_refused(
    app: Flask, desk: FlaskClient, world: tuple[Path, Seeds], read_token: Callable[[str], str]
) -> None:
    answer = close(desk, world[1].wave_page("Wide T2", "close"), read_token, withhold="change:mentor:AA")

    assert answer.status_code == 400
    assert SENTENCES[400][0] in shown(answer.text)
    assert read(app, world[1])[2].closed_at is None


@pytest.mark.usefixtures("hole")
def test_the_command_names_the_numbers_and_publishes_the_rest_when_told_to(
    app: Flask, world: tuple[Path, Seeds]
) -> None:
    put_in_place(app, world[0])
    environment = {
        "VICEVERSA_DATABASE_URL": app.config["DATABASE_URL"],
        "VICEVERSA_SECRET_KEY": "s" * 32,
        "VICEVERSA_LINK_KEY": LINK_KEY.hex(),
        "VICEVERSA_INSTRUMENT_FOLDERS": str(TOY_FOLDERS[0]),
    }

    def run(*options: str) -> Result:
        command = ["wave", "close", "desk", "Wide", "T2", "--yes", *options]
        return CliRunner().invoke(main, command, env=environment)

    refused = run()
    release, events, wave = read(app, world[1])
    assert refused.exit_code == 1
    assert "Traceback" not in refused.output
    assert (
        "fewer than 5 people answered: level mentor AA TC; change mentor AA TC T2; level mentor AA T2"
        in refused.output
    )
    assert 'viceversa wave close desk "Wide" T2 --without level:mentor:AA' in refused.output
    assert (release, wave.closed_at is not None, "release.refused" in events) == (None, True, True)

    assert run("--without", "level:nobody:AA").exit_code == 1
    done = run("--without", "level:mentor:AA")
    release, events, _wave = read(app, world[1])
    assert done.exit_code == 0, done.output
    assert release is not None
    assert "release.frozen" in events
