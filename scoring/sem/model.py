"""What a confirmatory model says: factors, the items that show them, residual covariances, and equality by shared labels."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from scoring.errors import ScoringError

Operator = Literal["=~", "~~", "~1", "~", "|", "~*~"]
Scaling = Literal["marker", "unit_variance"]
OPERATORS: Final = ("=~", "~~", "~")
_NAME: Final = re.compile(r"[^\W\d][\w.]*|\.[\w.]*")
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Parameter:
    """One element of a model.

    Attributes
    ----------
    left, operator, right : str
        As in lavaan: `factor =~ item`, `a ~~ b`, `item ~1 ""`, `outcome ~ predictor`, `item | t1`.
    free : bool
        Whether it is estimated.
    value : float or None
        What a fixed parameter is fixed to; a free one may carry a starting value.
    label : str
        Free parameters of one label are equal; empty for a parameter of its own.
    group : int
        Number of the group, from 0.
    """

    left: str
    operator: Operator
    right: str
    free: bool = True
    value: float | None = None
    label: str = ""
    group: int = 0

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What tells a parameter from all others; the order of a covariance's two names does not matter."""
        if self.operator == "~~":
            first, second = sorted((self.left, self.right))
            return (first, "~~", second, self.group)
        return (self.left, self.operator, self.right, self.group)

    @property
    def name(self) -> str:
        """The parameter as a reader writes it."""
        return f"{self.left} {self.operator} {self.right}".rstrip()


@dataclass(frozen=True)
class Specification:
    """Every parameter of a model in every group, ready to be estimated.

    Attributes
    ----------
    items : tuple of str
        Observed variables, in the order of the matrices.
    factors : tuple of str
        Latent variables.
    parameters : tuple of Parameter
    n_groups : int
    ordinal : bool
        Whether the items are ordinal (thresholds instead of free intercepts).
    theta : bool
        For ordinal items: residual variances are parameters ("theta"); otherwise the variances of the latent responses are 1
        ("delta").
    """

    items: tuple[str, ...]
    factors: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    n_groups: int = 1
    ordinal: bool = False
    theta: bool = False

    @property
    def mean_structure(self) -> bool:
        """Whether intercepts are part of the model."""
        return any(parameter.operator == "~1" for parameter in self.parameters)

    def free_again(self, keys: Iterable[tuple[str, str, str, int]]) -> "Specification":
        """Return the model with the parameters of these keys free and without their labels."""
        wanted = set(keys)
        freed = tuple(
            replace(parameter, free=True, label="") if parameter.key in wanted else parameter
            for parameter in self.parameters
        )
        return replace(self, parameters=freed)


