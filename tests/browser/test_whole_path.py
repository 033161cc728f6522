"""The whole path in a real browser: two people answer, the wave closes, cohorts are compared, the data are read back."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.browser

COHORT = "Harbour"
WAVE = "T3a"


def answer_everything(page: Any, link: str, locale: str, direction: str) -> None:
    """Answer each question of each page with a point of its scale, and send."""
    page.goto(f"{link}?lang={locale}")
    assert page.get_attribute("html", "lang") == locale
    assert page.get_attribute("html", "dir") == direction
    page.click("main a.button, main button.button >> nth=0")
    for number in range(1, 30):
        if "/review" in page.url or not page.locator("fieldset.question").count():
            break
        for question in page.locator("fieldset.question").all():
            options = question.locator(".options label.option")
            options.nth((number + 2) % options.count()).click()
        assert not scrolls_sideways(page)
        with page.expect_navigation():
            page.click("button[name=go][value=next]")
    with page.expect_navigation():
        page.click("main form button[type=submit].button >> nth=0")
    assert page.get_attribute("html", "lang") == locale


def scrolls_sideways(page: Any) -> bool:
    """Whether the page is wider than its window."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    )


def sign_in(page: Any, url: str, email: str) -> None:
    page.goto(f"{url}/account/sign-in?lang=en")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", "correct horse battery")
    page.click("main button[type=submit]")


def shown_rows(page: Any) -> dict[str, list[str]]:
    """The rows of the first table on the page, by their heading."""
    rows = page.locator("main table").first.locator("tbody tr").all()
    return {row.locator("th").first.inner_text(): row.locator("td").all_inner_texts() for row in rows}


def first_number(text: str) -> float:
    """The first signed number in a cell, whatever minus sign it is written with."""
    found = re.search(r"[+\-]?\d+\.\d+", text.replace("\N{MINUS SIGN}", "-").replace("\u2011", "-"))
    assert found, text
    return float(found.group())


def alpha_of(items: pd.DataFrame) -> float:
    """Cronbach's alpha by its definition, k/(k-1) (1 - sum of item variances / variance of the sum)."""
    k = items.shape[1]
    return float(k / (k - 1) * (1 - items.var(ddof=1).sum() / items.sum(axis=1).var(ddof=1)))


def test_from_two_phones_to_the_paper(browser: Any, served: Any, tmp_path: Path) -> None:
    phone = browser.new_context(viewport={"width": 360, "height": 780}, locale="ur")
    mentor = phone.new_page()
    answer_everything(mentor, served.mentor, "ur", "rtl")
    phone.close()
    desk = browser.new_context(viewport={"width": 1280, "height": 900}, locale="de", accept_downloads=True)
    mentee = desk.new_page()
    answer_everything(mentee, served.mentee, "de", "ltr")

    coordinator = desk.new_page()
    sign_in(coordinator, served.url, "coordinator@example.org")
    for cohort in (COHORT, "Meadow"):
        coordinator.goto(f"{served.url}/coordinate/demo")
        coordinator.click(f"main a:has-text('{cohort}')")
        coordinator.click("main a:has-text('End: the pair')")
        coordinator.click("main a[href$='/close']")
        coordinator.click("main button.button--danger")
    coordinator.goto(f"{served.url}/coordinate/demo/compare?scale=PS&role=mentor&wave={WAVE}")
    image = coordinator.locator("figure img")
    assert image.evaluate("img => img.complete && img.naturalWidth > 200")
    assert image.get_attribute("alt")
    compared = shown_rows(coordinator)
    coordinator.context.clear_cookies()

    researcher = desk.new_page()
    sign_in(researcher, served.url, "researcher@example.org")
    researcher.goto(f"{served.url}/research/demo/reliability")
    table = researcher.locator("main section", has=researcher.locator(".small", has_text="core-battery"))
    shown_alpha = read_alpha(table)
    researcher.goto(f"{served.url}/research/demo")
    researcher.fill("textarea[name=purpose]", "Reading back what the pages show")
    with researcher.expect_download() as download:
        researcher.click("main form button[type=submit]")
    package = tmp_path / "package.zip"
    download.value.save_as(package)
    desk.close()

    wide = pd.read_csv(io.BytesIO(zipfile.ZipFile(package).read("wide.csv")))
    mentors = wide[wide["role"] == "mentor"]
    names = {"C1": COHORT, "C2": "Meadow"}
    for code, rows in mentors.groupby("cohort"):
        change = (rows["PS.T3a"] - rows["PS.TC"]).dropna()
        cells = compared[names[str(code)]]
        shown = next(cell for cell in cells if re.match(r"[+\-\N{MINUS SIGN}]\d", cell))
        decimals = len(re.search(r"\.(\d+)", shown).group(1))  # type: ignore[union-attr]
        assert first_number(shown) == pytest.approx(change.mean(), abs=0.5 * 10**-decimals + 1e-9)
        assert str(len(change)) in cells
    items = mentors[["cohort", *(f"PS{n}.{WAVE}" for n in range(1, 7))]].dropna()
    centred = items.drop(columns="cohort") - items.groupby("cohort").transform("mean")
    assert shown_alpha == pytest.approx(alpha_of(centred), abs=0.005 + 1e-9)
    # Negative control: with one item keyed the wrong way the file gives another alpha than the page.
    wrong = centred.assign(**{f"PS1.{WAVE}": -centred[f"PS1.{WAVE}"]})
    assert abs(shown_alpha - alpha_of(wrong)) > 0.05


def read_alpha(sections: Any) -> float:
    """The alpha of the mentors' PS after the last meeting, as the researcher's page shows it."""
    for section in sections.all():
        caption = section.locator("caption").inner_text()
        if "pair" not in caption.lower() and "last meeting" not in caption.lower():
            continue
        for row in section.locator("tbody tr").all():
            heading = row.locator("th .range").inner_text()
            cells = row.locator("td").all_inner_texts()
            if heading == "PS" and cells[0] == "Mentors":
                return first_number(cells[3])
    pytest.fail("the researcher's page shows no alpha of PS for mentors")
