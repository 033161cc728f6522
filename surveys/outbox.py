"""Invitations and reminders on their way to the mail server: written in one transaction with their cause, sent by any number of workers.

A worker claims a mail for a time, its lease. Handing over has two steps, because SMTP alone delivers at least once: the worker gives the
server everything but the final dot, then commits `note_handed_over`, then sends the dot. Without the dot the server throws the mail
away, so whoever dies before the commit leaves a mail that is safely claimed again. After it the dot is one call away: a mail found
handed over counts as sent and is not sent again, unless it is known that the dot was not sent (`webapp.last_step`). What can be lost is
a mail whose worker dies within that one call, and a reminder makes up for a lost invitation.

Reminders are written for everybody who is invited. Whether one is sent is decided at the last moment, between the recipient and the content, and
the rest is the same either way: the same changes of the same row, which then goes, and nothing is logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, select, update
from sqlalchemy.orm import Session, joinedload

from surveys.database import as_utc
from surveys.invitations import IssuedInvitation, MakeToken, issue_invitations
from surveys.models import (
    Cohort,
    Contact,
    Invitation,
    InvitationMail,
    MailState,
    MailStop,
    OutboxMail,
    Pair,
    ReminderMail,
    User,
    Wave,
)
from surveys.pseudonyms import Pseudonyms
from surveys.responses import has_sent
from surveys.roles import DatabaseRole, acting_as
from surveys.waves import WaveState, ended_at, lock_wave, wave_state

# When reminders fall due, as shares of the window.
REMINDERS = {1: 0.4, 2: 0.8}
# Longer than a conversation with a mail server can take.
LEASE = timedelta(minutes=10)
# How long a mail waits that the server could not take yet: twice as long each time.
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=4)
UNDER_WAY = (MailState.WAITING, MailState.CLAIMED, MailState.HANDED_OVER)

Mail = type[OutboxMail]


class MailProgress(StrEnum):
    """How far the invitations of a wave are, as the coordinator may know: they go to everybody."""

    NONE = "none"
    PLANNED = "planned"
    SENDING = "sending"
    DONE = "done"


@dataclass(frozen=True)
class Claim:
    """A mail that one worker has for the time of its lease, and in which state it was found."""

    mail: Mail
    id: str
    found: MailState
    # Who has it; of a mail that was found handed over, who had it.
    held_by: str
    attempts: int = 0

    @property
    def is_reminder(self) -> bool:
        """Whether it goes only to those who have not answered."""
        return self.mail is ReminderMail


@dataclass(frozen=True)
class Letter:
    """Everything that a mail is written from."""

    invitation: Invitation
    wave: Wave
    contact: Contact
    partner: str | None

    @property
    def ends_at(self) -> datetime:
        """When the wave stops to take answers; nothing is sent from then on."""
        return ended_at(self.wave)


def plan_mailing(session: Session, wave: Wave) -> None:
    """Let the system invite by mail when the wave opens; the wave itself is the note of it, so it moves along with its opening."""
    wave.invites_by_mail = True
    session.flush()


def invite_by_mail(
    session: Session,
    wave: Wave,
    *,
    now: datetime,
    make_token: MakeToken,
    folders: Sequence[Path] = (),
    actor: User | None = None,
) -> int:
    """Invite everybody who has no link yet, or whose address has been put right, by mail; says how many mails are under way.

    Before the wave is open this only plans it. Raises WaveError.
    """
    moment = as_utc(now)
    lock_wave(session, wave)
    if wave_state(wave, moment) is WaveState.SCHEDULED:
        plan_mailing(session, wave)
        return 0
    issued = issue_invitations(session, wave, now=now, folders=folders, actor=actor, make_token=make_token)
    session.add_all(
        InvitationMail(wave_id=wave.id, pair_id=one.pair_id, participant_id=one.participant_id, due_at=moment)
        for one in issued
    )
    repaired = select(Contact.participant_id).where(Contact.bounced.is_(False))
    again = (
        update(InvitationMail)
        .where(InvitationMail.wave_id == wave.id, InvitationMail.state == MailState.GIVEN_UP)
        .where(InvitationMail.participant_id.in_(repaired))
    )
    n_again = _run(session, again.values(state=MailState.WAITING, due_at=moment, attempts=0))
    plan_reminders(session, issued, now=now)
    wave.invites_by_mail = False
    session.flush()
    return len(issued) + n_again


def plan_reminders(session: Session, issued: Sequence[IssuedInvitation], *, now: datetime) -> None:
    """Write two reminders for everybody who was just invited, whether or not they will answer."""
    people = [one.participant_id for one in issued]
    found = select(Contact.participant_id, Contact.email).where(Contact.participant_id.in_(people))
    addresses = dict(session.execute(found).all()) if people else {}
    for one in issued:
        wave = one.invitation.wave
        begin, end = max(wave.opens_at, as_utc(now)), wave.closes_at
        session.add_all(
            ReminderMail(
                wave_id=wave.id,
                pair_id=one.pair_id,
                participant_id=one.participant_id,
                due_at=begin + share * (end - begin),
                number=number,
                address_digest=_digest(addresses[one.participant_id]),
            )
            for number, share in REMINDERS.items()
            if one.participant_id in addresses
        )
    session.flush()


def waves_to_invite(session: Session, *, now: datetime) -> list[str]:
    """The waves that are open by now and whose people the system has still to invite."""
    moment = as_utc(now)
    due = select(Wave.id).where(
        Wave.invites_by_mail, Wave.opens_at <= moment, Wave.closes_at > moment, Wave.closed_at.is_(None)
    )
    return list(session.scalars(due))


def claim_mail(session: Session, *, now: datetime, worker: str, lease: timedelta = LEASE) -> Claim | None:
    """Take the next mail that is due, or whose worker's lease has ended; None if there is none. To be committed at once.

    On PostgreSQL a mail that somebody else is just taking is passed over; on SQLite writers take turns. One that is found handed over stays
    so, and nobody else finds it for the time of a lease.
    """
    moment = as_utc(now)
    mails: tuple[Mail, ...] = (InvitationMail, ReminderMail)
    for mail in mails:
        row = session.execute(
            select(mail.id, mail.state, mail.held_by, mail.attempts, mail.due_at)
            .where(mail.due_at <= moment, mail.state.in_(UNDER_WAY))
            .order_by(mail.due_at, mail.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is not None:
            return _take(session, mail, row, worker, moment + lease)
    return None


def read_letter(session: Session, claim: Claim, *, now: datetime) -> Letter | None:
    """What the mail is about; None if it must not be sent any more: the wave is closed, the link withdrawn, the address another one.

    Nothing here depends on whether the person has answered.
    """
    row = session.get(claim.mail, claim.id)
    if row is None:
        return None
    invitation = session.scalar(
        select(Invitation)
        .where(
            Invitation.wave_id == row.wave_id,
            Invitation.pair_id == row.pair_id,
            Invitation.participant_id == row.participant_id,
            Invitation.revoked_at.is_(None),
        )
        .options(joinedload(Invitation.wave).joinedload(Wave.cohort).joinedload(Cohort.program))
    )
    contact = session.get(Contact, row.participant_id)
    if invitation is None or contact is None or wave_state(invitation.wave, now) is WaveState.CLOSED:
        return None
    if isinstance(row, ReminderMail) and (contact.bounced or row.address_digest != _digest(contact.email)):
        return None
    pair = session.get_one(Pair, row.pair_id)
    other = pair.mentee_id if pair.mentor_id == row.participant_id else pair.mentor_id
    partner = session.scalar(select(Contact.name).where(Contact.participant_id == other))
    return Letter(invitation, invitation.wave, contact, partner)


def is_wanted(session: Session, claim: Claim, letter: Letter, pseudonyms: Pseudonyms) -> bool:
    """Whether the mail shall really be sent: not to who wants none, and a reminder only to who has not answered."""
    stopped = has_stopped(session, letter.contact.participant_id)
    if not claim.is_reminder:
        return not stopped
    # Asked of everybody, so that the database is asked the same for each of them.
    with acting_as(session, DatabaseRole.PARTICIPANT):
        sent = has_sent(session, letter.invitation, pseudonyms)
    return not (stopped or sent)


def note_handed_over(session: Session, claim: Claim) -> bool:
    """Note that the final dot is sent next; False if somebody else has the mail by now. To be committed before the dot."""
    return _change(session, claim, MailState.CLAIMED, state=MailState.HANDED_OVER)


def finish_mail(session: Session, claim: Claim) -> None:
    """Be done with a mail, whether or not it was sent: an invitation is noted as done, a reminder leaves nothing."""
    if claim.is_reminder:
        _run(session, delete(ReminderMail).where(*_mine(claim)))
    else:
        _change(session, claim, *UNDER_WAY, state=MailState.DONE, held_by=None, attempts=0)


def give_up_mail(
    session: Session, claim: Claim, letter: Letter | None = None, *, bounced: bool = False
) -> None:
    """Stop trying. Where an invitation came back because of its address, the address is noted as not working."""
    if claim.is_reminder:
        finish_mail(session, claim)
        return
    _change(session, claim, *UNDER_WAY, state=MailState.GIVEN_UP, held_by=None)
    if bounced and letter is not None:
        same = (
            Contact.participant_id == letter.contact.participant_id,
            Contact.email == letter.contact.email,
        )
        _run(session, update(Contact).where(*same).values(bounced=True))


def put_back_mail(
    session: Session, claim: Claim, *states: MailState, until: datetime, failed: bool = False
) -> None:
    """Let the mail wait until a moment, as it was before it was claimed; if it is in one of the states, where any are given."""
    attempts = min(claim.attempts + 1, 1000) if failed else claim.attempts
    _change(
        session,
        claim,
        *(states or UNDER_WAY),
        state=MailState.WAITING,
        due_at=as_utc(until),
        held_by=None,
        attempts=attempts,
    )


def pause_after(claim: Claim) -> timedelta:
    """How long to wait after a failure."""
    return min(SHORTEST_PAUSE * 2 ** min(claim.attempts, 10), LONGEST_PAUSE)


def mail_progress(session: Session, wave: Wave) -> MailProgress:
    """How far the invitations of a wave are. Reminders are not looked at, and the coordinator's role could not."""
    if wave.invites_by_mail:
        return MailProgress.PLANNED
    states = set(
        session.scalars(select(InvitationMail.state).where(InvitationMail.wave_id == wave.id).distinct())
    )
    if not states:
        return MailProgress.NONE
    return MailProgress.SENDING if states & set(UNDER_WAY) else MailProgress.DONE


