import numpy as np
import pandas as pd
import pytest

from scoring.equivalence import Margin
from scoring.errors import ScoringError
from scoring.waitlist import waitlist_comparison


def drawn(n, effect=0.5, selection=0.0, r=0.7, seed=1, sd=0.6):
    """n pairs in each group; `selection` is how much higher the programme stood at baseline."""
    rng = np.random.default_rng(seed)
    program = pd.Series(np.repeat([True, False], n), index=[f"p{i}" for i in range(2 * n)])
    z = rng.normal(size=2 * n)
    before = 3.5 + sd * z + selection * program
    after = 3.5 + sd * (r * z + np.sqrt(1 - r**2) * rng.normal(size=2 * n)) + (effect + selection) * program
    return before, after, program


def test_lots_let_the_adjusted_difference_count():
    found = waitlist_comparison(*drawn(60), randomised=True)

    assert (found.estimand, found.wording, found.verdict) == ("covariance", "randomised", "moved")
    assert found.low < 0.5 < found.high
    assert found.df == 117
    assert found.slope == pytest.approx(0.7, abs=0.15)
    assert found.g_low < found.g < found.g_high
    assert found.notes == ()


def test_adjusting_is_more_precise_than_changes_after_lots():
    # Measurement plan, section 4.5: variance 1 - r^2 against 2 (1 - r).
    ratios = []
    for seed in range(20):
        found = waitlist_comparison(*drawn(80, r=0.4, seed=seed), randomised=True)
        change = found.change.high - found.change.low
        ratios.append(((found.high - found.low) / change) ** 2)

    assert np.mean(ratios) == pytest.approx((1 - 0.16) / (2 * 0.6), abs=0.06)


def test_without_lots_both_answers_are_shown_and_their_disagreement_kept():
    """Lord's paradox: groups that differed at the start and did not change, so only the adjusted difference "moves"."""
    found = waitlist_comparison(*drawn(200, effect=0.0, selection=1.0, r=0.5), randomised=False)

    assert (found.estimand, found.wording) == ("both", "changed during")
    assert found.difference > 0.3
    assert found.change.verdict == "not shown"
    assert (found.agree, found.verdict) == (False, "not shown")
    assert {"waitlist.not_drawn", "waitlist.disagree"} <= {note.code for note in found.notes}


def test_agreement_without_lots_is_a_change_during():
    found = waitlist_comparison(*drawn(80, effect=0.8), randomised=False)

    assert (found.agree, found.verdict, found.wording) == (True, "moved", "changed during")


def test_unequal_slopes_are_seen():
    before, after, program = drawn(200)
    steeper = after.where(~program, after + 0.8 * (before - before.mean()))

    assert waitlist_comparison(before, steeper, program, randomised=True).unequal_slopes_p < 0.001


def test_turning_the_groups_round_turns_the_sign():
    before, after, program = drawn(40)
    one = waitlist_comparison(before, after, program, randomised=True)
    other = waitlist_comparison(before, after, ~program, randomised=True)

    assert (other.difference, other.low) == pytest.approx((-one.difference, -one.high))
    assert other.p == pytest.approx(one.p)


def test_pairs_with_one_score_are_dropped_and_counted():
    before, after, program = drawn(30)
    after.iloc[:3] = np.nan
    before.iloc[-2:] = np.nan
    found = waitlist_comparison(before, after, program, randomised=True)

    assert (found.n_program, found.n_waiting, found.n_dropped) == (27, 28, 5)


@pytest.mark.parametrize("n", [0, 1, 4, 9])
def test_few_pairs_are_not_compared(n):
    found = waitlist_comparison(*drawn(n), randomised=True)

    assert (found.difference, found.p, found.verdict) == (None, None, "too few")
    assert found.notes[-1].code == "waitlist.few"


def test_one_wave_only_compares_nothing():
    before, after, program = drawn(30)
    found = waitlist_comparison(before, after * np.nan, program, randomised=True)

    assert (found.n_program, found.n_dropped, found.difference) == (0, 60, None)


def test_scores_without_spread_survive():
    before, after, program = drawn(30)
    flat = waitlist_comparison(before * 0 + 3, after, program, randomised=True)
    exact = waitlist_comparison(before, before + program, program, randomised=True)

    assert flat.notes[-1].code == "waitlist.flat"
    assert flat.difference is None
    assert (exact.difference, exact.low) == (pytest.approx(1.0), None)
    assert exact.notes[-1].code == "waitlist.spread"


def test_what_cannot_be_is_refused():
    before, after, program = drawn(20)

    def code(*arguments, **options):
        with pytest.raises(ScoringError) as caught:
            waitlist_comparison(*arguments, randomised=True, **options)
        return caught.value.code

    assert code(pd.concat([before, before]), after, program) == "waitlist.index"
    assert code(before, after, program.iloc[1:]) == "waitlist.index"
    assert code(before, after, program.astype(int)) == "waitlist.group"
    assert code(before, after.astype(str), program) == "waitlist.number"
    assert code(before, after.replace(after.iloc[0], np.inf), program) == "waitlist.number"
    assert code(before, after, program, confidence=2.0) == "waitlist.confidence"
    assert code(before, after, program, margin=Margin.in_sd()) == "equivalence.unit"
