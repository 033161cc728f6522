"""The part of a text report on all items together: adequacy, number of factors, exploratory and confirmatory solutions."""

from typing import Final

import pandas as pd

from scoring.factors import FactorSolution, NumberOfFactors, ParallelAnalysis, SamplingAdequacy
from scoring.report.models import ConfirmatoryEntry, ConfirmatorySection
from scoring.report.psychometric import PsychometricReport
from scoring.report.structure import ExploratorySection
from scoring.report.text_tables import (
    NOTHING,
    count,
    heading,
    interval,
    note_lines,
    number,
    p_value,
    paragraph,
    share,
    table,
)
from scoring.sem.fit import FitMeasures

# Names of the fits in words.
FITS: Final = {"ml": "ML", "mlr": "MLR", "fiml": "FIML", "mlr_fiml": "MLR, FIML", "wlsmv": "WLSMV"}
_LEGEND: Final = (
    "ML: normal theory, complete rows. MLR: the same with robust errors and scaled test. FIML: with full information on missing "
    "answers. WLSMV: ordinal, on thresholds and polychoric correlations."
)
_SHOWN_INDICES: Final = 10
_EIGENVALUES: Final = 10


def structure_lines(report: PsychometricReport) -> list[str]:
    """Adequacy and the number of factors."""
    lines: list[str] = []
    kinds = (("Pearson", report.adequacy.pearson), ("polychoric", report.adequacy.polychoric))
    rows = [(name, found) for name, found in kinds if found is not None]
    cells = [
        [
            share(found.overall),
            _lowest(found),
            number(found.chi_square, 1),
            count(found.df),
            p_value(found.p),
            count(found.n_used),
        ]
        for _, found in rows
    ]
    header = ["KMO", "lowest item", "Bartlett", "df", "p", "n"]
    lines += table([name for name, _ in rows], header, cells, "adequacy")
    lines += note_lines(report.adequacy.notes)
    for name, found in rows:
        lines += note_lines(found.notes, about=f"Adequacy, {name}")
    lines += _number_lines(report)
    polychoric = report.correlations.polychoric
    notes = [*report.correlations.notes, *(polychoric.notes if polychoric is not None else ())]
    if notes:
        lines += [*heading("Correlations", 2), *note_lines(notes)]
    return lines


def _lowest(found: SamplingAdequacy) -> str:
    """The item with the lowest KMO."""
    if not found.items:
        return NOTHING
    item = min(found.items, key=lambda name: found.items[name])
    return f"{share(found.items[item])} ({item})"


def _number_lines(report: PsychometricReport) -> list[str]:
    """What parallel analysis and MAP suggest, with the eigenvalues they rest on."""
    section = report.number_of_factors
    lines = heading("Number of factors", 2)
    kinds = (("components", section.components), ("common factors", section.common_factors))
    rows: list[tuple[str, list[str]]] = []
    for what, found in kinds:
        if found is None:
            continue
        for label, analysis in (("Pearson", found.pearson), ("polychoric", found.polychoric)):
            if analysis is not None:
                rows.append(
                    (f"parallel, {what}, {label}", [count(analysis.k_suggested), count(analysis.n_used)])
                )
    if section.components is not None:
        for label, velicer in (
            ("Pearson", section.components.map_pearson),
            ("polychoric", section.components.map_polychoric),
        ):
            if velicer is not None:
                rows.append((f"Velicer's MAP, {label}", [count(velicer.k_suggested), count(velicer.n_used)]))
    lines += table([name for name, _ in rows], ["factors", "n"], [cells for _, cells in rows], "suggested")
    if section.components is not None:
        lines += ["", *_eigenvalue_lines(section.components)]
        words = "undetermined" if section.k_suggested is None else str(section.k_suggested)
        lines += ["", *paragraph(f"Number of factors by parallel analysis of the full matrix: {words}.")]
        lines += note_lines(section.components.notes)
    return [*lines, *note_lines(section.notes)]


def _eigenvalue_lines(found: NumberOfFactors) -> list[str]:
    """The first eigenvalues beside those that chance reaches."""
    rows: dict[str, ParallelAnalysis] = {"Pearson": found.pearson}
    if found.polychoric is not None:
        rows["polychoric"] = found.polychoric
    names, cells = [], []
    for label, analysis in rows.items():
        for what, values in (
            ("eigenvalues", analysis.observed),
            (f"chance, {analysis.quantile:.0%}", analysis.reference),
        ):
            names.append(f"{label}, {what}")
            cells.append([number(value) for value in values[:_EIGENVALUES]])
    return table(names, [str(place + 1) for place in range(len(cells[0]))], cells, "factor")


