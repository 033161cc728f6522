"""Charts show what they are given, in every script, and nothing of what is withheld."""

import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scoring.plots import (
    DARK,
    LIGHT,
    NARROW,
    WIDE,
    ChartWords,
    IntervalRow,
    Palette,
    PlotError,
    plot_intervals,
    render_svg,
)

SVG = "{http://www.w3.org/2000/svg}"
WORDS = ChartWords(title="Safety in the pair", description="A dot a cohort", axis="Change in points")
ARABIC = ChartWords(title="الأمان", description="نقطة", axis="التغير", language="ar", right_to_left=True)
SHOWN = IntervalRow("Lisbon", "+0.4 (0.1 to 0.7)", 0.4, 0.1, 0.7, filled=True)
UNCERTAIN = IntervalRow("Porto", "0.0 (−0.3 to 0.2)", -0.05, -0.3, 0.2)
WITHHELD = IntervalRow("Faro", "not shown", None)


def draw(*rows: IntervalRow, words: ChartWords = WORDS, narrow: bool = False) -> Figure:
    return plot_intervals(rows, words, narrow=narrow, format_number="{:+.1f}".format)


def ends(line: Line2D) -> tuple[list[float], list[float]]:
    """Where a line's points stand across and up."""
    return [float(x) for x in np.asarray(line.get_xdata())], [float(y) for y in np.asarray(line.get_ydata())]


def dots(figure: Figure) -> list[tuple[float, float, bool]]:
    """Place, level and solidity of each dot."""
    return [
        (ends(line)[0][0], ends(line)[1][0], bool(line.get_markerfacecolor() == line.get_color()))
        for line in figure.axes[0].lines
        if line.get_marker() == "o"
    ]


def bars(figure: Figure) -> list[list[float]]:
    """Ends of each interval; lines of the frame are upright and do not count."""
    return [
        ends(line)[0]
        for line in figure.axes[0].lines
        if line.get_marker() == "None" and ends(line)[1][0] == ends(line)[1][1]
    ]


def texts(figure: Figure) -> dict[str, float]:
    """Every printed word and its place across the plot, 0 at its left edge and 1 at its right one."""
    return {text.get_text(): text.get_position()[0] for text in figure.axes[0].texts}


def renderer_of(figure: Figure) -> RendererAgg:
    """What measures the figure's words."""
    renderer: RendererAgg = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]  # untyped upstream
    return renderer


def glyphs(text: str, words: ChartWords = ARABIC) -> list[str]:
    """The letter shapes that the drawn name consists of."""
    blank = render_svg(draw(IntervalRow("", "", None), words=words), words).decode()
    written = render_svg(draw(IntervalRow(text, "", None), words=words), words).decode()
    uses = [re.findall(r'<use xlink:href="#([^"]+)"', svg) for svg in (blank, written)]
    extra = list(uses[1])
    for use in uses[0]:
        extra.remove(use)
    return extra


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, WCAG 2.2."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_dots_and_intervals_stand_at_the_numbers_given_first_row_on_top() -> None:
    figure = draw(SHOWN, UNCERTAIN)

    assert dots(figure) == [(-0.05, 0, False), (0.4, 1, True)]
    assert bars(figure) == [[-0.3, 0.2], [0.1, 0.7]]


def test_a_withheld_row_has_words_and_no_mark() -> None:
    figure = draw(WITHHELD)

    assert dots(figure) == []
    assert bars(figure) == []
    assert set(texts(figure)) == {"Faro", "not shown"}


def test_a_mean_without_interval_has_a_dot_only() -> None:
    figure = draw(IntervalRow("Lisbon", "+0.4", 0.4))

    assert len(dots(figure)) == 1
    assert bars(figure) == []


@pytest.mark.parametrize(
    ("row", "reach"),
    [
        (SHOWN, 1.0),
        (WITHHELD, 1.0),
        (IntervalRow("a", "", 1.2, 0.9, 1.72), 2.0),
        (IntervalRow("b", "", -3.4), 3.5),
    ],
)
def test_the_axis_runs_equally_far_to_both_sides_and_holds_every_mark(row: IntervalRow, reach: float) -> None:
    assert draw(row).axes[0].get_xlim() == (-reach, reach)


def test_levels_stand_on_the_whole_scale_without_a_zero_line() -> None:
    axes = plot_intervals([IntervalRow("Lisbon", "4.1", 4.1, 3.9, 4.3)], WORDS, span=(1, 5)).axes[0]

    assert list(axes.get_xticks()) == [1, 2, 3, 4, 5]
    assert axes.get_xlim()[0] <= 1
    assert axes.get_xlim()[1] >= 5


def test_an_axis_without_length_is_refused() -> None:
    with pytest.raises(PlotError) as refused:
        plot_intervals([SHOWN], WORDS, span=(5, 1))

    assert refused.value.code == "plot.span"


