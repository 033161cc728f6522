"""Omega total: the share of one common factor in the variance of a scale's sum, with intervals that suit small samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import check_numeric_items, find_constant
from scoring.one_factor import FloatArray, OneFactorModel, describe_one_factor, fit_one_factor
from scoring.reliability import check_confidence, normal_quantile
from scoring.resampling import (
    BootstrapInterval,
    IntArray,
    draw_statistic,
    prepare_draws,
    renumber,
    summarise_draws,
    wishart_covariances,
)

if TYPE_CHECKING:
    from scoring.sem import ConfirmatoryFit
    from scoring.sem.fit import FitMeasures

OmegaInterval = Literal["normal-bootstrap", "percentile-bootstrap", "normal-items", "delta"]
INTERVALS: Final = ("normal-bootstrap", "percentile-bootstrap", "normal-items", "delta")

# Measurement plan, section 4.1, after Padilla and Divers: more than 50 people, or 50 with more than five items.
OMEGA_MINIMUM: Final = 50
_MANY_ITEMS: Final = 5
# Below this CFI a single factor is a poor account of the items.
_POOR_FIT: Final = 0.90
_SINGULAR: Final = 1e-10


@dataclass(frozen=True)
class OmegaResult:
    """Omega total of one scale.

    Attributes
    ----------
    value, low, high : float or None
        The coefficient, with its interval at `confidence`; None where it is not defined or must not be computed, with a note.
    standard_error : float or None
        Standard deviation of the resampled values, or the delta method's.
    observed_value : float or None
        The same numerator over the observed variance of the sum instead of the implied one.
    interval : str
        How the interval was made: see `omega_total`.
    confidence : float
    loadings, residual_variances : Series by item
        Of the one-factor model in the unit of the items, factor variance 1; empty where there is no value.
    residual_covariances : mapping (item, item) -> float
    measures : FitMeasures or None
        How well the model fits.
    missing : "listwise" or "fiml"
    n_used, n_dropped : int
        Rows used, and rows left out.
    n_clusters : int
        Independent pairs or people among the rows used; what the gate counts.
    n_failed : int
        Resampled data sets whose model could not be fitted.
    k_items : int
    converged : bool
    heywood : bool
        Whether a residual variance is zero or negative.
    notes : tuple of Note
    """

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    observed_value: float | None
    interval: OmegaInterval
    confidence: float
    loadings: pd.Series
    residual_variances: pd.Series
    residual_covariances: Mapping[tuple[str, str], float]
    measures: "FitMeasures | None"
    missing: Literal["listwise", "fiml"]
    n_used: int
    n_dropped: int
    n_clusters: int
    n_failed: int
    k_items: int
    converged: bool
    heywood: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class _Request:
    """What was asked for, checked."""

    values: pd.DataFrame
    clusters: IntArray | None
    interval: OmegaInterval
    confidence: float
    n_draws: int
    seed: int
    missing: Literal["listwise", "fiml"]
    residual_pairs: tuple[tuple[str, str], ...]

    @property
    def kept(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """The rows that are used: complete ones, or with full information those with any answer."""
        answered = self.values.notna()
        kept = answered.all(axis=1) if self.missing == "listwise" else answered.any(axis=1)
        return kept.to_numpy(dtype=bool)

    @property
    def n_clusters(self) -> int:
        """Independent units among the rows used."""
        return int(self.kept.sum()) if self.clusters is None else len(np.unique(self.clusters[self.kept]))


def omega_total(
    items: pd.DataFrame,
    *,
    interval: OmegaInterval = "normal-bootstrap",
    confidence: float = 0.95,
    n_draws: int = 1000,
    seed: int = 0,
    clusters: pd.Series | None = None,
    missing: Literal["listwise", "fiml"] = "listwise",
    residual_covariances: Sequence[tuple[str, str]] = (),
) -> OmegaResult:
    """Compute omega total of keyed items from a one-factor model, with an interval.

    Parameters
    ----------
    items : DataFrame, respondents x items
        Keyed values of one role and one wave, any unit; three items or more.
    interval : str, default "normal-bootstrap"
        "normal-bootstrap": `omega +- z sd(omega*)` over resampled rows (clusters where given), the normal-theory bootstrap;
        "percentile-bootstrap": quantiles of omega*, from 100 clusters on; "normal-items": the same as the first, but omega* from
        Wishart-distributed covariances, which takes the items as normal and costs nothing per respondent; "delta": delta method.
    confidence : float, default .95
        Coverage of the interval, between 0 and 1.
    n_draws : int, default 1000
        Resampled data sets, at least 2.
    seed : int, default 0
        The same seed gives the same draws.
    clusters : Series with the index of `items`, optional
        Pairs; they are drawn whole, or with "delta" make the standard errors robust.
    missing : "listwise" or "fiml", default "listwise"
        Complete rows, or full information, which needs `interval="delta"`.
    residual_covariances : sequence of (item, item), optional
        Items that share more than the factor, for example the same wording.

    Returns
    -------
    OmegaResult
        Refused, with a note, for two items (not identified: see `spearman_brown`), up to 50 independent respondents (at 50 unless
        there are more than five items), a constant item or items that repeat one another.

    Notes
    -----
    `(sum l)^2 / ((sum l)^2 + sum theta + 2 sum theta_ij)` by maximum likelihood. In Padilla and Divers' words the "normal theory
    bootstrap" resamples rows and takes omega, not the items, as normal: they set it against the percentile interval for those who
    do not "wish to make the normality assumption about coefficient omega". It held its coverage above 50 respondents, or at 50
    with more than five items; the percentile interval did from 100.

    The same as R's `lavaan::cfa` with a defined parameter (value, standard error, `interval="delta"`), and as
    `semTools::compRelSEM(obs.var = TRUE)` for `observed_value`.

    References
    ----------
    McDonald, R. P. (1999). Test theory: A unified treatment. Erlbaum.
    Padilla, M. A., & Divers, J. (2013). Coefficient omega bootstrap confidence intervals: Nonnormal distributions. Educational
    and Psychological Measurement, 73, 956-972. https://doi.org/10.1177/0013164413492765

    Raises
    ------
    ScoringError
        `omega.items`, `omega.column`, `omega.number` for fewer than two, doubled or non-numeric columns; `omega.confidence`;
        `omega.interval` for an interval that is unknown, needs complete rows, or knows no clusters; `bootstrap.draws`,
        `bootstrap.clusters`, `bootstrap.percentile` as in `bootstrap_alpha`; `one_factor.residual`, `one_factor.pairs`.
    """
    values = check_numeric_items(items, "omega").rename(columns=str)
    check_confidence(confidence, "omega")
    _check_interval(interval, clusters, missing)
    codes = prepare_draws(values, clusters, n_draws)
    pairs = tuple((str(a), str(b)) for a, b in residual_covariances)
    request = _Request(values, codes, interval, confidence, n_draws, seed, missing, pairs)
    problem = _find_problem(request)
    if problem is not None:
        return _report(request, None, notes=(problem,))
    if missing == "fiml" or (clusters is not None and interval == "delta"):
        return _through_confirmatory(request, clusters)
    return _through_covariances(request)


_TWO_ITEMS = N_(
    "Two items do not identify a one-factor model; their reliability comes from the Spearman-Brown formula."
)
_FEW = N_(
    "Omega needs more than %(minimum)d independent respondents; there are %(n)d. Alpha is all that can be said."
)
_CONSTANT = N_("Everybody gave the same answer to %(item)s, so omega is not defined.")
_EMPTY = N_("Nobody answered %(item)s, so omega is not defined.")
_REPEATED = N_("Some items can be computed exactly from others, so a one-factor model cannot be fitted.")
_NO_FIT = N_("The one-factor model did not converge, so there is no omega.")
_HEYWOOD = N_(
    "The residual variance of an item is not positive, so omega is hardly to be trusted (Heywood case)."
)
_POOR = N_("One factor is a poor account of these items (CFI %(cfi).2f), so omega rests on a wrong model.")
_NO_ERROR = N_("The standard error of omega could not be computed.")


def _check_interval(interval: str, clusters: pd.Series | None, missing: str) -> None:
    """The interval is known and goes with what else is asked for."""
    possible: tuple[str, ...] = INTERVALS
    if missing == "fiml":
        possible = ("delta",)
    elif clusters is not None:
        possible = tuple(name for name in INTERVALS if name != "normal-items")
    if interval not in possible or missing not in ("listwise", "fiml"):
        raise ScoringError(
            "omega.interval",
            "The interval “%(interval)s” is not possible here (missing answers: %(missing)s).",
            "Use one of: %(possible)s.",
            interval=interval,
            missing=missing,
            possible=", ".join(possible),
        )


def _find_problem(request: _Request) -> Note | None:
    """Why omega is refused, or None."""
    rows, n = request.values[request.kept], request.n_clusters
    k = rows.shape[1]
    if k < 3:
        return Note("omega.two_items", _TWO_ITEMS)
    empty = request.values.isna().all(axis=0)
    if len(request.values) and empty.any():
        return Note("omega.empty", _EMPTY, {"item": str(empty.index[empty][0])})
    if n < OMEGA_MINIMUM or (n == OMEGA_MINIMUM and k <= _MANY_ITEMS):
        return Note("omega.few", _FEW, {"minimum": OMEGA_MINIMUM, "n": n})
    for item in rows.columns:
        constant = find_constant(rows[[item]].dropna())
        if constant is not None:
            return Note("omega.constant", _CONSTANT, {"item": constant})
    if request.missing == "listwise":
        smallest = float(np.linalg.eigvalsh(np.corrcoef(rows.to_numpy(), rowvar=False))[0])
        if smallest <= _SINGULAR:
            return Note("omega.singular", _REPEATED)
    return None


@dataclass(frozen=True)
class _Found:
    """What a fitted model gives, whichever way it was fitted."""

    value: float
    observed: float
    error: float
    loadings: pd.Series
    residual_variances: pd.Series
    residual_covariances: Mapping[tuple[str, str], float]
    measures: "FitMeasures"
    heywood: bool


def _through_covariances(request: _Request) -> OmegaResult:
    """Omega of complete rows: one covariance matrix, and a stack of resampled ones."""
    rows = request.values[request.kept]
    n = len(rows)
    if request.interval == "percentile-bootstrap":
        # Refuse before anything is computed.
        summarise_draws(0.0, np.zeros(2), request.n_clusters, "percentile", request.confidence)
    covariance = rows.cov(ddof=0)
    model = describe_one_factor(covariance, n, residual_pairs=request.residual_pairs)
    if not model.converged:
        return _report(request, None, notes=(Note("omega.converged", _NO_FIT),))
    found = _Found(
        model.omega,
        model.omega_observed,
        model.omega_error,
        model.loadings,
        model.residual_variances,
        model.residual_covariances,
        model.measures,
        model.heywood,
    )
    if request.interval == "delta":
        return _report(request, found, ends=_delta(found, request.confidence))
    draws, notes = _draw(request, rows.to_numpy(), covariance.to_numpy(), model)
    kind: BootstrapInterval = "percentile" if request.interval == "percentile-bootstrap" else "normal"
    drawn = summarise_draws(found.value, draws, request.n_clusters, kind, request.confidence)
    return _report(
        request,
        found,
        ends=(drawn.standard_error, drawn.low, drawn.high),
        notes=notes + drawn.notes,
        n_failed=drawn.n_failed,
    )


def _draw(
    request: _Request, rows: FloatArray, covariance: FloatArray, model: OneFactorModel
) -> tuple[FloatArray, tuple[Note, ...]]:
    """Omega of resampled covariance matrices, every fit started from the sample's own solution."""
    rng = np.random.default_rng(request.seed)
    places = {item: place for place, item in enumerate(model.loadings.index)}
    pairs = [(places[a], places[b]) for a, b in request.residual_pairs]
    cells = np.array([*model.residual_variances, *model.residual_covariances.values()])
    start = (model.loadings.to_numpy(), cells)

    def omegas(stack: FloatArray) -> FloatArray:
        return fit_one_factor(stack, residual_pairs=pairs, start=start).omega()

    if request.interval == "normal-items":
        return omegas(wishart_covariances(covariance, len(rows), request.n_draws, rng)), ()
    codes = renumber(request.clusters, request.kept)
    return draw_statistic(rows, codes, request.n_draws, rng, omegas)


