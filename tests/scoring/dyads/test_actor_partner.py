"""Actor-partner models and the patterns of their effects."""

import numpy as np
import pandas as pd
import pytest

from scoring.dyads import actor_partner_model, partner_patterns, partner_power
from scoring.dyads.patterns import fieller_interval, name_pattern
from scoring.errors import ScoringError
from scoring.serialize import to_json
from tests.scoring.dyads.worlds import codes, draw_model, labels


def effect(model, role, kind):
    table = model.effects
    return table[(table["role"] == role) & (table["effect"] == kind)].iloc[0]


def test_a_large_sample_finds_the_truth():
    model = actor_partner_model(*draw_model(4_000))

    for role, kind, truth in (
        ("mentor", "actor", 0.5),
        ("mentor", "partner", 0.2),
        ("mentee", "actor", 0.4),
        ("mentee", "partner", 0.3),
        ("mentor", "intercept", 1.0),
        ("mentee", "intercept", 2.0),
    ):
        assert effect(model, role, kind)["estimate"] == pytest.approx(truth, abs=0.04)
    assert model.residual_correlation == pytest.approx(0.3 / np.sqrt(1.09), abs=0.04)


def test_likelihood_and_least_squares_have_the_same_paths():
    model = actor_partner_model(*draw_model(60))

    fit = model.maximum_likelihood
    for role in ("mentor", "mentee"):
        for kind in ("actor", "partner"):
            row = effect(model, role, kind)
            path = fit.path(f"{kind}_{role}")
            assert path["estimate"] == pytest.approx(row["estimate"], abs=1e-9)
            # Maximum likelihood divides by n, least squares by n - 3.
            assert path["se"] == pytest.approx(row["se"] * np.sqrt(57 / 60), rel=1e-6)
    assert fit.path("k_mentee")["estimate"] == pytest.approx(
        effect(model, "mentee", "partner")["estimate"] / effect(model, "mentee", "actor")["estimate"]
    )


def test_full_information_without_gaps_is_plain_likelihood():
    columns = draw_model(60)
    plain, full = (actor_partner_model(*columns, missing=way) for way in ("listwise", "fiml"))

    for one, other in (
        (plain.maximum_likelihood, full.maximum_likelihood),
        (plain.equal_effects, full.equal_effects),
    ):
        pd.testing.assert_series_equal(one.parameters["estimate"], other.parameters["estimate"], atol=1e-6)
    assert full.equality.chi_square == pytest.approx(plain.equality.chi_square, abs=1e-6)


def test_full_information_uses_pairs_with_gaps():
    columns = draw_model(150)
    columns[2].iloc[:40] = np.nan
    columns[1].iloc[30:50] = np.nan

    model = actor_partner_model(*columns, missing="fiml")

    assert (model.n_used, model.n_dropped, model.n_likelihood) == (100, 50, 150)
    assert model.converged
    assert model.maximum_likelihood.method == "FIML"


def test_swapping_the_roles_swaps_the_effects():
    xm, xj, ym, yj = draw_model(50)
    one, other = actor_partner_model(xm, xj, ym, yj), actor_partner_model(xj, xm, yj, ym)

    for kind in ("actor", "partner"):
        assert effect(one, "mentor", kind)["estimate"] == pytest.approx(
            effect(other, "mentee", kind)["estimate"]
        )
        difference = one.differences.set_index("effect").loc[kind]
        mirrored = other.differences.set_index("effect").loc[kind]
        assert difference["estimate"] == pytest.approx(-mirrored["estimate"])
        assert difference["se"] == pytest.approx(mirrored["se"])
    assert one.equality.chi_square == pytest.approx(other.equality.chi_square, rel=1e-6)


def test_equal_effects_are_seldom_refused_and_unequal_ones_are():
    equal = [
        actor_partner_model(*draw_model(80, seed, (0.4, 0.4), (0.2, 0.2))).equality.p for seed in range(60)
    ]
    unequal = actor_partner_model(*draw_model(300, 1, (0.9, 0.1), (0.2, 0.2))).equality

    assert np.mean(np.array(equal) < 0.05) <= 0.15
    assert unequal.df == 2
    assert unequal.p < 1e-6


