"""What a factor analysis found, how well it fits, and how the factors of two solutions match."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.correlations import Missing, is_regular
from scoring.factors.extraction import Method
from scoring.factors.rotation import RotationMethod, congruence, match_columns

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

# Lorenzo-Seva & ten Berge (2006): from .85 on two factors are similar.
SIMILAR: Final = 0.85
# An item whose loadings point the other way in the second solution.
_OPPOSITE: Final = -0.5


@dataclass(frozen=True)
class FactorSolution:
    """Factors of a set of items.

    Attributes
    ----------
    loadings : DataFrame (items x factors)
        The pattern: regression weights of the items on the factors, standardized. Each column's sum is positive, and the
        factors stand in the order of the variance they explain, so that nothing flips between runs.
    factor_correlations : DataFrame (factors x factors)
        Identity for an orthogonal rotation.
    structure : DataFrame (items x factors)
        Correlations of items with factors, `loadings @ factor_correlations`.
    communalities, uniquenesses : Series
        `diag(loadings @ factor_correlations @ loadings.T)`, and one minus that; a communality above 1 is a Heywood case.
    variance : DataFrame (factors x "ss_loadings", "proportion", "cumulative")
        Explained variance with the correlations between factors counted, `diag(phi L'L)`, and as shares of the items' variance.
    method, rotation, correlations, missing : str
        How it was made; `correlations` is "given" where a matrix was passed.
    objective : float
        What extraction minimized: half the sum of squared residuals, the diagonal included (minres), or `discrepancy` with
        uniquenesses inside their bounds (ml).
    discrepancy : float or None
        Maximum-likelihood discrepancy between the correlations and the solution, `tr(S^-1 R) - ln|S^-1 R| - k`, which the tests
        use for both methods. None when the correlations are not positive definite, with a note.
    chi_square, p : float or None
        `(n - 1 - (2k + 5)/6 - 2m/3) * discrepancy` with `df` degrees of freedom (Bartlett's factor), and its p.
    df : int
        `((k - m)^2 - (k + m)) / 2`.
    rmsea, rmsea_low, rmsea_high : float or None
        With its 90 % interval. None without df, chi-square, or number of respondents.
    tli, bic, rmsr : float or None
        Tucker-Lewis index, `chi_square - df ln n`, and root mean squared residual correlation off the diagonal.
    rotation_criterion : float or None
        Oblimin's criterion or minus varimax's (promax: that of its varimax step); None where nothing was rotated.
    n_minima : int
        Different minima of the rotation criterion that the starts ended in.
    kmo : float or None
        Sampling adequacy of the correlations; below .60 a note says that the structure is not to be interpreted.
    heywood : tuple of str
        Items whose uniqueness stopped at its bound .005 or whose communality is .995 or more.
    n_used : int or None
        Respondents; None for a matrix without a number.
    n_dropped, k_items, k_factors : int
    converged : bool
        Whether extraction and rotation arrived at a minimum.
    notes : tuple of Note
    matrix : DataFrame (items x items)
        The correlations that were analysed.
    unrotated : DataFrame (items x factors)
        Largest factor first.
    transformation : ndarray (m, m)
        `loadings = unrotated @ inv(transformation).T` and `factor_correlations = transformation.T @ transformation`.
    """

    loadings: pd.DataFrame
    factor_correlations: pd.DataFrame
    structure: pd.DataFrame
    communalities: pd.Series
    uniquenesses: pd.Series
    variance: pd.DataFrame
    method: Method
    rotation: RotationMethod
    correlations: str
    missing: Missing
    objective: float
    discrepancy: float | None
    chi_square: float | None
    df: int
    p: float | None
    rmsea: float | None
    rmsea_low: float | None
    rmsea_high: float | None
    tli: float | None
    bic: float | None
    rmsr: float
    rotation_criterion: float | None
    n_minima: int
    kmo: float | None
    heywood: tuple[str, ...]
    n_used: int | None
    n_dropped: int
    k_items: int
    k_factors: int
    converged: bool
    notes: tuple[Note, ...]
    matrix: pd.DataFrame
    unrotated: pd.DataFrame
    transformation: FloatArray


@dataclass(frozen=True)
class FactorFit:
    """How far a solution is from the correlations; see FactorSolution."""

    discrepancy: float | None
    chi_square: float | None
    p: float | None
    rmsea: float | None
    rmsea_low: float | None
    rmsea_high: float | None
    tli: float | None
    bic: float | None
    rmsr: float


def degrees_of_freedom(k_items: int, k_factors: int) -> int:
    """Correlations minus free loadings: `((k - m)^2 - (k + m)) / 2`."""
    return ((k_items - k_factors) ** 2 - (k_items + k_factors)) // 2


def measure_fit(matrix: FloatArray, common: FloatArray, k_factors: int, n: int | None) -> FactorFit:
    """Compare correlations with those that the factors imply.

    Parameters
    ----------
    matrix, common : ndarray (k, k)
        Correlations, and `loadings @ factor_correlations @ loadings.T`; the implied matrix has ones on its diagonal.
    k_factors : int
        Number of factors.
    n : int or None
        Respondents.

    Notes
    -----
    The formulas are those of R's `psych::factor.stats` (TLI and RMSEA after Tucker & Lewis 1973 and Steiger 1990), where a
    matrix that is not positive definite is smoothed first; here it has no chi-square.
    """
    k = len(matrix)
    residual = matrix - common
    np.fill_diagonal(residual, 0.0)
    rmsr = float(np.sqrt((residual**2).sum() / (k * (k - 1))))
    implied = common.copy()
    np.fill_diagonal(implied, 1.0)
    if not (is_regular(matrix) and is_regular(implied)):
        return FactorFit(None, None, None, None, None, None, None, None, rmsr)
    ratio = np.linalg.solve(implied, matrix)
    discrepancy = max(float(np.trace(ratio) - np.linalg.slogdet(ratio)[1] - k), 0.0)
    factor = 0.0 if n is None else n - 1 - (2 * k + 5) / 6 - 2 * k_factors / 3
    if n is None or factor <= 0.0:
        return FactorFit(discrepancy, None, None, None, None, None, None, None, rmsr)

    from scipy.stats import chi2

    df = degrees_of_freedom(k, k_factors)
    chi_square = max(discrepancy * factor, 0.0)
    if df == 0:
        return FactorFit(discrepancy, chi_square, None, None, None, None, None, chi_square, rmsr)
    null = -float(np.linalg.slogdet(matrix)[1]) * 2 / (k * (k - 1))
    tli = (null - discrepancy / df) / (null - 1 / factor)
    low, high = _rmsea_interval(chi_square, df, n)
    return FactorFit(
        discrepancy,
        chi_square,
        float(chi2.sf(chi_square, df)),
        float(np.sqrt(max(chi_square / (df * n) - 1 / (n - 1), 0.0))),
        low,
        high,
        tli,
        chi_square - df * float(np.log(n)),
        rmsr,
    )


def _rmsea_interval(chi_square: float, df: int, n: int, tail: float = 0.05) -> tuple[float, float]:
    """The RMSEA whose noncentral chi-square leaves a tail of .05 beyond the observed one, on either side."""
    from scipy.optimize import brentq
    from scipy.special import chndtr

    ends = []
    for share in (1.0 - tail, tail):
        if chndtr(chi_square, df, 0.0) <= share:
            ends.append(0.0)
            continue
        highest = max(n, chi_square) + 2.0 * n
        while chndtr(chi_square, df, highest) > share:
            highest *= 2.0
        noncentrality = brentq(
            lambda x, level=share: chndtr(chi_square, df, x) - level, 0.0, highest, xtol=1e-10
        )
        ends.append(float(np.sqrt(noncentrality / (n - 1) / df)))
    return ends[0], ends[1]


@dataclass(frozen=True)
class FactorAlignment:
    """The factors of a second solution beside those of a first.

    Attributes
    ----------
    solution : FactorSolution
        The second solution, its factors in the order and with the signs of the first.
    order : tuple of str
        Which factor of the second solution stands for each factor of the first.
    signs : tuple of int
        1 or -1 for each of them.
    congruence : Series
        Tucker's coefficient of each pair of factors, -1 to 1; from .85 on similar, from .95 on equal.
    items : Series
        The same coefficient over the loadings of each item, -1 to 1; an item keyed the other way has a negative one.
    converged : bool
        Whether every factor found a similar one and no item points the other way.
    notes : tuple of Note
    """

    solution: FactorSolution
    order: tuple[str, ...]
    signs: tuple[int, ...]
    congruence: pd.Series
    items: pd.Series
    converged: bool
    notes: tuple[Note, ...]


_DIFFERENT = N_("Factor %(factor)s has no counterpart: its congruence with the nearest is %(value).2f.")
_TURNED = N_("Item %(item)s loads the other way round in the second solution; compare its keys.")


def align_factors(a: FactorSolution, b: FactorSolution) -> FactorAlignment:
    """Match the factors of `b` to those of `a` in order and sign.

    Parameters
    ----------
    a, b : FactorSolution
        Of the same items, in any order, and the same number of factors.

    Returns
    -------
    FactorAlignment

    Notes
    -----
    Missing data: none. The order and signs with the largest sum of absolute congruences are taken; loadings, factor
    correlations and everything else of `b` are permuted together.

    References
    ----------
    Tucker, L. R. (1951). A method for synthesis of factor analysis studies (Personnel Research Section Report No. 984).
    Department of the Army.
    Lorenzo-Seva, U., & ten Berge, J. M. F. (2006). Tucker's congruence coefficient as a meaningful index of factor similarity.
    Methodology, 2, 57-64. https://doi.org/10.1027/1614-2241.2.2.57

    Raises
    ------
    ScoringError
        `align.items` for different items, `align.factors` for different numbers of factors.
    """
    if set(a.loadings.index) != set(b.loadings.index):
        odd = sorted(set(a.loadings.index) ^ set(b.loadings.index))
        raise ScoringError(
            "align.items",
            "Item %(item)s is in one of the two solutions only.",
            "Fit both solutions to the same items.",
            item=str(odd[0]),
        )
    if a.k_factors != b.k_factors:
        raise ScoringError(
            "align.factors",
            "The solutions have %(first)d and %(second)d factors.",
            "Fit both with the same number of factors.",
            first=a.k_factors,
            second=b.k_factors,
        )
    first = a.loadings.to_numpy()
    order, signs = match_columns(first, b.loadings.loc[a.loadings.index].to_numpy()[None])
    moved = reorder(b, order[0], signs[0], list(a.loadings.columns))
    second = moved.loadings.loc[a.loadings.index].to_numpy()
    factors = pd.Series(np.diag(congruence(first, second)), index=a.loadings.columns)
    items = pd.Series(np.diag(congruence(first.T, second.T)), index=a.loadings.index)
    notes = [
        Note("align.different", _DIFFERENT, {"factor": str(factor), "value": float(value)})
        for factor, value in factors.items()
        if value < SIMILAR
    ]
    notes += [
        Note("align.turned", _TURNED, {"item": str(item)})
        for item, value in items.items()
        if value < _OPPOSITE
    ]
    return FactorAlignment(
        moved,
        tuple(str(b.loadings.columns[place]) for place in order[0]),
        tuple(int(sign) for sign in signs[0]),
        factors,
        items,
        not notes,
        tuple(notes),
    )


def reorder(
    solution: FactorSolution, order: np.ndarray[Any, Any], signs: FloatArray, names: list[str]
) -> FactorSolution:
    """The same solution with its factors in another order, with other signs and names."""
    turn = np.outer(signs, signs)
    correlations = solution.factor_correlations.to_numpy()[np.ix_(order, order)] * turn
    variance = solution.variance.iloc[order].copy()
    variance["cumulative"] = variance["proportion"].cumsum()
    items = solution.loadings.index
    return replace(
        solution,
        loadings=pd.DataFrame(solution.loadings.to_numpy()[:, order] * signs, index=items, columns=names),
        structure=pd.DataFrame(solution.structure.to_numpy()[:, order] * signs, index=items, columns=names),
        factor_correlations=pd.DataFrame(correlations, index=names, columns=names),
        variance=variance.set_axis(names, axis=0),
        transformation=solution.transformation[:, order] * signs,
    )


def name_factors(k_factors: int) -> list[str]:
    """F1, F2 and so on."""
    return [f"F{number}" for number in range(1, k_factors + 1)]
