"""The moderator's room: closed to everybody else and before the rule is signed, and what leaves it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from instruments.answers import AnswerValue
from instruments.catalog import get_instrument
from surveys import accounts, invitations, pledges, programs, responses, waves
from surveys.models import (
    AuditEvent,
    Comment,
    ContactKind,
    MembershipRole,
    Pledge,
    Program,
    Response,
    Theme,
    User,
    Wave,
    WaveThemes,
)
from surveys.program_contacts import set_program_contact
from surveys.pseudonyms import Pseudonyms

COOKIE = "viceversa_session"
HOSTILE = '"><script>alert(1)</script>\u202eevil\u2066 {{ 7 * 7 }} %(x)s'
LONG = "ab " * 600
CSRF = re.compile(r'name="csrf_token" value="[^"]+"')

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """Tokens of sessions by name, the wave with open questions, and the tokens of links."""

    tokens: dict[str, str]
    wave: str
    links: list[str]

    @property
    def question(self) -> str:
        """The address of the first open question."""
        return f"/moderate/spring/waves/{self.wave}/questions/OE1/"


@pytest.fixture
def make_world(write: Callable[[], Session], clock: Any) -> Callable[..., World]:
    """Makes a programme of 15 pairs in which so many mentors wrote, with somebody in every office."""

    def make(
        n_people: int = 10, *, texts: Callable[[int], str] = lambda n: f"Comment {n}", n_pairs: int = 15
    ) -> World:
        core = get_instrument("core-battery", "0.1.0")
        tokens = {}
        with write() as session:
            now = clock()
            program, other = (
                programs.create_program(
                    session, slug=slug, name=slug.title(), organisation="Works", instrument=core, now=now
                )
                for slug in ("spring", "other")
            )
            cohort = programs.add_cohort(session, program, name="Finance", now=now)
            for number in range(n_pairs):
                pair = [
                    programs.add_participant(
                        session, program, role=role, name=f"{role.title()} Xyz{'abcdefghijklmno'[number]}",
                        email=f"{role}{number}@x.org", locale="en", now=now,
                    )
                    for role in ("mentor", "mentee")
                ]  # fmt: skip
                programs.add_pair(session, cohort, mentor=pair[0], mentee=pair[1], now=now)
            wave = waves.schedule_wave(
                session, cohort, "T3b", core, opens_at=now, closes_at=now + timedelta(days=7), now=now
            )
            issued = invitations.issue_invitations(session, wave, now=now)
            mentors = [
                i for i in issued if programs.get_participant(session, i.participant_id).role == "mentor"
            ]
            for number, link in enumerate(mentors[:n_people]):
                responses.submit_response(
                    session,
                    link.invitation,
                    {"OE1": AnswerValue(text=texts(number))},
                    quotable={"OE1"},
                    pseudonyms=Pseudonyms(bytes(range(32))),
                    locale=("en", "ur")[number % 2],
                    now=now,
                )
            for name, where, role in (
                ("moderator", program, "moderator"),
                ("second", program, "moderator"),
                ("coordinator", program, "coordinator"),
                ("researcher", program, "researcher"),
                ("overseer", program, "overseer"),
                ("custodian", program, "custodian"),
                ("stranger", other, "moderator"),
            ):
                user = accounts.add_user(
                    session,
                    email=f"{name}@example.org",
                    name=name,
                    password="x" * 20,
                    now=now,
                    hasher=_Plain(),
                )
                accounts.add_membership(session, user, where, role, now=now)
                tokens[name] = accounts.start_session(session, user, now=now + timedelta(days=8))
                if role == "moderator" and where is program:
                    digest = pledges.pledge_digest()
                    pledges.sign_pledge(session, user, program, digest=digest, now=now)
            found = World(tokens, wave.id, [link.token for link in issued])
        clock.forward(days=8)
        return found

    return make


class _Plain:
    """Stands in for argon2id."""

    def hash(self, password: str) -> str:
        return password

    def verify(self, password_hash: str, password: str) -> bool:
        return False

    def needs_rehash(self, password_hash: str) -> bool:
        return False


@pytest.fixture
def enter(app: Flask) -> Callable[[World, str], FlaskClient]:
    """A browser in which somebody is signed in."""

    def perform(world: World, name: str) -> FlaskClient:
        client = app.test_client()
        client.set_cookie(COOKIE, world.tokens[name])
        return client

    return perform


def addresses(app: Flask, world: World) -> list[tuple[str, str]]:
    """Every address of the room with its method, filled in."""
    values = {"slug": "spring", "wave_id": world.wave, "item_id": "OE1", "key": "f" * 32}
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith("moderate."):
                address = rule.build({name: values[name] for name in rule.arguments})
                assert address is not None
                found += [(method, address[1]) for method in sorted(rule.methods & {"GET", "POST"})]
    return found


def post(client: FlaskClient, page: str, address: str | None = None, **data: Any) -> Any:
    """Send a form with the forgery token of a page."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert token
    return client.post(address or page, data={"csrf_token": token.group(1), **data})


