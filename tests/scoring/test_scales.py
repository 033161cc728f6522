import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.loader import load_instrument
from scoring.errors import FrameError, ScoringError
from scoring.scales import integer_scores, keyed_items, rescale_100, score_instrument, score_scale

TOY = Path(__file__).parents[1] / "instruments" / "toy" / "0.1.0"
NAN = np.nan


@pytest.fixture(scope="module")
def toy():
    return load_instrument(TOY)


def items(**columns):
    return pd.DataFrame(columns, dtype="float64")


def plain(k):
    return {f"i{number}": 1 for number in range(k)}


# Keys


def test_a_reversed_item_is_mirrored_in_the_range_not_in_the_answers():
    keyed = keyed_items(items(a=[2, 3], b=[2, 3]), {"a": 1, "b": -1}, minimum=1, maximum=5)

    assert keyed["a"].tolist() == [2, 3]
    assert keyed["b"].tolist() == [4, 3]


def test_reversing_works_on_ranges_around_zero():
    assert keyed_items(items(a=[-2, 1]), {"a": -1}, minimum=-2, maximum=2)["a"].tolist() == [2, -1]


def test_a_missing_answer_stays_missing_when_reversed():
    assert keyed_items(items(a=[NAN]), {"a": -1}, minimum=1, maximum=5)["a"].isna().all()


@pytest.mark.parametrize(
    ("keys", "low", "high", "code"),
    [
        ({}, 1, 5, "keys.empty"),
        ({"a": 0}, 1, 5, "keys.sign"),
        ({"a": 2}, 1, 5, "keys.sign"),
        ({"z": 1}, 1, 5, "keys.column"),
        ({"a": 1}, 5, 5, "keys.range"),
        ({"a": 1}, math.nan, 5, "keys.range"),
        ({"a": 1}, 1, math.inf, "keys.range"),
        ({"a": 1}, 1, 4, "keys.code"),
        ({"a": 1}, 2, 5, "keys.code"),
        ({"text": 1}, 1, 5, "keys.code"),
    ],
)
def test_wrong_keys_are_refused(keys, low, high, code):
    frame = items(a=[1, 5]).assign(text=["1", "2"])

    with pytest.raises(ScoringError) as caught:
        keyed_items(frame, keys, minimum=low, maximum=high)

    assert caught.value.code == code


# Scores


@pytest.mark.parametrize(
    # ceil(2k/3), counted by hand: the rule of measurement plan section 3.9.
    ("k_items", "k_required"),
    [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6), (9, 6), (25, 17)],
)
def test_two_thirds_of_the_items_are_needed_rounded_up(k_items, k_required):
    frame = pd.DataFrame(
        [[3.0] * answered + [NAN] * (k_items - answered) for answered in range(k_items + 1)],
        columns=list(plain(k_items)),
    )

    result = score_scale(frame, plain(k_items), minimum=1, maximum=5)

    assert result.k_required == k_required
    assert result.n_valid.tolist() == list(range(k_items + 1))
    assert result.scores.notna().tolist() == [answered >= k_required for answered in range(k_items + 1)]


def test_the_score_is_the_mean_of_the_answered_keyed_items():
    frame = items(a=[5, 5], b=[1, NAN], c=[2, 4])

    result = score_scale(frame, {"a": 1, "b": -1, "c": 1}, minimum=1, maximum=5)

    assert result.scores.tolist() == pytest.approx([(5 + 5 + 2) / 3, 4.5])


def test_scores_are_those_of_r(r_data, r_values):
    expected = r_values("base")
    sim, bfi = r_data("sim_dyads_a"), r_data("bfi")

    safety = score_scale(sim, {f"q0{i}": 1 for i in range(1, 6)}, minimum=1, maximum=5).scores
    agree = score_scale(bfi, {"A1": -1, "A2": 1, "A3": 1, "A4": 1, "A5": 1}, minimum=1, maximum=6).scores

    for scores, described in ((safety, expected["safety_score"]), (agree, expected["agree_score"])):
        assert scores.notna().sum() == described["n"]
        assert scores.isna().sum() == described["missing"]
        assert scores.mean() == pytest.approx(described["mean"], abs=1e-12)
        assert scores.std(ddof=1) == pytest.approx(described["sd"], abs=1e-12)


