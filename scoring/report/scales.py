"""What a report says of each scale: scores, items, answers, reliability, and the curves of the options."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, get_args

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.category_curves import CategoryCurves, model_curves, observed_curves
from scoring.errors import Note, ScoringError
from scoring.omega import OmegaInterval, OmegaResult, omega_total
from scoring.omega_hierarchical import HierarchicalOmega, omega_hierarchical
from scoring.ordinal_reliability import CategoricalOmega, OrdinalAlpha, categorical_omega, ordinal_alpha
from scoring.reliability import AlphaStatistics, Interval, alpha_statistics
from scoring.reliability_report import ReliabilityReport, scale_reliability
from scoring.report.data import ReportData, attempt
from scoring.resampling import PERCENTILE_MINIMUM
from scoring.scale_sets import ScaleKeys
from scoring.scales import score_scale
from scoring.split_halves import SpearmanBrown, spearman_brown

HIERARCHICAL_ITEMS: Final = 6
HIERARCHICAL_FACTORS: Final = (2, 3)
# The trait over which a model's curves are drawn, in standard deviations.
_LEVELS: Final = np.linspace(-3.0, 3.0, 121)

_MIRRORED = N_("The two roles answer different questions in this scale: read each role by itself.")
_SINGLE = N_("One item alone has no reliability that could be computed from one occasion.")
_MEASURED = N_("Categorical omega, ordinal alpha and the options' curves need ordinal items.")
_NO_CURVES = N_(
    "There are no curves of options: the ordinal model has no solution, and too few people answered to count."
)
_COUNTED = N_("The curves are counted shares over the rest score, because the ordinal model has no solution.")


@dataclass(frozen=True)
class ScoreSummary:
    """The scores of one scale: means of the keyed items in the unit of the codes.

    Attributes
    ----------
    mean, sd, skewness, kurtosis, smallest, largest : float or None
        Skewness and excess kurtosis with the small-sample factors (types "2" of R's e1071). None where too few rows have a score.
    n_used, n_dropped : int
        Rows with a score, and rows that answered too few items for one.
    k_required : int
        Answered items that a score needs.
    n_lowest, n_highest : int
        Scores at the lowest and the highest possible value.
    """

    mean: float | None
    sd: float | None
    skewness: float | None
    kurtosis: float | None
    smallest: float | None
    largest: float | None
    n_used: int
    n_dropped: int
    k_required: int
    n_lowest: int
    n_highest: int


@dataclass(frozen=True)
class ReliabilitySection:
    """Every reliability of one scale that is defined for its items; what its size can bear stands in `gates`.

    Attributes
    ----------
    summary : ReliabilityReport
        Alpha, omega with its bootstrap interval, the verdict and the gates; statistics behind a shut gate are None in it.
    alpha_pairwise : AlphaStatistics or None
        From pairwise covariances; None where no answer is missing, or not computable.
    omega : OmegaResult or None
        From complete rows, with the interval of the summary.
    omega_intervals : mapping kind -> Interval
        All intervals of omega that the number of rows allows.
    omega_fiml : OmegaResult or None
        With full information; None where no answer is missing.
    categorical_omega, ordinal_alpha : results or None
        None for items that are not ordinal. Ordinal alpha is a what-if.
    omega_hierarchical : mapping number of group factors -> HierarchicalOmega
        For six items or more.
    spearman_brown : SpearmanBrown or None
        For two items.
    """

    summary: ReliabilityReport
    alpha_pairwise: AlphaStatistics | None
    omega: OmegaResult | None
    omega_intervals: Mapping[str, Interval]
    omega_fiml: OmegaResult | None
    categorical_omega: CategoricalOmega | None
    ordinal_alpha: OrdinalAlpha | None
    omega_hierarchical: Mapping[str, HierarchicalOmega]
    spearman_brown: SpearmanBrown | None


@dataclass(frozen=True)
class ScaleSection:
    """One scale.

    Attributes
    ----------
    keys : mapping item -> +1 or -1
    minimum, maximum : float
        Smallest and largest code of the items.
    scores : ScoreSummary
    items : DataFrame, items x descriptions
        Keyed values: key, n, n_missing, mean, sd, skewness, kurtosis, smallest, largest, k_values.
    answers : DataFrame or None
        How often each keyed value occurs; None for items that are not ordinal.
    reliability : ReliabilitySection or None
        None for a single item, or where nothing could be computed; a note says why.
    curves : mapping item -> CategoryCurves
        Of the ordinal one-factor model, otherwise counted; empty for items that are not ordinal.
    subsets : mapping label -> ReliabilityReport
        The same scale in each role and wave by itself.
    notes : tuple of Note
    """

    keys: Mapping[str, int]
    minimum: float
    maximum: float
    scores: ScoreSummary
    items: pd.DataFrame
    answers: pd.DataFrame | None
    reliability: ReliabilitySection | None
    curves: Mapping[str, CategoryCurves]
    subsets: Mapping[str, ReliabilityReport]
    notes: tuple[Note, ...]


def analyse_scale(data: ReportData, scale: ScaleKeys) -> ScaleSection:
    """Return everything that is said of one scale."""
    keyed = data.keyed[scale.name]
    ordinal = data.is_ordinal(tuple(scale.keys))
    notes: list[Note] = []
    reliability = None
    subsets: dict[str, ReliabilityReport] = {}
    if len(scale.keys) == 1:
        notes.append(Note("scale.single", _SINGLE))
    else:
        what = f"Reliability of {scale.name}"
        reliability = attempt(notes, what, partial(_collect_reliability, data, scale.name, ordinal, notes))
        subsets = _split_reliability(data, scale.name, notes)
    if data.options.role is not None and not scale.same_wording:
        notes.append(Note("scale.mirrored", _MIRRORED))
    curves: Mapping[str, CategoryCurves] = {}
    if not ordinal:
        notes.append(Note("scale.measured", _MEASURED))
    elif len(scale.keys) > 1:
        curves = _find_curves(keyed, reliability.categorical_omega if reliability else None, notes)
    return ScaleSection(
        keys=scale.keys,
        minimum=scale.minimum,
        maximum=scale.maximum,
        scores=summarise_scores(scale, data),
        items=describe_items(scale, keyed),
        answers=count_answers(keyed) if ordinal else None,
        reliability=reliability,
        curves=curves,
        subsets=subsets,
        notes=tuple(notes),
    )


def _collect_reliability(data: ReportData, name: str, ordinal: bool, notes: list[Note]) -> ReliabilitySection:
    """Every reliability of one scale; a part that cannot be computed becomes a note."""
    keyed, k = data.keyed[name], data.keyed[name].shape[1]
    options, gaps = data.options, bool(keyed.isna().to_numpy().any())
    summary = scale_reliability(
        keyed, clusters=data.clusters, n_draws=options.draws, seed=options.seed, confidence=options.confidence
    )

    def part(what: str, wanted: bool, work: Any) -> Any:
        return attempt(notes, f"{what} of {name}", work) if wanted else None

    omega = summary.omega or part("Omega", k > 2, partial(_compute_omega, data, keyed, "delta"))
    intervals: dict[str, Interval] = {}
    for kind in get_args(OmegaInterval):
        if omega is None or omega.value is None or not _has_interval(kind, summary.n_clusters, data):
            continue
        found = omega if kind == omega.interval else _compute_omega(data, keyed, kind)
        if found.low is not None and found.high is not None:
            intervals[kind] = Interval(found.low, found.high)
    pairwise = partial(alpha_statistics, keyed, missing="pairwise", confidence=options.confidence)
    fiml = partial(_compute_omega, data, keyed, "delta", missing="fiml")
    hierarchical = {
        str(factors): part(
            f"Omega hierarchical ({factors} factors)", True, partial(omega_hierarchical, keyed, factors)
        )
        for factors in HIERARCHICAL_FACTORS
        if k >= HIERARCHICAL_ITEMS
    }
    return ReliabilitySection(
        summary=summary,
        alpha_pairwise=part("Pairwise alpha", gaps, pairwise),
        omega=omega,
        omega_intervals=intervals,
        omega_fiml=part("Omega with full information", gaps and k > 2, fiml),
        categorical_omega=part("Categorical omega", ordinal and k > 2, partial(categorical_omega, keyed)),
        ordinal_alpha=part("Ordinal alpha", ordinal, partial(ordinal_alpha, keyed)),
        omega_hierarchical={label: found for label, found in hierarchical.items() if found is not None},
        spearman_brown=part(
            "Spearman-Brown", k == 2, partial(spearman_brown, keyed, confidence=options.confidence)
        ),
    )


def _compute_omega(
    data: ReportData, keyed: pd.DataFrame, interval: Any, missing: Any = "listwise"
) -> OmegaResult:
    """Omega with one kind of interval."""
    options = data.options
    return omega_total(
        keyed, interval=interval, missing=missing, clusters=data.clusters, n_draws=options.draws, seed=options.seed,
        confidence=options.confidence,
    )  # fmt: skip


def _has_interval(kind: str, n_clusters: int, data: ReportData) -> bool:
    """Whether an interval of omega is made from this many independent rows, and with clusters where there are any."""
    if kind == "percentile-bootstrap":
        return n_clusters >= PERCENTILE_MINIMUM
    return kind != "normal-items" or data.clusters is None


def _split_reliability(data: ReportData, name: str, notes: list[Note]) -> dict[str, ReliabilityReport]:
    """The reliability in each role and wave by itself, where rows of several are analysed together."""
    options = data.options
    columns = [column for column in (options.role, options.wave) if column is not None]
    found = {}
    if columns:
        for labels, rows in data.table.frame.groupby(columns, sort=True):
            label = ", ".join(map(str, labels))
            # Within one role and wave a pair stands once, so its rows are independent; within one role or wave alone they may not be.
            clusters = None if data.clusters is None else data.clusters.loc[rows.index]
            clusters = clusters if clusters is not None and clusters.duplicated().any() else None
            work = partial(
                scale_reliability, data.keyed[name].loc[rows.index], clusters=clusters, n_draws=options.draws,
                seed=options.seed, confidence=options.confidence,
            )  # fmt: skip
            report = attempt(notes, f"Reliability of {name} in {label}", work)
            if report is not None:
                found[label] = report
    return found


def _find_curves(
    keyed: pd.DataFrame, model: CategoricalOmega | None, notes: list[Note]
) -> Mapping[str, CategoryCurves]:
    """The options' curves by the ordinal one-factor model, or counted where it has no solution."""
    if model is not None and model.value is not None and model.thresholds:
        merged = keyed.dropna().copy()
        for merge in model.merges:
            merged[merge.item] = merged[merge.item].replace(merge.category, merge.into)
        try:
            return {
                item: model_curves(
                    item, float(model.loadings[item]), cuts.tolist(), sorted(merged[item].unique()), _LEVELS
                )
                for item, cuts in model.thresholds.items()
            }
        except ScoringError as error:
            notes.append(Note("scale.curves", N_("Curves of options: %(reason)s"), {"reason": str(error)}))
    counted = observed_curves(keyed)
    notes.append(Note("scale.counted", _COUNTED) if counted else Note("scale.no_curves", _NO_CURVES))
    return counted


_ITEM_COLUMNS: Final = (
    "key",
    "n",
    "n_missing",
    "mean",
    "sd",
    "skewness",
    "kurtosis",
    "smallest",
    "largest",
    "k_values",
)


def summarise_scores(scale: ScaleKeys, data: ReportData) -> ScoreSummary:
    """Score a scale in every row and describe the scores."""
    result = score_scale(
        data.table.frame,
        scale.keys,
        minimum=scale.minimum,
        maximum=scale.maximum,
        minimum_answered=data.scales.minimum_answered,
    )
    scores = result.scores.dropna()
    moments = _moments(scores)
    return ScoreSummary(
        **moments,
        n_used=len(scores),
        n_dropped=len(result.scores) - len(scores),
        k_required=result.k_required,
        n_lowest=int((scores == scale.minimum).sum()),
        n_highest=int((scores == scale.maximum).sum()),
    )


def describe_items(scale: ScaleKeys, keyed: pd.DataFrame) -> pd.DataFrame:
    """Describe each item's keyed values: key, answers, moments, range, and how many different values there are."""
    rows = []
    for item in keyed.columns:
        values = keyed[item].dropna()
        rows.append(
            {
                "key": scale.keys[str(item)],
                "n": len(values),
                "n_missing": len(keyed) - len(values),
                **_moments(values),
                "k_values": values.nunique(),
            }
        )
    return pd.DataFrame(rows, index=keyed.columns, columns=list(_ITEM_COLUMNS))


def count_answers(keyed: pd.DataFrame) -> pd.DataFrame:
    """Count how often each keyed value occurs, items x values in rising order; an item without a value has 0 there."""
    values = np.unique(keyed.to_numpy()[keyed.notna().to_numpy()])
    counts = {item: [int((keyed[item] == value).sum()) for value in values] for item in keyed.columns}
    return pd.DataFrame.from_dict(
        counts, orient="index", columns=[f"{value:g}" for value in values], dtype="int64"
    )


def _moments(values: pd.Series) -> dict[str, Any]:
    """Mean, spread, shape and ends of a series; None where there is too little for one."""
    n, spread = len(values), float(values.std(ddof=1)) if len(values) > 1 else None
    varies = spread is not None and spread > 1e-12 * max(1.0, float(values.abs().max()))
    return {
        "mean": float(values.mean()) if n else None,
        "sd": spread,
        "skewness": float(values.skew()) if varies and n > 2 else None,
        "kurtosis": float(values.kurt()) if varies and n > 3 else None,
        "smallest": float(values.min()) if n else None,
        "largest": float(values.max()) if n else None,
    }
