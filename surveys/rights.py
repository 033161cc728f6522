"""What a person may have of their own data: their answers as a file, a receipt for an erasure, and who has copies.

The file holds the answers of one person only, never anything of the partner beyond the name in a question.
"""

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.model import Instrument, WaveKind
from surveys.database import as_utc
from surveys.extensions import wish_tag
from surveys.invitations import partner_name
from surveys.meetings import NoteView, note_of
from surveys.messages import written_tag
from surveys.models import (
    DataPackage,
    ErasureReceipt,
    ExtensionWish,
    Goal,
    Invitation,
    MediationOutcome,
    Meeting,
    Message,
    Participant,
    ResponseState,
    TrialDecision,
)
from surveys.own_answers import invitations_of, own_views
from surveys.packages import OPEN_LICENCES, pack_table
from surveys.pseudonyms import Pseudonyms
from surveys.responses import ResponseView
from surveys.trial import chosen_tag
from surveys.waves import form_of, instrument_of

# 120 random bits: nobody finds a code by trying, so a plain digest is enough to keep.
CODE_BYTES = 15
CODE_GROUP = 4
# By this mark spreadsheets know UTF-8.
MARK = b"\xef\xbb\xbf"
# A spreadsheet takes a cell that begins like this for a formula; a partner's name or one's own words may.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "questionnaire", "version", "wave", "occasion", "about", "status", "started_on", "submitted_on",
    "item", "question", "code", "answer", "missing", "may_be_quoted",
)  # fmt: skip

# Whether the key of a pair, or the tag of something written, is at hand.
MayOpen = Callable[[str], bool]


@dataclass(frozen=True)
class OwnAnswer:
    """One question with the answer to it: the code and its label, or the words that were written.

    `may_be_quoted` is the tick under a written answer, and None for any other.
    """

    item: str
    question: str
    code: int | None
    answer: str
    missing: str
    may_be_quoted: bool | None = None


@dataclass(frozen=True)
class OwnResponse:
    """What a person answered in one wave about one partner, in the language in which they saw it.

    `occasion` counts the pulses that may be read here; of a pulse only the month is known, and its days are the first of it.
    """

    questionnaire: str
    version: str
    wave: WaveKind
    occasion: int
    about: str
    language: str
    status: ResponseState
    started_on: date
    submitted_on: date | None
    answers: tuple[OwnAnswer, ...]


@dataclass(frozen=True)
class ReceiptCounts:
    """How much an erasure was, as its receipt tells it."""

    n_responses: int
    n_answers: int
    n_comments: int


@dataclass(frozen=True)
class OwnMessage:
    """What a person wrote to the coordinator, and what they later said of how a mediation ended."""

    kind: str
    sent_on: date
    text: str
    outcome: str = ""


@dataclass(frozen=True)
class OwnDecision:
    """What a person chose at the end of a trial period and can still change, or that they would like to go on in the end.

    Once a trial is over, a choice that the coordinator reads is among the messages, and any other is gone.
    """

    with_partner: str
    about: str
    choice: str
    text: str = ""
    decided_on: date | None = None


@dataclass(frozen=True)
class OwnGoal:
    """A goal that a person shares with a partner."""

    with_partner: str
    position: int
    goal: str
    levels: tuple[str, ...]
    weight: int
    baseline: int


@dataclass(frozen=True)
class OwnMeeting:
    """A meeting that a person entered, and what the pair noted of it."""

    with_partner: str
    held_on: date
    took_place: bool
    format: str
    minutes: int | None
    noted: NoteView


def count_own(responses: Sequence[OwnResponse]) -> ReceiptCounts:
    """How much there is in responses that somebody may read."""
    answers = [one for response in responses for one in response.answers]
    n_chosen = sum(one.code is not None or one.missing != "" for one in answers)
    return ReceiptCounts(len(responses), n_chosen, len(answers) - n_chosen)


