"""Responses: saved page by page, resumed, sent, and changed until the wave closes."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.answers import AnswerCheck, AnswerValue, validate_answers
from instruments.model import Form, FormPage, Instrument, Role
from surveys.database import as_utc
from surveys.errors import AnswerError, ResponseError, WaveNotOpenError
from surveys.invitations import check_invitation
from surveys.models import Answer, Comment, Invitation, Response, ResponseState, Wave
from surveys.pseudonyms import Pseudonyms
from surveys.statements import note_statement
from surveys.waves import WaveState, form_of, instrument_of, lock_wave, wave_state


@dataclass(frozen=True)
class ResponseView:
    """A person's own response as they may see it again: no key, only their answers and how far they are.

    `tag` is a digest of the response's random key: it tells one response from another, and leads back to none. `quotable` holds
    the written answers that the person allowed to be quoted.
    """

    tag: str
    state: ResponseState
    role: Role
    locale: str
    started_on: date
    submitted_on: date | None
    answers: Mapping[str, AnswerValue]
    quotable: frozenset[str] = frozenset()
    statement: str | None = None

    @property
    def is_submitted(self) -> bool:
        """Whether the answers have been sent."""
        return self.state is ResponseState.SUBMITTED


@dataclass(frozen=True)
class Submission:
    """A sent response, and whether it had been sent before."""

    response: ResponseView
    already_submitted: bool


@dataclass(frozen=True)
class _Desk:
    """Everything needed to write one response: the wave is open, and stays so until the transaction ends."""

    session: Session
    response: Response
    instrument: Instrument
    form: Form
    today: date


@dataclass(frozen=True)
class _Contents:
    """What a response holds: its answers, and which written ones may be quoted."""

    answers: Mapping[str, AnswerValue]
    quotable: frozenset[str]


NOTHING_SHOWN = _Contents({}, frozenset())


def load_response(
    session: Session,
    invitation: Invitation,
    pseudonyms: Pseudonyms,
    *,
    may_read: Callable[[ResponseView], bool] | None = None,
) -> ResponseView | None:
    """What the person has saved so far, to resume from; None if there is nothing. A withdrawn response has no answers.

    Without leave of `may_read`, where it is given, the view has no answers. The database is then asked the same questions whether
    or not anything is saved, so that the time a page takes does not tell who has answered.
    """
    respondent_key = pseudonyms.respondent_key(session, invitation.participant_id)
    pair_key = pseudonyms.pair_key(session, invitation.pair_id)
    # Nothing is kept under an empty key.
    response = _find_response(session, invitation.wave_id, respondent_key or "", pair_key or "")
    if response is None:
        return None
    if may_read is not None and not may_read(_view(response)):
        return _view(response)
    return _view(response, _contents(session, response.key))


def save_page(
    session: Session,
    invitation: Invitation,
    page: FormPage | str,
    answers: Mapping[str, AnswerValue | None],
    *,
    pseudonyms: Pseudonyms,
    locale: str,
    now: datetime,
    folders: Sequence[Path] = (),
    quotable: Collection[str] = (),
    statement: str | None = None,
) -> ResponseView:
    """Save one page: `answers` is the page as it stands, so an item that is absent, None or blank is cleared.

    `quotable` names the written answers of the page that may be quoted; the tick goes with the text, so one that is saved without
    being named may not be quoted. `statement` is the digest of the statement of privacy that the page was shown with.
    Raises InvitationError or WaveNotOpenError with nothing stored. Raises AnswerError when some answers cannot be kept: the others
    are then already stored in the transaction, and committing it keeps them; an item with a problem keeps what it had before.
    """
    desk = _open_desk(session, invitation, pseudonyms=pseudonyms, locale=locale, now=now, folders=folders)
    page_id = page if isinstance(page, str) else page.id
    note_statement(session, desk.response, statement)
    asked = next((asked for asked in desk.form.pages if asked.id == page_id), None)
    if asked is None:
        raise ResponseError("unknown_page", page=page_id[:80])
    form = Form(wave=desk.form.wave, role=desk.form.role, pages=(asked,))
    given, check = _check(desk.instrument, form, answers)
    cleared = (item_id for item_id in asked.items if item_id not in given)
    _write(desk, check.valid, cleared=cleared, quotable=quotable)
    if check.problems:
        raise AnswerError(check.problems)
    return _view(desk.response, _contents(session, desk.response.key))


def submit_response(
    session: Session,
    invitation: Invitation,
    answers: Mapping[str, AnswerValue | None] | None = None,
    *,
    pseudonyms: Pseudonyms,
    locale: str,
    now: datetime,
    folders: Sequence[Path] = (),
    quotable: Collection[str] = (),
    statement: str | None = None,
) -> Submission:
    """Send the response, together with further answers if there are any; sending twice is harmless.

    Here `answers` may cover any part of the form: an item that is absent stays as it is, one that is None or blank is cleared.
    `quotable` names those of the written answers given here that may be quoted.
    Raises as `save_page` does; with an AnswerError the response is not sent.
    """
    desk = _open_desk(session, invitation, pseudonyms=pseudonyms, locale=locale, now=now, folders=folders)
    note_statement(session, desk.response, statement)
    if answers:
        given, check = _check(desk.instrument, desk.form, answers)
        asked = set(desk.form.item_ids)
        cleared = (item for item in answers if item in asked and item not in given)
        _write(desk, check.valid, cleared=cleared, quotable=quotable)
        if check.problems:
            raise AnswerError(check.problems)
    response = desk.response
    already = response.state is ResponseState.SUBMITTED
    if not already:
        if not _has_answers(session, response.key):
            raise ResponseError("nothing_answered")
        response.state = ResponseState.SUBMITTED
        response.submitted_on = desk.today
    session.flush()
    return Submission(_view(response, _contents(session, response.key)), already)


def withdraw_response(
    session: Session, invitation: Invitation, *, pseudonyms: Pseudonyms, now: datetime
) -> None:
    """Delete the answers of one response; until the wave closes the person may still start again with the same link.

    Raises InvitationError; WaveNotOpenError once the wave has closed, because what was published by then is not computed again
    (the difference would show the person who left); ResponseError if nothing is saved.
    """
    _check_open(session, invitation, now)
    respondent_key = pseudonyms.respondent_key(session, invitation.participant_id)
    pair_key = pseudonyms.pair_key(session, invitation.pair_id)
    response = None
    if respondent_key is not None and pair_key is not None:
        response = _find_response(session, invitation.wave_id, respondent_key, pair_key, lock=True)
    if response is None or response.state is ResponseState.WITHDRAWN:
        raise ResponseError("nothing_saved")
    session.execute(delete(Answer).where(Answer.response_key == response.key))
    session.execute(delete(Comment).where(Comment.response_key == response.key))
    response.state = ResponseState.WITHDRAWN
    response.submitted_on = None
    session.flush()


def _open_desk(
    session: Session,
    invitation: Invitation,
    *,
    pseudonyms: Pseudonyms,
    locale: str,
    now: datetime,
    folders: Sequence[Path],
) -> _Desk:
    """Check that the person may write now, and hold their response, which is made if there is none."""
    wave = _check_open(session, invitation, now)
    instrument = instrument_of(wave, folders=folders)
    if locale not in instrument.locales:
        raise ResponseError("unknown_locale", locale=locale[:35])
    role = invitation.participant.role
    form = form_of(wave, role, instrument)
    today = as_utc(now).date()
    response = _ensure_response(session, invitation, pseudonyms, instrument, locale=locale, today=today)
    response.locale = locale
    response.locale_digest = instrument.locales[locale].digest
    session.flush()
    return _Desk(session, response, instrument, form, today)


def _check_open(session: Session, invitation: Invitation, now: datetime) -> Wave:
    """Read the invitation and the wave afresh, and hold both as they are; raises if one of them no longer lets answers in."""
    moment = as_utc(now)
    # First the wave, then the invitation, as everywhere: two that lock in opposite order would wait for each other forever.
    lock_wave(session, invitation.wave, shared=True)
    session.refresh(invitation, ["revoked_at", "expires_at"], with_for_update={"read": True})
    check_invitation(invitation, moment)
    state = wave_state(invitation.wave, moment)
    if state is not WaveState.OPEN:
        raise WaveNotOpenError(state.value)
    return invitation.wave


def _ensure_response(
    session: Session,
    invitation: Invitation,
    pseudonyms: Pseudonyms,
    instrument: Instrument,
    *,
    locale: str,
    today: date,
) -> Response:
    """The person's response to this wave about this pair, locked; two tabs that make it at once end up with the same one."""
    respondent_key = pseudonyms.respondent_key(session, invitation.participant_id, create=True)
    pair_key = pseudonyms.pair_key(session, invitation.pair_id, create=True)
    wave_id = invitation.wave_id
    found = _find_response(session, wave_id, respondent_key, pair_key, lock=True)
    if found is not None and found.state is ResponseState.WITHDRAWN:
        # Whoever starts again does so under a new key: nothing that was handed out for the old one fits any more.
        session.delete(found)
        session.flush()
        found = None
    if found is not None:
        return found
    response = Response(
        respondent_key=respondent_key,
        pair_key=pair_key,
        wave_id=wave_id,
        role=invitation.participant.role,
        locale=locale,
        locale_digest=instrument.locales[locale].digest,
        instrument_version=instrument.version,
        instrument_digest=instrument.digests.whole,
        state=ResponseState.DRAFT,
        started_on=today,
    )
    try:
        with session.begin_nested():
            session.add(response)
    except IntegrityError:
        # The other tab was faster, and has committed by now.
        found = _find_response(session, wave_id, respondent_key, pair_key, lock=True)
        if found is None:
            raise
        return found
    return response


