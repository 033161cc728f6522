"""The statements of privacy that were shown, kept word for word, so that it can be told years later what somebody was promised."""

from datetime import date
from typing import Any

from sqlalchemy import JSON, Text
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Digest, Key, LocaleCode


class PrivacyStatement(Base):
    """One statement in one language; the same for everybody it is shown to, so it leads to nobody.

    All languages of a statement are kept at once: the row of one language must not tell that somebody reads it. The programme is named
    without a foreign key, because a promise outlives what it was made for.
    """

    __tablename__ = "privacy_statement"
    __table_args__ = ({"sqlite_with_rowid": False},)

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    # The digest of what is promised, whatever the language and the wording of a translation.
    promise: Mapped[Digest]
    program_id: Mapped[Key] = mapped_column(index=True)
    locale: Mapped[LocaleCode]
    shown_first_on: Mapped[date]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    body: Mapped[str] = mapped_column(Text)
