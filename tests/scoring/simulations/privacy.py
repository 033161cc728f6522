"""Random programmes for the promise to participants: measurement plan section 6, D10 and P1.

A world is one scale of one programme, wave after wave, cohort after cohort: the rules decide, what they let through is printed as the
service prints it, and everything printed is attacked. Scales share no unknowns, so several scales are several worlds. Answers carry
the names of their person and their pair, as in the service, and the floor is raised for people with several pairs as there.

Two attackers: the auditor itself, and `attack_by_trying`, which takes no step of the auditor's. It looks at every set of fewer than k
people in turn and asks whether the published sums span anything that is theirs alone, as an angle between two spaces in floating
numbers; the auditor eliminates whole numbers.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t as student

from instruments.model import WaveKind
from scoring.auditor import Breach, Insight, Method, PublishedNumber, find_breaches, occasions_of
from scoring.descriptives import reference_half_width
from scoring.disclosure import ALL_RULES, SENSITIVE_FLOOR, Cell, Rule, clears_floor, decide_release
from scoring.suppression import Knowledge, audit_release
from surveys.published import SMALLEST_SPREAD, Figures, publish_change, publish_level
from surveys.release_audit import read_figures

WAVES = tuple(kind.value for kind in WaveKind)[:6]
LOW, HIGH = 1, 5
# So many people can be tried set by set.
TRIED_PEOPLE = 13


@dataclass
class World:
    """One scale of a programme: its answers by wave and who gave them, its menus in the order of publication, and its scores."""

    seed: int
    floor: int
    sensitive: bool
    k_items: int
    waves: tuple[str, ...]
    owners: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    partners: dict[str, str] = field(default_factory=dict)
    answered: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    menus: list[list[Cell]] = field(default_factory=list)
    scores: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one world published, and what each attacker got out of it.

    `outside` and `inside` are the auditor's breaches for nobody in particular and for respondents with and without their partners;
    `found_by_trying` is the other attacker's, where `tried`. `strict` says whether some number is about exactly k people, so that one of
    them learns a sum over k - 1 others, which the floor does not rule out.
    """

    seed: int
    n_people: int
    n_numbers: int
    n_withheld: int
    outside: tuple[Breach, ...]
    inside: tuple[Breach, ...]
    tried: bool
    found_by_trying: bool
    strict: bool

    def by(self, method: Method) -> bool:
        """Whether the auditor found something in this way."""
        return any(breach.method is method for breach in (*self.outside, *self.inside))


def make_world(seed: int) -> World:
    """A random programme: cohorts of 5 to 40 pairs, 1 to 6 waves, people who join, leave, skip, are matched anew or have two pairs."""
    rng = random.Random(seed)
    small = rng.random() < 0.4
    n_waves = rng.choice((1, 2, 2, 3, 3, 4, 5, 6))
    world = World(
        seed,
        floor=rng.choice((3, 3, 5)) if small else rng.choice((5, 5, 5, 6, 8)),
        sensitive=rng.random() < (0.05 if small else 0.2),
        k_items=rng.choice((1, 3, 4)),
        waves=WAVES[:n_waves],
    )
    world.answered = {wave: set() for wave in world.waves}
    sizes = (
        [rng.randint(5, 6)]
        if small
        else [int(5 + 36 * rng.random() ** 2) for _ in range(rng.choice((1, 1, 2, 3)))]
    )
    for cohort, size in enumerate(sizes):
        _add_cohort(world, rng, f"c{cohort}", size)
    _add_menus(world, rng, [f"c{cohort}" for cohort in range(len(sizes))])
    _add_scores(world, rng)
    return world


