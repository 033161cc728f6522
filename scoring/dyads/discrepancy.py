"""How far mentor and mentee are apart: as a finding, raw and with its error, and never as a predictor."""

import math
from dataclasses import dataclass, replace
from typing import Final, NoReturn

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.descriptives import reference_note
from scoring.dyads.pairs import (
    Array,
    Wording,
    few_pairs,
    gate_notes,
    is_flat,
    read_pairs,
    refuse_mirrored,
)
from scoring.errors import Note, ScoringError
from scoring.gates import minimum_for
from scoring.reference import Reference
from scoring.reliability import check_confidence, normal_quantile

_WHAT: Final = "The mean discrepancy of partners"
# The coverage that limits of agreement are known for.
_LIMITS: Final = 0.95

_NO_SPREAD = N_("All pairs are apart by the same amount, so there is no interval and no limits of agreement.")
_NO_SEM = N_(
    "No reference value was given for the role %(role)s, so single discrepancies have no error and no interval."
)
_RETEST = N_(
    "The error of a single discrepancy rests on the retest correlation over %(weeks)d weeks, so it holds fluctuation in that time too."
)


@dataclass(frozen=True)
class PairDiscrepancy:
    """How far the two partners are apart, pair by pair and on average.

    Attributes
    ----------
    pairs : DataFrame, one row per complete pair
        difference (mentor - mentee, raw), se, low, high (normal interval); NaN without reference values, with a note. With
        `average=True` also mean, the pair's average.
    mean, low, high : float or None
        Mean difference with its t interval, in points.
    sd : float or None
        Standard deviation of the differences (n - 1).
    limits : (float, float) or None
        Limits of agreement, `mean -+ 1.96 sd`.
    lower_limit, upper_limit : (float, float) or None
        Interval of each limit.
    t, df, p : float or None
        Of the hypothesis that the mean difference is 0.
    confidence : float
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    """

    pairs: pd.DataFrame
    n_used: int
    n_dropped: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    limits: tuple[float, float] | None = None
    lower_limit: tuple[float, float] | None = None
    upper_limit: tuple[float, float] | None = None
    t: float | None = None
    df: int | None = None
    p: float | None = None


def pair_discrepancy(
    mentor: pd.Series,
    mentee: pd.Series,
    *,
    wording: Wording,
    reference_mentor: Reference | None = None,
    reference_mentee: Reference | None = None,
    width: float = 4.0,
    confidence: float = 0.95,
    average: bool = False,
) -> PairDiscrepancy:
    """Compute mentor minus mentee for every pair with its error, their mean, and limits of agreement.

    Parameters
    ----------
    mentor, mentee : Series of float, one score per pair
        Scores of one scale in points; the index holds the pairs' labels.
    wording : "same" or "mirrored"
        Whether both roles answered the same words; mirrored scales are refused.
    reference_mentor, reference_mentee : Reference, optional
        Where a score's error comes from, for each role.
    width : float, default 4
        Width of the score's range in points, to which the references are rescaled.
    confidence : float, default .95
        Coverage of the intervals.
    average : bool, default False
        Also give each pair's average; the two roles are not averaged unless it is asked for.

    Returns
    -------
    PairDiscrepancy

    Notes
    -----
    Missing data: pairs with one score are dropped and counted.

    `D = mentor - mentee`, raw: differences that are shrunken towards their mean (empirical Bayes) are unreliable with two reports
    per pair. `se(D) = sqrt(SEM_mentor^2 + SEM_mentee^2)`, `SEM = sd_ref sqrt(1 - retest_ref)`. Mean: `mean -+ t s / sqrt(n)`.
    Limits of agreement: `mean -+ 1.96 s`; each has the interval `limit -+ t s sqrt(1/n + 1.96^2 / (2 (n - 1)))`, t on n - 1 degrees
    of freedom. R: `t.test(mentor, mentee, paired = TRUE)`, and the formulas.

    References
    ----------
    Bland, J. M., & Altman, D. G. (1999). Measuring agreement in method comparison studies. Statistical Methods in Medical Research,
    8, 135-160. https://doi.org/10.1177/096228029900800204

    Raises
    ------
    ScoringError
        `dyads.wording` for a mirrored scale; `dyads.confidence`; `reference.width`; and as `read_pairs`.
    """
    check_confidence(confidence, "dyads")
    refuse_mirrored(wording, "a discrepancy")
    table = read_pairs({"mentor": mentor, "mentee": mentee})
    both = table.dropna()
    n = len(both)
    difference = (both["mentor"] - both["mentee"]).to_numpy()
    se, notes = _difference_error(reference_mentor, reference_mentee, width)
    half = normal_quantile(confidence) * se
    pairs = pd.DataFrame(
        {"difference": difference, "se": se, "low": difference - half, "high": difference + half},
        index=both.index,
    )
    if average:
        pairs["mean"] = both.mean(axis=1)
    result = PairDiscrepancy(pairs, n, len(table) - n, confidence, False, ())
    if n < 2:
        return replace(result, notes=(few_pairs(_WHAT, n, 2), *notes))
    notes = [*gate_notes(_WHAT, n, minimum_for("mean_change")), *notes]
    result = replace(result, mean=float(difference.mean()))
    if is_flat(difference):
        return replace(result, notes=(*notes, Note("dyads.spread", _NO_SPREAD)))
    return _add_agreement(replace(result, notes=tuple(notes)), difference)


