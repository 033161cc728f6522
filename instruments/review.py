"""Who has looked at one translated text, how and when: a state that is kept in a comment of its PO entry.

The comment names a digest of the context, the source and the translation. Whatever an editor does to the file, a state holds for the
words that were looked at and for no others: a text that was changed since is a draft again. States are no texts, so they are in no
digest of a version, and review can go on after its release.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from instruments.parts import ReviewStatus
from instruments.po import PoEntry

DRAFT, REVIEWED, APPROVED = STATES = ("draft", "reviewed", "approved")
# What the header of a file says when its lowest entry is in this state.
STATUS_OF: Mapping[str, ReviewStatus] = {DRAFT: "not reviewed", REVIEWED: "reviewed", APPROVED: "approved"}
# How a translation can be looked at; the last two find faults, but nothing is approved by them alone.
METHODS: Mapping[str, str] = {
    "trapd": "team translation with review and adjudication (TRAPD)",
    "double-forward": "two independent translations, reconciled",
    "committee": "bilingual committee",
    "interviews": "cognitive interviews with people who read the language",
    "back-translation": "back-translation",
    "reading": "read by one person beside the source",
}
APPROVING = ("trapd", "double-forward", "committee", "interviews")
LONGEST_NAME = 120

_MARK = "Review:"
_STATE = re.compile(
    r"Review: (?P<state>reviewed|approved); method: (?P<method>[a-z-]+); by: (?P<reviewer>[^;]+); "
    r"on: (?P<day>\d{4}-\d{2}-\d{2}); of: (?P<of>[0-9a-f]{12})"
)
# A state ends with its digest; wrapped even in a narrow window, it fills no more than this many further lines.
_ENDING = re.compile(r"(?:^|of: )[0-9a-f]{12}$")
_MOST_LINES = 12


@dataclass(frozen=True)
class Review:
    """That a person looked at a text; `state` is reviewed or approved, for a draft there is no Review."""

    state: str
    method: str
    reviewer: str
    day: date


class ReviewError(Exception):
    """A review that cannot be noted, in finished English."""


def make_review(state: str, method: str | None, reviewer: str | None, day: date) -> Review | None:
    """The review that somebody gives; None for a draft, which needs neither name nor method. Raises ReviewError."""
    if state == DRAFT:
        return None
    name = " ".join((reviewer or "").split())
    if not name or len(name) > LONGEST_NAME or ";" in name or not name.isprintable():
        raise ReviewError(
            f"“{state}” needs the name of who has looked: --reviewer, of at most {LONGEST_NAME} signs and without a semicolon."
        )
    if method is None or method not in METHODS:
        raise ReviewError(f"“{state}” needs the way of looking: --method, one of {', '.join(METHODS)}.")
    if state == APPROVED and method not in APPROVING:
        raise ReviewError(
            f"“{method}” alone approves nothing. Use one of {', '.join(APPROVING)}, or --state reviewed."
        )
    return Review(state, method, name, day)


def review_of(entry: PoEntry) -> Review | None:
    """The review of the entry as it stands; None for a draft, and where the words have changed since."""
    if not entry.msgstr or entry.fuzzy or not any(_MARK in line for line in entry.user_comments):
        return None
    for match in _STATE.finditer(_join(entry.user_comments)):
        if match["of"] != _digest(entry):
            continue
        try:
            day = date.fromisoformat(match["day"])
            return make_review(match["state"], match["method"], match["reviewer"], day)
        except (ReviewError, ValueError):
            continue
    return None


def other_comments(entry: PoEntry) -> tuple[str, ...]:
    """The translator's comments without the states, which an editor may have wrapped over several lines."""
    kept: list[str] = []
    lines = list(entry.user_comments)
    while lines:
        before, mark, rest = lines.pop(0).partition(_MARK)
        if before.strip():
            kept.append(before.strip())
        if mark:
            ends = [
                number
                for number, line in enumerate((rest, *lines[:_MOST_LINES]))
                if _ENDING.search(line.strip())
            ]
            del lines[: ends[0] if ends else 0]
    return tuple(kept)


def comments_with(entry: PoEntry, review: Review | None) -> tuple[str, ...]:
    """The comments of the entry with this state instead of any other."""
    if review is None:
        return other_comments(entry)
    state = (
        f"{_MARK} {review.state}; method: {review.method}; by: {review.reviewer}; on: {review.day.isoformat()}; "
        f"of: {_digest(entry)}"
    )
    return (*other_comments(entry), state)


def state_of(entry: PoEntry | None) -> str:
    """Draft, reviewed or approved."""
    review = None if entry is None else review_of(entry)
    return DRAFT if review is None else review.state


@dataclass(frozen=True)
class ReviewSummary:
    """How many texts are in each state, the lowest of them, and who has looked."""

    counts: Mapping[str, int]
    status: ReviewStatus
    reviewers: tuple[str, ...]
    methods: tuple[str, ...]


def summarize(entries: Sequence[PoEntry | None]) -> ReviewSummary:
    """The states of the texts of a file; a text without an entry is a draft."""
    counts = Counter(state_of(entry) for entry in entries)
    lowest = next((state for state in STATES if counts[state]), DRAFT)
    reviews = [review for review in map(review_of, filter(None, entries)) if review is not None]
    return ReviewSummary(
        counts={state: counts[state] for state in STATES},
        status=STATUS_OF[lowest],
        reviewers=_sorted(review.reviewer for review in reviews),
        methods=_sorted(review.method for review in reviews),
    )


def lower_status(header: str, entries: ReviewStatus) -> ReviewStatus:
    """The lower of two statuses: a header alone proves nothing, and one that claims less than its entries is believed."""
    for status in STATUS_OF.values():
        if status in (header, entries):
            return status
    return entries


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    """The values, each once, in their order."""
    return tuple(sorted(set(values)))


def _join(lines: Sequence[str]) -> str:
    """Comment lines as one text: editors wrap them at spaces and after hyphens."""
    text = " ".join(" ".join(line.split()) for line in lines)
    return re.sub(r"(?<=\w)- (?=\w)", "-", text)


def _digest(entry: PoEntry) -> str:
    """What was looked at, in twelve signs: enough to notice a change, and no signature."""
    text = "\0".join((entry.context, entry.msgid, entry.msgstr))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
