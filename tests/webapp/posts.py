"""A mail server that obeys a script, and a postman who works when a test says so."""

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import outbox, programs, waves
from surveys.models import Base, Invitation, InvitationMail, MailState, Wave
from tests.functional.killing import TOY_FOLDERS, mail_server
from webapp.database import EXTENSION
from webapp.mail_settings import SmtpSettings
from webapp.personal_links import token_maker
from webapp.postman import Postman


class Inbox:
    """Keeps what arrives; `replies` says what is answered instead, by stage and address."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.asked: list[str] = []
        self.replies: dict[tuple[str, str], str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.asked.append(address)
        reply = self.replies.get(("RCPT", address))
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 2.1.5 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (address,) = envelope.rcpt_tos
        reply = self.replies.get(("DATA", address))
        if reply is None:
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.mails.append((address, message))
        return reply or "250 2.0.0 taken"

    def take(self) -> list[str]:
        """To whom mails have come since the last look, in the order of the alphabet."""
        found = sorted(address for address, _ in self.mails)
        self.mails.clear()
        return found


class Post:
    """The app with a mail server."""

    def __init__(self, app: Flask, clock: Any, folder: Path, inbox: Inbox) -> None:
        self.app, self.clock, self.folder, self.inbox = app, clock, folder, inbox

    def deliver(self, kind: type[Postman] = Postman) -> None:
        """Let a postman deal with whatever is due."""
        postman = kind(self.app, self.folder)
        try:
            postman.work(once=True, sleep=lambda _seconds: None)
        finally:
            postman.close()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction on the app's database."""
        with self.app.extensions[EXTENSION].writers.begin() as session:
            yield session

    def seed(self, n_pairs: int, *, days: int = 10, invite: bool = True, **contact: Any) -> str:
        """A cohort of pairs, whose wave opens now and is to be invited by mail; the wave's key."""
        now, instrument = self.clock(), get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)
        with self.write() as session:
            program = programs.create_program(
                session, slug="post", name="Post", organisation="Works", instrument=instrument, now=now
            )
            cohort = programs.add_cohort(session, program, name="All", now=now)
            for number in range(n_pairs):
                people = {
                    role: programs.add_participant(
                        session,
                        program,
                        role=role,
                        name=f"{role.title()} {number}",
                        email=f"{role}{number}@x.org",
                        now=now,
                    )
                    for role in ("mentor", "mentee")
                }
                for person in people.values():
                    for name, value in contact.items():
                        setattr(person.contact, name, value)
                programs.add_pair(session, cohort, **people, now=now)
            wave = waves.schedule_wave(
                session, cohort, "T2", instrument, opens_at=now, closes_at=now + timedelta(days=days), now=now
            )
            if invite:
                self.invite(session, wave)
            return wave.id

    def invite(self, session: Session, wave: Wave) -> int:
        """Invite by mail, as the coordinator's button does."""
        make = token_maker(self.app.config["SECRET_KEY"])
        return outbox.invite_by_mail(session, wave, now=self.clock(), make_token=make, folders=TOY_FOLDERS)

    def links(self) -> dict[str, str]:
        """Everybody's personal link by address, as the postman makes it."""
        make = token_maker(self.app.config["SECRET_KEY"])
        with self.write() as session:
            found = session.scalars(select(Invitation).where(Invitation.revoked_at.is_(None))).all()
            return {
                one.participant.contact.email: f"/s/{make(one.id)}"
                for one in found
                if one.participant.contact is not None
            }

    def answer(self, address: str) -> FlaskClient:
        """Let somebody send their answers; the browser in which they did."""
        browser, link = self.app.test_client(), self.links()[address]
        assert browser.post(f"{link}/1", data={"A1": "c:1"}).status_code == 303
        assert browser.post(f"{link}/review").status_code == 303
        return browser


@contextmanager
def open_post(app: Flask, clock: Any, folder: Path) -> Iterator[Post]:
    """A post for the block."""
    inbox = Inbox()
    with mail_server(inbox, enable_SMTPUTF8=True) as port:
        app.config["SMTP"] = SmtpSettings("127.0.0.1", port, "none")
        app.config["MAIL_FROM"] = "surveys@example.org"
        yield Post(app, clock, folder, inbox)


def everybody(n_pairs: int) -> list[str]:
    """The addresses of everybody in a seeded cohort."""
    return sorted(f"{role}{number}@x.org" for role in ("mentor", "mentee") for number in range(n_pairs))


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
