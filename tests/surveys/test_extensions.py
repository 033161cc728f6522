"""Going on together: only a yes of both is ever told, once, and no other trace of a wish is left."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from instruments.model import Role, WaveKind
from surveys import extensions, invitations, waves
from surveys.errors import ExtensionError
from surveys.models import AuditEvent, Extension, ExtensionWish
from surveys.retention import apply_retention
from surveys.withdrawal import withdraw_from_surveys

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ending(world: Any) -> Any:
    """The world, whose open wave stands for the end of the pairs."""
    world.wave.kind = WaveKind.T3A
    world.session.commit()
    return world


def wish(world: Any, role: Role, answer: str, pair: int = 0, **step: float) -> Any:
    link = world.invitation_of(world.pairs[pair], role).invitation
    return extensions.wish_extension(world.session, link, answer, now=world.now + timedelta(**step))


def rows(session: Session) -> tuple[int, int]:
    """How many wishes and how many agreements are kept."""
    wishes, agreed = (
        session.scalar(select(func.count()).select_from(table)) or 0 for table in (ExtensionWish, Extension)
    )
    return wishes, agreed


def test_only_two_yeses_are_told_and_the_wishes_go(ending: Any) -> None:
    program = ending.program
    assert wish(ending, Role.MENTOR, "yes") is None
    assert extensions.agreed_on(ending.session, ending.pairs[0].id) is None
    assert extensions.list_extensions(ending.session, program) == []
    assert rows(ending.session) == (1, 0)

    assert wish(ending, Role.MENTEE, "yes", days=1) == (ending.now + timedelta(days=1)).date()

    assert rows(ending.session) == (0, 1)
    (line,) = extensions.list_extensions(ending.session, program)
    assert (line.mentor, line.mentee, line.cohort) == ("Junior0", "Senior0", "Finance")
    # What both have agreed on is not taken back by one of them behind the other's back.
    assert wish(ending, Role.MENTOR, "no") == line.agreed_on
    assert rows(ending.session) == (0, 1)


def test_a_no_leaves_the_same_as_no_answer(ending: Any) -> None:
    for answers in (("no",), ("yes", "no"), ("yes", "yes", "no")):
        for answer in answers:
            assert wish(ending, Role.MENTOR, answer) is None
        assert rows(ending.session) == (0, 0)
    # The other one hears nothing, whatever was said before.
    assert wish(ending, Role.MENTEE, "yes") is None
    assert rows(ending.session) == (1, 0)


def test_a_wish_can_be_changed_until_both_have_said_yes(ending: Any) -> None:
    wish(ending, Role.MENTOR, "yes")
    wish(ending, Role.MENTOR, "no")
    assert wish(ending, Role.MENTEE, "yes") is None

    assert wish(ending, Role.MENTOR, "yes") == ending.now.date()


def test_wishes_of_two_pairs_do_not_meet(ending: Any) -> None:
    wish(ending, Role.MENTOR, "yes", pair=0)

    assert wish(ending, Role.MENTEE, "yes", pair=1) is None


def test_two_yeses_at_the_same_moment_make_exactly_one_agreement(
    ending: Any, session_factory: sessionmaker[Session]
) -> None:
    tokens = [ending.invitation_of(ending.pairs[0], role).token for role in Role]
    ending.session.close()
    start = threading.Barrier(4, timeout=20)

    def run(token: str) -> Any:
        start.wait()
        with session_factory.begin() as session:
            link = invitations.find_invitation(session, token, now=ending.now)
            return extensions.wish_extension(session, link, "yes", now=ending.now)

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(run, [*tokens, *tokens]))

    assert ending.now.date() in told
    with session_factory() as session:
        assert rows(session) == (0, 1)


@pytest.mark.parametrize("answer", ["", "YES", "maybe"])
def test_anything_else_is_no_answer(ending: Any, answer: str) -> None:
    with pytest.raises(ExtensionError) as caught:
        wish(ending, Role.MENTOR, answer)
    assert caught.value.code == "choice"


def test_it_is_offered_at_the_end_only_and_while_the_wave_is_open(world: Any) -> None:
    for kind, offered in ((WaveKind.T2, False), (WaveKind.T3B, True), (WaveKind.T4, False)):
        world.wave.kind = kind
        world.session.commit()
        if offered:
            assert wish(world, Role.MENTOR, "yes") is None
        else:
            with pytest.raises(ExtensionError) as caught:
                wish(world, Role.MENTOR, "yes")
            assert caught.value.code == "not_offered"

    world.wave.kind = WaveKind.T3A
    waves.close_wave(world.session, world.wave, now=world.now)
    with pytest.raises(ExtensionError) as caught:
        wish(world, Role.MENTEE, "yes")
    assert caught.value.code == "over"


def test_a_pair_that_ended_long_ago_is_not_asked(ending: Any) -> None:
    ending.pairs[0].started_on = None
    for days, over in ((30, False), (31, True)):
        ending.pairs[0].ended_on = (ending.now - timedelta(days=days)).date()
        ending.session.commit()
        if over:
            with pytest.raises(ExtensionError):
                wish(ending, Role.MENTOR, "yes")
        else:
            wish(ending, Role.MENTOR, "yes")


def test_wishes_leave_no_trace_in_the_log(ending: Any) -> None:
    before = ending.session.scalar(select(func.count()).select_from(AuditEvent))

    for role in Role:
        wish(ending, role, "yes")

    assert ending.session.scalar(select(func.count()).select_from(AuditEvent)) == before


def test_who_leaves_the_surveys_leaves_no_wish(ending: Any) -> None:
    wish(ending, Role.MENTOR, "yes")
    wish(ending, Role.MENTOR, "yes", pair=1)

    withdraw_from_surveys(
        ending.session, ending.pairs[0].mentor, pseudonyms=ending.pseudonyms, now=ending.now
    )

    assert ending.session.scalars(select(ExtensionWish.pair_id)).all() == [ending.pairs[1].id]
    assert wish(ending, Role.MENTEE, "yes") is None


def test_a_yes_that_stays_alone_goes_thirty_days_after_the_end(ending: Any) -> None:
    wish(ending, Role.MENTOR, "yes", pair=0)
    wish(ending, Role.MENTOR, "yes", pair=1)
    ending.pairs[1].ended_on = ending.now.date()
    ending.session.commit()

    def left(days: float) -> list[str]:
        apply_retention(
            ending.session,
            ending.program,
            pseudonyms=ending.pseudonyms,
            now=ending.now + timedelta(days=days),
        )
        return list(ending.session.scalars(select(ExtensionWish.pair_id)))

    assert len(left(30)) == 2
    assert left(31) == [ending.pairs[0].id]
    # The other pair has no last day: it counts from the last questionnaire, which closes after 7 days less an hour.
    assert left(36.9) == [ending.pairs[0].id]
    assert left(37) == []


def readers_of_wishes(root: Path) -> set[str]:
    """The modules that name the table of the wishes or its model."""
    return {
        path.relative_to(root).as_posix()
        for folder in ("surveys", "webapp", "scoring")
        for path in (root / folder).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("ExtensionWish", "shared_wish"))
    }


ALLOWED = {
    # The participant's own path with their own file, and what deletes.
    "surveys/extensions.py",
    "surveys/rights.py",
    "surveys/withdrawal.py",
    "surveys/contacts.py",
    "surveys/retention.py",
    "surveys/database.py",
    # Who may reach which table.
    "surveys/grants.py",
    # The schema.
    "surveys/models/__init__.py",
    "surveys/models/shared.py",
    "surveys/migrations/versions/0005_addressed.py",
}


def test_wishes_are_read_on_the_participants_path_only() -> None:
    assert readers_of_wishes(ROOT) == ALLOWED


def test_a_page_of_the_coordinator_that_reads_wishes_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "webapp" / "coordinate" / "wishes.py"
    planted.parent.mkdir(parents=True)
    planted.write_text("from surveys.models import ExtensionWish\n")

    assert readers_of_wishes(tmp_path) == {"webapp/coordinate/wishes.py"}
