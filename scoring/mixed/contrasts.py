"""Tests of contrasts in a mixed model with Kenward and Roger's or Satterthwaite's degrees of freedom."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from scoring.errors import ScoringError
from scoring.mixed.likelihood import State
from scoring.mixed.units import Array, IntArray

DegreesOfFreedom = Literal["kenward-roger", "satterthwaite"]
# Below this the estimated variances add no uncertainty, and the degrees of freedom are infinite.
_CERTAIN: Final = 1e-14


@dataclass(frozen=True)
class ContrastTest:
    """A test of one or several contrasts.

    Attributes
    ----------
    estimate, se, low, high : float or None
        For a single contrast, in units of the outcome.
    F : float
        Scaled Wald statistic; t is its signed root for a single contrast.
    df_numerator, df : float
    p : float
    confidence : float
        Coverage of the interval.
    """

    estimate: float | None
    se: float | None
    low: float | None
    high: float | None
    F: float
    df_numerator: int
    df: float
    p: float
    confidence: float = 0.95


@dataclass(frozen=True)
class Uncertainty:
    """What tests of contrasts need, see Kenward and Roger (1997); in standardized units that `unit` leads back from.

    Attributes
    ----------
    beta : ndarray (p,)
        Coefficients in units of the data.
    unit : ndarray (p,)
        Size of a standardized coefficient in units of the data.
    phi, phi_corrected : ndarray (p, p)
    P : ndarray (k, p, p)
    W : ndarray (k, k)
        Covariance matrix of the variance components.
    """

    beta: Array
    unit: Array
    phi: Array
    phi_corrected: Array
    P: Array
    W: Array

    def covariance(self, *, corrected: bool) -> Array:
        """The covariance matrix of the coefficients in units of the data."""
        return (self.phi_corrected if corrected else self.phi) * np.outer(self.unit, self.unit)

    def test(self, L: Array, method: DegreesOfFreedom, confidence: float = 0.95) -> ContrastTest:
        """F, degrees of freedom and p of `L beta = 0`; an interval where L has one row."""
        from scipy.stats import f, t

        value = L @ self.beta
        q, L = len(L), L * self.unit
        spread = L @ self.phi_corrected @ L.T
        if np.linalg.matrix_rank(spread, hermitian=True) < q:
            raise ScoringError(
                "mixed.contrast",
                "The contrasts can be computed from one another.",
                "Leave out those that follow from the others.",
            )
        df, factor = self._degrees(L, method)
        statistic = float(value @ np.linalg.solve(spread, value)) / q * factor
        p = float(f.sf(statistic, q, df)) if math.isfinite(df) else _chi_square_tail(statistic * q, q)
        if q > 1:
            return ContrastTest(None, None, None, None, statistic, q, df, p, confidence)
        se, estimate = math.sqrt(float(spread[0, 0])), float(value[0])
        half = float(t.ppf(0.5 + confidence / 2.0, df)) * se
        return ContrastTest(estimate, se, estimate - half, estimate + half, statistic, 1, df, p, confidence)

    def table(self, names: list[str], method: DegreesOfFreedom, confidence: float = 0.95) -> pd.DataFrame:
        """Each coefficient with its own test."""
        plain = np.sqrt(np.diagonal(self.covariance(corrected=False)))
        rows = []
        for number, row in enumerate(np.eye(len(names))):
            found = self.test(row[None], method, confidence)
            rows.append(
                {
                    "estimate": found.estimate,
                    "se": found.se,
                    "se_plain": float(plain[number]),
                    "df": found.df,
                    "t": (found.estimate or 0.0) / (found.se or math.nan),
                    "p": found.p,
                    "low": found.low,
                    "high": found.high,
                }
            )
        return pd.DataFrame(rows, index=names)

    def _degrees(self, L: Array, method: DegreesOfFreedom) -> tuple[float, float]:
        """Denominator degrees of freedom of a contrast, and the factor of F."""
        if method == "satterthwaite":
            return self._satterthwaite(L), 1.0
        q = len(L)
        theta = L.T @ np.linalg.solve(L @ self.phi @ L.T, L)
        inner = theta @ self.phi @ self.P @ self.phi
        first = np.trace(inner, axis1=1, axis2=2)
        second = np.einsum("iab,jba->ij", inner, inner)
        A1, A2 = float(first @ self.W @ first), float((self.W * second).sum())
        if A2 <= _CERTAIN:
            return math.inf, 1.0
        if q == 1:
            # What the general formulas come to, without their differences of nearly equal numbers.
            return 2.0 / A2, 1.0
        return _match_moments(q, A1, A2)

    def _satterthwaite(self, L: Array) -> float:
        """Degrees of freedom after Fai and Cornelius: of each independent contrast, and of F from their expectation."""
        values, vectors = np.linalg.eigh(L @ self.phi @ L.T)
        rows = vectors.T @ L @ self.phi
        slopes = -np.einsum("ra,kab,rb->rk", rows, self.P, rows)
        below = np.einsum("rk,kj,rj->r", slopes, self.W, slopes)
        each = [
            2.0 * v**2 / b if b > _CERTAIN * v**2 else math.inf for v, b in zip(values, below, strict=True)
        ]
        if len(each) == 1:
            return each[0]
        E = sum(df / (df - 2.0) if math.isfinite(df) else 1.0 for df in each if df > 2.0)
        return 2.0 * E / (E - len(each)) if len(each) < E else math.inf


def estimate_uncertainty(
    state: State,
    chosen: IntArray,
    W: Array,
    beta: Array,
    unit: Array,
    *,
    correct: bool,
) -> Uncertainty:
    """Put together what tests need; `chosen` numbers the components that were estimated, W is their covariance matrix.

    With `correct` the covariance matrix of the coefficients gets Kenward and Roger's term
    `2 Phi sum W_ij (Q_ij - P_i Phi P_j) Phi`.
    """
    phi = state.phi
    P, Q = state.P[chosen], state.Q[np.ix_(chosen, chosen)]
    corrected = phi
    if correct and len(chosen):
        middle = np.einsum("ij,ijab->ab", W, Q) - np.einsum("ij,iab,bc,jcd->ad", W, P, phi, P, optimize=True)
        corrected = phi + 2.0 * phi @ middle @ phi
        corrected = (corrected + corrected.T) / 2.0
    return Uncertainty(beta, unit, phi, corrected, P, W)


def _match_moments(q: int, A1: float, A2: float) -> tuple[float, float]:
    """Degrees of freedom and factor that give F its first two moments, for q > 1 contrasts (Kenward & Roger, 1997, section 3)."""
    B = (A1 + 6.0 * A2) / (2.0 * q)
    g = ((q + 1.0) * A1 - (q + 4.0) * A2) / ((q + 2.0) * A2)
    bottom = 3.0 * q + 2.0 * (1.0 - g)
    c1, c2, c3 = g / bottom, (q - g) / bottom, (q + 2.0 - g) / bottom
    if max(A2 / q, c2 * B, c3 * B) >= 1.0:
        # Too little information for the moments to exist: as few degrees of freedom as the contrasts have, no factor.
        return max(1.0, 2.0 * q / A2), 1.0
    mean = 1.0 / (1.0 - A2 / q)
    variance = (2.0 / q) * (1.0 + c1 * B) / ((1.0 - c2 * B) ** 2 * (1.0 - c3 * B))
    ratio = variance / (2.0 * mean**2)
    if q * ratio <= 1.0:
        return math.inf, 1.0 / mean
    df = 4.0 + (q + 2.0) / (q * ratio - 1.0)
    return df, df / (mean * (df - 2.0))


def _chi_square_tail(value: float, q: int) -> float:
    """Upper tail of chi-square: F with infinite denominator degrees of freedom."""
    from scipy.stats import chi2

    return float(chi2.sf(value, q))
