"""The audit log: that something was done, by whom and where, never what an answer said. Rows are only ever added.

Each entry holds the digest of the one before it and its own, so that an entry that was changed, removed or slipped in later does
not fit any more: `verify_log` names the first such place. Entries are chained when their transaction commits, with the lock on
the chain taken last of all and for a moment only: a wave that takes a minute to freeze keeps nobody else's entry waiting, and
nobody waits in a circle. What the chain alone cannot show is a log that was written anew from some point to its end; whoever
has noted a digest of `viceversa audit verify` outside the database can ask for it again.
"""

import calendar
import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from instruments.digests import digest as digest_of
from surveys.database import as_utc, midnight
from surveys.errors import AuditLogError
from surveys.models import AuditChain, AuditEvent, AuditHead, Base, MembershipRole, Program, User, Wave

SYSTEM = "system"
# Whoever types a command: no page, no sign-in, but not the system by itself either.
OPERATOR = "operator"
A_PARTICIPANT = "a participant"
# How long the log is kept. No setting shortens it: a log that can be shortened can be made to forget.
KEPT_MONTHS = 36
_UNSEALED = "viceversa_unsealed_entries"
_ACTING = "viceversa_acting"


class AuditAction(StrEnum):
    """What is worth remembering. Answering is not on this list: whether somebody took part is nobody's business."""

    PROGRAM_CREATED = "program.created"
    FLOOR_RAISED = "program.floor_raised"
    CONTACT_NAMED = "program.contact_named"
    DRAFT_ACKNOWLEDGED = "locale.draft_acknowledged"
    COHORT_ADDED = "cohort.added"
    ROSTER_IMPORTED = "roster.imported"
    REPORTING_LINE_ALLOWED = "pair.reporting_line_allowed"
    PAIR_ENDED = "pair.ended"
    PAIR_MATCHED = "pair.matched"
    MESSAGE_MOVED = "message.moved"
    TALKS_DRAWN = "talks.drawn"
    TALK_HELD = "talk.held"
    WAVE_SCHEDULED = "wave.scheduled"
    WAVE_OPENED = "wave.opened"
    WAVE_CLOSED = "wave.closed"
    INVITATIONS_ISSUED = "invitations.issued"
    INVITATION_REISSUED = "invitation.reissued"
    INVITATION_REVOKED = "invitation.revoked"
    RELEASE_FROZEN = "release.frozen"
    RELEASE_REFUSED = "release.refused"
    DATA_EXPORTED = "data.exported"
    SURVEYS_ENDED = "participant.surveys_ended"
    COORDINATOR_NAMED = "membership.coordinator_named"
    RESEARCHER_NAMED = "membership.researcher_named"
    MODERATOR_NAMED = "membership.moderator_named"
    OVERSEER_NAMED = "membership.overseer_named"
    CUSTODIAN_NAMED = "membership.custodian_named"
    COORDINATOR_DISMISSED = "membership.coordinator_dismissed"
    RESEARCHER_DISMISSED = "membership.researcher_dismissed"
    MODERATOR_DISMISSED = "membership.moderator_dismissed"
    OVERSEER_DISMISSED = "membership.overseer_dismissed"
    CUSTODIAN_DISMISSED = "membership.custodian_dismissed"
    USER_ADDED = "user.added"
    USER_DISABLED = "user.disabled"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105  # the name of an event
    SIGNED_IN = "user.signed_in"
    PLEDGE_SIGNED = "pledge.signed"
    COMMENT_PASSED_ON = "comment.passed_on"
    THEMES_PUBLISHED = "themes.published"
    SIGN_IN_STOPPED = "user.sign_in_stopped"
    GLASS_REQUESTED = "break_glass.requested"
    GLASS_APPROVED = "break_glass.approved"
    GLASS_REFUSED = "break_glass.refused"
    GLASS_OPENED = "break_glass.opened"
    GLASS_EXPIRED = "break_glass.expired"
    LINK_DESTROYED = "retention.link_destroyed"
    COMMENTS_DELETED = "retention.comments_deleted"
    ANSWERS_DELETED = "retention.answers_deleted"
    GOALS_DELETED = "retention.goals_deleted"
    MESSAGES_DELETED = "retention.messages_deleted"
    CONTACTS_DELETED = "retention.contacts_deleted"
    ADDRESS_CORRECTED = "participant.address_corrected"
    CONTACT_FORGOTTEN = "participant.contact_forgotten"
    LOG_PRUNED = "audit.pruned"


