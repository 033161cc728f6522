"""One cell of a roster file -> the value it means, or a CellFault that says what is wrong with it and what to do."""

import datetime as dt
import re
import unicodedata
import zoneinfo
from collections.abc import Mapping

from instruments.errors import N_
from surveys.addresses import mailable_email
from surveys.roster_words import LANGUAGES, recognise_language, recognise_reporting_line

MAX_NAME = 200
MAX_CELL = 1_000
SHOWN = 80

# Characters that show nothing and mean nothing in a name or an address; people paste them without knowing.
_INVISIBLE = "\u00ad\u061c\u180e\u200b\u200e\u200f\u2060\ufeff"
_JOINERS = "\u200c\u200d"
_SPACES = re.compile(r"[ \t\n\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_NOT_BLANK = re.compile(
    rf"[^ \t\n\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000{_INVISIBLE}{_JOINERS}]"
)


class CellFault(Exception):  # noqa: N818 - caught a line later and turned into a problem, never shown as an error
    """What is wrong with one cell: code, message and remedy (msgids) and what fills them in."""

    def __init__(self, code: str, message: str, remedy: str, params: Mapping[str, str | int]) -> None:
        super().__init__(code)
        self.code, self.message, self.remedy, self.params = code, message, remedy, params


def shown(text: str) -> str:
    """A cell made safe to show inside a message: cut to length, with every invisible character written out."""
    visible = "".join(
        f"\\u{ord(letter):04x}" if unicodedata.category(letter)[0] in "CZ" and letter != " " else letter
        for letter in text[:SHOWN]
    )
    return visible + ("…" if len(text) > SHOWN else "")


def is_blank(cell: str) -> bool:
    """Whether a cell holds nothing that could be seen."""
    return _NOT_BLANK.search(cell) is None


def tidy(cell: str) -> str:
    """A cell without what spreadsheets and mail programs wrap around it: odd spaces, invisible marks, ="…", leading '."""
    if len(cell) > MAX_CELL:
        raise CellFault(
            "cell_too_long",
            N_("“%(cell)s” is %(length)s characters long."),
            N_("Shorten it; perhaps a quotation mark is missing and several cells have run together."),
            {"cell": shown(cell), "length": len(cell)},
        )
    text = _SPACES.sub(" ", "".join(_without_marks(cell))).strip(" ")
    for letter in text:
        # Control, directional override and isolate, private-use and unassigned characters.
        if unicodedata.category(letter)[0] == "C" and letter not in _JOINERS:
            raise CellFault(
                "hidden_character",
                N_("“%(cell)s” holds the invisible character %(character)s, which can hide or reorder text."),
                N_("Delete the cell and type it by hand instead of pasting it."),
                {"cell": shown(cell), "character": f"U+{ord(letter):04X}"},
            )
    quoted = re.fullmatch(r'="([^"]*)"', text)
    if quoted:
        text = quoted[1].strip(" ")
    # Excel marks a cell as text by a leading apostrophe; "'t Hooft" is a name.
    return unicodedata.normalize("NFC", re.sub(r"^'(?![a-z]\s)", "", text).strip(" "))


def _without_marks(cell: str) -> list[str]:
    """The characters of a cell but the invisible ones; joiners stay between letters beyond ASCII, as Urdu needs them."""
    kept: list[str] = []
    for place, letter in enumerate(cell):
        if letter in _INVISIBLE:
            continue
        if letter in _JOINERS:
            around = cell[place - 1 : place] + cell[place + 1 : place + 2]
            if len(around) < 2 or any(other.isascii() or not other.isprintable() for other in around):
                continue
        kept.append(letter)
    return kept


def read_name(cell: str) -> str:
    """A person's name as it is to be shown to the partner."""
    name = tidy(cell)
    params = {"cell": shown(cell.strip())}
    if not name:
        raise _empty()
    if name[0] in "=+-@#":
        raise CellFault(
            "formula",
            N_("“%(cell)s” is a spreadsheet formula or error, not a name."),
            N_("Write the plain name, without =, +, -, @ or # in front."),
            params,
        )
    if "@" in name:
        raise CellFault(
            "name_is_address",
            N_("“%(cell)s” stands where a name should be."),
            N_(
                "Write the name here and the e-mail address in its own column; perhaps two columns are swapped."
            ),
            params,
        )
    if _is_garbled(cell, name):
        raise CellFault(
            "garbled",
            N_("The letters of “%(cell)s” were damaged when the file was saved."),
            N_(
                "Save the file once more from the original: in Excel, File > Save as > CSV UTF-8 (comma delimited)."
            ),
            params,
        )
    if len(name) > MAX_NAME:
        raise CellFault(
            "name_too_long",
            N_("The name “%(cell)s” is %(length)s characters long; %(maximum)s are allowed."),
            N_("Shorten it."),
            {**params, "length": len(name), "maximum": MAX_NAME},
        )
    if not any(letter.isalpha() for letter in name):
        raise CellFault(
            "not_a_name", N_("“%(cell)s” holds no letter."), N_("Write the name the partner knows."), params
        )
    return name


