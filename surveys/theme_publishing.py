"""Publishing the themes of a wave: once, all questions together, and under rules that are checked while nobody else can write.

What is published is a copy without keys. Nothing leads from it to a comment, so an erasure afterwards changes nothing of it, and the
drafts beside the comments end with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from instruments.digests import digest as digest_of
from surveys.audit import AuditAction, record_event
from surveys.comments import has_enough_people, least_supporters
from surveys.database import as_utc
from surveys.errors import ModerationError, ThemeError
from surveys.models import User, Wave, WaveThemes
from surveys.open_questions import open_questions
from surveys.pledges import require_reader
from surveys.published_themes import RULES_VERSION
from surveys.themes import check_quotes, check_texts, is_published, stored_themes
from surveys.waves import WaveState, instrument_of, lock_wave, wave_state


@dataclass(frozen=True)
class Publication:
    """What would be published of a wave as its drafts stand, by question, and the digest by which it is recognised."""

    bodies: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """The SHA-256 of everything in it."""
        return digest_of(self.bodies)


def prepare_publication(
    session: Session, wave: Wave, *, reader: User, now: datetime, folders: Sequence[Path] = ()
) -> Publication:
    """What publishing would freeze now, for a moderator to look at; raises ThemeError where a rule is not kept."""
    require_reader(session, reader, wave.cohort.program)
    if wave_state(wave, now) is not WaveState.CLOSED:
        raise ModerationError("still_open")
    if is_published(session, wave):
        raise ThemeError("published")
    bodies = {}
    for question in open_questions(instrument_of(wave, folders=folders), wave):
        body = _write_body(session, wave, question.item_id)
        if body is not None:
            bodies[question.item_id] = body
    if not bodies:
        raise ThemeError("nothing")
    return Publication(bodies)


def publish_themes(
    session: Session, wave: Wave, *, seen: str, reader: User, now: datetime, folders: Sequence[Path] = ()
) -> Publication:
    """Freeze the themes of a wave as the moderator saw them, which the digest `seen` names; raises ThemeError with nothing stored.

    The wave is held alone: whoever writes a theme at this moment either comes before and is in it, or finds it published.
    """
    require_reader(session, reader, wave.cohort.program)
    lock_wave(session, wave)
    publication = prepare_publication(session, wave, reader=reader, now=now, folders=folders)
    if publication.digest != seen:
        raise ThemeError("publication_changed")
    today = as_utc(now).date()
    try:
        with session.begin_nested():
            session.add_all(
                WaveThemes(
                    wave_id=wave.id,
                    item_id=item_id,
                    published_on=today,
                    body=dict(body),
                    digest=digest_of(body),
                )
                for item_id, body in publication.bodies.items()
            )
    except IntegrityError as error:
        raise ThemeError("published") from error
    program = wave.cohort.program
    record_event(session, AuditAction.THEMES_PUBLISHED, now=now, actor=reader, program=program, wave=wave)
    return publication


def _write_body(session: Session, wave: Wave, item_id: str) -> Mapping[str, Any] | None:
    """The themes on one question without keys and numbers, by title; None if there are none. Raises ThemeError."""
    themes = stored_themes(session, wave, item_id)
    if not themes:
        return None
    if not has_enough_people(session, wave, item_id):
        raise ThemeError("few_people")
    for theme in themes:
        check_texts(theme.draft)
        if not theme.is_supported:
            raise ThemeError("few_supporters", title=theme.draft.title, least=least_supporters(session, wave))
        check_quotes(session, wave, item_id, theme.draft.quotes)
    return {
        "rules": RULES_VERSION,
        "themes": [
            {
                "locale": theme.draft.locale,
                "title": theme.draft.title,
                "summary": theme.draft.summary,
                # By their own words, so that their order tells nothing about the comments'.
                "quotes": sorted(theme.draft.quotes.values(), key=str.casefold),
            }
            for theme in themes
        ],
    }
