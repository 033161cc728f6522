"""Mixed models of pairs: restricted maximum likelihood with Kenward-Roger's corrections, for a few answers in each of many pairs.

All pairs that miss the same answers have the same covariance matrix, so everything is computed once per pattern from sums over its
pairs; the cost hardly depends on the number of pairs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.mixed.contrasts import DegreesOfFreedom, Uncertainty, estimate_uncertainty
from scoring.mixed.exchange import reduce_units
from scoring.mixed.likelihood import Block, Problem, State
from scoring.mixed.model import Layout, MixedModel
from scoring.mixed.rows import Component, Residual, Rows, lay_out, read_rows
from scoring.mixed.units import Array, group_units

# Notes of a model whose numbers are not to be used.
FAILURES: Final = frozenset({"mixed.residual", "mixed.converged", "mixed.information"})

_BOUNDARY: Final = N_(
    "The variance of “%(component)s” is estimated as 0, so the model is simpler than stated (singular fit)."
)
_DEPENDENT: Final = N_(
    "The random effects of “%(component)s” are estimated as perfectly correlated or without variance, so the model is simpler than "
    "stated (singular fit)."
)
_NOT_CONVERGED: Final = N_("The mixed model did not converge; use the per-pair contrasts instead.")
_NO_RESIDUAL: Final = N_("The model leaves no residual variance, so its standard errors mean nothing.")
_UNTOLD: Final = N_(
    "There are too few answers to tell the variances of the model apart, so its tests mean nothing."
)


def fit_mixed(
    outcome: pd.Series,
    design: pd.DataFrame,
    unit: pd.Series,
    components: Mapping[str, Component],
    *,
    residual: Residual = "one",
    known: Mapping[str, float] | None = None,
    method: DegreesOfFreedom = "kenward-roger",
    restricted: bool = True,
) -> MixedModel:
    """Fit `y = X b + random effects + error` by restricted maximum likelihood.

    Parameters
    ----------
    outcome : Series of float, rows
        One answer (score) per row; NaN where missing.
    design : DataFrame, rows x coefficients
        The fixed effects, intercept included.
    unit : Series, rows
        The top-level unit; units are independent of one another (pairs).
    components : mapping name -> Series, RandomEffect or None
        Random effects nested in the units. A Series is an intercept: rows of one unit and one label share it; None stands for an
        intercept of the unit itself; a RandomEffect has several columns with any covariances.
    residual : "one", "none" or Series
        One residual variance; none, where a RandomEffect says all about the covariances of a unit; or a label for each row and a
        variance for each label, `residual[label]`.
    known : mapping name -> variance, optional
        Variances that are given, not estimated, in the squared unit of the outcome: of single intercepts, or residual.
    method : "kenward-roger" or "satterthwaite"
        How degrees of freedom are found; the first also corrects the standard errors for small samples.
    restricted : bool, default True
        False gives full maximum likelihood, for comparing models with different coefficients; it asks for "satterthwaite".

    Returns
    -------
    MixedModel

    Notes
    -----
    Missing data: rows without an outcome or unit are dropped, all others are used (direct likelihood, valid when data are missing at
    random).

    `V = sum_k theta_k G_k` with G from the columns and labels. Theta maximises the restricted likelihood by Fisher scoring, near the
    top by Newton's steps, over positive semi-definite covariance matrices: one without full rank moves on its boundary as `F F'` and
    gains rank where the likelihood rises. Kenward-Roger: `Phi_A = Phi + 2 Phi sum W_ij (Q_ij - P_i Phi P_j) Phi` with W the inverse
    expected information of theta, and F scaled to match two moments. Satterthwaite: `df = 2 v^2 / (g' A g)` with A the inverse
    observed information along the directions in which theta may move.

    The same as R's `lme4::lmer` with `pbkrtest::vcovAdj`, `pbkrtest::KRmodcomp` (which too count variances estimated as 0 among the
    uncertain ones), or lmerTest's Satterthwaite (where they are not counted); residual variances by label as in `nlme::lme` with
    `varIdent`.

    References
    ----------
    Kenward, M. G., & Roger, J. H. (1997). Small sample inference for fixed effects from restricted maximum likelihood. Biometrics,
    53, 983-997. https://doi.org/10.2307/2533558
    Fai, A. H.-T., & Cornelius, P. L. (1996). Approximate F-tests of multiple degree of freedom hypotheses in generalized least squares
    analyses of unbalanced split-plot experiments. Journal of Statistical Computation and Simulation, 54, 363-378.
    https://doi.org/10.1080/00949659608811740

    Raises
    ------
    ScoringError
        `mixed.rows` for lengths that differ, `mixed.number` for values that are no finite numbers, `mixed.column` for a column that
        stands twice, `mixed.rank` for a design that does not have full rank, `mixed.few` when there are not more units than needed,
        `mixed.spread` when the design leaves nothing to explain, `mixed.variance` for random effects that leave answers without
        variance, `mixed.component` and `mixed.label` for effects without a usable name or label, `mixed.known` for a variance that cannot be given, `mixed.method`
        for Kenward-Roger without the restricted likelihood.
    """
    if not restricted and method == "kenward-roger":
        raise ScoringError(
            "mixed.method",
            "Kenward and Roger's corrections rest on the restricted likelihood.",
            'Ask for method="satterthwaite", or for the restricted likelihood.',
        )
    rows = read_rows(outcome, design, unit, components, residual)
    blocks, given = lay_out(rows, known or {})
    reduced = reduce_units(rows.values, rows.units, [part.effects for part in rows.parts])
    batches = group_units(reduced.values, reduced.units, reduced.effects, reduced.weights)
    n, names = len(rows.values), [str(name) for name in design.columns]
    problem = Problem(batches, blocks, len(given), len(names), n, restricted)
    theta, state, converged = _maximise(problem, _start(blocks, given))
    uncertainty, told = _uncertainty(problem, theta, state, rows, method)
    singular, notes = _notes(problem, theta, rows, converged=converged, told=told)
    layout = Layout(batches, blocks, rows, theta, state)
    variances, random = _variances(layout)
    corrected, plain = uncertainty.covariance(corrected=True), uncertainty.covariance(corrected=False)
    # Back from the standardized units to those of the data.
    log_likelihood = state.log_likelihood - (n - len(names) * restricted) * math.log(rows.outcome_unit)
    if restricted:
        log_likelihood -= float(np.log(rows.design_units).sum())
    return MixedModel(
        coefficients=uncertainty.table(names, method),
        variances=variances,
        random=random,
        covariance=pd.DataFrame(corrected, index=names, columns=names),
        covariance_plain=pd.DataFrame(plain, index=names, columns=names),
        log_likelihood=log_likelihood,
        restricted=restricted,
        method=method,
        n_used=n,
        n_dropped=rows.n_dropped,
        n_units=len(rows.unit_labels),
        singular=singular,
        converged=not any(note.code in FAILURES for note in notes),
        notes=tuple(notes),
        uncertainty=uncertainty,
        layout=layout,
    )


def _maximise(problem: Problem, start: Array) -> tuple[Array, State, bool]:
    """The largest likelihood, or the error for a model under which answers of a unit have no variance of their own."""
    try:
        return problem.maximise(start)
    except np.linalg.LinAlgError:
        raise ScoringError(
            "mixed.variance",
            "Under this model some answers of a unit follow from its other answers without error.",
            "Let residuals have a variance, or give each answer an effect of its own.",
        ) from None


def _start(blocks: Sequence[Block], given: Array) -> Array:
    """Uncorrelated effects that share what the known variances leave of the outcome's variance of 1."""
    theta = np.where(np.isnan(given), 0.0, given)
    free = [block for block in blocks if not block.known]
    for block in free:
        theta[list(block.places)] = block.vector(np.eye(block.q)) / max(1, len(free))
    return theta


