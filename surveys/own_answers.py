"""What a person answered about one partner, wave by wave, as codes: for that person's own screen only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from instruments.model import Instrument, Role, WaveKind
from surveys.database import as_utc
from surveys.models import Invitation, Wave
from surveys.pseudonyms import Pseudonyms
from surveys.responses import MayUse, load_response
from surveys.waves import instrument_of


@dataclass(frozen=True)
class OwnWave:
    """The codes that a person sent in one wave, with the questionnaire they belong to."""

    wave: Wave
    instrument: Instrument
    role: Role
    codes: Mapping[str, int]


def own_waves(
    session: Session,
    invitation: Invitation,
    *,
    pseudonyms: Pseudonyms,
    may_read: MayUse,
    folders: Sequence[Path] = (),
) -> tuple[OwnWave, ...]:
    """What the invited person sent about the same partner and may read here, in the order of the waves; pulses are left out."""
    asked = session.scalars(
        select(Invitation)
        .join(Wave, Wave.id == Invitation.wave_id)
        .where(
            Invitation.participant_id == invitation.participant_id,
            Invitation.pair_id == invitation.pair_id,
            Wave.kind != WaveKind.PL,
        )
        .order_by(Wave.opens_at, Wave.id)
        .options(joinedload(Invitation.wave), joinedload(Invitation.participant))
    )
    found: dict[str, OwnWave] = {}
    for one in asked:
        # A link that was replaced leads to the same answers.
        if one.wave_id in found:
            continue
        response = load_response(session, one, pseudonyms, may_read=may_read)
        if response is None or not response.is_submitted or not response.answers:
            continue
        codes = {item: value.code for item, value in response.answers.items() if value.code is not None}
        found[one.wave_id] = OwnWave(one.wave, instrument_of(one.wave, folders=folders), response.role, codes)
    return tuple(found.values())


def next_waves(
    session: Session, invitation: Invitation, *, now: datetime, folders: Sequence[Path] = ()
) -> tuple[Wave, ...]:
    """The waves that will still ask this person, by their opening: what the calendar says, whoever has answered what."""
    planned = session.scalars(
        select(Wave)
        .where(
            Wave.cohort_id == invitation.wave.cohort_id,
            Wave.kind != WaveKind.PL,
            Wave.opens_at > as_utc(now),
        )
        .order_by(Wave.opens_at, Wave.id)
    )
    role = invitation.participant.role
    return tuple(wave for wave in planned if instrument_of(wave, folders=folders).has_form(wave.kind, role))
