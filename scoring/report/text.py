"""A psychometric report as plain text of at most one hundred columns; numbers are rounded here and nowhere else."""

from typing import Final

from scoring.gates import minimum_for
from scoring.report.psychometric import PsychometricReport, ReportMeta
from scoring.report.text_groups import agreement_lines, careless_lines, dif_lines, invariance_lines
from scoring.report.text_models import confirmatory_lines, exploratory_lines, structure_lines
from scoring.report.text_scales import scale_lines, summary_lines
from scoring.report.text_tables import heading, note_lines, paragraph, part_notes

# (what opens, what is done with these numbers until then)
GATES: Final = (
    ("alpha_interval", "Alpha is shown"),
    (
        "reliability_verdict",
        "A reliability is called adequate, where the lower end of its interval is .70 or more,",
    ),
    ("efa", "Factors are explored"),
    ("cfa_verdict", "Confirmatory models are judged"),
    ("invariance", "Invariance is judged"),
)


def render_text(report: PsychometricReport) -> str:
    """Return the report as text: what was analysed, each scale, all items together, models, groups, and what it can bear."""
    lines = [
        *_title_lines(report.meta),
        *note_lines(report.notes),
        *_gate_lines(report.meta),
        *heading("Scales in short"),
        *summary_lines(report.scales),
    ]
    for name, section in report.scales.items():
        lines += [*heading(f"Scale {name}"), *scale_lines(section)]
    lines += [*heading("All items together"), *structure_lines(report)]
    lines += [*heading("Exploratory factors"), *exploratory_lines(report.exploratory)]
    lines += [*heading("Confirmatory model"), *confirmatory_lines(report.confirmatory)]
    for title, section_lines in (
        ("Invariance", invariance_lines(report.invariance)),
        ("Agreement", agreement_lines(report.agreement)),
        ("Differential item functioning", dif_lines(report.dif)),
        ("Careless answers", careless_lines(report.careless)),
    ):
        if section_lines:
            lines += [*heading(title), *section_lines]
    return "\n".join(part_notes(lines)).strip("\n") + "\n"


def _title_lines(meta: ReportMeta) -> list[str]:
    """What was analysed, and how to get the same again."""
    options = meta.options
    columns = {
        "group": options.group,
        "pair": options.pair,
        "wave": options.wave,
        "role": options.role,
        "person": options.person,
    }
    named = ", ".join(f"{name} {column}" for name, column in columns.items() if column)
    versions = ", ".join(f"{package} {version}" for package, version in meta.versions.items())
    facts = [
        f"{meta.source or 'Table'}: {meta.n_rows} rows, {meta.n_complete} of them complete, {meta.k_items} items.",
        f"Scales from {meta.scales_source or 'a mapping'}; a score needs {meta.minimum_answered} of a scale's items.",
        *([f"Columns: {named}."] if named else []),
        f"Seed {options.seed}, {options.draws} bootstrap draws, {options.sets} random sets, intervals of {options.confidence:.0%}.",
        f"Made with {versions}.",
    ]
    return [*heading("Psychometric report")[1:], *(line for fact in facts for line in paragraph(fact))]


def _gate_lines(meta: ReportMeta) -> list[str]:
    """What so many people or pairs can bear, and what must not be concluded."""
    units = "rows" if meta.n_units == meta.n_rows else "pairs or persons"
    shut = [(text, minimum_for(what)) for what, text in GATES if meta.n_units < minimum_for(what)]
    lines = [*heading("What these numbers can bear", 2)]
    if not shut:
        return [
            *lines,
            *paragraph(f"With {meta.n_units} independent {units} every gate for the whole table is open."),
        ]
    lines += paragraph(
        f"Independent {units}: {meta.n_units}. Everything is computed, and this is too few to conclude:"
    )
    for text, minimum in shut:
        lines += paragraph(f"{text} from {minimum} on.", bullet="- ")
    return lines
