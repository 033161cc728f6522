"""A whole app on a small seeded database, with a clock that tests set and catalogues made up for the run.

The database is a SQLite file unless a test asks for another one, or VICEVERSA_TEST_WEBAPP_DATABASE=postgresql runs everything on
PostgreSQL, where every page works under the database role of its room.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import accounts, invitations, programs, waves
from surveys.models import Cohort, Program
from tests.postgres_pool import PostgresPool
from tests.webapp.posts import Post, open_post
from tests.webapp.worlds import Seeds, copy_rows, seed, writing
from tests.webapp.written import seed_written
from webapp import catalogues, create_app
from webapp.config import LOCALES, SOURCE_LOCALE
from webapp.database import EXTENSION, dispose_engine

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"
HOSTILE_NAME = "<script>alert('x')</script> & Söhne {P} %(x)s"


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **step: float) -> None:
        """Move on by days, hours, minutes."""
        self.moment += timedelta(**step)


class PlainHasher:
    """Stands in for argon2id, which is slow on purpose."""

    def hash(self, password: str) -> str:
        return f"plain:{password}"

    def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == f"plain:{password}"

    def needs_rehash(self, password_hash: str) -> bool:
        return False


@dataclass(frozen=True)
class Seeded:
    """What the seeded database holds: tokens by name of the person or state."""

    tokens: dict[str, str]
    program_slug: str


@pytest.fixture(scope="session")
def made_up_translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Complete catalogues in which every sentence begins with its locale, so that a forgotten one shows."""
    folder = tmp_path_factory.mktemp("translations")
    template = catalogues.extract_template()
    (folder / "messages.pot").write_text(catalogues.render_template(template), encoding="utf-8")
    for locale in LOCALES:
        if locale != SOURCE_LOCALE:
            catalog = catalogues.merge_catalogue(template, locale, None)
            for message in catalog:
                if message.id:
                    message.string = make_up(message.id, locale, catalog.num_plurals)
            path = folder / locale / "LC_MESSAGES" / "messages.po"
            path.parent.mkdir(parents=True)
            path.write_text(
                catalogues.render_catalogue(catalog, catalogues.DEFAULT_HEADERS), encoding="utf-8"
            )
    return folder


def make_up(text: str | tuple[str, ...], locale: str, n_plurals: int) -> str | tuple[str, ...]:
    """A translation that can be told apart, in the shape that the message needs."""
    if isinstance(text, str):
        return f"{locale}:{text}"
    return tuple(f"{locale}:{text[min(form, 1)]}" for form in range(n_plurals))


@pytest.fixture
def clock() -> Clock:
    """The app's clock."""
    return Clock()


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates compiled once for all apps of the run."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the app's database, with the newest schema and nothing in it."""
    default = os.environ.get("VICEVERSA_TEST_WEBAPP_DATABASE", "sqlite")
    if getattr(request, "param", default) == "sqlite":
        path = tmp_path / "viceversa.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    pool: PostgresPool = request.getfixturevalue("postgres_pool")
    yield from pool.lend(fresh=request.node.get_closest_marker("fresh_database") is not None)


@pytest.fixture
def app(
    app_database: str,
    made_up_translations: Path,
    compiled_templates: FileSystemBytecodeCache,
    clock: Clock,
) -> Iterator[Flask]:
    """The whole app on an empty database with the newest schema."""
    app = create_app(
        {
            "DATABASE_URL": app_database,
            "SECRET_KEY": "a secret key for tests only",
            "LINK_KEY": bytes(range(32)),
            "INSTRUMENT_FOLDERS": TOY_FOLDERS,
            "TRANSLATIONS_FOLDER": made_up_translations,
            "CLOCK": clock,
            "PASSWORD_HASHER": PlainHasher(),
        }
    )
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    dispose_engine(app)


@pytest.fixture(scope="session")
def seeded_desk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[Path, Seeds]:
    """The programme that a hostile coordinator would like, with what people wrote; seeded once, and copied for every world."""
    path = tmp_path_factory.mktemp("desk") / "base.db"
    shutil.copyfile(sqlite_template, path)
    with writing(path) as session:
        seeds = seed(session)
        seed_written(session, seeds)
    return path, seeds


