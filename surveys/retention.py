"""The retention clock: what is deleted when, counted from the end of a cohort's surveys or of its programme.

Every time is a promise to participants, so settings may shorten it and never lengthen it; a shorter time that people of a
programme were once told stays in force for it. A cohort whose end nobody can tell, because
it has no last wave and no end date, is reported: its clock does not run. Nothing here is stored of the times at which people answered,
so there is nothing of that kind to delete; published results stay.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import CursorResult, Delete, Select, delete, func, or_, select
from sqlalchemy.orm import Session

from instruments.model import WaveKind
from surveys.audit import KEPT_MONTHS, AuditAction, months_before, record_event
from surveys.database import as_utc
from surveys.errors import RetentionError
from surveys.extensions import WISH_LIFE
from surveys.locks import lock_program
from surveys.models import (
    BreakGlassRequest,
    Cohort,
    Comment,
    Contact,
    ErasureReceipt,
    Extension,
    ExtensionWish,
    Goal,
    Meeting,
    MeetingNote,
    Message,
    Pair,
    PairKey,
    Participant,
    PrivacyStatement,
    Program,
    PublishedGroup,
    RateCounter,
    Release,
    Respondent,
    Response,
    ResponseState,
    RetentionKind,
    RetentionStep,
    Talk,
    TalkDraw,
    Theme,
    TrialDecision,
    UserSession,
    Wave,
)
from surveys.pseudonyms import Pseudonyms
from surveys.waves import WaveState, ended_at, lock_wave, wave_state

AFTER_PAIR = frozenset({WaveKind.T3A, WaveKind.T3B})
LAST_WAVES = AFTER_PAIR | {WaveKind.T4}
ACTIONS: Mapping[RetentionKind, AuditAction] = {
    RetentionKind.LINK: AuditAction.LINK_DESTROYED,
    RetentionKind.COMMENTS: AuditAction.COMMENTS_DELETED,
    RetentionKind.ANSWERS: AuditAction.ANSWERS_DELETED,
    RetentionKind.GOALS: AuditAction.GOALS_DELETED,
    RetentionKind.MESSAGES: AuditAction.MESSAGES_DELETED,
    RetentionKind.CONTACTS: AuditAction.CONTACTS_DELETED,
}


@dataclass(frozen=True)
class RetentionPolicy:
    """How long each kind of data is kept; the defaults are the longest times allowed. Raises RetentionError."""

    link_days: int = 90
    goals_days: int = 90
    comments_months: int = 12
    answers_months: int = 24
    messages_months: int = 12
    contacts_months: int = 12
    access_months: int = 12

    def __post_init__(self) -> None:
        for field in fields(self):
            value, longest = getattr(self, field.name), int(str(field.default))
            if not 0 <= value <= longest:
                raise RetentionError("out_of_range", name=field.name, value=value, longest=longest)

    @classmethod
    def from_settings(cls, shorter: Mapping[str, int]) -> "RetentionPolicy":
        """The policy with the times that a deployment has shortened; raises RetentionError."""
        known = [field.name for field in fields(cls)]
        for name in shorter:
            if name not in known:
                raise RetentionError("unknown", name=name[:40], known=", ".join(known))
        return cls(**shorter)

    def at_most(self, promised: Mapping[str, int]) -> "RetentionPolicy":
        """The shorter of each time and what was promised; what is no time of this policy is ignored."""
        kept = asdict(self)
        return RetentionPolicy(**{name: min(time, promised.get(name, time)) for name, time in kept.items()})

    def cutoff(self, kind: RetentionKind, now: datetime) -> datetime:
        """What ended at this moment or before has come to the end of its time."""
        kept = asdict(self)
        if f"{kind.value}_days" in kept:
            return now - timedelta(days=kept[f"{kind.value}_days"])
        return months_before(now, kept[f"{kind.value}_months"])


@dataclass(frozen=True)
class ProgramRetention:
    """What was deleted of a programme, or would be, in rows; and the cohorts whose clock does not run."""

    slug: str
    counts: Mapping[RetentionKind, int]
    undated: tuple[str, ...]
    # The times that were applied: shorter than the settings where shorter ones were once promised.
    policy: RetentionPolicy


@dataclass(frozen=True)
class HouseRetention:
    """What was deleted that belongs to no programme, or would be, in rows."""

    access: int
    receipts: int
    requests: int


@dataclass(frozen=True)
class _Clock:
    """The moments from which the times of a cohort are counted; None while they are still to come or cannot be told."""

    surveys_over: datetime | None
    pairs_over: datetime | None
    program_over: datetime | None

    def start(self, kind: RetentionKind) -> datetime | None:
        """From when a kind of data is counted."""
        if kind is RetentionKind.LINK:
            return self.surveys_over
        if kind in {RetentionKind.COMMENTS, RetentionKind.ANSWERS}:
            return self.pairs_over
        return self.program_over


def apply_retention(
    session: Session,
    program: Program,
    *,
    pseudonyms: Pseudonyms,
    now: datetime,
    policy: RetentionPolicy | None = None,
    dry_run: bool = False,
) -> ProgramRetention:
    """Delete what has been kept of a programme for long enough; running it again, or twice at once, is harmless.

    A dry run only counts. The audit log learns that a kind of data came to its end, not whether there was any.
    """
    moment, policy = as_utc(now), policy or RetentionPolicy()
    # Two that run at once take turns; the second finds nothing left to do.
    if not dry_run:
        _wait_for_savers(session, program, moment)
        lock_program(session, program.id)
    policy = promised_retention(session, program.id, policy)
    clocks = _read_clocks(session, program, moment)
    counts = {}
    for kind in RetentionKind:
        due = {
            cohort.id
            for cohort, clock in clocks.items()
            if (start := clock.start(kind)) is not None and start <= policy.cutoff(kind, moment)
        }
        counts[kind] = _Shredder(session, program, pseudonyms, due, dry_run).delete(kind)
        if not dry_run:
            _note(session, program, kind, due, now)
    counts[RetentionKind.GOALS] += _delete_stale_wishes(session, clocks, policy, moment, dry_run)
    undated = tuple(sorted(c.name for c, clock in clocks.items() if _is_undated(session, c, clock, moment)))
    return ProgramRetention(program.slug, counts, undated, policy)


def _wait_for_savers(session: Session, program: Program, moment: datetime) -> None:
    """Hold the waves that are over: whoever still saves at this moment holds links that are deleted here, and comes first."""
    mine = select(Wave).join(Wave.cohort).where(Cohort.program_id == program.id).order_by(Wave.id)
    for wave in session.scalars(mine).all():
        if wave_state(wave, moment) is WaveState.CLOSED:
            lock_wave(session, wave)


def apply_house_retention(
    session: Session, *, now: datetime, policy: RetentionPolicy | None = None, dry_run: bool = False
) -> HouseRetention:
    """Delete what was kept long enough of sessions and attempts, and what is kept as long as the log: receipts and requests."""
    moment, policy = as_utc(now), policy or RetentionPolicy()
    access = months_before(moment, policy.access_months)
    logged = months_before(moment, KEPT_MONTHS)
    sessions = delete(UserSession).where(UserSession.expires_at < access)
    tries = delete(RateCounter).where(RateCounter.window_start < access)
    return HouseRetention(
        access=_remove(session, sessions, dry_run) + _remove(session, tries, dry_run),
        receipts=_remove(
            session, delete(ErasureReceipt).where(ErasureReceipt.erased_on < logged.date()), dry_run
        ),
        requests=_remove(
            session, delete(BreakGlassRequest).where(BreakGlassRequest.requested_at < logged), dry_run
        ),
    )


def promised_retention(session: Session, program_id: str, policy: RetentionPolicy) -> RetentionPolicy:
    """The times in force: those of the settings, or shorter ones that a statement of the programme has once named.

    Settings that are made longer again therefore change nothing for a programme in which the shorter times were promised.
    """
    promised = select(PrivacyStatement.facts).where(PrivacyStatement.program_id == program_id)
    for facts in session.scalars(promised):
        policy = policy.at_most(facts["retention"])
    return policy


def link_destroyed_on(session: Session, participant: Participant) -> date | None:
    """When the way from a person to their answers was destroyed; None while there is, or may still be, one."""
    cohorts = _cohorts_of(session, participant.program_id).get(participant.id, set())
    if not cohorts:
        return None
    steps = select(RetentionStep.cohort_id, RetentionStep.done_on).where(
        RetentionStep.kind == RetentionKind.LINK, RetentionStep.cohort_id.in_(cohorts)
    )
    done = dict(session.execute(steps).all())
    return max(done.values()) if set(done) == cohorts else None


@dataclass(frozen=True)
class _Shredder:
    """Deletes one kind of data of the cohorts for which it is due, or counts it."""

    session: Session
    program: Program
    pseudonyms: Pseudonyms
    due: Collection[str]
    dry_run: bool

    def delete(self, kind: RetentionKind) -> int:
        """How many rows went, or would go."""
        if not self.due:
            return 0
        return {
            RetentionKind.LINK: self._links,
            RetentionKind.COMMENTS: self._comments,
            RetentionKind.ANSWERS: self._answers,
            RetentionKind.GOALS: self._goals,
            RetentionKind.MESSAGES: self._messages,
            RetentionKind.CONTACTS: self._contacts,
        }[kind]()

    def _links(self) -> int:
        """Cut people and pairs off from their pseudonyms, and delete drafts, from which nobody can be cut off."""
        holder, session = self.pseudonyms, self.session
        n_drafts = self._drafts()
        pairs = session.scalars(select(Pair.id).where(Pair.cohort_id.in_(self.due))).all()
        people = self._people()
        if self.dry_run:
            found = [holder.pair_key(session, pair) for pair in pairs]
            found += [holder.respondent_key(session, person) for person in people]
            return n_drafts + sum(key is not None for key in found)
        cut = [holder.destroy_pair(session, pair) for pair in pairs]
        return n_drafts + sum(cut) + sum(holder.destroy_participant(session, person) for person in people)

    def _drafts(self) -> int:
        """Delete what was never sent; its keys are computed from the link key, so it leads to its writer as long as it is there."""
        unsent = (Response.wave_id.in_(self._waves()), Response.state != ResponseState.SUBMITTED)
        if self.dry_run:
            return self.session.scalar(select(func.count()).select_from(Response).where(*unsent)) or 0
        owners = set(self.session.scalars(select(Response.respondent_key).where(*unsent)))
        n_drafts = self._remove(delete(Response).where(*unsent))
        self._forget(owners)
        return n_drafts

    def _forget(self, keys: set[str]) -> None:
        """Delete the pseudonyms under which nothing is kept any more."""
        used = select(Response.respondent_key).where(Response.respondent_key.in_(keys))
        kept = set(self.session.scalars(used))
        self.session.execute(delete(Respondent).where(Respondent.key.in_(keys - kept)))

    def _comments(self) -> int:
        """Delete what was written in people's own words, and the drafts of themes; what was published stays."""
        responses = select(Response.key).where(Response.wave_id.in_(self._waves()))
        n_drafts = self._remove(delete(Theme).where(Theme.wave_id.in_(self._waves())))
        return n_drafts + self._remove(delete(Comment).where(Comment.response_key.in_(responses)))

    def _answers(self) -> int:
        """Delete responses with everything in them, and the pseudonyms under which nothing is kept any more."""
        mine = Response.wave_id.in_(self._waves())
        keys = set(self.session.scalars(select(Response.respondent_key).where(mine)))
        n_deleted = self._remove(delete(Response).where(mine))
        if self.dry_run:
            return n_deleted
        self._forget(keys)
        cohorts = set(self.session.scalars(select(Cohort.id).where(Cohort.program_id == self.program.id)))
        if cohorts == set(self.due):
            # Who stood behind a number matters as long as another one can still be published beside it.
            releases = select(Release.id).where(Release.wave_id.in_(self._waves()))
            self.session.execute(delete(PublishedGroup).where(PublishedGroup.release_id.in_(releases)))
        return n_deleted

    def _goals(self) -> int:
        """Delete what the pairs shared."""
        pairs = select(Pair.id).where(Pair.cohort_id.in_(self.due))
        met = select(Meeting.id).where(Meeting.pair_id.in_(pairs))
        agreed = self._remove(delete(Extension).where(Extension.pair_id.in_(pairs)))
        noted = self._remove(delete(MeetingNote).where(MeetingNote.meeting_id.in_(met)))
        # The key opens nothing any more, and counts as nothing.
        self._remove(delete(PairKey).where(PairKey.pair_id.in_(pairs)))
        return agreed + noted + self._remove(delete(Goal).where(Goal.pair_id.in_(pairs)))

    def _messages(self) -> int:
        """Delete what people wrote to the coordinator, their meetings, how mediations ended, and what followed from trials."""
        waves = self._waves()
        pairs = select(Pair.id).where(Pair.cohort_id.in_(self.due))
        n_deleted = self._remove(delete(TrialDecision).where(TrialDecision.wave_id.in_(waves)))
        n_deleted += self._remove(delete(Meeting).where(Meeting.pair_id.in_(pairs)))
        n_deleted += self._remove(delete(Talk).where(Talk.wave_id.in_(waves)))
        n_deleted += self._remove(delete(TalkDraw).where(TalkDraw.wave_id.in_(waves)))
        return n_deleted + self._remove(delete(Message).where(Message.participant_id.in_(self._people())))

    def _contacts(self) -> int:
        """Delete names and addresses; pairs, dates and what is under pseudonyms stay as they are."""
        return self._remove(delete(Contact).where(Contact.participant_id.in_(self._people())))

    def _waves(self) -> Select[str]:
        """The waves of the cohorts that are due."""
        return select(Wave.id).where(Wave.cohort_id.in_(self.due))

    def _people(self) -> list[str]:
        """The people all of whose cohorts are due; somebody without a pair goes with the whole programme."""
        everybody = self.session.scalars(
            select(Participant.id).where(Participant.program_id == self.program.id).order_by(Participant.id)
        )
        all_cohorts = set(self.session.scalars(select(Cohort.id).where(Cohort.program_id == self.program.id)))
        cohorts = _cohorts_of(self.session, self.program.id)
        return [person for person in everybody if cohorts.get(person, all_cohorts) <= set(self.due)]

    def _remove(self, statement: Delete) -> int:
        """Delete rows, or count them."""
        return _remove(self.session, statement, self.dry_run)


