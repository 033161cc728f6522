"""How long a page is said to take: the budget at first, later what people needed; and how that is measured without keeping it of anybody."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from threading import Lock

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from instruments.model import Instrument
from instruments.parts import ResponseFormat
from surveys.pace import BATCH, PlaceOfPage, add_durations, interval_of
from webapp.participate.words import GOAL_FORMAT

# Time budget of measurement.md 3.1: seconds for a rating, for how far a goal was reached, and for a written answer.
SECONDS_PER_CHOICE = 8
SECONDS_PER_GOAL = 20
SECONDS_PER_TEXT = 45
COLLECTED = "viceversa.pace"


class CollectedDurations:
    """The durations of one process that are too few to be written yet; without order, and lost when the process ends."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self._counts: dict[PlaceOfPage, Counter[int]] = {}

    def add(self, place: PlaceOfPage, seconds: float) -> Mapping[int, int] | None:
        """Add one duration; gives all of the page once there are enough to be written together."""
        with self._lock:
            counts = self._counts.setdefault(place, Counter())
            counts[interval_of(seconds)] += 1
            return self._counts.pop(place) if counts.total() >= BATCH else None


def collect(
    place: PlaceOfPage, seconds: str, begin: Callable[[], AbstractContextManager[Session]]
) -> Callable[[], None] | None:
    """Take in how long a page was looked at; gives what is to be done once the answer is on its way, which is seldom anything."""
    if not seconds.isascii() or not seconds.isdecimal() or len(seconds) > 6 or int(seconds) == 0:
        return None
    collected: CollectedDurations = current_app.extensions.setdefault(COLLECTED, CollectedDurations())
    counts = collected.add(place, int(seconds))
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
