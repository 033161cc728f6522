"""What a report says of careless answering: who shows two signs of it, and whether reliability changes without these people.

For researchers only, never an exclusion.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from instruments.errors import N_
from scoring.careless import CarelessReport, careless_report, compare_with_and_without
from scoring.errors import Note
from scoring.reliability import AlphaStatistics, alpha_statistics
from scoring.reliability_report import ADEQUATE
from scoring.report.data import ReportData, attempt
from scoring.scale_sets import ScaleKeys

_RANGES = N_(
    "Indices need one range of codes; %(k)d items with other codes than %(low)s to %(high)s stay out of them."
)


@dataclass(frozen=True)
class WithoutFlagged:
    """Alpha of a scale with and without the flagged.

    Attributes
    ----------
    everybody, without_flagged : float or None
    changed : bool or None
        Whether the lower end of alpha's interval is on the other side of .70; None where one is missing.
    """

    everybody: float | None
    without_flagged: float | None
    changed: bool | None


@dataclass(frozen=True)
class CarelessSection:
    """Signs of careless answering.

    Attributes
    ----------
    respondents : DataFrame
        The indices of each row and its flags, by the row's number in the file.
    flagged : tuple of str
        Rows with two signs of different kind.
    counts : mapping kind -> int
        Rows flagged by each kind that was computed.
    cuts : mapping kind -> float or None
    rate : float or None
    n_used, n_dropped : int
    alpha : mapping scale -> WithoutFlagged
    converged : bool
    notes : tuple of Note
    """

    respondents: pd.DataFrame
    flagged: tuple[str, ...]
    counts: Mapping[str, int]
    cuts: Mapping[str, float | None]
    rate: float | None
    n_used: int
    n_dropped: int
    alpha: Mapping[str, WithoutFlagged]
    converged: bool
    notes: tuple[Note, ...]


def find_careless(data: ReportData) -> CarelessSection | None:
    """Return signs of careless answering; None for a single item, or where items are not ordinal (a note of the data says so)."""
    ranges = {item: (scale.minimum, scale.maximum) for item, scale in data.joint.items.items()}
    if not ranges:
        return None
    counts = Counter(ranges.values())
    low, high = max(counts, key=lambda span: counts[span])
    items = [item for item in data.table.shown if ranges.get(item) == (low, high)]
    if len(items) < 2 or not data.is_ordinal(items):
        return None
    notes: list[Note] = []
    if len(items) < len(ranges):
        left_out = len(ranges) - len(items)
        notes.append(
            Note("careless.ranges", _RANGES, {"k": left_out, "low": f"{low:g}", "high": f"{high:g}"})
        )
    work = partial(
        careless_report, data.table.frame[items], keys={item: data.joint.items[item].keys[item] for item in items},
        subscales=_part_scales(data, items), minimum=low, maximum=high, seed=data.options.seed,
    )  # fmt: skip
    report = attempt(notes, "Careless answers", work)
    if report is None:
        nobody = pd.DataFrame(index=data.bank.index)
        return CarelessSection(nobody, (), {}, {}, None, 0, len(data.bank), {}, False, tuple(notes))
    return _summarise(data, report, notes)


def _part_scales(data: ReportData, items: list[str]) -> dict[str, tuple[str, ...]]:
    """Scales that share no item: of those that do, the ones that come first."""
    taken: set[str] = set()
    parts = {}
    for scale in data.joint.scales:
        if taken.isdisjoint(scale.keys) and set(scale.keys).issubset(items):
            parts[scale.name] = tuple(scale.keys)
            taken |= set(scale.keys)
    return parts


def _summarise(data: ReportData, report: CarelessReport, notes: list[Note]) -> CarelessSection:
    """The report in a form that can be written down, and alpha with and without the flagged."""
    flagged = report.respondents["flagged"]
    alpha = {}
    for scale in data.scales.scales:
        if len(scale.keys) > 1 and report.n_flagged:
            found = attempt(
                notes, f"Alpha of {scale.name} without the flagged", partial(_compare, data, scale, flagged)
            )
            if found is not None:
                alpha[scale.name] = found
    return CarelessSection(
        respondents=report.respondents,
        flagged=tuple(str(row) for row in flagged.index[flagged.to_numpy(dtype=bool)]),
        counts={str(kind): number for kind, number in report.counts.items()},
        cuts={str(kind): index.cut for kind, index in report.indices.items()},
        rate=report.rate,
        n_used=report.n_used,
        n_dropped=report.n_dropped,
        alpha=alpha,
        converged=report.converged,
        notes=(*notes, *report.notes),
    )


def _compare(data: ReportData, scale: ScaleKeys, flagged: "pd.Series[bool]") -> WithoutFlagged:
    """Alpha of one scale with and without the flagged."""
    found = compare_with_and_without(
        partial(alpha_statistics, confidence=data.options.confidence),
        data.keyed[scale.name],
        flagged,
        verdict=_verdict,
    )
    rest = found.without_flagged
    return WithoutFlagged(found.everybody.raw, None if rest is None else rest.raw, found.changed)


def _verdict(alpha: AlphaStatistics) -> bool | None:
    """Whether alpha is surely adequate; None where it is not defined."""
    return None if alpha.feldt is None else alpha.feldt.low >= ADEQUATE
