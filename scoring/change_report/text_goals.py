"""The part of a change report in text on knowledge areas and on the objectives of the programme."""

from scoring.change import MeanChange
from scoring.change_report.skills import SkillSection
from scoring.change_report.text_words import SHORT, signed
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
from scoring.scorecard import Scorecard, ScoredObjective
from scoring.skills import SkillGain

WINDOWS = (
    ("behaviour", "what is done"),
    ("direct", "by the ruler of the start"),
    ("then_change", "by the ruler of today"),
    ("recalibration", "the ruler itself"),
)


def skill_lines(section: SkillSection | None) -> list[str]:
    """Every knowledge area through its windows, which are never merged."""
    if section is None:
        return []
    lines = paragraph(
        "By the ruler of the start: last direct rating minus first. By the ruler of today: last direct rating minus the start as seen at "
        "the end (then). The ruler itself: the start as seen at the end minus as rated then. Improved: behaviour or the direct rating "
        "excludes 0 and the change by the ruler of today has the same sign."
    )
    for name, roles in section.skills.items():
        for role, gain in roles.items():
            first, last = section.waves[name][role]
            lines += [*heading(f"{name}, {role}, {first} to {last}", 2), *_gain_lines(gain)]
    return [*lines, *note_lines(section.notes)]


def _gain_lines(gain: SkillGain) -> list[str]:
    """One area in one role."""
    windows: list[tuple[str, MeanChange]] = [
        (label, getattr(gain, name)) for name, label in WINDOWS if getattr(gain, name) is not None
    ]
    rows = [
        [
            count(change.n_used),
            signed(change.mean),
            interval(change.low, change.high, signed),
            p_value(change.p_t),
        ]
        for _, change in windows
    ]
    lines = table([label for label, _ in windows], ["n", "change", "interval", "p"], rows, "change in")
    goals = gain.goals
    if goals is not None and goals.t.mean is not None:
        start = "" if goals.t_baseline is None else f", {number(goals.t_baseline, 1)} when they were set"
        lines += paragraph(
            f"Goals: T {number(goals.t.mean, 1)} (50: as expected){start}; share reached {share(goals.share_reached)}."
        )
    lines += paragraph(f"Word: {gain.verdict or 'too few to show'}.")
    return [*lines, *note_lines(gain.notes)]


def _headline(scored: ScoredObjective) -> str:
    """The word of an objective, and of how many of its changes it is true: one that moved is not all."""
    if scored.verdict is None:
        return "too few to show" if scored.lines else "not measured"
    n, k = len(scored.lines), sum(line.verdict == scored.verdict for line in scored.lines)
    towards = "" if scored.direction is None else f", {scored.direction}"
    return f"{SHORT[scored.verdict]}{towards}" + ("" if k == n else f" ({k} of {n})")


def scorecard_lines(card: Scorecard | None) -> list[str]:
    """Every objective with its scales and their words."""
    if card is None:
        return []
    lines: list[str] = []
    for scored in card.objectives:
        lines += [*heading(f"{scored.objective.name}: {_headline(scored)}", 2)]
        rows = [
            [
                signed(line.measured.estimate),
                interval(line.measured.low, line.measured.high, signed),
                SHORT[line.verdict],
                line.direction or NOTHING,
            ]
            for line in scored.lines
        ]
        names = [f"{line.scale}, {line.role}" for line in scored.lines]
        lines += (
            table(names, ["change", "interval", "word", "direction"], rows, "scale, role") if names else []
        )
        lines += note_lines(scored.notes)
    return lines
