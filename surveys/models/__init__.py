"""Tables by stream: confidential (A), addressed (B) and shared (C), the programme, the access, and the link between them.

A table's name begins with its stream where it has one. Nothing in a confidential table leads to a person: there is no foreign
key and no column from there to participants, contacts, pairs or invitations. `pseudonym_link` is the only way across, and without the
link key it is noise. On PostgreSQL each stream is a schema (`surveys.streams`), and `surveys.grants` says which database role reaches
which table: a new table needs its line there.
"""

from surveys.models.access import Membership, MembershipRole, RateCounter, User, UserSession
from surveys.models.addressed import Message
from surveys.models.audit import AuditChain, AuditEvent, AuditHead
from surveys.models.base import Base, new_key
from surveys.models.confidential import (
    Answer,
    Comment,
    PublishedGroup,
    Respondent,
    Response,
    ResponseState,
)
from surveys.models.links import LinkKey, PseudonymLink
from surveys.models.program import (
    MINIMUM_FLOOR,
    Cohort,
    Contact,
    ContactKind,
    Invitation,
    Pair,
    Participant,
    Program,
    ProgramContact,
    Release,
    ReportingLine,
    Wave,
)
from surveys.models.rights import DataPackage, ErasureReceipt, RetentionKind, RetentionStep
from surveys.models.shared import Goal

__all__ = [
    "MINIMUM_FLOOR",
    "Answer",
    "AuditChain",
    "AuditEvent",
    "AuditHead",
    "Base",
    "Cohort",
    "Comment",
    "Contact",
    "ContactKind",
    "DataPackage",
    "ErasureReceipt",
    "Goal",
    "Invitation",
    "LinkKey",
    "Membership",
    "MembershipRole",
    "Message",
    "Pair",
    "Participant",
    "Program",
    "ProgramContact",
    "PseudonymLink",
    "PublishedGroup",
    "RateCounter",
    "Release",
    "ReportingLine",
    "Respondent",
    "Response",
    "ResponseState",
    "RetentionKind",
    "RetentionStep",
    "User",
    "UserSession",
    "Wave",
    "new_key",
]
