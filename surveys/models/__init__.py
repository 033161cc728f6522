"""Tables by stream: confidential (A), addressed (B) and shared (C), the programme, the access, and the link between them.

A table's name begins with its stream where it has one. Nothing in a confidential table leads to a person: there is no foreign
key and no column from there to participants, contacts, pairs or invitations. `pseudonym_link` is the only way across, and without the
link key it is noise. On PostgreSQL each stream is a schema (`surveys.streams`), and `surveys.grants` says which database role reaches
which table: a new table needs its line there.
"""

from surveys.models.access import Membership, MembershipRole, Pledge, RateCounter, User, UserSession
from surveys.models.addressed import (
    MediationOutcome,
    MediationResult,
    Meeting,
    MeetingFormat,
    Message,
    MessageKind,
    MessageState,
    Talk,
    TalkDraw,
    TrialChoice,
    TrialDecision,
)
from surveys.models.audit import AuditChain, AuditEvent, AuditHead
from surveys.models.base import Base, new_key
from surveys.models.break_glass import BreakGlassRequest, GlassDecision, GlassGround
from surveys.models.confidential import (
    Answer,
    Comment,
    PublishedGroup,
    Respondent,
    Response,
    ResponseState,
    Theme,
    ThemeSupport,
)
from surveys.models.links import LinkKey, PseudonymLink
from surveys.models.outbox import InvitationMail, MailState, MailStop, OutboxMail, ReminderMail
from surveys.models.pace import PagePace
from surveys.models.privacy import PrivacyStatement
from surveys.models.program import (
    MINIMUM_FLOOR,
    Cohort,
    Contact,
    ContactKind,
    DraftAcknowledgement,
    Invitation,
    Pair,
    Participant,
    Program,
    ProgramContact,
    Release,
    ReportingLine,
    Wave,
    WaveThemes,
)
from surveys.models.rights import DataPackage, ErasureReceipt, RetentionKind, RetentionStep
from surveys.models.shared import Extension, ExtensionWish, Goal, MeetingNote, PairKey

__all__ = [
    "MINIMUM_FLOOR",
    "Answer",
    "AuditChain",
    "AuditEvent",
    "AuditHead",
    "Base",
    "BreakGlassRequest",
    "Cohort",
    "Comment",
    "Contact",
    "ContactKind",
    "DataPackage",
    "DraftAcknowledgement",
    "ErasureReceipt",
    "Extension",
    "ExtensionWish",
    "GlassDecision",
    "GlassGround",
    "Goal",
    "Invitation",
    "InvitationMail",
    "LinkKey",
    "MailState",
    "MailStop",
    "MediationOutcome",
    "MediationResult",
    "Meeting",
    "MeetingFormat",
    "MeetingNote",
    "Membership",
    "MembershipRole",
    "Message",
    "MessageKind",
    "MessageState",
    "OutboxMail",
    "PagePace",
    "Pair",
    "PairKey",
    "Participant",
    "Pledge",
    "PrivacyStatement",
    "Program",
    "ProgramContact",
    "PseudonymLink",
    "PublishedGroup",
    "RateCounter",
    "Release",
    "ReminderMail",
    "ReportingLine",
    "Respondent",
    "Response",
    "ResponseState",
    "RetentionKind",
    "RetentionStep",
    "Talk",
    "TalkDraw",
    "Theme",
    "ThemeSupport",
    "TrialChoice",
    "TrialDecision",
    "User",
    "UserSession",
    "Wave",
    "WaveThemes",
    "new_key",
]
