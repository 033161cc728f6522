"""Latent change scores: change between two waves free of measurement error, for researchers with enough people."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.reference import Reference
from scoring.retest import Reliability, read_reliability
from scoring.sem import ConfirmatoryFit, Parameter, Specification, fit_specification, prepare_data

BEFORE: Final = "before"
CHANGE: Final = "change"
ENOUGH: Final = 100

_FEW = N_(
    "With %(n)d people (below %(minimum)d) the estimates are fair but errors, tests and fit are not to be relied on."
)
_EQUAL = N_(
    "The model takes loadings and intercepts as equal at both waves; where they are not, the change holds a change of meaning."
)
_NO_ERROR = N_("One score for each wave, taken as free of error: this is the plain change in another form.")
_KNOWN_ERROR = N_(
    "The error of a score is taken from the retest reliability (%(sem).2f points), not estimated."
)
_IMPROPER = N_(
    "Baseline and true change would correlate beyond -1 or 1, so their correlation is not given: so few people cannot tell it."
)
_NEGATIVE = N_(
    "The variance of true change is estimated below 0: the scores do not differ more in change than error lets them."
)


@dataclass(frozen=True)
class LatentChange:
    """A latent change score model.

    Attributes
    ----------
    parameters : DataFrame
        Rows mean_before, variance_before, mean_change, variance_change, covariance (of baseline and change); columns estimate, se, z,
        p, low, high (95 %), in points or points squared.
    correlation : float or None
        Of baseline and true change; None when a variance is not positive or it would lie outside -1 to 1.
    standardized : float or None
        Mean change over the standard deviation of true baselines.
    chi_square, df : float
        Fit; df is 0 with one score for each wave.
    kind : "scores" or "items"
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    fit : ConfirmatoryFit
    """

    parameters: pd.DataFrame
    correlation: float | None
    standardized: float | None
    chi_square: float
    df: int
    kind: Literal["scores", "items"]
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]
    fit: ConfirmatoryFit = field(repr=False)


def latent_change(
    before: pd.Series | pd.DataFrame,
    after: pd.Series | pd.DataFrame,
    *,
    reliability: Reference | Reliability | None = None,
    missing: Literal["listwise", "fiml"] = "listwise",
    width: float = 4.0,
) -> LatentChange:
    """Fit a latent change score model of two waves.

    Parameters
    ----------
    before, after : Series of float, or DataFrame people x items
        One score for each wave, or the same items in the same order at both; paired by index. People are independent of one another:
        one role.
    reliability : Reference or Reliability, optional
        With single scores: the retest reliability that their error variance is taken from; without it they count as free of error.
    missing : "listwise" or "fiml"
        People with all answers only, or full information maximum likelihood.
    width : float, default 4
        Width of the score's range in points, to which a Reference is rescaled.

    Returns
    -------
    LatentChange

    Notes
    -----
    `after = before + change` for the true scores; means, variances and the covariance of baseline and change are free. With items the
    loadings and intercepts of each item are equal at both waves (first loading 1, first intercept 0), residual variances free, and
    residuals of the same item covary. Maximum likelihood. The same as `lavaan::lavaan` with `after ~ 1*before; change =~ 1*after`.

    References
    ----------
    McArdle, J. J. (2009). Latent variable modeling of differences and changes with longitudinal data. Annual Review of Psychology, 60,
    577-605. https://doi.org/10.1146/annurev.psych.60.110707.163612
    Kievit, R. A., et al. (2018). Developmental cognitive neuroscience using latent change score models. Developmental Cognitive
    Neuroscience, 33, 99-117. https://doi.org/10.1016/j.dcn.2017.11.007

    Raises
    ------
    ScoringError
        `latent.items` when the waves do not have the same items, `latent.index` for people who stand twice; `change.alpha`,
        `change.reliability`; and `sem.*` for data that the model cannot be fitted to.
    """
    table, k = _read(before, after)
    kind: Literal["scores", "items"] = "items" if k > 1 else "scores"
    notes = [Note("latent.equal", _EQUAL)]
    error = 0.0
    if kind == "scores" and reliability is not None:
        sem = read_reliability(reliability, width=width).sem
        error, notes = sem**2, [Note("latent.known_error", _KNOWN_ERROR, {"sem": sem})]
    elif kind == "scores":
        notes = [Note("latent.no_error", _NO_ERROR)]
    data = prepare_data(table, list(table.columns), missing=missing)
    specification = _items_model(k) if kind == "items" else _scores_model(error)
    fit = fit_specification(data, specification)
    if fit.n_used < ENOUGH:
        notes.append(Note("latent.few", _FEW, {"n": fit.n_used, "minimum": ENOUGH}))
    parameters = _pick(fit)
    spread, change = parameters.loc[["variance_before", "variance_change"], "estimate"]
    covariance = float(parameters.at["covariance", "estimate"])
    if not change > 0:
        notes.append(Note("latent.negative", _NEGATIVE))
    proper = spread > 0 and change > 0
    correlation = covariance / float(np.sqrt(spread * change)) if proper else None
    if correlation is not None and abs(correlation) > 1.0:
        notes.append(Note("latent.improper", _IMPROPER))
        correlation = None
    return LatentChange(
        parameters=parameters,
        correlation=correlation,
        standardized=float(parameters.at["mean_change", "estimate"] / np.sqrt(spread))
        if spread > 0
        else None,
        chi_square=fit.measures.chi_square,
        df=fit.measures.df,
        kind=kind,
        n_used=fit.n_used,
        n_dropped=fit.n_dropped,
        converged=fit.converged,
        notes=(*notes, *fit.notes),
        fit=fit,
    )


def _read(before: pd.Series | pd.DataFrame, after: pd.Series | pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The answers of both waves side by side, `b1, b2, ..., a1, a2, ...`, and the number of items."""
    waves = []
    for letter, wave in (("b", before), ("a", after)):
        if wave.index.has_duplicates:
            raise ScoringError(
                "latent.index",
                "The label %(label)s stands for more than one person of a wave.",
                "Pass one row per person and wave.",
                label=str(wave.index[wave.index.duplicated()][0]),
            )
        items = wave.to_frame() if isinstance(wave, pd.Series) else wave
        waves.append(items.set_axis([f"{letter}{place + 1}" for place in range(items.shape[1])], axis=1))
    if waves[0].shape[1] != waves[1].shape[1] or not waves[0].shape[1]:
        raise ScoringError(
            "latent.items",
            "The first wave has %(first)d items, the second %(second)d.",
            "Pass the same items at both waves, in the same order.",
            first=waves[0].shape[1],
            second=waves[1].shape[1],
        )
    return pd.concat(waves, axis=1), waves[0].shape[1]


