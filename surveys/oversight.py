"""What a works council or a data protection officer may see of a programme: its log, its rules, and who holds which office.

Nothing here leads to an answer, to a participant, or to how many there are. What a person decides about their own answers is told by
the day, and only once that day is over: whoever looked twice on the same day would learn the hour after all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from instruments.model import WaveKind
from surveys.audit import A_PARTICIPANT, OPERATOR, SYSTEM, follow_chain, genesis, verify_log
from surveys.break_glass import GlassState, ends_at, list_requests, state_of
from surveys.database import as_utc, midnight
from surveys.models import (
    AuditChain,
    AuditEvent,
    Cohort,
    DataPackage,
    GlassGround,
    Membership,
    MembershipRole,
    Program,
    User,
    Wave,
)

PAGE_LENGTH = 50
# Whoever did something, as far as an overseer is told: one of these words, or "user" with a name.
A_USER = "user"
SOMEBODY_ELSE = "somebody else"
WORDS = (SYSTEM, OPERATOR, A_PARTICIPANT)


@dataclass(frozen=True)
class LogLine:
    """One entry of the log: when (by the day where it is private), what, who, and in which wave."""

    happened_at: datetime
    by_day: bool
    action: str
    actor: str
    name: str
    cohort: str
    wave: WaveKind | None
    digest: str


@dataclass(frozen=True)
class LogPage:
    """A page of the log, the newest entries first, and what can be asked for."""

    lines: tuple[LogLine, ...]
    number: int
    n_pages: int
    actions: tuple[str, ...]
    months: tuple[str, ...]


@dataclass(frozen=True)
class ChainState:
    """Whether a chain is whole, and the digest worth noting outside; `problem` is the code of what does not fit."""

    chain: AuditChain
    problem: str
    digest: str
    pruned: bool


@dataclass(frozen=True)
class OfficeHolder:
    """Who holds an office in a programme."""

    role: MembershipRole
    name: str
    disabled: bool


@dataclass(frozen=True)
class GlassLine:
    """A request to break the glass: who asked and decided, on what ground and paper file; never about whom."""

    number: str
    ground: GlassGround
    reference: str
    state: GlassState
    requested_at: datetime
    requested_by: str
    decided_at: datetime | None
    decided_by: str
    opened_at: datetime | None
    ends_at: datetime


def read_log(
    session: Session,
    program: Program,
    *,
    now: datetime,
    action: str | None = None,
    month: str | None = None,
    page: int = 1,
) -> LogPage:
    """A page of what was done in a programme and in the house as a whole, of one action or one month (YYYY-MM) if asked for.

    An action or a month of which there is nothing gives an empty page; a page beyond the last one is the last one.
    """
    visible = _visible(session, program, now)
    months = tuple(dict.fromkeys(_month_of(entry) for entry in visible))
    wanted = [
        entry for entry in visible if action in {None, entry.action} and month in {None, _month_of(entry)}
    ]
    n_pages = max(1, -(-len(wanted) // PAGE_LENGTH))
    number = min(max(1, page), n_pages)
    shown = wanted[(number - 1) * PAGE_LENGTH : number * PAGE_LENGTH]
    actions = tuple(sorted({entry.action for entry in visible}))
    return LogPage(describe(session, program, shown), number, n_pages, actions, months)


def all_lines(session: Session, program: Program, *, now: datetime) -> tuple[LogLine, ...]:
    """Everything that `read_log` gives page by page, the newest first."""
    return describe(session, program, _visible(session, program, now))


def chain_states(session: Session, *, now: datetime) -> tuple[ChainState, ...]:
    """Whether the whole log is whole, not only a programme's part of it: a chain cannot be checked in parts."""
    known = entries_by_chain(session, now=now)
    states = []
    for report in verify_log(session):
        entries = follow_chain(report.chain, [entry for entry in known[report.chain] if entry.digest])
        newest = entries[-1].digest if entries else genesis(report.chain)
        code = report.problem.code if report.problem is not None else ""
        states.append(ChainState(report.chain, code, newest or "", report.pruned))
    return tuple(states)