def keys_on(page: str) -> list[str]:
    """The handles of the comments on a page, in its order."""
    return re.findall(r'name="support" value="([0-9a-f]{32})"', page)


def count(write: Callable[[], Session], model: type[Any]) -> int:
    """How many rows there are."""
    with write() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


class TestDoors:
    @pytest.mark.parametrize("who", ["coordinator", "researcher", "overseer", "custodian"])
    def test_no_other_office_opens_any_address(
        self, app: Flask, make_world: Any, enter: Any, write: Any, who: str
    ) -> None:
        app.config["WTF_CSRF_ENABLED"] = False
        world = make_world()
        client = enter(world, who)
        tried = addresses(app, world)

        assert len(tried) == 14
        assert {client.open(address, method=method).status_code for method, address in tried} == {403}
        assert "/moderate/" not in client.get("/").text
        # The control: a moderator gets in by the same addresses.
        assert enter(world, "moderator").get(world.question).status_code == 200

    def test_a_moderator_of_another_programme_finds_nothing(
        self, app: Flask, make_world: Any, enter: Any
    ) -> None:
        app.config["WTF_CSRF_ENABLED"] = False
        world = make_world()
        client = enter(world, "stranger")
        codes = {
            client.open(address, method=method).status_code
            for method, address in addresses(app, world)
            if "spring" in address
        }

        assert codes == {404}

    def test_a_visitor_is_sent_to_sign_in(self, app: Flask, make_world: Any, client: FlaskClient) -> None:
        world = make_world()

        assert client.get(world.question).location.startswith("/account/sign-in")

    def test_before_signing_every_address_leads_to_the_rule(
        self, app: Flask, make_world: Any, enter: Any, write: Any
    ) -> None:
        app.config["WTF_CSRF_ENABLED"] = False
        world = make_world()
        with write() as session:
            session.execute(delete(Pledge))
        client = enter(world, "moderator")
        for method, address in addresses(app, world):
            if address not in {"/moderate/", "/moderate/spring/pledge"}:
                answer = client.open(address, method=method)
                assert (answer.status_code, answer.location) == (303, "/moderate/spring/pledge"), address
                assert "Comment" not in answer.text
        assert count(write, Theme) == 0

    def test_the_rule_is_signed_by_a_tick_and_only_as_it_stands(
        self, make_world: Any, enter: Any, write: Any
    ) -> None:
        world = make_world()
        with write() as session:
            session.execute(delete(Pledge))
        client, page = enter(world, "moderator"), "/moderate/spring/pledge"
        digest = pledges.pledge_digest()
        assert "I do not try to find out who wrote a comment." in unescape(client.get(page).text)

        assert post(client, page, digest=digest).status_code == 400
        assert post(client, page, digest="0" * 64, agreed="y").status_code == 400
        assert count(write, Pledge) == 0
        assert post(client, page, digest=digest, agreed="y").location == "/moderate/spring/"
        assert client.get(world.question).status_code == 200
        assert client.get(page).location == "/moderate/spring/"

    def test_an_open_wave_an_unknown_question_and_a_wrong_key_are_not_there(
        self, make_world: Any, enter: Any, write: Any, clock: Any
    ) -> None:
        world = make_world()
        client = enter(world, "moderator")
        base = f"/moderate/spring/waves/{world.wave}/"
        for address in (
            f"{base}questions/A1/",
            f"{base}questions/%00/",
            f"{world.question}themes/{'f' * 32}",
            f"{world.question}themes/x",
            "/moderate/spring/waves/x/",
            f"/moderate/spring/waves/{'0' * 32}/",
        ):
            assert client.get(address).status_code == 404, address
        clock.forward(days=-2)
        assert client.get(world.question).status_code == 404

    def test_moderators_come_to_their_room_and_have_a_way_to_it(
        self, seeded: Any, client: FlaskClient, write: Any, sign_in: Any
    ) -> None:
        with write() as session:
            user = session.scalars(select(User).where(User.email == "researcher@example.org")).one()
            accounts.add_membership(
                session, user, programs.find_program(session, "spring"), "moderator", now=NOW
            )

        assert sign_in(client, "researcher@example.org").location == "/moderate/"
        assert 'href="/moderate/" aria-current="true"' in client.get("/moderate/").text


