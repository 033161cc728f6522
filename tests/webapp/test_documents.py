"""A document becomes a PDF on any machine, with the fonts that travel along and nothing taken for mark-up."""

import datetime as dt
import re

import pytest
import typst

from surveys.errors import PackError
from surveys.packs.blocks import Bullets, Document, Heading, OpenPoint, Paragraph, Table
from tests.webapp.pdfs import streams_of
from webapp.documents import CHINESE, lay_out

TODAY = dt.date(2026, 3, 2)


def document(text: str) -> Document:
    return Document(
        title="Title", subtitle=text, notice=text,
        blocks=(Heading("Part"), Paragraph(text), Bullets((text,)), Table(("A", "B"), ((text, "z"),)), OpenPoint(text)),
    )  # fmt: skip


def embedded_fonts(pdf: bytes) -> set[str]:
    """The names of the fonts in a PDF, whose objects may lie in compressed streams."""
    parts = [pdf, *streams_of(pdf)]
    return {
        name.decode() for part in parts for name in re.findall(rb"/BaseFont\s*/(?:[A-Z]{6}\+)?([\w-]+)", part)
    }


def test_the_same_document_gives_the_same_bytes() -> None:
    made = lay_out(document("words"), today=TODAY)

    assert made.startswith(b"%PDF-")
    assert made == lay_out(document("words"), today=TODAY)
    assert made != lay_out(document("other words"), today=TODAY)


@pytest.mark.parametrize(
    "text", ['#read("/etc/passwd")', "#panic()", "$x$ *b* _i_ @cite <label> \\ //", "]", "\u202e"]
)
def test_nothing_in_a_text_is_run(text: str) -> None:
    assert lay_out(document(text), today=TODAY).startswith(b"%PDF-")


def test_arabic_script_has_its_font() -> None:
    assert not any("Arabic" in name for name in embedded_fonts(lay_out(document("words"), today=TODAY)))
    fonts = embedded_fonts(lay_out(document("نادية الحسن، ٹ ڈ ڑ ں ے"), today=TODAY))
    assert any("NotoSansArabic" in name for name in fonts), fonts


@pytest.mark.parametrize(
    ("locale", "text", "font"),
    [
        ("ar", "الأسئلة والأجوبة", "NotoSansArabic"),
        ("ur", "سوالات اور جوابات، ٹھیک ہے۔", "NotoNastaliqUrdu"),
        ("hi", "प्रश्न और उत्तर, क्षत्रिय", "NotoSansDevanagari"),
        ("pt", "Perguntas e respostas: não", "NotoSans"),
    ],
)
def test_each_language_is_set_in_its_letters_on_a_machine_without_fonts(
    monkeypatch: pytest.MonkeyPatch, locale: str, text: str, font: str
) -> None:
    honest = typst.compile
    monkeypatch.setattr(typst, "compile", lambda *a, **k: honest(*a, ignore_system_fonts=True, **k))

    fonts = embedded_fonts(lay_out(document(text), today=TODAY, locale=locale))

    assert any(name.startswith(font) for name in fonts), fonts
    # The template's own few English words are in Noto Sans; nothing came from elsewhere.
    assert all(name.startswith((font, "NotoSans-")) for name in fonts), fonts


def test_chinese_needs_a_font_of_the_machine_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        """A machine with our fonts only."""

        def __init__(self, **_how: object) -> None:
            """Take what the real one takes."""

        def families(self) -> list[str]:
            return ["Noto Sans"]

    installed = set(typst.Fonts().families()) & set(CHINESE)
    if installed:
        assert lay_out(document("问题和答案"), today=TODAY, locale="zh_Hans").startswith(b"%PDF-")
    monkeypatch.setattr(typst, "Fonts", Bare)
    with pytest.raises(PackError) as caught:
        lay_out(document("问题和答案"), today=TODAY, locale="zh_Hans")
    assert "fonts-noto-cjk" in caught.value.remedy
    assert lay_out(document("words"), today=TODAY, locale="zh_Hans").startswith(b"%PDF-")
