"""Two cohorts compared as they came about: simply two, with pairs assigned to them, or with a design given to each as a whole.

Designs given to several cohorts each are compared in `cohort_arms`, many cohorts as a sample in `many_cohorts`.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.cohorts import CohortContrast, compare_changes, summarize_changes
from scoring.descriptives import read_finite
from scoring.effects import pooled_sd
from scoring.equivalence import (
    Equivalence,
    FullVerdict,
    Margin,
    equivalent_difference,
    full_verdict,
)
from scoring.errors import Note, ScoringError
from scoring.permutation import PermutationTest, permutation_test
from scoring.power import SMALLEST_POINTS
from scoring.power_statements import PowerStatement, state_power

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Assignment = Literal["named", "pairs", "cohorts"]
# Code words for how a result may be put: whoever writes sentences looks the sentence up, and never writes "because of" for the first.
Wording = Literal["changed during", "randomised"]


@dataclass(frozen=True)
class TwoCohorts:
    """Two cohorts side by side.

    Attributes
    ----------
    contrast : CohortContrast
        Welch's comparison of the changes, gated by the smaller cohort.
    permutation : PermutationTest or None
        Only when pairs were assigned one by one and by lot.
    equivalence : Equivalence or None
    power : PowerStatement or None
        None below two pairs in a cohort.
    verdict : "moved", "not shown", "equivalent", "too few" or None
        None below 5 pairs.
    assigned : "named", "pairs" or "cohorts"
    wording : "changed during" or "randomised"
    notes : tuple of Note
    """

    contrast: CohortContrast
    permutation: PermutationTest | None
    equivalence: Equivalence | None
    power: PowerStatement | None
    verdict: FullVerdict | None
    assigned: Assignment
    wording: Wording
    notes: tuple[Note, ...]


_ONE_EACH = N_(
    "The design was given to whole cohorts, one each, so what is due to the design cannot be told from what is due to the cohort: "
    "the difference is described, not tested."
)
NOT_DRAWN: Final = N_(
    "The pairs were not assigned by lot, so the difference says that they changed differently, not why."
)


def compare_two_cohorts(
    a: pd.Series,
    b: pd.Series,
    *,
    assigned: Assignment = "named",
    randomised: bool = False,
    margin: Margin | None = None,
    confidence: float = 0.95,
    width: float = 4.0,
    smallest: float = SMALLEST_POINTS,
    rng: np.random.Generator | None = None,
) -> TwoCohorts:
    """Compare two cohorts as they came about.

    Parameters
    ----------
    a, b : Series of float
        One change (after minus before, in points) per pair, indexed by pair.
    assigned : "named", "pairs" or "cohorts"
        What decided who is in which: they are simply two cohorts; pairs were put into one or the other; or a design was given to
        each cohort as a whole, in which case nothing is tested, since there is one cohort of each.
    randomised : bool, default False
        Whether lots decided. Only lots over pairs open the permutation test and the wording "randomised".
    margin : Margin, optional
        Smallest difference of interest, declared beforehand; by default .3 points on a range of 1 to 5.
    confidence : float, default .95
        Coverage of the intervals.
    width : float, default 4
        Width of the score's range in points.
    smallest : float, default .3
        Difference in points for which the power is said.
    rng : Generator, optional
        For the random lots of large cohorts; a fixed seed by default.

    Returns
    -------
    TwoCohorts

    Notes
    -----
    Missing changes are dropped and counted. See `compare_changes`, `permutation_test`, `equivalent_difference` and `state_power` for
    formulas and their R counterparts.

    Raises
    ------
    ScoringError
        `design.assigned`, and those of `compare_changes`.
    """
    _check_assigned(assigned)
    contrast = compare_changes(a, b, confidence=confidence, width=width)
    values_a, values_b = read_finite(a)[0], read_finite(b)[0]
    by_lot = randomised and assigned == "pairs"
    wording: Wording = "randomised" if by_lot else "changed during"
    notes = list(contrast.notes)
    if assigned == "cohorts":
        notes.append(Note("design.one_each", _ONE_EACH))
        described = _describe_only(contrast)
        word: FullVerdict | None = None if described.verdict is None else "too few"
        return TwoCohorts(described, None, None, None, word, assigned, wording, tuple(notes))
    if assigned == "pairs" and not randomised:
        notes.append(Note("design.not_drawn", NOT_DRAWN))
    if min(len(values_a), len(values_b)) < 2:
        return TwoCohorts(contrast, None, None, None, contrast.verdict, assigned, wording, tuple(notes))
    summaries = summarize_changes(values_a), summarize_changes(values_b)
    equivalence = equivalent_difference(*summaries, margin=margin or Margin.for_width(width))
    verdict: FullVerdict | None = contrast.verdict
    if contrast.open_to_coordinators:
        verdict = full_verdict(contrast.low, contrast.high, equivalence, width=width)
    return TwoCohorts(
        contrast=contrast,
        permutation=permutation_test(values_a, values_b, rng=rng) if by_lot else None,
        equivalence=equivalence,
        power=state_power(len(values_a), len(values_b), sd=pooled_sd(*summaries), smallest=smallest),
        verdict=verdict,
        assigned=assigned,
        wording=wording,
        notes=tuple(notes),
    )


def _describe_only(contrast: CohortContrast) -> CohortContrast:
    """A contrast without what claims to test something."""
    return replace(
        contrast,
        low=None,
        high=None,
        t=None,
        df=None,
        p=None,
        g_low=None,
        g_high=None,
        detectable=None,
        detectable_g=None,
        verdict=None if contrast.verdict is None else "too few",
        notes=tuple(note for note in contrast.notes if note.code != "contrast.power"),
    )


def _check_assigned(assigned: str) -> None:
    """A unit of assignment that is known."""
    if assigned not in ("named", "pairs", "cohorts"):
        raise ScoringError(
            "design.assigned",
            "“%(assigned)s” is no unit of assignment.",
            "Use one of: named, pairs, cohorts.",
            assigned=str(assigned),
        )
