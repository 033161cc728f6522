"""A study whose answers a test sets person by person, on top of the programme of the folder above."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from instruments.model import Instrument, Role, WaveKind
from surveys import programs, releases, waves
from surveys.models import (
    Answer,
    Cohort,
    Program,
    Release,
    Respondent,
    Response,
    ResponseState,
    Wave,
    new_key,
)

Row = Mapping[str, int | None]
DAYS = {WaveKind.T0: 0, WaveKind.TC: 30, WaveKind.T2: 60, WaveKind.T3B: 90}


@dataclass
class Study:
    """Writes whole waves of answers at once; people are numbers, and number n answers about pair n unless told otherwise."""

    session: Session
    now: datetime
    program: Program
    instrument: Instrument
    folders: tuple[Path, ...] = ()
    keys: dict[tuple[str, str, object], str] = field(default_factory=dict)
    numbers: count = field(default_factory=lambda: count(1))

    def cohort(self, name: str) -> Cohort:
        """A new cohort; cohorts start a week apart, in the order in which they are made."""
        start = self.now.date() + timedelta(weeks=next(self.numbers))
        return programs.add_cohort(self.session, self.program, name=name, starts_on=start, now=self.now)

    def key(self, cohort: Cohort, role: Role | str, who: object) -> str:
        """The pseudonym of a person (or, with "pair" as role, of a pair) of a cohort."""
        known = (cohort.id, str(role), who)
        if known not in self.keys:
            self.keys[known] = new_key()
            if role != "pair":
                self.session.add(Respondent(key=self.keys[known]))
                self.session.flush()
        return self.keys[known]

    def wave(self, cohort: Cohort, kind: WaveKind, picks: Mapping[str, Sequence[str]] | None = None) -> Wave:
        """A wave of the cohort that is open."""
        opens = self.now + timedelta(days=DAYS[kind])
        return waves.schedule_wave(
            self.session, cohort, kind, self.instrument,
            opens_at=opens, closes_at=opens + timedelta(days=10), now=opens, picks=picks,
        )  # fmt: skip

    def answer(
        self,
        wave: Wave,
        role: Role,
        rows: Mapping[object, Row],
        *,
        people: Mapping[object, object] | None = None,
    ) -> None:
        """Submit answers: `rows` are by number of the pair, `people` says who answers for it where that is somebody else."""
        responses, answers = [], []
        for pair, codes in rows.items():
            person = (people or {}).get(pair, pair)
            response = {
                "key": new_key(),
                "respondent_key": self.key(wave.cohort, role, person),
                "pair_key": self.key(wave.cohort, "pair", pair),
                "wave_id": wave.id,
                "role": role,
                "locale": "en",
                "locale_digest": "0" * 64,
                "instrument_version": wave.instrument_version,
                "instrument_digest": wave.instrument_digest,
                "state": ResponseState.SUBMITTED,
                "started_on": wave.opens_at.date(),
                "submitted_on": wave.opens_at.date(),
            }
            responses.append(response)
            answers += [
                {"response_key": response["key"], "item_id": item, "code": code, "missing": None}
                for item, code in codes.items()
                if code is not None
            ]
        if responses:
            self.session.execute(insert(Response), responses)
            self.session.execute(insert(Answer), answers)

    def close(self, wave: Wave) -> Wave:
        """Close the wave without freezing a release."""
        return waves.close_wave(self.session, wave, now=wave.opens_at + timedelta(days=5))

    def freeze(self, wave: Wave) -> Release:
        """Close the wave and freeze its release."""
        self.close(wave)
        release = releases.freeze_release(
            self.session, wave, now=wave.opens_at + timedelta(days=5), folders=self.folders
        )
        self.session.flush()
        return release

    def view(self, wave: Wave) -> releases.ReleaseView:
        """Close, freeze, and read what is shown."""
        self.freeze(wave)
        view = releases.release_of(self.session, wave)
        assert view is not None
        return view


@pytest.fixture
def study(
    session: Session, program: Program, toy: Instrument, folders: tuple[Path, ...], now: datetime
) -> Study:
    """A study with the toy questionnaire."""
    return Study(session, now, program, toy, folders)


@pytest.fixture
def core_study(session: Session, program: Program, now: datetime) -> Study:
    """A study with the core battery, whose scales have parts and a higher floor."""
    return Study(session, now, program, get_instrument("core-battery", "0.1.0"))


@pytest.fixture
def sensitive_study(
    session: Session, program: Program, folders: tuple[Path, ...], now: datetime, tmp_path: Path
) -> Study:
    """A study with a toy questionnaire in which A3, a part of scale AA, is sensitive, and scale BB, of plain items."""
    folder = tmp_path / "questionnaires" / "toy"
    shutil.copytree(folders[0], folder)
    path = next(folder.rglob("instrument.toml"))
    text = path.read_text(encoding="utf-8")
    for line in ('id = "A3"\n', 'id = "BB"\n'):
        assert text.count(line) == 1
        text = text.replace(line, f"{line}sensitive = true\n")
    path.write_text(text, encoding="utf-8")
    instrument = get_instrument("toy", "0.1.0", folders=(folder,))
    return Study(session, now, program, instrument, (folder,))


@pytest.fixture
def ease() -> Callable[..., dict[object, dict[str, int]]]:
    """Makes answers to the three items of the toy scale AA, of which A3 is reversed: one list of three codes a person."""

    def make(*triples: tuple[int, int, int], first: int = 1) -> dict[object, dict[str, int]]:
        return {
            first + place: dict(zip(("A1", "A2", "A3"), triple, strict=True))
            for place, triple in enumerate(triples)
        }

    return make