class TestReading:
    def test_comments_come_with_language_and_without_person_role_or_day(
        self, make_world: Any, enter: Any, write: Any
    ) -> None:
        world = make_world()
        page = enter(world, "moderator").get(world.question).text

        assert page.count('class="comment__text') == 10
        assert page.count('lang="ur" dir="auto"') == 5
        with write() as session:
            response_keys = session.scalars(select(Response.key)).all()
            people = session.scalars(select(Response.respondent_key)).all()
            pairs = session.scalars(select(Response.pair_key)).all()
            mine = set(session.scalars(select(Comment.key)))
        assert not any(key in page for key in (*response_keys, *people, *pairs))
        assert set(keys_on(page)) == mine
        text = re.sub(r"<[^>]+>", " ", page.split('class="comments"')[1])
        assert not re.search(r"mentor|mentee|2026|Xyz", text)

    def test_each_look_draws_a_new_order(self, make_world: Any, enter: Any) -> None:
        world = make_world()
        client = enter(world, "moderator")
        orders = {tuple(keys_on(client.get(world.question).text)) for _ in range(5)}

        assert len(orders) > 1
        assert len({frozenset(order) for order in orders}) == 1

    def test_hostile_and_long_texts_stay_text(self, make_world: Any, enter: Any) -> None:
        world = make_world(texts=lambda n: HOSTILE if n == 0 else LONG.strip()[:2000])
        page = enter(world, "moderator").get(world.question)

        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "{{ 7 * 7 }}" in page.text

    def test_with_nine_people_the_comments_are_read_and_nothing_can_be_written(
        self, app: Flask, make_world: Any, enter: Any, write: Any
    ) -> None:
        app.config["WTF_CSRF_ENABLED"] = False
        world = make_world(9)
        client = enter(world, "moderator")
        page = unescape(client.get(world.question).text)

        assert page.count('class="comment__text') == 9
        assert "No theme can be published on this question" in page
        assert 'name="title"' not in page
        answer = client.post(world.question, data={"title": "T", "summary": "S", "locale": "en"})
        assert answer.status_code == 400
        assert count(write, Theme) == 0


