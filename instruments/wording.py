"""What no text may contain, in any language: hidden characters, markup, stray braces."""

import re
from collections.abc import Iterator

# Explicit direction marks, embeddings, overrides and isolates: the page sets direction, and a hidden override can
# make a sentence show other words than it holds.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Control characters, soft hyphens, zero-width spaces and joiners of words, blanks that count as letters, line separators, private and
# broken characters. The zero-width joiner and non-joiner are spelling in several languages and stay allowed.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u115f\u1160\u200b\u2028\u2029\u2060\u2800\u3164\ufeff\uffa0\ufffd\ud800-\udfff\ue000-\uf8ff\U000e0000-\U0010ffff]"
)
_TAG = re.compile(r"<[A-Za-z/!?][^>]*>?|&(?:[A-Za-z][A-Za-z0-9]*|#[0-9]+|#x[0-9A-Fa-f]+);")
PLACEHOLDER = "{P}"


def text_faults(text: str) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a text, whatever its language: code, message, remedy."""
    if not text.strip():
        yield "empty-text", "the text is empty", "Write the text."
        return
    if text != text.strip():
        yield "stray-space", "the text begins or ends with a space", "Remove the space."
    if bidi := _BIDI.findall(text):
        message = f"the text holds hidden direction characters ({_name(bidi)})"
        yield "bidi-control", message, "Remove them; the page sets the direction of each language."
    if hidden := _HIDDEN.findall(text):
        yield (
            "hidden-character",
            f"the text holds characters that cannot be seen ({_name(hidden)})",
            "Remove them.",
        )
    tag = _TAG.search(text)
    if tag is not None:
        yield (
            "markup",
            f"the text holds markup (“{tag[0][:30]}”)",
            "Write plain text; the page adds all markup.",
        )
    rest = text.replace(PLACEHOLDER, "")
    if "{" in rest or "}" in rest:
        yield (
            "unknown-placeholder",
            "the text holds a brace that is not {P}",
            "Write {P} for the partner's name, and no other brace.",
        )


def _name(characters: list[str]) -> str:
    """Characters that cannot be seen, by their numbers."""
    return ", ".join(sorted({f"U+{ord(character):04X}" for character in characters}))


def count_placeholders(text: str) -> int:
    """How often the partner is named."""
    return text.count(PLACEHOLDER)
