"""A change report as plain text of at most one hundred columns; numbers are rounded here and nowhere else."""

from typing import Final

from scoring.change_report.report import ChangeMeta, ChangeReport
from scoring.change_report.text_goals import scorecard_lines, skill_lines
from scoring.change_report.text_rest import cohort_lines, missing_lines, person_lines, selection_lines
from scoring.change_report.text_scales import scale_lines, summary_lines
from scoring.gates import gate_for, minimum_for
from scoring.report.text_tables import heading, note_lines, paragraph, part_notes

# (what opens, what is done with these numbers until then)
GATES: Final = (
    ("cell_mean", "Means are shown"),
    ("mean_change", "Changes are tested, with their direction,"),
    ("mixed_model", "Mixed models are fitted, and the influence of partners explored,"),
    ("cohort_contrast", "Cohorts are compared in words"),
    ("apim_confirmatory", "The influence of partners is judged"),
)


def render_text(report: ChangeReport) -> str:
    """Return the report as text: what was analysed, what moved, objectives, scales, skills, cohorts, who is missing or was chosen, persons."""
    lines = [
        *_title_lines(report.meta),
        *note_lines(report.notes),
        *_gate_lines(report.meta),
        *heading("What moved"),
        *summary_lines(report.scales),
        *_family_lines(report),
    ]
    card = scorecard_lines(report.scorecard)
    lines += [*heading("Objectives"), *card] if card else []
    for name, section in report.scales.items():
        if all(role.change is None for role in section.roles.values()):
            continue
        lines += [*heading(f"Scale {name}"), *scale_lines(section, report.meta.roles)]
    for title, section_lines in (
        ("Knowledge areas", skill_lines(report.skills)),
        ("Cohorts", cohort_lines(report.cohorts)),
        ("Who is missing", missing_lines(report.missing)),
        (_chosen_title(report), selection_lines(report.selection)),
        (
            "Single persons (researchers only)",
            person_lines(report.persons, timed=bool(report.meta.options.times)),
        ),
    ):
        if section_lines:
            lines += [*heading(title), *section_lines]
    return "\n".join(part_notes(lines)).strip("\n") + "\n"


def _has_change(report: ChangeReport, name: str) -> bool:
    """Whether any role has a change on a scale."""
    return any(role.change is not None for role in report.scales[name].roles.values())


def _chosen_title(report: ChangeReport) -> str:
    """Whose change stands beside the expected regression."""
    return "Who started low" if report.selection.chosen is None else "Who was chosen by the baseline"


def _title_lines(meta: ChangeMeta) -> list[str]:
    """What was analysed, and how to get the same again."""
    options = meta.options
    columns = {
        "pair": options.pair,
        "role": options.role,
        "wave": options.wave,
        "cohort": options.cohort,
        "arm": options.arm,
        "person": options.person,
        "chosen": options.chosen,
    }
    named = ", ".join(f"{name} {column}" for name, column in columns.items() if column)
    versions = ", ".join(f"{package} {version}" for package, version in meta.versions.items())
    facts = [
        f"{meta.source or 'Table'}: {meta.n_rows} rows of {meta.n_pairs} pairs; both partners answered first and last: {meta.n_complete}.",
        f"Scales from {meta.scales_source or 'a mapping'}; a score needs {meta.minimum_answered} of a scale's items.",
        f"Columns: {named}.",
        f"Roles: {meta.roles[0]}, {meta.roles[1]}. Waves in their order: {', '.join(meta.waves)}.",
        f"Seed {options.seed}, intervals of {options.confidence:.0%}.",
        f"Made with {versions}.",
    ]
    return [*heading("Change report")[1:], *(line for fact in facts for line in paragraph(fact))]


def _gate_lines(meta: ChangeMeta) -> list[str]:
    """What so many pairs can bear."""
    complete = f"{meta.n_complete} of {meta.n_pairs} pairs are complete at the first and the last wave."
    lines = [
        *heading("What these numbers can bear", 2),
        *paragraph(f"{complete} {gate_for(meta.n_complete).message}"),
    ]
    shut = [(text, minimum_for(what)) for what, text in GATES if meta.n_complete < minimum_for(what)]
    for text, minimum in shut:
        lines += paragraph(f"{text} from {minimum} pairs on.", bullet="- ")
    return lines


def _family_lines(report: ChangeReport) -> list[str]:
    """How the changes were judged together."""
    lines = [""]
    for label, names in (
        ("Primary family, adjusted after Holm", report.declared.primary),
        ("Secondary family, adjusted after Benjamini and Hochberg", report.declared.secondary),
    ):
        changed = [name for name in names if _has_change(report, name)]
        without = [name for name in names if name not in changed]
        if changed:
            more = f" (declared too, without a change: {', '.join(without)})" if without else ""
            lines += paragraph(f"{label}: {', '.join(changed)}{more}.")
        elif without:
            lines += paragraph(f"{label}: none with a change (declared: {', '.join(without)}).")
    return [*lines, *note_lines(report.families.notes)]
