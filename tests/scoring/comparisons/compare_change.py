"""Change and mixed models beside R: paired t tests and effects, reliable change, lme4 with lmerTest and pbkrtest, nlme, lavaan, lm.

Not compared, since the measurement plan does not offer them: Wilcoxon's test (sign-flip tests take its place) and the BCa bootstrap.
Jacobson and Truax's index is compared with the formula alone: R's example feeds it with alpha, which `reliable_change` refuses.
Percentile intervals are drawn here with the one function that gives them, which refuses fewer than 100 people.
"""

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from scoring.change import mean_change
from scoring.change_scores import paired_effects
from scoring.group_change import group_change
from scoring.latent_change import latent_change
from scoring.mixed import MixedModel, RandomEffect, fit_mixed, unit_effects
from scoring.pair_scores import PairScores, read_pair_scores
from scoring.reliable_change import crossover_score, reliable_change
from scoring.resampling import percentile_interval
from scoring.retest import Reliability, difference_error
from scoring.waitlist import waitlist_comparison
from tests.scoring.comparisons.rows import REFERENCE, Row, r_data, r_values

SCALES = {"safety": [f"q0{i}" for i in range(1, 6)], "support": [f"q0{i}" for i in range(6, 10)]}
DRAWS = 5_000
R_TERMS = {
    "(Intercept)": {},
    "rolementor": {"role": 1},
    "wavef1": {"wave": 1},
    "wavef2": {"wave": 2},
    "rolementor:wavef1": {"role": 1, "wave": 1},
    "rolementor:wavef2": {"role": 1, "wave": 2},
}
FREE_TOLERANCES = {"estimate": 1e-6, "se": 1e-6, "F": 1e-4, "df_numerator": 0.0, "df": 1e-3, "p": 1e-5}
TESTS = {"role": "role", "wavef": "wave", "role:wavef": "role x wave"}


@cache
def mixed_values() -> Any:
    """What mixed.R wrote."""
    return json.loads((REFERENCE / "mixed.json").read_text(encoding="utf-8"))


def dyads(scale: str, pairs: int = 150) -> pd.DataFrame:
    """The long table with the score of one scale: the mean of the answers where at least half are there."""
    table = r_data("sim_dyads_a")
    items = table[SCALES[scale]]
    table["y"] = items.mean(axis=1).where(items.notna().sum(axis=1) >= len(SCALES[scale]) / 2)
    return table[table["pair"] <= pairs].reset_index(drop=True)


def dyad_scores(scale: str, pairs: int = 150) -> PairScores:
    """The same laid out by pair."""
    table = dyads(scale, pairs)
    return read_pair_scores(table["y"], table["pair"], table["role"], table["wave"])


def treatment_design(table: pd.DataFrame, terms: list[str]) -> pd.DataFrame:
    """R's coding with mentee and wave 0 as bases."""
    mentor, wave = table["role"] == "mentor", table["wave"]
    columns = {}
    for term in terms:
        wanted = R_TERMS[term]
        column = pd.Series(1.0, index=table.index)
        if "role" in wanted:
            column *= mentor
        if "wave" in wanted:
            column *= wave == wanted["wave"]
        columns[term] = column
    return pd.DataFrame(columns)


def paired_cases() -> Iterator[tuple[str, str, pd.Series, pd.Series, Mapping[str, Any]]]:
    """Each pair of waves that R compared."""
    exlong = r_data("exlong")
    first, last = (exlong[[f"y{i}t{t}" for i in (1, 2, 3)]].mean(axis=1) for t in (1, 3))
    yield "exlong", "t1_t3", first, last, r_values("exlong")["change_t1_t3"]
    people = r_data("univbct").query("TIME == 0").set_index("SUBNUM")
    for variable in ("JOBSAT", "COMMIT", "READY"):
        for case, wave in (("t1_t3", 3), ("t1_t2", 2)):
            expected = r_values("univbct")[variable][case]
            yield (
                "univbct",
                f"{variable} {case}",
                people[f"{variable}1"],
                people[f"{variable}{wave}"],
                expected,
            )
    for scale in SCALES:
        table = dyads(scale)
        for role in ("mentor", "mentee"):
            waves = table[table["role"] == role].pivot(index="pair", columns="wave", values="y")
            expected = r_values("sim_dyads_a")["dyadic"][scale]["change"][role]
            yield "sim_dyads_a", f"{scale} {role}", waves[0], waves[2], expected


