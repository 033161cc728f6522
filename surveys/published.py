"""What a release says: how far its numbers are rounded, how it is written down, and how it is read again.

Rounding is a step of publication, made once here; computation before it and pages after it keep every digit they are given.

- Up to 9 respondents: means with 1 decimal and an interval from reference values, so that neither the sum nor the spread of
  so small a group is given away.
- From 10 respondents: levels with 1 decimal, as the scores are shown everywhere; changes and their intervals with 2 decimals,
  because a verdict turns on a tenth of a point.
- From 20 respondents: also the effect size, with 2 decimals, and p with 3, and .001 for anything below. In a smaller group the
  p of a sign-flip test may say of every single person which way they went: of ten people .002 is reached only if all ten moved
  in one direction. Of twenty that is a p far below .001, which many other answers have too. The effect size would sharpen
  what rounded intervals of levels say of the spread.
- A level in the outer twentieth of the range is given as "at least" or "at most" the border of it: a mean of exactly 5.0
  would say what every single person answered. The same holds for a change across nearly the whole range.
- An interval is never narrower than one from a spread of a sixteenth of the range (a quarter of a point on a scale of 1 to 5),
  for equal answers would otherwise show in it; p and effect size are then left out.
- What is not shown is `{"shown": false}` and nothing else, for nobody as for four people.
"""

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from instruments.digests import digest as digest_of
from instruments.errors import N_
from instruments.model import Role, WaveKind
from surveys.errors import SurveyError
from surveys.models import Cohort, Program, PublishedGroup, Release, Wave

RULES_VERSION = "2"
NOT_SHOWN: Mapping[str, Any] = {"shown": False}
OUTER_SHARE = 1 / 20
SMALLEST_SPREAD = 1 / 16
SMALLEST_P = 0.001
FULL_REPORT = 10
TESTED_REPORT = 20

Bound = Literal["at least", "at most"]
IntervalKind = Literal["t", "reference"]
Verdict = Literal["moved", "not shown", "too few"]


class ReleaseDamagedError(SurveyError):
    """A stored release is no longer what was frozen; it is not shown."""

    code = "release_damaged"
    message = N_("The stored results of the wave %(kind)s do not match their checksum.")
    remedy = N_("Restore the database from a backup. Results are never computed a second time.")


@dataclass(frozen=True)
class LevelCell:
    """The mean of one scale for one role, cohort and wave, as far as it is shown; everything is None where it is not.

    `mean` is in points of the scale; with a `bound` the true mean is at least or at most that. `low` and `high` hold 95 %;
    `interval_kind` says whether they come from these answers ("t") or from reference values.
    """

    shown: bool
    n: int | None = None
    mean: float | None = None
    bound: Bound | None = None
    low: float | None = None
    high: float | None = None
    interval_kind: IntervalKind | None = None


@dataclass(frozen=True)
class ChangeCell:
    """The mean change of those who answered both waves, later minus earlier, as far as it is shown.

    `verdict` is one of the three words; `p` is the sign-flip test's, `g` the standardised change. Fields that the size of the
    group does not allow are None. Units and bounds are those of LevelCell.
    """

    shown: bool
    from_wave: WaveKind | None = None
    n: int | None = None
    mean: float | None = None
    bound: Bound | None = None
    low: float | None = None
    high: float | None = None
    interval_kind: IntervalKind | None = None
    p: float | None = None
    g: float | None = None
    g_low: float | None = None
    g_high: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True)
class ScaleRelease:
    """One scale of one role; `change` is None where no earlier closed wave asked the same in the same words.

    `minimum` and `maximum` are the ends of the scale's range in points.
    """

    scale_id: str
    minimum: float
    maximum: float
    level: LevelCell
    change: ChangeCell | None


@dataclass(frozen=True)
class RoleRelease:
    """What one role's answers say.

    `response_rate` is in per cent, in steps of ten, None where the role is small or too few of it have answered for anything
    to be shown; like a mean it may be a bound.
    """

    response_rate: int | None
    response_rate_bound: Bound | None
    scales: Mapping[str, ScaleRelease]


@dataclass(frozen=True)
class ReleaseView:
    """A frozen release as pages read it; `body` is the stored JSON, from which everything else here comes."""

    wave_id: str
    cohort_id: str
    wave: WaveKind
    frozen_on: dt.date
    rules_version: str
    digest: str
    instrument_id: str
    instrument_version: str
    floor: int
    roles: Mapping[Role, RoleRelease]
    body: Mapping[str, Any]

    @property
    def drafts(self) -> tuple[str, ...]:
        """The languages that were offered although nobody had approved their words, as things stood when this was frozen."""
        return tuple(draft["locale"] for draft in self.body.get("drafts", ()))

    def scale(self, role: Role | str, scale_id: str) -> ScaleRelease | None:
        """One scale of one role, or None if this wave did not ask it."""
        of_role = self.roles.get(Role(role))
        return of_role.scales.get(scale_id) if of_role else None


