import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from scoring.errors import ScoringError
from scoring.retest import Reliability
from scoring.serialize import to_plain
from scoring.shrinkage import (
    excess_left,
    growth_slopes,
    morris_variance,
    shrink_changes,
    shrinkage_factor,
    shrinkage_moments,
)

NAN = math.nan
FIELD = Reliability(0.71, 0.76, "retest", 12, "field", 200)

# Efron & Morris (1977), table: batting averages of 18 players after 45 times at bat, and the estimates pulled to their mean.
BATTING = [0.400, 0.378, 0.356, 0.333, 0.311, 0.311, 0.289, 0.267, 0.244, 0.244, 0.222, 0.222, 0.222, 0.222, 0.222, 0.200, 0.178, 0.156]  # fmt: skip
PULLED = [0.294, 0.289, 0.285, 0.280, 0.275, 0.275, 0.270, 0.266, 0.261, 0.261, 0.256, 0.256, 0.256, 0.256, 0.256, 0.251, 0.247, 0.242]  # fmt: skip


def codes(result):
    return [note.code for note in result.notes]


def test_batting_averages_are_pulled_as_published():
    mean = float(np.mean(BATTING))

    result = shrink_changes(pd.Series(BATTING), mean * (1 - mean) / 45)

    assert result.table["shrunken"].to_numpy() == pytest.approx(PULLED, abs=0.0011)
    factor = 1 - result.B
    assert factor == pytest.approx(0.212, abs=0.002)


def test_the_formula_by_hand():
    # Mean 0, variance 4 * 2 / 4 = 2; B = 2/4 * .5 / 2 = .125.
    result = shrink_changes(pd.Series([-2.0, 0.0, 0.0, 0.0, 2.0]), 0.5)

    assert (result.mean, result.variance, result.B) == (0.0, 2.0, 0.125)
    assert result.table["shrunken"].tolist() == [-1.75, 0.0, 0.0, 0.0, 1.75]
    # The variance is 0.45 from the error and 0.0625 from the share being estimated.
    half = (result.table["high"] - result.table["shrunken"]).iloc[0]
    centre, spread = shrinkage_moments(np.array([0.125]), 5)
    assert (centre[0], spread[0]) == (0.125, pytest.approx(0.125**2))
    assert half == pytest.approx(1.959964 * math.sqrt(0.45 + 0.0625), abs=1e-6)


@pytest.mark.parametrize(("error", "expected"), [(1e-9, 0.0), (0.5, 0.25), (10.0, 1.0)])
def test_the_share_taken_away_lies_between_nothing_and_all(error, expected):
    assert shrinkage_factor(5, error, 1.0) == pytest.approx(expected, abs=1e-8)


def test_changes_that_are_all_error_are_all_the_mean():
    result = shrink_changes(pd.Series([0.1, 0.2, 0.15, 0.12, 0.18]), 5.0)

    assert result.B == 1.0
    assert result.table["shrunken"].nunique() == 1
    assert "shrink.all_error" in codes(result)


def test_equal_changes_are_no_crash():
    result = shrink_changes(pd.Series([0.4] * 8), 0.3)

    assert result.table["shrunken"].tolist() == pytest.approx([0.4] * 8)
    assert np.isfinite(result.table[["low", "high"]]).all().all()
    assert json.dumps(to_plain(result))


