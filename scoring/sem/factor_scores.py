"""Where each respondent lies on the factors: regression and Bartlett scores, with what they can be trusted for."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.sem.ordinal import OrdinalProblem
from scoring.sem.result import ConfirmatoryFit

_ORDINAL: Final = N_(
    "Scores of ordinal items rest on normal scores of the categories, not on the answers' full likelihood."
)
_WEAK: Final = N_(
    "Scores of %(factor)s correlate only %(determinacy).2f with the factor; persons must not be ranked by them."
)
# Below this correlation with the factor, scores order persons too badly to be used one by one (Grice 2001).
_DETERMINACY: Final = 0.90


@dataclass(frozen=True)
class FactorScores:
    """Scores on the factors of a fitted model.

    Attributes
    ----------
    scores : DataFrame
        Index of the items' rows, one column per factor; NaN for a row without any answer of the model, or without a group.
    determinacy : mapping factor -> float
        Correlation of the regression scores of complete rows with the factor, by the model (group 1).
    method : "regression" or "bartlett"
    n_used, n_dropped : int
    notes : tuple of Note
    """

    scores: pd.DataFrame
    determinacy: dict[str, float]
    method: str
    n_used: int
    n_dropped: int
    notes: tuple[Note, ...]


def factor_scores(
    fit: ConfirmatoryFit,
    items: pd.DataFrame,
    *,
    groups: pd.Series | None = None,
    method: Literal["regression", "bartlett"] = "regression",
) -> FactorScores:
    """Compute factor scores of rows from a fitted model.

    Parameters
    ----------
    fit : ConfirmatoryFit
        Any fit; for one of several groups `groups` is needed.
    items : DataFrame, respondents x items
        The rows to be scored, with the items of the model.
    groups : Series, optional
        Each row's group, with the labels of the fit.
    method : "regression" or "bartlett"
        Best prediction of the factor (shrunken), or unbiased (needs positive residual variances).

    Returns
    -------
    FactorScores

    Notes
    -----
    Missing answers: a row is scored from the items it answered. `E(f | y) = alpha + Phi Lambda' Sigma^-1 (y - mu)`; Bartlett
    `alpha + (Lambda' Theta^-1 Lambda)^-1 Lambda' Theta^-1 (y - mu)`. Without a mean structure mu is the sample mean. Ordinal items
    are first replaced by the mean of the latent response within their category under the model's thresholds, which is not what
    R's EBM scores do; a note says so. R, continuous items: `lavaan::lavPredict(fit, method = "regression" | "Bartlett")`.

    References
    ----------
    Grice, J. W. (2001). Computing and evaluating factor scores. Psychological Methods, 6, 430-450.
    https://doi.org/10.1037/1082-989X.6.4.430

    Raises
    ------
    ScoringError
        `sem.groups` when groups are needed and missing; `sem.column`, `sem.number` for the items.
    """
    from scoring.sem.moments import align_labels, check_items

    specification = fit.specification
    if specification.n_groups > 1 and groups is None:
        raise ScoringError(
            "sem.groups",
            "The model has %(n)d groups, so every row needs its group.",
            "Pass groups=, with the labels of the fit.",
            n=specification.n_groups,
        )
    values = check_items(items, specification.items).to_numpy()
    result = np.full((len(values), len(specification.factors)), np.nan)
    labels = np.full(len(values), fit.group_labels[0], dtype=object)
    if specification.n_groups > 1 and groups is not None:
        labels = align_labels(items, groups, "groups").astype(str).to_numpy(dtype=object)
    for group, label in enumerate(fit.group_labels):
        chosen = np.flatnonzero(labels == label)
        result[chosen] = _score_group(fit, group, values[chosen], method)
    determinacy = _determinacy(fit)
    notes = [
        Note("scores.determinacy", _WEAK, {"factor": factor, "determinacy": value})
        for factor, value in determinacy.items()
        if value < _DETERMINACY
    ]
    if specification.ordinal:
        notes.append(Note("scores.ordinal", _ORDINAL))
    scores = pd.DataFrame(result, index=items.index, columns=list(specification.factors))
    n_used = int(scores.notna().all(axis=1).sum())
    return FactorScores(scores, determinacy, method, n_used, len(values) - n_used, tuple(notes))


def _score_group(fit: ConfirmatoryFit, group: int, values: np.ndarray, method: str) -> np.ndarray:
    """Scores of the rows of one group, pattern by pattern of missing answers."""
    model = fit.problem.model
    found = model.matrices(fit.x, group)
    covariance, mean = model.moments(fit.x, group)
    if isinstance(fit.problem, OrdinalProblem):
        values = _normal_scores(fit, group, values)
    elif not fit.specification.mean_structure:
        mean = fit.data.samples[group][1]
    total = found.loadings @ found.spread
    spread = found.spread @ found.factor_covariances @ found.spread.T
    residuals = covariance - total @ found.factor_covariances @ total.T
    origin = found.spread @ found.factor_means
    result = np.full((len(values), len(origin)), np.nan)
    present = ~np.isnan(values)
    for pattern in np.unique(present, axis=0):
        if not pattern.any():
            continue
        rows = np.flatnonzero((present == pattern).all(axis=1))
        loadings, within = found.loadings[pattern], np.ix_(pattern, pattern)
        if method == "bartlett":
            weighted = np.linalg.solve(residuals[within], loadings)
            weights = np.linalg.pinv(loadings.T @ weighted) @ weighted.T
        else:
            weights = np.linalg.solve(covariance[within], loadings @ spread).T
        result[rows] = origin + (values[rows][:, pattern] - mean[pattern]) @ weights.T
    return result


def _normal_scores(fit: ConfirmatoryFit, group: int, values: np.ndarray) -> np.ndarray:
    """Each code as the mean of the latent response within its category."""
    from scipy.stats import norm

    model = fit.problem.model
    covariance, mean = model.moments(fit.x, group)
    sd = np.sqrt(np.diagonal(covariance))
    tau, item = model.matrices(fit.x, group).thresholds, model.threshold_item[group]
    result = np.full_like(values, np.nan)
    for number, codes in enumerate(fit.data.groups[group].categories):
        cuts = np.concatenate([[-np.inf], (tau[item == number] - mean[number]) / sd[number], [np.inf]])
        share = np.diff(norm.cdf(cuts))
        centres = mean[number] - sd[number] * np.diff(norm.pdf(cuts)) / np.maximum(share, 1e-12)
        for code, centre in zip(codes, centres, strict=True):
            result[values[:, number] == code, number] = centre
    return result


def _determinacy(fit: ConfirmatoryFit) -> dict[str, float]:
    """Correlation of regression scores with the factors, by the model."""
    model = fit.problem.model
    found = model.matrices(fit.x, 0)
    covariance, _ = model.moments(fit.x, 0)
    spread = found.spread @ found.factor_covariances @ found.spread.T
    reach = found.loadings @ spread
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.diagonal(reach.T @ np.linalg.solve(covariance, reach)) / np.diagonal(spread)
    return {
        factor: float(np.sqrt(np.clip(value, 0.0, 1.0)))
        for factor, value in zip(fit.specification.factors, share, strict=True)
    }
