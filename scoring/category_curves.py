"""How likely each answer is at each level of the trait: from an ordinal factor model, or counted over the rest score."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scoring.errors import ScoringError
from scoring.frames import check_numeric_items

# Half-way between "too coarse to see a curve" and "too few people in each group to trust a share".
GROUPS: Final = 8
SMALLEST_GROUP: Final = 10


@dataclass(frozen=True)
class CategoryCurves:
    """The curves of one item.

    Attributes
    ----------
    item : str
    levels : ndarray (p,)
        Where the curves are known: the trait in standard deviations, or the mean rest score of each group of people.
    codes : tuple of float
        The item's options, in order.
    probabilities : ndarray (p, options)
        Share of each option at each level; every row sums to 1.
    modelled : bool
        True for curves of a model, false for counted shares.
    n_used : int or None
        People counted, None for a model's curves.
    """

    item: str
    levels: np.ndarray
    codes: tuple[float, ...]
    probabilities: np.ndarray
    modelled: bool
    n_used: int | None = None


def model_curves(
    item: str, loading: float, thresholds: Sequence[float], codes: Sequence[float], levels: np.ndarray
) -> CategoryCurves:
    """Return the probability of each option over the trait in the normal-ogive graded model.

    Parameters
    ----------
    item : str
        Its name.
    loading : float
        Standardized loading of the latent response, between -1 and 1.
    thresholds : sequence of float, options - 1
        Of the standardized latent response, rising.
    codes : sequence of float
        The options, in order.
    levels : ndarray (p,)
        Trait in standard deviations.

    Notes
    -----
    `P(y > c | t) = Phi((loading * t - threshold_c) / sqrt(1 - loading^2))`; options are the differences of neighbours.

    References
    ----------
    Takane, Y., & de Leeuw, J. (1987). On the relationship between item response theory and factor analysis of discretized
    variables. Psychometrika, 52, 393-408. https://doi.org/10.1007/BF02294363

    Raises
    ------
    ScoringError
        `curves.loading` for a loading of 1 or more in absolute value, `curves.thresholds` when their number does not fit the codes or
        they do not rise.
    """
    from scipy.special import ndtr

    if not abs(loading) < 1:
        raise ScoringError(
            "curves.loading",
            "The loading of item %(item)s is %(loading)s: its latent response has no residual.",
            "Look at the model's notes; leave the item out of the picture.",
            item=item,
            loading=float(loading),
        )
    cuts = np.asarray(thresholds, dtype=np.float64)
    if len(cuts) != len(codes) - 1 or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ScoringError(
            "curves.thresholds",
            "The %(k)d thresholds of item %(item)s do not part its %(options)d options.",
            "Pass one threshold between each option and the next, in rising order.",
            item=item,
            k=len(cuts),
            options=len(codes),
        )
    levels = np.asarray(levels, dtype=np.float64)
    above = ndtr((loading * levels[:, None] - cuts) / math.sqrt(1.0 - loading**2))
    steps = np.column_stack([np.ones(len(levels)), above, np.zeros(len(levels))])
    return CategoryCurves(item, levels, tuple(map(float, codes)), steps[:, :-1] - steps[:, 1:], True)


def observed_curves(items: pd.DataFrame, *, k_groups: int = GROUPS) -> Mapping[str, CategoryCurves]:
    """Count the share of each option of each item among people with alike rest scores.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values of one scale; at least two columns.
    k_groups : int, default 8
        Groups of about equal size at most; fewer where a group would have less than ten people.

    Returns
    -------
    mapping item -> CategoryCurves
        An item without variation, or with fewer than twenty people, is missing.

    Notes
    -----
    Missing data: rows with a missing answer are dropped. The rest score is the mean of the scale's other items, so that an item
    is not compared with itself. People of one rest score stay in one group.

    Raises
    ------
    ScoringError
        As `scoring.frames.check_numeric_items`, with codes that begin with `curves`.
    """
    complete = check_numeric_items(items, "curves").dropna()
    total = complete.sum(axis=1)
    found = {}
    for item in complete.columns:
        rest = ((total - complete[item]) / (complete.shape[1] - 1)).to_numpy()
        groups = min(k_groups, len(rest) // SMALLEST_GROUP)
        codes = np.unique(complete[item].to_numpy())
        if groups < 2 or len(codes) < 2:
            continue
        cuts = np.unique(np.quantile(rest, np.arange(1, groups) / groups))
        place = np.searchsorted(cuts, rest, side="right")
        counts = np.zeros((len(cuts) + 1, len(codes)))
        np.add.at(counts, (place, np.searchsorted(codes, complete[item].to_numpy())), 1)
        kept = counts.sum(axis=1) > 0
        levels = np.array([rest[place == group].mean() for group in np.flatnonzero(kept)])
        shares = counts[kept] / counts[kept].sum(axis=1, keepdims=True)
        found[str(item)] = CategoryCurves(
            str(item), levels, tuple(codes.tolist()), shares, False, len(complete)
        )
    return found
