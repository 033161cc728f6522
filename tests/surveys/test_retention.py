"""The retention clock: what goes when, never later than promised, and what it leaves."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from instruments.answers import AnswerValue
from instruments.model import Role, WaveKind
from surveys import audit, meetings, pair_keys, programs, responses, retention, waves
from surveys.errors import PseudonymKeyError, ResponseError, RetentionError
from surveys.invitations import LINK_GRACE
from surveys.models import (
    Answer,
    AuditEvent,
    Base,
    Comment,
    ErasureReceipt,
    Extension,
    ExtensionWish,
    Goal,
    MediationOutcome,
    Meeting,
    MeetingNote,
    Message,
    PairKey,
    PseudonymLink,
    PublishedGroup,
    RateCounter,
    Release,
    Respondent,
    Response,
    RetentionKind,
    RetentionStep,
    Talk,
    TalkDraw,
    TrialDecision,
    Wave,
)
from surveys.pseudonyms import Pseudonyms
from surveys.retention import RetentionPolicy, apply_house_retention, apply_retention
from surveys.withdrawal import withdraw_from_surveys

NOTHING = dict.fromkeys(RetentionKind, 0)
# Two pairs: four people and two pairs are linked; everybody answered T2 and T3b, the mentors' comments stand in T2.
EVERYTHING = {
    RetentionKind.LINK: 6,
    RetentionKind.COMMENTS: 4,
    RetentionKind.ANSWERS: 8,
    RetentionKind.GOALS: 1,
    RetentionKind.MESSAGES: 1,
    RetentionKind.CONTACTS: 4,
}


def count(session: Session, *tables: Any) -> list[int]:
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def answer(world: Any, links: list[Any], when: datetime, given: dict[str, AnswerValue]) -> None:
    how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": when, "folders": world.folders}
    for link in links:
        responses.submit_response(world.session, link.invitation, given, **how)


def become(world: Any, wave: Wave, kind: WaveKind) -> Wave:
    """Let a wave of the toy questionnaire, which has no late ones, stand for a late one."""
    wave.kind = kind
    world.session.commit()
    return wave


@pytest.fixture
def ended(scene: Any, world: Any) -> Any:
    """Two waves were answered and are closed, the last of them T3b; there are a goal and a message."""
    session = world.session
    answer(
        world, world.issued, world.now, {"A1": AnswerValue(code=4), "R1": AnswerValue(text="All is well.")}
    )
    last = scene.add_wave(WaveKind.T0)
    answer(world, scene.invite(last), world.now, {"A1": AnswerValue(code=2)})
    become(world, last, WaveKind.T3B)
    for wave in (world.wave, last):
        waves.close_wave(session, wave, now=world.now)
    session.add(Goal(pair_id=world.pairs[0].id, position=1, text="Learn", levels=["a"], weight=1))
    session.add(
        Message(
            program_id=world.program.id,
            participant_id=world.pairs[0].mentor_id,
            kind="contact",
            body="Please call me.",
            sent_at=world.now,
        )
    )
    session.commit()
    return world


def run(world: Any, when: datetime, **options: Any) -> dict[RetentionKind, int]:
    holder = options.pop("pseudonyms", world.pseudonyms)
    done = apply_retention(world.session, world.program, pseudonyms=holder, now=when, **options)
    world.session.commit()
    return dict(done.counts)


def after(world: Any, *, months: int = 0, **step: float) -> datetime:
    """So long after the end of the surveys."""
    year, month = divmod(world.now.month - 1 + months, 12)
    return world.now.replace(year=world.now.year + year, month=month + 1) + timedelta(**step)


class TestTimes:
    @pytest.mark.parametrize(
        ("step", "gone"),
        [
            ({"days": 89}, set()),
            ({"days": 90}, {"link", "goals"}),
            ({"months": 12, "days": -1}, {"link", "goals"}),
            ({"months": 12}, {"link", "goals", "comments", "messages", "contacts"}),
            ({"months": 24, "days": -1}, {"link", "goals", "comments", "messages", "contacts"}),
            ({"months": 24}, {"link", "goals", "comments", "messages", "contacts", "answers"}),
        ],
    )
    def test_each_kind_goes_at_the_end_of_its_time(self, ended: Any, step: Any, gone: set[str]) -> None:
        expected = {kind: EVERYTHING[kind] if kind.value in gone else 0 for kind in RetentionKind}

        assert run(ended, after(ended, **step), dry_run=True) == expected
        assert run(ended, after(ended, **step)) == expected
        assert run(ended, after(ended, **step)) == NOTHING

    def test_after_all_times_nothing_of_anybody_is_left(self, ended: Any) -> None:
        run(ended, after(ended, months=24))

        left = count(ended.session, Answer, Comment, Response, Respondent, PseudonymLink, Goal, Message)
        assert left == [0] * 7

    def test_notes_and_the_key_go_with_the_goals_and_meetings_with_the_messages(self, ended: Any) -> None:
        link = ended.invitation_of(ended.pairs[0], Role.MENTOR).invitation
        facts = {"held_on": "2026-03-01", "took_place": "no"}
        met = meetings.log_meeting(ended.session, link, facts, form_key="a", now=ended.now)
        meetings.save_note(ended.session, link, met.meeting_id, {"notes": "n"}, version="0", now=ended.now)
        pair_keys.open_pair(ended.session, link, now=ended.now)
        ended.session.commit()
        tables = (MeetingNote, PairKey, Meeting)

        run(ended, after(ended, days=89))
        assert count(ended.session, *tables) == [1, 1, 1]
        planned = run(ended, after(ended, days=90), dry_run=True)
        assert run(ended, after(ended, days=90)) == planned
        assert planned[RetentionKind.GOALS] == EVERYTHING[RetentionKind.GOALS] + 1
        assert count(ended.session, *tables) == [0, 0, 1]
        run(ended, after(ended, months=12))
        assert count(ended.session, *tables) == [0, 0, 0]

    def test_a_dry_run_changes_nothing(self, ended: Any) -> None:
        before = count(ended.session, *Base.metadata.sorted_tables)

        run(ended, after(ended, months=24), dry_run=True)

        assert count(ended.session, *Base.metadata.sorted_tables) == before

    def test_while_a_wave_is_open_or_planned_nothing_goes(self, scene: Any, ended: Any) -> None:
        planned = scene.add_wave(WaveKind.TC, opens_in=timedelta(days=3000), lasts=timedelta(days=10))
        become(ended, planned, WaveKind.T4)

        assert run(ended, after(ended, months=90)) == NOTHING

    def test_the_last_day_of_a_cohort_counts_for_goals_and_messages_only(self, ended: Any) -> None:
        ended.cohort.ends_on = (ended.now + timedelta(days=100)).date()
        ended.session.commit()

        assert run(ended, after(ended, days=150)) == {**NOTHING, RetentionKind.LINK: 6}
        assert run(ended, after(ended, days=191)) == {**NOTHING, RetentionKind.GOALS: 1}

    def test_a_follow_up_prolongs_the_link_and_not_the_answers(self, scene: Any, ended: Any) -> None:
        later = scene.add_wave(WaveKind.TC, opens_in=timedelta(days=180), lasts=timedelta(days=10))
        become(ended, later, WaveKind.T4)

        assert run(ended, later.closes_at + timedelta(days=89))[RetentionKind.LINK] == 0
        assert run(ended, later.closes_at + timedelta(days=90))[RetentionKind.LINK] == 6
        assert run(ended, after(ended, months=24))[RetentionKind.ANSWERS] == 8

    def test_a_person_in_a_later_cohort_keeps_their_link(self, scene: Any, ended: Any) -> None:
        pair = ended.pairs[0]
        cohort = programs.add_cohort(ended.session, ended.program, name="Second", now=ended.now)
        programs.add_pair(
            ended.session,
            cohort,
            mentor=pair.mentor,
            mentee=scene.add_person(Role.MENTEE, "Late"),
            now=ended.now,
        )
        opens = ended.now + timedelta(days=300)
        second = waves.schedule_wave(
            ended.session,
            cohort,
            WaveKind.T0,
            ended.instrument,
            opens_at=opens,
            closes_at=opens + timedelta(days=5),
            now=ended.now,
        )
        become(ended, second, WaveKind.T3B)

        assert run(ended, after(ended, days=100))[RetentionKind.LINK] == 5
        assert ended.pseudonyms.respondent_key(ended.session, pair.mentor_id) is not None
        assert retention.link_destroyed_on(ended.session, pair.mentor) is None
        assert run(ended, opens + timedelta(days=95))[RetentionKind.LINK] == 1

    def test_a_cohort_without_last_wave_and_end_is_named_until_it_has_one(self, world: Any) -> None:
        waves.close_wave(world.session, world.wave, now=world.now)
        later = after(world, months=36)
        holder = world.pseudonyms

        done = apply_retention(world.session, world.program, pseudonyms=holder, now=later)
        assert (dict(done.counts), done.undated) == (NOTHING, ("Finance",))

        answer_key = holder.respondent_key(world.session, world.pairs[0].mentor_id, create=True)
        assert answer_key
        world.cohort.ends_on = world.now.date()
        done = apply_retention(world.session, world.program, pseudonyms=holder, now=later)
        assert (done.counts[RetentionKind.LINK], done.undated) == (1, ())

    def test_a_programme_that_is_still_running_is_not_called_undated(self, world: Any) -> None:
        done = apply_retention(world.session, world.program, pseudonyms=world.pseudonyms, now=world.now)

        assert done.undated == ()


class TestSafety:
    def test_the_log_learns_that_a_time_is_over_and_not_whether_there_was_anything(self, ended: Any) -> None:
        session = ended.session
        for person in (
            ended.pairs[0].mentor,
            ended.pairs[0].mentee,
            ended.pairs[1].mentor,
            ended.pairs[1].mentee,
        ):
            withdraw_from_surveys(session, person, pseudonyms=ended.pseudonyms, now=ended.now)
        session.commit()

        run(ended, after(ended, months=24))
        run(ended, after(ended, months=24))

        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.action.like("retention.%"))
        ).all()
        assert sorted(actions) == sorted(action.value for action in retention.ACTIONS.values())
        assert all(report.problem is None for report in audit.verify_log(session))
        assert count(session, RetentionStep) == [6]

    def test_two_runs_at_once_delete_once(self, ended: Any, session_factory: sessionmaker[Session]) -> None:
        ended.session.close()
        when = after(ended, months=24)

        def work(_number: int) -> dict[RetentionKind, int]:
            with session_factory.begin() as session:
                program = programs.find_program(session, "spring")
                done = apply_retention(session, program, pseudonyms=ended.pseudonyms, now=when)
            return dict(done.counts)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(work, range(2)), key=lambda one: sum(one.values())) == [
                NOTHING,
                EVERYTHING,
            ]

    def test_a_run_that_fails_half_way_deletes_nothing(
        self, ended: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_shredder: object) -> int:
            raise SQLAlchemyError

        monkeypatch.setattr(retention._Shredder, "_answers", fail)
        with pytest.raises(SQLAlchemyError):
            run(ended, after(ended, months=24))
        ended.session.rollback()

        assert count(ended.session, PseudonymLink, Comment, RetentionStep) == [6, 4, 0]

    def test_another_link_key_is_refused(self, ended: Any) -> None:
        with pytest.raises(PseudonymKeyError):
            run(ended, after(ended, months=24), pseudonyms=Pseudonyms(b"x" * 32))

    def test_another_programme_keeps_everything(self, ended: Any) -> None:
        other = programs.create_program(
            ended.session,
            slug="other",
            name="Other",
            organisation="Other",
            instrument=ended.instrument,
            now=ended.now,
        )

        done = apply_retention(ended.session, other, pseudonyms=ended.pseudonyms, now=after(ended, months=24))

        assert dict(done.counts) == NOTHING
        assert count(ended.session, PseudonymLink, Comment, Response) == [6, 4, 8]

    def test_published_results_stay_and_who_stood_behind_them_goes_with_the_last_answers(
        self, ended: Any
    ) -> None:
        session = ended.session
        release = Release(
            wave_id=ended.wave.id, frozen_on=ended.now.date(), rules_version="1", body={}, digest="d" * 64
        )
        session.add(release)
        session.flush()
        session.add(
            PublishedGroup(release_id=release.id, quantity="q", members=["k"], pairs=["p"], sensitive=False)
        )
        session.commit()

        run(ended, after(ended, months=23))
        assert count(session, Release, PublishedGroup) == [1, 1]
        run(ended, after(ended, months=24))
        assert count(session, Release, PublishedGroup) == [1, 0]


class TestAfterwards:
    def test_leaving_says_that_the_link_is_gone(self, ended: Any) -> None:
        when = after(ended, days=91)
        run(ended, when)

        with pytest.raises(ResponseError) as caught:
            withdraw_from_surveys(ended.session, ended.pairs[0].mentor, pseudonyms=ended.pseudonyms, now=when)

        assert caught.value.code == "link_destroyed"
        assert when.date().isoformat() in str(caught.value)

    def test_before_that_leaving_without_answers_says_nothing_of_the_kind(self, world: Any) -> None:
        assert retention.link_destroyed_on(world.session, world.pairs[0].mentor) is None

    def test_the_answers_are_there_and_nobody_finds_whose_they_are(self, ended: Any) -> None:
        run(ended, after(ended, days=90))
        link = ended.invitation_of(ended.pairs[0], Role.MENTOR)

        assert responses.load_response(ended.session, link.invitation, ended.pseudonyms) is None
        assert count(ended.session, Response, Respondent) == [8, 4]


def test_links_open_the_pages_of_a_persons_rights_as_long_as_there_is_a_way_to_their_answers() -> None:
    assert timedelta(days=RetentionPolicy().link_days) <= LINK_GRACE


class TestPolicy:
    def test_times_can_be_shortened(self, ended: Any) -> None:
        policy = RetentionPolicy.from_settings({"link_days": 0, "comments_months": 1})

        assert run(ended, ended.now, policy=policy) == {**NOTHING, RetentionKind.LINK: 6}
        assert run(ended, after(ended, months=1), policy=policy) == {**NOTHING, RetentionKind.COMMENTS: 4}

    @pytest.mark.parametrize("name", [field.name for field in fields(RetentionPolicy)])
    def test_no_time_can_be_made_longer_or_negative(self, name: str) -> None:
        longest = getattr(RetentionPolicy(), name)
        for value in (longest + 1, -1):
            with pytest.raises(RetentionError) as caught:
                RetentionPolicy.from_settings({name: value})
            assert caught.value.code == "out_of_range"
        assert RetentionPolicy.from_settings({name: longest}) == RetentionPolicy()

    def test_a_time_that_there_is_not_is_refused_with_those_that_there_are(self) -> None:
        with pytest.raises(RetentionError, match="link_days, goals_days"):
            RetentionPolicy.from_settings({"audit_months": 1})

    def test_the_defaults_are_those_that_were_promised(self) -> None:
        assert RetentionPolicy() == RetentionPolicy(90, 90, 12, 24, 12, 12, 12)


def test_what_followed_from_messages_and_trials_goes_with_them(ended: Any) -> None:
    session, pair, wave = ended.session, ended.pairs[0], ended.wave
    message = session.scalars(select(Message)).one()
    decision = {"wave_id": wave.id, "pair_id": pair.id, "participant_id": pair.mentor_id}
    session.add_all(
        [
            MediationOutcome(message_id=message.id, result="partly", counted=False),
            TrialDecision(**decision, choice="talk", body="", decided_on=ended.now.date()),
            Talk(wave_id=wave.id, pair_id=pair.id),
            TalkDraw(wave_id=wave.id, drawn_on=ended.now.date()),
            Extension(pair_id=pair.id, agreed_on=ended.now.date()),
            ExtensionWish(pair_id=ended.pairs[1].id, participant_id=ended.pairs[1].mentor_id),
        ]
    )
    session.commit()
    tables = (MediationOutcome, TrialDecision, Talk, TalkDraw, Extension, ExtensionWish)

    run(ended, after(ended, days=29))
    assert count(session, *tables) == [1, 1, 1, 1, 1, 1]
    # A wish that stayed alone goes first; the agreement goes with the goals, everything addressed with the messages.
    run(ended, after(ended, days=30))
    assert count(session, *tables) == [1, 1, 1, 1, 1, 0]
    run(ended, after(ended, days=90))
    assert count(session, *tables) == [1, 1, 1, 1, 0, 0]
    run(ended, after(ended, months=12))
    assert count(session, *tables) == [0] * 6


def test_sign_ins_attempts_and_receipts_go_after_their_time(session: Session, now: datetime) -> None:
    for months in (13, 11):
        moment = audit.months_before(now, months)
        session.add(RateCounter(key="k" * 64, window_start=moment, count=1))
    for day in (date(2023, 3, 1), date(2023, 3, 3)):
        session.add(
            ErasureReceipt(
                code_digest=day.isoformat(), erased_on=day, n_responses=1, n_answers=1, n_comments=0
            )
        )
    session.flush()

    planned = apply_house_retention(session, now=now, dry_run=True)
    done = apply_house_retention(session, now=now)
    again = apply_house_retention(session, now=now)

    assert (planned.access, planned.receipts) == (1, 1)
    assert done == planned
    assert (again.access, again.receipts) == (0, 0)


def test_every_table_is_dealt_with_or_named_as_kept() -> None:
    """A new table has to say how long it is kept."""
    dealt_with = {
        "confidential_answer", "confidential_comment", "confidential_response", "confidential_respondent",
        "confidential_group", "pseudonym_link", "addressed_message", "shared_goal", "access_session", "access_rate",
        "addressed_outcome", "addressed_decision", "addressed_draw", "addressed_talk", "shared_wish", "shared_extension",
        "audit_event", "erasure_receipt", "confidential_theme", "confidential_theme_support", "break_glass_request", "contact",
        "addressed_meeting", "shared_note", "shared_key",
        # These go with the contact.
        "outbox_invitation", "outbox_reminder", "mail_stop",
    }  # fmt: skip
    kept = {
        # The programme itself and its published results, the people who sign in, and what the clock and the log need.
        "program", "cohort", "pair", "participant", "invitation", "wave", "wave_release", "data_package",
        "access_user", "access_membership", "pseudonym_key", "audit_head", "retention_step",
        # Who was named to participants, what a moderator signed, themes as published, and what people were promised.
        "program_contact", "draft_acknowledgement", "access_pledge", "wave_themes", "privacy_statement",
        # How long pages take, of nobody how long they took.
        "page_pace",
    }  # fmt: skip

    assert dealt_with | kept == set(Base.metadata.tables)


def test_the_clock_reads_utc(engine: Engine, ended: Any) -> None:
    local = after(ended, days=90).astimezone(UTC)

    assert run(ended, local)[RetentionKind.LINK] == 6