@dataclass(frozen=True)
class ConfirmatoryModel:
    """A measurement model: which items show which factor, and what else is allowed.

    Attributes
    ----------
    factors : mapping factor -> items
        In the order in which the factors and items are shown; the first item of a factor is its marker.
    residual_covariances : tuple of (item, item)
        Pairs of items whose residuals may covary.
    orthogonal : bool
        Factors do not covary when true; otherwise every pair of them does.
    extra : tuple of Parameter
        Whatever else lavaan's syntax said: fixed values, labels, single covariances of factors.
    """

    factors: Mapping[str, tuple[str, ...]]
    residual_covariances: tuple[tuple[str, str], ...] = ()
    orthogonal: bool = False
    extra: tuple[Parameter, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check that the model speaks of factors with items, and of known items only."""
        object.__setattr__(self, "factors", {name: tuple(items) for name, items in self.factors.items()})
        object.__setattr__(self, "residual_covariances", tuple(tuple(p) for p in self.residual_covariances))
        if not self.factors:
            raise ScoringError(
                "sem.factors", "The model has no factor.", "Name at least one factor and its items."
            )
        for name, items in self.factors.items():
            if not items or len(set(items)) != len(items):
                raise ScoringError(
                    "sem.items",
                    "Factor %(factor)s has no items, or one of them twice.",
                    "List every item of a factor once.",
                    factor=name,
                )
            if name in self.items:
                raise ScoringError(
                    "sem.name",
                    "%(factor)s is the name of a factor and of an item.",
                    "Give the factor another name.",
                    factor=name,
                )
        for pair in self.residual_covariances:
            for item in pair:
                if item not in self.items:
                    raise ScoringError(
                        "sem.covariance",
                        "The residual covariance of %(first)s and %(second)s names an item that no factor has.",
                        "Use items of the model.",
                        first=pair[0],
                        second=pair[1],
                    )
            if pair[0] == pair[1]:
                raise ScoringError(
                    "sem.covariance",
                    "%(first)s cannot covary with itself.",
                    "Name two different items.",
                    first=pair[0],
                )

    @property
    def items(self) -> tuple[str, ...]:
        """Every item once, in the order in which the factors name them."""
        return tuple(dict.fromkeys(item for items in self.factors.values() for item in items))

    @classmethod
    def parse(cls, text: str) -> "ConfirmatoryModel":
        """Read a model in lavaan's notation: `f =~ a + b + c`, `a ~~ b`, `f ~~ 0*g`, `f =~ NA*a + l1*b`, `#` comments.

        Raises
        ------
        ScoringError
            `sem.syntax` with the line and what is wrong with it.
        """
        factors: dict[str, list[str]] = {}
        covariances: list[tuple[str, str]] = []
        extra: list[Parameter] = []
        for number, line in enumerate(_statements(text), start=1):
            left, operator, right = _split_statement(number, line)
            terms = [_read_term(term, number, line) for term in right.split("+")]
            if operator == "=~":
                factors.setdefault(left, []).extend(name for _, name in terms)
                extra += [_modified(left, "=~", name, modifier) for modifier, name in terms if modifier]
            else:
                covariances += [(left, name) for modifier, name in terms if not modifier and left != name]
                extra += [
                    _modified(left, "~~", name, modifier)
                    for modifier, name in terms
                    if modifier or left == name
                ]
        items = {item for found in factors.values() for item in found}
        residual = tuple(pair for pair in covariances if set(pair) <= items)
        extra += [Parameter(a, "~~", b) for a, b in covariances if not {a, b} <= items]
        for parameter in extra:
            unknown = {parameter.left, parameter.right} - items - set(factors)
            if unknown:
                raise ScoringError(
                    "sem.covariance",
                    "%(parameter)s names %(unknown)s, which is neither a factor nor an item.",
                    "Use names of the model.",
                    parameter=parameter.name,
                    unknown=", ".join(sorted(unknown)),
                )
        return cls({name: tuple(found) for name, found in factors.items()}, residual, extra=tuple(extra))


def specify(
    model: ConfirmatoryModel,
    *,
    n_groups: int = 1,
    scaling: Scaling = "marker",
    mean_structure: bool = False,
    thresholds: Mapping[str, int] | None = None,
    theta: bool = False,
) -> Specification:
    """Return a model with every parameter that the usual conventions add, the same in each group and nothing made equal.

    Parameters
    ----------
    model : ConfirmatoryModel
        What the measurement model says.
    n_groups : int
        How many groups it is laid out for.
    scaling : "marker" or "unit_variance"
        Whether the first loading of a factor is 1, or its variance.
    mean_structure : bool
        Free intercepts, factor means 0.
    thresholds : mapping item -> number of thresholds, optional
        Makes the items ordinal: free thresholds, intercepts 0.
    theta : bool
        For ordinal items: residual variances fixed to 1 instead of variances of the latent responses.

    Returns
    -------
    Specification

    Raises
    ------
    ScoringError
        `sem.scaling`: no such scaling.
    """
    if scaling not in {"marker", "unit_variance"}:
        raise ScoringError(
            "sem.scaling",
            "There is no scaling “%(scaling)s” of factors.",
            "Use 'marker' or 'unit_variance'.",
            scaling=str(scaling),
        )
    found: dict[tuple[str, str, str, int], Parameter] = {}
    for group in range(n_groups):
        for parameter in _defaults(model, scaling, mean_structure, thresholds, theta):
            found[replace(parameter, group=group).key] = replace(parameter, group=group)
        for parameter in model.extra:
            placed = replace(parameter, group=group)
            known = found.get(placed.key)
            if known is not None and parameter.free and parameter.label and not known.free:
                placed = replace(known, label=parameter.label)
            found[placed.key] = placed
    return Specification(
        model.items,
        tuple(model.factors),
        _fix_alike(found.values()),
        n_groups,
        thresholds is not None,
        theta,
    )


def _fix_alike(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """The parameters with those fixed that share a label with a fixed one, such as a marker."""
    chosen = tuple(parameters)
    fixed = {p.label: p.value for p in chosen if p.label and not p.free}
    return tuple(
        replace(p, free=False, value=fixed[p.label]) if p.free and p.label in fixed else p for p in chosen
    )


def _defaults(
    model: ConfirmatoryModel,
    scaling: Scaling,
    mean_structure: bool,
    thresholds: Mapping[str, int] | None,
    theta: bool,
) -> Iterable[Parameter]:
    """The parameters of one group."""
    for factor, items in model.factors.items():
        for position, item in enumerate(items):
            marker = scaling == "marker" and position == 0
            yield Parameter(factor, "=~", item, free=not marker, value=1.0 if marker else None)
    yield from (Parameter(a, "~~", b) for a, b in model.residual_covariances)
    ordinal = thresholds is not None
    for item in model.items:
        yield Parameter(item, "~~", item, free=not ordinal, value=1.0 if ordinal and theta else None)
    names = list(model.factors)
    for factor in names:
        fixed = scaling == "unit_variance"
        yield Parameter(factor, "~~", factor, free=not fixed, value=1.0 if fixed else None)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            yield Parameter(
                first, "~~", second, free=not model.orthogonal, value=0.0 if model.orthogonal else None
            )
    if thresholds is not None:
        for item in model.items:
            yield from (Parameter(item, "|", f"t{step + 1}") for step in range(thresholds[item]))
    if mean_structure or ordinal:
        yield from (
            Parameter(item, "~1", "", free=not ordinal, value=0.0 if ordinal else None)
            for item in model.items
        )
        yield from (Parameter(factor, "~1", "", free=False, value=0.0) for factor in names)


def _statements(text: str) -> list[str]:
    """The statements of a model: comments gone, lines that end in an operator joined with the next."""
    joined = re.sub(r"#[^\n]*", "", text).replace(";", "\n")
    joined = re.sub(r"(\+|=~|~~|\*)\s*\n\s*", r"\1 ", joined)
    joined = re.sub(r"\n\s*(\+|=~|~~|\*)", r" \1", joined)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _split_statement(number: int, line: str) -> tuple[str, str, str]:
    """A statement as its left side, operator and right side."""
    operator = next((op for op in OPERATORS if op in line), None)
    if operator is None:
        raise _refuse(number, line, "there is no =~ or ~~ in it")
    if operator == "~" or "|" in line:
        raise _refuse(number, line, "only factors (=~) and covariances (~~) are models of measurement")
    left, right = (part.strip() for part in line.split(operator, 1))
    if not _NAME.fullmatch(left):
        raise _refuse(number, line, f"“{left}” is no name")
    return left, operator, right


def _read_term(term: str, number: int, line: str) -> tuple[str | None, str]:
    """A term `modifier*name` as its modifier and name."""
    modifier, star, name = term.strip().rpartition("*")
    name, modifier = name.strip(), modifier.strip()
    if not _NAME.fullmatch(name):
        raise _refuse(number, line, f"“{name}” is no name")
    if not star:
        return None, name
    if not (_NAME.fullmatch(modifier) or _NUMBER.fullmatch(modifier)):
        raise _refuse(number, line, f"“{modifier}” is neither a number, a label nor NA")
    return modifier, name


def _modified(left: str, operator: Operator, right: str, modifier: str | None) -> Parameter:
    """A parameter as its modifier says: NA frees, a number fixes, a label makes equal."""
    if modifier is None or modifier == "NA":
        return Parameter(left, operator, right)
    if _NUMBER.fullmatch(modifier):
        return Parameter(left, operator, right, free=False, value=float(modifier))
    return Parameter(left, operator, right, label=modifier)


def _refuse(number: int, line: str, problem: str) -> ScoringError:
    """The error for a statement that cannot be read."""
    return ScoringError(
        "sem.syntax",
        "Statement %(number)d of the model, “%(line)s”: %(problem)s.",
        "Write for example “trust =~ t1 + t2 + t3” or “t1 ~~ t2”.",
        number=number,
        line=line,
        problem=problem,
    )


def as_model(model: ConfirmatoryModel | Mapping[str, Sequence[str]] | str) -> ConfirmatoryModel:
    """Return a model from what a caller has: a model, a mapping factor -> items, or lavaan's notation."""
    if isinstance(model, ConfirmatoryModel):
        return model
    if isinstance(model, str):
        return ConfirmatoryModel.parse(model)
    if not isinstance(model, Mapping):
        raise ScoringError(
            "sem.model",
            "This is no model: %(given)s.",
            "Pass a mapping factor -> items, or a text such as “trust =~ t1 + t2 + t3”.",
            given=repr(model)[:60],
        )
    return ConfirmatoryModel({str(name): tuple(items) for name, items in model.items()})
