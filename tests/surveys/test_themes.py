"""Comments are read only under the rule, and a theme says nothing that fewer people than promised stand behind."""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from instruments.model import Role, WaveKind
from surveys import accounts, comments, pledges, programs, responses, theme_publishing, themes, waves
from surveys.errors import AccessDeniedError, ModerationError, ThemeError, ThemesDamagedError
from surveys.models import (
    AuditChain,
    AuditEvent,
    Comment,
    Membership,
    MembershipRole,
    Pledge,
    Program,
    Response,
    Theme,
    ThemeSupport,
    User,
    Wave,
    WaveThemes,
)
from surveys.published_themes import themes_of
from surveys.retention import apply_retention
from surveys.themes import ThemeDraft
from surveys.withdrawal import withdraw_from_surveys

WORKED, DIFFERENT = "OE1", "OE2"


@dataclass
class Room:
    """A cohort whose wave has two open questions, and a moderator who has signed."""

    session: Session
    opened: datetime
    pseudonyms: Any
    program: Program
    wave: Wave
    moderator: User
    pairs: list[Any]
    issued: list[Any]

    @property
    def now(self) -> datetime:
        """A moment after the wave."""
        return self.wave.closes_at + timedelta(hours=1)

    @property
    def reading(self) -> dict[str, Any]:
        """What every use case of moderation is told."""
        return {"reader": self.moderator, "now": self.now}

    def write(
        self,
        number: int,
        *,
        quotable: Iterable[str] = (),
        locale: str = "en",
        pair: int | None = None,
        **texts: str,
    ) -> None:
        """The mentor of a pair writes and sends."""
        person = self.pairs[number].mentor_id
        about = self.pairs[number if pair is None else pair].id
        link = next(i for i in self.issued if (i.participant_id, i.pair_id) == (person, about))
        responses.submit_response(
            self.session,
            link.invitation,
            {item: AnswerValue(text=text) for item, text in texts.items()},
            pseudonyms=self.pseudonyms,
            locale=locale,
            now=self.opened,
            quotable=set(quotable),
        )

    def everybody_writes(self, n_people: int, item: str = WORKED, **more: Any) -> None:
        """So many different people answer one question."""
        for number in range(n_people):
            self.write(number, **{item: f"{item} by {number}"}, **more)

    def keys(self, *numbers: int, item: str = WORKED) -> frozenset[str]:
        """The keys of what these people wrote."""
        texts = [f"{item} by {number}" for number in numbers]
        return frozenset(self.session.scalars(select(Comment.key).where(Comment.text.in_(texts))))

    def add(self, supporters: frozenset[str], *, item: str = WORKED, **changes: Any) -> str:
        """Keep a theme."""
        words = {"locale": "en", "title": "Fixed dates", "summary": "Fixed dates helped."} | changes
        draft = ThemeDraft(supporters=supporters, **words)
        return themes.add_theme(self.session, self.wave, item, draft, **self.reading)

    def publish(self) -> theme_publishing.Publication:
        """Look at what would be published, and publish it."""
        seen = theme_publishing.prepare_publication(self.session, self.wave, **self.reading)
        return theme_publishing.publish_themes(self.session, self.wave, seen=seen.digest, **self.reading)


@pytest.fixture
def add_user(session: Session, cheap_hasher: Any, now: datetime) -> Callable[[str], User]:
    """Adds somebody who signs in."""

    def add(name: str) -> User:
        address = f"{name.lower()}@example.org"
        return accounts.add_user(
            session, email=address, name=name, password="x" * 20, now=now, hasher=cheap_hasher
        )

    return add