@dataclass(frozen=True)
class Figures:
    """An exact mean with its interval on its way to publication; `floor_half` is the smallest half width allowed."""

    n: int
    mean: float
    low: float | None
    high: float | None
    interval_kind: str
    floor_half: float


def publish_level(figures: Figures, minimum: float, maximum: float) -> dict[str, Any]:
    """The level of a released cell, rounded and bounded; `minimum` and `maximum` are the ends of the scale."""
    outer = (maximum - minimum) * OUTER_SHARE
    mean, bound = _bounded(figures.mean, minimum + outer, maximum - outer)
    body: dict[str, Any] = {"shown": True, "n": figures.n, "mean": _rounded(mean, 1), "bound": bound}
    low, high, kind, _widened = _interval(figures)
    if bound is not None:
        low, high, kind = None, None, None
    body["low"] = None if low is None else _rounded(max(minimum, low), 1)
    body["high"] = None if high is None else _rounded(min(maximum, high), 1)
    body["interval_kind"] = kind
    return body


def publish_change(
    figures: Figures,
    width: float,
    *,
    from_wave: WaveKind,
    p: float | None = None,
    effect: tuple[float | None, float | None, float | None] = (None, None, None),
) -> dict[str, Any]:
    """The change of a released cell without its verdict; `width` is the range of the scale in points.

    `effect` is the standardised change with its interval. Below twenty respondents p and effect are left out.
    """
    decimals = 2 if figures.n >= FULL_REPORT else 1
    outer = width * (1 - 2 * OUTER_SHARE)
    mean, bound = _bounded(figures.mean, -outer, outer)
    low, high, kind, widened = _interval(figures)
    if bound is not None:
        low, high, kind = None, None, None
    if figures.n < TESTED_REPORT or widened or bound is not None:
        p, effect = None, (None, None, None)
    g, g_low, g_high = (None if value is None else _rounded(value, 2) for value in effect)
    return {
        "shown": True,
        "from": WaveKind(from_wave).value,
        "n": figures.n,
        "mean": _rounded(mean, decimals),
        "bound": bound,
        "low": None if low is None else _rounded(low, decimals),
        "high": None if high is None else _rounded(high, decimals),
        "interval_kind": kind,
        "p": None if p is None else max(SMALLEST_P, _rounded(p, 3)),
        "g": g,
        "g_low": g_low,
        "g_high": g_high,
    }


def groups_of(program_id: str) -> Select[PublishedGroup]:
    """Who stands behind every number that a programme has published."""
    return (
        select(PublishedGroup)
        .join(Release, Release.id == PublishedGroup.release_id)
        .join(Wave, Wave.id == Release.wave_id)
        .join(Cohort, Cohort.id == Wave.cohort_id)
        .where(Cohort.program_id == program_id)
    )


def read_release(release: Release) -> ReleaseView:
    """A stored release as pages read it; raises ReleaseDamagedError when it is not what was frozen."""
    body = release.body
    if digest_of(body) != release.digest:
        raise ReleaseDamagedError(kind=release.wave.kind.value)
    return ReleaseView(
        wave_id=release.wave_id,
        cohort_id=release.wave.cohort_id,
        wave=WaveKind(body["wave"]),
        frozen_on=release.frozen_on,
        rules_version=release.rules_version,
        digest=release.digest,
        instrument_id=body["instrument"]["id"],
        instrument_version=body["instrument"]["version"],
        floor=body["floor"],
        roles={Role(role): _read_role(content) for role, content in body["roles"].items()},
        body=body,
    )


def release_of(session: Session, wave: Wave) -> ReleaseView | None:
    """The frozen release of a wave, or None if there is none yet; raises ReleaseDamagedError."""
    release = find_release(session, wave.id)
    return None if release is None else read_release(release)


def releases_of(session: Session, program: Program) -> tuple[ReleaseView, ...]:
    """Every frozen release of a programme, by cohort and then by the order of the waves; raises ReleaseDamagedError."""
    found = session.scalars(
        select(Release)
        .join(Release.wave)
        .join(Wave.cohort)
        .where(Cohort.program_id == program.id)
        .options(joinedload(Release.wave))
    )
    order = {cohort.id: place for place, cohort in enumerate(cohorts_of(session, program))}
    views = [read_release(release) for release in found]
    return tuple(sorted(views, key=lambda view: (order[view.cohort_id], list(WaveKind).index(view.wave))))


def find_release(session: Session, wave_id: str) -> Release | None:
    """The stored release of a wave."""
    return session.scalars(
        select(Release).where(Release.wave_id == wave_id).options(joinedload(Release.wave))
    ).one_or_none()


