"""Whether a text still holds a name of the programme's roster: one yes or no, and never which.

This is the one place where words that come from confidential comments lie beside names. It is allowed because nothing crosses: both are
compared inside one function, nothing is stored, logged or counted, and only the moderator, who has the text anyway, is told whether
any name occurs. Nothing of the text reaches the side that knows names, and no name reaches the moderator. What remains is that a moderator
could type a name to learn whether somebody of that name takes part; the rule they signed forbids to look for people.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys.models import Contact, Participant, Program
from surveys.roles import DatabaseRole, acting_as

# Shorter parts of names, such as initials and "de" or "al", are in every text.
SHORTEST_WORD = 3
WORD = re.compile(r"[^\W\d_]+")


def holds_roster_word(session: Session, program: Program, texts: Iterable[str]) -> bool:
    """Whether one of the texts holds a part of a participant's name, whatever its case and accents.

    A name that is also a common word counts too; whoever is asked about it decides.
    """
    used = {word for text in texts for word in _words(text)}
    if not used:
        return False
    roster = (
        select(Contact.name)
        .join(Participant, Participant.id == Contact.participant_id)
        .where(Participant.program_id == program.id)
    )
    # Whoever reads comments cannot read names in the database: the one step of the moderator's room that needs them goes by a door.
    with acting_as(session, DatabaseRole.COORDINATOR):
        names = session.scalars(roster).all()
    return any(word in used for name in names for word in _words(name))


def _words(text: str) -> Iterator[str]:
    """The words of a text that are long enough, in one spelling; invisible signs between letters do not hide a name."""
    visible = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    # Folding the case may bring accents forth, so they are taken off after it.
    spelled = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", visible).casefold())
    plain = "".join(sign for sign in spelled if not unicodedata.combining(sign))
    return (word for word in WORD.findall(plain) if len(word) >= SHORTEST_WORD)
