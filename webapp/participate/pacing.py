"""How long a page is said to take: the budget at first, later what people needed; and how that is measured without keeping it of anybody."""

import datetime as dt
import math
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from threading import Lock

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from instruments.model import Instrument, Role, WaveKind
from instruments.parts import ResponseFormat
from surveys.pace import BATCH, PlaceOfPage, add_durations, interval_of, median_seconds
from webapp.participate.words import GOAL_FORMAT

# Time budget of measurement.md 3.1: seconds for a rating, for how far a goal was reached, and for a written answer.
SECONDS_PER_CHOICE = 8
SECONDS_PER_GOAL = 20
SECONDS_PER_TEXT = 45
COLLECTED = "viceversa.pace"
MEDIANS = "viceversa.pace.medians"
MOST_REMEMBERED = 100_000


class CollectedDurations:
    """The durations of one process that are too few to be written yet; without order, and lost when the process ends."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self._counts: dict[PlaceOfPage, Counter[int]] = {}
        self._salt, self._known = secrets.token_bytes(16), set[bytes]()

    def add(self, place: PlaceOfPage, seconds: float, *, whose: str) -> Mapping[int, int] | None:
        """Add one duration, of each person once; gives all of the page once there are enough to be written together.

        Somebody who gave a page again and again could else fill up what is missing, and see from the minutes when another one comes.
        """
        mark = sha256(self._salt + f"{whose} {place}".encode()).digest()
        with self._lock:
            if mark in self._known:
                return None
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known.add(mark)
            counts = self._counts.setdefault(place, Counter())
            counts[interval_of(seconds)] += 1
            return self._counts.pop(place) if counts.total() >= BATCH else None


def collect(
    place: PlaceOfPage, seconds: str, begin: Callable[[], AbstractContextManager[Session]], *, whose: str
) -> Callable[[], None] | None:
    """Take in how long a page was looked at; gives what is to be done once the answer is on its way, which is seldom anything."""
    if not seconds.isascii() or not seconds.isdecimal() or len(seconds) > 6 or int(seconds) == 0:
        return None
    collected: CollectedDurations = current_app.extensions.setdefault(COLLECTED, CollectedDurations())
    counts = collected.add(place, int(seconds), whose=whose)
    if counts is None:
        return None

    log = current_app.logger

    def write() -> None:
        try:
            with begin() as session:
                add_durations(session, place, counts)
        except SQLAlchemyError as error:
            # The answer itself is saved and told; these few durations are not worth an error.
            log.warning("durations of a page were not written: %s", type(error).__name__)

    return write


def measured_seconds(
    session: Session,
    instrument: Instrument,
    wave_kind: WaveKind,
    role: Role,
    today: dt.date,
) -> Mapping[int, int]:
    """The median duration of each page as it was when this process was first asked for it on this day.

    It stays the same until midnight (UTC): minutes that follow each answer would tell when the one comes in who was sent a link.
    """
    days: dict[dt.date, dict[tuple[str, str, WaveKind, Role], Mapping[int, int]]]
    days = current_app.extensions.setdefault(MEDIANS, {})
    if today not in days:
        # Whichever thread comes first after midnight; a second one at the same moment only reads anew.
        days.clear()
    known = days.setdefault(today, {})
    key = (instrument.id, instrument.version, wave_kind, role)
    if key not in known:
        known[key] = median_seconds(session, *key)
    return known[key]


def budget(instrument: Instrument, item_ids: Iterable[str]) -> int:
    """How many seconds these questions may take."""
    return sum(_seconds_for(instrument.format_of(item_id)) for item_id in item_ids)


def _seconds_for(response: ResponseFormat) -> int:
    """How many seconds one question of a format may take."""
    if response.kind == "text":
        return SECONDS_PER_TEXT
    return SECONDS_PER_GOAL if response.id == GOAL_FORMAT else SECONDS_PER_CHOICE


def in_minutes(seconds: float) -> int:
    """Seconds as minutes, rounded up."""
    return max(1, math.ceil(seconds / 60))
