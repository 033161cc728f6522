"""How many components: Velicer's minimum average partial."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.factors.correlations import Correlations, Missing, read_correlations
from scoring.factors.parallel import describe_counted

# A residual variance this small has no correlations any more.
_NOTHING_LEFT: Final = 1e-10


@dataclass(frozen=True)
class VelicerMap:
    """Velicer's minimum average partial.

    Attributes
    ----------
    average_squared_partials : Series
        Mean squared correlation of the items with the first m principal components taken out, by m; m = 0 takes nothing out.
    k_suggested : int or None
        The m with the smallest mean; None when it is not defined, with a note.
    n_used : int or None
    n_dropped, k_items : int
    converged : bool
    notes : tuple of Note
    """

    average_squared_partials: pd.Series
    k_suggested: int | None
    n_used: int | None
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


def velicer_map(
    items: pd.DataFrame,
    *,
    correlations: Correlations = "pearson",
    missing: Missing = "listwise",
    n: int | None = None,
) -> VelicerMap:
    """Compute the average squared partial correlation after each number of principal components.

    Parameters
    ----------
    items : DataFrame
        Respondents x items, or a correlation matrix with the items' names on both sides.
    correlations : "pearson" or "polychoric"
        For items; a matrix is taken as it is.
    missing : "listwise" or "pairwise"
        Complete rows, or all who answered both items of a pair.
    n : int, optional
        Respondents behind a matrix; it does not enter the statistic.

    Returns
    -------
    VelicerMap
        For 0 to k - 1 components; the series ends where nothing is left of an item.

    Notes
    -----
    Missing data: as for the correlations.

    `MAP_m = sum over i != j of r*_ij^2 / (k (k - 1))`, r* the correlations of what m components leave: the original test with
    squares. The same as R's `psych::vss(R)$map`, which starts at one component; zero components are compared too here, as in
    Velicer's paper, so that unrelated items suggest none.

    References
    ----------
    Velicer, W. F. (1976). Determining the number of components from the matrix of partial correlations. Psychometrika, 41,
    321-327. https://doi.org/10.1007/BF02293557

    Raises
    ------
    ScoringError
        `map.items`, `.column`, `.number`, `.rows`, `.empty`, `.constant`, `.pair`, `.matrix`, `.n`, `.correlations`, `.missing`.
    """
    read = read_correlations(items, "map", correlations=correlations, missing=missing, n=n)
    k = len(read.items)
    values, vectors = np.linalg.eigh(read.values)
    components = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    averages: list[float] = []
    left = read.values.copy()
    for m in range(k):
        variances = np.diag(left)
        if variances.min() <= _NOTHING_LEFT:
            break
        partial = left / np.sqrt(np.outer(variances, variances))
        averages.append(float((partial**2).sum() - k) / (k * (k - 1)))
        left = left - np.outer(components[:, m], components[:, m])
    series = pd.Series(averages, index=pd.RangeIndex(len(averages), name="components"))
    suggested = int(np.argmin(averages))
    notes = (*read.notes, *describe_counted(read, 0))
    if suggested == 0:
        notes = (*notes, Note("map.none", _NO_COMPONENT))
    return VelicerMap(series, suggested, read.n_used, read.n_dropped, k, True, notes)


_NO_COMPONENT = N_("Taking out a component makes the items' relations no smaller: there is no common factor.")
