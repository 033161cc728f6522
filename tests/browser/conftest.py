"""A served demo organisation and a Chromium to look at it with."""

import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from instruments.catalog import get_instrument, latest_version
from instruments.model import WaveKind
from surveys import accounts, demo, releases
from surveys.database import make_engine, make_session_factory, upgrade
from surveys.pseudonyms import Pseudonyms

PASSWORD = "correct horse battery"
LINK_KEY = "5a" * 32
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Served:
    """Where the service listens, and the links that are ready in it."""

    url: str
    mentor: str
    mentee: str


def find_chromium() -> str | None:
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    found = find_chromium()
    if found is None:
        message = "no Chromium found: apt-get install chromium, or set CHROMIUM to its path"
        if os.environ.get("VICEVERSA_REQUIRE_BROWSER") == "1":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def served(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two cohorts, two closed waves and an open one, behind the production server.

    It asks for Chromium first, so that nothing is seeded where there is none.
    """
    folder = tmp_path_factory.mktemp("served")
    database = f"sqlite:///{folder / 'served.db'}"
    seeded = seed(database)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "VICEVERSA_DATABASE_URL": database,
        "VICEVERSA_SECRET_KEY": "a key for tests only, not a secret",
        "VICEVERSA_LINK_KEY": LINK_KEY,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.cli", "serve", "--port", str(port), "--workers", "1"],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_served(url, process)
        yield Served(url, f"{url}/s/{seeded.mentor_token}", f"{url}/s/{seeded.mentee_token}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def seed(database: str) -> demo.Demo:
    """A small organisation in which every cohort has somebody in every role and wave."""
    upgrade(database)
    engine = make_engine(database)
    instrument = get_instrument("core-battery", latest_version("core-battery"))
    now = dt.datetime.now(dt.UTC)
    with make_session_factory(engine).begin() as session:
        seeded = demo.seed_demo(
            session,
            instrument,
            Pseudonyms(bytes.fromhex(LINK_KEY)),
            now=now,
            freeze=lambda wave, moment: releases.freeze_release(session, wave, now=moment),
            cohorts=(demo.CohortPlan("Harbour", 14, 1.2, 17), demo.CohortPlan("Meadow", 12, 0.0, 17)),
            schedule=(
                demo.Occasion(WaveKind.TC, 1.0, after_days=35),
                demo.Occasion(WaveKind.T3A, 1.0),
            ),
        )
        for role in ("coordinator", "researcher"):
            person = accounts.add_user(
                session, email=f"{role}@example.org", name=role.title(), password=PASSWORD, now=now
            )
            accounts.add_membership(session, person, seeded.program, role, now=now)
    engine.dispose()
    return seeded


def wait_until_served(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, "the server ended before it served its first page"
            time.sleep(0.1)
    pytest.fail("the server did not answer")
