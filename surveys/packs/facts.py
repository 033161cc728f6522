"""Everything that the packs of a programme say, read from its configuration: the facts of its statements, its waves, people and files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from instruments.catalog import get_instrument, latest_version
from instruments.digests import digest as digest_of
from instruments.model import Instrument, WaveKind
from surveys.errors import PackError
from surveys.languages import Standing, standings
from surveys.models import Cohort, DataPackage, Membership, MembershipRole, Program, Wave
from surveys.open_questions import written_items
from surveys.privacy import PrivacyFacts, make_facts
from surveys.retention import RetentionPolicy
from surveys.waves import floor_of, instrument_of


@dataclass(frozen=True)
class WaveFacts:
    """One wave of a cohort: what is asked in it, and the smallest group of which anything is shown."""

    cohort: str
    kind: WaveKind
    floor: int
    floor_is_frozen: bool
    instrument: str
    digest: str


@dataclass(frozen=True)
class FileFacts:
    """A data package that was made for researchers."""

    number: str
    written_on: date
    purpose: str


@dataclass(frozen=True)
class Questionnaire:
    """A questionnaire with the waves and picks in which the programme uses it."""

    instrument: Instrument
    picks: Mapping[str, Sequence[str]]
    kinds: tuple[WaveKind, ...]
    languages: tuple[Standing, ...]

    def as_json(self) -> dict[str, Any]:
        """What decides every question that is asked: a digest covers their words."""
        return {
            "id": self.instrument.id,
            "version": self.instrument.version,
            "digest": self.instrument.digests.whole,
            "picks": {pool: list(items) for pool, items in self.picks.items()},
            "waves": [kind.value for kind in self.kinds],
            "languages": {one.info.locale: [one.info.review_status, one.ground] for one in self.languages},
        }


@dataclass(frozen=True)
class PackFacts:
    """The configuration of a programme as the packs describe it."""

    slug: str
    privacy: PrivacyFacts
    waves: tuple[WaveFacts, ...]
    questionnaires: tuple[Questionnaire, ...]
    holders: Mapping[MembershipRole, int]
    files: tuple[FileFacts, ...]

    def as_json(self) -> dict[str, Any]:
        """The facts as plain values."""
        return {
            "slug": self.slug,
            "privacy": self.privacy.as_json(),
            "waves": [asdict(wave) for wave in self.waves],
            "questionnaires": [one.as_json() for one in self.questionnaires],
            "holders": {role.value: number for role, number in self.holders.items()},
            "files": [{**asdict(file), "written_on": file.written_on.isoformat()} for file in self.files],
        }

    @property
    def digest(self) -> str:
        """The digest of the configuration: another one means that the packs say something else."""
        return digest_of(self.as_json())


def pack_facts(
    session: Session, program: Program, policy: RetentionPolicy, *, folders: Sequence[Path] = ()
) -> PackFacts:
    """The facts of a programme; raises PackError while it has neither waves nor a questionnaire."""
    waves = list(
        session.scalars(
            select(Wave)
            .join(Cohort, Cohort.id == Wave.cohort_id)
            .where(Cohort.program_id == program.id)
            .order_by(Cohort.starts_on, Cohort.name, Wave.opens_at)
        )
    )
    questionnaires = _questionnaires(session, program, waves, folders)
    words = any(
        written_items(one.instrument, one.instrument.form(kind, role, one.picks))
        for one in questionnaires
        for kind in one.kinds
        for role in one.instrument.roles_asked(kind)
    )
    newest = questionnaires[-1].instrument
    return PackFacts(
        slug=program.slug,
        privacy=make_facts(session, program, policy, floor=program.floor, instrument=newest, words=words),
        waves=tuple(_describe(wave) for wave in waves),
        questionnaires=questionnaires,
        holders=_holders(session, program),
        files=_files(session, program),
    )


def _questionnaires(
    session: Session, program: Program, waves: Sequence[Wave], folders: Sequence[Path]
) -> tuple[Questionnaire, ...]:
    """What the waves ask, each questionnaire with its picks once; before there are waves, what the programme will ask."""
    found: dict[str, tuple[Instrument, Mapping[str, Sequence[str]], set[WaveKind]]] = {}
    for wave in waves:
        key = digest_of({"digest": wave.instrument_digest, "picks": wave.picks})
        if key not in found:
            found[key] = (instrument_of(wave, folders=folders), wave.picks, set())
        found[key][2].add(wave.kind)
    if not found:
        if program.instrument_id is None:
            raise PackError("no_questionnaire", program=program.slug)
        version = program.instrument_version or latest_version(program.instrument_id, folders=folders)
        instrument = get_instrument(program.instrument_id, version, folders=folders)
        offered = tuple(standings(session, program, instrument))
        return (Questionnaire(instrument, program.picks, instrument.waves, offered),)
    return tuple(
        Questionnaire(
            instrument,
            picks,
            tuple(kind for kind in WaveKind if kind in kinds),
            tuple(standings(session, program, instrument)),
        )
        for instrument, picks, kinds in found.values()
    )


def _describe(wave: Wave) -> WaveFacts:
    """What the packs say of a wave."""
    return WaveFacts(
        wave.cohort.name,
        wave.kind,
        floor_of(wave),
        wave.floor is not None,
        f"{wave.instrument_id} {wave.instrument_version}",
        wave.instrument_digest,
    )


def _holders(session: Session, program: Program) -> dict[MembershipRole, int]:
    """How many people hold each office."""
    counted = session.execute(
        select(Membership.role, func.count())
        .where(Membership.program_id == program.id)
        .group_by(Membership.role)
    )
    numbers = {MembershipRole(role): number for role, number in counted}
    return {role: numbers.get(role, 0) for role in MembershipRole}


def _files(session: Session, program: Program) -> tuple[FileFacts, ...]:
    """The data packages that were made, the oldest first."""
    packages = session.scalars(
        select(DataPackage)
        .where(DataPackage.program_id == program.id)
        .order_by(DataPackage.written_on, DataPackage.id)
    )
    return tuple(FileFacts(one.id[:8], one.written_on, one.purpose) for one in packages)
