"""How long pages take: written for many together, believed once there are enough, and of nobody how long they took."""

from collections import Counter

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Role, WaveKind
from surveys import pace
from surveys.models import PagePace

PLACE = pace.PlaceOfPage("toy", "0.1.0", WaveKind.T2, Role.MENTEE, 1)


def medians(session: Session) -> dict[int, int]:
    return pace.median_seconds(session, "toy", "0.1.0", WaveKind.T2, Role.MENTEE)


def test_fewer_than_ten_are_never_written(session: Session) -> None:
    with pytest.raises(ValueError, match="fewer than 10"):
        pace.add_durations(session, PLACE, {20: 9})

    assert session.scalars(select(PagePace.n)).all() == []


def test_the_median_counts_from_fifty_on(session: Session) -> None:
    for _ in range(4):
        pace.add_durations(session, PLACE, {20: 4, 40: 6})
    assert medians(session) == {}

    pace.add_durations(session, PLACE, {20: 4, 40: 6})
    # Another page and another questionnaire count for themselves.
    pace.add_durations(session, pace.PlaceOfPage("toy", "0.2.0", WaveKind.T2, Role.MENTEE, 1), {5: 500})

    assert medians(session) == {1: 40}
    rows = session.execute(select(PagePace.seconds, PagePace.n).where(PagePace.version == "0.1.0"))
    assert {seconds: n for seconds, n in rows.all()} == {20: 20, 40: 30}  # noqa: C416 - rows are no pairs to mypy


@pytest.mark.parametrize(
    ("seconds", "interval"), [(1, 5), (5, 5), (6, 10), (61, 70), (600, 600), (99_999, 600)]
)
def test_every_duration_has_an_interval(seconds: int, interval: int) -> None:
    assert pace.interval_of(seconds) == interval


def test_the_median_lies_where_the_middle_one_does() -> None:
    assert pace._median(Counter({5: 1, 10: 1})) == 5
    assert pace._median(Counter({5: 1, 10: 2})) == 10


def test_the_table_leads_to_nothing_else() -> None:
    assert PagePace.__table__.foreign_keys == set()
    assert {column.name for column in PagePace.__table__.columns} == {
        "key", "instrument_id", "version", "wave_kind", "role", "page", "seconds", "n",
    }  # fmt: skip
