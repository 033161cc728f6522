"""Answers of closed waves as tables: the only place where they leave the database to be computed with.

What is read here is confidential and pseudonymous; nothing of it may be shown before a release or the floor has cut it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.errors import N_
from instruments.model import Instrument, Role, WaveKind
from surveys.errors import SurveyError
from surveys.models import Answer, Response, ResponseState, Wave
from surveys.waves import instrument_of

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
class _ResponseRow:
    """A submitted response without its answers."""

    key: str
    respondent: str
    pair: str
    role: Role
    locale: str
    wave: Wave


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


def answer_rows(
    session: Session, waves: Iterable[Wave], *, closed_only: bool = True, folders: Sequence[Path] = ()
) -> list[AnswerRow]:
    """Every rated question asked in a submitted response, with its code or the reason why there is none.

    Open questions are left out: what people wrote is read elsewhere, under other rules. Raises WaveStillOpenError.
    """
    chosen = _checked(waves, closed_only=closed_only)
    forms = {
        (wave.id, role): _rated_items(instrument_of(wave, folders=folders), wave, role)
        for wave in chosen
        for role in Role
    }
    given = {
        (key, item): (code, missing.value if missing is not None else "")
        for key, item, code, missing in _read_answers(session, chosen)
    }
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


def small_cells(frame: "pd.DataFrame", floors: Mapping[tuple[str, WaveKind], int]) -> frozenset[Cell]:
    """The cells (cohort, role, wave) of the waves in `floors` with fewer respondents, or fewer pairs, than their floor.

    A cell in which nobody answered is among them, so the list does not tell four from none.
    """
    people = {
        (str(cohort), Role(role), WaveKind(wave)): min(rows["respondent"].nunique(), rows["pair"].nunique())
        for (cohort, role, wave), rows in frame.groupby(["cohort", "role", "wave"], sort=False)
    }
    return frozenset(
        (cohort, role, kind)
        for (cohort, kind), floor in floors.items()
        for role in Role
        if people.get((cohort, role, kind), 0) < floor
    )


def without_cells(frame: "pd.DataFrame", cells: frozenset[Cell]) -> "pd.DataFrame":
    """The frame without the rows of the given cells, its rows numbered anew."""
    left_out = [
        (cohort, Role(role), WaveKind(wave)) in cells
        for cohort, role, wave in zip(frame["cohort"], frame["role"], frame["wave"], strict=True)
    ]
    return frame.loc[[not out for out in left_out]].reset_index(drop=True)


def _checked(waves: Iterable[Wave], *, closed_only: bool) -> list[Wave]:
    """The waves in the order of time; raises WaveStillOpenError for one that has not been closed."""
    chosen = sorted(waves, key=lambda wave: (wave.cohort_id, list(WaveKind).index(WaveKind(wave.kind))))
    for wave in chosen:
        # A wave whose time is over but that nobody has closed has no release yet, so it counts as open.
        if closed_only and wave.closed_at is None:
            raise WaveStillOpenError(kind=wave.kind.value)
    return chosen


def _rated_items(instrument: Instrument, wave: Wave, role: Role) -> tuple[str, ...]:
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
        of_wave = {item for role in Role for item in _rated_items(instrument, wave, role)}
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


def _read_answers(session: Session, waves: Sequence[Wave]) -> Iterable[tuple[str, str, int | None, object]]:
    """The stored answers of the submitted responses of the waves."""
    return session.execute(
        select(Answer.response_key, Answer.item_id, Answer.code, Answer.missing)
        .join(Response, Response.key == Answer.response_key)
        .where(Response.wave_id.in_([wave.id for wave in waves]), Response.state == ResponseState.SUBMITTED)
    ).tuples()
