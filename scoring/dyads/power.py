"""How likely a partner effect is to be found with a given number of pairs."""

from functools import lru_cache

import numpy as np

from scoring.errors import ScoringError

_NODES = 64


@lru_cache(maxsize=512)
def partner_power(
    n: int,
    effect: float = 0.3,
    *,
    actor: float = 0.3,
    predictor_correlation: float = 0.3,
    alpha: float = 0.05,
) -> float:
    """Return the power of the test of one partner effect in an actor-partner model.

    Parameters
    ----------
    n : int
        Complete pairs, at least 5.
    effect, actor : float
        Standardized partner and actor effects.
    predictor_correlation : float
        Correlation of the two partners' predictors, between -1 and 1.
    alpha : float, default .05
        Two-sided error level.

    Returns
    -------
    float
        Between 0 and 1.

    Notes
    -----
    Given the predictors, t has n - 3 degrees of freedom and the noncentrality `p sqrt(u (1 - r^2) / (1 - a^2 - p^2 - 2 a p r))`,
    where u, the spread of a normal predictor beside the other, follows a chi-square on n - 2; the power is averaged over u. With
    a = r = .3 an effect of .3 has .26, .50 and .80 at 20, 40 and 80 pairs; the plan's simulation (4.0) found .27, .49 and .80.

    Raises
    ------
    ScoringError
        `power.pairs` below 5 pairs, `power.effect` for effects that leave the outcome no variance of its own.
    """
    from scipy.stats import chi2, nct
    from scipy.stats import t as student

    rest = 1.0 - actor**2 - effect**2 - 2.0 * actor * effect * predictor_correlation
    if n < 5:
        raise ScoringError(
            "power.pairs",
            "%(n)d pairs are too few to test a partner effect.",
            "Pass at least 5.",
            n=n,
        )
    if not (rest > 0.0 and abs(predictor_correlation) < 1.0):
        raise ScoringError(
            "power.effect",
            "Effects of %(actor)s and %(partner)s with a correlation of %(r)s leave nothing unexplained.",
            "Pass standardized effects that explain less than everything.",
            actor=actor,
            partner=effect,
            r=predictor_correlation,
        )
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    spread = chi2.ppf((nodes + 1.0) / 2.0, n - 2)
    shift = abs(effect) * np.sqrt(spread * (1.0 - predictor_correlation**2) / rest)
    critical = float(student.ppf(1.0 - alpha / 2.0, n - 3))
    # Noncentralities far above the critical value are beyond what is computed accurately, and decided anyway.
    near = np.minimum(shift, critical + 10.0)
    found = nct.sf(critical, n - 3, near) + np.where(
        near < 5.0, nct.cdf(-critical, n - 3, np.minimum(near, 5.0)), 0.0
    )
    return float(np.clip(weights @ found / 2.0, 0.0, 1.0))
