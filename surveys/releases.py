"""Freezing what a closed wave may say, once, and reading only that: no page computes anything from answers.

A release is decided by the rules of `scoring.disclosure` over everything the programme has published before. What a cell of it
says is rounded in `published`. Scales only, in this version: single items, distributions and organisation-wide totals are not
released, so the questions that they raise (what a total minus its parts leaves) do not arise from this menu.

Scales that share items are differences of one another, so they stand in one family and are checked under one name: an anchor
scale is shown only for a group that does not differ by one to four people from the group of its longer sister.

One person counts once: who answers for several pairs enters with the average over these pairs.
"""

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from instruments.model import Instrument, Role, Scale, WaveKind
from surveys.audit import AuditAction, record_event
from surveys.datasets import WaveStillOpenError, item_frame
from surveys.models import (
    Cohort,
    Invitation,
    Participant,
    Program,
    PublishedGroup,
    Release,
    Response,
    ResponseState,
    User,
    Wave,
    new_key,
)
from surveys.published import (
    FULL_REPORT,
    NOT_SHOWN,
    RULES_VERSION,
    SMALLEST_SPREAD,
    ChangeCell,
    Figures,
    LevelCell,
    ReleaseView,
    Verdict,
    as_text,
    digest_of,
    publish_change,
    publish_level,
    read_release,
)
from surveys.waves import instrument_of

if TYPE_CHECKING:
    import pandas as pd

    from scoring.disclosure import Cell
    from scoring.scales import IntegerScores, ScoreSet

__all__ = [
    "ChangeCell",
    "CohortComparison",
    "CohortContrast",
    "CohortRow",
    "LevelCell",
    "ReleaseView",
    "as_text",
    "compare_cohorts",
    "freeze_release",
    "release_of",
    "releases_of",
]

RATE_FROM = 10
EVERYONE_COUNTED = "level"


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CohortRow:
    """One cohort in a comparison; `released` is False while its wave is not closed, and then nothing is shown.

    `change` is None where this wave has nothing earlier to be compared with.
    """

    cohort_id: str
    cohort_name: str
    released: bool
    level: LevelCell
    change: ChangeCell | None


@dataclass(frozen=True)
class CohortContrast:
    """How much more the first cohort changed than the second, computed from their published figures alone."""

    first_cohort_id: str
    second_cohort_id: str
    difference: float
    low: float
    high: float
    df: float
    verdict: Verdict


@dataclass(frozen=True)
class CohortComparison:
    """All cohorts of a programme side by side on one scale, role and wave, from frozen releases only.

    `contrasts` holds each pair of cohorts that can be compared: both changes shown from the same wave with an interval of
    their own, at least ten people in each and, together, as many as the gate for contrasts asks.
    """

    scale_id: str
    role: Role
    wave: WaveKind
    rows: tuple[CohortRow, ...]
    contrasts: tuple[CohortContrast, ...]


def release_of(session: Session, wave: Wave) -> ReleaseView | None:
    """The frozen release of a wave, or None if there is none yet; raises ReleaseDamagedError."""
    release = _find_release(session, wave.id)
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
    order = {cohort.id: place for place, cohort in enumerate(_cohorts(session, program))}
    views = [read_release(release) for release in found]
    return tuple(sorted(views, key=lambda view: (order[view.cohort_id], list(WaveKind).index(view.wave))))


def compare_cohorts(
    session: Session,
    program: Program,
    scale_id: str,
    role: Role,
    *,
    to_wave: WaveKind,
    from_wave: WaveKind | None = None,
) -> CohortComparison:
    """Lay the released figures of all cohorts side by side; `from_wave` keeps only changes that start there.

    Every cohort of the programme has its row, in the order of their start. Raises ReleaseDamagedError.
    """
    views = {view.cohort_id: view for view in releases_of(session, program) if view.wave == to_wave}
    rows = []
    for cohort in _cohorts(session, program):
        view = views.get(cohort.id)
        scale = view.scale(role, scale_id) if view else None
        change = scale.change if scale else None
        if change is not None and change.shown and from_wave not in {None, change.from_wave}:
            change = ChangeCell(shown=False)
        level = scale.level if scale else LevelCell(shown=False)
        rows.append(CohortRow(cohort.id, cohort.name, view is not None, level, change))
    versions = {view.cohort_id: (view.instrument_id, view.instrument_version) for view in views.values()}
    contrasts = [
        contrast
        for first, second in itertools.combinations(rows, 2)
        if versions.get(first.cohort_id) == versions.get(second.cohort_id)
        for contrast in _contrast_of(first, second)
    ]
    return CohortComparison(scale_id, Role(role), WaveKind(to_wave), tuple(rows), tuple(contrasts))


