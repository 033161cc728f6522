"""The researcher's data package: everything that closed waves hold above the floor, under codes drawn for this file alone.

Left out are names, addresses, comments, languages and dates (waves are placed by weeks since their cohort's start), and every
cell of a cohort, role and wave with fewer people or pairs than its floor; of a cell with fewer than ten, every sensitive
question and scale. Numbers have full precision.
"""

import datetime as dt
import importlib.metadata
import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from instruments.codebook import COLUMNS, codebook_rows
from instruments.model import Instrument, Role, WaveKind
from instruments.parts import LocaleInfo
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.datasets import (
    Cell,
    LeftOut,
    PulseRow,
    answer_rows,
    by_questionnaire,
    closed_pulses,
    closed_waves,
    frame_above_floor,
    pulse_rows,
    rated_items,
)
from surveys.languages import offered_drafts, offered_locales
from surveys.models import DataPackage, Invitation, Participant, Program, User, Wave
from surveys.packages import (
    OPEN_LICENCES,
    README,
    ExportError,
    check_target,
    pack_table,
    pack_text,
    write_package,
)
from surveys.published import cohorts_of
from surveys.waves import floor_of, instrument_of

if TYPE_CHECKING:
    import pandas as pd

    from scoring.scales import ScoreSet

PERSON = ("respondent", "pair", "cohort", "role")
# A language, like any other trait of people, is told only where this many share it.
SMALLEST_GROUP = 10
LONGEST_PURPOSE = 1000
TEXT_COLUMNS = ("label", "stem", "codes")


