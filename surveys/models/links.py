"""The one way from a person to a pseudonym: a keyed table that can be destroyed without touching either side."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from surveys.models.base import Base, Digest


class PseudonymLink(Base):
    """A keyed lookup and a sealed pseudonym; without the link key both are random to the reader."""

    __tablename__ = "pseudonym_link"
    # Without a row number SQLite keeps rows in the order of their random keys, so the order of arrival is lost.
    __table_args__ = ({"sqlite_with_rowid": False},)

    lookup: Mapped[Digest] = mapped_column(primary_key=True)
    sealed: Mapped[str] = mapped_column(String(64))


class LinkKey(Base):
    """The fingerprint of the link key in use: a wrong key is noticed before it gives people second pseudonyms."""

    __tablename__ = "pseudonym_key"
    __table_args__ = (CheckConstraint("name = 'link'", name="one_key"),)

    name: Mapped[str] = mapped_column(String(8), primary_key=True)
    fingerprint: Mapped[Digest]
