"""What a fit would gain by freeing something: modification indices and score tests of equalities."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from scoring.sem.data import Problem
from scoring.sem.matrices import Array, CompiledModel, compile_model
from scoring.sem.model import Parameter, Specification
from scoring.sem.result import ConfirmatoryFit

Key = tuple[str, str, str, int]


def modification_indices(fit: ConfirmatoryFit) -> pd.DataFrame:
    """Return, for every loading and residual covariance that the model leaves out, the fall of chi-square that freeing it promises.

    Parameters
    ----------
    fit : ConfirmatoryFit
        A converged fit.

    Returns
    -------
    DataFrame
        group, left, operator, right, chi_square (score test with one degree of freedom), p, change (expected estimate); largest
        first. Empty for a saturated model.

    Notes
    -----
    `N s^2 / (I_11 - I_12 I_22^-1 I_21)` with s the derivative of the log-likelihood per respondent (half of the discrepancy's) and
    the expected information; for "WLSMV" the unadjusted least-squares form. R: `lavaan::modindices(fit)`.

    References
    ----------
    Sorbom, D. (1989). Model modification. Psychometrika, 54, 371-384. https://doi.org/10.1007/BF02294623
    """
    specification = fit.specification
    known = {parameter.key for parameter in specification.parameters if parameter.free}
    fixed = {parameter.key for parameter in specification.parameters} - known
    candidates = []
    for group in range(specification.n_groups):
        wanted = [
            Parameter(factor, "=~", item, group=group)
            for factor in specification.factors
            for item in specification.items
        ]
        wanted += [
            Parameter(first, "~~", second, group=group)
            for position, first in enumerate(specification.items)
            for second in specification.items[position + 1 :]
        ]
        wanted += [
            Parameter(first, "~~", second, group=group)
            for position, first in enumerate(specification.factors)
            for second in specification.factors[position + 1 :]
        ]
        # A fixed loading is how a factor got its scale; freeing it would say nothing.
        scaled = {key for key in fixed if key[1] == "=~"}
        candidates += [p for p in wanted if p.key not in known and p.key not in scaled]
    return _table(fit, candidates, [[number] for number in range(len(candidates))])


def equality_tests(fit: ConfirmatoryFit) -> pd.DataFrame:
    """Return, for every parameter that is held equal to one in an earlier place, the score test of letting it go.

    Parameters
    ----------
    fit : ConfirmatoryFit
        A converged fit with labels.

    Returns
    -------
    DataFrame
        group, left, operator, right, label, chi_square (one degree of freedom), p, change; largest first.

    Notes
    -----
    As `modification_indices`. R: the univariate part of `lavaan::lavTestScore(fit)` with two groups.
    """
    released = held_equal(fit.specification)
    table = _table(fit, released, [[number] for number in range(len(released))])
    labels = {parameter.key: parameter.label for parameter in released}
    groups = {label: number for number, label in enumerate(fit.group_labels)}
    table.insert(
        4,
        "label",
        [
            labels[Parameter(row.left, row.operator, row.right, group=groups[row.group]).key]
            for row in table.itertuples()
        ],
    )
    return table


def release_tests(fit: ConfirmatoryFit, sets: Sequence[Sequence[Parameter]]) -> list[tuple[float, int]]:
    """Return the joint score test of releasing each set of held-equal parameters: chi-square and degrees of freedom."""
    flat = [parameter for chosen in sets for parameter in chosen]
    if not flat:
        return []
    score, information = _released(fit, flat)
    results, position = [], 0
    for chosen in sets:
        places = list(range(position, position + len(chosen)))
        position += len(chosen)
        if not chosen:
            results.append((0.0, 0))
            continue
        part, vector = information[np.ix_(places, places)], score[places]
        rank = int(np.linalg.matrix_rank(part, tol=1e-9 * max(float(np.abs(part).max()), 1e-300)))
        value = float(fit.n_used * vector @ np.linalg.pinv(part, hermitian=True) @ vector)
        results.append((value, rank))
    return results


def held_equal(specification: Specification) -> list[Parameter]:
    """Return the labelled parameters that an earlier parameter of the same label stands before."""
    seen: set[str] = set()
    found = []
    for parameter in specification.parameters:
        if parameter.free and parameter.label:
            if parameter.label in seen:
                found.append(parameter)
            seen.add(parameter.label)
    return found


def _table(fit: ConfirmatoryFit, candidates: list[Parameter], sets: list[list[int]]) -> pd.DataFrame:
    """Candidates with their one-degree tests, largest first."""
    from scipy.stats import chi2

    columns = ["group", "left", "operator", "right", "chi_square", "p", "change"]
    if not candidates or fit.measures.df == 0:
        return pd.DataFrame(columns=columns)
    score, information = _released(fit, candidates)
    spread = np.diagonal(information)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(spread > 1e-8, fit.n_used * score**2 / spread, np.nan)
        change = np.where(spread > 1e-8, -score / spread, np.nan)
    rows = [
        (fit.group_labels[p.group], p.left, p.operator, p.right, index[n], chi2.sf(index[n], 1), change[n])
        for n, p in enumerate(candidates)
        if np.isfinite(index[n]) and sets
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("chi_square", ascending=False, kind="stable", ignore_index=True)


def _released(fit: ConfirmatoryFit, extra: list[Parameter]) -> tuple[Array, Array]:
    """Score and efficient information of the extra parameters: half the gradient, and `I_11 - I_12 I_22^-1 I_21`.

    An extra parameter that is part of the model already moves apart from the label it shares; one that is not is added at its
    fixed value, 0 where it has none.
    """
    old = fit.problem.model
    places = {parameter.key: number for number, parameter in enumerate(extra)}
    own = {parameter.key: parameter for parameter in fit.specification.parameters}
    added = [
        replace(own.get(p.key, p), free=True, label="", value=own[p.key].value if p.key in own else 0.0)
        for p in extra
    ]
    kept = [p for p in fit.specification.parameters if p.key not in places]
    wide = compile_model(replace(fit.specification, parameters=(*kept, *added)))
    old_index, new_index = _indices(old), _indices(wide)
    x = np.zeros(wide.n_free)
    move = np.zeros((wide.n_free, old.n_free + len(extra)))
    for key, place in new_index.items():
        if key in old_index:
            x[place] = fit.x[old_index[key]]
            move[place, old_index[key]] = 1.0
        else:
            fixed = own[key].value if key in own else None
            x[place] = 0.0 if fixed is None else fixed
        if key in places:
            move[place, old.n_free + places[key]] = 1.0
    problem: Problem = replace(fit.problem, model=wide)
    # Least squares on ordinal items counts each group by one respondent less, and so does R in the score.
    score = (
        move.T @ problem.gradient(x) / 2.0 * (problem.n / fit.n_used if fit.specification.ordinal else 1.0)
    )
    information = move.T @ problem.information(x) @ move
    first, second = slice(old.n_free, None), slice(0, old.n_free)
    rest = information[first, first] - information[first, second] @ np.linalg.solve(
        information[second, second], information[second, first]
    )
    return score[first], rest


def _indices(model: CompiledModel) -> dict[Key, int]:
    """The place of each free parameter."""
    found = {}
    for group, cells in enumerate(model.cells):
        parameters = [p for p in model.specification.parameters if p.group == group]
        for parameter, index in zip(parameters, cells.index, strict=True):
            if index >= 0:
                found[parameter.key] = int(index)
    return found
