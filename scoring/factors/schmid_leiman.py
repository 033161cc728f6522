"""One general factor over correlated ones: Schmid and Leiman's transformation and omega hierarchical."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.extraction import extract_factors
from scoring.factors.solution import FactorSolution

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

# A factor that the general one explains to this degree is nothing of its own.
_IMPROPER: Final = 0.995
# Variance of a sum of standardized items that is rounding.
_NOTHING: Final = 1e-10


@dataclass(frozen=True)
class SchmidLeiman:
    """A general factor and what the group factors have beside it, all uncorrelated.

    Attributes
    ----------
    general : Series (items)
        Loadings on the general factor; their sum is positive.
    group : DataFrame (items x factors)
        Loadings on the group factors with the general one taken out.
    communalities, uniquenesses : Series
        Those of the first-order solution.
    general_share : Series
        Share of each item's communality that is the general factor's, `general^2 / communality` (psych's p2). NaN, with a note,
        for an item without communality.
    second_order : Series (factors)
        Loadings of the first-order factors on the general one, -1 to 1.
    omega_h : float
        Share of the variance of the sum of all items that the general factor explains, 0 to 1.
    omega_h_asymptotic : float or None
        The same as a share of the reliable variance: what omega_h tends to with more and more such items. None when no
        variance of the sum is reliable, with a note.
    omega_total : float
        Share of the variance of the sum that all factors explain.
    omega_subscales : DataFrame (factors x "total", "general", "group")
        The same three for the items that load highest on each group factor; NaN for a factor that has none, with a note.
    explained_common : float
        Share of the common variance that the general factor explains (ECV).
    alpha : float
        Standardized alpha of all items.
    g6 : float or None
        Guttman's lambda 6; None when the correlations have no inverse, with a note.
    n_used : int or None
    n_dropped, k_items, k_factors : int
    converged : bool
        False when the second-order factor was not found exactly, or the first-order solution was not.
    notes : tuple of Note
        Those of the first-order solution first.
    """

    general: pd.Series
    group: pd.DataFrame
    communalities: pd.Series
    uniquenesses: pd.Series
    general_share: pd.Series
    second_order: pd.Series
    omega_h: float
    omega_h_asymptotic: float | None
    omega_total: float
    omega_subscales: pd.DataFrame
    explained_common: float
    alpha: float
    g6: float | None
    n_used: int | None
    n_dropped: int
    k_items: int
    k_factors: int
    converged: bool
    notes: tuple[Note, ...]


def schmid_leiman(solution: FactorSolution) -> SchmidLeiman:
    """Transform an oblique solution into a general factor and uncorrelated group factors, and compute omega.

    Parameters
    ----------
    solution : FactorSolution
        Two oblique factors or more, of correctly keyed items.

    Returns
    -------
    SchmidLeiman

    Notes
    -----
    Missing data: as in the solution. Items are never turned round (psych's `flip = FALSE`): a wrong key shows as a low omega.

    With three factors or more the second-order loadings s are those of one factor, by minres, on the factor correlations; with
    two, which identify nothing, they are set equal, `s = sqrt(r)`, as psych does with `option = "equal"`, and a note says so.
    General loadings are `L s`, group loadings `l_ij sqrt(1 - s_j^2)`. With R the correlations and u^2 the uniquenesses
    `omega_h = (sum g)^2 / sum R` and `omega_total = 1 - sum u^2 / sum R`.

    The same as R's `psych::omega(R, nfactors = m, fm = "minres", rotate = "oblimin", flip = FALSE)`, whose oblimin starts once,
    from varimax, and stops at 1e-5. Where the criterion has several minima psych may take another one than the lowest.

    References
    ----------
    Schmid, J., & Leiman, J. M. (1957). The development of hierarchical factor solutions. Psychometrika, 22, 53-61.
    https://doi.org/10.1007/BF02289209
    Zinbarg, R. E., Revelle, W., Yovel, I., & Li, W. (2005). Cronbach's alpha, Revelle's beta, and McDonald's omega h: their
    relations with each other and two alternative conceptualizations of reliability. Psychometrika, 70, 123-133.
    https://doi.org/10.1007/s11336-003-0974-7

    Raises
    ------
    ScoringError
        `schmid_leiman.factors` for one factor, `schmid_leiman.oblique` for factors that were not allowed to correlate,
        `schmid_leiman.sum` when the sum of the items does not vary.
    """
    _check_solution(solution)
    phi = solution.factor_correlations.to_numpy()
    L, R = solution.loadings.to_numpy(), solution.matrix.to_numpy()
    factors = [str(factor) for factor in solution.loadings.columns]
    second, converged, notes = _second_order(phi, factors)
    general = L @ second
    if general.sum() < 0.0:
        second, general = -second, -general
    group = L * np.sqrt(np.maximum(1.0 - second**2, 0.0))
    communality = solution.communalities.to_numpy()
    total, uniqueness = float(R.sum()), float(solution.uniquenesses.sum())
    reliable = total - uniqueness
    items = list(solution.loadings.index)
    subscales, empty = _subscales(R, general, group)
    notes = [*solution.notes, *notes]
    notes += [Note("schmid_leiman.empty", _EMPTY, {"factor": factors[place]}) for place in empty]
    notes += [
        Note("schmid_leiman.unshared", _UNSHARED, {"item": items[place]})
        for place in np.flatnonzero(communality <= 0.0)
    ]
    if reliable <= _NOTHING:
        notes.append(Note("schmid_leiman.unreliable", _UNRELIABLE))
    g6 = _lambda_6(R)
    if g6 is None:
        notes.append(Note("schmid_leiman.singular", _SINGULAR))
    k = len(items)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(communality > 0.0, general**2 / communality, np.nan)
    return SchmidLeiman(
        general=pd.Series(general, index=items),
        group=pd.DataFrame(group, index=items, columns=factors),
        communalities=solution.communalities,
        uniquenesses=solution.uniquenesses,
        general_share=pd.Series(share, index=items),
        second_order=pd.Series(second, index=factors),
        omega_h=float(general.sum()) ** 2 / total,
        omega_h_asymptotic=float(general.sum()) ** 2 / reliable if reliable > _NOTHING else None,
        omega_total=1.0 - uniqueness / total,
        omega_subscales=pd.DataFrame(subscales, index=factors, columns=["total", "general", "group"]),
        explained_common=float((general**2).sum()) / float((general**2).sum() + (group**2).sum()),
        alpha=(1.0 - k / total) * k / (k - 1),
        g6=g6,
        n_used=solution.n_used,
        n_dropped=solution.n_dropped,
        k_items=k,
        k_factors=solution.k_factors,
        converged=solution.converged and converged,
        notes=tuple(notes),
    )


_TWO = N_(
    "Two factors do not tell how strongly each hangs on the general one; equal loadings are an assumption."
)
_NEGATIVE = N_("The two factors correlate negatively (%(r).2f): there is no general factor, check the keys.")
_SECOND = N_(
    "%(factors)s are nothing beside the general factor (Heywood case of the second order); read omega with care."
)
_UNCONVERGED = N_("The second-order factor was not found exactly.")
_EMPTY = N_("No item loads highest on group factor %(factor)s, so it has no omega of its own.")
_UNSHARED = N_("%(item)s shares nothing with the others, so there is no share to divide.")
_UNRELIABLE = N_("The factors explain nothing of the items' sum: check the keys.")
_SINGULAR = N_("Some items can be computed exactly from others, so lambda 6 does not exist.")


def _check_solution(solution: FactorSolution) -> None:
    if solution.k_factors < 2:
        raise ScoringError(
            "schmid_leiman.factors",
            "One factor has nothing above it.",
            "Fit three factors or more (two with an assumption); for one factor use omega total.",
        )
    if solution.rotation not in {"oblimin", "promax"}:
        raise ScoringError(
            "schmid_leiman.oblique",
            "Factors rotated by “%(rotation)s” do not correlate, so no general factor can stand above them.",
            "Fit the factors with rotation “oblimin”.",
            rotation=solution.rotation,
        )
    if float(solution.matrix.to_numpy().sum()) <= _NOTHING:
        raise ScoringError(
            "schmid_leiman.sum",
            "The items cancel each other out, and their sum does not vary.",
            "Turn reversed items round first.",
        )


def _second_order(phi: FloatArray, factors: list[str]) -> tuple[FloatArray, bool, list[Note]]:
    """Loadings of the factors on the one above them."""
    if len(phi) == 2:
        r = float(phi[0, 1])
        second = np.sqrt(abs(r)) * np.array([1.0, np.sign(r)])
        notes = [Note("schmid_leiman.two", _TWO)]
        if r < 0.0:
            notes.append(Note("schmid_leiman.negative", _NEGATIVE, {"r": r}))
        return second, True, notes
    found = extract_factors(phi[None], 1, "minres")
    second = found.loadings[0, :, 0]
    improper = np.flatnonzero(second**2 >= _IMPROPER - 1e-6)
    notes = []
    if improper.size:
        names = ", ".join(factors[place] for place in improper)
        notes.append(Note("schmid_leiman.heywood", _SECOND, {"factors": names}))
    if not found.converged[0]:
        notes.append(Note("schmid_leiman.unconverged", _UNCONVERGED))
    return second * (-1.0 if second.sum() < 0.0 else 1.0), bool(found.converged[0]), notes


def _subscales(R: FloatArray, general: FloatArray, group: FloatArray) -> tuple[FloatArray, list[int]]:
    """Omega total, general and group of the items that load highest on each group factor, and the factors without any."""
    home = np.abs(group).argmax(axis=1)
    table = np.full((group.shape[1], 3), np.nan)
    empty = []
    for factor in range(group.shape[1]):
        mine = np.flatnonzero(home == factor)
        variance = float(R[np.ix_(mine, mine)].sum())
        if not mine.size or variance <= _NOTHING:
            empty.append(factor)
            continue
        own, shared = (float(part.sum()) ** 2 / variance for part in (group[mine, factor], general[mine]))
        table[factor] = own + shared, shared, own
    return table, empty


def _lambda_6(R: FloatArray) -> float | None:
    """Guttman's lambda 6: what the other items do not predict of each, taken as its error."""
    eigenvalues = np.linalg.eigvalsh(R)
    if eigenvalues[0] <= 1e-12 * eigenvalues[-1]:
        return None
    return 1.0 - float((1.0 / np.diag(np.linalg.inv(R))).sum()) / float(R.sum())
