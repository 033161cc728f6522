"""Everybody at once: people save, send, take back, leave, write and wish while coordinators close, match, raise the floor and clean up.

Nobody may wait in a circle, nothing may be made twice, and of whoever left nothing may be there. How long it goes on is set by
VICEVERSA_STRESS_SECONDS; a short while is enough to notice two steps that take their locks in opposite order.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Role, WaveKind
from surveys import (
    extensions,
    invitations,
    messages,
    programs,
    release_refusals,
    rematching,
    responses,
    retention,
    trial,
    waves,
    withdrawal,
)
from surveys.errors import SurveyError
from surveys.locks import lock_pair, lock_person
from surveys.models import Invitation, Pair, Participant, Program, Response, ResponseState, Wave

SECONDS = float(os.environ.get("VICEVERSA_STRESS_SECONDS", "2"))
N_THREADS = 6
WORDS = {"OE1": AnswerValue(text="A remark.")}
CODES = {item: AnswerValue(code=3) for item in ("A1", "A2", "A3")}


@dataclass
class Crowd:
    """Everybody who is there, and what went wrong for whom."""

    scene: Any
    sessions: sessionmaker[Session]
    tokens: dict[str, str]
    wave_ids: list[str]
    pair_ids: list[str]
    errors: list[BaseException]
    done: Counter[str]

    def how(self) -> dict[str, Any]:
        """What every step that writes answers is told."""
        scene = self.scene
        return {"pseudonyms": scene.pseudonyms, "locale": "en", "now": scene.now, "folders": scene.folders}

    def act(self, lots: random.Random, step: Any = None) -> None:
        """One step of somebody, in a transaction of its own."""
        step = step or lots.choice(STEPS)
        try:
            with self.sessions.begin() as session:
                step(self, session, lots)
            self.done[step.__name__] += 1
        except SurveyError as refused:
            self.done[f"{step.__name__} refused: {refused}"[:60]] += 1
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            error.add_note(f"in the step {step.__name__}: {getattr(error, 'statement', '')}")
            self.errors.append(error)

    def link(self, session: Session, lots: random.Random) -> Any:
        """Somebody's link."""
        return invitations.find_invitation(session, lots.choice(sorted(self.tokens)), now=self.scene.now)


def save(crowd: Crowd, session: Session, lots: random.Random) -> None:
    responses.save_page(session, crowd.link(session, lots), "meetings", CODES, **crowd.how())


def send(crowd: Crowd, session: Session, lots: random.Random) -> None:
    link = crowd.link(session, lots)
    responses.submit_response(
        session, link, CODES if link.wave.instrument_id == "toy" else WORDS, **crowd.how()
    )


def take_back(crowd: Crowd, session: Session, lots: random.Random) -> None:
    how = {"pseudonyms": crowd.scene.pseudonyms, "now": crowd.scene.now}
    responses.withdraw_response(session, crowd.link(session, lots), **how)


def leave(crowd: Crowd, session: Session, lots: random.Random) -> None:
    person = crowd.link(session, lots).participant
    # The mentees stay, so that there is somebody to the end.
    if person.role is Role.MENTOR and lots.random() < 0.05:
        withdrawal.withdraw_from_surveys(
            session, person, pseudonyms=crowd.scene.pseudonyms, now=crowd.scene.now
        )


def write(crowd: Crowd, session: Session, lots: random.Random) -> None:
    kind = lots.choice(["mediation", "contact"])
    key = str(lots.randrange(4))
    messages.send_message(
        session, crowd.link(session, lots), kind, "words", form_key=key, now=crowd.scene.now
    )


def wish(crowd: Crowd, session: Session, lots: random.Random) -> None:
    choice = lots.choice(["yes", "no"])
    extensions.wish_extension(session, crowd.link(session, lots), choice, now=crowd.scene.now)


def decide(crowd: Crowd, session: Session, lots: random.Random) -> None:
    choice = lots.choice(["continue", "help"])
    trial.decide_trial(session, crowd.link(session, lots), choice, now=crowd.scene.now)


def close(crowd: Crowd, session: Session, lots: random.Random) -> None:
    if lots.random() < 0.005:
        wave = session.get_one(Wave, lots.choice(crowd.wave_ids[1:]))
        waves.close_wave(session, wave, now=crowd.scene.now)
        release_refusals.freeze_or_refuse(session, wave, now=crowd.scene.now, folders=crowd.scene.folders)


def replace_link(crowd: Crowd, session: Session, lots: random.Random) -> None:
    token = lots.choice(sorted(crowd.tokens))
    invitation = invitations.find_invitation(session, token, now=crowd.scene.now)
    if lots.random() < 0.2:
        issued = invitations.reissue_invitation(session, invitation, now=crowd.scene.now)
        crowd.tokens[issued.token] = issued.participant_id
        crowd.tokens.pop(token, None)


def raise_floor(crowd: Crowd, session: Session, lots: random.Random) -> None:
    program = session.scalars(select(Program)).one()
    programs.raise_floor(session, program, program.floor, now=crowd.scene.now)


def end_pair(crowd: Crowd, session: Session, lots: random.Random) -> None:
    pair = session.get_one(Pair, lots.choice(crowd.pair_ids))
    rematching.end_match(session, pair, ended_on=crowd.scene.now.date(), now=crowd.scene.now)


