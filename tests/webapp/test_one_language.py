"""No page in two languages, no sentence that no translator was given, and every name isolated from the sentence around it.

One walk through all rooms is made in a language of its own (`speech.py`); what is left of ordinary letters there was never given to a
translator, or is a name outside its isolation. A shorter walk reads what participants see in every language that is offered.
"""

import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader, FileSystemBytecodeCache

from instruments.catalog import SHIPPED, get_instrument
from instruments.po import read_po_file
from tests.webapp import speech
from tests.webapp.speech import FLAT, PSEUDO, Piece, Reader, Walk, World, newest_battery
from tests.webapp.worlds import LINK_KEY, START, TOY_FOLDERS, FreeHasher, Seeds, put_in_place
from webapp import catalogues, create_app, i18n
from webapp.config import LOCALES, PACKAGE_FOLDER, TRANSLATIONS_FOLDER
from webapp.database import dispose_engine
from webapp.i18n import read_catalogue, text_direction
from webapp.mail_settings import SmtpSettings
from webapp.negotiation import language_tag

LETTERS = re.compile(r"[A-Za-z]{2,}")
# What is the same in every language: our name, licences, kinds of files, addresses, times, codes, digests, versions, languages by code.
SAME_EVERYWHERE = re.compile(
    r"Viceversa|https?://\S+|GNU General Public License|CC BY|\bCookie\b|\(cookies\)|\b[0-9]{2}\s[ap]m\b|\b(?:CSV|JSON|JSONL|PDF|UTC|UTF-8)\b|\S+@\S+|\b[0-9a-f]{16,}\b"
    r"|\b[A-Z0-9]+(?:[_-][A-Z0-9]+)*\b|\b[a-z-]+ [0-9]+\.[0-9]+\.[0-9]+\b|\([a-z]{2}\)"
)
ISOLATED = re.compile("\u2068[^\u2069]*\u2069")
SCRIPTS = {"ar": "ARABIC", "ur": "ARABIC", "hi": "DEVANAGARI", "zh_Hans": "CJK UNIFIED"}
# What everybody reads who takes part; statistics keep their English terms in some languages.
PARTICIPANTS = re.compile(
    r"webapp/(?:participate|templates/(?:participate|errors)|errors\.py|front|templates/front|i18n)"
)
# Files and pictures are not pages.
FILES = {
    "static", "coordinate.draw_comparison", "participate.download_my_data", "participate.show_worker",
    "participate.print_paper", "participate.print_certificate", "mails.download_calendar",
}  # fmt: skip
PAGES = ("", "/1", "/review", "/privacy", "/my-data", "/write", "/withdraw", "/thanks")


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory: pytest.TempPathFactory, made_up_translations: Path) -> tuple[Path, Path]:
    """The folders of the battery and the interface in the language of their own."""
    return speech.write_pseudo(tmp_path_factory.mktemp("pseudo"), made_up_translations / "messages.pot")


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, seeded_desk: tuple[Path, Seeds], pseudo: tuple[Path, Path]
) -> tuple[Path, World]:
    """The world whose people answer the battery in the language of its own, and in all that it was translated into."""
    path = tmp_path_factory.mktemp("speech") / "base.db"
    shutil.copyfile(seeded_desk[0], path)
    folders = (*TOY_FOLDERS, pseudo[0])
    spoken = get_instrument("spoken", newest_battery().version, folders=folders)
    return path, speech.seed_speech(path, seeded_desk[1], spoken, folders)


@pytest.fixture(scope="module")
def said(
    pseudo: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
    world: tuple[Path, World],
    compiled_templates: FileSystemBytecodeCache,
) -> Iterator[Walk]:
    """Everything that any page says to somebody who reads the language of its own."""
    file = tmp_path_factory.mktemp("said") / "viceversa.db"
    shutil.copyfile(world[0], file)
    app = create_app(
        {
            "DATABASE_URL": f"sqlite:///{file}", "SECRET_KEY": "a secret key for tests only", "LINK_KEY": LINK_KEY,
            "INSTRUMENT_FOLDERS": (*TOY_FOLDERS, pseudo[0]), "TRANSLATIONS_FOLDER": pseudo[1], "CLOCK": lambda: START,
            "PASSWORD_HASHER": FreeHasher(), "SMTP": SmtpSettings("localhost", 25, "none"),
            "MAIL_FROM": "surveys@example.org",
        }
    )  # fmt: skip
    app.jinja_env.bytecode_cache = compiled_templates
    with pytest.MonkeyPatch.context() as patch, Walk(app, PSEUDO) as walk:
        patch.setattr(i18n, "LOCALES", ("en", PSEUDO))
        speech.walk_all(walk, file, world[1])
    yield walk
    dispose_engine(app)


def find_strange(pieces: dict[Piece, str], names: list[str], language: str = PSEUDO) -> list[str]:
    """What is in ordinary letters and neither declared to be in another language, nor an isolated name, nor the same everywhere."""
    return [
        f"{place} {piece.where}: {piece.text}"
        for piece, place in pieces.items()
        if piece.language == language and LETTERS.search(rest_of(piece, names))
    ]


def rest_of(piece: Piece, names: list[str]) -> str:
    """A piece without names, which may stand where they are isolated or where nothing can be, and without what is the same everywhere."""
    text = ISOLATED.sub(lambda found: without(found[0], names), piece.text)
    if piece.isolated or piece.where in FLAT:
        text = without(text, names)
    return SAME_EVERYWHERE.sub("", text)


def without(text: str, names: list[str]) -> str:
    """A text without names, the longest first."""
    for name in names:
        text = text.replace(name, "")
    return text


