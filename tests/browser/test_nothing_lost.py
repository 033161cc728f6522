"""Nothing typed is ever lost: cut connections, two tabs, two devices, lost cookies, killed servers, wrong clocks, in a real browser."""

import datetime as dt
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from instruments.answers import AnswerValue
from surveys import invitations, responses
from surveys.database import make_engine, make_session_factory, upgrade
from surveys.pseudonyms import Pseudonyms
from tests.running import LINK_KEY, WITH_CATALOGUES, RunningServer, seed_pairs
from tests.webapp.conftest import make_up
from webapp import catalogues

pytestmark = pytest.mark.browser

# The questions of the mentee's four pages.
PAGES = (("A1", "A2", "A3"), ("B1", "B2"), ("X1", "X3"), ("H1", "R1"))
PHONE = {"width": 360, "height": 780}


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Catalogues in which German is complete, so that it is offered."""
    folder = tmp_path_factory.mktemp("translations")
    template = catalogues.extract_template()
    (folder / "messages.pot").write_text(catalogues.render_template(template), encoding="utf-8")
    catalog = catalogues.merge_catalogue(template, "de", None)
    for message in catalog:
        if message.id:
            message.string = make_up(message.id, "de", catalog.num_plurals)
    path = folder / "de" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True)
    path.write_text(catalogues.render_catalogue(catalog, catalogues.DEFAULT_HEADERS), encoding="utf-8")
    return folder


class Service:
    """The server, the links that nobody has used yet, and what is stored behind those that were."""

    def __init__(self, folder: Path, translations: Path) -> None:
        self.database = f"sqlite:///{folder / 'lost.db'}"
        upgrade(self.database)
        self._tokens = [mentee for _mentor, mentee in seed_pairs(self.database, 14)]
        self.server = RunningServer(self.database, program=["-c", WITH_CATALOGUES, str(translations)])
        self.engine = make_engine(self.database)

    def new_link(self) -> str:
        return f"{self.server.url}/s/{self._tokens.pop()}"

    def stored(self, link: str) -> tuple[str, dict[str, AnswerValue]]:
        """The state of what is behind a link, and its answers."""
        with make_session_factory(self.engine)() as session:
            found = invitations.find_invitation(session, link.rpartition("/")[2], now=dt.datetime.now(dt.UTC))
            view = responses.load_response(session, found, Pseudonyms(bytes.fromhex(LINK_KEY)))
        return (view.state.value, dict(view.answers)) if view else ("nothing", {})

    def codes(self, link: str) -> dict[str, int | None]:
        """The codes that are stored behind a link."""
        return {item: value.code for item, value in self.stored(link)[1].items()}

    def n_responses(self) -> int:
        engine = create_engine(self.database)
        with engine.connect() as connection:
            n = connection.scalar(text("SELECT count(*) FROM confidential_response"))
        engine.dispose()
        return int(n or 0)


@pytest.fixture(scope="module")
def service(chromium_path: str, tmp_path_factory: pytest.TempPathFactory, german: Path) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("lost"), german)
    service.server.start()
    yield service
    service.server.stop()
    service.engine.dispose()


@pytest.fixture
def device(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page on a device of its own."""
    contexts = []

    def take(**options: Any) -> Any:
        context = browser.new_context(viewport=PHONE, locale="en", **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context.new_page()

    yield take
    for context in contexts:
        context.close()


def post_without_answer(request: Any) -> None:
    """Let a save arrive, with a cookie in its answer that never reaches the browser."""
    headers = {"Content-Type": request.headers["content-type"], "Viceversa-Save": "1"}
    sent = urllib.request.Request(request.url, request.post_data_buffer, headers)
    with urllib.request.urlopen(sent, timeout=10) as answer:
        assert answer.headers["Set-Cookie"]


def choose(page: Any, **codes: int) -> None:
    for item, code in codes.items():
        page.locator(f"input[name={item}][value='c:{code}']").check()


def press(page: Any, go: str = "next") -> None:
    page.click(f"button[name=go][value={go}]")


def chosen(page: Any) -> dict[str, str]:
    inputs = page.locator("fieldset.question input:checked").all()
    return {one.get_attribute("name"): one.get_attribute("value") for one in inputs}


def wait_until_chosen(page: Any, n: int) -> None:
    """Wait until so many options are chosen; the page's own policy refuses conditions that are given as text."""
    page.locator("fieldset.question input:checked").nth(n - 1).wait_for(state="attached")


def fill_page(page: Any, number: int, code: int = 1) -> None:
    """Answer the ratings of a page, all with one code that its scale has."""
    choose(page, **{item: code for item in PAGES[number - 1] if item != "R1"})


def allow_keeping(page: Any, link: str) -> None:
    """Switch on, on the first page, that the device keeps what is not sent, and wait until it does."""
    page.goto(link)
    page.locator("[data-switch] input").check()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.locator("[data-switch] input:enabled").wait_for()
    assert kept_on(page) == (0, 1, 1, 1)


def wait_until_kept(page: Any, *counts: int) -> None:
    """Wait until the device holds so many records, caches, workers and flags."""
    for _ in range(100):
        if kept_on(page) == counts:
            return
        page.wait_for_timeout(50)
    assert kept_on(page) == counts


def keep_as_before_tabs(page: Any, link: str, *, number: int, **codes: int) -> None:
    """Let a page wait for a connection as earlier versions kept it: one record for all tabs."""
    path = f"/s/{link.rpartition('/')[2]}"
    fields = [["seen", ""], *([item, f"c:{code}"] for item, code in codes.items())]
    record = {"address": f"{path}/{number}", "fields": fields, "waiting": True, "typed": False, "order": 1}
    page.evaluate(
        """([path, record]) => new Promise((done) => {
            const asked = indexedDB.open('viceversa');
            asked.onsuccess = () => {
                const transaction = asked.result.transaction('kept', 'readwrite');
                transaction.objectStore('kept').put(record, [path, record.address]);
                transaction.oncomplete = () => done(asked.result.close());
            };
        })""",
        [path, record],
    )


def hide(page: Any) -> None:
    """Let a page take itself for hidden, as a phone's does when another one comes before it."""
    page.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', { value: true, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )


def wait_until_said(page: Any, words: str) -> None:
    page.locator(".says", has_text=words).wait_for()


def kept_on(page: Any) -> tuple[int, int, int, int]:
    """How many records, caches, workers and flags the device holds."""
    return tuple(
        page.evaluate(
            """async () => {
                const names = (await indexedDB.databases()).map((one) => one.name);
                let records = 0;
                if (names.includes('viceversa')) {
                    const base = await new Promise((done) => {
                        const asked = indexedDB.open('viceversa');
                        asked.onsuccess = () => done(asked.result);
                    });
                    records = await new Promise((done) => {
                        const asked = base.transaction('kept').objectStore('kept').count();
                        asked.onsuccess = () => done(asked.result);
                    });
                    base.close();
                }
                const workers = await navigator.serviceWorker.getRegistrations();
                return [records, (await caches.keys()).length, workers.length, localStorage.length];
            }"""
        )
    )


def test_offline_for_two_pages_then_online(service: Service, device: Callable[..., Any]) -> None:
    """With the person's leave: exactly one submission, all answers there, and nothing left on the device."""
    link, page = service.new_link(), device()
    before = service.n_responses()
    allow_keeping(page, link)
    page.click("main a.button")
    fill_page(page, 1)
    press(page)
    page.wait_for_url(f"{link}/2")

    page.context.set_offline(True)
    fill_page(page, 2)
    press(page)
    page.wait_for_url(f"{link}/3")
    wait_until_said(page, "Kept on this device")
    fill_page(page, 3)
    press(page)
    page.wait_for_url(f"{link}/4")
    # The way back shows what was answered without a connection, and a page that was saved before it.
    press(page, "back")
    page.wait_for_url(f"{link}/3")
    wait_until_chosen(page, 2)
    page.goto(f"{link}/1")
    wait_until_chosen(page, 3)
    page.goto(f"{link}/4")
    choose(page, H1=1)
    page.fill("textarea[name=R1]", "Written without\na connection.")
    press(page)
    page.wait_for_url(f"{link}/review")
    page.click("form[data-saves] button.button")
    wait_until_said(page, "Kept on this device")
    assert service.stored(link)[0] == "draft"

    page.context.set_offline(False)
    page.wait_for_url(f"{link}/thanks")

    state, answers = service.stored(link)
    assert (state, service.n_responses()) == ("submitted", before + 1)
    assert answers.pop("R1").text == "Written without\na connection."
    assert {item: value.code for item, value in answers.items()} == {
        item: 1 for items in PAGES for item in items if item != "R1"
    }
    wait_until_kept(page, 0, 0, 0, 0)


def test_without_leave_the_page_stays_and_keeps_trying(service: Service, device: Callable[..., Any]) -> None:
    link, page = service.new_link(), device()
    page.goto(f"{link}/1")
    page.context.set_offline(True)
    choose(page, A1=4)
    press(page)
    wait_until_said(page, "Not saved yet")
    assert (page.url, chosen(page)) == (f"{link}/1", {"A1": "c:4"})
    # Whatever is changed meanwhile is what is saved in the end; nothing was put on the device.
    choose(page, A2=2)
    assert kept_on(page) == (0, 0, 0, 0)
    assert service.stored(link)[0] == "nothing"

    page.context.set_offline(False)
    page.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 4, "A2": 2}

    # With leave given only now, what is on the page survives the tab; taken back, nothing stays.
    page.context.set_offline(True)
    choose(page, B1=5)
    press(page)
    page.click(".says label")
    wait_until_said(page, "Kept on this device")
    context = page.context
    page.close()
    context.set_offline(False)
    again = context.new_page()
    again.goto(link)
    wait_until_kept(again, 1, 1, 1, 1)
    assert service.codes(link) == {"A1": 4, "A2": 2, "B1": 5}
    again.locator("[data-switch] input").uncheck()
    wait_until_kept(again, 0, 0, 0, 0)


