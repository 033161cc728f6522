"""The support card: on everybody's pages, open on one's own screen only, and without a trace anybody else could read."""

import logging
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument
from surveys import invitations, program_contacts, programs, waves
from surveys.models import Base, ContactKind, Program
from webapp.database import EXTENSION
from webapp.participate.visit import Visit

OPEN, CLOSED = '<details class="support" id="support" open>', '<details class="support" id="support"     >'

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def links(write: Callable[[], Session], clock) -> list[str]:
    """Mentees of two pairs at the mid-programme wave of the core battery, whose partners have names of one length."""
    instrument = get_instrument("core-battery", "0.1.0")
    with write() as session:
        program = programs.create_program(
            session,
            slug="core",
            name="Core",
            organisation="Example Works",
            instrument=instrument,
            now=clock(),
        )
        cohort = programs.add_cohort(session, program, name="First", now=clock())
        for name in ("Ann", "Bob"):
            mentor, mentee = (
                programs.add_participant(
                    session,
                    program,
                    role=role,
                    name=name,
                    email=f"{name}-{role}@x.org",
                    locale="en",
                    now=clock(),
                )
                for role in ("mentor", "mentee")
            )
            programs.add_pair(session, cohort, mentor=mentor, mentee=mentee, now=clock())
        opens = clock() - timedelta(days=1)
        wave = waves.schedule_wave(
            session, cohort, "T2", instrument, opens_at=opens, closes_at=opens + timedelta(days=10), now=opens
        )
        issued = invitations.issue_invitations(session, wave, now=clock())
        mentees = [one for one in issued if one.invitation.participant.role == "mentee"]
        return [f"/s/{one.token}" for one in mentees]


def answer(client: FlaskClient, link: str, *, low: bool, reads: bool = False) -> None:
    """Answer every question with its first code, or with its last; on harm it is the other way round.

    Who `reads` has the present promise noted with the answers; anybody else is told it again on every page.
    """
    number = 1
    while (page := client.get(f"{link}/{number}")).status_code == 200:
        given: dict[str, str] = {}
        if reads:
            given["statement"] = re.findall(r'name="statement" value="(\w+)"', page.text)[0]
        for name, value in re.findall(r'name="(\w+)" value="(c:-?\d+)"', page.text):
            if name not in given or low == (name == "HM1"):
                given[name] = value
        assert client.post(f"{link}/{number}", data={**given, "go": "next"}).status_code == 303
        number += 1
    assert client.post(f"{link}/review").status_code == 303


@pytest.fixture
def low_and_high(app: Flask, links: list[str]) -> list[tuple[FlaskClient, str]]:
    """Two browsers whose owners answered the same questions: one with low codes and harm, one with high codes."""
    found = []
    for link, low in zip(links, (True, False), strict=True):
        client = app.test_client()
        answer(client, link, low=low)
        found.append((client, link))
    return found


def neutral(page: str, link: str) -> str:
    """A page without what is different between any two people: the link, the code of the browser, the names."""
    page = page.replace(link, "/s/LINK")
    page = re.sub(r"\b\d{4} \d{4}\b", "CODE", page)
    return page.replace("Ann", "XXX").replace("Bob", "XXX")


DEEP = ("", "/review", "/thanks")


@pytest.mark.parametrize("deep", DEEP)
def test_it_stands_open_and_first_for_low_answers_and_closed_and_last_for_others(
    low_and_high: list[tuple[FlaskClient, str]], deep: str
) -> None:
    low, high = (client.get(link + deep).text for client, link in low_and_high)

    assert (OPEN in low, CLOSED in low) == (True, False)
    assert (OPEN in high, CLOSED in high) == (False, True)
    assert low.index(OPEN) < low.index("<h1>")
    assert high.index(CLOSED) > high.index("<h1>")


@pytest.mark.parametrize("deep", DEEP)
def test_the_page_has_the_same_bytes_in_another_order(
    low_and_high: list[tuple[FlaskClient, str]], deep: str
) -> None:
    answers = [(client.get(link + deep), link) for client, link in low_and_high]
    low, high = (neutral(answer.text, link) for answer, link in answers)

    assert answers[0][0].headers["Content-Length"] == answers[1][0].headers["Content-Length"]
    section = re.compile(r'<details class="support".*?</details>', re.DOTALL)
    assert section.sub("", low) == section.sub("", high)
    assert section.findall(low)[0].replace(OPEN, CLOSED) == section.findall(high)[0]
    # Also packed, as a proxy may send it, only the place of the section makes a difference of a few bytes.
    assert abs(len(zlib.compress(low.encode())) - len(zlib.compress(high.encode()))) <= 24


def test_the_size_tells_nothing_whether_or_not_the_promise_was_changed_meanwhile(
    app: Flask, links: list[str], write: Callable[[], Session], clock
) -> None:
    readers = []
    for link, low in zip(links, (True, False), strict=True):
        client = app.test_client()
        answer(client, link, low=low, reads=True)
        readers.append((client, link))

    def sizes(deep: str) -> tuple[set[str], bool]:
        pages = [client.get(link + deep) for client, link in readers]
        told = ["What is promised about your answers was changed" in page.text for page in pages]
        assert told[0] == told[1]
        return {page.headers["Content-Length"] for page in pages}, told[0]

    before = {deep: sizes(deep) for deep in DEEP}
    with write() as session:
        program = programs.find_program(session, "core")
        for kind in (ContactKind.NEUTRAL, ContactKind.SAFEGUARDING):
            program_contacts.set_program_contact(
                session, program, kind, name="Nora", reach="extension 4711", now=clock()
            )
    after = {deep: sizes(deep) for deep in DEEP}

    assert {len(one) for one, _ in (*before.values(), *after.values())} == {1}
    assert {told for _, told in before.values()} == {False}
    assert (after[""][1], after["/review"][1]) == (True, True)
    # Whoever has another browser sees neither what is open nor what has changed.
    stranger = app.test_client().get(links[0]).text
    assert CLOSED in stranger
    assert "extension 4711" in stranger
    assert "was changed since you began" not in stranger


