"""What a report says when groups are named: agreement within groups and pairs, and items that work differently in a group."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from instruments.errors import N_
from scoring.agreement import (
    AggregationVerdict,
    PairedAgreement,
    WithinGroupAgreement,
    aggregation_verdict,
    paired_agreement,
    within_group_agreement,
)
from scoring.dif import DifReport, differential_functioning
from scoring.errors import Note
from scoring.report.data import ReportData, attempt
from scoring.scales import score_scale

_DEPENDENT = N_(
    "The test takes rows as independent, although rows of one pair or person are not: p is too small."
)
_MEASURED = N_(
    "Agreement and differential functioning need ordinal items, so they are left out for: %(scales)s."
)


@dataclass(frozen=True)
class AgreementEntry:
    """Agreement on one scale.

    Attributes
    ----------
    groups : WithinGroupAgreement or None
        Among the people of each group.
    verdict : AggregationVerdict or None
        Whether the groups may be said to have a climate each.
    pairs : mapping wave -> PairedAgreement
        Between the two sides of the pairs, the second of `sides` minus the first; the wave is empty where no column names it.
    sides : tuple of str
        The two roles, in order; empty where no column names them.
    """

    groups: WithinGroupAgreement | None
    verdict: AggregationVerdict | None
    pairs: Mapping[str, PairedAgreement]
    sides: tuple[str, ...]


@dataclass(frozen=True)
class AgreementSection:
    """Agreement on each scale.

    Attributes
    ----------
    scales : mapping scale -> AgreementEntry
    notes : tuple of Note
    """

    scales: Mapping[str, AgreementEntry]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class DifSection:
    """Differential item functioning in each scale.

    Attributes
    ----------
    scales : mapping scale -> DifReport
    notes : tuple of Note
    """

    scales: Mapping[str, DifReport]
    notes: tuple[Note, ...]


def compare_agreement(data: ReportData) -> AgreementSection | None:
    """Return agreement within groups and pairs on each ordinal scale; None where neither is named."""
    groups = data.column(data.options.group)
    if groups is None and data.options.role is None:
        return None
    found, notes = {}, _name_measured(data)
    roles = data.column(data.options.role)
    sides = () if roles is None else tuple(sorted(roles.unique()))
    for scale in data.scales.scales:
        if not data.is_ordinal(tuple(scale.keys)) or len(scale.keys) < 2:
            continue
        within = verdict = None
        if groups is not None:
            work = partial(
                within_group_agreement, data.keyed[scale.name], groups, minimum=scale.minimum, maximum=scale.maximum,
                confidence=data.options.confidence,
            )  # fmt: skip
            within = attempt(notes, f"Agreement on {scale.name}", work)
            verdict = None if within is None else aggregation_verdict(within)
        pairs = _compare_pairs(data, scale.name, notes)
        found[scale.name] = AgreementEntry(within, verdict, pairs, sides)
    return AgreementSection(found, tuple(notes))


def _compare_pairs(data: ReportData, name: str, notes: list[Note]) -> dict[str, PairedAgreement]:
    """How alike the two sides of the pairs score, in each wave by itself."""
    options, frame = data.options, data.table.frame
    scale = next(scale for scale in data.scales.scales if scale.name == name)
    if options.role is None or options.pair is None or not scale.same_wording:
        return {}
    scores = score_scale(
        frame,
        scale.keys,
        minimum=scale.minimum,
        maximum=scale.maximum,
        minimum_answered=data.scales.minimum_answered,
    ).scores
    waves = frame[options.wave] if options.wave else pd.Series("", index=frame.index)
    found = {}
    for wave, rows in frame.groupby(waves, sort=True):
        labels = pd.MultiIndex.from_frame(rows[[options.pair, options.role]])
        wide = scores.loc[rows.index].set_axis(labels).unstack()
        where = f" in {wave}" if wave else ""
        work = partial(paired_agreement, wide, confidence=options.confidence)
        result = attempt(notes, f"Agreement of pairs on {name}{where}", work)
        if result is not None:
            found[str(wave)] = result
    return found


def compare_items(data: ReportData) -> DifSection | None:
    """Return, scale by scale, which items work differently in a group; None where no group is named."""
    groups = data.column(data.options.group)
    if groups is None:
        return None
    found, notes = {}, _name_measured(data)
    if data.clusters is not None and data.clusters.duplicated().any():
        notes.append(Note("dif.dependent", _DEPENDENT))
    for scale in data.scales.scales:
        if data.is_ordinal(tuple(scale.keys)) and len(scale.keys) > 1:
            work = partial(
                differential_functioning, data.keyed[scale.name], groups, confidence=data.options.confidence
            )
            report = attempt(notes, f"Differential functioning in {scale.name}", work)
            if report is not None:
                found[scale.name] = report
    return DifSection(found, tuple(notes))


def _name_measured(data: ReportData) -> list[Note]:
    """The scales that are left out because their items are not ordinal."""
    names = [scale.name for scale in data.scales.scales if not data.is_ordinal(tuple(scale.keys))]
    return [Note("groups.measured", _MEASURED, {"scales": ", ".join(names)})] if names else []
