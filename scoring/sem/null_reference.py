"""What a change of fit looks like when the equalities hold: data simulated from the constrained model, fitted by both models."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.sem.data import FittingData, replace_groups
from scoring.sem.fit import comparative_fit
from scoring.sem.many import draw_moments, fit_many
from scoring.sem.matrices import Array
from scoring.sem.optimize import minimise
from scoring.sem.ordinal import OrdinalProblem
from scoring.sem.result import ConfirmatoryFit

if TYPE_CHECKING:
    from scoring.polychoric import OrdinalMoments

# Ordinal data are drawn row by row and each draw needs its polychoric correlations, so fewer must do.
ORDINAL_DRAWS: Final = 100
_NEEDLESS: Final = N_("CFI did not fall, so no data sets had to be simulated.")
_USABLE: Final = 0.8
_FEW: Final = N_(
    "Only %(n)d of %(draws)d simulated data sets could be fitted by both models, so no reference is given."
)


@dataclass(frozen=True)
class NullReference:
    """The distribution of d_cfi under invariance, for this model and this number of respondents.

    Attributes
    ----------
    p : float or None
        Share of simulated data sets with a d_cfi as small as the observed one (the observed one counted in).
    quantile_05 : float or None
        The d_cfi that 5 % of the simulated data sets fall below.
    n_draws, n_used : int
        Data sets drawn, and fitted by both models.
    seed : int
    notes : tuple of Note
    p_chi_square : float or None
        Share of simulated data sets with a chi-square difference as large as the observed one, where one was given.
    """

    p: float | None
    quantile_05: float | None
    n_draws: int
    n_used: int
    seed: int
    notes: tuple[Note, ...] = ()
    p_chi_square: float | None = None


def simulate_reference(
    constrained: ConfirmatoryFit,
    free: ConfirmatoryFit,
    d_cfi: float,
    *,
    chi_square: float | None = None,
    n_draws: int = 200,
    seed: int = 1,
) -> NullReference:
    """Simulate d_cfi under the constrained model (a parametric bootstrap of the moments).

    Parameters
    ----------
    constrained, free : ConfirmatoryFit
        Two neighbouring steps on the same data.
    d_cfi : float
        The observed change.
    chi_square : float, optional
        The observed chi-square difference. CFI cannot rise above 1, which hides part of a misfit; chi-square can tell.
    n_draws, seed : int
        Data sets, and where the generator starts.

    Returns
    -------
    NullReference

    Notes
    -----
    Complete data: covariances are drawn from the Wishart distribution and means from the normal one, so that the cost does not depend
    on the respondents. With missing answers the draws are as of complete data of the same size: the reference is then slightly
    too narrow, which a p near .05 should be read with. Ordinal items: latent responses are drawn row by row and cut at the model's
    thresholds, at most 100 times; a draw in which a category stays empty counts as unusable.
    The idea is that of Jorgensen et al. (2018), https://doi.org/10.1037/met0000152, with simulation in the place of permutation, so
    that waves and roles have it too.
    """
    rng = np.random.default_rng(seed)
    if constrained.specification.ordinal:
        if d_cfi >= 0.0:
            # CFI did not fall, which no data set can undercut; row-by-row draws are too dear to confirm it.
            return NullReference(1.0, None, 0, 0, seed, (Note("reference.needless", _NEEDLESS),))
        n_draws = min(n_draws, ORDINAL_DRAWS)
        found, differences = _ordinal_changes(constrained, free, rng, n_draws)
    else:
        drawn = [
            draw_moments(rng, *constrained.problem.model.moments(constrained.x, group), n, n_draws)
            for group, n in enumerate(constrained.group_sizes)
        ]
        found, differences = _changes(constrained, free, drawn)
    if len(found) < _USABLE * n_draws or len(found) == 0:
        note = Note("reference.few", _FEW, {"n": len(found), "draws": n_draws})
        return NullReference(None, None, n_draws, len(found), seed, (note,))
    values = found
    p = (1.0 + float((values <= d_cfi).sum())) / (1.0 + len(values))
    p_chi_square = None
    if chi_square is not None:
        p_chi_square = (1.0 + float((differences >= chi_square).sum())) / (1.0 + len(differences))
    quantile = float(np.quantile(values, 0.05))
    return NullReference(p, quantile, n_draws, len(values), seed, (), p_chi_square)


def _changes(
    constrained: ConfirmatoryFit, free: ConfirmatoryFit, drawn: list[tuple[Array, Array]]
) -> tuple[Array, Array]:
    """d_cfi and chi-square difference of every drawn data set that both models could be fitted to."""
    sizes = constrained.group_sizes
    covariances, means = [part[0] for part in drawn], [part[1] for part in drawn]
    null = np.zeros(len(covariances[0]))
    for n, S in zip(sizes, covariances, strict=True):
        null += n * (np.log(np.diagonal(S, axis1=1, axis2=2)).sum(axis=1) - np.linalg.slogdet(S)[1])
    ceiling = null - constrained.measures.baseline_df
    usable = np.ones(len(null), dtype=bool)
    indices, statistics = [], []
    for fit in (constrained, free):
        many = fit_many(fit.problem.model, covariances, means, sizes, fit.x)
        usable &= many.converged
        statistics.append(sum(sizes) * many.discrepancies)
        excess = np.maximum(statistics[-1] - fit.measures.df, 0.0)
        indices.append(1.0 - excess / np.maximum(np.maximum(excess, ceiling), 1e-12))
    return (indices[0] - indices[1])[usable], (statistics[0] - statistics[1])[usable]


def _ordinal_changes(
    constrained: ConfirmatoryFit, free: ConfirmatoryFit, rng: np.random.Generator, n_draws: int
) -> tuple[Array, Array]:
    """Change of the scaled CFI and of the unadjusted chi-square of every drawn ordinal data set that both models fit."""
    changes, differences = [], []
    for _ in range(n_draws):
        try:
            groups = tuple(
                _draw_ordinal(constrained, group, rng) for group in range(len(constrained.group_sizes))
            )
        except ScoringError:
            continue
        data = replace_groups(constrained.data, groups)
        found = [_ordinal_fit(fit, data) for fit in (constrained, free)]
        if found[0] is not None and found[1] is not None:
            changes.append(found[0][0] - found[1][0])
            differences.append(found[0][1] - found[1][1])
    return np.array(changes), np.array(differences)


def _draw_ordinal(fit: ConfirmatoryFit, group: int, rng: np.random.Generator) -> "OrdinalMoments":
    """Moments of ordinal rows of one group, drawn from a fitted model; an empty category raises ScoringError."""
    from scoring.polychoric import ordinal_moments

    model = fit.problem.model
    covariance, mean = model.moments(fit.x, group)
    tau, which = model.matrices(fit.x, group).thresholds, model.threshold_item[group]
    rows = mean + rng.standard_normal((fit.group_sizes[group], len(mean))) @ np.linalg.cholesky(covariance).T
    codes = {
        name: np.searchsorted(np.sort(tau[which == number]), rows[:, number]).astype(np.float64)
        for number, name in enumerate(fit.specification.items)
    }
    moments = ordinal_moments(pd.DataFrame(codes))
    if any(len(t) != (which == number).sum() for number, t in enumerate(moments.thresholds)):
        raise ScoringError("reference.category", "A category stayed empty.", "Draw again.")
    return moments


def _ordinal_fit(fit: ConfirmatoryFit, data: FittingData) -> tuple[float, float] | None:
    """Scaled CFI and unadjusted chi-square of one model on drawn data; None when it does not converge."""
    problem = OrdinalProblem(fit.problem.model, data.groups)
    optimum = minimise(fit.x, problem.objective, problem.gradient, problem.information)
    if not optimum.converged:
        return None
    test = data.test(problem, optimum.x, fit.measures.df)
    baseline = data.baseline(means=True)
    if test.scaled is None or baseline.scaled is None:
        return None
    cfi = comparative_fit(test.scaled, test.df, baseline.scaled, baseline.df)
    return None if cfi is None else (cfi, test.chi_square)
