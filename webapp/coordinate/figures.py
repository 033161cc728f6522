"""Published numbers as text in the reader's language; nothing is rounded here beyond what publication rounded."""

from dataclasses import dataclass

from instruments.model import Instrument
from surveys.releases import ChangeCell, LevelCell
from webapp.coordinate.words import NOT_SHOWN
from webapp.i18n import format_number, get_locale, text_direction
from webapp.i18n import gettext as _

MINUS = "\N{MINUS SIGN}"
LEFT_TO_RIGHT_MARK = "\N{LEFT-TO-RIGHT MARK}"
# From this number of people on, changes are published with two decimals.
TWO_DECIMALS_FROM = 10


@dataclass(frozen=True)
class ShownCell:
    """A cell as it is printed: every text is empty where nothing may be shown, except `mean`, which then says so."""

    shown: bool
    mean: str
    interval: str = ""
    n: str = ""
    verdict: str = ""
    by_reference: bool = False


def keep_together(name: str) -> str:
    """Return a name that keeps its own direction inside a sentence of another one; for texts that are not HTML."""
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def format_signed(value: float, digits: int) -> str:
    """Return a change with its sign, a true minus, and no sign before a rounded zero."""
    sign = "" if round(abs(value), digits) == 0 else "+" if value > 0 else MINUS
    # In a right-to-left sentence a sign would move to the other side of its number.
    mark = LEFT_TO_RIGHT_MARK if sign and text_direction() == "rtl" else ""
    return f"{mark}{sign}{format_number(abs(value), digits)}"


def format_plain(value: float, digits: int) -> str:
    """Return a number with a true minus where it needs one."""
    return format_signed(value, digits) if value < 0 else format_number(value, digits)


def show_level(cell: LevelCell | None) -> ShownCell | None:
    """Return a mean with its interval; None where the wave did not ask."""
    if cell is None:
        return None
    if not cell.shown or cell.mean is None:
        return ShownCell(shown=False, mean=_(NOT_SHOWN))
    interval = ""
    if cell.low is not None and cell.high is not None:
        interval = _format_interval(format_number(cell.low, 1), format_number(cell.high, 1))
    return ShownCell(
        shown=True,
        mean=_add_bound(format_number(cell.mean, 1), cell.bound),
        interval=interval,
        n=format_number(cell.n or 0),
        by_reference=cell.interval_kind == "reference",
    )


def show_change(cell: ChangeCell | None) -> ShownCell | None:
    """Return a change with its interval and its verdict in words; None where there is nothing to compare with."""
    if cell is None:
        return None
    if not cell.shown or cell.mean is None:
        return ShownCell(shown=False, mean=_(NOT_SHOWN))
    digits = count_digits(cell)
    interval = ""
    if cell.low is not None and cell.high is not None:
        interval = _format_interval(format_signed(cell.low, digits), format_signed(cell.high, digits))
    return ShownCell(
        shown=True,
        mean=_add_bound(format_signed(cell.mean, digits), cell.bound),
        interval=interval,
        n=format_number(cell.n or 0),
        verdict=describe_verdict(cell),
        by_reference=cell.interval_kind == "reference",
    )


def count_digits(cell: ChangeCell) -> int:
    """Return with how many decimals a change was published."""
    return 2 if (cell.n or 0) >= TWO_DECIMALS_FROM else 1


def describe_verdict(cell: ChangeCell) -> str:
    """Return what may be said of a change: the verdict's word, with a direction only where something moved."""
    if cell.verdict == "moved" and cell.mean is not None:
        return _("rose") if cell.mean > 0 else _("fell")
    if cell.verdict == "not shown":
        return _("no change can be shown")
    return _("too few people to conclude")


def choose_locale_of(instrument: Instrument) -> str:
    """Return the language in which an instrument's words are shown: the reader's, or its source where it lacks that."""
    locale = get_locale()
    return locale if locale in instrument.locales else instrument.source_locale


def describe_rate(percent: int | None, bound: str | None) -> str:
    """Return a response rate in words; its ends are open, so that nobody reads from it what each single person did."""
    if percent is None:
        return _("not shown")
    if bound in {"at most", "at_most"}:
        return _("%(percent)s %% or less", percent=percent)
    if bound in {"at least", "at_least"}:
        return _("%(percent)s %% or more", percent=percent)
    return _("about %(percent)s %%", percent=percent)


def _format_interval(low: str, high: str) -> str:
    """Return both ends of an interval in words, which no language reads backwards."""
    return _("%(low)s to %(high)s", low=low, high=high)


def _add_bound(text: str, bound: str | None) -> str:
    """Return the number with the words that keep a unanimous group from showing."""
    if bound == "at least":
        return _("at least %(number)s", number=text)
    if bound == "at most":
        return _("at most %(number)s", number=text)
    return text
