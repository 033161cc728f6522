"""One measurement model seen several times - in groups, waves or roles - and what is held equal between the sights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from scoring.errors import ScoringError
from scoring.sem.model import ConfirmatoryModel, Parameter, Scaling, Specification

Constraint = Literal["thresholds", "loadings", "intercepts", "residuals"]
Step = Literal["configural", "thresholds", "metric", "scalar", "strict"]
# What each step holds equal, in the order in which the steps are tried.
CONTINUOUS: Final[dict[Step, frozenset[Constraint]]] = {
    "configural": frozenset(),
    "metric": frozenset({"loadings"}),
    "scalar": frozenset({"loadings", "intercepts"}),
    "strict": frozenset({"loadings", "intercepts", "residuals"}),
}
ORDINAL: Final[dict[Step, frozenset[Constraint]]] = {
    "configural": frozenset(),
    "thresholds": frozenset({"thresholds"}),
    "metric": frozenset({"thresholds", "loadings"}),
    "scalar": frozenset({"thresholds", "loadings", "intercepts"}),
    "strict": frozenset({"thresholds", "loadings", "intercepts", "residuals"}),
}


@dataclass(frozen=True)
class Block:
    """One sight of the model.

    Attributes
    ----------
    label : str
        The group, wave or role.
    group : int
        Number of the group of the joint model; 0 for waves and roles, which stand in one group.
    suffix : str
        What its factors' and items' names end in; empty for groups.
    """

    label: str
    group: int = 0
    suffix: str = ""

    def name(self, name: str) -> str:
        """Return the name of an item or factor in this block."""
        return name + self.suffix


@dataclass(frozen=True)
class Layout:
    """A model laid out over blocks.

    Attributes
    ----------
    model : ConfirmatoryModel
        With the items' and factors' plain names.
    blocks : tuple of Block
        The first one sets the scale.
    thresholds : mapping item -> number, or None
        For ordinal items.
    scaling : "unit_variance" or "marker"
        Ordinal items know the first only.
    lag : int or None
        Between which blocks the residuals of one item covary: those at most so many apart, all where None.
    """

    model: ConfirmatoryModel
    blocks: tuple[Block, ...]
    thresholds: Mapping[str, int] | None = None
    scaling: Scaling = "unit_variance"
    lag: int | None = None

    @property
    def steps(self) -> dict[Step, frozenset[Constraint]]:
        """The steps of these items' invariance."""
        return CONTINUOUS if self.thresholds is None else ORDINAL

    @property
    def joint(self) -> bool:
        """Whether all blocks stand in one group."""
        return all(block.group == 0 for block in self.blocks)

    def specify(
        self, constrained: frozenset[Constraint], freed: Mapping[str, frozenset[Constraint]] | None = None
    ) -> Specification:
        """Return the joint model with these constraints, except for the items that are freed of them.

        Notes
        -----
        Continuous: factor variances of later blocks are free once loadings are equal, factor means once intercepts are. Ordinal:
        Wu and Estabrook (2016), https://doi.org/10.1007/s11336-016-9506-0, with residual variances as parameters ("theta"): once
        thresholds are equal, later intercepts and (with two thresholds or more) residual variances are free. R:
        `semTools::measEq.syntax(ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", parameterization = "theta")`.
        """
        parameters: list[Parameter] = []
        for number, block in enumerate(self.blocks):
            parameters += self._measure(number, block, constrained, freed or {})
            parameters += self._factors(number, block, constrained)
        parameters += self._covariances()
        names = self.blocks if self.joint else self.blocks[:1]
        return Specification(
            tuple(block.name(item) for block in names for item in self.model.items),
            tuple(block.name(factor) for block in names for factor in self.model.factors),
            tuple(parameters),
            1 if self.joint else len(self.blocks),
            ordinal=self.thresholds is not None,
            theta=self.thresholds is not None,
        )

    def _measure(
        self,
        number: int,
        block: Block,
        constrained: frozenset[Constraint],
        freed: Mapping[str, frozenset[Constraint]],
    ) -> list[Parameter]:
        """Loadings, intercepts, thresholds and residual variances of one block."""
        found = []
        for factor, items in self.model.factors.items():
            for position, item in enumerate(items):
                marker = self.scaling == "marker" and position == 0
                shared = "loadings" in constrained and "loadings" not in freed.get(item, ()) and not marker
                label = f"loading of {item} on {factor}" if shared else ""
                found.append(
                    Parameter(
                        block.name(factor),
                        "=~",
                        block.name(item),
                        not marker,
                        1.0 if marker else None,
                        label,
                        block.group,
                    )
                )
        for item in self.model.items:
            part = self._ordinal_item if self.thresholds is not None else self._continuous_item
            found += part(number, block, item, constrained - freed.get(item, frozenset()))
        return found

    def _continuous_item(
        self, _number: int, block: Block, item: str, constrained: frozenset[Constraint]
    ) -> list[Parameter]:
        """Intercept and residual variance of one item."""
        name = block.name(item)
        intercept = f"intercept of {item}" if "intercepts" in constrained else ""
        residual = f"residual of {item}" if "residuals" in constrained else ""
        return [
            Parameter(name, "~1", "", label=intercept, group=block.group),
            Parameter(name, "~~", name, label=residual, group=block.group),
        ]

    def _ordinal_item(
        self, number: int, block: Block, item: str, constrained: frozenset[Constraint]
    ) -> list[Parameter]:
        """Thresholds, intercept and residual variance of one item."""
        name, count = block.name(item), (self.thresholds or {})[item]
        equal = "thresholds" in constrained
        found = [
            Parameter(
                name, "|", f"t{step}", label=f"threshold {step} of {item}" if equal else "", group=block.group
            )
            for step in range(1, count + 1)
        ]
        moves = number > 0 and equal
        shift = moves and "intercepts" not in constrained
        spread = moves and "residuals" not in constrained and count > 1
        found.append(Parameter(name, "~1", "", shift, 0.0, group=block.group))
        found.append(Parameter(name, "~~", name, spread, 1.0, group=block.group))
        return found

    def _factors(self, number: int, block: Block, constrained: frozenset[Constraint]) -> list[Parameter]:
        """Variances and means of the factors of one block."""
        found = []
        for factor in self.model.factors:
            name = block.name(factor)
            spread = self.scaling == "marker" or (number > 0 and "loadings" in constrained)
            found.append(Parameter(name, "~~", name, spread, None if spread else 1.0, group=block.group))
            shift = number > 0 and "intercepts" in constrained
            found.append(Parameter(name, "~1", "", shift, 0.0, group=block.group))
        return found

    def _covariances(self) -> list[Parameter]:
        """Covariances of factors, of residuals within a block, and of one item's residuals between blocks of a group."""
        found = []
        for block in self.blocks:
            found += [
                Parameter(block.name(a), "~~", block.name(b), group=block.group)
                for a, b in self.model.residual_covariances
            ]
        sights = [[block] for block in self.blocks] if not self.joint else [list(self.blocks)]
        for together in sights:
            names = [block.name(factor) for block in together for factor in self.model.factors]
            found += [
                Parameter(first, "~~", second, group=together[0].group)
                for position, first in enumerate(names)
                for second in names[position + 1 :]
                if not self.model.orthogonal
            ]
            found += [
                Parameter(first.name(item), "~~", second.name(item), group=first.group)
                for position, first in enumerate(together)
                for apart, second in enumerate(together[position + 1 :], start=1)
                for item in self.model.items
                if self.lag is None or apart <= self.lag
            ]
        return found


