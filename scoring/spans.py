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


def exposes_few(rows: Sequence[Row], floor: int, owners: Mapping[str, str] | None = None) -> bool:
    """Say whether some combination of the sums is not zero and concerns at least one and fewer than `floor` people.

    Parameters
    ----------
    rows : sequence of Row
        Every sum that is or would be public; repeated rows do no harm.
    floor : int
        The number of people below which nothing may be worked out, 1 or more.
    owners : mapping member -> person, optional
        Whose a member is, where one person stands in the sums several times, as somebody who answers about two pairs; a
        member without an entry is a person.

    Returns
    -------
    bool
    """
    atoms = _find_atoms(rows, owners or {})
    # Small classes come heaviest first: spanning sets of heavy ones are the dearest to hit.
    light = sorted((atom for atom in atoms if atom.weight < floor), key=lambda atom: -atom.weight)
    if not light:
        return False
    heavy = _Basis(atom for atom in atoms if atom.weight >= floor)
    free = heavy.beside(light)
    return _is_exposed(free, floor - 1, len(_Basis(free).pivots))


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


def _find_atoms(rows: Sequence[Row], owners: Mapping[str, str]) -> list[_Atom]:
    """The classes of people who stand in the same rows, with all that each of them owns."""
    standing: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        for member in row.members:
            standing[member].append(number)
    places: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for member, numbers in standing.items():
        places[owners.get(member, member)].add(tuple(numbers))
    # Equal columns of one person count once: they say the same about him.
    sizes: dict[tuple[tuple[int, ...], ...], int] = defaultdict(int)
    for stands in places.values():
        sizes[tuple(sorted(stands))] += 1
    return [
        _Atom(weight, tuple(column for numbers in stands for column in _columns(rows, numbers)))
        for stands, weight in sorted(sizes.items())
    ]


def _columns(rows: Sequence[Row], numbers: tuple[int, ...]) -> tuple[Vector, ...]:
    """The unknowns of an atom that stands in these rows, one column for each occasion."""
    columns: dict[str, Vector] = defaultdict(dict)
    for number in numbers:
        for occasion, coefficient in rows[number].coefficients.items():
            columns[occasion][number] = coefficient
    return tuple(columns.values())


class _Basis:
    """A growing set of independent columns, kept in whole numbers so that every rank is exact."""

    def __init__(self, atoms: Iterable[_Atom] = ()) -> None:
        self.pivots: dict[int, Vector] = {}
        for atom in atoms:
            self.add(atom)

    def add(self, atom: _Atom) -> bool:
        """Add the columns of an atom; whether one of them was independent of those before."""
        before = len(self.pivots)
        for column in atom.columns:
            rest = self.reduce(column)
            if rest:
                divisor = gcd(*rest.values())
                self.pivots[min(rest)] = {place: value // divisor for place, value in rest.items()}
        return len(self.pivots) > before

    def reduce(self, column: Vector) -> Vector:
        """The column without what the basis explains: no entry at any pivot's place, empty when it is dependent."""
        rest = dict(column)
        explained = rest.keys() & self.pivots.keys()
        while explained:
            lead = min(explained)
            rest = _eliminate(rest, self.pivots[lead], lead)
            explained = rest.keys() & self.pivots.keys()
        return rest

    def beside(self, atoms: Iterable[_Atom]) -> list[_Atom]:
        """Atoms in the space that the basis leaves over; those that add nothing to it are left out."""
        reduced = (_Atom(atom.weight, tuple(filter(None, map(self.reduce, atom.columns)))) for atom in atoms)
        return [atom for atom in reduced if atom.columns]


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


def _is_exposed(atoms: Sequence[_Atom], budget: int, rank: int) -> bool:
    """Whether the atoms, without some of at most `budget` people, fail to reach the rank.

    A set U of atoms lowers the rank exactly when every set of atoms that spans the space has an atom in U. So disjoint spanning
    sets are taken one after another: U needs an atom of each, and when their lightest atoms together exceed the budget there is
    no such U. Otherwise U must contain one atom of the first spanning set, and each is tried in turn; an atom that was tried is
    kept from then on, so no U is looked at twice.
    """
    if rank == 0:
        return False
    first, left = _take_spanning(atoms, rank)
    if not first:
        return True
    spanning, needed = first, 0
    while spanning:
        needed += min(atom.weight for atom in spanning)
        if needed > budget:
            return False
        spanning, left = _take_spanning(left, rank)
    kept = _Basis()
    for position, atom in enumerate(first):
        if atom.weight <= budget:
            decided = {id(known) for known in first[: position + 1]}
            rest = kept.beside(other for other in atoms if id(other) not in decided)
            if _is_exposed(rest, budget - atom.weight, rank - len(kept.pivots)):
                return True
        kept.add(atom)
    return False


def _take_spanning(atoms: Sequence[_Atom], rank: int) -> tuple[list[_Atom], list[_Atom]]:
    """Atoms that span a space of this rank, and the atoms left over; no atoms where they do not suffice."""
    basis, taken = _Basis(), list[_Atom]()
    for atom in atoms:
        if basis.add(atom):
            taken.append(atom)
            if len(basis.pivots) == rank:
                chosen = {id(known) for known in taken}
                return taken, [other for other in atoms if id(other) not in chosen]
    return [], list(atoms)
