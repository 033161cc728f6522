"""Reminders go to those who have not answered, and nothing that stays tells who they were; mails of workers that died."""

import logging
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from surveys import bounces, invitations, outbox
from surveys.models import (
    Contact,
    Invitation,
    InvitationMail,
    MailState,
    Program,
    ReminderMail,
    Wave,
)
from tests.webapp.posts import Post, changes, content, everybody, everything_else, rows, states
from webapp.database import dispose_engine
from webapp.last_step import DotState, LastStep
from webapp.personal_links import token_maker
from webapp.postman import Postman

# On PostgreSQL the postman works under its own database role.
both_databases = pytest.mark.parametrize("app_database", ["sqlite", "postgresql"], indirect=True)


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

        # What was taken back counts as not answered: else whoever has a link could keep its owner from being reminded.
        first = ["mentee0@x.org", "mentee1@x.org", "mentee2@x.org", "mentor1@x.org"]
        # 40 % and 80 % of ten days from a Monday: a Friday, and a Tuesday.
        assert (
            came
            == [[]] * 3
            + [first]
            + [[]] * 3
            + [["mentee0@x.org", "mentee2@x.org", "mentor1@x.org"]]
            + [[]] * 3
        )
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
            # One is refused for good and one for now, before anybody asks whether they have answered; others afterwards.
            post.inbox.replies["RCPT", "mentee0@x.org"] = "550 5.1.1 unknown"
            post.inbox.replies["RCPT", "mentor5@x.org"] = "450 4.2.1 later"
            post.inbox.replies["DATA", "mentee1@x.org"] = "451 4.3.0 no room"
            post.inbox.replies["DATA", "mentee2@x.org"] = "550 5.1.1 unknown"
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
        assert (len(came[0]), len(came[1])) == (8, 4)
        # Second reminders, and the first one of the person who could not be reached just now.
        assert len(seen[0]["outbox_reminder"]) == 13

    @pytest.mark.parametrize("app_database", ["postgresql"], indirect=True)
    @pytest.mark.fresh_database
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
        # The wave lasts ten days; what is on its way then comes back later.
        clock.forward(days=19, hours=23)
        with post.write() as session:
            assert bounces.note_bounce(session, "mentor0@x.org", now=clock()) is False
        clock.forward(hours=2)
        with post.write() as session:
            assert bounces.note_bounce(session, "mentor0@x.org", now=clock()) is True


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

        os.close(worker._file)
        clock.forward(minutes=11)

        post.deliver()

        assert post.inbox.take() == sorted(unsent)
        assert states(post, wave) == {MailState.DONE}
