"""What may go wrong in a use case, in sentences that a participant or a coordinator can act on."""

from collections.abc import Mapping, Sequence
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


class AnswerError(SurveyError):
    """Some answers of a page cannot be kept as they are; the others are kept."""

    code = "answers"
    message = N_("Some answers could not be saved.")
    remedy = N_("Please look at the marked questions. All your other answers are saved.")

    def __init__(self, problems: Sequence[AnswerProblem]) -> None:
        self.problems = tuple(problems)
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
                "You need not do anything. What is left of them is deleted two years after the programme at the latest."
            ),
        ),
        "begun_elsewhere": (
            N_("These answers were begun in another browser, so nothing can be saved from this one."),
            N_("Go on there, type the code that is shown there, or start over."),
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
    """The auditor refused a release: nothing of it is stored. `withhold` names the numbers without which it would pass."""

    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {
        "few": (
            N_(
                "Together with everything published before, these results would tell what fewer than %(floor)d people answered: %(numbers)s."
            ),
            N_(
                "Nothing was stored. Write to those who run this service; it would be safe to leave out: %(proposal)s."
            ),
        ),
        "figures": (
            N_("These results contradict what has been published before, so they could not be checked."),
            N_("Nothing was stored. Write to those who run this service."),
        ),
    }

    def __init__(self, code: str, withhold: Sequence[tuple[str, str, str]] = (), **params: str | int) -> None:
        self.withhold = tuple(withhold)
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
        "password_long": (
            N_("The password is too long."),
            N_("Choose at most %(maximum)d characters."),
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