def _contrast_of(first: CohortRow, second: CohortRow) -> Iterator[CohortContrast]:
    """The contrast of two cohorts, if their published figures and their size allow one.

    Welch's t from published means and half widths: a half width divided by its t quantile is the standard error, to the
    rounding of the second decimal. It discloses nothing, since everybody who sees the page could compute it.
    """
    from scipy.stats import t

    from scoring.cohorts import verdict_for
    from scoring.gates import allowed

    a, b = _contrastable(first.change), _contrastable(second.change)
    if a is None or b is None or a[0] != b[0] or not allowed(a[1] + b[1], "cohort_contrast"):
        return
    errors = [(half / float(t.ppf(0.975, n - 1))) ** 2 for _, n, _, half in (a, b)]
    n_a, n_b = a[1], b[1]
    difference, variance = a[2] - b[2], sum(errors)
    df = variance**2 / (errors[0] ** 2 / (n_a - 1) + errors[1] ** 2 / (n_b - 1))
    half = float(t.ppf(0.975, df)) * math.sqrt(variance)
    low, high = difference - half, difference + half
    yield CohortContrast(
        first.cohort_id, second.cohort_id, difference, low, high, df, verdict_for(difference, low, high)
    )


def _contrastable(change: ChangeCell | None) -> tuple[WaveKind, int, float, float] | None:
    """First wave, n, mean and half width of a change whose figures are enough for a contrast."""
    if change is None or not change.shown or change.interval_kind != "t" or change.n is None:
        return None
    if change.n < FULL_REPORT or change.from_wave is None or change.mean is None:
        return None
    if change.low is None or change.high is None:
        return None
    return change.from_wave, change.n, change.mean, (change.high - change.low) / 2


def _cohorts(session: Session, program: Program) -> list[Cohort]:
    """The cohorts of a programme in the order of their start."""
    found = session.scalars(select(Cohort).where(Cohort.program_id == program.id))
    return sorted(found, key=lambda cohort: (cohort.starts_on or dt.date.max, cohort.name, cohort.id))


def _find_release(session: Session, wave_id: str) -> Release | None:
    """The stored release of a wave."""
    return session.scalars(
        select(Release).where(Release.wave_id == wave_id).options(joinedload(Release.wave))
    ).one_or_none()


# --- freezing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scored:
    """One closed wave of the cohort with its questionnaire and its scores."""

    wave: Wave
    instrument: Instrument
    scores: "ScoreSet | None"

    def asks(self, scale: Scale, role: Role) -> bool:
        """Whether this wave asks the role every item of the scale."""
        return scale in self.instrument.scales_scored(self.wave.kind, role, self.wave.picks)

    def select(self, scale_id: str, role: Role) -> "tuple[pd.Series, IntegerScores | None]":
        """Scores of those who have one, indexed by respondent and pair."""
        import pandas as pd

        if self.scores is None or scale_id not in self.scores.widths:
            empty = pd.MultiIndex.from_arrays([[], []], names=["respondent", "pair"])
            return pd.Series([], index=empty, dtype="float64"), None
        values, exact = self.scores.select(scale_id, role=role.value, wave=self.wave.kind.value)
        return values.dropna(), exact


@dataclass(frozen=True)
class _Candidate:
    """A number that might be released, with the people and pairs behind it."""

    role: Role
    scale: Scale
    kind: Literal["level", "change"]
    cell: "Cell"
    rows: "pd.MultiIndex"
    now: _Scored
    before: _Scored | None


