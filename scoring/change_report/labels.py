"""What the labels of rows say: who, when and in which role; the order of the waves, and rows that cannot stand together."""

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.options import ChangeOptions, listed, refuse
from scoring.errors import Note
from scoring.frames import ROLES, WAVES
from scoring.scale_sets import Problem, ProblemsError

_NUMBERED: Final = re.compile(r"(\D*)(\d+)", re.ASCII)

_ALONE = N_(
    "Pairs with answers of one partner only: %(n)d (%(which)s). They count for their role, not where both partners are needed."
)
_SEVERAL = N_(
    "People who answered for several pairs at the same wave: %(n)d (%(which)s). Pairs are not independent then, so intervals are somewhat "
    "too narrow."
)
_AGAIN = N_(
    "People who were in one pair at first and in another later: %(n)d (%(which)s). Each of their pairs counts by itself."
)
_BOTH_ROLES = N_("People who stand in both roles: %(n)d (%(which)s).")


def order_waves(labels: pd.Series, options: ChangeOptions) -> tuple[str, ...]:
    """Return the waves in their order in time: as told, as numbers, as numbered alike, or as an instrument's; otherwise it is refused."""
    found = [str(label) for label in labels.unique()]
    if options.order:
        refuse([*_find_wrong_order(found, options)])
        found = [label for label in options.order if label in found]
    if len(found) < 2:
        message = f"Column {options.wave} has one wave only ({', '.join(found) or 'none'})."
        remedy = (
            "A change needs the answers of two waves or more in one table, a row for each person and wave."
        )
        refuse([Problem("changes.waves", message, remedy)])
    if options.order:
        return tuple(found)
    if set(found) <= set(WAVES):
        return tuple(sorted(found, key=WAVES.index))
    try:
        numbers = {label: float(label.replace(",", ".")) for label in found}
    except ValueError:
        parts = {label: _NUMBERED.fullmatch(label) for label in found}
        if (
            any(part is None for part in parts.values())
            or len({part[1] for part in parts.values() if part}) > 1
        ):
            message = (
                f"The order of the waves in column {options.wave} is not known: {listed(sorted(found))}."
            )
            remedy = "Name them in their order in time, as --order does: first,second,third."
            raise ProblemsError([Problem("changes.order", message, remedy)]) from None
        numbers = {label: float(part[2]) for label, part in parts.items() if part}
    if len(set(numbers.values())) < len(numbers):
        message = f"Two waves in column {options.wave} have the same number: {listed(sorted(found))}."
        refuse([Problem("changes.order", message, "Write every wave in one way.")])
    return tuple(sorted(found, key=lambda label: numbers[label]))


def _find_wrong_order(found: Sequence[str], options: ChangeOptions) -> Iterator[Problem]:
    """An order that names a wave twice, or one that does not exist."""
    for label in dict.fromkeys(options.order):
        if options.order.count(label) > 1:
            message = f"The order of the waves names {label} {options.order.count(label)} times."
            yield Problem("changes.order", message, "Name every wave once.")
        if label not in found:
            message = f"The order of the waves names {label}, which column {options.wave} does not have."
            yield Problem("changes.order", message, f"It has: {listed(sorted(found))}.")


def find_empty(frame: pd.DataFrame, options: ChangeOptions) -> Iterator[Problem]:
    """Rows that do not say whose answer they are, and when."""
    for column in (options.pair, options.role, options.wave, options.person):
        if column is None:
            continue
        for row in frame.index[frame[column].isna()]:
            remedy = "Say for every row to which pair, role, wave and person it belongs."
            yield Problem("changes.label", f"Row {row}, column {column} is empty.", remedy)


def find_roles(labels: pd.Series, options: ChangeOptions) -> tuple[str, str]:
    """The two roles in their order."""
    found = sorted(str(label) for label in labels.unique())
    if len(found) != 2:
        message = f"Column {options.role} has {len(found)} different roles ({listed(found)})."
        remedy = "A pair has two sides: keep the rows of two roles, and write each role in one way."
        refuse([Problem("changes.roles", message, remedy)])
    if options.roles:
        if sorted(options.roles) != found:
            message = f"The roles {', '.join(options.roles)} are not those of column {options.role}."
            refuse([Problem("changes.roles", message, f"It has: {listed(found)}.")])
        return options.roles[0], options.roles[1]
    if set(found) == set(ROLES):
        return ROLES[0], ROLES[1]
    return found[0], found[1]


def find_repeated(frame: pd.DataFrame, options: ChangeOptions) -> Iterator[Problem]:
    """Rows that stand for the same side of a pair at the same wave."""
    key = [options.pair, options.role, options.wave]
    doubled = frame.duplicated(key, keep=False).to_numpy()
    if not doubled.any():
        return
    first: dict[tuple[Hashable, ...], Hashable] = {}
    rows = frame.loc[doubled, key]
    for row, labels in zip(rows.index, rows.itertuples(index=False, name=None), strict=True):
        if labels in first:
            named = ", ".join(f"{column} {label}" for column, label in zip(key, labels, strict=True))
            remedy = "Keep one row; several mentees of one mentor are a pair each, with a label of its own."
            yield Problem("changes.repeated", f"Rows {first[labels]} and {row} are both of {named}.", remedy)
        first.setdefault(labels, row)


def find_replaced(frame: pd.DataFrame, options: ChangeOptions) -> Iterator[Problem]:
    """Sides of a pair that were not the same person at every wave."""
    if options.person is None:
        return
    seats = frame[[options.pair, options.role, options.person]].drop_duplicates()
    for _, own in seats[seats.duplicated([options.pair, options.role], keep=False)].groupby(
        [options.pair, options.role], sort=False
    ):
        pair, role = own[options.pair].iloc[0], own[options.role].iloc[0]
        message = f"The {role} of pair {pair} is not one person: {listed(own[options.person])}."
        remedy = "A change is that of one person: give the pair a new label from the wave on at which somebody else came."
        yield Problem("changes.person", message, remedy)


def note_single(places: pd.DataFrame, pairs: pd.Index) -> Iterator[Note]:
    """A remark on pairs of which one partner never answered."""
    sides = places[["pair", "side"]].drop_duplicates()["pair"].value_counts()
    alone = sides.index[sides.to_numpy() == 1]
    if len(alone):
        yield Note("changes.alone", _ALONE, {"n": len(alone), "which": listed(pairs[np.sort(alone)])})


def note_people(frame: pd.DataFrame, options: ChangeOptions) -> Iterator[Note]:
    """Remarks on people in several pairs, at once or one after the other, and in both roles."""
    if options.person is None:
        return
    seats = frame[[options.person, options.pair, options.role, options.wave]]
    at_once = seats.drop_duplicates([options.person, options.pair, options.wave])
    at_once = at_once.loc[at_once.duplicated([options.person, options.wave], keep=False), options.person]
    own = seats.drop_duplicates([options.person, options.pair])[options.person]
    again = set(own[own.duplicated()]) - set(at_once)
    roles = seats.drop_duplicates([options.person, options.role])[options.person]
    for code, text, people in (
        ("changes.several", _SEVERAL, set(at_once)),
        ("changes.again", _AGAIN, again),
        ("changes.both_roles", _BOTH_ROLES, set(roles[roles.duplicated()])),
    ):
        if people:
            yield Note(code, text, {"n": len(people), "which": listed(sorted(people))})
