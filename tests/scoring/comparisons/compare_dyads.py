"""Analyses of pairs against R: correlations of partners, actor-partner models, common fate, response surface, mentors with many mentees.

Two sources. The values of the data sets sim_dyads_a and twins_dzos (`cor.test`, `nlme::gls`, lavaan): every value of `cross`, `dyad_cross`
and `apim_*` but the indices of fit that we do not report (GFI, NFI and their like) and the robust indices of models without degrees of
freedom. And reference/dyads.json (script beside it: `lm`, systemfit, car, lavaan, lme4 with pbkrtest, nlme). Nothing differs on
purpose; nlme stops at 1e-5 of a variance, where our closed form is exact.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from scoring.dyads import (
    ActorPartner,
    OneWithMany,
    ResponseSurface,
    StructuralFit,
    actor_partner_model,
    common_fate,
    distinguishability,
    dyadic_correlation,
    one_with_many,
    pair_discrepancy,
    partner_patterns,
    reciprocal_one_with_many,
    response_surface,
)
from scoring.sem.fit import FitMeasures
from tests.scoring.comparisons.compare_confirmatory import (
    COUNTS,
    FIML,
    INDICES,
    ML,
    SCALED_INDICES,
    STATISTICS,
    Tolerances,
)
from tests.scoring.comparisons.rows import REFERENCE, Row, r_data, r_values

Pairs = tuple[pd.Series, pd.Series]
EXACT = 1e-9
# Names in R's models: A is the mentor (member 1), B the mentee (member 2); 1 the predictor, 2 the outcome.
NAMES = {
    "A1": "mentor_predictor",
    "B1": "mentee_predictor",
    "A2": "mentor_outcome",
    "B2": "mentee_outcome",
    "kA": "k_mentor",
    "kB": "k_mentee",
    "diff_actor": "difference_actor",
    "diff_partner": "difference_partner",
    "xm": "mentor_predictor",
    "xj": "mentee_predictor",
    "ym": "mentor_outcome",
    "yj": "mentee_outcome",
    "X": "pair_predictor",
    "Y": "pair_outcome",
}


@cache
def r_dyads() -> Any:
    """What R says in reference/dyads.json."""
    return json.loads((REFERENCE / "dyads.json").read_text(encoding="utf-8"))


@cache
def scores(scale: str) -> pd.DataFrame:
    """Scores of sim_dyads_a, pair x (role, wave): means of at least half of the items."""
    data, items = r_data("sim_dyads_a"), r_values("sim_dyads_a")["scales"][scale]
    answered = data[items].notna().sum(axis=1)
    data["score"] = data[items].mean(axis=1).where(answered >= len(items) / 2)
    return data.pivot_table(index="pair", columns=["role", "wave"], values="score", dropna=False)


def wave(scale: str, number: int) -> Pairs:
    """Mentor's and mentee's scores of one wave."""
    return scores(scale)[("mentor", number)], scores(scale)[("mentee", number)]


def twins(variable: str) -> Pairs:
    """Both members' values."""
    data = r_data("twins_dzos").set_index("fam")
    return data[f"{variable}1"], data[f"{variable}2"]


def compare() -> Iterator[Row]:
    """Every value of both sources."""
    for scale in ("safety", "support"):
        expected = r_values("sim_dyads_a")["dyadic"][scale]
        before, after = wave(scale, 0), wave(scale, 2)
        for number in (0, 1, 2):
            yield from compare_cross(
                "sim_dyads_a",
                f"{scale} wave {number}",
                wave(scale, number),
                expected["cross"][f"wave{number}"],
            )
        change = (after[0] - before[0], after[1] - before[1])
        yield from compare_cross(
            "sim_dyads_a", f"{scale} change", change, expected["cross"]["change_post_minus_pre"]
        )
        for missing in ("listwise", "fiml"):
            model = f"apim_{missing}"
            yield from compare_apim(
                "sim_dyads_a", f"{scale} {model}", before, after, missing, expected[model]
            )
    expected = r_values("twins_dzos")
    for variable, values in expected["dyad_cross"].items():
        yield from compare_cross("twins_dzos", variable, twins(variable), values)
    for missing in ("listwise", "fiml"):
        model = f"apim_height_to_weight_{missing}"
        yield from compare_apim("twins_dzos", model, twins("ht"), twins("wt"), missing, expected[model])
    yield from compare_own()


