"""Leaving the surveys of a programme: everything a person answered is erased, at any time and without a reason.

Taking back one response while its wave is open is `surveys.responses.withdraw_response`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from instruments.model import WaveKind
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import ResponseError
from surveys.locks import lock_person, lock_program
from surveys.models import (
    Answer,
    Comment,
    ExtensionWish,
    Invitation,
    Pair,
    Participant,
    Respondent,
    Response,
)
from surveys.own_answers import invitations_of, owns_all
from surveys.pseudonyms import Pseudonyms
from surveys.published import groups_of
from surveys.pulses import erase_pulses
from surveys.responses import MayUse, erase_response
from surveys.retention import link_destroyed_on
from surveys.rights import ReceiptCounts, issue_receipt


@dataclass(frozen=True)
class SurveyWithdrawal:
    """What a person took back, and the code of the receipt, which is shown once; None if there was nothing to erase."""

    n_responses: int
    n_invitations: int
    n_answers: int = 0
    n_comments: int = 0
    receipt: str | None = field(default=None, compare=False, repr=False)


def leave_surveys(
    session: Session,
    invitation: Invitation,
    *,
    pseudonyms: Pseudonyms,
    now: datetime,
    may_write: MayUse,
    counted: ReceiptCounts,
) -> SurveyWithdrawal:
    """Erase what may be written from here in all questionnaires of the programme.

    If that is everything which was answered in the person's name, they leave the surveys (`withdraw_from_surveys`). Otherwise what was
    answered elsewhere stays, and all links work on: somebody with a link that its owner has not used yet could else erase it all.
    """
    person = invitation.participant
    lock_person(session, person.id)
    if owns_all(session, person.id, pseudonyms=pseudonyms, may_read=may_write):
        return withdraw_from_surveys(session, person, pseudonyms=pseudonyms, now=now, counted=counted)
    lock_program(session, person.program_id)
    for one in invitations_of(session, person.id):
        erase = erase_pulses if one.wave.kind is WaveKind.PL else erase_response
        erase(session, one, pseudonyms, may_write=may_write)
    receipt = issue_receipt(session, counted, now=now)
    return SurveyWithdrawal(counted.n_responses, 0, counted.n_answers, counted.n_comments, receipt)


def withdraw_from_surveys(
    session: Session,
    participant: Participant,
    *,
    pseudonyms: Pseudonyms,
    now: datetime,
    counted: ReceiptCounts | None = None,
) -> SurveyWithdrawal:
    """Erase everything a person answered in a programme, cut the link to the pseudonym, and never ask again.

    The mentoring goes on, the partner's answers stay, and frozen releases are not computed again. Harmless when repeated. Each pair
    gets another pseudonym, to which the partner's answers move: what stays of the person behind numbers that were published no
    longer leads to the partner or the pair.
    The receipt tells how much was erased, or only `counted`: whoever holds a link, and not the answers behind the others, must not
    learn from it how much there was. Raises ResponseError once the retention clock has destroyed the link: whose answers are whose nobody can tell any more.
    """
    moment = as_utc(now)
    lock_person(session, participant.id)
    destroyed_on = link_destroyed_on(session, participant)
    if destroyed_on is not None and pseudonyms.respondent_key(session, participant.id) is None:
        raise ResponseError("link_destroyed", day=destroyed_on.isoformat())
    # One after the other, and never while a release is frozen: it must not find a partner's answers under two pseudonyms.
    lock_program(session, participant.program_id)
    # The links go first: whoever saves in another tab at this moment either comes before or is refused.
    revoked = session.execute(
        update(Invitation)
        .where(Invitation.participant_id == participant.id, Invitation.revoked_at.is_(None))
        .values(revoked_at=moment)
        .returning(Invitation.id)
    ).all()
    # What was sent lies under the pseudonym, every draft under a key of its own.
    owners = _draft_owners(session, participant, pseudonyms)
    respondent_key = pseudonyms.respondent_key(session, participant.id)
    if respondent_key is not None:
        owners.append(respondent_key)
    n_responses = n_answers = n_comments = 0
    receipt = None
    if owners:
        owned = select(Response.key).where(Response.respondent_key.in_(owners))
        n_responses = _count(session, Response.respondent_key.in_(owners))
        n_answers = _count(session, Answer.response_key.in_(owned))
        n_comments = _count(session, Comment.response_key.in_(owned))
        erased = ReceiptCounts(n_responses, n_answers, n_comments)
        receipt = issue_receipt(session, counted or erased, now=now)
        # The database deletes responses, answers and comments along with the respondent.
        session.execute(delete(Respondent).where(Respondent.key.in_(owners)))
        pseudonyms.destroy_participant(session, participant.id)
        if respondent_key is not None:
            _break_pairs(session, participant, respondent_key, pseudonyms)
        # What the database deleted along with it must not be read from memory any more.
        session.flush()
        session.expire_all()
    # A wish to go on was nobody's but theirs; what they wrote to the coordinator has been read, and is kept as long as was said.
    session.execute(delete(ExtensionWish).where(ExtensionWish.participant_id == participant.id))
    if participant.surveys_ended_on is None:
        participant.surveys_ended_on = moment.date()
        record_event(session, AuditAction.SURVEYS_ENDED, now=now, program=participant.program)
    session.flush()
    return SurveyWithdrawal(n_responses, len(revoked), n_answers, n_comments, receipt)


def _break_pairs(
    session: Session, participant: Participant, respondent_key: str, pseudonyms: Pseudonyms
) -> None:
    """Move what the partners answered, and what was published of it, to other pseudonyms of the pairs.

    The partners go on under them as before, so no answer is counted twice and no number looks as if somebody else stood behind it.
    What was published of the person keeps the former pseudonym, which belongs to no pair any more.
    """
    mine = (Pair.mentor_id == participant.id) | (Pair.mentee_id == participant.id)
    renamed = {}
    for pair_id in session.scalars(select(Pair.id).where(mine).order_by(Pair.id)):
        keys = pseudonyms.replace_pair(session, pair_id)
        if keys is not None:
            former, fresh = keys
            renamed[former] = fresh
            session.execute(update(Response).where(Response.pair_key == former).values(pair_key=fresh))
    if not renamed:
        return
    for group in session.scalars(groups_of(participant.program_id)):
        answers = zip(group.members, group.pairs, strict=True)
        group.pairs = [pair if who == respondent_key else renamed.get(pair, pair) for who, pair in answers]


def _draft_owners(session: Session, participant: Participant, pseudonyms: Pseudonyms) -> list[str]:
    """The keys under which drafts of a person are kept."""
    asked = session.execute(
        select(Invitation.wave_id, Invitation.pair_id)
        .where(Invitation.participant_id == participant.id)
        .distinct()
    )
    keys = [pseudonyms.draft_keys(wave_id, pair_id, participant.id).respondent for wave_id, pair_id in asked]
    return list(session.scalars(select(Respondent.key).where(Respondent.key.in_(keys))))


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    """How many rows fulfil a condition."""
    return session.scalar(select(func.count()).where(condition)) or 0
