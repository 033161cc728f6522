"""How a group changed between two waves: mean change with a t interval, an exact sign-flip test, and the effect g_av."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.descriptives import (
    IntervalKind,
    no_spread,
    read_finite,
    reference_half_width,
    reference_note,
    t_half_width,
)
from scoring.effects import detectable_change, hedges_g_paired
from scoring.errors import Note, ScoringError
from scoring.gates import Gate, Verdict, allowed, gate_for, verdict_for
from scoring.reference import Reference
from scoring.scales import IntegerScores

ENUMERATED: Final = 16
RANDOM_FLIPS: Final = 9_999
SIGN_FLIP_MINIMUM: Final = 6
# A fixed start of the random flips: the same answers give the same p whenever a report is made again.
SIGN_FLIP_SEED: Final = 20_260_101

# Up to so many differences every sign is a draw of its own. Beyond, the signs of equal differences are drawn together: how many of
# them turn out positive is a binomial number, so the cost depends on how many different values there are, not on how many people.
SIGN_BY_SIGN: Final = 5_000
# A binomial draw takes about as long as so many signs.
_SIGNS_A_DRAW: Final = 100
# Signs that are held in memory at a time.
_SIGNS_AT_ONCE: Final = 1_000_000

IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class SignFlip:
    """Result of a sign-flip test.

    Attributes
    ----------
    p : float or None
        Two-sided p; None below six differences, with a note.
    n_used : int
        Differences, zeros included.
    n_flips : int
        Sign patterns looked at, 2^m for the exact test (m differences that are not 0), 9,999 for the random one.
    exact : bool
        Whether all patterns were looked at.
    notes : tuple of Note
    """

    p: float | None
    n_used: int
    n_flips: int
    exact: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class MeanChange:
    """How far the mean of a group moved, and what its size allows to say about it.

    A value that the group's gate keeps shut is None, and `notes` says so.

    Attributes
    ----------
    n_used : int
        Persons (or pairs) with a score at both waves.
    n_dropped : int
        Persons with a score at one wave only.
    mean, low, high : float or None
        Mean of after minus before and its interval, in score points.
    confidence : float
    interval_kind : "t", "reference" or "none"
        Spread taken from these changes (10 and more) or from the reference file (5 to 9).
    sd_change : float or None
        Standard deviation of the changes; kept back below 10.
    t, df, p_t : float or None
        Paired t test.
    p_sign_flip : float or None
        Sign-flip test on exact whole-number scores; None when none were given.
    g_av, g_low, g_high : float or None
        Standardized change with its interval.
    detectable : float or None
        Smallest mean change, in points, that so many persons with this spread show with a power of 80 %.
    direction : "higher", "lower" or None
        Sign of the mean; withheld below 10.
    verdict : "moved", "not shown", "too few" or None
        None below 5.
    gate : str
        Name of the row of the gate table.
    notes : tuple of Note
    """

    n_used: int
    n_dropped: int
    confidence: float
    gate: str
    notes: tuple[Note, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    interval_kind: IntervalKind = "none"
    sd_change: float | None = None
    t: float | None = None
    df: int | None = None
    p_t: float | None = None
    p_sign_flip: float | None = None
    g_av: float | None = None
    g_low: float | None = None
    g_high: float | None = None
    detectable: float | None = None
    direction: Literal["higher", "lower"] | None = None
    verdict: Verdict | None = None


_NO_SPREAD = N_("Everybody changed by the same amount, so there is no interval and no effect size.")
_NO_EXACT = N_("The sign-flip test needs exact whole-number scores; none were given.")
_REPEATED = N_(
    "Some people answered for several pairs and count once for each, so the interval is somewhat too narrow."
)
_FLIP_FEW = N_(
    "The sign-flip test cannot reach .05 with fewer than %(minimum)d differences; there are %(n)d."
)
_FLIP_ZEROS = N_(
    "Only %(n)d differences are not zero, so the smallest p the sign-flip test can reach is %(smallest).3f."
)


def mean_change(
    before: pd.Series,
    after: pd.Series,
    *,
    before_exact: IntegerScores | None = None,
    after_exact: IntegerScores | None = None,
    confidence: float = 0.95,
    reference: Reference | None = None,
    width: float = 4.0,
    rng: np.random.Generator | None = None,
) -> MeanChange:
    """Compute the mean change of one role of one cohort between two waves, as far as the number of pairs allows.

    Parameters
    ----------
    before, after : Series of float
        Scores in points at the two waves, paired by index (one label per person or pair).
    before_exact, after_exact : IntegerScores, optional
        The same scores as whole numbers, with the same index, for the sign-flip test.
    confidence : float, default .95
        Coverage of the intervals. The verdict word always rests on the interval asked for here.
    reference : Reference, optional
        Source of the spread for groups of 5 to 9; without it they get no interval.
    width : float, default 4
        Width of the score's range in points (maximum minus minimum).
    rng : Generator, optional
        For the random flips above 16 differences; a fixed seed by default.

    Returns
    -------
    MeanChange
        Below 5 pairs counts only; 5 to 9 the mean with an interval from the reference spread; from 10 everything.

    Notes
    -----
    Missing data: persons without a score at one wave are dropped and counted; nothing is imputed.

    `mean +/- t(df = n - 1) * s_d / sqrt(n)`, `t = mean / (s_d / sqrt(n))`; with the reference
    `mean +/- z * s_ref * sqrt(2 (1 - r_ref)) / sqrt(n)`. A percentile bootstrap is not offered: at n = 10 it covers 90 % instead
    of 95 %. R: `t.test(after, before, paired = TRUE)`.

    References
    ----------
    Student (1908). The probable error of a mean. Biometrika, 6, 1-25. https://doi.org/10.1093/biomet/6.1.1

    Raises
    ------
    ScoringError
        `change.index` for a doubled label, `change.exact` when exact scores are given for one wave only or miss somebody who
        has a score, `change.confidence`, and `describe.number` for values that are not finite numbers.
    """
    if not 0 < confidence < 1:
        raise ScoringError(
            "change.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    both, n_dropped = _pair_waves(before, after)
    gate = gate_for(len(both))
    counts = MeanChange(len(both), n_dropped, confidence, gate.name, ())
    if not allowed(len(both), "cell_mean"):
        return replace(counts, notes=(_gate_note(gate),))
    if "respondent" in both.index.names and both.index.get_level_values("respondent").has_duplicates:
        counts = replace(counts, notes=(Note("change.repeated", _REPEATED),))
    if not allowed(len(both), "mean_change"):
        return _change_by_reference(
            counts, both, gate, None if reference is None else reference.rescaled(width)
        )
    flip = _flip_exact(both.index, before_exact, after_exact, rng)
    return _change_by_t(counts, both, flip, width)


def sign_flip_test(differences: Any, *, rng: np.random.Generator | None = None) -> SignFlip:
    """Test whether differences are as likely up as down, by flipping their signs.

    Parameters
    ----------
    differences : sequence of whole numbers
        Exact differences, for instance of `IntegerScores`; floating numbers are refused, since rounding breaks ties.
    rng : Generator, optional
        Used above 16 differences that are not 0; a fixed seed by default.

    Returns
    -------
    SignFlip
        With p None below six differences.

    Notes
    -----
    `p = share of the sign patterns with abs(sum) >= abs(observed sum)`. Zeros stay zero under every flip, so leaving them out of
    the patterns does not change p; they count in `n_used`. All 2^m patterns for m <= 16; otherwise 9,999 random ones with
    `p = (1 + hits) / (1 + 9,999)`, which keeps the test valid. Above 5,000 differences the signs of equal ones are drawn together, as
    binomial numbers. Sums are exact whole numbers. Missing values are not accepted. Compared with full enumeration in R
    (`expand.grid`).

    References
    ----------
    Fisher, R. A. (1935). The design of experiments, section 21. Oliver & Boyd.
    Phipson, B., & Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications in Genetics and
    Molecular Biology, 9, 39. https://doi.org/10.2202/1544-6115.1585

    Raises
    ------
    ScoringError
        `flip.whole` for anything but whole numbers, `flip.size` when their sum does not fit into 64 bits.
    """
    values = _read_whole(differences)
    n = len(values)
    if n < SIGN_FLIP_MINIMUM:
        note = Note("flip.few", _FLIP_FEW, {"minimum": SIGN_FLIP_MINIMUM, "n": n})
        return SignFlip(None, n, 0, False, (note,))
    # Sorted, so that random flips give the same p whatever order the rows came in.
    moving = np.sort(np.abs(values[values != 0]))
    m = len(moving)
    observed = abs(int(values.sum()))
    notes: tuple[Note, ...] = ()
    if m < SIGN_FLIP_MINIMUM:
        notes = (Note("flip.zeros", _FLIP_ZEROS, {"n": m, "smallest": min(1.0, 2.0 ** (1 - m))}),)
    if m <= ENUMERATED:
        sums = np.zeros(1, dtype=np.int64)
        for value in moving:
            sums = np.concatenate([sums + value, sums - value])
        return SignFlip(float((np.abs(sums) >= observed).mean()), n, len(sums), True, notes)
    generator = np.random.default_rng(SIGN_FLIP_SEED) if rng is None else rng
    hits = sum(int((np.abs(sums) >= observed).sum()) for sums in _random_sums(moving, generator))
    return SignFlip((1 + hits) / (1 + RANDOM_FLIPS), n, RANDOM_FLIPS, False, notes)


def _random_sums(moving: IntArray, generator: np.random.Generator) -> Iterator[IntArray]:
    """The sums of all random flips, in blocks that bound the memory."""
    m, total = len(moving), int(moving.sum())
    values, counts = np.unique(moving, return_counts=True)
    if m > SIGN_BY_SIGN and len(values) * _SIGNS_A_DRAW < m:
        for rows in _blocks(_SIGNS_AT_ONCE // len(values)):
            positive = generator.binomial(counts, 0.5, size=(rows, len(values)))
            yield (2 * positive - counts) @ values
        return
    # Floating numbers hold whole numbers exactly up to these limits, and multiply much faster.
    kind: Any = np.float32 if total < 2**24 else np.float64 if total < 2**53 else np.int64
    weights = moving.astype(kind)
    for rows in _blocks(_SIGNS_AT_ONCE // m):
        # The same signs as `integers(0, 2, dtype=int8)`, which takes the top bit of each byte, in a third of the time.
        words = generator.integers(0, 2**32, size=-(-rows * m // 4), dtype=np.uint32)
        positive = words.astype("<u4", copy=False).view(np.uint8)[: rows * m].reshape(rows, m) >> 7
        yield 2 * (positive.astype(kind) @ weights).astype(np.int64) - total


def _blocks(rows: int) -> Iterator[int]:
    """Parts of the random flips of about so many; a multiple of four leaves no bytes of a word over, whatever their length."""
    step = max(4, rows // 4 * 4)
    return (min(step, RANDOM_FLIPS - start) for start in range(0, RANDOM_FLIPS, step))


def _pair_waves(before: pd.Series, after: pd.Series) -> tuple[pd.DataFrame, int]:
    """The persons with both scores, in the order of their labels' first wave, and the number with one score only."""
    for wave in (before, after):
        read_finite(wave)
        if wave.index.has_duplicates:
            raise ScoringError(
                "change.index",
                "The label %(label)s stands for more than one score of a wave.",
                "Pass one score per person and wave, for example with ScoreSet.select.",
                label=str(wave.index[wave.index.duplicated()][0]),
            )
    table = pd.concat(
        [before.astype("float64"), after.astype("float64")], axis=1, keys=["before", "after"]
    ).dropna(how="all")
    both = table.dropna()
    return both, len(table) - len(both)


