"""One named person's answers are read by two people together, once, in time, and never unseen."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from instruments.answers import AnswerValue
from instruments.model import Role
from surveys import accounts, audit, break_glass, oversight, responses, retention, withdrawal
from surveys.break_glass import GlassState
from surveys.errors import AccessDeniedError, AccountError, BreakGlassError, PseudonymKeyError, SignInError
from surveys.models import AuditEvent, BreakGlassRequest, RetentionKind, RetentionStep, User
from surveys.pseudonyms import Pseudonyms

SECRET = "What only two people together may read"
PARTNERS = "What the partner wrote"
HOUR = timedelta(hours=1)
STAFF = {
    "ines": "custodian",
    "jonas": "custodian",
    "carla": "coordinator",
    "olga": "overseer",
}


def password_of(name: str) -> str:
    return f"the long password of {name}"


@dataclass(frozen=True)
class Vault:
    """The world in which the first pair has answered, its staff, and the steps with good values for what is not given."""

    world: Any
    users: dict[str, User]
    hasher: Any

    def request(self, name: str = "ines", **changes: Any) -> BreakGlassRequest:
        given = {
            "email": "junior0.mentor@example.org",
            "role": "mentor",
            "ground": "court_order",
            "reference": "AZ-114/2027",
            "password": password_of(name),
            "now": self.world.now,
            "hasher": self.hasher,
        }
        world = self.world
        return break_glass.request_access(world.session, world.program, self.users[name], **(given | changes))

    def decide(
        self, request_id: str, name: str = "jonas", decision: str = "approved", **changes: Any
    ) -> BreakGlassRequest:
        given = {"password": password_of(name), "now": self.world.now + HOUR, "hasher": self.hasher}
        session, program = self.world.session, self.world.program
        given |= changes
        session = given.pop("session", session)
        return break_glass.decide_request(
            session, given.pop("program", program), request_id, self.users[name], decision, **given
        )

    def open(self, request_id: str, **changes: Any) -> bytes | None:
        given = {
            "password": password_of("ines"),
            "pseudonyms": self.world.pseudonyms,
            "now": self.world.now + 2 * HOUR,
            "folders": self.world.folders,
            "hasher": self.hasher,
        }
        given |= changes
        session = given.pop("session", self.world.session)
        return break_glass.open_answers(session, request_id, **given).content


@pytest.fixture
def vault(world: Any, cheap_hasher: Any) -> Vault:
    users = {}
    for name, role in STAFF.items():
        users[name] = accounts.add_user(
            world.session,
            email=f"{name}@example.org",
            name=name.title(),
            password=password_of(name),
            now=world.now,
            hasher=cheap_hasher,
        )
        accounts.add_membership(world.session, users[name], world.program, role, now=world.now)
    for role, text in ((Role.MENTOR, SECRET), (Role.MENTEE, PARTNERS)):
        responses.submit_response(
            world.session,
            world.invitation_of(world.pairs[0], role).invitation,
            {"A1": AnswerValue(code=4), "R1": AnswerValue(text=text)},
            pseudonyms=world.pseudonyms,
            locale="en",
            now=world.now,
            folders=world.folders,
        )
    world.session.commit()
    return Vault(world, users, cheap_hasher)


def logged(session: Session) -> list[tuple[str, str]]:
    """What the log says of broken glass, in the order of time, with who did it."""
    found = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.action.startswith("break_glass."))
        .order_by(AuditEvent.happened_at)
    )
    return [(entry.action.removeprefix("break_glass."), entry.actor) for entry in found]


def refused(step: Callable[[], object], code: str) -> None:
    with pytest.raises(BreakGlassError) as caught:
        step()
    assert caught.value.code == code
    assert caught.value.remedy


def test_two_custodians_together_read_one_persons_answers_and_no_one_elses(vault: Vault) -> None:
    request = vault.request()
    vault.decide(request.id)
    content = vault.open(request.id)

    assert content is not None
    read = json.loads(content)
    assert [one["wave"] for one in read["responses"]] == ["T2"]
    assert SECRET in content.decode()
    assert PARTNERS not in content.decode()
    users = vault.users
    assert logged(vault.world.session) == [
        ("requested", users["ines"].id),
        ("approved", users["jonas"].id),
        ("opened", users["ines"].id),
    ]


def test_the_log_and_the_overseer_learn_of_it_without_the_person(vault: Vault) -> None:
    request = vault.request()
    vault.decide(request.id)
    vault.open(request.id)
    session, world = vault.world.session, vault.world
    session.commit()

    person = world.pairs[0].mentor
    known = str(session.execute(select(AuditEvent.__table__)).all())
    (line,) = oversight.list_glass(session, world.program, now=world.now + 3 * HOUR)
    for secret in (person.id, "Junior0", "junior0", SECRET):
        assert secret not in known
        assert secret not in repr(line)
    assert (line.requested_by, line.decided_by, line.state) == ("Ines", "Jonas", GlassState.OPENED)
    assert (line.ground.value, line.reference) == ("court_order", "AZ-114/2027")
    # The control: the row itself does hold the person, so the search would have found them.
    assert person.id in str(session.execute(select(BreakGlassRequest.__table__)).all())
    assert all(report.problem is None for report in audit.verify_log(session))


class TestRefusals:
    @pytest.mark.parametrize("name", ["carla", "olga"])
    def test_only_a_custodian_asks_and_decides(self, vault: Vault, name: str) -> None:
        with pytest.raises(AccessDeniedError):
            vault.request(name)
        request = vault.request()
        with pytest.raises(AccessDeniedError):
            vault.decide(request.id, name)

    def test_each_step_needs_its_own_persons_password(self, vault: Vault) -> None:
        with pytest.raises(SignInError):
            vault.request(password=password_of("jonas"))
        request = vault.request()
        with pytest.raises(SignInError):
            vault.decide(request.id, password=password_of("ines"))
        vault.decide(request.id)
        with pytest.raises(SignInError):
            vault.open(request.id, password=password_of("jonas"))
        assert vault.open(request.id) is not None

    def test_nobody_decides_on_their_own_request(self, vault: Vault) -> None:
        request = vault.request()

        refused(lambda: vault.decide(request.id, "ines"), "own")
        assert break_glass.state_of(request, vault.world.now) is GlassState.REQUESTED

    def test_the_database_too_wants_two_people_and_an_approval(self, vault: Vault) -> None:
        request, session, now = vault.request(), vault.world.session, vault.world.now
        alone = {"decision": "approved", "decided_by": vault.users["ines"].id, "decided_at": now}
        for values, name in (
            (alone, "two_people"),
            ({"opened_at": now}, "opened_approved"),
            ({**alone, "decision": "refused", "decided_by": vault.users["jonas"].id, "opened_at": now}, "opened_approved"),
            ({"decision": "approved"}, "decided_whole"),
        ):  # fmt: skip
            with pytest.raises(IntegrityError, match=name), session.begin_nested():
                session.execute(
                    update(BreakGlassRequest).where(BreakGlassRequest.id == request.id).values(**values)
                )
        with session.begin_nested():
            session.execute(
                update(BreakGlassRequest).values(**(alone | {"decided_by": vault.users["jonas"].id}))
            )

    def test_half_approved_is_not_approved(self, vault: Vault) -> None:
        request = vault.request()
        refused(lambda: vault.open(request.id), "not_decided")

    def test_a_refusal_is_final(self, vault: Vault) -> None:
        request = vault.request()
        vault.decide(request.id, decision="refused")

        refused(lambda: vault.open(request.id), "refused")
        refused(lambda: vault.decide(request.id), "decided")
        assert [action for action, _ in logged(vault.world.session)] == ["requested", "refused"]

    def test_it_opens_once(self, vault: Vault) -> None:
        request = vault.request()
        vault.decide(request.id)
        assert vault.open(request.id) is not None

        refused(lambda: vault.open(request.id), "opened")
        refused(lambda: vault.decide(request.id), "decided")

    @pytest.mark.parametrize(("hours", "in_time"), [(71.9, True), (72, False)])
    def test_a_decision_comes_within_three_days(self, vault: Vault, hours: float, in_time: bool) -> None:
        request = vault.request()
        moment = vault.world.now + hours * HOUR
        if in_time:
            assert vault.decide(request.id, now=moment).decision is not None
        else:
            refused(lambda: vault.decide(request.id, now=moment), "expired")
            refused(lambda: vault.open(request.id, now=moment), "expired")

    @pytest.mark.parametrize(("hours", "in_time"), [(23.9, True), (24, False)])
    def test_an_opening_follows_within_a_day(self, vault: Vault, hours: float, in_time: bool) -> None:
        request = vault.request()
        decided = vault.world.now + 70 * HOUR
        vault.decide(request.id, now=decided)
        if in_time:
            assert vault.open(request.id, now=decided + hours * HOUR) is not None
        else:
            refused(lambda: vault.open(request.id, now=decided + hours * HOUR), "expired")

    def test_a_custodian_who_was_dismissed_or_locked_out_opens_nothing(self, vault: Vault) -> None:
        world = vault.world
        request = vault.request()
        vault.decide(request.id)
        accounts.remove_membership(
            world.session, vault.users["ines"], world.program, "custodian", now=world.now
        )
        with pytest.raises(AccessDeniedError):
            vault.open(request.id)
        accounts.add_membership(world.session, vault.users["ines"], world.program, "custodian", now=world.now)
        accounts.disable_user(world.session, vault.users["ines"], now=world.now)
        with pytest.raises(SignInError):
            vault.open(request.id)

    def test_a_request_of_another_programme_does_not_exist(self, vault: Vault, toy: Any) -> None:
        from surveys import programs

        session, now = vault.world.session, vault.world.now
        other = programs.create_program(session, slug="other", name="O", organisation="O", now=now)
        accounts.add_membership(session, vault.users["jonas"], other, "custodian", now=now)
        request = vault.request()

        refused(lambda: vault.decide(request.id, program=other), "unknown")
        refused(lambda: vault.open("0" * 32), "unknown")

    @pytest.mark.parametrize(
        "reference", ["", "Mueller", "AZ 114", "MUELLER1", "because she asked", "AZ-114/2027-0000-0000-0000", "ÄZ1"]
    )  # fmt: skip
    def test_a_reference_has_no_room_for_words(self, vault: Vault, reference: str) -> None:
        refused(lambda: vault.request(reference=reference), "reference")

    @pytest.mark.parametrize("reference", ["1", "AZ-114/2027", "12/26", "UVZ7.2027"])
    def test_a_file_number_is_a_reference(self, vault: Vault, reference: str) -> None:
        assert vault.request(reference=reference).reference == reference

    def test_a_person_is_found_by_address_and_role_only(self, vault: Vault) -> None:
        refused(lambda: vault.request(role="mentee"), "person")
        refused(lambda: vault.request(email="nobody@example.org"), "person")
        with pytest.raises(ValueError, match="curiosity"):
            vault.request(ground="curiosity")

    def test_a_wrong_key_is_said_and_opens_nothing(self, vault: Vault) -> None:
        request = vault.request()
        vault.decide(request.id)

        with pytest.raises(PseudonymKeyError):
            vault.open(request.id, pseudonyms=Pseudonyms(b"x" * 32))
        assert vault.open(request.id) is not None


class TestNothingToFind:
    @pytest.mark.parametrize("who", ["erased", "never answered", "answered"])
    def test_who_erased_and_who_never_answered_look_the_same_and_both_count_as_opened(
        self, vault: Vault, who: str
    ) -> None:
        world = vault.world
        email = "junior1.mentor@example.org" if who == "never answered" else "junior0.mentor@example.org"
        if who == "erased":
            withdrawal.withdraw_from_surveys(
                world.session, world.pairs[0].mentor, pseudonyms=world.pseudonyms, now=world.now
            )
        # One custodian alone learns nothing: the request is taken whatever there is.
        request = vault.request(email=email)
        vault.decide(request.id)

        assert (vault.open(request.id) is None) is (who != "answered")
        assert ("opened", vault.users["ines"].id) in logged(world.session)
        refused(lambda: vault.open(request.id), "opened")

    def test_once_the_link_is_destroyed_the_request_is_refused_with_the_day(self, vault: Vault) -> None:
        world = vault.world
        world.session.add(
            RetentionStep(cohort_id=world.cohort.id, kind=RetentionKind.LINK, done_on=world.now.date())
        )
        world.session.flush()

        with pytest.raises(BreakGlassError, match=r"can no longer be found.*2026-03-02") as caught:
            vault.request()
        assert caught.value.code == "destroyed"


class TestAtOnce:
    def run(self, steps: list[Callable[[], object]]) -> list[str]:
        """Take steps in threads that begin together; what became of each."""
        start = threading.Barrier(len(steps), timeout=20)

        def take(step: Callable[[], object]) -> str:
            start.wait()
            try:
                step()
            except BreakGlassError as error:
                return error.code
            return "done"

        with ThreadPoolExecutor(len(steps)) as pool:
            return sorted(pool.map(take, steps))

    def test_of_two_decisions_one_counts(self, vault: Vault, session_factory: sessionmaker[Session]) -> None:
        world = vault.world
        third = accounts.add_user(
            world.session, email="kim@example.org", name="Kim", password=password_of("kim"), now=world.now, hasher=vault.hasher
        )  # fmt: skip
        accounts.add_membership(world.session, third, world.program, "custodian", now=world.now)
        vault.users["kim"] = third
        request = vault.request()
        world.session.commit()

        def decide(name: str, decision: str) -> None:
            with session_factory.begin() as session:
                vault.decide(request.id, name, decision, session=session)

        outcome = self.run([lambda: decide("jonas", "approved"), lambda: decide("kim", "refused")])

        assert outcome == ["decided", "done"]
        assert len(logged(world.session)) == 2

    def test_of_two_openings_one_reads(self, vault: Vault, session_factory: sessionmaker[Session]) -> None:
        request = vault.request()
        vault.decide(request.id)
        vault.world.session.commit()

        def read() -> None:
            with session_factory.begin() as session:
                vault.open(request.id, session=session)

        assert self.run([read] * 3) == ["done", "opened", "opened"]
        assert [action for action, _ in logged(vault.world.session)].count("opened") == 1

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_without_holding_the_request_two_would_read(
        self, vault: Vault, session_factory: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control: two that look before either has written both believe that they are the first."""
        request = vault.request()
        vault.decide(request.id)
        vault.world.session.commit()
        looked = threading.Barrier(2, timeout=20)

        def look(session: Session, request_id: str) -> BreakGlassRequest | None:
            found = session.get(BreakGlassRequest, request_id)
            looked.wait()
            return found

        def read() -> None:
            with session_factory.begin() as session:
                vault.open(request.id, session=session)

        monkeypatch.setattr(break_glass, "_hold", look)
        assert self.run([read] * 2) == ["done", "done"]


