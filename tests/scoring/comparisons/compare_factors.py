"""Exploratory factors against psych, GPArotation and the same problems solved to 1e-12 in R.

The likelihood of four factors of `holzinger` has a lower minimum than psych's .0190, which `factanal(nstart = 20)` finds (.01725):
both are compared.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from scoring.factors import (
    FactorSolution,
    fit_factors,
    parallel_analysis,
    sampling_adequacy,
    sampling_adequacy_of,
    schmid_leiman,
    velicer_map,
)
from scoring.factors.rotation import match_columns
from tests.scoring.comparisons.rows import Row, as_frame, as_list, compare_mapping, r_data, r_values

_MODELS = {
    "minres_oblimin_psych": ("minres", "oblimin"),
    "minres_varimax_psych": ("minres", "varimax"),
    "minres_promax_psych": ("minres", "promax"),
    "ml_oblimin_psych": ("ml", "oblimin"),
}
_SETS = 60


def compare() -> Iterator[Row]:
    """Every factor block and every Schmid-Leiman block of the reference values."""
    for name in ("bfi", "holzinger", "lq2002", "sim_dyads_a"):
        values = r_values(name)
        key = "factor_wave0_mentees" if name == "sim_dyads_a" else "factor"
        yield from _compare_block(name, values[key])
        if name == "holzinger":
            yield _compare_lowest(_items(name, values[key]["pearson"]["rows"]))
        for scale, block in values["reliability"].items():
            for entry in block:
                if entry.startswith("omega_psych"):
                    yield from _compare_omega(f"{name}.{scale}", name, block, entry)


def _items(name: str, columns: list[str]) -> pd.DataFrame:
    data = r_data(name)
    if name == "sim_dyads_a":
        data = data[(data["role"] == "mentee") & (data["wave"] == 0)]
    return data[columns]


def _compare_block(name: str, block: dict[str, Any]) -> Iterator[Row]:
    items = _items(name, block["pearson"]["rows"])
    yield from _compare_adequacy(name, items, block)
    yield from _compare_numbers(name, items, block)
    for kind, correlations in (("efa_pearson", "pearson"), ("efa_polychoric", "polychoric")):
        for factors, models in block.get(kind, {}).items():
            k_factors = int(factors.removeprefix("k"))
            where = f"{name}.{correlations}.{factors}"
            solution = fit_factors(items, k_factors, correlations=correlations)
            yield from _compare_tight(where, solution, models["minres_oblimin_tight"])
            for model, (method, rotation) in _MODELS.items():
                # The correlations are the same for all models, so they are handed on.
                fitted = fit_factors(
                    solution.matrix, k_factors, method=method, rotation=rotation, n=solution.n_used
                )
                yield from _compare_psych(where, model, fitted, models[model])


def _compare_adequacy(name: str, items: pd.DataFrame, block: dict[str, Any]) -> Iterator[Row]:
    result = sampling_adequacy(items)
    yield Row("n", name, "factor.n", result.n_used, block["n"], 0)
    yield Row("KMO", name, "kmo_overall", result.overall, block["kmo_overall"], 1e-8)
    yield from compare_mapping("KMO", name, "kmo_item", result.items, block["kmo_item"], 1e-8)
    bartlett = block["bartlett"]
    yield Row("Bartlett", name, "chisq", result.chi_square, bartlett["chisq"], 1e-6, relative=True)
    yield Row("degrees of freedom", name, "bartlett.df", result.df, bartlett["df"], 0)
    yield Row("Bartlett", name, "p", result.p, bartlett["p"], 1e-9)
    pearson = as_frame(block["pearson"])
    ours = fit_factors(items, 1).matrix
    yield Row("correlations", name, "pearson", _gap(ours, pearson), 0, 1e-9)
    of = sampling_adequacy_of(ours, result.n_used)
    yield Row("KMO", name, "kmo_overall (matrix)", of.overall, block["kmo_overall"], 1e-8)
    yield Row("Bartlett", name, "chisq (matrix)", of.chi_square, bartlett["chisq"], 1e-6, relative=True)
    if "kmo_polychoric" in block:
        matrix = as_frame(block["polychoric"]["lavaan_two_step"])
        of = sampling_adequacy_of(matrix, block["n"])
        expected = block["kmo_polychoric"]
        yield Row("KMO", name, "kmo_polychoric", of.overall, expected["overall"], 1e-8)
        yield from compare_mapping("KMO", name, "kmo_polychoric", of.items, expected["item"], 1e-8)


def _compare_numbers(name: str, items: pd.DataFrame, block: dict[str, Any]) -> Iterator[Row]:
    full = parallel_analysis(items, n_sets=_SETS, seed=1)
    reduced = parallel_analysis(items, n_sets=_SETS, reduced=True, seed=1)
    expected = block["parallel"]
    for kind, ours, r in (
        ("eigen_pca", full.observed, block["eigen_pca"]),
        ("pc_eigen_observed", full.observed, expected["pc_eigen_observed"]),
    ):
        yield Row("eigenvalues", name, kind, float(np.abs(ours - r).max()), 0, 1e-8)
    gap = float(np.abs(reduced.observed - expected["fa_eigen_observed"]).max())
    yield Row("eigenvalues, reduced", name, "fa_eigen_observed", gap, 0, 5e-4)
    yield Row("parallel analysis", name, "ncomp", full.k_suggested, expected["ncomp"], 1)
    yield Row("parallel analysis", name, "nfact", reduced.k_suggested, expected["nfact"], 1)
    found = velicer_map(items)
    for place, value in enumerate(as_list(block["map_velicer"]), start=1):
        ours = found.average_squared_partials.loc[place]
        yield Row("MAP", name, f"map[{place}]", ours, value, 1e-6, relative=True)
    yield Row("MAP number", name, "map_nfactors", found.k_suggested, block["map_nfactors"], 0)


def _gap(ours: pd.DataFrame, r: pd.DataFrame) -> float:
    return float(np.abs(ours.to_numpy() - r.loc[ours.index, ours.columns].to_numpy()).max())


def _align(
    solution: FactorSolution, loadings: dict[str, Any], phi: dict[str, Any] | None
) -> tuple[float, float]:
    """Largest difference of loadings and of factor correlations, with one order and sign for both."""
    return compare_factors(
        solution.loadings.to_numpy(),
        solution.factor_correlations.to_numpy(),
        as_frame(loadings).to_numpy(),
        np.eye(solution.k_factors) if phi is None else as_frame(phi).to_numpy(),
    )


def compare_factors(
    loadings: np.ndarray, phi: np.ndarray, r_loadings: np.ndarray, r_phi: np.ndarray
) -> tuple[float, float]:
    """Put our factors in R's order and signs, the correlations with them, and return the largest differences."""
    order, signs = match_columns(r_loadings, loadings[None])
    moved = loadings[:, order[0]] * signs[0]
    turned = phi[np.ix_(order[0], order[0])] * np.outer(signs[0], signs[0])
    return float(np.abs(moved - r_loadings).max()), float(np.abs(turned - r_phi).max())


