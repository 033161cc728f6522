"""What a report says of confirmatory models: one model over all scales, a factor each, by every estimator that fits the data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.report.data import ReportData, attempt
from scoring.sem import ConfirmatoryFit, ConfirmatoryModel, fit_confirmatory
from scoring.sem.dynamic import DynamicCutoffs, dynamic_cutoffs
from scoring.sem.factor_scores import factor_scores
from scoring.sem.score_tests import modification_indices

# (name in the report, estimator, missing answers)
VARIANTS: Final = (
    ("ml", "ML", "listwise"),
    ("mlr", "MLR", "listwise"),
    ("fiml", "ML", "fiml"),
    ("mlr_fiml", "MLR", "fiml"),
    ("wlsmv", "WLSMV", "listwise"),
)

# Fits of complete rows are quick to simulate; the ordinal one is simulated where it is the only one, full information never.
_SIMULATED: Final = ("ml", "mlr", "wlsmv")

_NO_CUTOFFS = N_("Limits of fit are not simulated: there is no fit of complete rows to simulate them for.")
_ONE_SCALE = N_("There is one scale, so the model has one factor.")
_TOO_SMALL = N_("A model of one factor needs three items.")
_STOPPED = N_(
    "Modification indices and factor scores are not computed from a solution that did not converge."
)
_CLUSTERED = N_(
    "Rows depend on each other, so only estimators with robust standard errors are used (by %(column)s)."
)


# A longer list invites fishing; the largest few say where a model fails.
MODIFICATIONS: Final = 20


@dataclass(frozen=True)
class ScoreQuality:
    """What regression scores of the factors are worth; the scores themselves belong to persons and stay out of a report.

    Attributes
    ----------
    factors : DataFrame, factors x (mean, sd, smallest, largest, determinacy)
        Of the scores; determinacy is their correlation with the factor.
    correlations : DataFrame
        Of the scores, which are not those of the factors.
    n_used, n_dropped : int
    notes : tuple of Note
    """

    factors: pd.DataFrame
    correlations: pd.DataFrame
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ConfirmatoryEntry:
    """One model by one estimator.

    Attributes
    ----------
    fit : ConfirmatoryFit
    loadings : DataFrame, items x factors
        Standardized in items and factors.
    factor_correlations : DataFrame
    modification_indices : DataFrame or None
        The twenty largest.
    factor_scores : ScoreQuality or None
    notes : tuple of Note
        Why a part is None; remarks on the fit itself are in `fit`.
    """

    fit: ConfirmatoryFit
    loadings: pd.DataFrame
    factor_correlations: pd.DataFrame
    modification_indices: pd.DataFrame | None
    factor_scores: ScoreQuality | None
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class ConfirmatorySection:
    """The model over all scales.

    Attributes
    ----------
    factors : mapping factor -> items
        Empty where no model can be fitted; a note says why.
    ml, mlr, fiml, mlr_fiml, wlsmv : ConfirmatoryEntry or None
        Normal theory; with robust errors and test; both with full information on missing answers; ordinal. None where not asked for,
        not fitting the data, or not computable; a note says why.
    cutoffs : DynamicCutoffs or None
        Limits of CFI, RMSEA and SRMR simulated for this model and size. None where not asked for or not computable, with a note.
    cutoffs_of : str or None
        The fit that they belong to.
    notes : tuple of Note
    """

    factors: Mapping[str, tuple[str, ...]]
    ml: ConfirmatoryEntry | None
    mlr: ConfirmatoryEntry | None
    fiml: ConfirmatoryEntry | None
    mlr_fiml: ConfirmatoryEntry | None
    wlsmv: ConfirmatoryEntry | None
    cutoffs: DynamicCutoffs | None
    cutoffs_of: str | None
    notes: tuple[Note, ...]

    @property
    def entries(self) -> dict[str, ConfirmatoryEntry]:
        """The fits there are, by name."""
        found = {name: getattr(self, name) for name, _, _ in VARIANTS}
        return {name: entry for name, entry in found.items() if entry is not None}


def choose_variants(data: ReportData) -> list[tuple[str, str, str]]:
    """Return the estimators to use: all that fit the data, or those asked for."""
    wanted = []
    for name, estimator, missing in VARIANTS:
        skipped = (
            (data.options.estimator not in {None, estimator})
            or (data.options.missing not in {None, missing} and estimator != "WLSMV")
            or (missing == "fiml" and not data.incomplete and data.options.missing != "fiml")
            or (estimator == "WLSMV" and not data.is_ordinal())
            or (estimator == "ML" and data.clusters is not None)
        )
        if not skipped:
            wanted.append((name, estimator, missing))
    return wanted


def find_factors(data: ReportData) -> tuple[dict[str, tuple[str, ...]], list[Note]]:
    """Return the factors of the one model over all scales, empty where there is none, and why."""
    factors, notes = data.joint.joint_factors()
    remarks = list(notes)
    if len(factors) == 1:
        if len(next(iter(factors.values()))) < 3:
            return {}, [*remarks, Note("confirmatory.small", _TOO_SMALL)]
        remarks.append(Note("confirmatory.single", _ONE_SCALE))
    return factors, remarks


def fit_models(data: ReportData, watch: Callable[[int, int], None] | None = None) -> ConfirmatorySection:
    """Fit the model over all scales by every estimator that fits the data, and simulate what its fit means.

    `watch` is told how many simulated data sets of how many are done.
    """
    factors, notes = find_factors(data)
    found: dict[str, Any] = dict.fromkeys(name for name, _, _ in VARIANTS)
    if factors:
        if data.clusters is not None:
            notes.append(
                Note("confirmatory.clusters", _CLUSTERED, {"column": str(data.clusters.name or "person")})
            )
        model = ConfirmatoryModel(factors)
        for name, estimator, missing in choose_variants(data):
            what = f"Confirmatory model ({name})"
            found[name] = attempt(notes, what, partial(_fit, data, model, estimator, missing))
    chosen = next((name for name in _SIMULATED if found[name] is not None), None)
    cutoffs = None
    if factors and data.options.cutoffs and chosen is None:
        notes.append(Note("confirmatory.no_cutoffs", _NO_CUTOFFS))
    elif data.options.cutoffs and chosen is not None:
        work = partial(
            dynamic_cutoffs, found[chosen].fit, n_replications=data.options.cutoffs, seed=data.options.seed, progress=watch
        )  # fmt: skip
        cutoffs = attempt(notes, "Simulated limits of fit", work)
    return ConfirmatorySection(
        factors,
        **found,
        cutoffs=cutoffs,
        cutoffs_of=chosen if cutoffs is not None else None,
        notes=tuple(notes),
    )


def _fit(data: ReportData, model: ConfirmatoryModel, estimator: Any, missing: Any) -> ConfirmatoryEntry:
    """One fit, where it could be better, and what scores of its factors are worth."""
    fit = fit_confirmatory(data.bank, model, estimator=estimator, missing=missing, clusters=data.clusters)
    loadings, correlations = fit.loadings(standardized=True), fit.factor_correlations()
    if not fit.converged:
        return ConfirmatoryEntry(
            fit, loadings, correlations, None, None, (Note("confirmatory.stopped", _STOPPED),)
        )
    notes: list[Note] = []
    indices = attempt(notes, "Modification indices", partial(modification_indices, fit))
    quality = attempt(notes, "Factor scores", partial(_judge_scores, fit, data.bank))
    largest = None if indices is None else indices.head(MODIFICATIONS)
    return ConfirmatoryEntry(fit, loadings, correlations, largest, quality, tuple(notes))


def _judge_scores(fit: ConfirmatoryFit, bank: pd.DataFrame) -> ScoreQuality:
    """Regression scores, summarised."""
    found = factor_scores(fit, bank)
    scores = found.scores
    table = pd.DataFrame(
        {
            "mean": scores.mean(),
            "sd": scores.std(ddof=1),
            "smallest": scores.min(),
            "largest": scores.max(),
            "determinacy": pd.Series(found.determinacy),
        }
    )
    return ScoreQuality(table, scores.corr(), found.n_used, found.n_dropped, found.notes)
