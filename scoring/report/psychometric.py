"""Answers and scales in, one frozen psychometric report out; usable without database or web."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from scoring.errors import Note
from scoring.report.careless import CarelessSection, find_careless
from scoring.report.data import ReportData, ReportOptions, prepare_data
from scoring.report.groups import AgreementSection, DifSection, compare_agreement, compare_items
from scoring.report.invariance import InvarianceSection, compare_measurement
from scoring.report.models import ConfirmatorySection, fit_models
from scoring.report.scales import ScaleSection, analyse_scale
from scoring.report.steps import Progress, Step, package_versions, run_steps, scale_step
from scoring.report.structure import (
    AdequacySection,
    CorrelationSection,
    ExploratorySection,
    NumberSection,
    correlate_items,
    count_factors,
    explore_factors,
    judge_adequacy,
)
from scoring.scale_sets import ScaleSet
from scoring.tables import ItemTable

__all__ = ["PsychometricReport", "ReportOptions", "psychometric_report"]

# The packages whose version may change a number.
PACKAGES: Final = ("viceversa", "numpy", "scipy", "pandas", "pingouin", "factor-analyzer", "scikit-learn")


@dataclass(frozen=True)
class ReportMeta:
    """Where a report comes from: enough to compute it again.

    Attributes
    ----------
    versions : mapping package -> version
    source : str
        Name of the file; empty for a DataFrame.
    digest : str
        SHA-256 of the file; empty where it is not known.
    scales_source : str
    minimum_answered : str
        Share of items that a score needs, as a fraction.
    n_rows, n_complete, k_items : int
        Rows, rows without a missing answer, items.
    n_units : int
        Rows that do not depend on each other: pairs or persons where columns name them, otherwise rows.
    options : ReportOptions
    """

    versions: Mapping[str, str]
    source: str
    digest: str
    scales_source: str
    minimum_answered: str
    n_rows: int
    n_complete: int
    k_items: int
    n_units: int
    options: ReportOptions


@dataclass(frozen=True)
class PsychometricReport:
    """Everything that the answers to a set of scales say about those scales.

    Attributes
    ----------
    meta : ReportMeta
    scales : mapping scale -> ScaleSection
        Scores, items, reliability and options' curves of each scale.
    adequacy, correlations, number_of_factors, exploratory : sections on all items together
    confirmatory : ConfirmatorySection
        One model over all scales, a factor each.
    invariance : InvarianceSection or None
        Over groups, waves and roles; None where no column names any.
    agreement, dif : sections or None
        None where no groups are named.
    careless : CarelessSection
        For the researcher's eyes only; nobody is left out on its account.
    notes : tuple of Note
        On the data as a whole.
    """

    meta: ReportMeta
    scales: Mapping[str, ScaleSection]
    adequacy: AdequacySection
    correlations: CorrelationSection
    number_of_factors: NumberSection
    exploratory: ExploratorySection
    confirmatory: ConfirmatorySection
    invariance: InvarianceSection | None
    agreement: AgreementSection | None
    careless: CarelessSection | None
    dif: DifSection | None
    notes: tuple[Note, ...]


def psychometric_report(
    answers: ItemTable | pd.DataFrame,
    scales: ScaleSet,
    options: ReportOptions | None = None,
    *,
    digest: str = "",
    progress: Progress | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> PsychometricReport:
    """Analyse the answers to a set of scales.

    Parameters
    ----------
    answers : ItemTable or DataFrame, respondents x columns
        What `scoring.tables.read_item_table` gave, or a DataFrame of raw codes with a column for each item, NaN where missing, and
        the columns that the options name.
    scales : ScaleSet
        From `read_scales`, `make_scale_set` or `scales_of_instrument`.
    options : ReportOptions, optional
        Columns of groups, pairs, waves, roles and persons; bootstrap draws, random sets, seed.
    digest : str, optional
        SHA-256 of the file, to be kept in the report.
    progress : callable, optional
        Takes the names of all steps and yields them one by one as they begin.
    watch : callable, optional
        Told, within a long step, how many parts of how many are done.

    Returns
    -------
    PsychometricReport
        The same for the same answers, options and versions.

    Notes
    -----
    Missing data: each statistic says in its own docstring what it does. A statistic that cannot be computed from these answers is
    None and explained by a note; it does not end the report.

    Raises
    ------
    ProblemsError
        For answers or options that cannot be used; see `scoring.report.data.prepare_data`.
    """
    data = prepare_data(answers, scales, options or ReportOptions())
    found = run_steps(_plan(data, watch), progress)
    return PsychometricReport(
        meta=_describe(data, digest),
        scales={scale.name: found[scale_step(scale.name)] for scale in scales.scales},
        notes=data.notes,
        **{name: found[label] for name, label in SECTIONS.items()},
    )


SECTIONS: Final = {
    "adequacy": "adequacy",
    "correlations": "correlations",
    "number_of_factors": "number of factors",
    "exploratory": "exploratory factors",
    "confirmatory": "confirmatory models",
    "invariance": "invariance",
    "agreement": "agreement",
    "careless": "careless answers",
    "dif": "differential functioning",
}


def _plan(data: ReportData, watch: Callable[[int, int], None] | None) -> dict[str, Step]:
    """Each step by its name; a step sees what the steps before it found."""

    def analyse(place: int) -> Step:
        return lambda _: analyse_scale(data, data.scales.scales[place])

    steps: dict[str, Step] = {
        scale_step(name): analyse(place) for place, name in enumerate(data.scales.names)
    }
    steps |= {
        "correlations": lambda _: correlate_items(data),
        "adequacy": lambda found: judge_adequacy(data, found["correlations"]),
        "number of factors": lambda _: count_factors(data),
        "exploratory factors": lambda found: explore_factors(data, found["number of factors"]),
        "confirmatory models": lambda _: fit_models(data, watch),
        "invariance": lambda _: compare_measurement(data),
        "agreement": lambda _: compare_agreement(data),
        "careless answers": lambda _: find_careless(data),
        "differential functioning": lambda _: compare_items(data),
    }
    return steps


def _describe(data: ReportData, digest: str) -> ReportMeta:
    """Where the report comes from."""
    complete = data.bank.notna().all(axis=1)
    return ReportMeta(
        versions=package_versions(PACKAGES),
        source=data.table.source,
        digest=digest,
        scales_source=data.scales.source,
        minimum_answered=str(data.scales.minimum_answered),
        n_rows=len(data.bank),
        n_complete=int(complete.sum()),
        k_items=data.bank.shape[1],
        n_units=len(data.bank) if data.clusters is None else int(data.clusters.nunique()),
        options=data.options,
    )