def compare_paired() -> Iterator[Row]:
    """Mean change, its test and effects, reliable change."""
    for data, name, before, after, r in paired_cases():
        change, effect = mean_change(before, after), paired_effects(before, after)
        both = pd.concat([before, after], axis=1).dropna().to_numpy()
        ours: dict[str, Any] = {
            "n": change.n_used,
            "mean_pre": both[:, 0].mean(),
            "mean_post": both[:, 1].mean(),
            "sd_pre": both[:, 0].std(ddof=1),
            "sd_post": both[:, 1].std(ddof=1),
            "r": effect.r,
            "mean_diff": change.mean,
            "sd_diff": change.sd_change,
            "t": change.t,
            "df": change.df,
            "p": change.p_t,
            "dz": effect.dz,
            "dav_mean_sd": effect.dav,
            "d_rms": effect.d_rms,
            "drm_morris": effect.drm,
            "d_glass_pre": effect.glass,
            "hedges_J_exact_df": effect.correction,
            "gav": change.g_av,
        }
        for key, value in ours.items():
            yield Row("paired change", data, f"{name} {key}", value, r[key], 1e-9, relative=True)
        ends = {
            "ci95_diff": (change.low, change.high, 1e-9),
            "dz_ci95_noncentral_t": (effect.dz_low, effect.dz_high, 1e-5),
            "d_rms_ci95_algina_keselman": (effect.d_rms_low, effect.d_rms_high, 1e-5),
        }
        for key, (low, high, tolerance) in ends.items():
            yield Row("paired change", data, f"{name} {key} low", low, r[key][0], tolerance)
            yield Row("paired change", data, f"{name} {key} high", high, r[key][1], tolerance)
        yield from compare_draws(data, name, both, r["boot"])
        yield from compare_index(data, name, both, r["jacobson_truax"])


def compare_draws(data: str, name: str, both: np.ndarray, r: Mapping[str, Any]) -> Iterator[Row]:
    """Percentile intervals of dz and dav."""
    picks = np.random.default_rng(7).integers(0, len(both), size=(DRAWS, len(both)))
    x, y = both[picks, 0], both[picks, 1]
    mean = (y - x).mean(axis=1)
    drawn = {
        "dz": mean / (y - x).std(axis=1, ddof=1),
        "dav": 2.0 * mean / (x.std(axis=1, ddof=1) + y.std(axis=1, ddof=1)),
    }
    for key, values in drawn.items():
        ends = percentile_interval(values, len(both))
        for end, ours, theirs in zip(("low", "high"), ends, r[key]["percentile"], strict=True):
            yield Row("bootstrap of a change", data, f"{name} {key} {end}", ours, theirs, 0.02)


def compare_index(data: str, name: str, both: np.ndarray, r: Mapping[str, Any]) -> Iterator[Row]:
    """The formula of the reliable change index."""
    sd = both[:, 0].std(ddof=1)
    error = difference_error(r["rxx"], sd)
    rci = (both[:, 1] - both[:, 0]) / error
    ours = {
        "sem": Reliability(r["rxx"], sd).sem,
        "sdiff": error,
        "min_reliable_change": 1.96 * error,
        "n_improved": (rci > 1.96).sum(),
        "n_unchanged": (np.abs(rci) <= 1.96).sum(),
        "n_deteriorated": (rci < -1.96).sum(),
    }
    if "cutoff_c" in r:
        norms = r["cutoff_c"]
        c = crossover_score(norms["m_d"], norms["sd_d"], norms["m_f"], norms["sd_f"])
        yield Row("reliable change", data, f"{name} cutoff c", c, norms["c"], 1e-9)
        ours["n_recovered"] = ((rci > 1.96) & (both[:, 0] < c) & (both[:, 1] >= c)).sum()
    for key, value in ours.items():
        yield Row("reliable change", data, f"{name} {key}", value, r[key], 1e-9)
    for place, value in enumerate(r["rci_first20"]):
        yield Row("reliable change", data, f"{name} rci {place}", rci[place], value, 1e-9, relative=True)
    source = Reliability(r["rxx"], sd, "retest", 12, "field", 100)
    result = reliable_change(pd.Series(both[:, 0]), pd.Series(both[:, 1]), source, interval_weeks=12)
    # 1.96 and the exact quantile part no change in these data.
    yield Row("reliable change", data, f"{name} higher", result.n_higher, r["n_improved"], 0)
    yield Row("reliable change", data, f"{name} lower", result.n_lower, r["n_deteriorated"], 0)


