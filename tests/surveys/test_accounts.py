"""Signing in, staying signed in, memberships, and counting tries."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from surveys import accounts, programs
from surveys.errors import AccessDeniedError, AccountError, SignInError
from surveys.models import Base, Program, RateCounter, User, UserSession

PASSWORD = "correct horse battery"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ada(session: Session, now: datetime, cheap_hasher: Any) -> User:
    """Somebody who can sign in."""
    return accounts.add_user(
        session, email="Ada@Example.org", name="Ada", password=PASSWORD, now=now, hasher=cheap_hasher
    )


def test_a_user_signs_in_with_their_address_in_any_capitals(
    session: Session, ada: User, cheap_hasher: Any
) -> None:
    assert ada.email == "ada@example.org"
    assert accounts.verify(session, " ADA@example.org", PASSWORD, hasher=cheap_hasher) is ada
    assert accounts.find_user(session, "ADA@EXAMPLE.ORG") is ada


def test_an_account_that_cannot_be_made_says_why(
    session: Session, ada: User, now: datetime, cheap_hasher: Any
) -> None:
    faults = {
        "email": {"email": "ada"},
        "email_taken": {"email": "ADA@example.org"},
        "password": {"password": "x" * 11},
        "password_long": {"password": "x" * 1025},
    }
    for code, change in faults.items():
        given = {"email": "b@example.org", "name": "B", "password": PASSWORD} | change
        with pytest.raises(AccountError) as caught:
            accounts.add_user(session, **given, now=now, hasher=cheap_hasher)
        assert caught.value.code == code


def test_a_failed_sign_in_does_not_say_what_was_wrong_and_costs_one_hash(
    session: Session, ada: User, now: datetime, cheap_hasher: Any
) -> None:
    def fail(email: str, password: str) -> tuple[str, int]:
        cheap_hasher.checked.clear()
        with pytest.raises(SignInError) as caught:
            accounts.verify(session, email, password, hasher=cheap_hasher)
        return str(caught.value), len(cheap_hasher.checked)

    outcomes = {
        fail("ada@example.org", "wrong horse battery"),
        fail("nobody@example.org", PASSWORD),
        fail("not an address", PASSWORD),
        fail("ada@example.org", PASSWORD + "x" * 5000),
    }
    accounts.disable_user(session, ada, now=now)
    outcomes.add(fail("ada@example.org", PASSWORD))

    assert len(outcomes) == 1
    assert outcomes.pop()[1] == 1


def test_an_old_hash_is_renewed_at_the_next_sign_in(session: Session, ada: User, cheap_hasher: Any) -> None:
    ada.password_hash = "older:" + PASSWORD[::-1]

    accounts.verify(session, ada.email, PASSWORD, hasher=cheap_hasher)

    assert ada.password_hash.startswith("cheap:")


def test_argon2id_is_the_default_and_is_loaded_only_when_somebody_signs_in() -> None:
    hasher = accounts.default_hasher()
    hashed = hasher.hash(PASSWORD)
    assert hashed.startswith("$argon2id$")
    assert hasher.verify(hashed, PASSWORD)
    assert not hasher.verify(hashed, PASSWORD + "x")
    assert not hasher.verify("not a hash", PASSWORD)
    assert not hasher.needs_rehash(hashed)
    assert accounts.default_hasher() is hasher

    code = "import sys, surveys.accounts, surveys.responses; print('argon2' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"


def test_a_session_is_found_by_its_token_of_which_only_a_hash_is_kept(
    session: Session, ada: User, now: datetime
) -> None:
    token = accounts.start_session(session, ada, now=now)

    assert accounts.find_session(session, token, now=now) is ada
    assert accounts.find_session(session, token[:-1], now=now) is None
    stored = [str(v) for row in session.execute(select(Base.metadata.tables["access_session"])) for v in row]
    assert not any(token in value for value in stored)
    assert accounts.start_session(session, ada, now=now) != token


def test_a_session_ends_by_time_by_signing_out_and_with_the_account(
    session: Session, ada: User, now: datetime
) -> None:
    tokens = [accounts.start_session(session, ada, now=now) for _ in range(3)]
    end = now + accounts.SESSION_LIFETIME
    assert accounts.find_session(session, tokens[0], now=end - MINUTE) is ada
    assert accounts.find_session(session, tokens[0], now=end) is None

    accounts.end_session(session, tokens[0], now=now)
    accounts.end_session(session, "unknown", now=now)
    assert [accounts.find_session(session, token, now=now) for token in tokens] == [None, ada, ada]

    accounts.disable_user(session, ada, now=now)
    assert [accounts.find_session(session, token, now=now) for token in tokens] == [None] * 3


def test_a_new_password_ends_every_session(
    session: Session, ada: User, now: datetime, cheap_hasher: Any
) -> None:
    token = accounts.start_session(session, ada, now=now)

    accounts.change_password(session, ada, "another long password", now=now, hasher=cheap_hasher)

    assert accounts.find_session(session, token, now=now) is None
    with pytest.raises(SignInError):
        accounts.verify(session, ada.email, PASSWORD, hasher=cheap_hasher)
    assert accounts.verify(session, ada.email, "another long password", hasher=cheap_hasher) is ada


@pytest.mark.parametrize(("first", "second"), [("coordinator", "moderator"), ("moderator", "coordinator")])
def test_nobody_coordinates_and_moderates_the_same_programme(
    session: Session, ada: User, program: Program, now: datetime, first: str, second: str
) -> None:
    other = programs.create_program(session, slug="other", name="Other", organisation="Works", now=now)
    accounts.add_membership(session, ada, program, first, now=now)

    with pytest.raises(AccountError) as refused:
        accounts.add_membership(session, ada, program, second, now=now)
    assert refused.value.code == f"{second}_and_{first}"
    assert "spring" in str(refused.value)
    assert "Choose somebody else" in str(refused.value)
    assert not accounts.has_membership(session, ada, program, second)
    # In another programme, with another office, and once the first office is gone, nothing stands against it.
    accounts.add_membership(session, ada, other, second, now=now)
    accounts.add_membership(session, ada, program, "researcher", now=now)
    accounts.remove_membership(session, ada, program, first, now=now)
    accounts.add_membership(session, ada, program, second, now=now)


def test_nobody_moderates_a_programme_in_which_they_take_part(
    session: Session, ada: User, program: Program, now: datetime
) -> None:
    programs.add_participant(session, program, role="mentee", name="Ada", email=ada.email, now=now)

    with pytest.raises(AccountError) as refused:
        accounts.add_membership(session, ada, program, "moderator", now=now)
    assert refused.value.code == "moderator_takes_part"
    accounts.add_membership(session, ada, program, "researcher", now=now)


def test_of_two_offices_granted_at_once_only_one_is_given(
    session: Session, session_factory: sessionmaker[Session], ada: User, program: Program, now: datetime
) -> None:
    session.commit()
    start = Barrier(2)

    def grant(role: str) -> bool:
        with session_factory() as own:
            start.wait(timeout=10)
            try:
                user, where = own.get_one(User, ada.id), own.get_one(Program, program.id)
                accounts.add_membership(own, user, where, role, now=now)
                own.commit()
            except AccountError:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(grant, ("coordinator", "moderator"))) == [False, True]


def test_a_role_counts_for_its_programme_only_and_includes_no_other(
    session: Session, program: Program, ada: User, now: datetime
) -> None:
    for _ in range(2):
        accounts.add_membership(session, ada, program, "coordinator", now=now)

    accounts.require_membership(session, ada, program, "coordinator")
    for user, where, role in (
        (ada, program, "researcher"),
        (ada, None, "coordinator"),
        (None, program, "coordinator"),
    ):
        with pytest.raises(AccessDeniedError):
            accounts.require_membership(session, user, where, role)

    accounts.remove_membership(session, ada, program, "coordinator", now=now)
    accounts.remove_membership(session, ada, program, "coordinator", now=now)
    assert not accounts.has_membership(session, ada, program, "coordinator")
    planted = text(
        "INSERT INTO access_membership (user_id, program_id, role) VALUES (:user, :program, 'owner')"
    )
    with pytest.raises(IntegrityError, match="ck_access_membership_role"), session.begin_nested():
        session.execute(planted, {"user": ada.id, "program": program.id})


def test_tries_are_counted_by_key_and_window(session: Session, now: datetime) -> None:
    start = now.replace(minute=0)
    counts = [
        accounts.hit(session, "a@b.c", 2, 15 * MINUTE, now=start + minutes * MINUTE)
        for minutes in (0, 7, 14, 15)
    ]

    assert [(one.count, one.exceeded) for one in counts] == [(1, False), (2, False), (3, True), (1, False)]
    assert counts[2].resets_at == start + 15 * MINUTE
    assert accounts.hit(session, "other", 2, 15 * MINUTE, now=start).count == 1
    assert "a@b.c" not in set(session.scalars(select(RateCounter.key)))


def test_tries_of_many_processes_at_once_are_all_counted(
    session_factory: sessionmaker[Session], now: datetime
) -> None:
    def hit(_number: int) -> int:
        with session_factory.begin() as session:
            return accounts.hit(session, "door", 3, MINUTE, now=now).count

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(hit, range(12))) == list(range(1, 13))


def test_what_no_longer_counts_is_forgotten(session: Session, ada: User, now: datetime) -> None:
    accounts.start_session(session, ada, now=now - timedelta(days=3))
    kept = accounts.start_session(session, ada, now=now)
    accounts.hit(session, "old", 3, MINUTE, now=now - timedelta(days=2))
    accounts.hit(session, "new", 3, MINUTE, now=now)

    accounts.forget_expired(session, now=now)

    assert accounts.find_session(session, kept, now=now) is ada
    assert len(session.scalars(select(UserSession.token_hash)).all()) == 1
    assert len(session.scalars(select(RateCounter.key)).all()) == 1


def test_the_database_too_keeps_addresses_small_and_apart(session: Session, ada: User) -> None:
    session.flush()
    with pytest.raises(IntegrityError, match="email_lower"), session.begin_nested():
        session.execute(update(User).values(email="ADA@example.org"))


@pytest.mark.parametrize("offices", sorted(sorted(pair) for pair in accounts.INCOMPATIBLE))
def test_offices_that_do_not_go_together_are_refused_in_one_programme_only(
    session: Session, program: Program, ada: User, now: datetime, offices: list[str]
) -> None:
    other = programs.create_program(session, slug="other", name="O", organisation="O", now=now)
    for first, second in (offices, offices[::-1]):
        accounts.add_membership(session, ada, program, first, now=now)

        with pytest.raises(AccountError) as caught:
            accounts.add_membership(session, ada, program, second, now=now)
        assert caught.value.code in {"incompatible", f"{second}_and_{first}"}
        assert not accounts.has_membership(session, ada, program, second)

        accounts.add_membership(session, ada, other, second, now=now)
        for where, office in ((program, first), (other, second)):
            accounts.remove_membership(session, ada, where, office, now=now)


def test_who_watches_over_a_programme_has_no_part_in_it() -> None:
    pairs = {tuple(sorted(pair)) for pair in accounts.INCOMPATIBLE}
    assert {
        ("coordinator", "overseer"),
        ("overseer", "researcher"),
        ("coordinator", "custodian"),
        ("custodian", "researcher"),
    } <= pairs


def test_two_offices_given_at_the_same_moment_do_not_miss_each_other(
    session: Session, session_factory: sessionmaker[Session], program: Program, ada: User, now: datetime
) -> None:
    session.commit()

    def give(role: str) -> str:
        with session_factory.begin() as own:
            try:
                accounts.add_membership(
                    own, own.get_one(User, ada.id), own.get_one(Program, program.id), role, now=now
                )
            except AccountError as error:
                return error.code
        return "given"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(give, ("coordinator", "overseer"))) == ["given", "incompatible"]
