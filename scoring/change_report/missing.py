"""Who left and what that may have done to the changes: dropout differences, imputed changes and tipping points."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.change_report.data import ChangeData
from scoring.dropout import DropoutReport, LittleTest, dropout_differences, little_test
from scoring.errors import Note
from scoring.gates import allowed, minimum_for
from scoring.imputation import Imputations, impute_pairs
from scoring.missing_change import Direction, ImputedChange, TippingPoint, imputed_change, tipping_point
from scoring.report.data import attempt, unique_notes

# Beyond so many pairs imputations fill the memory, and what is missing hardly adds to the error.
MOST_IMPUTED: Final = 5_000
_FEW_ROWS: Final = 100

_FEW = N_("Dropout is compared from %(minimum)d pairs on; there are %(n)d.")
_NOTHING = N_("Nobody who answered at first is missing at the last wave.")
_HIDDEN = N_("Where fewer than %(minimum)d left or stayed, their means are not given.")
_MANY = N_("Scores of more than %(most)d pairs are not imputed; the mixed model uses all scores there are.")


@dataclass(frozen=True)
class ImputedRole:
    """The change of one role on one scale with what is missing filled in.

    Attributes
    ----------
    change : ImputedChange
        Pooled over imputations, valid where answers are missing at random.
    tipping : TippingPoint
        How much worse, or better where the finding is a fall, those who are missing would have to be for the finding to fall.
    """

    change: ImputedChange
    tipping: TippingPoint


@dataclass(frozen=True)
class MissingSection:
    """What is missing.

    Attributes
    ----------
    dropout : DropoutReport or None
        Those who left beside those who stayed, from 10 pairs on.
    imputed : mapping scale -> mapping role -> ImputedRole
        For scales and roles with missing scores, from 20 persons with both on.
    little : mapping scale -> LittleTest
        From 100 pairs on.
    notes : tuple of Note
    """

    dropout: DropoutReport | None
    imputed: Mapping[str, Mapping[str, ImputedRole]]
    little: Mapping[str, LittleTest]
    notes: tuple[Note, ...]


def examine_missing(data: ChangeData) -> MissingSection:
    """Return dropout, imputed changes and tipping points of every scale."""
    notes: list[Note] = []
    n = len(data.pairs)
    if not allowed(n, "mean_change"):
        few = Note("missing.few", _FEW, {"minimum": minimum_for("mean_change"), "n": n})
        return MissingSection(None, {}, {}, (few,))
    dropout = None
    if any(len(found.waves_of(side)) > 1 for found in data.scored.values() for side in (0, 1)):
        dropout = attempt(notes, "Dropout", partial(_compare_dropouts, data))
    if dropout is not None and dropout.n_left == 0:
        notes.append(Note("missing.nobody", _NOTHING))
    imputed: dict[str, dict[str, ImputedRole]] = {}
    little: dict[str, LittleTest] = {}
    for name in data.scored:
        wide = _widen(data, name)
        if not wide.isna().to_numpy().any():
            continue
        test = (
            attempt(notes, f"Little's test of {name}", partial(little_test, wide)) if n >= _FEW_ROWS else None
        )
        if test is not None:
            little[name] = test
        roles = _impute_gated(data, name, wide, notes)
        if roles:
            imputed[name] = roles
    return MissingSection(dropout, imputed, little, unique_notes(notes))


def _impute_gated(
    data: ChangeData, name: str, wide: pd.DataFrame, notes: list[Note]
) -> dict[str, ImputedRole] | None:
    """Imputed changes where there are neither too few pairs nor too many."""
    if len(data.pairs) > MOST_IMPUTED:
        notes.append(Note("missing.many", _MANY, {"most": MOST_IMPUTED}))
        return None
    if not allowed(len(data.pairs), "mixed_model"):
        return None
    return attempt(notes, f"Imputation of {name}", partial(_impute, data, name, wide))


def _compare_dropouts(data: ChangeData) -> DropoutReport:
    """Everybody with a score at the first wave of a scale, by whether anything is there at the last wave of the role."""
    scored = {
        name: found
        for name, found in data.scored.items()
        if max(len(found.waves_of(side)) for side in (0, 1)) > 1
    }
    columns: dict[str, list[np.ndarray]] = {name: [] for name in scored}
    stayed = []
    for side in (0, 1):
        places = [found.waves_of(side) for found in scored.values()]
        last = max((waves[-1] for waves in places if waves), default=0)
        answered = [~np.isnan(found.values[:, side, last]) for found in scored.values()]
        stayed.append(np.logical_or.reduce(answered))
        for (name, found), waves in zip(scored.items(), places, strict=True):
            usable = len(waves) > 1
            columns[name].append(
                found.values[:, side, waves[0]] if usable else np.full(len(data.pairs), np.nan)
            )
    index = pd.RangeIndex(2 * len(data.pairs))
    baseline = pd.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()}, index=index)
    role = pd.Series(np.repeat(data.roles, len(data.pairs)), index=index)
    pair = pd.Series(np.tile(data.pairs.to_numpy(), 2), index=index)
    there = baseline.notna().any(axis=1)
    report = dropout_differences(
        baseline[there],
        pd.Series(np.concatenate(stayed), index=index)[there],
        role=role[there],
        pair=pair[there],
        confidence=data.options.confidence,
    )
    return report if data.options.persons else _hide_few(report)


def _hide_few(found: DropoutReport) -> DropoutReport:
    """The same without means of fewer than five, which would say how these few had answered."""
    least = minimum_for("cell_mean")
    tables = {}
    hidden: set[str] = set()
    for name in ("differences", "pair_differences"):
        table = getattr(found, name).copy()
        few = ((table["n_left"] < least) | (table["n_stayed"] < least)).to_numpy()
        table.loc[few, ["mean_stayed", "mean_left", "difference", "g", "low", "high"]] = np.nan
        table.loc[few, "flagged"] = False
        if name == "differences":
            hidden = {f"{row.role} {row.scale}" for row in table[few].itertuples()}
        tables[name] = table
    pairs = found.pairs.copy()
    scales = [column for column in pairs.columns if column != "n"]
    # Both partners of a pair count, so five people may be three pairs.
    pairs.loc[(pairs["n"] < least).to_numpy(), scales] = np.nan
    flagged = tuple(name for name in found.flagged if name not in hidden)
    kept = [
        replace(note, params={"which": ", ".join(flagged)}) if note.code == "dropout.flagged" else note
        for note in found.notes
        if flagged or note.code != "dropout.flagged"
    ]
    some_hidden = bool(hidden) or bool(pairs[scales].isna().to_numpy().any())
    note = (Note("missing.hidden", _HIDDEN, {"minimum": least}),) if some_hidden and found.n_left else ()
    return replace(found, **tables, pairs=pairs, flagged=flagged, notes=(*kept, *note))


def _widen(data: ChangeData, name: str) -> pd.DataFrame:
    """One row per pair with any score, one column per role and wave that was asked."""
    found = data.scored[name]
    columns = {
        _column(data, side, wave): found.values[:, side, wave] for side in (0, 1) for wave in found.waves_of(side)
    }  # fmt: skip
    return pd.DataFrame(columns, index=data.pairs).dropna(how="all")


def _column(data: ChangeData, side: int, wave: int) -> str:
    """The name of a role's score at a wave."""
    return f"{data.roles[side]}.{data.waves[wave]}"


def _impute(data: ChangeData, name: str, wide: pd.DataFrame) -> dict[str, ImputedRole]:
    """The imputed change and tipping point of each role that misses a score."""
    imputations = impute_pairs(wide, seed=data.options.seed)
    found = {}
    for side, role in enumerate(data.roles):
        waves = data.scored[name].waves_of(side)
        if len(waves) < 2:
            continue
        before, after = (_column(data, side, wave) for wave in (waves[0], waves[-1]))
        n_complete = int(wide[[before, after]].notna().all(axis=1).sum())
        if n_complete == len(wide) or not allowed(n_complete, "mixed_model"):
            continue
        found[role] = _role(data, name, imputations, before, after)
    return found


def _role(data: ChangeData, name: str, imputations: Imputations, before: str, after: str) -> ImputedRole:
    """One role; scores are moved against the finding, whichever way it goes."""
    confidence, width = data.options.confidence, data.scored[name].width
    change = imputed_change(imputations, before, after, confidence=confidence, width=width)
    direction: Direction = "lower" if change.pooled.estimate >= 0 else "higher"
    tipping = tipping_point(
        imputations, before, after, direction=direction, confidence=confidence, width=width
    )
    return ImputedRole(change, tipping)
