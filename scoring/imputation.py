"""Multiple imputation of pairs under a joint normal model.

One row is a pair and one column a role's score at a wave, so the partner's scores, the roles and the waves are all in the model.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from instruments.errors import N_
from scoring.errors import Note, ScoringError
from scoring.frames import find_constant, read_numbers

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

FEWEST_PAIRS: Final = 20
IMPUTATIONS: Final = 50
ITERATIONS: Final = 100
FEWEST_TOGETHER: Final = 5
IMPUTATION_SEED: Final = 20_260_101
LARGEST_RHAT: Final = 1.1

_NOT_MIXED = N_(
    "The imputations still depend on where they started (R-hat %(rhat).2f), so some variables say too little about one another."
)
_EMPTY_ROWS = N_("%(n)d pairs have no value at all and are left out.")
_COMPLETE = N_("No value is missing, so all imputations are the data themselves.")
_LITTLE = N_("Fewer than %(minimum)d imputations make the result depend on chance.")


@dataclass(frozen=True)
class Imputations:
    """Completed tables.

    Attributes
    ----------
    columns : tuple of str
    index : Index
        The pairs used.
    values : ndarray (m, pairs, columns)
    missing : ndarray of bool (pairs, columns)
        Which of them were imputed.
    m, n_iterations : int
        Imputations, and steps of data augmentation before each.
    rhat : float
        Largest potential scale reduction of the means and variances over the second half of the steps; near 1 when settled.
    n_used, n_dropped : int
        Pairs used, pairs without any value.
    share_missing : float
        0 to 1.
    converged : bool
    notes : tuple of Note
    """

    columns: tuple[str, ...]
    index: pd.Index
    values: Array = field(repr=False)
    missing: Mask = field(repr=False)
    m: int
    n_iterations: int
    rhat: float
    n_used: int
    n_dropped: int
    share_missing: float
    converged: bool
    notes: tuple[Note, ...]

    def column(self, name: str) -> Array:
        """Return the completed values of a column, imputations x pairs; raises ScoringError `imputation.column`."""
        return self.values[:, :, self._place(name)]

    def imputed(self, name: str) -> Mask:
        """Return where a column was missing, one truth value per pair; raises ScoringError `imputation.column`."""
        return self.missing[:, self._place(name)]

    def table(self, number: int) -> pd.DataFrame:
        """Return one completed table, `number` from 0 to m - 1."""
        return pd.DataFrame(self.values[number], index=self.index, columns=list(self.columns))

    def _place(self, name: str) -> int:
        """Where a column stands."""
        if name not in self.columns:
            raise ScoringError(
                "imputation.column",
                "No variable “%(name)s” was imputed.",
                "Use one of: %(known)s.",
                name=name,
                known=", ".join(self.columns),
            )
        return self.columns.index(name)


def widen_pairs(
    long: pd.DataFrame, value: str, *, pair: str = "pair", role: str = "role", wave: str = "wave"
) -> pd.DataFrame:
    """Return one row per pair and one column per role and wave, named "role.wave", from one row per person and wave.

    Missing rows become NaN. Raises ScoringError `imputation.column` for a column that is not there, `imputation.duplicate` for a person
    who stands twice in a wave, `imputation.number` for a value that is no finite number.
    """
    for column in (value, pair, role, wave):
        if column not in long.columns:
            raise ScoringError(
                "imputation.column",
                "The table has no column “%(name)s”.",
                "Name the columns of pair, role, wave and value; it has: %(known)s.",
                name=column,
                known=", ".join(map(str, long.columns)),
            )
    doubled = long.duplicated([pair, role, wave]).to_numpy()
    if doubled.any():
        first = long.loc[doubled].iloc[0]
        raise ScoringError(
            "imputation.duplicate",
            "Pair %(pair)s has two rows for role %(role)s in wave %(wave)s.",
            "Keep one row for each person and wave.",
            pair=str(first[pair]),
            role=str(first[role]),
            wave=str(first[wave]),
        )
    numbers = _read_column(long[value], value)
    labels = long[role].astype(str) + "." + long[wave].astype(str)
    table = pd.DataFrame({"pair": long[pair].to_numpy(), "label": labels.to_numpy(), "value": numbers})
    wide = table.pivot(index="pair", columns="label", values="value")
    return wide[list(dict.fromkeys(labels))].rename_axis(index=None, columns=None)


def impute_pairs(
    table: pd.DataFrame, *, m: int = IMPUTATIONS, iterations: int = ITERATIONS, seed: int = IMPUTATION_SEED
) -> Imputations:
    """Impute what is missing from a joint normal model of all columns.

    Parameters
    ----------
    table : DataFrame, pairs x variables
        Scores of both roles at all waves (see `widen_pairs`), and whatever else may explain who is missing, such as meetings held; NaN
        where missing. At least 20 pairs with a value, and twice as many as variables.
    m : int, default 50
        Imputations; at least 2.
    iterations : int, default 100
        Steps of each chain; at least 10.
    seed : int
        The same seed gives the same imputations.

    Returns
    -------
    Imputations

    Notes
    -----
    Valid when data are missing at random given the columns, and scores are roughly normal; imputed values are neither rounded nor cut
    to the range of the scale, which would bias means.

    Data augmentation (Schafer 1997): given completed data, `Sigma ~ inverse Wishart(n - 1, S)`, `mu ~ N(mean, Sigma/n)`; given these,
    each missing value from its conditional distribution. m chains run side by side from scattered starts around the maximum-likelihood
    estimate and give one imputation each, so imputations are independent. The prior is Jeffreys'. R: `norm::da.norm`,
    `norm::imp.norm`.

    References
    ----------
    Schafer, J. L. (1997). Analysis of incomplete multivariate data. Chapman & Hall. https://doi.org/10.1201/9780367803025
    Gelman, A., & Rubin, D. B. (1992). Inference from iterative simulation using multiple sequences. Statistical Science, 7, 457-472.
    https://doi.org/10.1214/ss/1177011136

    Raises
    ------
    ScoringError
        `imputation.few` below 20 pairs, `imputation.wide` for too many variables, `imputation.column`, `imputation.duplicate`,
        `imputation.number`, `imputation.empty` and `imputation.constant` for a variable without values or spread,
        `imputation.apart` for two variables that fewer than five pairs have both, `imputation.singular`, `imputation.size` for m or iterations that are too small.
    """
    if m < 2 or iterations < 10:
        raise ScoringError(
            "imputation.size",
            "%(m)d imputations after %(iterations)d steps are too few.",
            "Use at least 2 imputations after 10 steps; 50 after 100 are usual.",
            m=m,
            iterations=iterations,
        )
    values, index, columns, n_dropped = _read_table(table)
    missing = np.isnan(values)
    notes = [Note("imputation.rows", _EMPTY_ROWS, {"n": n_dropped})] if n_dropped else []
    if m < IMPUTATIONS:
        notes.append(Note("imputation.m", _LITTLE, {"minimum": IMPUTATIONS}))
    if not missing.any():
        completed, rhat, settled = np.broadcast_to(values, (m, *values.shape)).copy(), 1.0, True
        notes.append(Note("imputation.complete", _COMPLETE))
    else:
        completed, rhat = _augment(values, missing, m, iterations, np.random.default_rng(seed))
        settled = rhat < LARGEST_RHAT
        if not settled:
            notes.append(Note("imputation.rhat", _NOT_MIXED, {"rhat": rhat}))
    return Imputations(
        columns=columns,
        index=index,
        values=completed,
        missing=missing,
        m=m,
        n_iterations=iterations,
        rhat=rhat,
        n_used=len(values),
        n_dropped=n_dropped,
        share_missing=float(missing.mean()),
        converged=settled,
        notes=tuple(notes),
    )


def _augment(
    values: Array, missing: Mask, m: int, iterations: int, rng: np.random.Generator
) -> tuple[Array, float]:
    """Run m chains side by side; returns completed data and the largest R-hat."""
    from scoring.sem.moments import group_moments

    n, p = values.shape
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    z = (values - centre) / scale
    try:
        moments = group_moments(z, keep_rows=False)
        start = np.linalg.cholesky(moments.covariance)
    except (ScoringError, np.linalg.LinAlgError):
        raise _singular() from None
    if not moments.saturated_converged or np.diagonal(start).min() < 1e-5:
        raise _singular()
    # Rows that miss something, sorted by what they miss; the others give the same sums in every chain and step.
    gaps = missing.any(axis=1)
    patterns, which = np.unique(missing[gaps], axis=0, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    places = np.flatnonzero(gaps)[order]
    ends = np.cumsum(np.bincount(which.reshape(-1)))
    rows = [slice(int(first), int(last)) for first, last in pairwise((0, *ends))]
    filled = np.broadcast_to(np.where(missing, 0.0, z)[places], (m, len(places), p)).copy()
    whole = z[~gaps]
    whole_sum, whole_products = whole.sum(axis=0), whole.T @ whole
    # Starts are scattered twice as widely as the sample allows, so that R-hat can see whether they still matter.
    factor = _draw_roots(np.broadcast_to(start * math.sqrt(n), (m, p, p)), n - 1, rng)
    mean = moments.mean + 2.0 / math.sqrt(n) * np.einsum("mij,mj->mi", factor, rng.normal(size=(m, p)))
    trace = np.empty((iterations, m, 2 * p))
    for step in range(iterations):
        covariance = factor @ factor.transpose(0, 2, 1)
        trace[step] = np.hstack([mean, np.log(np.diagonal(covariance, axis1=1, axis2=2))])
        for pattern, chosen in zip(patterns, rows, strict=True):
            _impute_pattern(filled[:, chosen], pattern, mean, covariance, rng)
        average = (whole_sum + np.einsum("mki->mi", filled)) / n
        # Scores are standardized, so nothing is lost by taking the mean's square off the sum of squares.
        products = whole_products + filled.transpose(0, 2, 1) @ filled
        scatter = products - n * average[:, :, None] * average[:, None, :]
        factor = _draw_roots(np.linalg.cholesky(scatter), n - 1, rng)
        mean = average + np.einsum("mij,mj->mi", factor, rng.normal(size=(m, p))) / math.sqrt(n)
    completed = np.broadcast_to(values, (m, n, p)).copy()
    drawn = np.where(missing[places], filled * scale + centre, values[places])
    completed[:, places] = drawn
    return completed, _largest_rhat(trace[iterations // 2 :])


def _impute_pattern(
    filled: Array,
    pattern: Mask,
    mean: Array,
    covariance: Array,
    rng: np.random.Generator,
) -> None:
    """Draw what is missing in the rows of one pattern, in place and for all chains."""
    gone, there = np.flatnonzero(pattern), np.flatnonzero(~pattern)
    cross = covariance[:, gone[:, None], there]
    slope = np.linalg.solve(covariance[:, there[:, None], there], cross.transpose(0, 2, 1)).transpose(0, 2, 1)
    rest = covariance[:, gone[:, None], gone] - slope @ cross.transpose(0, 2, 1)
    root = np.linalg.cholesky((rest + rest.transpose(0, 2, 1)) / 2.0)
    gap = filled[:, :, there] - mean[:, None, there]
    noise = rng.normal(size=(len(mean), filled.shape[1], len(gone)))
    filled[:, :, gone] = (
        mean[:, None, gone] + gap @ slope.transpose(0, 2, 1) + noise @ root.transpose(0, 2, 1)
    )


def _draw_roots(roots: Array, df: int, rng: np.random.Generator) -> Array:
    """Draw C with C C' ~ inverse Wishart(df, S), for each lower root L of S (L L' = S), by Bartlett's decomposition."""
    m, p, _ = roots.shape
    lower = np.tril(rng.normal(size=(m, p, p)), -1)
    places = np.arange(p)
    lower[:, places, places] = np.sqrt(rng.chisquare(df - places, size=(m, p)))
    return roots @ np.linalg.inv(lower).transpose(0, 2, 1)


