"""Many cohorts as a sample of the cohorts a programme could have: the mean change, how far cohorts differ, and what goes with it."""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.cohort_arms import read_cohorts
from scoring.cohort_designs import Wording
from scoring.descriptives import no_spread
from scoring.equivalence import FullVerdict, full_verdict
from scoring.errors import Note, ScoringError
from scoring.frames import read_numbers
from scoring.gates import allowed, gate_for
from scoring.power import detectable_by_error

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Method = Literal["random", "means", "fixed", "none"]

FEWEST_COHORTS: Final = 6
ENOUGH_COHORTS: Final = 10


@dataclass(frozen=True)
class ManyCohorts:
    """Cohorts of one programme together.

    A value that cannot be computed is None, or NaN inside a table, and `notes` says so.

    Attributes
    ----------
    method : "random", "means", "fixed" or "none"
        Cohort random intercept by restricted likelihood (from six cohorts); t on cohort means, where no cohort has two pairs that
        differ or the model did not converge; cohorts as fixed effects (below six); or nothing but a description.
    n_cohorts, n_used, n_dropped : int
        Cohorts, pairs with a change, pairs without.
    table : DataFrame
        Index cohort; columns `n`, `mean`, `low`, `high`, `shrunken` (the best prediction of the cohort's true mean; NaN below six
        cohorts) and `gate`; in points. For researchers: rows of small cohorts must not be shown.
    mean, low, high, df : float or None
        Mean change over cohorts at average designs. From six cohorts on of cohorts like these; below only of these cohorts.
    predicted_low, predicted_high : float or None
        Where the true mean of a new cohort lies, with the same confidence.
    sd_between, sd_within : float or None
        Standard deviations of cohorts' true means and of pairs within a cohort, in points.
    icc : float or None
    effects : DataFrame or None
        One row per design variable: `estimate`, `se`, `df`, `t`, `p`, `low`, `high`, `detectable` (smallest value found with a power of
        80 %), `verdict`. None below six cohorts, and where no design was given.
    detectable : float or None
        Smallest mean change that so many cohorts show with a power of 80 %.
    verdict : "moved", "not shown" or "too few"
        Of the mean.
    wording : "changed during"
    confidence : float
    converged : bool
    notes : tuple of Note
    """

    method: Method
    n_cohorts: int
    n_used: int
    n_dropped: int
    table: pd.DataFrame
    confidence: float
    notes: tuple[Note, ...]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    df: float | None = None
    predicted_low: float | None = None
    predicted_high: float | None = None
    sd_between: float | None = None
    sd_within: float | None = None
    icc: float | None = None
    effects: pd.DataFrame | None = None
    detectable: float | None = None
    verdict: FullVerdict = "too few"
    wording: Wording = "changed during"
    converged: bool = True


_FIXED = N_(
    "With %(n)d cohorts (fewer than %(minimum)d) the numbers are about these cohorts only, and nothing is said about designs."
)
_BARELY = N_("With %(n)d cohorts (fewer than %(enough)d) how far cohorts differ is known roughly only.")
_SINGLE = N_(
    "Every cohort has one pair only, so what lies between cohorts cannot be told from what lies within them."
)
_EQUAL = N_("All pairs, or all cohorts, changed by the same amount, so there is no interval.")
_NO_WITHIN = N_("Within each cohort all pairs changed by the same amount, so the spread within is 0.")
_SMALL = N_("%(n)d cohorts have fewer than 5 pairs; their rows are for researchers only.")
_EMPTY = N_("No pair has a change.")
_FALLEN_BACK = N_("The mixed model did not converge; the cohorts are compared by their means.")


