"""The part of a text report on groups, waves and roles: invariance, agreement, items that differ, and careless answers."""

from typing import Final

from scoring.dif import DifReport
from scoring.report.careless import CarelessSection
from scoring.report.groups import AgreementSection, DifSection
from scoring.report.invariance import InvarianceSection
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
from scoring.sem.invariance import InvarianceReport

VERDICTS: Final = {
    "holds": "holds up to equal intercepts: means may be compared",
    "partial": "holds in part",
    "broken": "does not hold: means must not be compared",
    "locked": "no verdict, too few to conclude",
    "undetermined": "undetermined",
}
DIF_VERDICTS: Final = {
    "flagged": "items that work differently were found",
    "not shown": "no difference was shown, which is no proof that there is none",
    "locked": "no verdict, too few to conclude",
}
SIGNS: Final = {
    "time": "speed",
    "string": "long string of equal answers",
    "consistency": "even-odd inconsistency",
    "distance": "distance from the others",
    "self-report": "own word",
}
CLIMATES: Final = {
    "single climate": "single climate",
    "views differ": "views differ",
    "locked": "too few",
}


def invariance_lines(section: InvarianceSection | None) -> list[str]:
    """Steps and verdict of each comparison."""
    if section is None:
        return []
    lines: list[str] = []
    for title, found in (("groups", section.groups), ("waves", section.waves), ("roles", section.roles)):
        for name, report in found.items():
            lines += [*heading(f"Over {title}: {name}", 2), *_invariance_lines(report)]
    return [*lines, *note_lines(section.notes)]


def _invariance_lines(report: InvarianceReport) -> list[str]:
    """One comparison."""
    rows = []
    for row in report.table().itertuples():
        holds = NOTHING if row.holds is None else "yes" if row.holds else "no"
        cells = [
            number(row.chi_square, 1),
            count(row.df),
            share(row.cfi, 3),
            share(row.rmsea, 3),
            share(row.srmr, 3),
        ]
        cells += [number(row.d_chi_square, 1), count(row.d_df), p_value(row.d_p), share(row.d_cfi, 3)]
        rows.append([*cells, p_value(row.reference_p), holds])
    header = [
        "chi-square",
        "df",
        "CFI",
        "RMSEA",
        "SRMR",
        "change",
        "df ",
        "p",
        "dCFI",
        "simulated p",
        "holds",
    ]
    lines = paragraph(f"{', '.join(report.labels)}; n {report.n_used}.")
    lines += ["", *table([step.step for step in report.steps], header, rows, "step")]
    lines += ["", *paragraph(f"Verdict: {VERDICTS[report.verdict]}.")]
    freed = [item for step in report.partial for item in step.freed]
    if freed:
        lines += paragraph(f"Freed: {', '.join(dict.fromkeys(freed))}.")
        comparable = {True: "yes, with a footnote", False: "no", None: "not decided"}[
            report.observed_means_comparable
        ]
        lines += paragraph(f"Observed means may be compared: {comparable}.")
    return [*lines, *_consequence_lines(report), *note_lines(report.notes)]


def _consequence_lines(report: InvarianceReport) -> list[str]:
    """Latent means, what freeing items does to means, and how differently single items work."""
    lines: list[str] = []
    if report.latent_means:
        keys = list(report.latent_means)
        names = [f"{factor}, {label}" for factor, label in keys]
        cells = [
            [
                number(report.latent_means[key]),
                number(report.latent_shift.get(key)),
                number(report.observed_shift.get(key)),
            ]
            for key in keys
        ]
        header = ["SDs from the first", "moved by freeing", "points added"]
        lines += ["", *table(names, header, cells, "latent mean")]
    unequal = [impact for impact in report.impacts if impact.dmacs > 0]
    if unequal:
        names = [f"{impact.item}, {impact.block}" for impact in unequal]
        lines += [
            "",
            *table(
                names, ["dMACS", "points"], [[number(i.dmacs), number(i.points)] for i in unequal], "item"
            ),
        ]
    return lines


