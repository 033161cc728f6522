"""Answers of closed waves as tables: the only place where they leave the database to be computed with.

What is read here is confidential and pseudonymous; nothing of it may be shown before a release or the floor has cut it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from instruments.errors import N_
from instruments.model import Instrument, Missing, Role, WaveKind
from surveys.errors import SurveyError
from surveys.models import Answer, Cohort, Program, Response, ResponseState, Wave
from surveys.waves import floor_of, instrument_of

if TYPE_CHECKING:
    import pandas as pd

IDENTITY = ("respondent", "pair", "cohort", "role", "wave", "locale")
SKIPPED = "skipped"

Cell = tuple[str, Role, WaveKind]


class WaveStillOpenError(SurveyError):
    """Answers of a wave that has not been closed were asked for: there are no live results."""

    code = "wave_still_open"
    message = N_("The wave %(kind)s is not closed yet.")
    remedy = N_("Close it first. Nothing can be read before, so that nobody can be watched while answering.")


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One answer of one respondent about one pair: a raw code, or why there is none.

    `missing` is "" beside a code; otherwise "not_applicable", "prefer_not", or "skipped" for a question that was asked and
    left alone. What was not asked has no row.
    """

    respondent: str
    pair: str
    cohort: str
    role: Role
    wave: WaveKind
    item: str
    code: int | None
    missing: str


@dataclass(frozen=True, slots=True)
class PulseRow:
    """One answer of one pulse: the answer as in any other wave, and which of the person's pulses it belongs to."""

    answer: AnswerRow
    occasion: int


@dataclass(frozen=True)
class SensitiveParts:
    """The sensitive questions and scales of one form, in the order of the questionnaire."""

    items: tuple[str, ...]
    scales: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """What too few people or pairs stand behind: whole cells, and of further cells the sensitive questions and scales.

    `sensitive` also holds the cells that are left out as a whole, so an entry in it is the same for nobody as for nine.
    """

    cells: frozenset[Cell] = frozenset()
    sensitive: Mapping[Cell, SensitiveParts] = field(default_factory=dict)

    def has_item(self, cell: Cell, item: str) -> bool:
        """Whether the answers of the cell to this question are left out."""
        return cell in self.cells or (cell in self.sensitive and item in self.sensitive[cell].items)

    def has_scale(self, cell: Cell, scale: str) -> bool:
        """Whether the scores of the cell on this scale are left out."""
        return cell in self.cells or (cell in self.sensitive and scale in self.sensitive[cell].scales)

    def __or__(self, other: "LeftOut") -> "LeftOut":
        """What is left out of either; no cell is in both."""
        return LeftOut(self.cells | other.cells, {**self.sensitive, **other.sensitive})


@dataclass(frozen=True, slots=True)
class _ResponseRow:
    """A submitted response without its answers."""

    key: str
    respondent: str
    pair: str
    role: Role
    locale: str
    wave: Wave


def closed_waves(session: Session, program: Program) -> list[Wave]:
    """Every wave of a programme that has been closed, by cohort and time, but those of pulses.

    Everything computed from these takes one response for a person and pair; of pulses a person gives several.
    """
    return _closed(session, program, Wave.kind != WaveKind.PL)


def closed_pulses(session: Session, program: Program) -> list[Wave]:
    """The waves of pulses of a programme that have been closed."""
    return _closed(session, program, Wave.kind == WaveKind.PL)


def _closed(session: Session, program: Program, kind: ColumnElement[bool]) -> list[Wave]:
    """The closed waves of some kinds."""
    found = session.scalars(
        select(Wave)
        .join(Cohort, Cohort.id == Wave.cohort_id)
        .where(Cohort.program_id == program.id, Wave.closed_at.is_not(None), kind)
        .options(joinedload(Wave.cohort).joinedload(Cohort.program))
    )
    return _checked(found, closed_only=True)


