"""Mentors with several mentees, and pairs that were matched again."""

import numpy as np
import pandas as pd
import pytest

from scoring.dyads import dyadic_correlation, one_with_many, reciprocal_one_with_many, rematched_pairs
from scoring.errors import ScoringError
from scoring.serialize import to_json
from tests.scoring.dyads.worlds import codes, labels


def draw_many(mentors, each, seed=1, between=0.5, within=0.6):
    """An outcome of `each` mentees for every mentor."""
    rng = np.random.default_rng(seed)
    mentor = np.repeat(np.arange(mentors), each)
    level = rng.normal(0.0, between, mentors)[mentor]
    index = labels(len(mentor))
    return pd.Series(3.5 + level + rng.normal(0.0, within, len(mentor)), index), pd.Series(mentor, index)


def test_balanced_mentors_are_tested_by_their_means():
    """With equal numbers the mean's error is that of the mentors' means, on one degree of freedom less than mentors."""
    outcome, mentor = draw_many(15, 3)
    means = outcome.groupby(mentor).mean()

    result = one_with_many(outcome, mentor)

    assert result.mean == pytest.approx(means.mean())
    assert result.se == pytest.approx(means.std() / np.sqrt(15), rel=1e-6)
    assert result.df == pytest.approx(14.0, rel=1e-6)
    assert (result.unit, result.n_mentors, result.n_used) == ("mentor", 15, 45)


def test_pairs_taken_as_independent_would_be_too_sure():
    """Negative control: the error of pairs is smaller than that of mentors where mentors differ."""
    outcome, mentor = draw_many(15, 4, between=0.8)

    result = one_with_many(outcome, mentor)

    assert outcome.std() / np.sqrt(len(outcome)) < 0.75 * result.se
    assert result.icc > 0.3


@pytest.mark.parametrize(("several", "needed"), [(1, False), (2, True)])
def test_a_fifth_of_the_mentors_makes_the_mentor_the_unit(several, needed):
    mentor = pd.Series([*range(10), *range(several)])
    outcome = pd.Series(np.random.default_rng(2).normal(size=len(mentor)))

    result = one_with_many(outcome, mentor)

    assert result.share_several == several / 10
    assert result.needed is needed
    assert result.unit == ("mentor" if needed else "pair")
    assert ("one_with_many.needed" in codes(result)) is needed
    assert "one_with_many.gate" in codes(result)


def test_an_outcome_that_is_missing_takes_its_pair_away():
    outcome, mentor = draw_many(12, 2)
    outcome.iloc[0], mentor.iloc[5] = np.nan, None

    result = one_with_many(outcome, mentor)

    assert (result.n_used, result.n_dropped, result.n_mentors, result.n_several) == (22, 2, 12, 10)


def test_labels_may_come_in_another_order():
    outcome, mentor = draw_many(12, 2)

    assert one_with_many(outcome, mentor.sample(frac=1.0, random_state=1)).se == pytest.approx(
        one_with_many(outcome, mentor).se
    )


def test_covariates_are_held():
    outcome, mentor = draw_many(40, 3)
    x = pd.Series(np.random.default_rng(5).normal(size=len(outcome)), outcome.index)

    result = one_with_many(outcome + 0.7 * x, mentor, covariates=x.rename("meetings").to_frame())

    assert result.coefficients.at["meetings", "estimate"] == pytest.approx(0.7, abs=0.2)
    assert result.model.test({"meetings": 1.0}).p < 0.001


def test_a_covariate_with_a_gap_is_refused():
    outcome, mentor = draw_many(12, 2)
    x = pd.Series(1.0 * np.arange(24), outcome.index)
    x.iloc[3] = np.nan
    with pytest.raises(ScoringError) as caught:
        one_with_many(outcome, mentor, covariates=x.to_frame("x"))

    assert caught.value.code == "one_with_many.covariates"
    assert caught.value.params["pair"] == "p00003"


@pytest.mark.parametrize(
    ("outcome", "mentor", "code"),
    [
        ([], [], "one_with_many.few"),
        ([1.0, 2.0, 3.0], [1, 1, 2], "one_with_many.few"),
        ([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4], "one_with_many.nobody"),
        ([2.0] * 6, [1, 1, 2, 2, 3, 3], "one_with_many.flat"),
        ([np.nan] * 6, [1, 1, 2, 2, 3, 3], "one_with_many.few"),
    ],
)
def test_nothing_to_divide(outcome, mentor, code):
    result = one_with_many(pd.Series(outcome, dtype=float), pd.Series(mentor, dtype=object))

    assert code in codes(result)
    assert (result.mean, result.converged) == (None, False)


