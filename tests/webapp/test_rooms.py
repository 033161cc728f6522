"""Every page works under the database role of its room: the whole path on PostgreSQL, with the roles on."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import WaveKind
from surveys import accounts, invitations, programs, responses, waves
from surveys.errors import DatabaseRolesError
from surveys.models import Contact, Response
from surveys.roles import ROLE, DatabaseRole
from webapp import database
from webapp.database import EXTENSION, ROLE_OF_BLUEPRINT

on_postgres = pytest.mark.parametrize("app_database", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("app_database", ["sqlite"], indirect=True)
HEADER = "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language"
PAGES = (("A1", "A2", "A3"), ("B1", "B2"), ("X1", "X2"), ("S1", "H1", "R1"))


def test_every_blueprint_has_a_role(app: Flask) -> None:
    assert set(app.blueprints) == set(ROLE_OF_BLUEPRINT)


def find(pattern: str, page: str) -> str:
    match = re.search(pattern, page)
    assert match, f"{pattern} is not in the page"
    return match.group(1)


class Office:
    """Somebody who signed in and fills in forms."""

    def __init__(self, client: FlaskClient, read_token: Callable[[str], str]) -> None:
        self.client, self.read_token = client, read_token

    def send(self, address: str, origin: str, **fields: Any) -> Any:
        """Send a form that stands on a page."""
        token = self.read_token(self.client.get(origin).text)
        answer = self.client.post(
            address, data={"csrf_token": token, **fields}, content_type="multipart/form-data"
        )
        assert answer.status_code in {200, 303}, answer.text
        return answer


@on_postgres
def test_the_whole_path_works_under_the_roles(
    app: Flask,
    seeded: Any,
    sign_in: Callable[..., Any],
    read_token: Callable[[str], str],
    clock: Any,
    write: Any,
) -> None:
    assert app.extensions[EXTENSION].under_roles
    coordinator = Office(app.test_client(), read_token)
    assert sign_in(coordinator.client).location == "/coordinate/"

    # A cohort with a roster, a wave, and its links.
    home = "/coordinate/spring/"
    made = coordinator.send(
        f"{home}cohorts/new",
        f"{home}cohorts/new",
        name="Finance",
        starts_on="2026-03-01",
        ends_on="2026-09-01",
    )
    cohort = made.location.partition("?")[0]
    lines = [f"Junior {n},j{n}@x.org,en,Senior {n},s{n}@x.org,en" for n in range(12)]
    roster = io.BytesIO("\n".join([HEADER, *lines]).encode())
    coordinator.send(f"{cohort}roster", f"{cohort}roster", file=(roster, "pairs.csv"), action="import")
    now = clock().astimezone(UTC)
    opens, closes = now + timedelta(hours=1), now + timedelta(days=9)
    made = coordinator.send(
        f"{cohort}waves/new",
        f"{cohort}waves/new",
        kind="T2",
        opens_at=f"{opens:%Y-%m-%dT%H:%M}",
        closes_at=f"{closes:%Y-%m-%dT%H:%M}",
    )
    wave = made.location.partition("?")[0]
    coordinator.send(f"{wave}open", wave)
    listed = coordinator.send(f"{wave}links/issue", wave)
    rows = list(csv.DictReader(io.StringIO(listed.text.lstrip("\ufeff"))))
    assert len(rows) == 24
    assert coordinator.client.get(f"{wave}links").status_code == 200

    # People answer; one comes back, takes the answers along and leaves.
    mentors = [row["link"].partition("/s/")[2] for row in rows if "Junior" in row["name"]]
    for token in mentors[:8]:
        person = app.test_client()
        for number, items in enumerate(PAGES, start=1):
            answers = {item: "c:3" if item != "S1" else "c:0" for item in items if item not in {"R1", "H1"}}
            saved = person.post(f"/s/{token}/{number}", data={**answers, "go": "next"})
            assert saved.status_code == 303, saved.text
        assert person.post(f"/s/{token}/review").location.endswith("/thanks")
        assert person.get(f"/s/{token}/thanks").status_code == 200
    assert person.get(f"/s/{token}/my-data/json").mimetype == "application/json"
    left = person.post(f"/s/{token}/leave")
    assert left.status_code == 200
    code = find(r"([A-Z2-7]{4}(?:-[A-Z2-7]{4}){5})", left.text)
    assert app.test_client().post("/receipt/", data={"code": code}).status_code == 200

    # The coordinator sees rates, closes and reads the release.
    assert "rates" in coordinator.client.get(wave).text
    closed = coordinator.send(f"{wave}close", f"{wave}close")
    assert coordinator.client.get(closed.location).status_code == 200
    assert coordinator.client.get(f"{home}compare").status_code == 200
    with write() as session:
        frozen = session.scalar(text("SELECT count(*) FROM confidential_group"))
        assert frozen > 0

    # The researcher reads reliability and takes the data.
    researcher = Office(app.test_client(), read_token)
    assert sign_in(researcher.client, email="researcher@example.org").status_code == 303
    assert researcher.client.get("/research/spring/reliability").status_code == 200
    package = researcher.send("/research/spring/package", "/research/spring/", purpose="A test of the roles.")
    assert package.mimetype == "application/zip"
    # An error page on which somebody is signed in asks who that is, in whichever room.
    assert coordinator.client.get("/s/unknown").status_code == 404


PASSWORD = "correct horse battery"
OFFICES = ("moderator", "overseer", "custodian", "coordinator")
WORDS = "What I wanted to say."


@dataclass(frozen=True)
class House:
    """A programme of fifteen pairs at its end: who holds an office, and the links of both partners of each pair by wave."""

    wave: str
    links: dict[WaveKind, list[str]]


@pytest.fixture
def house(app: Flask, write: Any, clock: Any) -> House:
    """Ten mentors have written on an open question; nobody has decided, wished or told the coordinator anything."""
    core, now = get_instrument("core-battery", "0.1.0"), clock()
    links: dict[WaveKind, list[str]] = {}
    with write() as session:
        program = programs.create_program(
            session, slug="autumn", name="Autumn", organisation="Works", instrument=core, now=now
        )
        cohort = programs.add_cohort(session, program, name="Finance", now=now)
        for number in range(15):
            mentor, mentee = (
                programs.add_participant(
                    session, program, role=role, name=f"{role.title()} Xyz{'abcdefghijklmno'[number]}",
                    email=f"{role}{number}@x.org", locale="en", now=now,
                )
                for role in ("mentor", "mentee")
            )  # fmt: skip
            programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, now=now)
        for kind in (WaveKind.TC, WaveKind.T3B):
            window = {"opens_at": now, "closes_at": now + timedelta(days=7), "now": now}
            wave = waves.schedule_wave(session, cohort, kind, core, **window)
            issued = invitations.issue_invitations(session, wave, now=now)
            first = issued[0].pair_id
            links[kind] = [f"/s/{link.token}" for link in issued if link.pair_id == first]
        writers = [
            one for one in issued if programs.get_participant(session, one.participant_id).role == "mentor"
        ]
        for link in writers[:10]:
            responses.submit_response(
                session,
                link.invitation,
                {"OE1": AnswerValue(text=WORDS)},
                quotable={"OE1"},
                pseudonyms=app.extensions[EXTENSION].pseudonyms,
                locale="en",
                now=now,
            )
        for name in (*OFFICES, "second custodian"):
            user = accounts.add_user(
                session,
                email=f"{name.replace(' ', '.')}@autumn.org",
                name=name,
                password=PASSWORD,
                now=now,
                hasher=app.config["PASSWORD_HASHER"],
            )
            accounts.add_membership(session, user, program, name.rpartition(" ")[2], now=now)
    return House(wave.id, links)


@on_postgres
def test_what_is_addressed_and_shared_works_under_the_participant_s_role(
    app: Flask,
    house: House,
    sign_in: Callable[..., Any],
    read_token: Callable[[str], str],
    clock: Any,
    write: Any,
) -> None:
    person = app.test_client()
    for link in house.links[WaveKind.TC]:
        assert person.get(f"{link}/write").status_code == 200
        assert (
            person.post(
                f"{link}/write", data={"kind": "mediation", "text": WORDS, "form_key": "1"}
            ).status_code
            == 200
        )
        assert person.post(f"{link}/mediation", data={"result": "resolved"}).status_code == 200
        assert person.get(f"{link}/decision").status_code == 200
        for choice in ("continue", "help"):
            assert person.post(f"{link}/decision", data={"choice": choice, "text": WORDS}).status_code == 200
    for link in house.links[WaveKind.T3B]:
        assert person.get(f"{link}/extension").status_code == 200
        for wish in ("yes", "no", "yes"):
            assert person.post(f"{link}/extension", data={"wish": wish}).status_code == 200
        for page in ("", "/privacy", "/my-data", "/withdraw"):
            assert person.get(f"{link}{page}").status_code == 200

    # The coordinator reads what was written, mediates, and draws up the talks once the time to decide is over.
    coordinator = Office(app.test_client(), read_token)
    sign_in(coordinator.client, email="coordinator@autumn.org")
    home = "/coordinate/autumn/messages"
    shown = coordinator.client.get(home)
    assert WORDS in shown.text
    move = find(r'action="(/coordinate/autumn/messages/[0-9a-f]{32}[^"]*)"', shown.text)
    coordinator.send(move, home, state="closed")
    assert (
        person.post(f"{house.links[WaveKind.TC][0]}/mediation", data={"result": "resolved"}).status_code
        == 200
    )
    clock.forward(days=8)
    sign_in(coordinator.client, email="coordinator@autumn.org")
    talks = "/coordinate/autumn/talks"
    drawing = find(r'action="(/coordinate/autumn/waves/[^"]*/talks)"', coordinator.client.get(talks).text)
    coordinator.send(drawing, talks)
    held = find(r'action="(/coordinate/autumn/talks/[^"]*/held)"', coordinator.client.get(talks).text)
    coordinator.send(held, talks)
    with write() as session:
        assert session.scalar(text("SELECT count(*) FROM addressed_message")) == 4
        assert session.scalar(text("SELECT count(*) FROM shared_extension")) == 1


@on_postgres
def test_a_moderator_writes_and_publishes_themes_under_their_role(
    app: Flask, house: House, sign_in: Callable[..., Any], read_token: Callable[[str], str], clock: Any
) -> None:
    clock.forward(days=8)
    moderator = Office(app.test_client(), read_token)
    assert sign_in(moderator.client, email="moderator@autumn.org").location == "/moderate/"
    rule = "/moderate/autumn/pledge"
    digest = find(r'name="digest"[^>]*value="([0-9a-f]{64})"', moderator.client.get(rule).text)
    moderator.send(rule, rule, digest=digest, agreed="y")
    wave = f"/moderate/autumn/waves/{house.wave}/"
    for page in ("/moderate/", "/moderate/autumn/", "/moderate/autumn/harm", wave, f"{wave}publish"):
        assert moderator.client.get(page).status_code == 200, page
    question = f"{wave}questions/OE1/"
    shown = moderator.client.get(question).text
    keys = sorted(set(re.findall(r'name="support" value="([0-9a-f]{32})"', shown)))
    assert WORDS in shown
    assert len(keys) == 10
    theme = {
        "locale": "en",
        "title": "A theme",
        "summary": "Many say so.",
        "support": keys[:3],
        f"quote-{keys[0]}": "Masked words",
    }
    # A name of the roster is noticed, though no name can be read in this room.
    token = read_token(shown)
    named = moderator.client.post(question, data={**theme, "title": "Mentor Xyza", "csrf_token": token})
    assert named.status_code == 400
    assert "Xyzb" not in named.text
    moderator.send(question, question, **theme)
    moderator.send("/moderate/autumn/harm", "/moderate/autumn/harm")
    seen = find(r'name="seen"[^>]*value="([0-9a-f]{64})"', moderator.client.get(f"{wave}publish").text)
    assert moderator.send(f"{wave}publish", f"{wave}publish", seen=seen).status_code == 303


@on_postgres
def test_custodians_and_overseers_work_under_their_roles(
    app: Flask, house: House, sign_in: Callable[..., Any], read_token: Callable[[str], str]
) -> None:
    first, second, overseer = (Office(app.test_client(), read_token) for _number in range(3))
    assert sign_in(first.client, email="custodian@autumn.org").location == "/custody/"
    assert sign_in(second.client, email="second.custodian@autumn.org").location == "/custody/"
    assert sign_in(overseer.client, email="overseer@autumn.org").location == "/oversee/"
    home = "/custody/autumn/"
    asked = {"email": "mentor0@x.org", "role": "mentor", "ground": "court_order", "reference": "AZ-114/2027"}
    assert first.send(home, home, **asked, password=PASSWORD).status_code == 303
    request = find(r'href="(/custody/autumn/[0-9a-f]{32}/)"', second.client.get(home).text)
    assert second.send(request, request, decision="approved", password=PASSWORD).status_code == 303
    assert first.client.get(request).status_code == 200

    for page in ("", "autumn/", "autumn/log", "autumn/log.csv", "autumn/log.jsonl"):
        assert overseer.client.get(f"/oversee/{page}").status_code == 200, page
    assert "AZ-114/2027" in overseer.client.get("/oversee/autumn/").text


@on_postgres
@pytest.mark.parametrize(
    ("address", "forbidden"),
    [
        ("/coordinate/", Response),
        ("/research/", Contact),
        ("/moderate/", Contact),
        ("/oversee/", Response),
        ("/custody/", Response),
        ("/account/sign-in", Contact),
        ("/", Contact),
    ],
)
def test_a_page_that_reads_what_is_not_its_business_fails_in_the_database(
    app: Flask, address: str, forbidden: type
) -> None:
    with app.test_request_context(address):
        with pytest.raises(ProgrammingError):
            database.db().scalars(select(forbidden)).all()
        database.discard_changes()


@on_postgres
def test_with_the_roles_off_the_same_query_passes(app: Flask) -> None:
    """The control of the test above, and what an operator's word switches off."""
    app.extensions[EXTENSION] = database.Database(
        *(
            getattr(app.extensions[EXTENSION], name)
            for name in ("engine", "writers", "readers", "pseudonyms")
        ),
        under_roles=False,
    )
    with app.test_request_context("/coordinate/"):
        database.db().scalars(select(Response)).all()


@on_postgres
def test_a_role_that_cannot_be_taken_shows_a_page_and_never_goes_on_without(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unknown:
        value = "viceversa_nobody"

    monkeypatch.setitem(database.ROLE_OF_BLUEPRINT, "participate", Unknown())

    answer = app.test_client().get("/s/some-token")

    assert answer.status_code == 503
    with (
        pytest.raises(DatabaseRolesError),
        app.extensions[EXTENSION].readers(info={ROLE: Unknown()}) as session,
    ):
        session.execute(text("SELECT 1"))


@on_sqlite
def test_on_sqlite_pages_work_without_roles(app: Flask) -> None:
    assert not app.extensions[EXTENSION].under_roles
    assert DatabaseRole("viceversa_coordinator") is DatabaseRole.COORDINATOR
    assert datetime.now(UTC)
