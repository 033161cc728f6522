"""The audit of a release before it is frozen, and the smallest suppression with which it passes.

What betrays something also does so beside more numbers, never beside fewer. So every breach is a set of numbers of which one at least
has to go, and the smallest suppression is the cheapest set of new numbers that meets every breach: a covering problem in whole
numbers. The breaches are not listed beforehand. The auditor attacks what a suppression leaves; each breach that it finds is a cut, a
combination that must be met from then on, and the problem is solved again until nothing is found. Every suppression that passes meets
all cuts, so the last one, which is the cheapest to meet them and passes, is the cheapest that passes.

References
----------
de Wolf, P.-P., & Hundepool, A. (2010). Three ways to deal with a set of linked SBS tables using tau-Argus. In Privacy in Statistical
Databases, 66-75. Springer. https://doi.org/10.1007/978-3-642-15838-4_7
Fischetti, M., & Salazar, J. J. (2001). Solving the cell suppression problem on tabular data with linear constraints. Management
Science, 47, 1008-1027. https://doi.org/10.1287/mnsc.47.7.1008.10445
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from scoring.auditor import (
    OUTSIDER,
    Breach,
    Insight,
    Method,
    PublishedNumber,
    find_breaches,
    occasions_of,
    split_numbers,
)
from scoring.disclosure import SENSITIVE_FLOOR


@dataclass(frozen=True)
class Knowledge:
    """What can be known inside about the answers behind the numbers; the auditor tries it for those who learn most by it.

    Attributes
    ----------
    scores : mapping (member, occasion) -> float
        The scores there are, by occasion as in `Insight`.
    partners : mapping person -> person
        Who might tell whom.
    """

    scores: Mapping[tuple[str, str], float] = field(default_factory=dict)
    partners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditReport:
    """What the auditor found in a release, and what it proposes.

    Attributes
    ----------
    breaches : tuple of Breach
        Combinations found on the way to the proposal; empty when the release passes as it is.
    withhold : tuple of int
        Places of the new numbers without which it passes: the cheapest such set.
    """

    breaches: tuple[Breach, ...]
    withhold: tuple[int, ...]

    @property
    def passes(self) -> bool:
        """Whether nothing was found."""
        return not self.breaches


def audit_release(
    numbers: Sequence[PublishedNumber],
    weights: Mapping[int, float],
    *,
    floor: int,
    sensitive_floor: int = SENSITIVE_FLOOR,
    owners: Mapping[str, str] | None = None,
    knowledge: Knowledge | None = None,
    witness: Mapping[tuple[str, str], float] | None = None,
) -> AuditReport:
    """Attack a release beside everything published before, and find the smallest suppression that passes.

    Parameters
    ----------
    numbers : sequence of PublishedNumber
        Everything published before and everything new.
    weights : mapping place -> float
        The places of the new numbers and what it costs to withhold each, above 0.
    floor, sensitive_floor, owners
        As in `auditor.find_breaches`.
    knowledge : Knowledge, optional
        Lets the attacker also be a respondent, alone or with his partner; without it he stands outside.
    witness : mapping (member, occasion) -> float, optional
        As in `auditor.find_breaches`; `knowledge` has its own.

    Returns
    -------
    AuditReport

    Notes
    -----
    Respondents are tried one by one only with bounds: what algebra gives them it gives to everybody (see `auditor`). Of those behind
    each number the one with the lowest and the one with the highest value are tried, since they leave the others least room.

    A breach among numbers published before cannot be undone. Nothing new that hangs together with it is then let through.
    """
    audit = _Audit(
        numbers, frozenset(weights), floor, sensitive_floor, owners or {}, knowledge, witness or {}, []
    )
    withhold = smallest_suppression(range(len(numbers)), weights, audit.combinations)
    return AuditReport(tuple(audit.found), withhold)


@dataclass(frozen=True)
class _Audit:
    """One release under attack; every breach ever found is kept in `found`."""

    numbers: Sequence[PublishedNumber]
    new: frozenset[int]
    floor: int
    sensitive_floor: int
    owners: Mapping[str, str]
    knowledge: Knowledge | None
    witness: Mapping[tuple[str, str], float]
    found: list[Breach]

    @cached_property
    def groups(self) -> list[tuple[int, ...]]:
        """The places of the numbers that hang together with something new."""
        return [group for group in split_numbers(self.numbers) if self.new & set(group)]

    @cached_property
    def insiders(self) -> list[list[tuple[list[Insight], list[Insight]]]]:
        """Whom to try inside, for each group."""
        return [_tempted(self.numbers, group, self.owners, self.knowledge) for group in self.groups]

    def combinations(self, kept: Collection[int]) -> Iterator[tuple[int, ...]]:
        """What of the places that are kept must not stand together; each has a new number in it."""
        for group, insiders in zip(self.groups, self.insiders, strict=True):
            places = [place for place in group if place in kept]
            for breach in self._attack_group(places, insiders):
                self.found.append(breach)
                if self.new & set(breach.numbers):
                    yield breach.numbers
                else:
                    # Published before: each new number beside it goes.
                    yield from ((place,) for place in places if place in self.new)

    def _attack_group(
        self, places: Sequence[int], insiders: Sequence[tuple[Sequence[Insight], Sequence[Insight]]]
    ) -> list[Breach]:
        """Breaches of what is left of a group, by an outsider or else by insiders."""
        outside = self._attack(places, OUTSIDER, tuple(Method))
        if outside:
            return outside
        inside = []
        for together, each in insiders:
            if any(self._attack(places, insight, (Method.BOUNDS,)) for insight in together):
                for insight in each:
                    inside += self._attack(places, insight, (Method.BOUNDS,))
        return inside

    def _attack(self, places: Sequence[int], insight: Insight, methods: Collection[Method]) -> list[Breach]:
        """Breaches by one attacker, with places of all numbers."""
        found = find_breaches(
            [self.numbers[place] for place in places],
            floor=self.floor,
            sensitive_floor=self.sensitive_floor,
            owners=self.owners,
            insight=insight,
            touching=[local for local, place in enumerate(places) if place in self.new],
            methods=methods,
            witness=self.witness if self.knowledge is None else self.knowledge.scores,
        )
        return [
            Breach(tuple(places[local] for local in breach.numbers), breach.n_people, breach.method)
            for breach in found
        ]


def smallest_suppression(
    places: Iterable[int],
    weights: Mapping[int, float],
    attack: Callable[[Collection[int]], Iterable[tuple[int, ...]]],
) -> tuple[int, ...]:
    """Return the cheapest set of places to withhold so that an attack on the others finds nothing.

    Parameters
    ----------
    places : iterable of int
        Of all numbers.
    weights : mapping place -> float
        What it costs to withhold a number, above 0; others stay whatever happens.
    attack : callable
        Takes the places that are kept and yields combinations of them that betray something, each with a place of `weights`. It must
        find something in all that contains a combination it would find alone.

    Returns
    -------
    tuple of int
        Sorted; empty when the attack finds nothing.
    """
    everything = frozenset(places)
    cuts: set[tuple[int, ...]] = set()
    withheld: frozenset[int] = frozenset()
    while True:
        found = set(attack(everything - withheld))
        if not found:
            return tuple(sorted(withheld))
        cuts |= {tuple(place for place in combination if place in weights) for combination in found}
        withheld = _cover(cuts, weights)


def _cover(cuts: Collection[tuple[int, ...]], weights: Mapping[int, float]) -> frozenset[int]:
    """The cheapest set that meets every cut, in whole numbers."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    columns = sorted({place for cut in cuts for place in cut})
    matrix = np.array([[place in cut for place in columns] for cut in sorted(cuts)], dtype=float)
    result = milp(
        np.array([weights[place] for place in columns]),
        constraints=LinearConstraint(matrix, lb=1.0),
        bounds=Bounds(0.0, 1.0),
        integrality=np.ones(len(columns)),
    )
    if result.x is None:
        raise ValueError("a combination holds no number that may be withheld")
    return frozenset(place for place, chosen in zip(columns, result.x, strict=True) if chosen > 0.5)


