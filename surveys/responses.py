"""Responses: saved page by page, resumed, sent, and changed until the wave closes.

What is not sent yet is a draft: it lies under keys of its own, which lead to no pseudonym (`surveys.pseudonyms`). When it is sent,
everything is written anew under the person's pseudonym and new random-looking keys, and the draft is deleted. A backup with the
draft and a later one with what was sent have no key in common. Pulses are given in another way (`surveys.pulses`).
"""

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from instruments.answers import AnswerCheck, AnswerValue, validate_answers
from instruments.model import Form, FormPage, Instrument, Role, WaveKind
from surveys.database import as_utc
from surveys.errors import AnswerError, ResponseError, WaveNotOpenError
from surveys.invitations import hold_invitation
from surveys.languages import offered_locales
from surveys.merging import mark_answers, mark_withdrawn, merge_page, read_marks
from surveys.models import Answer, Comment, Invitation, Respondent, Response, ResponseState, Wave, new_key
from surveys.pseudonyms import SALT_DIGITS, DraftKeys, Pseudonyms
from surveys.statements import note_statement
from surveys.waves import WaveState, form_of, instrument_of


@dataclass(frozen=True)
class ResponseView:
    """A person's own response as they may see it again: no key, only their answers and how far they are.

    `tag` is a digest of the key that the response has, or will have, once it is sent: it tells one response from another, stays the
    same when a draft is sent, changes with a new start, and leads back to none. `quotable` holds the written answers that the person
    allowed to be quoted. `is_claimed` says that the response was begun with the claim that was said with the present request.
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
    occasion: int = 1
    is_claimed: bool = False

    @property
    def is_submitted(self) -> bool:
        """Whether the answers have been sent."""
        return self.state is ResponseState.SUBMITTED

    def marks(self, item_ids: Iterable[str]) -> str:
        """What a page with these questions shows, to be sent back with it (`surveys.merging`)."""
        if self.state is ResponseState.WITHDRAWN:
            return mark_withdrawn(self.tag)
        return mark_answers(item_ids, self.answers, self.quotable)


MayUse = Callable[[ResponseView], bool]


@dataclass(frozen=True)
class Submission:
    """A sent response, and whether it had been sent before."""

    response: ResponseView
    already_submitted: bool


@dataclass(frozen=True)
class _Shown:
    """What a page that comes back says of itself: the marks of what it showed, and a secret of whoever opened it."""

    seen: str | None = None
    claim: str | None = None


NOTHING_SAID = _Shown()


@dataclass(frozen=True)
class _Desk:
    """Everything needed to write one response: the wave is open, and stays so until the transaction ends."""

    session: Session
    invitation: Invitation
    pseudonyms: Pseudonyms
    response: Response
    instrument: Instrument
    form: Form
    today: date


@dataclass(frozen=True)
class Contents:
    """What a response holds: its answers, and which written ones may be quoted."""

    answers: Mapping[str, AnswerValue]
    quotable: frozenset[str]


NOTHING_SHOWN = Contents({}, frozenset())


def load_response(
    session: Session,
    invitation: Invitation,
    pseudonyms: Pseudonyms,
    *,
    may_read: MayUse | None = None,
    claim: str | None = None,
) -> ResponseView | None:
    """What the person has saved so far, to resume from; None if there is nothing. A withdrawn response has no answers.

    Without leave of `may_read`, where it is given, the view has no answers. The database is then asked the same questions whether
    or not anything is saved, so that the time a page takes does not tell who has answered.
    """
    response = _find_response(session, invitation, pseudonyms)
    if response is None:
        return None
    unread = view_of(invitation, response, pseudonyms, claim=claim)
    if may_read is not None and not may_read(unread):
        return unread
    return view_of(invitation, response, pseudonyms, read_contents(session, response.key), claim=claim)


def has_sent(session: Session, invitation: Invitation, pseudonyms: Pseudonyms) -> bool:
    """Whether the person's answers are in. What was taken back counts as not answered: with a link anybody can begin and take back."""
    response = _find_response(session, invitation, pseudonyms)
    return response is not None and response.state is ResponseState.SUBMITTED


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
    seen: str | None = None,
    claim: str | None = None,
    may_write: MayUse | None = None,
) -> ResponseView:
    """Save one page: `answers` is the page as it stands, so an item that is absent, None or blank is cleared.

    `seen` is `ResponseView.marks` of the page as it was shown: nothing that was saved since is then overwritten unseen, and what was
    withdrawn since is not begun anew. Without it whoever comes last is right. `claim` is a random secret by which whoever begins a
    response can show that they did (`ResponseView.is_claimed`), if the answer to their first save got lost. `quotable` names the written answers of the page that may be quoted; the tick goes with the text, so one that is saved without
    being named may not be quoted. `statement` is the digest of the statement of privacy that the page was shown with.
    `may_write` is asked about what is already saved, once nobody else can write it: whoever looked before may have been overtaken.
    Raises InvitationError, WaveNotOpenError or ResponseError with nothing stored. Raises AnswerError when some answers cannot be kept: the others
    are then already stored in the transaction, and committing it keeps them; an item with a problem keeps what it had before.
    """
    desk = _open_desk(
        session,
        invitation,
        pseudonyms=pseudonyms,
        locale=locale,
        now=now,
        folders=folders,
        may_write=may_write,
        shown=_Shown(seen, claim),
    )
    page_id = page if isinstance(page, str) else page.id
    note_statement(session, desk.response, statement)
    asked = next((asked for asked in desk.form.pages if asked.id == page_id), None)
    if asked is None:
        raise ResponseError("unknown_page", page=page_id[:80])
    form = Form(wave=desk.form.wave, role=desk.form.role, pages=(asked,))
    given, check = check_answers(desk.instrument, form, answers)
    write, overlaps = _merge(desk, asked, check.valid, quotable=quotable, seen=seen)
    cleared = (item_id for item_id in write if item_id not in given)
    _write(
        desk, {i: value for i, value in check.valid.items() if i in write}, cleared=cleared, quotable=quotable
    )
    overlaps -= {problem.item_id for problem in check.problems}
    if check.problems or overlaps:
        raise AnswerError(check.problems, overlaps)
    return view_of(invitation, desk.response, pseudonyms, read_contents(session, desk.response.key))


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
    may_write: MayUse | None = None,
) -> Submission:
    """Send the response, together with further answers if there are any; sending twice is harmless.

    Here `answers` may cover any part of the form: an item that is absent stays as it is, one that is None or blank is cleared.
    `quotable` names those of the written answers given here that may be quoted.
    Raises as `save_page` does; with an AnswerError the response is not sent.
    """
    desk = _open_desk(
        session,
        invitation,
        pseudonyms=pseudonyms,
        locale=locale,
        now=now,
        folders=folders,
        may_write=may_write,
    )
    note_statement(session, desk.response, statement)
    if answers:
        given, check = check_answers(desk.instrument, desk.form, answers)
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
        response = _send(desk)
    session.flush()
    return Submission(
        view_of(invitation, response, pseudonyms, read_contents(session, response.key)), already
    )


