"""Every participant page holds against axe: six languages, phone and desk, light and dark, with and without JavaScript.

A page is opened once and then looked at in every size and scheme. The default run takes three cells of the grid, with a script of letters
each; all others are in the slow run.
"""

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 780}
# What depends on size or colours; the rest of a page is the same in all of them.
CHANGING = ["color-contrast", "target-size", "scrollable-region-focusable"]
# Languages with the role that is looked at in them; the default run has these three, with a page's own scripts or without.
GRID = [
    ("en", "mentee"),
    ("de", "mentor"),
    ("ar", "mentee"),
    ("ur", "mentor"),
    ("hi", "mentee"),
    ("zh_Hans", "mentor"),
]
DEFAULT = {("en", True), ("ur", False), ("zh_Hans", True)}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def axe() -> str:
    """The axe-core script that ships in the wheel."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any, axe: str, rules: list[str] | None = None) -> list[str]:
    """What axe and two checks of our own find on the page as it stands; `rules` asks for these rules only."""
    # Through the debugging protocol, so that the page's own security policy stays as it is, and a page without scripts as well.
    page.evaluate(axe + "\n;0")
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    result = page.evaluate("only => axe.run(document, {resultTypes: ['violations'], runOnly: only})", only)
    found = [f"{v['id']}: {n['target']}" for v in result["violations"] for n in v["nodes"]]
    return found + sideways(page)


def sideways(page: Any) -> list[str]:
    """Whether the page has to be moved to and fro to be read."""
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    return ["the page scrolls sideways"] if wide else []


def look(page: Any, axe: str, name: str) -> list[str]:
    """What is wrong with a page on a phone; and, but for the pages between the first and the last, dark, on a desk and at 400 %."""
    found = [f"phone: {problem}" for problem in violations(page, axe)]
    found += [f"small: {target}" for target in small_targets(page)]
    if name.startswith("page ") and name != "page 1" and not page.locator("textarea").count():
        return found
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {problem}" for problem in violations(page, axe, rules=["color-contrast"])]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    found += [f"desk: {problem}" for problem in violations(page, axe, rules=CHANGING)]
    # WCAG 2.2, 1.4.10: 1280 x 1024 at 400 % is a window of 320 x 256.
    page.set_viewport_size({"width": 320, "height": 256})
    found += [f"400 %: {problem}" for problem in sideways(page)]
    page.set_viewport_size(PHONE)
    return found


class Scripts:
    """Switches a page's own scripts off while it loads and acts, and on while axe looks at it, which is a script too."""

    def __init__(self, page: Any, *, allowed: bool) -> None:
        self.allowed = allowed
        self.client = page.context.new_cdp_session(page)
        self.allow(False)

    def allow(self, looking: bool) -> None:
        self.client.send("Emulation.setScriptExecutionDisabled", {"value": not (self.allowed or looking)})


def small_targets(page: Any) -> list[str]:
    """Every answer, button and summary on the page that a finger of 44 pixels does not hit."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("label.option, button, a.button, summary, textarea, main input.input")]
                .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 43.5)
                .map(one => `${one.tagName} ${one.textContent.trim().slice(0, 40)}`)"""
        )
    )


def walk(page: Any, link: str, locale: str) -> Iterator[str]:
    """Open every page behind a link, one after the other, with something answered on each; yields their names."""
    page.goto(f"{link}?lang={locale}")
    assert page.get_attribute("html", "lang") == locale.replace("_", "-")
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
    for name in ("over-time", "privacy", "my-data", "withdraw", "mails"):
        page.goto(f"{link}/{name}")
        yield name
    yield from walk_pair(page, link)
    page.goto(link)
    yield "welcome again"
    page.goto(f"{link[:-3]}xyz?lang={locale}")
    yield "unknown link"