def exploratory_lines(section: ExploratorySection) -> list[str]:
    """Fit of every solution, and the loadings of the one that is shown."""
    rows: list[tuple[str, list[str]]] = []
    for k_factors, kinds in section.solutions.items():
        for kind, solutions in kinds.items():
            for name, found in solutions.items():
                if name in {"minres", "ml", "minres_oblimin", "ml_oblimin"}:
                    rows.append((f"{k_factors}, {kind}, {found.method}", _fit_cells(found)))
    header = ["chi-square", "df", "p", "RMSEA", "interval", "TLI", "RMSR", "KMO"]
    lines = table([name for name, _ in rows], header, [cells for _, cells in rows], "factors")
    for polychoric in (False, True):
        solution = section.find(section.k_shown, polychoric=polychoric)
        if solution is not None:
            lines += _solution_lines(section, solution)
    return [*lines, *note_lines(section.notes)]


def _fit_cells(found: FactorSolution) -> list[str]:
    """How well a solution fits."""
    return [
        number(found.chi_square, 1), count(found.df), p_value(found.p), share(found.rmsea, 3),
        interval(found.rmsea_low, found.rmsea_high, lambda value: share(value, 3)), share(found.tli, 3),
        share(found.rmsr, 3), share(found.kmo),
    ]  # fmt: skip


def _solution_lines(section: ExploratorySection, found: FactorSolution) -> list[str]:
    """Loadings, with intervals where there are any, communalities, explained variance and factor correlations."""
    rotation = "" if found.rotation == "none" else f", {found.rotation}"
    words = "factor" if found.k_factors == 1 else "factors"
    lines = heading(
        f"{found.k_factors} {words}, {found.correlations} correlations ({found.method}{rotation})", 2
    )
    intervals = section.intervals if found.correlations == "pearson" else None
    factors = [str(name) for name in found.loadings.columns]
    rows = []
    for item in found.loadings.index:
        cells = [share(found.loadings.at[item, factor]) for factor in found.loadings.columns]
        rows.append([*cells, share(found.communalities[item])])
    names = [str(item) for item in found.loadings.index]
    lines += table(names, [*factors, "communality"], rows, "loading")
    variance = [[share(value) for value in found.variance[column]] for column in ("proportion", "cumulative")]
    lines += ["", *table(["proportion", "cumulative"], factors, variance, "explained")]
    if found.k_factors > 1 and found.rotation in {"oblimin", "promax"}:
        lines += ["", *matrix_lines(found.factor_correlations, "correlation")]
    if intervals is not None:
        ends = [
            [
                interval(intervals.low.at[item, factor], intervals.high.at[item, factor])
                for factor in intervals.low.columns
            ]
            for item in intervals.low.index
        ]
        lines += ["", *table(names, factors, ends, f"interval of {intervals.confidence:.0%}")]
    notes = [*found.notes, *(intervals.notes if intervals is not None else ())]
    return [*lines, *note_lines(notes)]


def matrix_lines(matrix: pd.DataFrame, corner: str) -> list[str]:
    """A symmetric matrix, its lower half."""
    names = [str(name) for name in matrix.index]
    cells = [
        [share(matrix.iloc[row, column]) if column <= row else "" for column in range(len(names))]
        for row in range(len(names))
    ]
    return table(names, names, cells, corner)


def confirmatory_lines(section: ConfirmatorySection) -> list[str]:
    """Fit by every estimator, then loadings and factor correlations, then what would fit better."""
    lines = paragraph(
        "; ".join(f"{factor} =~ {' + '.join(items)}" for factor, items in section.factors.items())
    )
    entries = section.entries
    if entries:
        names = [FITS[name] for name in entries]
        lines += [
            "",
            *table(names, _FIT_HEADER, [_measure_cells(entry) for entry in entries.values()], "plain"),
        ]
        scaled = {
            name: entry for name, entry in entries.items() if entry.fit.measures.chi_square_scaled is not None
        }
        if scaled:
            cells = [_scaled_cells(entry.fit.measures) for entry in scaled.values()]
            lines += ["", *table([FITS[name] for name in scaled], _SCALED_HEADER, cells, "scaled and robust")]
        lines += ["", *paragraph(_LEGEND), *paragraph(_CONVENTION)]
        lines += _cutoff_lines(section)
        lines += ["", *_loading_lines(entries)]
        for name, entry in entries.items():
            if name in {next(iter(entries)), "wlsmv"}:
                lines += _entry_lines(FITS[name], entry)
        for name, entry in entries.items():
            lines += note_lines([*entry.fit.notes, *entry.notes], about=FITS[name])
    return [*lines, *note_lines(section.notes)]


