"""The part of a text report on scales: a table of all of them, and a page of each."""

from collections.abc import Mapping

from scoring.report.scales import ReliabilitySection, ScaleSection
from scoring.report.text_tables import (
    NOTHING,
    count,
    heading,
    interval,
    note_lines,
    number,
    paragraph,
    share,
    table,
)

VERDICTS = {
    "adequate": "adequate",
    "not shown": "not shown",
    "too few": "too few to conclude",
}
_NAMES = {"omega": "omega", "alpha": "alpha", "spearman_brown": "Spearman-Brown"}


def summary_lines(scales: Mapping[str, ScaleSection]) -> list[str]:
    """One row a scale: size, scores, and the reliability that the verdict rests on."""
    rows = []
    for section in scales.values():
        scores, found = section.scores, section.reliability
        row = [count(len(section.keys)), count(scores.n_used), number(scores.mean), number(scores.sd)]
        if found is None:
            rows.append([*row, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING])
            continue
        summary = found.summary
        rows.append(
            [
                *row,
                share(summary.alpha.raw),
                share(found.omega.value if found.omega else None),
                _NAMES[summary.coefficient],
                interval(summary.low, summary.high),
                VERDICTS[summary.verdict],
            ]
        )
    header = ["items", "n", "mean", "SD", "alpha", "omega", "judged by", "interval", "reliability of .70"]
    return [
        *table(list(scales), header, rows, "scale"),
        "",
        *paragraph(
            "Adequate: the lower end of the interval is .70 or more. Not shown: the interval does not say so, which is no proof of the "
            "contrary."
        ),
    ]


def scale_lines(section: ScaleSection) -> list[str]:
    """Scores, items and reliability of one scale."""
    scores = section.scores
    lines = paragraph(
        f"{len(section.keys)} items from {section.minimum:g} to {section.maximum:g}. Scores (mean of the keyed items, "
        f"{scores.k_required} answers or more): n {scores.n_used}, {scores.n_dropped} without a score, mean "
        f"{number(scores.mean)}, SD {number(scores.sd)}, skewness {number(scores.skewness)}, excess kurtosis "
        f"{number(scores.kurtosis)}, {scores.n_lowest} at the lowest possible score and {scores.n_highest} at the highest."
    )
    lines += ["", *_item_lines(section)]
    if section.answers is not None and section.answers.shape[1]:
        cells = [[count(value) for value in row] for row in section.answers.to_numpy()]
        names = [str(item) for item in section.answers.index]
        lines += ["", *table(names, list(section.answers.columns), cells, "answers (keyed)")]
    if section.reliability is not None:
        lines += ["", *_reliability_lines(section.reliability)]
    if section.subsets:
        lines += ["", *_subset_lines(section)]
    notes = note_lines(section.notes)
    return [*lines, "", *notes] if notes else lines


def _item_lines(section: ScaleSection) -> list[str]:
    """The items' descriptions beside what they do for the scale."""
    found = section.reliability
    alpha = found.summary.alpha if found is not None and found.summary.alpha.converged else None
    omega = found.omega if found is not None else None
    ordinal = found.categorical_omega if found is not None else None
    rows = []
    for item, row in section.items.iterrows():
        cells = [
            "-" if row["key"] < 0 else "+", count(row["n"]), count(row["n_missing"]), number(row["mean"]), number(row["sd"]),
            number(row["skewness"]),
        ]  # fmt: skip
        if alpha is not None:
            cells += [share(alpha.items.at[str(item), "r_drop"]), share(alpha.dropped.at[str(item), "raw"])]
        if omega is not None and len(omega.loadings):
            own = float(omega.loadings[str(item)])
            spread = (own**2 + float(omega.residual_variances[str(item)])) ** 0.5
            cells.append(share(own / spread if spread > 0 else None))
        if ordinal is not None and len(ordinal.loadings):
            cells.append(share(ordinal.loadings[str(item)]))
        rows.append(cells)
    header = ["key", "n", "missing", "mean", "SD", "skew"]
    header += ["r with rest", "alpha without"] if alpha is not None else []
    header += ["loading"] if omega is not None and len(omega.loadings) else []
    header += ["ordinal loading"] if ordinal is not None and len(ordinal.loadings) else []
    return table([str(item) for item in section.items.index], header, rows, "item")


