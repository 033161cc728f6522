"""Waves: when a cohort is asked, and with exactly which questionnaire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from instruments.model import Form, Instrument, Role, WaveKind
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc, midnight
from surveys.errors import WaveError
from surveys.models import Cohort, Invitation, Participant, Response, ResponseState, User, Wave

# Below this number of people a rate in steps of ten would count single persons.
SMALLEST_RATED_ROLE = 10
# Beyond these a date is a slip of the pen.
LONGEST_WINDOW = timedelta(days=366)
FARTHEST_OPENING = timedelta(days=3660)


class WaveState(StrEnum):
    """Whether a wave takes answers; it follows from the times and is stored nowhere."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class ResponseRate:
    """The share of a role that has answered, in steps of ten, or None where nothing may be told of it.

    That is so while fewer people were asked than a step of ten hides, and while fewer have answered than the floor: the rate
    of an open wave, too, is the same for nobody as for four. While a wave is open its rate says how things stood at the last
    midnight, so that nobody can hand out a single link and watch whether the rate moves.

    The ends are open, so that nobody reads from 0 or 100 what each single person did: 10 then stands for "10 % or less"
    and `bound` is "at_most"; 90 stands for "90 % or more" and `bound` is "at_least". Otherwise `bound` is "".
    """

    role: Role
    percent: int | None
    bound: str = ""


def schedule_wave(
    session: Session,
    cohort: Cohort,
    kind: WaveKind | str,
    instrument: Instrument,
    *,
    opens_at: datetime,
    closes_at: datetime,
    now: datetime,
    picks: Mapping[str, Sequence[str]] | None = None,
    locales: Sequence[str] | None = None,
    actor: User | None = None,
) -> Wave:
    """Plan a wave and pin the questionnaire to it: id, version, digest and the items picked.

    `locales` are the languages in which it may be answered (`surveys.languages`); without them, all of the questionnaire's may.
    """
    kind, opens_at, closes_at = WaveKind(kind), as_utc(opens_at), as_utc(closes_at)
    if (
        opens_at >= closes_at
        or closes_at - opens_at > LONGEST_WINDOW
        or abs(opens_at - as_utc(now)) > FARTHEST_OPENING
    ):
        raise WaveError("window")
    if closes_at <= as_utc(now):
        raise WaveError("past")
    chosen = {pool: list(items) for pool, items in (cohort.program.picks if picks is None else picks).items()}
    roles = instrument.roles_asked(kind)
    if not roles:
        raise WaveError("no_forms", instrument=instrument.id, version=instrument.version, kind=kind.value)
    for role in roles:
        instrument.form(
            kind, role, chosen
        )  # Picks that break a pool's rules are refused now, not before a participant.
    if find_wave(session, cohort, kind) is not None:
        raise WaveError("duplicate", cohort=cohort.name, kind=kind.value)
    wave = Wave(
        cohort=cohort,
        kind=kind,
        instrument_id=instrument.id,
        instrument_version=instrument.version,
        instrument_digest=instrument.digests.whole,
        picks=chosen,
        locales=None if locales is None else list(locales),
        opens_at=opens_at,
        closes_at=closes_at,
    )
    session.add(wave)
    session.flush()
    _log(session, AuditAction.WAVE_SCHEDULED, wave, now, actor)
    return wave


def open_wave(session: Session, wave: Wave, *, now: datetime, actor: User | None = None) -> Wave:
    """Open a planned wave now rather than later; an open one stays as it is."""
    moment = as_utc(now)
    lock_wave(session, wave)
    state = wave_state(wave, moment)
    if state is WaveState.CLOSED:
        raise WaveError("closed", kind=wave.kind.value)
    if state is WaveState.SCHEDULED:
        wave.opens_at = moment
        session.flush()
        _log(session, AuditAction.WAVE_OPENED, wave, now, actor)
    return wave


def close_wave(session: Session, wave: Wave, *, now: datetime, actor: User | None = None) -> Wave:
    """Close a wave for good, after every answer that is being saved at this moment; closing twice is harmless."""
    moment = as_utc(now)
    lock_wave(session, wave)
    if wave.closed_at is not None:
        return wave
    if wave_state(wave, moment) is WaveState.SCHEDULED:
        raise WaveError("not_opened", kind=wave.kind.value)
    wave.closed_at = moment
    session.flush()
    _log(session, AuditAction.WAVE_CLOSED, wave, now, actor)
    return wave


def lock_wave(session: Session, wave: Wave, *, shared: bool = False) -> None:
    """Hold the wave as it is until the end of the transaction, alone or together with others who only read it.

    Whoever saves answers holds it shared; whoever closes it waits for them, and they find it closed if they come later. SQLite
    needs no lock here: its writers already stand in line (see `surveys.database`).
    """
    columns = ["floor", "opens_at", "closes_at", "closed_at"]
    session.refresh(wave, columns, with_for_update={"read": True} if shared else True)


