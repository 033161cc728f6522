import math

import numpy as np
import pandas as pd
import pytest

from scoring.errors import ScoringError
from scoring.imputation import impute_pairs, widen_pairs
from scoring.pooling import pool_estimates


def complete(n=40, seed=1, k=4):
    rng = np.random.default_rng(seed)
    values = rng.multivariate_normal(np.linspace(3.4, 4.0, k), 0.25 + 0.25 * np.eye(k), size=n)
    names = ["mentor.TC", "mentee.TC", "mentor.T3", "mentee.T3", "meetings"][:k]
    return pd.DataFrame(values, columns=names, index=[f"p{i}" for i in range(n)])


def with_holes(n=40, seed=1, share=0.3, k=4):
    table = complete(n, seed, k)
    gone = np.random.default_rng(seed + 100).random((n, 2)) < share
    table[["mentor.T3", "mentee.T3"]] = table[["mentor.T3", "mentee.T3"]].where(~gone)
    return table


def test_observed_values_stay_and_missing_ones_are_filled():
    table = with_holes()
    made = impute_pairs(table)

    assert made.values.shape == (50, 40, 4)
    assert np.isfinite(made.values).all()
    assert (made.missing == table.isna().to_numpy()).all()
    for number in (0, 49):
        pd.testing.assert_frame_equal(made.table(number).where(table.notna()), table, check_exact=True)
    assert made.column("mentor.T3")[:, made.imputed("mentor.T3")].std(axis=0).min() > 0.05
    assert made.converged
    assert made.rhat < 1.1


def test_the_same_seed_gives_the_same_imputations():
    table = with_holes()

    assert (impute_pairs(table, seed=3).values == impute_pairs(table, seed=3).values).all()
    assert (impute_pairs(table, seed=3).values != impute_pairs(table, seed=4).values).any()


def test_the_unit_of_a_variable_does_not_matter():
    table = with_holes()
    stretched = table.assign(**{"mentor.T3": 100 * table["mentor.T3"] - 7})

    assert impute_pairs(stretched).column("mentor.T3") == pytest.approx(
        100 * impute_pairs(table).column("mentor.T3") - 7
    )


def test_partners_and_waves_are_used():
    """With its negative control: without them imputed values would not follow anything."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    table = pd.DataFrame({"mentee.T3": x, "mentor.T3": x + 0.1 * rng.normal(size=200)})
    truth = table["mentor.T3"].copy()
    table.loc[:79, "mentor.T3"] = np.nan
    filled = impute_pairs(table).column("mentor.T3")[:, :80].mean(axis=0)

    assert np.corrcoef(filled, truth[:80])[0, 1] > 0.97
    assert abs(np.corrcoef(np.full(80, truth[80:].mean()) + 1e-9 * np.arange(80), truth[:80])[0, 1]) < 0.5


def test_pooled_means_are_those_of_maximum_likelihood(r_data, r_values):
    """lavaan's saturated model of three waves with missing values: the mean change and its standard error."""
    expected = r_values("cohorts")["missing"]["fiml_change"]
    table = r_data("univbct").drop_duplicates("SUBNUM")[["JOBSAT1", "JOBSAT2", "JOBSAT3"]]
    made = impute_pairs(table.reset_index(drop=True), m=200)
    change = made.column("JOBSAT3") - made.column("JOBSAT1")
    n = made.n_used
    pooled = pool_estimates(change.mean(axis=1), change.var(axis=1, ddof=1) / n, df_complete=n - 1)

    assert n == expected["n"]
    assert made.n_dropped == 3
    assert pooled.estimate == pytest.approx(
        expected["estimate"], abs=4 * math.sqrt(pooled.between / 200) + 0.002
    )
    assert pooled.se == pytest.approx(expected["se"], rel=0.05)


def test_intervals_over_imputations_cover():
    held = []
    for seed in range(150):
        made = impute_pairs(with_holes(30, seed), m=20, iterations=40, seed=seed)
        change = made.column("mentor.T3") - made.column("mentor.TC")
        pooled = pool_estimates(change.mean(axis=1), change.var(axis=1, ddof=1) / 30, df_complete=29)
        held.append(pooled.low <= 0.4 <= pooled.high)

    assert np.mean(held) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 150)


