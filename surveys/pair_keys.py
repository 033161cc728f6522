"""The key of a pair (stream C): who may read, and change, what two partners share.

A personal link passes through other hands, above all the coordinator's, so a link alone opens none of it. The first of the two who opens
the pair's pages makes a random secret; their browser keeps something computed from it, and tells it to the partner as a short code. It
is no answer that opens these pages: were it one, a goal would tell the partner, and a coordinator who holds a link, who has answered.

Whoever comes first with a link opens the pages, and finds them empty. A pair that finds its pages opened by somebody else, or has
lost browser and code, starts over: everything shared is deleted, and the old key opens nothing any more.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from surveys.errors import PairError
from surveys.invitations import hold_invitation
from surveys.locks import lock_pair
from surveys.models import Goal, Invitation, Meeting, MeetingNote, PairKey, new_key


def find_secret(session: Session, pair_id: str) -> str | None:
    """The secret that opens what a pair shares; None while nobody has opened it."""
    return session.scalar(select(PairKey.secret).where(PairKey.pair_id == pair_id))


def open_pair(session: Session, invitation: Invitation, *, now: datetime) -> str:
    """Make the secret of a pair; raises PairError where somebody has done so."""
    hold_invitation(session, invitation, now=now)
    lock_pair(session, invitation.pair_id)
    if find_secret(session, invitation.pair_id) is not None:
        raise PairError("opened")
    return _make_secret(session, invitation.pair_id)


def start_over(session: Session, invitation: Invitation, *, now: datetime) -> str:
    """Delete everything that a pair shares and make another secret; nobody reads anything by this."""
    hold_invitation(session, invitation, now=now)
    lock_pair(session, invitation.pair_id)
    pair_id = invitation.pair_id
    met = select(Meeting.id).where(Meeting.pair_id == pair_id)
    session.execute(delete(Goal).where(Goal.pair_id == pair_id))
    session.execute(delete(MeetingNote).where(MeetingNote.meeting_id.in_(met)))
    session.execute(delete(PairKey).where(PairKey.pair_id == pair_id))
    return _make_secret(session, pair_id)


def _make_secret(session: Session, pair_id: str) -> str:
    """Store a new secret."""
    secret = new_key()
    session.add(PairKey(pair_id=pair_id, secret=secret))
    session.flush()
    return secret