@pytest.fixture
def make_room(scene: Any, add_user: Callable[[str], User]) -> Callable[..., Room]:
    """Makes a room with so many pairs; `doubled` lets the first mentor answer about the second pair too."""

    def make(n_pairs: int = 15, *, doubled: bool = False) -> Room:
        session, now = scene.session, scene.now
        pairs = scene.add_pairs(n_pairs)
        if doubled:
            first, extra = pairs[0].mentor, scene.add_person(Role.MENTEE, "Extra")
            pairs.append(
                programs.add_pair(
                    session, scene.cohort, mentor=first, mentee=extra, started_on=now.date(), now=now
                )
            )
        core = get_instrument("core-battery", "0.1.0")
        wave = waves.schedule_wave(
            session,
            scene.cohort,
            WaveKind.T3B,
            core,
            opens_at=now,
            closes_at=now + timedelta(days=7),
            now=now,
        )
        issued = scene.invite(wave)
        moderator = add_user("Mira")
        program = scene.cohort.program
        accounts.add_membership(session, moderator, program, MembershipRole.MODERATOR, now=now)
        pledges.sign_pledge(session, moderator, program, digest=pledges.pledge_digest(), now=now)
        session.commit()
        return Room(session, now, scene.pseudonyms, program, wave, moderator, pairs, issued)

    return make


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    """A cohort of 15 pairs, ten of whose mentors have answered the first question."""
    room = make_room()
    room.everybody_writes(10)
    return room


def code_of(action: Callable[[], object], error: type[Any] = ThemeError) -> str:
    """The code with which something is refused."""
    with pytest.raises(error) as refused:
        action()
    return refused.value.code


class TestWhoMayRead:
    def test_nobody_reads_before_signing_the_rule(self, room: Room) -> None:
        room.session.delete(room.session.scalars(select(Pledge)).one())
        room.session.flush()

        read = lambda: comments.read_comments(room.session, room.wave, WORKED, **room.reading)  # noqa: E731
        assert code_of(read, ModerationError) == "pledge"
        assert code_of(lambda: room.add(frozenset()), ModerationError) == "pledge"
        pledges.sign_pledge(
            room.session, room.moderator, room.program, digest=pledges.pledge_digest(), now=room.now
        )
        assert len(read()) == 10

    def test_another_text_than_the_one_in_force_cannot_be_signed(self, room: Room) -> None:
        sign = lambda: pledges.sign_pledge(  # noqa: E731
            room.session, room.moderator, room.program, digest="0" * 64, now=room.now
        )

        assert code_of(sign, ModerationError) == "pledge_changed"

    def test_a_new_text_has_to_be_signed_anew(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pledges, "PLEDGE_VERSION", "2")

        assert not pledges.has_signed(room.session, room.moderator, room.program)

    def test_the_signature_is_kept_with_day_and_digest_and_once(self, room: Room) -> None:
        for _ in range(2):
            pledges.sign_pledge(
                room.session, room.moderator, room.program, digest=pledges.pledge_digest(), now=room.now
            )

        signed = room.session.scalars(select(Pledge)).one()
        assert (signed.digest, signed.signed_on) == (pledges.pledge_digest(), room.opened.date())

    @pytest.mark.parametrize("role", [None, "coordinator", "researcher", "overseer", "custodian"])
    def test_no_other_office_reads_or_signs(
        self, room: Room, add_user: Callable[[str], User], role: str | None
    ) -> None:
        other = add_user("Otto")
        if role:
            accounts.add_membership(room.session, other, room.program, role, now=room.now)
        told = {"reader": other, "now": room.now}
        draft = ThemeDraft("en", "Title", "Summary")

        for action in (
            lambda: comments.read_comments(room.session, room.wave, WORKED, **told),
            lambda: comments.commented_waves(room.session, room.program, **told),
            lambda: themes.list_themes(room.session, room.wave, WORKED, **told),
            lambda: themes.add_theme(room.session, room.wave, WORKED, draft, **told),
            lambda: theme_publishing.prepare_publication(room.session, room.wave, **told),
            lambda: theme_publishing.publish_themes(room.session, room.wave, seen="", **told),
            lambda: pledges.pass_on(room.session, other, room.program, now=room.now),
            lambda: pledges.sign_pledge(
                room.session, other, room.program, digest=pledges.pledge_digest(), now=room.now
            ),
        ):
            assert code_of(action, AccessDeniedError) == "access"

    def test_a_moderator_who_came_to_coordinate_or_take_part_after_all_reads_nothing_more(
        self, room: Room
    ) -> None:
        """Granting refuses both; a roster imported later and a hand in the database do not ask."""
        read = lambda: comments.read_comments(room.session, room.wave, WORKED, **room.reading)  # noqa: E731
        assert read()
        planted = Membership(
            user_id=room.moderator.id, program_id=room.program.id, role=MembershipRole.COORDINATOR
        )
        room.session.add(planted)
        room.session.flush()
        assert code_of(read, AccessDeniedError) == "access"
        room.session.delete(planted)
        programs.add_participant(
            room.session,
            room.program,
            role=Role.MENTEE,
            name="Mira",
            email=room.moderator.email,
            now=room.now,
        )
        assert code_of(read, AccessDeniedError) == "access"

    def test_nothing_is_read_while_people_can_still_answer(self, room: Room) -> None:
        told = {"reader": room.moderator, "now": room.wave.closes_at - timedelta(seconds=1)}

        read = lambda: comments.read_comments(room.session, room.wave, WORKED, **told)  # noqa: E731
        assert code_of(read, ModerationError) == "still_open"
        assert comments.commented_waves(room.session, room.program, **told) == []
        assert comments.commented_waves(room.session, room.program, **room.reading) == [room.wave]

    def test_what_was_saved_but_not_sent_is_read_by_nobody(self, room: Room) -> None:
        link = next(i for i in room.issued if i.participant_id == room.pairs[12].mentor_id)
        responses.save_page(
            room.session,
            link.invitation,
            "comments",
            {WORKED: AnswerValue(text="Not sent.")},
            pseudonyms=room.pseudonyms,
            locale="en",
            now=room.opened,
        )

        read = comments.read_comments(room.session, room.wave, WORKED, **room.reading)
        assert "Not sent." not in {comment.text for comment in read}


