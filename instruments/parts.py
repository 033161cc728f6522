"""The parts that a questionnaire is made of; all frozen."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Generic, Literal, TypeVar

ITEMS_PER_PAGE = 8

FormatKind = Literal["rating", "choice", "text"]
Wording = Literal["same", "mirrored", "single role"]
Direction = Literal["benefit", "problem", "neutral"]
Origin = Literal["source", "machine", "human"]
ReviewStatus = Literal["source", "not reviewed", "reviewed", "approved"]


class WaveKind(StrEnum):
    """The measurement occasions, in the order in which they happen; the pulse may come at any time."""

    T0 = "T0"
    TC = "TC"
    T2 = "T2"
    T3A = "T3a"
    T3B = "T3b"
    T4 = "T4"
    PL = "PL"


class Role(StrEnum):
    """The two sides of a pair: the mentor is the junior, the mentee the senior."""

    MENTOR = "mentor"
    MENTEE = "mentee"


class Missing(StrEnum):
    """Why a question has no code although the person touched it."""

    NOT_APPLICABLE = "not_applicable"
    PREFER_NOT = "prefer_not"


K = TypeVar("K")
V = TypeVar("V")


class FrozenMap(Mapping[K, V], Generic[K, V]):
    """A mapping that nobody can change, in the order it was given; unlike a mappingproxy it can be copied and pickled."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self._entries = dict(entries or {})

    def __getitem__(self, key: K) -> V:
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._entries!r})"


@dataclass(frozen=True)
class ResponseOption:
    """One labelled point of a format."""

    code: int
    label: str


@dataclass(frozen=True)
class ResponseFormat:
    """How a question is answered: on a rating scale, by a choice, or in the person's own words."""

    id: str
    kind: FormatKind
    options: tuple[ResponseOption, ...] = ()
    maximum_length: int | None = None
    revision: int = 1
    same_meaning_since: int = 1

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The codes of the options, in the order shown."""
        return tuple(option.code for option in self.options)

    @property
    def minimum(self) -> int:
        """The smallest code; 0 for a text format, which has none."""
        return min(self.codes, default=0)

    @property
    def maximum(self) -> int:
        """The largest code; 0 for a text format, which has none."""
        return max(self.codes, default=0)


@dataclass(frozen=True)
class Stem:
    """A sentence opening that several items share."""

    id: str
    texts: Mapping[str, str]
    revision: int = 1
    same_meaning_since: int = 1
    note: str = ""


@dataclass(frozen=True)
class Item:
    """One question; `texts` is keyed "both", "mentor" or "mentee", each optionally followed by ":<wave>"."""

    id: str
    format: str
    texts: Mapping[str, str]
    provenance: str
    stem: str | None = None
    anchor: bool = False
    sensitive: bool = False
    revision: int = 1
    same_meaning_since: int = 1
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """The items that make one score; `pool` names the pool they are picked from, if they are."""

    id: str
    title: str
    description: str
    keys: Mapping[str, int]
    roles: tuple[Role, ...]
    wording: Wording
    direction: Direction
    sensitive: bool = False
    primary: bool = False
    pool: str | None = None


@dataclass(frozen=True)
class Pool:
    """Items of which an organisation picks some; a pool that mirrors another follows its picks, item for item."""

    id: str
    minimum: int
    maximum: int
    items: tuple[str, ...]
    default: Mapping[Role, tuple[str, ...]]
    mirrors: str | None = None


@dataclass(frozen=True)
class FormPage:
    """Items shown together; in a definition "@pool" stands for the items picked from that pool."""

    id: str
    items: tuple[str, ...]
    kind: Literal["confidential"] = "confidential"


@dataclass(frozen=True)
class Form:
    """What one role is asked in one wave, page by page."""

    wave: WaveKind
    role: Role
    pages: tuple[FormPage, ...]

    @cached_property
    def item_ids(self) -> tuple[str, ...]:
        """Every item of the form, in the order of the pages."""
        return tuple(item for page in self.pages for item in page.items)

    def page(self, page_id: str) -> FormPage | None:
        """The page of this id, or None."""
        return next((page for page in self.pages if page.id == page_id), None)


@dataclass(frozen=True)
class LocaleInfo:
    """Where the words of one language come from and who has looked at them."""

    locale: str
    origin: Origin
    review_status: ReviewStatus
    reviewer: str
    digest: str
    # How many texts there are, and how many of them a person has reviewed, and approved.
    n_texts: int = 0
    n_reviewed: int = 0
    n_approved: int = 0

    @property
    def is_draft(self) -> bool:
        """Whether these are words of a translation that nobody has approved yet."""
        return self.review_status not in {"source", "approved"}


@dataclass(frozen=True)
class Digests:
    """SHA-256 of the structure, of the source wording, and of each translation; comments and provenance do not count."""

    structure: str
    source: str
    locales: Mapping[str, str]

    @cached_property
    def whole(self) -> str:
        """One digest over all of them."""
        parts = [
            self.structure,
            self.source,
            *(f"{name}={self.locales[name]}" for name in sorted(self.locales)),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def make_context(subject: str, revision: int, slot: str, key: str = "both") -> str:
    """The translation context of one text: `subject#revision/slot@role[:wave]`."""
    return f"{subject}#{revision}/{slot}@{key}"


def find_text_key(texts: Mapping[str, str], role: Role, wave: WaveKind) -> str | None:
    """The key of the most specific wording: role:wave, then both:wave, then role, then both; None if there is none."""
    if len(texts) == 1 and "both" in texts:
        return "both"
    for key in (f"{role.value}:{wave.value}", f"both:{wave.value}", role.value, "both"):
        if key in texts:
            return key
    return None
