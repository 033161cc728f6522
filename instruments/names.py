"""Traps around a partner's name, by language: names never change grammar, and no grammar fits every name.

A name may begin with a vowel, be of any gender or none, or stand in another script, so nothing may be attached to it and no word beside
it may depend on it. What no pattern can see, such as the agreement of a verb in Urdu or Hindi, is left to the readers of a translation.
"""

import re
from collections.abc import Iterator, Mapping

from instruments.wording import PLACEHOLDER

Trap = tuple[re.Pattern[str], str, str]

# Marks of vowels in Arabic script and Devanagari are no letters to Python.
_LETTER = r"[\w\u064b-\u065f\u0670\u0900-\u0963]"
_ATTACHED = (
    re.compile(rf"{_LETTER}\{{P\}}|\{{P\}}{_LETTER}"),
    "a letter is attached to the name",
    "Put a word of its own, with a space, beside {P}.",
)


def _before(words: str, why: str, remedy: str) -> Trap:
    """A trap of words directly before the name."""
    return re.compile(rf"(?<!\w)(?:{words})\s\{{P\}}", re.IGNORECASE), why, remedy


_ARTICLE = "an article or contraction before the name gives it a gender"
_WITHOUT = "Write the sentence without it."
_TRAPS: Mapping[str, tuple[Trap, ...]] = {
    "en": (
        (re.compile(r"\{P\}['’]"), "the name is in the genitive", "Say it with of, or let {P} do something."),
        (
            re.compile(r"(?<!\w)(?:he|she|him|his|hers?|himself|herself)(?!\w)", re.IGNORECASE),
            "a pronoun gives the name a gender",
            "Write {P} again, or they.",
        ),
    ),
    "de": (
        (re.compile(r"\{P\}['’]"), "the name is in the genitive", "Say it with von, or let {P} do something."),
        _before("vom|zum|zur|beim|am|im|des", _ARTICLE, _WITHOUT),
    ),
    "fr": (
        (
            re.compile(r"(?<!\w)\w{1,6}['’]\{P\}", re.IGNORECASE),
            "a word is shortened before the name as only a vowel asks for",
            "Write the sentence with avec, à, par or pour.",
        ),
        _before(
            "de|que|jusque|lorsque|puisque|parce que",
            "before a vowel this word would be shortened",
            "Write the sentence with avec, à, par or pour.",
        ),
        _before("le|la|les|du|des|au|aux|un|une", _ARTICLE, _WITHOUT),
    ),
    "es": (
        _before("el|la|los|las|del|al|un|una", _ARTICLE, _WITHOUT),
        _before("y|o", "this word changes before i and o", "Put {P} first."),
    ),
    "pt": (_before("o|os|as|do|da|dos|das|no|na|nos|nas|ao|à|aos|às|pelo|pela|um|uma|num|numa", _ARTICLE, _WITHOUT),),
    "zh": (
        (
            re.compile(r"(?<!其)他(?![人们])|她"),
            "a pronoun gives the name a gender",
            "Write {P} again, or 对方.",
        ),
    ),
}  # fmt: skip


def name_faults(text: str, locale: str) -> Iterator[tuple[str, str, str]]:
    """What around the partner's name cannot fit every name: code, message, remedy."""
    if PLACEHOLDER not in text:
        return
    language = locale.partition("_")[0]
    # Chinese writes no spaces between words.
    attached = () if language == "zh" else (_ATTACHED,)
    for pattern, why, remedy in (*attached, *_TRAPS.get(language, ())):
        if found := pattern.search(text):
            yield "name-grammar", f"{why} (“{found[0]}”)", remedy
