import numpy as np
import pandas as pd
import pytest

from scoring.dropout import dropout_differences, little_test
from scoring.effects import GroupSummary, hedges_g_independent
from scoring.errors import ScoringError


def people(n_pairs, *, shift=0.0, share=0.3, seed=1):
    """Two scales at baseline; those who leave scored `shift` lower on the first."""
    rng = np.random.default_rng(seed)
    index = [f"{role}{i}" for i in range(n_pairs) for role in ("mentor", "mentee")]
    role = pd.Series(["mentor", "mentee"] * n_pairs, index=index)
    pair = pd.Series(np.repeat([f"p{i}" for i in range(n_pairs)], 2), index=index)
    stayed = pd.Series(rng.random(2 * n_pairs) > share, index=index)
    scores = pd.DataFrame(3.5 + 0.7 * rng.normal(size=(2 * n_pairs, 2)), index=index, columns=["PSg", "OP"])
    scores.loc[~stayed, "PSg"] -= shift
    return scores, stayed, {"role": role, "pair": pair}


def test_differences_are_hedges_g_of_those_who_left():
    scores, stayed, labels = people(40, shift=0.5)
    report = dropout_differences(scores, stayed, **labels)
    row = report.differences.set_index(["role", "scale"]).loc[("mentor", "PSg")]
    mentors = labels["role"] == "mentor"
    gone, there = scores.loc[mentors & ~stayed, "PSg"], scores.loc[mentors & stayed, "PSg"]
    expected = hedges_g_independent(*(GroupSummary(len(x), x.mean(), x.std()) for x in (gone, there)))

    assert (row["n_left"], row["n_stayed"]) == (len(gone), len(there))
    assert row["difference"] == pytest.approx(gone.mean() - there.mean())
    assert (row["g"], row["low"], row["high"]) == pytest.approx((expected.value, expected.low, expected.high))
    assert list(report.differences["role"].unique()) == ["all", "mentee", "mentor"]


def test_large_differences_are_flagged_whatever_their_p():
    scores, stayed, labels = people(12, shift=0.8, seed=3)
    report = dropout_differences(scores, stayed, **labels)
    table = report.differences

    assert (table["flagged"] == (table["g"].abs() > 0.4)).all()
    assert "all PSg" in report.flagged
    assert "dropout.flagged" in [note.code for note in report.notes]
    wide = table[table["flagged"] & (table["low"] < 0) & (table["high"] > 0)]
    assert len(wide) > 0


def test_pairs_are_counted_by_who_is_missing():
    index = list("abcdef")
    scores = pd.DataFrame({"PSg": [1.0, 2, 3, 4, 5, 6]}, index=index)
    stayed = pd.Series([True, True, True, False, False, False], index=index)
    labels = {
        "role": pd.Series(["mentor", "mentee"] * 3, index=index),
        "pair": pd.Series(list("xxyyzz"), index=index),
    }
    report = dropout_differences(scores, stayed, **labels)

    assert report.pairs["n"].to_dict() == {"both stayed": 1, "one left": 1, "both left": 1}
    assert report.pairs["PSg"].to_list() == [1.5, 3.5, 5.5]
    assert report.pair_differences["difference"].to_list() == pytest.approx([2.0, 4.0])
    assert (report.n_used, report.n_left, report.n_pairs) == (6, 3, 3)


def test_a_model_of_who_leaves_needs_forty_pairs_and_ten_dropouts():
    few = dropout_differences(*people(39)[:2], **people(39)[2])
    scores, stayed, labels = people(150, shift=0.7)
    many = dropout_differences(scores, stayed, **labels)

    assert few.model is None
    assert "dropout.no_model" in [note.code for note in few.notes]
    assert list(many.model.index) == ["intercept", "PSg", "OP", "role mentor"]
    assert many.model.at["PSg", "odds_ratio"] < 1
    assert many.model.at["PSg", "p"] < 0.001


def test_complete_separation_has_no_model():
    scores, _, labels = people(60)
    stayed = scores["PSg"] > scores["PSg"].quantile(0.2)
    report = dropout_differences(scores, stayed, **labels)

    assert report.model is None
    assert "dropout.separated" in [note.code for note in report.notes]


