"""From parameters to implied moments and back: the matrices of a model, their moments and the derivatives of these.

With `A = (I - B)^-1`, `Phi = A Psi A'`: `Sigma = Lambda Phi Lambda' + Theta` and `mu = nu + Lambda A alpha`. The derivative of
Sigma by any one element is `c (u v' + v u')`, so that a whole Jacobian is held as three small arrays U, V and c; traces of
products of derivatives then need matrices of parameters only, never of pairs of items.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from scoring.errors import ScoringError
from scoring.sem.model import Parameter, Specification

Array = np.ndarray
LAMBDA, PSI, THETA, BETA, NU, ALPHA, TAU = range(7)
_SYMMETRIC: Final = (PSI, THETA)


@dataclass(frozen=True)
class Cells:
    """The elements of one group that are given by parameters.

    `kind`, `row`, `column` say which element; `index` is its place among the free parameters, -1 where fixed, and `fixed` the
    value then.
    """

    kind: Array
    row: Array
    column: Array
    index: Array
    fixed: Array

    @cached_property
    def filled(self) -> dict[int, Array]:
        """The elements of each matrix."""
        return {kind: np.flatnonzero(self.kind == kind) for kind in range(TAU + 1)}

    @cached_property
    def free(self) -> Array:
        """The free elements."""
        return np.flatnonzero(self.index >= 0)

    @cached_property
    def places(self) -> dict[int, Array]:
        """For each matrix, which of the free elements are its own."""
        return {kind: np.flatnonzero(self.kind[self.free] == kind) for kind in range(TAU + 1)}


@dataclass(frozen=True)
class Matrices:
    """The model's matrices of one group at one point."""

    loadings: Array
    factor_covariances: Array
    residuals: Array
    paths: Array
    intercepts: Array
    factor_means: Array
    thresholds: Array
    spread: Array  # A = (I - B)^-1


@dataclass(frozen=True)
class Factors:
    """The derivatives of the implied moments by the free elements of one group.

    `dSigma[q] = c[q] * (U[q] V[q]' + V[q] U[q]')`, `dmu[q] = M[q]`, `dtau[q] = T[q]`; `index` says which free parameter an element
    belongs to.
    """

    U: Array
    V: Array
    c: Array
    M: Array
    T: Array
    index: Array


@dataclass(frozen=True)
class CompiledModel:
    """A specification turned into places in matrices.

    Attributes
    ----------
    specification : Specification
    cells : tuple of Cells, one per group
    n_free : int
        Free parameters after those of one label have become one.
    names : tuple of str
        A name for each of them.
    threshold_item : tuple of int arrays, one per group
        For ordinal items: the item that each threshold belongs to.
    """

    specification: Specification
    cells: tuple[Cells, ...]
    n_free: int
    names: tuple[str, ...]
    threshold_item: tuple[Array, ...]

    def matrices(self, x: Array, group: int) -> Matrices:
        """Return the matrices of a group at the free parameters `x`."""
        cells = self.cells[group]
        values = cells.fixed.copy()
        values[cells.free] = x[cells.index[cells.free]]
        p, m = len(self.specification.items), len(self.specification.factors)
        built = {
            LAMBDA: np.zeros((p, m)),
            PSI: np.zeros((m, m)),
            THETA: np.zeros((p, p)),
            BETA: np.zeros((m, m)),
            NU: np.zeros((p, 1)),
            ALPHA: np.zeros((m, 1)),
            TAU: np.zeros((len(self.threshold_item[group]), 1)),
        }
        for kind, matrix in built.items():
            chosen = cells.filled[kind]
            if len(chosen) == 0:
                continue
            matrix[cells.row[chosen], cells.column[chosen]] = values[chosen]
            if kind in _SYMMETRIC:
                matrix[cells.column[chosen], cells.row[chosen]] = values[chosen]
        spread = np.eye(m) if len(cells.filled[BETA]) == 0 else np.linalg.inv(np.eye(m) - built[BETA])
        return Matrices(
            built[LAMBDA], built[PSI], built[THETA], built[BETA], built[NU][:, 0], built[ALPHA][:, 0],
            built[TAU][:, 0], spread,
        )  # fmt: skip

    def moments(self, x: Array, group: int) -> tuple[Array, Array]:
        """Return the implied covariances and means of a group (of the latent responses where items are ordinal)."""
        found = self.matrices(x, group)
        total = found.loadings @ found.spread
        covariances = total @ found.factor_covariances @ total.T + found.residuals
        if self.specification.ordinal and not self.specification.theta:
            np.fill_diagonal(covariances, 1.0)
        return covariances, found.intercepts + total @ found.factor_means

    def derivatives(self, x: Array, group: int) -> Factors:
        """Return the derivatives of the implied moments of a group by its free elements."""
        found, cells = self.matrices(x, group), self.cells[group]
        free, places = cells.free, cells.places
        row, column = cells.row[free], cells.column[free]
        p, q = len(self.specification.items), len(free)
        total = found.loadings @ found.spread
        common = total @ found.factor_covariances @ found.spread.T
        means = found.spread @ found.factor_means
        unit = np.eye(p)
        U, V, M = np.zeros((q, p)), np.zeros((q, p)), np.zeros((q, p))
        T = np.zeros((q, len(self.threshold_item[group])))
        c = np.ones(q)
        at = places[LAMBDA]
        U[at], V[at] = unit[row[at]], common[:, column[at]].T
        M[at] = unit[row[at]] * means[column[at], None]
        at = places[PSI]
        U[at], V[at] = total[:, row[at]].T, total[:, column[at]].T
        c[at] = np.where(row[at] == column[at], 0.5, 1.0)
        at = places[THETA]
        U[at], V[at] = unit[row[at]], unit[column[at]]
        c[at] = np.where(row[at] == column[at], 0.5, 1.0)
        at = places[BETA]
        U[at], V[at] = total[:, row[at]].T, common[:, column[at]].T
        M[at] = total[:, row[at]].T * means[column[at], None]
        M[places[NU]] = unit[row[places[NU]]]
        M[places[ALPHA]] = total[:, row[places[ALPHA]]].T
        T[places[TAU], row[places[TAU]]] = 1.0
        return Factors(U, V, c, M, T, cells.index[free])


