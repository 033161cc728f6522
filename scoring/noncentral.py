"""The noncentral t distribution, where scipy's gives no number or takes long."""

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

_NODES: Final = 200
_FARTHEST: Final = 8.5


def noncentral_cdf(t: float, df: float, noncentrality: float) -> float:
    """Return P(T <= t) of the noncentral t, to about 12 decimals, for finite numbers and df above 0.

    T is (Z + ncp)/s with Z normal and s = sqrt(chi2/df), so the probability is the mean of `Phi(t s - ncp)` over s, and also the mean of
    `P(s >= (Z + ncp)/t)` over Z; the one whose function changes more slowly is integrated. scipy's own gives no number for some values
    far in a tail. R: `pt(t, df, ncp)`.
    """
    from scipy.special import gammaincc, ndtr

    if t < 0:
        return 1.0 - noncentral_cdf(-t, df, -noncentrality)
    if t <= 10.0 * math.sqrt(2.0 * df):
        s, weights = spread_nodes(df)
        return float(weights @ ndtr(t * s - noncentrality))
    nodes, weights = _legendre()
    z = _FARTHEST * nodes
    inside = gammaincc(df / 2.0, df / 2.0 * np.maximum((z + noncentrality) / t, 0.0) ** 2)
    density = np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return float((_FARTHEST * weights * density) @ inside)


@lru_cache(maxsize=256)
def spread_nodes(df: float, largest: float = math.inf) -> tuple[FloatArray, FloatArray]:
    """Return points and weights that integrate over the distribution of s = sqrt(chi2/df), from 0 to `largest`."""
    from scipy.stats import chi

    scale = math.sqrt(df)
    first, last = float(chi.ppf(1e-14, df)) / scale, float(chi.isf(1e-14, df)) / scale
    last = min(last, largest)
    if last <= first:
        return np.zeros(1), np.zeros(1)
    nodes, weights = _legendre()
    s = first + (last - first) * (nodes + 1.0) / 2.0
    weights = weights * chi.pdf(s * scale, df) * scale * (last - first) / 2.0
    s.flags.writeable = weights.flags.writeable = False
    return s, weights


@lru_cache(maxsize=1)
def _legendre() -> tuple[FloatArray, FloatArray]:
    """Points and weights of Gauss and Legendre; finding them takes longer than using them."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights
