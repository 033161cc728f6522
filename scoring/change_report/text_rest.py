"""The part of a change report in text on cohorts, on who is missing, on those chosen by their baseline, and on single persons."""

import math

from scoring.change_report.cohorts import CohortComparison, CohortEntry
from scoring.change_report.missing import MissingSection
from scoring.change_report.persons import PersonSection
from scoring.change_report.selection import SelectionSection
from scoring.change_report.text_words import SHORT, signed
from scoring.errors import Note
from scoring.power_statements import PowerStatement
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

ASSIGNED = {
    "named": "Cohorts are simply cohorts; nobody was put into one of them for the sake of a comparison.",
    "pairs": "Pairs were put into the arms one by one, so pairs are compared.",
    "cohorts": "Whole cohorts were put into the arms, so cohorts are compared, not their pairs.",
}


def cohort_lines(section: CohortComparison | None) -> list[str]:
    """Every comparison of cohorts."""
    if section is None:
        return []
    sizes = ", ".join(f"{label} {n}" for label, n in list(section.sizes.items())[:20])
    more = f" and {len(section.sizes) - 20} more" if len(section.sizes) > 20 else ""
    lines = [*paragraph(ASSIGNED[section.assigned]), *paragraph(f"Pairs: {sizes}{more}.")]
    lines += note_lines(section.notes)
    names, rows = [], []
    notes: dict[str, list[str]] = {}
    for name, outcomes in section.scales.items():
        for outcome, entry in outcomes.items():
            row = _difference_row(entry)
            if row is not None:
                names.append(f"{name}, {outcome}")
                rows.append(row)
            for note in _entry_notes(entry):
                notes.setdefault(str(note), []).append(f"{name}, {outcome}")
    header = ["n", "difference", "interval", "word", "p", "p adj.", "g", "80 % power at", "equivalent p"]
    lines += ["", *table(names, header, rows, "scale, outcome")]
    lines += [*_covariance_lines(section), *_many_lines(section)]
    total = sum(map(len, section.scales.values()))
    for text, about in notes.items():
        lines += paragraph(_of_which(about, total) + text, bullet="* ")
    return lines


def _of_which(about: list[str], total: int) -> str:
    """What a remark is about, unless it is about everything."""
    named = list(dict.fromkeys(about))
    if len(named) == total:
        return ""
    return "; ".join(named[:6]) + ("; …" if len(named) > 6 else "") + ": "


def _difference_row(entry: CohortEntry) -> list[str] | None:
    """One difference between two cohorts or arms."""
    adjusted = entry.judged.p_adjusted if entry.judged is not None else None
    if entry.waiting is not None:
        waiting = entry.waiting
        sizes, detectable = f"{waiting.n_program}, {waiting.n_waiting}", number(waiting.detectable)
        equivalence = waiting.equivalence
        values = (waiting.difference, waiting.low, waiting.high, waiting.p, waiting.g)
    elif entry.arms is not None:
        arms = entry.arms
        sizes = f"{arms.n_cohorts[0]}, {arms.n_cohorts[1]} cohorts"
        detectable, equivalence = _detectable(arms.power), arms.equivalence
        values = (arms.difference, arms.low, arms.high, arms.p, arms.g)
    elif entry.two is not None:
        contrast = entry.two.contrast
        sizes = f"{contrast.n_a}, {contrast.n_b}"
        detectable, equivalence = _detectable(entry.two.power), entry.two.equivalence
        values = (contrast.difference, contrast.low, contrast.high, contrast.p, contrast.g)
    else:
        return None
    difference, low, high, p, g = values
    small = p_value(equivalence.p if equivalence is not None else None)
    head = [sizes, signed(difference), interval(low, high, signed), SHORT[entry.verdict]]
    return [*head, p_value(p), p_value(adjusted), number(g), detectable, small]


def _detectable(power: PowerStatement | None) -> str:
    """The smallest difference that would be found."""
    return NOTHING if power is None else number(power.detectable)


