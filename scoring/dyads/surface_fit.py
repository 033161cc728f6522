"""The quadratic surface of an outcome over two scores, for one sample or many: coefficients, a1 to a5, and the principal axis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scoring.dyads.pairs import Array

Flags = np.ndarray[Any, np.dtype[np.bool_]]

COEFFICIENTS: Final = ("b0", "b1", "b2", "b3", "b4", "b5")
SURFACE: Final = ("a1", "a2", "a3", "a4", "a5")
AXES: Final = ("x0", "y0", "p10", "p11")
# a1 = b1 + b2, a2 = b3 + b4 + b5, a3 = b1 - b2, a4 = b3 - b4 + b5, a5 = b3 - b5.
CONTRASTS: Final = np.array(
    [[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0, 1, -1, 0, 0, 0], [0, 0, 0, 1, -1, 1], [0, 0, 0, 1, 0, -1]],
    dtype=np.float64,
)
_STEP: Final = 1e-30


@dataclass(frozen=True)
class SurfaceFit:
    """Least squares of `z = b0 + b1 x + b2 y + b3 x^2 + b4 x y + b5 y^2`, for a sample or a stack of samples (leading axes).

    Attributes
    ----------
    coefficients : ndarray (..., 6)
    covariance : ndarray (..., 6, 6)
    residual_variance, total_variance : ndarray (...)
        Of the outcome, denominators n - 6 and n - 1.
    df : int
        n - 6.
    """

    coefficients: Array
    covariance: Array
    residual_variance: Array
    total_variance: Array
    df: int

    def surface(self) -> tuple[Array, Array]:
        """Return a1 to a5 and their standard errors: (..., 5) each."""
        spread = CONTRASTS @ self.covariance @ CONTRASTS.T
        variance = np.diagonal(spread, axis1=-2, axis2=-1)
        return self.coefficients @ CONTRASTS.T, np.sqrt(np.clip(variance, 0.0, None))

    def axis(self) -> tuple[Array, Array]:
        """Return x0, y0 (stationary point) and p10, p11 (first principal axis) with errors by the delta method: (..., 4) each."""
        values, slopes = principal_axis(self.coefficients), _jacobian(principal_axis, self.coefficients)
        spread = slopes @ self.covariance @ np.swapaxes(slopes, -1, -2)
        variance = np.diagonal(spread, axis1=-2, axis2=-1)
        return values, np.sqrt(np.clip(variance, 0.0, None))


def fit_surface(x: Array, y: Array, z: Array) -> SurfaceFit:
    """Fit the surface by least squares to complete, centred scores (..., n) with n > 6; raises LinAlgError for a singular design."""
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    turned = np.swapaxes(design, -1, -2)
    inverse = np.linalg.inv(turned @ design)
    coefficients = (inverse @ (turned @ z[..., None]))[..., 0]
    rest = z - (design @ coefficients[..., None])[..., 0]
    df = x.shape[-1] - 6
    variance = (rest**2).sum(axis=-1) / df
    return SurfaceFit(coefficients, inverse * variance[..., None, None], variance, z.var(axis=-1, ddof=1), df)


def principal_axis(b: np.ndarray) -> np.ndarray:
    """Return x0, y0, p10, p11 of coefficients (..., 6); complex numbers pass through, so that derivatives can be taken.

    `x0 = (b2 b4 - 2 b1 b5) / (4 b3 b5 - b4^2)`, `y0 = (b1 b4 - 2 b2 b3) / (4 b3 b5 - b4^2)`, `p11 = (b5 - b3 + s) / b4` with `s =
    sqrt((b3 - b5)^2 + b4^2)`, `p10 = y0 - p11 x0`. The last is computed as `(p11 b1 - b2) / (b3 + b5 - s)`, the same number, which is
    defined on a ridge too, where the stationary point is not. Edwards, J. R., & Parry, M. E. (1993). On the use of polynomial
    regression equations as an alternative to difference scores in organizational research. Academy of Management Journal, 36,
    1577-1613. https://doi.org/10.5465/256822
    """
    b1, b2, b3, b4, b5 = (b[..., place] for place in range(1, 6))
    with np.errstate(divide="ignore", invalid="ignore"):
        bottom = 4.0 * b3 * b5 - b4 * b4
        x0 = (b2 * b4 - 2.0 * b1 * b5) / bottom
        y0 = (b1 * b4 - 2.0 * b2 * b3) / bottom
        lean, root = b5 - b3, np.sqrt((b3 - b5) ** 2 + b4 * b4)
        # Two forms of one ratio; each is free of cancellation on its side.
        p11 = np.where(lean.real < 0.0, b4 / (root - lean), (lean + root) / b4)
        p10 = (p11 * b1 - b2) / (b3 + b5 - root)
        return np.stack([x0, y0, p10, p11], axis=-1)


def _jacobian(function: Callable[[np.ndarray], np.ndarray], point: Array) -> Array:
    """Derivatives of an analytic function by complex steps, exact to rounding: (..., outputs, inputs)."""
    columns = []
    for place in range(point.shape[-1]):
        moved = point.astype(np.complex128)
        moved[..., place] += 1j * _STEP
        columns.append(function(moved).imag / _STEP)
    return np.stack(columns, axis=-1)


def check_congruence(fit: SurfaceFit, quantile: float) -> dict[str, Flags]:
    """Return each condition of a congruence effect, true where it holds; `quantile` of t makes the two-sided intervals.

    The conditions of congruence (Humberg, Nestler & Back, 2019): a4 is below 0, a3 and a5 are not different from 0, and the first
    principal axis is not different from the line of congruence, so p10 = 0 and p11 = 1 lie in their intervals. Strict congruence, where
    the level makes no difference either, needs a1 and a2 not different from 0 too.
    """
    values, errors = fit.surface()
    half = quantile * errors
    zero = np.abs(values) <= half
    axis, axis_errors = fit.axis()
    axis_half = quantile * axis_errors
    with np.errstate(invalid="ignore"):
        return {
            "a4 < 0": values[..., 3] < -half[..., 3],
            "a3 = 0": zero[..., 2],
            "a5 = 0": zero[..., 4],
            "p10 = 0": np.abs(axis[..., 2]) <= axis_half[..., 2],
            "p11 = 1": np.abs(axis[..., 3] - 1.0) <= axis_half[..., 3],
            "a1 = 0": zero[..., 0],
            "a2 = 0": zero[..., 1],
        }


CONGRUENCE: Final = ("a4 < 0", "a3 = 0", "a5 = 0", "p10 = 0", "p11 = 1")
STRICT: Final = (*CONGRUENCE, "a1 = 0", "a2 = 0")
