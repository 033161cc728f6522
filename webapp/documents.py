"""Documents as PDF, laid out by typst with the fonts that travel along: Latin, Greek, Cyrillic and Arabic script on any machine."""

import datetime as dt
import json
from typing import Any

from surveys.packs.blocks import Document
from webapp.config import PACKAGE_FOLDER

TEMPLATES = PACKAGE_FOLDER / "templates" / "report"
FONTS = PACKAGE_FOLDER / "fonts"


def lay_out(document: Document, *, today: dt.date) -> bytes:
    """Return the document as a tagged PDF of one day."""
    return compile_template("document", document.as_json(), today=today)


def compile_template(name: str, data: Any, *, today: dt.date) -> bytes:
    """Return a template as a PDF of one day, filled with data; fonts of the machine help out only where ours have no sign."""
    # 80 MB that no page needs.
    import typst

    made: bytes = typst.compile(
        TEMPLATES / f"{name}.typ",
        root=TEMPLATES,
        font_paths=[FONTS],
        format="pdf",
        sys_inputs={"document": json.dumps(data, ensure_ascii=False)},
        timestamp=int(dt.datetime(today.year, today.month, today.day, tzinfo=dt.UTC).timestamp()),
    )
    return made
