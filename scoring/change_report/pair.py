"""Everything about one single pair, for a researcher's eyes only."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.cohorts import COMMON, pair_changes
from scoring.change_report.data import ChangeData, prepare_changes
from scoring.change_report.options import ChangeOptions
from scoring.change_report.persons import RESEARCH, weeks_between
from scoring.errors import Note
from scoring.reference import find_reference
from scoring.reliable_change import ReliableChange, reliable_change
from scoring.report.data import attempt
from scoring.retest import read_reliability
from scoring.scale_sets import Problem, ProblemsError, ScaleSet
from scoring.shrinkage import ShrunkenChanges, shrink_changes
from scoring.tables import ItemTable

_SUBTRACT = N_(
    "From any value of the pair each partner can work out the other's answers: it is never shown to either of them, nor to anybody "
    "who coordinates."
)
_ONE_SIDE = N_("Only %(role)s answered on %(scale)s at two waves, so nothing is said of the pair there.")
_NEITHER = N_("Nobody of this pair answered on %(scale)s at two waves.")


@dataclass(frozen=True)
class PairScale:
    """One scale of one pair.

    Attributes
    ----------
    scores : DataFrame, roles x waves
        In points; NaN where missing.
    change : mapping role -> ReliableChange
        Of this person alone; the mean that baselines regress to is that of all people of the role.
    common, gap : float or None
        Change of the mean of both, and of the first role minus the second, in points; None where a score is missing or the roles
        answered different words.
    common_se, gap_se : float or None
        Their errors when nothing changes, from the reference values.
    shrunken, shrunken_low, shrunken_high : float or None
        The common change pulled towards that of all pairs.
    notes : tuple of Note
    """

    scores: pd.DataFrame
    change: Mapping[str, ReliableChange]
    common: float | None
    common_se: float | None
    gap: float | None
    gap_se: float | None
    shrunken: float | None
    shrunken_low: float | None
    shrunken_high: float | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class PairReport:
    """One pair.

    Attributes
    ----------
    pair : str
    cohort : str or None
    roles : tuple of two str
    waves : tuple of str
    scales : mapping scale -> PairScale
    notes : tuple of Note
    """

    pair: str
    cohort: str | None
    roles: tuple[str, str]
    waves: tuple[str, ...]
    scales: Mapping[str, PairScale]
    notes: tuple[Note, ...]


def pair_report(
    answers: ItemTable | pd.DataFrame, scales: ScaleSet, options: ChangeOptions, pair: str
) -> PairReport:
    """Describe one pair on every scale, for researchers.

    Parameters
    ----------
    answers, scales, options
        As in `change_report`; the other pairs are needed for what is usual.
    pair : str
        Its label.

    Returns
    -------
    PairReport

    Notes
    -----
    Missing data: nothing is imputed; a change needs both scores. Errors come from the reference values, whose provenance the notes name.

    Raises
    ------
    ProblemsError
        `changes.pair` for a pair that the answers do not have; those of `prepare_changes`.
    """
    data = prepare_changes(answers, scales, options)
    if pair not in data.pairs:
        known = ", ".join(map(str, data.pairs[:10])) + (", …" if len(data.pairs) > 10 else "")
        raise ProblemsError([Problem("changes.pair", f"There is no pair {pair}.", f"Use one of: {known}.")])
    place = int(data.pairs.get_indexer(pd.Index([pair]))[0])
    cohort = (
        None if data.cohorts is None or pd.isna(data.cohorts.iloc[place]) else str(data.cohorts.iloc[place])
    )
    return PairReport(
        pair=pair,
        cohort=cohort,
        roles=data.roles,
        waves=data.waves,
        scales={name: _describe(data, name, place) for name in data.scored},
        notes=(Note("persons.research", RESEARCH), Note("pair.subtract", _SUBTRACT)),
    )


def _describe(data: ChangeData, name: str, place: int) -> PairScale:
    """One scale of the pair."""
    found = data.scored[name]
    notes: list[Note] = []
    scores = pd.DataFrame(found.values[place], index=list(data.roles), columns=list(data.waves))
    changes = {}
    for side, role in enumerate(data.roles):
        change = _person(data, name, side, place, notes)
        if change is not None:
            changes[role] = change
    common = gap = common_se = gap_se = None
    shrunken: ShrunkenChanges | None = None
    if len(changes) == 2 and found.scale.same_wording and len(found.waves_of_both()) > 1:
        waves = found.waves_of_both()
        step = found.values[place, :, waves[-1]] - found.values[place, :, waves[0]]
        squares = sum(
            read_reliability(find_reference(name, role), width=found.width).sem ** 2 for role in data.roles
        )
        if not np.isnan(step).any():
            common, gap = float(step.mean()), float(step[0] - step[1])
            common_se, gap_se = (squares / 2.0) ** 0.5, (2.0 * squares) ** 0.5
            before, after = pair_changes(data, name, COMMON)
            shrunken = attempt(
                notes,
                "Shrinkage",
                partial(
                    shrink_changes, after - before, squares / 2.0,
                    kind="common change", confidence=data.options.confidence,
                ),
            )  # fmt: skip
    elif len(changes) == 1:
        notes.append(Note("pair.one_side", _ONE_SIDE, {"role": next(iter(changes)), "scale": name}))
    elif not changes:
        notes.append(Note("pair.neither", _NEITHER, {"scale": name}))
    pulled = None if shrunken is None else shrunken.table.loc[data.pairs[place]]
    return PairScale(
        scores=scores,
        change=changes,
        common=common,
        common_se=common_se,
        gap=gap,
        gap_se=gap_se,
        shrunken=_number(pulled, "shrunken"),
        shrunken_low=_number(pulled, "low"),
        shrunken_high=_number(pulled, "high"),
        notes=(*notes, *(() if shrunken is None else shrunken.notes)),
    )


def _person(data: ChangeData, name: str, side: int, place: int, notes: list[Note]) -> ReliableChange | None:
    """The change of one partner, None without both scores."""
    found, role = data.scored[name], data.roles[side]
    waves = found.waves_of(side)
    if len(waves) < 2 or np.isnan(found.values[place, side, [waves[0], waves[-1]]]).any():
        return None
    reference = find_reference(name, role)
    before, after = (data.series(name, side, wave)[0] for wave in (waves[0], waves[-1]))
    own = before.index[[place]]
    return attempt(
        notes,
        f"Reliable change of {role}",
        partial(
            reliable_change, before.loc[own], after.loc[own], reference,
            interval_weeks=weeks_between(data, waves[0], waves[-1]) or reference.interval_weeks,
            mean=float(before.mean()), width=found.width, confidence=data.options.confidence,
        ),
    )  # fmt: skip


def _number(row: "pd.Series | None", name: str) -> float | None:
    """One value of a row, None where there is none."""
    return None if row is None or pd.isna(row[name]) else float(row[name])
