"""What a personal link opens: whose questionnaire, in which language and state, with which pages and saved answers."""

import datetime as dt
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from flask import current_app

from instruments.answers import AnswerValue
from instruments.model import Form, FormPage, Instrument, WaveKind, shuffled_items
from surveys import (
    certificates,
    extensions,
    invitations,
    languages,
    messages,
    own_answers,
    pace,
    pair_keys,
    pulses,
    responses,
    retention,
    rights,
    statements,
    support,
    waves,
)
from surveys.goals import GoalView, list_goals
from surveys.models import (
    ContactKind,
    DataPackage,
    Invitation,
    MembershipRole,
    Program,
    ProgramContact,
    ResponseState,
    Wave,
)
from surveys.program_contacts import has_office, program_contacts
from webapp import i18n
from webapp.database import db, instrument_folders, now, pseudonyms
from webapp.participate import holder, pacing
from webapp.participate.forms import PageForm, Wording
from webapp.participate.statement import StatementPage, open_statement
from webapp.participate.words import GOAL_FORMAT

# Whom somebody in trouble may turn to, in the order in which they are named.
SAFE_CHANNELS = (ContactKind.NEUTRAL, ContactKind.EXTERNAL, ContactKind.SAFEGUARDING)


@dataclass(frozen=True)
class Visit:
    """One request of a participant: everything its pages show."""

    token: str
    invitation: Invitation
    wave: Wave
    program: Program
    instrument: Instrument
    form: Form
    state: waves.WaveState
    locale: str
    locales: tuple[str, ...]
    partner: str
    response: responses.ResponseView | None
    # What is saved behind this link but was not saved by this browser: it may be replaced here, never read. No page that is
    # only looked at tells that there is anything, or a link would tell its next reader who has answered.
    elsewhere: responses.ResponseView | None
    order_seed: str

    @property
    def title(self) -> str:
        """The questionnaire's title in the reader's language."""
        return self.instrument.title_in(self.locale)

    @property
    def intro(self) -> str:
        """One sentence on what this wave is for."""
        return self.instrument.intro(self.wave.kind, self.locale)

    @property
    def pages(self) -> tuple[FormPage, ...]:
        """The pages, each of at most eight questions."""
        return self.form.pages

    @property
    def answers(self) -> Mapping[str, AnswerValue]:
        """What was saved so far."""
        return self.response.answers if self.response else {}

    @property
    def code(self) -> str:
        """The code with which this browser's answers can be taken up in another one; empty while there are none."""
        if not self.response or not self.answers or self.is_pulse:
            return ""
        return holder.code_of(self.response.tag)

    @property
    def is_pulse(self) -> bool:
        """Whether pulses are given here: `response` is then the newest one of this browser, and no code leads to another one."""
        return self.wave.kind is WaveKind.PL

    @property
    def submitted(self) -> bool:
        """Whether the answers were sent."""
        return self.response is not None and self.response.is_submitted

    @property
    def withdrawn(self) -> bool:
        """Whether the answers were withdrawn and nothing was answered since."""
        return self.response is not None and self.response.state is ResponseState.WITHDRAWN

    @property
    def can_withdraw(self) -> bool:
        """Whether this questionnaire holds anything that can be taken back now."""
        return self.response is not None and not self.withdrawn and self.state is waves.WaveState.OPEN

    @property
    def tries_key(self) -> str:
        """Under what guesses at this person's code are counted, whichever link they come by and whether or not there is one."""
        return f"{self.order_seed}:{self.wave.id}"

    @cached_property
    def link_destroyed_on(self) -> dt.date | None:
        """When the way to this person's answers was destroyed; None while there may be one."""
        return retention.link_destroyed_on(db(), self.invitation.participant)

    @cached_property
    def own_responses(self) -> tuple[rights.OwnResponse, ...]:
        """Everything the person answered in this browser, here and in the other questionnaires of the programme."""
        return rights.own_responses(
            db(),
            self.invitation.participant,
            pseudonyms=pseudonyms(),
            may_read=holder.is_held,
            unnamed_partner=i18n.gettext("your partner"),
            folders=instrument_folders(),
        )

    @property
    def may_leave(self) -> bool:
        """Whether anything was given in this browser that may be erased from here."""
        return self.response is not None and not self.withdrawn

    @cached_property
    def own_waves(self) -> tuple[own_answers.OwnWave, ...]:
        """What the person sent about this partner and this browser may read, wave by wave."""
        return own_answers.own_waves(
            db(),
            self.invitation,
            pseudonyms=pseudonyms(),
            may_read=holder.is_held,
            folders=instrument_folders(),
        )

    @cached_property
    def next_waves(self) -> tuple[Wave, ...]:
        """What will be asked later, as the calendar says."""
        return own_answers.next_waves(db(), self.invitation, now=now(), folders=instrument_folders())

    @cached_property
    def certificate(self) -> certificates.Certificate | None:
        """The person's certificate of participation, None before the end."""
        return certificates.certificate_of(db(), self.invitation, now=now())

    @cached_property
    def packages(self) -> list[DataPackage]:
        """The data packages in which answers of this person may be."""
        return rights.packages_with(db(), self.invitation.participant)

    @cached_property
    def privacy(self) -> StatementPage:
        """What the person is promised, as the configuration stands now."""
        return open_statement(self.wave, self.program, self.locale, self.locales, self.partner)

    @property
    def promise_changed(self) -> bool:
        """Whether the answers that this browser holds were given under another promise than the present one."""
        response = self.response
        if response is None or self.withdrawn or self.state is not waves.WaveState.OPEN:
            return False
        return not statements.was_read(db(), response.statement, self.privacy.statement)

    @cached_property
    def own_messages(self) -> tuple[rights.OwnMessage, ...]:
        """What the person wrote to the coordinator in this browser."""
        return rights.own_messages(db(), self.invitation.participant, may_open=holder.holds)

    @cached_property
    def own_decisions(self) -> tuple[rights.OwnDecision, ...]:
        """What the person decided about their pairs in this browser."""
        return rights.own_decisions(
            db(),
            self.invitation.participant,
            may_open=holder.holds,
            unnamed_partner=i18n.gettext("your partner"),
        )

    @cached_property
    def own_goals(self) -> tuple[rights.OwnGoal, ...]:
        """The goals of the pairs whose key this browser holds."""
        return rights.own_goals(
            db(),
            self.invitation.participant,
            may_open=_holds_pair,
            unnamed_partner=i18n.gettext("your partner"),
        )

    @cached_property
    def own_meetings(self) -> tuple[rights.OwnMeeting, ...]:
        """The meetings that the person entered, of the pairs whose key this browser holds."""
        return rights.own_meetings(
            db(),
            self.invitation.participant,
            may_open=_holds_pair,
            unnamed_partner=i18n.gettext("your partner"),
        )

    @cached_property
    def pair_secret(self) -> str | None:
        """The secret that opens what the pair shares; None while nobody has opened it."""
        return pair_keys.find_secret(db(), self.invitation.pair_id)

    @property
    def holds_pair(self) -> bool:
        """Whether this browser may read what the pair shares."""
        return self.pair_secret is not None and holder.holds(holder.pair_tag(self.pair_secret))

    @property
    def pair_code(self) -> str:
        """The code that opens what the pair shares in another browser; empty where this one may not read it."""
        return (
            holder.code_of(holder.pair_tag(self.pair_secret)) if self.pair_secret and self.holds_pair else ""
        )

    @property
    def has_own_words(self) -> bool:
        """Whether this browser may read anything that the person wrote besides answers."""
        return bool(self.own_messages or self.own_decisions or self.own_goals or self.own_meetings)

    @cached_property
    def goals(self) -> tuple[GoalView, ...]:
        """The goals of the pair, where this browser may read them."""
        return list_goals(db(), self.invitation.pair_id) if self.holds_pair else ()

    def goal_beside(self, item_id: str) -> GoalView | None:
        """The goal that a question is about; None if the pair has none of that number, or this browser may not read it."""
        place = self.goal_items.index(item_id) + 1
        return next((goal for goal in self.goals if goal.position == place), None)

    @cached_property
    def goal_items(self) -> tuple[str, ...]:
        """The questions about the pair's first, second and third goal."""
        asked = (self.instrument.item(item_id) for item_id in self.form.item_ids)
        return tuple(sorted(item.id for item in asked if item.format == GOAL_FORMAT))

    @cached_property
    def contacts(self) -> Mapping[ContactKind, ProgramContact]:
        """Who holds which office in the programme."""
        return program_contacts(db(), self.program)

    @property
    def moderator(self) -> str:
        """Who may read what is written, as the programme names them; empty while nobody is named."""
        named = self.contacts.get(ContactKind.MODERATOR)
        return named.name if named else ""

    @cached_property
    def is_moderated(self) -> bool:
        """Whether there is anybody by now who may read what is written, named or not."""
        return bool(self.moderator) or has_office(db(), self.program, MembershipRole.MODERATOR)

    @property
    def safeguarding(self) -> str:
        """Who is told when a comment announces serious harm; empty while nobody is named."""
        named = self.contacts.get(ContactKind.SAFEGUARDING)
        return named.name if named else ""

    @property
    def safe_channels(self) -> list[ProgramContact]:
        """The people and services to turn to, as far as they are named."""
        return [self.contacts[kind] for kind in SAFE_CHANNELS if kind in self.contacts]

    @cached_property
    def needs_support(self) -> bool:
        """Whether the answers that this browser gave call for the support card; found anew for each page and kept nowhere."""
        return support.needs_support(
            self.instrument, self.wave.kind, self.invitation.participant.role, self.answers
        )

    @cached_property
    def coordinators(self) -> list[str]:
        """The names of those who read what is written to the coordinator."""
        return messages.readers_of(db(), self.program)

    @property
    def offers_decision(self) -> bool:
        """Whether this is the wave at which the partners say if the pair should go on, and it is open."""
        return self.wave.kind is WaveKind.TC and self.state is waves.WaveState.OPEN

    @property
    def offers_extension(self) -> bool:
        """Whether this is a wave at which the partners may wish to go on after the end, and it is open."""
        return self.wave.kind in extensions.OFFERED and self.state is waves.WaveState.OPEN

    @cached_property
    def agreed_on(self) -> dt.date | None:
        """When both partners had said that they want to go on; None as long as not both have."""
        if self.wave.kind not in extensions.OFFERED:
            return None
        return extensions.agreed_on(db(), self.invitation.pair_id)

    @property
    def draft(self) -> str:
        """What kind of draft the words on the page are: "machine", "unreviewed", "unapproved", or "" for none.

        The questionnaire's count until they are approved, the interface's until they are reviewed.
        """
        asked, around = self.instrument.locales[self.locale], i18n.get_catalogue(self.locale)
        waiting = [one.origin for one in (asked, around) if one.review_status == "not reviewed"]
        if waiting:
            return "machine" if "machine" in waiting else "unreviewed"
        return "unapproved" if asked.is_draft else ""

    @property
    def floor(self) -> int:
        """The smallest group whose results are shown, as it was promised with the first invitation."""
        return waves.floor_of(self.wave)

    @property
    def minutes(self) -> int:
        """How long the questionnaire takes, rounded up."""
        return self.minutes_from(1)

    def minutes_from(self, number: int) -> int:
        """How long this page and the following ones take, rounded up."""
        pages = list(enumerate(self.pages, start=1))[number - 1 :]
        measured = pacing.measured_seconds(
            db(), self.instrument, self.wave.kind, self.form.role, now().date()
        )
        return pacing.in_minutes(
            sum(measured.get(n) or pacing.budget(self.instrument, page.items) for n, page in pages)
        )

    def place_of(self, number: int) -> pace.PlaceOfPage:
        """What the duration of a page is known by: nothing of whoever looked at it."""
        return pace.PlaceOfPage(
            self.instrument.id, self.instrument.version, self.wave.kind, self.form.role, number
        )

    def seen(self, number: int) -> str:
        """The marks of what a page shows, so that it cannot overwrite what it never showed."""
        return self.response.marks(self.page(number).items) if self.response else ""

    @cached_property
    def open_by_page(self) -> dict[int, int]:
        """How many questions of each page have no answer yet."""
        return {
            number: sum(item_id not in self.answers for item_id in page.items)
            for number, page in enumerate(self.pages, start=1)
        }

    @property
    def next_page(self) -> int:
        """Where to go on: the first page nobody has touched, the first of all when every page was."""
        if self.submitted:
            return 1
        untouched = (
            n for n, page in enumerate(self.pages, start=1) if self.open_by_page[n] == len(page.items)
        )
        return next(untouched, 1)

    def page(self, number: int) -> FormPage:
        """Return a page by its number, beginning with 1; raises IndexError."""
        if number < 1:
            raise IndexError(number)
        return self.pages[number - 1]

    def page_form(self, number: int) -> PageForm:
        """Return the form of a page, its questions in this person's own order."""
        wording = Wording(self.instrument, self.form.role, self.wave.kind, self.locale, self.partner)
        return PageForm(wording, shuffled_items(self.page(number), self.instrument, self.order_seed))