@pytest.mark.parametrize(
    ("n", "standing"),
    [(12, "too few"), (19, "too few"), (20, "exploratory"), (79, "exploratory"), (80, "confirmatory")],
)
def test_what_a_number_of_pairs_can_bear(n, standing):
    model = actor_partner_model(*draw_model(n))

    assert model.standing == standing
    found = [note for note in model.notes if note.code in {"apim.exploratory", "apim.few"}]
    assert len(found) == (standing != "confirmatory")
    for note in found:
        assert f"{partner_power(n):.2f}" in str(note)
    assert model.effects["estimate"].notna().all()


@pytest.mark.parametrize(("n", "power"), [(20, 0.27), (30, 0.37), (40, 0.49), (80, 0.80)])
def test_the_power_of_the_plan(n, power):
    # Measurement plan, 4.0 and 6.3 (T8): within .03.
    assert partner_power(n) == pytest.approx(power, abs=0.03)


def test_power_of_smaller_effects_and_of_none():
    assert partner_power(80, 0.2) == pytest.approx(0.45, abs=0.03)  # measurement plan, 4.4
    assert partner_power(30, 0.0) == pytest.approx(0.05, abs=1e-9)
    assert partner_power(10_000) == pytest.approx(1.0)
    assert partner_power(50, -0.3, actor=0.3) > 0.5


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"n": 4}, "power.pairs"),
        ({"n": 50, "effect": 0.9, "actor": 0.9}, "power.effect"),
        ({"n": 50, "predictor_correlation": 1.0}, "power.effect"),
    ],
)
def test_power_of_nothing_possible_is_refused(arguments, code):
    with pytest.raises(ScoringError) as caught:
        partner_power(**arguments)

    assert caught.value.code == code


def test_measuring_at_one_time_is_said():
    model = actor_partner_model(*draw_model(90), design="concurrent")

    assert "apim.concurrent" in codes(model)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"design": "crossed"}, "apim.design"),
        ({"missing": "mean"}, "dyads.missing"),
        ({"confidence": 1.0}, "dyads.confidence"),
    ],
)
def test_unknown_options_are_refused(options, code):
    with pytest.raises(ScoringError) as caught:
        actor_partner_model(*draw_model(30), **options)

    assert caught.value.code == code


def test_a_difference_as_predictor_is_refused():
    xm, xj, ym, yj = draw_model(30)
    with pytest.raises(ScoringError) as caught:
        actor_partner_model(xm - xj, xj - xm, ym, yj)

    assert caught.value.code == "dyads.difference_score"


def test_the_same_predictor_twice_is_explained():
    xm, _, ym, yj = draw_model(30)

    model = actor_partner_model(xm, 2.0 * xm + 1.0, ym, yj)

    assert "apim.collinear" in codes(model)
    assert model.effects.empty
    assert not model.converged


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_column_that_does_not_vary_is_named(place):
    columns = draw_model(30)
    columns[place] = columns[place] * 0 + 4.2

    model = actor_partner_model(*columns)

    assert "dyads.constant" in codes(model)
    assert not model.converged
    assert [pattern.k for pattern in partner_patterns(model)] == [None, None]


@pytest.mark.parametrize("n", [5, 6, 7, 8])
@pytest.mark.parametrize("way", ["listwise", "fiml"])
def test_the_smallest_models(n, way):
    model = actor_partner_model(*[column.iloc[:n] for column in draw_model(10)], missing=way)

    assert model.effects["p"].notna().all()
    assert model.standing == "too few"
    assert model.converged or "apim.likelihood" in codes(model)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_too_few_pairs(n):
    model = actor_partner_model(*[column.iloc[:n] for column in draw_model(10)])

    assert {"apim.few", "dyads.few"} <= set(codes(model))
    assert model.power is None
    assert partner_patterns(model)[0].notes[0].code == "apim.k_none"


def test_an_outcome_without_error_is_explained():
    xm, xj, _, yj = draw_model(40)

    model = actor_partner_model(xm, xj, 0.5 * xm + 0.2 * xj, yj)

    assert "apim.exact" in codes(model)
    assert not model.converged
    assert effect(model, "mentor", "actor")["estimate"] == pytest.approx(0.5)


def test_all_outcomes_missing():
    xm, xj, ym, yj = draw_model(40)
    for way in ("listwise", "fiml"):
        model = actor_partner_model(xm, xj, ym * np.nan, yj, missing=way)
        assert not model.converged
        assert "dyads.few" in codes(model)


