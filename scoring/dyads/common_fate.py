"""Common fate: a fact of the pair, seen from both sides, that leads to another one."""

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import pandas as pd

from instruments.errors import N_
from scoring.dyads.pairs import check_missing, few_pairs, find_constants, gate_notes, read_pairs
from scoring.errors import Note, ScoringError
from scoring.gates import minimum_for
from scoring.sem.fit import FitMeasures
from scoring.sem.model import Parameter, Specification

_WHAT: Final = "A common-fate model"
_COLUMNS: Final = ("mentor_predictor", "mentee_predictor", "mentor_outcome", "mentee_outcome")
PAIR_PREDICTOR: Final = "pair_predictor"
PAIR_OUTCOME: Final = "pair_outcome"
_INFERENCE: Final = ("se", "z", "p", "low", "high")

_IMPROPER = N_(
    "The two reports of a pair hardly go together, so that a variance is negative: there is no common fate to speak of here."
)
_ML = N_("The model could not be estimated: %(problem)s")


@dataclass(frozen=True)
class CommonFate:
    """A common-fate model: two facts of the pair, each reported by both, and the path between them.

    Attributes
    ----------
    effect, se, z, p, low, high : float or None
        The path from the pair's predictor to its outcome, unstandardized; normal interval of 95 %.
    standardized : float or None
    parameters : DataFrame
        left, operator, right, label, free, estimate, se, z, p, low, high, std_all.
    measures : FitMeasures or None
        One degree of freedom.
    proper : bool
        False with a negative variance.
    missing : "listwise" or "fiml"
    n_used, n_dropped : int
    converged : bool
    notes : tuple of Note
    """

    effect: float | None
    se: float | None
    z: float | None
    p: float | None
    low: float | None
    high: float | None
    standardized: float | None
    parameters: pd.DataFrame
    measures: FitMeasures | None
    proper: bool
    missing: Literal["listwise", "fiml"]
    n_used: int
    n_dropped: int
    converged: bool
    notes: tuple[Note, ...]


def common_fate(
    mentor_predictor: pd.Series,
    mentee_predictor: pd.Series,
    mentor_outcome: pd.Series,
    mentee_outcome: pd.Series,
    *,
    missing: Literal["listwise", "fiml"] = "listwise",
) -> CommonFate:
    """Fit a common-fate model to facts that belong to the pair, such as how often it meets or how safe it is.

    Parameters
    ----------
    mentor_predictor, mentee_predictor, mentor_outcome, mentee_outcome : Series of float, one score per pair
        Both people's reports of two facts; the index holds the pairs' labels.
    missing : "listwise" or "fiml"
        Complete pairs, or all pairs with any report (missing at random).

    Returns
    -------
    CommonFate
        With a note below 150 pairs.

    Notes
    -----
    Each fact is a factor with both reports as indicators, loadings fixed to 1; the factor of the outcome is regressed on that of the
    predictor; the residuals of the same person's two reports covary. Maximum likelihood, normal intervals. R: lavaan's
    `X =~ 1*xm + 1*xj; Y =~ 1*ym + 1*yj; Y ~ X; xm ~~ ym; xj ~~ yj`.

    References
    ----------
    Ledermann, T., & Kenny, D. A. (2012). The common fate model for dyadic data. Journal of Family Psychology, 26, 140-148.
    https://doi.org/10.1037/a0026624

    Raises
    ------
    ScoringError
        `dyads.missing` for an unknown treatment of missing reports; and as `read_pairs`.
    """
    from scoring.sem.data import prepare_data
    from scoring.sem.estimate import fit_specification

    check_missing(missing)
    reports = (mentor_predictor, mentee_predictor, mentor_outcome, mentee_outcome)
    table = read_pairs(dict(zip(_COLUMNS, reports, strict=True)))
    used = table if missing == "fiml" else table.dropna()
    n = len(used)
    result = CommonFate(*(None,) * 7, pd.DataFrame(), None, False, missing, n, len(table) - n, False, ())
    if n < 5:
        return replace(result, notes=(few_pairs(_WHAT, n, 5),))
    constant = find_constants(table.dropna(), "the model")
    if constant:
        return replace(result, notes=tuple(constant))
    notes = gate_notes(_WHAT, n, minimum_for("common_fate"))
    try:
        fit = fit_specification(prepare_data(used, list(_COLUMNS), missing=missing), _specification())
    except ScoringError as problem:
        return replace(result, notes=(*notes, Note("common_fate.model", _ML, {"problem": str(problem)})))
    if not fit.proper:
        notes.append(Note("common_fate.improper", _IMPROPER))
    notes += [note for note in fit.notes if note.code in {"sem.converged", "sem.errors", "sem.saturated"}]
    parameters = fit.parameters.drop(columns=["group", "std_lv"])
    path = parameters[parameters["operator"].eq("~")].iloc[0]
    # Without errors there is no test either; the fit's own notes say why.
    known = {name: None if math.isnan(path[name]) else float(path[name]) for name in _INFERENCE}
    return replace(
        result,
        effect=float(path["estimate"]),
        se=known["se"],
        z=known["z"],
        p=known["p"],
        low=known["low"],
        high=known["high"],
        standardized=float(path["std_all"]) if fit.proper else None,
        parameters=parameters,
        measures=fit.measures,
        proper=fit.proper,
        converged=fit.converged,
        notes=tuple(notes),
    )


def _specification() -> Specification:
    """The model with its means."""
    facts = {PAIR_PREDICTOR: _COLUMNS[:2], PAIR_OUTCOME: _COLUMNS[2:]}
    parameters = []
    for factor, reports in facts.items():
        parameters += [Parameter(factor, "=~", report, free=False, value=1.0) for report in reports]
        parameters.append(Parameter(factor, "~~", factor))
    parameters.append(Parameter(PAIR_OUTCOME, "~", PAIR_PREDICTOR, label="effect"))
    for report in _COLUMNS:
        parameters += [Parameter(report, "~~", report), Parameter(report, "~1", "")]
    parameters += [Parameter(_COLUMNS[0], "~~", _COLUMNS[2]), Parameter(_COLUMNS[1], "~~", _COLUMNS[3])]
    return Specification(_COLUMNS, tuple(facts), tuple(parameters))