def _find_response(
    session: Session, wave_id: str, respondent_key: str, pair_key: str, *, lock: bool = False
) -> Response | None:
    """The response under these pseudonyms, read afresh and on demand locked."""
    statement = select(Response).where(
        Response.wave_id == wave_id,
        Response.respondent_key == respondent_key,
        Response.pair_key == pair_key,
    )
    if lock:
        statement = statement.with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def _check(
    instrument: Instrument, form: Form, answers: Mapping[str, AnswerValue | None]
) -> tuple[Mapping[str, AnswerValue], AnswerCheck]:
    """The answers that are not blank, and what the instrument says of them."""
    given = {
        item_id: value for item_id, value in answers.items() if value is not None and not _is_blank(value)
    }
    return given, validate_answers(instrument, form, given)


def _is_blank(value: AnswerValue) -> bool:
    """Whether nothing was chosen and nothing but blanks was typed."""
    return value.code is None and value.missing is None and not (value.text or "").strip()


def _write(
    desk: _Desk, valid: Mapping[str, AnswerValue], *, cleared: Iterable[str], quotable: Collection[str]
) -> None:
    """Bring the rows of these items to the given answers; the rows of all other items stay as they are."""
    answers, comments = _stored(desk.session, desk.response.key)
    for item_id in cleared:
        _drop(desk.session, answers.get(item_id), comments.get(item_id))
    for item_id, value in valid.items():
        answer, comment = answers.get(item_id), comments.get(item_id)
        if value.text is not None:
            _drop(desk.session, answer)
            if comment is None:
                comment = Comment(response_key=desk.response.key, item_id=item_id)
                desk.session.add(comment)
            comment.text, comment.may_be_quoted = value.text, item_id in quotable
        else:
            _drop(desk.session, comment)
            if answer is None:
                answer = Answer(response_key=desk.response.key, item_id=item_id)
                desk.session.add(answer)
            answer.code, answer.missing = value.code, value.missing
    desk.session.flush()