@dataclass(frozen=True)
class FileEntry:
    """One file of a package: its rows without the header (for a text, its lines), and the SHA-256 of its bytes."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a package says about itself; `as_json` is what manifest.json holds."""

    software: str
    written_on: dt.date
    purpose: str
    instruments: tuple[Mapping[str, Any], ...]
    waves: tuple[Mapping[str, Any], ...]
    left_out: tuple[Mapping[str, Any], ...]
    withdrawn: str
    files: Mapping[str, FileEntry]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The manifest as plain values."""
        return {
            "software": self.software,
            "written_on": self.written_on.isoformat(),
            "purpose": self.purpose,
            "instruments": list(self.instruments),
            "waves": list(self.waves),
            "left_out": list(self.left_out),
            "withdrawn": self.withdrawn,
            "files": {name: asdict(entry) for name, entry in self.files.items()},
            "notes": list(self.notes),
        }


def write_data_package(
    session: Session,
    program: Program,
    target: Path,
    *,
    purpose: str,
    now: dt.datetime,
    folders: Sequence[Path] = (),
    actor: User | None = None,
) -> Manifest:
    """Write the package of all closed waves of a programme: a zip if `target` ends in .zip, otherwise a new folder.

    The package appears whole or not at all, readable by its owner only. The export is noted in the audit log, without the
    purpose, which stands in the manifest and on the pages of the people whose answers may be in it. Raises ExportError.
    """
    moment = as_utc(now)
    purpose = _checked_purpose(purpose)
    check_target(target)
    pulses = closed_pulses(session, program)
    waves = [*closed_waves(session, program), *pulses]
    if not waves:
        raise ExportError("nothing_closed")
    data = _collect(session, program, waves, folders)
    version = importlib.metadata.version("viceversa")
    files = {
        "answers_long.csv": pack_table(_answer_lines(session, data, folders)),
        "scores_long.csv": pack_table(_score_lines(data)),
        "wide.csv": pack_table(_wide_lines(data)),
        "codebook.csv": pack_table(_codebook_lines(data)),
        "README.txt": pack_text(README.format(version=version)),
    }
    if pulses:
        files["pulses_long.csv"] = pack_table(_pulse_lines(session, data, folders))
    manifest = Manifest(
        software=f"viceversa {version}",
        written_on=moment.date(),
        purpose=purpose,
        instruments=tuple(_describe_instruments(data)),
        waves=tuple(_describe_waves(data)),
        left_out=tuple(_describe_left_out(data)),
        withdrawn=_describe_withdrawn(session, waves),
        files={name: FileEntry(packed.rows, packed.sha256) for name, packed in files.items()},
        notes=_notes(data),
    )
    files["manifest.json"] = pack_text(json.dumps(manifest.as_json(), ensure_ascii=False, indent=2) + "\n")
    record_event(session, AuditAction.DATA_EXPORTED, now=now, actor=actor, program=program)
    # People may know that copies of their answers were made, what for, and that they cannot be erased here.
    session.add(
        DataPackage(
            program_id=program.id,
            written_on=moment.date(),
            purpose=purpose,
            wave_ids=sorted(wave.id for wave in waves),
            manifest_digest=files["manifest.json"].sha256,
        )
    )
    session.flush()
    write_package(target, files, moment.date())
    return manifest


@dataclass(frozen=True)
class _Group:
    """The waves that share a questionnaire and its picks, with the answers above the floor and their scores."""

    waves: Sequence[Wave]
    instrument: Instrument
    frame: "pd.DataFrame"
    scores: "ScoreSet | None"


@dataclass(frozen=True)
class _Data:
    """Everything that goes into a package, and the codes under which it does; pulses are kept apart from all other waves."""

    groups: Sequence[_Group]
    pulses: Sequence[_Group]
    left_out: LeftOut
    people: Mapping[str, str]
    pairs: Mapping[str, str]
    cohorts: Mapping[str, str]

    @property
    def all_groups(self) -> Sequence[_Group]:
        """The pulses too."""
        return [*self.groups, *self.pulses]

    def person(self, respondent: str, pair: str, cohort: str, role: str) -> tuple[str, str, str, str]:
        """The identity of a row under the codes of this package."""
        return self.people[respondent], self.pairs[pair], self.cohorts[cohort], role

    def place(self, cohort_id: str, kind: WaveKind) -> tuple[int, int]:
        """Where a wave stands: by the start of its cohort, then in the order of time."""
        return list(self.cohorts).index(cohort_id), list(WaveKind).index(kind)


def _collect(session: Session, program: Program, waves: Sequence[Wave], folders: Sequence[Path]) -> _Data:
    """Read everything above the floor, score what is no pulse, and draw the codes."""
    from scoring.disclosure import SENSITIVE_FLOOR
    from scoring.scales import score_instrument

    groups, left_out = [], LeftOut()
    kinds = [[wave for wave in waves if (wave.kind is WaveKind.PL) is pulsing] for pulsing in (False, True)]
    for of_group in (group for kind in kinds for group in by_questionnaire(kind)):
        instrument = instrument_of(of_group[0], folders=folders)
        frame, of_frame = frame_above_floor(
            session, of_group, sensitive_floor=SENSITIVE_FLOOR, folders=folders
        )
        scored = len(frame) and of_group[0].kind is not WaveKind.PL
        scores = score_instrument(frame, instrument, of_group[0].picks) if scored else None
        groups.append(_Group(of_group, instrument, frame, scores))
        left_out |= of_frame
    return _Data(
        [group for group in groups if group.waves[0].kind is not WaveKind.PL],
        [group for group in groups if group.waves[0].kind is WaveKind.PL],
        left_out,
        # The letter keeps a spreadsheet from reading a code as a number.
        people=_draw_codes("R", (key for group in groups for key in group.frame["respondent"])),
        pairs=_draw_codes("P", (key for group in groups for key in group.frame["pair"])),
        cohorts={cohort.id: f"C{n}" for n, cohort in enumerate(cohorts_of(session, program), start=1)},
    )


def _draw_codes(letter: str, keys: Iterable[str]) -> dict[str, str]:
    """A fresh random code for each key: no code joins two packages, or a package and the database; equal answers still may."""
    return {key: letter + secrets.token_hex(8) for key in set(keys)}


def _answer_lines(session: Session, data: _Data, folders: Sequence[Path]) -> Iterator[Sequence[object]]:
    """answers_long.csv."""
    yield (*PERSON, "wave", "item", "code", "missing")
    waves = [wave for group in data.groups for wave in group.waves]
    lines = [
        (
            *data.person(row.respondent, row.pair, row.cohort, row.role.value),
            row.wave,
            row.item,
            "" if row.code is None else row.code,
            row.missing,
        )
        for row in answer_rows(session, waves, folders=folders)
        if not data.left_out.has_item((row.cohort, row.role, row.wave), row.item)
    ]
    yield from ((*line[:4], line[4].value, *line[5:]) for line in sorted(lines, key=_place))


def _pulse_lines(session: Session, data: _Data, folders: Sequence[Path]) -> Iterator[Sequence[object]]:
    """pulses_long.csv, without dates; a person's n-th pulse is in it if as many as the floor gave n or more.

    Coordinators know how often each pair met and in which month, and months, or the longest series of all, would tell whose it is.
    """
    yield (*PERSON, "occasion", "item", "code", "missing")
    waves = [wave for group in data.pulses for wave in group.waves]
    floors = {wave.cohort_id: floor_of(wave) for wave in waves}
    rows = [
        pulse
        for pulse in pulse_rows(session, waves, folders=folders)
        if not data.left_out.has_item(
            (pulse.answer.cohort, pulse.answer.role, pulse.answer.wave), pulse.answer.item
        )
    ]
    places = _number_pulses(rows)
    people: dict[tuple[str, Role, int], set[str]] = {}
    for (respondent, _, cohort, role, _), place in places.items():
        people.setdefault((cohort, role, place), set()).add(respondent)
    lines = []
    for pulse in rows:
        row = pulse.answer
        place = places[row.respondent, row.pair, row.cohort, row.role, pulse.occasion]
        if len(people[row.cohort, row.role, place]) < floors[row.cohort]:
            continue
        person = data.person(row.respondent, row.pair, row.cohort, row.role.value)
        lines.append((*person, place, row.item, "" if row.code is None else row.code, row.missing))
    yield from sorted(lines, key=lambda line: (*_place(line[: len(PERSON)]), line[4]))


def _number_pulses(rows: Iterable[PulseRow]) -> dict[tuple[str, str, str, Role, int], int]:
    """The place of each pulse in its person's own order about a pair, from 1 on."""
    given: dict[tuple[str, str, str, Role], set[int]] = {}
    for pulse in rows:
        row = pulse.answer
        given.setdefault((row.respondent, row.pair, row.cohort, row.role), set()).add(pulse.occasion)
    return {
        (*series, occasion): place
        for series, occasions in given.items()
        for place, occasion in enumerate(sorted(occasions), start=1)
    }