def test_the_language_is_switched_midway(service: Service, device: Callable[..., Any]) -> None:
    link, page = service.new_link(), device()
    page.goto(f"{link}/2")
    choose(page, B1=5)
    page.click("button[name=language][value=de]")
    page.wait_for_url(f"{link}/2?lang=de")

    assert page.get_attribute("html", "lang") == "de"
    assert chosen(page) == {"B1": "c:5"}
    choose(page, B2=2)
    press(page)
    page.wait_for_url(f"{link}/3")
    assert page.get_attribute("html", "lang") == "de"
    assert service.codes(link) == {"B1": 5, "B2": 2}


def test_two_devices_change_one_page(service: Service, device: Callable[..., Any]) -> None:
    """One of them without a connection, and with a clock that is a day slow: both answers are shown, and the person decides."""
    link, phone, desk = service.new_link(), device(), device()
    phone.add_init_script("const now = Date.now; Date.now = () => now() - 86400000;")
    allow_keeping(phone, link)
    phone.goto(f"{link}/1")
    choose(phone, A1=1)
    press(phone)
    phone.wait_for_url(f"{link}/2")
    phone.goto(link)
    code = re.search(r"\d{4} \d{4}", phone.inner_text("main"))
    assert code

    desk.goto(link)
    desk.click("summary:has-text('another browser')")
    desk.fill("#code", code.group())
    desk.click("button[name=do][value=code]")
    desk.goto(f"{link}/1")
    assert chosen(desk) == {"A1": "c:1"}
    phone.goto(f"{link}/1")
    phone.context.set_offline(True)
    choose(phone, A1=2, A2=2)
    press(phone)
    phone.wait_for_url(f"{link}/2")
    choose(desk, A1=5, A3=5)
    press(desk)
    desk.wait_for_url(f"{link}/2")

    phone.context.set_offline(False)
    phone.wait_for_selector(".says a")
    assert service.codes(link) == {"A1": 5, "A2": 2, "A3": 5}
    phone.click(".says a")
    phone.wait_for_selector("#errors")
    assert "answered with “Strongly agree”" in re.sub("[\u2066-\u2069]", "", phone.inner_text("main"))
    assert chosen(phone) == {"A1": "c:2", "A2": "c:2", "A3": "c:5"}
    press(phone)
    phone.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 2, "A2": 2, "A3": 5}