def compare_cross(data: str, name: str, pair: Pairs, r: Mapping[str, Any]) -> Iterator[Row]:
    """Correlation, analysis of variance, gls and the test of distinguishability of one measure."""
    found = dyadic_correlation(*pair)
    test = distinguishability(*pair)
    closed = {
        "pearson_r": found.r,
        "icc_pairwise_anova_indistinguishable": found.icc_pairwise,
        "icc_role_centred_pooled_sd": found.icc_role_centred,
        "pearson_p": found.p,
        "F_p": found.p_f,
    }
    for key, ours in closed.items():
        yield Row("dyadic correlation", data, f"{name} {key}", ours, r[key], EXACT)
    # Ten digits of a mean square of 200 end at 1e-7, so these are compared relative to their size.
    for key, ours in (
        ("MSB", found.mean_square_between),
        ("MSW", found.mean_square_within),
        ("F", found.F),
    ):
        yield Row("dyadic correlation", data, f"{name} {key}", ours, r[key], EXACT, relative=True)
    for end, ours in enumerate((found.low, found.high)):
        yield Row("dyadic correlation", data, f"{name} CI {end}", ours, r["pearson_ci95"][end], EXACT)
    for key, ours in (("n_pairs", found.n_used), ("F_df 1", found.df_between), ("F_df 2", found.df_within)):
        theirs = r["n_pairs"] if key == "n_pairs" else r["F_df"][int(key[-1]) - 1]
        yield Row("dyadic counts and df", data, f"{name} {key}", ours, theirs, 0)
    gls, model = r["gls_reml_distinguishable"], found.model
    for key, value in (
        ("mean_mentor", gls["coef"]["(Intercept)"]),
        ("difference", gls["coef"]["roleB"]),
    ):
        yield Row("gls fixed effects", data, f"{name} {key}", getattr(model, key), value, 1e-4)
    for key, value in (
        ("rho", gls["rho"]),
        ("sd_mentor", gls["sigma_A"]),
        ("sd_mentee", gls["sigma_B"]),
        ("se_mean_mentor", gls["se"]["(Intercept)"]),
        ("se_difference", gls["se"]["roleB"]),
    ):
        yield Row(
            "gls spread and errors", data, f"{name} {key}", getattr(model, key), value, 1e-3, relative=True
        )
    yield from compare_test(data, name, test, r["distinguishability_LRT_mean_and_variance"], "p", 2e-3)


def compare_test(
    data: str, name: str, test: Any, r: Mapping[str, float], p: str, tolerance: float
) -> Iterator[Row]:
    """A likelihood ratio with its degrees of freedom; twice what is allowed to a log-likelihood of gls."""
    yield Row("dyadic counts and df", data, f"{name} LR df", test.df, r["df"], 0)
    yield Row("distinguishability", data, f"{name} LR", test.chi_square, r["chisq"], tolerance)
    yield Row("distinguishability", data, f"{name} LR p", test.p, r[p], 1e-4)


