"""Which items make which scale: read from a `scales.toml`, from a mapping, or from an instrument."""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from instruments.errors import N_
from instruments.model import Instrument, Scale
from scoring.errors import Note, ScoringError
from scoring.gates import MINIMUM_ANSWERED

# So many problems are listed; a file with more of them has one cause, not hundreds.
LISTED: Final = 20
_NAME: Final = re.compile(r"[^\W\d]\w*(?:[.-]\w+)*")
_KEYS: Final = ("minimum", "maximum", "minimum_answered", "scales", "skills")
_EXAMPLE: Final = 'minimum = 1\nmaximum = 5\n\n[scales]\ntrust = ["t1", "t2", "-t3"]'


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file or a table, with its place and the remedy as finished English."""

    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


class ProblemsError(ScoringError):
    """A file or table that cannot be used; `problems` lists every reason at once, at most the first twenty bad cells.

    `code` is that of the first problem.
    """

    def __init__(self, problems: Sequence[Problem], k_more: int = 0) -> None:
        self.problems = tuple(problems)
        self.k_more = k_more
        # The sentences are finished: as values, a per cent sign in them is no template.
        first = problems[0]
        super().__init__(first.code, "%(problem)s", "%(advice)s", problem=first.message, advice=first.remedy)

    def __str__(self) -> str:
        more = [f"… and {self.k_more} more of the same kind."] if self.k_more else []
        return "\n".join([*map(str, self.problems), *more])

    def __reduce__(self) -> tuple[object, ...]:
        # As in ScoringError: the parts are copied, not the finished sentence.
        return type(self), (self.problems, self.k_more)


@dataclass(frozen=True)
class ScaleKeys:
    """One scale: its items with their signs, and the range of their codes.

    Attributes
    ----------
    name : str
    keys : mapping item -> +1 or -1
        -1 for a reversed item, whose keyed value is `minimum + maximum - x`.
    minimum, maximum : float
        Smallest and largest code the items can take.
    whole : bool
        Whether only whole numbers are codes, as in an instrument's response formats.
    same_wording : bool
        Whether both roles answer the same words; otherwise roles are never compared.
    comparable : mapping role -> waves
        For each role the waves between which scores may be compared; a role that is not there may be compared between all.
    """

    name: str
    keys: Mapping[str, int]
    minimum: float
    maximum: float
    whole: bool = False
    same_wording: bool = True
    comparable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScaleSet:
    """The scales of one analysis.

    Attributes
    ----------
    scales : tuple of ScaleKeys
        At least one, names unique.
    minimum_answered : Fraction
        Share of a scale's items that a row needs for a score.
    source : str
        Where the scales come from, for the report.
    notes : tuple of Note
    """

    scales: tuple[ScaleKeys, ...]
    minimum_answered: Fraction = MINIMUM_ANSWERED
    source: str = ""
    notes: tuple[Note, ...] = ()

    @cached_property
    def items(self) -> Mapping[str, ScaleKeys]:
        """Every item, in the order of the scales, with the first scale it stands in."""
        found: dict[str, ScaleKeys] = {}
        for scale in self.scales:
            for item in scale.keys:
                found.setdefault(item, scale)
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the scales, in order."""
        return tuple(scale.name for scale in self.scales)

    def joint_factors(self) -> tuple[dict[str, tuple[str, ...]], tuple[Note, ...]]:
        """Return the factors of one confirmatory model over all scales, and why scales are left out or nothing is fitted.

        A scale of one item and a scale that is part of another one are left out; where scales still share an item the
        mapping is empty.
        """
        notes = []
        single = [scale.name for scale in self.scales if len(scale.keys) == 1]
        if single:
            notes.append(Note("joint.single", _SINGLE, {"scales": ", ".join(single)}))
        longer = [scale for scale in self.scales if len(scale.keys) > 1]
        kept = [scale for n, scale in enumerate(longer) if not _is_part(scale, n, longer)]
        parts = [scale.name for scale in longer if scale not in kept]
        if parts:
            notes.append(Note("joint.part", _PART, {"scales": ", ".join(parts)}))
        counts = Counter(item for scale in kept for item in scale.keys)
        shared = [item for item, count in counts.items() if count > 1]
        if shared:
            notes.append(Note("joint.shared", _SHARED, {"items": ", ".join(shared)}))
            return {}, tuple(notes)
        return {scale.name: tuple(scale.keys) for scale in kept}, tuple(notes)


_SINGLE = N_("One item alone measures no factor, so the joint model leaves out: %(scales)s.")
_PART = N_("These scales are parts of longer ones, so the joint model leaves them out: %(scales)s.")
_SHARED = N_("Scales share items (%(items)s), so no joint model with a factor for each scale is fitted.")
_INCOMPLETE = N_("Scale %(scale)s is not analysed: the table has no column %(items)s.")


def _is_part(scale: ScaleKeys, place: int, scales: Sequence[ScaleKeys]) -> bool:
    """Whether all items of a scale stand in another one that is longer, or in an earlier one that is the same."""
    items = set(scale.keys)
    return any(
        items < set(other.keys) or (items == set(other.keys) and number < place)
        for number, other in enumerate(scales)
        if number != place
    )


