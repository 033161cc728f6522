"""The log as a file that can be checked without the database: one JSON object a line, each with its digest.

Entries of other programmes are in it with their digests only, because a chain with holes could not be checked.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from surveys.audit import ChainReport, follow_chain, genesis, verify_chain
from surveys.database import as_utc
from surveys.errors import AuditFileError, NaiveTimeError
from surveys.models import AuditChain, AuditEvent, Program
from surveys.oversight import concerns, entries_by_chain

PLACE = ("chain", "previous", "digest")
CONTENT = ("id", "happened_at", "action", "actor", "program_id", "wave_id", "anchor")


def write_lines(session: Session, program: Program, *, now: datetime) -> Iterator[str]:
    """The log as an overseer of a programme may take it along, chain by chain in its order."""
    for entries in entries_by_chain(session, now=now).values():
        for entry in entries:
            line: dict[str, str | None] = {name: getattr(entry, name) for name in PLACE}
            if concerns(entry, program):
                line |= {name: getattr(entry, name) for name in CONTENT}
                line["happened_at"] = as_utc(entry.happened_at).isoformat(timespec="microseconds")
            yield json.dumps(line, sort_keys=True, ensure_ascii=False)


def verify_lines(text: str) -> tuple[ChainReport, ...]:
    """Check a file that `write_lines` wrote, with nothing but the file; raises AuditFileError.

    That the newest entries were cut off shows only beside a digest that was noted.
    """
    entries = [_read_line(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not entries:
        raise AuditFileError("empty")
    for name in ("digest", "previous"):
        # The same digest twice is no chain any more, and following it might never end.
        _refuse_twins([getattr(entry, name) for entry in entries if entry.digest is not None])
    reports = []
    for chain in AuditChain:
        mine = [entry for entry in entries if entry.chain is chain]
        reports.append(verify_chain(chain, mine, {chain: _newest(chain, mine)}))
    return tuple(reports)


def _refuse_twins(digests: Sequence[str]) -> None:
    """Raise AuditFileError where a digest stands a second time."""
    seen: set[str] = set()
    for digest in digests:
        if digest in seen:
            raise AuditFileError("twins", digest=digest[:64])
        seen.add(digest)


def _newest(chain: AuditChain, entries: Sequence[AuditEvent]) -> str:
    """The digest with which a chain ends in the file."""
    walked = follow_chain(chain, [entry for entry in entries if entry.digest is not None])
    return (walked[-1].digest or "") if walked else genesis(chain)


def _read_line(number: int, line: str) -> AuditEvent:
    """An entry as it stands in a file; one of which only the place is known has no action."""
    try:
        read: dict[str, Any] = json.loads(line)
        known = "action" in read
        entry = AuditEvent(
            chain=AuditChain(read["chain"]),
            previous=_text(read["previous"]),
            digest=_text(read["digest"]),
        )
        entry.id = _text(read.get("id")) or f"in line {number}"
        entry.happened_at = (
            as_utc(datetime.fromisoformat(read["happened_at"])) if known else datetime.max.replace(tzinfo=UTC)
        )
        if known:
            for name in CONTENT[2:]:
                setattr(entry, name, _text(read[name]))
            if entry.action is None or entry.actor is None:
                raise AuditFileError("line", line=number)
    except (ValueError, TypeError, KeyError, AttributeError, NaiveTimeError) as error:
        raise AuditFileError("line", line=number) from error
    return entry


def _text(value: object) -> str | None:
    """A text or nothing; anything else raises TypeError."""
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value
