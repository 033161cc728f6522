"""Invitations and reminders as mails: text and HTML in the reader's language, with the close of the questionnaire as a calendar file."""

import datetime as dt
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from hashlib import sha256

from flask import current_app, render_template

from surveys.addresses import ENCODED_WORD
from surveys.invitations import hash_token
from surveys.languages import offered_locales
from surveys.outbox import Claim, Letter
from surveys.waves import instrument_of
from surveys.written_text import TURNING
from webapp import i18n
from webapp.calendar_file import make_calendar
from webapp.config import SOURCE_LOCALE
from webapp.coordinate.words import KINDS
from webapp.i18n import gettext as _
from webapp.negotiation import language_tag
from webapp.personal_links import make_token

LONGEST_NAME = 100
# Letters that turn the direction of what follows; in a name they have no business.
BIDI = TURNING | frozenset("\u061c\u200e\u200f")
EVENING, MORNING, SATURDAY = 20, 8, 5
# All that may be said above a mail; each of them once.
HEADERS = frozenset(
    {
        "Subject",
        "From",
        "To",
        "Reply-To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Content-Type",
        "Content-Language",
    }
)


class MailHeaderError(Exception):
    """What somebody wrote has become a header of its own; it is not quoted, because logs name nobody."""


@dataclass(frozen=True)
class Envelope:
    """A mail ready to be given to the server."""

    sender: str
    recipient: str
    content: bytes


def write_mail(claim: Claim, letter: Letter) -> Envelope | None:
    """Write a mail in its reader's language; None for an invitation whose link cannot be made again.

    A reminder then goes out without a link.
    """
    token = make_token(letter.invitation.id)
    fits = hash_token(token) == letter.invitation.token_hash
    if not fits and not claim.is_reminder:
        return None
    base: str = current_app.config["BASE_URL"]
    instrument = instrument_of(letter.wave, folders=current_app.config["INSTRUMENT_FOLDERS"])
    with i18n.force_locale(choose_locale(letter, offered_locales(letter.wave, instrument))):
        title = instrument.title_in(i18n.get_locale())
        return _compose(claim, letter, title, f"{base}/s/{token}" if fits else "")


def zone_of(letter: Letter) -> dt.tzinfo:
    """Where the reader is, as far as anybody said."""
    return i18n.find_zone(letter.contact.time_zone, current_app.config["TIMEZONE"])


def next_allowed(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The moment itself, or the end of the night or weekend in which it lies for the reader."""
    local = moment.astimezone(zone)
    if local.weekday() < SATURDAY and MORNING <= local.hour < EVENING:
        return moment
    day = local.date() + dt.timedelta(days=1 if local.hour >= EVENING else 0)
    while day.weekday() >= SATURDAY:
        day += dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(MORNING), tzinfo=zone).astimezone(dt.UTC)


def choose_locale(letter: Letter, written: Container[str]) -> str:
    """The reader's language if both the questionnaire and the pages are there in it, else the programme's, else the first."""
    offered = i18n.locales_among(written)
    for wish in (letter.contact.locale, letter.wave.cohort.program.default_locale):
        if wish in offered:
            return wish
    return offered[0] if offered else SOURCE_LOCALE


def plain(text: str, *, marks: bool = True) -> str:
    """A name on one line, not endless and without signs that turn the direction, isolated by marks where no tags can do it.

    Nor does it hold an encoded word, which the library would decode in a header, new lines and all.
    """
    kept = "".join(
        " " if unicodedata.category(sign) in {"Cc", "Zl", "Zp"} else sign
        for sign in text
        if sign not in BIDI and unicodedata.category(sign) != "Cs"
    )
    short = " ".join(kept.split()).replace(ENCODED_WORD, " ".join(ENCODED_WORD))
    short = short if len(short) <= LONGEST_NAME else f"{short[: LONGEST_NAME - 1]}…"
    return i18n.keep_together(short) if marks and i18n.text_direction() == "rtl" else short


def ascii_domain(address: str) -> str:
    """An address whose part behind the @ every mail server can read; raises UnicodeError where that cannot be."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"


def _address(name: str, address: str) -> Address:
    """A name with its address for a header; the parts are given one by one because the library refuses letters beyond ASCII in the whole."""
    local, _at, domain = address.rpartition("@")
    return Address(name, local, domain)


def _compose(claim: Claim, letter: Letter, title: str, link: str) -> Envelope:
    """Put the mail together in the language that is spoken just now."""
    config, program = current_app.config, letter.wave.cohort.program
    sender, recipient = ascii_domain(config["MAIL_FROM"]), ascii_domain(letter.contact.email)
    name = plain(program.name, marks=False)
    subject = (
        _("Reminder: %(program)s", program=name)
        if claim.is_reminder
        else _("Your questionnaire: %(program)s", program=name)
    )
    stop = f"{link}/mails"
    words = {
        "letter": letter,
        "subject": subject,
        "title": title,
        "partner": letter.partner or _("your partner"),
        "minutes": KINDS[letter.wave.kind].minutes,
        "closes": i18n.format_datetime(letter.ends_at, zone_of(letter)),
        "reminder": claim.is_reminder,
        "link": link,
        "stop": stop,
        "plain": plain,
    }
    policy = SMTP if recipient.isascii() else SMTPUTF8
    message = EmailMessage(policy.clone(cte_type="7bit" if recipient.isascii() else "8bit"))
    message["Subject"] = subject
    message["From"] = _address(name, sender)
    message["To"] = _address(plain(letter.contact.name, marks=False), recipient)
    if config["MAIL_REPLY_TO"]:
        message["Reply-To"] = _address("", ascii_domain(config["MAIL_REPLY_TO"]))
    message["Date"] = config["CLOCK"]()
    message["Message-ID"] = f"<{sha256(claim.id.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if link:
        message["List-Unsubscribe"] = f"<{stop}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(render_template("mail/letter.txt", **words))
    message.add_alternative(render_template("mail/letter.html", **words), subtype="html")
    if not claim.is_reminder:
        calendar = make_calendar(letter.invitation, plain(title, marks=False))
        message.add_attachment(
            calendar,
            maintype="text",
            subtype="calendar",
            filename="questionnaire.ics",
            params={"charset": "utf-8"},
        )
    # Last, because each new part takes what was said of the content along.
    message["Content-Language"] = language_tag(i18n.get_locale())
    return Envelope(sender, recipient, _checked(message))


def _checked(message: EmailMessage) -> bytes:
    """The mail as it is sent; raises MailHeaderError unless its headers are those that were set, and no others."""
    content = message.as_bytes()
    lines = re.split(rb"\r\n|\r|\n", content.partition(b"\r\n\r\n")[0])
    names = [
        line.partition(b":")[0].decode("latin-1") for line in lines if not line.startswith((b" ", b"\t"))
    ]
    if names != message.keys() or not HEADERS.issuperset(names) or len(set(names)) < len(names):
        raise MailHeaderError
    return content
