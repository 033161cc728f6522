import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.sem.categories import share_categories


def table(*columns, names=("q1", "q2", "q3")):
    return pd.DataFrame({name: np.array(column, float) for name, column in zip(names, columns, strict=False)})


def answers(**counts):
    """A column with so many answers of each code, for example c1=4."""
    return [int(code[1:]) for code, count in counts.items() for _ in range(count)]


def test_codes_that_all_tables_use_stay_as_they_are():
    first, second = table(answers(c1=4, c2=4, c3=4)), table(answers(c1=5, c2=3, c3=4))

    recoded, notes = share_categories([first, second])

    assert notes == ()
    for ours, given in zip(recoded, (first, second), strict=True):
        pd.testing.assert_frame_equal(ours, given)


def test_an_end_category_needs_four_answers_in_every_table():
    first, second = table(answers(c1=4, c2=6, c3=4, c4=4)), table(answers(c1=3, c2=8, c3=4, c4=3))

    recoded, notes = share_categories([first, second])

    assert [sorted(set(part["q1"])) for part in recoded] == [[2, 3], [2, 3]]
    assert {(n.params["old"], n.params["new"]) for n in notes} == {(1.0, 2.0), (4.0, 3.0)}
    assert {n.code for n in notes} == {"sem.merged"}
    assert {n.params["item"] for n in notes} == {"q1"}
    assert "Answers 1.0 to q1 were counted as 2.0" in str(notes[0])


def test_four_answers_are_enough_and_three_are_not():
    both = [answers(c1=4, c2=5, c3=5), answers(c1=3, c2=5, c3=5)]

    assert share_categories([table(both[0])] * 2)[1] == ()
    assert len(share_categories([table(both[0]), table(both[1])])[1]) == 1
    assert share_categories([table(both[0]), table(both[1])], minimum=3)[1] == ()


def test_the_answers_beyond_an_end_count_with_it():
    """Two answers each to the two lowest codes make an end of four."""
    part = table(answers(c1=2, c2=2, c3=9))

    recoded, notes = share_categories([part, part])

    assert sorted(set(recoded[0]["q1"])) == [2, 3]
    assert [(n.params["old"], n.params["new"]) for n in notes] == [(1.0, 2.0)]


def test_an_end_that_one_wave_never_uses_is_merged():
    recoded, notes = share_categories([table(answers(c1=10, c2=10, c3=10)), table(answers(c2=10, c3=10))])

    assert sorted(set(recoded[0]["q1"])) == [2, 3]
    assert (recoded[0]["q1"] == 2).sum() == 20
    assert len(notes) == 1


def test_a_gap_is_merged_with_the_code_below():
    recoded, notes = share_categories(
        [table(answers(c1=5, c2=5, c3=5, c4=5)), table(answers(c1=5, c2=5, c4=5))]
    )

    assert [sorted(set(part["q1"])) for part in recoded] == [[1, 2, 4], [1, 2, 4]]
    assert [(n.params["old"], n.params["new"]) for n in notes] == [(3.0, 2.0)]


def test_neighbouring_gaps_fall_on_one_code():
    recoded, _ = share_categories(
        [table(answers(c1=5, c2=5, c3=5, c4=5, c5=5)), table(answers(c1=5, c2=5, c5=5))]
    )

    assert [sorted(set(part["q1"])) for part in recoded] == [[1, 2, 5], [1, 2, 5]]


def test_gaps_of_different_tables_are_all_closed():
    """Each of three tables leaves out another code, so that only the ends and what lies between them are left."""
    recoded, _ = share_categories(
        [
            table(answers(c1=5, c3=5, c4=5, c5=5)),
            table(answers(c1=5, c2=5, c4=5, c5=5)),
            table(answers(c1=5, c2=5, c3=5, c5=5)),
        ]
    )

    used = [sorted(set(part["q1"])) for part in recoded]
    assert used[0] == used[1] == used[2]


def test_the_order_of_codes_is_kept_and_missing_answers_stay_missing():
    rng = np.random.default_rng(1)
    parts = [
        pd.DataFrame(rng.choice([1, 2, 3, 4, 7], p=p, size=(60, 3)), columns=list("abc")).astype(float)
        for p in ([0.02, 0.3, 0.3, 0.36, 0.02], [0.3, 0.3, 0.0, 0.3, 0.1])
    ]
    parts[0].iloc[3, 1] = np.nan

    recoded, _ = share_categories(parts)

    for before, after in zip(parts, recoded, strict=True):
        assert (before.isna() == after.isna()).all().all()
        for item in "abc":
            pairs = pd.DataFrame({"old": before[item], "new": after[item]}).dropna().drop_duplicates()
            assert pairs.sort_values("old")["new"].is_monotonic_increasing
    for item in "abc":
        assert set(recoded[0][item].dropna()) == set(recoded[1][item].dropna())


def test_the_tables_passed_are_not_changed():
    part = table(answers(c1=1, c2=9, c3=9))
    before = part.copy()

    share_categories([part, part])

    pd.testing.assert_frame_equal(part, before)


def test_recoding_twice_changes_nothing_more():
    rng = np.random.default_rng(2)
    parts = [pd.DataFrame(rng.binomial(4, p, size=(50, 2)) + 1.0, columns=["a", "b"]) for p in (0.3, 0.6)]

    once, _ = share_categories(parts)
    twice, notes = share_categories(once)

    assert notes == ()
    for ours, again in zip(once, twice, strict=True):
        pd.testing.assert_frame_equal(ours, again)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (answers(c1=10, c2=2), answers(c1=10, c2=10)),
        (answers(c1=10), answers(c2=10)),
        (answers(c3=10), answers(c3=10)),
        ([np.nan] * 5, [np.nan] * 5),
        (answers(c1=10, c2=10), [np.nan] * 20),
    ],
    ids=["too few", "no code in common", "constant", "no answer at all", "no answer in one"],
)
def test_an_item_with_one_category_left_is_named(first, second):
    with pytest.raises(ScoringError, match="q1") as error:
        share_categories([table(first), table(second)])

    assert error.value.code == "sem.categories"


def test_other_items_do_not_matter():
    good, rare = answers(c1=5, c2=5, c3=5), answers(c1=1, c2=7, c3=7)

    recoded, notes = share_categories([table(good, rare), table(good, rare)])

    assert {n.params["item"] for n in notes} == {"q2"}
    assert list(recoded[0]["q1"]) == good
