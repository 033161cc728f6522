"""What is laid out over groups, waves and roles: free parameters counted by hand, and long tables made wide."""

import itertools

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.sem.blocks import CONTINUOUS, ORDINAL, Block, Layout, widen
from scoring.sem.matrices import compile_model
from scoring.sem.model import ConfirmatoryModel

FOUR = ConfirmatoryModel({"f": ["a", "b", "c", "d"]})
TWO = ConfirmatoryModel({"f": ["a", "b", "c"], "g": ["d", "e", "h"]})


def groups(count):
    return tuple(Block(f"g{number}", number) for number in range(count))


def waves(count):
    return tuple(Block(str(number), 0, f"@{number}") for number in range(count))


def n_free(layout, step, freed=None):
    return compile_model(layout.specify(layout.steps[step], freed)).n_free


@pytest.mark.parametrize("scaling", ["unit_variance", "marker"])
@pytest.mark.parametrize("count", [2, 3])
def test_free_parameters_of_groups(count, scaling):
    """By hand: k loadings, k intercepts and k residuals a group; later groups get a factor variance and mean back."""
    layout, k, later = Layout(FOUR, groups(count), scaling=scaling), 4, count - 1

    assert n_free(layout, "configural") == 3 * k * count
    assert n_free(layout, "metric") == 3 * k * count - k * later + later
    assert n_free(layout, "scalar") == 3 * k * count - 2 * k * later + 2 * later
    assert n_free(layout, "strict") == 3 * k * count - 3 * k * later + 2 * later


@pytest.mark.parametrize("count", [2, 3])
def test_free_parameters_of_waves(count):
    """Beside those of groups, factors covary over waves and so do the residuals of each item."""
    layout, k, later, pairs = Layout(FOUR, waves(count)), 4, count - 1, count * (count - 1) // 2

    assert n_free(layout, "configural") == 3 * k * count + pairs + k * pairs
    assert n_free(layout, "scalar") == 3 * k * count - 2 * k * later + 2 * later + pairs + k * pairs


def test_two_factors_covary_with_each_other_and_over_waves():
    own = 3 * 6 * 2

    assert n_free(Layout(TWO, groups(2)), "configural") == own + 2
    assert n_free(Layout(TWO, waves(2)), "configural") == own + 6 + 6
    uncorrelated = ConfirmatoryModel(TWO.factors, orthogonal=True)
    assert n_free(Layout(uncorrelated, groups(2)), "configural") == own


def test_residual_covariances_of_the_model_stand_in_every_block():
    model = ConfirmatoryModel({"f": ["a", "b", "c", "d"]}, (("a", "b"),))

    assert n_free(Layout(model, groups(3)), "strict") == n_free(Layout(FOUR, groups(3)), "strict") + 3
    names = compile_model(Layout(model, waves(2)).specify(frozenset())).names
    assert sum("a@0 ~~ b@0" in name or "a@1 ~~ b@1" in name for name in names) == 2


@pytest.mark.parametrize(("lag", "pairs"), [(None, 6), (3, 6), (2, 5), (1, 3), (0, 0)])
def test_lag_says_between_which_waves_residuals_covary(lag, pairs):
    layout = Layout(FOUR, waves(4), lag=lag)
    own = [
        p
        for p in layout.specify(frozenset()).parameters
        if p.operator == "~~" and p.left != p.right and p.left[0] == p.right[0] and p.left[0] != "f"
    ]

    assert len(own) == 4 * pairs


@pytest.mark.parametrize("count", [2, 3])
def test_free_parameters_of_ordinal_items_are_those_of_wu_and_estabrook(count):
    """Four items with three thresholds each, by hand from their propositions for three and more categories."""
    layout = Layout(FOUR, groups(count), thresholds=dict.fromkeys("abcd", 3))
    k, later = 4, count - 1

    assert n_free(layout, "configural") == (3 * k + k) * count
    # Equal thresholds set intercepts and residual variances of the later groups free.
    assert n_free(layout, "thresholds") == 3 * k + k * count + 2 * k * later
    assert n_free(layout, "metric") == 3 * k + k + later + 2 * k * later
    assert n_free(layout, "scalar") == 3 * k + k + 2 * later + k * later
    assert n_free(layout, "strict") == 3 * k + k + 2 * later


def test_residual_variances_of_binary_items_cannot_be_set_free():
    layout = Layout(FOUR, groups(2), thresholds=dict.fromkeys("abcd", 1))

    assert n_free(layout, "configural") == n_free(layout, "thresholds") == 16
    assert n_free(layout, "scalar") == n_free(layout, "strict") == 4 + 4 + 2


def test_an_item_with_fewer_categories_has_fewer_thresholds():
    thresholds = {"a": 4, "b": 1, "c": 2, "d": 3}
    specification = Layout(FOUR, waves(2), thresholds).specify(frozenset())

    for item, count in thresholds.items():
        for wave in (0, 1):
            found = [p for p in specification.parameters if p.operator == "|" and p.left == f"{item}@{wave}"]
            assert [p.right for p in found] == [f"t{step}" for step in range(1, count + 1)]


def test_a_freed_item_keeps_no_equality_that_it_is_freed_of():
    layout = Layout(FOUR, groups(2))
    scalar = n_free(layout, "scalar")

    assert n_free(layout, "scalar", {"b": frozenset({"intercepts"})}) == scalar + 1
    assert n_free(layout, "scalar", {"b": frozenset({"intercepts", "loadings"})}) == scalar + 2
    assert n_free(layout, "metric", {"b": frozenset({"intercepts"})}) == n_free(layout, "metric")
    labels = {
        p.label for p in layout.specify(layout.steps["scalar"], {"b": frozenset({"intercepts"})}).parameters
    }
    assert "intercept of b" not in labels
    assert {"loading of b on f", "intercept of a"} <= labels