def withdraw_response(
    session: Session,
    invitation: Invitation,
    *,
    pseudonyms: Pseudonyms,
    now: datetime,
    may_write: MayUse | None = None,
) -> None:
    """Delete the answers of one response; until the wave closes the person may still start again with the same link.

    Raises InvitationError; WaveNotOpenError once the wave has closed, because what was published by then is not computed again
    (the difference would show the person who left); ResponseError if nothing is saved, or without leave of `may_write`.
    """
    _check_open(session, invitation, now)
    response = _find_response(session, invitation, pseudonyms, hold=True)
    if response is None or response.state is ResponseState.WITHDRAWN:
        raise ResponseError("nothing_saved")
    _check_leave(invitation, response, pseudonyms, may_write)
    session.execute(delete(Answer).where(Answer.response_key == response.key))
    session.execute(delete(Comment).where(Comment.response_key == response.key))
    response.state = ResponseState.WITHDRAWN
    response.submitted_on = None
    session.flush()


def erase_response(
    session: Session, invitation: Invitation, pseudonyms: Pseudonyms, *, may_write: MayUse
) -> None:
    """Delete what was answered by an invitation, sent or not and whatever the state of its wave, if whoever is there may write it."""
    response = _find_response(session, invitation, pseudonyms, hold=True)
    if response is None or not may_write(view_of(invitation, response, pseudonyms)):
        return
    if _is_draft(invitation, response, pseudonyms):
        delete_drafts(session, [response.respondent_key])
        return
    for table in (Answer, Comment):
        session.execute(delete(table).where(table.response_key == response.key))
    session.delete(response)
    session.flush()


