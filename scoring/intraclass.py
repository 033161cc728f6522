"""Agreement of ratings of the same subjects: the six intraclass correlations, and the level of a pair of ratings."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.effects import FloatArray
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items

FORMS: Final = ("ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)")
_COLUMNS: Final = ("value", "F", "df1", "df2", "p", "low", "high")
# Spread this small beside the size of the values is rounding.
_NO_SPREAD: Final = 1e-12

_ROWS = N_("An intraclass correlation needs at least 2 complete rows; there are %(n)d.")
_SUBJECTS = N_("The subjects do not differ, so %(what)s is not defined.")
_PERFECT = N_("The ratings agree without error, so that F and the interval of %(what)s are not defined.")
_NO_DIFFERENCE = N_("All differences are equal, so their interval is not defined.")


@dataclass(frozen=True)
class IntraclassResult:
    """The six intraclass correlations of one table of ratings.

    Attributes
    ----------
    table : DataFrame, one row per form
        Rows "ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)" in the words of McGraw and Wong; Shrout and
        Fleiss call them (1,1), (2,1), (3,1), (1,k), (2,k), (3,k). Columns value, F, df1, df2, p (of the hypothesis that the
        correlation is 0), low, high. NaN where not defined, with a note.
    mean_squares : mapping
        "subjects", "raters", "residual", and "within", which pools the last two; empty when not defined.
    confidence : float
        Coverage of low to high.
    n_used, n_dropped : int
        Complete rows, and rows left out because a rating was missing.
    k_raters : int
    converged : bool
        False when no form is defined.
    notes : tuple of Note
    """

    table: pd.DataFrame
    mean_squares: Mapping[str, float]
    confidence: float
    n_used: int
    n_dropped: int
    k_raters: int
    converged: bool
    notes: tuple[Note, ...]

    @property
    def absolute_single(self) -> "pd.Series[float]":
        """The row of ICC(A,1): how far one rating agrees with another in level too; the coefficient of a retest."""
        return self.table.loc["ICC(A,1)"]


def intraclass_correlation(ratings: pd.DataFrame, *, confidence: float = 0.95) -> IntraclassResult:
    """Compute all six intraclass correlations of a table of ratings with F, df, p and intervals.

    Parameters
    ----------
    ratings : DataFrame, subjects x raters
        A row per subject and a column per rater, observer or wave, all in one unit; at least two columns.
    confidence : float, default .95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    IntraclassResult
        With NaN and a note for what is not defined: fewer than two complete rows, subjects that do not differ, or ratings without
        any error, whose F is infinite.

    Notes
    -----
    Missing data: a row with a missing rating is dropped (listwise).

    With the mean squares of subjects B, raters J, residual E and W = (J + E pooled): ICC(1,1) = (B - W)/(B + (k - 1)W), ICC(A,1) =
    (B - E)/(B + (k - 1)E + k(J - E)/n), ICC(C,1) = (B - E)/(B + (k - 1)E); the averages of k ratings ICC(1,k) = (B - W)/B,
    ICC(A,k) = (B - E)/(B + (J - E)/n), ICC(C,k) = (B - E)/B. Intervals of the forms 1 and C invert F; those of A use
    Satterthwaite's degrees of freedom (McGraw & Wong, 1996, table 7). The F beside the forms A is that of C: it tests the same
    hypothesis, since the raters' own levels drop out when the correlation is 0.

    Values, F and p are pingouin's, taken of centred ratings so that a high level costs no digits; its intervals are rounded
    to two decimals and fixed at 95 %, so they are made here. The same as R's `psych::ICC(x, lmer = FALSE)`; with
    `lmer = TRUE`, its default, psych sets negative variance components to 0 and keeps incomplete rows.

    References
    ----------
    Shrout, P. E., & Fleiss, J. L. (1979). Intraclass correlations: Uses in assessing rater reliability. Psychological Bulletin,
    86, 420-428. https://doi.org/10.1037/0033-2909.86.2.420
    McGraw, K. O., & Wong, S. P. (1996). Forming inferences about some intraclass correlation coefficients. Psychological Methods,
    1, 30-46. https://doi.org/10.1037/1082-989X.1.1.30

    Raises
    ------
    ScoringError
        `icc.items` for fewer than two columns, `icc.column` for doubled ones, `icc.number` for text or infinite values,
        `icc.confidence` for a coverage outside (0, 1).
    """
    check_confidence(confidence, "icc")
    values = check_numeric_items(ratings, "icc")
    complete = values.dropna().to_numpy()
    n, k = complete.shape
    n_dropped = len(values) - n
    tiny = (_NO_SPREAD * max(1.0, float(np.abs(complete).max(initial=0.0)))) ** 2
    squares = _mean_squares(complete) if n >= 2 else {}
    if n < 2 or max(squares["subjects"], squares["residual"]) <= tiny:
        note = (
            Note("icc.rows", _ROWS, {"n": n})
            if n < 2
            else Note("icc.subjects", _SUBJECTS, {"what": "every form"})
        )
        empty = pd.DataFrame(np.nan, index=list(FORMS), columns=list(_COLUMNS))
        return IntraclassResult(empty, {}, confidence, n, n_dropped, k, False, (note,))

    table = _point_values(complete - complete.mean())
    ends = _intervals(squares, float(table.at["ICC(A,1)", "value"]), n, k, confidence)
    table["low"], table["high"] = ends[:, 0], ends[:, 1]
    notes = _blank_undefined(table, squares, tiny)
    return IntraclassResult(table, squares, confidence, n, n_dropped, k, True, notes)


def _mean_squares(complete: FloatArray) -> dict[str, float]:
    """Mean squares of a two-way table without repetition."""
    n, k = complete.shape
    centred = complete - complete.mean()
    subjects, raters = centred.mean(axis=1), centred.mean(axis=0)
    residual = float(((centred - subjects[:, None] - raters) ** 2).sum())
    between_raters = n * float((raters**2).sum())
    return {
        "subjects": k * float((subjects**2).sum()) / (n - 1),
        "raters": between_raters / (k - 1),
        "residual": residual / ((n - 1) * (k - 1)),
        "within": (between_raters + residual) / (n * (k - 1)),
    }


def _point_values(centred: FloatArray) -> pd.DataFrame:
    """Values, F, df and p of the six forms by pingouin."""
    n, k = centred.shape
    long = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(n), k),
            "rater": np.tile(np.arange(k), n),
            "rating": centred.ravel(),
        }
    )
    with warnings.catch_warnings():
        # pingouin and the packages under it warn of their own future; divisions by 0 are looked after by the caller.
        warnings.simplefilter("ignore")
        import pingouin

        table = pingouin.intraclass_corr(data=long, targets="subject", raters="rater", ratings="rating")
    table = table.set_index("Type").rename(columns={"ICC": "value", "pval": "p"})
    return table.loc[list(FORMS)].reindex(columns=list(_COLUMNS)).astype(np.float64).rename_axis(None)


def _intervals(
    squares: Mapping[str, float], absolute: float, n: int, k: int, confidence: float
) -> FloatArray:
    """Interval ends of the six forms, in their order."""
    from scipy.stats import f

    upper = (1.0 + confidence) / 2.0
    df, df_within, df_residual = n - 1, n * (k - 1), (n - 1) * (k - 1)
    subjects, raters, residual = squares["subjects"], squares["raters"], squares["residual"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = []
        for error, df_error in ((squares["within"], df_within), (residual, df_residual)):
            ratio = np.float64(subjects) / error
            low = ratio / f.ppf(upper, df, df_error)
            high = ratio * f.ppf(upper, df_error, df)
            ends.append(np.array([low, high]))
        # McGraw and Wong's a and b, both times n (1 - ICC), so that perfect agreement needs no division by 0.
        a, b = k * absolute, n * (1.0 + (k - 1) * absolute) - k * absolute
        weighed = (np.float64(a * raters) ** 2 / (k - 1)) + (b * residual) ** 2 / df_residual
        df_absolute = (a * raters + b * residual) ** 2 / weighed
        over, under = f.ppf(upper, df, df_absolute), f.ppf(upper, df_absolute, df)
        spread = k * raters + (k * n - k - n) * residual
        low = n * (subjects - over * residual) / (over * spread + n * subjects)
        high = n * (under * subjects - residual) / (spread + n * under * subjects)
        single = np.array([low, high])
        one_way, two_way = ends
        return np.array(
            [
                (one_way - 1.0) / (one_way + k - 1.0),
                single,
                (two_way - 1.0) / (two_way + k - 1.0),
                1.0 - 1.0 / one_way,
                k * single / (1.0 + (k - 1) * single),
                1.0 - 1.0 / two_way,
            ]
        )


def _blank_undefined(table: pd.DataFrame, squares: Mapping[str, float], tiny: float) -> tuple[Note, ...]:
    """Put NaN where a division by 0 stood, and say why."""
    notes: list[Note] = []
    if squares["subjects"] <= tiny:
        table.loc[["ICC(1,k)", "ICC(A,k)", "ICC(C,k)"], ["value", "low", "high"]] = np.nan
        notes.append(Note("icc.subjects", _SUBJECTS, {"what": "the reliability of a mean of ratings"}))
    perfect = [form for form in FORMS if squares["within" if "(1," in form else "residual"] <= tiny]
    if perfect:
        table.loc[perfect, ["F", "p", "low", "high"]] = np.nan
        notes.append(Note("icc.perfect", _PERFECT, {"what": ", ".join(perfect)}))
    return tuple(notes)


@dataclass(frozen=True)
class PairedAgreement:
    """How far two ratings of the same subjects agree: a retest, or somebody's own view beside an observer's.

    Attributes
    ----------
    icc, icc_low, icc_high : float or None
        ICC(A,1) with its interval; None when not defined, with a note.
    mean_difference, low, high : float or None
        Mean of second minus first in points, with its t interval.
    sd_difference : float or None
        Standard deviation of the differences (n - 1).
    limits : (float, float) or None
        Limits of agreement, `mean +- 1.96 sd`: where 95 % of single differences lie if they are normal.
    confidence : float
    n_used, n_dropped : int
        Complete pairs, and rows left out because one of the two was missing.
    converged : bool
        False when the ICC is not defined.
    notes : tuple of Note
    """

    icc: float | None
    icc_low: float | None
    icc_high: float | None
    mean_difference: float | None
    low: float | None
    high: float | None
    sd_difference: float | None
    limits: tuple[float, float] | None
    confidence: float
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def paired_agreement(ratings: pd.DataFrame, *, confidence: float = 0.95) -> PairedAgreement:
    """Compare two ratings of the same subjects in level and order: ICC(A,1), mean difference and limits of agreement.

    Parameters
    ----------
    ratings : DataFrame, subjects x 2
        First and second rating (self and observer; test and retest) in one unit.
    confidence : float, default .95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    PairedAgreement

    Notes
    -----
    Missing data: rows with one of the two missing are dropped. ICC(A,1) alone hides its reason: it is low when people are put in
    another order and when one side is higher throughout, so the mean difference stands beside it. R:
    `psych::ICC(x, lmer = FALSE)`, `t.test(second, first, paired = TRUE)`.

    References
    ----------
    McGraw, K. O., & Wong, S. P. (1996), see `intraclass_correlation`.
    Bland, J. M., & Altman, D. G. (1986). Statistical methods for assessing agreement between two methods of clinical measurement.
    The Lancet, 327, 307-310. https://doi.org/10.1016/S0140-6736(86)90837-8

    Raises
    ------
    ScoringError
        `icc.pair` unless there are exactly two columns; otherwise as `intraclass_correlation`.
    """
    if ratings.shape[1] != 2:
        raise ScoringError(
            "icc.pair",
            "A pair of ratings has two columns; there are %(k)d.",
            "Pass the first and the second rating.",
            k=ratings.shape[1],
        )
    result = intraclass_correlation(ratings, confidence=confidence)
    single = result.absolute_single
    values = check_numeric_items(ratings, "icc").dropna().to_numpy()
    difference = values[:, 1] - values[:, 0]
    n, notes = len(difference), list(result.notes)
    mean, sd = (float(difference.mean()) if n else None), None
    low = high = limits = None
    if mean is not None and n >= 2:
        from scipy.stats import t

        sd = float(difference.std(ddof=1))
        if sd > _NO_SPREAD * max(1.0, float(np.abs(values).max())):
            half = float(t.ppf((1.0 + confidence) / 2.0, n - 1)) * sd / math.sqrt(n)
            low, high = mean - half, mean + half
            limits = (mean - 1.96 * sd, mean + 1.96 * sd)
        else:
            notes.append(Note("icc.difference", _NO_DIFFERENCE))
    return PairedAgreement(
        icc=_optional(single["value"]),
        icc_low=_optional(single["low"]),
        icc_high=_optional(single["high"]),
        mean_difference=mean,
        low=low,
        high=high,
        sd_difference=sd,
        limits=limits,
        confidence=confidence,
        n_used=result.n_used,
        n_dropped=result.n_dropped,
        converged=result.converged,
        notes=tuple(notes),
    )


def _optional(value: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(value) else float(value)


def check_confidence(confidence: float, statistic: str) -> None:
    """Refuse a coverage outside (0, 1) with a ScoringError whose code starts with `statistic`."""
    if not 0 < confidence < 1:
        raise ScoringError(
            f"{statistic}.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
