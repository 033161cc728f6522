"""The pictures of a change report, with their words; the numbers are the report's."""

from typing import Final

from matplotlib.figure import Figure

from scoring.change_figures import (
    DistributionPanel,
    DumbbellRow,
    ForestRow,
    PowerLine,
    SlopeLine,
    SlopePanel,
    plot_distribution,
    plot_dumbbells,
    plot_forest,
    plot_power,
    plot_slopes,
)
from scoring.change_report.report import ChangeReport
from scoring.change_report.roles import RoleSection
from scoring.change_report.scales import ScaleChangeSection
from scoring.change_report.text_words import signed
from scoring.figures import FigureWords
from scoring.gates import allowed
from scoring.power import power_curve

Pictures = dict[str, tuple[Figure, FigureWords]]
# More panels than this make a picture longer than a page.
_MOST: Final = 12
_MOST_SPREADS: Final = 8
_MOST_LINES: Final = 6
_MOST_ROWS: Final = 24
# One point of a range of 1 to 5: hardly any programme moves a mean by more.
_SHARE_OF_RANGE: Final = 4.0


def change_figures(report: ChangeReport) -> Pictures:
    """Return every picture that the report has numbers for, by file name without ending."""
    return {
        **_draw_slopes(report),
        **_draw_forest(report),
        **_draw_dumbbells(report),
        **_draw_distribution(report),
        **_draw_power(report),
    }


def _parts(k: int, most: int) -> list[slice]:
    """So many things in pictures of at most so many."""
    return [slice(start, start + most) for start in range(0, k, most)]


def _name(stem: str, number: int) -> str:
    """The first picture of a kind has no number."""
    return stem if number == 0 else f"{stem}_{number + 1}"


def _draw_slopes(report: ChangeReport) -> Pictures:
    """Means of both roles over the waves."""
    panels = [panel for section in report.scales.values() if (panel := _slope_panel(section)) is not None]
    pictures: Pictures = {}
    for number, part in enumerate(_parts(len(panels), _MOST)):
        words = FigureWords(
            "Means of both roles over the waves",
            f"Mean of everybody who answered at a wave, with its {report.meta.options.confidence:.0%} interval, for "
            f"{', '.join(panel.label for panel in panels[part])}; the whole range of each scale is shown.",
            "Wave",
            "Mean",
        )
        pictures[_name("slopes", number)] = (plot_slopes(panels[part], words), words)
    return pictures


def _slope_panel(section: ScaleChangeSection) -> SlopePanel | None:
    """One scale, None where nothing may be shown."""
    waves = list(dict.fromkeys(wave for role in section.roles.values() for wave in role.levels))
    lines = []
    for role in section.roles.values():
        levels = [role.levels.get(wave) for wave in waves]
        means, lows, highs = (
            [None if level is None else getattr(level, field) for level in levels]
            for field in ("mean", "low", "high")
        )
        lines.append(SlopeLine(role.role, means, lows, highs))
    if len(waves) < 2 or all(mean is None for line in lines for mean in line.means):
        return None
    return SlopePanel(section.name, waves, (section.minimum, section.maximum), lines)


def _draw_forest(report: ChangeReport) -> Pictures:
    """Every change with its interval and word."""
    rows = [
        _forest_row(name, role, report)
        for name, section in report.scales.items()
        for role in section.roles.values()
        if role.change is not None and role.change.mean is not None
    ]
    if not rows:
        return {}
    widths = {section.maximum - section.minimum for section in report.scales.values()}
    margins = {
        role.equivalence.bound
        for section in report.scales.values()
        for role in section.roles.values()
        if role.equivalence is not None and role.equivalence.margin.unit == "points"
    }
    zone = margins.pop() if len(margins) == 1 and len(widths) == 1 else None
    pictures: Pictures = {}
    for number, part in enumerate(_parts(len(rows), _MOST_ROWS)):
        words = FigureWords(
            "Change from the first wave to the last",
            "Mean change of each role on each scale with its "
            f"{report.meta.options.confidence:.0%} interval. "
            + "; ".join(f"{row.label}: {row.text}" for row in rows[part])
            + ".",
            "Change in points",
        )
        pictures[_name("changes", number)] = (plot_forest(rows[part], words, zone=zone), words)
    return pictures


