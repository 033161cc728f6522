"""The demo organisation is the same each time, and its known truth shows where it should."""

import datetime as dt
from pathlib import Path

from instruments.catalog import get_instrument, latest_version
from instruments.model import WaveKind
from surveys import demo, extensions, messages, program_contacts, releases, trial
from surveys.database import make_engine, make_session_factory, upgrade
from surveys.pseudonyms import Pseudonyms

NOW = dt.datetime(2026, 9, 1, 9, tzinfo=dt.UTC)
COHORTS = (demo.CohortPlan("Changed", 40, 1.5, 19), demo.CohortPlan("Unchanged", 14, 0.0, 18))
SCHEDULE = (
    demo.Occasion(WaveKind.TC, 1.0, after_days=35),
    demo.Occasion(WaveKind.T2, 1.0, after_days=77),
    demo.Occasion(WaveKind.T3A, 0.0),
)


def seed(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Seed once; returns what the releases say, by cohort."""
    database = f"sqlite:///{folder / 'demo.db'}"
    upgrade(database)
    engine = make_engine(database)
    instrument = get_instrument("core-battery", latest_version("core-battery"))
    said: dict[str, list[dict[str, object]]] = {}
    with make_session_factory(engine).begin() as session:
        seeded = demo.seed_demo(
            session,
            instrument,
            Pseudonyms(b"d" * 32),
            now=NOW,
            freeze=lambda wave, moment: releases.freeze_release(session, wave, now=moment),
            cohorts=COHORTS,
            schedule=SCHEDULE,
        )
        assert seeded.mentor_token != seeded.mentee_token
        # What people write besides answers: nothing of the coordinator's pages is empty.
        assert {line.state.value for line in messages.list_messages(session, seeded.program)} == {
            "open",
            "in_progress",
            "closed",
        }
        first, last = trial.list_talks(session, seeded.program, now=NOW)
        assert (first.drawn_on is not None, last.drawn_on is not None) == (True, False)
        assert first.talks
        assert len(extensions.list_extensions(session, seeded.program)) == 1
        assert len(program_contacts.program_contacts(session, seeded.program)) == 4
        comparison = releases.compare_cohorts(session, seeded.program, "PS", "mentor", to_wave=WaveKind.T2)
        changes = {row.cohort_name: row.change for row in comparison.rows}
        for view in releases.releases_of(session, seeded.program):
            said.setdefault(view.wave.value, []).append(dict(view.body["roles"]))
    engine.dispose()
    # The truth: one and a half times .55 standard deviations, about six tenths of a point, and nothing.
    changed, unchanged = changes["Changed"], changes["Unchanged"]
    assert changed is not None
    assert changed.verdict == "moved"
    assert unchanged is not None
    assert unchanged.verdict in {"not shown", "too few"}
    return said


def test_two_seedings_say_the_same_and_the_truth_shows(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    assert seed(first) == seed(second)
