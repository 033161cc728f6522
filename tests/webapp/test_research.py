"""The researcher's desk: closed to everybody else, without a name anywhere, and the same numbers as the data it gives out."""

import csv
import io
import json
import random
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from statistics import variance

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Role
from surveys import accounts, invitations, programs, releases, responses, waves
from surveys.database import make_engine, make_session_factory
from surveys.models import Contact, Wave
from surveys.pseudonyms import Pseudonyms

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)
LINK_KEY = bytes(range(32))
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COOKIE = "viceversa_session"
PAGES = ("/research/", "/research/desk/", "/research/desk/reliability")


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
    """A session token for each user, and every name and address of a participant."""

    tokens: dict[str, str]
    persons: frozenset[str]


def seed(session: Session) -> World:
    """A programme in which twelve pairs answered one wave, and one in which nobody was asked."""
    toy = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    now = START - timedelta(days=30)
    tokens = {}
    for slug, people in (
        (
            "desk",
            {
                "Rosalind Reader": ["researcher"],
                "Carla": ["coordinator"],
                "Beth": ["coordinator", "researcher"],
            },
        ),
        ("empty", {"Stranger": ["coordinator", "researcher"]}),
    ):
        program = programs.create_program(
            session, slug=slug, name=f"Programme {slug}", organisation="Works", instrument=toy, now=now
        )
        for name, roles in people.items():
            email = f"{name.split()[0].lower()}@staff.example.org"
            user = accounts.add_user(
                session, email=email, name=name, password="x" * 20, now=START, hasher=FreeHasher()
            )
            for role in roles:
                accounts.add_membership(session, user, program, role, now=START)
            tokens[name.split()[0].lower()] = accounts.start_session(session, user, now=START)
        if slug == "desk":
            seed_answers(session, program.id, now)
    contacts = session.scalars(select(Contact)).all()
    return World(tokens, frozenset(part for contact in contacts for part in (contact.name, contact.email)))


def seed_answers(session: Session, program_id: str, now: datetime) -> None:
    """Twelve pairs, one wave, answers that scatter, closed and frozen."""
    toy = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    program = next(one for one in programs.list_programs(session) if one.id == program_id)
    cohort = programs.add_cohort(session, program, name="North", starts_on=now.date(), now=now)
    for number in range(12):
        people = [
            programs.add_participant(
                session,
                program,
                role=role,
                name=f"{name} Person{number}",
                email=f"{name.lower()}.{number}@firm.example",
                locale="de",
                now=now,
            )
            for role, name in ((Role.MENTOR, "Zuleikha"), (Role.MENTEE, "Thorvald"))
        ]
        programs.add_pair(session, cohort, mentor=people[0], mentee=people[1], now=now)
    wave = waves.schedule_wave(
        session, cohort, "TC", toy, opens_at=now, closes_at=now + timedelta(days=10), now=now
    )
    draw = random.Random(7)
    for one in invitations.issue_invitations(session, wave, now=now, folders=TOY_FOLDERS):
        level = draw.randint(2, 4)
        codes = {item: max(1, min(5, level + draw.randint(-1, 1))) for item in ("A1", "A2", "A3")}
        codes["A3"] = 6 - codes["A3"]
        answers = {item: AnswerValue(code=code) for item, code in codes.items()}
        responses.submit_response(
            session,
            one.invitation,
            answers,
            pseudonyms=Pseudonyms(LINK_KEY),
            locale="de",
            now=now,
            folders=TOY_FOLDERS,
        )
    closing = now + timedelta(days=10)
    waves.close_wave(session, wave, now=closing)
    releases.freeze_release(session, wave, now=closing, folders=TOY_FOLDERS)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[Path, World]:
    """The seeded database."""
    path = tmp_path_factory.mktemp("research") / "seeded.db"
    shutil.copyfile(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    with make_session_factory(engine).begin() as session:
        world = seed(session)
    engine.dispose()
    return path, world


@pytest.fixture
def world(put_in_place: Callable[[Path], None], template: tuple[Path, World]) -> World:
    """The seeded database under the app, which has not connected to its empty one yet."""
    path, seeded = template
    put_in_place(path)
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
def reader(enter: Callable[[str], FlaskClient]) -> FlaskClient:
    """The researcher's browser."""
    return enter("rosalind")


@pytest.fixture
def download(reader: FlaskClient, read_token: Callable[[str], str]) -> Callable[[str], TestResponse]:
    """Fills in the form for a data package."""

    def perform(purpose: str) -> TestResponse:
        token = read_token(reader.get("/research/desk/").text)
        return reader.post("/research/desk/package", data={"csrf_token": token, "purpose": purpose})

    return perform


def open_package(answer: TestResponse) -> zipfile.ZipFile:
    """The package that was sent."""
    return zipfile.ZipFile(io.BytesIO(answer.data))


def shown(page: str) -> str:
    """The text of a page's content with single spaces."""
    content = page.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split())