def _through_confirmatory(request: _Request, clusters: pd.Series | None) -> OmegaResult:
    """Omega of rows with gaps, or with errors robust to clusters, from the general confirmatory model."""
    from scoring.sem import ConfirmatoryModel, fit_confirmatory

    names = [str(item) for item in request.values.columns]
    factor = "F"
    while factor in names:
        factor += "_"
    model = ConfirmatoryModel({factor: tuple(names)}, residual_covariances=request.residual_pairs)
    try:
        fit = fit_confirmatory(
            request.values,
            model,
            estimator="ML" if clusters is None else "MLR",
            missing=request.missing,
            clusters=clusters,
            scaling="unit_variance",
        )
    except ScoringError as error:
        if error.code != "sem.singular":
            raise
        return _report(request, None, notes=(Note("omega.singular", _REPEATED),))
    if not fit.converged:
        return _report(request, None, notes=(Note("omega.converged", _NO_FIT), *fit.notes))
    found = _read_confirmatory(fit, names)
    return _report(request, found, ends=_delta(found, request.confidence))


def _read_confirmatory(fit: "ConfirmatoryFit", names: list[str]) -> _Found:
    """Omega and its delta-method error from a fitted confirmatory model of one factor."""
    model = fit.problem.model
    matrices = model.matrices(fit.x, 0)
    loadings, residuals = matrices.loadings[:, 0], matrices.residuals

    def omega(x: FloatArray) -> float:
        at = model.matrices(x, 0)
        common = float(at.loadings.sum()) ** 2
        return common / (common + float(at.residuals.sum()))

    error = math.nan
    if fit.covariance is not None:
        steps = 1e-5 * np.maximum(1.0, np.abs(fit.x))
        shifts = np.diag(steps)
        slope = np.array([omega(fit.x + shift) - omega(fit.x - shift) for shift in shifts]) / (2.0 * steps)
        error = math.sqrt(max(float(slope @ fit.covariance @ slope), 0.0))
    observed = float(loadings.sum()) ** 2 / float(fit.data.samples[0][0].sum())
    sign = -1.0 if loadings.sum() < 0 else 1.0
    first, second = np.nonzero(np.triu(residuals, 1))
    return _Found(
        omega(fit.x),
        observed,
        error,
        pd.Series(sign * loadings, index=names),
        pd.Series(np.diag(residuals).copy(), index=names),
        {(names[i], names[j]): float(residuals[i, j]) for i, j in zip(first, second, strict=True)},
        fit.measures,
        bool((np.diag(residuals) <= 0).any()),
    )


