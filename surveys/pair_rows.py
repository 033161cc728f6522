"""Rows that both partners of a pair write, one after the other: nobody overwrites what they have not seen."""

from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from surveys.errors import PairError
from surveys.invitations import hold_invitation
from surveys.locks import lock_pair
from surveys.models import Goal, Invitation, Meeting

Row = TypeVar("Row", Goal, Meeting)


def hold_pair(session: Session, invitation: Invitation, now: datetime) -> str:
    """The pair of a link that still holds, whose partners write one after the other."""
    hold_invitation(session, invitation, now=now)
    lock_pair(session, invitation.pair_id)
    return invitation.pair_id


def take_row(
    session: Session,
    table: type[Row],
    invitation: Invitation,
    key: str,
    *,
    version: str,
    now: datetime,
    field: str,
) -> Row:
    """A row of the pair, if it is there and nobody has changed it since; a PairError names the field."""
    pair_id = hold_pair(session, invitation, now)
    row = session.get(table, key[:32], populate_existing=True)
    if row is None or row.pair_id != pair_id:
        raise PairError("gone", field=field)
    if version != str(row.version):
        raise PairError("changed", field=field)
    return row