class TestOrder:
    @staticmethod
    def order_of_people(session: Session, read: Iterable[comments.ReadComment]) -> list[str]:
        """Whose comments stand where."""
        author = dict(
            session.execute(
                select(Comment.key, Response.respondent_key).join(
                    Response, Response.key == Comment.response_key
                )
            ).all()
        )
        return [author[comment.key] for comment in read]

    def test_orders_of_two_questions_have_nothing_to_do_with_each_other(self, room: Room) -> None:
        """Even if the generator gives both questions the very same shuffle."""
        for number in range(10):
            room.write(number, **{WORKED: f"a{number}", DIFFERENT: f"b{number}"})
        orders = [
            self.order_of_people(
                room.session,
                comments.read_comments(
                    room.session, room.wave, item, rng=random.Random(seed), **room.reading
                ),
            )
            for item, seed in ((WORKED, 5), (DIFFERENT, 5), (WORKED, 6))
        ]

        assert orders[0] != orders[1]
        assert orders[0] != orders[2]
        # Sorted by person both would be the same: that is what the comparison must notice.
        assert sorted(orders[0]) == sorted(orders[1])

    def test_the_shuffle_is_what_mixes(self, room: Room) -> None:
        class Lazy(random.Random):
            def shuffle(self, x: Any) -> None:
                """Leave everything as it is."""

        first, second = (
            comments.read_comments(room.session, room.wave, WORKED, rng=Lazy(), **room.reading)
            for _ in range(2)
        )
        assert first == second
        drawn = {comments.read_comments(room.session, room.wave, WORKED, **room.reading) for _ in range(5)}
        assert len(drawn) > 1

    def test_a_comment_is_read_with_text_language_and_tick_and_nothing_else(self, room: Room) -> None:
        room.write(0, quotable=[WORKED], **{WORKED: "Text"})

        read = next(
            one
            for one in comments.read_comments(room.session, room.wave, WORKED, **room.reading)
            if one.text == "Text"
        )
        assert vars(read).keys() == {"key", "text", "locale", "may_be_quoted"}
        assert (read.locale, read.may_be_quoted) == ("en", True)

    @pytest.mark.parametrize(("n_readers", "told"), [(1, ""), (4, ""), (5, "de")])
    def test_a_language_that_few_chose_is_not_told(
        self, make_room: Callable[..., Room], n_readers: int, told: str
    ) -> None:
        room = make_room()
        for number in range(12):
            # Everybody writes English; only the pages were in another language.
            room.write(number, locale="de" if number < n_readers else "en", **{WORKED: f"{number}"})
        seen = {
            one.text: one.locale
            for one in comments.read_comments(room.session, room.wave, WORKED, **room.reading)
        }

        assert {seen[str(number)] for number in range(n_readers)} == {told}
        assert {seen[str(number)] for number in range(n_readers, 12)} == {"en"}


