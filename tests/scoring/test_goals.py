import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.goals import goal_attainment


def test_hand_computed_cases_are_exact():
    # 50 + 10 * 3 / sqrt(.7 * 3 + .3 * 9) = 63.693; 50 + 10 * 2 / sqrt(1) = 70; 50 + 10 * 1 / sqrt(.7 * 2 + .3 * 4) = 56.202.
    ratings = pd.DataFrame([[1, 1, 1], [0, 0, 0], [2, np.nan, np.nan], [1, 0, np.nan]])
    scores = goal_attainment(ratings).scores

    assert scores["t"].to_list() == pytest.approx([63.6930639376, 50.0, 70.0, 56.2017367295])
    assert scores["share_reached"].to_list() == [1.0, 1.0, 1.0, 1.0]
    assert scores["n_goals"].to_list() == [3, 3, 1, 2]


def test_turning_the_levels_round_turns_t_around_50():
    ratings = pd.DataFrame(np.random.default_rng(1).integers(-2, 3, size=(20, 3)))

    assert (goal_attainment(ratings).scores["t"] + goal_attainment(-ratings).scores["t"]).to_numpy() == (
        pytest.approx(100.0)
    )


def test_equal_weights_of_any_size_change_nothing():
    ratings = pd.DataFrame([[1, -1, 2], [0, 1, 0]])

    assert goal_attainment(ratings, weights=ratings * 0 + 7.0).scores["t"].to_numpy() == pytest.approx(
        goal_attainment(ratings).scores["t"].to_numpy()
    )


def test_a_weight_of_a_goal_that_was_not_rated_does_not_count():
    ratings = pd.DataFrame([[1, np.nan]], columns=["a", "b"])
    for weight in (1.0, 99.0, np.nan, -1.0):
        weights = pd.DataFrame([[2.0, weight]], columns=["a", "b"])
        assert goal_attainment(ratings, weights=weights).scores["t"][0] == pytest.approx(60.0)


def test_the_baseline_is_scored_on_the_same_goals():
    ratings = pd.DataFrame([[1, 0], [0, np.nan], [0, 0]], index=list("xyz"))
    baseline = pd.DataFrame([[-1, -2], [-1, np.nan], [np.nan, -1]], index=list("xyz"))
    scores = goal_attainment(ratings, baseline=baseline.loc[["z", "x", "y"]]).scores

    assert scores["t_baseline"].to_list()[:2] == pytest.approx([50 - 30 / np.sqrt(0.7 * 2 + 0.3 * 4), 40.0])
    assert np.isnan(scores.loc["z", "t_baseline"])


def test_people_without_a_rated_goal_are_counted():
    found = goal_attainment(pd.DataFrame([[np.nan, np.nan], [0, 1]]))

    assert (found.n_used, found.n_dropped) == (1, 1)
    assert np.isnan(found.scores.loc[0, "t"])
    assert np.isnan(found.scores.loc[0, "share_reached"])
    assert [note.code for note in found.notes] == ["goals.meaning", "goals.unrated"]
    assert goal_attainment(pd.DataFrame(index=["a"])).n_dropped == 1
    assert goal_attainment(pd.DataFrame({"g": pd.Series(dtype=float)})).n_used == 0


@pytest.mark.parametrize(
    ("ratings", "options", "code"),
    [
        ([[0.5]], {}, "goals.level"),
        ([[3]], {}, "goals.level"),
        ([[np.inf]], {}, "goals.level"),
        ([["good"]], {}, "goals.level"),
        ([[1]], {"rho": 1.0}, "goals.rho"),
        ([[1]], {"weights": pd.DataFrame([[0.0]])}, "goals.weight"),
        ([[1]], {"weights": pd.DataFrame([[np.nan]])}, "goals.weight"),
        ([[1]], {"weights": pd.DataFrame([[1.0]], index=[7])}, "goals.labels"),
        ([[1]], {"baseline": pd.DataFrame([[-5]])}, "goals.level"),
        ([[1]], {"baseline": pd.DataFrame([[-1, -1]])}, "goals.labels"),
    ],
)
def test_what_cannot_be_is_refused(ratings, options, code):
    with pytest.raises(ScoringError) as caught:
        goal_attainment(pd.DataFrame(ratings), **options)
    assert caught.value.code == code


def test_doubled_labels_are_refused():
    for table in (pd.DataFrame([[1], [2]], index=["a", "a"]), pd.DataFrame([[1, 2]], columns=["g", "g"])):
        with pytest.raises(ScoringError, match="stand twice"):
            goal_attainment(table)