def _delete_stale_wishes(
    session: Session, clocks: Mapping[Cohort, _Clock], policy: RetentionPolicy, now: datetime, dry_run: bool
) -> int:
    """Delete wishes to go on that were not shared in time: so many days after the pair's last one, or after the last questionnaire."""
    cutoff = now - min(WISH_LIFE, timedelta(days=policy.goals_days))
    over = [
        c.id for c, clock in clocks.items() if clock.pairs_over is not None and clock.pairs_over <= cutoff
    ]
    stale = select(Pair.id).where(
        Pair.cohort_id.in_([cohort.id for cohort in clocks]),
        or_(Pair.ended_on < cutoff.date(), Pair.cohort_id.in_(over)),
    )
    return _remove(session, delete(ExtensionWish).where(ExtensionWish.pair_id.in_(stale)), dry_run)


def _read_clocks(session: Session, program: Program, now: datetime) -> dict[Cohort, _Clock]:
    """The clock of each cohort of a programme."""
    cohorts = session.scalars(select(Cohort).where(Cohort.program_id == program.id)).all()
    waves = session.scalars(
        select(Wave).join(Wave.cohort).where(Cohort.program_id == program.id),
        execution_options={"populate_existing": True},
    ).all()
    return {
        cohort: _read_clock(cohort, program, [wave for wave in waves if wave.cohort_id == cohort.id], now)
        for cohort in cohorts
    }


