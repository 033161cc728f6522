"""The coordinator's desk: closed to everybody else, blind to persons, and the same numbers in table, sentence and chart."""

import csv
import io
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from matplotlib.figure import Figure
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import scoring.plots
from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Role, WaveKind
from surveys import accounts, invitations, programs, releases, responses, waves
from surveys.database import make_engine, make_session_factory
from surveys.models import (
    AuditEvent,
    Cohort,
    Contact,
    Invitation,
    Pair,
    Participant,
    Program,
    PublishedGroup,
    Release,
    User,
    Wave,
)
from surveys.pseudonyms import Pseudonyms
from surveys.withdrawal import withdraw_from_surveys
from webapp.coordinate.links import disarm_cell
from webapp.coordinate.words import KINDS

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)
LINK_KEY = bytes(range(32))
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COOKIE = "viceversa_session"
HOSTILE = "<script>alert('x')</script>"
FEW = (0, 4, 6)


class FreeHasher:
    """Stands in for argon2id; nobody signs in with a password here."""

    def hash(self, password: str) -> str:
        return f"free:{password}"

    def verify(self, password_hash: str, password: str) -> bool:
        return False

    def needs_rehash(self, password_hash: str) -> bool:
        return False


@dataclass(frozen=True)
class World:
    """Keys of the seeded database, and a session token for each user."""

    tokens: dict[str, str]
    cohorts: dict[str, str]
    waves: dict[str, str]

    def address(self, name: str) -> str:
        """The address of a page of the programme "desk", by a short name such as "wave North T2"."""
        kind, *rest = name.split(" ")
        if kind == "cohort":
            return f"/coordinate/desk/cohorts/{self.cohorts[rest[0]]}/{'/'.join(rest[1:])}"
        return f"/coordinate/desk/waves/{self.waves[' '.join(rest[:2])]}/{'/'.join(rest[2:])}"


def codes_of(number: int, wave: WaveKind) -> dict[str, AnswerValue]:
    """Answers of which the mean change of the scale AA from TC to T2 follows: 1 for even numbers, 1/3 for odd ones."""
    first, others = (2, 2) if wave is WaveKind.TC else (3, 3 if number % 2 == 0 else 2)
    codes = {"A1": first, "A2": others, "A3": 6 - others, "B1": 4}
    return {item: AnswerValue(code=code) for item, code in codes.items()}


def seed(session: Session) -> World:
    """Two programmes; in the first North answered twice, South once, East has an open and a scheduled wave."""
    toy = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    now = START - timedelta(days=60)
    made: dict[str, Program] = {}
    for slug in ("desk", "other"):
        made[slug] = programs.create_program(
            session, slug=slug, name=f"Programme {slug}", organisation="Works", instrument=toy, now=now
        )
    tokens = {}
    for name, slug, roles in (
        ("coordinator", "desk", ["coordinator"]),
        ("researcher", "desk", ["researcher"]),
        ("both", "desk", ["coordinator", "researcher"]),
        ("stranger", "other", ["coordinator", "researcher"]),
    ):
        user = accounts.add_user(
            session, email=f"{name}@example.org", name=name, password="x" * 20, now=START, hasher=FreeHasher()
        )
        for role in roles:
            accounts.add_membership(session, user, made[slug], role, now=START)
        tokens[name] = accounts.start_session(session, user, now=START)
    cohorts, seeded_waves = {}, {}
    for name, n_pairs in (("North", 12), ("South", 12), ("East", 3)):
        cohort = programs.add_cohort(session, made["desk"], name=name, starts_on=now.date(), now=now)
        cohorts[name] = cohort.id
        add_pairs(session, cohort, n_pairs)
        plan = (
            [(WaveKind.TC, -2, True), (WaveKind.T2, 5, False)]
            if name == "East"
            else [(WaveKind.TC, -40, True), (WaveKind.T2, -20, True)]
        )
        for kind, opens, invite in plan:
            opens_at = START + timedelta(days=opens)
            wave = waves.schedule_wave(
                session,
                cohort,
                kind,
                toy,
                opens_at=opens_at,
                closes_at=opens_at + timedelta(days=10),
                now=now,
            )
            seeded_waves[f"{name} {kind.value}"] = wave.id
            if invite and (name, kind) != ("South", WaveKind.T2):
                answer(session, wave, everybody=name != "East")
    return World(tokens, cohorts, seeded_waves)


def add_pairs(session: Session, cohort: Cohort, n_pairs: int) -> None:
    """Pairs whose names say who they are; one of them is hostile, one looks like a formula."""
    for number in range(n_pairs):
        names = {role: f"{cohort.name} {role.value} {number}" for role in Role}
        if cohort.name == "East" and number == 0:
            names = {Role.MENTOR: HOSTILE, Role.MENTEE: '=HYPERLINK("x")'}
        mentor, mentee = (
            programs.add_participant(
                session,
                cohort.program,
                role=role,
                name=names[role],
                email=f"{role.value}{number}@{cohort.name.lower()}.org",
                locale="ur" if role is Role.MENTOR else None,
                now=START,
            )
            for role in Role
        )
        if cohort.name == "East" and number == 1 and mentor.contact is not None:
            mentor.contact.bounced = True
        programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, started_on=START.date(), now=START)


