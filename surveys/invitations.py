"""Personal links: one for each person, pair and wave. Only a hash is kept, and nothing says whether a link was used."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload

from instruments.model import WaveKind
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import InvitationError, WaveError
from surveys.locks import lock_person
from surveys.models import Invitation, Pair, Participant, User, Wave, new_key
from surveys.waves import WaveState, ended_at, instrument_of, lock_wave, wave_state

# After the end of a wave its link says "closed" before it says "expired": for as long as there is a way from a person to their
# answers (`surveys.retention`), the pages open on which they can take them along or have them erased.
LINK_GRACE = timedelta(days=90)

# What is asked after a pair has stopped meeting; the other waves speak of meetings that still take place. Whoever was matched
# anew is asked about the new pair only: the questions mean one partner, and the end of a trial is not the end of a programme.
AFTER_THE_END = frozenset({WaveKind.T3A, WaveKind.T3B, WaveKind.T4})


# Makes the token of an invitation from its id. What it makes must be as hard to guess as a random one.
MakeToken = Callable[[str], str]


@dataclass(frozen=True)
class IssuedInvitation:
    """A fresh invitation with its token, which is kept nowhere."""

    invitation: Invitation
    token: str = field(repr=False)
    participant_id: str
    pair_id: str


def hash_token(token: str) -> str:
    """What is kept of a token. It is random and long, so a plain digest cannot be turned back."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def random_token(_invitation_id: str) -> str:
    """A token that nobody can make again."""
    return secrets.token_urlsafe(24)


def issue_invitations(
    session: Session,
    wave: Wave,
    *,
    now: datetime,
    folders: Sequence[Path] = (),
    actor: User | None = None,
    make_token: MakeToken = random_token,
) -> list[IssuedInvitation]:
    """Invite everybody who has no link to this wave yet; the first call freezes the floor that people are promised.

    Left out are people who no longer want to be asked, whose address was destroyed, to whose role the wave has no questions,
    and pairs that stopped meeting before the wave, unless it asks about the time after: that wave still asks the partners of
    an ended pair who were not matched anew.
    """
    moment = as_utc(now)
    lock_wave(session, wave)
    if wave_state(wave, moment) is WaveState.CLOSED:
        raise WaveError("closed", kind=wave.kind.value)
    eligible = _eligible(session, wave, folders)
    if not eligible:
        raise WaveError("nobody", kind=wave.kind.value)
    if wave.floor is None:
        session.refresh(wave.cohort.program, ["floor"])
        wave.floor = wave.cohort.program.floor
    invited = {
        (pair_id, participant_id)
        for pair_id, participant_id in session.execute(
            select(Invitation.pair_id, Invitation.participant_id).where(
                Invitation.wave_id == wave.id, Invitation.revoked_at.is_(None)
            )
        )
    }
    issued = [
        _issue(session, wave, pair.id, person.id, moment, make_token)
        for pair, person in eligible
        if (pair.id, person.id) not in invited
    ]
    session.flush()
    if issued:
        program = wave.cohort.program
        record_event(
            session, AuditAction.INVITATIONS_ISSUED, now=now, actor=actor, program=program, wave=wave
        )
    return issued


def find_invitation(session: Session, token: str, *, now: datetime) -> Invitation:
    """The invitation behind a token; raises InvitationError if it is unknown, revoked or expired.

    A wave that is not open is no fault of the link: the caller looks at the wave's state, and saving raises WaveNotOpenError.
    """
    invitation = find_any_invitation(session, token)
    check_invitation(invitation, now)
    return invitation


def find_any_invitation(session: Session, token: str) -> Invitation:
    """The invitation behind a token, even one that opens nothing any more; raises InvitationError if it is unknown."""
    statement = (
        select(Invitation)
        .where(Invitation.token_hash == hash_token(token))
        .options(joinedload(Invitation.wave), joinedload(Invitation.participant))
    )
    invitation = session.scalar(statement)
    if invitation is None:
        raise InvitationError("unknown")
    return invitation


def check_invitation(invitation: Invitation, now: datetime) -> None:
    """Raise InvitationError if the invitation is revoked or expired at this moment, or its owner has left the surveys."""
    moment = as_utc(now)
    if invitation.revoked_at is not None or invitation.participant.surveys_ended_on is not None:
        raise InvitationError("revoked")
    own_end = invitation.expires_at is not None and moment >= invitation.expires_at
    if own_end or moment >= ended_at(invitation.wave) + LINK_GRACE:
        raise InvitationError("expired")


