"""What people write in their own words, as it is kept: without signs that do something instead of being read."""

import unicodedata

# Signs that turn the direction of what follows them. Marks and joiners, which Arabic and Urdu need, are not among them.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_ENDS = {"\r\n": "\n", "\r": "\n", "\u2028": "\n", "\u2029": "\n\n"}


def clean_text(text: str) -> str:
    """The text without control signs and direction overrides, with one kind of line end; blanks around it go.

    Nothing that can be read is lost, and nobody can make a text look like another one, or disturb the page around it.
    """
    for end, plain in _LINE_ENDS.items():
        text = text.replace(end, plain)
    kept = (sign for sign in text if sign in "\n\t" or not _is_hidden(sign))
    cleaned = "".join(kept).strip()
    return cleaned if any(unicodedata.category(sign)[0] in "LNPSM" for sign in cleaned) else ""


def _is_hidden(sign: str) -> bool:
    """Whether a sign controls something, or is half of one."""
    return sign in TURNING or unicodedata.category(sign) in {"Cc", "Cs"}
