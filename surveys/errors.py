"""What may go wrong in a use case, in sentences that a participant or a coordinator can act on."""

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from instruments.errors import N_, AnswerProblem


class SurveyError(Exception):
    """A refusal that carries a stable code, a sentence and a remedy, both to be translated by the reader's side."""

    code: str = "survey"
    message: str = N_("This did not work.")
    remedy: str = N_("Please try again. If it happens again, write to your coordinator.")

    def __init__(self, **params: str | int) -> None:
        self.params: Mapping[str, str | int] = params
        super().__init__(f"{self.message % params} {self.remedy % params}")


class NaiveTimeError(SurveyError):
    """A moment without a time zone reached the domain: the caller has to say which one is meant."""

    code = "naive_time"
    message = N_("The time %(moment)s has no time zone.")
    remedy = N_("Give the time with its zone, for example 2026-03-01T09:00+00:00.")


class SchemaError(SurveyError):
    """The database was made for another version of this software."""

    code = "schema"
    message = N_("The database is at revision %(current)s, but this version needs %(head)s.")
    remedy = N_("Make a backup, then run: viceversa db upgrade")


class CodedError(SurveyError):
    """An error with several codes, each with its own sentence and remedy."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, code: str, **params: str | int) -> None:
        self.code = code
        self.message, self.remedy = self.sentences[code]
        super().__init__(**params)


class DatabaseRolesError(CodedError):
    """The service cannot work under its database roles, or they reach too much."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "not_ready": (
            N_(
                "The database roles that keep answers and names apart are missing or cannot be taken: %(roles)s."
            ),
            N_(
                "Let an administrator run what `viceversa db roles` prints, then run: viceversa db upgrade. To work without "
                "this protection, set VICEVERSA_DATABASE_ROLES=off."
            ),
        ),
        "excessive": (
            N_("Database roles reach more than they need: %(found)s."),
            N_("Run: viceversa db upgrade. It takes away what was granted beside it."),
        ),
    }


class InvitationError(CodedError):
    """A personal link that opens nothing: code is `unknown`, `revoked` or `expired`."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "unknown": (
            N_("We do not know this link."),
            N_(
                "Please open the link from your newest invitation again, or copy it as a whole, to its last letter."
            ),
        ),
        "revoked": (
            N_("This link has been replaced or withdrawn."),
            N_("Please use the link in your newest invitation, or ask your coordinator for a new one."),
        ),
        "expired": (
            N_("This link has expired."),
            N_("If you think you should still have a questionnaire to fill in, ask your coordinator."),
        ),
    }


class WaveNotOpenError(SurveyError):
    """An answer came before the questionnaire opened or after it closed: nothing is stored."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.code = f"wave_{state}"
        if state == "scheduled":
            self.message = N_("This questionnaire is not open yet.")
            self.remedy = N_("Please come back with the same link once it has opened.")
        else:
            self.message = N_(
                "This questionnaire has closed in the meantime, so your last changes were not saved."
            )
            self.remedy = N_(
                "What you had sent before it closed still counts; what you had only saved does not. You need not do anything."
            )
        super().__init__()


class WaveError(CodedError):
    """A wave that cannot be planned, opened or closed like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "no_forms": (
            N_("The questionnaire %(instrument)s %(version)s has no questions for the wave %(kind)s."),
            N_("Choose another wave or another questionnaire."),
        ),
        "window": (
            N_("The wave would close before it opens."),
            N_("Choose a closing time after the opening time."),
        ),
        "past": (
            N_("The wave would already be over."),
            N_("Choose a closing time that is still to come."),
        ),
        "duplicate": (
            N_("The cohort %(cohort)s already has the wave %(kind)s."),
            N_("Choose another wave, or another cohort."),
        ),
        "closed": (
            N_("The wave %(kind)s is already closed."),
            N_("A closed wave stays closed, because its results are frozen. Plan another wave instead."),
        ),
        "not_opened": (
            N_("The wave %(kind)s has not opened yet, so it cannot be closed."),
            N_("Open it first."),
        ),
        "nobody": (
            N_("Nobody can be invited to the wave %(kind)s."),
            N_("Add pairs with names and addresses to the cohort first."),
        ),
    }


class LanguageError(CodedError):
    """A language that cannot be offered like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "unknown": (
            N_("The questionnaire has no translation %(locale)s."),
            N_("Choose one that the page lists."),
        ),
        "changed": (
            N_("The translation has changed since this page was shown."),
            N_("Look at the page again."),
        ),
        "none": (
            N_("There is no language yet in which this wave could be answered."),
            N_("Acknowledge a draft on the page “Languages” of the programme first."),
        ),
    }


