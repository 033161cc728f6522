"""What may be read of closed waves: how cohorts compare, for coordinators, and how reliable the scales are, for researchers.

The comparison reads frozen releases and nothing else. Reliability is computed from the same answers that the data package holds,
so whoever has the package finds the same numbers.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy.orm import Session

from instruments.errors import N_
from instruments.model import Instrument, Role, Scale, WaveKind
from surveys.datasets import by_questionnaire, closed_waves, frame_above_floor
from surveys.models import Program, Wave
from surveys.published import FULL_REPORT, ChangeCell, LevelCell, Verdict, cohorts_of, releases_of
from surveys.waves import instrument_of

if TYPE_CHECKING:
    import pandas as pd

    from scoring.effects import GroupSummary
    from scoring.errors import Note

ADEQUATE = 0.70


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
    """How much more the first cohort changed than the second, with 95 % interval, from their published figures alone.

    Not rounded: it is worked out on the page from what is rounded already. "moved" says that the two moved apart.
    """

    first_cohort_id: str
    second_cohort_id: str
    difference: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True)
class CohortComparison:
    """All cohorts of a programme side by side on one scale, role and wave, from frozen releases only.

    `contrasts` holds each pair of cohorts whose changes are both shown, since the same wave, with an interval of their own, which
    they have from ten people on. Its word is "too few" as long as one of the two has fewer people than the gate asks.
    """

    scale_id: str
    role: Role
    wave: WaveKind
    rows: tuple[CohortRow, ...]
    contrasts: tuple[CohortContrast, ...]


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
    found = {cohort_id: view.scale(role, scale_id) for cohort_id, view in views.items()}
    scales = {cohort_id: scale for cohort_id, scale in found.items() if scale is not None}
    rows = []
    for cohort in cohorts_of(session, program):
        scale = scales.get(cohort.id)
        change = scale.change if scale else None
        if change is not None and change.shown and from_wave not in {None, change.from_wave}:
            change = ChangeCell(shown=False)
        level = scale.level if scale else LevelCell(shown=False)
        rows.append(CohortRow(cohort.id, cohort.name, cohort.id in views, level, change))
    versions = {view.cohort_id: (view.instrument_id, view.instrument_version) for view in views.values()}
    width = next((scale.maximum - scale.minimum for scale in scales.values()), 0.0)
    contrasts = [
        contrast
        for first, second in itertools.combinations(rows, 2)
        if versions.get(first.cohort_id) == versions.get(second.cohort_id)
        for contrast in _contrast_of(first, second, width)
    ]
    return CohortComparison(scale_id, Role(role), WaveKind(to_wave), tuple(rows), tuple(contrasts))


def _contrast_of(first: CohortRow, second: CohortRow, width: float) -> Iterator[CohortContrast]:
    """The contrast of two cohorts, if their published figures allow one.

    A published half width divided by its t quantile is the standard error of a mean, to the rounding of the second decimal;
    from means and errors follows Welch's t. It discloses nothing, since everybody who reads the page could compute it.
    """
    from scoring.cohorts import compare_summaries

    if first.change is None or second.change is None or first.change.from_wave != second.change.from_wave:
        return
    summaries = [summary for change in (first.change, second.change) for summary in _summary_of(change)]
    if len(summaries) < 2:
        return
    result = compare_summaries(summaries[0], summaries[1], width=width)
    if (
        result.difference is not None
        and result.low is not None
        and result.high is not None
        and result.verdict is not None
    ):
        yield CohortContrast(
            first.cohort_id, second.cohort_id, result.difference, result.low, result.high, result.verdict
        )


def _summary_of(change: ChangeCell) -> "Iterator[GroupSummary]":
    """Number, mean and spread of a change, if enough of them is published."""
    from scipy.stats import t

    from scoring.effects import GroupSummary

    if change.interval_kind == "t" and change.n is not None and change.mean is not None:
        low, high = change.low, change.high
        if low is not None and high is not None and change.n >= FULL_REPORT:
            error = (high - low) / 2 / float(t.ppf(0.975, change.n - 1))
            yield GroupSummary(change.n, change.mean, error * math.sqrt(change.n))


@dataclass(frozen=True)
class ReliabilityRow:
    """Cronbach's alpha of one scale, role and wave over all cohorts that answered the same version of the questionnaire.

    Where too few people answered (`shown` is False) every number is None, for nobody as for nine. `verdict` is "adequate" or
    "not shown" from the size on that bears a verdict, and None below it. `n_cohorts` are the cohorts that count in it.
    """

    instrument_id: str
    instrument_version: str
    scale_id: str
    role: Role
    wave: WaveKind
    k_items: int
    shown: bool
    alpha: float | None = None
    low: float | None = None
    high: float | None = None
    n_used: int | None = None
    n_dropped: int | None = None
    n_cohorts: int | None = None
    verdict: Literal["adequate", "not shown"] | None = None
    notes: "tuple[Note, ...]" = ()


@dataclass(frozen=True)
class ReliabilityReport:
    """Reliability of every scale that a closed wave asked, by version, wave, role and scale."""

    rows: tuple[ReliabilityRow, ...]


def reliability_report(
    session: Session, program: Program, *, folders: Sequence[Path] = ()
) -> ReliabilityReport:
    """Alpha with Feldt's interval of each scale, role and closed wave, from the answers that the data package holds.

    Cohorts are pooled by the covariance within them: from each keyed value the mean of its cohort is taken away first, so that a
    difference between cohorts does not pass for consistency. Rows with a missing item are left out of that scale, and those of
    a cohort with fewer than ten people or pairs out of a sensitive one.
    Computed anew at each call; nothing is rounded.
    """
    rows: list[ReliabilityRow] = []
    for waves in by_questionnaire(closed_waves(session, program)):
        rows.extend(_reliability_of(session, waves, folders))
    return ReliabilityReport(tuple(rows))


def _reliability_of(
    session: Session, waves: Sequence[Wave], folders: Sequence[Path]
) -> Iterator[ReliabilityRow]:
    """The rows of the waves that share a questionnaire and its picks."""
    from scoring.disclosure import SENSITIVE_FLOOR
    from scoring.scales import score_instrument

    instrument = instrument_of(waves[0], folders=folders)
    frame, left_out = frame_above_floor(session, waves, sensitive_floor=SENSITIVE_FLOOR, folders=folders)
    scored = score_instrument(frame, instrument, waves[0].picks) if len(frame) else None
    for kind in sorted({wave.kind for wave in waves}, key=list(WaveKind).index):
        for role in Role:
            for scale in instrument.scales_scored(kind, role, waves[0].picks):
                if len(scale.keys) < 2:
                    continue
                keyed = None
                if scored is not None and scale.id in scored.keyed:
                    large = [
                        wave.cohort_id
                        for wave in waves
                        if not left_out.has_scale((wave.cohort_id, role, kind), scale.id)
                    ]
                    of_cell = (frame["role"] == role.value) & (frame["wave"] == kind.value)
                    of_cell &= frame["cohort"].isin(large)
                    keyed = scored.keyed[scale.id].loc[frame.index[of_cell]]
                yield _reliability_row(instrument, scale, role, kind, cohorts=frame["cohort"], keyed=keyed)


def _reliability_row(
    instrument: Instrument,
    scale: Scale,
    role: Role,
    kind: WaveKind,
    *,
    cohorts: "pd.Series",
    keyed: "pd.DataFrame | None",
) -> ReliabilityRow:
    """One scale in one role and wave: alpha of the keyed values, each less the mean of its cohort."""
    from scoring.errors import Note
    from scoring.gates import allowed, minimum_for
    from scoring.reliability import cronbach_alpha

    complete = None if keyed is None else keyed.dropna()
    n_used = 0 if complete is None else len(complete)
    row = ReliabilityRow(
        instrument.id, instrument.version, scale.id, role, kind, len(scale.keys), shown=False
    )
    if keyed is None or complete is None or not allowed(n_used, "alpha_interval"):
        few = N_(
            "Reliability is shown where at least %(minimum)d people answered every question of the scale."
        )
        return replace(row, notes=(Note("reliability.few", few, {"minimum": minimum_for("alpha_interval")}),))
    of_rows = cohorts.loc[complete.index]
    result = cronbach_alpha(complete - complete.groupby(of_rows).transform("mean"))
    verdict: Literal["adequate", "not shown"] | None = None
    if allowed(n_used, "reliability_verdict") and result.low is not None:
        verdict = "adequate" if result.low >= ADEQUATE else "not shown"
    return replace(
        row,
        shown=True,
        alpha=result.value,
        low=result.low,
        high=result.high,
        n_used=n_used,
        n_dropped=len(keyed) - n_used,
        n_cohorts=int(of_rows.nunique()),
        verdict=verdict,
        notes=result.notes,
    )