def _reliability_lines(found: ReliabilitySection) -> list[str]:
    """Every coefficient with its interval and what it rests on."""
    summary, alpha = found.summary, found.summary.alpha
    rows: list[tuple[str, list[str]]] = [
        ("alpha", [share(alpha.raw), _ends(alpha.feldt), "Feldt", count(alpha.n_used)]),
        ("", ["", _ends(alpha.bonett), "Bonett", ""]),
        ("alpha, standardized items", [share(alpha.standardized), "", "", count(alpha.n_used)]),
        ("lambda 6", [share(alpha.g6), "", "", count(alpha.n_used)]),
    ]
    if summary.alpha_bootstrap is not None:
        boot = summary.alpha_bootstrap
        rows.append(
            (
                "alpha, pairs drawn whole",
                [share(boot.value), interval(boot.low, boot.high), boot.interval, count(boot.n_used)],
            )
        )
    if found.alpha_pairwise is not None:
        pairwise = found.alpha_pairwise
        rows.append(
            ("alpha, pairwise", [share(pairwise.raw), _ends(pairwise.feldt), "Feldt", count(pairwise.n_used)])
        )
    rows += _omega_rows(found)
    if summary.split_halves is not None:
        halves = summary.split_halves
        ends = f"worst {share(halves.smallest)}, best {share(halves.largest)}"
        rows.append(("split halves, mean", [share(halves.average), "", ends, count(halves.n_used)]))
    lines = table(
        [name for name, _ in rows],
        ["value", "interval", "by", "n"],
        [cells for _, cells in rows],
        "reliability",
    )
    error = summary.measurement_error
    if error is not None and error.value is not None:
        lines += [
            "",
            *paragraph(f"Standard error of measurement of a score now: {number(error.value, 3)} points."),
        ]
    parts = {
        "Alpha": alpha,
        "Alpha, pairs drawn whole": summary.alpha_bootstrap,
        "Omega": found.omega,
        "Omega, full information": found.omega_fiml,
        "Categorical omega": found.categorical_omega,
        "Ordinal alpha": found.ordinal_alpha,
        "Spearman-Brown": found.spearman_brown,
        "Split halves": summary.split_halves,
        **{
            f"Omega hierarchical, {factors} factors": part
            for factors, part in found.omega_hierarchical.items()
        },
    }
    for name, part in parts.items():
        lines += note_lines(part.notes if part is not None else (), about=name)
    return [*lines, *note_lines(summary.notes)]


def _omega_rows(found: ReliabilitySection) -> list[tuple[str, list[str]]]:
    """The omegas and what stands in for them."""
    rows: list[tuple[str, list[str]]] = []
    omega, fiml = found.omega, found.omega_fiml
    if omega is not None:
        kinds: list[tuple[str, object]] = list(found.omega_intervals.items()) or [(NOTHING, None)]
        for place, (kind, ends) in enumerate(kinds):
            head = ("omega total", [share(omega.value)]) if place == 0 else ("", [""])
            rows.append((head[0], [*head[1], _ends(ends), kind, count(omega.n_used) if place == 0 else ""]))
        rows.append(("omega, observed variance", [share(omega.observed_value), "", "", count(omega.n_used)]))
    if fiml is not None:
        rows.append(
            (
                "omega, full information",
                [share(fiml.value), interval(fiml.low, fiml.high), fiml.interval, count(fiml.n_used)],
            )
        )
    if found.categorical_omega is not None:
        ordinal = found.categorical_omega
        rows.append(("categorical omega", [share(ordinal.value), "", "", count(ordinal.n_used)]))
    if found.ordinal_alpha is not None:
        what_if = found.ordinal_alpha
        rows.append(("ordinal alpha (a what-if)", [share(what_if.value), "", "", count(what_if.n_used)]))
    for factors, general in found.omega_hierarchical.items():
        rows.append(
            (
                f"omega hierarchical, {factors}",
                [share(general.hierarchical), "", f"total {share(general.total)}", count(general.n_used)],
            )
        )
    if found.spearman_brown is not None:
        two = found.spearman_brown
        rows.append(
            ("Spearman-Brown", [share(two.value), interval(two.low, two.high), "Fisher", count(two.n_used)])
        )
    return rows


def _subset_lines(section: ScaleSection) -> list[str]:
    """The reliability in each role and wave by itself."""
    rows = [
        [
            count(report.n_used), share(report.alpha.raw), _ends(report.alpha.feldt),
            share(report.omega.value if report.omega else None), _NAMES[report.coefficient],
            interval(report.low, report.high), VERDICTS[report.verdict],
        ]
        for report in section.subsets.values()
    ]  # fmt: skip
    header = ["n", "alpha", "Feldt", "omega", "judged by", "interval", "reliability of .70"]
    return [
        *heading("Each role and wave by itself", 2)[1:],
        *table(list(section.subsets), header, rows, "rows"),
    ]


def _ends(found: object) -> str:
    """An Interval as text, nothing for None."""
    return (
        interval(getattr(found, "low", None), getattr(found, "high", None)) if found is not None else NOTHING
    )
