"""Drafts of themes: what several comments on a question say, in a moderator's words, with the comments that support it.

Drafts lie on the confidential side beside the comments. Two moderators may write at once: whoever changes a theme says which version they
had before them, and is refused if it is no longer the one that is stored.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from surveys.comments import (
    LEAST_PAIRS_QUOTED,
    authors_of,
    check_readable,
    has_enough_people,
    least_supporters,
    may_quote,
)
from surveys.errors import ThemeError
from surveys.masking import holds_roster_word
from surveys.models import Comment, Response, Theme, ThemeSupport, User, Wave, WaveThemes
from surveys.waves import instrument_of, lock_wave
from surveys.written_text import clean_text

LONGEST_TITLE = 120
LONGEST_SUMMARY = 1200
LONGEST_QUOTE = 400
MOST_THEMES = 30


@dataclass(frozen=True)
class ThemeDraft:
    """A theme as it is typed: its language, its words, the comments that support it, and what is quoted of which."""

    locale: str
    title: str
    summary: str
    supporters: frozenset[str] = frozenset()
    quotes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredTheme:
    """A theme as it is stored, with its key and version, and whether enough people stand behind it to publish it."""

    key: str
    version: int
    draft: ThemeDraft
    is_supported: bool


def list_themes(
    session: Session, wave: Wave, item_id: str, *, reader: User, now: datetime, folders: Sequence[Path] = ()
) -> tuple[StoredTheme, ...]:
    """The drafts on one question, by title."""
    check_readable(session, wave, item_id, reader=reader, now=now, folders=folders)
    return stored_themes(session, wave, item_id)


def get_theme(
    session: Session,
    wave: Wave,
    item_id: str,
    key: str,
    *,
    reader: User,
    now: datetime,
    folders: Sequence[Path] = (),
) -> StoredTheme | None:
    """One draft on a question; None if there is none of this key, or no longer."""
    themes = list_themes(session, wave, item_id, reader=reader, now=now, folders=folders)
    return next((theme for theme in themes if theme.key == key), None)


def add_theme(
    session: Session,
    wave: Wave,
    item_id: str,
    draft: ThemeDraft,
    *,
    reader: User,
    now: datetime,
    folders: Sequence[Path] = (),
    names_checked: bool = False,
) -> str:
    """Keep a new theme on a question and give its key; raises ThemeError with nothing stored.

    A draft may have too few supporters yet; publishing asks for them. `names_checked` says that a moderator has looked at words that
    also stand in the roster.
    """
    draft = _check(session, wave, item_id, draft, reader, now, folders, names_checked)
    n_themes = session.scalar(select(func.count()).where(Theme.wave_id == wave.id, Theme.item_id == item_id))
    if (n_themes or 0) >= MOST_THEMES:
        raise ThemeError("too_many", most=MOST_THEMES)
    theme = Theme(
        wave_id=wave.id,
        item_id=item_id,
        locale=draft.locale,
        title=draft.title,
        summary=draft.summary,
        version=1,
    )
    session.add(theme)
    session.flush()
    _support(session, theme, draft)
    return theme.key


def change_theme(
    session: Session,
    wave: Wave,
    item_id: str,
    key: str,
    draft: ThemeDraft,
    *,
    version: int,
    reader: User,
    now: datetime,
    folders: Sequence[Path] = (),
    names_checked: bool = False,
) -> None:
    """Put a draft in the place of the version that its writer had before them; raises ThemeError with nothing stored."""
    draft = _check(session, wave, item_id, draft, reader, now, folders, names_checked)
    theme = _hold(session, wave, item_id, key, version)
    theme.locale, theme.title, theme.summary = draft.locale, draft.title, draft.summary
    theme.version += 1
    session.execute(delete(ThemeSupport).where(ThemeSupport.theme_key == theme.key))
    session.flush()
    _support(session, theme, draft)


def delete_theme(
    session: Session,
    wave: Wave,
    item_id: str,
    key: str,
    *,
    version: int,
    reader: User,
    now: datetime,
    folders: Sequence[Path] = (),
) -> None:
    """Delete a draft that its reader has before them; raises ThemeError if it has changed since, or is gone."""
    check_readable(session, wave, item_id, reader=reader, now=now, folders=folders)
    _check_unpublished(session, wave)
    theme = _hold(session, wave, item_id, key, version)
    session.execute(delete(Theme).where(Theme.key == theme.key))
    session.expunge(theme)


def stored_themes(session: Session, wave: Wave, item_id: str) -> tuple[StoredTheme, ...]:
    """The drafts on one question, by title; whoever calls this has checked who is asking."""
    themes = session.scalars(
        select(Theme).where(Theme.wave_id == wave.id, Theme.item_id == item_id),
        execution_options={"populate_existing": True},
    ).all()
    rows = session.execute(
        select(ThemeSupport.theme_key, ThemeSupport.comment_key, ThemeSupport.quote).where(
            ThemeSupport.theme_key.in_([theme.key for theme in themes])
        )
    ).all()
    least = least_supporters(session, wave)
    stored = []
    for theme in themes:
        mine = [(comment, quote) for owner, comment, quote in rows if owner == theme.key]
        supporters = frozenset(comment for comment, _ in mine)
        quotes = {comment: quote for comment, quote in mine if quote is not None}
        draft = ThemeDraft(theme.locale, theme.title, theme.summary, supporters, quotes)
        stored.append(StoredTheme(theme.key, theme.version, draft, len(supporters) >= least))
    return tuple(sorted(stored, key=lambda one: (one.draft.title.casefold(), one.draft.title, one.key)))


def check_texts(draft: ThemeDraft) -> None:
    """Raise ThemeError unless every text of a theme is there and no longer than it may be."""
    for code, text, longest in (
        ("title", draft.title, LONGEST_TITLE),
        ("summary", draft.summary, LONGEST_SUMMARY),
    ):
        if not 0 < len(text) <= longest:
            raise ThemeError(code, longest=longest, length=len(text))
    for quote in draft.quotes.values():
        if len(quote) > LONGEST_QUOTE:
            raise ThemeError("quote_long", longest=LONGEST_QUOTE, length=len(quote))


def check_quotes(session: Session, wave: Wave, item_id: str, quotes: Collection[str]) -> None:
    """Raise ThemeError unless each of these comments may be quoted: by its author's tick, and in a cohort of this size."""
    if not quotes:
        return
    if not may_quote(session, wave):
        raise ThemeError("quote_small_cohort", least=LEAST_PAIRS_QUOTED)
    allowed = set(
        session.scalars(
            select(Comment.key)
            .join(Response, Response.key == Comment.response_key)
            .where(Response.wave_id == wave.id, Comment.item_id == item_id, Comment.may_be_quoted.is_(True))
        )
    )
    if not set(quotes) <= allowed:
        raise ThemeError("quote_not_allowed")


