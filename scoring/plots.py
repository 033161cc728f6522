"""Results as matplotlib figures: marks, axes and words only; every number is computed before it comes here.

Figures are built through matplotlib's objects, never through pyplot, whose list of open figures is shared by all
threads of a server. Words and number formats arrive translated: the callers know the reader's language.
"""

import io
import math
import textwrap
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scoring.errors import ScoringError

UNITS_PER_INCH = 72  # so that one figure unit is one CSS pixel when the picture is shown at its natural width
WIDE, NARROW = 720, 300
FAMILIES = (
    "Noto Sans", "Noto Sans Arabic", "Noto Nastaliq Urdu", "Noto Sans Devanagari", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC",
    "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "DejaVu Sans",
)  # fmt: skip

# Matplotlib shares one font engine between threads and does not guard it.
_DRAWING = threading.Lock()


class PlotError(ScoringError):
    """A chart was asked for that has nothing to show."""


@dataclass(frozen=True)
class Palette:
    """The colours of a chart, as #rrggbb."""

    ground: str
    ink: str
    muted: str
    line: str
    mark: str


LIGHT = Palette(ground="#ffffff", ink="#1a2530", muted="#4d5b69", line="#d3dae1", mark="#27497f")
DARK = Palette(ground="#1b232b", ink="#e8edf2", muted="#adb9c4", line="#36424e", mark="#9dbcf0")


@dataclass(frozen=True)
class IntervalRow:
    """One row of a dot-and-interval chart.

    ``mean``, ``low`` and ``high`` are in scale points; ``mean`` is None where nothing may be shown, and the interval may be
    missing by itself. ``text`` is printed beside the row. ``filled`` makes the dot solid, for a verdict that something
    moved; the others are rings, so that the difference does not rest on colour.
    """

    label: str
    text: str
    mean: float | None
    low: float | None = None
    high: float | None = None
    filled: bool = False


@dataclass(frozen=True)
class ChartWords:
    """The words around a chart in the reader's language; ``title`` and ``description`` are read out, not drawn."""

    title: str
    description: str
    axis: str
    language: str = "en"
    right_to_left: bool = False


@dataclass(frozen=True)
class _Look:
    """What every part of one chart is drawn with."""

    words: ChartWords
    palette: Palette
    narrow: bool
    span: tuple[float, float] | None
    format_number: Callable[[float], str]

    def font(self, size: float, color: str) -> dict[str, Any]:
        """Text properties; a dollar sign in a name is a dollar sign, not a formula."""
        families = list(_find_families(self.words.language))
        return {"fontfamily": families, "fontsize": size, "color": color, "parse_math": False}


def plot_intervals(
    rows: Sequence[IntervalRow],
    words: ChartWords,
    *,
    narrow: bool = False,
    palette: Palette = LIGHT,
    format_number: Callable[[float], str] = str,
    span: tuple[float, float] | None = None,
) -> Figure:
    """Return a chart with one dot and interval a row, the first row on top.

    ``span`` gives the ends of the axis, for levels: those of the scale, so that no chart magnifies. Without it the rows are
    changes: the axis is symmetric around a zero line and reaches at least one point to both sides, so that a small change does
    not look large. The axis always runs from low to high; names stand on the side where reading starts. A row without a mean
    has its words and no mark. Raises PlotError without rows and for a span that is none.
    """
    if not rows:
        raise PlotError("plot.empty", "There is nothing to draw.", "Give the chart at least one row.")
    if span is not None and not span[0] < span[1]:
        raise PlotError("plot.span", "The axis has no length.", "Give the lower end first.")
    look = _Look(words, palette, narrow, span, format_number)
    width = NARROW if narrow else WIDE
    pitch, bottom, top = (78 if narrow else 46), 62, 8
    if words.language == "ur":
        pitch += 12  # Nastaliq letters hang from a slope and need more height.
    height = pitch * len(rows) + bottom + top
    figure = Figure(figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH), dpi=UNITS_PER_INCH)
    figure.set_facecolor(palette.ground)
    margin = 20 if narrow else 190
    area = (margin / width, bottom / height, (width - 2 * margin) / width, pitch * len(rows) / height)
    axes = figure.add_axes(area, facecolor="none")
    _draw_frame(axes, len(rows), _find_reach(rows), look)
    for position, row in enumerate(reversed(rows)):
        _draw_mark(axes, row, position - 0.28 if narrow else position, look)
        _print_words(axes, row, position, look)
    return figure


def render_svg(figure: Figure, words: ChartWords) -> bytes:
    """Return the figure as SVG: letters as outlines, so that no reader needs the fonts; the same bytes each time."""
    buffer = io.BytesIO()
    with _DRAWING, mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "viceversa"}):
        figure.savefig(
            buffer,
            format="svg",
            metadata={
                "Title": _one_line(words.title),
                "Description": _one_line(words.description),
                "Language": words.language,
                "Creator": "Viceversa",
                "Date": None,
            },
        )
    return buffer.getvalue()


def _find_reach(rows: Sequence[IntervalRow]) -> float:
    """The number of points an axis of changes runs to both sides: at least one, all marks fit, in half points."""
    ends = [abs(value) for row in rows for value in (row.mean, row.low, row.high) if value is not None]
    return max(1.0, math.ceil((max(ends, default=0.0) + 0.05) * 2) / 2)