# What a person decides about their own answers is logged by the day and without a wave, so that nobody can lay it beside
# the minute at which somebody was seen at their desk.
PRIVATE = frozenset({AuditAction.SURVEYS_ENDED})
# A moderator's passing on of a comment is told by the day and without a wave too: both could lead to who wrote it.
BY_DAY = PRIVATE | {AuditAction.COMMENT_PASSED_ON}
# The office is part of the action, because an entry has no room for anything beside it.
NAMED: Mapping[MembershipRole, AuditAction] = {
    role: AuditAction(f"membership.{role.value}_named") for role in MembershipRole
}
DISMISSED: Mapping[MembershipRole, AuditAction] = {
    role: AuditAction(f"membership.{role.value}_dismissed") for role in MembershipRole
}


@dataclass(frozen=True)
class ChainProblem:
    """The first entry of a chain that does not fit; `entry` is its id, or None where an entry is missing at the end."""

    code: str
    entry: str | None

    def __str__(self) -> str:
        return {
            "unsealed": f"entry {self.entry} was written past the chain",
            "changed": f"entry {self.entry} is not what was written",
            "gap": f"before entry {self.entry} something was changed or removed",
            "end_missing": "the newest entries were removed",
        }[self.code]


@dataclass(frozen=True)
class ChainReport:
    """What became of one chain: how many entries it holds, its newest digest, whether old ones were cut off, and the problem."""

    chain: AuditChain
    n_entries: int
    head: str
    pruned: bool
    problem: ChainProblem | None
    digests: frozenset[str]


def record_event(
    session: Session,
    action: AuditAction,
    *,
    now: datetime,
    actor: User | None = None,
    program: Program | None = None,
    wave: Wave | None = None,
) -> AuditEvent:
    """Add an event to the log. There is no field for free text, so that no content can slip in.

    Without an actor it is put down to whoever acts in this session, which is the system unless `act_as` said otherwise.
    """
    private, by_day = action in PRIVATE, action in BY_DAY
    who = actor.id if actor is not None else session.info.get(_ACTING, SYSTEM)
    return _add(
        session,
        AuditChain.BY_DAY if by_day else AuditChain.TIMED,
        action,
        now,
        actor=A_PARTICIPANT if private else who,
        program_id=program.id if program is not None else None,
        wave_id=wave.id if wave is not None and not by_day else None,
    )


def act_as(session: Session, who: str) -> None:
    """Put what this session does without a signed-in user down to somebody else than the system."""
    session.info[_ACTING] = who


def list_events(session: Session, *, program: Program | None = None, limit: int = 200) -> list[AuditEvent]:
    """The newest events, of one programme or of all."""
    statement = select(AuditEvent).order_by(AuditEvent.happened_at.desc(), AuditEvent.id).limit(limit)
    if program is not None:
        statement = statement.where(AuditEvent.program_id == program.id)
    return list(session.scalars(statement))


def verify_log(session: Session) -> tuple[ChainReport, ...]:
    """Walk both chains from their beginning to their end; each report names the first entry that does not fit."""
    # The heads are read first: what others add meanwhile only lies beyond them.
    heads = read_heads(session)
    fresh = {"populate_existing": True}
    events = session.scalars(select(AuditEvent), execution_options=fresh).all()
    return tuple(verify_chain(chain, [e for e in events if e.chain is chain], heads) for chain in AuditChain)


