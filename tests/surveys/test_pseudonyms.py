"""Pseudonyms are found again with the key, never without it, and not at all once the link is destroyed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from surveys.errors import PseudonymKeyError
from surveys.models import LinkKey, PseudonymLink, Respondent
from surveys.pseudonyms import Pseudonyms

KEY = bytes(range(32))


@pytest.mark.parametrize("length", [0, 16, 31])
def test_a_key_shorter_than_32_bytes_is_refused(length: int) -> None:
    with pytest.raises(PseudonymKeyError) as caught:
        Pseudonyms(b"x" * length)

    assert caught.value.code == "short"
    assert caught.value.params == {"length": length, "minimum": 32}


def test_the_key_does_not_show_when_the_holder_is_printed() -> None:
    assert "00" not in repr(Pseudonyms(KEY))
    assert "0102" not in repr(Pseudonyms(KEY))


def test_a_pseudonym_is_made_once_and_found_again(session: Session) -> None:
    holder = Pseudonyms(KEY)
    assert holder.respondent_key(session, "p1") is None

    made = holder.respondent_key(session, "p1", create=True)
    session.commit()

    assert Pseudonyms(KEY).respondent_key(session, "p1") == made
    assert holder.respondent_key(session, "p1", create=True) == made
    assert len(made) == 32
    assert session.scalars(select(Respondent.key)).all() == [made]


def test_a_participant_and_a_pair_of_the_same_id_have_different_pseudonyms(session: Session) -> None:
    holder = Pseudonyms(KEY)

    assert holder.respondent_key(session, "x", create=True) != holder.pair_key(session, "x", create=True)


def test_the_sealed_pseudonym_is_covered_and_sealed_differently_each_time(session: Session) -> None:
    holder = Pseudonyms(KEY)
    made = holder.pair_key(session, "pair", create=True)
    first = session.scalars(select(PseudonymLink.sealed)).one()
    holder.destroy_pair(session, "pair")
    again = holder.pair_key(session, "pair", create=True)
    second = session.scalars(select(PseudonymLink.sealed)).one()

    assert made not in first
    assert again != made
    # With one pad for both, the difference of the sealed halves would be that of the pseudonyms.
    covered = int(first[32:], 16) ^ int(second[32:], 16)
    assert covered != int(made, 16) ^ int(again, 16)


def test_another_key_is_noticed_before_it_makes_a_second_pseudonym(session: Session) -> None:
    Pseudonyms(KEY).respondent_key(session, "p1", create=True)
    other = Pseudonyms(b"y" * 32)

    for create in (False, True):
        with pytest.raises(PseudonymKeyError) as caught:
            other.respondent_key(session, "p1", create=create)
        assert caught.value.code == "changed"
    assert len(session.scalars(select(Respondent.key)).all()) == 1


def test_a_destroyed_link_cannot_be_walked_again(session: Session) -> None:
    holder = Pseudonyms(KEY)
    made = holder.respondent_key(session, "p1", create=True)

    assert holder.destroy_participant(session, "p1") is True
    assert holder.destroy_participant(session, "p1") is False
    assert holder.respondent_key(session, "p1") is None
    assert holder.respondent_key(session, "p1", create=True) != made


def test_a_damaged_link_is_reported_not_guessed(session: Session) -> None:
    holder = Pseudonyms(KEY)
    holder.respondent_key(session, "p1", create=True)
    session.scalars(select(PseudonymLink)).one().sealed = "00" * 8
    session.flush()

    with pytest.raises(PseudonymKeyError) as caught:
        holder.respondent_key(session, "p1")
    assert caught.value.code == "damaged"


def test_two_first_pages_at_once_end_with_one_pseudonym(session_factory: sessionmaker[Session]) -> None:
    def make(_number: int) -> str:
        with session_factory.begin() as session:
            return Pseudonyms(KEY).respondent_key(session, "p1", create=True)

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(make, range(4)))

    assert len(made) == 1
    with session_factory() as session:
        assert set(session.scalars(select(Respondent.key))) == made
        assert len(session.scalars(select(LinkKey.name)).all()) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_link_made_by_another_transaction_in_between_is_taken_over(
    session_factory: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look before either has written, which SQLite's single writer rules out."""
    with session_factory.begin() as session:
        Pseudonyms(KEY).pair_key(session, "register the key", create=True)
    both_looked = threading.Barrier(2, timeout=20)
    looked = threading.local()
    find: Callable[..., str | None] = Pseudonyms._find

    def find_and_wait(self: Pseudonyms, session: Session, subject: str, **how: bool) -> str | None:
        found = find(self, session, subject, **how)
        if not getattr(looked, "once", False):
            looked.once = True
            both_looked.wait()
        return found

    monkeypatch.setattr(Pseudonyms, "_find", find_and_wait)

    def make(_number: int) -> str:
        with session_factory.begin() as session:
            return Pseudonyms(KEY).respondent_key(session, "p1", create=True)

    with ThreadPoolExecutor(2) as pool:
        made = set(pool.map(make, range(2)))

    assert len(made) == 1