def _score_lines(data: _Data) -> Iterator[Sequence[object]]:
    """scores_long.csv."""
    yield (*PERSON, "wave", "scale", "score", "n_valid", "k_items")
    lines = [
        (*person, kind, scale, score, n_valid, len(group.instrument.scale(scale).keys))
        for group in data.groups
        for person, kind, scale, score, n_valid in _scores_of(data, group)
    ]
    yield from ((*line[:4], line[4].value, *line[5:]) for line in sorted(lines, key=_place))


def _scores_of(
    data: _Data, group: _Group
) -> Iterator[tuple[tuple[str, str, str, str], WaveKind, str, str, int]]:
    """Each score that is not left out: whose, of which wave and scale, its value in full precision, and the items answered."""
    if group.scores is None:
        return
    valid = group.scores.n_valid
    for label, row in zip(group.scores.scores.index, group.scores.scores.to_dict("records"), strict=True):
        person = data.person(row["respondent"], row["pair"], row["cohort"], row["role"])
        kind = WaveKind(row["wave"])
        cell = (row["cohort"], Role(row["role"]), kind)
        for scale in group.scores.asked[row["wave"], row["role"]]:
            if not data.left_out.has_scale(cell, scale):
                yield person, kind, scale, _number(row[scale]), int(valid.at[label, scale])


def _wide_lines(data: _Data) -> Iterator[Sequence[object]]:
    """wide.csv: columns follow from the questionnaires, so they do not tell who has answered."""
    items: dict[tuple[WaveKind, str], None] = {}
    scales: dict[tuple[WaveKind, str], None] = {}
    values: dict[tuple[str, str, str, str], dict[tuple[WaveKind, str], str]] = {}
    for group in data.groups:
        for wave in group.waves:
            for role in Role:
                items.update(((wave.kind, item), None) for item in rated_items(group.instrument, wave, role))
                of_form = group.instrument.scales_scored(wave.kind, role, wave.picks)
                scales.update(((wave.kind, scale.id), None) for scale in of_form)
        for row in group.frame.to_dict("records"):
            person = data.person(row["respondent"], row["pair"], row["cohort"], row["role"])
            kind = WaveKind(row["wave"])
            cells = values.setdefault(person, {})
            cells.update({(kind, item): _code(row[item]) for at, item in items if at is kind and item in row})
        for person, kind, scale, score, _n_valid in _scores_of(data, group):
            values[person][kind, scale] = score
    order = list(WaveKind)
    columns = [
        *sorted(items, key=lambda c: order.index(c[0])),
        *sorted(scales, key=lambda c: order.index(c[0])),
    ]
    yield (*PERSON, *(f"{name}.{kind.value}" for kind, name in columns))
    for person in sorted(values, key=_place):
        yield (*person, *(values[person].get(column, "") for column in columns))


