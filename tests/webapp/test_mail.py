"""Invitations and reminders, from the coordinator's button to the reader's link, through a real mail server."""

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import inspect, select, text, update

from surveys import bounces, outbox, programs, waves
from surveys.models import (
    Base,
    Contact,
    InvitationMail,
    MailState,
    Program,
    ReminderMail,
    Wave,
)
from tests.webapp.posts import Post, open_post
from webapp.calendar_file import make_calendar
from webapp.database import EXTENSION, dispose_engine
from webapp.last_step import DotState, LastStep
from webapp.mail import next_allowed
from webapp.mail_settings import MailSettingsError, SmtpSettings, read_smtp
from webapp.postman import Postman

HOSTILE = "Eve\r\nBcc: everybody@x.org\u202e\u2066" + "é" * 160
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def post(app: Flask, clock: Any, tmp_path: Path) -> Iterator[Post]:
    """The app with a mail server, at half past nine on a Monday."""
    with open_post(app, clock, tmp_path) as found:
        yield found


def everybody(n_pairs: int) -> list[str]:
    return sorted(f"{role}{number}@x.org" for role in ("mentor", "mentee") for number in range(n_pairs))


# On PostgreSQL the postman works under its own database role.
both_databases = pytest.mark.parametrize("app_database", ["sqlite", "postgresql"], indirect=True)


