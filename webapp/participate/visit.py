"""What a personal link opens: whose questionnaire, in which language and state, with which pages and saved answers."""

import datetime as dt
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from flask import current_app

from instruments.answers import AnswerValue
from instruments.model import Form, FormPage, Instrument, shuffled_items
from surveys import invitations, responses, retention, rights, waves
from surveys.models import DataPackage, Invitation, Program, ResponseState, Wave
from webapp import i18n
from webapp.database import db, instrument_folders, now, pseudonyms
from webapp.participate import holder
from webapp.participate.forms import PageForm, Wording

# Time budget of measurement.md 3.1: seconds for a rating and for a written answer.
SECONDS_PER_CHOICE = 8
SECONDS_PER_TEXT = 45


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
        return holder.continue_code(self.response) if self.response and self.answers else ""

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

    @cached_property
    def packages(self) -> list[DataPackage]:
        """The data packages in which answers of this person may be."""
        return rights.packages_with(db(), self.invitation.participant)

    @property
    def machine_drafted(self) -> bool:
        """Whether the words on the page, the interface's or the questionnaire's, still wait for a person's review."""
        states = (
            self.instrument.locales[self.locale].review_status,
            i18n.get_catalogue(self.locale).review_status,
        )
        return "not reviewed" in states

    @property
    def floor(self) -> int:
        """The smallest group whose results are shown, as it was promised with the first invitation."""
        return waves.floor_of(self.wave)

    @property
    def minutes(self) -> int:
        """How long the questionnaire takes, rounded up."""
        kinds = [self.instrument.format_of(item_id).kind for item_id in self.form.item_ids]
        seconds = sum(SECONDS_PER_TEXT if kind == "text" else SECONDS_PER_CHOICE for kind in kinds)
        return max(1, math.ceil(seconds / 60))

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


def open_visit(token: str) -> Visit:
    """Return what a link opens and fix the page's language; raises InvitationError for a link that opens nothing."""
    session, moment = db(), now()
    invitation = invitations.find_invitation(session, token, now=moment)
    wave = invitation.wave
    program = wave.cohort.program
    instrument = waves.instrument_of(wave, folders=instrument_folders())
    locales = tuple(locale for locale in i18n.interface_locales() if locale in instrument.locales)
    saved = responses.load_response(session, invitation, pseudonyms(), may_read=holder.is_held)
    held = saved is not None and holder.is_held(saved)
    # Nothing is left to be read of withdrawn answers, so whoever has the link may start anew.
    startable = held or saved is None or saved.state is ResponseState.WITHDRAWN
    response = saved if held else None
    contact = invitation.participant.contact
    wishes = (response.locale if response else None, contact.locale if contact else None)
    locale = i18n.choose_locale(locales, wishes, program.default_locale)
    i18n.use_locale(locale)
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
        elsewhere=None if startable else saved,
        order_seed=_seed_order(invitation),
    )


def _seed_order(invitation: Invitation) -> str:
    """Return the seed of the questions' order: the same for a person and pair in every wave, and no way back to either.

    It is made from the ids on the programme's side, so that showing a page neither needs nor reveals a pseudonym.
    """
    secret = current_app.config["SECRET_KEY"]
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(
        key, f"order:{invitation.participant_id}:{invitation.pair_id}".encode(), "sha256"
    ).hexdigest()
