"""Two tabs, a closing wave and a leaving person: whoever comes second finds the truth, and nothing is made twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from instruments.answers import AnswerValue
from surveys import responses, waves, withdrawal
from surveys.database import make_engine, make_session_factory
from surveys.errors import InvitationError
from surveys.invitations import find_invitation, revoke_invitation
from surveys.models import Answer, Invitation, Participant, PseudonymLink, Response, Wave

pytestmark = pytest.mark.fresh_database

FIRST = {"A1": AnswerValue(code=1)}


def send(session: Session, world: Any, answers: dict[str, AnswerValue]) -> responses.Submission:
    invitation = find_invitation(session, world.issued[0].token, now=world.now)
    how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
    return responses.submit_response(session, invitation, answers, **how)


def send_in_threads(world: Any, factory: sessionmaker[Session], n_tabs: int) -> list[responses.Submission]:
    """Every tab begins at the same moment and commits for itself."""
    start = threading.Barrier(n_tabs, timeout=20)

    def run(_number: int) -> responses.Submission:
        start.wait()
        with factory.begin() as session:
            return send(session, world, FIRST)

    with ThreadPoolExecutor(n_tabs) as pool:
        return list(pool.map(run, range(n_tabs)))


@pytest.fixture
def hurried_sessions(engine: Engine, database_url: str) -> Iterator[sessionmaker[Session]]:
    """Sessions that give up at once instead of waiting for another writer."""
    hurried = make_engine(database_url)
    if engine.dialect.name == "sqlite":
        event.listen(hurried, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))
    else:
        event.listen(hurried, "begin", lambda c: c.exec_driver_sql("SET LOCAL lock_timeout = '20ms'"))
    yield make_session_factory(hurried)
    hurried.dispose()


def test_tabs_that_send_at_the_same_moment_make_one_response(
    world: Any, session_factory: sessionmaker[Session]
) -> None:
    world.session.close()

    sent = send_in_threads(world, session_factory, 4)

    assert sorted(one.already_submitted for one in sent) == [False, True, True, True]
    with session_factory() as session:
        assert len(session.scalars(select(Response.key)).all()) == 1
        assert len(session.scalars(select(Answer.item_id)).all()) == 1


def test_a_second_tab_waits_until_the_first_has_saved(
    world: Any, session_factory: sessionmaker[Session], hurried_sessions: sessionmaker[Session]
) -> None:
    """Neither looks before the other has written, so nothing is made twice; a replaced link waits as well."""
    send(world.session, world, FIRST)

    with pytest.raises(OperationalError), hurried_sessions.begin() as session:
        send(session, world, FIRST)
    with hurried_sessions() as session, pytest.raises(OperationalError):
        revoke_invitation(session, session.get_one(Invitation, world.issued[0].invitation.id), now=world.now)
    world.session.commit()

    with session_factory.begin() as session:
        assert send(session, world, FIRST).already_submitted
    assert len(world.session.scalars(select(Response.key)).all()) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_saving_leaves_no_trace_in_the_row_of_the_link(world: Any, session: Session) -> None:
    """A lock on the row would note the transaction there, which the answers name as well."""
    marks = text("SELECT xmin::text, xmax::text FROM invitation ORDER BY id")
    before = session.execute(marks).all()
    session.commit()

    send(world.session, world, FIRST)
    world.session.commit()

    assert session.execute(marks).all() == before
    mine = "SELECT count(*) FROM invitation i JOIN confidential_response r ON r.xmin IN (i.xmin, i.xmax)"
    assert session.scalar(text(mine)) == 0
    # Control: a lock on the row is to be seen there.
    session.execute(text("SELECT id FROM invitation FOR SHARE"))
    session.commit()
    assert session.execute(marks).all() != before


def test_a_wave_cannot_close_between_the_check_and_the_answer(
    world: Any, hurried_sessions: sessionmaker[Session]
) -> None:
    """Whoever closes has to wait for an answer that is being saved; and closes as soon as it is."""
    send(world.session, world, FIRST)

    def close() -> None:
        with hurried_sessions.begin() as session:
            waves.close_wave(session, session.get_one(Wave, world.wave.id), now=world.now)

    with pytest.raises(OperationalError):
        close()
    world.session.commit()
    close()

    world.session.refresh(world.wave)
    assert world.wave.closed_at == world.now
    assert len(world.session.scalars(select(Answer.item_id)).all()) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_people_save_without_waiting_for_each_other(
    world: Any, hurried_sessions: sessionmaker[Session]
) -> None:
    """People of two pairs: the wave is held by both together. The links of one pair are made one after the other."""
    for link in (world.issued[0], world.issued[-1]):
        world.pseudonyms.respondent_key(world.session, link.participant_id, create=True)
        world.pseudonyms.pair_key(world.session, link.pair_id, create=True)
    world.session.commit()
    send(world.session, world, FIRST)

    with hurried_sessions.begin() as session:
        invitation = find_invitation(session, world.issued[-1].token, now=world.now)
        how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
        responses.submit_response(session, invitation, FIRST, **how)

    world.session.commit()
    assert len(world.session.scalars(select(Response.key)).all()) == 2


def test_nobody_leaves_between_the_check_and_the_answer(
    world: Any, session_factory: sessionmaker[Session], hurried_sessions: sessionmaker[Session]
) -> None:
    """Leaving waits for an answer that is being saved and erases it too; what is sent afterwards is refused."""
    send(world.session, world, FIRST)

    def leave(factory: sessionmaker[Session]) -> withdrawal.SurveyWithdrawal:
        with factory.begin() as session:
            person = session.get_one(Participant, world.issued[0].participant_id)
            return withdrawal.withdraw_from_surveys(
                session, person, pseudonyms=world.pseudonyms, now=world.now
            )

    with pytest.raises(OperationalError):
        leave(hurried_sessions)
    world.session.commit()
    assert leave(session_factory).n_responses == 1

    with pytest.raises(InvitationError), session_factory.begin() as session:
        send(session, world, FIRST)
    assert world.session.scalars(select(Response.key)).all() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_leaves_waits_for_an_answer_of_the_partner(
    world: Any, hurried_sessions: sessionmaker[Session]
) -> None:
    """The partner's answer must not be saved under the pseudonym that the pair had before."""
    send(world.session, world, FIRST)
    world.session.commit()
    partner = next(
        one for one in world.issued if one.pair_id == world.issued[0].pair_id and one is not world.issued[0]
    )
    how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}

    def leave() -> None:
        with hurried_sessions.begin() as session:
            person = session.get_one(Participant, world.issued[0].participant_id)
            withdrawal.withdraw_from_surveys(session, person, pseudonyms=world.pseudonyms, now=world.now)

    responses.submit_response(world.session, partner.invitation, FIRST, **how)
    with pytest.raises(OperationalError):
        leave()
    world.session.commit()
    leave()

    with hurried_sessions() as session:
        invitation = find_invitation(session, partner.token, now=world.now)
        assert responses.load_response(session, invitation, world.pseudonyms) is not None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_partner_who_saves_after_the_leaving_finds_the_new_pseudonym(
    world: Any, session_factory: sessionmaker[Session]
) -> None:
    """Their page was opened before: what it has read of the pair is old by then."""
    partner = next(
        one for one in world.issued if one.pair_id == world.issued[0].pair_id and one is not world.issued[0]
    )
    how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
    send(world.session, world, FIRST)
    responses.submit_response(world.session, partner.invitation, FIRST, **how)
    world.session.commit()

    with session_factory.begin() as late:
        # What was read stays in memory as long as somebody looks at it.
        seen = late.scalars(select(PseudonymLink)).all()
        invitation = find_invitation(late, partner.token, now=world.now)
        assert responses.load_response(late, invitation, world.pseudonyms) is not None
        with session_factory.begin() as session:
            person = session.get_one(Participant, world.issued[0].participant_id)
            withdrawal.withdraw_from_surveys(session, person, pseudonyms=world.pseudonyms, now=world.now)
        sent = responses.submit_response(late, invitation, {"A2": AnswerValue(code=2)}, **how)

    assert seen
    assert sent.already_submitted
    with session_factory() as session:
        assert len(session.scalars(select(Response.key)).all()) == 1
