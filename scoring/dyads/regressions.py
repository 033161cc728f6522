"""Regressions of both partners' outcomes on both partners' predictors: many samples at once, or one with its tests."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scoring.dyads.pairs import ROLES, Array, t_table

EFFECTS = ("intercept", "actor", "partner")


@dataclass(frozen=True)
class PairRegressions:
    """The two regressions of an actor-partner model, for one sample or a stack of them (leading axes).

    Attributes
    ----------
    coefficients : ndarray (..., 3, 2)
        Intercept, mentor's predictor, mentee's predictor x mentor's outcome, mentee's outcome.
    inverse : ndarray (..., 3, 3)
        (X'X)^-1.
    residuals : ndarray (..., 2, 2)
        Covariances of the residuals, denominator df.
    df : int
        n - 3.
    """

    coefficients: Array
    inverse: Array
    residuals: Array
    df: int

    def estimates(self) -> Array:
        """Return role x (intercept, actor, partner): (..., 2, 3)."""
        return np.stack([self.coefficients[..., [0, 1, 2], 0], self.coefficients[..., [0, 2, 1], 1]], axis=-2)

    def errors(self) -> Array:
        """Return the standard errors of `estimates`: (..., 2, 3)."""
        own = np.diagonal(self.inverse, axis1=-2, axis2=-1)
        spread = np.diagonal(self.residuals, axis1=-2, axis2=-1)
        return np.sqrt(np.stack([spread[..., :1] * own, spread[..., 1:] * own[..., [0, 2, 1]]], axis=-2))


def regress_pairs(predictors: Array, outcomes: Array) -> PairRegressions:
    """Regress both outcomes on both predictors by least squares.

    Parameters
    ----------
    predictors, outcomes : ndarray (..., n, 2)
        Mentor's and mentee's values, complete; leading axes are separate samples. n is at least 4 and the predictors are neither
        constant nor collinear.

    Returns
    -------
    PairRegressions

    Notes
    -----
    Both regressions have the same predictors, so seemingly unrelated regressions by generalized least squares are the same
    (Zellner, 1962, https://doi.org/10.1080/01621459.1962.10480664).
    """
    n = predictors.shape[-2]
    centre = predictors.mean(axis=-2, keepdims=True)
    x, level = predictors - centre, outcomes.mean(axis=-2, keepdims=True)
    y = outcomes - level
    xt = np.swapaxes(x, -1, -2)
    slopes_inverse = np.linalg.inv(xt @ x)
    slopes = slopes_inverse @ (xt @ y)
    rest = y - x @ slopes
    residuals = np.swapaxes(rest, -1, -2) @ rest / (n - 3)
    # Back from centred predictors: the intercept's row and column of (X'X)^-1.
    cross = -centre @ slopes_inverse
    corner = 1.0 / n - cross @ np.swapaxes(centre, -1, -2)
    inverse = np.concatenate(
        [
            np.concatenate([corner, cross], axis=-1),
            np.concatenate([np.swapaxes(cross, -1, -2), slopes_inverse], axis=-1),
        ],
        axis=-2,
    )
    coefficients = np.concatenate([level - centre @ slopes, slopes], axis=-2)
    return PairRegressions(coefficients, inverse, residuals, n - 3)


def regression_table(found: PairRegressions, confidence: float) -> pd.DataFrame:
    """Return one row per role and effect: estimate, se, df, t, p, low, high."""
    table = t_table(found.estimates().ravel(), found.errors().ravel(), found.df, confidence)
    table.insert(0, "role", [role for role in ROLES for _ in EFFECTS])
    table.insert(1, "effect", list(EFFECTS) * 2)
    return table


def difference_table(found: PairRegressions, confidence: float) -> pd.DataFrame:
    """Return the roles' differences (mentor minus mentee) of actor and partner effects with their t tests."""
    estimates = found.estimates()
    values, errors = [], []
    for effect, mentor, mentee in ((1, 1, 2), (2, 2, 1)):
        values.append(estimates[0, effect] - estimates[1, effect])
        variance = (
            found.residuals[0, 0] * found.inverse[mentor, mentor]
            + found.residuals[1, 1] * found.inverse[mentee, mentee]
            - 2.0 * found.residuals[0, 1] * found.inverse[mentor, mentee]
        )
        errors.append(np.sqrt(max(float(variance), 0.0)))
    table = t_table(np.array(values), np.array(errors), found.df, confidence)
    table.insert(0, "effect", ["actor", "partner"])
    return table
