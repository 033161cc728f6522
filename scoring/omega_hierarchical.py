"""Omega hierarchical: how much of a sum's variance one general factor explains, when groups of items share something of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, find_constant
from scoring.reliability import FloatArray

Method = Literal["schmid-leiman", "bifactor"]

# Measurement plan, section 4.1: in the instrument bank only.
HIERARCHICAL_MINIMUM: Final = 200
_SINGULAR: Final = 1e-10


@dataclass(frozen=True)
class HierarchicalOmega:
    """Shares of a general factor and of all factors in the variance of the sum of the standardized items.

    Attributes
    ----------
    hierarchical, total : float or None
        `(sum g)^2 / V` and the share of everything that is common; None where there is no solution, with a note.
    asymptotic : float or None
        `hierarchical / total`: what endless items of the same kind would reach.
    groups : Series by group factor
        Share of each group factor in V; empty where there is no solution.
    loadings : DataFrame, items x (general, group factors)
        Standardized.
    uniquenesses : Series by item
    method : "schmid-leiman" or "bifactor"
    n_used, n_dropped, k_items : int
    converged : bool
    notes : tuple of Note
    """

    hierarchical: float | None
    total: float | None
    asymptotic: float | None
    groups: pd.Series
    loadings: pd.DataFrame
    uniquenesses: pd.Series
    method: Method
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


_SMALL = N_("With %(n)d complete rows (below %(minimum)d) a general factor cannot be told from its groups.")
_TOO_FEW = N_("There must be more complete rows (%(n)d) than items (%(k)d).")
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so omega hierarchical is not defined.")
_REPEATED = N_("Some items can be computed exactly from others, so omega hierarchical is not defined.")
_NO_FIT = N_("The factor solution did not converge, so there is no omega hierarchical.")
_HEYWOOD = N_(
    "The unique variance of an item is not positive, so omega hierarchical is hardly to be trusted (Heywood case)."
)
_NOTHING = N_("The items share nothing on the whole, so omega hierarchical is not defined.")


def omega_hierarchical(
    items: pd.DataFrame,
    k_factors: int | None = None,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> HierarchicalOmega:
    """Compute omega hierarchical from an exploratory (Schmid-Leiman) or a confirmatory bifactor solution.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values, any unit.
    k_factors : int, optional
        Group factors of the exploratory solution, 2 or more.
    groups : mapping group -> items, optional
        Groups of a confirmatory bifactor model instead, each item in one; give one of the two.

    Returns
    -------
    HierarchicalOmega
        With a note below 200 complete rows.

    Notes
    -----
    Missing data: rows with a missing answer are dropped (listwise).

    Exploratory: minres on Pearson correlations R, oblimin, Schmid-Leiman; V = sum R, total = 1 - sum u / V. Signs are kept: items
    are taken as keyed. The same as R's `psych::omega(R, nfactors, fm = "minres", rotate = "oblimin", flip = FALSE)`; its default
    flips items by sign, which changes the result.

    Confirmatory: maximum likelihood, all factors uncorrelated; V is what the model implies for the sum of the items in their own
    unit, `(sum g)^2 + sum over groups (sum l)^2 + sum theta`; loadings are shown standardized.

    References
    ----------
    Zinbarg, R. E., Revelle, W., Yovel, I., & Li, W. (2005). Cronbach's alpha, Revelle's beta, and McDonald's omega_H.
    Psychometrika, 70, 123-133. https://doi.org/10.1007/s11336-003-0974-7

    Raises
    ------
    ScoringError
        `omega_h.items`, `omega_h.column`, `omega_h.number` for a table that is no set of items; `omega_h.factors` for neither or
        both of `k_factors` and `groups`, or fewer than two factors; what `scoring.factors` and `scoring.sem` raise.
    """
    values = check_numeric_items(items, "omega_h").rename(columns=str)
    k_groups = k_factors if groups is None else len(groups)
    if (k_factors is None) == (groups is None) or k_groups is None or k_groups < 2:
        raise ScoringError(
            "omega_h.factors",
            "Omega hierarchical needs two group factors or more.",
            "Pass either a number of factors, or groups of items for a confirmatory bifactor model.",
        )
    complete = values.dropna()
    problem = _find_problem(complete)
    if problem is not None:
        return _report(complete, len(values), None, "bifactor" if groups else "schmid-leiman", (problem,))
    if groups is not None:
        return _bifactor(
            complete, len(values), {str(name): tuple(map(str, found)) for name, found in groups.items()}
        )
    return _schmid_leiman(complete, len(values), k_groups)


def _find_problem(complete: pd.DataFrame) -> Note | None:
    """Why no factors can be extracted, or None."""
    n, k = complete.shape
    if n <= k:
        return Note("omega_h.rows", _TOO_FEW, {"n": n, "k": k})
    constant = find_constant(complete)
    if constant is not None:
        return Note("omega_h.constant", _CONSTANT, {"item": constant})
    if np.linalg.eigvalsh(np.corrcoef(complete.to_numpy(), rowvar=False))[0] <= _SINGULAR:
        return Note("omega_h.singular", _REPEATED)
    return None


@dataclass(frozen=True)
class _Solution:
    """Standardized loadings (general first) with uniquenesses, and the shares of V that they explain."""

    loadings: pd.DataFrame
    uniquenesses: pd.Series
    shares: FloatArray
    total: float


def _schmid_leiman(complete: pd.DataFrame, n_rows: int, k_factors: int) -> HierarchicalOmega:
    """The exploratory solution."""
    from scoring.factors import fit_factors, schmid_leiman

    split = schmid_leiman(fit_factors(complete, k_factors, method="minres", rotation="oblimin"))
    if not split.converged:
        notes = (Note("omega_h.converged", _NO_FIT), *split.notes)
        return _report(complete, n_rows, None, "schmid-leiman", notes)
    loadings = pd.concat([split.general.rename("general"), split.group], axis=1)
    V = float(np.corrcoef(complete.to_numpy(), rowvar=False).sum())
    shares = np.array([split.omega_h, *(split.group.sum(axis=0).to_numpy() ** 2 / V)])
    solution = _Solution(loadings, split.uniquenesses, shares, split.omega_total)
    return _report(complete, n_rows, solution, "schmid-leiman", split.notes)


def _bifactor(complete: pd.DataFrame, n_rows: int, groups: dict[str, tuple[str, ...]]) -> HierarchicalOmega:
    """The confirmatory solution."""
    from scoring.sem import ConfirmatoryModel, fit_confirmatory

    names = [str(item) for item in complete.columns]
    listed = [item for found in groups.values() for item in found]
    if len(set(listed)) != len(listed) or not set(listed) <= set(names):
        raise ScoringError(
            "omega_h.groups",
            "The groups name an item twice, or one that is not there.",
            "Put every item into one group at most, under its own name.",
        )
    general = "general"
    while general in names or general in groups:
        general += "_"
    model = ConfirmatoryModel({general: tuple(names), **groups}, orthogonal=True)
    fit = fit_confirmatory(complete, model, scaling="unit_variance")
    if not fit.converged:
        return _report(complete, n_rows, None, "bifactor", (Note("omega_h.converged", _NO_FIT), *fit.notes))
    raw = fit.loadings()
    implied, _ = fit.implied()
    V = float(implied.to_numpy().sum())
    standardized = fit.loadings(standardized=True).rename(columns={general: "general"})
    standardized = standardized.rename_axis(index=None, columns=None)
    residuals = np.diag(implied.to_numpy()) - (raw.to_numpy() ** 2).sum(axis=1)
    standardized *= np.where(standardized.sum(axis=0) < 0, -1.0, 1.0)
    solution = _Solution(
        standardized,
        pd.Series(residuals / np.diag(implied.to_numpy()), index=names),
        raw.to_numpy().sum(axis=0) ** 2 / V,
        1.0 - float(residuals.sum()) / V,
    )
    return _report(complete, n_rows, solution, "bifactor", tuple(fit.notes))


def _report(
    complete: pd.DataFrame, n_rows: int, solution: _Solution | None, method: Method, notes: tuple[Note, ...]
) -> HierarchicalOmega:
    """The result, with or without a solution."""
    n, k = complete.shape
    if n < HIERARCHICAL_MINIMUM:
        notes = (*notes, Note("omega_h.small", _SMALL, {"n": n, "minimum": HIERARCHICAL_MINIMUM}))
    if solution is not None and not solution.total > 0:
        solution, notes = None, (Note("omega_h.nothing", _NOTHING), *notes)
    if solution is None:
        empty = pd.Series(dtype="float64")
        return HierarchicalOmega(
            None, None, None, empty, pd.DataFrame(), empty, method, n, n_rows - n, k, False, notes
        )
    if (solution.uniquenesses <= 0).any():
        notes = (Note("omega_h.heywood", _HEYWOOD), *notes)
    hierarchical = float(solution.shares[0])
    return HierarchicalOmega(
        hierarchical=hierarchical,
        total=solution.total,
        asymptotic=hierarchical / solution.total,
        groups=pd.Series(solution.shares[1:], index=solution.loadings.columns[1:]),
        loadings=solution.loadings,
        uniquenesses=solution.uniquenesses,
        method=method,
        n_used=n,
        n_dropped=n_rows - n,
        k_items=k,
        converged=True,
        notes=notes,
    )
