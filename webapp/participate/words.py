"""What a participant reads for a message, a decision or the end of a mediation: English sentences, translated when shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.errors import N_
from surveys.models import MediationResult, MessageKind, TrialChoice


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
