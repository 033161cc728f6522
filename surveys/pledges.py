"""The rule of confidentiality that a moderator signs before reading a single comment, and who may read them.

The text stands here and nowhere else; its digest is kept with the signature. A new version of the text has to be signed anew.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from instruments.errors import N_
from surveys.accounts import has_membership, require_membership, takes_part
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import AccessDeniedError, ModerationError
from surveys.models import MembershipRole, Pledge, Program, User

PLEDGE_VERSION = "1"
PLEDGE: Sequence[str] = (
    N_("I read comments only to write themes from them and to notice announced harm, and for nothing else."),
    N_(
        "I tell nobody what a single comment says: not the coordinator, not anybody's manager, not my colleagues. There is one "
        "exception, announced harm."
    ),
    N_("I do not try to find out who wrote a comment. If I recognise somebody, I keep it to myself."),
    N_(
        "I copy no comment out of this service: no file, no picture, no print, no message, no outside translator."
    ),
    N_("Names, teams, events and unusual phrases stay out of every theme and every quote."),
    N_(
        "If a comment announces serious harm, I pass it on to the safeguarding contact named here, and to nobody else."
    ),
    N_("I coordinate none of these pairs, am in none of them, and decide about nobody in them."),
    N_("This holds also after my office has ended."),
)


def pledge_digest() -> str:
    """The SHA-256 of the text as it stands, by which a signature is tied to it."""
    text = "\n".join((f"viceversa pledge {PLEDGE_VERSION}", *PLEDGE))
    return hashlib.sha256(text.encode()).hexdigest()


def has_signed(session: Session, user: User, program: Program) -> bool:
    """Whether a user has signed the text as it stands for a programme."""
    return session.get(Pledge, (user.id, program.id, pledge_digest())) is not None


def sign_pledge(session: Session, user: User, program: Program, *, digest: str, now: datetime) -> Pledge:
    """Sign the text that was shown, which `digest` names; signing twice is harmless.

    Raises AccessDeniedError for who is no moderator of the programme, and ModerationError if another text was shown.
    """
    _require_moderator(session, user, program)
    if digest != pledge_digest():
        raise ModerationError("pledge_changed")
    known = session.get(Pledge, (user.id, program.id, digest))
    if known is not None:
        return known
    pledge = Pledge(user_id=user.id, program_id=program.id, digest=digest, signed_on=as_utc(now).date())
    session.add(pledge)
    session.flush()
    record_event(session, AuditAction.PLEDGE_SIGNED, now=now, actor=user, program=program)
    return pledge


def require_reader(session: Session, user: User, program: Program) -> None:
    """Raise unless a user may read the comments of a programme now.

    Raises AccessDeniedError for who is no moderator, or coordinates the programme or takes part in it after all, and ModerationError
    before the rule is signed. Every use case that reads or writes beside comments begins with this.
    """
    _require_moderator(session, user, program)
    if not has_signed(session, user, program):
        raise ModerationError("pledge")


def pass_on(session: Session, user: User, program: Program, *, now: datetime) -> None:
    """Note that a comment was passed on to the safeguarding contact: the day, and neither the comment nor its wave."""
    require_reader(session, user, program)
    record_event(session, AuditAction.COMMENT_PASSED_ON, now=now, actor=user, program=program)


def _require_moderator(session: Session, user: User, program: Program) -> None:
    """Raise AccessDeniedError unless the user moderates the programme and has no other part in it."""
    require_membership(session, user, program, MembershipRole.MODERATOR)
    # Both are refused when the office is granted; a roster that was imported later may still have brought a moderator in.
    if has_membership(session, user, program, MembershipRole.COORDINATOR) or takes_part(
        session, user, program
    ):
        raise AccessDeniedError
