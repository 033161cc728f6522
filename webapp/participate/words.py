"""What a participant reads for a message, a decision, a goal, a meeting or the end of a mediation: English sentences, translated when shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.errors import N_
from surveys.models import MediationResult, MeetingFormat, MessageKind, TrialChoice


@dataclass(frozen=True)
class ChoiceWords:
    """One choice and what it means; the hint may be empty."""

    label: str
    hint: str = ""


MESSAGES: Mapping[MessageKind, ChoiceWords] = {
    MessageKind.CONTACT: ChoiceWords(N_("Please contact me"), N_("You need not say what about.")),
    MessageKind.MEDIATION: ChoiceWords(
        N_("Please mediate between my partner and me"),
        N_("The coordinator first talks to you, and does nothing that you do not want."),
    ),
    MessageKind.LEAVING: ChoiceWords(
        N_("I want to leave the programme"), N_("You need give no reason, and it has no consequences.")
    ),
    MessageKind.FREE: ChoiceWords(N_("Something else"), N_("Please write it below.")),
}

CHOICES: Mapping[TrialChoice, ChoiceWords] = {
    TrialChoice.CONTINUE: ChoiceWords(N_("Continue as we are")),
    TrialChoice.HELP: ChoiceWords(N_("Continue, with some help")),
    TrialChoice.END: ChoiceWords(
        N_("End it kindly"), N_("Both of you can be matched anew. Nobody needs a reason.")
    ),
    TrialChoice.TALK: ChoiceWords(N_("I want to talk first")),
}

RESULTS: Mapping[MediationResult, ChoiceWords] = {
    MediationResult.RESOLVED: ChoiceWords(N_("It is resolved")),
    MediationResult.PARTLY: ChoiceWords(N_("It is partly resolved")),
    MediationResult.NOT: ChoiceWords(N_("It is not resolved")),
}

# Questions with this response format are about the goals of the pair, in the order of their names.
GOAL_FORMAT = "goal"
# The same words as those of a question about a goal; the lowest level first, as it is stored.
LEVELS: Mapping[int, str] = {
    -2: N_("Much less than we aimed for"),
    -1: N_("Less than we aimed for"),
    0: N_("What we aimed for"),
    1: N_("More than we aimed for"),
    2: N_("Much more than we aimed for"),
}

PLACES: Mapping[int, str] = {1: N_("First goal"), 2: N_("Second goal"), 3: N_("Third goal")}

FORMATS: Mapping[MeetingFormat, ChoiceWords] = {
    MeetingFormat.IN_PERSON: ChoiceWords(N_("In person")),
    MeetingFormat.VIRTUAL: ChoiceWords(N_("Online or by phone")),
    MeetingFormat.HYBRID: ChoiceWords(N_("Partly in person, partly online")),
}