def compile_model(specification: Specification) -> CompiledModel:
    """Return the specification with every parameter placed in a matrix and numbered.

    Raises
    ------
    ScoringError
        `sem.parameter` for a parameter between unknown names.
    """
    labels: dict[str, int] = {}
    names: list[str] = []
    cells, threshold_item = [], []
    for group in range(specification.n_groups):
        parameters = [p for p in specification.parameters if p.group == group]
        places = _place_all(specification, parameters)
        threshold_item.append(places.pop("threshold_item"))
        index = np.full(len(parameters), -1)
        fixed = np.zeros(len(parameters))
        for position, parameter in enumerate(parameters):
            if not parameter.free:
                fixed[position] = 0.0 if parameter.value is None else parameter.value
                continue
            known = labels.get(parameter.label) if parameter.label else None
            if known is None:
                known = len(names)
                suffix = f" (group {group + 1})" if specification.n_groups > 1 else ""
                names.append(parameter.label or parameter.name + suffix)
                if parameter.label:
                    labels[parameter.label] = known
            index[position] = known
        cells.append(Cells(places["kind"], places["row"], places["column"], index, fixed))
    return CompiledModel(specification, tuple(cells), len(names), tuple(names), tuple(threshold_item))


def _place_all(specification: Specification, parameters: list[Parameter]) -> dict[str, Array]:
    """Matrix, row and column of each parameter of a group, and the item of each threshold."""
    item = {name: place for place, name in enumerate(specification.items)}
    factor = {name: place for place, name in enumerate(specification.factors)}
    taus = sorted(
        (p for p in parameters if p.operator == "|" and p.left in item),
        key=lambda p: (item[p.left], int(p.right[1:])),
    )
    threshold = {(p.left, p.right): place for place, p in enumerate(taus)}
    places = []
    for parameter in parameters:
        place = _place(parameter, item, factor, threshold)
        if place is None:
            raise ScoringError(
                "sem.parameter",
                "%(parameter)s names something that is no part of the model.",
                "Use its items and factors.",
                parameter=parameter.name,
            )
        places.append(place)
    kind, row, column = (
        (np.array(part, dtype=np.int64) for part in zip(*places, strict=True))
        if places
        else (np.zeros(0, dtype=np.int64),) * 3
    )
    return {
        "kind": kind,
        "row": row,
        "column": column,
        "threshold_item": np.array([item[p.left] for p in taus], dtype=np.int64),
    }


def _place(
    parameter: Parameter, item: dict[str, int], factor: dict[str, int], threshold: dict[tuple[str, str], int]
) -> tuple[int, int, int] | None:
    """Matrix, row and column of one parameter, or None when it names something unknown."""
    left, right = parameter.left, parameter.right
    place: tuple[int, int, int] | None = None
    match parameter.operator:
        case "=~" if left in factor and right in item:
            place = (LAMBDA, item[right], factor[left])
        case "~~" if left in item and right in item:
            place = (THETA, item[left], item[right])
        case "~~" if left in factor and right in factor:
            place = (PSI, factor[left], factor[right])
        case "~1" if left in item:
            place = (NU, item[left], 0)
        case "~1" if left in factor:
            place = (ALPHA, factor[left], 0)
        case "~" if left in factor and right in factor:
            place = (BETA, factor[left], factor[right])
        case "|" if (left, right) in threshold:
            place = (TAU, threshold[left, right], 0)
    return place


def gather(matrix: Array, index: Array, n_free: int) -> Array:
    """Sum the rows (and columns, for a square matrix of elements) that belong to one free parameter."""
    if matrix.ndim == 1:
        return np.bincount(index, weights=matrix, minlength=n_free)
    keep = np.zeros((len(index), n_free))
    keep[np.arange(len(index)), index] = 1.0
    return keep.T @ matrix @ keep if matrix.shape[0] == matrix.shape[1] == len(index) else keep.T @ matrix
