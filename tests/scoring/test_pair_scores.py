import math

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.pair_scores import read_pair_scores
from scoring.scales import IntegerScores

NAN = math.nan


def table(*rows):
    return pd.DataFrame(rows, columns=["pair", "role", "wave", "score", "person"])


FULL = [
    ("a", "mentor", 0, 1.0, "p1"),
    ("a", "mentee", 0, 2.0, "p2"),
    ("a", "mentor", 1, 3.0, "p1"),
    ("a", "mentee", 1, 4.0, "p2"),
    ("b", "mentee", 1, 8.0, "p4"),
    ("b", "mentor", 0, 5.0, "p3"),
    ("b", "mentor", 1, NAN, "p3"),
]


def read(*rows, person=False, **options):
    t = table(*rows)
    people = {"person": t["person"]} if person else {}
    return read_pair_scores(t["score"], t["pair"], t["role"], t["wave"], **people, **options)


def codes(scores):
    return [note.code for note in scores.notes]


def test_scores_stand_at_their_pair_role_and_wave():
    scores = read(*FULL)

    assert scores.values[0].tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert np.array_equal(scores.values[1], [[5.0, NAN], [NAN, 8.0]], equal_nan=True)
    assert (list(scores.pairs), scores.waves, scores.roles) == (["a", "b"], (0, 1), ("mentor", "mentee"))
    assert (scores.n_used, scores.n_dropped) == (6, 1)
    assert scores.complete().tolist() == [True, False]
    assert scores.complete([0]).tolist() == [True, False]


def test_waves_come_in_their_order_in_time():
    rows = [(p, r, w, 1.0, "x") for p in "ab" for r in ("mentor", "mentee") for w in ("T3a", "T0", "T2")]

    assert read(*rows).waves == ("T0", "T2", "T3a")
    assert read(*rows, waves=["T2", "T0"]).waves == ("T2", "T0")
    assert read(*rows, waves=["T2", "T0"]).n_dropped == 4


@pytest.mark.parametrize("waves", [None, ["post", "post"], []])
def test_an_order_that_cannot_be_known_is_asked_for(waves):
    rows = [("a", r, w, 1.0, "x") for r in ("mentor", "mentee") for w in ("post", "pre")]
    with pytest.raises(ScoringError) as caught:
        read(*rows, waves=waves)
    assert caught.value.code == "pairs.order"


def test_two_scores_of_one_role_are_named():
    with pytest.raises(ScoringError) as caught:
        read(*FULL, ("a", "mentor", 1, 3.0, "p9"))
    assert caught.value.code == "pairs.duplicate"
    assert {"a", "mentor", "1"} <= set(caught.value.params.values())


def test_a_duplicate_without_a_score_is_no_second_score():
    assert read(*FULL, ("a", "mentor", 1, NAN, "p1")).n_dropped == 2


def test_pairs_that_changed_a_partner_are_left_out():
    rows = [
        *FULL,
        ("c", "mentor", 0, 1.0, "p5"),
        ("c", "mentor", 1, 1.0, "p6"),
        ("c", "mentee", 0, 1.0, "p7"),
    ]

    scores = read(*rows, person=True)

    assert list(scores.pairs) == ["a", "b"]
    assert "pairs.rematched" in codes(scores)
    assert scores.n_dropped == 1 + 3
    # Without people nothing of it is known.
    assert list(read(*rows).pairs) == ["a", "b", "c"]


def test_people_in_two_pairs_are_remarked():
    rows = [(row[0], row[1], row[2], row[3], "p1" if row[1] == "mentor" else row[4]) for row in FULL]

    assert "pairs.shared" in codes(read(*rows, person=True))
    assert "pairs.shared" not in codes(read(*FULL, person=True))


def test_pairs_with_one_member_are_remarked():
    assert "pairs.single" in codes(read(*FULL, ("c", "mentor", 0, 1.0, "p5")))


def test_a_wave_without_one_of_the_roles_is_left_out():
    scores = read(*FULL, ("a", "mentor", 2, 1.0, "p1"))

    assert scores.waves == (0, 1)
    assert "pairs.lost_wave" in codes(scores)
    with pytest.raises(ScoringError) as caught:
        scores.place(2)
    assert caught.value.code == "pairs.wave"


def test_no_rows_are_no_crash():
    scores = read()

    assert (scores.n_used, len(scores.pairs), scores.waves) == (0, 0, ())
    assert scores.complete().tolist() == []


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("pairs.role", ("a", "sponsor", 0, 1.0, "p")),
        ("pairs.label", (None, "mentor", 0, 1.0, "p")),
        ("pairs.label", ("a", "mentor", None, 1.0, "p")),
        ("pairs.number", ("a", "mentor", 0, math.inf, "p")),
        ("pairs.number", ("a", "mentor", 0, "high", "p")),
    ],
)
def test_rows_that_cannot_be_used_are_named(code, row):
    with pytest.raises(ScoringError) as caught:
        read(*FULL[4:], row)
    assert caught.value.code == code


def test_columns_of_different_tables_are_refused():
    t = table(*FULL)
    with pytest.raises(ScoringError) as caught:
        read_pair_scores(t["score"], t["pair"].iloc[1:], t["role"], t["wave"])
    assert caught.value.code == "pairs.index"


def test_exact_scores_stand_in_the_same_places():
    t = table(*FULL)
    whole = IntegerScores((t["score"] * 6).astype("Int64"), 6)

    scores = read(*FULL, exact=whole)

    present = ~np.isnan(scores.values)
    assert np.array_equal(scores.exact[present], 6 * scores.values[present])
    assert scores.multiplier == 6


@pytest.mark.parametrize("what", ["index", "missing", "large"])
def test_exact_scores_that_do_not_fit_are_refused(what):
    values = (table(*FULL)["score"] * 6).astype("Int64")
    if what == "index":
        values = values.iloc[1:]
    if what == "missing":
        values = values.where(values.index != 1)
    if what == "large":
        values = values * 2**45
    with pytest.raises(ScoringError) as caught:
        read(*FULL, exact=IntegerScores(values, 6))
    assert caught.value.code == "pairs.exact"
