"""How far rounded numbers confine a few people: the linear programmes of the release auditor.

Unknown are each person's scores at each occasion, and their squares wherever an interval is printed. Everything that is known is linear:

* a score lies in the scale's range; a printed mean puts the sum over its members into an interval, whose ends are moved inwards to
  the next sums that scores on the grid can have;
* a printed t interval puts the standard deviation into an interval, and so the sum of squares around the printed mean c, since
  `sum (x - c)^2 = (n - 1) s^2 + n (mean - c)^2`;
* a square is tied to its score by lines that never cut off a possible one: `x^2 <= (a + b) x - a b` on a range from a to b,
  `x^2 >= 2 v x - v^2` for any v, and between neighbours v and v + g of a grid `x^2 >= (2 v + g) x - v (v + g)`.

Such a programme allows more than the answers can really be, so what it confines is confined; what it leaves open might still be closed
by a cleverer attacker. People who stand in the same numbers are interchangeable, so of a class of k or more one stands for each and
the rest is one sum; in a smaller class everybody has unknowns of his own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from scoring.auditor import CLOSE, Figures, Insight, PublishedNumber, occasions_of
from scoring.errors import ScoringError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scores = Mapping[tuple[str, str], float]
Variable = tuple[int, str]
Term = dict[Variable, float]

# So many lines hold a square from below; on a grid of no more points than that they hold it as tightly as lines can.
_LINES: Final = 6
_SLACK: Final = 1e-7


@dataclass(frozen=True)
class Target:
    """A sum that may be betrayed: its terms, the people it is about, the step it counts in, and the grid of its values.

    `seen` is what it really is, where the witness tells.
    """

    terms: Term
    n_people: int
    step: float
    grid: float
    origin: float
    seen: float | None = None


@dataclass(frozen=True)
class _Unit:
    """Answers that are treated as one: whose, and in which numbers they stand."""

    members: tuple[str, ...]
    stands: tuple[int, ...]

    @property
    def n(self) -> int:
        """How many answers."""
        return len(self.members)


@dataclass(frozen=True)
class _Class:
    """Answers that stand in the same numbers: their units, whose they are, how many people that is, and whether that is too few."""

    units: tuple[int, ...]
    members: tuple[str, ...]
    n_people: int
    small: bool
    stands: tuple[int, ...]


@dataclass
class System:
    """All that is known of the unknowns, as a linear programme."""

    bounds: dict[Variable, tuple[float, float]] = field(default_factory=dict)
    rows: list[tuple[Term, float, float]] = field(default_factory=list)

    def order(self) -> dict[Variable, int]:
        """The column of each variable."""
        return {variable: place for place, variable in enumerate(self.bounds)}


def count_pinned(
    numbers: Sequence[PublishedNumber],
    others: int,
    owners: Mapping[str, str],
    insight: Insight,
    witness: Scores | None = None,
) -> int:
    """Return how many people stand behind the first sum that is confined to less than half a step; 0 when there is none.

    Parameters
    ----------
    numbers : sequence of PublishedNumber
        Those that hang together; without `figures` they say nothing here.
    others : int
        Sums over fewer people than that count.
    owners : mapping member -> person
        As in `auditor.find_breaches`.
    insight : Insight
        People whose scores are known; a number with a member whose score is missing from it is left out.
    witness : mapping (member, occasion) -> float, optional
        Scores that did lead to the numbers. They only save work: two people of a class who differ could be exchanged without any
        number noticing, so neither of them is confined.

    Raises
    ------
    ScoringError
        `audit.figures` for printed numbers that no answers can have.
    """
    printed = [number for number in numbers if number.figures is not None and number.members]
    if not printed or others < 2:
        return 0
    if len(printed) == 1 and _leaves_room(printed[0], others, owners, insight):
        return 0
    system, targets = build_system(printed, others, owners, insight, witness or {})
    if not targets:
        return 0
    return next((target.n_people for target in targets_confined(system, targets)), 0)


def _leaves_room(number: PublishedNumber, others: int, owners: Mapping[str, str], insight: Insight) -> bool:
    """Whether a single mean by itself plainly pins nobody: two steps of room for the sum over the people unknown, at either end.

    Saves a programme for most numbers. A printed interval, a small class and a score that is not known are left to the programme.
    """
    figures = _figures(number)
    unknown = [one for one in number.members if owners.get(one, one) not in insight.people]
    if figures.sd is not None or len({owners.get(one, one) for one in unknown}) < others:
        return False
    if not _is_known(number, owners, insight):
        return False
    occasions, low_high = occasions_of(number.quantity), sum_range(number)
    known = sum(
        sign * insight.scores[member, occasion]
        for member in number.members.difference(unknown)
        for occasion, sign in occasions.items()
    )
    width = figures.maximum - figures.minimum
    least, most = (-width, width) if len(occasions) > 1 else (figures.minimum, figures.maximum)
    room = 2 * max(figures.step, figures.grid)
    low, high = low_high[0] - known, low_high[1] - known
    return high - len(unknown) * least > room and len(unknown) * most - low > room


def build_system(
    numbers: Sequence[PublishedNumber],
    others: int,
    owners: Mapping[str, str],
    insight: Insight,
    witness: Scores,
) -> tuple[System, list[Target]]:
    """Write down what printed numbers say, and which sums they must not confine."""
    usable = [number for number in numbers if _is_known(number, owners, insight)]
    units, classes = _make_units(usable, others, owners, insight)
    targets = list(_list_targets(usable, classes, witness))
    system = System()
    if not targets:
        return system, targets
    ranges = _ranges(usable)
    for place, unit in enumerate(units):
        for occasion in sorted({o for stand in unit.stands for o in occasions_of(usable[stand].quantity)}):
            low, high = ranges[occasion]
            system.bounds[place, occasion] = (unit.n * low, unit.n * high)
    for stand, number in enumerate(usable):
        inside = [place for place, unit in enumerate(units) if stand in unit.stands]
        _add_number(system, number, units, inside, owners, insight)
    return system, targets


def targets_confined(system: System, targets: Sequence[Target]) -> Iterator[Target]:
    """The targets that the system confines to less than half a step.

    Two solutions that lie far enough apart acquit a target. So directions that move many targets at once are tried first, then as many
    targets as possible are moved away from where they have been seen; what none of that moves is asked for by itself.
    """
    programme = _Programme(system)
    directions = np.array([programme.vector(target.terms) for target in targets])
    lows, highs = np.full(len(targets), np.inf), np.full(len(targets), -np.inf)
    open_ones = list(range(len(targets)))

    def look(solution: "NDArray[np.float64]") -> None:
        values = directions @ solution
        np.minimum(lows, values, out=lows)
        np.maximum(highs, values, out=highs)
        open_ones[:] = [place for place in open_ones if _is_close(targets[place], lows[place], highs[place])]

    known = [place for place in open_ones if targets[place].seen is not None]
    lows[known] = highs[known] = [targets[place].seen for place in known]
    rng = np.random.default_rng(0)
    objective = rng.choice((-1.0, 1.0), len(targets)) * rng.uniform(0.5, 1.0, len(targets)) @ directions
    for sense in (1.0, -1.0) if len(known) < len(targets) else ():
        look(programme.minimise(sense * objective))
    while open_ones:
        before = len(open_ones)
        enough = np.array([max(targets[place].step, targets[place].grid) for place in open_ones])
        look(programme.spread(directions[open_ones], lows[open_ones], enough))
        if open_ones and len(open_ones) == before:
            look(programme.spread(-directions[open_ones], -highs[open_ones], enough))
        if open_ones and len(open_ones) == before:
            place = open_ones[0]
            for sense in (1.0, -1.0):
                look(programme.minimise(sense * directions[place]))
            if open_ones and open_ones[0] == place:
                yield targets[place]
                open_ones.remove(place)


def _is_close(target: Target, low: float, high: float) -> bool:
    """Whether the values between the ends that the grid allows lie less than half a step apart."""
    low, high = _move_inwards(low, high, target.grid, target.origin)
    return high - low < CLOSE * target.step


def _move_inwards(low: float, high: float, grid: float, origin: float) -> tuple[float, float]:
    """The ends moved to the next points of the grid; a small slack forgives what floating numbers lose."""
    if not grid:
        return low, high
    return (
        origin + grid * ceil((low - origin) / grid - _SLACK / grid),
        origin + grid * floor((high - origin) / grid + _SLACK / grid),
    )


def _is_known(number: PublishedNumber, owners: Mapping[str, str], insight: Insight) -> bool:
    """Whether the attacker has every score of the people he knows that the number needs."""
    return all(
        (member, occasion) in insight.scores
        for member in number.members
        if owners.get(member, member) in insight.people
        for occasion in occasions_of(number.quantity)
    )


def _make_units(
    numbers: Sequence[PublishedNumber], others: int, owners: Mapping[str, str], insight: Insight
) -> tuple[list[_Unit], list[_Class]]:
    """The units of all unknown answers, and their classes."""
    standing: dict[str, list[int]] = defaultdict(list)
    for stand, number in enumerate(numbers):
        for member in number.members:
            if owners.get(member, member) not in insight.people:
                standing[member].append(stand)
    together: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for member, stands in standing.items():
        together[tuple(stands)].append(member)
    units: list[_Unit] = []
    classes = []
    for where, members in sorted(together.items()):
        n_people = len({owners.get(member, member) for member in members})
        own = [(one,) for one in members] if n_people < others else [(members[0],), tuple(members[1:])]
        own = [some for some in own if some]
        places = tuple(range(len(units), len(units) + len(own)))
        classes.append(_Class(places, tuple(members), n_people, n_people < others, where))
        units += [_Unit(some, where) for some in own]
    return units, classes


def _ranges(numbers: Sequence[PublishedNumber]) -> dict[str, tuple[float, float]]:
    """The range of a score at each occasion."""
    found: dict[str, tuple[float, float]] = {}
    for number in numbers:
        figures = _figures(number)
        for occasion in occasions_of(number.quantity):
            low, high = found.get(occasion, (figures.minimum, figures.maximum))
            found[occasion] = (max(low, figures.minimum), min(high, figures.maximum))
    return found


def _figures(number: PublishedNumber) -> Figures:
    """What is printed of a number of which something is printed."""
    if number.figures is None:
        raise ValueError("a number without figures")
    return number.figures


def _add_number(
    system: System,
    number: PublishedNumber,
    units: Sequence[_Unit],
    inside: Sequence[int],
    owners: Mapping[str, str],
    insight: Insight,
) -> None:
    """Add what one printed number says of sums and squares."""
    figures, occasions = _figures(number), occasions_of(number.quantity)
    known = [
        sum(sign * insight.scores[member, occasion] for occasion, sign in occasions.items())
        for member in number.members
        if owners.get(member, member) in insight.people
    ]
    n = len(number.members)
    values = {
        place: {(place, occasion): float(sign) for occasion, sign in occasions.items()} for place in inside
    }
    low, high = sum_range(number)
    total = {variable: value for terms in values.values() for variable, value in terms.items()}
    system.rows.append((total, low - sum(known), high - sum(known)))
    if figures.sd is None:
        return
    # Squares are taken around the printed mean, where rounding of the mean matters least.
    centre = figures.mean
    farthest = max(abs(low / n - centre), abs(high / n - centre))
    known_squares = sum((value - centre) ** 2 for value in known)
    squares: Term = {}
    n_unknown = sum(units[place].n for place in inside)
    for place in inside:
        square = (place, f"{number.quantity} squared")
        squares[square] = 1.0
        for variable, value in values[place].items():
            squares[variable] = squares.get(variable, 0.0) - 2 * centre * value
        if square not in system.bounds:
            _tie_square(system, square, values[place], units[place].n, figures, change=len(occasions) > 1)
    shift = n_unknown * centre**2 + known_squares
    smallest, largest = figures.sd
    system.rows.append(
        (squares, (n - 1) * smallest**2 - shift, (n - 1) * largest**2 + n * farthest**2 - shift)
    )


def sum_range(number: PublishedNumber) -> tuple[float, float]:
    """The smallest and largest sum over its members that a number can have been printed for.

    Raises
    ------
    ScoringError
        `audit.figures` when no scores on the grid have such a mean.
    """
    figures, change = _figures(number), len(occasions_of(number.quantity)) > 1
    n, width = len(number.members), figures.maximum - figures.minimum
    least, most = (-width, width) if change else (figures.minimum, figures.maximum)
    low = least if figures.bound == "at most" else figures.mean - figures.rounding / 2
    high = most if figures.bound == "at least" else figures.mean + figures.rounding / 2
    origin = 0.0 if change else n * figures.minimum
    low, high = _move_inwards(n * max(low, least), n * min(high, most), figures.grid, origin)
    if low > high + _SLACK:
        raise _refuse_figures()
    return low, high


def _tie_square(
    system: System, square: Variable, value: Term, n: int, figures: Figures, *, change: bool
) -> None:
    """Tie the sum of n squares to the sum of the n values by lines that no possible value crosses."""
    width = figures.maximum - figures.minimum
    a, b = (-width, width) if change else (figures.minimum, figures.maximum)
    system.bounds[square] = (0.0, n * max(a * a, b * b))
    minus = {variable: -(a + b) * factor for variable, factor in value.items()}
    system.rows.append(({square: 1.0, **minus}, -np.inf, -n * a * b))
    steps = round((b - a) / figures.grid) if figures.grid else 0
    if 0 < steps <= _LINES * (2 if change else 1):
        lines = [(a + i * figures.grid, a + (i + 1) * figures.grid) for i in range(steps)]
    else:
        lines = [(v, v) for v in np.linspace(a, b, _LINES + 2)[1:-1]]
    for v, w in lines:
        minus = {variable: -(v + w) * factor for variable, factor in value.items()}
        system.rows.append(({square: 1.0, **minus}, -n * v * w, np.inf))


def _list_targets(
    numbers: Sequence[PublishedNumber], classes: Sequence[_Class], witness: Scores
) -> Iterator[Target]:
    """One answer of every class, which speaks for all of them, and each change of it that is in a number; and sums over small classes."""
    for one in classes:
        quantities = {numbers[stand].quantity: _figures(numbers[stand]) for stand in one.stands}
        wanted: dict[tuple[tuple[str, int], ...], Figures] = {}
        for quantity, figures in quantities.items():
            occasions = occasions_of(quantity)
            wanted[tuple(occasions.items())] = figures
            wanted.update({((occasion, 1),): figures for occasion in occasions})
        for occasions_, figures in wanted.items():
            real = [
                sum(sign * witness.get((member, occasion), np.nan) for occasion, sign in occasions_)
                for member in one.members
            ]
            origin = figures.minimum if len(occasions_) == 1 else 0.0
            # Comparing with a missing score says no, and nobody is acquitted by it.
            if not max(real) - min(real) >= figures.step:
                yield _target(one.units[:1], 1, occasions_, figures, origin, real[:1])
            if one.small and len(one.members) > 1:
                yield _target(one.units, one.n_people, occasions_, figures, len(one.units) * origin, real)


def _target(
    units: Sequence[int],
    n_people: int,
    occasions: Sequence[tuple[str, int]],
    figures: Figures,
    origin: float,
    real: Sequence[float],
) -> Target:
    """The sum over units at one occasion, or of a change."""
    terms = {(place, occasion): float(sign) for place in units for occasion, sign in occasions}
    seen = sum(real)
    return Target(
        terms, n_people, figures.step, figures.grid, origin, None if np.isnan(seen) else float(seen)
    )


class _Programme:
    """The linear programme of a system, to be solved in several directions."""

    def __init__(self, system: System) -> None:
        from scipy.sparse import csr_array

        self.place = system.order()
        self.bounds = np.array(list(system.bounds.values()))
        data: list[float] = []
        row_of: list[int] = []
        column_of: list[int] = []
        for row, (terms, _, _) in enumerate(system.rows):
            data += terms.values()
            row_of += [row] * len(terms)
            column_of += [self.place[variable] for variable in terms]
        self.matrix = csr_array((data, (row_of, column_of)), shape=(len(system.rows), len(self.place)))
        self.lower = np.array([low for _, low, _ in system.rows]) - _SLACK
        self.upper = np.array([high for _, _, high in system.rows]) + _SLACK

    def vector(self, terms: Term) -> "NDArray[np.float64]":
        """The terms as a vector over all variables."""
        found = np.zeros(len(self.place))
        for variable, value in terms.items():
            found[self.place[variable]] = value
        return found

    def minimise(self, objective: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """The variables where the objective is smallest; raises ScoringError `audit.figures` when nothing fits."""
        return self._solve(objective, self.matrix, self.lower, self.upper, self.bounds)

    def spread(
        self, directions: "NDArray[np.float64]", seen: "NDArray[np.float64]", enough: "NDArray[np.float64]"
    ) -> "NDArray[np.float64]":
        """The variables where the directions lie as far below what was seen of them as they can together, each up to `enough`.

        A gain for each direction is at most `seen - direction` and at most `enough`; their sum is made as large as possible.
        """
        from scipy.sparse import block_array, csr_array, eye_array

        m, width = len(directions), len(self.place)
        matrix = block_array([[self.matrix, None], [csr_array(directions), eye_array(m)]], format="csr")
        gains = np.column_stack([np.full(m, -np.inf), enough])
        objective = np.concatenate([np.zeros(width), -np.ones(m)])
        lower = np.concatenate([self.lower, np.full(m, -np.inf)])
        upper = np.concatenate([self.upper, seen + _SLACK])
        return self._solve(objective, matrix, lower, upper, np.vstack([self.bounds, gains]))[:width]

    @staticmethod
    def _solve(
        objective: "NDArray[np.float64]", matrix: Any, lower: Any, upper: Any, bounds: "NDArray[np.float64]"
    ) -> "NDArray[np.float64]":
        """The best variables of a linear programme."""
        # Without integrality this is HiGHS's linear programming, and leaner than `linprog` around it.
        from scipy.optimize import Bounds, LinearConstraint, milp

        result: Any = milp(
            objective,
            constraints=LinearConstraint(matrix, lower, upper),
            bounds=Bounds(bounds[:, 0], bounds[:, 1]),
        )
        if result.x is None:
            raise _refuse_figures()
        return np.asarray(result.x)


def _refuse_figures() -> ScoringError:
    """The error for numbers that contradict one another."""
    return ScoringError(
        "audit.figures",
        "No answers can have led to the numbers that are printed.",
        "Pass the means, intervals, range and grid exactly as they were published.",
    )