def _cutoff_lines(section: ConfirmatorySection) -> list[str]:
    """What fit looks like for this model and size when it is right, and when it misses something."""
    found = section.cutoffs
    if found is None or section.cutoffs_of is None:
        return []
    words = {True: "passed", False: "not passed", None: NOTHING}
    names = ["the model itself (95% do as well)"]
    cells = [[share(found.exact[name], 3) for name in ("cfi", "rmsea", "srmr")] + [""]]
    for level in found.levels:
        limits = [level.cutoffs[name] for name in ("cfi", "rmsea", "srmr")]
        verdicts = {words[limit.passed] for limit in limits if limit.value is not None}
        names.append(
            f"misses {', '.join(path.name for path in level.paths[:1])}"
            + (f" and {len(level.paths) - 1} more" if level.paths[1:] else "")
        )
        cells.append([*(share(limit.value, 3) for limit in limits), ", ".join(sorted(verdicts)) or NOTHING])
    observed = [share(found.observed[name], 3) for name in ("cfi", "rmsea", "srmr")]
    return [
        *heading(
            f"Limits of fit simulated for this model and {found.n_used} rows ({FITS[section.cutoffs_of]})", 2
        ),
        *table(
            ["observed", *names], ["CFI", "RMSEA", "SRMR", "all three"], [[*observed, ""], *cells], "limit"
        ),
        *note_lines(found.notes),
    ]


_FIT_HEADER: Final = ["chi-square", "df", "p", "CFI", "TLI", "RMSEA", "interval of 90%", "SRMR", "n"]
_SCALED_HEADER: Final = [
    "chi-square",
    "df",
    "p",
    "CFI",
    "TLI",
    "RMSEA",
    "robust CFI",
    "robust TLI",
    "robust RMSEA",
]
_CONVENTION: Final = (
    "By convention (Hu & Bentler 1999) CFI and TLI of .95, RMSEA of .06 and SRMR of .08 are called good; these limits do not carry over "
    "to other models and sizes, and reject true models in small samples."
)


def _measure_cells(entry: ConfirmatoryEntry) -> list[str]:
    """The plain indices."""
    found = entry.fit.measures
    return [
        number(found.chi_square, 1), count(found.df), p_value(found.p), share(found.cfi, 3), share(found.tli, 3),
        share(found.rmsea, 3), interval(found.rmsea_low, found.rmsea_high, lambda value: share(value, 3)), share(found.srmr, 3),
        count(entry.fit.n_used),
    ]  # fmt: skip


def _scaled_cells(found: FitMeasures) -> list[str]:
    """The indices from the scaled test, and the robust ones."""
    return [
        number(found.chi_square_scaled, 1), count(found.df_scaled), p_value(found.p_scaled), share(found.cfi_scaled, 3),
        share(found.tli_scaled, 3), share(found.rmsea_scaled, 3), share(found.cfi_robust, 3), share(found.tli_robust, 3),
        share(found.rmsea_robust, 3),
    ]  # fmt: skip


def _loading_lines(entries: dict[str, ConfirmatoryEntry]) -> list[str]:
    """Each item's standardized loading on its own factor, by every estimator, with standard errors of the estimates."""
    names, rows = [], []
    first = next(iter(entries.values()))
    parameters = first.fit.parameters
    own = parameters[parameters["operator"] == "=~"]
    for factor, item in zip(own["left"], own["right"], strict=True):
        names.append(f"{factor} =~ {item}")
        rows.append([share(entry.loadings.at[item, factor]) for entry in entries.values()])
    return table(names, [FITS[name] for name in entries], rows, "standardized loading")


def _estimate_lines(entry: ConfirmatoryEntry) -> list[str]:
    """Unstandardized loadings and residual variances with their errors."""
    table_ = entry.fit.parameters
    items = set(entry.loadings.index)
    shown = table_[
        (table_["operator"] == "=~")
        | ((table_["operator"] == "~~") & (table_["left"] == table_["right"]) & table_["left"].isin(items))
    ]
    names, cells = [], []
    for row in shown.itertuples():
        names.append(f"{row.left} {row.operator} {row.right}")
        ends = interval(row.low, row.high, number)
        cells.append(
            [
                number(row.estimate, 3),
                number(row.se, 3),
                number(row.z),
                p_value(row.p),
                ends,
                share(row.std_all, 3),
            ]
        )
    return table(names, ["estimate", "SE", "z", "p", "interval of 95%", "standardized"], cells, "parameter")


def _entry_lines(name: str, entry: ConfirmatoryEntry) -> list[str]:
    """Estimates, factor correlations, determinacy of scores, and the largest modification indices of one fit."""
    lines = heading(name, 2)
    if len(entry.factor_correlations) > 1:
        lines += [*matrix_lines(entry.factor_correlations, "factor correlation"), ""]
    lines += [*_estimate_lines(entry), ""]
    quality = entry.factor_scores
    if quality is not None:
        cells = [
            [share(value), number(sd)]
            for value, sd in zip(quality.factors["determinacy"], quality.factors["sd"], strict=True)
        ]
        lines += table(
            [str(factor) for factor in quality.factors.index], ["determinacy", "SD"], cells, "factor scores"
        )
        lines += note_lines(quality.notes)
    indices = entry.modification_indices
    if indices is not None and len(indices):
        shown = indices.head(_SHOWN_INDICES)
        labels = [f"{row.left} {row.operator} {row.right}" for row in shown.itertuples()]
        cells = [[number(row.chi_square, 1), number(row.change)] for row in shown.itertuples()]
        lines += ["", *table(labels, ["chi-square", "expected"], cells, "freeing it would gain")]
    return lines