def answer(session: Session, wave: Wave, *, everybody: bool = True, first: int | None = None) -> None:
    """Invite everybody; the first pairs, or all, answer; then the wave is closed and frozen, unless nobody was to answer."""
    issued = invitations.issue_invitations(session, wave, now=wave.opens_at, folders=TOY_FOLDERS)
    if not everybody and first is None:
        return
    for one in issued:
        person = session.get_one(Participant, one.participant_id)
        number = int(person.contact.name.split(" ")[-1]) if person.contact else 0
        if first is None or number < first:
            responses.submit_response(
                session,
                one.invitation,
                {
                    item: code
                    for item, code in codes_of(number, wave.kind).items()
                    if item != "B1" or wave.kind == "TC"
                },
                pseudonyms=Pseudonyms(LINK_KEY),
                locale="en",
                now=wave.opens_at + timedelta(hours=1),
                folders=TOY_FOLDERS,
            )
    closing = wave.opens_at + timedelta(days=5)
    waves.close_wave(session, wave, now=closing)
    releases.freeze_release(session, wave, now=closing, folders=TOY_FOLDERS)


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> tuple[dict[int, Path], World]:
    """The seeded database, with 0, 4 or 6 pairs of South answering its second wave; the same keys in all three."""
    folder = tmp_path_factory.mktemp("desk")
    base = folder / "base.db"
    shutil.copyfile(sqlite_template, base)
    with writing(base) as session:
        world = seed(session)
    paths = {}
    for few in FEW:
        paths[few] = folder / f"few{few}.db"
        shutil.copyfile(base, paths[few])
        with writing(paths[few]) as session:
            answer(session, session.get_one(Wave, world.waves["South T2"]), first=few)
    return paths, world


class writing:  # noqa: N801 - reads as a statement: with writing(path) as session
    """A transaction on a SQLite file, whose engine is closed afterwards so that the file can be copied."""

    def __init__(self, path: Path) -> None:
        self.engine = make_engine(f"sqlite:///{path}")
        self.context = make_session_factory(self.engine).begin()

    def __enter__(self) -> Session:
        return self.context.__enter__()

    def __exit__(self, *problem: object) -> None:
        self.context.__exit__(*problem)  # type: ignore[arg-type]
        self.engine.dispose()


@pytest.fixture
def world(put_in_place: Callable[[Path], None], template: tuple[dict[int, Path], World]) -> World:
    """The seeded database with four pairs answering, under the app."""
    paths, seeded = template
    put_in_place(paths[4])
    return seeded


@pytest.fixture
def enter(app: Flask, world: World) -> Callable[[str], FlaskClient]:
    """Opens a browser in which a user is signed in."""

    def perform(name: str) -> FlaskClient:
        client = app.test_client()
        client.set_cookie(COOKIE, world.tokens[name])
        return client

    return perform


@pytest.fixture
def desk(enter: Callable[[str], FlaskClient]) -> FlaskClient:
    """The coordinator's browser."""
    return enter("coordinator")


@pytest.fixture
def without_tokens(app: Flask) -> Iterator[None]:
    """Switches the forgery check off, where a test is about something else."""
    app.config["WTF_CSRF_ENABLED"] = False
    yield
    app.config["WTF_CSRF_ENABLED"] = True


def shown(page: str) -> str:
    """The text of a page's content, without the frame and with single spaces."""
    content = page.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split())


def find(pattern: str, page: str) -> str:
    """What the first group of the pattern matches in a page, unescaped."""
    match = re.search(pattern, page)
    assert match, pattern
    return unescape(match.group(1))


def without_token(page: bytes) -> bytes:
    """A page without its forgery tokens, which are new each time."""
    return re.sub(rb'name="csrf_token" value="[^"]+"', b"", page)


