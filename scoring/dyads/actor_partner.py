"""Actor-partner models: how each person's outcome goes with their own earlier score, and with their partner's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.dyads.discrepancy import refuse_difference_score
from scoring.dyads.pairs import (
    FULL_INFORMATION_MINIMUM,
    ROLES,
    check_missing,
    few_pairs,
    find_constants,
    gate_notes,
    read_pairs,
)
from scoring.dyads.power import partner_power
from scoring.dyads.regressions import PairRegressions, difference_table, regress_pairs, regression_table
from scoring.dyads.structural import (
    FACTORS,
    OUTCOMES,
    PREDICTORS,
    StructuralFit,
    fit_structural,
    observed_names,
)
from scoring.errors import Note, ScoringError
from scoring.gates import minimum_for
from scoring.reliability import check_confidence

Design = Literal["lagged", "concurrent"]
Standing = Literal["too few", "exploratory", "confirmatory"]
_WHAT: Final = "An actor-partner model"
# Pairs below which least squares has no degree of freedom for its errors.
_SMALLEST: Final = 5

_EXPLORATORY = N_(
    "With %(n)d pairs the effects of an actor-partner model are exploratory; a partner effect of .3 is found with a probability of "
    "%(power).2f."
)
_TOO_FEW = N_(
    "%(n)d pairs are too few for an actor-partner model, which is reported from %(minimum)d on; a partner effect of .3 is found "
    "with a probability of %(power).2f."
)
_CONCURRENT = N_(
    "Predictors and outcomes were measured at the same time: what goes together does not say what leads to what."
)
_COLLINEAR = N_(
    "The two partners' predictors lie on one line, so actor and partner effects cannot be told apart."
)
_EXACT = N_("%(column)s can be computed from the predictors without error, so its effects have no errors.")
_ML = N_("The model could not be estimated by maximum likelihood: %(problem)s")
_NOT_CONVERGED = N_("Maximum likelihood did not converge, so its estimates are not compared.")
_CARRIED: Final = frozenset({"sem.converged", "sem.errors", "sem.dropped", "sem.empty", "sem.saturated"})


@dataclass(frozen=True)
class EqualEffects:
    """The test that both roles have the same actor and the same partner effect.

    Attributes
    ----------
    chi_square : float or None
    df : int
    p : float or None
    """

    chi_square: float | None
    df: int
    p: float | None


@dataclass(frozen=True)
class ActorPartner:
    """An actor-partner model of pairs with two roles.

    Attributes
    ----------
    effects : DataFrame
        Least squares on complete pairs, one row per role and effect: role, effect ("intercept", "actor", "partner"), estimate, se,
        df, t, p, low, high. Empty when not defined.
    differences : DataFrame
        Mentor minus mentee: the rows "actor" and "partner", with the same columns.
    residual_sd, r_squared : mapping role -> float
    residual_correlation, predictor_correlation : float or None
        Of the two partners.
    maximum_likelihood : StructuralFit or None
        The saturated model by ML on complete pairs, or by FIML on all of them.
    equal_effects : StructuralFit or None
        The model in which both roles have the same actor and the same partner effect.
    equality : EqualEffects
        Likelihood ratio of the two.
    standing : "too few" (below 20 pairs), "exploratory" (below 80) or "confirmatory"
    power : float or None
        Probability that this number of complete pairs finds a standardized partner effect of .3.
    design : "lagged" or "concurrent"
    missing : "listwise" or "fiml"
    confidence : float
        Coverage of the intervals of `effects` and `differences`.
    n_used, n_dropped : int
        Complete pairs, and pairs with some score missing.
    n_likelihood : int
        Pairs used by maximum likelihood.
    converged : bool
    notes : tuple of Note
    regressions, complete : for further work on the model: the regressions' matrices, and the complete pairs.
    """

    effects: pd.DataFrame
    differences: pd.DataFrame
    residual_sd: Mapping[str, float]
    r_squared: Mapping[str, float]
    residual_correlation: float | None
    predictor_correlation: float | None
    maximum_likelihood: StructuralFit | None
    equal_effects: StructuralFit | None
    equality: EqualEffects
    standing: Standing
    power: float | None
    design: Design
    missing: Literal["listwise", "fiml"]
    confidence: float
    n_used: int
    n_dropped: int
    n_likelihood: int
    converged: bool
    notes: tuple[Note, ...]
    regressions: PairRegressions | None = field(repr=False)
    complete: pd.DataFrame = field(repr=False)


def actor_partner_model(
    mentor_predictor: pd.Series,
    mentee_predictor: pd.Series,
    mentor_outcome: pd.Series,
    mentee_outcome: pd.Series,
    *,
    design: Design = "lagged",
    missing: Literal["listwise", "fiml"] = "listwise",
    confidence: float = 0.95,
) -> ActorPartner:
    """Fit an actor-partner interdependence model of two distinguishable roles.

    Parameters
    ----------
    mentor_predictor, mentee_predictor : Series of float, one score per pair
        What each of the two brought, preferably at an earlier wave; the index holds the pairs' labels.
    mentor_outcome, mentee_outcome : Series of float
        What each of the two showed.
    design : "lagged" or "concurrent"
        Whether the predictors were measured before the outcomes.
    missing : "listwise" or "fiml"
        For maximum likelihood: complete pairs, or all pairs with any score (missing at random). Least squares always takes complete
        pairs.
    confidence : float, default .95
        Coverage of the t intervals.

    Returns
    -------
    ActorPartner
        What cannot be computed is None or empty, with a note. Labelled "too few" below 20 pairs, "exploratory" below 80.

    Notes
    -----
    `y_m = b0m + a_m x_m + p_m x_j + e_m`, `y_j = b0j + a_j x_j + p_j x_m + e_j`, errors of partners correlated. The predictors of both
    equations are the same, so least squares for each role is seemingly unrelated regressions; t intervals on n - 3 degrees of
    freedom keep their coverage at every size from 10 pairs on. Maximum likelihood gives the same paths on complete pairs with normal
    intervals, the test of equal effects, and the use of incomplete pairs. Non-independence is always modelled, never tested first.

    R: `lm(y_m ~ x_m + x_j)` for each role (`systemfit::systemfit(method = "SUR")`), `lavaan::sem` of the saturated model with
    `fixed.x = FALSE`.

    References
    ----------
    Kenny, D. A., Kashy, D. A., & Cook, W. L. (2006). Dyadic data analysis. Guilford.
    Cook, W. L., & Kenny, D. A. (2005). The actor-partner interdependence model. International Journal of Behavioral Development, 29,
    101-109. https://doi.org/10.1080/01650250444000405

    Raises
    ------
    ScoringError
        `dyads.difference_score` when one predictor is the negative of the other, so a difference; `apim.design`, `dyads.missing`,
        `dyads.confidence` for unknown options; and as `read_pairs`.
    """
    _check_options(design, missing, confidence)
    columns = (mentor_predictor, mentee_predictor, mentor_outcome, mentee_outcome)
    table = read_pairs(dict(zip(FACTORS, columns, strict=True)))
    complete = table.dropna()
    n = len(complete)
    standing, notes = _standing(n, design)
    power = partner_power(n) if n >= _SMALLEST else None
    result = ActorPartner(
        effects=pd.DataFrame(columns=["role", "effect", "estimate", "se", "df", "t", "p", "low", "high"]),
        differences=pd.DataFrame(columns=["effect", "estimate", "se", "df", "t", "p", "low", "high"]),
        residual_sd={},
        r_squared={},
        residual_correlation=None,
        predictor_correlation=None,
        maximum_likelihood=None,
        equal_effects=None,
        equality=EqualEffects(None, 2, None),
        standing=standing,
        power=power,
        design=design,
        missing=missing,
        confidence=confidence,
        n_used=n,
        n_dropped=len(table) - n,
        n_likelihood=0,
        converged=False,
        notes=tuple(notes),
        regressions=None,
        complete=complete,
    )
    problems = _find_problems(complete)
    if problems:
        return replace(result, notes=(*notes, *problems))
    result = _add_regressions(result)
    return _add_likelihood(result, complete if missing == "listwise" else table)


def _check_options(design: str, missing: str, confidence: float) -> None:
    """The options are known."""
    check_confidence(confidence, "dyads")
    check_missing(missing)
    if design not in {"lagged", "concurrent"}:
        raise ScoringError(
            "apim.design",
            "There is no design “%(design)s”.",
            "Use 'lagged' or 'concurrent'.",
            design=str(design),
        )


def _standing(n: int, design: Design) -> tuple[Standing, list[Note]]:
    """What this number of pairs can bear, in a word and in sentences."""
    notes = [Note("apim.concurrent", _CONCURRENT)] if design == "concurrent" else []
    first, second = minimum_for("apim_estimates"), minimum_for("apim_confirmatory")
    if n >= second:
        return "confirmatory", notes
    power = partner_power(n) if n >= _SMALLEST else 0.0
    if n >= first:
        return "exploratory", [Note("apim.exploratory", _EXPLORATORY, {"n": n, "power": power}), *notes]
    return "too few", [Note("apim.few", _TOO_FEW, {"n": n, "minimum": first, "power": power}), *notes]


def _find_problems(complete: pd.DataFrame) -> list[Note]:
    """Why the model has no answer, if it has none."""
    n = len(complete)
    if n < _SMALLEST:
        return [few_pairs(_WHAT, n, _SMALLEST)]
    constant = find_constants(complete, "the model")
    if constant:
        return constant
    first, second = (complete[name].to_numpy() for name in PREDICTORS)
    if 1.0 - abs(float(np.corrcoef(first, second)[0, 1])) < 1e-10:
        if np.abs(first + second).max() <= 1e-9 * np.abs(first).max():
            refuse_difference_score()
        return [Note("apim.collinear", _COLLINEAR)]
    return []


def _add_regressions(result: ActorPartner) -> ActorPartner:
    """Both regressions on complete pairs."""
    predictors = result.complete[list(PREDICTORS)].to_numpy()
    outcomes = result.complete[list(OUTCOMES)].to_numpy()
    found = regress_pairs(predictors, outcomes)
    variance = np.diagonal(found.residuals)
    total = outcomes.var(axis=0, ddof=1)
    unexplained = variance * found.df / (total * (len(outcomes) - 1))
    exact = unexplained < 1e-12
    notes = [
        Note("apim.exact", _EXACT, {"column": name})
        for name, perfect in zip(OUTCOMES, exact, strict=True)
        if perfect
    ]
    correlation = None
    if not exact.any():
        correlation = float(found.residuals[0, 1] / np.sqrt(variance.prod()))
    return replace(
        result,
        effects=regression_table(found, result.confidence),
        differences=difference_table(found, result.confidence),
        residual_sd=dict(zip(ROLES, np.sqrt(variance).tolist(), strict=True)),
        r_squared=dict(zip(ROLES, (1.0 - unexplained).tolist(), strict=True)),
        residual_correlation=correlation,
        predictor_correlation=float(np.corrcoef(predictors.T)[0, 1]),
        converged=not notes,
        notes=(*result.notes, *notes),
        regressions=found,
    )


def _add_likelihood(result: ActorPartner, table: pd.DataFrame) -> ActorPartner:
    """Both models by maximum likelihood and their comparison."""
    from scoring.sem.data import prepare_data
    from scoring.sem.difference import compare_nested

    named = table.set_axis(observed_names(), axis=1)
    notes = list(result.notes)
    if result.missing == "fiml":
        notes += gate_notes("A model with full information", len(table), FULL_INFORMATION_MINIMUM)
    try:
        data = prepare_data(named, observed_names(), missing=result.missing)
        own, free = fit_structural(data, equal=False, carried=_CARRIED)
        equal, constrained = fit_structural(data, equal=True, carried=_CARRIED)
    except ScoringError as problem:
        return replace(
            result, converged=False, notes=(*notes, Note("apim.likelihood", _ML, {"problem": str(problem)}))
        )
    found = compare_nested(constrained, free)
    if found.chi_square is None:
        notes.append(Note("apim.converged", _NOT_CONVERGED))
    return replace(
        result,
        maximum_likelihood=own,
        equal_effects=equal,
        equality=EqualEffects(found.chi_square, found.df, found.p),
        n_likelihood=own.n_used,
        converged=result.converged and own.converged and equal.converged,
        notes=tuple(notes),
    )
