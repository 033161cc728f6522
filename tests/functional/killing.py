"""Many invitations, a mail server that counts, and workers that are killed with SIGKILL at random moments until everything is sent."""

import multiprocessing
import random
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import programs, waves
from surveys.invitations import hash_token
from surveys.models import Contact, Invitation, InvitationMail, MailState, Pair, Participant, new_key
from surveys.outbox import UNDER_WAY, Claim, finish_mail, note_handed_over
from webapp import create_app
from webapp.mail_settings import SmtpSettings
from webapp.personal_links import token_maker
from webapp.postman import Postman

TOY_FOLDERS = (Path(__file__).parents[1] / "instruments",)
SECRET = "a secret key for tests only"
# A Monday morning.
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WORKERS = 10
LEASE = timedelta(seconds=2)


class Counting:
    """Takes every mail in, and counts them by Message-ID and by recipient."""

    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.recipients: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (found,) = re.findall(rb"(?mi)^Message-ID: (\S+)", envelope.content)
        self.ids[found.decode()] += 1
        self.recipients[envelope.rcpt_tos[0]] += 1
        return "250 taken"


class AnyPort(Controller):
    """A server on whatever port is free."""

    def _trigger_server(self) -> None:
        """Look for the server where it really is, which the library does not expect."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(handler: Any, **options: Any) -> Iterator[int]:
    """A real SMTP server for the block; its port."""
    controller = AnyPort(handler, hostname="127.0.0.1", port=0, ready_timeout=30, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def seed_mails(session: Session, n_mails: int, *, opened: datetime = START) -> None:
    """As many people with an invitation to an open wave and a mail that is due, written as cheaply as can be."""
    instrument = get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
    program = programs.create_program(
        session, slug="many", name="Many", organisation="Works", instrument=instrument, now=opened
    )
    cohort = programs.add_cohort(session, program, name="All", now=opened)
    wave = waves.schedule_wave(
        session, cohort, "T2", instrument, opens_at=opened, closes_at=opened + timedelta(days=10), now=opened
    )
    make = token_maker(SECRET)
    rows: dict[Any, list[dict[str, Any]]] = {
        model: [] for model in (Participant, Contact, Pair, Invitation, InvitationMail)
    }
    for number in range(n_mails // 2):
        people = {role: new_key() for role in ("mentor", "mentee")}
        pair = new_key()
        rows[Pair].append(
            {
                "id": pair,
                "cohort_id": cohort.id,
                "mentor_id": people["mentor"],
                "mentee_id": people["mentee"],
                "reporting_line": "none",
            }
        )
        for role, person in people.items():
            about = {"wave_id": wave.id, "pair_id": pair, "participant_id": person}
            rows[Participant].append({"id": person, "program_id": program.id, "role": role})
            rows[Contact].append(
                {
                    "participant_id": person,
                    "name": f"{role} {number}",
                    "email": f"{role}{number}@x.org",
                    "locale": "en",
                }
            )
            key = new_key()
            rows[Invitation].append(
                {"id": key, "token_hash": hash_token(make(key)), "issued_at": opened, **about}
            )
            rows[InvitationMail].append(
                {
                    "id": new_key(),
                    "due_at": opened,
                    "state": MailState.WAITING,
                    "attempts": 0,
                    **about,
                }
            )
    for model, some in rows.items():
        session.execute(insert(model), some)


class HastyPostman(Postman):
    """The control: sends the dot first and notes it afterwards, as SMTP alone suggests."""

    def hand_over(self, claim: Claim) -> bool:
        self.server.send_dot()
        self.server.read_answer()
        # As long as a server at some distance takes to answer.
        time.sleep(0.1)
        self._write(note_handed_over, claim)
        self._write(finish_mail, claim)
        return False


def run_worker(kind: type[Postman], url: str, port: int, folder: str, begun: float) -> None:
    """What each process does until it is killed."""
    app = create_app(
        {
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET,
            "LINK_KEY": bytes(range(32)),
            "INSTRUMENT_FOLDERS": TOY_FOLDERS,
            # No catalogues: reading them would be most of what a worker does in its short life.
            "TRANSLATIONS_FOLDER": Path(folder),
            "CLOCK": lambda: START + timedelta(seconds=time.time() - begun),
            "SMTP": SmtpSettings("127.0.0.1", port, "none"),
            "MAIL_FROM": "surveys@example.org",
        }
    )
    postman = kind(app, Path(folder), lease=LEASE)
    postman.work(once=False, sleep=lambda _seconds: time.sleep(0.2))


@dataclass
class Run:
    """What came of a run."""

    n_kills: int = 0
    seconds: float = 0.0
    counted: Counting = field(default_factory=Counting)

    @property
    def twice(self) -> int:
        """How many mails came more than once."""
        return sum(count > 1 for count in self.counted.ids.values())


def send_under_fire(
    engine: Engine, folder: Path, *, pause: float, kind: type[Postman] = Postman, limit: float = 600
) -> Run:
    """Let workers send what is due while one after the other is killed, on average once in `pause` seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tests.functional.killing", "webapp.coordinate.views", "webapp.participate.views"]
    )
    dice, run, begun = random.Random(secrets.randbits(32)), Run(), time.time()
    url = engine.url.render_as_string(hide_password=False)
    with mail_server(run.counted) as port:

        def start() -> Any:
            worker = context.Process(
                target=run_worker, args=(kind, url, port, str(folder), begun), daemon=True
            )
            worker.start()
            return worker

        workers = [start() for _ in range(WORKERS)]
        try:
            while count_under_way(engine):
                assert time.time() - begun < limit, "the workers do not come to an end"
                time.sleep(dice.expovariate(1 / pause))
                place = dice.randrange(WORKERS)
                # One that has only just begun is no target: its imports would be all that is hit.
                workers[place].kill()
                workers[place].join()
                run.n_kills += 1
                workers[place] = start()
        finally:
            for worker in workers:
                worker.kill()
                worker.join()
    run.seconds = time.time() - begun
    return run


def count_under_way(engine: Engine) -> int:
    """How many mails are not dealt with yet."""
    with engine.connect() as connection:
        waiting = select(func.count()).where(InvitationMail.state.in_(UNDER_WAY))
        return connection.execute(waiting).scalar_one()