class AnswerError(SurveyError):
    """Some answers of a page cannot be kept as they are; the others are kept.

    `overlaps` are questions that were changed in two places: what is stored stays, and the page is shown with both.
    """

    code = "answers"
    message = N_("Some answers could not be saved.")
    remedy = N_("Please look at the marked questions. All your other answers are saved.")

    def __init__(self, problems: Sequence[AnswerProblem], overlaps: Collection[str] = ()) -> None:
        self.problems = tuple(problems)
        self.overlaps = frozenset(overlaps)
        super().__init__()


class ResponseError(CodedError):
    """A response that cannot be saved, sent or withdrawn like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "nothing_answered": (
            N_("You have not answered any question yet."),
            N_(
                "Please answer at least one question, or simply close this page if you would rather not take part."
            ),
        ),
        "nothing_saved": (
            N_("There is nothing to withdraw: no answers of yours are saved here."),
            N_("You need not do anything."),
        ),
        "link_destroyed": (
            N_(
                "The connection between you and your answers was destroyed on %(day)s, as promised, so nobody can find your "
                "answers any more."
            ),
            N_(
                "You need not do anything. What is left of them is deleted in time; the page “My data” of your link says when."
            ),
        ),
        "begun_elsewhere": (
            N_("These answers were begun in another browser, so nothing can be saved from this one."),
            N_("Go on there, type the code that is shown there, or start over."),
        ),
        "deleted_meanwhile": (
            N_("Your answers were deleted in another tab or on another device, so nothing was saved."),
            N_("To answer anew, save this page once more."),
        ),
        "unknown_page": (
            N_("This questionnaire has no page “%(page)s”."),
            N_("Please start again from your personal link; what you saved is still there."),
        ),
        "unknown_locale": (
            N_("This questionnaire does not exist in the language “%(locale)s”."),
            N_("Please choose one of the languages offered."),
        ),
    }


class ReleaseAuditError(CodedError):
    """A release that was refused: nothing of it is stored.

    `withhold` names the numbers without which it would pass, as kind, role and scale, and `betraying` those that betray something
    together, with their waves; no name of a person or pair is among them.
    """

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "few": (
            N_(
                "Together with everything published before, these results would tell what fewer than %(floor)d people answered: %(numbers)s."
            ),
            N_("Nothing was published. It would be safe to leave out: %(proposal)s."),
        ),
        "figures": (
            N_("These results contradict what has been published before, so they could not be checked."),
            N_("Nothing was published. Write to those who run this service."),
        ),
        "unknown": (
            N_("These results have no such number to leave out: %(number)s."),
            N_("Nothing was published. Take the names as the refusal gave them."),
        ),
    }

    def __init__(
        self,
        code: str,
        withhold: Sequence[tuple[str, str, str]] = (),
        betraying: Sequence[Sequence[str]] = (),
        **params: str | int,
    ) -> None:
        self.withhold = tuple(withhold)
        self.betraying = tuple(tuple(number) for number in betraying)
        super().__init__(code, **params)


class ProgramError(CodedError):
    """A programme, cohort, pair or person that cannot be set up like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "slug": (
            N_("“%(slug)s” cannot be used as a short name."),
            N_("Use 2 to 64 small letters, digits and hyphens, beginning with a letter."),
        ),
        "slug_taken": (
            N_("There is already a programme with the short name “%(slug)s”."),
            N_("Choose another short name."),
        ),
        "floor": (
            N_("Results of groups smaller than %(minimum)d people are never shown, so %(floor)d is too low."),
            N_("Choose %(minimum)d or more."),
        ),
        "floor_lowered": (
            N_(
                "The smallest group that is shown can be raised from %(current)d, never lowered to %(floor)d."
            ),
            N_("Choose %(current)d or more. People were promised this number."),
        ),
        "cohort_taken": (
            N_("There is already a cohort called “%(name)s”."),
            N_("Choose another name."),
        ),
        "dates": (
            N_("The end, %(ends_on)s, lies before the beginning, %(starts_on)s."),
            N_("Choose an end after the beginning."),
        ),
        "name": (
            N_("A name is missing."),
            N_("Please fill in the name."),
        ),
        "contact": (
            N_("A person to turn to needs a name and a way to reach them."),
            N_(
                "Give a name of at most %(longest_name)d characters, and a number, an address or a sentence of at most "
                "%(longest_reach)d."
            ),
        ),
        "email": (
            N_("“%(email)s” is not an e-mail address."),
            N_("Please check it: it needs one @ with something before and after it, and no spaces."),
        ),
        "person_taken": (
            N_("A person with the address %(email)s already takes part in this programme in the same role."),
            N_("Use the person who is already there."),
        ),
        "role": (
            N_("%(name)s does not take part as %(role)s in this programme."),
            N_("Choose a mentor and a mentee of the same programme."),
        ),
        "pair_taken": (
            N_("This pair is already in the cohort."),
            N_("You need not add it again."),
        ),
        "not_found": (
            N_("We could not find “%(name)s”."),
            N_("Please check the spelling."),
        ),
    }