def test_nothing_missing_gives_the_data_and_a_note():
    made = impute_pairs(complete())

    assert (made.values == complete().to_numpy()).all()
    assert made.notes[-1].code == "imputation.complete"
    change = made.column("mentor.T3") - made.column("mentor.TC")
    pooled = pool_estimates(change.mean(axis=1), change.var(axis=1, ddof=1) / 40, df_complete=39)
    from scipy.stats import ttest_1samp

    theirs = ttest_1samp(change[0], 0.0)
    assert pooled.t == pytest.approx(theirs.statistic)
    assert pooled.fraction_missing == 0.0
    # Barnard and Rubin's df of complete data is (df + 1)/(df + 3) df, a little fewer than 39.
    assert pooled.df == pytest.approx(40 / 42 * 39)


def test_pairs_without_any_value_are_left_out():
    table = with_holes()
    table.iloc[:4] = np.nan
    made = impute_pairs(table)

    assert (made.n_used, made.n_dropped) == (36, 4)
    assert list(made.index) == list(table.index[4:])
    assert made.notes[0].code == "imputation.rows"


def test_chains_that_have_not_settled_say_so(monkeypatch):
    import scoring.imputation as module

    monkeypatch.setattr(module, "LARGEST_RHAT", 1.0)
    made = impute_pairs(with_holes())

    assert not made.converged
    assert made.notes[-1].code == "imputation.rhat"


def code(table, **options):
    with pytest.raises(ScoringError) as caught:
        impute_pairs(table, **options)
    return caught.value.code


def test_what_cannot_be_imputed_is_refused():
    table = with_holes()

    assert code(with_holes(19)) == "imputation.few"
    assert code(table * np.nan) == "imputation.few"
    assert code(table[[]]) == "imputation.few"
    assert code(pd.DataFrame(np.random.default_rng(1).normal(size=(20, 11)))) == "imputation.wide"
    assert code(table.assign(never=np.nan)) == "imputation.empty"
    assert code(table.assign(same=1.0)) == "imputation.constant"
    assert code(table.assign(twice=table["mentor.TC"])) == "imputation.singular"
    assert code(table.assign(change=table["mentor.T3"] - table["mentor.TC"])) == "imputation.singular"
    apart = complete(60)[["mentor.TC", "mentor.T3"]]
    early = np.arange(60) < 30
    assert code(
        apart.assign(
            **{"mentor.TC": apart["mentor.TC"].where(early), "mentor.T3": apart["mentor.T3"].where(~early)}
        )
    ) == ("imputation.apart")
    assert code(table.astype(object).replace({table.iloc[0, 0]: "a"})) == "imputation.number"
    assert code(table.replace(table.iloc[0, 0], np.inf)) == "imputation.number"
    assert code(pd.concat([table, table])) == "imputation.duplicate"
    assert code(pd.concat([table, table], axis=1)) == "imputation.duplicate"
    assert code(table, m=1) == "imputation.size"
    assert code(table, iterations=2) == "imputation.size"
    with pytest.raises(ScoringError, match=r"mentor\.T9"):
        impute_pairs(table, m=2).column("mentor.T9")


def test_few_imputations_are_remarked():
    assert impute_pairs(with_holes(), m=5).notes[0].code == "imputation.m"


def test_pairs_are_put_side_by_side():
    long = pd.DataFrame(
        {
            "pair": ["a", "a", "b", "b", "a"],
            "role": ["mentor", "mentee", "mentor", "mentee", "mentor"],
            "wave": ["TC", "TC", "TC", "TC", "T3a"],
            "PS": [3.0, 4.0, 2.0, np.nan, 5.0],
        }
    )
    wide = widen_pairs(long, "PS")

    assert list(wide.columns) == ["mentor.TC", "mentee.TC", "mentor.T3a"]
    assert wide.loc["a"].to_list() == [3.0, 4.0, 5.0]
    assert wide.loc["b"].isna().to_list() == [False, True, True]
    for broken, expected in (
        (pd.concat([long, long.iloc[:1]]), "imputation.duplicate"),
        (long.drop(columns="wave"), "imputation.column"),
        (long.assign(PS="a"), "imputation.number"),
    ):
        with pytest.raises(ScoringError) as caught:
            widen_pairs(broken, "PS")
        assert caught.value.code == expected
