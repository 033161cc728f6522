"""What a fitted confirmatory model says: parameters with errors and standardized values, measures of fit, warnings."""

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note
from scoring.sem import fit as fitting
from scoring.sem.data import FittingData, Problem
from scoring.sem.fit import FitMeasures
from scoring.sem.indices import LARGEST_ROBUST, correct_for_missing, correct_for_ordinal
from scoring.sem.likelihood import NormalProblem
from scoring.sem.matrices import Array, CompiledModel
from scoring.sem.model import Specification
from scoring.sem.optimize import Optimum
from scoring.sem.ordinal import OrdinalProblem
from scoring.sem.standardize import scales_of

CFA_DESCRIPTIVE: Final = 150
_Z95: Final = 1.959963984540054

_NOT_CONVERGED = N_(
    "The estimation did not converge; its numbers are where it stopped and must not be interpreted."
)
_HEYWOOD = N_(
    "The residual variance of %(item)s is negative: the model is wrong or the sample too small for it (Heywood case)."
)
_FACTOR_VARIANCE = N_(
    "The variance of factor %(factor)s is negative: its items do not go together, and it has no standardized values."
)
_FACTORS = N_("The covariances of the factors are not positive definite: two factors may be one.")
_SMALL = N_(
    "With %(n)d respondents (below %(minimum)d) fit is descriptive only; a true model is often rejected."
)
_SATURATED = N_("The model has no degrees of freedom, so its fit cannot be tested.")
_FEW_DF = N_("RMSEA is not interpreted below %(minimum)d degrees of freedom.")
_ULS = N_("Unweighted least squares gives no standard errors here; use MLR or WLSMV where they are needed.")
_NO_SCALED = N_(
    "The correction of chi-square cannot be computed at the solution; read the plain statistic with caution."
)
_NO_ROBUST = N_(
    "The robust versions of CFI, TLI and RMSEA are not defined here: thresholds or intercepts are constrained, the correlations are "
    "not positive definite, or there are more than %(most)d items."
)
_NO_ERRORS = N_("The information matrix cannot be inverted at the solution, so there are no standard errors.")


@dataclass(frozen=True)
class ConfirmatoryFit:
    """A fitted confirmatory model.

    Attributes
    ----------
    parameters : DataFrame
        One row per parameter: group (label), left, operator, right, label, free, estimate, se, z, p, low, high (95 %), std_lv
        (factors standardized), std_all (items too); NaN in se, z and p where a parameter is fixed.
    measures : FitMeasures
    estimator : str
    scaling : str
        "marker" or "unit_variance", or "as specified".
    group_labels, group_sizes : tuples
    n_used, n_dropped : int
    n_steps : int
    converged : bool
    proper : bool
        False with a negative variance or factor covariances that are not positive definite.
    notes : tuple of Note
    data, problem, x, covariance : for further work on the fit; covariance is that of the free parameters.
    """

    parameters: pd.DataFrame
    measures: FitMeasures
    estimator: str
    group_labels: tuple[str, ...]
    group_sizes: tuple[int, ...]
    n_used: int
    n_dropped: int
    n_steps: int
    converged: bool
    proper: bool
    notes: tuple[Note, ...]
    data: FittingData = field(repr=False)
    problem: Problem = field(repr=False)
    x: Array = field(repr=False)
    covariance: Array | None = field(repr=False)

    @property
    def specification(self) -> Specification:
        """The model that was fitted."""
        return self.problem.model.specification

    def loadings(self, group: int = 0, *, standardized: bool = False) -> pd.DataFrame:
        """Return the loadings of a group, items x factors; standardized in factors and items where asked."""
        column = "std_all" if standardized else "estimate"
        table = pd.DataFrame(
            0.0, index=list(self.specification.items), columns=list(self.specification.factors)
        )
        chosen = self.parameters["operator"].eq("=~") & self.parameters["group"].eq(self.group_labels[group])
        for row in self.parameters[chosen].to_dict("records"):
            table.loc[row["right"], row["left"]] = row[column]
        return table

    def factor_correlations(self, group: int = 0) -> pd.DataFrame:
        """Return the correlations of the factors in a group."""
        model, names = self.problem.model, list(self.specification.factors)
        found = model.matrices(self.x, group)
        covariance = found.spread @ found.factor_covariances @ found.spread.T
        sd = np.sqrt(np.abs(np.diagonal(covariance)))
        return pd.DataFrame(covariance / np.outer(sd, sd), index=names, columns=names)

    def implied(self, group: int = 0) -> tuple[pd.DataFrame, pd.Series]:
        """Return the implied covariances and means of a group's items (latent responses where they are ordinal)."""
        names = list(self.specification.items)
        covariance, mean = self.problem.model.moments(self.x, group)
        return pd.DataFrame(covariance, index=names, columns=names), pd.Series(mean, index=names)


