"""Messages carry a name and nothing else, arrive once, and are moved on by the coordinator only."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from instruments.model import Role
from surveys import accounts, invitations, messages, waves
from surveys.errors import InvitationError, MessageError
from surveys.models import AuditEvent, Message, MessageKind, MessageState

KEY = "a" * 32


def link_of(world: Any, role: Role = Role.MENTOR) -> Any:
    return world.invitation_of(world.pairs[0], role).invitation


def send(world: Any, kind: str = "contact", text: str = "", key: str = KEY, **changes: Any) -> Any:
    given = {"now": world.now, "form_key": key} | changes
    return messages.send_message(world.session, given.pop("link", link_of(world)), kind, text, **given)


def n_messages(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Message)) or 0


def test_the_coordinator_sees_name_kind_words_and_day(world: Any) -> None:
    send(world, "free", "  Is there a\x00 room?\r\n ")

    (line,) = messages.list_messages(world.session, world.program)
    assert (line.name, line.kind, line.text) == ("Junior0", MessageKind.FREE, "Is there a room?")
    assert (line.sent_on, line.state, line.partner) == (world.now.date(), MessageState.OPEN, None)


def test_a_mediation_names_the_pair_it_is_about(world: Any) -> None:
    send(world, "mediation")

    (line,) = messages.list_messages(world.session, world.program)
    assert (line.name, line.partner) == ("Junior0", "Senior0")


def test_leaving_the_programme_needs_no_reason_and_a_message_needs_words(world: Any) -> None:
    assert send(world, "leaving").text == ""

    for text in ("", " \n ", "\u200b"):
        with pytest.raises(MessageError) as caught:
            send(world, "free", text)
        assert caught.value.code == "empty"


@pytest.mark.parametrize(
    ("kind", "code"), [("", "kind"), ("trial_end", "kind"), ("CONTACT", "kind"), ("x" * 99, "kind")]
)
def test_only_what_is_offered_can_be_sent(world: Any, kind: str, code: str) -> None:
    with pytest.raises(MessageError) as caught:
        send(world, kind, "words")
    assert caught.value.code == code
    assert n_messages(world.session) == 0


def test_words_are_counted_as_they_are_kept(world: Any) -> None:
    send(world, "free", " \x07" + "é" * messages.LONGEST_TEXT + "\r\n")

    with pytest.raises(MessageError, match=r"2001 characters long; 2000"):
        send(world, "free", "é" * (messages.LONGEST_TEXT + 1))


def test_writing_works_before_and_after_the_wave_until_the_link_ends(world: Any) -> None:
    waves.close_wave(world.session, world.wave, now=world.now)

    send(world, now=world.now + timedelta(days=80))
    with pytest.raises(InvitationError):
        send(world, key="b", now=world.now + timedelta(days=90))
    assert n_messages(world.session) == 1


def test_a_link_that_was_replaced_writes_nothing_any_more(world: Any) -> None:
    invitations.revoke_invitation(world.session, link_of(world), now=world.now)

    with pytest.raises(InvitationError):
        send(world)


def test_the_same_form_sent_twice_is_one_message_and_changed_words_are_another(world: Any) -> None:
    for _ in range(2):
        assert send(world, "free", "Hello").text == "Hello"
    assert n_messages(world.session) == 1

    send(world, "free", "Hello again")
    assert n_messages(world.session) == 2
    # Another form with the same words was filled in on purpose, and somebody else's form is another one.
    send(world, "free", "Hello", key="b" * 32)
    send(world, "free", "Hello", link=link_of(world, Role.MENTEE))
    assert n_messages(world.session) == 4


def test_tabs_that_send_the_same_form_at_the_same_moment_make_one_message(
    world: Any, session_factory: sessionmaker[Session]
) -> None:
    world.session.close()
    start = threading.Barrier(4, timeout=20)

    def run(number: int) -> str:
        start.wait()
        with session_factory.begin() as session:
            link = invitations.find_invitation(session, world.issued[0].token, now=world.now)
            key = KEY if number < 3 else "another form"
            return messages.send_message(session, link, "free", "Hi", form_key=key, now=world.now).text

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == ["Hi"] * 4
    with session_factory() as session:
        assert n_messages(session) == 2


def test_a_flood_through_one_link_ends_and_goes_on_the_next_day(world: Any) -> None:
    for number in range(messages.MOST_A_DAY):
        send(world, "free", f"number {number}")

    with pytest.raises(MessageError) as caught:
        send(world, "free", "one more")
    assert caught.value.code == "too_many"
    send(world, "free", "number 0")  # the same form again is no further message
    send(world, "free", "the partner's", link=link_of(world, Role.MENTEE))
    send(world, "free", "one more", now=world.now + timedelta(days=1))


def test_the_newest_comes_first_and_only_of_this_programme(world: Any) -> None:
    for hour, kind in enumerate(("contact", "leaving", "mediation")):
        send(world, kind, now=world.now + timedelta(hours=hour))
    from surveys import programs

    other = programs.create_program(
        world.session, slug="other", name="Other", organisation="Else", now=world.now
    )

    kinds = [line.kind.value for line in messages.list_messages(world.session, world.program)]
    assert kinds == ["mediation", "leaving", "contact"]
    assert messages.list_messages(world.session, other) == []
    (newest, *_) = messages.list_messages(world.session, world.program)
    with pytest.raises(MessageError) as caught:
        messages.move_message(world.session, other, newest.message_id, "closed", now=world.now)
    assert caught.value.code == "not_found"


def test_a_message_moves_onward_only_and_each_move_is_logged_without_content(
    world: Any, cheap_hasher: Any
) -> None:
    actor = accounts.add_user(
        world.session, email="c@x.org", name="C", password="long enough it is", now=world.now, hasher=cheap_hasher
    )  # fmt: skip
    send(world, "mediation", "help us")
    (line,) = messages.list_messages(world.session, world.program)

    def move(state: str) -> None:
        messages.move_message(
            world.session, world.program, line.message_id, state, now=world.now, actor=actor
        )

    for state in ("in_progress", "in_progress", "closed", "closed"):
        move(state)
    for state in ("open", "in_progress", "", "nonsense"):
        with pytest.raises(MessageError) as caught:
            move(state)
        assert caught.value.code == "state"

    logged = world.session.scalars(select(AuditEvent).where(AuditEvent.action == "message.moved")).all()
    assert [(event.actor, event.wave_id) for event in logged] == [(actor.id, None)] * 2


def test_only_a_mediation_is_ever_in_progress(world: Any) -> None:
    send(world, "contact")
    (line,) = messages.list_messages(world.session, world.program)

    with pytest.raises(MessageError):
        messages.move_message(world.session, world.program, line.message_id, "in_progress", now=world.now)
    messages.move_message(world.session, world.program, line.message_id, "closed", now=world.now)
    assert messages.count_open(world.session, world.program) == 0


def test_what_a_participant_writes_is_not_in_the_log(world: Any) -> None:
    before = world.session.scalar(select(func.count()).select_from(AuditEvent))

    send(world, "leaving", "because")

    assert world.session.scalar(select(func.count()).select_from(AuditEvent)) == before


def test_readers_are_the_coordinators_of_the_programme(world: Any, cheap_hasher: Any) -> None:
    for name, role in (("Zoe", "coordinator"), ("adam", "coordinator"), ("Rita", "researcher")):
        user = accounts.add_user(
            world.session, email=f"{name}@x.org", name=name, password="long enough it is", now=world.now,
            hasher=cheap_hasher,
        )  # fmt: skip
        accounts.add_membership(world.session, user, world.program, role, now=world.now)

    assert messages.readers_of(world.session, world.program) == ["adam", "Zoe"]