def hold_invitation(session: Session, invitation: Invitation, *, now: datetime) -> WaveState:
    """Read an invitation and its wave afresh, hold both as they are, and say whether the wave is open; raises InvitationError.

    For whatever is written through a link: answers and decisions need an open wave, a message may be sent in any state.
    """
    moment = as_utc(now)
    # First the wave, then the person, as everywhere: two that lock in opposite order would wait for each other forever. The
    # person and not the row is locked, because a lock on a row leaves the number of this transaction on it.
    lock_wave(session, invitation.wave, shared=True)
    lock_person(session, invitation.participant_id)
    session.refresh(invitation, ["revoked_at", "expires_at"])
    session.refresh(invitation.participant, ["surveys_ended_on"])
    check_invitation(invitation, moment)
    return wave_state(invitation.wave, moment)


def reissue_invitation(
    session: Session,
    invitation: Invitation,
    *,
    now: datetime,
    actor: User | None = None,
    make_token: MakeToken = random_token,
) -> IssuedInvitation:
    """Replace a lost link by a new one; the old one stops working, and what was saved stays.

    Somebody who has left the surveys gets one too, which opens nothing: whoever asks for it does not learn that they left.
    """
    moment = as_utc(now)
    wave = invitation.wave
    lock_wave(session, wave)
    lock_person(session, invitation.participant_id)
    if wave_state(wave, moment) is WaveState.CLOSED:
        raise WaveError("closed", kind=wave.kind.value)
    same = (
        Invitation.wave_id == invitation.wave_id,
        Invitation.pair_id == invitation.pair_id,
        Invitation.participant_id == invitation.participant_id,
    )
    session.execute(
        update(Invitation).where(*same, Invitation.revoked_at.is_(None)).values(revoked_at=moment)
    )
    issued = _issue(session, wave, invitation.pair_id, invitation.participant_id, moment, make_token)
    session.flush()
    program = wave.cohort.program
    record_event(session, AuditAction.INVITATION_REISSUED, now=now, actor=actor, program=program, wave=wave)
    return issued


def revoke_invitation(
    session: Session, invitation: Invitation, *, now: datetime, actor: User | None = None
) -> None:
    """Stop a link from working; doing so twice is harmless."""
    lock_person(session, invitation.participant_id)
    if invitation.revoked_at is not None:
        return
    invitation.revoked_at = as_utc(now)
    session.flush()
    wave = invitation.wave
    program = wave.cohort.program
    record_event(session, AuditAction.INVITATION_REVOKED, now=now, actor=actor, program=program, wave=wave)


def partner_name(session: Session, invitation: Invitation) -> str:
    """The full name of the partner whom the questions are about; empty once it has been destroyed."""
    pair = session.get_one(Pair, invitation.pair_id)
    return pair.partner_of(invitation.participant_id).name or ""


def _eligible(session: Session, wave: Wave, folders: Sequence[Path]) -> list[tuple[Pair, Participant]]:
    """Everybody the wave may ask, with the pair it asks them about."""
    instrument = instrument_of(wave, folders=folders)
    roles = instrument.roles_asked(wave.kind)
    statement = (
        select(Pair)
        .where(Pair.cohort_id == wave.cohort_id)
        .order_by(Pair.id)
        .options(
            joinedload(Pair.mentor).joinedload(Participant.contact),
            joinedload(Pair.mentee).joinedload(Participant.contact),
        )
    )
    if wave.kind not in AFTER_THE_END:
        statement = statement.where(or_(Pair.ended_on.is_(None), Pair.ended_on >= wave.opens_at.date()))
    pairs = session.scalars(statement).all()
    return [
        (pair, person)
        for pair in pairs
        for person in (pair.mentor, pair.mentee)
        if person.role in roles
        and person.contact is not None
        and person.surveys_ended_on is None
        and not _is_matched_anew(person, pair, pairs)
    ]


def _is_matched_anew(person: Participant, ended: Pair, pairs: Sequence[Pair]) -> bool:
    """Whether a person of an ended pair has begun another one since; a second pair that ran beside it does not count."""
    if ended.ended_on is None:
        return False
    return any(
        pair.id != ended.id and pair.started_on is not None and pair.started_on >= ended.ended_on
        for pair in pairs
        if person.id in {pair.mentor_id, pair.mentee_id}
    )


def _issue(
    session: Session, wave: Wave, pair_id: str, participant_id: str, moment: datetime, make_token: MakeToken
) -> IssuedInvitation:
    """Make one invitation and its token."""
    key = new_key()
    token = make_token(key)
    invitation = Invitation(
        id=key,
        wave=wave,
        pair_id=pair_id,
        participant_id=participant_id,
        token_hash=hash_token(token),
        issued_at=moment,
    )
    session.add(invitation)
    return IssuedInvitation(invitation, token, participant_id, pair_id)