def is_published(session: Session, wave: Wave) -> bool:
    """Whether themes of a wave were published; afterwards nothing about them changes."""
    found = select(WaveThemes.id).where(WaveThemes.wave_id == wave.id).limit(1)
    return session.scalars(found).first() is not None


def _check(
    session: Session,
    wave: Wave,
    item_id: str,
    draft: ThemeDraft,
    reader: User,
    now: datetime,
    folders: Sequence[Path],
    names_checked: bool,
) -> ThemeDraft:
    """A draft with clean texts, after everything that can be wrong with it; the wave is held until the transaction ends."""
    check_readable(session, wave, item_id, reader=reader, now=now, folders=folders)
    # Shared with others who write themes: only publishing holds the wave alone, and comes before or after all of this.
    lock_wave(session, wave, shared=True)
    _check_unpublished(session, wave)
    if not has_enough_people(session, wave, item_id):
        raise ThemeError("few_people")
    quotes = {key: text for key, quote in draft.quotes.items() if (text := clean_text(quote))}
    title = " ".join(clean_text(draft.title).split())
    clean = ThemeDraft(draft.locale, title, clean_text(draft.summary), draft.supporters, quotes)
    check_texts(clean)
    if clean.locale not in instrument_of(wave, folders=folders).locales:
        raise ThemeError("locale")
    if not clean.supporters <= set(authors_of(session, wave, item_id)):
        raise ThemeError("unknown_comment")
    if not set(quotes) <= clean.supporters:
        raise ThemeError("quote_without_support")
    check_quotes(session, wave, item_id, quotes)
    texts = (title, clean.summary, *quotes.values())
    if not names_checked and holds_roster_word(session, wave.cohort.program, texts):
        raise ThemeError("roster_word")
    return clean


def _check_unpublished(session: Session, wave: Wave) -> None:
    """Raise ThemeError once the themes of a wave are published."""
    if is_published(session, wave):
        raise ThemeError("published")


def _hold(session: Session, wave: Wave, item_id: str, key: str, version: int) -> Theme:
    """The theme, held alone until the transaction ends; raises ThemeError if it is no longer the version that was seen."""
    theme = session.scalar(
        select(Theme)
        .where(Theme.key == key, Theme.wave_id == wave.id, Theme.item_id == item_id)
        .with_for_update(),
        execution_options={"populate_existing": True},
    )
    if theme is None:
        raise ThemeError("deleted_meanwhile")
    if theme.version != version:
        raise ThemeError("changed_meanwhile")
    return theme


def _support(session: Session, theme: Theme, draft: ThemeDraft) -> None:
    """Write down which comments support a theme, and what is quoted of them; raises ThemeError if one was just erased."""
    try:
        with session.begin_nested():
            session.add_all(
                ThemeSupport(theme_key=theme.key, comment_key=comment, quote=draft.quotes.get(comment))
                for comment in sorted(draft.supporters)
            )
    except IntegrityError as error:
        raise ThemeError("unknown_comment") from error
