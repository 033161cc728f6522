"""The production server with a toy questionnaire, to be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from instruments.catalog import get_instrument
from surveys import invitations, programs, waves
from surveys.database import make_engine, make_session_factory

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / "tests" / "instruments",)
LINK_KEY = "5a" * 32
# Runs the command with catalogues of the test's own, so that other languages are offered whatever the shipped ones lack.
WITH_CATALOGUES = """
import sys
from pathlib import Path
from webapp import config
config.TRANSLATIONS_FOLDER = Path(sys.argv.pop(1))
from webapp.cli import main
main()
"""


def seed_pairs(database: str, n_pairs: int) -> list[tuple[str, str]]:
    """A programme whose wave T2 is open; gives the tokens of each pair, the mentor's first."""
    engine = make_engine(database)
    now = datetime.now(UTC)
    toy = get_instrument("toy", "0.1.0", folders=FOLDERS)
    with make_session_factory(engine).begin() as session:
        program = programs.create_program(
            session, slug="spring", name="Spring", organisation="Example Works", instrument=toy, now=now
        )
        cohort = programs.add_cohort(session, program, name="Finance", starts_on=now.date(), now=now)
        people = []
        for n in range(n_pairs):
            both = [
                programs.add_participant(
                    session,
                    program,
                    role=role,
                    name=f"{role.title()} {n}",
                    email=f"{role}{n}@example.org",
                    locale="en",
                    now=now,
                )
                for role in ("mentor", "mentee")
            ]
            programs.add_pair(session, cohort, mentor=both[0], mentee=both[1], now=now)
            people.append(both)
        wave = waves.schedule_wave(
            session,
            cohort,
            "T2",
            toy,
            opens_at=now - timedelta(hours=1),
            closes_at=now + timedelta(days=7),
            now=now - timedelta(hours=2),
        )
        issued = invitations.issue_invitations(session, wave, now=now, folders=FOLDERS)
        tokens = {one.participant_id: one.token for one in issued}
        seeded = [(tokens[mentor.id], tokens[mentee.id]) for mentor, mentee in people]
    engine.dispose()
    return seeded


class RunningServer:
    """A server process on a port of its own."""

    def __init__(
        self,
        database: str,
        *,
        workers: int = 1,
        program: list[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what it takes to start it; `program` stands in for `viceversa`."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, *(program or ["-m", "webapp.cli"])]
        self._command += ["serve", "--port", str(self.port), "--workers", str(workers)]
        self._environment = {
            **os.environ,
            "VICEVERSA_DATABASE_URL": database,
            "VICEVERSA_SECRET_KEY": "a key for tests only, not a secret",
            "VICEVERSA_LINK_KEY": LINK_KEY,
            "VICEVERSA_INSTRUMENT_FOLDERS": str(FOLDERS[0]),
            "PYTHONPATH": str(ROOT),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            self._command, env=self._environment, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.url}/s/worker.js", timeout=5):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                assert self.process.poll() is None, "the server ended before it served its first page"
                time.sleep(0.05)
        raise AssertionError("the server did not answer")

    def kill(self) -> None:
        """Kill all of its processes at once, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=30)

    def kill_workers(self) -> int:
        """Kill the workers only, which the server then replaces; says how many there were."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for worker in children:
            os.kill(int(worker), signal.SIGKILL)
        return len(children)

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