def walk_pair(page: Any, link: str) -> Iterator[str]:
    """What a pair shares, its meetings, and a pulse after one of them."""
    page.goto(f"{link}/goals")
    # Whoever was here before holds the key.
    if page.locator("button[name=do][value=over]").count():
        page.locator("details").last.locator("summary").click()
        page.check("#sure-over")
        send(page, "button[name=do][value=over]")
    else:
        yield "goals, not opened yet"
        send(page, "button[name=do][value=open]")
    yield "goals, none yet"
    new = "form:has(input[name=form_key])"
    send(page, f"{new} button.button")
    yield "goals with an error"
    for box in page.locator(f"{new} textarea").all():
        box.fill("Words of a goal and of its levels")
    send(page, f"{new} button.button")
    yield "goals, with one"
    page.goto(f"{link}/meetings")
    yield "meetings"
    # Once there is a meeting, the form for another one is folded up.
    for folded in page.locator(f"details:not([open]):has({new}) > summary").all():
        folded.click()
    send(page, f"{new} button.button")
    yield "meetings with an error"
    page.fill("input[name=held_on]", dt.datetime.now(dt.UTC).date().isoformat())
    for name in ("took_place", "format"):
        page.locator(f"label.option:has(input[name={name}])").first.click()
    page.fill("input[name=minutes]", "45")
    send(page, f"{new} button.button")
    yield "a meeting"
    page.goto(f"{link}/pulse")
    yield "pulse"
    page.locator("fieldset.question").first.locator("label.option").first.click()
    send(page, f"{new} button.button")
    yield "pulse sent"


def send(page: Any, button: str) -> None:
    """Press a button that leads to another page."""
    with page.expect_navigation():
        page.click(button)


def cells() -> Iterator[Any]:
    """The grid, most of it among the long tests."""
    for (locale, role), scripted in itertools.product(GRID, (True, False)):
        yield pytest.param(
            locale,
            role,
            scripted,
            id=f"{locale}-{'script' if scripted else 'plain'}",
            marks=() if (locale, scripted) in DEFAULT else pytest.mark.slow,
        )


@pytest.mark.parametrize(("locale", "role", "scripted"), list(cells()))
def test_no_participant_page_violates_a_rule(
    browser: Any, served: Any, axe: str, locale: str, role: str, scripted: bool
) -> None:
    link = getattr(served, role)
    context = browser.new_context(viewport=PHONE, locale=locale.replace("_", "-"), reduced_motion="reduce")
    page = context.new_page()
    scripts = Scripts(page, allowed=scripted)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text) if message.type == "error" else None)
    # Others have answered behind the same link before: begin anew.
    context.request.post(f"{link}/elsewhere", form={"do": "over"})

    found = {}
    for name in walk(page, link, locale):
        scripts.allow(True)
        found[name] = look(page, axe, name)
        scripts.allow(False)
    # The same link in another browser shows the page that asks for the code.
    other = browser.new_context(
        viewport=PHONE, locale=locale.replace("_", "-"), reduced_motion="reduce"
    ).new_page()
    other.goto(f"{link}?lang={locale}")
    found["begun elsewhere"] = look(other, axe, "begun elsewhere")
    context.close()
    other.context.close()

    assert len(found) >= 26
    assert {name: problems for name, problems in found.items() if problems} == {}
    # An unknown link, a form with an error, and too many letters from one person answer so on purpose.
    assert [text for text in messages if not re.search("400|404|429", text)] == []