def own_responses(
    session: Session,
    participant: Participant,
    *,
    pseudonyms: Pseudonyms,
    may_read: Callable[[ResponseView], bool],
    unnamed_partner: str,
    folders: Sequence[Path] = (),
) -> tuple[OwnResponse, ...]:
    """Everything a person answered and may read here, in the order of the waves.

    `may_read` decides for each response: who holds one personal link has not thereby given the answers behind the others.
    """
    views = own_views(session, participant.id, pseudonyms=pseudonyms, may_read=may_read)
    # Pulses are counted anew: their own numbers would tell how many there are that may not be read here.
    place: Counter[str] = Counter()
    found = []
    for invitation, response in views:
        place[invitation.id] += 1
        partner = partner_name(session, invitation) or unnamed_partner
        found.append(_describe(invitation, response, partner, folders, place[invitation.id]))
    return tuple(found)


def own_messages(session: Session, participant: Participant, *, may_open: MayOpen) -> tuple[OwnMessage, ...]:
    """What a person wrote to the coordinator in this browser, as its tags tell, the oldest first.

    The list of talks is not among it: it tells of two people and gives no reason, so the coordinator answers whoever asks.
    """
    found = session.execute(
        select(Message, MediationOutcome.result)
        .outerjoin(MediationOutcome, MediationOutcome.message_id == Message.id)
        .where(Message.participant_id == participant.id)
        .order_by(Message.sent_at, Message.id)
    )
    return tuple(
        OwnMessage(one.kind, one.sent_at.date(), one.body, result or "")
        for one, result in found
        if may_open(written_tag(participant.id, one.kind, one.body, one.sent_at.date()))
    )


def own_decisions(
    session: Session, participant: Participant, *, may_open: MayOpen, unnamed_partner: str
) -> tuple[OwnDecision, ...]:
    """What a person decided about their pairs in this browser, as far as it is kept; a partner's decision is never read."""
    partners = _partners_of(session, participant, unnamed_partner)
    chosen = session.scalars(
        select(TrialDecision)
        .where(TrialDecision.participant_id == participant.id)
        .order_by(TrialDecision.decided_on, TrialDecision.pair_id)
    )
    wished = session.scalars(
        select(ExtensionWish.pair_id)
        .where(ExtensionWish.participant_id == participant.id)
        .order_by(ExtensionWish.pair_id)
    )
    return (
        *(
            OwnDecision(
                partners.get(one.pair_id, unnamed_partner), "trial", one.choice, one.body, one.decided_on
            )
            for one in chosen
            if may_open(chosen_tag(one.participant_id, one.choice, one.body, one.decided_on))
        ),
        *(
            OwnDecision(partners.get(pair_id, unnamed_partner), "going on", "yes")
            for pair_id in wished
            if may_open(wish_tag(participant.id, pair_id))
        ),
    )


def own_goals(
    session: Session,
    participant: Participant,
    *,
    may_open: MayOpen,
    unnamed_partner: str,
) -> tuple[OwnGoal, ...]:
    """The goals of the pairs whose key is at hand, pair by pair: neither a link nor an answer opens what a pair shares."""
    partners = _partners_of(session, participant, unnamed_partner)
    goals = session.scalars(
        select(Goal)
        .where(Goal.pair_id.in_([pair_id for pair_id in partners if may_open(pair_id)]))
        .order_by(Goal.pair_id, Goal.position)
    )
    return tuple(
        OwnGoal(partners[one.pair_id], one.position, one.text, tuple(one.levels), one.weight, one.baseline)
        for one in goals
    )


def own_meetings(
    session: Session, participant: Participant, *, may_open: MayOpen, unnamed_partner: str
) -> tuple[OwnMeeting, ...]:
    """The meetings that a person entered, by day, with what the pair noted of them, where the pair's key is at hand."""
    partners = _partners_of(session, participant, unnamed_partner)
    found = session.scalars(
        select(Meeting).where(Meeting.entered_by == participant.id).order_by(Meeting.held_on, Meeting.id)
    )
    return tuple(
        OwnMeeting(
            partners.get(one.pair_id, unnamed_partner),
            one.held_on,
            one.took_place,
            one.format.value if one.format else "",
            one.minutes,
            note_of(session, one.id),
        )
        for one in found
        if may_open(one.pair_id)
    )


