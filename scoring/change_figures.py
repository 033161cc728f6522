"""The pictures of a change report: slopes by role, forest of changes, dumbbells of roles, distribution over pairs, power.

As in `scoring.figures`, every number is computed before it comes here, and every picture can be read without colour: roles differ in
marks and line styles, verdicts in solid dots and rings.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator

from scoring.figures import (
    _MARKERS,
    _SIZE,
    _SMALL,
    _STYLES,
    FigureWords,
    _font,
    _new_figure,
    _put_legend,
    _shorten,
    _style_axes,
)
from scoring.plots import _DRAWING, LIGHT, UNITS_PER_INCH, WIDE, Palette, PlotError, _fold, _one_line

# The second role is lighter than the first, so that the two differ in print too.
SECOND: Final = "#b5651d"
_LABEL: Final = 24
_TEXT: Final = 30
_PANEL, _HEAD, _FOOT, _TITLES = 190.0, 54.0, 72.0, 34.0
# Units above and below rows of marks: the title, and the axis with its name and legend.
_ABOVE, _BELOW = 52, 76
_ROLE: Final = 18
_LINES: Final = 23
_MOST_BARS: Final = 18.0


@dataclass(frozen=True)
class SlopeLine:
    """The means of one role over the waves; None where there is none."""

    role: str
    means: Sequence[float | None]
    lows: Sequence[float | None]
    highs: Sequence[float | None]


@dataclass(frozen=True)
class SlopePanel:
    """One scale: its waves in order, its range, a line for each role."""

    label: str
    waves: Sequence[str]
    span: tuple[float, float]
    lines: Sequence[SlopeLine]


@dataclass(frozen=True)
class ForestRow:
    """One change with its interval; `filled` for one that moved, `text` is printed beside it, `group` parts the rows."""

    label: str
    change: float | None
    low: float | None
    high: float | None
    text: str
    filled: bool = False
    group: str = ""


@dataclass(frozen=True)
class DumbbellRow:
    """The means of both roles on one line; None where there is none."""

    label: str
    first: float | None
    second: float | None
    group: str = ""


@dataclass(frozen=True)
class DistributionPanel:
    """The values of all pairs, in points; `grain` is the smallest difference that two values can have, where it is known."""

    label: str
    values: Sequence[float]
    grain: float | None = None


@dataclass(frozen=True)
class PowerLine:
    """Power, 0 to 1, over the true change in points."""

    label: str
    effects: Sequence[float]
    power: Sequence[float]


def plot_slopes(panels: Sequence[SlopePanel], words: FigureWords, *, palette: Palette = LIGHT) -> Figure:
    """Return one small plot a scale, with a line for each role over the waves and the whole range of the scale upwards.

    Raises PlotError without panels, and for lines that do not have a mean, or None, for every wave.
    """
    _check_panels(panels)
    for panel in panels:
        if any(len(part) != len(panel.waves) for line in panel.lines for part in (line.means, line.lows, line.highs)):  # fmt: skip
            raise PlotError("plot.length", "Means and waves differ in number.", "Give a mean for every wave.")
    figure, areas = _make_grid(len(panels), 3, words, palette)
    for place, (panel, area) in enumerate(zip(panels, areas, strict=True)):
        axes = figure.add_axes(area, facecolor="none")
        _style_axes(axes, palette)
        axes.set_title(_shorten(panel.label, 28), loc="left", pad=6, **_font(_SIZE, palette.ink))
        low, high = panel.span
        margin = 0.04 * (high - low)
        axes.set_ylim(low - margin, high + margin)
        axes.set_xlim(-0.4, len(panel.waves) - 0.6)
        _name_waves(axes, panel.waves, area[2] * figure.get_figwidth() * UNITS_PER_INCH, palette)
        _set_ticks(axes, "y", MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]), palette)
        if place == 0 or area[0] == areas[0][0]:
            axes.set_ylabel(_one_line(words.up), labelpad=6, **_font(_SMALL, palette.ink))
        for number, line in enumerate(panel.lines):
            # Roles stand a little beside each other, so that intervals do not hide one another.
            shift = 0.07 * (number - (len(panel.lines) - 1) / 2.0)
            _draw_slope(axes, line, shift, _role_look(number, palette))
    roles = list(dict.fromkeys(line.role for panel in panels for line in panel.lines))
    handles = [Line2D([], [], **_role_look(number, palette)) for number in range(len(roles))]
    _put_legend(figure, handles, [_shorten(role, _ROLE) for role in roles], palette)
    _name_across(figure, words, palette)
    return figure


def _name_waves(axes: Axes, waves: Sequence[str], width: float, palette: Palette) -> None:
    """The names of the waves; where there is no room for all of them, of every second or third."""
    names = [_shorten(wave, 12) for wave in waves]
    room = width / len(waves)
    every = math.ceil((7.0 * max(len(name) for name in names) + 8.0) / room)
    places = list(range(0, len(names), every))
    axes.set_xticks(places, [names[place] for place in places], **_font(_SMALL, palette.muted))


def _draw_slope(axes: Axes, line: SlopeLine, shift: float, look: dict[str, Any]) -> None:
    """One role's means with their intervals."""
    known = [place for place, mean in enumerate(line.means) if mean is not None]
    across = [place + shift for place in known]
    means = [float(line.means[place] or 0.0) for place in known]
    axes.plot(across, means, zorder=3, **look)
    for place, at in zip(known, across, strict=True):
        low, high = line.lows[place], line.highs[place]
        if low is not None and high is not None:
            axes.plot([at, at], [low, high], "-", color=look["color"], linewidth=1.3, zorder=2)


