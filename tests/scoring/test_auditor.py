"""Small releases whose secrets can be worked out on paper, and what the auditor makes of them."""

import itertools
import random

import pytest

from scoring.auditor import (
    Breach,
    Figures,
    Insight,
    Method,
    PublishedNumber,
    find_breaches,
    sd_from_interval,
    split_numbers,
)
from scoring.errors import ScoringError
from scoring.suppression import Knowledge, audit_release, smallest_suppression

PEOPLE = [f"r{number}" for number in range(20)]


def figures(mean, rounding=0.1, **more):
    """What is printed of a scale of one item from 1 to 5."""
    return Figures(mean, rounding, 1, 5, **({"step": 1.0, "grid": 1.0} | more))


def level(n, mean=None, *, first=0, wave="T0", **more):
    members = frozenset(PEOPLE[first : first + n])
    return PublishedNumber(
        f"level:S:{wave}", members, figures=None if mean is None else figures(mean, **more)
    )


def change(n, mean=None, **more):
    members = frozenset(PEOPLE[:n])
    return PublishedNumber("change:S:T0:T2", members, figures=None if mean is None else figures(mean, **more))


def attack(*numbers, **more):
    return find_breaches(numbers, floor=5, **more)


def knowing(*people, scores=None):
    return Insight(frozenset(people), scores or {})


# Algebra


def test_a_total_minus_a_part_is_one_person():
    assert attack(level(12), level(11)) == [Breach((0, 1), 1, Method.ALGEBRA)]
    assert attack(level(12), level(7)) == []


def test_a_change_and_two_levels_betray_two_leavers_and_any_two_of_them_do_not():
    numbers = [level(10), change(8), level(8, wave="T2")]

    assert attack(*numbers) == [Breach((0, 1, 2), 2, Method.ALGEBRA)]
    for two in itertools.combinations(numbers, 2):
        assert attack(*two) == []


def test_four_people_are_too_few_and_a_report_says_how_many():
    assert attack(level(4), level(9, first=5)) == [Breach((0,), 4, Method.ALGEBRA)]


def test_only_the_numbers_that_are_needed_are_named():
    assert attack(level(20), level(12), level(8, first=12), level(11)) == [Breach((1, 3), 1, Method.ALGEBRA)]


def test_a_sensitive_scale_has_the_higher_floor():
    seven = PublishedNumber("level:S:T0", frozenset(PEOPLE[:7]), sensitive=True)

    assert attack(seven) == [Breach((0,), 7, Method.ALGEBRA)]


def test_a_partner_who_tells_turns_five_into_three():
    # The sum over the three others is known, and the floor counts the two in: nothing may be known about fewer than three.
    assert attack(level(5), insight=knowing("r0", "r1")) == []
    # One more who can be subtracted leaves two.
    assert attack(level(5), level(6), insight=knowing("r0", "r1"))[0].n_people == 1
    assert attack(level(4), insight=knowing("r0", "r1")) == [Breach((0,), 2, Method.ALGEBRA)]


def test_who_answers_twice_is_one_person():
    total = PublishedNumber("level:S:T0", frozenset([*PEOPLE[:10], "twice/a", "twice/b"]))
    part = PublishedNumber("level:S:T0", frozenset(PEOPLE[:6]))
    owners = {"twice/a": "twice", "twice/b": "twice", "r6": "twice", "r7": "twice"}

    # Six answers are left, of the three people r8, r9 and "twice".
    assert attack(total, part, owners=owners) == [Breach((0, 1), 3, Method.ALGEBRA)]
    assert attack(total, part) == []


# Bounds


def test_a_mean_at_the_end_of_the_range_betrays_everybody():
    assert attack(level(5, 5.0)) == [Breach((0,), 1, Method.BOUNDS)]
    assert attack(level(5, 1.0)) == [Breach((0,), 1, Method.BOUNDS)]
    assert attack(level(5, 3.0)) == []
    # On paper: 4.8 of five people is a sum of 24, so somebody is one below, and nobody knows who.
    assert attack(level(5, 4.8)) == []


def test_a_border_hides_what_the_mean_would_say():
    assert attack(level(5, 4.8, rounding=0.0, bound="at least")) == []
    # A border so near to the end leaves no room for anybody to be one below.
    assert attack(level(5, 4.9, rounding=0.0, bound="at least")) == [Breach((0,), 1, Method.BOUNDS)]