def _is_garbled(cell: str, name: str) -> bool:
    """Whether letters were lost ("M?ller", "M\ufffdller") or read in a wrong encoding ("MÃ¼ller", "ãÍãÏ")."""
    if "?" in name or "\ufffd" in name:
        return True
    try:
        encoded = cell.encode("cp1252")
    except UnicodeEncodeError:
        return False
    letters = [letter for letter in name if letter.isalpha()]
    beyond_ascii = sum(not letter.isascii() for letter in letters)
    # Arabic or Cyrillic read as Western European gives words made mostly of accented letters; no Western name is.
    if beyond_ascii >= 4 and beyond_ascii > 0.6 * len(letters):
        return True
    try:
        return encoded.decode("utf-8") != cell
    except UnicodeDecodeError:
        return False


def read_email(cell: str) -> str:
    """An e-mail address in lower case, freed of "mailto:", of "Name <…>" and of a HYPERLINK formula around it."""
    params = {"cell": shown(cell.strip())}
    text = re.sub(f"[{_JOINERS}]", "", unicodedata.normalize("NFKC", tidy(cell)))
    if not text:
        raise _empty()
    if text.upper().startswith("=HYPERLINK"):
        linked = set(re.findall(r'"(?:mailto:)?([^"@]+@[^"@]+)"', text.lower()))
        text = linked.pop() if len(linked) == 1 else text
    bracketed = re.fullmatch(r"[^<>]*<([^<>]+)>[\s;,.]*", text)
    address = (bracketed[1] if bracketed else text).strip(" \"';,").rstrip(" .").lower()
    address = address.removeprefix("mailto:").partition("?")[0].strip()
    if address.count("@") > 1:
        raise CellFault(
            "several_addresses",
            N_("“%(cell)s” holds more than one address."),
            N_("Keep one address: the one the invitation is to go to."),
            params,
        )
    mailable = mailable_email(address)
    if mailable is None:
        raise CellFault(
            "malformed_email",
            N_("“%(cell)s” is not an e-mail address."),
            N_("Write one address such as ada@example.org, with no space and no accent before the @."),
            params,
        )
    return mailable


def read_language(cell: str) -> str | None:
    """The locale of the person's forms; None when the cell is empty and the programme's default holds."""
    text = tidy(cell)
    if not text:
        return None
    locale = recognise_language(text)
    if locale is None:
        raise CellFault(
            "unknown_language",
            N_("“%(cell)s” is not a language in which the questionnaires exist."),
            N_("Write one of %(languages)s, or leave the cell empty for the programme's own language."),
            {"cell": shown(cell.strip()), "languages": ", ".join(LANGUAGES)},
        )
    return locale


def read_timezone(cell: str) -> str | None:
    """The time zone in which the person's nights and weekends are; None when the cell is empty."""
    text = tidy(cell)
    if not text:
        return None
    if text not in zoneinfo.available_timezones():
        raise CellFault(
            "unknown_time_zone",
            N_("“%(cell)s” is not the name of a time zone."),
            N_("Write for example Europe/Berlin, or leave the cell empty."),
            {"cell": shown(text)},
        )
    return text


def read_date(cell: str) -> dt.date | None:
    """The day a pair started; a date that could be read in two ways is refused."""
    text = tidy(cell)
    if not text:
        return None
    iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]0{1,2}:00(?::00)?)?", text)
    dotted = re.fullmatch(r"(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})", text)
    slashed = re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", text)
    try:
        if iso:
            return _in_range(*(int(part) for part in iso.groups()))
        if dotted:
            day, month, year = (int(part) for part in dotted.groups())
            return _in_range(year, month, day)
        if slashed:
            first, second, year = (int(part) for part in slashed.groups())
            if first > 12 or first == second:
                return _in_range(year, second, first)
            if second > 12:
                return _in_range(year, first, second)
    except ValueError:
        pass
    raise CellFault(
        "malformed_date",
        N_("“%(cell)s” is not a date, or one that could be read in two ways."),
        N_("Write it as year-month-day, for example 2026-03-31."),
        {"cell": shown(cell.strip())},
    )


def _in_range(year: int, month: int, day: int) -> dt.date:
    """The date, when its year is plausible for a mentoring pair; ValueError otherwise."""
    if not 2000 <= year <= 2100:
        raise ValueError(year)
    return dt.date(year, month, day)


def read_reporting_line(cell: str) -> str:
    """That neither partner reports to the other; a direct or dotted line between them is refused."""
    text = tidy(cell)
    line = recognise_reporting_line(text) if text else "none"
    if line is None:
        raise CellFault(
            "unknown_reporting_line",
            N_("“%(cell)s” does not say whether one partner reports to the other."),
            N_("Write none, indirect or direct."),
            {"cell": shown(cell.strip())},
        )
    if line != "none":
        raise CellFault(
            "reporting_line",
            N_("One partner reports to the other (“%(cell)s”)."),
            N_("Match them with other partners: nobody can answer freely about a person who appraises them."),
            {"cell": shown(cell.strip())},
        )
    return line


def _empty() -> CellFault:
    """A needed cell that is empty."""
    return CellFault(
        "empty", N_("This cell is empty, but it is needed."), N_("Fill it in, or delete the row."), {}
    )