def _read_clock(cohort: Cohort, program: Program, waves: Sequence[Wave], now: datetime) -> _Clock:
    """The clock of one cohort; while one of its waves is open or planned nothing is over."""
    if any(wave_state(wave, now) is not WaveState.CLOSED for wave in waves):
        return _Clock(None, None, None)
    declared = cohort.ends_on or program.retired_on
    # The last day itself still belongs to the programme.
    end = None if declared is None else datetime.combine(declared + timedelta(days=1), time(), tzinfo=UTC)
    measured = _latest(ended_at(wave) for wave in waves)
    # A cohort that never came to its last wave is over when its programme is.
    without = None if end is None else _latest([end, *([measured] if measured else [])])
    last = _latest(ended_at(wave) for wave in waves if wave.kind in LAST_WAVES)
    pairs = _latest(ended_at(wave) for wave in waves if wave.kind in AFTER_PAIR)
    over = last if end is None else without
    return _Clock(surveys_over=last or without, pairs_over=pairs or last or without, program_over=over)


def _is_undated(session: Session, cohort: Cohort, clock: _Clock, now: datetime) -> bool:
    """Whether nobody can tell when a cohort's data end, although none of its waves is still to come."""
    if clock.surveys_over is not None or clock.program_over is not None:
        return False
    waves = session.scalars(select(Wave).where(Wave.cohort_id == cohort.id)).all()
    return all(wave_state(wave, now) is WaveState.CLOSED for wave in waves)