class ReportingLineError(SurveyError):
    """One partner reports to the other: honest answers cannot be expected, so such a pair is refused by default."""

    code = "reporting_line"
    message = N_("One of the two partners reports to the other.")
    remedy = N_(
        "Please match them with someone else: honest answers need distance. If the pair must stay, say so explicitly."
    )


class PulseNotShownError(SurveyError):
    """Numbers of pulses were asked for: none are computed."""

    code = "pulses"
    message = N_("Pulses are not shown as numbers in this version.")
    remedy = N_("Researchers find them in the data package once the wave is closed.")


class MessageError(CodedError):
    """A message to the coordinator that cannot be sent, or moved on, like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "kind": (
            N_("It is not said what the message is about."),
            N_("Please choose one of the answers shown."),
        ),
        "empty": (
            N_("The message has no text."),
            N_("Please write at least a few words."),
        ),
        "long": (
            N_("The message is %(length)d characters long; %(longest)d are allowed."),
            N_("Please shorten it, or send it in two parts."),
        ),
        "too_many": (
            N_("So many messages were sent today that this one was not."),
            N_("Please write again tomorrow, or talk to the coordinator."),
        ),
        "state": (
            N_("This message cannot be moved on like this."),
            N_("Load the page again: somebody may have seen to it meanwhile."),
        ),
        "not_found": (
            N_("This message is no longer there."),
            N_("Load the page again."),
        ),
    }


class TrialError(CodedError):
    """A decision after the trial period, or a list of talks, that cannot be made like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "choice": (
            N_("Nothing was chosen."),
            N_("Please choose one of the answers shown."),
        ),
        "not_offered": (
            N_("Here nothing is to be decided."),
            N_("You need not do anything."),
        ),
        "over": (
            N_("The time to decide is over, so nothing was saved."),
            N_("You can still write to your coordinator."),
        ),
        "not_over": (
            N_("Participants can still decide, so the list cannot be drawn up yet."),
            N_("Come back once the trial check is closed."),
        ),
        "not_found": (
            N_("This talk is no longer on the list."),
            N_("Load the page again."),
        ),
    }


