"""How many factors: parallel analysis on Pearson and polychoric correlations side by side, and Velicer's criterion."""

from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.factors.correlations import Missing
from scoring.factors.parallel import ParallelAnalysis, parallel_analysis
from scoring.factors.velicer import VelicerMap, velicer_map


@dataclass(frozen=True)
class NumberOfFactors:
    """Ways of counting factors side by side.

    Attributes
    ----------
    pearson : ParallelAnalysis
    polychoric : ParallelAnalysis or None
        None for answers that are no ordered categories, with a note.
    map_pearson : VelicerMap
    map_polychoric : VelicerMap or None
    k_suggested : int or None
        That of the polychoric analysis from 200 respondents on when no cell is empty, else that of the Pearson analysis. None when
        the verdict is "undetermined".
    verdict : "agreed" or "undetermined"
        "undetermined" when the two parallel analyses differ by more than one factor, or when there is no suggestion.
    n_used, n_dropped, k_items : int
    converged : bool
    notes : tuple of Note
    """

    pearson: ParallelAnalysis
    polychoric: ParallelAnalysis | None
    map_pearson: VelicerMap
    map_polychoric: VelicerMap | None
    k_suggested: int | None
    verdict: Literal["agreed", "undetermined"]
    n_used: int
    n_dropped: int
    k_items: int
    converged: bool
    notes: tuple[Note, ...]


_NOT_ORDINAL = N_("The answers are no ordered categories, so there is no polychoric analysis: %(reason)s")
_DISAGREE = N_(
    "Parallel analysis suggests %(pearson)d factors with Pearson and %(polychoric)d with polychoric correlations: the number "
    "is undetermined."
)
_MAP_DIFFERS = N_("Velicer's criterion suggests %(map)d factors, parallel analysis %(parallel)d.")
_POLYCHORIC_FLOOR: Final = 200


def number_of_factors(
    items: pd.DataFrame,
    *,
    n_sets: int = 500,
    quantile: float = 0.95,
    reduced: bool = False,
    missing: Missing = "listwise",
    seed: int = 0,
) -> NumberOfFactors:
    """Run parallel analysis and MAP on Pearson and on polychoric correlations.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values; ordered categories for the polychoric half.
    n_sets, quantile, reduced, missing, seed
        As in `parallel_analysis`.

    Returns
    -------
    NumberOfFactors

    Notes
    -----
    Missing data: as in `parallel_analysis`. More than one factor between the two parallel analyses makes the number
    "undetermined"; MAP stands beside them and a note says where it is further away.

    Raises
    ------
    ScoringError
        As `parallel_analysis`.
    """
    pearson = parallel_analysis(
        items, n_sets=n_sets, quantile=quantile, reduced=reduced, missing=missing, seed=seed
    )
    map_pearson = velicer_map(items, missing=missing)
    polychoric: ParallelAnalysis | None = None
    map_polychoric: VelicerMap | None = None
    notes: list[Note] = list(pearson.notes)
    try:
        polychoric = parallel_analysis(
            items,
            n_sets=n_sets,
            quantile=quantile,
            correlations="polychoric",
            reduced=reduced,
            missing=missing,
            seed=seed,
        )
        map_polychoric = velicer_map(items, correlations="polychoric", missing=missing)
        notes += [note for note in polychoric.notes if note not in notes]
    except ScoringError as error:
        if error.code not in {"polychoric.code", "polychoric.categories"}:
            raise
        notes.append(Note("factors.not_ordinal", _NOT_ORDINAL, {"reason": str(error)}))
    suggested, verdict_notes = _decide(pearson, polychoric)
    notes += verdict_notes
    nearest = map_pearson if polychoric is None or map_polychoric is None else map_polychoric
    if suggested is not None and abs((nearest.k_suggested or 0) - suggested) > 1:
        params = {"map": nearest.k_suggested or 0, "parallel": suggested}
        notes.append(Note("factors.map", _MAP_DIFFERS, params))
    return NumberOfFactors(
        pearson,
        polychoric,
        map_pearson,
        map_polychoric,
        suggested,
        "undetermined" if suggested is None else "agreed",
        pearson.n_used,
        pearson.n_dropped,
        pearson.k_items,
        pearson.converged and (polychoric is None or polychoric.converged),
        tuple(notes),
    )


def _decide(
    pearson: ParallelAnalysis, polychoric: ParallelAnalysis | None
) -> tuple[int | None, tuple[Note, ...]]:
    """The number to go on with, or None where the two analyses are more than one factor apart."""
    if polychoric is None or polychoric.k_suggested is None or pearson.k_suggested is None:
        return pearson.k_suggested, ()
    if abs(pearson.k_suggested - polychoric.k_suggested) > 1:
        params = {"pearson": pearson.k_suggested, "polychoric": polychoric.k_suggested}
        return None, (Note("factors.undetermined", _DISAGREE, params),)
    empty = any(note.code == "polychoric.empty_cells" for note in polychoric.notes)
    trusted = polychoric.n_used >= _POLYCHORIC_FLOOR and not empty
    return polychoric.k_suggested if trusted else pearson.k_suggested, ()