def _structure() -> list[Parameter]:
    """Means, variances and covariance of the true baseline and change."""
    return [
        Parameter(BEFORE, "~~", BEFORE),
        Parameter(CHANGE, "~~", CHANGE),
        Parameter(BEFORE, "~~", CHANGE),
        Parameter(BEFORE, "~1", ""),
        Parameter(CHANGE, "~1", ""),
    ]


def _scores_model(error: float) -> Specification:
    """One score for each wave with a known error variance."""
    parameters = [
        Parameter(BEFORE, "=~", "b1", free=False, value=1.0),
        Parameter(BEFORE, "=~", "a1", free=False, value=1.0),
        Parameter(CHANGE, "=~", "a1", free=False, value=1.0),
    ]
    for item in ("b1", "a1"):
        parameters.append(Parameter(item, "~~", item, free=False, value=error))
        parameters.append(Parameter(item, "~1", "", free=False, value=0.0))
    return Specification(("b1", "a1"), (BEFORE, CHANGE), (*parameters, *_structure()))


def _items_model(k: int) -> Specification:
    """The same items at both waves with equal loadings and intercepts."""
    parameters = []
    for place in range(1, k + 1):
        free, label = place > 1, f"l{place}" if place > 1 else ""
        value = None if free else 1.0
        for factor, item in ((BEFORE, f"b{place}"), (BEFORE, f"a{place}"), (CHANGE, f"a{place}")):
            parameters.append(Parameter(factor, "=~", item, free=free, value=value, label=label))
        for item in (f"b{place}", f"a{place}"):
            parameters.append(Parameter(item, "~~", item))
            parameters.append(
                Parameter(
                    item,
                    "~1",
                    "",
                    free=free,
                    value=None if free else 0.0,
                    label=f"i{place}" if free else "",
                )
            )
        parameters.append(Parameter(f"b{place}", "~~", f"a{place}"))
    items = tuple(f"{letter}{place}" for letter in "ba" for place in range(1, k + 1))
    return Specification(items, (BEFORE, CHANGE), (*parameters, *_structure()))


def _pick(fit: ConfirmatoryFit) -> pd.DataFrame:
    """The parameters that speak of change."""
    table = fit.parameters.set_index(["left", "operator", "right"])
    wanted = {
        "mean_before": (BEFORE, "~1", ""),
        "variance_before": (BEFORE, "~~", BEFORE),
        "mean_change": (CHANGE, "~1", ""),
        "variance_change": (CHANGE, "~~", CHANGE),
        "covariance": (BEFORE, "~~", CHANGE),
    }
    columns = ["estimate", "se", "z", "p", "low", "high"]
    return pd.DataFrame({name: table.loc[key, columns] for name, key in wanted.items()}).T.astype(np.float64)