def _entry_notes(entry: CohortEntry) -> list[Note]:
    """The remarks of whichever comparison is there; power stands in the table."""
    notes = list(entry.notes)
    for found in (entry.waiting, entry.arms, entry.two, entry.many, entry.covariance):
        notes += [
            note for note in (found.notes if found is not None else ()) if note.code != "contrast.power"
        ]
    return [*notes, *(entry.judged.notes if entry.judged is not None else ())]


def _covariance_lines(section: CohortComparison) -> list[str]:
    """Two cohorts at equal baseline, beside the comparison of their changes."""
    names, rows = [], []
    for name, outcomes in section.scales.items():
        for outcome, entry in outcomes.items():
            found = entry.covariance
            if found is None or found.low is None:
                continue
            names.append(f"{name}, {outcome}")
            change = found.change
            rows.append(
                [
                    signed(found.baseline_difference), signed(found.difference), interval(found.low, found.high, signed),
                    p_value(found.p), signed(change.difference), interval(change.low, change.high, signed),
                    "yes" if found.agree else "no",
                ]
            )  # fmt: skip
    if not names:
        return []
    header = ["at baseline", "at equal baseline", "interval", "p", "in change", "interval", "agree"]
    return [
        *heading("Analysis of covariance beside changes", 2),
        *table(names, header, rows, "scale, outcome"),
        "",
        *paragraph("Without lots the two answer different questions; where they do not agree, neither is preferred."),
    ]  # fmt: skip


def _many_lines(section: CohortComparison) -> list[str]:
    """Many cohorts: their mean, and how far they lie apart."""
    names, rows = [], []
    for name, outcomes in section.scales.items():
        for outcome, entry in outcomes.items():
            found = entry.many
            if found is None:
                continue
            names.append(f"{name}, {outcome}")
            rows.append(
                [
                    count(found.n_cohorts), count(found.n_used), signed(found.mean), interval(found.low, found.high, signed),
                    number(found.sd_between), share(found.icc), number(found.detectable),
                ]
            )  # fmt: skip
    if not names:
        return []
    header = ["cohorts", "pairs", "mean change", "interval", "SD between", "ICC", "80 % power at"]
    explained = "Each cohort counts once here, however large it is; under “What moved” each person does."
    return [
        *heading("Cohorts together", 2),
        *table(names, header, rows, "scale, outcome"),
        "",
        *paragraph(explained),
        *_each_lines(section),
    ]


def _each_lines(section: CohortComparison) -> list[str]:
    """The change of each cohort, of those that are large enough."""
    names, rows = [], []
    for name, outcomes in section.scales.items():
        for outcome, entry in outcomes.items():
            if entry.many is None:
                continue
            for cohort, row in entry.many.table.iterrows():
                if not math.isnan(row["mean"]):
                    names.append(f"{name}, {outcome}, {cohort}")
                    rows.append(
                        [count(row["n"]), signed(row["mean"]), interval(row["low"], row["high"], signed)]
                    )
    if not names:
        return []
    return [
        *heading("Each cohort", 2),
        *table(names, ["pairs", "change", "interval"], rows, "scale, outcome, cohort"),
    ]


def missing_lines(section: MissingSection) -> list[str]:
    """Dropout, imputed changes and tipping points."""
    lines: list[str] = []
    dropout = section.dropout
    if dropout is not None:
        lines += paragraph(
            f"{dropout.n_left} of {dropout.n_used} people with a first score have none at the last wave."
        )
        rows = [
            [count(row.n_stayed), count(row.n_left), signed(row.difference), number(row.g), interval(row.low, row.high, number)]
            for row in dropout.differences.itertuples()
        ]  # fmt: skip
        names = [f"{row.scale}, {row.role}" for row in dropout.differences.itertuples()]
        if dropout.n_left:
            header = ["stayed", "left", "left minus stayed", "g", "interval of g"]
            lines += ["", *table(names, header, rows, "first score of")]
        lines += note_lines(dropout.notes)
    names, rows, notes = [], [], []
    for name, roles in section.imputed.items():
        for role, found in roles.items():
            pooled, tip = found.change.pooled, found.tipping
            names.append(f"{name}, {role}")
            worse = NOTHING if tip.tipping is None else f"{number(tip.tipping)} {tip.direction}"
            rows.append(
                [
                    count(found.change.n_used), count(found.change.n_imputed), signed(pooled.estimate),
                    interval(pooled.low, pooled.high, signed), p_value(pooled.p), worse,
                ]
            )  # fmt: skip
            notes += note_lines(tip.notes, about=f"{name}, {role}")
    if names:
        header = ["pairs", "imputed", "change", "interval", "p", "tips at"]
        lines += [
            *heading("Changes with missing scores imputed", 2),
            *table(names, header, rows, "scale, role"),
        ]
        lines += ["", *paragraph("Tips at: so many points would those who are missing have to score lower or higher for the interval to hold 0.")]  # fmt: skip
        lines += notes
    for name, test in section.little.items():
        if test.p is not None:
            lines += paragraph(
                f"Missing completely at random, {name}: chi-square({test.df}) = {number(test.chi_square, 1)}, p {p_value(test.p)}."
            )
        lines += note_lines(test.notes, about=name)
    return [*lines, *note_lines(section.notes)]


