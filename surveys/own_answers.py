"""What a person answered, wave by wave, and what they will be asked: for that person's own screen only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from instruments.model import Instrument, Role, WaveKind
from surveys.database import as_utc
from surveys.models import Invitation, ResponseState, Wave
from surveys.pseudonyms import Pseudonyms
from surveys.pulses import load_all
from surveys.responses import MayUse, ResponseView, load_response
from surveys.waves import instrument_of


@dataclass(frozen=True)
class OwnWave:
    """The codes that a person sent in one wave, with the questionnaire they belong to."""

    wave: Wave
    instrument: Instrument
    role: Role
    codes: Mapping[str, int]


def own_views(
    session: Session, participant_id: str, *, pseudonyms: Pseudonyms, may_read: MayUse
) -> Iterator[tuple[Invitation, ResponseView]]:
    """Everything a person answered and may read here, with the invitation to it, in the order of the waves.

    `may_read` decides for each response: who holds one personal link has not thereby given the answers behind the others.
    """
    for invitation in invitations_of(session, participant_id):
        for response in load_all(session, invitation, pseudonyms, may_read=may_read):
            yield invitation, response


def owns_all(session: Session, participant_id: str, *, pseudonyms: Pseudonyms, may_read: MayUse) -> bool:
    """Whether everything that was answered in a person's name can be read here, and anything was.

    Pulses do not count: whoever has a link can always add one. With a link that its owner has not used yet somebody else may begin
    answers of their own, but does not hold what the owner gave by the others.
    """
    given = []
    for invitation in invitations_of(session, participant_id):
        if invitation.wave.kind is WaveKind.PL:
            continue
        response = load_response(session, invitation, pseudonyms, may_read=lambda _: False)
        if response is not None and response.state is not ResponseState.WITHDRAWN:
            given.append(may_read(response))
    return bool(given) and all(given)


def invitations_of(session: Session, participant_id: str) -> list[Invitation]:
    """One invitation for each wave and pair, whichever link was the last, by the opening of the waves."""
    found = session.scalars(
        select(Invitation)
        .where(Invitation.participant_id == participant_id)
        .options(joinedload(Invitation.wave), joinedload(Invitation.participant))
    )
    single = {(invitation.wave_id, invitation.pair_id): invitation for invitation in found}
    return sorted(single.values(), key=lambda one: (one.wave.opens_at, one.wave_id, one.pair_id))


def own_waves(
    session: Session,
    invitation: Invitation,
    *,
    pseudonyms: Pseudonyms,
    may_read: MayUse,
    folders: Sequence[Path] = (),
) -> tuple[OwnWave, ...]:
    """What the invited person sent about the same partner and may read here, in the order of the waves; pulses are left out."""
    views = own_views(session, invitation.participant_id, pseudonyms=pseudonyms, may_read=may_read)
    return tuple(
        OwnWave(one.wave, instrument_of(one.wave, folders=folders), response.role, _codes_of(response))
        for one, response in views
        if one.pair_id == invitation.pair_id and one.wave.kind is not WaveKind.PL and response.is_submitted
    )


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


def _codes_of(response: ResponseView) -> dict[str, int]:
    """The answers that are codes, by item."""
    return {item: value.code for item, value in response.answers.items() if value.code is not None}