def _compare_psych(where: str, model: str, solution: FactorSolution, r: dict[str, Any]) -> Iterator[Row]:
    yield Row("degrees of freedom", where, f"{model}.dof", solution.df, r["dof"], 0)
    yield Row("convergence", where, f"{model}.converged", float(solution.converged), 1.0, 0)
    loadings, phi = _align(solution, r["loadings"], r["phi"])
    yield Row("EFA loadings (psych)", where, f"{model}.loadings", loadings, 0, 5e-4)
    yield Row("EFA factor correlations (psych)", where, f"{model}.phi", phi, 0, 5e-4)
    ours = {str(item): float(value) for item, value in solution.communalities.items()}
    yield from compare_mapping(
        "EFA communalities (psych)", where, f"{model}.communality", ours, r["communality"], 5e-4
    )
    for ours_name, r_name, tolerance, relative in (
        ("discrepancy", "objective", 5e-4, True),
        ("chi_square", "chi_stat", 5e-4, True),
        ("rmsr", "rmsr", 5e-4, False),
        ("tli", "tli", 5e-4, False),
        # The difference of chi-square and penalty has no scale of its own, so it is held against chi-square.
        ("bic", "bic", 5e-4 * r["chi_stat"], False),
    ):
        value = getattr(solution, ours_name)
        yield Row("EFA fit (psych)", where, f"{model}.{r_name}", value, r[r_name], tolerance, relative)
    rmsea = (solution.rmsea, solution.rmsea_low, solution.rmsea_high)
    for part, value, expected in zip(("", ".lower", ".upper"), rmsea, as_list(r["rmsea"]), strict=False):
        if expected is not None:
            yield Row("EFA fit (psych)", where, f"{model}.rmsea{part}", value, expected, 5e-4)
    for column, key in (("ss_loadings", "ss_loadings"), ("proportion", "prop_var")):
        for place, expected in enumerate(as_list(r[key])):
            value = solution.variance[column].iloc[place]
            yield Row("EFA variance (psych)", where, f"{model}.{key}[{place}]", value, expected, 5e-4)