def compare_coefficients(
    data: str, name: str, model: MixedModel, r: Mapping[str, Any], tolerance: tuple[float, float]
) -> Iterator[Row]:
    """Estimates, errors, degrees of freedom, t and p of every coefficient."""
    for place, term in enumerate(r["term"]):
        row = model.coefficients.loc[term]
        for key, column in (("est", "estimate"), ("se", "se")):
            yield Row("mixed model", data, f"{name} {term} {key}", row[column], r[key][place], tolerance[0])
        yield Row(
            "mixed model df", data, f"{name} {term}", row["df"], r["df"][place], tolerance[1], relative=True
        )
        yield Row("mixed model", data, f"{name} {term} t", row["t"], r["t"][place], 1e-3)
        yield Row("mixed model", data, f"{name} {term} p", row["p"], r["p"][place], 1e-4)


def compare_oracle_dyads() -> Iterator[Row]:
    """The models of the pairs in the oracle: lmer, lme, gls."""
    for scale in SCALES:
        table, expected = dyads(scale), r_values("sim_dyads_a")["dyadic"][scale]["mixed"]
        r = expected["lmer_role_x_wave_nested"]
        person = table["pair"].astype(str) + table["role"]
        design = treatment_design(table, r["term"])
        components = {"pair": None, "person": person}
        model = fit_mixed(table["y"], design, table["pair"], components, method="satterthwaite")
        data = "sim_dyads_a"
        yield Row("mixed model size", data, f"{scale} n_obs", model.n_used, expected["n_obs"], 0)
        yield Row("mixed model size", data, f"{scale} n_pairs", model.n_units, expected["n_pairs"], 0)
        yield from compare_coefficients(data, f"{scale} lmer", model, r, (1e-4, 0.01))
        yield Row("mixed model", data, f"{scale} lmer singular", model.singular, r["singular"], 0)
        yield Row(
            "mixed model log-likelihood",
            data,
            f"{scale} lmer REML",
            model.log_likelihood,
            r["logLik_reml"],
            1e-3,
        )
        full = fit_mixed(
            table["y"], design, table["pair"], components, method="satterthwaite", restricted=False
        )
        yield Row(
            "mixed model log-likelihood", data, f"{scale} lmer ML", full.log_likelihood, r["logLik_ml"], 1e-3
        )
        for name, value in r["var"].items():
            ours = model.variances[name.lower()]
            yield Row("mixed model variance", data, f"{scale} lmer {name}", ours, value, 1e-3, relative=True)
        result = group_change(dyad_scores(scale), structure="intercepts", degrees_of_freedom="satterthwaite")
        for theirs, name in TESTS.items():
            found = result.tests.loc[name]
            yield Row(
                "mixed model F",
                data,
                f"{scale} {name}",
                found["F"],
                r["anova_III_F"][theirs],
                1e-4,
                relative=True,
            )
            yield Row(
                "mixed model df",
                data,
                f"{scale} {name}",
                found["df"],
                r["anova_III_dendf"][theirs],
                0.01,
                relative=True,
            )
        yield from compare_two_intercepts(scale, table, expected["lme_two_intercept_linear"])
        yield from compare_change_gls(scale, table, expected["gls_change_post_minus_pre"])


