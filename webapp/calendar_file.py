"""The close of a questionnaire as a calendar file (RFC 5545): UTC times, so that no time zone need be described."""

import datetime as dt
from hashlib import sha256

from surveys.models import Invitation
from surveys.waves import ended_at
from webapp.i18n import gettext as _

LONGEST_LINE = 75
LASTS = dt.timedelta(minutes=30)


def make_calendar(invitation: Invitation, title: str) -> bytes:
    """The last half hour of a questionnaire as an event. Others may see a calendar, so the personal link is not in it."""
    closes = ended_at(invitation.wave)
    uid = sha256(f"calendar:{invitation.id}".encode()).hexdigest()[:32]
    fields = {
        "UID": f"{uid}@viceversa.invalid",
        "DTSTAMP": _moment(invitation.issued_at),
        "DTSTART": _moment(closes - LASTS),
        "DTEND": _moment(closes),
        "SUMMARY": _escape(_("The questionnaire closes: %(title)s", title=title)),
        "DESCRIPTION": _escape(_("Please use the link in the invitation that you received.")),
        "CLASS": "PRIVATE",
        "TRANSP": "TRANSPARENT",
    }
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Viceversa//EN", "METHOD:PUBLISH", "BEGIN:VEVENT"]
    lines = [*head, *(f"{name}:{value}" for name, value in fields.items()), "END:VEVENT", "END:VCALENDAR"]
    return b"".join(_fold(line) for line in lines)


def _moment(moment: dt.datetime) -> str:
    """A moment in UTC as the format writes it."""
    return f"{moment.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def _escape(text: str) -> str:
    """A text without anything that the format would take for its own."""
    lines = "\n".join(text.splitlines())
    for sign in ("\\", ";", ","):
        lines = lines.replace(sign, f"\\{sign}")
    return lines.replace("\n", "\\n")


def _fold(line: str) -> bytes:
    """A line in pieces of at most 75 bytes, none of which ends within a letter."""
    pieces, piece = [], b""
    for letter in line:
        encoded = letter.encode("utf-8", "replace")
        if len(piece) + len(encoded) > LONGEST_LINE:
            pieces.append(piece)
            piece = b" "
        piece += encoded
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