def compare_apim(
    data: str, name: str, before: Pairs, after: Pairs, missing: Any, r: Mapping[str, Any]
) -> Iterator[Row]:
    """Both models of an actor-partner analysis, their comparison, and the test that comes before them."""
    limits = FIML if missing == "fiml" else ML
    found = actor_partner_model(*before, *after, missing=missing)
    yield from compare_structural(data, f"{name} saturated", found.maximum_likelihood, r["saturated"], limits)
    yield from compare_structural(data, f"{name} equal", found.equal_effects, r["equal_effects"], limits)
    theirs = r["equal_actor_partner_LRT"]
    yield Row("dyadic counts and df", data, f"{name} LRT ddf", found.equality.df, theirs["ddf"], 0)
    yield Row(
        f"APIM {limits.name} chi-square, log-likelihood",
        data,
        f"{name} LRT dchisq",
        found.equality.chi_square,
        theirs["dchisq"],
        limits.chi_square,
        relative=True,
    )
    yield Row("APIM p of equal effects", data, f"{name} LRT p", found.equality.p, theirs["p"], 1e-5)
    columns = [
        pd.concat([first, second], axis=1, keys=["x", "y"])
        for first, second in zip(before, after, strict=True)
    ]
    test = distinguishability(*columns, missing=missing)
    theirs = r["distinguishability_isat"]
    yield from compare_test(
        data, f"{name} I-SAT", test, theirs, "pvalue", limits.chi_square * theirs["chisq"]
    )


def compare_structural(
    data: str, name: str, fit: StructuralFit, r: Mapping[str, Any], limits: Tolerances
) -> Iterator[Row]:
    """Flags, fit and every parameter of one model."""
    yield Row("dyadic counts and df", data, f"{name} converged", fit.converged, r["converged"], 0)
    yield Row("dyadic counts and df", data, f"{name} n", fit.n_used, r["nobs"], 0)
    yield from compare_measures(data, name, fit.measures, r["fit_measures"], limits, "APIM")
    yield from compare_parameters(data, name, fit.parameters, r["parameters"], limits, "APIM")


def compare_measures(
    data: str, name: str, ours: FitMeasures, r: Mapping[str, Any], limits: Tolerances, kind: str
) -> Iterator[Row]:
    """Counts, chi-square, likelihood and indices."""
    groups: list[tuple[str, Mapping[str, str], float, bool]] = [
        ("dyadic counts and df", COUNTS, 0.0, False),
        (f"{kind} {limits.name} indices", INDICES, limits.index, False),
        (f"{kind} {limits.name} chi-square, log-likelihood", STATISTICS, limits.chi_square, True),
    ]
    if ours.df > 0:
        groups.append(
            (f"{kind} {limits.name} robust indices", SCALED_INDICES, max(limits.index, 1e-4), False)
        )
    for label, fields, tolerance, relative in groups:
        for theirs, mine in fields.items():
            value = r.get(theirs)
            if value is None:
                continue
            # The chi-square of a model without degrees of freedom is 0 up to rounding.
            nothing = theirs == "chisq" and ours.df == 0
            yield Row(
                label,
                data,
                f"{name} {theirs}",
                getattr(ours, mine),
                value,
                1e-6 if nothing else tolerance,
                relative and not nothing,
            )


def compare_parameters(
    data: str, name: str, ours: pd.DataFrame, r: Mapping[str, Any], limits: Tolerances, kind: str
) -> Iterator[Row]:
    """Estimate, error, z, p, interval and standardized value of every free parameter."""
    mine = {_key(row["left"], row["operator"], row["right"]): row for row in ours.to_dict("records")}
    for number, (left, operator, right) in enumerate(zip(r["lhs"], r["op"], r["rhs"], strict=True)):
        if not r["se"][number]:
            continue
        key = (
            _key(NAMES[left], ":=", "")
            if operator == ":="
            else _key(NAMES[left], operator, NAMES.get(right, ""))
        )
        row = mine.get(key, {})
        for theirs, column, tolerance, relative in (
            ("est", "estimate", limits.estimate, False),
            ("std.all", "std_all", limits.estimate, False),
            ("se", "se", limits.error, True),
            ("z", "z", limits.error, True),
            ("pvalue", "p", limits.error, False),
            ("ci.lower", "low", limits.error, False),
            ("ci.upper", "high", limits.error, False),
        ):
            group = "errors, z, intervals" if theirs not in {"est", "std.all"} else "estimates"
            yield Row(
                f"{kind} {limits.name} {group}",
                data,
                f"{name} {left} {operator} {right} {theirs}",
                row.get(column, np.nan),
                r[theirs][number],
                tolerance,
                relative,
            )