def compare_two_intercepts(scale: str, table: pd.DataFrame, r: Mapping[str, Any]) -> Iterator[Row]:
    """An intercept and a slope for each role, correlated intercepts, a residual variance for each role."""
    data, name = "sim_dyads_a", f"{scale} lme"
    roles = pd.DataFrame({"rA": (table["role"] == "mentee") * 1.0, "rB": (table["role"] == "mentor") * 1.0})
    design = roles.assign(**{"rA:wave": roles["rA"] * table["wave"], "rB:wave": roles["rB"] * table["wave"]})
    model = fit_mixed(
        table["y"], design, table["pair"], {"pair": RandomEffect(roles)}, residual=table["role"]
    )
    for place, term in enumerate(r["term"]):
        row = model.coefficients.loc[term]
        yield Row("mixed model", data, f"{name} {term} est", row["estimate"], r["est"][place], 1e-4)
        yield Row("mixed model", data, f"{name} {term} se", row["se_plain"], r["se"][place], 1e-4)
    covariance = model.random["pair"]
    sd = {role: math.sqrt(model.variances[f"residual[{role}]"]) for role in ("mentee", "mentor")}
    base = r["varIdent_ref_first_row_role"]
    # nlme writes spreads relative to those of the first role in the data.
    ours = {
        "var_A": covariance.at["rA", "rA"],
        "var_B": covariance.at["rB", "rB"],
        "cov_AB": covariance.at["rA", "rB"],
        "cor_AB": covariance.at["rA", "rB"]
        / math.sqrt(covariance.at["rA", "rA"] * covariance.at["rB", "rB"]),
        "sigma_A_or_ref": sd[base],
    }
    for key, value in ours.items():
        yield Row("mixed model variance", data, f"{name} {key}", value, r[key], 1e-3, relative=True)
    for role, ratio in r["varIdent"].items():
        yield Row(
            "mixed model variance", data, f"{name} {role}", sd[role] / sd[base], ratio, 1e-3, relative=True
        )
    yield Row("mixed model log-likelihood", data, name, model.log_likelihood, r["logLik_reml"], 1e-3)


def compare_change_gls(scale: str, table: pd.DataFrame, r: Mapping[str, Any]) -> Iterator[Row]:
    """Changes of both roles with free variances and a correlation."""
    data, name = "sim_dyads_a", f"{scale} gls"
    wide = table.pivot(index=["pair", "role"], columns="wave", values="y")
    change = (wide[2] - wide[0]).dropna().rename("change").reset_index()
    roles = pd.DataFrame({role: (change["role"] == role) * 1.0 for role in ("mentee", "mentor")})
    design = pd.DataFrame({"(Intercept)": 1.0, "rolementor": roles["mentor"]})
    model = fit_mixed(
        change["change"], design, change["pair"], {"role": RandomEffect(roles)}, residual="none"
    )
    yield Row("mixed model size", data, f"{name} n_obs", model.n_used, r["n_obs"], 0)
    for term, value in r["coef"].items():
        row = model.coefficients.loc[term]
        yield Row("mixed model", data, f"{name} {term} est", row["estimate"], value, 1e-4)
        yield Row("mixed model", data, f"{name} {term} se", row["se_plain"], r["se"][term], 1e-4)
    covariance = model.random["role"]
    sd = {role: math.sqrt(covariance.at[role, role]) for role in ("mentee", "mentor")}
    base = r["varIdent_ref"]
    rho = covariance.at["mentee", "mentor"] / (sd["mentee"] * sd["mentor"])
    yield Row("mixed model variance", data, f"{name} rho", rho, r["rho"], 1e-3, relative=True)
    yield Row("mixed model variance", data, f"{name} sigma", sd[base], r["sigma_ref"], 1e-3, relative=True)
    for role, ratio in r["varIdent"].items():
        yield Row(
            "mixed model variance", data, f"{name} {role}", sd[role] / sd[base], ratio, 1e-3, relative=True
        )
    yield Row("mixed model log-likelihood", data, name, model.log_likelihood, r["logLik_reml"], 1e-3)


def growth_model(people: list[int] | None = None, **options: Any) -> MixedModel:
    """Job satisfaction over three times with slopes of persons."""
    table = r_data("univbct")
    if people is not None:
        table = table[table["SUBNUM"].isin(people)].reset_index(drop=True)
    lines = pd.DataFrame({"(Intercept)": 1.0, "TIME": table["TIME"].astype(float)})
    return fit_mixed(table["JSAT"], lines, table["SUBNUM"], {"person": RandomEffect(lines)}, **options)


