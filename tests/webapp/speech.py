"""Everything a reader sees on any page of any room, piece by piece with its language, and a world in which there is much to see.

The world is the hostile coordinator's with somebody in every office, and a programme whose people answer the newest shipped battery. A
third copy of that battery speaks a language of its own, in which every letter a-z is a wide one: whatever is left of ordinary letters
on a page was never given to a translator.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from babel.messages.pofile import read_po
from flask import Flask, template_rendered
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from instruments.catalog import SHIPPED, get_instrument
from instruments.digests import version_key
from instruments.loader import load_source
from instruments.messages import collect_texts
from instruments.model import Instrument, Role, WaveKind
from instruments.po import format_po
from instruments.translate import make_template
from surveys import accounts, break_glass, invitations, pledges, programs, release_refusals, waves
from surveys.errors import ReleaseAuditError
from surveys.invitations import hash_token
from surveys.models import (
    Cohort,
    Contact,
    ContactKind,
    Invitation,
    InvitationMail,
    MailState,
    Message,
    Participant,
    Program,
    ReminderMail,
    Theme,
    User,
)
from surveys.outbox import Claim, Letter
from surveys.program_contacts import set_program_contact
from tests.webapp.worlds import COOKIE, START, TOY_FOLDERS, FreeHasher, Seeds, add_pairs, writing
from webapp import catalogues
from webapp.mail import write_mail
from webapp.personal_links import make_token

# Right to left, so that whatever is done for such pages is done here as well; Babel writes its dates without Latin letters.
PSEUDO = "fa"
WIDE = {number: number + 0xFEE0 for number in (*range(65, 91), *range(97, 123))}
HELD = re.compile(r"%\(\w+\)(?:[sd]|\.\d+f)|\{P\}|%%")
READ_ALOUD = ("alt", "aria-label", "title", "placeholder", "label", "content")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# The words of these are no sentences, and no element may stand in the last three.
MUTE = {"script", "style", "code", "kbd", "pre"}
FLAT = {"title", "option", "textarea"}
DAY = timedelta(days=1)
# So many pages of a kind show all that the kind has to say.
ENOUGH = 8
OFFICER = "Doctor Fairhands"


def wide(text: str) -> str:
    """A sentence in the language of its own; what is filled in stays as it is."""
    kept = iter(HELD.findall(text))
    return "".join(part.translate(WIDE) + next(kept, "") for part in HELD.split(text))


@dataclass(frozen=True)
class Piece:
    """A run of text: the language of its element, whether it is isolated as a name, and the element or attribute it is in."""

    text: str
    language: str
    isolated: bool
    where: str


class Reader(HTMLParser):
    """Takes a page apart into what is read, links, and forms with their hidden fields; a form that only looks has the address “-”."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[Piece] = []
        self.ways: list[str] = []
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.direction = ""
        self._open: list[tuple[str, str, bool]] = [("", "", False)]
        self.feed(html)

    @property
    def language(self) -> str:
        """The language that the page says it is in."""
        return self._page_language

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        language = given.get("lang", self._open[-1][1])
        if tag == "html":
            self._page_language, self.direction = language, given["dir"]
        # An element that finds out its direction by itself, as what somebody typed does, is isolated too.
        isolated = self._open[-1][2] or tag == "bdi" or given.get("dir") == "auto"
        if tag not in VOID:
            self._open.append((tag, language, isolated))
        for name in READ_ALOUD:
            if given.get(name) and not (tag == "meta" or (name == "label" and tag == "th")):
                self.pieces.append(Piece(given[name], language, isolated, f"@{name}"))
        if tag == "a" and "href" in given:
            self.ways.append(given["href"])
        if tag == "form":
            self.forms.append((given.get("action", "") if given.get("method") == "post" else "-", {}))
        if tag == "input" and given.get("type") == "hidden" and self.forms:
            self.forms[-1][1][given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if any(one[0] == tag for one in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        tags = {one[0] for one in self._open}
        tag, language, isolated = self._open[-1]
        if data.strip() and not tags & MUTE:
            where = next(iter(tags & FLAT), tag)
            self.pieces.append(Piece(" ".join(data.split()), language, isolated, where))


@dataclass
class World:
    """Links by cohort and role, sessions by office, and every name there is."""

    links: dict[str, str]
    users: dict[str, str]
    names: list[str]
    seeds: Seeds


@dataclass
class Walk:
    """Walks through pages in one language and keeps what was said, and what was shown."""

    app: Flask
    locale: str
    said: dict[Piece, str] = field(default_factory=dict)
    templates: set[str] = field(default_factory=set)
    endpoints: set[str] = field(default_factory=set)
    directions: set[tuple[str, str]] = field(default_factory=set)

    def __enter__(self) -> "Walk":
        template_rendered.connect(self._note, self.app)
        return self

    def __exit__(self, *_: object) -> None:
        template_rendered.disconnect(self._note, self.app)

    def _note(self, _sender: object, template: Any, **_extra: object) -> None:
        self.templates.add(template.name)

    def client(self, session: str = "") -> FlaskClient:
        """A browser, signed in or not."""
        client = self.app.test_client()
        if session:
            client.set_cookie(COOKIE, session)
        client.set_cookie("lang", self.locale)
        return client

    def take(self, address: str, answer: TestResponse) -> Reader | None:
        """Take in what came back, if it is a page."""
        if answer.mimetype != "text/html" or answer.status_code in {302, 303}:
            return None
        page = Reader(answer.text)
        self.directions.add((page.language, page.direction))
        for piece in page.pieces:
            self.said.setdefault(piece, f"{answer.status_code} {address}")
        return page

    def get(self, client: FlaskClient, address: str) -> Reader | None:
        """Look at an address."""
        path = urlsplit(address).path
        self.endpoints.add(self.app.url_map.bind("localhost").match(path)[0])
        answer = client.get(address)
        if answer.status_code in {302, 303} and (target := urljoin(address, answer.location)) != address:
            return self.get(client, target)
        return self.take(path, answer)

    def post(self, client: FlaskClient, address: str, **data: Any) -> Reader | None:
        """Send a form and look at what comes back, there or where it leads."""
        answer = client.post(address, data=data)
        page = self.take(address, answer)
        if answer.status_code == 303:
            return self.get(client, urljoin(address, answer.location))
        return page

    def everywhere(self, client: FlaskClient, room: str) -> None:
        """Follow every link inside a room, and then send every form as it stands, with nothing filled in."""
        waiting, forms = [room], {}
        visited: dict[str, list[str]] = {}
        while waiting:
            address = waiting.pop()
            endpoint = self.app.url_map.bind("localhost").match(urlsplit(address).path)[0]
            seen = visited.setdefault(endpoint, [])
            if address in seen or len(seen) == ENOUGH:
                continue
            seen.append(address)
            page = self.get(client, address)
            if page is None:
                continue
            targets = [urljoin(address, way) for way in page.ways if not way.startswith(("#", "?"))]
            waiting += [way for way in targets if way.startswith(room) and "/my-data/" not in way]
            forms.update({urljoin(address, action): hidden for action, hidden in page.forms if action != "-"})
        sent: list[str] = []
        # What ends something comes last.
        for action in sorted(forms, key=lambda one: ("close" in one, one)):
            endpoint = self.app.url_map.bind("localhost").match(urlsplit(action).path, "POST")[0]
            sent.append(endpoint)
            if action.startswith(room) and sent.count(endpoint) <= ENOUGH // 2:
                self.post(client, action, **forms[action])


class Trusting(FreeHasher):
    """Takes any password for the right one."""

    def verify(self, password_hash: str, password: str) -> bool:
        return True


def newest_battery() -> Instrument:
    """The newest version of the shipped questions."""
    folders = [folder for folder in (SHIPPED / "core-battery").iterdir() if folder.is_dir()]
    return get_instrument("core-battery", max((folder.name for folder in folders), key=version_key))


def write_pseudo(base: Path, messages: Path) -> tuple[Path, Path]:
    """The folders of a battery that speaks the language of its own as well, and of an interface that speaks no other."""
    newest = newest_battery()
    folder = base / "library" / "spoken" / newest.version
    shutil.copytree(SHIPPED / newest.id / newest.version, folder)
    source = (SHIPPED / newest.id / newest.version / "instrument.toml").read_text("utf-8")
    (folder / "instrument.toml").write_text(
        source.replace(f'id = "{newest.id}"', 'id = "spoken"', 1), "utf-8"
    )
    template = make_template(load_source(folder))
    header = [(name, PSEUDO if name == "Language" else value) for name, value in template.header]
    entries = tuple(replace(entry, msgstr=wide(entry.msgid)) for entry in template.entries)
    po = replace(template, header=tuple(header), entries=entries)
    (folder / f"{PSEUDO}.po").write_text(format_po(po), "utf-8")
    interface = base / "interface"
    with messages.open("rb") as file:
        catalog = catalogues.merge_catalogue(read_po(file), PSEUDO, None)
    for message in catalog:
        if message.id:
            forms = catalog.num_plurals
            many = isinstance(message.id, tuple)
            message.string = (wide(message.id[1]),) * forms if many else wide(message.id)
    target = interface / PSEUDO / "LC_MESSAGES" / "messages.po"
    target.parent.mkdir(parents=True)
    target.write_text(catalogues.render_catalogue(catalog, catalogues.DEFAULT_HEADERS), "utf-8")
    shutil.copyfile(messages, interface / "messages.pot")
    return base / "library", interface


def seed_speech(path: Path, seeds: Seeds, instrument: Instrument, folders: tuple[Path, ...]) -> World:
    """Add to a desk somebody for every office, and a programme in which every kind of wave is open to somebody."""
    with writing(path) as session:
        program = programs.create_program(
            session, slug="voices", name="Long Voices", organisation="Harbour Trust", instrument=instrument, now=START - 60 * DAY
        )  # fmt: skip
        links = _invite(session, program, instrument, folders)
        users = dict(seeds.users)
        desk = program_of(session, "desk")
        for office in ("moderator", "overseer", "custodian", "second", "unsigned"):
            user = accounts.add_user(
                session, email=f"{office}@example.org", name=f"Nadia {office.title()}", password="x" * 20, now=START, hasher=FreeHasher()
            )  # fmt: skip
            role = {"second": "custodian", "unsigned": "moderator"}.get(office, office)
            accounts.add_membership(session, user, desk, role, now=START)
            if office == "moderator":
                pledges.sign_pledge(session, user, desk, digest=pledges.pledge_digest(), now=START)
            users[office] = accounts.start_session(session, user, now=START)
            if role == "custodian":
                break_glass.request_access(
                    session, desk, user, email="mentor1@north.org", role=Role.MENTOR, ground="court_order",
                    reference="AZ-12/2027", password="", now=START, hasher=Trusting(),
                )  # fmt: skip
        # One address of the desk does not work.
        for contact in session.scalars(select(Contact).order_by(Contact.email).limit(3)):
            contact.bounced = True
        names = [*_names(session)]
    return World(links, users, sorted(names, key=len, reverse=True), seeds)


def program_of(session: Session, slug: str) -> Program:
    """A programme by its name in addresses."""
    return programs.find_program(session, slug)


def name_offices(path: Path) -> None:
    """Name somebody for everything that participants may be told of."""
    with writing(path) as session:
        for kind in ContactKind:
            set_program_contact(
                session, program_of(session, "voices"), kind, name=OFFICER, reach="+49 30 1234", now=START
            )  # fmt: skip


def _invite(
    session: Session, program: Program, instrument: Instrument, folders: tuple[Path, ...]
) -> dict[str, str]:
    """A cohort for each kind of wave, one whose wave is still to come, and one whose wave is over."""
    links = {}
    plan = {
        kind.value: (kind, -3)
        for kind in (WaveKind.T0, WaveKind.TC, WaveKind.T2, WaveKind.T3A, WaveKind.T3B, WaveKind.PL)
    }
    for name, (kind, opens) in {**plan, "Later": (WaveKind.T0, 3), "Over": (WaveKind.T0, -30)}.items():
        cohort = programs.add_cohort(session, program, name=f"Quay-{name}", starts_on=START.date(), now=START)
        add_pairs(session, cohort, 1)
        opens_at = START + opens * DAY
        wave = waves.schedule_wave(
            session, cohort, kind, instrument, opens_at=opens_at, closes_at=opens_at + 10 * DAY, now=min(opens_at, START)
        )  # fmt: skip
        for one in invitations.issue_invitations(session, wave, now=min(opens_at, START), folders=folders):
            person = session.get_one(Participant, one.participant_id)
            if (name, person.role) in ASKED:
                links[name] = one.token
    return links


# Whoever has one of these links opens what the pair shares.
PAIRED = {"T2", "Over"}
# Whoever has one of these links answers, page by page.
ANSWERED = {"T0", "T3b", "Over"}
# Each kind of wave is looked at by one of the two.
ASKED = {
    ("T0", "mentee"),
    ("TC", "mentor"),
    ("T2", "mentee"),
    ("T3a", "mentee"),
    ("T3b", "mentor"),
    ("PL", "mentee"),
    ("Later", "mentor"),
    ("Over", "mentor"),
}


def _names(session: Session) -> Iterator[str]:
    """Every name that people gave, whatever they typed, and the words of a questionnaire that lacks the reader's language."""
    for column in (
        Contact.name,
        User.name,
        Cohort.name,
        Program.name,
        Program.organisation,
        Message.body,
        Theme.title,
        Theme.summary,
    ):
        yield from filter(None, session.scalars(select(column).distinct()))
    yield from (OFFICER, "spoken")
    yield from (text.text for text in collect_texts(get_instrument("toy", "0.1.0", folders=TOY_FOLDERS)))


def walk_all(walk: Walk, path: Path, world: World) -> None:
    """See every page of every room, and every refusal that an empty form meets."""
    stranger = walk.client()
    for address in ("/", "/account/sign-in", "/receipt/", "/s/forged"):
        walk.get(stranger, address)
    walk.take("404", stranger.get("/nowhere"))
    walk.take("405", stranger.get("/account/sign-out"))
    walk.take("400", stranger.post("/account/sign-in"))
    walk.take("413", stranger.post("/receipt/", data={"code": "x" * 1_100_000}))
    walk.post(stranger, "/receipt/")
    walk.post(stranger, "/receipt/", code="AAAA")
    walk.take("sign-in", stranger.post("/account/sign-in", data=_token(stranger, "/account/sign-in")))
    # Offices change nothing for participants who have none to be told of.
    walk_participants(walk, world, {"Later", "TC"})
    name_offices(path)
    walk_participants(walk, world, set(world.links) - {"Later"})
    walk_rooms(walk, world)
    read_mails(walk, path, world)


def read_mails(walk: Walk, path: Path, world: World) -> None:
    """An invitation and a reminder, each as text and as HTML."""
    with writing(path) as session, walk.app.test_request_context():
        invitation = session.scalars(
            select(Invitation).where(Invitation.token_hash == hash_token(world.links["T0"]))
        ).one()
        contact = session.get_one(Contact, invitation.participant_id)
        letter = Letter(invitation, invitation.wave, contact, "Ω")
        contact.locale = walk.locale
        invitation.token_hash = hash_token(make_token(invitation.id))
        for mail in (InvitationMail, ReminderMail):
            envelope = write_mail(Claim(mail, "one", MailState.WAITING, ""), letter)
            assert envelope is not None
            _read_mail(walk, message_from_bytes(envelope.content, policy=default), mail.__name__)
        session.rollback()


def _read_mail(walk: Walk, mail: EmailMessage, name: str) -> None:
    """Take in a mail as a page: its subject, its text line by line, and its HTML."""
    language = mail["Content-Language"]
    html = mail.get_body(("html",))
    text = mail.get_body(("plain",))
    assert html is not None
    assert text is not None
    page = Reader(html.get_content())
    walk.directions.add((page.language, page.direction))
    lines = [str(mail["Subject"]), *text.get_content().splitlines()]
    spoken = [Piece(line, language, False, "title") for line in lines if "://" not in line]
    for piece in (*page.pieces, *spoken):
        walk.said.setdefault(piece, f"mail {name}")


def _token(client: FlaskClient, address: str) -> dict[str, str]:
    """The forgery token of a page."""
    return {"csrf_token": re.findall(r'name="csrf_token" value="([^"]+)"', client.get(address).text)[0]}


def walk_participants(walk: Walk, world: World, cohorts: set[str]) -> None:
    """Everything behind the links of these cohorts, and what becomes of good and bad forms."""
    for name, token in world.links.items():
        if name not in cohorts:
            continue
        link, client = f"/s/{token}", walk.client()
        n_pages = 30 if name in ANSWERED else 1
        for number in range(1, 1 + n_pages):
            page = walk.get(client, f"{link}/{number}")
            if page is None or not page.forms:
                break
            walk.post(client, f"{link}/{number}", go="next")
        for page in (
            "",
            "/review",
            "/write",
            "/privacy",
            "/my-data",
            "/withdraw",
            "/over-time",
            "/mails",
            "/pulse",
        ):
            walk.get(client, link + page)
        _write(walk, client, link, name)
        if name in PAIRED:
            _share(walk, client, link)
            for wish in ("stop", "resume", ""):
                walk.post(client, f"{link}/mails", do=wish)
        if name == "PL":
            _pulse(walk, client, link)
        if name in ANSWERED:
            _answer(walk, client, link)


def _write(walk: Walk, client: FlaskClient, link: str, name: str) -> None:
    """Messages, ratings, decisions and wishes: first badly, then well."""
    walk.post(client, f"{link}/write")
    walk.post(client, f"{link}/write", kind="free", text="", form_key="a" * 32)
    walk.post(client, f"{link}/write", kind="contact", form_key="b" * 32)
    walk.post(client, f"{link}/mediation")
    walk.post(client, f"{link}/mediation", result="partly")
    page, data = {"TC": ("decision", {"choice": "continue"}), "T3a": ("extension", {"wish": "yes"})}.get(
        name, ("", {})
    )
    if page:
        walk.get(client, f"{link}/{page}")
        walk.post(client, f"{link}/{page}")
        walk.post(client, f"{link}/{page}", **data)


def _share(walk: Walk, client: FlaskClient, link: str) -> None:
    """What a pair shares, and the log of its meetings: closed, opened, filled in badly and well, from elsewhere, and deleted."""
    goals, meetings = f"{link}/goals", f"{link}/meetings"
    walk.get(client, goals)
    walk.post(client, goals, form_key="c" * 32)
    walk.post(walk.client(), f"{link}/pair", do="code", code="1")
    walk.post(client, f"{link}/pair", do="open")
    walk.post(client, goals, form_key="d" * 32)
    goal = {"text": "Ω", "form_key": "d" * 32, **{f"level{n}": "Δ" for n in range(-2, 3)}}
    page = walk.post(client, goals, **goal)
    walk.get(walk.client(), goals)
    walk.post(walk.client(), f"{link}/pair", do="over")
    for action in page.forms if page else ():
        walk.post(client, urljoin(goals, action[0]), **action[1], do="delete")
    walk.get(client, meetings)
    walk.post(client, meetings, form_key="e" * 32)
    told = {"held_on": START.date().isoformat(), "took_place": "yes", "format": "virtual", "minutes": "50"}
    held = walk.post(client, meetings, form_key="f" * 32, **told)
    walk.get(client, meetings)
    for action, hidden in held.forms if held else ():
        for wish in ("save", "delete"):
            walk.post(client, urljoin(f"{meetings}/", action), **hidden, do=wish, n_agreed="many")


def _pulse(walk: Walk, client: FlaskClient, link: str) -> None:
    """Pulses: one without answers, one with, the rest after it, and taking it back."""
    text = client.get(f"{link}/pulse").text
    item, value = re.findall(r'type="radio"[^>]* name="([^"]+)" value="(c:\d+)"', text)[0]
    walk.post(client, f"{link}/pulse", form_key="a" * 32)
    walk.post(client, f"{link}/pulse", **{item: "c:99", "form_key": "a" * 32})
    walk.post(client, f"{link}/pulse", **{item: value, "form_key": "a" * 32})
    for page in ("/pulse", "", "/my-data", "/withdraw", "/thanks"):
        walk.get(client, link + page)
    walk.post(client, f"{link}/pulse/withdraw")


def _answer(walk: Walk, client: FlaskClient, link: str) -> None:
    """Answers that are none, then one that is, sent, seen from another browser, and withdrawn; at last everything."""
    if walk.get(client, f"{link}/1") is None:
        # There is nothing to answer, so whatever is sent all the same is refused.
        walk.post(client, f"{link}/1")
        return
    text = client.get(f"{link}/1").text
    if not re.search(r'type="radio"|<textarea', text):
        return
    chosen = re.findall(r'type="radio"[^>]* name="([^"]+)" value="(c:\d+)"', text)
    item, value = chosen[0] if chosen else (re.findall(r'<textarea[^>]* name="([^"]+)"', text)[0], "A word.")
    statement = re.findall(r'name="statement" value="(\w+)"', text)[0]
    walk.post(client, f"{link}/1", **{item: "c:99"})
    walk.post(client, f"{link}/1", **{item: value, "statement": statement, "go": "stop"})
    elsewhere = walk.client()
    for page in ("", "/1", "/review", "/my-data", "/withdraw"):
        walk.get(elsewhere, link + page)
    walk.post(elsewhere, f"{link}/1", **{item: value})
    walk.post(elsewhere, f"{link}/elsewhere", do="code", code="1")
    walk.post(elsewhere, f"{link}/elsewhere", do="code", code="1", page="1")
    walk.post(client, f"{link}/review")
    for page in ("", "/thanks", "/my-data", "/withdraw", "/review"):
        walk.get(client, link + page)
    walk.post(client, f"{link}/withdraw")
    walk.post(client, f"{link}/1", **{item: value, "statement": statement})
    left = walk.post(client, f"{link}/leave")
    code = (
        next((piece.text for piece in left.pieces if piece.language == "en" and piece.isolated), "")
        if left
        else ""
    )
    walk.post(client, "/receipt/", code=code)
    walk.get(client, link)


def walk_rooms(walk: Walk, world: World) -> None:
    """Every office's room, page by page and form by form, and the door of each for those who have no key."""
    walk.get(walk.client(world.users["stranger"]), "/coordinate/desk/")
    coordinator = walk.client(world.users["coordinator"])
    close = world.seeds.wave_page("Wide T2", "close")
    blocked = ReleaseAuditError(
        "few",
        (("level", "mentor", "AA"),),
        (("change", "mentor", "AA", "TC", "T2"),),
        floor=5,
        numbers="",
        proposal="",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_refusals, "freeze_or_refuse", lambda *_args, **_how: blocked)
        walk.post(coordinator, close, **_token(coordinator, close))
    walk.everywhere(coordinator, "/coordinate/")
    for office, room in (
        ("unsigned", "/moderate/"),
        ("moderator", "/moderate/"),
        ("researcher", "/research/"),
        ("overseer", "/oversee/"),
        ("custodian", "/custody/"),
    ):
        walk.everywhere(walk.client(world.users[office]), room)
