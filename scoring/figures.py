"""The pictures of a psychometric report: scree with parallel analysis, loadings, and category curves; marks and words only.

As in `scoring.plots`, every number is computed before it comes here, and figures are built through matplotlib's objects,
never through pyplot. Every picture can be read without colour: by marks, line styles, lightness in one direction, or numbers.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from scoring.category_curves import CategoryCurves
from scoring.plots import (
    _DRAWING,
    LIGHT,
    UNITS_PER_INCH,
    WIDE,
    ChartWords,
    Palette,
    PlotError,
    _find_families,
    _fold,
    _one_line,
    render_svg,
)

# Loadings below this are printed faint: the usual line under "belongs to the factor".
SALIENT: Final = 0.30
# Blue for positive, orange for negative loadings: told apart in every common form of colour blindness.
DIVERGING: Final = ("#8f3f07", "#d98a4b", "#ffffff", "#6f93c4", "#1d3d70")
# From light to dark, so that the order of the options survives a black-and-white printer.
OPTIONS: Final = ("#bd850c", "#4f8f3c", "#22777a", "#2b5a96", "#33235f")
_STYLES: Final = (
    "-",
    (0, (6, 2)),
    (0, (2, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (1, 1)),
    (0, (9, 3)),
    (0, (5, 1, 1, 1, 1, 1)),
)
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_TITLE_SIZE, _SIZE, _SMALL = 14.0, 12.0, 10.5


@dataclass(frozen=True)
class FigureWords:
    """The words of a figure: the title is drawn, the description read out; `across` and `up` name the axes."""

    title: str
    description: str
    across: str = ""
    up: str = ""


@dataclass(frozen=True)
class ScreeCurve:
    """The eigenvalues of one correlation matrix and those that chance alone reaches.

    Attributes
    ----------
    label : str
        The kind of correlation.
    eigenvalues, reference : sequence of float
        Falling; of equal length.
    suggested : int or None
        The number of factors that parallel analysis suggests.
    """

    label: str
    eigenvalues: Sequence[float]
    reference: Sequence[float]
    suggested: int | None = None


def plot_scree(
    curves: Sequence[ScreeCurve], words: FigureWords, *, legend: tuple[str, str], palette: Palette = LIGHT
) -> Figure:
    """Return scree plots side by side, one for each kind of correlation, on one scale.

    `legend` names the two lines: the eigenvalues of the data and their reference. Eigenvalues above the reference are solid dots, the
    others rings. Raises PlotError without curves, or when the two lines of a curve differ in length.
    """
    if not curves:
        raise PlotError("plot.empty", "There is nothing to draw.", "Give the plot at least one curve.")
    for curve in curves:
        if len(curve.eigenvalues) != len(curve.reference) or not len(curve.eigenvalues):
            raise PlotError(
                "plot.length",
                "The eigenvalues and their reference differ in number.",
                "Give both for every factor.",
            )
    figure, top = _new_figure(WIDE, 400, words, palette)
    gap = 0.04
    left, right = 0.085, 0.985
    width = (right - left - gap * (len(curves) - 1)) / len(curves)
    ends = [value for curve in curves for value in (*curve.eigenvalues, *curve.reference)]
    low, high = min(0.0, *ends), max(ends)
    for place, curve in enumerate(curves):
        area = (left + place * (width + gap), 0.215, width, top - 0.275)
        axes = figure.add_axes(area, facecolor="none")
        _style_axes(axes, palette)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.07 * (high - low))
        _draw_scree(axes, curve, palette)
        axes.set_title(_one_line(curve.label), loc="left", pad=8, **_font(_SIZE, palette.ink))
        axes.set_xlabel(_one_line(words.across), labelpad=6, **_font(_SIZE, palette.ink))
        if place:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel(_one_line(words.up), labelpad=8, **_font(_SIZE, palette.ink))
    handles = [handle for handle in figure.axes[0].lines if not str(handle.get_label()).startswith("_")]
    _put_legend(figure, handles, legend, palette)
    return figure


def _draw_scree(axes: Axes, curve: ScreeCurve, palette: Palette) -> None:
    """Draw one matrix's eigenvalues and their reference."""
    k = len(curve.eigenvalues)
    numbers = np.arange(1, k + 1)
    axes.set_xlim(0.3, k + 0.7)
    step = 1 if k <= 12 else 5 if k <= 40 else 10
    ticks = sorted({1, *range(step, k + 1, step)})
    axes.set_xticks(ticks, labels=[str(tick) for tick in ticks], **_font(_SMALL, palette.muted))
    values, reference = np.asarray(curve.eigenvalues, float), np.asarray(curve.reference, float)
    if axes.get_ylim()[0] < 0:
        axes.axhline(0, color=palette.line, linewidth=1.0, zorder=0)
    axes.plot(numbers, values, "-", color=palette.mark, linewidth=1.6, zorder=2, label="_line")
    axes.plot(
        numbers, values, "-o", color=palette.mark, linewidth=1.6, markersize=6, zorder=3, label="eigenvalues",
        markerfacecolor=palette.mark, markevery=np.flatnonzero(values > reference).tolist() or [0],
    )  # fmt: skip
    below = values <= reference
    axes.plot(
        numbers[below], values[below], "o", color=palette.mark, markersize=6, zorder=4, label="_below",
        markerfacecolor=palette.ground, markeredgewidth=1.4,
    )  # fmt: skip
    axes.plot(
        numbers,
        reference,
        color=palette.ink,
        linewidth=1.4,
        linestyle=(0, (5, 3)),
        zorder=2,
        label="reference",
    )


