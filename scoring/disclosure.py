"""Which cells of a report may be published: the release rules of measurement plan section 5.4; pure Python.

A cell is one published mean with its number of people, so it is a sum over its members. Means are treated as exact: rounding to
one decimal is no protection, since several numbers together undo it. The promise, for floor k:

    no combination of everything ever published is about at least one and fewer than k people.

Four rules keep it, each closing one way of subtracting; `spans` does the algebra, exactly.

FLOOR
    A cell has k members or more, from k pairs or more; on a sensitive scale ten.
COMPLEMENT
    Among cells of one quantity of which none crosses the candidate (each contains it, lies in it, or is disjoint), no
    difference leaves 1 to k - 1 people: neither a total minus the cell, nor a total minus several cells.
OVERLAP
    A published cell of the same quantity that crosses the candidate differs from it by k people or more on either side, and
    no combination in which crossing cells take part leaves fewer.
DROPOUT
    Levels and changes of one scale do not betray those who left or joined. Write x for the earlier wave, y for the later one,
    A for those with an x, B for those with a y, and C (in A and in B) for the completers.

    * The level on A gives sum_A x, the level on B gives sum_B y, the change gives sum_C y - sum_C x.
    * Change and earlier level together: for any weights a and b, `a (sum_C y - sum_C x) + b sum_A x` has the term a y for
      every completer, so unless a = 0 it is about all of C, which is k people or more; for a = 0 it is about A. Nothing about
      A without C can be worked out, however few they are. The same holds for change and later level, by the terms in x of C.
    * All three: `sum_B y - sum_A x - (sum_C y - sum_C x) = sum_(B without C) y - sum_(A without C) x`. The completers cancel,
      and what is left is about those who left and those who joined. When nobody joined it is the sum over the leavers alone.
      So all three may be public only if A without C and B without C are each empty or k people or more.
    * Hence the change may be published beside an earlier level that has already been published, whoever left; it is the new
      level that has to be withheld then. Cells are therefore decided in the order: changes, then everything else.
    * Three waves bring chains (change 1-2 plus change 2-3 minus change 1-3 is about those who skipped a wave) and mixtures with
      several groups; these are found by the same algebra over all cells of the scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scoring.errors import ScoringError
from scoring.spans import Row, connected_rows, exposes_few

SENSITIVE_FLOOR: Final = 10


class Rule(StrEnum):
    """The release rules, in the order in which they are tried."""

    FLOOR = "floor"
    COMPLEMENT = "complement"
    OVERLAP = "overlap"
    DROPOUT = "dropout"


ALL_RULES: Final = frozenset(Rule)


@dataclass(frozen=True)
class Cell:
    """One mean that could be published.

    Attributes
    ----------
    quantity : str
        What is averaged: "level:<scale>:<wave>", "change:<scale>:<earlier wave>:<later wave>", or a name of its own that
        combines with nothing else. Two cells of one quantity over the same person use the same value of that person.
    members : frozenset of str
        Respondents whose values enter the mean.
    pairs : frozenset of str
        Pairs they belong to.
    sensitive : bool
        Whether the scale has the higher floor.
    """

    quantity: str
    members: frozenset[str]
    pairs: frozenset[str]
    sensitive: bool = False


@dataclass(frozen=True)
class Decision:
    """Whether a cell is published, and which rules it would break; a cell below the floor names the floor alone."""

    cell: Cell
    released: bool
    broken: tuple[Rule, ...]


@dataclass(frozen=True)
class PublicView:
    """All that anyone outside may learn of a decision; sizes are None where nothing is shown."""

    shown: bool
    n_members: int | None
    n_pairs: int | None


NOT_SHOWN: Final = PublicView(shown=False, n_members=None, n_pairs=None)


def decide_release(
    candidates: Sequence[Cell],
    published: Sequence[Cell],
    *,
    floor: int,
    sensitive_floor: int = SENSITIVE_FLOOR,
    rules: frozenset[Rule] = ALL_RULES,
) -> list[Decision]:
    """Decide cell by cell which candidates may be published beside everything published before.

    Parameters
    ----------
    candidates : sequence of Cell
        The report menu, in order of preference: where two cells exclude each other the earlier one is published. Changes are
        tried before all other quantities; otherwise the order given is kept.
    published : sequence of Cell
        Every cell of the programme that was ever published.
    floor : int
        The programme's k, 2 or more (the service never goes below 5).
    sensitive_floor : int, default 10
        Floor of sensitive cells, where it is above `floor`.
    rules : frozenset of Rule
        For proofs only: a rule left out is not applied.

    Returns
    -------
    list of Decision
        One for each candidate, in the order of `candidates`.

    Notes
    -----
    Greedy: a cell is released if it breaks no rule against `published` and the cells released before it in this run. Nothing
    but memberships is looked at, never an answer.

    Raises
    ------
    ScoringError
        `release.floor` for a floor below 2, `cell.quantity` for a level or change that is not written as `Cell` says.
    """
    if floor < 2:
        raise ScoringError(
            "release.floor",
            "A floor of %(floor)d protects nobody.",
            "Use 5 or more; never below 2.",
            floor=floor,
        )
    public = list(published)
    decisions: dict[int, Decision] = {}
    for position in sorted(range(len(candidates)), key=lambda place: not _is_change(candidates[place])):
        cell = candidates[position]
        broken = _broken_rules(cell, public, floor, sensitive_floor, rules)
        decisions[position] = Decision(cell, not broken, broken)
        if not broken:
            public.append(cell)
    return [decisions[position] for position in range(len(candidates))]


def public_view(decision: Decision) -> PublicView:
    """Return what may be shown of a decision; for every cell that is withheld, whatever the reason, the very same object."""
    if not decision.released:
        return NOT_SHOWN
    return PublicView(True, len(decision.cell.members), len(decision.cell.pairs))


def clears_floor(cell: Cell, floor: int, sensitive_floor: int = SENSITIVE_FLOOR) -> bool:
    """Say whether a cell has enough members from enough pairs."""
    needed = floor_of(cell, floor, sensitive_floor)
    return len(cell.members) >= needed and len(cell.pairs) >= needed


def floor_of(cell: Cell, floor: int, sensitive_floor: int = SENSITIVE_FLOOR) -> int:
    """Return the floor that holds for a cell: the higher of the two for a sensitive one."""
    return max(floor, sensitive_floor) if cell.sensitive else floor


def complement_holds(cell: Cell, published: Sequence[Cell], floor: int, *, sound: bool = False) -> bool:
    """Say whether no difference between the cell and published cells that do not cross it leaves 1 to floor - 1 people.

    `sound` says, here and below, that no combination of any kind leaves so few, so that the algebra need not be done again.
    """
    if sound or _is_small(cell, floor):
        return True
    return not _exposes(
        cell, [other for other in _same_quantity(cell, published) if not _cross(cell, other)], floor
    )


def overlap_holds(cell: Cell, published: Sequence[Cell], floor: int, *, sound: bool = False) -> bool:
    """Say whether published cells that cross the cell differ enough from it, alone and in combination with others."""
    same = _same_quantity(cell, published)
    crossing = [other for other in same if _cross(cell, other)]
    if _is_small(cell, floor) or not crossing:
        return True
    if any(
        min(len(cell.members - other.members), len(other.members - cell.members)) < floor
        for other in crossing
    ):
        return False
    # What the cells that do not cross betray by themselves is for the complement rule to refuse.
    return sound or not complement_holds(cell, same, floor) or not _exposes(cell, same, floor)


def dropout_holds(cell: Cell, published: Sequence[Cell], floor: int, *, sound: bool = False) -> bool:
    """Say whether levels and changes of the cell's scale, taken together, leave no 1 to floor - 1 people who left or joined."""
    if _is_small(cell, floor):
        return True
    if not all(_waves_hold(*three, floor) for three in _levels_around_changes(cell, published)):
        return False
    # What cells of one quantity betray among themselves is for the two rules above to refuse.
    return (
        sound
        or _exposes(cell, _same_quantity(cell, published), floor)
        or not _exposes(cell, published, floor)
    )