class TestWriting:
    def save(self, client: FlaskClient, world: World, address: str | None = None, **changes: Any) -> Any:
        page = client.get(world.question).text
        data = {
            "title": "Dates",
            "summary": "They held.",
            "locale": "en",
            "support": keys_on(page)[:3],
        } | changes
        return post(client, world.question, address, **data)

    def test_a_theme_is_kept_changed_and_deleted(self, make_world: Any, enter: Any, write: Any) -> None:
        world = make_world()
        client = enter(world, "moderator")
        assert self.save(client, world).status_code == 303
        with write() as session:
            theme = session.scalars(select(Theme)).one()
        address = f"{world.question}themes/{theme.key}"
        page = client.get(address).text
        assert 'value="Dates"' in page
        assert page.count(" checked>") == 3

        assert self.save(client, world, address, title="Other", version="1").status_code == 303
        assert post(client, world.question, f"{address}/delete", seen="1").status_code == 400
        assert post(client, world.question, f"{address}/delete", seen="2").status_code == 303
        assert count(write, Theme) == 0

    def test_two_moderators_lose_no_work(self, make_world: Any, enter: Any, write: Any) -> None:
        world = make_world()
        first, second = enter(world, "moderator"), enter(world, "second")
        self.save(first, world)
        with write() as session:
            address = f"{world.question}themes/{session.scalars(select(Theme.key)).one()}"
        assert self.save(first, world, address, summary="By the first.", version="1").status_code == 303

        refused = self.save(second, world, address, summary="By the second.", version="1")
        page = unescape(refused.text)
        assert refused.status_code == 400
        assert "Somebody else has changed this in the meantime" in page
        # Both texts are on the page, and saving again knows what is stored.
        assert "By the first." in page.split("What is stored now")[1]
        assert "By the second.</textarea>" in page
        assert 'name="version" value="2"' in page
        assert self.save(second, world, address, summary="By both.", version="2").status_code == 303

    def test_a_theme_deleted_meanwhile_can_be_saved_as_a_new_one(
        self, make_world: Any, enter: Any, write: Any
    ) -> None:
        world = make_world()
        client = enter(world, "moderator")
        self.save(client, world)
        with write() as session:
            address = f"{world.question}themes/{session.scalars(select(Theme.key)).one()}"
            session.execute(delete(Theme))

        refused = self.save(client, world, address, summary="Mine.", version="1")
        assert refused.status_code == 400
        assert "Mine.</textarea>" in refused.text
        assert f'action="{world.question}"' in refused.text
        assert self.save(client, world, summary="Mine.").status_code == 303

    def test_what_was_typed_stays_and_a_name_is_warned_of_without_saying_which(
        self, make_world: Any, enter: Any, write: Any
    ) -> None:
        world = make_world()
        client = enter(world, "moderator")
        key = keys_on(client.get(world.question).text)[0]
        refused = self.save(
            client, world, support=[key], **{f"quote-{key}": f"Xyza and {HOSTILE}", "summary": "Kept text"}
        )
        page = unescape(refused.text)

        assert refused.status_code == 400
        assert "The text holds a name or word from the roster of this programme." in page
        assert page.count("Xyz") == 1  # only what the moderator typed
        assert "Kept text</textarea>" in page
        assert page.count(" checked>") == 1
        assert "<script>alert" not in refused.text
        assert self.save(client, world, names_checked="y", summary="Xyza").status_code == 303

    @pytest.mark.parametrize(
        "changes",
        [
            {"title": "x" * 10_000},
            {"summary": "x" * 10_000},
            {"locale": "<b>"},
            {"support": ["' OR 1=1", "f" * 32]},
            {"quote-zzz": "quote of nothing"},
            {"title": "\x00"},
        ],
    )
    def test_bad_input_is_refused_with_a_sentence(
        self, make_world: Any, enter: Any, write: Any, changes: dict[str, Any]
    ) -> None:
        world = make_world()
        refused = self.save(enter(world, "moderator"), world, **changes)

        assert refused.status_code == 400
        assert 'role="alert"' in refused.text
        assert count(write, Theme) == 0

    def test_publishing_shows_first_and_then_freezes(self, make_world: Any, enter: Any, write: Any) -> None:
        world = make_world()
        client = enter(world, "moderator")
        publish = f"/moderate/spring/waves/{world.wave}/publish"
        assert "Nothing can be published as it stands." in client.get(publish).text
        key = keys_on(client.get(world.question).text)[0]
        self.save(
            client,
            world,
            **{f"quote-{key}": "Masked words", "support": keys_on(client.get(world.question).text)},
        )
        page = client.get(publish).text
        seen = re.search(r'name="seen" value="([0-9a-f]{64})"', page)
        assert seen
        assert "Masked words" in page
        assert post(client, publish, seen="0" * 64).status_code == 400
        assert count(write, WaveThemes) == 0

        assert post(client, publish, seen=seen.group(1)).status_code == 303
        assert count(write, WaveThemes) == 1
        assert 'name="title"' not in client.get(world.question).text
        assert self.save_after(client, world) == 400

    def save_after(self, client: FlaskClient, world: World) -> int:
        """Try to keep another theme once everything is published."""
        return int(
            post(
                client, "/moderate/spring/harm", world.question, title="T", summary="S", locale="en"
            ).status_code
        )


