"""Single persons of a change report, for a researcher's eyes only: reliable change with its reference, and what chance would label."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.cohorts import COMMON, pair_changes
from scoring.change_report.data import ChangeData
from scoring.errors import Note
from scoring.gates import allowed
from scoring.reference import find_reference
from scoring.reliable_change import ChangeLabels, ReliableChange, label_changes, reliable_change
from scoring.report.data import attempt, unique_notes
from scoring.shrinkage import GrowthSlopes, ShrunkenChanges, growth_slopes, shrink_changes

RESEARCH = N_(
    "For researchers only: what is said of one person must not reach coordinators, sponsors, managers or partners."
)
_WEEKS = N_(
    "The weeks between the waves were not given, so they are taken to be those of the reference values (%(weeks)d)."
)
_TIMES = N_(
    "The weeks of the waves were not given, so slopes are in points from one wave to the next, as if waves lay equally far apart."
)


@dataclass(frozen=True)
class PersonSection:
    """Changes of single persons.

    Attributes
    ----------
    reliable : mapping "scale role" -> ReliableChange
        Of roles with 10 persons or more; persons are listed only where they were asked for.
    shrunken : mapping "scale role" or "scale common" -> ShrunkenChanges
        The same changes, and the common changes of pairs, pulled towards their mean by as much as they are error.
    growth : mapping "scale role" -> GrowthSlopes
        Slopes over three waves or more, of roles with 10 persons or more.
    labels : ChangeLabels or None
        Over all persons and scales, adjusted for their number; off while the reference values are provisional.
    weeks : int or None
        Weeks between the first and the last wave, as given.
    notes : tuple of Note
    """

    reliable: Mapping[str, ReliableChange]
    shrunken: Mapping[str, ShrunkenChanges]
    growth: Mapping[str, GrowthSlopes]
    labels: ChangeLabels | None
    weeks: int | None
    notes: tuple[Note, ...]


def analyse_persons(data: ChangeData) -> PersonSection:
    """Return the changes of single persons on every scale, role by role."""
    notes = [Note("persons.research", RESEARCH)]
    found: dict[str, ReliableChange] = {}
    for name, side, before, after in data.first_and_last():
        role, waves = data.roles[side], data.scored[name].waves_of(side)
        if not allowed(int((before.notna() & after.notna()).sum()), "mean_change"):
            continue
        reference = find_reference(name, role)
        given = weeks_between(data, waves[0], waves[-1])
        weeks = given or reference.interval_weeks
        if given is None:
            notes.append(Note("persons.weeks", _WEEKS, {"weeks": weeks}))
        change = attempt(
            notes,
            f"Reliable change of {role}, {name}",
            partial(
                reliable_change, before, after, reference,
                interval_weeks=weeks, width=data.scored[name].width, confidence=data.options.confidence,
            ),
        )  # fmt: skip
        if change is not None:
            found[f"{name} {role}"] = change
    shrunken = _shrink(data, found, notes)
    growth = _grow(data, notes)
    labels = attempt(notes, "Labels", partial(_label, found)) if found else None
    if not data.options.persons:
        found = {key: replace(change, people=change.people.iloc[:0]) for key, change in found.items()}
        shrunken = {key: replace(change, table=change.table.iloc[:0]) for key, change in shrunken.items()}
        growth = {key: replace(slopes, table=slopes.table.iloc[:0]) for key, slopes in growth.items()}
        labels = None if labels is None else replace(labels, table=labels.table.iloc[:0])
    return PersonSection(found, shrunken, growth, labels, data.options.weeks, unique_notes(notes))


def weeks_between(data: ChangeData, first: int, last: int) -> int | None:
    """The weeks between two waves as the options say, None where they do not."""
    if data.options.weeks is not None:
        return data.options.weeks
    return max(1, round(data.times[last] - data.times[first])) if data.options.times else None


def _grow(data: ChangeData, notes: list[Note]) -> dict[str, GrowthSlopes]:
    """The slopes of each role on scales with three waves or more."""
    found: dict[str, GrowthSlopes] = {}
    for name, scored in data.scored.items():
        for side, role in enumerate(data.roles):
            waves = scored.waves_of(side)
            values = scored.values[:, side][:, waves]
            several = int(((~np.isnan(values)).sum(axis=1) > 1).sum())
            if len(waves) < 3 or not allowed(several, "mean_change"):
                continue
            person, wave = np.nonzero(~np.isnan(values))
            slopes = attempt(
                notes,
                f"Slopes of {role}, {name}",
                partial(
                    growth_slopes,
                    pd.Series(values[person, wave]),
                    pd.Series(data.pairs.to_numpy()[person]),
                    pd.Series(np.array([data.times[place] for place in waves])[wave]),
                    find_reference(name, role),
                    role=role, width=scored.width, confidence=data.options.confidence,
                ),
            )  # fmt: skip
            if slopes is not None:
                found[f"{name} {role}"] = slopes
    if found and not data.options.times:
        notes.append(Note("persons.times", _TIMES))
    return found


def _shrink(
    data: ChangeData, found: Mapping[str, ReliableChange], notes: list[Note]
) -> dict[str, ShrunkenChanges]:
    """The changes of each role, and of pairs together where both roles answered the same words."""
    shrunken: dict[str, ShrunkenChanges] = {}
    for name, scored in data.scored.items():
        errors = {}
        for role in data.roles:
            reliable = found.get(f"{name} {role}")
            if reliable is None:
                continue
            errors[role] = reliable.sem**2
            change = attempt(
                notes,
                f"Shrinkage of {role}, {name}",
                partial(
                    shrink_changes, reliable.people["change"], reliable.sd_difference**2,
                    role=role, confidence=data.options.confidence,
                ),
            )  # fmt: skip
            if change is not None:
                shrunken[f"{name} {role}"] = change
        if len(errors) == len(data.roles) and scored.scale.same_wording:
            before, after = pair_changes(data, name, COMMON)
            change = attempt(
                notes,
                f"Shrinkage of pairs, {name}",
                partial(
                    shrink_changes, after - before, sum(errors.values()) / 2.0,
                    kind="common change", confidence=data.options.confidence,
                ),
            )  # fmt: skip
            if change is not None:
                shrunken[f"{name} {COMMON}"] = change
    return shrunken


def _label(found: Mapping[str, ReliableChange]) -> ChangeLabels:
    """Labels over the whole report, adjusted for all persons and scales.

    The plan (4.5) would let one declared scale stand by itself, unadjusted. Among 24 pairs of whom nobody changed that alone labels two
    people, where the plan's own target (T5) asks for one at most.
    """
    return label_changes(found)
