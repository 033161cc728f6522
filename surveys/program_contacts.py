"""The people a participant may turn to, and those who read comments or watch over data, as a programme names them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from surveys.audit import AuditAction, record_event
from surveys.errors import ProgramError
from surveys.models import ContactKind, Membership, MembershipRole, Program, ProgramContact, User
from surveys.written_text import clean_text

LONGEST_NAME = 200
LONGEST_REACH = 500


def set_program_contact(
    session: Session,
    program: Program,
    kind: ContactKind,
    *,
    name: str,
    reach: str,
    now: datetime,
    actor: User | None = None,
) -> ProgramContact:
    """Name, or name anew, who holds an office: `reach` is how to get to them, in words, a number or an address.

    Raises ProgramError when one of the two is empty or too long.
    """
    # Signs that turn or hide what stands around them would change the sentences on everybody's pages.
    name, reach = (" ".join(clean_text(text).split()) for text in (name, reach))
    if not name or len(name) > LONGEST_NAME or not reach or len(reach) > LONGEST_REACH:
        raise ProgramError("contact", longest_name=LONGEST_NAME, longest_reach=LONGEST_REACH)
    found = session.get(ProgramContact, (program.id, kind), with_for_update=True)
    if found is None:
        found = ProgramContact(program_id=program.id, kind=kind)
        session.add(found)
    if (found.name, found.reach) == (name, reach):
        return found
    found.name, found.reach = name, reach
    session.flush()
    record_event(session, AuditAction.CONTACT_NAMED, now=now, actor=actor, program=program)
    return found


def program_contacts(session: Session, program: Program) -> Mapping[ContactKind, ProgramContact]:
    """Who holds which office; an office that nobody was named for is not in it."""
    rows = session.scalars(select(ProgramContact).where(ProgramContact.program_id == program.id))
    return {row.kind: row for row in rows}


def has_office(session: Session, program: Program, role: MembershipRole) -> bool:
    """Whether anybody at all holds an office in a programme."""
    found = select(Membership.user_id).where(Membership.program_id == program.id, Membership.role == role)
    return session.scalars(found.limit(1)).first() is not None