def freeze_release(
    session: Session, wave: Wave, *, now: dt.datetime, folders: Sequence[Path] = (), actor: User | None = None
) -> Release:
    """Decide and store what a closed wave may say; a second call gives the release that is there.

    Raises WaveStillOpenError. Two callers at once get the same release: they take turns on the programme, and a unique
    constraint stands behind that.
    """
    if wave.closed_at is None:
        raise WaveStillOpenError(kind=wave.kind.value)
    program = _take_turn(session, wave)
    existing = _find_release(session, wave.id)
    if existing is not None:
        return existing
    floor = wave.floor if wave.floor is not None else program.floor
    scored = _score_cohort(session, wave, folders)
    candidates = _order(_candidates(scored[wave.kind], list(scored.values())))
    released = _decide(candidates, _published_before(session, program), floor)
    body = _write_body(session, scored[wave.kind], candidates, released, floor)
    release = Release(
        id=new_key(),
        wave_id=wave.id,
        frozen_on=now.date(),
        rules_version=RULES_VERSION,
        body=body,
        digest=digest_of(body),
    )
    try:
        with session.begin_nested():
            session.add(release)
            session.flush()
    except IntegrityError:
        # Somebody froze it in between; what they froze is what counts.
        existing = _find_release(session, wave.id)
        if existing is None:
            raise
        return existing
    session.add_all(_groups(release, candidates, released))
    record_event(session, AuditAction.RELEASE_FROZEN, now=now, actor=actor, program=program, wave=wave)
    return release


def _take_turn(session: Session, wave: Wave) -> Program:
    """Lock the programme: what is published together has to be decided one after the other."""
    program_id = session.scalars(select(Cohort.program_id).where(Cohort.id == wave.cohort_id)).one()
    return session.scalars(select(Program).where(Program.id == program_id).with_for_update()).one()


def _score_cohort(session: Session, wave: Wave, folders: Sequence[Path]) -> dict[WaveKind, _Scored]:
    """The closed waves of the wave's cohort that used the same instrument, each scored by its own version and picks."""
    closed = session.scalars(
        select(Wave).where(
            Wave.cohort_id == wave.cohort_id,
            Wave.closed_at.is_not(None),
            Wave.instrument_id == wave.instrument_id,
        )
    ).all()
    return {of_kind.kind: score_wave(session, of_kind, folders) for of_kind in closed}


def score_wave(session: Session, wave: Wave, folders: Sequence[Path]) -> _Scored:
    """One closed wave with its scores; without any response it has none."""
    from scoring.scales import score_instrument

    instrument = instrument_of(wave, folders=folders)
    frame = item_frame(session, [wave], folders=folders)
    scores = score_instrument(frame, instrument, wave.picks) if len(frame) else None
    return _Scored(wave, instrument, scores)


def _candidates(current: _Scored, closed: Sequence[_Scored]) -> Iterator[_Candidate]:
    """Every level and change that the questionnaire offers, whoever has answered."""
    family_of = _families(current.instrument)
    for role in Role:
        kept: dict[tuple[str, ...], pd.MultiIndex] = {}
        scales = current.instrument.scales_scored(current.wave.kind, role, current.wave.picks)
        for scale in sorted(scales, key=lambda scale: -len(scale.keys)):
            family = family_of[scale.id]
            rows = current.select(scale.id, role)[0].index
            level = f"level:{family}:{current.wave.kind.value}"
            rows = _within_family(kept, level, rows)
            yield _Candidate(role, scale, "level", _cell(level, scale, current, rows), rows, current, None)
            before = _earlier(current, closed, scale, role)
            if before is not None:
                rows = current.select(scale.id, role)[0].index
                rows = rows.intersection(before.select(scale.id, role)[0].index)
                change = f"change:{family}:{before.wave.kind.value}:{current.wave.kind.value}"
                rows = _within_family(kept, change, rows)
                yield _Candidate(role, scale, "change", _cell(change, scale, current, rows), rows, current, before)
