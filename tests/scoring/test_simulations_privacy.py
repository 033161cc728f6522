"""Target P1 of the measurement plan: in random programmes nothing about too few people follows from all that was ever published.

Algebra, by the auditor and by trying every small set of people, for outsiders, for respondents and for respondents with their partners:
no breach where all rules are on, and some breach where any one is off. What rounding and the ends of the scale betray depends on the
answers, of which the rules know nothing: there the auditor has to withhold numbers, and what it lets through is attacked again.

`pytest -m privacy -s` runs 10,000 worlds and prints what they took.
"""

import time
from collections import Counter

import pytest

from scoring.auditor import Method
from scoring.disclosure import ALL_RULES, Rule
from tests.scoring.simulations.privacy import WAVES, make_world, play


def play_all(seeds, **more):
    """Attack worlds; returns the outcomes, and prints their number, what was found and the time."""
    begun = time.perf_counter()
    outcomes = [play(seed, **more) for seed in seeds]
    counts = Counter(
        worlds=len(outcomes),
        numbers=sum(outcome.n_numbers for outcome in outcomes),
        withheld=sum(outcome.n_withheld for outcome in outcomes),
        tried=sum(outcome.tried for outcome in outcomes),
        algebra=sum(outcome.by(Method.ALGEBRA) for outcome in outcomes),
        trying=sum(outcome.found_by_trying for outcome in outcomes),
        bounds_outside=sum(bool(outcome.outside) for outcome in outcomes),
        bounds_inside=sum(bool(outcome.inside) for outcome in outcomes),
        exactly_k=sum(outcome.strict for outcome in outcomes),
    )
    print(f"\n{dict(counts)} in {time.perf_counter() - begun:.0f} s")
    return outcomes


def check_algebra(outcomes):
    assert [
        outcome.seed for outcome in outcomes if outcome.by(Method.ALGEBRA) or outcome.found_by_trying
    ] == []
    # The rules do not hold by showing nothing.
    assert sum(outcome.n_numbers for outcome in outcomes) > 5 * len(outcomes)


def test_five_hundred_programmes_give_nothing_away_to_algebra():
    check_algebra(play_all(range(440), n_insiders=0) + play_all(range(440, 500)))


def test_what_the_auditor_lets_through_gives_nothing_away_to_bounds():
    # In the last two, whoever learns something and whoever it is about both stand out; once the auditor let that through.
    outcomes = play_all([*range(30), 294, 958], audited=True)

    assert [outcome.seed for outcome in outcomes if outcome.outside or outcome.inside] == []
    assert any(outcome.n_withheld for outcome in outcomes)


@pytest.mark.privacy
def test_ten_thousand_programmes_give_nothing_away_to_algebra():
    check_algebra(play_all(range(10_000)))


@pytest.mark.privacy
def test_what_the_auditor_lets_through_of_a_thousand_programmes_gives_nothing_away_to_bounds():
    outcomes = play_all(range(1_000), audited=True)

    assert [outcome.seed for outcome in outcomes if outcome.outside or outcome.inside] == []


@pytest.mark.parametrize("off", list(Rule))
def test_without_any_one_rule_both_attackers_succeed(off):
    """Negative control: the worlds are made so that each rule is needed."""
    found = {"auditor": False, "trying": False}
    for seed in range(500):
        outcome = play(seed, ALL_RULES - {off}, n_insiders=0, methods=(Method.ALGEBRA,))
        found["auditor"] |= outcome.by(Method.ALGEBRA)
        found["trying"] |= outcome.found_by_trying
        # Where both have a go they agree.
        assert not outcome.tried or outcome.by(Method.ALGEBRA) == outcome.found_by_trying, seed
        if all(found.values()):
            return
    pytest.fail(f"without {off} nothing was found: {found}")


def test_the_worlds_have_what_the_plan_asks_for():
    worlds = [make_world(seed) for seed in range(120)]

    assert {len(world.waves) for world in worlds} == set(range(1, len(WAVES) + 1))
    assert any(world.sensitive for world in worlds)
    # Somebody in two pairs, a pair matched anew, somebody who came later and somebody who left.
    assert any(len(set(world.owners.values())) < len(world.owners) for world in worlds)
    assert any(pair.endswith("+") for world in worlds for pair in world.pairs.values())
    assert any(world.answered[world.waves[-1]] - world.answered[world.waves[0]] for world in worlds)
    assert any(world.answered[world.waves[0]] - world.answered[world.waves[-1]] for world in worlds)
    sizes = [len(set(world.pairs.values())) for world in worlds]
    assert min(sizes) <= 6
    assert max(sizes) > 60
