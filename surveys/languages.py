"""In which languages a wave may be answered: the approved ones, and drafts that the programme's owner has acknowledged.

A wave keeps the list with which it was planned. Languages are added to it and never taken away, so that nobody who has begun to answer
in one finds the page in another. Whether a language is answered in by anybody is told nowhere: with few people it would name them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from instruments.model import Instrument
from instruments.parts import LocaleInfo
from surveys.audit import AuditAction, record_event
from surveys.database import as_utc
from surveys.errors import LanguageError
from surveys.models import Cohort, DraftAcknowledgement, Invitation, Program, User, Wave
from surveys.waves import ended_at

Ground = Literal["approved", "acknowledged", "before", "waits"]


@dataclass(frozen=True)
class Standing:
    """Where a language of a questionnaire stands in a programme, and on what ground it is offered or waits."""

    info: LocaleInfo
    ground: Ground
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None

    @property
    def is_offered(self) -> bool:
        """Whether the next wave will offer it."""
        return self.ground != "waits"


def standings(session: Session, program: Program, instrument: Instrument) -> list[Standing]:
    """Every language of a questionnaire in a programme, the source first."""
    rows = session.scalars(
        select(DraftAcknowledgement).where(
            DraftAcknowledgement.program_id == program.id,
            DraftAcknowledgement.instrument_id == instrument.id,
            DraftAcknowledgement.instrument_version == instrument.version,
        )
    )
    known = {(row.locale, row.locale_digest): row for row in rows}
    before = _was_fielded_before(session, program, instrument)
    found = []
    for info in instrument.locales.values():
        row = known.get((info.locale, info.digest))
        if not info.is_draft:
            found.append(Standing(info, "approved"))
        elif row is not None:
            found.append(Standing(info, "acknowledged", row.acknowledged_by, row.acknowledged_at))
        else:
            found.append(Standing(info, "before" if before else "waits"))
    return found


def offered_next(
    session: Session, program: Program, instrument: Instrument, *, readable: Iterable[str]
) -> list[str]:
    """The languages that a wave planned now may be answered in; `readable` are those in which the pages themselves can be shown.

    Raises LanguageError if there would be none.
    """
    offered = [one.info.locale for one in standings(session, program, instrument) if one.is_offered]
    if not set(offered) & set(readable):
        raise LanguageError("none")
    return offered


def offered_locales(wave: Wave, instrument: Instrument) -> list[str]:
    """The languages that a wave may be answered in: those it was planned with, and those approved since."""
    return [
        info.locale
        for info in instrument.locales.values()
        if wave.locales is None or info.locale in wave.locales or not info.is_draft
    ]


def offered_drafts(wave: Wave, instrument: Instrument) -> list[LocaleInfo]:
    """The languages of a wave whose words nobody has approved, whether or not anybody has answered in them."""
    return [
        instrument.locales[name]
        for name in offered_locales(wave, instrument)
        if instrument.locales[name].is_draft
    ]


def acknowledge_draft(
    session: Session,
    program: Program,
    instrument: Instrument,
    locale: str,
    *,
    digest: str,
    now: datetime,
    actor: User | None = None,
) -> None:
    """Offer a draft in all waves of the programme that are not closed and ask with this version; harmless when repeated.

    `digest` names the words that the owner was shown. Raises LanguageError.
    """
    info = instrument.locales.get(locale)
    if info is None:
        raise LanguageError("unknown", locale=locale[:16])
    if info.digest != digest:
        raise LanguageError("changed")
    key = (program.id, instrument.id, instrument.version, locale, digest)
    if not info.is_draft or session.get(DraftAcknowledgement, key) is not None:
        return
    session.add(
        DraftAcknowledgement(
            program_id=program.id,
            instrument_id=instrument.id,
            instrument_version=instrument.version,
            locale=locale,
            locale_digest=digest,
            acknowledged_by=None if actor is None else actor.id,
            acknowledged_at=as_utc(now),
        )
    )
    for wave in _waves_of(session, program, instrument):
        if wave.locales is not None and locale not in wave.locales and ended_at(wave) > as_utc(now):
            wave.locales = [*wave.locales, locale]
    session.flush()
    record_event(session, AuditAction.DRAFT_ACKNOWLEDGED, now=now, actor=actor, program=program)


def acknowledge_drafts(
    session: Session, program: Program, instrument: Instrument, *, now: datetime, actor: User | None = None
) -> None:
    """Offer every draft that a questionnaire has."""
    for info in instrument.locales.values():
        acknowledge_draft(session, program, instrument, info.locale, digest=info.digest, now=now, actor=actor)


def _waves_of(session: Session, program: Program, instrument: Instrument) -> Sequence[Wave]:
    """The waves of a programme that ask with exactly this questionnaire."""
    return session.scalars(
        select(Wave)
        .join(Cohort, Cohort.id == Wave.cohort_id)
        .where(Cohort.program_id == program.id, Wave.instrument_digest == instrument.digests.whole)
        .order_by(Wave.id)
    ).all()


def _was_fielded_before(session: Session, program: Program, instrument: Instrument) -> bool:
    """Whether people of the programme were invited to this questionnaire before drafts had to be acknowledged."""
    statement = (
        select(Wave.id)
        .join(Cohort, Cohort.id == Wave.cohort_id)
        .where(
            Cohort.program_id == program.id,
            Wave.instrument_digest == instrument.digests.whole,
            # A wave of that time has no list of languages.
            Wave.locales.is_(None),
            exists(select(Invitation.id).where(Invitation.wave_id == Wave.id)),
        )
    )
    return session.scalar(select(statement.exists())) or False