def _broken_rules(
    cell: Cell, public: Sequence[Cell], floor: int, sensitive_floor: int, rules: frozenset[Rule]
) -> tuple[Rule, ...]:
    """The rules a cell would break, in order; only the floor for a cell below it, so that 0 and 4 members look the same."""
    if Rule.FLOOR in rules and not clears_floor(cell, floor, sensitive_floor):
        return (Rule.FLOOR,)
    needed = floor_of(cell, floor, sensitive_floor)
    sound = not _exposes(cell, public, needed)
    checks = (
        (Rule.COMPLEMENT, complement_holds),
        (Rule.OVERLAP, overlap_holds),
        (Rule.DROPOUT, dropout_holds),
    )
    return tuple(
        rule for rule, holds in checks if rule in rules and not holds(cell, public, needed, sound=sound)
    )


def _is_change(cell: Cell) -> bool:
    """Whether the cell is a change between two waves."""
    return cell.quantity.startswith("change:")


def _is_small(cell: Cell, floor: int) -> bool:
    """Whether the cell itself is below the floor, which is for the floor rule to refuse."""
    return len(cell.members) < floor


def _cross(a: Cell, b: Cell) -> bool:
    """Whether two cells share members and each has some that the other has not."""
    return not (a.members <= b.members or b.members <= a.members or a.members.isdisjoint(b.members))