def _gate_note(gate: Gate) -> Note:
    """The sentence of a gate."""
    return Note(f"gate.{gate.name}", gate.message)


def _change_by_reference(
    counts: MeanChange, both: pd.DataFrame, gate: Gate, reference: Reference | None
) -> MeanChange:
    """Mean change of a small group: its own spread stays unknown."""
    mean = float((both["after"] - both["before"]).mean())
    half = (
        None if reference is None else reference_half_width(reference.sd_change, len(both), counts.confidence)
    )
    return replace(
        counts,
        mean=mean,
        low=None if half is None else mean - half,
        high=None if half is None else mean + half,
        interval_kind="none" if half is None else "reference",
        verdict="too few",
        notes=(*counts.notes, _gate_note(gate), reference_note(reference)),
    )


def _change_by_t(counts: MeanChange, both: pd.DataFrame, flip: SignFlip, width: float) -> MeanChange:
    """Mean change of a group of ten or more: t, sign-flip, effect size, verdict."""
    from scipy.stats import t as student

    before, after = both["before"].to_numpy(), both["after"].to_numpy()
    differences = after - before
    n, mean = len(differences), float(differences.mean())
    moved: Literal["higher", "lower"] | None = "higher" if mean > 0 else "lower" if mean < 0 else None
    known = replace(
        counts, mean=mean, direction=moved, p_sign_flip=flip.p, notes=(*counts.notes, *flip.notes)
    )
    half = None if no_spread(differences) else t_half_width(differences, counts.confidence)
    if half is None:
        return replace(known, verdict="not shown", notes=(*known.notes, Note("change.spread", _NO_SPREAD)))
    sd = float(differences.std(ddof=1))
    t = mean / (sd / math.sqrt(n))
    effect = hedges_g_paired(before, after, confidence=counts.confidence)
    return replace(
        known,
        low=mean - half,
        high=mean + half,
        interval_kind="t",
        sd_change=sd,
        t=t,
        df=n - 1,
        p_t=float(2.0 * student.sf(abs(t), n - 1)),
        g_av=effect.value,
        g_low=effect.low,
        g_high=effect.high,
        detectable=detectable_change(n) * sd,
        verdict=verdict_for(mean - half, mean + half, width=width),
    )


