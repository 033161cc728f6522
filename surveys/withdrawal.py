"""Taking answers back: one response while its wave is open, or everything, at any time and without a reason."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import ResponseError
from surveys.models import (
    Answer,
    Comment,
    Invitation,
    Participant,
    Respondent,
    Response,
    ResponseState,
)
from surveys.pseudonyms import Pseudonyms
from surveys.responses import lock_response


@dataclass(frozen=True)
class SurveyWithdrawal:
    """What a person took back."""

    n_responses: int
    n_invitations: int


def withdraw_response(
    session: Session, invitation: Invitation, *, pseudonyms: Pseudonyms, now: datetime
) -> None:
    """Delete the answers of one response; until the wave closes the person may still start again with the same link.

    Raises ResponseError if nothing is saved, WaveNotOpenError once the wave has closed: what was published by then is not
    computed again, because the difference would show the person who left.
    """
    response = lock_response(session, invitation, pseudonyms, now=now)
    if response is None or response.state is ResponseState.WITHDRAWN:
        raise ResponseError("nothing_saved")
    session.execute(delete(Answer).where(Answer.response_key == response.key))
    session.execute(delete(Comment).where(Comment.response_key == response.key))
    response.state = ResponseState.WITHDRAWN
    response.submitted_on = None
    session.flush()


def withdraw_from_surveys(
    session: Session, participant: Participant, *, pseudonyms: Pseudonyms, now: datetime
) -> SurveyWithdrawal:
    """Erase everything a person answered in a programme, cut the link to the pseudonym, and never ask again.

    The mentoring goes on, the partner's answers stay, and frozen releases are not computed again. Harmless when repeated.
    """
    moment = as_utc(now)
    # The links go first: whoever saves in another tab at this moment either comes before or is refused.
    revoked = session.execute(
        update(Invitation)
        .where(Invitation.participant_id == participant.id, Invitation.revoked_at.is_(None))
        .values(revoked_at=moment)
        .returning(Invitation.id)
    ).all()
    respondent_key = pseudonyms.respondent_key(session, participant.id)
    n_responses = 0
    if respondent_key is not None:
        owned = select(func.count()).select_from(Response).where(Response.respondent_key == respondent_key)
        n_responses = session.scalar(owned) or 0
        # The database deletes responses, answers and comments along with the respondent.
        session.execute(delete(Respondent).where(Respondent.key == respondent_key))
        pseudonyms.destroy_participant(session, participant.id)
        # What the database deleted along with it must not be read from memory any more.
        session.flush()
        session.expire_all()
    if participant.surveys_ended_on is None:
        participant.surveys_ended_on = moment.date()
        record_event(session, AuditAction.SURVEYS_ENDED, now=now, program=participant.program)
    session.flush()
    return SurveyWithdrawal(n_responses, len(revoked))
