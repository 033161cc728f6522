"""The change of one role from all its scores: R's numbers, right where those who started low leave, and silent where people are too few."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from scoring.group_change import GroupChange, group_change
from scoring.likelihood_change import LikelihoodChange, read_likelihood, role_change
from scoring.pair_scores import PairScores
from tests.scoring.comparisons.rows import r_data

SAFETY, SUPPORT = [f"q0{n}" for n in range(1, 6)], [f"q0{n}" for n in range(6, 10)]
WAVES = (0, 1, 2)


def scores(items: list[str], role: str) -> np.ndarray:
    """People x waves; a score needs two thirds of the items."""
    frame = r_data("sim_dyads_a")
    answered = frame[items].notna().sum(axis=1) >= -(-2 * len(items) // 3)
    frame["score"] = frame[items].mean(axis=1).where(answered)
    wide = frame[frame["role"] == role].pivot(index="pair", columns="wave", values="score")
    return np.asarray(wide.to_numpy())


def pairs(values: np.ndarray) -> PairScores:
    n = len(values)
    waves = tuple(str(place) for place in range(values.shape[2]))
    return PairScores(values, None, 1, pd.RangeIndex(n), ("mentor", "mentee"), waves, n, 0, ())


def estimate(values: np.ndarray) -> LikelihoodChange:
    found = role_change(values, tuple(range(values.shape[1])))
    assert found is not None
    return found


def leaving(n: int, rng: np.random.Generator, *, at_random: bool = False) -> np.ndarray:
    """Everybody's expected change is .3 SD of true scores; of those who started low most leave, or anybody does."""
    trait = rng.normal(size=n)
    values = np.column_stack([trait, trait + 0.3]) + rng.normal(size=(n, 2)) * 0.6
    leaves = rng.random(n) < 0.3 if at_random else (values[:, 0] < -0.2) & (rng.random(n) < 0.8)
    values[leaves, 1] = np.nan
    return values


class TestAgainstR:
    @pytest.mark.parametrize(
        ("items", "role", "change", "plain"),
        [
            # R 4.2.2, per role: m <- nlme::gls(score ~ wave, correlation = corSymm(form = ~ place | pair),
            # weights = varIdent(form = ~ 1 | wave), method = "REML"); coef(m)[3] and sqrt(vcov(m)[3, 3]), waves 0, 1 and 2.
            (SAFETY, "mentor", 0.0777775857813, 0.0627150857536),
            (SAFETY, "mentee", 0.502184817101, 0.0689846995785),
            (SUPPORT, "mentor", 0.168829419263, 0.0816992091444),
            (SUPPORT, "mentee", 0.360300106724, 0.0700487326646),
        ],
    )
    def test_all_scores(self, items: list[str], role: str, change: float, plain: float) -> None:
        found = estimate(scores(items, role))

        assert found.estimate == pytest.approx(change, abs=2e-6)
        # Kenward and Roger add what the estimated covariances are uncertain by, here less than half a per cent.
        assert plain < found.se < 1.005 * plain
        assert found.source == "one role"
        assert found.n_used == 150
        assert found.t == pytest.approx(found.estimate / found.se)
        assert found.low < found.estimate < found.high

    def test_those_with_both_scores_alone_would_be_noticed(self) -> None:
        values = scores(SAFETY, "mentee")
        both = values[~np.isnan(values[:, [0, -1]]).any(axis=1)][:, [0, -1]]

        assert abs(estimate(both).estimate - 0.502184817101) > 0.02

    def test_complete_scores_at_two_waves_give_the_paired_t_test(self) -> None:
        values = scores(SAFETY, "mentee")
        both = values[~np.isnan(values[:, [0, -1]]).any(axis=1)][:, [0, -1]]
        found = estimate(both)

        # R's t.test(after, before, paired = TRUE) of the 106 mentees with both scores.
        assert found.estimate == pytest.approx(0.527358490566, abs=1e-9)
        assert found.se == pytest.approx(0.0716483252679, rel=1e-6)
        assert found.df == pytest.approx(105, rel=1e-4)
        assert [found.low, found.high] == pytest.approx([0.385293096883, 0.669423884249], abs=1e-6)
        assert found.p == pytest.approx(4.27362613291e-11, rel=1e-3)

    def test_a_complete_wave_between_changes_nothing(self) -> None:
        rng = np.random.default_rng(2)
        values = rng.normal(size=(24, 1)) + rng.normal(size=(24, 3)) * [0.5, 2.0, 0.8] + [0, 1, 0.4]
        whole, ends = estimate(values), estimate(values[:, [0, 2]])

        assert [whole.estimate, whole.se, whole.low, whole.high] == pytest.approx(
            [ends.estimate, ends.se, ends.low, ends.high], rel=1e-4
        )


class TestThoseWhoStartedLowLeave:
    def test_all_scores_are_right_where_completers_flatter_the_fall(self) -> None:
        rng = np.random.default_rng(11)
        ours, completers = [], []
        for _ in range(200):
            values = leaving(80, rng)
            ours.append(estimate(values).estimate)
            completers.append(np.nanmean(values[:, 1] - values[:, 0]))

        error = float(np.std(ours) / np.sqrt(len(ours)))
        assert abs(float(np.mean(ours)) - 0.3) < 3 * error
        # The negative control of the plan (T17): who is left has regressed to the mean.
        assert float(np.mean(completers)) - 0.3 < -0.10

    def test_completers_are_right_where_anybody_leaves(self) -> None:
        rng = np.random.default_rng(11)
        found = [leaving(80, rng, at_random=True) for _ in range(200)]
        completers = [float(np.nanmean(values[:, 1] - values[:, 0])) for values in found]

        assert float(np.mean(completers)) == pytest.approx(0.3, abs=0.03)