class ExtensionError(CodedError):
    """A wish to go on together that cannot be kept like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "choice": (
            N_("Nothing was chosen."),
            N_("Please choose one of the answers shown."),
        ),
        "not_offered": (
            N_("Here nobody is asked whether to go on."),
            N_("You need not do anything."),
        ),
        "over": (
            N_("The time to say so is over, so nothing was saved."),
            N_("You can still write to your coordinator."),
        ),
    }


class PairError(CodedError):
    """What a pair shares or logs, that cannot be kept like this; `field` is where on the page it stands."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "opened": (
            N_("The pages of your pair were opened before."),
            N_("Type the code that is shown there. Your partner can see it too."),
        ),
        "empty": (
            N_("The goal has no words yet."),
            N_("Please write at least a few words."),
        ),
        "full": (
            N_("There are already three goals."),
            N_("Change or delete one of them."),
        ),
        "choice": (
            N_("Nothing was chosen."),
            N_("Please choose one of the answers shown."),
        ),
        "date": (
            N_("The day is missing, or cannot be right."),
            N_("Please choose the day of the meeting, today at the latest."),
        ),
        "next": (
            N_("The day of the next meeting cannot be right."),
            N_("Please choose another day, or leave the field empty."),
        ),
        "minutes": (
            N_("It is not said how long you met."),
            N_("Please enter the minutes, from 1 to %(most)d."),
        ),
        "number": (
            N_("This is no whole number from 0 to %(most)d."),
            N_("Please enter one, or leave the field empty."),
        ),
        "long": (
            N_("This text is %(length)d characters long; %(longest)d are allowed."),
            N_("Please shorten it."),
        ),
        "many": (
            N_("So many meetings were entered for this day that this one was not."),
            N_("Change or delete one of them."),
        ),
        "changed": (
            N_("Somebody else has changed this in the meantime, so nothing was saved."),
            N_("Please compare what is stored now with yours, which is still below, and save again."),
        ),
        "gone": (
            N_("This was deleted in the meantime, so nothing was saved."),
            N_("What you typed is still below."),
        ),
        "sure": (
            N_("Nothing was deleted."),
            N_("Please tick the box first."),
        ),
        "not_found": (
            N_("This is no longer there."),
            N_("Load the page again."),
        ),
    }


class RematchError(CodedError):
    """A pair that cannot be ended, or two people who cannot be matched anew, like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "ended": (
            N_("This pair has already ended, on %(day)s."),
            N_("You need not do anything."),
        ),
        "future": (
            N_("The day %(day)s is still to come."),
            N_("Enter the day of the last meeting, today at the latest."),
        ),
        "met_before": (
            N_("These two people have already been a pair in this cohort."),
            N_("Please match them with someone else."),
        ),
    }


class PseudonymKeyError(CodedError):
    """The link key is unusable, or is not the key with which the existing links were made."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "short": (
            N_("The link key has %(length)d bytes; at least %(minimum)d are needed."),
            N_("Make a new key of %(minimum)d random bytes and keep it apart from the database."),
        ),
        "changed": (
            N_("The link key is not the one with which this database was set up."),
            N_(
                "Put the former link key back. With another key, people would lose the connection to their answers."
            ),
        ),
        "damaged": (
            N_("A connection between a person and their answers is damaged."),
            N_("Restore the database from a backup."),
        ),
    }


class AuditLogError(CodedError):
    """The audit log was to be changed, or cannot be continued."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "append_only": (
            N_("An entry of the audit log can neither be changed nor deleted."),
            N_("Record what was done as a new entry."),
        ),
        "no_head": (
            N_("The audit log has lost its end, so it cannot be continued."),
            N_("Restore the database from a backup, then run: viceversa db upgrade"),
        ),
    }


class RetentionError(CodedError):
    """A time for which data are kept that cannot be set like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "out_of_range": (
            N_("The time “%(name)s” cannot be %(value)d."),
            N_("Choose a number from 0 to %(longest)d. People were promised that data are kept no longer."),
        ),
        "unknown": (
            N_("There is no time called “%(name)s”."),
            N_("Use one of these: %(known)s."),
        ),
    }


class StatementError(CodedError):
    """A statement of privacy that cannot be found under what was typed."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "digest": (
            N_("This is no digest of a statement of privacy."),
            N_("Give its 64 digits 0-9 and a-f, or at least the first %(shortest)d of them."),
        ),
        "unknown": (
            N_("No statement of privacy with the digest %(digest)s was shown to anybody who answered."),
            N_("Compare it sign by sign."),
        ),
        "several": (
            N_("Several statements of privacy begin with %(digest)s."),
            N_("Give more of the digest."),
        ),
    }


class PackError(CodedError):
    """A pack that cannot be made or checked."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "no_chinese_font": (
            N_("The document has Chinese signs, and no font on this machine has them."),
            N_("Install one: on Debian it is in the package fonts-noto-cjk."),
        ),
        "no_questionnaire": (
            N_("The programme %(program)s has no questionnaire yet."),
            N_("Plan a wave first, so that there is something to describe."),
        ),
        "no_pack": (
            N_("“%(name)s” holds no pack that can be read."),
            N_("Name the folder that was given when the pack was made."),
        ),
        "other_pack": (
            N_("“%(name)s” holds the pack “%(kind)s” of the programme %(program)s."),
            N_("Check it with the command and the programme it was made with."),
        ),
    }