def test_a_change_across_the_whole_range_betrays_both_waves():
    assert attack(change(6, 4.0)) == [Breach((0,), 1, Method.BOUNDS)]


def test_a_level_and_a_change_may_pin_the_end_together():
    # Eight people lack 5 points to the top at first (8 x 4.4 = 35.2, so 35 of 40), and six of them gain 5 (6 x 0.8 = 4.8): they end
    # at the top, all six, and the two others were there before. No rule on groups objects, since eight and six may be shown.
    numbers = [level(8, 4.4), change(6, 0.8)]

    assert attack(*numbers) == [Breach((0, 1), 1, Method.BOUNDS)]
    assert attack(*numbers, methods=[Method.ALGEBRA]) == []
    assert attack(level(8, 4.1), change(6, 0.8)) == []


def test_a_total_and_a_part_may_pin_the_rest_at_the_top():
    # At most 2 points are missing among ten, and the five of the part lack them both.
    assert attack(level(10, 4.8, rounding=0.0, bound="at least"), level(5, 4.6)) == [
        Breach((0, 1), 1, Method.BOUNDS)
    ]
    assert attack(level(10, 4.8, rounding=0.0, bound="at least"), level(5, 4.8)) == []


def test_ones_own_answer_may_be_all_that_was_missing():
    border = level(5, 4.8, rounding=0.0, bound="at least")
    missing, full = ({("r0", "S:T0"): score} for score in (4, 5))

    assert attack(border, insight=knowing("r0", scores=missing)) == [Breach((0,), 1, Method.BOUNDS)]
    assert attack(border, insight=knowing("r0", scores=full)) == []
    # Without the score the number says nothing more to them than to others.
    assert attack(border, insight=knowing("r0")) == []


def test_sums_of_squares_betray_equal_answers():
    # Twelve people with the mean 3: without a spread all of them said 3; the sum alone leaves everything open.
    assert attack(level(12, 3.0, rounding=0.01)) == []
    assert attack(level(12, 3.0, rounding=0.01, sd=(0.0, 0.1))) == [Breach((0,), 1, Method.BOUNDS)]
    assert attack(level(12, 3.0, rounding=0.01, sd=(0.6, 0.7))) == []


def test_sums_of_squares_tell_two_people_apart_where_their_sum_does_not():
    # Their sum is 6 either way: 3 and 3 make 18 squares, 1 and 5 make 26, 2 and 4 make 20.
    two = PublishedNumber("level:S:T0", frozenset(PEOPLE[:2]), figures=figures(3.0, 0.01, sd=(0.0, 0.05)))
    apart = PublishedNumber("level:S:T0", frozenset(PEOPLE[:2]), figures=figures(3.0, 0.01, sd=(1.4, 1.42)))
    alone = {"floor": 2, "methods": [Method.BOUNDS]}

    assert find_breaches([two], **alone) == [Breach((0,), 1, Method.BOUNDS)]
    # 2 and 4: which of them said which is not known.
    assert find_breaches([apart], **alone) == []


def test_a_printed_interval_holds_the_spread_it_was_made_from():
    # R: qt(.975, 9) = 2.262157; s = 0.8 gives a half width of 0.5723 around 3.2.
    smallest, largest = sd_from_interval(figures(3.2), 10, 2.6, 3.8)

    assert smallest < 0.8 < largest
    assert largest - smallest < 0.2
    # An end that was cut at the end of the range says nothing, and a widened interval hides how narrow it was.
    assert sd_from_interval(figures(4.2), 10, 3.6, 5.0)[1] > sd_from_interval(figures(4.2), 10, 3.6, 4.7)[1]
    assert sd_from_interval(figures(3.2), 10, 3.0, 3.4, narrowest=0.155)[0] == 0.0


def test_the_true_scores_change_no_finding():
    rng = random.Random(3)
    for _ in range(30):
        n, m = rng.randint(5, 9), rng.randint(5, 9)
        scores = {(one, "S:T0"): rng.choice((3, 4, 5, 5, 5)) for one in PEOPLE[: max(n, m)]}
        numbers = [
            level(size, round(sum(scores[one, "S:T0"] for one in PEOPLE[:size]) / size, 1)) for size in (n, m)
        ]
        methods = [Method.BOUNDS]
        assert attack(*numbers, methods=methods) == attack(*numbers, methods=methods, witness=scores)


# What is asked for