def _largest_rhat(trace: Array) -> float:
    """The largest potential scale reduction over parameters; steps x chains x parameters."""
    steps = len(trace)
    within = trace.var(axis=0, ddof=1).mean(axis=0)
    between = trace.mean(axis=0).var(axis=0, ddof=1)
    return float(np.sqrt((steps - 1) / steps + between / within).max())


def _read_table(table: pd.DataFrame) -> tuple[Array, pd.Index, tuple[str, ...], int]:
    """The rows with a value as float64, their labels, the columns, and the number of empty rows."""
    for labels, kind in ((table.index, "row"), (table.columns, "column")):
        if labels.has_duplicates:
            raise ScoringError(
                "imputation.duplicate",
                "The %(kind)s “%(label)s” stands twice.",
                "Keep one row for each pair and one column for each role and wave.",
                kind=kind,
                label=str(labels[labels.duplicated()][0]),
            )
    read = pd.DataFrame(
        {column: _read_column(table[column], str(column)) for column in table.columns}, index=table.index
    )
    used = read.dropna(how="all")
    n, p = used.shape
    if n < FEWEST_PAIRS or p == 0:
        raise ScoringError(
            "imputation.few",
            "%(n)d pairs are too few for multiple imputation.",
            "From 20 pairs on it can be used; below, show complete pairs with their plausible bounds (change_bounds).",
            n=n,
        )
    if n < 2 * p:
        raise ScoringError(
            "imputation.wide",
            "%(p)d variables are too many for %(n)d pairs.",
            "Impute with at most half as many variables as pairs: one scale at a time.",
            p=p,
            n=n,
        )
    empty = [column for column in used.columns if used[column].notna().sum() == 0]
    if empty:
        raise ScoringError(
            "imputation.empty",
            "Variable “%(name)s” has no value at all.",
            "Leave it out.",
            name=str(empty[0]),
        )
    constant = next((c for c in used.columns if find_constant(used[[c]].dropna()) is not None), None)
    if constant is not None:
        raise ScoringError(
            "imputation.constant",
            "All values of variable “%(name)s” are equal.",
            "Leave it out.",
            name=str(constant),
        )
    _check_together(used)
    return used.to_numpy(dtype=np.float64), used.index, tuple(map(str, used.columns)), len(read) - n


