"""What a change of fit looks like when the equalities hold: data simulated from the constrained model, fitted by both models."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from instruments.errors import N_
from scoring.errors import Note
from scoring.sem.likelihood import NormalProblem
from scoring.sem.many import draw_moments, fit_many
from scoring.sem.matrices import Array
from scoring.sem.result import ConfirmatoryFit

_ORDINAL: Final = N_("No reference is simulated for ordinal items; the limits of section 4.3 are used.")
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
    """

    p: float | None
    quantile_05: float | None
    n_draws: int
    n_used: int
    seed: int
    notes: tuple[Note, ...] = ()


def simulate_reference(
    constrained: ConfirmatoryFit, free: ConfirmatoryFit, d_cfi: float, *, n_draws: int = 200, seed: int = 1
) -> NullReference:
    """Simulate d_cfi under the constrained model (a parametric bootstrap of the moments).

    Parameters
    ----------
    constrained, free : ConfirmatoryFit
        Two neighbouring steps on the same data.
    d_cfi : float
        The observed change.
    n_draws, seed : int
        Data sets, and where the generator starts.

    Returns
    -------
    NullReference

    Notes
    -----
    Complete data: covariances are drawn from the Wishart distribution and means from the normal one, so that the cost does not depend
    on the respondents. With missing answers the draws are as of complete data of the same size: the reference is then slightly
    too narrow, which a p near .05 should be read with. Ordinal items: not simulated, with a note.
    The idea is that of Jorgensen et al. (2018), https://doi.org/10.1037/met0000152, with simulation in the place of permutation, so
    that waves and roles have it too.
    """
    if not isinstance(constrained.problem, NormalProblem) or not isinstance(free.problem, NormalProblem):
        return NullReference(None, None, 0, 0, seed, (Note("reference.ordinal", _ORDINAL),))
    rng = np.random.default_rng(seed)
    drawn = [
        draw_moments(rng, *constrained.problem.model.moments(constrained.x, group), n, n_draws)
        for group, n in enumerate(constrained.group_sizes)
    ]
    found = _changes(constrained, free, drawn)
    if len(found) < _USABLE * n_draws or len(found) == 0:
        note = Note("reference.few", _FEW, {"n": len(found), "draws": n_draws})
        return NullReference(None, None, n_draws, len(found), seed, (note,))
    values = found
    p = (1.0 + float((values <= d_cfi).sum())) / (1.0 + len(values))
    return NullReference(p, float(np.quantile(values, 0.05)), n_draws, len(values), seed)


def _changes(constrained: ConfirmatoryFit, free: ConfirmatoryFit, drawn: list[tuple[Array, Array]]) -> Array:
    """d_cfi of every drawn data set that both models could be fitted to."""
    sizes = constrained.group_sizes
    covariances, means = [part[0] for part in drawn], [part[1] for part in drawn]
    null = np.zeros(len(covariances[0]))
    for n, S in zip(sizes, covariances, strict=True):
        null += n * (np.log(np.diagonal(S, axis1=1, axis2=2)).sum(axis=1) - np.linalg.slogdet(S)[1])
    ceiling = null - constrained.measures.baseline_df
    usable = np.ones(len(null), dtype=bool)
    values = []
    for fit in (constrained, free):
        many = fit_many(fit.problem.model, covariances, means, sizes, fit.x)
        usable &= many.converged
        excess = np.maximum(sum(sizes) * many.discrepancies - fit.measures.df, 0.0)
        values.append(1.0 - excess / np.maximum(np.maximum(excess, ceiling), 1e-12))
    changes: Array = (values[0] - values[1])[usable]
    return changes
