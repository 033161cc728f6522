"""The pictures of change show what they are given, whole, and can be read without colour."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from scoring.change_figures import (
    SECOND,
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
from scoring.figures import FigureWords, figure_png, figure_svg
from scoring.plots import LIGHT, PlotError
from scoring.power import power_curve

WORDS = FigureWords("Title of 100 $x_1$ people", "What is to be seen", "Across", "Up")
LONG_WORDS = FigureWords(
    "A title that is so long that it takes more than one line of any picture " * 2, "d", "a", "u"
)
LONG = "scale_with_quite_a_long_name_number_{}"
ROLE = "a role with a rather long name {}"


def slopes(k: int = 2, waves: int = 3, words: FigureWords = WORDS) -> Figure:
    rng = np.random.default_rng(1)
    panels = []
    for number in range(k):
        means = rng.uniform(1, 5, (2, waves)).round(2)
        lines = [
            SlopeLine(ROLE.format(role), m.tolist(), (m - 0.2).tolist(), (m + 0.2).tolist())
            for role, m in enumerate(means)
        ]
        panels.append(SlopePanel(LONG.format(number), [f"wave {n}" for n in range(waves)], (1, 5), lines))
    return plot_slopes(panels, words)


def forest(k: int = 4, words: FigureWords = WORDS, **options: object) -> Figure:
    rows = [
        ForestRow(LONG.format(n), 0.1 * n, 0.1 * n - 0.3, 0.1 * n + 0.3, f"+{0.1 * n:.2f}  equivalent, n {n}", filled=n % 2 == 0, group=str(n // 2))
        for n in range(k)
    ]  # fmt: skip
    return plot_forest(rows, words, **options)  # type: ignore[arg-type]


def capitals() -> list[ForestRow]:
    return [ForestRow("WWMMWWMM_WWMMWW, MMMMMMM", 0.1, 0.0, 0.2, "WWWWWMMMMM WWWWW MMMMM, n 100000")]


def dumbbells(k: int = 4, words: FigureWords = WORDS) -> Figure:
    rows = [DumbbellRow(LONG.format(n), 1 + n * 4 / max(1, k - 1), 3.0, str(n // 2)) for n in range(k)]
    return plot_dumbbells(rows, words, roles=(ROLE.format(1), ROLE.format(2)), span=(1, 5))


def distribution(k: int = 2, n: int = 40, words: FigureWords = WORDS) -> Figure:
    rng = np.random.default_rng(2)
    panels = [DistributionPanel(LONG.format(i), rng.integers(-9, 12, n) / 5, 0.2) for i in range(k)]
    return plot_distribution(panels, words)


def power(k: int = 3, words: FigureWords = WORDS) -> Figure:
    lines = []
    for number in range(k):
        curve = power_curve(10 + 20 * number, sd=0.7)
        lines.append(PowerLine(LONG.format(number), curve["effect"].tolist(), curve["power"].tolist()))
    return plot_power(lines, words, smallest=0.3)


ALL = {
    "slopes": slopes,
    "one slope": lambda: slopes(1, 2),
    "many slopes": lambda: slopes(12, 4),
    "two waves": lambda: slopes(3, 2),
    "many waves": lambda: slopes(3, 7),
    "slopes, long title": lambda: slopes(2, 3, LONG_WORDS),
    "forest": forest,
    "one change": lambda: forest(1),
    "forest with a zone": lambda: forest(24, zone=0.3),
    "forest, long title": lambda: forest(3, LONG_WORDS),
    "wide letters": lambda: plot_forest(capitals(), WORDS),
    "no letters": lambda: plot_forest([ForestRow("", 0.1, 0.0, 0.2, "")], WORDS),
    "wide dumbbells": lambda: plot_dumbbells(
        [DumbbellRow("WWMMWWMM_WWMMWW, MMMMMMM", 1, 5)], WORDS, roles=("MMMMMMMMMMMMMMMMM", "W$"), span=(1, 5)
    ),
    "dumbbells": dumbbells,
    "one dumbbell": lambda: dumbbells(1),
    "many dumbbells": lambda: dumbbells(24),
    "distribution": distribution,
    "one distribution": lambda: distribution(1),
    "many distributions": lambda: distribution(12),
    "many pairs": lambda: distribution(2, 5_000),
    "distribution, long title": lambda: distribution(1, 40, LONG_WORDS),
    "power": power,
    "power of one": lambda: power(1),
    "power of six": lambda: power(6),
}


def shown_texts(figure: Figure) -> list[Text]:
    """Every text that is drawn."""
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("name", ALL)
def test_no_word_is_cut_off_and_none_lies_on_another(name: str) -> None:
    figure = ALL[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in shown_texts(figure)]

    assert len(boxes) > 3
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.width, text
        assert box.y1 <= figure.bbox.height, text
    for number, (text, box) in enumerate(boxes):
        for other, second in boxes[number + 1 :]:
            shared_x = min(box.x1, second.x1) - max(box.x0, second.x0)
            shared_y = min(box.y1, second.y1) - max(box.y0, second.y0)
            # Boxes include the space above and below letters; a little overlap of those hides nothing.
            assert not (shared_x > 1 and shared_y > 4), (text, other)


@pytest.mark.parametrize("name", ["slopes", "forest", "dumbbells", "distribution", "power"])
def test_every_picture_has_title_and_description_and_is_the_same_each_time(name: str) -> None:
    first, second = (figure_svg(ALL[name](), WORDS) for _ in range(2))

    assert first == second
    assert WORDS.description in first.decode()
    assert ET.fromstring(first).tag.endswith("svg")
    assert figure_png(ALL[name](), WORDS).startswith(b"\x89PNG")


def test_pyplot_knows_nothing_of_the_figures() -> None:
    from matplotlib._pylab_helpers import Gcf

    for name in ("slopes", "forest", "dumbbells", "distribution", "power"):
        ALL[name]()

    assert Gcf.get_all_fig_managers() == []


class TestSlopes:
    def test_means_and_intervals_stand_where_they_belong(self) -> None:
        line = SlopeLine("mentor", [2.0, None, 4.0], [1.5, None, 3.5], [2.5, None, None])
        axes = plot_slopes([SlopePanel("trust", ["a", "b", "c"], (1, 5), [line])], WORDS).axes[0]
        means, interval = axes.lines

        assert means.get_ydata().tolist() == [2.0, 4.0]
        assert means.get_xdata().tolist() == [0, 2]
        assert interval.get_ydata().tolist() == [1.5, 2.5]
        assert axes.get_ylim()[0] < 1
        assert axes.get_ylim()[1] > 5

    def test_roles_differ_in_mark_and_style_not_in_colour_alone(self) -> None:
        first, second = (line for line in slopes().axes[0].lines if line.get_marker() != "None")

        assert first.get_marker() != second.get_marker()
        assert first.get_linestyle() != second.get_linestyle()
        assert first.get_markerfacecolor() != second.get_markerfacecolor()

    def test_wrong_input_is_named(self) -> None:
        with pytest.raises(PlotError, match="nothing to draw"):
            plot_slopes([], WORDS)
        with pytest.raises(PlotError, match="differ in number"):
            plot_slopes([SlopePanel("x", ["a", "b"], (1, 5), [SlopeLine("r", [1.0], [1.0], [1.0])])], WORDS)


class TestForest:
    def test_solid_for_what_moved_and_rings_for_the_rest(self) -> None:
        dots = [line for line in forest(2).axes[0].lines if line.get_marker() == "o"]
        solid, ring = (to_rgb(dot.get_markerfacecolor()) for dot in dots)

        assert solid == to_rgb(LIGHT.mark)
        assert ring == (1, 1, 1)

    def test_a_small_change_does_not_look_large(self) -> None:
        assert forest(1).axes[0].get_xlim() == (-1, 1)
        row = ForestRow("x", 1.7, 1.2, 2.2, "+1.70")
        assert plot_forest([row], WORDS).axes[0].get_xlim() == (-2.5, 2.5)

    def test_a_row_without_a_mean_has_words_alone(self) -> None:
        axes = plot_forest([ForestRow("x", None, None, None, "counts only")], WORDS).axes[0]

        assert [line for line in axes.lines if line.get_marker() == "o"] == []
        assert "counts only" in [text.get_text() for text in axes.texts]

    def test_the_zone_is_as_wide_as_told_and_named(self) -> None:
        figure = forest(2, zone=0.3)
        (zone,) = figure.axes[0].patches

        assert zone.get_extents().transformed(figure.axes[0].transData.inverted()).width == pytest.approx(0.6)
        assert figure.legends[0].get_texts()[2].get_text() == "too small to matter"
        assert len(forest(2).legends[0].get_texts()) == 2


class TestDumbbells:
    def test_roles_stand_at_their_means_joined_by_a_line(self) -> None:
        axes = plot_dumbbells([DumbbellRow("x", 2.0, 3.5)], WORDS, roles=("a", "b"), span=(1, 5)).axes[0]
        line, second, first = axes.lines

        assert line.get_xdata().tolist() == [2.0, 3.5]
        assert (first.get_xdata()[0], second.get_xdata()[0]) == (2.0, 3.5)
        assert (first.get_marker(), second.get_marker()) == ("o", "s")

    def test_wrong_input_is_named(self) -> None:
        with pytest.raises(PlotError, match="no length"):
            plot_dumbbells([DumbbellRow("x", 2.0, 3.5)], WORDS, roles=("a", "b"), span=(5, 1))


class TestDistribution:
    def test_every_pair_is_counted_once(self) -> None:
        values = [-2.0, -0.2, 0.0, 0.0, 0.2, 1.4, 3.0]
        axes = plot_distribution([DistributionPanel("x", values, 0.2)], WORDS).axes[0]

        assert sum(bar.get_height() for bar in axes.patches) == len(values)

    @pytest.mark.parametrize("grain", [0.1, 0.2, 0.25, 1 / 3, 1.0])
    def test_even_values_give_even_bars(self, grain: float) -> None:
        # Bars of .25 over values in steps of .2 would show hills that are not there.
        k = round(2 / grain)
        values = np.arange(-k, k + 1) * grain
        axes = plot_distribution([DistributionPanel("x", values, grain)], WORDS).axes[0]
        inner = [bar.get_height() for bar in axes.patches if bar.get_height()][1:-1]

        assert len(set(inner)) == 1

    def test_a_panel_without_values_is_named(self) -> None:
        with pytest.raises(PlotError, match="nothing to draw"):
            plot_distribution([DistributionPanel("x", [])], WORDS)


class TestPower:
    def test_lines_hold_what_they_are_given(self) -> None:
        axes = plot_power([PowerLine("x", [0.0, 0.5, 1.0], [0.05, 0.6, 0.9])], WORDS).axes[0]
        drawn = next(line for line in axes.lines if line.get_label() and len(line.get_xdata()) == 3)

        assert drawn.get_ydata().tolist() == [0.05, 0.6, 0.9]
        assert axes.get_xlim() == (0, 1)

    def test_wrong_input_is_named(self) -> None:
        with pytest.raises(PlotError, match="differ in number"):
            plot_power([PowerLine("x", [0.0], [])], WORDS)


def test_the_two_roles_are_seen_on_white_and_differ_in_lightness() -> None:
    first, second = (luminance(to_rgb(colour)) for colour in (LIGHT.mark, SECOND))

    assert 1.05 / (first + 0.05) > 3
    assert 1.05 / (second + 0.05) > 3
    assert (second + 0.05) / (first + 0.05) > 1.5


def luminance(rgb: tuple[float, ...]) -> float:
    """Relative luminance as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