def test_units_do_not_matter():
    xm, xj, ym, yj = draw_model(60)
    plain = actor_partner_model(xm, xj, ym, yj)
    scaled = actor_partner_model(1e4 * xm, 1e4 * xj, 1e-3 * ym, 1e-3 * yj)

    assert scaled.effects["p"].to_numpy() == pytest.approx(plain.effects["p"].to_numpy(), rel=1e-6)
    assert scaled.equality.chi_square == pytest.approx(plain.equality.chi_square, rel=1e-5)


def test_a_result_can_be_written():
    text = to_json(actor_partner_model(*draw_model(30)))

    assert "actor_mentor" in text
    assert "complete" not in text


def test_fieller_leaves_out_what_a_t_test_refuses():
    """k = 0 lies in the interval exactly when the partner effect is not significant."""
    for seed in range(40):
        model = actor_partner_model(*draw_model(40, seed, (0.6, 0.6), (0.15, 0.15)))
        for pattern in partner_patterns(model):
            if pattern.fieller is None:
                assert effect(model, pattern.role, "actor")["p"] >= 0.05
                continue
            low, high = pattern.fieller
            assert (low <= 0.0 <= high) == (effect(model, pattern.role, "partner")["p"] >= 0.05)
            assert low <= pattern.k <= high


@pytest.mark.parametrize(
    ("partner", "name"), [((0.0, 0.0), "actor"), ((0.5, 0.5), "couple"), ((-0.5, -0.5), "contrast")]
)
def test_patterns_are_named(partner, name):
    found = partner_patterns(actor_partner_model(*draw_model(400, 3, (0.5, 0.5), partner)), n_draws=500)

    assert [pattern.pattern for pattern in found] == [name, name]
    for pattern in found:
        # Two ways to an interval of the same ratio.
        assert pattern.bootstrap == pytest.approx(pattern.fieller, abs=0.12)


def test_no_pattern_between_the_named_ones_and_none_below_a_hundred_pairs():
    between = partner_patterns(
        actor_partner_model(*draw_model(2_000, 3, (0.8, 0.8), (0.4, 0.4))), n_draws=300
    )
    few = partner_patterns(actor_partner_model(*draw_model(99, 3, (0.5, 0.5), (0.5, 0.5))))

    assert {pattern.pattern for pattern in (*between, *few)} == {"undetermined"}
    assert [pattern.bootstrap for pattern in few] == [None, None]
    assert all("dyads.gate" in codes(pattern) for pattern in few)
    assert all("apim.k_undetermined" in codes(pattern) for pattern in between)


def test_without_an_actor_effect_k_has_no_bounds():
    pattern = partner_patterns(actor_partner_model(*draw_model(120, 4, (0.0, 0.0), (0.4, 0.4))), n_draws=100)[
        0
    ]

    assert pattern.fieller is None
    assert pattern.pattern == "undetermined"
    assert "apim.k_unbounded" in codes(pattern)


def test_the_same_seed_draws_the_same_interval():
    model = actor_partner_model(*draw_model(150))
    one, two, other = (partner_patterns(model, n_draws=200, seed=seed)[0].bootstrap for seed in (1, 1, 2))

    assert one == two
    assert one != other


def test_names_of_intervals():
    assert name_pattern(-0.3, 0.3) == "actor"
    assert name_pattern(0.2, 3.0) == "couple"
    assert name_pattern(-0.1, 1.1) == "undetermined"
    assert name_pattern(0.2, 0.8) == "undetermined"


def test_a_ratio_without_covariance():
    # Textbook case: estimates 2 and 4 with variance .01 each and normal-sized t: the interval is near 2 -+ .22.
    low, high = fieller_interval(4.0, 2.0, 0.01 * np.eye(2), 1e9)

    assert (low + high) / 2 == pytest.approx(2.0 / (1 - 0.01 * 3.8415 / 4), rel=1e-3)
    assert high - low == pytest.approx(0.4423, rel=1e-2)


def test_a_hundred_thousand_pairs():
    columns = draw_model(100_000)
    model = actor_partner_model(*columns)

    assert model.converged
    assert model.n_used == 100_000
    assert columns[0].index.tolist()[:1] == labels(1)