def test_a_pair_that_stands_twice_is_refused():
    outcome, mentor = draw_many(12, 2)
    doubled = pd.concat([mentor, mentor.iloc[:1]])
    with pytest.raises(ScoringError) as caught:
        one_with_many(outcome, doubled)

    assert caught.value.code == "dyads.index"


def test_outcomes_that_are_equal_for_all_mentees_of_a_mentor():
    mentor = pd.Series(np.repeat(range(12), 3))

    result = one_with_many(mentor.map(lambda m: 3.0 + 0.1 * m), mentor)

    assert result.icc == pytest.approx(1.0, abs=1e-3)
    assert result.mean == pytest.approx(3.55)


@pytest.mark.parametrize("names", [["x", "x"], ["intercept", "x"], [1, "1"]])
def test_doubled_covariates_are_refused(names):
    outcome, mentor = draw_many(12, 2)
    columns = np.random.default_rng(1).normal(size=(24, 2))
    with pytest.raises(ScoringError) as caught:
        one_with_many(outcome, mentor, covariates=pd.DataFrame(columns, outcome.index, columns=names))

    assert caught.value.code == "one_with_many.covariates"


def test_covariates_that_repeat_one_another_are_refused():
    outcome, mentor = draw_many(12, 2)
    x = pd.Series(np.arange(24.0), outcome.index)
    with pytest.raises(ScoringError) as caught:
        one_with_many(outcome, mentor, covariates=pd.DataFrame({"x": x, "y": 2 * x}))

    assert caught.value.code == "mixed.rank"


def test_labels_that_are_no_series_are_refused():
    outcome, mentor = draw_many(12, 2)
    for call in (
        lambda: one_with_many(outcome, list(mentor)),
        lambda: reciprocal_one_with_many(outcome, outcome, "A"),
    ):
        with pytest.raises(ScoringError) as caught:
            call()
        assert caught.value.code == "dyads.series"


def test_results_can_be_written():
    outcome, mentor = draw_many(24, 2)

    assert '"icc"' in to_json(one_with_many(outcome, mentor))
    assert '"dyadic_reciprocity"' in to_json(reciprocal_one_with_many(outcome, outcome + mentor, mentor))
    assert '"as_treated"' in to_json(rematched_pairs(pairs_table()))


def test_mentors_who_do_not_differ_are_flagged():
    outcome, mentor = draw_many(12, 3, seed=3, between=0.0)
    # Every mentor has the same three outcomes.
    outcome[:] = np.tile([3.0, 3.5, 4.0], 12)

    result = one_with_many(outcome, mentor)

    assert result.icc == 0.0
    assert "mixed.singular" in codes(result)


def test_mentees_who_were_matched_again_are_a_source_of_their_own():
    rng = np.random.default_rng(6)
    mentor = np.concatenate([np.arange(60), rng.permutation(60)])
    mentee = np.concatenate([np.arange(60), np.arange(60)])
    y = 3 + rng.normal(0, 0.5, 60)[mentor] + rng.normal(0, 0.8, 60)[mentee] + rng.normal(0, 0.3, 120)

    result = one_with_many(pd.Series(y), pd.Series(mentor), mentee=pd.Series(mentee))

    assert result.variances["mentee"] == pytest.approx(0.64, abs=0.25)
    assert result.variances["mentor"] == pytest.approx(0.25, abs=0.2)
    assert "one_with_many.links" in codes(result)


def test_both_sides_are_divided():
    rng = np.random.default_rng(7)
    mentor = np.repeat(np.arange(400), 3)
    a, b = rng.normal(size=400), rng.normal(size=400)
    tie = rng.normal(size=1200)
    m = 0.8 * a[mentor] + 0.6 * tie + 0.3 * rng.normal(size=1200)
    j = 0.5 * a[mentor] + 0.5 * b[mentor] + 0.6 * tie + 0.3 * rng.normal(size=1200)

    result = reciprocal_one_with_many(pd.Series(m), pd.Series(j), pd.Series(mentor))

    assert result.table.loc["mentors' answers", "between"] == pytest.approx(0.64, abs=0.15)
    assert result.table.loc["mentees' answers", "between"] == pytest.approx(0.50, abs=0.15)
    assert result.generalized_reciprocity == pytest.approx(0.4 / np.sqrt(0.32), abs=0.12)
    assert result.dyadic_reciprocity == pytest.approx(0.36 / 0.45, abs=0.05)


