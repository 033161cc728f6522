"""The pictures of a report show what they are given, whole, and can be read without colour."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from scoring.category_curves import CategoryCurves, model_curves
from scoring.figures import (
    DIVERGING,
    OPTIONS,
    FigureWords,
    ScreeCurve,
    figure_png,
    figure_svg,
    option_colours,
    plot_category_curves,
    plot_loadings,
    plot_scree,
)
from scoring.plots import PlotError

SVG = "{http://www.w3.org/2000/svg}"
WORDS = FigureWords("Title of 100 $x_1$ people", "What is to be seen", "Across", "Up")
LEGEND = ("eigenvalues", "reference")
LONG = "item_with_quite_a_long_name_number_{}"


def scree(k: int = 6, panels: int = 2) -> Figure:
    values, reference = np.linspace(3, 0.2, k), np.linspace(1.3, 0.8, k)
    return plot_scree(
        [ScreeCurve(f"Kind {n}", values, reference, 2) for n in range(panels)], WORDS, legend=LEGEND
    )


def loadings(k_items: int = 25, k_factors: int = 5) -> pd.DataFrame:
    values = np.random.default_rng(3).uniform(-1, 1, (k_items, k_factors))
    return pd.DataFrame(
        values,
        index=[LONG.format(n) for n in range(k_items)],
        columns=[f"F{n}" for n in range(1, k_factors + 1)],
    )


def curves(k_items: int = 5, k_options: int = 5, *, modelled: bool = True) -> list[CategoryCurves]:
    cuts = np.linspace(-1.5, 1.5, k_options - 1)
    items = [
        model_curves(
            LONG.format(n), 0.3 + 0.6 * n / k_items, cuts, range(1, k_options + 1), np.linspace(-3, 3, 41)
        )
        for n in range(k_items)
    ]
    if modelled:
        return items
    return [CategoryCurves(c.item, c.levels[::6], c.codes, c.probabilities[::6], False, 100) for c in items]


def shown_texts(figure: Figure) -> list[Text]:
    """Every text that is drawn."""
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


ALL = {
    "scree of two": scree,
    "scree of one": lambda: scree(25, 1),
    "scree of many": lambda: scree(120, 2),
    "loadings": lambda: plot_loadings(loadings(), WORDS),
    "one loading": lambda: plot_loadings(loadings(1, 1), WORDS),
    "many loadings": lambda: plot_loadings(loadings(60, 12), WORDS),
    "curves": lambda: plot_category_curves(curves(), WORDS),
    "one curve": lambda: plot_category_curves(curves(1), WORDS),
    "two items": lambda: plot_category_curves(curves(2), WORDS),
    "many items": lambda: plot_category_curves(curves(26, 7), WORDS),
    "twelve options": lambda: plot_category_curves(curves(3, 12), WORDS),
    "shares": lambda: plot_category_curves(curves(4, modelled=False), WORDS),
}


@pytest.mark.parametrize("name", ALL)
def test_no_word_is_cut_off_and_none_lies_on_another(name: str) -> None:
    figure = ALL[name]()
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in shown_texts(figure)]

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


@pytest.mark.parametrize("name", ["scree of two", "loadings", "curves", "shares"])
def test_every_picture_has_title_and_description_and_is_the_same_each_time(name: str) -> None:
    first, second = (figure_svg(ALL[name](), WORDS) for _ in range(2))
    root = ET.fromstring(first)

    assert first == second
    assert WORDS.description in first.decode()
    assert root.tag == f"{SVG}svg"
    assert figure_png(ALL[name](), WORDS).startswith(b"\x89PNG")


def test_pyplot_knows_nothing_of_the_figures() -> None:
    from matplotlib._pylab_helpers import Gcf

    for make in ALL.values():
        make()

    assert Gcf.get_all_fig_managers() == []


class TestScree:
    def test_values_above_the_reference_are_solid_and_others_rings(self) -> None:
        figure = plot_scree([ScreeCurve("Pearson", [2.0, 1.2, 0.5], [1.3, 1.1, 0.9])], WORDS, legend=LEGEND)
        lines = {line.get_label(): line for line in figure.axes[0].lines}

        assert lines["eigenvalues"].get_markevery() == [0, 1]
        assert lines["_below"].get_xdata().tolist() == [3]
        assert lines["reference"].get_ydata().tolist() == [1.3, 1.1, 0.9]
        assert lines["reference"].get_linestyle() != lines["eigenvalues"].get_linestyle()

    def test_panels_share_one_scale(self) -> None:
        small, large = ScreeCurve("a", [1.5, 0.5], [1, 1]), ScreeCurve("b", [5.0, -0.5], [1, 1])
        axes = plot_scree([small, large], WORDS, legend=LEGEND).axes

        assert axes[0].get_ylim() == axes[1].get_ylim()
        assert axes[0].get_ylim()[0] < -0.5

    def test_nothing_above_chance_is_drawn_as_nothing_above_chance(self) -> None:
        figure = plot_scree([ScreeCurve("a", [1.0, 0.9], [1.2, 1.1])], WORDS, legend=LEGEND)
        rings = next(line for line in figure.axes[0].lines if line.get_label() == "_below")

        assert rings.get_xdata().tolist() == [1, 2]
        assert to_rgb(rings.get_markerfacecolor()) == (1, 1, 1)
        solid = next(line for line in figure.axes[0].lines if line.get_label() == "eigenvalues")
        assert rings.get_zorder() > solid.get_zorder()

    def test_wrong_input_is_named(self) -> None:
        with pytest.raises(PlotError, match="nothing to draw"):
            plot_scree([], WORDS, legend=LEGEND)
        with pytest.raises(PlotError, match="differ in number"):
            plot_scree([ScreeCurve("a", [1.0], [1.0, 1.0])], WORDS, legend=LEGEND)


class TestLoadings:
    def test_every_number_is_printed_with_its_sign_and_without_a_leading_zero(self) -> None:
        table = pd.DataFrame({"F1": [0.714, -0.3, 1.0], "F2": [-0.004, np.nan, -1.02]}, index=list("abc"))
        texts = [text.get_text() for text in plot_loadings(table, WORDS).axes[0].texts]

        assert texts == [".71", ".00", "−.30", "1.00", "−1.02"]

    def test_colours_do_not_depend_on_the_largest_loading(self) -> None:
        image = plot_loadings(loadings() * 0.1, WORDS).axes[0].images[0]

        assert image.get_clim() == (-1, 1)

    def test_salient_loadings_are_bold(self) -> None:
        table = pd.DataFrame({"F1": [0.29, -0.31]}, index=list("ab"))
        weights = [text.get_weight() for text in plot_loadings(table, WORDS).axes[0].texts]

        assert weights == ["normal", "bold"]

    def test_numbers_contrast_with_their_cells(self) -> None:
        values = np.linspace(-1, 1, 81)
        axes = plot_loadings(pd.DataFrame({"F1": values}), WORDS).axes[0]
        colours = axes.images[0].get_cmap()

        for text, value in zip(axes.texts, values, strict=True):
            assert contrast(to_rgb(text.get_color()), colours((value + 1) / 2)[:3]) >= 3.0

    def test_scales_are_parted_by_a_line(self) -> None:
        axes = plot_loadings(loadings(4, 1), WORDS, groups=["s", "s", "t", "t"]).axes[0]
        dark = [line.get_ydata()[0] for line in axes.lines if to_rgb(line.get_color()) != (1, 1, 1)]

        assert dark == [1.5]

    def test_names_that_differ_at_the_end_stay_different(self) -> None:
        labels = [text.get_text() for text in plot_loadings(loadings(), WORDS).axes[0].get_yticklabels()]

        assert len(set(labels)) == 25
        assert max(map(len, labels)) <= 26

    def test_an_empty_table_is_named(self) -> None:
        with pytest.raises(PlotError, match="nothing to draw"):
            plot_loadings(pd.DataFrame(), WORDS)


class TestCategoryCurves:
    def test_each_option_is_a_line_with_its_values(self) -> None:
        items = curves(2, 4)
        axes = plot_category_curves(items, WORDS).axes[0]

        assert [line.get_label() for line in axes.lines] == ["1", "2", "3", "4"]
        np.testing.assert_array_equal(axes.lines[2].get_ydata(), items[0].probabilities[:, 2])

    def test_an_option_keeps_its_colour_where_another_item_lacks_one(self) -> None:
        full, lacking = curves(2, 3)
        lacking = CategoryCurves("x", lacking.levels, (1.0, 3.0), lacking.probabilities[:, [0, 2]], True)
        first, second = plot_category_curves([full, lacking], WORDS).axes

        assert second.lines[1].get_color() == first.lines[2].get_color()
        assert second.lines[1].get_linestyle() == first.lines[2].get_linestyle()

    def test_an_empty_list_is_named(self) -> None:
        with pytest.raises(PlotError, match="nothing to draw"):
            plot_category_curves([], WORDS)


class TestColours:
    @pytest.mark.parametrize("k_options", [2, 5, 7, 12])
    def test_options_grow_darker_and_are_seen_on_white(self, k_options: int) -> None:
        lightness = [luminance(to_rgb(colour)) for colour in option_colours(k_options)]

        assert (np.diff(lightness) < 0).all()
        assert all(contrast(to_rgb(colour), (1, 1, 1)) >= 3.0 for colour in option_colours(k_options))

    def test_the_two_ends_differ_for_the_colour_blind(self) -> None:
        # Brettel's and Viénot's simulations reduce red and green to one channel; blue against the rest is what is left.
        negative, positive = np.array(to_rgb(DIVERGING[0])), np.array(to_rgb(DIVERGING[-1]))

        for colours in (negative, positive):
            assert contrast(tuple(colours), (1, 1, 1)) > 4.5
        yellow_blue = [rgb[:2].mean() - rgb[2] for rgb in (negative, positive)]
        assert yellow_blue[0] > 0.2 > -0.2 > yellow_blue[1]

    def test_a_palette_of_one_lightness_would_be_noticed(self) -> None:
        assert not (np.diff([luminance(to_rgb(c)) for c in reversed(OPTIONS)]) < 0).all()


def luminance(rgb: tuple[float, ...]) -> float:
    """Relative luminance as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """WCAG's contrast ratio."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_dollar_signs_and_control_characters_are_words() -> None:
    words = FigureWords("100 $ & <more>\x07", "a\x00b", "$x$", "up")
    svg = figure_svg(plot_loadings(loadings(2, 1), words), words).decode()

    assert ET.fromstring(svg) is not None
    assert re.search(r"100 \$ &amp; &lt;more&gt;", svg)
