"""What a programme promises about data, read from its configuration: the one object that statements, pages and packs are made from.

Nothing here is worded (see `surveys.statement_texts`). What was once promised is kept even where the configuration no longer says it: the
floor of a wave is frozen with its first invitation and can never be lowered, and a time for which data are kept is the shortest that
any statement shown in the programme has named.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from instruments.model import Instrument
from surveys.audit import KEPT_MONTHS
from surveys.models import ContactKind, Program, Wave
from surveys.open_questions import open_questions
from surveys.program_contacts import program_contacts
from surveys.published import RULES_VERSION
from surveys.retention import RetentionPolicy, promised_retention
from surveys.waves import floor_of, instrument_of

# Sensitive scales need this many people; the same number as in `scoring.disclosure`, which participants' pages do not load.
SENSITIVE_FLOOR = 10
# Backups lie outside of this software; those who run it are told to replace them in this time, and participants that they do.
BACKUP_DAYS = 35
# A change of what the streams promise, who reads what, or on which legal ground, is a change of this number.
PROMISE_VERSION = "2"


@dataclass(frozen=True)
class NamedOffice:
    """Who holds an office, and how to reach them."""

    kind: ContactKind
    name: str
    reach: str


@dataclass(frozen=True)
class PrivacyFacts:
    """Everything that a statement before the questions of a wave depends on; the same for everybody who is asked."""

    organisation: str
    program: str
    floor: int
    sensitive_floor: int
    rules_version: str
    instrument_id: str
    instrument_version: str
    asks_for_words: bool
    retention: RetentionPolicy
    offices: tuple[NamedOffice, ...]
    log_months: int = KEPT_MONTHS
    backup_days: int = BACKUP_DAYS
    promise_version: str = PROMISE_VERSION

    def office(self, kind: ContactKind) -> NamedOffice | None:
        """Who holds an office, None where nobody is named."""
        return next((office for office in self.offices if office.kind is kind), None)

    def as_json(self) -> dict[str, Any]:
        """The facts as plain values."""
        return {**asdict(self), "offices": [asdict(office) for office in self.offices]}


def wave_facts(
    session: Session, wave: Wave, policy: RetentionPolicy, *, folders: Sequence[Path] = ()
) -> PrivacyFacts:
    """The facts of one wave, with the floor that was promised for it."""
    instrument = instrument_of(wave, folders=folders)
    return make_facts(
        session,
        wave.cohort.program,
        policy,
        floor=floor_of(wave),
        instrument=instrument,
        words=bool(open_questions(instrument, wave)),
    )


def make_facts(
    session: Session,
    program: Program,
    policy: RetentionPolicy,
    *,
    floor: int,
    instrument: Instrument,
    words: bool,
) -> PrivacyFacts:
    """The facts of a programme with a floor and a questionnaire."""
    named = program_contacts(session, program)
    return PrivacyFacts(
        organisation=program.organisation,
        program=program.name,
        floor=floor,
        sensitive_floor=max(floor, SENSITIVE_FLOOR),
        rules_version=RULES_VERSION,
        instrument_id=instrument.id,
        instrument_version=instrument.version,
        asks_for_words=words,
        retention=promised_retention(session, program.id, policy),
        offices=tuple(
            NamedOffice(kind, named[kind].name, named[kind].reach) for kind in ContactKind if kind in named
        ),
    )