def _uncertainty(
    problem: Problem, theta: Array, state: State, rows: Rows, method: DegreesOfFreedom
) -> tuple[Uncertainty, bool]:
    """What tests need, and whether the data tell all variances apart."""
    chosen = np.array(
        [place for block in problem.blocks if not block.known for place in block.places], dtype=np.int64
    )
    if method == "kenward-roger":
        information, J = state.expected[np.ix_(chosen, chosen)], np.eye(len(chosen))
    else:
        J, bend = problem.tangent(theta, state.score)
        information, J = J.T @ state.observed @ J + bend, J[chosen]
    values, vectors = np.linalg.eigh(information)
    most = float(values[-1]) if len(values) else 0.0
    keep = values > 1e-12 * most
    W = J @ (vectors[:, keep] / values[keep]) @ vectors[:, keep].T @ J.T
    unit = rows.outcome_unit / rows.design_units
    beta = rows.start + state.beta * unit
    found = estimate_uncertainty(state, chosen, W, beta, unit, correct=method == "kenward-roger")
    definite = bool(np.linalg.eigvalsh(found.phi_corrected)[0] > 0.0)
    if not definite:
        found = replace(found, phi_corrected=found.phi)
    return found, bool(keep.all()) and definite


def _notes(
    problem: Problem, theta: Array, rows: Rows, *, converged: bool, told: bool
) -> tuple[bool, list[Note]]:
    """Whether the fit is singular, and what is to be said of it."""
    notes: list[Note] = []
    singular = False
    for number in problem.singular(theta):
        block = problem.blocks[number]
        if block.residual:
            notes.append(Note("mixed.residual", _NO_RESIDUAL))
            continue
        singular = True
        message = _BOUNDARY if block.q == 1 else _DEPENDENT
        notes.append(Note("mixed.singular", message, {"component": rows.parts[number].name}))
    if not converged:
        notes.append(Note("mixed.converged", _NOT_CONVERGED))
    if not told:
        notes.append(Note("mixed.information", _UNTOLD))
    return singular, notes


def _variances(layout: Layout) -> tuple[dict[str, float], dict[str, pd.DataFrame]]:
    """Variances and covariances in the squared unit of the outcome."""
    variances: dict[str, float] = {}
    random: dict[str, pd.DataFrame] = {}
    for block, part in zip(layout.blocks, layout.rows.parts, strict=True):
        columns, unit = part.columns, layout.rows.outcome_unit / part.sizes
        matrix = block.matrix(layout.theta) * np.outer(unit, unit)
        if columns == (part.name,):
            variances[part.name] = float(matrix[0, 0])
            continue
        random[part.name] = pd.DataFrame(matrix, index=list(columns), columns=list(columns))
        for a, b in combinations_with_replacement(range(block.q), 2):
            label = columns[a] if a == b else f"{columns[a]}, {columns[b]}"
            variances[f"{part.name}[{label}]"] = float(matrix[a, b])
    return variances, random
