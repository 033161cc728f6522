"""A draft is offered once its words are acknowledged; what is offered is never taken away while people answer."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import WaveKind
from instruments.review import make_review
from instruments.workbench import export_locale, read_incoming, take_back
from surveys import languages, programs, responses, waves
from surveys.errors import LanguageError, ResponseError
from surveys.models import AuditEvent, DraftAcknowledgement, Wave

ROOT = Path(__file__).resolve().parents[2]


def grounds(world: Any, instrument: Any = None) -> dict[str, str]:
    found = languages.standings(world.session, world.program, instrument or world.instrument)
    return {one.info.locale: one.ground for one in found}


def plan(world: Any, name: str, locales: list[str] | None, *, days: float = 7) -> Wave:
    cohort = programs.add_cohort(world.session, world.program, name=name, now=world.now)
    return waves.schedule_wave(
        world.session, cohort, WaveKind.T0, world.instrument, opens_at=world.now - timedelta(hours=1),
        closes_at=world.now + timedelta(days=days), locales=locales, now=world.now,
    )  # fmt: skip


def acknowledge(world: Any, locale: str, digest: str | None = None) -> None:
    known = world.instrument.locales.get(locale)
    digest = digest or (known.digest if known else "")
    languages.acknowledge_draft(
        world.session, world.program, world.instrument, locale, digest=digest, now=world.now
    )


def test_a_draft_waits_until_these_words_are_acknowledged(
    session: Any, program: Any, toy: Any, now: Any
) -> None:
    offered = lambda: languages.offered_next(session, program, toy, readable=["en"])  # noqa: E731
    other = programs.create_program(
        session, slug="other", name="O", organisation="O", instrument=toy, now=now
    )

    assert offered() == ["en"]
    for locale, digest, code in (("fr", "0" * 64, "unknown"), ("de", "0" * 64, "changed")):
        with pytest.raises(LanguageError) as caught:
            languages.acknowledge_draft(session, program, toy, locale, digest=digest, now=now)
        assert caught.value.code == code
    assert offered() == ["en"]
    for _ in range(2):
        languages.acknowledge_draft(session, program, toy, "de", digest=toy.locales["de"].digest, now=now)
    languages.acknowledge_draft(session, program, toy, "en", digest=toy.locales["en"].digest, now=now)

    assert offered() == ["en", "de"]
    assert languages.offered_next(session, other, toy, readable=["en"]) == ["en"]
    assert len(session.scalars(select(DraftAcknowledgement)).all()) == 1
    entries = session.scalars(select(AuditEvent.action).where(AuditEvent.action.startswith("locale."))).all()
    assert entries == ["locale.draft_acknowledged"]
    with pytest.raises(LanguageError, match="no language yet"):
        languages.offered_next(session, program, toy, readable=["ur"])


def test_an_acknowledgement_reaches_waves_that_are_not_closed_and_no_others(world: Any) -> None:
    running, over = plan(world, "Running", ["en"]), plan(world, "Over", ["en"])
    waves.close_wave(world.session, over, now=world.now)

    acknowledge(world, "ur")

    assert (running.locales, over.locales, world.wave.locales) == (["en", "ur"], ["en"], None)
    assert languages.offered_locales(running, world.instrument) == ["en", "ur"]
    assert [info.locale for info in languages.offered_drafts(running, world.instrument)] == ["ur"]


def test_what_was_asked_before_the_rule_stays_offered(world: Any, session: Any, now: Any) -> None:
    """The world's wave has invitations and no list; a programme without it is the control."""
    fresh = programs.create_program(session, slug="fresh", name="F", organisation="F", now=now)

    assert grounds(world) == {"en": "approved", "de": "before", "ur": "before"}
    assert languages.offered_locales(world.wave, world.instrument) == ["en", "de", "ur"]
    acknowledge(world, "de")
    assert grounds(world) == {"en": "approved", "de": "acknowledged", "ur": "before"}
    assert {one.ground for one in languages.standings(session, fresh, world.instrument)} == {
        "approved",
        "waits",
    }


def test_nobody_answers_in_a_language_that_is_not_offered(world: Any) -> None:
    world.wave.locales = ["en"]
    how = {"pseudonyms": world.pseudonyms, "now": world.now, "folders": world.folders}
    invitation = world.issued[0].invitation

    with pytest.raises(ResponseError):
        responses.submit_response(world.session, invitation, {"A1": AnswerValue(code=1)}, locale="de", **how)
    acknowledge(world, "de")
    responses.submit_response(world.session, invitation, {"A1": AnswerValue(code=1)}, locale="de", **how)


def test_an_approval_offers_a_language_and_its_withdrawal_takes_nothing_away(
    world: Any, tmp_path: Path, copy_library: Path
) -> None:
    folder, library = copy_library / "toy" / "0.1.0", (copy_library,)
    wave = plan(world, "Running", ["en"])
    out = tmp_path / "de.po"
    out.write_bytes(export_locale(folder, "de", "po"))
    here = lambda: get_instrument("toy", "0.1.0", folders=library)  # noqa: E731
    assert languages.offered_locales(wave, here()) == ["en"]

    approval = make_review("approved", "trapd", "N. N.", world.now.date())
    take_back(folder, "de", read_incoming(out), review=approval)

    # The version is the same to the letter, so that the wave still finds the questionnaire it has pinned.
    assert waves.instrument_of(wave, folders=library).locales["de"].n_approved == 39
    assert languages.offered_locales(wave, here()) == ["en", "de"]
    assert languages.offered_next(world.session, wave.cohort.program, here(), readable=["en"])[:2] == [
        "en",
        "de",
    ]
    later = plan(world, "Later", languages.offered_locales(wave, here()))
    take_back(folder, "de", read_incoming(out), withdraw=True)
    assert languages.offered_locales(later, here()) == ["en", "de"]
    assert [info.locale for info in languages.offered_drafts(later, here())] == ["de"]


@pytest.fixture
def copy_library(tmp_path: Path) -> Path:
    """The toy in a library of its own."""
    import shutil

    shutil.copytree(ROOT / "tests" / "instruments" / "toy", tmp_path / "library" / "toy")
    return tmp_path / "library"


def unguarded(root: Path) -> Iterator[str]:
    """Calls that plan a wave without saying in which languages."""
    for room in ("surveys", "webapp"):
        for file in sorted((root / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                name = getattr(
                    getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", "")
                )
                if name == "schedule_wave" and "locales" not in {word.arg for word in node.keywords}:
                    yield f"{file.relative_to(root)}:{node.lineno}"


def test_whoever_plans_a_wave_says_in_which_languages(tmp_path: Path) -> None:
    assert list(unguarded(ROOT)) == []
    # The control: a new way to plan a wave is found.
    (tmp_path / "webapp").mkdir()
    (tmp_path / "webapp" / "new.py").write_text("waves.schedule_wave(s, c, k, i, now=n)\n", encoding="utf-8")
    assert list(unguarded(tmp_path)) == ["webapp/new.py:1"]