def _compare_tight(where: str, solution: FactorSolution, r: dict[str, Any]) -> Iterator[Row]:
    loadings, phi = _align(solution, r["oblimin_loadings"], r["oblimin_phi"])
    yield Row("EFA loadings (tight)", where, "oblimin_loadings", loadings, 0, 1e-4)
    yield Row("EFA factor correlations (tight)", where, "oblimin_phi", phi, 0, 1e-4)
    excess = solution.rotation_criterion - r["oblimin_criterion_best_of_21"]
    yield Row("EFA criterion above R's", where, "oblimin_criterion", max(excess, 0.0), 0, 1e-6)
    yield Row(
        "EFA minima", where, "oblimin_distinct_minima", solution.n_minima, r["oblimin_distinct_minima"], 0
    )
    excess = solution.objective - r["uls_objective"]
    yield Row("EFA objective above R's", where, "uls_objective", max(excess, 0.0), 0, 1e-6)
    unrotated = solution.unrotated.to_numpy()
    expected = as_frame(r["unrotated"]).to_numpy()
    order, signs = match_columns(expected, unrotated[None])
    gap = float(np.abs(unrotated[:, order[0]] * signs[0] - expected).max())
    yield Row("EFA loadings (tight)", where, "unrotated", gap, 0, 1e-4)


def _compare_lowest(items: pd.DataFrame) -> Row:
    """R 4.2: `factanal(covmat = cor(x), n.obs = 301, factors = 4, control = list(nstart = 20))$criteria["objective"]`."""
    solution = fit_factors(items, 4, method="ml", minimum="lowest")
    return Row("EFA objective, lowest", "holzinger.pearson.k4", "ml", solution.objective, 0.01725037225, 1e-8)


def _compare_omega(where: str, name: str, block: dict[str, Any], entry: str) -> Iterator[Row]:
    r = block[entry]
    k_factors = int(entry[-1])
    items = r_data(name)[block["items"]].copy()
    for item in as_list(block["reverse"]):
        items[item] = 7.0 - items[item]
    result = schmid_leiman(fit_factors(items, k_factors))
    for ours, key in (
        (result.omega_h, "omega_h"),
        (result.omega_h_asymptotic, "omega_h_asymptotic"),
        (result.omega_total, "omega_total"),
        (result.alpha, "alpha"),
        (result.g6, "g6"),
    ):
        if key in r:
            yield Row("omega (Schmid-Leiman)", where, f"{entry}.{key}", ours, r[key], 1e-3)
    table = as_frame(r["schmid_leiman"])
    group = table[[column for column in table.columns if column.startswith("F")]].to_numpy()
    order, signs = match_columns(group, result.group.to_numpy()[None])
    for statistic, ours, expected in (
        ("g", result.general.to_numpy(), table["g"].to_numpy()),
        ("F*", result.group.to_numpy()[:, order[0]] * signs[0], group),
        ("h2", result.communalities.to_numpy(), table["h2"].to_numpy()),
        ("u2", result.uniquenesses.to_numpy(), table["u2"].to_numpy()),
        ("p2", result.general_share.to_numpy(), table["p2"].to_numpy()),
    ):
        gap = float(np.abs(ours - expected).max())
        yield Row("Schmid-Leiman loadings", where, f"{entry}.{statistic}", gap, 0, 1e-3)