def selection_lines(section: SelectionSection) -> list[str]:
    """The change of the chosen beside what they would have done without any true change."""
    names, rows = [], []
    for key, found in section.found.items():
        names.append(key)
        rows.append(
            [
                count(found.n_used), number(found.mean_chosen), number(found.mean_all), signed(found.observed),
                signed(found.expected), signed(found.beyond), interval(found.low, found.high, signed),
            ]
        )  # fmt: skip
    if not names and section.chosen is None:
        return []
    header = ["n", "first", "of all", "change", "expected", "beyond", "interval"]
    lines = table(names, header, rows, "scale, role") if names else []
    explained = "Expected: so far they would move towards the mean of all without any true change (regression to the mean)."
    return [*lines, "", *paragraph(explained), *note_lines(section.notes)]


def growth_lines(section: PersonSection, *, timed: bool) -> list[str]:
    """Mean slopes over all waves, and how much true slopes differ."""
    names, rows = [], []
    notes: list[Note] = []
    for key, found in section.growth.items():
        names.append(key)
        spread = None if found.variance is None else max(found.variance, 0.0) ** 0.5
        rows.append(
            [count(found.n_used), signed(found.mean, 3), interval(found.mean_low, found.mean_high, lambda v: signed(v, 3)), number(spread, 3)]
        )  # fmt: skip
        notes += [note for note in found.notes if note.code != "shrink.extreme"]
    if not names:
        return []
    header = ["n", "mean slope", "interval", "SD of true slopes"]
    unit = "points per week" if timed else "points from wave to wave"
    return [
        *heading(f"Slopes over all waves ({unit})", 2),
        *table(names, header, rows, "scale, role"),
        *note_lines(list({str(note): note for note in notes}.values())),
    ]


def person_lines(section: PersonSection, *, timed: bool = False) -> list[str]:
    """How many changed beyond fluctuation, beside what chance would give."""
    growth = growth_lines(section, timed=timed)
    if not section.reliable:
        # Slopes need two scores of any waves, so there may be some where too few have the first and the last.
        return [*note_lines(section.notes), *growth] if growth else []
    names, rows, notes = [], [], []
    for key, found in section.reliable.items():
        shrunken = section.shrunken.get(key)
        names.append(key)
        rows.append(
            [
                count(found.n_used), count(found.n_higher), count(found.n_lower), number(found.expected_false, 1),
                number(found.mdc95), share(shrunken.B if shrunken is not None else None),
            ]
        )  # fmt: skip
        notes += [note for note in found.notes if note.code != "change.mean"]
    header = ["n", "higher", "lower", "by chance", "MDC95", "shrinkage B"]
    lines = table(names, header, rows, "scale, role")
    labels = section.labels
    if labels is not None:
        lines += [
            "",
            *paragraph(f"Labels over {labels.n_used} comparisons: {labels.n_labelled}."),
            *paragraph(
                "Careless answers look like changes of single people: `viceversa analyse` finds them."
            ),
        ]
        notes += labels.notes
    lines += note_lines([*section.notes, *notes])
    return [*lines, *growth]