class AccountError(CodedError):
    """An account that cannot be made or changed like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "email": (
            N_("“%(email)s” is not an e-mail address."),
            N_("Please check it: it needs one @ with something before and after it, and no spaces."),
        ),
        "email_taken": (
            N_("There is already an account for %(email)s."),
            N_("Use the account that is already there."),
        ),
        "password": (
            N_("The password is too short."),
            N_("Choose at least %(minimum)d characters; a sentence is easy to remember."),
        ),
        "moderator_and_coordinator": (
            N_(
                "%(email)s coordinates the programme “%(program)s” and therefore cannot read its comments as a moderator."
            ),
            N_(
                "Choose somebody else: who decides about pairs must not read what people wrote in confidence."
            ),
        ),
        "coordinator_and_moderator": (
            N_(
                "%(email)s reads the comments of the programme “%(program)s” as a moderator and therefore cannot coordinate it."
            ),
            N_("Choose somebody else: who read what people wrote in confidence must not decide about pairs."),
        ),
        "moderator_takes_part": (
            N_("%(email)s takes part in the programme “%(program)s” and therefore cannot read its comments."),
            N_("Choose somebody who is in none of its pairs."),
        ),
        "custodian_takes_part": (
            N_(
                "%(email)s takes part in the programme “%(program)s” and therefore cannot be a custodian of its answers."
            ),
            N_("Choose somebody who is in none of its pairs."),
        ),
        "password_long": (
            N_("The password is too long."),
            N_("Choose at most %(maximum)d characters."),
        ),
        "incompatible": (
            N_(
                "%(name)s is %(held)s of this programme already, and nobody can be %(held)s and %(wanted)s of the same one."
            ),
            N_("Give one of the two offices to somebody else, or take the other one away first."),
        ),
    }


class AuditFileError(CodedError):
    """A file that was to hold entries of the log and does not."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "line": (
            N_("Line %(line)d is no entry of the log."),
            N_(
                "Use the file as it was downloaded (JSON, one entry a line); a table (CSV) cannot be checked."
            ),
        ),
        "twins": (
            N_("Two entries of the file claim the same place in the log (%(digest)s)."),
            N_(
                "One of them was slipped in. Download the log again and compare it with the digests that you noted."
            ),
        ),
        "empty": (
            N_("The file holds no entry."),
            N_("Use the file as it was downloaded (JSON, one entry a line)."),
        ),
    }


class BreakGlassError(CodedError):
    """A request to read one named person's answers that cannot go on like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "reference": (
            N_("“%(reference)s” is no reference of a paper file."),
            N_(
                "Write up to five capital letters, then digits with hyphens, dots or slashes, such as AZ-114/2027. A name or a reason "
                "has no place here."
            ),
        ),
        "person": (
            N_("Nobody with this address takes part in this programme in this role."),
            N_("Please check the address and the role. A name that was deleted cannot be found any more."),
        ),
        "gone": (
            N_(
                "Answers of this person can no longer be found: they were erased, the connection to them was destroyed, or there "
                "never were any."
            ),
            N_(
                "Note in the paper file that there is nothing to hand over. Nobody can tell which of the three it is."
            ),
        ),
        "destroyed": (
            N_(
                "Answers of this person can no longer be found: the connection to them was destroyed on %(day)s, as promised."
            ),
            N_("Note in the paper file that there is nothing to hand over."),
        ),
        "unknown": (
            N_("There is no such request."),
            N_("Copy its number as a whole from the page of the custodians."),
        ),
        "own": (
            N_("Nobody decides on their own request."),
            N_("Ask another custodian of this programme to sign in and decide."),
        ),
        "decided": (
            N_("This request has been decided on already."),
            N_("Load the page again to see how."),
        ),
        "not_decided": (
            N_("A second custodian has not approved this request yet."),
            N_("Ask another custodian of this programme to sign in and decide."),
        ),
        "refused": (
            N_("A second custodian has refused this request."),
            N_("If the ground still stands, talk to them and make a new request."),
        ),
        "expired": (
            N_("The time for this request is over: %(decide)d hours to decide, then %(open)d hours to open."),
            N_("Make a new request; it needs a second custodian again."),
        ),
        "opened": (
            N_("The answers have been opened with this request already, which can be done once."),
            N_("Make a new request; it needs a second custodian again."),
        ),
    }


class SignInError(SurveyError):
    """Address and password do not belong together; which of them is wrong is not said."""

    code = "sign_in"
    message = N_("The e-mail address and the password do not match.")
    remedy = N_("Please check both and try again.")


class AccessDeniedError(SurveyError):
    """The person may not do this here; it is not said whether there is anything here."""

    code = "access"
    message = N_("You do not have access to this page.")
    remedy = N_("If you need access, ask the person who runs this service.")


class ModerationError(CodedError):
    """Comments that may not be read like this."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "pledge": (
            N_("Comments can be read only by who has signed the rule of confidentiality."),
            N_("Please read the rule and sign it first."),
        ),
        "pledge_changed": (
            N_("The rule of confidentiality is not the one that you were shown."),
            N_("Please load the page again and read it once more before you sign."),
        ),
        "still_open": (
            N_("The questionnaire is still open, so nobody can read its comments yet."),
            N_("Please come back once it has closed."),
        ),
        "unknown_question": (
            N_("The questionnaire has no such open question."),
            N_("Please go back to the list of questions."),
        ),
    }