def report_fit(
    data: FittingData,
    problem: Problem,
    optimum: Optimum,
    covariance: Array | None,
    df: int,
    *,
    thorough: bool = True,
) -> ConfirmatoryFit:
    """Return everything about a fit that a reader wants to see; without `thorough` no robust indices."""
    model, x = problem.model, optimum.x
    proper, notes = _check_proper(model, x)
    notes = [*data.notes, *notes]
    if not optimum.converged:
        notes.append(Note("sem.converged", _NOT_CONVERGED))
    if covariance is None and thorough:
        notes.append(Note("sem.errors", _ULS if data.estimator == "ULS" else _NO_ERRORS))
    if data.n_used < CFA_DESCRIPTIVE:
        notes.append(Note("sem.small", _SMALL, {"n": data.n_used, "minimum": CFA_DESCRIPTIVE}))
    if df == 0:
        notes.append(Note("sem.saturated_model", _SATURATED))
    elif df < fitting.RMSEA_MINIMUM_DF:
        notes.append(Note("sem.few_df", _FEW_DF, {"minimum": fitting.RMSEA_MINIMUM_DF}))
    measures = _measure(data, problem, x, df, thorough=thorough)
    robust = thorough and data.estimator in {"MLM", "MLR", "WLSMV"}
    if df > 0 and robust and measures.chi_square_scaled is None:
        notes.append(Note("sem.scaled", _NO_SCALED))
    elif df > 0 and (robust or (thorough and data.incomplete)) and measures.cfi_robust is None:
        notes.append(Note("sem.robust", _NO_ROBUST, {"most": LARGEST_ROBUST}))
    return ConfirmatoryFit(
        parameters=_parameter_table(data, model, x, covariance),
        measures=measures,
        estimator=data.estimator,
        group_labels=data.labels,
        group_sizes=data.group_sizes,
        n_used=data.n_used,
        n_dropped=data.n_dropped,
        n_steps=optimum.n_steps,
        converged=optimum.converged,
        proper=proper,
        notes=tuple(notes),
        data=data,
        problem=problem,
        x=x,
        covariance=covariance,
    )


def _check_proper(model: CompiledModel, x: Array) -> tuple[bool, list[Note]]:
    """Notes on negative variances and on factor covariances that cannot be."""
    notes = []
    for group in range(model.specification.n_groups):
        found = model.matrices(x, group)
        residuals = np.diagonal(found.residuals)
        if model.specification.ordinal and not model.specification.theta:
            total = found.loadings @ found.spread
            residuals = 1.0 - np.diagonal(total @ found.factor_covariances @ total.T)
        notes += [
            Note("sem.heywood", _HEYWOOD, {"item": item})
            for item, value in zip(model.specification.items, residuals, strict=True)
            if value < 0.0
        ]
        variances = np.diagonal(found.factor_covariances)
        negative = [
            name for name, value in zip(model.specification.factors, variances, strict=True) if value < 0
        ]
        notes += [Note("sem.factor_variance", _FACTOR_VARIANCE, {"factor": name}) for name in negative]
        if len(variances) and not negative:
            # In units of the factors' own, so that the items' units do not matter.
            sd = np.sqrt(np.where(variances > 0, variances, 1.0))
            if np.linalg.eigvalsh(found.factor_covariances / np.outer(sd, sd))[0] < -1e-9:
                notes.append(Note("sem.factors", _FACTORS))
    return not notes, notes


