"""The postman: issues what is due, and gives mails to the server one after the other, each in two steps (see `surveys.outbox`)."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from instruments.errors import InstrumentError
from surveys import outbox
from surveys.errors import SurveyError, WaveError
from surveys.models import MailState, Wave
from surveys.outbox import Claim, Letter
from surveys.roles import ROLE, DatabaseRole
from webapp.database import EXTENSION, Database
from webapp.last_step import DotState, LastStep
from webapp.mail import Envelope, next_allowed, write_mail, zone_of
from webapp.personal_links import make_token
from webapp.smtp import BROKEN, MailServer, RefusedError

IDLE_SECONDS, UNREACHABLE_SECONDS = 5, 60
log = logging.getLogger(__name__)


class Step(StrEnum):
    """What became of one step of the work."""

    DONE = "done"
    IDLE = "idle"
    UNREACHABLE = "unreachable"


class Postman:
    """One worker with one connection to the mail server. No line of its log names anybody, or says how many were reminded."""

    def __init__(self, app: Flask, folder: Path, *, lease: dt.timedelta = outbox.LEASE) -> None:
        self.app, self.lease = app, lease
        self.database: Database = app.extensions[EXTENSION]
        self.server = MailServer(app.config["SMTP"])
        self.note = LastStep(folder)

    def work(self, *, once: bool, sleep: Callable[[float], Any]) -> None:
        """Work until nothing is due or the server cannot be reached, or without end."""
        pauses = {Step.IDLE: IDLE_SECONDS, Step.UNREACHABLE: UNREACHABLE_SECONDS}
        while True:
            with self.app.app_context():
                step = self.take_step()
            if step is Step.DONE:
                continue
            self.server.leave()
            if once:
                return
            sleep(pauses[step])

    def close(self) -> None:
        """End the work in order."""
        self.server.leave()
        self.note.close()

    def take_step(self) -> Step:
        """Deal with one mail that is due, or invite the people of one wave that has opened."""
        now = self._now()
        with self._session(self.database.writers) as session:
            claim = outbox.claim_mail(session, now=now, worker=self.note.worker, lease=self.lease)
        if claim is None:
            return Step.DONE if self._invite() else Step.IDLE
        if claim.found is MailState.HANDED_OVER:
            self._settle(claim)
            return Step.DONE
        with self._session(self.database.readers) as session:
            letter = outbox.read_letter(session, claim, now=now)
        if letter is None:
            self._write(outbox.finish_mail, claim)
            return Step.DONE
        if letter.contact.bounced:
            self._write(outbox.give_up_mail, claim)
            return Step.DONE
        allowed = max(next_allowed(now, zone_of(letter)), letter.wave.opens_at)
        if allowed > now:
            if allowed < letter.ends_at:
                self._write(outbox.put_back_mail, claim, until=allowed)
            else:
                self._write(outbox.finish_mail, claim)
            return Step.DONE
        return self._deliver(claim, letter)

    def hand_over(self, claim: Claim) -> bool:
        """Commit that the dot comes next, and send it; False, and no dot, if somebody else has the mail by now."""
        if not self._write(outbox.note_handed_over, claim):
            self.server.drop()
            return False
        self.note.mark(claim.id)
        self.server.send_dot()
        return True

    def _deliver(self, claim: Claim, letter: Letter) -> Step:
        """Write a mail and give it to the server."""
        if not self.server.is_connected and not self._connect():
            # As if it had not been touched: while the server is away nothing about any mail may change.
            self._write(outbox.put_back_mail, claim, until=self._now())
            return Step.UNREACHABLE
        try:
            envelope = write_mail(claim, letter)
        except UnicodeError:
            self._write(outbox.give_up_mail, claim, letter, bounced=True)
            return Step.DONE
        except (SurveyError, InstrumentError) as error:
            log.warning("A mail cannot be written: %s", error)
            self._postpone(claim)
            return Step.DONE
        if envelope is None:
            log.error(
                "An invitation was not mailed: its link cannot be made with the present VICEVERSA_SECRET_KEY."
            )
            self._write(outbox.give_up_mail, claim)
            return Step.DONE
        if not envelope.recipient.isascii() and not self.server.speaks_utf8:
            self._write(outbox.give_up_mail, claim, letter, bounced=True)
            return Step.DONE
        try:
            self._converse(claim, letter, envelope)
        except RefusedError as error:
            self._take_refusal(claim, letter, error)
        except BROKEN as error:
            self.server.drop()
            self._say(claim, "The mail server broke off (%s).", type(error).__name__)
            self._postpone(claim)
        return Step.DONE

    def _converse(self, claim: Claim, letter: Letter, envelope: Envelope) -> None:
        """Speak with the server, up to the end; raises RefusedError or one of BROKEN as long as the dot was not sent."""
        self._offer(envelope)
        with self._session(self.database.readers) as session:
            wanted = outbox.is_wanted(session, claim, letter, self.database.pseudonyms)
        if not wanted:
            # The same changes of the row as for a mail that is sent.
            self.server.forget()
            self._write(outbox.note_handed_over, claim)
            self._write(outbox.finish_mail, claim)
            return
        self.server.give(envelope.content)
        if not self.hand_over(claim):
            return
        try:
            self.server.read_answer()
        except BROKEN:
            # The server has the whole mail and did not say no.
            self.server.drop()
        self._write(outbox.finish_mail, claim)
        self.note.clear()

    def _offer(self, envelope: Envelope) -> None:
        """Name sender and recipient, once more on a new connection if the server has closed the old one meanwhile."""
        try:
            self.server.offer(envelope.sender, envelope.recipient)
        except BROKEN:
            self.server.drop()
            self.server.connect()
            self.server.offer(envelope.sender, envelope.recipient)

    def _take_refusal(self, claim: Claim, letter: Letter, error: RefusedError) -> None:
        """Try again later, or give up; whether the address is at fault only the server's answer to an invitation may tell."""
        if error.is_permanent and error.stage in {"RCPT", "content"} and error.is_about_the_address:
            self._write(outbox.give_up_mail, claim, letter, bounced=True)
        elif error.is_permanent and error.stage == "content":
            self._say(
                claim, "The mail server does not take what is written in an invitation (%s).", error.code
            )
            self._write(outbox.give_up_mail, claim)
        else:
            self._say(
                claim, "The mail server did not take an invitation yet (%s, %s).", error.stage, error.code
            )
            self._postpone(claim)

    def _postpone(self, claim: Claim) -> None:
        """Let a mail wait after a failure."""
        self._write(outbox.put_back_mail, claim, until=self._now() + outbox.pause_after(claim), failed=True)

    def _settle(self, claim: Claim) -> None:
        """Find out whether a mail was sent whose worker did not come back from handing it over."""
        state = self.note.ask(claim.held_by, claim.id)
        if state is DotState.SENT:
            self._write(outbox.finish_mail, claim)
        elif state is DotState.NOT_SENT:
            self._write(outbox.put_back_mail, claim, until=self._now())

    def _invite(self) -> bool:
        """Invite the people of the waves that have opened; says whether there were any."""
        with self._session(self.database.readers) as session:
            due = outbox.waves_to_invite(session, now=self._now())
        for wave_id in due:
            # What the coordinator planned is done with the coordinator's rights.
            with self._session(self.database.writers, DatabaseRole.COORDINATOR) as session:
                wave = session.get_one(Wave, wave_id)
                folders = self.app.config["INSTRUMENT_FOLDERS"]
                try:
                    outbox.invite_by_mail(
                        session, wave, now=self._now(), make_token=make_token, folders=folders
                    )
                except (WaveError, InstrumentError) as error:
                    log.warning("A wave has opened and nobody was invited: %s", error)
                    wave.invites_by_mail = False
        return bool(due)

    def _connect(self) -> bool:
        """Reach the server; says whether it could be reached."""
        try:
            self.server.connect()
        except BROKEN as error:
            log.warning("The mail server cannot be reached (%s).", type(error).__name__)
            return False
        return True

    def _say(self, claim: Claim, message: str, *values: Any) -> None:
        """Tell the operator of a failure, but never of one with a reminder: such lines would count who was sent one."""
        if not claim.is_reminder:
            log.warning(message, *values)

    def _now(self) -> dt.datetime:
        """The present moment."""
        moment: dt.datetime = self.app.config["CLOCK"]()
        return moment

    def _write(self, change: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Change a mail in a transaction of its own."""
        with self._session(self.database.writers) as session:
            return change(session, *args, **options)

    @contextmanager
    def _session(
        self, begin: sessionmaker[Session], role: DatabaseRole = DatabaseRole.POSTMAN
    ) -> Iterator[Session]:
        """One transaction under a database role."""
        with begin(info={ROLE: role} if self.database.under_roles else {}) as session, session.begin():
            yield session