def test_two_tabs_and_the_way_back(service: Service, device: Callable[..., Any]) -> None:
    link, first = service.new_link(), device()
    first.goto(f"{link}/1")
    second = first.context.new_page()
    second.goto(f"{link}/1")
    choose(first, A1=4)
    press(first)
    first.wait_for_url(f"{link}/2")
    choose(second, A2=2)
    press(second)
    second.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 4, "A2": 2}

    # Back to the page, a change, and on; then sent, back to the check, and sent again.
    first.go_back()
    wait_until_chosen(first, 1)
    choose(first, A1=5)
    press(first)
    first.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 5, "A2": 2}
    first.goto(f"{link}/review")
    first.click("form[data-saves] button.button")
    first.wait_for_url(f"{link}/thanks")
    first.go_back()
    first.wait_for_url(f"{link}/review")
    first.click("form[data-saves] button.button")
    first.wait_for_url(f"{link}/thanks")
    assert (service.stored(link)[0], service.codes(link)) == ("submitted", {"A1": 5, "A2": 2})


def two_tabs_without_connection(link: str, first: Any, *, number: int = 1) -> Any:
    """Two tabs of one page on a device that may keep; the second one."""
    allow_keeping(first, link)
    first.goto(f"{link}/{number}")
    second = first.context.new_page()
    second.goto(f"{link}/{number}")
    first.context.set_offline(True)
    return second