class TestTick:
    def test_the_tick_goes_with_the_text_and_is_off_unless_set(self, make_room: Callable[..., Room]) -> None:
        room = make_room(2)
        room.write(0, quotable=[WORKED], **{WORKED: "One", DIFFERENT: "Two"})
        ticks = dict(room.session.execute(select(Comment.text, Comment.may_be_quoted)).all())
        assert ticks == {"One": True, "Two": False}

        room.write(0, **{WORKED: "One"})
        ticks = dict(room.session.execute(select(Comment.text, Comment.may_be_quoted)).all())
        assert ticks == {"One": False, "Two": False}

    def test_a_tick_for_a_question_of_another_kind_does_nothing(self, world: Any) -> None:
        told = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        saved = responses.save_page(
            world.session,
            world.issued[0].invitation,
            "meetings",
            {"A1": AnswerValue(code=4)},
            quotable={"A1", "R1", "nonsense"},
            **told,
        )

        assert saved.quotable == frozenset()


class TestRules:
    def test_nine_people_get_no_theme_and_ten_do(self, make_room: Callable[..., Room]) -> None:
        room = make_room()
        room.everybody_writes(9)
        assert code_of(lambda: room.add(room.keys(0, 1, 2))) == "few_people"
        room.write(9, **{WORKED: f"{WORKED} by 9"})

        room.add(room.keys(0, 1, 2))
        room.publish()
        assert [theme.title for theme in themes_of(room.session, room.wave)[WORKED].themes] == ["Fixed dates"]

    def test_ten_comments_of_nine_people_are_too_few(self, make_room: Callable[..., Room]) -> None:
        room = make_room(doubled=True)
        room.everybody_writes(9)
        room.write(0, pair=15, **{WORKED: "About the other pair"})

        assert len(comments.read_comments(room.session, room.wave, WORKED, **room.reading)) == 10
        assert code_of(lambda: room.add(frozenset())) == "few_people"

    @pytest.mark.parametrize(("raised", "enough"), [(10, True), (11, False)])
    def test_a_raised_floor_counts_where_it_is_higher(self, room: Room, raised: int, enough: bool) -> None:
        programs.raise_floor(room.session, room.program, raised, now=room.now)

        assert comments.has_enough_people(room.session, room.wave, WORKED) is enough
        assert comments.theme_floor(room.wave) == raised

    def test_three_comments_carry_a_theme_where_everybody_has_one_pair(self, room: Room) -> None:
        room.add(room.keys(0, 1))
        prepare = lambda: theme_publishing.prepare_publication(room.session, room.wave, **room.reading)  # noqa: E731
        assert code_of(prepare) == "few_supporters"
        (theme,) = themes.list_themes(room.session, room.wave, WORKED, **room.reading)
        draft = replace(theme.draft, supporters=room.keys(0, 1, 2))
        themes.change_theme(
            room.session, room.wave, WORKED, theme.key, draft, version=theme.version, **room.reading
        )

        assert prepare().bodies[WORKED]["themes"]

    @pytest.mark.parametrize("numbers", list(combinations((0, 1, 2, 99), 3)))
    def test_whichever_comments_are_tried_out_the_answer_never_tells_which_two_come_from_one_person(
        self, make_room: Callable[..., Room], numbers: tuple[int, ...]
    ) -> None:
        room = make_room(doubled=True)
        room.everybody_writes(10)
        room.write(0, pair=15, **{WORKED: f"{WORKED} by 99"})
        room.add(room.keys(*numbers))

        # Three comments may be two people's here, so three never carry a theme; four are always three people's.
        assert comments.least_supporters(room.session, room.wave) == 4
        (theme,) = themes.list_themes(room.session, room.wave, WORKED, **room.reading)
        assert not theme.is_supported
        prepare = lambda: theme_publishing.prepare_publication(room.session, room.wave, **room.reading)  # noqa: E731
        assert code_of(prepare) == "few_supporters"
        draft = replace(theme.draft, supporters=room.keys(0, 1, 2, 99))
        themes.change_theme(
            room.session, room.wave, WORKED, theme.key, draft, version=theme.version, **room.reading
        )
        assert prepare().bodies[WORKED]["themes"]
        authors = comments.authors_of(room.session, room.wave, WORKED)
        assert len({authors[key] for key in draft.supporters}) == 3

    @pytest.mark.parametrize(("n_pairs", "refusal"), [(14, "quote_small_cohort"), (15, None)])
    def test_quotes_need_a_cohort_of_fifteen_pairs(
        self, make_room: Callable[..., Room], n_pairs: int, refusal: str | None
    ) -> None:
        room = make_room(n_pairs)
        room.everybody_writes(10, quotable=[WORKED])
        (first,) = room.keys(0)
        add = lambda: room.add(room.keys(0, 1, 2), quotes={first: "We met."})  # noqa: E731

        if refusal:
            assert code_of(add) == refusal
            return
        add()
        room.publish()
        (theme,) = themes_of(room.session, room.wave)[WORKED].themes
        assert theme.quotes == ("We met.",)

    def test_pairs_that_join_later_do_not_make_a_cohort_larger(
        self, make_room: Callable[..., Room], scene: Any
    ) -> None:
        room = make_room(14)
        programs.add_pair(
            room.session,
            scene.cohort,
            mentor=scene.add_person(Role.MENTOR, "Late"),
            mentee=scene.add_person(Role.MENTEE, "Later"),
            now=room.now,
        )

        assert programs.count_pairs(room.session, scene.cohort) == 15
        assert not comments.may_quote(room.session, room.wave)

    def test_only_ticked_and_supporting_comments_are_quoted(self, room: Room) -> None:
        room.write(0, quotable=[WORKED], **{WORKED: f"{WORKED} by 0"})
        (ticked,), (other,) = room.keys(0), room.keys(1)
        three = room.keys(0, 1, 2)

        assert code_of(lambda: room.add(three, quotes={other: "No"})) == "quote_not_allowed"
        assert code_of(lambda: room.add(room.keys(1, 2, 3), quotes={ticked: "No"})) == "quote_without_support"
        assert room.add(three, quotes={ticked: "Yes", other: "   "})

    def test_a_comment_on_another_question_or_of_nobody_supports_nothing(self, room: Room) -> None:
        room.everybody_writes(10, DIFFERENT)
        elsewhere = room.keys(0, 1, 2, item=DIFFERENT)

        assert code_of(lambda: room.add(elsewhere)) == "unknown_comment"
        assert code_of(lambda: room.add(frozenset({"f" * 32}))) == "unknown_comment"
        assert room.session.scalars(select(Theme)).all() == []

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"title": ""}, "title"),
            ({"title": " \u202e\u2066 \n"}, "title"),
            ({"title": " \u200b\u2060 "}, "title"),
            ({"title": "x" * 121}, "title"),
            ({"summary": "\x00\x07"}, "summary"),
            ({"summary": "x" * 10_000}, "summary"),
            ({"locale": "xx"}, "locale"),
            ({"locale": ""}, "locale"),
        ],
    )
    def test_texts_have_to_be_there_and_not_too_long(self, room: Room, changes: Any, code: str) -> None:
        assert code_of(lambda: room.add(room.keys(0, 1, 2), **changes)) == code
        assert room.session.scalars(select(Theme)).all() == []

    def test_signs_that_turn_or_hide_are_taken_out_and_joiners_stay(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2), title="a\u202eb\tc\x00", summary="می\u200cخواهم\r\nx\u2068y")

        (theme,) = themes.list_themes(room.session, room.wave, WORKED, **room.reading)
        assert (theme.draft.title, theme.draft.summary) == ("ab c", "می\u200cخواهم\nxy")

    def test_a_name_of_the_roster_is_warned_of_until_somebody_has_looked(self, room: Room) -> None:
        draft = ThemeDraft("en", "Dates", "JUNIOR3 kept them")  # the letters only: Junior
        assert code_of(lambda: room.add(room.keys(0, 1, 2), summary=draft.summary)) == "roster_word"

        themes.add_theme(room.session, room.wave, WORKED, draft, names_checked=True, **room.reading)
        assert len(themes.list_themes(room.session, room.wave, WORKED, **room.reading)) == 1

    def test_there_is_an_end_to_themes(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(themes, "MOST_THEMES", 1)
        room.add(room.keys(0, 1, 2))

        assert code_of(lambda: room.add(room.keys(0, 1, 2))) == "too_many"


class TestTwoModerators:
    def test_the_slower_one_is_told_and_nothing_is_lost(self, room: Room) -> None:
        key = room.add(room.keys(0, 1, 2))
        change = lambda title, version: themes.change_theme(  # noqa: E731
            room.session, room.wave, WORKED, key,
            ThemeDraft("en", title, "Summary", room.keys(0, 1, 2)), version=version, **room.reading,
        )  # fmt: skip
        change("First", 1)

        assert code_of(lambda: change("Second", 1)) == "changed_meanwhile"
        stored = themes.get_theme(room.session, room.wave, WORKED, key, **room.reading)
        assert stored is not None
        assert (stored.draft.title, stored.version) == ("First", 2)
        change("Second", 2)

    def test_a_theme_is_deleted_only_as_it_was_seen(self, room: Room) -> None:
        key = room.add(room.keys(0, 1, 2))
        delete = lambda version: themes.delete_theme(  # noqa: E731
            room.session, room.wave, WORKED, key, version=version, **room.reading
        )

        assert code_of(lambda: delete(2)) == "changed_meanwhile"
        delete(1)
        assert code_of(lambda: delete(1)) == "deleted_meanwhile"
        assert room.session.scalars(select(ThemeSupport)).all() == []

    def test_a_draft_that_changed_since_it_was_looked_at_is_not_published(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2))
        seen = theme_publishing.prepare_publication(room.session, room.wave, **room.reading)
        room.add(room.keys(3, 4, 5), title="Another")

        publish = lambda: theme_publishing.publish_themes(  # noqa: E731
            room.session, room.wave, seen=seen.digest, **room.reading
        )
        assert code_of(publish) == "publication_changed"
        assert themes_of(room.session, room.wave) == {}

    def test_of_two_who_publish_at_once_one_is_told(
        self, room: Room, session_factory: sessionmaker[Session]
    ) -> None:
        room.add(room.keys(0, 1, 2))
        seen = theme_publishing.prepare_publication(room.session, room.wave, **room.reading).digest
        room.session.commit()
        start = Barrier(2)

        def publish(_number: int) -> str:
            with session_factory() as session:
                wave, reader = session.get_one(Wave, room.wave.id), session.get_one(User, room.moderator.id)
                session.rollback()
                start.wait(timeout=10)
                try:
                    theme_publishing.publish_themes(session, wave, seen=seen, reader=reader, now=room.now)
                    session.commit()
                except ThemeError as error:
                    return error.code
                return "done"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(publish, range(2))) == ["done", "published"]
        room.session.expire_all()
        assert len(room.session.scalars(select(WaveThemes)).all()) == 1


