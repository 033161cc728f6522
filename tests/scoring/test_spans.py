import itertools
import random
from fractions import Fraction

import pytest

from scoring.spans import Row, connected_rows, exposes_few


def rank(matrix):
    """Rank over the fractions, by plain elimination."""
    rows = [[Fraction(value) for value in row] for row in matrix]
    found = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in range(found, len(rows)) if rows[row][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for row in range(found + 1, len(rows)):
            factor = rows[row][column] / rows[found][column]
            rows[row] = [value - factor * above for value, above in zip(rows[row], rows[found], strict=True)]
        found += 1
    return found


def exposed_by_trying(rows, floor, occasions):
    """Every set of fewer than `floor` people in turn: does leaving out their unknowns lower the rank?"""
    people = sorted({member for row in rows for member in row.members})
    unknowns = [(person, occasion) for person in people for occasion in occasions]
    matrix = [[row.coefficients.get(o, 0) if p in row.members else 0 for p, o in unknowns] for row in rows]
    whole = rank(matrix)
    return any(
        rank([[value for value, (p, _) in zip(row, unknowns, strict=True) if p not in few] for row in matrix])
        < whole
        for size in range(1, floor)
        for few in itertools.combinations(people, size)
    )


def random_rows(rng):
    people = [f"p{number}" for number in range(rng.randint(3, 8))]
    rows = []
    for _ in range(rng.randint(1, 7)):
        share = rng.choice([0.5, 0.8, 0.95])
        kind = rng.choice(["a", "b", "c", "ab", "bc", "ac"])
        coefficients = {kind: 1} if len(kind) == 1 else {kind[0]: -1, kind[1]: 1}
        rows.append(Row(frozenset(person for person in people if rng.random() < share), coefficients))
    return rows


def test_the_search_agrees_with_trying_every_small_set():
    rng = random.Random(1)
    answers = []
    for _ in range(200):
        rows, floor = random_rows(rng), rng.choice([2, 3, 4])
        answers.append(exposes_few(rows, floor))
        assert answers[-1] == exposed_by_trying(rows, floor, "abc"), (rows, floor)

    assert 50 < sum(answers) < 150


@pytest.mark.slow
def test_the_search_agrees_with_trying_every_small_set_many_times():
    rng = random.Random(2)
    for _ in range(10_000):
        rows, floor = random_rows(rng), rng.choice([2, 3, 4, 5])
        assert exposes_few(rows, floor) == exposed_by_trying(rows, floor, "abc"), (rows, floor)


def people(*numbers):
    return frozenset(f"p{number}" for number in numbers)


def test_three_overlapping_sums_may_betray_their_common_part():
    # (ab + ac - bc) / 2 is the sum over a, although any two of them differ by five people on either side.
    a, b, c = people(1, 2), people(3, 4, 5, 6, 7), people(8, 9, 10, 11, 12)
    rows = [Row(a | b, {"x": 1}), Row(a | c, {"x": 1}), Row(b | c, {"x": 1})]

    assert exposes_few(rows, 5)
    assert not exposes_few(rows[:2], 5)
    assert not exposes_few(rows, 2)


def test_no_rows_and_empty_rows_betray_nothing():
    assert not exposes_few([], 5)
    assert not exposes_few([Row(frozenset(), {"x": 1})], 5)


def test_only_rows_that_share_unknowns_are_connected():
    start = Row(people(1, 2), {"x": 1})
    near = Row(people(2, 3), {"x": -1, "y": 1})
    far = Row(people(3, 4), {"y": 1})
    other_people, other_occasion = Row(people(8), {"x": 1}), Row(people(1, 2), {"z": 1})

    assert connected_rows(start, [far, other_people, near, other_occasion]) == [near, far]
    assert connected_rows(start, [far, other_people]) == []
