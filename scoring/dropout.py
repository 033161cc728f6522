"""Who left: how those who stopped answering had scored before, by role and by whether one or both of a pair are missing."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.cohorts import summarize_changes
from scoring.effects import EffectSize, hedges_g_independent, pooled_sd
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers

Array = np.ndarray[Any, np.dtype[np.float64]]

# Whatever its p: with few dropouts only very large differences could be significant.
FLAGGED: Final = 0.4
LOGISTIC_PAIRS: Final = 40
LOGISTIC_DROPOUTS: Final = 10
LITTLE_N: Final = 100
_STEPS: Final = 50
_COLUMNS: Final = (
    "role",
    "scale",
    "n_stayed",
    "n_left",
    "mean_stayed",
    "mean_left",
    "difference",
    "g",
    "low",
    "high",
    "flagged",
)


@dataclass(frozen=True)
class DropoutReport:
    """Those who left beside those who stayed. For researchers: a difference that is shown exposes who left when they are few.

    A value that cannot be computed is NaN inside a table or None, and `notes` says so.

    Attributes
    ----------
    differences : DataFrame
        One row per role and scale: `role` ("all" first, then each role), `scale`, `n_stayed`, `n_left`, `mean_stayed`, `mean_left`,
        `difference` (left minus stayed, points), `g`, `low`, `high`, `flagged` (abs(g) above .4).
    pairs : DataFrame
        Index `both stayed`, `one left`, `both left`; column `n`, then the mean of each scale over the persons of such pairs.
    pair_differences : DataFrame
        Columns as `differences`: persons of pairs with one, and with both missing, beside persons of pairs that stayed.
    model : DataFrame or None
        Logistic regression of leaving on the scales (standardised) and role: `estimate`, `se`, `z`, `p`, `odds_ratio`, `low`, `high`;
        from 40 pairs and 10 dropouts on.
    n_used, n_left : int
        Persons with any baseline score, and those of them who left.
    n_pairs : int
    n_dropped : int
        Persons without any baseline score.
    flagged : tuple of str
        "role scale" of each flagged difference.
    confidence : float
    notes : tuple of Note
    """

    differences: pd.DataFrame
    pairs: pd.DataFrame
    pair_differences: pd.DataFrame
    model: pd.DataFrame | None
    n_used: int
    n_left: int
    n_pairs: int
    n_dropped: int
    flagged: tuple[str, ...]
    confidence: float
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class LittleTest:
    """Little's test of data missing completely at random.

    Attributes
    ----------
    chi_square, df, p : float, int, float; None where it cannot be computed, with a note
    n_used, n_dropped : int
        Rows with a value, and without any.
    n_patterns : int
        Patterns of missing values.
    converged : bool
    notes : tuple of Note
    """

    chi_square: float | None
    df: int | None
    p: float | None
    n_used: int
    n_dropped: int
    n_patterns: int
    converged: bool
    notes: tuple[Note, ...]


_NOBODY = N_("Nobody left, or nobody stayed, so there is nothing to compare.")
_FLAG = N_(
    "Those who left had scored unlike those who stayed, by more than .4 standard deviations (%(which)s). Chance can do that; still, changes "
    "of those who stayed may not be those of all."
)
_NO_COMPLETE = N_(
    "No model of who leaves: too few people have all scores that it would start from (people: %(n)d, scales: %(scales)d)."
)
_FEW = N_("Where fewer than two left or stayed, or scores do not vary, no standardized difference is given.")
_NO_MODEL = N_(
    "A model of who leaves needs %(pairs)d pairs and %(dropouts)d dropouts; there are %(n_pairs)d and %(n_left)d."
)
_SEPARATED = N_(
    "Some scores tell apart completely who left, so the model of who leaves has no finite estimates."
)
_MCAR_FEW = N_("Little's test is given from %(minimum)d rows on; there are %(n)d.")
_MCAR_NONE = N_("No value is missing, or all rows miss the same, so there is nothing to test.")
_MCAR_FAILED = N_("Means and covariances cannot be estimated from rows that miss so much.")


def dropout_differences(
    baseline: pd.DataFrame,
    stayed: pd.Series,
    *,
    role: pd.Series,
    pair: pd.Series,
    confidence: float = 0.95,
) -> DropoutReport:
    """Compare those who left with those who stayed on what they had answered before.

    Parameters
    ----------
    baseline : DataFrame, persons x scales
        Scores at T0 or TC in points; NaN where missing.
    stayed : Series of bool
        Whether the person answered later; same index, as of the next two.
    role, pair : Series
        Role and pair of each person; at most two persons in a pair.
    confidence : float, default .95
        Coverage of the intervals of g.

    Returns
    -------
    DropoutReport

    Notes
    -----
    Missing data: each scale uses the persons who have it; persons without any are left out and counted, but still decide whether their
    pair has one or both missing.

    g is Hedges' with a noncentral-t interval, left minus stayed. It is flagged above .4 whatever p. The logistic model is fitted by
    Newton's method on complete rows. R: `glm(left ~ scale(x) + role, binomial)`.

    Raises
    ------
    ScoringError
        `dropout.index` for doubled labels, different labels or an empty role or pair, `dropout.scales`, `dropout.number`,
        `dropout.stayed`, `dropout.pair` for more than two persons in a pair, `dropout.confidence`.
    """
    if not 0 < confidence < 1:
        raise ScoringError(
            "dropout.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    scores, people = _read(baseline, stayed, role, pair)
    left = ~people["stayed"]
    kinds = left.groupby(people["pair"]).transform("sum").to_numpy()
    size = people.groupby("pair")["pair"].transform("size").to_numpy()
    # A pair of which only one person ever answered counts as "both" when that person left.
    kind = pd.Series(np.where(kinds == 0, 0, np.where(kinds == size, 2, 1)), index=people.index)
    known = scores.notna().any(axis=1)
    n_left = int((left & known).sum())
    differences = _compare_roles(scores, left, people["role"], confidence)
    by_pair = pd.concat(
        [
            _compare(scores[kind.isin([0, number])], kind[kind.isin([0, number])] == number, name, confidence)
            for number, name in ((1, "one left"), (2, "both left"))
        ],
        ignore_index=True,
    )
    notes: list[Note] = []
    if n_left in (0, int(known.sum())):
        notes.append(Note("dropout.nobody", _NOBODY))
    if differences["g"].isna().any() or by_pair["g"].isna().any():
        notes.append(Note("dropout.few", _FEW))
    flagged = tuple(
        f"{r} {s}"
        for r, s, f in zip(*(differences[c] for c in ("role", "scale", "flagged")), strict=True)
        if f
    )
    if flagged:
        notes.append(Note("dropout.flagged", _FLAG, {"which": ", ".join(flagged)}))
    model, remark = _model(scores, left, people, n_left)
    return DropoutReport(
        differences=differences,
        pairs=_pair_table(scores, kind, people["pair"]),
        pair_differences=by_pair,
        model=model,
        n_used=int(known.sum()),
        n_left=n_left,
        n_pairs=int(people["pair"].nunique()),
        n_dropped=int((~known).sum()),
        flagged=flagged,
        confidence=confidence,
        notes=(*notes, *remark),
    )


def little_test(table: pd.DataFrame) -> LittleTest:
    """Test whether data are missing completely at random.

    Parameters
    ----------
    table : DataFrame, rows x variables
        Scores, NaN where missing; from 100 rows on. Rows without any value are dropped and counted.

    Returns
    -------
    LittleTest
        A small p says that they are not; a large one says little, and nothing at all about data missing not at random.

    Notes
    -----
    `d2 = sum over patterns of n_j (m_j - mu)' Sigma_j^-1 (m_j - mu)` with mu and Sigma by maximum likelihood (Sigma with denominator
    n, as in Little's paper), df = observed variables summed over patterns minus variables. R: lavaan's saturated FIML moments put into
    this formula; `naniar::mcar_test` agrees up to its EM tolerance.

    References
    ----------
    Little, R. J. A. (1988). A test of missing completely at random for multivariate data with missing values. Journal of the American
    Statistical Association, 83, 1198-1202. https://doi.org/10.1080/01621459.1988.10478722

    Raises
    ------
    ScoringError
        `dropout.scales`, `dropout.number`.
    """
    from scipy.stats import chi2

    from scoring.sem.moments import group_moments, pattern_inverses

    values = _read_scores(table)
    used = values.dropna(how="all")
    n, n_dropped = len(used), len(values) - len(used)
    n_patterns = len(np.unique(used.isna().to_numpy(), axis=0)) if n else 0
    empty = LittleTest(None, None, None, n, n_dropped, n_patterns, converged=False, notes=())
    if n < LITTLE_N:
        return replace(empty, notes=(Note("little.few", _MCAR_FEW, {"minimum": LITTLE_N, "n": n}),))
    if n_patterns < 2:
        return replace(empty, notes=(Note("little.none", _MCAR_NONE),))
    try:
        moments = group_moments(used.to_numpy(), keep_rows=False)
        stacked = np.broadcast_to(moments.covariance, moments.covariances.shape)
        inverse, _ = pattern_inverses(stacked, moments.observed)
    except (ScoringError, np.linalg.LinAlgError):
        return replace(empty, notes=(Note("little.failed", _MCAR_FAILED),))
    if not moments.saturated_converged:
        return replace(empty, notes=(Note("little.failed", _MCAR_FAILED),))
    gap = np.where(moments.observed, moments.means - moments.mean, 0.0)
    chi_square = float(np.einsum("k,ki,kij,kj->", moments.counts.astype(np.float64), gap, inverse, gap))
    df = int(moments.observed.sum()) - used.shape[1]
    return replace(empty, chi_square=chi_square, df=df, p=float(chi2.sf(chi_square, df)), converged=True)


def _compare_roles(scores: pd.DataFrame, left: pd.Series, role: pd.Series, confidence: float) -> pd.DataFrame:
    """Differences of all persons, then of each role."""
    parts = [_compare(scores, left, "all", confidence)]
    parts += [
        _compare(scores[role == name], left[role == name], name, confidence) for name in sorted(role.unique())
    ]
    return pd.concat(parts, ignore_index=True)


def _compare(scores: pd.DataFrame, left: pd.Series, name: str, confidence: float) -> pd.DataFrame:
    """One row per scale: those who left beside those who stayed."""
    rows = []
    for scale in scores.columns:
        values = scores[scale]
        gone, there = values[left].dropna().to_numpy(), values[~left].dropna().to_numpy()
        means = [float(group.mean()) if len(group) else math.nan for group in (there, gone)]
        effect = _effect(gone, there, confidence)
        g, low, high = (math.nan,) * 3 if effect is None else (effect.value, effect.low, effect.high)
        difference = means[1] - means[0]
        rows.append(
            (name, scale, len(there), len(gone), *means, difference, g, low, high, bool(abs(g) > FLAGGED))
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _effect(gone: Array, there: Array, confidence: float) -> EffectSize | None:
    """The standardized difference; None where it is not defined."""
    if min(len(gone), len(there)) < 2:
        return None
    a, b = summarize_changes(gone), summarize_changes(there)
    return None if pooled_sd(a, b) == 0.0 else hedges_g_independent(a, b, confidence=confidence)


def _pair_table(scores: pd.DataFrame, kind: pd.Series, pair: pd.Series) -> pd.DataFrame:
    """Number of pairs with none, one and both missing, and the mean scores of their persons."""
    rows = {}
    for number, name in enumerate(("both stayed", "one left", "both left")):
        chosen = (kind == number).to_numpy()
        rows[name] = {"n": int(pair[chosen].nunique()), **scores[chosen].mean().to_dict()}
    return pd.DataFrame.from_dict(rows, orient="index")


def _model(
    scores: pd.DataFrame, left: pd.Series, people: pd.DataFrame, n_left: int
) -> tuple[pd.DataFrame | None, tuple[Note, ...]]:
    """Logistic regression of leaving, where the numbers bear it."""
    complete = scores.notna().all(axis=1) & (scores.nunique().gt(1).all())
    x, y, role = scores[complete], left[complete], people.loc[complete, "role"]
    n_pairs = int(people["pair"].nunique())
    k = scores.shape[1] + role.nunique()
    if n_pairs < LOGISTIC_PAIRS or n_left < LOGISTIC_DROPOUTS:
        params = {
            "pairs": LOGISTIC_PAIRS,
            "dropouts": LOGISTIC_DROPOUTS,
            "n_pairs": n_pairs,
            "n_left": n_left,
        }
        return None, (Note("dropout.no_model", _NO_MODEL, params),)
    if len(x) <= k or y.nunique() < 2:
        return None, (Note("dropout.no_complete", _NO_COMPLETE, {"n": len(x), "scales": scores.shape[1]}),)
    design = {"intercept": np.ones(len(x))}
    for scale in x.columns:
        design[str(scale)] = ((x[scale] - x[scale].mean()) / x[scale].std(ddof=1)).to_numpy()
    for name in sorted(role.unique())[1:]:
        design[f"role {name}"] = (role == name).to_numpy(dtype=np.float64)
    X = np.column_stack(list(design.values()))
    found = _newton(X, y.to_numpy(dtype=np.float64))
    if found is None:
        return None, (Note("dropout.separated", _SEPARATED),)
    return _coefficients(found[0], found[1], list(design)), ()


def _newton(X: Array, y: Array) -> tuple[Array, Array] | None:
    """Coefficients and covariance of a logistic regression; None where the search runs away or breaks down."""
    b: Array = np.zeros(X.shape[1])
    for _ in range(_STEPS):
        eta = X @ b
        if np.abs(eta).max() > 30.0:
            return None
        mean = 1.0 / (1.0 + np.exp(-eta))
        information = X.T @ (X * (mean * (1.0 - mean))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.asarray(np.linalg.solve(information, X.T @ (y - mean)), dtype=np.float64)
        b = b + step
        if np.abs(step).max() < 1e-10:
            return b, np.asarray(np.linalg.inv(information), dtype=np.float64)
    return None


def _coefficients(b: Array, covariance: Array, names: list[str]) -> pd.DataFrame:
    """The table of a logistic regression, with Wald intervals of 95 %."""
    from scipy.stats import norm

    se = np.sqrt(np.diagonal(covariance))
    z = b / se
    half = float(norm.ppf(0.975)) * se
    columns = {
        "estimate": b,
        "se": se,
        "z": z,
        "p": 2.0 * norm.sf(np.abs(z)),
        "odds_ratio": np.exp(b),
        "low": np.exp(b - half),
        "high": np.exp(b + half),
    }
    return pd.DataFrame(columns, index=names)


def _read(
    baseline: pd.DataFrame, stayed: pd.Series, role: pd.Series, pair: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores as numbers, and what is known of each person."""
    scores = _read_scores(baseline)
    people = {}
    for name, series in (("stayed", stayed), ("role", role), ("pair", pair)):
        own = series.index
        if own.has_duplicates or len(own) != len(scores) or not own.isin(scores.index).all():
            raise _refuse_index(name)
        aligned = series.reindex(scores.index)
        if aligned.isna().any():
            raise _refuse_index(name)
        people[name] = aligned
    if not people["stayed"].map(lambda value: isinstance(value, bool | np.bool_)).all():
        raise ScoringError(
            "dropout.stayed",
            "Whether somebody stayed is something other than true or false.",
            "Pass True for those who answered later and False for the others.",
        )
    table = pd.DataFrame(
        {
            "stayed": people["stayed"].astype(bool),
            "role": people["role"].astype(str),
            "pair": people["pair"].astype(str),
        },
        index=scores.index,
    )
    crowded = table["pair"].value_counts()
    if (crowded > 2).any():
        raise ScoringError(
            "dropout.pair",
            "The pair %(pair)s has %(n)d persons.",
            "Pass every person once, with the pair they started in.",
            pair=str(crowded.index[0]),
            n=int(crowded.iloc[0]),
        )
    # The labels have done their work; some are called "pair" or "role" like the columns.
    return scores.reset_index(drop=True), table.reset_index(drop=True)


def _read_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Scores as float64."""
    if table.shape[1] == 0 or table.columns.has_duplicates:
        raise ScoringError(
            "dropout.scales",
            "There is no scale, or a scale stands twice.",
            "Pass one column for each scale, at least one.",
        )
    if table.index.has_duplicates:
        raise _refuse_index("baseline")
    columns = {}
    for scale in table.columns:
        values, wrong = read_numbers(table[scale])
        if (wrong | np.isinf(values)).any():
            raise ScoringError(
                "dropout.number",
                "Scale %(scale)s holds something that is not a finite number.",
                "Pass scores as numbers; leave missing ones empty (NaN).",
                scale=str(scale),
            )
        columns[scale] = values
    return pd.DataFrame(columns, index=table.index)


def _refuse_index(name: str) -> ScoringError:
    """The error for labels that do not belong together."""
    return ScoringError(
        "dropout.index",
        "The labels of “%(name)s” stand twice, differ from those of the scores, or have an empty value.",
        "Give every person one row with the same label everywhere.",
        name=name,
    )