def _codebook_lines(data: _Data) -> Iterator[Sequence[object]]:
    """codebook.csv: every questionnaire in its source language; the words of a private one stay where they are."""
    yield ("instrument", "version", *COLUMNS)
    seen = set()
    for group in data.all_groups:
        instrument = group.instrument
        private = not instrument.license.startswith(OPEN_LICENCES)
        for row in codebook_rows(instrument, instrument.source_locale, group.waves[0].picks):
            hidden = TEXT_COLUMNS if private and row["kind"] != "scale" else ()
            line = (instrument.id, instrument.version, *("" if c in hidden else row[c] for c in COLUMNS))
            if line not in seen:
                seen.add(line)
                yield line
        for locale in sorted({name for wave in group.waves for name in offered_locales(wave, instrument)}):
            line = (instrument.id, instrument.version, *_language_cells(instrument.locales[locale]))
            if line not in seen:
                seen.add(line)
                yield line


def _language_cells(info: LocaleInfo) -> Iterator[str]:
    """The line of a language in the codebook: its code, and in `provenance` whose words they are and how far their review is."""
    cells = {
        "variable": info.locale,
        "kind": "language",
        "provenance": info.origin if info.origin == "source" else f"{info.origin}, {info.review_status}",
    }
    return (cells.get(column, "") for column in COLUMNS)


def _place(line: Sequence[Any]) -> tuple[object, ...]:
    """Where a line stands: by cohort, role and random code, then in the order of the waves."""
    respondent, pair, cohort, role = line[:4]
    wave = list(WaveKind).index(line[4]) if len(line) > len(PERSON) else 0
    return int(cohort[1:]), role, respondent, pair, wave


def _code(value: float) -> str:
    """A raw code as a whole number, or nothing."""
    return "" if math.isnan(value) else str(int(value))


def _number(value: float) -> str:
    """A number in the shortest form that reads back as the same double, or nothing."""
    return "" if math.isnan(value) else repr(float(value))


def _describe_instruments(data: _Data) -> Iterator[dict[str, Any]]:
    """Versions, digests, and for each language its review status and whether ten people or more answered in it."""
    answered: dict[Instrument, dict[str, set[str]]] = {}
    offered: dict[Instrument, set[str]] = {}
    for group in data.all_groups:
        offered.setdefault(group.instrument, set()).update(
            *(offered_locales(wave, group.instrument) for wave in group.waves)
        )
        people = answered.setdefault(group.instrument, {})
        for respondent, locale in zip(group.frame["respondent"], group.frame["locale"], strict=True):
            people.setdefault(locale, set()).add(respondent)
    for instrument, people in answered.items():
        yield {
            "id": instrument.id,
            "version": instrument.version,
            "status": "development version, no norms" if instrument.development else "released version",
            "license": instrument.license,
            "digest": instrument.digests.whole,
            "digest_structure": instrument.digests.structure,
            "digest_source": instrument.digests.source,
            "locales": [
                {
                    "locale": info.locale,
                    "origin": info.origin,
                    "review_status": info.review_status,
                    "texts": info.n_texts,
                    "texts_reviewed": info.n_reviewed,
                    "texts_approved": info.n_approved,
                    "offered": info.locale in offered[instrument],
                    "digest": info.digest,
                    "answered_by_ten_or_more": len(people.get(info.locale, ())) >= SMALLEST_GROUP,
                }
                for info in instrument.locales.values()
            ],
        }


