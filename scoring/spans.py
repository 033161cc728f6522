"""Exact linear algebra on published sums: whether adding and subtracting them can leave fewer than k people; pure Python.

A published mean and its number of people are a sum. Each person has one unknown for every scale and wave; a level adds that
unknown over its members, a change adds the later and subtracts the earlier one. Whatever can be worked out from all published
sums is a linear combination of them, so a release tells something about fewer than k people exactly when some combination is
not zero and has only those people's unknowns in it. The rank of a matrix answers that:

    a set U of people is exposed  <=>  rank(all unknowns of people outside U) < rank(all unknowns),

both ranks over the rows, which are the published sums. People who stand in the same rows cannot be told apart, so U is a union
of such classes ("atoms"), and only atoms of fewer than k people matter. The search for U is exact and deterministic:
it hits every way of spanning the space (`_is_exposed`), and gives up a branch as soon as too many people would be needed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

Coefficients = Mapping[str, int]
Vector = dict[int, int]


@dataclass(frozen=True)
class Row:
    """One published sum: its members, and the coefficient of their unknown at each occasion."""

    members: frozenset[str]
    coefficients: Coefficients


@dataclass(frozen=True)
class _Atom:
    """People who stand in the same rows: how many there are, and their unknowns as columns over the rows."""

    weight: int
    columns: tuple[Vector, ...]


def exposes_few(rows: Sequence[Row], floor: int) -> bool:
    """Say whether some combination of the sums is not zero and concerns at least one and fewer than `floor` people.

    Parameters
    ----------
    rows : sequence of Row
        Every sum that is or would be public; repeated rows do no harm.
    floor : int
        The number of people below which nothing may be worked out, 1 or more.

    Returns
    -------
    bool
    """
    atoms = _find_atoms(rows)
    # Small classes come heaviest first: spanning sets of heavy ones are the dearest to hit.
    light = sorted((atom for atom in atoms if atom.weight < floor), key=lambda atom: -atom.weight)
    if not light:
        return False
    base = _Basis()
    base.add_atoms(atom for atom in atoms if atom.weight >= floor)
    whole = base.copy()
    whole.add_atoms(light)
    return _is_exposed(base, light, floor - 1, whole.rank)


def connected_rows(row: Row, rows: Iterable[Row]) -> list[Row]:
    """Return the rows that share unknowns with `row`, directly or through one another; others cannot combine with it."""
    waiting = list(rows)
    found: list[Row] = []
    frontier = [row]
    while frontier:
        known = frontier.pop()
        touching = [other for other in waiting if _share_unknowns(known, other)]
        waiting = [other for other in waiting if not _share_unknowns(known, other)]
        found += touching
        frontier += touching
    return found


def _share_unknowns(a: Row, b: Row) -> bool:
    """Whether two sums have an unknown of some person in common."""
    return not a.coefficients.keys().isdisjoint(b.coefficients) and not a.members.isdisjoint(b.members)


def _find_atoms(rows: Sequence[Row]) -> list[_Atom]:
    """The classes of people who stand in the same rows."""
    standing: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        for member in row.members:
            standing[member].append(number)
    sizes: dict[tuple[int, ...], int] = defaultdict(int)
    for numbers in standing.values():
        sizes[tuple(numbers)] += 1
    return [_Atom(weight, _columns(rows, numbers)) for numbers, weight in sorted(sizes.items())]


def _columns(rows: Sequence[Row], numbers: tuple[int, ...]) -> tuple[Vector, ...]:
    """The unknowns of an atom that stands in these rows, one column for each occasion."""
    columns: dict[str, Vector] = defaultdict(dict)
    for number in numbers:
        for occasion, coefficient in rows[number].coefficients.items():
            columns[occasion][number] = coefficient
    return tuple(columns.values())


class _Basis:
    """A growing set of independent columns, kept in whole numbers so that every rank is exact."""

    def __init__(self, pivots: dict[int, Vector] | None = None) -> None:
        self.pivots = dict(pivots or {})

    @property
    def rank(self) -> int:
        return len(self.pivots)

    def copy(self) -> "_Basis":
        """A basis that can grow without changing this one."""
        return _Basis(self.pivots)

    def add(self, column: Vector) -> None:
        """Add a column if it is independent of those before."""
        rest = dict(column)
        while rest:
            lead = min(rest)
            pivot = self.pivots.get(lead)
            if pivot is None:
                divisor = gcd(*rest.values())
                self.pivots[lead] = {place: value // divisor for place, value in rest.items()}
                return
            rest = _eliminate(rest, pivot, lead)

    def add_atoms(self, atoms: Iterable[_Atom]) -> bool:
        """Add all columns of some atoms; whether one of them was independent."""
        before = self.rank
        for atom in atoms:
            for column in atom.columns:
                self.add(column)
        return self.rank > before


def _eliminate(column: Vector, pivot: Vector, lead: int) -> Vector:
    """The column without its entry at `lead`, made zero by a multiple of the pivot."""
    own, other = column[lead], pivot[lead]
    result = {place: value * other for place, value in column.items()}
    for place, value in pivot.items():
        left = result.get(place, 0) - value * own
        if left:
            result[place] = left
        else:
            result.pop(place, None)
    return result


def _is_exposed(base: _Basis, free: Sequence[_Atom], budget: int, rank: int) -> bool:
    """Whether leaving out free atoms of at most `budget` people lowers the rank of base and free together.

    A set U lowers the rank exactly when every set of atoms that spans the space has an atom in U. So disjoint spanning sets are
    taken from the free atoms one after another: U needs an atom of each, and when their lightest atoms together exceed the
    budget there is no such U. Otherwise U must contain one atom of the first spanning set, and each is tried in turn; an atom
    that was tried is kept from then on, so no U is looked at twice.
    """
    if base.rank == rank:
        return False
    first, left = _take_spanning(base, free, rank)
    if not first:
        return True
    spanning: Sequence[_Atom] = first
    needed = 0
    while spanning:
        needed += min(atom.weight for atom in spanning)
        if needed > budget:
            return False
        spanning, left = _take_spanning(base, left, rank)
    tried: list[_Atom] = []
    for atom in first:
        if atom.weight <= budget:
            kept = base.copy()
            kept.add_atoms(tried)
            rest = [
                other for other in free if other is not atom and all(other is not known for known in tried)
            ]
            if _is_exposed(kept, rest, budget - atom.weight, rank):
                return True
        tried.append(atom)
    return False


def _take_spanning(base: _Basis, free: Sequence[_Atom], rank: int) -> tuple[list[_Atom], list[_Atom]]:
    """Atoms that together with the base span the space, and the atoms left over; no atoms where the free do not suffice."""
    basis, taken, left = base.copy(), list[_Atom](), list[_Atom]()
    for atom in free:
        if basis.rank < rank and basis.add_atoms([atom]):
            taken.append(atom)
        else:
            left.append(atom)
    return (taken if basis.rank == rank else [], left)