def make_scale_set(
    scales: Mapping[str, Sequence[str]],
    *,
    minimum: float,
    maximum: float,
    minimum_answered: Fraction | float | str = MINIMUM_ANSWERED,
    source: str = "",
) -> ScaleSet:
    """Return scales from lists of item names, a reversed item with a minus sign before its name.

    Parameters
    ----------
    scales : mapping scale name -> sequence of item names
        For example `{"trust": ["t1", "t2", "-t3"]}`.
    minimum, maximum : float
        Smallest and largest code the items can take (not those that occur).
    minimum_answered : Fraction, float or str, default 2/3
        Share of the items a row needs for a score, above 0 and at most 1; `"2/3"` is understood.
    source : str, optional
        Where the scales come from, named in errors and in the report.

    Raises
    ------
    ProblemsError
        With every problem: `scales.name`, `scales.empty`, `scales.item`, `scales.range`, `scales.share`, `scales.type`.
    """
    raw = {"minimum": minimum, "maximum": maximum, "scales": dict(scales)}
    if minimum_answered != MINIMUM_ANSWERED:
        raw["minimum_answered"] = minimum_answered
    return _build(raw, source or "scales")


def read_scales(path: Path | str) -> ScaleSet:
    """Read a `scales.toml`: `minimum`, `maximum`, optional `minimum_answered`, and `[scales]` with a list for each scale.

    Raises
    ------
    ProblemsError
        `scales.file` for a file that is no TOML in UTF-8; otherwise every problem of `make_scale_set` at once, and
        `scales.key` for a key that is not known or missing.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ProblemsError(
            [Problem("scales.file", f"{path.name} is not UTF-8 text.", "Save it as UTF-8.")]
        ) from error
    except tomllib.TOMLDecodeError as error:
        message = f"{path.name} is not TOML: {error}."
        raise ProblemsError([Problem("scales.file", message, f"Write it like this:\n{_EXAMPLE}")]) from error
    return _build(raw, path.name)


def scales_of_instrument(instrument: Instrument, columns: Sequence[str]) -> ScaleSet:
    """Return those scales of an instrument whose items are all among the columns of a table.

    A scale of which only some items are there is left out with a note; one of which none is there was not asked. Each scale says
    between which waves the instrument lets its scores be compared: those that ask all of its items in the same words.

    Raises
    ------
    ProblemsError
        `scales.none` when no scale is complete, naming the scale that comes nearest.
    """
    at_hand = set(columns)
    kept, notes, nearest = [], [], (0.0, "", "")
    for scale in instrument.scales:
        formats = [instrument.format_of(item) for item in scale.keys]
        missing = [item for item in scale.keys if item not in at_hand]
        share = 1 - len(missing) / len(scale.keys)
        if not missing:
            low, high = min(f.minimum for f in formats), max(f.maximum for f in formats)
            _check_formats(scale.id, {(f.minimum, f.maximum) for f in formats})
            same = scale.wording == "same"
            kept.append(
                ScaleKeys(
                    scale.id,
                    dict(scale.keys),
                    float(low),
                    float(high),
                    whole=True,
                    same_wording=same,
                    comparable=_find_comparable(instrument, scale),
                )
            )
        elif share > 0:
            notes.append(
                Note("scales.incomplete", _INCOMPLETE, {"scale": scale.id, "items": ", ".join(missing)})
            )
        if missing and share >= nearest[0]:
            nearest = max(nearest, (share, scale.id, ", ".join(missing)), key=lambda found: found[0])
    source = f"{instrument.id} {instrument.version}"
    if not kept:
        message = f"The table has all items of no scale of {source}; {nearest[1]} lacks {nearest[2]}."
        remedy = "Name the columns by item id, one row for each person and wave, or pass --scales."
        raise ProblemsError([Problem("scales.none", message, remedy)])
    return ScaleSet(tuple(kept), MINIMUM_ANSWERED, source, tuple(notes))


def _find_comparable(instrument: Instrument, scale: Scale) -> dict[str, tuple[str, ...]]:
    """The comparable waves of each role; of a scale over a pool nothing is known, since a file does not tell what was picked."""
    if scale.pool is not None:
        return {}
    return {
        role.value: tuple(wave.value for wave in instrument.comparable_waves(scale.id, role))
        for role in scale.roles
    }


def _check_formats(scale: str, ranges: set[tuple[int, int]]) -> None:
    """All items of a scale share one range; a sum over different ranges has no unit."""
    if len(ranges) > 1:
        listed = ", ".join(f"{low}-{high}" for low, high in sorted(ranges))
        message = f"The items of scale {scale} have different ranges: {listed}."
        remedy = "Give all items of a scale formats with the same smallest and largest code."
        raise ProblemsError([Problem("scales.formats", message, remedy)])


def _build(raw: Mapping[str, Any], source: str) -> ScaleSet:
    """Scales from what a file says; every problem at once."""
    problems = [
        *_find_unknown(raw, source),
        *_find_range(raw, source),
        *_find_share(raw, source),
        *_find_scales(raw.get("scales"), source),
    ]
    if problems:
        raise ProblemsError(problems[:LISTED], max(0, len(problems) - LISTED))
    minimum, maximum = float(raw["minimum"]), float(raw["maximum"])
    scales = tuple(
        ScaleKeys(name, dict(_split(entry) for entry in entries), minimum, maximum)
        for name, entries in raw["scales"].items()
    )
    return ScaleSet(scales, _read_share(raw) or MINIMUM_ANSWERED, source)


def _find_unknown(raw: Mapping[str, Any], source: str) -> Iterator[Problem]:
    """Keys that mean nothing here; a misspelled one would otherwise be silently without effect."""
    for key in raw:
        if key not in _KEYS:
            yield Problem(
                "scales.key",
                f"{source}: {key} is not known.",
                f"Use {', '.join(_KEYS[:-2])}, the table [scales], in which every scale is a list of items, and tables [skills.NAME].",
            )


def _find_range(raw: Mapping[str, Any], source: str) -> Iterator[Problem]:
    """Minimum and maximum are finite numbers, the first below the second."""
    bad = False
    for key in ("minimum", "maximum"):
        if key not in raw:
            bad = True
            yield Problem(
                "scales.key",
                f"{source}: {key} is missing.",
                f"Write {key} = …, the {'smallest' if key == 'minimum' else 'largest'} code the items can take.",
            )
        elif not _is_number(raw[key]):
            bad = True
            yield Problem(
                "scales.type", f"{source}: {key} is {raw[key]!r}.", "Give a finite number, without quotes."
            )
    if not bad and not raw["minimum"] < raw["maximum"]:
        yield Problem(
            "scales.range",
            f"{source}: minimum {raw['minimum']} is not below maximum {raw['maximum']}.",
            "Give the smallest and the largest code the items can take.",
        )


def _find_share(raw: Mapping[str, Any], source: str) -> Iterator[Problem]:
    """The share of answered items, where it is given, lies above 0 and is at most 1."""
    if "minimum_answered" in raw and _read_share(raw) is None:
        yield Problem(
            "scales.share",
            f"{source}: minimum_answered is {raw['minimum_answered']!r}.",
            'Give a share above 0 and at most 1, such as 0.5 or "2/3".',
        )


def _read_share(raw: Mapping[str, Any]) -> Fraction | None:
    """The share of answered items as a fraction, None where it is none or not given."""
    value = raw.get("minimum_answered")
    if not isinstance(value, str | Fraction | int | float) or isinstance(value, bool):
        return None
    try:
        share = Fraction(value).limit_denominator(1000)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return share if 0 < share <= 1 else None


def _find_scales(scales: Any, source: str) -> Iterator[Problem]:
    """The table of scales: there is one, and each is a list of items under a usable name."""
    if not isinstance(scales, dict) or not scales:
        yield Problem(
            "scales.key", f"{source}: the table [scales] is missing or empty.", f"Write:\n{_EXAMPLE}"
        )
        return
    items = {
        _split(entry)[0]
        for entries in scales.values()
        if isinstance(entries, list | tuple)
        for entry in entries
        if isinstance(entry, str)
    }
    for name, entries in scales.items():
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            yield Problem(
                "scales.name",
                f"{source}: “{name}” is no name for a scale.",
                "Begin with a letter and go on with letters, digits, _ or - between them.",
            )
        if name in items:
            yield Problem(
                "scales.name",
                f"{source}: {name} is a scale and an item.",
                "Give the scale another name: in a model both would be the same variable.",
            )
        yield from _find_entries(name, entries, source)


def _find_entries(name: str, entries: Any, source: str) -> Iterator[Problem]:
    """The items of one scale: a list of column names, each once."""
    if not isinstance(entries, list | tuple):
        yield Problem(
            "scales.type",
            f"{source}: scale {name} is {type(entries).__name__ if isinstance(entries, dict) else repr(entries)}.",
            f'Give a list of item names: {name} = ["item", "-reversed_item"].',
        )
        return
    if not entries:
        yield Problem(
            "scales.empty", f"{source}: scale {name} has no items.", "List its items, or take it out."
        )
    names = []
    for entry in entries:
        if not isinstance(entry, str) or not _split(entry)[0]:
            yield Problem(
                "scales.item",
                f"{source}: scale {name} lists {entry!r}, which is no item.",
                'Write each item as its column\'s name in quotes, a reversed one as "-name".',
            )
        else:
            names.append(_split(entry)[0])
    for item, count in Counter(names).items():
        if count > 1:
            yield Problem(
                "scales.item",
                f"{source}: scale {name} lists {item} {count} times.",
                "Name every item of a scale once.",
            )


def _split(entry: str) -> tuple[str, int]:
    """The item of an entry and its sign."""
    entry = entry.strip()
    return (entry[1:].strip(), -1) if entry.startswith("-") else (entry, 1)


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