def open_visit(token: str, *, with_answers: bool = True) -> Visit:
    """Return what a link opens and fix the page's language; raises InvitationError for a link that opens nothing.

    Pages on which something else than answers is written are opened without them: they read nothing of the confidential side.
    """
    return _visit(token, invitations.find_invitation(db(), token, now=now()), with_answers=with_answers)


def open_pulse(token: str) -> Visit | None:
    """Return what a link opens for giving pulses, whichever questionnaire it was made for; None if nobody asks for any.

    Raises InvitationError.
    """
    invitation = pulses.find_pulse(db(), invitations.find_invitation(db(), token, now=now()))
    return None if invitation is None else _visit(token, invitation, with_answers=True)


def _visit(token: str, invitation: Invitation, *, with_answers: bool) -> Visit:
    """Read everything that the pages of an invitation show."""
    session, moment = db(), now()
    wave = invitation.wave
    program = wave.cohort.program
    instrument = waves.instrument_of(wave, folders=instrument_folders())
    # A wave is planned only with a language in which its pages can be shown whole.
    locales = i18n.locales_among(languages.offered_locales(wave, instrument))
    response, elsewhere = _read_saved(invitation) if with_answers else (None, None)
    contact = invitation.participant.contact
    wishes = (response.locale if response else None, contact.locale if contact else None)
    locale = i18n.choose_locale(locales, wishes, program.default_locale)
    i18n.use_locale(locale, contact.time_zone if contact else None)
    return Visit(
        token=token,
        invitation=invitation,
        wave=wave,
        program=program,
        instrument=instrument,
        form=waves.form_of(wave, invitation.participant.role, instrument),
        state=waves.wave_state(wave, moment),
        locale=locale,
        locales=locales,
        # The name is gone once its owner had it destroyed; the questions then speak of the partner.
        partner=invitations.partner_name(session, invitation) or i18n.gettext("your partner"),
        response=response,
        elsewhere=elsewhere,
        order_seed=_seed_order(invitation),
    )


