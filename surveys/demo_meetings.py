"""What the demo's first cohort does between the questionnaires: meetings that are logged, and pulses that can be given now.

Nothing is drawn from the simulation's random numbers, so its answers and their truth stay as they are.
"""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Instrument, WaveKind
from surveys import invitations, meetings, programs, waves
from surveys.models import Invitation, MeetingFormat, Participant, Program, Wave

# Days after the start, format and minutes; one was planned and did not take place.
HELD = (
    (9, MeetingFormat.IN_PERSON, 60),
    (30, MeetingFormat.VIRTUAL, 45),
    (51, None, 0),
    (72, MeetingFormat.VIRTUAL, 50),
)
PULSES_OPEN = dt.timedelta(days=60)


def seed_meetings(session: Session, program: Program, instrument: Instrument, *, now: dt.datetime) -> None:
    """Log meetings of the first cohort, fewer by each pair, and open its pulses."""
    cohort = programs.list_cohorts(session, program)[0]
    baseline = session.scalars(
        select(Invitation)
        .join(Wave, Wave.id == Invitation.wave_id)
        .join(Participant, Participant.id == Invitation.participant_id)
        .where(Wave.cohort_id == cohort.id, Wave.kind == WaveKind.T0)
        .order_by(Invitation.pair_id, Participant.role)
    ).all()
    by_pair = {one.pair_id: one for one in baseline}
    # Keys are random; names give an order that is the same each time.
    ordered = sorted(
        by_pair.values(), key=lambda one: one.participant.contact.email if one.participant.contact else ""
    )
    for number, invitation in enumerate(ordered):
        for day, kind, minutes in HELD[: len(HELD) - number % 3]:
            moment = invitation.wave.opens_at + dt.timedelta(days=day)
            given = {
                "held_on": moment.date().isoformat(),
                "took_place": "yes" if kind else "no",
                "format": kind or "",
                "minutes": str(minutes + 5 * (number % 4)),
            }
            meetings.log_meeting(session, invitation, given, form_key=f"demo {day}", now=moment)
    pulses = waves.schedule_wave(
        session,
        cohort,
        WaveKind.PL,
        instrument,
        opens_at=now - dt.timedelta(days=1),
        closes_at=now + PULSES_OPEN,
        locales=list(instrument.locales),
        now=now - dt.timedelta(days=1),
    )
    invitations.issue_invitations(session, pulses, now=now)