def item_frame(
    session: Session, waves: Iterable[Wave], *, closed_only: bool = True, folders: Sequence[Path] = ()
) -> "pd.DataFrame":
    """The submitted responses of the waves as one item frame: a row per respondent, pair and wave.

    Identity columns first (`cohort` holds the cohort's key), then a float64 column of raw codes for every rated item that one
    of the waves asks; NaN where an answer is missing or was not asked. Two queries whatever the number of responses.
    Raises WaveStillOpenError.
    """
    import numpy as np
    import pandas as pd

    chosen = _checked(waves, closed_only=closed_only)
    items = _asked_items(chosen, folders)
    responses = _read_responses(session, chosen)
    place_of = {row.key: place for place, row in enumerate(responses)}
    column_of = {item: column for column, item in enumerate(items)}
    codes = np.full((len(responses), len(items)), np.nan)
    found = [
        (place_of[key], column_of[item], code)
        for key, item, code, _missing in _read_answers(session, chosen)
        if code is not None and item in column_of and key in place_of
    ]
    if found:
        places, columns, values = (np.array(part) for part in zip(*found, strict=True))
        codes[places, columns] = values
    identity = {
        "respondent": [row.respondent for row in responses],
        "pair": [row.pair for row in responses],
        "cohort": [row.wave.cohort_id for row in responses],
        "role": [row.role.value for row in responses],
        "wave": [row.wave.kind.value for row in responses],
        "locale": [row.locale for row in responses],
    }
    return pd.concat(
        [pd.DataFrame(identity, columns=list(IDENTITY), dtype=str), pd.DataFrame(codes, columns=items)],
        axis=1,
    )


def _asked_and_given(
    session: Session, chosen: Sequence[Wave], folders: Sequence[Path]
) -> tuple[dict[tuple[str, Role], tuple[str, ...]], dict[tuple[str, str], tuple[int | None, str]]]:
    """The rated questions by wave and role; and by response and question the code, or the reason why there is none."""
    forms = {
        (wave.id, role): rated_items(instrument_of(wave, folders=folders), wave, role)
        for wave in chosen
        for role in Role
    }
    given = {
        (key, item): (code, missing.value if missing is not None else "")
        for key, item, code, missing in _read_answers(session, chosen)
    }
    return forms, given


def answer_rows(
    session: Session, waves: Iterable[Wave], *, closed_only: bool = True, folders: Sequence[Path] = ()
) -> list[AnswerRow]:
    """Every rated question asked in a submitted response, with its code or the reason why there is none.

    Open questions are left out: what people wrote is read elsewhere, under other rules. Raises WaveStillOpenError.
    """
    chosen = _checked(waves, closed_only=closed_only)
    forms, given = _asked_and_given(session, chosen, folders)
    return [
        AnswerRow(
            row.respondent,
            row.pair,
            row.wave.cohort_id,
            row.role,
            row.wave.kind,
            item,
            *given.get((row.key, item), (None, SKIPPED)),
        )
        for row in _read_responses(session, chosen)
        for item in forms[row.wave.id, row.role]
    ]


def pulse_rows(session: Session, waves: Iterable[Wave], *, folders: Sequence[Path] = ()) -> list[PulseRow]:
    """Every rated question of every pulse, with its code or the reason why there is none. Raises WaveStillOpenError."""
    chosen = _checked(waves, closed_only=True)
    wave_of = {wave.id: wave for wave in chosen}
    forms, given = _asked_and_given(session, chosen, folders)
    sent = session.execute(
        select(
            Response.key,
            Response.respondent_key,
            Response.pair_key,
            Response.role,
            Response.wave_id,
            Response.occasion,
        )
        .where(Response.wave_id.in_(wave_of), Response.state == ResponseState.SUBMITTED)
        .order_by(Response.wave_id, Response.respondent_key, Response.pair_key, Response.occasion)
    )
    return [
        PulseRow(
            AnswerRow(
                respondent,
                pair,
                wave_of[wave_id].cohort_id,
                Role(role),
                WaveKind.PL,
                item,
                *given.get((key, item), (None, SKIPPED)),
            ),
            occasion,
        )
        for key, respondent, pair, role, wave_id, occasion in sent
        for item in forms[wave_id, Role(role)]
    ]


def frame_above_floor(
    session: Session, waves: Iterable[Wave], *, sensitive_floor: int, folders: Sequence[Path] = ()
) -> "tuple[pd.DataFrame, LeftOut]":
    """The item frame of closed waves without what too few people stand behind, and what that is.

    A cell is a cohort, role and wave; it needs as many people, and as many pairs, as were promised. Below `sensitive_floor`,
    where that is higher, its sensitive codes are NaN; its sensitive scales are for the caller to leave out. What nobody answered
    is left out like the rest, so the list does not tell four from none. Raises WaveStillOpenError.
    """
    chosen = _checked(waves, closed_only=True)
    frame = item_frame(session, chosen, folders=folders)
    counted = frame.groupby(["cohort", "role", "wave"], sort=False)[["respondent", "pair"]].nunique()
    smallest = counted.min(axis=1).to_dict()
    small: set[Cell] = set()
    sensitive: dict[Cell, SensitiveParts] = {}
    for wave in chosen:
        instrument = instrument_of(wave, folders=folders)
        for role in Role:
            cell = (wave.cohort_id, role, wave.kind)
            n = smallest.get((wave.cohort_id, role.value, wave.kind.value), 0)
            if instrument.has_form(wave.kind, role) and n < floor_of(wave):
                small.add(cell)
            parts = sensitive_parts(instrument, wave, role)
            if n < max(floor_of(wave), sensitive_floor) and (parts.items or parts.scales):
                sensitive[cell] = parts
    cells = [
        (cohort, Role(role), WaveKind(kind))
        for cohort, role, kind in zip(frame["cohort"], frame["role"], frame["wave"], strict=True)
    ]
    for cell, parts in sensitive.items():
        frame.loc[[one == cell for one in cells], list(parts.items)] = float("nan")
    kept = frame.loc[[cell not in small for cell in cells]].reset_index(drop=True)
    return kept, LeftOut(frozenset(small), sensitive)


