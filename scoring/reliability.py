"""How consistently the items of one scale speak: Cronbach's alpha, its intervals, and what each item does to it."""

import math
import warnings
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, find_constant

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Missing = Literal["listwise", "pairwise"]

MINIMUM_ROWS: Final = 3
# Variances this small beside the size of the values are rounding, not spread.
_NO_SPREAD: Final = 1e-12
# Singular values this small beside the largest are taken as zero when correlations are inverted (psych::Pinv's limit).
_RANK: Final = float(np.sqrt(np.finfo(np.float64).eps))


@dataclass(frozen=True)
class Interval:
    """Two ends of an interval; its coverage stands in the result that holds it."""

    low: float
    high: float


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
    check_confidence(confidence, "alpha")
    complete = values.dropna()
    n_used, k_items = complete.shape
    n_dropped = len(values) - n_used
    problem = find_problem(complete)
    if problem is not None:
        return AlphaResult(None, None, None, confidence, n_used, n_dropped, k_items, False, (problem,))

    with warnings.catch_warnings():
        # pingouin and the packages under it warn of their own future while they are imported.
        warnings.simplefilter("ignore")
        import pingouin

        alpha = float(pingouin.cronbach_alpha(complete)[0])
    interval = feldt_interval(alpha, n_used, k_items, confidence)
    notes = () if alpha >= 0 else (Note("alpha.negative", _NEGATIVE),)
    return AlphaResult(
        alpha, interval.low, interval.high, confidence, n_used, n_dropped, k_items, True, notes
    )


_TOO_FEW = N_("Alpha needs at least %(minimum)d complete rows; there are %(n)d.")
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so alpha is not defined.")
_CONSTANT_SUM = N_("The items cancel each other out and their sum does not vary, so alpha is not defined.")
_NEGATIVE = N_("Alpha is below zero: the items do not go together. Check which of them are reversed.")


def find_problem(complete: pd.DataFrame) -> Note | None:
    """Return why alpha is not defined for these complete rows, or None."""
    if len(complete) < MINIMUM_ROWS:
        return Note("alpha.rows", _TOO_FEW, {"minimum": MINIMUM_ROWS, "n": len(complete)})
    constant = find_constant(complete)
    if constant is not None:
        return Note("alpha.constant", _CONSTANT, {"item": constant})
    total = complete.sum(axis=1).to_numpy()
    if total.var(ddof=1) <= _NO_SPREAD * float(complete.var(ddof=1).sum()):
        return Note("alpha.sum", _CONSTANT_SUM)
    return None


def negative_alpha(alpha: float | None) -> tuple[Note, ...]:
    """Return the note that an alpha below zero asks for its keys, or nothing."""
    return (Note("alpha.negative", _NEGATIVE),) if alpha is not None and alpha < 0 else ()


def check_confidence(confidence: float, statistic: str) -> None:
    """Raise ScoringError `<statistic>.confidence` unless a coverage lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ScoringError(
            f"{statistic}.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )


def normal_quantile(confidence: float) -> float:
    """Return the z of a two-sided interval, 1.96 at .95; the standard library's, so that no heavy import waits here."""
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def feldt_interval(alpha: float, n: int, k: int, confidence: float = 0.95) -> Interval:
    """Return Feldt's interval of an alpha from n complete rows of k items; exact for normal, compound-symmetric items.

    `low = 1 - (1 - alpha) F(1 - g; n - 1, (n - 1)(k - 1))`, `high` with F(g), g = (1 - confidence)/2. Feldt, L. S., Woodruff,
    D. J., & Salih, F. A. (1987), https://doi.org/10.1177/014662168701100107.
    """
    from scipy.stats import f

    tail = (1.0 - confidence) / 2.0
    low, high = (1.0 - (1.0 - alpha) * f.ppf([1.0 - tail, tail], n - 1, (n - 1) * (k - 1))).tolist()
    return Interval(low, high)