def read_heads(session: Session) -> dict[AuditChain, str]:
    """The digest of each chain's newest entry: what is worth noting outside the database."""
    seal_events(session)
    return dict(session.execute(select(AuditHead.chain, AuditHead.digest)).all())


def follow_chain(chain: AuditChain, events: Sequence[AuditEvent]) -> list[AuditEvent]:
    """The entries of a chain in their order, from the first one on, as far as they follow one another."""
    return _walk(events, _starts(chain, events))


def prune_log(session: Session, *, now: datetime, dry_run: bool = False) -> int:
    """Delete the oldest entries once they have been kept long enough; says how many.

    Only the beginning of a chain is cut off, and a new entry, chained like all others, holds the digest of the last one that
    went: the rest can still be proved whole.
    """
    # The database refuses too early a deletion by its own clock, which may be a little behind.
    before = months_before(as_utc(now), KEPT_MONTHS) - timedelta(days=1)
    n_pruned = 0
    for chain in AuditChain:
        if not dry_run:
            _hold(session, chain)
        old = _oldest(session, chain, before)
        n_pruned += len(old)
        if not old or dry_run:
            continue
        _add(session, chain, AuditAction.LOG_PRUNED, now, anchor=old[-1].digest)
        session.execute(delete(AuditEvent).where(AuditEvent.id.in_([entry.id for entry in old])))
    return n_pruned


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time so many months earlier, or the last day of that month if it is shorter."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def seal_events(session: Session) -> None:
    """Chain the entries that this transaction has written so far; the commit does it for whoever does not ask."""
    if session.in_nested_transaction():
        # What is undone with a savepoint must not have been chained.
        return
    ids: list[str] = session.info.pop(_UNSEALED, [])
    if not ids:
        return
    session.flush()
    fresh = {"populate_existing": True}
    found = {
        entry.id: entry
        for entry in session.scalars(
            select(AuditEvent).where(AuditEvent.id.in_(ids)), execution_options=fresh
        )
    }
    written = [found[entry_id] for entry_id in ids if entry_id in found and found[entry_id].digest is None]
    # Always in the same order, so that two that write to both chains do not wait for each other.
    for chain in AuditChain:
        entries = [entry for entry in written if entry.chain is chain]
        if entries:
            _seal(session, chain, entries)


def genesis(chain: AuditChain) -> str:
    """What stands in place of a predecessor before the first entry of a chain."""
    return hashlib.sha256(f"viceversa audit log: {chain.value}".encode()).hexdigest()


def digest_event(entry: AuditEvent, previous: str) -> str:
    """The SHA-256 of an entry in its canonical form, its predecessor's digest included."""
    content = {
        "id": entry.id,
        "chain": entry.chain.value,
        "happened_at": as_utc(entry.happened_at).isoformat(timespec="microseconds"),
        "action": entry.action,
        "actor": entry.actor,
        "program_id": entry.program_id,
        "wave_id": entry.wave_id,
        "anchor": entry.anchor,
        "previous": previous,
    }
    return digest_of(content)


def _add(
    session: Session,
    chain: AuditChain,
    action: AuditAction,
    now: datetime,
    *,
    actor: str = SYSTEM,
    program_id: str | None = None,
    wave_id: str | None = None,
    anchor: str | None = None,
) -> AuditEvent:
    """Write an entry, to be chained at the commit."""
    moment = as_utc(now)
    if chain is AuditChain.BY_DAY:
        moment = midnight(moment)
    entry = AuditEvent(
        chain=chain,
        happened_at=moment,
        action=action.value,
        actor=actor,
        program_id=program_id,
        wave_id=wave_id,
        anchor=anchor,
    )
    session.add(entry)
    session.flush()
    session.info.setdefault(_UNSEALED, []).append(entry.id)
    if not event.contains(session, "before_commit", seal_events):
        event.listen(session, "before_commit", seal_events)
    return entry