class TestGates:
    def test_from_twenty_people_with_both_scores_on(self) -> None:
        values = np.random.default_rng(1).normal(size=(30, 2))
        values[20:, 1] = np.nan

        assert estimate(values).n_complete == 20
        assert estimate(values).n_used == 30
        values[19, 1] = np.nan
        assert role_change(values, (0, 1)) is None

    @pytest.mark.parametrize("change", [0.0, 1.0])
    def test_nothing_where_nothing_varies(self, change: float) -> None:
        assert role_change(np.tile([3.0, 3.0 + change], (30, 1)), (0, 1)) is None

    def test_nothing_where_everybody_changes_alike(self) -> None:
        start = np.random.default_rng(1).integers(1, 5, size=30).astype(float)

        assert role_change(np.column_stack([start, start + 1]), (0, 1)) is None

    def test_only_first_and_last_where_people_are_too_few_for_all_covariances(self) -> None:
        rng = np.random.default_rng(4)
        values = rng.normal(size=(21, 1)) + rng.normal(size=(21, 5))
        values[:1, 0] = np.nan
        # Five waves have fifteen variances and covariances, for which 21 people are too few, and 23 enough.
        assert estimate(values) == role_change(values[:, [0, -1]], (0, 4))
        more = np.vstack([values, rng.normal(size=(3, 5))])
        assert estimate(more).estimate != estimate(more[:, [0, -1]]).estimate

    @pytest.mark.parametrize("n_between", [1, 2, 3])
    def test_a_wave_with_next_to_no_scores_does_not_take_the_others_along(self, n_between: int) -> None:
        values = np.random.default_rng(6).normal(size=(30, 3))
        values[n_between:, 1] = np.nan
        values[25:, 2] = np.nan

        assert estimate(values).estimate == pytest.approx(estimate(values[:, [0, 2]]).estimate, abs=0.05)

    def test_the_confidence_asked_for(self) -> None:
        values = np.random.default_rng(6).normal(size=(30, 2))
        wide, narrow = (role_change(values, (0, 1), confidence=level) for level in (0.99, 0.8))

        assert wide is not None
        assert narrow is not None
        assert wide.high - wide.low > narrow.high - narrow.low


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    rng = np.random.default_rng(9)
    values = rng.normal(size=(40, 1, 1)) * 0.5 + rng.normal(size=(40, 2, 1)) + rng.normal(size=(40, 2, 2))
    values[30:33, 0, 1] = np.nan
    values[:4, 1] = np.nan
    return values


@pytest.fixture(scope="module")
def model(values: np.ndarray) -> GroupChange:
    return group_change(pairs(values))


class TestModelOfPairs:
    def test_its_contrast_is_taken_with_the_people_of_the_role(
        self, values: np.ndarray, model: GroupChange
    ) -> None:
        found = read_likelihood(model, "mentee", "1", values[:, 1])

        assert model.structure == "unstructured"
        assert found is not None
        row = model.contrasts.loc[("1", "mentee")]
        assert [found.estimate, found.low, found.high, found.p] == [row["estimate"], row["low"], row["high"], row["p"]]  # fmt: skip
        assert (found.n_used, found.n_complete, found.source) == (36, 36, "pairs")

    def test_contrasts_of_pairs_are_none(self, values: np.ndarray) -> None:
        model = group_change(pairs(values[:15]))

        assert model.method == "pair contrasts"
        assert read_likelihood(model, "mentor", "1", values[:15, 0]) is None

    def test_unknown_roles_and_waves_are_none(self, values: np.ndarray, model: GroupChange) -> None:
        assert read_likelihood(model, "mentor", "2", values[:, 0]) is None
        assert read_likelihood(model, "boss", "1", values[:, 0]) is None

    def test_a_contrast_without_an_error_is_none(self, values: np.ndarray, model: GroupChange) -> None:
        flat = dataclasses.replace(model, contrasts=model.contrasts.assign(se=np.nan, low=np.nan))

        assert read_likelihood(flat, "mentor", "1", values[:, 0]) is None

    def test_intercepts_alone_carry_no_word(self, values: np.ndarray) -> None:
        model = group_change(pairs(values), structure="occasions")

        assert model.method == "mixed model"
        assert read_likelihood(model, "mentor", "1", values[:, 0]) is None

    def test_intercepts_alone_give_the_role_that_differs_more_too_small_an_error(self) -> None:
        # With 25 pairs and three waves the model of pairs cannot have all variances free, the model of a role can.
        rng = np.random.default_rng(3)
        people = rng.normal(size=(25, 1, 1)) * 0.4 + rng.normal(size=(25, 2, 1)) * 0.6
        values = people + rng.normal(size=(25, 2, 3)) * np.array([0.3, 1.2])[:, None]
        shared = group_change(pairs(values)).contrasts.loc[("2", "mentee"), "se"]
        changes = values[:, 1, 2] - values[:, 1, 0]
        plain = float(changes.std(ddof=1)) / 5.0

        # That of the paired t test, which takes no spread as equal to another; intercepts alone pool both roles and claim a fifth too much precision.
        assert estimate(values[:, 1]).se == pytest.approx(plain, rel=1e-6)
        assert shared < 0.8 * plain