def agreement_lines(section: AgreementSection | None) -> list[str]:
    """Agreement within groups and pairs, scale by scale."""
    if section is None:
        return []
    names, rows, reasons = [], [], []
    for name, entry in section.scales.items():
        found, verdict = entry.groups, entry.verdict
        if found is None or verdict is None:
            continue
        names.append(name)
        rows.append(
            [
                count(found.n_groups), count(found.n_used), share(found.median_uniform), share(found.median_slight_skew),
                number(found.median_ad), share(found.variance.icc1, 3), share(found.variance.icc2), CLIMATES[verdict.verdict],
            ]
        )  # fmt: skip
        reasons += note_lines([*verdict.reasons, *found.notes, *found.variance.notes], about=name)
    header = ["groups", "n", "rwg uniform", "rwg skewed", "AD", "ICC(1)", "ICC(2)", "verdict"]
    lines = [*table(names, header, rows, "scale"), *reasons]
    pairs = [
        (f"{name} {wave}".strip(), found)
        for name, entry in section.scales.items()
        for wave, found in entry.pairs.items()
    ]
    if pairs:
        sides = next(entry.sides for entry in section.scales.values() if entry.pairs)
        cells = [
            [
                count(found.n_used), share(found.icc), interval(found.icc_low, found.icc_high),
                number(found.mean_difference), interval(found.low, found.high, number),
            ]
            for _, found in pairs
        ]  # fmt: skip
        lines += ["", *paragraph(f"The two sides of the pairs, {sides[1]} minus {sides[0]} in points:"), ""]
        header = ["pairs", "ICC(A,1)", "interval", "difference", "interval "]
        lines += table([name for name, _ in pairs], header, cells, "scale")
        for name, paired in pairs:
            lines += note_lines(paired.notes, about=name)
    return [*lines, *note_lines(section.notes)]


def dif_lines(section: DifSection | None) -> list[str]:
    """What each item does in the groups, scale by scale."""
    if section is None:
        return []
    lines: list[str] = []
    for name, report in section.scales.items():
        lines += [*heading(name, 2), *_dif_lines(report)]
    return [*lines, *note_lines(section.notes)]


def _dif_lines(report: DifReport) -> list[str]:
    """One scale."""
    sizes = ", ".join(f"{label} {size}" for label, size in list(report.sizes.items())[:12])
    more = f" and {len(report.sizes) - 12} more" if len(report.sizes) > 12 else ""
    lines = paragraph(
        f"Groups: {sizes}{more}; reference {report.reference}. Verdict: {DIF_VERDICTS[report.verdict]}."
    )
    names = [str(item) for item in report.items.index]
    rows = [
        [
            number(row.chi2_total), count(row.df_total), p_value(row.p_holm_total), share(row.dr2_total, 3),
            share(row.dr2_uniform, 3), share(row.dr2_nonuniform, 3), str(row.magnitude or NOTHING), str(row.verdict),
        ]
        for row in report.items.itertuples()
    ]  # fmt: skip
    header = ["chi-square", "df", "p (Holm)", "R2 gain", "uniform", "non-uniform", "size", "verdict"]
    lines += ["", *table(names, header, rows, "item")]
    # With many groups the log-odds fill pages; they are all in the JSON.
    if 0 < len(report.effects) <= 2 * len(names):
        labels = [f"{item}, {group}" for item, group in report.effects.index]
        cells = [
            [number(row.log_odds), interval(row.low, row.high, number), number(row.ets_delta)]
            for row in report.effects.itertuples()
        ]
        lines += ["", *table(labels, ["log-odds", "interval", "ETS delta"], cells, "item, group")]
    elif len(report.effects):
        lines += ["", *paragraph("The log-odds of every group, with their intervals, are in the JSON.")]
    return [*lines, *note_lines(report.notes)]


def careless_lines(section: CarelessSection | None) -> list[str]:
    """Who shows two signs of carelessness, and whether that changes reliability."""
    if section is None:
        return []
    counts = [f"{SIGNS[kind]} {n}" for kind, n in section.counts.items()]
    lines = paragraph(
        "For the researcher only; nobody is left out. One sign alone convicts nobody, two of different kind make a flag. "
        f"Signs: {', '.join(counts) or 'none could be computed'}; flagged "
        f"{len(section.flagged)} of {section.n_used}."
    )
    if section.flagged:
        shown = ", ".join(section.flagged[:30]) + (", …" if len(section.flagged) > 30 else "")
        lines += paragraph(f"Rows flagged: {shown}.")
        rows = [
            [
                share(found.everybody),
                share(found.without_flagged),
                {True: "changes", False: "stays", None: NOTHING}[found.changed],
            ]
            for found in section.alpha.values()
        ]
        lines += [
            "",
            *table(list(section.alpha), ["alpha", "without flagged", "verdict on .70"], rows, "scale"),
        ]
    return [*lines, *note_lines(section.notes)]