def _open_desk(
    session: Session,
    invitation: Invitation,
    *,
    pseudonyms: Pseudonyms,
    locale: str,
    now: datetime,
    folders: Sequence[Path],
    may_write: MayUse | None,
    shown: _Shown = NOTHING_SAID,
) -> _Desk:
    """Check that the person may write now, and hold their response, which is made if there is none."""
    wave = _check_open(session, invitation, now)
    instrument = instrument_of(wave, folders=folders)
    if locale not in offered_locales(wave, instrument):
        raise ResponseError("unknown_locale", locale=locale[:35])
    role = invitation.participant.role
    form = form_of(wave, role, instrument)
    today = as_utc(now).date()
    response = _ensure_response(
        session,
        invitation,
        pseudonyms,
        instrument,
        locale=locale,
        today=today,
        may_write=may_write,
        shown=shown,
    )
    response.locale = locale
    response.locale_digest = instrument.locales[locale].digest
    session.flush()
    return _Desk(session, invitation, pseudonyms, response, instrument, form, today)


def _check_open(session: Session, invitation: Invitation, now: datetime) -> Wave:
    """Hold the invitation and the wave as they are; raises if one of them no longer lets answers in.

    A pulse is neither begun nor changed here.
    """
    if invitation.wave.kind is WaveKind.PL:
        raise ResponseError("unknown_page", page="1")
    state = hold_invitation(session, invitation, now=now)
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
    may_write: MayUse | None,
    shown: _Shown,
) -> Response:
    """The person's response to this wave about this pair, a draft if there is none; nobody else writes it at this moment."""
    found = _find_response(session, invitation, pseudonyms, hold=True)
    if found is not None and found.state is ResponseState.WITHDRAWN:
        withdrawn = view_of(invitation, found, pseudonyms, claim=shown.claim)
        _check_withdrawal_seen(withdrawn, shown.seen, may_write)
        # Whoever starts again does so under a new key: nothing that was handed out for the old one fits any more.
        key = _restarted_key(invitation, pseudonyms, None if withdrawn.is_claimed else shown.claim)
        session.delete(found)
        session.flush()
    elif found is not None:
        _check_leave(invitation, found, pseudonyms, may_write, shown.claim)
        return found
    else:
        key = _claimed_key(invitation, pseudonyms, shown.claim) if shown.claim else new_key()
    # A wrong key must be noticed before anything is written where nobody would find it again.
    pseudonyms.register_key(session)
    keys = _draft_keys(invitation, pseudonyms)
    if session.get(Respondent, keys.respondent) is None:
        session.add(Respondent(key=keys.respondent))
        session.flush()
    response = Response(
        key=key,
        respondent_key=keys.respondent,
        pair_key=keys.pair,
        wave_id=invitation.wave_id,
        role=invitation.participant.role,
        locale=locale,
        locale_digest=instrument.locales[locale].digest,
        instrument_version=instrument.version,
        instrument_digest=instrument.digests.whole,
        state=ResponseState.DRAFT,
        started_on=today,
    )
    session.add(response)
    session.flush()
    return response


def _claimed_key(invitation: Invitation, pseudonyms: Pseudonyms, claim: str, salt: str = "") -> str:
    """The key of the draft that was begun with a claim."""
    return pseudonyms.claimed_key(
        invitation.wave_id, invitation.pair_id, invitation.participant_id, claim, salt
    )