def _describe_waves(data: _Data) -> Iterator[dict[str, Any]]:
    """The waves by cohort and time, placed by the weeks since their cohort's start; dates would let people be recognised."""
    waves = [wave for group in data.all_groups for wave in group.waves]
    for wave in sorted(waves, key=lambda wave: data.place(wave.cohort_id, wave.kind)):
        start = wave.cohort.starts_on
        ended = min(wave.closes_at, wave.closed_at or wave.closes_at)
        yield {
            "cohort": data.cohorts[wave.cohort_id],
            "wave": wave.kind.value,
            "instrument": wave.instrument_id,
            "version": wave.instrument_version,
            "digest": wave.instrument_digest,
            "picks": dict(wave.picks),
            "floor": floor_of(wave),
            "week_opened": None if start is None else (wave.opens_at.date() - start).days // 7,
            "week_closed": None if start is None else (ended.date() - start).days // 7,
        }


def _describe_left_out(data: _Data) -> Iterator[dict[str, Any]]:
    """The cells below the floor, then the sensitive parts of those below the higher one, whoever has answered in them."""
    for cell in _in_order(data, data.left_out.cells):
        yield _describe_cell(data, cell)
    for cell in _in_order(data, data.left_out.sensitive):
        parts = data.left_out.sensitive[cell]
        yield {**_describe_cell(data, cell), "items": list(parts.items), "scales": list(parts.scales)}


def _describe_withdrawn(session: Session, waves: Sequence[Wave]) -> str:
    """How many of those who were asked have left the surveys since and are in no file any more; one alone is not told from none."""
    asked = select(Invitation.participant_id).where(Invitation.wave_id.in_([wave.id for wave in waves]))
    left = select(func.count()).where(Participant.id.in_(asked), Participant.surveys_ended_on.is_not(None))
    floor = max(floor_of(wave) for wave in waves)
    return f"{floor} people or more" if (session.scalar(left) or 0) >= floor else f"fewer than {floor} people"


def _in_order(data: _Data, cells: Iterable[Cell]) -> list[Cell]:
    """Cells by cohort, time and role."""
    return sorted(cells, key=lambda cell: (*data.place(cell[0], cell[2]), cell[1].value))


def _describe_cell(data: _Data, cell: Cell) -> dict[str, str]:
    """Which cohort, wave and role a cell is."""
    cohort, role, kind = cell
    return {"cohort": data.cohorts[cohort], "wave": kind.value, "role": role.value}


def _notes(data: _Data) -> tuple[str, ...]:
    """What has to be known before the numbers are used."""
    small = (
        "Cells of a cohort, wave and role with fewer people or pairs than the floor of their wave are left out. They are "
        "listed whether nobody answered or only a few did."
    )
    higher = (
        "Of cells with fewer than 10 people or pairs (or than the floor, if that is higher), sensitive items and scales are left "
        "out: entries of left_out that name items and scales mean these, the others whole cells."
    )
    drawn = "Codes of people and pairs were drawn for this package alone. There are no names, comments, languages or dates in it."
    notes = [small, *([higher] if data.left_out.sensitive else []), drawn]
    if any(group.instrument.development for group in data.all_groups):
        notes.insert(
            0,
            "The questionnaire is a development version without norms: its scores have no norms to be compared with.",
        )
    if drafts := _draft_languages(data):
        notes.append(
            f"Offered as drafts, whose words nobody had approved when this was written: {', '.join(drafts)}. Scores of people who "
            "answered in different languages are not comparable. Who answered in which language is not in the package."
        )
    if any(not group.instrument.license.startswith(OPEN_LICENCES) for group in data.all_groups):
        notes.append("The wording of a questionnaire that may not be passed on is left out of the codebook.")
    return tuple(notes)


def _draft_languages(data: _Data) -> list[str]:
    """The languages that were offered as drafts, with their origin and how far they are, whoever has answered in them."""
    drafts = {
        f"{info.locale} ({group.instrument.id} {group.instrument.version}: {info.origin}, {info.review_status})"
        for group in data.all_groups
        for wave in group.waves
        for info in offered_drafts(wave, group.instrument)
    }
    return sorted(drafts)


def _checked_purpose(purpose: str) -> str:
    """The purpose on one line; raises ExportError."""
    purpose = " ".join(purpose.split())
    if not purpose:
        raise ExportError("purpose")
    if len(purpose) > LONGEST_PURPOSE:
        raise ExportError("purpose_long", length=len(purpose), maximum=LONGEST_PURPOSE)
    return purpose