def test_steps_add_equalities_and_take_none_back():
    for steps in (CONTINUOUS, ORDINAL):
        kinds = list(steps.values())
        assert all(a < b for a, b in itertools.pairwise(kinds))
    assert "thresholds" not in CONTINUOUS
    assert Layout(FOUR, groups(2)).steps is CONTINUOUS
    assert Layout(FOUR, groups(2), {"a": 1, "b": 1, "c": 1, "d": 1}).steps is ORDINAL


def test_names_carry_the_wave_and_groups_share_them():
    over_waves, over_groups = Layout(FOUR, waves(2)), Layout(FOUR, groups(2))

    assert over_waves.joint
    assert over_waves.specify(frozenset()).items == tuple(f"{i}@{w}" for w in (0, 1) for i in "abcd")
    assert over_waves.specify(frozenset()).factors == ("f@0", "f@1")
    assert not over_groups.joint
    assert over_groups.specify(frozenset()).items == tuple("abcd")
    assert over_groups.specify(frozenset()).n_groups == 2


# Long tables


def long_table(order=(0, 1, 2), n=4):
    return pd.DataFrame(
        [(p, w, 10 * w + p, 100 * w + p) for w in order for p in range(n)], columns=["who", "wave", "a", "b"]
    )


def test_a_long_table_becomes_one_row_a_person():
    wide, blocks = widen(long_table(), ["a", "b"], unit="who", occasion="wave")

    assert list(wide.columns) == ["a@0", "b@0", "a@1", "b@1", "a@2", "b@2"]
    assert [block.label for block in blocks] == ["0", "1", "2"]
    assert {block.group for block in blocks} == {0}
    assert wide.loc[3].tolist() == [3, 3, 13, 103, 23, 203]


def test_the_order_of_rows_does_not_matter():
    table = long_table()

    wide, _ = widen(table, ["a", "b"], unit="who", occasion="wave")
    mixed, _ = widen(table.sample(frac=1, random_state=1), ["a", "b"], unit="who", occasion="wave")

    pd.testing.assert_frame_equal(mixed.sort_index()[wide.columns], wide.sort_index())


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([10, 2, 1], ["1", "2", "10"]),
        (["10", "2", "1"], ["1", "2", "10"]),
        ([1.5, -1, 0], ["-1.0", "0.0", "1.5"]),
        (["post", "mid", "pre"], ["mid", "post", "pre"]),
        (["post", "2", "1"], ["1", "2", "post"]),
        (["mentee", "mentor", "other"], ["mentee", "mentor", "other"]),
    ],
    ids=["numbers", "numbers as text", "broken numbers", "words", "numbers before words", "three roles"],
)
def test_waves_stand_in_their_order(labels, expected):
    table = pd.DataFrame({"who": [1, 1, 1], "wave": labels, "a": [1.0, 2, 3]})

    assert [b.label for b in widen(table, ["a"], unit="who", occasion="wave")[1]] == expected


@pytest.mark.parametrize("labels", [["mentee", "mentor"], ["mentor", "mentee"]])
def test_the_mentor_comes_before_the_mentee(labels):
    table = pd.DataFrame({"pair": [1, 1], "role": labels, "a": [1.0, 2]})

    assert [b.label for b in widen(table, ["a"], unit="pair", occasion="role")[1]] == ["mentor", "mentee"]


def test_a_given_order_is_kept_and_leaves_out_other_waves():
    wide, blocks = widen(long_table(), ["a"], unit="who", occasion="wave", order=[2, 0])

    assert [block.label for block in blocks] == ["2", "0"]
    assert list(wide.columns) == ["a@2", "a@0"]


def test_who_misses_a_wave_has_missing_answers_there():
    table = long_table().drop(index=[0, 5])

    wide, _ = widen(table, ["a", "b"], unit="who", occasion="wave")

    assert len(wide) == 4
    assert wide.isna().sum().sum() == 4
    assert wide.loc[0, ["a@0", "b@0"]].isna().all()


def test_rows_without_a_person_or_wave_are_left_out():
    table = long_table().astype({"who": float, "wave": float})
    table.loc[0, "who"] = np.nan
    table.loc[1, "wave"] = np.nan

    wide, blocks = widen(table, ["a"], unit="who", occasion="wave")

    assert len(blocks) == 3
    assert wide["a@0.0"].notna().sum() == 2


def test_a_doubled_row_is_named():
    table = pd.concat([long_table(), long_table().iloc[[6]]])

    with pytest.raises(ScoringError, match="who 2 has two rows for wave 1") as error:
        widen(table, ["a"], unit="who", occasion="wave")
    assert error.value.code == "sem.doubled"


@pytest.mark.parametrize("order", [None, [0]])
def test_a_single_wave_is_nothing_to_compare(order):
    table = long_table((0,)) if order is None else long_table()
    with pytest.raises(ScoringError) as error:
        widen(table, ["a"], unit="who", occasion="wave", order=order)

    assert error.value.code == "sem.occasions"


@pytest.mark.parametrize("column", ["who", "wave", "a"])
def test_missing_and_doubled_columns_are_named(column):
    table = long_table()
    with pytest.raises(ScoringError, match=f"{column} stands in 0 columns"):
        widen(table.drop(columns=column), ["a", "b"], unit="who", occasion="wave")
    doubled = pd.concat([table, table[[column]]], axis=1)
    with pytest.raises(ScoringError, match=f"{column} stands in 2 columns") as error:
        widen(doubled, ["a", "b"], unit="who", occasion="wave")
    assert error.value.code == "sem.column"
