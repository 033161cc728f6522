import inspect
import math

import numpy as np
import pandas as pd
import pytest

from scoring import reliable_change as module
from scoring.errors import ScoringError
from scoring.reference import find_reference
from scoring.reliability import cronbach_alpha
from scoring.reliable_change import crossover_score, label_changes, reliable_change
from scoring.retest import Reliability

NAN = math.nan
SOURCE = Reliability(0.75, 1.0, "retest", 12, "field", 200, "test")


def waves(*rows):
    table = pd.DataFrame(rows, columns=["before", "after"], dtype="float64")
    return table["before"], table["after"]


def codes(result):
    return [note.code for note in result.notes]


def change(*rows, source=SOURCE, weeks=12, **options):
    return reliable_change(*waves(*rows), source, interval_weeks=weeks, **options)


def test_the_index_is_the_change_over_its_error():
    # S_D = sqrt(2) * 1 * sqrt(.25) = .7071.
    result = change((3, 4), (3, 5), (5, 3.5), (2, 2))

    assert result.people["rc"].tolist() == pytest.approx(
        [math.sqrt(2), 2 * math.sqrt(2), -1.5 * math.sqrt(2), 0]
    )
    assert (result.n_higher, result.n_lower) == (1, 1)
    assert result.sem == 0.5
    assert result.mdc95 == pytest.approx(1.959964 * math.sqrt(0.5), abs=1e-6)
    assert result.mdc90 == pytest.approx(1.644854 * math.sqrt(0.5), abs=1e-6)
    assert result.people["p"].iloc[1] == pytest.approx(0.004677735, abs=1e-9)
    assert result.people["low"].tolist() == pytest.approx((result.people["change"] - result.mdc95).tolist())
    assert result.expected_false == pytest.approx(0.2)
    assert (result.method, result.wording, result.labels_on) == ("Jacobson-Truax", "reliable change", True)


def test_five_items_need_more_than_a_point():
    """Measurement plan, 4.5: MDC95 of the provisional reference is 1.1 points, MDC90 .95."""
    result = change((3, 4), source=find_reference())

    assert result.mdc95 == pytest.approx(1.1, abs=0.05)
    assert result.mdc90 == pytest.approx(0.95, abs=0.02)
    assert any("cannot be decided" in str(note) for note in result.notes)


def test_alpha_is_refused_before_anything_is_computed():
    rng = np.random.default_rng(1)
    items = pd.DataFrame(rng.normal(size=(50, 1)) + rng.normal(size=(50, 4)))
    for source in (cronbach_alpha(items), Reliability(0.83, 1.0, "alpha", 12, "field", 200)):
        with pytest.raises(ScoringError) as caught:
            change((3, 4), source=source)
        assert caught.value.code == "change.alpha"


def test_labels_stay_off_while_the_reference_is_provisional():
    provisional = change((1, 5), (3, 3), source=find_reference())
    labels = label_changes({"PS": provisional})

    assert not provisional.labels_on
    assert "change.provisional" in codes(provisional)
    assert labels.table["label"].isna().all()
    assert (labels.n_labelled, "labels.off" in codes(labels)) == (0, True)
    # Negative control: the same change is labelled on field values.
    assert label_changes({"PS": change((1, 5), (3, 3))}).n_labelled == 1


@pytest.mark.parametrize(
    ("weeks", "interval", "wording", "code"),
    [
        (12, 12, "reliable change", None),
        (10, 12, "reliable change", None),
        (2, 12, "beyond short-term fluctuation", "change.short"),
        (8, 12, "beyond short-term fluctuation", "change.short"),
        (26, 12, "reliable change", "change.long"),
        (2, 2, "reliable change", None),
    ],
)
def test_the_interval_of_the_retest_decides_the_wording(weeks, interval, wording, code):
    source = Reliability(0.75, 1.0, "retest", weeks, "field", 200)

    result = change((3, 4), source=source, weeks=interval)

    assert result.wording == wording
    assert [c for c in codes(result) if c in {"change.short", "change.long"}] == ([code] if code else [])


def test_unequal_reference_spreads_use_both():
    source = Reliability(0.75, 1.0, "retest", 12, "field", 200, sd_after=2.0)

    result = change((3, 5), source=source)

    assert result.method == "Maassen"
    assert result.people["rc"].iloc[0] == pytest.approx(2 / math.sqrt(5 * 0.25))
    assert "change.unequal" in codes(result)


def test_the_regressed_baseline_of_edwards_and_nunnally():
    result = change((5, 4), (5, 5), mean=3.0)

    # 3 + .75 * 2 = 4.5, plus or minus 1.96 * .5.
    assert result.people["regressed"].tolist() == [4.5, 4.5]
    assert result.people["regressed_low"].iloc[0] == pytest.approx(4.5 - 1.959964 * 0.5, abs=1e-6)
    assert result.people["outside"].tolist() == [False, False]
    assert result.people["extreme"].tolist() == [True, True]
    assert "change.mean" not in codes(result)
    assert "change.mean" in codes(change((5, 4), (5, 5)))


def others(n, seed=2):
    rng = np.random.default_rng(seed)
    before = pd.Series(3 + rng.normal(size=n))
    return before, 0.8 + 0.7 * before + 0.5 * pd.Series(rng.normal(size=n))