def _forest_row(name: str, role: RoleSection, report: ChangeReport) -> ForestRow:
    """One change."""
    change = role.change
    mean, (low, high) = role.mean, role.ends
    n = 0 if change is None else change.n_used
    return ForestRow(
        f"{name}, {role.role}",
        mean,
        low,
        high,
        f"{signed(mean).replace('-', '−')} {role.verdict or 'counts'}, n {n}",
        filled=role.verdict == "moved",
        group=name if len(report.scales) > 1 else "",
    )


def _draw_dumbbells(report: ChangeReport) -> Pictures:
    """Both roles beside each other at the first and the last wave they share, scales of one range a picture."""
    pictures: Pictures = {}
    spans = dict.fromkeys((section.minimum, section.maximum) for section in report.scales.values())
    number = 0
    for span in spans:
        rows = []
        for name, section in report.scales.items():
            if (section.minimum, section.maximum) != span or section.pairs.first is None or section.mirrored:
                continue
            for wave in filter(None, (section.pairs.first, section.pairs.last)):
                means = [role.levels[wave].mean for role in section.roles.values() if wave in role.levels]
                if len(means) == 2 and None not in means:
                    rows.append(DumbbellRow(f"{name}, {wave}", means[0], means[1], name))
        for part in _parts(len(rows), _MOST_ROWS):
            words = FigureWords(
                "The two roles beside each other, first and last wave",
                f"Mean of {report.meta.roles[0]} and {report.meta.roles[1]} on scales that both answered in the same words; the longer "
                "the line, the further apart the roles.",
                "Mean",
            )
            figure = plot_dumbbells(rows[part], words, roles=report.meta.roles, span=span)
            pictures[_name("roles", number)] = (figure, words)
            number += 1
    return pictures


def _draw_distribution(report: ChangeReport) -> Pictures:
    """How the changes of pairs are spread, for researchers."""
    panels = []
    for name, section in report.scales.items():
        changes = section.pairs.changes
        if allowed(len(changes), "mean_change"):
            panels += [
                DistributionPanel(f"{name}: {label}", changes[kind].tolist(), 1.0 / (parts * section.k_items))
                for kind, label, parts in (("common", "both together", 2), ("gap", "gap", 1))
            ]
    pictures: Pictures = {}
    for number, part in enumerate(_parts(len(panels), _MOST_SPREADS)):
        words = FigureWords(
            "How the changes of pairs are spread",
            "Number of pairs by the change of the mean of both partners, and by the change of their gap "
            f"({report.meta.roles[0]} minus {report.meta.roles[1]}). For researchers.",
            "Change in points",
            "Pairs",
        )
        pictures[_name("pairs", number)] = (plot_distribution(panels[part], words), words)
    return pictures


def _draw_power(report: ChangeReport) -> Pictures:
    """What the numbers of people could have shown."""
    lines, smallest = [], set()
    for name in (*report.declared.primary, *report.declared.secondary):
        section = report.scales[name]
        for role in section.roles.values():
            change = role.change
            if change is None or change.sd_change is None or role.power is None:
                continue
            curve = power_curve(change.n_used, sd=change.sd_change)
            inside = curve[curve["effect"] <= (section.maximum - section.minimum) / _SHARE_OF_RANGE]
            smallest.add(role.power.smallest)
            lines.append(
                PowerLine(
                    f"{name}, {role.role} (n {change.n_used})", inside["effect"].tolist(), inside["power"].tolist()
                )
            )  # fmt: skip
    if not lines:
        return {}
    words = FigureWords(
        "What so many people could have shown",
        "Probability of finding a true change of each size with the number and the spread of those who answered twice; the level line is "
        "80 %, the upright one the smallest change that matters.",
        "True change in points",
        "Power",
    )
    mark = smallest.pop() if len(smallest) == 1 else None
    return {"power": (plot_power(lines[:_MOST_LINES], words, smallest=mark), words)}