def plot_loadings(
    loadings: pd.DataFrame,
    words: FigureWords,
    *,
    groups: Sequence[str] | None = None,
    palette: Palette = LIGHT,
) -> Figure:
    """Return a heatmap of loadings with the numbers in it, items down and factors across.

    `groups` names the scale of each item; a line parts neighbouring items of different scales. Colours run from -1 to 1 whatever the
    loadings are. Raises PlotError without loadings.
    """
    k_items, k_factors = loadings.shape
    if not k_items or not k_factors:
        raise PlotError("plot.empty", "There is nothing to draw.", "Give at least one item and factor.")
    label_width = min(210, 24 + 7.2 * max(min(len(str(item)), 26) for item in loadings.index))
    longest = max(len(str(name)) for name in loadings.columns)
    cell, pitch = (max(66, min(8 * longest, 130)) if k_factors <= 8 else 48), 23
    width = max(360.0, label_width + cell * k_factors + 100)
    height = pitch * k_items + 116
    figure, _ = _new_figure(width, height, words, palette)
    area = (label_width / width, 44 / height, cell * k_factors / width, pitch * k_items / height)
    axes = figure.add_axes(area, facecolor="none")
    values = loadings.to_numpy(dtype=np.float64)
    colours = LinearSegmentedColormap.from_list("loadings", DIVERGING)
    image = axes.imshow(values, cmap=colours, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks(
        range(k_factors),
        [_shorten(str(name), round(cell / 7.4)) for name in loadings.columns],
        **_font(_SMALL, palette.ink),
    )
    axes.set_yticks(
        range(k_items), [_shorten(str(name), 26) for name in loadings.index], **_font(_SMALL, palette.ink)
    )
    axes.tick_params(length=0, pad=5, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row, column in np.ndindex(values.shape):
        _print_loading(axes, row, column, float(values[row, column]), colours, palette)
    for row in range(1, k_items):
        parted = groups is not None and groups[row] != groups[row - 1]
        axes.axhline(
            row - 0.5, color=palette.ink if parted else palette.ground, linewidth=1.2 if parted else 1.0
        )
    axes.set_xlabel(_one_line(words.across), labelpad=8, **_font(_SIZE, palette.ink))
    bar_height = min(max(pitch * k_items, 60.0), 220.0)
    side = figure.add_axes(
        ((label_width + cell * k_factors + 22) / width, area[1], 12 / width, bar_height / height)
    )
    bar = figure.colorbar(image, cax=side)
    bar.outline.set_edgecolor(palette.line)
    marks = {-1.0: "−1", -0.5: "−.5", 0.0: "0", 0.5: ".5", 1.0: "1"}
    kept = [mark for mark in marks if bar_height >= 100 or mark.is_integer()]
    side.set_yticks(kept, [marks[mark] for mark in kept], **_font(_SMALL, palette.muted))
    side.tick_params(length=0, pad=4)
    return figure


def _print_loading(
    axes: Axes, row: int, column: int, value: float, colour_of: Colormap, palette: Palette
) -> None:
    """Print one loading without its leading zero, dark on light cells and light on dark ones."""
    if not math.isfinite(value):
        return
    text = f"{abs(value):.2f}"
    text = ("−" if value < -0.005 else "") + text.removeprefix("0")
    background = np.asarray(to_rgb(colour_of((value + 1) / 2)))
    ink = palette.ink if abs(value) >= SALIENT else palette.muted
    # The eye weighs green most; below this lightness white letters have the better contrast.
    colour = palette.ground if float(background @ (0.299, 0.587, 0.114)) < 0.56 else ink
    weight = "bold" if abs(value) >= SALIENT else "normal"
    axes.text(column, row, text, ha="center", va="center", fontweight=weight, **_font(_SMALL, colour))


def plot_category_curves(
    items: Sequence[CategoryCurves], words: FigureWords, *, palette: Palette = LIGHT
) -> Figure:
    """Return one small plot an item, with a curve for each option over the trait or the rest score.

    The options' codes are printed on a model's curves; light to dark runs from the smallest to the largest. Raises PlotError without
    items.
    """
    if not items:
        raise PlotError("plot.empty", "There is nothing to draw.", "Give the plot at least one item.")
    across = min(len(items), 3)
    down = math.ceil(len(items) / across)
    left, gap, panel, head, foot = 58, 30, 168, 66, 80
    width = WIDE if across == 3 else 2 * 300 + left if across == 2 else 420
    height = head + down * (panel + 34) + foot - 34
    figure, _ = _new_figure(width, height, words, palette)
    room = (width - left - 16 - gap * (across - 1)) / across
    codes = sorted({code for item in items for code in item.codes})
    ends = np.concatenate([np.asarray(item.levels) for item in items])
    for place, item in enumerate(items):
        row, column = divmod(place, across)
        bottom = height - head - (row + 1) * panel - row * 34
        axes = figure.add_axes(
            ((left + column * (room + gap)) / width, bottom / height, room / width, panel / height),
            facecolor="none",
        )
        _style_axes(axes, palette)
        # A single group of people has no width; its shares stand in the middle.
        margin = 0.0 if item.modelled else 0.03 * float(np.ptp(ends)) or 0.5
        axes.set_xlim(float(ends.min()) - margin, float(ends.max()) + margin)
        axes.set_ylim(0, 1.04)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], prune="both"))
        _draw_options(axes, item, codes, palette)
        axes.set_title(_shorten(item.item, 28), loc="left", pad=5, **_font(_SIZE, palette.ink))
        axes.set_yticks(
            [0, 0.5, 1], ["0", ".5", "1"] if column == 0 else [""] * 3, **_font(_SMALL, palette.muted)
        )
        lowest = place + across >= len(items)
        axes.tick_params(axis="x", labelbottom=lowest)
        if column == 0:
            axes.set_ylabel(_one_line(words.up), labelpad=6, **_font(_SMALL, palette.ink))
        if lowest:
            axes.set_xlabel(_one_line(words.across), labelpad=4, **_font(_SMALL, palette.ink))
    handles = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    labels = [f"{code:g}" for code in codes]
    _put_legend(figure, [handles[label] for label in labels], labels, palette)
    return figure