def test_a_card_that_only_they_get_would_be_noticed(
    low_and_high: list[tuple[FlaskClient, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a sentence more for those who need it shows in the size."""
    monkeypatch.setattr(
        Visit, "title", property(lambda visit: "Here is help" if visit.needs_support else "Hello")
    )

    sizes = {client.get(f"{link}/thanks").headers["Content-Length"] for client, link in low_and_high}

    assert len(sizes) == 2


class Watch:
    """What the application does to its database and to its logs."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.lines: list[str] = []

    def taken(self) -> tuple[list[str], list[str]]:
        """Everything since the last time."""
        taken = self.statements[:], self.lines[:]
        self.statements.clear()
        self.lines.clear()
        return taken


@pytest.fixture
def watch(app: Flask) -> Iterator[Watch]:
    """Watches every statement and every log line of every logger."""
    seen = Watch()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.statements.append(statement)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.lines.append(f"{record.name} {record.getMessage()}")

    handler, root = Handler(logging.DEBUG), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    engine = app.extensions[EXTENSION].engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
    root.removeHandler(handler)
    root.setLevel(before)


def dump(write: Callable[[], Session]) -> dict[str, list[str]]:
    """Every row of every table."""
    with write() as session:
        return {
            table.name: sorted(map(str, session.execute(select(table)).all()))
            for table in Base.metadata.sorted_tables
        }


def test_statements_and_log_lines_are_the_same_with_and_without(
    low_and_high: list[tuple[FlaskClient, str]], watch: Watch
) -> None:
    did = []
    for client, link in low_and_high:
        watch.taken()
        for deep in (*DEEP, "/write"):
            client.get(link + deep)
        statements, lines = watch.taken()
        did.append((statements, [line.replace(link, "") for line in lines]))

    assert did[0] == did[1]
    assert did[0][0]
    assert not any(one.startswith(("INSERT", "UPDATE", "DELETE")) for one in did[0][0])


def test_a_trace_in_the_log_would_be_noticed(
    app: Flask, low_and_high: list[tuple[FlaskClient, str]], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a page that notes for whom it opened the card does not pass."""
    found = Visit.needs_support.func

    def log(visit: Visit) -> bool:
        needed: bool = found(visit)
        if needed:
            logging.getLogger("support").info("card opened")
        return needed

    monkeypatch.setattr(Visit, "needs_support", property(log))
    noted = []
    for client, link in low_and_high:
        watch.taken()
        client.get(f"{link}/thanks")
        noted.append(any("card opened" in line for line in watch.taken()[1]))

    assert noted == [True, False]


def test_seeing_the_card_changes_no_row(
    low_and_high: list[tuple[FlaskClient, str]], write: Callable[[], Session]
) -> None:
    before = dump(write)

    for client, link in low_and_high:
        for deep in DEEP:
            client.get(link + deep)

    assert dump(write) == before


def test_whoever_else_opens_the_link_sees_it_closed(
    app: Flask, low_and_high: list[tuple[FlaskClient, str]]
) -> None:
    _, link = low_and_high[0]
    stranger = app.test_client().get(link).text

    assert CLOSED in stranger
    assert OPEN not in stranger


def test_the_way_to_the_coordinator_is_the_same_for_everybody(
    low_and_high: list[tuple[FlaskClient, str]],
) -> None:
    for client, link in low_and_high:
        page = client.get(f"{link}/thanks").text
        section = re.search(r'<details class="support".*?</details>', page, re.DOTALL)
        assert section
        assert re.findall(r'href="([^"]+)"', section.group()) == [f"{link}/write"]


def test_it_names_whom_one_can_turn_to_as_far_as_they_are_named(
    app: Flask, links: list[str], write: Callable[[], Session]
) -> None:
    client = app.test_client()
    page = client.get(links[0]).text
    assert "Somebody neutral" not in page
    assert "Somebody outside" not in page
    assert "Your coordinator" in page

    with write() as session:
        program = session.scalars(select(Program)).one()
        for kind, name in ((ContactKind.NEUTRAL, "Nadia <b>"), (ContactKind.EXTERNAL, "Helpline")):
            program_contacts.set_program_contact(session, program, kind, name=name, reach="0800 555", now=NOW)
    page = client.get(links[0]).text
    assert "<dd><bdi>Nadia &lt;b&gt;</bdi>: <bdi>0800 555</bdi></dd>" in page
    assert "<dd><bdi>Helpline</bdi>: <bdi>0800 555</bdi></dd>" in page


def test_questions_themselves_come_without_it(low_and_high: list[tuple[FlaskClient, str]]) -> None:
    client, link = low_and_high[0]

    assert "support" not in client.get(f"{link}/1").text