def test_rows_without_any_answer_and_tables_without_rows_are_scored_as_missing():
    nothing = score_scale(items(a=[NAN, NAN], b=[NAN, NAN]), {"a": 1, "b": 1}, minimum=1, maximum=5)
    empty = score_scale(items(a=[], b=[]), {"a": 1, "b": 1}, minimum=1, maximum=5)

    assert nothing.scores.isna().all()
    assert nothing.exact is not None
    assert nothing.exact.values.isna().all()
    assert len(empty.scores) == 0


def test_another_share_of_items_can_be_required():
    frame = items(a=[1, 1], b=[2, NAN], c=[3, NAN])
    keys = {"a": 1, "b": 1, "c": 1}

    assert (
        score_scale(frame, keys, minimum=1, maximum=5, minimum_answered=Fraction(1, 3)).scores.notna().all()
    )
    assert score_scale(frame, keys, minimum=1, maximum=5, minimum_answered=1.0).scores.notna().tolist() == [
        True,
        False,
    ]
    # 2/3 as a floating number is the same rule as the fraction, although 6 * (2/3) could round above 4.
    six = pd.DataFrame([[1.0] * 4 + [NAN] * 2], columns=list(plain(6)))
    assert score_scale(six, plain(6), minimum=1, maximum=5, minimum_answered=2 / 3).k_required == 4
    with pytest.raises(ScoringError, match="share"):
        score_scale(frame, keys, minimum=1, maximum=5, minimum_answered=0)


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=6, max_size=6), min_size=1, max_size=8
    ),
    st.lists(st.sampled_from([1, -1]), min_size=6, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_exact_scores_are_the_scores_as_fractions(rows, signs):
    frame = pd.DataFrame(
        [[NAN if code is None else float(code) for code in row] for row in rows], columns=list(plain(6))
    )
    keys = dict(zip(plain(6), signs, strict=True))

    exact = integer_scores(frame, keys, 0, 5)

    assert exact.multiplier == 60  # lcm(1, ..., 6)
    for row, value in zip(rows, exact.values, strict=True):
        keyed = [
            code if sign == 1 else 5 - code for code, sign in zip(row, signs, strict=True) if code is not None
        ]
        if len(keyed) < 4:
            assert value is pd.NA
        else:
            assert Fraction(int(value), 60) == Fraction(sum(keyed), len(keyed))


def test_equal_changes_are_equal_in_whole_numbers_where_floating_means_are_not():
    # Two people rise by exactly one point, from 5/3 to 8/3 and from 4/3 to 7/3.
    keys = {"a": 1, "b": 1, "c": 1}
    before = items(a=[1, 1], b=[2, 1], c=[2, 2])
    after = items(a=[2, 2], b=[3, 2], c=[3, 3])

    floating = [score_scale(wave, keys, minimum=1, maximum=5).scores for wave in (before, after)]
    exact = [integer_scores(wave, keys, 1, 5) for wave in (before, after)]

    assert (floating[1] - floating[0]).nunique() == 2
    assert (exact[1].values - exact[0].values).tolist() == [6, 6]
    assert exact[0].multiplier == 6


def test_codes_between_whole_numbers_have_no_exact_scores():
    frame = items(a=[1.5, 2], b=[1, 2])

    assert score_scale(frame, {"a": 1, "b": 1}, minimum=1, maximum=5).exact is None
    with pytest.raises(ScoringError, match="whole numbers"):
        integer_scores(frame, {"a": 1, "b": 1}, 1, 5)


def test_a_scale_too_long_for_64_bits_is_refused_not_wrapped():
    frame = pd.DataFrame([[5.0] * 31], columns=list(plain(31)))

    assert score_scale(frame, plain(31), minimum=1, maximum=5).scores.tolist() == [5.0]
    with pytest.raises(ScoringError, match="30 items"):
        integer_scores(frame, plain(31), 1, 5)
    assert integer_scores(frame, plain(30), 1, 5).values.iloc[0] == 5 * math.lcm(*range(1, 31))


def test_scores_rescale_to_a_hundred():
    assert rescale_100(pd.Series([1.0, 3.0, 5.0, NAN]), 1, 5).tolist()[:3] == [0.0, 50.0, 100.0]
    with pytest.raises(ScoringError):
        rescale_100(pd.Series([1.0]), 5, 1)


# A whole instrument


def toy_frame(*rows):
    """Rows of (respondent, role, wave, answers); one pair; unanswered items are NaN."""
    return pd.DataFrame(
        [
            {"respondent": who, "pair": "p1", "cohort": "c1", "role": role, "wave": wave, "locale": "en"}
            | dict.fromkeys(("A1", "A2", "A3", "B1", "B2", "X1"), NAN)
            | answers
            for who, role, wave, answers in rows
        ],
        index=[f"row{number}" for number in range(len(rows))],
    )


ALL_AA = {"A1": 5.0, "A2": 4.0, "A3": 1.0}


def test_an_instrument_is_scored_with_its_keys(toy):
    frame = toy_frame(
        ("r1", "mentor", "T0", ALL_AA | {"B1": 2.0, "B2": 4.0}),
        ("r2", "mentee", "T0", {"A1": 3.0, "A3": 3.0}),
    )

    scored = score_instrument(frame, toy)

    # A3 is reversed: 1 + 5 - 1 = 5, so (5 + 4 + 5) / 3.
    assert scored.scores["AA"].tolist() == pytest.approx([14 / 3, 3.0])
    assert scored.scores["BB"].tolist()[0] == 3.0
    assert np.isnan(scored.scores["BB"].iloc[1])
    assert list(scored.scores.index) == ["row0", "row1"]
    assert scored.asked == {("T0", "mentor"): ("AA", "BB"), ("T0", "mentee"): ("AA", "BB")}
    assert scored.widths == {"AA": 4.0, "BB": 4.0}
    assert scored.n_valid["AA"].tolist() == [3, 2]


def test_a_scale_that_a_form_asks_in_part_is_not_asked_there(toy):
    # The check after the trial period asks B1 but not B2.
    frame = toy_frame(
        ("r1", "mentor", "TC", ALL_AA | {"B1": 5.0, "B2": 5.0}),
        ("r1", "mentor", "T2", ALL_AA | {"B1": 5.0, "B2": 4.0}),
    )

    scored = score_instrument(frame, toy)

    assert scored.asked[("TC", "mentor")] == ("AA",)
    assert np.isnan(scored.scores.loc["row0", "BB"])
    assert scored.n_valid.loc["row0", "BB"] is pd.NA
    assert scored.scores.loc["row1", "BB"] == 4.5
    assert list(scored.keyed["BB"].index) == ["row1"]


def test_a_wave_without_a_form_scores_nothing_and_says_so(toy):
    scored = score_instrument(toy_frame(("r1", "mentor", "T4", ALL_AA)), toy)

    assert scored.asked == {("T4", "mentor"): ()}
    assert [note.code for note in scored.notes] == ["scores.none"]
    assert "mentor in wave T4" in str(scored.notes[0])


def test_selected_scores_are_labelled_by_respondent_and_pair(toy):
    frame = toy_frame(
        ("r1", "mentor", "TC", ALL_AA), ("r2", "mentee", "TC", ALL_AA), ("r1", "mentor", "T2", ALL_AA)
    )
    scored = score_instrument(frame, toy)

    scores, exact = scored.select("AA", role="mentor", wave="TC", cohort="c1")
    nobody, _ = scored.select("AA", role="mentor", wave="TC", cohort="c2")

    assert scores.to_dict() == pytest.approx({("r1", "p1"): 14 / 3})
    assert exact is not None
    assert exact.values.to_dict() == {("r1", "p1"): 28}
    assert exact.multiplier == 6
    assert nobody.empty
    with pytest.raises(ScoringError, match="AA, BB"):
        scored.select("CC", role="mentor", wave="TC")


def test_a_not_asked_scale_selects_nobody(toy):
    scored = score_instrument(toy_frame(("r1", "mentor", "TC", ALL_AA), ("r1", "mentor", "T2", ALL_AA)), toy)

    assert scored.select("BB", role="mentor", wave="TC")[0].empty


def test_a_code_outside_the_options_and_a_missing_column_are_refused(toy):
    with pytest.raises(FrameError, match="row0") as outside:
        score_instrument(toy_frame(("r1", "mentor", "T0", ALL_AA | {"A2": 6.0})), toy)
    with pytest.raises(FrameError, match="A3"):
        score_instrument(toy_frame(("r1", "mentor", "T0", ALL_AA)).drop(columns="A3"), toy)
    with pytest.raises(FrameError, match="wave"):
        score_instrument(toy_frame(("r1", "mentor", "T0", ALL_AA)).drop(columns="wave"), toy)

    assert outside.value.params["column"] == "A2"


def test_an_empty_frame_gives_an_empty_score_set(toy):
    scored = score_instrument(toy_frame(("r1", "mentor", "T0", ALL_AA)).iloc[:0], toy)

    assert scored.scores.empty
    assert scored.asked == {}