@pytest.mark.parametrize("n", [6, 20, 150])
@pytest.mark.parametrize("B", [0.7, 0.95, 1.0, 1.2])
def test_the_moments_of_the_share_are_those_of_a_gamma_distribution_below_one(n, B):
    shape = (n - 3) / 2
    law = gamma(shape, scale=B / shape)
    below = law.cdf(1.0)
    if below >= 0.95:
        expected = B, 2 / (n - 3) * B**2
    else:
        mean = quad(lambda x: x * law.pdf(x), 0, 1)[0] / below
        expected = mean, quad(lambda x: (x - mean) ** 2 * law.pdf(x), 0, 1)[0] / below

    centre, spread = shrinkage_moments(np.array([B]), n)

    assert (centre[0], spread[0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [6, 100, 100_000])
def test_without_any_spread_the_share_has_moments_too(n):
    shape = (n - 3) / 2

    centre, spread = shrinkage_moments(np.array([math.inf]), n)

    # A power distribution on (0, 1).
    assert centre[0] == pytest.approx(shape / (shape + 1))
    assert spread[0] == pytest.approx(shape / ((shape + 1) ** 2 * (shape + 2)), rel=1e-4)
    assert np.isfinite(morris_variance(np.zeros(1), 0.3, 0.0, n)).all()


def test_the_extreme_tenths_are_marked():
    result = shrink_changes(pd.Series(np.arange(40.0)), 1.0)

    assert result.table["extreme"].sum() == 8
    assert result.table["extreme"].iloc[[0, 3, 36, 39]].all()
    assert "shrink.extreme" in codes(result)


def test_sizes_below_the_gate_are_for_researchers():
    assert "shrink.small" in codes(shrink_changes(pd.Series(np.arange(39.0)), 1.0))
    assert "shrink.small" not in codes(shrink_changes(pd.Series(np.arange(40.0)), 1.0))


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_changes_stay_raw(n):
    result = shrink_changes(pd.Series(np.arange(float(n))), 1.0)

    assert (result.B, result.converged) == (None, False)
    assert result.table["shrunken"].isna().all()
    assert "shrink.few" in codes(result)


def test_missing_changes_are_counted():
    result = shrink_changes(pd.Series([1.0, NAN, 2.0, 3.0, 5.0, NAN, 4.0]), 0.5)

    assert (result.n_used, result.n_dropped) == (5, 2)


def refused(code, *arguments, function=shrink_changes, **options):
    with pytest.raises(ScoringError) as caught:
        function(*arguments, **options)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", ["discrepancy", "gap change"])
def test_discrepancies_are_never_shrunken(kind):
    refused("shrink.discrepancy", pd.Series(np.arange(40.0)), 1.0, kind=kind)


@pytest.mark.parametrize("name", ["role", "language"])
def test_changes_of_several_kinds_of_people_are_never_mixed(name):
    changes = pd.Series(np.arange(40.0))
    labels = pd.Series(np.where(changes < 20, "a", "b"))

    refused("shrink.mixed", changes, 1.0, **{name: labels})
    assert shrink_changes(changes, 1.0, **{name: pd.Series("a", index=changes.index)}).converged
    assert shrink_changes(changes, 1.0, **{name: "a"}).converged


def test_changes_that_cannot_be_used_are_named():
    good = pd.Series(np.arange(10.0))
    for error in (0.0, -1.0, NAN, math.inf):
        refused("shrink.error", good, error)
    refused("shrink.number", good.replace(0.0, math.inf), 1.0)
    refused("shrink.number", good.astype(str), 1.0)
    refused("shrink.index", pd.Series([1.0, 2.0], index=[0, 0]), 1.0)
    refused("shrink.confidence", good, 1.0, confidence=1.0)


# Growth


def grow(n, *, seed=1, spread=0.03, times=(0.0, 12.0, 24.0)):
    rng = np.random.default_rng(seed)
    person = pd.Series(np.repeat(np.arange(n), len(times)))
    time = pd.Series(np.tile(times, n))
    slope = 0.02 + spread * rng.normal(size=n)
    level = 3 + 0.6 * rng.normal(size=n)
    scores = level[person] + slope[person] * time + FIELD.sem * rng.normal(size=len(person))
    return pd.Series(scores), person, time


def test_slopes_of_few_people_are_their_own_lines():
    scores, person, time = grow(19)

    result = growth_slopes(scores, person, time, FIELD)

    assert (result.method, result.n_used, result.mean) == ("own line", 19, None)
    lines = [np.polyfit(time[person == p], scores[person == p], 1)[0] for p in range(19)]
    assert result.table["raw"].tolist() == pytest.approx(lines)
    assert result.table["slope"].tolist() == pytest.approx(lines)
    # SEM / sqrt(12^2 + 0 + 12^2).
    assert result.table["raw_se"].tolist() == pytest.approx([FIELD.sem / math.sqrt(288)] * 19)
    assert "shrink.few_growth" in codes(result)


def test_slopes_of_many_people_are_pulled_to_their_mean():
    scores, person, time = grow(60)

    result = growth_slopes(scores, person, time, FIELD)

    table = result.table
    assert result.method == "empirical Bayes"
    assert result.mean_low < result.mean < result.mean_high
    inside = (table["slope"] - result.mean).abs() <= (table["raw"] - result.mean).abs() + 1e-12
    assert inside.all()
    # With equal times the formula is that of shrink_changes with the model's mean and variance.
    v = FIELD.sem**2 / 288
    B = 57 / 59 * v / (v + result.variance)
    assert table["B"].tolist() == pytest.approx([B] * 60)
    variance = v * (1 - 59 / 60 * B) + 2 / 57 * B**2 * (table["raw"] - result.mean) ** 2
    assert ((table["high"] - table["slope"]) / 1.959964).tolist() == pytest.approx(
        np.sqrt(variance).tolist(), rel=1e-6
    )
    assert table["extreme"].sum() == 12


def test_slopes_that_do_not_differ_are_all_near_the_mean():
    # Persons' own scores lie on parallel lines with less error than a retest would have.
    scores, person, time = grow(40, spread=0.0, seed=3)
    scores = 0.3 * (scores - scores.groupby(person).transform("mean")) + 0.02 * time + person * 0.01

    result = growth_slopes(scores, person, time, FIELD)

    assert result.variance == pytest.approx(0.0, abs=1e-9)
    assert result.table["B"].tolist() == pytest.approx([37 / 39] * 40, rel=1e-6)
    assert "mixed.singular" in codes(result)


def test_missing_scores_and_people_with_one_score():
    scores, person, time = grow(30)
    scores[[0, 1, 5]] = NAN

    result = growth_slopes(scores, person, time, FIELD)

    assert (result.n_used, result.n_dropped) == (29, 1)
    assert 0 not in result.table.index
    assert "shrink.alone" in codes(result)
    # Two scores tell less than three.
    assert result.table.at[1, "raw_se"] > result.table.at[2, "raw_se"]
    assert result.table.at[1, "B"] > result.table.at[2, "B"]


def test_slopes_that_cannot_be_computed_are_named():
    scores, person, time = grow(25)
    grown = {"function": growth_slopes}

    refused("shrink.waves", *(c[time < 24] for c in (scores, person, time)), FIELD, **grown)
    refused("shrink.rows", scores, person.iloc[1:], time, FIELD, **grown)
    refused(
        "shrink.twice",
        *(pd.concat([c, c.iloc[:1]], ignore_index=True) for c in (scores, person, time)),
        FIELD,
        **grown,
    )
    refused("shrink.number", scores, person, time.where(time > 0), FIELD, **grown)
    refused("shrink.number", scores.replace(scores[0], math.inf), person, time, FIELD, **grown)
    refused(
        "shrink.mixed", scores, person, time, FIELD, role=pd.Series(np.where(person < 5, "a", "b")), **grown
    )
    refused("change.alpha", scores, person, time, Reliability(0.83, 0.76, "alpha"), **grown)


def test_a_growth_model_that_fails_leaves_the_lines(monkeypatch):
    from scoring import shrinkage

    def fail(*arguments, **options):
        raise ScoringError("mixed.rank", "It cannot be.", "Leave it.")

    monkeypatch.setattr(shrinkage, "fit_mixed", fail)

    result = growth_slopes(*grow(25), FIELD)

    assert result.method == "own line"
    assert "shrink.no_growth" in codes(result)


@pytest.mark.parametrize(("n", "simulated"), [(20, 0.199), (40, 0.137), (150, 0.063)])
def test_the_warning_names_what_is_left_when_nobody_differs(n, simulated):
    """Simulated in benchmarks/measurement_quality.md (T10, true SD 0), in standard deviations of a score of the pilot model."""
    sd, retest = 0.76, 0.71
    error = sd * np.sqrt(2.0 * (1.0 - retest))

    assert excess_left(n, error) / sd == pytest.approx(simulated, abs=0.012)
    # Control: without the tenth's own height it would be something else.
    assert excess_left(n, error) / sd != pytest.approx(simulated / 1.75, abs=0.012)


def test_the_warning_names_its_number_in_the_unit_of_the_changes():
    few = shrink_changes(pd.Series(np.arange(40.0)), 1.0)
    left = next(note.params["left"] for note in few.notes if note.code == "shrink.extreme")

    assert left == pytest.approx(excess_left(40, 1.0))
    assert excess_left(40, 2.0) == pytest.approx(2.0 * left)