def bonett_interval(alpha: float, n: int, k: int, confidence: float = 0.95) -> Interval:
    """Return Bonett's interval of an alpha from n >= 3 complete rows of k items: normal on the scale of ln(1 - alpha).

    `1 - exp(ln(1 - alpha) +- z sqrt(2k / ((k - 1)(n - 2))))`. Bonett, D. G. (2002). Sample size requirements for testing and
    estimating coefficient alpha. Journal of Educational and Behavioral Statistics, 27, 335-340.
    https://doi.org/10.3102/10769986027004335
    """
    half = normal_quantile(confidence) * math.sqrt(2.0 * k / ((k - 1) * (n - 2)))
    return Interval(1.0 - (1.0 - alpha) * math.exp(half), 1.0 - (1.0 - alpha) * math.exp(-half))


def alpha_from_covariance(covariances: FloatArray) -> FloatArray:
    """Return Cronbach's alpha of each covariance matrix in a stack (..., k, k); NaN where the sum does not vary."""
    k = covariances.shape[-1]
    own = np.trace(covariances, axis1=-2, axis2=-1)
    total = covariances.sum(axis=(-2, -1))
    varies = total > _NO_SPREAD * own
    return np.where(varies, k / (k - 1.0) * (1.0 - own / np.where(varies, total, 1.0)), np.nan)