def compare_growth() -> Iterator[Row]:
    """The growth models of the oracle."""
    data, r = "univbct", r_values("univbct")["JSAT_growth_lmer_reml"]
    model = growth_model(method="satterthwaite")
    yield Row("mixed model size", data, "growth n", model.n_used, r["n"], 0)
    yield from compare_coefficients(data, "growth", model, r, (1e-4, 0.01))
    covariance = model.random["person"]
    ours = {
        "var_intercept": covariance.iat[0, 0],
        "var_slope": covariance.iat[1, 1],
        "cov": covariance.iat[0, 1],
        "var_resid": model.variances["residual"],
    }
    for key, value in ours.items():
        yield Row("mixed model variance", data, f"growth {key}", value, r[key], 1e-3, relative=True)
    yield Row("mixed model log-likelihood", data, "growth", model.log_likelihood, r["logLik"], 1e-3)
    table, r = r_data("univbct"), r_values("univbct")["JSAT_random_intercept_lmer_reml"]
    design = pd.DataFrame({"(Intercept)": 1.0, "TIME": table["TIME"].astype(float)})
    model = fit_mixed(table["JSAT"], design, table["SUBNUM"], {"person": None})
    for place, term in enumerate(design.columns):
        row = model.coefficients.loc[term]
        yield Row("mixed model", data, f"intercept {term} est", row["estimate"], r["est"][place], 1e-4)
        yield Row("mixed model", data, f"intercept {term} se", row["se_plain"], r["se"][place], 1e-4)
    for key, name in (("var_intercept", "person"), ("var_resid", "residual")):
        yield Row(
            "mixed model variance",
            data,
            f"intercept {key}",
            model.variances[name],
            r[key],
            1e-3,
            relative=True,
        )
    yield Row("mixed model log-likelihood", data, "intercept", model.log_likelihood, r["logLik"], 1e-3)


def compare_model(
    data: str, name: str, kr: MixedModel, plain: MixedModel, r: Mapping[str, Any]
) -> Iterator[Row]:
    """Both sorts of degrees of freedom, log-likelihood and singularity of a model in mixed.json."""
    yield from compare_coefficients(data, f"{name} KR", kr, r["kenward_roger"], (1e-5, 1e-3))
    yield from compare_coefficients(data, f"{name} Satterthwaite", plain, r["satterthwaite"], (1e-5, 1e-2))
    yield Row("mixed model log-likelihood", data, name, kr.log_likelihood, r["logLik"], 1e-5)
    yield Row("mixed model", data, f"{name} singular", kr.singular, r["singular"], 0)


def compare_kenward_roger() -> Iterator[Row]:
    """All pairs and the first 22: coefficients, contrasts, tests of several contrasts."""
    data = "sim_dyads_a"
    for scale in SCALES:
        for part, pairs in (("all", 150), ("first22", 22)):
            r, name = mixed_values()["dyads"][scale][part], f"{scale} {part}"
            table = dyads(scale, pairs)
            design = treatment_design(table, r["kenward_roger"]["term"])
            components = {"pair": None, "person": table["pair"].astype(str) + table["role"]}
            kr = fit_mixed(table["y"], design, table["pair"], components)
            plain = fit_mixed(table["y"], design, table["pair"], components, method="satterthwaite")
            yield from compare_model(data, name, kr, plain, r)
            for group, value in zip(r["group"], r["vcov"], strict=True):
                ours = kr.variances[group.lower()]
                yield Row("mixed model variance", data, f"{name} {group}", ours, value, 1e-4, relative=True)
            yield from compare_contrasts(data, name, dyad_scores(scale, pairs), r)
            both = kr.test([{"rolementor:wavef1": 1.0}, {"rolementor:wavef2": 1.0}])
            k = r["KRmodcomp_interaction"]
            for key, value in (
                ("F", both.F),
                ("num_df", both.df_numerator),
                ("den_df", both.df),
                ("p", both.p),
            ):
                yield Row(
                    "Kenward-Roger F", data, f"{name} KRmodcomp {key}", value, k[key], 1e-3, relative=True
                )