def test_people_without_the_programme_are_used_from_fifty_on():
    few, enough = change((3, 4), compared=others(49)), change((3, 4), compared=others(50))

    assert few.people["regression_t"].isna().all()
    assert "change.few_compared" in codes(few)
    assert enough.people["regression_p"].between(0, 1).all()
    assert (few.n_compared, enough.n_compared) == (49, 50)


def test_a_flat_comparison_group_predicts_nothing():
    flat = (pd.Series(np.full(60, 3.0)), pd.Series(np.linspace(1, 5, 60)))
    exact = (pd.Series(np.linspace(1, 5, 60)), pd.Series(np.linspace(1, 5, 60)))
    for compared in (flat, exact):
        result = change((3, 4), compared=compared)
        assert result.people["regression_t"].isna().all()
        assert "change.flat_compared" in codes(result)


def test_people_with_one_score_are_counted():
    result = change((3, 4), (3, NAN), (NAN, 2), (NAN, NAN))

    assert (result.n_used, result.n_dropped) == (1, 2)


def test_nobody_at_all_is_no_crash():
    result = change()

    assert (result.n_used, result.n_higher, result.expected_false) == (0, 0, 0.0)
    assert label_changes({"a": result}).table.empty
    assert label_changes({}).table.empty


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("change.interval", {"weeks": 0}),
        ("change.confidence", {"confidence": 1.0}),
        ("change.reliability", {"source": 0.83}),
    ],
)
def test_options_that_cannot_be_used_are_named(code, options):
    with pytest.raises(ScoringError) as caught:
        change((3, 4), **options)
    assert caught.value.code == code


def test_scores_that_cannot_be_used_are_named():
    good = pd.Series([1.0, 2.0])
    for code, bad in (
        ("change.index", pd.Series([1.0, 2.0], index=[0, 0])),
        ("change.number", pd.Series([1.0, math.inf])),
        ("change.number", pd.Series(["a", "b"])),
    ):
        with pytest.raises(ScoringError) as caught:
            reliable_change(good, bad, SOURCE, interval_weeks=12)
        assert caught.value.code == code


# Labels


def test_labels_are_adjusted_over_people_and_scales_together():
    # p values of .03 alone would be labelled; among forty others they are not.
    one = 2.17 * SOURCE.sd_difference
    scales = {"PS": change((3, 3 + one)), **{f"S{k}": change(*[(3, 3)] * 10) for k in range(4)}}

    labels = label_changes(scales)

    assert labels.n_labelled == 0
    assert (labels.n_tests, labels.expected_false) == (41, pytest.approx(2.05))
    assert "2.0" in str(labels.notes[0]) or "2.1" in str(labels.notes[0])
    alone = label_changes(scales, primary=["PS"])
    assert alone.n_tests == 40
    assert alone.table.loc[("PS", 0), ["label", "p_adjusted"]].tolist() == [
        "higher",
        pytest.approx(0.030, abs=1e-3),
    ]


def test_labels_are_benjamini_and_hochberg():
    rng = np.random.default_rng(5)
    scales = {
        f"S{k}": change(*[(3, 3 + d) for d in rng.normal(size=20) * (1 + k) * SOURCE.sd_difference])
        for k in range(3)
    }

    labels = label_changes(scales, q=0.10)

    p = labels.table["p"].to_numpy()
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= 0.10 * np.arange(1, 61) / 60)
    limit = ordered[passed[-1]]
    assert ((labels.table["label"] != "undecided") == (p <= limit)).all()
    assert 0 < labels.n_labelled < 60
    assert set(labels.table["label"]) == {"higher", "lower", "undecided"}


def test_a_comparison_group_replaces_the_index():
    result = change((3, 6), compared=others(80))

    assert label_changes({"a": result}).table["p"].iloc[0] == result.people["regression_p"].iloc[0]


def test_label_options_are_checked():
    for code, options in (("labels.primary", {"primary": ["x"]}), ("labels.q", {"q": 0.0})):
        with pytest.raises(ScoringError) as caught:
            label_changes({"a": change((3, 4))}, **options)
        assert caught.value.code == code


def test_the_spread_of_the_cohorts_own_changes_is_never_the_error():
    """The standardised individual difference hides change where everybody changes: two cohorts, one of them more varied, get the same
    index for the same change."""
    narrow, wide = change((3, 5), (3, 5.1), (3, 4.9)), change((3, 5), (3, 1), (3, 9))

    assert narrow.people["rc"].iloc[0] == wide.people["rc"].iloc[0]
    names = {
        name
        for _, f in inspect.getmembers(module, inspect.isfunction)
        for name in inspect.signature(f).parameters
    }
    assert not {name for name in names if "sd_change" in name or "sid" in name.split("_")}


# Norms


def test_the_crossover_lies_between_the_norms():
    # Jacobson & Truax (1991): c = (sd_0 m_1 + sd_1 m_0) / (sd_0 + sd_1).
    assert crossover_score(2.5, 0.8, 3.8, 0.7) == pytest.approx(3.193333333)
    assert crossover_score(2.0, 1.0, 4.0, 1.0) == 3.0


@pytest.mark.parametrize("norms", [(1, 0, 2, 1), (NAN, 1, 2, 1), (1, 1, math.inf, 1)])
def test_norms_that_cannot_be_used_are_named(norms):
    with pytest.raises(ScoringError) as caught:
        crossover_score(*norms)
    assert caught.value.code == "change.norms"