def table(page: str, name: str) -> list[list[str]]:
    """The cells of the table with this caption id, row by row."""
    found = re.search(rf'<caption id="{name}".*?</caption>(.*?)</table>', page, flags=re.DOTALL)
    assert found, name
    rows = re.findall(r"<tr>(.*?)</tr>", found.group(1), flags=re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL) for row in rows]
    return [[" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in row] for row in cells]


# --- who may come in ------------------------------------------------------------------------------------------------


def addresses(app: Flask, world: World) -> list[tuple[str, str]]:
    """Method and address of everything in the blueprint, filled with keys that exist."""
    invitation = letter = "0" * 32
    with app.extensions["viceversa.database"].readers() as session:
        pair = session.scalars(select(Pair.id).where(Pair.cohort_id == world.cohorts["East"])).first()
        person = session.scalars(select(Contact.participant_id).where(Contact.bounced)).one()
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("coordinate."):
            address = (
                str(rule)
                .replace("<slug>", "desk")
                .replace("<cohort_id>", world.cohorts["East"])
                .replace("<wave_id>", world.waves["North T2" if "results" in str(rule) else "East TC"])
                .replace("<invitation_id>", invitation)
                .replace("<pair_id>", pair or "")
                .replace("<participant_id>", person)
                .replace("<message_id>", letter)
                .replace("<talk_id>", letter)
            )
            assert "<" not in address
            found += [(method, address) for method in sorted({"GET", "POST"} & (rule.methods or set()))]
    return found


@pytest.mark.usefixtures("without_tokens")
def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_page(app: Flask, world: World) -> None:
    client = app.test_client()
    answers = {
        (method, address): client.open(address, method=method) for method, address in addresses(app, world)
    }

    assert len(answers) >= 19
    assert {answer.status_code for answer in answers.values()} == {303}
    assert all(answer.headers["Location"].startswith("/account/sign-in") for answer in answers.values())


@pytest.mark.usefixtures("without_tokens")
def test_pages_of_another_programme_look_as_if_they_did_not_exist(
    app: Flask, world: World, enter: Callable[[str], FlaskClient]
) -> None:
    stranger = enter("stranger")
    for method, address in addresses(app, world):
        if "/desk/" in address:
            assert stranger.open(address, method=method).status_code == 404, address
            assert stranger.open(address.replace("/desk/", "/nowhere/"), method=method).status_code == 404


@pytest.mark.usefixtures("without_tokens")
def test_keys_of_another_programme_do_not_work_under_one_s_own(
    app: Flask, world: World, enter: Callable[[str], FlaskClient]
) -> None:
    stranger = enter("stranger")
    for method, address in addresses(app, world):
        if "/cohorts/" in address or "/waves/" in address:
            mine = address.replace("/desk/", "/other/")
            if mine.endswith("/cohorts/new"):
                continue
            assert stranger.open(mine, method=method).status_code == 404, mine


@pytest.mark.usefixtures("without_tokens")
def test_a_researcher_cannot_come_in(app: Flask, world: World, enter: Callable[[str], FlaskClient]) -> None:
    researcher = enter("researcher")
    for method, address in addresses(app, world):
        assert researcher.open(address, method=method).status_code == 403, address


def test_each_page_opens_for_its_coordinator_and_for_somebody_with_both_roles(
    app: Flask, world: World, enter: Callable[[str], FlaskClient]
) -> None:
    for name in ("coordinator", "both"):
        client = enter(name)
        for method, address in addresses(app, world):
            if method == "GET":
                assert client.get(address).status_code == 200, address


def test_a_coordinator_cannot_reach_research(enter: Callable[[str], FlaskClient]) -> None:
    assert enter("coordinator").get("/research/desk/").status_code == 403
    assert enter("both").get("/research/desk/").status_code == 200


def test_every_change_needs_the_forgery_token(app: Flask, world: World, desk: FlaskClient) -> None:
    for method, address in addresses(app, world):
        if method == "POST":
            assert desk.post(address).status_code == 400, address
    with app.extensions["viceversa.database"].readers() as session:
        assert waves.wave_state(session.get_one(Wave, world.waves["East TC"]), START).value == "open"


# --- what is and is not on the pages --------------------------------------------------------------------------------


def test_names_are_on_the_cohort_s_page_and_cannot_do_harm(world: World, desk: FlaskClient) -> None:
    page = desk.get(world.address("cohort East")).text

    assert HOSTILE not in page
    assert HOSTILE in shown(page)


def test_pages_say_nothing_about_who_has_answered(app: Flask, world: World, desk: FlaskClient) -> None:
    """The pages on which persons stand are the same before and after somebody answers."""
    addresses_with_names = [world.address("cohort East"), world.address("wave East TC links")]
    before = [without_token(desk.get(address).data) for address in addresses_with_names]
    with app.extensions["viceversa.database"].writers.begin() as session:
        invitation = session.scalars(
            select(Invitation).where(Invitation.wave_id == world.waves["East TC"]).limit(1)
        ).one()
        responses.submit_response(
            session,
            invitation,
            codes_of(0, WaveKind.TC),
            pseudonyms=Pseudonyms(LINK_KEY),
            locale="en",
            now=START,
            folders=TOY_FOLDERS,
        )

    assert [without_token(desk.get(address).data) for address in addresses_with_names] == before


def test_small_roles_have_no_response_rate(world: World, desk: FlaskClient) -> None:
    page = shown(desk.get(world.address("wave East TC")).text)

    assert page.count("not shown: fewer than 10 people were asked, or fewer than 5 have answered") == 2
    assert "%" not in page.split("In steps of")[0]


@pytest.mark.parametrize(("few", "rates"), [(0, []), (4, []), (6, ["50", "50"])])
def test_rates_are_shown_in_steps_while_a_wave_is_open(
    app: Flask,
    world: World,
    desk: FlaskClient,
    template: tuple[dict[int, Path], World],
    put_in_place: Callable[[Path], None],
    few: int,
    rates: list[str],
) -> None:
    put_in_place(template[0][few])
    with app.extensions["viceversa.database"].writers.begin() as session:
        wave = session.get_one(Wave, world.waves["South T2"])
        release = session.scalars(select(Release).where(Release.wave_id == wave.id)).one()
        session.execute(delete(PublishedGroup).where(PublishedGroup.release_id == release.id))
        session.delete(release)
        wave.closed_at = None
        wave.closes_at = START + timedelta(days=1)
    page = desk.get(world.address("wave South T2")).text

    # Six of twelve are a half; nobody of twelve, and four of them, are not told.
    assert re.findall(r'<progress max="100" value="(\d+)"', page) == rates
    assert page.count(">about 50 %</data></dd>") == len(rates)


def test_a_rate_does_not_move_while_somebody_watches(
    app: Flask,
    world: World,
    desk: FlaskClient,
    template: tuple[dict[int, Path], World],
    put_in_place: Callable[[Path], None],
    clock: Any,
) -> None:
    """Two more of twelve mentors answer today, one after the other: the page is the same until tomorrow."""
    put_in_place(template[0][6])
    with app.extensions["viceversa.database"].writers.begin() as session:
        wave = session.get_one(Wave, world.waves["South T2"])
        release = session.scalars(select(Release).where(Release.wave_id == wave.id)).one()
        session.execute(delete(PublishedGroup).where(PublishedGroup.release_id == release.id))
        session.delete(release)
        wave.closed_at, wave.closes_at = None, START + timedelta(days=3)

    def look() -> bytes:
        return without_token(desk.get(world.address("wave South T2")).data)

    before = look()
    assert b"about 50 %" in before
    assert b"As of yesterday evening" in before
    for number in (6, 7):
        with app.extensions["viceversa.database"].writers.begin() as session:
            (invitation,) = (
                one
                for one in session.scalars(
                    select(Invitation).where(Invitation.wave_id == world.waves["South T2"])
                )
                if one.participant.contact.name == f"South mentor {number}"
            )
            responses.submit_response(
                session,
                invitation,
                {"A1": AnswerValue(code=3)},
                pseudonyms=Pseudonyms(LINK_KEY),
                locale="en",
                now=START,
                folders=TOY_FOLDERS,
            )
        assert look() == before
    clock.forward(days=1)
    with app.extensions["viceversa.database"].writers.begin() as session:
        user = session.scalars(select(User).where(User.name == "coordinator")).one()
        desk.set_cookie(COOKIE, accounts.start_session(session, user, now=clock()))
    assert b"about 70 %" in look()


def test_results_do_not_exist_before_the_wave_is_closed(world: World, desk: FlaskClient) -> None:
    assert desk.get(world.address("wave East TC results")).status_code == 404


def test_a_group_of_nobody_and_one_of_four_look_the_same(
    app: Flask, template: tuple[dict[int, Path], World], put_in_place: Callable[[Path], None]
) -> None:
    paths, world = template
    pages: dict[int, list[bytes]] = {}
    for few in FEW:
        put_in_place(paths[few])
        app.extensions["viceversa.database"].engine.dispose()
        client = app.test_client()
        client.set_cookie(COOKIE, world.tokens["coordinator"])
        read = [
            "/coordinate/desk/",
            world.address("cohort South"),
            world.address("wave South T2"),
            world.address("wave South T2 results"),
            "/coordinate/desk/compare?scale=AA&role=mentor&wave=T2",
            "/coordinate/desk/compare.svg?scale=AA&role=mentor&wave=T2",
        ]
        pages[few] = [without_token(client.get(address).data) for address in read]

    assert pages[0] == pages[4]
    assert b"not shown" in pages[0][3]
    # Control: a group that clears the floor changes results, comparison and chart.
    assert [one == other for one, other in zip(pages[0], pages[6], strict=True)] == [True] * 3 + [False] * 3


# --- results and comparison -----------------------------------------------------------------------------------------


def test_results_are_the_frozen_release_in_words(app: Flask, world: World, desk: FlaskClient) -> None:
    page = desk.get(world.address("wave North T2 results")).text
    rows = table(page, "role-mentor")
    with app.extensions["viceversa.database"].readers() as session:
        release = releases.release_of(session, session.get_one(Wave, world.waves["North T2"]))
    assert release is not None
    scale = release.scale("mentor", "AA")
    assert scale is not None
    change = scale.change
    assert change is not None

    # Half of the twelve moved by 1 and half by 1/3: the mean is two thirds.
    assert change.mean == pytest.approx(2 / 3, abs=0.005)
    assert rows[1][0] == "Ease with the partner 1 to 5"
    assert rows[1][3] == "12"
    assert rows[1][4] == f"+0.67 +{change.low:.2f} to +{change.high:.2f}"
    assert rows[1][5] == "rose since “Trial check”"


def test_a_scale_of_problems_says_that_lower_is_better(
    app: Flask, world: World, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS).scale("AA")
    before = [
        desk.get(address).text
        for address in (
            world.address("wave North T2 results"),
            "/coordinate/desk/compare?scale=AA&role=mentor",
        )
    ]
    # The scale is frozen for everybody but this test.
    monkeypatch.setitem(scale.__dict__, "direction", "problem")
    after = [
        desk.get(address).text
        for address in (
            world.address("wave North T2 results"),
            "/coordinate/desk/compare?scale=AA&role=mentor",
        )
    ]

    assert not any("lower is better" in page for page in before)
    assert all("lower is better" in page for page in after)


def test_table_sentence_and_chart_have_the_same_numbers(
    world: World, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[scoring.plots.IntervalRow] = []
    draw = scoring.plots.plot_intervals

    def spy(rows: list[scoring.plots.IntervalRow], *args: Any, **options: Any) -> Figure:
        drawn.extend(rows)
        return draw(rows, *args, **options)

    monkeypatch.setattr(scoring.plots, "plot_intervals", spy)
    page = desk.get("/coordinate/desk/compare?scale=AA&role=mentor&wave=T2").text
    picture = find(r'<img src="([^"]+)" alt=', page)
    alt = find(r'<img src="[^"]+" alt="([^"]+)"', page)
    svg = desk.get(picture)
    rows = {row[0]: row[1:] for row in table(page, "compared")[1:]}

    assert alt.startswith("Chart: change of “Ease with the partner”, Mentors (junior), at “Mid-programme”")
    assert svg.mimetype == "image/svg+xml"
    title = ET.fromstring(svg.data).findtext("{http://www.w3.org/2000/svg}title")
    assert str(title).startswith("Ease with the partner")
    assert [row.label for row in drawn] == list(rows) == ["East", "North", "South"]
    north = next(row for row in drawn if row.label == "North")
    assert f"+{north.mean:.2f}" in rows["North"][-2].split()[0]
    assert f"+{north.low:.2f} to +{north.high:.2f}" in rows["North"][-2]
    assert north.text == "{} ({} {} {})".format(*rows["North"][-2].split())
    assert north.filled
    assert f"the mean rose by {north.mean:.2f} points during the time since “Trial check”" in shown(page)
    assert next(row for row in drawn if row.label == "South") == scoring.plots.IntervalRow(
        "South", "not shown", None
    )
    assert rows["South"][-2:] == ["not shown", "–"]
    assert rows["East"] == ["this wave is not closed yet"]


def test_a_raised_floor_is_named_beside_new_results_only(app: Flask, world: World, desk: FlaskClient) -> None:
    """Results name the floor that was promised to those who answered, which the programme may have raised since."""
    pages = ("/coordinate/desk/compare?scale=AA&role=mentor&wave=T2", world.address("wave South T2 results"))
    with app.extensions["viceversa.database"].writers.begin() as session:
        program = session.scalars(select(Program).where(Program.slug == "desk")).one()
        programs.raise_floor(session, program, 7, now=START)
    assert "Smallest group shown 7 people" in shown(desk.get("/coordinate/desk/").text)
    for page in map(desk.get, pages):
        assert "fewer than 5 people answered (10 for sensitive scales)" in shown(page.text)
        assert "7 people" not in shown(page.text)

    with app.extensions["viceversa.database"].writers.begin() as session:
        wave = session.get_one(Wave, world.waves["South T2"])
        release = session.scalars(select(Release).where(Release.wave_id == wave.id)).one()
        session.execute(delete(PublishedGroup).where(PublishedGroup.release_id == release.id))
        session.delete(release)
        session.flush()
        wave.floor = 7
        releases.freeze_release(session, wave, now=START, folders=TOY_FOLDERS)

    compared, results = (shown(desk.get(page).text) for page in pages)
    assert "North : 5 people (10 for sensitive scales) South : 7 people (10 for sensitive scales)" in compared
    assert "fewer than 7 people answered (10 for sensitive scales)" in results


def test_nothing_is_said_to_be_caused(world: World, desk: FlaskClient) -> None:
    page = shown(desk.get("/coordinate/desk/compare?scale=AA&role=mentor&wave=T2").text)

    assert "during" in page
    assert re.findall(r"[^.]*because of[^.]*", page) == [
        " It says that something changed during the programme, never that it changed because of the programme"
    ]


def test_levels_are_compared_where_there_is_no_earlier_wave(world: World, desk: FlaskClient) -> None:
    page = desk.get("/coordinate/desk/compare?scale=AA&role=mentee&wave=TC").text
    rows = {row[0]: row[1:] for row in table(page, "compared")[1:]}

    assert rows["North"][0] == "12"
    assert rows["North"][1].startswith("2.0")
    assert "a dot with its interval for each cohort" in page
    assert desk.get("/coordinate/desk/compare.svg?scale=AA&role=mentee&wave=TC").status_code == 200


@pytest.mark.parametrize("query", ["scale=PS", "role=boss", "wave=T4", "scale=AA&role=mentor&wave=T0"])
def test_only_the_fixed_menu_can_be_asked(world: World, desk: FlaskClient, query: str) -> None:
    assert desk.get(f"/coordinate/desk/compare?{query}").status_code == 404
    assert desk.get(f"/coordinate/desk/compare.svg?{query}").status_code == 404


@pytest.mark.parametrize("variant", ["", "&size=narrow", "&theme=dark", "&size=narrow&theme=dark&lang=ur"])
def test_the_picture_is_kept_nowhere_and_may_style_itself(
    world: World, desk: FlaskClient, variant: str
) -> None:
    answer = desk.get(f"/coordinate/desk/compare.svg?scale=AA&role=mentor{variant}")

    assert ET.fromstring(answer.data).tag.endswith("svg")
    assert "no-store" in answer.headers["Cache-Control"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'"
    )


def test_a_programme_without_results_says_so(enter: Callable[[str], FlaskClient]) -> None:
    stranger = enter("stranger")

    assert "results exist once a wave has closed" in stranger.get("/coordinate/other/compare").text
    assert stranger.get("/coordinate/other/compare.svg").status_code == 404


# --- cohorts and rosters --------------------------------------------------------------------------------------------

Post = Callable[..., TestResponse]


@pytest.fixture
def post(desk: FlaskClient, read_token: Callable[[str], str]) -> Post:
    """Fills in a form of a page as a coordinator would."""

    def perform(page: str, target: str | None = None, **data: object) -> TestResponse:
        token = read_token(desk.get(page).text)
        return desk.post(target or page, data={"csrf_token": token, **data})

    return perform


def test_a_cohort_is_set_up(desk: FlaskClient, post: Post) -> None:
    answer = post("/coordinate/desk/cohorts/new", name=" West ", starts_on="2026-04-01", ends_on="")
    page = desk.get(answer.headers["Location"]).text

    assert answer.status_code == 303
    assert "West" in shown(page)
    assert "The cohort is set up" in page


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": "North", "starts_on": "2026-04-01"}, "name", "There is already a cohort called “North”."),
        ({"name": "", "starts_on": "2026-04-01"}, "name", "Please give the cohort a name."),
        ({"name": "W", "starts_on": "1.4.2026"}, "starts_on", "This is no date."),
        (
            {"name": "W", "starts_on": "2026-04-01", "ends_on": "2026-03-01"},
            "ends_on",
            "lies before the beginning",
        ),
    ],
)
def test_a_cohort_that_cannot_be_is_explained_beside_its_field(
    post: Post, fields: dict[str, str], field: str, sentence: str
) -> None:
    answer = post("/coordinate/desk/cohorts/new", **fields)
    error = find(rf'id="{field}-error">([^<]+)<', answer.text)

    assert answer.status_code == 400
    assert sentence in error
    assert f'<a href="#{field}">' in answer.text
    assert f'aria-describedby="{field}-error" aria-invalid="true"' in answer.text


HEADER = "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language\n"
GOOD = HEADER + "Amina Siddiqui,amina@x.org,ur,Martina Vogel,martina@x.org,de\n"
BAD = HEADER + "Amina Siddiqui,amina.x.org,ur,Martina Vogel,martina@x.org,xx\n"


def upload(post: Post, world: World, text: str, action: str) -> TestResponse:
    """Send a roster file to East."""
    return post(
        world.address("cohort East roster"), file=(io.BytesIO(text.encode()), "pairs.csv"), action=action
    )


def count_pairs(app: Flask, world: World) -> int:
    """How many pairs East has."""
    with app.extensions["viceversa.database"].readers() as session:
        return programs.count_pairs(session, session.get_one(Cohort, world.cohorts["East"]))


def test_checking_a_good_roster_writes_nothing(app: Flask, world: World, post: Post) -> None:
    answer = upload(post, world, GOOD, "check")

    assert answer.status_code == 200
    assert "The file is good. Nothing was imported yet." in answer.text
    assert "It would add 1 pair." in answer.text
    assert "2 people in it are new." in answer.text
    assert count_pairs(app, world) == 3


def test_importing_a_good_roster_adds_its_pairs(
    app: Flask, world: World, desk: FlaskClient, post: Post
) -> None:
    answer = upload(post, world, GOOD, "import")

    assert answer.status_code == 303
    assert "Amina Siddiqui" in desk.get(answer.headers["Location"]).text
    assert count_pairs(app, world) == 4


@pytest.mark.parametrize("action", ["check", "import"])
def test_a_roster_with_problems_is_reported_by_line_column_problem_and_remedy(
    app: Flask, world: World, post: Post, action: str
) -> None:
    answer = upload(post, world, BAD, action)
    rows = table(answer.text, "problems")

    assert answer.status_code == 400
    assert "2 problems in the file. Nothing was imported." in answer.text
    assert [row[:2] for row in rows[1:]] == [["2", "mentor_email"], ["2", "mentee_language"]]
    assert all(row[2] and row[3] for row in rows[1:])
    assert count_pairs(app, world) == 3


def test_what_stands_in_a_roster_cannot_do_harm_in_its_report(world: World, post: Post) -> None:
    answer = upload(post, world, BAD.replace("amina.x.org", HOSTILE), "check")

    assert HOSTILE not in answer.text
    assert HOSTILE in shown(answer.text)


def test_a_file_of_the_wrong_kind_and_no_file_are_explained(world: World, post: Post) -> None:
    wrong = upload(post, world, "\x89PNG\r\n\x1a\n\x00\x00", "import")
    missing = post(world.address("cohort East roster"), action="check")

    assert wrong.status_code == 400
    assert len(table(wrong.text, "problems")) == 2
    assert missing.status_code == 400
    assert "Please choose a file." in missing.text


def test_the_example_file_can_be_imported(app: Flask, world: World, desk: FlaskClient, post: Post) -> None:
    example = desk.get("/coordinate/roster-example.csv").data.decode("utf-8")

    assert upload(post, world, example, "import").status_code == 303
    assert count_pairs(app, world) == 5


# --- waves ----------------------------------------------------------------------------------------------------------


def test_a_wave_is_scheduled(desk: FlaskClient, world: World, post: Post) -> None:
    page = desk.get(world.address("cohort East waves new")).text
    answer = post(
        world.address("cohort East waves new"),
        kind="T0",
        opens_at="2026-03-05T08:00",
        closes_at="2026-03-15T08:00",
    )
    wave = desk.get(answer.headers["Location"]).text

    # The kinds that East has already are not offered again, and each kind left is explained.
    assert re.findall(r'<option value="([^"]+)"', page) == ["T0"]
    assert KINDS[WaveKind.T0].when in page
    assert "March 5, 2026, 8:00\u202fAM (UTC)" in wave
    assert "Scheduled" in wave


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        (
            ("T0", "2026-03-15T08:00", "2026-03-05T08:00"),
            "closes_at",
            "The wave would close before it opens.",
        ),
        (("T0", "2026-02-01T08:00", "2026-02-05T08:00"), "closes_at", "The wave would already be over."),
        (("T0", "tomorrow", "2026-03-05T08:00"), "opens_at", "This is no date with a time."),
        (("T0", "", "2026-03-05T08:00"), "opens_at", "Please say when the wave opens."),
        (("TC", "2026-03-04T08:00", "2026-03-05T08:00"), "kind", "Please choose one of the list."),
    ],
)
def test_a_wave_that_cannot_be_is_explained_beside_its_field(
    world: World, post: Post, fields: tuple[str, str, str], field: str, sentence: str
) -> None:
    kind, opens_at, closes_at = fields
    answer = post(world.address("cohort East waves new"), kind=kind, opens_at=opens_at, closes_at=closes_at)
    error = find(rf'id="{field}-error">([^<]+)<', answer.text)

    assert answer.status_code == 400
    assert sentence in error