@dataclass(frozen=True)
class AlphaStatistics:
    """Everything that follows from the covariances of the items of one scale.

    Attributes
    ----------
    raw, standardized : float or None
        Alpha of the covariances and of the correlations, at most 1.
    g6 : float or None
        Guttman's lambda 6 from squared multiple correlations, of the standardized items.
    average_r, median_r : float or None
        Mean and median correlation between two items.
    signal_to_noise : float or None
        k r / (1 - r) with r the average correlation; None when the items repeat one another exactly.
    standard_error : float or None
        Asymptotic standard error of raw alpha under normality, without compound symmetry.
    feldt, bonett : Interval or None
        Intervals of raw alpha at `confidence`.
    mean, sd : float or None
        Of the scale score, the mean of the answered items, in the unit of the items.
    items : DataFrame, items x (n, r_drop, raw_r, std_r, r_cor, mean, sd)
        Answers; correlation with the sum of the other items; with the score; with the standardized sum; with the standardized
        sum freed of the item's own noise; mean; standard deviation.
    dropped : DataFrame, items x (raw, standardized, average_r)
        The scale without that item; NaN for a scale of two items, with a note.
    confidence : float
    missing : "listwise" or "pairwise"
    n_used, n_dropped : int
        Rows used (pairwise: all rows), and rows left out because an answer was missing.
    k_items : int
    converged : bool
        False when alpha is not defined for these answers; then the values are None, the tables empty, and a note says why.
    notes : tuple of Note
    """

    raw: float | None
    standardized: float | None
    g6: float | None
    average_r: float | None
    median_r: float | None
    signal_to_noise: float | None
    standard_error: float | None
    feldt: Interval | None
    bonett: Interval | None
    mean: float | None
    sd: float | None
    items: pd.DataFrame
    dropped: pd.DataFrame
    confidence: float
    missing: Missing
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def alpha_statistics(
    items: pd.DataFrame, *, missing: Missing = "listwise", confidence: float = 0.95
) -> AlphaStatistics:
    """Compute alpha, its standard error and two intervals, and what each item does to it, from the items' covariances.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values (reversed items already turned round) of one role and one wave, any unit; at least two columns.
    missing : "listwise" or "pairwise", default "listwise"
        Whether rows with a missing answer are dropped first, or each covariance is taken from the rows that have both answers.
    confidence : float, default .95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    AlphaStatistics
        Not `converged`, with a note, when fewer than three rows are left, an item does not vary or nobody answered it, two
        items were never answered together, or the sum does not vary.

    Notes
    -----
    Missing data: as `missing` says. Pairwise, the intervals and the standard error count all rows, as psych does; they are a
    little too narrow, and a note says so.

    With C the covariances, R the correlations and k items: `raw = k/(k-1) (1 - tr C / sum C)`, `standardized` the same of R,
    `g6 = 1 - (k - sum smc) / sum R` with smc_i = 1 - 1/(R^-1)_ii, `r_drop_i = sum_{j != i} c_ij / sqrt(c_ii v_i)` with v_i the
    variance of the sum of the others, `std_r_i = sum_j r_ij / sqrt(sum R)`, `r_cor` the same with smc in the diagonal of R.
    Standard error: `sqrt(2k^2 / ((k-1)^2 n S^3) [S (tr C^2 + tr^2 C) - 2 tr C sum C^2])`, S = sum C (van Zyl, Neudecker & Nel).

    The same as R's `psych::alpha(x, check.keys = FALSE, use = missing)`, except for two items, where psych fills `alpha.drop`
    with regression slopes: one item has no alpha, so these are NaN here. Also, an item that does not vary makes alpha undefined
    here, where psych leaves it out with a warning.

    References
    ----------
    Guttman, L. (1945). A basis for analyzing test-retest reliability. Psychometrika, 10, 255-282.
    https://doi.org/10.1007/BF02288892
    van Zyl, J. M., Neudecker, H., & Nel, D. G. (2000). On the distribution of the maximum likelihood estimator of Cronbach's
    alpha. Psychometrika, 65, 271-280. https://doi.org/10.1007/BF02296146

    Raises
    ------
    ScoringError
        `alpha.items` for fewer than two items, `alpha.column` for doubled columns, `alpha.number` for a column that is not
        numeric or holds an infinite value, `alpha.confidence` for a coverage outside (0, 1), `alpha.missing` for another rule.
    """
    values = check_numeric_items(items, "alpha")
    check_confidence(confidence, "alpha")
    if missing not in ("listwise", "pairwise"):
        raise ScoringError(
            "alpha.missing",
            "“%(missing)s” is no rule for missing answers here.",
            "Use listwise or pairwise.",
            missing=missing,
        )
    rows = values.dropna() if missing == "listwise" else values
    n, k = rows.shape
    problem = _find_empty(values) or (
        find_problem(rows) if missing == "listwise" else _find_pairwise_problem(rows)
    )
    if problem is not None:
        return _undefined(problem, confidence, missing, n, len(values) - n, k)
    C = pairwise_covariance(rows.to_numpy())
    sd = np.sqrt(np.diag(C))
    R = C / np.outer(sd, sd)
    raw = float(alpha_from_covariance(C))
    if not math.isfinite(raw):
        return _undefined(Note("alpha.sum", _CONSTANT_SUM), confidence, missing, n, len(values) - n, k)
    between = R[np.triu_indices(k, 1)]
    average = float(between.mean())
    smc = squared_multiple_correlations(R)
    scores = rows.mean(axis=1)
    standardized = float(alpha_from_covariance(R))
    table, dropped = _item_statistics(rows, scores, C, R, smc), _dropped(C, R, rows.columns)
    notes = _alpha_notes(raw, R, has_gaps=missing == "pairwise" and bool(rows.isna().to_numpy().any()))
    if not (
        math.isfinite(standardized)
        and np.isfinite(table.to_numpy()).all()
        and np.isfinite(dropped.to_numpy()).all()
    ):
        notes += (Note("alpha.one_left", ONE_LEFT),) if k == 2 else (Note("alpha.partial", _PARTIAL),)
    return AlphaStatistics(
        raw=raw,
        standardized=standardized if math.isfinite(standardized) else None,
        g6=float(1.0 - (k - smc.sum()) / R.sum()) if math.isfinite(standardized) else None,
        average_r=average,
        median_r=float(np.median(between)),
        signal_to_noise=k * average / (1.0 - average) if 1.0 - average > _NO_SPREAD else None,
        standard_error=_standard_error(C, n),
        feldt=feldt_interval(raw, n, k, confidence),
        bonett=bonett_interval(raw, n, k, confidence),
        mean=float(scores.mean()),
        sd=float(scores.std(ddof=1)),
        items=table,
        dropped=dropped,
        confidence=confidence,
        missing=missing,
        n_used=n,
        n_dropped=len(values) - n,
        k_items=k,
        converged=True,
        notes=notes,
    )