def _latest(moments: Iterable[datetime]) -> datetime | None:
    """The latest of some moments, if there is any."""
    return max(moments, default=None)


def _cohorts_of(session: Session, program_id: str) -> dict[str, set[str]]:
    """In which cohorts each person of a programme has a pair."""
    rows = session.execute(
        select(Pair.mentor_id, Pair.mentee_id, Pair.cohort_id)
        .join(Cohort, Cohort.id == Pair.cohort_id)
        .where(Cohort.program_id == program_id)
    )
    found: dict[str, set[str]] = {}
    for mentor, mentee, cohort in rows:
        found.setdefault(mentor, set()).add(cohort)
        found.setdefault(mentee, set()).add(cohort)
    return found


def _remove(session: Session, statement: Delete, dry_run: bool) -> int:
    """Delete rows, or count those that would go."""
    if dry_run:
        count = select(func.count()).select_from(statement.table)
        if statement.whereclause is not None:
            count = count.where(statement.whereclause)
        return session.scalar(count) or 0
    result: CursorResult[Any] = session.connection().execute(statement)
    # What the database deleted must not be read from memory any more.
    session.expire_all()
    return result.rowcount


def _note(
    session: Session, program: Program, kind: RetentionKind, due: Collection[str], now: datetime
) -> None:
    """Note which cohorts came to the end of a kind of data, each once, and tell the log if there are new ones."""
    done = select(RetentionStep.cohort_id).where(RetentionStep.kind == kind, RetentionStep.cohort_id.in_(due))
    new = sorted(set(due) - set(session.scalars(done)))
    today = as_utc(now).date()
    session.add_all(RetentionStep(cohort_id=cohort_id, kind=kind, done_on=today) for cohort_id in new)
    session.flush()
    if new:
        record_event(session, ACTIONS[kind], now=now, program=program)
