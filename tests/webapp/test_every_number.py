"""Every number on every page of the coordinator comes from a stored release, or is a fact of the programme that no answer touches.

A crawler follows every link, picture and choice of every form, and must have been at every address of the desk that can be looked at.
Numbers from answers are written into `<data data-release="PLACE">`, where PLACE leads through the stored JSON; each is looked up
there and compared, in value and as printed. Contrasts of two cohorts are worked out anew from the two places that they name, the rate of
an open wave is counted anew, of the days before today. Whatever digit is left must stand in one of the sentences of `facts` that hold on
this page, with the fact's own value: so much for what people wrote to the coordinator, and for themes as they were frozen. Letters of pictures
are outlines, so the figures behind each are looked at where they are handed to the drawing.
"""

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
import scipy.stats
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import scoring.plots
from instruments.answers import AnswerValue
from instruments.model import Role, WaveKind
from surveys import invitations, mediation, messages, responses
from surveys import waves as use_cases
from surveys.models import Contact, Wave
from surveys.published_themes import PublishedTheme, PublishedThemes, themes_of
from tests.webapp.facts import DAY, Facts, latin, read_facts
from tests.webapp.worlds import COOKIE, HOW, START, TOP, Seeds, make_world, put_in_place, writing
from tests.webapp.written import write_quietly
from webapp.coordinate import cohorts, comparison, figures, results, themes
from webapp.coordinate.words import KINDS
from webapp.mail_settings import SmtpSettings

NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?\d+(?:[.,\u066b]\d+)*")
SEEN_BY_READERS = ("alt", "aria-label", "title", "placeholder", "content", "label")
# Attributes with a number that is for the browser alone.
FOR_BROWSERS = {"meta": {"content"}}