def _parameter_table(
    data: FittingData, model: CompiledModel, x: Array, covariance: Array | None
) -> pd.DataFrame:
    """One row per parameter with its error and its standardized values."""
    from scipy.stats import norm

    rows = []
    errors = (
        np.full(model.n_free, np.nan)
        if covariance is None
        else np.sqrt(np.clip(np.diagonal(covariance), 0.0, None))
    )
    delta = model.specification.ordinal and not model.specification.theta
    for group, label in enumerate(data.labels):
        scales = scales_of(model, x, group)
        parameters = [p for p in model.specification.parameters if p.group == group]
        found, (total, _) = model.matrices(x, group), model.moments(x, group)
        place = {name: number for number, name in enumerate(model.specification.items)}
        for parameter, index, fixed in zip(
            parameters, model.cells[group].index, model.cells[group].fixed, strict=True
        ):
            value = float(x[index]) if index >= 0 else float(fixed)
            if delta and parameter.operator == "~~" and parameter.left == parameter.right in place:
                # Under "delta" a residual variance is what the factors leave of 1.
                row = place[parameter.left]
                common = found.loadings @ found.spread
                left = total[row, row] - common[row] @ found.factor_covariances @ common[row]
                value = float(left)
            error = float(errors[index]) if index >= 0 else math.nan
            rows.append(
                {
                    "group": label,
                    "left": parameter.left,
                    "operator": parameter.operator,
                    "right": parameter.right,
                    "label": parameter.label,
                    "free": index >= 0,
                    "estimate": value,
                    "se": error,
                    "std_lv": value * scales.latent(parameter.left, parameter.operator, parameter.right),
                    "std_all": value * scales.everything(parameter.left, parameter.operator, parameter.right),
                }
            )
    table = pd.DataFrame(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        table.insert(8, "z", np.where(table["se"] > 0, table["estimate"] / table["se"], np.nan))
    table.insert(9, "p", 2.0 * norm.sf(np.abs(table["z"])))
    table.insert(10, "low", table["estimate"] - _Z95 * table["se"])
    table.insert(11, "high", table["estimate"] + _Z95 * table["se"])
    return table


def _to_correlations(covariance: Array) -> Array:
    """Covariances of latent responses as correlations."""
    sd = np.sqrt(np.diagonal(covariance))
    return np.asarray(covariance / np.outer(sd, sd))


def _measure(data: FittingData, problem: Problem, x: Array, df: int, *, thorough: bool) -> FitMeasures:
    """Chi-square and every index that the estimator has."""
    specification = problem.model.specification
    means, n_groups = specification.mean_structure, len(data.groups)
    test, baseline = data.test(problem, x, df), data.baseline(means=means)
    if isinstance(problem, OrdinalProblem):
        if thorough:
            test, baseline = correct_for_ordinal(problem, x, test, baseline)
    elif data.incomplete and thorough:
        test, baseline = correct_for_missing(data, problem, x, test, baseline)
    found = fitting.indices(test, baseline, problem.n, n_groups)
    implied = [problem.model.moments(x, group) for group in range(n_groups)]
    if data.ordinal:
        implied = [(_to_correlations(covariance), mean) for covariance, mean in implied]
    elif not means:
        implied = [
            (covariance, mean) for (covariance, _), (_, mean) in zip(implied, data.samples, strict=True)
        ]
    scaled = test.scaled is not None
    measures = FitMeasures(
        n_parameters=problem.model.n_free,
        chi_square=test.chi_square,
        df=df,
        baseline_chi_square=baseline.chi_square,
        baseline_df=baseline.df,
        srmr=fitting.srmr(problem.shares, data.samples, implied, means=means, correlations_only=data.ordinal),
        chi_square_scaled=test.scaled,
        df_scaled=df if scaled else None,
        scaling_factor=test.scaling_factor,
        shift=test.shift,
        baseline_chi_square_scaled=baseline.scaled,
        baseline_scaling_factor=baseline.scaling_factor,
        **found,
    )
    if not isinstance(problem, NormalProblem) or problem.estimator != "ML":
        return measures
    largest = data.saturated_log_likelihood
    own = largest - test.chi_square / 2.0
    k = problem.model.n_free
    saturated, model = data.scaling_factors(problem, x)
    return replace(
        measures,
        log_likelihood=own,
        saturated_log_likelihood=largest,
        aic=-2.0 * own + 2.0 * k,
        bic=-2.0 * own + math.log(data.n_used) * k,
        scaling_factor_saturated=saturated,
        scaling_factor_model=model,
    )
