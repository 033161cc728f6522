"""What a change score is worth: its reliability, what selection on the baseline does to it, and its effect in several units."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.descriptives import no_spread, t_half_width
from scoring.effects import bias_correction, noncentral_interval
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.reference import Reference
from scoring.reliability import check_confidence
from scoring.retest import Reliability, read_reliability

Array = np.ndarray[Any, np.dtype[np.float64]]
_CORRELATE: Final = 0.70

_LOW = N_(
    "The change score has a reliability of %(value).2f: do not correlate it with anything, and do not rank people by it."
)
_IMPOSSIBLE = N_(
    "The scores of the two waves correlate higher than their reliability allows, so the change score has no reliability at all."
)
_SELECTED = N_(
    "These %(n)d were chosen by their baseline, %(away).2f points from the mean of all: without any true change their mean is expected "
    "to move by %(expected).2f points towards it."
)
_FEW = N_("Fewer than %(minimum)d were chosen, so their change has no interval.")
_FLAT = N_("The changes do not vary, so there is no interval.")


@dataclass(frozen=True)
class ChangeReliability:
    """Reliability of the difference of two scores.

    Attributes
    ----------
    value : float
        Share of the variance of change that is true change, at most 1; below 0 it is no share, and a note says so.
    n_used, n_dropped : int
        0 when computed from coefficients.
    converged : bool
    notes : tuple of Note
    """

    value: float
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ExpectedRegression:
    """What a group chosen by its baseline would have done without any true change.

    Attributes
    ----------
    mean_all, mean_chosen : float or None
        Baselines of all and of the chosen, in points.
    expected : float or None
        Change expected without true change, in points.
    observed : float or None
        Change of the chosen with both scores.
    beyond, low, high : float or None
        Observed minus expected, person by person, with its t interval.
    retest : float
    n_used, n_dropped : int
        Chosen people with both scores, and those with one.
    confidence : float
    converged : bool
    notes : tuple of Note
    """

    mean_all: float | None
    mean_chosen: float | None
    expected: float | None
    observed: float | None
    beyond: float | None
    low: float | None
    high: float | None
    retest: float
    n_used: int
    n_dropped: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class PairedEffects:
    """The standardized effect of a change in the units that publications use; reports show g_av alone.

    Attributes
    ----------
    mean, sd, r : float
        Mean and standard deviation of the changes, correlation of the waves.
    dz, dz_low, dz_high : float
        Over the standard deviation of the changes; noncentral-t interval.
    dav, gav : float
        Over the mean of the two standard deviations, and with Hedges' correction.
    d_rms, d_rms_low, d_rms_high : float
        Over the root of the mean variance; interval of Algina and Keselman (2003).
    drm : float
        `dz sqrt(2 (1 - r))` (Morris & DeShon, 2002).
    glass : float
        Over the standard deviation before.
    correction : float
        Hedges' J for n - 1 degrees of freedom.
    n_used, n_dropped : int
    confidence : float
    """

    mean: float
    sd: float
    r: float
    dz: float
    dz_low: float
    dz_high: float
    dav: float
    gav: float
    d_rms: float
    d_rms_low: float
    d_rms_high: float
    drm: float
    glass: float
    correction: float
    n_used: int
    n_dropped: int
    confidence: float


def change_reliability(reliability: float, correlation: float) -> ChangeReliability:
    """Return the reliability of a change score from that of one score.

    Parameters
    ----------
    reliability : float
        Reliability of a score at one wave (here alpha has its place), 0 to 1.
    correlation : float
        Correlation of the two waves, -1 to below 1.

    Returns
    -------
    ChangeReliability

    Notes
    -----
    `(alpha - r) / (1 - r)`, for equal spreads and reliabilities at both waves: .41 at alpha .83 and r .71.

    References
    ----------
    Lord, F. M., & Novick, M. R. (1968). Statistical theories of mental test scores, section 3.5. Addison-Wesley.

    Raises
    ------
    ScoringError
        `change.coefficient` outside these ranges.
    """
    if not (0.0 <= reliability <= 1.0 and -1.0 <= correlation < 1.0):
        raise ScoringError(
            "change.coefficient",
            "A reliability of %(reliability)s and a correlation of %(correlation)s cannot be used.",
            "Pass a reliability from 0 to 1 and a correlation from -1 to below 1.",
            reliability=reliability,
            correlation=correlation,
        )
    value = (reliability - correlation) / (1.0 - correlation)
    notes: tuple[Note, ...] = ()
    if value < 0.0:
        notes = (Note("change.impossible", _IMPOSSIBLE),)
    elif value < _CORRELATE:
        notes = (Note("change.unreliable", _LOW, {"value": value}),)
    return ChangeReliability(value, 0, 0, True, notes)


def expected_regression(
    before: pd.Series,
    after: pd.Series,
    chosen: pd.Series,
    reliability: Reference | Reliability,
    *,
    width: float = 4.0,
    confidence: float = 0.95,
) -> ExpectedRegression:
    """Compute how far a group chosen by its baseline would have moved without any true change, and how far it moved beyond that.

    Parameters
    ----------
    before, after : Series of float
        Scores of all people of one role at two waves, in points, paired by index.
    chosen : Series of bool
        Who was chosen by the baseline (for instance all who started low); same labels as `before`.
    reliability : Reference or Reliability
        Retest reliability over the interval of the waves.
    width : float, default 4
        Width of the score's range in points.
    confidence : float, default .95
        Coverage of the interval.

    Returns
    -------
    ExpectedRegression

    Notes
    -----
    Expected later score of a person without true change `M + r (x - M)`, M the mean baseline of all; so the expected change of the
    chosen is `-(1 - r)(mean_chosen - M)`. Beyond it: mean of `after - M - r (before - M)` with its t interval, r taken as known.
    Missing data: M is the mean of all baselines there are; the chosen with one score are dropped and counted.

    References
    ----------
    Barnett, A. G., van der Pols, J. C., & Dobson, A. J. (2005). Regression to the mean: what it is and how to deal with it.
    International Journal of Epidemiology, 34, 215-220. https://doi.org/10.1093/ije/dyh299

    Raises
    ------
    ScoringError
        `change.index`, `change.number`, `change.chosen` for a choice that is not true or false for everybody with a baseline,
        `change.confidence`; `change.alpha` and `change.reliability`.
    """
    check_confidence(confidence, "change")
    r = read_reliability(reliability, width=width).value
    table = read_waves(before, after)
    mask = _read_choice(chosen, table)
    baselines = table["before"].dropna()
    picked = table[mask & table["before"].notna()]
    both = picked.dropna()
    n, n_dropped = len(both), len(picked) - len(both)
    if not len(picked):
        few = Note("change.few_chosen", _FEW, {"minimum": 1})
        return ExpectedRegression(
            None, None, None, None, None, None, None, r, 0, 0, confidence, False, (few,)
        )
    mean, own = float(baselines.mean()), float(picked["before"].mean())
    expected = -(1.0 - r) * (own - mean)
    notes = [Note("change.selected", _SELECTED, {"n": len(picked), "away": own - mean, "expected": expected})]
    beyond = (both["after"] - mean - r * (both["before"] - mean)).to_numpy()
    half = None
    if n < 2:
        notes.append(Note("change.few_chosen", _FEW, {"minimum": 2}))
    else:
        half = t_half_width(beyond, confidence)
        notes += [] if half is not None else [Note("change.flat", _FLAT)]
    centre = float(beyond.mean()) if n else None
    return ExpectedRegression(
        mean_all=mean,
        mean_chosen=own,
        expected=expected,
        observed=float((both["after"] - both["before"]).mean()) if n else None,
        beyond=centre,
        low=None if half is None or centre is None else centre - half,
        high=None if half is None or centre is None else centre + half,
        retest=r,
        n_used=n,
        n_dropped=n_dropped,
        confidence=confidence,
        converged=half is not None,
        notes=tuple(notes),
    )


def paired_effects(before: pd.Series, after: pd.Series, *, confidence: float = 0.95) -> PairedEffects:
    """Compute the standardized effects of a change that publications use.

    Parameters
    ----------
    before, after : Series of float
        Scores of the same people at two waves, paired by index.
    confidence : float, default .95
        Coverage of the intervals.

    Returns
    -------
    PairedEffects

    Notes
    -----
    Missing data: people with one score are dropped and counted. dz grows with the correlation of the waves and is not comparable with
    effects between groups; the others are. R: the formulas in the attributes; `pt` inverted for dz; `d_rms` is what other packages
    call Cohen's d of paired data.

    References
    ----------
    Cumming, G. (2012). Understanding the new statistics. Routledge.
    Algina, J., & Keselman, H. J. (2003). Approximate confidence intervals for effect sizes. Educational and Psychological
    Measurement, 63, 537-553. https://doi.org/10.1177/0013164403256358
    Morris, S. B., & DeShon, R. P. (2002). Combining effect size estimates in meta-analysis with repeated measures and
    independent-groups designs. Psychological Methods, 7, 105-125. https://doi.org/10.1037/1082-989X.7.1.105

    Raises
    ------
    ScoringError
        `effect.rows` for fewer than three people, `effect.spread` when changes or a wave do not vary, `change.index`,
        `change.number`, `change.confidence`.
    """
    check_confidence(confidence, "change")
    table = read_waves(before, after)
    both = table.dropna()
    n = len(both)
    if n < 3:
        raise ScoringError(
            "effect.rows",
            "Too few values for a standardized effect.",
            "Report the difference in points only.",
        )
    x, y = both["before"].to_numpy(), both["after"].to_numpy()
    d = y - x
    if any(no_spread(values) for values in (x, y, d)):
        raise ScoringError(
            "effect.spread",
            "The values do not vary, so an effect has no unit.",
            "Report the difference in points only.",
        )
    mean, sd, sx, sy = (float(v) for v in (d.mean(), d.std(ddof=1), x.std(ddof=1), y.std(ddof=1)))
    r = float(np.corrcoef(x, y)[0, 1])
    dz, J = mean / sd, bias_correction(n - 1)
    low, high = noncentral_interval(dz * math.sqrt(n), n - 1, confidence)
    rms = math.sqrt((sx**2 + sy**2) / 2.0)
    to_rms = sd / rms / math.sqrt(n)
    return PairedEffects(
        mean=mean,
        sd=sd,
        r=r,
        dz=dz,
        dz_low=low / math.sqrt(n),
        dz_high=high / math.sqrt(n),
        dav=mean / ((sx + sy) / 2.0),
        gav=J * mean / ((sx + sy) / 2.0),
        d_rms=mean / rms,
        d_rms_low=low * to_rms,
        d_rms_high=high * to_rms,
        drm=dz * math.sqrt(2.0 * (1.0 - r)),
        glass=mean / sx,
        correction=J,
        n_used=n,
        n_dropped=len(table) - n,
        confidence=confidence,
    )


def read_waves(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Return the scores of people with one at least, paired by label; text, infinities and doubled labels raise ScoringError."""
    columns = {}
    for name, wave in (("before", before), ("after", after)):
        values, wrong = read_numbers(wave)
        if (wrong | np.isinf(values)).any():
            raise ScoringError(
                "change.number",
                "A score is not a finite number.",
                "Pass scores as numbers; leave missing ones empty (NaN).",
            )
        if wave.index.has_duplicates:
            raise ScoringError(
                "change.index",
                "The label %(label)s stands for more than one score of a wave.",
                "Pass one score per person and wave.",
                label=str(wave.index[wave.index.duplicated()][0]),
            )
        columns[name] = pd.Series(values, index=wave.index)
    return pd.concat(columns, axis=1).dropna(how="all")


def _read_choice(chosen: pd.Series, table: pd.DataFrame) -> np.ndarray:
    """Who was chosen, for every row of the table."""
    known = not chosen.index.has_duplicates
    choice = chosen.reindex(table.index) if known else chosen
    fits = known and choice[table["before"].notna()].map(lambda v: isinstance(v, bool | np.bool_)).all()
    if not fits:
        raise ScoringError(
            "change.chosen",
            "It is not said for everybody with a baseline whether they were chosen.",
            "Pass True or False for each label of the baseline, once.",
        )
    return np.asarray([bool(v) if isinstance(v, bool | np.bool_) else False for v in choice])