def clean_up(crowd: Crowd, session: Session, lots: random.Random) -> None:
    program = session.scalars(select(Program)).one()
    much_later = crowd.scene.now + timedelta(days=100) if lots.random() < 0.3 else crowd.scene.now
    retention.apply_retention(session, program, pseudonyms=crowd.scene.pseudonyms, now=much_later)


def look(crowd: Crowd, session: Session, lots: random.Random) -> None:
    for wave in session.scalars(select(Wave)):
        waves.response_rates(session, wave, now=crowd.scene.now)


STEPS: list[Callable[[Crowd, Session, random.Random], None]] = [
    save, save, send, send, take_back, leave, write, wish, decide, close, replace_link, raise_floor, end_pair, clean_up, look,
]  # fmt: skip


@pytest.fixture
def crowd(scene: Any, session_factory: sessionmaker[Session]) -> Crowd:
    """Six pairs, two of which share a mentor, and three open waves."""
    pairs = scene.add_pairs(5)
    shared = programs.add_pair(
        scene.session,
        scene.cohort,
        mentor=pairs[0].mentor,
        mentee=scene.add_person(Role.MENTEE, "Second"),
        started_on=scene.now.date(),
        now=scene.now,
    )
    opened = [scene.add_wave(kind) for kind in (WaveKind.TC, WaveKind.T2)]
    # The toy questionnaire does not ask about the end, where partners may wish to go on.
    first, core = opened[0], get_instrument("core-battery", "0.1.0")
    how = {"opens_at": first.opens_at, "closes_at": first.closes_at, "now": scene.now}
    opened.append(waves.schedule_wave(scene.session, scene.cohort, WaveKind.T3B, core, **how))
    issued = [link for wave in opened for link in scene.invite(wave)]
    pair_ids = [pair.id for pair in (*pairs, shared)]
    scene.session.commit()
    tokens = {link.token: link.participant_id for link in issued}
    return Crowd(scene, session_factory, tokens, [wave.id for wave in opened], pair_ids, [], Counter())


def run(crowd: Crowd, seconds: float) -> None:
    """Let everybody act until the time is over."""
    until = time.monotonic() + seconds

    def worker(number: int) -> None:
        lots = random.Random(number)
        while time.monotonic() < until and not crowd.errors:
            crowd.act(lots)

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_nobody_waits_in_a_circle_and_nothing_is_made_twice(crowd: Crowd) -> None:
    run(crowd, SECONDS)

    assert [(error, error.__notes__) for error in crowd.errors] == []
    assert crowd.done["save"]
    assert crowd.done["send"]
    assert crowd.done["wish"]
    assert crowd.done["decide"]
    for token in crowd.tokens:
        with suppress(SurveyError), crowd.sessions.begin() as session:
            invitation = invitations.find_invitation(session, token, now=crowd.scene.now)
            responses.submit_response(session, invitation, CODES, **crowd.how())
    with crowd.sessions() as session:
        check_whole(crowd, session)


def check_whole(crowd: Crowd, session: Session) -> None:
    """What has to hold whatever happened."""
    # One response to one wave about one pair, wherever it lies.
    keys = crowd.scene.pseudonyms
    found: Counter[str] = Counter()
    for wave_id, pair_id, person_id in {
        (one.wave_id, one.pair_id, one.participant_id) for one in session.scalars(select(Invitation))
    }:
        draft = keys.draft_keys(wave_id, pair_id, person_id)
        places = {
            draft.respondent: draft.pair,
            keys.respondent_key(session, person_id): keys.pair_key(session, pair_id),
        }
        mine = [
            one.key
            for one in session.scalars(select(Response).where(Response.wave_id == wave_id))
            if places.get(one.respondent_key) == one.pair_key
        ]
        assert len(mine) <= 1
        # Of a person who left nothing is there.
        gone = session.get_one(Participant, person_id).surveys_ended_on is not None
        assert not (mine and gone)
        assert not (gone and keys.respondent_key(session, person_id))
        found.update(mine)
    assert found.total() > 0
    assert set(found.values()) == {1}
    # What was sent and cut off from its writer stays under the pseudonym; everything else is somebody's.
    unsent = select(Response.key).where(Response.state != ResponseState.SUBMITTED)
    assert set(session.scalars(unsent)) <= set(found)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_steps_in_opposite_order_are_noticed(crowd: Crowd) -> None:
    """The control: whoever locks the pair before the person waits in a circle with whoever does it as agreed."""
    both = threading.Barrier(2, timeout=5)

    def as_agreed(_crowd: Crowd, session: Session, lots: random.Random) -> None:
        lock_person(session, "somebody")
        both.wait()
        lock_pair(session, "a pair")

    def the_other_way(_crowd: Crowd, session: Session, lots: random.Random) -> None:
        lock_pair(session, "a pair")
        both.wait()
        lock_person(session, "somebody")

    threads = [
        threading.Thread(target=crowd.act, args=(random.Random(1), step))
        for step in (as_agreed, the_other_way)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [type(error) for error in crowd.errors] == [OperationalError]
    assert "deadlock" in str(crowd.errors[0])