def _same_quantity(cell: Cell, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that average the same thing."""
    return [other for other in cells if other.quantity == cell.quantity]


def _exposes(cell: Cell, published: Sequence[Cell], floor: int) -> bool:
    """Whether the cell and what is published around it combine to something about fewer than `floor` people."""
    row = _row(cell)
    return exposes_few([row, *connected_rows(row, [_row(other) for other in published])], floor)


def _row(cell: Cell) -> Row:
    """The cell as a sum over its members."""
    scale, waves = _parts(cell)
    if len(waves) == 2:
        return Row(cell.members, {f"{scale}:{waves[0]}": -1, f"{scale}:{waves[1]}": 1})
    return Row(cell.members, {f"{scale}:{waves[0]}" if waves else cell.quantity: 1})


def _parts(cell: Cell) -> tuple[str, tuple[str, ...]]:
    """Scale and waves of a level (one wave) or change (two); no wave for any other quantity."""
    kind, *rest = cell.quantity.split(":")
    if kind not in {"level", "change"}:
        return "", ()
    if len(rest) != (2 if kind == "level" else 3) or not all(rest) or len(set(rest[1:])) != len(rest) - 1:
        raise ScoringError(
            "cell.quantity",
            "“%(quantity)s” is no quantity.",
            "Write level:<scale>:<wave> or change:<scale>:<earlier wave>:<later wave>.",
            quantity=cell.quantity,
        )
    return rest[0], tuple(rest[1:])


def _levels_around_changes(cell: Cell, published: Sequence[Cell]) -> list[tuple[Cell, Cell, Cell]]:
    """Every (earlier level, change, later level) of one scale that would be public with the cell, and the cell is one of them."""
    scale, waves = _parts(cell)
    if not waves:
        return []
    family = [cell, *(other for other in published if _parts(other)[0] == scale)]
    levels = [other for other in family if not _is_change(other)]
    found = []
    for change in (other for other in family if _is_change(other)):
        earlier, later = (
            [level for level in levels if _parts(level)[1] == (wave,) and change.members <= level.members]
            for wave in _parts(change)[1]
        )
        found += [(first, change, second) for first in earlier for second in later]
    return [three for three in found if any(part is cell for part in three)]


def _waves_hold(earlier: Cell, change: Cell, later: Cell, floor: int) -> bool:
    """Whether those who left and those who joined are each nobody or enough."""
    apart = (len(level.members - change.members) for level in (earlier, later))
    return all(count == 0 or count >= floor for count in apart)
