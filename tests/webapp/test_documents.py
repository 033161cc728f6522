"""A document becomes a PDF on any machine, with the fonts that travel along and nothing taken for mark-up."""

import datetime as dt
import re

import pytest

from surveys.packs.blocks import Bullets, Document, Heading, OpenPoint, Paragraph, Table
from tests.webapp.pdfs import streams_of
from webapp.documents import FONTS, lay_out

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


def test_fonts_come_with_their_licence() -> None:
    assert len(list(FONTS.glob("*.ttf"))) == 4
    assert "Open Font License" in (FONTS / "OFL.txt").read_text("utf-8")
