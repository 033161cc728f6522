"""What a confirmatory model says about the scores of its factors: omega of each factor's items, and average variance extracted."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scoring.errors import Note
from scoring.sem.result import ConfirmatoryFit


@dataclass(frozen=True)
class ConstructReliability:
    """Reliability of the sum of each factor's items, in one group.

    Attributes
    ----------
    table : DataFrame, one row per factor
        omega (implied variance of the sum as denominator), omega_observed (its sample variance), ave (average variance extracted),
        highest_correlation (with another factor; NaN for a single one). NaN where a variance is not positive.
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    """

    table: pd.DataFrame
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def construct_reliability(fit: ConfirmatoryFit, group: int = 0) -> ConstructReliability:
    """Compute omega and the average variance extracted of every factor of a fitted model of continuous items.

    Parameters
    ----------
    fit : ConfirmatoryFit
        A model in which factors may covary; residual covariances count as error of the sum.
    group : int
        Number of the group.

    Returns
    -------
    ConstructReliability

    Notes
    -----
    For the items of one factor, with w a vector of ones: `omega = (w'lambda)^2 phi / V`, V the implied or the observed variance of their
    sum; `AVE = phi sum lambda^2 / sum s_ii` with the observed variances of the items. Missing data: as in the fit. Ordinal items: on the
    latent responses, which no score is; for the observed sum see `scoring.ordinal_reliability.categorical_omega`.

    R: `semTools::compRelSEM(fit, obs.var = FALSE | TRUE)` and `semTools::AVE(fit)`.

    References
    ----------
    McDonald, R. P. (1999). Test theory: A unified treatment. Erlbaum.
    Fornell, C., & Larcker, D. F. (1981). Evaluating structural equation models with unobservable variables and measurement error.
    Journal of Marketing Research, 18, 39-50. https://doi.org/10.1177/002224378101800104
    """
    model, factors = fit.problem.model, list(fit.specification.factors)
    found = model.matrices(fit.x, group)
    implied, _ = model.moments(fit.x, group)
    observed, _ = fit.data.samples[group]
    spread = found.spread @ found.factor_covariances @ found.spread.T
    correlations = fit.factor_correlations(group).to_numpy()
    rows = []
    for place in range(len(factors)):
        own = np.flatnonzero(found.loadings[:, place])
        block = np.ix_(own, own)
        loadings, variance = found.loadings[own, place], float(spread[place, place])
        true = float(loadings.sum()) ** 2 * variance
        others = np.delete(np.abs(correlations[place]), place)
        rows.append(
            {
                "omega": _share(true, float(implied[block].sum())),
                "omega_observed": _share(true, float(observed[block].sum())),
                "ave": _share(float((loadings**2).sum()) * variance, float(np.trace(observed[block]))),
                "highest_correlation": float(others.max()) if len(others) else np.nan,
            }
        )
    return ConstructReliability(
        pd.DataFrame(rows, index=factors), fit.n_used, fit.n_dropped, fit.converged, fit.notes
    )


def _share(part: float, whole: float) -> float:
    """A share of a variance, NaN where there is none."""
    return part / whole if whole > 0 else float("nan")