class TestInvitations:
    @both_databases
    def test_a_coordinator_lets_the_system_invite_and_never_sees_a_link(
        self,
        post: Post,
        seeded: Any,
        client: FlaskClient,
        sign_in: Callable,
        read_token: Callable,
        clock: Any,
    ) -> None:
        sign_in(client)
        with post.write() as session:
            cohort = session.scalars(select(Wave).where(Wave.opens_at > clock())).one().cohort_id
            session.execute(update(Contact).where(Contact.email == "m-scheduled@x.org").values(locale="ur"))
        address = f"/coordinate/spring/cohorts/{cohort}/waves/new"
        token = read_token(client.get(address).text)
        moments = {"opens_at": "2026-03-03T09:00", "closes_at": "2026-03-13T09:00"}
        # A kind that the questionnaire has besides the one that is there.
        kind = next(iter(re.findall(r'<option value="(\w+)"', client.get(address).text)))
        form = {"csrf_token": token, "kind": kind, "by_mail": "y", **moments}
        page = client.post(address, data=form, follow_redirects=True)
        planned = "Everybody is invited by mail when the wave opens."
        assert planned in page.text
        post.deliver()
        assert post.inbox.take() == []

        clock.forward(days=1)
        post.deliver()

        assert sorted(address for address, _ in post.inbox.mails) == [
            "e-scheduled@x.org",
            "m-scheduled@x.org",
        ]
        for recipient, message in post.inbox.mails:
            (link,) = set(re.findall(r"http://127.0.0.1:8000(/s/[\w-]{43})(?=\s)", content(message, "plain")))
            opened = post.app.test_client().get(link)
            assert opened.status_code == 200
            assert (message["Content-Language"] == "ur") is (recipient == "m-scheduled@x.org")
            assert link not in page.text
        sign_in(client)
        wave_page = client.get(page.request.path)
        assert "The mail server has all the invitations." in wave_page.text
        assert "/s/" not in wave_page.text

    def test_a_mail_has_everything_that_a_reader_and_their_program_need(self, post: Post) -> None:
        post.seed(1, locale="ur")

        post.deliver()

        message = next(message for address, message in post.inbox.mails if address == "mentor0@x.org")
        link = "http://127.0.0.1:8000" + post.links()["mentor0@x.org"]
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["List-Unsubscribe"].strip() == f"<{link}/mails>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        html = content(message, "html")
        assert '<html lang="ur" dir="rtl">' in html
        assert f'<bdi dir="ltr">{link}</bdi>' in html
        assert "<bdi>Mentee 0</bdi>" in html
        assert "\u2068Mentee 0\u2069" in content(message, "plain")
        (calendar,) = message.iter_attachments()
        assert calendar.get_content_type() == "text/calendar"
        event = calendar.get_payload(decode=True)
        assert b"DTEND:20260312T093000Z\r\n" in event
        assert link.encode() not in event

    def test_no_name_adds_a_header_or_turns_the_page(self, post: Post) -> None:
        post.seed(1, name=HOSTILE)
        with post.write() as session:
            session.execute(update(Program).values(name=HOSTILE[:190], organisation=HOSTILE[:190]))

        post.deliver()

        assert post.inbox.take.__self__.mails
        for _address, message in post.inbox.mails:
            assert "Bcc" not in message
            whole = message.as_string() + content(message, "plain") + content(message, "html")
            assert not set("\u202e\u2066") & set(whole)
            assert all(len(line) <= 998 for line in message.as_bytes().splitlines())
        assert {address for address, _ in post.inbox.mails} == {"mentor0@x.org", "mentee0@x.org"}

    def test_addresses_in_any_script_are_reached_where_the_server_can(self, post: Post) -> None:
        post.seed(2)
        with post.write() as session:
            for old, new in (("mentor0", "ada@bücher.example"), ("mentee0", "zoë@x.org")):
                session.execute(update(Contact).where(Contact.email == f"{old}@x.org").values(email=new))

        post.deliver()

        assert set(post.inbox.take()) == {
            "ada@xn--bcher-kva.example",
            "zoë@x.org",
            "mentor1@x.org",
            "mentee1@x.org",
        }

    def test_a_link_that_cannot_be_made_again_is_not_sent_and_the_operator_hears_of_it(
        self, post: Post, caplog: pytest.LogCaptureFixture
    ) -> None:
        wave = post.seed(1)
        post.app.config["SECRET_KEY"] = "another key than before"

        post.deliver()

        assert post.inbox.take() == []
        assert "VICEVERSA_SECRET_KEY" in caplog.text
        assert states(post, wave) == {MailState.GIVEN_UP}

    def test_whoever_came_later_is_invited_by_the_button_and_nobody_twice(
        self, post: Post, clock: Any
    ) -> None:
        wave = post.seed(1)
        post.deliver()
        assert post.inbox.take() == everybody(1)
        with post.write() as session:
            found = session.get_one(Wave, wave)
            people = {
                role: programs.add_participant(
                    session,
                    found.cohort.program,
                    role=role,
                    name=role,
                    email=f"late.{role}@x.org",
                    now=clock(),
                )
                for role in ("mentor", "mentee")
            }
            programs.add_pair(session, found.cohort, **people, now=clock())
            assert post.invite(session, found) == 2

        post.deliver()
        post.deliver()

        assert post.inbox.take() == ["late.mentee@x.org", "late.mentor@x.org"]

    def test_of_a_closed_wave_nothing_is_sent(self, post: Post, clock: Any) -> None:
        wave = post.seed(1)
        with post.write() as session:
            waves.close_wave(session, session.get_one(Wave, wave), now=clock())

        post.deliver()

        assert post.inbox.asked == []
        assert states(post, wave) == {MailState.DONE}