def plot_forest(
    rows: Sequence[ForestRow],
    words: FigureWords,
    *,
    zone: float | None = None,
    legend: tuple[str, str, str] = (
        "moved",
        "not shown to have moved, or shown to be small",
        "too small to matter",
    ),
    palette: Palette = LIGHT,
) -> Figure:
    """Return changes with their intervals, a row each, on one axis around nought.

    `zone` is the half-width of the band of changes that are too small to matter. `legend` names the solid dot, the ring and the band.
    The axis reaches at least one point to both sides, so that a small change does not look large. Raises PlotError without rows.
    """
    _check_panels(rows)
    left = 28 + _widest([_shorten(row.label, _LABEL) for row in rows], _SIZE)
    right = 28 + _widest([_shorten(row.text, _TEXT) for row in rows], _SMALL)
    pitch = 28
    height = _ABOVE + _second_line(words, WIDE) + pitch * len(rows) + _BELOW
    figure, _ = _new_figure(WIDE, height, words, palette)
    area = (left / WIDE, _BELOW / height, (WIDE - left - right) / WIDE, pitch * len(rows) / height)
    axes = figure.add_axes(area, facecolor="none")
    ends = [abs(value) for row in rows for value in (row.change, row.low, row.high) if value is not None]
    reach = max(1.0, math.ceil((max(ends, default=0.0) + 0.05) * 2) / 2)
    _frame_rows(axes, [row.group for row in rows], (-reach, reach), words, palette)
    axes.axvline(0, color=palette.muted, linewidth=1.4, zorder=1)
    if zone is not None:
        axes.axvspan(-zone, zone, color=palette.line, alpha=0.55, linewidth=0, zorder=0)
    for number, row in enumerate(rows):
        level = len(rows) - 1 - number
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [level, level], color=palette.mark, linewidth=2.2, zorder=2)
        if row.change is not None:
            inside = palette.mark if row.filled else palette.ground
            axes.plot(
                [row.change], [level], "o", markersize=8.5, color=palette.mark, markeredgewidth=2.0, zorder=3,
                markerfacecolor=inside,
            )  # fmt: skip
        axes.text(
            -0.02, level, _shorten(row.label, _LABEL), ha="right", va="center", transform=axes.get_yaxis_transform(),
            **_font(_SIZE, palette.ink),
        )  # fmt: skip
        axes.text(
            1.02, level, _shorten(row.text, _TEXT), ha="left", va="center", transform=axes.get_yaxis_transform(),
            **_font(_SMALL, palette.ink if row.change is not None else palette.muted),
        )  # fmt: skip
    dot: dict[str, Any] = {"marker": "o", "color": palette.mark, "linewidth": 0, "markeredgewidth": 2.0}
    handles: list[Any] = [
        Line2D([], [], markerfacecolor=palette.mark, **dot),
        Line2D([], [], markerfacecolor=palette.ground, **dot),
    ]
    if zone is not None:
        handles.append(Patch(facecolor=palette.line, alpha=0.55))
    _put_legend(figure, handles, legend[: len(handles)], palette)
    return figure


