"""Every page works under the database role of its room: the whole path on PostgreSQL, with the roles on."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

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


@on_postgres
@pytest.mark.parametrize(
    ("address", "forbidden"),
    [("/coordinate/", Response), ("/research/", Contact), ("/account/sign-in", Contact), ("/", Contact)],
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
