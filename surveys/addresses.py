"""E-mail addresses as they are kept and compared: trimmed and in small letters."""

import re

# Deliberately loose, for accounts and for looking somebody up: what is refused is what cannot be an address.
_ADDRESS = re.compile(r"[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]+@[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]+")
# For whom mails are written to: what every mail server takes, and no spreadsheet takes for a formula.
_MAILABLE = re.compile(
    r"(?![=+\-])[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
)
# With this an encoded word begins (RFC 2047), which mail programs decode to whatever it hides, new lines among it.
ENCODED_WORD = "=?"
_MAXIMUM_LENGTH, _MAXIMUM_LOCAL, _MAXIMUM_DOMAIN = 254, 64, 253


def normalise_email(email: str) -> str | None:
    """The address trimmed and in small letters, or None if it cannot be an address."""
    address = email.strip().lower()
    if len(address) > _MAXIMUM_LENGTH or ENCODED_WORD in address:
        return None
    return address if _ADDRESS.fullmatch(address) else None


def mailable_email(email: str) -> str | None:
    """The address as a participant's is kept, its domain in ASCII; None if mails cannot be sent to it.

    The one rule for a roster, a form and a command.
    """
    local, at, domain = (normalise_email(email) or "").rpartition("@")
    if not domain.isascii() and len(domain) <= _MAXIMUM_DOMAIN:
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    address = f"{local}{at}{domain}"
    fits = len(local) <= _MAXIMUM_LOCAL and len(address) <= _MAXIMUM_LENGTH
    return address if fits and _MAILABLE.fullmatch(address) else None


def kept_emails(email: str) -> set[str]:
    """As what somebody's address may be kept: as it is written, or with its domain in ASCII."""
    return {address for address in (normalise_email(email), mailable_email(email)) if address is not None}
