"""Pulses: one minute after a meeting, given as often as a person likes while the wave is open (stream A).

A pulse is written and sent in one step, as a response of its own under the person's pseudonym. Meetings are logged with names and days, so
a pulse must not be laid beside them: of its day only the month is kept, its number counts the pulses of one person and nothing else, and
nothing is written where a coordinator or a partner can read. That people answer at most every ten days is asked of their browser
(`webapp.participate.pulse`): kept here, it would be a day. Another browser, or one that forgot, is not stopped. What comes on top
of as many as a month of that rule can hold takes the place of the latest: of the same browser, since whoever could push out, or count,
the pulses of another one would learn from a link how often its owner had answered.

No number is computed from pulses in this version: releases take one response for one person.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from instruments.answers import AnswerCheck, AnswerValue
from instruments.model import WaveKind
from surveys.database import as_utc
from surveys.errors import AnswerError, ResponseError, WaveNotOpenError
from surveys.invitations import hold_invitation
from surveys.models import Answer, Comment, Invitation, Response, ResponseState, Wave, new_key
from surveys.pseudonyms import Pseudonyms
from surveys.responses import MayUse, ResponseView, check_answers, load_response, read_contents, view_of
from surveys.statements import note_statement
from surveys.waves import WaveState, form_of, instrument_of

# On the days 1, 11, 21 and 31.
MOST_A_MONTH = 4


def find_pulse(session: Session, invitation: Invitation) -> Invitation | None:
    """The link by which the owner of this one is asked for pulses about the same pair; None if there is none."""
    if invitation.wave.kind is WaveKind.PL:
        return invitation
    return session.scalar(
        select(Invitation)
        .join(Wave, Wave.id == Invitation.wave_id)
        .where(
            Wave.kind == WaveKind.PL,
            Invitation.pair_id == invitation.pair_id,
            Invitation.participant_id == invitation.participant_id,
            Invitation.revoked_at.is_(None),
        )
    )


def send_pulse(
    session: Session,
    invitation: Invitation,
    answers: Mapping[str, AnswerValue | None],
    *,
    form_key: str,
    pseudonyms: Pseudonyms,
    locale: str,
    now: datetime,
    folders: Sequence[Path] = (),
    quotable: Collection[str] = (),
    statement: str | None = None,
    may_write: MayUse | None = None,
) -> ResponseView:
    """Keep a pulse; the same form sent twice is one pulse. Where a month is full, one that `may_write` allows makes room.

    Raises InvitationError, WaveNotOpenError, ResponseError or AnswerError with nothing stored.
    """
    state = hold_invitation(session, invitation, now=now)
    if state is not WaveState.OPEN:
        raise WaveNotOpenError(state.value)
    wave, role = invitation.wave, invitation.participant.role
    instrument = instrument_of(wave, folders=folders)
    if locale not in instrument.locales:
        raise ResponseError("unknown_locale", locale=locale[:35])
    given, check = check_answers(instrument, form_of(wave, role, instrument), answers)
    if check.problems:
        raise AnswerError(check.problems)
    if not given:
        raise ResponseError("nothing_answered")
    owner = pseudonyms.respondent_key(session, invitation.participant_id, create=True)
    pair_key = pseudonyms.pair_key(session, invitation.pair_id, create=True)
    # Only the holder of the link key can compute it from the form, so the row leads to no link and no person.
    place = f"{invitation.wave_id} {invitation.pair_id} {invitation.participant_id}"
    subject = f"pulse {place} {form_key[:64] or new_key()}"
    key = pseudonyms.final_key(sha256(subject.encode()).hexdigest())
    sent = _sent(session, invitation, pseudonyms)
    repeated = next((one for one in sent if one.key == key), None)
    if repeated is not None:
        return view_of(invitation, repeated, pseudonyms, read_contents(session, key))
    month = as_utc(now).date().replace(day=1)
    own = [one for one in sent if may_write is None or may_write(view_of(invitation, one, pseudonyms))]
    occasion = _make_room(session, sent, own, month)
    response = Response(
        key=key,
        respondent_key=owner,
        pair_key=pair_key,
        wave_id=wave.id,
        role=role,
        locale=locale,
        locale_digest=instrument.locales[locale].digest,
        instrument_version=instrument.version,
        instrument_digest=instrument.digests.whole,
        state=ResponseState.SUBMITTED,
        started_on=month,
        submitted_on=month,
        month=month,
        occasion=occasion,
    )
    session.add(response)
    session.flush()
    session.add_all(_rows_of(key, check, quotable))
    note_statement(session, response, statement)
    session.flush()
    return view_of(invitation, response, pseudonyms, read_contents(session, key))


def load_pulses(
    session: Session,
    invitation: Invitation,
    pseudonyms: Pseudonyms,
    *,
    may_read: Callable[[ResponseView], bool],
) -> tuple[ResponseView, ...]:
    """The pulses that may be read, in their order; of the others nothing is looked at but their keys."""
    return tuple(
        view_of(invitation, one, pseudonyms, read_contents(session, one.key))
        for one in _sent(session, invitation, pseudonyms)
        if may_read(view_of(invitation, one, pseudonyms))
    )


def load_all(
    session: Session,
    invitation: Invitation,
    pseudonyms: Pseudonyms,
    *,
    may_read: Callable[[ResponseView], bool],
) -> tuple[ResponseView, ...]:
    """Everything given by a link that may be read: pulses, or the one response of any other wave."""
    if invitation.wave.kind is WaveKind.PL:
        return load_pulses(session, invitation, pseudonyms, may_read=may_read)
    response = load_response(session, invitation, pseudonyms, may_read=may_read)
    return (response,) if response is not None and response.answers else ()


def withdraw_pulses(
    session: Session, invitation: Invitation, *, pseudonyms: Pseudonyms, now: datetime, may_write: MayUse
) -> None:
    """Delete the pulses that whoever is there may write, until the wave closes.

    Raises InvitationError, WaveNotOpenError, and ResponseError where there are none.
    """
    state = hold_invitation(session, invitation, now=now)
    if state is not WaveState.OPEN:
        raise WaveNotOpenError(state.value)
    sent = _sent(session, invitation, pseudonyms)
    mine = [one for one in sent if may_write(view_of(invitation, one, pseudonyms))]
    if not mine:
        raise ResponseError("nothing_saved")
    for response in mine:
        _delete(session, response)


def erase_pulses(
    session: Session, invitation: Invitation, pseudonyms: Pseudonyms, *, may_write: MayUse
) -> None:
    """Delete the pulses that whoever is there may write, whatever the state of the wave."""
    for response in _sent(session, invitation, pseudonyms):
        if may_write(view_of(invitation, response, pseudonyms)):
            _delete(session, response)


def _sent(session: Session, invitation: Invitation, pseudonyms: Pseudonyms) -> list[Response]:
    """The pulses of a person about a pair, in their order; the database is asked the same whether or not there are any."""
    owner = pseudonyms.respondent_key(session, invitation.participant_id) or ""
    pair = pseudonyms.pair_key(session, invitation.pair_id) or ""
    mine = select(Response).where(
        Response.wave_id == invitation.wave_id, Response.respondent_key == owner, Response.pair_key == pair
    )
    return list(session.scalars(mine.order_by(Response.occasion).execution_options(populate_existing=True)))


def _make_room(session: Session, sent: Sequence[Response], own: Sequence[Response], month: date) -> int:
    """The number of a new pulse; where the month is full of one's own the latest of them makes room."""
    of_month = [one for one in own if one.month == month]
    if len(of_month) < MOST_A_MONTH:
        return max((one.occasion for one in sent), default=0) + 1
    latest = of_month[-1]
    _delete(session, latest)
    return latest.occasion


def _delete(session: Session, response: Response) -> None:
    """Delete a pulse with everything in it."""
    for table in (Answer, Comment):
        session.execute(delete(table).where(table.response_key == response.key))
    session.delete(response)
    session.flush()


def _rows_of(key: str, check: AnswerCheck, quotable: Collection[str]) -> list[Answer | Comment]:
    """The rows that hold the answers of a pulse."""
    return [
        Answer(response_key=key, item_id=item_id, code=value.code, missing=value.missing)
        if value.text is None
        else Comment(response_key=key, item_id=item_id, text=value.text, may_be_quoted=item_id in quotable)
        for item_id, value in check.valid.items()
    ]
