"""One pair as plain text, for a researcher's eyes only."""

from scoring.change_report.pair import PairReport, PairScale
from scoring.change_report.text_words import ends, signed
from scoring.report.text_tables import heading, interval, note_lines, number, p_value, paragraph, table


def render_pair(report: PairReport) -> str:
    """Return the report of one pair as text."""
    title = f"Pair {report.pair}" + ("" if report.cohort is None else f", cohort {report.cohort}")
    lines = [*heading(title)[1:], *note_lines(report.notes)]
    for name, scale in report.scales.items():
        lines += [*heading(f"Scale {name}"), *_scale_lines(scale, report.roles)]
    return "\n".join(lines).strip("\n") + "\n"


def _scale_lines(scale: PairScale, roles: tuple[str, str]) -> list[str]:
    """Scores, the change of each partner, and what both did together."""
    rows = [[number(value) for value in scale.scores.loc[role]] for role in roles]
    lines = [*table(list(roles), [str(wave) for wave in scale.scores.columns], rows, "role, wave"), ""]
    for role, change in scale.change.items():
        row = change.people.iloc[0]
        beyond = "beyond" if abs(row["change"]) > change.mdc95 else "within"
        lines += paragraph(
            f"{role}: {signed(row['change'])} points {interval(row['low'], row['high'], signed)}, {number(row['rc'])} standard errors of a "
            f"change, p {p_value(row['p'])}; {beyond} what fluctuates anyway ({number(change.mdc95)} points)."
        )
    if scale.common is not None and scale.gap is not None:
        lines += paragraph(
            f"Common change {signed(scale.common)} (standard error {number(scale.common_se)}); change of the gap, {roles[0]} minus "
            f"{roles[1]}, {signed(scale.gap)} ({number(scale.gap_se)})."
        )
    if scale.shrunken is not None:
        lines += paragraph(
            f"Pulled towards the other pairs, the common change is {signed(scale.shrunken)} ({ends(scale.shrunken_low, scale.shrunken_high)})."
        )
    notes = [note for change in scale.change.values() for note in change.notes]
    return [*lines, *note_lines([*notes, *scale.notes])]