def _draw_options(axes: Axes, item: CategoryCurves, codes: Sequence[float], palette: Palette) -> None:
    """Draw the curves of one item; those of a model carry their code where they are highest and there is room."""
    colours = option_colours(len(codes))
    printed: list[tuple[float, float]] = []
    low, high = axes.get_xlim()
    for code, share in zip(item.codes, item.probabilities.T, strict=True):
        place = list(codes).index(code)
        axes.plot(
            item.levels, share, color=colours[place], linewidth=1.9, linestyle=_STYLES[place % len(_STYLES)],
            marker=None if item.modelled else _MARKERS[place % len(_MARKERS)], markersize=4.5, label=f"{code:g}",
        )  # fmt: skip
        peak = int(np.argmax(share))
        x = min(max(float(item.levels[peak]), low + 0.035 * (high - low)), high - 0.035 * (high - low))
        y = min(float(share[peak]) + 0.065, 0.985)
        # Two codes on one spot would hide each other; the legend has them all.
        if item.modelled and all(abs(x - a) > 0.06 * (high - low) or abs(y - b) > 0.11 for a, b in printed):
            printed.append((x, y))
            text = axes.text(
                x, y, f"{code:g}", ha="center", va="center", zorder=5, **_font(_SMALL, colours[place])
            )
            text.set_path_effects([withStroke(linewidth=2.5, foreground=palette.ground)])