def test_a_spoilt_page_is_caught(browser: Any, served: Any, axe: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(served.url)
    page.evaluate("document.documentElement.removeAttribute('lang')")

    assert any(problem.startswith("html-has-lang") for problem in violations(page, axe))
    context.close()


def test_one_item_is_read_out_with_its_opening_and_every_option(browser: Any, served: Any) -> None:
    """What a screen reader is given: a group named by the question, described by the opening, with a named radio for each option."""
    page = browser.new_context(viewport=PHONE, locale="en").new_page()
    page.goto(f"{served.mentee}/1?lang=en")
    client = page.context.new_cdp_session(page)

    nodes = client.send("Accessibility.getFullAXTree")["nodes"]

    by_id = {node["nodeId"]: node for node in nodes}
    group = next(node for node in nodes if role_of(node) in {"group", "radiogroup"})
    question = page.locator("fieldset.question legend").first.inner_text()
    assert group["name"]["value"] == question
    assert group["description"]["value"] == page.locator("p.stem").first.inner_text()
    radios = [node for node in below(group, by_id) if role_of(node) == "radio"]
    labels = page.locator("fieldset.question").first.locator("label.option:visible").all_inner_texts()
    assert [node["name"]["value"] for node in radios] == [label.strip() for label in labels]
    # Five points and two reasons for none; "Clear" comes once there is something to clear.
    assert len(radios) == 7
    page.context.close()


def role_of(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


def below(node: dict[str, Any], by_id: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes under a node, in the order in which they are read."""
    for child in node.get("childIds", []):
        if child in by_id:
            yield by_id[child]
            yield from below(by_id[child], by_id)


def test_the_keyboard_walks_a_page_in_its_order_and_answers_it(browser: Any, served: Any) -> None:
    page = browser.new_context(viewport=PHONE, locale="en").new_page()
    page.request.post(f"{served.mentor}/elsewhere", form={"do": "over"})
    page.goto(f"{served.mentor}/1?lang=en")
    items = page.locator("fieldset.question").evaluate_all(
        "all => all.map(one => one.querySelector('input').name)"
    )

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    stops: list[str] = []
    while not stops or not stops[-1].startswith("go="):
        page.keyboard.press("Tab")
        active = page.evaluate(
            "(e => e.name ? (e.type === 'radio' ? e.name : e.name + '=' + e.value) : e.tagName)(document.activeElement)"
        )
        stops.append(active)
        if active in items:
            # The first option is taken with the space bar, the third with the arrows.
            page.keyboard.press("Space")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowDown")
        assert len(stops) < 60
    assert [stop for stop in stops if stop in items] == items
    assert stops[-1] == "go=next"
    page.keyboard.press("Enter")
    page.wait_for_url("**/2")
    page.goto(f"{served.mentor}/1")
    chosen = page.locator("fieldset.question input:checked").evaluate_all("all => all.map(one => one.value)")
    assert len(chosen) == len(items)
    assert all(value.startswith("c:") for value in chosen)
    page.context.close()


def test_a_page_of_questions_is_light_and_asks_nobody_else(browser: Any, served: Any) -> None:
    """At most 60 KB on the first visit and 15 KB afterwards, fonts apart; one style sheet, and nothing from elsewhere."""
    page = browser.new_context(viewport=PHONE, locale="en").new_page()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    kinds: dict[str, tuple[str, str]] = {}
    sizes: dict[str, float] = {}

    def started(event: dict[str, Any]) -> None:
        kinds[event["requestId"]] = (event["type"], event["request"]["url"])

    def ended(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = event["encodedDataLength"]

    client.on("Network.requestWillBeSent", started)
    client.on("Network.loadingFinished", ended)
    weights = []
    for number in (1, 2, 3):
        kinds.clear()
        sizes.clear()
        page.goto(f"{served.mentee}/{number}?lang=en", wait_until="networkidle")
        weights.append(sum(size for key, size in sizes.items() if kinds.get(key, ("Font",))[0] != "Font"))
        assert all(url.startswith((served.url, "data:")) for _kind, url in kinds.values())
        assert sum(kind == "Stylesheet" for kind, _url in kinds.values()) <= 1
    print("bytes of a first, second and third page of questions:", weights)
    assert weights[0] <= 60_000
    assert max(weights[1:]) <= 15_000
    # Nothing but the page and its one style sheet stands before the first picture; the script waits.
    html = page.request.get(f"{served.mentee}/1?lang=en").text()
    assert html.count('rel="stylesheet"') == 1
    assert all("defer" in tag for tag in re.findall(r"<script[^>]*>", html))
    page.context.close()
