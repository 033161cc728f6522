"""Whether a name of the roster is in a text is told with one yes or no, whatever the spelling."""

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from instruments.model import Role
from surveys import programs
from surveys.masking import holds_roster_word
from surveys.models import Program


@pytest.fixture
def roster(session: Session, program: Program, now: datetime) -> Program:
    """A programme with a few people."""
    for number, name in enumerate(("José María de Ñíguez", "Ng Li", "عائشة صديقي", "Weiß")):
        programs.add_participant(
            session, program, role=Role.MENTOR, name=name, email=f"p{number}@example.org", now=now
        )
    return program


@pytest.mark.parametrize(
    "text",
    [
        "Jose said so",
        "JOSÉ!",
        "with maria.",
        "ñíguez",
        "Niguez's idea",
        "J\u200bo\u200dsé",
        "قالت عائشة ذلك",
        "weiss",
        "ＪＯＳＥ",
    ],
)
def test_a_name_is_found_in_any_spelling(session: Session, roster: Program, text: str) -> None:
    assert holds_roster_word(session, roster, ["nothing", text])


@pytest.mark.parametrize("text", ["", "de", "ng li", "Josefa", "Marian", "fixed dates", "123", "<script>"])
def test_parts_of_words_and_two_letters_are_no_name(session: Session, roster: Program, text: str) -> None:
    assert not holds_roster_word(session, roster, [text])


def test_people_of_another_programme_do_not_count(session: Session, roster: Program, now: datetime) -> None:
    other = programs.create_program(session, slug="other", name="Other", organisation="Works", now=now)

    assert not holds_roster_word(session, other, ["José"])
    assert holds_roster_word(session, roster, ["José"])
