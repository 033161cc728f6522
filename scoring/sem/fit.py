"""How well a model fits: chi-square and the indices made of it, in their plain, scaled and robust versions."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.sem.matrices import Array

RMSEA_CLOSE: Final = 0.05
RMSEA_LEVEL: Final = 0.90
# Below this many degrees of freedom RMSEA says little (measurement plan, section 4.2).
RMSEA_MINIMUM_DF: Final = 5
_ENORMOUS: Final = 1e9


@dataclass(frozen=True)
class Test:
    """A chi-square statistic as the indices need it.

    Attributes
    ----------
    chi_square : float
    df : int
    scaled : float or None
        The scaled (or scaled and shifted) statistic.
    scaling_factor : float or None
        What the plain statistic is divided by; for the shifted version 1/a.
    shift : float or None
        What is added afterwards.
    trace : float or None
        tr(U Gamma), which takes the place of df in the scaled RMSEA.
    robust : tuple (statistic, factor) or None
        Statistic and correction of the robust indices, where they are not the plain statistic and the scaling factor.
    """

    chi_square: float
    df: int
    scaled: float | None = None
    scaling_factor: float | None = None
    shift: float | None = None
    trace: float | None = None
    robust: tuple[float, float] | None = None


@dataclass(frozen=True)
class FitMeasures:
    """Fit of one model; every field is None where it is not defined.

    Attributes
    ----------
    n_parameters, df : int
    chi_square, p : float
        Likelihood ratio against the saturated model (N F), or the unadjusted least-squares statistic.
    baseline_chi_square, baseline_df : of the model without covariances.
    cfi, tli, rmsea, rmsea_low, rmsea_high (90 %), rmsea_close (p of RMSEA <= .05), srmr : float
    log_likelihood, saturated_log_likelihood, aic, bic : float or None
    chi_square_scaled, df_scaled, p_scaled, scaling_factor, shift : float or None
        Satorra-Bentler (MLM), Yuan-Bentler as in Mplus (MLR), or scaled and shifted (WLSMV).
    scaling_factor_saturated, scaling_factor_model : float or None
        The two factors that MLR's is made of, for difference tests.
    *_scaled : indices computed from the scaled statistic.
    *_robust : indices that estimate what the plain ones would be under normality (Brosseau-Liard & Savalei 2014; Zhang &
        Savalei 2023 for missing data; Savalei 2021 for ordinal items).
    """

    n_parameters: int
    chi_square: float
    df: int
    p: float | None
    baseline_chi_square: float
    baseline_df: int
    cfi: float | None
    tli: float | None
    rmsea: float | None
    rmsea_low: float | None
    rmsea_high: float | None
    rmsea_close: float | None
    srmr: float | None
    log_likelihood: float | None = None
    saturated_log_likelihood: float | None = None
    aic: float | None = None
    bic: float | None = None
    chi_square_scaled: float | None = None
    df_scaled: int | None = None
    p_scaled: float | None = None
    scaling_factor: float | None = None
    shift: float | None = None
    scaling_factor_saturated: float | None = None
    scaling_factor_model: float | None = None
    baseline_chi_square_scaled: float | None = None
    baseline_scaling_factor: float | None = None
    cfi_scaled: float | None = None
    tli_scaled: float | None = None
    rmsea_scaled: float | None = None
    rmsea_scaled_low: float | None = None
    rmsea_scaled_high: float | None = None
    cfi_robust: float | None = None
    tli_robust: float | None = None
    rmsea_robust: float | None = None
    rmsea_robust_low: float | None = None
    rmsea_robust_high: float | None = None


def indices(test: Test, baseline: Test, n: int, n_groups: int) -> dict[str, float | None]:
    """Return CFI, TLI and RMSEA in every version that the two tests allow, named as in `FitMeasures`."""
    found: dict[str, float | None] = {
        "cfi": comparative_fit(test.chi_square, test.df, baseline.chi_square, baseline.df),
        "tli": tucker_lewis(test.chi_square, test.df, baseline.chi_square, baseline.df),
        "rmsea": rmsea(test.chi_square, test.df, n, n_groups),
        "rmsea_close": p_close(test.chi_square, test.df, n, n_groups),
        "p": p_value(test.chi_square, test.df),
    }
    found["rmsea_low"], found["rmsea_high"] = rmsea_interval(test.chi_square, test.df, n, n_groups)
    if test.scaled is None or baseline.scaled is None or test.scaling_factor is None:
        if test.robust is not None and baseline.robust is not None:
            found |= _robust_indices(test, baseline, n, n_groups)
        return found
    found["p_scaled"] = p_value(test.scaled, test.df)
    found["cfi_scaled"] = comparative_fit(test.scaled, test.df, baseline.scaled, baseline.df)
    found["tli_scaled"] = tucker_lewis(test.scaled, test.df, baseline.scaled, baseline.df)
    shifted = test.shift is not None
    statistic, df = (test.scaled, float(test.df)) if shifted else (test.chi_square, test.trace or math.nan)
    found["rmsea_scaled"] = rmsea(statistic, df, n, n_groups)
    found["rmsea_scaled_low"], found["rmsea_scaled_high"] = rmsea_interval(statistic, df, n, n_groups)
    return found | _robust_indices(test, baseline, n, n_groups)


def _robust_indices(test: Test, baseline: Test, n: int, n_groups: int) -> dict[str, float | None]:
    """CFI, TLI and RMSEA from statistic and correction: `X - c df` in the place of `X - df`."""
    if test.robust is not None and baseline.robust is not None:
        (statistic, c), (null, c_null) = test.robust, baseline.robust
    elif test.shift is not None or test.scaling_factor is None or baseline.scaling_factor is None:
        return {}
    else:
        statistic, c, null, c_null = (
            test.chi_square, test.scaling_factor, baseline.chi_square, baseline.scaling_factor,
        )  # fmt: skip
    low, high = rmsea_interval(statistic / c if c > 0 else math.nan, test.df, n, n_groups, correction=c)
    return {
        "cfi_robust": comparative_fit(statistic, test.df, null, baseline.df, c, c_null),
        "tli_robust": tucker_lewis(statistic, test.df, null, baseline.df, c, c_null),
        "rmsea_robust": rmsea(statistic, test.df, n, n_groups, correction=c),
        "rmsea_robust_low": low,
        "rmsea_robust_high": high,
    }


def comparative_fit(
    chi_square: float, df: float, null: float, null_df: float, c: float = 1.0, c_null: float = 1.0
) -> float | None:
    """Return `1 - max(X - c df, 0) / max(X - c df, X0 - c0 df0, 0)`, 1 where both are 0 (Bentler 1990, https://doi.org/10.1037/0033-2909.107.2.238)."""
    if not all(map(math.isfinite, (chi_square, null, c, c_null))):
        return None
    own = max(chi_square - c * df, 0.0)
    largest = max(chi_square - c * df, null - c_null * null_df, 0.0)
    return 1.0 if largest == 0.0 else 1.0 - own / largest


def tucker_lewis(
    chi_square: float, df: float, null: float, null_df: float, c: float = 1.0, c_null: float = 1.0
) -> float | None:
    """Return `1 - (X - c df) df0 / ((X0 - c0 df0) df)`, 1 where it has no denominator (https://doi.org/10.1007/BF02291170)."""
    if not all(map(math.isfinite, (chi_square, null, c, c_null))):
        return None
    denominator = (null - c_null * null_df) * df
    return 1.0 if df <= 0 or denominator == 0.0 else 1.0 - (chi_square - c * df) * null_df / denominator


def rmsea(
    chi_square: float, df: float, n: int, n_groups: int = 1, *, correction: float = 1.0
) -> float | None:
    """Return `sqrt(max((X / N) / df - c / N, 0)) sqrt(G)`, 0 without degrees of freedom (Steiger, https://doi.org/10.1207/s15327906mbr2502_4)."""
    if not math.isfinite(chi_square) or not math.isfinite(df):
        return None
    return math.sqrt(max(chi_square / n / df - correction / n, 0.0) * n_groups) if df > 0 else 0.0


def rmsea_interval(
    chi_square: float,
    df: float,
    n: int,
    n_groups: int = 1,
    *,
    correction: float = 1.0,
    level: float = RMSEA_LEVEL,
) -> tuple[float | None, float | None]:
    """Return the interval of RMSEA from the noncentral chi-square that puts the statistic at its two tails."""
    if not (math.isfinite(chi_square) and math.isfinite(df)):
        return None, None
    if df <= 0:
        return 0.0, 0.0
    tail = (1.0 - level) / 2.0
    return (
        _rmsea_end(chi_square, df, 1.0 - tail, n, n_groups * correction),
        _rmsea_end(chi_square, df, tail, n, n_groups * correction),
    )


def _rmsea_end(chi_square: float, df: float, probability: float, n: int, factor: float) -> float:
    """RMSEA at the noncentrality for which the statistic is the quantile of this probability; 0 where there is none."""
    from scipy.optimize import brentq
    from scipy.special import chndtr, ndtri

    nearest = 1e-12
    # A perfect fit leaves a statistic that rounding may have put below 0.
    if chi_square <= 0.0 or chndtr(chi_square, df, nearest) <= probability:
        return 0.0
    if chi_square > _ENORMOUS:
        # The noncentral chi-square's tail is lost to rounding here; its normal limit is exact enough.
        found = chi_square - df - 2.0 * math.sqrt(chi_square) * float(ndtri(probability))
    else:
        upper = max(chi_square, 1.0)
        while chndtr(chi_square, df, upper) > probability:
            upper *= 2.0
        found = float(
            brentq(lambda value: chndtr(chi_square, df, value) - probability, nearest, upper, xtol=1e-10)
        )
    return math.sqrt(max(found, 0.0) * factor / (n * df))


def p_value(chi_square: float, df: float) -> float | None:
    """Return the upper tail of chi-square; None without degrees of freedom."""
    from scipy.stats import chi2

    return float(chi2.sf(chi_square, df)) if df > 0 and math.isfinite(chi_square) else None


def p_close(chi_square: float, df: float, n: int, n_groups: int = 1) -> float | None:
    """Return p of the hypothesis that RMSEA is at most .05."""
    from scipy.stats import ncx2

    if df <= 0 or not math.isfinite(chi_square):
        return None
    return float(ncx2.sf(chi_square, df, n * df * RMSEA_CLOSE**2 / n_groups))


def srmr(
    shares: Array,
    samples: list[tuple[Array, Array]],
    implied: list[tuple[Array, Array]],
    *,
    means: bool,
    correlations_only: bool = False,
) -> float:
    """Return the standardized root mean square residual, averaged over groups by size (Bentler's version).

    Residual covariances are divided by the sample's standard deviations, residual means (where `means`) by one of them; for
    ordinal items only correlations leave residuals, but the diagonal counts in the number of residuals, as in lavaan.
    """
    total = 0.0
    for share, (covariance, mean), (model, model_mean) in zip(shares, samples, implied, strict=True):
        sd = np.sqrt(np.diagonal(covariance))
        residual = (covariance - model) / np.outer(sd, sd)
        rows, columns = np.tril_indices(len(sd), -1 if correlations_only else 0)
        count = len(sd) * (len(sd) + 1) / 2
        square = float((residual[rows, columns] ** 2).sum())
        if means and not correlations_only:
            square += float((((mean - model_mean) / sd) ** 2).sum())
            count += len(sd)
        total += float(share) * math.sqrt(square / count)
    return total