def _add_cohort(world: World, rng: random.Random, cohort: str, size: int) -> None:
    """Pairs of a cohort with their answers; each pair has a first and a last wave, an arm, and perhaps a successor."""
    joins, leaves, responds = (
        rng.choice((0.0, 0.1, 0.3)),
        rng.choice((0.0, 0.05, 0.2)),
        rng.choice((0.7, 0.9, 1.0)),
    )
    several, anew = rng.choice((0.0, 0.0, 0.15)), rng.choice((0.0, 0.0, 0.1))
    mentors: list[str] = []
    for number in range(size):
        mentor = rng.choice(mentors) if mentors and rng.random() < several else f"{cohort}-mentor{number}"
        mentors.append(mentor)
        mentee, arm = f"{cohort}-mentee{number}", rng.choice("xy")
        first = rng.randrange(len(world.waves)) if rng.random() < joins else 0
        pair, stopped = f"{cohort}-pair{number}", {"mentor": False, "mentee": False}
        for wave in world.waves[first:]:
            if wave != world.waves[first] and rng.random() < anew:
                # The mentee goes on with somebody else, in a pair of its own.
                pair, mentor = f"{pair}+", rng.choice(mentors)
            for role, person in (("mentor", mentor), ("mentee", mentee)):
                stopped[role] |= rng.random() < leaves
                if stopped[role] or rng.random() > responds:
                    continue
                answer = f"{person}/{pair}"
                world.owners[answer], world.pairs[answer] = person, pair
                world.partners[person] = mentee if role == "mentor" else mentor
                world.answered[wave].add(answer)
                for group in (
                    cohort,
                    role,
                    "all",
                    f"{cohort} {role}",
                    f"{cohort} {arm}",
                    f"{cohort} {arm} {role}",
                ):
                    world.groups.setdefault(group, set()).add(answer)


def _add_menus(world: World, rng: random.Random, cohorts: Sequence[str]) -> None:
    """Menus by wave: each cohort's cells by role or in total, perhaps by arm, and perhaps the programme's."""
    kinds = {
        "role": [[f"{cohort} {role}" for role in ("mentor", "mentee")] for cohort in cohorts],
        "cohort": [[cohort] for cohort in cohorts],
        "arm": [[f"{cohort} {arm}" for arm in "xy"] for cohort in cohorts],
        "arm and role": [
            [f"{cohort} {arm} {role}" for arm in "xy" for role in ("mentor", "mentee")] for cohort in cohorts
        ],
        "programme": [["mentor", "mentee"]],
        "total": [["all"]],
    }
    chosen = ["role", *rng.sample(list(kinds)[1:], rng.choice((0, 1, 1, 2)))]
    since = rng.choice(("first", "last", "both"))
    for position, wave in enumerate(world.waves):
        earlier = {"first": world.waves[:1], "last": world.waves[position - 1 : position]}
        before = sorted(
            {*(earlier["first"] if since != "last" else ()), *(earlier["last"] if since != "first" else ())}
        )
        menus = [menu for kind in chosen for menu in kinds[kind]]
        if rng.random() < 0.3:
            rng.shuffle(menus)
        for menu in menus:
            cells = []
            for group in menu:
                members = world.groups.get(group, set()) & world.answered[wave]
                cells += [
                    _cell(world, f"change:S:{start}:{wave}", members & world.answered[start])
                    for start in before
                    if start != wave
                ]
                cells.append(_cell(world, f"level:S:{wave}", members))
            world.menus.append(cells)


def _cell(world: World, quantity: str, members: set[str]) -> Cell:
    """A cell of a menu."""
    return Cell(quantity, frozenset(members), frozenset(world.pairs[one] for one in members), world.sensitive)


def _add_scores(world: World, rng: random.Random) -> None:
    """A score for every answer: the mean of its items, of a world that lies anywhere between its ends."""
    centre, spread = rng.choice((2.0, 3.0, 3.5, 4.0, 4.5)), rng.choice((0.3, 0.7, 1.0))
    for wave in world.waves:
        for answer in sorted(world.answered[wave]):
            level = rng.gauss(centre, spread)
            items = [min(HIGH, max(LOW, round(rng.gauss(level, 0.6)))) for _ in range(world.k_items)]
            world.scores[answer, f"S:{wave}"] = sum(items) / world.k_items