def cohort_effects(
    changes: pd.Series,
    cohorts: pd.Series,
    designs: pd.DataFrame | None = None,
    *,
    confidence: float = 0.95,
    width: float = 4.0,
) -> ManyCohorts:
    """Describe many cohorts together, and what of their designs goes with the change.

    Parameters
    ----------
    changes : Series of float
        One change (after minus before, in points) per pair, indexed by pair. An intercept of a cohort's changes is the slope of its
        scores over the two waves.
    cohorts : Series
        The cohort of each pair; same index.
    designs : DataFrame, cohorts x variables, optional
        Numbers that describe each cohort: 0 and 1 for two designs, the position in time for a trend, hours of training. Complete.
    confidence : float, default .95
        Coverage of the intervals.
    width : float, default 4
        Width of the score's range in points.

    Returns
    -------
    ManyCohorts

    Notes
    -----
    Missing changes are dropped and counted.

    From six cohorts on: `change = b0 + x b + u_cohort + e` by restricted maximum likelihood with Kenward-Roger standard errors; x is
    centred at its mean over cohorts. Degrees of freedom are Kenward-Roger's, but never more than cohorts minus coefficients, since
    designs were given to cohorts. R: `lme4::lmer(change ~ x + (1 | cohort))` with pbkrtest; shrunken means are `coef()`.
    Prediction: `mean +/- t(k - 2) sqrt(se^2 + between^2)` (Higgins et al. 2009).
    Below six: means with the spread pooled within cohorts, `mean +/- t(n - k) s_w / sqrt(n_c)`; the mean weighs cohorts alike.

    References
    ----------
    Kenward, M. G., & Roger, J. H. (1997). Small sample inference for fixed effects from restricted maximum likelihood. Biometrics, 53,
    983-997. https://doi.org/10.2307/2533558
    Higgins, J. P. T., Thompson, S. G., & Spiegelhalter, D. J. (2009). A re-evaluation of random-effects meta-analysis. Journal of the
    Royal Statistical Society A, 172, 137-159. https://doi.org/10.1111/j.1467-985X.2008.00552.x

    Raises
    ------
    ScoringError
        `design.pairs`, `design.cohort`, `describe.number`; `cohorts.confidence`; `cohorts.designs` for a cohort without a row, doubled
        or empty cells, or variables that can be computed from one another.
    """
    if not 0 < confidence < 1:
        raise ScoringError(
            "cohorts.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    read, n_dropped = read_cohorts(changes, cohorts)
    grouped = read.groupby("cohort")["change"]
    table = pd.DataFrame({"n": grouped.size(), "mean": grouped.mean()})
    X = _read_designs(designs, table.index)
    table = table.assign(low=math.nan, high=math.nan, shrunken=math.nan)
    table["gate"] = [gate_for(int(n)).name for n in table["n"]]
    result = ManyCohorts("none", len(table), len(read), n_dropped, table, confidence, ())
    if len(read) == 0:
        return _add(result, Note("cohorts.empty", _EMPTY))
    small = int((~table["n"].map(lambda n: allowed(int(n), "cell_mean"))).sum())
    if small:
        result = _add(result, Note("cohorts.small", _SMALL, {"n": small}))
    if no_spread(read["change"].to_numpy()):
        equal = Note("cohorts.equal", _EQUAL)
        return _add(replace(result, mean=float(read["change"].mean())), equal)
    result = _within(result, read)
    if len(table) < FEWEST_COHORTS:
        return _fixed(result, width)
    return _random(result, read, X, width)


def _random(result: ManyCohorts, read: pd.DataFrame, X: pd.DataFrame, width: float) -> ManyCohorts:
    """Cohorts as a sample: the mixed model, or the cohort means where it cannot be had."""
    from scoring.mixed import fit_mixed

    _check_rank(X, result.n_cohorts)
    if result.n_cohorts < ENOUGH_COHORTS:
        params = {"n": result.n_cohorts, "enough": ENOUGH_COHORTS}
        result = _add(result, Note("cohorts.barely", _BARELY, params))
    if not result.sd_within:
        single = () if result.sd_within is not None else (Note("cohorts.single", _SINGLE),)
        return _means(_add(result, *single), X, width)
    rows = read["cohort"]
    design = X.reindex(rows).set_axis(read.index)
    try:
        fit = fit_mixed(read["change"], design, rows, {"cohort": None})
    except np.linalg.LinAlgError:
        fit = None
    if fit is None or not fit.converged:
        fallen = Note("cohorts.fallen_back", _FALLEN_BACK)
        return _means(replace(_add(result, fallen), converged=False), X, width)
    most = result.n_cohorts - X.shape[1]
    estimates = fit.coefficients["estimate"].to_numpy(dtype=np.float64)
    errors = fit.coefficients["se"].to_numpy(dtype=np.float64)
    df = np.minimum(fit.coefficients["df"].to_numpy(dtype=np.float64), most)
    between, within = fit.variances["cohort"], fit.variances["residual"]
    fitted = X.to_numpy(dtype=np.float64) @ estimates
    result = replace(
        _add(result, *fit.notes),
        method="random",
        table=_shrink(result.table, fitted, between, within),
        sd_between=math.sqrt(between),
        sd_within=math.sqrt(within),
        icc=between / (between + within),
    )
    return _conclude(result, X, estimates, errors, df, between, width)


def _shrink(table: pd.DataFrame, fitted: FloatArray, between: float, within: float) -> pd.DataFrame:
    """The table with the best prediction of each cohort's true mean."""
    share = between / (between + within / table["n"])
    return table.assign(shrunken=fitted + share * (table["mean"] - fitted))


def _means(result: ManyCohorts, X: pd.DataFrame, width: float) -> ManyCohorts:
    """Least squares on the cohort means, each counting alike."""
    design = X.to_numpy(dtype=np.float64)
    means, n = (result.table[column].to_numpy(dtype=np.float64) for column in ("mean", "n"))
    df = len(means) - design.shape[1]
    inverse = np.linalg.inv(design.T @ design)
    estimates = inverse @ design.T @ means
    residual = means - design @ estimates
    variance = float(residual @ residual) / df
    if variance <= 1e-24 * max(1.0, float(np.abs(means).max())) ** 2:
        return _add(replace(result, mean=float(estimates[0])), Note("cohorts.equal", _EQUAL))
    between = 0.0
    result = replace(result, method="means")
    if result.sd_within is not None:
        between = max(0.0, variance - result.sd_within**2 * float((1.0 / n).mean()))
        result = replace(
            result,
            sd_between=math.sqrt(between),
            icc=between / (between + result.sd_within**2),
            table=_shrink(result.table, design @ estimates, between, result.sd_within**2),
        )
    errors = np.sqrt(variance * np.diagonal(inverse))
    return _conclude(result, X, estimates, errors, np.full(len(errors), float(df)), between, width)


def _conclude(
    result: ManyCohorts,
    X: pd.DataFrame,
    estimates: FloatArray,
    errors: FloatArray,
    df: FloatArray,
    between: float,
    width: float,
) -> ManyCohorts:
    """The mean, the prediction and the effects of designs."""
    from scipy.stats import t as student

    half = student.ppf(0.5 + result.confidence / 2.0, df) * errors
    low, high = estimates - half, estimates + half
    reach = float(student.ppf(0.5 + result.confidence / 2.0, result.n_cohorts - 2)) * math.sqrt(
        float(errors[0]) ** 2 + between
    )
    known = result.sd_between is not None
    detectable = [detectable_by_error(float(se), float(d)) for se, d in zip(errors, df, strict=True)]
    t = estimates / errors
    effects = pd.DataFrame(
        {
            "estimate": estimates,
            "se": errors,
            "df": df,
            "t": t,
            "p": 2.0 * student.sf(np.abs(t), df),
            "low": low,
            "high": high,
            "detectable": detectable,
            "verdict": [
                full_verdict(float(a), float(b), width=width) for a, b in zip(low, high, strict=True)
            ],
        },
        index=X.columns,
    )
    return replace(
        result,
        mean=float(estimates[0]),
        low=float(low[0]),
        high=float(high[0]),
        df=float(df[0]),
        predicted_low=float(estimates[0]) - reach if known else None,
        predicted_high=float(estimates[0]) + reach if known else None,
        effects=effects.iloc[1:] if len(effects) > 1 else None,
        detectable=detectable[0],
        verdict=full_verdict(float(low[0]), float(high[0]), width=width),
    )


def _within(result: ManyCohorts, read: pd.DataFrame) -> ManyCohorts:
    """The spread pooled within cohorts and the interval of each cohort's mean that follows from it."""
    from scipy.stats import t as student

    table = result.table
    df = result.n_used - result.n_cohorts
    if df < 1:
        return result
    residual = read["change"].to_numpy() - table["mean"].reindex(read["cohort"]).to_numpy()
    if float(np.abs(residual).max()) <= 1e-12 * max(1.0, float(read["change"].abs().max())):
        return _add(replace(result, sd_within=0.0), Note("cohorts.no_within", _NO_WITHIN))
    sd = math.sqrt(float(residual @ residual) / df)
    half = float(student.ppf(0.5 + result.confidence / 2.0, df)) * sd / np.sqrt(table["n"])
    return replace(
        result, sd_within=sd, table=table.assign(low=table["mean"] - half, high=table["mean"] + half)
    )


def _fixed(result: ManyCohorts, width: float) -> ManyCohorts:
    """Cohorts as fixed effects: these cohorts, and nothing about others or about designs."""
    from scipy.stats import t as student

    params = {"n": result.n_cohorts, "minimum": FEWEST_COHORTS}
    result = _add(result, Note("cohorts.fixed", _FIXED, params))
    mean = float(result.table["mean"].mean())
    if not result.sd_within:
        notes = () if result.sd_within is not None else (Note("cohorts.single", _SINGLE),)
        return _add(replace(result, mean=mean), *notes)
    df = float(result.n_used - result.n_cohorts)
    inverse = float((1.0 / result.table["n"]).sum())
    error = result.sd_within * math.sqrt(inverse) / result.n_cohorts
    half = float(student.ppf(0.5 + result.confidence / 2.0, df)) * error
    return replace(
        result,
        method="fixed",
        mean=mean,
        low=mean - half,
        high=mean + half,
        df=df,
        detectable=detectable_by_error(error, df),
        verdict=full_verdict(mean - half, mean + half, width=width),
    )


def _read_designs(designs: pd.DataFrame | None, cohorts: pd.Index) -> pd.DataFrame:
    """The design matrix of cohorts: 1, then each variable centred at its mean over cohorts."""
    intercept = pd.DataFrame({"mean": np.ones(len(cohorts))}, index=cohorts)
    if designs is None or len(cohorts) == 0:
        return intercept
    own = designs.set_axis(designs.index.map(str))
    if own.index.has_duplicates or own.columns.has_duplicates or "mean" in own.columns:
        raise _refuse_designs("a cohort or a variable stands twice, or is called “mean”")
    own = own.reindex(cohorts)
    for column in own.columns:
        values, wrong = read_numbers(own[column])
        if wrong.any() or not np.isfinite(values).all():
            raise _refuse_designs(f"variable {column} is empty or no number for a cohort")
        intercept[str(column)] = values - values.mean()
    return intercept


def _check_rank(X: pd.DataFrame, n_cohorts: int) -> None:
    """Variables that differ between cohorts, and fewer of them than cohorts can bear."""
    if X.shape[1] > n_cohorts - 3 or np.linalg.matrix_rank(X.to_numpy(dtype=np.float64)) < X.shape[1]:
        raise _refuse_designs("there are too many variables, or they can be computed from one another")


def _refuse_designs(problem: str) -> ScoringError:
    """The error for a table of designs that cannot be used."""
    return ScoringError(
        "cohorts.designs",
        "The table of designs cannot be used: %(problem)s.",
        "Give one row for each cohort and one number in each cell, and keep variables that differ between cohorts.",
        problem=problem,
    )


def _add(result: ManyCohorts, *notes: Note) -> ManyCohorts:
    """The same result with more notes, each kind once."""
    codes = {note.code for note in result.notes}
    return replace(result, notes=(*result.notes, *(note for note in notes if note.code not in codes)))