def _difference_error(
    mentor: Reference | None, mentee: Reference | None, width: float
) -> tuple[float, list[Note]]:
    """Standard error of one difference from the reference values of both roles, NaN without them."""
    notes, squares = [], 0.0
    for role, reference in (("mentor", mentor), ("mentee", mentee)):
        if reference is None:
            squares = math.nan
            notes.append(Note("dyads.no_sem", _NO_SEM, {"role": role}))
            continue
        squares += reference.rescaled(width).sd ** 2 * (1.0 - reference.retest)
        for note in (
            reference_note(reference),
            Note("dyads.retest", _RETEST, {"weeks": reference.interval_weeks}),
        ):
            if note not in notes:
                notes.append(note)
    return math.sqrt(squares), notes


def _add_agreement(result: PairDiscrepancy, difference: Array) -> PairDiscrepancy:
    """The mean with its test, and the limits of agreement with their intervals."""
    from scipy.stats import t as student

    n, mean, sd = len(difference), float(difference.mean()), float(difference.std(ddof=1))
    quantile = float(student.ppf(0.5 + result.confidence / 2.0, n - 1))
    half, z = quantile * sd / math.sqrt(n), normal_quantile(_LIMITS)
    around = quantile * sd * math.sqrt(1.0 / n + z * z / (2.0 * (n - 1)))
    lower, upper = mean - z * sd, mean + z * sd
    t = mean / (sd / math.sqrt(n))
    return replace(
        result,
        low=mean - half,
        high=mean + half,
        sd=sd,
        limits=(lower, upper),
        lower_limit=(lower - around, lower + around),
        upper_limit=(upper - around, upper + around),
        t=t,
        df=n - 1,
        p=float(2.0 * student.sf(abs(t), n - 1)),
        converged=True,
    )


def refuse_difference_score(kind: str = "difference") -> NoReturn:
    """Raise ScoringError `dyads.difference_score`: why a difference, its size or a similarity of profiles is no predictor.

    Notes
    -----
    `z = c + b (m - j)` is the polynomial `z = b0 + b1 m + b2 j` with b1 = -b2 forced on the data, and `abs(m - j)` forces five such
    equalities. Where the truth is two plain main effects, the forced model finds an effect "of the discrepancy" nevertheless.

    References
    ----------
    Edwards, J. R. (2001). Ten difference score myths. Organizational Research Methods, 4, 265-287.
    https://doi.org/10.1177/109442810143005
    """
    raise ScoringError(
        "dyads.difference_score",
        "A %(kind)s of the partners' scores is no predictor: it takes two people's separate effects for an effect of their "
        "agreement, and is less reliable than either score.",
        "Use response_surface() with both scores from 150 pairs on, or pair_cells() below.",
        kind=kind,
    )


def check_no_difference_score(predictor: pd.Series, mentor: pd.Series, mentee: pd.Series) -> None:
    """Refuse a predictor that is mentor - mentee, its size or its square, in any unit.

    Raises
    ------
    ScoringError
        `dyads.difference_score` when the predictor is a straight line of one of them; and as `read_pairs`.
    """
    table = read_pairs({"predictor": predictor, "mentor": mentor, "mentee": mentee}).dropna()
    values = table["predictor"].to_numpy()
    difference = (table["mentor"] - table["mentee"]).to_numpy()
    if len(values) < 3 or is_flat(values):
        return
    for kind, form in (
        ("difference", difference),
        ("absolute difference", np.abs(difference)),
        ("squared difference", difference**2),
    ):
        if not is_flat(form) and abs(np.corrcoef(values, form)[0, 1]) > 1.0 - 1e-9:
            refuse_difference_score(kind)