class TestPublishing:
    def test_nothing_changes_afterwards_whatever_is_tried(self, room: Room) -> None:
        key = room.add(room.keys(0, 1, 2))
        room.publish()
        before = themes_of(room.session, room.wave)
        again = ThemeDraft("en", "Other", "Other", room.keys(0, 1, 2))

        for action in (
            lambda: room.add(room.keys(0, 1, 2)),
            lambda: themes.change_theme(
                room.session, room.wave, WORKED, key, again, version=1, **room.reading
            ),
            lambda: themes.delete_theme(room.session, room.wave, WORKED, key, version=1, **room.reading),
            room.publish,
        ):
            assert code_of(action) == "published"
        assert themes_of(room.session, room.wave) == before

    def test_an_erasure_takes_support_from_drafts_and_nothing_from_what_is_published(
        self, room: Room
    ) -> None:
        room.everybody_writes(15)
        room.write(0, quotable=[WORKED], **{WORKED: f"{WORKED} by 0"})
        (mine,) = room.keys(0)
        room.add(room.keys(0, 1, 2, 3), quotes={mine: "A secret phrase"})
        erase = lambda number: withdraw_from_surveys(  # noqa: E731
            room.session, room.pairs[number].mentor, pseudonyms=room.pseudonyms, now=room.now
        )
        erase(1)
        (draft,) = themes.list_themes(room.session, room.wave, WORKED, **room.reading)
        assert draft.draft.supporters == room.keys(0, 2, 3)
        room.publish()
        before = themes_of(room.session, room.wave)
        erase(0)

        assert themes_of(room.session, room.wave) == before
        assert before[WORKED].themes[0].quotes == ("A secret phrase",)
        (draft,) = themes.list_themes(room.session, room.wave, WORKED, **room.reading)
        assert (draft.is_supported, draft.draft.quotes) == (False, {})

    def test_rules_are_checked_again_because_people_may_have_left(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2))
        withdraw_from_surveys(room.session, room.pairs[9].mentor, pseudonyms=room.pseudonyms, now=room.now)

        assert code_of(room.publish) == "few_people"

    def test_what_is_published_holds_no_key_no_number_and_no_role_and_stands_by_title(
        self, room: Room
    ) -> None:
        room.add(room.keys(0, 1, 2, 3), title="zeta")
        room.add(room.keys(0, 1, 2), title="Alpha")
        room.publish()
        row = room.session.scalars(select(WaveThemes)).one()

        assert [theme["title"] for theme in row.body["themes"]] == ["Alpha", "zeta"]
        assert row.body.keys() == {"rules", "themes"}
        assert row.body["themes"][0].keys() == {"locale", "title", "summary", "quotes"}
        assert not any(key in str(row.body) for key in room.session.scalars(select(Comment.key)))

    def test_a_question_without_themes_leaves_no_row(self, room: Room) -> None:
        assert code_of(room.publish) == "nothing"
        room.everybody_writes(10, DIFFERENT)
        room.add(room.keys(0, 1, 2))
        room.publish()

        assert set(themes_of(room.session, room.wave)) == {WORKED}

    def test_a_row_that_was_changed_is_not_shown(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2))
        room.publish()
        row = room.session.scalars(select(WaveThemes)).one()
        row.body = {**row.body, "themes": []}
        room.session.flush()

        assert code_of(lambda: themes_of(room.session, room.wave), ThemesDamagedError) == "themes_damaged"

    def test_reading_what_is_published_touches_nothing_confidential(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2))
        room.publish()
        asked: list[str] = []
        listen = lambda _c, _cur, statement, *_rest: asked.append(statement)  # noqa: E731
        bind = room.session.get_bind()
        event.listen(bind, "before_cursor_execute", listen)
        try:
            themes_of(room.session, room.wave)
            published = list(asked)
            themes.list_themes(room.session, room.wave, WORKED, **room.reading)
        finally:
            event.remove(bind, "before_cursor_execute", listen)

        assert published
        assert not any("confidential_" in statement for statement in published)
        # The listener does see what it looks for.
        assert any("confidential_" in statement for statement in asked)