def test_times_are_typed_in_the_time_zone_of_the_deployment(
    app: Flask, desk: FlaskClient, world: World, post: Post
) -> None:
    app.config["TIMEZONE"] = "Asia/Karachi"
    answer = post(
        world.address("cohort East waves new"),
        kind="T0",
        opens_at="2026-03-05T08:00",
        closes_at="2026-03-15T08:00",
    )

    assert "Time zone: Asia/Karachi" in desk.get(world.address("cohort North waves new")).text
    assert "8:00\u202fAM (PKT)" in desk.get(answer.headers["Location"]).text
    with app.extensions["viceversa.database"].readers() as session:
        wave = waves.find_wave(session, session.get_one(Cohort, world.cohorts["East"]), "T0")
        assert wave is not None
        assert wave.opens_at == datetime(2026, 3, 5, 3, 0, tzinfo=UTC)


def test_a_scheduled_wave_is_opened_now(desk: FlaskClient, world: World, post: Post) -> None:
    page = world.address("wave East T2")
    answer = post(page, page + "open")

    assert answer.status_code == 303
    assert "The wave is open." in desk.get(answer.headers["Location"]).text


def test_closing_asks_first_then_freezes_once(
    app: Flask, desk: FlaskClient, world: World, post: Post
) -> None:
    page = world.address("wave East TC close")
    question = desk.get(page).text
    first = post(page)
    results = desk.get(first.headers["Location"])
    second = post(page)

    assert "Results are computed once and frozen." in question
    assert first.status_code == second.status_code == 303
    assert "its results are frozen" in results.text
    assert "not shown" in results.text
    with app.extensions["viceversa.database"].readers() as session:
        frozen = session.scalars(select(Release).where(Release.wave_id == world.waves["East TC"])).all()
        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.wave_id == world.waves["East TC"])
        ).all()
    assert len(frozen) == 1
    assert sorted(action for action in actions if action in {"wave.closed", "release.frozen"}) == [
        "release.frozen",
        "wave.closed",
    ]


