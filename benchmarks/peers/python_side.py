"""The benchmark's parts with pingouin, factor-analyzer and semopy, as a user of theirs would write them today.

    PEER/bin/python -m benchmarks.peers.python_side DATA.csv PART OUT.json

PEER is an environment that has the three packages; semopy is no dependency of this project. A part whose package is not there says so.
"""

import contextlib
import importlib
import io
import sys
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.timing import MissingPartError, Part, report

ITEMS = [f"q{i:02d}" for i in range(1, 31)]
SCALES = {f"s{s + 1}": ITEMS[5 * s : 5 * s + 5] for s in range(6)}
SIX_FACTORS = "\n".join(f"{scale} =~ {' + '.join(items)}" for scale, items in SCALES.items())
N_BOOTSTRAPS, N_SETS, N_WAVES = 1000, 100, 3
REMARKS = {
    "a": "no bootstrap of its own: a loop over resampled pairs",
    "b": "no omega of its own: made of semopy's estimates",
    "d": "no parallel analysis of its own: a loop over FactorAnalyzer",
    "h": "configural and metric steps only: semopy has no latent means",
    "i": "nothing available",
}


class Packages:
    """The packages that are installed; one that is not says so when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            raise MissingPartError(f"{name} is not installed in {sys.executable}") from error


use = Packages()


def first_wave(frame: pd.DataFrame) -> pd.DataFrame:
    """Both roles at the first wave."""
    return frame[frame["wave"] == 0].reset_index(drop=True)


def part_a(frame: pd.DataFrame) -> dict[str, Any]:
    first = first_wave(frame)
    pairs = first["pair"].to_numpy()
    rows = np.stack([np.flatnonzero(pairs == pair) for pair in np.unique(pairs)])
    rng = np.random.default_rng(1)
    values, errors = [], []
    for items in SCALES.values():
        scale = first[items]
        values.append(use.pingouin.cronbach_alpha(scale)[0])
        draws = []
        for _ in range(N_BOOTSTRAPS):
            drawn = rows[rng.integers(0, len(rows), len(rows))].ravel()
            draws.append(use.pingouin.cronbach_alpha(scale.iloc[drawn])[0])
        errors.append(np.std(draws, ddof=1))
    return {"alpha": values, "about standard error": errors}


def part_b(frame: pd.DataFrame) -> dict[str, Any]:
    first = first_wave(frame)
    return {"omega": [omega(first[items]) for items in SCALES.values()]}


def omega(scale: pd.DataFrame) -> float:
    """Omega total from a one-factor model with a marker variable."""
    model = use.semopy.Model("f =~ " + " + ".join(scale.columns))
    model.fit(scale)
    table = model.inspect()
    loadings = table.loc[table["op"] == "~", "Estimate"].astype(float).sum()
    variances = table[table["op"] == "~~"]
    factor = float(variances.loc[variances["lval"] == "f", "Estimate"].iloc[0])
    residual = variances.loc[variances["lval"] != "f", "Estimate"].astype(float).sum()
    return loadings**2 * factor / (loadings**2 * factor + residual)


def part_c(frame: pd.DataFrame) -> dict[str, Any]:
    polychoric_corr = use.semopy.polycorr.polychoric_corr
    columns = first_wave(frame)[ITEMS].to_numpy().T
    pairs = zip(*np.triu_indices(len(ITEMS), 1), strict=True)
    return {"correlations": [polychoric_corr(columns[i], columns[j]) for i, j in pairs]}


def part_d(frame: pd.DataFrame) -> dict[str, Any]:
    answers = first_wave(frame)[ITEMS].to_numpy()
    rng = np.random.default_rng(1)
    sets = np.stack([eigenvalues(rng.permuted(answers, axis=0)) for _ in range(N_SETS)])
    above = eigenvalues(answers) > np.quantile(sets, 0.95, axis=0)
    components, factors = (int(np.argmin(np.append(row, False))) for row in above)
    return {"factors": factors, "components": components}


def eigenvalues(answers: Any) -> Any:
    """Eigenvalues of the correlations, and of the same with communalities of one factor in the diagonal."""
    fit = use.factor_analyzer.FactorAnalyzer(n_factors=1, rotation=None, method="minres").fit(answers)
    return np.stack(fit.get_eigenvalues())


def part_e(frame: pd.DataFrame) -> dict[str, Any]:
    fit = use.factor_analyzer.FactorAnalyzer(n_factors=6, rotation="oblimin", method="minres")
    fit.fit(first_wave(frame)[ITEMS])
    # Factors in the order of the scales and with positive loadings, so that packages can be compared.
    order = np.abs(fit.loadings_).reshape(len(SCALES), 5, -1).mean(axis=1).argmax(axis=1)
    loadings, phi = fit.loadings_[:, order], fit.phi_[np.ix_(order, order)]
    sign = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    return {
        "loadings": loadings * sign,
        "factor correlations": phi * np.outer(sign, sign),
        "communalities": fit.get_communalities(),
    }


def part_f(frame: pd.DataFrame) -> dict[str, Any]:
    model = use.semopy.Model(SIX_FACTORS)
    model.fit(first_wave(frame)[ITEMS])
    return report_model(model, robust=True)


def part_g(frame: pd.DataFrame) -> dict[str, Any]:
    model = use.semopy.Model(f"{SIX_FACTORS}\nDEFINE(ordinal) {' '.join(ITEMS)}")
    model.fit(first_wave(frame)[ITEMS], obj="DWLS")
    return report_model(model, robust=False)


def report_model(model: Any, *, robust: bool) -> dict[str, Any]:
    """Fit and standardized estimates of the six-factor model."""
    table = model.inspect(std_est=True, se_robust=robust)
    fit = use.semopy.calc_stats(model).iloc[0]
    loadings = table[table["op"] == "~"]
    latent = table[
        (table["op"] == "~~") & table["lval"].isin(list(SCALES)) & (table["lval"] != table["rval"])
    ]
    between = {
        frozenset(row[:2]): row[2] for row in latent[["lval", "rval", "Est. Std"]].itertuples(index=False)
    }
    names = list(SCALES)
    return {
        "chi_square": fit["chi2"],
        "df": fit["DoF"],
        "cfi": fit["CFI"],
        "rmsea": fit["RMSEA"],
        "standardized loadings": loadings["Est. Std"].astype(float),
        "standard errors of loadings": [float(v) for v in loadings["Std. Err"] if v != "-"],
        "factor correlations": [
            between[frozenset((a, b))] for n, a in enumerate(names) for b in names[n + 1 :]
        ],
    }


def part_h(frame: pd.DataFrame) -> dict[str, Any]:
    chi_square, df, cfi, differences = [], [], [], []
    nothing = [None, None]
    for items in SCALES.values():
        waves = [frame.loc[frame["wave"] == w, items].reset_index(drop=True) for w in range(N_WAVES)]
        wide = pd.concat([wave.add_suffix(f"_w{w}") for w, wave in enumerate(waves)], axis=1)
        fits = []
        for equal_loadings in (False, True):
            model = use.semopy.Model(longitudinal(items, equal_loadings=equal_loadings))
            model.fit(wide)
            fits.append(use.semopy.calc_stats(model).iloc[0])
        chi_square += [fit["chi2"] for fit in fits] + nothing
        df += [fit["DoF"] for fit in fits] + nothing
        cfi += [fit["CFI"] for fit in fits] + nothing
        differences += [fits[1]["chi2"] - fits[0]["chi2"], *nothing]
    return {"chi_square": chi_square, "df": df, "cfi": cfi, "chi-square differences": differences}


def longitudinal(items: list[str], *, equal_loadings: bool) -> str:
    """A factor at each wave, residuals of the same item correlated over the waves."""
    lines = []
    for wave in range(N_WAVES):
        labels = [f"l{i}*" if equal_loadings and i else "" for i in range(len(items))]
        terms = [f"{label}{item}_w{wave}" for label, item in zip(labels, items, strict=True)]
        lines.append(f"f{wave} =~ " + " + ".join(terms))
    for item in items:
        lines += [f"{item}_w{a} ~~ {item}_w{b}" for a in range(N_WAVES) for b in range(a)]
    return "\n".join(lines)


def part_i(_: pd.DataFrame) -> dict[str, Any]:
    raise MissingPartError(REMARKS["i"])


PARTS = (part_a, part_b, part_c, part_d, part_e, part_f, part_g, part_h, part_i)


def load(path: Path) -> Mapping[str, Part]:
    """Import the packages and return the parts."""
    warnings.simplefilter("ignore")
    for name in ("pingouin", "factor_analyzer", "semopy", "semopy.polycorr"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # semopy's robust standard errors fail on whole numbers.
    frame = pd.read_csv(path).astype(dict.fromkeys(ITEMS, float))
    return {part.__name__[-1]: partial(run_quietly, part, frame) for part in PARTS}


def run_quietly(part: Any, frame: pd.DataFrame) -> Mapping[str, object]:
    """Run a part without what the packages print."""
    with contextlib.redirect_stdout(io.StringIO()):
        return part(frame)


if __name__ == "__main__":
    report("Python", load, ("pingouin", "factor-analyzer", "semopy", "numpy", "scipy", "pandas"), REMARKS)