@pytest.mark.parametrize("everybody", [True, False])
def test_nothing_to_compare_is_a_note(everybody):
    scores, stayed, labels = people(50)
    report = dropout_differences(scores, stayed | True if everybody else stayed & False, **labels)

    assert report.differences["g"].isna().all()
    assert report.flagged == ()
    assert {"dropout.nobody", "dropout.few"} <= {note.code for note in report.notes}
    assert report.model is None


def test_missing_baselines_are_dropped_and_counted():
    scores, stayed, labels = people(20)
    scores.iloc[:3] = np.nan
    scores.iloc[5, 0] = np.nan
    report = dropout_differences(scores, stayed, **labels)

    assert (report.n_used, report.n_dropped, report.n_pairs) == (37, 3, 20)
    counts = report.differences.set_index(["role", "scale"])
    assert counts.loc[("all", "PSg"), ["n_stayed", "n_left"]].sum() == 36


def test_constant_and_empty_scales_survive():
    scores, stayed, labels = people(60)
    report = dropout_differences(scores.assign(same=3.0, none=np.nan), stayed, **labels)

    table = report.differences.set_index(["role", "scale"])
    assert np.isnan(table.loc[("all", "same"), "g"])
    assert table.loc[("all", "same"), "difference"] == 0.0
    assert np.isnan(table.loc[("all", "none"), "difference"])
    assert report.model is None
    nothing = dropout_differences(scores * np.nan, stayed, **labels)
    assert (nothing.n_used, nothing.n_dropped) == (0, 120)


def test_no_people_is_an_empty_report():
    empty = pd.Series(dtype=object)
    report = dropout_differences(
        pd.DataFrame({"PSg": pd.Series(dtype=float)}), pd.Series(dtype=bool), role=empty, pair=empty
    )

    assert (report.n_used, report.n_left, report.n_pairs) == (0, 0, 0)


def test_what_cannot_be_is_refused():
    scores, stayed, labels = people(10)

    def code(scores=scores, stayed=stayed, **changed):
        with pytest.raises(ScoringError) as caught:
            dropout_differences(scores, stayed, **{**labels, **changed})
        return caught.value.code

    assert code(scores=pd.concat([scores, scores])) == "dropout.index"
    assert code(stayed=stayed.iloc[1:]) == "dropout.index"
    assert code(role=labels["role"].where(labels["role"] == "mentor")) == "dropout.index"
    assert code(stayed=stayed.astype(int)) == "dropout.stayed"
    assert code(pair=labels["pair"].replace("p1", "p0")) == "dropout.pair"
    assert code(scores=scores.astype(str)) == "dropout.number"
    assert code(scores=scores.replace(scores.iloc[0, 0], np.inf)) == "dropout.number"
    assert code(scores=scores[[]]) == "dropout.scales"
    assert code(scores=scores.rename(columns={"OP": "PSg"})) == "dropout.scales"
    assert code(confidence=0.0) == "dropout.confidence"


def holes(n, seed, *, at_random):
    """Three variables, the third missing at random or where the first is low."""
    rng = np.random.default_rng(seed)
    x = rng.multivariate_normal(np.zeros(3), 0.5 * np.eye(3) + 0.5, size=n)
    table = pd.DataFrame(x, columns=list("abc"))
    gone = rng.random(n) < 0.3 if at_random else x[:, 0] < -0.5
    table.loc[gone, "c"] = np.nan
    return table


def test_littles_test_keeps_its_error_and_sees_what_depends_on_scores():
    p = [little_test(holes(150, seed, at_random=True)).p for seed in range(200)]

    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert little_test(holes(150, 1, at_random=False)).p < 1e-6


def test_littles_test_is_shut_where_it_says_nothing():
    assert little_test(holes(99, 1, at_random=True)).notes[0].code == "little.few"
    assert little_test(holes(150, 1, at_random=True)[["a", "b"]]).notes[0].code == "little.none"
    copied = holes(150, 1, at_random=True).assign(d=lambda t: t["a"])
    never = holes(150, 1, at_random=True).assign(d=np.nan)
    for table in (copied, never):
        found = little_test(table)
        assert (found.p, found.converged) == (None, False)
        assert found.notes[0].code == "little.failed"