def plot_dumbbells(
    rows: Sequence[DumbbellRow],
    words: FigureWords,
    *,
    roles: tuple[str, str],
    span: tuple[float, float],
    palette: Palette = LIGHT,
) -> Figure:
    """Return the means of both roles joined by a line, a row each, on the whole range of the scale.

    The first role is a solid dot, the second an open square. Raises PlotError without rows, or for a span that is none.
    """
    _check_panels(rows)
    if not span[0] < span[1]:
        raise PlotError("plot.span", "The axis has no length.", "Give the lower end first.")
    left = 28 + _widest([_shorten(row.label, _LABEL + 6) for row in rows], _SIZE)
    pitch = 28
    height = _ABOVE + _second_line(words, WIDE) + pitch * len(rows) + _BELOW
    figure, _ = _new_figure(WIDE, height, words, palette)
    area = (left / WIDE, _BELOW / height, (WIDE - left - 24) / WIDE, pitch * len(rows) / height)
    axes = figure.add_axes(area, facecolor="none")
    margin = 0.03 * (span[1] - span[0])
    _frame_rows(axes, [row.group for row in rows], (span[0] - margin, span[1] + margin), words, palette)
    _set_ticks(axes, "x", MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]), palette)
    for number, row in enumerate(rows):
        level = len(rows) - 1 - number
        if row.first is not None and row.second is not None:
            axes.plot([row.first, row.second], [level, level], color=palette.muted, linewidth=2.0, zorder=1)
        for place, mean in enumerate((row.second, row.first)):
            if mean is not None:
                axes.plot([mean], [level], zorder=2 + place, **_dumbbell_look(1 - place, palette))
        axes.text(
            -0.02, level, _shorten(row.label, _LABEL + 6), ha="right", va="center", transform=axes.get_yaxis_transform(),
            **_font(_SIZE, palette.ink),
        )  # fmt: skip
    handles = [Line2D([], [], **_dumbbell_look(number, palette)) for number in (0, 1)]
    _put_legend(figure, handles, [_shorten(role, _ROLE) for role in roles], palette)
    return figure


def plot_distribution(
    panels: Sequence[DistributionPanel],
    words: FigureWords,
    *,
    legend: tuple[str, str] = ("no change", "mean"),
    palette: Palette = LIGHT,
) -> Figure:
    """Return how the changes of pairs are spread, a histogram a panel on one scale, with nought and the mean.

    `legend` names the two lines. Raises PlotError without panels or for a panel without values.
    """
    _check_panels(panels)
    if any(not len(panel.values) for panel in panels):
        raise PlotError("plot.empty", "There is nothing to draw.", "Give every panel at least one value.")
    values = [np.asarray(panel.values, dtype=np.float64) for panel in panels]
    reach = max(1.0, math.ceil(2.0 * max(float(np.abs(part).max()) for part in values)) / 2.0)
    figure, areas = _make_grid(len(panels), 2, words, palette)
    for panel, part, area in zip(panels, values, areas, strict=True):
        edges = _find_edges(panel.grain, reach)
        count, _ = np.histogram(part, edges)
        step = float(edges[1] - edges[0])
        axes = figure.add_axes(area, facecolor="none")
        _style_axes(axes, palette)
        axes.set_title(_shorten(panel.label, 30), loc="left", pad=6, **_font(_SIZE, palette.ink))
        axes.set_xlim(-1.12 * reach, 1.12 * reach)
        axes.set_ylim(0, 1.1 * max(1, int(count.max())))
        axes.bar(
            (edges[:-1] + edges[1:]) / 2.0, count, width=0.86 * step, color=palette.line, edgecolor=palette.mark,
            linewidth=0.9, zorder=2,
        )  # fmt: skip
        axes.axvline(0, color=palette.muted, linewidth=1.4, linestyle=_STYLES[1], zorder=3)
        axes.axvline(float(part.mean()), color=palette.ink, linewidth=2.0, zorder=3)
        _set_ticks(axes, "x", MaxNLocator(5, steps=[1, 2, 5, 10]), palette, signed=True)
        _set_ticks(axes, "y", MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]), palette)
        if area[0] == areas[0][0]:
            axes.set_ylabel(_one_line(words.up), labelpad=6, **_font(_SMALL, palette.ink))
    handles = [
        Line2D([], [], color=palette.muted, linewidth=1.4, linestyle=_STYLES[1]),
        Line2D([], [], color=palette.ink, linewidth=2.0),
    ]
    _put_legend(figure, handles, legend, palette)
    _name_across(figure, words, palette)
    return figure