def find(pattern: str, page: str) -> str:
    """What the first group of the pattern matches in a page, unescaped."""
    match = re.search(pattern, page)
    assert match, pattern
    return unescape(match.group(1))


def reliability_rows(page: str) -> dict[tuple[str, str], list[str]]:
    """The cells of each row by scale and role."""
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</th>(.*?)</tr>", page, flags=re.DOTALL)
    found = {}
    for head, cells in rows:
        role, *others = [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, flags=re.DOTALL)
        ]
        found[find(r'class="range">(\w+)<', head), role] = others
    return found


# --- who may come in ------------------------------------------------------------------------------------------------


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_page(app: Flask, world: World) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    answers = [
        *(client.get(page) for page in PAGES),
        client.post("/research/desk/package", data={"purpose": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [303] * 4
    assert all(answer.headers["Location"].startswith("/account/sign-in") for answer in answers)


def test_another_programme_looks_as_if_it_did_not_exist(
    app: Flask, enter: Callable[[str], FlaskClient]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    stranger = enter("stranger")
    for slug in ("desk", "nowhere"):
        assert stranger.get(f"/research/{slug}/").status_code == 404
        assert stranger.get(f"/research/{slug}/reliability").status_code == 404
        assert stranger.post(f"/research/{slug}/package", data={"purpose": "x"}).status_code == 404
    assert "Programme desk" not in stranger.get("/research/").text


def test_a_coordinator_cannot_come_in_and_a_researcher_not_to_the_coordinators(
    app: Flask, enter: Callable[[str], FlaskClient]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    coordinator = enter("carla")

    assert [coordinator.get(page).status_code for page in PAGES] == [403] * 3
    assert coordinator.post("/research/desk/package", data={"purpose": "x"}).status_code == 403
    assert enter("rosalind").get("/coordinate/desk/").status_code == 403
    assert enter("beth").get("/coordinate/desk/").status_code == 200
    assert enter("beth").get("/research/desk/").status_code == 200


def test_a_package_needs_the_forgery_token_and_a_form(reader: FlaskClient) -> None:
    assert reader.post("/research/desk/package", data={"purpose": "Report"}).status_code == 400
    assert reader.get("/research/desk/package").status_code == 405


# --- what is and is not there ---------------------------------------------------------------------------------------


def test_no_participant_is_named_on_any_page_or_in_the_package(
    world: World, reader: FlaskClient, download: Callable[[str], TestResponse]
) -> None:
    package = open_package(download("Report"))
    texts = [reader.get(page).text for page in PAGES]
    texts += [package.read(name).decode() for name in package.namelist()]

    assert len(world.persons) == 48
    assert not [person for person in world.persons for text in texts if person in text]
    assert not [text for text in texts if "Zuleikha" in text or "firm.example" in text]


def test_a_coordinator_does_see_the_names(world: World, enter: Callable[[str], FlaskClient]) -> None:
    """The control of the test before: the names are there to be found."""
    desk = enter("carla")
    cohort = find(r'"(/coordinate/desk/cohorts/[0-9a-f]+/)"', desk.get("/coordinate/desk/").text)

    assert "Zuleikha Person3" in desk.get(cohort).text


def test_versions_digests_and_review_status_are_those_of_the_questionnaire(reader: FlaskClient) -> None:
    toy = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    page = reader.get("/research/desk/").text

    assert "toy 0.1.0" in page
    assert "development version, no norms" in page
    for digest in (
        toy.digests.whole,
        toy.digests.structure,
        *(info.digest for info in toy.locales.values()),
    ):
        assert digest in page
    for info in toy.locales.values():
        status = "–" if info.review_status == "source" else info.review_status
        assert re.search(rf"\({info.locale}\)</th>.*?<td>{status}", page, flags=re.DOTALL)


def test_a_questionnaire_that_has_changed_is_named_as_such(app: Flask, reader: FlaskClient) -> None:
    with app.extensions["viceversa.database"].writers.begin() as session:
        session.scalars(select(Wave)).one().instrument_digest = "0" * 64
    page = reader.get("/research/desk/")

    assert page.status_code == 200
    assert "is missing or has changed since the waves were scheduled" in page.text


def test_the_reliability_on_the_page_follows_from_the_file(
    reader: FlaskClient, download: Callable[[str], TestResponse]
) -> None:
    """Alpha by its definition, k/(k-1) (1 - sum of item variances / variance of the sum), from the downloaded rows."""
    rows = reliability_rows(reader.get("/research/desk/reliability").text)
    lines = list(csv.DictReader(io.StringIO(open_package(download("Check")).read("wide.csv").decode())))
    for role, label in (("mentor", "Mentors"), ("mentee", "Mentees")):
        of_role = [line for line in lines if line["role"] == role]
        items = [
            [int(line["A1.TC"]) for line in of_role],
            [int(line["A2.TC"]) for line in of_role],
            [6 - int(line["A3.TC"]) for line in of_role],
        ]
        total = variance(map(sum, zip(*items, strict=True)))
        alpha = 3 / 2 * (1 - sum(variance(item) for item in items) / total)
        k_items, people, shown_alpha, _notes = rows["AA", label]

        assert (k_items, people) == ("3", "12")
        assert shown_alpha.split()[0] == f"{alpha:.2f}"
        assert re.fullmatch(r"\S+ −?\d\.\d\d to \d\.\d\d", shown_alpha)


def test_reliability_of_a_small_group_is_not_shown_and_says_why(app: Flask, reader: FlaskClient) -> None:
    from scoring import gates

    before = reliability_rows(reader.get("/research/desk/reliability").text)["AA", "Mentors"]
    minimum = dict(gates._MINIMUM, alpha_interval=13)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gates, "_MINIMUM", minimum)
        after = reliability_rows(reader.get("/research/desk/reliability").text)["AA", "Mentors"]

    assert before[2] != "not shown"
    assert after[:3] == ["3", "–", "not shown"]
    assert "at least 13 people" in after[3]


def test_a_programme_without_closed_waves_says_so(enter: Callable[[str], FlaskClient]) -> None:
    stranger = enter("stranger")

    assert "No wave is closed yet" in stranger.get("/research/empty/reliability").text
    assert "No wave is scheduled yet." in stranger.get("/research/empty/").text


# --- the package ----------------------------------------------------------------------------------------------------


def test_a_package_is_sent_as_a_zip_that_nobody_keeps(download: Callable[[str], TestResponse]) -> None:
    answer = download("Evaluation report 2026")
    package = open_package(answer)

    assert answer.status_code == 200
    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == "attachment; filename=desk-data-2026-03-02.zip"
    assert "no-store" in answer.headers["Cache-Control"]
    assert package.testzip() is None
    assert json.loads(package.read("manifest.json"))["purpose"] == "Evaluation report 2026"


def test_nothing_of_a_package_stays_behind_on_the_server(
    download: Callable[[str], TestResponse], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    answer = download("Report")
    answer.close()

    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("purpose", "sentence"),
    [
        ("", "Say in a sentence what the data are for."),
        ("   ", "Say in a sentence what the data are for"),
        ("x" * 1001, "The purpose has 1001 characters"),
    ],
)
def test_a_package_needs_a_purpose(
    download: Callable[[str], TestResponse], reader: FlaskClient, purpose: str, sentence: str
) -> None:
    answer = download(purpose)
    error = find(r'id="purpose-error">([^<]+)<', answer.text)

    assert answer.status_code == 400
    assert sentence in error
    assert "Packages made before" not in reader.get("/research/desk/").text


def test_a_package_of_nothing_is_refused_in_words(
    enter: Callable[[str], FlaskClient], read_token: Callable[[str], str]
) -> None:
    stranger = enter("stranger")
    token = read_token(stranger.get("/research/empty/").text)
    answer = stranger.post("/research/empty/package", data={"csrf_token": token, "purpose": "Report"})

    assert answer.status_code == 400
    assert "No wave of this programme is closed yet" in shown(answer.text)


def test_packages_made_before_are_listed_with_who_made_them(
    reader: FlaskClient, enter: Callable[[str], FlaskClient], download: Callable[[str], TestResponse]
) -> None:
    before = shown(reader.get("/research/desk/").text)
    download("Report")
    after = shown(reader.get("/research/desk/").text)

    assert "Packages made before" not in before
    assert "Packages made before When By March 2, 2026, 9:30\u202fAM (UTC) Rosalind Reader" in after.replace(
        "9:30 AM", "9:30\u202fAM"
    )
    assert "Packages made before" not in enter("stranger").get("/research/empty/").text
