"""The end of the trial period: what each partner wants, and the talks that the coordinator holds afterwards.

A pair goes on only if both choose to; any other choice puts it on the list of talks, without a reason. So that a talk proves
nothing, pairs in which nobody asked for anything are put on the same list by lot. Each pair has a lot of its own, with a chance of one
in five, and nothing ties the lots together: no fixed number, no "at least one". In a cohort of five pairs a fixed number would make
them tell on each other: whoever hears that the routine talk was held with another pair would know that their own was asked for. With
separate lots the odds for one pair are the same whatever becomes known about all others, in a cohort of five as in one of fifty. In one
cohort of five in three nobody is drawn; who sees a single talk cannot know whether this is such a cohort.

The lots are also drawn for pairs in which somebody has not decided: were they left out, a pair on the list without a message
would be known to have decided twice. A decision that is missing is no decision, and nobody is told that it is missing.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from random import Random

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from instruments.model import WaveKind
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import TrialError
from surveys.invitations import hold_invitation
from surveys.locks import lock_pair
from surveys.messages import check_text, written_tag
from surveys.models import (
    Cohort,
    Invitation,
    Message,
    MessageKind,
    MessageState,
    Pair,
    Participant,
    Program,
    Talk,
    TalkDraw,
    TrialChoice,
    TrialDecision,
    User,
    Wave,
)
from surveys.waves import WaveState, lock_wave, wave_state

ROUTINE_SHARE = 0.2
HANDED_OVER = {
    TrialChoice.HELP: MessageKind.TRIAL_HELP,
    TrialChoice.END: MessageKind.TRIAL_END,
    TrialChoice.TALK: MessageKind.TRIAL_TALK,
}


@dataclass(frozen=True)
class TalkLine:
    """A pair to talk to, by name; why it is on the list is known to nobody from here."""

    talk_id: str
    mentor: str | None
    mentee: str | None
    held_on: date | None


@dataclass(frozen=True)
class TrialTalks:
    """The talks after one cohort's trial: still to be drawn up, or the list."""

    wave: Wave
    is_over: bool
    drawn_on: date | None
    talks: tuple[TalkLine, ...]


def decide_trial(
    session: Session, invitation: Invitation, choice: str, text: str = "", *, now: datetime
) -> TrialChoice:
    """Keep what a participant wants; the newest choice replaces an earlier one until the wave closes. Raises TrialError."""
    moment = as_utc(now)
    if choice not in set(TrialChoice):
        raise TrialError("choice")
    words = check_text(text)
    if invitation.wave.kind is not WaveKind.TC:
        raise TrialError("not_offered")
    if hold_invitation(session, invitation, now=now) is not WaveState.OPEN:
        raise TrialError("over")
    # One pair's decisions are written one after the other: two tabs replace the choice, they do not collide.
    lock_pair(session, invitation.pair_id)
    place = (invitation.wave_id, invitation.pair_id, invitation.participant_id)
    decision = session.get(TrialDecision, place, populate_existing=True)
    if decision is None:
        decision = TrialDecision(
            wave_id=invitation.wave_id, pair_id=invitation.pair_id, participant_id=invitation.participant_id
        )
        session.add(decision)
    decision.choice, decision.body, decision.decided_on = TrialChoice(choice), words, moment.date()
    session.flush()
    return decision.choice


def asks_for_talk(choices: Collection[TrialChoice]) -> bool:
    """Whether one of the partners chose anything but to continue; a decision that is missing asks for nothing."""
    return any(choice is not TrialChoice.CONTINUE for choice in choices)