def test_looking_at_the_question_closes_nothing(desk: FlaskClient, world: World) -> None:
    desk.get(world.address("wave East TC close"))

    assert "Results exist only after the wave has closed." in desk.get(world.address("wave East TC")).text


def test_a_wave_that_has_not_opened_cannot_be_closed(desk: FlaskClient, world: World, post: Post) -> None:
    question = desk.get(world.address("wave East T2 close")).text
    answer = post(world.address("wave East T2"), world.address("wave East T2 close"))

    assert "so there is nothing to close" in question
    assert answer.status_code == 400
    assert "has not opened yet, so it cannot be closed." in answer.text


def test_a_wave_whose_time_is_over_waits_for_its_results_to_be_frozen(
    app: Flask, desk: FlaskClient, world: World
) -> None:
    with app.extensions["viceversa.database"].writers.begin() as session:
        session.get_one(Wave, world.waves["East TC"]).closes_at = START
    page = desk.get(world.address("wave East TC")).text

    assert "Freeze results …" in page
    assert "Freeze the results?" in desk.get(world.address("wave East TC close")).text


# --- links ----------------------------------------------------------------------------------------------------------


def read_links(answer: TestResponse) -> list[dict[str, str]]:
    """The rows of a downloaded file."""
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_links_come_once_as_a_file_that_nobody_keeps(
    app: Flask, desk: FlaskClient, world: World, post: Post
) -> None:
    page = world.address("wave East T2")
    answer = post(page, page + "links/issue")
    rows = read_links(answer)
    again = post(page, page + "links/issue")

    assert answer.mimetype == "text/csv"
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert list(rows[0])[:4] == ["name", "email", "language", "link"]
    assert len({row["link"] for row in rows}) == 6
    assert {row["language"] for row in rows} == {"ur", "en"}
    assert "Everybody who can be asked has a link already" in desk.get(again.headers["Location"]).text
    token = rows[0]["link"].rsplit("/", 1)[1]
    with app.extensions["viceversa.database"].readers() as session:
        assert invitations.find_invitation(session, token, now=START).wave_id == world.waves["East T2"]