class TestHarm:
    def test_names_the_contact_and_notes_only_the_day(self, make_world: Any, enter: Any, write: Any) -> None:
        world = make_world()
        client, page = enter(world, "moderator"), "/moderate/spring/harm"
        assert "No safeguarding contact is named" in client.get(page).text
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            set_program_contact(
                session, program, ContactKind.SAFEGUARDING, name="Sana", reach="extension 4711", now=NOW
            )
        shown = unescape(client.get(page).text)
        assert "Sana" in shown
        assert "extension 4711" in shown
        assert "Do not tell the coordinator" in shown
        assert 'href="/moderate/spring/harm"' in client.get(world.question).text

        assert post(client, page).status_code == 303
        with write() as session:
            entry = session.scalars(select(AuditEvent).where(AuditEvent.action == "comment.passed_on")).one()
            assert (entry.wave_id, entry.happened_at.hour) == (None, 0)


class TestCoordinator:
    def page(self, client: FlaskClient, world: World) -> str:
        """The coordinator's page without its forgery token and key of the wave."""
        answer = client.get(f"/coordinate/spring/waves/{world.wave}/themes")
        assert answer.status_code == 200
        return CSRF.sub("", answer.text).replace(world.wave, "")

    @pytest.fixture
    def pages(self, make_world: Any, enter: Any, write: Any) -> list[str]:
        """The page as comments come in one after the other, from none to nine, and then the tenth."""
        world = make_world(10)
        client = enter(world, "coordinator")
        found = [self.page(client, world)]
        for _ in range(10):
            with write() as session:
                key = session.scalars(select(Comment.key).limit(1)).one()
                session.execute(delete(Comment).where(Comment.key == key))
            found.append(self.page(client, world))
        return [re.sub(r"/cohorts/[0-9a-f]{32}/", "", page) for page in found]

    def test_the_bytes_are_the_same_from_none_to_ten_while_nothing_is_published(
        self, pages: list[str]
    ) -> None:
        assert len(set(pages)) == 1
        assert "Not shown." in pages[0]

    def test_published_themes_are_read_without_numbers_and_stay_when_comments_go(
        self, make_world: Any, enter: Any, write: Any
    ) -> None:
        world = make_world()
        moderator, coordinator = enter(world, "moderator"), enter(world, "coordinator")
        before = self.page(coordinator, world)
        TestWriting().save(moderator, world, title=f"Dates {HOSTILE}"[:100])
        assert self.page(coordinator, world) == before
        publish = f"/moderate/spring/waves/{world.wave}/publish"
        seen = re.search(r'name="seen" value="([0-9a-f]{64})"', moderator.get(publish).text)
        assert seen
        post(moderator, publish, seen=seen.group(1))
        after = self.page(coordinator, world)

        assert "They held." in after
        assert "<script>alert" not in after
        assert "\u202e" not in after
        # The other question says what it said before.
        assert after.count("Not shown.") == before.count("Not shown.") - 1
        with write() as session:
            session.execute(delete(Comment))
        assert self.page(coordinator, world) == after

    def test_the_page_is_the_coordinators_alone_and_says_where_nothing_was_asked_in_words(
        self, make_world: Any, enter: Any, write: Any, clock: Any
    ) -> None:
        world = make_world()
        with write() as session:
            wave = session.get_one(Wave, world.wave)
            plain = waves.schedule_wave(
                session,
                wave.cohort,
                "T0",
                get_instrument("core-battery", "0.1.0"),
                opens_at=clock(),
                closes_at=clock() + timedelta(days=1),
                now=clock(),
            )
            address = f"/coordinate/spring/waves/{plain.id}/themes"
        client = enter(world, "coordinator")

        page = client.get(address).text
        assert "asks no question that is answered in words" in page
        assert "Not shown" not in page.split("footnotes")[0]
        assert (
            enter(world, "moderator").get(f"/coordinate/spring/waves/{world.wave}/themes").status_code == 403
        )
        assert "/themes" in client.get(f"/coordinate/spring/waves/{world.wave}/").text

    def test_a_programme_without_moderator_is_told_so(self, make_world: Any, enter: Any, write: Any) -> None:
        world = make_world()
        client = enter(world, "coordinator")
        assert "This programme has no moderator yet" not in self.page(client, world)
        with write() as session:
            program = session.scalars(select(Program).where(Program.slug == "spring")).one()
            for name in ("moderator", "second"):
                user = session.scalars(select(User).where(User.email == f"{name}@example.org")).one()
                accounts.remove_membership(session, user, program, MembershipRole.MODERATOR, now=NOW)

        assert "This programme has no moderator yet" in self.page(client, world)
