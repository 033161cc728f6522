"""The server is killed while many people send: every answer that was acknowledged is there, and nobody's twice."""

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, func, select

from surveys import invitations, responses
from surveys.database import make_session_factory
from surveys.models import Answer, Response
from surveys.pseudonyms import Pseudonyms
from tests.running import LINK_KEY, RunningServer, seed_pairs

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="workers are found through /proc"
)

PAGES = (("A1", "A2", "A3"), ("B1", "B2"))
# A server that answers first and commits a little later; everything else is the service as it is.
ANSWERS_TOO_EARLY = """
import time
from flask import g
from webapp import database
from webapp.cli import main

def commit_later(response):
    if "session" in g:
        session = g.pop("session")
        response.call_on_close(lambda: (time.sleep(0.2), session.commit(), session.close()))
    return response

database._commit_changes = commit_later
main()
"""


@dataclass
class Person:
    """Somebody who answers: their link, their cookies, and what the server acknowledged."""

    token: str
    patient: bool
    lots: random.Random
    cookies: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    sent: bool = False
    n_failures: int = 0
    turned_away: bool = False

    def answer(self, port: int, over: threading.Event, pages: tuple[tuple[str, ...], ...]) -> None:
        """Answer the pages and send; somebody patient tries until it is acknowledged, somebody else gives up on the page."""
        claim = self.lots.randbytes(16).hex()
        for number, items in enumerate(pages, start=1):
            codes = {item: self.lots.choice((1, 2)) for item in items}
            data = {
                **{item: f"c:{code}" for item, code in codes.items()},
                "go": "next",
                "seen": "",
                "claim": claim,
            }
            if self._post(port, f"/{number}", data, over):
                self.acknowledged |= codes
        self.patient = True
        self.sent = self._post(port, "/review", {}, over)

    def _post(self, port: int, page: str, data: dict[str, str], over: threading.Event) -> bool:
        """Send a form, again and again if need be; whether it was acknowledged."""
        while True:
            status = self._try(port, page, data)
            if status == 303:
                return True
            assert status in {0, 400, 500, 503}, status
            # Whoever gave up on every page has nothing to send; everybody else is known again, cookie or not.
            self.turned_away |= status == 400 and bool(self.acknowledged)
            if status == 400 or not self.patient or over.is_set():
                return False
            self.n_failures += 1
            time.sleep(0.1)

    def _try(self, port: int, page: str, data: dict[str, str]) -> int:
        """One try; 0 where no answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request("POST", f"/s/{self.token}{page}", urlencode(data), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status


@contextmanager
def running(server: RunningServer) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.kill()


def answer_while_killing(
    server: RunningServer,
    people: list[Person],
    *,
    n_kills: int,
    pages: tuple[tuple[str, ...], ...],
    pause: float = 0,
    wait: Callable[[], None] | None = None,
) -> None:
    """Everybody answers at once; the workers are killed, and once in a while the whole server, which is started again.

    That happens after a pause of random length, or as soon as `wait` comes back.
    """
    over = threading.Event()
    lots = random.Random(7)
    wait = wait or (lambda: time.sleep(pause * (0.5 + lots.random())))
    with running(server), ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(person.answer, server.port, over, pages) for person in people]
        for number in range(n_kills):
            wait()
            if number % 3 == 1:
                server.kill()
                server.start()
            else:
                assert server.kill_workers()
        give_up = time.monotonic() + 240
        while not all(one.done() for one in waiting) and time.monotonic() < give_up:
            time.sleep(0.1)
        over.set()
        for one in waiting:
            one.result()


def losses(engine: Engine, people: list[Person]) -> list[str]:
    """What was acknowledged and is not there, and what is there twice."""
    holder, now, lost = Pseudonyms(bytes.fromhex(LINK_KEY)), datetime.now(UTC), []
    with make_session_factory(engine)() as session:
        for person in people:
            link = invitations.find_invitation(session, person.token, now=now)
            view = responses.load_response(session, link, holder)
            stored: dict[str, Any] = {i: v.code for i, v in view.answers.items()} if view else {}
            lost += [f"{item}" for item, code in person.acknowledged.items() if stored.get(item) != code]
            if person.turned_away:
                lost.append("somebody with answers who had nothing to send")
            if person.sent and not (view and view.is_submitted):
                lost.append("a submission")
        n_responses = session.scalar(select(func.count()).select_from(Response)) or 0
        n_owners = len(session.scalars(select(Response.respondent_key).distinct()).all())
        n_answers = session.scalar(select(func.count()).select_from(Answer)) or 0
        if n_responses != n_owners or n_responses > len(people):
            lost.append(f"{n_responses} responses of {n_owners} people")
        if n_answers > len(people) * 5:
            lost.append("answers twice")
    return lost


def crowd(database: str, n_people: int) -> list[Person]:
    tokens = [token for pair in seed_pairs(database, n_people // 2) for token in pair]
    return [Person(token, n % 4 != 0, random.Random(n)) for n, token in enumerate(tokens)]


def address(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_what_was_acknowledged_is_there_after_kills(engine: Engine) -> None:
    people = crowd(address(engine), 60)
    server = RunningServer(address(engine), workers=2)

    answer_while_killing(server, people, n_kills=3, pages=PAGES[:1], pause=0.5)

    assert losses(engine, people) == []
    assert sum(person.sent for person in people) > 40
    # Something did go wrong on the way, or nothing would have been proved.
    assert sum(person.n_failures for person in people) > 0


@pytest.mark.slow
def test_a_thousand_submissions_survive_kills(engine: Engine) -> None:
    people = crowd(address(engine), 1000)
    server = RunningServer(address(engine), workers=2)

    answer_while_killing(server, people, n_kills=12, pages=PAGES, pause=3)

    assert losses(engine, people) == []
    assert sum(person.sent for person in people) > 900
    assert sum(person.n_failures for person in people) > 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_server_that_answers_before_it_commits_is_caught(engine: Engine) -> None:
    """Control: the same people and the same kills lose answers that were acknowledged."""
    people = crowd(address(engine), 10)
    server = RunningServer(address(engine), workers=2, program=["-c", ANSWERS_TOO_EARLY])

    def until_somebody_was_answered() -> None:
        """Come back while the first answer to be acknowledged is not committed yet."""
        while not any(person.acknowledged for person in people):
            time.sleep(0.005)

    answer_while_killing(server, people, n_kills=1, pages=PAGES[:1], wait=until_somebody_was_answered)

    assert losses(engine, people)
