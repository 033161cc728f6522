"""The fonts that travel along: what the table says, asked for by the style sheet as they are, with every letter of our own texts."""

import hashlib
import re
import unicodedata

import pytest
from flask.testing import FlaskClient
from fontTools.ttLib import TTFont

from instruments.catalog import SHIPPED
from webapp.config import FONTS_FOLDER, PACKAGE_FOLDER, TRANSLATIONS_FOLDER
from webapp.fonts.__main__ import CUTS, code_points

STYLE = (PACKAGE_FOLDER / "static" / "style.css").read_text("utf-8")
ROW = re.compile(r"^\| (\S+) \|.*\| `(\w+)` \|$", re.MULTILINE)
FACES = re.findall(r'url\("(fonts/[\w-]+\.woff2)\?v=(\w+)"\)', STYLE)


def digest(name: str) -> str:
    """The SHA-256 of a file of the package."""
    return hashlib.sha256((PACKAGE_FOLDER / name).read_bytes()).hexdigest()


def test_every_font_is_the_one_in_the_table_and_has_its_licence_beside_it() -> None:
    listed = dict(ROW.findall((FONTS_FOLDER / "FONTS.md").read_text("utf-8")))
    there = {
        path.relative_to(PACKAGE_FOLDER).as_posix()
        for path in PACKAGE_FOLDER.rglob("*")
        if path.suffix in {".ttf", ".otf", ".woff", ".woff2"}
    }

    assert listed == {name: digest(name) for name in there}
    assert len(listed) == sum(cut.web + cut.print_too for cut in CUTS)
    for name in there:
        assert (
            "SIL OPEN FONT LICENSE" in (PACKAGE_FOLDER / name).with_name("OFL.txt").read_text("utf-8").upper()
        )


def test_browsers_are_given_small_fonts_under_addresses_that_change_with_them(client: FlaskClient) -> None:
    assert {name for name, _ in FACES} == {f"fonts/{cut.name}.woff2" for cut in CUTS if cut.web}
    for name, version in FACES:
        assert version == digest(f"static/{name}")[:12]
        with client.get(f"/static/{name}?v={version}") as answer:
            assert (answer.status_code, answer.mimetype) == (200, "font/woff2")
    assert sum((PACKAGE_FOLDER / "static" / name).stat().st_size for name, _ in FACES) < 400_000
    # Nothing of them is needed to draw a page in Latin letters, and a device's own copy comes first.
    # A face cannot read a property: where one stands for a weight, bold is taken for regular.
    assert not re.search(r"@font-face \{[^}]*var\(", STYLE)
    for face in re.findall(r"@font-face \{[^}]*woff2[^}]*\}", STYLE):
        assert face.index("local(") < face.index("url(")
        assert "font-display: swap" in face
        first = re.search(r"unicode-range: U\+(\w+)", face)
        assert first
        assert int(first[1], 16) > 0x5FF
    assert "font-src 'self'" in client.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("locale", "font", "script"),
    [
        ("ar", "NotoSansArabic-Regular", "ARABIC"),
        ("ur", "NotoNastaliqUrdu-Regular", "ARABIC"),
        ("hi", "NotoSansDevanagari-Regular", "DEVANAGARI"),
    ],
)
def test_every_letter_of_our_own_texts_is_in_the_font_and_in_its_range(
    locale: str, font: str, script: str
) -> None:
    texts = [TRANSLATIONS_FOLDER / locale / "LC_MESSAGES" / "messages.po", *SHIPPED.rglob(f"{locale}.po")]
    used = {letter for path in texts if path.is_file() for letter in path.read_text("utf-8")}
    letters = {letter for letter in used if unicodedata.name(letter, "").startswith((script, "ZERO WIDTH"))}
    with TTFont(FONTS_FOLDER / f"{font}.ttf", lazy=True) as opened:
        known = set(opened.getBestCmap())
    face = re.search(rf"@font-face \{{[^}}]*{font}\.woff2[^}}]*unicode-range: ([^;]+);", STYLE)
    assert face
    loaded = code_points(face[1].replace("U+", "").replace(",", ""))

    assert {letter for letter in letters if ord(letter) not in known & loaded} == set()
    # A letter of neither alphabet would be found.
    assert 0x0B85 not in known | loaded
