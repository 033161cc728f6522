"""Changes of single pairs or people pulled towards their mean by as much as they are error: empirical Bayes with Morris' intervals."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.gates import allowed, minimum_for
from scoring.mixed import RandomEffect, fit_mixed
from scoring.reference import Reference
from scoring.reliability import check_confidence, normal_quantile
from scoring.retest import Reliability, read_reliability

Array = np.ndarray[Any, np.dtype[np.float64]]
Kind = Literal["change", "common change", "discrepancy", "gap change"]

# Morris' interval needs its variance of the shrinkage to exist.
FEWEST: Final = 5
# Growth slopes are shrunken from the size on at which mixed models open.
GROWTH_MINIMUM: Final = minimum_for("mixed_model")
_TENTH: Final = 0.10
_SPREAD: Final = 1e-12
# Morris' moments of the shrinkage hold as they are where so much of its distribution lies below 1.
_WELL_BELOW: Final = 0.95

_SMALL = N_("With %(n)d (below %(minimum)d) shrunken changes are for researchers only.")
_ALL_ERROR = N_("The changes differ no more than error lets them: all are estimated at their mean.")
_EXTREME = N_(
    "The highest and the lowest tenth (marked) are those where the assumption of one bell-shaped distribution of true changes matters "
    "most: if nobody differed they would still lie %(left).2g points too far out on average, since how much is error is itself estimated; "
    "and a truly exceptional change is understated there."
)
_FEW = N_("Shrinkage needs at least %(minimum)d changes; there are %(n)d.")
_FEW_GROWTH = N_(
    "With %(n)d people (below %(minimum)d) slopes are not shrunken: each is a line through the person's own scores."
)
_ALONE = N_("%(n)d people have scores at one wave only and get no slope of their own.")
_NO_GROWTH = N_(
    "The growth model could not be estimated (%(reason)s), so slopes are lines through each person's own scores."
)


@dataclass(frozen=True)
class ShrunkenChanges:
    """Changes pulled towards their mean.

    Attributes
    ----------
    table : DataFrame, one row per pair or person
        raw, shrunken, low, high (Morris' interval), in points; `extreme` marks the highest and lowest tenth. NaN in all but raw where
        a note says why.
    mean : float or None
        Towards which they are pulled.
    B : float or None
        Share of the distance to the mean that is taken away, 0 to 1.
    error_variance, variance : float or None
        Of a single change when nothing changes, and of the changes found (n - 1); points squared.
    n_used, n_dropped : int
    confidence : float
    converged : bool
    notes : tuple of Note
    """

    table: pd.DataFrame
    mean: float | None
    B: float | None
    error_variance: float
    variance: float | None
    n_used: int
    n_dropped: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class GrowthSlopes:
    """The slope of each person over three waves or more.

    Attributes
    ----------
    table : DataFrame, one row per person
        raw (line through the person's own scores), raw_se; slope, low, high: empirical Bayes with an interval after Morris from 20
        people on, below the line itself with its interval; B, the share of the distance to the mean slope that is taken away; points
        per unit of time; `extreme` marks the highest and lowest tenth of empirical Bayes slopes.
    mean, mean_low, mean_high : float or None
        Mean slope of the growth model (Kenward-Roger), None without it.
    variance : float or None
        Of the true slopes.
    method : "empirical Bayes" or "own line"
    sem : float
        Standard error of measurement of one score, held fixed.
    n_used, n_dropped : int
        People with a slope of their own, and others.
    confidence : float
    converged : bool
    notes : tuple of Note
    """

    table: pd.DataFrame
    mean: float | None
    mean_low: float | None
    mean_high: float | None
    variance: float | None
    method: Literal["empirical Bayes", "own line"]
    sem: float
    n_used: int
    n_dropped: int
    confidence: float
    converged: bool
    notes: tuple[Note, ...]


def shrink_changes(
    changes: pd.Series,
    error_variance: float,
    *,
    kind: Kind = "change",
    role: pd.Series | str | None = None,
    language: pd.Series | str | None = None,
    confidence: float = 0.95,
) -> ShrunkenChanges:
    """Pull changes towards their mean by as much as they are error.

    Parameters
    ----------
    changes : Series of float
        One change per person or pair, in points; one role and one language.
    error_variance : float
        Variance of a change when nothing changes: `2 SEM^2` for a person, `(SEM_1^2 + SEM_2^2) / 2` for the common change of a pair;
        above 0.
    kind : "change" or "common change"
        "discrepancy" and "gap change" are refused: shrunken discrepancies are unreliable with two reports per pair.
    role, language : Series or str, optional
        Of each change; more than one is refused, since changes of different roles or languages have different means.
    confidence : float, default .95
        Coverage of the intervals.

    Returns
    -------
    ShrunkenChanges

    Notes
    -----
    Missing changes are dropped and counted.

    `d_EB = mean + (1 - B)(d - mean)`, `B = clip((n - 3)/(n - 1) s_e^2 / s_d^2, 0, 1)`; variance after Morris
    `s_e^2 (1 - (n - 1)/n B) + 2/(n - 3) B^2 (d - mean)^2`, so that the interval counts that B is estimated; the naive one covers 77 to
    90 % at n = 10 to 20 instead of 95 %. Where the changes hardly differ more than error lets them, B might as well be above 1, and the
    formula's interval covers only 87 to 91 % from 40 changes on; there B and its variance in it are those of the part of their
    distribution below 1 (`shrinkage_moments`), and (B - their mean)^2 is added. The raw change stays beside the shrunken one.

    References
    ----------
    Morris, C. N. (1983). Parametric empirical Bayes inference: theory and applications. Journal of the American Statistical
    Association, 78, 47-55. https://doi.org/10.1080/01621459.1983.10477920
    Efron, B., & Morris, C. (1977). Stein's paradox in statistics. Scientific American, 236(5), 119-127.

    Raises
    ------
    ScoringError
        `shrink.discrepancy`, `shrink.mixed` for several roles or languages, `shrink.error` for an error variance that is not positive,
        `shrink.number`, `shrink.index`, `shrink.confidence`.
    """
    _refuse(kind, role, language)
    check_confidence(confidence, "shrink")
    if not (math.isfinite(error_variance) and error_variance > 0.0):
        raise ScoringError(
            "shrink.error",
            "An error variance of %(variance)s cannot be used.",
            "Pass the variance of a change without true change, in points squared, above 0.",
            variance=error_variance,
        )
    d, n_dropped = _read(changes)
    n = len(d)
    table = pd.DataFrame(
        {"raw": d, "shrunken": math.nan, "low": math.nan, "high": math.nan, "extreme": False}
    )
    notes = _size_notes(n)
    if n < FEWEST:
        few = Note("shrink.few", _FEW, {"n": n, "minimum": FEWEST})
        mean = float(d.mean()) if n else None
        return ShrunkenChanges(
            table, mean, None, error_variance, None, n, n_dropped, confidence, False, (*notes, few)
        )
    values = d.to_numpy()
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    B = shrinkage_factor(n, error_variance, variance)
    shrunken = mean + (1.0 - B) * (values - mean)
    spread = morris_variance(values - mean, error_variance, variance, n)
    half = normal_quantile(confidence) * np.sqrt(spread)
    table = table.assign(
        shrunken=shrunken, low=shrunken - half, high=shrunken + half, extreme=_extreme(values)
    )
    if B == 1.0:
        notes.append(Note("shrink.all_error", _ALL_ERROR))
    notes.append(Note("shrink.extreme", _EXTREME, {"left": excess_left(n, math.sqrt(error_variance))}))
    return ShrunkenChanges(
        table, mean, B, error_variance, variance, n, n_dropped, confidence, True, tuple(notes)
    )


def shrinkage_factor(n: int, error_variance: float, variance: float) -> float:
    """Return `B = clip((n - 3)/(n - 1) error_variance / variance, 0, 1)`; 1 when the changes do not vary."""
    if variance <= _SPREAD * error_variance:
        return 1.0
    return min(1.0, max(0.0, (n - 3.0) / (n - 1.0) * error_variance / variance))


def excess_left(n: int, error: float) -> float:
    """Return how far the highest and lowest tenth of shrunken changes lie too far out when nobody truly differs.

    Parameters
    ----------
    n : int
        Changes, 4 or more.
    error : float
        Standard deviation of a change without true change, in points.

    Returns
    -------
    float
        In points, 0 or more: `error z E[sqrt(X/(n - 1)) max(0, 1 - (n - 3)/X)]`, X chi-square with n - 1 degrees of freedom and z the
        mean of a tenth's normal order statistics (Blom's approximation). No rule that estimates B from the changes escapes it: one
        that takes more away understates those that do differ.

    References
    ----------
    Blom, G. (1958). Statistical estimates and transformed beta-variables. Wiley.
    """
    from scipy.integrate import quad
    from scipy.stats import chi2, norm

    k = n - math.ceil((1.0 - _TENTH) * (n - 1))
    ranks = np.arange(n - k + 1, n + 1)
    z = float(norm.ppf((ranks - 0.375) / (n + 0.25)).mean())

    def weighted(x: float) -> float:
        return math.sqrt(x / (n - 1.0)) * (1.0 - (n - 3.0) / x) * float(chi2.pdf(x, n - 1))

    most = float(chi2.isf(1e-12, n - 1))
    return error * z * float(quad(weighted, n - 3.0, most, limit=200)[0])


def morris_variance(away: Array, error_variance: float, variance: float, n: int) -> Array:
    """Return the variance of shrunken changes that lie `away` from the mean before they are shrunken; see `shrink_changes`."""
    B = shrinkage_factor(n, error_variance, variance)
    raw = math.inf if variance <= _SPREAD * error_variance else error_variance / variance
    centre, spread = shrinkage_moments(np.array([(n - 3.0) / (n - 1.0) * raw]), n)
    return np.asarray(
        error_variance * (1.0 - (n - 1.0) / n * centre) + (spread + (B - centre) ** 2) * away**2
    )


def shrinkage_moments(B: Array, n: int) -> tuple[Array, Array]:
    """Return mean and variance of what B could be, from `B = (n - 3)/(n - 1) s_e^2 / s_d^2` before it is clipped.

    B has a gamma distribution of shape (n - 3)/2 and mean B, so variance `2/(n - 3) B^2` (Morris, 1983). Where more than a twentieth
    of it lies above 1, which B cannot exceed, the moments of the part below 1 are taken.
    """
    from scipy.special import gammainc

    values, place = np.unique(B, return_inverse=True)
    shape = (n - 3.0) / 2.0
    rates = shape / values
    below = gammainc(shape, rates)
    means, variances = values.copy(), 2.0 / (n - 3.0) * np.where(np.isfinite(values), values, 0.0) ** 2
    for number in np.flatnonzero(below < _WELL_BELOW):
        base, once, twice = (_kummer(shape + step, float(rates[number])) for step in (1.0, 2.0, 3.0))
        means[number] = shape / (shape + 1.0) * once / base
        variances[number] = shape / (shape + 2.0) * twice / base - means[number] ** 2
    return means[place.ravel()], variances[place.ravel()]


def _kummer(b: float, x: float) -> float:
    """Kummer's function M(1, b, x) for x up to a few square roots above b, by its series."""
    terms = 60 + int(14.0 * math.sqrt(b))
    return 1.0 + float(np.cumprod(x / (b + np.arange(terms))).sum())


def growth_slopes(
    scores: pd.Series,
    person: pd.Series,
    time: pd.Series,
    reliability: Reference | Reliability,
    *,
    role: pd.Series | str | None = None,
    language: pd.Series | str | None = None,
    width: float = 4.0,
    confidence: float = 0.95,
) -> GrowthSlopes:
    """Estimate each person's slope over three waves or more, with the error of a score taken as known.

    Parameters
    ----------
    scores : Series of float, rows
        One score per person and wave in points, of one role and language; NaN where missing.
    person, time : Series, rows
        Whose score it is, and when, in weeks or any other unit; same index.
    reliability : Reference or Reliability
        Retest reliability: the error variance is `SEM^2 = sd^2 (1 - r)`, not estimated.
    role, language : Series or str, optional
        Of each row; more than one is refused.
    width : float, default 4
        Width of the score's range in points, to which a Reference is rescaled.
    confidence : float, default .95
        Coverage of the intervals.

    Returns
    -------
    GrowthSlopes

    Notes
    -----
    Missing data: every score is used; people with a single score count in the mean and get no slope of their own.

    From 20 people on the mean slope m and the variance tau^2 of true slopes come from
    `score = (b0 + u0) + (b1 + u1) time + e`, u with any covariances, by restricted maximum likelihood with the variance of e fixed at
    SEM^2. Then, after Morris for unequal errors: `slope = m + (1 - B)(raw - m)`, `B = (n - 3)/(n - 1) v / (v + tau^2)`, v = raw_se^2;
    variance `v (1 - (1 - w) B) + 2/(n - 3) B^2 (vbar + tau^2)/(v + tau^2) (raw - m)^2`, w the weight of a person in the mean, vbar the
    weighted mean of v, B in it as in `shrink_changes`. With equal times this is its formula. (`lme4::ranef` has no factor (n - 3)/(n - 1) and no
    second term; its intervals cover 89 % instead of 95 % with 20 people.)
    Below 20 the least-squares line with the normal interval of `raw_se = SEM / sqrt(sum (t - tbar)^2)`.

    References
    ----------
    Laird, N. M., & Ware, J. H. (1982). Random-effects models for longitudinal data. Biometrics, 38, 963-974.
    https://doi.org/10.2307/2529876
    Morris, C. N. (1983). Parametric empirical Bayes inference: theory and applications. Journal of the American Statistical
    Association, 78, 47-55. https://doi.org/10.1080/01621459.1983.10477920

    Raises
    ------
    ScoringError
        `shrink.waves` with fewer than three times, `shrink.rows` for columns of different rows, `shrink.twice` for two scores of a person at
        one time, `shrink.mixed`, `shrink.number`, `shrink.confidence`; `change.alpha` and `change.reliability`.
    """
    _refuse("change", role, language)
    check_confidence(confidence, "shrink")
    sem = read_reliability(reliability, width=width).sem
    rows = _read_growth(scores, person, time)
    table, n_alone = _own_lines(rows, sem, confidence)
    notes = [Note("shrink.alone", _ALONE, {"n": n_alone})] if n_alone else []
    n = len(table)
    result = GrowthSlopes(
        table, None, None, None, None, "own line", sem, n, n_alone, confidence, n > 0, tuple(notes)
    )
    if not allowed(n, "mixed_model"):
        few = Note("shrink.few_growth", _FEW_GROWTH, {"n": n, "minimum": GROWTH_MINIMUM})
        return replace(result, notes=(*result.notes, few))
    return _by_growth(result, rows)


def _by_growth(result: GrowthSlopes, rows: pd.DataFrame) -> GrowthSlopes:
    """Slopes predicted by the growth model."""
    lines = pd.DataFrame({"start": 1.0, "slope": rows["time"] - rows["time"].mean()})
    try:
        model = fit_mixed(
            rows["score"],
            lines,
            rows["person"],
            {"person": RandomEffect(lines)},
            known={"residual": result.sem**2},
        )
        reason = "" if model.converged else str(model.notes[-1])
    except ScoringError as problem:
        model, reason = None, problem.message % problem.params
    if model is None or reason:
        failed = Note("shrink.no_growth", _NO_GROWTH, {"reason": reason})
        return replace(result, notes=(*result.notes, failed))
    found = model.test({"slope": 1.0}, confidence=result.confidence)
    mean, tau = found.estimate or 0.0, model.random["person"].at["slope", "slope"]
    table, n = result.table, len(result.table)
    raw, error = table["raw"].to_numpy(), table["raw_se"].to_numpy() ** 2
    weight = 1.0 / (error + tau)
    share = weight / weight.sum()
    B = (n - 3.0) / (n - 1.0) * error * weight
    centre, uncertain = shrinkage_moments(B, n)
    uncertain = uncertain * (share @ error + tau) * weight + (B - centre) ** 2
    spread = error * (1.0 - (1.0 - share) * centre) + uncertain * (raw - mean) ** 2
    half = normal_quantile(result.confidence) * np.sqrt(spread)
    slope = mean + (1.0 - B) * (raw - mean)
    table = table.assign(slope=slope, low=slope - half, high=slope + half, B=B)
    table["extreme"] = _extreme(table["raw"].to_numpy())
    left = excess_left(n, math.sqrt(float(error.mean())))
    notes = [*result.notes, *model.notes, Note("shrink.extreme", _EXTREME, {"left": left})]
    return replace(
        result,
        table=table,
        mean=mean,
        mean_low=found.low,
        mean_high=found.high,
        variance=float(tau),
        method="empirical Bayes",
        notes=tuple(notes),
    )


def _own_lines(rows: pd.DataFrame, sem: float, confidence: float) -> tuple[pd.DataFrame, int]:
    """The least-squares line of each person with two scores or more, and the number of people with one."""
    code, people = pd.factorize(rows["person"])
    time, score = rows["time"].to_numpy(), rows["score"].to_numpy()
    n = np.bincount(code, minlength=len(people))
    away = time - (np.bincount(code, weights=time) / np.maximum(n, 1))[code] if len(code) else time
    squares = np.bincount(code, weights=away**2, minlength=len(people))
    several = n > 1
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = np.bincount(code, weights=away * score, minlength=len(people)) / squares
        error = sem / np.sqrt(squares)
    half = normal_quantile(confidence) * error
    table = pd.DataFrame(
        {"raw": raw, "raw_se": error, "slope": raw, "low": raw - half, "high": raw + half, "B": 0.0},
        index=pd.Index(people, name="person"),
    )
    table["extreme"] = False
    return table[several], int((~several).sum())


def _read_growth(scores: pd.Series, person: pd.Series, time: pd.Series) -> pd.DataFrame:
    """Checked rows with a score."""
    if not (person.index.equals(scores.index) and time.index.equals(scores.index)):
        raise ScoringError(
            "shrink.rows",
            "The columns do not speak of the same rows.",
            "Pass columns of one table.",
        )
    columns = []
    for column in (scores, time):
        values, wrong = read_numbers(column)
        if (wrong | np.isinf(values)).any():
            raise _refuse_number()
        columns.append(values)
    rows = pd.DataFrame({"score": columns[0], "time": columns[1], "person": person.to_numpy()})
    rows = rows[rows["score"].notna()]
    if rows["time"].isna().any() or rows["person"].isna().any():
        raise _refuse_number()
    doubled = rows.duplicated(["person", "time"]).to_numpy()
    if doubled.any():
        raise ScoringError(
            "shrink.twice",
            "%(person)s has two scores at one time.",
            "Pass one score per person and time.",
            person=str(rows["person"].to_numpy()[doubled][0]),
        )
    if rows["time"].nunique() < 3:
        raise ScoringError(
            "shrink.waves",
            "Slopes need three waves or more; there are %(n)d.",
            "Use shrink_changes for two waves.",
            n=int(rows["time"].nunique()),
        )
    return rows.reset_index(drop=True)


def _read(changes: pd.Series) -> tuple[pd.Series, int]:
    """The changes there are, and the number missing."""
    values, wrong = read_numbers(changes)
    if (wrong | np.isinf(values)).any():
        raise _refuse_number()
    if changes.index.has_duplicates:
        raise ScoringError(
            "shrink.index",
            "The label %(label)s stands twice.",
            "Pass one change for each person or pair.",
            label=str(changes.index[changes.index.duplicated()][0]),
        )
    present = pd.Series(values, index=changes.index).dropna()
    return present, len(changes) - len(present)


def _refuse_number() -> ScoringError:
    """The error for values that cannot be used."""
    return ScoringError(
        "shrink.number",
        "A value is not a finite number, or a score has no person or time.",
        "Pass numbers; leave missing scores empty (NaN).",
    )


def _refuse(kind: str, role: pd.Series | str | None, language: pd.Series | str | None) -> None:
    """Shrinkage has no meaning for discrepancies, nor across roles or languages."""
    if kind not in {"change", "common change"}:
        raise ScoringError(
            "shrink.discrepancy",
            "A %(kind)s is not shrunken: with two reports per pair shrunken differences are unreliable.",
            "Show the raw difference with its standard error.",
            kind=kind,
        )
    for name, labels in (("role", role), ("language", language)):
        if isinstance(labels, pd.Series) and labels.dropna().nunique() > 1:
            raise ScoringError(
                "shrink.mixed",
                "The changes belong to more than one %(name)s, and they would be pulled to a mean that is nobody's.",
                "Shrink each %(name)s by itself.",
                name=name,
            )


def _size_notes(n: int) -> list[Note]:
    """What the gate says of so many changes."""
    if allowed(n, "shrinkage"):
        return []
    return [Note("shrink.small", _SMALL, {"n": n, "minimum": minimum_for("shrinkage")})]


def _extreme(values: Array) -> np.ndarray:
    """Which values lie in the lowest or highest tenth."""
    low, high = np.quantile(values, [_TENTH, 1.0 - _TENTH])
    return np.asarray((values <= low) | (values >= high))