class Page(HTMLParser):
    """What a reader meets on a page: text, numbers with a place, ways on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.marked: list[tuple[dict[str, str], str]] = []
        self.ways: list[str] = []
        self.menus: list[tuple[str, dict[str, list[str]]]] = []
        self.language = ""
        self._mark: tuple[dict[str, str], list[str]] | None = None
        self._silent = self._select = ""
        self._menu = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.language = given["lang"] if tag == "html" else self.language
        self._silent = tag if tag in {"script", "style"} else self._silent
        if tag == "data":
            self._mark = (given, [])
        if tag in {"a", "link"} and "href" in given:
            self.ways.append(given["href"])
        self.ways += [given[name] for name in ("src", "srcset") if name in given]
        if tag == "form":
            self._menu = given.get("method", "get") == "get"
            if self._menu:
                self.menus.append((given.get("action", ""), {}))
        if tag == "select" and self._menu:
            self._select = given["name"]
            self.menus[-1][1][self._select] = []
        if tag == "option" and self._menu:
            self.menus[-1][1][self._select].append(given["value"])
        self.text += [
            given[name] for name in SEEN_BY_READERS if name in given and name not in FOR_BROWSERS.get(tag, ())
        ]
        if tag == "input" and given.get("type") not in {"hidden", "file"}:
            self.text.append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self._silent = "" if tag == self._silent else self._silent
        self._menu = self._menu and tag != "form"
        if tag == "data" and self._mark is not None:
            self.marked.append((self._mark[0], latin("".join(self._mark[1]))))
            self._mark = None
            self.text.append("#")

    def handle_data(self, data: str) -> None:
        if self._mark is not None:
            self._mark[1].append(data)
        elif not self._silent:
            self.text.append(data)


def read_number(text: str) -> float:
    """The one number in a text."""
    (found,) = NUMBER.findall(text)
    return float(found.replace("\N{MINUS SIGN}", "-").replace("\u066b", ".").replace(",", "."))


# --- what may stand on a page ----------------------------------------------------------------------------------------


def strange_numbers(text: str, known: list[str]) -> list[str]:
    """The numbers of a text that are left when every known sentence is taken out, each with the words around it."""
    rest = latin(text)
    for sentence in known:
        rest = re.sub(rf"(?<![\d.,]){re.escape(sentence)}(?![\d]|[.,]\d)", "…", rest)
    return [rest[max(0, found.start() - 40) : found.end() + 40] for found in NUMBER.finditer(rest)]


@dataclass
class Ledger:
    """The stored releases, read without the software under test, and the answers that were sent."""

    bodies: dict[str, Any]
    sent: dict[tuple[str, str], tuple[int, int]]

    def look_up(self, place: str) -> Any:
        """The value that stands at a place."""
        wave_id, *path = place.split("/")
        value = self.bodies[wave_id]
        for step in path:
            value = value[step]
        return value

    def problem_with(self, mark: dict[str, str], text: str, wave_id: str) -> str:
        """What is wrong with a marked number; empty if nothing is."""
        if "data-rate" in mark:
            n_sent, n_asked = self.sent[wave_id, mark["data-rate"]]
            expected = min(90.0, max(10.0, 10 * math.floor(10 * n_sent / n_asked + 0.5)))
            enough = n_asked >= 10 and n_sent >= self.bodies["floor"]
            return "" if enough and read_number(text) == float(mark["value"]) == expected else f"rate {text}"
        place = mark.get("data-release", "")
        try:
            expected = self.contrast(*place.split(" ")) if " " in place else self.look_up(place)
        except (KeyError, TypeError, ValueError):
            return f"“{place}” leads nowhere"
        if expected is None or not math.isclose(float(mark["value"]), expected, abs_tol=1e-9):
            return f"{place} is {expected}, not {mark['value']}"
        printed = read_number(text)
        digits = len(text.rpartition(".")[2].partition(" ")[0]) if "." in text else 0
        # A sentence that says "fell by" has no sign.
        signless = not text.startswith(("+", "\N{MINUS SIGN}", "-"))
        expected = abs(expected) if signless and expected < 0 else expected
        return (
            ""
            if abs(printed - expected) <= 0.5 * 10**-digits + 1e-9
            else f"{place} is {expected}, printed {text}"
        )

    def contrast(self, first: str, second: str, name: str) -> float:
        """A number of a contrast of two changes, by Welch's formulas from what is stored of each."""
        one, two = self.look_up(first), self.look_up(second)
        errors = [(c["high"] - c["low"]) / 2 / scipy.stats.t.ppf(0.975, c["n"] - 1) for c in (one, two)]
        variance = sum(error**2 for error in errors)
        df = variance**2 / sum(e**4 / (c["n"] - 1) for e, c in zip(errors, (one, two), strict=True))
        half = scipy.stats.t.ppf(0.975, df) * math.sqrt(variance)
        difference = one["mean"] - two["mean"]
        return {"difference": difference, "low": difference - half, "high": difference + half}[name]


def open_ledger(path: Path) -> Ledger:
    """Read releases and responses straight from the file."""
    with sqlite3.connect(path) as connection:
        bodies = {
            wave: json.loads(body)
            for wave, body in connection.execute("SELECT wave_id, body FROM wave_release")
        }
        bodies["floor"] = connection.execute("SELECT floor FROM program WHERE slug = 'desk'").fetchone()[0]
        asked = connection.execute(
            "SELECT wave_id, role, count(DISTINCT participant_id) FROM invitation JOIN participant ON participant.id = participant_id GROUP BY 1, 2"
        ).fetchall()
        sent = {
            (wave, role): n
            for wave, role, n in connection.execute(
                "SELECT wave_id, role, count(*) FROM confidential_response WHERE state = 'submitted' AND submitted_on < ? GROUP BY 1, 2",
                (START.date().isoformat(),),
            )
        }
    return Ledger(bodies, {(wave, role): (sent.get((wave, role), 0), n) for wave, role, n in asked})


PAPER = "coordinate.print_paper"


# --- the crawler -----------------------------------------------------------------------------------------------------


