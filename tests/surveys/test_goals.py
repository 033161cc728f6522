"""Goals and the key of a pair: two partners who edit at once notice each other, and a hostile text does nothing."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.model import Role
from surveys import goals, meetings, pair_keys
from surveys.errors import InvitationError, PairError
from surveys.goals import GoalWords, add_goal, change_goal, delete_goal, list_goals
from surveys.invitations import revoke_invitation
from surveys.models import Goal, Meeting, MeetingNote, PairKey

WORDS = {
    "text": "Speak first", "level-2": "never", "level-1": "now and then", "level0": "every second time", "level1": "mostly",
    "level2": "always", "baseline": "-2", "weight": "3",
}  # fmt: skip
FACTS = {"held_on": "2026-03-01", "took_place": "no"}


@pytest.fixture
def both(world: Any) -> tuple[Any, Any]:
    """The links of the mentor and the mentee of one pair."""
    mentor, mentee = (world.invitation_of(world.pairs[0], role).invitation for role in Role)
    return mentor, mentee


def refused(call: Any, *args: Any, **options: Any) -> PairError:
    with pytest.raises(PairError) as caught:
        call(*args, **options)
    return caught.value


class TestGoals:
    def test_both_write_and_read_the_same_goals(self, world: Any, both: tuple[Any, Any]) -> None:
        session, (mentor, mentee) = world.session, both
        first = add_goal(session, mentor, WORDS, form_key="a", now=world.now)
        again = add_goal(session, mentor, WORDS, form_key="a", now=world.now)
        second = add_goal(session, mentee, {"text": "Listen"}, form_key="b", now=world.now)

        levels = ("never", "now and then", "every second time", "mostly", "always")
        assert first.words == GoalWords("Speak first", levels, -2, 3)
        assert again == first
        assert second.words == GoalWords("Listen", ("",) * 5, -1, 1)
        assert [(one.position, one.version) for one in list_goals(session, mentor.pair_id)] == [
            (1, 1),
            (2, 1),
        ]
        assert list_goals(session, world.pairs[1].id) == ()

    def test_whoever_is_overtaken_is_told_and_nothing_is_written(
        self, world: Any, both: tuple[Any, Any]
    ) -> None:
        session, (mentor, mentee) = world.session, both
        goal = add_goal(session, mentor, WORDS, form_key="a", now=world.now)
        changed = change_goal(
            session, mentee, goal.goal_id, WORDS | {"text": "Hers"}, version="1", now=world.now
        )
        unchanged = change_goal(
            session, mentee, goal.goal_id, WORDS | {"text": "Hers"}, version="2", now=world.now
        )

        his = {"version": "1", "now": world.now}
        assert refused(change_goal, session, mentor, goal.goal_id, WORDS, **his).code == "changed"
        assert refused(delete_goal, session, mentor, goal.goal_id, **his).code == "changed"
        assert (changed.version, unchanged.version) == (2, 2)
        assert [one.words.text for one in list_goals(session, mentor.pair_id)] == ["Hers"]

        delete_goal(session, mentee, goal.goal_id, version="2", now=world.now)
        assert refused(change_goal, session, mentor, goal.goal_id, WORDS, **his).code == "gone"

    def test_a_place_that_became_free_is_taken_next_and_the_others_keep_theirs(
        self, world: Any, both: tuple[Any, Any]
    ) -> None:
        session, (mentor, _) = world.session, both
        made = [
            add_goal(session, mentor, {"text": name}, form_key=name, now=world.now)
            for name in ("a", "b", "c")
        ]
        assert refused(add_goal, session, mentor, WORDS, form_key="d", now=world.now).code == "full"

        delete_goal(session, mentor, made[1].goal_id, version="1", now=world.now)
        add_goal(session, mentor, {"text": "d"}, form_key="d", now=world.now)

        assert [one.words.text for one in list_goals(session, mentor.pair_id)] == ["a", "d", "c"]

    @pytest.mark.parametrize(
        ("given", "code", "field"),
        [
            ({"text": " \x00\u202e "}, "empty", "text"),
            ({"text": "🎯" * 501}, "long", "text"),
            ({"level1": "x" * 501}, "long", "level1"),
            ({"baseline": "0"}, "choice", "baseline"),
            ({"weight": "4"}, "choice", "weight"),
        ],
    )
    def test_what_cannot_be_kept_is_named_with_its_field(
        self, world: Any, both: tuple[Any, Any], given: dict[str, str], code: str, field: str
    ) -> None:
        error = refused(add_goal, world.session, both[0], WORDS | given, form_key="a", now=world.now)

        assert (error.code, error.params["field"]) == (code, field)
        assert list_goals(world.session, both[0].pair_id) == ()

    def test_direction_signs_are_taken_out_and_emoji_stay(self, world: Any, both: tuple[Any, Any]) -> None:
        text = "a\u202eb\u2066c 👩\u200d🔧 é"
        goal = add_goal(world.session, both[0], {"text": text}, form_key="a", now=world.now)

        assert goal.words.text == "abc 👩\u200d🔧 é"

    def test_another_pair_and_a_link_that_ended_reach_nothing(
        self, world: Any, both: tuple[Any, Any]
    ) -> None:
        session = world.session
        goal = add_goal(session, both[0], WORDS, form_key="a", now=world.now)
        stranger = world.invitation_of(world.pairs[1], Role.MENTOR).invitation
        how = {"version": "1", "now": world.now}

        assert refused(change_goal, session, stranger, goal.goal_id, WORDS, **how).code == "gone"
        assert refused(delete_goal, session, stranger, goal.goal_id, **how).code == "gone"
        revoke_invitation(session, both[1], now=world.now)
        with pytest.raises(InvitationError):
            change_goal(session, both[1], goal.goal_id, WORDS, **how)

    def test_the_database_refuses_what_the_page_would(self, world: Any) -> None:
        for wrong in ({"baseline": 0}, {"version": 0}):
            row = {"pair_id": world.pairs[0].id, "position": 1, "text": "t", "levels": [], "weight": 1}
            with pytest.raises(IntegrityError), world.session.begin_nested():
                world.session.add(Goal(**row | wrong))


class TestKey:
    def test_the_first_one_opens_it_and_nobody_opens_it_twice(
        self, world: Any, both: tuple[Any, Any]
    ) -> None:
        session, (mentor, mentee) = world.session, both
        assert pair_keys.find_secret(session, mentor.pair_id) is None
        secret = pair_keys.open_pair(session, mentee, now=world.now)

        assert pair_keys.find_secret(session, mentor.pair_id) == secret
        assert refused(pair_keys.open_pair, session, mentor, now=world.now).code == "opened"
        assert pair_keys.find_secret(session, world.pairs[1].id) is None

    def test_starting_over_deletes_what_was_shared_and_changes_the_key(
        self, world: Any, both: tuple[Any, Any]
    ) -> None:
        session, (mentor, mentee) = world.session, both
        secret = pair_keys.open_pair(session, mentor, now=world.now)
        add_goal(session, mentor, WORDS, form_key="a", now=world.now)
        met = meetings.log_meeting(session, mentor, FACTS, form_key="a", now=world.now)
        meetings.save_note(session, mentor, met.meeting_id, {"notes": "n"}, version="0", now=world.now)
        other = world.invitation_of(world.pairs[1], Role.MENTOR).invitation
        pair_keys.open_pair(session, other, now=world.now)
        add_goal(session, other, WORDS, form_key="b", now=world.now)

        assert pair_keys.start_over(session, mentee, now=world.now) != secret

        left = {
            table: len(session.scalars(select(table)).all())
            for table in (Goal, MeetingNote, Meeting, PairKey)
        }
        # The facts belong to the coordinator's side, and the other pair keeps everything.
        assert left == {Goal: 1, MeetingNote: 0, Meeting: 1, PairKey: 2}


def test_two_partners_who_add_the_last_goal_at_once_take_turns(
    world: Any, both: tuple[Any, Any], engine: Any
) -> None:
    """Each in a transaction of their own, the second begun before the first is committed."""
    from concurrent.futures import ThreadPoolExecutor

    for name in ("a", "b"):
        add_goal(world.session, both[0], {"text": name}, form_key=name, now=world.now)
    world.session.commit()

    def add(place: int) -> str:
        with Session(engine) as session:
            invitation = session.get_one(type(both[place]), both[place].id)
            try:
                goals.add_goal(
                    session, invitation, {"text": f"last {place}"}, form_key=str(place), now=world.now
                )
                session.commit()
            except PairError as error:
                return error.code
        return "added"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(add, range(2))) == ["added", "full"]