def option_colours(k_options: int) -> list[str]:
    """Return a colour for each option, from light to dark, all of them visible on white."""
    colours = LinearSegmentedColormap.from_list("options", OPTIONS)
    return [to_hex(colours(place / max(1, k_options - 1))) for place in range(k_options)]


def _new_figure(width: float, height: float, words: FigureWords, palette: Palette) -> tuple[Figure, float]:
    """An empty figure with its title, and the height, as a share, below which there is room."""
    figure = Figure(figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH), dpi=UNITS_PER_INCH)
    figure.set_facecolor(palette.ground)
    title = _fold(words.title, max(20, int(width / 8.2)), 2)
    figure.text(14 / width, 1 - 12 / height, title, ha="left", va="top", **_font(_TITLE_SIZE, palette.ink))
    return figure, 1 - 34 / height


def _style_axes(axes: Axes, palette: Palette) -> None:
    """Faint horizontal lines, and no frame but the base."""
    for name in ("top", "left", "right"):
        axes.spines[name].set_visible(False)
    axes.spines["bottom"].set_color(palette.muted)
    axes.grid(axis="y", color=palette.line, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5, labelsize=_SMALL, labelcolor=palette.muted, labelfontfamily=_families())


def _put_legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], palette: Palette) -> None:
    """The meaning of the lines, below everything else."""
    legend = figure.legend(
        list(handles), list(labels), loc="lower center", ncols=min(len(labels), 12), frameon=False,
        prop={"family": _families(), "size": _SMALL}, labelcolor=palette.ink, handlelength=2.6, columnspacing=1.6,
        bbox_to_anchor=(0.5, 2 / (figure.get_figheight() * UNITS_PER_INCH)), borderaxespad=0.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def _font(size: float, color: str) -> dict[str, Any]:
    """Text properties; a dollar sign in a name is a dollar sign, not a formula."""
    return {"fontfamily": _families(), "fontsize": size, "color": color, "parse_math": False}


def _shorten(text: str, width: int) -> str:
    """A name of at most so many letters; its end is kept, for names often differ there alone."""
    text = _one_line(text)
    tail = width // 2 - 1
    return text if len(text) <= width else f"{text[: width - tail - 1]}…{text[-tail:]}"


def _families() -> list[str]:
    """The installed fonts, in the order in which letters are looked for."""
    return list(_find_families("en"))


def figure_svg(figure: Figure, words: FigureWords) -> bytes:
    """Return the figure as SVG with its title and description for those who do not see it; the same bytes each time."""
    return render_svg(figure, ChartWords(words.title, words.description, words.across))


def figure_png(figure: Figure, words: FigureWords, *, scale: float = 2.0) -> bytes:
    """Return the figure as PNG, `scale` pixels for each unit of the figure."""
    buffer = io.BytesIO()
    with _DRAWING, mpl.rc_context():
        figure.savefig(
            buffer, format="png", dpi=UNITS_PER_INCH * scale,
            metadata={"Title": _one_line(words.title), "Description": _one_line(words.description), "Software": "Viceversa"},
        )  # fmt: skip
    return buffer.getvalue()
