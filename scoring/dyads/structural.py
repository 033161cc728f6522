"""The actor-partner model by maximum likelihood, complete or with full information: four observed scores as four factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from scoring.dyads.pairs import Array
from scoring.errors import Note
from scoring.sem.data import FittingData
from scoring.sem.estimate import fit_specification
from scoring.sem.fit import FitMeasures
from scoring.sem.model import Parameter, Specification
from scoring.sem.result import ConfirmatoryFit

PREDICTORS: Final = ("mentor_predictor", "mentee_predictor")
OUTCOMES: Final = ("mentor_outcome", "mentee_outcome")
FACTORS: Final = (*PREDICTORS, *OUTCOMES)
_OBSERVED: Final = "observed "
PATHS: Final = {
    "actor_mentor": ("mentor_outcome", "mentor_predictor"),
    "partner_mentor": ("mentor_outcome", "mentee_predictor"),
    "actor_mentee": ("mentee_outcome", "mentee_predictor"),
    "partner_mentee": ("mentee_outcome", "mentor_predictor"),
}


@dataclass(frozen=True)
class StructuralFit:
    """An actor-partner model by maximum likelihood.

    Attributes
    ----------
    parameters : DataFrame
        left, operator, right, label, estimate, se, z, p, low, high (95 %), std_all: the four paths (`~`), covariances of
        predictors and of residuals (`~~`), variances, intercepts (`~1`); below them what is defined from the paths (`:=`): k of
        each role, and the roles' differences of actor and partner effects, mentor minus mentee, with errors by the delta method.
    measures : FitMeasures
    method : "ML" or "FIML"
    n_used : int
    converged : bool
    notes : tuple of Note
    """

    parameters: pd.DataFrame
    measures: FitMeasures
    method: Literal["ML", "FIML"]
    n_used: int
    converged: bool
    notes: tuple[Note, ...]

    def path(self, label: str) -> "pd.Series[Any]":
        """Return the row of a path or of something defined, by its label, such as `actor_mentor` or `k_mentee`."""
        return self.parameters.set_index("label").loc[label]


def observed_names() -> list[str]:
    """Return the names of the four columns that the model's data need, in order."""
    return [_OBSERVED + factor for factor in FACTORS]


def actor_partner_specification(data: FittingData, *, equal: bool) -> Specification:
    """Return the model: each score is a factor of its own, with loading 1 and no error.

    With `equal`, actor effects are equal over the roles and so are partner effects. Starting values are those of the regressions
    on the estimated moments, which for the free model are the answer already.
    """
    covariance, mean = data.samples[0]
    slopes = np.linalg.solve(covariance[:2, :2], covariance[:2, 2:])
    residual = covariance[2:, 2:] - slopes.T @ covariance[:2, 2:]
    level = mean[2:] - mean[:2] @ slopes
    parameters = []
    for factor, item in zip(FACTORS, observed_names(), strict=True):
        parameters.append(Parameter(factor, "=~", item, free=False, value=1.0))
        parameters.append(Parameter(item, "~~", item, free=False, value=0.0))
        parameters.append(Parameter(item, "~1", "", free=False, value=0.0))
    for label, (outcome, predictor) in PATHS.items():
        value = slopes[PREDICTORS.index(predictor), OUTCOMES.index(outcome)]
        shared = label.split("_")[0] if equal else label
        parameters.append(Parameter(outcome, "~", predictor, value=float(value), label=shared))
    for names, spread, means in (
        (PREDICTORS, covariance[:2, :2], mean[:2]),
        (OUTCOMES, residual, level),
    ):
        parameters.append(Parameter(names[0], "~~", names[1], value=float(spread[0, 1])))
        for place, name in enumerate(names):
            parameters.append(Parameter(name, "~~", name, value=float(spread[place, place])))
            parameters.append(Parameter(name, "~1", "", value=float(means[place])))
    return Specification(tuple(observed_names()), FACTORS, tuple(parameters))


def fit_structural(
    data: FittingData, *, equal: bool, carried: frozenset[str]
) -> tuple[StructuralFit, ConfirmatoryFit]:
    """Fit the model to prepared data; notes of the codes `carried` are kept.

    Raises
    ------
    ScoringError
        `sem.*`: moments that cannot be inverted.
    """
    fit = fit_specification(data, actor_partner_specification(data, equal=equal))
    free = fit.parameters[fit.parameters["free"]].drop(columns=["group", "free", "std_lv"])
    table = free if equal else pd.concat([free, _defined(fit)], ignore_index=True)
    return StructuralFit(
        parameters=table.reset_index(drop=True),
        measures=fit.measures,
        method="FIML" if data.incomplete else "ML",
        n_used=fit.n_used,
        converged=fit.converged,
        notes=tuple(note for note in fit.notes if note.code in carried),
    ), fit


def _defined(fit: ConfirmatoryFit) -> pd.DataFrame:
    """Ratios and differences of the paths with errors by the delta method."""
    from scipy.stats import norm

    labelled = fit.parameters.set_index("label")
    paths = {label: float(labelled.at[label, "estimate"]) for label in PATHS}
    standardized = {label: float(labelled.at[label, "std_all"]) for label in PATHS}
    place = {name: number for number, name in enumerate(fit.problem.model.names)}
    chosen = [place[label] for label in PATHS]
    covariance = None if fit.covariance is None else fit.covariance[np.ix_(chosen, chosen)]
    slopes, rows = _gradients(paths), []
    z95 = float(norm.ppf(0.975))
    for label, (value, text) in _values(paths).items():
        slope = slopes[label]
        se = np.nan if covariance is None else float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
        z = value / se if se > 0.0 else np.nan
        rows.append(
            {
                "left": label,
                "operator": ":=",
                "right": text,
                "label": label,
                "estimate": value,
                "se": se,
                "z": z,
                "p": 2.0 * float(norm.sf(abs(z))),
                "low": value - z95 * se,
                "high": value + z95 * se,
                "std_all": _values(standardized)[label][0],
            }
        )
    return pd.DataFrame(rows)


def _values(paths: Mapping[str, float]) -> dict[str, tuple[float, str]]:
    """What is defined from the paths, with its formula; an actor effect of exactly 0 has no k."""
    a, p, b, q = (paths[label] for label in PATHS)
    return {
        "k_mentor": (p / a if a else np.nan, "partner_mentor / actor_mentor"),
        "k_mentee": (q / b if b else np.nan, "partner_mentee / actor_mentee"),
        "difference_actor": (a - b, "actor_mentor - actor_mentee"),
        "difference_partner": (p - q, "partner_mentor - partner_mentee"),
    }


def _gradients(paths: Mapping[str, float]) -> dict[str, Array]:
    """Derivatives of what is defined by the four paths, in their order."""
    a, p, b, q = (paths[label] for label in PATHS)
    a, b = a or np.nan, b or np.nan
    return {
        "k_mentor": np.array([-p / a**2, 1.0 / a, 0.0, 0.0]),
        "k_mentee": np.array([0.0, 0.0, -q / b**2, 1.0 / b]),
        "difference_actor": np.array([1.0, 0.0, -1.0, 0.0]),
        "difference_partner": np.array([0.0, 1.0, 0.0, -1.0]),
    }