def _delta(found: _Found, confidence: float) -> tuple[float | None, float | None, float | None]:
    """Standard error and ends of the delta method's interval."""
    if not math.isfinite(found.error):
        return None, None, None
    half = normal_quantile(confidence) * found.error
    return found.error, found.value - half, found.value + half


def _report(
    request: _Request,
    found: _Found | None,
    *,
    ends: tuple[float | None, float | None, float | None] = (None, None, None),
    notes: tuple[Note, ...] = (),
    n_failed: int = 0,
) -> OmegaResult:
    """The result, with or without a value."""
    if found is not None:
        notes = _remarks(found) + notes
        if ends[0] is None and not notes:
            notes = (Note("omega.error", _NO_ERROR),)
    n_used = int(request.kept.sum())
    empty = pd.Series(dtype="float64")
    return OmegaResult(
        value=None if found is None else found.value,
        low=ends[1],
        high=ends[2],
        standard_error=ends[0],
        observed_value=None if found is None else found.observed,
        interval=request.interval,
        confidence=request.confidence,
        loadings=empty if found is None else found.loadings,
        residual_variances=empty if found is None else found.residual_variances,
        residual_covariances={} if found is None else found.residual_covariances,
        measures=None if found is None else found.measures,
        missing=request.missing,
        n_used=n_used,
        n_dropped=len(request.values) - n_used,
        n_clusters=request.n_clusters,
        n_failed=n_failed,
        k_items=request.values.shape[1],
        converged=found is not None,
        heywood=found is not None and found.heywood,
        notes=notes,
    )


def _remarks(found: _Found) -> tuple[Note, ...]:
    """What the fitted model says about its omega."""
    notes = []
    if found.heywood:
        notes.append(Note("omega.heywood", _HEYWOOD))
    cfi = found.measures.cfi
    if cfi is not None and cfi < _POOR_FIT:
        notes.append(Note("omega.fit", _POOR, {"cfi": cfi}))
    return tuple(notes)
