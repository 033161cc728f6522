"""Which analysis a group of pairs can bear, and its result: contrasts of pairs below 20, a mixed model of role and wave from there.

The mixed model lets all variances and covariances of a pair's scores differ where there are pairs enough to tell them; with fewer
pairs it has intercepts of the pair, of the person, and of the pair at each wave. Intercepts of pair and person alone would take the
changes of two partners as independent: where pairs change together, tests of the common change then reject too often (in 8 to 9 % of
cases instead of 5) and those of the gap too rarely.
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.gates import allowed, gate_for, minimum_for
from scoring.mixed import DegreesOfFreedom, MixedModel, RandomEffect, fit_mixed
from scoring.pair_change import CONTRASTS, check_options, contrast_label, pair_change
from scoring.pair_scores import PairScores

Structure = Literal["unstructured", "occasions", "intercepts"]
Method = Literal["pair contrasts", "mixed model"]
STRUCTURES: Final = ("unstructured", "occasions", "intercepts")
# Pairs for each variance and covariance of the unstructured matrix.
_PAIRS_FOR_EACH: Final = 1.5

_FEW = N_(
    "With %(n)d complete pairs (below %(minimum)d) the changes of complete pairs are compared directly; a mixed model would not be "
    "reliable."
)
_FALLEN_BACK = N_(
    "The mixed model could not be estimated (%(reason)s), so the changes of complete pairs are compared directly."
)
_SIMPLER = N_(
    "The covariances of a pair's scores cannot all be told apart, so the model has a simpler structure."
)
_EQUAL = N_(
    "So few pairs cannot tell how widely each role spreads at each wave, so the model takes both roles and all waves alike: where one role "
    "varies more, its intervals here are too narrow and the other's too wide."
)
_BASE = N_("Changes are counted from wave %(wave)s.")


@dataclass(frozen=True)
class GroupChange:
    """How a group of pairs changed.

    Attributes
    ----------
    contrasts : DataFrame
        Two-level index (wave, contrast): for each later wave the change since the first of each role, "common" and "gap". Columns
        estimate, se, df, t, p, low, high (points), p_sign_flip (contrasts of pairs only); NaN where a note says why.
    tests : DataFrame
        From the mixed model: rows role, wave and role x wave with F, df_numerator, df, p, of equally weighted cell means (type III);
        empty for contrasts of pairs.
    means : DataFrame
        Mean of each role (rows) at each wave (columns): of the model, or of complete pairs.
    method : "pair contrasts" or "mixed model"
    structure : "unstructured", "occasions", "intercepts" or None
        Covariances of the mixed model.
    degrees_of_freedom : "kenward-roger", "satterthwaite", or "t" for contrasts of pairs
    fallback : bool
        Whether the mixed model was tried and could not be used.
    model : MixedModel or None
    n_used : int
        Complete pairs.
    n_partial : int
        Further pairs whose scores count in the mixed model.
    n_dropped : int
        Pairs without any use in the analysis.
    confidence : float
    gate : str
        Name of the row of the gate table.
    converged : bool
    notes : tuple of Note
    """

    contrasts: pd.DataFrame
    tests: pd.DataFrame
    means: pd.DataFrame
    method: Method
    structure: Structure | None
    degrees_of_freedom: DegreesOfFreedom | Literal["t"]
    fallback: bool
    model: MixedModel | None
    n_used: int
    n_partial: int
    n_dropped: int
    confidence: float
    gate: str
    converged: bool
    notes: tuple[Note, ...]


def group_change(
    scores: PairScores,
    *,
    structure: Structure | Literal["auto"] = "auto",
    degrees_of_freedom: DegreesOfFreedom = "kenward-roger",
    method: Method | Literal["auto"] = "auto",
    confidence: float = 0.95,
) -> GroupChange:
    """Analyse the change of a group of pairs in the way that its size allows.

    Parameters
    ----------
    scores : PairScores
        Scores of one scale at two waves or more, in points.
    structure : "auto", "unstructured", "occasions" or "intercepts"
        Covariances of the mixed model: all free; intercepts of pair, person, and pair at each wave; or intercepts of pair and person
        only, which takes the changes of partners as independent. "auto" is unstructured from 1.5 pairs for each variance and
        covariance on (15 pairs with two waves, 32 with three, 54 with four), below "occasions".
    degrees_of_freedom : "kenward-roger" or "satterthwaite"
        How the mixed model finds them; the first also corrects its standard errors for small samples.
    method : "auto", "pair contrasts" or "mixed model"
        "auto" takes contrasts of complete pairs below 20 of them; the others are for researchers.
    confidence : float, default .95
        Coverage of the intervals.

    Returns
    -------
    GroupChange

    Notes
    -----
    Missing data: the mixed model uses every score (direct likelihood, valid when scores are missing at random); contrasts use pairs
    complete at the two waves compared.

    `score ~ role * wave` with wave as categories, REML, Kenward-Roger; contrasts of cell means: change of a role, mean of both changes,
    difference of both changes. With complete data and all covariances free they equal the t tests of pairs. A model that does not
    converge is replaced by one with "occasions", then by contrasts of pairs; `fallback` and a note say so.
    R: `lme4::lmer(y ~ role * wave + (1 | pair) + (1 | pair:role))` with pbkrtest for "intercepts"; `nlme::gls` with `corSymm` and
    `varIdent` for estimates and plain errors of "unstructured".

    References
    ----------
    McNeish, D. (2017). Small sample methods for multilevel modeling: a colloquial elucidation of REML and the Kenward-Roger correction.
    Multivariate Behavioral Research, 52, 661-670. https://doi.org/10.1080/00273171.2017.1344538
    Kenward, M. G., & Roger, J. H. (1997). Small sample inference for fixed effects from restricted maximum likelihood. Biometrics,
    53, 983-997. https://doi.org/10.2307/2533558

    Raises
    ------
    ScoringError
        `change.wave` with fewer than two waves, `change.confidence`, `change.structure` for an unknown structure.
    """
    check_options(scores, confidence)
    if structure not in (*STRUCTURES, "auto"):
        raise ScoringError(
            "change.structure",
            "There is no structure “%(structure)s”.",
            "Use one of: auto, unstructured, occasions, intercepts.",
            structure=str(structure),
        )
    n = int(scores.complete().sum())
    if method == "pair contrasts" or (method == "auto" and not allowed(n, "mixed_model")):
        few = Note("change.few_pairs", _FEW, {"n": n, "minimum": minimum_for("mixed_model")})
        return _by_pairs(scores, confidence, (few,) if method == "auto" else ())
    wanted = _choose(scores) if structure == "auto" else structure
    tried: list[Note] = []
    for choice in dict.fromkeys((wanted, "occasions") if structure == "auto" else (wanted,)):
        model, reason = _fit(scores, choice, degrees_of_freedom)
        if model is not None:
            if choice != "unstructured":
                tried.append(Note("change.equal_spread", _EQUAL))
            return _by_model(scores, model, choice, confidence, tuple(tried))
        tried = [Note("change.simpler", _SIMPLER)]
    fallen = Note("change.fallback", _FALLEN_BACK, {"reason": reason})
    return replace(_by_pairs(scores, confidence, (fallen,)), fallback=True)


def _choose(scores: PairScores) -> Structure:
    """The richest structure that so many pairs can bear."""
    cells = 2 * len(scores.waves)
    enough = len(scores.pairs) >= _PAIRS_FOR_EACH * cells * (cells + 1) / 2
    return "unstructured" if enough else "occasions"


def _fit(
    scores: PairScores, structure: Structure, degrees_of_freedom: DegreesOfFreedom
) -> tuple[MixedModel | None, str]:
    """The mixed model of cell means, or None and the reason why there is none."""
    table = long_table(scores)
    names, k = _cell_names(scores), len(scores.waves)
    code = (table["role"] * k + table["wave"]).to_numpy()
    cells = pd.DataFrame(np.eye(names.size)[code], columns=names.ravel())
    person = table["pair"] * 2 + table["role"]
    components: dict[str, Any] = {"pair": None, "person": person}
    if structure == "unstructured":
        components = {"pair": RandomEffect(cells)}
    elif structure == "occasions":
        components["pair at wave"] = table["pair"] * k + table["wave"]
    try:
        model = fit_mixed(
            table["score"],
            cells,
            table["pair"],
            components,
            residual="none" if structure == "unstructured" else "one",
            method=degrees_of_freedom,
        )
    except ScoringError as problem:
        return None, problem.message % problem.params
    return (model, "") if model.converged else (None, str(model.notes[-1]))


def long_table(scores: PairScores) -> pd.DataFrame:
    """Return the scores there are as rows: pair, role and wave (their numbers) and score."""
    pair, role, wave = np.nonzero(~np.isnan(scores.values))
    return pd.DataFrame(
        {
            "pair": pair,
            "role": role,
            "wave": wave,
            "score": scores.values[pair, role, wave],
        }
    )


def _cell_names(scores: PairScores) -> np.ndarray:
    """A name for each role and wave."""
    return np.array([[f"{role}:{wave}" for wave in scores.waves] for role in scores.roles], dtype=object)


def _by_model(
    scores: PairScores, model: MixedModel, structure: Structure, confidence: float, notes: tuple[Note, ...]
) -> GroupChange:
    """Contrasts and tests of the mixed model."""
    names = _cell_names(scores)
    rows: dict[tuple[Hashable, str], dict[str, float]] = {}
    for place, wave in enumerate(scores.waves[1:], start=1):
        for name, weights in CONTRASTS.items():
            contrast: dict[str, float] = {}
            for role in (0, 1):
                if weights[role]:
                    contrast |= {names[role, place]: weights[role], names[role, 0]: -weights[role]}
            found = model.test(contrast, confidence=confidence)
            estimate, se = found.estimate or 0.0, found.se or math.nan
            rows[wave, contrast_label(name, scores.roles)] = {
                "estimate": estimate,
                "se": se,
                "df": found.df,
                "t": estimate / se,
                "p": found.p,
                "low": math.nan if found.low is None else found.low,
                "high": math.nan if found.high is None else found.high,
                "p_sign_flip": math.nan,
            }
    n = int(scores.complete().sum())
    partial = int((~np.isnan(scores.values)).any(axis=(1, 2)).sum()) - n
    means = model.coefficients["estimate"].to_numpy()[: names.size].reshape(names.shape)
    return GroupChange(
        contrasts=_frame(rows),
        tests=_omnibus(model, names),
        means=pd.DataFrame(means, index=list(scores.roles), columns=list(scores.waves)),
        method="mixed model",
        structure=structure,
        degrees_of_freedom=model.method,
        fallback=False,
        model=model,
        n_used=n,
        n_partial=partial,
        n_dropped=len(scores.pairs) - n - partial,
        confidence=confidence,
        gate=gate_for(n).name,
        converged=True,
        notes=(*scores.notes, _base(scores), *notes, *model.notes),
    )


def _omnibus(model: MixedModel, names: np.ndarray) -> pd.DataFrame:
    """Tests of role, wave and their interaction on equally weighted cell means."""
    k = names.shape[1]
    role = [{**dict.fromkeys(names[0], 1.0 / k), **dict.fromkeys(names[1], -1.0 / k)}]
    wave = [{names[0, t]: 0.5, names[1, t]: 0.5, names[0, 0]: -0.5, names[1, 0]: -0.5} for t in range(1, k)]
    both = [{names[0, t]: 1.0, names[1, t]: -1.0, names[0, 0]: -1.0, names[1, 0]: 1.0} for t in range(1, k)]
    rows = {}
    for name, contrasts in (("role", role), ("wave", wave), ("role x wave", both)):
        found = model.test(contrasts)
        rows[name] = {"F": found.F, "df_numerator": found.df_numerator, "df": found.df, "p": found.p}
    return pd.DataFrame.from_dict(rows, orient="index")


def _by_pairs(scores: PairScores, confidence: float, notes: tuple[Note, ...]) -> GroupChange:
    """Contrasts of complete pairs, each later wave with the first."""
    rows: dict[tuple[Hashable, str], dict[str, float]] = {}
    found: dict[tuple[str, str], Note] = {}
    converged = True
    columns = ["estimate", "se", "df", "t", "p", "low", "high", "p_sign_flip"]
    for wave in scores.waves[1:]:
        result = pair_change(scores, scores.waves[0], wave, confidence=confidence)
        converged &= result.converged
        # What is said of single pairs has no place in a group's result.
        found |= {
            (note.code, str(note)): note
            for note in result.notes
            if note.code not in {"change.research", "change.no_sem"}
        }
        for name, row in result.contrasts[columns].iterrows():
            rows[wave, str(name)] = row.to_dict()
    complete = scores.complete()
    n = int(complete.sum())
    kept = scores.values[complete]
    means = kept.mean(axis=0) if n else np.full(scores.values.shape[1:], math.nan)
    return GroupChange(
        contrasts=_frame(rows),
        tests=pd.DataFrame(columns=["F", "df_numerator", "df", "p"], dtype=np.float64),
        means=pd.DataFrame(means, index=list(scores.roles), columns=list(scores.waves)),
        method="pair contrasts",
        structure=None,
        degrees_of_freedom="t",
        fallback=False,
        model=None,
        n_used=n,
        n_partial=0,
        n_dropped=len(scores.pairs) - n,
        confidence=confidence,
        gate=gate_for(n).name,
        converged=converged,
        notes=(*notes, _base(scores), *found.values()),
    )


def _frame(rows: Mapping[tuple[Hashable, str], Mapping[str, float]]) -> pd.DataFrame:
    """Contrasts by wave and name."""
    index = pd.MultiIndex.from_tuples(list(rows), names=["wave", "contrast"])
    return pd.DataFrame(list(rows.values()), index=index)


def _base(scores: PairScores) -> Note:
    """From which wave changes are counted."""
    return Note("change.base", _BASE, {"wave": str(scores.waves[0])})