class ThemeError(CodedError):
    """A theme that cannot be kept, or themes that cannot be published, as they are: nothing is changed."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "title": (
            N_("The theme needs a title of at most %(longest)d characters; this one has %(length)d."),
            N_("Please change the title."),
        ),
        "summary": (
            N_("The theme needs a summary of at most %(longest)d characters; this one has %(length)d."),
            N_("Please change the summary."),
        ),
        "locale": (
            N_("The language of the theme is not one of those offered."),
            N_("Please choose one of the list."),
        ),
        "too_many": (
            N_("There are already %(most)d themes on this question."),
            N_("Please bring some of them together."),
        ),
        "unknown_comment": (
            N_("One of the chosen comments is no longer there: its author may have had it deleted."),
            N_("Please look at the list once more. What you typed is still below."),
        ),
        "quote_long": (
            N_("A quote has %(length)d characters; at most %(longest)d are possible."),
            N_("Please shorten it."),
        ),
        "quote_not_allowed": (
            N_("A comment is quoted whose author did not allow it."),
            N_("Please take the quote out, and say it in your own words in the summary."),
        ),
        "quote_without_support": (
            N_("A comment is quoted that is not ticked as supporting the theme."),
            N_("Please tick it, or take the quote out."),
        ),
        "quote_small_cohort": (
            N_(
                "Nothing can be quoted: the cohort has fewer than %(least)d pairs, and a style of writing would give people away."
            ),
            N_("Please take the quotes out, and say it in your own words in the summary."),
        ),
        "roster_word": (
            N_("The text holds a name or word from the roster of this programme."),
            N_("Please take it out. If nobody can be recognised by it, tick the box below and save again."),
        ),
        "few_people": (
            N_("No theme can be published on this question: too few people have answered it."),
            N_(
                "Please delete the themes on this question. Comments that announce harm can still be passed on."
            ),
        ),
        "few_supporters": (
            N_("The theme “%(title)s” needs at least %(least)d supporting comments."),
            N_("Please tick further comments that say the same, or delete the theme."),
        ),
        "changed_meanwhile": (
            N_("Somebody else has changed this in the meantime, so nothing was saved."),
            N_("Please compare what is stored now with yours, which is still below, and save again."),
        ),
        "publication_changed": (
            N_("Something was changed in the meantime, so nothing was published."),
            N_("Please look at the themes once more; this is how they stand now."),
        ),
        "deleted_meanwhile": (
            N_("Somebody else has deleted this theme in the meantime, so nothing was saved."),
            N_("What you typed is still below. Save it again to make it a new theme."),
        ),
        "published": (
            N_("The themes of this questionnaire are published; they never change."),
            N_("You need not do anything."),
        ),
        "nothing": (
            N_("There is no theme to publish."),
            N_("Please write one first."),
        ),
    }


class ThemesDamagedError(SurveyError):
    """Published themes are no longer what was frozen; they are not shown."""

    code = "themes_damaged"
    message = N_("The published themes of the wave %(kind)s do not match their checksum.")
    remedy = N_("Restore the database from a backup. Themes are published only once.")
