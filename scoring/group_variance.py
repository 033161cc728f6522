"""How much groups of people differ beside how much people within them do: one-way ANOVA, ICC(1), ICC(2), and the same by REML."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.effects import FloatArray
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.intraclass import check_confidence

IntArray = np.ndarray[Any, np.dtype[np.int64]]

# Spread this small beside the size of the values is rounding.
_NO_SPREAD: Final = 1e-12
# Ratio of the two variances beyond which the within part is rounding: ICC(1) of .999999.
_LARGEST_RATIO: Final = 1e6

_GROUPS = N_(
    "Differences between groups need at least 2 groups and 2 people in one of them; there are %(groups)d groups of "
    "%(n)d people."
)
_CONSTANT = N_("All values are equal, so nothing about differences between groups is defined.")
_WITHIN = N_("Within the groups everybody is equal, so that F and the intervals are not defined.")
_BETWEEN = N_("The means of the groups do not differ at all, so ICC(2) is not defined.")
_UNEQUAL = N_(
    "The groups differ in size; the intervals take their mean size, %(size).1f, for all and are approximate."
)
_BOUNDARY = N_(
    "The groups differ no more than chance would make them; the variance between them is estimated as 0."
)


@dataclass(frozen=True)
class GroupVariance:
    """One-way analysis of variance of people in groups, with the two intraclass correlations that rest on it.

    Attributes
    ----------
    icc1, icc1_low, icc1_high : float or None
        Share of the variance that lies between groups; may be negative. None when not defined, with a note.
    icc2, icc2_low, icc2_high : float or None
        Reliability of the group means, at most 1.
    ms_between, ms_within, F, p : float or None
        Mean squares, their ratio and its p.
    df_between, df_within : int
        Groups - 1, and people - groups.
    mean_size : float or None
        People per group, which the two correlations take as the size of every group.
    confidence : float
    n_used, n_dropped, n_groups : int
        Complete rows, rows without a value or a group, and groups.
    converged : bool
        False when there are no mean squares or nothing varies.
    notes : tuple of Note
    """

    icc1: float | None
    icc1_low: float | None
    icc1_high: float | None
    icc2: float | None
    icc2_low: float | None
    icc2_high: float | None
    ms_between: float | None
    ms_within: float | None
    F: float | None
    p: float | None
    df_between: int
    df_within: int
    mean_size: float | None
    confidence: float
    n_used: int
    n_dropped: int
    n_groups: int
    converged: bool
    notes: tuple[Note, ...]


def group_variance(values: pd.Series, groups: pd.Series, *, confidence: float = 0.95) -> GroupVariance:
    """Analyse how much groups differ: one-way ANOVA, ICC(1) and ICC(2) with F-based intervals.

    Parameters
    ----------
    values : Series, one per respondent
        Scale scores in any unit.
    groups : Series with the same index
        Group (cohort) of each respondent; any labels.
    confidence : float, default .95
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    GroupVariance

    Notes
    -----
    Missing data: rows without a value or a group are dropped. Groups of one are kept: they say something about the differences
    between groups and nothing about those within.

    `ICC(1) = (MSB - MSW)/(MSB + (c - 1) MSW)` and `ICC(2) = (MSB - MSW)/MSB` with c the mean group size; the same as R's
    `multilevel::ICC1` and `ICC2` of an `aov`. Intervals: Shrout and Fleiss's for c ratings, exact for equal groups and
    approximate (with a note) for others. `group_variance_reml` weighs unequal groups as a mixed model does; the two differ when
    sizes differ much.

    References
    ----------
    Bliese, P. D. (2000). Within-group agreement, non-independence, and reliability. In K. J. Klein & S. W. J. Kozlowski (Eds.),
    Multilevel theory, research, and methods in organizations (pp. 349-381). Jossey-Bass.
    Shrout, P. E., & Fleiss, J. L. (1979). Intraclass correlations: Uses in assessing rater reliability. Psychological Bulletin,
    86, 420-428. https://doi.org/10.1037/0033-2909.86.2.420

    Raises
    ------
    ScoringError
        `variance.number` for values that are no finite numbers, `variance.groups` for groups on another index,
        `variance.confidence` for a coverage outside (0, 1).
    """
    check_confidence(confidence, "variance")
    read, codes, n_dropped = _read_groups(values, groups)
    parts = _decompose(read, codes)
    result: dict[str, Any] = dict.fromkeys(
        (
            "icc1",
            "icc1_low",
            "icc1_high",
            "icc2",
            "icc2_low",
            "icc2_high",
            "ms_between",
            "ms_within",
            "F",
            "p",
        )
    )
    result |= {
        "df_between": max(parts.n_groups - 1, 0),
        "df_within": parts.n - parts.n_groups,
        "mean_size": parts.n / parts.n_groups if parts.n_groups else None,
        "confidence": confidence,
        "n_used": parts.n,
        "n_dropped": n_dropped,
        "n_groups": parts.n_groups,
    }
    problem = _find_problem(parts)
    if problem is not None:
        return GroupVariance(**result, converged=False, notes=(problem,))
    return GroupVariance(**result | _correlate(parts, confidence), converged=True, notes=_remarks(parts))


@dataclass(frozen=True)
class GroupComponents:
    """Variance components of people in groups by restricted maximum likelihood.

    Attributes
    ----------
    icc1 : float or None
        `between / (between + within)`, 0 to 1; None when not defined, with a note.
    between, within : float or None
        Variance of the groups' true means, and within groups.
    mean : float or None
        Mean of the group means, weighted by their precision.
    n_used, n_dropped, n_groups : int
    converged : bool
    notes : tuple of Note
        Says so when the estimate stands on the boundary 0.
    """

    icc1: float | None
    between: float | None
    within: float | None
    mean: float | None
    n_used: int
    n_dropped: int
    n_groups: int
    converged: bool
    notes: tuple[Note, ...]


def group_variance_reml(values: pd.Series, groups: pd.Series) -> GroupComponents:
    """Estimate the variances between and within groups by restricted maximum likelihood.

    Parameters
    ----------
    values : Series, one per respondent
        Scale scores in any unit.
    groups : Series with the same index
        Group (cohort) of each respondent; any labels.

    Returns
    -------
    GroupComponents

    Notes
    -----
    Missing data: rows without a value or a group are dropped.

    The likelihood of a random-intercept model without predictors depends on the data through each group's size and mean and the
    sum of squares within, and with the ratio t = between/within on t alone: `-2 l(t) = (n - 1) log Q(t) + sum log(1 + t n_g) +
    log sum w_g`, with `w_g = n_g/(1 + t n_g)`, mean `sum w_g m_g / sum w_g` and `Q = SSW + sum w_g (m_g - mean)^2`. It is looked
    through on a grid of ICC values before it is solved, because it can have two hollows. The same as R's
    `nlme::lme(y ~ 1, random = ~ 1 | g)` and `lme4::lmer(y ~ 1 + (1 | g))`; ours is solved to about 1e-7, theirs to
    about 1e-5.

    References
    ----------
    Searle, S. R., Casella, G., & McCulloch, C. E. (1992). Variance components. Wiley. https://doi.org/10.1002/9780470316856

    Raises
    ------
    ScoringError
        `variance.number`, `variance.groups` as in `group_variance`.
    """
    read, codes, n_dropped = _read_groups(values, groups)
    parts = _decompose(read, codes)
    counts = {"n_used": parts.n, "n_dropped": n_dropped, "n_groups": parts.n_groups}
    problem = _find_problem(parts)
    if problem is None and parts.ms_within <= parts.tiny:
        problem = Note("variance.within", _WITHIN)
    if problem is not None:
        return GroupComponents(None, None, None, None, converged=False, notes=(problem,), **counts)
    ratio = _solve_ratio(parts)
    weights = parts.sizes / (1.0 + ratio * parts.sizes)
    mean = float((weights * parts.means).sum() / weights.sum())
    within = _weighted_squares(parts, np.array([ratio]))[0] / (parts.n - 1)
    notes = () if ratio > 0 else (Note("variance.boundary", _BOUNDARY),)
    return GroupComponents(
        ratio / (1.0 + ratio),
        ratio * float(within),
        float(within),
        mean + parts.centre,
        converged=True,
        notes=notes,
        **counts,
    )


@dataclass(frozen=True)
class _Parts:
    """What a one-way analysis needs of the data, taken around the grand mean."""

    sizes: IntArray
    means: FloatArray
    squares_within: float
    centre: float
    tiny: float

    @property
    def n(self) -> int:
        return int(self.sizes.sum())

    @property
    def n_groups(self) -> int:
        return len(self.sizes)

    @property
    def ms_between(self) -> float:
        return float((self.sizes * self.means**2).sum()) / (self.n_groups - 1)

    @property
    def ms_within(self) -> float:
        return self.squares_within / (self.n - self.n_groups)


def read_group_codes(groups: pd.Series, index: pd.Index, statistic: str) -> tuple[IntArray, pd.Index]:
    """Number the groups of respondents 0, 1, ... in the order of their labels, -1 for none; another index raises.

    `statistic` is the first part of the error's code. Raises ScoringError.
    """
    if not isinstance(groups, pd.Series) or not groups.index.equals(index):
        raise ScoringError(
            f"{statistic}.groups",
            "The groups do not belong to the rows of the answers.",
            "Pass the groups as a Series with the index of the answers.",
        )
    try:
        codes, labels = pd.factorize(groups, sort=True)
    except TypeError:
        # Labels of several kinds cannot be put in order; their names can.
        codes, labels = pd.factorize(groups.map(str, na_action="ignore"), sort=True)
    return codes.astype(np.int64), pd.Index(labels)


def _read_groups(values: pd.Series, groups: pd.Series) -> tuple[FloatArray, IntArray, int]:
    """Finite values and group numbers of complete rows, and how many rows were dropped."""
    codes, _ = read_group_codes(groups, values.index, "variance")
    read, wrong = read_numbers(values)
    if (wrong | np.isinf(read)).any():
        raise ScoringError(
            "variance.number",
            "The values hold something that is not a finite number.",
            "Pass scores as numbers; leave missing ones empty (NaN).",
        )
    kept = (codes >= 0) & ~np.isnan(read)
    numbered = np.unique(codes[kept], return_inverse=True)[1]
    return read[kept], numbered.astype(np.int64), int((~kept).sum())


def _decompose(values: FloatArray, codes: IntArray) -> _Parts:
    """Sizes, means and squares of the groups in two passes, so that a high level costs no digits."""
    centre = float(values.mean()) if len(values) else 0.0
    centred = values - centre
    sizes = np.bincount(codes).astype(np.int64)
    means = np.bincount(codes, weights=centred) / np.maximum(sizes, 1)
    within = float(((centred - means[codes]) ** 2).sum())
    tiny = (_NO_SPREAD * max(1.0, float(np.abs(values).max(initial=0.0)))) ** 2
    return _Parts(sizes, means, within, centre, tiny)


def _find_problem(parts: _Parts) -> Note | None:
    """Why the variances are not defined, or None."""
    if parts.n_groups < 2 or parts.n <= parts.n_groups:
        return Note("variance.rows", _GROUPS, {"groups": parts.n_groups, "n": parts.n})
    if max(parts.ms_between, parts.ms_within) <= parts.tiny:
        return Note("variance.constant", _CONSTANT)
    return None


def _correlate(parts: _Parts, confidence: float) -> dict[str, float | None]:
    """Mean squares, F and both correlations with their intervals."""
    from scipy.stats import f

    between, within, size = parts.ms_between, parts.ms_within, parts.n / parts.n_groups
    result: dict[str, float | None] = {"ms_between": between, "ms_within": within}
    result["icc1"] = (between - within) / (between + (size - 1.0) * within)
    result["icc2"] = (between - within) / between if between > parts.tiny else None
    if within <= parts.tiny:
        return result
    ratio, df = between / within, (parts.n_groups - 1, parts.n - parts.n_groups)
    upper = (1.0 + confidence) / 2.0
    low, high = ratio / float(f.ppf(upper, *df)), ratio * float(f.ppf(upper, df[1], df[0]))
    result |= {"F": ratio, "p": float(f.sf(ratio, *df))}
    result |= {"icc1_low": (low - 1.0) / (low + size - 1.0), "icc1_high": (high - 1.0) / (high + size - 1.0)}
    if between > parts.tiny:
        result |= {"icc2_low": 1.0 - 1.0 / low, "icc2_high": 1.0 - 1.0 / high}
    return result


def _remarks(parts: _Parts) -> tuple[Note, ...]:
    """What is missing or approximate in an analysis of variance."""
    notes = []
    if parts.ms_within <= parts.tiny:
        notes.append(Note("variance.within", _WITHIN))
    if parts.ms_between <= parts.tiny:
        notes.append(Note("variance.between", _BETWEEN))
    if np.ptp(parts.sizes) > 0:
        notes.append(Note("variance.unequal", _UNEQUAL, {"size": parts.n / parts.n_groups}))
    return tuple(notes)


def _weighted_squares(parts: _Parts, ratios: FloatArray) -> FloatArray:
    """Q of each ratio: squares within and the weighted squares of the group means."""
    weights = parts.sizes / (1.0 + ratios[:, None] * parts.sizes)
    means = (weights @ parts.means) / weights.sum(axis=1)
    return parts.squares_within + (weights * (parts.means - means[:, None]) ** 2).sum(axis=1)


def _deviance(parts: _Parts, ratios: FloatArray) -> FloatArray:
    """Minus twice the restricted log-likelihood of each ratio, but for a constant."""
    spread = 1.0 + ratios[:, None] * parts.sizes
    weights = (parts.sizes / spread).sum(axis=1)
    return (
        (parts.n - 1) * np.log(_weighted_squares(parts, ratios))
        + np.log(spread).sum(axis=1)
        + np.log(weights)
    )


def _solve_ratio(parts: _Parts) -> float:
    """The ratio of the two variances with the highest restricted likelihood; 0 on the boundary."""
    from scipy.optimize import minimize_scalar

    # Even steps of the logarithm, from a share of a millionth to one of nearly all.
    grid = np.concatenate([[0.0], np.logspace(-6.0, math.log10(_LARGEST_RATIO), 241)])
    best = int(np.argmin(_deviance(parts, grid)))
    if best == 0:
        return 0.0
    ends = math.log(grid[max(best - 1, 1)]), math.log(grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(
        lambda x: float(_deviance(parts, np.array([math.exp(x)]))[0]),
        bounds=ends,
        method="bounded",
        options={"xatol": 1e-11},
    )
    return math.exp(found.x)