def widen(
    frame: pd.DataFrame, items: Sequence[str], *, unit: str, occasion: str, order: Sequence[str] | None = None
) -> tuple[pd.DataFrame, tuple[Block, ...]]:
    """Turn a long table into one row per unit, with one column per item and occasion, named `item@occasion`.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and occasion.
    items : sequence of str
        The item columns.
    unit, occasion : str
        Columns that name the unit (a person, for waves; a pair, for roles) and the occasion (wave or role).
    order : sequence of str, optional
        The occasions in their order; otherwise sorted, or mentor before mentee.

    Returns
    -------
    DataFrame, tuple of Block

    Raises
    ------
    ScoringError
        `sem.column` for a missing column, `sem.doubled` for two rows of one unit and occasion, `sem.occasions` for fewer than two
        occasions.
    """
    for column in (unit, occasion, *items):
        if int((frame.columns == column).sum()) != 1:
            raise ScoringError(
                "sem.column",
                "Column %(item)s stands in %(count)d columns of the data.",
                "Give the data one column for every item, for the unit and for the occasion.",
                item=column,
                count=int((frame.columns == column).sum()),
            )
    used = frame[[unit, occasion, *items]].dropna(subset=[unit, occasion])
    doubled = used.duplicated([unit, occasion])
    if doubled.any():
        first = used[doubled].iloc[0]
        raise ScoringError(
            "sem.doubled",
            "%(unit)s %(value)s has two rows for %(occasion)s %(time)s.",
            "Keep one row for each.",
            unit=unit,
            value=str(first[unit]),
            occasion=occasion,
            time=str(first[occasion]),
        )
    known = list(order) if order is not None else _ordered(used[occasion])
    if len(known) < 2:
        raise ScoringError(
            "sem.occasions",
            "Column %(occasion)s has fewer than two values, so there is nothing to compare.",
            "Pass at least two waves, or both roles.",
            occasion=occasion,
        )
    blocks = tuple(Block(str(label), 0, f"@{label}") for label in known)
    parts = []
    for label, block in zip(known, blocks, strict=True):
        part = used[used[occasion] == label].set_index(unit)[list(items)]
        parts.append(part.rename(columns={item: block.name(item) for item in items}))
    return pd.concat(parts, axis=1, join="outer"), blocks


def _ordered(values: pd.Series) -> list[object]:
    """The values in their natural order: mentor before mentee, otherwise sorted."""
    known = list(pd.unique(values))
    return sorted(
        known,
        key=lambda value: (value != "mentor" if set(known) == {"mentor", "mentee"} else 0, _rank(value)),
    )


def _rank(value: object) -> tuple[int, float, str]:
    """Numbers before words, each in its own order."""
    try:
        return (0, float(str(value)), "")
    except ValueError:
        return (1, 0.0, str(value))
