"""Going on together: each partner says for themselves, and only a yes of both is ever told to anybody (stream C).

A no is kept nowhere. Wishes are read here and by nothing that a coordinator can open; when both have said yes, the agreement is written
in their place. Who said yes and hears nothing can infer that the other did not, and the page says so beforehand.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from instruments.model import WaveKind
from surveys.database import as_utc
from surveys.errors import ExtensionError
from surveys.invitations import hold_invitation
from surveys.locks import lock_pair
from surveys.models import Cohort, Extension, ExtensionWish, Invitation, Pair, Participant, Program
from surveys.waves import WaveState

OFFERED = frozenset({WaveKind.T3A, WaveKind.T3B})
# How long a wish waits for the other one after the pair has stopped meeting.
WISH_LIFE = timedelta(days=30)


@dataclass(frozen=True)
class ExtensionLine:
    """A pair that goes on, by name, and the day on which both had said so."""

    mentor: str | None
    mentee: str | None
    cohort: str
    agreed_on: date


def wish_tag(participant_id: str, pair_id: str) -> str:
    """What a browser in which somebody wished to go on is known by; see `surveys.messages.written_tag`."""
    return f"wish {participant_id} {pair_id}"


def wish_extension(session: Session, invitation: Invitation, wish: str, *, now: datetime) -> date | None:
    """Keep a yes, or delete it with a no; the day of the agreement once both have said yes, which nobody takes back here.

    Raises ExtensionError.
    """
    today = as_utc(now).date()
    if wish not in {"yes", "no"}:
        raise ExtensionError("choice")
    if invitation.wave.kind not in OFFERED:
        raise ExtensionError("not_offered")
    if hold_invitation(session, invitation, now=now) is not WaveState.OPEN:
        raise ExtensionError("over")
    # Both partners may say yes at the same moment: the second one waits here and then sees the first one's wish.
    lock_pair(session, invitation.pair_id)
    pair = session.get_one(Pair, invitation.pair_id, populate_existing=True)
    if pair.ended_on is not None and today > pair.ended_on + WISH_LIFE:
        raise ExtensionError("over")
    agreed = agreed_on(session, pair.id)
    if agreed is not None:
        return agreed
    mine = (ExtensionWish.pair_id == pair.id, ExtensionWish.participant_id == invitation.participant_id)
    session.execute(delete(ExtensionWish).where(*mine))
    if wish == "no":
        return None
    session.add(ExtensionWish(pair_id=pair.id, participant_id=invitation.participant_id))
    session.flush()
    wishing = set(
        session.scalars(select(ExtensionWish.participant_id).where(ExtensionWish.pair_id == pair.id))
    )
    if wishing != {pair.mentor_id, pair.mentee_id}:
        return None
    session.execute(delete(ExtensionWish).where(ExtensionWish.pair_id == pair.id))
    session.add(Extension(pair_id=pair.id, agreed_on=today))
    session.flush()
    return today


def agreed_on(session: Session, pair_id: str) -> date | None:
    """The day on which both partners had said that they want to go on; None as long as not both have."""
    return session.scalar(select(Extension.agreed_on).where(Extension.pair_id == pair_id))


def list_extensions(session: Session, program: Program) -> list[ExtensionLine]:
    """The pairs of a programme that agreed to go on, by name."""
    found = session.scalars(
        select(Extension)
        .join(Pair, Pair.id == Extension.pair_id)
        .join(Cohort, Cohort.id == Pair.cohort_id)
        .where(Cohort.program_id == program.id)
        .options(
            joinedload(Extension.pair).joinedload(Pair.cohort),
            joinedload(Extension.pair).joinedload(Pair.mentor).joinedload(Participant.contact),
            joinedload(Extension.pair).joinedload(Pair.mentee).joinedload(Participant.contact),
        )
    )
    lines = [
        ExtensionLine(one.pair.mentor.name, one.pair.mentee.name, one.pair.cohort.name, one.agreed_on)
        for one in found
    ]
    return sorted(lines, key=lambda line: ((line.mentor or "").casefold(), (line.mentee or "").casefold()))
