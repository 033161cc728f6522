"""Plain descriptions of scores and items, and the mean of a group with an interval that suits its size."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.gates import allowed, gate_for
from scoring.reference import Reference

CEILING_SHARE: Final = 0.50
IntervalKind = Literal["t", "reference", "none"]


@dataclass(frozen=True)
class ScoreDescription:
    """What one column of scores or keyed values looks like; for researchers, since a spread may single people out.

    Attributes
    ----------
    n_used, n_dropped : int
        Values present, values missing.
    mean, sd, median, minimum, maximum : float or None
        In the unit of the values; sd with n - 1. None when there is no value (sd: fewer than two).
    share_bottom, share_top : float or None
        Share of the values at the lowest and highest possible value, 0 to 1; None when the range was not given.
    notes : tuple of Note
        `describe.ceiling` or `describe.floor` when more than half of the values lie at an end.
    """

    n_used: int
    n_dropped: int
    mean: float | None
    sd: float | None
    median: float | None
    minimum: float | None
    maximum: float | None
    share_bottom: float | None
    share_top: float | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class MeanLevel:
    """The mean of a group at one wave, as far as its size allows.

    Attributes
    ----------
    n_used, n_dropped : int
        Scores present and missing.
    mean : float or None
        In score points; None below five scores.
    low, high : float or None
        Interval of the mean.
    interval_kind : "t", "reference" or "none"
        From the spread of these scores (10 and more), or from the reference file (5 to 9), so that the spread of a small
        group stays unknown.
    gate : str
        Name of the row of the gate table.
    notes : tuple of Note
    """

    n_used: int
    n_dropped: int
    mean: float | None
    low: float | None
    high: float | None
    interval_kind: IntervalKind
    gate: str
    notes: tuple[Note, ...]


_EMPTY = N_("There are no values to describe.")
_ONE = N_("A single value has no spread.")
_CEILING = N_(
    "More than half of the answers (%(percent).0f %%) lie at the top of the range, so improvement can hardly show."
)
_FLOOR = N_(
    "More than half of the answers (%(percent).0f %%) lie at the bottom of the range, so a fall can hardly show."
)
_NO_REFERENCE = N_("No reference value was given, so no interval is drawn for so small a group.")
_REFERENCE = N_(
    "The interval rests on reference values (%(provenance)s, version %(version)s), not on the answers of this group."
)
_NO_SPREAD = N_("All values are equal, so they give no interval.")


def describe_scores(
    scores: pd.Series, *, minimum: float | None = None, maximum: float | None = None
) -> ScoreDescription:
    """Describe one column of scores or keyed item values.

    Parameters
    ----------
    scores : Series of float
        Scores or keyed values of one group; any unit.
    minimum, maximum : float, optional
        Smallest and largest possible value (not observed); needed for the shares at the ends.

    Returns
    -------
    ScoreDescription
        Unrounded.

    Notes
    -----
    Missing values are dropped and counted. R: `mean`, `sd`, `median`, `min`, `max` with `na.rm = TRUE`.

    Raises
    ------
    ScoringError
        `describe.number` for values that are not finite numbers or lie outside the range given.
    """
    values, n_dropped = read_finite(scores)
    low = -math.inf if minimum is None else minimum
    high = math.inf if maximum is None else maximum
    if ((values < low) | (values > high)).any():
        raise _refuse_values()
    n = len(values)
    if n == 0:
        empty = Note("describe.empty", _EMPTY)
        return ScoreDescription(0, n_dropped, None, None, None, None, None, None, None, (empty,))
    bottom = None if minimum is None else float((values == minimum).mean())
    top = None if maximum is None else float((values == maximum).mean())
    notes = []
    if n == 1:
        notes.append(Note("describe.one", _ONE))
    if top is not None and top > CEILING_SHARE:
        notes.append(Note("describe.ceiling", _CEILING, {"percent": 100.0 * top}))
    if bottom is not None and bottom > CEILING_SHARE:
        notes.append(Note("describe.floor", _FLOOR, {"percent": 100.0 * bottom}))
    return ScoreDescription(
        n_used=n,
        n_dropped=n_dropped,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if n > 1 else None,
        median=float(np.median(values)),
        minimum=float(values.min()),
        maximum=float(values.max()),
        share_bottom=bottom,
        share_top=top,
        notes=tuple(notes),
    )


def mean_level(
    scores: pd.Series,
    *,
    reference: Reference | None = None,
    width: float = 4.0,
    confidence: float = 0.95,
) -> MeanLevel:
    """Mean of a group at one wave, with the interval that the gate of its size allows.

    Parameters
    ----------
    scores : Series of float
        One score per person of one role, in points.
    reference : Reference, optional
        Where the spread comes from for 5 to 9 scores; without it such a group gets no interval.
    width : float, default 4
        Width of the score's range in points, to which the reference is rescaled.
    confidence : float, default .95
        Coverage of the interval.

    Returns
    -------
    MeanLevel
        Below five scores no mean; from five to nine `mean +/- z * sd_ref / sqrt(n)`; from ten `mean +/- t * s / sqrt(n)`.

    Notes
    -----
    Missing scores are dropped and counted. R, from ten scores on: `t.test(x)$conf.int`.

    Raises
    ------
    ScoringError
        `describe.number` for values that are not finite numbers.
    """
    values, n_dropped = read_finite(scores)
    n = len(values)
    gate = gate_for(n)
    if not allowed(n, "cell_mean"):
        return MeanLevel(
            n, n_dropped, None, None, None, "none", gate.name, (Note("gate.participation", gate.message),)
        )
    mean = float(values.mean())
    notes: tuple[Note, ...]
    if allowed(n, "t_interval"):
        half = t_half_width(values, confidence)
        notes = (Note("describe.spread", _NO_SPREAD),) if half is None else ()
        kind: IntervalKind = "none" if half is None else "t"
    else:
        sd = None if reference is None else reference.rescaled(width).sd
        half = None if sd is None else reference_half_width(sd, n, confidence)
        kind = "none" if half is None else "reference"
        notes = (Note(f"gate.{gate.name}", gate.message), reference_note(reference))
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return MeanLevel(n, n_dropped, mean, low, high, kind, gate.name, notes)


def read_finite(values: pd.Series) -> tuple[np.ndarray, int]:
    """Return the values present as float64 and the number missing; anything but finite numbers raises ScoringError."""
    numbers, wrong = read_numbers(values)
    if (wrong | np.isinf(numbers)).any():
        raise _refuse_values()
    present = numbers[~np.isnan(numbers)]
    return present, len(numbers) - len(present)


def t_half_width(values: np.ndarray, confidence: float) -> float | None:
    """Half the width of the t interval of a mean, `t * s / sqrt(n)`; None when the values do not vary."""
    from scipy.stats import t

    n = len(values)
    sd = float(values.std(ddof=1))
    if no_spread(values):
        return None
    return float(t.ppf(0.5 + confidence / 2.0, n - 1)) * sd / math.sqrt(n)


def no_spread(values: np.ndarray) -> bool:
    """Say whether values are equal up to the rounding of floating means."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def reference_half_width(sd: float, n: int, confidence: float) -> float:
    """Half the width of the interval of a mean when the spread is taken as known, `z * sd / sqrt(n)`."""
    from scipy.stats import norm

    return float(norm.ppf(0.5 + confidence / 2.0)) * sd / math.sqrt(n)


def reference_note(reference: Reference | None) -> Note:
    """Say on which reference values an interval rests, or that there are none."""
    if reference is None:
        return Note("reference.none", _NO_REFERENCE)
    params = {"provenance": reference.provenance, "version": reference.version}
    return Note("reference.used", _REFERENCE, params)


def _refuse_values() -> ScoringError:
    """The error for values that cannot be described."""
    return ScoringError(
        "describe.number",
        "A value is not a finite number inside the range.",
        "Pass scores as numbers in their own unit; leave missing ones empty (NaN).",
    )
