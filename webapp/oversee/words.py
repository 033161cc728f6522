"""What an overseer reads for an action, an actor, an office or a request: English sentences, translated when shown."""

from collections.abc import Mapping

from instruments.errors import N_
from surveys.audit import A_PARTICIPANT, OPERATOR, SYSTEM, AuditAction
from surveys.break_glass import GlassState
from surveys.models import AuditChain, GlassGround, MembershipRole
from surveys.oversight import SOMEBODY_ELSE

ACTIONS: Mapping[str, str] = {
    AuditAction.PROGRAM_CREATED: N_("The programme was set up."),
    AuditAction.FLOOR_RAISED: N_("The smallest group that is shown was raised."),
    AuditAction.CONTACT_NAMED: N_("Somebody was named whom participants may turn to."),
    AuditAction.DRAFT_ACKNOWLEDGED: N_("A translation that nobody has approved is offered all the same."),
    AuditAction.COHORT_ADDED: N_("A cohort was added."),
    AuditAction.ROSTER_IMPORTED: N_("People and pairs were imported."),
    AuditAction.REPORTING_LINE_ALLOWED: N_("A pair was allowed in which one reports to the other."),
    AuditAction.PAIR_ENDED: N_("A pair was ended."),
    AuditAction.PAIR_MATCHED: N_("People were matched anew."),
    AuditAction.ADDRESS_CORRECTED: N_("A participant's address was corrected."),
    AuditAction.CONTACT_FORGOTTEN: N_("A participant's name and address were deleted at their request."),
    AuditAction.MESSAGE_MOVED: N_("A message to the coordinator was taken up or done with."),
    AuditAction.TALKS_DRAWN: N_("The talks to hold after the trial period were drawn up."),
    AuditAction.TALK_HELD: N_("A talk was held."),
    AuditAction.WAVE_SCHEDULED: N_("A wave was planned."),
    AuditAction.WAVE_OPENED: N_("A wave was opened before its time."),
    AuditAction.WAVE_CLOSED: N_("A wave was closed."),
    AuditAction.INVITATIONS_ISSUED: N_("Personal links were issued."),
    AuditAction.INVITATION_REISSUED: N_("A personal link was replaced."),
    AuditAction.INVITATION_REVOKED: N_("A personal link was withdrawn."),
    AuditAction.RELEASE_FROZEN: N_("The results of a wave were checked and frozen."),
    AuditAction.RELEASE_REFUSED: N_(
        "The auditor refused results, because they would have told of too few people."
    ),
    AuditAction.DATA_EXPORTED: N_("A data package was made."),
    AuditAction.SURVEYS_ENDED: N_("Somebody left the surveys and had all their answers erased."),
    AuditAction.COORDINATOR_NAMED: N_("Somebody was made coordinator."),
    AuditAction.RESEARCHER_NAMED: N_("Somebody was made researcher."),
    AuditAction.MODERATOR_NAMED: N_("Somebody was made moderator of comments."),
    AuditAction.OVERSEER_NAMED: N_("Somebody was made overseer."),
    AuditAction.CUSTODIAN_NAMED: N_("Somebody was made custodian."),
    AuditAction.COORDINATOR_DISMISSED: N_("Somebody is no longer coordinator."),
    AuditAction.RESEARCHER_DISMISSED: N_("Somebody is no longer researcher."),
    AuditAction.MODERATOR_DISMISSED: N_("Somebody is no longer moderator of comments."),
    AuditAction.OVERSEER_DISMISSED: N_("Somebody is no longer overseer."),
    AuditAction.CUSTODIAN_DISMISSED: N_("Somebody is no longer custodian."),
    AuditAction.USER_ADDED: N_("An account was made for somebody who signs in."),
    AuditAction.USER_DISABLED: N_("An account was locked."),
    AuditAction.PASSWORD_CHANGED: N_("A password was changed."),
    AuditAction.SIGNED_IN: N_("Somebody signed in."),
    AuditAction.SIGN_IN_STOPPED: N_("Passwords were tried too often and further tries were stopped."),
    AuditAction.PLEDGE_SIGNED: N_("A moderator signed the rule of confidentiality."),
    AuditAction.COMMENT_PASSED_ON: N_("A moderator passed on a comment that announces serious harm."),
    AuditAction.THEMES_PUBLISHED: N_("Themes of the comments were published."),
    AuditAction.GLASS_REQUESTED: N_("A custodian asked to read one person's answers."),
    AuditAction.GLASS_APPROVED: N_("A second custodian agreed to have one person's answers read."),
    AuditAction.GLASS_REFUSED: N_("A second custodian refused to have one person's answers read."),
    AuditAction.GLASS_OPENED: N_("One person's answers were opened."),
    AuditAction.GLASS_EXPIRED: N_("The time of a request to read one person's answers ran out."),
    AuditAction.LINK_DESTROYED: N_(
        "The connection between people and their answers was destroyed, its time being over."
    ),
    AuditAction.COMMENTS_DELETED: N_("Comments were deleted, their time being over."),
    AuditAction.ANSWERS_DELETED: N_("Answers were deleted, their time being over."),
    AuditAction.GOALS_DELETED: N_("Goals were deleted, their time being over."),
    AuditAction.MESSAGES_DELETED: N_("Messages were deleted, their time being over."),
    AuditAction.CONTACTS_DELETED: N_("Names and addresses were deleted, their time being over."),
    AuditAction.LOG_PRUNED: N_("The oldest entries of the log were deleted, their time being over."),
}

ACTORS: Mapping[str, str] = {
    SYSTEM: N_("the system"),
    OPERATOR: N_("the operator, by command"),
    A_PARTICIPANT: N_("a participant"),
    SOMEBODY_ELSE: N_("somebody without an office in this programme"),
}

OFFICES: Mapping[MembershipRole, str] = {
    MembershipRole.COORDINATOR: N_("Coordinator"),
    MembershipRole.RESEARCHER: N_("Researcher"),
    MembershipRole.MODERATOR: N_("Moderator of comments"),
    MembershipRole.OVERSEER: N_("Overseer"),
    MembershipRole.CUSTODIAN: N_("Custodian"),
}

CHAINS: Mapping[AuditChain, str] = {
    AuditChain.TIMED: N_("What is known to the minute"),
    AuditChain.BY_DAY: N_("What is told by the day, up to yesterday"),
}

PROBLEMS: Mapping[str, str] = {
    "unsealed": N_("An entry was slipped in."),
    "changed": N_("An entry was changed afterwards."),
    "gap": N_("Something in between was changed or removed."),
    "end_missing": N_("The newest entries were removed."),
}

GROUNDS: Mapping[GlassGround, str] = {
    GlassGround.COURT_ORDER: N_("A court order"),
    GlassGround.DATA_SUBJECT: N_("The person asks for their own answers"),
    GlassGround.SAFEGUARDING: N_("Serious harm to somebody has to be averted"),
    GlassGround.INCIDENT: N_("A security incident has to be cleared up"),
}

GLASS_STATES: Mapping[GlassState, str] = {
    GlassState.REQUESTED: N_("Waits for a second custodian"),
    GlassState.APPROVED: N_("Approved, not opened yet"),
    GlassState.REFUSED: N_("Refused"),
    GlassState.OPENED: N_("Opened"),
    GlassState.EXPIRED: N_("Ran out of time"),
}
