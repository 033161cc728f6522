"""The log of meetings: facts for both partners and the coordinator (stream B), and what the pair notes for itself (stream C).

Either partner enters a meeting; the other one sees who did, and calls it right or corrects it. The coordinator reads day, format and
minutes for each pair. Agenda, notes, what was agreed and the next day are the pair's own, in a table of their own that no other room
can read. Nothing here knows of questionnaires: that somebody was asked how a meeting went, or said so, leaves no trace in either table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from surveys.database import as_utc
from surveys.errors import PairError
from surveys.models import Cohort, Invitation, Meeting, MeetingFormat, MeetingNote, Pair
from surveys.pair_rows import hold_pair, take_row
from surveys.written_text import clean_text

MOST_MINUTES = 600
MOST_FOLLOW_UPS = 99
MOST_A_DAY = 5
LONGEST_TEXT = 2000
# Beyond these a date is a slip of the pen. Where a day begins before the one of UTC, today is tomorrow here.
EARLIEST, LATEST = timedelta(days=-730), timedelta(days=1)
FARTHEST_NEXT = timedelta(days=730)


@dataclass(frozen=True)
class MeetingFacts:
    """What both partners and the coordinator may know of a meeting."""

    held_on: date
    took_place: bool
    format: MeetingFormat | None = None
    minutes: int | None = None


@dataclass(frozen=True)
class MeetingView:
    """A meeting as one of the partners sees it."""

    meeting_id: str
    facts: MeetingFacts
    entered_by_me: bool
    confirmed: bool
    version: int


@dataclass(frozen=True)
class NoteView:
    """What the pair noted of a meeting; version 0 stands for nothing yet."""

    had_agenda: bool | None = None
    topics: str = ""
    notes: str = ""
    n_agreed: int | None = None
    n_done: int | None = None
    next_on: date | None = None
    version: int = 0


@dataclass(frozen=True)
class MeetingSummary:
    """What the coordinator reads of a pair: how many meetings were planned and held, and the facts of the last one held."""

    n_planned: int
    n_held: int
    last: MeetingFacts | None


def list_meetings(session: Session, invitation: Invitation) -> tuple[MeetingView, ...]:
    """The meetings of a pair, the newest first."""
    found = session.scalars(
        select(Meeting)
        .where(Meeting.pair_id == invitation.pair_id)
        .order_by(Meeting.held_on.desc(), Meeting.id)
    )
    return tuple(_view(meeting, invitation) for meeting in found)


def find_meeting(session: Session, invitation: Invitation, meeting_id: str) -> MeetingView:
    """One meeting of the pair; raises PairError."""
    meeting = session.get(Meeting, meeting_id[:32])
    if meeting is None or meeting.pair_id != invitation.pair_id:
        raise PairError("not_found")
    return _view(meeting, invitation)


def log_meeting(
    session: Session, invitation: Invitation, given: Mapping[str, str], *, form_key: str, now: datetime
) -> MeetingView:
    """Enter a meeting; the same form sent twice enters one. Raises PairError."""
    facts = read_facts(given, now=now)
    pair_id = hold_pair(session, invitation, now)
    meeting_id = sha256(f"meeting {pair_id} {form_key[:64]}".encode()).hexdigest()[:32]
    meeting = session.get(Meeting, meeting_id)
    if meeting is None:
        that_day = select(func.count()).where(Meeting.pair_id == pair_id, Meeting.held_on == facts.held_on)
        if (session.scalar(that_day) or 0) >= MOST_A_DAY:
            raise PairError("many", field="held_on")
        meeting = Meeting(id=meeting_id, pair_id=pair_id, version=1)
        _put(meeting, facts, invitation)
        session.add(meeting)
        session.flush()
    return _view(meeting, invitation)


def correct_meeting(
    session: Session,
    invitation: Invitation,
    meeting_id: str,
    given: Mapping[str, str],
    *,
    version: str,
    now: datetime,
) -> MeetingView:
    """Give other facts of a meeting; the partner may then call those right. Raises PairError."""
    facts = read_facts(given, now=now)
    meeting = _take(session, invitation, meeting_id, version, now)
    if facts != _facts(meeting):
        _put(meeting, facts, invitation)
        meeting.version += 1
        session.flush()
    return _view(meeting, invitation)


def confirm_meeting(
    session: Session, invitation: Invitation, meeting_id: str, *, version: str, now: datetime
) -> MeetingView:
    """Call right what the partner entered; harmless when repeated, and no use for one's own entry. Raises PairError."""
    meeting = _take(session, invitation, meeting_id, version, now)
    if meeting.entered_by != invitation.participant_id:
        meeting.confirmed = True
        session.flush()
    return _view(meeting, invitation)


def delete_meeting(
    session: Session, invitation: Invitation, meeting_id: str, *, version: str, now: datetime
) -> None:
    """Delete a meeting, and what the pair noted of it; raises PairError."""
    session.delete(_take(session, invitation, meeting_id, version, now))
    session.flush()


def note_of(session: Session, meeting_id: str) -> NoteView:
    """What the pair noted of a meeting; for those who hold the pair's key only."""
    note = session.get(MeetingNote, meeting_id, populate_existing=True)
    if note is None:
        return NoteView()
    return NoteView(
        note.had_agenda, note.topics, note.notes, note.n_agreed, note.n_done, note.next_on, note.version
    )


