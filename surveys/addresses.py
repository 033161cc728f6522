"""E-mail addresses as they are kept and compared: trimmed and in small letters."""

import re

# Deliberately loose: whether an address exists only a message can tell. What is refused is what cannot be one.
_ADDRESS = re.compile(r"[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]+@[^@\s<>\"(),:;\\\[\]\x00-\x1f\x7f]+")
_MAXIMUM_LENGTH = 254


def normalise_email(email: str) -> str | None:
    """The address trimmed and in small letters, or None if it cannot be an address."""
    address = email.strip().lower()
    return address if len(address) <= _MAXIMUM_LENGTH and _ADDRESS.fullmatch(address) else None
