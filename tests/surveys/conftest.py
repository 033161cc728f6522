"""A small programme on a fresh database, asked with the toy questionnaire."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from instruments.model import Instrument, Role, WaveKind
from surveys import invitations, programs, waves
from surveys.invitations import IssuedInvitation
from surveys.models import Cohort, Pair, Participant, Program, Wave
from surveys.pseudonyms import Pseudonyms

TOY = Path(__file__).resolve().parents[1] / "instruments" / "toy"
FOLDERS = (TOY,)


@dataclass(frozen=True)
class World:
    """A programme with one cohort of a few pairs and an open wave, and the links of everybody."""

    session: Session
    now: datetime
    pseudonyms: Pseudonyms
    instrument: Instrument
    folders: tuple[Path, ...]
    program: Program
    cohort: Cohort
    pairs: list[Pair]
    wave: Wave
    issued: list[IssuedInvitation]

    def invitation_of(self, pair: Pair, role: Role) -> IssuedInvitation:
        """The link of one partner of a pair."""
        person = pair.mentor_id if role is Role.MENTOR else pair.mentee_id
        return next(i for i in self.issued if (i.pair_id, i.participant_id) == (pair.id, person))


@pytest.fixture(scope="session")
def folders() -> tuple[Path, ...]:
    """Where the toy questionnaire is."""
    return FOLDERS


@pytest.fixture(scope="session")
def toy() -> Instrument:
    """The toy questionnaire."""
    return get_instrument("toy", "0.1.0", folders=FOLDERS)


@pytest.fixture
def pseudonyms() -> Pseudonyms:
    """The holder of a link key."""
    return Pseudonyms(bytes(range(32)))


class CheapHasher:
    """Hashes at no cost, and counts how often it had to."""

    def __init__(self) -> None:
        self.checked: list[str] = []

    def hash(self, password: str) -> str:
        """The password backwards."""
        return "cheap:" + password[::-1]

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether the password is the hash backwards."""
        self.checked.append(password_hash)
        return password_hash.endswith(":" + password[::-1])

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash is of the older kind."""
        return not password_hash.startswith("cheap:")


@pytest.fixture
def cheap_hasher() -> CheapHasher:
    """A hasher that costs nothing."""
    return CheapHasher()


@pytest.fixture
def program(session: Session, toy: Instrument, now: datetime) -> Program:
    """A programme asked with the toy questionnaire."""
    return programs.create_program(
        session, slug="spring", name="Spring", organisation="Example Works", instrument=toy, now=now
    )


@pytest.fixture
def cohort(session: Session, program: Program, now: datetime) -> Cohort:
    """A cohort without pairs."""
    return programs.add_cohort(session, program, name="Finance", starts_on=now.date(), now=now)


@pytest.fixture
def add_person(session: Session, program: Program, now: datetime) -> Callable[[Role, str], Participant]:
    """Adds a person to the programme."""

    def add(role: Role, name: str) -> Participant:
        email = f"{name.lower()}.{role}@example.org"
        return programs.add_participant(
            session, program, role=role, name=name, email=email, locale="en", now=now
        )

    return add


@pytest.fixture
def add_pairs(
    session: Session, cohort: Cohort, now: datetime, add_person: Callable[[Role, str], Participant]
) -> Callable[[int], list[Pair]]:
    """Adds as many pairs of new people to the cohort."""

    def add(n_pairs: int) -> list[Pair]:
        return [
            programs.add_pair(
                session,
                cohort,
                mentor=add_person(Role.MENTOR, f"Junior{number}"),
                mentee=add_person(Role.MENTEE, f"Senior{number}"),
                started_on=now.date(),
                now=now,
            )
            for number in range(n_pairs)
        ]

    return add


@pytest.fixture
def add_wave(session: Session, cohort: Cohort, toy: Instrument, now: datetime) -> Callable[..., Wave]:
    """Plans a wave that is open from an hour ago for a week, unless said otherwise."""

    def add(
        kind: WaveKind = WaveKind.T0,
        *,
        opens_in: timedelta = timedelta(hours=-1),
        lasts: timedelta = timedelta(days=7),
    ) -> Wave:
        opens_at = now + opens_in
        return waves.schedule_wave(
            session, cohort, kind, toy, opens_at=opens_at, closes_at=opens_at + lasts, now=min(now, opens_at)
        )

    return add


@dataclass(frozen=True)
class Scene:
    """A cohort without pairs and waves, and what it takes to add some."""

    session: Session
    now: datetime
    pseudonyms: Pseudonyms
    instrument: Instrument
    folders: tuple[Path, ...]
    cohort: Cohort
    add_person: Callable[[Role, str], Participant]
    add_pairs: Callable[[int], list[Pair]]
    add_wave: Callable[..., Wave]

    def invite(self, wave: Wave) -> list[IssuedInvitation]:
        """Issue the links of a wave."""
        return invitations.issue_invitations(self.session, wave, now=self.now, folders=self.folders)


@pytest.fixture
def scene(request: pytest.FixtureRequest, cohort: Cohort) -> Scene:
    """A cohort to fill; that it is asked for by name brings both databases along."""
    given = {"instrument": "toy"}
    return Scene(**{f.name: request.getfixturevalue(given.get(f.name, f.name)) for f in fields(Scene)})


@pytest.fixture
def world(scene: Scene) -> World:
    """Two pairs, an open wave T2 (it has a text question), and everybody's link; committed."""
    pairs = scene.add_pairs(2)
    wave = scene.add_wave(WaveKind.T2)
    issued = scene.invite(wave)
    scene.session.commit()
    kept = {
        field.name: getattr(scene, field.name) for field in fields(Scene) if not field.name.startswith("add_")
    }
    return World(**kept, program=scene.cohort.program, pairs=pairs, wave=wave, issued=issued)