def test_two_tabs_keep_one_page_without_a_connection(service: Service, device: Callable[..., Any]) -> None:
    """Each tab's answers arrive, in one response, and nothing asks which of them is right; nor when a third one changes them."""
    link, first = service.new_link(), device()
    before = service.n_responses()
    second = two_tabs_without_connection(link, first)
    for page, codes in ((first, {"A1": 5}), (second, {"A2": 2})):
        choose(page, **codes)
        press(page)
        page.wait_for_url(f"{link}/2")
        wait_until_said(page, "Kept on this device")
    wait_until_kept(first, 2, 1, 1, 1)
    assert service.stored(link)[0] == "nothing"
    second.close()
    # What was kept last is what whoever opens the page next goes on from.
    third = first.context.new_page()
    third.goto(f"{link}/1")
    wait_until_chosen(third, 1)
    assert chosen(third) == {"A2": "c:2"}
    choose(third, A2=3)
    press(third)
    third.wait_for_url(f"{link}/2")
    wait_until_said(third, "Kept on this device")

    third.context.set_offline(False)
    third.locator(".says .notice").wait_for(state="detached")
    assert service.codes(link) == {"A1": 5, "A2": 3}
    assert service.n_responses() == before + 1
    third.goto(link)
    third.locator("[data-switch] input").uncheck()
    wait_until_kept(third, 0, 0, 0, 0)


def test_a_hidden_tab_leaves_what_waits_of_another_one(service: Service, device: Callable[..., Any]) -> None:
    """What was only chosen in it is kept beside that and is not sent; what an earlier version kept, which knew no tabs, is."""
    link, first = service.new_link(), device()
    second = two_tabs_without_connection(link, first)
    keep_as_before_tabs(first, link, number=2, B1=5)
    choose(first, A1=5)
    press(first)
    first.wait_for_url(f"{link}/2")
    wait_until_said(first, "Kept on this device")
    choose(second, A2=2)
    hide(second)
    wait_until_kept(second, 3, 1, 1, 1)
    # A tab shows its own, although the other one was later; what waits goes on waiting where it is changed and left.
    first.goto(f"{link}/1")
    wait_until_chosen(first, 1)
    assert chosen(first) == {"A1": "c:5"}
    choose(first, A3=3)
    hide(first)
    # This look waits for what was begun before it.
    assert kept_on(first) == (3, 1, 1, 1)
    first.goto(f"{link}/2")
    wait_until_said(first, "Kept on this device")

    first.context.set_offline(False)
    first.locator(".says .notice").wait_for(state="detached")
    assert service.codes(link) == {"A1": 5, "A3": 3, "B1": 5}
    press(second)
    second.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 5, "A2": 2, "A3": 3, "B1": 5}


def test_two_tabs_answer_one_question_without_a_connection(
    service: Service, device: Callable[..., Any]
) -> None:
    """Tabs that pass for one, as copies do: both answers are shown, in whichever tab one looks, and the person decides."""
    link, first = service.new_link(), device()
    second = two_tabs_without_connection(link, first)
    for page, codes in ((first, {"A1": 5}), (second, {"A1": 2, "A2": 2})):
        page.evaluate("sessionStorage.setItem('viceversa', 'a copied tab')")
        choose(page, **codes)
        press(page)
        page.wait_for_url(f"{link}/2")
        wait_until_said(page, "Kept on this device")
    second.close()

    first.context.set_offline(False)
    first.wait_for_selector(".says a")
    assert service.codes(link) == {"A1": 5, "A2": 2}
    first.click(".says a")
    first.wait_for_selector("#errors")
    assert chosen(first) == {"A1": "c:2", "A2": "c:2"}
    press(first)
    first.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 2, "A2": 2}
    first.reload()
    assert first.locator(".says .notice").count() == 0


