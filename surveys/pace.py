"""How long the pages of a questionnaire take, measured without keeping anybody's time.

Durations are collected in memory and written once `BATCH` of one page have come together, as counts of intervals, in a transaction
apart from any answer. The table tells how long a page takes, and of nobody how long they took, whoever compares two copies of it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from instruments.model import Role, WaveKind
from surveys.models import PagePace, new_key

# So many durations of one page are written together, and so many are needed before they are believed.
BATCH = 10
ENOUGH = 50
# Ends of the intervals in seconds; whatever takes longer counts in the last.
INTERVALS = (*range(5, 61, 5), *range(70, 121, 10), 150, 180, 240, 300, 420, 600)


@dataclass(frozen=True)
class PlaceOfPage:
    """Which page of which questionnaire: everything that a duration is known by."""

    instrument_id: str
    version: str
    wave_kind: WaveKind
    role: Role
    page: int


def interval_of(seconds: float) -> int:
    """The end of the interval into which a duration falls."""
    return INTERVALS[min(bisect_left(INTERVALS, seconds), len(INTERVALS) - 1)]


def add_durations(session: Session, place: PlaceOfPage, counts: Mapping[int, int]) -> None:
    """Add the durations of one page, by interval; raises ValueError for fewer than are written together."""
    if sum(counts.values()) < BATCH:
        raise ValueError(f"fewer than {BATCH} durations could tell how long one person took")
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # In the same order everywhere, so that two who write at once wait for each other at the first row only.
    for seconds, n in sorted(counts.items()):
        row = {**vars(place), "seconds": seconds}
        statement = insert(PagePace).values(**row, key=new_key(), n=n)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[*row],
                set_={"n": PagePace.n + statement.excluded.n},
            )
        )


def median_seconds(
    session: Session, instrument_id: str, version: str, wave_kind: WaveKind, role: Role
) -> dict[int, int]:
    """The median duration of each page that enough people went through, as the end of its interval."""
    rows = session.execute(
        select(PagePace.page, PagePace.seconds, PagePace.n).where(
            PagePace.instrument_id == instrument_id,
            PagePace.version == version,
            PagePace.wave_kind == wave_kind,
            PagePace.role == role,
        )
    )
    by_page: dict[int, Counter[int]] = {}
    for page, seconds, n in rows:
        by_page.setdefault(page, Counter())[seconds] += n
    return {page: _median(counts) for page, counts in by_page.items() if counts.total() >= ENOUGH}


def _median(counts: Counter[int]) -> int:
    """The interval in which the middle one of all durations lies."""
    passed = 0
    for seconds in sorted(counts):
        passed += counts[seconds]
        if 2 * passed >= counts.total():
            return seconds
    raise ValueError("there is no median of nothing")