_EMPTY = N_("Nobody answered %(item)s, so alpha is not defined.")
_APART = N_("No two people answered both %(item)s and %(other)s, so their covariance is not defined.")
ONE_LEFT = N_("Without one of two items a single one is left, which has no alpha.")
_PARTIAL = N_("Some values are not defined: a part of the items cancels out, so its sum does not vary.")
_REPEATED = N_(
    "Some items can be computed exactly from others, so their shared part rests on a pseudo-inverse."
)
_CONTRADICTION = N_(
    "Too many answers are missing: the correlations, taken from different people, contradict one another."
)
_ALL_ROWS = N_("The intervals count every row although answers are missing, so they are a little too narrow.")


def _undefined(
    problem: Note, confidence: float, missing: Missing, n_used: int, n_dropped: int, k_items: int
) -> AlphaStatistics:
    """The result that only says why there is none."""
    return AlphaStatistics(
        *(None,) * 11,
        items=pd.DataFrame(columns=_ITEM_COLUMNS, dtype="float64"),
        dropped=pd.DataFrame(columns=_DROP_COLUMNS, dtype="float64"),
        confidence=confidence,
        missing=missing,
        n_used=n_used,
        n_dropped=n_dropped,
        k_items=k_items,
        converged=False,
        notes=(problem,),
    )


_ITEM_COLUMNS: Final = ["n", "r_drop", "raw_r", "std_r", "r_cor", "mean", "sd"]
_DROP_COLUMNS: Final = ["raw", "standardized", "average_r"]


def _find_empty(values: pd.DataFrame) -> Note | None:
    """The first item that nobody answered, in a table with rows."""
    empty = values.isna().all(axis=0)
    if len(values) and empty.any():
        return Note("alpha.empty", _EMPTY, {"item": str(values.columns[empty][0])})
    return None


def _find_pairwise_problem(rows: pd.DataFrame) -> Note | None:
    """Why pairwise covariances do not exist or alpha is not defined for them, or None."""
    if len(rows) < MINIMUM_ROWS:
        return Note("alpha.rows", _TOO_FEW, {"minimum": MINIMUM_ROWS, "n": len(rows)})
    answered = rows.notna().to_numpy(dtype=np.float64)
    first, second = np.nonzero(answered.T @ answered < 2)
    if len(first):
        pair = {"item": str(rows.columns[first[0]]), "other": str(rows.columns[second[0]])}
        return Note("alpha.apart", _APART, pair)
    for item in rows.columns:
        constant = find_constant(rows[[item]].dropna())
        if constant is not None:
            return Note("alpha.constant", _CONSTANT, {"item": constant})
    return None


def _alpha_notes(raw: float, R: FloatArray, *, has_gaps: bool) -> tuple[Note, ...]:
    """What a reader of the statistics has to know."""
    notes = [*negative_alpha(raw)]
    smallest = float(np.linalg.eigvalsh(R)[0])
    if abs(smallest) <= _RANK:
        notes.append(Note("alpha.singular", _REPEATED))
    elif smallest < 0:
        notes.append(Note("alpha.contradiction", _CONTRADICTION))
    if has_gaps:
        notes.append(Note("alpha.all_rows", _ALL_ROWS))
    return tuple(notes)


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Return the covariances (n - 1) of columns, each from the rows that have both values; NaN where fewer than two have.

    The same as R's `cov(x, use = "pairwise")`; one pass over the rows.
    """
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(present, values, 0.0).sum(axis=0) / present.sum(axis=0)
        # Centring first keeps what large means would round away; it does not change a covariance.
        filled = np.where(present, values - centre, 0.0)
        if present.all():
            return (filled.T @ filled) / (len(values) - 1.0)
        there = present.astype(np.float64)
        n = there.T @ there
        sums = filled.T @ there
        return np.where(n >= 2, (filled.T @ filled - sums * sums.T / n) / (n - 1.0), np.nan)


def squared_multiple_correlations(R: FloatArray) -> FloatArray:
    """Return each item's squared multiple correlation with all others, kept between 0 and 1 (`psych::smc`)."""
    inverse = np.linalg.pinv(R, rcond=_RANK)
    return np.clip(1.0 - 1.0 / np.diag(inverse), 0.0, 1.0)


