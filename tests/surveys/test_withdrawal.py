"""Leaving the surveys erases a person's answers everywhere and leaves everybody else's alone."""

from typing import Any

import pytest
from sqlalchemy import select

from instruments.answers import AnswerValue
from instruments.model import Role, WaveKind
from surveys import responses, waves
from surveys.errors import InvitationError
from surveys.invitations import find_invitation
from surveys.models import Answer, AuditEvent, Comment, PseudonymLink, Respondent, Response
from surveys.withdrawal import SurveyWithdrawal, withdraw_from_surveys


def answer_everything(world: Any, links: list[Any]) -> None:
    how = {"pseudonyms": world.pseudonyms, "locale": "en", "now": world.now, "folders": world.folders}
    for link in links:
        given = {"A1": AnswerValue(code=4), "A2": AnswerValue(code=2)}
        responses.submit_response(world.session, link.invitation, given, **how)


@pytest.fixture
def answered(scene: Any, world: Any) -> Any:
    """Everybody has answered two waves, the first of which is closed."""
    first = scene.add_wave(WaveKind.T0)
    earlier = scene.invite(first)
    answer_everything(world, earlier)
    answer_everything(world, world.issued)
    waves.close_wave(world.session, first, now=world.now)
    world.session.commit()
    return world


def leave(world: Any, **changes: Any) -> SurveyWithdrawal:
    given = {"pseudonyms": world.pseudonyms, "now": world.now} | changes
    return withdraw_from_surveys(world.session, world.pairs[0].mentor, **given)


def test_leaving_erases_answers_of_open_and_closed_waves_and_the_link(answered: Any) -> None:
    session = answered.session
    person = answered.pairs[0].mentor_id
    key = answered.pseudonyms.respondent_key(session, person)

    expected = SurveyWithdrawal(n_responses=2, n_invitations=2, n_answers=4, n_comments=0)
    assert leave(answered) == expected
    session.commit()

    assert answered.pseudonyms.respondent_key(session, person) is None
    assert key not in session.scalars(select(Respondent.key)).all()
    assert key not in session.scalars(select(Response.respondent_key)).all()
    assert len(session.scalars(select(Response.key)).all()) == 6
    assert len(session.execute(select(Answer.response_key, Answer.item_id)).all()) == 12
    assert len(session.scalars(select(PseudonymLink.lookup)).all()) == 3 + 2


def test_the_partners_answers_and_their_pair_stay(answered: Any) -> None:
    session, pair = answered.session, answered.pairs[0]
    partner = answered.invitation_of(pair, Role.MENTEE).invitation
    before = responses.load_response(session, partner, answered.pseudonyms)
    pair_key = answered.pseudonyms.pair_key(session, pair.id)

    leave(answered)

    assert before is not None
    assert responses.load_response(session, partner, answered.pseudonyms) == before
    fresh = answered.pseudonyms.pair_key(session, pair.id)
    assert fresh is not None
    assert fresh != pair_key
    assert pair_key not in session.scalars(select(Response.pair_key)).all()
    assert session.scalars(select(Response.pair_key)).all().count(fresh) == 2


def test_the_persons_links_stop_working_and_no_new_ones_are_issued(scene: Any, answered: Any) -> None:
    token = answered.invitation_of(answered.pairs[0], Role.MENTOR).token

    leave(answered)

    with pytest.raises(InvitationError) as caught:
        find_invitation(answered.session, token, now=answered.now)
    assert caught.value.code == "revoked"
    assert scene.invite(answered.wave) == []
    later = scene.invite(scene.add_wave(WaveKind.TC))
    assert len(later) == 3
    assert answered.pairs[0].mentor_id not in {one.participant_id for one in later}


def test_leaving_twice_is_harmless_and_logged_once_by_the_day_without_a_name(answered: Any) -> None:
    leave(answered)
    assert leave(answered) == SurveyWithdrawal(n_responses=0, n_invitations=0)

    event = answered.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "participant.surveys_ended")
    ).one()
    assert (event.happened_at.hour, event.happened_at.minute) == (0, 0)
    assert event.happened_at.date() == answered.now.date()
    assert (event.actor, event.wave_id) == ("a participant", None)


def test_leaving_without_having_answered_works_too(world: Any) -> None:
    assert leave(world) == SurveyWithdrawal(n_responses=0, n_invitations=1)
    assert world.pairs[0].mentor.surveys_ended_on == world.now.date()
    assert world.session.scalars(select(Comment.key)).all() == []
