"""Documents as PDF, laid out by typst with the fonts that travel along: Latin, Greek, Cyrillic and Arabic script on any machine."""

import datetime as dt
import json

from surveys.packs.blocks import Document
from webapp.config import PACKAGE_FOLDER

TEMPLATE = PACKAGE_FOLDER / "templates" / "report" / "document.typ"
FONTS = PACKAGE_FOLDER / "fonts"


def lay_out(document: Document, *, today: dt.date) -> bytes:
    """Return the document as a tagged PDF of one day; fonts of the machine help out only where ours have no sign."""
    # 80 MB that no page needs.
    import typst

    made: bytes = typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        font_paths=[FONTS],
        format="pdf",
        sys_inputs={"document": json.dumps(document.as_json(), ensure_ascii=False)},
        timestamp=int(dt.datetime(today.year, today.month, today.day, tzinfo=dt.UTC).timestamp()),
    )
    return made
