"""Published numbers as text in the reader's language; nothing is rounded here beyond what publication rounded.

Every number on a page that answers led to is written by `figure`, together with the place in the stored release from which it comes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from instruments.model import Instrument
from scoring.disclosure import SENSITIVE_FLOOR
from surveys.releases import ChangeCell, LevelCell, ReleaseView
from webapp.coordinate.words import NOT_SHOWN
from webapp.i18n import format_number, get_locale, text_direction
from webapp.i18n import gettext as _

MINUS = "\N{MINUS SIGN}"
LEFT_TO_RIGHT_MARK = "\N{LEFT-TO-RIGHT MARK}"
# From this number of people on, changes are published with two decimals.
TWO_DECIMALS_FROM = 10


@dataclass(frozen=True)
class ShownCell:
    """A cell as it is printed: every text is empty where nothing may be shown, except `mean`, which then says so.

    `published` is the cell itself and `source` its place: the key of a wave, then the way through its release.
    """

    shown: bool
    mean: str
    low: str = ""
    high: str = ""
    n: str = ""
    verdict: str = ""
    by_reference: bool = False
    published: LevelCell | ChangeCell | None = None
    source: str = ""

    @property
    def interval(self) -> str:
        """Both ends of the interval as plain text, for a picture; empty where there is none."""
        return _format_interval(self.low, self.high) if self.low and self.high else ""

    def figure(self, name: str) -> Markup:
        """One number of the cell with its place: its text here is called as it is called there."""
        return figure(getattr(self, name), getattr(self.published, name), f"{self.source}/{name}")


def figure(text: str, value: float | None, source: str) -> Markup:
    """Return a published number that says where it comes from, for whoever checks a page against the stored releases."""
    return Markup('<data value="{}" data-release="{}">{}</data>').format(value, source, text)


@dataclass(frozen=True)
class PromisedFloor:
    """The smallest group under which figures were released, the same for sensitive scales, and the cohorts of which it is true."""

    people: Markup
    sensitive: int
    cohorts: tuple[str, ...] = ()


def promised_floors(views: Iterable[ReleaseView], names: Mapping[str, str]) -> list[PromisedFloor]:
    """Return the floors frozen in these releases, each once, the lowest first; the programme's own may have been raised since."""
    found: dict[int, list[ReleaseView]] = {}
    for view in views:
        found.setdefault(view.floor, []).append(view)
    return [
        PromisedFloor(
            figure(format_number(floor), floor, f"{under[0].wave_id}/floor"),
            max(floor, SENSITIVE_FLOOR),
            tuple(names.get(view.cohort_id, "") for view in under),
        )
        for floor, under in sorted(found.items())
    ]


def place_of(wave_id: str, role: str, scale_id: str) -> str:
    """Return the place of a scale in the release of a wave."""
    return f"{wave_id}/roles/{role}/scales/{scale_id}"


def format_signed(value: float, digits: int) -> str:
    """Return a change with its sign, a true minus, and no sign before a rounded zero."""
    sign = "" if round(abs(value), digits) == 0 else "+" if value > 0 else MINUS
    # In a right-to-left sentence a sign would move to the other side of its number.
    mark = LEFT_TO_RIGHT_MARK if sign and text_direction() == "rtl" else ""
    return f"{mark}{sign}{format_number(abs(value), digits)}"


def format_plain(value: float, digits: int) -> str:
    """Return a number with a true minus where it needs one."""
    return format_signed(value, digits) if value < 0 else format_number(value, digits)


def show_level(cell: LevelCell | None, place: str) -> ShownCell | None:
    """Return a mean with its interval; None where the wave did not ask."""
    if cell is None:
        return None
    if not cell.shown or cell.mean is None:
        return ShownCell(shown=False, mean=_(NOT_SHOWN))
    return ShownCell(
        shown=True,
        mean=_add_bound(format_number(cell.mean, 1), cell.bound),
        low="" if cell.low is None else format_number(cell.low, 1),
        high="" if cell.high is None else format_number(cell.high, 1),
        n=format_number(cell.n or 0),
        by_reference=cell.interval_kind == "reference",
        published=cell,
        source=f"{place}/level",
    )


def show_change(cell: ChangeCell | None, place: str) -> ShownCell | None:
    """Return a change with its interval and its verdict in words; None where there is nothing to compare with."""
    if cell is None:
        return None
    if not cell.shown or cell.mean is None:
        return ShownCell(shown=False, mean=_(NOT_SHOWN))
    digits = count_digits(cell)
    return ShownCell(
        shown=True,
        mean=_add_bound(format_signed(cell.mean, digits), cell.bound),
        low="" if cell.low is None else format_signed(cell.low, digits),
        high="" if cell.high is None else format_signed(cell.high, digits),
        n=format_number(cell.n or 0),
        verdict=describe_verdict(cell),
        by_reference=cell.interval_kind == "reference",
        published=cell,
        source=f"{place}/change",
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
