"""A programme as a hostile coordinator would like it: small cells, open and closed waves, and worlds that differ in one cell only.

Everything is seeded once; a world is a copy of that file in which so many mentors of two cohorts have answered the open waves. Keys,
names and sessions are therefore the same in all of them.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Role, WaveKind
from surveys import accounts, invitations, programs, releases, responses, waves
from surveys.database import make_engine, make_session_factory
from surveys.models import Base, Cohort, Invitation, Participant, Program, Wave
from surveys.pseudonyms import Pseudonyms
from webapp.participate.pacing import MEDIANS

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)
LINK_KEY = bytes(range(32))
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COOKIE = "viceversa_session"
T0, TC, T2 = WaveKind.T0, WaveKind.TC, WaveKind.T2
MIDDLE, TOP, BOTTOM = (3, 3, 3), (5, 5, 1), (1, 1, 5)
HOW = {"pseudonyms": Pseudonyms(LINK_KEY), "locale": "en", "folders": TOY_FOLDERS}


class FreeHasher:
    """Stands in for argon2id; nobody signs in with a password here."""

    def hash(self, password: str) -> str:
        return f"free:{password}"

    def verify(self, password_hash: str, password: str) -> bool:
        return False

    def needs_rehash(self, password_hash: str) -> bool:
        return False


@dataclass
class Seeds:
    """Keys of what was seeded, by short names such as "Tiny" and "Tiny T2", and everybody's personal link."""

    users: dict[str, str] = field(default_factory=dict)
    cohorts: dict[str, str] = field(default_factory=dict)
    waves: dict[str, str] = field(default_factory=dict)
    links: dict[tuple[str, Role, int], str] = field(default_factory=dict)

    def wave_page(self, name: str, rest: str = "") -> str:
        """The address of a page of a wave."""
        return f"/coordinate/desk/waves/{self.waves[name]}/{rest}"

    def cohort_page(self, name: str, rest: str = "") -> str:
        """The address of a page of a cohort."""
        return f"/coordinate/desk/cohorts/{self.cohorts[name]}/{rest}"


@contextmanager
def writing(path: Path) -> Iterator[Session]:
    """A transaction on a SQLite file, whose engine is closed afterwards so that the file can be copied."""
    engine = make_engine(f"sqlite:///{path}")
    with make_session_factory(engine).begin() as session:
        yield session
    engine.dispose()


def put_in_place(app: Flask, path: Path) -> None:
    """Let the app read a copy of a world, whichever database it works on."""
    address = app.config["DATABASE_URL"]
    app.extensions["viceversa.database"].engine.dispose()
    # What is remembered of a day is asked for once, and then not asked again; each world begins its own day.
    app.extensions.pop(MEDIANS, None)
    if not address.startswith("sqlite:///"):
        copy_rows(path, address)
        return
    target = Path(address.removeprefix("sqlite:///"))
    for side_file in (f"{target}-wal", f"{target}-shm"):
        Path(side_file).unlink(missing_ok=True)
    shutil.copyfile(path, target)


def copy_rows(path: Path, address: str) -> None:
    """Put what a SQLite file holds in the place of everything in another database."""
    source, target = make_engine(f"sqlite:///{path}"), make_engine(address)
    with source.connect() as reader, target.begin() as writer:
        # Triggers would refuse to have the log replaced.
        writer.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in reversed(Base.metadata.sorted_tables):
            writer.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            rows = [dict(row) for row in reader.execute(select(table)).mappings()]
            if rows:
                writer.execute(insert(table), rows)
    source.dispose()
    target.dispose()


# Cohort -> its number of pairs, and for each wave the day on which it opens, and who has answered it by now: everybody of both
# roles, the mentees alone, or nobody who was ever asked. A wave that everybody has answered is closed and released.
# The mentors of Fresh have never answered anything.
PLAN: Mapping[str, tuple[int, Mapping[WaveKind, tuple[int, str]]]] = {
    "North": (12, {TC: (-40, "all"), T2: (-20, "all")}),
    "Seven": (7, {TC: (-40, "all"), T2: (-20, "all")}),
    "Tiny": (6, {TC: (-40, "all"), T2: (-3, "mentees"), T0: (9, "")}),
    "Wide": (12, {TC: (-40, "all"), T2: (-3, "mentees")}),
    "Fresh": (5, {T2: (-3, "mentees")}),
    "Empty": (0, {}),
}