def _standard_error(C: FloatArray, n: int) -> float:
    """The asymptotic standard error of alpha from its covariances and n rows."""
    k, S, own, square = len(C), C.sum(), np.trace(C), C @ C
    scale = 2.0 * k**2 / ((k - 1.0) ** 2 * S**3)
    spread = S * (np.trace(square) + own**2) - 2.0 * own * square.sum()
    # Identical items leave rounding below zero.
    return math.sqrt(max(float(scale * spread), 0.0) / n)


def _item_statistics(
    rows: pd.DataFrame, scores: pd.Series, C: FloatArray, R: FloatArray, smc: FloatArray
) -> pd.DataFrame:
    """One row per item: answers, four correlations with the scale, mean and standard deviation."""
    k = len(C)
    own, with_all = np.diag(C), C.sum(axis=1)
    rest = C.sum() - 2.0 * with_all + own
    with np.errstate(invalid="ignore", divide="ignore"):
        r_drop = np.where(rest > _NO_SPREAD * own.sum(), (with_all - own) / np.sqrt(own * rest), np.nan)
    shared = R.copy()
    shared[np.diag_indices(k)] = smc
    spread, shared_spread = max(float(R.sum()), 0.0), max(float(shared.sum()), 0.0)
    columns = {
        "n": rows.notna().sum(axis=0).to_numpy(),
        "r_drop": r_drop,
        "raw_r": _score_correlations(rows, scores),
        "std_r": R.sum(axis=1) / (math.sqrt(spread) or math.nan),
        "r_cor": shared.sum(axis=1) / (math.sqrt(shared_spread) or math.nan),
        "mean": rows.mean(axis=0).to_numpy(),
        "sd": np.sqrt(own),
    }
    return pd.DataFrame(columns, index=rows.columns)[_ITEM_COLUMNS]


def _score_correlations(rows: pd.DataFrame, scores: pd.Series) -> FloatArray:
    """The correlation of each item with the scale score, over the rows that have the item."""
    x = rows.to_numpy()
    there = ~np.isnan(x)
    n = there.sum(axis=0)
    score = np.where(there, (scores - scores.mean()).to_numpy()[:, None], 0.0)
    item = np.where(there, x - np.nansum(x, axis=0) / n, 0.0)
    score_spread = (score**2).sum(axis=0) - score.sum(axis=0) ** 2 / n
    # The item's own sum is zero by its centring, so no product of sums is taken off.
    with np.errstate(invalid="ignore", divide="ignore"):
        return (score * item).sum(axis=0) / np.sqrt(score_spread * (item**2).sum(axis=0))


def _dropped(C: FloatArray, R: FloatArray, columns: pd.Index) -> pd.DataFrame:
    """Alpha, standardized alpha and mean correlation without each item, all of them from sums that are there already."""
    k = len(C)
    if k == 2:
        return pd.DataFrame(np.nan, index=columns, columns=_DROP_COLUMNS)

    def without(M: FloatArray) -> tuple[FloatArray, FloatArray]:
        own = np.trace(M) - np.diag(M)
        total = M.sum() - 2.0 * M.sum(axis=1) + np.diag(M)
        with np.errstate(invalid="ignore", divide="ignore"):
            alpha = np.where(total > _NO_SPREAD * own, (k - 1.0) / (k - 2.0) * (1.0 - own / total), np.nan)
        return alpha, (total - own) / ((k - 1.0) * (k - 2.0))

    raw, _ = without(C)
    standardized, average = without(R)
    table = {"raw": raw, "standardized": standardized, "average_r": average}
    return pd.DataFrame(table, index=columns)[_DROP_COLUMNS]