def _flip_exact(
    index: pd.Index,
    before: IntegerScores | None,
    after: IntegerScores | None,
    rng: np.random.Generator | None,
) -> SignFlip:
    """The sign-flip test of the persons used, on exact scores."""
    if before is None and after is None:
        return SignFlip(None, len(index), 0, False, (Note("flip.exact", _NO_EXACT),))
    refusal = ScoringError(
        "change.exact",
        "Exact scores do not cover everybody who has a score at both waves.",
        "Pass the exact scores of both waves with the same labels, as ScoreSet.select gives them.",
    )
    if before is None or after is None:
        raise refusal
    common = math.lcm(before.multiplier, after.multiplier)
    waves = [(wave.values.reindex(index), common // wave.multiplier) for wave in (before, after)]
    if any(values.isna().any() for values, _ in waves):
        raise refusal
    earlier, later = (values.to_numpy(dtype=np.int64) * factor for values, factor in waves)
    return sign_flip_test(later - earlier, rng=rng)


def _read_whole(differences: Any) -> IntArray:
    """Whole numbers divided by their greatest common divisor, which changes no comparison and keeps sums small."""
    values = np.asarray(differences)
    if values.size and (values.ndim != 1 or values.dtype.kind not in "iu"):
        raise ScoringError(
            "flip.whole",
            "The sign-flip test was given something other than a row of whole numbers.",
            "Pass differences of exact scores (IntegerScores), not of floating means.",
        )
    largest = max(int(values.max()), -int(values.min())) if values.size else 0
    if largest * values.size < 2**62:
        small = values.astype(np.int64)
        return small // max(1, int(np.gcd.reduce(small)))
    whole = [int(value) for value in values]
    divisor = math.gcd(*whole) or 1
    if sum(abs(value) for value in whole) // divisor >= 2**62:
        raise ScoringError(
            "flip.size",
            "The differences are too large to be summed exactly.",
            "Pass scores of shorter scales.",
        )
    return np.array([value // divisor for value in whole], dtype=np.int64)
