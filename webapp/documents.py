"""Documents as PDF, laid out by typst with the fonts that travel along: Latin, Greek, Cyrillic, Arabic and Devanagari on any machine."""

import datetime as dt
import json
import re

from babel import Locale

from surveys.errors import PackError
from surveys.packs.blocks import Document
from webapp.config import FONTS_FOLDER, PACKAGE_FOLDER, SOURCE_LOCALE
from webapp.negotiation import language_tag

TEMPLATE = PACKAGE_FOLDER / "templates" / "report" / "document.typ"
SHIPPED = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Devanagari")
# Too large to travel along; the first of these that the machine has is used.
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "Droid Sans Fallback",
)  # fmt: skip
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")


def lay_out(document: Document, *, today: dt.date, locale: str = SOURCE_LOCALE) -> bytes:
    """Return the document as a tagged PDF of one day; fonts of the machine help out only where ours have no sign.

    Raises PackError where Chinese is to be set and no known font for it is installed: a PDF of empty boxes helps nobody.
    """
    # 80 MB that no page needs.
    import typst

    text = json.dumps(document.as_json(), ensure_ascii=False)
    families: tuple[str, ...] = (
        ("Noto Sans", "Noto Nastaliq Urdu", *SHIPPED[1:]) if locale == "ur" else SHIPPED
    )
    if HAN.search(text):
        installed = set(typst.Fonts(font_paths=[FONTS_FOLDER]).families())
        chinese = tuple(name for name in CHINESE if name in installed)
        if not chinese:
            raise PackError("no_chinese_font")
        families += chinese
    language, _, script = language_tag(locale).partition("-")
    inputs = {
        "document": text,
        "fonts": json.dumps(families),
        "language": language,
        "script": script.lower(),
        "direction": Locale.parse(locale).text_direction,
    }
    made: bytes = typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        font_paths=[FONTS_FOLDER],
        format="pdf",
        sys_inputs=inputs,
        timestamp=int(dt.datetime(today.year, today.month, today.day, tzinfo=dt.UTC).timestamp()),
    )
    return made