def cohorts_of(session: Session, program: Program) -> list[Cohort]:
    """The cohorts of a programme in the order of their start."""
    found = session.scalars(select(Cohort).where(Cohort.program_id == program.id))
    return sorted(found, key=lambda cohort: (cohort.starts_on or dt.date.max, cohort.name, cohort.id))


def as_text(view: ReleaseView) -> str:
    """A release as lines for a terminal, in English: everything it says and nothing more."""
    head = f"{view.wave.value} · {view.instrument_id} {view.instrument_version} · frozen on {view.frozen_on.isoformat()}"
    lines = [head, f"Groups of fewer than {view.floor} are not shown."]
    if view.drafts:
        lines.append(
            f"Offered as drafts that nobody had approved: {', '.join(view.drafts)}. Do not compare languages."
        )
    lines.append("")
    for role, content in view.roles.items():
        rate = "" if content.response_rate is None else f", {content.response_rate} % answered"
        if content.response_rate_bound is not None:
            rate = f", {content.response_rate_bound}{rate.removeprefix(',')}"
        lines.append(f"{role.value}s{rate}")
        lines.append(f"  {'scale':<14}{'n':>4}  {'mean':<16}{'n':>4}  change")
        lines.extend(f"  {line}" for line in _scale_lines(content))
        lines.append("")
    return "\n".join([*lines, f"sha256 {view.digest}"])


def _scale_lines(content: RoleRelease) -> Iterator[str]:
    """One line for each scale."""
    for scale in content.scales.values():
        level = _cell_text(scale.level, 1)
        line = f"{scale.scale_id:<14}{_count(scale.level)}  {level:<16}"
        if scale.change is not None:
            line += f"{_count(scale.change)}  {_change_text(scale.change)}"
        yield line.rstrip()


def _count(cell: LevelCell | ChangeCell) -> str:
    """The number of respondents, right-aligned; a dash where nothing is shown."""
    return f"{cell.n if cell.shown else '-':>4}"


def _cell_text(cell: LevelCell | ChangeCell, decimals: int, sign: str = "") -> str:
    """A mean with its interval, or the words for a cell that is not shown."""
    if not cell.shown or cell.mean is None:
        return "not shown"
    text = f"{cell.mean:{sign}.{decimals}f}"
    if cell.bound is not None:
        text = f"{cell.bound} {text}"
    if cell.low is not None and cell.high is not None:
        text += f" ({cell.low:{sign}.{decimals}f} to {cell.high:{sign}.{decimals}f})"
    return text


def _change_text(cell: ChangeCell) -> str:
    """A change in words."""
    if not cell.shown or cell.n is None or cell.from_wave is None:
        return "not shown"
    text = _cell_text(cell, 2 if cell.n >= FULL_REPORT else 1, "+")
    return f"{text} since {cell.from_wave.value}: {cell.verdict}"


def _read_role(content: Mapping[str, Any]) -> RoleRelease:
    """One role of a stored body."""
    scales = {
        scale_id: ScaleRelease(
            scale_id,
            cells["minimum"],
            cells["maximum"],
            LevelCell(**cells["level"]),
            None if cells["change"] is None else _read_change(cells["change"]),
        )
        for scale_id, cells in content["scales"].items()
    }
    rate = content["response_rate"] or {"percent": None, "bound": None}
    return RoleRelease(rate["percent"], rate["bound"], scales)


def _read_change(cell: Mapping[str, Any]) -> ChangeCell:
    """One change of a stored body."""
    fields = {name: value for name, value in cell.items() if name != "from"}
    return ChangeCell(**fields, from_wave=WaveKind(cell["from"]) if "from" in cell else None)


def _bounded(value: float, low: float, high: float) -> tuple[float, Bound | None]:
    """The value, or the border that it lies on or beyond."""
    if value <= low:
        return low, "at most"
    if value >= high:
        return high, "at least"
    return value, None


def _interval(figures: Figures) -> tuple[float | None, float | None, IntervalKind | None, bool]:
    """The interval around the mean, not narrower than allowed, its kind, and whether it had to be widened."""
    if figures.interval_kind == "reference" and figures.low is not None and figures.high is not None:
        return figures.low, figures.high, "reference", False
    if figures.n < FULL_REPORT:
        return None, None, None, False
    half = 0.0 if figures.low is None or figures.high is None else (figures.high - figures.low) / 2
    widened = half < figures.floor_half
    half = max(half, figures.floor_half)
    return figures.mean - half, figures.mean + half, "t", widened


def _rounded(value: float, decimals: int) -> float:
    """A value rounded for publication; halves go to the even digit of the binary value, and there is no minus zero."""
    result = round(float(value), decimals)
    if not math.isfinite(result):
        raise ValueError("only finite numbers can be published")
    return result + 0.0
