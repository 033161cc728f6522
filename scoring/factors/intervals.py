"""How certain the loadings of a factor solution are: percentile intervals from respondents, or whole pairs, drawn again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.correlations import check_seed, correlate_pairs, standardize
from scoring.factors.extraction import extract_factors
from scoring.factors.rotation import (
    kaiser_weights,
    match_columns,
    promax_transformations,
    rotate_oblimin,
    rotate_varimax,
)
from scoring.factors.solution import FactorSolution
from scoring.frames import check_numeric_items
from scoring.resampling import (
    PERCENTILE_MINIMUM,
    draw_statistic,
    prepare_draws,
    renumber,
)

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.intp]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

# Draws solved at once; bounds the working memory.
_CHUNK: Final = 250
# Intervals carry sampling noise in the second digit, so draws need no more digits than these.
_EXTRACTED: Final = 1e-6
_ROTATED: Final = 1e-4
_SAME: Final = 1e-6


@dataclass(frozen=True)
class LoadingIntervals:
    """Percentile bootstrap intervals of a factor solution.

    Attributes
    ----------
    low, high, standard_errors : DataFrame (items x factors)
        Of the loadings.
    correlations_low, correlations_high : DataFrame (factors x factors)
        Of the factor correlations; ones on the diagonal.
    confidence : float
    n_draws : int
        Draws asked for.
    n_failed : int
        Draws left out because they had no correlations or did not converge.
    n_heywood : int
        Draws with an item without uniqueness; they are kept.
    n_clusters : int
        Independent respondents or pairs that were drawn.
    seed : int
    n_used, n_dropped, k_items, k_factors : int
    converged : bool
        False when more than a tenth of the draws failed.
    notes : tuple of Note
    """

    low: pd.DataFrame
    high: pd.DataFrame
    standard_errors: pd.DataFrame
    correlations_low: pd.DataFrame
    correlations_high: pd.DataFrame
    confidence: float
    n_draws: int
    n_failed: int
    n_heywood: int
    n_clusters: int
    seed: int
    n_used: int
    n_dropped: int
    k_items: int
    k_factors: int
    converged: bool
    notes: tuple[Note, ...]


def loading_intervals(
    items: pd.DataFrame,
    solution: FactorSolution,
    *,
    n_draws: int = 1_000,
    confidence: float = 0.95,
    clusters: pd.Series | None = None,
    seed: int = 0,
) -> LoadingIntervals:
    """Draw respondents again, fit each draw as the solution was fitted, and take percentiles of the aligned loadings.

    Parameters
    ----------
    items : DataFrame, respondents x items
        The answers that the solution was fitted to.
    solution : FactorSolution
        Fitted to these items, not to a matrix.
    n_draws : int
        2 or more; 1000 for stable ends.
    confidence : float
        Between 0 and 1.
    clusters : Series, optional
        The pair of each row, with the index of `items`: whole pairs are drawn.
    seed : int
        Of the draws.

    Returns
    -------
    LoadingIntervals

    Notes
    -----
    Missing data: the solution's rule, listwise or pairwise, in every draw.

    Every draw is extracted from the solution's uniquenesses and rotated from the solution's position, after its unrotated factors
    have been turned towards the solution's (orthogonal Procrustes), so that it ends in the same minimum; what is left of another
    order or sign is matched by congruence. Differences of position between draws therefore do not widen the intervals.
    `psych::fa(n.iter = )` matches by a target rotation, which bends each draw towards the solution, and takes normal intervals.

    Cost: one product of matrices per chunk of draws, and steps that all draws take together; from 20,000 respondents on they are
    drawn in random blocks, and a note says so. Polychoric solutions count and solve
    all pairs in every draw and take some ten times as long.

    References
    ----------
    Zhang, G., Preacher, K. J., & Luo, S. (2010). Bootstrap confidence intervals for ordinary least squares factor loadings and
    correlations in exploratory factor analysis. Multivariate Behavioral Research, 45, 104-134.
    https://doi.org/10.1080/00273170903504836

    Raises
    ------
    ScoringError
        `bootstrap.percentile` below 100 independent respondents or pairs; `bootstrap.draws`, `bootstrap.clusters`,
        `bootstrap.confidence`, `bootstrap.seed`; `loadings.items` for items that are not those of the solution; `loadings.solution` for answers
        that do not give the solution's correlations.
    """
    if not 0.0 < confidence < 1.0:
        raise ScoringError(
            "bootstrap.confidence",
            "An interval cannot have the coverage %(confidence)s.",
            "Pass a number between 0 and 1, such as .95.",
            confidence=float(confidence),
        )
    check_seed(seed, "bootstrap")
    values = _check_items(items, solution)
    codes = prepare_draws(values, clusters, n_draws)
    answered = values.notna().to_numpy()
    used = answered.all(axis=1) if solution.missing == "listwise" else answered.sum(axis=1) > 1
    numbers = np.ascontiguousarray(values.to_numpy()[used].T)
    codes = renumber(codes, used)
    n_used = int(used.sum())
    n_clusters = n_used if codes is None else int(codes.max(initial=-1)) + 1
    if n_clusters < PERCENTILE_MINIMUM:
        raise ScoringError(
            "bootstrap.percentile",
            "A percentile interval needs at least %(minimum)d independent pairs or people; there are %(n)d.",
            "Collect more answers; below this size no interval of loadings is given.",
            minimum=PERCENTILE_MINIMUM,
            n=n_clusters,
        )
    matrices, notes = _draw_correlations(numbers, codes, solution, n_draws, np.random.default_rng(seed))
    draws = _fit_draws(matrices, solution)
    rows = (n_used, len(values))
    return _summarize(solution, draws, confidence, (n_draws, n_clusters, seed), rows, notes)


def _check_items(items: pd.DataFrame, solution: FactorSolution) -> pd.DataFrame:
    values = check_numeric_items(items, "loadings")
    names = [str(item) for item in values.columns]
    if names != list(solution.loadings.index) or solution.correlations == "given":
        raise ScoringError(
            "loadings.items",
            "The solution was not fitted to these answers.",
            "Pass the table that fit_factors() was called with, its columns in the same order.",
        )
    return values


def _draw_correlations(
    numbers: FloatArray,
    codes: IntArray | None,
    solution: FactorSolution,
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, tuple[Note, ...]]:
    """Correlations of the draws (n_draws, k, k), NaN where a draw has none, and a note where rows were drawn in blocks."""
    complete = not np.isnan(numbers).any()
    if solution.correlations == "pearson" and complete:
        _check_correlations(np.asarray(np.corrcoef(numbers)), solution)
        return draw_statistic(numbers.T, codes, n_draws, rng, _correlate)
    weights = _draw_weights(numbers.shape[1], codes, n_draws, rng)
    if solution.correlations == "pearson":
        ready, known = standardize(numbers), (~np.isnan(numbers)).astype(np.float64)
        _check_correlations(correlate_pairs(ready, known), solution)
        return np.stack([correlate_pairs(ready, known, weight) for weight in weights]), ()
    from scoring.factors.polychoric_stacks import solve_polychoric
    from scoring.ordinal import read_codes

    ranks = read_codes(pd.DataFrame(numbers.T, columns=solution.loadings.index)).ranks
    width = int(ranks.max()) + 1
    _check_correlations(solve_polychoric(iter([ranks]), 1, width)[0], solution)
    return solve_polychoric((ranks for _ in range(n_draws)), n_draws, width, weights), ()


def _correlate(covariances: FloatArray) -> FloatArray:
    """Correlations of a stack of covariance matrices, NaN where an item does not vary."""
    spread = np.sqrt(np.maximum(np.diagonal(covariances, axis1=1, axis2=2), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return covariances / (spread[:, :, None] * spread[:, None, :])


def _check_correlations(matrix: FloatArray, solution: FactorSolution) -> None:
    if not np.allclose(matrix, solution.matrix.to_numpy(), atol=_SAME):
        raise ScoringError(
            "loadings.solution",
            "These answers do not give the correlations that the solution was fitted to.",
            "Pass the table that fit_factors() was called with, with the same rows.",
        )


def _draw_weights(
    n: int, codes: IntArray | None, n_draws: int, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """How often each row is in each draw."""
    n_clusters = n if codes is None else int(codes.max()) + 1
    for _ in range(n_draws):
        counts = np.bincount(rng.integers(0, n_clusters, size=n_clusters), minlength=n_clusters)
        yield (counts if codes is None else counts[codes]).astype(np.float64)


@dataclass(frozen=True)
class _Draws:
    """The solutions of all draws: loadings (draws, k, m), factor correlations (draws, m, m), NaN where a draw failed."""

    loadings: FloatArray
    factor_correlations: FloatArray
    heywood: BoolArray


def _fit_draws(matrices: FloatArray, solution: FactorSolution) -> _Draws:
    """Extract and rotate all draws, chunk by chunk."""
    k, m = solution.loadings.shape
    loadings = np.full((len(matrices), k, m), np.nan)
    correlations = np.full((len(matrices), m, m), np.nan)
    heywood = np.zeros(len(matrices), dtype=bool)
    chosen = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    if solution.method == "ml":
        chosen = chosen[np.linalg.eigvalsh(matrices[chosen])[:, 0] > 1e-10]
    for begin in range(0, len(chosen), _CHUNK):
        places = chosen[begin : begin + _CHUNK]
        start = np.broadcast_to(solution.uniquenesses.to_numpy(), (len(places), k))
        found = extract_factors(matrices[places], m, solution.method, start, tolerance=_EXTRACTED)
        turned = _turn_towards(solution.unrotated.to_numpy(), found.loadings)
        rotated, transformations, arrived = _rotate_draws(turned, solution)
        order, signs = match_columns(solution.loadings.to_numpy(), rotated)
        rotated = np.take_along_axis(rotated, order[:, None, :], axis=2) * signs[:, None, :]
        transformations = np.take_along_axis(transformations, order[:, None, :], axis=2) * signs[:, None, :]
        good = found.converged & arrived
        loadings[places[good]] = rotated[good]
        correlations[places[good]] = (transformations.swapaxes(1, 2) @ transformations)[good]
        heywood[places] = ((found.loadings**2).sum(axis=2) >= 0.995).any(axis=1)
    return _Draws(loadings, correlations, heywood)


def _turn_towards(target: FloatArray, stack: FloatArray) -> FloatArray:
    """Each matrix of a stack turned to the orthogonal position nearest to the target."""
    left, _, right = np.linalg.svd(stack.swapaxes(1, 2) @ target)
    return stack @ (left @ right)


def _rotate_draws(stack: FloatArray, solution: FactorSolution) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Rotate a stack from the solution's position: loadings, transformations, and whether each arrived."""
    m = stack.shape[2]
    begin = np.broadcast_to(solution.transformation, (len(stack), m, m))
    if solution.rotation == "none" or m == 1:
        return stack, np.broadcast_to(np.eye(m), begin.shape), np.ones(len(stack), dtype=bool)
    if solution.rotation == "oblimin":
        found = rotate_oblimin(stack, begin, tolerance=_ROTATED)
        transformations, arrived = found.transformations, found.converged
    else:
        # Orthogonal position nearest to the solution's, which for varimax is the solution's own.
        left, _, right = np.linalg.svd(begin)
        found = rotate_varimax(stack / kaiser_weights(stack), left @ right)
        transformations, arrived = found.transformations, found.converged
        if solution.rotation == "promax":
            transformations = promax_transformations(stack, transformations)
    return stack @ np.linalg.inv(transformations).swapaxes(1, 2), transformations, arrived


