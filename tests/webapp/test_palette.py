"""The palette holds WCAG 2.2 contrast in every stream, light and dark, read from the style sheet itself."""

import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "webapp/static/style.css").read_text("utf-8")
STREAMS = ("", "confidential", "addressed", "shared")
DARK = "@media (prefers-color-scheme: dark)"
# Which colours are written on which: 4.5:1 for text, 3:1 for what is not text (WCAG 2.2, 1.4.3 and 1.4.11).
TEXT = [
    *product(("ink", "ink-soft", "accent", "accent-hover"), ("ground", "surface")),
    *product(("ink", "ink-soft", "accent", "accent-hover"), ("accent-tint", "sunken")),
    ("accent-ink", "accent"), ("accent-ink", "accent-hover"),
    *product(("success",), ("surface", "success-tint")), *product(("warning",), ("surface", "warning-tint")),
    *product(("error",), ("surface", "error-tint")), ("surface", "error"), ("ink", "success-tint"), ("ink", "warning-tint"),
    ("ink", "error-tint"),
]  # fmt: skip
EDGES = [*product(("line-strong", "focus", "accent"), ("ground", "surface"))]


def block(css: str, start: int) -> str:
    """The declarations after an opening brace, up to the brace that closes it."""
    depth, place = 0, css.index("{", start)
    for end in range(place, len(css)):
        depth += {"{": 1, "}": -1}.get(css[end], 0)
        if depth == 0:
            return css[place + 1 : end]
    raise AssertionError("a brace is not closed")


def colours(css: str, selector: str) -> dict[str, str]:
    """Every colour that the rules of a selector set."""
    found: dict[str, str] = {}
    for match in re.finditer(rf"(?m)^\s*{re.escape(selector)}\s*\{{", css):
        found |= dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-fA-F]{6})\b", block(css, match.start())))
    return found


def palette(css: str, stream: str, *, dark: bool) -> dict[str, str]:
    """The colours of one stream in one scheme, as the cascade gives them."""
    selector = f'[data-stream="{stream}"]'
    night = block(css, css.index(DARK))
    day = css.replace(night, "")
    tokens = colours(day, ":root")
    if dark:
        tokens |= colours(night, ":root")
    if stream:
        tokens |= colours(day, selector) | (colours(night, selector) if dark else {})
    return tokens


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def too_faint(tokens: Mapping[str, str]) -> list[str]:
    """Every pair of colours that is below its ratio."""
    wanted = [(pair, 4.5) for pair in TEXT] + [(pair, 3.0) for pair in EDGES]
    return [
        f"{front} on {back}: {contrast(tokens[front], tokens[back]):.2f}"
        for (front, back), ratio in wanted
        if contrast(tokens[front], tokens[back]) < ratio
    ]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_stream_can_be_read(stream: str, dark: bool) -> None:
    assert too_faint(palette(CSS, stream, dark=dark)) == []


def test_the_ratio_is_the_published_one_and_a_faint_colour_is_noticed() -> None:
    # WCAG: black on white is 21:1; #767676 is the lightest grey with 4.5:1 on white (4.54).
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    spoilt = palette(CSS, "confidential", dark=False) | {"ink-soft": "#9aa5a5"}
    assert "ink-soft on surface" in " ".join(too_faint(spoilt))


def test_the_streams_differ_from_each_other() -> None:
    for dark in (False, True):
        grounds = {palette(CSS, stream, dark=dark)["ground"] for stream in STREAMS}
        assert len(grounds) == len(STREAMS)
