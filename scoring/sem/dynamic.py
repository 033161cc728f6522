"""Dynamic cut-offs of fit: what CFI, RMSEA and SRMR look like for this model and this sample when it is right, and when it misses something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.parallel_work import map_batches, spawn_seeds
from scoring.sem.matrices import Array
from scoring.sem.misfit import AddedPath, misfit_levels, standardize_model
from scoring.sem.result import ConfirmatoryFit
from scoring.sem.simulated_fit import (
    INDICES,
    Design,
    IndexName,
    Version,
    make_design,
    observed_indices,
    simulate_indices,
)

# (rule, share of misfitting data sets that must be rejected, share of well-fitting ones that may be)
RULES: Final = (("95/5", 0.95, 0.05), ("90/10", 0.90, 0.10))
REPLICATIONS: Final = 500
_FEWEST: Final = 20
_ROUGH: Final = 200
# Beyond this share of data sets without a solution the others say too little about the model.
_FAILED: Final = 0.10
# Fixed, so that results do not depend on the number of workers.
_TOGETHER: Final = 25
_ONE_BY_ONE: Final = 5

_OVERLAP = N_(
    "Level %(level)d has no cut-off for %(indices)s: with %(n)d respondents the data of a right model and of this misfit overlap too much."
)
_NO_LEVEL = N_(
    "%(failed)d of %(draws)d data sets of level %(level)d gave no solution, so it has no cut-offs (level 0 is the model itself)."
)
_SOME_FAILED = N_("%(failed)d of %(draws)d data sets of level %(level)d gave no solution and are left out.")
_FEWER_LEVELS = N_(
    "Only %(levels)d of %(wanted)d levels of misfit could be made: too few items load on one factor only and share no residual covariance."
)
_FEW = N_("With %(n)d replications the cut-offs are rough; 500 are usual.")
_NORMAL = N_("The simulated items are normal; the robust indices of the data are compared with them.")
_NO_VALUE = N_("%(indices)s of the fitted model are not defined, so nothing is said about them.")
_INDEPENDENT = N_(
    "Rows are simulated as independent of each other, although those of the data belong to clusters."
)


@dataclass(frozen=True)
class Cutoff:
    """The value of one index that tells a right model from one level of misfit.

    Attributes
    ----------
    value : float or None
        The model is rejected beyond it (CFI below, RMSEA and SRMR above); None when the two distributions overlap too much, or too
        few data sets could be fitted, and a note says which.
    rule : "95/5", "90/10" or None
        How many of 100 misfitting data sets are rejected by it, and how many of 100 well-fitting ones may be.
    rejects_misfit, rejects_true : float or None
        The simulated shares, 0 to 1.
    passed : bool or None
        Whether the fitted model is on the good side of it; None without a value.
    """

    value: float | None
    rule: str | None
    rejects_misfit: float | None
    rejects_true: float | None
    passed: bool | None


@dataclass(frozen=True)
class MisfitLevel:
    """One hypothetical misfit and what it looks like.

    Attributes
    ----------
    number : int
        From 1; a higher level misses more.
    paths : tuple of AddedPath
        What the hypothetical population has and the fitted model has not.
    cutoffs : mapping index -> Cutoff
    n_converged : int
        Simulated data sets with a solution.
    """

    number: int
    paths: tuple[AddedPath, ...]
    cutoffs: Mapping[IndexName, Cutoff]
    n_converged: int


@dataclass(frozen=True)
class DynamicCutoffs:
    """Cut-offs of fit made for one model and one sample size.

    Attributes
    ----------
    levels : tuple of MisfitLevel
        From the smallest misfit to the largest.
    exact : mapping index -> float or None
        Level 0: the value that 95 % of the data sets of the model itself keep to (CFI at least, RMSEA and SRMR at most). A model that
        fits better could be exactly right.
    observed : mapping index -> float or None
        The indices of the fitted model that the cut-offs are for.
    version : "plain", "scaled" or "robust"
        Which version of CFI and RMSEA `observed` holds.
    passed : mapping index -> int or None
        The lowest level whose cut-off the fitted model passes: its misfit is smaller than that level's. None when it passes none.
    n_used, n_dropped : int
        Of the fit.
    n_replications, seed : int
    n_converged : tuple of int
        Data sets with a solution at level 0, 1, ...
    converged : bool
        Whether every level has cut-offs, or none for overlap only.
    notes : tuple of Note
    draws : ndarray (levels + 1, replications, 3)
        Simulated CFI, RMSEA and SRMR, NaN without a solution; for figures.
    """

    levels: tuple[MisfitLevel, ...]
    exact: Mapping[IndexName, float | None]
    observed: Mapping[IndexName, float | None]
    version: Version
    passed: Mapping[IndexName, int | None]
    n_used: int
    n_dropped: int
    n_replications: int
    seed: int
    n_converged: tuple[int, ...]
    converged: bool
    notes: tuple[Note, ...]
    draws: Array = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """One row per level and index: level, paths, index, observed, cutoff, rule, rejects_misfit, rejects_true, passed."""
        rows = [
            {
                "level": level.number,
                "paths": ", ".join(path.name for path in level.paths),
                "index": name,
                "observed": self.observed[name],
                "cutoff": cutoff.value,
                "rule": cutoff.rule,
                "rejects_misfit": cutoff.rejects_misfit,
                "rejects_true": cutoff.rejects_true,
                "passed": cutoff.passed,
            }
            for level in self.levels
            for name, cutoff in level.cutoffs.items()
        ]
        return pd.DataFrame(rows)


def dynamic_cutoffs(
    fit: ConfirmatoryFit,
    *,
    n_replications: int = REPLICATIONS,
    seed: int = 1,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DynamicCutoffs:
    """Simulate cut-offs of CFI, RMSEA and SRMR for a fitted model and its number of respondents.

    Parameters
    ----------
    fit : ConfirmatoryFit
        One group, converged and proper, with degrees of freedom.
    n_replications : int, default 500
        Data sets of each population, 20 or more.
    seed : int
        Replication r has the r-th seed that it spawns, whatever the number of workers.
    n_jobs, progress
        As in `scoring.parallel_work.map_seeds`; progress counts replications of all levels together.

    Returns
    -------
    DynamicCutoffs

    Notes
    -----
    Fixed cut-offs hold for the one model they were simulated with. Here the fitted model, taken as true, and hypothetical
    populations in which it misses something (`scoring.sem.misfit.misfit_levels`) are simulated with the sample's size, and the fitted
    model is fitted to both. A level's cut-off for RMSEA or SRMR is the 5th percentile of its data sets, if the 95th percentile of
    the true model's is below it: it rejects 95 % of misfitting and at most 5 % of right ones. Otherwise the 10th percentile, if
    the 90th of the true model's is below; otherwise there is none. CFI the other way round.

    As the authors and their R package `dynamic` do it (`cfaHB`, `cfaOne`, and `catHB`, `catOne` for WLSMV): sizes and order of the
    added paths, percentiles, 500 replications, normal items, for WLSMV cut at the model's thresholds with the scaled CFI and RMSEA.

    Ours: populations have the fitted model's own variances (the authors': standardized), which is the same unless parameters are
    constrained. Complete data for ML are drawn as moments from the Wishart distribution, so that the number of respondents costs
    nothing and is not cut off at 2,000. Missing answers (full information) are simulated with the sample's patterns, each respondent's
    kept. MLM and MLR: data are normal, so they are fitted by ML and compared with the robust indices of the fit, which estimate what
    the plain ones would be under normality; with missing answers the robust indices of the simulated fits are taken too. A model of
    which fewer levels can be made has fewer. Signs of added paths do not depend on how items are keyed. Items of a simulated
    data set that miss a category have one threshold fewer there. Data sets without a solution are left out; above 10 % of a
    level, it has no cut-off. Negative variances in simulated solutions are kept, as in the authors' program.

    References
    ----------
    McNeish, D., & Wolf, M. G. (2023). Dynamic fit index cutoffs for confirmatory factor analysis models. Psychological Methods, 28,
    61-88. https://doi.org/10.1037/met0000425
    McNeish, D., & Wolf, M. G. (2022). Dynamic fit index cutoffs for one-factor models. Behavior Research Methods, 55, 1157-1174.
    https://doi.org/10.3758/s13428-022-01847-y

    Raises
    ------
    ScoringError
        `dynamic.converged`, `dynamic.improper`, `dynamic.saturated`, `dynamic.groups`, `dynamic.model`, `dynamic.items` (no path can be
        added) for a fit without dynamic cut-offs; `dynamic.replications` for fewer than 20; `parallel.*`.
    """
    _check(fit, n_replications)
    standardized = standardize_model(fit.problem.model, fit.x)
    levels = misfit_levels(standardized)
    if not levels:
        raise ScoringError(
            "dynamic.items",
            "There is no path that the model could miss: its items load on several factors or share residual covariances.",
            "Dynamic cut-offs need two items or more that load on one factor only and share no residual covariance.",
        )
    design = make_design(fit, [standardized.covariance(paths) for paths in ((), *levels)])
    found = map_batches(
        partial(simulate_indices, design),
        spawn_seeds(seed, n_replications),
        batch_size=_TOGETHER if design.together else _ONE_BY_ONE,
        n_jobs=n_jobs,
        progress=progress,
    )
    return _summarize(fit, design, levels, np.stack(found, axis=1), seed)


def _check(fit: ConfirmatoryFit, n_replications: int) -> None:
    """The fit can be a population and can be wrong."""
    if n_replications < _FEWEST:
        raise ScoringError(
            "dynamic.replications",
            "%(n)d replications say nothing about 5 %% of them.",
            "Ask for at least %(fewest)d, better 500.",
            n=n_replications,
            fewest=_FEWEST,
        )
    if not fit.converged:
        raise ScoringError(
            "dynamic.converged",
            "The model did not converge, so there is nothing to simulate from.",
            "Correct the model before its fit is judged.",
        )
    if fit.measures.df <= 0:
        raise ScoringError(
            "dynamic.saturated",
            "The model has no degrees of freedom: nothing that it misses could be seen.",
            "Use four items or more for one factor.",
        )


def _summarize(
    fit: ConfirmatoryFit, design: Design, paths: tuple[tuple[AddedPath, ...], ...], draws: Array, seed: int
) -> DynamicCutoffs:
    """Cut-offs and remarks from what was simulated; draws is (levels + 1, replications, 3)."""
    n_replications = draws.shape[1]
    n_converged = [int(count) for count in np.isfinite(draws).all(axis=2).sum(axis=1)]
    usable = [count >= (1.0 - _FAILED) * n_replications for count in n_converged]
    observed = observed_indices(fit.measures, design.version)
    notes = _describe(fit, design, n_converged, n_replications, usable)
    wanted = len(fit.specification.factors) - 1 if len(fit.specification.factors) > 1 else len(paths)
    if len(paths) < wanted:
        notes.append(Note("dynamic.levels", _FEWER_LEVELS, {"levels": len(paths), "wanted": wanted}))
    levels = []
    for number, added in enumerate(paths, start=1):
        cutoffs = {
            name: find_cutoff(
                draws[0, :, place], draws[number, :, place], observed[name], higher=name == "cfi"
            )
            if usable[0] and usable[number]
            else Cutoff(None, None, None, None, None)
            for place, name in enumerate(INDICES)
        }
        without = [name.upper() for name, cutoff in cutoffs.items() if cutoff.value is None]
        if without and usable[0] and usable[number]:
            params: dict[str, str | int | float] = {
                "level": number,
                "indices": ", ".join(without),
                "n": fit.n_used,
            }
            notes.append(Note("dynamic.overlap", _OVERLAP, params))
        levels.append(MisfitLevel(number, added, cutoffs, n_converged[number]))
    return DynamicCutoffs(
        levels=tuple(levels),
        exact=_exact(draws[0]) if usable[0] else dict.fromkeys(INDICES),
        observed=observed,
        version=design.version,
        passed={
            name: next((level.number for level in levels if level.cutoffs[name].passed), None)
            for name in INDICES
        },
        n_used=fit.n_used,
        n_dropped=fit.n_dropped,
        n_replications=n_replications,
        seed=seed,
        n_converged=tuple(n_converged),
        converged=all(usable),
        notes=tuple(notes),
        draws=draws,
    )


def _describe(
    fit: ConfirmatoryFit, design: Design, n_converged: list[int], n_replications: int, usable: list[bool]
) -> list[Note]:
    """Remarks on how the data sets were made and how many were lost."""
    notes = []
    if n_replications < _ROUGH:
        notes.append(Note("dynamic.few", _FEW, {"n": n_replications}))
    if design.version == "robust":
        notes.append(Note("dynamic.normal", _NORMAL))
    undefined = [
        name.upper()
        for name, value in observed_indices(fit.measures, design.version).items()
        if value is None
    ]
    if undefined:
        notes.append(Note("dynamic.undefined", _NO_VALUE, {"indices": ", ".join(undefined)}))
    if fit.data.clustered:
        notes.append(Note("dynamic.independent", _INDEPENDENT))
    for level, count in enumerate(n_converged):
        if count < n_replications:
            template = _SOME_FAILED if usable[level] else _NO_LEVEL
            params = {"failed": n_replications - count, "draws": n_replications, "level": level}
            notes.append(Note("dynamic.failed", template, params))
    return notes


def _exact(draws: Array) -> dict[IndexName, float | None]:
    """What 95 % of the data sets of the model itself keep to."""
    tails = {"cfi": 0.05, "rmsea": 0.95, "srmr": 0.95}
    return {name: float(np.nanquantile(draws[:, place], tails[name])) for place, name in enumerate(INDICES)}


def find_cutoff(true: Array, misfit: Array, observed: float | None, *, higher: bool) -> Cutoff:
    """Return the cut-off between the simulated values of a right and of a misfitting model.

    Parameters
    ----------
    true, misfit : ndarray
        Values of an index; NaN is left out.
    observed : float or None
        The value to be judged.
    higher : bool
        Whether higher values mean better fit (CFI).
    """
    sign = -1.0 if higher else 1.0
    good, bad = sign * true[np.isfinite(true)], sign * misfit[np.isfinite(misfit)]
    for rule, power, error in RULES:
        value = float(np.quantile(bad, 1.0 - power))
        if np.quantile(good, 1.0 - error) < value:
            return Cutoff(
                sign * value,
                rule,
                float((bad > value).mean()),
                float((good > value).mean()),
                None if observed is None else bool(sign * observed <= value),
            )
    return Cutoff(None, None, None, None, None)