def test_a_negative_variance_has_no_correlation():
    answers = pd.Series(np.tile([1.0, 2.0, 3.0], 6))

    result = reciprocal_one_with_many(answers, answers + 1.0, pd.Series(np.repeat(range(6), 3)))

    assert result.generalized_reciprocity is None
    assert codes(result).count("one_with_many.negative") == 2


@pytest.mark.parametrize(
    ("rows", "code"), [(0, "one_with_many.few"), (2, "one_with_many.few"), (5, "one_with_many.nobody")]
)
def test_both_sides_of_too_few(rows, code):
    scores = pd.Series(np.arange(5.0)).iloc[:rows]

    result = reciprocal_one_with_many(scores, scores, pd.Series(range(5)).iloc[:rows])

    assert codes(result) == [code]
    assert not result.converged


def pairs_table():
    """Two mentors change their mentees in June; a third pair goes on, and mentor C has two mentees side by side."""
    rows = [
        ("P1", "A", "x", "2026-01-01", "2026-05-31"),
        ("P2", "B", "y", "2026-01-01", "2026-06-01"),
        ("P3", "C", "z", "2026-01-01", None),
        ("P4", "C", "w", "2026-02-01", None),
        ("P5", "A", "y", "2026-06-01", None),
        ("P6", "B", "x", "2026-06-02", None),
    ]
    table = pd.DataFrame(rows, columns=["pair", "mentor", "mentee", "started", "ended"]).set_index("pair")
    for column in ("started", "ended"):
        table[column] = pd.to_datetime(table[column])
    return table


def test_first_and_last_pairs_of_people_who_were_matched_again():
    found = rematched_pairs(pairs_table())

    assert found.intention_to_treat.tolist() == ["P1", "P2", "P3", "P4"]
    assert found.as_treated.tolist() == ["P3", "P4", "P5", "P6"]
    assert (found.n_rematched, found.n_mentors, found.n_mentees) == (2, 2, 2)
    assert "2 of 6 pairs" in str(found.notes[0])
    assert codes(found) == ["rematched.count", "rematched.both"]


def test_pairs_side_by_side_are_no_new_matches():
    found = rematched_pairs(pairs_table().loc[["P1", "P2", "P3", "P4"]])

    assert found.n_rematched == 0
    assert found.intention_to_treat.equals(found.as_treated)
    assert codes(found) == ["rematched.none"]


def test_the_order_of_rows_does_not_matter():
    table = pairs_table()

    found = rematched_pairs(table.iloc[::-1])

    assert sorted(found.intention_to_treat) == ["P1", "P2", "P3", "P4"]


def test_a_statistic_is_computed_both_ways():
    rng = np.random.default_rng(8)
    n = 30
    table = pd.DataFrame(
        {
            "mentor": [*range(n), *range(5)],
            "mentee": [*range(n), *range(100, 105)],
            "started": [0] * n + [9] * 5,
            "ended": [9.0] * 5 + [np.nan] * n,
        },
        index=labels(n + 5),
    )
    m, j = (pd.Series(rng.normal(size=n + 5), table.index) for _ in range(2))

    both = rematched_pairs(table).compare(dyadic_correlation, m, j, confidence=0.9)

    assert (both.intention_to_treat.n_used, both.as_treated.n_used, both.n_rematched) == (30, 30, 5)
    assert both.intention_to_treat.r == pytest.approx(np.corrcoef(m.iloc[:30], j.iloc[:30])[0, 1])
    assert both.as_treated.r == pytest.approx(np.corrcoef(m.iloc[5:], j.iloc[5:])[0, 1])
    assert both.as_treated.confidence == 0.9


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.drop(columns="ended"), "rematched.column"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "rematched.index"),
        (lambda t: t.assign(mentee=None), "rematched.people"),
        (lambda t: t.assign(started=pd.NaT), "rematched.dates"),
        (lambda t: t.assign(ended=pd.Timestamp("2020-01-01")), "rematched.dates"),
        (lambda t: t.assign(ended=5.0), "rematched.dates"),
    ],
)
def test_tables_that_cannot_be_read(change, code):
    with pytest.raises(ScoringError) as caught:
        rematched_pairs(change(pairs_table()))

    assert caught.value.code == code


def test_no_pairs_at_all():
    found = rematched_pairs(pairs_table().iloc[:0])

    assert (found.n_pairs, found.n_rematched) == (0, 0)


def test_many_pairs_are_read_at_once():
    n = 20_000
    table = pd.DataFrame(
        {
            "mentor": np.arange(n) % 9_000,
            "mentee": np.arange(n),
            "started": np.arange(n),
            "ended": np.arange(n) + 1,
        }
    )

    assert rematched_pairs(table).n_rematched == n - 9_000
