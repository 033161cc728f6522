"""A fitted mixed model: its coefficients, variances and tests, and the effects it predicts for single units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scoring.errors import Note, ScoringError
from scoring.mixed.contrasts import ContrastTest, DegreesOfFreedom, Uncertainty
from scoring.mixed.likelihood import Block, State
from scoring.mixed.rows import Rows
from scoring.mixed.units import Array, Batch


@dataclass(frozen=True)
class Layout:
    """The model in standardized units: what predictions of random effects need."""

    batches: Sequence[Batch]
    blocks: Sequence[Block]
    rows: Rows
    theta: Array
    state: State


@dataclass(frozen=True)
class MixedModel:
    """A fitted linear mixed model.

    Attributes
    ----------
    coefficients : DataFrame
        One row per coefficient: estimate, se (corrected), se_plain, df, t, p, low, high (95 %).
    variances : mapping component -> variance
        In the squared unit of the outcome; an effect with several columns has `name[column]` for each variance and
        `name[first, second]` for each covariance; "residual" last.
    random : mapping name -> DataFrame
        The same as covariance matrices, one for each effect with several columns.
    covariance : DataFrame
        Corrected covariance matrix of the coefficients.
    covariance_plain : DataFrame
        The uncorrected one.
    log_likelihood : float
        Restricted (or full) log-likelihood at the estimate.
    restricted : bool
    method : "kenward-roger" or "satterthwaite"
    n_used, n_dropped : int
        Rows used, and rows without an outcome.
    n_units : int
        Pairs (top-level units).
    singular : bool
        A variance is 0, or effects are perfectly correlated.
    converged : bool
    notes : tuple of Note
    """

    coefficients: pd.DataFrame
    variances: Mapping[str, float]
    random: Mapping[str, pd.DataFrame]
    covariance: pd.DataFrame
    covariance_plain: pd.DataFrame
    log_likelihood: float
    restricted: bool
    method: DegreesOfFreedom
    n_used: int
    n_dropped: int
    n_units: int
    singular: bool
    converged: bool
    notes: tuple[Note, ...]
    uncertainty: Uncertainty = field(repr=False)
    layout: Layout = field(repr=False)

    def test(
        self, contrast: Mapping[str, float] | Sequence[Mapping[str, float]], *, confidence: float = 0.95
    ) -> ContrastTest:
        """Test a contrast of coefficients, or several together.

        Parameters
        ----------
        contrast : mapping coefficient -> weight, or a sequence of them
            One row of the hypothesis matrix, or several linearly independent ones.
        confidence : float, default .95
            Coverage of the interval of a single contrast.

        Returns
        -------
        ContrastTest
            With an estimate and interval for a single contrast, F for all.

        Raises
        ------
        ScoringError
            `mixed.contrast`: a coefficient that the model does not have, or contrasts that follow from one another.
        """
        rows = [contrast] if isinstance(contrast, Mapping) else list(contrast)
        names = list(self.coefficients.index)
        L = np.zeros((len(rows), len(names)))
        for number, row in enumerate(rows):
            for name, weight in row.items():
                if name not in names:
                    raise ScoringError(
                        "mixed.contrast",
                        "The model has no coefficient “%(name)s”.",
                        "Use one of: %(known)s.",
                        name=name,
                        known=", ".join(names),
                    )
                L[number, names.index(name)] = weight
        return self.uncertainty.test(L, self.method, confidence)


def unit_effects(model: MixedModel, name: str, column: str) -> pd.DataFrame:
    """Predict a random effect of every unit, together with the coefficient of the same column (empirical Bayes, BLUP).

    Parameters
    ----------
    model : MixedModel
        The fitted model.
    name : str
        A random effect whose group is the unit itself.
    column : str
        One of its columns; where the design has a column of that name, its coefficient is added (the slope of a person is the mean
        slope plus the person's own part).

    Returns
    -------
    DataFrame, one row per unit
        `value`, and `variance`, the variance of prediction, which counts that the coefficients are estimated, not that the variances
        are.

    Notes
    -----
    `l' Sigma Z' V^-1 (y - X b)`, variance `l' (Sigma - Sigma Z' V^-1 Z Sigma) l + d' Phi d`, `d = k - X' V^-1 Z Sigma l`. R:
    `lme4::ranef`.

    Raises
    ------
    ScoringError
        `mixed.effect`: no such effect of the units.
    """
    layout = model.layout
    found = [
        number for number, part in enumerate(layout.rows.parts) if part.name == name and part.effects.whole
    ]
    if not found or column not in layout.rows.parts[found[0]].columns:
        raise ScoringError(
            "mixed.effect",
            "The model has no random effect “%(name)s” of whole units.",
            "Name a random effect without a group, and one of its columns.",
            name=f"{name}[{column}]",
        )
    number, part = found[0], layout.rows.parts[found[0]]
    place, coefficients = part.columns.index(column), list(model.coefficients.index)
    Sigma, phi = layout.blocks[number].matrix(layout.theta), layout.state.phi
    r = np.append(-layout.state.beta, 1.0)
    unit_of = float(layout.rows.outcome_unit / part.sizes[place])
    k = np.zeros(len(coefficients))
    base = 0.0
    if column in coefficients:
        at = coefficients.index(column)
        # Standardized coefficients and effects have different units.
        k[at] = model.uncertainty.unit[at] / unit_of
        base = float(model.uncertainty.beta[at])
    value, variance = np.empty(model.n_units), np.empty(model.n_units)
    for batch in layout.batches:
        V = np.einsum("k,nkab->nab", layout.theta, batch.G)
        VZS = np.linalg.solve(V, batch.Z[number] @ Sigma[:, [place]])[:, :, 0]
        within = Sigma[place, place] - np.einsum(
            "nq,nmq,nm->n", Sigma[[place]].repeat(len(V), 0), batch.Z[number], VZS
        )
        # Units beyond are deviations of parts of units, which say nothing about effects of the whole.
        own = batch.codes < model.n_units
        of_unit, units, codes = VZS[batch.unit_place[own]], batch.units[own], batch.codes[own]
        d = k - np.einsum("uma,um->ua", units[:, :, :-1], of_unit)
        value[codes] = base + unit_of * np.einsum("uma,um,a->u", units, of_unit, r)
        variance[codes] = unit_of**2 * (within[batch.unit_place[own]] + np.einsum("ua,ab,ub->u", d, phi, d))
    return pd.DataFrame(
        {"value": value, "variance": np.maximum(variance, 0.0)}, index=layout.rows.unit_labels
    )