def _tempted(
    numbers: Sequence[PublishedNumber],
    group: Sequence[int],
    owners: Mapping[str, str],
    knowledge: Knowledge | None,
) -> list[tuple[list[Insight], list[Insight]]]:
    """The insiders worth trying on numbers that hang together: those with the lowest scores and those with the highest.

    For either side everything they know together, counted as one person's knowledge, whole and without each of them; and what each
    knows alone and with a partner who is in the numbers too. Where the first find nothing the second need not be tried: what
    somebody learns about a few people, whoever knows more learns about those of them whom he does not know, and of these there is
    always one, outside of the side or left out of it.
    """
    if knowledge is None:
        return []
    extremes: tuple[set[str], set[str]] = (set(), set())
    for place in group:
        occasions = occasions_of(numbers[place].quantity)
        # By name where values are equal, so that every run tries the same people.
        values = sorted(
            (sum(sign * knowledge.scores[member, at] for at, sign in occasions.items()), member)
            for member in numbers[place].members
            if all((member, at) in knowledge.scores for at in occasions)
        )
        for side, end in zip(extremes, values[:1] + values[-1:], strict=False):
            side.add(owners.get(end[1], end[1]))
    present = {owners.get(member, member) for place in group for member in numbers[place].members}

    needed = {
        (member, occasion)
        for place in group
        for member in numbers[place].members
        for occasion in occasions_of(numbers[place].quantity)
        if (member, occasion) in knowledge.scores
    }

    def knowing(people: frozenset[str]) -> Insight:
        known = {one: knowledge.scores[one] for one in needed if owners.get(one[0], one[0]) in people}
        return Insight(people, known)

    sides = []
    for side in extremes:
        alone = [frozenset({person}) for person in sorted(side)]
        paired = [
            frozenset({person, knowledge.partners[person]})
            for person in sorted(side)
            if knowledge.partners.get(person) in present
        ]
        each = [knowing(people) for people in (*alone, *paired)]
        everybody = frozenset().union(*alone, *paired)
        wholes = [everybody, *(everybody - {person} for person in sorted(everybody))] if each[1:] else []
        sides.append(([replace(knowing(people), counted=1) for people in wholes] or each, each))
    return sides