class TestTimes:
    @pytest.mark.parametrize(
        ("moment", "allowed"),
        [
            ("2026-03-02T08:00", "2026-03-02T08:00"),
            ("2026-03-02T19:59", "2026-03-02T19:59"),
            ("2026-03-02T20:00", "2026-03-03T08:00"),
            ("2026-03-03T03:00", "2026-03-03T08:00"),
            ("2026-03-06T20:00", "2026-03-09T08:00"),
            ("2026-03-07T12:00", "2026-03-09T08:00"),
            # The night in which clocks go forward.
            ("2026-03-28T23:30", "2026-03-30T08:00"),
        ],
    )
    def test_nights_and_weekends_are_the_reader_s(self, moment: str, allowed: str) -> None:
        local = datetime.fromisoformat(moment).replace(tzinfo=BERLIN)

        assert next_allowed(local.astimezone(UTC), BERLIN) == datetime.fromisoformat(allowed).replace(
            tzinfo=BERLIN
        )

    def test_a_mail_waits_for_its_reader_s_morning_but_not_beyond_the_end(
        self, post: Post, clock: Any
    ) -> None:
        # In Auckland it is night until 19:00 UTC.
        wave = post.seed(1, time_zone="Pacific/Auckland")
        post.deliver()
        assert post.inbox.asked == []
        clock.moment = datetime(2026, 3, 2, 18, 59, tzinfo=UTC)
        post.deliver()
        assert post.inbox.asked == []
        clock.forward(minutes=1)
        post.deliver()
        assert post.inbox.take() == everybody(1)
        assert states(post, wave) == {MailState.DONE}

    def test_a_window_that_ends_in_the_night_gets_no_mail_then(self, post: Post, clock: Any) -> None:
        clock.moment = datetime(2026, 3, 6, 21, 0, tzinfo=UTC)
        post.seed(1, days=2)

        for _ in range(60):
            post.deliver()
            clock.forward(hours=1)

        assert post.inbox.asked == []

    def test_a_server_that_is_down_for_a_day_gets_every_mail_once_afterwards(
        self, post: Post, clock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        wave, came = post.seed(3), []
        there = post.app.config["SMTP"]
        monkeypatch.setitem(post.app.config, "SMTP", SmtpSettings("127.0.0.1", 1, "none"))
        before = rows(post, "outbox_reminder")
        for _ in range(24):
            post.deliver()
            clock.forward(hours=1)
        assert states(post, wave) == {MailState.WAITING}
        assert rows(post, "outbox_reminder") == before
        assert "The mail server cannot be reached" in caplog.text
        # The server is back in the evening, when nobody may be written to any more.
        clock.moment = datetime(2026, 3, 3, 20, 30, tzinfo=UTC)
        monkeypatch.setitem(post.app.config, "SMTP", there)

        for _ in range(15):
            post.deliver()
            came += [(clock().hour, address) for address in post.inbox.take()]
            clock.forward(hours=1)

        assert came == [(8, address) for address in everybody(3)]


class TestRefusals:
    def test_a_wrong_address_is_shown_to_the_coordinator_and_invited_again_once_it_is_right(
        self,
        post: Post,
        seeded: Any,
        client: FlaskClient,
        sign_in: Callable,
        read_token: Callable,
        clock: Any,
    ) -> None:
        with post.write() as session:
            wave = session.scalars(
                select(Wave).where(Wave.opens_at < clock(), Wave.closes_at > clock() + timedelta(days=5))
            ).one()
            people = {
                role: programs.add_participant(
                    session,
                    wave.cohort.program,
                    role=role,
                    name=f"Late {role}",
                    email=f"late.{role}@x.org",
                    now=clock(),
                )
                for role in ("mentor", "mentee")
            }
            programs.add_pair(session, wave.cohort, **people, now=clock())
            post.invite(session, wave)
            pages = f"/coordinate/spring/waves/{wave.id}/", f"/coordinate/spring/cohorts/{wave.cohort_id}/"
            person = people["mentor"].id
        post.inbox.replies["RCPT", "late.mentor@x.org"] = "550 5.1.1 no such person"

        post.deliver()

        assert post.inbox.take() == ["late.mentee@x.org"]
        sign_in(client)
        shown = [client.get(page).text for page in pages]
        assert "addresses do not work" in shown[0]
        assert "mail does not get through" in shown[1]
        address = f"{pages[1]}people/{person}/address"
        token = read_token(client.get(address).text)
        assert client.post(address, data={"csrf_token": token, "email": "no address"}).status_code == 400
        client.post(address, data={"csrf_token": token, "email": "Right@X.org"})
        assert client.get(address).status_code == 404
        with post.write() as session:
            post.invite(session, session.get_one(Wave, wave.id))
        post.deliver()
        assert post.inbox.take() == ["right@x.org"]
        assert "addresses do not work" not in client.get(pages[0]).text

    @pytest.mark.parametrize(
        ("stage", "reply"),
        [
            ("RCPT", "450 4.2.1 come back later"),
            ("DATA", "451 4.3.0 no room just now"),
            # We may not send at all, which is no fault of the address.
            ("RCPT", "550 5.7.1 relaying denied"),
        ],
    )
    def test_what_passes_is_tried_again_and_blames_no_address(
        self, post: Post, clock: Any, stage: str, reply: str
    ) -> None:
        post.seed(1)
        post.inbox.replies[stage, "mentor0@x.org"] = reply
        post.deliver()
        assert post.inbox.take() == ["mentee0@x.org"]
        post.inbox.replies.clear()
        clock.forward(minutes=4)
        post.deliver()
        assert post.inbox.take() == []

        clock.forward(minutes=1)
        post.deliver()

        assert post.inbox.take() == ["mentor0@x.org"]
        with post.write() as session:
            assert session.scalars(select(Contact.email).where(Contact.bounced)).all() == []

    def test_a_content_that_is_refused_for_good_is_given_up(self, post: Post) -> None:
        wave = post.seed(1)
        for address in everybody(1):
            post.inbox.replies["DATA", address] = "554 5.6.0 we do not like it"

        post.deliver()
        post.deliver()

        assert (states(post, wave), len(post.inbox.asked)) == ({MailState.GIVEN_UP}, 2)


class TestStops:
    def test_who_wants_no_mails_gets_none_and_can_still_answer_and_nobody_can_tell(
        self, post: Post, clock: Any
    ) -> None:
        wave = post.seed(2)
        link = post.links()["mentor0@x.org"]
        browser = post.app.test_client()
        before = browser.get(f"{link}/mails")
        assert rows(post, "mail_stop") == []

        # One click in a mail program: no cookie, no origin, no token.
        answer = browser.post(f"{link}/mails", data={"List-Unsubscribe": "One-Click"})

        assert answer.status_code == 200
        assert len(rows(post, "mail_stop")) == 1
        assert browser.get(f"{link}/mails").data == before.data
        post.deliver()
        assert "mentor0@x.org" not in post.inbox.take()
        with post.write() as session:
            kept = session.scalars(select(InvitationMail).where(InvitationMail.wave_id == wave)).all()
            assert len({(one.state, one.attempts, one.held_by, one.due_at) for one in kept}) == 1
        post.answer("mentor0@x.org")
        browser.post(f"{link}/mails", data={"do": "resume"})
        assert rows(post, "mail_stop") == []
        assert browser.post(f"{link}/mails", data={"do": "other"}).status_code == 400

    def test_a_form_of_another_site_stops_nothing(self, post: Post) -> None:
        post.seed(1)
        link = post.links()["mentor0@x.org"]

        answer = post.app.test_client().post(f"{link}/mails", headers={"Sec-Fetch-Site": "cross-site"})

        assert (answer.status_code, rows(post, "mail_stop")) == (403, [])

    def test_the_calendar_is_offered_behind_the_link(self, post: Post) -> None:
        post.seed(1)

        answer = post.app.test_client().get(post.links()["mentor0@x.org"] + "/calendar.ics")

        assert answer.mimetype == "text/calendar"
        assert answer.data.startswith(b"BEGIN:VCALENDAR\r\n")


class Telltale(Postman):
    """The control: says when somebody is left out."""

    def _write(self, change: Any, *args: Any, **options: Any) -> Any:
        if change is outbox.note_handed_over and not self.note_given:
            logging.getLogger("webapp.postman").warning("one left out")
        return super()._write(change, *args, **options)

    @property
    def note_given(self) -> bool:
        """Whether the server was given a content just now."""
        return self.server.gave

    def _converse(self, *args: Any) -> None:
        give, self.server.gave = self.server.give, False

        def noting(content: bytes) -> None:
            self.server.gave = True
            give(content)

        self.server.give = noting
        try:
            super()._converse(*args)
        finally:
            self.server.give = give


class TestReminders:
    @both_databases
    def test_two_reminders_go_to_those_who_have_not_answered_by_then(self, post: Post, clock: Any) -> None:
        post.seed(3)
        post.deliver()
        assert post.inbox.take() == everybody(3)
        post.answer("mentor0@x.org")
        # Begun is not answered.
        link = post.links()["mentee0@x.org"]
        post.app.test_client().post(f"{link}/1", data={"A1": "c:1"})
        taken_back = post.answer("mentor1@x.org")
        taken_back.post(post.links()["mentor1@x.org"] + "/withdraw")
        gone = post.answer("mentor2@x.org")
        gone.post(post.links()["mentor2@x.org"] + "/leave")

        came = []
        for _ in range(11):
            clock.forward(days=1)
            post.deliver()
            came.append(post.inbox.take())
            if len(came) == 4:
                post.answer("mentee1@x.org")

        first = ["mentee0@x.org", "mentee1@x.org", "mentee2@x.org"]
        # 40 % and 80 % of ten days from a Monday: a Friday, and a Tuesday.
        assert came == [[]] * 3 + [first] + [[]] * 3 + [["mentee0@x.org", "mentee2@x.org"]] + [[]] * 3
        assert rows(post, "outbox_reminder") == []

    @pytest.mark.parametrize(("kind", "same_log"), [(Postman, True), (Telltale, False)])
    @pytest.mark.parametrize("app_database", ["sqlite"], indirect=True)
    def test_nothing_that_stays_tells_who_was_reminded(
        self,
        post: Post,
        clock: Any,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        kind: type[Postman],
        same_log: bool,
    ) -> None:
        """In two copies of one database, with nobody and with seven people who have answered."""
        path = Path(post.app.config["DATABASE_URL"].removeprefix("sqlite:///"))
        post.seed(6)
        post.deliver()
        post.inbox.take()
        dispose_engine(post.app)
        shutil.copyfile(path, tmp_path / "base.db")
        seen, came, logs, begun = [], [], [], clock.moment
        for answering in ([], everybody(6)[:7]):
            dispose_engine(post.app)
            for rest in ("-wal", "-shm"):
                Path(f"{path}{rest}").unlink(missing_ok=True)
            shutil.copyfile(tmp_path / "base.db", path)
            clock.moment = begun
            for address in answering:
                post.answer(address)
            # One is refused for good and one for now, before anybody asks whether they have answered.
            post.inbox.replies["RCPT", "mentee0@x.org"] = "550 5.1.1 unknown"
            post.inbox.replies["RCPT", "mentor5@x.org"] = "450 4.2.1 later"
            caplog.clear()
            clock.forward(days=4)
            post.deliver(kind)
            came.append(post.inbox.take())
            seen.append(everything_else(post))
            logs.append(
                [record.getMessage() for record in caplog.records if record.name.startswith("webapp")]
            )

        assert seen[0] == seen[1]
        assert (logs[0] == logs[1]) is same_log
        assert (len(came[0]), len(came[1])) == (10, 4)
        # Second reminders, and the first one of the person who could not be reached just now.
        assert len(seen[0]["outbox_reminder"]) == 13

    @pytest.mark.parametrize("app_database", ["postgresql"], indirect=True)
    def test_postgresql_counts_the_same_changes_of_the_same_table(self, post: Post, clock: Any) -> None:
        """What the server tells everybody about a table: how many rows were written, changed and deleted."""
        post.seed(4)
        post.deliver()
        for address in everybody(4)[:5]:
            post.answer(address)
        post.inbox.take()
        before = changes(post, "outbox_reminder", deleted=0)

        clock.forward(days=4)
        post.deliver()

        assert len(post.inbox.take()) == 3
        after = changes(post, "outbox_reminder", deleted=8)
        # Each of the eight was claimed, noted and deleted, whether or not it was sent.
        assert tuple(new - old for new, old in zip(after, before, strict=True)) == (0, 16, 8)

    def test_an_old_link_is_reminded_of_in_words(self, post: Post, seeded: Any, clock: Any) -> None:
        with post.write() as session:
            wave = session.scalars(select(Wave).where(Wave.closes_at == clock() + timedelta(days=9))).one()
            for row in session.execute(
                text("SELECT pair_id, participant_id FROM invitation WHERE wave_id = :w"), {"w": wave.id}
            ):
                contact = session.get_one(Contact, row.participant_id)
                session.add(
                    ReminderMail(
                        wave_id=wave.id,
                        pair_id=row.pair_id,
                        participant_id=row.participant_id,
                        number=1,
                        due_at=clock(),
                        address_digest=outbox._digest(contact.email),
                    )
                )

        post.deliver()

        assert len(post.inbox.mails) == 2
        for _address, message in post.inbox.mails:
            assert "/s/" not in message.as_string() + content(message, "plain") + content(message, "html")
            assert "List-Unsubscribe" not in message

    def test_a_replaced_link_is_the_one_that_a_reminder_brings(
        self, post: Post, clock: Any, client: FlaskClient
    ) -> None:
        from surveys import invitations
        from surveys.models import Invitation
        from webapp.personal_links import token_maker

        post.seed(1)
        post.deliver()
        post.inbox.take()
        make = token_maker(post.app.config["SECRET_KEY"])
        with post.write() as session:
            for one in session.scalars(select(Invitation)).all():
                invitations.reissue_invitation(session, one, now=clock(), make_token=make)

        clock.forward(days=4)
        post.deliver()

        links = post.links()
        assert {
            a: f"http://127.0.0.1:8000{links[a]}" in content(m, "plain") for a, m in post.inbox.mails
        } == {
            "mentor0@x.org": True,
            "mentee0@x.org": True,
        }

    def test_only_the_address_that_was_invited_is_reminded(self, post: Post, clock: Any) -> None:
        """Or whoever puts their own address in somebody's place would learn whether that person has answered."""
        post.seed(1)
        post.deliver()
        post.inbox.take()
        with post.write() as session:
            program = session.scalars(select(Program)).one()
            bounces.correct_address(session, program, "mentor0@x.org", "spy@x.org", now=clock())

        clock.forward(days=4)
        post.deliver()

        assert post.inbox.take() == ["mentee0@x.org"]

    def test_a_reminder_that_comes_back_says_nothing_about_the_address(self, post: Post, clock: Any) -> None:
        post.seed(1)
        post.deliver()
        with post.write() as session:
            assert bounces.note_bounce(session, "nobody@x.org", now=clock()) is None
            assert bounces.note_bounce(session, "Mentee0@x.org", now=clock()) is True
        clock.forward(days=4)
        post.inbox.replies["RCPT", "mentor0@x.org"] = "550 5.1.1 unknown"
        post.inbox.take()

        post.deliver()

        assert post.inbox.take() == []
        with post.write() as session:
            assert bounces.note_bounce(session, "mentor0@x.org", now=clock()) is False
            assert session.scalars(select(Contact.email).where(Contact.bounced)).all() == ["mentee0@x.org"]


class TestLastSteps:
    def test_a_mail_that_was_handed_over_is_sent_again_only_if_its_dot_was_surely_not_sent(
        self, post: Post, clock: Any, tmp_path: Path
    ) -> None:
        wave = post.seed(2)
        folder = tmp_path / "notes"
        folder.mkdir()
        post.folder = folder
        worker = LastStep(folder)
        with post.write() as session:
            mails = session.scalars(select(InvitationMail).order_by(InvitationMail.id)).all()
            names = {one.id: session.get_one(Contact, one.participant_id).email for one in mails}
            for one in mails:
                one.state, one.held_by, one.due_at = MailState.HANDED_OVER, worker.worker, clock()
            mails[3].held_by = "f" * 32
        unsent = [names[one.id] for one in mails[1:3]]
        worker.mark(mails[0].id)
        post.deliver()
        # While the worker lives its mails are its own; of another machine's nothing more can be known.
        assert (post.inbox.take(), states(post, wave)) == ([], {MailState.HANDED_OVER, MailState.DONE})
        assert worker.ask("f" * 32, mails[3].id) is DotState.SENT
        # It dies.
        import os

        os.close(worker._file)
        clock.forward(minutes=11)

        post.deliver()

        assert post.inbox.take() == sorted(unsent)
        assert states(post, wave) == {MailState.DONE}


def test_a_calendar_file_is_escaped_and_folded(post: Post) -> None:
    post.seed(1)
    from surveys.models import Invitation

    with post.write() as session, post.app.app_context():
        invitation = session.scalars(select(Invitation)).first()
        lines = make_calendar(invitation, "a;b,c\\d\r\nATTENDEE:x " + "ü" * 60).split(b"\r\n")

    assert all(len(line) <= 75 for line in lines)
    whole = b"\r\n".join(lines).replace(b"\r\n ", b"")
    assert b"a\\;b\\,c\\\\d\\nATTENDEE:x " in whole
    assert whole.decode().count("ü") == 60
    assert not any(line.startswith(b"ATTENDEE") for line in lines)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, None),
        (
            {"SMTP_URL": "smtp://a%40b:p%3Aw@mail.x.org"},
            SmtpSettings("mail.x.org", 587, "starttls", "a@b", "p:w"),
        ),
        ({"SMTP_URL": "smtps://mail.x.org"}, SmtpSettings("mail.x.org", 465, "tls")),
        ({"SMTP_HOST": "localhost"}, SmtpSettings("localhost", 25, "none")),
        (
            {
                "SMTP_HOST": "m",
                "SMTP_PORT": "26",
                "SMTP_STARTTLS": "off",
                "SMTP_USER": "u",
                "SMTP_PASSWORD": "p",
            },
            SmtpSettings("m", 26, "none", "u", "p"),
        ),
        ({"SMTP_URL": "http://mail.x.org"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://mail.x.org:none"}, "SMTP_PORT"),
        ({"SMTP_HOST": "m", "SMTP_STARTTLS": "perhaps"}, "SMTP_STARTTLS"),
    ],
)
def test_the_mail_server_is_read_from_an_address_or_its_parts(given: dict[str, str], found: Any) -> None:
    if isinstance(found, str):
        with pytest.raises(MailSettingsError) as caught:
            read_smtp(lambda name: given.get(name, ""))
        assert caught.value.setting == found
        return
    read = read_smtp(lambda name: given.get(name, ""))
    assert read == found
    assert "p:w" not in repr(read)


def content(message: Any, kind: str) -> str:
    """One of the bodies of a mail."""
    return message.get_body((kind,)).get_content()


def states(post: Post, wave: str) -> set[MailState]:
    """How far the invitations of a wave are."""
    with post.write() as session:
        return set(session.scalars(select(InvitationMail.state).where(InvitationMail.wave_id == wave)))


def rows(post: Post, table: str) -> list[tuple[Any, ...]]:
    """What a table holds."""
    engine = post.app.extensions[EXTENSION].engine
    with engine.connect() as connection:
        assert inspect(connection).has_table(table) or engine.dialect.name == "postgresql"
        return sorted(map(tuple, connection.execute(text(f"SELECT * FROM {table}"))))


def everything_else(post: Post) -> dict[str, list[tuple[Any, ...]]]:
    """All that is kept beside the answers and the way to them."""
    names = [name for name in Base.metadata.tables if not name.startswith(("confidential_", "pseudonym_"))]
    return {name: rows(post, name) for name in names}


def changes(post: Post, table: str, *, deleted: int) -> tuple[int, int, int]:
    """What PostgreSQL has counted of a table, once it knows of as many deletions."""
    engine = post.app.extensions[EXTENSION].engine
    engine.dispose()
    counting = text("SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = :table")
    for _ in range(200):
        with engine.connect() as connection:
            found = tuple(connection.execute(counting, {"table": table}).one())
            if found[2] == deleted and found[0]:
                return found
            connection.execute(text("SELECT pg_sleep(0.05)"))
    raise AssertionError(f"the server does not come to count {deleted} deletions")