def test_tick_numbers_are_written_by_the_caller_s_format() -> None:
    labels = [label.get_text() for label in draw(SHOWN).axes[0].get_xticklabels()]

    assert labels == ["-1.0", "-0.5", "+0.0", "+0.5", "+1.0"]


def test_names_stand_where_reading_starts_and_numbers_are_not_mirrored() -> None:
    western, arabic = draw(SHOWN), draw(SHOWN, words=ARABIC)

    assert texts(western)["Lisbon"] < 0.5 < texts(western)[SHOWN.text]
    assert texts(arabic)[SHOWN.text] < 0.5 < texts(arabic)["Lisbon"]
    assert dots(western) == dots(arabic)


def test_words_of_the_narrow_chart_begin_where_reading_starts() -> None:
    western, arabic = draw(SHOWN, narrow=True), draw(SHOWN, words=ARABIC, narrow=True)

    assert texts(western) == {"Lisbon": 0, SHOWN.text: 0}
    assert texts(arabic) == {"Lisbon": 1, SHOWN.text: 1}
    assert dots(western) == dots(arabic)


def test_the_narrow_chart_keeps_words_inside_a_phone_s_width() -> None:
    long = IntervalRow("Research and Development of the northern region", SHOWN.text, 0.4, 0.1, 0.7)
    figure = draw(long, narrow=True)
    size = figure.get_size_inches()[0] * figure.dpi
    boxes = [text.get_window_extent(renderer_of(figure)) for text in figure.axes[0].texts]

    assert size == pytest.approx(NARROW)
    assert all(box.x0 >= 0 and box.x1 <= NARROW for box in boxes)
    assert boxes[1].y1 < boxes[0].y0


def test_the_wide_chart_folds_long_names_into_their_column() -> None:
    long = IntervalRow("Research and Development of the northern and of the eastern region", SHOWN.text, 0.4)
    figure = draw(long)
    box = figure.axes[0].texts[0].get_window_extent(renderer_of(figure))

    assert figure.get_size_inches()[0] * figure.dpi == pytest.approx(WIDE)
    assert box.x0 >= 0
    assert figure.axes[0].texts[0].get_text().count("\n") == 1


def test_the_picture_carries_title_description_and_language_and_its_words_as_outlines() -> None:
    root = ET.fromstring(render_svg(draw(SHOWN), WORDS))
    svg = ET.tostring(root, encoding="unicode")

    assert root.findtext(f"{SVG}title") == "Safety in the pair"
    assert "A dot a cohort" in svg
    assert re.search(r"language>en<", svg)
    assert root.findall(f".//{SVG}text") == []
    assert len(root.findall(f".//{SVG}use")) > len(SHOWN.label)


@pytest.mark.parametrize("name", ["R&D <b>", "$5 to $9", r"$\frac{1", "a\x00b\nc\ud800", "%(name)s", ""])
def test_any_name_gives_a_well_formed_picture(name: str) -> None:
    words = ChartWords(title=name, description=name, axis=name)

    assert ET.fromstring(render_svg(draw(IntervalRow(name, name, 0.1), words=words), words)) is not None


def test_arabic_letters_are_joined_and_urdu_letters_have_shapes() -> None:
    isolated, joined = glyphs("ب"), glyphs("ببب")

    assert set(isolated) not in (set(), set(joined))
    assert len(set(joined)) > 1
    # Control: letters that the zero-width non-joiner keeps apart all have the isolated shape.
    assert set(isolated) <= set(glyphs("ب‌ب‌ب"))
    assert not any(re.search("LastResort|Undefined", shape) for shape in glyphs("ٹڈڑںےھ"))


def test_the_same_chart_gives_the_same_bytes_also_from_two_threads() -> None:
    alone = render_svg(draw(SHOWN, WITHHELD), WORDS)
    drawn: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: drawn.append(render_svg(draw(SHOWN, WITHHELD), WORDS)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert drawn == [alone, alone]
    assert render_svg(draw(UNCERTAIN, WITHHELD), WORDS) != alone


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_colours_can_be_told_apart(palette: Palette) -> None:
    assert contrast(palette.ink, palette.ground) >= 7
    assert contrast(palette.muted, palette.ground) >= 4.5
    assert contrast(palette.mark, palette.ground) >= 3


def test_a_chart_of_nothing_is_refused_with_a_remedy() -> None:
    with pytest.raises(PlotError) as refused:
        draw()

    assert refused.value.code == "plot.empty"
    assert refused.value.remedy


def test_charts_need_no_pyplot() -> None:
    code = (
        "import sys; from scoring.plots import *; w = ChartWords('t', 'd', 'a');"
        "render_svg(plot_intervals([IntervalRow('a', 'b', 0.1)], w), w);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