def seed(session: Session) -> Seeds:
    """Two programmes and their users; the first has the cohorts of the plan."""
    toy = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    now, seeds = START - timedelta(days=60), Seeds()
    made: dict[str, Program] = {}
    for slug in ("desk", "other"):
        made[slug] = programs.create_program(
            session, slug=slug, name=f"Programme {slug}", organisation="Works", instrument=toy, now=now
        )
    for name, slug, role in (
        ("coordinator", "desk", "coordinator"),
        ("researcher", "desk", "researcher"),
        ("stranger", "other", "coordinator"),
    ):
        user = accounts.add_user(
            session, email=f"{name}@example.org", name=name, password="x" * 20, now=START, hasher=FreeHasher()
        )
        accounts.add_membership(session, user, made[slug], role, now=START)
        seeds.users[name] = accounts.start_session(session, user, now=START)
    for name, (n_pairs, planned) in PLAN.items():
        cohort = programs.add_cohort(session, made["desk"], name=name, starts_on=now.date(), now=now)
        seeds.cohorts[name] = cohort.id
        add_pairs(session, cohort, n_pairs)
        for kind, (opens, answered) in planned.items():
            opens_at = START + timedelta(days=opens)
            window = {"opens_at": opens_at, "closes_at": opens_at + timedelta(days=10)}
            wave = waves.schedule_wave(session, cohort, kind, toy, **window, now=now)
            seeds.waves[f"{name} {kind.value}"] = wave.id
            if answered:
                ask(session, seeds, name, wave, answered)
    return seeds


def add_pairs(session: Session, cohort: Cohort, n_pairs: int) -> None:
    """Pairs of people whose names say who they are."""
    for number in range(n_pairs):
        mentor, mentee = (
            programs.add_participant(
                session, cohort.program, role=role, name=f"{cohort.name} {role.value} {number}",
                email=f"{role.value}{number}@{cohort.name.lower()}.org", now=START,
            )
            for role in Role
        )  # fmt: skip
        programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, started_on=START.date(), now=START)


def ask(session: Session, seeds: Seeds, cohort: str, wave: Wave, answered: str) -> None:
    """Issue the links of a wave and let the mentees, or all, answer; what everybody has answered is closed and released."""
    issued = invitations.issue_invitations(session, wave, now=wave.opens_at, folders=TOY_FOLDERS)
    for one in issued:
        person = session.get_one(Participant, one.participant_id)
        number = int(person.contact.name.split(" ")[-1]) if person.contact else 0
        if wave.kind is T2:
            seeds.links[cohort, person.role, number] = one.token
        if answered == "all" or person.role is Role.MENTEE:
            answer(session, one.invitation, codes_of(number, wave.kind))
    if answered == "all":
        closing = wave.opens_at + timedelta(days=5)
        waves.close_wave(session, wave, now=closing)
        releases.freeze_release(session, wave, now=closing, folders=TOY_FOLDERS)


def codes_of(number: int, wave: WaveKind) -> tuple[int, int, int]:
    """Answers to the scale AA that differ from person to person, and rise."""
    first = 2 if wave is TC else 3 + (number % 3 == 0)
    return (first, 2 + number % 2, 4 - number % 2)


def answer(session: Session, invitation: Invitation, codes: tuple[int, int, int]) -> None:
    """Send an answer to the scale AA."""
    answers = {item: AnswerValue(code=code) for item, code in zip(("A1", "A2", "A3"), codes, strict=True)}
    moment = invitation.wave.opens_at + timedelta(hours=1)
    responses.submit_response(session, invitation, answers, now=moment, **HOW)


def make_world(
    base: Path,
    seeds: Seeds,
    path: Path,
    few: int,
    codes: tuple[int, int, int],
    cohorts: tuple[str, ...] = ("Tiny", "Wide", "Fresh"),
) -> Path:
    """A copy in which the first mentors of some cohorts have answered the open wave, all of them in one way."""
    shutil.copyfile(base, path)
    with writing(path) as session:
        for cohort in cohorts:
            for number in range(few):
                token = seeds.links[cohort, Role.MENTOR, number]
                answer(session, invitations.find_invitation(session, token, now=START), codes)
    return path
