"""The release auditor: an attacker who knows every number ever published and tries to work out what a few people answered.

`disclosure` decides by rules; this module knows none of them. It takes the published numbers as they are printed and asks what
follows from them, in two ways:

ALGEBRA
    Means are taken for exact sums over their members. Something is betrayed when some combination of them is not zero and is about
    at least one and fewer than k people (`spans`). Rounding is no excuse here, since several numbers together undo it.
BOUNDS
    Means are taken as rounded as they are printed, scores as confined to the scale's range and grid, and a printed t interval as what
    it says of the sum of squares. Linear programmes ask how low and how high a sum over a few people can be (`audit_bounds`).
    It is betrayed when that leaves less than half a step of the scale: a mean at the end of the range does so for everybody.

An attacker may be one of the respondents, and have a partner who tells (P1 of the measurement plan: "own answers, and one colluding
partner"). Whoever knows j people's answers takes them out of every sum, so he must not learn anything about fewer than k - j others:
the floor counts him and his partner in, and of five people he may learn what three others have together, never what one or two have. For the algebra this follows
from the promise to outsiders, because a combination about the j and fewer than k - j others is about fewer than k people. A stricter
promise, k others, would need cells of k + j people, which the floor of measurement plan 5.4 does not ask for. Who holds other people's
links and answers in their place knows as many answers as he gave: links are credentials, and no rule on numbers protects from that.

An attacker is taken to know all memberships, that is, who answered what. Whatever counts people, a response rate or the n beside a mean,
follows from them and tells him nothing more.

References
----------
Dinur, I., & Nissim, K. (2003). Revealing information while preserving privacy. Proceedings of PODS, 202-210.
https://doi.org/10.1145/773153.773173
Hundepool, A., et al. (2012). Statistical disclosure control. Wiley. https://doi.org/10.1002/9781118348239
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from scoring.disclosure import SENSITIVE_FLOOR
from scoring.errors import ScoringError
from scoring.spans import Row, exposes_few

Bound = Literal["at least", "at most"]
CLOSE: Final = 0.5


class Method(StrEnum):
    """How something was worked out."""

    ALGEBRA = "algebra"
    BOUNDS = "bounds"


@dataclass(frozen=True)
class Figures:
    """What is printed of a number, and what everybody knows of the scale.

    Attributes
    ----------
    mean : float
        As printed, in points of the scale.
    rounding : float
        Step to which it is rounded: the true mean lies at most half of it away.
    minimum, maximum : float
        Ends of the scale's range, which hold for levels; a change lies between `minimum - maximum` and `maximum - minimum`.
    step : float
        The smallest difference that one person can make in a score, 1 / k for a scale of k items; what is known to less than half
        of it is known.
    grid : float
        All scores are `minimum` plus a multiple of this; 0 where that is not known. Not above `step`, and below it where skipped items
        are allowed.
    bound : "at least", "at most" or None
        Whether the mean is printed as a border.
    sd : (float, float) or None
        What a printed interval says of the standard deviation (n - 1): see `sd_from_interval`.
    """

    mean: float
    rounding: float
    minimum: float
    maximum: float
    step: float
    grid: float = 0.0
    bound: Bound | None = None
    sd: tuple[float, float] | None = None


@dataclass(frozen=True)
class PublishedNumber:
    """One number that is or would be public.

    Attributes
    ----------
    quantity : str
        As in `disclosure.Cell`: "level:<scale>:<wave>", "change:<scale>:<earlier wave>:<later wave>" or a name of its own.
    members : frozenset of str
        The answers behind it, each by a name of its own.
    label : tuple of str
        How a report calls it, for instance role, scale and wave; no name of a person or pair.
    sensitive : bool
        Whether the higher floor holds for its scale.
    figures : Figures or None
        What is printed; without it only the algebra sees the number.
    """

    quantity: str
    members: frozenset[str]
    label: tuple[str, ...] = ()
    sensitive: bool = False
    figures: Figures | None = None


@dataclass(frozen=True)
class Insight:
    """What an attacker knows beside the published numbers.

    Attributes
    ----------
    people : frozenset of str
        Himself and who tells him.
    scores : mapping (member, occasion) -> float
        Their scores, with "<scale>:<wave>" (or the quantity's own name) as occasion; needed for the bounds alone.
    counted : int or None
        For how many people they count against the floor, where that is not their number.
    """

    people: frozenset[str] = frozenset()
    scores: Mapping[tuple[str, str], float] = field(default_factory=dict)
    counted: int | None = None


OUTSIDER: Final = Insight()


@dataclass(frozen=True)
class Breach:
    """Something about a few people that follows from published numbers.

    Attributes
    ----------
    numbers : tuple of int
        Places of the numbers that give it away together; without any one of them it does not follow this way.
    n_people : int
        How many people it is about, 1 or more; who they are is not said.
    method : Method
    """

    numbers: tuple[int, ...]
    n_people: int
    method: Method


def find_breaches(
    numbers: Sequence[PublishedNumber],
    *,
    floor: int,
    sensitive_floor: int = SENSITIVE_FLOOR,
    owners: Mapping[str, str] | None = None,
    insight: Insight = OUTSIDER,
    touching: Collection[int] | None = None,
    methods: Collection[Method] = tuple(Method),
    witness: Mapping[tuple[str, str], float] | None = None,
) -> list[Breach]:
    """Attack published numbers; an empty list means that nothing was found.

    Parameters
    ----------
    numbers : sequence of PublishedNumber
        Everything ever published about a programme and everything that is to be.
    floor, sensitive_floor : int
        k, and the floor of numbers that hang together with a sensitive one where it is above k.
    owners : mapping member -> person, optional
        Whose an answer is, where somebody answers for several pairs; otherwise every member is a person.
    insight : Insight, optional
        What is known beside the numbers: nothing, unless given.
    touching : collection of int, optional
        Only what hangs together with the numbers at these places is attacked, as for a release beside those before it.
    methods : collection of Method, optional
        Both, unless given.
    witness : mapping (member, occasion) -> float, optional
        Scores that did lead to the numbers; they make the bounds faster and change no finding.

    Returns
    -------
    list of Breach
        One at most for each set of numbers that hang together: the first that is found, with no more numbers than it takes.

    Notes
    -----
    Nothing is attacked that could not combine: numbers hang together when they share an unknown of somebody, directly or through
    others. The algebra is exact and finds everything there is to be found; the bounds look at single people and at classes of people
    who stand in the same numbers. No larger set of people needs a look: a sum that the numbers fix without help of the range is found
    by the algebra, and where the range helps, by complementary slackness, somebody stands at its very end and is found alone.

    Raises
    ------
    ScoringError
        `audit.floor` for a floor below 2, `audit.quantity` for a level or change that is not written as `disclosure.Cell` says, and
        `audit.figures` for printed numbers that no answers can have.
    """
    if floor < 2:
        raise ScoringError(
            "audit.floor",
            "A floor of %(floor)d protects nobody.",
            "Use 5 or more; never below 2.",
            floor=floor,
        )
    people = owners or {}
    breaches = []
    for places in split_numbers(numbers):
        if touching is not None and not set(places) & set(touching):
            continue
        higher = any(numbers[place].sensitive for place in places)
        own_floor = max(floor, sensitive_floor) if higher else floor
        attack = _Attack(numbers, own_floor, people, insight, witness or {})
        found = attack.by_algebra(places) if Method.ALGEBRA in methods else None
        if found is None and Method.BOUNDS in methods:
            found = attack.by_bounds(places)
        if found is not None:
            breaches.append(found)
    return breaches


def split_numbers(numbers: Sequence[PublishedNumber]) -> list[tuple[int, ...]]:
    """Places of the numbers in groups of those that hang together through unknowns that they share."""
    first_at: dict[tuple[str, str], int] = {}
    leader = list(range(len(numbers)))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for place, number in enumerate(numbers):
        for occasion in occasions_of(number.quantity):
            for member in number.members:
                leader[find(place)] = find(first_at.setdefault((member, occasion), place))
    groups: dict[int, list[int]] = defaultdict(list)
    for place in range(len(numbers)):
        groups[find(place)].append(place)
    return [tuple(group) for group in groups.values()]


def occasions_of(quantity: str) -> dict[str, int]:
    """The unknowns of each person that a quantity sums up, with their signs; raises ScoringError `audit.quantity`."""
    kind, *rest = quantity.split(":")
    if kind not in {"level", "change"}:
        return {quantity: 1}
    if len(rest) != (2 if kind == "level" else 3) or not all(rest):
        raise ScoringError(
            "audit.quantity",
            "“%(quantity)s” is no quantity.",
            "Write level:<scale>:<wave> or change:<scale>:<earlier wave>:<later wave>.",
            quantity=quantity,
        )
    scale, *waves = rest
    if kind == "level":
        return {f"{scale}:{waves[0]}": 1}
    return {f"{scale}:{waves[0]}": -1, f"{scale}:{waves[1]}": 1}


def sd_from_interval(
    figures: Figures,
    n: int,
    low: float,
    high: float,
    *,
    change: bool = False,
    narrowest: float = 0.0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the smallest and largest standard deviation with which a printed t interval agrees.

    Parameters
    ----------
    figures : Figures
        Of the same number; its `sd` is not read.
    n : int
        Answers behind it, 2 or more.
    low, high : float
        Printed ends, rounded like the mean; an end that lies at the end of a level's range may have been cut there.
    change : bool
        Whether the range is that of a change.
    narrowest : float
        Half width below which intervals are widened on principle, so that a narrow one hides how narrow it was.
    confidence : float, default .95
        Coverage of the interval.

    Notes
    -----
    `half width = t(n - 1) * s / sqrt(n)`. An end and the mean are each half a rounding step away from the truth at most, and so are
    both ends of the interval, of which the half width is half the difference.
    """
    from math import sqrt

    from scipy.stats import t

    halves = []
    cut_low = not change and low <= figures.minimum
    cut_high = not change and high >= figures.maximum
    if not cut_low:
        halves.append((figures.mean - low, figures.rounding))
    if not cut_high:
        halves.append((high - figures.mean, figures.rounding))
    if not cut_low and not cut_high:
        halves.append(((high - low) / 2, figures.rounding / 2))
    width = figures.maximum - figures.minimum
    # No scores spread more than half of them at either end.
    largest = width * (2 if change else 1) / 2 * sqrt(n / (n - 1))
    if not halves:
        return 0.0, largest
    least = max(half - slack for half, slack in halves)
    most = min(half + slack for half, slack in halves)
    scale = sqrt(n) / float(t.ppf(0.5 + confidence / 2, n - 1))
    smallest = 0.0 if least <= narrowest else least * scale
    return smallest, min(largest, max(most, 0.0) * scale)


@dataclass(frozen=True)
class _Attack:
    """One attacker at work on numbers that hang together, given by their places."""

    numbers: Sequence[PublishedNumber]
    floor: int
    owners: Mapping[str, str]
    insight: Insight
    witness: Mapping[tuple[str, str], float]

    @property
    def others(self) -> int:
        """The number of other people of whom nothing may be learned if they are fewer."""
        counted = self.insight.counted
        return self.floor - (len(self.insight.people) if counted is None else counted)

    def by_algebra(self, places: Sequence[int]) -> Breach | None:
        """A combination that is about too few people; nothing when there is none."""
        if not self._exposes(places, self.others):
            return None
        needed = _thin_out(places, lambda some: self._exposes(some, self.others))
        n_people = next(n for n in range(1, self.others) if self._exposes(needed, n + 1))
        return Breach(needed, n_people, Method.ALGEBRA)

    def by_bounds(self, places: Sequence[int]) -> Breach | None:
        """A few people of whom rounding and range leave less than half a step; nothing when there are none."""
        from scoring.audit_bounds import count_pinned

        def pinned(some: Sequence[int]) -> int:
            chosen = [self.numbers[place] for place in some]
            return count_pinned(chosen, self.others, self.owners, self.insight, self.witness)

        if not pinned(places):
            return None
        needed = _thin_out(places, lambda some: pinned(some) > 0)
        return Breach(needed, pinned(needed), Method.BOUNDS)

    def _exposes(self, places: Iterable[int], others: int) -> bool:
        """Whether the sums of these numbers, without the people known, combine to something about fewer than `others`."""
        rows = [
            Row(self._unknown(number.members), occasions_of(number.quantity))
            for number in (self.numbers[place] for place in places)
        ]
        return others > 1 and exposes_few(rows, others, self.owners)

    def _unknown(self, members: frozenset[str]) -> frozenset[str]:
        """The members whose answers the attacker does not know."""
        if not self.insight.people:
            return members
        return frozenset(
            member for member in members if self.owners.get(member, member) not in self.insight.people
        )


def _thin_out(places: Sequence[int], betrays: Callable[[Sequence[int]], bool]) -> tuple[int, ...]:
    """The places that are left when each is taken away in turn, the last first, unless nothing would be betrayed without it."""
    needed = list(places)
    for place in reversed(places):
        fewer = [other for other in needed if other != place]
        if betrays(fewer):
            needed = fewer
    return tuple(needed)
