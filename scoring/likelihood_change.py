"""The change of one role from every score there is (direct likelihood), not only from those of people who answered twice."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.gates import allowed
from scoring.group_change import GroupChange
from scoring.mixed import RandomEffect, fit_mixed

Array = np.ndarray[Any, np.dtype[np.float64]]
Source = Literal["pairs", "one role"]

# People with both scores for each variance and covariance of the waves, as in the model of pairs.
_PEOPLE_FOR_EACH: Final = 1.5

_ALL_SCORES = N_(
    "This estimate uses every score there is: it holds where what is missing depends on scores that are there, such as an unsafe start. "
    "The change of those who answered both times stands beside it."
)


@dataclass(frozen=True)
class LikelihoodChange:
    """The mean change of one role from the first to the last wave, by restricted maximum likelihood over all scores.

    Attributes
    ----------
    estimate, se, low, high : float
        In points.
    df, t, p : float
        After Kenward and Roger.
    n_used : int
        People with any score that counts.
    n_complete : int
        Those with both the first and the last score.
    source : "pairs" or "one role"
        The model of role and wave that both partners share, where its variances are all free, or one of this role's scores alone.
    confidence : float
    notes : tuple of Note
    """

    estimate: float
    se: float
    df: float
    t: float
    p: float
    low: float
    high: float
    n_used: int
    n_complete: int
    source: Source
    confidence: float
    notes: tuple[Note, ...]


def read_likelihood(model: GroupChange, role: str, wave: Hashable, values: Array) -> LikelihoodChange | None:
    """Return what a model of pairs says of one role's change up to a wave.

    Parameters
    ----------
    model : GroupChange
        The model of role and wave.
    role : str
        One of its roles.
    wave : Hashable
        A later wave of the model.
    values : ndarray (people, waves)
        The role's scores, NaN where missing; they only count people.

    Returns
    -------
    LikelihoodChange or None
        None where pairs were compared without a mixed model, where its variances are not all free, and where the contrast has no error.

    Notes
    -----
    Missing data: every score counts, those of partners too (direct likelihood).

    A model with intercepts alone takes changes as equally spread in both roles and over all waves. Where they are not, its tests of the
    role that differs more reject too often: in 10 % of cases instead of 5 with 30 pairs, three waves and 1.7 times the error.
    """
    # The role's own model has all its variances free, and loses only what partners tell of each other.
    if model.structure != "unstructured" or (wave, role) not in model.contrasts.index:
        return None
    row = model.contrasts.loc[(wave, role)]
    if not (math.isfinite(row["se"]) and row["se"] > 0 and math.isfinite(row["low"])):
        return None
    return LikelihoodChange(
        estimate=float(row["estimate"]),
        se=float(row["se"]),
        df=float(row["df"]),
        t=float(row["t"]),
        p=float(row["p"]),
        low=float(row["low"]),
        high=float(row["high"]),
        n_used=int((~np.isnan(values)).any(axis=1).sum()),
        n_complete=_both(values),
        source="pairs",
        confidence=model.confidence,
        notes=(Note("change.all_scores", _ALL_SCORES),),
    )


def role_change(
    values: Array, waves: Sequence[Hashable], *, confidence: float = 0.95
) -> LikelihoodChange | None:
    """Estimate the change of one role from its own scores, where no model of pairs covers them.

    Parameters
    ----------
    values : ndarray (people, waves)
        Scores in points, NaN where missing; waves in their order in time.
    waves : sequence
        Their labels, two or more.
    confidence : float, default .95
        Coverage of the interval.

    Returns
    -------
    LikelihoodChange or None
        None below 20 people with both the first and the last score, where no model converges, and where nothing varies.

    Notes
    -----
    Missing data: every score counts (direct likelihood, valid when scores are missing at random).

    `score ~ wave`, waves as categories with all variances and covariances free where there are 1.5 people for each of them and the
    model converges, otherwise with the first and the last wave alone; REML, Kenward-Roger, whose standard error is a little larger
    than the plain one where scores are missing. With complete data it equals the paired t test.
    R: `nlme::gls(score ~ wave, correlation = corSymm(form = ~ place | person), weights = varIdent(form = ~ 1 | wave))`, `place` the
    number of the wave, for the estimate and the plain standard error.

    References
    ----------
    Kenward, M. G., & Roger, J. H. (1997). Small sample inference for fixed effects from restricted maximum likelihood. Biometrics,
    53, 983-997. https://doi.org/10.2307/2533558
    """
    n = _both(values)
    if not allowed(n, "mixed_model"):
        return None
    k = len(waves)
    found = None
    if n >= _PEOPLE_FOR_EACH * k * (k + 1) / 2:
        found = _fit(values, n, confidence)
    # A wave between with next to no scores leaves its covariances open; the change itself does not need them.
    return _fit(values[:, [0, -1]], n, confidence) if found is None else found


def _fit(values: Array, n: int, confidence: float) -> LikelihoodChange | None:
    """The change from the first column to the last, all variances and covariances free."""
    k = values.shape[1]
    person, wave = np.nonzero(~np.isnan(values))
    names = [f"wave {place}" for place in range(k)]
    cells = pd.DataFrame(np.eye(k)[wave], columns=names)
    score, label = pd.Series(values[person, wave]), pd.Series(person)
    try:
        model = fit_mixed(score, cells, label, {"person": RandomEffect(cells)}, residual="none")
    except ScoringError:
        return None
    if not model.converged:
        return None
    found = model.test({names[-1]: 1.0, names[0]: -1.0}, confidence=confidence)
    if found.estimate is None or not found.se or found.low is None or found.high is None:
        return None
    return LikelihoodChange(
        estimate=found.estimate,
        se=found.se,
        df=found.df,
        t=found.estimate / found.se,
        p=found.p,
        low=found.low,
        high=found.high,
        n_used=int((~np.isnan(values)).any(axis=1).sum()),
        n_complete=n,
        source="one role",
        confidence=confidence,
        notes=(*model.notes, Note("change.all_scores", _ALL_SCORES)),
    )


def _both(values: Array) -> int:
    """People with the first and the last score."""
    return int((~np.isnan(values[:, [0, -1]])).all(axis=1).sum())
