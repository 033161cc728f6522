"""Every action that the log knows is written by something that happens; what this file has no way for fails."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from instruments.model import Role, WaveKind
from surveys import (
    accounts,
    audit,
    bounces,
    break_glass,
    contacts,
    exports,
    invitations,
    languages,
    program_contacts,
    programs,
    releases,
    rematching,
    retention,
    rosters,
    waves,
    withdrawal,
)
from surveys.audit import DISMISSED, NAMED, AuditAction
from surveys.models import AuditEvent, ContactKind, MembershipRole, User

PASSWORD = "a long enough password"


@dataclass(frozen=True)
class Stage:
    """A committed world, somebody to act in it, and what else the ways below need."""

    world: Any
    user: User
    add: Callable[..., Any]
    folder: Path
    hasher: Any

    @property
    def session(self) -> Session:
        return self.world.session

    @property
    def now(self) -> datetime:
        return self.world.now

    def person(self, email: str, role: str | None = None) -> User:
        found = accounts.add_user(
            self.session, email=email, name="N", password=PASSWORD, now=self.now, hasher=self.hasher
        )
        if role is not None:
            accounts.add_membership(self.session, found, self.world.program, role, now=self.now)
        return found

    def glass(self) -> tuple[User, User, str]:
        """Two custodians and a request of the first one."""
        first, second = self.person("c1@x.org", "custodian"), self.person("c2@x.org", "custodian")
        request = break_glass.request_access(
            self.session, self.world.program, first, email="junior0.mentor@example.org", role="mentor", ground="incident",
            reference="1", password=PASSWORD, now=self.now, hasher=self.hasher,
        )  # fmt: skip
        return first, second, request.id

    def decide(self, decision: str) -> str:
        _first, second, request = self.glass()
        break_glass.decide_request(
            self.session, self.world.program, request, second, decision, password=PASSWORD, now=self.now, hasher=self.hasher
        )  # fmt: skip
        return request

    def close(self) -> None:
        waves.close_wave(self.session, self.world.wave, now=self.now)


def name(stage: Stage, role: MembershipRole) -> None:
    accounts.add_membership(stage.session, stage.user, stage.world.program, role, now=stage.now)


def dismiss(stage: Stage, role: MembershipRole) -> None:
    name(stage, role)
    accounts.remove_membership(stage.session, stage.user, stage.world.program, role, now=stage.now)


def import_pair(stage: Stage) -> None:
    text = "mentor_name,mentor_email,mentor_language,mentee_name,mentee_email,mentee_language\nA,a@x.org,en,B,b@x.org,en\n"
    roster = rosters.read_roster(text.encode(), filename="pairs.csv")
    plan = rosters.plan_import(stage.session, stage.world.cohort, roster)
    rosters.apply_import(stage.session, plan, now=stage.now)


def allow_line(stage: Stage) -> None:
    people = {role.value: stage.add(role, "Line") for role in Role}
    programs.add_pair(
        stage.session, stage.world.cohort, **people, reporting_line="direct", allow_reporting_line=True, now=stage.now
    )  # fmt: skip


def open_early(stage: Stage) -> None:
    wave = waves.schedule_wave(
        stage.session, stage.world.cohort, WaveKind.TC, stage.world.instrument, now=stage.now,
        opens_at=stage.now + timedelta(days=1), closes_at=stage.now + timedelta(days=2),
    )  # fmt: skip
    waves.open_wave(stage.session, wave, now=stage.now)


def freeze(stage: Stage) -> None:
    stage.close()
    releases.freeze_release(stage.session, stage.world.wave, now=stage.now, folders=stage.world.folders)


def export(stage: Stage) -> None:
    stage.close()
    exports.write_data_package(
        stage.session, stage.world.program, stage.folder / "package.zip", purpose="A test", now=stage.now,
        folders=stage.world.folders,
    )  # fmt: skip


def let_time_pass(stage: Stage) -> None:
    stage.close()
    stage.world.cohort.ends_on = date(2026, 3, 31)
    later = stage.now + timedelta(days=3000)
    retention.apply_retention(
        stage.session, stage.world.program, pseudonyms=stage.world.pseudonyms, now=later
    )


WAYS: Mapping[AuditAction, Callable[[Stage], object]] = {
    AuditAction.PROGRAM_CREATED: lambda s: programs.create_program(
        s.session, slug="other", name="O", organisation="O", now=s.now
    ),
    AuditAction.FLOOR_RAISED: lambda s: programs.raise_floor(s.session, s.world.program, 9, now=s.now),
    AuditAction.CONTACT_NAMED: lambda s: program_contacts.set_program_contact(
        s.session, s.world.program, ContactKind.EXTERNAL, name="H", reach="1", now=s.now
    ),
    AuditAction.DRAFT_ACKNOWLEDGED: lambda s: languages.acknowledge_drafts(
        s.session, s.world.program, s.world.instrument, now=s.now
    ),
    AuditAction.COHORT_ADDED: lambda s: programs.add_cohort(
        s.session, s.world.program, name="New", now=s.now
    ),
    AuditAction.ROSTER_IMPORTED: import_pair,
    AuditAction.REPORTING_LINE_ALLOWED: allow_line,
    AuditAction.ADDRESS_CORRECTED: lambda s: bounces.correct_address(
        s.session,
        s.world.program,
        s.world.pairs[0].mentor.contact.email,
        "right@example.org",
        now=s.now,
    ),
    AuditAction.CONTACT_FORGOTTEN: lambda s: contacts.forget_contact(
        s.session, s.world.program, s.world.pairs[0].mentor.contact.email, now=s.now
    ),
    AuditAction.PAIR_ENDED: lambda s: rematching.end_match(
        s.session, s.world.pairs[0], ended_on=s.now.date(), now=s.now
    ),
    AuditAction.PAIR_MATCHED: lambda s: rematching.match_anew(
        s.session, s.world.cohort, mentor_id=s.world.pairs[0].mentor_id, mentee_id=s.world.pairs[1].mentee_id,
        started_on=s.now.date(), reporting_line="none", now=s.now,
    ),
    AuditAction.WAVE_SCHEDULED: open_early,
    AuditAction.WAVE_OPENED: open_early,
    AuditAction.WAVE_CLOSED: Stage.close,
    AuditAction.INVITATIONS_ISSUED: lambda s: (
        import_pair(s),
        invitations.issue_invitations(s.session, s.world.wave, now=s.now, folders=s.world.folders),
    ),
    AuditAction.INVITATION_REISSUED: lambda s: invitations.reissue_invitation(
        s.session, s.world.issued[0].invitation, now=s.now
    ),
    AuditAction.INVITATION_REVOKED: lambda s: invitations.revoke_invitation(
        s.session, s.world.issued[0].invitation, now=s.now
    ),
    AuditAction.RELEASE_FROZEN: freeze,
    AuditAction.DATA_EXPORTED: export,
    AuditAction.SURVEYS_ENDED: lambda s: withdrawal.withdraw_from_surveys(
        s.session, s.world.pairs[0].mentor, pseudonyms=s.world.pseudonyms, now=s.now
    ),
    **{action: lambda s, role=role: name(s, role) for role, action in NAMED.items()},
    **{action: lambda s, role=role: dismiss(s, role) for role, action in DISMISSED.items()},
    AuditAction.USER_ADDED: lambda s: s.person("new@x.org"),
    AuditAction.USER_DISABLED: lambda s: accounts.disable_user(s.session, s.user, now=s.now),
    AuditAction.PASSWORD_CHANGED: lambda s: accounts.change_password(
        s.session, s.user, PASSWORD, now=s.now, hasher=s.hasher
    ),
    AuditAction.SIGNED_IN: lambda s: accounts.start_session(s.session, s.user, now=s.now),
    AuditAction.GLASS_REQUESTED: Stage.glass,
    AuditAction.GLASS_APPROVED: lambda s: s.decide("approved"),
    AuditAction.GLASS_REFUSED: lambda s: s.decide("refused"),
    AuditAction.GLASS_OPENED: lambda s: break_glass.open_answers(
        s.session, s.decide("approved"), password=PASSWORD, pseudonyms=s.world.pseudonyms, now=s.now,
        folders=s.world.folders, hasher=s.hasher,
    ),
    AuditAction.GLASS_EXPIRED: lambda s: (
        s.glass(),
        break_glass.expire_requests(s.session, now=s.now + timedelta(days=4)),
    ),
    **dict.fromkeys(retention.ACTIONS.values(), let_time_pass),
}  # fmt: skip
# Where another file shows it: with the pages, a log that is old by the database's own clock, or comments of many people.
ELSEWHERE: Mapping[AuditAction, str] = {
    AuditAction.SIGN_IN_STOPPED: "tests/webapp/test_log_coverage.py",
    AuditAction.LOG_PRUNED: "tests/surveys/test_audit.py",
    AuditAction.MESSAGE_MOVED: "tests/surveys/test_messages.py",
    AuditAction.TALKS_DRAWN: "tests/surveys/test_trial.py",
    AuditAction.TALK_HELD: "tests/webapp/test_log_coverage.py",
    AuditAction.RELEASE_REFUSED: "tests/webapp/test_refused_release.py",
    AuditAction.PLEDGE_SIGNED: "tests/surveys/test_themes.py",
    AuditAction.COMMENT_PASSED_ON: "tests/surveys/test_themes.py",
    AuditAction.THEMES_PUBLISHED: "tests/surveys/test_themes.py",
}


@pytest.fixture
def stage(world: Any, tmp_path: Path, add_person: Callable[..., Any], cheap_hasher: Any) -> Stage:
    user = accounts.add_user(
        world.session, email="ada@x.org", name="Ada", password=PASSWORD, now=world.now, hasher=cheap_hasher
    )
    world.session.commit()
    return Stage(world, user, add_person, tmp_path, cheap_hasher)


def count(session: Session, action: AuditAction) -> int:
    session.flush()
    return len(session.scalars(select(AuditEvent.id).where(AuditEvent.action == action.value)).all())


@pytest.mark.parametrize("action", [action for action in AuditAction if action not in ELSEWHERE])
def test_something_that_happens_writes_it(stage: Stage, action: AuditAction) -> None:
    before = count(stage.session, action)
    assert action in WAYS, f"{action.value} is defined, and this file has no way in which it is written"

    WAYS[action](stage)
    stage.session.commit()

    assert count(stage.session, action) > before
    assert all(report.problem is None for report in audit.verify_log(stage.session))


@pytest.mark.parametrize(("action", "path"), ELSEWHERE.items())
def test_what_is_shown_elsewhere_is_shown_there(action: AuditAction, path: str) -> None:
    text = (Path(__file__).parents[2] / path).read_text(encoding="utf-8")
    assert action.value in text or f"AuditAction.{action.name}" in text


def test_answering_writes_nothing(stage: Stage) -> None:
    """The control of the walk: what is nobody's business leaves the log as it was."""
    from instruments.answers import AnswerValue
    from surveys import responses

    def everything() -> int:
        return len(stage.session.scalars(select(AuditEvent.id)).all())

    before = everything()
    given = {
        "pseudonyms": stage.world.pseudonyms,
        "locale": "en",
        "now": stage.now,
        "folders": stage.world.folders,
    }
    invitation = stage.world.issued[0].invitation
    responses.submit_response(stage.session, invitation, {"A1": AnswerValue(code=1)}, **given)
    responses.withdraw_response(stage.session, invitation, pseudonyms=stage.world.pseudonyms, now=stage.now)
    stage.session.commit()

    assert everything() == before


def test_who_acts_by_command_is_the_operator(stage: Stage) -> None:
    audit.act_as(stage.session, audit.OPERATOR)
    programs.raise_floor(stage.session, stage.world.program, 9, now=stage.now)
    programs.raise_floor(stage.session, stage.world.program, 10, now=stage.now, actor=stage.user)
    stage.session.flush()

    found = stage.session.scalars(select(AuditEvent.actor).where(AuditEvent.action == "program.floor_raised"))
    assert set(found) == {"operator", stage.user.id}
