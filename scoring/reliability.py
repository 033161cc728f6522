"""How consistently the items of one scale speak: Cronbach's alpha with Feldt's interval."""

import warnings
from dataclasses import dataclass
from typing import Final

import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, find_constant

MINIMUM_ROWS: Final = 3
# Variances this small beside the size of the values are rounding, not spread.
_NO_SPREAD: Final = 1e-12


@dataclass(frozen=True)
class AlphaResult:
    """Cronbach's alpha of one scale.

    Attributes
    ----------
    value : float or None
        The coefficient, at most 1 and without a lower limit; None when it is not defined, and a note says why.
    low, high : float or None
        Feldt's interval at `confidence`; None where `value` is None.
    confidence : float
    n_used, n_dropped : int
        Complete rows, and rows left out because an answer was missing.
    k_items : int
    converged : bool
        False when the coefficient is not defined for these answers.
    notes : tuple of Note
    """

    value: float | None
    low: float | None
    high: float | None
    confidence: float
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def cronbach_alpha(items: pd.DataFrame, *, confidence: float = 0.95) -> AlphaResult:
    """Compute Cronbach's alpha of keyed items with Feldt's interval.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values (reversed items already turned round) of one role and one wave, any unit; at least two columns.
    confidence : float, default .95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    AlphaResult
        With `value` None, `converged` False and a note when fewer than three complete rows are left, or when an item or the sum
        does not vary at all.

    Notes
    -----
    Missing data: a row with a missing answer is dropped (listwise) before anything else.

    `alpha = k / (k - 1) * (1 - sum(s_i^2) / s_X^2)`; `low = 1 - (1 - alpha) * F(1 - g; n - 1, (n - 1)(k - 1))` and
    `high = 1 - (1 - alpha) * F(g; n - 1, (n - 1)(k - 1))` with g = (1 - confidence) / 2 and n the complete rows.
    The point value is pingouin's. Its interval is not used: it is rounded to three decimals, and with
    `nan_policy="listwise"` it counts the rows before deletion, so it comes out too narrow.
    A negative alpha is possible and kept; a note asks for the keys.

    The same as R's `psych::alpha(x, check.keys = FALSE)$total$raw_alpha` on complete rows, with Feldt's formula by `qf`.

    References
    ----------
    Cronbach, L. J. (1951). Coefficient alpha and the internal structure of tests. Psychometrika, 16, 297-334.
    https://doi.org/10.1007/BF02310555
    Feldt, L. S., Woodruff, D. J., & Salih, F. A. (1987). Statistical inference for coefficient alpha. Applied Psychological
    Measurement, 11, 93-103. https://doi.org/10.1177/014662168701100107

    Raises
    ------
    ScoringError
        `alpha.items` for fewer than two items, `alpha.column` for doubled columns, `alpha.number` for a column that is not
        numeric or holds an infinite value, `alpha.confidence` for a coverage outside (0, 1).
    """
    values = check_numeric_items(items, "alpha")
    if not 0 < confidence < 1:
        raise ScoringError(
            "alpha.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    complete = values.dropna()
    n_used, k_items = complete.shape
    n_dropped = len(values) - n_used
    problem = _find_problem(complete)
    if problem is not None:
        return AlphaResult(None, None, None, confidence, n_used, n_dropped, k_items, False, (problem,))

    with warnings.catch_warnings():
        # pingouin and the packages under it warn of their own future while they are imported.
        warnings.simplefilter("ignore")
        import pingouin

        alpha = float(pingouin.cronbach_alpha(complete)[0])
    low, high = _feldt_interval(alpha, n_used, k_items, confidence)
    notes = () if alpha >= 0 else (Note("alpha.negative", _NEGATIVE),)
    return AlphaResult(alpha, low, high, confidence, n_used, n_dropped, k_items, True, notes)


_TOO_FEW = N_("Alpha needs at least %(minimum)d complete rows; there are %(n)d.")
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so alpha is not defined.")
_CONSTANT_SUM = N_("The items cancel each other out and their sum does not vary, so alpha is not defined.")
_NEGATIVE = N_("Alpha is below zero: the items do not go together. Check which of them are reversed.")


def _find_problem(complete: pd.DataFrame) -> Note | None:
    """Why alpha is not defined for these rows, or None."""
    if len(complete) < MINIMUM_ROWS:
        return Note("alpha.rows", _TOO_FEW, {"minimum": MINIMUM_ROWS, "n": len(complete)})
    constant = find_constant(complete)
    if constant is not None:
        return Note("alpha.constant", _CONSTANT, {"item": constant})
    total = complete.sum(axis=1).to_numpy()
    if total.var(ddof=1) <= _NO_SPREAD * float(complete.var(ddof=1).sum()):
        return Note("alpha.sum", _CONSTANT_SUM)
    return None


def _feldt_interval(alpha: float, n: int, k: int, confidence: float) -> tuple[float, float]:
    """Feldt's interval of alpha from n complete rows of k items."""
    from scipy.stats import f

    tail = (1.0 - confidence) / 2.0
    low, high = (1.0 - (1.0 - alpha) * f.ppf([1.0 - tail, tail], n - 1, (n - 1) * (k - 1))).tolist()
    return low, high