_FAILED = N_("%(failed)d of %(draws)d draws had no solution and are left out.")
_MANY_FAILED = N_("%(failed)d of %(draws)d draws had no solution, so there are no intervals.")
_HEYWOOD = N_("In %(heywood)d of %(draws)d draws an item had no uniqueness left: the solution is unstable.")
_SHARE: Final = 0.10


def _summarize(
    solution: FactorSolution,
    draws: _Draws,
    confidence: float,
    how: tuple[int, int, int],
    rows: tuple[int, int],
    drawn_notes: tuple[Note, ...],
) -> LoadingIntervals:
    """Percentiles over the draws that have a solution."""
    n_draws, n_clusters, seed = how
    good = np.isfinite(draws.loadings).all(axis=(1, 2))
    n_failed = n_draws - int(good.sum())
    n_heywood = int(draws.heywood[good].sum())
    enough = n_failed <= _SHARE * n_draws
    notes = list(drawn_notes)
    if n_failed:
        template = _FAILED if enough else _MANY_FAILED
        notes.append(Note("loadings.failed", template, {"failed": n_failed, "draws": n_draws}))
    if n_heywood > _SHARE * n_draws:
        notes.append(Note("loadings.heywood", _HEYWOOD, {"heywood": n_heywood, "draws": n_draws}))
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    items, factors = solution.loadings.index, solution.loadings.columns
    k, m = solution.loadings.shape
    ends, errors, turns = np.full((2, k, m), np.nan), np.full((k, m), np.nan), np.full((2, m, m), np.nan)
    if enough:
        ends = np.quantile(draws.loadings[good], tails, axis=0)
        errors = draws.loadings[good].std(axis=0, ddof=1)
        turns = np.quantile(draws.factor_correlations[good], tails, axis=0)
    return LoadingIntervals(
        low=pd.DataFrame(ends[0], index=items, columns=factors),
        high=pd.DataFrame(ends[1], index=items, columns=factors),
        standard_errors=pd.DataFrame(errors, index=items, columns=factors),
        correlations_low=pd.DataFrame(turns[0], index=factors, columns=factors),
        correlations_high=pd.DataFrame(turns[1], index=factors, columns=factors),
        confidence=confidence,
        n_draws=n_draws,
        n_failed=n_failed,
        n_heywood=n_heywood,
        n_clusters=n_clusters,
        seed=seed,
        n_used=rows[0],
        n_dropped=rows[1] - rows[0],
        k_items=k,
        k_factors=m,
        converged=enough,
        notes=tuple(notes),
    )