def _key(left: str, operator: str, right: str) -> tuple[str, ...]:
    """What a parameter is known by, whichever way round a covariance is written."""
    if operator == ":=":
        return left, operator
    return (*sorted((left, right)), operator) if operator == "~~" else (left, right, operator)


def compare_own() -> Iterator[Row]:
    """Everything in dyads.json."""
    r = r_dyads()
    safety, support = {t: wave("safety", t) for t in (0, 2)}, {t: wave("support", t) for t in (0, 2)}
    for name, pair in (
        ("safety_wave0", safety[0]),
        ("support_wave2", support[2]),
        ("twins_bmi", twins("bmi")),
    ):
        yield from compare_agreement(name, pair, r["agreement"][name])
    first = [column.iloc[:15] for column in (*safety[0], *support[0])]
    for name, columns in (
        ("safety", [*safety[0], *safety[2]]),
        ("support", [*support[0], *support[2]]),
        ("twins", [*twins("ht"), *twins("wt")]),
        ("first15", first),
    ):
        yield from compare_regressions(name, actor_partner_model(*columns), r["apim"][name])
    metres = [100.0 * column for column in twins("ht")]
    for name, columns, missing in (
        ("safety_support_listwise", [*safety[0], *support[0]], "listwise"),
        ("safety_waves_fiml", [*safety[0], *safety[2]], "fiml"),
        ("twins_listwise", [*metres, *twins("wt")], "listwise"),
    ):
        yield from compare_fate(name, columns, missing, r["fate"][name])
    worlds = pd.DataFrame(r["surface_data"])
    for name in ("congruence", "main", "quadratic"):
        found = response_surface(
            worlds[name], worlds["m"], worlds["j"], midpoint=3.0, limits=(1.0, 5.0), wording="same"
        )
        yield from compare_surface(name, found, r["surface"][name])
    found = response_surface(support[2][1], *safety[0], midpoint=3.0, wording="same")
    yield from compare_surface("sim", found, r["surface"]["sim"])
    yield from compare_many(r)


def compare_agreement(name: str, pair: Pairs, r: Mapping[str, Any]) -> Iterator[Row]:
    """Discrepancies of pairs with limits of agreement, and the double-entry correlation."""
    found = pair_discrepancy(*pair, wording="same")
    ours = {
        "n": found.n_used,
        "mean": found.mean,
        "t": found.t,
        "df": found.df,
        "p": found.p,
        "sd": found.sd,
        "double_entry": dyadic_correlation(*pair).icc_double_entry,
        "ci": (found.low, found.high),
        "limits": found.limits,
        "lower_ci": found.lower_limit,
        "upper_ci": found.upper_limit,
        "first5": found.pairs["difference"].head(),
    }
    for key, value in ours.items():
        for number, (mine, theirs) in enumerate(
            zip(np.atleast_1d(value), np.atleast_1d(r[key]), strict=True)
        ):
            yield Row("discrepancy", "dyads", f"{name} {key} {number}", float(mine), theirs, EXACT)


