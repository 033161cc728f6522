"""Common factors: extraction, rotation, and what is said about the solution."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.adequacy import (
    KMO_FLOOR,
    kaiser_meyer_olkin,
)
from scoring.factors.correlations import (
    CorrelationMatrix,
    Correlations,
    Missing,
    check_seed,
    read_correlations,
)
from scoring.factors.extraction import (
    LOWER,
    Extraction,
    Method,
    descend_likelihood,
    extract_factors,
    start_uniquenesses,
)
from scoring.factors.rotation import VARIMAX_GROWTH, Rotation, RotationMethod, rotate_loadings
from scoring.factors.solution import (
    FactorFit,
    FactorSolution,
    degrees_of_freedom,
    measure_fit,
    name_factors,
)

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Minimum = Literal["usual", "lowest"]

N_FLOOR: Final = 100
N_PER_ITEM: Final = 5
POLYCHORIC_FLOOR: Final = 200
RMSEA_DF_FLOOR: Final = 5
HEYWOOD: Final = 0.995
# Random starts of the extraction that look for a lower minimum than the usual one.
_EXTRA_STARTS: Final = 20
_SAME_MINIMUM: Final = 1e-6
_ROUGH: Final = 1e-4
_NO_LOADING: Final = 1e-6


def fit_factors(
    items: pd.DataFrame,
    k_factors: int,
    *,
    method: Method = "minres",
    rotation: RotationMethod = "oblimin",
    correlations: Correlations = "pearson",
    missing: Missing = "listwise",
    n: int | None = None,
    minimum: Minimum = "usual",
    n_starts: int = 30,
    seed: int = 0,
    varimax_growth: float = VARIMAX_GROWTH,
) -> FactorSolution:
    """Extract and rotate common factors.

    Parameters
    ----------
    items : DataFrame
        Respondents x items, keyed values in any unit; or a correlation matrix with the items' names on both sides.
    k_factors : int
        1 or more, as many as leave the degrees of freedom at 0 or above.
    method : "minres" or "ml"
        Minimum residuals (unweighted least squares) or maximum likelihood.
    rotation : "oblimin", "promax", "varimax" or "none"
        Direct oblimin (gamma 0) and promax (power 4) let the factors correlate.
    correlations : "pearson" or "polychoric"
        For items. Polychoric correlations want 200 respondents and no empty cells; notes say where that fails.
    missing : "listwise" or "pairwise"
        Of items: complete rows, or all who answered both items of a pair.
    n : int, optional
        Respondents behind a correlation matrix; without it there are no tests.
    minimum : "usual" or "lowest"
        Of several minima of the extraction, the one that R's programs arrive at, or the lowest that twenty random starts find.
    n_starts, seed : int
        Random starts of the rotation, and their seed; the same seed gives the same solution.
    varimax_growth : float
        Relative growth of the criterion at which varimax (and the varimax inside promax) stops. R's 1e-5 by default; 0 rotates on
        to the maximum, which is up to .006 away on ordinary data.

    Returns
    -------
    FactorSolution
        Heywood cases and non-convergence are marked and noted, never repaired.

    Notes
    -----
    Missing data: listwise drops rows with a missing answer; pairwise takes all who answered both items, and tests count the
    fewest respondents behind any correlation.

    minres starts at squared multiple correlations, ml at the end of the path that R's programs take; both are solved by Newton's
    method with exact second derivatives. factor_analyzer's minres loadings are right too (to about 1e-5, kept as a test), but its
    optimizer takes as long as all of this, and the bootstrap of loadings needs ours anyway. Uniquenesses stay between .005 and 1.
    Where one is near its bound, twenty random starts look for lower minima; one that is found is noted, and taken only when
    `minimum` says so: with too many factors it often lies at a bound, and R's
    programs stop at the usual one. Not used: factor_analyzer's rotation. It sorts the factors of an oblique rotation but not
    `phi_` (wrong by up to .5 with five factors), and ignores phi in communalities and explained variance.

    Compared with R: loadings and factor correlations are those of direct oblimin solved to the end (GPArotation from many
    starts); `psych::fa(fm = , rotate = )`, whose optimizer stops earlier, is within 3e-4. Chi-square, RMSEA with interval, TLI,
    BIC and RMSR are psych's.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika, 31, 351-368.
    https://doi.org/10.1007/BF02289468
    Joreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika, 32, 443-482.
    https://doi.org/10.1007/BF02289658
    Jennrich, R. I. (2002). A simple general method for oblique rotation. Psychometrika, 67, 7-19.
    https://doi.org/10.1007/BF02294706

    Raises
    ------
    ScoringError
        `factors.items`, `.column`, `.number` for columns that are no items; `.rows`, `.empty`, `.constant`, `.pair` for answers
        without correlations; `.matrix` for a matrix that is none of correlations; `.few`, `.k_factors`, `.absent` for too few
        items or too many factors; `.method`, `.rotation`, `.correlations`, `.missing`, `.minimum`, `.n`, `.starts`, `.seed` for options that
        do not exist; `.singular` for maximum likelihood with items that repeat one another.
    """
    _check_options(method, rotation, minimum, n_starts)
    check_seed(seed, "factors")
    read = read_correlations(items, "factors", correlations=correlations, missing=missing, n=n)
    k_items = len(read.items)
    _check_number(k_factors, k_items)
    regular = read.regular
    if method == "ml" and not regular:
        raise ScoringError(
            "factors.singular",
            "Some items can be computed exactly from others, so there is no likelihood.",
            "Leave out items that repeat others, or use method “minres”.",
        )
    extraction, lower = _extract(read.values, k_factors, method, minimum)
    unrotated = _turn_positive(extraction.loadings[0])
    _check_loadings(unrotated)
    rotated = rotate_loadings(
        unrotated, rotation, n_starts=n_starts, seed=seed, varimax_growth=varimax_growth
    )
    fit = measure_fit(read.values, unrotated @ unrotated.T, k_factors, read.n_smallest)
    kmo = kaiser_meyer_olkin(read.values)[1] if regular else None
    notes = (
        *read.notes,
        *_describe_sample(read, kmo),
        *_describe_solution(extraction, lower, rotated),
        *_describe_fit(read, fit, k_factors),
    )
    return _assemble(read, (method, rotation), extraction, unrotated, rotated, fit, kmo, notes)


def _check_options(method: str, rotation: str, minimum: str, n_starts: int) -> None:
    for code, given, known in (
        ("method", method, ("minres", "ml")),
        ("rotation", rotation, ("oblimin", "promax", "varimax", "none")),
        ("minimum", minimum, ("usual", "lowest")),
    ):
        if given not in known:
            raise ScoringError(
                f"factors.{code}",
                "“%(given)s” is not known.",
                "Use one of: %(known)s.",
                given=str(given),
                known=", ".join(known),
            )
    if n_starts < 0:
        raise ScoringError(
            "factors.starts", "%(n)d random starts cannot be made.", "Pass 0 or more.", n=n_starts
        )


def _check_number(k_factors: int, k_items: int) -> None:
    """The model needs at least as many correlations as free loadings."""
    most = 0
    while most + 1 < k_items and degrees_of_freedom(k_items, most + 1) >= 0:
        most += 1
    if most == 0:
        raise ScoringError(
            "factors.few",
            "%(k_items)d items are too few for a common factor: their correlations do not determine it.",
            "Use three items or more.",
            k_items=k_items,
        )
    if not isinstance(k_factors, int | np.integer) or not 1 <= k_factors <= most:
        raise ScoringError(
            "factors.k_factors",
            "%(k_factors)s factors cannot be found among %(k_items)d items: the degrees of freedom would be below 0.",
            "With these items ask for 1 to %(most)d factors; a factor needs three items.",
            k_factors=k_factors,
            k_items=k_items,
            most=most,
        )


def _extract(
    matrix: FloatArray, k_factors: int, method: Method, minimum: Minimum
) -> tuple[Extraction, float | None]:
    """The solution at the minimum asked for, and the objective of a lower one if random starts found it."""
    start = descend_likelihood(matrix, k_factors) if method == "ml" else start_uniquenesses(matrix[None])
    usual = extract_factors(np.broadcast_to(matrix, (len(start), *matrix.shape)), k_factors, method, start)
    best = int(np.where(usual.converged, usual.objective, np.inf).argmin())
    only = slice(best, best + 1)
    chosen = Extraction(
        usual.uniquenesses[only], usual.loadings[only], usual.objective[only], usual.converged[only]
    )
    smooth = bool(chosen.converged[0]) and float(chosen.uniquenesses.min()) > 1.0 - HEYWOOD
    if smooth and minimum == "usual":
        # Other minima come with loadings near 1; where there are none a search would only cost time.
        return chosen, None
    random = np.random.default_rng(0).uniform(0.05, 0.95, size=(_EXTRA_STARTS, len(matrix)))
    # The objective is flat where the search ends, so a rough stop shows its level.
    others = extract_factors(
        np.broadcast_to(matrix, (_EXTRA_STARTS, *matrix.shape)), k_factors, method, random, tolerance=_ROUGH
    )
    objective = np.where(others.converged, others.objective, np.inf)
    lowest = int(objective.argmin())
    if objective[lowest] >= chosen.objective[0] - _SAME_MINIMUM:
        return chosen, None
    if minimum == "usual":
        return chosen, float(objective[lowest])
    start = others.uniquenesses[lowest : lowest + 1]
    return extract_factors(matrix[None], k_factors, method, start), None


def _turn_positive(loadings: FloatArray) -> FloatArray:
    """Columns whose sum is not negative."""
    return loadings * np.where(loadings.sum(axis=0) < 0.0, -1.0, 1.0)


def _check_loadings(unrotated: FloatArray) -> None:
    """Every factor must be there; one without loadings cannot be rotated."""
    present = int((np.abs(unrotated).max(axis=0) > _NO_LOADING).sum())
    if present < unrotated.shape[1]:
        raise ScoringError(
            "factors.absent",
            "The items hold %(present)d common factors at most; %(k_factors)d were asked for.",
            "Ask for fewer factors.",
            present=present,
            k_factors=unrotated.shape[1],
        )


@dataclass(frozen=True)
class _Ordered:
    """A rotated solution in its fixed order and signs."""

    loadings: FloatArray
    factor_correlations: FloatArray
    transformation: FloatArray
    explained: FloatArray


def _fix_order(rotated: Rotation) -> _Ordered:
    """Factors by the variance they explain, ties as they came, each with a positive sum of loadings."""
    L, phi = rotated.loadings, rotated.factor_correlations
    explained = np.diag(phi @ L.T @ L)
    # Rounding must not decide between equal factors.
    order = np.argsort(-np.round(explained, 10), kind="stable")
    signs = np.where(L[:, order].sum(axis=0) < 0.0, -1.0, 1.0)
    correlations = phi[np.ix_(order, order)] * np.outer(signs, signs)
    np.fill_diagonal(correlations, 1.0)
    return _Ordered(
        L[:, order] * signs, correlations, rotated.transformation[:, order] * signs, explained[order]
    )


def _assemble(
    read: CorrelationMatrix,
    how: tuple[Method, RotationMethod],
    extraction: Extraction,
    unrotated: FloatArray,
    rotated: Rotation,
    fit: FactorFit,
    kmo: float | None,
    notes: tuple[Note, ...],
) -> FactorSolution:
    """Put names on the arrays."""
    ordered = _fix_order(rotated)
    k_items, k_factors = unrotated.shape
    items, factors = list(read.items), name_factors(k_factors)
    communalities = (unrotated**2).sum(axis=1)
    shares = ordered.explained / k_items
    variance = np.column_stack([ordered.explained, shares, np.cumsum(shares)])

    def frame(values: FloatArray, index: list[str] = items, columns: list[str] = factors) -> pd.DataFrame:
        return pd.DataFrame(values, index=index, columns=columns)

    return FactorSolution(
        loadings=frame(ordered.loadings),
        factor_correlations=frame(ordered.factor_correlations, factors),
        structure=frame(ordered.loadings @ ordered.factor_correlations),
        communalities=pd.Series(communalities, index=items),
        uniquenesses=pd.Series(1.0 - communalities, index=items),
        variance=frame(variance, factors, ["ss_loadings", "proportion", "cumulative"]),
        method=how[0],
        rotation=how[1],
        correlations=read.kind,
        missing=read.missing,
        objective=float(extraction.objective[0]),
        discrepancy=fit.discrepancy,
        chi_square=fit.chi_square,
        df=degrees_of_freedom(k_items, k_factors),
        p=fit.p,
        rmsea=fit.rmsea,
        rmsea_low=fit.rmsea_low,
        rmsea_high=fit.rmsea_high,
        tli=fit.tli,
        bic=fit.bic,
        rmsr=fit.rmsr,
        rotation_criterion=rotated.criterion,
        n_minima=rotated.n_minima,
        kmo=kmo,
        heywood=_find_heywood(read, extraction),
        n_used=read.n_used,
        n_dropped=read.n_dropped,
        k_items=k_items,
        k_factors=k_factors,
        converged=bool(extraction.converged[0]) and rotated.converged,
        notes=notes + _describe_heywood(_find_heywood(read, extraction)),
        matrix=frame(read.values, items, items),
        unrotated=frame(unrotated),
        transformation=ordered.transformation,
    )


def _find_heywood(read: CorrelationMatrix, extraction: Extraction) -> tuple[str, ...]:
    """Items at the bound of uniqueness, or with next to none."""
    communalities = (extraction.loadings[0] ** 2).sum(axis=1)
    improper = (extraction.uniquenesses[0] <= LOWER + 1e-9) | (communalities >= HEYWOOD)
    return tuple(item for item, wrong in zip(read.items, improper, strict=True) if wrong)


_N_UNKNOWN = N_("The number of respondents is not known, so there are no tests.")
_N_LOW = N_("%(n)d respondents are fewer than the %(minimum)d that a factor analysis of %(k)d items needs.")
_KMO = N_("The items share too little (KMO %(kmo).2f, below %(floor).2f): the structure is not interpreted.")
_SINGULAR = N_("Some items can be computed exactly from others, so their sampling adequacy does not exist.")
_POLYCHORIC_N = N_(
    "%(n)d respondents are fewer than the %(minimum)d that polychoric correlations want; compare with Pearson."
)
_HEYWOOD = N_("%(items)s leave no uniqueness (Heywood case): too many factors, or too few respondents.")
_UNCONVERGED = N_("The extraction did not arrive at a minimum; the loadings are not to be used.")
_ROTATION = N_("The rotation did not arrive at a minimum; the loadings are not to be used.")
_MINIMA = N_("The rotation has %(n)d different minima; the lowest is shown, another reading is possible.")
_LOWER_MINIMUM = N_(
    "Another solution fits slightly better (%(other).6f against %(objective).6f), a sign of too many factors."
)
_SATURATED = N_("There are as many loadings as correlations, so fit cannot be judged.")
_RMSEA = N_("RMSEA is not interpreted with fewer than %(minimum)d degrees of freedom.")
_DESCRIPTIVE = N_(
    "With polychoric correlations chi-square and what follows from it describe the fit; they do not test it."
)


def _describe_sample(read: CorrelationMatrix, kmo: float | None) -> tuple[Note, ...]:
    """Notes on the number of respondents and on what the items share."""
    notes = []
    n, k = read.n_used, len(read.items)
    minimum = max(N_FLOOR, N_PER_ITEM * k)
    if n is None:
        notes.append(Note("factors.n_unknown", _N_UNKNOWN))
    elif n < minimum:
        notes.append(Note("factors.n_low", _N_LOW, {"n": n, "minimum": minimum, "k": k}))
    if read.kind == "polychoric" and n is not None and n < POLYCHORIC_FLOOR:
        notes.append(Note("factors.polychoric_n", _POLYCHORIC_N, {"n": n, "minimum": POLYCHORIC_FLOOR}))
    if kmo is None:
        notes.append(Note("factors.singular", _SINGULAR))
    elif kmo < KMO_FLOOR:
        notes.append(Note("factors.kmo", _KMO, {"kmo": kmo, "floor": KMO_FLOOR}))
    return tuple(notes)


def _describe_solution(extraction: Extraction, lower: float | None, rotated: Rotation) -> tuple[Note, ...]:
    """Notes on convergence and on other minima."""
    notes = []
    if not extraction.converged[0]:
        notes.append(Note("factors.unconverged", _UNCONVERGED))
    if lower is not None:
        params = {"other": lower, "objective": float(extraction.objective[0])}
        notes.append(Note("factors.lower_minimum", _LOWER_MINIMUM, params))
    if not rotated.converged:
        notes.append(Note("factors.rotation", _ROTATION))
    if rotated.n_minima > 1:
        notes.append(Note("factors.minima", _MINIMA, {"n": rotated.n_minima}))
    return tuple(notes)


def _describe_heywood(heywood: tuple[str, ...]) -> tuple[Note, ...]:
    return (Note("factors.heywood", _HEYWOOD, {"items": ", ".join(heywood)}),) if heywood else ()


def _describe_fit(read: CorrelationMatrix, fit: FactorFit, k_factors: int) -> tuple[Note, ...]:
    """Notes on what cannot be said of the fit."""
    notes = []
    df = degrees_of_freedom(len(read.items), k_factors)
    if df == 0:
        notes.append(Note("factors.saturated", _SATURATED))
    elif df < RMSEA_DF_FLOOR and fit.rmsea is not None:
        notes.append(Note("factors.rmsea", _RMSEA, {"minimum": RMSEA_DF_FLOOR}))
    if fit.discrepancy is not None and fit.chi_square is None and read.n_used is not None:
        notes.append(Note("factors.n_tests", _N_TESTS, {"n": read.n_smallest or 0}))
    if fit.discrepancy is None:
        notes.append(Note("factors.indefinite", _INDEFINITE))
    elif read.kind == "polychoric" and fit.chi_square is not None:
        notes.append(Note("factors.descriptive", _DESCRIPTIVE))
    return tuple(notes)


_N_TESTS = N_("%(n)d respondents are too few for any test of the fit.")
_INDEFINITE = N_(
    "Correlations or solution are not positive definite, so there is no chi-square and what follows from it."
)
