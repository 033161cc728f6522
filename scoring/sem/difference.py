"""Chi-square difference of two nested fits, with the correction that their estimator needs."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.sem.fit import p_value
from scoring.sem.ordinal import OrdinalProblem, gamma_of
from scoring.sem.result import ConfirmatoryFit

_NEGATIVE: Final = N_(
    "The scaled difference is not positive, which happens in small samples; it is not interpreted."
)
_CONVERGED: Final = N_("One of the two models did not converge, so they are not compared.")


@dataclass(frozen=True)
class Difference:
    """The comparison of a constrained model with the one it is nested in.

    Attributes
    ----------
    chi_square : float or None
        Difference, corrected where the estimator is robust; None when it is not defined, with a note.
    df : int
    p : float or None
    method : "plain", "satorra-bentler 2001" or "satorra 2000"
    notes : tuple of Note
    """

    chi_square: float | None
    df: int
    p: float | None
    method: str
    notes: tuple[Note, ...]


def compare_nested(constrained: ConfirmatoryFit, free: ConfirmatoryFit) -> Difference:
    """Test the constraints that make one model a special case of the other.

    Parameters
    ----------
    constrained, free : ConfirmatoryFit
        Fits to the same prepared data; the first has more degrees of freedom.

    Returns
    -------
    Difference

    Notes
    -----
    ML: difference of the chi-squares. MLM and MLR: Satorra and Bentler (2001), the difference divided by
    `(df0 c0 - df1 c1) / (df0 - df1)`. WLSMV: Satorra (2000), scaled and shifted, with the constraints found from the two Jacobians.
    R: `lavaan::lavTestLRT(free, constrained)`, for WLSMV with `method = "satorra.2000"`.

    References
    ----------
    Satorra, A. (2000). Scaled and adjusted restricted tests in multi-sample analysis of moment structures.
    https://doi.org/10.1007/978-1-4615-4603-0_17
    Satorra, A., & Bentler, P. M. (2001). A scaled difference chi-square test statistic for moment structure analysis.
    Psychometrika, 66, 507-514. https://doi.org/10.1007/BF02296192

    Raises
    ------
    ScoringError
        `sem.nested` when the first model does not have more degrees of freedom than the second.
    """
    df = constrained.measures.df - free.measures.df
    if df <= 0:
        raise ScoringError(
            "sem.nested",
            "The constrained model has %(constrained)d degrees of freedom, the other %(free)d.",
            "Pass the model with more equalities first.",
            constrained=constrained.measures.df,
            free=free.measures.df,
        )
    if not (constrained.converged and free.converged):
        return Difference(None, df, None, "plain", (Note("difference.converged", _CONVERGED),))
    plain = constrained.measures.chi_square - free.measures.chi_square
    if isinstance(free.problem, OrdinalProblem):
        return _satorra_2000(constrained, free, plain, df)
    c0, c1 = constrained.measures.scaling_factor, free.measures.scaling_factor
    if c0 is None and constrained.estimator not in {"MLM", "MLR"}:
        return Difference(plain, df, p_value(plain, df), "plain", ())
    # A saturated model has no factor of its own and weighs nothing.
    weighted = constrained.measures.df * (c0 or 0.0) - free.measures.df * (c1 or 0.0)
    if weighted <= 0:
        return Difference(None, df, None, "satorra-bentler 2001", (Note("difference.negative", _NEGATIVE),))
    value = plain * df / weighted
    return Difference(value, df, p_value(value, df), "satorra-bentler 2001", ())


def _satorra_2000(constrained: ConfirmatoryFit, free: ConfirmatoryFit, plain: float, df: int) -> Difference:
    """The scaled and shifted difference of two fits to ordinal items.

    The constraints `A x = const` in the parameters of the free model are the directions of its Jacobian that the other model's
    Jacobian leaves out.
    """
    from scipy.linalg import null_space

    wide, narrow = free.problem, constrained.problem
    if not isinstance(wide, OrdinalProblem) or not isinstance(narrow, OrdinalProblem):
        raise TypeError("both fits are of ordinal items")
    groups = range(len(wide.groups))
    own = [wide.jacobian(free.x, group) for group in groups]
    other = np.concatenate([narrow.jacobian(constrained.x, group) for group in groups])
    image, *_ = np.linalg.lstsq(np.concatenate(own), other, rcond=None)
    A = null_space(image.T, rcond=1e-8).T
    inverse = np.linalg.inv(wide.information(free.x))
    middle = A.T @ np.linalg.pinv(A @ inverse @ A.T, hermitian=True) @ A
    projector = inverse @ middle @ inverse
    spread = np.zeros_like(inverse)
    for group in groups:
        weighted = own[group] * wide.weights[group][:, None]
        spread += float(wide.shares[group]) * weighted.T @ gamma_of(wide.groups[group]) @ weighted
    product = spread @ projector
    first, second = float(np.trace(product)), float(np.einsum("ij,ji->", product, product))
    a = np.sqrt(df / second)
    value = float(plain * a + df - a * first)
    return Difference(value, df, p_value(value, df), "satorra 2000", ())