def _partners_of(session: Session, participant: Participant, unnamed_partner: str) -> dict[str, str]:
    """The names of a person's partners, by pair."""
    return {
        invitation.pair_id: partner_name(session, invitation) or unnamed_partner
        for invitation in invitations_of(session, participant.id)
    }


def answers_as_json(
    program: str,
    responses: Sequence[OwnResponse],
    messages: Sequence[OwnMessage] = (),
    goals: Sequence[OwnGoal] = (),
    decisions: Sequence[OwnDecision] = (),
    meetings: Sequence[OwnMeeting] = (),
    *,
    now: datetime,
) -> bytes:
    """Everything as JSON, stream by stream, readable by people and by other services."""
    content = {
        "program": program,
        "written_on": as_utc(now).date().isoformat(),
        "responses": [asdict(response) for response in responses],
        "messages_to_the_coordinator": [asdict(message) for message in messages],
        "decisions_about_the_pair": [asdict(decision) for decision in decisions],
        "goals_shared_in_the_pair": [asdict(goal) for goal in goals],
        "meetings_entered": [asdict(meeting) for meeting in meetings],
    }
    return (json.dumps(content, ensure_ascii=False, indent=2, default=_as_text) + "\n").encode()


def answers_as_csv(responses: Sequence[OwnResponse]) -> bytes:
    """The answers as a table, one line an answer, marked as UTF-8 for spreadsheets.

    A cell that a spreadsheet would compute begins with an apostrophe.
    """
    return MARK + pack_table(_lines(responses)).content


def messages_as_csv(messages: Sequence[OwnMessage]) -> bytes:
    """The messages to the coordinator as a table of the same kind."""
    lines = ((one.kind, one.sent_on.isoformat(), one.text, one.outcome) for one in messages)
    return _table(("kind", "sent_on", "text", "outcome"), lines)


def decisions_as_csv(decisions: Sequence[OwnDecision]) -> bytes:
    """The decisions about one's pairs as a table of the same kind."""
    lines = (
        (
            one.with_partner,
            one.about,
            one.choice,
            one.text,
            one.decided_on.isoformat() if one.decided_on else "",
        )
        for one in decisions
    )
    return _table(("with_partner", "about", "choice", "text", "decided_on"), lines)


def goals_as_csv(goals: Sequence[OwnGoal]) -> bytes:
    """The goals as a table of the same kind; the levels of a goal stand side by side in one cell."""
    lines = (
        (one.with_partner, one.position, one.goal, " | ".join(one.levels), one.weight, one.baseline)
        for one in goals
    )
    return _table(("with_partner", "position", "goal", "levels", "weight", "baseline"), lines)


def meetings_as_csv(meetings: Sequence[OwnMeeting]) -> bytes:
    """The meetings as a table of the same kind, with the pair's notes beside them."""
    noted = ("had_agenda", "topics", "notes", "n_agreed", "n_done", "next_on")
    lines = (
        (
            one.with_partner,
            one.held_on.isoformat(),
            _plain(one.took_place),
            one.format,
            _plain(one.minutes),
            *(_plain(getattr(one.noted, name)) for name in noted),
        )
        for one in meetings
    )
    return _table(("with_partner", "held_on", "took_place", "format", "minutes", *noted), lines)


