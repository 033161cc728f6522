"""Reads the reference file: the spread and the retest correlation assumed where a cohort is too small to show its own."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final, Literal, cast, get_args

from scoring.errors import ScoringError

Provenance = Literal["synthetic", "pilot", "field"]

REFERENCE_FILE: Final = Path(__file__).with_name("reference.toml")
_ANY: Final = "*"
_KEYS: Final = frozenset(
    {
        "scale",
        "role",
        "language",
        "width",
        "sd",
        "retest",
        "interval_weeks",
        "provenance",
        "n",
        "date",
        "note",
    }
)


@dataclass(frozen=True)
class Reference:
    """One entry of the reference file.

    Attributes
    ----------
    scale, role, language : str
        What the entry holds for; "*" is everything without an entry of its own.
    width : float
        Width of the score's range in points (maximum minus minimum), > 0.
    sd : float
        Standard deviation between persons at one wave, in score points, > 0.
    retest : float
        Correlation of two waves `interval_weeks` apart without true change, in [0, 1).
    provenance : "synthetic", "pilot" or "field"
        Where the values come from; `n` respondents stand behind them (0 for synthetic).
    version : str
        Version of the file the entry was read from.
    """

    scale: str
    role: str
    language: str
    width: float
    sd: float
    retest: float
    interval_weeks: int
    provenance: Provenance
    n: int
    date: date
    note: str
    version: str

    @property
    def sd_change(self) -> float:
        """Standard deviation of a change score, `sd * sqrt(2 * (1 - retest))`, in score points."""
        return self.sd * math.sqrt(2.0 * (1.0 - self.retest))

    def rescaled(self, width: float) -> "Reference":
        """Return the entry for a score whose range is `width` points wide: the spread grows in proportion."""
        if not width > 0:
            raise ScoringError(
                "reference.width",
                "A range of %(width)s points is not a range.",
                "Pass maximum - minimum.",
                width=width,
            )
        return replace(self, width=width, sd=self.sd * width / self.width)


@cache
def load_references(path: Path = REFERENCE_FILE) -> tuple[Reference, ...]:
    """Read and check every entry of a reference file.

    Parameters
    ----------
    path : Path
        A TOML file shaped like `scoring/reference.toml`.

    Returns
    -------
    tuple of Reference

    Raises
    ------
    ScoringError
        `reference.file` when the file cannot be read, `reference.entry` when an entry misses a key, has an unknown one, or
        holds a value outside its range; the message names the entry.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        version, entries = str(content["version"]), list(content["entries"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ScoringError(
            "reference.file",
            "The reference file %(file)s cannot be used: %(problem)s.",
            "It needs a version and at least one [[entries]] table.",
            file=path.name,
            problem=repr(problem),
        ) from problem
    return tuple(_read_entry(entry, position, version) for position, entry in enumerate(entries, start=1))


def find_reference(
    scale: str = _ANY, role: str = _ANY, language: str = _ANY, *, path: Path = REFERENCE_FILE
) -> Reference:
    """Return the most specific entry for a scale, role and language (scale counts before role, role before language).

    Raises
    ------
    ScoringError
        `reference.missing` when no entry fits; and what `load_references` raises.
    """
    wanted = (scale, role, language)
    fitting = [
        entry
        for entry in load_references(path)
        if all(have in {_ANY, want} for have, want in zip(_place(entry), wanted, strict=True))
    ]
    if not fitting:
        raise ScoringError(
            "reference.missing",
            "The reference file has no entry for scale %(scale)s, role %(role)s, language %(language)s.",
            'Add one, or one with "*" in all three places.',
            scale=scale,
            role=role,
            language=language,
        )
    return max(fitting, key=lambda entry: tuple(have != _ANY for have in _place(entry)))


def _place(entry: Reference) -> tuple[str, str, str]:
    """What an entry holds for, in order of weight."""
    return entry.scale, entry.role, entry.language


def _read_entry(raw: Mapping[str, object], position: int, version: str) -> Reference:
    """One checked entry."""

    def refuse(problem: str) -> ScoringError:
        return ScoringError(
            "reference.entry",
            "Entry %(position)d of the reference file: %(problem)s.",
            "Correct the entry; the head of the file says what each key means.",
            position=position,
            problem=problem,
        )

    if set(raw) != _KEYS:
        raise refuse(f"keys missing or unknown: {', '.join(sorted(_KEYS.symmetric_difference(raw)))}")
    numbers = {key: raw[key] for key in ("width", "sd", "retest", "interval_weeks", "n")}
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers.values()):
        raise refuse("width, sd, retest, interval_weeks and n must be numbers")
    value = {key: float(cast("float", number)) for key, number in numbers.items()}
    if not (value["width"] > 0 and value["sd"] > 0 and 0 <= value["retest"] < 1):
        raise refuse("width and sd must be above 0, retest from 0 to below 1")
    if raw["provenance"] not in get_args(Provenance):
        raise refuse(f"provenance must be one of {', '.join(get_args(Provenance))}")
    if (raw["provenance"] == "synthetic") != (value["n"] == 0):
        raise refuse("synthetic values have n = 0, all others n above 0")
    if not isinstance(raw["date"], date):
        raise refuse("date must be a date")
    return Reference(
        scale=str(raw["scale"]),
        role=str(raw["role"]),
        language=str(raw["language"]),
        width=value["width"],
        sd=value["sd"],
        retest=value["retest"],
        interval_weeks=int(value["interval_weeks"]),
        provenance=cast("Provenance", raw["provenance"]),
        n=int(value["n"]),
        date=raw["date"],
        note=str(raw["note"]),
        version=version,
    )
