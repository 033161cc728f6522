"""What all tables share: names of constraints, random keys, and columns that hold an enumeration."""

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from sqlalchemy import JSON, Enum, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

from surveys.database import NAMING, UTCDateTime

Digest = Annotated[str, mapped_column(String(64))]
Key = Annotated[str, mapped_column(String(32))]
LocaleCode = Annotated[str, mapped_column(String(16))]
Picks = dict[str, list[str]]


def new_key() -> str:
    """128 random bits as hex: a key from which neither order nor number can be read."""
    return secrets.token_hex(16)


PrimaryKey = Annotated[str, mapped_column(String(32), primary_key=True, default=new_key)]


class Base(DeclarativeBase):
    """The base of every model."""

    metadata = MetaData(naming_convention=dict(NAMING))
    type_annotation_map: ClassVar[dict[object, object]] = {datetime: UTCDateTime, Picks: JSON}


def enum_column(kind: type[StrEnum], name: str) -> Enum:
    """A text column that holds the values of an enumeration, checked by a constraint of the given name."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )
