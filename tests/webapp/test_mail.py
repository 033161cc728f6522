"""Invitations by mail, from the coordinator's button to the reader's link, through a real mail server."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from surveys import invitations, programs, waves
from surveys.models import (
    Contact,
    Invitation,
    InvitationMail,
    MailState,
    Program,
    Wave,
)
from tests.webapp.posts import Post, content, everybody, rows, states
from webapp import mail, postman
from webapp.calendar_file import make_calendar
from webapp.mail import HEADERS, next_allowed
from webapp.mail_settings import MailSettingsError, SmtpSettings, read_smtp

ENCODED = "=?utf-8?q?Spring=0d=0aReply-To:_boss=40x.org=0d=0aDisposition-Notification-To:_boss=40x.org?="
NO_BODY = "=?utf-8?q?Ada=0d=0a=0d=0aNothing_to_do?="
HOSTILE = "Eve\r\nBcc: everybody@x.org\u202e\u2066" + "é" * 160
BERLIN = ZoneInfo("Europe/Berlin")


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

    def test_no_name_hides_a_header_or_the_body_in_an_encoded_word(self, post: Post) -> None:
        post.seed(1, name=NO_BODY)
        with post.write() as session:
            session.execute(update(Program).values(name=ENCODED, organisation=ENCODED))

        post.deliver()

        links = post.links()
        assert len(post.inbox.mails) == 2
        for address, message in post.inbox.mails:
            assert HEADERS.issuperset(message.keys())
            assert "Reply-To" not in message
            assert links[address] in content(message, "plain")

    def test_what_became_a_header_after_all_is_not_sent(
        self, post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        wave = post.seed(1)
        with post.write() as session:
            session.execute(update(Program).values(name=ENCODED))
        monkeypatch.setattr(mail, "plain", lambda text, **_: text)

        post.deliver()

        assert (post.inbox.asked, states(post, wave)) == ([], {MailState.WAITING})
        assert "MailHeaderError" in caplog.text
        assert "boss" not in caplog.text

    def test_a_mail_that_cannot_be_written_waits_and_the_worker_goes_on(
        self, post: Post, clock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        post.seed(2)

        def stumble(claim: Any, letter: Any) -> Any:
            if letter.contact.email == "mentor0@x.org":
                raise KeyError(letter.contact.name)
            return mail.write_mail(claim, letter)

        monkeypatch.setattr(postman, "write_mail", stumble)
        post.deliver()
        assert post.inbox.take() == ["mentee0@x.org", "mentee1@x.org", "mentor1@x.org"]
        assert "KeyError" in caplog.text
        assert not re.search(r"(?i)mentor.0", caplog.text)
        monkeypatch.undo()
        clock.forward(minutes=4)
        post.deliver()
        assert post.inbox.take() == []

        clock.forward(minutes=1)
        post.deliver()

        assert post.inbox.take() == ["mentor0@x.org"]

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

    def test_a_folder_of_time_zones_is_taken_for_none(self, post: Post) -> None:
        post.seed(1, time_zone="America")

        post.deliver()

        assert post.inbox.take() == everybody(1)

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

    @pytest.mark.parametrize("reply", ["451 4.3.0 no room", "554 5.6.0 not liked", "550 5.1.1 unknown"])
    def test_a_server_that_fails_at_the_content_does_not_tell_who_wants_none(
        self, post: Post, clock: Any, reply: str
    ) -> None:
        wave, links = post.seed(2), post.links()
        with post.write() as session:
            mails = session.scalars(select(InvitationMail).order_by(InvitationMail.id)).all()
            order = [session.get_one(Contact, one.participant_id).email for one in mails]
        # The first one and the last one to be dealt with.
        for address in (order[0], order[3]):
            post.app.test_client().post(f"{links[address]}/mails")
        post.inbox.replies = {("DATA", address): reply for address in order}

        post.deliver()

        failed = MailState.WAITING if reply.startswith("4") else MailState.GIVEN_UP
        assert states(post, wave) == {failed}
        with post.write() as session:
            kept = session.scalars(select(InvitationMail)).all()
            assert len({(one.attempts, one.held_by, one.due_at) for one in kept}) == 1
            assert session.scalars(select(Contact.email).where(Contact.bounced)).all() == []
        post.inbox.replies.clear()
        clock.forward(minutes=5)
        post.deliver()
        assert post.inbox.take() == (sorted(order[1:3]) if reply.startswith("4") else [])
        assert states(post, wave) == {MailState.DONE if reply.startswith("4") else failed}

    def test_the_link_of_an_old_mail_still_stops_mails_and_opens_nothing(
        self, post: Post, clock: Any
    ) -> None:
        post.seed(1)
        old = post.links()["mentor0@x.org"]
        with post.write() as session:
            for one in session.scalars(select(Invitation)).all():
                invitations.reissue_invitation(session, one, now=clock())
        browser = post.app.test_client()
        assert browser.get(f"{old}/mails").status_code == 410
        assert browser.post(f"{old}/mails", data={"do": "resume"}).status_code == 410
        assert rows(post, "mail_stop") == []

        answer = browser.post(f"{old}/mails", data={"List-Unsubscribe": "One-Click"})

        assert (answer.status_code, answer.data, len(rows(post, "mail_stop"))) == (204, b"", 1)
        assert browser.post(f"{old}/mails", data={"do": "resume"}).status_code == 410
        assert len(rows(post, "mail_stop")) == 1
        assert browser.post(f"{old[:-1]}/mails").status_code == 404

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


def test_a_calendar_file_is_escaped_and_folded(post: Post) -> None:
    post.seed(1)

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
