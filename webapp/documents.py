"""Documents as PDF, laid out by typst with the fonts that travel along: Latin, Greek, Cyrillic, Arabic and Devanagari on any machine."""

import datetime as dt
import json
import re
from typing import Any

from babel import Locale

from surveys.errors import PackError
from surveys.packs.blocks import Document
from webapp.config import FONTS_FOLDER, PACKAGE_FOLDER, SOURCE_LOCALE
from webapp.negotiation import language_tag

TEMPLATES = PACKAGE_FOLDER / "templates" / "report"
SHIPPED = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Devanagari")
# Too large to travel along; the first of these that the machine has is used.
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "Droid Sans Fallback",
)  # fmt: skip
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")


def lay_out(document: Document, *, today: dt.date, locale: str = SOURCE_LOCALE) -> bytes:
    """Return the document as a tagged PDF of one day."""
    return compile_template("document", document.as_json(), today=today, locale=locale)


def compile_template(name: str, data: Any, *, today: dt.date, locale: str) -> bytes:
    """Return a template as a PDF of one day, filled with data; fonts of the machine help out only where ours have no sign.

    Raises PackError where Chinese is to be set and no known font for it is installed: a PDF of empty boxes helps nobody.
    """
    # 80 MB that no page needs.
    import typst

    text = json.dumps(data, ensure_ascii=False)
    language, _, script = language_tag(locale).partition("-")
    made: bytes = typst.compile(
        TEMPLATES / f"{name}.typ",
        root=TEMPLATES,
        font_paths=[FONTS_FOLDER],
        format="pdf",
        sys_inputs={
            "document": text,
            "fonts": json.dumps(_families_for(text, locale)),
            "language": language,
            "script": script.lower(),
            "direction": Locale.parse(locale).text_direction,
        },
        timestamp=int(dt.datetime(today.year, today.month, today.day, tzinfo=dt.UTC).timestamp()),
    )
    return made


def _families_for(text: str, locale: str) -> tuple[str, ...]:
    """Return the fonts for a text, the preferred one first."""
    import typst

    families: tuple[str, ...] = (
        ("Noto Sans", "Noto Nastaliq Urdu", *SHIPPED[1:]) if locale == "ur" else SHIPPED
    )
    if not HAN.search(text):
        return families
    installed = set(typst.Fonts(font_paths=[FONTS_FOLDER]).families())
    chinese = tuple(name for name in CHINESE if name in installed)
    if not chinese:
        raise PackError("no_chinese_font")
    return families + chinese
