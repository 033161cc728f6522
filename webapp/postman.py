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
# What became of a mail at the server: it was taken, refused, or the connection broke.
Answer = Exception | None


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
        # Invitations of people who want no mails. Their rows become what those of other people become: the server's next answer to
        # an invitation is taken for the answer to them, and where nobody else is invited any more, its last one.
        self.unsent: list[Claim] = []
        self.last: Answer = None

    def work(self, *, once: bool, sleep: Callable[[float], Any]) -> bool:
        """Work until nothing is due or the server cannot be reached, or without end; says whether it could be reached."""
        pauses = {Step.IDLE: IDLE_SECONDS, Step.UNREACHABLE: UNREACHABLE_SECONDS}
        while True:
            with self.app.app_context():
                step = self.take_step()
            if step is Step.DONE:
                continue
            self.server.leave()
            if once:
                return step is not Step.UNREACHABLE
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
            if self.unsent:
                self._share()
                return Step.DONE
            return Step.DONE if self._invite() else Step.IDLE
        if claim.found is MailState.HANDED_OVER:
            self._settle(claim)
            return Step.DONE
        try:
            return self._deal_with(claim, now)
        except Exception as error:  # noqa: BLE001 - one mail must not end the worker, who would find it again and again
            # No more than its type, because its words may hold a name.
            log.warning("A mail cannot be written or sent (%s).", type(error).__name__)
            self.server.drop()
            self._postpone(claim, MailState.CLAIMED)
            return Step.DONE

    def _deal_with(self, claim: Claim, now: dt.datetime) -> Step:
        """Send a mail, or be done with it, or let it wait for its time."""
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
            for one in (claim, *self.unsent):
                self._write(outbox.put_back_mail, one, until=self._now())
            self.unsent.clear()
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
        self._converse(claim, letter, envelope)
        return Step.DONE

    def _converse(self, claim: Claim, letter: Letter, envelope: Envelope) -> None:
        """Speak with the server: first about sender and recipient, which is the same for everybody."""
        try:
            self._offer(envelope)
        except RefusedError as error:
            if error.is_permanent and error.stage == "RCPT" and error.is_about_the_address:
                self._write(outbox.give_up_mail, claim, letter, bounced=True)
            else:
                self._take(claim, error)
            return
        except BROKEN as error:
            self._take(claim, error)
            return
        if claim.is_reminder:
            self._remind(claim, letter, envelope)
        else:
            self._bring(claim, letter, envelope)

    def _remind(self, claim: Claim, letter: Letter, envelope: Envelope) -> None:
        """Send a reminder if it is wanted. Once that was asked the row goes, come what may, and no line is logged.

        A row that stays after a failure, or a line about it, would be of somebody who has not answered: rather a reminder is lost.
        """
        noted = False
        try:
            if self._is_wanted(claim, letter):
                self.server.give(envelope.content)
                noted = True
                if self.hand_over(claim):
                    self.server.read_answer()
            else:
                self.server.forget()
        except RefusedError:
            # The conversation can go on with the next mail.
            pass
        except Exception:  # noqa: BLE001 - whatever it is, nothing may be left of it
            self.server.drop()
        if not noted:
            # The same changes of the row as for a mail that is sent.
            self._write(outbox.note_handed_over, claim)
        self._write(outbox.finish_mail, claim)
        self.note.clear()

    def _bring(self, claim: Claim, letter: Letter, envelope: Envelope) -> None:
        """Send an invitation, or let its row share the fate of others if the person wants no mails."""
        if self._is_wanted(claim, letter):
            self._send(claim, envelope)
            return
        try:
            self.server.forget()
        except BROKEN:
            self.server.drop()
        self.unsent.append(claim)

    def _send(self, claim: Claim, envelope: Envelope) -> None:
        """Give an invitation to the server, whose answer is that to the unsent ones too."""
        self.last = None
        try:
            self.server.give(envelope.content)
            if not self.hand_over(claim):
                return
            try:
                self.server.read_answer()
            except BROKEN:
                # The server has the whole mail and did not say no.
                self.server.drop()
        except (RefusedError, *BROKEN) as error:
            # Without where it came from, which would hold the mail.
            self.last = error.with_traceback(None)
        self._take(claim, self.last)
        self.note.clear()
        self._share()

    def _share(self) -> None:
        """Let the rows of mails that were not sent look as if the server had been asked about them."""
        while self.unsent:
            claim = self.unsent.pop()
            if self.last is None or (isinstance(self.last, RefusedError) and self.last.stage == "content"):
                self._write(outbox.note_handed_over, claim)
            self._take(claim, self.last)

    def _is_wanted(self, claim: Claim, letter: Letter) -> bool:
        """Whether a mail shall really be sent, asked at the last moment."""
        with self._session(self.database.readers) as session:
            return outbox.is_wanted(session, claim, letter, self.database.pseudonyms)

    def _offer(self, envelope: Envelope) -> None:
        """Name sender and recipient, once more on a new connection if the server has closed the old one meanwhile."""
        try:
            self.server.offer(envelope.sender, envelope.recipient)
        except BROKEN:
            self.server.drop()
            self.server.connect()
            self.server.offer(envelope.sender, envelope.recipient)

    def _take(self, claim: Claim, answer: Answer) -> None:
        """Be done with a mail that the server took; else try again later, or give up what it never will take."""
        if answer is None:
            self._write(outbox.finish_mail, claim)
        elif not isinstance(answer, RefusedError):
            self.server.drop()
            self._say(claim, "The mail server broke off (%s).", type(answer).__name__)
            self._postpone(claim)
        elif answer.is_permanent and answer.stage == "content":
            # Never the fault of the address: who wants no mails does not come as far, and would be known by it.
            self._say(
                claim, "The mail server does not take what is written in an invitation (%s).", answer.code
            )
            self._write(outbox.give_up_mail, claim)
        else:
            self._say(
                claim, "The mail server did not take an invitation yet (%s, %s).", answer.stage, answer.code
            )
            self._postpone(claim)

    def _postpone(self, claim: Claim, *states: MailState) -> None:
        """Let a mail wait after a failure."""
        until = self._now() + outbox.pause_after(claim)
        self._write(outbox.put_back_mail, claim, *states, until=until, failed=True)

    def _settle(self, claim: Claim) -> None:
        """Find out whether a mail was sent whose worker did not come back from handing it over."""
        # Of its own this worker knows no more than that it went on to the dot.
        own = claim.held_by == self.note.worker
        state = DotState.SENT if own else self.note.ask(claim.held_by, claim.id)
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