class TestClock:
    def test_the_log_learns_once_that_a_time_ran_out(self, vault: Vault) -> None:
        session, now = vault.world.session, vault.world.now
        undecided, unopened, refused_one, opened = (vault.request() for _ in range(4))
        vault.decide(unopened.id)
        vault.decide(refused_one.id, decision="refused")
        vault.decide(opened.id)
        vault.open(opened.id)

        counts = [
            break_glass.expire_requests(session, now=now + hours * HOUR) for hours in (2, 24, 25, 71, 72, 80)
        ]

        assert counts == [0, 0, 1, 0, 1, 0]
        assert [who for action, who in logged(session) if action == "expired"] == ["system", "system"]
        states = {break_glass.state_of(one, now) for one in (undecided, unopened)}
        assert states == {GlassState.EXPIRED}

    def test_requests_are_kept_as_long_as_the_log(self, vault: Vault) -> None:
        session, now = vault.world.session, vault.world.now
        for months in (35, 37):
            row = {"id": f"{months}" * 16, "program_id": vault.world.program.id, "participant_id": "p" * 32}
            row |= {"ground": "incident", "reference": "1", "requested_by": vault.users["ines"].id}
            moment = audit.months_before(now, months)
            session.execute(insert(BreakGlassRequest).values(**row, requested_at=moment))

        planned = retention.apply_house_retention(session, now=now, dry_run=True)
        done = retention.apply_house_retention(session, now=now)

        assert planned.requests == done.requests == 1
        assert session.scalars(select(BreakGlassRequest.id)).all() == ["35" * 16]


def test_whoever_takes_part_neither_becomes_a_custodian_nor_acts_as_one(vault: Vault) -> None:
    world = vault.world
    partner = accounts.add_user(
        world.session,
        email="senior0.mentee@example.org",
        name="Partner",
        password=password_of("partner"),
        now=world.now,
        hasher=vault.hasher,
    )
    with pytest.raises(AccountError) as refused:
        accounts.add_membership(world.session, partner, world.program, "custodian", now=world.now)
    assert refused.value.code == "custodian_takes_part"

    # A roster that was imported later brings a custodian in: no step of theirs is taken any more.
    request = vault.request()
    contact = world.pairs[1].mentee.contact
    before, contact.email = contact.email, "jonas@example.org"
    world.session.flush()
    with pytest.raises(AccessDeniedError):
        vault.decide(request.id)
    contact.email = before
    world.session.flush()
    assert vault.decide(request.id).decision == "approved"