def publish(
    world: World, rules: frozenset[Rule] = ALL_RULES, *, audited: bool = False
) -> tuple[list[PublishedNumber], int]:
    """Everything that is let through, as it is printed; and how many numbers the auditor withheld where it is asked."""
    cells: list[Cell] = []
    for menu in world.menus:
        cells += _decide(world, menu, cells, rules)
    numbers = [print_number(world, cell) for cell in cells]
    if not audited:
        return numbers, 0
    report = audit_release(
        numbers,
        dict.fromkeys(range(len(numbers)), 1.0),
        floor=world.floor,
        owners=world.owners,
        knowledge=Knowledge(world.scores, world.partners),
    )
    kept = [number for place, number in enumerate(numbers) if place not in report.withhold]
    return kept, len(report.withhold)


def _decide(world: World, menu: Sequence[Cell], cells: Sequence[Cell], rules: frozenset[Rule]) -> list[Cell]:
    """What the rules let through of a menu."""
    # As in `surveys.releases`: the rules count answers, so the floor is raised where somebody has several.
    answers = {answer for cell in (*menu, *cells) for answer in cell.members}
    several = sorted(Counter(world.owners[answer] for answer in answers).values(), reverse=True)
    floors = [1 + sum(several[: k - 1]) for k in (world.floor, max(world.floor, SENSITIVE_FLOOR))]
    if Rule.FLOOR in rules:
        menu = [cell for cell in menu if clears_floor(_by_people(world, cell), world.floor)]
    decisions = decide_release(
        menu, cells, floor=max(floors[0], world.floor), sensitive_floor=floors[1], rules=rules
    )
    return [decision.cell for decision in decisions if decision.released and decision.cell.members]


def _by_people(world: World, cell: Cell) -> Cell:
    """The same cell with people as members."""
    people = frozenset(world.owners[answer] for answer in cell.members)
    return Cell(cell.quantity, people, cell.pairs, cell.sensitive)


