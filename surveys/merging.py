"""Saves of one page from several places: whoever saves overwrites only what they have seen.

A page is shown with a mark of what each of its questions held. When it comes back, a question that was left as it was shown keeps what
is stored by now; one that was changed is stored if nobody else changed it meanwhile; and where both did, what is stored stays until the
person, who is told, saves again. No clock is asked, neither the device's nor ours, and nothing is stored for it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from instruments.answers import AnswerValue

MARK_DIGITS = 12
# The mark of a response that was withdrawn; no question is called so.
WITHDRAWN = "-"


@dataclass(frozen=True)
class Merged:
    """Which questions of a page are to be written as they came, and those that were changed in two places."""

    write: frozenset[str]
    overlaps: frozenset[str]


def mark_answers(
    item_ids: Iterable[str], answers: Mapping[str, AnswerValue], quotable: Collection[str]
) -> str:
    """The marks of a page's questions as one text; questions without an answer have none."""
    return " ".join(
        f"{item_id}:{_mark(answers[item_id], item_id in quotable)}"
        for item_id in sorted(item_ids)
        if item_id in answers
    )


def mark_withdrawn(tag: str) -> str:
    """The mark of a response whose answers were withdrawn, which a page shows in place of answers."""
    return f"{WITHDRAWN}:{tag[:MARK_DIGITS]}"


def merge_page(
    item_ids: Iterable[str], seen: str, sent: Mapping[str, str], stored: Mapping[str, str]
) -> Merged:
    """Lay what was seen, what was sent and what is stored beside each other, each as marks."""
    shown = read_marks(seen)
    write, overlaps = set(), set()
    for item_id in item_ids:
        before, mine, theirs = (marks.get(item_id) for marks in (shown, sent, stored))
        if theirs in {before, mine}:
            write.add(item_id)
        elif mine != before:
            overlaps.add(item_id)
    return Merged(frozenset(write), frozenset(overlaps))


def read_marks(text: str) -> dict[str, str]:
    """The marks in a text that came back from a page; what is no mark is left out."""
    pairs = (part.split(":") for part in text.split(" "))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _mark(answer: AnswerValue, may_be_quoted: bool) -> str:
    """A short digest of one answer."""
    if answer.text is not None:
        value = f"t{'q' if may_be_quoted else ''}:{answer.text}"
    else:
        value = f"m:{answer.missing}" if answer.missing is not None else f"c:{answer.code}"
    return sha256(value.encode("utf-8", "replace")).hexdigest()[:MARK_DIGITS]