def _check_together(used: pd.DataFrame) -> None:
    """Every two variables were observed together, since otherwise nothing says how they go together and any answer would be made up."""
    seen = used.notna().to_numpy(dtype=np.float64)
    first, second = np.nonzero(np.triu(seen.T @ seen < FEWEST_TOGETHER, 1))
    if len(first):
        raise ScoringError(
            "imputation.apart",
            "“%(first)s” and “%(second)s” were hardly ever observed in the same pair.",
            "Leave out the one that says less about who is missing.",
            first=str(used.columns[first[0]]),
            second=str(used.columns[second[0]]),
        )


def _read_column(values: pd.Series, name: str) -> Array:
    """A column as float64."""
    numbers, wrong = read_numbers(values)
    if (wrong | np.isinf(numbers)).any():
        raise ScoringError(
            "imputation.number",
            "Variable “%(name)s” holds something that is not a finite number.",
            "Pass scores as numbers; leave missing ones empty (NaN).",
            name=name,
        )
    return numbers


def _singular() -> ScoringError:
    """The error for variables that determine one another."""
    return ScoringError(
        "imputation.singular",
        "Some variables can be computed from others, or were hardly ever observed together.",
        "Leave out change scores, averages and doubles of other variables, and waves that hardly anybody answered.",
    )