def save_note(
    session: Session,
    invitation: Invitation,
    meeting_id: str,
    given: Mapping[str, str],
    *,
    version: str,
    now: datetime,
) -> NoteView:
    """Keep what the pair notes of a meeting, for the pair alone; raises PairError."""
    typed = read_note(given, now=now)
    pair_id = hold_pair(session, invitation, now)
    meeting = session.get(Meeting, meeting_id[:32])
    if meeting is None or meeting.pair_id != pair_id:
        raise PairError("gone", field="topics")
    stored = note_of(session, meeting.id)
    if version != str(stored.version):
        raise PairError("changed", field="topics")
    note = session.get(MeetingNote, meeting.id) or MeetingNote(meeting_id=meeting.id)
    note.had_agenda, note.topics, note.notes = typed.had_agenda, typed.topics, typed.notes
    note.n_agreed, note.n_done, note.next_on = typed.n_agreed, typed.n_done, typed.next_on
    note.version = stored.version + 1
    session.add(note)
    session.flush()
    return note_of(session, meeting.id)


def summarise_meetings(session: Session, cohort: Cohort) -> dict[str, MeetingSummary]:
    """What the coordinator reads of each pair of a cohort that has entered a meeting, by the pair's key."""
    found = session.execute(
        select(Meeting.pair_id, Meeting.held_on, Meeting.took_place, Meeting.format, Meeting.minutes)
        .join(Pair, Pair.id == Meeting.pair_id)
        .where(Pair.cohort_id == cohort.id)
    )
    entered: dict[str, list[MeetingFacts]] = {}
    for pair_id, held_on, took_place, kind, minutes in found:
        entered.setdefault(pair_id, []).append(MeetingFacts(held_on, took_place, kind, minutes))
    return {
        pair_id: MeetingSummary(
            len(meetings),
            sum(one.took_place for one in meetings),
            max(
                (one for one in meetings if one.took_place),
                key=lambda one: (one.held_on, one.minutes or 0, one.format or ""),
                default=None,
            ),
        )
        for pair_id, meetings in entered.items()
    }


def read_facts(given: Mapping[str, str], *, now: datetime) -> MeetingFacts:
    """The facts as somebody typed them: `held_on`, `took_place`, `format`, `minutes`; raises PairError naming the field."""
    today = as_utc(now).date()
    held_on = _read_day(given.get("held_on", ""), "held_on", "date")
    if held_on is None or not today + EARLIEST <= held_on <= today + LATEST:
        raise PairError("date", field="held_on")
    answer = given.get("took_place", "")
    if answer not in {"yes", "no"}:
        raise PairError("choice", field="took_place")
    if answer == "no":
        return MeetingFacts(held_on, False)
    if given.get("format", "") not in set(MeetingFormat):
        raise PairError("choice", field="format")
    minutes = _read_number(given.get("minutes", ""), MOST_MINUTES)
    if not minutes:
        raise PairError("minutes", field="minutes", most=MOST_MINUTES)
    return MeetingFacts(held_on, True, MeetingFormat(given["format"]), minutes)


def read_note(given: Mapping[str, str], *, now: datetime) -> NoteView:
    """What the pair notes as somebody typed it, everything optional; raises PairError naming the field."""
    numbers = {}
    for field in ("n_agreed", "n_done"):
        typed = given.get(field, "").strip()
        numbers[field] = _read_number(typed, MOST_FOLLOW_UPS)
        if typed and numbers[field] is None:
            raise PairError("number", field=field, most=MOST_FOLLOW_UPS)
    next_on = _read_day(given.get("next_on", ""), "next_on", "next")
    if next_on is not None and abs(next_on - as_utc(now).date()) > FARTHEST_NEXT:
        raise PairError("next", field="next_on")
    return NoteView(
        {"yes": True, "no": False}.get(given.get("had_agenda", "")),
        _read_text(given, "topics"),
        _read_text(given, "notes"),
        numbers["n_agreed"],
        numbers["n_done"],
        next_on,
    )


def _take(session: Session, invitation: Invitation, meeting_id: str, version: str, now: datetime) -> Meeting:
    """A meeting of the pair, if it is there and nobody has changed it since."""
    return take_row(session, Meeting, invitation, meeting_id, version=version, now=now, field="held_on")


def _put(meeting: Meeting, facts: MeetingFacts, invitation: Invitation) -> None:
    """Write the facts into the row, with who gave them."""
    meeting.held_on, meeting.took_place = facts.held_on, facts.took_place
    meeting.format, meeting.minutes = facts.format, facts.minutes
    meeting.entered_by, meeting.confirmed = invitation.participant_id, False


def _facts(meeting: Meeting) -> MeetingFacts:
    """The facts of a row."""
    return MeetingFacts(meeting.held_on, meeting.took_place, meeting.format, meeting.minutes)


def _view(meeting: Meeting, invitation: Invitation) -> MeetingView:
    """A row as the owner of a link sees it."""
    mine = meeting.entered_by == invitation.participant_id
    return MeetingView(meeting.id, _facts(meeting), mine, meeting.confirmed, meeting.version)


def _read_day(typed: str, field: str, code: str) -> date | None:
    """A day as forms send it; None where nothing was typed."""
    if not typed.strip():
        return None
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise PairError(code, field=field) from None


def _read_number(typed: str, most: int) -> int | None:
    """A whole number up to a limit, in the digits of any script; None if it is none."""
    typed = typed.strip()
    if not typed.isdecimal() or len(typed) > len(str(most)) or int(typed) > most:
        return None
    return int(typed)


def _read_text(given: Mapping[str, str], field: str) -> str:
    """The words of a field as they are kept."""
    words = clean_text(given.get(field, ""))
    if len(words) > LONGEST_TEXT:
        raise PairError("long", field=field, length=len(words), longest=LONGEST_TEXT)
    return words