@dataclass
class Crawl:
    """A walk through all pages of a coordinator in one language."""

    app: Flask
    client: FlaskClient
    locale: str
    ledger: Ledger
    facts: Facts
    drawn: list[scoring.plots.IntervalRow]
    problems: list[str] = field(default_factory=list)
    endpoints: set[str] = field(default_factory=set)
    n_marked: int = 0
    n_pictures: int = 0

    def walk(self, start: str = "/coordinate/") -> "Crawl":
        """Visit everything that can be reached, each address once."""
        waiting, visited = [start], set()
        while waiting:
            address = waiting.pop()
            if address in visited:
                continue
            visited.add(address)
            waiting += [way for way in self.visit(address) if urlsplit(way).path.startswith("/coordinate")]
        return self

    def visit(self, address: str) -> Iterator[str]:
        """Check a page and return where it leads."""
        endpoint, values = self.app.url_map.bind("localhost").match(urlsplit(address).path)
        known = self.facts.on(endpoint, values)
        self.endpoints.add(endpoint)
        if endpoint == PAPER:
            # The questionnaire's own words, and the same bytes whatever was answered (`test_papers`).
            return
        self.drawn.clear()
        answer = self.client.get(address, headers={"Accept-Language": self.locale})
        assert answer.status_code == 200, address
        if answer.mimetype == "image/svg+xml":
            self.check_picture(address, answer.text, known)
            return
        if answer.mimetype != "text/html":
            self.problems += [f"{address}: {strange}" for strange in strange_numbers(answer.text, known)]
            return
        page = Page(answer.text)
        assert page.language == self.locale
        self.problems += [f"{address}: {strange}" for strange in strange_numbers(" ".join(page.text), known)]
        for mark, text in page.marked:
            self.n_marked += 1
            problem = self.ledger.problem_with(mark, text, values.get("wave_id", ""))
            self.problems += [f"{address}: {problem}"] if problem else []
        for way in page.ways:
            target = urljoin(address, way.split(" ")[0])
            # Every page links to itself in other languages.
            if "lang=" not in target:
                yield target
        for action, choices in page.menus:
            for chosen in product(*choices.values()):
                yield f"{urljoin(address, action)}?{urlencode(dict(zip(choices, chosen, strict=True)))}"

    def check_picture(self, address: str, svg: str, known: list[str]) -> None:
        """Compare the rows that were drawn with the stored cells of the cohorts, and read the few words of the picture itself."""
        self.n_pictures += 1
        assert "<text" not in svg
        words = " ".join(re.findall(r"<(?:title|dc:title|dc:description|desc)>([^<]*)<", svg))
        self.problems += [f"{address}: {strange}" for strange in strange_numbers(words, known)]
        stored = [
            cell
            for key, body in self.ledger.bodies.items()
            if key != "floor"
            for content in body["roles"].values()
            for scale in content["scales"].values()
            for cell in (scale["level"], scale["change"])
            if cell is not None and cell["shown"]
        ]
        assert self.drawn
        for row in self.drawn:
            printed = [abs(float(n.replace("\N{MINUS SIGN}", "-"))) for n in NUMBER.findall(latin(row.text))]
            values = [value for value in (row.mean, row.low, row.high) if value is not None]
            traced = any(
                [cell[n] for n in ("mean", "low", "high") if cell[n] is not None] == values for cell in stored
            )
            if (values and not traced) or printed != [
                pytest.approx(abs(value), abs=0.0051 + 0.05 * (row.low is None)) for value in values
            ]:
                self.problems.append(f"{address}: {row}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, seeded_desk: tuple[Path, Seeds]) -> tuple[Path, Seeds]:
    """Released, open and planned waves; four mentors have answered the open ones, and one cohort has no pairs."""
    base, seeds = seeded_desk
    path = make_world(base, seeds, tmp_path_factory.mktemp("numbers") / "world.db", 4, TOP)
    with writing(path) as session:
        # Somebody whose address does not work.
        contact = session.scalars(select(Contact).where(Contact.name == "Tiny mentee 0")).one()
        contact.bounced = True
    return write_quietly(path, seeds), seeds


@pytest.fixture
def crawl(app: Flask, world: tuple[Path, Seeds], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Crawl]:
    """Prepares a walk by the coordinator, with somebody looking over the shoulder of whoever draws."""
    path, seeds = world
    drawn: list[scoring.plots.IntervalRow] = []
    draw = scoring.plots.plot_intervals

    def spy(rows: list[scoring.plots.IntervalRow], *args: Any, **options: Any) -> Any:
        drawn.extend(rows)
        return draw(rows, *args, **options)

    monkeypatch.setattr(scoring.plots, "plot_intervals", spy)

    def prepare(locale: str = "en") -> Crawl:
        put_in_place(app, path)
        app.config["SMTP"] = SmtpSettings("localhost", 25, "none")
        client = app.test_client()
        client.set_cookie(COOKIE, seeds.users["coordinator"])
        with app.test_request_context():
            facts = read_facts(path, locale)
        return Crawl(app, client, locale, open_ledger(path), facts, drawn)

    return prepare


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_every_number_on_every_page_leads_to_a_stored_release_or_is_a_fact_of_the_programme(
    app: Flask, crawl: Callable[..., Crawl], locale: str
) -> None:
    walk = crawl(locale).walk()

    assert walk.problems == []
    looked_at = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("coordinate.") and "GET" in (rule.methods or set())
    }
    assert looked_at - walk.endpoints == set()
    # There was something to check: figures of several cohorts, in pages and pictures.
    assert walk.n_marked > 200
    assert walk.n_pictures > 10