def _restarted_key(invitation: Invitation, pseudonyms: Pseudonyms, claim: str | None) -> str:
    """The key of a draft that is begun after another one: random, and yet known again by whoever says its claim.

    Cookies and codes come from the key, so that not even a claim that was used before brings an old one back.
    """
    return _claimed_key(invitation, pseudonyms, claim, new_key()[:SALT_DIGITS]) if claim else new_key()


def _is_claimed(
    invitation: Invitation, response: Response, pseudonyms: Pseudonyms, drafted: bool, claim: str
) -> bool:
    """Whether a response was begun with this claim; of one that was begun again nobody can tell once it is sent."""
    first = _claimed_key(invitation, pseudonyms, claim)
    again = _claimed_key(invitation, pseudonyms, claim, response.key[:SALT_DIGITS])
    known = [first, again] if drafted else [pseudonyms.final_key(first)]
    return any(hmac.compare_digest(key, response.key) for key in known)


def _check_leave(
    invitation: Invitation,
    response: Response,
    pseudonyms: Pseudonyms,
    may_write: MayUse | None,
    claim: str | None = None,
) -> None:
    """Raise ResponseError unless whoever is there may write a response that somebody has begun."""
    if may_write is not None and not may_write(view_of(invitation, response, pseudonyms, claim=claim)):
        raise ResponseError("begun_elsewhere")


def _check_withdrawal_seen(withdrawn: ResponseView, seen: str | None, may_write: MayUse | None) -> None:
    """Raise ResponseError where a page that was shown before its owner withdrew would quietly begin anew."""
    if seen is None or (may_write is not None and not may_write(withdrawn)):
        # Whoever does not hold what was withdrawn was never shown that there was anything.
        return
    if read_marks(withdrawn.marks(())).items() - read_marks(seen).items():
        raise ResponseError("deleted_meanwhile")


def _send(desk: _Desk) -> Response:
    """Write a draft anew under the person's pseudonym and new keys, and delete it; says nothing of when it was begun."""
    session, draft, invitation = desk.session, desk.response, desk.invitation
    sent = {"state": ResponseState.SUBMITTED, "started_on": desk.today, "submitted_on": desk.today}
    if not _is_draft(invitation, draft, desk.pseudonyms):
        # Begun under an earlier version, which kept drafts under the pseudonym.
        for name, value in sent.items():
            setattr(draft, name, value)
        return draft
    answers, comments = _stored(session, draft.key)
    key = desk.pseudonyms.final_key(draft.key)
    response = Response(
        **_row_of(draft)
        | sent
        | {
            "key": key,
            "respondent_key": desk.pseudonyms.respondent_key(session, invitation.participant_id, create=True),
            "pair_key": desk.pseudonyms.pair_key(session, invitation.pair_id, create=True),
        }
    )
    moved: list[Answer | Comment] = [
        *(Answer(**_row_of(row) | {"response_key": key}) for row in answers.values()),
        *(Comment(**_row_of(row) | {"response_key": key, "key": new_key()}) for row in comments.values()),
    ]
    delete_drafts(session, [draft.respondent_key])
    session.add(response)
    session.flush()
    session.add_all(moved)
    session.flush()
    return response


def delete_drafts(session: Session, respondent_keys: Collection[str]) -> int:
    """Delete the drafts under these keys with everything in them; says how many there were."""
    owned = select(Response.key).where(Response.respondent_key.in_(respondent_keys))
    for table in (Answer, Comment):
        session.execute(
            delete(table).where(table.response_key.in_(owned)),
            execution_options={"synchronize_session": "fetch"},
        )
    found = session.execute(
        delete(Response).where(Response.respondent_key.in_(respondent_keys)).returning(Response.key)
    ).all()
    session.execute(delete(Respondent).where(Respondent.key.in_(respondent_keys)))
    return len(found)


def _row_of(row: Response | Answer | Comment) -> dict[str, Any]:
    """The columns of a row with their values, whichever columns the table has by now."""
    return {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}