def test_only_what_hangs_together_with_the_new_numbers_is_attacked():
    numbers = [level(3), level(12, first=8)]

    assert split_numbers(numbers) == [(0,), (1,)]
    assert attack(*numbers, touching=[1]) == []
    assert attack(*numbers, touching=[0]) == [Breach((0,), 3, Method.ALGEBRA)]


@pytest.mark.parametrize(
    ("code", "numbers", "floor"),
    [
        ("audit.floor", [], 1),
        ("audit.quantity", [PublishedNumber("level:S", frozenset(PEOPLE))], 5),
        ("audit.figures", [level(5, 4.9)], 5),
        ("audit.figures", [level(10, 3.0), level(10, 3.5)], 5),
    ],
)
def test_what_cannot_be_is_refused(code, numbers, floor):
    with pytest.raises(ScoringError) as caught:
        find_breaches(numbers, floor=floor)

    assert caught.value.code == code


# Suppression


def test_a_release_that_passes_is_left_alone():
    report = audit_release([level(12), change(12)], {1: 1.0}, floor=5)

    assert (report.passes, report.breaches, report.withhold) == (True, (), ())


def test_the_cheapest_number_goes():
    numbers = [level(10), change(8), level(8, wave="T2")]

    for dear, gone in ((1, 2), (2, 1)):
        weights = {1: 1.0, 2: 1.0} | {dear: 2.0}
        assert audit_release(numbers, weights, floor=5).withhold == (gone,)


def test_one_number_that_spoils_many_goes_rather_than_they():
    numbers = [level(12), level(11), level(10), level(9)]

    assert audit_release(numbers, dict.fromkeys(range(4), 1.0), floor=5).withhold in {(0, 1, 2), (1, 2, 3)}
    # Three totals that miss one person each of the part: the part goes.
    part = PublishedNumber("level:S:T0", frozenset(PEOPLE[:10]))
    totals = [PublishedNumber("level:S:T0", frozenset([*PEOPLE[:10], one])) for one in PEOPLE[10:13]]
    numbers = [part, *totals]
    report = audit_release(numbers, dict.fromkeys(range(4), 1.0), floor=5)
    assert len(report.withhold) == 3


def test_beside_something_betrayed_before_nothing_new_is_let_through():
    numbers = [level(12), level(11), level(6), level(9, wave="T4")]

    report = audit_release(numbers, {2: 1.0, 3: 1.0}, floor=5)
    assert report.withhold == (2,)
    assert not report.passes


def test_a_respondent_who_learns_too_much_is_thought_of():
    border = level(5, 4.8, rounding=0.0, bound="at least")
    scores = {(one, "S:T0"): score for one, score in zip(PEOPLE, (4, 5, 5, 5, 5), strict=False)}

    assert audit_release([border], {0: 1.0}, floor=5).passes
    assert audit_release([border], {0: 1.0}, floor=5, knowledge=Knowledge(scores)).withhold == (0,)
    equal = dict.fromkeys(scores, 5)
    assert audit_release([border], {0: 1.0}, floor=5, knowledge=Knowledge(equal)).passes


def test_no_smaller_suppression_passes():
    """Brute force: of all sets of numbers, the cheapest that passes costs as much as the one proposed."""
    rng = random.Random(7)
    for _ in range(60):
        numbers = [
            level(rng.randint(5, 12), first=rng.randint(0, 4), wave=rng.choice("12")) for _ in range(6)
        ]
        weights = {place: rng.choice((1.0, 1.25)) for place in range(1, 6)}

        def passes(gone, numbers=numbers):
            return not attack(*(number for place, number in enumerate(numbers) if place not in gone))

        proposal = audit_release(numbers, weights, floor=5).withhold
        costs = [
            sum(weights[place] for place in gone)
            for size in range(6)
            for gone in itertools.combinations(weights, size)
            if passes(gone)
        ]
        assert passes(proposal)
        assert sum(weights[place] for place in proposal) == pytest.approx(min(costs))


def test_cuts_meet_every_combination():
    # Breaches 01, 12, 23: the middle two meet them all.
    def combinations(kept):
        return [two for two in ((0, 1), (1, 2), (2, 3)) if set(two) <= set(kept)]

    assert smallest_suppression(range(4), dict.fromkeys(range(4), 1.0), combinations) in {
        (1, 2),
        (1, 3),
        (0, 2),
    }
    assert smallest_suppression(range(4), {0: 1.0, 1: 3.0, 2: 1.0, 3: 3.0}, combinations) == (0, 2)
    assert smallest_suppression(range(4), {1: 1.0, 2: 1.0}, combinations) == (1, 2)