def compare_regressions(name: str, found: ActorPartner, r: Mapping[str, Any]) -> Iterator[Row]:
    """Least squares of both roles, which is systemfit's SUR; differences of effects; Fieller's interval."""
    yield Row("APIM least squares", "dyads", f"{name} n", found.n_used, r["n"], 0)
    for role, own, other in (("mentor", "xm", "xj"), ("mentee", "xj", "xm")):
        theirs, table = r[role], found.effects[found.effects["role"] == role].set_index("effect")
        places = {"intercept": "(Intercept)", "actor": own, "partner": other}
        for effect, term in places.items():
            place = theirs["term"].index(term)
            for mine, key in (
                ("estimate", "est"),
                ("se", "se"),
                ("t", "t"),
                ("p", "p"),
                ("low", "low"),
                ("high", "high"),
            ):
                yield _relative(f"{name} {role} {effect} {key}", table.at[effect, mine], theirs[key][place])
            short = f"{role[0] if role == 'mentor' else 'j'}_{term}"
            yield _relative(f"{name} SUR {short}", table.at[effect, "estimate"], r["sur"]["est"][short], 1e-7)
            yield _relative(f"{name} SUR se {short}", table.at[effect, "se"], r["sur"]["se"][short], 1e-7)
        yield Row("APIM least squares", "dyads", f"{name} {role} df", table["df"].iloc[0], theirs["df"], 0)
        yield _relative(f"{name} {role} sigma", found.residual_sd[role], theirs["sigma"])
        yield _relative(f"{name} {role} R2", found.r_squared[role], theirs["r2"])
    for effect in ("actor", "partner"):
        row = found.differences.set_index("effect").loc[effect]
        theirs = r[f"difference_{effect}"]
        yield _relative(f"{name} difference {effect}", row["estimate"], theirs["est"], 1e-7)
        yield _relative(f"{name} difference {effect} se", row["se"], theirs["se"], 1e-7)
    for key in ("residual_correlation", "predictor_correlation"):
        yield _relative(f"{name} {key}", getattr(found, key), r[key])
    for pattern in partner_patterns(found, n_draws=10):
        theirs = r[f"fieller_{pattern.role}"]
        yield _relative(f"{name} k {pattern.role}", pattern.k, theirs["k"])
        yield Row(
            "APIM Fieller",
            "dyads",
            f"{name} {pattern.role} bounded",
            pattern.fieller is not None,
            theirs["bounded"],
            0,
        )
        if theirs["bounded"]:
            for end in (0, 1):
                mine, value = pattern.fieller[end], theirs["interval"][end]
                yield Row("APIM Fieller", "dyads", f"{name} {pattern.role} end {end}", mine, value, 1e-8)


def _relative(statistic: str, ours: float, r: float, tolerance: float = 1e-8) -> Row:
    """A closed form whose digits are lost with the size of its terms, so relative to its value."""
    return Row("APIM least squares", "dyads", statistic, ours, r, tolerance, relative=True)


def compare_fate(name: str, columns: list[pd.Series], missing: Any, r: Mapping[str, Any]) -> Iterator[Row]:
    """A common-fate model."""
    limits = FIML if missing == "fiml" else ML
    found = common_fate(*columns, missing=missing)
    yield Row("dyadic counts and df", "dyads", f"fate {name} n", found.n_used, r["n"], 0)
    yield Row("dyadic counts and df", "dyads", f"fate {name} converged", found.converged, r["converged"], 0)
    yield Row("dyadic counts and df", "dyads", f"fate {name} proper", found.proper, r["proper"], 0)
    yield from compare_measures("dyads", f"fate {name}", found.measures, r["fit"], limits, "common fate")
    yield from compare_parameters(
        "dyads", f"fate {name}", found.parameters, r["parameters"], limits, "common fate"
    )


def compare_surface(name: str, found: ResponseSurface, r: Mapping[str, Any]) -> Iterator[Row]:
    """Coefficients, a1 to a5, the principal axis and the whole regression."""
    yield Row("response surface", "dyads", f"{name} n", found.n_used, r["n"], 0)
    yield Row("response surface", "dyads", f"{name} df", found.df, r["df"], 0)
    for key, mine in (("r2", found.r_squared), ("F", found.F), ("p_F", found.p_f)):
        yield Row("response surface", "dyads", f"{name} {key}", mine, r[key], 1e-8)
    names = {"est": "estimate", "se": "se", "t": "t", "p": "p", "low": "low", "high": "high"}
    for table, theirs in ((found.coefficients, r), (found.surface, r["surface"])):
        for key, column in names.items():
            if key not in theirs:
                continue
            for row, value in zip(table.index, theirs[key], strict=True):
                yield Row(
                    "response surface", "dyads", f"{name} {row} {key}", table.at[row, column], value, 1e-8
                )
    for row, theirs in r["axis"].items():
        mine = found.axis.loc[row]
        yield Row(
            "response surface axis",
            "dyads",
            f"{name} {row}",
            mine["estimate"],
            theirs["est"],
            1e-7,
            relative=True,
        )
        yield Row(
            "response surface axis",
            "dyads",
            f"{name} {row} se",
            mine["se"],
            theirs["se"],
            1e-6,
            relative=True,
        )
        low = theirs["est"] - r["quantile"] * theirs["se"]
        yield Row(
            "response surface axis", "dyads", f"{name} {row} low", mine["low"], low, 1e-5, relative=True
        )


