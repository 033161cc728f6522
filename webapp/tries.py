"""How often something may be tried before the page says to wait; that somebody was stopped stands in the log, once a window."""

import datetime as dt
from collections.abc import Mapping

from werkzeug.exceptions import TooManyRequests

from surveys import accounts
from surveys.audit import AuditAction, record_event
from surveys.models import User
from webapp.database import db, now

WINDOW = dt.timedelta(minutes=15)


def count_try(limits: Mapping[str, int], *, actor: User | None = None) -> None:
    """Count one try under each key and stop after too many; the count is kept whatever comes of the try."""
    states = [accounts.hit(db(), key, limit, WINDOW, now=now()) for key, limit in limits.items()]
    if any(state.count == state.limit + 1 for state in states):
        record_event(db(), AuditAction.SIGN_IN_STOPPED, now=now(), actor=actor)
    db().commit()
    exceeded = [state for state in states if state.exceeded]
    if exceeded:
        wait = max(state.resets_at for state in exceeded) - now()
        raise TooManyRequests(retry_after=max(1, int(wait.total_seconds())))