def _drop(session: Session, *rows: Answer | Comment | None) -> None:
    """Delete the rows that exist."""
    for row in rows:
        if row is not None:
            session.delete(row)


def _stored(session: Session, response_key: str) -> tuple[dict[str, Answer], dict[str, Comment]]:
    """The rows of a response by item, read afresh."""
    fresh = {"populate_existing": True}
    answers = session.scalars(
        select(Answer).where(Answer.response_key == response_key), execution_options=fresh
    )
    comments = session.scalars(
        select(Comment).where(Comment.response_key == response_key), execution_options=fresh
    )
    return {row.item_id: row for row in answers}, {row.item_id: row for row in comments}


def _has_answers(session: Session, response_key: str) -> bool:
    """Whether anything at all was answered."""
    answered = exists().where(Answer.response_key == response_key)
    commented = exists().where(Comment.response_key == response_key)
    return bool(session.scalar(select(or_(answered, commented))))


def _contents(session: Session, response_key: str) -> _Contents:
    """The answers of a response as they were given."""
    answers, comments = _stored(session, response_key)
    values = {item: AnswerValue(code=row.code, missing=row.missing) for item, row in answers.items()}
    values |= {item: AnswerValue(text=row.text) for item, row in comments.items()}
    return _Contents(values, frozenset(item for item, row in comments.items() if row.may_be_quoted))


def _view(response: Response, contents: _Contents = NOTHING_SHOWN) -> ResponseView:
    """The response as its owner sees it, or without its answers."""
    return ResponseView(
        tag=sha256(b"response:" + response.key.encode()).hexdigest(),
        state=response.state,
        role=response.role,
        locale=response.locale,
        started_on=response.started_on,
        submitted_on=response.submitted_on,
        answers=contents.answers,
        quotable=contents.quotable,
        statement=response.statement_digest,
    )