def compare_contrasts(data: str, name: str, scores: PairScores, r: Mapping[str, Any]) -> Iterator[Row]:
    """Contrasts of the change of a group, and the tests of role, wave and both."""
    kr = group_change(scores, structure="intercepts", method="mixed model")
    plain = group_change(
        scores, structure="intercepts", method="mixed model", degrees_of_freedom="satterthwaite"
    )
    for label, values in r["contrasts"].items():
        contrast, _, wave = label.split("_")
        row = kr.contrasts.loc[(int(wave), contrast)]
        ours = {"est": "estimate", "se": "se", "low": "low", "high": "high", "p": "p"}
        for key, column in ours.items():
            yield Row("Kenward-Roger contrast", data, f"{name} {label} {key}", row[column], values[key], 1e-5)
        yield Row("mixed model df", data, f"{name} {label}", row["df"], values["df"], 1e-3, relative=True)
    for result, key in ((kr, "anova_kenward_roger"), (plain, "anova_satterthwaite")):
        table = r[key]
        for place, term in enumerate(table["term"]):
            found = result.tests.loc[TESTS[term]]
            for column, theirs, tolerance in (
                ("F", "F", 1e-3),
                ("df_numerator", "num_df", 0),
                ("df", "den_df", 1e-2),
            ):
                yield Row(
                    "Kenward-Roger F" if result is kr else "mixed model F",
                    data,
                    f"{name} {key} {term} {column}",
                    found[column],
                    table[theirs][place],
                    tolerance,
                    relative=True,
                )


def compare_boundary() -> Iterator[Row]:
    """Slopes of persons, regular and perfectly correlated with intercepts; an intercept without variance."""
    for part in ("all", "singular"):
        r = mixed_values()["growth"][part]
        people = r.get("subset")
        kr, plain = growth_model(people), growth_model(people, method="satterthwaite")
        yield from compare_model("univbct", f"growth {part}", kr, plain, r)
        for place, ours in enumerate((0, 1, None, None)):
            if ours is not None:
                value = kr.random["person"].iat[ours, ours]
                yield Row(
                    "mixed model variance",
                    "univbct",
                    f"growth {part} {place}",
                    value,
                    r["vcov"][place],
                    1e-3,
                    relative=True,
                )
        slopes = unit_effects(kr, "person", "TIME")["value"]
        for person, value in zip(r["persons"], r["slope"], strict=True):
            yield Row("predicted slope", "univbct", f"{part} {person}", slopes[person], value, 1e-4)
    r = mixed_values()["intercept_zero"]
    table = dyads("safety", 22).query("wave != 1").reset_index(drop=True)
    shift = np.where(table["role"] == "mentor", r["shift"], 0)
    other = pd.Series((table["pair"] + shift) % 22 + 1)
    design = treatment_design(table, r["kenward_roger"]["term"])
    components = {"other": None, "someone": other.astype(str) + table["role"]}
    kr = fit_mixed(table["y"], design, other, components)
    plain = fit_mixed(table["y"], design, other, components, method="satterthwaite")
    yield from compare_model("sim_dyads_a", "no variance of pairs", kr, plain, r)


def compare_free() -> Iterator[Row]:
    """Every variance and covariance of a pair's scores free."""
    for key, scale, waves in (("two_waves", "safety", [0, 2]), ("three_waves", "support", [0, 1, 2])):
        r, table = mixed_values()["free_covariances"][key], dyads(scale)
        scores = read_pair_scores(table["y"], table["pair"], table["role"], table["wave"], waves=waves)
        model = group_change(scores, structure="unstructured").model
        assert model is not None
        yield Row(
            "mixed model log-likelihood",
            "sim_dyads_a",
            f"free {key}",
            model.log_likelihood,
            r["logLik"],
            1e-3,
        )
        for place, term in enumerate(r["term"]):
            row = model.coefficients.loc[term]
            yield Row(
                "mixed model", "sim_dyads_a", f"free {key} {term} est", row["estimate"], r["est"][place], 1e-4
            )
            yield Row(
                "mixed model", "sim_dyads_a", f"free {key} {term} se", row["se_plain"], r["se"][place], 1e-4
            )


