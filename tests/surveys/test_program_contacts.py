"""Whom participants may turn to: named once, changed in place, refused when it would help nobody."""

from typing import Any

import pytest

from surveys.errors import ProgramError
from surveys.models import ContactKind
from surveys.program_contacts import program_contacts, set_program_contact
from webapp.cli import CONTACT_KINDS


def test_a_contact_is_named_and_named_anew(world: Any) -> None:
    session, program = world.session, world.program
    set_program_contact(
        session, program, ContactKind.EXTERNAL, name=" Help  line ", reach="0800 555 0100", now=world.now
    )
    set_program_contact(
        session, program, ContactKind.EXTERNAL, name="Helpline", reach="0800 555 0199", now=world.now
    )

    found = program_contacts(session, program)

    assert {kind: (row.name, row.reach) for kind, row in found.items()} == {
        ContactKind.EXTERNAL: ("Helpline", "0800 555 0199")
    }


@pytest.mark.parametrize(("name", "reach"), [("", "x"), ("x", "  "), ("x" * 201, "x"), ("x", "y" * 501)])
def test_a_contact_that_helps_nobody_is_refused(world: Any, name: str, reach: str) -> None:
    with pytest.raises(ProgramError, match="a way to reach them"):
        set_program_contact(
            world.session, world.program, ContactKind.NEUTRAL, name=name, reach=reach, now=world.now
        )
    assert program_contacts(world.session, world.program) == {}


def test_signs_that_turn_or_hide_what_stands_around_them_are_taken_out(world: Any) -> None:
    contact = set_program_contact(
        world.session,
        world.program,
        ContactKind.EXTERNAL,
        name="Help\u202eline\x00",
        reach="room\u20667\u2028left",
        now=world.now,
    )

    assert (contact.name, contact.reach) == ("Helpline", "room7 left")
    with pytest.raises(ProgramError):
        set_program_contact(
            world.session, world.program, ContactKind.EXTERNAL, name="\u200b\u202e", reach="x", now=world.now
        )


def test_the_command_offers_every_kind() -> None:
    assert set(CONTACT_KINDS) == {kind.value for kind in ContactKind}
