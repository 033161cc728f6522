import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.reliability import alpha_statistics
from scoring.reliability_report import measurement_error, retest_reliability, scale_reliability
from tests.scoring.simulations.reliability import PILOT, OneFactorWorld


def draw(n, seed, world=PILOT):
    return world.draw(np.random.default_rng(seed), n)


def open_gates(report):
    return {name for name, note in report.gates.items() if note.code == "reliability.opened"}


def test_a_large_scale_opens_everything_that_is_asked_for():
    items = OneFactorWorld((0.75,) * 6).draw(np.random.default_rng(1), 250)

    report = scale_reliability(items, clusters=pd.Series(np.arange(250)), k_factors=2, n_draws=200)

    assert open_gates(report) == set(report.gates) - {"spearman_brown"}
    assert (report.coefficient, report.verdict) == ("omega", "adequate")
    assert (report.value, report.low, report.high) == (
        report.omega.value,
        report.omega.low,
        report.omega.high,
    )
    assert report.categorical.value > 0.8
    assert report.omega_hierarchical.hierarchical is not None
    assert report.alpha_bootstrap.n_clusters == 250
    assert report.measurement_error.value == pytest.approx(report.alpha.sd * np.sqrt(1 - report.value))


@pytest.mark.parametrize(
    ("n", "verdict", "coefficient", "opened"),
    [
        (8, "too few", "alpha", set()),
        (12, "too few", "alpha", {"alpha", "split_halves"}),
        (39, "too few", "alpha", {"alpha", "split_halves"}),
        (45, "adequate", "alpha", {"alpha", "split_halves", "verdict"}),
        (60, "adequate", "omega", {"alpha", "split_halves", "verdict", "omega"}),
    ],
)
def test_each_size_opens_what_the_plan_allows(n, verdict, coefficient, opened):
    report = scale_reliability(draw(n, 2, OneFactorWorld((0.85,) * 5)), n_draws=100)

    assert open_gates(report) == opened
    assert (report.verdict, report.coefficient) == (verdict, coefficient)
    assert all(str(note) for note in report.gates.values())
    assert (report.omega is None or report.omega.value is None) is ("omega" not in opened)
    assert report.categorical is None


def test_a_high_value_with_a_wide_interval_is_not_adequate():
    """The verdict asks for the lower end: alpha above .70 with an interval that reaches below says nothing."""
    items = draw(45, 3, OneFactorWorld((0.62,) * 5))

    report = scale_reliability(items)

    assert report.value > 0.70 > report.low
    assert report.verdict == "not shown"


def test_pairs_are_what_counts():
    report = scale_reliability(draw(70, 4), clusters=pd.Series(np.arange(70) // 2), n_draws=100)

    assert (report.n_used, report.n_clusters, report.verdict) == (70, 35, "too few")
    assert (report.low, report.high) == (report.alpha_bootstrap.low, report.alpha_bootstrap.high)


def test_two_items_rest_on_the_spearman_brown_formula():
    report = scale_reliability(draw(60, 5)[["i1", "i2"]])

    assert report.coefficient == "spearman_brown"
    assert report.value == report.spearman_brown.value
    assert report.omega is None
    assert str(report.gates["omega"])


def test_the_same_seed_gives_the_same_report():
    items = draw(60, 6)

    assert (
        scale_reliability(items, seed=1, n_draws=50).low == scale_reliability(items, seed=1, n_draws=50).low
    )


def test_measured_values_are_not_taken_for_codes():
    rng = np.random.default_rng(7)
    items = pd.DataFrame(rng.normal(size=(200, 1)) + rng.normal(size=(200, 4)), columns=list("abcd"))

    report = scale_reliability(items, n_draws=50)

    assert (report.categorical, report.ordinal_alpha) == (None, None)
    assert report.gates["categorical"].params == {"most": 12}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda items: items.iloc[:0], "alpha.rows"),
        (lambda items: items.assign(i1=2.0), "alpha.constant"),
        (lambda items: items.assign(i1=np.nan), "alpha.empty"),
    ],
)
def test_a_scale_without_alpha_has_a_report_that_says_so(change, code):
    report = scale_reliability(change(draw(60, 8)))

    assert not report.converged
    assert (report.value, report.low, report.measurement_error) == (None, None, None)
    assert open_gates(report) == set()
    assert [note.code for note in report.notes] == [code]
    assert report.verdict in {"too few", "not shown"}


def test_columns_may_be_numbers_and_rows_doubled():
    items = draw(60, 9).set_axis(range(5), axis=1).set_axis([0] * 60, axis=0)

    assert scale_reliability(items, n_draws=50).omega.loadings.index.to_list() == ["0", "1", "2", "3", "4"]


def test_input_that_is_no_set_of_items_is_refused():
    with pytest.raises(ScoringError):
        scale_reliability(pd.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises(ScoringError):
        scale_reliability(draw(20, 10).assign(i1=np.inf))


def test_the_error_of_measurement_follows_from_spread_and_reliability():
    assert measurement_error(0.75, 0.84).value == pytest.approx(0.3, abs=1e-15)
    assert measurement_error(0.75, 1.0).value == 0.0
    negative = measurement_error(0.75, -0.2, "retest")
    assert (negative.value, [note.code for note in negative.notes]) == (None, ["measurement_error.negative"])


@pytest.mark.parametrize(
    "arguments", [(-1.0, 0.5), (np.inf, 0.5), (1.0, 1.1), (1.0, np.nan), (1.0, 0.5, "split")]
)
def test_an_impossible_error_of_measurement_is_refused(arguments):
    with pytest.raises(ScoringError) as caught:
        measurement_error(*arguments)

    assert caught.value.code == "measurement_error.input"


def test_a_retest_sees_a_shift_that_a_correlation_does_not():
    rng = np.random.default_rng(11)
    first = pd.Series(rng.normal(size=80), index=[f"p{person}" for person in range(80)])
    second = (0.9 * first + 0.3 * rng.normal(size=80)).sample(frac=1.0, random_state=1)

    plain, shifted = retest_reliability(first, second), retest_reliability(first, second + 1.0)

    assert plain.value > 0.85
    assert shifted.value < plain.value - 0.2
    assert (plain.n_used, plain.notes) == (80, ())
    assert plain.measurement_error.kind == "retest"
    assert plain.measurement_error.value == pytest.approx(first.std() * np.sqrt(1 - plain.value))


def test_a_small_retest_is_provisional_and_gaps_are_dropped():
    first = pd.Series([1.0, 2.0, 3.0, 5.0, np.nan, 4.0])

    result = retest_reliability(first, first.shift(-1).fillna(2.0))

    assert (result.n_used, result.n_dropped) == (5, 1)
    assert result.notes[-1].code in {"retest.provisional", "measurement_error.negative"}
    assert "retest.provisional" in [note.code for note in result.notes]


def test_a_retest_without_values_or_with_a_person_twice_is_refused():
    empty = retest_reliability(pd.Series(dtype="float64"), pd.Series(dtype="float64"))

    assert (empty.value, empty.measurement_error, empty.converged) == (None, None, False)
    assert empty.notes
    with pytest.raises(ScoringError) as caught:
        retest_reliability(pd.Series([1.0, 2.0], index=[0, 0]), pd.Series([1.0, 2.0]))
    assert caught.value.code == "retest.index"


def test_alpha_of_the_report_is_alpha():
    items = draw(30, 12)

    assert scale_reliability(items).alpha.raw == alpha_statistics(items).raw
