"""A conversation with the mail server that can stop before the last dot: until then the server throws away what it was given."""

import re
import smtplib
import socket
import ssl
from functools import lru_cache

from webapp.mail_settings import SmtpSettings

TIMEOUT_SECONDS = 60
OK, START_INPUT, CLOSING = 250, 354, 421
ACCEPTED = frozenset({250, 251})
# Codes and extended codes that speak of the address itself, and not of us, the content or the moment.
ADDRESS_CODES = frozenset({550, 551, 553})
ADDRESS_STATUS = re.compile(r"\b5\.(?:1\.(?:0|1|2|3|6|10)|2\.1)\b")
ANY_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")

# What can go wrong on the way to the server or in the middle of a sentence.
BROKEN = (OSError, smtplib.SMTPException)


class RefusedError(Exception):
    """The server said no; its own words stay here, because they may hold an address."""

    def __init__(self, stage: str, code: int, said: bytes) -> None:
        self.stage, self.code = stage, code
        self._said = said.decode("utf-8", "replace")
        super().__init__(f"{stage} refused with {code}")

    @property
    def is_permanent(self) -> bool:
        """Whether the server will not change its mind."""
        return self.code >= 500

    @property
    def is_about_the_address(self) -> bool:
        """Whether the address does not exist, rather than that we may not send, or not this."""
        if ANY_STATUS.search(self._said):
            return self.is_permanent and ADDRESS_STATUS.search(self._said) is not None
        return self.code in ADDRESS_CODES


class MailServer:
    """One connection to the mail server, opened when it is first needed."""

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self._connection: smtplib.SMTP | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, which may have been closed by the server since."""
        return self._connection is not None

    def connect(self) -> None:
        """Open the connection; raises one of BROKEN."""
        settings = self.settings
        kind = smtplib.SMTP_SSL if settings.security == "tls" else smtplib.SMTP
        connection = kind(settings.host, settings.port, timeout=TIMEOUT_SECONDS, local_hostname=_own_name())
        try:
            # The last dot is not to wait until the server has confirmed what came before.
            if connection.sock is not None:
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if settings.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
            if settings.user:
                connection.login(settings.user, settings.password)
        except BROKEN:
            connection.close()
            raise
        self._connection = connection

    @property
    def speaks_utf8(self) -> bool:
        """Whether addresses may have letters beyond ASCII before the @."""
        return self._connection is not None and self._connection.has_extn("smtputf8")

    def offer(self, sender: str, recipient: str) -> None:
        """Name sender and recipient; raises RefusedError or one of BROKEN."""
        connection = self._open()
        options = [] if recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
        # Both are encoded by their command in this way only.
        connection.command_encoding = "ascii" if recipient.isascii() else "utf-8"
        code, said = connection.mail(sender, options)
        if code != OK:
            self._refuse("MAIL", code, said)
        code, said = connection.rcpt(recipient)
        if code not in ACCEPTED:
            self._refuse("RCPT", code, said)

    def forget(self) -> None:
        """Take back what was named; raises one of BROKEN."""
        self._open().rset()

    def give(self, content: bytes) -> None:
        """Give the whole content, and not the dot that ends it; raises RefusedError or one of BROKEN."""
        connection = self._open()
        connection.putcmd("data")
        code, said = connection.getreply()
        if code != START_INPUT:
            self._refuse("DATA", code, said)
        lines = re.sub(rb"(?m)^\.", b"..", content)
        connection.send(lines if lines.endswith(b"\r\n") else lines + b"\r\n")

    def send_dot(self) -> None:
        """End the content: from here on the mail is the server's. One system call."""
        self._open().send(b".\r\n")

    def read_answer(self) -> None:
        """Read what the server says to the whole mail; raises RefusedError or one of BROKEN."""
        code, said = self._open().getreply()
        if code != OK:
            raise RefusedError("content", code, said)

    def drop(self) -> None:
        """Close the connection without another word: what was not ended by its dot is thrown away."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def leave(self) -> None:
        """Say goodbye."""
        if self._connection is not None:
            try:
                self._connection.quit()
            except BROKEN:
                self._connection.close()
            self._connection = None

    def _open(self) -> smtplib.SMTP:
        """The connection; raises smtplib's own error where there is none."""
        if self._connection is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self._connection

    def _refuse(self, stage: str, code: int, said: bytes) -> None:
        """Begin anew, and raise."""
        if code == CLOSING:
            self.drop()
            raise smtplib.SMTPServerDisconnected("the server closes the connection")
        self.forget()
        raise RefusedError(stage, code, said)


@lru_cache(maxsize=1)
def _own_name() -> str:
    """How this machine introduces itself, asked once."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"