def draw_talks(
    session: Session, wave: Wave, *, now: datetime, actor: User | None = None, lots: Random | None = None
) -> None:
    """Draw up the list of talks once the time to decide is over; a second call changes nothing. Raises TrialError.

    Decisions other than to continue become messages, with the name under which they were written; then all decisions go.
    """
    lots = lots or secrets.SystemRandom()
    if wave.kind is not WaveKind.TC:
        raise TrialError("not_offered")
    lock_wave(session, wave)
    if wave_state(wave, now) is not WaveState.CLOSED:
        raise TrialError("not_over")
    if session.get(TalkDraw, wave.id, populate_existing=True) is not None:
        return
    today = as_utc(now).date()
    decisions = session.scalars(select(TrialDecision).where(TrialDecision.wave_id == wave.id)).all()
    chosen: dict[str, list[TrialChoice]] = {}
    for decision in decisions:
        chosen.setdefault(decision.pair_id, []).append(decision.choice)
    for pair in _pairs_in_trial(session, wave, today):
        # The lot is drawn in any case, so that the draw itself takes the same way for every pair.
        drawn = lots.random() < ROUTINE_SHARE
        if drawn or asks_for_talk(chosen.get(pair.id, [])):
            session.add(Talk(wave_id=wave.id, pair_id=pair.id))
    program = wave.cohort.program
    session.add_all(_hand_over(decision, program) for decision in decisions if decision.choice in HANDED_OVER)
    session.add(TalkDraw(wave_id=wave.id, drawn_on=today))
    session.flush()
    session.execute(delete(TrialDecision).where(TrialDecision.wave_id == wave.id))
    record_event(session, AuditAction.TALKS_DRAWN, now=now, actor=actor, program=program, wave=wave)


def list_talks(session: Session, program: Program, *, now: datetime) -> list[TrialTalks]:
    """The talks of every cohort that has a trial check, pairs by name."""
    waves = session.scalars(
        select(Wave)
        .join(Wave.cohort)
        .where(Cohort.program_id == program.id, Wave.kind == WaveKind.TC)
        .order_by(Cohort.starts_on, Cohort.name)
        .options(joinedload(Wave.cohort))
    ).all()
    drawn = {draw.wave_id: draw.drawn_on for draw in session.scalars(select(TalkDraw))}
    return [
        TrialTalks(
            wave,
            wave_state(wave, now) is WaveState.CLOSED,
            drawn.get(wave.id),
            tuple(_lines(session, wave)) if wave.id in drawn else (),
        )
        for wave in waves
    ]


def hold_talk(
    session: Session, program: Program, talk_id: str, *, now: datetime, actor: User | None = None
) -> None:
    """Note that a talk was held; doing so twice is harmless. Raises TrialError."""
    talk = session.get(Talk, talk_id, with_for_update=True, populate_existing=True)
    if talk is None or talk.pair.cohort.program_id != program.id:
        raise TrialError("not_found")
    if talk.held_on is None:
        talk.held_on = as_utc(now).date()
        session.flush()
        record_event(session, AuditAction.TALK_HELD, now=now, actor=actor, program=program)


def _pairs_in_trial(session: Session, wave: Wave, today: date) -> Sequence[Pair]:
    """The pairs that were asked at the trial check and still meet."""
    asked = select(Invitation.pair_id).where(Invitation.wave_id == wave.id)
    pairs = session.scalars(select(Pair).where(Pair.id.in_(asked)).order_by(Pair.id))
    return [pair for pair in pairs if pair.ended_on is None or pair.ended_on > today]


def chosen_tag(participant_id: str, choice: TrialChoice, text: str, day: date) -> str:
    """The tag of what was chosen: that of the message which it may become."""
    return written_tag(participant_id, HANDED_OVER.get(choice, choice), text, day)


def _hand_over(decision: TrialDecision, program: Program) -> Message:
    """The message into which a decision turns; of its time only the day is known."""
    return Message(
        program_id=program.id,
        participant_id=decision.participant_id,
        pair_id=decision.pair_id,
        kind=HANDED_OVER[decision.choice],
        body=decision.body,
        sent_at=datetime.combine(decision.decided_on, time(), tzinfo=UTC),
        state=MessageState.OPEN,
    )


def _lines(session: Session, wave: Wave) -> list[TalkLine]:
    """The talks of a wave in the order of the names: nothing else could be read from their order."""
    found = session.scalars(
        select(Talk)
        .where(Talk.wave_id == wave.id)
        .options(
            joinedload(Talk.pair).joinedload(Pair.mentor).joinedload(Participant.contact),
            joinedload(Talk.pair).joinedload(Pair.mentee).joinedload(Participant.contact),
        )
    )
    lines = [TalkLine(talk.id, talk.pair.mentor.name, talk.pair.mentee.name, talk.held_on) for talk in found]
    return sorted(
        lines, key=lambda line: ((line.mentor or "").casefold(), (line.mentee or "").casefold(), line.talk_id)
    )