def entries_by_chain(session: Session, *, now: datetime) -> Mapping[AuditChain, Sequence[AuditEvent]]:
    """The entries of all programmes in the order of their chains; of what is told by the day, nothing from today on."""
    found = session.scalars(select(AuditEvent)).all()
    known = {}
    for chain in AuditChain:
        mine = [entry for entry in found if entry.chain is chain]
        walked = follow_chain(chain, [entry for entry in mine if entry.digest is not None])
        seen = {entry.id for entry in walked}
        loose = sorted((entry for entry in mine if entry.id not in seen), key=lambda one: one.happened_at)
        if chain is AuditChain.BY_DAY:
            today = midnight(now)
            late = next((at for at, one in enumerate(walked) if one.happened_at >= today), len(walked))
            walked, loose = walked[:late], [one for one in loose if one.happened_at < today]
        known[chain] = [*walked, *loose]
    return known


def list_offices(session: Session, program: Program) -> list[OfficeHolder]:
    """Who holds which office in a programme, by office and name."""
    found = session.execute(
        select(Membership.role, User.name, User.disabled_at)
        .join(User, User.id == Membership.user_id)
        .where(Membership.program_id == program.id)
    )
    order = list(MembershipRole)
    holders = [OfficeHolder(role, name, disabled_at is not None) for role, name, disabled_at in found]
    return sorted(holders, key=lambda one: (order.index(one.role), one.name))


def list_packages(session: Session, program: Program) -> list[DataPackage]:
    """The data packages that were made of a programme, the newest first."""
    mine = select(DataPackage).where(DataPackage.program_id == program.id)
    return list(session.scalars(mine.order_by(DataPackage.written_on.desc(), DataPackage.id)))


def list_glass(session: Session, program: Program, *, now: datetime) -> list[GlassLine]:
    """The requests to break the glass, the newest first."""
    names = dict(session.execute(select(User.id, User.name)).all())
    return [
        GlassLine(
            number=request.id,
            ground=request.ground,
            reference=request.reference,
            state=state_of(request, now),
            requested_at=request.requested_at,
            requested_by=names[request.requested_by],
            decided_at=request.decided_at,
            decided_by=names[request.decided_by] if request.decided_by is not None else "",
            opened_at=request.opened_at,
            ends_at=ends_at(request),
        )
        for request in list_requests(session, program)
    ]


def concerns(entry: AuditEvent, program: Program) -> bool:
    """Whether an entry is of a programme or of the house as a whole."""
    return entry.program_id is None or entry.program_id == program.id


def describe(session: Session, program: Program, entries: Sequence[AuditEvent]) -> tuple[LogLine, ...]:
    """Entries with the names that an overseer of the programme may read: of people with an office in it, or who acted in it."""
    members = select(Membership.user_id).where(Membership.program_id == program.id)
    acted = select(AuditEvent.actor).where(AuditEvent.program_id == program.id)
    known = select(User.id, User.name).where(or_(User.id.in_(members), User.id.in_(acted)))
    names = dict(session.execute(known).all())
    asked = select(Wave.id, Cohort.name, Wave.kind).join(Cohort, Cohort.id == Wave.cohort_id)
    waves = {
        wave_id: (cohort, kind)
        for wave_id, cohort, kind in session.execute(asked.where(Cohort.program_id == program.id))
    }
    lines = []
    for entry in entries:
        cohort, kind = waves.get(entry.wave_id or "", ("", None))
        word = A_USER if entry.actor in names else SOMEBODY_ELSE
        lines.append(
            LogLine(
                happened_at=entry.happened_at,
                by_day=entry.chain is AuditChain.BY_DAY,
                action=entry.action,
                actor=entry.actor if entry.actor in WORDS else word,
                name=names.get(entry.actor, ""),
                cohort=cohort,
                wave=kind,
                digest=entry.digest or "",
            )
        )
    return tuple(lines)


def _visible(session: Session, program: Program, now: datetime) -> list[AuditEvent]:
    """What an overseer of a programme may see of the log at this moment, the newest first; of the same moment, the later in the chain."""
    known = entries_by_chain(session, now=now).values()
    mine = [entry for entries in known for entry in reversed(entries) if concerns(entry, program)]
    return sorted(mine, key=lambda entry: entry.happened_at, reverse=True)


def _month_of(entry: AuditEvent) -> str:
    """The month in which something was done, as YYYY-MM."""
    return f"{as_utc(entry.happened_at):%Y-%m}"
