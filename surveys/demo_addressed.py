"""What the demo's people write besides answers: messages, decisions after the trial, a pair that goes on, and people to turn to.

Nothing is drawn from the simulation's random numbers, so its answers and their truth stay as they are.
"""

import datetime as dt
from collections.abc import Sequence
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Role, WaveKind
from surveys import extensions, messages, program_contacts, programs, trial
from surveys.models import (
    Cohort,
    ContactKind,
    Invitation,
    MessageKind,
    MessageState,
    Participant,
    Program,
    TrialChoice,
    Wave,
)
from surveys.waves import WaveState, wave_state

# Invented, with numbers from the ranges set aside for fiction.
CONTACTS = (
    (ContactKind.NEUTRAL, "Nadia Brandt, works council", "extension 555-0142, Tuesdays and Thursdays"),
    (ContactKind.EXTERNAL, "Employee helpline", "0800 555 0100, day and night, free of charge"),
    (ContactKind.SAFEGUARDING, "Dr. Ines Keller, occupational health", "extension 555-0177"),
    (ContactKind.MODERATOR, "Mira Moderator", "moderator@example.org"),
)
# By mentor or mentee in the order of their names: what they choose after the trial; everybody else of the first pairs continues.
CHOICES = {
    (Role.MENTOR, 1): (
        TrialChoice.HELP,
        "We get on well, but never find an hour. Could our managers be asked?",
    ),
    (Role.MENTEE, 4): (TrialChoice.END, ""),
}
N_DECIDED = 8
LETTERS = (
    (Role.MENTOR, 2, MessageKind.CONTACT, "Could we talk before Friday?", None),
    (Role.MENTEE, 3, MessageKind.MEDIATION, "We disagree about what our meetings are for.", MessageState.IN_PROGRESS),
    (Role.MENTOR, 5, MessageKind.FREE, "Is there a room with a screen that we may use?", MessageState.CLOSED),
)  # fmt: skip
# The routine lots of the demo are the same each time.
LOTS = 2


def decide_trial(session: Session, wave: Wave) -> None:
    """Let the first pairs of the first cohort say after the trial what they want, while the wave is open."""
    first = programs.list_cohorts(session, wave.cohort.program)[0]
    if wave.kind is not WaveKind.TC or wave.cohort_id != first.id:
        return
    moment = wave.opens_at + dt.timedelta(days=2)
    for role in Role:
        for number, invitation in enumerate(_invitations(session, wave, role)[:N_DECIDED]):
            choice, text = CHOICES.get((role, number), (TrialChoice.CONTINUE, ""))
            trial.decide_trial(session, invitation, choice, text, now=moment)


def seed_addressed(session: Session, program: Program, *, now: dt.datetime) -> None:
    """Name people to turn to, write letters, draw up the talks of all cohorts but the last, and let one pair go on."""
    for kind, name, reach in CONTACTS:
        program_contacts.set_program_contact(session, program, kind, name=name, reach=reach, now=now)
    trials = _waves(session, program, WaveKind.TC)
    for wave in trials[:-1]:
        trial.draw_talks(session, wave, now=wave.closes_at, lots=Random(LOTS))  # noqa: S311 - the same each time
    for wave in _waves(session, program, WaveKind.T3A)[:1]:
        if wave_state(wave, now) is WaveState.OPEN:
            _write_letters(session, program, wave, now)
            _agree(session, wave, now)


def _write_letters(session: Session, program: Program, wave: Wave, now: dt.datetime) -> None:
    """Send a few messages, and let the coordinator see to some of them."""
    for number, (role, place, kind, text, state) in enumerate(LETTERS):
        people = _invitations(session, wave, role)
        if place >= len(people):
            continue
        day = now - dt.timedelta(days=2, hours=-number)
        messages.send_message(session, people[place], kind, text, form_key=f"demo {number}", now=day)
        if state is not None:
            newest = messages.list_messages(session, program)[0]
            messages.move_message(session, program, newest.message_id, state, now=now)


def _agree(session: Session, wave: Wave, now: dt.datetime) -> None:
    """Let both partners of one pair say yes, and one partner of another pair."""
    mentors = _invitations(session, wave, Role.MENTOR)
    mentees = {invitation.pair_id: invitation for invitation in _invitations(session, wave, Role.MENTEE)}
    for place, invitation in enumerate(mentors[6:8]):
        extensions.wish_extension(session, invitation, "yes", now=now)
        if place == 0:
            extensions.wish_extension(session, mentees[invitation.pair_id], "yes", now=now)


def _waves(session: Session, program: Program, kind: WaveKind) -> Sequence[Wave]:
    """The waves of a kind, in the order of their cohorts."""
    found = select(Wave).join(Wave.cohort).where(Cohort.program_id == program.id, Wave.kind == kind)
    return session.scalars(found.order_by(Cohort.starts_on, Cohort.name)).all()


def _invitations(session: Session, wave: Wave, role: Role) -> list[Invitation]:
    """The links of one role to a wave, in the order of people's addresses, which is the same in every seeding."""
    found = session.scalars(
        select(Invitation)
        .join(Participant, Participant.id == Invitation.participant_id)
        .where(Invitation.wave_id == wave.id, Participant.role == role)
    )
    return sorted(found, key=lambda one: one.participant.contact.email if one.participant.contact else "")