@pytest.fixture
def put_in_place(app: Flask) -> Callable[[Path], None]:
    """Makes the app read a copy of a seeded SQLite file instead of what its own database holds."""

    def perform(path: Path) -> None:
        address = app.config["DATABASE_URL"]
        if address.startswith("sqlite:///"):
            shutil.copyfile(path, address.removeprefix("sqlite:///"))
            return
        copy_rows(path, address)

    return perform


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without any cookie."""
    return app.test_client()


@pytest.fixture
def write(app: Flask) -> Callable[[], Session]:
    """Begins a transaction on the app's database: `with write() as session:` commits at the end."""
    return app.extensions[EXTENSION].writers.begin


@pytest.fixture
def seeded(write: Callable[[], Session], clock: Clock) -> Seeded:
    """A programme with three cohorts, whose four-page wave is open, still to come, and closed, and two users."""
    instrument = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    tokens: dict[str, str] = {}
    with write() as session:
        program = programs.create_program(
            session,
            slug="spring",
            name="Spring 2026",
            organisation="Example Works",
            floor=6,
            instrument=instrument,
            now=clock(),
        )
        for name, opens, closes in (("open", -1, 9), ("scheduled", 3, 12), ("brief", -5, 1)):
            cohort = programs.add_cohort(session, program, name=name, now=clock())
            tokens |= seed_cohort(session, program, cohort, name, opens=opens, closes=closes, now=clock())
        for role in ("coordinator", "researcher"):
            user = accounts.add_user(
                session,
                email=f"{role}@example.org",
                name=role.title(),
                password=PASSWORD,
                now=clock(),
                hasher=PlainHasher(),
            )
            accounts.add_membership(session, user, program, role, now=clock())
    return Seeded(tokens, "spring")


def seed_cohort(
    session: Session, program: Program, cohort: Cohort, name: str, *, opens: int, closes: int, now: datetime
) -> dict[str, str]:
    """One pair and one wave; the tokens of the mentor, who prefers Urdu, and of the mentee, who prefers nothing."""
    instrument = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    mentor = programs.add_participant(
        session, program, role="mentor", name="Amina Siddiqui", email=f"m-{name}@x.org", locale="ur", now=now
    )
    mentee = programs.add_participant(
        session, program, role="mentee", name=HOSTILE_NAME, email=f"e-{name}@x.org", locale=None, now=now
    )
    programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, now=now)
    wave = waves.schedule_wave(
        session,
        cohort,
        "T2",
        instrument,
        opens_at=now + timedelta(days=opens),
        closes_at=now + timedelta(days=closes),
        now=now,
    )
    issued = invitations.issue_invitations(session, wave, now=now, folders=TOY_FOLDERS)
    names = {mentor.id: f"{name} mentor", mentee.id: f"{name} mentee"}
    return {names[one.participant_id]: one.token for one in issued}


@pytest.fixture
def mentee(seeded: Seeded) -> str:
    """The address of the mentee's questionnaire in the open wave."""
    return f"/s/{seeded.tokens['open mentee']}"


@pytest.fixture
def mentor(seeded: Seeded) -> str:
    """The address of the mentor's questionnaire in the open wave; the partner's name is hostile."""
    return f"/s/{seeded.tokens['open mentor']}"


@pytest.fixture
def read_token() -> Callable[[str], str]:
    """Finds the forgery token in a page."""

    def read(page: str) -> str:
        match = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert match, "the page has no forgery token"
        return match.group(1)

    return read


@pytest.fixture
def sign_in(read_token: Callable[[str], str]) -> Callable[..., object]:
    """Signs a client in through the page, as a person would."""

    def perform(
        client: FlaskClient,
        email: str = "coordinator@example.org",
        password: str = PASSWORD,
        **fields: str,
    ) -> object:
        page = client.get("/account/sign-in").text
        data = {"csrf_token": read_token(page), "email": email, "password": password, **fields}
        return client.post("/account/sign-in", data=data)

    return perform


@pytest.fixture
def post(app: Flask, clock: Clock, tmp_path: Path) -> Iterator[Post]:
    """The app with a mail server, at half past nine on a Monday."""
    with open_post(app, clock, tmp_path) as found:
        yield found
