"""In a real browser, too, a coordinator sees the same of nobody and of four people: pages, pictures, sizes, and what a browser keeps."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from surveys import accounts
from surveys.models import User
from tests.browser.conftest import wait_until_served
from tests.webapp.worlds import COOKIE, LINK_KEY, TOP, TOY_FOLDERS, Seeds, make_world, seed, writing

pytestmark = pytest.mark.browser

WORLDS = {"nobody": 0, "four": 4, "five": 5}
MENTORS = "/coordinate/desk/compare?scale=AA&role=mentor&wave=T2"


@pytest.fixture(scope="module")
def desks(
    chromium_path: str, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[dict[str, tuple[str, str]], Seeds]]:
    """For each world the address at which it is served and a session of its coordinator."""
    folder = tmp_path_factory.mktemp("desks")
    base = folder / "base.db"
    base.write_bytes(sqlite_template.read_bytes())
    with writing(base) as session:
        seeds = seed(session)
    found, processes = {}, []
    try:
        for name, few in WORLDS.items():
            path = make_world(base, seeds, folder / f"{name}.db", few, TOP)
            with writing(path) as session:
                user = session.query(User).filter_by(email="coordinator@example.org").one()
                token = accounts.start_session(session, user, now=datetime.now(UTC))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            environment = {
                **os.environ,
                "VICEVERSA_DATABASE_URL": f"sqlite:///{path}",
                "VICEVERSA_SECRET_KEY": "a key for tests only, not a secret",
                "VICEVERSA_LINK_KEY": LINK_KEY.hex(),
                "VICEVERSA_INSTRUMENT_FOLDERS": str(TOY_FOLDERS[0]),
            }
            command = [sys.executable, "-m", "webapp.cli", "serve", "--port", str(port), "--workers", "1"]
            processes.append(
                subprocess.Popen(command, env=environment, cwd=Path(__file__).resolve().parents[2])
            )
            found[name] = (f"http://127.0.0.1:{port}", token)
        for (url, _token), process in zip(found.values(), processes, strict=True):
            wait_until_served(url, process)
        yield found, seeds
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def attack(browser: Any, url: str, token: str, seeds: Seeds) -> list[tuple[Any, ...]]:
    """Close a wave by hand; note each reply's address, status and headers, sizes among them, and what then stands in the window."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en")
    context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
    page, seen = context.new_page(), []
    # The first release that a server makes loads the whole of the statistics.
    page.set_default_timeout(120_000)

    def note(response: Any) -> None:
        if "/static/" not in response.url:
            headers = {
                name: value for name, value in response.headers.items() if name not in {"date", "set-cookie"}
            }
            seen.append((response.url.removeprefix(url), response.status, headers))

    def look() -> None:
        page.wait_for_load_state("networkidle")
        seen.append(
            (re.sub(r'name="csrf_token" value="[^"]+"', "", page.content()), page.screenshot(full_page=True))
        )

    page.on("response", note)
    page.goto(url + seeds.wave_page("Tiny T2"))
    look()
    page.click("main a[href$='/close']")
    look()
    page.click("main button.button--danger")
    page.wait_for_url("**/results*")
    look()
    page.goto(url + MENTORS)
    look()
    assert page.locator("figure img").evaluate("image => image.complete && image.naturalWidth > 200")
    # Signed out, the way back leads to nothing that the browser kept.
    with page.expect_navigation(wait_until="networkidle"):
        page.click("header form.account button")
    page.go_back()
    look()
    assert "Ease with the partner" not in page.inner_text("main")
    context.close()
    return seen


def test_a_browser_gets_the_same_of_nobody_and_of_four(
    browser: Any, desks: tuple[dict[str, tuple[str, str]], Seeds]
) -> None:
    worlds, seeds = desks
    seen = {name: attack(browser, *worlds[name], seeds) for name in worlds}

    assert len(seen["nobody"]) >= 11
    for one, other in zip(seen["nobody"], seen["four"], strict=True):
        assert one == other, one[0]
    assert any("not shown" in one[0] for one in seen["nobody"])
    # Control: five people change results, comparison and sizes.
    told = [one for one, other in zip(seen["nobody"], seen["five"], strict=True) if one != other]
    assert len(told) >= 5
