"""Every participant page, in a left-to-right and a right-to-left language on a phone, holds against axe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def axe() -> str:
    """The axe-core script that ships in the wheel."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any, axe: str) -> list[str]:
    """What axe and two checks of our own find on the page as it stands."""
    # Through the debugging protocol, so that the page's own security policy stays as it is.
    page.evaluate(axe + "\n;0")
    result = page.evaluate(
        "tags => axe.run(document, {resultTypes: ['violations'], runOnly: {type: 'tag', values: tags}})", TAGS
    )
    found = [f"{v['id']}: {n['target']}" for v in result["violations"] for n in v["nodes"]]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"):
        found.append("the page scrolls sideways")
    return found


def walk(page: Any, link: str, locale: str) -> Iterator[str]:
    """Open every page behind a link, one after the other, with something answered on each; yields their names."""
    page.goto(f"{link}?lang={locale}")
    yield "welcome"
    page.goto(f"{link}/1")
    number = 0
    while page.locator("fieldset.question").count():
        number += 1
        page.locator("fieldset.question").first.locator("label.option").first.click()
        yield f"page {number}"
        with page.expect_navigation():
            page.click("button[name=go][value=next]")
    yield "review"
    with page.expect_navigation():
        page.click("main form button[type=submit].button >> nth=0")
    yield "thanks"
    page.click("#support summary")
    yield "thanks with the support card open"
    page.goto(f"{link}/write")
    yield "write"
    page.click("form[data-warn-unsaved] button[type=submit]")
    yield "write with an error"
    page.locator("label.option").first.click()
    page.click("form[data-warn-unsaved] button[type=submit]")
    yield "sent"
    for name in ("privacy", "my-data", "withdraw"):
        page.goto(f"{link}/{name}")
        yield name
    page.goto(link)
    yield "welcome again"
    page.goto(f"{link[:-3]}xyz?lang={locale}")
    yield "unknown link"


@pytest.mark.parametrize(("locale", "role"), [("en", "mentee"), ("ur", "mentor")])
def test_no_participant_page_violates_a_rule(
    browser: Any, served: Any, axe: str, locale: str, role: str
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 780}, locale=locale)
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text) if message.type == "error" else None)

    found = {name: violations(page, axe) for name in walk(page, getattr(served, role), locale)}
    # The same link in another browser shows the page that asks for the code.
    other = browser.new_context(viewport={"width": 360, "height": 780}, locale=locale).new_page()
    other.goto(getattr(served, role))
    found["begun elsewhere"] = violations(other, axe)
    context.close()
    other.context.close()

    assert len(found) >= 16
    assert {name: problems for name, problems in found.items() if problems} == {}
    # An unknown link and a form with an error answer so on purpose.
    assert [text for text in messages if "404" not in text and "400" not in text] == []


def test_a_spoilt_page_is_caught(browser: Any, served: Any, axe: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(served.url)
    page.evaluate("document.documentElement.removeAttribute('lang')")

    assert any(problem.startswith("html-has-lang") for problem in violations(page, axe))
    context.close()
