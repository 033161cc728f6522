"""Workers killed at any moment: every invitation arrives, and none of them twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from tests.functional.killing import HastyPostman, Run, seed_mails, send_under_fire


@pytest.fixture
def fire(engine: Engine, session_factory: sessionmaker[Session], tmp_path: Path) -> Callable[..., Run]:
    """Seeds mails, and sends them while workers are killed."""

    def perform(n_mails: int, **options: object) -> Run:
        with session_factory.begin() as session:
            seed_mails(session, n_mails)
        folder = tmp_path / "notes"
        folder.mkdir()
        run = send_under_fire(engine, folder, **options)
        arrived = f"{len(run.counted.ids)} of {n_mails} mails arrived, {run.twice} of them twice"
        print(f"{arrived}; {run.n_kills} workers were killed in {run.seconds:.1f} s")
        return run

    return perform


def test_all_of_100_arrive_and_none_twice(fire: Callable[..., Run]) -> None:
    check(fire(100, pause=0.2), 100)


@pytest.mark.slow
def test_all_of_5000_arrive_and_none_twice(fire: Callable[..., Run]) -> None:
    check(fire(5000, pause=0.25), 5000)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_control_who_notes_it_after_the_dot_sends_some_twice(fire: Callable[..., Run]) -> None:
    run = fire(100, pause=0.05, kind=HastyPostman)

    assert len(run.counted.ids) == 100
    assert run.twice > 0


def check(run: Run, n_mails: int) -> None:
    """Every mail came once, by its own name and by whom it went to, although workers were killed."""
    assert run.n_kills > 0
    assert len(run.counted.ids) == len(run.counted.recipients) == n_mails
    assert set(run.counted.ids.values()) == set(run.counted.recipients.values()) == {1}