def _read_saved(
    invitation: Invitation,
) -> tuple[responses.ResponseView | None, responses.ResponseView | None]:
    """Return what this browser holds of the answers given by an invitation, and what only another one does."""
    if invitation.wave.kind is WaveKind.PL:
        held = pulses.load_pulses(db(), invitation, pseudonyms(), may_read=holder.is_held)
        # A pulse of another browser is in nobody's way: the next one stands beside it.
        return (held[-1] if held else None), None
    saved = responses.load_response(
        db(), invitation, pseudonyms(), may_read=holder.is_held, claim=holder.read_claim()
    )
    if saved is not None and holder.is_held(saved):
        return saved, None
    # Nothing is left to be read of withdrawn answers, so whoever has the link may start anew.
    gone = saved is None or saved.state is ResponseState.WITHDRAWN
    return None, None if gone else saved


def _holds_pair(pair_id: str) -> bool:
    """Whether this browser holds the key of a pair."""
    secret = pair_keys.find_secret(db(), pair_id)
    return secret is not None and holder.holds(holder.pair_tag(secret))


def _seed_order(invitation: Invitation) -> str:
    """Return the seed of the questions' order: the same for a person and pair in every wave, and no way back to either.

    It is made from the ids on the programme's side, so that showing a page neither needs nor reveals a pseudonym.
    """
    secret = current_app.config["SECRET_KEY"]
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(
        key, f"order:{invitation.participant_id}:{invitation.pair_id}".encode(), "sha256"
    ).hexdigest()
