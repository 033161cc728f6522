"""Which items look at a knowledge area, and through which window: read from a `scales.toml`, or from an instrument."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from instruments.model import Instrument
from instruments.parts import ResponseFormat
from scoring.goals import LEVELS
from scoring.scale_sets import LISTED, Problem, ProblemsError, ScaleKeys, ScaleSet, read_scales

WINDOWS: Final = ("direct", "then", "behaviour", "goals")
_RANGE: Final = "behaviour_range"
_THEN: Final = "T"
_EXAMPLE: Final = (
    '[skills.digital]\ndirect = ["k1"]\nthen = ["k1_then"]\nbehaviour = ["b1", "b2"]\ngoals = ["g1", "g2"]'
)


@dataclass(frozen=True)
class SkillKeys:
    """One knowledge area.

    Attributes
    ----------
    name : str
    direct : ScaleKeys
        How well one can do it, rated at the start and at the end.
    then : ScaleKeys or None
        At the end: how well one could do it at the start, as seen now; the same range.
    behaviour : ScaleKeys or None
        How often it was done.
    goals : ScaleKeys or None
        Goals of the pair, rated from -2 to 2.
    """

    name: str
    direct: ScaleKeys
    then: ScaleKeys | None = None
    behaviour: ScaleKeys | None = None
    goals: ScaleKeys | None = None

    @property
    def windows(self) -> Mapping[str, ScaleKeys]:
        """The windows there are, by their names."""
        found = {name: getattr(self, name) for name in WINDOWS}
        return {name: keys for name, keys in found.items() if keys is not None}

    @property
    def items(self) -> tuple[str, ...]:
        """The items of all windows."""
        return tuple(dict.fromkeys(item for keys in self.windows.values() for item in keys.keys))


def with_windows(scales: ScaleSet, skills: Sequence[SkillKeys]) -> ScaleSet:
    """Return the scales with every window beside them, for reading a table; an item keeps the range of the first that names it."""
    windows = [
        replace(keys, name=f"{skill.name} {window}")
        for skill in skills
        for window, keys in skill.windows.items()
    ]
    return replace(scales, scales=(*scales.scales, *windows))


def read_skills(path: Path | str) -> tuple[SkillKeys, ...]:
    """Read the tables `[skills.NAME]` of a `scales.toml`; none where there are none.

    Each has `direct`, a list of items as in `[scales]`, and may have `then`, `behaviour` and `goals`. Ratings take the file's minimum
    and maximum, behaviour too unless `behaviour_range = [low, high]` says otherwise, goals always -2 to 2.

    Raises
    ------
    ProblemsError
        Those of `read_scales`; `skills.type`, `skills.name`, `skills.key`, `skills.items`, `skills.range`, every problem at once.
    """
    path = Path(path)
    first = read_scales(path).scales[0]
    raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    tables = raw.get("skills", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        message = f"{path.name}: skills is no table of tables."
        raise ProblemsError([Problem("skills.type", message, f"Write:\n{_EXAMPLE}")])
    problems = [found for name, table in tables.items() for found in _find_problems(name, table, path.name)]
    if problems:
        raise ProblemsError(problems[:LISTED], max(0, len(problems) - LISTED))
    span = first.minimum, first.maximum
    return tuple(_read_skill(name, table, span) for name, table in tables.items())


def skills_of_instrument(instrument: Instrument, columns: Sequence[str]) -> tuple[SkillKeys, ...]:
    """Return an instrument's knowledge areas that a table has: each rated item whose twin for "then" has its name with a T behind.

    A pair sets its goals over all areas, so the goals (items rated from -2 to 2) stand beside each. Behaviour is not tied to one area
    and is a scale of its own.
    """
    at_hand = set(columns)
    known = {item.id for item in instrument.items}
    span = (min(LEVELS), max(LEVELS))
    formats = {item.id: instrument.format_of(item.id) for item in instrument.items}
    rated = [
        name
        for name, response in formats.items()
        if name in at_hand and response.kind == "rating" and (response.minimum, response.maximum) == span
    ]
    goals = ScaleKeys("goals", dict.fromkeys(rated, 1), *span, whole=True) if rated else None
    found = []
    for item, response in formats.items():
        twin = f"{item}{_THEN}"
        if twin not in known or item not in at_hand or formats[twin].id != response.id:
            continue
        then = _single(twin, response) if twin in at_hand else None
        found.append(SkillKeys(item, _single(item, response), then, goals=goals))
    return tuple(found)


def _single(item: str, response: ResponseFormat) -> ScaleKeys:
    """One item as a window."""
    return ScaleKeys(item, {item: 1}, float(response.minimum), float(response.maximum), whole=True)


def _read_skill(name: str, table: Mapping[str, Any], span: tuple[float, float]) -> SkillKeys:
    """One checked table."""
    spans = {
        "direct": span,
        "then": span,
        "behaviour": _read_span(table, span),
        "goals": (min(LEVELS), max(LEVELS)),
    }
    windows = {
        window: ScaleKeys(
            f"{name} {window}",
            dict(_read_item(entry) for entry in table[window]),
            *spans[window],
            whole=window == "goals",
        )
        for window in WINDOWS
        if window in table
    }
    return SkillKeys(name, **windows)


def _read_item(entry: str) -> tuple[str, int]:
    """The item of an entry and its sign, as in `[scales]`."""
    entry = entry.strip()
    return (entry[1:].strip(), -1) if entry.startswith("-") else (entry, 1)


def _read_span(table: Mapping[str, Any], span: tuple[float, float]) -> tuple[float, float]:
    """The range of behaviour."""
    low, high = table.get(_RANGE, span)
    return float(low), float(high)


def _find_problems(name: str, table: Mapping[str, Any], source: str) -> Iterator[Problem]:
    """What is wrong with one table."""
    place = f"{source}: skill {name}"
    if not name.strip():
        yield Problem("skills.name", f"{source}: a skill has no name.", f"Write:\n{_EXAMPLE}")
    for key in table:
        if key not in (*WINDOWS, _RANGE):
            yield Problem("skills.key", f"{place} has {key}, which is not known.", f"Write:\n{_EXAMPLE}")
    if "direct" not in table:
        yield Problem("skills.key", f"{place} has no direct rating.", f"Write:\n{_EXAMPLE}")
    yield from _find_items(place, table)
    span = table.get(_RANGE, [0, 1])
    numbers = isinstance(span, list) and all(
        isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in span
    )
    if not numbers or len(span) != 2 or not span[0] < span[1]:
        message = f"{place}: {_RANGE} is {span!r}."
        yield Problem("skills.range", message, "Give its smallest and largest code, for example [0, 4].")


def _find_items(place: str, table: Mapping[str, Any]) -> Iterator[Problem]:
    """Windows that are no lists of items, and items that would be compared with themselves."""
    seen: dict[str, str] = {}
    for window in (window for window in WINDOWS if window in table):
        items = table[window]
        fits = isinstance(items, list) and items and all(isinstance(x, str) and x.strip("- ") for x in items)
        names = [_read_item(entry)[0] for entry in items] if fits else []
        if not fits or len(set(names)) < len(names):
            remedy = f'Give a list of column names, each once: {window} = ["item"].'
            yield Problem("skills.items", f"{place}: {window} is {items!r}.", remedy)
            continue
        if window == "goals" and any(_read_item(entry)[1] < 0 for entry in items):
            message = f"{place}: a goal cannot be reversed."
            yield Problem("skills.items", message, "Take the minus sign away; 2 is more than was expected.")
        for item in names:
            if item in seen:
                message = f"{place}: {item} stands in {seen[item]} and in {window}."
                yield Problem("skills.items", message, "Every window needs items of its own.")
            seen.setdefault(item, window)
