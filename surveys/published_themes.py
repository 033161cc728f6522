"""Themes as they were published: all that anybody outside moderation reads of comments. Nothing confidential is read here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.digests import digest as digest_of
from surveys.errors import ThemesDamagedError
from surveys.models import Wave, WaveThemes

RULES_VERSION = "1"


@dataclass(frozen=True)
class PublishedTheme:
    """One theme: its language, its words, and quotes that their authors allowed; no count, no role, no score."""

    locale: str
    title: str
    summary: str
    quotes: tuple[str, ...]


@dataclass(frozen=True)
class PublishedThemes:
    """The themes on one question, by title, and the day on which they were published."""

    published_on: date
    themes: tuple[PublishedTheme, ...]


def themes_of(session: Session, wave: Wave) -> Mapping[str, PublishedThemes]:
    """The themes of a wave by question; a question without any is not in it, for whatever reason. Raises ThemesDamagedError."""
    found = {}
    for row in session.scalars(select(WaveThemes).where(WaveThemes.wave_id == wave.id)):
        if digest_of(row.body) != row.digest:
            raise ThemesDamagedError(kind=wave.kind.value)
        themes = tuple(read_theme(theme) for theme in row.body["themes"])
        found[row.item_id] = PublishedThemes(row.published_on, themes)
    return found


def read_theme(theme: Mapping[str, Any]) -> PublishedTheme:
    """A theme out of what is, or would be, published."""
    return PublishedTheme(theme["locale"], theme["title"], theme["summary"], tuple(theme["quotes"]))