class TestTrace:
    def test_the_signature_and_the_publication_are_logged(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2))
        room.publish()
        room.session.commit()
        logged = select(AuditEvent.action, AuditEvent.actor, AuditEvent.wave_id)
        entries = set(room.session.execute(logged.where(AuditEvent.actor == room.moderator.id)).all())

        assert entries >= {
            ("pledge.signed", room.moderator.id, None),
            ("themes.published", room.moderator.id, room.wave.id),
        }

    def test_passing_on_is_logged_by_the_day_without_comment_or_wave(self, room: Room) -> None:
        pledges.pass_on(room.session, room.moderator, room.program, now=room.now)
        room.session.commit()
        entry = room.session.scalars(select(AuditEvent).where(AuditEvent.action == "comment.passed_on")).one()

        assert (entry.chain, entry.wave_id, entry.program_id) == (AuditChain.BY_DAY, None, room.program.id)
        assert (entry.happened_at.hour, entry.happened_at.minute) == (0, 0)
        assert entry.actor == room.moderator.id

    def test_comments_and_drafts_end_after_twelve_months_and_the_published_stays(self, room: Room) -> None:
        room.add(room.keys(0, 1, 2))
        room.publish()
        waves.close_wave(room.session, room.wave, now=room.now)
        counts = []
        for months in (11, 13):
            later = room.now + timedelta(days=30.5 * months)
            done = apply_retention(room.session, room.program, pseudonyms=room.pseudonyms, now=later)
            counts.append(done.counts["comments"])

        # Ten comments and one draft.
        assert counts == [0, 11]
        assert room.session.scalars(select(Theme)).all() == []
        assert room.session.scalars(select(ThemeSupport)).all() == []
        assert themes_of(room.session, room.wave)[WORKED].themes
