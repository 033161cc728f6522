import math

import pytest

from scoring.effects import detectable_change, detectable_difference
from scoring.errors import ScoringError
from scoring.power import detectable_cohorts, n_for_cohorts, n_for_difference, power_difference
from scoring.power_statements import state_cohort_power, state_power


@pytest.mark.parametrize(("n", "detectable"), [(10, 1.00), (15, 0.78), (20, 0.66), (40, 0.46)])
def test_a_change_is_detectable_as_the_plan_says(n, detectable):
    # Measurement plan, section 4.0: d_z with 80 % power.
    statement = state_power(n, sd=0.5)

    assert statement.detectable_sd == pytest.approx(detectable, abs=0.006)
    assert statement.detectable == pytest.approx(statement.detectable_sd * 0.5)
    assert statement.detectable_sd == pytest.approx(detectable_change(n), abs=1e-6)
    assert statement.design == "change"


@pytest.mark.parametrize(("n", "detectable"), [(10, 1.33), (20, 0.91), (30, 0.74), (40, 0.63)])
def test_a_difference_is_detectable_as_the_plan_says(n, detectable):
    # Measurement plan, section 4.6.
    statement = state_power(n, n, sd=1.0)

    assert statement.detectable_sd == pytest.approx(detectable, abs=0.006)
    assert statement.detectable_sd == pytest.approx(detectable_difference(n, n), abs=5e-6)
    assert float(power_difference(n, n, statement.detectable_sd)) == pytest.approx(0.8, abs=1e-9)


def test_a_statement_says_what_would_be_missed_and_what_would_be_needed():
    statement = state_power(12, 14, sd=0.6, smallest=0.3)

    assert statement.power_at_smallest == pytest.approx(float(power_difference(12, 14, 0.5)))
    assert statement.n_needed == n_for_difference(0.5) == 64
    assert [note.code for note in statement.notes] == ["power.low"]
    assert "0.30 points" in str(statement.notes[0])
    assert state_power(400, sd=0.5).notes == ()


@pytest.mark.parametrize("sd", [None, 0.0, math.nan, math.inf])
def test_without_a_spread_there_are_no_points(sd):
    statement = state_power(12, sd=sd)

    assert (statement.detectable, statement.power_at_smallest, statement.n_needed) == (None, None, None)
    assert statement.detectable_sd > 0
    assert [note.code for note in statement.notes] == ["power.spread"]


def test_a_size_beyond_reach_is_a_note():
    statement = state_power(12, sd=1000.0, smallest=0.01)

    assert statement.n_needed is None
    assert "power.needed" in [note.code for note in statement.notes]


def test_cohorts_state_what_cohorts_can_show():
    statement = state_cohort_power(5, 6, pairs=12, icc=0.05, sd=0.5)

    assert (statement.design, statement.n_a, statement.n_b, statement.df) == ("cohorts", 5, 6, 9)
    assert statement.detectable == pytest.approx(0.5 * detectable_cohorts(5, 6, 12, 0.05))
    assert statement.n_needed == n_for_cohorts(0.6, 12, 0.05)


@pytest.mark.parametrize("smallest", [0.0, -0.3, math.nan, math.inf])
def test_a_smallest_effect_is_a_distance(smallest):
    with pytest.raises(ScoringError) as caught:
        state_power(10, sd=1.0, smallest=smallest)
    assert caught.value.code == "power.effect"
