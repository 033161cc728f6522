"""What the analyses of pairs share: columns read side by side by pair, and remarks on how many pairs there are."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers

Array = np.ndarray[Any, np.dtype[np.float64]]
Role = Literal["mentor", "mentee"]
Wording = Literal["same", "mirrored"]
ROLES: Final[tuple[Role, Role]] = ("mentor", "mentee")
# Sizes of the measurement plan, 4.4, that the table of gates does not hold.
DISTINGUISHABILITY_MINIMUM: Final = 40
PATTERNS_MINIMUM: Final = 100
FULL_INFORMATION_MINIMUM: Final = 100
# Spread this small beside the size of the values is rounding.
_NO_SPREAD: Final = 1e-12

_FEW = N_("%(what)s needs at least %(minimum)d complete pairs; there are %(n)d.")
_CONSTANT = N_("%(column)s does not vary over the pairs, so %(what)s is not defined.")
_GATE = N_("%(what)s is reported from %(minimum)d pairs on; with %(n)d it is for researchers only.")


def read_pairs(columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Put scores side by side by pair.

    Parameters
    ----------
    columns : mapping name -> Series of float
        One score per pair each, with the pair's label as index. The Series need neither the same order nor the same pairs.

    Returns
    -------
    DataFrame, pairs x columns
        float64, NaN where a score is missing, in the order of the first Series; pairs without any score are left out.

    Raises
    ------
    ScoringError
        `dyads.series` for anything but a Series, `dyads.index` for a pair that stands twice in one of them, `dyads.number` for
        text or infinite values. Each names the column.
    """
    read = {}
    for name, column in columns.items():
        if not isinstance(column, pd.Series):
            raise ScoringError(
                "dyads.series",
                "%(column)s is not a column of scores.",
                "Pass a pandas Series whose index holds the pairs' labels.",
                column=name,
            )
        if column.index.has_duplicates:
            raise ScoringError(
                "dyads.index",
                "Pair %(pair)s stands more than once in %(column)s.",
                "Pass one score per pair and role.",
                pair=str(column.index[column.index.duplicated()][0]),
                column=name,
            )
        values, wrong = read_numbers(column)
        wrong |= np.isinf(values)
        if wrong.any():
            raise ScoringError(
                "dyads.number",
                "%(column)s of pair %(pair)s is not a finite number.",
                "Pass scores as numbers; leave missing ones empty (NaN).",
                column=name,
                pair=str(column.index[wrong][0]),
            )
        read[name] = pd.Series(values, index=column.index)
    first = next(iter(read.values())).index
    if all(column.index.equals(first) for column in read.values()):
        table = pd.DataFrame(read)
    else:
        labels = first
        for column in read.values():
            labels = labels.append(column.index.difference(labels, sort=False))
        table = pd.DataFrame({name: column.reindex(labels) for name, column in read.items()})
    return table.dropna(how="all")


def few_pairs(what: str, n: int, minimum: int) -> Note:
    """Say that there are too few complete pairs for a statistic to exist."""
    return Note("dyads.few", _FEW, {"what": what, "minimum": minimum, "n": n})


def gate_notes(what: str, n: int, minimum: int) -> list[Note]:
    """Say that there are fewer pairs than a result needs to be reported; nothing from the minimum on."""
    if n >= minimum:
        return []
    return [Note("dyads.gate", _GATE, {"what": what, "minimum": minimum, "n": n})]


def find_constants(table: pd.DataFrame, what: str) -> list[Note]:
    """Name every column that does not vary."""
    return [
        Note("dyads.constant", _CONSTANT, {"column": str(name), "what": what})
        for name in table.columns
        if is_flat(table[name].to_numpy())
    ]


def is_flat(values: Array) -> bool:
    """Say whether values are equal up to rounding."""
    if len(values) == 0:
        return True
    return bool(np.ptp(values) <= _NO_SPREAD * max(1.0, float(np.abs(values).max())))


def check_missing(missing: str) -> None:
    """Raise ScoringError `dyads.missing` unless a treatment of missing scores is known."""
    if missing not in {"listwise", "fiml"}:
        raise ScoringError(
            "dyads.missing",
            "There is no treatment of missing scores “%(missing)s”.",
            "Use 'listwise' or 'fiml'.",
            missing=str(missing),
        )


def refuse_mirrored(wording: str, what: str) -> None:
    """Raise ScoringError `dyads.wording` unless both roles answered the same words."""
    if wording not in {"same", "mirrored"}:
        raise ScoringError(
            "dyads.wording",
            "There is no wording “%(wording)s”.",
            "Use 'same' or 'mirrored'.",
            wording=str(wording),
        )
    if wording == "mirrored":
        raise ScoringError(
            "dyads.wording",
            "Mentors and mentees answered different words on this scale, so %(what)s would compare two different things.",
            "Use scales with the same wording for both roles.",
            what=what,
        )


def t_table(estimates: Array, errors: Array, df: float, confidence: float) -> pd.DataFrame:
    """Return estimate, se, df, t, p, low and high for estimates with t-distributed errors; NaN where an error is 0."""
    from scipy.stats import t as student

    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(errors > 0.0, estimates / errors, np.nan)
    half = float(student.ppf(0.5 + confidence / 2.0, df)) * errors
    return pd.DataFrame(
        {
            "estimate": estimates,
            "se": errors,
            "df": float(df),
            "t": ratio,
            "p": 2.0 * student.sf(np.abs(ratio), df),
            "low": estimates - half,
            "high": estimates + half,
        }
    )