def _draft_keys(invitation: Invitation, pseudonyms: Pseudonyms) -> DraftKeys:
    """Where the draft that an invitation asks for is kept."""
    return pseudonyms.draft_keys(invitation.wave_id, invitation.pair_id, invitation.participant_id)


def _is_draft(invitation: Invitation, response: Response, pseudonyms: Pseudonyms) -> bool:
    """Whether a response lies under the keys of a draft, begun or withdrawn, and not under the pseudonym."""
    return response.respondent_key == _draft_keys(invitation, pseudonyms).respondent


def _find_response(
    session: Session, invitation: Invitation, pseudonyms: Pseudonyms, *, hold: bool = False
) -> Response | None:
    """What was sent, or else the draft, read afresh; the database is asked the same whatever there is."""
    # Nothing is kept under an empty key.
    sent = DraftKeys(
        pseudonyms.respondent_key(session, invitation.participant_id, hold=hold) or "",
        pseudonyms.pair_key(session, invitation.pair_id, hold=hold) or "",
    )
    places = [sent, _draft_keys(invitation, pseudonyms)]
    statement = select(Response).where(
        Response.wave_id == invitation.wave_id,
        or_(
            *(
                and_(Response.respondent_key == keys.respondent, Response.pair_key == keys.pair)
                for keys in places
            )
        ),
    )
    found = session.scalars(statement.execution_options(populate_existing=True)).all()
    return min(found, key=lambda response: response.respondent_key != sent.respondent, default=None)


def check_answers(
    instrument: Instrument, form: Form, answers: Mapping[str, AnswerValue | None]
) -> tuple[Mapping[str, AnswerValue], AnswerCheck]:
    """The answers that are not blank, and what the instrument says of them."""
    given = {
        item_id: value for item_id, value in answers.items() if value is not None and not is_blank(value)
    }
    return given, validate_answers(instrument, form, given)


def _merge(
    desk: _Desk,
    page: FormPage,
    sent: Mapping[str, AnswerValue],
    *,
    quotable: Collection[str],
    seen: str | None,
) -> tuple[Collection[str], frozenset[str]]:
    """Which questions of a page are to be written, in its order, and which were changed in two places."""
    if seen is None:
        return page.items, frozenset()
    stored = read_contents(desk.session, desk.response.key)
    merged = merge_page(
        page.items,
        seen,
        read_marks(mark_answers(page.items, sent, quotable)),
        read_marks(mark_answers(page.items, stored.answers, stored.quotable)),
    )
    return [item_id for item_id in page.items if item_id in merged.write], merged.overlaps


def is_blank(value: AnswerValue) -> bool:
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


def read_contents(session: Session, response_key: str) -> Contents:
    """The answers of a response as they were given."""
    answers, comments = _stored(session, response_key)
    values = {item: AnswerValue(code=row.code, missing=row.missing) for item, row in answers.items()}
    values |= {item: AnswerValue(text=row.text) for item, row in comments.items()}
    return Contents(values, frozenset(item for item, row in comments.items() if row.may_be_quoted))


def view_of(
    invitation: Invitation,
    response: Response,
    pseudonyms: Pseudonyms,
    contents: Contents = NOTHING_SHOWN,
    *,
    claim: str | None = None,
) -> ResponseView:
    """The response as its owner sees it, or without its answers."""
    drafted = _is_draft(invitation, response, pseudonyms)
    key = pseudonyms.final_key(response.key) if drafted else response.key
    return ResponseView(
        tag=_tag(key),
        state=response.state,
        role=response.role,
        locale=response.locale,
        started_on=response.started_on,
        submitted_on=response.submitted_on,
        answers=contents.answers,
        quotable=contents.quotable,
        statement=response.statement_digest,
        occasion=response.occasion,
        is_claimed=claim is not None and _is_claimed(invitation, response, pseudonyms, drafted, claim),
    )


def _tag(key: str) -> str:
    """The digest by which a response is told from another."""
    return sha256(b"response:" + key.encode()).hexdigest()