def compare_many(r: Mapping[str, Any]) -> Iterator[Row]:
    """Mentors with several mentees, mentees matched again, and both sides of the first."""
    many = pd.DataFrame(r["many_data"])
    for name, covariates in (("mean", None), ("covariate", many[["x"]])):
        found = one_with_many(many["y"], many["mentor"], covariates=covariates)
        yield from compare_mixed(name, found, r["many"][name])
    cross = pd.DataFrame(r["cross_data"])
    yield from compare_mixed(
        "cross", one_with_many(cross["y"], cross["mentor"], mentee=cross["mentee"]), r["cross"]
    )
    answers = pd.DataFrame(r["reciprocal_data"])
    for name, rows, tolerance in (("reciprocal", answers, 1e-3), ("uneven", None, 1e-8)):
        theirs = r[name]
        chosen = answers.iloc[[row - 1 for row in r["uneven"]["rows"]]] if rows is None else rows
        found = reciprocal_one_with_many(chosen["m"], chosen["j"], chosen["mentor"])
        for part, covariance in (
            ("between", found.covariance_between),
            ("relationship", found.covariance_relationship),
        ):
            for mine, value in zip((*found.table[part], covariance), theirs[part], strict=True):
                yield Row(
                    "reciprocal one-with-many",
                    "dyads",
                    f"{name} {part}",
                    mine,
                    value,
                    tolerance,
                    relative=True,
                )
    theirs = r["reciprocal"]
    found = reciprocal_one_with_many(answers["m"], answers["j"], answers["mentor"])
    for key, mine, value in (
        ("mean m", found.table["mean"].iloc[0], theirs["mean"]["sidem"]),
        ("mean j", found.table["mean"].iloc[1], theirs["mean"]["sidej"]),
        ("generalized", found.generalized_reciprocity, theirs["generalized"]),
        ("dyadic", found.dyadic_reciprocity, theirs["dyadic"]),
    ):
        yield Row("reciprocal one-with-many", "dyads", f"reciprocal {key}", mine, value, 1e-4)


def compare_mixed(name: str, found: OneWithMany, r: Mapping[str, Any]) -> Iterator[Row]:
    """A mixed model of mentors."""
    yield Row("one-with-many", "dyads", f"{name} n", found.n_used, r["n"], 0)
    yield Row("one-with-many", "dyads", f"{name} logLik", found.log_likelihood, r["logLik"], 1e-3)
    for component, value in r["var"].items():
        mine = found.variances["pair" if component == "Residual" else component]
        yield Row("one-with-many variances", "dyads", f"{name} {component}", mine, value, 1e-3, relative=True)
    for term, theirs in r["coef"].items():
        row = found.coefficients.loc["intercept" if term == "(Intercept)" else term]
        yield Row("one-with-many", "dyads", f"{name} {term}", row["estimate"], theirs["est"], 1e-4)
        yield Row("one-with-many", "dyads", f"{name} {term} se", row["se"], theirs["se"], 1e-3, relative=True)
        yield Row(
            "one-with-many df", "dyads", f"{name} {term} df", row["df"], theirs["df"], 1e-2, relative=True
        )
        yield Row(
            "one-with-many", "dyads", f"{name} {term} F", row["t"] ** 2, theirs["F"], 1e-3, relative=True
        )
        yield Row("one-with-many", "dyads", f"{name} {term} p", row["p"], theirs["p"], 1e-4)
