"""The log of meetings: facts in one stream, notes in another, and the coordinator's role reads the facts alone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from instruments.model import Role
from surveys import meetings, pair_keys
from surveys.database import make_session_factory
from surveys.errors import PairError
from surveys.goals import add_goal
from surveys.meetings import MeetingFacts, MeetingSummary, NoteView
from surveys.models import Meeting, MeetingFormat
from surveys.roles import ROLE, DatabaseRole
from surveys.withdrawal import withdraw_from_surveys

FACTS = {"held_on": "2026-03-01", "took_place": "yes", "format": "hybrid", "minutes": "45"}
HYBRID = MeetingFormat.HYBRID


@pytest.fixture
def both(world: Any) -> tuple[Any, Any]:
    """The links of the mentor and the mentee of one pair."""
    mentor, mentee = (world.invitation_of(world.pairs[0], role).invitation for role in Role)
    return mentor, mentee


@pytest.fixture
def log(world: Any, both: tuple[Any, Any]) -> Any:
    """Enters a meeting by the mentor, unless somebody else is named."""

    def enter(form_key: str = "a", by: int = 0, **given: str) -> Any:
        return meetings.log_meeting(world.session, both[by], FACTS | given, form_key=form_key, now=world.now)

    return enter


def refused(call: Any, *args: Any, **options: Any) -> tuple[str, Any]:
    with pytest.raises(PairError) as caught:
        call(*args, **options)
    return caught.value.code, caught.value.params.get("field")


class TestFacts:
    def test_both_see_it_and_who_entered_it_and_the_other_one_calls_it_right(
        self, world: Any, both: tuple[Any, Any], log: Any
    ) -> None:
        session, (mentor, mentee) = world.session, both
        entered = log()
        assert log() == entered  # the same form, sent twice
        (seen,) = meetings.list_meetings(session, mentee)
        assert (entered.entered_by_me, seen.entered_by_me, seen.confirmed) == (True, False, False)
        how = {"version": "1", "now": world.now}

        # One's own word is no confirmation.
        assert not meetings.confirm_meeting(session, mentor, entered.meeting_id, **how).confirmed
        assert meetings.confirm_meeting(session, mentee, entered.meeting_id, **how).confirmed
        corrected = meetings.correct_meeting(
            session, mentee, entered.meeting_id, FACTS | {"minutes": "60"}, **how
        )

        assert (corrected.facts.minutes, corrected.entered_by_me, corrected.confirmed) == (60, True, False)
        for call in (meetings.confirm_meeting, meetings.delete_meeting):
            assert refused(call, session, mentor, entered.meeting_id, **how) == ("changed", "held_on")
        assert refused(meetings.correct_meeting, session, mentor, entered.meeting_id, FACTS, **how) == (
            "changed",
            "held_on",
        )
        meetings.delete_meeting(session, mentor, entered.meeting_id, version="2", now=world.now)
        assert meetings.list_meetings(session, mentee) == ()
        assert (
            refused(meetings.correct_meeting, session, mentee, entered.meeting_id, FACTS, **how)[0] == "gone"
        )

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({"held_on": ""}, ("date", "held_on")),
            ({"held_on": "01.03.2026"}, ("date", "held_on")),
            ({"held_on": "2026-03-04"}, ("date", "held_on")),
            ({"held_on": "0202-03-01"}, ("date", "held_on")),
            ({"took_place": ""}, ("choice", "took_place")),
            ({"format": "letter"}, ("choice", "format")),
            ({"minutes": ""}, ("minutes", "minutes")),
            ({"minutes": "0"}, ("minutes", "minutes")),
            ({"minutes": "601"}, ("minutes", "minutes")),
            ({"minutes": "-5"}, ("minutes", "minutes")),
            ({"minutes": "9" * 5000}, ("minutes", "minutes")),
        ],
    )
    def test_what_cannot_be_kept_is_named_with_its_field(
        self, world: Any, both: tuple[Any, Any], given: dict[str, str], problem: tuple[str, str]
    ) -> None:
        how = {"form_key": "a", "now": world.now}
        assert refused(meetings.log_meeting, world.session, both[0], FACTS | given, **how) == problem
        assert meetings.list_meetings(world.session, both[0]) == ()

    def test_a_meeting_that_fell_through_has_no_length_and_digits_may_be_of_any_script(
        self, log: Any
    ) -> None:
        fell = log(took_place="no", minutes="abc", format="")
        urdu = log("b", minutes="۴۵")

        assert fell.facts == MeetingFacts(fell.facts.held_on, False)
        assert urdu.facts.minutes == 45

    def test_a_flood_ends_and_another_pair_reaches_nothing(self, world: Any, both: Any, log: Any) -> None:
        first, *_ = [log(str(number)) for number in range(meetings.MOST_A_DAY)]
        assert refused(log, "more") == ("many", "held_on")

        stranger = world.invitation_of(world.pairs[1], Role.MENTEE).invitation
        how = {"version": "1", "now": world.now}
        assert refused(meetings.find_meeting, world.session, stranger, first.meeting_id)[0] == "not_found"
        assert refused(meetings.delete_meeting, world.session, stranger, first.meeting_id, **how)[0] == "gone"
        given = {"notes": "theirs"}
        note = refused(meetings.save_note, world.session, stranger, first.meeting_id, given, **how)
        assert note == ("gone", "topics")

    def test_the_coordinator_reads_counts_and_the_last_one_held(self, world: Any, log: Any) -> None:
        log("a", held_on="2026-02-10", format="in_person", minutes="30")
        log("b", 1, held_on="2026-02-20")
        log("c", held_on="2026-02-25", took_place="no")

        found = meetings.summarise_meetings(world.session, world.cohort)

        last = MeetingFacts(world.now.date().replace(month=2, day=20), True, HYBRID, 45)
        assert found == {world.pairs[0].id: MeetingSummary(n_planned=3, n_held=2, last=last)}


class TestNotes:
    def test_they_are_the_pairs_and_two_who_write_at_once_notice_each_other(
        self, world: Any, both: tuple[Any, Any], log: Any
    ) -> None:
        session, (mentor, mentee), met = world.session, both, log()
        given = {
            "had_agenda": "no", "topics": "Slides", "notes": "a\u202eb\x00", "n_agreed": "3", "n_done": "0", "next_on": "2026-03-20",
        }  # fmt: skip
        how = {"version": "0", "now": world.now}
        assert meetings.note_of(session, met.meeting_id) == NoteView()
        kept = meetings.save_note(session, mentor, met.meeting_id, given, **how)

        day = world.now.date().replace(day=20)
        assert kept == NoteView(False, "Slides", "ab", 3, 0, day, 1)
        late = refused(meetings.save_note, session, mentee, met.meeting_id, {"notes": "hers"}, **how)
        assert late == ("changed", "topics")
        assert meetings.note_of(session, met.meeting_id) == kept
        (seen,) = meetings.list_meetings(session, mentee)
        assert (seen.version, seen.facts.minutes) == (1, 45)

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({"n_agreed": "100"}, ("number", "n_agreed")),
            ({"n_done": "two"}, ("number", "n_done")),
            ({"next_on": "soon"}, ("next", "next_on")),
            ({"next_on": "9999-12-31"}, ("next", "next_on")),
            ({"notes": "x" * 2001}, ("long", "notes")),
        ],
    )
    def test_what_cannot_be_kept_is_named_with_its_field(
        self, world: Any, both: Any, log: Any, given: dict[str, str], problem: tuple[str, str]
    ) -> None:
        met, how = log(), {"version": "0", "now": world.now}
        assert refused(meetings.save_note, world.session, both[0], met.meeting_id, given, **how) == problem
        assert meetings.note_of(world.session, met.meeting_id).version == 0

    def test_they_go_with_their_meeting(self, world: Any, both: Any, log: Any) -> None:
        met, how = log(), {"now": world.now}
        meetings.save_note(world.session, both[0], met.meeting_id, {"notes": "n"}, version="0", **how)
        meetings.delete_meeting(world.session, both[1], met.meeting_id, version="1", **how)

        assert meetings.note_of(world.session, met.meeting_id) == NoteView()


def test_the_database_refuses_facts_that_contradict_each_other(world: Any) -> None:
    row = {
        "pair_id": world.pairs[0].id, "held_on": world.now.date(), "took_place": True, "format": HYBRID, "minutes": 30,
        "entered_by": world.pairs[0].mentor_id, "confirmed": False, "version": 1,
    }  # fmt: skip
    for wrong in ({"took_place": False}, {"minutes": None}, {"minutes": 0}, {"format": None}):
        with pytest.raises(IntegrityError), world.session.begin_nested():
            world.session.add(Meeting(**row | wrong))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_coordinators_role_reads_the_facts_and_nothing_the_pair_shares(
    world: Any, both: Any, log: Any, engine: Any
) -> None:
    now = world.now
    add_goal(world.session, both[0], {"text": "Listen"}, form_key="a", now=now)
    pair_keys.open_pair(world.session, both[0], now=now)
    meetings.save_note(world.session, both[0], log().meeting_id, {"notes": "n"}, version="0", now=now)
    world.session.commit()
    factory = make_session_factory(engine)

    def ask(role: DatabaseRole, statement: str) -> bool:
        with factory(info={ROLE: role}) as session:
            try:
                session.execute(text(statement)).all()
            except DBAPIError:
                return False
        return True

    shared = [f"SELECT 1 FROM shared_{name}" for name in ("goal", "note", "key")]
    own = [*shared, "SELECT entered_by FROM addressed_meeting", "SELECT xmin FROM addressed_meeting"]
    for role in set(DatabaseRole) - {DatabaseRole.PARTICIPANT}:
        assert [one for one in own if ask(role, one)] == []
    # The control: what each of the two needs.
    assert all(ask(DatabaseRole.PARTICIPANT, one) for one in own)
    facts = "SELECT pair_id, held_on, took_place, format, minutes FROM addressed_meeting"
    assert {role for role in DatabaseRole if ask(role, facts)} == {
        DatabaseRole.PARTICIPANT,
        DatabaseRole.COORDINATOR,
    }
    with factory(info={ROLE: DatabaseRole.COORDINATOR}) as session:
        assert len(meetings.summarise_meetings(session, world.cohort)) == 1


def test_a_partner_who_leaves_the_surveys_leaves_what_both_own(world: Any, both: Any, log: Any) -> None:
    met = log()
    meetings.save_note(world.session, both[0], met.meeting_id, {"notes": "ours"}, version="0", now=world.now)
    withdraw_from_surveys(
        world.session, both[0].participant, pseudonyms=world.pseudonyms, now=world.now + timedelta(hours=1)
    )

    assert meetings.note_of(world.session, met.meeting_id).notes == "ours"
    (seen,) = meetings.list_meetings(world.session, both[1])
    assert seen.facts == met.facts
