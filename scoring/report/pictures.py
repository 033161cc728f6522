"""The pictures of a psychometric report, with their words; the numbers are the report's."""

from matplotlib.figure import Figure

from scoring.figures import FigureWords, ScreeCurve, plot_category_curves, plot_loadings, plot_scree
from scoring.report.psychometric import PsychometricReport
from scoring.report.structure import ExploratorySection

Pictures = dict[str, tuple[Figure, FigureWords]]


def report_figures(report: PsychometricReport) -> Pictures:
    """Return every picture that the report has numbers for, by file name without ending: `scree`, `loadings_...`, `options_...`."""
    return {**_draw_scree(report), **_draw_loadings(report), **_draw_options(report)}


def _draw_scree(report: PsychometricReport) -> Pictures:
    """Eigenvalues beside those of random answers, of the full and of the reduced matrix."""
    pictures: Pictures = {}
    section = report.number_of_factors
    for name, what, found in (
        ("scree", "Eigenvalues beside those that chance reaches", section.components),
        (
            "scree_common_factors",
            "Eigenvalues of the common part beside those that chance reaches",
            section.common_factors,
        ),
    ):
        if found is None:
            continue
        curves = []
        for label, analysis in (("Pearson", found.pearson), ("Polychoric", found.polychoric)):
            if analysis is not None and analysis.k_suggested is not None:
                count = analysis.k_suggested
                title = f"{label} correlations: {count} {'factor' if count == 1 else 'factors'}"
                curves.append(
                    ScreeCurve(title, analysis.observed.tolist(), analysis.reference.tolist(), count)
                )
        if curves:
            said = "; ".join(curve.label for curve in curves)
            words = FigureWords(
                what,
                f"Parallel analysis of {found.k_items} items and {found.n_used} respondents. {said}. Solid dots lie above the "
                f"{found.pearson.quantile:.0%} quantile of {found.pearson.n_sets} sets of shuffled answers, rings do not.",
                "Factor",
                "Eigenvalue",
            )
            legend = (
                "eigenvalues of the answers",
                f"{found.pearson.quantile:.0%} of {found.pearson.n_sets} shuffled sets",
            )
            pictures[name] = (plot_scree(curves, words, legend=legend), words)
    return pictures


def _draw_loadings(report: PsychometricReport) -> Pictures:
    """Loadings of the suggested number of factors and of as many as there are scales; and of the confirmatory model."""
    pictures: Pictures = {}
    exploratory = report.exploratory
    scale_of: dict[str, str] = {}
    for name, section in report.scales.items():
        for item in section.keys:
            scale_of.setdefault(item, name)
    for k_factors in sorted({exploratory.k_shown, exploratory.k_scales}):
        for kind in ("pearson", "polychoric"):
            pictures |= _draw_solution(exploratory, k_factors, kind, scale_of)
    entries = report.confirmatory.entries
    best = next((name for name in ("wlsmv", "mlr_fiml", "mlr", "fiml", "ml") if name in entries), None)
    if best is not None:
        table = entries[best].loadings
        words = FigureWords(
            f"Standardized loadings of the confirmatory model ({best.upper().replace('_', ', ')})",
            f"{table.shape[0]} items and {table.shape[1]} factors; each item loads on its own factor only.",
            "Factor",
        )
        table = table.where(table != 0.0)
        groups = [scale_of[str(item)] for item in table.index]
        pictures["loadings_confirmatory"] = (plot_loadings(table, words, groups=groups), words)
    return pictures


def _draw_solution(
    section: ExploratorySection, k_factors: int, kind: str, scale_of: dict[str, str]
) -> Pictures:
    """One exploratory solution, minres and oblimin."""
    found = section.find(k_factors, polychoric=kind == "polychoric")
    if found is None:
        return {}
    factors = "1 factor" if k_factors == 1 else f"{k_factors} factors"
    rotation = "" if found.rotation == "none" else f", {found.rotation}"
    words = FigureWords(
        f"Loadings of {factors} on {'Pearson' if kind == 'pearson' else 'polychoric'} correlations (minres{rotation})",
        f"{found.k_items} items; bold from .30 on; lines part the scales.",
        "Factor",
    )
    groups = [scale_of[str(item)] for item in found.loadings.index]
    return {f"loadings_{k_factors}_{kind}": (plot_loadings(found.loadings, words, groups=groups), words)}


def _draw_options(report: PsychometricReport) -> Pictures:
    """The curves of each scale's options."""
    pictures: Pictures = {}
    for name, section in report.scales.items():
        curves = list(section.curves.values())
        if not curves:
            continue
        if curves[0].modelled:
            words = FigureWords(
                f"{name}: how likely each answer is at each level of the trait",
                f"Probability of each keyed answer to {len(curves)} items over the trait, by an ordinal model with one factor.",
                "Trait (standard deviations)",
                "Probability",
            )
        else:
            words = FigureWords(
                f"{name}: share of each answer over the mean of the other items",
                f"Share of each keyed answer to {len(curves)} items among people with alike answers to the other items.",
                "Mean of the other items",
                "Share",
            )
        pictures[f"options_{name}"] = (plot_category_curves(curves, words), words)
    return pictures