def compare_free_corrected() -> Iterator[Row]:
    """Kenward and Roger's tests with all covariances free, where scores are missing."""
    values = json.loads((REFERENCE / "free_covariances.json").read_text(encoding="utf-8"))
    for part in ("all", "first60"):
        r = values[part]
        result = group_change(dyad_scores("support", r["pairs"]), structure="unstructured")
        assert result.model is not None
        data, name = "sim_dyads_a", f"free {part}"
        yield Row("mixed model size", data, f"{name} n", result.model.n_used, r["n"], 0)
        likelihood = result.model.log_likelihood
        yield Row("mixed model log-likelihood", data, name, likelihood, r["logLik"], 1e-6)
        contrasts = result.contrasts.set_axis([f"{wave} {label}" for wave, label in result.contrasts.index])
        for table, expected in ((contrasts, r["contrasts"]), (result.tests, r["tests"])):
            for label, row in expected.items():
                for key, value in row.items():
                    tolerance = FREE_TOLERANCES[key]
                    yield Row(
                        "mixed model, all free",
                        data,
                        f"{name} {label} {key}",
                        table.at[label, key],
                        value,
                        tolerance,
                    )


def exlong_waves() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """The table and its scores at the first and last wave."""
    table = r_data("exlong")
    before, after = (table[[f"y{i}t{t}" for i in (1, 2, 3)]].mean(axis=1) for t in (1, 3))
    return table, before, after


def compare_groups() -> Iterator[Row]:
    """Analysis of covariance beside change scores; change beside that of other people."""
    table, before, after = exlong_waves()
    r = mixed_values()["ancova"]
    result = waitlist_comparison(before, after, table["sex"] == r["levels"][1], randomised=False)
    adjusted, slopes = r["adjusted"], r["slopes"]
    ours = {
        "difference": (result.difference, adjusted["est"][1]),
        "se": (result.se, adjusted["se"][1]),
        "t": (result.t, adjusted["t"][1]),
        "p": (result.p, adjusted["p"][1]),
        "df": (result.df, adjusted["df"]),
        "low": (result.low, adjusted["ci"][0]),
        "high": (result.high, adjusted["ci"][1]),
        "slope": (result.slope, adjusted["est"][2]),
        "unequal slopes p": (result.unequal_slopes_p, slopes["p"][3]),
        "change": (result.change.difference, r["change"]["est"][1]),
    }
    for key, (value, theirs) in ours.items():
        yield Row("analysis of covariance", "exlong", key, value, theirs, 1e-9, relative=True)
    r = mixed_values()["regression_based"]
    n = r["reference_rows"]
    source = Reliability(0.7, 1.0, "retest", 12, "field", 100)
    found = reliable_change(
        before[n : n + 30], after[n : n + 30], source, interval_weeks=12, compared=(before[:n], after[:n])
    ).people
    for place, (t, p) in enumerate(zip(r["t"], r["p"], strict=True)):
        yield Row(
            "regression-based change",
            "exlong",
            f"t {place}",
            found["regression_t"].iloc[place],
            t,
            1e-9,
            relative=True,
        )
        yield Row(
            "regression-based change",
            "exlong",
            f"p {place}",
            found["regression_p"].iloc[place],
            p,
            1e-9,
            relative=True,
        )


def compare_latent() -> Iterator[Row]:
    """Latent change scores."""
    table, before, after = exlong_waves()
    # An error of half a point.
    known = Reliability(0.75, 1.0, "retest", 12, "field", 100)
    items = [table[[f"y{i}t{t}" for i in (1, 2, 3)]] for t in (1, 3)]
    cases = {
        "single": latent_change(before, after),
        "single_error": latent_change(before, after, reliability=known),
        "items": latent_change(*items),
    }
    for name, result in cases.items():
        r = mixed_values()["latent_change"][name]
        yield Row("latent change", "exlong", f"{name} n", result.n_used, r["n"], 0)
        yield Row("latent change", "exlong", f"{name} df", result.df, r["df"], 0)
        yield Row("latent change", "exlong", f"{name} chi-square", result.chi_square, r["chisq"], 1e-4)
        for key in ("mean_change", "variance_change", "covariance", "variance_before"):
            for theirs, column in (("est", "estimate"), ("se", "se"), ("p", "p")):
                value = result.parameters.at[key, column]
                yield Row("latent change", "exlong", f"{name} {key} {theirs}", value, r[key][theirs], 1e-4)


def compare() -> Iterator[Row]:
    """Every value."""
    yield from compare_paired()
    yield from compare_oracle_dyads()
    yield from compare_growth()
    yield from compare_kenward_roger()
    yield from compare_boundary()
    yield from compare_free()
    yield from compare_free_corrected()
    yield from compare_groups()
    yield from compare_latent()