def print_number(world: World, cell: Cell) -> PublishedNumber:
    """A released cell with the figures that the service prints of it."""
    occasions = occasions_of(cell.quantity)
    values = np.array(
        [
            sum(sign * world.scores[member, occasion] for occasion, sign in occasions.items())
            for member in sorted(cell.members)
        ]
    )
    n, n_people = len(values), len({world.owners[member] for member in cell.members})
    half = None
    if n >= 10 and np.ptp(values) > 1e-9:
        half = float(student.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / np.sqrt(n)
    mean = float(values.mean())
    smallest = reference_half_width(SMALLEST_SPREAD * (HIGH - LOW), n, 0.95)
    ends = (None, None) if half is None else (mean - half, mean + half)
    figures = Figures(n_people, mean, *ends, "none" if half is None else "t", smallest)
    if len(occasions) > 1:
        body = publish_change(figures, HIGH - LOW, from_wave=cell.quantity.split(":")[2])
    else:
        body = publish_level(figures, LOW, HIGH)
    step = 1 / world.k_items
    printed = read_figures(body, n, minimum=LOW, maximum=HIGH, step=step, grid=step)
    return PublishedNumber(cell.quantity, cell.members, (cell.quantity,), cell.sensitive, printed)


def attack_by_trying(
    numbers: Sequence[PublishedNumber], floor: int, owners: dict[str, str], known: Iterable[str] = ()
) -> bool:
    """Whether some set of 1 to floor - 1 people who are not known owns something in the span of the published sums.

    With the rows of an orthonormal basis Q of that span, a vector of the span lies in the coordinates U exactly when the largest singular
    value of Q's columns at U is 1, the cosine of an angle of 0.
    """
    known = set(known)
    places: dict[tuple[str, str], int] = {}
    rows = []
    for number in numbers:
        row: dict[int, int] = {}
        for member in number.members:
            if owners[member] not in known:
                for occasion, sign in occasions_of(number.quantity).items():
                    row[places.setdefault((member, occasion), len(places))] = sign
        rows.append(row)
    matrix = np.zeros((len(rows), len(places)))
    for place, row in enumerate(rows):
        matrix[place, list(row)] = list(row.values())
    if not matrix.any():
        return False
    _, sizes, basis = np.linalg.svd(matrix, full_matrices=False)
    basis = basis[sizes > 1e-9 * sizes[0]]
    columns: dict[str, list[int]] = {}
    for (member, _), place in places.items():
        columns.setdefault(owners[member], []).append(place)
    # A column of zeros at the end fills up those with fewer unknowns.
    padded = np.hstack([basis, np.zeros((len(basis), 1))])
    most = max(map(len, columns.values()))
    table = np.array([own + [padded.shape[1] - 1] * (most - len(own)) for own in columns.values()])
    for size in range(1, min(floor, len(table) + 1)):
        sets = np.array(list(itertools.combinations(range(len(table)), size)))
        # Shape: sets, unknowns of a set, dimensions of the span.
        parts = padded.T[table[sets].reshape(len(sets), -1)]
        if (np.linalg.norm(parts, ord=2, axis=(1, 2)) > 1 - 1e-7).any():
            return True
    return False


def play(
    seed: int,
    rules: frozenset[Rule] = ALL_RULES,
    *,
    audited: bool = False,
    n_insiders: int = 1,
    methods: Sequence[Method] = tuple(Method),
) -> Outcome:
    """Publish one world and let everybody attack it; so many of the most tempted respondents do, and one drawn by lot."""
    world = make_world(seed)
    numbers, n_withheld = publish(world, rules, audited=audited)
    outside = find_breaches(
        numbers, floor=world.floor, owners=world.owners, methods=methods, witness=world.scores
    )
    own_floor = max(world.floor, SENSITIVE_FLOOR) if world.sensitive else world.floor
    people = sorted({world.owners[answer] for number in numbers for answer in number.members})
    tried = bool(numbers) and len(people) <= TRIED_PEOPLE and own_floor <= 6
    found_by_trying = tried and attack_by_trying(numbers, own_floor, world.owners)
    inside: list[Breach] = []
    insiders = tempted(world, people, n_insiders)
    if people and n_insiders:
        insiders.append(random.Random(seed).choice(people))
    for person in dict.fromkeys(insiders):
        for knowing in ({person}, {person, world.partners[person]}):
            inside += attack_inside(world, numbers, knowing)
            if tried:
                found_by_trying |= attack_by_trying(numbers, own_floor - len(knowing), world.owners, knowing)
    strict = any(len({world.owners[answer] for answer in number.members}) == own_floor for number in numbers)
    return Outcome(
        seed,
        len(people),
        len(numbers),
        n_withheld,
        tuple(outside),
        tuple(inside),
        tried,
        found_by_trying,
        strict,
    )


def attack_inside(world: World, numbers: Sequence[PublishedNumber], people: set[str]) -> list[Breach]:
    """What people learn who put their own answers together, from the numbers that hang together with their own."""
    own = [
        place
        for place, number in enumerate(numbers)
        if any(world.owners[answer] in people for answer in number.members)
    ]
    return find_breaches(
        numbers,
        floor=world.floor,
        owners=world.owners,
        insight=insight_of(world, people),
        touching=own,
        witness=world.scores,
    )


def insight_of(world: World, people: Iterable[str]) -> Insight:
    """What people know who put their own answers together."""
    chosen = frozenset(people)
    scores = {
        (answer, occasion): score
        for (answer, occasion), score in world.scores.items()
        if world.owners[answer] in chosen
    }
    return Insight(chosen, scores)


def tempted(world: World, people: Sequence[str], n: int) -> list[str]:
    """The people whose own answers stand out most: they learn most about the rest from a mean near the other end."""
    if not people:
        return []
    middle = np.mean(list(world.scores.values()))
    far: dict[str, float] = dict.fromkeys(people, 0.0)
    for (answer, _), score in world.scores.items():
        if world.owners[answer] in far:
            far[world.owners[answer]] = max(far[world.owners[answer]], abs(score - middle))
    return sorted(people, key=lambda person: (-far[person], person))[:n]