def _seal(session: Session, chain: AuditChain, entries: Iterable[AuditEvent]) -> None:
    """Chain entries in the order in which they were written."""
    head = _hold(session, chain)
    table = Base.metadata.tables[AuditEvent.__tablename__]
    for entry in entries:
        digest = digest_event(entry, head)
        # Past the mapper, which lets nobody change an entry; the trigger lets an entry be sealed once.
        session.connection().execute(
            update(table).where(table.c.id == entry.id).values(previous=head, digest=digest)
        )
        session.refresh(entry)
        head = digest
    session.execute(update(AuditHead).where(AuditHead.chain == chain).values(digest=head))


def _hold(session: Session, chain: AuditChain) -> str:
    """The digest of a chain's newest entry, held until the transaction ends: writers stand in line."""
    statement = select(AuditHead.digest).where(AuditHead.chain == chain).with_for_update()
    head = session.scalar(statement)
    if head is None:
        raise AuditLogError("no_head")
    return head


def _oldest(session: Session, chain: AuditChain, before: datetime) -> list[AuditEvent]:
    """The entries at the beginning of a chain that are older than a moment; the first younger one ends them."""
    sealed = select(AuditEvent).where(AuditEvent.chain == chain, AuditEvent.digest.is_not(None))
    events = list(session.scalars(sealed))
    return list(takewhile(lambda entry: entry.happened_at < before, follow_chain(chain, events)))


def _starts(chain: AuditChain, events: Sequence[AuditEvent]) -> list[AuditEvent]:
    """The entries whose predecessor is not here, first the one that may have none: a whole chain has that one only."""
    digests = {entry.digest for entry in events}
    allowed = {genesis(chain), *(entry.anchor for entry in events)}
    found = [entry for entry in events if entry.previous not in digests]
    return sorted(found, key=lambda entry: (entry.previous not in allowed, entry.happened_at, entry.id))


def _walk(events: Sequence[AuditEvent], starts: Sequence[AuditEvent]) -> list[AuditEvent]:
    """The entries from the first start on, as far as they follow one another."""
    follower = {entry.previous: entry for entry in events}
    walked = list(starts[:1])
    while walked and walked[-1].digest in follower:
        walked.append(follower[walked[-1].digest])
    return walked


def verify_chain(
    chain: AuditChain, events: Sequence[AuditEvent], heads: Mapping[AuditChain, str]
) -> ChainReport:
    """Check one chain; of an entry without an action only its place is known (see `surveys.audit_files`)."""
    sealed = [entry for entry in events if entry.digest is not None]
    anchors = {entry.anchor for entry in sealed if entry.anchor is not None}
    starts = _starts(chain, sealed)
    return ChainReport(
        chain=chain,
        n_entries=len(events),
        head=heads.get(chain, ""),
        pruned=bool(starts) and starts[0].previous in anchors,
        problem=_find_problem(chain, events, starts, anchors, heads.get(chain, "")),
        digests=frozenset(entry.digest for entry in sealed if entry.digest is not None),
    )


def _find_problem(
    chain: AuditChain,
    events: Sequence[AuditEvent],
    starts: Sequence[AuditEvent],
    anchors: Set[str],
    head: str,
) -> ChainProblem | None:
    """The first thing that does not fit, in the order of the chain."""
    beginning = genesis(chain)
    walked = _walk([entry for entry in events if entry.digest is not None], starts)
    if walked and walked[0].previous not in {beginning, *anchors}:
        return ChainProblem("gap", walked[0].id)
    for entry in walked:
        told = entry.action is not None
        if entry.previous is None or (told and digest_event(entry, entry.previous) != entry.digest):
            return ChainProblem("changed", entry.id)
    if len(starts) > 1:
        return ChainProblem("gap", starts[1].id)
    unsealed = [entry.id for entry in events if entry.digest is None]
    if unsealed:
        return ChainProblem("unsealed", min(unsealed))
    # Entries may lie beyond the head that was read before them, but not all of them, and the head must be one of them.
    if head not in ({entry.digest for entry in walked} or {beginning}):
        return ChainProblem("end_missing", None)
    return None
