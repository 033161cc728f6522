"""Retest reliability: how much a score fluctuates between two times; internal consistency is refused in its place."""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from scoring.errors import ScoringError
from scoring.reference import Provenance, Reference, find_reference

ReliabilityKind = Literal["retest", "alpha", "omega", "split-half"]

FEWEST_RETESTED: Final = 50
# Reference variances of the two waves that differ by more are not taken as equal.
UNEQUAL: Final = 0.20
Z95: Final = 1.959963984540054
# Results of the reliability functions that stand for agreement of items, and where their value is.
_CONSISTENCIES: Final = {
    "AlphaResult": ("alpha", "value"),
    "AlphaStatistics": ("alpha", "raw"),
    "OrdinalAlpha": ("alpha", "value"),
    "OmegaResult": ("omega", "value"),
    "CategoricalOmega": ("omega", "value"),
    "SplitHalves": ("split-half", "average"),
    "SpearmanBrown": ("split-half", "value"),
}


@dataclass(frozen=True)
class Reliability:
    """A reliability with the spread it belongs to.

    Attributes
    ----------
    value : float
        Correlation, in [0, 1).
    sd : float
        Standard deviation between people at the first wave, in points, > 0.
    kind : "retest", "alpha", "omega" or "split-half"
        Only a retest correlation measures how scores fluctuate between two times; the others are refused with the reason.
    interval_weeks : int
        Time between test and retest.
    provenance : "synthetic", "pilot" or "field"
    n : int
        People behind it.
    version : str
        Of the reference file, or any name.
    measured : date or None
    sd_after : float or None
        Standard deviation at the second wave where it is known to differ.
    """

    value: float
    sd: float
    kind: ReliabilityKind = "retest"
    interval_weeks: int = 0
    provenance: Provenance = "synthetic"
    n: int = 0
    version: str = ""
    measured: date | None = None
    sd_after: float | None = None

    @property
    def sem(self) -> float:
        """Standard error of measurement of one score, `sd * sqrt(1 - value)`, in points."""
        return self.sd * math.sqrt(1.0 - self.value)

    @property
    def sd_difference(self) -> float:
        """Standard deviation of the difference of two scores of a person who did not change, in points."""
        return difference_error(self.value, self.sd, self.sd_after)

    @property
    def unequal(self) -> bool:
        """Whether the variances of the two waves differ by more than a fifth of the smaller."""
        return self.sd_after is not None and _differ(self.sd, self.sd_after)

    @property
    def provisional(self) -> bool:
        """Whether labels have to stay off: no real people, or fewer than 50 of them."""
        return self.provenance == "synthetic" or self.n < FEWEST_RETESTED


def read_reliability(
    source: Reference | Reliability | Any,
    *,
    width: float = 4.0,
    after: Reference | None = None,
    compared_retest: float | None = None,
) -> Reliability:
    """Return a usable retest reliability, or raise with the reason.

    Parameters
    ----------
    source : Reference or Reliability
        An entry of the reference file, or a reliability of one's own.
    width : float, default 4
        Width of the score's range in points, to which a Reference is rescaled.
    after : Reference, optional
        The entry for the second wave, where the spread there is known to differ.
    compared_retest : float, optional
        Retest correlation for saying how often an index fed with internal consistency would have been wrong; by default that of the
        reference file.

    Raises
    ------
    ScoringError
        `change.alpha` for internal consistency (alpha, omega, split-half, or a result of these), with the false-positive rate it would
        have had; `change.reliability` for anything that is no reliability or lies outside its range.
    """
    if isinstance(source, Reference):
        entry = source.rescaled(width)
        return Reliability(
            entry.retest,
            entry.sd,
            "retest",
            entry.interval_weeks,
            entry.provenance,
            entry.n,
            entry.version,
            entry.date,
            None if after is None else after.rescaled(width).sd,
        )
    if isinstance(source, Reliability) and source.kind == "retest":
        _check(source)
        return source
    refuse_internal(source, compared_retest)
    raise _no_reliability()


def refuse_internal(source: Any, compared_retest: float | None = None) -> None:
    """Raise ScoringError `change.alpha` for an internal consistency, in whatever form it comes; return for anything else."""
    kind, value = "alpha", None
    if isinstance(source, Reliability):
        kind, value = source.kind, source.value
    elif type(source).__name__ in _CONSISTENCIES:
        kind, attribute = _CONSISTENCIES[type(source).__name__]
        value = getattr(source, attribute)
    if value is None or not 0.0 <= float(value) < 1.0:
        return
    retest = find_reference().retest if compared_retest is None else compared_retest
    raise ScoringError(
        "change.alpha",
        "%(kind)s is refused for single changes: it says how well items agree at one time, not how much a score fluctuates between two "
        "times. Fed with %(kind)s = %(value).2f where the retest correlation is %(retest).2f, an index that promises 5 %% of false "
        "labels would give %(rate).0f %%, and a longer scale makes it worse.",
        "Pass a retest correlation over the same interval: an entry of the reference file, or Reliability(kind='retest').",
        kind=kind,
        value=float(value),
        retest=retest,
        rate=100.0 * false_positive_rate(float(value), retest),
    )


def false_positive_rate(reliability: float, retest: float, *, z: float = Z95) -> float:
    """Return how often an index fed with `reliability` calls unchanged people changed when the retest correlation is `retest`.

    `2 Phi(-z sqrt((1 - reliability) / (1 - retest)))`; z is the index's critical value. Raises ScoringError `change.reliability`
    outside [0, 1).
    """
    if not (0.0 <= reliability < 1.0 and 0.0 <= retest < 1.0):
        raise _no_reliability()
    return math.erfc(z * math.sqrt((1.0 - reliability) / (1.0 - retest)) / math.sqrt(2.0))


def difference_error(reliability: float, sd: float, sd_after: float | None = None) -> float:
    """Return the standard deviation of a difference without change.

    `sqrt(2) sd sqrt(1 - r)` (Jacobson & Truax, 1991, with the correction of Christensen & Mendoza, 1986), or
    `sqrt((sd^2 + sd_after^2)(1 - r))` where the variances differ by more than a fifth (Maassen, 2004,
    https://doi.org/10.1017/S1355617704106097).
    """
    second = sd_after if sd_after is not None and _differ(sd, sd_after) else sd
    return math.sqrt((sd**2 + second**2) * (1.0 - reliability))


def _differ(first: float, second: float) -> bool:
    """Whether two spreads differ by more than a fifth of the smaller variance."""
    return max(first, second) ** 2 > (1.0 + UNEQUAL) * min(first, second) ** 2


def _check(source: Reliability) -> None:
    """A reliability and spreads inside their ranges."""
    spreads = [source.sd] if source.sd_after is None else [source.sd, source.sd_after]
    usable = 0.0 <= source.value < 1.0 and all(math.isfinite(sd) and sd > 0 for sd in spreads)
    if not usable or source.n < 0 or source.interval_weeks < 0:
        raise _no_reliability()


def _no_reliability() -> ScoringError:
    """The error for something that is no reliability."""
    return ScoringError(
        "change.reliability",
        "That is no retest reliability with its spread.",
        "Pass an entry of the reference file (find_reference), or Reliability(value, sd, interval_weeks=...) with a value from 0 to "
        "below 1 and a positive spread.",
    )