def sensitive_parts(instrument: Instrument, wave: Wave, role: Role) -> SensitiveParts:
    """What the wave asks of the role that has the higher floor.

    A score can be worked out from the items of its scale, and an item can show through a score: so every item of a sensitive
    scale is sensitive, and every scale with a sensitive item is.
    """
    items = {item.id for item in instrument.items if item.sensitive}
    items.update(item for scale in instrument.scales if scale.sensitive for item in scale.keys)
    return SensitiveParts(
        tuple(item for item in rated_items(instrument, wave, role) if item in items),
        tuple(
            scale.id
            for scale in instrument.scales_scored(wave.kind, role, wave.picks)
            if not items.isdisjoint(scale.keys)
        ),
    )


def by_questionnaire(waves: Iterable[Wave]) -> list[list[Wave]]:
    """The waves grouped by the exact questionnaire they ask: version, digest and picks."""
    groups: dict[tuple[str, str, str, str], list[Wave]] = {}
    for wave in waves:
        picks = json.dumps(wave.picks, sort_keys=True)
        key = (wave.instrument_id, wave.instrument_version, wave.instrument_digest, picks)
        groups.setdefault(key, []).append(wave)
    return [groups[key] for key in sorted(groups)]


def _checked(waves: Iterable[Wave], *, closed_only: bool) -> list[Wave]:
    """The waves in the order of time; raises WaveStillOpenError for one that has not been closed."""
    chosen = sorted(waves, key=lambda wave: (wave.cohort_id, list(WaveKind).index(WaveKind(wave.kind))))
    for wave in chosen:
        # A wave whose time is over but that nobody has closed has no release yet, so it counts as open.
        if closed_only and wave.closed_at is None:
            raise WaveStillOpenError(kind=wave.kind.value)
    return chosen


def rated_items(instrument: Instrument, wave: Wave, role: Role) -> tuple[str, ...]:
    """The items that the wave asks of the role and that are answered by a code."""
    if not instrument.has_form(wave.kind, role):
        return ()
    form = instrument.form(wave.kind, role, wave.picks)
    return tuple(item for item in form.item_ids if instrument.format_of(item).kind != "text")


def _asked_items(waves: Sequence[Wave], folders: Sequence[Path]) -> list[str]:
    """Every rated item that one of the waves asks, each once, in the order of the questionnaires."""
    asked: dict[str, None] = {}
    for wave in waves:
        instrument = instrument_of(wave, folders=folders)
        of_wave = {item for role in Role for item in rated_items(instrument, wave, role)}
        asked.update(dict.fromkeys(item.id for item in instrument.items if item.id in of_wave))
    return list(asked)


def _read_responses(session: Session, waves: Sequence[Wave]) -> list[_ResponseRow]:
    """The submitted responses of the waves; withdrawn ones and drafts are not there."""
    place = {wave.id: number for number, wave in enumerate(waves)}
    found = session.execute(
        select(
            Response.key,
            Response.respondent_key,
            Response.pair_key,
            Response.role,
            Response.locale,
            Response.wave_id,
        ).where(Response.wave_id.in_(place), Response.state == ResponseState.SUBMITTED)
    )
    rows = [
        _ResponseRow(key, respondent, pair, Role(role), locale, waves[place[wave_id]])
        for key, respondent, pair, role, locale, wave_id in found
    ]
    return sorted(rows, key=lambda row: (place[row.wave.id], row.role.value, row.respondent, row.pair))


def _read_answers(
    session: Session, waves: Sequence[Wave]
) -> Iterable[tuple[str, str, int | None, Missing | None]]:
    """The stored answers of the submitted responses of the waves."""
    return session.execute(
        select(Answer.response_key, Answer.item_id, Answer.code, Answer.missing)
        .join(Response, Response.key == Answer.response_key)
        .where(Response.wave_id.in_([wave.id for wave in waves]), Response.state == ResponseState.SUBMITTED)
    ).all()