def test_the_walk_was_everywhere(said: Walk) -> None:
    source = "".join(path.read_text("utf-8") for path in PACKAGE_FOLDER.rglob("*.py"))
    rendered = set(re.findall(r'"([a-z_]+(?:/[a-z_]+)?\.html)"', source))
    gets = {rule.endpoint for rule in said.app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert rendered - said.templates == set()
    assert gets - said.endpoints == FILES
    assert said.directions == {(PSEUDO, "rtl")}
    assert len(said.said) > 1500


def test_every_sentence_was_given_to_a_translator_and_every_name_is_isolated(
    said: Walk, world: tuple[Path, World]
) -> None:
    assert find_strange(said.said, world[1].names) == []


def test_a_sentence_and_a_name_that_were_forgotten_are_found(said: Walk, world: tuple[Path, World]) -> None:
    names, token = world[1].names, world[1].links["Later"]
    environment = said.app.jinja_env
    planted = (
        (PACKAGE_FOLDER / "templates" / "front.html").read_text("utf-8").replace("</h1>", " plain words</h1>")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(i18n, "LOCALES", ("en", PSEUDO))
        patch.setitem(environment.globals, "isolate", lambda text, *_: text)
        page = Reader(said.client().get(f"/s/{token}").text)
        patch.setattr(
            environment, "loader", ChoiceLoader([DictLoader({"front.html": planted}), environment.loader])
        )
        front = Reader(said.client().get("/").text)

    assert any(
        "Quay-Later mentee 0" in problem for problem in find_strange(dict.fromkeys(page.pieces, ""), names)
    )
    (problem,) = find_strange(dict.fromkeys(front.pieces, ""), names)
    assert "plain words" in problem
    # Isolated, the same name is none; English that is declared to be English is none either.
    name = Piece("Quay-Later mentee 0", PSEUDO, isolated=True, where="bdi")
    assert find_strange({name: "", replace(name, isolated=False, language="en"): ""}, names) == []
    assert find_strange({replace(name, isolated=False): ""}, names) != []


@pytest.mark.parametrize("locale", LOCALES)
def test_participants_read_each_language_alone_and_in_its_direction(
    app: Flask, client: FlaskClient, pseudo: tuple[Path, Path], world: tuple[Path, World], locale: str
) -> None:
    app.config["TRANSLATIONS_FOLDER"] = TRANSLATIONS_FOLDER
    app.config["INSTRUMENT_FOLDERS"] = (*TOY_FOLDERS, pseudo[0])
    if not read_catalogue(TRANSLATIONS_FOLDER, locale).complete or locale not in newest_battery().locales:
        pytest.skip(f"{locale} is not offered yet: its catalogue or its questions are not complete")
    put_in_place(app, world[0])
    link = f"/s/{world[1].links['T0']}"
    with Walk(app, locale) as walk:
        client = walk.client()
        for address in ("/", "/nowhere", "/s/forged", *(link + page for page in PAGES)):
            walk.take(address, client.get(address))
        walk.post(client, f"{link}/review")
        walk.post(client, f"{link}/write")

    assert walk.directions == {(language_tag(locale), text_direction(locale))}
    spoken = {piece: place for piece, place in walk.said.items() if piece.language == language_tag(locale)}
    assert len(spoken) > 100
    if locale in SCRIPTS:
        assert find_strange(walk.said, world[1].names, language_tag(locale)) == []
        text = "".join(piece.text for piece in spoken if not piece.isolated)
        letters = [letter for letter in text if letter.isalpha() and not letter.isascii()]
        assert all(unicodedata.name(letter).startswith(SCRIPTS[locale]) for letter in letters)


def test_every_translation_is_complete_with_equal_values() -> None:
    """What `catalogues check` and `instruments check` say; a language is offered only if both say nothing of it."""
    problems = Counter(problem.file for problem in catalogues.check_catalogues())

    assert problems == {}
    assert set(newest_battery().locales) >= set(LOCALES)
    assert {locale for locale in LOCALES if text_direction(locale) == "rtl"} == {"ar", "ur"}


@pytest.mark.parametrize("locale", SCRIPTS)
def test_no_translation_of_what_participants_read_is_left_in_latin_letters(locale: str) -> None:
    texts = [
        string
        for path in SHIPPED.rglob(f"{locale}.po")
        for string in (entry.msgstr.replace("{P}", "") for entry in read_po_file(path).entries)
    ]
    catalogue = TRANSLATIONS_FOLDER / locale / "LC_MESSAGES" / "messages.po"
    if not catalogue.is_file():
        pytest.skip(f"there is no catalogue for {locale} yet")
    with catalogue.open("rb") as file:
        for message in read_po(file, locale=locale):
            if any(PARTICIPANTS.match(place) for place, _ in message.locations):
                texts += [message.string] if isinstance(message.string, str) else message.string

    plain = [SAME_EVERYWHERE.sub("", catalogues.PLACEHOLDER.sub("", text)) for text in texts]
    assert [text for text in plain if LETTERS.search(text)] == []
    assert len(plain) > 300


def test_arabic_counts_days_in_six_ways() -> None:
    """The shipped catalogue, whose forms stand in the order of its own header."""
    catalogue = read_catalogue(TRANSLATIONS_FOLDER, "ar").translations
    days = [
        catalogue.ngettext("%(num)s day", "%(num)s days", n) % {"num": n} for n in (0, 1, 2, 3, 11, 100, 103)
    ]

    assert days == ["0 يوم", "يوم واحد", "يومان", "3 أيام", "11 يومًا", "100 يوم", "103 أيام"]
