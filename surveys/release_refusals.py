"""A release that the auditor refuses: remembered in the log, and published without the numbers that somebody agreed to leave out."""

import datetime as dt
from collections.abc import Collection, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Role
from surveys.audit import AuditAction, record_event
from surveys.errors import ReleaseAuditError
from surveys.models import AuditEvent, User, Wave
from surveys.release_menu import CandidateName
from surveys.releases import freeze_release


def freeze_or_refuse(
    session: Session,
    wave: Wave,
    *,
    now: dt.datetime,
    folders: Sequence[Path] = (),
    actor: User | None = None,
    withhold: Collection[CandidateName] = (),
) -> ReleaseAuditError | None:
    """Freeze the release of a closed wave; a refusal is given back instead of raised, and that it happened stays in the log.

    Nothing else of a refused attempt is kept: the wave is closed and has no results. What is wrong with `withhold` is raised.
    """
    try:
        with session.begin_nested():
            freeze_release(session, wave, now=now, folders=folders, actor=actor, withhold=withhold)
    except ReleaseAuditError as refusal:
        if refusal.code == "unknown":
            raise
        action = AuditAction.RELEASE_REFUSED
        record_event(session, action, now=now, actor=actor, program=wave.cohort.program, wave=wave)
        return refusal
    return None


def was_refused(session: Session, wave: Wave) -> bool:
    """Whether the auditor has ever refused the release of this wave; only then is there a proposal to agree to."""
    refused = AuditEvent.action == AuditAction.RELEASE_REFUSED.value
    return (
        session.scalar(select(AuditEvent.id).where(refused, AuditEvent.wave_id == wave.id).limit(1))
        is not None
    )


def write_name(name: tuple[str, str, str]) -> str:
    """The name of a number as it stands in forms and commands, such as "level:mentor:PS"."""
    return ":".join(name)


def read_name(text: str) -> CandidateName:
    """The number that such a name means; raises ReleaseAuditError."""
    kind, _, rest = text.partition(":")
    role, _, scale = rest.partition(":")
    if kind not in {"level", "change"} or role not in set(Role) or not scale:
        raise ReleaseAuditError("unknown", number=text[:80])
    return kind, Role(role), scale