def bounced_names(session: Session, wave: Wave) -> list[str]:
    """Whose invitation could not be delivered because of the address, by name."""
    found = session.scalars(
        select(Contact.name)
        .join(InvitationMail, InvitationMail.participant_id == Contact.participant_id)
        .where(InvitationMail.wave_id == wave.id, Contact.bounced)
        .distinct()
    )
    return sorted(found, key=str.casefold)


def has_stopped(session: Session, participant_id: str) -> bool:
    """Whether a person wants no more mails."""
    found = select(MailStop.participant_id).where(MailStop.participant_id == participant_id)
    return session.scalar(found) is not None


def stop_mails(session: Session, participant_id: str) -> None:
    """Send a person no more mails; they can still answer, and nobody is told. Harmless when repeated."""
    # Whoever has had their address destroyed gets none anyway.
    there = session.get(Contact, participant_id) is not None
    if there and not has_stopped(session, participant_id):
        session.add(MailStop(participant_id=participant_id))
        session.flush()


def resume_mails(session: Session, participant_id: str) -> None:
    """Send a person mails again."""
    _run(session, delete(MailStop).where(MailStop.participant_id == participant_id))


def _take(session: Session, mail: Mail, row: Any, worker: str, until: datetime) -> Claim | None:
    """Claim a row as it was seen; None if somebody was faster."""
    found = MailState(row.state)
    seen = (mail.id == row.id, mail.state == found, mail.due_at == row.due_at)
    if found is MailState.HANDED_OVER:
        taken = _run(session, update(mail).where(*seen).values(due_at=until))
        return Claim(mail, row.id, found, row.held_by or "", row.attempts) if taken else None
    values = {"state": MailState.CLAIMED, "held_by": worker, "due_at": until}
    taken = _run(session, update(mail).where(*seen).values(values))
    return Claim(mail, row.id, found, worker, row.attempts) if taken else None


def _mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    """What holds of the row as long as nobody else has it."""
    return claim.mail.id == claim.id, claim.mail.held_by == claim.held_by


def _change(session: Session, claim: Claim, *states: MailState, **values: Any) -> bool:
    """Change the row if it is still ours and in one of the states; says whether it was."""
    ours = update(claim.mail).where(*_mine(claim), claim.mail.state.in_(states))
    return bool(_run(session, ours.values(**values)))


def _run(session: Session, statement: Any) -> int:
    """Run a statement past what the session remembers; says how many rows it changed."""
    result: CursorResult[Any] = session.connection().execute(statement)
    return result.rowcount


def _digest(email: str) -> str:
    """By which an address is recognised."""
    return sha256(email.encode()).hexdigest()