def wave_state(wave: Wave, now: datetime) -> WaveState:
    """Whether the wave takes answers at this moment."""
    moment = as_utc(now)
    if wave.closed_at is not None or moment >= wave.closes_at:
        return WaveState.CLOSED
    return WaveState.OPEN if moment >= wave.opens_at else WaveState.SCHEDULED


def ended_at(wave: Wave) -> datetime:
    """When the wave stops, or stopped, to take answers."""
    return wave.closes_at if wave.closed_at is None else min(wave.closed_at, wave.closes_at)


def is_released(wave: Wave) -> bool:
    """Whether closing the wave publishes numbers; of pulses, which a person gives several times, none are computed."""
    return wave.kind is not WaveKind.PL


def floor_of(wave: Wave) -> int:
    """The smallest group shown of this wave: the frozen number, or the programme's until an invitation freezes it."""
    return wave.cohort.program.floor if wave.floor is None else wave.floor


def instrument_of(wave: Wave, *, folders: Sequence[Path] = ()) -> Instrument:
    """The questionnaire pinned to the wave; raises PinnedVersionError if its folder has changed since."""
    return get_instrument(
        wave.instrument_id, wave.instrument_version, folders=folders, digest=wave.instrument_digest
    )


def form_of(wave: Wave, role: Role | str, instrument: Instrument) -> Form:
    """What the wave asks of a role; raises UnknownFormError if nothing."""
    return instrument.form(wave.kind, role, wave.picks)


def find_wave(session: Session, cohort: Cohort, kind: WaveKind | str) -> Wave | None:
    """The wave of this kind, if the cohort has one."""
    return session.scalar(select(Wave).where(Wave.cohort_id == cohort.id, Wave.kind == WaveKind(kind)))


def list_waves(session: Session, cohort: Cohort) -> list[Wave]:
    """The waves of a cohort in the order in which they open; `wave_state` says where each one stands."""
    return list(session.scalars(select(Wave).where(Wave.cohort_id == cohort.id).order_by(Wave.opens_at)))


def response_rates(session: Session, wave: Wave, *, now: datetime) -> tuple[ResponseRate, ...]:
    """For each role invited, roughly how many have sent their answers, once they are as many as the floor; never who.

    Of pulses nothing is told, since whether somebody gives any is known to nobody. Until the wave is closed, only links and answers of the days before today (UTC) count; afterwards everything does.
    """
    moment = as_utc(now)
    today = moment.date()
    is_closed = wave_state(wave, moment) is WaveState.CLOSED
    # A link that was replaced or given up still counts as one person asked, so that a withdrawal does not show as a smaller
    # group. Its first day counts, or a new link in its place would.
    asked = (
        select(
            Participant.role,
            Invitation.participant_id,
            func.min(Invitation.issued_at).label("issued_at"),
        )
        .join(Participant, Participant.id == Invitation.participant_id)
        .where(Invitation.wave_id == wave.id)
        .group_by(Participant.role, Invitation.pair_id, Invitation.participant_id)
        .subquery()
    )
    sent = (
        select(Response.role, func.count(), func.count(Response.respondent_key.distinct()))
        .where(
            Response.wave_id == wave.id,
            Response.state == ResponseState.SUBMITTED,
            true() if is_closed else Response.submitted_on < today,
        )
        .group_by(Response.role)
    )
    answered = {role: (n_sent, n_people) for role, n_sent, n_people in session.execute(sent)}
    # Links as well: who may add people to a role could otherwise find out, by when the rate moves, how many have answered.
    before = true() if is_closed else asked.c.issued_at < midnight(moment)
    sizes = select(
        asked.c.role,
        func.count().filter(before),
        func.count(asked.c.participant_id.distinct()).filter(before),
    ).group_by(asked.c.role)
    floor = floor_of(wave)
    rates = []
    for role, n_asked, n_people in session.execute(sizes):
        n_sent, n_answered = answered.get(role, (0, 0))
        told = n_people >= SMALLEST_RATED_ROLE and n_answered >= floor and is_released(wave)
        rates.append(_rate(role, n_asked, n_sent) if told else ResponseRate(role, None))
    return tuple(sorted(rates, key=lambda rate: list(Role).index(rate.role)))


def _rate(role: Role, n_asked: int, n_sent: int) -> ResponseRate:
    """The rate to the nearest ten, open at both ends."""
    tens = (20 * n_sent + n_asked) // (2 * n_asked)
    if tens <= 1:
        return ResponseRate(role, 10, "at_most")
    if tens >= 9:
        return ResponseRate(role, 90, "at_least")
    return ResponseRate(role, 10 * tens)


def _log(session: Session, action: AuditAction, wave: Wave, now: datetime, actor: User | None) -> None:
    """Note in the audit log what happened to a wave."""
    record_event(session, action, now=now, actor=actor, program=wave.cohort.program, wave=wave)