def untraced(walk: Crawl, *addresses: str) -> list[str]:
    """The problems of a few pages."""
    for address in addresses:
        list(walk.visit(address))
    return walk.problems


def test_a_number_counted_from_answers_is_found(
    world: tuple[Path, Seeds], crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = world[1].cohort_page("Tiny")
    assert untraced(crawl(), page) == []
    monkeypatch.setattr(cohorts, "read_done", lambda: "4 of 6 have answered.")
    assert len(untraced(crawl(), page)) == 2


def test_a_number_in_a_known_sentence_is_found_when_it_is_not_the_fact(
    world: tuple[Path, Seeds], crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = world[1].wave_page("Tiny T2", "close")
    assert untraced(crawl(), page) == []
    monkeypatch.setattr(use_cases, "floor_of", lambda _wave: 4)
    (problem,) = untraced(crawl(), page)
    assert "at least 4 people" in problem


def planted(page: object, name: str, plant: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function of a module with its result changed."""
    honest = getattr(page, name)
    return lambda *args, **options: plant(honest(*args, **options))


MESSAGES = "/coordinate/desk/messages"


def test_a_number_planted_on_the_messages_page_is_found(
    crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert untraced(crawl(), MESSAGES) == []
    # All nine who have told how a mediation ended, not the five who are counted.
    plant = planted(mediation, "report_mediations", lambda report: replace(report, n_rated=9))
    with monkeypatch.context() as patch:
        patch.setattr(mediation, "report_mediations", plant)
        (problem,) = untraced(crawl(), MESSAGES)
    assert "of 9 told" in problem
    # The share of all nine, of whom seven say that it is resolved.
    plant = planted(mediation, "report_mediations", lambda report: replace(report, percent_resolved=78))
    with monkeypatch.context() as patch:
        patch.setattr(mediation, "report_mediations", plant)
        (problem,) = untraced(crawl(), MESSAGES)
    assert "Resolved 78%" in problem
    # Another day, words that nobody wrote, and one message fewer than there are.
    for change, n_problems in (({"sent_on": START.date()}, 2), ({"text": "2 of 3 have answered"}, 2)):
        first = planted(
            messages, "list_messages", lambda lines, change=change: [replace(lines[0], **change), *lines[1:]]
        )
        with monkeypatch.context() as patch:
            patch.setattr(messages, "list_messages", first)
            assert len(untraced(crawl(), MESSAGES)) == n_problems
    monkeypatch.setattr(
        messages, "list_messages", planted(messages, "list_messages", lambda lines: lines[1:])
    )
    (problem,) = untraced(crawl(), MESSAGES)
    assert "Done 9" in problem


def test_a_number_planted_on_the_themes_page_is_found(
    world: tuple[Path, Seeds], crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    published, drafted = (world[1].wave_page(name, "themes") for name in ("North T2", "Seven T2"))
    walk = crawl()
    assert untraced(walk, published, drafted) == []
    # There is something to find: the frozen texts have numbers.
    assert "About 11 of our meetings" in walk.client.get(published).text
    counted = PublishedTheme("en", "31 secrets", "Said by 4.", ())
    add = planted(
        themes, "themes_of", lambda _found: {"R1": PublishedThemes(START.date() - 6 * DAY, (counted,))}
    )
    with monkeypatch.context() as patch:
        patch.setattr(themes, "themes_of", add)
        for page in (published, drafted):
            problems = " ".join(untraced(crawl(), page))
            assert "31 secrets" in problems
            assert "Said by 4." in problems
    # What was published of one wave is no fact of another.
    with writing(world[0]) as session:
        mine = themes_of(session, session.get_one(Wave, world[1].waves["North T2"]))
    monkeypatch.setattr(themes, "themes_of", lambda *_args: mine)
    assert untraced(crawl(), published) == []
    assert len(untraced(crawl(), drafted)) >= 4


def test_answers_of_today_in_a_rate_are_found(
    app: Flask, world: tuple[Path, Seeds], crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of twelve mentors answered yesterday, four more today: nothing may be told of them yet."""
    seeds, walk = world[1], crawl()
    page = seeds.wave_page("Wide T2")
    with app.extensions["viceversa.database"].writers.begin() as session:
        for number in range(4, 8):
            token = seeds.links["Wide", Role.MENTOR, number]
            invitation = invitations.find_invitation(session, token, now=START)
            responses.submit_response(session, invitation, {"A1": AnswerValue(code=3)}, now=START, **HOW)
    assert untraced(walk, page) == []
    honest = use_cases.response_rates
    monkeypatch.setattr(
        use_cases, "response_rates", lambda session, wave, now: honest(session, wave, now=now + DAY)
    )
    (problem,) = untraced(walk, page)
    assert "about 70 %" in problem


@pytest.mark.parametrize("place", ["results", "compare"])
def test_a_figure_that_is_not_the_stored_one_is_found(
    world: tuple[Path, Seeds], crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    compare = "/coordinate/desk/compare?scale=AA&role=mentor&wave=T2"
    page = world[1].wave_page("North T2", "results") if place == "results" else compare
    assert untraced(crawl(), page) == []
    honest = figures.format_number
    for module in (figures, comparison, results):
        monkeypatch.setattr(module, "format_number", lambda value, digits=None: honest(value + 0.1, digits))
    assert any("printed" in problem for problem in untraced(crawl(), page))


def test_a_figure_of_another_place_and_one_of_no_place_are_found(
    world: tuple[Path, Seeds], crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = world[1].wave_page("Seven T2", "results")
    right = figures.place_of
    for wrong, sign in (
        (lambda wave, role, scale: right(world[1].waves["North T2"], role, scale), " is "),
        (lambda wave, role, scale: right(wave, role, "ZZ"), "leads nowhere"),
    ):
        monkeypatch.setattr(results, "place_of", wrong)
        assert any(sign in problem for problem in untraced(crawl(), page))


def test_a_picture_of_other_figures_is_found(
    crawl: Callable[..., Crawl], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = "/coordinate/desk/compare.svg?scale=AA&role=mentor&wave=T2"
    assert untraced(crawl(), picture) == []
    rows = comparison.chart_rows

    def shifted(*args: Any) -> list[scoring.plots.IntervalRow]:
        return [
            scoring.plots.IntervalRow(row.label, row.text, None if row.mean is None else row.mean + 0.02)
            for row in rows(*args)
        ]

    monkeypatch.setattr(comparison, "chart_rows", shifted)
    assert untraced(crawl(), picture) != []


def test_the_facts_hold_no_number_of_answers(crawl: Callable[..., Crawl], world: tuple[Path, Seeds]) -> None:
    known = crawl().facts.all
    for sentence in (
        "4 people answered.",
        "7 people",
        "mean 3.3",
        "rose by 0.67 points",
        "about 70 %",
        "n = 12",
    ):
        assert strange_numbers(sentence, known), sentence
    assert WaveKind.T2 in KINDS
