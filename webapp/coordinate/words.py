"""What a coordinator reads for a kind of wave, a state, a role or a verdict: English sentences, translated when shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.errors import N_
from instruments.model import Role, WaveKind
from surveys.models import MeetingFormat, MessageKind, MessageState, ReportingLine


@dataclass(frozen=True)
class KindWords:
    """One kind of wave: its name, when it takes place, what it is for, and the minutes it may take."""

    name: str
    when: str
    purpose: str
    minutes: int


KINDS: Mapping[WaveKind, KindWords] = {
    WaveKind.T0: KindWords(
        N_("Baseline"),
        N_("After matching, before the first meeting."),
        N_("Where both sides start from, and what they expect."),
        10,
    ),
    WaveKind.TC: KindWords(
        N_("Trial check"),
        N_("After the second or third meeting, in weeks 4 to 6."),
        N_("The first ratings of the meetings, while a new match is still easy."),
        5,
    ),
    WaveKind.T2: KindWords(
        N_("Mid-programme"),
        N_("Half-way; leave it out if that is less than 5 weeks from the trial check or from the end."),
        N_("How the pairs are doing while the programme can still be steered."),
        8,
    ),
    WaveKind.T3A: KindWords(
        N_("End: the pair"),
        N_("Within 7 days of the last meeting."),
        N_("How the two worked together, and the support they had."),
        6,
    ),
    WaveKind.T3B: KindWords(
        N_("End: learning"),
        N_("Opens 5 to 7 days after “End: the pair”, so that ratings of the partner do not colour it."),
        N_("What was learnt, and what changed at work."),
        10,
    ),
    WaveKind.T4: KindWords(
        N_("Follow-up"),
        N_("3 to 6 months later; optional."),
        N_("What lasted."),
        4,
    ),
    WaveKind.PL: KindWords(
        N_("Pulse"),
        N_("Open while the pairs meet: after a meeting, at most every 10 days."),
        N_("How the last meeting went."),
        1,
    ),
}

FORMATS: Mapping[MeetingFormat, str] = {
    MeetingFormat.IN_PERSON: N_("In person"),
    MeetingFormat.VIRTUAL: N_("Online or by phone"),
    MeetingFormat.HYBRID: N_("Partly in person, partly online"),
}

STATES: Mapping[str, str] = {"scheduled": N_("Scheduled"), "open": N_("Open"), "closed": N_("Closed")}

ROLES: Mapping[str, str] = {Role.MENTOR: N_("Mentors (junior)"), Role.MENTEE: N_("Mentees (senior)")}

PERSON: Mapping[str, str] = {Role.MENTOR: N_("Mentor (junior)"), Role.MENTEE: N_("Mentee (senior)")}

GROUP: Mapping[str, str] = {Role.MENTOR: N_("Mentors"), Role.MENTEE: N_("Mentees")}

MESSAGES: Mapping[MessageKind, str] = {
    MessageKind.CONTACT: N_("Please contact me"),
    MessageKind.MEDIATION: N_("Please mediate between my partner and me"),
    MessageKind.LEAVING: N_("I want to leave the programme"),
    MessageKind.FREE: N_("Message"),
    MessageKind.TRIAL_HELP: N_("After the trial: continue, with some help"),
    MessageKind.TRIAL_END: N_("After the trial: end it kindly"),
    MessageKind.TRIAL_TALK: N_("After the trial: I want to talk first"),
}

PROGRESS: Mapping[MessageState, str] = {
    MessageState.OPEN: N_("new"),
    MessageState.IN_PROGRESS: N_("in progress"),
    MessageState.CLOSED: N_("done"),
}

MOVES: Mapping[MessageState, str] = {
    MessageState.IN_PROGRESS: N_("Mark as in progress"),
    MessageState.CLOSED: N_("Mark as done"),
}

LINES: Mapping[ReportingLine, str] = {
    ReportingLine.NONE: N_("No: neither reports to the other"),
    ReportingLine.INDIRECT: N_("Yes, in an indirect or dotted line"),
    ReportingLine.DIRECT: N_("Yes, directly"),
}

NOT_SHOWN = N_("not shown")

# Said once an action is done; the address of the next page carries the key, never a text.
DONE: Mapping[str, str] = {
    "cohort": N_("The cohort is set up. Next: import its pairs, then schedule the first wave."),
    "imported": N_("The pairs are imported."),
    "scheduled": N_(
        "The wave is scheduled. It opens and closes by itself; personal links can be issued now."
    ),
    "opened": N_("The wave is open. Everybody with a link can answer now."),
    "closed": N_("The wave is closed and its results are frozen."),
    "pulses_closed": N_("The wave is closed."),
    "moved": N_("Noted."),
    "drawn": N_("The list of talks is drawn up. It stays as it is."),
    "held": N_("Noted: the talk was held."),
    "acknowledged": N_("The draft is offered from now on."),
    "pair_ended": N_("The pair has ended. Both can be matched anew."),
    "pair_matched": N_("The pair is matched. Issue its links in the waves that are still to come."),
    "address": N_("The address is corrected. On the wave's page the person can be invited again."),
    "mailing": N_("The invitations are on their way, or leave when the wave opens."),
    "nobody_new": N_(
        "Everybody who can be asked has a link already. To replace a lost link, use the list of people."
    ),
}
