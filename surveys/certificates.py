"""Who took part in a programme, in which role and from when to when: facts of the programme, and nothing of what was answered."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from instruments.model import Role, WaveKind
from surveys.database import as_utc
from surveys.models import Invitation, Pair, Wave


@dataclass(frozen=True)
class Certificate:
    """What a certificate of participation says; a date that the programme does not know is left out."""

    name: str
    role: Role
    program: str
    organisation: str
    started_on: date | None
    ended_on: date


def certificate_of(session: Session, invitation: Invitation, *, now: datetime) -> Certificate | None:
    """The certificate of the invited person, None before the end and once the name has been destroyed.

    The end is the day on which the pair stopped, or the cohort's last day, or the opening of the first wave that asks about the time
    together as a whole. Everybody of the pair gets one then, whoever has answered what.
    """
    pair = session.get_one(Pair, invitation.pair_id)
    name = invitation.participant.name
    ended_on = pair.ended_on or pair.cohort.ends_on or _looks_back_on(session, pair)
    if name is None or ended_on is None or ended_on > as_utc(now).date():
        return None
    program = pair.cohort.program
    started_on = pair.started_on or pair.cohort.starts_on
    return Certificate(
        name, invitation.participant.role, program.name, program.organisation, started_on, ended_on
    )


def _looks_back_on(session: Session, pair: Pair) -> date | None:
    """The day on which the first wave opens that asks about the time together as a whole."""
    opening = session.scalar(
        select(func.min(Wave.opens_at)).where(
            Wave.cohort_id == pair.cohort_id, Wave.kind.in_((WaveKind.T3A, WaveKind.T3B))
        )
    )
    return opening.date() if opening is not None else None
