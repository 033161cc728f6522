"""What a report says of all items together: correlations, adequacy, the number of factors, and exploratory solutions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.factors import (
    FactorSolution,
    LoadingIntervals,
    NumberOfFactors,
    SamplingAdequacy,
    fit_factors,
    loading_intervals,
    number_of_factors,
    sampling_adequacy,
    sampling_adequacy_of,
)
from scoring.factors.solution import degrees_of_freedom
from scoring.polychoric import PolychoricResult, polychoric_correlations
from scoring.report.data import ReportData, attempt, unique_notes

# More factors than this nobody interprets, and the solutions become many.
MOST_FACTORS: Final = 12
# (name, extraction, rotation); one factor is not rotated.
SOLUTIONS: Final = (
    ("minres_oblimin", "minres", "oblimin"),
    ("minres_promax", "minres", "promax"),
    ("minres_varimax", "minres", "varimax"),
    ("ml_oblimin", "ml", "oblimin"),
)
SINGLE: Final = (("minres", "minres", "none"), ("ml", "ml", "none"))

_MEASURED = N_("There are items that are not ordinal, so there are no polychoric correlations.")
_CAPPED = N_("Solutions stop at %(most)d factors, as many as these items can bear or anybody reads.")
_TOO_FEW = N_("Structure needs three items or more.")
_NO_CORRELATIONS = N_("Items without variation, or never answered together, have no correlation.")


@dataclass(frozen=True)
class CorrelationSection:
    """Correlations of all items, keyed.

    Attributes
    ----------
    pearson : DataFrame or None
        Of complete rows; NaN for an item that does not vary.
    polychoric : PolychoricResult or None
        With thresholds, standard errors and intervals; None for items that are not ordinal.
    n_used, n_dropped : int
        Complete rows, and rows with a missing answer.
    notes : tuple of Note
    """

    pearson: pd.DataFrame
    polychoric: PolychoricResult | None
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class AdequacySection:
    """Whether the items share enough for a factor analysis.

    Attributes
    ----------
    pearson, polychoric : SamplingAdequacy or None
        KMO overall and per item, and Bartlett's test; the second is a description, not a test.
    notes : tuple of Note
    """

    pearson: SamplingAdequacy | None
    polychoric: SamplingAdequacy | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class NumberSection:
    """How many factors.

    Attributes
    ----------
    components : NumberOfFactors or None
        Parallel analysis of the full matrix (Horn's own), Pearson and polychoric, and Velicer's criterion.
    common_factors : NumberOfFactors or None
        Parallel analysis of the matrix with communalities on its diagonal, which suggests more.
    notes : tuple of Note
    """

    components: NumberOfFactors | None
    common_factors: NumberOfFactors | None
    notes: tuple[Note, ...]

    @property
    def k_suggested(self) -> int | None:
        """The number that parallel analysis suggests, None where it is undetermined."""
        return None if self.components is None else self.components.k_suggested


@dataclass(frozen=True)
class ExploratorySection:
    """Solutions with one factor up to as many as are suggested or as there are scales.

    Attributes
    ----------
    solutions : mapping number of factors -> mapping correlations -> mapping method and rotation -> FactorSolution
    intervals : LoadingIntervals or None
        Of the loadings of the solution that is shown: Pearson, minres and oblimin, `k_shown` factors.
    k_shown : int
        Factors of that solution: as many as suggested, otherwise as many as there are scales; 0 where there is none.
    k_suggested : int or None
    k_scales : int
        Factors of the joint model, at least 1.
    notes : tuple of Note
    """

    solutions: Mapping[str, Mapping[str, Mapping[str, FactorSolution]]]
    intervals: LoadingIntervals | None
    k_shown: int
    k_suggested: int | None
    k_scales: int
    notes: tuple[Note, ...]

    def find(self, k_factors: int, *, polychoric: bool = False) -> FactorSolution | None:
        """The minres solution of so many factors, rotated by oblimin; None where there is none."""
        found = self.solutions.get(str(k_factors), {}).get("polychoric" if polychoric else "pearson", {})
        return found.get("minres_oblimin", found.get("minres"))


def correlate_items(data: ReportData) -> CorrelationSection:
    """Correlate all items, as numbers and as ordered categories."""
    notes: list[Note] = []
    complete = data.bank.dropna()
    polychoric = None
    if not data.is_ordinal():
        notes.append(Note("correlations.measured", _MEASURED))
    elif data.bank.shape[1] > 1:
        work = partial(polychoric_correlations, data.bank, confidence=data.options.confidence)
        polychoric = attempt(notes, "Polychoric correlations", work)
    pearson = complete.corr()
    if pearson.isna().to_numpy().any():
        notes.append(Note("correlations.undefined", _NO_CORRELATIONS))
    return CorrelationSection(
        pearson, polychoric, len(complete), len(data.bank) - len(complete), tuple(notes)
    )


def judge_adequacy(data: ReportData, correlations: CorrelationSection) -> AdequacySection:
    """Compute KMO and Bartlett's test of both kinds of correlations."""
    notes: list[Note] = []
    pearson = attempt(notes, "Sampling adequacy", partial(sampling_adequacy, data.bank))
    polychoric = None
    found = correlations.polychoric
    if found is not None and not found.correlations.isna().to_numpy().any():
        work = partial(sampling_adequacy_of, found.correlations, found.n_used)
        polychoric = attempt(notes, "Sampling adequacy (polychoric)", work)
    return AdequacySection(pearson, polychoric, tuple(notes))


def count_factors(data: ReportData) -> NumberSection:
    """Run parallel analysis and MAP on both kinds of correlations, on the full and on the reduced matrix."""
    if data.bank.shape[1] < 3:
        return NumberSection(None, None, (Note("structure.items", _TOO_FEW),))
    notes: list[Note] = []
    options = data.options
    full, reduced = (
        attempt(
            notes,
            what,
            partial(number_of_factors, data.bank, n_sets=options.sets, reduced=reduced, seed=options.seed),
        )
        for what, reduced in (("Number of factors", False), ("Number of common factors", True))
    )
    return NumberSection(full, reduced, unique_notes(notes))


def explore_factors(data: ReportData, number: NumberSection) -> ExploratorySection:
    """Extract and rotate one factor up to as many as are suggested or as there are scales."""
    k_items = data.bank.shape[1]
    k_scales = max(1, len(data.joint.joint_factors()[0]))
    notes: list[Note] = []
    most = max((m for m in range(1, k_items) if degrees_of_freedom(k_items, m) >= 0), default=0)
    if k_items < 3 or most < 1:
        few = (Note("structure.items", _TOO_FEW),)
        return ExploratorySection({}, None, 0, number.k_suggested, k_scales, few)
    wanted = max(k_scales, number.k_suggested or 0)
    last = min(wanted, most, MOST_FACTORS)
    if last < wanted:
        notes.append(Note("exploratory.capped", _CAPPED, {"most": last}))
    kinds = ("pearson", "polychoric") if data.is_ordinal() else ("pearson",)
    solutions = {str(k): {kind: _solve(data, k, kind, notes) for kind in kinds} for k in range(1, last + 1)}
    shown = min(number.k_suggested or k_scales, last)
    section = ExploratorySection(solutions, None, shown, number.k_suggested, k_scales, ())
    solution = section.find(shown)
    intervals = None
    if solution is not None:
        options = data.options
        work = partial(
            loading_intervals, data.bank, solution, n_draws=options.draws, confidence=options.confidence,
            clusters=data.clusters, seed=options.seed,
        )  # fmt: skip
        intervals = attempt(notes, "Intervals of loadings", work)
    return replace(section, intervals=intervals, notes=unique_notes(notes))


def _solve(data: ReportData, k_factors: int, kind: Any, notes: list[Note]) -> dict[str, FactorSolution]:
    """Every extraction and rotation of so many factors on one kind of correlations."""
    found = {}
    for name, method, rotation in SINGLE if k_factors == 1 else SOLUTIONS:
        how: dict[str, Any] = {"method": method, "rotation": rotation, "correlations": kind}
        work = partial(fit_factors, data.bank, k_factors, seed=data.options.seed, **how)
        solution = attempt(
            notes, f"{k_factors} {'factor' if k_factors == 1 else 'factors'} ({name}, {kind})", work
        )
        if solution is not None:
            found[name] = solution
    return found