def test_links_are_not_issued_by_looking(desk: FlaskClient, world: World) -> None:
    assert desk.get(world.address("wave East T2") + "links/issue").status_code == 405


@pytest.mark.parametrize("name", ['=HYPERLINK("x")', "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1"])
def test_no_name_becomes_a_formula_in_a_spreadsheet(name: str) -> None:
    assert disarm_cell(name) == f"'{name}"


def test_a_name_that_is_no_formula_stays_as_it_is(world: World, post: Post) -> None:
    page = world.address("wave East T2")
    names = {row["name"] for row in read_links(post(page, page + "links/issue"))}

    assert {HOSTILE, '\'=HYPERLINK("x")', "East mentor 1"} <= names


def test_a_lost_link_is_replaced_for_one_person(
    app: Flask, desk: FlaskClient, world: World, post: Post
) -> None:
    page = world.address("wave East TC links")
    listed = desk.get(page).text
    target = find(r'action="([^"]+/replace)"', listed)
    with app.extensions["viceversa.database"].readers() as session:
        before = session.get_one(Invitation, target.split("/")[-2]).token_hash
    answer = post(page, target)
    link = find(r'id="link"[^>]+value="([^"]+)"', answer.text)
    with app.extensions["viceversa.database"].readers() as session:
        active = session.scalars(
            select(Invitation).where(
                Invitation.wave_id == world.waves["East TC"], Invitation.revoked_at.is_(None)
            )
        ).all()
        found = invitations.find_invitation(session, link.rsplit("/", 1)[1], now=START)

    assert len(re.findall(r"/replace\"", listed)) == 6
    assert "no-store" in answer.headers["Cache-Control"]
    assert len(active) == 6
    assert before not in {one.token_hash for one in active}
    assert found.id in {one.id for one in active}


def test_the_list_does_not_tell_who_no_longer_wants_to_be_asked(
    app: Flask, desk: FlaskClient, world: World
) -> None:
    page = world.address("wave East TC links")
    before = shown(desk.get(page).text)
    with app.extensions["viceversa.database"].writers.begin() as session:
        pair = session.scalars(select(Pair).where(Pair.cohort_id == world.cohorts["East"])).first()
        withdraw_from_surveys(session, pair.mentor, pseudonyms=Pseudonyms(LINK_KEY), now=START)

    assert shown(desk.get(page).text) == before