def _find_edges(grain: float | None, reach: float) -> np.ndarray:
    """The ends of the bars: nought lies in the middle of one, and every bar holds as many possible values as any other."""
    wanted = 2.0 * reach / _MOST_BARS
    step = wanted
    if grain is not None:
        step = grain * min(range(1, 1001, 2), key=lambda odd: abs(odd * grain - wanted))
    half = math.ceil(reach / step)
    return np.arange(-half - 0.5, half + 1.0) * step


def plot_power(
    lines: Sequence[PowerLine],
    words: FigureWords,
    *,
    smallest: float | None = None,
    wanted: float = 0.80,
    palette: Palette = LIGHT,
) -> Figure:
    """Return power over the true change, a line for each group, with the power wanted and the smallest change that matters.

    Raises PlotError without lines, or when effects and powers differ in number.
    """
    _check_panels(lines)
    if any(len(line.effects) != len(line.power) or not len(line.effects) for line in lines):
        raise PlotError(
            "plot.length", "Effects and powers differ in number.", "Give a power for every effect."
        )
    rows = math.ceil(len(lines) / 3)
    above = _ABOVE + _second_line(words, WIDE)
    height = 328 + above + 20 * (rows - 1)
    figure, _ = _new_figure(WIDE, height, words, palette)
    foot = 56 + 20 * rows
    axes = figure.add_axes((0.095, foot / height, 0.88, (height - foot - above) / height), facecolor="none")
    _style_axes(axes, palette)
    axes.set_ylim(0, 1.04)
    axes.set_xlim(0, _find_end(lines, smallest))
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"], **_font(_SMALL, palette.muted))  # fmt: skip
    _set_ticks(axes, "x", MaxNLocator(7, steps=[1, 2, 5, 10]), palette)
    axes.axhline(wanted, color=palette.muted, linewidth=1.2, zorder=1)
    if smallest is not None:
        axes.axvline(smallest, color=palette.muted, linewidth=1.2, linestyle=_STYLES[1], zorder=1)
    shades = [palette.mark, SECOND, "#4f8f3c", "#33235f", "#22777a", "#8a2f4b"]
    handles = []
    for number, line in enumerate(lines):
        look: dict[str, Any] = {
            "color": shades[number % len(shades)], "linewidth": 2.0, "linestyle": _STYLES[number % len(_STYLES)],
            "marker": _MARKERS[number % len(_MARKERS)], "markersize": 5.0,
        }  # fmt: skip
        every = max(1, len(line.effects) // 8)
        axes.plot(line.effects, line.power, markevery=(number % every, every), zorder=3, **look)
        handles.append(Line2D([], [], **look))
    axes.set_xlabel(_one_line(words.across), labelpad=6, **_font(_SIZE, palette.ink))
    axes.set_ylabel(_one_line(words.up), labelpad=6, **_font(_SIZE, palette.ink))
    _put_rows(figure, handles, [_shorten(line.label, _LINES) for line in lines], palette)
    return figure


def _find_end(lines: Sequence[PowerLine], smallest: float | None) -> float:
    """The change at which nearly everything is found by everybody; beyond it the picture says nothing more."""
    last = max(float(line.effects[-1]) for line in lines)
    sure = max(
        next((float(e) for e, p in zip(line.effects, line.power, strict=True) if p >= 0.995), last)
        for line in lines
    )
    return min(last, max(1.1 * sure, 1.5 * (smallest or 0.0)))


def _put_rows(figure: Figure, handles: Sequence[Any], labels: Sequence[str], palette: Palette) -> None:
    """The meaning of the lines in rows of three, below everything else."""
    legend = figure.legend(
        list(handles), list(labels), loc="lower center", ncols=min(3, len(labels)), frameon=False,
        prop={"family": _font(_SMALL, palette.ink)["fontfamily"], "size": _SMALL}, labelcolor=palette.ink, handlelength=2.6,
        columnspacing=1.4, bbox_to_anchor=(0.5, 2 / (figure.get_figheight() * UNITS_PER_INCH)), borderaxespad=0.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def _widest(texts: Sequence[str], size: float) -> float:
    """The width of the widest text, in units of the figure."""
    font = FontProperties(family=_font(size, "black")["fontfamily"], size=size)
    with _DRAWING:
        # A dollar sign would be read as the start of a formula; an S is as wide.
        widths = [
            float(TextPath((0, 0), text.replace("$", "S"), prop=font).get_extents().width)
            for text in texts
            if text
        ]
    return max(widths, default=0.0)


def _second_line(words: FigureWords, width: float) -> float:
    """What a title of two lines needs more than one of one."""
    return 20.0 * _fold(words.title, max(20, int(width / 8.2)), 2).count("\n")


def _role_look(number: int, palette: Palette) -> dict[str, Any]:
    """Mark and line of a role."""
    first = number == 0
    return {
        "color": palette.mark if first else SECOND,
        "linestyle": _STYLES[0] if first else _STYLES[1],
        "linewidth": 2.0,
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 7.0,
        "markerfacecolor": palette.mark if first else palette.ground,
        "markeredgewidth": 1.8,
    }


def _dumbbell_look(number: int, palette: Palette) -> dict[str, Any]:
    """The mark of a role alone."""
    return {**_role_look(number, palette), "linestyle": "none", "markersize": 9.0}


def _make_grid(
    k: int, most: int, words: FigureWords, palette: Palette
) -> tuple[Figure, list[tuple[float, float, float, float]]]:
    """A figure with room for so many panels, at most two or three beside each other."""
    across = min(k, most)
    down = math.ceil(k / across)
    left, gap = 60.0, 40.0
    width = WIDE if across == 3 else 540.0 if across == 2 else 420.0
    room = (width - left - 18 - gap * (across - 1)) / across
    head = _HEAD + _second_line(words, width)
    height = head + down * (_PANEL + _TITLES) - _TITLES + _FOOT
    figure, _ = _new_figure(width, height, words, palette)
    areas = []
    for place in range(k):
        row, column = divmod(place, across)
        bottom = height - head - (row + 1) * _PANEL - row * _TITLES
        areas.append(
            ((left + column * (room + gap)) / width, bottom / height, room / width, (_PANEL - 14) / height)
        )
    return figure, areas


def _frame_rows(
    axes: Axes, groups: Sequence[str], span: tuple[float, float], words: FigureWords, palette: Palette
) -> None:
    """An axis below and a thin line between groups of rows."""
    axes.set_xlim(*span)
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_yticks([])
    for name in ("top", "left", "right"):
        axes.spines[name].set_visible(False)
    axes.spines["bottom"].set_color(palette.line)
    axes.grid(axis="x", color=palette.line, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5)
    _set_ticks(axes, "x", MaxNLocator(6, steps=[1, 2, 5, 10]), palette, signed=span[0] < 0 < span[1])
    axes.set_xlabel(_one_line(words.across), labelpad=6, **_font(_SIZE, palette.ink))
    for number in range(1, len(groups)):
        if groups[number] != groups[number - 1]:
            axes.axhline(len(groups) - number - 0.5, color=palette.muted, linewidth=0.9, zorder=0)


def _set_ticks(
    axes: Axes, which: str, locator: MaxNLocator, palette: Palette, *, signed: bool = False
) -> None:
    """Numbers at ticks inside the axis: a true minus, a plus where signs matter."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    inside = [float(value) for value in locator.tick_values(low, high) if low <= value <= high]
    ticks = [0.0 if abs(value) < 1e-9 * (high - low) else value for value in inside]
    labels = [
        ("−" if value < 0 else "+" if signed and value > 0 else "") + f"{abs(value):.6g}" for value in ticks
    ]
    (axes.set_xticks if which == "x" else axes.set_yticks)(ticks, labels, **_font(_SMALL, palette.muted))


def _name_across(figure: Figure, words: FigureWords, palette: Palette) -> None:
    """The name of the axis that all panels share, above the legend."""
    height = figure.get_figheight() * UNITS_PER_INCH
    figure.text(
        0.5, 34 / height, _one_line(words.across), ha="center", va="bottom", **_font(_SIZE, palette.ink)
    )


def _check_panels(parts: Sequence[Any]) -> None:
    """There is something to draw."""
    if not parts:
        raise PlotError("plot.empty", "There is nothing to draw.", "Give the picture at least one part.")
