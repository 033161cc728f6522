"""One estimate from many imputations: Rubin's rules with Barnard and Rubin's degrees of freedom."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from scoring.errors import ScoringError

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Pooled:
    """One estimate over all imputations.

    Attributes
    ----------
    estimate, se, low, high : float
    df : float
        Barnard and Rubin's.
    df_complete : float
        Degrees of freedom had nothing been missing.
    t, p : float
        Against 0, two-sided.
    within, between, total : float
        Variances: mean of the squared standard errors, of the estimates, and `within + (1 + 1/m) between`.
    fraction_missing : float
        Share of the information about this estimate that is missing, 0 to 1.
    m : int
    confidence : float
    """

    estimate: float
    se: float
    low: float
    high: float
    df: float
    df_complete: float
    t: float
    p: float
    within: float
    between: float
    total: float
    fraction_missing: float
    m: int
    confidence: float


def pool_estimates(
    estimates: Array, variances: Array, *, df_complete: float, confidence: float = 0.95
) -> Pooled:
    """Pool an estimate over imputations by Rubin's rules.

    Parameters
    ----------
    estimates, variances : ndarray (m,)
        Estimate and squared standard error of each completed table; m at least 2.
    df_complete : float
        Degrees of freedom of the complete data, above 0; infinite is allowed.
    confidence : float, default .95
        Coverage of the interval.

    Returns
    -------
    Pooled

    Notes
    -----
    `T = U + (1 + 1/m) B`, `lambda = (1 + 1/m) B / T`, `nu_old = (m - 1)/lambda^2`, `nu_obs = (nu + 1)/(nu + 3) nu (1 - lambda)`,
    `df = nu_old nu_obs / (nu_old + nu_obs)`. Rubin's own df can exceed those of the complete data. Fraction missing: `(r + 2/(df +
    3)) / (r + 1)`, r = (1 + 1/m) B / U. The same as R's `mice::pool.scalar`.

    References
    ----------
    Barnard, J., & Rubin, D. B. (1999). Small-sample degrees of freedom with multiple imputation. Biometrika, 86, 948-955.
    https://doi.org/10.1093/biomet/86.4.948

    Raises
    ------
    ScoringError
        `pool.values` for fewer than two, different lengths, values that are not finite or variances below 0; `pool.df`,
        `pool.confidence`.
    """
    from scipy.stats import t as student

    estimates, variances = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    m = len(estimates)
    usable = m >= 2 and estimates.shape == variances.shape == (m,)
    if not (
        usable and np.isfinite(estimates).all() and np.isfinite(variances).all() and (variances >= 0).all()
    ):
        raise ScoringError(
            "pool.values",
            "Estimates or variances cannot be pooled.",
            "Pass a finite estimate and a variance of 0 or more for each of two or more imputations.",
        )
    if not df_complete > 0:
        raise ScoringError(
            "pool.df",
            "%(df)s are no degrees of freedom.",
            "Pass those of the complete data, above 0.",
            df=df_complete,
        )
    if not 0 < confidence < 1:
        raise ScoringError(
            "pool.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, for example 0.95.",
            confidence=confidence,
        )
    within, between = float(variances.mean()), float(estimates.var(ddof=1))
    total, df, fraction = (float(part) for part in pool_variances(within, between, m, df_complete))
    estimate, se = float(estimates.mean()), math.sqrt(total)
    half = float(student.ppf(0.5 + confidence / 2.0, df)) * se
    t = estimate / se if se > 0 else math.copysign(math.inf, estimate) if estimate else 0.0
    return Pooled(
        estimate=estimate,
        se=se,
        low=estimate - half,
        high=estimate + half,
        df=df,
        df_complete=df_complete,
        t=t,
        p=float(2.0 * student.sf(abs(t), df)),
        within=within,
        between=between,
        total=total,
        fraction_missing=fraction,
        m=m,
        confidence=confidence,
    )


def pool_variances(
    within: Array | float, between: Array | float, m: int, df_complete: float
) -> tuple[Array, Array, Array]:
    """Return total variance, Barnard and Rubin's degrees of freedom and fraction of missing information, elementwise.

    Formulas in `pool_estimates`.
    """
    U, B = np.asarray(within, dtype=np.float64), np.asarray(between, dtype=np.float64)
    extra = (1.0 + 1.0 / m) * B
    total = U + extra
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, extra / total, 0.0)
        observed = (
            np.full_like(share, math.inf)
            if math.isinf(df_complete)
            else (df_complete + 1.0) / (df_complete + 3.0) * df_complete * (1.0 - share)
        )
        # The sum of inverses stays finite where nothing is missing; without any variance within only the imputations count.
        df = np.where(U > 0, 1.0 / (share**2 / (m - 1.0) + 1.0 / observed), m - 1.0)
        ratio = extra / U
        fraction = np.where(U > 0, (ratio + 2.0 / (df + 3.0)) / (ratio + 1.0), 1.0)
        fraction = np.where(extra > 0, fraction, 0.0)
    return total, df, fraction
