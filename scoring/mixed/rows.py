"""What a mixed model is fitted to: checked rows in standardized units, and the layout of its covariance matrices."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from scoring.errors import ScoringError
from scoring.frames import read_numbers
from scoring.mixed.likelihood import Block
from scoring.mixed.units import Array, Effects, IntArray

RESIDUAL: Final = "residual"
# A design whose residuals are this small beside the answers explains them all.
_NO_SPREAD: Final = 1e-10


@dataclass(frozen=True)
class RandomEffect:
    """Random effects that may covary: an intercept and a slope, or one effect for each role and wave.

    Attributes
    ----------
    columns : DataFrame, rows x effects
        What the effects are multiplied with: ones for an intercept, times for a slope, 0 and 1 for a cell.
    group : Series or None
        A label for each row: rows of one unit and one label share the effects; None stands for the unit itself.
    """

    columns: pd.DataFrame
    group: pd.Series | None = None


Component: TypeAlias = pd.Series | RandomEffect | None
Residual: TypeAlias = pd.Series | Literal["one", "none"]


@dataclass(frozen=True)
class Part:
    """Random effects or residuals of a model, in standardized units.

    Attributes
    ----------
    name : str
        As the caller named it; residuals are "residual" or "residual[label]".
    columns : tuple of str
        One name for each effect.
    effects : Effects
    sizes : ndarray (effects,)
        Root mean squares that the columns were divided by.
    """

    name: str
    columns: tuple[str, ...]
    effects: Effects
    sizes: Array


@dataclass(frozen=True)
class Rows:
    """Checked rows, in standardized units.

    Attributes
    ----------
    values : ndarray (rows, columns)
        Design over its root mean squares, then what least squares leaves of the outcome over its standard deviation.
    units : ndarray (rows,) of int
    unit_labels : Index
    parts : tuple of Part
    start : ndarray (columns,)
        Least-squares coefficients in units of the data.
    outcome_unit : float
    design_units : ndarray (columns,)
    n_dropped : int
        Rows without an outcome or a unit.
    """

    values: Array
    units: IntArray
    unit_labels: pd.Index
    parts: tuple[Part, ...]
    start: Array
    outcome_unit: float
    design_units: Array
    n_dropped: int


def read_rows(
    outcome: pd.Series,
    design: pd.DataFrame,
    unit: pd.Series,
    components: Mapping[str, Component],
    residual: Residual,
) -> Rows:
    """Check and standardize the rows with an outcome; arguments and errors are those of `fit_mixed`."""
    _check_lengths(outcome, design, unit, components, residual)
    y = _numbers(outcome)
    used = ~np.isnan(y) & ~pd.isna(unit).to_numpy()
    X = _columns(design, used)
    y = y[used]
    codes, labels = pd.factorize(unit[used])
    if len(labels) < 3 or len(y) <= X.shape[1] + len(components) + 1:
        raise ScoringError(
            "mixed.few",
            "There are %(n)d units with an outcome, too few for a mixed model with %(k)d coefficients.",
            "Use the per-pair contrasts with t intervals instead.",
            n=len(labels),
            k=X.shape[1],
        )
    X, design_units = _standardize(X)
    start, _, rank, _ = np.linalg.lstsq(X, y, rcond=1e-10)
    if rank < X.shape[1]:
        raise ScoringError(
            "mixed.rank",
            "The columns of the design can be computed from one another in the rows that are used.",
            "Leave out roles or waves without answers.",
        )
    rest = y - X @ start
    outcome_unit = float(rest.std())
    if outcome_unit <= _NO_SPREAD * max(1.0, float(np.abs(y).max())):
        raise ScoringError(
            "mixed.spread",
            "The design explains every answer, so nothing is left for random effects and error.",
            "Report the differences in points only.",
        )
    return Rows(
        values=np.column_stack([X, rest / outcome_unit]),
        units=codes.astype(np.int64),
        unit_labels=pd.Index(labels),
        parts=(*_random_parts(components, used), *_residual_parts(residual, used)),
        start=start / design_units,
        outcome_unit=outcome_unit,
        design_units=design_units,
        n_dropped=int((~used).sum()),
    )


def lay_out(rows: Rows, known: Mapping[str, float]) -> tuple[list[Block], Array]:
    """Return the covariance matrices over the components, and the known variances in standardized units (NaN where estimated)."""
    unknown = [name for name in known if name not in {part.name for part in rows.parts}]
    if unknown:
        raise _refuse_known(unknown[0])
    blocks: list[Block] = []
    given: list[float] = []
    for part in rows.parts:
        q = len(part.columns)
        size = q * (q + 1) // 2
        value = known.get(part.name)
        if value is not None and (q > 1 or not (math.isfinite(value) and value >= 0.0)):
            raise _refuse_known(part.name)
        places = tuple(range(len(given), len(given) + size))
        blocks.append(Block(places, q, part.effects.diagonal, value is not None))
        scale = float(part.sizes[0] / rows.outcome_unit) ** 2
        given += [math.nan] * size if value is None else [value * scale]
    return blocks, np.array(given)


def _check_lengths(
    outcome: pd.Series,
    design: pd.DataFrame,
    unit: pd.Series,
    components: Mapping[str, Component],
    residual: Residual,
) -> None:
    """One value for each row everywhere, every coefficient once, and names that can be told apart."""
    parts: list[pd.Series | pd.DataFrame] = [outcome, design, unit]
    parts += [residual] if isinstance(residual, pd.Series) else []
    for name, component in components.items():
        if name.split("[")[0] == RESIDUAL:
            raise ScoringError(
                "mixed.component",
                "No random effect can be named “%(name)s”.",
                "Give it another name.",
                name=name,
            )
        group = component.group if isinstance(component, RandomEffect) else component
        parts += [component.columns] if isinstance(component, RandomEffect) else []
        parts += [] if group is None else [group]
    if len({len(part) for part in parts}) != 1:
        raise ScoringError(
            "mixed.rows",
            "Outcome, design, unit and components differ in length.",
            "Pass one value for each row.",
        )
    for table in parts:
        if isinstance(table, pd.DataFrame) and (table.columns.has_duplicates or not table.shape[1]):
            raise ScoringError(
                "mixed.column",
                "The design or a random effect has no column, or one twice.",
                "Pass every column once.",
            )


def _numbers(values: pd.Series) -> Array:
    """A column as float64, NaN where missing; text and infinities raise."""
    numbers, wrong = read_numbers(values)
    if (wrong | np.isinf(numbers)).any():
        raise _refuse_number()
    return numbers


def _columns(table: pd.DataFrame, used: np.ndarray) -> Array:
    """The used rows of a table of covariates, none of them missing."""
    read = np.column_stack([_numbers(table.iloc[:, place])[used] for place in range(table.shape[1])])
    if np.isnan(read).any():
        raise _refuse_number()
    return read


def _refuse_number() -> ScoringError:
    """The error for values that cannot be used."""
    return ScoringError(
        "mixed.number",
        "The outcome, the design or a random effect holds a value that is not a finite number.",
        "Leave missing outcomes empty (NaN); give every row its covariates.",
    )


def _standardize(columns: Array) -> tuple[Array, Array]:
    """Columns over their root mean squares, and these; a column of zeros stays."""
    sizes = np.sqrt((columns**2).mean(axis=0))
    sizes[sizes == 0.0] = 1.0
    return columns / sizes, sizes


def _random_parts(components: Mapping[str, Component], used: np.ndarray) -> Iterator[Part]:
    """The random effects."""
    for name, component in components.items():
        if isinstance(component, RandomEffect):
            group, columns = component.group, tuple(str(column) for column in component.columns.columns)
            Z, sizes = _standardize(_columns(component.columns, used))
        else:
            group, columns = component, (name,)
            Z, sizes = np.ones((int(used.sum()), 1)), np.ones(1)
        labels = None if group is None else _label(name, group[used])[0]
        yield Part(name, columns, Effects(Z, labels), sizes)


def _residual_parts(residual: Residual, used: np.ndarray) -> Iterator[Part]:
    """The residual variances."""
    if isinstance(residual, pd.Series):
        codes, labels = _label(RESIDUAL, residual[used], sort=True)
        columns = {f"{RESIDUAL}[{label}]": (codes == code) * 1.0 for code, label in enumerate(labels)}
    else:
        columns = {RESIDUAL: np.ones(int(used.sum()))} if residual == "one" else {}
    for name, column in columns.items():
        yield Part(name, (name,), Effects(column[:, None], None, diagonal=True), np.ones(1))


def _label(name: str, labels: pd.Series, *, sort: bool = False) -> tuple[IntArray, Sequence[object]]:
    """Labels as numbers from 0; none may be missing."""
    codes, found = pd.factorize(labels, sort=sort)
    if (codes < 0).any():
        raise ScoringError(
            "mixed.label",
            "The random effect “%(name)s” has rows without a label.",
            "Give every row with an outcome a label.",
            name=name,
        )
    return codes.astype(np.int64), list(found)


def _refuse_known(name: str) -> ScoringError:
    """The error for a variance that cannot be given."""
    return ScoringError(
        "mixed.known",
        "The variance of “%(name)s” cannot be given.",
        "Give variances of 0 or more for single effects of the model, or for residual.",
        name=name,
    )