def test_a_lost_cookie_loses_nothing(service: Service, device: Callable[..., Any]) -> None:
    link, page = service.new_link(), device()
    page.goto(f"{link}/1")
    choose(page, A1=4)
    press(page)
    page.wait_for_url(f"{link}/2")
    code = re.search(r"\d{4} \d{4}", page.request.get(link).text().replace("\u2066", ""))
    assert code
    choose(page, B1=5)
    page.context.clear_cookies()
    press(page)
    page.wait_for_selector("#code")
    assert "begun in another browser" in page.inner_text("main")

    page.fill("#code", code.group())
    page.click("button[name=do][value=code]")
    page.wait_for_url(f"{link}/3")
    assert service.codes(link) == {"A1": 4, "B1": 5}


def test_without_javascript_everything_works(service: Service, device: Callable[..., Any]) -> None:
    link, page = service.new_link(), device(java_script_enabled=False)
    page.goto(link)
    page.click("main a.button")
    for number in range(1, 5):
        fill_page(page, number)
        press(page)
    assert page.url == f"{link}/review"
    page.click("form[data-saves] button.button")

    assert page.url == f"{link}/thanks"
    assert service.stored(link)[0] == "submitted"
    assert len(service.codes(link)) == 8


def test_without_the_script_a_cut_connection_loses_the_page(
    service: Service, device: Callable[..., Any]
) -> None:
    """Control: the same press on the same page, and what was chosen is gone."""
    link, page = service.new_link(), device(java_script_enabled=False)
    page.goto(f"{link}/1")
    choose(page, A1=4)
    page.context.set_offline(True)
    with suppress(Exception):
        press(page)
    page.wait_for_timeout(300)
    page.context.set_offline(False)
    page.goto(f"{link}/1")

    assert (chosen(page), service.stored(link)[0]) == ({}, "nothing")


def test_a_revoked_link_leaves_nothing_on_the_device(service: Service, device: Callable[..., Any]) -> None:
    link, page = service.new_link(), device()
    allow_keeping(page, link)
    page.goto(f"{link}/1")
    choose(page, A1=4)
    press(page)
    page.wait_for_url(f"{link}/2")
    wait_until_kept(page, 1, 1, 1, 1)

    with make_session_factory(service.engine).begin() as session:
        moment = dt.datetime.now(dt.UTC)
        found = invitations.find_invitation(session, link.rpartition("/")[2], now=moment)
        invitations.revoke_invitation(session, found, now=moment)
    page.goto(link)

    # The switch's own flag says nothing but that it was on.
    wait_until_kept(page, 0, 0, 0, 1)


def test_the_keyboard_is_enough(service: Service, device: Callable[..., Any]) -> None:
    """Every target is large enough, each group is named by its question, and the page is answered without a pointer."""
    link, page = service.new_link(), device()
    page.goto(f"{link}/1")
    small = page.evaluate(
        """() => [...document.querySelectorAll('label.option, button, main a, .languages button')]
            .filter((one) => one.checkVisibility())
            .map((one) => [one.textContent.trim(), one.getBoundingClientRect().height])
            .filter(([, height]) => height < 44)"""
    )
    assert small == []
    names = [one.aria_snapshot() for one in page.locator("fieldset.question").all()]
    assert [name.splitlines()[0] for name in names] == [
        f"- group {quoted}:" for quoted in page.evaluate(
            "[...document.querySelectorAll('fieldset.question legend')].map((one) => JSON.stringify(one.textContent.trim()))"
        )
    ]  # fmt: skip
    page.focus("#A1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert chosen(page) == {"A1": "c:2"}
    for _ in range(30):
        if page.evaluate("document.activeElement.value") == "next":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 2}


def test_the_server_is_killed_between_save_and_answer_and_a_new_version_comes(
    service: Service, device: Callable[..., Any]
) -> None:
    link, page = service.new_link(), device()
    page.goto(f"{link}/1")
    choose(page, A1=4)
    # The save arrives, its answer never does.
    page.route(f"{link}/1", lambda route: (post_without_answer(route.request), route.abort()), times=1)
    press(page)
    page.wait_for_selector(".says .notice")
    assert service.codes(link) == {"A1": 4}
    service.server.kill()
    choose(page, A2=3)
    service.server.start()
    page.wait_for_url(f"{link}/2")
    assert service.codes(link) == {"A1": 4, "A2": 3}

    # A page of an older version, whose statement and files nobody knows any more, is saved all the same.
    page.evaluate("document.querySelector('[name=statement]').value = 'f'.repeat(64)")
    page.evaluate("document.querySelector('[name=seen]').remove()")
    choose(page, B1=5)
    with suppress(Exception):
        press(page)
    page.wait_for_url(f"{link}/3")
    assert service.codes(link) == {"A1": 4, "A2": 3, "B1": 5}
