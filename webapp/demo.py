"""The demo: a seeded organisation on SQLite, ready links, and three people who can sign in."""

import datetime as dt
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instruments.catalog import get_instrument, latest_version
from surveys import accounts, demo, releases
from surveys.database import make_engine, make_session_factory, upgrade
from surveys.pseudonyms import Pseudonyms
from webapp.config import Settings
from webapp.keys import complete_settings

Progress = Callable[[Iterable[Any], int, str], Iterator[Any]]
INSTRUMENT = "core-battery"
PEOPLE = (
    ("coordinator@example.org", "Carla Coordinator", "coordinator"),
    ("researcher@example.org", "Rafael Researcher", "researcher"),
    ("moderator@example.org", "Mira Moderator", "moderator"),
    ("overseer@example.org", "Olga Overseer", "overseer"),
)


@dataclass(frozen=True)
class PreparedDemo:
    """The settings to serve the demo with, its ready links by name, and the text that tells a person about them."""

    settings: Settings
    links: dict[str, str]
    text: str


def prepare_demo(
    folder: Path,
    *,
    port: int,
    fresh: bool = False,
    progress: Progress = lambda items, _total, _label: iter(items),
) -> PreparedDemo:
    """Seed the demo in a folder unless it stands there already."""
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    # Names and confidential answers lie in it, if only simulated ones.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    card = folder / "card.json"
    settings = complete_settings(Settings(database_url=f"sqlite:///{folder.absolute() / 'demo.db'}"), folder)
    if card.exists() and _is_stale(json.loads(card.read_text(encoding="utf-8"))):
        card.unlink()
    if not card.exists():
        # A seeding that was interrupted left a database without its card: it is seeded anew.
        for leftover in folder.glob("demo.db*"):
            leftover.unlink()
        _write_private(card, json.dumps(_seed(settings, progress)))
    known = json.loads(card.read_text(encoding="utf-8"))
    base = f"http://127.0.0.1:{port}"
    links = {
        "front": f"{base}/",
        "mentor": f"{base}/s/{known['mentor']}",
        "mentee": f"{base}/s/{known['mentee']}",
        "sign_in": f"{base}/account/sign-in",
    }
    return PreparedDemo(settings, links, _describe(links, known))


def _seed(settings: Settings, progress: Progress) -> dict[str, str]:
    """Fill the database and return what the card must remember: two tokens and the passwords."""
    link_key = settings.link_key or b""
    engine = make_engine(settings.database_url)
    passwords = {role: secrets.token_urlsafe(9) for _, _, role in PEOPLE}
    try:
        upgrade(engine)
        now = dt.datetime.now(dt.UTC)
        instrument = get_instrument(INSTRUMENT, latest_version(INSTRUMENT))
        with make_session_factory(engine).begin() as session:
            seeded = demo.seed_demo(
                session,
                instrument,
                Pseudonyms(link_key),
                now=now,
                freeze=lambda wave, moment: releases.freeze_release(session, wave, now=moment),
                progress=lambda waves, total: progress(waves, total, "Seeding the demo organisation"),
            )
            ends = (now - demo.OPEN_SINCE + demo.FIELDWORK).isoformat()
            for email, name, role in PEOPLE:
                person = accounts.add_user(session, email=email, name=name, password=passwords[role], now=now)
                accounts.add_membership(session, person, seeded.program, role, now=now)
    finally:
        engine.dispose()
    return {"mentor": seeded.mentor_token, "mentee": seeded.mentee_token, "ends": ends, **passwords}


def _is_stale(known: dict[str, str]) -> bool:
    """Whether the demo has to be seeded anew: its open wave and the ready links have ended, or somebody is missing."""
    return known["ends"] < dt.datetime.now(dt.UTC).isoformat() or any(
        role not in known for *_, role in PEOPLE
    )


def _write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.rename(path)


def _describe(links: dict[str, str], known: dict[str, str]) -> str:
    """What the terminal says."""
    return f"""
Viceversa demo: 4 cohorts of 10, 15, 24 and 40 pairs; three waves closed, one open. The
largest cohort has come to its end, and its comments wait for a moderator.

  What this is          {links["front"]}
  A mentor, in Urdu     {links["mentor"]}
  A mentee, in German   {links["mentee"]}

  Sign in at            {links["sign_in"]}
    coordinator         {PEOPLE[0][0]}   password {known["coordinator"]}
    researcher          {PEOPLE[1][0]}    password {known["researcher"]}
    moderator           {PEOPLE[2][0]}     password {known["moderator"]}  (signs the rule of confidentiality first)
    works council       {PEOPLE[3][0]}      password {known["overseer"]}

The people and their answers are simulated. Stop with Ctrl-C; `make fresh` seeds them anew.
"""