def _place_ticks(span: tuple[float, float] | None, reach: float) -> list[float]:
    """Whole points of a scale, or half or whole points around zero."""
    if span is not None:
        return [float(tick) for tick in range(math.ceil(span[0]), math.floor(span[1]) + 1)]
    step = 0.5 if reach <= 1.5 else 1.0
    steps = math.floor(reach / step)
    return [step * index for index in range(-steps, steps + 1)]


def _draw_frame(axes: Axes, k_rows: int, reach: float, look: _Look) -> None:
    """Draw the axis below, faint lines at the ticks, and for changes the zero line."""
    span = look.span
    ticks = _place_ticks(span, reach)
    # A mean at the very end of a scale still shows its whole dot.
    axes.set_xlim((-reach, reach) if span is None else (span[0] - 0.1, span[1] + 0.1))
    axes.set_ylim(-0.5, k_rows - 0.5)
    axes.set_yticks([])
    axes.set_xticks(
        ticks, labels=[look.format_number(tick) for tick in ticks], **look.font(12, look.palette.muted)
    )
    axes.tick_params(axis="x", length=0, pad=6)
    axes.set_xlabel(_one_line(look.words.axis), labelpad=8, **look.font(12.5, look.palette.ink))
    for name in ("top", "left", "right"):
        axes.spines[name].set_visible(False)
    axes.spines["bottom"].set_color(look.palette.line)
    for tick in ticks:
        zero = span is None and tick == 0
        color, linewidth = (look.palette.muted, 1.4) if zero else (look.palette.line, 0.8)
        axes.axvline(tick, color=color, linewidth=linewidth, zorder=0)


def _draw_mark(axes: Axes, row: IntervalRow, level: float, look: _Look) -> None:
    """Draw one row's interval and dot, as far as there are any."""
    color = look.palette.mark
    if row.low is not None and row.high is not None:
        axes.plot([row.low, row.high], [level, level], color=color, linewidth=2.6, solid_capstyle="round")
    if row.mean is not None:
        inside = color if row.filled else look.palette.ground
        axes.plot(
            [row.mean],
            [level],
            "o",
            markersize=10.5,
            color=color,
            markeredgewidth=2.2,
            markerfacecolor=inside,
        )


def _print_words(axes: Axes, row: IntervalRow, position: int, look: _Look) -> None:
    """Print one row's name where reading starts and its value at the other side; in a narrow chart both above the mark."""
    palette, right_to_left = look.palette, look.words.right_to_left
    value_color = palette.muted if row.mean is None else palette.ink
    if look.narrow:
        start = (1.0, "right") if right_to_left else (0.0, "left")
        _print_text(
            axes, _fold(row.label, 36, 1), (*start, position + 0.36), look, look.font(13, palette.ink)
        )
        _print_text(axes, _fold(row.text, 38, 1), (*start, position + 0.04), look, look.font(12, value_color))
        return
    # Beside the plot words grow away from it.
    left, right = (-0.045, "right", position), (1.045, "left", position)
    name_at, value_at = (right, left) if right_to_left else (left, right)
    _print_text(axes, _fold(row.label, 25, 2), name_at, look, look.font(13, palette.ink))
    _print_text(axes, _fold(row.text, 38, 1), value_at, look, look.font(12.5, value_color))


def _print_text(
    axes: Axes, text: str, place: tuple[float, str, float], look: _Look, font: dict[str, Any]
) -> None:
    """Print words at a share of the plot's width, aligned as told, at the height of a row."""
    across, side, level = place
    spacing = 1.35 if look.words.language != "ur" else 1.6
    axes.text(
        across, level, text, ha=side, va="center", linespacing=spacing, transform=axes.get_yaxis_transform(), **font
    )  # fmt: skip


@lru_cache
def add_fonts(folder: Path) -> None:
    """Let charts be drawn with the TTF files of a folder too, so that a machine without any font draws every letter they have."""
    for path in sorted(folder.glob("*.ttf")):
        font_manager.fontManager.addfont(path)
    _find_families.cache_clear()


@lru_cache
def _find_families(language: str) -> tuple[str, ...]:
    """The installed fonts of the list, in the order in which letters are looked for; the last one ships with matplotlib."""
    installed = set(font_manager.get_font_names())
    # Urdu is read in Nastaliq; Noto Sans Arabic has its letters too and would be found first.
    order = sorted(FAMILIES, key=lambda name: language == "ur" and name == "Noto Sans Arabic")
    order.sort(key=lambda name: name == "DejaVu Sans")
    return tuple(name for name in order if name in installed)


def _one_line(text: str) -> str:
    """Text on one line without control characters, which SVG cannot hold; marks that join letters or set direction stay."""
    kept = (
        letter if letter.isprintable() or unicodedata.category(letter) == "Cf" else " " for letter in text
    )
    return " ".join("".join(kept).split())


def _fold(text: str, width: int, lines: int) -> str:
    """Text broken into at most so many lines of about so many letters; what does not fit ends in an ellipsis."""
    return "\n".join(textwrap.wrap(_one_line(text), width, max_lines=lines, placeholder=" …"))