def _plain(value: object) -> str:
    """A value in a table: days as they are written in files, yes and no as words, nothing as nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _table(head: Sequence[object], lines: Iterable[Sequence[object]]) -> bytes:
    """A table in which no spreadsheet computes anything."""
    safe = (tuple(_defuse(cell) for cell in line) for line in lines)
    return MARK + pack_table(chain([head], safe)).content


def packages_with(session: Session, participant: Participant) -> list[DataPackage]:
    """The data packages written of waves to which a person was invited, the newest first.

    Whether there are answers of theirs in a package is not looked up: the list is the same for whoever did not answer.
    """
    mine = select(Invitation.wave_id).where(Invitation.participant_id == participant.id).distinct()
    invited = set(session.scalars(mine))
    packages = session.scalars(
        select(DataPackage)
        .where(DataPackage.program_id == participant.program_id)
        .order_by(DataPackage.written_on.desc(), DataPackage.id)
    )
    return [package for package in packages if invited & set(package.wave_ids)]


def issue_receipt(session: Session, counts: ReceiptCounts, *, now: datetime) -> str:
    """Note an erasure without a link to anybody; the code that is returned exists nowhere else."""
    raw = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    session.add(
        ErasureReceipt(
            code_digest=_digest(raw),
            erased_on=as_utc(now).date(),
            n_responses=counts.n_responses,
            n_answers=counts.n_answers,
            n_comments=counts.n_comments,
        )
    )
    session.flush()
    return "-".join(raw[start : start + CODE_GROUP] for start in range(0, len(raw), CODE_GROUP))


def find_receipt(session: Session, typed: str) -> ErasureReceipt | None:
    """The erasure to which a code belongs, however it was typed; None if there is none."""
    # The digits 0 and 1 are in no code, so whoever reads them means the letters.
    plain = typed[:200].upper().replace("0", "O").replace("1", "I")
    return session.get(ErasureReceipt, _digest("".join(sign for sign in plain if sign.isalnum())))


def _digest(code: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(b"viceversa erasure receipt: " + code.encode()).hexdigest()


def _describe(
    invitation: Invitation, response: ResponseView, partner: str, folders: Sequence[Path], occasion: int
) -> OwnResponse:
    """A response with the words of its questions."""
    wave = invitation.wave
    instrument = instrument_of(wave, folders=folders)
    asked = form_of(wave, response.role, instrument).item_ids
    answers = [
        _describe_answer(instrument, wave.kind, response, item_id, partner)
        for item_id in asked
        if item_id in response.answers
    ]
    return OwnResponse(
        questionnaire=instrument.id,
        version=instrument.version,
        wave=wave.kind,
        occasion=occasion,
        about=partner,
        language=response.locale,
        status=response.state,
        started_on=response.started_on,
        submitted_on=response.submitted_on,
        answers=tuple(answers),
    )


def _describe_answer(
    instrument: Instrument, wave: WaveKind, response: ResponseView, item_id: str, partner: str
) -> OwnAnswer:
    """One answer in words; the wording of a questionnaire that may not be passed on stays out of files."""
    value, locale = response.answers[item_id], response.locale
    question = ""
    if instrument.license.startswith(OPEN_LICENCES):
        stem = instrument.stem_text(item_id, response.role, wave, locale)
        text = instrument.text(item_id, response.role, wave, locale)
        question = " ".join(part for part in (stem, text) if part).replace("{P}", partner)
    return OwnAnswer(
        item=item_id,
        question=question,
        code=value.code,
        answer=_label(instrument, item_id, value, locale),
        missing=value.missing.value if value.missing is not None else "",
        may_be_quoted=None if value.text is None else item_id in response.quotable,
    )


def _label(instrument: Instrument, item_id: str, value: AnswerValue, locale: str) -> str:
    """An answer as it was chosen or written."""
    if value.text is not None:
        return value.text
    if value.missing is not None:
        return instrument.missing_label(value.missing, locale)
    return instrument.option_label(instrument.item(item_id).format, value.code or 0, locale)


def _lines(responses: Sequence[OwnResponse]) -> Iterator[Sequence[object]]:
    """The lines of the table."""
    yield COLUMNS
    for response in responses:
        head = (
            response.questionnaire,
            response.version,
            response.wave.value,
            response.occasion,
            response.about,
            response.status.value,
            response.started_on.isoformat(),
            response.submitted_on.isoformat() if response.submitted_on else "",
        )
        for one in response.answers:
            code = "" if one.code is None else one.code
            quoted = {None: "", True: "yes", False: "no"}[one.may_be_quoted]
            line = (*head, one.item, one.question, code, one.answer, one.missing, quoted)
            yield tuple(_defuse(cell) for cell in line)


def _defuse(cell: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_SIGNS) else cell


def _as_text(value: Any) -> str:
    """What JSON has no word for."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
